//! Actions, their versions and secrets.

use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::{sql, time};
use crate::row::{ActionItem, ApiKey, Deploy, SigningKey, TenantItem, Version};
use crate::time::Time;

const VERSION: &str = "SELECT version.number, version.digest, version.created_at FROM version";

pub(super) fn deploy(
    connection: &Connection,
    now: Time,
    tenant: &str,
    deploy: &Deploy,
) -> rusqlite::Result<Version> {
    let Deploy {
        action,
        digest,
        component,
        secrets,
    } = deploy;
    connection
        .prepare_cached("INSERT INTO artifact VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING")?
        .execute(params![tenant, digest, component])?;
    connection
        .prepare_cached(
            "INSERT INTO version
             SELECT ?1, ?2, coalesce(max(number), 0) + 1, ?3, ?4 FROM version WHERE tenant = ?1 AND action = ?2
             ON CONFLICT (tenant, action, digest) DO NOTHING",
        )?
        .execute(params![tenant, action, digest, sql(now)])?;
    let version = connection
        .prepare_cached(&format!(
            "{VERSION} WHERE tenant = ?1 AND action = ?2 AND digest = ?3"
        ))?
        .query_row(params![tenant, action, digest], version)?;
    connection
        .prepare_cached(
            "INSERT INTO action VALUES (?1, ?2, ?3)
             ON CONFLICT (tenant, name) DO UPDATE SET deployed = excluded.deployed",
        )?
        .execute(params![tenant, action, version.number])?;
    if let Some(secrets) = secrets {
        connection
            .prepare_cached("DELETE FROM secret WHERE tenant = ?1 AND action = ?2")?
            .execute(params![tenant, action])?;
        for (name, sealed) in secrets {
            put_secret(connection, tenant, action, name, sealed)?;
        }
    }
    bind(connection, tenant, action)?;
    Ok(version)
}

pub(super) fn bind(connection: &Connection, tenant: &str, action: &str) -> rusqlite::Result<bool> {
    let changed = connection
        .prepare_cached(
            "INSERT INTO binding SELECT tenant, name FROM action WHERE tenant = ?1 AND name = ?2
             ON CONFLICT (tenant) DO UPDATE SET action = excluded.action",
        )?
        .execute(params![tenant, action])?;
    Ok(changed > 0)
}

pub(super) fn bound(connection: &Connection, tenant: &str) -> rusqlite::Result<Option<String>> {
    connection
        .prepare_cached("SELECT action FROM binding WHERE tenant = ?1")?
        .query_row([tenant], |row| row.get(0))
        .optional()
}

pub(super) fn roll_back(
    connection: &Connection,
    tenant: &str,
    action: &str,
    number: u32,
) -> rusqlite::Result<bool> {
    let changed = connection
        .prepare_cached(
            "UPDATE action SET deployed = ?3 WHERE tenant = ?1 AND name = ?2
             AND EXISTS (SELECT 1 FROM version WHERE tenant = ?1 AND action = ?2 AND number = ?3)",
        )?
        .execute(params![tenant, action, number])?;
    Ok(changed > 0)
}

pub(super) fn deployed(
    connection: &Connection,
    tenant: &str,
    action: &str,
) -> rusqlite::Result<Option<Version>> {
    connection
        .prepare_cached(&format!(
            "{VERSION} JOIN action ON action.tenant = version.tenant AND action.name = version.action
             AND action.deployed = version.number WHERE action.tenant = ?1 AND action.name = ?2"
        ))?
        .query_row(params![tenant, action], version)
        .optional()
}

pub(super) fn actions(connection: &Connection, tenant: &str) -> rusqlite::Result<Vec<ActionItem>> {
    connection
        .prepare_cached(
            "SELECT version.number, version.digest, version.created_at, action.name, binding.action IS NOT NULL
             FROM action
             JOIN version ON version.tenant = action.tenant AND version.action = action.name
             AND version.number = action.deployed
             LEFT JOIN binding ON binding.tenant = action.tenant AND binding.action = action.name
             WHERE action.tenant = ?1 ORDER BY action.name",
        )?
        .query_map([tenant], |row| {
            Ok(ActionItem {
                name: row.get(3)?,
                deployed: version(row)?,
                bound: row.get(4)?,
            })
        })?
        .collect()
}

pub(super) fn tenants(
    connection: &Connection,
    after: Option<&str>,
    most: usize,
) -> rusqlite::Result<Vec<TenantItem>> {
    // Who has notifications has an action or a provider, or had one.
    let count = |of: &str| format!("(SELECT count(*) FROM {of} AND tenant = known.name)");
    let [actions, api_keys, queued, leased] = [
        "action WHERE true",
        "api_key WHERE true",
        "notification WHERE status = 'queued'",
        "notification WHERE status = 'leased'",
    ]
    .map(count);
    connection
        .prepare_cached(&format!(
            "WITH known (name) AS (
                SELECT tenant FROM action UNION SELECT tenant FROM secret
                UNION SELECT tenant FROM phone_provider UNION SELECT tenant FROM phone_template
                UNION SELECT tenant FROM api_key WHERE tenant IS NOT NULL
             )
             SELECT known.name, {actions}, {api_keys}, {queued}, {leased} FROM known
             WHERE ?1 IS NULL OR known.name > ?1 ORDER BY known.name LIMIT ?2"
        ))?
        .query_map(
            params![after, i64::try_from(most).unwrap_or(i64::MAX)],
            |row| {
                let count = |column| -> rusqlite::Result<u64> {
                    Ok(u64::try_from(row.get::<_, i64>(column)?).unwrap_or(0))
                };
                Ok(TenantItem {
                    name: row.get(0)?,
                    actions: count(1)?,
                    api_keys: count(2)?,
                    queued: count(3)?,
                    leased: count(4)?,
                })
            },
        )?
        .collect()
}

pub(super) fn versions(
    connection: &Connection,
    tenant: &str,
    action: &str,
) -> rusqlite::Result<Vec<Version>> {
    connection
        .prepare_cached(&format!(
            "{VERSION} WHERE tenant = ?1 AND action = ?2 ORDER BY number DESC"
        ))?
        .query_map(params![tenant, action], version)?
        .collect()
}

pub(super) fn component(
    connection: &Connection,
    tenant: &str,
    digest: [u8; 32],
) -> rusqlite::Result<Option<Vec<u8>>> {
    connection
        .prepare_cached("SELECT component FROM artifact WHERE tenant = ?1 AND digest = ?2")?
        .query_row(params![tenant, digest], |row| row.get(0))
        .optional()
}

pub(super) fn put_secret(
    connection: &Connection,
    tenant: &str,
    action: &str,
    name: &str,
    sealed: &[u8],
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO secret VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (tenant, action, name) DO UPDATE SET sealed = excluded.sealed",
        )?
        .execute(params![tenant, action, name, sealed])
        .map(drop)
}

pub(super) fn replace_secret(
    connection: &Connection,
    tenant: &str,
    action: &str,
    name: &str,
    was: &[u8],
    sealed: &[u8],
) -> rusqlite::Result<bool> {
    let replaced = connection
        .prepare_cached(
            "UPDATE secret SET sealed = ?5 WHERE tenant = ?1 AND action = ?2 AND name = ?3 AND sealed = ?4",
        )?
        .execute(params![tenant, action, name, was, sealed])?;
    Ok(replaced > 0)
}

pub(super) fn remove_secret(
    connection: &Connection,
    tenant: &str,
    action: &str,
    name: &str,
) -> rusqlite::Result<bool> {
    let removed = connection
        .prepare_cached("DELETE FROM secret WHERE tenant = ?1 AND action = ?2 AND name = ?3")?
        .execute(params![tenant, action, name])?;
    Ok(removed > 0)
}

pub(super) fn secrets(
    connection: &Connection,
    tenant: &str,
    action: &str,
) -> rusqlite::Result<Vec<(String, Vec<u8>)>> {
    connection
        .prepare_cached(
            "SELECT name, sealed FROM secret WHERE tenant = ?1 AND action = ?2 ORDER BY name",
        )?
        .query_map(params![tenant, action], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?
        .collect()
}

pub(super) fn put_api_key(connection: &Connection, key: &ApiKey) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT INTO api_key VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![
            key.id,
            key.tenant,
            key.scopes,
            key.hash,
            sql(key.created_at)
        ])
        .map(drop)
}

pub(super) fn api_key(connection: &Connection, id: &str) -> rusqlite::Result<Option<ApiKey>> {
    connection
        .prepare_cached("SELECT * FROM api_key WHERE id = ?1")?
        .query_row([id], key)
        .optional()
}

pub(super) fn api_keys(
    connection: &Connection,
    tenant: Option<&str>,
) -> rusqlite::Result<Vec<ApiKey>> {
    connection
        .prepare_cached("SELECT * FROM api_key WHERE tenant IS ?1 ORDER BY created_at, id")?
        .query_map([tenant], key)?
        .collect()
}

pub(super) fn remove_api_key(connection: &Connection, id: &str) -> rusqlite::Result<bool> {
    let removed = connection
        .prepare_cached("DELETE FROM api_key WHERE id = ?1")?
        .execute([id])?;
    Ok(removed > 0)
}

fn key(row: &Row<'_>) -> rusqlite::Result<ApiKey> {
    Ok(ApiKey {
        id: row.get(0)?,
        tenant: row.get(1)?,
        scopes: row.get(2)?,
        hash: row.get(3)?,
        created_at: time(row.get(4)?)?,
    })
}

pub(super) fn signing_keys(connection: &Connection) -> rusqlite::Result<Vec<SigningKey>> {
    connection
        .prepare_cached("SELECT id, sealed, retired_at FROM signing_key ORDER BY id")?
        .query_map([], |row| {
            let retired_at: Option<i64> = row.get(2)?;
            Ok(SigningKey {
                id: row.get(0)?,
                sealed: row.get(1)?,
                retired_at: retired_at.map(time).transpose()?,
            })
        })?
        .collect()
}

pub(super) fn sign_with(
    connection: &Connection,
    id: &str,
    sealed: &[u8],
    before: Option<&str>,
    now: Time,
) -> rusqlite::Result<bool> {
    let signs: Option<String> = connection
        .prepare_cached("SELECT id FROM signing_key WHERE retired_at IS NULL")?
        .query_row([], |row| row.get(0))
        .optional()?;
    if signs.as_deref() != before {
        return Ok(false);
    }
    connection.execute("DELETE FROM signing_key WHERE retired_at IS NOT NULL", [])?;
    connection.execute("UPDATE signing_key SET retired_at = ?1", [sql(now)])?;
    connection.execute(
        "INSERT INTO signing_key VALUES (?1, ?2, NULL)",
        params![id, sealed],
    )?;
    Ok(true)
}

pub(super) fn mark(connection: &Connection, sealed: &[u8]) -> rusqlite::Result<Vec<u8>> {
    connection
        .prepare_cached("INSERT INTO mark VALUES (1, ?1) ON CONFLICT DO NOTHING")?
        .execute([sealed])?;
    connection.query_row("SELECT sealed FROM mark", [], |row| row.get(0))
}

fn version(row: &Row<'_>) -> rusqlite::Result<Version> {
    Ok(Version {
        number: row.get(0)?,
        digest: row.get(1)?,
        created_at: time(row.get(2)?)?,
    })
}
