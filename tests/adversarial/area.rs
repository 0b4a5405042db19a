//! One area's process under attack, the providers around it, and what every attack has to leave behind: nothing.

use std::cell::RefCell;
use std::collections::HashSet;
use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Instant;

use phonebox::componentize::embed_manifest;
use phonebox_test_guests::{PROBE, TWILIO_RUST};
use serde_json::{Value, json};

use crate::canary::{CODE, Canaries, NUMBER, TOKEN, VICTIM_ACCOUNT, VICTIM_TOKEN};
use crate::host::{Host, Start, eventually};
use crate::provider::{Authority, HERE, Provider, REACHABLE};

/// How much more memory a host may hold after an attack than before it, in KiB: an allocator keeps some.
const SLACK: usize = 48 << 10;

/// What a test can attack: a host, an evil provider, and another tenant whose messages must go through meanwhile.
pub(crate) struct Area {
    pub(crate) folder: tempfile::TempDir,
    /// `*.ok.com`, of all the names that the configuration resolves.
    pub(crate) evil: Provider,
    /// `api.twilio.com`, the victim's.
    pub(crate) good: Provider,
    /// An address and a port that no guest may make the host connect to; also the proxy of its environment.
    pub(crate) tripwire: Provider,
    pub(crate) start: Start,
    host: RefCell<Arc<Host>>,
    canaries: Canaries,
    victims: AtomicU64,
    filter: Vec<String>,
    rows: RefCell<Vec<Row>>,
}

/// One line of the table.
pub(crate) struct Row {
    pub(crate) id: String,
    pub(crate) attack: String,
    pub(crate) outcome: Result<String, String>,
}

/// What differs from the ordinary in an area's configuration.
#[derive(Default)]
pub(crate) struct Settings {
    /// Names, and what they resolve to in place of the evil provider.
    pub(crate) names: Vec<(String, Vec<SocketAddr>)>,
    /// Lines of `[compile]`.
    pub(crate) compile: String,
    /// Lines of `[runtime]`.
    pub(crate) runtime: String,
    /// Lines of `[egress]`.
    pub(crate) egress: String,
    /// Lines of `[egress.limits]`.
    pub(crate) limits: String,
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) arguments: Vec<String>,
}

/// The names of the evil provider.
pub(crate) const EVIL: &[&str] = &[
    "evil.ok.com",
    "other.ok.com",
    "paths.ok.com",
    "api.ok.com",
    "ok.com",
];

/// The rules of an ordinary attacker: the evil provider's names, and all methods there.
pub(crate) const RULES: &str = r#"
[[egress]]
origin = "https://evil.ok.com"
methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"]
"#;

/// A secret whose value its action has: there is more to be had from it than from a sealed one.
pub(crate) fn revealed(value: &str) -> Value {
    json!({ "value": value, "mode": "revealed" })
}

impl Area {
    pub(crate) async fn start(filter: &[String], settings: Settings) -> Self {
        let authority = Authority::new();
        let evil = Provider::tls(authority.server(&["*.ok.com", "ok.com"]));
        Self::start_with(filter, settings, authority, evil).await
    }

    pub(crate) async fn start_with(
        filter: &[String],
        settings: Settings,
        authority: Authority,
        evil: Provider,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let good = Provider::tls(authority.server(&["api.twilio.com"]));
        let tripwire = Provider::tripwire((Ipv4Addr::LOCALHOST, 0).into());
        let root = folder.path().join("root.pem");
        std::fs::write(&root, authority.pem()).unwrap();

        let mut names = vec![("api.twilio.com".to_owned(), vec![good.address])];
        names.extend(
            EVIL.iter()
                .map(|name| ((*name).to_owned(), vec![evil.address])),
        );
        names.retain(|(name, _)| !settings.names.iter().any(|(other, _)| other == name));
        names.extend(settings.names);
        let mut resolve = String::new();
        for (name, addresses) in names {
            let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
            writeln!(resolve, "{name:?} = {addresses:?}").unwrap();
        }
        let config = format!(
            "[egress]\nreachable = [\"{REACHABLE}\"]\ntrust = ['{root}']\n{egress}\n\
             [compile]\n{compile}\n[runtime]\n{runtime}\n\
             [egress.limits]\n{limits}\n[egress.resolve]\n{resolve}",
            root = root.display(),
            egress = settings.egress,
            compile = settings.compile,
            runtime = settings.runtime,
            limits = settings.limits,
        );
        let proxy = format!("http://{}", tripwire.address);
        let proxies = [
            "HTTPS_PROXY",
            "https_proxy",
            "HTTP_PROXY",
            "http_proxy",
            "ALL_PROXY",
            "all_proxy",
        ];
        let mut environment: Vec<_> = proxies
            .iter()
            .map(|name| ((*name).to_owned(), proxy.clone()))
            .collect();
        environment.extend(settings.environment);
        let start = Start {
            config,
            environment,
            arguments: settings.arguments,
        };
        let host = Host::start(folder.path(), &start).await;
        let area = Self {
            host: RefCell::new(Arc::new(host)),
            canaries: Canaries::new(),
            victims: AtomicU64::new(0),
            filter: filter.to_vec(),
            rows: RefCell::default(),
            folder,
            evil,
            good,
            tripwire,
            start,
        };
        area.settle_in().await;
        area
    }

    pub(crate) fn host(&self) -> Arc<Host> {
        self.host.borrow().clone()
    }

    /// Deploys the victim, and uses every place once, so that what a process only ever takes once has been taken.
    async fn settle_in(&self) {
        let host = self.host();
        let manifest = std::fs::read_to_string(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../examples/actions/twilio-rust/action.toml"
        ))
        .unwrap();
        let component = self.write(
            "victim",
            &embed_manifest(TWILIO_RUST.bytes, &manifest).unwrap(),
        );
        let secrets = json!({
            "TWILIO_ACCOUNT_SID": VICTIM_ACCOUNT, "TWILIO_AUTH_TOKEN": VICTIM_TOKEN,
            "TWILIO_FROM": revealed("+15005550006"),
        });
        let body = json!({ "tenant": "victim", "component": component, "secrets": secrets });
        let answer = host.ask("deploy", body).await;
        assert!(answer["deployed"].is_object(), "the victim: {answer}");
        let runs: Vec<_> = (0..20).map(|_| self.victim()).collect();
        for sent in futures_util::future::join_all(runs).await {
            sent.unwrap();
        }
    }

    /// Sends one message of the victim's and sees that it arrives once.
    pub(crate) async fn victim(&self) -> Result<(), String> {
        let number = self.victims.fetch_add(1, Ordering::Relaxed);
        let marker = format!("marker-{number}-end");
        let text = format!("Your code is {CODE}, {marker}");
        let event = event("victim", &text);
        let body = json!({ "tenant": "victim", "event": event });
        let answer = self.host().ask("attempt", body).await;
        let arrived = self.good.met.with(&marker);
        if answer["report"]["outcome"]["kind"] != "sent" || arrived.len() != 1 {
            return Err(format!(
                "the victim's message arrived {} times, and the host said {answer}",
                arrived.len()
            ));
        }
        Ok(())
    }

    /// Makes one attack, and sees that nothing is left of it. A failing one is written down and hides no other.
    pub(crate) async fn case(
        &self,
        id: &str,
        attack: &str,
        body: impl AsyncFnOnce(&Case<'_>) -> String,
    ) {
        if !self.filter.is_empty()
            && !self
                .filter
                .iter()
                .any(|wanted| id.contains(wanted.as_str()))
        {
            crate::FILTERED.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let began = Instant::now();
        if self.host().alive().is_err() {
            let host = Host::start(self.folder.path(), &self.start).await;
            self.host.replace(Arc::new(host));
            self.settle_in().await;
        }
        let host = self.host();
        // So that the victim has a connection in both counts.
        let before = self.victim().await;
        host.forget_peak();
        let held = host.holdings();
        let position = host.position();
        let tripped = self.tripwire.connections();
        let case = Case {
            area: self,
            id: id.to_owned(),
            tenants: RefCell::default(),
            requests: RefCell::default(),
            slack: RefCell::new(SLACK),
        };
        let attacked = caught(body(&case));
        let (attacked, during) = futures_util::future::join(attacked, async {
            for _ in 0..3 {
                self.victim().await?;
            }
            Ok::<_, String>(())
        })
        .await;

        let mut faults = Vec::new();
        let outcome = match attacked {
            Ok(outcome) => outcome,
            Err(panic) => {
                faults.push(panic);
                String::new()
            }
        };
        faults.extend(
            before
                .err()
                .map(|fault| format!("before the attack: {fault}")),
        );
        faults.extend(
            during
                .err()
                .map(|fault| format!("during the attack: {fault}")),
        );
        faults.extend(host.alive().err());
        if host.alive().is_ok() {
            faults.extend(case.left_behind(held).await);
        }
        faults.extend(self.leaks(&host, position));
        let tripped = self.tripwire.connections() - tripped;
        if tripped > 0 {
            faults.push(format!(
                "{tripped} connections to {}, where none may arrive",
                self.tripwire.address
            ));
        }
        let outcome = if faults.is_empty() {
            Ok(outcome)
        } else {
            Err(faults.join("\n"))
        };
        let row = Row {
            id: id.to_owned(),
            attack: attack.to_owned(),
            outcome,
        };
        row.print(began.elapsed());
        self.rows.borrow_mut().push(row);
    }

    /// Ends the host, and gives the table.
    pub(crate) async fn finish(self, name: &str) -> Vec<Row> {
        let host = self.host();
        let mut rows = self.rows.take();
        if let Err(fault) = host.finish().await {
            rows.push(Row {
                id: name.to_owned(),
                attack: "the end of input".to_owned(),
                outcome: Err(fault),
            });
        }
        rows
    }

    /// Canaries in what the host said since then, and panics.
    fn leaks(&self, host: &Host, (answers, log): (usize, usize)) -> Vec<String> {
        let mut leaks = Vec::new();
        let (answers, log) = (host.answers_since(answers), host.log_since(log));
        let lines = answers.iter().map(|line| ("an answer", line));
        for (place, line) in lines.chain(log.iter().map(|line| ("the log", line))) {
            for seen in self.canaries.seen_in(line) {
                leaks.push(format!("{place} shows {seen}: {}", clipped(line)));
            }
            if place == "the log" && line.contains("panicked at") {
                leaks.push(format!("the host panicked: {}", clipped(line)));
            }
        }
        let mut seen = HashSet::new();
        leaks.retain(|leak| seen.insert(leak.split(':').next().map(ToOwned::to_owned)));
        leaks
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join(format!("{name}.wasm"));
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

impl Row {
    pub(crate) fn print(&self, took: std::time::Duration) {
        let took = took.as_secs_f64();
        match &self.outcome {
            Ok(outcome) => println!(
                "{:<14} {:<62} {outcome} ({took:.1} s)",
                self.id, self.attack
            ),
            Err(fault) => println!(
                "{:<14} {:<62} FAILED ({took:.1} s)\n    {}",
                self.id,
                self.attack,
                fault.replace('\n', "\n    ")
            ),
        }
    }
}

/// One attack under way.
pub(crate) struct Case<'a> {
    pub(crate) area: &'a Area,
    id: String,
    /// Deployed for this attack, to be withdrawn after it.
    tenants: RefCell<HashSet<String>>,
    /// How many requests each tenant's guests have made: so many records there must be.
    requests: RefCell<Vec<(String, usize)>>,
    /// How much more memory the host may hold after it, in KiB.
    slack: RefCell<usize>,
}

impl Case<'_> {
    pub(crate) fn host(&self) -> Arc<Host> {
        self.area.host()
    }

    /// A tenant of this attack's own.
    pub(crate) fn tenant(&self, suffix: &str) -> String {
        format!(
            "{}{suffix}",
            self.id.to_lowercase().replace([' ', '/'], "-")
        )
    }

    /// Deploys a component as it is.
    pub(crate) async fn upload(&self, tenant: &str, component: &[u8]) -> Value {
        let path = self.area.write(tenant, component);
        self.upload_file(tenant, &path, json!({})).await
    }

    pub(crate) async fn upload_file(
        &self,
        tenant: &str,
        component: &std::path::Path,
        secrets: Value,
    ) -> Value {
        self.tenants.borrow_mut().insert(tenant.to_owned());
        let body = json!({ "tenant": tenant, "component": component, "secrets": secrets });
        self.host().ask("deploy", body).await
    }

    /// Deploys a component with the ordinary manifest and these rules and limits, and the secret `TOKEN`.
    pub(crate) async fn deploy(&self, tenant: &str, component: &[u8], rules: &str) {
        let path = self.area.write(tenant, &with_manifest(component, rules));
        let answer = self
            .upload_file(tenant, &path, json!({ "TOKEN": revealed(TOKEN) }))
            .await;
        assert!(
            answer["deployed"].is_object(),
            "sent a component of {} bytes with the rules {rules}\nreceived {answer}",
            component.len()
        );
    }

    /// Deploys the probe for this attack's tenant.
    pub(crate) async fn deploy_probe(&self, rules: &str) -> String {
        let tenant = self.tenant("");
        self.deploy(&tenant, PROBE.bytes, rules).await;
        tenant
    }

    /// Deploys a guest written by hand, runs it once and gives the report.
    pub(crate) async fn run_core(&self, suffix: &str, core: &crate::core::Core) -> Value {
        let tenant = self.tenant(suffix);
        self.deploy(&tenant, &core.component(), RULES).await;
        self.attempt(&tenant, "", 0).await
    }

    /// Runs a tenant's action once. `requests` is how many its guest makes.
    pub(crate) async fn attempt(&self, tenant: &str, text: &str, requests: usize) -> Value {
        self.attempting(tenant, text, requests).await.await
    }

    /// Begins a run. What is returned waits for its report.
    pub(crate) async fn attempting(
        &self,
        tenant: &str,
        text: &str,
        requests: usize,
    ) -> impl Future<Output = Value> + use<> {
        self.count(tenant, requests);
        let body = json!({ "tenant": tenant, "event": event(tenant, text) });
        let answer = self.host().asked("attempt", body).await;
        async move {
            let mut answer = answer.await;
            match answer.get_mut("report") {
                Some(report) => report.take(),
                None => answer,
            }
        }
    }

    /// Runs a tenant's action once, whose guest makes an unknown number of requests.
    pub(crate) async fn attempt_uncounted(&self, tenant: &str, text: &str) -> Value {
        let body = json!({ "tenant": tenant, "event": event(tenant, text) });
        self.host().ask("attempt", body).await["report"].take()
    }

    /// Counts requests that a tenant's guests make, beside those of [`attempt`](Self::attempt).
    pub(crate) fn count(&self, tenant: &str, requests: usize) {
        self.requests
            .borrow_mut()
            .push((tenant.to_owned(), requests));
    }

    /// Runs the probe with these lines. Each line that begins with `send`, `http` or `wasi` is counted as a request.
    pub(crate) async fn probe(&self, tenant: &str, lines: &[String]) -> Value {
        let asks = |line: &&String| {
            ["send ", "http ", "wasi "]
                .iter()
                .any(|command| line.starts_with(command))
        };
        let requests = lines.iter().filter(asks).count();
        self.attempt(tenant, &lines.join("\n"), requests).await
    }

    /// Runs the probe with each of these requests, five a run, and gives what the guest was told of each.
    pub(crate) async fn probe_each(&self, tenant: &str, lines: &[String]) -> Vec<String> {
        let mut told = Vec::new();
        // A few runs at once: fewer than a tenant may have.
        for runs in lines.chunks(40) {
            let mut answers = Vec::new();
            for run in runs.chunks(5) {
                answers.push((
                    run,
                    self.attempting(tenant, &run.join("\n"), run.len()).await,
                ));
            }
            for (run, answer) in answers {
                let report = answer.await;
                let log = log(&report);
                assert_eq!(log.len(), run.len(), "sent {run:#?}\nreceived {report:#}");
                told.extend(log);
            }
        }
        told
    }

    /// Lets the host hold so many MiB more after the attack.
    pub(crate) fn slack(&self, mib: usize) {
        self.slack.replace(mib << 10);
    }

    /// Everything that is not as it was before.
    async fn left_behind(&self, held: crate::host::Holdings) -> Vec<String> {
        let mut faults = Vec::new();
        let host = self.host();
        // Exactly one record a request.
        let mut expected: Vec<(String, usize)> = Vec::new();
        for (tenant, requests) in self.requests.borrow().iter() {
            match expected.iter_mut().find(|(of, _)| of == tenant) {
                Some((_, sum)) => *sum += requests,
                None => expected.push((tenant.clone(), *requests)),
            }
        }
        for (tenant, requests) in expected {
            let records = host.decided(&tenant, requests).await;
            if records.len() != requests {
                faults.push(format!(
                    "the guests of {tenant} made {requests} requests, and the log has {} records of them: {}",
                    records.len(),
                    clipped(&json!(records).to_string())
                ));
            }
        }
        for tenant in self.tenants.take() {
            host.ask("withdraw", json!({ "tenant": tenant })).await;
        }
        // Places, descriptors, memory.
        let mut places = (0, 0);
        for _ in 0..200 {
            places = host.places().await;
            if places.0 == places.1 {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        if places.0 != places.1 {
            faults.push(format!(
                "{} of {} places are free again",
                places.0, places.1
            ));
        }
        let descriptors = eventually(|| {
            let now = host.holdings().descriptors;
            (now <= held.descriptors).then_some(now)
        });
        if descriptors.await.is_none() {
            faults.push(format!(
                "{} descriptors before, {} after",
                held.descriptors,
                host.holdings().descriptors
            ));
        }
        let slack = *self.slack.borrow();
        let memory = host.holdings().memory;
        if memory > held.memory + slack {
            faults.push(format!(
                "{} MiB of memory before, {} after",
                held.memory >> 10,
                memory >> 10
            ));
        }
        faults
    }
}

/// What a future comes to, or how it panicked.
pub(crate) async fn caught<T>(future: impl Future<Output = T>) -> Result<T, String> {
    let mut future = pin!(future);
    std::future::poll_fn(|context| {
        let poll = AssertUnwindSafe(|| future.as_mut().poll(context));
        match std::panic::catch_unwind(poll) {
            Ok(polled) => polled.map(Ok),
            Err(panic) => Poll::Ready(Err(crate::what_panicked(&*panic))),
        }
    })
    .await
}

/// A component with the ordinary manifest.
pub(crate) fn with_manifest(component: &[u8], rules: &str) -> Vec<u8> {
    let manifest = format!(
        "name = \"attacker\"\ntrigger = \"custom-phone-provider\"\n{rules}\n[secrets.TOKEN]\noptional = true\n"
    );
    embed_manifest(component, &manifest).unwrap()
}

/// An event whose text is this.
pub(crate) fn event(tenant: &str, text: &str) -> Value {
    json!({
        "notification": {
            "as_text": text, "as_voice": "", "code": CODE, "delivery_method": "text",
            "message_type": "otp_verify", "recipient": NUMBER,
        },
        "tenant": { "id": tenant },
        "user": { "phone_number": NUMBER },
    })
}

/// The messages of a report's log.
pub(crate) fn log(report: &Value) -> Vec<String> {
    let lines = report["log"].as_array().cloned().unwrap_or_default();
    let message = |line: &Value| line["message"].as_str().unwrap_or_default().to_owned();
    lines.iter().map(message).collect()
}

/// How a run ended: an outcome's or an error's kind.
pub(crate) fn ending(report: &Value) -> String {
    let kind = [&report["error"]["kind"], &report["outcome"]["kind"]];
    let kind = kind.iter().find_map(|kind| kind.as_str());
    kind.map_or_else(|| report.to_string(), ToOwned::to_owned)
}

/// Sees that a run ended so.
#[track_caller]
pub(crate) fn ended(sent: &str, report: &Value, expected: &str) {
    assert_eq!(
        ending(report),
        expected,
        "sent {sent}\nreceived {}",
        clipped(&report.to_string())
    );
}

/// The first part of a long text.
pub(crate) fn clipped(text: &str) -> String {
    const MOST: usize = 1500;
    let mut clipped: String = text.chars().take(MOST).collect();
    if clipped.len() < text.len() {
        write!(clipped, " … ({} bytes)", text.len()).unwrap();
    }
    clipped
}

/// Where the hosts keep compiled code. It outlives the test, so that the next one need not compile as much.
pub(crate) fn home() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("adversarial")
}

/// The addresses of providers, for [`Settings::names`].
pub(crate) fn name(name: &str, provider: &Provider) -> (String, Vec<SocketAddr>) {
    (name.to_owned(), vec![provider.address])
}

/// An address where providers are and nobody listens.
pub(crate) fn nowhere() -> SocketAddr {
    let free = std::net::TcpListener::bind((HERE, 0)).unwrap();
    free.local_addr().unwrap()
}
