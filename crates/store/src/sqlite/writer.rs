//! The one thread that writes. What comes in while it is at the disk goes into one transaction, and so costs one flush.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use rusqlite::{Connection, params};
use tokio::sync::oneshot;

use super::{failed, sql};
use crate::error::StoreError;
use crate::time::{Clock, Time};

/// Most that goes into one transaction.
const BATCH: usize = 512;
/// How often the time is written down, in milliseconds.
const TICK: u64 = 1000;

/// Does something within the transaction. Without one, it does nothing.
type Work = Box<dyn FnOnce(Option<&Connection>) -> Done + Send>;

/// Something that was done, if the transaction comes to be.
struct Done {
    /// Why it failed.
    error: Option<StoreError>,
    /// Tells who asked for it how the transaction ended.
    tell: Box<dyn FnOnce(Result<(), StoreError>)>,
}

/// How the latest transaction ended. While none reaches the disk, each of them writes the time, and so tries.
type Latest = Arc<Mutex<Result<(), StoreError>>>;

/// To write through. The thread ends when it is dropped, and has written all that it was given.
pub(super) struct Writer {
    work: Option<Sender<Work>>,
    latest: Latest,
    thread: Option<thread::JoinHandle<()>>,
}

impl Writer {
    pub(super) fn start(connection: Connection, clock: Clock) -> Result<Self, StoreError> {
        let (work, queue) = channel();
        let latest = Latest::new(Mutex::new(Ok(())));
        let ended = latest.clone();
        let thread = thread::Builder::new()
            .name("phonebox-store".to_owned())
            .spawn(move || run(&connection, &queue, &clock, &ended))
            .map_err(|error| StoreError::Io(Arc::new(error)))?;
        Ok(Self {
            work: Some(work),
            latest,
            thread: Some(thread),
        })
    }

    /// How the latest transaction ended.
    pub(super) fn latest(&self) -> Result<(), StoreError> {
        let latest = self.latest.lock();
        latest.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Has something written: all of it, or nothing.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        write: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.write_one(|connection| atomically(connection, write))
            .await
    }

    /// [`write`](Self::write) without the savepoint, which costs as much as what is written: if it fails, what else is in the
    /// transaction is undone with it, and whoever asked for that is told the same.
    pub(super) async fn write_or_undo_all<T: Send + 'static>(
        &self,
        write: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let write = |connection: &Connection| write(connection).inspect_err(|_| undo(connection));
        self.write_one(write).await
    }

    /// [`write`](Self::write) for a single statement, which is whole by itself.
    pub(super) async fn write_one<T: Send + 'static>(
        &self,
        write: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (tell, told) = oneshot::channel();
        let work: Work = Box::new(move |connection| {
            let result = connection.map_or(Err(StoreError::Closed), |connection| {
                write(connection).map_err(|error| failed(&error))
            });
            Done {
                error: result.as_ref().err().cloned(),
                // Who asked may be gone.
                tell: Box::new(move |committed| drop(tell.send(committed.and(result)))),
            }
        });
        let sent = self.work.as_ref().map(|queue| queue.send(work));
        match sent {
            Some(Ok(())) => told.await.unwrap_or(Err(StoreError::Closed)),
            _ => Err(StoreError::Closed),
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.work.take());
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn run(
    connection: &Connection,
    queue: &Receiver<Work>,
    clock: &Clock,
    latest: &Mutex<Result<(), StoreError>>,
) {
    let mut written = Time::default();
    let mut fails = false;
    while let Ok(first) = queue.recv() {
        let begun = connection.execute_batch("BEGIN IMMEDIATE");
        let ended = match begun.map_err(|error| failed(&error)) {
            Ok(()) => {
                let now = clock.now();
                let due = fails || now.as_millis() >= written.as_millis() + TICK;
                let ended = transact(connection, first, queue, due.then_some(now));
                if ended.is_ok() && due {
                    written = now;
                }
                ended
            }
            Err(error) => {
                (first(None).tell)(Err(error.clone()));
                Err(error)
            }
        };
        fails = ended.is_err();
        *latest.lock().unwrap_or_else(PoisonError::into_inner) = ended;
    }
    // Whoever opens the file next finds no log beside it.
    if let Err(error) = connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)") {
        tracing::warn!(%error, "the write-ahead log could not be put into the database");
    }
}

/// One transaction: the first piece of work and all that has come in meanwhile. Whether it is on disk.
fn transact(
    connection: &Connection,
    first: Work,
    queue: &Receiver<Work>,
    now: Option<Time>,
) -> Result<(), StoreError> {
    let mut all = vec![first(Some(connection))];
    // Some errors end a transaction at once, a full disk is one. What came after would stand alone.
    while !connection.is_autocommit()
        && all.len() < BATCH
        && let Ok(work) = queue.try_recv()
    {
        all.push(work(Some(connection)));
    }
    let committed = if connection.is_autocommit() {
        let error = all.last().and_then(|done| done.error.clone());
        Err(error.unwrap_or(StoreError::Closed))
    } else {
        commit(connection, now).map_err(|error| failed(&error))
    };
    for done in all {
        (done.tell)(committed.clone());
    }
    committed
}

fn commit(connection: &Connection, now: Option<Time>) -> rusqlite::Result<()> {
    if let Some(now) = now {
        connection
            .prepare_cached("UPDATE clock SET latest = max(latest, ?1)")?
            .execute(params![sql(now)])?;
    }
    connection
        .execute_batch("COMMIT")
        .inspect_err(|_| undo(connection))
}

/// Undoes all that is in the transaction. Whoever asked for any of it is told that it came to nothing.
pub(super) fn undo(connection: &Connection) {
    if !connection.is_autocommit() {
        drop(connection.execute_batch("ROLLBACK"));
    }
}

/// All of it, or nothing: what else is in the transaction stays.
fn atomically<T>(
    connection: &Connection,
    write: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    connection.prepare_cached("SAVEPOINT work")?.execute([])?;
    let result = write(connection);
    if connection.is_autocommit() {
        return result;
    }
    if result.is_err() {
        connection.prepare_cached("ROLLBACK TO work")?.execute([])?;
    }
    connection.prepare_cached("RELEASE work")?.execute([])?;
    result
}
