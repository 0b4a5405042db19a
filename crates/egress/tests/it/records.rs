//! What is written down of a request, and what must not be.

use std::borrow::Cow;
use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, Once};
use std::time::Duration;

use futures_util::FutureExt;
use phonebox_egress::{Caller, Connection, Limits, Policy, Request, Rule, Verdict};

use crate::support::{Answer, OK, Provider, begin, code, limits, policy, post, say};

tokio::task_local! {
    static LOG: Log;
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

/// Writes to the log of the test that runs.
struct Current;

impl io::Write for Current {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // What other tests trace has no log.
        let _ = LOG.try_with(|log| log.0.lock().unwrap().extend_from_slice(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    fn decisions(&self) -> Vec<serde_json::Value> {
        self.text()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .filter(|event: &serde_json::Value| event["target"] == "egress.decision")
            .collect()
    }

    /// Runs something with everything that is traced written here.
    async fn keep<T>(&self, what: impl Future<Output = T>) -> T {
        // One for the process: scoped ones miss events that another thread was the first to reach.
        static ONCE: Once = Once::new();
        ONCE.call_once(|| {
            tracing_subscriber::fmt()
                .json()
                .with_max_level(tracing::Level::TRACE)
                .with_writer(|| Current)
                .init();
        });
        LOG.scope(self.clone(), what).await
    }
}

#[tokio::test]
async fn l06_nothing_that_is_said_is_written_down() {
    let provider = Provider::tls(|_| {
        say("HTTP/1.1 200 OK\r\nx-answer: canary-a\r\ncontent-length: 8\r\n\r\ncanary-b")
    })
    .await;
    let request = Request {
        headers: vec![("authorization".to_owned(), b"Bearer canary-h".to_vec())],
        body: "code=canary-c".into(),
        ..post("https://api.ok.com/sms/canary-p?text=canary-q")
    };
    let log = Log::default();
    let debug = format!("{request:?}");
    let (exchange, result) = log.keep(provider.trip().send(request)).await;
    let response = result.unwrap();
    assert_eq!(response.body, "canary-b");
    let denied = post("https://no.ok.com/sms/canary-p?text=canary-q");
    let (refused, error) = log.keep(provider.trip().send(denied)).await;
    let error = error.unwrap_err();

    assert_eq!(log.decisions().len(), 2, "{}", log.text());
    let debugs = format!("{debug} {exchange:?} {response:?} {refused:?} {error:?} {error}");
    for (name, text) in [("log", log.text()), ("Debug and Display", debugs)] {
        assert!(!text.contains("canary"), "{name}: {text}");
    }
    // The report shows the path, for its reader to mask, and nothing else.
    let report = serde_json::to_string(&[exchange, refused]).unwrap();
    assert!(report.contains("/sms/canary-p"), "{report}");
    assert!(
        !report.replace("/sms/canary-p", "").contains("canary"),
        "{report}"
    );
}

#[tokio::test]
async fn an_exchange_tells_what_happened() {
    let provider = Provider::tls(|_| say(OK)).await;
    let trip = provider.trip();
    let (exchange, _) = trip.send(post("https://api.ok.com/messages?to=1")).await;
    let mut shown = serde_json::to_value(&exchange).unwrap();
    let timings = shown["timings"].take();
    for part in [
        "resolve_us",
        "connect_us",
        "tls_us",
        "first_byte_us",
        "total_us",
    ] {
        assert!(timings[part].is_u64(), "{part}: {timings}");
    }
    assert_eq!(
        shown,
        serde_json::json!({
            "decision": {
                "verdict": "allowed",
                "rule": "POST|GET|HEAD https://api.ok.com",
                "pattern": null,
                "reason": "rule",
            },
            "method": "POST",
            "origin": "https://api.ok.com",
            "path": "/messages",
            "address": null,
            "connection": "new",
            "status": 200,
            "bytes_up": 5,
            "bytes_down": 2,
            "secrets": [],
            "timings": null,
            "error": null,
            "abandoned": false,
        })
    );
    let (exchange, _) = trip.send(post("https://api.ok.com/messages")).await;
    assert_eq!(exchange.connection, Some(Connection::Reused));
    assert!(
        exchange.timings.connect.is_none() && exchange.timings.tls.is_none(),
        "{exchange:?}"
    );
}

#[tokio::test]
async fn every_way_out_writes_one_event() {
    let log = Log::default();
    let body = "x".repeat(300 * 1024);
    let too_much = format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let hangs = |limits| Limits {
        first_byte: Duration::from_millis(50),
        ..limits
    };
    let provider = Provider::tls(move |n| match n {
        0 => say(OK),
        1 => say(&too_much),
        2 => say("nonsense\r\n\r\n"),
        _ => Answer::Hang(Vec::new()),
    })
    .await;
    let egress = provider.door().limits(hangs(limits())).build().unwrap();
    let outbound = provider.outbound(&egress, "acme");
    let url = "https://api.ok.com/";
    let request = |change: fn(&mut Request)| {
        let mut request = post(url);
        change(&mut request);
        request
    };
    let cases = [
        (post(url), "ok", Verdict::Allowed),
        (post(url), "response-body-size", Verdict::Allowed),
        (post(url), "http-protocol-error", Verdict::Allowed),
        (post(url), "response-timeout", Verdict::Allowed),
        (
            post("https://no.ok.com/"),
            "request-denied",
            Verdict::Denied,
        ),
        (
            post("https://127.0.0.1/"),
            "destination-ip-prohibited",
            Verdict::Denied,
        ),
        (post("nonsense"), "request-uri-invalid", Verdict::Denied),
        (
            request(|r| r.method = "BREW".to_owned()),
            "request-method-invalid",
            Verdict::Denied,
        ),
        (
            request(|r| r.headers[0].0 = "host".to_owned()),
            "header-forbidden",
            Verdict::Denied,
        ),
        (
            request(|r| r.body = vec![0; 300_000].into()),
            "request-body-size",
            Verdict::Denied,
        ),
    ];
    for (count, (request, wanted, verdict)) in cases.into_iter().enumerate() {
        let (exchange, result) = log.keep(begin(&outbound).send(request)).await;
        assert_eq!(code(&result), wanted, "{exchange:?}");
        assert_eq!(exchange.decision.verdict, verdict, "{wanted}: {exchange:?}");
        assert_eq!(exchange.error, result.err());
        let decisions = log.decisions();
        assert_eq!(decisions.len(), count + 1, "{wanted}: {decisions:?}");
        let fields = &decisions[count]["fields"];
        assert_eq!(fields["tenant"], "acme", "{fields}");
        let error = if wanted == "ok" {
            serde_json::Value::Null
        } else {
            wanted.into()
        };
        assert_eq!(fields["error"], error, "{fields}");
    }
    let count = log.decisions().len();
    log.keep(async {
        let trip = begin(&outbound);
        let mut sending = Box::pin(trip.send(post(url)));
        tokio::select! {
            biased;
            _ = &mut sending => panic!("it cannot have ended"),
            () = tokio::task::yield_now() => {}
        }
        drop(sending);
    })
    .await;
    let decisions = log.decisions();
    assert_eq!(decisions.len(), count + 1, "{decisions:?}");
    assert_eq!(
        decisions[count]["fields"]["abandoned"], true,
        "{decisions:?}"
    );
}

/// E28, and what the operator needs to answer for each request (security.md 2.5).
#[tokio::test]
async fn the_event_tells_all_but_what_was_said() {
    let provider = Provider::tls(|_| say(OK)).await;
    let egress = provider.door().build().unwrap();
    let rule = Rule::new("https://api.ok.com", &["POST"], &["/v1/*/messages"]).unwrap();
    let policy = Policy::new(vec![rule]).unwrap();
    let digest = policy.digest().to_string();
    let outbound = egress.outbound("acme", Arc::new(policy));
    let log = Log::default();
    let trip = begin(&outbound);
    for _ in 0..2 {
        let (exchange, _) = log
            .keep(trip.send(post("https://api.ok.com/v1/+123/messages?x=1")))
            .await;
        assert_eq!(
            exchange.address, None,
            "an inner address is told: {exchange:?}"
        );
    }
    let mut events = log.decisions();
    for (event, (number, connection)) in events.iter_mut().zip([(1, "new"), (2, "reused")]) {
        assert!(
            event["timestamp"].is_string() && event["level"] == "INFO",
            "{event}"
        );
        let mut fields = event["fields"].take();
        let mut timed = Vec::new();
        fields.as_object_mut().unwrap().retain(|name, value| {
            let is_time = name.ends_with("_us");
            if is_time {
                assert!(value.is_f64(), "{name}: {value}");
                timed.push(name.clone());
            }
            !is_time
        });
        let all = [
            "connect_us",
            "first_byte_us",
            "resolve_us",
            "tls_us",
            "total_us",
        ];
        let again = ["first_byte_us", "resolve_us", "total_us"];
        timed.sort_unstable();
        assert_eq!(timed, if number == 1 { &all[..] } else { &again });
        let key = fields["key"].take();
        assert_eq!(key.as_str().unwrap().len(), 64, "{key}");
        assert_eq!(
            fields,
            serde_json::json!({
                "tenant": "acme",
                "action": "9c56cc51",
                "notification": "019ab3e4",
                "attempt": 2,
                "request": number,
                "verdict": "allowed",
                "reason": "rule",
                "rule": "POST https://api.ok.com/v1/*/messages",
                "method": "POST",
                "origin": "https://api.ok.com",
                "path": "/v1/*/messages",
                "ip": "127.0.0.1",
                "port": provider.address.port(),
                "opened": "127.0.0.0/8",
                "connection": connection,
                "tls": "1.3",
                "key": null,
                "status": 200,
                "bytes_up": 5,
                "bytes_down": 2,
                "abandoned": false,
                "policy": digest,
                "version": env!("CARGO_PKG_VERSION"),
            })
        );
    }
}

#[tokio::test]
async fn what_a_guest_wrote_is_masked_where_no_exact_rule_has_it() {
    let provider = Provider::tls(|_| say(OK)).await;
    let door = || {
        provider
            .door()
            .resolve("123456.ok.com", vec![provider.address])
    };
    let inside = vec!["10.0.0.1:443".parse().unwrap()];
    let header = |name: &str| Request {
        headers: vec![(name.to_owned(), b"x".to_vec())],
        ..post("https://api.ok.com/")
    };
    let exact = &["https://api.ok.com"][..];
    let wild = &["https://*.ok.com"][..];
    for (origins, egress, request, wanted, shown) in [
        (
            exact,
            door(),
            post("https://123456.evil.com/123456"),
            "request-denied",
            "https://[code].evil.com/[code]",
        ),
        (
            exact,
            door(),
            post("https://X-123456-Y.evil.com:8443/"),
            "request-denied",
            "https://X-[code]-Y.evil.com:8443/",
        ),
        (
            exact,
            door(),
            post("https://123456/"),
            "request-uri-invalid",
            "",
        ),
        (
            exact,
            door(),
            post("https://123456.internal/"),
            "request-denied",
            "https://[code].internal/",
        ),
        (
            exact,
            door(),
            post("https://api.ok.com/../123456"),
            "request-denied",
            "https://api.ok.com/../[code]",
        ),
        (
            wild,
            door(),
            post("https://123456.ok.com/"),
            "tls-certificate-error",
            "https://[code].ok.com/",
        ),
        (
            wild,
            door().resolve("123456.ok.com", inside),
            post("https://123456.ok.com/"),
            "destination-ip-prohibited",
            "https://[code].ok.com/",
        ),
        (
            exact,
            door(),
            header("proxy-123456"),
            "header-forbidden",
            "https://api.ok.com/",
        ),
        (
            exact,
            door(),
            header("123456 "),
            "header-forbidden",
            "https://api.ok.com/",
        ),
        (
            exact,
            door(),
            post("https://api.ok.com/123456"),
            "ok",
            "https://api.ok.com/[code]",
        ),
    ] {
        let log = Log::default();
        let egress = egress.build().unwrap();
        let trip = begin(&egress.outbound("acme", Arc::new(policy(origins))));
        let asked = request.url.clone();
        let (exchange, result) = log.keep(trip.send(request)).await;
        assert_eq!(code(&result), wanted, "{asked}: {exchange:?}");
        let origin = exchange.origin.as_deref().unwrap_or_default();
        let path = exchange.path.as_ref().map(ToString::to_string);
        assert_eq!(
            format!("{origin}{}", path.unwrap_or_default()),
            shown,
            "{asked}"
        );
        let hint = result.as_ref().err().and_then(phonebox_egress::Error::hint);
        let told = format!(
            "{:?} {exchange:?} {} {hint:?} {result:?}",
            log.decisions(),
            serde_json::to_string(&exchange).unwrap()
        );
        assert!(!told.contains("123456"), "{asked}: {told}");
        assert_eq!(log.decisions().len(), 1);
        let ip = if wanted == "tls-certificate-error" || wanted == "ok" {
            "127.0.0.1".into()
        } else {
            serde_json::Value::Null
        };
        assert_eq!(log.decisions()[0]["fields"]["ip"], ip, "{asked}: {told}");
    }
}

/// A path that a rule spells out is the author's, and needs no mask.
#[tokio::test]
async fn what_a_rule_spells_out_is_shown() {
    let provider = Provider::tls(|_| say(OK)).await;
    let egress = provider.door().build().unwrap();
    let rules = vec![Rule::new("https://api.ok.com", &["POST"], &["/123456/sms"]).unwrap()];
    let trip = begin(&egress.outbound("acme", Arc::new(Policy::new(rules).unwrap())));
    let (exchange, _) = trip.send(post("https://api.ok.com/123456/sms")).await;
    assert_eq!(exchange.path.unwrap().to_string(), "/123456/sms");
}

/// A caller whose mask fails.
struct Panics;

impl Caller for Panics {
    fn action(&self) -> Cow<'_, str> {
        "9c56cc51".into()
    }

    fn notification(&self) -> Cow<'_, str> {
        "019ab3e4".into()
    }

    fn attempt(&self) -> u32 {
        1
    }

    fn mask(&self, _: &str) -> String {
        panic!("as it was told")
    }
}

#[tokio::test]
async fn a_panic_leaves_one_event_too() {
    let provider = Provider::tls(|_| say(OK)).await;
    let egress = provider.door().build().unwrap();
    let deadline = tokio::time::Instant::now() + Duration::from_mins(1);
    let trip = provider
        .outbound(&egress, "acme")
        .trip(deadline, Arc::new(Panics));
    let log = Log::default();
    let sending = AssertUnwindSafe(trip.send(post("https://api.ok.com/"))).catch_unwind();
    assert!(log.keep(sending).await.is_err());
    let decisions = log.decisions();
    assert_eq!(decisions.len(), 1, "{decisions:?}");
    assert_eq!(decisions[0]["fields"]["abandoned"], true, "{decisions:?}");
    assert_eq!(trip.abandoned().len(), 1);
}

#[tokio::test]
async fn the_operators_log_names_the_prohibited_address() {
    let provider = Provider::tls(|_| say(OK)).await;
    let egress = provider
        .door()
        .resolve("api.ok.com", vec!["169.254.169.254:80".parse().unwrap()])
        .build()
        .unwrap();
    let log = Log::default();
    let trip = begin(&provider.outbound(&egress, "acme"));
    let (_, result) = log.keep(trip.send(post("https://api.ok.com/"))).await;
    assert_eq!(code(&result), "destination-ip-prohibited");
    assert_eq!(
        log.decisions()[0]["fields"]["prohibited"],
        "169.254.169.254 (link local, RFC 3927)"
    );
}

#[tokio::test]
async fn the_operators_log_names_the_address_that_was_not_reached() {
    let provider = Provider::tls(|_| say(OK)).await;
    let closed = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let door = provider.door().resolve("api.ok.com", vec![closed]);
    let egress = door.build().unwrap();
    let log = Log::default();
    let trip = begin(&provider.outbound(&egress, "acme"));
    let (exchange, result) = log.keep(trip.send(post("https://api.ok.com/"))).await;
    assert_eq!(code(&result), "connection-refused");
    assert_eq!(
        exchange.address, None,
        "what was not reached is not the guest's to know"
    );
    let fields = &log.decisions()[0]["fields"];
    assert_eq!(fields["ip"], "127.0.0.1", "{fields}");
    assert_eq!(fields["port"], closed.port(), "{fields}");
}
