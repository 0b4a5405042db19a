use std::time::Duration;

use phonebox_contract::{NotificationId, Status};
use phonebox_store::{
    Accept, Accepted, Attempt, Claim, Claimed, Clock, Deploy, Expected, FollowingDraft, Leased,
    LogEntry, NewVersion, Node, Options, PutDraft, Sqlite, Stands, Store, Then, Time,
};
use tempfile::TempDir;

pub(crate) const HERE: Node = Node([1; 16]);
pub(crate) const THERE: Node = Node([2; 16]);
pub(crate) const VALID: Duration = Duration::from_mins(5);
/// How often a notification's node may die before that is taken for its doing.
pub(crate) const LOST: u32 = 6;

/// A store in a folder of its own, whose time stands still until it is told to pass.
pub(crate) struct Fresh {
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    pub(crate) dir: TempDir,
}

impl Fresh {
    pub(crate) async fn sqlite() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Clock::manual(Time::from_millis(1_000_000_000_000));
        let options = Options {
            clock: clock.clone(),
            ..Options::default()
        };
        let opened = Sqlite::open(dir.path().join("phonebox.db"), options).await;
        let store = Store::new(opened.unwrap());
        Self { store, clock, dir }
    }

    /// Accepts a notification that waits.
    pub(crate) async fn queue(&self, tenant: &str) -> NotificationId {
        let accept = accept(None);
        let id = accept.id;
        let accepted = self.store.accept(tenant, accept).await.unwrap();
        assert_eq!(accepted, Accepted::Queued);
        id
    }

    /// Accepts a notification that is delivered here at once.
    pub(crate) async fn lease(&self, tenant: &str) -> Leased {
        match self.store.accept(tenant, accept(Some(HERE))).await.unwrap() {
            Accepted::Leased(leased) => leased,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn claim(&self, most: usize) -> Vec<Leased> {
        self.claim_for(THERE, most, 100).await
    }

    pub(crate) async fn claim_for(
        &self,
        node: Node,
        most: usize,
        per_tenant: usize,
    ) -> Vec<Leased> {
        self.claim_all_for(node, most, per_tenant).await.leased
    }

    /// With what was found to have expired.
    pub(crate) async fn claim_all_for(
        &self,
        node: Node,
        most: usize,
        per_tenant: usize,
    ) -> Claimed {
        let claim = Claim {
            node,
            most,
            per_tenant,
        };
        self.store.claim(claim).await.unwrap()
    }

    pub(crate) async fn settle(&self, leased: &Leased, then: Then) -> bool {
        self.settle_with(leased, then, Vec::new()).await
    }

    pub(crate) async fn settle_with(
        &self,
        leased: &Leased,
        then: Then,
        log: Vec<LogEntry>,
    ) -> bool {
        let attempt = attempt(leased.attempt, self.clock.now());
        let Leased {
            tenant, id, lease, ..
        } = leased;
        let settled = self.store.settle(tenant, *id, *lease, attempt, then, log);
        settled.await.unwrap()
    }

    /// Takes back what dead nodes held. Gives how many there were.
    pub(crate) async fn reap(&self, most_lost: u32) -> usize {
        self.store.reap(most_lost).await.unwrap().len()
    }
}

pub(crate) fn stands(tenant: &str, id: NotificationId, status: Status) -> Stands {
    Stands {
        tenant: tenant.to_owned(),
        id,
        status,
    }
}

pub(crate) fn accept(lease: Option<Node>) -> Accept {
    let id = NotificationId::new();
    Accept {
        id,
        action: "sms".to_owned(),
        idempotency_key: None,
        request: [0; 32],
        payload: id.to_bytes().to_vec(),
        valid: VALID,
        lease,
        replay_of: None,
    }
}

pub(crate) fn attempt(number: u32, at: Time) -> Attempt {
    Attempt {
        number,
        began: at,
        ended: at + Duration::from_millis(20),
        report: format!(r#"{{"attempt":{number}}}"#),
    }
}

/// A component, for an action of this name.
pub(crate) fn deploy(action: &str, digest: u8) -> Deploy {
    Deploy {
        action: action.to_owned(),
        id: id(action),
        expected: Expected::default(),
        version: NewVersion {
            id: version_id(action, digest),
            source: [digest; 32],
            digest: [digest; 32],
            component: Some(vec![digest; 3]),
            definition: "{}".to_owned(),
            modules: Vec::new(),
            built_at: None,
        },
        secrets: Vec::new(),
        held: Vec::new(),
        draft: Some(FollowingDraft {
            secrets: Vec::new(),
            notes: "[]".to_owned(),
        }),
        most: 50,
    }
}

pub(crate) fn id(action: &str) -> [u8; 16] {
    let mut id = [0; 16];
    for (to, from) in id.iter_mut().zip(action.bytes()) {
        *to = from;
    }
    id
}

pub(crate) fn version_id(action: &str, digest: u8) -> [u8; 16] {
    let mut id = id(action);
    id[15] = digest;
    id
}

/// A draft that is made from three bytes.
pub(crate) fn draft(source: u8) -> PutDraft {
    PutDraft {
        source: [source; 32],
        content: Some(vec![source; 3]),
        definition: format!("{{\"of\":{source}}}"),
        modules: Vec::new(),
        secrets: Vec::new(),
    }
}
