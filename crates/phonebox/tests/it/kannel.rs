//! From an event to the handset's screen: the Kannel action, with our SDK and with none, in the sandbox, against Kannel.

use std::net::SocketAddr;
use std::sync::Arc;

use phonebox::egress::{Egress, Origin};
use phonebox::{Action, Deployment, Event, Fault, NotificationId, Outcome, Phonebox, Report};
use phonebox_test_guests::{BARE_KANNEL, Guest, KANNEL_RUST};

use crate::gateway::{Alphabet, Gateway, PASSWORD, Sms, USERNAME};

const GUESTS: [Guest; 2] = [KANNEL_RUST, BARE_KANNEL];
const MANIFEST: &str = include_str!("../../../../examples/actions/kannel-rust/action.toml");
const RECIPIENT: &str = "+12065550100";

fn deploy(guest: Guest, gateway: SocketAddr, password: &str) -> Deployment {
    let egress = Egress::builder()
        .dangerous_plain_http(Origin::parse("http://kannel.example:13013").unwrap())
        .resolve("kannel.example", vec![gateway])
        .reachable("127.0.0.0/8".parse().unwrap())
        .build()
        .unwrap();
    let phonebox = Phonebox::builder().egress(egress).build().unwrap();
    let action = Action::assemble(guest.bytes, MANIFEST).unwrap();
    let secrets = action.manifest().grant([
        ("KANNEL_USERNAME", USERNAME),
        ("KANNEL_PASSWORD", password),
        ("KANNEL_FROM", "Acme"),
    ]);
    phonebox.deploy("acme", &action, secrets).unwrap()
}

async fn send(deployment: &Deployment, text: &str) -> Report {
    let event = serde_json::json!({
        "notification": {
            "as_text": text, "as_voice": "", "code": "123456", "delivery_method": "text",
            "message_type": "otp_verify", "recipient": RECIPIENT,
        },
        "tenant": { "id": "acme" },
    });
    let event = Event::from_json(&event.to_string()).unwrap();
    deployment
        .attempt(Arc::new(event), NotificationId::new(), 1)
        .await
}

#[tokio::test]
async fn the_handset_prints_what_the_event_says() {
    let Some(mut gateway) = Gateway::start().await else {
        return;
    };
    let long_gsm7 = "Ihr Code für 5 € [Acme] ist 123456. ".repeat(12);
    let long_ucs2 = "Ваш код для 📱 Acme: 123456. ".repeat(5);
    for guest in GUESTS {
        let deployment = deploy(guest, gateway.sendsms, PASSWORD);
        for (text, alphabet, parts) in [
            ("Your Acme code is 123456", Alphabet::Gsm7, 1),
            ("100% + 1 & 2; <3> \"4\" '5' ?#/=", Alphabet::Gsm7, 1),
            (
                "@£$¥ èéùìòÇØøÅå Δ_ΦΓΛΩΠΨΣΘΞ ÆæßÉ¤¡ÄÖÑÜ§¿äöñüà",
                Alphabet::Gsm7,
                1,
            ),
            ("€ ^{}\\[~]|", Alphabet::Gsm7, 1), // GSM 03.38's extension table
            ("Twój kod: 123456", Alphabet::Ucs2, 1),
            ("Ваш код Acme: 123456", Alphabet::Ucs2, 1),
            ("コード 123456 📱", Alphabet::Ucs2, 1),
            (&long_gsm7, Alphabet::Gsm7, 4),
            (&long_ucs2, Alphabet::Ucs2, 3),
        ] {
            let report = send(&deployment, text).await;
            let sent = Outcome::Sent { receipt: None };
            assert_eq!(report.result, Ok(sent), "{guest:?}, {text}: {report:#?}");
            let expected = Sms {
                from: "Acme".to_owned(),
                to: RECIPIENT.to_owned(),
                text: text.to_owned(),
                parts,
            };
            let received = gateway.handset.receive(alphabet).await;
            assert_eq!(received, expected, "{guest:?}, {alphabet:?}");
        }
    }
}

#[tokio::test]
async fn what_the_gateway_keeps_for_later_arrives_later() {
    let Some(mut gateway) = Gateway::start().await else {
        return;
    };
    for guest in GUESTS {
        gateway.lose_carrier().await;
        let deployment = deploy(guest, gateway.sendsms, PASSWORD);
        let report = send(&deployment, "Your Acme code is 123456").await;
        let sent = Outcome::Sent { receipt: None };
        assert_eq!(report.result, Ok(sent), "{guest:?}: {report:#?}");
        gateway.find_carrier();
        let received = gateway.handset.receive(Alphabet::Gsm7).await;
        assert_eq!(received.text, "Your Acme code is 123456", "{guest:?}");
    }
}

#[tokio::test]
async fn a_gateway_that_refuses_the_password_ends_it() {
    let Some(gateway) = Gateway::start().await else {
        return;
    };
    for guest in GUESTS {
        let report = send(&deploy(guest, gateway.sendsms, "not-the-password"), "hello").await;
        let reason = "kannel: the credentials are wrong".to_owned();
        assert_eq!(
            report.result,
            Ok(Outcome::Drop { reason }),
            "{guest:?}: {report:#?}"
        );
    }
}

#[tokio::test]
async fn a_gateway_that_was_killed_is_tried_again() {
    let Some(mut gateway) = Gateway::start().await else {
        return;
    };
    for guest in GUESTS {
        let report = send(&deploy(guest, gateway.sendsms, PASSWORD), "before").await;
        let sent = Outcome::Sent { receipt: None };
        assert_eq!(report.result, Ok(sent), "{guest:?}: {report:#?}");
    }
    gateway.kill().await;
    for guest in GUESTS {
        let report = send(&deploy(guest, gateway.sendsms, PASSWORD), "after").await;
        assert!(
            matches!(report.result, Ok(Outcome::Retry(_))),
            "{guest:?}: {report:#?}"
        );
        assert_eq!(
            report.fault(),
            Some(Fault::Provider),
            "{guest:?}: {report:#?}"
        );
    }
}
