//! What a source says of itself. It is read as a row of tokens, which is enough to tell code from comments and texts.

use phonebox_contract::BuildError;

use super::{SOURCE_LIMIT, too_large};

/// Modules of Node's that the engine has.
const BUILT_IN: &[&str] = &[
    "assert",
    "buffer",
    "console",
    "crypto",
    "events",
    "process",
    "querystring",
    "timers",
    "timers/promises",
    "url",
    "util",
];
/// Packages that have the name of one of those, with the latest major version that there is of each. The name leads to Node's own.
const NAMESAKES: &[(&str, u32)] = &[
    ("assert", 2),
    ("buffer", 6),
    ("console", 0),
    ("crypto", 1),
    ("events", 3),
    ("process", 0),
    ("querystring", 0),
    ("timers", 0),
    ("url", 0),
    ("util", 0),
];
/// Packages that the engine has.
const PACKAGES: &[&str] = &["axios", "node-fetch", "uuid"];
/// Modules of Node's that there is no place for in a sandbox.
const ABSENT: &[&str] = &[
    "child_process",
    "cluster",
    "dgram",
    "dns",
    "fs",
    "http",
    "http2",
    "https",
    "inspector",
    "module",
    "net",
    "os",
    "path",
    "perf_hooks",
    "readline",
    "repl",
    "stream",
    "string_decoder",
    "tls",
    "tty",
    "v8",
    "vm",
    "wasi",
    "worker_threads",
    "zlib",
];
/// Errors that are told of one source.
const ERRORS: usize = 20;
/// Origins that are taken from one source.
const ORIGINS: usize = 64;

/// What a source says of itself.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Source {
    /// The https origins that stand in its texts, each once, in their order.
    pub origins: Vec<String>,
}

/// Reads a source, and which npm packages it was written for, as `name` or `name@version`, without running it.
pub fn examine<D: AsRef<str>>(source: &str, dependencies: &[D]) -> Result<Source, Vec<BuildError>> {
    if source.len() > SOURCE_LIMIT {
        return Err(vec![too_large(source.len())]);
    }
    let absent = dependencies.iter().map(AsRef::as_ref);
    let mut errors: Vec<_> = absent.filter_map(unavailable).take(ERRORS).collect();
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
    // The last three tokens before this one.
    let mut before = [Token::Start; 3];
    while let Some((token, at)) = reader.next() {
        let asked = about_to.take();
        match token {
            Token::Text(text) => {
                origins(text, reader.goes_on(), &mut found.origins);
                if let [.., Token::Name("require"), Token::Sign(b'(')] = before
                    && before[0] != Token::Sign(b'.')
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
            Token::Sign(b')') => required.extend(asked),
            _ => {}
        }
        before = [before[1], before[2], token];
    }
    if !redefined {
        let absent = required.into_iter().filter(|(name, _)| !has(name));
        let room = ERRORS.saturating_sub(errors.len());
        errors.extend(
            absent
                .map(|(name, at)| absence(source, name, at))
                .take(room),
        );
    }
    if errors.is_empty() {
        Ok(found)
    } else {
        Err(errors)
    }
}

const BUNDLE: &str = "dependencies are bundled on the author's machine, with `npx esbuild action.js --bundle \
                      --format=cjs --platform=browser`, for example, and what that writes is uploaded";

/// The names of what may be required without bundling it.
pub fn modules() -> impl Iterator<Item = &'static str> {
    BUILT_IN.iter().chain(PACKAGES).copied()
}

/// What is wrong with a dependency. Of the packages that phonebox has it has one version, for whatever version is asked.
fn unavailable(dependency: &str) -> Option<BuildError> {
    let (name, version) = match dependency.rsplit_once('@') {
        Some((name, version)) if !name.is_empty() => (name, version),
        _ => (dependency, "latest"),
    };
    let what = if let Some((_, latest)) = NAMESAKES.iter().find(|(known, _)| *known == name) {
        let major = version
            .trim_start_matches(['^', '~', '=', 'v'])
            .split('.')
            .next();
        let is_there = major
            .and_then(|major| major.parse().ok())
            .is_none_or(|major: u32| major <= *latest);
        if is_there {
            return None;
        }
        format!(
            "the dependency {} has no version {}: {name} is a module of Node's, and needs no dependency",
            shown(name),
            shown(version)
        )
    } else if PACKAGES.contains(&name) {
        return None;
    } else {
        format!(
            "the dependency {} is not part of phonebox: {BUNDLE}",
            shown(name)
        )
    };
    Some(BuildError::new("dependency_not_available", what))
}

/// Whether the engine has what is required under this name.
fn has(name: &str) -> bool {
    let bare = name.strip_prefix("node:");
    BUILT_IN.contains(&bare.unwrap_or(name)) || PACKAGES.contains(&name)
}

fn absence(source: &str, name: &str, at: usize) -> BuildError {
    let bare = name.strip_prefix("node:").unwrap_or(name);
    let module = bare.split('/').next().unwrap_or(bare);
    let name = shown(name);
    if ABSENT.contains(&module) {
        let message = format!(
            "require('{name}'): there is no {module} in phonebox's sandbox; requests are made by fetch"
        );
        return located(source, at, "module_not_available", &message);
    }
    let message = if bare.starts_with(['.', '/']) {
        format!("require('{name}'): an action is one file; {BUNDLE}")
    } else {
        format!("require('{name}'): there is no such package in phonebox; {BUNDLE}")
    };
    located(source, at, "module_not_found", &message)
}

fn located(source: &str, at: usize, id: &str, message: &str) -> BuildError {
    let before = source.get(..at).unwrap_or_default();
    let line = before.rsplit('\n').next().unwrap_or_default();
    let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    BuildError {
        line: Some(number(before.matches('\n').count() + 1)),
        column: Some(number(line.chars().count() + 1)),
        ..BuildError::new(id, message)
    }
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

/// Adds the https origins that a text has in it. Where the text goes on with a value, its last origin may not be whole.
fn origins(text: &str, goes_on: bool, found: &mut Vec<String>) {
    const SCHEME: &str = "https://";
    for (at, _) in text.match_indices(SCHEME) {
        let rest = text.get(at + SCHEME.len()..).unwrap_or_default();
        let is_host = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':');
        let end = rest.find(|c| !is_host(c)).unwrap_or(rest.len());
        let (host, after) = rest.split_at(end);
        let whole = match after.chars().next() {
            None => !goes_on,
            Some('/' | '?' | '#' | '\\' | ' ' | '"' | '\'' | ',' | ')') => true,
            Some(_) => false,
        };
        let origin = format!("{SCHEME}{}", host.to_ascii_lowercase());
        let one_more = whole && host.contains('.') && found.len() < ORIGINS;
        if one_more && !found.contains(&origin) {
            found.push(origin);
        }
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Token<'a> {
    /// Before the first.
    Start,
    /// A name or a keyword.
    Name(&'a str),
    /// What stands between quotes, or a part of a template.
    Text(&'a str),
    Sign(u8),
    /// A number or a regular expression.
    Other,
}

/// What a brace opened.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Open {
    Brace,
    Try,
    /// A value in a template.
    Value,
    Parenthesis,
    /// The parameters of a function.
    Parameters,
}

struct Reader<'a> {
    source: &'a str,
    at: usize,
    last: Token<'a>,
    before_last: Token<'a>,
    open: Vec<Open>,
    /// How many of what is open are [`Open::Try`].
    tries: usize,
    /// Whether the text that was read last goes on with a value.
    goes_on: bool,
}

impl<'a> Reader<'a> {
    fn new(source: &'a str) -> Self {
        Self {
            source,
            at: 0,
            last: Token::Start,
            before_last: Token::Start,
            open: Vec::new(),
            tries: 0,
            goes_on: false,
        }
    }

    fn goes_on(&self) -> bool {
        self.goes_on
    }

    fn within_try(&self) -> bool {
        self.tries > 0
    }

    fn in_parameters(&self) -> bool {
        self.open.last() == Some(&Open::Parameters)
    }

    /// The next token, and where it begins.
    fn next(&mut self) -> Option<(Token<'a>, usize)> {
        self.skip();
        let begin = self.at;
        let first = self.peek(0)?;
        let token = match first {
            b'\'' | b'"' => self.quoted(first),
            b'`' => {
                self.at += 1;
                self.template()
            }
            b'}' if self.open.last() == Some(&Open::Value) => {
                self.open.pop();
                self.at += 1;
                self.template()
            }
            b'/' if self.may_be_expression() => self.regular_expression(),
            b'0'..=b'9' => {
                self.while_is(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_'));
                Token::Other
            }
            _ if is_name(first) => {
                self.while_is(is_name);
                Token::Name(self.source.get(begin..self.at).unwrap_or_default())
            }
            sign => {
                self.at += 1;
                self.sign(sign);
                Token::Sign(sign)
            }
        };
        self.before_last = self.last;
        self.last = token;
        Some((token, begin))
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.source.as_bytes().get(self.at + ahead).copied()
    }

    fn while_is(&mut self, is: impl Fn(u8) -> bool) {
        while self.peek(0).is_some_and(&is) {
            self.at += 1;
        }
    }

    /// Passes over blanks and comments.
    fn skip(&mut self) {
        loop {
            self.while_is(|byte| byte.is_ascii_whitespace());
            match (self.peek(0), self.peek(1)) {
                (Some(b'/'), Some(b'/')) => self.while_is(|byte| byte != b'\n'),
                (Some(b'/'), Some(b'*')) => {
                    let rest = self.source.get(self.at + 2..).unwrap_or_default();
                    let end = rest.find("*/").map_or(rest.len(), |end| end + 2);
                    self.at += 2 + end;
                }
                _ => return,
            }
        }
    }

    fn sign(&mut self, sign: u8) {
        match sign {
            b'{' if self.last == Token::Name("try") => {
                self.tries += 1;
                self.open.push(Open::Try);
            }
            b'{' => self.open.push(Open::Brace),
            b'(' => {
                let function = matches!(self.last, Token::Name("function"))
                    || matches!(
                        (self.before_last, self.last),
                        (Token::Name("function"), Token::Name(_))
                    );
                self.open.push(if function {
                    Open::Parameters
                } else {
                    Open::Parenthesis
                });
            }
            b'}' | b')' if self.open.pop() == Some(Open::Try) => self.tries -= 1,
            _ => {}
        }
    }

    fn quoted(&mut self, quote: u8) -> Token<'a> {
        self.at += 1;
        let begin = self.at;
        while let Some(byte) = self.peek(0) {
            match byte {
                b'\\' => self.at += 2,
                b'\n' => break,
                byte if byte == quote => break,
                _ => self.at += 1,
            }
        }
        self.goes_on = false;
        self.cut(begin)
    }

    /// A part of a template: up to its end, or to a value in it.
    fn template(&mut self) -> Token<'a> {
        let begin = self.at;
        self.goes_on = false;
        while let Some(byte) = self.peek(0) {
            match byte {
                b'\\' => self.at += 2,
                b'`' => break,
                b'$' if self.peek(1) == Some(b'{') => {
                    self.goes_on = true;
                    self.open.push(Open::Value);
                    let text = self.source.get(begin..self.at).unwrap_or_default();
                    self.at += 2;
                    return Token::Text(text);
                }
                _ => self.at += 1,
            }
        }
        self.cut(begin)
    }

    /// The text from there to here, past its end.
    fn cut(&mut self, begin: usize) -> Token<'a> {
        let end = self.at.min(self.source.len());
        self.at = end + 1;
        Token::Text(self.source.get(begin..end).unwrap_or_default())
    }

    fn may_be_expression(&self) -> bool {
        match self.last {
            Token::Start => true,
            Token::Name(name) => matches!(
                name,
                "await"
                    | "case"
                    | "delete"
                    | "do"
                    | "else"
                    | "in"
                    | "instanceof"
                    | "new"
                    | "of"
                    | "return"
                    | "throw"
                    | "typeof"
                    | "void"
                    | "yield"
            ),
            Token::Sign(sign) => !matches!(sign, b')' | b']' | b'}'),
            Token::Text(_) | Token::Other => false,
        }
    }

    fn regular_expression(&mut self) -> Token<'a> {
        self.at += 1;
        let mut in_class = false;
        while let Some(byte) = self.peek(0) {
            self.at += 1;
            match byte {
                b'\\' => self.at += 1,
                b'[' => in_class = true,
                b']' => in_class = false,
                b'/' if !in_class => break,
                b'\n' => break,
                _ => {}
            }
        }
        self.while_is(is_name);
        Token::Other
    }
}

/// Whatever is not ASCII is taken for part of a name.
fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$') || byte >= 0x80
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
            examine(source, &none).unwrap().origins,
            [
                "https://api.twilio.com",
                "https://api.example.com:8443",
                "https://nested.example",
                "https://b.example",
            ]
        );
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
        let errors = examine(source, &asked).unwrap_err();
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
        assert_eq!(examine(bundled, &none), Ok(Source::default()));
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
            drop(examine(source, &none));
        }
    }
}
