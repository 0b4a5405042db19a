//! Fixtures: an event, what the provider answers, and what the action is expected to do.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use phonebox::{Event, Outcome, Report, Violation};
use serde::Deserialize;

use crate::failure::{Code, Failure};
use crate::inbox::{Fault, Message, ScriptedAnswer};

/// A folder in `fixtures`, read.
#[derive(Debug)]
pub(crate) struct Fixture {
    pub(crate) name: String,
    pub(crate) event: Event,
    pub(crate) secrets: BTreeMap<String, String>,
    pub(crate) answers: Vec<ScriptedAnswer>,
    expect: Expect,
}

/// `expect.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    secrets: BTreeMap<String, String>,
    #[serde(default)]
    answer: Vec<Answer>,
    expect: Expect,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    status: Option<u16>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: String,
    fault: Option<Fault>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expect {
    outcome: ExpectedOutcome,
    reason: Option<String>,
    after: Option<u32>,
    provider: Option<String>,
    message_id: Option<String>,
    request: Option<Vec<ExpectedRequest>>,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
enum ExpectedOutcome {
    Sent,
    Retry,
    Drop,
    Error,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExpectedRequest {
    method: Option<String>,
    url: Option<String>,
    form: Option<BTreeMap<String, String>>,
    json: Option<serde_json::Value>,
    body: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
}

impl Fixture {
    /// Reads all fixtures of an action's folder, in the order of their names.
    pub(crate) fn all(folder: &Path) -> Result<Vec<Self>, Failure> {
        let fixtures = folder.join("fixtures");
        let none = || {
            Failure::new(format!("there are no fixtures in {}", fixtures.display()))
                .hint("make a folder for each: fixtures/NAME/event.json and fixtures/NAME/expect.toml")
                .code(Code::NotFound)
        };
        let entries = fs::read_dir(&fixtures).map_err(|_| none())?;
        let mut folders: Vec<_> = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.is_dir())
            .collect();
        folders.sort();
        if folders.is_empty() {
            return Err(none());
        }
        folders.iter().map(|folder| Self::read(folder)).collect()
    }

    fn read(folder: &Path) -> Result<Self, Failure> {
        let text = |name: &str| {
            let path = folder.join(name);
            let text = fs::read_to_string(&path);
            text.map_err(|error| Failure::file("cannot read", &path, &error))
                .map(|text| (path.display().to_string(), text))
        };
        let (path, event) = text("event.json")?;
        let event = read_event(&path, &event)?;
        let (path, written) = text("expect.toml")?;
        let written: Written = toml::from_str(&written)
            .map_err(|error| Failure::new(format!("{path}: {}", error.to_string().trim_end())))?;
        let answers = written
            .answer
            .into_iter()
            .enumerate()
            .map(|(index, answer)| {
                answer
                    .script()
                    .map_err(|what| Failure::new(format!("{path}: answer {}: {what}", index + 1)))
            });
        Ok(Self {
            name: folder
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned(),
            event,
            secrets: written.secrets,
            answers: answers.collect::<Result<_, _>>()?,
            expect: written.expect,
        })
    }

    /// How the event breaks Auth0's contract. It is run all the same: a test's event may be sloppy.
    pub(crate) fn violations(&self) -> Vec<Violation> {
        self.event.check().err().unwrap_or_default()
    }

    /// How what happened differs from what was expected; nothing if it does not.
    pub(crate) fn compare(&self, report: &Report, messages: &[Arc<Message>]) -> Vec<String> {
        let mut differences = Vec::new();
        let expect = &self.expect;
        let (outcome, reason, after, receipt) = match &report.result {
            Ok(Outcome::Sent { receipt }) => {
                (ExpectedOutcome::Sent, String::new(), None, receipt.clone())
            }
            Ok(Outcome::Retry(request)) => (
                ExpectedOutcome::Retry,
                request.reason.clone(),
                request.after,
                None,
            ),
            Ok(Outcome::Drop { reason }) => (ExpectedOutcome::Drop, reason.clone(), None, None),
            Err(error) => (ExpectedOutcome::Error, error.to_string(), None, None),
        };
        let mut differ = |what: &str, expected: String, was: String| {
            if expected != was {
                differences.push(format!("{what}: expected {expected}, was {was}"));
            }
        };
        differ(
            "outcome",
            format!("{:?}", expect.outcome),
            format!("{outcome:?}"),
        );
        if let Some(expected) = expect
            .reason
            .as_ref()
            .filter(|expected| !reason.contains(*expected))
        {
            differ(
                "reason",
                format!("something with {expected:?}"),
                format!("{reason:?}"),
            );
        }
        if expect.after.is_some() {
            differ("after", format!("{:?}", expect.after), format!("{after:?}"));
        }
        let (provider, message_id) = receipt
            .map(|receipt| (receipt.provider, receipt.message_id))
            .unzip();
        for (what, expected, was) in [
            ("provider", &expect.provider, provider),
            ("message_id", &expect.message_id, message_id),
        ] {
            if expected.is_some() {
                differ(what, format!("{expected:?}"), format!("{was:?}"));
            }
        }
        if let Some(requests) = &expect.request {
            differ(
                "requests",
                requests.len().to_string(),
                messages.len().to_string(),
            );
            for (number, (expected, message)) in (1..).zip(requests.iter().zip(messages)) {
                differences.extend(expected.compare(number, message));
            }
        }
        differences
    }
}

/// Reads an event that somebody wrote, and says which file it was.
pub(crate) fn read_event(path: &str, text: &str) -> Result<Event, Failure> {
    Event::from_json(text).map_err(|error| {
        let failure = Failure::from(error);
        Failure {
            message: format!("{path}: {}", failure.message),
            ..failure
        }
    })
}

impl Answer {
    fn script(self) -> Result<ScriptedAnswer, String> {
        let status = match (self.status, self.fault) {
            (Some(status), _) => StatusCode::from_u16(status)
                .map_err(|_| format!("{status} is not a status; write 100 to 999"))?,
            (None, Some(_)) => StatusCode::OK,
            (None, None) => {
                return Err("write status = … or fault = \"timeout\" or \"close\"".to_owned());
            }
        };
        let mut headers = HeaderMap::new();
        for (name, value) in self.headers {
            let header = HeaderName::try_from(&name)
                .ok()
                .zip(HeaderValue::try_from(value).ok());
            let (name, value) = header.ok_or_else(|| format!("{name:?} is not a header"))?;
            headers.append(name, value);
        }
        let fault = self.fault.unwrap_or(Fault::None);
        Ok(ScriptedAnswer {
            status,
            headers,
            body: self.body.into(),
            fault,
        })
    }
}

impl ExpectedRequest {
    fn compare(&self, number: u32, message: &Message) -> Vec<String> {
        let request = &message.request;
        let mut differences = Vec::new();
        let mut differ = |what: &str, expected: String, was: String| {
            if expected != was {
                differences.push(format!(
                    "request {number}: {what}: expected {expected}, was {was}"
                ));
            }
        };
        for (what, expected, was) in [
            ("method", &self.method, &request.method),
            ("url", &self.url, &request.url),
            ("body", &self.body, &request.body),
        ] {
            if let Some(expected) = expected {
                differ(what, format!("{expected:?}"), format!("{was:?}"));
            }
        }
        if let Some(expected) = &self.form {
            let was: BTreeMap<_, _> = request.form.iter().cloned().collect();
            differ("form", format!("{expected:?}"), format!("{was:?}"));
        }
        if let Some(expected) = &self.json {
            let was = serde_json::from_str::<serde_json::Value>(&request.body);
            let was = was.map_or_else(|_| format!("{:?}", request.body), |was| was.to_string());
            differ("json", expected.to_string(), was);
        }
        for (name, expected) in &self.headers {
            let was = request.header(name);
            differ(name, format!("{:?}", Some(expected)), format!("{was:?}"));
        }
        differences
    }
}
