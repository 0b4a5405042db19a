//! The shipped binary under attack: `phonebox run`, spoken to over its pipes and watched from outside.

use std::collections::HashMap;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::{Notify, oneshot};

/// Longer than anything takes; who waits this long waits for nothing.
pub(crate) const PATIENCE: Duration = Duration::from_mins(5);

/// How a process is started.
#[derive(Clone, Default)]
pub(crate) struct Start {
    /// The text of phonebox.toml.
    pub(crate) config: String,
    pub(crate) environment: Vec<(String, String)>,
    /// Beside `run`.
    pub(crate) arguments: Vec<String>,
}

/// One running `phonebox run`.
pub(crate) struct Host {
    child: Mutex<Child>,
    pub(crate) pid: u32,
    stdin: tokio::sync::Mutex<Option<ChildStdin>>,
    next: AtomicU64,
    heard: Arc<Heard>,
}

/// What it has said so far.
#[derive(Default)]
struct Heard {
    waiting: Mutex<HashMap<u64, oneshot::Sender<Value>>>,
    /// Lines of standard output.
    answers: Mutex<Vec<String>>,
    /// Lines of standard error.
    log: Mutex<Vec<String>>,
    /// `egress.decision` events: the tenant, and the whole of it.
    decisions: Mutex<Vec<(String, Value)>>,
    changed: Notify,
    ended: AtomicBool,
}

/// What a process holds at a moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Holdings {
    pub(crate) descriptors: usize,
    /// Resident memory in KiB, and the most that it was since [`Host::forget_peak`].
    pub(crate) memory: usize,
    pub(crate) peak: usize,
}

impl Host {
    /// Starts the program in a folder and waits until it answers.
    pub(crate) async fn start(folder: &Path, start: &Start) -> Self {
        let config = folder.join("phonebox.toml");
        std::fs::write(&config, &start.config).unwrap();
        // A host that takes what an attack wants it to take shall not take the whole machine with it: 8 GiB.
        let mut command = Command::new("sh");
        command
            .args(["-c", "ulimit -d 8388608; exec \"$0\" \"$@\""])
            .arg(env!("CARGO_BIN_EXE_phonebox"))
            .arg("run")
            .arg("--config")
            .arg(&config)
            .args(["--log", "json"])
            .args(&start.arguments)
            .current_dir(folder)
            .env("PHONEBOX_HOME", crate::area::home())
            .env_remove("RUST_LOG")
            .envs(start.environment.iter().cloned())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let pid = child.id().unwrap();
        let heard = Arc::new(Heard::default());
        tokio::spawn(listen(child.stdout.take().unwrap(), heard.clone(), answer));
        tokio::spawn(listen(child.stderr.take().unwrap(), heard.clone(), note));
        let host = Self {
            stdin: Some(child.stdin.take().unwrap()).into(),
            child: child.into(),
            pid,
            next: AtomicU64::new(1),
            heard,
        };
        let status = host.ask("status", json!({})).await;
        assert!(
            status["status"].is_object(),
            "`phonebox run` did not start: {status}\nconfiguration:\n{}\nlog:\n{}",
            start.config,
            host.log_since(0).join("\n")
        );
        host
    }

    /// Makes a request and waits for its answer; `{"dead": …}` if there never is one.
    pub(crate) async fn ask(&self, what: &str, body: Value) -> Value {
        self.asked(what, body).await.await
    }

    /// Makes a request. What is returned waits for the answer.
    pub(crate) async fn asked(
        &self,
        what: &str,
        body: Value,
    ) -> impl Future<Output = Value> + use<> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (sender, receiver) = oneshot::channel();
        self.heard.waiting.lock().unwrap().insert(id, sender);
        self.say(&json!({ "id": id, what: body }).to_string()).await;
        // It may have ended before the sender was there to be dropped.
        if self.heard.ended.load(Ordering::SeqCst) {
            self.heard.waiting.lock().unwrap().clear();
        }
        async move {
            match tokio::time::timeout(PATIENCE, receiver).await {
                Ok(Ok(answer)) => answer,
                Ok(Err(_)) => json!({ "dead": "the process ended before it answered" }),
                Err(_) => json!({ "dead": "no answer in five minutes" }),
            }
        }
    }

    /// Writes one line as it is.
    pub(crate) async fn say(&self, line: &str) {
        let mut stdin = self.stdin.lock().await;
        if let Some(stdin) = stdin.as_mut() {
            // A process that has died takes nothing more; its answers tell.
            drop(stdin.write_all(format!("{line}\n").as_bytes()).await);
            drop(stdin.flush().await);
        }
    }

    /// Whether the process runs; otherwise how it ended.
    pub(crate) fn alive(&self) -> Result<(), String> {
        match self.child.lock().unwrap().try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => Err(format!("the host process ended: {status}")),
            Err(error) => Err(format!("the host process cannot be asked: {error}")),
        }
    }

    /// Ends its input and waits for it to end by itself.
    pub(crate) async fn finish(&self) -> Result<(), String> {
        self.stdin.lock().await.take();
        let ended = eventually(|| self.alive().err()).await;
        match ended.as_deref() {
            Some("the host process ended: exit status: 0") => Ok(()),
            Some(other) => Err(other.to_owned()),
            None => Err("the host process did not end with its input".to_owned()),
        }
    }

    /// The places of the pool that are free, and how many there are.
    pub(crate) async fn places(&self) -> (u64, u64) {
        let status = self.ask("status", json!({})).await;
        let number = |name: &str| status["status"][name].as_u64().unwrap_or(u64::MAX);
        (number("places_free"), number("places"))
    }

    pub(crate) fn holdings(&self) -> Holdings {
        let descriptors =
            std::fs::read_dir(format!("/proc/{}/fd", self.pid)).map_or(0, Iterator::count);
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", self.pid)).unwrap_or_default();
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|line| line.split_whitespace().next()?.parse().ok())
                .unwrap_or(0)
        };
        Holdings {
            descriptors,
            memory: field("VmRSS:"),
            peak: field("VmHWM:"),
        }
    }

    /// Has the system count the peak of memory from here.
    pub(crate) fn forget_peak(&self) {
        std::fs::write(format!("/proc/{}/clear_refs", self.pid), "5").unwrap();
    }

    /// How many lines have been said on standard output and standard error.
    pub(crate) fn position(&self) -> (usize, usize) {
        (
            self.heard.answers.lock().unwrap().len(),
            self.heard.log.lock().unwrap().len(),
        )
    }

    pub(crate) fn answers_since(&self, from: usize) -> Vec<String> {
        self.heard.answers.lock().unwrap()[from..].to_vec()
    }

    pub(crate) fn log_since(&self, from: usize) -> Vec<String> {
        self.heard.log.lock().unwrap()[from..].to_vec()
    }

    /// The records of a tenant's requests.
    pub(crate) fn decisions(&self, tenant: &str) -> Vec<Value> {
        let decisions = self.heard.decisions.lock().unwrap();
        let of = decisions.iter().filter(|(of, _)| of == tenant);
        of.map(|(_, record)| record.clone()).collect()
    }

    /// Waits until the log has at least so many records of a tenant's requests.
    pub(crate) async fn decided(&self, tenant: &str, count: usize) -> Vec<Value> {
        let enough = async {
            loop {
                let changed = self.heard.changed.notified();
                if self.decisions(tenant).len() >= count {
                    return;
                }
                changed.await;
            }
        };
        drop(tokio::time::timeout(Duration::from_mins(1), enough).await);
        self.decisions(tenant)
    }
}

type Sort = fn(&Heard, String);

/// Reads lines until there are no more.
async fn listen(from: impl AsyncRead + Unpin, heard: Arc<Heard>, sort: Sort) {
    let mut lines = BufReader::new(from);
    let mut line = Vec::new();
    while lines
        .read_until(b'\n', &mut line)
        .await
        .is_ok_and(|read| read > 0)
    {
        sort(
            &heard,
            String::from_utf8_lossy(&line)
                .trim_end_matches('\n')
                .to_owned(),
        );
        heard.changed.notify_waiters();
        line.clear();
    }
    heard.ended.store(true, Ordering::SeqCst);
    heard.waiting.lock().unwrap().clear();
}

fn answer(heard: &Heard, line: String) {
    let value: Value = serde_json::from_str(&line).unwrap_or_default();
    let waiting = value["id"]
        .as_u64()
        .and_then(|id| heard.waiting.lock().unwrap().remove(&id));
    heard.answers.lock().unwrap().push(line);
    if let Some(waiting) = waiting {
        drop(waiting.send(value));
    }
}

fn note(heard: &Heard, line: String) {
    let value: Value = serde_json::from_str(&line).unwrap_or_default();
    if value["target"] == "egress.decision" {
        let fields = match value.get("fields") {
            Some(fields) => fields.clone(),
            None => value,
        };
        let tenant = fields["tenant"].as_str().unwrap_or_default().to_owned();
        heard.decisions.lock().unwrap().push((tenant, fields));
    }
    heard.log.lock().unwrap().push(line);
}

/// Asks again and again until there is something, for at most [`PATIENCE`].
pub(crate) async fn eventually<T>(mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let asked = async {
        loop {
            if let Some(found) = ask() {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, asked).await.ok()
}
