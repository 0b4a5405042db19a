//! What one tenant's actions have looked up lately, and how many names are looked up at a time. No tenant can tell from what
//! is kept what another one asked for.
//!
//! The system's resolver holds a thread until it has an answer, which for a dead name takes as long as the name server's
//! operator likes, and it cannot be told to stop. So lookups are the one thing that a tenant can hold on to after its run
//! has ended, and there are only so many threads. An asynchronous resolver would do without them (hickory-resolver is well
//! kept, and its advisories of 2026 are about DNSSEC and encoding, which are not used here), but it knows neither
//! `nsswitch.conf` nor a `resolv.conf` that changes, and would still need a bound, on sockets. Who has one of their own hands
//! it to [`Builder::look_up`](crate::Builder::look_up). The answer here is [`Lookups`]: a bound that one tenant, or a hundred,
//! cannot use up for the others.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, timeout_at};

use crate::error::Error;
use crate::resolve::NameServer;

/// Most names that are kept.
const NAMES: usize = 256;

/// A name's addresses, or why there are none.
pub(crate) type Answer = Result<Arc<[IpAddr]>, Error>;

/// How many names are looked up at a time, over all tenants. Half of the places are for whoever comes; the other half is for
/// the first lookup of a tenant that has none under way. So to keep others waiting takes as many tenants as that half has
/// places, and not a few with many names.
pub(crate) struct Lookups {
    open: Arc<Semaphore>,
    firsts: Arc<Semaphore>,
}

/// To look one name up: the tenant's permit, and a place of [`Lookups`].
type Permit = (OwnedSemaphorePermit, OwnedSemaphorePermit);

impl Lookups {
    pub(crate) fn new(lookups: usize) -> Self {
        let firsts = lookups / 2;
        Self {
            open: Arc::new(Semaphore::new(lookups - firsts)),
            firsts: Arc::new(Semaphore::new(firsts)),
        }
    }
}

/// What one tenant's actions know of names.
pub(crate) struct Names {
    keep: Duration,
    /// The tenant's lookup that may take any place, and those that may not.
    first: Arc<Semaphore>,
    more: Arc<Semaphore>,
    known: Mutex<HashMap<Arc<str>, watch::Receiver<Option<Known>>>>,
}

/// What came of a lookup.
#[derive(Clone)]
struct Known {
    answer: Answer,
    until: Instant,
}

impl Names {
    pub(crate) fn new(lookups: usize, keep: Duration) -> Self {
        Self {
            keep,
            first: Arc::new(Semaphore::new(1)),
            more: Arc::new(Semaphore::new(lookups.saturating_sub(1))),
            known: Mutex::default(),
        }
    }

    /// The addresses of a name: those of a moment ago, those that somebody is asking for already, or those that are asked
    /// for now.
    pub(crate) async fn get(
        &self,
        host: &Arc<str>,
        server: &NameServer,
        lookups: &Lookups,
        deadline: Instant,
    ) -> Answer {
        let found = async {
            let mut lookup = if let Some(lookup) = self.find(host) {
                lookup
            } else {
                let permit = self.permit(lookups).await;
                self.start(host, server, permit.map_err(|_| Error::InternalError)?)
            };
            let known = lookup.wait_for(Option::is_some).await;
            // A lookup that ends without an answer has panicked.
            let known = known.map_err(|_| Error::InternalError)?.clone();
            known.ok_or(Error::InternalError)?.answer
        };
        timeout_at(deadline, found)
            .await
            .unwrap_or(Err(Error::DnsTimeout))
    }

    /// Waits until this tenant may look one more name up.
    async fn permit(&self, lookups: &Lookups) -> Result<Permit, AcquireError> {
        let take = |places: &Arc<Semaphore>| Arc::clone(places).acquire_owned();
        let first = async {
            let own = take(&self.first).await?;
            let place = tokio::select! {
                // In this order: whoever comes next may need the other one.
                biased;
                place = take(&lookups.open) => place,
                place = take(&lookups.firsts) => place,
            };
            Ok::<Permit, AcquireError>((own, place?))
        };
        let more = async {
            let own = take(&self.more).await?;
            Ok::<Permit, AcquireError>((own, take(&lookups.open).await?))
        };
        tokio::select! {
            biased;
            permit = first => permit,
            permit = more => permit,
        }
    }

    /// A lookup that is under way, or whose answer is still fresh.
    fn find(&self, host: &str) -> Option<watch::Receiver<Option<Known>>> {
        let lookup = self.known().get(host)?.clone();
        is_current(&lookup, Instant::now()).then_some(lookup)
    }

    /// Asks, unless somebody has begun to in the meantime. Nobody who goes away ends it: the system's resolver would keep
    /// its thread, and be asked again.
    fn start(
        &self,
        host: &Arc<str>,
        server: &NameServer,
        permit: Permit,
    ) -> watch::Receiver<Option<Known>> {
        let now = Instant::now();
        let mut known = self.known();
        if let Some(lookup) = known.get(host)
            && is_current(lookup, now)
        {
            return lookup.clone();
        }
        if known.len() >= NAMES {
            known.retain(|_, lookup| is_current(lookup, now));
        }
        let (tell, lookup) = watch::channel(None);
        // A tenant that knows this many names at once goes without memory for the rest.
        if known.len() < NAMES {
            known.insert(Arc::clone(host), lookup.clone());
        }
        let (host, server, keep) = (Arc::clone(host), server.clone(), self.keep);
        tokio::spawn(async move {
            let answer = server.ask(&host).await;
            drop(permit);
            let until = Instant::now() + keep;
            tell.send_replace(Some(Known { answer, until }));
        });
        lookup
    }

    fn known(&self) -> MutexGuard<'_, HashMap<Arc<str>, watch::Receiver<Option<Known>>>> {
        // Each change is whole.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_current(lookup: &watch::Receiver<Option<Known>>, now: Instant) -> bool {
    match &*lookup.borrow() {
        Some(known) => known.until > now,
        None => lookup.has_changed().is_ok(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::Notify;

    use super::*;

    /// A name server that answers when told, and counts.
    struct Server {
        asked: Arc<AtomicUsize>,
        open: Arc<Notify>,
        asks: NameServer,
        lookups: Lookups,
    }

    impl Server {
        fn new(
            answers: impl Fn(&str, usize) -> std::io::Result<Vec<IpAddr>> + Send + Sync + 'static,
        ) -> Self {
            let (asked, open) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
            let (count, gate) = (Arc::clone(&asked), Arc::clone(&open));
            let answers = Arc::new(answers);
            let lookup = move |host: String| {
                let nth = count.fetch_add(1, Ordering::SeqCst);
                let (gate, answers) = (Arc::clone(&gate), Arc::clone(&answers));
                let answer: std::pin::Pin<Box<dyn Future<Output = _> + Send>> =
                    Box::pin(async move {
                        if host.starts_with("slow") {
                            gate.notified().await;
                        }
                        assert!(!host.starts_with("panic"), "as it was told");
                        answers(&host, nth)
                    });
                answer
            };
            let asks = NameServer::Operator {
                lookup: Arc::new(lookup),
                limit: Duration::from_mins(1),
            };
            let lookups = Lookups::new(64);
            Self {
                asked,
                open,
                asks,
                lookups,
            }
        }

        fn asked(&self) -> usize {
            self.asked.load(Ordering::SeqCst)
        }

        async fn get(&self, names: &Names, host: &str) -> Answer {
            names
                .get(
                    &host.into(),
                    &self.asks,
                    &self.lookups,
                    Instant::now() + Duration::from_secs(2),
                )
                .await
        }
    }

    fn one(host: u8) -> Arc<[IpAddr]> {
        [IpAddr::from([8, 8, 8, host])].into()
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_kept_for_a_while_and_a_failure_too() {
        let server = Server::new(|host, nth| match host {
            "no.ok.com" => Err(std::io::ErrorKind::NotFound.into()),
            _ => Ok(one(u8::try_from(nth).unwrap()).to_vec()),
        });
        let names = Names::new(10, Duration::from_secs(5));
        for _ in 0..3 {
            assert_eq!(server.get(&names, "api.ok.com").await, Ok(one(0)));
            assert_eq!(server.get(&names, "no.ok.com").await, Err(Error::DnsError));
        }
        assert_eq!(server.asked(), 2);
        tokio::time::advance(Duration::from_millis(4_990)).await;
        assert_eq!(server.get(&names, "api.ok.com").await, Ok(one(0)));
        tokio::time::advance(Duration::from_millis(20)).await;
        assert_eq!(server.get(&names, "api.ok.com").await, Ok(one(2)));
        assert_eq!(server.get(&names, "no.ok.com").await, Err(Error::DnsError));
        assert_eq!(server.asked(), 4);
    }

    #[tokio::test(start_paused = true)]
    async fn one_name_is_asked_for_once_by_all_who_wait() {
        let server = Server::new(|_, _| Ok(one(1).to_vec()));
        let names = Names::new(10, Duration::from_secs(5));
        let (first, second, ()) = tokio::join!(
            server.get(&names, "slow.ok.com"),
            server.get(&names, "slow.ok.com"),
            async {
                tokio::task::yield_now().await;
                server.open.notify_waiters();
            }
        );
        assert_eq!((first, second), (Ok(one(1)), Ok(one(1))));
        assert_eq!(server.asked(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn f10_ten_lookups_at_a_time_and_who_gives_up_frees_none() {
        let server = Server::new(|_, _| Ok(one(1).to_vec()));
        let names = Names::new(10, Duration::from_secs(5));
        let hosts: Vec<_> = (0..10).map(|nth| format!("slow{nth}.ok.com")).collect();
        let waiting = hosts.iter().map(|host| server.get(&names, host));
        for answer in futures_util::future::join_all(waiting).await {
            assert_eq!(answer, Err(Error::DnsTimeout));
        }
        assert_eq!(
            server.get(&names, "api.ok.com").await,
            Err(Error::DnsTimeout)
        );
        assert_eq!(
            server.get(&names, "slow0.ok.com").await,
            Err(Error::DnsTimeout)
        );
        assert_eq!(
            server.asked(),
            10,
            "an eleventh was asked for, or one again"
        );
        server.open.notify_waiters();
        assert_eq!(server.get(&names, "api.ok.com").await, Ok(one(1)));
        assert_eq!(server.get(&names, "slow0.ok.com").await, Ok(one(1)));
        assert_eq!(server.asked(), 11);
    }

    #[tokio::test(start_paused = true)]
    async fn f10_many_tenants_with_dead_names_keep_no_other_tenant_waiting() {
        let mut server = Server::new(|_, _| Ok(one(1).to_vec()));
        server.lookups = Lookups::new(16);
        let hold = async |tenants: &[Names]| {
            let hosts: Vec<_> = (0..4).map(|nth| format!("slow{nth}.ok.com")).collect();
            let waiting = tenants
                .iter()
                .flat_map(|names| hosts.iter().map(|host| server.get(names, host)));
            for answer in futures_util::future::join_all(waiting).await {
                assert_eq!(answer, Err(Error::DnsTimeout));
            }
        };
        let tenants = |count| -> Vec<Names> {
            let new = |_| Names::new(4, Duration::from_secs(5));
            (0..count).map(new).collect()
        };
        // Two tenants take all that is for whoever comes, five more one each, and one place is left.
        let greedy = tenants(2);
        hold(&greedy).await;
        assert_eq!(server.asked(), 8);
        let modest = tenants(7);
        hold(&modest).await;
        assert_eq!(server.asked(), 15);
        let [other, late] = [4, 4].map(|lookups| Names::new(lookups, Duration::ZERO));
        for _ in 0..3 {
            assert_eq!(server.get(&other, "api.ok.com").await, Ok(one(1)));
        }
        let asked = server.asked();
        hold(std::slice::from_ref(&other)).await;
        assert_eq!(server.asked(), asked + 1);
        assert_eq!(
            server.get(&late, "api.ok.com").await,
            Err(Error::DnsTimeout)
        );
        // Who waits is served as soon as one of them has its answer.
        server.open.notify_one();
        assert_eq!(server.get(&late, "api.ok.com").await, Ok(one(1)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_lookup_that_panics_is_nobodys_answer_and_is_not_kept() {
        let server = Server::new(|_, _| Ok(one(1).to_vec()));
        let names = Names::new(1, Duration::from_secs(5));
        for nth in 1..=2 {
            assert_eq!(
                server.get(&names, "panic.ok.com").await,
                Err(Error::InternalError)
            );
            assert_eq!(server.asked(), nth);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn names_are_bounded() {
        let server = Server::new(|_, _| Ok(one(1).to_vec()));
        let names = Names::new(10, Duration::from_secs(5));
        for nth in 0..2 * NAMES {
            assert_eq!(
                server.get(&names, &format!("a{nth}.ok.com")).await,
                Ok(one(1))
            );
        }
        assert_eq!(names.known().len(), NAMES);
        tokio::time::advance(Duration::from_secs(6)).await;
        assert_eq!(server.get(&names, "api.ok.com").await, Ok(one(1)));
        assert_eq!(
            names.known().len(),
            1,
            "what is old goes when room is needed"
        );
    }
}
