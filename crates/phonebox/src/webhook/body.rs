//! What a message says. No code, number or secret: reports hold none.

use jiff::Timestamp;
use phonebox_contract::{NotificationId, Status};
use phonebox_store::{Message, Notification, Time};
use serde::Serialize;
use serde_json::Value;

use super::Topic;

#[derive(Serialize)]
struct Body<'a> {
    r#type: &'static str,
    timestamp: Timestamp,
    data: Data<'a>,
}

#[derive(Serialize)]
struct Data<'a> {
    tenant: &'a str,
    id: NotificationId,
    status: Status,
    action: &'a str,
    attempts_begun: u32,
    accepted_at: Timestamp,
    expires_at: Timestamp,
    settled_at: Option<Timestamp>,
    replay_of: Option<NotificationId>,
    /// Why it was not sent, as the latest attempt says.
    reason: Option<String>,
    fault: Option<String>,
    /// Who accepted it, and under which name.
    provider: Option<String>,
    message_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    receipt: Option<Receipt<'a>>,
}

#[derive(Serialize)]
struct Receipt<'a> {
    number: u32,
    status: &'a str,
    provider_status: Option<&'a str>,
    error_code: Option<&'a str>,
    at: Option<Timestamp>,
    received_at: Timestamp,
}

/// The same over all attempts: of what is settled nothing changes any more. None where the receipt is not there.
pub(super) fn write(message: &Message, notification: &Notification) -> Option<String> {
    let Notification {
        item,
        attempts,
        receipts,
    } = notification;
    let receipt = match message.receipt {
        None => None,
        Some(number) => {
            let (received, receipt) = receipts.get(number.checked_sub(1)? as usize)?;
            Some(Receipt {
                number,
                status: &receipt.status,
                provider_status: receipt.provider_status.as_deref(),
                error_code: receipt.error_code.as_deref(),
                at: receipt.at.map(stamp),
                received_at: stamp(*received),
            })
        }
    };
    let report = attempts
        .last()
        .and_then(|last| serde_json::from_str::<Value>(&last.report).ok())
        .unwrap_or_default();
    let text = |pointer| Some(report.pointer(pointer)?.as_str()?.to_owned());
    let topic = match receipt {
        None => Topic::Settled,
        Some(_) => Topic::Receipt,
    };
    let body = Body {
        r#type: topic.as_str(),
        timestamp: stamp(message.made_at),
        data: Data {
            tenant: &message.tenant,
            id: item.id,
            status: item.status,
            action: &item.action,
            attempts_begun: item.attempts,
            accepted_at: stamp(item.accepted_at),
            expires_at: stamp(item.expires_at),
            settled_at: item.settled_at.map(stamp),
            replay_of: item.replay_of,
            reason: text("/outcome/reason").or_else(|| text("/error/message")),
            fault: text("/fault"),
            provider: text("/outcome/receipt/provider"),
            message_id: text("/outcome/receipt/message_id"),
            receipt,
        },
    };
    serde_json::to_string(&body).ok()
}

fn stamp(time: Time) -> Timestamp {
    let millis = i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
    Timestamp::from_millisecond(millis).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use phonebox_contract::{Outcome, Receipt};
    use phonebox_store::{Attempt, Hook, Item};
    use serde_json::json;

    use super::*;

    fn told(outcome: &Outcome, fault: &Value, status: Status) -> Value {
        let id = NotificationId::new();
        let at = Time::from_millis(1_700_000_000_000);
        let attempt = Attempt {
            number: 1,
            began: at,
            ended: at,
            report: json!({ "outcome": outcome, "error": null, "fault": fault }).to_string(),
        };
        let item = Item {
            id,
            action: "sms".to_owned(),
            status,
            attempts: 1,
            accepted_at: at,
            run_at: at,
            expires_at: at,
            settled_at: Some(at),
            replay_of: None,
        };
        let notification = Notification {
            item,
            attempts: vec![attempt],
            receipts: Vec::new(),
        };
        let mut message = Message {
            tenant: "acme".to_owned(),
            hook: Hook::default(),
            id: [1; 16],
            notification: id,
            receipt: None,
            made_at: at,
            attempt: 1,
        };
        let body = write(&message, &notification).unwrap();
        message.receipt = Some(1);
        assert_eq!(write(&message, &notification), None);
        serde_json::from_str(&body).unwrap()
    }

    #[test]
    fn says_who_accepted_it_or_why_nobody_did() {
        let receipt = Receipt {
            provider: "twilio".to_owned(),
            message_id: "SM1".to_owned(),
        };
        let sent = Outcome::Sent {
            receipt: Some(receipt),
        };
        let body = told(&sent, &Value::Null, Status::Sent);
        assert_eq!(body["type"], "notification.settled");
        assert_eq!(body["timestamp"], "2023-11-14T22:13:20Z");
        let data = &body["data"];
        assert_eq!(
            (&data["provider"], &data["message_id"]),
            (&json!("twilio"), &json!("SM1"))
        );
        assert_eq!(
            (&data["reason"], &data["fault"]),
            (&Value::Null, &Value::Null)
        );

        let drop = Outcome::Drop {
            reason: "blocked".to_owned(),
        };
        let body = told(&drop, &json!("provider"), Status::Dropped);
        let data = &body["data"];
        assert_eq!(
            (&data["status"], &data["provider"]),
            (&json!("dropped"), &Value::Null)
        );
        assert_eq!(
            (&data["reason"], &data["fault"]),
            (&json!("blocked"), &json!("provider"))
        );
    }
}
