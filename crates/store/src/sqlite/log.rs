//! Tenants' logs.

use std::fmt::Write as _;

use phonebox_contract::NotificationId;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _, Row, params, params_from_iter};

use super::{sql, time};
use crate::log::{About, LogEntry, LogId, LogItem, Logs, Matches, What};
use crate::time::Time;

/// The type of what the store itself settles, other than by sending it.
const FAILED: &str = "fn";
/// Most entries that one call erases.
const ERASED: u32 = 1000;
const ITEM: &str = "SELECT seq, tag, at, type, notification, text FROM log WHERE tenant = ?1";

pub(super) fn keep(
    connection: &Connection,
    now: Time,
    tenant: &str,
    entry: &LogEntry,
) -> rusqlite::Result<()> {
    let LogEntry {
        about,
        kind,
        notification,
        text,
    } = entry;
    insert(
        connection,
        now,
        tenant,
        *about,
        kind,
        *notification,
        Some(text),
    )
}

/// Of a notification that the store itself settled. [`explain`] says more of it.
pub(super) fn keep_failed(
    connection: &Connection,
    now: Time,
    tenant: &str,
    notification: NotificationId,
) -> rusqlite::Result<()> {
    let of = Some(notification);
    insert(connection, now, tenant, About::Delivery, FAILED, of, None)
}

fn insert(
    connection: &Connection,
    now: Time,
    tenant: &str,
    about: About,
    kind: &str,
    notification: Option<NotificationId>,
    text: Option<&str>,
) -> rusqlite::Result<()> {
    // Later than all before it, and never one that was there before, though all of those may be erased.
    let place: i64 = connection
        .prepare_cached(
            "INSERT INTO log (seq, tag, tenant, at, about, place, type, notification, text) VALUES (
                max(?2 * 1000, coalesce((SELECT max(seq) + 1 FROM log), 0)), random(), ?1, ?2, ?3,
                coalesce((SELECT max(place) + 1 FROM log WHERE tenant = ?1 AND about = ?3), 1), ?4, ?5, ?6
             )
             RETURNING place",
        )?
        .query_row(
            params![
                tenant,
                sql(now),
                about.as_str(),
                kind,
                notification.map(NotificationId::to_bytes),
                text,
            ],
            |row| row.get(0),
        )?;
    connection
        .prepare_cached("DELETE FROM log WHERE tenant = ?1 AND about = ?2 AND place <= ?3")?
        .execute(params![
            tenant,
            about.as_str(),
            place - i64::from(LogEntry::MOST),
        ])?;
    Ok(())
}

pub(super) fn explain(
    connection: &Connection,
    tenant: &str,
    notification: NotificationId,
    text: &str,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE log SET text = ?3 WHERE tenant = ?1 AND notification = ?2 AND text IS NULL",
        )?
        .execute(params![tenant, notification.to_bytes(), text])
        .map(drop)
}

pub(super) fn erase(connection: &Connection, before: Time) -> rusqlite::Result<u64> {
    let erased = connection
        .prepare_cached(
            "DELETE FROM log WHERE seq IN (SELECT seq FROM log WHERE seq < ?1 * 1000 LIMIT ?2)",
        )?
        .execute(params![sql(before), ERASED])?;
    Ok(erased as u64)
}

pub(super) fn entry(
    connection: &Connection,
    tenant: &str,
    id: LogId,
) -> rusqlite::Result<Option<LogItem>> {
    connection
        .prepare_cached(&format!("{ITEM} AND seq = ?2 AND tag = ?3"))?
        .query_row(
            params![tenant, id.seq.cast_signed(), id.tag.cast_signed()],
            item,
        )
        .optional()
}

/// Gives what was asked for, and how many there are of the kind, if that was.
pub(super) fn entries(
    connection: &Connection,
    tenant: &str,
    logs: &Logs,
) -> rusqlite::Result<(Vec<LogItem>, Option<u64>)> {
    let mut where_ = Where {
        sql: String::new(),
        values: vec![tenant.to_owned().into()],
    };
    if let Some(after) = logs.after {
        let seq = where_.value(after.seq.cast_signed());
        where_.sql = format!(" AND seq > {seq}");
    }
    if let Some(only) = &logs.only {
        where_.sql.push_str(" AND ");
        where_.matches(only);
    }
    // One snapshot for both.
    let connection = connection.unchecked_transaction()?;
    let count = |where_: &Where| -> rusqlite::Result<u64> {
        let count = format!("SELECT count(*) FROM log WHERE tenant = ?1{}", where_.sql);
        let values = params_from_iter(&where_.values);
        let count = connection.query_row(&count, values, |row| row.get::<_, i64>(0))?;
        Ok(count.unsigned_abs())
    };
    let total = logs.count.then(|| count(&where_)).transpose()?;
    let number = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
    let (most, skip) = (
        where_.value(number(logs.most)),
        where_.value(number(logs.skip)),
    );
    let order = if logs.latest_first { "DESC" } else { "ASC" };
    let found = connection
        .prepare(&format!(
            "{ITEM}{} ORDER BY seq {order} LIMIT {most} OFFSET {skip}",
            where_.sql
        ))?
        .query_map(params_from_iter(where_.values), item)?
        .collect::<rusqlite::Result<_>>()?;
    Ok((found, total))
}

/// A condition, and what its parameters stand for.
struct Where {
    sql: String,
    values: Vec<Value>,
}

impl Where {
    /// A parameter that stands for this.
    fn value(&mut self, value: impl Into<Value>) -> String {
        self.values.push(value.into());
        format!("?{}", self.values.len())
    }

    fn matches(&mut self, matches: &Matches) {
        match matches {
            Matches::All(all) => self.joined(all, "AND", "TRUE"),
            Matches::Any(any) => self.joined(any, "OR", "FALSE"),
            Matches::Not(not) => {
                self.sql.push_str("NOT ");
                self.matches(not);
            }
            Matches::Within(from, before) => {
                self.sql.push_str("(TRUE");
                for (bound, than) in [(from, ">="), (before, "<")] {
                    if let Some(bound) = bound {
                        let bound = self.value(sql(*bound));
                        self.push(format_args!(" AND at {than} {bound}"));
                    }
                }
                self.sql.push(')');
            }
            Matches::Is(what, parts) => {
                let what = self.what(what);
                if let [whole] = &**parts {
                    let whole = self.value(whole.clone());
                    self.push(format_args!(
                        "coalesce({what} = {whole} COLLATE NOCASE, FALSE)"
                    ));
                    return;
                }
                let parts: Vec<_> = parts.iter().map(|part| escaped(part)).collect();
                let pattern = self.value(parts.join("%"));
                self.push(format_args!(
                    r"coalesce({what} LIKE {pattern} ESCAPE '\', FALSE)"
                ));
            }
            Matches::Has(what) => {
                let what = self.what(what);
                self.push(format_args!("{what} IS NOT NULL"));
            }
        }
    }

    fn joined(&mut self, all: &[Matches], by: &str, none: &str) {
        self.sql.push('(');
        for (index, one) in all.iter().enumerate() {
            if index > 0 {
                self.push(format_args!(" {by} "));
            }
            self.matches(one);
        }
        if all.is_empty() {
            self.sql.push_str(none);
        }
        self.sql.push(')');
    }

    fn what(&mut self, what: &What) -> String {
        match what {
            What::Id => "printf('%016x%016x', seq, tag)".to_owned(),
            What::Kind => "type".to_owned(),
            What::Text(names) => {
                let names = names
                    .iter()
                    .map(|name| format!(".\"{}\"", name.replace('"', "")));
                let path = self.value(format!("${}", names.collect::<String>()));
                format!("CAST(json_extract(text, {path}) AS TEXT)")
            }
        }
    }

    fn push(&mut self, text: std::fmt::Arguments<'_>) {
        self.sql.write_fmt(text).expect("a string takes all");
    }
}

/// A text as `LIKE` takes it for itself.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(character, '%' | '_' | '\\') {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

fn item(row: &Row<'_>) -> rusqlite::Result<LogItem> {
    Ok(LogItem {
        id: LogId {
            seq: row.get::<_, i64>(0)?.cast_unsigned(),
            tag: row.get::<_, i64>(1)?.cast_unsigned(),
        },
        at: time(row.get(2)?)?,
        kind: row.get(3)?,
        notification: row
            .get::<_, Option<[u8; 16]>>(4)?
            .map(NotificationId::from_bytes),
        text: row.get(5)?,
    })
}
