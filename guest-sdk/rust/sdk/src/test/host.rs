use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::rc::Rc;
use std::time::{Duration, Instant};

use http::StatusCode;
use serde::Serialize;

use super::Request;
use crate::error::settle;
use crate::http::{Error, Prepared, Response};
use crate::log::Level;
use crate::{Event, Outcome, Result, cache, host};

/// A run makes this many requests at the most.
const REQUESTS_PER_RUN: usize = 5;

/// A scripted host: it has the secrets, answers for the provider and remembers what happened.
///
/// Its limits are those that a handler can run into by its logic: five requests a run, and the
/// sizes of cache entries. The cache, the requests and the log last over several runs.
#[derive(Debug, Default)]
pub struct Host {
    script: Rc<RefCell<Script>>,
}

impl Host {
    /// A host without secrets, whose provider answers nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives the action a secret.
    #[must_use]
    pub fn secret(self, name: &str, value: &str) -> Self {
        self.script
            .borrow_mut()
            .secrets
            .insert(name.to_owned(), value.to_owned());
        self
    }

    /// Answers the next request that has no answer yet.
    #[must_use]
    pub fn answer(self, answer: Answer) -> Self {
        self.script.borrow_mut().queue.push_back(Ok(answer.0));
        self
    }

    /// Lets the next request that has no answer yet fail like this.
    #[must_use]
    pub fn fail(self, error: Error) -> Self {
        self.script.borrow_mut().queue.push_back(Err(error));
        self
    }

    /// Answers every request like this one, before the answers in order are asked.
    #[must_use]
    pub fn answer_when(self, matches: impl Fn(&Request) -> bool + 'static, answer: Answer) -> Self {
        self.script.borrow_mut().conditional.push(Conditional {
            matches: Box::new(matches),
            response: answer.0,
        });
        self
    }

    /// Runs the handler, and gives what phonebox would get: network failures that left the handler
    /// by `?` are outcomes already.
    ///
    /// # Panics
    /// If the handler does, or makes a request that has no answer.
    pub fn run(
        &self,
        handler: impl FnOnce(Event) -> Result<Outcome>,
        event: impl Into<Event>,
    ) -> Result<Outcome> {
        self.script.borrow_mut().requests_in_run = 0;
        host::with_host(&self.script, || settle(handler(event.into())))
    }

    /// The requests that were made, in order.
    pub fn requests(&self) -> Vec<Request> {
        self.script.borrow().requests.clone()
    }

    /// The lines that were logged, in order.
    pub fn logs(&self) -> Vec<(Level, String)> {
        self.script.borrow().logs.clone()
    }

    /// What the cache holds, by key.
    pub fn cache(&self) -> BTreeMap<String, String> {
        let script = self.script.borrow();
        let live = script.cache.iter().filter(|(_, entry)| entry.is_live());
        live.map(|(key, entry)| (key.clone(), entry.value.clone()))
            .collect()
    }
}

/// What the provider answers.
///
/// ```
/// use phonebox_sdk::test::Answer;
/// use serde_json::json;
///
/// let accepted = Answer::json(201, &json!({ "sid": "SM0", "status": "queued" }));
/// let busy = Answer::text(429, "slow down").header("retry-after", "7");
/// ```
#[derive(Clone, Debug)]
pub struct Answer(Response);

impl Answer {
    /// A status and a body of JSON.
    ///
    /// # Panics
    /// If the status is none, or the value cannot be JSON.
    pub fn json(status: u16, body: &impl Serialize) -> Self {
        let body = serde_json::to_string(body).expect("an answer's body can be JSON");
        Self::text(status, &body).header("content-type", "application/json")
    }

    /// A status and a body of text.
    ///
    /// # Panics
    /// If the status is none.
    pub fn text(status: u16, body: &str) -> Self {
        Self(Response {
            status: StatusCode::from_u16(status).expect("an answer's status is 100 to 999"),
            headers: Vec::new(),
            body: body.as_bytes().to_vec(),
        })
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let header = (name.to_ascii_lowercase(), value.as_bytes().to_vec());
        self.0.headers.push(header);
        self
    }
}

#[derive(Default)]
pub(crate) struct Script {
    secrets: BTreeMap<String, String>,
    queue: VecDeque<Result<Response, Error>>,
    conditional: Vec<Conditional>,
    requests: Vec<Request>,
    requests_in_run: usize,
    logs: Vec<(Level, String)>,
    cache: BTreeMap<String, Entry>,
}

struct Conditional {
    matches: Box<dyn Fn(&Request) -> bool>,
    response: Response,
}

struct Entry {
    value: String,
    expires: Instant,
}

impl Entry {
    fn is_live(&self) -> bool {
        Instant::now() < self.expires
    }
}

impl Script {
    pub(crate) fn secret_names(&self) -> Vec<String> {
        self.secrets.keys().cloned().collect()
    }

    pub(crate) fn secret(&self, name: &str) -> Option<String> {
        self.secrets.get(name).cloned()
    }

    pub(crate) fn cache_get(&self, key: &str) -> Option<String> {
        let entry = self.cache.get(key).filter(|entry| entry.is_live())?;
        Some(entry.value.clone())
    }

    pub(crate) fn cache_set(
        &mut self,
        key: &str,
        value: &str,
        ttl: Duration,
    ) -> Result<(), cache::Error> {
        if key.len() > 64 {
            return Err(cache::Error::CacheKeySizeExceeded);
        }
        if value.len() > 4096 {
            return Err(cache::Error::CacheValueSizeExceeded);
        }
        if ttl.as_millis() == 0 {
            return Err(cache::Error::ItemAlreadyExpired);
        }
        let expires = Instant::now()
            .checked_add(ttl)
            .ok_or(cache::Error::InvalidExpiry)?;
        let entry = Entry {
            value: value.to_owned(),
            expires,
        };
        self.cache.insert(key.to_owned(), entry);
        Ok(())
    }

    pub(crate) fn cache_delete(&mut self, key: &str) -> Result<(), cache::Error> {
        self.cache
            .remove(key)
            .map(|_| ())
            .ok_or(cache::Error::CacheKeyDoesNotExist)
    }

    pub(crate) fn log(&mut self, level: Level, message: &str) {
        self.logs.push((level, message.to_owned()));
    }

    pub(crate) fn send(&mut self, prepared: Prepared) -> Result<Response, Error> {
        if self.requests_in_run == REQUESTS_PER_RUN {
            return Err(Error::BudgetExceeded);
        }
        self.requests_in_run += 1;
        let request = Request::try_from(prepared)?;
        self.requests.push(request.clone());
        let mut conditional = self.conditional.iter();
        if let Some(answer) = conditional.find(|answer| (answer.matches)(&request)) {
            return Ok(answer.response.clone());
        }
        self.queue
            .pop_front()
            .unwrap_or_else(|| panic!("the script has no answer to this request: {request:#?}"))
    }
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Script")
            .field("secrets", &self.secret_names())
            .field("answers", &(self.conditional.len() + self.queue.len()))
            .field("requests", &self.requests.len())
            .finish_non_exhaustive()
    }
}
