//! The whole way of a request, from the guest's words to the bytes that leave: what is dialled is what was decided, vetted and
//! granted; a further restriction enables nothing; budgets hold, and come back; every request has one record.
//!
//! A proxy in this process stands for the network: it sees every connection that would have been made.
//!
//! Input: lines of what the operator, the author and the guest say; `read` knows them.
#![no_main]

use std::borrow::Cow;
use std::future::{Future, poll_fn};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::task::Poll;
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use phonebox_egress::{
    Block, Budget, Caller, Connection, Egress, Error, Exchange, IpNet, Ipv6Net, Limits, Nat64,
    Origin, Policy, Reason, Request, Response, Rule, Trip, Verdict,
};
use phonebox_fuzz::iana;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::time::Instant;
use url::{Host, Url};

const REQUESTS: u32 = 4;
const BYTES_UP: u64 = 3_000;
const REQUEST_BODY: usize = 2_000;
const TENANT: &str = "acme";

const PORTS: [u16; 14] = [
    22, 25, 53, 110, 143, 445, 465, 587, 2375, 3306, 5432, 6379, 9200, 11211,
];
const SPECIAL: [&str; 7] = [
    "localhost",
    "local",
    "internal",
    "arpa",
    "onion",
    "test",
    "invalid",
];

/// What the proxy saw, in order.
#[derive(Clone, Debug)]
enum Seen {
    /// A connection to this address was asked for.
    Connect(SocketAddr),
    /// This was said on one.
    Said(SocketAddr, Vec<u8>),
}

struct Proxy {
    runtime: Runtime,
    address: SocketAddr,
}

static SEEN: Mutex<Vec<Seen>> = Mutex::new(Vec::new());

static PROXY: LazyLock<Proxy> = LazyLock::new(|| {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let listener = runtime
        .block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
        .expect("a free port");
    let address = listener.local_addr().expect("its address");
    runtime.spawn(async move {
        loop {
            if let Ok((tcp, _)) = listener.accept().await {
                tokio::spawn(serve(tcp));
            }
        }
    });
    Proxy { runtime, address }
});

fn saw(seen: Seen) {
    SEEN.lock().expect("nobody panics with it").push(seen);
}

/// Whether the proxy reaches an address. Some are down.
fn is_up(address: SocketAddr) -> bool {
    iana::number(address.ip()).1 % 4 != 3
}

/// One connection of the proxy: the head of the `CONNECT`, and then the provider's part.
async fn serve(mut tcp: TcpStream) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match tcp.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let head = String::from_utf8(head).expect("a CONNECT is text");
    let address = head
        .strip_prefix("CONNECT ")
        .and_then(|rest| rest.split(' ').next());
    let address: SocketAddr = address.expect("a CONNECT").parse().expect("to an address");
    saw(Seen::Connect(address));
    let answer: &[u8] = if is_up(address) {
        b"HTTP/1.1 200 OK\r\n\r\n"
    } else {
        b"HTTP/1.1 502 Bad Gateway\r\n\r\n"
    };
    let mut going = tcp.write_all(answer).await.is_ok() && is_up(address);
    let mut said = Vec::new();
    while going {
        if tcp.read_buf(&mut said).await.is_ok_and(|read| read > 0) {
            if said.first() == Some(&0x16) {
                // A TLS handshake, which ends with its first record.
                let length = said.get(3..5).map_or(usize::MAX, |length| {
                    usize::from(length[0]) << 8 | usize::from(length[1])
                });
                if said.len() - 5.min(said.len()) >= length {
                    saw(Seen::Said(address, said));
                    break;
                }
            } else if is_whole(&said) {
                saw(Seen::Said(address, std::mem::take(&mut said)));
                going = tcp
                    .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
                    .await
                    .is_ok();
            }
        } else {
            break;
        }
    }
    // Nothing of it remains in the system: there will be a great many.
    drop(tcp.set_zero_linger());
}

fn is_whole(said: &[u8]) -> bool {
    let mut fields = [httparse::EMPTY_HEADER; 100];
    let mut request = httparse::Request::new(&mut fields);
    let Ok(httparse::Status::Complete(head)) = request.parse(said) else {
        return false;
    };
    let length = request
        .headers
        .iter()
        .find(|field| field.name == "content-length");
    let length = length.map_or(0, |field| {
        std::str::from_utf8(field.value)
            .expect("digits")
            .parse()
            .expect("digits")
    });
    said.len() >= head + length
}

/// A rule as it was written.
struct Written {
    origin: String,
    methods: Vec<String>,
    paths: Vec<String>,
    rule: Rule,
}

struct Send {
    method: String,
    url: String,
    body: usize,
}

#[derive(Default)]
struct World {
    rules: Vec<Written>,
    ceiling: Option<Vec<Written>>,
    plain: Vec<Origin>,
    /// What the name server says, the first time, the second, and so on.
    answers: Vec<Vec<IpAddr>>,
    prohibited: Vec<IpNet>,
    reachable: Vec<IpNet>,
    nat64: Vec<(Ipv6Net, Nat64)>,
    own: Vec<SocketAddr>,
    sends: Vec<Send>,
    blocks: Vec<Block>,
    /// The restriction that is added for a comparison.
    further: Option<Further>,
}

enum Further {
    Block(Block),
    Ceiling(Written),
    Prohibit(IpNet),
    /// One rule fewer.
    Without(usize),
    /// One address more in every answer.
    Answer(IpAddr),
}

fn written(words: &[&str]) -> Option<Written> {
    let [methods, origin, paths @ ..] = words else {
        return None;
    };
    let methods: Vec<String> = methods.split(',').map(str::to_owned).collect();
    Some(Written {
        rule: Rule::new(origin, &methods, paths).ok()?,
        origin: (*origin).to_owned(),
        methods,
        paths: paths.iter().map(|path| (*path).to_owned()).collect(),
    })
}

fn block(words: &[&str]) -> Option<Block> {
    match words {
        ["all"] => Some(Block::All),
        ["tenant", name] => Some(Block::Tenant((*name).to_owned())),
        ["origin", origin] => Origin::parse(origin).ok().map(Block::Origin),
        _ => None,
    }
}

fn read(text: &str) -> World {
    let mut world = World::default();
    for line in text.lines().take(40) {
        // A line that says nothing is passed over.
        read_line(&mut world, line);
    }
    world
}

fn read_line(world: &mut World, line: &str) -> Option<()> {
    let words: Vec<&str> = line.split(' ').collect();
    match &words[..] {
        ["rule", rule @ ..] => world.rules.push(written(rule)?),
        ["ceiling", rule @ ..] => {
            let ceiling = world.ceiling.get_or_insert_default();
            ceiling.extend(written(rule));
        }
        ["plain", origin] => world.plain.push(Origin::parse(origin).ok()?),
        ["answer", addresses @ ..] => {
            let addresses = addresses.iter().map(|address| address.parse().ok());
            world.answers.push(addresses.collect::<Option<_>>()?);
        }
        ["prohibit", range] => world.prohibited.push(range.parse().ok()?),
        ["reachable", range] => world.reachable.push(range.parse().ok()?),
        ["nat64", prefix, mode] => {
            let prefix: Ipv6Net = prefix.parse().ok()?;
            let mode = if *mode == "unwrap" {
                Nat64::Unwrap
            } else {
                Nat64::Deny
            };
            world.nat64.push((prefix.trunc(), mode));
        }
        ["own", listener] => world.own.push(listener.parse().ok()?),
        ["send", method, url, body @ ..] if world.sends.len() < 6 => world.sends.push(Send {
            method: (*method).to_owned(),
            url: (*url).to_owned(),
            body: body
                .first()
                .and_then(|body| body.parse().ok())
                .map_or(0, |body: usize| body.min(5_000)),
        }),
        ["block", what @ ..] => world.blocks.push(block(what)?),
        ["further", "block", what @ ..] => world.further = Some(Further::Block(block(what)?)),
        ["further", "ceiling", rule @ ..] => world.further = Some(Further::Ceiling(written(rule)?)),
        ["further", "prohibit", range] => {
            world.further = Some(Further::Prohibit(range.parse().ok()?))
        }
        ["further", "without", which] => {
            world.further = Some(Further::Without(which.parse().ok()?))
        }
        ["further", "answer", address] => {
            world.further = Some(Further::Answer(address.parse().ok()?))
        }
        _ => {}
    }
    Some(())
}

/// The operator's door and the author's policy, and the answers that are given through it.
struct Built {
    egress: Egress,
    policy: Policy,
    lookups: Arc<Mutex<Vec<Vec<IpAddr>>>>,
}

fn build(world: &World, further: Option<&Further>) -> Option<Built> {
    let lookups = Arc::<Mutex<Vec<Vec<IpAddr>>>>::default();
    let asked = AtomicUsize::new(0);
    let mut answers = world.answers.clone();
    if let Some(Further::Answer(address)) = further {
        answers.iter_mut().for_each(|answer| answer.push(*address));
    }
    let given = Arc::clone(&lookups);
    let mut builder = Egress::builder()
        .proxy(PROXY.address)
        .limits(Limits {
            requests: REQUESTS,
            bytes_up: BYTES_UP,
            request_body: REQUEST_BODY,
            denial: Duration::ZERO,
            answers_kept: Duration::ZERO,
            ..Limits::default()
        })
        .look_up(move |_| {
            let nth = asked.fetch_add(1, Ordering::Relaxed);
            let answer = answers
                .get(nth % answers.len().max(1))
                .cloned()
                .unwrap_or_default();
            given
                .lock()
                .expect("nobody panics with it")
                .push(answer.clone());
            async { Ok(answer) }
        });
    for origin in &world.plain {
        builder = builder.dangerous_plain_http(origin.clone());
    }
    let of_ceiling = world.ceiling.as_ref().map(|rules| {
        rules
            .iter()
            .map(|written| written.rule.clone())
            .collect::<Vec<_>>()
    });
    // A ceiling of one rule lies below none at all; below another only what is in both would.
    let of_ceiling = match further {
        Some(Further::Ceiling(written)) if of_ceiling.is_none() => Some(vec![written.rule.clone()]),
        _ => of_ceiling,
    };
    if let Some(rules) = of_ceiling {
        builder = builder.ceiling(Policy::new(rules).ok()?);
    }
    let prohibited = match further {
        Some(Further::Prohibit(range)) => Some(range),
        _ => None,
    };
    for range in world.prohibited.iter().chain(prohibited) {
        builder = builder.prohibit(*range);
    }
    for range in &world.reachable {
        builder = builder.reachable(*range);
    }
    for (prefix, mode) in &world.nat64 {
        builder = builder.nat64(*prefix, *mode);
    }
    for own in &world.own {
        builder = builder.own(*own);
    }
    let mut rules: Vec<Rule> = world
        .rules
        .iter()
        .map(|written| written.rule.clone())
        .collect();
    if let Some(Further::Without(which)) = further
        && *which < rules.len()
    {
        rules.remove(*which);
    }
    let egress = builder.build().ok()?;
    for block in &world.blocks {
        egress.block(block.clone());
    }
    if let Some(Further::Block(block)) = further {
        egress.block(block.clone());
    }
    Some(Built {
        egress,
        policy: Policy::new(rules).ok()?,
        lookups,
    })
}

struct Run;

impl Caller for Run {
    fn action(&self) -> Cow<'_, str> {
        "action".into()
    }

    fn notification(&self) -> Cow<'_, str> {
        "notification".into()
    }

    fn attempt(&self) -> u32 {
        1
    }

    fn mask(&self, text: &str) -> String {
        text.to_owned()
    }
}

impl Built {
    fn trip(&self) -> Trip {
        let outbound = self.egress.outbound(TENANT, Arc::new(self.policy.clone()));
        outbound.trip(Instant::now() + Duration::from_secs(10), Arc::new(Run))
    }
}

fn request(send: &Send) -> Request {
    Request {
        method: send.method.clone(),
        url: send.url.clone(),
        headers: Vec::new(),
        body: vec![b'b'; send.body].into(),
        timeout: None,
    }
}

// What the specification says, by other means than the product's.

/// A URL in parts, as `url` has them.
struct Parts {
    scheme: String,
    host: String,
    port: u16,
    /// None where it can be read in two ways.
    segments: Option<Vec<Vec<u8>>>,
    is_name: bool,
}

fn parts(written: &str) -> Option<Parts> {
    let url = Url::parse(written).ok()?;
    let host = url.host_str()?;
    // `url` would have taken dot segments out.
    let path = written.split_once("://")?.1;
    let path = path.find(['/', '?']).map_or("/", |at| &path[at..]);
    let path = path
        .split('?')
        .next()
        .filter(|path| !path.is_empty())
        .unwrap_or("/");
    Some(Parts {
        scheme: url.scheme().to_owned(),
        host: host.strip_suffix('.').unwrap_or(host).to_owned(),
        port: url.port_or_known_default()?,
        segments: segments(path),
        is_name: matches!(url.host(), Some(Host::Domain(_))),
    })
}

fn segments(path: &str) -> Option<Vec<Vec<u8>>> {
    let mut segments = Vec::new();
    for segment in path.strip_prefix('/')?.split('/') {
        let mut decoded = Vec::new();
        let mut bytes = segment.bytes();
        while let Some(byte) = bytes.next() {
            if byte != b'%' {
                decoded.push(byte);
                continue;
            }
            let digits = [bytes.next()?, bytes.next()?];
            let digits = std::str::from_utf8(&digits).ok()?.to_owned();
            if digits.contains(['+', '-']) {
                return None;
            }
            let byte = u8::from_str_radix(&digits, 16).ok()?;
            if matches!(byte, b'/' | b'\\' | b'.' | 0) {
                return None;
            }
            decoded.push(byte);
        }
        if matches!(&decoded[..], b"." | b"..") {
            return None;
        }
        segments.push(decoded);
    }
    let inner_empty = segments.iter().rev().skip(1).any(Vec::is_empty);
    (!inner_empty).then_some(segments)
}

fn grants(written: &Written, method: &str, asked: &Parts) -> bool {
    let (scheme, authority) = written.origin.split_once("://").expect("an origin");
    let (host, port) = match authority.split_once(':') {
        Some((host, port)) => (host, port.parse().expect("a port")),
        None => (authority, if scheme == "https" { 443 } else { 80 }),
    };
    let same_host = match host.strip_prefix("*.") {
        Some(below) => asked
            .host
            .strip_suffix(below)
            .and_then(|first| first.strip_suffix('.'))
            .is_some_and(|label| !label.is_empty() && !label.contains('.')),
        None => host == asked.host,
    };
    let method = written.methods.iter().any(|granted| granted == method);
    let Some(segments) = &asked.segments else {
        return false;
    };
    let path = written.paths.is_empty()
        || written.paths.iter().any(|path| {
            let wanted: Vec<&str> = path.split('/').skip(1).collect();
            covers(&wanted, segments)
        });
    same_host && scheme == asked.scheme && port == asked.port && method && path
}

fn covers(wanted: &[&str], asked: &[Vec<u8>]) -> bool {
    match (wanted, asked) {
        ([], []) => true,
        (["**"], [_, ..]) => true,
        (["*", wanted @ ..], [first, asked @ ..]) => !first.is_empty() && covers(wanted, asked),
        ([literal, wanted @ ..], [first, asked @ ..]) => {
            literal.as_bytes() == first && covers(wanted, asked)
        }
        _ => false,
    }
}

/// Whether the rules let a request through, before any name is looked up.
fn is_granted(world: &World, send: &Send) -> bool {
    let Some(asked) = parts(&send.url) else {
        return false;
    };
    let by = |rules: &[Written]| rules.iter().any(|rule| grants(rule, &send.method, &asked));
    let plain = world.plain.iter().any(|origin| {
        (origin.scheme(), origin.host(), origin.port()) == (&asked.scheme, &asked.host, asked.port)
    });
    let below = plain
        || match &world.ceiling {
            Some(ceiling) => by(ceiling),
            None => asked.scheme == "https",
        };
    let last = asked.host.rsplit('.').next().unwrap_or_default();
    let blocked = world.blocks.iter().any(|block| match block {
        Block::All => true,
        Block::Tenant(name) => name == TENANT,
        Block::Origin(origin) => {
            (origin.scheme(), origin.host(), origin.port())
                == (&asked.scheme, &asked.host, asked.port)
        }
    });
    by(&world.rules)
        && below
        && !blocked
        && (asked.scheme == "https" || plain)
        && asked.is_name
        && asked.host.contains('.')
        && !SPECIAL.contains(&last)
        && !PORTS.contains(&asked.port)
}

/// Whether an address may be reached (specification, 2.3): what is around and what is inside.
fn may_be_reached(world: &World, address: SocketAddr) -> bool {
    let ip = address.ip();
    let opened = world.reachable.iter().any(|range| range.contains(&ip));
    let own = world
        .own
        .iter()
        .any(|own| own.port() == address.port() && own.ip().to_canonical() == ip.to_canonical());
    if own || world.prohibited.iter().any(|range| range.contains(&ip)) {
        return false;
    }
    let IpAddr::V6(v6) = ip else {
        return opened || !iana::is_denied(ip);
    };
    let bits = v6.to_bits();
    let low = Ipv4Addr::from_bits(bits as u32);
    let nat64 = world.nat64.iter().find(|(prefix, _)| prefix.contains(&v6));
    let (outer, inner) = match nat64 {
        Some((_, Nat64::Deny)) => (false, None),
        Some((prefix, Nat64::Unwrap)) => {
            let inner = translated(v6, prefix.prefix_len());
            (inner.is_some(), inner)
        }
        None => (!iana::is_denied(ip), None),
    };
    let inner = inner.or_else(|| match (bits >> 96, bits >> 112) {
        (0, _) if bits > 1 && bits >> 32 <= 0xffff || bits >> 32 == 0xffff_0000 => Some(low),
        (0x0064_ff9b, _) if bits >> 32 & u128::from(u64::MAX) == 0 => Some(low),
        (0x2001_0000, _) => Some(Ipv4Addr::from_bits(!low.to_bits())),
        (_, 0x2002) => Some(Ipv4Addr::from_bits((bits >> 80) as u32)),
        _ if iana::is_isatap(ip) => Some(low),
        _ => None,
    });
    (opened || outer)
        && inner.is_none_or(|inner| may_be_reached(world, (inner, address.port()).into()))
}

/// RFC 6052, 2.2: the figure there, row by row.
fn translated(v6: Ipv6Addr, length: u8) -> Option<Ipv4Addr> {
    let o = v6.octets();
    if length != 96 && o[8] != 0 {
        return None;
    }
    Some(
        match length {
            32 => [o[4], o[5], o[6], o[7]],
            40 => [o[5], o[6], o[7], o[9]],
            48 => [o[6], o[7], o[9], o[10]],
            56 => [o[7], o[9], o[10], o[11]],
            64 => [o[9], o[10], o[11], o[12]],
            _ => [o[12], o[13], o[14], o[15]],
        }
        .into(),
    )
}

fn judge(
    world: &World,
    send: &Send,
    seen: &[Seen],
    lookups: &[Vec<IpAddr>],
    exchange: &Exchange,
    result: &Result<Response, Error>,
) {
    let said = format!(
        "{} {}: {exchange:?} {result:?} {seen:?} {lookups:?}",
        send.method, send.url
    );
    let denied = exchange.decision.verdict == Verdict::Denied;
    assert!(lookups.len() <= 1, "looked up more than once: {said}");
    assert_eq!(result.as_ref().err(), exchange.error.as_ref(), "{said}");
    assert!(
        !exchange.abandoned && exchange.timings.total.is_some(),
        "{said}"
    );
    if denied {
        assert!(
            seen.is_empty() && result.is_err(),
            "denied, and yet: {said}"
        );
    }
    if result.is_ok() {
        assert_eq!(
            seen.iter()
                .filter(|seen| matches!(seen, Seen::Said(..)))
                .count(),
            1,
            "{said}"
        );
    }
    let Some(asked) = parts(&send.url) else {
        assert!(seen.is_empty() && lookups.is_empty(), "{said}");
        return;
    };
    let granted = is_granted(world, send);
    if !seen.is_empty() || !lookups.is_empty() {
        assert!(granted, "not granted, and yet: {said}");
    }
    let answer = lookups.first().map_or(&[][..], Vec::as_slice);
    let vetted: Vec<SocketAddr> = answer.iter().map(|ip| (*ip, asked.port).into()).collect();
    let all_fine = vetted.iter().all(|address| may_be_reached(world, *address));
    for seen in seen {
        let (Seen::Connect(address) | Seen::Said(address, _)) = seen;
        assert!(
            vetted.contains(address),
            "{address} is not of the answer: {said}"
        );
        assert!(all_fine, "an address that may not be reached: {said}");
        let port = if asked.port == if asked.scheme == "https" { 443 } else { 80 } {
            String::new()
        } else {
            format!(":{}", asked.port)
        };
        let host = format!("{}{port}", asked.host);
        assert_eq!(
            exchange.origin.as_deref(),
            Some(&*format!("{}://{host}", asked.scheme)),
            "{said}"
        );
        let Seen::Said(_, bytes) = seen else {
            continue;
        };
        if asked.scheme == "https" {
            // The name stands plainly in the hello.
            assert_eq!(bytes[0], 0x16, "{said}");
            assert!(
                bytes
                    .windows(asked.host.len())
                    .any(|window| window == asked.host.as_bytes()),
                "{said}"
            );
            continue;
        }
        let mut fields = [httparse::EMPTY_HEADER; 100];
        let mut request = httparse::Request::new(&mut fields);
        let httparse::Status::Complete(head) = request.parse(bytes).expect("a request") else {
            panic!("half a request: {said}");
        };
        assert_eq!(request.method, Some(&*send.method), "{said}");
        let hosts: Vec<&[u8]> = request
            .headers
            .iter()
            .filter(|field| field.name == "host")
            .map(|field| field.value)
            .collect();
        assert_eq!(hosts, [host.as_bytes()], "{said}");
        assert_eq!(bytes.len() - head, send.body, "{said}");
    }
    if exchange.decision.reason == Reason::Budget || exchange.decision.reason == Reason::Malformed {
        return;
    }
    // What is granted, and leads nowhere that is prohibited, is let through.
    if granted && !lookups.is_empty() && (1..=16).contains(&answer.len()) {
        assert_eq!(!denied, all_fine, "{said}");
        if all_fine && asked.scheme == "http" {
            // A connection that was there already may be to any of them.
            let reused = exchange.connection == Some(Connection::Reused);
            let reached = vetted.iter().take(3).any(|address| is_up(*address));
            assert_eq!(result.is_ok(), reached || reused, "{said}");
        }
    }
    assert!(
        !granted || !lookups.is_empty(),
        "granted, and not even looked up: {said}"
    );
}

/// All requests, one after another, within one run. Says which were let through, and which a budget stopped.
async fn in_order(world: &World, built: &Built, further: bool) -> Vec<(bool, Reason)> {
    let trip = built.trip();
    let mut verdicts = Vec::new();
    let (mut counted, mut up) = (0, 0);
    for send in &world.sends {
        SEEN.lock().expect("nobody panics with it").clear();
        built.lookups.lock().expect("nobody panics with it").clear();
        let (exchange, result) = trip.send(request(send)).await;
        let seen = SEEN.lock().expect("nobody panics with it").clone();
        let lookups = built.lookups.lock().expect("nobody panics with it").clone();
        if !further {
            judge(world, send, &seen, &lookups, &exchange, &result);
        }
        counted += u32::from(!seen.is_empty());
        up += exchange.bytes_up;
        verdicts.push((
            exchange.decision.verdict == Verdict::Allowed,
            exchange.decision.reason,
        ));
    }
    assert!(
        counted <= REQUESTS && up <= BYTES_UP,
        "{counted} requests of {up} bytes"
    );
    assert!(trip.abandoned().is_empty());
    verdicts
}

/// All requests at once, every other one given up midway: each has one record, and what they held is given back.
async fn at_once(world: &World, built: &Built) {
    let trip = built.trip();
    type Sending<'a> = Pin<Box<dyn Future<Output = (Exchange, Result<Response, Error>)> + 'a>>;
    let mut sending: Vec<Option<Sending<'_>>> = Vec::new();
    let mut records = 0;
    for send in &world.sends {
        let mut future: Sending<'_> = Box::pin(trip.send(request(send)));
        let ended = poll_fn(|context| Poll::Ready(future.as_mut().poll(context).is_ready())).await;
        records += usize::from(ended);
        sending.push((!ended).then_some(future));
    }
    for (index, sending) in sending.iter_mut().enumerate() {
        if index % 2 == 1 {
            *sending = None;
        }
    }
    for sending in sending.into_iter().flatten() {
        let (exchange, _) = sending.await;
        assert!(!exchange.abandoned, "{exchange:?}");
        records += 1;
    }
    let abandoned = trip.abandoned();
    assert!(
        abandoned.iter().all(|exchange| exchange.abandoned),
        "{abandoned:?}"
    );
    assert_eq!(
        records + abandoned.len(),
        world.sends.len(),
        "{abandoned:?}"
    );
    assert!(trip.abandoned().is_empty(), "a record is given twice");

    // Nothing is under way, so nothing can be in the way.
    if let Some(send) = world.sends.first() {
        for trip in [trip, built.trip()] {
            let (exchange, result) = trip.send(request(send)).await;
            if let Err(Error::BudgetExceeded(budget)) = &result {
                let freed = matches!(
                    budget,
                    Budget::Requests | Budget::BytesUp | Budget::BytesDown
                );
                assert!(freed, "{budget} are still taken: {exchange:?}");
            }
        }
    }
}

fuzz_target!(|text: &str| {
    let world = read(text);
    if world.sends.is_empty() {
        return;
    }
    let Some(built) = build(&world, None) else {
        return;
    };
    PROXY.runtime.block_on(async {
        let before = in_order(&world, &built, false).await;
        if let Some(further) = &world.further
            && let Some(built) = build(&world, Some(further))
        {
            let after = in_order(&world, &built, true).await;
            for ((before, after), send) in before.iter().zip(after).zip(&world.sends) {
                let allowed = before.0 || before.1 == Reason::Budget;
                assert!(
                    !after.0 || allowed,
                    "{} {}: {before:?}, and {after:?} when more is denied",
                    send.method,
                    send.url
                );
            }
        }
        at_once(&world, &built).await;
    });
});
