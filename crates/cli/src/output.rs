//! The only place that prints.

use std::fmt::Display;

use anstream::{eprintln, print, println};
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

    /// A text for other programs, whatever the format.
    pub(crate) fn plain(self, text: &str) {
        print!("{text}");
    }

    /// A list: a table with these headings, or what the server said of it as JSON. That it is empty is said.
    pub(crate) fn list<const N: usize>(
        self,
        headings: [&str; N],
        rows: impl IntoIterator<Item = [String; N]>,
        json: &impl Serialize,
    ) {
        if !self.is_human() {
            return self.json(json);
        }
        let rows: Vec<_> = rows.into_iter().collect();
        if rows.is_empty() {
            return self.say("there are none");
        }
        let headings = headings.map(ToOwned::to_owned);
        let mut widths = [0; N];
        for row in [&headings].into_iter().chain(&rows) {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.chars().count().max(*width);
            }
        }
        let line = |row: &[String; N]| {
            let cells = row.iter().zip(widths);
            let cells = cells.map(|(cell, width)| format!("{cell:width$}"));
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        };
        println!("{BOLD}{}{BOLD:#}", line(&headings));
        for row in &rows {
            println!("{}", line(row));
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
