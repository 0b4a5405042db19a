//! C: what a guest says to the host, through the world and through WASI.

use serde_json::{Value, json};
use wit_component::StringEncoding;

use crate::area::{Area, RULES, Settings, clipped, ended, ending, log};
use crate::core::{Core, SENT, with_component};

pub(crate) async fn attack(filter: &[String]) -> Vec<crate::area::Row> {
    let area = Area::start(filter, Settings::default()).await;

    area.case(
        "C01",
        "log floods: 10⁶ lines, one string of 60 MiB, 10⁵ empty lines",
        async |case| {
            let tenant = case.deploy_probe(RULES).await;
            let report = case.probe(&tenant, &["flood 1000000 x".to_owned()]).await;
            ended("flood 1000000 x", &report, "host_calls_exceeded");
            let dropped = report["log_lines_dropped"].as_u64().unwrap();
            assert!(
                log(&report).len() == 64 && dropped > 1000,
                "received {} lines, {dropped} dropped",
                log(&report).len()
            );
            // Too much for one call, and as much as goes through in one.
            let report = case.probe(&tenant, &["say-size 41943040".to_owned()]).await;
            ended("one line of 40 MiB", &report, "trapped");
            let core = Core {
                memory: "(memory (export \"memory\") 1024)".to_owned(),
                ..Core::deliver(format!(
                    "(call $log (i32.const 1) (i32.const 0) (i32.const 67108864)) {SENT}"
                ))
            };
            let report = case.run_core("-all-memory", &core).await;
            ended("all of the memory as one line", &report, "trapped");
            let report = case.probe(&tenant, &["say-size 1000000".to_owned()]).await;
            ended("one line of 1 MB", &report, "sent");
            assert!(
                log(&report)[0].len() == 1024,
                "received {} bytes",
                log(&report)[0].len()
            );
            let report = case.probe(&tenant, &["say-empty-lines 100000".to_owned()]).await;
            ended("100,000 empty lines at once", &report, "sent");
            assert!(log(&report).len() <= 64, "received {} lines", log(&report).len());
            // The same without end: what the host does with them is charged.
            let core = Core {
                memory: "(memory (export \"memory\") 32)".to_owned(),
                ..Core::deliver(
                    "(memory.fill (i32.const 65536) (i32.const 10) (i32.const 1000000))
                     (loop $l (call $log (i32.const 1) (i32.const 65536) (i32.const 1000000)) (br $l)) unreachable",
                )
            };
            let report = case.run_core("-empty", &core).await;
            // Or by the clock, where the machine is so busy that it got too few turns until then.
            assert!(
                ["cpu_exceeded", "host_calls_exceeded", "deadline_exceeded"]
                    .contains(&ending(&report).as_str()),
                "received {report:#}"
            );
            let answer = report.to_string().len();
            assert!(answer < 64 << 10, "the report is {answer} bytes long");
            // Standard output takes the same road.
            let print = "print-json \"x\\n\"\n".repeat(200);
            let report = case.attempt(&tenant, &print, 0).await;
            assert!(log(&report).len() <= 64, "received {} lines", log(&report).len());
            format!("64 lines kept, {dropped} counted")
        },
    )
    .await;

    area.case("C02", "cheap calls into the host in a loop", async |case| {
        let tenant = case.deploy_probe(RULES).await;
        let report = case.probe(&tenant, &["poll-clock 10000000".to_owned()]).await;
        ended("10⁷ clock reads", &report, "host_calls_exceeded");
        let core = Core::deliver(
            "(loop $l (call $secret (i32.const 1024) (i32.const 5) (i32.const 600)) (br $l)) unreachable",
        );
        let report = case.run_core("-secret", &core).await;
        ended("secrets.get in a loop", &report, "host_calls_exceeded");
        // More requests than a run may make: each is refused, recorded and charged.
        let core = Core::deliver(format!(
            "(local $i i32)
             (loop $l (drop (call $ask)) (local.set $i (i32.add (local.get $i) (i32.const 1)))
               (br_if $l (i32.lt_u (local.get $i) (i32.const 30)))) {SENT}"
        ));
        let tenant = case.tenant("-thirty");
        case.deploy(&tenant, &core.component(), RULES).await;
        let report = case.attempt(&tenant, "", 30).await;
        ended("30 requests", &report, "sent");
        let reached = case.area.evil.met.with("POST /core").len();
        assert_eq!(reached, 5, "requests of one run that reached the provider");
        let core = Core::deliver("(loop $l (drop (call $ask)) (br $l)) unreachable");
        let tenant = case.tenant("-endless");
        case.deploy(&tenant, &core.component(), RULES).await;
        let report = case.attempt_uncounted(&tenant, "").await;
        assert!(
            ["host_calls_exceeded", "cpu_exceeded"].contains(&ending(&report).as_str()),
            "received {report:#}"
        );
        assert!(report.to_string().len() < 64 << 10, "received {} bytes", report.to_string().len());
        "host_calls_exceeded; 5 of 30 requests made".to_owned()
    })
    .await;

    area.case(
        "C03",
        "10⁵ list items that all point at the same MiB (GHSA-jqpg)",
        async |case| {
            // Each header: a name of `size` bytes and a value of as many, all at the same place.
            let overlapping = |count: u32, size: u32| Core {
                memory: "(memory (export \"memory\") 256)".to_owned(),
                ..Core::deliver(format!(
                    "(local $i i32)
                     (memory.fill (i32.const 8388608) (i32.const 97) (i32.const 1048576))
                     (loop $l
                       (i32.store (i32.add (i32.const 1048576) (i32.shl (local.get $i) (i32.const 4))) (i32.const 8388608))
                       (i32.store offset=4 (i32.add (i32.const 1048576) (i32.shl (local.get $i) (i32.const 4))) (i32.const {size}))
                       (i32.store offset=8 (i32.add (i32.const 1048576) (i32.shl (local.get $i) (i32.const 4))) (i32.const 8388608))
                       (i32.store offset=12 (i32.add (i32.const 1048576) (i32.shl (local.get $i) (i32.const 4))) (i32.const {size}))
                       (local.set $i (i32.add (local.get $i) (i32.const 1)))
                       (br_if $l (i32.lt_u (local.get $i) (i32.const {count}))))
                     (call $send (i32.const 1100) (i32.const 4) (i32.const 2048) (i32.const 24)
                       (i32.const 1048576) (i32.const {count}) (i32.const 0) (i32.const 0)
                       (i32.const 0) (i32.const 0) (i32.const 600))
                     {SENT}"
                ))
            };
            for (what, count, size) in
                [("big", 100_000, 1 << 20), ("empty", 400_000, 0), ("some", 60, 1 << 20)]
            {
                let before = case.host().holdings().peak;
                let report = case
                    .run_core(&format!("-{what}"), &overlapping(count, size))
                    .await;
                ended(&format!("{count} headers of 2 × {size} bytes"), &report, "trapped");
                let more = case.host().holdings().peak.saturating_sub(before);
                assert!(
                    more < 40 << 10,
                    "{count} headers of {size} bytes made the host take {more} KiB"
                );
            }
            // A list whose end is outside of the memory, and one whose size in bytes overflows.
            for count in ["-1", "268435456", "268435457", "2147483647"] {
                let core = Core::deliver(format!(
                    "(call $send (i32.const 1100) (i32.const 4) (i32.const 2048) (i32.const 24)
                       (i32.const 65536) (i32.const {count}) (i32.const 0) (i32.const 0)
                       (i32.const 0) (i32.const 0) (i32.const 600)) {SENT}"
                ));
                let report = case.run_core("-count", &core).await;
                ended(&format!("a list of {count} headers"), &report, "trapped");
            }
            "trapped: no fuel for so much".to_owned()
        },
    )
    .await;

    area.case(
        "C05",
        "strings that are none, in UTF-8, UTF-16 and Latin-1 (CVE-2026-34941, -34942, -35195)",
        async |case| {
            let mut told = Vec::new();
            // Bytes, and how long they are said to be, in the encoding's own units.
            for (what, encoding, bytes, length) in [
                ("utf8-ff", StringEncoding::UTF8, "\\ff\\fe", "2"),
                ("utf8-cut", StringEncoding::UTF8, "\\e2\\82", "2"),
                ("utf8-long", StringEncoding::UTF8, "\\c0\\80", "2"),
                ("utf8-surrogate", StringEncoding::UTF8, "\\ed\\a0\\80", "3"),
                ("utf8-beyond", StringEncoding::UTF8, "\\f4\\90\\80\\80", "4"),
                ("utf8-outside", StringEncoding::UTF8, "a", "262144"),
                ("utf8-huge", StringEncoding::UTF8, "a", "-1"),
                ("utf16-high", StringEncoding::UTF16, "\\00\\d8", "1"),
                ("utf16-low", StringEncoding::UTF16, "\\00\\dc", "1"),
                ("utf16-swapped", StringEncoding::UTF16, "\\00\\dc\\00\\d8", "2"),
                ("utf16-huge", StringEncoding::UTF16, "a\\00", "-1"),
                ("utf16-overflow", StringEncoding::UTF16, "a\\00", "-2147483648"),
                ("utf16-overflow-2", StringEncoding::UTF16, "a\\00", "-2147483647"),
                ("utf16-outside", StringEncoding::UTF16, "a\\00", "131072"),
                ("latin-tagged", StringEncoding::CompactUTF16, "\\00\\d8", "-2147483647"),
                ("latin-huge", StringEncoding::CompactUTF16, "a", "-1"),
                ("latin-outside", StringEncoding::CompactUTF16, "a", "2147483647"),
            ] {
                for (place, deliver) in [
                    (
                        "log",
                        format!("(call $log (i32.const 1) (i32.const 4096) (i32.const {length})) {SENT}"),
                    ),
                    (
                        "name",
                        format!("(call $secret (i32.const 4096) (i32.const {length}) (i32.const 600)) {SENT}"),
                    ),
                    (
                        "url",
                        format!(
                            "(call $send (i32.const 1100) (i32.const 4) (i32.const 4096) (i32.const {length})
                               (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
                               (i32.const 0) (i32.const 0) (i32.const 600)) {SENT}"
                        ),
                    ),
                    (
                        "error",
                        format!("(call $fail (i32.const 4096) (i32.const {length}))"),
                    ),
                ] {
                    let core = Core {
                        encoding,
                        rest: format!("(data (i32.const 4096) \"{bytes}\")"),
                        ..Core::deliver(deliver)
                    };
                    let report = case.run_core(&format!("-{what}-{place}"), &core).await;
                    ended(&format!("{bytes}, {length} units, as {place}"), &report, "trapped");
                    told.push(what);
                }
            }
            // An odd address is no place for UTF-16.
            let core = Core {
                encoding: StringEncoding::UTF16,
                ..Core::deliver(format!(
                    "(call $log (i32.const 1) (i32.const 4097) (i32.const 1)) {SENT}"
                ))
            };
            let report = case.run_core("-odd", &core).await;
            ended("UTF-16 at an odd address", &report, "trapped");
            // What is a string arrives, whatever its encoding: NULs, a pair of surrogates, Latin-1.
            for (what, encoding, bytes, length, expected) in [
                ("nul", StringEncoding::UTF8, "a\\00b", "3", "a\\u{0}b"),
                ("pair", StringEncoding::UTF16, "\\3d\\d8\\00\\de", "2", "\u{1f600}"),
                ("latin", StringEncoding::CompactUTF16, "\\e9", "1", "é"),
                ("tagged", StringEncoding::CompactUTF16, "\\ac\\20", "-2147483647", "€"),
            ] {
                let core = Core {
                    encoding,
                    rest: format!("(data (i32.const 4096) \"{bytes}\")"),
                    ..Core::deliver(format!(
                        "(call $log (i32.const 1) (i32.const 4096) (i32.const {length})) {SENT}"
                    ))
                };
                let report = case.run_core(&format!("-{what}"), &core).await;
                assert_eq!(log(&report), [expected], "sent {bytes}\nreceived {report:#}");
            }
            format!("{} trapped", told.len() + 1)
        },
    )
    .await;

    area.case(
        "C06",
        "header bombs: 40,000 fields, one of 1 MiB, names of 64 KiB (CVE-2026-27572)",
        async |case| {
            let tenant = case.deploy_probe(RULES).await;
            let url = r#""url":"https://evil.ok.com/headers""#;
            let wasi = r#""authority":"evil.ok.com","path":"/headers""#;
            for (fields, ours) in [
                (r#""more_headers":65"#, "RequestHeaderSectionSize"),
                (r#""more_headers":40000"#, "RequestHeaderSectionSize"),
                (
                    r#""more_headers":1,"value_size":500000"#,
                    "RequestHeaderSectionSize",
                ),
                (
                    r#""more_headers":1,"value_size":8193"#,
                    "RequestHeaderSectionSize",
                ),
                (
                    r#""more_headers":1,"name_size":65536"#,
                    "RequestHeaderSectionSize",
                ),
                (
                    r#""more_headers":1,"name_size":129"#,
                    "RequestHeaderSectionSize",
                ),
                (
                    r#""more_headers":5,"value_size":4000"#,
                    "RequestHeaderSectionSize",
                ),
            ] {
                let line = format!("http {{{url},{fields}}}");
                let report = case.attempt(&tenant, &line, 0).await;
                case.count(&tenant, usize::from(ending(&report) != "trapped"));
                // So many fields may also be more than one call may copy.
                assert!(
                    log(&report).first().is_some_and(|told| told.contains(ours))
                        || (fields.contains("40000") && ending(&report) == "trapped"),
                    "sent {line}\nreceived {}",
                    clipped(&report.to_string())
                );
                let line = format!("wasi {{{wasi},{fields}}}");
                let report = case.attempt(&tenant, &line, 0).await;
                let told = log(&report).join("\n");
                let sent = usize::from(told.contains("HttpRequestHeaderSectionSize"));
                case.count(&tenant, sent);
                assert!(
                    ending(&report) == "trapped" || told.contains("refused") || sent == 1,
                    "sent {line}\nreceived {}",
                    clipped(&report.to_string())
                );
            }
            // A field list that is filled one by one has an end.
            let report = case
                .probe(&tenant, &["hoard-fields 40000".to_owned()])
                .await;
            assert!(
                ["trapped", "host_calls_exceeded"].contains(&ending(&report).as_str())
                    || log(&report)[0].contains("then"),
                "received {report:#}"
            );
            let reached = case.area.evil.met.with("/headers").len();
            assert_eq!(reached, 0, "requests that reached the provider");
            "request-header-section-size".to_owned()
        },
    )
    .await;

    area.case(
        "C08",
        "numbers that stand for nothing: levels, discriminants, pointers",
        async |case| {
            let mut count = 0;
            let store = |at: u32, value: &str| {
                format!("(i32.store8 (i32.const {at}) (i32.const {value})) (i32.const 512)")
            };
            let mut bodies = Vec::new();
            // A level is one of four.
            for level in ["4", "255", "256", "-1", "2147483647"] {
                bodies.push((
                    format!("log level {level}"),
                    format!("(call $log (i32.const {level}) (i32.const 1024) (i32.const 5)) {SENT}"),
                ));
            }
            // An option is there or not.
            for present in ["2", "255", "-1"] {
                bodies.push((
                    format!("timeout option {present}"),
                    format!(
                        "(call $send (i32.const 1100) (i32.const 4) (i32.const 2048) (i32.const 24)
                           (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
                           (i32.const {present}) (i32.const 0) (i32.const 600)) {SENT}"
                    ),
                ));
            }
            for value in ["2", "255"] {
                // Result, outcome, receipt.
                bodies.push((format!("result {value}"), store(512, value)));
                bodies.push((format!("outcome {value}"), store(516, "3")));
                bodies.push((format!("receipt {value}"), store(520, value)));
                bodies.push((
                    format!("retry-after {value}"),
                    format!(
                        "(i32.store8 (i32.const 516) (i32.const 1)) (i32.store8 (i32.const 528) (i32.const {value})) (i32.const 512)"
                    ),
                ));
            }
            // Where the result is said to be.
            for at in ["-1", "262144", "262117", "513", "514", "-4", "2147483647"] {
                bodies.push((format!("a result at {at}"), format!("(i32.const {at})")));
            }
            // Where the host is to write.
            for at in ["-1", "262144", "262141", "601", "-8"] {
                bodies.push((
                    format!("an answer to be written at {at}"),
                    format!("(call $event-json (i32.const {at})) {SENT}"),
                ));
            }
            // Where text and lists are said to be.
            for (at, length) in [("-1", "1"), ("262144", "1"), ("262143", "2"), ("0", "-1")] {
                bodies.push((
                    format!("{length} bytes of text at {at}"),
                    format!("(call $log (i32.const 1) (i32.const {at}) (i32.const {length})) {SENT}"),
                ));
                bodies.push((
                    format!("{length} bytes of body at {at}"),
                    format!(
                        "(call $send (i32.const 1100) (i32.const 4) (i32.const 2048) (i32.const 24)
                           (i32.const 0) (i32.const 0) (i32.const {at}) (i32.const {length})
                           (i32.const 0) (i32.const 0) (i32.const 600)) {SENT}"
                    ),
                ));
            }
            bodies.push((
                "headers at an odd address".to_owned(),
                format!(
                    "(call $send (i32.const 1100) (i32.const 4) (i32.const 2048) (i32.const 24)
                       (i32.const 1025) (i32.const 1) (i32.const 0) (i32.const 0)
                       (i32.const 0) (i32.const 0) (i32.const 600)) {SENT}"
                ),
            ));
            for (index, (what, body)) in bodies.iter().enumerate() {
                let report = case
                    .run_core(&format!("-{index}"), &Core::deliver(body.clone()))
                    .await;
                ended(what, &report, "trapped");
                count += 1;
            }
            // What the guest hands out when the host asks for room.
            for (index, realloc) in [
                "(i32.const -1)",
                "(i32.const 262144)",
                "(i32.const 262143)",
                "(i32.const -8)",
                "(i32.const 65537)",
                "unreachable",
            ]
            .iter()
            .enumerate()
            {
                let core = Core {
                    realloc: (*realloc).to_owned(),
                    ..Core::default()
                };
                let report = case.run_core(&format!("-r{index}"), &core).await;
                ended(&format!("realloc gives {realloc}"), &report, "trapped");
                count += 1;
            }
            // The same room again and again is the guest's own affair.
            let core = Core {
                realloc: "(i32.const 65536)".to_owned(),
                ..Core::default()
            };
            let report = case.run_core("-same", &core).await;
            assert!(
                ["sent", "trapped"].contains(&ending(&report).as_str()),
                "received {report:#}"
            );
            format!("{count} trapped")
        },
    )
    .await;

    area.case(
        "C10",
        "realloc, post-return and start that call the host (GHSA-7v24)",
        async |case| {
            for (what, call) in [
                ("log", "(call $say)"),
                ("http", "(drop (call $ask))"),
                ("event", "(call $event-json (i32.const 600))"),
                (
                    "secret",
                    "(call $secret (i32.const 1024) (i32.const 5) (i32.const 600))",
                ),
            ] {
                let core = Core {
                    realloc: format!("{call} (call $bump (local.get 3))"),
                    ..Core::default()
                };
                let report = case.run_core(&format!("-realloc-{what}"), &core).await;
                ended(&format!("realloc calls {what}"), &report, "trapped");
                let core = Core {
                    post: call.to_owned(),
                    ..Core::default()
                };
                let report = case.run_core(&format!("-post-{what}"), &core).await;
                ended(&format!("post-return calls {what}"), &report, "trapped");
            }
            // Start may call, as initialisers do; and the requests count like all others.
            let core = Core {
                rest: "(func (export \"_initialize\") (drop (call $ask)))".to_owned(),
                ..Core::default()
            };
            let tenant = case.tenant("-start");
            case.deploy(&tenant, &core.component(), RULES).await;
            let report = case.attempt(&tenant, "", 0).await;
            let made = report["exchanges"].as_array().map_or(0, Vec::len);
            case.count(&tenant, made);
            assert!(
                ["sent", "trapped"].contains(&ending(&report).as_str()),
                "received {report:#}"
            );
            format!("trapped; from start: {}, {made} request", ending(&report))
        },
    )
    .await;

    area.case(
        "C11",
        "timeouts of 0, 1 and the largest number; expiries that are no time (GHSA-w4qr)",
        async |case| {
            let tenant = case.deploy_probe(&format!("{RULES}[limits]\ndeadline_ms = 3000\n")).await;
            let mut lines = Vec::new();
            for timeout in ["0", "1", "4294967295"] {
                lines.push(format!(
                    r#"http {{"url":"https://evil.ok.com/timeout","timeout":{timeout}}}"#
                ));
            }
            for timeout in ["0", "1", "1000000", "18446744073709551615", "9223372036854775808"] {
                lines.push(format!(
                    r#"wasi {{"authority":"evil.ok.com","path":"/timeout","timeout":{timeout}}}"#
                ));
            }
            let told = case.probe_each(&tenant, &lines).await;
            for (line, told) in lines.iter().zip(&told) {
                assert!(
                    ["201", "Timeout", "refused"].iter().any(|part| told.contains(part)),
                    "sent {line}\nreceived {told}"
                );
            }
            let expiries = ["nan", "inf", "-inf", "-1", "1e308", "-0", "9007199254740993", "5e-324"];
            for expiry in expiries {
                let report = case
                    .probe(&tenant, &[format!("cache-set key value {expiry}")])
                    .await;
                ended(&format!("a cache entry with the ttl {expiry}"), &report, "sent");
                let kind = ["kept", "item-already-expired", "invalid-expiry"];
                assert!(
                    kind.iter().any(|kind| log(&report)[0].contains(kind)),
                    "sent the ttl {expiry}\nreceived {report:#}"
                );
            }
            // With all the patterns of bits that a compiler would not write.
            for (index, bits) in ["nan:0x8000000000001", "-nan", "inf", "-inf", "0x1p+1023"]
                .iter()
                .enumerate()
            {
                let core = Core::deliver(format!(
                    "(call $cache-set (i32.const 1024) (i32.const 5) (i32.const 1024) (i32.const 5)
                       (i32.const 1) (f64.const {bits}) (i32.const 1) (f64.const {bits}) (i32.const 600)) {SENT}"
                ));
                let report = case.run_core(&format!("-{index}"), &core).await;
                ended(&format!("an expiry of {bits}"), &report, "sent");
            }
            "clamped or refused".to_owned()
        },
    )
    .await;

    advisories(&area).await;
    area.finish("C").await
}

/// Attacks that Wasmtime's advisories tell of, by their numbers.
async fn advisories(area: &Area) {
    area.case(
        "GHSA-5qpp",
        "wasi:http: an absolute URI, another host or a second request in the path",
        async |case| {
            let tenant = case.deploy_probe(RULES).await;
            let paths = [
                "https://other.ok.com/stolen",
                "http://169.254.169.254/stolen",
                "//other.ok.com/stolen",
                "@other.ok.com/stolen",
                ":8443/stolen",
                ".evil.net/stolen",
                "stolen",
                "*",
                "",
                "/a b",
                "/a\r\nhost: other.ok.com\r\n\r\nGET /stolen",
                "/a#b",
                "/a\\..\\stolen",
                "?stolen",
            ];
            let lines: Vec<String> = paths
                .iter()
                .map(|path| {
                    format!(
                        "wasi {}",
                        json!({ "authority": "evil.ok.com", "path": path })
                    )
                })
                .collect();
            let mut taken = Vec::new();
            for line in &lines {
                let report = case.attempt(&tenant, line, 0).await;
                let told = log(&report).join("\n");
                // What the host refused when it was set was never a request.
                case.count(
                    &tenant,
                    usize::from(!told.starts_with("refused: path") && ending(&report) == "sent"),
                );
                if told.starts_with("201") {
                    taken.push(line.clone());
                }
                assert!(
                    told.starts_with("201")
                        || told.contains("refused")
                        || told.contains("ErrorCode::")
                        || ending(&report) == "trapped",
                    "sent {line}\nreceived {report:#}"
                );
            }
            for request in case.area.evil.met.requests() {
                let first = request.lines().next().unwrap_or_default();
                assert!(
                    first
                        .split(' ')
                        .nth(1)
                        .is_some_and(|target| target.starts_with('/'))
                        && first.split(' ').count() == 3
                        && !request.contains("host: other.ok.com")
                        && !first.contains("other.ok.com"),
                    "the provider received {request:?}"
                );
            }
            let refused = paths.len() - taken.len();
            format!(
                "{refused} of {} refused, the others within the path",
                paths.len()
            )
        },
    )
    .await;

    area.case(
        "GHSA-w36r",
        "wasi:http: URLs, authorities and methods of 100 KB",
        async |case| {
            let tenant = case.deploy_probe(RULES).await;
            let long = "a".repeat(100_000);
            for (what, request) in [
                (
                    "path",
                    json!({ "authority": "evil.ok.com", "path": format!("/{long}") }),
                ),
                (
                    "query",
                    json!({ "authority": "evil.ok.com", "path": format!("/?{long}") }),
                ),
                (
                    "authority",
                    json!({ "authority": format!("{long}.ok.com") }),
                ),
                (
                    "user",
                    json!({ "authority": format!("{long}@evil.ok.com") }),
                ),
                (
                    "method",
                    json!({ "authority": "evil.ok.com", "method": long }),
                ),
                (
                    "scheme",
                    json!({ "authority": "evil.ok.com", "scheme": long }),
                ),
            ] {
                let report = case.attempt(&tenant, &format!("wasi {request}"), 0).await;
                let told = log(&report).join("\n");
                let decided = report["exchanges"].as_array().map_or(0, Vec::len);
                case.count(&tenant, decided);
                assert!(
                    !told.starts_with('2')
                        && ["sent", "trapped"].contains(&ending(&report).as_str()),
                    "sent a {what} of 100 KB\nreceived {decided} exchanges, {}",
                    clipped(&report.to_string())
                );
            }
            "refused each".to_owned()
        },
    )
    .await;

    area.case(
        "GHSA-r8xh",
        "wasi:http: lengths that are not the body's, Host, Connection (GHSA-h4wp, -9prg, 13801)",
        async |case| {
            let tenant = case.deploy_probe(RULES).await;
            let mut count = 0;
            for headers in [
                json!([["content-length", "3"]]),
                json!([["content-length", "9"]]),
                json!([["content-length", "5"], ["content-length", "0"]]),
                json!([["content-length", "5, 5"]]),
                json!([["content-length", "+5"]]),
                json!([["content-length", "-1"]]),
                json!([["content-length", "18446744073709551617"]]),
                json!([["transfer-encoding", "chunked"]]),
                json!([["content-length", "5"], ["transfer-encoding", "chunked"]]),
                json!([["host", "other.ok.com"]]),
                json!([["connection", "close, authorization"]]),
                json!([["upgrade", "h2c"], ["http2-settings", "AAAA"]]),
                json!([["te", "trailers"]]),
                json!([["expect", "100-continue"]]),
                json!([["proxy-authorization", "x"]]),
                json!([["x\r\nhost", "other.ok.com"]]),
                json!([["x", "a\r\nhost: other.ok.com"]]),
                json!([["", "x"]]),
                json!([[":authority", "other.ok.com"]]),
            ] {
                let request = json!({
                    "authority": "evil.ok.com", "path": "/echo", "body": "hello", "headers": headers
                });
                let report = case.attempt(&tenant, &format!("wasi {request}"), 0).await;
                let decided = report["exchanges"].as_array().map_or(0, Vec::len);
                case.count(&tenant, decided);
                assert!(
                    ["sent", "trapped"].contains(&ending(&report).as_str()),
                    "sent {request}\nreceived {report:#}"
                );
                count += 1;
            }
            for request in case.area.evil.met.with("/echo") {
                let head = request
                    .split("\r\n\r\n")
                    .next()
                    .unwrap()
                    .to_ascii_lowercase();
                let with = |start: &str| head.lines().filter(|l| l.starts_with(start)).count();
                assert!(
                    with("host:") == 1
                        && head.contains("host: evil.ok.com")
                        && with("content-length:") == 1
                        && head.contains("content-length: 5")
                        && [
                            "transfer-encoding",
                            "connection",
                            "upgrade",
                            "expect",
                            "te:",
                            "proxy-"
                        ]
                        .iter()
                        .all(|name| with(name) == 0)
                        && request.ends_with("\r\n\r\nhello"),
                    "the provider received {request:?}"
                );
            }
            format!("{count} tried, framing is the host's")
        },
    )
    .await;

    area.case(
        "GHSA-jxcf",
        "wasi:http: trailers with headers that are the host's",
        async |case| {
            let tenant = case.deploy_probe(RULES).await;
            let request = json!({
                "authority": "evil.ok.com", "path": "/trailers", "body": "hello",
                "trailers": [["x-trailer", "1"], ["authorization", "evil"]],
            });
            let report = case.attempt(&tenant, &format!("wasi {request}"), 0).await;
            case.count(&tenant, report["exchanges"].as_array().map_or(0, Vec::len));
            let request = json!({
                "authority": "evil.ok.com", "path": "/trailers", "body": "hello",
                "trailers": [["host", "other.ok.com"], ["content-length", "99"]],
            });
            let second = case.attempt(&tenant, &format!("wasi {request}"), 0).await;
            case.count(&tenant, second["exchanges"].as_array().map_or(0, Vec::len));
            for request in case.area.evil.met.with("/trailers") {
                assert!(
                    !request.contains("x-trailer") && !request.contains("99"),
                    "the provider received {request:?}"
                );
            }
            format!("{}; {}", log(&report).join(" "), log(&second).join(" "))
        },
    )
    .await;

    area.case(
        "GHSA-c9gc",
        "wasi:http: a body of 30 MiB written piece by piece; parts dropped midway",
        async |case| {
            let tenant = case.deploy_probe(RULES).await;
            let before = case.host().holdings().peak;
            let large =
                json!({ "authority": "evil.ok.com", "path": "/large", "body_size": 30 << 20 });
            let report = case.attempt(&tenant, &format!("wasi {large}"), 0).await;
            case.count(&tenant, report["exchanges"].as_array().map_or(0, Vec::len));
            let more = case.host().holdings().peak.saturating_sub(before);
            // The guest's own 30 MiB, and little more.
            assert!(more < 96 << 10, "the host took {more} KiB");
            assert_eq!(
                case.area.evil.met.with("/large").len(),
                0,
                "received {report:#}"
            );
            for part in ["request", "body", "response"] {
                let request = json!({
                    "authority": "evil.ok.com", "path": "/never", "body": "x", "drop_before": part
                });
                let line = format!("wasi {request}\nsay after");
                let report = case.attempt(&tenant, &line, 0).await;
                case.count(&tenant, report["exchanges"].as_array().map_or(0, Vec::len));
                assert!(
                    ["sent", "trapped", "deadline_exceeded"].contains(&ending(&report).as_str()),
                    "dropped the {part}\nreceived {report:#}"
                );
            }
            format!("{}; +{} MiB", log(&report).join(" "), more >> 10)
        },
    )
    .await;

    area.case(
        "CVE-2026-27204",
        "WASI: handles, random bytes and field lists without end",
        async |case| {
            let tenant = case.deploy_probe(RULES).await;
            let report = case
                .probe(&tenant, &["hoard-handles 1000000".to_owned()])
                .await;
            ended("10⁶ field lists", &report, "trapped");
            for bytes in ["65537", "1048576", "4294967295", "18446744073709551615"] {
                let report = case.probe(&tenant, &[format!("random {bytes}")]).await;
                ended(&format!("{bytes} random bytes"), &report, "random_exceeded");
            }
            let report = case
                .probe(
                    &tenant,
                    &["random 40000".to_owned(), "random 40000".to_owned()],
                )
                .await;
            ended("2 × 40,000 random bytes", &report, "random_exceeded");
            "trapped, random_exceeded".to_owned()
        },
    )
    .await;

    area.case(
        "GHSA-q554",
        "handles of the guest's own resources without end; destructors that call",
        async |case| {
            let with = |deliver: &str, destructor: &str| Core {
                destructor: Some(destructor.to_owned()),
                ..Core::deliver(deliver)
            };
            let endless = "(loop $l (drop (call $new (i32.const 1))) (br $l)) unreachable";
            let report = case.run_core("-new", &with(endless, "")).await;
            ended("resource.new in a loop", &report, "trapped");
            // Thousands that are left to the host to drop, with a destructor that traps.
            let left = format!(
                "(local $i i32) (loop $l (drop (call $new (i32.const 1)))
                   (local.set $i (i32.add (local.get $i) (i32.const 1)))
                   (br_if $l (i32.lt_u (local.get $i) (i32.const 900)))) {SENT}"
            );
            let report = case.run_core("-left", &with(&left, "unreachable")).await;
            ended("900 handles left behind", &report, "sent");
            for (what, deliver) in [
                (
                    "a handle twice",
                    "(call $drop (call $new (i32.const 1))) (call $drop (i32.const 1))",
                ),
                ("a handle that is none", "(call $drop (i32.const 77))"),
                ("handle 0", "(call $drop (i32.const 0))"),
                ("handle -1", "(call $drop (i32.const -1))"),
            ] {
                let report = case
                    .run_core("-drop", &with(&format!("{deliver} {SENT}"), ""))
                    .await;
                ended(&format!("dropped {what}"), &report, "trapped");
            }
            // A destructor that makes and drops the next handle, as deep as it goes.
            let deep = with(
                &format!("(call $drop (call $new (i32.const 1))) {SENT}"),
                "(call $drop (call $new (i32.const 1)))",
            );
            let report = case.run_core("-deep", &deep).await;
            assert!(
                ["trapped", "cpu_exceeded", "host_calls_exceeded"]
                    .contains(&ending(&report).as_str()),
                "received {report:#}"
            );
            format!("trapped; nested destructors: {}", ending(&report))
        },
    )
    .await;

    area.case(
        "GHSA-6fr9",
        "handles lent to another component for ever, and 10⁵ at once",
        async |case| {
            let inner = |lend: &str| format!("(component {LENDING} {})", lending(lend));
            let core = Core::default().component();
            let mut told = Vec::new();
            for (what, lend, expected) in [
                ("ten times", "(loop $l (call $take (local.get $h)) (br_if $l (call $count (i32.const 10))))", "sent"),
                ("for ever", "(loop $l (call $take (local.get $h)) (br $l))", "cpu_exceeded host_calls_exceeded"),
                (
                    "10⁵ at once",
                    "(loop $l (i32.store (i32.mul (global.get $n) (i32.const 4)) (local.get $h)) (br_if $l (call $count (i32.const 100000))))
                     (call $take-all (i32.const 4) (i32.const 99999))",
                    "trapped",
                ),
            ] {
                let tenant = case.tenant(&format!("-{}", expected.len()));
                let before = case.host().holdings().peak;
                case.deploy(&tenant, &with_component(&core, &inner(lend)), RULES).await;
                let report = case.attempt(&tenant, "", 0).await;
                assert!(
                    expected.split(' ').any(|expected| ending(&report) == expected),
                    "sent handles lent {what}\nreceived {report:#}"
                );
                let more = case.host().holdings().peak.saturating_sub(before);
                assert!(more < 64 << 10, "sent handles lent {what}\nthe host took {more} KiB");
                told.push(ending(&report));
            }
            told.join(", ")
        },
    )
    .await;

    area.case(
        "CVE-2026-34943",
        "flags with bits that stand for nothing, between two components",
        async |case| {
            let core = Core::default().component();
            for (count, number) in [(3, "-1"), (3, "0xf8"), (9, "-1"), (17, "-1"), (32, "-1")] {
                let component = with_component(&core, &flags(count, number));
                let tenant = case.tenant(&format!("-{count}"));
                case.deploy(&tenant, &component, RULES).await;
                let report = case.attempt(&tenant, "", 0).await;
                ended(&format!("{number} as {count} flags"), &report, "sent");
            }
            "left out on their way".to_owned()
        },
    )
    .await;

    area.case(
        "RUSTSEC-0082",
        "numbers that crash parsers, in the event (RUSTSEC-2023-0082, 2024-0369)",
        async |case| {
            let tenant = case.deploy_probe(RULES).await;
            for number in [
                "+dwPAA;phone-context=AA",
                ".;phone-context=",
                "+0",
                "+1234567890123456",
                "+１４１５５５５０１００",
                "+1415\r\n5550100",
                "tel:+14155550100",
                "",
                "+",
                "\u{202e}+14155550100",
            ] {
                let event = json!({ "notification": { "recipient": number, "as_text": "" } });
                let body = json!({ "tenant": tenant, "event": event });
                let answer = case.host().ask("attempt", body).await;
                let taken = answer["report"].is_object();
                assert!(
                    answer["error"].is_object() || (taken && number == "tel:+14155550100"),
                    "sent {number:?}\nreceived {answer}"
                );
            }
            let report = case.probe(&tenant, &["say well".to_owned()]).await;
            assert_eq!(log(&report), ["well"], "received {report:#}");
            "refused each".to_owned()
        },
    )
    .await;

    area.case(
        "protocol",
        "lines that are no requests: half JSON, 1 MiB, deep nesting, no UTF-8, unknown fields",
        async |case| {
            let host = case.host();
            let deep = format!("{{\"id\":1,\"attempt\":{}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
            let before = host.position().0;
            let lines = [
                String::new(),
                "{".to_owned(),
                "null".to_owned(),
                "[]".to_owned(),
                "{\"id\":1}".to_owned(),
                "{\"id\":-1,\"status\":{}}".to_owned(),
                "{\"id\":1,\"status\":{},\"block\":{\"all\":true}}".to_owned(),
                "{\"id\":1,\"nonsense\":{}}".to_owned(),
                "{\"id\":1,\"attempt\":{\"tenant\":\"nobody\",\"event\":{}}}".to_owned(),
                "{\"id\":1,\"attempt\":{\"tenant\":\"victim\"}}".to_owned(),
                "{\"id\":1,\"deploy\":{\"tenant\":\"x\",\"component\":\"/nonexistent\",\"secrets\":{},\"more\":1}}".to_owned(),
                "x".repeat(1 << 20),
                deep,
            ];
            for line in &lines {
                host.say(line).await;
            }
            let expected = lines.len() - 2; // One is empty, and one has an id that may be.
            let answered = crate::host::eventually(|| {
                let answers = host.answers_since(before);
                let is_error = |line: &&String| {
                    serde_json::from_str::<Value>(line).is_ok_and(|answer| answer["error"].is_object())
                };
                let errors = answers.iter().filter(is_error).count();
                (errors >= expected).then_some(errors)
            })
            .await;
            assert!(
                answered.is_some(),
                "sent {} lines\nreceived {:#?}",
                lines.len(),
                host.answers_since(before)
                    .iter()
                    .map(|line| clipped(line))
                    .collect::<Vec<_>>()
            );
            let status = host.ask("status", json!({})).await;
            assert!(status["status"] != Value::Null, "received {status}");
            format!("{} answers with errors", answered.unwrap())
        },
    )
    .await;
}

/// An owner of a resource, somebody it is lent to, and types for who lends it: `$r`, `$owner`, `$borrower`.
const LENDING: &str = r#"
  (component $Owner
    (type $own (resource (rep i32)))
    (core func $new (canon resource.new $own))
    (core module $m
      (import "" "new" (func $new (param i32) (result i32)))
      (func (export "make") (result i32) (call $new (i32.const 7))))
    (core instance $i (instantiate $m (with "" (instance (export "new" (func $new))))))
    (export $r "r" (type $own))
    (func (export "make") (result (own $r)) (canon lift (core func $i "make"))))
  (instance $owner (instantiate $Owner))
  (alias export $owner "r" (type $r))
  (component $Borrower
    (import "r" (type $r (sub resource)))
    (core func $drop (canon resource.drop $r))
    (core module $m
      (import "" "drop" (func $drop (param i32)))
      (memory (export "memory") 16)
      (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 8))
      (func (export "take") (param i32) (call $drop (local.get 0)))
      (func (export "take-all") (param $at i32) (param $count i32)
        (loop $l
          (call $drop (i32.load (local.get $at)))
          (local.set $at (i32.add (local.get $at) (i32.const 4)))
          (br_if $l (local.tee $count (i32.sub (local.get $count) (i32.const 1)))))))
    (core instance $i (instantiate $m (with "" (instance (export "drop" (func $drop))))))
    (func (export "take") (param "h" (borrow $r)) (canon lift (core func $i "take")))
    (func (export "take-all") (param "h" (list (borrow $r)))
      (canon lift (core func $i "take-all") (memory (core memory $i "memory")) (realloc (core func $i "realloc")))))
  (instance $borrower (instantiate $Borrower (with "r" (type $r))))"#;

/// Who lends, in this way, as it starts: `$h` is the handle, `$n` counts with `$count`.
fn lending(lend: &str) -> String {
    format!(
        r#"
  (component $Lender
    (import "r" (type $r (sub resource)))
    (import "make" (func $make (result (own $r))))
    (import "take" (func $take (param "h" (borrow $r))))
    (import "take-all" (func $take-all (param "h" (list (borrow $r)))))
    (core module $memory (memory (export "memory") 16))
    (core instance $memory (instantiate $memory))
    (core func $make (canon lower (func $make)))
    (core func $take (canon lower (func $take)))
    (core func $take-all (canon lower (func $take-all) (memory (core memory $memory "memory"))))
    (core module $m
      (import "" "memory" (memory 16))
      (import "" "make" (func $make (result i32)))
      (import "" "take" (func $take (param i32)))
      (import "" "take-all" (func $take-all (param i32 i32)))
      (global $n (mut i32) (i32.const 0))
      (func $count (param $most i32) (result i32)
        (global.set $n (i32.add (global.get $n) (i32.const 1)))
        (i32.lt_u (global.get $n) (local.get $most)))
      (func $start (local $h i32) (local.set $h (call $make)) {lend})
      (start $start))
    (core instance (instantiate $m (with "" (instance
      (export "memory" (memory $memory "memory"))
      (export "make" (func $make)) (export "take" (func $take)) (export "take-all" (func $take-all)))))))
  (instance (instantiate $Lender (with "r" (type $r)) (with "make" (func $owner "make"))
    (with "take" (func $borrower "take")) (with "take-all" (func $borrower "take-all"))))"#
    )
}

/// A component that hands another one this number as so many flags, which traps if it gets more than those.
fn flags(count: usize, number: &str) -> String {
    let names: Vec<String> = (0..count).map(|n| format!("\"f{n}\"")).collect();
    let names = names.join(" ");
    let mask = (1_u64 << count) - 1;
    format!(
        r#"(component
  (component $Taker
    (core module $m
      (func (export "take") (param i32) (result i32)
        (if (i32.ne (i32.and (local.get 0) (i32.const {mask})) (local.get 0)) (then unreachable))
        (i32.const {number})))
    (core instance $i (instantiate $m))
    (type $flags (flags {names}))
    (export $named "flags" (type $flags))
    (func (export "take") (param "f" $named) (result $named) (canon lift (core func $i "take"))))
  (instance $taker (instantiate $Taker))
  (alias export $taker "flags" (type $flags))
  (component $Giver
    (type $ty (flags {names}))
    (import "flags" (type $flags (eq $ty)))
    (import "take" (func $take (param "f" $flags) (result $flags)))
    (core func $take (canon lower (func $take)))
    (core module $m
      (import "" "take" (func $take (param i32) (result i32)))
      (func $start (local $back i32)
        (local.set $back (call $take (i32.const {number})))
        (if (i32.ne (i32.and (local.get $back) (i32.const {mask})) (local.get $back)) (then unreachable)))
      (start $start))
    (core instance (instantiate $m (with "" (instance (export "take" (func $take)))))))
  (instance (instantiate $Giver (with "flags" (type $flags)) (with "take" (func $taker "take")))))"#
    )
}
