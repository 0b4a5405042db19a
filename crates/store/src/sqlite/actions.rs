//! Actions, their versions and secrets.

use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::drafts::{DRAFT, draft, remove_unused};
use super::modules::put_used;
use super::{sql, time};
use crate::row::{
    ActionItem, ApiKey, Binding, Deploy, Expected, NewVersion, PutBinding, SigningKey, TenantItem,
    Version,
};
use crate::time::Time;

const VERSION: &str = "version.number, version.id, version.source, version.digest, version.definition, version.built_at,
    version.created_at";

pub(super) fn deploy(
    connection: &Connection,
    now: Time,
    tenant: &str,
    deploy: &Deploy,
) -> rusqlite::Result<Option<Version>> {
    let name = &deploy.action;
    if !is_as_expected(connection, tenant, deploy)? {
        return Ok(None);
    }
    let NewVersion {
        id,
        source,
        digest,
        component,
        definition,
        modules,
        built_at,
    } = &deploy.version;
    if let Some(component) = component {
        put_artifact(connection, tenant, *digest, component)?;
    }
    connection
        .prepare_cached(
            "INSERT INTO action (tenant, name, id, created_at, updated_at, source, definition, build, build_at, digest, built_at)
             VALUES (?1, ?2, ?3, ?4, ?4, ?5, ?6, 'built', ?4, ?7, ?4) ON CONFLICT (tenant, name) DO NOTHING",
        )?
        .execute(params![
            tenant,
            name,
            deploy.id,
            sql(now),
            source,
            definition,
            digest
        ])?;
    let before: Option<u32> = connection
        .prepare_cached("SELECT number FROM version WHERE tenant = ?1 AND action = ?2 AND id = ?3")?
        .query_row(params![tenant, name, id], |row| row.get(0))
        .optional()?;
    let number: u32 = match before {
        Some(number) => number,
        None => connection
            .prepare_cached(
                "INSERT INTO version
                 SELECT tenant, name, versions + 1, ?3, ?4, ?5, ?6, ?7, ?8 FROM action WHERE tenant = ?1 AND name = ?2
                 RETURNING number",
            )?
            .query_row(
                params![
                    tenant,
                    name,
                    id,
                    source,
                    definition,
                    digest,
                    sql(built_at.unwrap_or(now)),
                    sql(now)
                ],
                |row| row.get(0),
            )?,
    };
    connection
        .prepare_cached(
            "UPDATE action SET deployed = ?3, versions = max(versions, ?3), deployed_revision = NULL, deploy = 0
             WHERE tenant = ?1 AND name = ?2",
        )?
        .execute(params![tenant, name, number])?;
    let version =
        deployed(connection, tenant, name)?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
    put_live(connection, tenant, name, &deploy.secrets)?;
    put_held(connection, tenant, version.id, &deploy.held)?;
    put_used(connection, tenant, version.id, modules)?;
    if let Some(draft) = &deploy.draft {
        let action: [u8; 16] = connection
            .prepare_cached(
                "UPDATE action SET revision = revision + 1, deployed_revision = revision + 1, source = ?3, definition = ?4,
                    updated_at = iif(source = ?3 AND definition = ?4, updated_at, ?5),
                    build = 'built', digest = ?6, built_at = ?7, told = ?8
                 WHERE tenant = ?1 AND name = ?2 RETURNING id",
            )?
            .query_row(
                params![
                    tenant,
                    name,
                    version.source,
                    version.definition,
                    sql(now),
                    version.digest,
                    sql(version.built_at),
                    draft.notes
                ],
                |row| row.get(0),
            )?;
        put_held(connection, tenant, action, &draft.secrets)?;
        put_used(connection, tenant, action, modules)?;
    }
    connection
        .prepare_cached(
            "INSERT INTO binding (tenant, action) VALUES (?1, ?2)
             ON CONFLICT (tenant) DO UPDATE SET action = excluded.action, id = iif(action = excluded.action, id, NULL)",
        )?
        .execute(params![tenant, name])?;
    remove_oldest(connection, tenant, name, deploy.most)?;
    remove_unused(connection, tenant)?;
    Ok(Some(version))
}

fn is_as_expected(
    connection: &Connection,
    tenant: &str,
    deploy: &Deploy,
) -> rusqlite::Result<bool> {
    let Expected {
        revision,
        draft_secrets,
        secrets: running,
    } = &deploy.expected;
    let NewVersion {
        source,
        digest,
        component,
        ..
    } = &deploy.version;
    // What nothing names any more was removed.
    let is_there = |digest: &[u8; 32]| -> rusqlite::Result<bool> {
        connection
            .prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM artifact WHERE tenant = ?1 AND digest = ?2)",
            )?
            .query_row(params![tenant, digest], |row| row.get(0))
    };
    if component.is_none() && !(is_there(source)? && is_there(digest)?) {
        return Ok(false);
    }
    let draft_is = match action_named(connection, tenant, &deploy.action)? {
        // It may be called otherwise by now.
        None => revision.is_none() && action(connection, tenant, deploy.id)?.is_none(),
        Some(found) => {
            let draft = found.draft;
            let held = held_secrets(connection, tenant, found.id)?;
            found.id == deploy.id
                && draft_secrets
                    .as_ref()
                    .is_none_or(|expected| *expected == held)
                && revision.is_none_or(|revision| draft.revision == revision)
        }
    };
    let is = secrets(connection, tenant, &deploy.action)?;
    Ok(draft_is && running.as_ref().is_none_or(|expected| *expected == is))
}

/// Removes versions that are not deployed, the oldest first, until there are so many.
fn remove_oldest(
    connection: &Connection,
    tenant: &str,
    name: &str,
    most: u32,
) -> rusqlite::Result<()> {
    let count: u32 = connection
        .prepare_cached("SELECT count(*) FROM version WHERE tenant = ?1 AND action = ?2")?
        .query_row(params![tenant, name], |row| row.get(0))?;
    let removed: Vec<[u8; 16]> = connection
        .prepare_cached(
            "DELETE FROM version WHERE tenant = ?1 AND action = ?2 AND number IN (
                SELECT number FROM version WHERE tenant = ?1 AND action = ?2
                AND number <> (SELECT deployed FROM action WHERE tenant = ?1 AND name = ?2)
                ORDER BY number LIMIT ?3
             ) RETURNING id",
        )?
        .query_map(params![tenant, name, count.saturating_sub(most)], |row| {
            row.get(0)
        })?
        .collect::<Result<_, _>>()?;
    for version in removed {
        put_held(connection, tenant, version, &[])?;
        put_used(connection, tenant, version, &[])?;
    }
    Ok(())
}

pub(super) fn bound(connection: &Connection, tenant: &str) -> rusqlite::Result<Option<String>> {
    connection
        .prepare_cached("SELECT action FROM binding WHERE tenant = ?1")?
        .query_row([tenant], |row| row.get(0))
        .optional()
}

pub(super) fn put_binding(
    connection: &Connection,
    now: Time,
    tenant: &str,
    binding: &PutBinding,
) -> rusqlite::Result<bool> {
    let changed = connection
        .prepare_cached(
            "INSERT INTO binding SELECT tenant, name, ?3, ?4, ?5, ?5 FROM action
             WHERE tenant = ?1 AND name = ?2 AND deployed IS NOT NULL
             ON CONFLICT (tenant) DO UPDATE SET action = excluded.action, display_name = excluded.display_name,
                created_at = iif(action = excluded.action AND id IS NOT NULL, created_at, excluded.created_at),
                id = iif(action = excluded.action, coalesce(id, excluded.id), excluded.id),
                updated_at = excluded.updated_at",
        )?
        .execute(params![
            tenant,
            binding.action,
            binding.id,
            binding.display_name,
            sql(now)
        ])?;
    Ok(changed > 0)
}

pub(super) fn binding(connection: &Connection, tenant: &str) -> rusqlite::Result<Option<Binding>> {
    connection
        .prepare_cached(
            "SELECT id, action, display_name, created_at, updated_at FROM binding WHERE tenant = ?1 AND id IS NOT NULL",
        )?
        .query_row([tenant], |row| {
            Ok(Binding {
                id: row.get(0)?,
                action: row.get(1)?,
                display_name: row.get(2)?,
                created_at: time(row.get(3)?)?,
                updated_at: time(row.get(4)?)?,
            })
        })
        .optional()
}

pub(super) fn remove_binding(connection: &Connection, tenant: &str) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE binding SET id = NULL WHERE tenant = ?1")?
        .execute([tenant])
        .map(drop)
}

pub(super) fn roll_back(
    connection: &Connection,
    tenant: &str,
    action: &str,
    number: u32,
) -> rusqlite::Result<bool> {
    let changed = connection
        .prepare_cached(
            "UPDATE action SET deployed = ?3, deployed_revision = NULL WHERE tenant = ?1 AND name = ?2
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
            "SELECT {VERSION} FROM version JOIN action ON action.tenant = version.tenant AND action.name = version.action
             AND action.deployed = version.number WHERE action.tenant = ?1 AND action.name = ?2"
        ))?
        .query_row(params![tenant, action], |row| version(row, 0))
        .optional()
}

/// Actions; what they are is to follow.
fn items(of: &str) -> String {
    format!(
        "SELECT action.id, action.name, action.created_at, action.updated_at, action.deployed_revision IS action.revision,
            binding.action IS NOT NULL, {DRAFT}, {VERSION}
         FROM action
         LEFT JOIN version ON version.tenant = action.tenant AND version.action = action.name
         AND version.number = action.deployed
         LEFT JOIN binding ON binding.tenant = action.tenant AND binding.action = action.name
         WHERE action.tenant = ?1 {of}"
    )
}

fn item(row: &Row<'_>) -> rusqlite::Result<ActionItem> {
    let deployed: Option<u32> = row.get(14)?;
    Ok(ActionItem {
        id: row.get(0)?,
        name: row.get(1)?,
        created_at: time(row.get(2)?)?,
        updated_at: time(row.get(3)?)?,
        draft: draft(row, 6)?,
        deployed: deployed.map(|_| version(row, 14)).transpose()?,
        draft_is_deployed: row.get(4)?,
        bound: row.get(5)?,
    })
}

pub(super) fn actions(connection: &Connection, tenant: &str) -> rusqlite::Result<Vec<ActionItem>> {
    connection
        .prepare_cached(&items("ORDER BY action.name"))?
        .query_map([tenant], item)?
        .collect()
}

pub(super) fn action(
    connection: &Connection,
    tenant: &str,
    id: [u8; 16],
) -> rusqlite::Result<Option<ActionItem>> {
    connection
        .prepare_cached(&items("AND action.id = ?2"))?
        .query_row(params![tenant, id], item)
        .optional()
}

pub(super) fn action_named(
    connection: &Connection,
    tenant: &str,
    name: &str,
) -> rusqlite::Result<Option<ActionItem>> {
    connection
        .prepare_cached(&items("AND action.name = ?2"))?
        .query_row(params![tenant, name], item)
        .optional()
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
                SELECT tenant FROM action UNION SELECT tenant FROM secret UNION SELECT tenant FROM module
                UNION SELECT tenant FROM phone_provider UNION SELECT tenant FROM phone_template
                UNION SELECT tenant FROM settings
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

pub(super) fn settings(connection: &Connection, tenant: &str) -> rusqlite::Result<Option<String>> {
    connection
        .prepare_cached("SELECT settings FROM settings WHERE tenant = ?1")?
        .query_row([tenant], |row| row.get(0))
        .optional()
}

pub(super) fn replace_settings(
    connection: &Connection,
    tenant: &str,
    was: Option<&str>,
    settings: &str,
) -> rusqlite::Result<bool> {
    let replace = if was.is_some() {
        "UPDATE settings SET settings = ?2 WHERE tenant = ?1 AND settings = ?3"
    } else {
        "INSERT INTO settings SELECT ?1, ?2 WHERE ?3 IS NULL ON CONFLICT (tenant) DO NOTHING"
    };
    let changed = connection
        .prepare_cached(replace)?
        .execute(params![tenant, settings, was])?;
    Ok(changed > 0)
}

pub(super) fn versions(
    connection: &Connection,
    tenant: &str,
    action: &str,
) -> rusqlite::Result<Vec<Version>> {
    connection
        .prepare_cached(&format!(
            "SELECT {VERSION} FROM version WHERE tenant = ?1 AND action = ?2 ORDER BY number DESC"
        ))?
        .query_map(params![tenant, action], |row| version(row, 0))?
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

pub(super) fn put_artifact(
    connection: &Connection,
    tenant: &str,
    digest: [u8; 32],
    content: &[u8],
) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT INTO artifact VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING")?
        .execute(params![tenant, digest, content])
        .map(drop)
}

pub(super) fn put_secret(
    connection: &Connection,
    tenant: &str,
    action: &str,
    name: &str,
    sealed: &[u8],
    held: Option<&([u8; 16], Vec<u8>)>,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO secret VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (tenant, action, name) DO UPDATE SET sealed = excluded.sealed",
        )?
        .execute(params![tenant, action, name, sealed])?;
    let Some((id, held)) = held else {
        return Ok(());
    };
    connection
        .prepare_cached(
            "INSERT INTO held_secret SELECT tenant, id, ?3, ?4 FROM action WHERE tenant = ?1 AND id = ?2
             ON CONFLICT (tenant, holder, name) DO UPDATE SET sealed = excluded.sealed",
        )?
        .execute(params![tenant, id, name, held])
        .map(drop)
}

/// These are the secrets that an action runs with.
pub(super) fn put_live(
    connection: &Connection,
    tenant: &str,
    action: &str,
    secrets: &[(String, Vec<u8>)],
) -> rusqlite::Result<()> {
    connection
        .prepare_cached("DELETE FROM secret WHERE tenant = ?1 AND action = ?2")?
        .execute(params![tenant, action])?;
    let mut put = connection.prepare_cached("INSERT INTO secret VALUES (?1, ?2, ?3, ?4)")?;
    for (name, sealed) in secrets {
        put.execute(params![tenant, action, name, sealed])?;
    }
    Ok(())
}

/// These are the secrets of a draft, or of a version.
pub(super) fn put_held(
    connection: &Connection,
    tenant: &str,
    holder: [u8; 16],
    secrets: &[(String, Vec<u8>)],
) -> rusqlite::Result<()> {
    connection
        .prepare_cached("DELETE FROM held_secret WHERE tenant = ?1 AND holder = ?2")?
        .execute(params![tenant, holder])?;
    let mut put = connection.prepare_cached("INSERT INTO held_secret VALUES (?1, ?2, ?3, ?4)")?;
    for (name, sealed) in secrets {
        put.execute(params![tenant, holder, name, sealed])?;
    }
    Ok(())
}

pub(super) fn held_secrets(
    connection: &Connection,
    tenant: &str,
    holder: [u8; 16],
) -> rusqlite::Result<Vec<(String, Vec<u8>)>> {
    connection
        .prepare_cached(
            "SELECT name, sealed FROM held_secret WHERE tenant = ?1 AND holder = ?2 ORDER BY name",
        )?
        .query_map(params![tenant, holder], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?
        .collect()
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
    let held = connection
        .prepare_cached(
            "DELETE FROM held_secret WHERE tenant = ?1 AND name = ?3
             AND holder = (SELECT id FROM action WHERE tenant = ?1 AND name = ?2)",
        )?
        .execute(params![tenant, action, name])?;
    Ok(removed + held > 0)
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

/// What [`VERSION`] reads, from this column on.
fn version(row: &Row<'_>, at: usize) -> rusqlite::Result<Version> {
    Ok(Version {
        number: row.get(at)?,
        id: row.get(at + 1)?,
        source: row.get(at + 2)?,
        digest: row.get(at + 3)?,
        definition: row.get(at + 4)?,
        built_at: time(row.get(at + 5)?)?,
        created_at: time(row.get(at + 6)?)?,
    })
}
