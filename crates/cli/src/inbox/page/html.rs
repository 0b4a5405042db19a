//! The page as HTML. Everything that came from outside goes through maud, which escapes it.

use std::{net::SocketAddr, sync::Arc};

use jiff::tz::TimeZone;
use maud::{DOCTYPE, Markup, html};

use crate::inbox::{Channel, Failure, Message, RecordedAnswer, RecordedRequest};

/// Headers whose values are not shown: people share screens.
const MASKED: &[&str] = &[
    "authorization",
    "cookie",
    "proxy-authorization",
    "x-api-key",
];

pub(super) fn page(messages: &[Arc<Message>], failure: Failure, providers: SocketAddr) -> Markup {
    let last = messages.last().map_or(0, |message| message.id);
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { "phonebox inbox" }
                link rel="icon" href="data:,";
                link rel="stylesheet" href="/page.css";
                script src="/page.js" defer {}
            }
            body data-last=(last) {
                header {
                    h1 { "phonebox " span { "inbox" } }
                    p.where {
                        span #live data-state="still" { "reload to see more" }
                        " providers on " code { (providers) }
                    }
                    form #failure method="post" action="/failure" {
                        fieldset {
                            legend { "Answer as if" }
                            @for mode in Failure::ALL {
                                label {
                                    input type="radio" name="mode" value=(mode.as_str())
                                        checked[mode == failure];
                                    span { (failure_words(mode)) }
                                }
                            }
                            button type="submit" { "Set" }
                        }
                    }
                    form #clear method="post" action="/clear" { button type="submit" { "Clear" } }
                }
                main {
                    p #announce .unseen role="status" {}
                    ol #messages {
                        @for message in messages.iter().rev() { (self::message(message)) }
                    }
                    p.empty {
                        "No message yet. What an action sends to a provider arrives here."
                    }
                }
            }
        }
    }
}

const fn failure_words(failure: Failure) -> &'static str {
    match failure {
        Failure::None => "all is well",
        Failure::ServerError => "500",
        Failure::Timeout => "timeout",
        Failure::TooManyRequests => "429",
        Failure::WrongNumber => "wrong number",
    }
}

/// One message: the bubble, and beside it the request and its answer.
pub(super) fn message(message: &Message) -> Markup {
    let local = message.at.to_zoned(TimeZone::system());
    let heard = message.channel == Channel::Voice;
    html! {
        li data-id=(message.id) {
            article aria-label={ "Message " (message.id) } {
                div.phone data-accepted=(message.accepted) {
                    p.from {
                        span.avatar aria-hidden="true" { @if heard { "☎" } @else { "✉" } }
                        strong { (message.from.as_deref().unwrap_or(message.provider.as_str())) }
                        time datetime=(message.at) { (local.strftime("%H:%M:%S")) }
                    }
                    div.bubble.voice[heard] {
                        @if heard { span.kind { "Call, a voice says" } }
                        @match &message.text {
                            Some(text) => p { (text) },
                            None => p.none { "no text found in the request" },
                        }
                        @if let Some(code) = &message.code { span.kind { "Code " code { (code) } } }
                    }
                    p.to {
                        "to " (message.to.as_deref().unwrap_or("nobody"))
                        " "
                        span.verdict { (verdict(message)) }
                    }
                }
                (wire(&message.request, &message.answer, message.provider.as_str()))
            }
        }
    }
}

fn verdict(message: &Message) -> &'static str {
    match (message.accepted, message.answer.status) {
        (true, _) => "accepted",
        (false, Some(_)) => "refused",
        (false, None) => "never answered",
    }
}

fn wire(request: &RecordedRequest, answer: &RecordedAnswer, provider: &str) -> Markup {
    html! {
        div.wire {
            h2 { span.tag { (provider) } code { b { (request.method) } " " (request.url) } }
            @if !request.form.is_empty() {
                dl {
                    @for (name, value) in &request.form { dt { (name) } dd { (value) } }
                }
            } @else if !request.body.is_empty() {
                pre tabindex="0" { (indented(&request.body)) }
            }
            (headers(&request.headers))
        }
        div.wire {
            h2 {
                span.tag { "answer" }
                @match answer.status {
                    Some(status) => code { b { (status) } },
                    None => span { "none was given" },
                }
            }
            @if !answer.body.is_empty() { pre tabindex="0" { (indented(&answer.body)) } }
            @if !answer.headers.is_empty() { (headers(&answer.headers)) }
        }
    }
}

fn headers(headers: &[(String, String)]) -> Markup {
    html! {
        details {
            summary { "Headers" }
            dl {
                @for (name, value) in headers { dt { (name) } dd { (masked(name, value)) } }
            }
        }
    }
}

/// The value, or its scheme alone where the rest is a credential.
fn masked(name: &str, value: &str) -> String {
    if !MASKED.contains(&name) {
        return value.to_owned();
    }
    match value.split_once(' ') {
        Some((scheme, _)) if name.ends_with("authorization") => format!("{scheme} ••••••"),
        _ => "••••••".to_owned(),
    }
}

/// JSON with line breaks; anything else as it came.
fn indented(body: &str) -> String {
    serde_json::from_str::<serde_json::Value>(body)
        .and_then(|json| serde_json::to_string_pretty(&json))
        .unwrap_or_else(|_| body.to_owned())
}
