//! What keeps the store in order beside the deliveries.

use std::sync::Arc;
use std::time::Duration;

use phonebox_store::{Stands, Store, StoreError};

use super::engine::{Engine, Phase, lock, reached};

/// How often the process may end while a notification is under way before that is taken for its doing.
const LOST: u32 = 20;
/// How often what dead nodes held is taken back.
const REAP: Duration = Duration::from_secs(5);
/// How often what nobody needs is erased.
const ERASE: Duration = Duration::from_secs(30);

impl Engine {
    /// Keeps the leases of this node, takes back those of others that are gone, and erases what nobody needs.
    pub(super) async fn keep_up(self: Arc<Self>) {
        let mut phase = self.phase.subscribe();
        let mut renew = tokio::time::interval(Store::LEASE / 3);
        let mut reap = tokio::time::interval(REAP);
        let mut erase = tokio::time::interval(ERASE);
        loop {
            let done = tokio::select! {
                _ = renew.tick() => self.renew().await,
                _ = reap.tick() => self.reap().await,
                _ = erase.tick() => self.erase().await,
                () = reached(&mut phase, Phase::Ending) => return,
            };
            if let Err(error) = done {
                tracing::error!(%error, "the store cannot be kept in order");
            }
        }
    }

    async fn renew(&self) -> Result<(), StoreError> {
        let under_way: Vec<_> = lock(&self.under_way).iter().copied().collect();
        self.store.renew(self.node, under_way).await
    }

    async fn reap(&self) -> Result<(), StoreError> {
        let reaped = self.store.reap(LOST).await?;
        if reaped.is_empty() {
            return Ok(());
        }
        self.metrics.lost.inc_by(reaped.len() as u64);
        tracing::warn!(
            notifications = reaped.len(),
            "what was under way when its process ended is tried again",
        );
        self.explain(&reaped).await;
        for Stands { tenant, id, status } in reaped {
            if status.is_settled() {
                tracing::error!(tenant, notification = %id, "its process ended too often; it is given up");
                self.tell(&tenant, id, status);
            } else {
                self.stands(&tenant, id, status);
            }
        }
        self.wake();
        Ok(())
    }

    async fn erase(&self) -> Result<(), StoreError> {
        while self.store.erase(self.options.keep).await? != (0, 0) {
            tokio::task::yield_now().await;
        }
        while self.store.erase_logs(self.options.keep).await? != 0 {
            tokio::task::yield_now().await;
        }
        Ok(())
    }
}
