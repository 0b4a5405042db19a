//! The types for editors, read by the real tsc: they are the contract's, and folders that `phonebox new` makes have them with
//! nothing installed.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use phonebox::Event;
use serde_json::{Value, json};

use crate::inbox::oracles;
use crate::program::{Desk, repository};

const TYPES: &str = include_str!("../../../../guest-sdk/js/sdk/index.d.ts");

/// What tsc says of a folder; nothing where its types are right.
fn tsc(clients: &Path, folder: &Path, settings: &str) -> String {
    let ran = Command::new(clients.join("node_modules/.bin/tsc"))
        .args(["--noEmit", "--pretty", "false", "-p", settings])
        .current_dir(folder)
        .output()
        .unwrap();
    let said = String::from_utf8(ran.stdout).unwrap();
    assert_eq!(
        ran.status.success(),
        said.is_empty(),
        "{said}\n{}",
        String::from_utf8_lossy(&ran.stderr)
    );
    said
}

#[tokio::test]
async fn an_editor_knows_the_event_in_a_new_folder() {
    let Some(clients) = oracles::clients().await else {
        return;
    };
    for (language, source, settings) in [
        ("javascript", "action.js", "jsconfig.json"),
        ("typescript", "action.ts", "tsconfig.json"),
    ] {
        let desk = Desk::new();
        let ran = desk.run(&["new", "acme-sms", "--lang", language]);
        assert!(
            ran.code == 0 && ran.stdout.contains(&format!("acme-sms/{source}")),
            "{ran:?}"
        );
        let folder = desk.path().join("acme-sms");
        assert_eq!(tsc(clients, &folder, settings), "", "{language}");
        let written = std::fs::read_to_string(folder.join(source)).unwrap();
        for (from, to, said) in [
            (
                "notification.as_text",
                "notification.as_txt",
                "Property 'as_txt' does not exist on type 'Notification'",
            ),
            (
                "event.secrets;",
                "event.secret;",
                "Property 'secret' does not exist on type 'Event'",
            ),
            (
                "=== 'voice'",
                "=== 'call'",
                "types 'DeliveryMethod' and '\"call\"' have no overlap",
            ),
            (
                "api.notification.drop(why)",
                "api.notification.dropp(why)",
                "Property 'dropp' does not exist",
            ),
            (
                "api.notification.retry(`",
                "api.notification.retry(1, `",
                "Expected 1 arguments, but got 2",
            ),
        ] {
            assert!(written.contains(from), "{language}: {from}");
            desk.write(&format!("acme-sms/{source}"), written.replacen(from, to, 1));
            let found = tsc(clients, &folder, settings);
            assert!(found.contains(said), "{language}: {said}\n{found}");
        }
    }
}

#[tokio::test]
async fn what_new_makes_in_typescript_is_built_and_tested() {
    let Some(clients) = oracles::clients().await else {
        return;
    };
    let desk = Desk::new();
    let ran = desk.run(&["new", "acme-types", "--lang", "typescript"]);
    assert!(
        ran.stdout
            .contains("cd acme-types && npm install && phonebox dev"),
        "{ran:?}"
    );
    std::os::unix::fs::symlink(
        clients.join("node_modules"),
        desk.path().join("acme-types/node_modules"),
    )
    .unwrap();
    let ran = desk.run(&["deploy", "acme-types/action.ts"]);
    assert!(
        ran.code == 2 && ran.stderr.contains("hint: give its folder"),
        "{ran:?}"
    );
    let (code, tested) = desk.json(&["test", "acme-types"]);
    assert!(code == 0 && tested["passed"] == 5, "{tested:#}");
    let ran = desk.run(&[
        "new",
        "other",
        "--lang",
        "typescript",
        "--template",
        "generic-http",
    ]);
    assert!(
        ran.code == 2 && ran.stderr.contains("only the template twilio"),
        "{ran:?}"
    );
}

/// Every field that the contract has, of an event from Auth0's documentation.
fn whole() -> Value {
    json!({
        "client": { "client_id": "gmOWNgklfRm4", "name": "Acme", "metadata": { "a": "b" } },
        "connection": { "id": "con_fpe5kj482KO1eOzQ", "name": "db", "strategy": "auth0", "metadata": { "a": "b" } },
        "custom_domain": { "domain": "login.example.com", "domain_metadata": { "region": "eu" } },
        "notification": {
            "as_text": "Your code is 123456", "as_voice": "1. 2. 3. 4. 5. 6.", "code": "123456", "delivery_method": "text",
            "from": "+18085552222", "locale": "en-US", "message_type": "otp_verify", "recipient": "+18085555555",
        },
        "organization": { "id": "org_1", "name": "acme", "display_name": "Acme", "metadata": { "a": "b" } },
        "request": {
            "ip": "13.33.86.47", "method": "POST", "hostname": "acme.example", "language": "en", "user_agent": "curl",
            "geoip": {
                "cityName": "Bellevue", "continentCode": "NA", "countryCode": "US", "countryCode3": "USA",
                "countryName": "United States", "latitude": 47.6, "longitude": -122.1, "subdivisionCode": "WA",
                "subdivisionName": "Washington", "timeZone": "America/Los_Angeles",
            },
        },
        "tenant": {
            "id": "acme", "friendly_name": "Acme", "home_url": "https://acme.example", "logo_url": "https://acme.example/l",
            "support_email": "help@acme.example", "support_url": "https://acme.example/help",
        },
        "transaction": { "correlation_id": "abcefg123" },
        "user": {
            "user_id": "auth0|5f7c", "email": "a@example.com", "email_verified": true, "family_name": "A", "given_name": "B",
            "name": "B A", "nickname": "b", "picture": "https://acme.example/p", "username": "ab", "phone_number": "+18085555555",
            "phone_verified": true, "created_at": "2026-01-31T12:00:00Z", "updated_at": "2026-01-31T12:00:00Z",
            "last_password_reset": "2026-01-31T12:00:00Z", "app_metadata": { "a": 1 }, "user_metadata": { "a": 1 },
            "identities": [{
                "connection": "db", "isSocial": false, "profileData": { "a": 1 }, "provider": "auth0", "user_id": "5f7c",
            }],
        },
    })
}

/// Of each object, its fields, and whether an event may lack them.
type Objects = BTreeMap<String, BTreeMap<String, bool>>;

/// The objects of the contract, read from its Rust.
fn contract() -> Objects {
    let source = include_str!("../../../contract/src/event.rs");
    let (event, others) = source.split_once("pub enum InvalidEvent").unwrap();
    let others = others.split_once("object! {").unwrap().1;
    let source = format!("{event}{others}");
    let mut objects = Objects::new();
    let (mut object, mut renamed) = (None, None);
    for line in source.split("\nimpl ").next().unwrap().lines() {
        let text = line.trim();
        let named = text.strip_prefix("pub struct ").or(text.strip_suffix(" {"));
        if let Some(name) = named.filter(|_| !text.starts_with("object!")) {
            let name = name.trim_end_matches(" {");
            object = (!name.contains(' ')).then(|| name.to_owned());
        } else if let Some(rest) = text.strip_prefix("#[serde(rename = \"") {
            renamed = rest.split('"').next().map(ToOwned::to_owned);
        } else if let Some((name, kind)) =
            text.strip_prefix("pub ").unwrap_or(text).split_once(": ")
            && let (Some(object), Some(kind)) = (&object, kind.strip_suffix(','))
            && !name.contains(' ')
            && name != "extra"
        {
            let camel = |(at, word): (usize, &str)| match word.split_at(1) {
                (first, rest) if at > 0 => first.to_uppercase() + rest,
                _ => word.to_owned(),
            };
            let name = match renamed.take() {
                Some(renamed) => renamed,
                None if object == "Geoip" => name.split('_').enumerate().map(camel).collect(),
                None => name.to_owned(),
            };
            let may_lack = kind.starts_with("Option<") || kind.starts_with("Vec<");
            objects
                .entry(object.clone())
                .or_default()
                .insert(name, may_lack);
        }
    }
    objects
}

/// The interfaces of the same names.
fn interfaces(of: &Objects) -> Objects {
    let mut objects = Objects::new();
    for part in TYPES.split("export interface ").skip(1) {
        let (name, body) = part.split_once(" {\n").unwrap();
        let body = body.split("\n}").next().unwrap();
        if of.contains_key(name) {
            let fields = body
                .lines()
                .filter_map(|line| line.trim().strip_suffix(';')?.split_once(": "));
            let fields =
                fields.filter(|(field, _)| !field.starts_with('[') && *field != "readonly secrets");
            let fields = fields
                .map(|(field, _)| (field.trim_end_matches('?').to_owned(), field.ends_with('?')));
            objects.insert(name.to_owned(), fields.collect());
        }
    }
    objects
}

#[tokio::test]
async fn the_types_are_the_contracts() {
    let contract = contract();
    assert_eq!(contract.len(), 12, "{contract:#?}");
    assert_eq!(interfaces(&contract), contract);

    // What a cache can answer, by its names in WIT.
    let wit = include_str!("../../../../guest-sdk/wit/action.wit");
    let errors = wit
        .split_once("enum error {")
        .unwrap()
        .1
        .split_once('}')
        .unwrap()
        .0;
    let names = errors
        .lines()
        .filter_map(|line| line.trim().strip_suffix(','));
    let in_camel = |name: &str| {
        name.split('-')
            .map(|word| word[..1].to_uppercase() + &word[1..])
            .collect()
    };
    let codes: Vec<String> = names.map(in_camel).collect();
    assert_eq!(codes.len(), 9, "{codes:?}");
    for code in codes {
        assert!(TYPES.contains(&format!("| '{code}'")), "{code}");
    }

    let Some(clients) = oracles::clients().await else {
        return;
    };
    let whole = whole();
    let event = Event::from_json(&whole.to_string()).unwrap();
    event.check().unwrap();
    let all: usize = contract.values().map(BTreeMap::len).sum();
    let mut fields = 0;
    walk(&whole, &mut fields);
    assert_eq!(fields, all, "the example has every field");
    let desk = Desk::new();
    let sdk = repository().join("guest-sdk/js/sdk/index.d.ts");
    let settings = json!({
        "compilerOptions": {
            "strict": true, "noEmit": true, "lib": ["es2023"], "types": [], "module": "preserve",
            "paths": { "@phonebox/sdk": [sdk] },
        },
        "files": ["event.ts"],
    });
    desk.write("tsconfig.json", settings.to_string());
    let source = |event: &Value| {
        format!(
            "import type {{ Event }} from '@phonebox/sdk';\nexport const event: Event = {{ ...{event}, secrets: {{}} }};\n"
        )
    };
    desk.write("event.ts", source(&whole));
    assert_eq!(tsc(clients, desk.path(), "."), "");
    let mut other = whole;
    other["request"]["geoip"]["latitude"] = json!("47");
    desk.write("event.ts", source(&other));
    let said = tsc(clients, desk.path(), ".");
    assert!(
        said.contains("Type 'string' is not assignable to type 'number'"),
        "{said}"
    );
}

/// Counts the fields, without those of metadata.
fn walk(value: &Value, fields: &mut usize) {
    for (name, value) in value.as_object().into_iter().flatten() {
        *fields += 1;
        if !name.ends_with("metadata") && name != "profileData" {
            walk(value.get(0).unwrap_or(value), fields);
        }
    }
}
