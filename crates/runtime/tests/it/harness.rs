use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};

use phonebox_contract::{Event, NotificationId};
use phonebox_egress::{Egress, Origin, Policy, Rule};
use phonebox_runtime::{
    ActionCache, Capabilities, Config, Digest, Limits, LoadedAction, Report, Run, Runtime, Secret,
    Secrets,
};
use phonebox_test_guests::{Guest, JAVASCRIPT_ENGINE, PROBE};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// The code and the number of every test's event, which no report may contain.
pub(crate) const CODE: &str = "492016";
pub(crate) const NUMBER: &str = "+14155550100";

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let mut config = Config::new();
    config.places = 16;
    Runtime::new(&config, None).unwrap()
});

pub(crate) static PROBE_ACTION: LazyLock<LoadedAction> = LazyLock::new(|| load(PROBE));

pub(crate) fn load(guest: Guest) -> LoadedAction {
    RUNTIME
        .load("acme", guest.bytes)
        .unwrap_or_else(|error| panic!("{guest:?}: {error}: {error:?}"))
}

/// Loads an action in JavaScript.
pub(crate) fn load_javascript(source: &str) -> LoadedAction {
    let digest = Digest::of(source.as_bytes());
    let engine = || JAVASCRIPT_ENGINE.bytes.to_vec();
    RUNTIME
        .load_javascript("acme", digest, source, [], engine)
        .unwrap_or_else(|error| panic!("{source}: {error:?}"))
}

/// What a test gives to a run.
pub(crate) struct Host {
    pub(crate) capabilities: Capabilities,
    pub(crate) limits: Limits,
}

impl Host {
    /// A host without secrets and without a way out.
    pub(crate) fn new() -> Self {
        let egress = Egress::builder().build().unwrap();
        Self {
            capabilities: Capabilities {
                secrets: Arc::default(),
                cache: Arc::new(ActionCache::default()),
                outbound: egress.outbound("acme", Arc::new(Policy::deny_all())),
                share: RUNTIME.share("acme"),
            },
            limits: Limits::default(),
        }
    }

    /// A host whose actions may POST to `http://provider.example`, which is `provider`.
    pub(crate) fn with_provider(provider: SocketAddr) -> Self {
        let origin = "http://provider.example";
        let egress = Egress::builder()
            .dangerous_plain_http(Origin::parse(origin).unwrap())
            .resolve("provider.example", vec![provider])
            .reachable("127.0.0.0/8".parse().unwrap())
            .build()
            .unwrap();
        let rule = Rule::new(origin, &["POST"], &["/messages", "/hang"]).unwrap();
        let mut host = Self::new();
        let policy = Policy::new(vec![rule]).unwrap();
        host.capabilities.outbound = egress.outbound("acme", Arc::new(policy));
        host
    }

    /// Secrets whose values the action has.
    pub(crate) fn secrets(mut self, secrets: &[(&str, &str)]) -> Self {
        let revealed =
            |(name, value): &(&str, &str)| ((*name).to_owned(), Secret::revealed(*value));
        let secrets: Secrets = secrets.iter().map(revealed).collect();
        self.capabilities.secrets = Arc::new(secrets);
        self
    }

    /// Runs the probe with these commands.
    pub(crate) async fn probe(&self, commands: &str) -> Report {
        self.run(&PROBE_ACTION, commands).await
    }

    pub(crate) async fn run(&self, action: &LoadedAction, text: &str) -> Report {
        let event = serde_json::json!({
            "notification": {
                "as_text": text, "as_voice": "", "code": CODE, "delivery_method": "text",
                "message_type": "otp_verify", "recipient": NUMBER,
            },
            "tenant": { "id": "acme" },
        });
        let run = Run {
            id: NotificationId::new(),
            attempt: 1,
            event: Arc::new(Event::from_json(&event.to_string()).unwrap()),
            limits: self.limits,
        };
        action.run(run, &self.capabilities).await
    }
}

/// The messages of a report's log.
pub(crate) fn lines(report: &Report) -> Vec<&str> {
    report
        .log
        .iter()
        .map(|line| line.message.as_str())
        .collect()
}

/// A provider that answers every request with this body, and requests for `/hang` not at all.
pub(crate) async fn provider(body: &str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let answer = format!(
        "HTTP/1.1 201 Created\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            let answer = answer.clone();
            tokio::spawn(async move {
                let mut seen = Vec::new();
                while connection
                    .read_buf(&mut seen)
                    .await
                    .is_ok_and(|count| count > 0)
                {
                    let text = String::from_utf8_lossy(&seen).into_owned();
                    let Some((head, rest)) = text.split_once("\r\n\r\n") else {
                        continue;
                    };
                    let length = head.lines().find_map(|line| {
                        line.to_ascii_lowercase()
                            .strip_prefix("content-length: ")?
                            .parse()
                            .ok()
                    });
                    if rest.len() < length.unwrap_or(0) || head.starts_with("POST /hang") {
                        continue;
                    }
                    seen.clear();
                    connection.write_all(answer.as_bytes()).await.unwrap();
                }
            });
        }
    });
    address
}
