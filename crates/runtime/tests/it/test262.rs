//! The engine for JavaScript against test262, what the standard's authors test of it, where `tests/test262/fetch` got it.
//!
//! Each test is a run of an action, as any other: in an instance of its own, made from the memory in which the action is loaded.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use phonebox_contract::{Event, NotificationId, Outcome};
use phonebox_runtime::{Limits, LoadedAction, Run, RunError};
use serde::Deserialize;
use serde_json::json;

use crate::harness::{Host, load_javascript};

/// What the engine does not claim to have, by the names that test262 has for it.
const UNCLAIMED: &[(&str, &str)] = &[
    ("Atomics", "no threads"),
    ("FinalizationRegistry.prototype.cleanupSome", "a proposal"),
    ("SharedArrayBuffer", "no threads"),
    ("ShadowRealm", "a proposal"),
    ("Temporal", "a proposal"),
    ("IsHTMLDDA", "only browsers have it"),
    ("arbitrary-module-namespace-names", "no modules"),
    ("cross-realm", "one realm"),
    ("decorators", "a proposal"),
    ("dynamic-import", "no modules"),
    ("host-gc-required", "nothing that runs can ask for it"),
    ("import-assertions", "no modules"),
    ("import-attributes", "no modules"),
    ("import.meta", "no modules"),
    ("json-modules", "no modules"),
    ("legacy-regexp", "a proposal"),
    ("source-phase-imports", "no modules"),
    ("tail-call-optimization", "no engine but one has it"),
    ("top-level-await", "no modules"),
];
/// What a test that fails for the first time is listed under.
const UNSEEN: &str = "Nobody has looked at why:";
/// How many tests there are to one that is run.
const EVERY: usize = 4;
/// Harness files that every test has.
const ALWAYS: &[&str] = &["assert.js", "sta.js"];

/// What stands in front of a test.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Front {
    flags: Vec<String>,
    features: Vec<String>,
    includes: Vec<String>,
    negative: Option<Negative>,
}

#[derive(Deserialize)]
struct Negative {
    r#type: String,
}

struct Test {
    path: String,
    source: String,
    front: Front,
}

impl Test {
    fn is(&self, flag: &str) -> bool {
        self.front.flags.iter().any(|known| known == flag)
    }

    /// Whether it is about what the engine claims to have.
    fn is_claimed(&self) -> bool {
        let claims = |feature: &String| UNCLAIMED.iter().all(|(unclaimed, _)| unclaimed != feature);
        // There is one realm and one thread, and no script is added to an action.
        let realm = self.source.contains("$262.createRealm")
            || self.source.contains("$262.evalScript")
            || self.source.contains("$262.agent");
        !self.is("module") && self.front.features.iter().all(claims) && !realm
    }

    fn includes(&self) -> Vec<&str> {
        let own = self.front.includes.iter().map(String::as_str);
        ALWAYS.iter().copied().chain(own).collect()
    }

    /// The source in each mode that it is to be run in, by the mode's name.
    fn sources(&self) -> Vec<(&'static str, String)> {
        let mut sources = Vec::new();
        if !self.is("onlyStrict") {
            sources.push(("sloppy", self.source.clone()));
        }
        if !self.is("noStrict") && !self.is("raw") {
            let strict = format!("\"use strict\";\n{}", self.source);
            sources.push(("strict", strict));
        }
        sources
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/test262")
}

/// The tests, and what they include, by name; none where nobody fetched them.
fn suite() -> Option<(Vec<Test>, HashMap<String, String>)> {
    let lines = fs::read_to_string(root().join("../../target/test262/suite.jsonl")).ok()?;
    let (mut tests, mut includes) = (Vec::new(), HashMap::new());
    for line in lines.lines() {
        let (path, source): (String, String) = serde_json::from_str(line).unwrap();
        if let Some(name) = path.strip_prefix("harness/") {
            includes.insert(name.to_owned(), source);
            continue;
        }
        let (_, after) = source.split_once("/*---").expect(&path);
        let (front, _) = after.split_once("---*/").expect(&path);
        let front = serde_saphyr::from_str(front).unwrap_or_else(|error| panic!("{path}: {error}"));
        tests.push(Test {
            path,
            source,
            front,
        });
    }
    Some((tests, includes))
}

struct Machine {
    host: Host,
    includes: HashMap<String, String>,
    runner: String,
    actions: Mutex<HashMap<String, LoadedAction>>,
}

impl Machine {
    fn new(includes: HashMap<String, String>) -> Self {
        Self {
            host: Host::new(),
            includes,
            runner: fs::read_to_string(root().join("runner.js")).unwrap(),
            actions: Mutex::default(),
        }
    }

    /// The action whose tests include these files.
    fn action(&self, includes: &[&str]) -> LoadedAction {
        let mut actions = self.actions.lock().unwrap();
        if let Some(known) = actions.get(&includes.join(" ")) {
            return known.clone();
        }
        let sources: Vec<_> = includes.iter().map(|name| &self.includes[*name]).collect();
        let source = format!("const INCLUDES = {}; {}", json!(sources), self.runner);
        let loaded = load_javascript(&source);
        actions.insert(includes.join(" "), loaded.clone());
        loaded
    }

    /// What is wrong with the engine, in the eyes of a test.
    async fn run(&self, test: &Test) -> Option<String> {
        let action = self.action(&test.includes());
        for (mode, source) in test.sources() {
            if let Some(wrong) = self.run_once(&action, test, &source).await {
                return Some(format!("{mode}: {wrong}"));
            }
        }
        None
    }

    async fn run_once(&self, action: &LoadedAction, test: &Test, source: &str) -> Option<String> {
        let negative = test.front.negative.as_ref();
        let told = json!({
            "source": source, "isAsync": test.is("async"), "negative": negative.map(|negative| &negative.r#type),
        });
        let event =
            json!({ "notification": { "as_text": told.to_string(), "recipient": "+14155550100" } });
        let mut limits = Limits::default();
        limits.deadline = Limits::LONGEST_DEADLINE;
        limits.cpu = limits.deadline;
        limits.host_calls = u64::MAX;
        let run = Run {
            id: NotificationId::new(),
            attempt: 1,
            event: Arc::new(Event::from_json(&event.to_string()).unwrap()),
            limits,
        };
        match action.run(run, &self.host.capabilities).await.result {
            Ok(Outcome::Sent { .. }) => None,
            Ok(Outcome::Drop { reason }) => Some(reason),
            Err(RunError::Returned { message }) => Some(message),
            other => Some(format!("{other:?}")),
        }
    }
}

/// What the engine is known to fail, and why: causes at the margin, each with its tests below it.
#[derive(Default)]
struct Known(BTreeMap<String, String>);

impl Known {
    fn read() -> Self {
        let listed = fs::read_to_string(root().join("fails.txt")).unwrap();
        let (mut known, mut cause) = (BTreeMap::new(), None);
        for line in listed.lines().filter(|line| !line.is_empty()) {
            match (line.strip_prefix("    "), cause) {
                (Some(test), Some(cause)) => {
                    let before = known.insert(test.to_owned(), String::from(cause));
                    assert!(before.is_none(), "{test} is there twice");
                }
                (Some(test), None) => panic!("{test} has no cause"),
                (None, _) => cause = Some(line),
            }
        }
        Self(known)
    }

    /// Writes down what fails now. What failed before keeps its cause.
    fn write(&self, wrong: &BTreeMap<&str, String>) {
        let mut causes: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for test in wrong.keys() {
            let cause = self.0.get(*test).map_or(UNSEEN, String::as_str);
            causes.entry(cause).or_default().push(test);
        }
        let mut text = String::new();
        for (cause, tests) in causes {
            writeln!(text, "{cause}\n    {}\n", tests.join("\n    ")).unwrap();
        }
        fs::write(root().join("fails.txt"), text.trim_end().to_owned() + "\n").unwrap();
    }
}

/// Runs tests on all processors, and gives what is wrong, by test.
fn run<'test>(machine: &Machine, tests: &[&'test Test]) -> BTreeMap<&'test str, String> {
    let wrong: Mutex<BTreeMap<&str, String>> = Mutex::default();
    let next = AtomicUsize::new(0);
    let work = || {
        let tokio = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        while let Some(test) = tests.get(next.fetch_add(1, Ordering::Relaxed)) {
            if let Some(what) = tokio.block_on(machine.run(test)) {
                wrong.lock().unwrap().insert(&*test.path, what);
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().unwrap().get() {
            scope.spawn(work);
        }
    });
    wrong.into_inner().unwrap()
}

/// One test in so many; with `PHONEBOX_TEST_262=built-ins/Map` those whose path has that in it, and with an empty one all of
/// them. `UPDATE=1` runs all, too, and writes `fails.txt` anew.
#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "only who starts the tests can say how much is to be done"
)]
fn the_language_is_as_its_authors_test_it() {
    let Some((tests, includes)) = suite() else {
        println!("skipped: there is no test262; tests/test262/fetch gets it");
        return;
    };
    let claimed: Vec<_> = tests.iter().filter(|test| test.is_claimed()).collect();
    let update = std::env::var_os("UPDATE").is_some();
    let wanted = std::env::var("PHONEBOX_TEST_262").ok();
    let wanted = if update { Some(String::new()) } else { wanted };
    let every = if wanted.is_some() { 1 } else { EVERY };
    let wanted = wanted.unwrap_or_default();
    let chosen = claimed.iter().copied().step_by(every);
    let chosen: Vec<_> = chosen.filter(|test| test.path.contains(&wanted)).collect();
    let known = Known::read();
    let wrong = run(&Machine::new(includes), &chosen);
    if update {
        known.write(&wrong);
    }
    let known = if update { Known::read() } else { known };
    let mut unlike = String::new();
    for test in &chosen {
        let path = &*test.path;
        match (wrong.get(path), known.0.get(path)) {
            (Some(what), None) => writeln!(unlike, "{path} fails: {what}").unwrap(),
            (None, Some(_)) => writeln!(unlike, "{path} passes").unwrap(),
            _ => {}
        }
    }
    for path in known.0.keys() {
        if !claimed.iter().any(|test| test.path == *path) {
            writeln!(unlike, "{path} is not claimed").unwrap();
        }
    }
    assert!(
        unlike.is_empty(),
        "unlike tests/test262/fails.txt:\n{unlike}"
    );
    let passed = claimed.len() - known.0.len();
    let share = passed * 10_000 / claimed.len();
    let told = format!(
        "It passes {passed} of the {} tests of test262 ({}.{:02} %)",
        claimed.len(),
        share / 100,
        share % 100
    );
    let readme = root().join("../../README.md");
    let readme = fs::read_to_string(readme).unwrap().replace('\n', " ");
    assert!(readme.contains(&told), "README.md does not say: {told}");
}
