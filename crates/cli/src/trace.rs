//! What happened in a run, for people.

use std::fmt;
use std::time::Duration;

use phonebox::egress::{Connection, Exchange, Verdict};
use phonebox::{Level, Outcome, Report};

use crate::output::{BAD, DIM, GOOD, NOTE};

/// A report as indented lines. It holds no secret, as the report holds none.
pub(crate) struct Trace<'a>(pub(crate) &'a Report);

impl fmt::Display for Trace<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = self.0;
        for exchange in &report.exchanges {
            request(f, exchange)?;
        }
        for line in &report.log {
            let style = match line.level {
                Level::Debug | Level::Info => DIM,
                Level::Warn => NOTE,
                Level::Error => BAD,
            };
            writeln!(f, "            {style}log{style:#} {}", line.message)?;
        }
        if report.log_lines_dropped > 0 {
            writeln!(
                f,
                "            {NOTE}log{NOTE:#} … and {} more lines",
                report.log_lines_dropped
            )?;
        }
        for name in &report.missing_secrets {
            writeln!(
                f,
                "            {NOTE}asked for the secret {name}, which it does not have{NOTE:#}"
            )?;
        }
        for hint in &report.hints {
            writeln!(f, "            {NOTE}hint{NOTE:#}: {hint}")?;
        }
        if let (Err(error), Some(fault)) = (&report.result, report.fault()) {
            writeln!(f, "            {BAD}{error}{BAD:#} (fault: {fault})")?;
            if let Some(hint) = error.hint() {
                writeln!(f, "            {NOTE}hint{NOTE:#}: {hint}")?;
            }
        }
        let usage = report.usage;
        write!(
            f,
            "            {DIM}{}, of that {} computing; {} KiB of memory{DIM:#}",
            milliseconds(usage.wall),
            milliseconds(usage.cpu),
            usage.peak_memory >> 10,
        )
    }
}

fn request(f: &mut fmt::Formatter<'_>, exchange: &Exchange) -> fmt::Result {
    let method = exchange.method.as_deref().unwrap_or("request");
    write!(f, "            {method} ")?;
    if let (Some(origin), Some(path)) = (&exchange.origin, &exchange.path) {
        write!(f, "{origin}{path} ")?;
    }
    match (&exchange.error, exchange.status) {
        (Some(error), _) if exchange.decision.verdict == Verdict::Denied => {
            write!(f, "{BAD}denied{BAD:#}: {error}")?;
        }
        (Some(error), _) => write!(f, "{BAD}failed{BAD:#}: {error}")?,
        (None, Some(status)) => {
            let style = if status < 400 { GOOD } else { NOTE };
            write!(f, "{style}{status}{style:#}")?;
        }
        (None, None) => write!(f, "{BAD}cut off{BAD:#}")?,
    }
    if let Some(total) = exchange.timings.total {
        write!(f, " {DIM}in {}", milliseconds(total))?;
        match exchange.connection {
            Some(Connection::New) => write!(f, ", new connection")?,
            Some(Connection::Reused) => write!(f, ", same connection as before")?,
            None => {}
        }
        write!(f, "{DIM:#}")?;
    }
    writeln!(f)?;
    if let Some(hint) = exchange
        .error
        .as_ref()
        .and_then(phonebox::egress::Error::hint)
    {
        writeln!(f, "            {NOTE}hint{NOTE:#}: {hint}")?;
    }
    Ok(())
}

/// What the action decided, in a few words.
pub(crate) fn decision(report: &Report) -> String {
    match &report.result {
        Ok(Outcome::Sent { receipt: None }) => format!("{GOOD}sent{GOOD:#}"),
        Ok(Outcome::Sent {
            receipt: Some(receipt),
        }) => {
            format!(
                "{GOOD}sent{GOOD:#} by {} as {}",
                receipt.provider, receipt.message_id
            )
        }
        Ok(Outcome::Retry(request)) => format!("{NOTE}retry{NOTE:#}: {}", request.reason),
        Ok(Outcome::Drop { reason }) => format!("{BAD}drop{BAD:#}: {reason}"),
        Err(_) => format!("{BAD}error{BAD:#}"),
    }
}

/// A time with three digits that say something.
pub(crate) fn milliseconds(time: Duration) -> String {
    let milliseconds = time.as_secs_f64() * 1000.0;
    match milliseconds {
        ..10.0 => format!("{milliseconds:.2} ms"),
        ..100.0 => format!("{milliseconds:.1} ms"),
        _ => format!("{milliseconds:.0} ms"),
    }
}
