//! What an action in JavaScript costs: `cargo bench -p phonebox-runtime --bench javascript`. Reported, never asserted.
//!
//! Every run is cold: it is an instance of its own. Nothing goes over a network; the Twilio-shaped action builds a form, signs
//! Basic, reads an answer in JSON and logs a line. Beside it, where there is a `node`: the same in a new context of Node's `vm`,
//! and in a new worker. Medians.

#![expect(
    clippy::print_stdout,
    reason = "a benchmark speaks to whoever started it"
)]
#![expect(clippy::cast_precision_loss, reason = "no count here comes near 2^53")]

use std::hint::black_box;
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use phonebox_contract::{Event, NotificationId};
use phonebox_egress::{Egress, Policy};
use phonebox_runtime::{
    ActionCache, Capabilities, CompiledCache, Config, Digest, Limits, LoadedAction, Run, Runtime,
};
use phonebox_test_guests::JAVASCRIPT_ENGINE;

const TRIVIAL: &str = "exports.onExecuteCustomPhoneProvider = async (event, api) => {};";
const TWILIO: &str = r"
const ACCOUNT = 'AC0123456789abcdef0123456789abcdef';
const ANSWER = JSON.stringify({ sid: 'SM0123456789abcdef', status: 'queued', error_code: null, price: null });
exports.onExecuteCustomPhoneProvider = async (event, api) => {
    const { notification } = event;
    const form = new URLSearchParams({ To: notification.recipient, From: '+14155550199', Body: notification.as_text });
    const authorization = 'Basic ' + Buffer.from(`${ACCOUNT}:0123456789abcdef0123456789abcdef`).toString('base64');
    const request = { method: 'POST', headers: { authorization }, body: form.toString() };
    const response = new Response(ANSWER, { status: 201, headers: { 'content-type': 'application/json' } });
    if (!response.ok) throw new Error(`status ${response.status}`);
    const sent = await response.json();
    console.log('sent', sent.sid, request.body.length);
};";
/// Loaded anew by each run, because of the clock.
const TWILIO_ANEW: &str = "const begun = Date.now();";
const AXIOS: &str = "const axios = require('axios');";

/// Operations of each kind, and actions that lie idle.
const LOADS: usize = 40;
const RUNS: usize = 1000;
const IDLE: usize = 1000;

// The goals.
const LOAD_US: f64 = 15_000.0;
const RUN_US: [(&str, f64); 2] = [("Twilio-shaped", 350.0), ("the same, with axios", 2000.0)];

fn main() {
    // `cargo test --benches` only wants to see that it runs.
    let measured = std::env::args().any(|argument| argument == "--bench");
    let few = |count: usize| if measured { count } else { 1 };
    let tokio = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a process can have a runtime");
    let compiled = tempfile::tempdir().expect("a folder can be made");
    let actions = [
        ("trivial", TRIVIAL.to_owned()),
        ("Twilio-shaped", TWILIO.to_owned()),
        ("the same, loaded anew", format!("{TWILIO_ANEW}{TWILIO}")),
        ("the same, with axios", format!("{AXIOS}{TWILIO}")),
    ];
    let cache = CompiledCache::open(compiled.path(), [7; 32]).expect("the folder is ours");
    let runtime = Runtime::new(&Config::new(), Some(cache)).expect("the engine starts");
    let begun = Instant::now();
    load(&runtime, TRIVIAL);
    println!(
        "\nThe engine is compiled and starts in {:.0} ms.",
        begun.elapsed().as_secs_f64() * 1e3
    );
    println!("{:<24} {:>10} {:>10}", "µs", "load", "cold run");
    for (name, source) in &actions {
        let loads = median(few(LOADS), || drop(load(&runtime, source)));
        let action = load(&runtime, source);
        let capabilities = capabilities(&runtime);
        let run = run();
        let runs = median(few(RUNS), || {
            let report = tokio.block_on(action.run(run.clone(), &capabilities));
            assert!(report.result.is_ok(), "{report:?}");
        });
        println!(
            "{name:<24} {loads:>10.0} {runs:>10.0}{}",
            verdict(name, loads, runs)
        );
    }
    let before = anonymous_memory();
    let idle: Vec<_> = (0..few(IDLE)).map(|_| load(&runtime, TWILIO)).collect();
    let each = anonymous_memory().saturating_sub(before) as f64 / idle.len() as f64;
    println!("one idle of {}: {each:.0} KiB", idle.len());
    black_box(idle);
    node(few(RUNS));
}

fn load(runtime: &Runtime, source: &str) -> LoadedAction {
    runtime
        .load_javascript("bench", Digest::of(source.as_bytes()), source, [], || {
            JAVASCRIPT_ENGINE.bytes.to_vec()
        })
        .unwrap_or_else(|error| panic!("{error:?}"))
}

fn median(count: usize, mut turn: impl FnMut()) -> f64 {
    let mut took: Vec<f64> = (0..count)
        .map(|_| {
            let begun = Instant::now();
            turn();
            begun.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    took.sort_by(f64::total_cmp);
    took.get(count / 2).copied().unwrap_or(f64::NAN)
}

fn verdict(name: &str, load: f64, run: f64) -> String {
    let Some((_, goal)) = RUN_US.iter().find(|(named, _)| *named == name) else {
        return String::new();
    };
    let word = |met| if met { "met" } else { "MISSED" };
    format!(
        "  goals ≤ {LOAD_US}: {}, ≤ {goal}: {}",
        word(load <= LOAD_US),
        word(run <= *goal)
    )
}

fn node(calls: usize) {
    let dir = tempfile::tempdir().expect("a folder can be made");
    let path = dir.path().join("action.js");
    std::fs::write(&path, TWILIO).expect("the folder is ours");
    let node = Command::new("node")
        .arg(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/benches/javascript/node.js"
        ))
        .arg(path)
        .arg(calls.to_string())
        .arg(event().to_json())
        .output();
    let Ok(node) = node else {
        println!("\nThere is no node.");
        return;
    };
    println!(
        "\nTwilio-shaped in Node, new context and new worker, µs: {}{}",
        String::from_utf8_lossy(&node.stdout),
        String::from_utf8_lossy(&node.stderr)
    );
}

fn capabilities(runtime: &Runtime) -> Capabilities {
    let egress = Egress::builder()
        .build()
        .expect("the defaults fit together");
    Capabilities {
        secrets: Arc::default(),
        cache: Arc::new(ActionCache::default()),
        outbound: egress.outbound("bench", Arc::new(Policy::deny_all())),
        share: runtime.share("bench"),
    }
}

fn run() -> Run {
    let mut limits = Limits::default();
    // A run is charged by the clock while it is polled, so a machine that is busy elsewhere could end one.
    limits.cpu = limits.deadline;
    Run {
        id: NotificationId::new(),
        attempt: 1,
        event: Arc::new(event()),
        limits,
    }
}

fn event() -> Event {
    let event = serde_json::json!({
        "notification": {
            "as_text": "492016 is your verification code for Acme. Do not share it with anyone.",
            "as_voice": "4 9 2 0 1 6", "code": "492016", "delivery_method": "text", "locale": "en",
            "message_type": "otp_verify", "recipient": "+14155550100",
        },
        "tenant": { "id": "acme", "friendly_name": "Acme" },
        "user": { "user_id": "auth0|65f1c0de", "email": "ada@acme.example", "name": "Ada" },
    });
    Event::from_json(&event.to_string()).unwrap_or_else(|error| panic!("{error:?}"))
}

/// Anonymous memory of this process, in KiB.
fn anonymous_memory() -> u64 {
    let rollup = std::fs::read_to_string("/proc/self/smaps_rollup").unwrap_or_default();
    let line = rollup
        .lines()
        .find_map(|line| line.strip_prefix("Anonymous:"));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    number.unwrap_or(0)
}
