//! `phonebox notifications`: where they stand, and what was tried.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::Value;

use crate::api::{Api, Ask, all, number, part, shown, text};
use crate::args;
use crate::failure::{Code, Failure};
use crate::output::{BAD, BOLD, DIM, GOOD, NOTE, Output};
use crate::trace::milliseconds;

pub(super) async fn run(arguments: args::Notifications, output: Output) -> Result<Code, Failure> {
    let (ask, server) = match arguments {
        args::Notifications::List {
            status,
            before,
            limit,
            server,
        } => {
            let ask = Ask::get(&["notifications"])
                .query("status", status)
                .query("before", before)
                .query("limit", limit);
            let listed = Api::new(&server, output)?.ask(ask).await?;
            let row = |item: &Value| {
                ["id", "status", "action", "attempts_begun", "accepted_at"].map(|key| match key {
                    "attempts_begun" => number(item, key),
                    key => text(item, key),
                })
            };
            output.list(
                ["NOTIFICATION", "STATUS", "ACTION", "ATTEMPTS", "ACCEPTED"],
                all(&listed, "notifications").iter().map(row),
                &listed,
            );
            if let Some(next) = part(&listed, "next").as_str() {
                output.say(format!("there may be more: --before {next}"));
            }
            return Ok(Code::Ok);
        }
        args::Notifications::Show(one) => (Ask::get(&["notifications", &one.id]), one.server),
        args::Notifications::Cancel(one) => {
            (Ask::post(&["notifications", &one.id, "cancel"]), one.server)
        }
        args::Notifications::Replay(one) => {
            (Ask::post(&["notifications", &one.id, "replay"]), one.server)
        }
    };
    let answer = Api::new(&server, output)?.ask(ask).await?;
    output.result(whole(&answer), &answer);
    Ok(Code::Ok)
}

/// A notification and its attempts, as lines.
pub(super) fn whole(notification: &Value) -> String {
    let status = text(notification, "status");
    let style = match &*status {
        "sent" => GOOD,
        "queued" | "leased" => NOTE,
        _ => BAD,
    };
    let mut lines = format!(
        "{BOLD}{}{BOLD:#}  {style}{status}{style:#}  {DIM}{} accepted {}{DIM:#}",
        text(notification, "id"),
        text(notification, "action"),
        text(notification, "accepted_at"),
    );
    for attempt in all(notification, "attempts") {
        write!(lines, "\n{}", self::attempt(attempt)).expect("a String");
    }
    if let Some(next) = part(notification, "next_attempt_at").as_str() {
        write!(lines, "\n{DIM}the next attempt is due {next}{DIM:#}").expect("a String");
    }
    if let Some(why) = waits(notification) {
        write!(lines, "\n{DIM}it waits: {why}{DIM:#}").expect("a String");
    }
    lines
}

/// Why one waits, if it is not its turn alone.
pub(super) fn waits(notification: &Value) -> Option<String> {
    let origin = notification.get("waits_for")?.get("origin")?.as_str()?;
    Some(format!(
        "attempts keep failing at {origin}, which is left alone for a moment"
    ))
}

/// What an attempt did and what came of it, as lines.
pub(super) fn attempt(attempt: &Value) -> String {
    let report = part(attempt, "report");
    let mut lines = format!(
        "attempt {}  {}  {DIM}{}{DIM:#}",
        number(attempt, "number"),
        outcome(report),
        text(attempt, "ended_at"),
    );
    let mut hints = Vec::new();
    for exchange in all(report, "exchanges") {
        let url = text(exchange, "origin") + &text(exchange, "path");
        let came = match part(exchange, "error").as_object() {
            Some(_) => format!("{BAD}{}{BAD:#}", text(part(exchange, "error"), "message")),
            None => number(exchange, "status"),
        };
        let method = text(exchange, "method");
        write!(lines, "\n    {method} {url} {came}").expect("a String");
        if let Some(micros) = part(part(exchange, "timings"), "total_us").as_u64() {
            let took = milliseconds(Duration::from_micros(micros));
            let connection = match part(exchange, "connection").as_str() {
                Some("new") => ", new connection",
                Some("reused") => ", same connection as before",
                _ => "",
            };
            write!(lines, " {DIM}in {took}{connection}{DIM:#}").expect("a String");
        }
        hints.push(part(part(exchange, "error"), "hint"));
    }
    for name in all(report, "missing_secrets")
        .iter()
        .filter_map(Value::as_str)
    {
        write!(
            lines,
            "\n    {NOTE}asked for the secret {}, which it does not have{NOTE:#}",
            shown(name)
        )
        .expect("a String");
    }
    for line in all(report, "log") {
        let (level, message) = (text(line, "level"), text(line, "message"));
        let style = match &*level {
            "error" => BAD,
            "warn" => NOTE,
            _ => DIM,
        };
        write!(lines, "\n    {style}{level}{style:#} {message}").expect("a String");
    }
    if let Some(more @ 1..) = part(report, "log_lines_dropped").as_u64() {
        write!(lines, "\n    {NOTE}… and {more} more lines{NOTE:#}").expect("a String");
    }
    hints.extend(all(report, "hints"));
    hints.push(part(part(report, "error"), "hint"));
    for hint in hints.into_iter().filter_map(Value::as_str) {
        let hint: Vec<_> = hint.lines().map(shown).collect();
        write!(lines, "\n    {NOTE}hint{NOTE:#}: {}", hint.join("\n      ")).expect("a String");
    }
    let usage = part(report, "usage");
    let took = |name| {
        let micros = part(usage, name).as_u64();
        micros.map(|micros| milliseconds(Duration::from_micros(micros)))
    };
    if let (Some(wall), Some(cpu), Some(memory)) = (
        took("wall_us"),
        took("cpu_us"),
        part(usage, "peak_memory_bytes").as_u64(),
    ) {
        write!(
            lines,
            "\n    {DIM}{wall}, of that {cpu} computing; {} KiB of memory{DIM:#}",
            memory >> 10
        )
        .expect("a String");
    }
    lines
}

fn outcome(report: &Value) -> String {
    let (outcome, error) = (part(report, "outcome"), part(report, "error"));
    match part(outcome, "kind").as_str() {
        Some("sent") => match part(outcome, "receipt").as_object() {
            Some(_) => format!(
                "{GOOD}sent{GOOD:#} by {} as {}",
                text(part(outcome, "receipt"), "provider"),
                text(part(outcome, "receipt"), "message_id")
            ),
            None => format!("{GOOD}sent{GOOD:#}"),
        },
        Some(kind @ ("retry" | "drop")) => {
            format!("{NOTE}{kind}{NOTE:#}: {}", text(outcome, "reason"))
        }
        _ => {
            let fault = text(report, "fault");
            format!(
                "{BAD}error{BAD:#}: {} (fault: {fault})",
                text(error, "message")
            )
        }
    }
}
