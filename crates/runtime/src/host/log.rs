use std::mem;

use crate::bindings::phonebox::action::log::{Host, Level as WitLevel};
use crate::report::{Level, LogLine};
use crate::sandbox::{Record, State, lock};

/// Lines kept of one run.
const LINES: usize = 64;
/// A line's length in bytes.
const LINE: usize = 1024;
/// All lines together, in bytes.
const TOTAL: usize = 16 << 10;
/// Points for one line, beside the one for the call.
const POINTS: u64 = 5;

/// What a run has logged so far.
#[derive(Default)]
pub(crate) struct Log {
    lines: Vec<LogLine>,
    bytes: usize,
    dropped: u64,
    /// What standard output and standard error have of a line that has not ended.
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

impl Host for State {
    fn write(&mut self, level: WitLevel, message: String) -> wasmtime::Result<()> {
        self.calls.charge(POINTS)?;
        let mut log = lock(&self.record.log);
        for line in message.lines() {
            log.push(level.into(), line, &self.record);
        }
        Ok(())
    }
}

impl Log {
    /// Adds bytes of a standard stream; each line end makes a line.
    pub(crate) fn stream(&mut self, level: Level, bytes: &[u8], record: &Record) {
        let mut pending = mem::take(self.pending(level));
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            let room = LINE.saturating_sub(pending.len());
            pending.extend(part.strip_suffix(b"\n").unwrap_or(part).iter().take(room));
            if part.ends_with(b"\n") {
                self.push(level, &String::from_utf8_lossy(&pending), record);
                pending.clear();
            }
        }
        *self.pending(level) = pending;
    }

    /// Takes the lines, and how many were dropped.
    pub(crate) fn finish(&mut self, record: &Record) -> (Vec<LogLine>, u64) {
        for level in [Level::Info, Level::Error] {
            let rest = mem::take(self.pending(level));
            if !rest.is_empty() {
                self.push(level, &String::from_utf8_lossy(&rest), record);
            }
        }
        let mut lines = mem::take(&mut self.lines);
        mask_across(&mut lines, record);
        (lines, self.dropped)
    }

    fn push(&mut self, level: Level, line: &str, record: &Record) {
        if self.lines.len() >= LINES || self.bytes >= TOTAL {
            self.dropped += 1;
            return;
        }
        // Redacted before it is cut: a secret that the cut divides would not be found.
        let message = printable(
            &record.redactor().redact(line),
            LINE.min(TOTAL - self.bytes),
        );
        self.bytes += message.len();
        self.lines.push(LogLine { level, message });
    }

    fn pending(&mut self, level: Level) -> &mut Vec<u8> {
        if level == Level::Error {
            &mut self.stderr
        } else {
            &mut self.stdout
        }
    }
}

/// Masks a value that was divided over lines.
fn mask_across(lines: &mut [LogLine], record: &Record) {
    if lines.len() < 2 {
        return;
    }
    let mut messages: Vec<_> = lines.iter_mut().map(|line| &mut line.message).collect();
    record.redactor().redact_across(&mut messages);
    for message in messages {
        // What stands for a value may be longer than what there was of it.
        if message.len() > LINE {
            *message = printable(message, LINE);
        }
    }
}

/// The line with its control and direction characters escaped, cut between characters.
pub(crate) fn printable(line: &str, limit: usize) -> String {
    let mut printable = String::with_capacity(line.len().min(limit));
    for character in line.chars() {
        let before = printable.len();
        if is_unprintable(character) {
            printable.extend(character.escape_unicode());
        } else {
            printable.push(character);
        }
        if printable.len() > limit {
            printable.truncate(before);
            break;
        }
    }
    printable
}

fn is_unprintable(character: char) -> bool {
    (character.is_control() && character != '\t')
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

impl From<WitLevel> for Level {
    fn from(level: WitLevel) -> Self {
        match level {
            WitLevel::Debug => Self::Debug,
            WitLevel::Info => Self::Info,
            WitLevel::Warn => Self::Warn,
            WitLevel::Error => Self::Error,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::printable;

    #[test]
    fn lines_cannot_steer_a_terminal() {
        assert_eq!(
            printable("a\u{1b}[2Jb\tc\u{202e}d", 1024),
            "a\\u{1b}[2Jb\tc\\u{202e}d"
        );
        assert_eq!(printable("ééé", 5), "éé");
        assert_eq!(printable("ab\u{1b}", 5), "ab");
    }
}
