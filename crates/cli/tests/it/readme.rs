//! What the README shows, done. Its Rust for platforms is a doctest of the crate `phonebox`.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::Stdio;

use serde_json::{Value, json};

use crate::inbox::client;
use crate::program::Desk;

/// The first block in this language with this text in it.
pub(crate) fn block(language: &str, containing: &str) -> &'static str {
    let blocks = include_str!("../../../../README.md").split("```");
    let mut blocks = blocks
        .skip(1)
        .step_by(2)
        .filter_map(|block| block.split_once('\n'));
    let wanted = |(info, text): &(&str, &str)| {
        info.split(',').next() == Some(language) && text.contains(containing)
    };
    let block = blocks.find(wanted);
    block
        .unwrap_or_else(|| panic!("{language}: {containing}"))
        .1
}

/// Whether an answer is the one shown, which leaves out what `…` stands for.
fn fits(answer: &Value, shown: &Value) -> bool {
    match shown {
        Value::Object(shown) => shown.iter().all(|(key, value)| fits(&answer[key], value)),
        Value::Array(_) => answer.is_array(),
        Value::String(shown) => match shown.strip_suffix('…') {
            Some(start) => answer.as_str().is_some_and(|text| text.starts_with(start)),
            None => answer == shown,
        },
        shown => answer == shown,
    }
}

// The inbox answers on another thread than this one, which waits for the program.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn authors_and_platforms_get_what_it_says() {
    let desk = Desk::new();
    let mut folder = desk.path().to_owned();
    for line in block("console", "phonebox new").lines() {
        let typed = line.split('#').next().unwrap_or_default();
        match typed.split_whitespace().collect::<Vec<_>>()[..] {
            // What it would install is under test here.
            ["cargo", "install", ..] => {}
            ["cd", to] => folder.push(to),
            ["phonebox", ref arguments @ ..] => {
                let mut command = desk.command(arguments);
                if arguments == ["dev"] {
                    command.arg("--once"); // it would stay up
                }
                let output = command.current_dir(&folder).output().unwrap();
                assert!(output.status.success(), "{line}: {output:?}");
            }
            _ => panic!("{line}"),
        }
    }

    // The handler and the manifest that are shown, in the project that was made.
    desk.write(
        "acme-sms/src/lib.rs",
        block("rust", "#[custom_phone_provider]"),
    );
    desk.write("acme-sms/action.toml", block("toml", "trigger = "));
    let ran = desk.run(&["dev", "acme-sms", "--once"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let once: Value = serde_json::from_str(&ran.stdout).unwrap();
    let request = &once["message"]["request"];
    assert_eq!(
        request["url"], "https://sms.example.com/v1/messages",
        "{once}"
    );
    let text = &once["message"]["text"];
    assert_eq!(
        request["form"],
        json!([["to", "+14155550100"], ["text", text]])
    );
    let token = json!(["authorization", "Bearer 0123456789abcdef"]);
    assert!(
        request["headers"].as_array().unwrap().contains(&token),
        "{once}"
    );

    // The component, for a platform in another language.
    std::fs::copy(
        desk.path().join("acme-sms/target/acme-sms.wasm"),
        desk.path().join("acme-sms.wasm"),
    )
    .unwrap();
    let inbox = client::start().await;
    desk.write("ca.pem", inbox.certificate_pem());
    desk.write(
        "phonebox.toml",
        format!(
            "[egress]\nreachable = [\"127.0.0.1/32\"]\ntrust = [\"ca.pem\"]\n\
             resolve = {{ \"sms.example.com\" = [\"{}\"] }}\n",
            inbox.provider_address()
        ),
    );
    let typed = block("console", "phonebox run")
        .split("2>>")
        .next()
        .unwrap();
    let arguments: Vec<_> = typed.split_whitespace().skip(1).collect();
    let mut command = desk.command(&arguments);
    command
        .env("PHONEBOX_HOME", desk.path().join("home")) // it has seen nothing of this yet
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut host = command.spawn().unwrap();
    let mut stdin = host.stdin.take().unwrap();
    let mut answers = BufReader::new(host.stdout.take().unwrap()).lines();
    let lines: Vec<_> = block("text", r#""deploy":"#).lines().collect();
    for exchange in lines.chunks(2) {
        let &[line, shown] = exchange else {
            panic!("{exchange:?}")
        };
        // A token has no `…` in it: headers are ASCII.
        writeln!(
            stdin,
            "{}",
            line.replace(r#"TOKEN":"…"#, r#"TOKEN":"hunter22"#)
        )
        .unwrap();
        let answer: Value = serde_json::from_str(&answers.next().unwrap().unwrap()).unwrap();
        let shown: Value = serde_json::from_str(&shown.replace("[…]", "[]")).unwrap();
        assert!(fits(&answer, &shown), "{answer}\n{shown}");
    }
    drop(stdin);
    let output = host.wait_with_output().unwrap();
    let decisions = String::from_utf8(output.stderr).unwrap();
    assert!(
        output.status.success() && decisions.contains("egress.decision"),
        "{decisions}"
    );
    assert!(!decisions.contains("hunter22"), "{decisions}");
    let messages = inbox.messages();
    assert_eq!(messages.len(), 1, "{messages:?}");
    assert_eq!(messages[0].to.as_deref(), Some("+14155550100"));
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "a shell finds the program by PATH"
)]
fn operators_get_what_it_says() {
    let desk = Desk::new();
    let manifest =
        "name = \"acme-sms\"\ntrigger = \"custom-phone-provider\"\n[secrets.SMS_TOKEN]\n";
    let action = phonebox::Action::assemble(phonebox_test_guests::PROBE.bytes, manifest).unwrap();
    desk.write("target/acme-sms.wasm", action.component());
    desk.write("phonebox.toml", "");
    let typed = block("console", "phonebox serve");
    let typed: Vec<_> = typed
        .split_whitespace()
        .skip(1)
        .map(|word| match word {
            "127.0.0.1:8080" => "127.0.0.1:0",
            word => word,
        })
        .collect();
    let mut served = desk
        .command(&typed)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut first = String::new();
    let mut stdout = BufReader::new(served.stdout.take().unwrap());
    stdout.read_line(&mut first).unwrap();
    let url = first.split(' ').nth(2).unwrap_or_else(|| panic!("{first}"));
    let script = block("console", "ask()").replace("http://127.0.0.1:8080", url);
    let ran = std::process::Command::new("bash")
        .args(["-euc", &script.replace("\nask ", "\necho; ask ")])
        .current_dir(desk.path())
        .output()
        .unwrap();
    // A compiled module by curl alone.
    let asks: Vec<_> = script.lines().take(2).collect();
    let script = format!("{}\n{}", asks.join("\n"), block("console", "beta()"));
    let alone = std::process::Command::new("bash")
        .args(["-euc", &script.replace("\nbeta ", "\necho; beta ")])
        .current_dir(desk.path())
        .output()
        .unwrap();
    desk.write("token.txt", "hunter22\n");
    let commands = [
        block("console", "phonebox secrets set"),
        block("console", "phonebox root-key add"),
    ]
    .concat();
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_phonebox"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(
        [program.parent().unwrap().to_owned()]
            .into_iter()
            .chain(std::env::split_paths(&path)),
    );
    // Every line, and nothing may fail. The number had its message a moment ago.
    let commands = commands.replace("+14155550100", "+14155550101");
    let typed = std::process::Command::new("bash")
        .args(["-euxc", &commands])
        .env("PATH", path.unwrap())
        .current_dir(desk.path())
        .output()
        .unwrap();
    served.kill().unwrap();
    served.wait().unwrap();
    assert!(typed.status.success(), "{typed:?}");
    assert!(desk.path().join("phonebox-backup.db").is_file());
    let sent = String::from_utf8_lossy(&alone.stdout);
    let sent: Value = serde_json::from_str(sent.lines().last().unwrap_or_default())
        .unwrap_or_else(|error| panic!("{error}: {script}\n{alone:?}"));
    assert_eq!(
        (&sent["status"], &sent["action"]),
        (&json!("sent"), &json!("Acme SMS")),
        "{sent:#}"
    );
    let said = String::from_utf8_lossy(&ran.stdout);
    let answers: Vec<Value> = said
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    let [secret, deployed, sent, list, _webhook, key] = &answers[..] else {
        panic!("{ran:?}")
    };
    assert_eq!(
        (&secret["name"], &secret["mode"]),
        (&json!("SMS_TOKEN"), &json!("sealed"))
    );
    assert_eq!(
        (&deployed["name"], &deployed["version"]),
        (&json!("acme-sms"), &json!(1))
    );
    assert_eq!(sent["status"], "sent", "{sent:#}");
    assert_eq!(list, &json!({ "notifications": [] }));
    assert!(
        key["key"]
            .as_str()
            .is_some_and(|key| key.starts_with("phb_")),
        "{key}"
    );
}
