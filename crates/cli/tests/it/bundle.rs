//! Sources in several files, in TypeScript and with packages from npm: bundled by the real esbuild, with a real package, and
//! told of by their author's files.

use std::path::Path;

use serde_json::{Value, json};

use crate::dev::Staying;
use crate::inbox::oracles;
use crate::program::{Desk, Ran, repository};

const MANIFEST: &str = r#"
name = "bundled"
trigger = "custom-phone-provider"
[[egress]]
origin = "https://api.twilio.com"
methods = ["POST"]
"#;
/// An action that sends by what is beside it.
const ACTION: &str = "\
import type { PhoneNumber } from 'libphonenumber-js';
import { parsePhoneNumber } from 'libphonenumber-js/min';
import { deliver } from './src/deliver';

interface Event { notification: { recipient: string; as_text: string; code?: string } }

export const onExecuteCustomPhoneProvider = async (event: Event, api: any): Promise<void> => {
  const number: PhoneNumber = parsePhoneNumber(event.notification.recipient);
  if (number.country === 'DE') return api.notification.drop(`not to ${number.country}`);
  console.log(`in the region ${number.country}`);
  await deliver(number.number as string, event.notification.as_text);
};
";
const DELIVER: &str = "\
import axios from 'axios';
import { createHash } from 'node:crypto';

enum Kind { Text = 'text' }

/** What is told of when it goes wrong. */
class Refused extends Error {
  override name = 'Refused';
}

export async function deliver(to: string, text: string): Promise<void> {
  const sender = createHash('sha256').update(Kind.Text).digest('hex').slice(0, 8);
  const auth = { username: 'AC00000000000000000000000000000000', password: 'token' };
  const response = await axios.post(
    `https://api.twilio.com/2010-04-01/Accounts/${auth.username}/Messages.json`,
    new URLSearchParams({ To: to, From: sender, Body: text }),
    { auth, validateStatus: () => true },
  );
  if (response.status >= 300) {
    throw new Refused(`answered ${response.status}`);
  }
}
";

/// A desk with an action on it, and the packages that its author has installed.
async fn desk(entry: &str, source: &str) -> Option<Desk> {
    let clients = oracles::clients().await?;
    let desk = Desk::new();
    install(&desk, clients);
    desk.write("action.toml", MANIFEST);
    desk.write(entry, source);
    for (name, recipient, outcome) in [
        ("sent", "+14155550100", "sent"),
        ("german", "+4915112345678", "drop"),
    ] {
        fixture(
            &desk,
            name,
            recipient,
            &format!("[expect]\noutcome = \"{outcome}\"\n"),
        );
    }
    Some(desk)
}

fn install(desk: &Desk, clients: &Path) {
    std::os::unix::fs::symlink(
        clients.join("node_modules"),
        desk.path().join("node_modules"),
    )
    .unwrap();
}

fn fixture(desk: &Desk, name: &str, recipient: &str, expect: &str) {
    let event = "examples/actions/twilio-javascript/fixtures/sms/event.json";
    let event = std::fs::read(repository().join(event)).unwrap();
    let mut event: Value = serde_json::from_slice(&event).unwrap();
    event["notification"]["recipient"] = json!(recipient);
    desk.write(&format!("fixtures/{name}/event.json"), event.to_string());
    desk.write(&format!("fixtures/{name}/expect.toml"), expect);
}

/// A build that fails with this message, and this way to mend it.
#[track_caller]
fn refused(ran: &Ran, message: &str, hint: &str) {
    assert_ne!(ran.code, 0, "{ran:?}");
    assert!(
        ran.stderr.contains(&format!("error: {message}")),
        "{message}\n{}",
        ran.stderr
    );
    assert!(
        ran.stderr.contains(&format!("hint: {hint}")),
        "{hint}\n{}",
        ran.stderr
    );
}

#[tokio::test]
async fn an_action_in_typescript_with_a_package_and_a_file_beside_it_runs() {
    let Some(desk) = desk("action.ts", ACTION).await else {
        return;
    };
    desk.write("src/deliver.ts", DELIVER);
    let (code, tested) = desk.json(&["test"]);
    assert_eq!((code, &tested["passed"]), (0, &json!(2)), "{tested:#}");
    let sent = &tested["fixtures"][1];
    assert_eq!(
        sent["report"]["log"][0]["message"], "in the region US",
        "{sent:#}"
    );
    let form = json!([
        ["To", "+14155550100"],
        ["From", "982d9e3e"],
        ["Body", "Your Acme code is 123456"]
    ]);
    assert_eq!(sent["requests"][0]["request"]["form"], form, "{sent:#}");
    // What is uploaded is the whole of it.
    let ran = desk.run(&["check", "target/bundled.wasm"]);
    assert_eq!(ran.code, 0, "{ran:?}");
}

#[tokio::test]
async fn what_goes_wrong_in_a_bundle_is_told_by_its_authors_files() {
    let Some(desk) = desk("action.ts", ACTION).await else {
        return;
    };
    desk.write("src/deliver.ts", DELIVER);
    fixture(
        &desk,
        "refused",
        "+14155550100",
        "[[answer]]\nstatus = 418\n[expect]\noutcome = \"error\"\n",
    );
    fixture(
        &desk,
        "nonsense",
        "+99912345678",
        "[expect]\noutcome = \"error\"\n",
    );
    let (code, tested) = desk.json(&["test"]);
    assert_eq!(code, 0, "{tested:#}");
    let [_, nonsense, refused, _] = &tested["fixtures"].as_array().unwrap()[..] else {
        panic!("{tested:#}")
    };
    let message = |tested: &Value| {
        tested["report"]["error"]["message"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let told = message(refused);
    assert!(
        told.contains("Refused: answered 418, at deliver (src/deliver.ts:20:"),
        "{told}"
    );
    let log = &refused["report"]["log"].to_string();
    assert!(log.contains("at deliver (src/deliver.ts:20:"), "{log}");
    // Packages have files, too.
    let told = message(nonsense);
    assert!(
        told.contains("ParseError (node_modules/libphonenumber-js/source/ParseError.js:8:"),
        "{told}"
    );

    // What goes wrong at build.
    for (from, to, message, hint) in [
        (
            "await deliver(number",
            "await deliver(number;",
            "Expected \")\" but found \";\" (action.ts, line 11, column 23)",
            "mend what esbuild says",
        ),
        (
            "interface Event",
            "throw new TypeError('no')\ninterface Event",
            "TypeError: no (action.ts, line 5, column ",
            "mend",
        ),
        (
            "const onExecuteCustomPhoneProvider",
            "const onExecute",
            "the action does not export onExecuteCustomPhoneProvider",
            "mend",
        ),
        (
            "./src/deliver",
            "./src/gone",
            "there is no file ./src/gone (action.ts, line 3, column 25)",
            "mend the path",
        ),
        (
            "libphonenumber-js/min",
            "left-pad/min",
            "the package left-pad is not installed (action.ts, line 2, column 34)",
            "npm install left-pad",
        ),
        (
            "libphonenumber-js/min",
            "@acme/sms/min",
            "the package @acme/sms is not installed",
            "npm install @acme/sms",
        ),
        (
            "libphonenumber-js/min",
            "libphonenumber-js/gone",
            "the package libphonenumber-js has no libphonenumber-js/gone",
            "see what it exports",
        ),
        (
            "libphonenumber-js/min",
            "node:fs",
            "there is no fs of Node's in phonebox's sandbox (action.ts, line 2",
            "requests are made by fetch",
        ),
        (
            "await deliver(",
            "await require(number.number)(",
            "what is required has to stand there in quotes, so that it can be bundled (action.ts, line 11",
            "write require('NAME')",
        ),
        (
            "await deliver(",
            "await import(number.number)(",
            "what is required has to stand there in quotes",
            "write require('NAME')",
        ),
    ] {
        assert!(ACTION.contains(from), "{from}");
        desk.write("action.ts", ACTION.replace(from, to));
        let ran = desk.run(&["build"]);
        self::refused(&ran, message, hint);
        assert!(!ran.stderr.contains("node:internal"), "{}", ran.stderr);
    }
}

#[tokio::test]
async fn a_module_in_javascript_and_one_that_requires_are_bundled_too() {
    let module = "import { name } from './name.mjs';\nexport async function onExecuteCustomPhoneProvider(event, api) {\n  \
                  if (typeof name !== 'sting') api.notification.drop(`not to ${name}`);\n}\n";
    let requires = "const { name } = require('./name.mjs');\nconst min = require('libphonenumber-js/min');\n\
                    exports.onExecuteCustomPhoneProvider = async (event, api) => {\n  \
                    api.notification.drop(`not to ${name} ${typeof min.parsePhoneNumber}`);\n};\n";
    for (source, reason) in [(module, "not to DE"), (requires, "not to DE function")] {
        let Some(desk) = desk("action.js", source).await else {
            return;
        };
        desk.write("name.mjs", "export const name = 'DE';\n");
        // What is likely not meant is told, and no reason not to build it.
        let ran = desk.run(&["build"]);
        let noted = ran
            .stderr
            .contains("The \"typeof\" operator will never evaluate to \"sting\"");
        assert_eq!((ran.code, noted), (0, source == module), "{ran:?}");
        let (code, tested) = desk.json(&["test", "--filter", "german"]);
        let outcome = &tested["fixtures"][0]["report"]["outcome"];
        assert_eq!(
            (code, &outcome["reason"]),
            (0, &json!(reason)),
            "{tested:#}"
        );
    }
}

#[tokio::test]
async fn dev_builds_anew_when_what_is_imported_changes() {
    let source = "import { reason } from './texts/reason';\n\
                  export const onExecuteCustomPhoneProvider = async (event: object, api: any) => api.notification.drop(reason());\n";
    let Some(desk) = desk("action.ts", source).await else {
        return;
    };
    desk.write(
        "texts/reason.ts",
        "export const reason = (): string => 'the first';\n",
    );
    let mut dev = Staying::start(&desk, &["dev"]);
    dev.wait_for("drop: the first");
    dev.wait_for("watching");
    desk.write(
        "texts/reason.ts",
        "import { second } from './second';\nexport const reason = (): string => second;\n",
    );
    dev.wait_for("there is no file ./second (texts/reason.ts, line 1, column 24)");
    desk.write("texts/second.ts", "export const second = 'the second';\n");
    desk.write(
        "texts/reason.ts",
        "import { second } from './second';\nexport const reason = () => second;\n",
    );
    dev.wait_for("drop: the second");
    // By the server's delivery, too, places are those of the author.
    desk.write(
        "texts/second.ts",
        "export const second = 'a';\nexport function third() { throw new Error('third'); }\n",
    );
    dev.wait_for("drop: a");
    desk.write(
        "texts/reason.ts",
        "import { third } from './second';\nexport const reason = () => third();\n",
    );
    dev.wait_for("Error: third, at third (texts/second.ts:2:");
}

#[tokio::test]
async fn a_bundle_that_is_too_large_is_told_what_it_is_made_of() {
    let source = "import large from './large.json';\nimport max from 'libphonenumber-js/max';\n\
                  export const onExecuteCustomPhoneProvider = async () => { console.log(large, max); };\n";
    let Some(desk) = desk("action.js", source).await else {
        return;
    };
    desk.write(
        "large.json",
        json!({ "text": "long".repeat(250_000) }).to_string(),
    );
    let ran = desk.run(&["build"]);
    refused(&ran, "the bundle has 1", "import less");
    let largest =
        "and at most 1049 kB may be. The largest in it: large.json 1000 kB, libphonenumber-js ";
    assert!(ran.stderr.contains(largest), "{ran:?}");
}

#[test]
fn esbuild_is_not_downloaded() {
    let desk = Desk::new();
    desk.write("action.toml", MANIFEST);
    let built = |source: &str| {
        desk.write("action.js", source);
        let ran = desk
            .command(&["build"])
            .env("PATH", desk.path())
            .output()
            .unwrap();
        Ran {
            code: ran.status.code().unwrap_or(-1),
            stdout: String::from_utf8(ran.stdout).unwrap(),
            stderr: String::from_utf8(ran.stderr).unwrap(),
        }
    };
    let ran = built(
        "import axios from 'axios';\nexport const onExecuteCustomPhoneProvider = async () => {};\n",
    );
    refused(
        &ran,
        "action.js has to be bundled: it is an ES module. There is no esbuild for that in ",
        "in ",
    );
    assert!(
        ran.code == 69 && ran.stderr.ends_with(": npm install --save-dev esbuild\n"),
        "{ran:?}"
    );
    // What is an action by itself needs none, and stays as it is.
    let source = "const axios = require('axios');\nexports.onExecuteCustomPhoneProvider = async () => { /* kept */ };\n";
    let ran = built(source);
    assert_eq!(ran.code, 0, "{ran:?}");
    let component = std::fs::read(desk.path().join("target/bundled.wasm")).unwrap();
    assert!(
        String::from_utf8_lossy(&component).contains(source),
        "{ran:?}"
    );

    desk.write("action.ts", source);
    refused(
        &desk.run(&["build"]),
        "there are an action.js and an action.ts in .",
        "remove the other",
    );
}

#[tokio::test]
async fn the_machines_esbuild_will_do() {
    let Some(clients) = oracles::clients().await else {
        return;
    };
    // The program itself, which npm has for each kind of machine in a package of its own.
    let mut programs = std::fs::read_dir(clients.join("node_modules/@esbuild")).unwrap();
    let program = programs.next().unwrap().unwrap().path().join("bin");
    let desk = Desk::new();
    desk.write("action.toml", MANIFEST);
    desk.write(
        "action.js",
        "export const onExecuteCustomPhoneProvider = async () => {};\n",
    );
    let ran = desk.command(&["build"]).env("PATH", program).output();
    assert!(ran.as_ref().unwrap().status.success(), "{ran:?}");
}
