//! `require('actions:NAME')`: code that actions share, with secrets of its own.

use phonebox::componentize::javascript::{Module, module_secret};

use super::*;

fn module(name: &str, code: &str) -> Module {
    let (name, code) = (name.to_owned(), code.to_owned());
    Module { name, code }
}

fn with(modules: &[Module], source: &str) -> Result<Action, InvalidAction> {
    let mut options = options();
    options.modules = modules.to_vec();
    Action::from_javascript(source, options)
}

fn calls(body: &str) -> String {
    format!("exports.onExecuteCustomPhoneProvider = async (event, api) => {{\n{body}\n}};")
}

async fn logged(phonebox: &Phonebox, action: &Action, secrets: &[(&str, &str, &str)]) -> Report {
    let secrets = secrets.iter().map(|(module, name, value)| match *module {
        "" => ((*name).to_owned(), Secret::revealed(*value)),
        module => (module_secret(module, name), Secret::revealed(*value)),
    });
    run_with(phonebox, action, secrets.collect()).await
}

fn lines(report: &Report) -> Vec<&str> {
    report.log.iter().map(|line| &*line.message).collect()
}

#[tokio::test]
async fn a_module_is_evaluated_once_and_exports_what_it_likes() {
    let phonebox = phonebox().await;
    let counted = module(
        "count",
        "let count = 0;\nmodule.exports = () => (count += 1);\nmodule.exports.crypto = require('node:crypto') === require('crypto');\n\
         module.exports.file = [__filename, module.id, this === exports];",
    );
    let action = with(
        &[counted],
        &calls(
            "const count = require('actions:count');\ncount(); require('actions:count')();\n\
             console.log(count(), count.crypto, count.file, require.resolve('actions:count'), typeof actions);",
        ),
    );
    let action = action.unwrap();
    for _ in 0..2 {
        let report = logged(&phonebox, &action, &[]).await;
        let expected = "3 true [ 'actions:count', 'actions:count', true ] actions:count undefined";
        assert_eq!(lines(&report), [expected], "{report:#?}");
    }
}

#[tokio::test]
async fn what_a_module_throws_is_thrown_each_time_and_has_its_place() {
    let phonebox = phonebox().await;
    let broken = module("broken", "\n  throw 'not ready';");
    let thrown = calls(
        "let first;\ntry { require('actions:broken'); } catch (error) { first = error; }\n\
         try { require('actions:broken'); } catch (error) { console.log(error === first, error instanceof Error, error.message); }",
    );
    let report = logged(&phonebox, &with(&[broken], &thrown).unwrap(), &[]).await;
    assert_eq!(lines(&report), ["true true not ready"], "{report:#?}");

    let deep = module(
        "deep",
        "exports.send = function send() {\n  throw new TypeError('no');\n};",
    );
    let source = calls("const { send } = require('actions:deep');\n\n  send();");
    let report = logged(&phonebox, &with(&[deep], &source).unwrap(), &[]).await;
    let Err(RunError::Returned { message }) = &report.result else {
        panic!("{report:#?}");
    };
    assert!(
        message.contains("TypeError: no, at send (actions:deep:2:13) < action.js:4:3"),
        "{message}"
    );
}

#[tokio::test]
async fn what_is_wrong_with_a_module_is_told_with_its_name_and_place() {
    let phonebox = phonebox().await;
    let required = |name: &str| format!("require('actions:{name}');\n{HANDLER}");
    let told = |modules: &[Module], source: &str| {
        let error = match with(modules, source) {
            Err(InvalidAction::Source(mut errors)) => errors.remove(0),
            Err(error) => panic!("{error}"),
            Ok(action) => match phonebox.deploy("acme", &action, Secrets::default()) {
                Err(DeployError::Load(LoadError::Source(error))) => error,
                other => panic!("{:?}: {source}", other.map(drop)),
            },
        };
        (error.id.clone(), error.to_string())
    };
    for (modules, source, id, parts) in [
        (
            vec![],
            required("fmt"),
            "module_not_found",
            ["require('actions:fmt')", "`modules` (line 1, column 9)"],
        ),
        (
            vec![
                module("a", "exports.b =\n  require('actions:b');"),
                module("b", ""),
            ],
            required("a"),
            "module_not_found",
            ["cannot require another", "(actions:a, line 2, column 11)"],
        ),
        (
            vec![module("a", "require('actions:' + 'b');"), module("b", "")],
            required("a"),
            "module_not_found",
            ["cannot require another", "(actions:a, line 1, column "],
        ),
        (
            vec![],
            format!("require('actions:' + 'fmt');\n{HANDLER}"),
            "module_not_found",
            ["the action has no such module", "(line 1, column "],
        ),
        (
            vec![module("a", "exports.a = () => {\n  const b = await c;\n};")],
            HANDLER.to_owned(),
            "await_outside_async",
            ["`await`", "(actions:a, line 2, column "],
        ),
        (
            vec![module("a", "\nnothing.there();")],
            required("a"),
            "top_level_error",
            ["nothing is not defined", "(actions:a, line 2, column 1)"],
        ),
        (
            vec![module("a", "require('left-pad');")],
            HANDLER.to_owned(),
            "module_not_found",
            ["left-pad", "(actions:a, line 1, column 9)"],
        ),
        (
            vec![module(
                "a",
                "const at = new URL(actions.secrets.SERVICE_URL);",
            )],
            required("a"),
            "top_level_error",
            ["a secret's value is not known", "(actions:a, line 1"],
        ),
    ] {
        let (is, message) = told(&modules, &source);
        assert_eq!(is, id, "{source}: {message}");
        for part in parts {
            assert!(message.contains(part), "{source}: {part}: {message}");
        }
    }
}

#[tokio::test]
async fn a_module_has_its_own_secrets_and_nobody_elses() {
    let phonebox = phonebox().await;
    let shows = "exports.show = () => ({ KEY: actions.secrets.KEY, names: Object.keys(actions.secrets), there: 'KEY' in actions.secrets,\n\
                 other: [actions.secrets['b:KEY'], actions.secrets['actions:a:b:KEY'], actions.secrets.NO] });";
    let modules = [
        module("a", shows),
        module("a:b", shows),
        module("none", shows),
    ];
    let action = with(
        &modules,
        &calls(
            "console.log(JSON.stringify(event.secrets));\n\
             for (const name of ['a', 'a:b', 'none']) console.log(JSON.stringify(require('actions:' + name).show()));",
        ),
    );
    let secrets = [
        ("", "KEY", "the action's"),
        ("a", "KEY", "the module's"),
        ("a:b", "KEY", "the other's"),
    ];
    let report = logged(&phonebox, &action.unwrap(), &secrets).await;
    let empty = "[null,null,null]";
    assert_eq!(
        lines(&report),
        [
            r#"{"KEY":"[secret:KEY]"}"#.to_owned(),
            format!(
                r#"{{"KEY":"[secret:actions:a:KEY]","names":["KEY"],"there":true,"other":{empty}}}"#
            ),
            format!(
                r#"{{"KEY":"[secret:actions:a:b:KEY]","names":["KEY"],"there":true,"other":{empty}}}"#
            ),
            format!(r#"{{"names":[],"there":false,"other":{empty}}}"#),
        ],
        "{report:#?}"
    );
}

/// A snapshot has no secret in it: what a module reads when it is evaluated, it reads again in every run.
#[tokio::test]
async fn a_module_may_read_secrets_when_it_is_evaluated() {
    let phonebox = phonebox().await;
    let reads = module(
        "gateway",
        "const { URL_OF, ...rest } = actions.secrets;\nconst token = `Bearer ${actions.secrets.TOKEN}`;\n\
         const later = actions.secrets;\nexports.say = () => [URL_OF, token, later.URL_OF, Object.keys(rest).join()].join(' ');",
    );
    let source = format!(
        "const gateway = require('actions:gateway');\n{}",
        calls("console.log(gateway.say());")
    );
    let action = with(&[reads], &source).unwrap();
    for (url, token) in [
        ("https://one.example", "token 1"),
        ("https://two.example", "token 2"),
    ] {
        let secrets = [("gateway", "URL_OF", url), ("gateway", "TOKEN", token)];
        let report = logged(&phonebox, &action, &secrets).await;
        // Only the values of this run are masked.
        let url = "[secret:actions:gateway:URL_OF]";
        let expected = format!("{url} Bearer [secret:actions:gateway:TOKEN] {url} TOKEN");
        assert_eq!(lines(&report), [expected], "{report:#?}");
    }
}

#[tokio::test]
async fn a_sealed_secret_of_a_module_is_sent_and_never_told() {
    let phonebox = phonebox().await;
    let sends = module(
        "sender",
        "exports.send = async (body) => {\n  const answer = await fetch('http://api.provider.example:8000/200', { method: 'POST', body,\n    \
         headers: { authorization: `Bearer ${actions.secrets.TOKEN}` } });\n  console.log(actions.secrets.TOKEN, await answer.text());\n};",
    );
    let source = calls("await require('actions:sender').send('hello');");
    let action = with(&[sends], &source).unwrap();
    let value = "a-token-0123456789";
    let secrets = [(module_secret("sender", "TOKEN"), value)];
    let report = run_with(&phonebox, &action, secrets.into_iter().collect()).await;
    assert!(report.result.is_ok(), "{report:#?}");
    assert_eq!(report.exchanges[0].secrets, ["actions:sender:TOKEN"]);
    let told = format!("{report:?}{}", serde_json::to_string(&report).unwrap());
    assert!(!told.contains(value), "{told}");

    let deployed = phonebox
        .deploy("acme", &action, Secrets::default())
        .unwrap();
    let notes = deployed.notes();
    let unset = "the module reads actions.secrets.TOKEN (actions:sender, line 3), and no such secret is set";
    assert!(notes.iter().any(|note| note == unset), "{notes:#?}");
}
