//! Names that the operator's own resolver looks up.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use phonebox_egress::{Builder, Egress, Error, Limits, Outbound, Reason};

use crate::support::{HOST, OK, Provider, begin, code, limits, policy, post, say};

/// A name server whose answers differ, and that counts.
#[derive(Clone, Default)]
struct Server {
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn serve(
        &self,
        builder: Builder,
        answer: impl Fn(usize) -> io::Result<Vec<IpAddr>> + Send + Sync + 'static,
    ) -> Builder {
        let (asked, count) = (Arc::clone(&self.asked), AtomicUsize::new(0));
        builder.look_up(move |host| {
            asked.lock().unwrap().push(host);
            let answer = answer(count.fetch_add(1, Ordering::SeqCst));
            async { answer }
        })
    }

    fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const BESIDE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

/// A door at which the provider's address may be reached, and no other one of this host's.
fn door(provider: &Provider, answers_kept: Duration) -> Builder {
    Egress::builder()
        .limits(Limits {
            answers_kept,
            ..limits()
        })
        .reachable("127.0.0.1/32".parse().unwrap())
        .trust(provider.root.clone().unwrap())
}

fn outbound(egress: &Egress, provider: &Provider) -> (Outbound, String) {
    let origin = format!("https://{HOST}:{}", provider.address.port());
    let outbound = egress.outbound("acme", Arc::new(policy(&[&origin])));
    (outbound, origin)
}

#[tokio::test]
async fn d08_a_name_is_looked_up_once_a_request_and_only_that_answer_is_dialled() {
    let provider = Provider::tls(|_| say(OK)).await;
    let server = Server::default();
    let answers = |nth| Ok(vec![if nth % 2 == 0 { HERE } else { BESIDE }]);
    let egress = server
        .serve(door(&provider, Duration::ZERO), answers)
        .build()
        .unwrap();
    let (outbound, url) = outbound(&egress, &provider);
    for nth in 1..=6 {
        let (exchange, result) = begin(&outbound).send(post(&url)).await;
        assert_eq!(server.asked(), nth, "{exchange:?}");
        if nth % 2 == 1 {
            assert_eq!(code(&result), "ok", "{nth}: {exchange:?}");
        } else {
            // Not even over the connection that is there from the time before.
            assert_eq!(
                code(&result),
                "destination-ip-prohibited",
                "{nth}: {exchange:?}"
            );
            assert_eq!(exchange.decision.reason, Reason::Address);
        }
    }
    assert_eq!(provider.requests().len(), 3);
    assert_eq!(server.asked.lock().unwrap()[0], HOST);
}

#[tokio::test]
async fn e14_an_answer_is_kept_for_its_tenant_alone_and_vetted_each_time() {
    let provider = Provider::tls(|_| say(OK)).await;
    let server = Server::default();
    let answers = |nth| Ok(vec![if nth == 0 { HERE } else { BESIDE }]);
    let egress = server
        .serve(door(&provider, Duration::from_secs(5)), answers)
        .build()
        .unwrap();
    let (acme, url) = outbound(&egress, &provider);
    let (again, _) = outbound(&egress, &provider);
    for outbound in [&acme, &again, &acme] {
        let (exchange, result) = begin(outbound).send(post(&url)).await;
        assert_eq!(code(&result), "ok", "{exchange:?}");
    }
    assert_eq!(server.asked(), 1);
    let other = egress.outbound("other", Arc::new(policy(&[&url])));
    for _ in 0..2 {
        let (exchange, result) = begin(&other).send(post(&url)).await;
        assert_eq!(code(&result), "destination-ip-prohibited", "{exchange:?}");
    }
    assert_eq!(server.asked(), 2);
}

#[tokio::test]
async fn an_operators_answer_comes_before_any_name_server() {
    let provider = Provider::tls(|_| say(OK)).await;
    let server = Server::default();
    let nothing = |_| Err(io::ErrorKind::NotFound.into());
    let egress = server.serve(provider.door(), nothing).build().unwrap();
    let outbound = egress.outbound(
        "acme",
        Arc::new(policy(&["https://api.ok.com", "https://other.ok.com"])),
    );
    let ask = async |url| begin(&outbound).send(post(url)).await.1;
    assert_eq!(code(&ask("https://api.ok.com/").await), "ok");
    assert_eq!(server.asked(), 0);
    assert_eq!(ask("https://other.ok.com/").await, Err(Error::DnsError));
    assert_eq!(server.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_name_server_that_does_not_answer_is_given_up() {
    let egress = Egress::builder()
        .look_up(|_| std::future::pending())
        .build()
        .unwrap();
    let outbound = egress.outbound("acme", Arc::new(policy(&["https://api.ok.com"])));
    let (exchange, result) = begin(&outbound).send(post("https://api.ok.com/")).await;
    assert_eq!(result, Err(Error::DnsTimeout), "{exchange:?}");
    assert_eq!(
        exchange.timings.resolve,
        Some(Duration::from_secs(2)),
        "{exchange:?}"
    );
}

#[tokio::test]
async fn e17_our_own_listener_is_not_reached_though_its_range_is_open() {
    let provider = Provider::tls(|_| say(OK)).await;
    for own in [
        provider.address,
        (Ipv4Addr::UNSPECIFIED, provider.address.port()).into(),
    ] {
        let egress = provider.door().own(own).build().unwrap();
        let trip = begin(&provider.outbound(&egress, "acme"));
        let (exchange, result) = trip.send(post("https://api.ok.com/")).await;
        assert_eq!(code(&result), "destination-ip-prohibited", "{exchange:?}");
        assert_eq!(exchange.decision.reason, Reason::Own);
    }
    assert_eq!(provider.connections().await, 0);
}

#[tokio::test]
async fn a_range_is_open_for_the_tenant_that_the_operator_names() {
    let provider = Provider::tls(|_| say(OK)).await;
    let egress = Egress::builder()
        .limits(limits())
        .resolve(HOST, vec![provider.address])
        .trust(provider.root.clone().unwrap())
        .reachable_by("acme", "127.0.0.0/8".parse().unwrap())
        .build()
        .unwrap();
    for (tenant, wanted) in [("acme", "ok"), ("other", "destination-ip-prohibited")] {
        let trip = begin(&provider.outbound(&egress, tenant));
        let (exchange, result) = trip.send(post("https://api.ok.com/")).await;
        assert_eq!(code(&result), wanted, "{tenant}: {exchange:?}");
        assert_eq!(
            exchange.address, None,
            "an inner address is told: {exchange:?}"
        );
    }
}

#[test]
fn a_nat64_prefix_has_one_of_six_lengths() {
    for (prefix, good) in [
        ("64:ff9b::/96", true),
        ("2a00::/32", true),
        ("2a00::/33", false),
        ("2a00::/128", false),
    ] {
        let builder =
            Egress::builder().nat64(prefix.parse().unwrap(), phonebox_egress::Nat64::Unwrap);
        assert_eq!(builder.build().is_ok(), good, "{prefix}");
    }
}

#[tokio::test(start_paused = true)]
async fn e28_a_name_that_does_not_exist_takes_as_long_as_a_denial() {
    let server = Server::default();
    let nothing = |_| Err(io::ErrorKind::NotFound.into());
    let denial = Duration::from_millis(50);
    let door = Egress::builder().limits(Limits { denial, ..limits() });
    let egress = server.serve(door, nothing).build().unwrap();
    let outbound = egress.outbound("acme", Arc::new(policy(&["https://api.ok.com"])));
    // Asked for, and known.
    for _ in 0..2 {
        let began = tokio::time::Instant::now();
        let (exchange, result) = begin(&outbound).send(post("https://api.ok.com")).await;
        assert_eq!(result, Err(Error::DnsError), "{exchange:?}");
        assert!(began.elapsed() >= denial, "{exchange:?}");
    }
    assert_eq!(server.asked(), 1);
}
