//! Phone providers and templates: what Auth0's Management API has under `branding/phone`.

use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::{sql, time};
use crate::row::{
    NewPhoneProvider, NewPhoneTemplate, PatchPhoneProvider, PatchPhoneTemplate, PhoneProvider,
    PhoneTemplate,
};
use crate::time::Time;

const PROVIDER: &str = "id, name, disabled, configuration, sealed, created_at, updated_at";
const TEMPLATE: &str = "id, type, disabled, sender, text, voice, created_at, updated_at";

pub(super) fn create_provider(
    connection: &Connection,
    now: Time,
    tenant: &str,
    new: &NewPhoneProvider,
) -> rusqlite::Result<Option<PhoneProvider>> {
    connection
        .prepare_cached(&format!(
            "INSERT INTO phone_provider (tenant, {PROVIDER}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7)
             ON CONFLICT (tenant) DO NOTHING RETURNING {PROVIDER}"
        ))?
        .query_row(
            params![
                tenant,
                new.id,
                new.name,
                new.disabled,
                new.configuration,
                new.sealed,
                sql(now)
            ],
            read_provider,
        )
        .optional()
}

pub(super) fn provider(
    connection: &Connection,
    tenant: &str,
) -> rusqlite::Result<Option<PhoneProvider>> {
    connection
        .prepare_cached(&format!(
            "SELECT {PROVIDER} FROM phone_provider WHERE tenant = ?1"
        ))?
        .query_row([tenant], read_provider)
        .optional()
}

pub(super) fn change_provider(
    connection: &Connection,
    now: Time,
    tenant: &str,
    id: &str,
    patch: &PatchPhoneProvider,
) -> rusqlite::Result<Option<PhoneProvider>> {
    connection
        .prepare_cached(&format!(
            "UPDATE phone_provider SET name = coalesce(?3, name), disabled = coalesce(?4, disabled),
                configuration = coalesce(?5, configuration), sealed = coalesce(?6, sealed), updated_at = ?7
             WHERE tenant = ?1 AND id = ?2 RETURNING {PROVIDER}"
        ))?
        .query_row(
            params![
                tenant,
                id,
                patch.name,
                patch.disabled,
                patch.configuration,
                patch.sealed,
                sql(now)
            ],
            read_provider,
        )
        .optional()
}

pub(super) fn remove_provider(
    connection: &Connection,
    tenant: &str,
    id: &str,
) -> rusqlite::Result<bool> {
    let removed = connection
        .prepare_cached("DELETE FROM phone_provider WHERE tenant = ?1 AND id = ?2")?
        .execute(params![tenant, id])?;
    Ok(removed > 0)
}

fn read_provider(row: &Row<'_>) -> rusqlite::Result<PhoneProvider> {
    Ok(PhoneProvider {
        id: row.get(0)?,
        name: row.get(1)?,
        disabled: row.get(2)?,
        configuration: row.get(3)?,
        sealed: row.get(4)?,
        created_at: time(row.get(5)?)?,
        updated_at: time(row.get(6)?)?,
    })
}

pub(super) fn create_template(
    connection: &Connection,
    now: Time,
    tenant: &str,
    new: &NewPhoneTemplate,
) -> rusqlite::Result<Option<PhoneTemplate>> {
    connection
        .prepare_cached(&format!(
            "INSERT INTO phone_template (tenant, {TEMPLATE}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8)
             ON CONFLICT (tenant, type) DO NOTHING RETURNING {TEMPLATE}"
        ))?
        .query_row(
            params![
                tenant,
                new.id,
                new.kind,
                new.disabled,
                new.from,
                new.text,
                new.voice,
                sql(now)
            ],
            read_template,
        )
        .optional()
}

pub(super) fn templates(
    connection: &Connection,
    tenant: &str,
) -> rusqlite::Result<Vec<PhoneTemplate>> {
    connection
        .prepare_cached(&format!(
            "SELECT {TEMPLATE} FROM phone_template WHERE tenant = ?1 ORDER BY type"
        ))?
        .query_map([tenant], read_template)?
        .collect()
}

pub(super) fn change_template(
    connection: &Connection,
    now: Time,
    tenant: &str,
    id: &str,
    patch: &PatchPhoneTemplate,
) -> rusqlite::Result<Option<PhoneTemplate>> {
    connection
        .prepare_cached(&format!(
            "UPDATE phone_template SET disabled = coalesce(?3, disabled), sender = iif(?4, ?5, sender),
                text = coalesce(?6, text), voice = coalesce(?7, voice), updated_at = ?8
             WHERE tenant = ?1 AND id = ?2 RETURNING {TEMPLATE}"
        ))?
        .query_row(
            params![
                tenant,
                id,
                patch.disabled,
                patch.from.is_some(),
                patch.from.as_ref().and_then(Option::as_ref),
                patch.text,
                patch.voice,
                sql(now)
            ],
            read_template,
        )
        .optional()
}

pub(super) fn remove_template(
    connection: &Connection,
    tenant: &str,
    id: &str,
) -> rusqlite::Result<bool> {
    let removed = connection
        .prepare_cached("DELETE FROM phone_template WHERE tenant = ?1 AND id = ?2")?
        .execute(params![tenant, id])?;
    Ok(removed > 0)
}

fn read_template(row: &Row<'_>) -> rusqlite::Result<PhoneTemplate> {
    Ok(PhoneTemplate {
        id: row.get(0)?,
        kind: row.get(1)?,
        disabled: row.get(2)?,
        from: row.get(3)?,
        text: row.get(4)?,
        voice: row.get(5)?,
        created_at: time(row.get(6)?)?,
        updated_at: time(row.get(7)?)?,
    })
}
