//! What every driver must do. `conformance!(name, maker)` makes a module of tests out of it for each of them.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use phonebox_contract::Status;
use phonebox_store::{
    About, Accept, Accepted, ActionItem, ApiKey, Build, ChangeAction, ChangeModule, Changed,
    ChangedModule, ClaimMessages, CreateAction, CreateModule, Created, Deploy, Depth, Ended,
    Expected, Filter, FollowingDraft, Lease, LogEntry, LogItem, Logs, Matches, Message,
    NewPhoneProvider, NewPhoneTemplate, PatchPhoneProvider, PatchPhoneTemplate, PhoneProvider,
    PhoneTemplate, Place, PublishModule, Published, PutBinding, PutWebhook, Receipt, Received,
    Removed, Rename, Sealed, SigningKey, Store, TenantItem, Then, Told, What,
};

use crate::harness::{
    Fresh, HERE, LOST, THERE, VALID, accept, deploy, draft, id, stands, version_id,
};

macro_rules! conformance {
    ($name:ident, $fresh:expr, [$($test:ident),* $(,)?]) => {
        mod $name {
            $(#[tokio::test]
            async fn $test() {
                crate::conformance::$test($fresh.await).await;
            })*
        }
    };
}

conformance!(
    on_sqlite,
    crate::harness::Fresh::sqlite(),
    [
        what_is_accepted_is_there,
        what_runs_at_once_is_leased_to_whoever_accepted_it,
        a_request_is_accepted_once,
        an_attempt_is_written_with_what_follows,
        only_the_lease_of_the_row_counts,
        a_retry_waits_for_its_time,
        tenants_take_turns,
        a_tenant_has_so_many_at_once,
        what_has_expired_is_never_handed_out,
        what_a_dead_node_held_comes_back,
        what_kills_its_nodes_ends,
        a_node_that_lives_keeps_what_it_has,
        a_lease_given_back_was_no_attempt,
        what_waits_can_be_canceled,
        what_a_provider_says_later_is_kept_with_what_it_accepted,
        what_repeats_another_says_so,
        payloads_are_erased_when_nobody_needs_them,
        tenants_see_their_own,
        versions_count_up_and_can_be_rolled_back,
        old_versions_go_when_there_are_too_many,
        what_is_deployed_is_what_was_expected,
        one_action_of_a_tenant_is_bound,
        actions_are_made_one_of_a_name,
        modules_are_published_and_stay_while_something_has_them,
        a_draft_is_built_and_what_came_too_late_is_dropped,
        the_longest_waiting_draft_is_built_first,
        an_action_is_renamed_with_all_that_it_has,
        an_action_is_removed_with_all_that_it_has,
        tenants_are_known_by_what_they_have,
        secrets_are_kept_by_name,
        api_keys_are_their_tenants,
        a_tenant_has_one_phone_provider,
        a_tenant_has_a_template_for_each_type,
        settings_are_replaced_by_who_has_seen_them,
        whatever_fails_is_in_its_tenants_log,
        a_log_is_searched,
        a_log_has_so_much_and_no_more,
        whatever_settles_leaves_a_message,
        messages_wait_and_are_given_up,
        a_mark_is_made_once,
        one_key_signs_and_one_did_before,
        texts_are_found_by_the_key_that_they_need,
        a_backup_has_everything,
        many_at_once,
    ]
);

pub(crate) async fn what_is_accepted_is_there(fresh: Fresh) {
    let id = fresh.queue("acme").await;
    let now = fresh.store.now().await.unwrap();
    let found = fresh.store.notification("acme", id).await.unwrap().unwrap();
    assert!(found.attempts.is_empty(), "{found:?}");
    let item = found.item;
    assert_eq!((item.id, &*item.action, item.attempts), (id, "sms", 0));
    assert_eq!((item.status, item.settled_at), (Status::Queued, None));
    assert_eq!((item.accepted_at, item.run_at), (now, now));
    assert_eq!(item.expires_at, now + VALID);
    assert_eq!(fresh.store.next_due().await.unwrap(), Some(now));

    let claimed = fresh.claim(10).await;
    assert_eq!(claimed.len(), 1, "{claimed:?}");
    let leased = &claimed[0];
    assert_eq!((&*leased.tenant, &*leased.action), ("acme", "sms"));
    assert_eq!((leased.id, leased.attempt), (id, 1));
    assert_eq!(leased.payload, id.to_bytes());
    assert_eq!(leased.expires_at, now + VALID);
    assert_eq!(fresh.store.next_due().await.unwrap(), None);
    assert_eq!(fresh.claim(10).await, []);
}

pub(crate) async fn what_runs_at_once_is_leased_to_whoever_accepted_it(fresh: Fresh) {
    let leased = fresh.lease("acme").await;
    assert_eq!(
        (leased.attempt, leased.lease),
        (
            1,
            Lease {
                owner: HERE,
                epoch: 1
            }
        )
    );
    assert_eq!(fresh.claim(10).await, []);
    let found = fresh.store.notification("acme", leased.id).await.unwrap();
    let item = found.unwrap().item;
    assert_eq!((item.status, item.attempts), (Status::Leased, 1));
}

pub(crate) async fn a_request_is_accepted_once(fresh: Fresh) {
    let with = |key: u8, request: u8| Accept {
        idempotency_key: Some([key; 32]),
        request: [request; 32],
        ..accept(None)
    };
    let first = with(1, 1);
    let id = first.id;
    let accept = async |tenant: &str, accept| fresh.store.accept(tenant, accept).await.unwrap();
    assert_eq!(accept("acme", first).await, Accepted::Queued);
    assert_eq!(accept("acme", with(1, 1)).await, Accepted::Before(id));
    assert_eq!(accept("acme", with(1, 2)).await, Accepted::Conflict);
    assert_eq!(accept("acme", with(2, 1)).await, Accepted::Queued);
    assert_eq!(accept("other", with(1, 2)).await, Accepted::Queued);
    let before = async |key: u8| {
        let found = fresh.store.accepted_before("acme", [key; 32]).await;
        found.unwrap()
    };
    assert_eq!(before(1).await, Some((id, [1; 32])));
    assert_eq!(before(3).await, None);
    // Also when it is settled.
    for leased in fresh.claim(10).await {
        assert!(fresh.settle(&leased, Then::Settled(Status::Sent)).await);
    }
    assert_eq!(accept("acme", with(1, 1)).await, Accepted::Before(id));
}

pub(crate) async fn an_attempt_is_written_with_what_follows(fresh: Fresh) {
    let leased = fresh.lease("acme").await;
    let second = Duration::from_secs(1);
    assert!(fresh.settle(&leased, Then::RetryAfter(second)).await);
    fresh.clock.advance(second);
    let again = fresh.claim(10).await.remove(0);
    assert_eq!((again.id, again.attempt), (leased.id, 2));
    assert_eq!(
        again.lease,
        Lease {
            owner: THERE,
            epoch: 2
        }
    );
    fresh.clock.advance(second);
    assert!(fresh.settle(&again, Then::Settled(Status::Dropped)).await);
    let found = fresh.store.notification("acme", leased.id).await.unwrap();
    let found = found.unwrap();
    assert_eq!(found.item.status, Status::Dropped);
    assert_eq!(found.item.settled_at, Some(fresh.clock.now()));
    let numbers: Vec<u32> = found
        .attempts
        .iter()
        .map(|attempt| attempt.number)
        .collect();
    assert_eq!(numbers, [1, 2]);
    assert_eq!(found.attempts[1].began, fresh.clock.now());
    assert_eq!(found.attempts[1].report, r#"{"attempt":2}"#);
}

pub(crate) async fn only_the_lease_of_the_row_counts(fresh: Fresh) {
    let old = fresh.lease("acme").await;
    fresh.clock.advance(Store::LEASE + Duration::from_secs(1));
    assert_eq!(fresh.reap(LOST).await, 1);
    // Nobody has it: the old lease is no lease any more.
    assert!(!fresh.settle(&old, Then::Settled(Status::Sent)).await);
    let new = fresh.claim(1).await.remove(0);
    assert!(!fresh.settle(&old, Then::Settled(Status::Sent)).await);
    for forged in [
        Lease {
            epoch: old.lease.epoch,
            ..new.lease
        },
        Lease {
            owner: HERE,
            ..new.lease
        },
    ] {
        let mut leased = new.clone();
        leased.lease = forged;
        assert!(!fresh.settle(&leased, Then::Settled(Status::Sent)).await);
        let released = fresh
            .store
            .release("acme", leased.id, forged, Duration::ZERO)
            .await;
        assert!(!released.unwrap());
    }
    let mut elsewhere = new.clone();
    "other".clone_into(&mut elsewhere.tenant);
    assert!(!fresh.settle(&elsewhere, Then::Settled(Status::Sent)).await);
    assert!(fresh.settle(&new, Then::Settled(Status::Dropped)).await);
    assert!(!fresh.settle(&new, Then::Settled(Status::Sent)).await);
    let found = fresh.store.notification("acme", new.id).await.unwrap();
    let found = found.unwrap();
    assert_eq!(found.item.status, Status::Dropped);
    // What came late is kept, for whoever wants to know why somebody got two messages.
    assert_eq!(found.attempts.len(), 2, "{found:?}");
}

pub(crate) async fn a_retry_waits_for_its_time(fresh: Fresh) {
    let wait = Duration::from_secs(5);
    let leased = fresh.lease("acme").await;
    assert!(fresh.settle(&leased, Then::RetryAfter(wait)).await);
    let due = fresh.clock.now() + wait;
    assert_eq!(fresh.store.next_due().await.unwrap(), Some(due));
    let depth = async || fresh.store.depth().await.unwrap();
    let one = Depth {
        queued: 1,
        ..Depth::default()
    };
    assert_eq!(depth().await, one);
    fresh.clock.advance(Duration::from_millis(4_999));
    assert_eq!(fresh.claim(10).await, []);
    fresh.clock.advance(Duration::from_millis(1001));
    assert_eq!(depth().await.overdue, Duration::from_secs(1));
    assert_eq!(fresh.claim(10).await.len(), 1);
    let one = Depth {
        leased: 1,
        ..Depth::default()
    };
    assert_eq!(depth().await, one);
}

pub(crate) async fn tenants_take_turns(fresh: Fresh) {
    for _ in 0..50 {
        fresh.queue("a-loud-one").await;
    }
    for tenant in ["b", "c"] {
        fresh.queue(tenant).await;
        fresh.queue(tenant).await;
    }
    // One at a time, and several at once.
    let mut served = Vec::new();
    for most in [1, 1, 1, 3, 2] {
        let claimed = fresh.claim(most).await;
        assert_eq!(claimed.len(), most);
        served.extend(claimed.into_iter().map(|leased| leased.tenant));
    }
    let loud = "a-loud-one";
    assert_eq!(served, [loud, "b", "c", loud, "b", "c", loud, loud]);
    // Of one tenant, who has waited longest comes first.
    let ids: Vec<_> = fresh.claim(3).await.into_iter().map(|one| one.id).collect();
    assert!(ids.is_sorted(), "{ids:?}");
}

pub(crate) async fn a_tenant_has_so_many_at_once(fresh: Fresh) {
    let running = fresh.lease("acme").await;
    for _ in 0..5 {
        fresh.queue("acme").await;
    }
    fresh.queue("other").await;
    let claimed = fresh.claim_for(THERE, 10, 3).await;
    let of = |tenant: &str| claimed.iter().filter(|one| one.tenant == tenant).count();
    assert_eq!((of("acme"), of("other")), (2, 1), "{claimed:?}");
    assert_eq!(fresh.claim_for(HERE, 10, 3).await, []);
    assert!(fresh.settle(&running, Then::Settled(Status::Sent)).await);
    assert_eq!(fresh.claim_for(HERE, 10, 3).await.len(), 1);
}

pub(crate) async fn what_has_expired_is_never_handed_out(fresh: Fresh) {
    let id = fresh.queue("acme").await;
    fresh.clock.advance(VALID);
    let fresher = fresh.queue("acme").await;
    let claimed = fresh.claim_all_for(THERE, 10, 100).await;
    let ids: Vec<_> = claimed.leased.iter().map(|one| one.id).collect();
    assert_eq!(ids, [fresher]);
    assert_eq!(claimed.expired, [stands("acme", id, Status::Expired)]);
    let item = fresh.store.notification("acme", id).await.unwrap();
    let item = item.unwrap().item;
    assert_eq!((item.status, item.attempts), (Status::Expired, 0));
    assert_eq!(item.settled_at, Some(fresh.clock.now()));
}

pub(crate) async fn what_a_dead_node_held_comes_back(fresh: Fresh) {
    let leased = fresh.lease("acme").await;
    fresh.clock.advance(Store::LEASE);
    assert_eq!(fresh.reap(LOST).await, 0);
    fresh.clock.advance(Duration::from_millis(1));
    assert_eq!(fresh.reap(LOST).await, 1);
    assert_eq!(fresh.reap(LOST).await, 0);
    let again = fresh.claim(10).await.remove(0);
    assert_eq!((again.id, again.attempt, again.lost), (leased.id, 2, 1));
}

pub(crate) async fn what_kills_its_nodes_ends(fresh: Fresh) {
    let id = fresh.lease("acme").await.id;
    for attempt in 1..=3 {
        fresh.clock.advance(Store::LEASE + Duration::from_millis(1));
        let status = if attempt < 3 {
            Status::Queued
        } else {
            Status::Exhausted
        };
        let reaped = fresh.store.reap(3).await.unwrap();
        assert_eq!(reaped, [stands("acme", id, status)]);
        assert_eq!(fresh.claim(1).await.len(), usize::from(attempt < 3));
    }
    let item = fresh.store.notification("acme", id).await.unwrap();
    let item = item.unwrap().item;
    assert_eq!((item.status, item.attempts), (Status::Exhausted, 3));
    assert_eq!(item.settled_at, Some(fresh.clock.now()));
}

pub(crate) async fn a_node_that_lives_keeps_what_it_has(fresh: Fresh) {
    let leased = fresh.lease("acme").await;
    let forgotten = fresh.lease("acme").await;
    for round in 0..5 {
        fresh.clock.advance(Store::LEASE / 2);
        fresh.store.renew(HERE, vec![leased.id]).await.unwrap();
        // It has nothing of the kind.
        let of_other = fresh.store.renew(THERE, vec![leased.id, forgotten.id]);
        of_other.await.unwrap();
        // What it does not name, it does not have any more.
        let reaped = fresh.reap(LOST).await;
        assert_eq!(reaped, usize::from(round == 2));
    }
    assert!(fresh.settle(&leased, Then::Settled(Status::Sent)).await);
    assert!(!fresh.settle(&forgotten, Then::Settled(Status::Sent)).await);
}

pub(crate) async fn a_lease_given_back_was_no_attempt(fresh: Fresh) {
    let leased = fresh.lease("acme").await;
    let wait = Duration::from_millis(300);
    let released = fresh.store.release("acme", leased.id, leased.lease, wait);
    assert!(released.await.unwrap());
    assert_eq!(fresh.claim(10).await, []);
    fresh.clock.advance(wait);
    let again = fresh.claim(10).await.remove(0);
    assert_eq!((again.id, again.attempt, again.lost), (leased.id, 1, 0));
    assert_ne!(again.lease, leased.lease);
    assert!(!fresh.settle(&leased, Then::Settled(Status::Sent)).await);
    assert!(fresh.settle(&again, Then::Settled(Status::Sent)).await);
}

pub(crate) async fn what_waits_can_be_canceled(fresh: Fresh) {
    let waiting = fresh.queue("acme").await;
    let running = fresh.lease("acme").await;
    let cancel = async |tenant: &str, id| fresh.store.cancel(tenant, id).await.unwrap();
    assert!(!cancel("other", waiting).await);
    assert!(cancel("acme", waiting).await);
    assert!(!cancel("acme", waiting).await);
    assert!(!cancel("acme", running.id).await);
    assert_eq!(fresh.claim(10).await, []);
    let item = fresh.store.notification("acme", waiting).await.unwrap();
    assert_eq!(item.unwrap().item.status, Status::Canceled);
}

pub(crate) async fn what_a_provider_says_later_is_kept_with_what_it_accepted(fresh: Fresh) {
    let leased = fresh.lease("acme").await;
    let receipt = |status: &str, code: Option<&str>| Receipt {
        status: status.to_owned(),
        provider_status: None,
        error_code: code.map(ToOwned::to_owned),
        at: None,
    };
    let receive = async |tenant: &str, id, receipt| {
        let received = fresh.store.receive(tenant, id, receipt, 2).await;
        received.unwrap()
    };
    // It may come before the provider's yes has been written down.
    let (pending, late) = (
        receipt("pending", None),
        receipt("undelivered", Some("30008")),
    );
    let now = fresh.clock.now();
    for _ in 0..2 {
        assert_eq!(
            receive("acme", leased.id, pending.clone()).await,
            Received::Kept
        );
    }
    assert!(fresh.settle(&leased, Then::Settled(Status::Sent)).await);
    fresh.clock.advance(VALID);
    assert_eq!(
        receive("acme", leased.id, late.clone()).await,
        Received::Kept
    );
    assert_eq!(
        receive("acme", leased.id, receipt("unknown", None)).await,
        Received::TooMany
    );
    let found = fresh.store.notification("acme", leased.id).await.unwrap();
    assert_eq!(
        found.unwrap().receipts,
        [(now, pending.clone()), (now + VALID, late)]
    );

    assert_eq!(
        receive("other", leased.id, pending.clone()).await,
        Received::Unknown
    );
    let waits = fresh.queue("acme").await;
    assert_eq!(
        receive("acme", waits, pending).await,
        Received::NotSent(Status::Queued)
    );
}

pub(crate) async fn what_repeats_another_says_so(fresh: Fresh) {
    let leased = fresh.lease("acme").await;
    assert!(fresh.settle(&leased, Then::Settled(Status::Dropped)).await);
    let payload = async |tenant: &str| fresh.store.payload(tenant, leased.id).await.unwrap();
    assert_eq!(payload("acme").await, Some(leased.payload.clone()));
    assert_eq!(payload("other").await, None);
    let again = Accept {
        replay_of: Some(leased.id),
        ..accept(None)
    };
    let id = again.id;
    assert_eq!(
        fresh.store.accept("acme", again).await.unwrap(),
        Accepted::Queued
    );
    let found = fresh.store.notification("acme", id).await.unwrap();
    assert_eq!(found.unwrap().item.replay_of, Some(leased.id));
    fresh.clock.advance(VALID);
    fresh.store.erase(VALID * 2).await.unwrap();
    assert_eq!(payload("acme").await, None);
}

pub(crate) async fn payloads_are_erased_when_nobody_needs_them(fresh: Fresh) {
    let day = Duration::from_hours(24);
    let erase = async || fresh.store.erase(day).await.unwrap();
    let sent = fresh.lease("acme").await;
    assert!(fresh.settle(&sent, Then::Settled(Status::Sent)).await);
    let waiting = fresh.queue("acme").await;
    assert_eq!(erase().await, (0, 0));
    fresh.clock.advance(VALID);
    // Not of what waits: that it has expired is found when it is due.
    assert_eq!(erase().await, (1, 0));
    assert_eq!(fresh.claim(10).await, []);
    assert_eq!(erase().await, (1, 0));
    fresh.clock.advance(day.saturating_sub(VALID));
    assert_eq!(erase().await, (0, 1));
    assert!(
        fresh
            .store
            .notification("acme", sent.id)
            .await
            .unwrap()
            .is_none()
    );
    assert!(
        fresh
            .store
            .notification("acme", waiting)
            .await
            .unwrap()
            .is_some()
    );
    fresh.clock.advance(VALID);
    assert_eq!(erase().await, (0, 1));
    // Nothing is left of them that what comes later could be taken to have.
    let later = fresh.lease("acme").await;
    let later = fresh.store.notification("acme", later.id).await.unwrap();
    assert_eq!(later.unwrap().attempts, []);
}

pub(crate) async fn tenants_see_their_own(fresh: Fresh) {
    let mut own = Vec::new();
    for _ in 0..5 {
        own.insert(0, fresh.queue("acme").await);
        fresh.queue("other").await;
    }
    let list = async |status, before, most| -> Vec<_> {
        let filter = Filter {
            status,
            before,
            most,
        };
        let items = fresh.store.notifications("acme", filter).await.unwrap();
        items.into_iter().map(|item| item.id).collect()
    };
    assert_eq!(list(None, None, 10).await, own);
    assert_eq!(list(None, None, 2).await, own[..2]);
    assert_eq!(list(None, Some(own[1]), 2).await, own[2..4]);
    assert_eq!(list(Some(Status::Sent), None, 10).await, []);
    assert!(fresh.store.cancel("acme", own[3]).await.unwrap());
    assert_eq!(list(Some(Status::Canceled), None, 10).await, [own[3]]);
    assert!(
        fresh
            .store
            .notification("other", own[0])
            .await
            .unwrap()
            .is_none()
    );
}

pub(crate) async fn versions_count_up_and_can_be_rolled_back(fresh: Fresh) {
    let store = &fresh.store;
    let make = async |tenant: &str, digest: u8| {
        let made = store.deploy(tenant, deploy("sms", digest)).await.unwrap();
        made.unwrap()
    };
    let deployed = async || store.deployed("acme", "sms").await.unwrap();
    assert_eq!(deployed().await, None);
    let first = make("acme", 1).await;
    let second = make("acme", 2).await;
    assert_eq!((first.number, second.number), (1, 2));
    assert_eq!(deployed().await, Some(second.clone()));
    assert_eq!(make("other", 2).await.number, 1);
    // The same again is the same.
    assert_eq!(make("acme", 1).await, first);
    assert_eq!(deployed().await, Some(first.clone()));
    let roll_back = async |number| store.roll_back("acme", "sms", number).await.unwrap();
    assert!(roll_back(2).await);
    assert_eq!(deployed().await, Some(second.clone()));
    assert!(!roll_back(3).await);
    assert_eq!(
        store.versions("acme", "sms").await.unwrap(),
        [second, first]
    );
    assert_eq!(
        store.component("acme", [1; 32]).await.unwrap(),
        Some(vec![1; 3])
    );
    assert_eq!(store.component("other", [1; 32]).await.unwrap(), None);
}

pub(crate) async fn old_versions_go_when_there_are_too_many(fresh: Fresh) {
    let store = &fresh.store;
    let numbers = async || -> Vec<u32> {
        let versions = store.versions("acme", "sms").await.unwrap();
        versions.iter().map(|version| version.number).collect()
    };
    let make = async |digest: u8| {
        let deploy = Deploy {
            held: vec![("TOKEN".to_owned(), vec![digest])],
            most: 3,
            ..deploy("sms", digest)
        };
        store.deploy("acme", deploy).await.unwrap().unwrap()
    };
    for digest in 1..=3 {
        make(digest).await;
    }
    assert!(store.roll_back("acme", "sms", 1).await.unwrap());
    assert_eq!(numbers().await, [3, 2, 1]);
    make(4).await;
    assert_eq!(numbers().await, [4, 3, 2]);
    for (digest, kept) in [(1, false), (2, true), (3, true), (4, true)] {
        let component = store.component("acme", [digest; 32]).await.unwrap();
        let held = store
            .held_secrets("acme", version_id("sms", digest))
            .await
            .unwrap();
        assert_eq!(
            (component.is_some(), held.len() == 1),
            (kept, kept),
            "{digest}"
        );
    }
    // The one that is deployed stays, and numbers are not used again.
    assert!(store.roll_back("acme", "sms", 2).await.unwrap());
    make(2).await;
    assert_eq!(numbers().await, [4, 3, 2]);
    make(5).await;
    assert_eq!(numbers().await, [5, 4, 3]);
}

pub(crate) async fn what_is_deployed_is_what_was_expected(fresh: Fresh) {
    let store = &fresh.store;
    let secret = |sealed: u8| vec![("TOKEN".to_owned(), vec![sealed])];
    let try_deploy = async |expected: Expected, digest: u8| {
        let deploy = Deploy {
            expected,
            secrets: secret(digest),
            draft: Some(FollowingDraft {
                secrets: secret(digest),
                notes: "[]".to_owned(),
            }),
            ..deploy("sms", digest)
        };
        store.deploy("acme", deploy).await.unwrap().is_some()
    };
    let revision = |revision| Expected {
        revision: Some(revision),
        ..Expected::default()
    };
    assert!(!try_deploy(revision(1), 1).await);
    assert_eq!(store.actions("acme").await.unwrap(), []);
    assert!(try_deploy(Expected::default(), 1).await);
    let is = store.action("acme", id("sms")).await.unwrap().unwrap();
    assert!(is.draft_is_deployed);
    assert!(!try_deploy(revision(is.draft.revision + 1), 2).await);
    for (held, running, expected) in [(3, 1, false), (1, 3, false), (1, 1, true)] {
        let with = Expected {
            revision: Some(is.draft.revision),
            draft_secrets: Some(secret(held)),
            secrets: Some(secret(running)),
        };
        assert_eq!(try_deploy(with, 2).await, expected);
    }
    assert_eq!(store.secrets("acme", "sms").await.unwrap(), secret(2));
    let held = store.held_secrets("acme", id("sms")).await.unwrap();
    assert_eq!(held, secret(2));
    // Another one of the same name, or of the same id.
    for (name, of) in [("sms", "voice"), ("voice", "sms")] {
        let deploy = Deploy {
            id: id(of),
            ..deploy(name, 3)
        };
        assert_eq!(store.deploy("acme", deploy).await.unwrap(), None);
    }
    // What its draft is made of and somebody keeps, it need not bring.
    let mut bare = deploy("sms", 2);
    bare.version.component = None;
    assert!(store.deploy("acme", bare).await.unwrap().is_some());
    let mut bare = deploy("sms", 9);
    bare.version.component = None;
    assert_eq!(store.deploy("acme", bare).await.unwrap(), None);
}

pub(crate) async fn one_action_of_a_tenant_is_bound(fresh: Fresh) {
    let store = &fresh.store;
    let bind = async |action: &str, number: u8| {
        let put = PutBinding {
            id: [number; 16],
            action: action.to_owned(),
            display_name: format!("{action} {number}"),
        };
        store.put_binding("acme", put).await.unwrap()
    };
    let bound = async |tenant: &str| store.bound(tenant).await.unwrap();
    let binding = async || store.binding("acme").await.unwrap();
    assert!(!bind("sms", 1).await);
    assert_eq!(bound("acme").await, None);
    for action in ["sms", "voice"] {
        let deployed = store
            .deploy("acme", deploy(action, action.as_bytes()[0]))
            .await;
        assert_eq!(deployed.unwrap().unwrap().number, 1);
    }
    assert_eq!(bound("acme").await.as_deref(), Some("voice"));
    assert_eq!(binding().await, None);
    assert!(bind("sms", 1).await);
    assert_eq!(bound("acme").await.as_deref(), Some("sms"));
    let made = binding().await.unwrap();
    assert_eq!((made.id, &*made.display_name), ([1; 16], "sms 1"));
    fresh.clock.advance(Duration::from_secs(1));
    // Another name for the same binding; another action is another one.
    assert!(bind("sms", 2).await);
    let renamed = binding().await.unwrap();
    let (again, created_at) = (renamed.updated_at, renamed.created_at);
    assert_eq!((renamed.id, &*renamed.display_name), ([1; 16], "sms 2"));
    assert_eq!((created_at, again), (made.created_at, fresh.clock.now()));
    assert!(bind("voice", 3).await);
    assert!(!bind("carrier-pigeon", 4).await);
    assert_eq!(binding().await.unwrap().id, [3; 16]);
    assert_eq!(binding().await.unwrap().created_at, fresh.clock.now());
    assert_eq!(bound("acme").await.as_deref(), Some("voice"));
    assert_eq!(bound("other").await, None);
    // Deployed again it stays; when something else is deployed it goes.
    store.deploy("acme", deploy("voice", 7)).await.unwrap();
    assert_eq!(binding().await.unwrap().id, [3; 16]);
    store.deploy("acme", deploy("sms", 7)).await.unwrap();
    assert_eq!(binding().await, None);
    assert!(bind("sms", 5).await);
    store.remove_binding("acme").await.unwrap();
    assert_eq!(binding().await, None);
    assert_eq!(bound("acme").await.as_deref(), Some("sms"));
}

/// Makes an action that is not built.
async fn create(fresh: &Fresh, tenant: &str, name: &str, source: u8) -> ActionItem {
    let create = CreateAction {
        id: id(name),
        name: name.to_owned(),
        draft: draft(source),
        deploy: false,
        most: 2,
    };
    match fresh.store.create_action(tenant, create).await.unwrap() {
        Created::Yes(item) => *item,
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn modules_are_published_and_stay_while_something_has_them(fresh: Fresh) {
    let Fresh { store, .. } = &fresh;
    let secrets = |text: &str| vec![("KEY".to_owned(), text.as_bytes().to_vec())];
    let create = |name: &str, most| CreateModule {
        id: id(name),
        name: name.to_owned(),
        code: "one".to_owned(),
        definition: "{}".to_owned(),
        secrets: secrets("of the draft"),
        most,
    };
    let made = store.create_module("acme", create("words", 2)).await;
    let Created::Yes(module) = made.unwrap() else {
        panic!("it is the first");
    };
    assert_eq!((module.revision, module.latest), (1, None));
    assert!(!module.all_published());
    let again = CreateModule {
        id: id("another id"),
        ..create("words", 2)
    };
    let again = store.create_module("acme", again).await.unwrap();
    assert_eq!(again, Created::NameTaken);
    let many = store
        .create_module("acme", create("more", 1))
        .await
        .unwrap();
    assert_eq!(many, Created::TooMany);
    let others = store.create_module("other", create("words", 1)).await;
    assert!(matches!(others.unwrap(), Created::Yes(_)));

    // Each version is what the draft was, with its secrets, and there is none of the same twice.
    let publish = |version: &str, revision| PublishModule {
        id: id(version),
        revision,
        were: secrets("of the draft"),
        secrets: secrets(version),
        most: 2,
    };
    let published = async |publish: PublishModule| {
        let published = store.publish_module("acme", id("words"), publish).await;
        published.unwrap()
    };
    let Published::Yes(first) = published(publish("v1", 1)).await else {
        panic!("it is new");
    };
    assert_eq!(
        (first.number, &*first.code, &*first.name),
        (1, "one", "words")
    );
    assert_eq!(published(publish("v2", 1)).await, Published::Nothing);
    let change = |revision, code: &str, same_as| ChangeModule {
        revision,
        were: secrets("of the draft"),
        code: code.to_owned(),
        definition: "{}".to_owned(),
        secrets: secrets("of the draft"),
        same_as,
    };
    let changed = async |change: ChangeModule| {
        let changed = store.change_module("acme", id("words"), change).await;
        changed.unwrap()
    };
    let ChangedModule::Yes(module) = changed(change(1, "two", None)).await else {
        panic!("nobody else changed it");
    };
    assert!(!module.all_published());
    assert_eq!(
        changed(change(1, "three", None)).await,
        ChangedModule::Meanwhile
    );
    let other = ChangeModule {
        were: secrets("others"),
        ..change(2, "three", None)
    };
    assert_eq!(changed(other).await, ChangedModule::Meanwhile);
    assert_eq!(published(publish("v2", 1)).await, Published::Meanwhile);
    assert!(matches!(
        published(publish("v2", 2)).await,
        Published::Yes(_)
    ));
    changed(change(2, "one", Some(1))).await;
    assert_eq!(published(publish("v3", 3)).await, Published::TooMany);
    let missing = store.publish_module("other", id("v1"), publish("v3", 1));
    assert_eq!(missing.await.unwrap(), Published::Missing);
    let versions = store.module_versions("acme", id("words")).await.unwrap();
    let numbers: Vec<_> = versions.iter().map(|version| version.number).collect();
    assert_eq!(numbers, [2, 1]);
    let module = store.module("acme", id("words")).await.unwrap().unwrap();
    assert_eq!((module.same_as, module.latest), (Some(1), Some(2)));
    assert_eq!(store.modules("acme").await.unwrap(), [module]);
    assert_eq!(
        store.module_version("acme", id("v1")).await.unwrap(),
        Some(*first)
    );
    assert_eq!(store.module_version("other", id("v1")).await.unwrap(), None);
    let held = store.held_secrets("acme", id("v1")).await.unwrap();
    assert_eq!(held, secrets("v1"));

    // A draft has it, then what is deployed, and then an earlier version alone, which needs it not.
    let remove = async || store.remove_module("acme", id("words")).await.unwrap();
    let mut having = draft(1);
    having.modules = vec![id("v1"), id("not there")];
    let create = CreateAction {
        id: id("sms"),
        name: "sms".to_owned(),
        draft: having,
        deploy: false,
        most: 1,
    };
    store.create_action("acme", create).await.unwrap();
    assert_eq!(remove().await, Removed::InUse);
    assert_eq!(store.module_uses("acme", id("words")).await.unwrap(), []);
    let mut deployed = deploy("sms", 2);
    deployed.version.modules = vec![id("v1")];
    store.deploy("acme", deployed).await.unwrap().unwrap();
    let uses = store.module_uses("acme", id("words")).await.unwrap();
    let [deployed] = &uses[..] else {
        panic!("{uses:?}");
    };
    assert_eq!(
        (deployed.action, deployed.version, deployed.number),
        (id("sms"), id("v1"), 1)
    );
    let item = store.action_named("acme", "sms").await.unwrap().unwrap();
    let change = ChangeAction {
        revision: item.draft.revision,
        secrets: Vec::new(),
        name: None,
        draft: Some(draft(3)),
        deploy: false,
    };
    store
        .change_action("acme", id("sms"), change)
        .await
        .unwrap();
    assert_eq!(remove().await, Removed::InUse);
    store
        .deploy("acme", deploy("sms", 4))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(remove().await, Removed::Yes("words".to_owned()));
    assert_eq!(remove().await, Removed::Missing);
    for holder in ["words", "v1", "v2"] {
        let held = store.held_secrets("acme", id(holder)).await.unwrap();
        assert_eq!(held, [], "{holder}");
    }
    assert!(store.roll_back("acme", "sms", 1).await.unwrap());
    assert_eq!(store.modules("other").await.unwrap().len(), 1);
}

pub(crate) async fn actions_are_made_one_of_a_name(fresh: Fresh) {
    let store = &fresh.store;
    let made = create(&fresh, "acme", "sms", 1).await;
    assert_eq!(
        store.action("acme", id("sms")).await.unwrap(),
        Some(made.clone())
    );
    assert_eq!(
        store.action_named("acme", "sms").await.unwrap(),
        Some(made.clone())
    );
    assert_eq!(store.action("other", id("sms")).await.unwrap(), None);
    assert_eq!((&made.deployed, made.draft_is_deployed), (&None, false));
    assert_eq!(made.draft.build, Build::Pending);
    let try_create = async |name: &str, most| {
        let create = CreateAction {
            id: [9; 16],
            name: name.to_owned(),
            draft: draft(9),
            deploy: false,
            most,
        };
        store.create_action("acme", create).await.unwrap()
    };
    assert_eq!(try_create("sms", 2).await, Created::NameTaken);
    assert_eq!(try_create("voice", 1).await, Created::TooMany);
    // Nothing of them is kept.
    assert_eq!(store.component("acme", [9; 32]).await.unwrap(), None);
    assert!(matches!(try_create("voice", 2).await, Created::Yes(_)));
    assert_eq!(store.actions("acme").await.unwrap().len(), 2);
}

pub(crate) async fn a_draft_is_built_and_what_came_too_late_is_dropped(fresh: Fresh) {
    const LEASE: Duration = Duration::from_mins(1);
    let store = &fresh.store;
    let claim = async || store.claim_build(LEASE).await.unwrap();
    let state = async || {
        store
            .action("acme", id("sms"))
            .await
            .unwrap()
            .unwrap()
            .draft
            .build
    };
    let end = async |revision, ended| {
        let ended = store.end_build("acme", id("sms"), revision, ended);
        ended.await.unwrap()
    };
    let built = |digest: u8| Ended::Built {
        digest: [digest; 32],
        component: Some(vec![digest; 3]),
        notes: "[\"a note\"]".to_owned(),
    };
    assert_eq!(
        (store.next_build().await.unwrap(), claim().await),
        (None, None)
    );
    let made = create(&fresh, "acme", "sms", 1).await;
    assert_eq!(store.next_build().await.unwrap(), Some(fresh.clock.now()));
    let first = claim().await.unwrap();
    assert_eq!(
        (&*first.tenant, first.id, first.begun),
        ("acme", id("sms"), 1)
    );
    assert_eq!((claim().await, state().await), (None, Build::Building));
    // Whoever has it is gone; the next one has it again.
    fresh.clock.advance(LEASE);
    assert_eq!(claim().await.unwrap().begun, 2);
    assert!(end(1, Ended::Again(LEASE)).await);
    assert_eq!((claim().await, state().await), (None, Build::Pending));
    fresh.clock.advance(LEASE);
    assert_eq!(claim().await.unwrap().begun, 3);

    // Another draft: what comes of the first one is of no interest any more, and kept nowhere.
    let change = ChangeAction {
        revision: made.draft.revision,
        secrets: Vec::new(),
        name: None,
        draft: Some(draft(2)),
        deploy: true,
    };
    let changed = store
        .change_action("acme", id("sms"), change.clone())
        .await
        .unwrap();
    let Changed::Yes(changed) = changed else {
        panic!("{changed:?}")
    };
    assert_eq!((changed.draft.revision, changed.draft.deploy), (2, true));
    let again = store
        .change_action("acme", id("sms"), change)
        .await
        .unwrap();
    assert_eq!(again, Changed::Meanwhile);
    assert!(!end(1, built(7)).await);
    assert!(!end(2, built(7)).await, "nobody builds it");
    for gone in [1, 7] {
        assert_eq!(store.component("acme", [gone; 32]).await.unwrap(), None);
    }
    assert_eq!(claim().await.unwrap().begun, 1);
    assert!(end(2, built(8)).await);
    let Build::Built { digest, at, notes } = state().await else {
        panic!()
    };
    assert_eq!(
        (digest, at, &*notes),
        ([8; 32], fresh.clock.now(), "[\"a note\"]")
    );
    assert_eq!(
        store.component("acme", [8; 32]).await.unwrap(),
        Some(vec![8; 3])
    );

    // It is to be deployed, until it is or cannot be.
    let work = claim().await.unwrap();
    assert!(matches!(work.draft.build, Build::Built { .. }), "{work:?}");
    assert_eq!(claim().await, None);
    store.deploy_no_more("acme", id("sms"), 1).await.unwrap();
    assert!(store.next_build().await.unwrap().is_some());
    store.deploy_no_more("acme", id("sms"), 2).await.unwrap();
    assert_eq!(store.next_build().await.unwrap(), None);

    let change = ChangeAction {
        revision: 2,
        secrets: Vec::new(),
        name: None,
        draft: Some(draft(3)),
        deploy: false,
    };
    store
        .change_action("acme", id("sms"), change)
        .await
        .unwrap();
    claim().await.unwrap();
    assert!(end(3, Ended::Failed("[]".to_owned())).await);
    assert_eq!(state().await, Build::Failed("[]".to_owned()));
    assert_eq!(store.next_build().await.unwrap(), None);
}

pub(crate) async fn the_longest_waiting_draft_is_built_first(fresh: Fresh) {
    for tenant in ["c", "a", "b"] {
        create(&fresh, tenant, "sms", 1).await;
        fresh.clock.advance(Duration::from_secs(1));
    }
    let mut order = Vec::new();
    while let Some(work) = fresh
        .store
        .claim_build(Duration::from_mins(1))
        .await
        .unwrap()
    {
        order.push(work.tenant);
    }
    assert_eq!(order, ["c", "a", "b"]);
}

pub(crate) async fn an_action_is_renamed_with_all_that_it_has(fresh: Fresh) {
    let store = &fresh.store;
    let secret = |sealed: u8| vec![("TOKEN".to_owned(), vec![sealed])];
    let deployed = Deploy {
        secrets: secret(1),
        ..deploy("sms", 1)
    };
    store.deploy("acme", deployed).await.unwrap();
    store.deploy("acme", deploy("voice", 2)).await.unwrap();
    store.deploy("other", deploy("sms", 1)).await.unwrap();
    let waits = fresh.queue("acme").await;
    let settled = fresh.lease("acme").await;
    fresh.settle(&settled, Then::Settled(Status::Sent)).await;
    let elsewhere = fresh.queue("other").await;
    let is = store.action("acme", id("sms")).await.unwrap().unwrap();
    let rename = async |name: &str, were| {
        let change = ChangeAction {
            revision: is.draft.revision,
            secrets: Vec::new(),
            name: Some(Rename {
                name: name.to_owned(),
                were: secret(were),
                secrets: secret(2),
            }),
            draft: None,
            deploy: false,
        };
        store
            .change_action("acme", id("sms"), change)
            .await
            .unwrap()
    };
    assert_eq!(rename("text", 9).await, Changed::Meanwhile);
    assert_eq!(rename("voice", 1).await, Changed::NameTaken);
    let Changed::Yes(renamed) = rename("text", 1).await else {
        panic!()
    };
    assert_eq!((&*renamed.name, renamed.draft_is_deployed), ("text", true));
    assert_eq!(renamed.deployed, is.deployed);
    assert_eq!(store.secrets("acme", "sms").await.unwrap(), []);
    assert_eq!(store.secrets("acme", "text").await.unwrap(), secret(2));
    assert_eq!(store.versions("acme", "text").await.unwrap().len(), 1);
    assert_eq!(store.action_named("acme", "sms").await.unwrap(), None);
    for (tenant, notification, action) in [
        ("acme", waits, "text"),
        ("acme", settled.id, "sms"),
        ("other", elsewhere, "sms"),
    ] {
        let found = store.notification(tenant, notification).await.unwrap();
        assert_eq!(found.unwrap().item.action, action);
    }
}

pub(crate) async fn an_action_is_removed_with_all_that_it_has(fresh: Fresh) {
    let store = &fresh.store;
    let with_secrets = |action: &str| {
        let secrets = vec![("TOKEN".to_owned(), vec![1])];
        Deploy {
            secrets: secrets.clone(),
            held: secrets.clone(),
            draft: Some(FollowingDraft {
                secrets,
                notes: "[]".to_owned(),
            }),
            ..deploy(action, 1)
        }
    };
    for tenant in ["acme", "other"] {
        store.deploy(tenant, with_secrets("sms")).await.unwrap();
    }
    let remove = async |force| store.remove_action("acme", id("sms"), force).await.unwrap();
    let put = PutBinding {
        id: [1; 16],
        action: "sms".to_owned(),
        display_name: String::new(),
    };
    assert!(store.put_binding("acme", put).await.unwrap());
    assert_eq!(remove(false).await, Removed::InUse);
    assert_eq!(remove(true).await, Removed::Yes("sms".to_owned()));
    assert_eq!(remove(true).await, Removed::Missing);
    let left = async |tenant: &str| {
        let held = async |id| store.held_secrets(tenant, id).await.unwrap().len();
        (
            store.actions(tenant).await.unwrap().len(),
            store.versions(tenant, "sms").await.unwrap().len(),
            store.secrets(tenant, "sms").await.unwrap().len(),
            held(id("sms")).await + held(version_id("sms", 1)).await,
            usize::from(store.component(tenant, [1; 32]).await.unwrap().is_some()),
            usize::from(store.bound(tenant).await.unwrap().is_some()),
        )
    };
    assert_eq!(left("acme").await, (0, 0, 0, 0, 0, 0));
    assert_eq!(left("other").await, (1, 1, 1, 2, 1, 1));
    // One that nobody has bound needs no force, whatever is deployed.
    let removed = store
        .remove_action("other", id("sms"), false)
        .await
        .unwrap();
    assert_eq!(removed, Removed::Yes("sms".to_owned()));
}

pub(crate) async fn secrets_are_kept_by_name(fresh: Fresh) {
    let store = &fresh.store;
    let put = async |tenant: &str, name: &str, sealed: &[u8]| {
        store
            .put_secret(tenant, "sms", name, sealed.to_vec(), None)
            .await
            .unwrap();
    };
    put("acme", "TOKEN", b"one").await;
    put("acme", "ACCOUNT", b"two").await;
    put("other", "TOKEN", b"three").await;
    put("acme", "TOKEN", b"four").await;
    let secrets = async |tenant: &str, action: &str| store.secrets(tenant, action).await.unwrap();
    let kept = |name: &str, sealed: &[u8]| (name.to_owned(), sealed.to_vec());
    assert_eq!(
        secrets("acme", "sms").await,
        [kept("ACCOUNT", b"two"), kept("TOKEN", b"four")]
    );
    assert_eq!(secrets("acme", "voice").await, []);
    let remove = async |name: &str| store.remove_secret("acme", "sms", name).await.unwrap();
    assert!(remove("TOKEN").await);
    assert!(!remove("TOKEN").await);
    assert_eq!(secrets("other", "sms").await, [kept("TOKEN", b"three")]);
    // What is deployed brings all that it has.
    let anew = Deploy {
        secrets: vec![kept("KEY", b"five")],
        ..deploy("sms", 1)
    };
    store.deploy("acme", anew).await.unwrap();
    assert_eq!(secrets("acme", "sms").await, [kept("KEY", b"five")]);
    assert_eq!(secrets("other", "sms").await, [kept("TOKEN", b"three")]);
    // The draft has what is set, too, if it is there.
    let held = async || store.held_secrets("acme", id("sms")).await.unwrap();
    for holder in [id("sms"), id("voice")] {
        let held = Some((holder, b"held".to_vec()));
        let put = store.put_secret("acme", "sms", "KEY", b"six".to_vec(), held);
        put.await.unwrap();
    }
    assert_eq!(secrets("acme", "sms").await, [kept("KEY", b"six")]);
    assert_eq!(held().await, [kept("KEY", b"held")]);
    assert_eq!(store.held_secrets("acme", id("voice")).await.unwrap(), []);
    assert!(remove("KEY").await);
    assert_eq!(
        (secrets("acme", "sms").await, held().await),
        (vec![], vec![])
    );
}

pub(crate) async fn api_keys_are_their_tenants(fresh: Fresh) {
    let store = &fresh.store;
    let key = |id: &str, tenant: Option<&str>| ApiKey {
        id: id.to_owned(),
        tenant: tenant.map(ToOwned::to_owned),
        scopes: "notifications:send".to_owned(),
        hash: [7; 32],
        created_at: fresh.clock.now(),
    };
    for (id, tenant) in [
        ("one", Some("acme")),
        ("two", Some("other")),
        ("three", None),
    ] {
        store.put_api_key(key(id, tenant)).await.unwrap();
    }
    assert!(store.put_api_key(key("one", None)).await.is_err());
    assert_eq!(
        store.api_key("one").await.unwrap(),
        Some(key("one", Some("acme")))
    );
    for (id, tenant) in [("two", Some("other")), ("three", None)] {
        assert_eq!(store.api_keys(tenant).await.unwrap(), [key(id, tenant)]);
    }
    assert!(store.remove_api_key("one").await.unwrap());
    assert!(!store.remove_api_key("one").await.unwrap());
    assert_eq!(store.api_key("one").await.unwrap(), None);
}

fn provider(id: &str, sealed: &[u8]) -> NewPhoneProvider {
    NewPhoneProvider {
        id: id.to_owned(),
        name: "twilio".to_owned(),
        disabled: false,
        configuration: Some("{}".to_owned()),
        sealed: Some(sealed.to_vec()),
    }
}

pub(crate) async fn a_tenant_has_one_phone_provider(fresh: Fresh) {
    let store = &fresh.store;
    let made = store.create_phone_provider("acme", provider("pro_1", b"token"));
    let made = made.await.unwrap().unwrap();
    let (created, other) = (fresh.clock.now(), provider("pro_2", b"other"));
    assert_eq!((made.created_at, made.updated_at), (created, created));
    let second = store.create_phone_provider("acme", other.clone());
    assert_eq!(second.await.unwrap(), None);
    let others = store.create_phone_provider("other", other).await.unwrap();
    assert!(others.is_some());
    assert_eq!(
        store.phone_provider("acme").await.unwrap(),
        Some(made.clone())
    );

    fresh.clock.advance(Duration::from_millis(7));
    let patch = PatchPhoneProvider {
        disabled: Some(true),
        ..PatchPhoneProvider::default()
    };
    let changed = store.change_phone_provider("acme", "pro_1", patch.clone());
    let expected = PhoneProvider {
        disabled: true,
        updated_at: created + Duration::from_millis(7),
        ..made
    };
    assert_eq!(changed.await.unwrap(), Some(expected.clone()));
    let whole = PatchPhoneProvider {
        name: Some("custom".to_owned()),
        disabled: Some(false),
        configuration: Some("[]".to_owned()),
        sealed: Some(b"anew".to_vec()),
    };
    let changed = store.change_phone_provider("acme", "pro_1", whole);
    let expected = PhoneProvider {
        name: "custom".to_owned(),
        disabled: false,
        configuration: Some("[]".to_owned()),
        sealed: Some(b"anew".to_vec()),
        ..expected
    };
    assert_eq!(changed.await.unwrap(), Some(expected.clone()));
    for (tenant, id) in [("acme", "pro_2"), ("other", "pro_1"), ("none", "pro_1")] {
        let changed = store.change_phone_provider(tenant, id, patch.clone());
        assert_eq!(changed.await.unwrap(), None);
        assert!(!store.remove_phone_provider(tenant, id).await.unwrap());
    }
    assert_eq!(store.phone_provider("acme").await.unwrap(), Some(expected));
    assert!(store.remove_phone_provider("acme", "pro_1").await.unwrap());
    assert_eq!(store.phone_provider("acme").await.unwrap(), None);
    let known = store.tenants(None, 9).await.unwrap();
    let known: Vec<_> = known.iter().map(|item| &*item.name).collect();
    assert_eq!(known, ["other"]);
}

pub(crate) async fn a_tenant_has_a_template_for_each_type(fresh: Fresh) {
    let store = &fresh.store;
    let template = |id: &str, kind: &str| NewPhoneTemplate {
        id: id.to_owned(),
        kind: kind.to_owned(),
        disabled: false,
        from: Some("+15005550006".to_owned()),
        text: "written".to_owned(),
        voice: "read".to_owned(),
    };
    let make = async |tenant: &str, id: &str, kind: &str| {
        let made = store.create_phone_template(tenant, template(id, kind));
        made.await.unwrap()
    };
    let verify = make("acme", "tem_1", "otp_verify").await.unwrap();
    let enroll = make("acme", "tem_2", "otp_enroll").await.unwrap();
    assert_eq!(make("acme", "tem_3", "otp_verify").await, None);
    assert!(make("other", "tem_4", "otp_verify").await.is_some());
    let templates = store.phone_templates("acme").await.unwrap();
    assert_eq!(templates, [enroll.clone(), verify.clone()]);

    fresh.clock.advance(Duration::from_millis(7));
    let text = PatchPhoneTemplate {
        text: Some("anew".to_owned()),
        ..PatchPhoneTemplate::default()
    };
    let changed = store.change_phone_template("acme", "tem_1", text);
    let expected = PhoneTemplate {
        text: "anew".to_owned(),
        updated_at: fresh.clock.now(),
        ..verify
    };
    assert_eq!(changed.await.unwrap(), Some(expected.clone()));
    let rest = PatchPhoneTemplate {
        disabled: Some(true),
        from: Some(None),
        text: None,
        voice: Some("aloud".to_owned()),
    };
    let changed = store.change_phone_template("acme", "tem_1", rest.clone());
    let expected = PhoneTemplate {
        disabled: true,
        from: None,
        voice: "aloud".to_owned(),
        ..expected
    };
    assert_eq!(changed.await.unwrap(), Some(expected.clone()));
    for (tenant, id) in [("acme", "tem_4"), ("other", "tem_1")] {
        let changed = store.change_phone_template(tenant, id, rest.clone());
        assert_eq!(changed.await.unwrap(), None);
        assert!(!store.remove_phone_template(tenant, id).await.unwrap());
    }
    assert!(store.remove_phone_template("acme", "tem_2").await.unwrap());
    assert_eq!(store.phone_templates("acme").await.unwrap(), [expected]);
}

pub(crate) async fn settings_are_replaced_by_who_has_seen_them(fresh: Fresh) {
    let store = &fresh.store;
    let replace = async |tenant: &str, was: Option<&str>, settings: &str| {
        let was = was.map(ToOwned::to_owned);
        let replace = store.replace_settings(tenant, was, settings.to_owned());
        replace.await.unwrap()
    };
    assert_eq!(store.settings("acme").await.unwrap(), None);
    assert!(!replace("acme", Some("one"), "two").await);
    assert!(replace("acme", None, "one").await);
    assert!(!replace("acme", None, "two").await);
    assert!(!replace("acme", Some("two"), "three").await);
    assert!(replace("acme", Some("one"), "two").await);
    assert_eq!(
        store.settings("acme").await.unwrap().as_deref(),
        Some("two")
    );
    assert_eq!(store.settings("other").await.unwrap(), None);
    let known = store.tenants(None, 9).await.unwrap();
    let known: Vec<_> = known.iter().map(|item| &*item.name).collect();
    assert_eq!(known, ["acme"]);
}

fn entry(kind: &'static str, text: &str) -> LogEntry {
    LogEntry {
        about: About::Management,
        kind,
        notification: None,
        text: text.to_owned(),
    }
}

const ALL: Logs = Logs {
    only: None,
    after: None,
    latest_first: false,
    skip: 0,
    most: 100,
    count: false,
};

async fn logs(fresh: &Fresh, tenant: &str) -> Vec<LogItem> {
    fresh.store.logs(tenant, ALL).await.unwrap().0
}

pub(crate) async fn whatever_fails_is_in_its_tenants_log(fresh: Fresh) {
    let now = fresh.clock.now();
    let of = |leased: &phonebox_store::Leased, kind| LogEntry {
        about: About::Delivery,
        notification: Some(leased.id),
        ..entry(kind, r#"{"a":1}"#)
    };
    // With what it settles, if that is settled.
    let leased = fresh.lease("acme").await;
    let both = vec![of(&leased, "actions_execution_failed"), of(&leased, "fn")];
    let dropped = Then::Settled(Status::Dropped);
    assert!(fresh.settle_with(&leased, dropped, both.clone()).await);
    assert!(!fresh.settle_with(&leased, dropped, both).await);
    let found = logs(&fresh, "acme").await;
    let kinds: Vec<_> = found.iter().map(|item| &*item.kind).collect();
    assert_eq!(kinds, ["actions_execution_failed", "fn"]);
    for item in &found {
        assert_eq!((item.at, item.notification), (now, Some(leased.id)));
        assert_eq!(item.text.as_deref(), Some(r#"{"a":1}"#));
    }
    assert!(found[0].id < found[1].id, "{found:?}");
    assert_eq!(found[0].id.to_string().parse(), Ok(found[0].id));

    // By itself it says what it settles itself, and once what that was.
    let expired = fresh.queue("acme").await;
    let lost = fresh.lease("other").await.id;
    fresh.clock.advance(VALID);
    assert_eq!(fresh.claim(10).await, []);
    assert_eq!(fresh.reap(1).await, 1);
    let found = logs(&fresh, "acme").await;
    let item = &found[2];
    assert_eq!((&*item.kind, item.notification), ("fn", Some(expired)));
    assert_eq!(item.text, None);
    let explain = |text: &str| {
        let of = |tenant: &str, id| (tenant.to_owned(), id, text.to_owned());
        fresh
            .store
            .explain(vec![of("acme", expired), of("acme", lost)])
    };
    explain(r#"{"b":2}"#).await.unwrap();
    explain(r#"{"c":3}"#).await.unwrap();
    let found = logs(&fresh, "acme").await;
    assert_eq!(found[2].text.as_deref(), Some(r#"{"b":2}"#));
    let of_other = logs(&fresh, "other").await;
    assert_eq!(of_other.len(), 1);
    assert_eq!(
        (of_other[0].notification, &of_other[0].text),
        (Some(lost), &None)
    );

    // What is taken back did not fail, and what is sent did not either.
    let canceled = fresh.queue("acme").await;
    assert!(fresh.store.cancel("acme", canceled).await.unwrap());
    let sent = fresh.lease("acme").await;
    assert!(fresh.settle(&sent, Then::Settled(Status::Sent)).await);
    assert_eq!(logs(&fresh, "acme").await.len(), 3);

    // One by one, each its tenant's.
    let id = found[0].id;
    let one = async |tenant: &str, id| fresh.store.log_entry(tenant, id).await.unwrap();
    assert_eq!(one("acme", id).await.as_ref(), Some(&found[0]));
    assert_eq!(one("other", id).await, None);
    let mut forged = id.to_string();
    forged.replace_range(31.., if forged.ends_with('0') { "1" } else { "0" });
    assert_eq!(one("acme", forged.parse().unwrap()).await, None);
    for text in ["", "0", &forged[1..], "+00000000000000000000000000000000"] {
        assert!(text.parse::<phonebox_store::LogId>().is_err(), "{text}");
    }

    // As long as it is kept.
    fresh.clock.advance(Duration::from_secs(1));
    assert_eq!(fresh.store.erase_logs(VALID).await.unwrap(), 2);
    assert_eq!(logs(&fresh, "acme").await.len(), 1);
    fresh.clock.advance(VALID);
    assert_eq!(fresh.store.erase_logs(VALID).await.unwrap(), 2);
    // What comes then is later all the same.
    fresh
        .store
        .log("acme", vec![entry("sapi", "{}")])
        .await
        .unwrap();
    assert!(logs(&fresh, "acme").await[0].id > found[2].id);
}

pub(crate) async fn a_log_is_searched(fresh: Fresh) {
    let texts = [
        ("sapi", r#"{"ip":"127.0.0.1","details":{"n":1,"a.b":"x"}}"#),
        (
            "fapi",
            r#"{"ip":"127.0.0.10","details":{"n":10,"say":"50% Off_\\"}}"#,
        ),
        ("fapi", r#"{"ip":"10.0.0.1"}"#),
        ("SAPI", "{}"),
    ];
    let mut begins = Vec::new();
    for (kind, text) in texts {
        begins.push(fresh.clock.now());
        let kept = fresh.store.log("acme", vec![entry(kind, text)]);
        kept.await.unwrap();
        fresh.clock.advance(Duration::from_millis(1));
    }
    let of_other = fresh.store.log("other", vec![entry("sapi", texts[0].1)]);
    of_other.await.unwrap();
    let all = logs(&fresh, "acme").await;
    let find = async |only: Matches| {
        let logs = Logs {
            only: Some(only),
            count: true,
            ..ALL
        };
        let (found, total) = fresh.store.logs("acme", logs).await.unwrap();
        assert_eq!(total, Some(found.len() as u64));
        let place = |item| all.iter().position(|one| one == item).unwrap();
        found.iter().map(place).collect::<Vec<_>>()
    };
    let text = |names: &[&str]| What::Text(names.iter().map(|&name| name.to_owned()).collect());
    let is = |what: &What, parts: &[&str]| {
        let parts = parts.iter().map(|&part| part.to_owned()).collect();
        Matches::Is(what.clone(), parts)
    };
    let (ip, say) = (text(&["ip"]), text(&["details", "say"]));
    let number = text(&["details", "n"]);
    for (only, expected) in [
        (is(&What::Kind, &["fapi"]), vec![1, 2]),
        (is(&What::Kind, &["sapi"]), vec![0, 3]),
        (is(&What::Kind, &["fap"]), vec![]),
        (is(&What::Kind, &["fa", ""]), vec![1, 2]),
        (is(&What::Kind, &["", "", "api"]), vec![0, 1, 2, 3]),
        (is(&ip, &["127.0.0.1"]), vec![0]),
        (is(&ip, &["127.0.0.1", ""]), vec![0, 1]),
        (is(&number, &["1"]), vec![0]),
        (is(&text(&["details", "a.b"]), &["x"]), vec![0]),
        (is(&text(&["details", "a", "b"]), &["x"]), vec![]),
        (is(&text(&["details\"", "'; --"]), &["x"]), vec![]),
        // What LIKE takes for something else is itself.
        (is(&say, &["50% off_\\"]), vec![1]),
        (is(&say, &["50%", "_\\"]), vec![1]),
        (is(&say, &["5%", "\\"]), vec![]),
        (is(&say, &["50_", ""]), vec![]),
        (Matches::Has(ip.clone()), vec![0, 1, 2]),
        (
            Matches::Not(Box::new(is(&ip, &["127.0.0.1"]))),
            vec![1, 2, 3],
        ),
        (Matches::Not(Box::new(Matches::Has(ip.clone()))), vec![3]),
        (
            Matches::Within(Some(begins[1]), Some(begins[3])),
            vec![1, 2],
        ),
        (Matches::Within(None, Some(begins[1])), vec![0]),
        (Matches::Within(None, None), vec![0, 1, 2, 3]),
        (is(&What::Id, &[&all[2].id.to_string()]), vec![2]),
        (Matches::All(vec![]), vec![0, 1, 2, 3]),
        (Matches::Any(vec![]), vec![]),
        (
            Matches::All(vec![
                is(&What::Kind, &["fapi"]),
                Matches::Any(vec![is(&number, &["10"]), is(&number, &["1"])]),
            ]),
            vec![1],
        ),
    ] {
        assert_eq!(find(only.clone()).await, expected, "{only:?}");
    }

    let ask = async |logs: Logs| {
        let (found, total) = fresh.store.logs("acme", logs).await.unwrap();
        assert_eq!(total, None);
        found
    };
    let latest = Logs {
        latest_first: true,
        skip: 1,
        most: 2,
        ..ALL
    };
    assert_eq!(ask(latest).await, [all[2].clone(), all[1].clone()]);
    let after = |item: &LogItem| Logs {
        after: Some(item.id),
        most: 1,
        ..ALL
    };
    assert_eq!(ask(after(&all[0])).await, all[1..2]);
    assert_eq!(ask(after(&all[3])).await, []);
}

pub(crate) async fn a_log_has_so_much_and_no_more(fresh: Fresh) {
    let most = LogEntry::MOST as usize;
    let first = fresh.store.log("acme", vec![entry("sapi", "{}")]);
    first.await.unwrap();
    let failed = LogEntry {
        about: About::Delivery,
        ..entry("fn", "{}")
    };
    let many = fresh.store.log("acme", vec![failed; most + 5]);
    many.await.unwrap();
    let ask = async |kind: &str| {
        let logs = Logs {
            only: Some(Matches::Is(What::Kind, vec![kind.to_owned()])),
            count: true,
            ..ALL
        };
        fresh.store.logs("acme", logs).await.unwrap().1
    };
    assert_eq!(ask("fn").await, Some(most as u64));
    // What is about something else stays.
    assert_eq!(ask("sapi").await, Some(1));
}

fn webhook(sealed: u8) -> PutWebhook {
    PutWebhook {
        url: "https://example.com/hook".to_owned(),
        on_settled: true,
        on_receipt: true,
        sealed: vec![sealed],
    }
}

async fn messages(fresh: &Fresh, of_tenant: u32) -> Vec<Message> {
    let claim = ClaimMessages {
        most: 100,
        of_tenant,
        busy: HashMap::new(),
    };
    fresh.store.claim_messages(claim).await.unwrap()
}

async fn end(fresh: &Fresh, message: &Message, told: Told) -> bool {
    let Message {
        tenant,
        id,
        attempt,
        ..
    } = message;
    let end = fresh.store.end_message(tenant, *id, *attempt, told);
    end.await.unwrap()
}

pub(crate) async fn whatever_settles_leaves_a_message(fresh: Fresh) {
    let settle = async |tenant: &str, then| {
        let leased = fresh.lease(tenant).await;
        assert!(fresh.settle(&leased, then).await);
        leased.id
    };
    settle("acme", Then::Settled(Status::Sent)).await;
    assert_eq!(fresh.store.next_message().await.unwrap(), None);
    fresh.store.put_webhook("acme", webhook(1)).await.unwrap();
    settle("other", Then::Settled(Status::Sent)).await;
    settle("acme", Then::RetryAfter(VALID * 2)).await;
    assert_eq!(messages(&fresh, 10).await, []);

    let now = fresh.clock.now();
    let sent = settle("acme", Then::Settled(Status::Sent)).await;
    let canceled = fresh.queue("acme").await;
    assert!(fresh.store.cancel("acme", canceled).await.unwrap());
    let receipt = Receipt {
        status: "delivered".to_owned(),
        provider_status: None,
        error_code: None,
        at: None,
    };
    for _ in 0..2 {
        let receive = fresh.store.receive("acme", sent, receipt.clone(), 5);
        assert_eq!(receive.await.unwrap(), Received::Kept);
    }
    let expired = fresh.queue("acme").await;
    let lost = fresh.lease("acme").await.id;
    assert_eq!(fresh.store.next_message().await.unwrap(), Some(now));
    fresh.clock.advance(VALID * 2);
    assert_eq!(fresh.claim(1).await, []);
    fresh.reap(1).await;
    let found: HashSet<_> = messages(&fresh, 100)
        .await
        .into_iter()
        .map(|message| {
            assert_eq!(
                (message.attempt, &*message.hook.sealed),
                (1, &[1][..]),
                "{message:?}"
            );
            (message.notification, message.receipt)
        })
        .collect();
    let expected = [
        (sent, None),
        (canceled, None),
        (sent, Some(1)),
        (expired, None),
        (lost, None),
    ];
    // What was to be tried again has expired by now, too.
    assert_eq!(found.len(), expected.len() + 1, "{found:?}");
    assert!(expected.iter().all(|one| found.contains(one)), "{found:?}");

    // Nothing is erased that somebody is to be told of yet.
    let erased = fresh.store.erase(VALID).await.unwrap();
    assert_eq!(erased.1, 2, "{erased:?}");
    assert!(fresh.store.remove_webhook("acme").await.unwrap());
    assert!(!fresh.store.remove_webhook("acme").await.unwrap());
    let erased = fresh.store.erase(VALID).await.unwrap();
    assert_eq!(erased.1, 2, "{erased:?}");
    fresh.clock.advance(VALID);
    let erased = fresh.store.erase(VALID).await.unwrap();
    assert_eq!(erased.1, 3, "{erased:?}");
}

pub(crate) async fn messages_wait_and_are_given_up(fresh: Fresh) {
    let settle = async || {
        let leased = fresh.lease("acme").await;
        assert!(fresh.settle(&leased, Then::Settled(Status::Sent)).await);
    };
    let kept = async || fresh.store.webhook("acme").await.unwrap().unwrap();
    fresh.store.put_webhook("acme", webhook(1)).await.unwrap();
    fresh.store.put_webhook("acme", webhook(2)).await.unwrap();
    let hook = kept().await.hook;
    assert_eq!((hook.sealed, hook.sealed_before), (vec![2], Some(vec![1])));
    for _ in 0..5 {
        settle().await;
    }
    // So many at once, and others when one has ended.
    let first = messages(&fresh, 2).await;
    assert_eq!(first.len(), 2, "{first:?}");
    assert_eq!(messages(&fresh, 2).await, []);
    assert!(end(&fresh, &first[0], Told::Yes).await);
    let claim = ClaimMessages {
        most: 100,
        of_tenant: 2,
        busy: HashMap::from([("acme".to_owned(), 1)]),
    };
    let more = fresh.store.claim_messages(claim).await.unwrap();
    assert_eq!(more.len(), 1, "{more:?}");

    // One that fails is told one thing at a time, and it is seen.
    let wait = Duration::from_secs(5);
    let why = "status-500".to_owned();
    let again = Told::Again {
        wait,
        why: why.clone(),
    };
    assert!(end(&fresh, &more[0], again).await);
    let state = kept().await;
    let now = fresh.clock.now();
    assert_eq!(
        (state.hook.failing_since, state.failure, state.waiting),
        (Some(now), Some(why), 4)
    );
    let one = messages(&fresh, 2).await;
    assert_eq!(one.len(), 1, "{one:?}");
    // Something that arrives ends that, and what waits for its time waits.
    assert!(end(&fresh, &one[0], Told::Yes).await);
    assert_eq!(kept().await.hook.failing_since, None);
    let last = messages(&fresh, 9).await;
    assert_eq!(last.len(), 1, "{last:?}");
    assert!(end(&fresh, &last[0], Told::Later(wait)).await);
    assert_eq!(kept().await.hook.failing_since, None);
    assert_eq!(fresh.store.next_message().await.unwrap(), Some(now + wait));
    fresh.clock.advance(wait);
    let mut attempts: Vec<_> = messages(&fresh, 9).await;
    attempts.sort_by_key(|message| message.attempt);
    let numbers: Vec<_> = attempts.iter().map(|message| message.attempt).collect();
    // What was put off was no attempt.
    assert_eq!(numbers, [1, 2], "{attempts:?}");
    assert_eq!(attempts[1].id, more[0].id);

    // Whoever asked for them may be gone.
    fresh.clock.advance(Store::LEASE);
    let again = messages(&fresh, 9).await;
    assert_eq!(again.len(), 3, "{again:?}");
    assert!(!end(&fresh, &first[1], Told::Yes).await);

    let why = || "status-410".to_owned();
    assert!(end(&fresh, &again[0], Told::Never(why())).await);
    assert_eq!(kept().await.disabled_at, None);
    assert!(end(&fresh, &again[1], Told::Disable(why())).await);
    settle().await;
    let state = kept().await;
    assert_eq!(
        (state.disabled_at, state.waiting),
        (Some(fresh.clock.now()), 0)
    );
    assert_eq!(fresh.store.next_message().await.unwrap(), None);
    fresh.store.put_webhook("acme", webhook(3)).await.unwrap();
    settle().await;
    assert_eq!(messages(&fresh, 9).await.len(), 1);
    assert_eq!(kept().await.disabled_at, None);
}

pub(crate) async fn one_key_signs_and_one_did_before(fresh: Fresh) {
    let store = &fresh.store;
    let sign = async |id: &str, before| {
        let sign = store.sign_with(id, id.as_bytes().to_vec(), before);
        sign.await.unwrap()
    };
    assert_eq!(store.signing_keys().await.unwrap(), []);
    assert!(!sign("one", Some("none")).await);
    assert!(sign("one", None).await);
    // Of two that make the first, one does.
    assert!(!sign("two", None).await);
    let at = fresh.clock.now();
    assert!(sign("two", Some("one")).await);
    assert!(!sign("three", Some("one")).await);
    let key = |id: &str, retired_at| SigningKey {
        id: id.to_owned(),
        sealed: id.as_bytes().to_vec(),
        retired_at,
    };
    let kept = store.signing_keys().await.unwrap();
    assert_eq!(kept, [key("one", Some(at)), key("two", None)]);
    assert!(sign("three", Some("two")).await);
    let kept = store.signing_keys().await.unwrap();
    assert_eq!(kept, [key("three", None), key("two", Some(at))]);
}

pub(crate) async fn a_mark_is_made_once(fresh: Fresh) {
    let mark = async |sealed: &[u8]| fresh.store.mark(sealed.to_vec()).await.unwrap();
    assert_eq!(mark(b"one").await, b"one");
    assert_eq!(mark(b"two").await, b"one");
}

pub(crate) async fn a_backup_has_everything(fresh: Fresh) {
    let id = fresh.queue("acme").await;
    let copy = fresh.dir.path().join("copy.db");
    fresh.store.back_up(&copy).await.unwrap();
    fresh.queue("acme").await;
    let copied = Store::sqlite(&copy).await.unwrap();
    let filter = Filter {
        status: None,
        before: None,
        most: 10,
    };
    let items = copied.notifications("acme", filter).await.unwrap();
    assert_eq!(items.iter().map(|item| item.id).collect::<Vec<_>>(), [id]);
    // It is not written over.
    let again = fresh.store.back_up(&copy).await.unwrap_err();
    assert!(again.to_string().contains("already exists"), "{again}");
}

/// Everything at once from many tasks: nothing is lost, and nothing is handed out twice.
pub(crate) async fn many_at_once(fresh: Fresh) {
    const EACH: usize = 25;
    let tenants = ["a", "b", "c", "d"];
    let accepting = tenants.map(|tenant| {
        let store = fresh.store.clone();
        tokio::spawn(async move {
            for number in 0..EACH {
                let node = (number % 2 == 0).then_some(HERE);
                store.accept(tenant, accept(node)).await.unwrap();
            }
        })
    });
    let waiting = tenants.len() * (EACH / 2);
    let taken = Arc::new(AtomicUsize::new(0));
    let mut claiming = Vec::new();
    for number in 3..7 {
        let (store, clock, taken) = (fresh.store.clone(), fresh.clock.clone(), taken.clone());
        claiming.push(tokio::spawn(async move {
            let mut seen = Vec::new();
            while taken.load(Ordering::SeqCst) < waiting {
                let node = phonebox_store::Node([number; 16]);
                let claim = phonebox_store::Claim {
                    node,
                    most: 3,
                    per_tenant: 100,
                };
                for leased in store.claim(claim).await.unwrap().leased {
                    seen.push(leased.id);
                    taken.fetch_add(1, Ordering::SeqCst);
                    let attempt = crate::harness::attempt(1, clock.now());
                    let sent = Then::Settled(Status::Sent);
                    let (id, lease) = (leased.id, leased.lease);
                    let settled = store.settle(&leased.tenant, id, lease, attempt, sent, vec![]);
                    assert!(settled.await.unwrap());
                }
                tokio::task::yield_now().await;
            }
            seen
        }));
    }
    for task in accepting {
        task.await.unwrap();
    }
    let mut seen = Vec::new();
    for task in claiming {
        seen.extend(task.await.unwrap());
    }
    let distinct: HashSet<_> = seen.iter().collect();
    assert_eq!(distinct.len(), seen.len(), "handed out twice");
    let mut of_status = Vec::new();
    for tenant in tenants {
        for status in [Status::Sent, Status::Leased] {
            let filter = Filter {
                status: Some(status),
                before: None,
                most: 100,
            };
            let items = fresh.store.notifications(tenant, filter).await.unwrap();
            of_status.push(items.len());
        }
    }
    assert_eq!(of_status.iter().sum::<usize>(), tenants.len() * EACH);
    assert_eq!(of_status.iter().step_by(2).sum::<usize>(), seen.len());
}

pub(crate) async fn tenants_are_known_by_what_they_have(fresh: Fresh) {
    let store = &fresh.store;
    for action in ["voice", "sms"] {
        store.deploy("acme", deploy(action, 1)).await.unwrap();
    }
    store.deploy("acme", deploy("voice", 2)).await.unwrap();
    let actions = store.actions("acme").await.unwrap();
    let actions: Vec<_> = actions
        .iter()
        .map(|item| {
            (
                &*item.name,
                item.deployed.as_ref().unwrap().number,
                item.bound,
            )
        })
        .collect();
    assert_eq!(actions, [("sms", 1, false), ("voice", 2, true)]);
    assert_eq!(store.actions("other").await.unwrap(), []);

    let key = ApiKey {
        id: "b".to_owned(),
        tenant: Some("beta".to_owned()),
        scopes: String::new(),
        hash: [0; 32],
        created_at: fresh.clock.now(),
    };
    store.put_api_key(key.clone()).await.unwrap();
    let of_operator = ApiKey {
        id: "a".to_owned(),
        tenant: None,
        ..key
    };
    store.put_api_key(of_operator).await.unwrap();
    fresh.queue("acme").await;
    fresh.lease("acme").await;
    let item = |name: &str, actions, api_keys, unsettled| TenantItem {
        name: name.to_owned(),
        actions,
        api_keys,
        queued: unsettled,
        leased: unsettled,
    };
    let all = [item("acme", 2, 0, 1), item("beta", 0, 1, 0)];
    assert_eq!(store.tenants(None, 9).await.unwrap(), all);
    assert_eq!(store.tenants(None, 1).await.unwrap(), all[..1]);
    assert_eq!(store.tenants(Some("acme"), 9).await.unwrap(), all[1..]);
}

pub(crate) async fn texts_are_found_by_the_key_that_they_need(fresh: Fresh) {
    let store = &fresh.store;
    let [old, new] = [*b"old!", *b"new!"];
    let text = |key: &[u8], what: &[u8]| [b"\x01", key, what].concat();
    store.mark(text(&old, b"mark")).await.unwrap();
    for (tenant, action, key) in [("b", "sms", &old), ("a", "sms", &old), ("a", "voice", &new)] {
        let put = store.put_secret(tenant, action, "TOKEN", text(key, action.as_bytes()), None);
        put.await.unwrap();
    }
    for (tenant, key) in [("h", &old), ("g", &old), ("f", &new)] {
        let deploy = Deploy {
            held: vec![("TOKEN".to_owned(), text(key, b"held"))],
            ..deploy("sms", 1)
        };
        store.deploy(tenant, deploy).await.unwrap();
    }
    for (tenant, key) in [("b", &new), ("b", &old), ("a", &old)] {
        let accept = Accept {
            payload: text(key, tenant.as_bytes()),
            ..accept(None)
        };
        store.accept(tenant, accept).await.unwrap();
    }
    for what in [b"1", b"2"] {
        let put = PutWebhook {
            sealed: text(&old, what),
            ..webhook(0)
        };
        store.put_webhook("w", put).await.unwrap();
    }
    let put = store.create_phone_provider("p", provider("pro_1", &text(&old, b"token")));
    put.await.unwrap();
    let sign = store.sign_with("k", text(&old, b"k"), None);
    assert!(sign.await.unwrap());
    assert_eq!(store.sealed_with().await.unwrap(), [(new, 3), (old, 11)]);

    // Each once, however many are asked for.
    let mut all = Vec::new();
    let mut after = None;
    loop {
        let found = store.sealed_otherwise(new, after.take(), 3).await.unwrap();
        after = found.last().map(|last| last.place.clone());
        if after.is_none() {
            break;
        }
        all.extend(found);
    }
    let tenants = all.iter().map(|found| match &found.place {
        Place::Event { tenant, .. } => ("event", &**tenant),
        Place::Mark => ("mark", ""),
        Place::PhoneProvider { tenant } => ("provider", &**tenant),
        Place::Secret { tenant, .. } => ("secret", &**tenant),
        Place::HeldSecret { tenant, .. } => ("held", &**tenant),
        Place::SigningKey { id } => ("signing", &**id),
        Place::Webhook { tenant } => ("webhook", &**tenant),
        Place::WebhookBefore { tenant } => ("before", &**tenant),
    });
    assert_eq!(
        tenants.collect::<Vec<_>>(),
        [
            ("secret", "a"),
            ("secret", "b"),
            ("held", "g"),
            ("held", "h"),
            ("signing", "k"),
            ("webhook", "w"),
            ("before", "w"),
            ("provider", "p"),
            ("event", "a"),
            ("event", "b")
        ]
    );
    // What was changed meanwhile stays as it is.
    store
        .put_secret("b", "sms", "TOKEN", text(&new, b"set"), None)
        .await
        .unwrap();
    let mark = Sealed {
        place: Place::Mark,
        text: text(&old, b"mark"),
    };
    let anew = |found: Sealed| (found, text(&new, b"anew"));
    let replaced = store.reseal(all.into_iter().chain([mark]).map(anew).collect());
    assert_eq!(replaced.await.unwrap(), 10);
    assert_eq!(store.sealed_with().await.unwrap(), [(new, 14)]);
    let kept = store.secrets("b", "sms").await.unwrap();
    assert_eq!(kept, [("TOKEN".to_owned(), text(&new, b"set"))]);
    assert_eq!(store.mark(Vec::new()).await.unwrap(), text(&new, b"anew"));
    let claimed = fresh.claim(9).await;
    assert_eq!(claimed.len(), 3);
    let anew = claimed
        .iter()
        .filter(|leased| leased.payload.ends_with(b"anew"));
    assert_eq!(anew.count(), 2);
}
