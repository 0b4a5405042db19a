//! Rules and policies: what is taken is what is written, in one reading only, and never more than may be granted.
//!
//! Input: one rule a line; in it, separated by tabs: the methods with commas between them, the origin, the paths.
#![no_main]

use std::collections::BTreeSet;

use libfuzzer_sys::fuzz_target;
use phonebox_egress::fuzzing::read_target;
use phonebox_egress::{InvalidRule, Origin, Policy, Rule};
use phonebox_fuzz::is_sayable;
use url::{Host, Url};

const METHODS: [&str; 6] = ["DELETE", "GET", "HEAD", "PATCH", "POST", "PUT"];
const PORTS: [u16; 14] = [
    22, 25, 53, 110, 143, 445, 465, 587, 2375, 3306, 5432, 6379, 9200, 11211,
];
const SPECIAL: [&str; 8] = [
    "localhost",
    "local",
    "internal",
    "arpa",
    "onion",
    "test",
    "invalid",
    "alt",
];

fn refused(invalid: &InvalidRule) {
    is_sayable(&invalid.to_string(), 1);
    is_sayable(invalid.hint(), 1);
}

fn granted(rule: &Rule, methods: &[&str], origin: &str, paths: &[&str]) {
    // A concrete origin that the rule is for.
    let wildcard = origin.contains('*');
    let concrete = origin.replacen("://*.", "://any.", 1);
    assert!(!concrete.contains('*'), "{origin}");
    let url = Url::parse(&concrete).expect("url reads the origin");
    let uri: http::Uri = concrete.parse().expect("http reads the origin");
    let Some(Host::Domain(host)) = url.host() else {
        panic!("{origin} is no name");
    };
    assert!(matches!(url.scheme(), "https" | "http"), "{origin}");
    assert_eq!(uri.host(), Some(host), "{origin}");
    assert_eq!(
        (url.path(), url.query(), url.username()),
        ("/", None, ""),
        "{origin}"
    );
    let port = url
        .port_or_known_default()
        .expect("both schemes have a port");
    assert!(port != 0 && !PORTS.contains(&port), "{origin}");
    let labels: Vec<&str> = host.split('.').collect();
    assert!(labels.len() >= if wildcard { 3 } else { 2 }, "{origin}");
    assert!(
        !SPECIAL.contains(labels.last().expect("split gives one")),
        "{origin}"
    );
    let canonical = format!("{}://{host}", url.scheme());
    assert!(
        concrete == canonical || concrete == format!("{canonical}:{port}"),
        "{origin}"
    );

    // What a guest asks for by that origin is at that origin.
    let read = read_target(&concrete).expect("a granted origin can be asked for");
    assert_eq!(
        (read.0, read.1.as_str(), read.2, read.3.as_str()),
        (url.scheme(), host, port, "/")
    );
    if !wildcard {
        let parsed = Origin::parse(origin).expect("a rule's origin is an origin");
        assert_eq!(
            (parsed.scheme(), parsed.host(), parsed.port()),
            (url.scheme(), host, port)
        );
        assert_eq!(Origin::parse(&parsed.to_string()), Ok(parsed));
    }

    let have: Vec<&str> = rule.methods().collect();
    let wanted: BTreeSet<&str> = if methods.is_empty() {
        ["POST"].into()
    } else {
        methods.iter().copied().collect()
    };
    assert_eq!(have.len(), wanted.len(), "{have:?}");
    assert_eq!(have.iter().copied().collect::<BTreeSet<_>>(), wanted);
    assert!(
        have.iter().all(|method| METHODS.contains(method)),
        "{have:?}"
    );

    assert!(rule.paths().eq(paths.iter().copied()), "{rule}: {paths:?}");
    assert!(paths.len() <= 32);
    for path in paths {
        assert!(
            path.len() <= 512 && path.bytes().all(|byte| byte.is_ascii_graphic()),
            "{path:?}"
        );
        assert!(
            !path.contains(['?', '#', '%', '\\']) && !path.contains("//"),
            "{path}"
        );
        let segments: Vec<&str> = path
            .strip_prefix('/')
            .expect("a path begins with /")
            .split('/')
            .collect();
        for (index, segment) in segments.iter().enumerate() {
            assert!(!matches!(*segment, "." | ".."), "{path}");
            let last = index + 1 == segments.len();
            assert!(
                !segment.contains('*') || *segment == "*" || (*segment == "**" && last),
                "{path}"
            );
        }
    }

    // Read again as it is shown, it is the same rule, and it is on one line.
    let again = Rule::new(rule.origin(), &have, paths).expect("a rule can be written down");
    assert_eq!(again, *rule);
    assert!(!rule.to_string().contains(char::is_control), "{rule}");
}

fuzz_target!(|text: &str| {
    let mut rules = Vec::new();
    for line in text.lines() {
        let mut fields = line.split('\t');
        let methods: Vec<&str> = fields
            .next()
            .filter(|methods| !methods.is_empty())
            .map_or_else(Vec::new, |methods| methods.split(',').collect());
        let origin = fields.next().unwrap_or_default();
        let paths: Vec<&str> = fields.collect();
        match Rule::new(origin, &methods, &paths) {
            Ok(rule) => {
                granted(&rule, &methods, origin, &paths);
                rules.push(rule);
            }
            Err(invalid) => refused(&invalid),
        }
    }
    match Policy::new(rules.clone()) {
        Ok(policy) => {
            assert!(rules.len() <= 20);
            assert_eq!(policy.rules(), rules);
            // Two policies have the same digest if they are the same, and only then.
            for without in 0..rules.len() {
                let mut fewer = rules.clone();
                let taken = fewer.remove(without);
                let smaller = Policy::new(fewer.clone()).expect("fewer rules are a policy, too");
                assert_ne!(
                    smaller.digest().to_string(),
                    policy.digest().to_string(),
                    "{taken}"
                );
                // What is granted twice is said so.
                let twice = rules.iter().cloned().chain([taken]).collect();
                refused(&Policy::new(twice).expect_err("the same rule twice"));
            }
            let same = Policy::new(rules).expect("the same rules");
            assert_eq!(same.digest().to_string(), policy.digest().to_string());
        }
        Err(invalid) => refused(&invalid),
    }
});
