//! The reader of `action.toml`. The file itself is compiled in here, for its crate brings Wasmtime along, which would be
//! fuzzed more than the reader is; what it takes from there is the type `Limits`, which stands below.
//!
//! Input: the manifest.
#![no_main]

extern crate self as phonebox_runtime;

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use phonebox_egress::{Auth, Rule};
use phonebox_fuzz::is_sayable;

#[allow(dead_code, reason = "what writes manifests is not read here")]
#[path = "../../crates/phonebox/src/manifest.rs"]
mod manifest;

use manifest::Manifest;

/// What the reader knows of `phonebox_runtime::Limits`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Limits {
    pub deadline: Duration,
    pub memory: usize,
}

impl Limits {
    pub const LONGEST_DEADLINE: Duration = Duration::from_secs(20);
}

fn is_secret_name(name: &str) -> bool {
    let fine = |c: char| c.is_ascii_alphanumeric() || "_-.$".contains(c);
    (1..=128).contains(&name.len()) && name.chars().all(fine)
}

/// The strings of an array.
fn strings<'a>(rule: &'a toml::Table, key: &str) -> Vec<&'a str> {
    let array = rule
        .get(key)
        .map(|array| array.as_array().expect("an array"));
    array
        .into_iter()
        .flatten()
        .map(|one| one.as_str().expect("a string"))
        .collect()
}

/// Nothing in a table but what is known.
fn only(table: &toml::Table, known: &[&str]) {
    for key in table.keys() {
        assert!(
            known.contains(&key.as_str()),
            "the key `{key}` was passed over"
        );
    }
}

/// Reads the text again without the product's types, and compares.
fn compare(manifest: &Manifest, text: &str) {
    let table: toml::Table = text.parse().expect("it is TOML");
    only(
        &table,
        &[
            "name",
            "trigger",
            "description",
            "egress",
            "secrets",
            "limits",
        ],
    );
    assert_eq!(table["trigger"].as_str(), Some(manifest::TRIGGER));
    assert_eq!(table["name"].as_str(), Some(manifest.name.as_str()));
    let description = table
        .get("description")
        .map(|description| description.as_str().expect("a string"));
    assert_eq!(description, manifest.description.as_deref());

    let rules = table
        .get("egress")
        .map(|rules| rules.as_array().expect("an array"));
    let rules: Vec<Rule> = rules
        .into_iter()
        .flatten()
        .map(|rule| {
            let rule = rule.as_table().expect("a table");
            only(rule, &["origin", "methods", "paths", "auth"]);
            let origin = rule["origin"].as_str().expect("a string");
            let read = Rule::new(origin, &strings(rule, "methods"), &strings(rule, "paths"));
            let read = read.expect("a rule");
            let Some(auth) = rule.get("auth") else {
                return read;
            };
            let auth: Auth = auth.clone().try_into().expect("an auth");
            for name in auth.secrets() {
                assert!(manifest.secrets.contains_key(name), "{name} is no secret");
            }
            // Written down again it says as much.
            let again = toml::Value::try_from(&auth).expect("it can be written down");
            let again: Auth = again.try_into().expect("an auth");
            assert_eq!(again, auth);
            read.with_auth(auth).expect("an auth that can be kept")
        })
        .collect();
    assert_eq!(rules, manifest.egress);

    let secrets = table
        .get("secrets")
        .map(|secrets| secrets.as_table().expect("a table"));
    let mut count = 0;
    for (name, secret) in secrets.into_iter().flatten() {
        let secret = secret.as_table().expect("a table");
        only(secret, &["description", "example", "optional", "reveal"]);
        let read = &manifest.secrets[name];
        assert_eq!(
            secret
                .get("description")
                .map(|text| text.as_str().expect("a string")),
            read.description.as_deref()
        );
        assert_eq!(
            secret
                .get("example")
                .map(|text| text.as_str().expect("a string")),
            read.example.as_deref()
        );
        assert_eq!(
            secret
                .get("optional")
                .is_some_and(|optional| optional.as_bool() == Some(true)),
            read.optional
        );
        assert_eq!(
            secret
                .get("reveal")
                .is_some_and(|reveal| reveal.as_bool() == Some(true)),
            read.reveal
        );
        count += 1;
    }
    assert_eq!(count, manifest.secrets.len());

    let limits = table
        .get("limits")
        .map(|limits| limits.as_table().expect("a table"));
    let number = |key: &str| limits.and_then(|limits| limits.get(key)?.as_integer());
    if let Some(limits) = limits {
        only(limits, &["deadline_ms", "memory_mib"]);
    }
    let deadline = number("deadline_ms").map_or(Duration::ZERO, |ms| {
        Duration::from_millis(ms.unsigned_abs())
    });
    let memory =
        number("memory_mib").map_or(0, |mib| usize::try_from(mib).expect("it is small") << 20);
    assert_eq!(
        (deadline, memory),
        (manifest.limits.deadline, manifest.limits.memory)
    );
}

fuzz_target!(|text: &str| {
    let manifest = match Manifest::parse(text) {
        Ok(manifest) => manifest,
        Err(invalid) => {
            // A syntax error shows the line.
            is_sayable(&invalid.to_string(), 6);
            if let Some(hint) = invalid.hint() {
                is_sayable(&hint, 1);
            }
            return;
        }
    };
    compare(&manifest, text);

    let fine = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
    assert!(
        (1..=128).contains(&manifest.name.len()) && manifest.name.chars().all(fine),
        "{}",
        manifest.name
    );
    assert!(
        manifest.secrets.len() <= 30 && manifest.secrets.keys().all(|name| is_secret_name(name))
    );
    assert!(manifest.egress.len() <= 20);
    assert!(
        manifest
            .egress
            .iter()
            .all(|rule| rule.origin().starts_with("http"))
    );
    let Limits { deadline, memory } = manifest.limits;
    assert!(
        deadline.is_zero()
            || (Duration::from_millis(100)..=Limits::LONGEST_DEADLINE).contains(&deadline)
    );
    assert!(memory == 0 || (1 << 20..=64 << 20).contains(&memory));
    assert_eq!(manifest.policy().rules(), manifest.egress);

    // Written down and read again, it is the same.
    let written = toml::to_string(&manifest).expect("it can be written down");
    let written = format!("trigger = \"{}\"\n{written}", manifest::TRIGGER);
    let again = Manifest::parse(&written).unwrap_or_else(|invalid| panic!("{invalid}\n{written}"));
    let shown = |manifest: &Manifest| toml::to_string(manifest).expect("it can be written down");
    assert_eq!(shown(&again), shown(&manifest));
});
