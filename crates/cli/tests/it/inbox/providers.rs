//! The dialects: what is taken, what is refused and how, and how each provider fails.

use http::{Request, StatusCode, header};
use phonebox_cli::inbox::{Channel, Failure, Inbox, Message, Provider};
use serde_json::{Value, json};

use super::client::{
    ACCOUNT, FROM, TO, ask, form, get, json as json_request, sms, start, twilio_messages,
};

const VERIFY: &str =
    "https://verify.twilio.com/v2/Services/VA00000000000000000000000000000001/Verifications";
const VONAGE_SMS: &str = "https://rest.nexmo.com/sms/json";
const VONAGE_MESSAGES: &str = "https://api.nexmo.com/v1/messages";
const KANNEL: &str = "https://sms.example/cgi-bin/sendsms?username=u&password=p&from=ACME";

fn twilio_calls() -> String {
    format!("https://api.twilio.com/2010-04-01/Accounts/{ACCOUNT}/Calls.json")
}

fn last(inbox: &Inbox) -> Message {
    let messages = inbox.messages();
    Message::clone(messages.last().expect("something was recorded"))
}

/// What a message says, apart from how it came.
fn meaning(message: &Message) -> (Provider, Channel, bool, [Option<&str>; 4]) {
    let Message {
        to,
        from,
        text,
        code,
        ..
    } = message;
    let read = [to, from, text, code].map(Option::as_deref);
    (message.provider, message.channel, message.accepted, read)
}

#[tokio::test]
async fn a_twilio_sms_is_taken_and_kept() {
    let inbox = start().await;
    let answered = ask(&inbox, sms("Grüße & \"123456\" 👋")).await.unwrap();
    assert_eq!(answered.status, StatusCode::CREATED, "{answered:?}");
    let resource = answered.json();
    let sid = resource["sid"].as_str().unwrap();
    assert!(sid.starts_with("SM") && sid.len() == 34, "{resource}");
    assert_eq!(resource["status"], "queued", "{resource}");
    assert_eq!(resource["body"], "Grüße & \"123456\" 👋", "{resource}");

    let message = last(&inbox);
    let read = [Some(TO), Some(FROM), Some("Grüße & \"123456\" 👋"), None];
    assert_eq!(
        meaning(&message),
        (Provider::Twilio, Channel::Text, true, read),
        "{message:?}"
    );
    assert_eq!(message.message_id.as_deref(), Some(sid));
    assert_eq!(message.request.method, "POST");
    assert_eq!(message.request.url, twilio_messages());
    assert_eq!(message.request.field("To"), Some(TO));
    assert_eq!(message.answer.status, Some(201));
    assert_eq!(message.answer.body, answered.body);
}

#[tokio::test]
async fn a_twilio_call_is_what_the_voice_says() {
    let inbox = start().await;
    let twiml = "<Response><Say loop=\"2\">Ruf &amp; Code: 1, 2, 3</Say></Response>";
    let fields = [("To", TO), ("From", FROM), ("Twiml", twiml)];
    let answered = ask(&inbox, form(&twilio_calls(), &fields)).await.unwrap();
    assert_eq!(answered.status, StatusCode::CREATED, "{answered:?}");
    assert_eq!(answered.json()["status"], "queued", "{answered:?}");
    let message = last(&inbox);
    let read = [Some(TO), Some(FROM), Some("Ruf & Code: 1, 2, 3"), None];
    assert_eq!(
        meaning(&message),
        (Provider::TwilioVoice, Channel::Voice, true, read)
    );
}

#[tokio::test]
async fn a_twilio_verification_carries_our_own_code() {
    let inbox = start().await;
    for (channel, heard) in [("sms", Channel::Text), ("call", Channel::Voice)] {
        let fields = [("To", TO), ("Channel", channel), ("CustomCode", "123456")];
        let answered = ask(&inbox, form(VERIFY, &fields)).await.unwrap();
        assert_eq!(answered.status, StatusCode::CREATED, "{answered:?}");
        assert_eq!(answered.json()["status"], "pending", "{answered:?}");
        assert_eq!(answered.json()["account_sid"], ACCOUNT, "{answered:?}");
        let message = last(&inbox);
        let text = "Your verification code is: 123456";
        let read = [Some(TO), None, Some(text), Some("123456")];
        assert_eq!(
            meaning(&message),
            (Provider::TwilioVerify, heard, true, read)
        );
    }
}

#[tokio::test]
async fn twilio_refuses_what_is_missing_or_wrong() {
    let inbox = start().await;
    let messages = twilio_messages();
    let calls = twilio_calls();
    let bare = |url: &str| Request::post(url).body(String::new()).unwrap();
    let long = "x".repeat(1601);
    let bad_twiml = [("To", TO), ("From", FROM), ("Twiml", "<Response><Say>")];
    let cases = [
        (bare(&messages), 401, 20003),
        (bare(VERIFY), 401, 20003),
        (
            form("https://api.twilio.com/2010-04-01/Nothing.json", &[]),
            404,
            20404,
        ),
        (
            form("https://verify.twilio.com/v2/Services", &[]),
            404,
            20404,
        ),
        (get(&messages), 405, 20004),
        (
            form(&messages, &[("From", FROM), ("Body", "x")]),
            400,
            21604,
        ),
        (form(&messages, &[("To", TO), ("Body", "x")]), 400, 21603),
        (
            form(&messages, &[("To", TO), ("From", FROM), ("Body", "")]),
            400,
            21602,
        ),
        (
            form(&messages, &[("To", "0151"), ("From", FROM), ("Body", "x")]),
            400,
            21211,
        ),
        (
            form(&messages, &[("To", TO), ("From", FROM), ("Body", &long)]),
            400,
            21617,
        ),
        (
            form(&calls, &[("From", FROM), ("Twiml", "<Response/>")]),
            400,
            21201,
        ),
        (
            form(&calls, &[("To", TO), ("Twiml", "<Response/>")]),
            400,
            21213,
        ),
        (form(&calls, &[("To", TO), ("From", FROM)]), 400, 21205),
        (form(&calls, &bad_twiml), 400, 12100),
        (form(VERIFY, &[("Channel", "sms")]), 400, 60200),
        (
            form(VERIFY, &[("To", TO), ("Channel", "pigeon")]),
            400,
            60200,
        ),
        (
            form(
                VERIFY,
                &[("To", TO), ("Channel", "sms"), ("CustomCode", "1")],
            ),
            400,
            60200,
        ),
    ];
    for (sent, status, code) in cases {
        let shown = format!("{sent:?}");
        let answered = ask(&inbox, sent).await.unwrap();
        let error = answered.json();
        assert_eq!(answered.status.as_u16(), status, "{shown} got {answered:?}");
        assert_eq!(error["code"], code, "{shown} got {error}");
        assert_eq!(error["status"], status, "{shown} got {error}");
        assert!(error["message"].is_string(), "{shown} got {error}");
        let more_info = format!("https://www.twilio.com/docs/errors/{code}");
        assert_eq!(error["more_info"], more_info, "{shown} got {error}");
        let message = last(&inbox);
        assert!(
            !message.accepted && message.message_id.is_none(),
            "{message:?}"
        );
        assert_eq!(message.answer.status, Some(status), "{message:?}");
    }
}

#[tokio::test]
async fn vonage_takes_forms_queries_and_json() {
    let inbox = start().await;
    let fields = [
        ("to", "4915112345678"),
        ("from", "phonebox"),
        ("text", "Code 123456"),
    ];
    let query = "api_key=k&api_secret=s&to=4915112345678&from=phonebox&text=Code%20123456";
    let body = json!({
        "message_type": "text", "channel": "sms",
        "to": "4915112345678", "from": "phonebox", "text": "Code 123456",
    });
    let cases = [
        (form(VONAGE_SMS, &fields), 200, Provider::Vonage),
        (get(&format!("{VONAGE_SMS}?{query}")), 200, Provider::Vonage),
        (
            json_request(VONAGE_MESSAGES, &body),
            202,
            Provider::VonageMessages,
        ),
    ];
    for (sent, status, provider) in cases {
        let shown = format!("{sent:?}");
        let answered = ask(&inbox, sent).await.unwrap();
        assert_eq!(answered.status.as_u16(), status, "{shown} got {answered:?}");
        let message = last(&inbox);
        let read = [
            Some("4915112345678"),
            Some("phonebox"),
            Some("Code 123456"),
            None,
        ];
        assert_eq!(
            meaning(&message),
            (provider, Channel::Text, true, read),
            "{shown}"
        );
        let answer = answered.json();
        let id = answer
            .get("message_uuid")
            .unwrap_or(&answer["messages"][0]["message-id"]);
        assert_eq!(id.as_str(), message.message_id.as_deref(), "{answer}");
    }
}

#[tokio::test]
async fn vonage_refuses_in_two_ways() {
    let inbox = start().await;
    let bare = |url: &str| Request::post(url).body(String::new()).unwrap();
    let sms = [
        (bare(VONAGE_SMS), "2"),
        (form(VONAGE_SMS, &[("from", "x"), ("text", "x")]), "2"),
        (
            form(VONAGE_SMS, &[("from", "x"), ("text", "x"), ("to", "abc")]),
            "3",
        ),
    ];
    for (sent, status) in sms {
        let answered = ask(&inbox, sent).await.unwrap();
        assert_eq!(answered.status, StatusCode::OK, "{answered:?}");
        assert_eq!(
            answered.json()["messages"][0]["status"],
            status,
            "{answered:?}"
        );
        assert!(!last(&inbox).accepted, "{answered:?}");
    }
    let no_text =
        json!({ "message_type": "text", "channel": "sms", "to": "4915112345678", "from": "x" });
    let mut bad_to = no_text.clone();
    bad_to["text"] = json!("x");
    bad_to["to"] = json!("abc");
    let messages = [
        (bare(VONAGE_MESSAGES), 401, "#unauthorized"),
        (json_request(VONAGE_MESSAGES, &json!([])), 422, "#1020"),
        (json_request(VONAGE_MESSAGES, &no_text), 422, "#1010"),
        (json_request(VONAGE_MESSAGES, &bad_to), 422, "#1020"),
        (
            json_request("https://api.nexmo.com/v9/none", &json!({})),
            404,
            "#not-found",
        ),
    ];
    for (sent, status, kind) in messages {
        let answered = ask(&inbox, sent).await.unwrap();
        let problem = answered.json();
        assert_eq!(answered.status.as_u16(), status, "{answered:?}");
        assert_eq!(
            answered.header("content-type"),
            Some("application/problem+json")
        );
        assert!(
            problem["type"].as_str().unwrap().ends_with(kind),
            "{problem}"
        );
        assert!(!last(&inbox).accepted, "{problem}");
    }
}

#[tokio::test]
async fn kannel_is_known_by_its_path() {
    let inbox = start().await;
    let answered = ask(
        &inbox,
        get(&format!(
            "{KANNEL}&to=%2B4915112345678&text=Gr%C3%BC%C3%9Fe+1"
        )),
    );
    let answered = answered.await.unwrap();
    assert_eq!(answered.status, StatusCode::ACCEPTED, "{answered:?}");
    assert_eq!(answered.body, "0: Accepted for delivery");
    let message = last(&inbox);
    let read = [Some(TO), Some("ACME"), Some("Grüße 1"), None];
    assert_eq!(
        meaning(&message),
        (Provider::Kannel, Channel::Text, true, read)
    );

    let posted = |kind: &str, to: &str| {
        Request::post("http://kannel.example:13013/cgi-bin/sendsms")
            .header("content-type", kind)
            .header("x-kannel-username", "u")
            .header("x-kannel-password", "p")
            .header("x-kannel-from", "ACME")
            .header("x-kannel-to", to)
            .body("Grüße & 2".to_owned())
            .unwrap()
    };
    let plain = "text/plain; charset=UTF-8";
    let answered = ask(&inbox, posted(plain, TO)).await.unwrap();
    assert_eq!(answered.status, StatusCode::ACCEPTED, "{answered:?}");
    let message = last(&inbox);
    let read = [Some(TO), Some("ACME"), Some("Grüße & 2"), None];
    assert_eq!(
        meaning(&message),
        (Provider::Kannel, Channel::Text, true, read)
    );
    for (kind, to) in [("application/json", TO), (plain, "abc")] {
        let answered = ask(&inbox, posted(kind, to)).await.unwrap();
        assert_eq!(
            answered.status.as_u16(),
            400,
            "{kind} {to} got {answered:?}"
        );
        assert!(!last(&inbox).accepted, "{kind} {to}");
    }

    let cases = [
        (
            "https://sms.example/cgi-bin/sendsms?to=4915112345678&text=x".to_owned(),
            403,
        ),
        (format!("{KANNEL}&text=x"), 400),
        (format!("{KANNEL}&to=abc&text=x"), 400),
    ];
    for (url, status) in cases {
        let answered = ask(&inbox, get(&url)).await.unwrap();
        assert_eq!(answered.status.as_u16(), status, "{url} got {answered:?}");
        assert!(!last(&inbox).accepted, "{url}");
    }
}

#[tokio::test]
async fn any_other_host_is_taken_and_searched() {
    let inbox = start().await;
    let url = "https://sms.example/v1/send";
    let nested = json!({ "messages": [{
        "sender": "ACME", "destinations": [{ "to": TO }], "content": { "text": "Code 123456" },
    }] });
    let flat = json!({ "phone_number": TO, "recipients": [], "message": "Hi", "code": 123_456 });
    let listed = json!({ "recipients": [TO], "originator": "ACME", "body": "Hi" });
    let raw = Request::post(url).body("just words".to_owned()).unwrap();
    let cases = [
        (
            json_request(url, &nested),
            [Some(TO), Some("ACME"), Some("Code 123456"), None],
        ),
        (
            json_request(url, &flat),
            [Some(TO), None, Some("Hi"), Some("123456")],
        ),
        (
            json_request(url, &listed),
            [Some(TO), Some("ACME"), Some("Hi"), None],
        ),
        (
            form(url, &[("Recipient", TO), ("otp", "42")]),
            [Some(TO), None, None, Some("42")],
        ),
        (
            get("https://sms.example/send?to=1&msg=x"),
            [Some("1"), None, Some("x"), None],
        ),
        (raw, [None, None, Some("just words"), None]),
    ];
    for (sent, read) in cases {
        let shown = format!("{sent:?}");
        let answered = ask(&inbox, sent).await.unwrap();
        assert_eq!(
            (answered.status, &*answered.body),
            (StatusCode::OK, "{}"),
            "{shown}"
        );
        let message = last(&inbox);
        assert_eq!(
            meaning(&message),
            (Provider::Generic, Channel::Text, true, read),
            "{shown}"
        );
    }
}

#[tokio::test]
async fn each_provider_fails_in_its_own_words() {
    let inbox = start().await;
    let sms_form = [("to", "4915112345678"), ("from", "x"), ("text", "x")];
    let json_body = json!({
        "message_type": "text", "channel": "sms", "to": "4915112345678", "from": "x", "text": "x",
    });
    let call = [("To", TO), ("From", FROM), ("Twiml", "<Response/>")];
    let verification = [("To", TO), ("Channel", "sms"), ("CustomCode", "123456")];
    let kannel = format!("{KANNEL}&to=4915112345678&text=x");
    let requests = || {
        [
            sms("x"),
            form(&twilio_calls(), &call),
            form(VERIFY, &verification),
            form(VONAGE_SMS, &sms_form),
            json_request(VONAGE_MESSAGES, &json_body),
            get(&kannel),
            json_request("https://sms.example/", &json!({})),
        ]
    };
    // The status, and where in the body which word stands.
    let too_many = [
        (429, "/code", json!(20429)),
        (429, "/code", json!(20429)),
        (429, "/code", json!(20429)),
        (200, "/messages/0/status", json!("1")),
        (429, "/title", json!("Throttled")),
        (503, "", json!("Temporal failure, try again later.")),
        (429, "/error", json!("too_many_requests")),
    ];
    let server_error = [
        (500, "/code", json!(20500)),
        (500, "/code", json!(20500)),
        (500, "/code", json!(20500)),
        (200, "/messages/0/status", json!("5")),
        (500, "/title", json!("Internal error")),
        (503, "", json!("Temporal failure, try again later.")),
        (500, "/error", json!("internal_error")),
    ];
    let wrong_number = [
        (400, "/code", json!(21211)),
        (400, "/code", json!(21211)),
        (400, "/code", json!(60200)),
        (200, "/messages/0/status", json!("3")),
        (422, "/title", json!("Invalid params")),
        (403, "", json!("Not routable. Do not try again.")),
        (422, "/error", json!("invalid_phone_number")),
    ];
    let modes = [
        (Failure::TooManyRequests, too_many),
        (Failure::ServerError, server_error),
        (Failure::WrongNumber, wrong_number),
    ];
    for (failure, expected) in modes {
        inbox.set_failure(failure);
        for (sent, (status, pointer, word)) in requests().into_iter().zip(expected) {
            let shown = format!("{failure:?}: {sent:?}");
            let answered = ask(&inbox, sent).await.unwrap();
            assert_eq!(answered.status.as_u16(), status, "{shown} got {answered:?}");
            let body = serde_json::from_str(&answered.body)
                .unwrap_or_else(|_| Value::String(answered.body.clone()));
            assert_eq!(
                body.pointer(pointer),
                Some(&word),
                "{shown} got {answered:?}"
            );
            let retry_after = (failure == Failure::TooManyRequests).then_some("2");
            assert_eq!(
                answered.header(header::RETRY_AFTER.as_str()),
                retry_after,
                "{shown}"
            );
            assert!(!last(&inbox).accepted, "{shown}");
        }
    }
    inbox.set_failure(Failure::None);
    for sent in requests() {
        let shown = format!("{sent:?}");
        ask(&inbox, sent).await.unwrap();
        assert!(last(&inbox).accepted, "{shown} got {:?}", last(&inbox));
    }
}
