//! What only the JavaScript engine has: requests that overlap, a clock, random bytes.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use phonebox_egress as egress;

use super::http;
use crate::bindings::javascript::phonebox::javascript::engine::{Ended, Host};
use crate::bindings::phonebox::action::http::{Request, Response};
use crate::sandbox::State;

type Outcome = Result<egress::Response, egress::Error>;
type UnderWay = Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// A run's requests that have begun and not ended. They go on while the run waits for them, so many at a time as may be under
/// way: at Auth0 any number may, so the next waits for its turn.
#[derive(Default)]
pub(crate) struct Begun {
    last: u32,
    under_way: Vec<(u32, UnderWay)>,
}

impl Begun {
    fn begin(&mut self, request: impl Future<Output = Outcome> + Send + 'static) -> u32 {
        self.last = self.last.wrapping_add(1);
        self.under_way.push((self.last, Box::pin(request)));
        self.last
    }

    fn cancel(&mut self, number: u32) {
        self.under_way.retain(|(of, _)| *of != number);
    }

    /// The first of them that ends. Never, if there is none.
    async fn next(&mut self, at_once: usize) -> (u32, Outcome) {
        let (index, ended) = poll_fn(|context| {
            let now = self.under_way.iter_mut().take(at_once);
            for (index, (number, request)) in now.enumerate() {
                if let Poll::Ready(outcome) = request.as_mut().poll(context) {
                    return Poll::Ready((index, (*number, outcome)));
                }
            }
            Poll::Pending
        })
        .await;
        drop(self.under_way.remove(index));
        ended
    }
}

impl Host for State {
    fn start(&mut self, request: Request) -> wasmtime::Result<u32> {
        self.calls.charge(http::POINTS)?;
        let record = self.record.clone();
        let request = egress::Request::from(request);
        Ok(self
            .begun
            .begin(async move { http::send(&record, request).await }))
    }

    fn cancel(&mut self, number: u32) -> wasmtime::Result<()> {
        self.begun.cancel(number);
        Ok(())
    }

    async fn wait(&mut self, milliseconds: u32) -> wasmtime::Result<Option<Ended>> {
        let most = Duration::from_millis(milliseconds.into());
        let at_once = usize::try_from(self.record.trip.at_once()).unwrap_or(usize::MAX);
        let next = self.begun.next(at_once);
        let Ok((number, outcome)) = tokio::time::timeout(most, next).await else {
            return Ok(None);
        };
        let outcome = outcome.map(Response::from).map_err(Into::into);
        Ok(Some(Ended { number, outcome }))
    }

    fn event(&mut self) -> wasmtime::Result<String> {
        Ok(self.run.event.to_json())
    }

    fn now(&mut self) -> wasmtime::Result<f64> {
        Ok(now())
    }

    fn exhausted(&mut self) -> wasmtime::Result<bool> {
        Ok(self.calls.exhausted())
    }

    fn random(&mut self, length: u32) -> wasmtime::Result<Vec<u8>> {
        self.draw(length.into())?;
        Ok(random(length))
    }

    fn keep(&mut self, _: u32, _: Vec<u8>) -> wasmtime::Result<()> {
        Err(wasmtime::Error::msg("nothing is kept of a run"))
    }
}

/// Whole milliseconds since 1970: enough for a token's expiry, too little to time the host.
#[expect(
    clippy::cast_precision_loss,
    reason = "milliseconds since 1970 are far below 2^53"
)]
pub(crate) fn now() -> f64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    since.as_millis() as f64
}

pub(crate) fn random(length: u32) -> Vec<u8> {
    let mut bytes = vec![0; length as usize];
    getrandom::fill(&mut bytes).expect("the system has random bytes");
    bytes
}
