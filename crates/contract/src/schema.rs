//! Version 1 of the event's contract as a table, and the check against it. Source: Auth0's JSON Schema of trigger events
//! and the reference page of the custom phone provider's event object.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

use crate::PhoneNumber;

/// One way in which an event breaks the contract. It names the field and never repeats its value.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Violation {
    /// Where, for example `notification.code`.
    pub path: String,
    /// What is wrong, and what is expected.
    pub problem: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.path, self.problem)
    }
}

/// An object of the contract: where it is, what it must have, what it may have, and whether more is allowed.
struct Object {
    path: &'static str,
    required: &'static [&'static str],
    optional: &'static [&'static str],
    open: bool,
}

const OBJECTS: &[Object] = &[
    Object {
        path: "",
        required: &["client", "notification", "request", "tenant", "user"],
        optional: &["connection", "custom_domain", "organization", "transaction"],
        open: false,
    },
    Object {
        path: "client",
        required: &["client_id", "metadata", "name"],
        optional: &[],
        open: false,
    },
    Object {
        path: "connection",
        required: &["id", "name", "strategy"],
        optional: &["metadata"],
        open: false,
    },
    Object {
        path: "custom_domain",
        required: &["domain", "domain_metadata"],
        optional: &[],
        open: false,
    },
    Object {
        path: "notification",
        required: &[
            "as_text",
            "as_voice",
            "delivery_method",
            "message_type",
            "recipient",
        ],
        optional: &["code", "from", "locale"],
        open: false,
    },
    Object {
        path: "organization",
        required: &["display_name", "id", "metadata", "name"],
        optional: &[],
        open: true,
    },
    Object {
        path: "request",
        required: &["geoip", "ip", "method"],
        optional: &["hostname", "language", "user_agent"],
        open: false,
    },
    Object {
        path: "tenant",
        required: &["id"],
        optional: &[
            "friendly_name",
            "home_url",
            "logo_url",
            "support_email",
            "support_url",
        ],
        open: false,
    },
    Object {
        path: "transaction",
        required: &[],
        optional: &["correlation_id"],
        open: false,
    },
    Object {
        path: "user",
        required: &[
            "app_metadata",
            "created_at",
            "email_verified",
            "updated_at",
            "user_id",
            "user_metadata",
        ],
        optional: &[],
        open: true,
    },
];

/// The longest that a text may be, in characters.
const LIMITS: &[(&str, usize)] = &[
    ("notification.as_text", 1024),
    ("notification.as_voice", 1024),
    ("notification.code", 20),
    ("notification.from", 16),
    ("notification.locale", 15),
    ("tenant.friendly_name", 1024),
    ("tenant.home_url", 1024),
    ("tenant.logo_url", 1024),
    ("tenant.support_email", 1024),
    ("tenant.support_url", 1024),
];

/// Required texts that say nothing when they are empty.
const NOT_EMPTY: &[&str] = &[
    "client.client_id",
    "client.name",
    "connection.id",
    "connection.name",
    "connection.strategy",
    "custom_domain.domain",
    "notification.as_text",
    "notification.as_voice",
    "organization.display_name",
    "organization.id",
    "organization.name",
    "request.ip",
    "request.method",
    "tenant.id",
    "user.created_at",
    "user.updated_at",
    "user.user_id",
];

/// Texts that are times.
const TIMES: &[&str] = &[
    "user.created_at",
    "user.last_password_reset",
    "user.updated_at",
];

/// All violations of the contract in this event, in the order of the tables above.
pub(crate) fn check(event: &Value) -> Vec<Violation> {
    let mut violations = Vec::new();
    let mut violation = |path: &str, problem: String| {
        violations.push(Violation {
            path: path.to_owned(),
            problem,
        });
    };
    for object in OBJECTS {
        let Some(value) = at(event, object.path).and_then(Value::as_object) else {
            continue;
        };
        let path = |field: &str| match object.path {
            "" => field.to_owned(),
            parent => format!("{parent}.{field}"),
        };
        for field in object
            .required
            .iter()
            .filter(|field| !value.contains_key(**field))
        {
            violation(&path(field), "is missing".to_owned());
        }
        let known =
            |field: &str| object.required.contains(&field) || object.optional.contains(&field);
        for field in value.keys().filter(|field| !object.open && !known(field)) {
            violation(&path(field), "is not a field of the contract".to_owned());
        }
    }
    let text = |path: &str| at(event, path).and_then(Value::as_str);
    for path in NOT_EMPTY {
        if text(path) == Some("") {
            violation(path, "is empty".to_owned());
        }
    }
    for (path, limit) in LIMITS {
        let length = text(path).map_or(0, |text| text.chars().count());
        if length > *limit {
            violation(
                path,
                format!("has {length} characters, and the limit is {limit}"),
            );
        }
    }
    for path in TIMES {
        if text(path).is_some_and(|text| !text.is_empty() && !is_date_time(text)) {
            violation(
                path,
                "is not a time in RFC 3339, as in 2026-01-31T12:00:00Z".to_owned(),
            );
        }
    }
    let is_otp = text("notification.message_type").is_some_and(|kind| kind.starts_with("otp_"));
    match text("notification.code") {
        Some("") => violation("notification.code", "is empty".to_owned()),
        Some(_) if !is_otp => {
            violation(
                "notification.code",
                "belongs to otp_verify and otp_enroll only".to_owned(),
            );
        }
        None if is_otp => {
            violation(
                "notification.code",
                "is missing, and the type of message is about a code".to_owned(),
            );
        }
        _ => {}
    }
    if let Some(Err(error)) = text("notification.from").map(str::parse::<PhoneNumber>) {
        violation("notification.from", format!("is not in E.164: {error}"));
    }
    violations
}

/// Whether a text has the shape of RFC 3339's `date-time`. Calendars are not consulted.
fn is_date_time(text: &str) -> bool {
    let digit = |c: char| if c.is_ascii_digit() { '0' } else { c };
    let shape: String = text.chars().map(digit).collect();
    let Some(rest) = shape.strip_prefix("0000-00-00T00:00:00") else {
        return false;
    };
    let zone = match rest.strip_prefix(".0") {
        Some(fraction) => fraction.trim_start_matches('0'),
        None => rest,
    };
    matches!(zone, "Z" | "+00:00" | "-00:00")
}

/// The value at a path such as `notification.code`.
fn at<'a>(event: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.')
        .filter(|field| !field.is_empty())
        .try_fold(event, |value, field| value.get(field))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_from_other_texts() {
        for time in [
            "2026-01-31T12:00:00Z",
            "2019-12-10T13:41:09.938Z",
            "2026-01-31T12:00:00+05:30",
            "2026-01-31T12:00:00.000000001-08:00",
        ] {
            assert!(is_date_time(time), "{time}");
        }
        for other in [
            "yesterday",
            "2026-01-31",
            "2026-01-31T12:00:00",
            "2026-01-31 12:00:00Z",
            "2026-01-31T12:00:00.Z",
            "2026-01-31T12:00:00Z ",
            "2026-01-31T12:00:00+0530",
            "2026-01-31T12:00:00٠Z",
        ] {
            assert!(!is_date_time(other), "{other}");
        }
    }
}
