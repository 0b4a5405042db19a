//! What only a file can get wrong.

use std::fs;
use std::path::Path;
use std::time::Duration;

use phonebox_contract::{Fault, Status};
use phonebox_store::{Accepted, Clock, Options, Sqlite, Store, StoreError, Then, Time};
use rusqlite::Connection;

use crate::harness::{Fresh, HERE, LOST, accept};

async fn open(path: &Path) -> Result<Store, StoreError> {
    open_by(path, &Clock::manual(Time::from_millis(1_000_000_000_000))).await
}

async fn open_by(path: &Path, clock: &Clock) -> Result<Store, StoreError> {
    let options = Options {
        clock: clock.clone(),
        ..Options::default()
    };
    Sqlite::open(path, options).await.map(Store::new)
}

/// The error of opening this.
async fn refused(path: &Path) -> StoreError {
    let error = open(path).await.map(drop).unwrap_err();
    assert_eq!(error.fault(), Fault::Platform);
    assert!(!error.hint().is_empty());
    error
}

#[tokio::test]
async fn what_was_under_way_waits_again_when_it_is_opened_anew() {
    let fresh = Fresh::sqlite().await;
    let leased = fresh.lease("acme").await;
    let waiting = fresh.queue("acme").await;
    let path = fresh.dir.path().join("phonebox.db");
    drop(fresh.store);
    let store = open_by(&path, &fresh.clock).await.unwrap();
    // At once, for whoever held it is gone.
    assert_eq!(store.reap(LOST).await.unwrap().len(), 1);
    for (id, attempts) in [(leased.id, 1), (waiting, 0)] {
        let item = store.notification("acme", id).await.unwrap().unwrap().item;
        assert_eq!((item.status, item.attempts), (Status::Queued, attempts));
    }
}

#[tokio::test]
async fn one_process_at_a_time() {
    let fresh = Fresh::sqlite().await;
    let path = fresh.dir.path().join("phonebox.db");
    let error = refused(&path).await;
    assert!(
        matches!(&error, StoreError::InUse(at) if *at == path),
        "{error:?}"
    );
    drop(fresh.store);
    open(&path).await.unwrap();
}

#[tokio::test]
async fn what_is_no_database_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("phonebox.db");
    fs::write(
        &path,
        "a letter to somebody, and by no means a database".repeat(100),
    )
    .unwrap();
    let before = fs::read(&path).unwrap();
    let error = refused(&path).await;
    assert!(matches!(error, StoreError::Damaged(_)), "{error:?}");
    assert_eq!(fs::read(&path).unwrap(), before);

    let error = refused(&dir.path().join("nowhere/phonebox.db")).await;
    assert!(matches!(error, StoreError::Io(_)), "{error:?}");
}

#[tokio::test]
async fn a_database_of_a_later_version_is_refused() {
    let fresh = Fresh::sqlite().await;
    let path = fresh.dir.path().join("phonebox.db");
    drop(fresh.store);
    let connection = Connection::open(&path).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    drop(connection);
    let error = refused(&path).await;
    assert!(
        matches!(error, StoreError::Newer { found: 99, .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_damaged_page_is_told_and_nothing_is_made_of_it() {
    let fresh = Fresh::sqlite().await;
    for _ in 0..200 {
        fresh.queue("acme").await;
    }
    let path = fresh.dir.path().join("phonebox.db");
    drop(fresh.store);
    let mut bytes = fs::read(&path).unwrap();
    for byte in bytes.iter_mut().skip(8 * 4096) {
        *byte ^= 0x5a;
    }
    fs::write(&path, bytes).unwrap();
    let error = match open(&path).await {
        Err(error) => error,
        Ok(store) => match store.accept("acme", accept(None)).await {
            Err(error) => error,
            Ok(accepted) => panic!("accepted into a damaged database: {accepted:?}"),
        },
    };
    assert!(matches!(error, StoreError::Damaged(_)), "{error:?}");
}

/// A disk is full when a database may have no more pages: SQLite says the same of both.
#[tokio::test]
async fn a_full_disk_is_told_and_what_was_accepted_stays() {
    let fresh = Fresh::sqlite().await;
    let path = fresh.dir.path().join("phonebox.db");
    let leased = fresh.lease("acme").await;
    drop(fresh.store);
    let options = Options {
        clock: fresh.clock.clone(),
        largest: Some(60 * 4096),
    };
    let store = Store::new(Sqlite::open(&path, options).await.unwrap());
    let mut kept = Vec::new();
    let error = loop {
        let mut large = accept(None);
        large.payload = vec![7; 10_000];
        let id = large.id;
        match store.accept("acme", large).await {
            Ok(accepted) => {
                assert_eq!(accepted, Accepted::Queued);
                kept.push(id);
            }
            Err(error) => break error,
        }
        assert!(kept.len() < 1000, "the disk never filled");
    };
    assert!(matches!(error, StoreError::Full), "{error:?}");
    // Several at once, of which one finds the disk full, are told the same, each of itself.
    let small = store.accept("acme", accept(None));
    let mut large = accept(None);
    large.payload = vec![7; 10_000];
    let (small, large) = tokio::join!(small, store.accept("acme", large));
    assert!(matches!(large, Err(StoreError::Full)), "{large:?}");
    drop(small);
    for id in &kept {
        assert!(store.notification("acme", *id).await.unwrap().is_some());
    }
    // With room again, it goes on.
    drop(store);
    let store = open(&path).await.unwrap();
    store.accept("acme", accept(Some(HERE))).await.unwrap();
    assert!(
        store
            .notification("acme", leased.id)
            .await
            .unwrap()
            .is_some()
    );
}

#[tokio::test]
async fn a_clock_that_goes_back_holds_nothing_up() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("phonebox.db");
    let ahead = Clock::manual(Time::from_millis(2_000_000_000_000));
    let store = open_by(&path, &ahead).await.unwrap();
    let fresh = Fresh {
        store,
        clock: ahead,
        dir,
    };
    let leased = fresh.lease("acme").await;
    let wait = Duration::from_secs(5);
    assert!(fresh.settle(&leased, Then::RetryAfter(wait)).await);
    drop(fresh.store);
    // The machine's clock is two hours behind what it was.
    let behind = Clock::manual(Time::from_millis(2_000_000_000_000) - Duration::from_hours(2));
    let store = open_by(&path, &behind).await.unwrap();
    behind.advance(wait);
    let fresh = Fresh {
        store,
        clock: behind,
        dir: fresh.dir,
    };
    assert_eq!(fresh.claim(1).await.len(), 1);
}
