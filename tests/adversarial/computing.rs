//! B: guests that compute, grow, recurse and trap.

use serde_json::{Value, json};

use crate::area::{Area, Case, RULES, Settings, clipped, ended, ending, event, log};
use crate::canary::TOKEN;
use crate::core::{Core, SENT, with_module};

/// A deadline that is soon over.
const SHORT: &str = "[limits]\ndeadline_ms = 1500\n";

pub(crate) async fn attack(filter: &[String]) -> Vec<crate::area::Row> {
    let area = Area::start(filter, Settings::default()).await;

    area.case("B01", "an endless loop", async |case| {
        let report = case
            .run_core("", &Core::deliver("(loop br 0) unreachable"))
            .await;
        ended("(loop br 0)", &report, "cpu_exceeded");
        assert_eq!(report["fault"], "action", "received {report:#}");
        let tenant = case.deploy_probe(RULES).await;
        let report = case.probe(&tenant, &["spin".to_owned()]).await;
        ended("a loop in Rust", &report, "cpu_exceeded");
        ending(&report)
    })
    .await;

    area.case(
        "B02",
        "endless loops outside of deliver: start, realloc, post-return, destructor",
        async |case| {
            let spin = "(loop br 0)";
            let text = || spin.to_owned();
            for (place, core) in [
                (
                    "start",
                    Core {
                        rest: format!("(func $begin {spin}) (start $begin)"),
                        ..Core::default()
                    },
                ),
                (
                    "initialize",
                    Core {
                        rest: format!("(func (export \"_initialize\") {spin})"),
                        ..Core::default()
                    },
                ),
                (
                    "realloc",
                    Core {
                        realloc: format!("{spin} unreachable"),
                        ..Core::default()
                    },
                ),
                (
                    "post",
                    Core {
                        post: text(),
                        ..Core::default()
                    },
                ),
                (
                    "destructor",
                    Core {
                        destructor: Some(text()),
                        ..Core::deliver(format!("(call $drop (call $new (i32.const 1))) {SENT}"))
                    },
                ),
            ] {
                let report = case.run_core(&format!("-{place}"), &core).await;
                ended(&format!("a loop in {place}"), &report, "cpu_exceeded");
                assert_eq!(report["fault"], "action", "{place}: received {report:#}");
            }
            "cpu_exceeded each".to_owned()
        },
    )
    .await;

    area.case(
        "B04",
        "bulk operations over 60 MiB in a loop (RUSTSEC-2026-0223)",
        async |case| {
            let memory = "(memory (export \"memory\") 960)".to_owned();
            let size = 62_000_000;
            for (what, body) in [
                (
                    "fill",
                    format!("(memory.fill (i32.const 65536) (i32.const 7) (i32.const {size}))"),
                ),
                (
                    "copy",
                    format!("(memory.copy (i32.const 65537) (i32.const 65536) (i32.const {size}))"),
                ),
                (
                    "table",
                    "(table.fill $t (i32.const 0) (ref.null func) (i32.const 19000))".to_owned(),
                ),
            ] {
                let core = Core {
                    memory: memory.clone(),
                    rest: "(table $t 19000 funcref)".to_owned(),
                    ..Core::deliver(format!("(loop $l {body} (br $l)) unreachable"))
                };
                let report = case.run_core(&format!("-{what}"), &core).await;
                ended(&body, &report, "cpu_exceeded");
            }
            "cpu_exceeded each".to_owned()
        },
    )
    .await;

    area.case("B05", "memory.grow for ever, and many memories", async |case| {
        // Grows page by page until it is refused, and says `sent` if that was at 64 MiB and not beyond.
        let core = Core::deliver(format!(
            "(loop $more (br_if $more (i32.ne (i32.const -1) (memory.grow (i32.const 1)))))
             (if (i32.ne (memory.size) (i32.const 1024)) (then (unreachable))) {SENT}"
        ));
        let report = case.run_core("-pages", &core).await;
        ended("memory.grow 1 until -1", &report, "sent");
        assert_eq!(
            report["usage"]["peak_memory_bytes"],
            64 << 20,
            "received {report:#}"
        );
        // All at once, more than there is.
        for pages in ["1025", "65536", "-1"] {
            let core = Core::deliver(format!(
                "(if (i32.ne (i32.const -1) (memory.grow (i32.const {pages}))) (then unreachable)) {SENT}"
            ));
            let report = case.run_core("-at-once", &core).await;
            ended(&format!("memory.grow {pages}"), &report, "sent");
        }
        // Several memories: their sum is within the limit, and then above it.
        let tenant = case.tenant("-sum");
        let three_of = |pages: u32| {
            (0..3).fold(Core::default().component(), |component, _| {
                with_module(&component, &format!("(module (memory {pages}))"))
            })
        };
        let taken = run_or_refuse(case, &tenant, &three_of(320)).await;
        assert_eq!(taken, "sent", "sent memories of 3 × 20 MiB and 256 KiB");
        let refused = run_or_refuse(case, &tenant, &three_of(352)).await;
        assert_ne!(refused, "sent", "sent memories of 3 × 22 MiB and 256 KiB");
        // Memories that grow as they start.
        let mut growing = Core::default().component();
        for _ in 0..3 {
            growing = with_module(
                &growing,
                "(module (memory 1) (func $s (loop $m (br_if $m (i32.ne (i32.const -1) (memory.grow (i32.const 16)))))) (start $s))",
            );
        }
        let tenant = case.tenant("-growing");
        case.deploy(&tenant, &growing, RULES).await;
        let report = case.attempt(&tenant, "", 0).await;
        let peak = report["usage"]["peak_memory_bytes"].as_u64().unwrap();
        assert!(peak <= 64 << 20, "received {report:#}");
        // A guest that does not care, in Rust.
        let tenant = case.deploy_probe(RULES).await;
        let report = case.probe(&tenant, &["grow".to_owned()]).await;
        ended("allocations without end", &report, "memory_exceeded");
        format!("-1 at 64 MiB in all; {refused}; memory_exceeded")
    })
    .await;

    area.case("B07", "tables that grow for ever", async |case| {
        let core = Core {
            rest: "(table $t 0 funcref)".to_owned(),
            ..Core::deliver(format!(
                "(loop $more (br_if $more (i32.ne (i32.const -1) (table.grow $t (ref.null func) (i32.const 7)))))
                 ;; The component has a small table of its own.
                 (if (i32.gt_u (table.size $t) (i32.const 20000)) (then unreachable))
                 (if (i32.lt_u (table.size $t) (i32.const 19900)) (then unreachable))
                 (if (i32.ne (i32.const -1) (table.grow $t (ref.null func) (i32.const 10000000))) (then unreachable)) {SENT}"
            ))
        };
        let report = case.run_core("", &core).await;
        ended("table.grow until -1", &report, "sent");
        // The tables of a component share one limit.
        let core = Core {
            rest: "(table $t 0 funcref)".to_owned(),
            ..Core::deliver(format!(
                "(if (i32.ne (i32.const -1) (table.grow $t (ref.null func) (i32.const 5001))) (then (unreachable)))
                 (if (i32.eq (i32.const -1) (table.grow $t (ref.null func) (i32.const 4900))) (then (unreachable))) {SENT}"
            ))
        };
        let tenant = case.tenant("-sum");
        let two = with_module(&core.component(), "(module (table 15000 funcref))");
        let taken = run_or_refuse(case, &tenant, &two).await;
        assert_eq!(taken, "sent", "sent tables of 15,000 elements, and of 5,001 or 4,900 more");
        // As many in one module as in several.
        let tenant = case.tenant("-several");
        let tables = "(table 2000 funcref)".repeat(8);
        let several = with_module(&Core::default().component(), &format!("(module {tables})"));
        let taken = run_or_refuse(case, &tenant, &several).await;
        assert_eq!(taken, "sent", "sent a module with eight tables");
        "-1 at 20,000 elements in all".to_owned()
    })
    .await;

    area.case(
        "B08",
        "deep recursion: small frames, large frames, through the host",
        async |case| {
            let large: String = (0..1000).map(|n| format!("(local $l{n} i64)")).collect();
            let set: String = (0..1000)
                .map(|n| format!("(local.set $l{n} (i64.load offset={} (i32.const 0)))", n * 8))
                .collect();
            let used: String = (0..1000)
                .map(|n| format!("(i64.store offset={} (i32.const 0) (local.get $l{n}))", n * 8))
                .collect();
            for (what, function) in [
                (
                    "small",
                    "(func $f (param i32) (result i32) (i32.add (i32.const 1) (call $f (local.get 0))))"
                        .to_owned(),
                ),
                (
                    "large",
                    format!(
                        "(func $f (param i32) (result i32) {large} {set} (drop (call $f (local.get 0))) {used} (local.get 0))"
                    ),
                ),
                (
                    "host",
                    "(func $f (param i32) (result i32) (call $event-json (i32.const 600))
                       (i32.add (i32.const 1) (call $f (local.get 0))))"
                        .to_owned(),
                ),
                (
                    "realloc",
                    // The host calls the guest, which goes on as deep as it can.
                    "(func $f (param i32) (result i32) (i32.add (i32.const 1) (call $f (local.get 0))))"
                        .to_owned(),
                ),
            ] {
                let mut core = Core {
                    rest: function,
                    ..Core::deliver("(call $f (i32.const 0))")
                };
                if what == "realloc" {
                    "(call $f (local.get 3))".clone_into(&mut core.realloc);
                }
                let report = case.run_core(&format!("-{what}"), &core).await;
                // With the host in between, something else may be used up first.
                let expected: &[&str] = match what {
                    "host" => &["trapped", "host_calls_exceeded", "memory_exceeded", "cpu_exceeded"],
                    _ => &["trapped"],
                };
                assert!(
                    expected.contains(&ending(&report).as_str()),
                    "sent recursion, {what}\nreceived {report:#}"
                );
                if what != "host" {
                    let message = report["error"]["message"].as_str().unwrap_or_default();
                    assert!(message.contains("stack"), "{what}: received {report:#}");
                }
            }
            "trapped: stack exhausted".to_owned()
        },
    )
    .await;

    area.case(
        "B10",
        "waiting for ever: a provider that never answers, sleep, poll (GHSA-3r89)",
        async |case| {
            let rules = format!("{RULES}{SHORT}");
            let tenant = case.deploy_probe(&rules).await;
            let authority = r#"{"authority":"evil.ok.com","path":"/never"}"#;
            let answers = case.host().position().0;
            let mut runs = Vec::new();
            for (text, requests) in [
                ("send POST https://evil.ok.com/never".to_owned(), 1),
                (format!("wasi {authority}"), 1),
                (
                    "send POST https://evil.ok.com/never\nsleep 60000".to_owned(),
                    1,
                ),
                ("sleep 60000".to_owned(), 0),
            ] {
                let report = case.attempting(&tenant, &text, requests).await;
                runs.push((text, report));
            }
            // Another tenant's message is there before any of them.
            case.area.victim().await.unwrap();
            let over = case.host().answers_since(answers);
            let early: Vec<_> = over.iter().filter(|line| line.contains("usage")).collect();
            assert_eq!(early.len(), 1, "received {early:#?}");
            for (text, report) in runs {
                let report = report.await;
                let expected = if text.contains("sleep") {
                    "deadline_exceeded"
                } else {
                    "sent"
                };
                ended(&text, &report, expected);
                if text.contains("never") {
                    assert!(
                        log(&report)[0].contains("ResponseTimeout"),
                        "sent {text}\nreceived {report:#}"
                    );
                }
            }
            // The provider is rid of its callers, and nothing comes later.
            let gone = crate::host::eventually(|| {
                let open = &case.area.evil.met.open;
                (open.load(std::sync::atomic::Ordering::SeqCst) == 0).then_some(())
            });
            assert!(gone.await.is_some(), "connections stay open");
            "response-timeout, deadline_exceeded".to_owned()
        },
    )
    .await;

    area.case("B12", "every trap there is", async |case| {
        for (index, (body, rest, message)) in TRAPS.iter().enumerate() {
            let core = Core {
                rest: (*rest).to_owned(),
                ..Core::deliver(format!("{body} {SENT}"))
            };
            let report = case.run_core(&format!("-{index}"), &core).await;
            ended(body, &report, "trapped");
            let said = report["error"]["message"].as_str().unwrap_or_default();
            assert!(
                said.contains(message),
                "sent {body}\nreceived {said}\nexpected something with «{message}»"
            );
            assert_eq!(report["fault"], "action", "received {report:#}");
        }
        // A crash is not tried again.
        let tenant = case.tenant("-0");
        let body = json!({ "tenant": tenant, "event": event(&tenant, "") });
        let answer = case.host().ask("deliver", body).await;
        let delivery = &answer["delivery"];
        assert_eq!(
            (
                &delivery["status"],
                delivery["attempts"].as_array().map(Vec::len)
            ),
            (&json!("dropped"), Some(1)),
            "received {answer:#}"
        );
        format!("{} traps, each by its name; one attempt", TRAPS.len())
    })
    .await;

    area.case(
        "B14",
        "state that outlives a trap: globals, memory, tables",
        async |case| {
            let core = Core {
                rest: "(global $g (mut i32) (i32.const 0)) (table $t 2 funcref) (elem declare func $say)".to_owned(),
                ..Core::deliver(
                    "(if (global.get $g) (then (return (call $fail (i32.const 1024) (i32.const 5)))))
                     (if (i32.load (i32.const 60000)) (then (return (call $fail (i32.const 1024) (i32.const 5)))))
                     (if (i32.eqz (ref.is_null (table.get $t (i32.const 1)))) (then (return (call $fail (i32.const 1024) (i32.const 5)))))
                     (global.set $g (i32.const 1)) (i32.store (i32.const 60000) (i32.const 1))
                     (table.set $t (i32.const 1) (ref.func $say))
                     unreachable",
                )
            };
            let tenant = case.tenant("");
            case.deploy(&tenant, &core.component(), RULES).await;
            for _ in 0..20 {
                let report = case.attempt(&tenant, "", 0).await;
                ended("a trap after marks were left", &report, "trapped");
            }
            let tenant = case.tenant("-probe");
            case.deploy(&tenant, phonebox_test_guests::PROBE.bytes, RULES).await;
            for _ in 0..5 {
                let report = case.attempt(&tenant, "runs\npanic now", 0).await;
                assert_eq!(
                    log(&report).first().map(String::as_str),
                    Some("run 1 of this instance"),
                    "received {report:#}"
                );
            }
            "fresh each time".to_owned()
        },
    )
    .await;

    area.case("B-exit", "exit, and endless loops that call the host", async |case| {
        let tenant = case.deploy_probe(RULES).await;
        for code in ["0", "1", "255", "-1"] {
            let report = case.probe(&tenant, &[format!("exit {code}")]).await;
            ended(&format!("exit {code}"), &report, "exited");
        }
        // The host's own work for a guest counts as computing or as points.
        let core = Core::deliver("(loop $l (call $event-json (i32.const 600)) (global.set $top (i32.const 65536)) (br $l)) unreachable");
        let report = case.run_core("-host", &core).await;
        assert!(
            ["host_calls_exceeded", "cpu_exceeded"].contains(&ending(&report).as_str()),
            "received {report:#}"
        );
        format!("exited; {}", ending(&report))
    })
    .await;

    area.finish("B").await
}

/// Deploys and runs, or says how it was refused.
async fn run_or_refuse(case: &Case<'_>, tenant: &str, component: &[u8]) -> String {
    let path = case
        .area
        .write(tenant, &crate::area::with_manifest(component, RULES));
    let answer = case
        .upload_file(tenant, &path, json!({ "TOKEN": TOKEN }))
        .await;
    if answer["deployed"].is_object() {
        return ending(&case.attempt(tenant, "", 0).await);
    }
    assert!(
        answer["error"]["fault"] == "action" && answer["error"]["hint"].is_string(),
        "received {}",
        clipped(&answer.to_string())
    );
    match &answer["error"]["message"] {
        Value::String(message) => format!("refused: {message}"),
        _ => answer.to_string(),
    }
}

/// What traps, what it needs, and what has to be in the message.
const TRAPS: &[(&str, &str, &str)] = &[
    ("unreachable", "", "unreachable"),
    (
        "(drop (i32.div_s (i32.const 1) (i32.const 0)))",
        "",
        "divide by zero",
    ),
    (
        "(drop (i64.rem_u (i64.const 1) (i64.const 0)))",
        "",
        "divide by zero",
    ),
    (
        "(drop (i32.div_s (i32.const -2147483648) (i32.const -1)))",
        "",
        "integer overflow",
    ),
    (
        "(drop (i32.load (i32.const -4)))",
        "",
        "out of bounds memory access",
    ),
    (
        "(i64.store (i32.const 262141) (i64.const 1))",
        "",
        "out of bounds memory access",
    ),
    (
        "(memory.copy (i32.const 0) (i32.const 1) (i32.const -1))",
        "",
        "out of bounds memory access",
    ),
    (
        "(drop (v128.load offset=4294967295 (i32.const -1)))",
        "",
        "out of bounds memory access",
    ),
    (
        "(drop (table.get $t (i32.const 9)))",
        "(table $t 1 funcref)",
        "out of bounds table access",
    ),
    (
        "(table.init $t $e (i32.const 0) (i32.const 0) (i32.const 9))",
        "(table $t 1 funcref) (elem $e func $say)",
        "out of bounds table access",
    ),
    (
        "(call_indirect $t (type $other) (i32.const 0))",
        "(type $other (func)) (table $t 1 funcref) (elem (i32.const 0) $bump)",
        "indirect call type mismatch",
    ),
    (
        "(call_indirect $t (type $other) (i32.const 0))",
        "(type $other (func)) (table $t 1 funcref)",
        "uninitialized element",
    ),
    (
        "(call_indirect $t (type $other) (i32.const 7))",
        "(type $other (func)) (table $t 1 funcref)",
        "undefined element",
    ),
    (
        "(drop (i32.trunc_f32_s (f32.const nan)))",
        "",
        "invalid conversion to integer",
    ),
    (
        "(drop (i64.trunc_f64_u (f64.const 1e300)))",
        "",
        "integer overflow",
    ),
];
