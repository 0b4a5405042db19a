//! A tenant's settings, and that its messages go where they say.

use serde_json::{Value, json};

use super::{Answer, NUMBER, Server, event};
use crate::gate::{Gate, Mode};

const SETTINGS: &str = "/api/v2/tenants/settings";

impl Server {
    async fn changes(&self, settings: Value) -> Answer {
        self.ask("PATCH", SETTINGS, settings).await
    }

    /// Sends to this number. Gives what is answered: the code of a problem, or the status.
    async fn sends_to(&self, number: &str) -> Value {
        let mut event = event("Your code is 492016");
        event["event"]["notification"]["recipient"] = number.into();
        let mut answer = self.ask("POST", "/v1/notifications", event).await;
        let taken = |answer: &mut Value, name: &str| answer.get_mut(name).map(Value::take);
        taken(&mut answer.body, "code").unwrap_or_else(|| answer.status.into())
    }
}

#[tokio::test]
async fn w01_w05_settings_are_their_tenants_and_only_what_is_known_is_taken() {
    let gate = Gate::open(Mode::Accept).await;
    let mut server = Server::new(gate.address);
    server.start();
    let show = async |server: &Server| server.ask("GET", SETTINGS, json!({})).await;
    let untouched = json!({ "enabled_locales": ["en"], "phone_consolidated_experience": true });
    let found = show(&server).await;
    assert_eq!((found.status, &found.body), (200, &untouched));

    let all = json!({
        "friendly_name": "Acme", "picture_url": "https://acme.example/logo.png",
        "support_email": "help@acme.example", "support_url": "https://acme.example/help",
        "enabled_locales": ["de", "en"], "phone_consolidated_experience": true,
        "country_codes": { "list": ["CH", "US"], "mode": "allow" },
    });
    let changed = server.changes(all.clone()).await;
    assert_eq!((changed.status, &changed.body), (200, &all));
    // What is exported can be imported, and again.
    assert_eq!(show(&server).await.body, all);
    assert_eq!(server.changes(all.clone()).await.body, all);
    let part = server
        .changes(json!({ "friendly_name": null, "support_url": null }))
        .await;
    let mut expected = all.clone();
    for gone in ["friendly_name", "support_url"] {
        expected.as_object_mut().unwrap().remove(gone);
    }
    assert_eq!((part.status, &part.body), (200, &expected));
    let few = format!("{SETTINGS}?fields=support_email,country_codes&include_fields=false");
    let few = server.ask("GET", &few, json!({})).await;
    assert_eq!(few.body.as_object().unwrap().len(), 3, "{few:?}");

    for (wrong, says) in [
        (
            json!({ "sandbox_version": "22" }),
            "not allowed: sandbox_version",
        ),
        (
            json!({ "tenant": "other", "friendly_name": "x" }),
            "not allowed: tenant",
        ),
        (
            json!({ "friendly_name": "x", "492016": 1 }),
            "not allowed: (not shown)",
        ),
        (
            json!({ "phone_consolidated_experience": false }),
            "always true",
        ),
        (
            json!({ "phone_consolidated_experience": null }),
            "always true",
        ),
        (json!({ "friendly_name": 492_016 }), "friendly_name is not"),
        (json!({ "support_email": "492016" }), "support_email is not"),
        (
            json!({ "country_codes": { "list": ["XX"], "mode": "deny" } }),
            "list its numbers",
        ),
        (
            json!({ "country_codes": { "list": ["CH"], "mode": "492016" } }),
            "allow or deny",
        ),
        (
            json!({ "country_codes": { "list": [], "mode": "deny" } }),
            "no country",
        ),
        (json!([]), "type"),
        (json!("492016"), "type"),
    ] {
        let answer = server.changes(wrong.clone()).await;
        let refused = (answer.status, &answer.body["errorCode"]);
        assert_eq!(
            refused,
            (400, &json!("invalid_body")),
            "{wrong}: {answer:?}"
        );
        let message = answer.body["message"].as_str().unwrap();
        assert!(message.contains(says), "{wrong}: {message}");
        assert!(!message.contains("492016"), "{message}");
    }
    assert_eq!(show(&server).await.body, expected);

    // Of another tenant, and for whoever may not.
    let other = Server::beside(&server, "other");
    assert_eq!(show(&other).await.body, untouched);
    let reads = server.with_scopes("acme", &["read:tenant_settings"]).await;
    assert_eq!(show(&reads).await.body, expected);
    let refused = reads.changes(json!({ "friendly_name": "x" })).await;
    let wanted = "Insufficient scope, expected any of: update:tenant_settings";
    assert_eq!(
        (refused.status, &refused.body["message"]),
        (403, &json!(wanted))
    );
    let writes = server
        .with_scopes("acme", &["update:tenant_settings"])
        .await;
    assert_eq!(show(&writes).await.status, 403);
}

#[tokio::test]
async fn q08_messages_go_where_the_tenant_and_the_operator_let_them() {
    let gate = Gate::open(Mode::Accept).await;
    let mut server = Server::new(gate.address);
    let config = server.folder.path().join("phonebox.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    let text = text.replacen("[abuse]\n", "[abuse]\ncountries = [\"+1\", \"+41\"]\n", 1);
    std::fs::write(&config, text).unwrap();
    server.start();
    server.deploy().await;
    let [accepted, refused] = [json!(202), json!("country_not_allowed")];
    let [us, jamaica, swiss, german] = [NUMBER, "+18765550100", "+41791234567", "+4915112345678"];
    let restrict = async |mode: &str, list: &[&str]| {
        let countries = json!({ "country_codes": { "mode": mode, "list": list } });
        let changed = server.changes(countries).await;
        assert_eq!(changed.status, 200, "{changed:?}");
    };
    for number in [us, jamaica, swiss] {
        assert_eq!(server.sends_to(number).await, accepted, "{number}");
    }
    assert_eq!(server.sends_to(german).await, refused);
    // Within what the operator lets.
    restrict("allow", &["US", "DE"]).await;
    for (number, answer) in [
        (us, &accepted),
        (jamaica, &refused),
        (swiss, &refused),
        (german, &refused),
    ] {
        assert_eq!(server.sends_to(number).await, *answer, "{number}");
    }
    restrict("deny", &["US"]).await;
    for (number, answer) in [
        (us, &refused),
        (jamaica, &accepted),
        (swiss, &accepted),
        (german, &refused),
    ] {
        assert_eq!(server.sends_to(number).await, *answer, "{number}");
    }
    let other = Server::beside(&server, "other");
    other.deploy().await;
    assert_eq!(other.sends_to(us).await, accepted);
    // Also when it is back.
    server.kill();
    server.start();
    assert_eq!(server.sends_to(us).await, refused);
    let changed = server.changes(json!({ "country_codes": null })).await;
    assert_eq!(changed.status, 200, "{changed:?}");
    assert_eq!(server.sends_to(us).await, accepted);
}
