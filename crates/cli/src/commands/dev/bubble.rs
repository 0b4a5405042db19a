use std::fmt::Write as _;

use crate::inbox::{Channel, Message};
use crate::output::{BAD, BOLD, DIM};

/// The widest that a bubble's text gets, in characters.
const WIDTH: usize = 46;

/// A message as a phone shows it.
pub(super) fn bubble(message: &Message) -> String {
    let kind = match message.channel {
        Channel::Text => "SMS",
        Channel::Voice => "call",
    };
    let to = message.to.as_deref().unwrap_or("nobody");
    let from = message
        .from
        .as_deref()
        .map(|from| format!(" from {from}"))
        .unwrap_or_default();
    let mut lines = vec![String::new()];
    let text = message
        .text
        .as_deref()
        .or(message.code.as_deref())
        .unwrap_or("(no text)");
    for word in text.split_whitespace() {
        let line = lines.last_mut().expect("there is always a line");
        if !line.is_empty() && line.chars().count() + word.chars().count() >= WIDTH {
            lines.push(word.to_owned());
        } else {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    let width = lines
        .iter()
        .map(|line| line.chars().count())
        .max()
        .unwrap_or(0);
    let mut bubble = format!("            {DIM}{kind} to {to}{from}{DIM:#}");
    if !message.accepted {
        let answer = message
            .answer
            .status
            .map_or("nothing".to_owned(), |status| status.to_string());
        write!(bubble, " {BAD}refused: the inbox answered {answer}{BAD:#}").expect("a String");
    }
    let edge = "─".repeat(width + 2);
    write!(bubble, "\n            ╭{edge}╮").expect("a String");
    for line in lines {
        // A terminal must not be steered by what a request says.
        let line: String = line.chars().filter(|letter| !letter.is_control()).collect();
        write!(bubble, "\n            │ {BOLD}{line:<width$}{BOLD:#} │").expect("a String");
    }
    write!(bubble, "\n            ╰{edge}╯").expect("a String");
    bubble
}
