//! What happens to a tenant's notifications, as it happens (server-sent events).

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use phonebox::{Happened, NotificationId, Scope, Sensitive, Status, Tail};
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use utoipa::{IntoParams, ToSchema};

use crate::caller::{Asking, NotKnown};
use crate::names::Asked;
use crate::notifications::{ShownAttempt, WaitsFor};
use crate::openapi::StatusName;
use crate::{App, Problem};

/// How often a sign of life is sent where nothing happens, and how long a revoked key still sees something.
const ALIVE: Duration = Duration::from_secs(15);

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Wanted {
    /// Only what happens to this one.
    #[param(value_type = Option<String>)]
    notification: Option<NotificationId>,
}

/// An attempt that ended.
#[derive(Serialize, ToSchema)]
pub(crate) struct AttemptEnded<'a> {
    #[schema(value_type = String)]
    notification: NotificationId,
    #[serde(flatten)]
    attempt: &'a ShownAttempt,
}

/// Where a notification stands from now on.
#[derive(Serialize, ToSchema)]
pub(crate) struct Stands {
    #[schema(value_type = String)]
    notification: NotificationId,
    #[schema(value_type = StatusName)]
    status: Status,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    waits_for: Option<WaitsFor>,
}

/// How many events were not sent, because they were not read in time.
#[derive(Serialize, ToSchema)]
pub(crate) struct Missed {
    count: u64,
}

/// What happens from now on, as server-sent events: `attempt` (`AttemptEnded`), `status` (`Stands`) and, to who reads slowly,
/// `missed` (`Missed`). There is nothing to go back to: `Last-Event-ID` does nothing. It ends when phonebox does.
#[utoipa::path(get, path = "/v1/tail", tag = "notifications", params(Wanted),
    responses((status = 200, description = "Events without an end", body = String, content_type = "text/event-stream")))]
pub(crate) async fn tail(
    State(app): State<App>,
    asking: Asking,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Response, Problem> {
    let tenant = asking.tenant(&app, Scope::NotificationsRead)?;
    let Query(Wanted { notification }) = wanted?;
    let tail = tenant.tail().map_err(|error| {
        let status = StatusCode::TOO_MANY_REQUESTS;
        Problem::new(status, "too_many_tails", error.to_string())
            .hint("close another one, or share one")
    })?;
    let watching = Watching {
        app,
        key: asking.key,
        asked: asking.asked,
        tail,
        notification,
    };
    let mut alive = interval_at(Instant::now() + ALIVE, ALIVE);
    alive.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let events = stream::unfold((watching, alive), async |(mut watching, mut alive)| {
        let event = loop {
            tokio::select! {
                happened = watching.tail.next() => {
                    if let Some(event) = watching.event(&*happened?) {
                        break event;
                    }
                }
                _ = alive.tick() => {
                    if watching.is_welcome().await {
                        break Event::default().comment("");
                    }
                    return None;
                }
            }
        };
        Some((Ok::<_, Infallible>(event), (watching, alive)))
    });
    // For a proxy that would collect the answer before it passes it on.
    let unbuffered = [("x-accel-buffering", "no")];
    Ok((unbuffered, Sse::new(events)).into_response())
}

/// Somebody who watches.
struct Watching {
    app: App,
    key: Sensitive,
    asked: Asked,
    tail: Tail,
    /// The only one that they want to see.
    notification: Option<NotificationId>,
}

impl Watching {
    fn event(&self, happened: &Happened) -> Option<Event> {
        let wanted = |id| self.notification.is_none_or(|wanted| wanted == id);
        let event = match happened {
            Happened::Attempt(id, attempt) if wanted(*id) => {
                Event::default().event("attempt").json_data(AttemptEnded {
                    notification: *id,
                    attempt: &ShownAttempt::new(attempt.clone()),
                })
            }
            Happened::Status(id, status) if wanted(*id) => {
                Event::default().event("status").json_data(Stands {
                    notification: *id,
                    status: *status,
                    waits_for: None,
                })
            }
            Happened::PutOff(id, left) if wanted(*id) => {
                Event::default().event("status").json_data(Stands {
                    notification: *id,
                    status: Status::Queued,
                    waits_for: Some(left.into()),
                })
            }
            Happened::Missed(count) => Event::default()
                .event("missed")
                .json_data(Missed { count: *count }),
            _ => return None,
        };
        event.ok()
    }

    /// Whether its key still is one.
    async fn is_welcome(&self) -> bool {
        match self.app.authenticate(&self.asked, self.key.reveal()).await {
            Ok(caller) => caller.may(Scope::NotificationsRead),
            Err(NotKnown::Nobody(_)) => false,
            // Others will tell.
            Err(NotKnown::Store(_)) => true,
        }
    }
}
