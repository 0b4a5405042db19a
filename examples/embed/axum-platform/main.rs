//! A small identity platform that embeds phonebox: login by telephone, with a code that is sent through an action.
//!
//! ```sh
//! cargo run -p phonebox-cli -- build examples/actions/kannel-rust &&
//!     cargo run -p phonebox --example axum-platform -- examples/actions/kannel-rust/target/kannel.wasm
//! ```
//!
//! It prints what to type. Its provider is a stand-in of its own, on this machine, which prints the messages that it is given:
//! for a real one, leave [`stand_in`] and the egress builder out and give the action's real secrets.

#![allow(clippy::print_stdout, reason = "it speaks to whoever started it")]

use std::collections::HashMap;
use std::error::Error;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::{self, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use phonebox::egress::{Egress, Origin};
use phonebox::{
    AbuseLimits, Action, Deliveries, DeliveryOptions, Event, Keys, Phonebox, SendError, Sensitive,
    Store, Tenant,
};
use serde::Deserialize;
use serde_json::json;
use tokio::net::TcpListener;

/// How long a code is good.
const VALID: Duration = Duration::from_mins(5);
/// How often it may be guessed.
const GUESSES: u32 = 5;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let component = std::env::args().nth(1).ok_or("give a component")?;
    let action = Action::from_component(std::fs::read(component)?)?;
    let gateway = stand_in(|to, text| println!("SMS to {to}: {text}")).await?;
    let (platform, deliveries) = platform(&action, gateway, Path::new(".")).await?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/login", listener.local_addr()?);
    println!("curl -sS --json '{{\"number\":\"+14155550100\"}}' {url}");
    println!("curl -sS --json '{{\"code\":\"…\"}}' {url}/…");
    axum::serve(listener, platform)
        .with_graceful_shutdown(async { drop(tokio::signal::ctrl_c().await) })
        .await?;
    // What is under way ends first. What waits goes on at the next start.
    deliveries.shutdown().await;
    Ok(())
}

/// The platform: phonebox, and the addresses that people log in at. What phonebox keeps is in a folder.
pub(crate) async fn platform(
    action: &Action,
    gateway: SocketAddr,
    folder: &Path,
) -> Result<(Router, Deliveries), Box<dyn Error>> {
    // This machine may be reached by exactly this name and port, because the stand-in is here.
    let egress = Egress::builder()
        .dangerous_plain_http(Origin::parse("http://kannel.example:13013")?)
        .resolve("kannel.example", vec![gateway])
        .reachable("127.0.0.1/32".parse()?)
        .build()?;
    let phonebox = Phonebox::builder().egress(egress).build()?;
    let store = Store::sqlite(folder.join("phonebox.db")).await?;
    let keys = Keys::from_file_or_new(folder.join("phonebox.keys"))?;
    let mut options = DeliveryOptions::default();
    // Anybody may ask for a code: a number gets so many, and expensive ones none.
    options.abuse = AbuseLimits::standard();
    let deliveries = phonebox.start(store, keys, options).await?;
    let tenant = deliveries.tenant("acme");
    let secrets = [
        ("KANNEL_USERNAME", "phonebox"),
        ("KANNEL_PASSWORD", "correct-horse-battery"),
        ("KANNEL_FROM", "Acme"),
    ];
    let secrets = secrets.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let secrets = action.manifest().grant(secrets);
    tenant.deploy(action, secrets).await?;
    let router = Router::new()
        .route("/login", post(begin))
        .route("/login/{id}", post(finish))
        .with_state(Platform {
            tenant,
            logins: Arc::default(),
        });
    Ok((router, deliveries))
}

#[derive(Clone)]
struct Platform {
    tenant: Tenant,
    /// By id. A platform with more than one process keeps them where all see them.
    logins: Arc<Mutex<HashMap<String, Login>>>,
}

/// Somebody who was sent a code and has not given it back.
struct Login {
    code: Sensitive,
    until: Instant,
    guesses_left: u32,
}

#[derive(Deserialize)]
struct Begin {
    number: Sensitive,
}

#[derive(Deserialize)]
struct Finish {
    code: Sensitive,
}

/// Sends a code. When it has answered, the code is on disk, and will be tried until it is sent or of no use any more.
async fn begin(State(platform): State<Platform>, Json(asked): Json<Begin>) -> Response {
    let code = format!("{:06}", rand::random_range(0..1_000_000));
    let id = format!("{:032x}", rand::random::<u128>());
    let event = json!({
        "notification": {
            "as_text": format!("Your Acme code is {code}"),
            "code": code,
            "delivery_method": "text",
            "message_type": "otp_verify",
            "recipient": asked.number,
        },
    });
    let Ok(event) = Event::from_json(&event.to_string()) else {
        return refuse(StatusCode::UNPROCESSABLE_ENTITY, "this is no number");
    };
    let login = Login {
        code: code.into(),
        until: Instant::now() + VALID,
        guesses_left: GUESSES,
    };
    platform.expect(&id, login);
    let sent = platform.tenant.send(event).valid_for(VALID);
    match sent.await {
        Ok(_) => (StatusCode::ACCEPTED, Json(json!({ "login": id }))).into_response(),
        Err(SendError::Refused(_)) => refuse(StatusCode::TOO_MANY_REQUESTS, "try again later"),
        Err(_) => refuse(StatusCode::SERVICE_UNAVAILABLE, "no code can be sent now"),
    }
}

/// Takes a code back, once.
async fn finish(
    State(platform): State<Platform>,
    extract::Path(id): extract::Path<String>,
    Json(given): Json<Finish>,
) -> Response {
    let mut logins = platform.logins();
    let now = Instant::now();
    let login = logins.get_mut(&id).filter(|login| login.until > now);
    let Some(login) = login.filter(|login| login.guesses_left > 0) else {
        return refuse(StatusCode::UNAUTHORIZED, "ask for another code");
    };
    login.guesses_left -= 1;
    if login.code != given.code {
        return refuse(StatusCode::UNAUTHORIZED, "this is not the code");
    }
    logins.remove(&id);
    Json(json!({ "session": format!("{:032x}", rand::random::<u128>()) })).into_response()
}

impl Platform {
    fn expect(&self, id: &str, login: Login) {
        let mut logins = self.logins();
        logins.retain(|_, login| login.until > Instant::now());
        logins.insert(id.to_owned(), login);
    }

    fn logins(&self) -> MutexGuard<'_, HashMap<String, Login>> {
        self.logins.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn refuse(status: StatusCode, says: &str) -> Response {
    (status, Json(json!({ "error": says }))).into_response()
}

/// A gateway that hands what it is sent to `arrived`, the number first, and sends nothing anywhere.
pub(crate) async fn stand_in(
    arrived: impl Fn(&str, &str) + Clone + Send + Sync + 'static,
) -> Result<SocketAddr, Box<dyn Error>> {
    let sendsms = async move |headers: HeaderMap, text: String| {
        let to = headers.get("x-kannel-to").and_then(|to| to.to_str().ok());
        arrived(to.unwrap_or_default(), &text);
        (StatusCode::ACCEPTED, "0: Accepted for delivery")
    };
    let gateway = Router::new().route("/cgi-bin/sendsms", post(sendsms));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, gateway).await });
    Ok(address)
}
