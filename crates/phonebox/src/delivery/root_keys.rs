//! Root keys that are replaced while deliveries go on.

use std::sync::Arc;

use phonebox_contract::Fault;
use phonebox_store::{Place, Sealed, StoreError};
use serde::{Serialize, Serializer};
use tokio::sync::{Mutex, Notify};
use tokio::time::sleep;

use super::engine::{Engine, Phase, STORE_AGAIN, reached};
use crate::keys::{CannotDecrypt, KeysError, RootKeyId};
use crate::secret::Owner;
use crate::{provider, token, webhook};

/// Texts in one transaction. Those that accept and settle wait for it.
const BATCH: usize = 128;

/// A root key, as it is told of.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct RootKey {
    /// Its id.
    #[serde(serialize_with = "text")]
    pub id: RootKeyId,
    /// Whether it is the one that encrypts.
    pub active: bool,
    /// Whether this process has it.
    pub present: bool,
    /// Secrets, events and marks that cannot be read without it.
    pub needed_by: u64,
}

/// Why the root keys stay as they were.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CannotRotate {
    /// They cannot be read.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The key that encrypts is not among them.
    #[error("the root key {0}, which encrypts now, is not among them")]
    ActiveMissing(RootKeyId),
    /// A key that is needed is not among them.
    #[error(
        "the root key {id} is not among them, and {needed_by} texts in the store cannot be read without it"
    )]
    Needed {
        /// Which.
        id: RootKeyId,
        /// How many texts need it.
        needed_by: u64,
    },
    /// The store does not work.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl CannotRotate {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Keys(error) => error.hint(),
            Self::ActiveMissing(_) => {
                "put the new key before it and leave it there until nothing needs it"
            }
            Self::Needed { .. } => "leave it there until nothing needs it",
            Self::Store(error) => error.hint(),
        }
    }

    /// Whose fault it is: the platform's.
    pub fn fault(&self) -> Fault {
        Fault::Platform
    }
}

#[derive(Default)]
pub(super) struct Rotating {
    /// One at a time.
    one: Mutex<()>,
    /// There are other keys.
    changed: Notify,
}

impl Engine {
    pub(super) async fn root_keys(&self) -> Result<Vec<RootKey>, StoreError> {
        let present = self.keys.ids();
        let needed = self.store.sealed_with().await?;
        let needed_by = |id| {
            let found = needed.iter().find(|(needed, _)| RootKeyId(*needed) == id);
            found.map_or(0, |(_, count)| *count)
        };
        let absent = needed
            .iter()
            .map(|(id, _)| RootKeyId(*id))
            .filter(|id| !present.contains(id));
        let all = present.iter().copied().chain(absent);
        Ok(all
            .map(|id| RootKey {
                id,
                active: present.first() == Some(&id),
                present: present.contains(&id),
                needed_by: needed_by(id),
            })
            .collect())
    }

    pub(super) async fn rotate_root_keys(&self) -> Result<(), CannotRotate> {
        let _one = self.rotating.one.lock().await;
        let keys = self.keys.clone();
        let read = tokio::task::spawn_blocking(move || keys.read_again()).await;
        let read = read.map_err(|_| StoreError::Closed)??;
        let ids = read.ids();
        let active = self.keys.active_id();
        if !ids.contains(&active) {
            return Err(CannotRotate::ActiveMissing(active));
        }
        // Only the active one is used meanwhile: what others are needed for becomes less. What is lost already is no reason.
        for RootKey {
            id,
            present,
            needed_by,
            ..
        } in self.root_keys().await?
        {
            if present && needed_by > 0 && !ids.contains(&id) {
                return Err(CannotRotate::Needed { id, needed_by });
            }
        }
        self.keys.replace(&read);
        tracing::info!(active = %read.active_id(), keys = ids.len(), "the root keys were read again");
        self.rotating.changed.notify_one();
        Ok(())
    }

    /// Has everything encrypted with the first of the root keys: what an earlier process left, and whenever they are others.
    pub(super) async fn encrypt_anew(self: Arc<Self>) {
        let mut phase = self.phase.subscribe();
        let [mut again, longest] = STORE_AGAIN;
        loop {
            let encrypting = async {
                if let Err(error) = self.encrypt_all_anew().await {
                    tracing::error!(%error, "what needs an earlier root key could not be encrypted anew");
                    sleep(again).await;
                    again = (again * 2).min(longest);
                } else {
                    [again, _] = STORE_AGAIN;
                    self.rotating.changed.notified().await;
                }
            };
            tokio::select! {
                () = encrypting => {}
                () = reached(&mut phase, Phase::Draining) => return,
            }
        }
    }

    async fn encrypt_all_anew(&self) -> Result<(), StoreError> {
        let active = self.keys.active_id();
        let mark = self.store.mark(Vec::new()).await?;
        // It is the last to be encrypted anew.
        if mark.get(1..5) == Some(&active.0[..]) {
            return Ok(());
        }
        let mut done = 0;
        loop {
            // Nothing that was encrypted before is still on its way.
            self.store.reseal(Vec::new()).await?;
            let (found, changed) = self.encrypt_anew_once(active).await?;
            done += changed;
            if found == 0 {
                break;
            }
            if changed == 0 {
                tracing::error!(
                    texts = found,
                    "what cannot be decrypted keeps needing an earlier root key"
                );
                return Ok(());
            }
        }
        let place = Place::Mark;
        if let Ok(anew) = self.keys.reseal_mark(&mark) {
            let text = Sealed { place, text: mark };
            self.store.reseal(vec![(text, anew)]).await?;
        }
        tracing::info!(key = %active, texts = done, "everything is encrypted with the active root key");
        Ok(())
    }

    /// Goes once over all that needs another key of the ring. Gives how much that was, and how much of it does no longer. What
    /// needs a key that is lost stays as it is.
    async fn encrypt_anew_once(&self, active: RootKeyId) -> Result<(usize, u64), StoreError> {
        let (mut found, mut changed, mut after) = (0, 0, None);
        let present = self.keys.ids();
        loop {
            let texts = self.store.sealed_otherwise(active.0, after, BATCH).await?;
            let Some(last) = texts.last() else {
                return Ok((found, changed));
            };
            after = Some(last.place.clone());
            let has_key = |sealed: &Sealed| {
                let id = sealed.text.get(1..5);
                present.iter().any(|key| id == Some(&key.0[..]))
            };
            let texts: Vec<_> = texts.into_iter().filter(has_key).collect();
            found += texts.len();
            let anew = texts.into_iter().filter_map(|text| {
                let anew = self.sealed_anew(&text).ok()?;
                Some((text, anew))
            });
            changed += self.store.reseal(anew.collect()).await?;
        }
    }

    fn sealed_anew(&self, Sealed { place, text }: &Sealed) -> Result<Vec<u8>, CannotDecrypt> {
        match place {
            Place::Event { tenant, id } => {
                self.keys.reseal(&["event", tenant, &id.to_string()], text)
            }
            Place::PhoneProvider { tenant } => {
                self.keys.reseal_secret(&provider::purpose(tenant), text)
            }
            Place::Secret {
                tenant,
                action,
                name,
            } => self
                .keys
                .reseal_secret(&Owner::running(tenant, action).purpose(name), text),
            Place::HeldSecret {
                tenant,
                holder,
                name,
            } => self
                .keys
                .reseal_secret(&Owner::holding(tenant, *holder).purpose(name), text),
            Place::Mark => self.keys.reseal_mark(text),
            Place::SigningKey { id } => self.keys.reseal_secret(&token::purpose(id), text),
            Place::Webhook { tenant } | Place::WebhookBefore { tenant } => {
                self.keys.reseal_secret(&webhook::purpose(tenant), text)
            }
        }
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands fields over by reference"
)]
fn text<S: Serializer>(id: &RootKeyId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(id)
}
