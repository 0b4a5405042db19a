//! K: compiled code on disk that is not what the host put there.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::json;

use crate::area::{Area, RULES, Settings, clipped, ended, event, with_manifest};
use crate::core::Core;
use crate::host::{Host, Start};

pub(crate) async fn attack(filter: &[String]) -> Vec<crate::area::Row> {
    let area = Area::start(filter, Settings::default()).await;

    area.case(
        "K01",
        "compiled code with a bit flipped, cut, swapped, replaced",
        async |case| {
            let cache = Cache::new(&case.area.start);
            let (one, other) = (cache.action("one"), cache.action("other"));
            cache.fill(&[&one, &other]).await;
            let files = cache.files();
            assert_eq!(files.len(), 2, "{files:?}");
            let good: Vec<Vec<u8>> = files.iter().map(|file| fs::read(file).unwrap()).collect();
            let mut count = 0;
            let mut tampered = |what: &str, first: Vec<u8>, second: Vec<u8>| {
                count += 1;
                fs::write(&files[0], first).unwrap();
                fs::write(&files[1], second).unwrap();
                what.to_owned()
            };
            let flipped = |bytes: &[u8], at: usize| {
                let mut bytes = bytes.to_vec();
                bytes[at] ^= 1;
                bytes
            };
            let length = good[0].len();
            let mut attacks: Vec<(String, Vec<u8>, Vec<u8>)> = vec![
                ("swapped".to_owned(), good[1].clone(), good[0].clone()),
                (
                    "cut".to_owned(),
                    good[0][..length - 1].to_vec(),
                    good[1][..good[1].len() / 2].to_vec(),
                ),
                (
                    "longer".to_owned(),
                    [&good[0][..], b"x"].concat(),
                    [&good[1][..], &good[1]].concat(),
                ),
                ("empty".to_owned(), Vec::new(), Vec::new()),
                (
                    "a program".to_owned(),
                    fs::read("/proc/self/exe").unwrap(),
                    b"#!/bin/sh\n".to_vec(),
                ),
                (
                    "code without its header".to_owned(),
                    good[0][48..].to_vec(),
                    good[1][16..].to_vec(),
                ),
                (
                    "zeros".to_owned(),
                    vec![0; length],
                    vec![0xff; good[1].len()],
                ),
            ];
            for at in [0, 15, 16, 47, 48, length / 3, length / 2, length - 1] {
                let second = at * good[1].len() / length;
                attacks.push((
                    format!("bit {at}"),
                    flipped(&good[0], at),
                    flipped(&good[1], second),
                ));
            }
            for (what, first, second) in attacks {
                let what = tampered(&what, first, second);
                for (action, origin, told) in cache.run(&[&one, &other]).await {
                    assert!(
                        origin == "compiled" && told == action,
                        "sent code with {what}\nreceived origin {origin}, and {action} said {told}"
                    );
                }
                for (_, origin, _) in cache.run(&[&one, &other]).await {
                    assert_eq!(origin, "cache", "after {what} was mended");
                }
            }
            // What is no file at all must not hold anybody up.
            let mut wrong = Vec::new();
            for what in ["a link", "a folder", "a pipe", "no permission"] {
                fs::remove_file(&files[0]).unwrap();
                match what {
                    "a link" => std::os::unix::fs::symlink(&files[1], &files[0]).unwrap(),
                    "a folder" => fs::create_dir(&files[0]).unwrap(),
                    "a pipe" => assert!(
                        std::process::Command::new("mkfifo")
                            .arg(&files[0])
                            .status()
                            .unwrap()
                            .success()
                    ),
                    _ => {
                        fs::write(&files[0], &good[0]).unwrap();
                        fs::set_permissions(&files[0], fs::Permissions::from_mode(0o000)).unwrap();
                    }
                }
                for (action, _, told) in cache.run(&[&one, &other]).await {
                    if told != action {
                        wrong.push(format!(
                            "sent {what} in place of compiled code, received {told}"
                        ));
                    }
                }
                if files[0].is_dir() {
                    fs::remove_dir(&files[0]).unwrap();
                } else {
                    fs::remove_file(&files[0]).unwrap();
                }
                cache.fill(&[&one, &other]).await;
                count += 1;
            }
            assert!(wrong.is_empty(), "{}", wrong.join("\n"));
            format!("{count} compiled anew")
        },
    )
    .await;

    area.case(
        "K03",
        "compiled code swapped while it is loaded",
        async |case| {
            let cache = Cache::new(&case.area.start);
            let (one, other) = (cache.action("one"), cache.action("other"));
            cache.fill(&[&one, &other]).await;
            let files = cache.files();
            let good: Vec<Vec<u8>> = files.iter().map(|file| fs::read(file).unwrap()).collect();
            let (done, swaps) = (
                Arc::new(AtomicBool::new(false)),
                Arc::new(AtomicUsize::new(0)),
            );
            let swapper = {
                let (done, swaps, files, good) =
                    (done.clone(), swaps.clone(), files.clone(), good.clone());
                std::thread::spawn(move || {
                    let mut evil = good[0].clone();
                    let middle = evil.len() / 2;
                    evil[middle] ^= 0xff;
                    while !done.load(Ordering::SeqCst) {
                        // In place, so that a reader that has it open or mapped sees both.
                        for content in [&evil, &good[1], &good[0]] {
                            let file = fs::OpenOptions::new().write(true).open(&files[0]);
                            if let Ok(mut file) = file {
                                drop(std::io::Write::write_all(&mut file, content));
                            }
                            // And as another file of the same name.
                            let aside = files[0].with_extension("aside");
                            drop(
                                fs::write(&aside, content)
                                    .and_then(|()| fs::rename(&aside, &files[0])),
                            );
                            swaps.fetch_add(1, Ordering::SeqCst);
                        }
                        std::thread::yield_now();
                    }
                })
            };
            let host = Host::start(cache.folder.path(), &cache.start).await;
            let mut origins = (0, 0);
            for round in 0..40 {
                let tenant = format!("k03-{}", round % 4);
                let (origin, told) = cache.deploy_and_run(&host, &tenant, &one).await;
                assert_eq!(told, "one", "round {round}, origin {origin}");
                match origin.as_str() {
                    "cache" => origins.0 += 1,
                    _ => origins.1 += 1,
                }
                host.alive().unwrap();
            }
            done.store(true, Ordering::SeqCst);
            swapper.join().unwrap();
            let ended = host.finish().await;
            assert_eq!(
                ended,
                Ok(()),
                "log: {}",
                clipped(&host.log_since(0).join("\n"))
            );
            format!(
                "{} swaps; {} loads, {} compilations, all right",
                swaps.load(Ordering::SeqCst),
                origins.0,
                origins.1
            )
        },
    )
    .await;

    area.case(
        "K05",
        "compiled code of another engine, of another key; open folders",
        async |case| {
            let cache = Cache::new(&case.area.start);
            let (one, other) = (cache.action("one"), cache.action("other"));
            cache.fill(&[&one, &other]).await;
            let files = cache.files();
            // As if another engine had written it: under our engine's name, and ours under another's.
            let good = fs::read(&files[0]).unwrap();
            let elsewhere = files[0].with_file_name(
                files[0]
                    .file_name()
                    .unwrap()
                    .to_string_lossy()
                    .replace(".code", "")
                    .replace('a', "b")
                    + ".code",
            );
            fs::rename(&files[0], &elsewhere).unwrap();
            let mut reversed = good.clone();
            reversed[20] ^= 0x80;
            fs::write(&files[0], &reversed).unwrap();
            for (action, _, told) in cache.run(&[&one, &other]).await {
                assert_eq!(told, action, "code under another name");
            }
            // Another key: everything is compiled anew, a few at once.
            let key = find(cache.home(), "key").expect("there is a key");
            fs::write(&key, [9; 32]).unwrap();
            for (action, origin, told) in cache.run(&[&one, &other]).await {
                assert!(
                    origin == "compiled" && told == action,
                    "another key: received origin {origin}, and {action} said {told}"
                );
            }
            // A key that is none, and a folder that others may write to, are refused at start.
            let mut wrong = Vec::new();
            for (what, spoil) in [
                (
                    "a key of 31 bytes",
                    Box::new(|| fs::write(&key, [9; 31]).unwrap()) as Box<dyn Fn()>,
                ),
                (
                    "a folder for everybody",
                    Box::new(|| {
                        fs::write(&key, [9; 32]).unwrap();
                        let folder = files[0].parent().unwrap();
                        fs::set_permissions(folder, fs::Permissions::from_mode(0o777)).unwrap();
                    }),
                ),
                (
                    "a key that others can read",
                    Box::new(|| {
                        let folder = files[0].parent().unwrap();
                        fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).unwrap();
                        fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
                    }),
                ),
            ] {
                spoil();
                let output = std::process::Command::new(env!("CARGO_BIN_EXE_phonebox"))
                    .args(["run"])
                    .env("PHONEBOX_HOME", cache.home())
                    .stdin(std::process::Stdio::null())
                    .output()
                    .unwrap();
                if output.status.success() || output.stderr.is_empty() {
                    wrong.push(format!("started with {what}: {output:?}"));
                }
            }
            assert!(wrong.is_empty(), "{}", wrong.join("\n"));
            "compiled anew; refused at start".to_owned()
        },
    )
    .await;

    area.finish("K").await
}

/// A home of its own, with compiled code in it.
struct Cache {
    folder: tempfile::TempDir,
    start: Start,
}

impl Cache {
    fn new(start: &Start) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut start = start.clone();
        let home = folder.path().join("home").display().to_string();
        start.environment.push(("PHONEBOX_HOME".to_owned(), home));
        Self { folder, start }
    }

    fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    /// An action that says its name.
    fn action(&self, name: &str) -> (String, PathBuf) {
        let core = Core {
            rest: format!("(data (i32.const 1024) \"{name}\")"),
            ..Core::deliver(format!(
                "(call $fail (i32.const 1024) (i32.const {}))",
                name.len()
            ))
        };
        let path = self.folder.path().join(format!("{name}.wasm"));
        fs::write(&path, with_manifest(&core.component(), RULES)).unwrap();
        (name.to_owned(), path)
    }

    /// Files of compiled code, in the order of their names.
    fn files(&self) -> Vec<PathBuf> {
        let folder = find(self.home(), "code").expect("there is a folder of compiled code");
        let mut files: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| {
                path.extension()
                    .is_some_and(|extension| extension == "code")
            })
            .collect();
        files.sort();
        files
    }

    async fn fill(&self, actions: &[&(String, PathBuf)]) {
        self.run(actions).await;
    }

    /// A new process that deploys and runs each: its name, where its code came from, and what it says its name is.
    async fn run(&self, actions: &[&(String, PathBuf)]) -> Vec<(String, String, String)> {
        let host = Host::start(self.folder.path(), &self.start).await;
        let mut told = Vec::new();
        for action in actions {
            let (origin, said) = self.deploy_and_run(&host, &action.0, action).await;
            told.push((action.0.clone(), origin, said));
        }
        let ended = host.finish().await;
        assert_eq!(
            ended,
            Ok(()),
            "log: {}",
            clipped(&host.log_since(0).join("\n"))
        );
        told
    }

    async fn deploy_and_run(
        &self,
        host: &Host,
        tenant: &str,
        action: &(String, PathBuf),
    ) -> (String, String) {
        let body = json!({ "tenant": tenant, "component": action.1, "secrets": {} });
        let answer = host.ask("deploy", body).await;
        let Some(origin) = answer["deployed"]["origin"].as_str() else {
            return ("nowhere".to_owned(), answer.to_string());
        };
        let body = json!({ "tenant": tenant, "event": event(tenant, "") });
        let report = host.ask("attempt", body).await["report"].take();
        ended("an action that returns its name", &report, "returned");
        let said = report["error"]["message"].as_str().unwrap_or_default();
        (
            origin.to_owned(),
            said.rsplit(' ').next().unwrap_or_default().to_owned(),
        )
    }
}

/// What is called so, or ends so, in a folder.
fn find(folder: PathBuf, name: &str) -> Option<PathBuf> {
    let entries = fs::read_dir(folder).ok()?;
    let mut found = entries.filter_map(|entry| Some(entry.ok()?.path()));
    found.find(|path: &PathBuf| is_called(path, name))
}

fn is_called(path: &Path, name: &str) -> bool {
    path.file_name()
        .is_some_and(|file| file.to_string_lossy() == name)
        || path.extension().is_some_and(|extension| extension == name)
}
