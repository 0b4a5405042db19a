//! Encrypted texts by the root key that they need, whatever they are.

use phonebox_contract::NotificationId;
use rusqlite::{Connection, Row, ToSql, params};

use crate::row::{Place, Sealed};

/// Secrets that run come first, then those that are held, then what signs tokens, then what webhooks sign with now and did before,
/// then the credentials of phone providers, then events; each in the order of its key.
pub(super) fn otherwise(
    connection: &Connection,
    key: [u8; 4],
    after: Option<Place>,
    most: usize,
) -> rusqlite::Result<Vec<Sealed>> {
    let mut found = Vec::new();
    let mut find =
        |sql: &str, after: &[&dyn ToSql], place: fn(&Row<'_>) -> rusqlite::Result<Place>| {
            let room = i64::try_from(most.saturating_sub(found.len())).unwrap_or(i64::MAX);
            let parameters = [&[&key as &dyn ToSql, &room], after].concat();
            let mut statement = connection.prepare_cached(sql)?;
            let texts = statement.query_map(&*parameters, |row| {
                Ok(Sealed {
                    text: row.get(0)?,
                    place: place(row)?,
                })
            })?;
            for text in texts {
                found.push(text?);
            }
            Ok::<(), rusqlite::Error>(())
        };
    let after = after.unwrap_or(Place::Mark);
    if let Some((tenant, action, name)) = match &after {
        Place::Mark => Some(("", "", "")),
        Place::Secret {
            tenant,
            action,
            name,
        } => Some((&**tenant, &**action, &**name)),
        _ => None,
    } {
        find(
            "SELECT sealed, tenant, action, name FROM secret
             WHERE substr(sealed, 2, 4) <> ?1 AND (tenant, action, name) > (?3, ?4, ?5)
             ORDER BY tenant, action, name LIMIT ?2",
            &[&tenant, &action, &name],
            |row| {
                Ok(Place::Secret {
                    tenant: row.get(1)?,
                    action: row.get(2)?,
                    name: row.get(3)?,
                })
            },
        )?;
    }
    if let Some((tenant, holder, name)) = match &after {
        Place::Mark | Place::Secret { .. } => Some(("", &[][..], "")),
        Place::HeldSecret {
            tenant,
            holder,
            name,
        } => Some((&**tenant, &holder[..], &**name)),
        _ => None,
    } {
        find(
            "SELECT sealed, tenant, holder, name FROM held_secret
             WHERE substr(sealed, 2, 4) <> ?1 AND (tenant, holder, name) > (?3, ?4, ?5)
             ORDER BY tenant, holder, name LIMIT ?2",
            &[&tenant, &holder, &name],
            |row| {
                Ok(Place::HeldSecret {
                    tenant: row.get(1)?,
                    holder: row.get(2)?,
                    name: row.get(3)?,
                })
            },
        )?;
    }
    if let Some(id) = match &after {
        Place::Mark | Place::Secret { .. } | Place::HeldSecret { .. } => Some(""),
        Place::SigningKey { id } => Some(&**id),
        _ => None,
    } {
        find(
            "SELECT sealed, id FROM signing_key
             WHERE substr(sealed, 2, 4) <> ?1 AND id > ?3 ORDER BY id LIMIT ?2",
            &[&id],
            |row| Ok(Place::SigningKey { id: row.get(1)? }),
        )?;
    }
    if let Some(tenant) = match &after {
        Place::Mark
        | Place::Secret { .. }
        | Place::HeldSecret { .. }
        | Place::SigningKey { .. } => Some(""),
        Place::Webhook { tenant } => Some(&**tenant),
        _ => None,
    } {
        find(
            "SELECT sealed, tenant FROM webhook
             WHERE substr(sealed, 2, 4) <> ?1 AND tenant > ?3 ORDER BY tenant LIMIT ?2",
            &[&tenant],
            |row| {
                Ok(Place::Webhook {
                    tenant: row.get(1)?,
                })
            },
        )?;
    }
    if let Some(tenant) = match &after {
        Place::Event { .. } | Place::PhoneProvider { .. } => None,
        Place::WebhookBefore { tenant } => Some(&**tenant),
        _ => Some(""),
    } {
        find(
            "SELECT sealed_before, tenant FROM webhook
             WHERE substr(sealed_before, 2, 4) <> ?1 AND tenant > ?3 ORDER BY tenant LIMIT ?2",
            &[&tenant],
            |row| {
                Ok(Place::WebhookBefore {
                    tenant: row.get(1)?,
                })
            },
        )?;
    }
    if let Some(tenant) = match &after {
        Place::Event { .. } => None,
        Place::PhoneProvider { tenant } => Some(&**tenant),
        _ => Some(""),
    } {
        find(
            "SELECT sealed, tenant FROM phone_provider
             WHERE substr(sealed, 2, 4) <> ?1 AND tenant > ?3 ORDER BY tenant LIMIT ?2",
            &[&tenant],
            |row| {
                Ok(Place::PhoneProvider {
                    tenant: row.get(1)?,
                })
            },
        )?;
    }
    let (tenant, id) = match &after {
        Place::Event { tenant, id } => (&**tenant, id.to_bytes().to_vec()),
        _ => ("", Vec::new()),
    };
    find(
        "SELECT payload, tenant, id FROM notification JOIN event ON event.notification = seq
         WHERE substr(payload, 2, 4) <> ?1 AND (tenant, id) > (?3, ?4)
         ORDER BY tenant, id LIMIT ?2",
        &[&tenant, &id],
        |row| {
            Ok(Place::Event {
                tenant: row.get(1)?,
                id: row.get(2).map(NotificationId::from_bytes)?,
            })
        },
    )?;
    Ok(found)
}

pub(super) fn replace(
    connection: &Connection,
    texts: &[(Sealed, Vec<u8>)],
) -> rusqlite::Result<u64> {
    let mut replaced = 0;
    for (Sealed { place, text }, anew) in texts {
        replaced += match place {
            Place::Event { tenant, id } => connection
                .prepare_cached(
                    "UPDATE event SET payload = ?4 WHERE payload = ?3
                     AND notification = (SELECT seq FROM notification WHERE tenant = ?1 AND id = ?2)",
                )?
                .execute(params![tenant, id.to_bytes(), text, anew])?,
            Place::Mark => connection
                .prepare_cached("UPDATE mark SET sealed = ?2 WHERE sealed = ?1")?
                .execute(params![text, anew])?,
            Place::PhoneProvider { tenant } => connection
                .prepare_cached(
                    "UPDATE phone_provider SET sealed = ?3 WHERE tenant = ?1 AND sealed = ?2",
                )?
                .execute(params![tenant, text, anew])?,
            Place::Secret {
                tenant,
                action,
                name,
            } => connection
                .prepare_cached(
                    "UPDATE secret SET sealed = ?5
                     WHERE tenant = ?1 AND action = ?2 AND name = ?3 AND sealed = ?4",
                )?
                .execute(params![tenant, action, name, text, anew])?,
            Place::HeldSecret {
                tenant,
                holder,
                name,
            } => connection
                .prepare_cached(
                    "UPDATE held_secret SET sealed = ?5
                     WHERE tenant = ?1 AND holder = ?2 AND name = ?3 AND sealed = ?4",
                )?
                .execute(params![tenant, holder, name, text, anew])?,
            Place::SigningKey { id } => connection
                .prepare_cached("UPDATE signing_key SET sealed = ?3 WHERE id = ?1 AND sealed = ?2")?
                .execute(params![id, text, anew])?,
            Place::Webhook { tenant } => connection
                .prepare_cached("UPDATE webhook SET sealed = ?3 WHERE tenant = ?1 AND sealed = ?2")?
                .execute(params![tenant, text, anew])?,
            Place::WebhookBefore { tenant } => connection
                .prepare_cached(
                    "UPDATE webhook SET sealed_before = ?3 WHERE tenant = ?1 AND sealed_before = ?2",
                )?
                .execute(params![tenant, text, anew])?,
        } as u64;
    }
    Ok(replaced)
}

pub(super) fn with(connection: &Connection) -> rusqlite::Result<Vec<([u8; 4], u64)>> {
    connection
        .prepare_cached(
            "SELECT key, count(*) FROM (
                SELECT substr(sealed, 2, 4) AS key FROM secret
                UNION ALL SELECT substr(sealed, 2, 4) FROM held_secret
                UNION ALL SELECT substr(payload, 2, 4) FROM event
                UNION ALL SELECT substr(sealed, 2, 4) FROM mark
                UNION ALL SELECT substr(sealed, 2, 4) FROM signing_key
                UNION ALL SELECT substr(sealed, 2, 4) FROM webhook
                UNION ALL SELECT substr(sealed, 2, 4) FROM phone_provider WHERE sealed IS NOT NULL
                UNION ALL SELECT substr(sealed_before, 2, 4) FROM webhook WHERE sealed_before IS NOT NULL
             ) WHERE length(key) = 4 GROUP BY key ORDER BY key",
        )?
        .query_map([], |row| {
            let count: i64 = row.get(1)?;
            Ok((row.get(0)?, count.unsigned_abs()))
        })?
        .collect()
}
