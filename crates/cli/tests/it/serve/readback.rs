//! A secret is set and used, and then everything that can be asked is asked: nothing that is told shows it, nor the code and
//! the number of whoever it was used for.

use std::sync::LazyLock;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use phonebox::Action;
use phonebox_test_guests::PROBE;
use serde_json::{Value, json};

use super::openapi::expect_all_of;
use super::tail::Tail;
use super::webhook::Receiver;
use super::{NUMBER, Server, expect_none_of};
use crate::gate::{Gate, Mode};

/// Both have what each encoding writes in its own way.
const SEALED: &str = "tok/\"8?>~is-sealed";
const REVEALED: &str = "sid/\"7?>~is-revealed";
/// Longer than what a time or a digest has by chance.
const CODE: &str = "4920167358";
const MANIFEST: &str = "name = \"probe\"\ntrigger = \"custom-phone-provider\"\n\
    [[egress]]\norigin = \"http://kannel.example:13013\"\n[secrets.TOKEN]\n[secrets.SID]\nreveal = true\n";

/// A provider that repeats all that it was told.
static ECHO: LazyLock<String> = LazyLock::new(|| {
    let body = format!("{SEALED} {REVEALED} {CODE} {NUMBER}");
    let size = body.len();
    format!("HTTP/1.1 200 OK\r\nx-told: {SEALED}\r\ncontent-length: {size}\r\n\r\n{body}")
});

/// All that was told, each with what was asked.
#[derive(Default)]
struct Told {
    all: Vec<(String, Vec<u8>)>,
    /// Methods and addresses.
    asked: Vec<(String, String)>,
}

impl Told {
    /// Asks, and keeps the answer, head and all.
    async fn ask(&mut self, server: &Server, method: &str, path: &str, body: &str) -> Value {
        let request = http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", server.url))
            .header("authorization", format!("Bearer {}", server.key))
            .header("phonebox-tenant", &server.tenant)
            .header("content-type", "application/json")
            .header("prefer", "wait=30")
            .body(Full::new(Bytes::from(body.to_owned())));
        let response = server.client.request(request.unwrap()).await.unwrap();
        let (head, answer) = response.into_parts();
        let answer = answer.collect().await.unwrap().to_bytes();
        let mut told = format!("{head:?}\n").into_bytes();
        told.extend_from_slice(&answer);
        self.all.push((format!("{method} {path} {body}"), told));
        self.asked.push((method.to_owned(), path.to_owned()));
        serde_json::from_slice(&answer).unwrap_or_default()
    }

    async fn types(&mut self, server: &Server, arguments: &[&str], stdin: &str, code: i32) {
        let ran = server.types(arguments, stdin).await;
        assert_eq!(ran.code, code, "{arguments:?}: {ran:?}");
        let told = format!("{}{}", ran.stdout, ran.stderr);
        self.all
            .push((format!("{arguments:?}: {stdin}"), told.into_bytes()));
    }
}

/// An event whose text the probe does line by line.
fn event(lines: &[String]) -> String {
    let event = json!({ "event": { "notification": {
        "recipient": NUMBER, "code": CODE, "as_text": lines.join("\n"), "delivery_method": "text",
    } }, "valid_seconds": 60 });
    event.to_string()
}

#[tokio::test]
async fn s12_no_answer_shows_a_secret_a_code_or_a_number() {
    let gate = Gate::open(Mode::Say(&ECHO)).await;
    let receiver = Receiver::open(Some(204)).await;
    let mut server = Server::with_hosts(gate.address, &[("hooks", receiver.address)]);
    server.start();
    let mut told = Told::default();
    let secret = |name: &str| format!("/v1/actions/probe/secrets/{name}");

    // What is kept, and what is refused.
    let sealed = json!({ "value": SEALED }).to_string();
    let revealed = json!({ "value": REVEALED, "mode": "revealed" }).to_string();
    let kept = told.ask(&server, "PUT", &secret("TOKEN"), &sealed).await;
    // Not as the action asks for it: that is noted when it is deployed.
    let unfit = json!({ "value": REVEALED }).to_string();
    told.ask(&server, "PUT", &secret("SID"), &unfit).await;
    for body in [
        json!({ "value": format!("{SEALED}\n") }),
        json!({ "value": SEALED.repeat(300) }),
        json!({ "value": [SEALED] }),
        json!({ "value": SEALED, "mode": REVEALED }),
        json!({ "value": SEALED, "origins": [REVEALED] }),
        json!({ "value": SEALED, "origins": [format!("https://{CODE}.example/{NUMBER}")] }),
        json!({ "valeu": SEALED }),
        json!({ "value": "x", REVEALED: SEALED }),
        json!([SEALED]),
    ] {
        let refused = told
            .ask(&server, "PUT", &secret("TOKEN"), &body.to_string())
            .await;
        assert!(refused["code"].is_string(), "{body}: {refused}");
    }
    told.ask(&server, "PUT", &secret("TOKEN"), SEALED).await;
    told.ask(&server, "PUT", &secret("token"), &sealed).await;
    told.ask(&server, "POST", "/v1/actions", SEALED).await;

    // The same value has one fingerprint, but for another tenant or with other keys.
    let print = |kept: &Value| kept["fingerprint"].as_str().unwrap().to_owned();
    let same = told.ask(&server, "PUT", &secret("AGAIN"), &sealed).await;
    assert_eq!(print(&kept), print(&same));
    let other = Server::beside(&server, "other");
    let others = told.ask(&other, "PUT", &secret("TOKEN"), &sealed).await;
    assert_ne!(print(&kept), print(&others));
    let mut elsewhere = Server::new(gate.address);
    elsewhere.start();
    let elsewhere = told.ask(&elsewhere, "PUT", &secret("TOKEN"), &sealed).await;
    assert_ne!(print(&kept), print(&elsewhere));

    let action = Action::assemble(PROBE.bytes, MANIFEST).unwrap();
    let component = action.component().to_vec().into();
    let deployed = server.try_ask("POST", "/v1/actions", &[], component).await;
    let deployed = deployed.unwrap();
    assert_eq!(deployed.status, 201, "{deployed:?}");
    assert_ne!(deployed.body["notes"], json!([]), "{deployed:?}");
    told.all
        .push(("deploy".to_owned(), deployed.body.to_string().into()));
    told.ask(&server, "PUT", &secret("SID"), &revealed).await;

    // Keys and what signs are shown to whoever makes them, and to nobody else.
    let wanted = json!({ "tenant": "acme", "scopes": ["notifications:read"] });
    let made = server.ask("POST", "/v1/keys", wanted).await.body;
    let hook = json!({ "url": "http://hooks.example/hook" });
    let hook = server.ask("PUT", "/v1/webhook", hook).await.body;
    // Without what says what it is, and the key's id.
    let key = &made["key"].as_str().unwrap()["phb_".len() + 12..];
    let signs = &hook["secret"].as_str().unwrap()["whsec_".len()..];

    // An action and a provider that tell all that they know, in every way to end.
    let mut tail = Tail::open(&server, "").await.unwrap();
    let all = format!("{SEALED} {REVEALED} {CODE} {NUMBER}");
    let request = json!({
        "url": "http://kannel.example:13013/messages",
        "headers": [["authorization", "Bearer {{TOKEN}}"], ["x-sid", "{{SID}}"]],
        "body": format!("{{{{SID}}}} {CODE} {NUMBER}"), "show_headers": true,
    });
    let denied = json!({
        "url": format!("http://kannel.example:13013/{CODE}/{{{{SID}}}}?to={NUMBER}&{{{{TOKEN}}}}"),
        "headers": [["x-other", "{{TOKEN}}"]],
    });
    let knows = ["secret TOKEN", "secret SID", "event", "event-json"].map(ToOwned::to_owned);
    let does = [
        format!("say {all}"),
        format!("print {all}"),
        format!("http {request}"),
        format!("http {denied}"),
    ];
    let mut ids = Vec::new();
    for ends in [
        format!("sent kannel {REVEALED}"),
        format!("drop {all}"),
        format!("fail {all}"),
        format!("panic {all}"),
        format!("retry 200 {all}"),
    ] {
        let lines = [&knows[..], &does[..], std::slice::from_ref(&ends)].concat();
        let sent = told
            .ask(&server, "POST", "/v1/notifications", &event(&lines))
            .await;
        let attempt = &sent["attempts"][0]["report"];
        let said = attempt["log"].as_array().map_or(0, Vec::len);
        assert!(said >= lines.len() - 1, "{ends}: {sent:#}");
        assert_eq!(attempt["exchanges"][0]["status"], 200, "{ends}: {sent:#}");
        ids.push(sent["id"].as_str().unwrap().to_owned());
    }
    for body in [
        json!({ "event": { "notification": { "recipient": all, "code": CODE } } }),
        json!({ "event": { "notification": { "recipient": NUMBER, "code": [CODE] } } }),
        json!({ "event": all }),
        json!({ "event": {}, all.clone(): 1 }),
        json!({ "event": {}, "valid_seconds": all }),
    ] {
        told.ask(&server, "POST", "/v1/notifications", &body.to_string())
            .await;
    }
    for id in &ids {
        let path = format!("/v1/notifications/{id}");
        told.ask(&server, "POST", &format!("{path}/cancel"), "")
            .await;
        for report in [
            json!({ "status": "delivered", "provider_status": all }),
            json!({ "status": all }),
            json!({ "status": "delivered" }),
        ] {
            let path = format!("{path}/receipt");
            told.ask(&server, "POST", &path, &report.to_string()).await;
        }
        told.ask(&server, "GET", &path, "").await;
    }
    let replay = format!("/v1/notifications/{}/replay", ids[0]);
    let again = told.ask(&server, "POST", &replay, "").await;
    assert_eq!(again["status"], "sent", "{again:#}");
    let wrong = json!({ "valid_seconds": all }).to_string();
    told.ask(&server, "POST", &replay, &wrong).await;
    let version = |version: Value| json!({ "version": version }).to_string();
    for version in [version(json!(1)), version(json!(all))] {
        told.ask(&server, "PUT", "/v1/actions/probe/deployed", &version)
            .await;
    }
    let settings = "/api/v2/tenants/settings";
    for body in [
        json!({ "friendly_name": all }),
        json!({ "support_email": all }),
        json!({ all.clone(): 1 }),
        json!({ "country_codes": { "list": [all], "mode": all } }),
        json!({ "friendly_name": null }),
    ] {
        let changed = told
            .ask(&server, "PATCH", settings, &body.to_string())
            .await;
        // What somebody is called is not ours to mask.
        if body["friendly_name"] == all {
            assert_eq!(changed["friendly_name"], all);
            told.all.pop();
        }
    }
    let logs = told.ask(&server, "GET", "/api/v2/logs", "").await;
    let log = format!("/api/v2/logs/{}", logs[0]["log_id"].as_str().unwrap());
    for (method, path) in [
        ("GET", "/.well-known/jwks.json"),
        ("GET", "/livez"),
        ("GET", "/readyz"),
        ("GET", "/metrics"),
        ("GET", "/openapi.json"),
        ("GET", "/v1/actions"),
        ("GET", "/v1/actions/probe/versions"),
        ("GET", "/v1/actions/probe/secrets"),
        ("GET", "/v1/keys?tenant=acme"),
        ("GET", "/v1/notifications"),
        ("GET", "/v1/root-keys"),
        ("POST", "/v1/root-keys/rotate"),
        ("POST", "/v1/signing-keys/rotate"),
        ("GET", "/v1/tenants"),
        ("GET", "/v1/webhook"),
        ("GET", "/api/v2/logs?per_page=100"),
        ("GET", "/api/v2/logs?include_totals=true&take=100"),
        ("GET", &log),
        ("GET", settings),
        ("GET", "/v1/nothing"),
        ("PATCH", "/v1/webhook"),
    ] {
        told.ask(&server, method, path, "").await;
    }
    let client = json!({ "grant_type": "client_credentials", "client_id": all, "client_secret": SEALED, "audience": all });
    told.ask(&server, "POST", "/oauth/token", &client.to_string())
        .await;
    let wrong = json!({ "tenant": all, "scopes": [all] }).to_string();
    told.ask(&server, "POST", "/v1/keys", &wrong).await;
    let wrong = json!({ "url": format!("https://{CODE}.example/{all}") }).to_string();
    told.ask(&server, "PUT", "/v1/webhook", &wrong).await;
    for path in [
        "v1/notifications?status=",
        "v1/notifications?limit=",
        "v1/tail?notification=",
        "v1/tenants?limit=x",
        "api/v2/logs?q=",
        "api/v2/logs?q=description:",
        "api/v2/logs?from=",
        "api/v2/logs/",
    ] {
        told.ask(&server, "GET", &format!("/{path}{CODE}"), "")
            .await;
    }

    // A phone provider, whose credentials are a secret, too.
    let providers = "/api/v2/branding/phone/providers";
    let provider = |token: &str| {
        json!({
            "name": "twilio", "credentials": { "auth_token": token },
            "configuration": { "sid": "AC1", "default_from": "+15005550006", "delivery_methods": ["text"] },
        })
    };
    for wrong in [
        json!({ "name": "twilio", "credentials": { "auth_token": [SEALED] } }),
        json!({ "name": SEALED, "credentials": { "auth_token": SEALED } }),
        json!({ "name": "custom", "credentials": { SEALED: SEALED } }),
        provider(&SEALED.repeat(20)),
    ] {
        let refused = told
            .ask(&server, "POST", providers, &wrong.to_string())
            .await;
        assert_eq!(refused["statusCode"], 400, "{wrong}: {refused}");
    }
    let sealed = provider(SEALED).to_string();
    let made = told.ask(&server, "POST", providers, &sealed).await;
    let path = format!("{providers}/{}", made["id"].as_str().unwrap());
    told.ask(&server, "POST", providers, &sealed).await;
    told.ask(&server, "GET", providers, "").await;
    told.ask(&server, "GET", &path, "").await;
    told.ask(&server, "PATCH", &path, &sealed).await;
    let call = json!({ "to": NUMBER, "delivery_method": "voice" }).to_string();
    told.ask(&server, "POST", &format!("{path}/try"), &call)
        .await;
    told.ask(&server, "DELETE", &path, "").await;
    managed(&mut told, &server, &all).await;
    modules(&mut told, &server).await;

    // Templates, which have the code and the number in them once they are filled in.
    let templates = "/api/v2/branding/phone/templates";
    let template = json!({ "type": "otp_verify", "content": { "body": { "text": "say {{ code }} {{ user.phone_number }}" } } });
    let made = told
        .ask(&server, "POST", templates, &template.to_string())
        .await;
    let path = format!("{templates}/{}", made["id"].as_str().unwrap());
    let mut wordless: Value = serde_json::from_str(&event(&[])).unwrap();
    wordless["event"]["user"] = json!({ "phone_number": NUMBER });
    for text in [
        "{{ code | shout }}",
        "{% for i in (1..9999) %}{{ code }}{% endfor %}",
    ] {
        let change = json!({ "content": { "body": { "text": text } } }).to_string();
        told.ask(&server, "PATCH", &path, &change).await;
        told.ask(&server, "POST", "/v1/notifications", &wordless.to_string())
            .await;
    }
    for (method, path) in [
        ("GET", templates),
        ("GET", &path),
        ("POST", &format!("{path}/try")),
        ("PATCH", &format!("{path}/reset")),
        ("DELETE", &path),
    ] {
        told.ask(&server, method, path, &json!({ "to": NUMBER }).to_string())
            .await;
    }

    // What is told while it happens, and after.
    let mut ended = 0;
    while ended <= ids.len() {
        let (kind, event) = tail.next().await.expect("it ended");
        ended += usize::from(kind == "status" && event["status"] != "leased");
        told.all
            .push((format!("tail: {kind}"), event.to_string().into()));
    }
    let came = receiver.wait_for(|came| came.len() > ids.len()).await;
    told.all.extend(
        came.iter()
            .map(|came| ("webhook".to_owned(), format!("{came:?}").into_bytes())),
    );
    for more in [&[][..], &["--json"]] {
        let two_lines = format!("{SEALED}\n{REVEALED}");
        for (arguments, stdin, code) in [
            (&["secrets", "list", "probe"][..], "", 0),
            (&["secrets", "set", "probe", "TOKEN"], SEALED, 0),
            (&["secrets", "set", "probe", "TOKEN"], &two_lines, 0),
            (&["notifications", "list"], "", 0),
            (&["logs"], "", 0),
        ] {
            let arguments = [arguments, more].concat();
            told.types(&server, &arguments, stdin, code).await;
        }
        for id in &ids {
            let show = [&["notifications", "show", id], more].concat();
            told.types(&server, &show, "", 0).await;
        }
    }
    for path in [
        &*secret("TOKEN"),
        "/v1/webhook",
        &format!("/v1/keys/{}", made["id"].as_str().unwrap()),
    ] {
        told.ask(&server, "DELETE", path, "").await;
    }
    for (method, path) in [
        ("POST", "/v1/actions"),
        ("POST", "/v1/keys"),
        ("PUT", "/v1/webhook"),
        ("GET", "/v1/tail"),
    ] {
        told.asked.push((method.to_owned(), path.to_owned()));
    }
    expect_all_of(&told.asked);
    let log = std::fs::read(server.folder.path().join("log")).unwrap();
    told.all.push(("the log".to_owned(), log));
    expect_none_of(
        &[
            SEALED,
            REVEALED,
            CODE,
            &NUMBER[2..],
            "206 555 0100",
            key,
            signs,
        ],
        &told.all,
    );
}

/// By Auth0's Management API: what is kept, what is refused, and a run that tells all that it knows.
async fn managed(told: &mut Told, server: &Server, all: &str) {
    let actions = "/api/v2/actions/actions";
    let listed = told.ask(server, "GET", actions, "").await;
    let action = format!("{actions}/{}", listed["actions"][0]["id"].as_str().unwrap());
    let secrets =
        json!([{ "name": "TOKEN", "value": SEALED }, { "name": "SID", "value": REVEALED }]);
    let modes = json!({ "secrets": { "SID": { "mode": "revealed" } } });
    for (fits, body) in [
        (true, json!({ "secrets": secrets, "phonebox": modes })),
        (
            false,
            json!({ "secrets": [{ "name": "TOKEN", "value": format!("{SEALED}\n") }] }),
        ),
        (
            false,
            json!({ "secrets": [{ "name": SEALED, "value": SEALED }] }),
        ),
        (
            false,
            json!({ "secrets": [{ "name": "TOKEN", "value": [SEALED] }] }),
        ),
        (
            false,
            json!({ "secrets": [{ "name": "TOKEN", "value": SEALED.repeat(300) }] }),
        ),
        (false, json!({ "secrets": SEALED })),
        (false, json!({ SEALED: SEALED })),
        (
            false,
            json!({ "phonebox": { "secrets": { SEALED: { "mode": "sealed" } } } }),
        ),
        (
            false,
            json!({ "phonebox": { "egress": [{ "origin": all }] } }),
        ),
        (false, json!({ "runtime": SEALED })),
        (
            false,
            json!({ "code": format!("data:application/wasm;base64,{all}") }),
        ),
    ] {
        let answer = told.ask(server, "PATCH", &action, &body.to_string()).await;
        assert_eq!(answer["statusCode"].is_null(), fits, "{body}: {answer:#}");
    }
    while told.ask(server, "GET", &action, "").await["status"] != "built" {}
    let lines = [
        "secret TOKEN",
        "secret SID",
        "event",
        &format!("say {all}"),
        &format!("drop {all}"),
    ]
    .join("\n");
    let event: Value = serde_json::from_str(&event(&[lines])).unwrap();
    let payload = json!({ "payload": { "event": event["event"] } }).to_string();
    let tried = told
        .ask(server, "POST", &format!("{action}/test"), &payload)
        .await;
    assert_eq!(
        tried["payload"]["logs"].as_array().map_or(0, Vec::len),
        4,
        "{tried:#}"
    );
    for payload in [
        json!({ "event": { "notification": { "recipient": all } } }),
        json!({ all: 1 }),
        json!(all),
    ] {
        let body = json!({ "payload": payload }).to_string();
        told.ask(server, "POST", &format!("{action}/test"), &body)
            .await;
    }
    let deployed = told
        .ask(server, "POST", &format!("{action}/deploy"), "")
        .await;
    let version = format!("{action}/versions/{}", deployed["id"].as_str().unwrap());
    told.ask(
        server,
        "POST",
        &format!("{version}/deploy"),
        &json!({ "update_draft": true }).to_string(),
    )
    .await;
    let bindings = "/api/v2/actions/triggers/custom-phone-provider/bindings";
    for bound in ["probe", all] {
        let bind = json!({ "bindings": [{ "ref": { "value": bound }, "display_name": "probe" }] });
        told.ask(server, "PATCH", bindings, &bind.to_string()).await;
    }
    // Code is shown as it is.
    let module = format!("{action}/module");
    told.ask(server, "PUT", &module, "no module").await;
    let create =
        json!({ "name": all, "supported_triggers": [{ "id": SEALED }], "secrets": secrets });
    told.ask(server, "POST", actions, &create.to_string()).await;
    for (method, path) in [
        ("GET", actions),
        ("GET", &*version),
        ("GET", &format!("{action}/versions")),
        ("GET", "/api/v2/actions/triggers"),
        ("GET", bindings),
        (
            "GET",
            "/api/v2/actions/executions/01a206c0-271b-7310-831d-7ec157647e27",
        ),
        ("DELETE", &action),
        (
            "DELETE",
            &format!(
                "{actions}/{}",
                percent_encoding::utf8_percent_encode(SEALED, percent_encoding::NON_ALPHANUMERIC)
            ),
        ),
    ] {
        told.ask(server, method, path, SEALED).await;
    }
}

/// Modules by Auth0's Management API: what is kept, and what is refused.
async fn modules(told: &mut Told, server: &Server) {
    let all = super::modules::MODULES;
    let secrets = |value: Value| json!({ "secrets": [{ "name": "TOKEN", "value": value }] });
    let mut new = secrets(json!(SEALED));
    new["name"] = json!("shared");
    new["code"] = json!("exports.shared = 1;");
    let made = told.ask(server, "POST", all, &new.to_string()).await;
    told.ask(server, "POST", all, &new.to_string()).await;
    let module = format!("{all}/{}", made["id"].as_str().unwrap());
    let versions = format!("{module}/versions");
    let published = told.ask(server, "POST", &versions, "").await;
    let version = published["id"].as_str().unwrap();
    for (fits, body) in [
        (true, secrets(json!(REVEALED))),
        (false, secrets(json!([SEALED]))),
        (false, secrets(json!(format!("{SEALED}\0")))),
        (false, secrets(json!(SEALED.repeat(300)))),
        (
            false,
            json!({ "secrets": [{ "name": SEALED, "value": SEALED }] }),
        ),
        (false, json!({ "secrets": SEALED })),
        (false, json!({ SEALED: SEALED })),
    ] {
        let answer = told.ask(server, "PATCH", &module, &body.to_string()).await;
        assert_eq!(answer["statusCode"].is_null(), fits, "{body}: {answer:#}");
    }
    let back = json!({ "module_version_id": version }).to_string();
    for (method, path, body) in [
        ("GET", all, ""),
        ("GET", &module, ""),
        ("GET", &format!("{module}/actions"), ""),
        ("GET", &versions, ""),
        ("GET", &format!("{versions}/{version}"), ""),
        ("POST", &format!("{module}/rollback"), &back),
        ("POST", &format!("{module}/rollback"), SEALED),
        ("DELETE", &module, ""),
    ] {
        told.ask(server, method, path, body).await;
    }
}
