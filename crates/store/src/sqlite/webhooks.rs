//! Webhooks, and the messages that wait for them. Whatever settles a notification or keeps a receipt also calls [`leave`], in the
//! same transaction: who wants to be told will be, though the process ends now. A trigger would do it by itself, and have SQLite
//! copy every page that settling changes.

use phonebox_contract::NotificationId;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::{sql, time};
use crate::driver::Store;
use crate::row::{ClaimMessages, Hook, Message, PutWebhook, Told, Webhook};
use crate::time::Time;

pub(super) fn put(
    connection: &Connection,
    now: Time,
    tenant: &str,
    webhook: &PutWebhook,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO webhook (tenant, url, on_settled, on_receipt, sealed, changed_at, next_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)
             ON CONFLICT (tenant) DO UPDATE SET
                url = excluded.url, on_settled = excluded.on_settled, on_receipt = excluded.on_receipt,
                sealed = excluded.sealed, sealed_before = sealed, changed_at = excluded.changed_at,
                next_at = excluded.next_at, failing_since = NULL, failure = NULL, disabled_at = NULL",
        )?
        .execute(params![
            tenant,
            webhook.url,
            webhook.on_settled,
            webhook.on_receipt,
            webhook.sealed,
            sql(now),
        ])
        .map(drop)
}

pub(super) fn webhook(connection: &Connection, tenant: &str) -> rusqlite::Result<Option<Webhook>> {
    connection
        .prepare_cached(
            "SELECT url, changed_at, failing_since, sealed, sealed_before, on_settled, on_receipt, failure,
                disabled_at, (SELECT count(*) FROM webhook_message WHERE tenant = ?1)
             FROM webhook WHERE tenant = ?1",
        )?
        .query_row([tenant], |row| {
            Ok(Webhook {
                hook: hook(row)?,
                on_settled: row.get(5)?,
                on_receipt: row.get(6)?,
                failure: row.get(7)?,
                disabled_at: row.get::<_, Option<i64>>(8)?.map(time).transpose()?,
                waiting: row.get::<_, u32>(9)?.into(),
            })
        })
        .optional()
}

/// From the first columns.
fn hook(row: &Row<'_>) -> rusqlite::Result<Hook> {
    Ok(Hook {
        url: row.get(0)?,
        changed_at: time(row.get(1)?)?,
        failing_since: row.get::<_, Option<i64>>(2)?.map(time).transpose()?,
        sealed: row.get(3)?,
        sealed_before: row.get(4)?,
    })
}

pub(super) fn remove(connection: &Connection, tenant: &str) -> rusqlite::Result<bool> {
    forget(connection, tenant)?;
    let removed = connection
        .prepare_cached("DELETE FROM webhook WHERE tenant = ?1")?
        .execute([tenant])?;
    Ok(removed > 0)
}

/// Nobody is to be told any more of what waits.
fn forget(connection: &Connection, tenant: &str) -> rusqlite::Result<()> {
    connection
        .prepare_cached("DELETE FROM webhook_message WHERE tenant = ?1")?
        .execute([tenant])
        .map(drop)
}

pub(super) fn claim(
    connection: &Connection,
    now: Time,
    claim: &ClaimMessages,
) -> rusqlite::Result<Vec<Message>> {
    let due = connection
        .prepare_cached(
            "SELECT url, changed_at, failing_since, sealed, sealed_before, tenant FROM webhook
             WHERE next_at <= ?1 ORDER BY next_at LIMIT ?2",
        )?
        .query_map(params![sql(now), claim.most], |row| {
            Ok((row.get(5)?, hook(row)?))
        })?
        .collect::<rusqlite::Result<Vec<(String, Hook)>>>()?;
    let (mut claimed, mut left) = (Vec::new(), claim.most);
    for (tenant, hook) in due {
        // One that fails is asked about one thing at a time.
        let of_tenant = if hook.failing_since.is_some() {
            1
        } else {
            claim.of_tenant
        };
        let room = of_tenant.saturating_sub(claim.busy.get(&tenant).copied().unwrap_or(0));
        let room = room.min(left);
        let taken = take(connection, now, &tenant, room)?;
        let count = u32::try_from(taken.len()).unwrap_or(u32::MAX);
        left = left.saturating_sub(count);
        let next = if count < room {
            earliest(connection, &tenant)?
        } else {
            // Who ends one makes room; should nobody, all leases have run out by then.
            Some(sql(now + Store::LEASE))
        };
        due_at(connection, &tenant, next)?;
        claimed.extend(taken.into_iter().map(|taken| Message {
            tenant: tenant.clone(),
            hook: hook.clone(),
            ..taken
        }));
    }
    Ok(claimed)
}

/// Leaves a message for whoever wants to be told that a notification was settled, or of this receipt of it.
pub(super) fn leave(
    connection: &Connection,
    now: Time,
    tenant: &str,
    notification: NotificationId,
    receipt: Option<u32>,
) -> rusqlite::Result<()> {
    let left = connection
        .prepare_cached(
            "INSERT INTO webhook_message (id, tenant, notification, receipt, made_at, run_at)
             SELECT randomblob(16), tenant, ?2, ?3, ?4, ?4 FROM webhook
             WHERE tenant = ?1 AND disabled_at IS NULL AND iif(?3 IS NULL, on_settled, on_receipt)",
        )?
        .execute(params![tenant, notification.to_bytes(), receipt, sql(now)])?;
    if left > 0 {
        connection
            .prepare_cached(
                "UPDATE webhook SET next_at = min(coalesce(next_at, ?2), ?2) WHERE tenant = ?1",
            )?
            .execute(params![tenant, sql(now)])?;
    }
    Ok(())
}

/// Leases messages to whoever asks, those that have been due longest.
fn take(
    connection: &Connection,
    now: Time,
    tenant: &str,
    room: u32,
) -> rusqlite::Result<Vec<Message>> {
    connection
        .prepare_cached(
            "UPDATE webhook_message SET attempts = attempts + 1, run_at = ?3 WHERE id IN (
                SELECT id FROM webhook_message WHERE tenant = ?1 AND run_at <= ?2 ORDER BY run_at LIMIT ?4
             ) RETURNING id, notification, receipt, made_at, attempts",
        )?
        .query_map(
            params![tenant, sql(now), sql(now + Store::LEASE), room],
            |row| {
                Ok(Message {
                    tenant: String::new(),
                    hook: Hook::default(),
                    id: row.get(0)?,
                    notification: NotificationId::from_bytes(row.get(1)?),
                    receipt: row.get(2)?,
                    made_at: time(row.get(3)?)?,
                    attempt: row.get(4)?,
                })
            },
        )?
        .collect()
}

fn earliest(connection: &Connection, tenant: &str) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached("SELECT min(run_at) FROM webhook_message WHERE tenant = ?1")?
        .query_row([tenant], |row| row.get(0))
}

fn due_at(connection: &Connection, tenant: &str, next: Option<i64>) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE webhook SET next_at = ?2 WHERE tenant = ?1")?
        .execute(params![tenant, next])
        .map(drop)
}

pub(super) fn next(connection: &Connection) -> rusqlite::Result<Option<Time>> {
    connection
        .prepare_cached("SELECT min(next_at) FROM webhook WHERE next_at IS NOT NULL")?
        .query_row([], |row| {
            row.get::<_, Option<i64>>(0)?.map(time).transpose()
        })
}

pub(super) fn end(
    connection: &Connection,
    now: Time,
    tenant: &str,
    id: [u8; 16],
    attempt: u32,
    told: &Told,
) -> rusqlite::Result<bool> {
    let wait = match told {
        Told::Again { wait, .. } | Told::Later(wait) => Some(*wait),
        Told::Yes | Told::Never(_) | Told::Disable(_) => None,
    };
    let changed = match wait {
        Some(wait) => connection
            .prepare_cached(
                "UPDATE webhook_message SET run_at = ?4, attempts = attempts - ?5
                 WHERE tenant = ?1 AND id = ?2 AND attempts = ?3",
            )?
            .execute(params![
                tenant,
                id,
                attempt,
                sql(now + wait),
                matches!(told, Told::Later(_)),
            ])?,
        None => connection
            .prepare_cached(
                "DELETE FROM webhook_message WHERE tenant = ?1 AND id = ?2 AND attempts = ?3",
            )?
            .execute(params![tenant, id, attempt])?,
    };
    if changed == 0 {
        return Ok(false);
    }
    match told {
        Told::Yes => connection
            .prepare_cached(
                "UPDATE webhook SET failing_since = NULL, failure = NULL
                 WHERE tenant = ?1 AND failing_since IS NOT NULL",
            )?
            .execute([tenant])?,
        Told::Later(_) => 0,
        Told::Again { why, .. } | Told::Never(why) | Told::Disable(why) => connection
            .prepare_cached(
                "UPDATE webhook SET failing_since = coalesce(failing_since, ?2), failure = ?3,
                    disabled_at = iif(?4, ?2, NULL)
                 WHERE tenant = ?1",
            )?
            .execute(params![
                tenant,
                sql(now),
                why,
                matches!(told, Told::Disable(_))
            ])?,
    };
    if let Told::Disable(_) = told {
        forget(connection, tenant)?;
    }
    // Behind those that wait already.
    let next = earliest(connection, tenant)?;
    due_at(connection, tenant, next.map(|next| next.max(sql(now))))?;
    Ok(true)
}
