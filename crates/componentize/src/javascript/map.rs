//! Where what is in a bundle stood in its author's files.

use std::borrow::Cow;
use std::fmt::Write as _;

use oxc_sourcemap::{SourceMap, SourceMapBuilder, Token};
use phonebox_contract::BuildError;

/// The largest map that a component may carry, in bytes: 512 KiB. It is read anew for each run that has something to tell, which
/// takes some milliseconds at the most.
pub const MAP_LIMIT: usize = 512 << 10;
/// The longest name of a file that is shown, in bytes.
const NAME: usize = 200;
/// What the engine calls an action's source.
const SOURCE: &str = "action.js";

/// A source map of the usual format, version 3.
pub struct Map<'a> {
    files: Vec<Cow<'a, str>>,
    /// By line and column in the bundle.
    tokens: Box<[Token]>,
}

/// A place in an author's file, from 1.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Original<'a> {
    /// The file, from the action's folder.
    pub file: &'a str,
    /// Its line.
    pub line: u32,
    /// The column in that, in UTF-16's units.
    pub column: u32,
}

impl<'a> Map<'a> {
    /// Reads a map. None where it is none: then nothing can be said of the author's files.
    pub fn read(text: &'a str) -> Option<Self> {
        let parts = SourceMap::from_json_string(text).ok()?.into_parts();
        Some(Self {
            files: parts.sources,
            tokens: parts.tokens,
        })
    }

    /// Where a place in the bundle comes from, from 1. None where nobody's file has it, or the file's name cannot be shown.
    pub fn original(&self, line: u32, column: u32) -> Option<Original<'_>> {
        let (line, column) = (line.checked_sub(1)?, column.saturating_sub(1));
        let at = |token: &Token| (token.get_dst_line(), token.get_dst_col());
        let after = self
            .tokens
            .partition_point(|token| at(token) <= (line, column));
        let on_line = |token: &&Token| token.get_dst_line() == line;
        let before = after.checked_sub(1).and_then(|at| self.tokens.get(at));
        // What stands before the first place of a line that is known is told as that.
        let token = before.filter(on_line);
        let token = token.or_else(|| self.tokens.get(after).filter(on_line))?;
        let file = self.files.get(token.get_source_id()? as usize)?;
        let shown = file.len() <= NAME && !file.chars().any(crate::place::hides);
        shown.then(|| Original {
            file,
            line: token.get_src_line().saturating_add(1),
            column: token.get_src_col().saturating_add(1),
        })
    }

    /// The error with its place in the author's file.
    pub fn tell(&self, error: BuildError) -> BuildError {
        let original = error
            .line
            .and_then(|line| self.original(line, error.column.unwrap_or(1)));
        match original {
            Some(original) => BuildError {
                file: Some(original.file.to_owned()),
                line: Some(original.line),
                column: error.column.map(|_| original.column),
                ..error
            },
            None => error,
        }
    }

    /// A text in which each `action.js:12:3`, as stacks have it, is the place in the author's file, or `bundle:12:3` where that is
    /// in none.
    pub fn rewrite(&self, text: &str) -> String {
        let mut rewritten = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once(SOURCE) {
            rewritten.push_str(before);
            let (line, mut left) = number(after);
            let (mut column, past) = number(left);
            let of_ours = !before.ends_with(|c: char| c.is_alphanumeric() || "/\\._-".contains(c));
            let original = line.and_then(|line| {
                if column.is_some() {
                    left = past;
                }
                self.original(line, *column.get_or_insert(1))
            });
            match original.filter(|_| of_ours) {
                Some(Original { file, line, column }) => {
                    write!(rewritten, "{file}:{line}:{column}").expect("a String");
                    rest = left;
                }
                None if of_ours && line.is_some() => {
                    rewritten.push_str("bundle");
                    rest = after;
                }
                None => {
                    rewritten.push_str(SOURCE);
                    rest = after;
                }
            }
        }
        rewritten.push_str(rest);
        rewritten
    }
}

/// Makes a bundler's map one that may be carried along: it knows each line of a package's file, and in others each place, or less
/// where that is too much. `name` says what a file is called, and is asked once for each.
pub fn lessen(map: &str, name: impl Fn(&str) -> String) -> Option<String> {
    let map = SourceMap::from_json_string(map).ok()?;
    let names: Vec<_> = map.get_sources().map(name).collect();
    let lessened = |with_packages: bool, places: bool| {
        let mut builder = SourceMapBuilder::default();
        for name in &names {
            builder.set_source_and_content(name, "");
        }
        let mut last = None;
        for token in map.get_tokens() {
            let source = token.get_source_id();
            let packaged = source
                .and_then(|source| names.get(source as usize))
                .is_some_and(|name| is_packaged(name));
            let here = (token.get_dst_line(), source);
            if last == Some(here) && (packaged || !places) {
                continue;
            }
            last = Some(here);
            builder.add_token(
                token.get_dst_line(),
                token.get_dst_col(),
                token.get_src_line(),
                token.get_src_col(),
                source.filter(|_| with_packages || !packaged),
                None,
            );
        }
        builder.into_sourcemap().to_json_string()
    };
    let levels = [(true, true), (false, true), (false, false)];
    let mut lessened = levels
        .into_iter()
        .map(|(with_packages, places)| lessened(with_packages, places));
    let fitting = lessened.find(|map| map.len() <= MAP_LIMIT);
    // One that says nothing.
    Some(fitting.unwrap_or_else(|| {
        SourceMapBuilder::default()
            .into_sourcemap()
            .to_json_string()
    }))
}

/// Whether a file is a package's, and not the author's own.
pub fn is_packaged(file: &str) -> bool {
    file.split(['/', '\\']).any(|part| part == "node_modules")
}

/// The number after a colon, and what follows it.
fn number(text: &str) -> (Option<u32>, &str) {
    let Some(digits) = text.strip_prefix(':') else {
        return (None, text);
    };
    let end = digits
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(digits.len());
    let (digits, rest) = digits.split_at(end);
    match digits.parse() {
        Ok(number) => (Some(number), rest),
        Err(_) => (None, text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of a bundle of three lines: a line of a package's, two of `src/sms.ts`, the last after something of nobody's.
    fn bundler() -> String {
        let mut builder = SourceMapBuilder::default();
        let package = builder.set_source_and_content("../../node_modules/zod/index.js", "");
        let own = builder.set_source_and_content("../../src/sms.ts", "");
        for (line, column, source, of_line, of_column) in [
            (0, 0, Some(package), 40, 0),
            (0, 9, Some(package), 40, 7),
            (1, 2, Some(own), 4, 0),
            (1, 10, Some(own), 4, 20),
            (2, 0, None, 0, 0),
            (2, 5, Some(own), 8, 1),
        ] {
            builder.add_token(line, column, of_line, of_column, source, None);
        }
        builder.into_sourcemap().to_json_string()
    }

    #[test]
    fn places_are_those_of_the_authors_files() {
        let map = lessen(&bundler(), |name| name.replace("../../", "")).unwrap();
        let map = Map::read(&map).unwrap();
        let told = "Error: x\n    at go (action.js:2:14)\n    at action.js:2:1\n    at action.js:1:11 action.js:3:1 action.js:7:1 \
                    my-action.js:2:3 action.js:9 action.js:2 action.js: action.js";
        let told = map.rewrite(told);
        assert_eq!(
            told,
            "Error: x\n    at go (src/sms.ts:5:21)\n    at src/sms.ts:5:1\n    at node_modules/zod/index.js:41:1 bundle:3:1 \
             bundle:7:1 my-action.js:2:3 bundle:9 src/sms.ts:5:1 action.js: action.js"
        );
        let error = |line, column| BuildError {
            line,
            column,
            ..BuildError::new("x", "it fails")
        };
        let tell = |line, column| map.tell(error(line, column)).to_string();
        assert_eq!(
            tell(Some(3), Some(7)),
            "it fails (src/sms.ts, line 9, column 2)"
        );
        assert_eq!(tell(Some(3), None), "it fails (line 3)");
        assert_eq!(tell(Some(2), None), "it fails (src/sms.ts, line 5)");
        assert_eq!(tell(None, None), "it fails");
    }

    #[test]
    fn a_map_that_is_too_large_forgets_packages_then_columns_then_all() {
        let map = |packaged: u32, own: u32, on_line: u32| {
            let mut builder = SourceMapBuilder::default();
            let file = builder.set_source_and_content("action.ts", "");
            let package = builder.set_source_and_content("node_modules/large/index.js", "");
            for line in 0..packaged + own {
                let (of, columns) = if line < packaged {
                    (package, 1)
                } else {
                    (file, on_line)
                };
                for column in 0..columns {
                    builder.add_token(line, column * 9, line * 7, column * 9, Some(of), None);
                }
            }
            let map = builder.into_sourcemap().to_json_string();
            let map = lessen(&map, str::to_owned).unwrap();
            assert!(map.len() <= MAP_LIMIT, "{}", map.len());
            map
        };
        let places = |map: &str, of: [(u32, u32); 2]| {
            let map = Map::read(map).unwrap();
            of.map(|(line, column)| Some(map.original(line, column)?.column))
        };
        assert_eq!(
            places(&map(9, 9, 3), [(5, 1), (15, 11)]),
            [Some(1), Some(10)]
        );
        let large = map(200_000, 9, 3);
        assert_eq!(places(&large, [(5, 1), (200_005, 11)]), [None, Some(10)]);
        let larger = map(9, 20_000, 9);
        assert_eq!(places(&larger, [(5, 1), (1000, 11)]), [None, Some(1)]);
        let largest = map(9, 200_000, 1);
        assert_eq!(places(&largest, [(5, 1), (1000, 11)]), [None, None]);
    }

    #[test]
    fn strangers_maps_are_read_or_not_and_nothing_else() {
        for text in [
            "",
            "{}",
            "[]",
            r#"{"version":3,"sources":[],"names":[],"mappings":"AAAA"}"#,
        ] {
            assert!(Map::read(text).is_none(), "{text}");
        }
        for mappings in ["", ";;;", "A,A;A", "AAAA,DAAA;;////AAAA", "gggggggggggggB"] {
            for file in ["a", "a\u{202e}b", &"long".repeat(100)] {
                let text = serde_json::json!({ "version": 3, "sources": [file], "names": [], "mappings": mappings });
                if let Some(map) = Map::read(&text.to_string()) {
                    let told = map.rewrite("action.js:1:1 action.js:4294967295:4294967295 action.js:99999999999:1 action.js:0:0");
                    assert_eq!(
                        told.contains("a:1:1"),
                        file == "a" && mappings.starts_with("AAAA"),
                        "{told}"
                    );
                }
            }
        }
    }
}
