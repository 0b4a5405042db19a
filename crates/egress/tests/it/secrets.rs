//! What stands for a secret, where it is replaced and where that is refused; and what the host signs with.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use phonebox_egress::{
    Auth, Caller, Credential, Error, Exchange, HeaderFlaw, OriginPattern, Placeholder, Policy,
    Reason, Request, Response, Rule, SecretFlaw, Verdict,
};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::support::{HOST, OK, Provider, post, say};

const TOKEN: &str = r#"hunt"er\22&é="#;
const PLAIN: &str = "hunter22";

/// A run that has secrets, sealed all of them.
#[derive(Clone)]
struct Run {
    secrets: Vec<(&'static str, Credential)>,
    placeholders: Vec<Placeholder>,
}

impl Run {
    fn new(secrets: &[(&'static str, &str)]) -> Self {
        let credential = |value: &str| Credential {
            value: value.into(),
            origins: None,
        };
        let random =
            (0_u8..).map(|first| std::array::from_fn(|at| first * 7 + u8::try_from(at).unwrap()));
        Self {
            secrets: secrets
                .iter()
                .map(|(name, value)| (*name, credential(value)))
                .collect(),
            placeholders: secrets
                .iter()
                .zip(random)
                .map(|((name, _), random)| Placeholder::new(name, random))
                .collect(),
        }
    }

    fn bound_to(mut self, origin: &str) -> Self {
        let origins: Arc<[_]> = [OriginPattern::parse(origin).unwrap()].into();
        for (_, credential) in &mut self.secrets {
            credential.origins = Some(origins.clone());
        }
        self
    }

    fn placeholder(&self, name: &str) -> &str {
        let mut all = self.placeholders.iter();
        all.find(|one| *one.secret == *name).unwrap().as_str()
    }

    async fn send(
        &self,
        provider: &Provider,
        auth: Option<Value>,
        request: Request,
    ) -> (Exchange, Result<Response, Error>) {
        let rule = Rule::new::<&str, &str>(&provider.base(), &[], &[]).unwrap();
        let rule = match auth {
            Some(auth) => rule.with_auth(read(auth)).unwrap(),
            None => rule,
        };
        self.send_by(provider, vec![rule], request).await
    }

    async fn send_by(
        &self,
        provider: &Provider,
        rules: Vec<Rule>,
        request: Request,
    ) -> (Exchange, Result<Response, Error>) {
        let egress = provider.door().build().unwrap();
        let outbound = egress.outbound("acme", Arc::new(Policy::new(rules).unwrap()));
        let deadline = Instant::now() + Duration::from_mins(1);
        let trip = outbound.trip(deadline, Arc::new(self.clone()));
        trip.send(request).await
    }
}

impl Caller for Run {
    fn action(&self) -> Cow<'_, str> {
        "9c56cc51".into()
    }

    fn notification(&self) -> Cow<'_, str> {
        "019ab3e4".into()
    }

    fn attempt(&self) -> u32 {
        1
    }

    fn mask(&self, text: &str) -> String {
        text.to_owned()
    }

    fn credential(&self, name: &str) -> Option<Credential> {
        let mut all = self.secrets.iter();
        Some(all.find(|(known, _)| *known == name)?.1.clone())
    }

    fn placeholders(&self) -> Vec<Placeholder> {
        self.placeholders.clone()
    }
}

fn read(auth: Value) -> Auth {
    serde_json::from_value(auth).unwrap()
}

/// A request to this path.
fn at(path: &str) -> Request {
    post(&format!("https://{HOST}{path}"))
}

/// What a provider got: the path and the query.
fn target(wire: &str) -> &str {
    wire.split(' ').nth(1).unwrap()
}

fn request(headers: &[(&str, &str)], body: &str) -> Request {
    Request {
        headers: headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()))
            .collect(),
        body: body.to_owned().into(),
        ..post(&format!("https://{HOST}/messages"))
    }
}

#[tokio::test]
async fn a_sealed_secret_takes_its_place_on_the_wire() {
    let provider = Provider::tls(|_| say(OK)).await;
    let run = Run::new(&[("TOKEN", PLAIN), ("QUOTED", TOKEN), ("USER", "account-1")]);
    let [token, quoted, user] = ["TOKEN", "QUOTED", "USER"].map(|name| run.placeholder(name));
    let basic = |user: &str, password: &str| {
        format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
    };
    let json_type = ("content-type", "application/json; charset=utf-8");
    let form_type = ("content-type", "application/x-www-form-urlencoded");
    let cases = [
        (
            request(&[("authorization", &format!("Bearer {token}"))], ""),
            "authorization: Bearer hunter22\r\n".to_owned(),
        ),
        (
            request(&[("X-Api-Key", &format!("App {token}"))], ""),
            "x-api-key: App hunter22\r\n".to_owned(),
        ),
        (
            request(&[("Authorization", &basic(user, token))], ""),
            format!("authorization: {}\r\n", basic("account-1", PLAIN)),
        ),
        (
            request(
                &[(
                    "Authorization",
                    &basic("api", token)
                        .replace("Basic", "basic")
                        .replace('=', ""),
                )],
                "",
            ),
            format!("authorization: {}\r\n", basic("api", PLAIN)),
        ),
        (
            request(
                &[json_type],
                &format!(r#"{{"n": 1.50, "auth": [{{"key": "a {quoted}"}}], "to": "x"}}"#),
            ),
            r#"{"n": 1.50, "auth": [{"key": "a hunt\"er\\22&é="}], "to": "x"}"#.to_owned(),
        ),
        (
            request(
                &[form_type],
                &format!("key={quoted}&to=%2B1&pair={user}%3A{token}"),
            ),
            "key=hunt%22er%5C22%26%C3%A9%3D&to=%2B1&pair=account-1%3Ahunter22".to_owned(),
        ),
        (
            at(&format!("/accounts/{user}/bot{token}/messages.json?to=1")),
            "POST /accounts/account-1/bothunter22/messages.json?to=1 HTTP/1.1\r\n".to_owned(),
        ),
        (
            at(&format!("?a=1&api_key={quoted}&b&pair={user}:{token}")),
            "POST /?a=1&api_key=hunt%22er%5C22%26%C3%A9%3D&b&pair=account-1:hunter22 HTTP/1.1\r\n"
                .to_owned(),
        ),
    ];
    for (asked, expected) in cases {
        let (exchange, result) = run.send(&provider, None, asked).await;
        assert_eq!(result.unwrap().status, 200);
        let wire = provider.requests().pop().unwrap();
        assert!(wire.contains(&expected), "{expected} in {wire}");
        assert!(!wire.contains(Placeholder::PREFIX), "{wire}");
        assert!(!exchange.secrets.is_empty());
        let record = serde_json::to_string(&exchange).unwrap();
        assert!(!record.contains(PLAIN), "{record}");
    }
}

/// A value is one segment of the path or one value of the query, whatever is in it, or it is not sent.
#[tokio::test]
async fn a_value_stays_within_its_place_in_a_url() {
    const HOSTILE: &str = "a?b#c&d=e;f%2e%2e+g h\u{e9}\"'<>:@!$()*,[]^`{|}~";
    let encoded = "a%3Fb%23c%26d%3De%3Bf%252e%252e%2Bg%20h%C3%A9%22%27%3C%3E%3A%40%21%24%28%29%2A%2C%5B%5D%5E%60%7B%7C%7D~";
    let provider = Provider::tls(|_| say(OK)).await;
    let rule = Rule::new(&provider.base(), &["POST"], &["/v1/*/send", "/v1/**"]).unwrap();
    // A value, how it is written, and whether it may be a segment, stand within one, and follow a dot.
    for (value, written, [whole, part, dotted]) in [
        (HOSTILE, encoded, [true; 3]),
        ("...", "...", [true; 3]),
        ("..;", "..%3B", [true; 3]),
        ("..", "..", [false, true, true]),
        (".", ".", [false, true, false]),
        ("", "", [false, true, false]),
        ("/", "%2F", [false; 3]),
        ("a/b", "a%2Fb", [false; 3]),
        ("a\\b", "a%5Cb", [false; 3]),
    ] {
        let run = Run::new(&[("VALUE", value)]);
        for (path, allowed) in [
            ("/v1/{}/send", whole),
            ("/v1/{}", whole),
            ("/v1/a{}-b/send", part),
            ("/v1/.{}/send", dotted),
            ("/v1/a?b={}&c=d", true),
            ("/v1/a?={}/x={}", true),
        ] {
            let asked = path.replace("{}", run.placeholder("VALUE"));
            let before = provider.requests().len();
            let (exchange, result) = run.send_by(&provider, vec![rule.clone()], at(&asked)).await;
            let wire = provider.requests().split_off(before);
            if allowed {
                result.unwrap_or_else(|error| panic!("{value} in {path}: {:?}", error.hint()));
                assert_eq!(target(&wire[0]), path.replace("{}", written));
                assert_eq!(exchange.secrets, ["VALUE"]);
            } else {
                let flaw = match result.unwrap_err() {
                    Error::RequestDenied(denial) => denial.secret,
                    other => panic!("{value} in {path}: {other}"),
                };
                let secret = "VALUE".to_owned();
                assert_eq!(
                    flaw,
                    Some(SecretFlaw::Segment { secret }),
                    "{value} in {path}"
                );
                assert_eq!(exchange.decision.reason, Reason::Secret);
                assert!(exchange.secrets.is_empty() && wire.is_empty(), "{wire:?}");
            }
            // Recorded as it was decided on.
            let recorded = exchange.path.unwrap().to_string();
            assert_eq!(Some(&*recorded), asked.split('?').next());
        }
    }

    let run = Run::new(&[("LONG", &"%".repeat(1400))]);
    let long = at(&format!("/v1/a?b={}", run.placeholder("LONG")));
    let (_, result) = run.send_by(&provider, vec![rule], long).await;
    let hint = result.unwrap_err().hint().unwrap();
    assert!(hint.contains("4096"), "{hint}");
}

#[tokio::test]
async fn a_value_of_several_lines_stays_out_of_headers() {
    const KEY: &str = "-----BEGIN KEY-----\r\nX-Evil: 1\n-----END KEY-----\n";
    let provider = Provider::tls(|_| say(OK)).await;
    let run = Run::new(&[("KEY", KEY)]);
    let key = run.placeholder("KEY");
    let bearer = json!({ "type": "bearer", "token": "{KEY}" });
    for (asked, auth) in [
        (
            request(&[("authorization", &format!("Bearer {key}"))], ""),
            None,
        ),
        (request(&[("x-api-key", key)], ""), None),
        (request(&[], ""), Some(bearer)),
    ] {
        let (exchange, result) = run.send(&provider, auth, asked).await;
        let error = result.unwrap_err();
        let is_it =
            matches!(&error, Error::HeaderForbidden { flaw, .. } if *flaw == HeaderFlaw::Value);
        assert!(is_it, "{error:?}");
        let hint = error.hint().unwrap();
        assert!(hint.contains("a line break in a secret"), "{hint}");
        let told = format!(
            "{error} {error:?} {}",
            serde_json::to_string(&exchange).unwrap()
        );
        assert!(!told.contains("Evil"), "{told}");
    }
    assert_eq!(provider.connections().await, 0);
    // Where it is encoded it is one value.
    let pair = format!("Basic {}", STANDARD.encode(format!("user:{key}")));
    let json_type = ("content-type", "application/json");
    let form_type = ("content-type", "application/x-www-form-urlencoded");
    let lines = "-----BEGIN+KEY-----%0D%0AX-Evil%3A+1%0A-----END+KEY-----%0A";
    for (asked, expected) in [
        (
            request(&[("authorization", &pair)], ""),
            format!("Basic {}", STANDARD.encode(format!("user:{KEY}"))),
        ),
        (
            request(&[json_type], &json!({ "key": key }).to_string()),
            json!({ "key": KEY }).to_string(),
        ),
        (
            request(&[form_type], &format!("key={key}")),
            format!("key={lines}"),
        ),
        (
            at(&format!("/messages?key={key}")),
            format!("key={}", lines.replace('+', "%20")),
        ),
    ] {
        let (_, result) = run.send(&provider, None, asked).await;
        assert_eq!(result.unwrap().status, 200, "{expected}");
        let wire = provider.requests().pop().unwrap();
        assert!(wire.contains(&expected), "{expected} in {wire}");
    }
}

/// Which rule a value matches would tell its author of the value.
#[tokio::test]
async fn rules_are_asked_about_the_path_without_its_secrets() {
    let provider = Provider::tls(|_| say(OK)).await;
    let run = Run::new(&[("TOKEN", PLAIN)]);
    let path = format!("/v1/{}/send", run.placeholder("TOKEN"));
    let rule = |path| Rule::new(&provider.base(), &["POST"], &[path]).unwrap();
    let bearer = read(json!({ "type": "bearer", "token": "{TOKEN}" }));
    let guess = rule("/v1/hunter22/send").with_auth(bearer).unwrap();
    let (exchange, _) = run.send_by(&provider, vec![guess.clone()], at(&path)).await;
    assert_eq!(exchange.decision.reason, Reason::Path);
    assert_eq!(provider.requests().len(), 0);
    let any = rule("/v1/*/send");
    let (exchange, _) = run.send_by(&provider, vec![guess, any], at(&path)).await;
    assert_eq!(exchange.decision.pattern.as_deref(), Some("/v1/*/send"));
    let wire = provider.requests().pop().unwrap();
    assert_eq!(target(&wire), "/v1/hunter22/send");
    assert!(!wire.contains("authorization"), "{wire}");
}

/// S04, S06.
#[tokio::test]
async fn elsewhere_it_is_refused_and_nothing_is_sent() {
    let provider = Provider::tls(|_| say(OK)).await;
    let run = Run::new(&[("TOKEN", PLAIN)]);
    let other = Run::new(&[("A", "a"), ("B", "b")]);
    let (token, stale) = (run.placeholder("TOKEN"), other.placeholder("B"));
    let encoded = STANDARD.encode(format!("ab:{token}"));
    let hex = token
        .bytes()
        .fold(String::new(), |hex, byte| hex + &format!("{byte:02X}"));
    let escaped = token.replacen("sealed_", "%73ealed_", 1);
    let unicode = token.replacen('s', "\\u0073", 1);
    let text = [("content-type", "text/plain")];
    let json_type = [("content-type", "application/json")];
    let form_type = [("content-type", "application/x-www-form-urlencoded")];
    let nine = [token; 9].join(" ");
    let cases = [
        (at(&format!("/messages?{token}")), "place"),
        (at(&format!("/messages?a=b&{token}=c")), "place"),
        (at(&format!("/messages?a=b;{token}=c")), "place"),
        (at(&format!("/messages?a=b;{token}")), "place"),
        (at(&format!("/messages?a%3D{token}")), "place"),
        (at(&format!("/messages?a=%{token}")), "place"),
        (at(&format!("/messages?a=%2{token}")), "place"),
        (at(&format!("/messages?a={token}&b={escaped}")), "place"),
        (at(&format!("/messages?a={escaped}&b={token}")), "place"),
        (at(&format!("/{escaped}?b={token}")), "place"),
        (at(&format!("/{token}/{hex}")), "place"),
        (at(&format!("/messages?key={escaped}")), "place"),
        (at(&format!("/messages?key={hex}")), "place"),
        (at(&format!("/{hex}")), "place"),
        (at(&format!("/{stale}")), "stale"),
        (at(&format!("/messages?key={stale}")), "stale"),
        (at(&format!("/{}", [token; 9].join("/"))), "too-many"),
        (
            Request {
                url: format!("https://{HOST}/{token}?a={token}"),
                ..request(&[("authorization", &[token; 7].join(" "))], "")
            },
            "too-many",
        ),
        (request(&[("user-agent", token)], ""), "place"),
        (request(&[("referer", token)], ""), "place"),
        (request(&[("idempotency-key", token)], ""), "place"),
        (request(&[("x-request-token", token)], ""), "place"),
        (request(&[(token, "x")], ""), "place"),
        (request(&[("x-trace", &encoded)], ""), "place"),
        (
            request(&[("authorization", &format!("Custom {encoded}"))], ""),
            "place",
        ),
        (request(&[], token), "place"),
        (request(&text, token), "place"),
        (request(&text, &encoded), "place"),
        (
            request(&json_type, &format!(r#"{{"{token}": 1}}"#)),
            "place",
        ),
        (
            request(&json_type, &format!(r#"{{"a": "{token}""#)),
            "place",
        ),
        (
            request(&json_type, &format!(r#"{{"a": "{encoded}"}}"#)),
            "place",
        ),
        (request(&form_type, &format!("{token}=1")), "place"),
        (
            request(&form_type, &format!("a={token}&b=%2{token}")),
            "place",
        ),
        // One that is read as if it were there does not make up for one in a name.
        (
            request(&form_type, &format!("{token}=a&b={escaped}")),
            "place",
        ),
        (
            request(
                &json_type,
                &format!(r#"{{"{token}": 1, "b": "{unicode}"}}"#),
            ),
            "place",
        ),
        (
            request(
                &json_type,
                &format!(r#"{{"a": {{"{token}": 1}}, "a": "{unicode}"}}"#),
            ),
            "place",
        ),
        (request(&[("authorization", stale)], ""), "stale"),
        (
            request(&json_type, &format!(r#"{{"a": "{stale}"}}"#)),
            "stale",
        ),
        (request(&text, stale), "stale"),
        (request(&[("authorization", &nine)], ""), "too-many"),
    ];
    for (asked, expected) in cases {
        let shown = format!("{} {:?}", asked.url, asked.headers);
        let (exchange, result) = run.send(&provider, None, asked).await;
        assert_eq!(exchange.decision.verdict, Verdict::Denied, "{shown}");
        assert_eq!(exchange.decision.reason, Reason::Secret, "{shown}");
        let error = result.unwrap_err();
        assert_eq!(error.code(), "request-denied");
        let Error::RequestDenied(denial) = &error else {
            panic!("{error}")
        };
        let flaw = match denial.secret.as_ref().unwrap() {
            SecretFlaw::Place { secret, .. } => {
                assert_eq!(secret, "TOKEN");
                assert!(
                    error.hint().unwrap().contains("TOKEN"),
                    "{:?}",
                    error.hint()
                );
                "place"
            }
            SecretFlaw::Stale => "stale",
            SecretFlaw::TooMany => "too-many",
            other => panic!("{shown}: {other:?}"),
        };
        assert_eq!(flaw, expected, "{shown}");
    }
    assert_eq!(provider.connections().await, 0, "{:?}", provider.requests());
}

/// S02.
#[tokio::test]
async fn a_secret_goes_to_its_own_origins_alone() {
    let provider = Provider::tls(|_| say(OK)).await;
    let bearer = json!({ "type": "bearer", "token": "{TOKEN}" });
    for (origin, allowed) in [
        (format!("https://{HOST}"), true),
        ("https://*.ok.com".to_owned(), true),
        ("https://other.ok.com".to_owned(), false),
        (format!("https://{HOST}:8443"), false),
    ] {
        let run = Run::new(&[("TOKEN", PLAIN)]).bound_to(&origin);
        let header = format!("Bearer {}", run.placeholder("TOKEN"));
        let placed = run
            .send(&provider, None, request(&[("authorization", &header)], ""))
            .await;
        let signed = run
            .send(&provider, Some(bearer.clone()), request(&[], ""))
            .await;
        let token = run.placeholder("TOKEN");
        let in_path = run
            .send(&provider, None, at(&format!("/v1/{token}/send")))
            .await;
        let in_query = run
            .send(&provider, None, at(&format!("/v1?key={token}")))
            .await;
        for (exchange, result) in [placed, signed, in_path, in_query] {
            if allowed {
                result.unwrap();
                assert_eq!(exchange.secrets, ["TOKEN"]);
            } else {
                let hint = result.unwrap_err().hint().unwrap();
                assert_eq!(exchange.decision.reason, Reason::Secret, "{origin}");
                assert!(hint.contains("TOKEN") && hint.contains(HOST), "{hint}");
            }
        }
    }
    let requests = provider.requests();
    assert_eq!(requests.len(), 8, "{requests:#?}");
    assert!(
        requests.iter().all(|wire| wire.contains("hunter22")),
        "{requests:#?}"
    );
}

#[tokio::test]
async fn the_host_signs_as_the_rule_says() {
    let provider = Provider::tls(|_| say(OK)).await;
    let run = Run::new(&[
        ("USER", "account-1"),
        ("TOKEN", PLAIN),
        ("KEY", "Jefe"),
        ("KEY64", "SmVmZQ=="),
        ("KEYHEX", "4a656665"),
    ]);
    // RFC 4231, test case 2.
    let message = "what do ya want for nothing?";
    let tag = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
    let hmac = |key: &str, encoding: &str| {
        json!({
            "type": "hmac", "algorithm": "sha256", "key": key, "key_encoding": encoding, "message": "{body}", "encoding": "hex",
            "headers": { "X-Signature": "v1={signature}", "X-What": "{method} {path} {host} {body_sha256_base64}" }
        })
    };
    let what = "x-what: POST /messages api.ok.com s4Hn/sZT/Dq5sXgnI2a4rIf+2NMcsl7R0OHzMYZEyJw=\r\n";
    let cases = [
        (
            json!({ "type": "basic", "user": "{USER}", "password": "{TOKEN}" }),
            vec![format!(
                "authorization: Basic {}\r\n",
                STANDARD.encode("account-1:hunter22")
            )],
        ),
        (
            json!({ "type": "header", "name": "X-Api-Key", "value": "App {TOKEN}" }),
            vec!["x-api-key: App hunter22\r\n".to_owned()],
        ),
        (
            hmac("{KEY}", "text"),
            vec![format!("x-signature: v1={tag}\r\n"), what.to_owned()],
        ),
        (
            hmac("{KEY64}", "base64"),
            vec![format!("x-signature: v1={tag}\r\n")],
        ),
        (
            hmac("{KEYHEX}", "hex"),
            vec![format!("x-signature: v1={tag}\r\n")],
        ),
    ];
    for (auth, expected) in cases {
        let (exchange, result) = run.send(&provider, Some(auth), request(&[], message)).await;
        result.unwrap();
        let wire = provider.requests().pop().unwrap();
        for expected in expected {
            assert!(wire.contains(&expected), "{expected} in {wire}");
        }
        assert!(!exchange.secrets.is_empty());
    }

    let asked = provider.requests().len();
    let own = request(&[("x-api-key", "mine")], "");
    let header = json!({ "type": "header", "name": "X-Api-Key", "value": "{TOKEN}" });
    let (_, result) = run.send(&provider, Some(header), own).await;
    assert_eq!(result.unwrap_err().code(), "header-forbidden");
    for (auth, expected) in [
        (json!({ "type": "bearer", "token": "{NONE}" }), "NONE"),
        (hmac("{TOKEN}", "hex"), "key_encoding"),
    ] {
        let (exchange, result) = run.send(&provider, Some(auth), request(&[], "")).await;
        let hint = result.unwrap_err().hint().unwrap();
        assert_eq!(exchange.decision.reason, Reason::Secret);
        assert!(hint.contains(expected), "{hint}");
    }
    assert_eq!(provider.requests().len(), asked);
}

#[test]
fn an_auth_that_cannot_be_kept_says_why() {
    let headers = |value: &str| json!({ "X-Signature": value });
    let hmac = |key: &str, message: &str, headers: Value| json!({ "type": "hmac", "algorithm": "sha256", "key": key, "message": message, "encoding": "hex", "headers": headers });
    for (auth, expected) in [
        (
            json!({ "type": "bearer", "token": "hunter22" }),
            "names no secret",
        ),
        (
            json!({ "type": "bearer", "token": "{TOKEN} {body}" }),
            "for secrets",
        ),
        (
            json!({ "type": "header", "name": "User-Agent", "value": "{TOKEN}" }),
            "not a header for credentials",
        ),
        (
            json!({ "type": "header", "name": "Host", "value": "{TOKEN}" }),
            "can be set",
        ),
        (hmac("{KEY}", "{body}", headers("no")), "has the signature"),
        (hmac("key", "{body}", headers("{signature}")), "no secret"),
        (
            hmac("{KEY}", "{signature}", headers("{signature}")),
            "its own signature",
        ),
        (
            hmac(
                "{KEY}",
                "{body}",
                json!({ "Content-Length": "{signature}" }),
            ),
            "can be set",
        ),
    ] {
        let rule = Rule::new::<&str, &str>("https://api.ok.com", &[], &[]).unwrap();
        let invalid = rule.with_auth(read(auth.clone())).unwrap_err();
        assert!(invalid.to_string().contains(expected), "{auth}: {invalid}");
        assert!(!invalid.hint().is_empty());
    }
    for (auth, expected) in [
        (json!({ "type": "bearer", "token": "{TOKEN" }), "no `}`"),
        (
            json!({ "type": "bearer", "token": "{token}" }),
            "in capitals",
        ),
        (
            json!({ "type": "oauth2", "token": "{TOKEN}" }),
            "unknown variant",
        ),
        (json!({ "type": "bearer", "tokne": "{TOKEN}" }), "tokne"),
    ] {
        let error = serde_json::from_value::<Auth>(auth.clone()).unwrap_err();
        assert!(error.to_string().contains(expected), "{auth}: {error}");
    }
}
