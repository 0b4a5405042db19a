//! The commands that speak to a server, as whoever operates one types them: in the folder of the server, without a word about
//! where it is, and from elsewhere.

use std::io::Write as _;
use std::process::{Command, Stdio};

use phonebox::Action;
use phonebox_test_guests::KANNEL_RUST;
use serde_json::{Value, json};

use crate::gate::{Gate, Mode};
use crate::gateway::{PASSWORD, USERNAME};
use crate::program::Ran;
use crate::serve::{MANIFEST, Server};

impl Server {
    /// Types a command in the server's folder.
    pub(crate) async fn types(&self, arguments: &[&str], stdin: &str) -> Ran {
        let mut command = Command::new(env!("CARGO_BIN_EXE_phonebox"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env("PHONEBOX_HOME", self.folder.path().join("home"))
            .env("PHONEBOX_TENANT", "acme")
            .env("NO_COLOR", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let stdin = stdin.to_owned();
        // The provider answers on this thread.
        let ran = tokio::task::spawn_blocking(move || {
            let mut child = command.spawn().unwrap();
            // A command that reads nothing may have ended.
            drop(child.stdin.take().unwrap().write_all(stdin.as_bytes()));
            child.wait_with_output().unwrap()
        });
        let ran = ran.await.unwrap();
        Ran {
            code: ran.status.code().unwrap_or(-1),
            stdout: String::from_utf8(ran.stdout).unwrap(),
            stderr: String::from_utf8(ran.stderr).unwrap(),
        }
    }

    /// Types a command that has to work, and reads the JSON that it prints.
    pub(crate) async fn json(&self, arguments: &[&str], stdin: &str) -> Value {
        let ran = self.types(&[arguments, &["--json"]].concat(), stdin).await;
        assert_eq!(ran.code, 0, "{arguments:?}: {ran:?}");
        let value = serde_json::from_str(&ran.stdout);
        value.unwrap_or_else(|error| panic!("{arguments:?}: {error}: {ran:?}"))
    }

    pub(crate) async fn fails(&self, arguments: &[&str], code: i32, says: &[&str]) {
        let ran = self.types(arguments, "").await;
        assert_eq!(ran.code, code, "{arguments:?}: {ran:?}");
        assert_eq!(ran.stdout, "", "{arguments:?}: {ran:?}");
        for text in says {
            assert!(ran.stderr.contains(text), "{arguments:?}: {text}: {ran:?}");
        }
    }
}

#[tokio::test]
async fn an_action_is_deployed_and_sends_by_commands_alone() {
    let gate = Gate::open(Mode::Accept).await;
    let mut server = Server::new(gate.address);
    let send = ["send", "+12065550100", "--code", "492016", "--wait"];
    server
        .fails(&send, 69, &["none runs from phonebox-data", "--url"])
        .await;
    server.start();
    server
        .fails(&send, 5, &["has no action", "deploy one"])
        .await;

    let action = Action::assemble(KANNEL_RUST.bytes, MANIFEST).unwrap();
    std::fs::write(server.folder.path().join("kannel.wasm"), action.component()).unwrap();
    let deploy = ["deploy", "kannel.wasm"];
    server
        .fails(
            &deploy,
            1,
            &["needs the secret", "phonebox secrets set kannel"],
        )
        .await;
    let secrets = format!("# of Acme\nKANNEL_USERNAME={USERNAME}\nKANNEL_FROM=Acme\n");
    let set = ["secrets", "set", "kannel", "KANNEL_PASSWORD"];
    let ran = server.types(&set, &format!("{PASSWORD}\n")).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(!format!("{ran:?}").contains(PASSWORD), "{ran:?}");
    let deployed = server
        .json(&["deploy", "kannel.wasm", "--secrets", "-"], &secrets)
        .await;
    assert_eq!(
        (&deployed["name"], &deployed["version"]),
        (&json!("kannel"), &json!(1))
    );
    let listed = server.json(&["secrets", "list", "kannel"], "").await;
    let listed = listed["secrets"].as_array().unwrap().iter();
    let listed: Vec<_> = listed
        .map(|secret| (&secret["name"], &secret["mode"], &secret["origins"]))
        .collect();
    let origins = json!(["http://kannel.example:13013"]);
    // As action.toml asks for it, or what was set.
    let expected = [
        ("KANNEL_FROM", "revealed"),
        ("KANNEL_PASSWORD", "sealed"),
        ("KANNEL_USERNAME", "sealed"),
    ];
    let expected = expected.map(|(name, mode)| (json!(name), json!(mode)));
    let expected = expected.iter().map(|(name, mode)| (name, mode, &origins));
    assert_eq!(listed, expected.collect::<Vec<_>>());

    let ran = server.types(&send, "").await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.stdout.contains("attempt 1  sent"), "{ran:?}");
    assert!(!ran.stdout.contains("492016"), "{ran:?}");
    assert_eq!(gate.wait_for(1).await, ["Your code is 492016"]);
    let once = [
        "send",
        "+12065550100",
        "--code",
        "7",
        "--idempotency-key",
        "a",
    ];
    let first = server.json(&once, "").await;
    assert_eq!(server.json(&once, "").await["id"], first["id"]);
    let other = [
        "send",
        "+12065550100",
        "--code",
        "8",
        "--idempotency-key",
        "a",
    ];
    server.fails(&other, 5, &["idempotency key"]).await;

    let event = json!({ "notification": {
        "recipient": "+12065550100", "code": "1", "as_text": "from a file", "delivery_method": "text",
    } });
    let from_file = server
        .json(&["send", "--event", "-", "--wait"], &event.to_string())
        .await;
    assert_eq!(from_file["status"], "sent", "{from_file}");
    server
        .fails(&["send", "12345"], 2, &["is not a telephone number"])
        .await;

    let id = from_file["id"].as_str().unwrap();
    let listed = server
        .json(
            &["notifications", "list", "--status", "sent", "--limit", "1"],
            "",
        )
        .await;
    assert_eq!(
        listed["notifications"][0]["id"], from_file["id"],
        "{listed}"
    );
    let shown = server.json(&["notifications", "show", id], "").await;
    assert_eq!(shown["attempts"][0]["report"]["outcome"]["kind"], "sent");
    server
        .fails(&["notifications", "cancel", id], 5, &["only what waits"])
        .await;
    let nothing = [
        "notifications",
        "show",
        "ntf_0190163d8694739b8b9c01a2b3c4d5e6",
    ];
    server.fails(&nothing, 4, &["no notification"]).await;
    server
        .fails(&["notifications", "show", ".."], 2, &["is no name"])
        .await;
    let logs = server.types(&["logs", "--limit", "1"], "").await;
    assert!(
        logs.stdout.contains(id) && logs.stdout.contains("/cgi-bin/sendsms 202"),
        "{logs:?}"
    );
    let logs = server.types(&["logs", "--json"], "").await;
    let attempts = logs
        .stdout
        .lines()
        .filter(|line| line.contains("\"report\""));
    assert_eq!(attempts.count(), 3, "{logs:?}");

    let again = server.json(&["notifications", "replay", id], "").await;
    assert_eq!(again["replay_of"], from_file["id"], "{again}");

    // What the action puts into a header that is not for credentials.
    let sealed = ["secrets", "set", "kannel", "KANNEL_FROM"];
    let set = server.types(&sealed, "Acme-Logins").await;
    assert!(
        set.stdout
            .contains("sealed, for http://kannel.example:13013"),
        "{set:?}"
    );
    let ran = server.types(&send, "").await;
    let hint = "hint: the secret KANNEL_FROM is sealed and stands in the header x-kannel-from";
    assert!(ran.code == 1 && ran.stdout.contains(hint), "{ran:?}");
    let revealed = [&sealed[..], &["--revealed"]].concat();
    let set = server.types(&revealed, "Acme").await;
    assert!(set.stdout.contains("revealed"), "{set:?}");

    // A provider that refuses: whoever waits is told by the code that the program ends with.
    let mut second = event.clone();
    second["notification"]["recipient"] = json!("+12065550101");
    gate.set(Mode::Busy);
    let busy = ["send", "--event", "-", "--wait", "--valid-seconds", "1"];
    let ran = server.types(&busy, &second.to_string()).await;
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.stdout.contains("retry"), "{ran:?}");
}

#[tokio::test]
async fn actions_keys_and_tenants_are_looked_after_by_commands() {
    let gate = Gate::open(Mode::Accept).await;
    let mut server = Server::new(gate.address);
    server.start();
    server.deploy().await;
    let another = MANIFEST.replace("your own Kannel", "the other Kannel");
    let action = Action::assemble(KANNEL_RUST.bytes, &another).unwrap();
    std::fs::write(server.folder.path().join("second.wasm"), action.component()).unwrap();
    server.json(&["deploy", "second.wasm"], "").await;
    let versions = server.json(&["actions", "versions", "kannel"], "").await;
    let numbers = [&versions["versions"][0], &versions["versions"][1]];
    let numbers = numbers.map(|version| version["number"].as_u64().unwrap());
    assert_eq!(numbers, [2, 1]);
    let rolled = server
        .json(&["actions", "rollback", "kannel", "1"], "")
        .await;
    let now = &rolled["number"];
    let listed = server.json(&["actions", "list"], "").await;
    let action = &listed["actions"][0];
    assert_eq!(
        (&action["name"], &action["deployed_version"]["number"]),
        (&json!("kannel"), now)
    );
    let digests = [action, &versions["versions"][1]].map(|one| &one["phonebox"]["digest"]);
    assert_eq!(digests[0], digests[1], "{listed}");
    server
        .fails(&["actions", "rollback", "kannel", "7"], 4, &["no version"])
        .await;

    let create = ["keys", "create", "--scope", "notifications:read"];
    let made = server.types(&create, "").await;
    assert_eq!(made.code, 0, "{made:?}");
    let key = made.stdout.trim();
    assert!(
        key.starts_with("phb_") && !made.stderr.contains(key),
        "{made:?}"
    );
    let listed = server.json(&["keys", "list"], "").await;
    let id = listed["keys"][0]["id"].as_str().unwrap();
    assert!(key.contains(id) && !listed.to_string().contains(key));

    // From elsewhere: the address is named, and the key is in a file.
    std::fs::write(server.folder.path().join("key"), key).unwrap();
    let elsewhere = [
        "--url",
        &server.url,
        "--api-key-file",
        "key",
        "--data",
        "none",
    ];
    let with = |arguments: &[&'static str]| [arguments, &elsewhere[..]].concat();
    server.json(&with(&["notifications", "list"]), "").await;
    let table = server.types(&with(&["notifications", "list"]), "").await;
    assert_eq!((table.code, &*table.stdout), (0, ""), "{table:?}");
    assert!(table.stderr.contains("there are none"), "{table:?}");
    for forbidden in [
        &["tenants"][..],
        &["keys", "list"],
        &["send", "+12065550100"],
    ] {
        server.fails(&with(forbidden), 3, &["not good for"]).await;
    }
    server
        .fails(&with(&["keys", "revoke", "phb_x"]), 2, &["this is a key"])
        .await;
    server.json(&["keys", "revoke", id], "").await;
    for gone in [id, "-RQMMKof8sPt"] {
        server
            .fails(&["keys", "revoke", gone], 4, &["no key"])
            .await;
    }
    server
        .fails(
            &with(&["notifications", "list"]),
            3,
            &["nobody's", "--api-key-file"],
        )
        .await;
    // The operator's key stays at home.
    let stranger = ["tenants", "--url", "https://phonebox.example"];
    server.fails(&stranger, 3, &["no key to ask with"]).await;
    let in_words = ["tenants", "--url", "phonebox.example:8080"];
    server.fails(&in_words, 2, &["no address"]).await;

    let tenants = server.json(&["tenants"], "").await;
    let unsettled = json!({ "queued": 0, "leased": 0 });
    let acme = json!({ "name": "acme", "actions": 1, "keys": 0, "notifications": unsettled });
    assert_eq!(tenants, json!({ "tenants": [acme] }));
    let table = server.types(&["tenants"], "").await;
    assert_eq!(
        table.stdout,
        "TENANT  ACTIONS  KEYS  QUEUED  LEASED\nacme    1        0     0       0\n"
    );
}

#[tokio::test]
async fn a_backup_is_made_while_the_server_runs_and_is_good() {
    let gate = Gate::open(Mode::Accept).await;
    let mut server = Server::new(gate.address);
    server.start();
    server.deploy().await;
    let sent = server.json(&["send", "+12065550100", "--wait"], "").await;
    let made = server.json(&["backup", "copy.db"], "").await;
    assert!(made["bytes"].as_u64().unwrap() > 0, "{made}");
    server
        .fails(
            &["backup", "copy.db"],
            5,
            &["there is something called copy.db"],
        )
        .await;
    server
        .fails(
            &["backup", "b.db", "--data", "none"],
            4,
            &["nothing to copy"],
        )
        .await;
    let copy = server.folder.path().join("copy.db");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let permissions = std::fs::metadata(&copy).unwrap().permissions();
        assert_eq!(permissions.mode() & 0o777, 0o600);
    }
    let later = server.json(&["send", "+12065550101", "--wait"], "").await;

    // It takes the place of what was lost.
    server.kill();
    let data = server.folder.path().join("phonebox-data");
    for suffix in ["", "-wal", "-shm"] {
        drop(std::fs::remove_file(
            data.join(format!("phonebox.db{suffix}")),
        ));
    }
    std::fs::rename(copy, data.join("phonebox.db")).unwrap();
    server.start();
    let id = sent["id"].as_str().unwrap();
    let shown = server.json(&["notifications", "show", id], "").await;
    assert_eq!(shown["status"], "sent", "{shown}");
    let id = later["id"].as_str().unwrap();
    server
        .fails(&["notifications", "show", id], 4, &["no notification"])
        .await;
    let again = server.json(&["send", "+12065550102", "--wait"], "").await;
    assert_eq!(again["status"], "sent", "{again}");
}

/// What stands in the way of a server is told line by line, with the mend.
#[tokio::test]
async fn a_doctor_says_what_is_wrong() {
    let gate = Gate::open(Mode::Accept).await;
    let mut server = Server::new(gate.address);
    let found = async |server: &Server, arguments: &[&str]| {
        let doctor = ["doctor", "--config", "phonebox.toml", "--json"];
        let ran = server.types(&[&doctor, arguments].concat(), "").await;
        let found: Value =
            serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:?}"));
        let findings = found["findings"].as_array().unwrap().iter();
        let failed = findings.filter(|finding| finding["state"] == "fail");
        let failed: Vec<_> = failed
            .map(|finding| {
                (
                    finding["what"].as_str().unwrap().to_owned(),
                    finding.to_string(),
                )
            })
            .collect();
        assert_eq!(ran.code, i32::from(!failed.is_empty()), "{ran:?}");
        (failed, ran.stdout)
    };
    let free = ["--listen", "127.0.0.1:0"];
    let (failed, said) = found(&server, &free).await;
    assert_eq!(failed, [], "{said}");
    server.start();
    let ours = server.url.replace("http://", "");
    let (failed, said) = found(&server, &["--listen", &ours]).await;
    assert_eq!(failed, [], "{said}");
    assert!(
        said.contains("that of the server that runs from here"),
        "{said}"
    );
    assert!(said.contains("and can be decrypted"), "{said}");

    let taken = gate.address.to_string();
    let (failed, said) = found(&server, &["--listen", &taken]).await;
    let [(what, finding)] = &failed[..] else {
        panic!("{said}")
    };
    assert!(what == "port" && finding.contains("--listen"), "{said}");
    server.kill();
    let data = server.folder.path().join("phonebox-data");
    let key = data.join("phonebox.keys");
    std::fs::write(&key, "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n").unwrap();
    let (failed, said) = found(&server, &free).await;
    assert!(
        matches!(&failed[..], [(what, _)] if what == "store"),
        "{said}"
    );
    std::fs::write(&key, "hunter22").unwrap();
    let (failed, said) = found(&server, &free).await;
    assert!(
        matches!(&failed[..], [(what, _)] if what == "root keys"),
        "{said}"
    );
    assert!(!said.contains("hunter22"), "{said}");
    for beside in ["phonebox.db-wal", "phonebox.db-shm"] {
        std::fs::remove_file(data.join(beside)).unwrap();
    }
    std::fs::write(data.join("phonebox.db"), vec![7; 9000]).unwrap();
    std::fs::write(server.folder.path().join("phonebox.toml"), "[egres]").unwrap();
    let (failed, said) = found(&server, &free).await;
    let what: Vec<_> = failed.iter().map(|(what, _)| &**what).collect();
    assert_eq!(what, ["configuration", "root keys", "store"], "{said}");
    let ran = server.types(&["doctor"], "").await;
    assert!(ran.stdout.contains("ok    disk           "), "{ran:?}");
}

/// Whoever follows sees an attempt as it ends, and is told when the server does.
#[tokio::test]
async fn logs_are_followed() {
    let gate = Gate::open(Mode::Accept).await;
    let mut server = Server::new(gate.address);
    server.start();
    server.deploy().await;
    let before = server.json(&["send", "+12065550100", "--wait"], "").await;
    let mut following = Command::new(env!("CARGO_BIN_EXE_phonebox"))
        .args(["logs", "-f", "--json", "--tenant", "acme"])
        .current_dir(server.folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines =
        std::io::BufRead::lines(std::io::BufReader::new(following.stdout.take().unwrap()));
    let mut next = || -> Value { serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap() };
    let shown = next();
    assert_eq!(shown["notification"], before["id"], "{shown}");
    // It was there before it showed what was: nothing is missed from here.
    let sent = server.json(&["send", "+12065550101", "--wait"], "").await;
    let shown = next();
    assert_eq!(shown["notification"], sent["id"], "{shown}");
    assert_eq!(shown["report"]["outcome"]["kind"], "sent", "{shown}");
    server.kill();
    let ended = following.wait_with_output().unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(69), "{said}");
    assert!(said.contains("does not answer"), "{said}");
}

/// What went wrong is told beside what was tried, each once, and to whom may see only one of the two that one.
#[tokio::test]
async fn logs_tell_what_failed_and_what_was_refused() {
    let gate = Gate::open(Mode::Accept).await;
    let mut server = Server::new(gate.address);
    server.start();
    server
        .fails(&["provider", "set", "custom"], 1, &["deploy"])
        .await;
    server.deploy().await;
    let sent = server.json(&["send", "+12065550100", "--wait"], "").await;
    gate.set(Mode::Busy);
    let busy = ["send", "+12065550101", "--wait", "--valid-seconds", "1"];
    let ran = server.types(&busy, "").await;
    assert_eq!(ran.code, 1, "{ran:?}");

    let kinds = |said: &str| {
        let lines = said.lines().map(|line| {
            let one: Value = serde_json::from_str(line).unwrap();
            let kind = one["type"].as_str().unwrap_or("attempt");
            kind.to_owned()
        });
        lines.collect::<Vec<_>>()
    };
    let all = server.types(&["logs", "--json"], "").await;
    let told = kinds(&all.stdout);
    assert_eq!(told[..3], ["fapi", "attempt", "attempt"], "{all:?}");
    // The attempt says that it is tried again.
    assert!(
        told.contains(&"fn".to_owned()) && !told.contains(&"wn".to_owned()),
        "{all:?}"
    );
    let failures = server.types(&["logs", "--failures", "--json"], "").await;
    let id = sent["id"].as_str().unwrap();
    assert!(!failures.stdout.contains(id), "{failures:?}");
    assert_eq!(
        kinds(&failures.stdout)[..2],
        ["fapi", "attempt"],
        "{failures:?}"
    );
    let shown = server.types(&["logs"], "").await;
    for text in [
        "not changed: POST /api/v2/branding/phone/providers",
        "not sent: ",
        "attempt 1  sent",
    ] {
        assert!(shown.stdout.contains(text), "{text}: {shown:?}");
    }
    assert!(shown.stderr.contains("--failures"), "{shown:?}");
    assert!(
        !format!("{all:?}{shown:?}").contains("5550101"),
        "{shown:?}"
    );

    for (scope, told, left_out) in [
        ("read:logs", "fapi", "attempts"),
        ("notifications:read", "attempt", "the tenant's log"),
    ] {
        let made = server.json(&["keys", "create", "--scope", scope], "").await;
        let path = server.folder.path().join("key");
        std::fs::write(path, made["key"].as_str().unwrap()).unwrap();
        let ran = server
            .types(&["logs", "--json", "--api-key-file", "key"], "")
            .await;
        assert_eq!(kinds(&ran.stdout)[0], told, "{ran:?}");
        assert!(
            ran.stderr.contains(&format!("left out  {left_out}")),
            "{ran:?}"
        );
    }
    let made = server.json(&["keys", "create", "--scope", "actions:read"], "");
    let path = server.folder.path().join("key");
    std::fs::write(path, made.await["key"].as_str().unwrap()).unwrap();
    let neither = ["logs", "--api-key-file", "key"];
    server.fails(&neither, 3, &["read:logs"]).await;

    // What is refused from now on is seen, too.
    let mut following = Command::new(env!("CARGO_BIN_EXE_phonebox"))
        .args(["logs", "-f", "--json", "--failures", "--limit", "1"])
        .args(["--tenant", "acme"])
        .current_dir(server.folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = std::io::BufReader::new(following.stdout.take().unwrap());
    let mut lines = std::io::BufRead::lines(lines).map(Result::unwrap);
    let mut next = || kinds(&lines.next().unwrap()).remove(0);
    while next() != "fn" {}
    server
        .fails(
            &["provider", "set", "twilio", "--sid", "A/C"],
            2,
            &["empty"],
        )
        .await;
    let refused = ["provider", "set", "twilio", "--sid", "A/C"];
    let ran = server.types(&refused, "0123456789abcdef").await;
    assert_eq!(ran.code, 2, "{ran:?}");
    assert_eq!(next(), "fapi");
    following.kill().unwrap();
    following.wait().unwrap();
}

#[tokio::test]
async fn shells_and_man_know_every_command() {
    let server = Server::new("127.0.0.1:1".parse().unwrap());
    let bash = server.types(&["completions", "bash"], "").await;
    assert!(bash.stdout.contains("notifications"), "{bash:?}");
    let pages = server.folder.path().join("man");
    std::fs::create_dir(&pages).unwrap();
    let man = server.types(&["man", "--out", "man"], "").await;
    assert_eq!(man.code, 0, "{man:?}");
    assert!(pages.join("phonebox-secrets-set.1").is_file());
}
