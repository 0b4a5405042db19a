//! Does, line by line, what `notification.as_text` tells it, and logs what came of it. So a test sees the world as a guest
//! does, and can make the guest misbehave in any way there is.

use std::hint::black_box;
use std::io::Write as _;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use probe_guests::world::phonebox::action::types::{Event, Outcome, Receipt, RetryRequest};
use probe_guests::world::phonebox::action::{cache, http, log, secrets};

#[path = "probe/requests.rs"]
mod requests;

/// Counts the runs that this instance has seen: more than one, and sandboxes are used again.
static RUNS: AtomicU32 = AtomicU32::new(0);

struct Probe;

impl probe_guests::world::Guest for Probe {
    fn deliver(event: Event) -> Result<Outcome, String> {
        for line in event.notification.as_text.lines() {
            // These take the whole line, as JSON.
            match line.split_once(' ') {
                Some(("http", json)) => {
                    say(&requests::buffered(json));
                    continue;
                }
                Some(("wasi", json)) => {
                    say(&requests::wasi(json));
                    continue;
                }
                Some(("say-json", json)) => {
                    say(&text(json));
                    continue;
                }
                Some(("print-json", json)) => {
                    print!("{}", text(json));
                    // A line that has not ended lies in the guest until then.
                    std::io::stdout().flush().unwrap();
                    continue;
                }
                Some(("fail-json", json)) => return Err(text(json)),
                Some(("drop-json", json)) => return Ok(Outcome::Drop(text(json))),
                _ => {}
            }
            let mut words = line.trim().splitn(3, ' ').map(ToOwned::to_owned);
            let mut word = || words.next().unwrap_or_default();
            match (word().as_str(), word(), word()) {
                ("", ..) => {}
                ("sent", provider, message_id) if !provider.is_empty() => {
                    return Ok(Outcome::Sent(Some(Receipt {
                        provider,
                        message_id,
                    })));
                }
                ("sent", ..) => return Ok(Outcome::Sent(None)),
                ("retry", after, reason) => {
                    return Ok(Outcome::Retry(RetryRequest {
                        reason,
                        after: after.parse().ok(),
                    }));
                }
                ("drop", one, two) => {
                    return Ok(Outcome::Drop(format!("{one} {two}").trim().into()));
                }
                ("fail", one, two) => return Err(format!("{one} {two}")),
                (command, one, two) => say(&run(command, &one, &two, &event)),
            }
        }
        Ok(Outcome::Sent(None))
    }
}

fn run(command: &str, one: &str, two: &str, event: &Event) -> String {
    match command {
        "say" => format!("{one} {two}").trim().to_owned(),
        "print" => {
            println!("{one} {two}");
            "printed".to_owned()
        }
        "complain" => {
            eprint!("{one} {two}");
            "complained".to_owned()
        }
        "flood" => {
            for _ in 0..one.parse().unwrap_or(0) {
                say(two);
            }
            "flooded".to_owned()
        }
        "say-size" => {
            say(&"x".repeat(one.parse().unwrap_or(0)));
            "said".to_owned()
        }
        "say-empty-lines" => {
            say(&"\n".repeat(one.parse().unwrap_or(0)));
            "said".to_owned()
        }
        "runs" => format!(
            "run {} of this instance",
            RUNS.fetch_add(1, Ordering::Relaxed) + 1
        ),
        "attempt" => format!("{} {}", event.notification_id, event.attempt),
        "event" => format!("{event:?}"),
        "event-json" => probe_guests::world::event_json(),
        "secret" => format!("{:?}", secrets::get(one)),
        "secrets" => secrets::names().join(" "),
        "environment" => {
            format!(
                "{} variables, {} arguments",
                std::env::vars().count(),
                std::env::args().count()
            )
        }
        "clock" => {
            let start = Instant::now();
            let nanoseconds = std::time::SystemTime::now()
                .duration_since(std::time::UNIX_EPOCH)
                .unwrap()
                .subsec_nanos();
            format!(
                "{} {}",
                nanoseconds % 1_000_000,
                start.elapsed().subsec_nanos() % 1_000_000
            )
        }
        // The smallest steps that the clocks were seen to make, in nanoseconds.
        "clock-steps" => {
            let begin = Instant::now();
            let (mut last, mut smallest) = (begin, u128::MAX);
            let (mut last_wall, mut smallest_wall) = (wall(), u128::MAX);
            for _ in 0..one.parse().unwrap_or(0) {
                let (now, now_wall) = (Instant::now(), wall());
                if now > last {
                    smallest = smallest.min((now - last).as_nanos());
                }
                if now_wall > last_wall {
                    smallest_wall = smallest_wall.min(now_wall - last_wall);
                }
                (last, last_wall) = (now, now_wall);
            }
            format!("{smallest} {smallest_wall}")
        }
        "random" => {
            let bytes = wasip2::random::random::get_random_bytes(one.parse().unwrap_or(0));
            format!("{} bytes", bytes.len())
        }
        // Handles of the host's, kept until the run ends.
        "hoard-handles" => {
            let mut hoard = Vec::new();
            for _ in 0..one.parse().unwrap_or(0) {
                hoard.push(wasip2::http::types::Fields::new());
            }
            format!("{} handles", hoard.len())
        }
        // One field list that grows, a field at a time.
        "hoard-fields" => {
            let fields = wasip2::http::types::Fields::new();
            let mut grown = 0;
            for index in 0..one.parse().unwrap_or(0) {
                match fields.append(&format!("x{index}"), b"v") {
                    Ok(()) => grown += 1,
                    Err(error) => return format!("{grown} fields, then {error}"),
                }
            }
            format!("{grown} fields")
        }
        // So many MiB, written to and kept while a request is made to this URL.
        "hoard-memory" => {
            let hoard: Vec<Vec<u8>> = (0..one.parse().unwrap_or(0))
                .map(|_| black_box(vec![1; 1 << 20]))
                .collect();
            let answer = send("POST", two);
            format!("{} MiB, {answer}", hoard.len())
        }
        "poll-clock" => {
            for _ in 0..one.parse().unwrap_or(0) {
                black_box(Instant::now());
            }
            "polled".to_owned()
        }
        "cache-set" => {
            let ttl = two.split_once(' ').and_then(|(_, ttl)| ttl.parse().ok());
            let value = two.split(' ').next().unwrap_or_default();
            let expiry = cache::Expiry {
                ttl,
                expires_at: None,
            };
            match cache::set(one, value, expiry) {
                Ok(entry) => format!("kept {}", entry.value),
                Err(error) => format!("{error:?}"),
            }
        }
        "cache-keep" => {
            let value = secrets::get(one).unwrap_or_default();
            let expiry = cache::Expiry {
                ttl: None,
                expires_at: None,
            };
            match cache::set(one, &value, expiry) {
                Ok(_) => "kept".to_owned(),
                Err(error) => format!("{error:?}"),
            }
        }
        "cache-get" => format!("{:?}", cache::get(one).map(|entry| entry.value)),
        "cache-delete" => format!("{:?}", cache::delete(one)),
        "send" => send(one, two),
        "panic" => panic!("{one} {two}"),
        "exit" => std::process::exit(one.parse().unwrap_or(1)),
        "spin" => loop {
            black_box(0);
        },
        "sleep" => {
            std::thread::sleep(Duration::from_millis(one.parse().unwrap_or(0)));
            "slept".to_owned()
        }
        "grow" => {
            let mut hoard: Vec<Vec<u8>> = Vec::new();
            loop {
                hoard.push(black_box(vec![1; 1 << 20]));
            }
        }
        "recurse" => format!("{}", recurse(1)),
        other => format!("unknown command {other}"),
    }
}

fn send(method: &str, url: &str) -> String {
    let request = http::Request {
        method: method.to_owned(),
        url: url.to_owned(),
        headers: Vec::new(),
        body: Vec::new(),
        timeout_ms: None,
    };
    match http::send(&request) {
        Ok(response) => {
            format!(
                "{} {}",
                response.status,
                String::from_utf8_lossy(&response.body)
            )
        }
        Err(error) => format!("{error:?}"),
    }
}

/// A JSON string.
fn text(json: &str) -> String {
    serde_json::from_str(json).unwrap_or_else(|error| format!("the test is wrong: {error}"))
}

/// Nanoseconds since 1970.
fn wall() -> u128 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |time| time.as_nanos())
}

fn say(message: &str) {
    log::write(log::Level::Info, message);
}

#[expect(unconditional_recursion, reason = "that is the point")]
fn recurse(depth: u64) -> u64 {
    black_box(recurse(black_box(depth + 1))) + 1
}

probe_guests::world::export!(Probe);
