//! What failed, was refused and was asked is in the tenant's log, and shows no code, number or secret.

use phonebox::Action;
use phonebox_test_guests::PROBE;
use serde_json::{Value, json};

use super::{Answer, NUMBER, Server};
use crate::gate::{Gate, Mode};

const MANIFEST: &str = "name = \"probe\"\ntrigger = \"custom-phone-provider\"\n";
const CODE: &str = "4920167358";
const MASKED: &str = "+1••••••••00";

impl Server {
    async fn logs(&self, query: &str) -> Answer {
        let path = format!("/api/v2/logs{query}");
        self.ask("GET", &path, json!({})).await
    }

    async fn log_rows(&self, query: &str) -> Vec<Value> {
        let answer = self.logs(query).await;
        assert_eq!(answer.status, 200, "{query}: {answer:?}");
        answer.body.as_array().unwrap().clone()
    }

    /// Has a key asked with for what it is good for, and with nothing else.
    pub(super) async fn with_scopes(&self, tenant: &str, scopes: &[&str]) -> Self {
        let wanted = json!({ "tenant": tenant, "scopes": scopes });
        let made = self.ask("POST", "/v1/keys", wanted).await;
        assert_eq!(made.status, 201, "{made:?}");
        let mut other = Self::beside(self, tenant);
        made.body["key"]
            .as_str()
            .unwrap()
            .clone_into(&mut other.key);
        other
    }
}

async fn probe(server: &Server) {
    let action = Action::assemble(PROBE.bytes, MANIFEST).unwrap();
    let component = action.component().to_vec().into();
    let deployed = server.try_ask("POST", "/v1/actions", &[], component).await;
    assert_eq!(deployed.unwrap().status, 201);
}

/// Sends what has the action end so. Gives the notification.
async fn send(server: &Server, ends: &str, valid: u64) -> Value {
    let body = json!({ "valid_seconds": valid, "event": { "notification": {
        "recipient": NUMBER, "code": CODE, "as_text": ends, "delivery_method": "text",
        "message_type": "otp_enroll",
    } } });
    let body = body.to_string().into();
    let wait = [("prefer", "wait=30")];
    let sent = server.try_ask("POST", "/v1/notifications", &wait, body);
    sent.await.unwrap().body
}

/// As Auth0's clients write it.
fn uuid(sent: &Value) -> String {
    let mut id = sent["id"].as_str().unwrap()["ntf_".len()..].to_owned();
    for place in [20, 16, 12, 8] {
        id.insert(place, '-');
    }
    id
}

#[tokio::test]
async fn what_was_not_sent_is_in_the_log_and_shows_nobody() {
    let gate = Gate::open(Mode::Accept).await;
    let mut server = Server::new(gate.address);
    server.start();
    probe(&server).await;
    let knows = format!("{CODE} {NUMBER}");
    let sent = send(&server, "sent kannel m-1", 60).await;
    assert_eq!(sent["status"], "sent", "{sent:#}");
    assert_eq!(server.log_rows("").await, Vec::<Value>::new());

    let dropped = send(&server, &format!("drop no such number {knows}"), 60).await;
    let threw = send(&server, &format!("fail TypeError: of {knows}"), 60).await;
    let panicked = send(&server, &format!("panic {knows}"), 60).await;
    // No time would be left.
    let late = send(&server, &format!("retry 200 busy {knows}"), 60).await;
    let rows = server.log_rows("?sort=date:1").await;
    let kinds: Vec<_> = rows
        .iter()
        .map(|row| row["type"].as_str().unwrap())
        .collect();
    let failed = "actions_execution_failed";
    assert_eq!(kinds, ["fn", failed, "fn", failed, "fn", "fn"], "{rows:#?}");
    for (row, sent, status) in [
        (&rows[0], &dropped, "dropped"),
        (&rows[2], &threw, "dropped"),
        (&rows[4], &panicked, "dropped"),
        (&rows[5], &late, "expired"),
    ] {
        let details = &row["details"];
        let error = &details["error"];
        let expected = json!({
            "notification_type": "otp_enroll", "delivery_method": "text", "to": MASKED,
            "error": error, "status": status, "action_name": "probe",
            "trigger_id": "custom-phone-provider", "execution_id": uuid(sent),
        });
        assert_eq!(*details, expected, "{row:#}");
        assert_eq!(row["description"], *error, "{row:#}");
        assert_eq!(row["_id"], row["log_id"], "{row:#}");
        let date: jiff::Timestamp = row["date"].as_str().unwrap().parse().unwrap();
        assert!(date.duration_until(jiff::Timestamp::now()).as_secs() < 600);
        assert_eq!(row["date"].as_str().unwrap().len(), 24, "{row:#}");
    }
    assert_eq!(rows[0]["description"], "no such number [code] [number]");
    let busy = "no time was left to try again: busy [code] [number]";
    assert_eq!(rows[5]["description"], busy);
    for (row, sent, name, code, message) in [
        (
            &rows[1],
            &threw,
            "TypeError",
            "returned",
            "of [code] [number]",
        ),
        (
            &rows[3],
            &panicked,
            "Error",
            "trapped",
            "the action crashed",
        ),
    ] {
        let (details, error) = (&row["details"], &row["details"]["action_error"]);
        assert_eq!(details["execution_id"], uuid(sent), "{row:#}");
        assert_eq!(details["error_class"], "action_error", "{row:#}");
        assert_eq!(
            (&error["name"], &error["code"]),
            (&json!(name), &json!(code))
        );
        let said = error["message"].as_str().unwrap();
        assert!(said.starts_with(message), "{row:#}");
    }

    // What is tried again says so while it is.
    let again = json!({ "event": { "notification": {
        "recipient": NUMBER, "code": CODE, "as_text": format!("retry 1 busy {knows}"),
    } } });
    server.ask("POST", "/v1/notifications", again).await;
    let warned = loop {
        let found = server.log_rows("?q=type:wn&per_page=1").await;
        if let [row] = &*found {
            break row.clone();
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    };
    let details = &warned["details"];
    assert_eq!(details["warning"], "busy [code] [number]", "{warned:#}");
    assert_eq!(details["notification_channel"], "text", "{warned:#}");
    assert_eq!(details["to"], MASKED, "{warned:#}");

    // Nobody is sent anything there, however often it is asked for.
    let refused = json!({ "event": { "notification": {
        "recipient": "+19005550199", "code": CODE, "as_text": "sent kannel m-2",
    } } });
    for _ in 0..3 {
        let answer = server
            .ask("POST", "/v1/notifications", refused.clone())
            .await;
        assert_eq!(answer.body["code"], "number_not_allowed", "{answer:?}");
    }
    let limited = server.log_rows("?q=type:limit_phone").await;
    let [row] = &*limited else {
        panic!("{limited:#?}")
    };
    let details = &row["details"];
    assert_eq!(
        (&details["type"], &details["to"], &details["count"]),
        (
            &json!("number_not_allowed"),
            &json!("+1••••••••99"),
            &json!(1)
        ),
        "{row:#}"
    );

    let all = server.logs("?per_page=100").await.body.to_string();
    let log = std::fs::read(server.folder.path().join("log")).unwrap();
    let told = [("logs".to_owned(), all.into()), ("the log".to_owned(), log)];
    super::expect_none_of(&[CODE, &NUMBER[2..], "9005550199"], &told);
}

#[tokio::test]
async fn w01_w15_a_log_is_its_tenants_and_is_asked_as_auth0s_clients_ask() {
    let gate = Gate::open(Mode::Accept).await;
    let mut server = Server::new(gate.address);
    server.start();
    probe(&server).await;
    for number in 0..3 {
        send(&server, &format!("drop {number}"), 60).await;
    }
    let other = Server::beside(&server, "other");
    probe(&other).await;
    send(&other, "drop theirs", 60).await;
    let theirs = other.log_rows("").await[0]["log_id"].clone();
    let rows = server.log_rows("").await;
    let said = |rows: &[Value]| -> Vec<String> {
        let said = rows.iter().map(|row| row["description"].as_str().unwrap());
        said.map(ToOwned::to_owned).collect()
    };
    assert_eq!(said(&rows), ["2", "1", "0"]);

    // One by one: of another tenant, nowhere and unreadable are the same.
    let show = async |server: &Server, id: &str| {
        let path = format!("/api/v2/logs/{id}");
        server.ask("GET", &path, json!({})).await
    };
    let id = rows[1]["log_id"].as_str().unwrap();
    let found = show(&server, id).await;
    assert_eq!((found.status, &found.body), (200, &rows[1]));
    let (theirs, missing) = (theirs.as_str().unwrap(), "0".repeat(32));
    let foreign = show(&server, theirs).await;
    assert_eq!(foreign.status, 404, "{foreign:?}");
    assert_eq!(foreign.body["errorCode"], "inexistent_log", "{foreign:?}");
    for id in [&missing, "x", "%2e%2e", &format!("{id}0")] {
        let answer = show(&server, id).await;
        assert_eq!((answer.status, &answer.body), (404, &foreign.body), "{id}");
    }

    // In pages, as node and python ask for them, and past the end.
    let page = async |page: usize| {
        let query = format!("?page={page}&per_page=2&include_totals=true");
        server.logs(&query).await.body
    };
    let first = page(0).await;
    let expected = json!({ "start": 0, "limit": 2, "length": 2, "total": 3, "logs": rows[..2] });
    assert_eq!(first, expected);
    let expected = json!({ "start": 2, "limit": 2, "length": 1, "total": 3, "logs": rows[2..] });
    assert_eq!(page(1).await, expected);
    let expected = json!({ "start": 4, "limit": 2, "length": 0, "total": 3, "logs": [] });
    assert_eq!(page(2).await, expected);
    let far = server.logs(&format!("?page={}", usize::MAX)).await;
    assert_eq!((far.status, far.body), (200, json!([])));
    assert_eq!(server.log_rows("?per_page=0").await.len(), 0);

    // From where somebody left off.
    let oldest = rows[2]["log_id"].as_str().unwrap();
    let later = server.log_rows(&format!("?from={oldest}&take=1")).await;
    assert_eq!(said(&later), ["1"]);
    assert_eq!(
        said(&server.log_rows(&format!("?from={oldest}")).await),
        ["1", "2"]
    );
    let latest = rows[0]["log_id"].as_str().unwrap();
    assert_eq!(server.log_rows(&format!("?from={latest}")).await.len(), 0);
    assert_eq!(said(&server.log_rows("?take=100").await), ["0", "1", "2"]);

    // Searched, and in part.
    let day = rows[0]["date"].as_str().unwrap()[..10].to_owned();
    for (query, expected) in [
        ("?q=type:fn%20AND%20description:1".to_owned(), 1),
        ("?search=type:(wn%20OR%20fn)".to_owned(), 3),
        ("?q=type:fn&search=description:1".to_owned(), 1),
        ("?q=NOT%20type:fn".to_owned(), 0),
        (format!("?q=date:[2026-01-01%20TO%20{day}]"), 3),
        (format!("?q=date:{{{day}%20TO%20*]"), 0),
        ("?q=details.action_name:prob*".to_owned(), 3),
        (format!("?q=log_id:{id}"), 1),
        (format!("?q=log_id:{theirs}"), 0),
        ("?q=description:theirs".to_owned(), 0),
        ("?q=description:%27%20OR%20type:%25".to_owned(), 0),
    ] {
        assert_eq!(server.log_rows(&query).await.len(), expected, "{query}");
    }
    let few = server.log_rows("?fields=type,description&per_page=1").await;
    assert_eq!(few, [json!({ "type": "fn", "description": "2" })]);
    let rest = server.log_rows("?fields=details,date,_id,log_id&include_fields=false&per_page=1");
    assert_eq!(rest.await, [json!({ "type": "fn", "description": "2" })]);

    for (query, says) in [
        ("per_page=101", "per_page is 0 to 100"),
        ("per_page=1e9", "type"),
        ("page=-1", "type"),
        ("take=0", "take is 1 to 100"),
        ("take=101", "take is 1 to 100"),
        ("from=1", "log_id"),
        ("from=%27%3B--", "log_id"),
        ("sort=type:1", "date:-1"),
        ("sort=date:1;drop", "date:-1"),
        ("include_totals=yes", "type"),
        ("tenant=other", "Additional properties not allowed: tenant"),
        ("page=0&page=1", "type"),
        ("q=fn", "in which field"),
        ("q=type:fn~1", "not understood"),
        ("search=passwort:x", "there is no field"),
    ] {
        let answer = server.logs(&format!("?{query}")).await;
        assert_eq!(
            (answer.status, &answer.body["errorCode"]),
            (400, &json!("invalid_uri")),
            "{query}: {answer:?}"
        );
        let message = answer.body["message"].as_str().unwrap();
        assert!(message.contains(says), "{query}: {message}");
    }

    // Either scope will do, and no other.
    for scope in ["read:logs", "read:logs_users"] {
        let key = server.with_scopes("acme", &[scope]).await;
        assert_eq!(key.log_rows("").await, rows, "{scope}");
    }
    let key = server.with_scopes("acme", &["read:actions"]).await;
    for answer in [key.logs("").await, show(&key, id).await] {
        let wanted = "Insufficient scope, expected any of: read:logs,read:logs_users";
        assert_eq!(answer.body["message"], wanted, "{answer:?}");
        assert_eq!(answer.status, 403, "{answer:?}");
    }
    let mut nobody = Server::beside(&server, "acme");
    "phb_nobody".clone_into(&mut nobody.key);
    assert_eq!(nobody.logs("").await.status, 401);
}

#[tokio::test]
async fn what_is_asked_to_be_changed_is_in_the_log_and_nothing_of_what() {
    const PROVIDERS: &str = "/api/v2/branding/phone/providers";
    const SECRET: &str = "not-for-any-log";
    let gate = Gate::open(Mode::Accept).await;
    let mut server = Server::new(gate.address);
    server.start();
    let ask = async |server: &Server, method: &str, path: &str, body: Value| {
        let agent = [("user-agent", "Auth0/7 (Mobile)")];
        let body = body.to_string().into();
        let answer = server.try_ask(method, path, &agent, body).await;
        answer.unwrap()
    };
    let twilio = json!({
        "name": "twilio", "credentials": { "auth_token": SECRET },
        "configuration": { "sid": "AC00000000000000000000000000000000", "default_from": NUMBER,
            "delivery_methods": ["text"] },
    });
    let made = ask(&server, "POST", PROVIDERS, twilio.clone()).await;
    assert_eq!(made.status, 201, "{made:?}");
    let id = made.body["id"].as_str().unwrap();
    let one = format!("{PROVIDERS}/{id}");
    assert_eq!(ask(&server, "GET", &one, json!({})).await.status, 200);
    let again = ask(&server, "POST", PROVIDERS, twilio.clone()).await;
    let wrong = ask(&server, "PATCH", &one, json!({ "credentials": SECRET })).await;
    let nowhere = ask(
        &server,
        "DELETE",
        &format!("{PROVIDERS}/{}", &NUMBER[1..]),
        json!({}),
    )
    .await;
    let weak = server.with_scopes("acme", &["read:phone_providers"]).await;
    let denied = ask(&weak, "DELETE", &one, json!({})).await;
    assert_eq!(denied.status, 403, "{denied:?}");
    let mut nobody = Server::beside(&server, "acme");
    "phb_nobody".clone_into(&mut nobody.key);
    assert_eq!(ask(&nobody, "DELETE", &one, json!({})).await.status, 401);
    let gone = ask(&server, "DELETE", &one, json!({})).await;
    assert_eq!(gone.status, 204, "{gone:?}");

    let client = |server: &Server| server.key["phb_".len()..][..12].to_owned();
    let expected = [
        ("sapi", &server, "post", PROVIDERS, &made),
        ("fapi", &server, "post", PROVIDERS, &again),
        ("fapi", &server, "patch", &one, &wrong),
        // Not what could be a number.
        (
            "fapi",
            &server,
            "delete",
            &format!("{PROVIDERS}/{{id}}"),
            &nowhere,
        ),
        ("fapi", &weak, "delete", &one, &denied),
        ("sapi", &server, "delete", &one, &gone),
    ];
    let rows = server
        .log_rows("?sort=date:1&fields=_id,log_id,date&include_fields=false")
        .await;
    assert_eq!(rows.len(), expected.len(), "{rows:#?}");
    for (row, (kind, asking, method, path, answer)) in rows.iter().zip(expected) {
        let mut response = json!({ "statusCode": answer.status });
        if kind == "fapi" {
            response["error"] = row["details"]["response"]["error"].clone();
            assert!(response["error"].is_string(), "{row:#}");
        }
        let expected = json!({
            "type": kind, "description": format!("{} {path}", method.to_uppercase()),
            "client_id": client(asking), "ip": "127.0.0.1",
            "user_agent": "Auth0/7 (Mobile)", "isMobile": true,
            "details": { "request": { "method": method, "path": path }, "response": response },
        });
        assert_eq!(*row, expected, "{answer:?}");
    }
    let found = format!("?q=type:sapi%20AND%20client_id:{}", client(&server));
    assert_eq!(server.log_rows(&found).await.len(), 2);
    let all = server.logs("").await.body.to_string();
    super::expect_none_of(
        &[SECRET, &NUMBER[2..], "AC0000"],
        &[("logs".to_owned(), all.into())],
    );
    assert_eq!(Server::beside(&server, "other").log_rows("").await.len(), 0);
}
