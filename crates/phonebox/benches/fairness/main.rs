//! Whether one tenant's attack is another's trouble: `cargo bench -p phonebox`. Reported, never asserted.
//!
//! The victim delivers 20 codes a second through a provider that takes 20 ms. Its latency is taken from when each delivery
//! was due, not from when it could begin, so that what was held up counts whole. Undisturbed seconds and seconds under attack
//! take turns in one run, and each attack is compared with its own undisturbed seconds.
//! `-- --seconds N` sets how long each half of an attack takes (default: 10).

#![expect(
    clippy::print_stdout,
    reason = "a benchmark speaks to whoever started it"
)]

mod provider;
mod queue;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use phonebox::egress::{Egress, Origin};
use phonebox::{Action, Deployment, Event, NotificationId, Outcome, Phonebox, Secret, Secrets};
use phonebox_test_guests::{Guest, NOOP, POST, PROBE};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};

const ORIGIN: &str = "http://provider.example";
/// Between two of the victim's deliveries.
const PACE: Duration = Duration::from_millis(50);

/// What another tenant does meanwhile.
struct Attack {
    id: &'static str,
    what: &'static str,
    guest: Guest,
    /// What the probe is told to do.
    commands: &'static str,
    /// How many runs it has under way, or waiting, at any time.
    at_once: usize,
}

const ATTACKS: [Attack; 5] = [
    Attack {
        id: "F1",
        what: "500 endless loops",
        guest: PROBE,
        commands: "spin",
        at_once: 500,
    },
    Attack {
        id: "F2",
        what: "500 runs that call the host all the time",
        guest: PROBE,
        commands: "poll-clock 15000",
        at_once: 500,
    },
    Attack {
        id: "F3",
        what: "1,000 deliveries into a black hole",
        guest: PROBE,
        commands: "send POST http://provider.example/hang",
        at_once: 1000,
    },
    Attack {
        id: "F5",
        what: "empty actions, as fast as they go",
        guest: NOOP,
        commands: "",
        at_once: 200,
    },
    Attack {
        id: "F7",
        what: "log lines, as fast as they go",
        guest: PROBE,
        commands: "flood 3000 one line of many",
        at_once: 200,
    },
];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let seconds = arguments
        .iter()
        .position(|argument| argument == "--seconds")
        .and_then(|at| arguments.get(at + 1)?.parse().ok())
        .unwrap_or(10);
    // `cargo test --benches` only wants to see that it runs.
    let whole = arguments.iter().any(|argument| argument == "--bench");
    let half = if whole {
        Duration::from_secs(seconds)
    } else {
        Duration::from_millis(200)
    };
    let runtime = tokio::runtime::Runtime::new().expect("a process that starts can have threads");
    runtime.block_on(queue::report(
        provider::start(),
        if whole { 10_000 } else { 100 },
    ));
    runtime.block_on(report(provider::start(), half));
    runtime.shutdown_background();
}

async fn report(provider: std::net::SocketAddr, half: Duration) {
    let phonebox = host(provider);
    let victim = deploy(&phonebox, "victim", POST);
    println!(
        "{:<4} {:<42} {:>15} {:>15} {:>6} {:>8}  attacker",
        "", "another tenant has", "alone p50/p99", "attack p50/p99", "p99", "errors"
    );
    for attack in &ATTACKS {
        // Two rounds, so that a machine that changes its speed changes it for both.
        let (mut alone, mut under) = (Sample::default(), Sample::default());
        let mut done = 0;
        for _ in 0..2 {
            alone.add(deliver(&victim, half / 2).await);
            let running = Running::start(&phonebox, attack);
            under.add(deliver(&victim, half / 2).await);
            done += running.stop().await;
        }
        println!(
            "{:<4} {:<42} {:>15} {:>15} {:>5.1}x {:>8}  {done} runs",
            attack.id,
            attack.what,
            alone.to_string(),
            under.to_string(),
            under.percentile(99).as_secs_f64() / alone.percentile(99).as_secs_f64(),
            under.errors,
        );
    }
    println!("milliseconds; the goal: p99 at most twice as long, or 25 ms longer, and no errors");
}

fn host(provider: std::net::SocketAddr) -> Phonebox {
    let egress = Egress::builder()
        .dangerous_plain_http(Origin::parse(ORIGIN).expect("it is an origin"))
        .resolve("provider.example", vec![provider])
        .reachable("127.0.0.0/8".parse().expect("it is a range"))
        .build()
        .expect("the settings are right");
    Phonebox::builder()
        .egress(egress)
        .build()
        .expect("the engine starts")
}

fn deploy(phonebox: &Phonebox, tenant: &str, guest: Guest) -> Deployment {
    let (action, secrets) = action(guest);
    phonebox
        .deploy(tenant, &action, secrets)
        .expect("it can be deployed")
}

fn action(guest: Guest) -> (Action, Secrets) {
    let manifest = format!(
        "name = \"bench\"\ntrigger = \"custom-phone-provider\"\n[[egress]]\norigin = \"{ORIGIN}\"\n\
         [secrets.ORIGIN]\noptional = true\n[secrets.TOKEN]\noptional = true\n"
    );
    let action = Action::assemble(guest.bytes, &manifest).expect("it is an action");
    let secrets: Secrets = [
        ("ORIGIN", Secret::revealed(ORIGIN)),
        ("TOKEN", "a-token-of-no-worth".into()),
    ]
    .into_iter()
    .collect();
    (action, secrets)
}

fn event(text: &str) -> Arc<Event> {
    let event = serde_json::json!({
        "notification": {
            "as_text": text, "as_voice": "", "code": "492016", "delivery_method": "text",
            "message_type": "otp_verify", "recipient": "+14155550100",
        },
        "tenant": { "id": "bench" },
    });
    Arc::new(Event::from_json(&event.to_string()).expect("it is an event"))
}

/// The victim's deliveries, at their pace.
async fn deliver(victim: &Deployment, how_long: Duration) -> Sample {
    let event = event("Your code is 492016");
    let mut pace = interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let (began, mut running) = (Instant::now(), JoinSet::new());
    while began.elapsed() < how_long {
        let due = pace.tick().await;
        let (victim, event) = (victim.clone(), event.clone());
        running.spawn(async move {
            let report = victim.attempt(event, NotificationId::new(), 1).await;
            (
                due.elapsed(),
                matches!(report.result, Ok(Outcome::Sent { .. })),
            )
        });
    }
    let mut sample = Sample::default();
    while let Some(ended) = running.join_next().await {
        let (latency, sent) = ended.expect("a delivery does not panic");
        sample.latencies.push(latency);
        sample.errors += usize::from(!sent);
    }
    sample
}

#[derive(Default)]
struct Sample {
    latencies: Vec<Duration>,
    errors: usize,
}

impl Sample {
    fn add(&mut self, more: Self) {
        self.latencies.extend(more.latencies);
        self.latencies.sort_unstable();
        self.errors += more.errors;
    }

    fn percentile(&self, percent: usize) -> Duration {
        let at = (self.latencies.len() * percent / 100).min(self.latencies.len().saturating_sub(1));
        self.latencies.get(at).copied().unwrap_or_default()
    }
}

impl std::fmt::Display for Sample {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [p50, p99] = [50, 99].map(|percent| self.percentile(percent).as_secs_f64() * 1e3);
        f.pad(&format!("{p50:.1} / {p99:.1}"))
    }
}

/// An attack under way.
struct Running {
    stop: Arc<AtomicBool>,
    done: Arc<AtomicU64>,
    attackers: JoinSet<()>,
}

impl Running {
    fn start(phonebox: &Phonebox, attack: &Attack) -> Self {
        let (stop, done) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicU64::new(0)),
        );
        let deployment = deploy(phonebox, "attacker", attack.guest);
        let event = event(attack.commands);
        let mut attackers = JoinSet::new();
        for _ in 0..attack.at_once {
            let (deployment, event) = (deployment.clone(), event.clone());
            let (stop, done) = (stop.clone(), done.clone());
            attackers.spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    deployment
                        .attempt(event.clone(), NotificationId::new(), 1)
                        .await;
                    done.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        Self {
            stop,
            done,
            attackers,
        }
    }

    /// Ends it, and tells how many runs it got done.
    async fn stop(mut self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        self.attackers.shutdown().await;
        self.done.load(Ordering::Relaxed)
    }
}
