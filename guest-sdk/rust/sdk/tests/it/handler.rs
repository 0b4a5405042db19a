//! What phonebox gets when a handler gives up by `?`.

use phonebox_sdk::test::{Answer, Host, event};
use phonebox_sdk::{Error, Event, Outcome, Result, custom_phone_provider, http, secrets};
use serde::Deserialize;

#[custom_phone_provider]
fn deliver(event: Event) -> Result<Outcome> {
    #[derive(Deserialize)]
    struct Accepted {
        id: String,
    }
    let response = http::post("https://gateway.example/send")
        .bearer(secrets::get("TOKEN")?)
        .form([("to", &event.notification.recipient)])
        .send()?;
    let accepted: Accepted = response.json()?;
    Ok(Outcome::sent_with("gateway", accepted.id))
}

fn host() -> Host {
    Host::new()
        .secret("TOKEN", "t0ken")
        .secret("SENDER", "Acme")
}

#[test]
fn a_network_failure_is_retried() {
    for (error, reason) in [
        (
            http::Error::ConnectionRefused,
            "the provider refused the connection",
        ),
        (
            http::Error::ConnectionTerminated,
            "the connection to the provider ended early",
        ),
        (
            http::Error::DnsTimeout,
            "the provider's name could not be resolved in time",
        ),
        (
            http::Error::ResponseTimeout,
            "the provider did not answer in time",
        ),
    ] {
        let outcome = host().fail(error).run(deliver, event()).unwrap();
        assert_eq!(outcome, Outcome::retry(reason));
    }
}

#[test]
fn an_answer_that_cannot_be_used_is_dropped() {
    let host = host().fail(http::Error::ResponseBodySize(262_144));
    let outcome = host.run(deliver, event()).unwrap();
    assert_eq!(
        outcome,
        Outcome::drop("the provider's answer is larger than 262144 bytes")
    );
}

#[test]
fn the_actions_own_mistakes_stay_errors() {
    let error = host()
        .fail(http::Error::RequestDenied)
        .run(deliver, event())
        .unwrap_err();
    assert_eq!(error.downcast_ref(), Some(&http::Error::RequestDenied));

    let error = Host::new().run(deliver, event()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "there is no secret `TOKEN`; this action has none"
    );
}

#[test]
fn an_error_tells_its_causes() {
    #[derive(Debug)]
    struct Outer(std::num::ParseIntError);
    impl std::fmt::Display for Outer {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("the sender's number is wrong")
        }
    }
    impl std::error::Error for Outer {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            Some(&self.0)
        }
    }
    let error = Error::from(Outer("x".parse::<u8>().unwrap_err()));
    let told = "the sender's number is wrong: invalid digit found in string";
    assert_eq!(error.to_string(), told);
    assert_eq!(format!("{error:?}"), told);
}

#[test]
fn json_of_another_shape_tells_where_and_not_what() {
    for (body, told) in [
        (
            r#"{"id": 15005550006}"#,
            "the text is of another shape than expected at line 1, column 18",
        ),
        (
            r#"{"id": "+15005550006"#,
            "the text is not JSON at line 1, column 20",
        ),
    ] {
        let error = host()
            .answer(Answer::text(200, body))
            .run(deliver, event())
            .unwrap_err();
        assert_eq!(error.to_string(), told, "for {body}");
    }
}
