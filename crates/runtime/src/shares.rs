//! What one tenant may have of a process, so that no tenant waits for another.
//!
//! A tenant has a number of sandboxes at once; what it starts beyond that waits in its own line. And it has an allowance of
//! computing, small but far above what deliveries need. Who has used it up computes by turns: one tick at a time, one tenant
//! after the other, on all cores but one. So whoever computes little finds a core free, whatever others do.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, Weak};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, oneshot};

use crate::sandbox::lock;

/// The computing that a tenant may have ahead.
const ALLOWANCE: Duration = Duration::from_millis(20);
/// Of each second, this much comes back: a tenth of a core.
const COMES_BACK: u32 = 10;

/// One tenant's share of a [`Runtime`](crate::Runtime), from [`Runtime::share`](crate::Runtime::share). Cheap to clone.
#[derive(Clone)]
pub struct Share(pub(crate) Arc<Tenant>);

pub(crate) struct Tenant {
    pub(crate) places: Semaphore,
    allowance: Mutex<Allowance>,
    turns: Arc<Turns>,
}

struct Allowance {
    left: Duration,
    /// What was used beyond the allowance.
    owed: Duration,
    counted: Instant,
}

/// The shares of a process, by tenant. Forgets those that nobody holds.
pub(crate) struct Shares {
    places: usize,
    turns: Arc<Turns>,
    tenants: Mutex<HashMap<String, Weak<Tenant>>>,
}

impl Shares {
    pub(crate) fn new(places: u32) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            places: places.max(1) as usize,
            turns: Arc::new(Turns::new(cores.saturating_sub(1).max(1))),
            tenants: Mutex::default(),
        }
    }

    pub(crate) fn of(&self, tenant: &str) -> Share {
        let mut tenants = lock(&self.tenants);
        if let Some(known) = tenants.get(tenant).and_then(Weak::upgrade) {
            return Share(known);
        }
        tenants.retain(|_, tenant| tenant.strong_count() > 0);
        let new = Arc::new(Tenant {
            places: Semaphore::new(self.places),
            allowance: Mutex::new(Allowance {
                left: ALLOWANCE,
                owed: Duration::ZERO,
                counted: Instant::now(),
            }),
            turns: self.turns.clone(),
        });
        tenants.insert(tenant.to_owned(), Arc::downgrade(&new));
        Share(new)
    }

    /// How many sandboxes one tenant may have at once.
    pub(crate) fn places(&self) -> usize {
        self.places
    }
}

impl fmt::Debug for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Share")
            .field("places_free", &self.0.places.available_permits())
            .finish_non_exhaustive()
    }
}

impl Tenant {
    /// Pays for computing that was done.
    pub(crate) fn pay(&self, cost: Duration) {
        let mut allowance = lock(&self.allowance);
        allowance.count();
        let beyond = cost.saturating_sub(allowance.left);
        allowance.left = allowance.left.saturating_sub(cost);
        // A debt is soon forgiven: with nobody else about, a tenant may compute all day.
        allowance.owed = (allowance.owed + beyond).min(ALLOWANCE);
    }

    /// Whether it has nothing left.
    fn owes(&self) -> bool {
        let mut allowance = lock(&self.allowance);
        allowance.count();
        allowance.left.is_zero()
    }
}

impl Allowance {
    fn count(&mut self) {
        let now = Instant::now();
        let back = (now - self.counted) / COMES_BACK;
        self.counted = now;
        let beyond = back.saturating_sub(self.owed);
        self.owed = self.owed.saturating_sub(back);
        self.left = (self.left + beyond).min(ALLOWANCE);
    }
}

/// Turns, for tenants that have used up their allowance.
pub(crate) struct Turns(Mutex<Lines>);

struct Lines {
    free: usize,
    /// A line for each tenant that waits. The first tenant is served next, and then goes to the end.
    waiting: VecDeque<(usize, VecDeque<oneshot::Sender<Turn>>)>,
}

/// The right to compute for one poll.
pub(crate) struct Turn(Arc<Turns>);

impl Turns {
    fn new(free: usize) -> Self {
        Self(Mutex::new(Lines {
            free,
            waiting: VecDeque::new(),
        }))
    }

    /// A turn, or the place in the line for one.
    fn take(self: &Arc<Self>, tenant: usize) -> Result<Turn, oneshot::Receiver<Turn>> {
        let mut lines = lock(&self.0);
        if lines.free > 0 {
            lines.free -= 1;
            return Ok(Turn(self.clone()));
        }
        let (sender, receiver) = oneshot::channel();
        match lines.waiting.iter_mut().find(|(of, _)| *of == tenant) {
            Some((_, line)) => line.push_back(sender),
            None => lines.waiting.push_back((tenant, [sender].into())),
        }
        Err(receiver)
    }

    fn give_back(self: &Arc<Self>) {
        let next = {
            let mut lines = lock(&self.0);
            let Some((tenant, mut line)) = lines.waiting.pop_front() else {
                lines.free += 1;
                return;
            };
            let next = line.pop_front();
            if !line.is_empty() {
                lines.waiting.push_back((tenant, line));
            }
            next
        };
        // Where nobody waits any more, the turn comes back and goes on to the next.
        if let Some(next) = next {
            drop(next.send(Turn(self.clone())));
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.give_back();
    }
}

/// One run's place in the order of computing.
#[derive(Default)]
pub(crate) enum Queued {
    #[default]
    No,
    Waiting(oneshot::Receiver<Turn>),
    Holds(#[expect(dead_code, reason = "held, not looked at")] Turn),
}

impl Queued {
    /// Ready when the run may compute. To be reset after each poll: a turn is for one.
    pub(crate) fn poll(&mut self, tenant: &Arc<Tenant>, context: &mut Context<'_>) -> Poll<()> {
        if matches!(self, Self::No) {
            if !tenant.owes() {
                return Poll::Ready(());
            }
            *self = match tenant.turns.take(Arc::as_ptr(tenant).addr()) {
                Ok(turn) => Self::Holds(turn),
                Err(place) => Self::Waiting(place),
            };
        }
        if let Self::Waiting(place) = self {
            *self = match ready!(Pin::new(place).poll(context)) {
                Ok(turn) => Self::Holds(turn),
                Err(_) => Self::No,
            };
        }
        Poll::Ready(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_go_round_the_tenants() {
        let turns = Arc::new(Turns::new(1));
        let first = turns.take(1).ok();
        let mut waiting: Vec<_> = [1, 1, 1, 2, 3]
            .into_iter()
            .map(|tenant| (tenant, turns.take(tenant).err().unwrap()))
            .collect();
        // Who gave up is passed over.
        let (_, gone) = waiting.remove(1);
        drop(gone);
        let mut served = Vec::new();
        let mut turn = first;
        while turn.take().is_some() {
            for (tenant, place) in &mut waiting {
                if let Ok(next) = place.try_recv() {
                    served.push(*tenant);
                    turn = Some(next);
                    break;
                }
            }
        }
        assert_eq!(served, [1, 2, 3, 1]);
        assert!(turns.take(9).is_ok(), "the last turn is free again");
    }

    #[tokio::test]
    async fn who_computes_much_waits_for_a_turn_and_who_computes_little_does_not() {
        let shares = Shares::new(20);
        let (heavy, light) = (shares.of("heavy").0, shares.of("light").0);
        heavy.pay(Duration::from_secs(1));
        light.pay(Duration::from_micros(50));
        // All turns are out.
        let mut held: Vec<Queued> = Vec::new();
        let mut context = Context::from_waker(std::task::Waker::noop());
        loop {
            let mut queued = Queued::default();
            let poll = queued.poll(&heavy, &mut context);
            held.push(queued);
            if poll.is_pending() {
                break;
            }
        }
        assert!(Queued::default().poll(&light, &mut context).is_ready());
        let mut last = held.pop().unwrap();
        held.pop();
        assert!(last.poll(&heavy, &mut context).is_ready());
    }
}
