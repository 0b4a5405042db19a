//! The operations that are measured.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use phonebox_contract::{Event, NotificationId, Outcome};
use phonebox_egress::{Egress, Origin, Policy, Rule};
use phonebox_runtime::{
    ActionCache, Capabilities, CompiledCache, Config, Digest, Limits, LoadedAction, Run, Runtime,
    Secret, Share,
};
use phonebox_test_guests::{Guest, JAVASCRIPT_ENGINE, NOOP, POST, POST_WASI};
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::measure::{Sample, Stopwatch};

/// How many requests are under way at once.
pub(crate) const CONCURRENCY: [usize; 3] = [1, 16, 64];

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// What the others do, in JavaScript.
const JAVASCRIPT: &str = r"
exports.onExecuteCustomPhoneProvider = async (event) => {
    const { ORIGIN, TOKEN } = event.secrets;
    const { recipient, as_text } = event.notification;
    const response = await fetch(`${ORIGIN}/messages`, {
        method: 'POST',
        headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
        body: JSON.stringify({ to: recipient, text: as_text }),
    });
    const { id } = await response.json();
    if (!id) throw new Error(`no id, status ${response.status}`);
};";

/// Everything that is measured, set up.
pub(crate) struct Workload {
    pub(crate) components: [Component; 2],
    pub(crate) clients: [Client; 5],
    noop: Action,
    tokio: tokio::runtime::Runtime,
    _compiled: TempDir,
}

/// A component whose compiled code is in the cache.
pub(crate) struct Component {
    pub(crate) guest: Guest,
    runtime: Runtime,
    digest: Digest,
}

/// Something that POSTs messages.
pub(crate) struct Client {
    pub(crate) name: &'static str,
    sender: Arc<Sender>,
}

enum Sender {
    Native(Native),
    Action(Action),
}

/// The yardstick: hyper-util's pooled client, without a sandbox, a check or a record.
struct Native {
    http: legacy::Client<HttpConnector, Full<Bytes>>,
    url: String,
    event: Arc<Event>,
}

/// An action with all that a run needs.
struct Action {
    loaded: LoadedAction,
    capabilities: Capabilities,
    run: Run,
}

impl Workload {
    pub(crate) fn new(provider: SocketAddr) -> Self {
        // As `#[tokio::main]` makes it: a worker for each core that this process may use.
        let tokio = tokio::runtime::Runtime::new().expect("a process can have a runtime");
        let compiled = tempfile::tempdir().expect("a folder can be made");
        let cache = CompiledCache::open(compiled.path(), [7; 32]).expect("the folder is ours");
        let mut config = Config::new();
        config.places_per_tenant = config.places; // one tenant is all there is
        let runtime = Runtime::new(&config, Some(cache)).expect("the engine starts");
        let event = Arc::new(event());
        let mut limits = Limits::default();
        // A run is charged by the clock while it is polled, so a machine that is busy elsewhere could end one.
        limits.cpu = limits.deadline;
        let action = |loaded, idle_connections| Action {
            loaded,
            capabilities: capabilities(provider, idle_connections, runtime.share("bench")),
            run: Run {
                id: NotificationId::new(),
                attempt: 1,
                event: event.clone(),
                limits,
            },
        };
        let guest = |guest: Guest, idle_connections| {
            let loaded = runtime.load("bench", guest.bytes);
            let loaded = loaded.unwrap_or_else(|error| panic!("{guest:?}: {error:?}"));
            action(loaded, idle_connections)
        };
        let javascript = runtime
            .load_javascript(
                "bench",
                Digest::of(JAVASCRIPT.as_bytes()),
                JAVASCRIPT,
                [],
                || JAVASCRIPT_ENGINE.bytes.to_vec(),
            )
            .unwrap_or_else(|error| panic!("{error:?}"));
        let client = |name, sender| Client {
            name,
            sender: Arc::new(sender),
        };
        let as_shipped = phonebox_egress::Limits::default().idle_connections;
        Self {
            clients: [
                client("native", Sender::Native(Native::new(provider, &event))),
                client("buffered", Sender::Action(guest(POST, 64))),
                client("wasi:http", Sender::Action(guest(POST_WASI, 64))),
                client("JavaScript", Sender::Action(action(javascript, 64))),
                // The others keep as many connections as they use; by default all but two are closed after a burst.
                client("buffered, 2 idle", Sender::Action(guest(POST, as_shipped))),
            ],
            noop: guest(NOOP, as_shipped),
            components: [NOOP, POST].map(|guest| Component {
                guest,
                runtime: runtime.clone(),
                digest: Digest::of(guest.bytes),
            }),
            tokio,
            _compiled: compiled,
        }
    }

    /// Runs the action that does nothing, one run after the other.
    pub(crate) fn noop(&self, runs: u64) -> Sample {
        self.tokio.block_on(async {
            let stopwatch = Stopwatch::start();
            for _ in 0..runs {
                self.noop.run().await;
            }
            stopwatch.stop(runs)
        })
    }

    /// POSTs that many messages, as many at once as said.
    pub(crate) fn post(&self, client: &Client, concurrency: usize, posts: u64) -> Sample {
        let sender = &client.sender;
        self.tokio.block_on(async {
            let stopwatch = Stopwatch::start();
            let begun = Arc::new(AtomicU64::new(0));
            let mut tasks = JoinSet::new();
            for _ in 0..concurrency {
                let (sender, begun) = (sender.clone(), begun.clone());
                tasks.spawn(async move {
                    while begun.fetch_add(1, Ordering::Relaxed) < posts {
                        sender.post().await;
                    }
                });
            }
            tasks.join_all().await;
            stopwatch.stop(posts)
        })
    }
}

impl Component {
    pub(crate) fn load(&self) -> LoadedAction {
        self.runtime
            .load_digested("bench", self.digest, self.guest.bytes)
            .expect("it was loaded before")
    }
}

impl Sender {
    async fn post(&self) {
        match self {
            Self::Native(native) => native.post().await,
            Self::Action(action) => action.run().await,
        }
    }
}

impl Native {
    fn new(provider: SocketAddr, event: &Arc<Event>) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Self {
            http: legacy::Client::builder(TokioExecutor::new()).build(connector),
            url: format!("http://{provider}/messages"),
            event: event.clone(),
        }
    }

    async fn post(&self) {
        let notification = &self.event.notification;
        let body = serde_json::json!({
            "to": notification.recipient.as_e164(), "text": notification.as_text.reveal(),
        });
        let request = http::Request::post(&self.url)
            .header("authorization", format!("Bearer {TOKEN}"))
            .header("content-type", "application/json")
            .body(Full::from(body.to_string()))
            .expect("the request is well-formed");
        let response = self
            .http
            .request(request)
            .await
            .expect("the provider is there");
        let body = response
            .into_body()
            .collect()
            .await
            .expect("the provider answers");
        let answer: serde_json::Value =
            serde_json::from_slice(&body.to_bytes()).expect("the provider answers in JSON");
        assert!(answer.get("id").is_some(), "{answer}");
    }
}

impl Action {
    async fn run(&self) {
        let report = self.loaded.run(self.run.clone(), &self.capabilities).await;
        assert!(
            matches!(report.result, Ok(Outcome::Sent { .. })),
            "{report:?}"
        );
    }
}

fn capabilities(provider: SocketAddr, idle_connections: usize, share: Share) -> Capabilities {
    let origin = "http://provider.example";
    let egress = Egress::builder()
        .dangerous_plain_http(Origin::parse(origin).expect("it is an origin"))
        .resolve("provider.example", vec![provider])
        .reachable("127.0.0.0/8".parse().expect("it is a range"))
        .limits(phonebox_egress::Limits {
            idle_connections,
            // One tenant and one origin are all there is.
            tenant_concurrent: u32::MAX,
            tenant_rate: u32::MAX,
            origin_concurrent: u32::MAX,
            ..Default::default()
        })
        .build()
        .expect("the knobs fit together");
    let rule = Rule::new(origin, &["POST"], &["/messages"]).expect("it is a rule");
    let policy = Policy::new(vec![rule]).expect("one rule is a policy");
    Capabilities {
        secrets: Arc::new(
            [
                ("ORIGIN", Secret::revealed(origin)),
                ("TOKEN", TOKEN.into()),
            ]
            .into_iter()
            .collect(),
        ),
        cache: Arc::new(ActionCache::default()),
        outbound: egress.outbound("acme", Arc::new(policy)),
        share,
    }
}

/// An event as a login makes it: most of the fields that there are.
fn event() -> Event {
    let event = serde_json::json!({
        "client": { "client_id": "Zx8s1vB7qRk3", "name": "Shop", "metadata": { "tier": "gold" } },
        "connection": { "id": "con_5Jh2", "name": "sms", "strategy": "sms", "metadata": {} },
        "notification": {
            "as_text": "492016 is your verification code for Acme. Do not share it with anyone.",
            "as_voice": "Your verification code for Acme is 4 9 2 0 1 6. I repeat: 4 9 2 0 1 6.",
            "code": "492016", "delivery_method": "text", "locale": "en",
            "message_type": "otp_verify", "recipient": "+14155550100",
        },
        "organization": { "id": "org_9dKe", "name": "acme-eu", "display_name": "Acme Europe", "metadata": {} },
        "request": {
            "ip": "203.0.113.7", "method": "POST", "hostname": "login.acme.example", "language": "en",
            "user_agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
            "geoip": {
                "city_name": "Basel", "continent_code": "EU", "country_code": "CH",
                "country_name": "Switzerland", "latitude": 47.56, "longitude": 7.59,
                "time_zone": "Europe/Zurich",
            },
        },
        "tenant": { "id": "acme", "friendly_name": "Acme" },
        "transaction": { "correlation_id": "c0ffee" },
        "user": {
            "user_id": "auth0|65f1c0de", "email": "ada@acme.example", "email_verified": true,
            "name": "Ada", "phone_number": "+14155550100", "phone_verified": true,
            "created_at": "2026-01-01T00:00:00.000Z", "updated_at": "2026-11-01T00:00:00.000Z",
            "app_metadata": { "plan": "pro" }, "user_metadata": { "theme": "dark" },
            "identities": [{
                "connection": "users", "isSocial": false, "provider": "auth0", "user_id": "65f1c0de",
            }],
        },
    });
    Event::from_json(&event.to_string()).unwrap_or_else(|error| panic!("{error:?}"))
}
