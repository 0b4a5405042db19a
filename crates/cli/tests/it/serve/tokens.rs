//! Tokens as Auth0's clients ask for them and show them, and what is tried with others. W02, W04, W17 and W18 are attacks of the
//! catalogue.

use std::collections::{HashMap, HashSet};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use aws_lc_rs::{digest, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use futures_util::StreamExt as _;
use http_body_util::{BodyExt as _, Full};
use serde_json::{Value, json};

use super::Server;
use crate::gate::{Gate, Mode};
use crate::inbox::client::{self, Answered};

const PROVIDERS: &str = "/api/v2/branding/phone/providers";
/// How often somebody guesses.
const TRIES: u32 = 10_000;

/// A client, and its secret.
pub(super) struct Client {
    id: String,
    pub(super) secret: String,
}

impl Server {
    async fn started(config: &str) -> Self {
        let gate = Gate::open(Mode::Accept).await;
        let mut server = Self::new(gate.address);
        let path = server.folder.path().join("phonebox.toml");
        let usual = std::fs::read_to_string(&path).unwrap();
        std::fs::write(path, format!("{usual}{config}")).unwrap();
        server.start();
        server
    }

    fn host(&self) -> &str {
        self.url.strip_prefix("http://").unwrap()
    }

    /// Asks with these headers alone, and the server's host unless they have one.
    async fn exchange(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answered {
        let mut request = http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let stream = client::connect(self.host().parse().unwrap()).await;
        let request = request.body(body.to_owned()).unwrap();
        client::send(stream, request).await.unwrap()
    }

    async fn show(&self, path: &str, token: &str) -> Answered {
        let bearer = format!("Bearer {token}");
        self.exchange("GET", path, &[("authorization", &bearer)], "")
            .await
    }

    pub(super) async fn client(&self, tenant: &str, scopes: &[&str]) -> Client {
        let made = self
            .ask(
                "POST",
                "/v1/keys",
                json!({ "tenant": tenant, "scopes": scopes }),
            )
            .await;
        let text = |key: &str| made.body[key].as_str().unwrap().to_owned();
        Client {
            id: text("id"),
            secret: text("key"),
        }
    }

    async fn ask_token(&self, headers: &[(&str, &str)], asked: &Value) -> Answered {
        let json = [("content-type", "application/json")];
        self.exchange(
            "POST",
            "/oauth/token",
            &[&json, headers].concat(),
            &asked.to_string(),
        )
        .await
    }

    fn asked(&self, client: &Client) -> Value {
        json!({
            "grant_type": "client_credentials",
            "client_id": client.id,
            "client_secret": client.secret,
            "audience": format!("https://{}/api/v2/", self.host()),
        })
    }

    pub(super) async fn token(&self, client: &Client) -> String {
        let answered = self.ask_token(&[], &self.asked(client)).await;
        assert_eq!(answered.status, 200, "{answered:?}");
        answered.json()["access_token"].as_str().unwrap().to_owned()
    }
}

fn with(mut asked: Value, key: &str, value: Value) -> Value {
    asked[key] = value;
    asked
}

fn part(token: &str, index: usize) -> Value {
    let part = token.split('.').nth(index).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

fn encoded(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

#[tokio::test]
async fn a_client_gets_a_token_and_shows_it() {
    let server = Server::started("").await;
    let client = server
        .client("acme", &["read:phone_providers", "actions:read"])
        .await;
    let audience = format!("https://{}/api/v2/", server.host());
    let form = format!(
        "grant_type=client_credentials&client_id={}&client_secret={}&audience={audience}",
        client.id, client.secret
    );
    let kind = [("content-type", "application/x-www-form-urlencoded")];
    let answered = server.exchange("POST", "/oauth/token", &kind, &form).await;
    assert_eq!(answered.status, 200, "{answered:?}");
    assert_eq!(answered.header("cache-control"), Some("no-store"));
    let told = answered.json();
    assert_eq!(told["token_type"], "Bearer", "{told}");
    assert_eq!(told["expires_in"], 86400, "{told}");
    assert_eq!(told["scope"], "read:phone_providers actions:read", "{told}");
    let token = told["access_token"].as_str().unwrap();
    let claims = part(token, 1);
    let expected = json!({
        "iss": format!("https://{}/", server.host()),
        "sub": format!("{}@clients", client.id),
        "aud": audience,
        "iat": claims["iat"],
        "exp": claims["iat"].as_u64().unwrap() + 86400,
        "azp": client.id,
        "gty": "client-credentials",
        "scope": "read:phone_providers actions:read",
        "tenant": "acme",
    });
    assert_eq!(claims, expected);
    // Whoever wants to can verify it.
    let keys = server
        .exchange("GET", "/.well-known/jwks.json", &[], "")
        .await
        .json();
    assert_eq!(keys["keys"][0]["kid"], part(token, 0)["kid"], "{keys}");

    let listed = server.show(PROVIDERS, token).await;
    assert_eq!(
        (listed.status.as_u16(), listed.json()),
        (200, json!({ "providers": [] }))
    );
    assert_eq!(server.show("/v1/actions", token).await.status, 200);
    let other = server
        .exchange(
            "POST",
            PROVIDERS,
            &[
                ("authorization", &format!("Bearer {token}")),
                ("content-type", "application/json"),
            ],
            r#"{"name":"custom","credentials":{}}"#,
        )
        .await;
    assert_eq!(other.json()["errorCode"], "insufficient_scope", "{other:?}");

    // The same by Basic authentication, without the last slash, and for less.
    let basic = STANDARD.encode(format!("{}:{}", client.id, client.secret));
    let basic = format!("Basic {basic}");
    let asked = json!({
        "grant_type": "client_credentials",
        "audience": audience.trim_end_matches('/'),
        "scope": "actions:read update:actions openid",
    });
    let less = server.ask_token(&[("authorization", &basic)], &asked).await;
    assert_eq!(less.json()["scope"], "actions:read", "{less:?}");
    let less = less.json()["access_token"].as_str().unwrap().to_owned();
    assert_eq!(server.show("/v1/actions", &less).await.status, 200);
    let refused = server.show(PROVIDERS, &less).await;
    let message = "Insufficient scope, expected any of: read:phone_providers";
    assert_eq!(
        (refused.status.as_u16(), &refused.json()["message"]),
        (403, &json!(message))
    );

    // It is worthless as soon as its key is.
    let revoked = server
        .ask("DELETE", &format!("/v1/keys/{}", client.id), json!({}))
        .await;
    assert_eq!(revoked.status, 204, "{revoked:?}");
    for token in [token, &*less] {
        let refused = server.show(PROVIDERS, token).await;
        assert_eq!(
            (refused.status.as_u16(), &refused.json()["errorCode"]),
            (401, &json!("invalid_token"))
        );
    }
}

#[tokio::test]
async fn what_is_asked_wrongly_is_refused_as_oauth_has_it() {
    let server = Server::started("").await;
    let client = server.client("acme", &["actions:read"]).await;
    let asked = || server.asked(&client);
    let basic = STANDARD.encode(format!("{}:{}", client.id, client.secret));
    let basic = format!("Basic {basic}");
    let twice = [("authorization", &*basic)];
    let json = json!({ "client_id": client.id, "client_secret": client.secret });
    let long = "x".repeat(300 << 10);
    for (headers, asked, status, error) in [
        (
            &[][..],
            with(
                asked(),
                "client_secret",
                json!(format!("{}x", client.secret)),
            ),
            401,
            "access_denied",
        ),
        (
            &[],
            with(asked(), "client_secret", json!("phb_")),
            401,
            "access_denied",
        ),
        (
            &[],
            with(asked(), "client_id", json!("nobody")),
            401,
            "access_denied",
        ),
        (
            &[],
            with(asked(), "audience", json!("https://evil.example/api/v2/")),
            403,
            "access_denied",
        ),
        (
            &[],
            with(asked(), "audience", Value::Null),
            403,
            "access_denied",
        ),
        (
            &[],
            with(asked(), "grant_type", json!("password")),
            400,
            "unsupported_grant_type",
        ),
        (&[], json, 400, "invalid_request"),
        (
            &[],
            with(asked(), "client_id", Value::Null),
            400,
            "invalid_request",
        ),
        (
            &[],
            with(asked(), "client_secret", json!(7)),
            400,
            "invalid_request",
        ),
        (
            &[],
            with(asked(), "client_assertion", json!("x")),
            400,
            "invalid_request",
        ),
        (
            &[],
            with(asked(), "client_secret", json!(long)),
            413,
            "invalid_request",
        ),
        (&twice, asked(), 400, "invalid_request"),
        (
            &[("authorization", "Bearer x")],
            asked(),
            400,
            "invalid_request",
        ),
        (&[("host", "a/b")], asked(), 400, "invalid_request"),
    ] {
        let answered = server.ask_token(headers, &asked).await;
        let told = answered.json();
        assert_eq!(
            (answered.status.as_u16(), &told["error"]),
            (status, &json!(error)),
            "{asked}: {answered:?}"
        );
        assert_eq!(
            answered.header("cache-control"),
            Some("no-store"),
            "{answered:?}"
        );
        assert!(!answered.body.contains("phb_"), "{answered:?}");
        assert!(
            told["error_description"].is_string() && told.as_object().unwrap().len() == 2,
            "{told}"
        );
    }
    let text = [("content-type", "text/plain")];
    let answered = server.exchange("POST", "/oauth/token", &text, "x").await;
    assert_eq!(
        (answered.status.as_u16(), &answered.json()["error"]),
        (415, &json!("invalid_request"))
    );
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let twice = "grant_type=client_credentials&grant_type=client_credentials";
    let answered = server.exchange("POST", "/oauth/token", &form, twice).await;
    assert_eq!(
        (answered.status.as_u16(), &answered.json()["error"]),
        (400, &json!("invalid_request"))
    );
}

#[tokio::test]
async fn w02_tokens_that_were_not_issued_here_for_this() {
    let server = Server::started("").await;
    let other = Server::started("").await;
    let client = server.client("acme", &["read:phone_providers"]).await;
    let token = server.token(&client).await;
    assert_eq!(server.show(PROVIDERS, &token).await.status, 200);
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let (header, claims) = signed.split_once('.').unwrap();
    let (told, said) = (part(&token, 0), part(&token, 1));
    let public = server
        .exchange("GET", "/.well-known/jwks.json", &[], "")
        .await
        .body;
    let x = serde_json::from_str::<Value>(&public).unwrap()["keys"][0]["x"]
        .as_str()
        .unwrap()
        .to_owned();

    let own = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let by_own = |header: &Value| {
        let signed = format!("{}.{claims}", encoded(header));
        let signature = own.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    };
    let by_hmac = |key: &[u8]| {
        let signed = format!(
            "{}.{claims}",
            encoded(&with(told.clone(), "alg", json!("HS256")))
        );
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag))
    };
    let rewritten = |key: &str, value: Value| {
        format!(
            "{header}.{}.{signature}",
            encoded(&with(said.clone(), key, value))
        )
    };
    let renamed = |key: &str, value: Value| {
        format!(
            "{}.{claims}.{signature}",
            encoded(&with(told.clone(), key, value))
        )
    };
    let mut forged = vec![
        format!("{signed}."),
        signed.to_owned(),
        format!("{token}."),
        format!("{token}="),
        format!("{header}.{claims}.{}", URL_SAFE_NO_PAD.encode([0; 64])),
        String::new(),
        "..".to_owned(),
        by_hmac(public.as_bytes()),
        by_hmac(x.as_bytes()),
        by_hmac(&URL_SAFE_NO_PAD.decode(&x).unwrap()),
        by_own(&told),
        by_own(&with(told.clone(), "jwk", json!({ "kty": "EC" }))),
        by_own(&with(
            told.clone(),
            "jku",
            json!(format!("{}/.well-known/jwks.json", other.url)),
        )),
        renamed("crit", json!(["exp"])),
        rewritten("tenant", json!("other")),
        rewritten("tenant", Value::Null),
        rewritten(
            "scope",
            json!("read:phone_providers delete:phone_providers"),
        ),
        rewritten("exp", json!(u64::MAX)),
    ];
    for alg in ["none", "None", "NONE", "ES384", "HS256"] {
        let header = encoded(&with(told.clone(), "alg", json!(alg)));
        forged.extend([
            format!("{header}.{claims}."),
            format!("{header}.{claims}.{signature}"),
        ]);
    }
    for kid in ["", "../../../../dev/null", "' OR 1=1 --", "x"] {
        forged.extend([
            by_own(&with(told.clone(), "kid", json!(kid))),
            renamed("kid", json!(kid)),
        ]);
    }
    // Another server's, and those of this one under another name.
    let there = Client {
        ..other.client("acme", &["read:phone_providers"]).await
    };
    forged.push(other.token(&there).await);
    let host = "127.0.0.1:443";
    let asked = with(
        server.asked(&client),
        "audience",
        json!(format!("https://{host}/api/v2/")),
    );
    let elsewhere = server.ask_token(&[("host", host)], &asked).await.json();
    forged.push(elsewhere["access_token"].as_str().unwrap().to_owned());

    let mut answers = HashSet::new();
    for forged in &forged {
        for path in [PROVIDERS, "/v1/actions", "/api/v2/nowhere"] {
            let answered = server.show(path, forged).await;
            assert!(
                matches!(answered.status.as_u16(), 401 | 429),
                "{path} {forged}: {answered:?}"
            );
            assert!(!answered.body.contains(signature), "{answered:?}");
            answers.insert(answered.status.as_u16());
        }
    }
    assert!(answers.contains(&401));
    assert_eq!(server.show(PROVIDERS, &token).await.status, 200);
    let elsewhere = forged.last().unwrap();
    let bearer = format!("Bearer {elsewhere}");
    let there = server
        .exchange(
            "GET",
            PROVIDERS,
            &[("authorization", &bearer), ("host", host)],
            "",
        )
        .await;
    assert_eq!(there.status, 200, "{there:?}");
}

#[tokio::test]
async fn w04_keys_and_secrets_are_not_guessed() {
    let server = Server::started("").await;
    let client = server.client("acme", &["read:phone_providers"]).await;
    let (known, rest) = client.secret.split_at("phb_".len() + client.id.len());
    // With the id of a key that there is, and one of none.
    let guesses = (0..TRIES / 2).flat_map(|number: u32| {
        let guess = digest::digest(&digest::SHA256, &number.to_be_bytes());
        let guess = URL_SAFE_NO_PAD.encode(guess);
        let guess = &guess[..rest.len().min(guess.len())];
        [format!("{known}{guess}"), format!("phb_{guess}{rest}")]
    });
    let server = &server;
    let answers = futures_util::stream::iter(guesses)
        .map(async |key: String| {
            let bearer = format!("Bearer {key}");
            let request = http::Request::get(format!("{}{PROVIDERS}", server.url))
                .header("authorization", bearer)
                .body(Full::default());
            let response = server.client.request(request.unwrap()).await.unwrap();
            let (status, headers) = (response.status(), response.headers());
            assert_eq!(
                headers.contains_key("retry-after"),
                status == 429,
                "{response:?}"
            );
            let body = response.into_body().collect().await.unwrap();
            (status.as_u16(), body.to_bytes())
        })
        .buffer_unordered(16);
    let mut all: HashMap<_, u32> = HashMap::new();
    let mut answers = std::pin::pin!(answers);
    while let Some(answer) = answers.next().await {
        *all.entry(answer).or_default() += 1;
    }
    // Nothing tells them apart, but that there were too many.
    assert_eq!(all.len(), 2, "{all:?}");
    for ((status, _), count) in &all {
        let is_most = *count > TRIES / 2;
        assert_eq!(
            (*status, is_most),
            (if is_most { 429 } else { 401 }, is_most),
            "{all:?}"
        );
    }
    // W17: it counts who is connected, whatever they say of themselves.
    let spoofed = [
        ("authorization", "Bearer phb_x"),
        ("x-forwarded-for", "198.51.100.7"),
        ("forwarded", "for=198.51.100.8"),
        ("x-real-ip", "198.51.100.9"),
    ];
    assert_eq!(
        server.exchange("GET", PROVIDERS, &spoofed, "").await.status,
        429
    );
    let wrong = with(
        server.asked(&client),
        "client_secret",
        json!(format!("{}x", client.secret)),
    );
    let answered = server
        .ask_token(&[("x-forwarded-for", "198.51.100.7")], &wrong)
        .await;
    assert_eq!(
        (answered.status.as_u16(), &answered.json()["error"]),
        (429, &json!("too_many_requests"))
    );
    assert!(answered.header("retry-after").is_some(), "{answered:?}");
    // Nobody is kept from what is theirs by that.
    assert_eq!(server.show(PROVIDERS, &client.secret).await.status, 200);
    let token = server.token(&client).await;
    assert_eq!(server.show(PROVIDERS, &token).await.status, 200);
}

#[tokio::test]
async fn w17_a_host_that_somebody_makes_up_settles_nothing() {
    let config = "[server]\ndomain = \"pb.example\"\ntenants = \"{tenant}.pb.example\"\n";
    let server = Server::started(config).await;
    let client = server.client("acme", &["read:phone_providers"]).await;
    let at = |host: &str| {
        with(
            server.asked(&client),
            "audience",
            json!(format!("https://{host}/api/v2/")),
        )
    };
    let issued = async |host: &str, audience: &str| {
        let headers = [
            ("host", host),
            ("x-forwarded-host", "evil.example"),
            ("forwarded", "host=evil.example"),
        ];
        let answered = server.ask_token(&headers, &at(audience)).await;
        assert!(!answered.body.contains("evil.example"), "{answered:?}");
        (
            answered.status.as_u16(),
            answered.json()["access_token"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
        )
    };
    assert_eq!(issued("evil.example", "evil.example").await.0, 403);
    let (status, token) = issued("evil.example", "pb.example").await;
    assert_eq!(
        (status, &part(&token, 1)["iss"]),
        (200, &json!("https://pb.example/"))
    );
    // A tenant's host is its own.
    assert_eq!(issued("other.pb.example", "other.pb.example").await.0, 401);
    let (status, of_host) = issued("acme.pb.example", "acme.pb.example").await;
    assert_eq!(status, 200);
    let get = async |host: &str, token: &str| {
        let bearer = format!("Bearer {token}");
        let headers = [("host", host), ("authorization", &*bearer)];
        server
            .exchange("GET", PROVIDERS, &headers, "")
            .await
            .status
            .as_u16()
    };
    assert_eq!(get("pb.example", &token).await, 200);
    assert_eq!(get("10.0.0.1:8443", &token).await, 200);
    assert_eq!(get("acme.pb.example", &of_host).await, 200);
    assert_eq!(get("acme.pb.example", &client.secret).await, 200);
    assert_eq!(get("pb.example", &of_host).await, 401);
    assert_eq!(get("other.pb.example", &of_host).await, 401);
    assert_eq!(get("other.pb.example", &client.secret).await, 403);
    // The operator asks for the tenant of the host, or the one that is named, and not for two.
    assert_eq!(get("acme.pb.example", &server.key).await, 200);
    assert_eq!(get("pb.example", &server.key).await, 400);
}

#[tokio::test]
async fn w17_a_trusted_proxy_says_who_asks() {
    let server = Server::started("[server]\ntrusted_proxies = [\"127.0.0.0/8\"]\n").await;
    let client = server.client("acme", &["read:logs"]).await;
    let guess = async |said: &str| {
        let headers = [("authorization", "Bearer phb_x"), ("x-forwarded-for", said)];
        let answered = server.exchange("GET", PROVIDERS, &headers, "").await;
        answered.status.as_u16()
    };
    let mut tries = 0;
    while guess("203.0.113.9, 198.51.100.7").await != 429 {
        tries += 1;
        assert!(tries < 200, "nobody is refused");
    }
    // Another of the proxy's callers is not, and saying that one is another is of no use.
    assert_eq!(guess("198.51.100.8").await, 401);
    assert_eq!(guess("198.51.100.8, 198.51.100.7").await, 429);
    // And the log tells who it was.
    let asked = server.asked(&client);
    let headers = [("x-forwarded-for", "2001:db8::7")];
    let answered = server.ask_token(&headers, &asked).await;
    let token = answered.json()["access_token"].as_str().unwrap().to_owned();
    let logs = server.show("/api/v2/logs", &token).await.json();
    assert_eq!(logs[0]["ip"], "2001:db8::7", "{logs:#}");
}

#[tokio::test]
async fn w18_nobody_sees_anything_without_a_key() {
    let server = Server::started("").await;
    let client = server.client("acme", &["notifications:read"]).await;
    for (path, status) in [
        ("/metrics", 401),
        ("/v1/tenants", 401),
        ("/v1/root-keys", 401),
        ("/v1/tail", 401),
        ("/api/v2", 401),
        ("/api/v2/", 401),
        (PROVIDERS, 401),
        ("/api/v2/rules", 401),
        ("/debug/pprof", 404),
        ("/healthz", 404),
        ("/status", 404),
        ("/%61pi/v2/rules", 404),
    ] {
        let answered = server.exchange("GET", path, &[], "").await;
        assert_eq!(answered.status, status, "{path}: {answered:?}");
        assert!(!answered.body.contains("acme"), "{answered:?}");
    }
    // Nor what is the operator's with a tenant's.
    for path in ["/metrics", "/v1/tenants", "/v1/root-keys"] {
        let answered = server.show(path, &client.secret).await;
        assert_eq!(answered.status, 403, "{path}: {answered:?}");
    }
    for path in ["/livez", "/readyz"] {
        let answered = server.exchange("GET", path, &[], "").await;
        assert_eq!(
            (answered.status.as_u16(), &*answered.body),
            (200, ""),
            "{path}"
        );
    }
}

#[tokio::test]
async fn what_signs_outlives_the_process_and_is_replaced() {
    let mut server = Server::started("[server]\ndomain = \"pb.example\"\n").await;
    let client = server.client("acme", &["read:phone_providers"]).await;
    let asked = with(
        server.asked(&client),
        "audience",
        json!("https://pb.example/api/v2/"),
    );
    let issue = async |server: &Server| {
        let answered = server.ask_token(&[], &asked).await;
        answered.json()["access_token"].as_str().unwrap().to_owned()
    };
    let first = issue(&server).await;
    server.kill();
    server.start();
    assert_eq!(server.show(PROVIDERS, &first).await.status, 200);
    assert_eq!(part(&issue(&server).await, 0), part(&first, 0));

    let rotate = ["keys", "rotate-signing"];
    let rotated = server.json(&rotate, "").await;
    let second = issue(&server).await;
    assert_eq!(part(&second, 0)["kid"], rotated["id"]);
    for token in [&first, &second] {
        assert_eq!(server.show(PROVIDERS, token).await.status, 200);
    }
    // The root key is replaced, too, and what signs is read with the new one.
    server.json(&["root-key", "add"], "").await;
    server.json(&["root-key", "rotate"], "").await;
    server.kill();
    server.start();
    assert_eq!(server.show(PROVIDERS, &second).await.status, 200);
    server.json(&rotate, "").await;
    assert_eq!(server.show(PROVIDERS, &second).await.status, 200);
    assert_eq!(server.show(PROVIDERS, &first).await.status, 401);
    let keys = server
        .exchange("GET", "/.well-known/jwks.json", &[], "")
        .await
        .json();
    assert_eq!(keys["keys"].as_array().unwrap().len(), 2, "{keys}");
}

#[tokio::test]
async fn requests_are_counted_for_each_tenant_and_every_answer_says_how_many_are_left() {
    let config = "[server]\nrequests = { most = 3, seconds = 3600 }\n";
    let server = Server::started(config).await;
    let client = server.client("acme", &["read:phone_providers"]).await;
    let told = |answered: &Answered| {
        let number = |name: &str| {
            answered
                .header(name)
                .map(|value| value.parse::<u64>().unwrap())
        };
        let names = [
            "x-ratelimit-limit",
            "x-ratelimit-remaining",
            "x-ratelimit-reset",
        ];
        names.map(|name| number(name).unwrap_or_else(|| panic!("no {name}: {answered:?}")))
    };
    for (path, status, left) in [
        (PROVIDERS, 200, 2),
        ("/api/v2/rules", 403, 1),
        (&format!("{PROVIDERS}/pro_x"), 404, 0),
    ] {
        let answered = server.show(path, &client.secret).await;
        assert_eq!(answered.status, status, "{answered:?}");
        assert_eq!(told(&answered)[..2], [3, left], "{answered:?}");
    }
    let answered = server.show(PROVIDERS, &client.secret).await;
    let body = json!({
        "statusCode": 429, "error": "Too Many Requests",
        "message": "Global limit has been reached", "errorCode": "too_many_requests",
    });
    assert_eq!((answered.status.as_u16(), answered.json()), (429, body));
    assert_eq!(told(&answered)[..2], [3, 0], "{answered:?}");
    let wait: u64 = answered.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=1200).contains(&wait), "{answered:?}");
    let other = server.client("other", &["read:phone_providers"]).await;
    let answered = server.show(PROVIDERS, &other.secret).await;
    assert_eq!(
        (answered.status.as_u16(), told(&answered)[1]),
        (200, 2),
        "{answered:?}"
    );
    assert_eq!(told(&server.show(PROVIDERS, "x").await)[..2], [3, 3]);
    // What is not Auth0's is not counted.
    let answered = server.show("/v1/actions", &client.secret).await;
    assert_eq!(
        (
            answered.status.as_u16(),
            answered.header("x-ratelimit-limit")
        ),
        (403, None)
    );
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_as_auth0_does() {
    let server = Server::started("").await;
    let scopes = ["create:phone_providers", "read:phone_providers"];
    let client = server.client("acme", &scopes).await;
    let bearer = format!("Bearer {}", client.secret);
    let long = format!("{{\"name\":\"{}\"}}", "x".repeat(300 << 10));
    for (method, kind, body, status) in [
        ("POST", "application/json", &*long, 413),
        ("POST", "application/json", "{", 400),
        ("POST", "application/json", "{}", 400),
        ("POST", "text/plain", "{}", 415),
        ("PUT", "application/json", "{}", 405),
    ] {
        let headers = [("authorization", &*bearer), ("content-type", kind)];
        let answered = server.exchange(method, PROVIDERS, &headers, body).await;
        let told = answered.json();
        assert_eq!(
            (answered.status.as_u16(), &told["statusCode"]),
            (status, &json!(status)),
            "{answered:?}"
        );
        assert!(
            told["message"].is_string() && told["error"].is_string(),
            "{told}"
        );
        let json = "application/json; charset=utf-8";
        assert_eq!(answered.header("content-type"), Some(json), "{answered:?}");
        assert!(
            answered.header("x-ratelimit-remaining").is_some(),
            "{answered:?}"
        );
        let unknown = server
            .exchange(method, PROVIDERS, &headers[1..], body)
            .await;
        assert_eq!(unknown.status, 401, "{unknown:?}");
    }
}

#[tokio::test]
async fn who_asked_for_a_token_is_in_the_tenants_log() {
    let server = Server::started("").await;
    let client = server.client("acme", &["read:logs"]).await;
    let asked = server.asked(&client);
    let guessed = with(asked.clone(), "client_secret", json!("phb_guessed"));
    let nobody = with(guessed.clone(), "client_id", json!("AAAAAAAAAAAA"));
    let elsewhere = with(
        asked.clone(),
        "audience",
        json!("https://elsewhere.example/"),
    );
    let mut statuses = Vec::new();
    // Nobody's is in nobody's log.
    for asked in [&asked, &guessed, &nobody, &elsewhere] {
        statuses.push(server.ask_token(&[], asked).await.status);
    }
    assert_eq!(statuses, [200, 401, 401, 403]);
    let token = server.token(&client).await;
    let rows = loop {
        let rows = server.show("/api/v2/logs?sort=date:1", &token).await.json();
        // Who is refused does not wait for it.
        if rows.as_array().unwrap().len() == 4 {
            break rows;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    };
    let mut told: Vec<_> = rows
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            assert_eq!(
                (&row["client_id"], &row["ip"]),
                (&json!(client.id), &json!("127.0.0.1"))
            );
            (
                row["type"].as_str().unwrap(),
                row["details"]["response"]["statusCode"].as_u64().unwrap(),
            )
        })
        .collect();
    told.sort_unstable();
    assert_eq!(
        told,
        [
            ("feccft", 401),
            ("feccft", 403),
            ("seccft", 200),
            ("seccft", 200)
        ]
    );
    let said = rows.to_string();
    assert!(
        !said.contains(&client.secret[16..]) && !said.contains("guessed"),
        "{said}"
    );
}
