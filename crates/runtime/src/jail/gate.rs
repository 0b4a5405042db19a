use std::collections::HashMap;
use std::sync::{Condvar, Mutex, PoisonError};

use crate::sandbox::lock;

/// How many may be inside.
const INSIDE: usize = 2;
/// How many of one tenant may wait.
const WAITING: usize = 10;

/// Lets two in at once, and one of each tenant.
#[derive(Default)]
pub(super) struct Gate {
    state: Mutex<State>,
    left: Condvar,
}

#[derive(Default)]
struct State {
    inside: usize,
    tenants: HashMap<String, Tenant>,
}

#[derive(Default)]
struct Tenant {
    inside: bool,
    waiting: usize,
}

/// To be inside.
pub(crate) struct Pass<'a> {
    gate: &'a Gate,
    tenant: String,
}

impl Gate {
    /// Waits to be let in; none where too many of this tenant wait already.
    pub(super) fn enter(&self, tenant: &str) -> Option<Pass<'_>> {
        let mut state = lock(&self.state);
        let line = state.tenants.entry(tenant.to_owned()).or_default();
        if line.waiting >= WAITING {
            return None;
        }
        line.waiting += 1;
        let full = |state: &mut State| {
            state.inside >= INSIDE || state.tenants.get(tenant).is_some_and(|line| line.inside)
        };
        state = self
            .left
            .wait_while(state, full)
            .unwrap_or_else(PoisonError::into_inner);
        state.inside += 1;
        if let Some(line) = state.tenants.get_mut(tenant) {
            line.waiting -= 1;
            line.inside = true;
        }
        Some(Pass {
            gate: self,
            tenant: tenant.to_owned(),
        })
    }

    pub(super) fn inside(&self) -> usize {
        lock(&self.state).inside
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        let mut state = lock(&self.gate.state);
        state.inside -= 1;
        if let Some(line) = state.tenants.get_mut(&self.tenant) {
            line.inside = false;
            if line.waiting == 0 {
                state.tenants.remove(&self.tenant);
            }
        }
        self.gate.left.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn two_at_once_and_one_of_a_tenant() {
        let gate = Gate::default();
        let first = gate.enter("a").unwrap();
        std::thread::scope(|scope| {
            let (sender, entered) = mpsc::channel();
            let enter = |tenant: &'static str| {
                let (gate, sender) = (&gate, sender.clone());
                scope.spawn(move || {
                    let pass = gate.enter(tenant);
                    sender.send(pass.map(|pass| (tenant, pass))).unwrap();
                });
            };
            enter("a");
            enter("b");
            // The second of a waits, b does not.
            let (tenant, second) = entered.recv().unwrap().unwrap();
            assert_eq!((tenant, gate.inside()), ("b", 2));
            enter("c");
            drop(first);
            let mut next = [entered.recv().unwrap().unwrap(), {
                drop(second);
                entered.recv().unwrap().unwrap()
            }];
            next.sort_by_key(|(tenant, _)| *tenant);
            assert_eq!(next.each_ref().map(|(tenant, _)| *tenant), ["a", "c"]);
            // Ten may wait; one more is turned away.
            for _ in 0..=WAITING {
                enter("a");
            }
            assert!(entered.recv().unwrap().is_none());
            drop(next);
            for _ in 0..WAITING {
                drop(entered.recv().unwrap().unwrap());
            }
        });
        assert_eq!(gate.inside(), 0);
        assert!(lock(&gate.state).tenants.is_empty());
    }
}
