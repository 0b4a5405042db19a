//! Nothing accepted is lost: notifications from a store, through the Kannel action in its sandbox, to a provider that does what
//! the test says.

use std::future::IntoFuture as _;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use phonebox::egress::{Egress, Origin};
use phonebox::store::{
    Accept, Claim, Clock, Filter, LogItem, Logs, Node, Notification, Options, Sqlite, Time,
};
use phonebox::{
    AbuseLimits, Action, CannotRotate, CannotStart, Deliveries, DeliveryMethod, DeliveryOptions,
    Event, Happened, Keys, NewProvider, NotificationId, Phonebox, ProviderConfiguration,
    ProviderError, ProviderName, Secret, Secrets, SendError, Sent, Status, Store, Tail, Tenant,
};
use phonebox_test_guests::{BARE_KANNEL, KANNEL_RUST, POST, PROBE};
use tempfile::TempDir;

use crate::gate::{Gate, Mode};

const MANIFEST: &str = include_str!("../../../../examples/actions/kannel-rust/action.toml");
const CODE: &str = "492016";
const NUMBER: &str = "+12065550100";
/// Not the example in the manifest, which is part of the component.
const PASSWORD: &str = "a-horse-of-another-colour";

/// A platform with a folder of its own, whose time stands still until it is told to pass.
struct Platform {
    gate: Gate,
    dir: TempDir,
    clock: Clock,
    keys: Keys,
    options: DeliveryOptions,
}

impl Platform {
    async fn new(mode: Mode) -> Self {
        Self {
            gate: Gate::open(mode).await,
            dir: tempfile::tempdir().unwrap(),
            clock: Clock::manual(Time::from_millis(1_700_000_000_000)),
            keys: Keys::generate(),
            options: DeliveryOptions::default(),
        }
    }

    async fn store(&self) -> Store {
        let options = Options {
            clock: self.clock.clone(),
            ..Options::default()
        };
        let path = self.dir.path().join("phonebox.db");
        // A process that is ending lets go of it, and a handle that a test forgot does not.
        for _ in 0..2000 {
            match Sqlite::open(&path, options.clone()).await {
                Ok(store) => return Store::new(store),
                Err(phonebox::StoreError::InUse(_)) => {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                Err(error) => panic!("{error}"),
            }
        }
        panic!("something of the test's holds on to the store")
    }

    async fn start(&self) -> Deliveries {
        self.start_with(self.gate.address).await
    }

    /// With another provider, `hung.example`.
    async fn start_with(&self, hung: SocketAddr) -> Deliveries {
        self.start_on(self.store().await, hung).await
    }

    async fn start_on(&self, store: Store, hung: SocketAddr) -> Deliveries {
        let egress = Egress::builder()
            .dangerous_plain_http(Origin::parse("http://kannel.example:13013").unwrap())
            .dangerous_plain_http(Origin::parse("http://hung.example").unwrap())
            .resolve("kannel.example", vec![self.gate.address])
            .resolve("hung.example", vec![hung])
            .reachable("127.0.0.0/8".parse().unwrap())
            .build()
            .unwrap();
        let phonebox = Phonebox::builder().egress(egress).build().unwrap();
        let started = phonebox.start(store, self.keys.clone(), self.options.clone());
        started.await.unwrap()
    }

    /// A tenant with the action.
    async fn tenant(&self, deliveries: &Deliveries, name: &str) -> Tenant {
        let tenant = deliveries.tenant(name);
        let action = Action::assemble(KANNEL_RUST.bytes, MANIFEST).unwrap();
        tenant.deploy(&action, secrets()).await.unwrap();
        tenant
    }
}

fn secrets() -> Secrets {
    let secrets = [
        ("KANNEL_USERNAME", "phonebox".into()),
        ("KANNEL_PASSWORD", PASSWORD.into()),
        ("KANNEL_FROM", Secret::revealed("Acme")),
    ];
    secrets.into_iter().collect()
}

fn event(text: &str) -> Event {
    let event = serde_json::json!({
        "notification": {
            "as_text": text, "as_voice": "", "code": CODE, "delivery_method": "text",
            "message_type": "otp_verify", "recipient": NUMBER,
        },
    });
    Event::from_json(&event.to_string()).unwrap()
}

/// What becomes of a notification, once it is like this.
async fn eventually(sent: &Sent, wanted: impl Fn(&Notification) -> bool) -> Notification {
    let mut found = None;
    for _ in 0..6000 {
        found = sent.notification().await.unwrap();
        if let Some(found) = found.take_if(|found| wanted(found)) {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("it stays like this: {found:#?}")
}

fn all() -> Filter {
    Filter {
        status: None,
        before: None,
        most: 1000,
    }
}

#[tokio::test]
async fn what_is_sent_is_settled_and_its_attempt_is_kept() {
    let platform = Platform::new(Mode::Accept).await;
    let deliveries = platform.start().await;
    let tenant = platform.tenant(&deliveries, "acme").await;
    let sent = tenant.send(event("one")).await.unwrap();
    assert_eq!(sent.settled().await.unwrap(), Status::Sent);
    assert_eq!(platform.gate.texts(), ["one"]);
    let found = sent.notification().await.unwrap().unwrap();
    assert_eq!((found.item.attempts, &*found.item.action), (1, "kannel"));
    let [attempt] = &found.attempts[..] else {
        panic!("{found:?}")
    };
    let report: serde_json::Value = serde_json::from_str(&attempt.report).unwrap();
    assert_eq!(report["outcome"]["kind"], "sent", "{report:#}");
    assert_eq!(report["exchanges"][0]["status"], 202, "{report:#}");
    // Waiting once more is no wait.
    assert_eq!(sent.settled().await.unwrap(), Status::Sent);
    deliveries.shutdown().await;
}

#[tokio::test]
async fn a_busy_provider_is_tried_again_and_at_most_six_times() {
    let mut platform = Platform::new(Mode::Busy).await;
    platform.options.circuit.failures = None;
    let deliveries = platform.start().await;
    let tenant = platform.tenant(&deliveries, "acme").await;
    let (first, second) = (tenant.send(event("one")), tenant.send(event("two")));
    let (first, second) = (first.await.unwrap(), second.await.unwrap());
    for attempts in [1, 2, 3, 4, 5] {
        platform.gate.wait_for(2 * attempts).await;
        for sent in [&first, &second] {
            let waits = |found: &Notification| found.item.status == Status::Queued;
            let found = eventually(sent, waits).await;
            assert_eq!(found.attempts.len(), attempts, "{found:?}");
        }
        if attempts == 5 {
            platform.gate.set(Mode::Accept);
            let canceled = tenant.cancel(second.id()).await.unwrap();
            assert!(canceled);
        }
        // Longer than each step with its jitter, and all in all less than five minutes.
        platform
            .clock
            .advance(Duration::from_secs([2, 7, 19, 55, 150][attempts - 1]));
    }
    assert_eq!(first.settled().await.unwrap(), Status::Sent);
    assert_eq!(second.settled().await.unwrap(), Status::Canceled);
    assert_eq!(platform.gate.texts().len(), 11);
}

#[tokio::test]
async fn the_same_request_is_the_same_notification() {
    let platform = Platform::new(Mode::Accept).await;
    let deliveries = platform.start().await;
    let stranger = deliveries.tenant("stranger").send(event("one")).await;
    assert!(
        matches!(stranger, Err(SendError::NoAction(_))),
        "{stranger:?}"
    );

    let tenant = platform.tenant(&deliveries, "acme").await;
    let send = async |text| tenant.send(event(text)).idempotency_key("login-7").await;
    let first = send("one").await.unwrap();
    let again = send("one").await.unwrap();
    assert_eq!(first.id(), again.id());
    assert!(!first.was_repeated() && again.was_repeated());
    let other = send("two").await;
    assert!(matches!(other, Err(SendError::Conflict)), "{other:?}");
    assert_eq!(again.settled().await.unwrap(), Status::Sent);
    assert_eq!(platform.gate.texts(), ["one"]);
}

#[tokio::test]
async fn what_has_expired_is_not_sent() {
    let platform = Platform::new(Mode::Accept).await;
    let deliveries = platform.start().await;
    let tenant = platform.tenant(&deliveries, "acme").await;
    let late = tenant
        .send(event("late"))
        .valid_for(Duration::ZERO)
        .await
        .unwrap();
    assert_eq!(late.settled().await.unwrap(), Status::Expired);
    // Nor is a retry that would come too late.
    platform.gate.set(Mode::Busy);
    let short = tenant
        .send(event("short"))
        .valid_for(Duration::from_millis(500));
    assert_eq!(
        short.await.unwrap().settled().await.unwrap(),
        Status::Expired
    );
    assert_eq!(platform.gate.texts(), ["short"]);
}

/// The next that is told of where a notification stands, skipping attempts.
async fn next_status(tail: &mut Tail) -> (NotificationId, Status) {
    loop {
        let next = tokio::time::timeout(Duration::from_mins(1), tail.next());
        match next.await.expect("nothing more is told").as_deref() {
            Some(Happened::Status(id, status)) => return (*id, *status),
            Some(Happened::Attempt(..)) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn what_the_store_settles_is_told_like_all_else() {
    let platform = Platform::new(Mode::Busy).await;
    let (store, clock) = (platform.store().await, &platform.clock);
    // What it is to be lost once more too often, by other nodes.
    let doomed = Accept {
        id: NotificationId::new(),
        action: "kannel".to_owned(),
        idempotency_key: None,
        request: [0; 32],
        payload: Vec::new(),
        valid: Duration::from_hours(1),
        lease: Some(Node([9; 16])),
        replay_of: None,
    };
    let doomed_id = doomed.id;
    store.accept("acme", doomed).await.unwrap();
    for _ in 1..20 {
        clock.advance(Store::LEASE + Duration::from_millis(1));
        store.reap(20).await.unwrap();
        let claim = Claim {
            node: Node([9; 16]),
            most: 1,
            per_tenant: 1,
        };
        assert_eq!(store.claim(claim).await.unwrap().leased.len(), 1);
    }
    clock.advance(Store::LEASE + Duration::from_millis(1));
    let deliveries = platform.start_on(store, platform.gate.address).await;
    // Before anything that was begun has had its turn: this thread is the only one.
    let mut tail = deliveries.tenant("acme").tail().unwrap();
    assert_eq!(next_status(&mut tail).await, (doomed_id, Status::Exhausted));
    measured(
        &deliveries,
        "phonebox_notifications_settled_total{status=\"exhausted\"} 1",
    )
    .await;

    let tenant = platform.tenant(&deliveries, "acme").await;
    let sent = tenant.send(event("one")).await.unwrap();
    assert_eq!(next_status(&mut tail).await, (sent.id(), Status::Leased));
    assert_eq!(next_status(&mut tail).await, (sent.id(), Status::Queued));
    platform.clock.advance(Duration::from_mins(6));
    assert_eq!(next_status(&mut tail).await, (sent.id(), Status::Expired));
    measured(
        &deliveries,
        "phonebox_notifications_settled_total{status=\"expired\"} 1",
    )
    .await;
    assert_eq!(sent.settled().await.unwrap(), Status::Expired);
    // The log says what it was as far as that can be known, and of what could not be read that it was not sent.
    let found = logs(&tenant).await;
    let failed: Vec<_> = found.iter().filter(|(kind, ..)| kind == "fn").collect();
    let of = |id: NotificationId| {
        let mut of_one = failed.iter().filter(|(_, of, _)| *of == Some(id));
        let details = &of_one.next().unwrap_or_else(|| panic!("{found:#?}")).2["details"];
        assert!(of_one.next().is_none(), "{found:#?}");
        details.clone()
    };
    let (late, doomed) = (of(sent.id()), of(doomed_id));
    assert_eq!(
        (&late["status"], &late["to"]),
        (&"expired".into(), &"+1••••••••00".into())
    );
    assert_eq!(
        (&doomed["status"], &doomed["to"]),
        (&"exhausted".into(), &().into())
    );
    assert_eq!(doomed["error"], "its process ended as often as it may");
    deliveries.shutdown().await;
}

/// What is in a tenant's log, the earliest first: types, notifications and what is said.
async fn logs(tenant: &Tenant) -> Vec<(String, Option<NotificationId>, serde_json::Value)> {
    let all = Logs {
        only: None,
        after: None,
        latest_first: false,
        skip: 0,
        most: 100,
        count: false,
    };
    let (found, _) = tenant.logs(all).await.unwrap();
    let said = |item: LogItem| {
        let text = serde_json::from_str(&item.text.unwrap()).unwrap();
        (item.kind, item.notification, text)
    };
    found.into_iter().map(said).collect()
}

#[tokio::test]
async fn who_dies_leaves_what_it_had_to_the_next() {
    let platform = Platform::new(Mode::Hold).await;
    let deliveries = platform.start().await;
    let tenant = platform.tenant(&deliveries, "acme").await;
    let mut ids = Vec::new();
    for text in ["one", "two"] {
        let sent = tenant.send(event(text)).idempotency_key(text);
        ids.push(sent.await.unwrap().id());
    }
    platform.gate.wait_for(2).await;
    // As if it had been killed: what is under way ends with it, and nothing is written down.
    drop((deliveries, tenant));

    platform.gate.set(Mode::Accept);
    let next = platform.start().await;
    let tenant = next.tenant("acme");
    for (id, text) in ids.into_iter().zip(["one", "two"]) {
        let again = tenant.send(event(text)).idempotency_key(text);
        let again = again.await.unwrap();
        assert_eq!(again.id(), id);
        eventually(&again, |found| found.item.status == Status::Sent).await;
    }
    // Action and secrets came out of the store, and everything goes on.
    let sent = tenant.send(event("three")).await.unwrap();
    assert_eq!(sent.settled().await.unwrap(), Status::Sent);
    let mut texts = platform.gate.texts();
    texts.sort();
    assert_eq!(texts, ["one", "one", "three", "two", "two"]);
}

#[tokio::test]
async fn who_is_shut_down_lets_end_what_is_under_way() {
    let platform = Platform::new(Mode::Hold).await;
    let deliveries = platform.start().await;
    let tenant = platform.tenant(&deliveries, "acme").await;
    let sent = tenant.send(event("one")).await.unwrap();
    platform.gate.wait_for(1).await;
    let ((), refused) = tokio::join!(deliveries.shutdown(), async {
        let refused = tenant.send(event("two")).await;
        platform.gate.set(Mode::Accept);
        refused
    });
    assert!(
        matches!(refused, Err(SendError::ShuttingDown)),
        "{refused:?}"
    );
    assert_eq!(sent.settled().await.unwrap(), Status::Sent);
}

#[tokio::test]
async fn what_does_not_end_in_time_is_given_back() {
    let mut platform = Platform::new(Mode::Hold).await;
    platform.options.drain = Duration::from_millis(20);
    let deliveries = platform.start().await;
    let tenant = platform.tenant(&deliveries, "acme").await;
    let sent = tenant.send(event("one")).await.unwrap();
    platform.gate.wait_for(1).await;
    deliveries.shutdown().await;
    let item = sent.notification().await.unwrap().unwrap().item;
    assert_eq!((item.status, item.attempts), (Status::Queued, 0));
}

#[tokio::test]
async fn no_tenant_waits_for_another() {
    let mut platform = Platform::new(Mode::Hold).await;
    platform.options.at_once = 8;
    platform.options.at_once_of_tenant = 4;
    let deliveries = platform.start().await;
    let loud = platform.tenant(&deliveries, "loud").await;
    let quiet = platform.tenant(&deliveries, "quiet").await;
    for number in 0..60 {
        loud.send(event(&format!("loud {number}"))).await.unwrap();
    }
    platform.gate.wait_for(4).await;
    let sent = quiet.send(event("quiet")).await.unwrap();
    let texts = platform.gate.wait_for(5).await;
    assert_eq!(texts.len(), 5, "{texts:?}");
    assert_eq!(texts[4], "quiet");
    platform.gate.set(Mode::Accept);
    assert_eq!(sent.settled().await.unwrap(), Status::Sent);
    let texts = platform.gate.wait_for(61).await;
    // Each once.
    let distinct: std::collections::HashSet<_> = texts.iter().collect();
    assert_eq!((distinct.len(), texts.len()), (61, 61));
}

/// The provider hangs, and one tenant has ten thousand that wait. Another one's goes through while none of those has ended.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn q06_ten_thousand_of_one_tenant_are_not_in_the_way_of_one_of_another() {
    let hung = Gate::open(Mode::Hold).await;
    let mut platform = Platform::new(Mode::Accept).await;
    // So few that one tenant could hold all of them.
    (platform.options.at_once, platform.options.at_once_of_tenant) = (24, 24);
    let deliveries = platform.start_with(hung.address).await;
    let loud = deliveries.tenant("loud");
    let manifest = "name = \"hung\"\ntrigger = \"custom-phone-provider\"\n[[egress]]\norigin = \"http://hung.example\"\n\
        [secrets.ORIGIN]\n[secrets.TOKEN]\n";
    let action = Action::assemble(POST.bytes, manifest).unwrap();
    // What it puts into an address is no secret that could be sealed.
    let secrets = [
        ("ORIGIN", Secret::revealed("http://hung.example")),
        ("TOKEN", Secret::new(PASSWORD)),
    ];
    let secrets = secrets.into_iter().collect();
    loud.deploy(&action, secrets).await.unwrap();
    let quiet = platform.tenant(&deliveries, "quiet").await;
    let mut sending = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let loud = loud.clone();
        sending.spawn(async move {
            for _ in 0..100 {
                loud.send(event("loud")).await.unwrap();
            }
        });
    }
    sending.join_all().await;
    let before = hung.wait_for(19).await.len();
    let sent = quiet.send(event("quiet")).await.unwrap();
    assert_eq!(sent.settled().await.unwrap(), Status::Sent);
    // None of the other tenant's ended meanwhile, or the next would be there.
    assert_eq!(hung.texts().len(), before);
    let of_status = |status| Filter {
        status: Some(status),
        before: None,
        most: 20_000,
    };
    let waiting = loud.notifications(of_status(Status::Queued)).await.unwrap();
    let under_way = loud.notifications(of_status(Status::Leased)).await.unwrap();
    assert_eq!(waiting.len() + under_way.len(), 10_000);
    assert!(under_way.len() <= 19, "{}", under_way.len());
    assert_eq!(platform.gate.texts(), ["quiet"]);
    // It never waited for a slot, nor was it put off.
    assert_eq!(sent.notification().await.unwrap().unwrap().item.attempts, 1);
}

#[tokio::test]
async fn q12_a_clock_that_jumps_makes_no_burst_and_loses_nothing() {
    let mut platform = Platform::new(Mode::Busy).await;
    platform.options.circuit.failures = None;
    let deliveries = platform.start().await;
    let tenant = platform.tenant(&deliveries, "acme").await;
    let mut sent = Vec::new();
    for number in 0..30 {
        let valid = Duration::from_secs(if number < 10 { 600 } else { 5 * 3600 });
        let text = event(&number.to_string());
        sent.push(tenant.send(text).valid_for(valid).await.unwrap());
    }
    platform.gate.wait_for(30).await;
    for sent in &sent {
        let tried = |found: &Notification| found.item.status == Status::Queued;
        eventually(sent, tried).await;
    }
    // An hour ahead: what has expired by then is not sent, and the rest once each, no more at once than ever.
    platform.gate.set(Mode::Hold);
    platform.clock.advance(Duration::from_hours(1));
    platform.gate.wait_for(50).await;
    let (short, long) = sent.split_at(10);
    for sent in short {
        eventually(sent, |found| found.item.status == Status::Expired).await;
    }
    platform.gate.set(Mode::Busy);
    for sent in long {
        let tried_again = |found: &Notification| found.item.status == Status::Queued;
        let found = eventually(sent, tried_again).await;
        assert_eq!(found.attempts.len(), 2, "{found:?}");
    }
    assert_eq!(platform.gate.texts().len(), 50);
    // An hour back, as a process meets it that begins after that: what waits is due no later for it.
    deliveries.shutdown().await;
    drop((tenant, sent));
    platform.gate.set(Mode::Accept);
    platform.clock = Clock::manual(Time::from_millis(1_700_000_000_000));
    let deliveries = platform.start().await;
    platform.clock.advance(Duration::from_secs(7));
    let texts = platform.gate.wait_for(70).await;
    let last: std::collections::HashSet<_> = texts.iter().skip(50).collect();
    assert_eq!((last.len(), texts.len()), (20, 70));
    deliveries.shutdown().await;
}

/// Waits until the metrics say this.
async fn measured(deliveries: &Deliveries, line: &str) {
    let mut text = String::new();
    for _ in 0..6000 {
        text = deliveries.handle().metrics().await.unwrap();
        if text.lines().any(|other| other == line) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("no line {line}:\n{text}")
}

#[tokio::test]
async fn a_provider_that_keeps_failing_is_left_alone_and_nothing_is_lost() {
    let platform = Platform::new(Mode::Busy).await;
    let deliveries = platform.start().await;
    let tenant = platform.tenant(&deliveries, "acme").await;
    let mut sent = Vec::new();
    for number in 1..=5 {
        sent.push(tenant.send(event(&number.to_string())).await.unwrap());
        let tried = |found: &Notification| found.attempts.len() == 1;
        eventually(sent.last().unwrap(), tried).await;
    }
    measured(&deliveries, "phonebox_providers_left_alone 1").await;
    let left = tenant.left_alone("kannel").unwrap();
    assert_eq!(&*left.origin, "http://kannel.example:13013");
    // The next is put off, and has used up no attempt.
    sent.push(tenant.send(event("6")).await.unwrap());
    let put_off = "phonebox_attempts_put_off_total{reason=\"provider_failing\"}";
    measured(&deliveries, &format!("{put_off} 1")).await;
    let waits = |found: &Notification| found.item.status == Status::Queued;
    let found = eventually(&sent[5], waits).await;
    assert_eq!((found.item.attempts, found.attempts.len()), (0, 0));
    assert_eq!(platform.gate.texts().len(), 5);
    // What would have expired by the next try is tried.
    let short = tenant
        .send(event("short"))
        .valid_for(Duration::from_secs(3));
    let short = short.await.unwrap();
    platform.gate.wait_for(6).await;
    eventually(&short, |found| !found.attempts.is_empty()).await;
    assert!(tenant.cancel(short.id()).await.unwrap());
    // Nor is it another tenant's matter.
    let other = platform.tenant(&deliveries, "other").await;
    let of_other = other.send(event("other")).await.unwrap();
    platform.gate.wait_for(7).await;
    assert!(other.left_alone("kannel").is_none());
    eventually(&of_other, waits).await;
    assert!(other.cancel(of_other.id()).await.unwrap());
    // One tries, and the others that are due by then are put off again.
    platform.clock.advance(Duration::from_millis(1300));
    measured(&deliveries, &format!("{put_off} 6")).await;
    platform.gate.wait_for(8).await;
    assert_eq!(platform.gate.texts().len(), 8);
    // It answers again, and all is sent long before it expires.
    platform.gate.set(Mode::Accept);
    let began = platform.clock.now();
    for sent in &sent {
        while !sent
            .notification()
            .await
            .unwrap()
            .unwrap()
            .item
            .status
            .is_settled()
        {
            platform.clock.advance(Duration::from_millis(250));
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(sent.settled().await.unwrap(), Status::Sent);
    }
    let took = platform.clock.now().since(began);
    assert!(took < Duration::from_mins(2), "{took:?}");
    measured(&deliveries, "phonebox_providers_left_alone 0").await;
}

#[tokio::test]
async fn a_throw_ends_it_unless_the_operator_has_it_retried() {
    for retry_faults in [false, true] {
        let mut platform = Platform::new(Mode::Accept).await;
        platform.options.retry_faults = retry_faults;
        let deliveries = platform.start().await;
        let tenant = deliveries.tenant("acme");
        let manifest = "name = \"thrower\"\ntrigger = \"custom-phone-provider\"\n";
        let action = Action::assemble(PROBE.bytes, manifest).unwrap();
        tenant.deploy(&action, Secrets::default()).await.unwrap();
        let sent = tenant.send(event("panic now")).await.unwrap();
        let found = eventually(&sent, |found| found.attempts.len() == 1).await;
        let report: serde_json::Value = serde_json::from_str(&found.attempts[0].report).unwrap();
        assert_eq!(report["fault"], "action", "{report:#}");
        let expected = if retry_faults {
            Status::Queued
        } else {
            Status::Dropped
        };
        assert_eq!(found.item.status, expected, "{report:#}");
    }
}

#[tokio::test]
async fn an_action_is_replaced_and_rolled_back() {
    let platform = Platform::new(Mode::Accept).await;
    let deliveries = platform.start().await;
    let tenant = platform.tenant(&deliveries, "acme").await;
    // An action that does the same and is another.
    let bare = Action::assemble(BARE_KANNEL.bytes, MANIFEST).unwrap();
    assert_eq!(
        tenant
            .deploy(&bare, secrets())
            .await
            .unwrap()
            .version
            .number,
        2
    );
    let versions = tenant.versions("kannel").await.unwrap();
    assert_eq!(versions.len(), 2, "{versions:?}");
    assert_eq!(versions[0].digest, bare.digest().to_bytes());
    assert!(tenant.roll_back("kannel", 1).await.unwrap());
    assert!(!tenant.roll_back("kannel", 3).await.unwrap());
    tenant.warm_up().await.unwrap();
    let sent = tenant.send(event("one")).await.unwrap();
    assert_eq!(sent.settled().await.unwrap(), Status::Sent);
    // What lacks a secret is not deployed, and what was goes on.
    let none = tenant.deploy(&bare, Secrets::default()).await.unwrap_err();
    assert!(none.hint().is_some(), "{none}");
    let sent = tenant.send(event("two")).await.unwrap();
    assert_eq!(sent.settled().await.unwrap(), Status::Sent);
}

#[tokio::test]
async fn the_built_in_action_is_the_embedders_to_give() {
    let mut platform = Platform::new(Mode::Accept).await;
    let configuration = ProviderConfiguration {
        sid: Some("AC1".to_owned()),
        mssid: Some("MG1".to_owned()),
        delivery_methods: vec![DeliveryMethod::Text],
        ..ProviderConfiguration::default()
    };
    let twilio = NewProvider {
        name: ProviderName::Twilio,
        disabled: false,
        configuration: Some(configuration),
        auth_token: Some("a-token".into()),
    };
    let deliveries = platform.start().await;
    let tenant = deliveries.tenant("acme");
    let none = tenant.create_phone_provider(twilio.clone()).await;
    assert!(matches!(none, Err(ProviderError::NoTwilio)), "{none:?}");
    drop(tenant);
    deliveries.shutdown().await;

    // It is given what it asks for, and no more.
    let manifest = "name = \"ours\"\ntrigger = \"custom-phone-provider\"\n\
        [secrets.TWILIO_ACCOUNT_SID]\nreveal = true\n[secrets.TWILIO_AUTH_TOKEN]\n";
    platform.options.twilio = Some(Action::assemble(PROBE.bytes, manifest).unwrap());
    let deliveries = platform.start().await;
    let tenant = deliveries.tenant("acme");
    let provider = tenant.create_phone_provider(twilio.clone()).await.unwrap();
    let again = tenant.create_phone_provider(twilio).await;
    assert!(matches!(again, Err(ProviderError::Exists)), "{again:?}");
    tenant.warm_up().await.unwrap();
    let knows =
        "secret TWILIO_ACCOUNT_SID\nsecret TWILIO_FROM\nsecret TWILIO_AUTH_TOKEN\nsent twilio SM1";
    let sent = tenant.send(event(knows)).await.unwrap();
    assert_eq!(sent.settled().await.unwrap(), Status::Sent);
    let found = sent.notification().await.unwrap().unwrap();
    let report: serde_json::Value = serde_json::from_str(&found.attempts[0].report).unwrap();
    assert_eq!(
        report["missing_secrets"],
        serde_json::json!(["TWILIO_FROM"]),
        "{report:#}"
    );
    assert!(!report.to_string().contains("a-token"), "{report:#}");

    // What waits when the provider goes ends, and says why.
    let waits = tenant.send(event("retry 60 later")).await.unwrap();
    let is_queued = |found: &Notification| found.item.status == Status::Queued;
    eventually(&waits, is_queued).await;
    assert!(tenant.remove_phone_provider(&provider.id).await.unwrap());
    platform.clock.advance(Duration::from_secs(100));
    let tried = |found: &Notification| found.attempts.len() == 2;
    let found = eventually(&waits, tried).await;
    let report: serde_json::Value = serde_json::from_str(&found.attempts[1].report).unwrap();
    assert_eq!(report["error"]["kind"], "provider_missing", "{report:#}");
    let nobody = tenant.send(event("sent twilio SM2")).await;
    assert!(matches!(nobody, Err(SendError::NoAction(_))), "{nobody:?}");
    deliveries.shutdown().await;
}

#[tokio::test]
async fn other_keys_open_nothing() {
    let platform = Platform::new(Mode::Accept).await;
    let deliveries = platform.start().await;
    deliveries.shutdown().await;
    let phonebox = Phonebox::builder().build().unwrap();
    let started = phonebox.start(
        platform.store().await,
        Keys::generate(),
        DeliveryOptions::default(),
    );
    let error = started.await.map(drop).unwrap_err();
    assert!(matches!(error, CannotStart::WrongKeys), "{error}");
}

/// What cannot be encrypted anew, because it was changed, keeps its key; what needs a key that is lost stands in nobody's way.
#[tokio::test]
async fn a_root_key_that_is_needed_is_not_given_up() {
    let platform = Platform::new(Mode::Accept).await;
    let path = platform.dir.path().join("phonebox.keys");
    let old = Keys::from_file_or_new(&path).unwrap().ids()[0];
    let store = platform.store().await;
    let named = u32::from_str_radix(&old.to_string(), 16).unwrap();
    for (name, key) in [("CHANGED", named.to_be_bytes()), ("LOST", *b"lost")] {
        let sealed = [&[1], &key[..], &[0; 100]].concat();
        let put = store.put_secret("acme", "sms", name, sealed, None);
        put.await.unwrap();
    }
    let phonebox = Phonebox::builder().build().unwrap();
    let keys = Keys::from_file(&path).unwrap();
    let started = phonebox.start(store, keys, DeliveryOptions::default());
    let deliveries = started.await.unwrap();
    let handle = deliveries.handle();

    let new = Keys::add_to_file(&path).unwrap();
    handle.rotate_root_keys().await.unwrap();
    let needed = async || {
        let keys = handle.root_keys().await.unwrap();
        let needed = keys.iter().map(|key| (key.id, key.needed_by));
        needed.collect::<Vec<_>>()
    };
    let lost = format!("{:08x}", u32::from_be_bytes(*b"lost"));
    let lost = lost.parse().unwrap();
    assert_eq!(needed().await, [(new, 0), (old, 2), (lost, 1)]);
    Keys::remove_from_file(&path, old).unwrap();
    let error = handle.rotate_root_keys().await.unwrap_err();
    assert!(
        matches!(error, CannotRotate::Needed { id, needed_by: 2 } if id == old),
        "{error}"
    );
    deliveries.shutdown().await;
}

/// Files, the log beside them and all: no code, number, text or secret, in any of these spellings.
#[tokio::test]
async fn nothing_on_the_disk_can_be_read() {
    let platform = Platform::new(Mode::Accept).await;
    let deliveries = platform.start().await;
    let tenant = platform.tenant(&deliveries, "acme").await;
    let sent = tenant
        .send(event("Your Acme code is 492016"))
        .idempotency_key(NUMBER)
        .await
        .unwrap();
    assert_eq!(sent.settled().await.unwrap(), Status::Sent);
    assert_eq!(tenant.notifications(all()).await.unwrap().len(), 1);
    let read = |dir: &Path| -> Vec<u8> {
        let files = std::fs::read_dir(dir).unwrap();
        files
            .flat_map(|file| std::fs::read(file.unwrap().path()).unwrap())
            .collect()
    };
    let canaries = [CODE, "2065550100", "Your Acme", PASSWORD];
    let is_there = |bytes: &[u8], canary: &str| {
        let hex = canary
            .bytes()
            .fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
        [canary.to_owned(), hex].iter().any(|text| {
            bytes
                .windows(text.len())
                .any(|window| window == text.as_bytes())
        })
    };
    let open = read(platform.dir.path());
    assert!(
        is_there(&open, "kannel"),
        "the action's name is not found, so nothing would be"
    );
    drop(tenant);
    deliveries.shutdown().await;
    for bytes in [open, read(platform.dir.path())] {
        for canary in canaries {
            assert!(!is_there(&bytes, canary), "{canary} is on the disk");
        }
    }
}

#[tokio::test]
async fn q10_a_number_is_not_bombed() {
    let mut platform = Platform::new(Mode::Accept).await;
    platform.options.abuse = AbuseLimits::standard();
    let deliveries = platform.start().await;
    let tenant = platform.tenant(&deliveries, "acme").await;
    let send = async || tenant.send(event("one")).idempotency_key("login-7").await;
    let first = send().await.unwrap();
    // The same request is no other message, and another one is.
    assert_eq!(send().await.unwrap().id(), first.id());
    let other = tenant.send(event("two")).idempotency_key("login-7").await;
    assert!(matches!(other, Err(SendError::Conflict)), "{other:?}");
    let refused = tenant.send(event("three")).await.unwrap_err();
    let SendError::Refused(refused) = refused else {
        panic!("{refused}")
    };
    assert_eq!(refused.after(), Some(Duration::from_secs(30)));
    // The log has the first, and then how many there were.
    for _ in 0..3 {
        platform.clock.advance(Duration::from_millis(3_500));
        tenant.send(event("three")).await.unwrap_err();
    }
    let found = logs(&tenant).await;
    let counts: Vec<_> = found
        .iter()
        .map(|(_, _, said)| &said["details"]["count"])
        .collect();
    assert_eq!(counts, [1, 3], "{found:#?}");
    assert_eq!(found[0].0, "limit_phone");
    let details = &found[0].2["details"];
    assert_eq!(details["trigger_time"], "2023-11-14T22:13:20Z");
    assert_eq!(details["reset_time"], "2023-11-14T22:13:50Z");
    platform.clock.advance(Duration::from_millis(19_500));
    let later = tenant.send(event("four")).await.unwrap();
    assert_eq!(later.settled().await.unwrap(), Status::Sent);
    assert_eq!(first.settled().await.unwrap(), Status::Sent);
    // What is sent again is one more.
    let again = tenant.replay(first.id()).await;
    assert!(matches!(again, Err(SendError::Refused(_))), "{again:?}");
    platform.clock.advance(Duration::from_secs(30));
    let again = tenant.replay(first.id()).await.unwrap();
    assert_eq!(again.settled().await.unwrap(), Status::Sent);
    assert_eq!(platform.gate.texts(), ["one", "four", "one"]);
    // It lasts no longer than the first would have, unless that is said.
    let item = again.notification().await.unwrap().unwrap().item;
    assert_eq!(
        item.expires_at.since(item.accepted_at),
        Duration::from_mins(4)
    );
    platform.clock.advance(Duration::from_mins(4));
    let again = tenant.replay(first.id()).await;
    assert!(matches!(again, Err(SendError::Expired)), "{again:?}");
}

#[tokio::test]
async fn who_watches_slowly_is_told_what_is_missing_and_holds_nothing_up() {
    let platform = Platform::new(Mode::Accept).await;
    let deliveries = platform.start().await;
    let tenant = platform.tenant(&deliveries, "acme").await;
    let mut tail = tenant.tail().unwrap();
    for number in 0..50 {
        let sent = tenant.send(event(&number.to_string())).await.unwrap();
        assert_eq!(sent.settled().await.unwrap(), Status::Sent);
    }
    deliveries.shutdown().await;
    let mut happened = Vec::new();
    while let Some(next) = tail.next().await {
        happened.push(next);
    }
    // Each was leased, attempted and sent.
    let Happened::Missed(missed) = *happened[0] else {
        panic!("{happened:?}")
    };
    assert_eq!(missed + happened.len() as u64 - 1, 150, "{happened:?}");
    let last = happened.last().unwrap();
    assert!(
        matches!(**last, Happened::Status(_, Status::Sent)),
        "{happened:?}"
    );
}

#[tokio::test]
async fn s09_a_secret_that_was_moved_or_changed_is_never_used() {
    for tamper in [0, 1, 2] {
        let platform = Platform::new(Mode::Accept).await;
        let deliveries = platform.start().await;
        let tenant = platform.tenant(&deliveries, "acme").await;
        drop(tenant);
        deliveries.shutdown().await;
        // As somebody would who can write to the database and has no key.
        let store = platform.store().await;
        let kept = store.secrets("acme", "kannel").await.unwrap();
        let (name, mut sealed) = kept[1].clone();
        assert_eq!(name, "KANNEL_PASSWORD");
        let to = match tamper {
            0 => "KANNEL_FROM", // where it would be sent in the clear
            1 => {
                *sealed.last_mut().unwrap() ^= 1;
                &*name
            }
            _ => {
                sealed.truncate(sealed.len() / 2);
                &*name
            }
        };
        store
            .put_secret("acme", "kannel", to, sealed, None)
            .await
            .unwrap();
        drop(store);
        let deliveries = platform.start().await;
        let sent = deliveries.tenant("acme").send(event("one")).await.unwrap();
        let found = eventually(&sent, |found| !found.attempts.is_empty()).await;
        let report = &found.attempts[0].report;
        assert!(
            report.contains("secret_unreadable") && report.contains(to),
            "{report}"
        );
        assert!(!report.contains(PASSWORD), "{report}");
        assert_eq!(platform.gate.texts(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn who_does_not_wait_for_the_answer_has_sent_it_all_the_same() {
    let platform = Platform::new(Mode::Accept).await;
    let deliveries = platform.start().await;
    let tenant = platform.tenant(&deliveries, "acme").await;
    for number in 0..40 {
        let mut sending = std::pin::pin!(tenant.send(event(&number.to_string())).into_future());
        // Asked once, and given up at a moment that differs.
        let waker = std::task::Waker::noop();
        let mut context = std::task::Context::from_waker(waker);
        let asked = sending.as_mut().poll(&mut context);
        assert!(asked.is_pending(), "{asked:?}");
        for _ in 0..number % 7 {
            tokio::task::yield_now().await;
        }
    }
    // So many at once are more than a tenant may ask for in a second, and some wait.
    while platform.gate.texts().len() < 40 {
        platform.clock.advance(Duration::from_millis(100));
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    deliveries.shutdown().await;
    drop(tenant);
    // Nothing is left over, leased to somebody who does not know of it.
    let deliveries = platform.start().await;
    let left = deliveries
        .tenant("acme")
        .notifications(all())
        .await
        .unwrap();
    let sent = left.iter().filter(|item| item.status == Status::Sent);
    assert_eq!(sent.count(), 40, "{left:?}");
}
