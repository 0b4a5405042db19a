//! What a source says of itself. It is read as a row of tokens, which is enough to tell code from comments and texts.

mod mistakes;
mod origins;
mod part;
mod reader;
mod required;
mod secrets;

use std::fmt;

use phonebox_contract::BuildError;

use self::mistakes::Mistakes;
use self::origins::{implied, is_region, origins};
use self::reader::{Reader, Token};
use self::required::{PACKAGES, Requires, absence, has, unavailable};
use self::secrets::Reads;
use super::map::{Map, is_packaged};
use super::{MODULE, Module, SOURCE_LIMIT, module_secret, too_large};

pub use self::mistakes::explain;
pub use self::part::wants_bundling;
pub use self::required::{absent_module, modules};

/// Errors that are told of one source.
const ERRORS: usize = 20;
/// Origins that are taken from one source, and names of secrets.
const ORIGINS: usize = 64;

/// What a source says of itself.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Source {
    /// The https origins that stand in its texts, each once, in their order.
    pub origins: Vec<String>,
    /// The secrets that it reads by a name that stands in it, each once, with where it does so first. A module's are
    /// [called](super::module_secret) as they are set.
    pub secrets: Vec<(String, At)>,
    /// What is likely not meant, though it is JavaScript.
    pub mistakes: Vec<BuildError>,
    /// Whether it sends requests, as far as that shows.
    pub requests: bool,
}

/// A line of a source.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct At {
    /// The author's file, of a bundle, or the module, as `actions:NAME`.
    pub file: Option<String>,
    /// Its line, from 1.
    pub line: u32,
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{file}, ")?;
        }
        write!(f, "line {}", self.line)
    }
}

/// Reads a source and its modules, and which npm packages they were written for, as `name` or `name@version`, without running
/// them. Gives what all of them say.
pub fn examine<D: AsRef<str>>(
    source: &str,
    modules: &[Module],
    dependencies: &[D],
) -> Result<Source, Vec<BuildError>> {
    read_all(source, None, modules, dependencies)
}

/// The same for a bundle. What it says of itself is what its author's files say: a package may name any origin and mean nothing
/// by it.
pub fn examine_bundle(
    source: &str,
    map: &Map<'_>,
    modules: &[Module],
) -> Result<Source, Vec<BuildError>> {
    let bundled: [&str; 0] = [];
    read_all(source, Some(map), modules, &bundled)
}

fn read_all<D: AsRef<str>>(
    source: &str,
    map: Option<&Map<'_>>,
    modules: &[Module],
    dependencies: &[D],
) -> Result<Source, Vec<BuildError>> {
    let of_modules = modules.iter().map(|module| module.code.len());
    let length = of_modules.sum::<usize>() + source.len();
    if length > SOURCE_LIMIT {
        return Err(vec![too_large(length)]);
    }
    let absent = dependencies.iter().map(AsRef::as_ref);
    let mut errors: Vec<_> = absent.filter_map(unavailable).take(ERRORS).collect();
    let known: Vec<_> = modules.iter().map(|module| &*module.name).collect();
    let mut all = Source::default();
    let own = |error| match map {
        Some(map) => map.tell(error),
        None => error,
    };
    match read(source, map, Requires::Modules(&known)) {
        Ok(found) => {
            let mistakes = found.mistakes.into_iter().map(own).collect();
            all = Source { mistakes, ..found };
        }
        Err(more) => errors.extend(more.into_iter().map(own)),
    }
    for module in modules {
        match read(&module.code, None, Requires::NoModules) {
            Ok(found) => all.take(found, &module.name),
            Err(more) => errors.extend(more.into_iter().map(|error| within(&module.name, error))),
        }
    }
    if errors.is_empty() {
        Ok(all)
    } else {
        errors.truncate(ERRORS);
        Err(errors)
    }
}

/// An error that is in a module's source.
fn within(module: &str, error: BuildError) -> BuildError {
    BuildError {
        file: Some(shown(&format!("{MODULE}{module}"))),
        ..error
    }
}

impl Source {
    /// Adds what a module's source says.
    fn take(&mut self, found: Self, module: &str) {
        for origin in found.origins {
            if self.origins.len() < ORIGINS && !self.origins.contains(&origin) {
                self.origins.push(origin);
            }
        }
        let file = Some(shown(&format!("{MODULE}{module}")));
        let secrets = found.secrets.into_iter().map(|(name, at)| {
            let file = file.clone();
            (module_secret(module, &name), At { file, ..at })
        });
        self.secrets.extend(secrets);
        let mistakes = found.mistakes.into_iter();
        self.mistakes
            .extend(mistakes.map(|mistake| within(module, mistake)));
        self.requests |= found.requests;
    }
}

/// Reads one source.
fn read(source: &str, map: Option<&Map<'_>>, may: Requires<'_>) -> Result<Source, Vec<BuildError>> {
    let mut errors = Vec::new();
    if let Some(at) = source.find('\0') {
        errors.push(located(
            source,
            at,
            "invalid_source",
            "there is a NUL in the source",
        ));
    }
    let mut reader = Reader::new(source);
    let mut found = Source::default();
    let mut required = Vec::new();
    // What may be required, if nothing but the end follows.
    let mut about_to = None;
    let mut redefined = false;
    let mut regions = Vec::new();
    let mut mistakes = Mistakes::default();
    let mut reads = Reads::of(match may {
        Requires::Modules(_) => "event",
        Requires::NoModules => "actions",
    });
    // The last four tokens before this one.
    let mut before = [Token::Start; 4];
    let mut cursor = Cursor::default();
    while let Some((token, at)) = reader.next() {
        let is_own = map.is_none_or(|map| {
            let (line, column) = cursor.advance(source, at);
            let original = map.original(line, column);
            original.is_some_and(|original| !is_packaged(original.file))
        });
        // `a?.b` reads what `a.b` does.
        if token == Token::Sign(b'?') && reader.peek(0) == Some(b'.') {
            continue;
        }
        if is_own {
            reads.see(before, token, at, &reader);
            mistakes.see(before, token, at, &reader);
        }
        let asked = about_to.take();
        match token {
            Token::Text(text) => {
                if is_own {
                    origins(text, reader.goes_on(), &mut found.origins);
                }
                if is_region(text) && !regions.contains(&text) {
                    regions.push(text);
                }
                if let [_, last, Token::Name("require"), Token::Sign(b'(')] = before
                    && last != Token::Sign(b'.')
                    && !reader.goes_on()
                    && !reader.within_try()
                {
                    about_to = Some((text, at));
                }
            }
            Token::Name("require") => {
                let [.., last] = before;
                redefined |= matches!(last, Token::Name("var" | "let" | "const" | "function"));
                redefined |= reader.in_parameters();
            }
            Token::Name("fetch") => found.requests = true,
            Token::Sign(b')') => required.extend(asked),
            _ => {}
        }
        before = [before[1], before[2], before[3], token];
    }
    implied(&required, &regions, &mut found.origins);
    found.requests |= required
        .iter()
        .any(|(name, _)| PACKAGES.contains(name) && *name != "uuid");
    found.secrets = reads
        .found
        .into_iter()
        .map(|(name, at)| {
            let (line, column) = place(source, at);
            let original = map.and_then(|map| map.original(line, column));
            let at = At {
                file: original.as_ref().map(|original| original.file.to_owned()),
                line: original.map_or(line, |original| original.line),
            };
            (shown(name), at)
        })
        .collect();
    found.mistakes = mistakes.tell(source);
    if !redefined {
        let absent = required.into_iter().filter(|(name, _)| !has(name, may));
        let room = ERRORS.saturating_sub(errors.len());
        errors.extend(
            absent
                .map(|(name, at)| absence(source, name, at, may))
                .take(room),
        );
    }
    if errors.is_empty() {
        Ok(found)
    } else {
        Err(errors)
    }
}

fn located(source: &str, at: usize, id: &str, message: &str) -> BuildError {
    let (line, column) = place(source, at);
    BuildError {
        line: Some(line),
        column: Some(column),
        ..BuildError::new(id, message)
    }
}

/// A place in a source that only goes forward, so that all of a long one is passed over once.
#[derive(Default)]
struct Cursor {
    at: usize,
    lines: u32,
    columns: u32,
}

impl Cursor {
    /// The line and the column of a byte, from 1.
    fn advance(&mut self, source: &str, to: usize) -> (u32, u32) {
        for c in source.get(self.at..to).unwrap_or_default().chars() {
            if c == '\n' {
                self.lines += 1;
                self.columns = 0;
            } else {
                self.columns += 1;
            }
        }
        self.at = to;
        (self.lines + 1, self.columns + 1)
    }
}

/// The line and the column of a byte, from 1.
fn place(source: &str, at: usize) -> (u32, u32) {
    let before = source.get(..at).unwrap_or_default();
    let line = before.rsplit('\n').next().unwrap_or_default();
    let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    (
        number(before.matches('\n').count() + 1),
        number(line.chars().count() + 1),
    )
}

/// A stranger's text as it may be shown.
fn shown(text: &str) -> String {
    let visible = text.chars().take(120);
    visible
        .map(|c| {
            if crate::place::hides(c) {
                '\u{fffd}'
            } else {
                c
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_stand_in_texts_and_nowhere_else() {
        let source = r#"
            // https://in.a.comment/ and 'https://quoted.there/'
            /* https://in.another/ " */
            const base = "https://api.twilio.com/2010"; const re = /["'`]https:\/\/no/g;
            const one = `https://${region}.no.example/x`, two = `https://API.Example.com:8443/${id}?x=${`https://nested.example`}`;
            const half = `https://half.${region}/`, http = 'http://plain.example/', https = 'https://localhost';
            fetch('https://api.twilio.com/again', 4 / 2, 'https://b.example');
        "#;
        let none: [&str; 0] = [];
        assert_eq!(
            examine(source, &[], &none).unwrap().origins,
            [
                "https://api.twilio.com",
                "https://api.example.com:8443",
                "https://nested.example",
                "https://b.example",
            ]
        );
    }

    #[test]
    fn a_bundle_says_what_its_authors_files_say() {
        let packaged = "const docs = 'https://docs.example/', text = '${no}'; event.secret; use(event.secrets.NO);";
        let own = "fetch('https://own.example/'); event.secret; use(event.secrets.YES);";
        let map = r#"{"version":3,"sources":["node_modules/x/index.js","src/a.ts"],"names":[],"mappings":"AAgBA;ACMA"}"#;
        let map = Map::read(map).unwrap();
        let source = format!("{packaged}\n{own}\n");
        let Source {
            origins,
            secrets,
            mistakes,
            ..
        } = examine_bundle(&source, &map, &[]).unwrap();
        assert_eq!(origins, ["https://own.example"]);
        let secrets: Vec<_> = secrets
            .iter()
            .map(|(name, at)| format!("{name}: {at}"))
            .collect();
        assert_eq!(secrets, ["YES: src/a.ts, line 23"]);
        let [mistake] = &mistakes[..] else {
            panic!("{mistakes:?}")
        };
        assert_eq!(
            (mistake.file.as_deref(), mistake.line),
            (Some("src/a.ts"), Some(23)),
            "{mistake}"
        );
        let source = format!("{packaged}\nrequire('./gone');\n");
        let errors = examine_bundle(&source, &map, &[]).unwrap_err();
        assert_eq!(errors[0].file.as_deref(), Some("src/a.ts"), "{errors:?}");
    }

    #[test]
    fn packages_have_origins_of_their_own() {
        let none: [&str; 0] = [];
        let of = |source| examine(source, &[], &none).unwrap().origins;
        let twilio = ["https://api.twilio.com", "https://verify.twilio.com"];
        assert_eq!(of("const twilio = require('twilio');"), twilio);
        let sns = "const { SNSClient } = require('@aws-sdk/client-sns'); new SNSClient({ region: 'eu-central-1', x: 'us-gov-west-1', y: 'a-b-1' })";
        let regions = [
            "https://sns.eu-central-1.amazonaws.com",
            "https://sns.us-gov-west-1.amazonaws.com",
        ];
        assert_eq!(of(sns), regions);
        assert_eq!(of("const region = 'eu-central-1';"), none);
    }

    #[test]
    fn what_is_required_and_absent_is_told_with_its_place() {
        let source = "const c = require('node:crypto');\n// require('gone')\nconst fs =  require(\"fs\");\n\
                      try { require('maybe') } catch {}\nx.require('not this');\nrequire(`left-pad`); require(name); require('a' + b); require(`${c}`);\n";
        let asked = [
            "uuid@10.0.0",
            "left-pad",
            "crypto@1.0.1",
            "crypto",
            "crypto@17.7.1",
            "@acme/sms@1.0.0",
        ];
        let errors = examine(source, &[], &asked).unwrap_err();
        let told: Vec<_> = errors
            .iter()
            .map(|error| (error.id.as_str(), error.line, error.column))
            .collect();
        assert_eq!(
            told,
            [
                ("dependency_not_available", None, None),
                ("dependency_not_available", None, None),
                ("dependency_not_available", None, None),
                ("module_not_available", Some(3), Some(21)),
                ("module_not_found", Some(6), Some(9)),
            ],
            "{errors:?}"
        );
        let named = [
            "left-pad is not",
            "crypto has no version 17.7.1",
            "@acme/sms is not",
        ];
        for (error, named) in errors.iter().zip(named) {
            assert!(error.message.contains(named), "{named}: {error:?}");
        }
        let bundled =
            "(function(require, module) { require('./inner') })(load, {}); exports.x = 1;";
        let none: [&str; 0] = [];
        assert_eq!(examine(bundled, &[], &none), Ok(Source::default()));
    }

    #[test]
    fn the_secrets_that_a_source_reads_are_found() {
        let source = "
            const { A, B: renamed, ...rest } = event.secrets;
            exports.h = async ({ notification, secrets: { C, D = 'x' } }, api) => {
              const { E } = secrets, { F } = other.things;
              use(event.secrets.G, event?.secrets?.H, secrets['I'], secrets.J, event.secrets.A);
              module.secrets.K; secrets.get(L); const { M } = event; ({ N: 1 });
            };";
        let none: [&str; 0] = [];
        let found = examine(source, &[], &none).unwrap().secrets;
        let found: Vec<_> = found
            .iter()
            .map(|(name, at)| (name.as_str(), at.line))
            .collect();
        assert_eq!(
            found,
            [
                ("A", 2),
                ("B", 2),
                ("C", 3),
                ("D", 3),
                ("E", 4),
                ("G", 5),
                ("H", 5),
                ("I", 5),
                ("J", 5)
            ]
        );
    }

    #[test]
    fn what_is_likely_not_meant_is_told_with_its_place() {
        let source = "const a = event.secret.TOKEN;\nconst b = 'to ${name}', c = `to ${name}`, d = '$ {}', e = '${', f = \"${x}\";\n\
                      event.secrets.A; my.secret; // event.secret '${no}'\n";
        let none: [&str; 0] = [];
        let found = examine(source, &[], &none).unwrap();
        let told: Vec<_> = found
            .mistakes
            .iter()
            .map(|one| (one.id.as_str(), one.line, one.column))
            .collect();
        assert_eq!(
            told,
            [
                ("event_secret", Some(1), Some(17)),
                ("quoted_template", Some(2), Some(11)),
                ("quoted_template", Some(2), Some(69)),
            ],
            "{found:?}"
        );
        assert!(!found.requests);
        for source in ["await fetch(url)", "const axios = require('axios');"] {
            assert!(examine(source, &[], &none).unwrap().requests, "{source}");
        }
    }

    #[test]
    fn errors_of_the_engine_are_explained() {
        let error = |line, column| BuildError {
            line: Some(line),
            column: Some(column),
            ..BuildError::new("syntax_error", "SyntaxError: expecting ';'")
        };
        for (source, line, column, id) in [
            (
                "f = () => {\n  const x = await y();\n}",
                2,
                19,
                "await_outside_async",
            ),
            ("  export default async () => {};", 1, 3, "module_syntax"),
            ("import x from 'y';", 1, 8, "module_syntax"),
            ("const my_await y;", 1, 16, "syntax_error"),
            ("a = important;;", 9, 9, "syntax_error"),
        ] {
            let explained = explain(source, &[], error(line, column));
            assert_eq!(
                (&*explained.id, explained.line),
                (id, Some(line)),
                "{source}"
            );
        }
    }

    #[test]
    fn any_text_is_read_to_its_end() {
        let none: [&str; 0] = [];
        for source in [
            "'",
            "`${",
            "`${`${",
            "/*",
            "//",
            "/",
            "\\",
            "'\\",
            "`\\",
            "é'é\\é",
            "}}}",
            "/[/\n",
            "require('",
        ] {
            drop(examine(source, &[], &none));
        }
    }
}
