//! What requests of one tenant, or to one origin, do to each other; and what the operator does to all of them.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use phonebox_egress::{Block, Budget, Connection, Egress, Error, Limits, Outbound, Reason};

use crate::support::{
    Answer, HOST, OK, ParseOrigin, Provider, begin, code, get, limits, policy, post, say,
};

fn hang(_: usize) -> Answer {
    Answer::Hang(Vec::new())
}

/// Waits until the provider has been asked this often.
async fn asked(provider: &Provider, count: usize) {
    while provider.requests().len() < count {
        tokio::task::yield_now().await;
    }
}

async fn ask(outbound: &Outbound) -> Result<phonebox_egress::Response, Error> {
    begin(outbound).send(post("https://api.ok.com/")).await.1
}

#[tokio::test]
async fn e27_a_tenant_has_so_many_requests_at_a_time_whatever_its_actions() {
    let provider = Provider::tls(hang).await;
    let few = Limits {
        tenant_concurrent: 2,
        ..limits()
    };
    let egress = provider.door().limits(few).build().unwrap();
    let [one, two] = [(); 2].map(|()| provider.outbound(&egress, "acme"));
    let other = provider.outbound(&egress, "other");
    let trips = [begin(&one), begin(&two)];
    let mut waiting = Box::pin(join_all(
        trips
            .iter()
            .map(|trip| trip.send(post("https://api.ok.com/"))),
    ));
    tokio::select! {
        ended = &mut waiting => panic!("{ended:?}"),
        () = asked(&provider, 2) => {}
    }
    for outbound in [&one, &two] {
        let result = ask(outbound).await;
        assert_eq!(
            result,
            Err(Error::BudgetExceeded(Budget::TenantConcurrency))
        );
    }
    // Another tenant's request goes out, and waits.
    let trip = begin(&other);
    let third = trip.send(post("https://api.ok.com/"));
    tokio::select! {
        ended = third => panic!("{ended:?}"),
        () = asked(&provider, 3) => {}
    }
    drop(waiting);
    let trip = begin(&one);
    tokio::select! {
        ended = trip.send(post("https://api.ok.com/")) => panic!("{ended:?}"),
        () = asked(&provider, 4) => {}
    }
}

#[tokio::test]
async fn e29_an_origin_has_so_many_requests_at_a_time_whoever_asks() {
    let provider = Provider::tls(hang).await;
    let few = Limits {
        origin_concurrent: 2,
        ..limits()
    };
    let door = provider.door().limits(few);
    let egress = door
        .resolve("b.ok.com", vec![provider.address])
        .build()
        .unwrap();
    let exact = ["acme", "other"].map(|tenant| provider.outbound(&egress, tenant));
    let wild = egress.outbound("third", Arc::new(policy(&["https://*.ok.com"])));
    let trips: Vec<_> = exact.iter().map(begin).collect();
    let mut waiting = Box::pin(join_all(
        trips
            .iter()
            .map(|trip| trip.send(post("https://api.ok.com/"))),
    ));
    tokio::select! {
        ended = &mut waiting => panic!("{ended:?}"),
        () = asked(&provider, 2) => {}
    }
    for outbound in [&exact[0], &wild] {
        let (exchange, result) = begin(outbound).send(post("https://api.ok.com/")).await;
        assert_eq!(
            result,
            Err(Error::BudgetExceeded(Budget::Origin)),
            "{exchange:?}"
        );
        assert_eq!(exchange.decision.reason, Reason::Budget);
        assert_eq!(exchange.connection, None);
    }
    // Elsewhere there is room. The certificate is not for that name, but the connection is made.
    let (exchange, _) = begin(&wild).send(post("https://b.ok.com/")).await;
    assert!(exchange.timings.connect.is_some(), "{exchange:?}");
    drop(waiting);
    let trip = begin(&wild);
    tokio::select! {
        ended = trip.send(post("https://api.ok.com/")) => panic!("{ended:?}"),
        () = asked(&provider, 3) => {}
    }
}

/// A door that leads nowhere, whose denials need no network and hence no real time.
fn nowhere(limits: &Limits) -> Egress {
    let inside = vec!["10.0.0.1:443".parse().unwrap()];
    let egress = Egress::builder().limits(*limits).resolve(HOST, inside);
    egress.build().unwrap()
}

#[tokio::test(start_paused = true)]
async fn e27_a_tenant_has_so_many_requests_in_a_second() {
    let egress = nowhere(&limits());
    let outbound = egress.outbound("acme", Arc::new(policy(&["https://api.ok.com"])));
    let again = egress.outbound("acme", Arc::new(policy(&["https://api.ok.com"])));
    let other = egress.outbound("other", Arc::new(policy(&["https://api.ok.com"])));
    for nth in 0..100 {
        let result = ask(if nth % 2 == 0 { &outbound } else { &again }).await;
        assert_eq!(code(&result), "destination-ip-prohibited", "{nth}");
    }
    for outbound in [&outbound, &again] {
        let (exchange, result) = begin(outbound).send(post("https://api.ok.com/")).await;
        assert_eq!(
            result,
            Err(Error::BudgetExceeded(Budget::TenantRate)),
            "{exchange:?}"
        );
    }
    assert_eq!(code(&ask(&other).await), "destination-ip-prohibited");
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(code(&ask(&outbound).await), "destination-ip-prohibited");
}

#[tokio::test(start_paused = true)]
async fn d20_denials_take_the_same_time_and_many_of_them_suspend_the_action() {
    let egress = nowhere(&Limits::default());
    let outbound = egress.outbound("acme", Arc::new(policy(&["https://api.ok.com"])));
    // The thousandth distinct target is the last; a target asked for again counts once.
    let mut targets: Vec<_> = (1..999u16)
        .map(|port| format!("https://no.ok.com:{}/", port + 20_000))
        .collect();
    targets.push("https://no.ok.com:20001/again".to_owned());
    targets.push("https://10.0.0.7/".to_owned());
    for url in &targets {
        let (exchange, result) = begin(&outbound).send(post(url)).await;
        assert!(
            matches!(
                code(&result),
                "request-denied" | "destination-ip-prohibited"
            ),
            "{url}: {exchange:?}"
        );
        assert_ne!(exchange.decision.reason, Reason::Suspended, "{url}");
        assert_eq!(
            exchange.timings.total,
            Some(Duration::from_millis(50)),
            "{url}: {exchange:?}"
        );
    }
    // That is 999. An address behind a name is one, too, and takes no longer.
    let (exchange, result) = begin(&outbound).send(post("https://api.ok.com/")).await;
    assert_eq!(code(&result), "destination-ip-prohibited", "{exchange:?}");
    assert_eq!(
        exchange.timings.total,
        Some(Duration::from_millis(50)),
        "{exchange:?}"
    );

    for url in ["https://api.ok.com/", "https://no.ok.com/"] {
        let (exchange, result) = begin(&outbound).send(post(url)).await;
        assert_eq!(code(&result), "request-denied", "{url}: {exchange:?}");
        assert_eq!(exchange.decision.reason, Reason::Suspended, "{url}");
        assert_eq!(exchange.timings.resolve, None, "{url}");
        assert!(result.unwrap_err().hint().unwrap().contains("an hour"));
    }
    // It is this action that is suspended, and not for ever.
    let other = egress.outbound("acme", Arc::new(policy(&["https://api.ok.com"])));
    assert_eq!(code(&ask(&other).await), "destination-ip-prohibited");
    tokio::time::advance(Duration::from_hours(1)).await;
    assert_eq!(code(&ask(&outbound).await), "destination-ip-prohibited");
}

#[tokio::test(start_paused = true)]
async fn e28_a_malformed_request_is_told_at_once_and_a_run_that_ends_waits_no_longer() {
    let egress = nowhere(&Limits::default());
    let outbound = egress.outbound("acme", Arc::new(policy(&["https://api.ok.com"])));
    let (exchange, result) = begin(&outbound).send(post("nonsense")).await;
    assert_eq!(code(&result), "request-uri-invalid");
    assert_eq!(exchange.timings.total, Some(Duration::ZERO), "{exchange:?}");
    let deadline = tokio::time::Instant::now() + Duration::from_millis(20);
    let trip = outbound.trip(deadline, Arc::new(crate::support::Run));
    let (exchange, result) = trip.send(post("https://no.ok.com/")).await;
    assert_eq!(code(&result), "request-denied");
    assert_eq!(
        exchange.timings.total,
        Some(Duration::from_millis(20)),
        "{exchange:?}"
    );
}

#[tokio::test]
async fn e30_a_block_stops_what_comes_and_what_is_under_way() {
    let origin = format!("https://{HOST}").parse_origin();
    for block in [
        Block::All,
        Block::Tenant("acme".to_owned()),
        Block::Origin(origin),
    ] {
        let provider = Provider::tls(|n| if n == 0 { hang(n) } else { say(OK) }).await;
        let egress = provider.door().build().unwrap();
        let outbound = provider.outbound(&egress, "acme");
        let trip = begin(&outbound);
        let sending = trip.send(post("https://api.ok.com/"));
        let blocking = async {
            asked(&provider, 1).await;
            egress.block(block.clone());
        };
        let ((exchange, result), ()) = tokio::join!(sending, blocking);
        assert_eq!(code(&result), "request-denied", "{block:?}: {exchange:?}");
        assert_eq!(exchange.decision.reason, Reason::Blocked);
        assert_eq!(
            (exchange.connection, exchange.bytes_up),
            (Some(Connection::New), 5)
        );
        provider.endings.lock().await.recv().await.unwrap();

        let (exchange, result) = trip.send(get("https://api.ok.com/")).await;
        assert_eq!(code(&result), "request-denied", "{block:?}: {exchange:?}");
        assert_eq!(
            (exchange.connection, exchange.timings.resolve),
            (None, None)
        );
        assert!(result.unwrap_err().hint().unwrap().contains("operator"));

        egress.unblock(&block);
        assert_eq!(
            code(&trip.send(get("https://api.ok.com/")).await.1),
            "ok",
            "{block:?}"
        );
        assert_eq!(provider.requests().len(), 2, "{:?}", provider.requests());
    }
}

#[tokio::test]
async fn e30_a_block_stops_nobody_else() {
    let answer = Arc::new(tokio::sync::Notify::new());
    let signal = Arc::clone(&answer);
    let provider = Provider::tls(move |_| {
        Answer::Later(Vec::new(), Arc::clone(&signal), OK.as_bytes().to_vec())
    })
    .await;
    let egress = provider.door().build().unwrap();
    let outbound = provider.outbound(&egress, "acme");
    let blocks = [
        Block::Tenant("other".to_owned()),
        Block::Origin("https://other.ok.com".parse_origin()),
        Block::Origin("https://api.ok.com:8443".parse_origin()),
    ];
    let blocking = async {
        asked(&provider, 1).await;
        for block in blocks {
            egress.block(block);
        }
        answer.notify_one();
    };
    let (result, ()) = tokio::join!(ask(&outbound), blocking);
    assert_eq!(code(&result), "ok");
}
