//! Keys, database and disk that fail under the server: it says so, and goes on when they are back.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use phonebox::Keys;
use rustix::fs::IFlags;
use serde_json::{Value, json};

use super::{Server, event};
use crate::gate::{Gate, Mode};

/// What the database and its disk are asked to do at the most before a test takes it that they never will.
const TRIES: usize = 3000;

impl Server {
    fn data(&self, file: &str) -> PathBuf {
        self.folder.path().join("phonebox-data").join(file)
    }

    /// Does not start, and ends with this code, saying this and hinting at that.
    #[track_caller]
    fn refuses(&self, code: i32, says: &str, hints: &str) {
        let log = self.folder.path().join("refused.log");
        let mut child = self
            .command()
            .stdout(Stdio::piped())
            .stderr(fs::File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let mut told = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut told)
            .unwrap();
        if told.contains("\"url\"") {
            child.kill().unwrap();
        }
        let status = child.wait().unwrap();
        let stderr = fs::read_to_string(&log).unwrap();
        let told: Value = serde_json::from_str(&told).unwrap_or_else(|error| {
            panic!("{error}: {told:?}: {stderr}");
        });
        let error = &told["error"];
        let message = error["message"].as_str().unwrap_or_default();
        let hint = error["hint"].as_str();
        assert!(
            status.code() == Some(code)
                && message.contains(says)
                && hint.is_some_and(|hint| hint.contains(hints))
                && !stderr.contains("panicked"),
            "{status}: {told} {stderr}",
        );
    }

    async fn accept(&self, text: &str) -> super::Answer {
        self.ask("POST", "/v1/notifications", event(text)).await
    }

    /// Accepts until it does not. Gives the texts that it accepted, and the code of its refusal.
    async fn fill(&self, name: &str) -> (Vec<String>, Value) {
        let mut accepted = Vec::new();
        for number in 0..TRIES {
            let text = format!("{name} {number}");
            let answer = self.accept(&text).await;
            if answer.status != 202 {
                return (accepted, answer.body);
            }
            accepted.push(text);
        }
        panic!("{TRIES} are accepted, and it is not full");
    }

    /// Asks until it is answered so.
    async fn answers(&self, path: &str, status: u16) -> super::Answer {
        for _ in 0..TRIES {
            let answer = self.ask("GET", path, json!({})).await;
            if answer.status == status {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{path} does not answer {status}");
    }

    async fn settles(&self) {
        for status in ["queued", "leased"] {
            for tries in 0.. {
                let path = format!("/v1/notifications?status={status}");
                let list = self.ask("GET", &path, json!({})).await;
                if list.body["notifications"] == json!([]) {
                    break;
                }
                assert!(tries < TRIES, "it does not settle: {list:?}");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    }
}

/// A disk of its own for a server's data, until this is dropped.
struct Disk(PathBuf);

impl Disk {
    /// None where this user may mount nothing.
    fn mount(server: &Server, size: &str) -> Option<Self> {
        let folder = server.data("");
        fs::create_dir(&folder).unwrap();
        let disk = Self(folder);
        if !rustix::process::geteuid().is_root()
            || !disk.has("tmpfs", &format!("size={size},mode=0700"))
        {
            return None;
        }
        Some(disk)
    }

    fn has(&self, of: &str, options: &str) -> bool {
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", options, of])
            .arg(&self.0)
            .status();
        mount.is_ok_and(|status| status.success())
    }

    fn becomes(&self, options: &str) {
        assert!(
            self.has("tmpfs", &format!("remount,{options}")),
            "it cannot be made {options}"
        );
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Once nobody uses it any more.
        drop(Command::new("umount").arg("--lazy").arg(&self.0).status());
    }
}

/// Files that nobody writes to, not even who has opened them, until this is dropped.
struct Immutable<'a>(&'a [PathBuf]);

impl<'a> Immutable<'a> {
    /// None where these files' disk, or this user, cannot.
    fn make(files: &'a [PathBuf]) -> Option<Self> {
        let immutable = Self(files);
        files
            .iter()
            .all(|file| set(file, true))
            .then_some(immutable)
    }
}

impl Drop for Immutable<'_> {
    fn drop(&mut self) {
        for file in self.0 {
            set(file, false);
        }
    }
}

/// Whether a file could be made immutable, or mutable again.
fn set(path: &Path, immutable: bool) -> bool {
    let set = |file: &fs::File| -> rustix::io::Result<()> {
        let mut flags = rustix::fs::ioctl_getflags(file)?;
        flags.set(IFlags::IMMUTABLE, immutable);
        rustix::fs::ioctl_setflags(file, flags)
    };
    set(&fs::File::open(path).unwrap()).is_ok()
}

/// Served, with what was accepted held by the provider when the server was killed.
async fn killed() -> (Gate, Server) {
    let gate = Gate::open(Mode::Hold).await;
    let mut server = Server::new(gate.address);
    server.start();
    server.deploy().await;
    let answer = server.accept("once").await;
    assert_eq!(answer.status, 202, "{answer:?}");
    gate.wait_for(1).await;
    server.kill();
    (gate, server)
}

#[tokio::test]
async fn without_its_keys_it_starts_not_and_with_them_it_goes_on() {
    let (gate, mut server) = killed().await;
    let (keys, aside) = (server.data("phonebox.keys"), server.data("aside.keys"));
    fs::rename(&keys, &aside).unwrap();
    server.refuses(69, "phonebox-data/phonebox.keys is missing", "put it back");
    assert!(!keys.exists());
    drop(Keys::from_file_or_new(&keys).unwrap());
    server.refuses(1, "none of the keys", "give the keys");

    fs::rename(&aside, &keys).unwrap();
    gate.set(Mode::Accept);
    server.start();
    server.settles().await;
    assert_eq!(gate.wait_for(2).await, ["once", "once"]);
}

#[tokio::test]
async fn a_damaged_database_is_named_and_left_as_it_is() {
    let (gate, mut server) = killed().await;
    let (database, log) = (server.data("phonebox.db"), server.data("phonebox.db-wal"));
    let backup = server.folder.path().join("backup.db");
    let made = Command::new(env!("CARGO_BIN_EXE_phonebox"))
        .args(["backup", "backup.db"])
        .current_dir(server.folder.path())
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    let whole = fs::read(backup).unwrap();
    fs::remove_file(&log).unwrap();
    let mut middle = whole.clone();
    for byte in &mut middle[8192..] {
        *byte ^= 0x5a;
    }
    let half = whole[..whole.len() / 2].to_vec();
    let letter = b"a letter to somebody, and by no means a database".repeat(1000);
    for damaged in [middle, half, letter] {
        fs::write(&database, &damaged).unwrap();
        server.refuses(
            69,
            "phonebox-data/phonebox.db: the database is damaged",
            "restore the latest backup",
        );
        assert!(fs::read(&database).unwrap() == damaged, "it was written to");
        assert!(!log.exists());
    }
    fs::write(&database, whole).unwrap();
    gate.set(Mode::Accept);
    server.start();
    server.settles().await;
    assert_eq!(gate.wait_for(2).await, ["once", "once"]);
}

#[tokio::test]
async fn a_disk_that_is_read_only_at_the_start_is_told() {
    let gate = Gate::open(Mode::Hold).await;
    let mut server = Server::new(gate.address);
    let Some(disk) = Disk::mount(&server, "64m") else {
        println!("skipped: only root can mount a disk");
        return;
    };
    server.start();
    server.deploy().await;
    assert_eq!(server.accept("once").await.status, 202);
    gate.wait_for(1).await;
    server.kill();
    disk.becomes("ro");
    server.refuses(
        69,
        "phonebox-data/phonebox.db: the database cannot be written to",
        "right to write",
    );
    disk.becomes("rw");
    gate.set(Mode::Accept);
    server.start();
    server.settles().await;
    assert_eq!(gate.wait_for(2).await, ["once", "once"]);
}

#[tokio::test]
async fn a_disk_that_becomes_read_only_loses_nothing() {
    let gate = Gate::open(Mode::Hold).await;
    let mut server = Server::new(gate.address);
    server.start();
    server.deploy().await;
    assert_eq!(server.accept("before").await.status, 202);
    gate.wait_for(1).await;
    let files = ["phonebox.db", "phonebox.db-wal"].map(|file| server.data(file));
    let Some(immutable) = Immutable::make(&files) else {
        println!("skipped: only root can make a file immutable, and not on every disk");
        return;
    };
    let answer = server.accept("meanwhile").await;
    assert_eq!(
        (answer.status, &answer.body["code"]),
        (503, &json!("store_unavailable")),
        "{answer:?}"
    );
    gate.set(Mode::Accept);
    let answer = server.answers("/readyz", 503).await;
    assert_eq!(answer.body["code"], "store_unavailable", "{answer:?}");
    assert_eq!(server.ask("GET", "/livez", json!({})).await.status, 200);

    drop(immutable);
    server.answers("/readyz", 200).await;
    let answer = server.accept("after").await;
    assert_eq!(answer.status, 202, "{answer:?}");
    server.settles().await;
    // What was sent is sent once: that it was is not forgotten while it cannot be written down.
    assert_eq!(gate.texts(), ["before", "after"]);
}

#[tokio::test]
async fn a_full_disk_loses_nothing_that_was_accepted() {
    let gate = Gate::open(Mode::Accept).await;
    let mut server = Server::new(gate.address);
    let Some(_mounted) = Disk::mount(&server, "12m") else {
        println!("skipped: only root can mount a disk");
        return;
    };
    let ballast = server.data("ballast");
    let full = |code: &Value| assert_eq!(code["code"], "store_full", "{code}");
    server.start();
    server.deploy().await;
    fs::write(&ballast, vec![7; 8 << 20]).unwrap();
    let (mut accepted, refusal) = server.fill("first").await;
    full(&refusal);
    full(&server.answers("/readyz", 503).await.body);
    fs::remove_file(&ballast).unwrap();
    server.answers("/readyz", 200).await;
    server.settles().await;
    let sorted = |mut texts: Vec<String>| {
        texts.sort();
        texts
    };
    assert_eq!(sorted(gate.texts()), sorted(accepted.clone()));

    // Nor if it ends meanwhile.
    fs::write(&ballast, vec![7; 4 << 20]).unwrap();
    let (more, refusal) = server.fill("second").await;
    full(&refusal);
    accepted.extend(more);
    server.kill();
    fs::remove_file(&ballast).unwrap();
    server.start();
    server.settles().await;
    let mut arrived = gate.texts();
    arrived.sort();
    arrived.dedup();
    assert_eq!(arrived, sorted(accepted));
}

#[tokio::test]
async fn a_store_that_is_as_large_as_it_may_be_ends_what_it_accepted() {
    let gate = Gate::open(Mode::Hold).await;
    let mut server = Server::new(gate.address);
    let config = server.folder.path().join("phonebox.toml");
    let small = fs::read_to_string(&config).unwrap();
    fs::write(&config, format!("{small}[store]\nlargest_mib = 1\n")).unwrap();
    server.start();
    server.deploy().await;
    let (accepted, refusal) = server.fill("one").await;
    assert_eq!(refusal["code"], "store_full", "{refusal}");
    gate.set(Mode::Accept);
    server.settles().await;
    server.terminate();
    server.ended();
    fs::write(&config, small).unwrap();
    server.start();
    let answer = server.accept("more").await;
    assert_eq!(answer.status, 202, "{answer:?}");
    server.settles().await;
    // Some were given up by their sandbox while they were held.
    let mut arrived = gate.texts();
    arrived.sort();
    arrived.dedup();
    let mut sent = [accepted, vec!["more".to_owned()]].concat();
    sent.sort();
    assert_eq!(arrived, sent);
}
