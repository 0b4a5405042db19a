//! What an action has of its secrets, and where they go: by its owner's word, not by its author's.

use std::sync::Arc;

use phonebox::egress::{Egress, Origin, OriginPattern};
use phonebox::{
    Action, CannotLoad, DeliveryOptions, Event, InvalidSecret, Keys, Mode, NotificationId,
    Phonebox, Report, Secret, Secrets, Store, Tenant,
};
use phonebox_test_guests::PROBE;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

const VALUE: &str = "a-value-of-one's-own";
const ONE: &str = "http://one.example:8000";
const TWO: &str = "http://two.example:8000";

/// A host from which both names lead to a provider that answers every request with this status.
async fn phonebox(status: u16) -> Phonebox {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut seen = Vec::new();
                while !seen.ends_with(b"\r\n\r\nbody") {
                    if connection.read_buf(&mut seen).await.unwrap_or(0) == 0 {
                        return;
                    }
                }
                let answer = format!(
                    "HTTP/1.1 {status} So\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
                );
                drop(connection.write_all(answer.as_bytes()).await);
            });
        }
    });
    let mut egress = Egress::builder().reachable("127.0.0.0/8".parse().unwrap());
    for origin in [ONE, TWO] {
        let origin = Origin::parse(origin).unwrap();
        egress = egress.resolve(origin.host(), vec![address]);
        egress = egress.dangerous_plain_http(origin);
    }
    let egress = egress.build().unwrap();
    Phonebox::builder().egress(egress).build().unwrap()
}

/// The probe with rules for these origins, and what more its manifest says.
fn action(origins: &[&str], more: &str) -> Action {
    let rules = origins.iter().fold(String::new(), |rules, origin| {
        rules + &format!("[[egress]]\norigin = \"{origin}\"\n")
    });
    let manifest = format!(
        "name = \"probe\"\ntrigger = \"custom-phone-provider\"\n{rules}[secrets.TOKEN]\n{more}"
    );
    Action::assemble(PROBE.bytes, &manifest).unwrap()
}

/// A line by which the probe sends `body` there, with this in its `authorization`.
fn send(origin: &str, authorization: &str) -> String {
    let request = json!({
        "url": format!("{origin}/messages"), "headers": [["authorization", authorization]], "body": "body"
    });
    format!("http {request}")
}

fn event(text: &str) -> Event {
    let event = json!({ "notification": {
        "as_text": text, "as_voice": "", "code": "492016", "delivery_method": "text",
        "message_type": "otp_verify", "recipient": "+12065550100",
    }});
    Event::from_json(&event.to_string()).unwrap()
}

async fn run(phonebox: &Phonebox, secrets: Secrets, text: &str) -> Report {
    let deployment = phonebox
        .deploy("acme", &action(&[ONE], ""), secrets)
        .unwrap();
    let attempt = deployment.attempt(Arc::new(event(text)), NotificationId::new(), 1);
    attempt.await
}

#[tokio::test]
async fn code_that_signs_with_what_is_sealed_is_found_out() {
    let phonebox = phonebox(401).await;
    let sealed = || [("TOKEN", VALUE)].into_iter().collect();
    let reads = format!(
        "secret TOKEN\n{}\ndrop refused",
        send(ONE, "Signature 0123")
    );
    let report = run(&phonebox, sealed(), &reads).await;
    let [hint] = &report.hints[..] else {
        panic!("{report:#?}")
    };
    for part in ["TOKEN is sealed", "auth", "reveal = true"] {
        assert!(hint.contains(part), "{part}: {hint}");
    }
    // What stands for it is shown as the secret.
    assert_eq!(report.log[0].message, "Some(\"[secret:TOKEN]\")");
    // Sent as it is: the provider refuses it for another reason.
    let sends = format!("{}\ndrop refused", send(ONE, "Bearer {{TOKEN}}"));
    let report = run(&phonebox, sealed(), &sends).await;
    assert!(report.hints.is_empty(), "{report:#?}");
    assert_eq!(report.exchanges[0].secrets, ["TOKEN"]);
    // Revealed: it has the value.
    let revealed = [("TOKEN", Secret::revealed(VALUE))].into_iter().collect();
    let report = run(&phonebox, revealed, &reads).await;
    assert!(report.hints.is_empty(), "{report:#?}");
    assert!(!format!("{report:?}").contains(VALUE), "{report:#?}");
}

/// A tenant with a store of its own.
async fn tenant(dir: &tempfile::TempDir) -> (phonebox::Deliveries, Tenant) {
    let store = Store::sqlite(dir.path().join("phonebox.db")).await.unwrap();
    let started = phonebox(201)
        .await
        .start(store, Keys::generate(), DeliveryOptions::default())
        .await;
    let deliveries = started.unwrap();
    let tenant = deliveries.tenant("acme");
    (deliveries, tenant)
}

/// Why the last request of a notification was decided so.
async fn decided(tenant: &Tenant, line: &str) -> String {
    let sent = tenant
        .send(event(&format!("{line}\nsent p m1")))
        .await
        .unwrap();
    sent.settled().await.unwrap();
    let notification = sent.notification().await.unwrap().unwrap();
    let report: serde_json::Value = serde_json::from_str(&notification.attempts[0].report).unwrap();
    let reason = &report["exchanges"][0]["decision"]["reason"];
    reason
        .as_str()
        .unwrap_or_else(|| panic!("{report:#}"))
        .to_owned()
}

#[tokio::test]
async fn who_deploys_cannot_have_a_secret_sent_elsewhere() {
    let dir = tempfile::tempdir().unwrap();
    let (deliveries, tenant) = tenant(&dir).await;
    let info = tenant.set_secret("probe", "TOKEN", VALUE).await.unwrap();
    assert_eq!((info.mode, info.origins), (Mode::Sealed, None));

    // The first deployment says what it is for, and a later one does not change it.
    let first = action(&[ONE], "");
    tenant.deploy_with_kept_secrets(&first).await.unwrap();
    let bearer = "Bearer {{TOKEN}}";
    assert_eq!(decided(&tenant, &send(ONE, bearer)).await, "rule");
    let second = action(&[ONE, TWO], "");
    tenant.deploy_with_kept_secrets(&second).await.unwrap();
    assert_eq!(decided(&tenant, &send(ONE, bearer)).await, "rule");
    assert_eq!(decided(&tenant, &send(TWO, bearer)).await, "secret");
    let [info] = &tenant.secrets("probe").await.unwrap()[..] else {
        panic!()
    };
    assert_eq!(info.origins, Some(vec![OriginPattern::parse(ONE).unwrap()]));
    let told = serde_json::to_string(info).unwrap();
    assert!(!told.contains(VALUE), "{told}");

    // Its owner, who has the value, does.
    let fingerprint = info.fingerprint.clone();
    let anew = tenant.set_secret("probe", "TOKEN", VALUE).await.unwrap();
    assert_eq!(anew.fingerprint, fingerprint);
    assert_eq!(anew.origins.map(|origins| origins.len()), Some(2));
    assert_eq!(decided(&tenant, &send(TWO, bearer)).await, "rule");
    let two = Secret::new("another-value").bound_to([OriginPattern::parse(TWO).unwrap()]);
    let other = tenant.set_secret("probe", "TOKEN", two).await.unwrap();
    assert_ne!(other.fingerprint, fingerprint);
    assert_eq!(decided(&tenant, &send(ONE, bearer)).await, "secret");
    assert_eq!(decided(&tenant, &send(TWO, bearer)).await, "rule");
    deliveries.shutdown().await;
}

#[tokio::test]
async fn what_is_set_or_deployed_meanwhile_is_what_runs() {
    let dir = tempfile::tempdir().unwrap();
    let (deliveries, tenant) = tenant(&dir).await;
    let to = |origin: &str| Secret::new(VALUE).bound_to([OriginPattern::parse(origin).unwrap()]);
    tenant.set_secret("probe", "TOKEN", to(ONE)).await.unwrap();
    let actions = [action(&[ONE, TWO], ""), action(&[TWO, ONE], "")];
    for (round, origin) in [TWO, ONE, TWO, ONE].into_iter().enumerate() {
        let (one, other, set) = tokio::join!(
            tenant.deploy_with_kept_secrets(&actions[round % 2]),
            tenant.deploy_with_kept_secrets(&actions[(round + 1) % 2]),
            tenant.set_secret("probe", "TOKEN", to(origin)),
        );
        one.and(other).unwrap();
        set.unwrap();
        assert_eq!(
            decided(&tenant, &send(origin, "Bearer {{TOKEN}}")).await,
            "rule"
        );
        let elsewhere = if origin == ONE { TWO } else { ONE };
        assert_eq!(
            decided(&tenant, &send(elsewhere, "Bearer {{TOKEN}}")).await,
            "secret"
        );
    }
    // The version that the store has is the one that runs.
    let wide = action(&[ONE, TWO], "");
    let narrow = action(&[ONE], "");
    for _ in 0..4 {
        let (first, second) = tokio::join!(
            tenant.deploy_with_kept_secrets(&wide),
            tenant.deploy_with_kept_secrets(&narrow),
        );
        first.and(second).unwrap();
        let deployed = tenant.actions().await.unwrap().remove(0).deployed.unwrap();
        let expected = if deployed.digest == narrow.digest().to_bytes() {
            "origin"
        } else {
            "rule"
        };
        assert_eq!(decided(&tenant, &send(TWO, "none")).await, expected);
    }
    deliveries.shutdown().await;
}

#[tokio::test]
async fn what_will_not_work_as_the_secrets_are_is_said_when_it_is_deployed() {
    let dir = tempfile::tempdir().unwrap();
    let (deliveries, tenant) = tenant(&dir).await;
    let wish = "reveal = true\n[secrets.OTHER]\n[[egress]]\norigin = \"http://two.example:8000\"\nauth = { type = \"bearer\", token = \"{OTHER}\" }\n";
    let action = action(&[ONE], wish);
    let one = OriginPattern::parse(ONE).unwrap();
    let secrets: Secrets = [
        ("TOKEN", Secret::new(VALUE)),
        ("OTHER", Secret::new(VALUE).bound_to([one])),
    ]
    .into_iter()
    .collect();
    let deployed = tenant.deploy(&action, secrets).await.unwrap();
    let [revealed, bound] = &deployed.notes[..] else {
        panic!("{deployed:#?}")
    };
    assert!(
        revealed.contains("TOKEN") && revealed.contains("revealed"),
        "{revealed}"
    );
    assert!(bound.contains("OTHER") && bound.contains(TWO), "{bound}");
    let granted = action
        .manifest()
        .grant([("TOKEN", VALUE), ("OTHER", VALUE)]);
    assert_eq!(
        tenant.deploy(&action, granted).await.unwrap().notes,
        [""; 0]
    );
    deliveries.shutdown().await;
}

#[tokio::test]
async fn what_is_no_secret_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (deliveries, tenant) = tenant(&dir).await;
    let none = Secret::new(VALUE).bound_to([]);
    for (name, secret, expected) in [
        ("TO KEN", Secret::new(VALUE), InvalidSecret::Name),
        ("TOKEN", Secret::new(""), InvalidSecret::Size),
        ("TOKEN", Secret::new("x".repeat(4097)), InvalidSecret::Size),
        (
            "TOKEN",
            Secret::new("a-value-with\r\n"),
            InvalidSecret::LineEnd,
        ),
        ("TOKEN", Secret::new("\na-value"), InvalidSecret::LineEnd),
        (
            "TOKEN",
            Secret::new("\r\n".repeat(9)),
            InvalidSecret::LineEnd,
        ),
        (
            "TOKEN",
            Secret::new("a-value\u{1b}[2J"),
            InvalidSecret::Characters,
        ),
        (
            "TOKEN",
            Secret::new("a\0-value-with"),
            InvalidSecret::Characters,
        ),
        ("TOKEN", Secret::new("7-bytes"), InvalidSecret::Short),
        ("TOKEN", none, InvalidSecret::Origins),
    ] {
        let refused = tenant.set_secret("probe", name, secret).await.unwrap_err();
        let CannotLoad::InvalidSecret(invalid) = refused else {
            panic!("{refused}")
        };
        assert_eq!(invalid, expected);
    }
    let several = Secret::new("-----BEGIN KEY-----\r\n\tabcd\r\n-----END KEY-----\r\n");
    tenant.set_secret("probe", "KEY", several).await.unwrap();
    let short = Secret::revealed("7-bytes");
    tenant.set_secret("probe", "TOKEN", short).await.unwrap();
    deliveries.shutdown().await;
}
