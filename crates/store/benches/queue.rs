//! What it costs that nothing is lost: `cargo bench -p phonebox-store`. Reported, never asserted.
//!
//! First, notifications that are accepted and settled, two commits each, beside the least that SQLite can be asked for on the same
//! disk: a row is written and changed by one thread that puts into one transaction what has come in meanwhile. The cells take
//! turns, because a machine's speed changes from minute to minute. Then, what a backlog does to accepting and to handing out;
//! `-- --million` goes on to 1,000,000.

#![expect(
    clippy::cast_precision_loss,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark speaks to whoever started it, and ends where something is wrong"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use phonebox_contract::{NotificationId, Status};
use phonebox_store::{Accept, Accepted, Attempt, Claim, Node, Store, Then};
use rusqlite::{Connection, params};
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

const AT_ONCE: [usize; 3] = [1, 16, 256];
const ROUNDS: usize = 5;
/// How long one cell is measured in one round.
const CELL: Duration = Duration::from_millis(700);
const NODE: Node = Node([1; 16]);
const PAYLOAD: usize = 600;

/// What one cell came to.
struct Measured {
    a_second: f64,
    /// Of the first commit.
    latencies: Vec<Duration>,
}

fn main() {
    // `cargo test --benches` only wants to see that it builds.
    let arguments: Vec<String> = std::env::args().collect();
    let asked = |argument: &str| arguments.iter().any(|given| given == argument);
    if !asked("--bench") {
        return;
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        throughput().await;
        let sizes: &[usize] = &[1_000, 10_000, 100_000, 1_000_000];
        let most = if asked("--million") { 4 } else { 3 };
        backlog(sizes.get(..most).unwrap()).await;
    });
}

async fn throughput() {
    println!("\nbest of {ROUNDS} rounds; two commits each; the first commit's latency");
    println!(
        "{:<10} {:>8} {:>12} {:>10} {:>10} {:>8}",
        "", "at once", "a second", "p50 ms", "p99 ms", "of raw"
    );
    for at_once in AT_ONCE {
        let dir = tempfile::tempdir().unwrap();
        let raw = Arc::new(Raw::open(&dir));
        let store = Store::sqlite(dir.path().join("phonebox.db")).await.unwrap();
        let (mut best_raw, mut best): (Option<Measured>, Option<Measured>) = (None, None);
        for _ in 0..ROUNDS {
            let raw = raw.clone();
            keep(
                &mut best_raw,
                cell(at_once, move || once_raw(raw.clone())).await,
            );
            let store = store.clone();
            keep(&mut best, cell(at_once, move || once(store.clone())).await);
        }
        let (raw, store) = (best_raw.unwrap(), best.unwrap());
        let ratio = store.a_second / raw.a_second;
        raw.print("raw SQLite", at_once, 1.0);
        store.print("store", at_once, ratio);
    }
}

fn keep(best: &mut Option<Measured>, measured: Measured) {
    let better = best
        .as_ref()
        .is_none_or(|best| best.a_second < measured.a_second);
    if better {
        *best = Some(measured);
    }
}

/// So many tasks do the same thing over and over.
async fn cell<F>(at_once: usize, once: impl Fn() -> F + Clone + Send + 'static) -> Measured
where
    F: Future<Output = Duration> + Send,
{
    let began = Instant::now();
    let mut tasks = JoinSet::new();
    for _ in 0..at_once {
        let once = once.clone();
        tasks.spawn(async move {
            let mut latencies = Vec::new();
            while began.elapsed() < CELL {
                latencies.push(once().await);
            }
            latencies
        });
    }
    let latencies = tasks.join_all().await.concat();
    Measured {
        a_second: latencies.len() as f64 / began.elapsed().as_secs_f64(),
        latencies,
    }
}

impl Measured {
    fn print(mut self, what: &str, at_once: usize, ratio: f64) {
        self.latencies.sort();
        let a_second = self.a_second;
        let [p50, p99] = [0.5, 0.99].map(|part| millis(quantile(&self.latencies, part)));
        println!("{what:<10} {at_once:>8} {a_second:>12.0} {p50:>10.2} {p99:>10.2} {ratio:>8.2}");
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "an index is small and not negative"
)]
fn quantile(sorted: &[Duration], part: f64) -> Duration {
    let index = (sorted.len() as f64 * part) as usize;
    sorted.get(index).copied().unwrap_or_default()
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

fn accept(lease: Option<Node>) -> Accept {
    Accept {
        id: NotificationId::new(),
        action: "sms".to_owned(),
        idempotency_key: None,
        request: [0; 32],
        payload: vec![7; PAYLOAD],
        valid: Duration::from_hours(1),
        lease,
        replay_of: None,
    }
}

/// Accepts a notification and settles it. Gives how long accepting took.
async fn once(store: Store) -> Duration {
    let began = Instant::now();
    let accepted = store.accept("acme", accept(Some(NODE))).await.unwrap();
    let took = began.elapsed();
    let Accepted::Leased(leased) = accepted else {
        panic!("{accepted:?}")
    };
    let now = store.now().await.unwrap();
    let attempt = Attempt {
        number: 1,
        began: now,
        ended: now,
        report: "x".repeat(400),
    };
    let sent = Then::Settled(Status::Sent);
    let settled = store.settle("acme", leased.id, leased.lease, attempt, sent, vec![]);
    assert!(settled.await.unwrap());
    took
}

/// The least that a durable queue can ask of SQLite.
struct Raw(Sender<(Write, oneshot::Sender<()>)>);

enum Write {
    Insert([u8; 16]),
    Settle([u8; 16]),
}

impl Raw {
    fn open(dir: &TempDir) -> Self {
        let connection = Connection::open(dir.path().join("raw.db")).unwrap();
        connection
            .execute_batch(
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 4000;
                 CREATE TABLE row (id BLOB PRIMARY KEY, done INTEGER NOT NULL, payload BLOB NOT NULL) STRICT;",
            )
            .unwrap();
        let (sender, queue) = channel();
        std::thread::spawn(move || write(&connection, &queue));
        Self(sender)
    }

    async fn write(&self, write: Write) {
        let (tell, told) = oneshot::channel();
        self.0.send((write, tell)).unwrap();
        told.await.unwrap();
    }
}

fn write(connection: &Connection, queue: &Receiver<(Write, oneshot::Sender<()>)>) {
    while let Ok(first) = queue.recv() {
        connection.execute_batch("BEGIN IMMEDIATE").unwrap();
        let mut told = Vec::new();
        for (write, tell) in std::iter::once(first).chain(queue.try_iter()).take(512) {
            let payload = [7_u8; PAYLOAD];
            match write {
                Write::Insert(id) => connection
                    .prepare_cached("INSERT INTO row VALUES (?1, 0, ?2)")
                    .unwrap()
                    .execute(params![id, payload]),
                Write::Settle(id) => connection
                    .prepare_cached("UPDATE row SET done = 1 WHERE id = ?1")
                    .unwrap()
                    .execute([id]),
            }
            .unwrap();
            told.push(tell);
        }
        connection.execute_batch("COMMIT").unwrap();
        for tell in told {
            let _: Result<(), ()> = tell.send(());
        }
    }
}

async fn once_raw(raw: Arc<Raw>) -> Duration {
    let id = NotificationId::new().to_bytes();
    let began = Instant::now();
    raw.write(Write::Insert(id)).await;
    let took = began.elapsed();
    raw.write(Write::Settle(id)).await;
    took
}

async fn backlog(sizes: &[usize]) {
    println!("\nwith so many that wait, of 100 tenants");
    println!(
        "{:>9} {:>14} {:>14} {:>14} {:>10}",
        "waiting", "accept p50 ms", "accept p99 ms", "claim one, ms", "RSS MiB"
    );
    let dir = tempfile::tempdir().unwrap();
    let store = Store::sqlite(dir.path().join("phonebox.db")).await.unwrap();
    let mut waiting = 0;
    for size in sizes {
        fill(&store, size - waiting).await;
        waiting = *size;
        let mut latencies = Vec::new();
        for _ in 0..300 {
            let began = Instant::now();
            store.accept("tenant-0", accept(None)).await.unwrap();
            latencies.push(began.elapsed());
        }
        latencies.sort();
        let mut claims = Vec::new();
        for _ in 0..50 {
            let claim = Claim {
                node: NODE,
                most: 1,
                per_tenant: usize::MAX,
            };
            let began = Instant::now();
            assert_eq!(store.claim(claim).await.unwrap().leased.len(), 1);
            claims.push(began.elapsed());
        }
        claims.sort();
        let [p50, p99] = [0.5, 0.99].map(|part| millis(quantile(&latencies, part)));
        let claim = millis(quantile(&claims, 0.5));
        let memory = resident_mib();
        println!("{size:>9} {p50:>14.2} {p99:>14.2} {claim:>14.2} {memory:>10.0}");
        waiting += 250;
    }
}

async fn fill(store: &Store, rows: usize) {
    let left = Arc::new(AtomicUsize::new(rows));
    let mut tasks = JoinSet::new();
    for number in 0..256 {
        let (store, left) = (store.clone(), left.clone());
        tasks.spawn(async move {
            let tenant = format!("tenant-{}", number % 100);
            let one_less = |left: usize| left.checked_sub(1);
            while left
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less)
                .is_ok()
            {
                store.accept(&tenant, accept(None)).await.unwrap();
            }
        });
    }
    tasks.join_all().await;
}

fn resident_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kib.unwrap_or(f64::NAN) / 1024.0
}
