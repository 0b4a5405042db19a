use std::time::Duration;

use phonebox_contract::{Fault, Outcome};
use phonebox_egress::{Error, Exchange};
use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};

use crate::RunError;

/// What happened in one run. Free of secret values, of the code and of the number.
///
/// As JSON it has `outcome`, or `error` with `kind`, `message` and `hint`, in place of `result`, and `fault` beside it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Report {
    /// The action's decision, or why there is none.
    pub result: Result<Outcome, RunError>,
    /// What the action logged, oldest first.
    pub log: Vec<LogLine>,
    /// How many more lines there were.
    pub log_lines_dropped: u64,
    /// Every request that the action tried to make, in order of completion.
    pub exchanges: Vec<Exchange>,
    /// The secrets that the action asked for and does not have.
    pub missing_secrets: Vec<String>,
    /// What its author should know, beside what is wrong: that the code seems to sign with a sealed secret.
    pub hints: Vec<String>,
    /// What it used.
    pub usage: Usage,
}

impl Report {
    /// Whose fault it is that the notification was not sent; none if it was. Where the action gave up because of a request,
    /// it is the fault of what went wrong with that request: an action that passes an error on is not to blame for it.
    pub fn fault(&self) -> Option<Fault> {
        let last = self.exchanges.last();
        let request = last
            .and_then(|exchange| exchange.error.as_ref())
            .map(Error::fault);
        match &self.result {
            Ok(Outcome::Sent { .. }) => None,
            Ok(_) => Some(request.unwrap_or(match last {
                Some(_) => Fault::Provider,
                None => Fault::Action,
            })),
            Err(error @ RunError::Returned { .. }) => Some(request.unwrap_or(error.fault())),
            Err(error) => Some(error.fault()),
        }
    }
}

impl Report {
    /// Whether it failed because there was too much going on beside it: too many requests of its tenant's, or to the same
    /// origin. That is no failure of its own, and what it was to send may be sent a little later.
    pub fn was_crowded_out(&self) -> bool {
        let last = self.exchanges.last().and_then(|last| last.error.as_ref());
        self.result.is_err()
            && matches!(last, Some(Error::BudgetExceeded(budget)) if budget.is_shared())
    }
}

impl Serialize for Report {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Failed<'a> {
            kind: &'static str,
            message: String,
            hint: Option<&'a str>,
        }
        let error = self.result.as_ref().err().map(|error| Failed {
            kind: error.kind(),
            message: error.to_string(),
            hint: error.hint(),
        });
        let mut report = serializer.serialize_struct("Report", 9)?;
        report.serialize_field("outcome", &self.result.as_ref().ok())?;
        report.serialize_field("error", &error)?;
        report.serialize_field("fault", &self.fault())?;
        report.serialize_field("log", &self.log)?;
        report.serialize_field("log_lines_dropped", &self.log_lines_dropped)?;
        report.serialize_field("exchanges", &self.exchanges)?;
        report.serialize_field("missing_secrets", &self.missing_secrets)?;
        report.serialize_field("hints", &self.hints)?;
        report.serialize_field("usage", &self.usage)?;
        report.end()
    }
}

/// A line that an action logged.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct LogLine {
    /// How much it matters.
    pub level: Level,
    /// The line, without its end. At most 1 KiB; control characters are escaped.
    pub message: String,
}

/// How much a log line matters.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

/// What one run used. Serialized in whole microseconds and bytes.
#[derive(Clone, Copy, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct Usage {
    /// From the start of the run to its end, without the wait for a place in the pool.
    #[serde(rename = "wall_us", serialize_with = "micros")]
    pub wall: Duration,
    /// Computing: in the action, and for it in the host.
    #[serde(rename = "cpu_us", serialize_with = "micros")]
    pub cpu: Duration,
    /// Making the sandbox: part of `wall`.
    #[serde(rename = "instantiate_us", serialize_with = "micros")]
    pub instantiate: Duration,
    /// The most linear memory it had, in bytes.
    #[serde(rename = "peak_memory_bytes")]
    pub peak_memory: usize,
    /// Calls into the host, without those by which memories and tables grow. A run that computes long has some more, one for
    /// each time that the clock interrupted it.
    pub host_calls: u64,
}

fn micros<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX))
}
