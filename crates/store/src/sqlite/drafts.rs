//! What is worked on: actions that are made, changed and removed, and their drafts on the way to a version.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::actions::{action, held_secrets, put_artifact, put_held, put_live, secrets};
use super::modules::put_used;
use super::{sql, time};
use crate::row::{
    Build, ChangeAction, Changed, CreateAction, Created, Draft, Ended, PutDraft, Removed, Rename,
    ToBuild,
};
use crate::time::Time;

/// What a [`draft`] is read from.
pub(super) const DRAFT: &str =
    "action.revision, action.source, action.definition, action.build, action.digest,
    action.built_at, action.told, action.deploy";

pub(super) fn create(
    connection: &Connection,
    now: Time,
    tenant: &str,
    create: &CreateAction,
) -> rusqlite::Result<Created> {
    let CreateAction {
        id,
        name,
        draft,
        deploy,
        most,
    } = create;
    let others: u32 = connection
        .prepare_cached("SELECT count(*) FROM action WHERE tenant = ?1")?
        .query_row([tenant], |row| row.get(0))?;
    if others >= *most {
        return Ok(Created::TooMany);
    }
    put_content(connection, tenant, draft)?;
    let made = connection
        .prepare_cached(
            "INSERT INTO action (tenant, name, id, created_at, updated_at, source, definition, build, build_at, deploy)
             VALUES (?1, ?2, ?3, ?4, ?4, ?5, ?6, 'pending', ?4, ?7) ON CONFLICT DO NOTHING",
        )?
        .execute(params![
            tenant,
            name,
            id,
            sql(now),
            draft.source,
            draft.definition,
            deploy
        ])?;
    if made == 0 {
        remove_unused(connection, tenant)?;
        return Ok(Created::NameTaken);
    }
    put_held(connection, tenant, *id, &draft.secrets)?;
    put_used(connection, tenant, *id, &draft.modules)?;
    let item = action(connection, tenant, *id)?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
    Ok(Created::Yes(Box::new(item)))
}

pub(super) fn change(
    connection: &Connection,
    now: Time,
    tenant: &str,
    id: [u8; 16],
    change: &ChangeAction,
) -> rusqlite::Result<Changed> {
    let Some(is) = action(connection, tenant, id)? else {
        return Ok(Changed::Missing);
    };
    if is.draft.revision != change.revision
        || held_secrets(connection, tenant, id)? != change.secrets
    {
        return Ok(Changed::Meanwhile);
    }
    if let Some(anew) = change.name.as_ref().filter(|anew| anew.name != is.name) {
        if secrets(connection, tenant, &is.name)? != anew.were {
            return Ok(Changed::Meanwhile);
        }
        let taken: bool = connection
            .prepare_cached("SELECT EXISTS (SELECT 1 FROM action WHERE tenant = ?1 AND name = ?2)")?
            .query_row(params![tenant, anew.name], |row| row.get(0))?;
        if taken {
            return Ok(Changed::NameTaken);
        }
        rename(connection, tenant, &is.name, anew)?;
    }
    // Who asked for a draft to be deployed did not ask for the next one.
    connection
        .prepare_cached(
            "UPDATE action SET updated_at = ?3, deploy = ?4 WHERE tenant = ?1 AND id = ?2",
        )?
        .execute(params![
            tenant,
            id,
            sql(now),
            change.deploy || (is.draft.deploy && change.draft.is_none())
        ])?;
    if let Some(draft) = &change.draft {
        put_content(connection, tenant, draft)?;
        connection
            .prepare_cached(
                "UPDATE action SET revision = revision + 1, source = ?3, definition = ?4, build = 'pending', build_at = ?5,
                    builds = 0, digest = NULL, built_at = NULL, told = '[]'
                 WHERE tenant = ?1 AND id = ?2",
            )?
            .execute(params![
                tenant,
                id,
                draft.source,
                draft.definition,
                sql(now)
            ])?;
        put_held(connection, tenant, id, &draft.secrets)?;
        put_used(connection, tenant, id, &draft.modules)?;
        remove_unused(connection, tenant)?;
    }
    let item = action(connection, tenant, id)?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
    Ok(Changed::Yes(Box::new(item)))
}

/// What goes by the name goes by the new one from now on. What is settled tells what it was called then.
fn rename(
    connection: &Connection,
    tenant: &str,
    was: &str,
    Rename { name, secrets, .. }: &Rename,
) -> rusqlite::Result<()> {
    put_live(connection, tenant, was, &[])?;
    put_live(connection, tenant, name, secrets)?;
    for rename in [
        "UPDATE version SET action = ?3 WHERE tenant = ?1 AND action = ?2",
        "UPDATE action SET name = ?3 WHERE tenant = ?1 AND name = ?2",
        "UPDATE notification SET action = ?3
         WHERE tenant = ?1 AND action = ?2 AND (status = 'queued' OR status = 'leased')",
    ] {
        connection
            .prepare_cached(rename)?
            .execute(params![tenant, was, name])?;
    }
    Ok(())
}

pub(super) fn remove(
    connection: &Connection,
    tenant: &str,
    id: [u8; 16],
    force: bool,
) -> rusqlite::Result<Removed> {
    let found = connection
        .prepare_cached(
            "SELECT name, EXISTS (
                SELECT 1 FROM binding WHERE tenant = ?1 AND binding.action = action.name AND (binding.id IS NOT NULL OR EXISTS (
                    SELECT 1 FROM phone_provider WHERE tenant = ?1 AND phone_provider.name = 'custom' AND NOT disabled
                ))
             ) FROM action WHERE tenant = ?1 AND id = ?2",
        )?
        .query_row(params![tenant, id], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((name, bound)): Option<(String, bool)> = found else {
        return Ok(Removed::Missing);
    };
    if bound && !force {
        return Ok(Removed::InUse);
    }
    for held in ["held_secret", "module_use"] {
        connection
            .prepare_cached(&format!(
                "DELETE FROM {held} WHERE tenant = ?1
                 AND (holder = ?2 OR holder IN (SELECT id FROM version WHERE tenant = ?1 AND action = ?3))"
            ))?
            .execute(params![tenant, id, name])?;
    }
    for remove in [
        "DELETE FROM secret WHERE tenant = ?1 AND action = ?2",
        "DELETE FROM action WHERE tenant = ?1 AND name = ?2",
        "DELETE FROM version WHERE tenant = ?1 AND action = ?2",
    ] {
        connection
            .prepare_cached(remove)?
            .execute(params![tenant, name])?;
    }
    remove_unused(connection, tenant)?;
    Ok(Removed::Yes(name))
}

/// What is to be built, or is being built, or is to be deployed.
const TO_BUILD: &str = "(build = 'pending' OR build = 'building' OR (build = 'built' AND deploy))";

pub(super) fn next(connection: &Connection) -> rusqlite::Result<Option<Time>> {
    connection
        .prepare_cached(&format!(
            "SELECT build_at FROM action WHERE {TO_BUILD} ORDER BY build_at LIMIT 1"
        ))?
        .query_row([], |row| time(row.get(0)?))
        .optional()
}

pub(super) fn claim(
    connection: &Connection,
    now: Time,
    lease: Duration,
) -> rusqlite::Result<Option<ToBuild>> {
    let found: Option<(String, [u8; 16])> = connection
        .prepare_cached(&format!(
            "SELECT tenant, id FROM action WHERE {TO_BUILD} AND build_at <= ?1 ORDER BY build_at LIMIT 1"
        ))?
        .query_row([sql(now)], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((tenant, id)) = found else {
        return Ok(None);
    };
    connection
        .prepare_cached(
            "UPDATE action SET build_at = ?3, builds = builds + (build <> 'built'),
                build = CASE build WHEN 'built' THEN 'built' ELSE 'building' END
             WHERE tenant = ?1 AND id = ?2",
        )?
        .execute(params![tenant, id, sql(now + lease)])?;
    connection
        .prepare_cached(&format!(
            "SELECT {DRAFT}, builds FROM action WHERE tenant = ?1 AND id = ?2"
        ))?
        .query_row(params![tenant, id], |row| {
            Ok(Some(ToBuild {
                draft: draft(row, 0)?,
                begun: row.get(8)?,
                tenant: tenant.clone(),
                id,
            }))
        })
}

pub(super) fn end_build(
    connection: &Connection,
    now: Time,
    tenant: &str,
    id: [u8; 16],
    revision: u32,
    ended: &Ended,
) -> rusqlite::Result<bool> {
    const THIS: &str = "WHERE tenant = ?1 AND id = ?2 AND revision = ?3 AND build = 'building'";
    let changed = match ended {
        Ended::Built {
            digest,
            component,
            notes,
        } => {
            if let Some(component) = component {
                put_artifact(connection, tenant, *digest, component)?;
            }
            connection
                .prepare_cached(&format!(
                    "UPDATE action SET build = 'built', build_at = ?4, digest = ?5, built_at = ?4, told = ?6 {THIS}"
                ))?
                .execute(params![tenant, id, revision, sql(now), digest, notes])?
        }
        Ended::Failed(errors) => connection
            .prepare_cached(&format!(
                "UPDATE action SET build = 'failed', told = ?4 {THIS}"
            ))?
            .execute(params![tenant, id, revision, errors])?,
        Ended::Again(wait) => connection
            .prepare_cached(&format!(
                "UPDATE action SET build = 'pending', build_at = ?4 {THIS}"
            ))?
            .execute(params![tenant, id, revision, sql(now + *wait)])?,
    };
    remove_unused(connection, tenant)?;
    Ok(changed > 0)
}

pub(super) fn deploy_no_more(
    connection: &Connection,
    tenant: &str,
    id: [u8; 16],
    revision: u32,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE action SET deploy = 0 WHERE tenant = ?1 AND id = ?2 AND revision = ?3",
        )?
        .execute(params![tenant, id, revision])
        .map(drop)
}

/// Removes what no action and no version names.
pub(super) fn remove_unused(connection: &Connection, tenant: &str) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "DELETE FROM artifact WHERE tenant = ?1
             AND NOT EXISTS (SELECT 1 FROM version WHERE tenant = ?1 AND source = artifact.digest)
             AND NOT EXISTS (SELECT 1 FROM version WHERE tenant = ?1 AND version.digest = artifact.digest)
             AND NOT EXISTS (SELECT 1 FROM action
                WHERE tenant = ?1 AND (source = artifact.digest OR action.digest = artifact.digest))",
        )?
        .execute([tenant])
        .map(drop)
}

fn put_content(connection: &Connection, tenant: &str, draft: &PutDraft) -> rusqlite::Result<()> {
    draft.content.as_ref().map_or(Ok(()), |content| {
        put_artifact(connection, tenant, draft.source, content)
    })
}

/// What [`DRAFT`] reads, from this column on.
pub(super) fn draft(row: &Row<'_>, at: usize) -> rusqlite::Result<Draft> {
    let build: String = row.get(at + 3)?;
    let told = row.get(at + 6)?;
    Ok(Draft {
        revision: row.get(at)?,
        source: row.get(at + 1)?,
        definition: row.get(at + 2)?,
        build: match &*build {
            "built" => Build::Built {
                digest: row.get(at + 4)?,
                at: time(row.get(at + 5)?)?,
                notes: told,
            },
            "failed" => Build::Failed(told),
            "building" => Build::Building,
            _ => Build::Pending,
        },
        deploy: row.get(at + 7)?,
    })
}
