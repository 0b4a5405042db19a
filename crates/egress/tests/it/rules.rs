//! How rules are written, and what is said of those that cannot be.

use phonebox_egress::{InvalidRule, Origin, Policy, Rule};
use proptest::prelude::*;

fn none() -> &'static [&'static str] {
    &[]
}

#[test]
fn a_rule_is_shown_as_written() {
    for (origin, methods, paths, shown) in [
        (
            "https://api.ok.com",
            none(),
            none(),
            "POST https://api.ok.com",
        ),
        (
            "https://api.ok.com:443",
            &["GET", "POST", "GET"],
            none(),
            "GET|POST https://api.ok.com",
        ),
        (
            "https://*.ok.com:8443",
            none(),
            &["/a/*", "/b/**"],
            "POST https://*.ok.com:8443/a/*|/b/**",
        ),
        (
            "http://sms.ok.com:13013",
            none(),
            &["/"],
            "POST http://sms.ok.com:13013/",
        ),
        (
            "https://xn--bcher-kva.example",
            none(),
            none(),
            "POST https://xn--bcher-kva.example",
        ),
    ] {
        assert_eq!(
            Rule::new(origin, methods, paths).unwrap().to_string(),
            shown
        );
    }
    let rule = Rule::new("https://*.ok.com", none(), &["/a"]).unwrap();
    assert_eq!(
        serde_json::to_string(&rule).unwrap(),
        r#"{"origin":"https://*.ok.com","methods":["POST"],"paths":["/a"]}"#
    );
}

#[test]
fn d24_origins_that_cannot_be_granted() {
    for (origin, said) in [
        ("api.ok.com", "it has no scheme"),
        ("ftp://api.ok.com", "its scheme is neither https nor http"),
        ("https://api.ok.com/", "it has a path or a query"),
        ("https://api.ok.com/v1", "it has a path or a query"),
        ("https://api.ok.com?x", "it has a path or a query"),
        ("https://user@api.ok.com", "it has a user name"),
        ("Https://api.ok.com", "its scheme is not in lower case"),
        ("https://API.ok.com", "its host is not in canonical form"),
        ("https://api.ok.com.", "its host is not in canonical form"),
        ("https://bücher.example", "its host is not in ASCII"),
        ("https://203.0.113.7", "it is an address, not a name"),
        ("https://[::1]", "it is an address, not a name"),
        (
            "https://0x7f.1",
            "its host is an unusual spelling of something else",
        ),
        ("https://10.0.0.0/8", "it has a path or a query"),
        ("https://localhost", "its host is a local or special name"),
        ("https://db.internal", "its host is a local or special name"),
        (
            "https://api.ok.com:22",
            "its port belongs to another protocol",
        ),
        ("https://api.ok.com:0", "it cannot be read"),
        ("https://*", "`*` stands where no wildcard may"),
        ("*", "`*` stands where no wildcard may"),
        ("*://*:*", "`*` stands where no wildcard may"),
        ("https://a*.ok.com", "`*` stands where no wildcard may"),
        ("https://api.*.com", "`*` stands where no wildcard may"),
        ("https://*.com", "its wildcard covers too much"),
        ("https://*.*.ok.com", "it cannot be read"),
        ("https://*.co.uk", "its wildcard covers too much"),
        ("https://*.github.io", "its wildcard covers too much"),
        ("https://*.herokuapp.com", "its wildcard covers too much"),
        ("https://*.foo.ck", "its wildcard covers too much"),
        ("https://*.xn--55qx5d.cn", "its wildcard covers too much"),
        ("", "it has no scheme"),
    ] {
        match Rule::new(origin, none(), none()) {
            Err(invalid @ InvalidRule::Origin(_)) => {
                assert_eq!(
                    invalid.to_string(),
                    format!("`{origin}` is not an origin: {said}")
                );
                assert!(!invalid.hint().is_empty());
            }
            other => panic!("{origin}: {other:?}"),
        }
    }
}

#[test]
fn methods_paths_and_counts_that_cannot_be() {
    for method in ["post", "TRACE", "*", "", "CONNECT"] {
        let invalid = Rule::new("https://api.ok.com", &[method], none()).unwrap_err();
        assert!(
            matches!(invalid, InvalidRule::Method { .. }),
            "{method}: {invalid:?}"
        );
    }
    for path in [
        "", "a", "/a?b", "/a#b", "/%61", "/a b", "/é", "//a", "/a/../b", "/./a", "/a*", "/**/a",
        "/a/***", "/a\\b",
    ] {
        let invalid = Rule::new("https://api.ok.com", none(), &[path]).unwrap_err();
        assert!(
            matches!(invalid, InvalidRule::Path { .. }),
            "{path}: {invalid:?}"
        );
    }
    let rules = |count: usize| -> Vec<Rule> {
        let paths = (0..count).map(|number| format!("/{number}"));
        paths
            .map(|path| Rule::new("https://api.ok.com", none(), &[path]).unwrap())
            .collect()
    };
    assert!(Policy::new(rules(20)).is_ok());
    assert_eq!(
        Policy::new(rules(21)),
        Err(InvalidRule::TooManyRules { count: 21 })
    );
    assert_eq!(
        Rule::new("https://api.ok.com", none(), &["/a"; 33]),
        Err(InvalidRule::TooManyPaths { count: 33 })
    );
}

#[test]
fn two_rules_that_grant_the_same_are_one_too_many() {
    let rule =
        |methods: &[&str], paths: &[&str]| Rule::new("https://api.ok.com", methods, paths).unwrap();
    let twice = rule(&["POST", "GET"], &["/a", "/b"]);
    for (rules, same) in [
        (vec![twice.clone(), twice.clone()], true),
        (
            vec![rule(&[], &[]), rule(&["GET"], &[]), rule(&["POST"], &[])],
            true,
        ),
        (
            vec![rule(&["GET", "POST"], &["/b", "/a"]), twice.clone()],
            true,
        ),
        (vec![rule(&["GET"], &["/a", "/b"]), twice.clone()], false),
        (vec![rule(&["GET", "POST"], &["/a"]), twice.clone()], false),
        (vec![rule(&["GET", "POST"], &[]), twice], false),
    ] {
        match Policy::new(rules.clone()) {
            Ok(_) => assert!(!same, "{rules:?}"),
            Err(invalid) => {
                assert!(same, "{rules:?}");
                let last = rules.last().unwrap();
                assert_eq!(
                    invalid.to_string(),
                    format!("the rule `{last}` stands there twice")
                );
                assert_eq!(invalid.hint(), "leave one of them out");
            }
        }
    }
}

#[test]
fn a_policys_digest_tells_policies_apart() {
    let digest = |rules: &[(&str, &[&str], &[&str])]| {
        let rules = rules
            .iter()
            .map(|(origin, methods, paths)| Rule::new(origin, methods, paths).unwrap());
        Policy::new(rules.collect()).unwrap().digest().to_string()
    };
    let all = [
        digest(&[]),
        digest(&[("https://api.ok.com", &[], &[])]),
        digest(&[("https://*.ok.com", &[], &[])]),
        digest(&[("https://api.ok.com", &["GET"], &[])]),
        digest(&[("https://api.ok.com", &[], &["/a"])]),
        digest(&[("https://api.ok.com", &[], &["/a|/b"])]),
        digest(&[("https://api.ok.com", &[], &["/a", "/b"])]),
        digest(&[
            ("https://api.ok.com", &[], &["/a"]),
            ("https://b.ok.com", &[], &[]),
        ]),
    ];
    let mut distinct = all.to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), all.len(), "{all:?}");
    assert!(all.iter().all(|digest| digest.len() == 64), "{all:?}");
    assert_eq!(
        digest(&[("https://api.ok.com:443", &["POST"], &[])]),
        all[1]
    );
}

proptest! {
    /// What we take for an origin, the standard parser reads the same way.
    #[test]
    fn origins_are_read_as_url_reads_them(text in "https?://[a-z0-9.:@%\\[\\]*_-]{1,24}") {
        if let Ok(origin) = Origin::parse(&text) {
            let url = url::Url::parse(&text).unwrap();
            prop_assert_eq!(url.host_str(), Some(origin.host()));
            prop_assert_eq!(url.port_or_known_default(), Some(origin.port()));
            prop_assert_eq!(url.scheme(), origin.scheme());
            prop_assert!(matches!(url.host(), Some(url::Host::Domain(_))));
            prop_assert_eq!(Origin::parse(&origin.to_string()), Ok(origin));
        }
    }

    #[test]
    fn no_text_makes_a_rule_panic(origin in "\\PC{0,40}", path in "\\PC{0,20}") {
        drop(Rule::new(&origin, none(), &[&path]));
        drop(Rule::new("https://api.ok.com", none(), &[format!("/{path}")]));
    }
}
