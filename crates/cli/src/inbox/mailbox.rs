//! The bounded list of what arrived, and the switches: the part that all listeners share.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{broadcast, watch};

use super::{Failure, Inbox, Message, ScriptedAnswer};

/// What arrived, what comes next, and who wants to know.
///
/// Locks are held for a few statements and never over an await.
#[derive(Debug)]
pub(super) struct Mailbox {
    kept: Mutex<Kept>,
    script: Mutex<VecDeque<ScriptedAnswer>>,
    arrivals: broadcast::Sender<Arc<Message>>,
    switches: watch::Sender<Switches>,
}

/// What an open page follows besides the messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Switches {
    pub(super) failure: Failure,
    /// How many times the list was cleared.
    pub(super) cleared: u64,
}

#[derive(Debug, Default)]
struct Kept {
    last_id: u64,
    messages: VecDeque<Arc<Message>>,
}

impl Default for Mailbox {
    fn default() -> Self {
        Self {
            kept: Mutex::default(),
            script: Mutex::default(),
            arrivals: broadcast::Sender::new(64),
            switches: watch::Sender::default(),
        }
    }
}

impl Mailbox {
    /// Numbers the message, keeps it, and tells the subscribers.
    pub(super) fn put(&self, mut message: Message) {
        let mut kept = self.kept();
        kept.last_id += 1;
        message.id = kept.last_id;
        let message = Arc::new(message);
        if kept.messages.len() == Inbox::KEPT {
            kept.messages.pop_front();
        }
        kept.messages.push_back(Arc::clone(&message));
        // Sent under the lock, so that subscribers see the order of the ids. Nobody listening is
        // no error.
        let _unheard = self.arrivals.send(message);
    }

    /// The kept messages whose id is greater, oldest first.
    pub(super) fn after(&self, id: u64) -> Vec<Arc<Message>> {
        self.kept()
            .messages
            .iter()
            .filter(|message| message.id > id)
            .cloned()
            .collect()
    }

    pub(super) fn clear(&self) {
        self.kept().messages.clear();
        self.switches.send_modify(|switches| switches.cleared += 1);
    }

    pub(super) fn subscribe(&self) -> broadcast::Receiver<Arc<Message>> {
        self.arrivals.subscribe()
    }

    pub(super) fn failure(&self) -> Failure {
        self.switches.borrow().failure
    }

    pub(super) fn set_failure(&self, failure: Failure) {
        self.switches
            .send_modify(|switches| switches.failure = failure);
    }

    pub(super) fn follow_switches(&self) -> watch::Receiver<Switches> {
        self.switches.subscribe()
    }

    pub(super) fn script(&self, answers: Vec<ScriptedAnswer>) {
        *self.script.lock().unwrap_or_else(PoisonError::into_inner) = answers.into();
    }

    pub(super) fn next_scripted(&self) -> Option<ScriptedAnswer> {
        self.script
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop_front()
    }

    /// The list stays whole even if a holder of the lock panicked: every change is one step.
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
