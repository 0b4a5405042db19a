//! How often something may be asked: counted in memory, which stays bounded whoever asks.

use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use lru::LruCache;
use phonebox::Rate;
use phonebox::egress::IpNet;

use crate::App;

/// Who is counted at once. Whoever has not asked for longest is forgotten.
const COUNTED: NonZeroUsize = NonZeroUsize::new(16 << 10).expect("it is not zero");
/// What a proxy says for whom it asks.
const FORWARDED_FOR: &str = "x-forwarded-for";
/// Failures of one peer, and with the id of one client; tokens of one client.
const USUAL: Rate = Rate {
    most: 60,
    within: Duration::from_mins(1),
};

/// What is counted.
pub(crate) struct Limits {
    /// Requests to the Management API, by tenant; the operator's own are none's.
    pub(crate) managed: Counted<Option<String>>,
    /// Keys and tokens that are nobody's, by who showed them.
    pub(crate) strangers: Counted<IpAddr>,
    /// Wrong secrets of a client.
    pub(crate) wrong: Counted<String>,
    /// Tokens of a client.
    pub(crate) issued: Counted<String>,
}

/// So many at once, and then as many as come to be allowed again with time.
pub(crate) struct Counted<K> {
    rate: Rate,
    left: Mutex<LruCache<K, (f64, Instant)>>,
}

/// What became of a request that was counted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Count {
    pub(crate) most: u32,
    /// How many more there may be now.
    pub(crate) left: u32,
    /// Until there may be as many again as at the beginning.
    pub(crate) reset: Duration,
    /// None: it was one too many, and there may be another after this.
    pub(crate) refused_for: Option<Duration>,
}

/// Who is at the other end of a connection, or of a proxy's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) IpAddr);

impl Peer {
    /// Whom it is counted with: whoever has an address of IPv6 has all of its network.
    pub(crate) fn network(self) -> IpAddr {
        match self.0.to_canonical() {
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
            }
            address @ IpAddr::V4(_) => address,
        }
    }

    /// Who asks a trusted proxy, if this is one: each of them adds at the end of `X-Forwarded-For` who asks it, and what is
    /// before that somebody else may have made up.
    fn behind(self, proxies: &[IpNet], headers: &HeaderMap) -> Self {
        let is_proxy = |ip: IpAddr| proxies.iter().any(|net| net.contains(&ip.to_canonical()));
        let values = headers.get_all(FORWARDED_FOR).iter();
        let values: Vec<_> = values.map(HeaderValue::to_str).collect();
        let mut said = values
            .iter()
            .rev()
            .flat_map(|value| value.as_ref().map_or("", |value| *value).rsplit(','));
        let mut ip = self.0;
        while is_proxy(ip)
            && let Some(before) = said.next().and_then(address)
        {
            ip = before;
        }
        Self(ip)
    }
}

/// With a port, or without one.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let with_port = || Some(text.parse::<SocketAddr>().ok()?.ip());
    text.parse().ok().or_else(with_port)
}

/// Before everything: finds out who asks, where it is a trusted proxy that is connected.
pub(crate) async fn behind_proxies(
    State(app): State<App>,
    mut request: Request,
    next: Next,
) -> Response {
    if let Some(peer) = request.extensions().get::<Peer>() {
        let peer = peer.behind(&app.0.proxies, request.headers());
        request.extensions_mut().insert(peer);
    }
    next.run(request).await
}

impl Limits {
    pub(crate) fn new(managed: Rate) -> Self {
        Self {
            managed: Counted::new(managed),
            strangers: Counted::new(USUAL),
            wrong: Counted::new(USUAL),
            issued: Counted::new(USUAL),
        }
    }

    /// Counts a key or token that is nobody's. Gives after how long another is looked at, if this is one too many.
    pub(crate) fn stranger(&self, peer: Option<Peer>) -> Option<Duration> {
        self.strangers.count(peer?.network()).refused_for
    }
}

impl<K: Eq + Hash> Counted<K> {
    fn new(rate: Rate) -> Self {
        let left = Mutex::new(LruCache::new(COUNTED));
        Self { rate, left }
    }

    /// What somebody would have who has not asked.
    pub(crate) fn untouched(&self) -> Count {
        Count {
            most: self.rate.most,
            left: self.rate.most,
            reset: Duration::ZERO,
            refused_for: None,
        }
    }

    pub(crate) fn count(&self, who: K) -> Count {
        self.count_at(who, Instant::now())
    }

    fn count_at(&self, who: K, now: Instant) -> Count {
        let most = f64::from(self.rate.most);
        let each = self.rate.within.as_secs_f64() / most;
        let mut all = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let (left, at) = all.get_or_insert_mut(who, || (most, now));
        let passed = now.saturating_duration_since(*at).as_secs_f64();
        *left = (*left + passed / each).min(most);
        *at = now;
        let refused = *left < 1.0;
        if !refused {
            *left -= 1.0;
        }
        let after = |count: f64| Duration::from_secs_f64(count.max(0.0) * each);
        Count {
            most: self.rate.most,
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "it is between 0 and `most`"
            )]
            left: *left as u32,
            reset: after(most - *left),
            refused_for: refused.then(|| after(1.0 - *left)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_at_once_and_then_as_time_passes() {
        let rate = Rate {
            most: 3,
            within: Duration::from_secs(30),
        };
        let counted = Counted::new(rate);
        let start = Instant::now();
        let at = |second| counted.count_at("acme", start + Duration::from_secs(second));
        for left in [2, 1, 0] {
            let count = at(0);
            assert_eq!((count.left, count.refused_for), (left, None));
        }
        let count = at(4);
        assert_eq!((count.most, count.left), (3, 0));
        let soon = count.refused_for.unwrap().as_secs_f64();
        assert!((5.9..6.1).contains(&soon), "{count:?}");
        let reset = count.reset.as_secs_f64();
        assert!((25.9..26.1).contains(&reset), "{count:?}");
        assert_eq!(at(11).refused_for, None);
        assert_eq!(counted.count_at("other", start).left, 2);
        assert_eq!(at(100).left, 2);
    }

    #[test]
    fn a_peer_is_counted_with_its_network() {
        let network = |text: &str| Peer(text.parse().unwrap()).network().to_string();
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(network("192.0.2.7"), "192.0.2.7");
        assert_eq!(network("::ffff:192.0.2.7"), "192.0.2.7");
    }

    #[test]
    fn w17_a_trusted_proxy_alone_says_who_asks() {
        let proxies = ["10.0.0.0/8", "2001:db8::/32"].map(|net| net.parse().unwrap());
        let behind = |peer: &str, said: &[&str]| {
            let mut headers = HeaderMap::new();
            for said in said {
                headers.append(
                    FORWARDED_FOR,
                    HeaderValue::from_bytes(said.as_bytes()).unwrap(),
                );
            }
            let Peer(ip) = Peer(peer.parse().unwrap()).behind(&proxies, &headers);
            ip.to_string()
        };
        for (peer, said, who) in [
            ("192.0.2.1", &["198.51.100.7"][..], "192.0.2.1"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.7"], "198.51.100.7"),
            ("::ffff:10.0.0.1", &["198.51.100.7"], "198.51.100.7"),
            ("2001:db8::1", &["[2001:db9::7]:4711"], "2001:db9::7"),
            ("10.0.0.1", &["198.51.100.7:4711"], "198.51.100.7"),
            // What the caller has made up is before what the proxies have added.
            ("10.0.0.1", &["203.0.113.9, 198.51.100.7"], "198.51.100.7"),
            (
                "10.0.0.1",
                &["203.0.113.9", "198.51.100.7,10.0.0.2"],
                "198.51.100.7",
            ),
            ("10.0.0.1", &["10.0.0.3 , 10.0.0.2"], "10.0.0.3"),
            ("10.0.0.1", &["198.51.100.7", "unknown"], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.7", "", "10.0.0.2"], "10.0.0.2"),
            ("10.0.0.1", &["198.51.100.7", "\u{e9}"], "10.0.0.1"),
        ] {
            assert_eq!(behind(peer, said), who, "{peer} {said:?}");
        }
    }

    #[test]
    fn whoever_asks_memory_stays_bounded() {
        let counted = Limits::new(USUAL).wrong;
        for client in 0..COUNTED.get() * 2 {
            counted.count(client.to_string());
        }
        assert_eq!(counted.left.lock().unwrap().len(), COUNTED.get());
    }
}
