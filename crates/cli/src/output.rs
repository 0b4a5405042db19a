//! The only place that prints.

use std::fmt::Display;

use anstream::{eprintln, println};
use anstyle::{AnsiColor, Style};
use serde::Serialize;

use crate::args::Format;
use crate::failure::{Code, Failure};

pub(crate) const BOLD: Style = Style::new().bold();
pub(crate) const DIM: Style = Style::new().dimmed();
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
pub(crate) const BAD: Style = AnsiColor::Red.on_default();
pub(crate) const NOTE: Style = AnsiColor::Yellow.on_default();

/// Where the program speaks: results to standard output, talk to standard error. Colours only where a terminal is, and not
/// with `NO_COLOR`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    format: Format,
}

#[expect(
    clippy::unused_self,
    reason = "whoever speaks must have been handed the voice"
)]
impl Output {
    pub(crate) fn new(format: Format) -> Self {
        Self { format }
    }

    /// Whether people read the results.
    pub(crate) fn is_human(self) -> bool {
        self.format == Format::Human
    }

    /// A result: one as text, one as JSON.
    pub(crate) fn result(self, text: impl Display, json: &impl Serialize) {
        match self.format {
            Format::Human => println!("{text}"),
            Format::Json => self.json(json),
        }
    }

    /// One line of JSON, whatever the format.
    pub(crate) fn json(self, json: &impl Serialize) {
        println!(
            "{}",
            serde_json::to_string(json).expect("every key is a string")
        );
    }

    /// A step that was begun or done.
    pub(crate) fn step(self, what: &str, text: impl Display) {
        eprintln!("{BOLD}{what:>10}{BOLD:#}  {text}");
    }

    /// Talk without a heading.
    pub(crate) fn say(self, text: impl Display) {
        eprintln!("{text}");
    }

    /// Why nothing came of it.
    pub(crate) fn failure(self, failure: &Failure) {
        if self.format == Format::Json {
            #[derive(Serialize)]
            struct Error<'a> {
                error: &'a Failure,
                exit_code: Code,
            }
            self.json(&Error {
                error: failure,
                exit_code: failure.code,
            });
        }
        eprintln!("{BAD}error{BAD:#}: {}", failure.message);
        if let Some(hint) = &failure.hint {
            eprintln!(" {NOTE}hint{NOTE:#}: {hint}");
        }
    }
}

impl Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(*self as u8)
    }
}
