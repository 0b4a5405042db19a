//! The commands that manage a tenant, as whoever administers one types them: its action, its provider, what is said; and what
//! auth0-deploy-cli has exported. The inbox stands in for all providers.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};

use phonebox_cli::inbox::Inbox;
use serde_json::{Value, json};

use crate::inbox::client;
use crate::program::{Desk, Ran};
use crate::serve::Server;

/// As auth0-deploy-cli 8.44.0 wrote them, with its own code.
const EXPORTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/exports");
const TOKEN: &str = "gateway-token-0123456789";
const AUTH_TOKEN: &str = "twilio-auth-token-0123456789";

/// A server whose providers are all an inbox.
async fn start() -> (Server, Inbox) {
    let inbox = client::start().await;
    let mut server = Server::new(inbox.provider_address());
    let folder = server.folder.path();
    std::fs::write(folder.join("inbox.pem"), inbox.certificate_pem()).unwrap();
    let config = format!(
        "[abuse]\nnumber = []\nnumber_overall = []\nblock = []\nvoice = []\n\
         [egress]\ntrust = [\"inbox.pem\"]\nreachable = [\"127.0.0.0/8\"]\n\
         [egress.resolve]\n\"api.twilio.com\" = [\"{0}\"]\n\"sms.acme.example\" = [\"{0}\"]\n",
        inbox.provider_address()
    );
    std::fs::write(folder.join("phonebox.toml"), config).unwrap();
    server.start();
    (server, inbox)
}

/// What the inbox was told last: to whom, from whom and what.
fn last(inbox: &Inbox) -> [String; 3] {
    let last = inbox.messages().last().unwrap().clone();
    [&last.to, &last.from, &last.text].map(|text| text.clone().unwrap_or_default())
}

impl Server {
    /// Types a command that has to work, and gives what it said.
    async fn does(&self, arguments: &[&str], stdin: &str) -> Ran {
        let ran = self.types(arguments, stdin).await;
        assert_eq!(ran.code, 0, "{arguments:?}: {ran:?}");
        for secret in [TOKEN, AUTH_TOKEN] {
            assert!(
                !format!("{ran:?}").contains(secret),
                "{arguments:?}: {ran:?}"
            );
        }
        ran
    }

    /// The same, and what it said begins so.
    async fn says(&self, arguments: &[&str], stdin: &str, says: &str) {
        let ran = self.does(arguments, stdin).await;
        assert!(
            ran.stdout.starts_with(says),
            "{arguments:?}: {says}: {ran:?}"
        );
    }

    fn write(&self, path: &str, content: &str) {
        let path = self.folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
}

#[tokio::test]
async fn a_provider_is_set_and_tried_by_commands_alone() {
    let (server, inbox) = start().await;
    let show = ["provider", "show"];
    server
        .fails(&show, 4, &["no phone provider", "provider set twilio"])
        .await;
    let custom = ["provider", "set", "custom"];
    server.fails(&custom, 1, &["deploy an action"]).await;
    let twilio = ["provider", "set", "twilio"];
    server.fails(&twilio, 2, &["--sid"]).await;
    let made = [&twilio[..], &["--sid", "AC1", "--from", "+15005550006"]].concat();
    server.fails(&made, 2, &["the auth token is empty"]).await;
    let stdin = format!("{AUTH_TOKEN}\n");
    server
        .says(&made, &stdin, "the provider twilio is made")
        .await;
    server
        .says(&made, "", "the provider twilio is so already")
        .await;
    let texts = [&twilio[..], &["--channel", "text"]].concat();
    server
        .says(
            &texts,
            "",
            "the provider twilio is changed: its configuration",
        )
        .await;
    let shown = server.json(&show, "").await;
    let configuration = json!({
        "delivery_methods": ["text"], "sid": "AC1", "default_from": "+15005550006",
    });
    assert_eq!(shown["configuration"], configuration, "{shown}");
    // A token is good for one account.
    let other = [&twilio[..], &["--sid", "AC2"]].concat();
    server.fails(&other, 2, &["the auth token is empty"]).await;

    let send = ["provider", "test", "+12065550177"];
    server.does(&send, "").await;
    settled(&server).await;
    let [to, from, text] = last(&inbox);
    assert_eq!((&*to, &*from), ("+12065550177", "+15005550006"), "{text}");
    server
        .says(
            &["provider", "disable"],
            "",
            "the provider twilio is changed: disabled",
        )
        .await;
    server.fails(&send, 5, &["disabled"]).await;
    server.does(&["provider", "enable"], "").await;
    server.does(&["provider", "remove"], "").await;
    server.fails(&show, 4, &["no phone provider"]).await;
}

#[tokio::test]
async fn templates_say_what_their_tenant_has_them_say() {
    let (server, inbox) = start().await;
    let stdin = format!("{AUTH_TOKEN}\n");
    let twilio = [
        "provider",
        "set",
        "twilio",
        "--sid",
        "AC1",
        "--from",
        "+15005550006",
    ];
    server.does(&twilio, &stdin).await;
    let listed = server.does(&["templates", "list"], "").await.stdout;
    assert!(
        listed.contains("otp_verify") && !listed.contains("its own"),
        "{listed}"
    );
    server.write("otp.liquid", "Acme: {{ code }}\n");
    let set = ["templates", "set", "otp_verify", "--text", "otp.liquid"];
    server
        .says(&set, "", "the template otp_verify is made")
        .await;
    server
        .says(&set, "", "the template otp_verify is so already")
        .await;
    let from = ["templates", "set", "otp_verify", "--from", "+15005550007"];
    server
        .says(&from, "", "the template otp_verify is changed: its sender")
        .await;
    let shown = server.json(&["templates", "show", "otp_verify"], "").await;
    assert_eq!(
        shown["content"]["body"]["text"], "Acme: {{ code }}",
        "{shown}"
    );
    assert_eq!(shown["content"]["from"], "+15005550007", "{shown}");
    assert!(
        shown["content"]["body"]["voice"].as_str().unwrap().len() > 10,
        "{shown}"
    );
    server
        .does(&["templates", "test", "otp_verify", "+12065550177"], "")
        .await;
    settled(&server).await;
    let [to, from, text] = last(&inbox);
    assert_eq!((&*to, &*from), ("+12065550177", "+15005550007"), "{text}");
    assert!(text.starts_with("Acme: "), "{text}");

    server.write("otp.liquid", "{% if %}");
    server.fails(&set, 2, &["template"]).await;
    server.fails(&set[..3], 2, &["--text"]).await;
    let reset = ["templates", "reset", "otp_verify"];
    server.does(&reset, "").await;
    let shown = server.json(&["templates", "show", "otp_verify"], "").await;
    assert_ne!(
        shown["content"]["body"]["text"], "Acme: {{ code }}",
        "{shown}"
    );
}

/// An action of Auth0's, and what its author is told.
#[tokio::test]
async fn an_action_of_javascript_is_deployed_by_commands_alone() {
    let (server, inbox) = start().await;
    let code = std::fs::read_to_string(format!("{EXPORTS}/directory/actions/SMS gateway/code.js"));
    let code = code.unwrap();
    server.write("sms.js", &code.replace("async (event", "async (event,,"));
    let deploy = ["deploy", "sms.js", "--secrets", "-"];
    let secrets = format!("GATEWAY_TOKEN={TOKEN}\nsender=Acme\n");
    let ran = server.types(&deploy, &secrets).await;
    assert_eq!(ran.code, 1, "{ran:?}");
    for text in ["sms cannot be built", "line 1"] {
        assert!(ran.stderr.contains(text), "{text}: {ran:?}");
    }
    server.write("sms.js", &code);
    server
        .says(&deploy, &secrets, "version 1 of sms is deployed")
        .await;
    server
        .says(
            &deploy[..2],
            "",
            "nothing has changed: version 1 of sms is deployed",
        )
        .await;
    let send = ["send", "+12065550100", "--text", "Your code is 1", "--wait"];
    server.does(&send, "").await;
    assert_eq!(last(&inbox), ["+12065550100", "Acme", "Your code is 1"]);
    let request = &inbox.messages()[0].request;
    let bearer = format!("Bearer {TOKEN}");
    assert_eq!(request.header("authorization"), Some(&*bearer));

    server.write(
        "sms.js",
        &code.replace("text: as_text", "text: `Acme: ${as_text}`"),
    );
    server
        .says(&deploy[..2], "", "version 2 of sms is deployed")
        .await;
    let test = ["actions", "test", "sms"];
    server.says(&test, "", "attempt 1  sent").await;
    assert!(last(&inbox)[2].starts_with("Acme: Your code is"));
    let shown = server.does(&["actions", "show", "sms"], "").await.stdout;
    for text in [
        "version 2 is deployed",
        "secret GATEWAY_TOKEN",
        "secret sender",
    ] {
        assert!(shown.contains(text), "{text}: {shown}");
    }
    let shown = server.does(&["actions", "show", "sms", "--code"], "").await;
    assert!(shown.stdout.contains("Acme: ${as_text}"), "{shown:?}");
    server
        .says(
            &["actions", "rollback", "sms", "1"],
            "",
            "version 1 of sms is deployed, as version 3",
        )
        .await;
    server.does(&send, "").await;
    assert_eq!(last(&inbox)[2], "Your code is 1");
    let versions = server.json(&["actions", "versions", "sms"], "").await;
    let versions = versions["versions"].as_array().unwrap().iter();
    let versions: Vec<_> = versions
        .map(|one| (&one["number"], &one["deployed"]))
        .collect();
    let expected =
        [(3, true), (2, false), (1, false)].map(|(number, is)| (json!(number), json!(is)));
    let expected: Vec<_> = expected.iter().map(|(number, is)| (number, is)).collect();
    assert_eq!(versions, expected);
    server
        .fails(&["actions", "rollback", "sms", "9"], 4, &["no version 9"])
        .await;
    let other = ["deploy", "sms.js", "--name", "other"];
    server.fails(&other, 5, &["phonebox actions list"]).await;
    server.does(&["actions", "delete", "sms"], "").await;
    server.fails(&test, 4, &["there is no action sms"]).await;
}

/// The same from the folder of JSON and from the file of YAML: twice, and then as it is.
#[tokio::test]
async fn an_export_of_auth0_is_taken_over() {
    for export in ["directory", "yaml/tenant.yaml"] {
        let (server, inbox) = start().await;
        let path = format!("{EXPORTS}/{export}");
        let import = ["import", "auth0", &path];
        let missing = ["GATEWAY_TOKEN, sender", "--secrets FILE"];
        server.fails(&import, 2, &missing).await;
        let dry = [&import[..], &["--dry-run"]].concat();
        let planned = server.json(&dry, "").await;
        assert_eq!(
            planned["missing_secrets"],
            json!(["GATEWAY_TOKEN", "sender"])
        );
        let did = |imported: &Value| {
            let changes = imported["changes"].as_array().unwrap().iter();
            let changes = changes.map(|change| {
                let [what, did] = ["what", "did"].map(|key| change[key].as_str().unwrap());
                format!("{did} {what}")
            });
            changes.collect::<Vec<_>>()
        };
        let expected = [
            "created the action SMS gateway",
            "created the provider custom",
            "created the template blocked_account",
            "created the template otp_verify",
            "updated the tenant's settings",
            "updated what is bound to custom-phone-provider",
        ];
        let sorted = |imported: &Value| {
            let mut did = did(imported);
            did.sort();
            did
        };
        assert_eq!(sorted(&planned), expected, "{planned}");
        let actions = server.json(&["actions", "list"], "").await;
        assert_eq!(actions["actions"], json!([]), "{actions}");

        let given = [&import[..], &["--secrets", "-"]].concat();
        server
            .fails(
                &[&dry[..], &["--secrets", "nowhere"]].concat(),
                4,
                &["nowhere"],
            )
            .await;
        let secrets = format!("GATEWAY_TOKEN={TOKEN}\nsender=Acme\n");
        let imported = server.json(&given, &secrets).await;
        assert_eq!(sorted(&imported), expected, "{imported}");
        let left_out = imported["left_out"].as_array().unwrap().iter();
        let left_out: Vec<_> = left_out.map(|one| one["what"].as_str().unwrap()).collect();
        let expected = [
            "action Add claims",
            "action Old SMS",
            "bindings of post-login",
            "flags, session_lifetime of the tenant",
            "roles",
        ];
        assert_eq!(left_out, expected, "{imported}");
        assert!(
            imported["left_out"][1]["why"]
                .as_str()
                .unwrap()
                .contains("onExecuteCustomPhoneProvider"),
            "{imported}"
        );
        server
            .does(&["send", "+12065550100", "--text", "hello", "--wait"], "")
            .await;
        assert_eq!(last(&inbox), ["+12065550100", "Acme", "hello"], "{export}");
        let shown = server.json(&["templates", "show", "otp_verify"], "").await;
        assert_eq!(
            shown["content"]["body"]["text"], "{{ code }} is your code for {{ friendly_name }}",
            "{shown}"
        );
        let settings = server.ask("GET", "/api/v2/tenants/settings", json!({}));
        let expected = json!({
            "friendly_name": "Acme", "picture_url": "https://acme.example/logo.png",
            "support_email": "help@acme.example", "support_url": "https://acme.example/help",
            "enabled_locales": ["en", "de"], "country_codes": { "list": ["CH", "US"], "mode": "allow" },
            "phone_consolidated_experience": true,
        });
        assert_eq!(settings.await.body, expected);
        server.says(&import, "", "nothing has changed").await;
        let unasked = server.types(&given, "SENDER=Acme\n").await;
        assert_eq!(unasked.code, 2, "{unasked:?}");
        assert!(
            unasked.stderr.contains("has a secret SENDER"),
            "{unasked:?}"
        );
    }
}

/// Keywords stand for what they are said to stand for, and what they are not said to is asked for.
#[tokio::test]
async fn an_export_with_keywords_says_which_are_missing() {
    let (server, _inbox) = start().await;
    server.write(
        "export/phone-providers/provider.json",
        r###"[{ "name": "twilio", "disabled": @@OFF@@, "configuration":
            { "sid": "##SID##", "default_from": "+15005550006", "delivery_methods": "@@METHODS@@" },
            "credentials": { "auth_token": "##TWILIO_AUTH_TOKEN##" } }]"###,
    );
    let import = ["import", "auth0", "export"];
    server
        .fails(&import, 1, &["is not JSON", "--mappings"])
        .await;
    server.write("mappings.json", r#"{ "OFF": false, "METHODS": ["text"] }"#);
    let mapped = [&import[..], &["--mappings", "mappings.json"]].concat();
    server.fails(&mapped, 2, &["##SID##", "--mappings"]).await;
    let all = r#"{ "AUTH0_KEYWORD_REPLACE_MAPPINGS": { "OFF": false, "METHODS": ["text"], "SID": "AC1" } }"#;
    server.write("mappings.json", all);
    server.fails(&mapped, 2, &["TWILIO_AUTH_TOKEN"]).await;
    let given = [&mapped[..], &["--secrets", "-"]].concat();
    let secrets = format!("TWILIO_AUTH_TOKEN={AUTH_TOKEN}\n");
    server.does(&given, &secrets).await;
    let shown = server.json(&["provider", "show"], "").await;
    assert_eq!(shown["configuration"]["sid"], "AC1", "{shown}");
    assert_eq!(
        shown["configuration"]["delivery_methods"],
        json!(["text"]),
        "{shown}"
    );
    server.says(&mapped, "", "nothing has changed").await;

    // Settings that Auth0 takes and phonebox does not are left out, each by its name.
    server.write(
        "export/tenant.json",
        r#"{ "friendly_name": "@@NAME@@", "support_email": "", "support_url": "acme.example", "country_codes": { "list": ["CH", "XX"], "mode": "deny" },
            "sandbox_version": "22", "phone_consolidated_experience": true }"#,
    );
    let said = r#"{ "OFF": false, "METHODS": ["text"], "SID": "AC1" }"#;
    server.write("mappings.json", said);
    server
        .fails(&mapped, 2, &["friendly_name", "@@NAME@@", "--mappings"])
        .await;
    let name = said.replacen('{', r#"{ "NAME": "Acme","#, 1);
    server.write("mappings.json", &name);
    let imported = server.json(&mapped, "").await;
    let left_out = imported["left_out"].as_array().unwrap().iter();
    let left_out: Vec<_> = left_out.map(|one| one["what"].as_str().unwrap()).collect();
    let expected = ["country_codes", "support_url", "sandbox_version"];
    assert_eq!(
        left_out,
        expected.map(|name| format!("{name} of the tenant")),
        "{imported}"
    );
    assert_eq!(
        imported["changes"][0]["changes"],
        json!(["friendly_name"]),
        "{imported}"
    );
    server.says(&mapped, "", "nothing has changed").await;

    // Why an action would not be built is told before anything is done.
    server.write(
        "export/actions/sms.json",
        r#"{ "name": "sms", "code": "./actions/sms/code.js", "supported_triggers": [{ "id": "custom-phone-provider" }],
            "dependencies": [{ "name": "messagebird", "version": "4.0.1" }] }"#,
    );
    let code = "const messagebird = require('messagebird');\nexports.onExecuteCustomPhoneProvider = async (event, api) => {};\n";
    server.write("export/actions/sms/code.js", code);
    let planned = server
        .json(&[&mapped[..], &["--dry-run"]].concat(), "")
        .await;
    let error = planned["errors"][0].as_str().unwrap();
    assert!(
        error.contains("messagebird") && error.contains("bundle"),
        "{planned}"
    );

    // What is imported goes to a server: it comes from the export alone.
    server.write("secret.js", "hunter22");
    let action = r#"{ "name": "out", "code": "../secret.js", "supported_triggers": [{ "id": "custom-phone-provider" }] }"#;
    server.write("export/actions/out.json", action);
    server.fails(&mapped, 1, &["not in the export"]).await;
    server
        .fails(&["import", "auth0", "."], 4, &["no export in"])
        .await;
}

/// Waits until everything is settled.
async fn settled(server: &Server) {
    loop {
        let listed = server.json(&["notifications", "list"], "").await;
        let mut all = listed["notifications"].as_array().unwrap().iter();
        if all.all(|one| one["status"] != "queued" && one["status"] != "leased") {
            return;
        }
    }
}

/// `phonebox dev --empty`, and what it wrote about itself.
struct Dev {
    child: Child,
    variables: HashMap<String, String>,
}

impl Dev {
    fn start(desk: &Desk) -> Self {
        let mut command = desk.command(&["dev", "--empty", "--env-file", "dev.env"]);
        let quiet = command.stdin(Stdio::null()).stdout(Stdio::null());
        let mut child = quiet.stderr(Stdio::piped()).spawn().unwrap();
        // The file is there before it says so.
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let said: Vec<_> = lines
            .by_ref()
            .map(Result::unwrap)
            .take_while(|line| !line.contains("this tenant's API"))
            .collect();
        std::thread::spawn(|| lines.for_each(drop));
        let written = std::fs::read_to_string(desk.path().join("dev.env"));
        let written = written.unwrap_or_else(|error| panic!("{error}: {said:#?}"));
        let variable = |line: &str| {
            let (name, value) = line.split_once("='")?;
            Some((name.to_owned(), value.strip_suffix('\'')?.to_owned()))
        };
        Self {
            child,
            variables: written.lines().filter_map(variable).collect(),
        }
    }

    /// Types a command with these of the variables alone.
    fn run(&self, desk: &Desk, names: &[&str], arguments: &[&str]) -> Ran {
        let mut command = desk.command(arguments);
        for name in names {
            command.env(name, &self.variables[*name]);
        }
        let output = command.output().unwrap();
        Ran {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Over TLS, by whatever right there is: those of a client, of a token, of a key.
#[test]
fn a_client_a_token_and_a_key_may_ask() {
    let desk = Desk::new();
    let dev = Dev::start(&desk);
    let place = ["PHONEBOX_URL", "PHONEBOX_CA"];
    let client = ["PHONEBOX_CLIENT_ID", "PHONEBOX_CLIENT_SECRET"];
    let list = ["actions", "list", "--json"];
    for right in [&client[..], &["PHONEBOX_TOKEN"], &["PHONEBOX_API_KEY"]] {
        let ran = dev.run(&desk, &[&place[..], right].concat(), &list);
        assert_eq!(
            (ran.code, &*ran.stdout),
            (0, "{\"actions\":[]}\n"),
            "{right:?}: {ran:?}"
        );
    }
    let [id, secret] = client.map(|name| &*dev.variables[name]);
    desk.write("secret", secret);
    let typed = ["--client-id", id, "--client-secret-file", "secret"];
    let ran = dev.run(&desk, &place, &[&list[..], &typed].concat());
    assert_eq!(ran.code, 0, "{ran:?}");
    desk.write("secret", "hunter22");
    for (names, arguments, code, says) in [
        (
            &place[..],
            &[&list[..], &typed].concat()[..],
            3,
            "PHONEBOX_CLIENT_SECRET are those of one client",
        ),
        (&place, &list, 3, "no key to ask with"),
        (&[place[0], client[0], client[1]], &list, 69, "--ca"),
        (
            &[place[0], place[1], client[0]],
            &list,
            2,
            "--client-secret-file",
        ),
        (&[place[0], place[1], client[1]], &list, 2, "--client-id"),
    ] {
        let ran = dev.run(&desk, names, arguments);
        assert_eq!(ran.code, code, "{names:?}: {ran:?}");
        assert!(ran.stderr.contains(says), "{says}: {ran:?}");
        assert!(!format!("{ran:?}").contains(secret), "{ran:?}");
    }
    let opened = dev.run(&desk, &place, &["open"]);
    let url = format!("{}/\n", dev.variables["PHONEBOX_URL"]);
    assert_eq!((opened.code, opened.stdout), (0, url));
    assert!(opened.stderr.contains("no page yet"), "{}", opened.stderr);
}
