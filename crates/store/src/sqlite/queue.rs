//! The queue of notifications.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use phonebox_contract::{NotificationId, Status};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::{log, sql, time, webhooks, writer};
use crate::driver::Store;
use crate::row::{
    Accept, Accepted, Attempt, Claim, Claimed, Depth, Filter, Item, Lease, Leased, Node,
    Notification, Receipt, Received, Stands, Then,
};
use crate::time::Time;

/// Most that one call erases of each kind.
const ERASED: u32 = 500;
/// How many bits of an attempt's place say under which epoch it was made.
const EPOCH_BITS: u32 = 24;

/// The tenant that was served last.
pub(super) type Cursor = String;

pub(super) fn accept(
    connection: &Connection,
    now: Time,
    tenant: String,
    accept: Accept,
) -> rusqlite::Result<Accepted> {
    let expires_at = now + accept.valid;
    let status = accept.lease.map_or(Status::Queued, |_| Status::Leased);
    let begun = u32::from(accept.lease.is_some());
    let written = connection
        .prepare_cached(
            "INSERT INTO notification (
                id, tenant, action, status, attempts, accepted_at, run_at, expires_at,
                lease_owner, lease_epoch, lease_until, idempotency_key, request, replay_of
             ) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6, ?7, ?8, ?5, ?9, ?10, ?11, ?12)
             ON CONFLICT (tenant, idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING",
        )?
        .execute(params![
            accept.id.to_bytes(),
            tenant,
            accept.action,
            status.as_str(),
            begun,
            sql(now),
            sql(expires_at),
            accept.lease.map(|node| node.0),
            accept.lease.map(|_| sql(now + Store::LEASE)),
            accept.idempotency_key,
            accept.request,
            accept.replay_of.map(NotificationId::to_bytes),
        ])?;
    if written == 0 {
        return before(connection, &tenant, &accept)?.ok_or(rusqlite::Error::QueryReturnedNoRows);
    }
    // Without what it is to send, it is not to be there either.
    keep_event(connection, expires_at, &accept.payload)
        .inspect_err(|_| writer::undo(connection))?;
    Ok(match accept.lease {
        None => Accepted::Queued,
        Some(owner) => Accepted::Leased(Leased {
            tenant,
            id: accept.id,
            action: accept.action,
            payload: accept.payload,
            attempt: 1,
            lost: 0,
            accepted_at: now,
            expires_at,
            lease: Lease { owner, epoch: 1 },
        }),
    })
}

/// Keeps what the notification that was written last is to send.
fn keep_event(connection: &Connection, expires_at: Time, payload: &[u8]) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT INTO event VALUES (?1, ?2, ?3)")?
        .execute(params![
            connection.last_insert_rowid(),
            sql(expires_at),
            payload
        ])
        .map(drop)
}

/// What is answered where the same was accepted before.
pub(super) fn before(
    connection: &Connection,
    tenant: &str,
    accept: &Accept,
) -> rusqlite::Result<Option<Accepted>> {
    let Some(key) = accept.idempotency_key else {
        return Ok(None);
    };
    let before = accepted_before(connection, tenant, key)?;
    Ok(before.map(|(id, request)| {
        if request == accept.request {
            Accepted::Before(id)
        } else {
            Accepted::Conflict
        }
    }))
}

pub(super) fn accepted_before(
    connection: &Connection,
    tenant: &str,
    idempotency_key: [u8; 32],
) -> rusqlite::Result<Option<(NotificationId, [u8; 32])>> {
    connection
        .prepare_cached(
            "SELECT id, request FROM notification WHERE tenant = ?1 AND idempotency_key = ?2",
        )?
        .query_row(params![tenant, idempotency_key], |row| {
            Ok((id(row, 0)?, row.get(1)?))
        })
        .optional()
}

pub(super) fn settle(
    connection: &Connection,
    now: Time,
    tenant: &str,
    id: NotificationId,
    lease: Lease,
    attempt: &Attempt,
    then: Then,
) -> rusqlite::Result<bool> {
    let (status, run_at, settled_at) = match then {
        Then::RetryAfter(wait) => (Status::Queued, now + wait, None),
        Then::Settled(status) => (status, now, Some(sql(now))),
    };
    // Whether there is a webhook is asked here because a statement of its own costs as much as one that writes.
    let found: Option<(i64, bool)> = connection
        .prepare_cached(
            "SELECT seq, EXISTS (SELECT 1 FROM webhook WHERE tenant = ?1)
             FROM notification WHERE tenant = ?1 AND id = ?2",
        )?
        .query_row(params![tenant, id.to_bytes()], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    let Some((seq, has_webhook)) = found else {
        return Ok(false);
    };
    let changed = connection
        .prepare_cached(
            "UPDATE notification
             SET status = ?4, run_at = ?5, settled_at = ?6, lease_owner = NULL, lease_until = NULL
             WHERE seq = ?1 AND status = 'leased' AND lease_owner = ?2 AND lease_epoch = ?3",
        )?
        .execute(params![
            seq,
            lease.owner.0,
            lease.epoch,
            status.as_str(),
            sql(run_at),
            settled_at,
        ])?;
    connection
        .prepare_cached(
            "INSERT INTO attempt VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (place) DO NOTHING",
        )?
        .execute(params![
            place(seq, lease.epoch),
            attempt.number,
            sql(attempt.began),
            sql(attempt.ended),
            attempt.report,
        ])?;
    if has_webhook && changed > 0 && settled_at.is_some() {
        webhooks::leave(connection, now, tenant, id, None)?;
    }
    Ok(changed > 0)
}

/// Where the attempt under an epoch of a notification's lease is kept: behind nearly all that there are.
fn place(seq: i64, epoch: u32) -> i64 {
    (seq << EPOCH_BITS) + i64::from(epoch)
}

pub(super) fn claim(
    connection: &Connection,
    now: Time,
    claim: Claim,
    cursor: &mut Cursor,
) -> rusqlite::Result<Claimed> {
    let mut claimed = Claimed::default();
    // How many of each tenant are under way. None: it has nothing more that is due, or no room for it.
    let mut under_way: HashMap<String, Option<usize>> = HashMap::new();
    if next_due(connection)?.is_none_or(|due| due > now) {
        return Ok(claimed);
    }
    let mut gave_nothing = None;
    while claimed.leased.len() < claim.most {
        let Some(tenant) = next_tenant(connection, cursor)? else {
            break;
        };
        // Round and round, until nobody has anything.
        if gave_nothing.as_ref() == Some(&tenant) {
            break;
        }
        tenant.clone_into(cursor);
        let running = match under_way.get(&tenant) {
            Some(running) => *running,
            None => Some(leased_by(connection, &tenant)?),
        };
        let next = match running.filter(|running| *running < claim.per_tenant) {
            Some(_) => lease_next(connection, now, &tenant, claim.node, &mut claimed.expired)?,
            None => None,
        };
        if let Some(leased) = next {
            under_way.insert(tenant, running.map(|running| running + 1));
            claimed.leased.push(leased);
            gave_nothing = None;
        } else {
            under_way.insert(tenant.clone(), None);
            gave_nothing.get_or_insert(tenant);
        }
    }
    Ok(claimed)
}

/// The tenant after this one, of those with something that waits; after the last comes the first.
fn next_tenant(connection: &Connection, after: &str) -> rusqlite::Result<Option<String>> {
    let mut query = connection.prepare_cached(
        "SELECT tenant FROM notification WHERE status = 'queued' AND tenant > ?1 ORDER BY tenant LIMIT 1",
    )?;
    let mut next = |after| query.query_row([after], |row| row.get(0)).optional();
    match next(after)? {
        Some(tenant) => Ok(Some(tenant)),
        None => next(""),
    }
}

fn leased_by(connection: &Connection, tenant: &str) -> rusqlite::Result<usize> {
    connection
        .prepare_cached(
            "SELECT count(*) FROM notification WHERE status = 'leased' AND tenant = ?1",
        )?
        .query_row([tenant], |row| row.get::<_, u32>(0))
        .map(|count| count as usize)
}

/// Leases what has been due longest of a tenant, and adds to `expired` what it comes by that has.
fn lease_next(
    connection: &Connection,
    now: Time,
    tenant: &str,
    node: Node,
    expired: &mut Vec<Stands>,
) -> rusqlite::Result<Option<Leased>> {
    loop {
        let due = connection
            .prepare_cached(
                "SELECT seq, id, expires_at FROM notification
                 WHERE status = 'queued' AND tenant = ?1 AND run_at <= ?2 ORDER BY run_at LIMIT 1",
            )?
            .query_row(params![tenant, sql(now)], |row| {
                Ok((row.get::<_, i64>(0)?, id(row, 1)?, time(row.get(2)?)?))
            })
            .optional()?;
        let Some((seq, id, expires_at)) = due else {
            return Ok(None);
        };
        if expires_at <= now {
            connection
                .prepare_cached(
                    "UPDATE notification SET status = 'expired', settled_at = ?2 WHERE seq = ?1",
                )?
                .execute(params![seq, sql(now)])?;
            webhooks::leave(connection, now, tenant, id, None)?;
            log::keep_failed(connection, now, tenant, id)?;
            expired.push(Stands {
                tenant: tenant.to_owned(),
                id,
                status: Status::Expired,
            });
            continue;
        }
        return connection
            .prepare_cached(
                "UPDATE notification
                 SET status = 'leased', attempts = attempts + 1, lease_owner = ?2, lease_epoch = lease_epoch + 1,
                     lease_until = ?3
                 WHERE seq = ?1
                 RETURNING action, (SELECT payload FROM event WHERE notification = seq), attempts, lease_epoch, lost,
                     accepted_at",
            )?
            .query_row(
                params![seq, node.0, sql(now + Store::LEASE)],
                |row| {
                    Ok(Leased {
                        tenant: tenant.to_owned(),
                        id,
                        action: row.get(0)?,
                        payload: row.get(1)?,
                        attempt: row.get(2)?,
                        lost: row.get(4)?,
                        accepted_at: time(row.get(5)?)?,
                        expires_at,
                        lease: Lease {
                            owner: node,
                            epoch: row.get(3)?,
                        },
                    })
                },
            )
            .map(Some);
    }
}

pub(super) fn next_due(connection: &Connection) -> rusqlite::Result<Option<Time>> {
    connection
        .prepare_cached(
            // Left to itself, SQLite takes another index and reads all of it.
            "SELECT run_at FROM notification INDEXED BY notification_due WHERE status = 'queued' ORDER BY run_at LIMIT 1",
        )?
        .query_row([], |row| time(row.get(0)?))
        .optional()
}

pub(super) fn depth(connection: &Connection, now: Time) -> rusqlite::Result<Depth> {
    let count = |status: &str| -> rusqlite::Result<u64> {
        // In the text itself, so that the index of those alone is counted.
        let query = format!("SELECT count(*) FROM notification WHERE status = '{status}'");
        let count = connection
            .prepare_cached(&query)?
            .query_row([], |row| row.get(0));
        count.map(|count: u32| count.into())
    };
    Ok(Depth {
        queued: count("queued")?,
        leased: count("leased")?,
        overdue: next_due(connection)?.map_or(Duration::ZERO, |due| now.since(due)),
    })
}

pub(super) fn renew(
    connection: &Connection,
    now: Time,
    node: Node,
    of: &HashSet<NotificationId>,
) -> rusqlite::Result<()> {
    let held = connection
        .prepare_cached(
            "SELECT seq, id FROM notification WHERE status = 'leased' AND lease_owner = ?1",
        )?
        .query_map([node.0], |row| Ok((row.get::<_, i64>(0)?, id(row, 1)?)))?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    let mut renew =
        connection.prepare_cached("UPDATE notification SET lease_until = ?2 WHERE seq = ?1")?;
    for (seq, _) in held.into_iter().filter(|(_, id)| of.contains(id)) {
        renew.execute(params![seq, sql(now + Store::LEASE)])?;
    }
    Ok(())
}

pub(super) fn reap(
    connection: &Connection,
    now: Time,
    most_lost: u32,
) -> rusqlite::Result<Vec<Stands>> {
    let reaped = connection
        .prepare_cached(
            "UPDATE notification
             SET status = iif(lost + 1 >= ?2, 'exhausted', 'queued'), lost = lost + 1, run_at = ?1,
                 settled_at = iif(lost + 1 >= ?2, ?1, NULL), lease_owner = NULL, lease_until = NULL
             WHERE status = 'leased' AND lease_until < ?1 RETURNING tenant, id, status",
        )?
        .query_map(params![sql(now), most_lost], |row| {
            Ok(Stands {
                tenant: row.get(0)?,
                id: id(row, 1)?,
                status: status(row, 2)?,
            })
        })?
        .collect::<rusqlite::Result<Vec<Stands>>>()?;
    for stands in reaped.iter().filter(|one| one.status.is_settled()) {
        webhooks::leave(connection, now, &stands.tenant, stands.id, None)?;
        log::keep_failed(connection, now, &stands.tenant, stands.id)?;
    }
    Ok(reaped)
}

pub(super) fn release(
    connection: &Connection,
    due: Time,
    tenant: &str,
    id: NotificationId,
    lease: Lease,
) -> rusqlite::Result<bool> {
    let changed = connection
        .prepare_cached(
            "UPDATE notification
             SET status = 'queued', attempts = attempts - 1, run_at = ?5, lease_owner = NULL, lease_until = NULL
             WHERE tenant = ?1 AND id = ?2 AND status = 'leased' AND lease_owner = ?3 AND lease_epoch = ?4",
        )?
        .execute(params![
            tenant,
            id.to_bytes(),
            lease.owner.0,
            lease.epoch,
            sql(due)
        ])?;
    Ok(changed > 0)
}

pub(super) fn cancel(
    connection: &Connection,
    now: Time,
    tenant: &str,
    id: NotificationId,
) -> rusqlite::Result<bool> {
    let changed = connection
        .prepare_cached(
            "UPDATE notification SET status = 'canceled', settled_at = ?3
             WHERE tenant = ?1 AND id = ?2 AND status = 'queued'",
        )?
        .execute(params![tenant, id.to_bytes(), sql(now)])?;
    if changed > 0 {
        webhooks::leave(connection, now, tenant, id, None)?;
    }
    Ok(changed > 0)
}

pub(super) fn erase(
    connection: &Connection,
    now: Time,
    settled_for: Duration,
) -> rusqlite::Result<(u64, u64)> {
    let payloads = connection
        .prepare_cached(
            "DELETE FROM event WHERE notification IN (
                SELECT seq FROM event JOIN notification ON seq = event.notification
                WHERE event.expires_at <= ?1 AND settled_at IS NOT NULL LIMIT ?2
             )",
        )?
        .execute(params![sql(now), ERASED])?;
    let old = settled_before(connection, now - settled_for, now)?;
    let mut delete = connection.prepare_cached("DELETE FROM notification WHERE seq = ?1")?;
    let mut delete_attempts =
        connection.prepare_cached("DELETE FROM attempt WHERE place >= ?1 AND place < ?2")?;
    for seq in &old {
        delete.execute([seq])?;
        delete_attempts.execute([place(*seq, 0), place(seq + 1, 0)])?;
    }
    // What is free goes back to the system, a little at a time.
    connection
        .prepare_cached("PRAGMA incremental_vacuum(256)")?
        .query_map([], |_| Ok(()))?
        .collect::<rusqlite::Result<()>>()?;
    Ok((payloads as u64, old.len() as u64))
}

/// Some that were settled by then, have expired by now, and nobody is to be told of any more. None of them was accepted later than that, and they are in the
/// order in which they were accepted.
fn settled_before(connection: &Connection, then: Time, now: Time) -> rusqlite::Result<Vec<i64>> {
    let mut query = connection.prepare_cached(
        "SELECT seq, accepted_at, coalesce(settled_at <= ?1 AND expires_at <= ?2, FALSE) AND NOT EXISTS (
            SELECT 1 FROM webhook_message AS message
            WHERE message.tenant = notification.tenant AND message.notification = notification.id
         ) FROM notification ORDER BY seq",
    )?;
    let mut rows = query.query(params![sql(then), sql(now)])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()?
        && time(row.get(1)?)? <= then
        && found.len() < ERASED as usize
    {
        if row.get(2)? {
            found.push(row.get(0)?);
        }
    }
    Ok(found)
}

pub(super) fn receive(
    connection: &Connection,
    now: Time,
    tenant: &str,
    id: NotificationId,
    receipt: &Receipt,
    most: u32,
) -> rusqlite::Result<Received> {
    let found = connection
        .prepare_cached("SELECT status FROM notification WHERE tenant = ?1 AND id = ?2")?
        .query_row(params![tenant, id.to_bytes()], |row| status(row, 0))
        .optional()?;
    match found {
        None => return Ok(Received::Unknown),
        Some(Status::Leased | Status::Sent) => {}
        Some(other) => return Ok(Received::NotSent(other)),
    }
    let (kept, same): (u32, bool) = connection
        .prepare_cached(
            "SELECT count(*), coalesce(max(
                status = ?3 AND provider_status IS ?4 AND error_code IS ?5 AND at IS ?6
             ), 0) FROM receipt WHERE tenant = ?1 AND notification = ?2",
        )?
        .query_row(
            params![
                tenant,
                id.to_bytes(),
                receipt.status,
                receipt.provider_status,
                receipt.error_code,
                receipt.at.map(sql),
            ],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
    if same {
        return Ok(Received::Kept);
    }
    if kept >= most {
        return Ok(Received::TooMany);
    }
    connection
        .prepare_cached("INSERT INTO receipt VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")?
        .execute(params![
            tenant,
            id.to_bytes(),
            kept + 1,
            receipt.status,
            receipt.provider_status,
            receipt.error_code,
            receipt.at.map(sql),
            sql(now),
        ])?;
    webhooks::leave(connection, now, tenant, id, Some(kept + 1))?;
    Ok(Received::Kept)
}

pub(super) fn payload(
    connection: &Connection,
    tenant: &str,
    id: NotificationId,
) -> rusqlite::Result<Option<Vec<u8>>> {
    connection
        .prepare_cached(
            "SELECT payload FROM event JOIN notification ON seq = event.notification WHERE tenant = ?1 AND id = ?2",
        )?
        .query_row(params![tenant, id.to_bytes()], |row| row.get(0))
        .optional()
}

const ITEM: &str =
    "SELECT id, action, status, attempts, accepted_at, run_at, expires_at, settled_at, replay_of, seq
     FROM notification WHERE tenant = ?1";

pub(super) fn notification(
    connection: &Connection,
    tenant: &str,
    id: NotificationId,
) -> rusqlite::Result<Option<Notification>> {
    // One snapshot for both.
    let connection = connection.unchecked_transaction()?;
    let found = connection
        .prepare_cached(&format!("{ITEM} AND id = ?2"))?
        .query_row(params![tenant, id.to_bytes()], |row| {
            Ok((item(row)?, row.get(9)?))
        })
        .optional()?;
    let Some((item, seq)) = found else {
        return Ok(None);
    };
    let attempts = connection
        .prepare_cached(
            "SELECT number, began, ended, report FROM attempt WHERE place >= ?1 AND place < ?2 ORDER BY place",
        )?
        .query_map([place(seq, 0), place(seq + 1, 0)], |row| {
            Ok(Attempt {
                number: row.get(0)?,
                began: time(row.get(1)?)?,
                ended: time(row.get(2)?)?,
                report: row.get(3)?,
            })
        })?
        .collect::<rusqlite::Result<_>>()?;
    let receipts = connection
        .prepare_cached(
            "SELECT received_at, status, provider_status, error_code, at FROM receipt
             WHERE tenant = ?1 AND notification = ?2 ORDER BY number",
        )?
        .query_map(params![tenant, id.to_bytes()], |row| {
            let receipt = Receipt {
                status: row.get(1)?,
                provider_status: row.get(2)?,
                error_code: row.get(3)?,
                at: row.get::<_, Option<i64>>(4)?.map(time).transpose()?,
            };
            Ok((time(row.get(0)?)?, receipt))
        })?
        .collect::<rusqlite::Result<_>>()?;
    Ok(Some(Notification {
        item,
        attempts,
        receipts,
    }))
}

pub(super) fn notifications(
    connection: &Connection,
    tenant: &str,
    filter: Filter,
) -> rusqlite::Result<Vec<Item>> {
    let most = i64::try_from(filter.most).unwrap_or(i64::MAX);
    connection
        .prepare_cached(&format!(
            "{ITEM} AND (?2 IS NULL OR status = ?2) AND (?3 IS NULL OR id < ?3) ORDER BY id DESC LIMIT ?4"
        ))?
        .query_map(
            params![
                tenant,
                filter.status.map(Status::as_str),
                filter.before.map(NotificationId::to_bytes),
                most,
            ],
            item,
        )?
        .collect()
}

fn item(row: &Row<'_>) -> rusqlite::Result<Item> {
    Ok(Item {
        id: id(row, 0)?,
        action: row.get(1)?,
        status: status(row, 2)?,
        attempts: row.get(3)?,
        accepted_at: time(row.get(4)?)?,
        run_at: time(row.get(5)?)?,
        expires_at: time(row.get(6)?)?,
        settled_at: row.get::<_, Option<i64>>(7)?.map(time).transpose()?,
        replay_of: row
            .get::<_, Option<[u8; 16]>>(8)?
            .map(NotificationId::from_bytes),
    })
}

fn status(row: &Row<'_>, column: usize) -> rusqlite::Result<Status> {
    let status: String = row.get(column)?;
    let known = Status::ALL
        .into_iter()
        .find(|known| known.as_str() == status);
    known.ok_or_else(|| rusqlite::Error::InvalidColumnType(column, status, Type::Text))
}

fn id(row: &Row<'_>, column: usize) -> rusqlite::Result<NotificationId> {
    row.get(column).map(NotificationId::from_bytes)
}
