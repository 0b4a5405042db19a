//! E: rules of §2.2 that no attack of the catalogue is about: budgets at their defaults, the kill switch, the host itself.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Instant;

use phonebox_test_guests::PROBE;
use serde_json::{Value, json};

use crate::area::{Area, Case, EVIL, RULES, Settings, ended, event, log, with_manifest};
use crate::host::{Host, eventually};
use crate::provider::{HERE, Provider};

/// Requests of one tenant in a second, and at one origin at a time, where nothing else is configured.
const TENANT_RATE: f64 = 100.0;
const ORIGIN_CONCURRENT: usize = 200;
/// Sandboxes of one tenant at once.
const PLACES: usize = 20;

pub(crate) async fn attack(filter: &[String]) -> Vec<crate::area::Row> {
    // Listeners of phonebox's own, both in the range that may be reached: one named by its address, one by its port alone.
    let exact = Provider::tripwire((Ipv4Addr::new(127, 77, 0, 9), 0).into());
    let anywhere = Provider::tripwire((HERE, 0).into());
    let mut names = vec![
        ("exact.own.ok.com".to_owned(), vec![exact.address]),
        ("anywhere.own.ok.com".to_owned(), vec![anywhere.address]),
    ];
    names.extend(own_address().map(|address| ("machine.own.ok.com".to_owned(), vec![address])));
    let own: Vec<String> = names.iter().map(|(name, _)| name.clone()).collect();
    let settings = Settings {
        names,
        egress: format!(
            "own = [\"{}\", \"0.0.0.0:{}\"]",
            exact.address,
            anywhere.address.port()
        ),
        ..Settings::default()
    };
    let area = Area::start(filter, settings).await;

    area.case(
        "E17",
        "names that lead to the host's own listeners and addresses",
        async |case| {
            let tenant = case
                .deploy_probe("[[egress]]\norigin = \"https://*.own.ok.com\"\n")
                .await;
            for name in &own {
                let lines = [
                    format!("send POST https://{name}/"),
                    format!("wasi {{\"authority\":\"{name}\"}}"),
                ];
                let report = case.probe(&tenant, &lines).await;
                let told = log(&report);
                assert!(
                    told.len() == 2
                        && told
                            .iter()
                            .all(|told| told.contains("DestinationIpProhibited")),
                    "sent {lines:?}\nreceived {report:#}"
                );
            }
            for tripwire in [&exact, &anywhere] {
                assert_eq!(
                    tripwire.connections(),
                    0,
                    "connections to {}",
                    tripwire.address
                );
            }
            let records = case.host().decided(&tenant, 2 * own.len()).await;
            let listeners = records
                .iter()
                .filter(|record| record["reason"] == "own")
                .count();
            assert!(listeners >= 4, "received {records:#?}");
            format!("destination-ip-prohibited for {}", own.len())
        },
    )
    .await;

    area.case(
        "E27",
        "more requests in a second than a tenant may make, at the default of 100",
        async |case| {
            let tenant = case.deploy_probe(RULES).await;
            let line = "send POST https://evil.ok.com/rate".to_owned();
            let began = Instant::now();
            let (mut sent, mut denied) = (0_usize, 0_usize);
            // However slow the machine is, at some time it makes them faster than they may be made.
            while denied == 0 && sent < 20_000 {
                for told in case.probe_each(&tenant, &vec![line.clone(); 600]).await {
                    match told.as_str() {
                        "Error::BudgetExceeded" => denied += 1,
                        told if told.starts_with("201") => sent += 1,
                        told => panic!("received {told}"),
                    }
                }
            }
            let seconds = began.elapsed().as_secs_f64();
            assert!(
                denied > 0,
                "{sent} requests in {seconds:.1} s, and none too many"
            );
            let arrived = case.area.evil.met.with("/rate").len();
            assert_eq!(arrived, sent, "requests that arrived");
            #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
            let arrived = arrived as f64;
            assert!(
                arrived <= TENANT_RATE * (1.0 + seconds),
                "{arrived} requests arrived within {seconds:.1} s"
            );
            format!("{denied} of {} over budget", sent + denied)
        },
    )
    .await;

    area.case(
        "E29 default",
        "ten tenants hold an origin, at the default of 200 requests",
        async |case| {
            // What so many sandboxes leave warm.
            case.slack(128);
            let rules = format!(
                "{RULES}[[egress]]\norigin = \"https://other.ok.com\"\n[limits]\ndeadline_ms = 20000\n"
            );
            let tenants: Vec<String> = (0..=ORIGIN_CONCURRENT / PLACES)
                .map(|number| case.tenant(&format!("-{number}")))
                .collect();
            for tenant in &tenants {
                case.deploy(tenant, PROBE.bytes, &rules).await;
            }
            let (late, holding) = tenants.split_last().unwrap();
            case.area.evil.close_gate();
            let mut runs = Vec::new();
            for tenant in holding {
                for _ in 0..PLACES {
                    let text = "send POST https://evil.ok.com/gate?held";
                    runs.push(case.attempting(tenant, text, 1).await);
                }
            }
            let held = || case.area.evil.met.with("/gate?held").len();
            eventually(|| (held() >= ORIGIN_CONCURRENT).then_some(()))
                .await
                .unwrap_or_else(|| panic!("{} requests got there", held()));
            // One more there is too many, and elsewhere it is not.
            let lines = ["evil", "other"].map(|host| format!("send POST https://{host}.ok.com/late"));
            let report = case.probe(late, &lines).await;
            let told = log(&report);
            assert!(
                told[0] == "Error::BudgetExceeded" && told[1].starts_with("201"),
                "received {report:#}"
            );
            case.area.victim().await.unwrap();
            case.area.evil.open_gate();
            for run in runs {
                let report = run.await;
                ended("a request that was held up", &report, "sent");
                assert_eq!(log(&report), ["200 opened"], "received {report:#}");
            }
            assert_eq!(held(), ORIGIN_CONCURRENT, "requests that got there");
            format!("{ORIGIN_CONCURRENT} held, the next one over budget")
        },
    )
    .await;

    area.case(
        "E30",
        "the kill switch, while requests are under way: a tenant, an origin, all",
        async |case| kill_switch(case).await,
    )
    .await;

    area.finish("E").await
}

async fn kill_switch(case: &Case<'_>) -> String {
    let rules = format!(
        "{RULES}[[egress]]\norigin = \"https://other.ok.com\"\n[limits]\ndeadline_ms = 20000\n"
    );
    let tenants = ["-one", "-two"].map(|suffix| case.tenant(suffix));
    for tenant in &tenants {
        case.deploy(tenant, PROBE.bytes, &rules).await;
    }
    let ways: Vec<(&str, &str)> = tenants
        .iter()
        .flat_map(|tenant| EVIL[..2].iter().map(|host| (tenant.as_str(), *host)))
        .collect();
    let evil = &case.area.evil;
    for (number, stop) in [
        json!({ "tenant": tenants[0] }),
        json!({ "origin": format!("https://{}", EVIL[0]) }),
    ]
    .into_iter()
    .enumerate()
    {
        let stopped = |(tenant, host): (&str, &str)| {
            stop["tenant"] == tenant || (number == 1 && host == EVIL[0])
        };
        evil.close_gate();
        let mark = format!("/gate?switch-{number}");
        let mut runs = Vec::new();
        for way in &ways {
            let text = format!("send POST https://{}{mark}", way.1);
            runs.push((*way, case.attempting(way.0, &text, 1).await));
        }
        let held = || evil.met.with(&mark).len();
        eventually(|| (held() == ways.len()).then_some(()))
            .await
            .unwrap_or_else(|| panic!("{} requests got there", held()));
        let answer = case.host().ask("block", stop.clone()).await;
        assert_eq!(answer["blocked"], true, "received {answer}");
        // Nobody has answered them: only the switch can end these so.
        let mut going_on = Vec::new();
        for (way, run) in runs {
            if !stopped(way) {
                going_on.push(run);
                continue;
            }
            let report = run.await;
            assert_eq!(
                log(&report),
                ["Error::RequestDenied"],
                "blocked {stop}\nreceived {report:#}"
            );
            assert_eq!(
                report["exchanges"][0]["decision"]["reason"], "blocked",
                "received {report:#}"
            );
        }
        for way in &ways {
            let report = case
                .probe(way.0, &[format!("send POST https://{}/new", way.1)])
                .await;
            let told = log(&report).concat();
            let expected = if stopped(*way) {
                "Error::RequestDenied"
            } else {
                "201"
            };
            assert!(
                told.starts_with(expected),
                "blocked {stop}\nreceived {report:#}"
            );
        }
        evil.open_gate();
        for run in going_on {
            let report = run.await;
            assert_eq!(
                log(&report),
                ["200 opened"],
                "blocked {stop}\nreceived {report:#}"
            );
        }
        let answer = case.host().ask("unblock", stop.clone()).await;
        assert_eq!(answer["blocked"], false, "received {answer}");
        for way in &ways {
            let report = case
                .probe(way.0, &[format!("send POST https://{}/again", way.1)])
                .await;
            assert!(
                log(&report).concat().starts_with("201"),
                "unblocked {stop}\nreceived {report:#}"
            );
        }
    }
    all(case, &rules).await;
    "request-denied for those; the others went on".to_owned()
}

/// Stops everything, in a process of its own: the victim's messages are to go on in this one.
async fn all(case: &Case<'_>, rules: &str) {
    let host = Host::start(case.area.folder.path(), &case.area.start).await;
    let tenant = case.tenant("-all");
    let path = case.area.write(&tenant, &with_manifest(PROBE.bytes, rules));
    let body = json!({ "tenant": tenant, "component": path, "secrets": {} });
    let answer = host.ask("deploy", body).await;
    assert!(answer["deployed"].is_object(), "received {answer}");
    case.area.evil.close_gate();
    let body = |path: &str| {
        let text = format!("send POST https://{}{path}", EVIL[0]);
        json!({ "tenant": tenant, "event": event(&tenant, &text) })
    };
    let run = host.asked("attempt", body("/gate?switch-all")).await;
    let held = || (case.area.evil.met.with("/gate?switch-all").len() == 1).then_some(());
    eventually(held).await.expect("the request gets there");
    host.ask("block", json!({ "all": true })).await;
    let told = |answer: Value| log(&answer["report"]).concat();
    assert_eq!(told(run.await), "Error::RequestDenied");
    assert_eq!(
        told(host.ask("attempt", body("/new")).await),
        "Error::RequestDenied"
    );
    host.ask("unblock", json!({ "all": true })).await;
    let answer = host.ask("attempt", body("/new")).await;
    assert!(
        told(answer.clone()).starts_with("201"),
        "received {answer:#}"
    );
    case.area.evil.open_gate();
    host.finish().await.unwrap();
}

/// An address of this machine that is no loopback, if it has one: the one that it would send from.
fn own_address() -> Option<SocketAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    // For UDP nothing is sent by this.
    socket.connect("192.0.2.1:9").ok()?;
    let address = socket.local_addr().ok()?;
    Some((address.ip(), 443).into())
}
