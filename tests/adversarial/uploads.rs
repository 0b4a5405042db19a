//! A: what is uploaded and is no action, or one that is expensive to look at. Each by `phonebox check` and by `deploy`.

use std::path::Path;
use std::process::Stdio;

use phonebox_test_guests::NOOP;
use serde_json::{Value, json};

use crate::area::{Area, Case, RULES, Settings, clipped, ended, with_manifest};
use crate::core::{Core, with_module};
use crate::host::PATIENCE;
use crate::hostile;

pub(crate) async fn attack(filter: &[String]) -> Vec<crate::area::Row> {
    // Nothing is compiled yet.
    let home = tempfile::tempdir().unwrap();
    let variable = (
        "PHONEBOX_HOME".to_owned(),
        home.path().display().to_string(),
    );
    let settings = Settings {
        environment: vec![variable],
        ..Settings::default()
    };
    let area = Area::start(filter, settings).await;

    area.case(
        "A01",
        "no WebAssembly, noise, components cut short",
        async |case| {
            let mut uploads = vec![
                ("nothing".to_owned(), Vec::new()),
                ("text".to_owned(), b"#!/bin/sh\nexit 0\n".to_vec()),
                (
                    "an ELF file".to_owned(),
                    std::fs::read("/proc/self/exe").unwrap()[..65536].to_vec(),
                ),
            ];
            for seed in 1..8 {
                uploads.push((format!("noise {seed}"), hostile::noise(1 << 10, seed)));
                uploads.push((
                    format!("noise {seed} in a component"),
                    hostile::noise_in_a_component(1 << 10, seed),
                ));
            }
            let whole = with_manifest(NOOP.bytes, RULES);
            for sixteenth in 1..16 {
                uploads.push((
                    format!("{sixteenth}/16 of a component"),
                    whole[..whole.len() * sixteenth / 16].to_vec(),
                ));
            }
            // Compiled code of some engine is not taken for a component, whatever it says.
            uploads.push((
                "compiled code".to_owned(),
                b"\x7fELF\x02\x01\x01\xc8wasmtime".repeat(100),
            ));
            for (what, upload) in &uploads {
                refused(case, what, upload, "").await;
            }
            format!("{} refused", uploads.len())
        },
    )
    .await;

    area.case(
        "A02",
        "a core module in place of a component",
        async |case| {
            refused(
                case,
                "a module",
                &hostile::core_module(),
                "core WebAssembly module",
            )
            .await
        },
    )
    .await;

    area.case(
        "A04",
        "oversize: 10 MiB + 1, 2 GiB of zeros, files without an end",
        async |case| {
            let told = refused(case, "10 MiB + 1", &hostile::sized((10 << 20) + 1), "").await;
            let sparse = case.area.folder.path().join("sparse.wasm");
            let file = std::fs::File::create(&sparse).unwrap();
            std::io::Write::write_all(&mut &file, b"\0asm\x0d\0\x01\0").unwrap();
            file.set_len(2 << 30).unwrap();
            let pipe = case.area.folder.path().join("pipe.wasm");
            assert!(
                std::process::Command::new("mkfifo")
                    .arg(&pipe)
                    .status()
                    .unwrap()
                    .success()
            );
            let mut wrong = Vec::new();
            for path in [
                sparse.as_path(),
                Path::new("/dev/zero"),
                Path::new("/proc/self/maps"),
                Path::new("/"),
                pipe.as_path(),
            ] {
                let before = case.host().holdings().peak;
                let answer = case.upload_file(&case.tenant(""), path, json!({})).await;
                let more = case.host().holdings().peak.saturating_sub(before);
                if !answer["error"]["message"].is_string() || more > 64 << 10 {
                    let path = path.display();
                    wrong.push(format!(
                        "sent {path}, received {answer}, and the host took {more} KiB"
                    ));
                }
                // What waits for a pipe waits for ever: that is not tried where it is known.
                if !wrong.is_empty() && path == Path::new("/") {
                    break;
                }
            }
            assert!(wrong.is_empty(), "{}", wrong.join("\n"));
            told
        },
    )
    .await;

    area.case("A05", "imports outside of the world", async |case| {
        let sockets = hostile::importing(&[
            "wasi:sockets/tcp@0.2.0",
            "wasi:filesystem/types@0.2.6",
            "wasi:http/incoming-handler@0.2.0",
            "wasi:cli/run@0.2.0",
            "wasi:keyvalue/store@0.2.0",
            "evil:host/exec",
        ]);
        let told = refused(case, "sockets and files", &sockets, "wasi:sockets/tcp@0.2.0").await;
        for name in ["wasi:filesystem/types@0.2.6", "evil:host/exec"] {
            assert!(told.contains(name), "received {told}");
        }
        refused(
            case,
            "another version",
            &hostile::importing(&["phonebox:action/http@2.0.0"]),
            "2.0.0",
        )
        .await;
        // The right name with another type.
        let shaped = wat::parse_str(
            r#"(component (import "phonebox:action/log@1.0.0" (instance (export "write" (func (param "level" u64)))))
                (core module $m (func (export "f"))) (core instance $i (instantiate $m))
                (func $f (canon lift (core func $i "f"))) (export "deliver" (func $f)))"#,
        )
        .unwrap();
        refused(case, "another type", &with_manifest(&shaped, RULES), "").await;
        "refused by name".to_owned()
    })
    .await;

    area.case(
        "A07",
        "code that is small and takes for ever to compile",
        async |case| {
            let mut count = 0;
            for (what, upload) in [
                ("11,000 nested loops", hostile::nested_loops(11_000)),
                ("3,000 nested loops", hostile::nested_loops(3_000)),
                ("11,000 nested blocks", hostile::nested_blocks(11_000)),
                (
                    "49,000 locals, 3,000 ifs",
                    hostile::locals_and_ifs(49_000, 3_000),
                ),
                (
                    "4,900 locals, 20,000 ifs",
                    hostile::locals_and_ifs(4_900, 20_000),
                ),
                ("100,000 null elements", hostile::null_elements(100_000)),
                ("a branch to 2 M places", hostile::branch_table(2_000_000)),
                ("a function of 3 MiB", hostile::straight_line(3 << 20)),
                ("a constant of 1 MiB", hostile::constant_expression(1 << 20)),
                (
                    "calls with many results",
                    hostile::calls_with_many_results(10_000),
                ),
            ] {
                refused(case, what, &upload, "").await;
                count += 1;
            }
            format!("{count} refused")
        },
    )
    .await;

    area.case(
        "A09",
        "10⁶ functions, globals, segments, exports, aliases",
        async |case| {
            let mut count = 0;
            for (what, upload) in [
                ("functions", hostile::tiny_functions(1_000_000)),
                ("globals", hostile::globals(900_000)),
                ("segments", hostile::data_segments(90_000)),
                ("exports", hostile::core_exports(90_000)),
                ("imports", hostile::core_imports(90_000)),
                ("aliases", hostile::aliases(1_000_000)),
                ("modules", hostile::modules(900)),
                ("components", hostile::components(900)),
                ("core instances", hostile::core_instances(900)),
                ("memories", hostile::memories(5, 1)),
                ("tables", hostile::tables(11, 1)),
                ("a name of 90 KB", hostile::long_name(90_000)),
            ] {
                refused(case, what, &upload, "").await;
                count += 1;
            }
            format!("{count} refused by their limits")
        },
    )
    .await;

    area.case(
        "A11",
        "types that explode, components that double (GHSA-wjc8)",
        async |case| {
            let mut count = 0;
            for (what, upload) in [
                ("2^30 by tuples", hostile::tuple_bomb(30)),
                (
                    "100 records of 10,000 fields",
                    hostile::wide_records(100, 10_000),
                ),
                ("lists of lists, 100,000 deep", hostile::type_chain(100_000)),
                (
                    "instance types, 5,000 deep",
                    hostile::nested_instance_types(5_000),
                ),
                (
                    "imports of instances",
                    hostile::imports_of_instances(1_000, 1_000),
                ),
                ("components, 100 deep", hostile::nested_components(100)),
                (
                    "components, 20,000 deep",
                    hostile::nested_components(20_000),
                ),
                ("2^30 core instances", hostile::doubling_components(30)),
                ("components as values", hostile::components_as_values()),
                ("types that are promised", hostile::promised_types(1 << 30)),
            ] {
                refused(case, what, &upload, "").await;
                count += 1;
            }
            format!("{count} refused")
        },
    )
    .await;

    area.case("A13", "proposals that are off", async |case| {
        let disabled = hostile::disabled();
        for (word, upload) in &disabled {
            refused(case, word, upload, word).await;
        }
        // In a component that would otherwise run.
        let core = Core::default().component();
        for (word, module) in [
            ("threads", "(module (memory 1 1 shared))"),
            ("memory64", "(module (memory i64 1))"),
            ("multiple memories", "(module (memory 1) (memory 1))"),
            ("exceptions", "(module (tag) (func (throw 0)))"),
            ("GC", "(module (type (struct (field i32))))"),
            ("table64", "(module (table i64 1 funcref))"),
            ("tail calls", "(module (func $f (return_call $f)))"),
            ("function references", "(module (type $t (func)) (func (param (ref null $t)) (call_ref $t (local.get 0))))"),
            (
                "relaxed SIMD",
                "(module (func (param v128 v128) (result v128) (i8x16.relaxed_swizzle (local.get 0) (local.get 1))))",
            ),
            (
                "wide arithmetic",
                "(module (func (param i64 i64) (result i64 i64) (i64.mul_wide_u (local.get 0) (local.get 1))))",
            ),
            (
                "stack switching",
                "(module (type $f (func)) (type $c (cont $f)) (func (param (ref $c)) (resume $c (local.get 0))))",
            ),
            ("custom page sizes", "(module (memory 1 (pagesize 1)))"),
            ("externref", "(module (table 1 externref))"),
        ] {
            let upload = with_manifest(&with_module(&core, module), RULES);
            refused(case, word, &upload, "").await;
        }
        for (word, text) in [
            ("thread.yield (GHSA-5hhx)", "(core func (canon thread.yield))"),
            ("task.return", "(core func (canon task.return))"),
            ("backpressure", "(core func (canon backpressure.inc))"),
            ("stream", "(type (stream u8))"),
            ("future", "(type (future u8))"),
            ("error-context", "(type error-context)"),
        ] {
            refused(case, word, &with_manifest(&hostile::with_text(text), RULES), "").await;
        }
        format!("{} refused", disabled.len() + 19)
    })
    .await;

    area.case(
        "A-jail",
        "many slow uploads of one tenant at once",
        async |case| {
            let slow = slow();
            let mut uploads = Vec::new();
            for number in 0..16 {
                let path = case.area.write(
                    &format!("slow-{number}"),
                    &with_manifest(&slow, &format!("description = \"{number}\"\n{RULES}")),
                );
                let body = json!({ "tenant": case.tenant(""), "component": path, "secrets": {} });
                uploads.push(case.host().asked("deploy", body).await);
            }
            // Meanwhile an upload of somebody else goes through, and what is compiled at once is bounded.
            let mut compiling = 0;
            let status = async {
                while compiling == 0 {
                    let status = case.host().ask("status", json!({})).await;
                    compiling = status["status"]["compiling"].as_u64().unwrap();
                }
            };
            drop(tokio::time::timeout(PATIENCE, status).await);
            assert!((1..=2).contains(&compiling), "{compiling} compiled at once");
            let tenant = case.tenant("-other");
            case.deploy(&tenant, NOOP.bytes, RULES).await;
            let report = case.attempt(&tenant, "", 0).await;
            ended("another tenant's action", &report, "sent");
            let mut refused = Vec::new();
            for upload in uploads {
                let answer = upload.await;
                assert!(
                    answer["error"]["message"].is_string() || answer["deployed"].is_object(),
                    "received {answer}"
                );
                refused.extend(answer["error"]["message"].as_str().map(ToOwned::to_owned));
            }
            assert!(refused.len() < 16, "all refused: {refused:#?}");
            refused.dedup();
            format!("{compiling} at once; refused: {refused:?}")
        },
    )
    .await;

    area.case(
        "A-queue",
        "600 slow uploads of 60 tenants at once",
        async |case| {
            // What the allocator keeps for as many threads.
            case.slack(320);
            let slow = with_module(&slow(), "(module)");
            let path = case.area.write("queue", &with_manifest(&slow, RULES));
            let tenants: Vec<String> = (0..60).map(|n| case.tenant(&format!("-{n}"))).collect();
            let mut uploads = Vec::new();
            for number in 0..600 {
                let tenant = &tenants[number % tenants.len()];
                let body = json!({ "tenant": tenant, "component": path, "secrets": {} });
                uploads.push(case.host().asked("deploy", body).await);
            }
            // Meanwhile it hears, and messages are sent.
            for _ in 0..3 {
                case.area.victim().await.unwrap();
            }
            let status = case.host().ask("status", json!({})).await;
            assert!(
                matches!(status["status"]["compiling"].as_u64(), Some(1 | 2)),
                "received {status}"
            );
            let (mut deployed, mut refused) = (0, Vec::new());
            for upload in uploads {
                let answer = upload.await;
                match answer["error"]["message"].as_str() {
                    None if answer["deployed"].is_object() => deployed += 1,
                    None => panic!("received {answer}"),
                    Some(message) => refused.push(message.to_owned()),
                }
            }
            for tenant in tenants {
                case.host()
                    .ask("withdraw", json!({ "tenant": tenant }))
                    .await;
            }
            refused.dedup();
            assert!(
                deployed >= 60 && refused.len() == 1,
                "{deployed} deployed, refused: {refused:#?}"
            );
            format!("{deployed} deployed; refused: {refused:?}")
        },
    )
    .await;

    let mut rows = area.finish("A").await;
    let bounded = Settings {
        compile: "cpu_seconds = 3".to_owned(),
        ..Settings::default()
    };
    let area = Area::start(filter, bounded).await;
    area.case(
        "A07 within",
        "the slowest code that is within all limits, with 3 s to compile it",
        async |case| {
            let tenant = case.tenant("");
            let path = case.area.write(&tenant, &with_manifest(&slowest(), RULES));
            let body = json!({ "tenant": tenant, "component": path, "secrets": {} });
            let first = case.host().asked("deploy", body.clone()).await;
            let mut compiling = false;
            while !compiling {
                let status = case.host().ask("status", json!({})).await;
                compiling = status["status"]["compiling"] == 1;
            }
            for _ in 0..5 {
                case.area.victim().await.unwrap();
            }
            let first = first.await;
            // The second time it is known, and nothing is compiled.
            let second = case.host().ask("deploy", body).await;
            for answer in [&first, &second] {
                let error = &answer["error"];
                let message = error["message"].as_str().unwrap_or_default();
                assert!(
                    message.contains("too much to compile")
                        && error["hint"].is_string()
                        && error["fault"] == "action",
                    "received {answer}"
                );
            }
            first["error"]["message"].as_str().unwrap().to_owned()
        },
    )
    .await;
    rows.extend(area.finish("A07").await);
    rows
}

/// Functions of half a MiB each, in which thousands of locals live across the blocks that reading a table makes: of what is
/// within the limits, the most that one byte was found to cost the compiler.
fn slowest() -> Vec<u8> {
    let locals = 4900;
    let set: String = (1..locals)
        .map(|n| format!("(local.set {n} (i32.load (local.get 0)))"))
        .collect();
    let used: String = (1..locals)
        .map(|n| format!("(i32.store (local.get 0) (local.get {n}))"))
        .collect();
    let reads = "(drop (table.get 0 (local.get 0)))".repeat(85_000);
    let declared = "(local i32)".repeat(locals - 1);
    let function = format!("(func (param i32) {declared} {set} {reads} {used})");
    let module = format!(
        "(module (memory 1) (table 10 funcref) {})",
        function.repeat(4)
    );
    with_module(&Core::default().component(), &module)
}

/// Within all limits, and work for the compiler all the same.
fn slow() -> Vec<u8> {
    let busy: String = (0..1000)
        .map(|n| {
            format!(
                "(func (param i32) (result i32) {})",
                format!("(local.set 0 (i32.mul (local.get 0) (i32.const {n})))").repeat(60)
                    + "(local.get 0)"
            )
        })
        .collect();
    with_module(&Core::default().component(), &format!("(module {busy})"))
}

/// Sees that an upload is refused, by both ways in, in one and the same words, which contain `word`. Gives the words.
async fn refused(case: &Case<'_>, what: &str, upload: &[u8], word: &str) -> String {
    let tenant = case.tenant("");
    let path = case.area.write(&tenant, upload);
    let answer = case.upload_file(&tenant, &path, json!({})).await;
    let error = &answer["error"];
    let message = error["message"].as_str().unwrap_or_default().to_owned();
    assert!(
        !message.is_empty()
            && error["hint"].is_string()
            && error["fault"] == "action"
            && message.to_lowercase().contains(&word.to_lowercase()),
        "sent {what}, {} bytes\nreceived {}\nexpected a refusal with «{word}», a hint and the fault action",
        upload.len(),
        clipped(&answer.to_string())
    );
    let mut check = tokio::process::Command::new(env!("CARGO_BIN_EXE_phonebox"));
    check
        .args(["--output", "json", "check"])
        .arg(&path)
        .env("PHONEBOX_HOME", crate::area::home())
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = tokio::time::timeout(PATIENCE, check.output())
        .await
        .unwrap_or_else(|_| panic!("sent {what}: `phonebox check` does not end"))
        .unwrap();
    let (stdout, stderr) = (
        String::from_utf8_lossy(&output.stdout).into_owned(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    );
    let said: Value = serde_json::from_str(&stdout)
        .or_else(|_| serde_json::from_str(&stderr))
        .unwrap_or_default();
    let same = [&said["message"], &said["error"]["message"]]
        .iter()
        .any(|said| said.as_str() == Some(message.as_str()));
    assert!(
        output.status.code() == Some(1) && same && !stderr.contains("panicked"),
        "sent {what} to `phonebox check`\nreceived {}: {stdout}{stderr}\nexpected exit status 1 and «{message}»",
        output.status
    );
    message
}
