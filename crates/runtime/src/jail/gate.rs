use std::collections::HashMap;
use std::sync::{Condvar, Mutex, PoisonError};

use crate::sandbox::lock;

/// How many may be inside.
const INSIDE: usize = 2;
/// How many of one tenant may wait.
const WAITING: usize = 10;
/// How many may wait in all: each holds a thread that everything which blocks has to share. Once half of them do, a tenant
/// that has one waiting already is turned away, so that some tenants' uploads do not keep the others' out.
const WAITING_IN_ALL: usize = 128;

/// Lets two in at once, and one of each tenant.
#[derive(Default)]
pub(super) struct Gate {
    state: Mutex<State>,
    left: Condvar,
}

#[derive(Default)]
struct State {
    inside: usize,
    waiting: usize,
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
    /// Waits to be let in; none where too many wait already, of this tenant or in all.
    pub(super) fn enter(&self, tenant: &str) -> Option<Pass<'_>> {
        let mut state = lock(&self.state);
        let own = state.tenants.get(tenant).map_or(0, |line| line.waiting);
        let others_first = state.waiting >= WAITING_IN_ALL / 2 && own > 0;
        if own >= WAITING || state.waiting >= WAITING_IN_ALL || others_first {
            return None;
        }
        state.waiting += 1;
        state.tenants.entry(tenant.to_owned()).or_default().waiting += 1;
        let full = |state: &mut State| {
            state.inside >= INSIDE || state.tenants.get(tenant).is_some_and(|line| line.inside)
        };
        state = self
            .left
            .wait_while(state, full)
            .unwrap_or_else(PoisonError::into_inner);
        state.waiting -= 1;
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
    #[test]
    fn waiting_is_bounded_over_all_tenants_and_shared() {
        let gate = Gate::default();
        let (sender, turned_away) = mpsc::channel();
        std::thread::scope(|scope| {
            let inside = [gate.enter("x").unwrap(), gate.enter("y").unwrap()];
            let enter = |tenant: String| {
                let (gate, sender) = (&gate, sender.clone());
                scope.spawn(move || match gate.enter(&tenant) {
                    Some(pass) => drop(pass),
                    None => sender.send(tenant).unwrap(),
                });
            };
            let wait_for = |waiting: usize| {
                while lock(&gate.state).waiting < waiting {
                    std::thread::yield_now();
                }
            };
            // Some tenants fill the half that is for anybody; then each may have one.
            for number in 0..WAITING_IN_ALL / 2 {
                enter(format!("greedy-{}", number % 8));
            }
            wait_for(WAITING_IN_ALL / 2);
            enter("greedy-0".to_owned());
            assert_eq!(turned_away.recv().unwrap(), "greedy-0");
            for number in WAITING_IN_ALL / 2..WAITING_IN_ALL {
                enter(format!("other-{number}"));
                wait_for(number + 1);
            }
            enter("late".to_owned());
            assert_eq!(turned_away.recv().unwrap(), "late");
            drop(inside);
        });
        assert_eq!((gate.inside(), lock(&gate.state).waiting), (0, 0));
    }
}
