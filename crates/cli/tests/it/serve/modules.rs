//! Modules by Auth0's Management API: what is published is what an action has, with its secrets, and no other than it named.

use serde_json::{Value, json};

use super::Server;
use super::manage::{ACTIONS, GATE, at};
use crate::gate::{Gate, Mode};

pub(super) const MODULES: &str = "/api/v2/actions/modules";
const OWN: &str = "the-action's-own";
const FIRST: &str = "the-module's-first";
const SECOND: &str = "the-module's-second";

/// An action that has the module `gateway` send, with a secret of its own.
fn sends(rest: &str) -> String {
    format!(
        "const {{ send }} = require('actions:gateway');\n\
         exports.onExecuteCustomPhoneProvider = async (event, api) => {{\n  \
         await send([event.secrets.KEY, event.notification.as_text{rest}]);\n}};\n"
    )
}

/// A module that sends its secret with what it is given.
fn gateway(version: &str) -> String {
    format!(
        "exports.send = async (what) => {{\n  const body = JSON.stringify(['{version}', actions.secrets.KEY, ...what]);\n  \
         const answer = await fetch('{GATE}/messages', {{ method: 'POST', headers: {{ 'content-type': 'application/json' }}, body }});\n  \
         if (!answer.ok) throw new Error(`${{answer.status}}`);\n}};\n"
    )
}

fn of(module: &Value, rest: &str) -> String {
    format!("{MODULES}/{}{rest}", module["id"].as_str().unwrap())
}

fn numbered(number: u32) -> Value {
    json!([{ "module_name": "gateway", "module_version_number": number }])
}

impl Server {
    async fn reads(&self, path: &str) -> Value {
        self.told("GET", path, Value::Null, 200).await
    }
}

#[tokio::test]
async fn an_action_has_the_version_of_a_module_that_it_names() {
    let gate = Gate::open(Mode::Accept).await;
    let mut server = Server::new(gate.address);
    server.start();
    let new = json!({
        "name": "gateway", "code": gateway("v1"), "dependencies": [], "secrets": [{ "name": "KEY", "value": FIRST }],
    });
    let module = server.told("POST", MODULES, new.clone(), 201).await;
    assert_eq!(
        (
            &module["all_changes_published"],
            &module["latest_version_number"],
            &module["actions_using_module_total"]
        ),
        (&json!(false), &Value::Null, &json!(0)),
        "{module:#}"
    );
    server.told("POST", MODULES, new, 409).await;

    // Nothing is required that is not published and named.
    let draft = json!({
        "code": sends(""), "secrets": [{ "name": "KEY", "value": OWN }], "phonebox": { "egress": [{ "origin": GATE }] },
    });
    let action = server.made("js", draft).await;
    let error = &action["errors"][0];
    assert_eq!(
        (&error["id"], &error["line"]),
        (&json!("module_not_found"), &json!(1)),
        "{action:#}"
    );
    server
        .told(
            "PATCH",
            &at(&action, ""),
            json!({ "modules": numbered(1) }),
            400,
        )
        .await;
    let first = server
        .told("POST", &of(&module, "/versions"), Value::Null, 201)
        .await;
    assert_eq!(
        (
            &first["version_number"],
            &first["code"],
            &first["module_id"]
        ),
        (&json!(1), &json!(gateway("v1")), &module["id"]),
        "{first:#}"
    );
    server
        .told("POST", &of(&module, "/versions"), Value::Null, 409)
        .await;

    let built = server
        .changed(&action, json!({ "modules": numbered(1) }))
        .await;
    let named = json!([{
        "module_id": module["id"], "module_name": "gateway", "module_version_id": first["id"], "module_version_number": 1,
    }]);
    assert_eq!(
        (&built["status"], &built["modules"]),
        (&json!("built"), &named),
        "{built:#}"
    );
    server
        .told("POST", &at(&action, "/deploy"), Value::Null, 200)
        .await;
    assert_eq!(server.sends("one").await["status"], "sent");
    let sent = |version: &str, key: &str, text: &str| json!([version, key, OWN, text]).to_string();
    assert_eq!(gate.wait_for(1).await, [sent("v1", FIRST, "one")]);

    // What is published later is not what was named.
    let anew = json!({ "code": gateway("v2"), "secrets": [{ "name": "KEY", "value": SECOND }] });
    let changed = server.told("PATCH", &of(&module, ""), anew, 200).await;
    assert_eq!(changed["all_changes_published"], false, "{changed:#}");
    let second = server
        .told("POST", &of(&module, "/versions"), Value::Null, 201)
        .await;
    assert_eq!(second["version_number"], 2, "{second:#}");
    assert_eq!(server.sends("two").await["status"], "sent");
    server.kill();
    server.start();
    assert_eq!(server.sends("three").await["status"], "sent");
    let by_id = json!({ "modules": [{ "module_version_id": second["id"] }] });
    assert_eq!(server.changed(&action, by_id).await["status"], "built");
    assert_eq!(server.sends("four").await["status"], "sent");
    server
        .told("POST", &at(&action, "/deploy"), Value::Null, 200)
        .await;
    assert_eq!(server.sends("five").await["status"], "sent");
    assert_eq!(
        gate.wait_for(5).await[1..],
        [
            sent("v1", FIRST, "two"),
            sent("v1", FIRST, "three"),
            sent("v1", FIRST, "four"),
            sent("v2", SECOND, "five"),
        ]
    );

    // An earlier version of the action has what it had.
    let versions = server.reads(&at(&action, "/versions")).await;
    let earlier = &versions["versions"][1];
    assert_eq!(earlier["modules"], named, "{versions:#}");
    let again = format!("/versions/{}/deploy", earlier["id"].as_str().unwrap());
    server
        .told("POST", &at(&action, &again), Value::Null, 202)
        .await;
    assert_eq!(server.sends("six").await["status"], "sent");
    assert_eq!(gate.wait_for(6).await[5], sent("v1", FIRST, "six"));
    let uses = server.reads(&of(&module, "/actions")).await;
    assert_eq!(
        (
            &uses["total"],
            &uses["actions"][0]["action_id"],
            &uses["actions"][0]["module_version_number"]
        ),
        (&json!(1), &action["id"], &json!(1)),
        "{uses:#}"
    );
    let list = server.reads(MODULES).await;
    assert_eq!(
        (
            &list["total"],
            &list["modules"][0]["actions_using_module_total"],
            &list["modules"][0]["latest_version_number"]
        ),
        (&json!(1), &json!(1), &json!(2)),
        "{list:#}"
    );

    // The draft goes back, and is something to publish again.
    let back = |version: &Value| json!({ "module_version_id": version["id"] });
    let rollback = of(&module, "/rollback");
    server.told("POST", &rollback, back(&second), 409).await;
    let now = server.told("POST", &rollback, back(&first), 200).await;
    assert_eq!(
        (&now["code"], &now["all_changes_published"]),
        (&json!(gateway("v1")), &json!(false)),
        "{now:#}"
    );
    server.told("POST", &rollback, back(&first), 409).await;
    let third = server
        .told("POST", &of(&module, "/versions"), Value::Null, 201)
        .await;
    assert_eq!(third["version_number"], 3, "{third:#}");
    let module_now = server.reads(&of(&module, "")).await;
    assert_eq!(
        (
            &module_now["all_changes_published"],
            &module_now["latest_version"]["id"]
        ),
        (&json!(true), &third["id"]),
        "{module_now:#}"
    );
    let versions = server.reads(&of(&module, "/versions")).await;
    let numbers: Vec<_> = versions["versions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|version| &version["version_number"])
        .collect();
    assert_eq!(numbers, [3, 2, 1]);

    // It stays while something has it: first the draft and what is deployed, then the latter alone.
    server
        .told("DELETE", &of(&module, ""), Value::Null, 412)
        .await;
    let without = json!({ "modules": [], "code": sends("").replacen("const { send }", "exports.x = () =>", 1) });
    server.changed(&action, without).await;
    server
        .told("DELETE", &of(&module, ""), Value::Null, 412)
        .await;
    server
        .told("DELETE", &at(&action, "?force=true"), Value::Null, 204)
        .await;
    server
        .told("DELETE", &of(&module, ""), Value::Null, 204)
        .await;
    server.told("GET", &of(&module, ""), Value::Null, 404).await;

    // No value was told or written down.
    let log = std::fs::read_to_string(server.folder.path().join("log")).unwrap();
    let told = [
        versions,
        list,
        uses,
        module_now,
        server.reads("/api/v2/logs").await,
    ];
    let told: String = told.iter().map(ToString::to_string).collect();
    for value in [OWN, FIRST, SECOND] {
        assert!(!log.contains(value), "{value}: {log}");
        assert!(!told.contains(value), "{value}: {told}");
    }
}

/// A secret that nobody bound goes where the first action that is deployed with it asks to go, and nowhere else: whoever may change
/// an action, but does not know the secret, gets it no further by another version of the module either.
#[tokio::test]
async fn a_modules_secret_stays_bound_to_where_it_first_went() {
    let gate = Gate::open(Mode::Accept).await;
    let other = Gate::open(Mode::Accept).await;
    let mut server = Server::with_hosts(gate.address, &[("elsewhere", other.address)]);
    server.start();
    let code = "exports.key = () => actions.secrets.KEY;";
    let new = json!({
        "name": "keys", "code": code, "secrets": [{ "name": "KEY", "value": FIRST }], "publish": true,
    });
    let module = server.told("POST", MODULES, new, 201).await;
    // The same secret in a second version, which nothing has.
    let touched = json!({ "code": format!("{code}\n") });
    server.told("PATCH", &of(&module, ""), touched, 200).await;
    server
        .told("POST", &of(&module, "/versions"), Value::Null, 201)
        .await;
    let elsewhere = format!("http://elsewhere.example:{}", other.address.port());
    let to = |origin: &str| {
        json!({
            "code": format!(
                "exports.onExecuteCustomPhoneProvider = async () => {{\n  const headers = {{ 'content-type': 'application/json' }};\n  \
                 await fetch('{origin}/x', {{ method: 'POST', headers, body: JSON.stringify([require('actions:keys').key()]) }});\n}};"
            ),
            "phonebox": { "egress": [{ "origin": origin }] },
        })
    };
    let mut draft = to(GATE);
    draft["modules"] = json!([{ "module_name": "keys", "module_version_number": 1 }]);
    let action = server.made("js", draft).await;
    server
        .told("POST", &at(&action, "/deploy"), Value::Null, 200)
        .await;
    assert_eq!(server.sends("one").await["status"], "sent");
    assert_eq!(gate.wait_for(1).await, [json!([FIRST]).to_string()]);
    let bound = server.reads(&of(&module, "")).await;
    assert_eq!(
        bound["phonebox"]["secrets"]["KEY"]["origins"],
        json!([GATE]),
        "{bound:#}"
    );

    for number in [1, 2] {
        let mut draft = to(&elsewhere);
        draft["modules"] = json!([{ "module_name": "keys", "module_version_number": number }]);
        assert_eq!(server.changed(&action, draft).await["status"], "built");
        server
            .told("POST", &at(&action, "/deploy"), Value::Null, 200)
            .await;
        let sent = server.sends("two").await;
        assert_ne!(sent["status"], "sent", "{number}: {sent:#}");
    }
    assert!(other.texts().is_empty(), "{:?}", other.texts());
}

#[tokio::test]
async fn what_is_wrong_with_a_module_is_told() {
    let gate = Gate::open(Mode::Accept).await;
    let mut server = Server::new(gate.address);
    server.start();
    let many = |count: usize| -> Vec<_> {
        let secret = |index| json!({ "name": format!("S{index}"), "value": "123" });
        (0..count).map(secret).collect()
    };
    for (body, says) in [
        (json!({ "name": "x" }), "code"),
        (json!({ "code": "" }), "name"),
        (json!({ "name": "", "code": "" }), "1 to 255 characters"),
        (json!({ "name": "a\nb", "code": "" }), "1 to 255 characters"),
        (json!({ "name": "x", "code": "x".repeat(65_537) }), "65536"),
        (json!({ "name": "x", "code": "a\0b" }), "no NUL"),
        (
            json!({ "name": "x", "code": "", "secrets": many(31) }),
            "at most 30",
        ),
        (
            json!({ "name": "x", "code": "", "secrets": [{ "name": "a:b", "value": "12345678" }] }),
            "not a name",
        ),
        (
            json!({ "name": "x", "code": "", "dependencies": vec![json!({ "name": "uuid" }); 11] }),
            "at most 10",
        ),
        (
            json!({ "name": "x", "code": "", "runtime": "node22" }),
            "runtime",
        ),
    ] {
        let refused = server.told("POST", MODULES, body.clone(), 400).await;
        let message = refused["message"].as_str().unwrap();
        assert!(message.contains(says), "{body:.200}: {refused}");
    }

    // Another tenant's is nobody's, and what is wrong in one is told with its name and place.
    let module = |name: &str, code: &str| json!({ "name": name, "code": code, "publish": true });
    let foreign = Server::beside(&server, "other");
    let foreign = foreign
        .told("POST", MODULES, module("theirs", ""), 201)
        .await;
    let broken = module("broken", "exports.a =\n  require('left-pad');");
    let broken = server.told("POST", MODULES, broken, 201).await;
    let named = |module: &Value| {
        let version = &module["latest_version"];
        json!({ "module_id": module["id"], "module_version_id": version["id"] })
    };
    let action = server.made("js", json!({ "code": sends("") })).await;
    let both =
        json!({ "module_name": "broken", "module_version_id": foreign["latest_version"]["id"] });
    for modules in [
        json!([named(&foreign)]),
        json!([{ "module_id": foreign["id"], "module_version_number": 1 }]),
        json!([{ "module_name": "theirs", "module_version_number": 1 }]),
        json!([{ "module_name": "broken" }]),
        json!([{ "module_name": "broken", "module_version_number": 2 }]),
        json!([both]),
        json!([named(&broken), named(&broken)]),
        json!(vec![named(&broken); 4]),
        json!([{}]),
    ] {
        let body = json!({ "modules": modules });
        let refused = server.told("PATCH", &at(&action, ""), body, 400).await;
        let message = refused["message"].as_str().unwrap();
        assert!(message.contains("modules: "), "{modules}: {refused}");
    }
    let failed =
        json!({ "modules": [named(&broken)], "code": sends("").replace("gateway", "broken") });
    let failed = server.changed(&action, failed).await;
    let error = &failed["errors"][0];
    assert_eq!(
        (
            &error["id"],
            &error["file"],
            &error["line"],
            &error["column"]
        ),
        (
            &json!("module_not_found"),
            &json!("actions:broken"),
            &json!(2),
            &json!(11)
        ),
        "{failed:#}"
    );
    assert_eq!(
        server.reads(ACTIONS).await["actions"][0]["modules"][0]["module_name"],
        "broken"
    );

    // There are so many, and so many versions.
    let full = server.told("POST", MODULES, module("full", ""), 201).await;
    for number in 2..=50 {
        let code = json!({ "code": format!("exports.n = {number};") });
        server.told("PATCH", &of(&full, ""), code, 200).await;
        server
            .told("POST", &of(&full, "/versions"), Value::Null, 201)
            .await;
    }
    server
        .told("PATCH", &of(&full, ""), json!({ "code": "1" }), 200)
        .await;
    server
        .told("POST", &of(&full, "/versions"), Value::Null, 412)
        .await;
    let page = server
        .reads(&of(&full, "/versions?page=2&per_page=20"))
        .await;
    assert_eq!(
        (
            page["versions"].as_array().unwrap().len(),
            &page["total"],
            &page["page"]
        ),
        (10, &json!(50), &json!(2))
    );
    for number in 3..=100 {
        let new = json!({ "name": format!("m{number}"), "code": "" });
        server.told("POST", MODULES, new, 201).await;
    }
    let one_more = json!({ "name": "one more", "code": "" });
    server.told("POST", MODULES, one_more, 403).await;
}
