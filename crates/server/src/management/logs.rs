//! The tenant's log: what was not sent and why, what was refused, what was asked here.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use phonebox::Scope;
use phonebox::store::{LogId, LogItem, Logs, Matches};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::{IntoParams, ToSchema};

use super::page::only_fields;
use super::search;
use super::{Managing, Path, Query, Refusal};
use crate::App;

/// Entries of a page, unless the caller says, and at the most.
const PER_PAGE: [usize; 2] = [50, 100];
/// What is said of an entry of which nothing more is known.
const BARE: &str = "it was not sent";

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Wanted {
    /// Which page, from 0.
    page: Option<usize>,
    /// Entries of a page: 50 unless said.
    #[param(maximum = 100)]
    per_page: Option<usize>,
    /// `date:-1`, the latest first, unless it is `date:1`.
    #[param(pattern = "^date:-?1$")]
    sort: Option<String>,
    /// Names of what is to be there of each entry, or not to be there, with commas between them.
    fields: Option<String>,
    /// Whether `fields` are those to be there, as they are unless said.
    include_fields: Option<bool>,
    /// Whether how many there are is told, too.
    include_totals: Option<bool>,
    /// Those after the entry of this id, the earliest first.
    from: Option<String>,
    /// Most of those.
    #[param(minimum = 1, maximum = 100)]
    take: Option<usize>,
    /// What is searched for, as in `type:fn AND date:[2026-01-31 TO *]`: fields with their values, which may have a `*`, joined by AND, OR, NOT and brackets.
    q: Option<String>,
    /// The same.
    search: Option<String>,
}

/// An entry of the log. `fields` may leave out any of it.
#[derive(Serialize, ToSchema)]
#[schema(as = LogEntry)]
struct Shape {
    #[schema(required = false)]
    log_id: String,
    /// The same.
    #[schema(required = false)]
    _id: String,
    #[schema(required = false)]
    date: Timestamp,
    /// `fn`: a notification was not sent; `wn`: it is tried again; `actions_execution_failed`: an attempt has no outcome;
    /// `limit_phone`: a notification was refused; `sapi`, `fapi`: a change was asked for here, and made or not.
    #[schema(required = false)]
    r#type: String,
    #[schema(required = false)]
    description: String,
    /// The token or key by which a change was asked for.
    #[schema(required = false)]
    client_id: String,
    #[schema(required = false)]
    client_name: String,
    #[schema(required = false)]
    ip: String,
    #[schema(required = false)]
    user_agent: String,
    #[schema(required = false, rename = "isMobile")]
    is_mobile: bool,
    /// Numbers in it are masked, and there are no codes.
    #[schema(required = false)]
    details: Map<String, Value>,
}

/// Entries, and with `include_totals` how many there are.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = Logs)]
#[expect(dead_code, reason = "it says what is made of JSON")]
enum ListShape {
    All(Vec<Shape>),
    Page(PageShape),
}

#[derive(Serialize, ToSchema)]
#[schema(as = LogsWithTotals)]
struct PageShape {
    start: usize,
    limit: usize,
    length: usize,
    total: u64,
    logs: Vec<Shape>,
}

/// The latest first, unless asked for otherwise.
#[utoipa::path(get, path = "/logs", operation_id = "list_logs", tag = "management", params(Wanted),
    responses((status = 200, description = "With `include_totals`, and without `from` and `take`, an object", body = ListShape)))]
pub(crate) async fn list(
    State(app): State<App>,
    managing: Managing,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Refusal> {
    let tenant = managing.tenant_by_any(&app, &[Scope::ReadLogs, Scope::ReadLogsUsers])?;
    let (logs, page) = wanted.logs()?;
    let (start, limit) = (logs.skip, logs.most);
    let (found, total) = tenant.logs(logs).await?;
    let logs: Vec<Value> = found
        .into_iter()
        .map(|item| {
            only_fields(wanted.fields.as_deref(), wanted.include_fields, shown(item)).into()
        })
        .collect();
    let listed = match total.filter(|_| page) {
        None => json!(logs),
        Some(total) => json!({
            "start": start,
            "limit": limit,
            "length": logs.len(),
            "total": total,
            "logs": logs,
        }),
    };
    Ok(Json(listed).into_response())
}

#[utoipa::path(get, path = "/logs/{id}", operation_id = "show_log", tag = "management",
    params(("id" = String, Path, description = "Its `log_id`")),
    responses((status = 200, description = "It", body = Shape)))]
pub(crate) async fn show(
    State(app): State<App>,
    managing: Managing,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    let tenant = managing.tenant_by_any(&app, &[Scope::ReadLogs, Scope::ReadLogsUsers])?;
    let found = match id.parse() {
        Ok(id) => tenant.log_entry(id).await?,
        Err(_) => None,
    };
    let found = found
        .ok_or_else(|| Refusal::not_found("There is no such log entry.").code("inexistent_log"))?;
    Ok(Json(shown(found)).into_response())
}

impl Wanted {
    /// What is asked of the store, and whether a page is answered that says how many there are.
    fn logs(&self) -> Result<(Logs, bool), Refusal> {
        let invalid = |fault: &str| Refusal::invalid_uri(fault);
        let [usual, most] = PER_PAGE;
        for (name, number, least) in [("per_page", self.per_page, 0), ("take", self.take, 1)] {
            if let Some(number) = number
                && !(least..=most).contains(&number)
            {
                return Err(invalid(&format!("{name} is {least} to {most}")));
            }
        }
        let latest_first = match self.sort.as_deref() {
            None | Some("" | "date:-1") => true,
            Some("date:1") => false,
            Some(_) => return Err(invalid("sort is date:-1 or date:1")),
        };
        let searches = [&self.q, &self.search].into_iter().flatten();
        let mut all = Vec::new();
        for search in searches {
            all.extend(search::parse(search).map_err(|fault| invalid(&fault))?);
        }
        let only = (!all.is_empty()).then_some(Matches::All(all));
        let after = self.from.as_deref().map(str::parse::<LogId>).transpose();
        let after = after.map_err(|_| invalid("from is the log_id of an entry"))?;
        if after.is_some() || self.take.is_some() {
            let logs = Logs {
                only,
                after,
                latest_first: false,
                skip: 0,
                most: self.take.unwrap_or(usual),
                count: false,
            };
            return Ok((logs, false));
        }
        let per_page = self.per_page.unwrap_or(usual);
        let page = self.include_totals.unwrap_or(false);
        let logs = Logs {
            only,
            after,
            latest_first,
            skip: self.page.unwrap_or(0).saturating_mul(per_page),
            most: per_page,
            count: page,
        };
        Ok((logs, page))
    }
}

fn shown(item: LogItem) -> Map<String, Value> {
    let text = item
        .text
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_else(|| {
            let mut bare = Map::new();
            bare.insert("description".to_owned(), BARE.into());
            bare
        });
    let mut shown: Map<String, Value> = text;
    let id = item.id.to_string();
    let date = i64::try_from(item.at.as_millis())
        .ok()
        .and_then(|millis| Timestamp::from_millisecond(millis).ok())
        .map(|date| format!("{date:.3}"));
    for (name, value) in [
        ("log_id", json!(id)),
        ("_id", json!(id)),
        ("type", json!(item.kind)),
        ("date", json!(date)),
    ] {
        shown.insert(name.to_owned(), value);
    }
    shown
}
