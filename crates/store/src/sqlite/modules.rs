//! Modules: code that actions share, and its versions.

use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::actions::{held_secrets, put_held};
use super::{sql, time};
use crate::row::{
    ChangeModule, ChangedModule, CreateModule, Created, Module, ModuleUse, ModuleVersion,
    PublishModule, Published, Removed,
};
use crate::time::Time;

const MODULE: &str = "id, name, created_at, updated_at, revision, code, definition, same_as,
    (SELECT max(number) FROM module_version AS version WHERE version.tenant = module.tenant AND version.module = module.id)";
const VERSION: &str = "version.id, version.module, module.name, version.number, version.code, version.definition, version.created_at
    FROM module_version AS version JOIN module ON module.tenant = version.tenant AND module.id = version.module";

pub(super) fn create(
    connection: &Connection,
    now: Time,
    tenant: &str,
    create: &CreateModule,
) -> rusqlite::Result<Created<Module>> {
    let others: u32 = connection
        .prepare_cached("SELECT count(*) FROM module WHERE tenant = ?1")?
        .query_row([tenant], |row| row.get(0))?;
    if others >= create.most {
        return Ok(Created::TooMany);
    }
    let made = connection
        .prepare_cached(
            "INSERT INTO module (tenant, id, name, created_at, updated_at, code, definition)
             VALUES (?1, ?2, ?3, ?4, ?4, ?5, ?6) ON CONFLICT DO NOTHING",
        )?
        .execute(params![
            tenant,
            create.id,
            create.name,
            sql(now),
            create.code,
            create.definition
        ])?;
    if made == 0 {
        return Ok(Created::NameTaken);
    }
    put_held(connection, tenant, create.id, &create.secrets)?;
    let module =
        module(connection, tenant, create.id)?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
    Ok(Created::Yes(Box::new(module)))
}

pub(super) fn modules(connection: &Connection, tenant: &str) -> rusqlite::Result<Vec<Module>> {
    connection
        .prepare_cached(&format!(
            "SELECT {MODULE} FROM module WHERE tenant = ?1 ORDER BY name"
        ))?
        .query_map([tenant], read)?
        .collect()
}

pub(super) fn module(
    connection: &Connection,
    tenant: &str,
    id: [u8; 16],
) -> rusqlite::Result<Option<Module>> {
    connection
        .prepare_cached(&format!(
            "SELECT {MODULE} FROM module WHERE tenant = ?1 AND id = ?2"
        ))?
        .query_row(params![tenant, id], read)
        .optional()
}

pub(super) fn change(
    connection: &Connection,
    now: Time,
    tenant: &str,
    id: [u8; 16],
    change: &ChangeModule,
) -> rusqlite::Result<ChangedModule> {
    let Some(is) = module(connection, tenant, id)? else {
        return Ok(ChangedModule::Missing);
    };
    if is.revision != change.revision || held_secrets(connection, tenant, id)? != change.were {
        return Ok(ChangedModule::Meanwhile);
    }
    connection
        .prepare_cached(
            "UPDATE module SET updated_at = ?3, revision = revision + 1, code = ?4, definition = ?5, same_as = ?6
             WHERE tenant = ?1 AND id = ?2",
        )?
        .execute(params![
            tenant,
            id,
            sql(now),
            change.code,
            change.definition,
            change.same_as
        ])?;
    put_held(connection, tenant, id, &change.secrets)?;
    let module = module(connection, tenant, id)?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
    Ok(ChangedModule::Yes(Box::new(module)))
}

pub(super) fn remove(
    connection: &Connection,
    tenant: &str,
    id: [u8; 16],
) -> rusqlite::Result<Removed> {
    let Some(is) = module(connection, tenant, id)? else {
        return Ok(Removed::Missing);
    };
    let in_use: bool = connection
        .prepare_cached(
            "SELECT EXISTS (
                SELECT 1 FROM module_version JOIN module_use AS used ON used.tenant = ?1 AND used.version = module_version.id
                WHERE module_version.tenant = ?1 AND module = ?2 AND (
                    EXISTS (SELECT 1 FROM action WHERE tenant = ?1 AND id = used.holder)
                    OR EXISTS (
                        SELECT 1 FROM action JOIN version ON version.tenant = ?1 AND version.action = action.name
                        AND version.number = action.deployed WHERE action.tenant = ?1 AND version.id = used.holder
                    )
                )
             )",
        )?
        .query_row(params![tenant, id], |row| row.get(0))?;
    if in_use {
        return Ok(Removed::InUse);
    }
    connection
        .prepare_cached(
            "DELETE FROM held_secret WHERE tenant = ?1
             AND (holder = ?2 OR holder IN (SELECT id FROM module_version WHERE tenant = ?1 AND module = ?2))",
        )?
        .execute(params![tenant, id])?;
    connection
        .prepare_cached("DELETE FROM module WHERE tenant = ?1 AND id = ?2")?
        .execute(params![tenant, id])?;
    Ok(Removed::Yes(is.name))
}

pub(super) fn publish(
    connection: &Connection,
    now: Time,
    tenant: &str,
    id: [u8; 16],
    publish: &PublishModule,
) -> rusqlite::Result<Published> {
    let Some(is) = module(connection, tenant, id)? else {
        return Ok(Published::Missing);
    };
    if is.revision != publish.revision || held_secrets(connection, tenant, id)? != publish.were {
        return Ok(Published::Meanwhile);
    }
    if is.all_published() {
        return Ok(Published::Nothing);
    }
    let count: u32 = connection
        .prepare_cached("SELECT count(*) FROM module_version WHERE tenant = ?1 AND module = ?2")?
        .query_row(params![tenant, id], |row| row.get(0))?;
    if count >= publish.most {
        return Ok(Published::TooMany);
    }
    let number = is.latest.unwrap_or(0) + 1;
    connection
        .prepare_cached("INSERT INTO module_version VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?
        .execute(params![
            tenant,
            id,
            number,
            publish.id,
            is.code,
            is.definition,
            sql(now)
        ])?;
    put_held(connection, tenant, publish.id, &publish.secrets)?;
    connection
        .prepare_cached("UPDATE module SET same_as = ?3 WHERE tenant = ?1 AND id = ?2")?
        .execute(params![tenant, id, number])?;
    let version = version(connection, tenant, publish.id)?;
    let version = version.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
    Ok(Published::Yes(Box::new(version)))
}

pub(super) fn versions(
    connection: &Connection,
    tenant: &str,
    id: [u8; 16],
) -> rusqlite::Result<Vec<ModuleVersion>> {
    connection
        .prepare_cached(&format!(
            "SELECT {VERSION} WHERE version.tenant = ?1 AND version.module = ?2 ORDER BY number DESC"
        ))?
        .query_map(params![tenant, id], read_version)?
        .collect()
}

pub(super) fn version(
    connection: &Connection,
    tenant: &str,
    id: [u8; 16],
) -> rusqlite::Result<Option<ModuleVersion>> {
    connection
        .prepare_cached(&format!(
            "SELECT {VERSION} WHERE version.tenant = ?1 AND version.id = ?2"
        ))?
        .query_row(params![tenant, id], read_version)
        .optional()
}

pub(super) fn uses(
    connection: &Connection,
    tenant: &str,
    id: [u8; 16],
) -> rusqlite::Result<Vec<ModuleUse>> {
    connection
        .prepare_cached(
            "SELECT action.id, action.name, module_version.id, module_version.number
             FROM action JOIN version ON version.tenant = ?1 AND version.action = action.name AND version.number = action.deployed
             JOIN module_use AS used ON used.tenant = ?1 AND used.holder = version.id
             JOIN module_version ON module_version.tenant = ?1 AND module_version.id = used.version
             WHERE action.tenant = ?1 AND module_version.module = ?2 ORDER BY action.name",
        )?
        .query_map(params![tenant, id], |row| {
            Ok(ModuleUse {
                action: row.get(0)?,
                action_name: row.get(1)?,
                version: row.get(2)?,
                number: row.get(3)?,
            })
        })?
        .collect()
}

/// These are the modules of a draft, or of an action's version. Those that are not there any more are left out.
pub(super) fn put_used(
    connection: &Connection,
    tenant: &str,
    holder: [u8; 16],
    modules: &[[u8; 16]],
) -> rusqlite::Result<()> {
    connection
        .prepare_cached("DELETE FROM module_use WHERE tenant = ?1 AND holder = ?2")?
        .execute(params![tenant, holder])?;
    let mut put = connection.prepare_cached(
        "INSERT INTO module_use SELECT tenant, ?2, id FROM module_version WHERE tenant = ?1 AND id = ?3",
    )?;
    for version in modules {
        put.execute(params![tenant, holder, version])?;
    }
    Ok(())
}

fn read(row: &Row<'_>) -> rusqlite::Result<Module> {
    Ok(Module {
        id: row.get(0)?,
        name: row.get(1)?,
        created_at: time(row.get(2)?)?,
        updated_at: time(row.get(3)?)?,
        revision: row.get(4)?,
        code: row.get(5)?,
        definition: row.get(6)?,
        same_as: row.get(7)?,
        latest: row.get(8)?,
    })
}

fn read_version(row: &Row<'_>) -> rusqlite::Result<ModuleVersion> {
    Ok(ModuleVersion {
        id: row.get(0)?,
        module: row.get(1)?,
        name: row.get(2)?,
        number: row.get(3)?,
        code: row.get(4)?,
        definition: row.get(5)?,
        created_at: time(row.get(6)?)?,
    })
}
