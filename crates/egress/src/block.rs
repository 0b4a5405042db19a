//! The kill switch: what the operator stops at once, whatever rules say.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock};

use tokio::sync::Notify;

use crate::origin::Origin;

/// What [`Egress::block`](crate::Egress::block) stops.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Block {
    /// Every request.
    All,
    /// Every request of this tenant.
    Tenant(String),
    /// Every request to this very origin: scheme, host and port.
    Origin(Origin),
}

/// All blocks that hold.
#[derive(Default)]
pub(crate) struct Blocks {
    /// Whether there are any: nearly always there are none.
    any: AtomicBool,
    list: RwLock<Vec<Block>>,
}

impl Blocks {
    /// Adds one. Whoever has requests under way is to be told afterwards.
    pub(crate) fn add(&self, block: Block) {
        let mut list = self.list.write().unwrap_or_else(PoisonError::into_inner);
        if !list.contains(&block) {
            list.push(block);
        }
        self.any.store(true, Ordering::SeqCst);
    }

    pub(crate) fn remove(&self, block: &Block) {
        let mut list = self.list.write().unwrap_or_else(PoisonError::into_inner);
        list.retain(|other| other != block);
        self.any.store(!list.is_empty(), Ordering::SeqCst);
    }

    /// Ends when this tenant may not reach this origin, and else never. `change` tells of blocks that are added.
    pub(crate) async fn hit(&self, change: &Notify, tenant: &str, origin: &Origin) {
        loop {
            // It hears of what is added from here on.
            let changed = change.notified();
            if self.hits(tenant, origin) {
                return;
            }
            changed.await;
        }
    }

    pub(crate) fn hits(&self, tenant: &str, origin: &Origin) -> bool {
        let hits = |block: &Block| match block {
            Block::All => true,
            Block::Tenant(name) => name == tenant,
            Block::Origin(blocked) => blocked == origin,
        };
        self.any.load(Ordering::SeqCst)
            && self
                .list
                .read()
                .unwrap_or_else(PoisonError::into_inner)
                .iter()
                .any(hits)
    }
}
