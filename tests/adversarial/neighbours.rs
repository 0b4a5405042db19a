//! M and S14: tenants that want what is the others': their time, their memory, their messages, what they left behind.

use std::collections::HashMap;

use phonebox_test_guests::{POST, PROBE};
use serde_json::json;

use crate::area::{Area, RULES, Settings, ended, ending, event, log, revealed, with_manifest};
use crate::core::{Core, SENT};

pub(crate) async fn attack(filter: &[String]) -> Vec<crate::area::Row> {
    let settings = Settings {
        // 600 requests at once are nobody's attack here.
        limits: "tenant_rate = 100000\norigin_concurrent = 1000".to_owned(),
        ..Settings::default()
    };
    let area = Area::start(filter, settings).await;

    area.case(
        "M01",
        "40 endless loops of two tenants at once",
        async |case| {
            let mut runs = Vec::new();
            for which in ["-one", "-two"] {
                let tenant = case.tenant(which);
                case.deploy(&tenant, PROBE.bytes, RULES).await;
                for _ in 0..20 {
                    runs.push(case.attempting(&tenant, "spin", 0).await);
                }
            }
            let mut waits = Vec::new();
            for _ in 0..20 {
                let began = std::time::Instant::now();
                case.area.victim().await.unwrap();
                waits.push(began.elapsed());
            }
            let (mut cpu, mut runs) = (0, runs.into_iter());
            // The victim was not made to wait for the loops: all its messages were sent before the last of them was over.
            let last = runs.next_back().unwrap();
            for run in runs {
                let report = run.await;
                exhausted(&report);
                cpu += report["usage"]["cpu_us"].as_u64().unwrap();
            }
            exhausted(&last.await);
            waits.sort();
            format!(
                "20 messages meanwhile, median {} ms, longest {} ms; {} ms of computing",
                waits[10].as_millis(),
                waits[19].as_millis(),
                cpu / 1000
            )
        },
    )
    .await;

    area.case("M03", "20 runs that hold 60 MiB each", async |case| {
        // What the attack may take, and a little more.
        case.slack(96);
        let tenant = case.tenant("");
        case.deploy(
            &tenant,
            PROBE.bytes,
            &format!("{RULES}[limits]\ndeadline_ms = 20000\n"),
        )
        .await;
        case.area.evil.close_gate();
        let before = case.host().holdings().memory;
        let mut runs = Vec::new();
        for _ in 0..24 {
            runs.push(
                case.attempting(&tenant, "hoard-memory 60 https://evil.ok.com/gate", 1)
                    .await,
            );
        }
        let all_there = crate::host::eventually(|| {
            let waiting = case.area.evil.met.with("/gate").len();
            (waiting >= 20).then_some(waiting)
        });
        let waiting = all_there
            .await
            .expect("20 runs get as far as their request");
        let held = case.host().holdings().memory;
        for _ in 0..5 {
            case.area.victim().await.unwrap();
        }
        assert_eq!(
            case.area.evil.met.with("/gate").len(),
            20,
            "runs of one tenant at once"
        );
        case.area.evil.open_gate();
        // Where memory is slow to come, writing to 60 MiB takes all the computing that a run may do.
        let mut sent = 0;
        for run in runs {
            let report = run.await;
            if report["error"]["kind"] != "cpu_exceeded" {
                ended("hoard-memory 60", &report, "sent");
                assert_eq!(log(&report), ["60 MiB, 200 opened"], "received {report:#}");
                sent += 1;
            }
        }
        assert!(sent >= 20, "{sent} of 24 runs held their memory");
        let held = (held - before) >> 10;
        assert!(held <= 20 * 64 + 64, "the host held {held} MiB more");
        format!("{waiting} at once held {held} MiB; the victim's went through")
    })
    .await;

    area.case(
        "E29",
        "one tenant holds all it can of the victim's provider",
        async |case| {
            let tenant = case.tenant("");
            let rules =
                "[[egress]]\norigin = \"https://api.twilio.com\"\n[limits]\ndeadline_ms = 20000\n";
            case.deploy(&tenant, PROBE.bytes, rules).await;
            case.area.good.close_gate();
            let mut runs = Vec::new();
            for _ in 0..40 {
                runs.push(
                    case.attempting(&tenant, "send POST https://api.twilio.com/gate", 1)
                        .await,
                );
            }
            let held = crate::host::eventually(|| {
                let held = case.area.good.met.with("POST /gate").len();
                (held >= 20).then_some(held)
            });
            let held = held.await.expect("20 runs get as far as their request");
            for _ in 0..10 {
                case.area.victim().await.unwrap();
            }
            case.area.good.open_gate();
            for run in runs {
                ended("a request that was held up", &run.await, "sent");
            }
            format!("{held} held; the victim's went through")
        },
    )
    .await;

    area.case("M05", "30 tenants, 600 messages, with cancels, crashes and withdrawals among them", async |case| {
        const TENANTS: usize = 30;
        // Places that are used for the first time stay warm.
        case.slack(128);
        let rules = "[[egress]]\norigin = \"https://evil.ok.com\"\n[secrets.ORIGIN]\n";
        let path = case.area.write("m05", &with_manifest(POST.bytes, rules));
        for number in 0..TENANTS {
            let tenant = case.tenant(&format!("-{number}-end"));
            let secrets = json!({ "ORIGIN": revealed("https://evil.ok.com"), "TOKEN": revealed(&format!("token-of-{number}-end")) });
            let answer = case.upload_file(&tenant, &path, secrets).await;
            assert!(answer["deployed"].is_object(), "received {answer}");
        }
        let rude = case.tenant("-rude");
        case.deploy(&rude, PROBE.bytes, &format!("{RULES}[limits]\ndeadline_ms = 150\n")).await;
        let mut sent = Vec::new();
        for round in 0..20 {
            for number in 0..TENANTS {
                let tenant = case.tenant(&format!("-{number}-end"));
                let text = format!("text-of-{number}-end round {round}");
                sent.push((number, text.clone(), case.attempting(&tenant, &text, 1).await));
            }
            let (misdeed, requests) = [
                ("sleep 5000", 0),
                ("panic now", 0),
                ("send POST https://evil.ok.com/never", 1),
                ("spin", 0),
            ][round % 4];
            drop(case.attempting(&rude, misdeed, requests).await);
            if round % 5 == 4 {
                // Deployed anew while its runs are under way.
                let tenant = case.tenant("-0-end");
                let secrets = json!({ "ORIGIN": revealed("https://evil.ok.com"), "TOKEN": revealed("token-of-0-end") });
                case.upload_file(&tenant, &path, secrets).await;
            }
        }
        let mut reports = Vec::new();
        for (number, text, report) in sent {
            reports.push((number, text, report.await));
        }
        let arrived = case.area.evil.met.requests();
        let by_text: HashMap<&str, usize> = arrived
            .iter()
            .enumerate()
            .filter_map(|(index, request)| Some((request.split("\"text\":\"").nth(1)?.split('"').next()?, index + 1)))
            .collect();
        for (number, text, report) in &reports {
            ended(text, report, "sent");
            let index = by_text.get(text.as_str()).copied().unwrap_or_default();
            let id = report["outcome"]["receipt"]["message_id"].as_str().unwrap_or_default();
            assert_eq!(
                id,
                index.to_string(),
                "{text} was the provider's request {index}, and its run got another's answer: {report:#}"
            );
            let request = &arrived[index - 1];
            assert!(
                request.contains(&format!("authorization: Bearer token-of-{number}-end")),
                "tenant {number} sent {request:?}"
            );
        }
        format!("{} messages, 0 mixed up", reports.len())
    })
    .await;

    area.case("M07", "how fine the clocks are", async |case| {
        let tenant = case.deploy_probe(RULES).await;
        let mut steps = Vec::new();
        for _ in 0..20 {
            let report = case.probe(&tenant, &["clock-steps 5000".to_owned()]).await;
            ended("clock-steps 5000", &report, "sent");
            let told = log(&report).remove(0);
            for step in told.split(' ') {
                let step: u128 = step.parse().unwrap();
                if step != u128::MAX {
                    assert!(
                        step >= 1_000_000 && step.is_multiple_of(1_000_000),
                        "a clock made a step of {step} ns: {told}"
                    );
                    steps.push(step);
                }
            }
        }
        assert!(!steps.is_empty(), "no step of any clock was seen");
        format!("1 ms at the finest, in {} steps", steps.len())
    })
    .await;

    let rows = area.finish("M").await;
    let few = Settings {
        // So few that every one of them is used again.
        runtime: "places = 4\nplaces_per_tenant = 4".to_owned(),
        ..Settings::default()
    };
    let area = Area::start(filter, few).await;
    residue(&area).await;
    rows.into_iter().chain(area.finish("S").await).collect()
}

/// Sees that a loop was ended: by its own limit, or by the clock if it got too few turns until then.
fn exhausted(report: &serde_json::Value) {
    assert!(
        ["cpu_exceeded", "deadline_exceeded"].contains(&ending(report).as_str()),
        "sent spin\nreceived {report:#}"
    );
}

/// What one tenant's sandbox leaves in its place for the next.
async fn residue(area: &Area) {
    area.case(
        "S14",
        "residue in memories, tables and globals of a place (CVE-2022-39393, 2026-34988)",
        async |case| {
            // Fills all it can get with marks, and then ends in one of many ways.
            let fill = |end: &str| Core {
                rest: "(table $t 1 funcref) (global $g (mut i64) (i64.const 0)) (elem declare func $say)
                       (func $deep (param i32) (result i32) (i32.add (i32.const 1) (call $deep (local.get 0))))
                       (data (i32.const 2048) \"https://evil.ok.com/hang\")"
                    .to_owned(),
                ..Core::deliver(format!(
                    "(loop $more (br_if $more (i32.ne (i32.const -1) (memory.grow (i32.const 16)))))
                     (memory.fill (i32.const 8192) (i32.const 0xa5)
                       (i32.sub (i32.shl (memory.size) (i32.const 16)) (i32.const 8192)))
                     (drop (table.grow $t (ref.func $say) (i32.const 19000)))
                     (global.set $g (i64.const -1)) {end}"
                ))
            };
            // Looks at every byte and element that it did not write itself. What lies from 64 KiB to `$top` is the event.
            let scan = Core {
                rest: "(table $t 1 funcref) (global $g (mut i64) (i64.const 0))".to_owned(),
                ..Core::deliver(format!(
                    "(local $at i32) (local $end i32)
                     (if (i64.ne (global.get $g) (i64.const 0)) (then unreachable))
                     (loop $more (br_if $more (i32.ne (i32.const -1) (memory.grow (i32.const 16)))))
                     (drop (table.grow $t (ref.null func) (i32.const 19000)))
                     (loop $elements
                       (if (i32.eqz (ref.is_null (table.get $t (local.get $at)))) (then unreachable))
                       (local.set $at (i32.add (local.get $at) (i32.const 1)))
                       (br_if $elements (i32.lt_u (local.get $at) (table.size $t))))
                     (local.set $at (i32.const 4096))
                     (loop $low
                       (if (i64.ne (i64.load (local.get $at)) (i64.const 0)) (then (return (call $fail (i32.const 1024) (i32.const 5)))))
                       (local.set $at (i32.add (local.get $at) (i32.const 8)))
                       (br_if $low (i32.lt_u (local.get $at) (i32.const 65536))))
                     (local.set $at (i32.and (i32.add (global.get $top) (i32.const 7)) (i32.const -8)))
                     (local.set $end (i32.shl (memory.size) (i32.const 16)))
                     (loop $high
                       (if (i64.ne (i64.load (local.get $at)) (i64.const 0)) (then (return (call $fail (i32.const 1024) (i32.const 5)))))
                       (local.set $at (i32.add (local.get $at) (i32.const 8)))
                       (br_if $high (i32.lt_u (local.get $at) (local.get $end))))
                     {SENT}"
                ))
            };
            // As large a memory at once, with nothing in it but what the module says.
            let fresh = Core {
                memory: "(memory (export \"memory\") 900)".to_owned(),
                rest: scan.rest.clone(),
                ..Core::deliver(scan.deliver.clone())
            };
            let (scanner, large) = (case.tenant("-scan"), case.tenant("-large"));
            case.deploy(&scanner, &scan.component(), RULES).await;
            case.deploy(&large, &fresh.component(), RULES).await;
            let mut scans = 0;
            for (what, end, expected) in [
                ("sent", SENT, "sent"),
                // That its memory was refused is taken for the reason.
                ("trap", "unreachable", "memory_exceeded"),
                ("loop", "(loop br 0) unreachable", "cpu_exceeded"),
                ("waiting", "(drop (call $ask)) unreachable", "memory_exceeded"),
                ("deep", "(call $deep (i32.const 0))", "memory_exceeded"),
            ] {
                let tenant = case.tenant(&format!("-{what}"));
                let requests = usize::from(what == "waiting");
                let limits = ["", "[limits]\ndeadline_ms = 1000\n"][requests];
                case.deploy(&tenant, &fill(end).component(), &format!("{RULES}{limits}"))
                    .await;
                for _ in 0..2 {
                    let mut fills = Vec::new();
                    for _ in 0..4 {
                        fills.push(case.attempting(&tenant, "", requests).await);
                    }
                    for filled in fills {
                        let report = filled.await;
                        ended(&format!("filled, then {end}"), &report, expected);
                    }
                    let mut reports = Vec::new();
                    for of in [&scanner, &large, &scanner, &large] {
                        let body = json!({ "tenant": of, "event": event(of, "") });
                        reports.push(case.host().asked("attempt", body).await);
                    }
                    for report in reports {
                        let report = report.await["report"].take();
                        ended(&format!("a scan of places that were left by «{what}»"), &report, "sent");
                        scans += 1;
                    }
                }
            }
            format!("{scans} scans of used places, all zero")
        },
    )
    .await;
}
