//! Actions as Auth0 has them: a JavaScript source, built, deployed and run.

mod modules;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use phonebox::egress::{Egress, Origin, Rule};
use phonebox::store::{Options, Sqlite};
use phonebox::{
    Action, CannotLoad, CompiledCache, Config, DeliveryOptions, DeployError, Event, InvalidAction,
    JavascriptOptions, Keys, LoadError, NotificationId, Outcome, Phonebox, Report, RunError,
    Secret, Secrets, Status, Store, StoreError,
};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

const PROVIDER: &str = "http://api.provider.example:8000";
const HANDLER: &str = "exports.onExecuteCustomPhoneProvider = async (event, api) => {};";

/// A host from which the provider's name leads to one that answers with what it was sent: as JSON, with the status that the
/// path ends with.
async fn phonebox() -> Phonebox {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let echo = async |request: Request| {
        let (head, body) = request.into_parts();
        let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
        let status = head.uri.path().rsplit('/').next().unwrap();
        let status = status.parse().unwrap_or(StatusCode::OK);
        let header = |(name, value): (&axum::http::HeaderName, &axum::http::HeaderValue)| {
            (name.to_string(), value.to_str().unwrap().to_owned())
        };
        let headers: std::collections::BTreeMap<_, _> = head.headers.iter().map(header).collect();
        let seen = json!({
            "method": head.method.as_str(), "path": head.uri.to_string(), "headers": headers,
            "body": String::from_utf8_lossy(&body),
        });
        (status, seen.to_string()).into_response()
    };
    let serve = axum::serve(listener, Router::new().fallback(echo));
    tokio::spawn(async move { serve.await });
    let origin = Origin::parse(PROVIDER).unwrap();
    let egress = Egress::builder()
        .reachable("127.0.0.0/8".parse().unwrap())
        .resolve(origin.host(), vec![address])
        .dangerous_plain_http(origin)
        .build()
        .unwrap();
    // Compiling the engine takes seconds: one of these tests does it for all.
    let compiled = Path::new(env!("CARGO_TARGET_TMPDIR")).join("engine");
    let compiled = CompiledCache::open(&compiled, [7; 32]).unwrap();
    let phonebox = Phonebox::builder().egress(egress).compiled(compiled);
    phonebox.build().unwrap()
}

fn options() -> JavascriptOptions {
    let mut options = JavascriptOptions::new("sms");
    let any_path: [&str; 0] = [];
    options.egress = vec![Rule::new(PROVIDER, &["POST", "GET"], &any_path).unwrap()];
    options
}

fn action(source: &str) -> Action {
    Action::from_javascript(source, options()).unwrap_or_else(|error| panic!("{error}: {source}"))
}

/// An action whose handler has this body.
fn handler(body: &str) -> Action {
    action(&format!(
        "exports.onExecuteCustomPhoneProvider = async (event, api) => {{\n{body}\n}};"
    ))
}

fn event() -> Event {
    let event = json!({ "notification": {
        "as_text": "Your code is 492016", "as_voice": "4. 9. 2", "code": "492016", "delivery_method": "text",
        "message_type": "otp_verify", "recipient": "+12065550100",
    }});
    Event::from_json(&event.to_string()).unwrap()
}

async fn run_with(phonebox: &Phonebox, action: &Action, secrets: Secrets) -> Report {
    let deployment = phonebox.deploy("acme", action, secrets).unwrap();
    let attempt = deployment.attempt(Arc::new(event()), NotificationId::new(), 1);
    attempt.await
}

async fn run(phonebox: &Phonebox, body: &str) -> Report {
    run_with(phonebox, &handler(body), Secrets::default()).await
}

/// What a handler's body logs.
async fn logged(phonebox: &Phonebox, body: &str) -> Vec<String> {
    let report = run(phonebox, body).await;
    assert!(report.result.is_ok(), "{report:#?}");
    report.log.into_iter().map(|line| line.message).collect()
}

/// What is wrong with a source, when it is read or when it is built.
fn wrong(phonebox: &Phonebox, source: &str) -> (String, String, Option<u32>, Option<u32>) {
    let error = match Action::from_javascript(source, options()) {
        Err(InvalidAction::Source(mut errors)) => errors.remove(0),
        Err(error) => panic!("{error}: {source}"),
        Ok(action) => match phonebox.deploy("acme", &action, Secrets::default()) {
            Err(DeployError::Load(LoadError::Source(error))) => error,
            other => panic!("{:?}: {source}", other.map(drop)),
        },
    };
    (error.id, error.message, error.line, error.column)
}

#[tokio::test]
async fn a_message_is_sent_as_its_author_wrote_it() {
    let phonebox = phonebox().await;
    let source = r"
        const AUTH = 'Basic ';
        /** Sends. */
        exports.onExecuteCustomPhoneProvider = async (event, api) => {
            const { notification, secrets } = event;
            const body = new URLSearchParams({ To: notification.recipient, Body: notification.as_text });
            const response = await fetch('http://api.provider.example:8000/messages/201', {
                method: 'POST',
                headers: {
                    Authorization: AUTH + Buffer.from(`${secrets.SID}:${secrets.TOKEN}`).toString('base64'),
                },
                body,
            });
            if (!response.ok) throw new Error(`status ${response.status}`);
            const seen = await response.json();
            console.log('sent %s', seen.body, { headers: seen.headers['content-type'] });
        };";
    let secrets = [("SID", "AC0123456789"), ("TOKEN", "tok-0123456789")];
    let action = action(source);
    let report = run_with(&phonebox, &action, secrets.into_iter().collect()).await;
    assert_eq!(
        report.result,
        Ok(Outcome::Sent { receipt: None }),
        "{report:#?}"
    );
    let line = &report.log[0].message;
    assert!(line.starts_with("sent To="), "{report:#?}");
    assert!(
        line.contains("application/x-www-form-urlencoded;charset=UTF-8"),
        "{line}"
    );
    // Sealed secrets go on the wire although the code put them into base64, and are told by their names.
    assert_eq!(report.exchanges[0].secrets, ["SID", "TOKEN"]);
    let told = format!("{report:?}");
    for secret in ["492016", "tok-0123456789", "12065550100"] {
        assert!(!told.contains(secret), "{secret}: {told}");
    }
}

#[tokio::test]
async fn the_last_word_counts_and_methods_need_no_object() {
    let phonebox = phonebox().await;
    let dropped = Outcome::Drop {
        reason: "no".to_owned(),
    };
    for (body, outcome) in [
        ("return api.notification.drop('no');", dropped.clone()),
        (
            "const { drop, retry } = api.notification; retry('later'); drop('no');",
            dropped.clone(),
        ),
        ("(true ? api.notification.drop : 0)('no')", dropped),
    ] {
        let report = run(&phonebox, body).await;
        assert_eq!(report.result, Ok(outcome), "{body}");
    }
    let report = run(
        &phonebox,
        "api.notification.drop('no'); api.notification.retry('x'.repeat(2000));",
    )
    .await;
    let Ok(Outcome::Retry(request)) = &report.result else {
        panic!("{report:#?}")
    };
    assert_eq!((request.reason.len(), request.after), (1024, None));
}

#[tokio::test]
async fn what_is_thrown_is_told_with_its_place() {
    let phonebox = phonebox().await;
    let source = "const helper = (it) => {\n  return it.deep.down;\n};\n\
                  exports.onExecuteCustomPhoneProvider = async (event) => {\n  await null;\n  helper(event.secret);\n};";
    let report = run_with(&phonebox, &action(source), Secrets::default()).await;
    let Err(RunError::Returned { message }) = &report.result else {
        panic!("{report:#?}")
    };
    assert_eq!(
        message,
        "TypeError: cannot read property 'deep' of undefined, at helper (action.js:2:10) < action.js:6:10"
    );
    assert!(
        report.log[0].message.starts_with("TypeError"),
        "{report:#?}"
    );

    let refused = run(&phonebox, "await fetch('https://elsewhere.example/');\n").await;
    let Err(RunError::Returned { message }) = &refused.result else {
        panic!("{refused:#?}")
    };
    assert!(
        message.starts_with("TypeError: fetch failed: "),
        "{message}"
    );
    let forever = run(&phonebox, "await new Promise(() => {});").await;
    let Err(RunError::Returned { message }) = &forever.result else {
        panic!("{forever:#?}")
    };
    assert!(message.contains("is never settled"), "{message}");
}

#[tokio::test]
async fn what_is_wrong_with_a_source_is_told_when_it_is_built() {
    let phonebox = phonebox().await;
    for (source, id, part, place) in [
        (
            "exports.x = 1;\n let y = ;",
            "syntax_error",
            "SyntaxError",
            (Some(2), Some(10)),
        ),
        (
            "let y = ;",
            "syntax_error",
            "SyntaxError",
            (Some(1), Some(9)),
        ),
        (
            "\nnothing();",
            "top_level_error",
            "nothing is not defined",
            (Some(2), Some(1)),
        ),
        (
            "exports.a = 1;",
            "missing_handler",
            "does not export onExecuteCustomPhoneProvider",
            (None, None),
        ),
        (
            "exports.onExecuteCustomPhoneProvider = (event) => {\n  const sent = await fetch('https://x.example');\n};",
            "await_outside_async",
            "write `async` before",
            (Some(2), Some(22)),
        ),
        (
            "import axios from 'axios';",
            "module_syntax",
            "const NAME = require('PACKAGE')",
            (Some(1), Some(8)),
        ),
        (
            "exports.onExecuteSendPhoneMessage = async (event) => {};",
            "missing_handler",
            "It exports onExecuteSendPhoneMessage",
            (None, None),
        ),
        (
            "module.exports = null;",
            "invalid_exports",
            "does not export an object",
            (None, None),
        ),
        (
            "exports.onExecuteCustomPhoneProvider = (event, api) => Promise.resolve();",
            "invalid_handler",
            "Invalid function signature for the \"onExecuteCustomPhoneProvider\" handler. Use \
             \"exports.onExecuteCustomPhoneProvider = async function(event, api) { }\" as the signature.",
            (None, None),
        ),
        (
            "\n  fetch('https://x.example');",
            "top_level_error",
            "only inside the handler",
            (Some(2), Some(3)),
        ),
        (
            "setTimeout(() => {}, 1);\n",
            "top_level_error",
            "only inside the handler",
            (Some(1), Some(1)),
        ),
        (
            "\nconst signal =\n  AbortSignal.timeout(5);",
            "top_level_error",
            "only inside the handler",
            (Some(3), Some(15)),
        ),
        (
            "\nconst token = event.secrets.TOKEN;",
            "top_level_error",
            "event is not defined",
            (Some(2), Some(15)),
        ),
        (
            "const told = globalThis.told = new FinalizationRegistry(() => { for (;;) {} });\n\
             (() => { const cycle = { inner: {} }; cycle.self = cycle; told.register(cycle.inner, 1); })();\n\
             exports.onExecuteCustomPhoneProvider = async () => {};",
            "cpu_exceeded",
            "computed for more than 200 ms",
            (None, None),
        ),
        (
            "for (;;) {}",
            "cpu_exceeded",
            "computed for more than 200 ms",
            (None, None),
        ),
        (
            "require('left-pad')",
            "module_not_found",
            "bundled on the author's machine",
            (Some(1), Some(9)),
        ),
        (
            "require('le' + 'ft')",
            "module_not_found",
            "bundled on the author's machine",
            (Some(1), Some(16)),
        ),
    ] {
        let (found, message, line, column) = wrong(&phonebox, source);
        assert_eq!(
            (&*found, line, column),
            (id, place.0, place.1),
            "{source}: {message}"
        );
        assert!(message.contains(part), "{source}: {message}");
    }
    let mut asked = options();
    asked.dependencies = vec!["left-pad".to_owned(), "uuid".to_owned()];
    let error = Action::from_javascript(HANDLER, asked).unwrap_err();
    assert!(
        error.to_string().contains("the dependency left-pad"),
        "{error}"
    );
}

#[tokio::test]
async fn whoever_deploys_is_told_what_a_source_asks_for() {
    let phonebox = phonebox().await;
    let source = "exports.onExecuteCustomPhoneProvider = async (event) => {\n  const { SID, TOKEN } = event.secrets;\n  \
                  await fetch('https://api.twilio.com/' + event.secret.FROM, { body: 'To=${SID}' });\n};";
    let notes = |source: &str, secrets: &[(&str, &str)]| {
        let action = Action::from_javascript(source, JavascriptOptions::new("sms")).unwrap();
        let secrets = secrets.iter().copied().collect();
        phonebox.deploy("acme", &action, secrets).unwrap().notes()
    };
    assert_eq!(
        notes(source, &[("SID", "AC0123456789")]),
        [
            "there is no event.secret: the secrets are in event.secrets (line 3, column 49)",
            "${…} is a value only in a template, which stands between backticks; between quotes it is sent as it is written \
             (line 3, column 70)",
            "the action may reach https://api.twilio.com",
            "the source reads event.secrets.TOKEN (line 2), and no such secret is set",
        ]
    );
    let nowhere = notes(
        &HANDLER.replace("{}", "{ fetch(event.configuration.url) }"),
        &[],
    );
    assert!(nowhere[0].contains("may reach nothing"), "{nowhere:?}");
    assert!(notes(HANDLER, &[]).is_empty());
}

#[tokio::test]
async fn the_web_and_node_are_there_as_far_as_actions_use_them() {
    let phonebox = phonebox().await;
    let lines = logged(&phonebox, r"
        const url = new URL('/a b?x=1&y=%20z#h', 'https://Example.com:8443');
        url.searchParams.append('k', 'ö+');
        console.log(url.href, url.host, url.port);
        console.log(new URLSearchParams([['a', '1 2'], ['b', '&']]).toString());
        console.log(Buffer.from('héllo').toString('base64'), Buffer.from('aMOpbGxv', 'base64').toString(), btoa('ok'), atob('b2s='));
        console.log(new TextDecoder().decode(new TextEncoder().encode('€')), Buffer.from('00ff', 'hex'));
        const crypto = require('node:crypto');
        console.log(crypto.createHmac('sha256', 'key').update('The quick brown fox jumps over the lazy dog').digest('hex'));
        console.log(crypto.createHash('md5').update('').digest('hex'), crypto.timingSafeEqual(Buffer.from('a'), Buffer.from('a')));
        console.log(/^[0-9a-f-]{36}$/.test(globalThis.crypto.randomUUID()), Math.random() !== Math.random());
        console.log(require('querystring').stringify({ a: [1, 2], b: 'x y' }), require('util').format('%s=%d', 'n', 1));
        console.log(structuredClone({ when: new Date(0), map: new Map([[1, { a: 1 }]]) }));
        console.log(Object.keys(process.env).length, typeof performance, typeof queueMicrotask);
        const started = Date.now();
        const signal = AbortSignal.timeout(30);
        const late = await new Promise((resolve) => signal.addEventListener('abort', () => resolve(signal.reason.name)));
        console.log(late, Date.now() - started >= 29);
        const [one, two] = await Promise.all([1, 2].map((n) => fetch(`http://api.provider.example:8000/${n}`).then((r) => r.json())));
        console.log(one.path, two.path, one.method);
        const controller = new AbortController();
        const aborted = fetch('http://api.provider.example:8000/x', { signal: controller.signal });
        controller.abort();
        console.log(await aborted.catch((error) => error.name));
        const post = await fetch('http://api.provider.example:8000/500', { method: 'POST', body: JSON.stringify({ a: 1 }), headers: { 'Content-Type': 'application/json' } });
        console.log(post.status, post.ok, post.statusText, (await post.json()).body);
        setInterval(() => {}, 10);
    ").await;
    assert_eq!(
        lines,
        [
            "https://example.com:8443/a%20b?x=1&y=+z&k=%C3%B6%2B#h example.com:8443 8443",
            "a=1+2&b=%26",
            "aMOpbGxv héllo b2s= ok",
            "€ <Buffer 00 ff>",
            "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8",
            "d41d8cd98f00b204e9800998ecf8427e true",
            "true true",
            "a=1&a=2&b=x%20y n=1",
            "{ when: 1970-01-01T00:00:00.000Z, map: Map(1) { 1 => { a: 1 } } }",
            "0 object function",
            "TimeoutError true",
            "/1 /2 GET",
            "AbortError",
            "500 false Internal Server Error {\"a\":1}",
        ]
    );
}

/// The real package, as it is published for browsers.
#[tokio::test]
async fn axios_comes_with_the_engine() {
    let phonebox = phonebox().await;
    let source = r"
        const axios = require('axios');
        exports.onExecuteCustomPhoneProvider = async ({ notification, secrets }, api) => {
            const gateway = axios.create({ baseURL: 'http://api.provider.example:8000', timeout: 5000 });
            const sent = await gateway.post('/messages', { to: notification.recipient }, { auth: { username: 'me', password: secrets.TOKEN } });
            console.log(sent.status, sent.data.headers['content-type'], sent.data.headers.accept);
            const form = await axios({ method: 'post', url: 'http://api.provider.example:8000/form', data: new URLSearchParams({ a: 'b c' }) });
            console.log(form.data.body);
            try {
                await gateway.get('/503');
            } catch (error) {
                console.log(axios.isAxiosError(error), error.message, error.response.status, error.response.data.path);
                api.notification.retry(error.message);
            }
        };";
    let mut asked = options();
    asked.dependencies = vec!["axios".to_owned()];
    let action = Action::from_javascript(source, asked).unwrap();
    let secrets = [("TOKEN", "tok-0123456789")].into_iter().collect();
    let report = run_with(&phonebox, &action, secrets).await;
    assert!(
        matches!(report.result, Ok(Outcome::Retry(_))),
        "{report:#?}"
    );
    let lines: Vec<_> = report.log.iter().map(|line| &*line.message).collect();
    assert_eq!(
        lines,
        [
            "200 application/json application/json, text/plain, */*",
            "a=b+c",
            "true Request failed with status code 503 503 /503",
        ]
    );
    assert_eq!(report.exchanges[0].secrets, ["TOKEN"]);
}

#[tokio::test]
async fn the_cache_is_auth0s() {
    let phonebox = phonebox().await;
    let lines = logged(&phonebox, r"
        const { get, set, delete: remove } = api.cache;
        console.log(get('k'), remove('k'));
        const kept = set('k', 'v', { ttl: 60000 });
        console.log(kept.type, kept.record.value, kept.record.expires_at - Date.now() > 59000, get('k').value);
        console.log(set('k', 'v', { ttl: NaN }).code, set('x'.repeat(65), 'v').code, remove('k').type);
    ").await;
    assert_eq!(
        lines,
        [
            "undefined { type: 'error', code: 'CacheKeyDoesNotExist' }",
            "success v true v",
            "InvalidExpiry CacheKeySizeExceeded success",
        ]
    );
}

#[tokio::test]
async fn limits_hold() {
    let phonebox = phonebox().await;
    let report = run(&phonebox, "for (;;) {}").await;
    assert!(
        matches!(report.result, Err(RunError::CpuExceeded { .. })),
        "{report:#?}"
    );
    let report = run(
        &phonebox,
        "await new Promise(() => { const again = () => Promise.resolve().then(again); again(); });",
    )
    .await;
    assert!(
        matches!(report.result, Err(RunError::CpuExceeded { .. })),
        "{report:#?}"
    );
    let lines = logged(
        &phonebox,
        "const f = (n) => f(n + 1) + 1; try { f(0) } catch (error) { console.log(error.name) }",
    )
    .await;
    assert_eq!(lines, ["RangeError"]);
    let report = run(
        &phonebox,
        "const all = []; for (;;) all.push(new Uint8Array(1 << 20));",
    )
    .await;
    assert!(report.result.is_err(), "{report:#?}");
    let report = run(&phonebox, "/^(a+)+$/.test('a'.repeat(40) + 'b')").await;
    assert!(report.result.is_err(), "{report:#?}");
}

#[tokio::test]
async fn it_is_kept_and_loaded_like_any_other() {
    let dir = tempfile::tempdir().unwrap();
    let keys = Keys::generate();
    let start = async || {
        let cache = CompiledCache::open(&dir.path().join("code"), [7; 32]).unwrap();
        let phonebox = Phonebox::builder().compiled(cache).build().unwrap();
        let path = dir.path().join("phonebox.db");
        let store = loop {
            match Sqlite::open(&path, Options::default()).await {
                Ok(store) => break Store::new(store),
                // A process that is ending lets go of it.
                Err(StoreError::InUse(_)) => tokio::time::sleep(Duration::from_millis(5)).await,
                Err(error) => panic!("{error}"),
            }
        };
        let started = phonebox.start(store, keys.clone(), DeliveryOptions::default());
        started.await.unwrap()
    };
    let deliveries = start().await;
    let tenant = deliveries.tenant("acme");
    let action = handler("if (event.secrets.ANY === undefined) throw new Error('no secret');");
    let broken = Action::from_javascript("(", options()).unwrap();
    let error = tenant
        .deploy(&broken, Secrets::default())
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            CannotLoad::Deploy(DeployError::Load(LoadError::Source(_)))
        ),
        "{error:?}"
    );
    let secrets = [("ANY", "whatever-is-set")].into_iter().collect();
    tenant.deploy(&action, secrets).await.unwrap();
    deliveries.shutdown().await;
    drop(tenant);

    let deliveries = start().await;
    let sent = deliveries.tenant("acme").send(event()).await.unwrap();
    assert_eq!(sent.settled().await.unwrap(), Status::Sent);
    deliveries.shutdown().await;
}

/// What the engine has, and what a source is told that there is, are the same.
#[tokio::test]
async fn whatever_may_be_required_is_there() {
    let phonebox = phonebox().await;
    for name in phonebox::componentize::javascript::modules() {
        let source = format!("require('{name}'); {HANDLER}");
        if let Err(error) = phonebox.deploy("acme", &action(&source), Secrets::default()) {
            panic!("{name}: {error}");
        }
    }
}

/// What each of two runs of one deployment logged. The clock moves between them.
async fn logged_twice(phonebox: &Phonebox, source: &str) -> [Vec<String>; 2] {
    let secrets = [("TOKEN", "s3cr3t-t0k3n")].into_iter().collect();
    let deployment = phonebox.deploy("acme", &action(source), secrets).unwrap();
    let run = async || {
        let attempt = deployment.attempt(Arc::new(event()), NotificationId::new(), 1);
        let report = attempt.await;
        assert!(report.result.is_ok(), "{source}: {report:#?}");
        let ended = SystemTime::now();
        while ended.elapsed().unwrap_or_default() < Duration::from_millis(2) {
            tokio::task::yield_now().await;
        }
        report.log.into_iter().map(|line| line.message).collect()
    };
    [run().await, run().await]
}

#[tokio::test]
async fn each_run_begins_where_top_level_code_ended() {
    let phonebox = phonebox().await;
    let logged = logged_twice(
        &phonebox,
        r"
        let [runs, told, last] = [0, 0];
        const kept = new Map([['a', [1, 2]]]);
        const registry = globalThis.registry = new FinalizationRegistry(() => { told += 1; });
        (() => { const cycle = { inner: {} }; cycle.self = cycle; registry.register(cycle.inner, 1); })();
        Promise.resolve().then(() => { kept.set('b', new Date(0)); });
        exports.onExecuteCustomPhoneProvider = async (event) => {
            runs += 1;
            console.log(runs, told, last?.secrets.TOKEN, globalThis.left, kept);
            [last, globalThis.left] = [event, 1];
            kept.get('a').push(event.secrets.TOKEN);
        };",
    )
    .await;
    let line =
        "1 1 undefined undefined Map(2) { 'a' => [ 1, 2 ], 'b' => 1970-01-01T00:00:00.000Z }";
    assert_eq!(logged, [[line], [line]]);
}

/// A promise that nobody has kept yet, who waits for it, and what is only weakly held, are in each run as top-level code left them.
#[tokio::test]
async fn what_waits_when_top_level_code_ends_goes_on_in_each_run() {
    let phonebox = phonebox().await;
    let logged = logged_twice(
        &phonebox,
        r"
        let open, steps = [];
        const gate = new Promise((resolve) => { open = resolve; });
        const passed = (async () => { steps.push('before'); const by = await gate; steps.push(by); return steps.length; })();
        const counted = (function* () { yield 1; yield 2; })();
        counted.next();
        const held = { of: 'held' };
        const [strong, weak] = [new WeakRef(held), new WeakRef({ of: 'nobody' })];
        const named = new WeakMap([[held, 'its name']]);
        queueMicrotask(() => steps.push('at the end'));
        exports.onExecuteCustomPhoneProvider = async (event) => {
            open(event.notification.code.length);
            console.log(await passed, steps, counted.next().value, strong.deref()?.of, weak.deref()?.of, named.get(held));
        };",
    )
    .await;
    let line = "3 [ 'before', 'at the end', 6 ] 2 held undefined its name";
    assert_eq!(logged, [[line], [line]]);
}

#[tokio::test]
async fn runs_of_one_source_share_nothing_whosever_they_are() {
    let phonebox = phonebox().await;
    let source = r"
        const seen = [];
        exports.onExecuteCustomPhoneProvider = async (event, api) => {
            seen.push(event.secrets.TOKEN);
            console.log(seen.length, globalThis.left, {}.left, require('util').left, api.cache.get('left')?.value, Math.random.left);
            globalThis.left = Object.prototype.left = require('util').left = Math.random.left = 'something';
            api.cache.set('left', 'something');
        };";
    let action = action(source);
    let deploy = |tenant: &str| {
        let secrets = [("TOKEN", "s3cr3t-t0k3n")].into_iter().collect();
        phonebox.deploy(tenant, &action, secrets).unwrap()
    };
    let (acme, other) = (deploy("acme"), deploy("other"));
    // The cache is there for a tenant's later runs, and nothing else.
    let nothing = "1 undefined undefined undefined undefined undefined";
    let cached = "1 undefined undefined undefined something undefined";
    for (deployment, expected) in [(&acme, nothing), (&other, nothing), (&acme, cached)] {
        let attempt = deployment.attempt(Arc::new(event()), NotificationId::new(), 1);
        let report = attempt.await;
        let lines: Vec<_> = report.log.iter().map(|line| &*line.message).collect();
        assert_eq!(lines, [expected], "{report:#?}");
    }
}

#[tokio::test]
async fn chance_and_the_clock_are_each_runs_own() {
    let phonebox = phonebox().await;
    let drawn = "[Math.random(), crypto.randomUUID(), crypto.getRandomValues(new Uint32Array(2)).join(), \
                 require('crypto').randomBytes(8).toString('hex'), require('crypto').randomInt(2 ** 40), Date.now(), \
                 +new Date(), performance.timeOrigin, require('uuid').v4(), new Date().toISOString()]";
    let in_handler = format!(
        "exports.onExecuteCustomPhoneProvider = async () => {{ for (const one of {drawn}) console.log(one); }};"
    );
    let at_top = format!(
        "const drawn = {drawn};
        exports.onExecuteCustomPhoneProvider = async () => {{ for (const one of drawn) console.log(one); }};"
    );
    for source in [in_handler, at_top] {
        let [first, second] = logged_twice(&phonebox, &source).await;
        assert_eq!(
            (first.len(), second.len()),
            (10, 10),
            "{first:?} {second:?}"
        );
        for (one, other) in first.iter().zip(&second) {
            assert_ne!(one, other, "{source}: {first:?} {second:?}");
        }
    }
    // Whoever wants it otherwise may say so.
    let chosen = "Math.random = () => 0.5;
        exports.onExecuteCustomPhoneProvider = async () => { console.log(Math.random()); };";
    assert_eq!(logged_twice(&phonebox, chosen).await, [["0.5"], ["0.5"]]);
    let source = format!("console.log('from the top'); {HANDLER}");
    let logged = logged_twice(&phonebox, &source).await;
    assert_eq!(logged, [["from the top"], ["from the top"]]);
}

/// What a run computes is counted in fuel, which is the same every time.
#[tokio::test]
async fn top_level_code_runs_once() {
    let loops = |count: u32| format!("for (let sum = 0, i = 0; i < {count}; i += 1) sum += i;");
    let mut config = Config::new();
    config.fuel = Some(40_000_000);
    let phonebox = Phonebox::builder().runtime(config).build().unwrap();
    let action = |top: &str, body: &str| {
        action(&format!(
            "{top} exports.onExecuteCustomPhoneProvider = async () => {{ {body} }};"
        ))
    };
    let within = loops(30_000);
    let report = run_with(&phonebox, &action(&within, &within), Secrets::default()).await;
    assert!(report.result.is_ok(), "{report:#?}");
    // Twice that is too much.
    let report = run_with(&phonebox, &action("", &loops(60_000)), Secrets::default()).await;
    assert!(
        matches!(report.result, Err(RunError::FuelExceeded { .. })),
        "{report:#?}"
    );
}

#[tokio::test]
async fn what_top_level_code_leaves_is_memory_of_each_run() {
    let phonebox = phonebox().await;
    let source = |kibibytes: usize| {
        format!(
            "const much = new Uint8Array({kibibytes} << 10).fill(7);
            exports.onExecuteCustomPhoneProvider = async () => {{ console.log(much.length, much.at(-1)); }};"
        )
    };
    // One is kept, and the other is too much for that.
    for (kibibytes, enough, too_little) in [(512, 4, 3), (20 << 10, 24, 4)] {
        let mut options = options();
        let action = Action::from_javascript(&source(kibibytes), options.clone()).unwrap();
        let report = run_with(&phonebox, &action, Secrets::default()).await;
        let lines: Vec<_> = report.log.iter().map(|line| &*line.message).collect();
        assert_eq!(lines, [format!("{} 7", kibibytes << 10)], "{report:#?}");
        assert!(report.usage.peak_memory > (kibibytes << 10), "{report:#?}");
        options.limits.memory_mib = Some(enough);
        let action = Action::from_javascript(&source(kibibytes), options.clone()).unwrap();
        let report = run_with(&phonebox, &action, Secrets::default()).await;
        assert!(report.result.is_ok(), "{report:#?}");
        options.limits.memory_mib = Some(too_little);
        match Action::from_javascript(&source(kibibytes), options) {
            Ok(action) => {
                let report = run_with(&phonebox, &action, Secrets::default()).await;
                assert!(report.result.is_err(), "{report:#?}");
            }
            // The engine itself has no room.
            Err(error) => assert_eq!(
                error.to_string(),
                "`limits.memory_mib` of action.toml is 3, and may be 4 to 64"
            ),
        }
    }
}

#[tokio::test]
async fn every_place_can_be_taken() {
    let mut config = Config::new();
    config.places = 4;
    let phonebox = Phonebox::builder().runtime(config).build().unwrap();
    let action = handler("await new Promise((resolve) => setTimeout(resolve, 20));");
    let deployment = phonebox
        .deploy("acme", &action, Secrets::default())
        .unwrap();
    let event = Arc::new(event());
    let mut attempts = JoinSet::new();
    for _ in 0..8 {
        let (deployment, event) = (deployment.clone(), event.clone());
        attempts.spawn(async move {
            let attempt = deployment.attempt(event, NotificationId::new(), 1);
            attempt.await
        });
    }
    for report in attempts.join_all().await {
        assert!(report.result.is_ok(), "{report:#?}");
    }
}
