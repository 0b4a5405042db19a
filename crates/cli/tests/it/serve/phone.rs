//! Phone providers and templates as Auth0's Management API has them: what is answered, and what delivers then. The inbox stands in for
//! Twilio.

use std::sync::Arc;

use phonebox_cli::inbox::{Inbox, Message};
use serde_json::{Value, json};

use super::{Answer, NUMBER, Server, event, expect_none_of};
use crate::gate::{Gate, Mode};
use crate::inbox::client;

pub(super) const PROVIDERS: &str = "/api/v2/branding/phone/providers";
pub(super) const TEMPLATES: &str = "/api/v2/branding/phone/templates";
const TOKEN: &str = "tok-0123456789abcdef/is=sealed";
const OTHER: &str = "tok-of-another-account-9876";

/// A server whose Twilio is an inbox.
async fn start(gate: &Gate) -> (Server, Inbox) {
    let inbox = client::start().await;
    let server = Server::with_hosts(gate.address, &[]);
    let path = server.folder.path().join("phonebox.toml");
    let authority = server.folder.path().join("inbox.pem");
    std::fs::write(&authority, inbox.certificate_pem()).unwrap();
    let config = std::fs::read_to_string(&path).unwrap();
    let config = config.replace(
        "[egress.resolve]\n",
        &format!(
            "trust = [\"{}\"]\n[egress.resolve]\n\"api.twilio.com\" = [\"{}\"]\n",
            authority.display(),
            inbox.provider_address()
        ),
    );
    std::fs::write(&path, config).unwrap();
    let mut server = server;
    server.start();
    (server, inbox)
}

fn twilio(change: impl FnOnce(&mut Value)) -> Value {
    let mut provider = json!({
        "name": "twilio", "disabled": false, "credentials": { "auth_token": TOKEN },
        "configuration": { "sid": "AC1", "default_from": "+15005550006", "delivery_methods": ["text", "voice"] },
    });
    change(&mut provider);
    provider
}

async fn send(server: &Server, event: &Value) -> Answer {
    let body = event.to_string().into();
    let wait = [("prefer", "wait=30")];
    let sent = server.try_ask("POST", "/v1/notifications", &wait, body);
    sent.await.unwrap()
}

fn refusal(answer: &Answer) -> (u16, &str) {
    let code = answer.body["errorCode"].as_str();
    (answer.status, code.unwrap_or_default())
}

/// What the inbox was asked last: with whose credentials, and what its form says.
fn last(inbox: &Inbox) -> (Arc<Message>, String) {
    let last = inbox.messages().last().unwrap().clone();
    let credentials = last.request.header("authorization").unwrap().to_owned();
    (last, credentials)
}

fn basic(token: &str) -> String {
    use base64::Engine as _;
    let pair = base64::engine::general_purpose::STANDARD.encode(format!("AC1:{token}"));
    format!("Basic {pair}")
}

#[tokio::test]
async fn the_built_in_twilio_delivers_as_its_provider_says() {
    let gate = Gate::open(Mode::Accept).await;
    let (mut server, inbox) = start(&gate).await;
    let made = server.ask("POST", PROVIDERS, twilio(|_| ())).await;
    assert_eq!(made.status, 201, "{made:?}");
    let id = made.body["id"].as_str().unwrap();
    let path = format!("{PROVIDERS}/{id}");
    let attempt = format!("{path}/try");

    let sent = send(&server, &event("Your Acme code is 492016")).await;
    assert_eq!(sent.body["status"], "sent", "{sent:?}");
    assert_eq!(sent.body["action"], "phonebox:twilio", "{sent:?}");
    let (message, credentials) = last(&inbox);
    assert_eq!(credentials, basic(TOKEN));
    assert_eq!(
        message.request.field("Body"),
        Some("Your Acme code is 492016")
    );
    assert_eq!(message.from.as_deref(), Some("+15005550006"));

    // It is tried like any other message.
    let to_try = json!({ "to": "+1 206 555 0177", "delivery_method": "voice" });
    let tried = server.ask("POST", &attempt, to_try).await;
    assert_eq!((tried.status, &tried.body["code"]), (202, &json!(202)));
    let notification = tried.body["message"].as_str().unwrap();
    let notification = notification.split(' ').nth(2).unwrap();
    settled(&server, notification).await;
    let (message, _) = last(&inbox);
    assert_eq!(message.to.as_deref(), Some("+12065550177"));
    assert!(message.request.url.ends_with("/Calls.json"), "{message:?}");

    // What is changed is what delivers from then on.
    let change = json!({ "credentials": { "auth_token": OTHER }, "configuration": {
        "sid": "AC1", "mssid": "MG1", "delivery_methods": ["text"],
    } });
    let changed = server.ask("PATCH", &path, change).await;
    assert_eq!(changed.status, 200, "{changed:?}");
    let sent = send(&server, &event("once more")).await;
    assert_eq!(sent.body["status"], "sent", "{sent:?}");
    let (message, credentials) = last(&inbox);
    assert_eq!(credentials, basic(OTHER));
    assert_eq!(message.request.field("MessagingServiceSid"), Some("MG1"));
    assert_eq!(message.request.field("From"), None);
    let tried = server.ask(
        "POST",
        &attempt,
        json!({ "to": NUMBER, "delivery_method": "voice" }),
    );
    assert_eq!(refusal(&tried.await), (400, "method_not_offered"));
    let mut call = event("a call");
    call["event"]["notification"]["delivery_method"] = json!("voice");
    let sent = send(&server, &call).await;
    assert_eq!(sent.body["code"], "method_not_offered", "{sent:?}");

    // What was accepted stays accepted.
    let key = [("idempotency-key", "login-7"), ("prefer", "wait=30")];
    let post = async || {
        let body = event("once").to_string().into();
        let sent = server.try_ask("POST", "/v1/notifications", &key, body);
        sent.await.unwrap()
    };
    let first = post().await;
    assert_eq!(first.body["status"], "sent", "{first:?}");
    let count = inbox.messages().len();
    let off = server
        .ask("PATCH", &path, json!({ "disabled": true }))
        .await;
    assert_eq!(off.body["disabled"], true, "{off:?}");
    let sent = send(&server, &event("not now")).await;
    assert_eq!(
        (sent.status, &sent.body["code"]),
        (409, &json!("provider_disabled"))
    );
    let tried = server.ask("POST", &attempt, json!({ "to": NUMBER })).await;
    assert_eq!(refusal(&tried), (400, "provider_disabled"));
    assert_eq!(post().await.body["id"], first.body["id"]);
    for (filter, count) in [("true", 1), ("false", 0)] {
        let filtered = format!("{PROVIDERS}?disabled={filter}");
        let listed = server.ask("GET", &filtered, json!({})).await;
        assert_eq!(
            listed.body["providers"].as_array().unwrap().len(),
            count,
            "{listed:?}"
        );
    }
    assert_eq!(inbox.messages().len(), count);
    server
        .ask("PATCH", &path, json!({ "disabled": false }))
        .await;

    // Under another root key, and in another process.
    server.json(&["root-key", "add"], "").await;
    let keys = server.json(&["root-key", "rotate"], "").await;
    let old = keys["root_keys"].as_array().unwrap().iter();
    for old in old.filter(|key| key["active"] == false) {
        assert_eq!(old["needed_by"], 0, "{keys}");
        let old = old["id"].as_str().unwrap();
        server.json(&["root-key", "remove", old], "").await;
    }
    server.kill();
    let logged = std::fs::read(server.folder.path().join("log")).unwrap();
    server.start();
    let sent = send(&server, &event("after that")).await;
    assert_eq!(sent.body["status"], "sent", "{sent:?}");
    assert_eq!(last(&inbox).1, basic(OTHER));

    // Without it, there is nobody.
    let gone = server.ask("DELETE", &path, json!({})).await;
    assert_eq!(gone.status, 204, "{gone:?}");
    let sent = send(&server, &event("to nobody")).await;
    assert_eq!(
        (sent.status, &sent.body["code"]),
        (409, &json!("no_action"))
    );
    let log = std::fs::read(server.folder.path().join("log")).unwrap();
    let said = [made, changed, off, first].map(|answer| format!("{answer:?}").into_bytes());
    let mut told: Vec<_> = said.map(|said| ("an answer".to_owned(), said)).to_vec();
    told.push(("the log".to_owned(), logged));
    told.push(("the log".to_owned(), log));
    expect_none_of(&[TOKEN, OTHER], &told);
}

async fn settled(server: &Server, notification: &str) {
    loop {
        let path = format!("/v1/notifications/{notification}");
        let found = server.ask("GET", &path, json!({})).await;
        match found.body["status"].as_str().unwrap() {
            "queued" | "leased" => tokio::time::sleep(std::time::Duration::from_millis(10)).await,
            "sent" => return,
            _ => panic!("{found:?}"),
        }
    }
}

#[tokio::test]
async fn a_custom_provider_delivers_by_the_tenants_action() {
    let gate = Gate::open(Mode::Accept).await;
    let (server, inbox) = start(&gate).await;
    let custom = json!({
        "name": "custom", "credentials": {}, "configuration": { "delivery_methods": ["text"] },
    });
    let none = server.ask("POST", PROVIDERS, custom.clone()).await;
    let missing = "custom_phone_provider_deployed_action_not_found";
    assert_eq!(refusal(&none), (400, missing), "{none:?}");
    assert!(
        none.body["message"]
            .as_str()
            .unwrap()
            .contains("deploy an action")
    );

    // A change is not refused: what it makes impossible is said when something is sent.
    let made = server.ask("POST", PROVIDERS, twilio(|_| ())).await;
    let path = format!("{PROVIDERS}/{}", made.body["id"].as_str().unwrap());
    let changed = server
        .ask("PATCH", &path, json!({ "name": "custom" }))
        .await;
    assert_eq!(
        (changed.status, &changed.body["name"]),
        (200, &json!("custom"))
    );
    let sent = send(&server, &event("to nobody")).await;
    assert_eq!(
        (sent.status, &sent.body["code"]),
        (409, &json!("no_action"))
    );
    let attempt = format!("{path}/try");
    let tried = server.ask("POST", &attempt, json!({ "to": NUMBER })).await;
    assert_eq!(refusal(&tried), (400, "no_action"));

    server.deploy().await;
    let sent = send(&server, &event("by the action")).await;
    assert_eq!(
        (&sent.body["status"], &sent.body["action"]),
        (&json!("sent"), &json!("kannel"))
    );
    let back = server
        .ask("PATCH", &path, json!({ "name": "twilio" }))
        .await;
    assert_eq!(back.status, 200, "{back:?}");
    send(&server, &event("by Twilio")).await;
    assert_eq!(last(&inbox).0.request.field("Body"), Some("by Twilio"));
    server.ask("DELETE", &path, json!({})).await;
    let made = server.ask("POST", PROVIDERS, custom).await;
    assert_eq!(made.status, 201, "{made:?}");
    send(&server, &event("by the action again")).await;
    assert_eq!(gate.texts(), ["by the action", "by the action again"]);
    assert_eq!(inbox.messages().len(), 1);

    // Twilio lacks what it never had.
    let path = format!("{PROVIDERS}/{}", made.body["id"].as_str().unwrap());
    server
        .ask("PATCH", &path, json!({ "name": "twilio" }))
        .await;
    let sent = send(&server, &event("without an account")).await;
    assert_eq!(
        (sent.status, &sent.body["code"]),
        (409, &json!("provider_incomplete"))
    );
}

#[tokio::test]
async fn a_provider_is_answered_as_auth0_answers() {
    let gate = Gate::open(Mode::Accept).await;
    let (server, _inbox) = start(&gate).await;
    let keys = |value: &Value| {
        let mut keys: Vec<_> = value.as_object().unwrap().keys().cloned().collect();
        keys.sort();
        keys
    };
    let no_sender = twilio(|provider| {
        provider["configuration"] = json!({ "sid": "AC1", "delivery_methods": ["text"] });
    });
    let refused = server.ask("POST", PROVIDERS, no_sender).await;
    let bad = json!({
        "statusCode": 400, "error": "Bad Request", "message": "Bad Operation on Notification Resource",
    });
    assert_eq!((refused.status, &refused.body), (400, &bad));
    for (says, body) in [
        (
            "Missing required property: credentials",
            json!({ "name": "custom" }),
        ),
        (
            "Missing required property: name",
            json!({ "credentials": {} }),
        ),
        (
            "credentials.auth_token",
            twilio(|it| it["credentials"] = json!({})),
        ),
        (
            "credentials.auth_token",
            twilio(|it| it["credentials"]["auth_token"] = json!("x".repeat(256))),
        ),
        (
            "configuration.sid",
            twilio(|it| it["configuration"]["sid"] = json!("AC1/../AC2")),
        ),
        (
            "configuration.mssid",
            twilio(|it| it["configuration"]["mssid"] = json!("")),
        ),
        (
            "configuration.default_from",
            twilio(|it| it["configuration"]["default_from"] = json!("a\nb")),
        ),
        (
            "delivery_methods",
            twilio(|it| it["configuration"]["delivery_methods"] = json!([])),
        ),
        (
            "delivery_methods",
            twilio(|it| it["configuration"]["delivery_methods"] = json!(["text", "text"])),
        ),
        (
            "Some property",
            twilio(|it| it["configuration"]["delivery_methods"] = json!(["fax"])),
        ),
        ("Some property", twilio(|it| it["name"] = json!("vonage"))),
    ] {
        let refused = server.ask("POST", PROVIDERS, body.clone()).await;
        assert_eq!(
            refusal(&refused),
            (400, "invalid_body"),
            "{body}: {refused:?}"
        );
        let message = refused.body["message"].as_str().unwrap();
        assert!(
            message.starts_with("Payload validation error: '"),
            "{refused:?}"
        );
        assert!(message.contains(says), "{says}: {refused:?}");
    }
    let made = server.ask("POST", PROVIDERS, twilio(|_| ())).await;
    let shown = [
        "channel",
        "configuration",
        "created_at",
        "disabled",
        "id",
        "name",
        "tenant",
        "updated_at",
    ];
    assert_eq!(keys(&made.body), shown, "{made:?}");
    assert_eq!(made.body["created_at"], made.body["updated_at"]);
    let created = made.body["created_at"].as_str().unwrap();
    assert_eq!((created.len(), &created[19..20]), (24, "."), "{created}");
    let id = made.body["id"].as_str().unwrap();
    let digits = id.strip_prefix("pro_").unwrap();
    assert!(
        digits.len() == 22 && digits.bytes().all(|digit| digit.is_ascii_alphanumeric()),
        "{id}"
    );
    let again = server.ask("POST", PROVIDERS, twilio(|_| ())).await;
    assert_eq!(refusal(&again), (409, ""), "{again:?}");
    let listed = server.ask("GET", PROVIDERS, json!({})).await;
    assert_eq!(listed.body, json!({ "providers": [made.body] }));
    let path = format!("{PROVIDERS}/{id}");
    assert_eq!(server.ask("GET", &path, json!({})).await.body, made.body);
    for to in ["", "2065550100", "+1 (206) 555-0100 and more"] {
        let tried = server
            .ask("POST", &format!("{path}/try"), json!({ "to": to }))
            .await;
        assert_eq!(refusal(&tried), (400, "invalid_body"), "{to}: {tried:?}");
    }
}

#[tokio::test]
async fn w05_what_is_not_to_be_set_is_refused() {
    let gate = Gate::open(Mode::Accept).await;
    let (server, _inbox) = start(&gate).await;
    let made = server.ask("POST", PROVIDERS, twilio(|_| ())).await;
    let path = format!("{PROVIDERS}/{}", made.body["id"].as_str().unwrap());
    let verify = json!({ "type": "otp_verify" });
    let template = server.ask("POST", TEMPLATES, verify.clone()).await;
    let template = format!("{TEMPLATES}/{}", template.body["id"].as_str().unwrap());
    for (method, path, body) in [
        ("POST", PROVIDERS.to_owned(), twilio(|_| ())),
        ("PATCH", path.clone(), json!({ "disabled": true })),
        ("POST", format!("{path}/try"), json!({ "to": NUMBER })),
        ("POST", TEMPLATES.to_owned(), verify),
        ("PATCH", template.clone(), json!({ "disabled": true })),
        ("POST", format!("{template}/try"), json!({ "to": NUMBER })),
    ] {
        for field in [
            "id",
            "tenant",
            "tenant_id",
            "channel",
            "created_at",
            "limits",
            "plan",
        ] {
            let mut body = body.clone();
            body[field] = json!("other");
            let refused = server.ask(method, &path, body).await;
            assert_eq!(
                refusal(&refused),
                (400, "invalid_body"),
                "{method} {field}: {refused:?}"
            );
            let says = format!("Additional properties not allowed: {field}");
            assert!(
                refused.body["message"].as_str().unwrap().contains(&says),
                "{refused:?}"
            );
        }
    }
    for inner in ["configuration", "credentials"] {
        let refused = server.ask(
            "POST",
            PROVIDERS,
            twilio(|it| it[inner]["tenant"] = json!("other")),
        );
        assert_eq!(refusal(&refused.await), (400, "invalid_body"), "{inner}");
    }
    let still = server.ask("GET", &path, json!({})).await;
    assert_eq!(still.body, made.body);
}

#[tokio::test]
async fn w15_a_filter_is_no_query_of_ones_own() {
    let gate = Gate::open(Mode::Accept).await;
    let (server, _inbox) = start(&gate).await;
    for query in [
        "disabled=1",
        "disabled=true%27%20OR%201%3D1",
        "disabled=true&disabled=false",
        "tenant=other",
        "sort=sealed",
        "per_page=1000000000",
    ] {
        for of in [PROVIDERS, TEMPLATES] {
            let refused = server.ask("GET", &format!("{of}?{query}"), json!({})).await;
            assert_eq!(
                refusal(&refused),
                (400, "invalid_uri"),
                "{query}: {refused:?}"
            );
        }
    }
    for id in ["pro_%27%20OR%201%3D1%20--", "pro_%25", "%2e%2e", "pro_%00"] {
        for of in [PROVIDERS, TEMPLATES] {
            let none = server.ask("GET", &format!("{of}/{id}"), json!({})).await;
            assert_eq!(none.status, 404, "{id}: {none:?}");
        }
    }
}

/// An event without words.
fn wordless(change: impl FnOnce(&mut Value)) -> Value {
    let mut event = json!({ "event": {
        "tenant": { "id": "acme", "friendly_name": "Acme & Sons" },
        "notification": { "recipient": NUMBER, "code": "492016", "delivery_method": "text" },
    } });
    change(&mut event["event"]);
    event
}

#[tokio::test]
async fn what_comes_without_words_gets_them_from_the_tenants_template() {
    let gate = Gate::open(Mode::Accept).await;
    let (server, inbox) = start(&gate).await;
    server.ask("POST", PROVIDERS, twilio(|_| ())).await;
    let said = async |event: &Value| {
        let sent = send(&server, event).await;
        assert_eq!(sent.body["status"], "sent", "{sent:?}");
        let (message, _) = last(&inbox);
        (message.text.clone().unwrap(), message.from.clone().unwrap())
    };
    let own = said(&wordless(|_| ())).await;
    assert_eq!(
        own.0,
        "492016 is your code for Acme & Sons. Do not share it."
    );
    assert_eq!(own.1, "+15005550006");
    let call = |event: &mut Value| event["notification"]["delivery_method"] = json!("voice");
    let (heard, _) = said(&wordless(call)).await;
    assert!(heard.contains("This is Acme & Sons"), "{heard}");
    assert_eq!(heard.matches("4. 9. 2. 0. 1. 6.").count(), 2, "{heard}");

    // The tenant's own, by locale, with the sender that it names.
    let template = json!({ "type": "otp_verify", "content": {
        "from": "+12065550123",
        "body": {
            "text": "{% if locale contains 'de' %}Ihr Code: {{ code }}{% else %}{{ user.name }}: {{ code }}{% endif %}",
            "voice": "{{ client.name }} {{ organization.display_name }} {{ custom_domain.domain }}{{ pause }} {{ code }}",
        },
    } });
    let made = server.ask("POST", TEMPLATES, template).await;
    assert_eq!(made.status, 201, "{made:?}");
    let path = format!("{TEMPLATES}/{}", made.body["id"].as_str().unwrap());
    let german = wordless(|event| event["notification"]["locale"] = json!("de-AT"));
    let from = "+12065550123".to_owned();
    assert_eq!(
        said(&german).await,
        ("Ihr Code: 492016".to_owned(), from.clone())
    );
    let named = wordless(|event| event["user"] = json!({ "name": "Jane" }));
    assert_eq!(
        said(&named).await,
        ("Jane: 492016".to_owned(), from.clone())
    );
    let context = wordless(|event| {
        call(event);
        event["client"] = json!({ "name": "Shop" });
        event["organization"] = json!({ "display_name": "My Org" });
        event["custom_domain"] = json!({ "domain": "login.acme.example" });
    });
    let heard = "Shop My Org login.acme.example. 4. 9. 2. 0. 1. 6.";
    assert_eq!(said(&context).await, (heard.to_owned(), from.clone()));
    // What has words keeps them, and its sender.
    let mut worded = event("My own words");
    assert_eq!(
        said(&worded).await,
        ("My own words".to_owned(), from.clone())
    );
    worded["event"]["notification"]["from"] = json!("+15005550009");
    assert_eq!(said(&worded).await.1, "+15005550009");
    // Another type has phonebox's own.
    let other = wordless(|event| event["notification"]["message_type"] = json!("otp_enroll"));
    assert!(said(&other).await.0.contains("Type it in"), "{inbox:?}");

    // The same request is the same notification, whatever the template says by now.
    let key = [("idempotency-key", "login-8"), ("prefer", "wait=30")];
    let post = async || {
        let body = german.to_string().into();
        let sent = server.try_ask("POST", "/v1/notifications", &key, body);
        sent.await.unwrap()
    };
    let first = post().await;
    let anew = json!({ "content": { "body": { "text": "Anew: {{ code }}" } } });
    let changed = server.ask("PATCH", &path, anew).await;
    assert_eq!(
        changed.body["content"]["body"]["text"], "Anew: {{ code }}",
        "{changed:?}"
    );
    assert_eq!(
        changed.body["content"]["from"], "+12065550123",
        "{changed:?}"
    );
    assert_eq!(post().await.body["id"], first.body["id"]);
    assert_eq!(said(&german).await.0, "Anew: 492016");
    // What was accepted says the same once more.
    let replay = format!(
        "/v1/notifications/{}/replay",
        first.body["id"].as_str().unwrap()
    );
    let wait = [("prefer", "wait=30")];
    let again = server
        .try_ask("POST", &replay, &wait, bytes::Bytes::new())
        .await
        .unwrap();
    assert_eq!(again.body["status"], "sent", "{again:?}");
    assert_eq!(last(&inbox).0.text.as_deref(), Some("Ihr Code: 492016"));

    // One that makes no message is no reason not to send a code.
    let silent = json!({ "content": { "body": { "text": "{% for i in user.user_metadata.many %}....{% endfor %}" } } });
    assert_eq!(server.ask("PATCH", &path, silent).await.status, 200);
    let many =
        wordless(|event| event["user"] = json!({ "user_metadata": { "many": vec![0; 900] } }));
    assert_eq!(said(&many).await.0, own.0);
    let log = std::fs::read_to_string(server.folder.path().join("log")).unwrap();
    assert!(log.contains("a template makes no message"), "{log}");
    expect_none_of(
        &["492016", &NUMBER[2..]],
        &[("the log".to_owned(), log.into())],
    );

    // Tried, reset, disabled, deleted.
    let attempt = format!("{path}/try");
    let tried = server.ask("POST", &attempt, json!({ "to": NUMBER })).await;
    assert_eq!(
        (tried.status, refusal(&tried)),
        (400, (400, "")),
        "{tried:?}"
    );
    assert!(
        tried.body["message"]
            .as_str()
            .unwrap()
            .contains("makes nothing"),
        "{tried:?}"
    );
    let reset = format!("{path}/reset");
    let reset = server.try_ask("PATCH", &reset, &[], bytes::Bytes::new());
    let reset = reset.await.unwrap();
    assert_eq!(reset.status, 200, "{reset:?}");
    assert_eq!(reset.body["content"]["from"], Value::Null, "{reset:?}");
    assert_eq!(said(&german).await, own);
    let off = json!({ "disabled": true, "content": { "body": { "text": "Off: {{ code }}" } } });
    let off = server.ask("PATCH", &path, off).await;
    assert_eq!(off.body["disabled"], true, "{off:?}");
    assert_eq!(said(&german).await, own);
    let tried = server.ask("POST", &attempt, json!({ "to": NUMBER })).await;
    assert_eq!(tried.status, 202, "{tried:?}");
    let id = tried.body["message"]
        .as_str()
        .unwrap()
        .split(' ')
        .nth(2)
        .unwrap();
    settled(&server, id).await;
    let text = last(&inbox).0.text.clone().unwrap();
    let code = text.strip_prefix("Off: ").unwrap();
    assert!(
        code.len() == 6 && code.bytes().all(|digit| digit.is_ascii_digit()),
        "{text}"
    );
    assert_eq!(server.ask("DELETE", &path, json!({})).await.status, 204);
    assert_eq!(said(&german).await, own);
}

#[tokio::test]
async fn a_template_is_answered_as_auth0_answers() {
    let gate = Gate::open(Mode::Accept).await;
    let (server, _inbox) = start(&gate).await;
    let listed = server.ask("GET", TEMPLATES, json!({})).await;
    let all = listed.body["templates"].as_array().unwrap();
    let types: Vec<_> = all
        .iter()
        .map(|template| template["type"].as_str().unwrap())
        .collect();
    assert_eq!(
        types,
        [
            "otp_verify",
            "otp_enroll",
            "change_password",
            "blocked_account"
        ]
    );
    for template in all {
        assert!(
            template["id"].is_null() && template["created_at"].is_null(),
            "{template}"
        );
        assert_eq!(
            (&template["disabled"], &template["channel"]),
            (&json!(false), &json!("phone"))
        );
        let body = &template["content"]["body"];
        assert!(
            body["text"].is_string() && body["voice"].is_string(),
            "{template}"
        );
        assert_eq!(template["content"]["syntax"], "liquid", "{template}");
    }
    for (says, body) in [
        ("Missing required property: type", json!({ "content": {} })),
        ("Some property", json!({ "type": "verify_email" })),
        (
            "content.from",
            json!({ "type": "otp_verify", "content": { "from": "" } }),
        ),
        (
            "content.from",
            json!({ "type": "otp_verify", "content": { "from": "+12345678901234567" } }),
        ),
        (
            "content.body.text is no template: line 2",
            json!({ "type": "otp_verify", "content": { "body": { "text": "a\n{{ code" } } }),
        ),
        (
            "content.body.voice is no template: line 1",
            json!({ "type": "otp_verify", "content": { "body": { "text": "a", "voice": "{% fro %}" } } }),
        ),
        (
            "has 0 characters",
            json!({ "type": "otp_verify", "content": { "body": { "text": "" } } }),
        ),
        (
            "has 20001 characters",
            json!({ "type": "otp_verify", "content": { "body": { "text": "x".repeat(20_001) } } }),
        ),
        (
            "Some property",
            json!({ "type": "otp_verify", "content": { "syntax": "ejs" } }),
        ),
        (
            "not allowed: subject",
            json!({ "type": "otp_verify", "content": { "subject": "a" } }),
        ),
        (
            "not allowed: tenant",
            json!({ "type": "otp_verify", "tenant": "other" }),
        ),
        (
            "not allowed: html",
            json!({ "type": "otp_verify", "content": { "body": { "html": "a" } } }),
        ),
    ] {
        let refused = server.ask("POST", TEMPLATES, body.clone()).await;
        assert_eq!(
            refusal(&refused),
            (400, "invalid_body"),
            "{body}: {refused:?}"
        );
        assert!(
            refused.body["message"].as_str().unwrap().contains(says),
            "{says}: {refused:?}"
        );
    }
    let breach = json!({ "type": "password_breach", "disabled": true, "content": { "body": { "text": "Change it" } } });
    let made = server.ask("POST", TEMPLATES, breach.clone()).await;
    let keys: Vec<_> = made.body.as_object().unwrap().keys().collect();
    assert_eq!(keys.len(), 8, "{made:?}");
    assert!(
        made.body["id"].as_str().unwrap().starts_with("tem_"),
        "{made:?}"
    );
    assert_eq!(made.body["content"].get("from"), None, "{made:?}");
    let again = server.ask("POST", TEMPLATES, breach).await;
    assert_eq!(refusal(&again), (409, ""), "{again:?}");
    let listed = server
        .ask("GET", &format!("{TEMPLATES}?disabled=true"), json!({}))
        .await;
    assert_eq!(listed.body, json!({ "templates": [made.body] }));
    let path = format!("{TEMPLATES}/{}", made.body["id"].as_str().unwrap());
    let with_type = server
        .ask("PATCH", &path, json!({ "type": "otp_verify" }))
        .await;
    assert_eq!(refusal(&with_type), (400, "invalid_body"), "{with_type:?}");
    assert_eq!(server.ask("GET", &path, json!({})).await.body, made.body);
}
