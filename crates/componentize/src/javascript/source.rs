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
const PACKAGES: &[&str] = &[
    "@aws-sdk/client-sns",
    "aws-sdk",
    "aws-sdk/clients/sns",
    "aws4",
    "axios",
    "jsonwebtoken",
    "node-fetch",
    "twilio",
    "uuid",
];
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
/// Origins that are taken from one source, and names of secrets.
const ORIGINS: usize = 64;
/// Likely mistakes of one kind that are told of one source.
const MISTAKES: usize = 5;
/// What a handler is written like.
const HANDLER: &str = "exports.onExecuteCustomPhoneProvider = async function(event, api) { }";

/// What a source says of itself.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Source {
    /// The https origins that stand in its texts, each once, in their order.
    pub origins: Vec<String>,
    /// The secrets that it reads by a name that stands in it, each once, with the line where it does so first.
    pub secrets: Vec<(String, u32)>,
    /// What is likely not meant, though it is JavaScript.
    pub mistakes: Vec<BuildError>,
    /// Whether it sends requests, as far as that shows.
    pub requests: bool,
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
    let mut regions = Vec::new();
    let mut mistakes = Mistakes::default();
    let mut reads = Reads::default();
    // The last four tokens before this one.
    let mut before = [Token::Start; 4];
    while let Some((token, at)) = reader.next() {
        // `a?.b` reads what `a.b` does.
        if token == Token::Sign(b'?') && reader.peek(0) == Some(b'.') {
            continue;
        }
        reads.see(before, token, at, &reader);
        mistakes.see(before, token, at, &reader);
        let asked = about_to.take();
        match token {
            Token::Text(text) => {
                origins(text, reader.goes_on(), &mut found.origins);
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
        .map(|(name, at)| (shown(name), place(source, at).0))
        .collect();
    found.mistakes = mistakes.tell(source);
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

/// Where packages send to that have the addresses in themselves: SNS's is that of a region, which has to stand in the source.
fn implied(required: &[(&str, usize)], regions: &[&str], found: &mut Vec<String>) {
    let has = |package: &str| required.iter().any(|(name, _)| *name == package);
    let mut add = |origin: String| {
        if found.len() < ORIGINS && !found.contains(&origin) {
            found.push(origin);
        }
    };
    if has("twilio") {
        for host in ["api", "verify"] {
            add(format!("https://{host}.twilio.com"));
        }
    }
    if ["@aws-sdk/client-sns", "aws-sdk", "aws-sdk/clients/sns"]
        .map(has)
        .contains(&true)
    {
        for region in regions {
            add(format!("https://sns.{region}.amazonaws.com"));
        }
    }
}

/// Whether a text has the look of one of AWS's regions, such as `eu-central-1`.
fn is_region(text: &str) -> bool {
    let parts: Vec<_> = text.split('-').collect();
    let [place @ .., number] = parts.as_slice() else {
        return false;
    };
    let word = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase());
    (2..=4).contains(&place.len())
        && place.first().is_some_and(|place| place.len() == 2)
        && place.iter().all(word)
        && matches!(number.as_bytes(), [b'1'..=b'9'])
}

const BUNDLE: &str = "dependencies are bundled on the author's machine, with `npx esbuild action.js --bundle \
                      --format=cjs --platform=browser`, for example, and what that writes is uploaded";

/// What an error of the engine's is in words that say how to mend it, where it is one that those who come from Auth0 make often.
pub fn explain(source: &str, error: BuildError) -> BuildError {
    let Some(line) = error.line.filter(|_| error.id == "syntax_error") else {
        return error;
    };
    let text = source
        .lines()
        .nth(line.saturating_sub(1) as usize)
        .unwrap_or_default();
    let before: String = text
        .chars()
        .take(error.column.unwrap_or(1).saturating_sub(1) as usize)
        .collect();
    let first = text
        .split(|c: char| !c.is_alphanumeric())
        .find(|word| !word.is_empty());
    let (id, message) = if ends_with_word(&before, "await") {
        (
            "await_outside_async",
            format!(
                "`await` is there in async functions only: write `async` before the function that this is in, as in \"{HANDLER}\""
            ),
        )
    } else if matches!(first, Some("import" | "export")) {
        (
            "module_syntax",
            "an action is a CommonJS module: `export` is written `exports.NAME = `, and `import` is written `const NAME = \
             require('PACKAGE')`"
                .to_owned(),
        )
    } else {
        return error;
    };
    BuildError {
        id: id.to_owned(),
        message,
        ..error
    }
}

fn ends_with_word(text: &str, word: &str) -> bool {
    text.trim_end().strip_suffix(word).is_some_and(|rest| {
        !rest.ends_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '$' | '.'))
    })
}

/// The secrets that a source reads: `event.secrets.NAME`, `secrets['NAME']`, `const { NAME } = event.secrets`, and
/// `{ secrets: { NAME } }` in a pattern.
#[derive(Default)]
struct Reads<'a> {
    found: Vec<(&'a str, usize)>,
    /// Of each brace that is open, whether it is that of secrets, and the names that stand first in it.
    open: Vec<(bool, Vec<(&'a str, usize)>)>,
    /// The names in the brace that has just been closed, and the token that must come next for them to be of secrets.
    closed: Option<(Vec<(&'a str, usize)>, Token<'static>)>,
}

impl<'a> Reads<'a> {
    fn see(&mut self, before: [Token<'a>; 4], token: Token<'a>, at: usize, reader: &Reader<'a>) {
        const SECRETS: Token<'static> = Token::Name("secrets");
        if let Some((names, next)) = self.closed.take() {
            match (next, token) {
                (Token::Sign(b'='), Token::Sign(b'=')) => self.closed = Some((names, SECRETS)),
                (SECRETS, Token::Name("event") | Token::Sign(b'.')) => {
                    self.closed = Some((names, SECRETS));
                }
                (SECRETS, SECRETS) if reader.peek(0) != Some(b'.') => self.add(names),
                _ => {}
            }
        }
        match token {
            Token::Sign(b'{') => {
                let of_secrets = matches!(before, [.., SECRETS, Token::Sign(b':')]);
                self.open.push((of_secrets, Vec::new()));
            }
            Token::Sign(b'}') => {
                if let Some((of_secrets, names)) = self.open.pop() {
                    if of_secrets {
                        self.add(names);
                    } else {
                        self.closed = Some((names, Token::Sign(b'=')));
                    }
                }
            }
            Token::Name(name) => match before {
                [
                    Token::Name("event"),
                    Token::Sign(b'.'),
                    SECRETS,
                    Token::Sign(b'.'),
                ] if reader.peek(0) != Some(b'(') => {
                    self.add(vec![(name, at)]);
                }
                [_, last, SECRETS, Token::Sign(b'.')]
                    if last != Token::Sign(b'.') && reader.peek(0) != Some(b'(') =>
                {
                    self.add(vec![(name, at)]);
                }
                [.., Token::Sign(b'{' | b',')] => {
                    if let Some((_, names)) = self.open.last_mut()
                        && names.len() < ORIGINS
                    {
                        names.push((name, at));
                    }
                }
                _ => {}
            },
            Token::Text(name) if matches!(before, [.., SECRETS, Token::Sign(b'[')]) => {
                self.add(vec![(name, at)]);
            }
            _ => {}
        }
    }

    fn add(&mut self, names: Vec<(&'a str, usize)>) {
        for (name, at) in names {
            if self.found.len() < ORIGINS && !self.found.iter().any(|(known, _)| *known == name) {
                self.found.push((name, at));
            }
        }
    }
}

/// Where a source does what is JavaScript, and likely not meant.
#[derive(Default)]
struct Mistakes {
    /// `event.secret`, which there is not.
    secret: Vec<usize>,
    /// `'${name}'`, which is no template.
    template: Vec<usize>,
}

impl Mistakes {
    fn see(&mut self, before: [Token<'_>; 4], token: Token<'_>, at: usize, reader: &Reader<'_>) {
        match token {
            Token::Name("secret")
                if matches!(before, [.., Token::Name("event"), Token::Sign(b'.')]) =>
            {
                self.secret.push(at);
            }
            Token::Text(text) if reader.quote == Some(b'\'') || reader.quote == Some(b'"') => {
                let is_value = |(at, _): (usize, &str)| {
                    text.as_bytes()
                        .get(at + 2)
                        .is_some_and(|byte| is_name(*byte))
                        && text.get(at..).is_some_and(|rest| rest.contains('}'))
                };
                if text.match_indices("${").any(is_value) {
                    self.template.push(at);
                }
            }
            _ => {}
        }
    }

    fn tell(self, source: &str) -> Vec<BuildError> {
        let all = |places: Vec<usize>, id: &'static str, message: &'static str| {
            places
                .into_iter()
                .take(MISTAKES)
                .map(move |at| located(source, at, id, message))
        };
        let secret = all(
            self.secret,
            "event_secret",
            "there is no event.secret: the secrets are in event.secrets",
        );
        let template = all(
            self.template,
            "quoted_template",
            "${…} is a value only in a template, which stands between backticks; between quotes it is sent as it is written",
        );
        secret.chain(template).collect()
    }
}

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
    let (line, column) = place(source, at);
    BuildError {
        line: Some(line),
        column: Some(column),
        ..BuildError::new(id, message)
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
    /// What stands around the text that was read last, if that is no template.
    quote: Option<u8>,
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
            quote: None,
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
        self.quote = Some(quote);
        self.cut(begin)
    }

    /// A part of a template: up to its end, or to a value in it.
    fn template(&mut self) -> Token<'a> {
        let begin = self.at;
        self.goes_on = false;
        self.quote = None;
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
    fn packages_have_origins_of_their_own() {
        let none: [&str; 0] = [];
        let of = |source| examine(source, &none).unwrap().origins;
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
    fn the_secrets_that_a_source_reads_are_found() {
        let source = "
            const { A, B: renamed, ...rest } = event.secrets;
            exports.h = async ({ notification, secrets: { C, D = 'x' } }, api) => {
              const { E } = secrets, { F } = other.things;
              use(event.secrets.G, event?.secrets?.H, secrets['I'], secrets.J, event.secrets.A);
              module.secrets.K; secrets.get(L); const { M } = event; ({ N: 1 });
            };";
        let none: [&str; 0] = [];
        let found = examine(source, &none).unwrap().secrets;
        let found: Vec<_> = found
            .iter()
            .map(|(name, line)| (name.as_str(), *line))
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
        let found = examine(source, &none).unwrap();
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
            assert!(examine(source, &none).unwrap().requests, "{source}");
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
            let explained = explain(source, error(line, column));
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
            drop(examine(source, &none));
        }
    }
}
