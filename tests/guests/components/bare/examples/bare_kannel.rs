//! As `examples/actions/kannel-rust`.

use phonebox_bare_guests::phonebox::action::types::DeliveryMethod;
use phonebox_bare_guests::{Answer, Event, Guest, Outcome, export, log_error, request, secret};

/// GSM 03.38 with its extension table, as ranges and single characters of Unicode.
fn is_gsm7(character: char) -> bool {
    match character {
        '`' => false,
        '\n' | '\u{c}' | '\r' | ' '..='~' => true,
        _ => "£¥èéùìòÇØøÅåΔΦΓΛΩΠΨΣΘΞÆæßÉ¤¡ÄÖÑÜ§¿äöñüà€".contains(character),
    }
}

struct Kannel;

impl Guest for Kannel {
    fn deliver(event: Event) -> Result<Outcome, String> {
        let message = event.notification;
        if message.delivery_method == DeliveryMethod::Voice {
            return Ok(Outcome::Drop(
                "kannel sends texts and cannot call".to_owned(),
            ));
        }
        let from = match message.from {
            Some(from) => from,
            None => secret("KANNEL_FROM")?,
        };
        let (username, password) = (secret("KANNEL_USERNAME")?, secret("KANNEL_PASSWORD")?);
        let coding = if message.as_text.chars().all(is_gsm7) {
            "0"
        } else {
            "2"
        };
        let answered = request(
            "POST",
            "http://kannel.example:13013/cgi-bin/sendsms".to_owned(),
            &[
                ("content-type", "text/plain; charset=UTF-8"),
                ("x-kannel-username", &username),
                ("x-kannel-password", &password),
                ("x-kannel-from", &from),
                ("x-kannel-to", &message.recipient),
                ("x-kannel-coding", coding),
            ],
            message.as_text,
            None,
        )?;
        let answer: Answer = match answered {
            Ok(response) => response.into(),
            Err(outcome) => return Ok(outcome),
        };
        let line = String::from_utf8_lossy(&answer.body);
        let status = answer.status;
        if answer.is_success() {
            return Ok(match line.split(':').next() {
                Some("0" | "3") => Outcome::Sent(None),
                _ => Outcome::Drop(format!("kannel answered {status} without accepting it")),
            });
        }
        if status == 403 && line.starts_with("Authorization failed") {
            log_error("kannel refused the credentials");
            return Ok(Outcome::Drop(
                "kannel: the credentials are wrong".to_owned(),
            ));
        }
        Ok(answer.failure(format!("kannel answered {status}")))
    }
}

export!(Kannel);
