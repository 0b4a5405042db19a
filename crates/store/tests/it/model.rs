//! The queue against a list in memory: whatever is done in whatever order, both say the same.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use phonebox_contract::{NotificationId, Status};
use phonebox_store::{Accepted, Item, Leased, Node, Stands, Store, Then, Time};
use proptest::prelude::*;

use crate::harness::{Fresh, HERE, LOST, THERE, VALID, accept, stands};

const TENANTS: [&str; 3] = ["a", "b", "c"];
const NODES: [Node; 2] = [HERE, THERE];

/// What is done. Numbers choose among what there is.
#[derive(Clone, Debug)]
enum Step {
    Accept {
        tenant: usize,
        node: Option<usize>,
    },
    Claim {
        node: usize,
        most: usize,
        per_tenant: usize,
    },
    Settle {
        lease: usize,
        then: Then,
    },
    Release {
        lease: usize,
        wait: Duration,
    },
    Renew {
        node: usize,
    },
    Cancel {
        row: usize,
    },
    Reap,
    Pass(Duration),
}

fn step() -> impl Strategy<Value = Step> {
    let node = || 0..NODES.len();
    let wait = prop::sample::select(vec![1, 900, 5_000, 31_000, 130_000]);
    let then = prop_oneof![
        prop::sample::select(vec![500, 5_000, 60_000])
            .prop_map(|wait| Then::RetryAfter(Duration::from_millis(wait))),
        prop::sample::select(vec![Status::Sent, Status::Dropped, Status::Exhausted])
            .prop_map(Then::Settled),
    ];
    prop_oneof![
        4 => (0..TENANTS.len(), prop::option::of(node()))
            .prop_map(|(tenant, node)| Step::Accept { tenant, node }),
        4 => (node(), 1..5_usize, 1..4_usize)
            .prop_map(|(node, most, per_tenant)| Step::Claim { node, most, per_tenant }),
        4 => (any::<usize>(), then).prop_map(|(lease, then)| Step::Settle { lease, then }),
        1 => (any::<usize>(), prop::sample::select(vec![0, 700]))
            .prop_map(|(lease, wait)| Step::Release { lease, wait: Duration::from_millis(wait) }),
        1 => node().prop_map(|node| Step::Renew { node }),
        1 => any::<usize>().prop_map(|row| Step::Cancel { row }),
        2 => Just(Step::Reap),
        2 => wait.prop_map(|wait| Step::Pass(Duration::from_millis(wait))),
    ]
}

struct Row {
    tenant: &'static str,
    item: Item,
    owner: Option<Node>,
    lost: u32,
    epoch: u32,
    until: Time,
}

impl Row {
    fn settle(&mut self, status: Status, now: Time) {
        self.item.status = status;
        self.item.settled_at = Some(now);
        self.owner = None;
    }

    fn wait(&mut self, until: Time) {
        self.item.status = Status::Queued;
        self.item.run_at = until;
        self.owner = None;
    }

    fn lease(&mut self, node: Node, now: Time) {
        self.item.status = Status::Leased;
        self.item.attempts += 1;
        self.owner = Some(node);
        self.epoch += 1;
        self.until = now + Store::LEASE;
    }

    fn is_held_by(&self, leased: &Leased) -> bool {
        self.owner == Some(leased.lease.owner) && self.epoch == leased.lease.epoch
    }

    fn is_due(&self, now: Time) -> bool {
        self.item.status == Status::Queued && self.item.run_at <= now
    }
}

struct World {
    fresh: Fresh,
    rows: Vec<Row>,
    /// All that were ever handed out.
    leases: Vec<Leased>,
}

impl World {
    async fn step(&mut self, step: &Step) {
        let now = self.fresh.clock.now();
        let store = self.fresh.store.clone();
        match *step {
            Step::Accept { tenant, node } => self.accept(TENANTS[tenant], node, now).await,
            Step::Claim {
                node,
                most,
                per_tenant,
            } => self.claim(NODES[node], most, per_tenant, now).await,
            Step::Settle { lease, then } => {
                let Some(leased) = choose(&self.leases, lease).cloned() else {
                    return;
                };
                let settled = self.fresh.settle(&leased, then).await;
                let row = self.row(leased.id);
                assert_eq!(settled, row.is_held_by(&leased));
                match then {
                    _ if !settled => {}
                    Then::RetryAfter(wait) => row.wait(now + wait),
                    Then::Settled(status) => {
                        row.item.run_at = now;
                        row.settle(status, now);
                    }
                }
            }
            Step::Release { lease, wait } => {
                let Some(leased) = choose(&self.leases, lease).cloned() else {
                    return;
                };
                let released = store
                    .release(&leased.tenant, leased.id, leased.lease, wait)
                    .await;
                let row = self.row(leased.id);
                assert_eq!(released.unwrap(), row.is_held_by(&leased));
                if row.is_held_by(&leased) {
                    row.wait(now + wait);
                    row.item.attempts -= 1;
                }
            }
            Step::Renew { node } => {
                let of = self.rows.iter().map(|row| row.item.id).collect();
                store.renew(NODES[node], of).await.unwrap();
                for row in &mut self.rows {
                    if row.owner == Some(NODES[node]) {
                        row.until = now + Store::LEASE;
                    }
                }
            }
            Step::Cancel { row } => {
                let Some(row) = choose(&self.rows, row) else {
                    return;
                };
                let (tenant, id) = (row.tenant, row.item.id);
                let canceled = store.cancel(tenant, id).await.unwrap();
                let row = self.row(id);
                assert_eq!(canceled, row.item.status == Status::Queued);
                if canceled {
                    row.settle(Status::Canceled, now);
                }
            }
            Step::Reap => {
                let reaped = store.reap(LOST).await.unwrap();
                let mut expected = HashSet::new();
                for row in &mut self.rows {
                    if row.owner.is_some() && row.until < now {
                        row.lost += 1;
                        let exhausted = row.lost >= LOST;
                        row.wait(now);
                        if exhausted {
                            row.settle(Status::Exhausted, now);
                        }
                        expected.insert(stands(row.tenant, row.item.id, row.item.status));
                    }
                }
                assert_eq!(reaped.len(), expected.len());
                assert_eq!(reaped.into_iter().collect::<HashSet<_>>(), expected);
            }
            Step::Pass(span) => self.fresh.clock.advance(span),
        }
    }

    fn row(&mut self, id: NotificationId) -> &mut Row {
        self.rows.iter_mut().find(|row| row.item.id == id).unwrap()
    }

    async fn accept(&mut self, tenant: &'static str, node: Option<usize>, now: Time) {
        let accept = accept(node.map(|node| NODES[node]));
        let mut row = Row {
            tenant,
            item: Item {
                id: accept.id,
                action: accept.action.clone(),
                status: Status::Queued,
                attempts: 0,
                accepted_at: now,
                run_at: now,
                expires_at: now + VALID,
                settled_at: None,
                replay_of: None,
            },
            owner: None,
            lost: 0,
            epoch: 0,
            until: now,
        };
        let accepted = self.fresh.store.accept(tenant, accept).await.unwrap();
        match (accepted, node) {
            (Accepted::Queued, None) => {}
            (Accepted::Leased(leased), Some(node)) => {
                row.lease(NODES[node], now);
                assert!(row.is_held_by(&leased), "{leased:?}");
                self.leases.push(leased);
            }
            (other, _) => panic!("{other:?}"),
        }
        self.rows.push(row);
    }

    async fn claim(&mut self, node: Node, most: usize, per_tenant: usize, now: Time) {
        let mut room: HashMap<&str, usize> = HashMap::new();
        for tenant in TENANTS {
            let of_tenant = || self.rows.iter().filter(|row| row.tenant == tenant);
            let running = of_tenant().filter(|row| row.owner.is_some()).count();
            let fit = |row: &&Row| row.is_due(now) && row.item.expires_at > now;
            let fit = of_tenant().filter(fit).count();
            room.insert(tenant, fit.min(per_tenant.saturating_sub(running)));
        }
        let claimed = self.fresh.claim_all_for(node, most, per_tenant).await;
        let (claimed, expired) = (claimed.leased, claimed.expired);
        let total: usize = room.values().sum();
        assert_eq!(claimed.len(), total.min(most), "{room:?}: {claimed:?}");
        let mut given: HashMap<&str, usize> = HashMap::new();
        for leased in claimed {
            let row = self.rows.iter_mut().find(|row| row.item.id == leased.id);
            let row = row.unwrap();
            assert!(row.is_due(now) && row.item.expires_at > now, "{leased:?}");
            row.lease(node, now);
            assert!(row.is_held_by(&leased), "{leased:?}");
            assert_eq!((leased.attempt, leased.lost), (row.item.attempts, row.lost));
            *given.entry(row.tenant).or_default() += 1;
            self.leases.push(leased);
        }
        // Nobody gets two more than another who could have had more.
        for (tenant, room) in &room {
            let given_to = |tenant: &str| given.get(tenant).copied().unwrap_or(0);
            let largest = TENANTS.map(given_to).into_iter().max().unwrap();
            assert!(
                given_to(tenant) + 1 >= largest || given_to(tenant) == *room,
                "{tenant} got too little: {given:?} of {room:?}"
            );
        }
        // Claiming finds what has expired, of those that it comes by: those of tenants that had room.
        let found = self.find_expired(now).await;
        assert_eq!(expired.len(), found.len(), "{expired:?}");
        assert_eq!(expired.into_iter().collect::<HashSet<_>>(), found);
    }

    /// Takes over that something expired, after seeing that it had. Gives what did.
    async fn find_expired(&mut self, now: Time) -> HashSet<Stands> {
        let mut expired = HashSet::new();
        for row in &mut self.rows {
            if !row.is_due(now) || row.item.expires_at > now {
                continue;
            }
            let found = self.fresh.store.notification(row.tenant, row.item.id).await;
            if found.unwrap().unwrap().item.status == Status::Expired {
                row.settle(Status::Expired, now);
                expired.insert(stands(row.tenant, row.item.id, Status::Expired));
            }
        }
        expired
    }

    async fn compare(&self) {
        for row in &self.rows {
            let found = self.fresh.store.notification(row.tenant, row.item.id).await;
            assert_eq!(found.unwrap().unwrap().item, row.item);
        }
        let waiting = |row: &&Row| row.item.status == Status::Queued;
        let due = self.rows.iter().filter(waiting).map(|row| row.item.run_at);
        assert_eq!(self.fresh.store.next_due().await.unwrap(), due.min());
    }
}

fn choose<T>(from: &[T], number: usize) -> Option<&T> {
    from.get(number % from.len().max(1))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_queue_is_what_a_list_would_be(steps in prop::collection::vec(step(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut world = World { fresh: Fresh::sqlite().await, rows: Vec::new(), leases: Vec::new() };
            for step in &steps {
                world.step(step).await;
                world.compare().await;
            }
        });
    }
}
