//! What an action may reach, as its author or its operator wrote it.

use std::fmt;
use std::sync::Arc;

use http::Method;
use psl::Psl;
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};
use sha2::{Digest, Sha256};

use crate::origin::{InvalidOrigin, Origin};
use crate::target::{self, Target};
use crate::text::{self, Hex};

/// Most rules in one policy.
const RULES: usize = 20;
/// Most path patterns in one rule.
const PATHS: usize = 32;
/// Longest path pattern, in bytes.
const PATTERN_LIMIT: usize = 512;

/// The methods a rule can grant. The others either ask nothing of a provider or reflect headers.
pub(crate) const METHODS: [Method; 6] = [
    Method::DELETE,
    Method::GET,
    Method::HEAD,
    Method::PATCH,
    Method::POST,
    Method::PUT,
];

/// The method of this name, spelled exactly.
pub(crate) fn method(name: &str) -> Option<Method> {
    METHODS.into_iter().find(|method| method.as_str() == name)
}

/// One `[[egress]]` entry: an origin, the methods, and the paths.
///
/// `Display` shows it on one line, as in `POST https://api.example.com/messages/*`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Rule {
    origin: Origin,
    /// Then `origin.host` is what follows the first label.
    any_label: bool,
    methods: Vec<Method>,
    paths: Vec<Pattern>,
    /// The origin as written, and the whole rule, for the records of many requests.
    written_origin: Arc<str>,
    written: Arc<str>,
}

impl Rule {
    /// Reads one rule.
    ///
    /// - `origin`: see [`Origin::parse`]. Its first label may be `*`, which stands for exactly one label. What follows
    ///   has at least two labels and is no public suffix, under which anybody may register: not `https://*.co.uk`, not
    ///   `https://*.github.io`.
    /// - `methods`: of `GET`, `POST`, `PUT`, `PATCH`, `DELETE` and `HEAD`; none means `POST`.
    /// - `paths`: at most 32; none means any path. `*` is one whole segment that is not empty; `**`, only at the end, is
    ///   one or more segments. Everything else is literal, written decoded, and compared with the path decoded once.
    pub fn new<M: AsRef<str>, P: AsRef<str>>(
        origin: &str,
        methods: &[M],
        paths: &[P],
    ) -> Result<Self, InvalidRule> {
        let (origin, any_label) = read_origin(origin).map_err(InvalidRule::Origin)?;
        let mut granted = Vec::with_capacity(methods.len().max(1));
        for name in methods {
            let name = name.as_ref();
            let method = method(name).ok_or_else(|| InvalidRule::Method {
                written: text::shown(name),
            })?;
            if !granted.contains(&method) {
                granted.push(method);
            }
        }
        if granted.is_empty() {
            granted.push(Method::POST);
        }
        if paths.len() > PATHS {
            return Err(InvalidRule::TooManyPaths { count: paths.len() });
        }
        let paths = paths
            .iter()
            .map(|path| Pattern::parse(path.as_ref()))
            .collect::<Result<_, _>>()?;
        let written_origin: Arc<str> = if any_label {
            format!("{}://*.{}", origin.scheme(), origin.authority()).into()
        } else {
            origin.to_string().into()
        };
        let mut rule = Self {
            origin,
            any_label,
            methods: granted,
            paths,
            written_origin,
            written: "".into(),
        };
        rule.written = write(&rule).into();
        Ok(rule)
    }

    /// The origin as written.
    pub fn origin(&self) -> &str {
        &self.written_origin
    }

    /// The methods granted; never empty.
    pub fn methods(&self) -> impl Iterator<Item = &str> {
        self.methods.iter().map(Method::as_str)
    }

    /// The path patterns as written; none means any path.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.paths.iter().map(|pattern| &*pattern.written)
    }

    /// The rule as `Display` shows it.
    pub(crate) fn written(&self) -> &Arc<str> {
        &self.written
    }

    /// The origin of requests that this rule is for, if it is a single one.
    pub(crate) fn exact_origin(&self) -> Option<&Origin> {
        (!self.any_label).then_some(&self.origin)
    }

    pub(crate) fn written_origin(&self) -> &Arc<str> {
        &self.written_origin
    }

    pub(crate) fn check(&self, target: &Target, method: &Method) -> Match<'_> {
        if !self.is_for(&target.origin) {
            return Match::OtherOrigin;
        }
        if !self.methods.contains(method) {
            return Match::OtherMethod;
        }
        if self.paths.is_empty() {
            return Match::Granted(None);
        }
        match self.paths.iter().find(|path| path.is_for(target.path())) {
            Some(pattern) => Match::Granted(Some(pattern)),
            None => Match::OtherPath,
        }
    }

    /// Whether both grant the same, in whatever order it is written.
    fn grants_what(&self, other: &Self) -> bool {
        let all = |one: &Self, other: &Self| {
            one.methods
                .iter()
                .all(|method| other.methods.contains(method))
                && one.paths.iter().all(|path| other.paths.contains(path))
        };
        self.written_origin == other.written_origin && all(self, other) && all(other, self)
    }

    fn is_for(&self, origin: &Origin) -> bool {
        if !self.any_label {
            return self.origin == *origin;
        }
        self.origin.scheme == origin.scheme
            && self.origin.port == origin.port
            && origin
                .host
                .split_once('.')
                .is_some_and(|(_, rest)| *rest == *self.origin.host)
    }
}

/// How far a request gets with one rule. Ordered: the farther, the nearer the rule is to what the author meant.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Match<'a> {
    OtherOrigin,
    OtherMethod,
    OtherPath,
    /// By this pattern; none: the rule allows any path.
    Granted(Option<&'a Pattern>),
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

fn write(rule: &Rule) -> String {
    let methods: Vec<_> = rule.methods().collect();
    let paths: Vec<_> = rule.paths().collect();
    format!("{} {}{}", methods.join("|"), rule.origin(), paths.join("|"))
}

impl Serialize for Rule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut rule = serializer.serialize_struct("Rule", 3)?;
        rule.serialize_field("origin", self.origin())?;
        rule.serialize_field("methods", &self.methods().collect::<Vec<_>>())?;
        rule.serialize_field("paths", &self.paths().collect::<Vec<_>>())?;
        rule.end()
    }
}

fn read_origin(written: &str) -> Result<(Origin, bool), InvalidOrigin> {
    let Some((scheme, rest)) = written.split_once("://*.") else {
        if written.contains('*') {
            return Err(InvalidOrigin {
                written: text::shown(written),
                problem: "`*` stands where no wildcard may",
                mend: "use `*` as the whole first label only, as in `https://*.example.com`"
                    .to_owned(),
            });
        }
        return Ok((Origin::parse(written)?, false));
    };
    let covers_too_much = |mend: &str| InvalidOrigin {
        written: text::shown(written),
        problem: "its wildcard covers too much",
        mend: mend.to_owned(),
    };
    if !rest.contains('.') {
        return Err(covers_too_much(
            "let at least two labels follow `*`, as in `https://*.example.com`",
        ));
    }
    let origin = Origin::parse(&format!("{scheme}://{rest}")).map_err(|invalid| InvalidOrigin {
        written: text::shown(written),
        ..invalid
    })?;
    if is_public_suffix(&origin.host) {
        return Err(covers_too_much(
            "anybody can have a name there; name the host, or let `*` stand below a name that is one owner's",
        ));
    }
    Ok((origin, true))
}

/// Whether strangers can register names below this one.
fn is_public_suffix(host: &str) -> bool {
    psl::List
        .suffix(host.as_bytes())
        .is_some_and(|suffix| suffix.as_bytes() == host.as_bytes())
}

/// One path pattern.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Pattern {
    pub(crate) written: Arc<str>,
}

impl Pattern {
    fn parse(written: &str) -> Result<Self, InvalidRule> {
        let invalid = |problem, mend| InvalidRule::Path {
            written: text::shown(written),
            problem,
            mend,
        };
        if written.len() > PATTERN_LIMIT {
            return Err(invalid("it is longer than 512 bytes", "end it in `/**`"));
        }
        let Some(segments) = written.strip_prefix('/') else {
            return Err(invalid("it does not begin with `/`", "begin it with `/`"));
        };
        if !written.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(invalid(
                "it holds a space or a character outside of ASCII",
                "use `*` for a segment that needs one",
            ));
        }
        if written.contains(['?', '#', '\\', '%']) {
            return Err(invalid(
                "it holds `?`, `#`, `\\` or `%`",
                "leave the query away, and write characters as they are, not encoded",
            ));
        }
        if target::is_ambiguous(written) {
            return Err(invalid(
                "it holds an empty, `.` or `..` segment",
                "write the path that is meant",
            ));
        }
        let count = segments.split('/').count();
        for (index, segment) in segments.split('/').enumerate() {
            match segment {
                "*" => {}
                "**" if index + 1 == count => {}
                _ if segment.contains('*') => {
                    return Err(invalid(
                        "`*` stands where no wildcard may",
                        "use `*` for one whole segment, and `**` only as the last one",
                    ));
                }
                _ => {}
            }
        }
        Ok(Self {
            written: written.into(),
        })
    }

    /// Whether a path that is not ambiguous matches.
    fn is_for(&self, path: &str) -> bool {
        let mut asked = path.split('/').skip(1);
        for wanted in self.written.split('/').skip(1) {
            let Some(segment) = asked.next() else {
                return false;
            };
            let same = match wanted {
                "**" => return true,
                "*" => !segment.is_empty(),
                literal => target::segment_is(segment, literal),
            };
            if !same {
                return false;
            }
        }
        asked.next().is_none()
    }
}

/// A rule, or a list of rules, that cannot be. [`hint`](Self::hint) says what to write instead.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InvalidRule {
    /// Two rules grant the same.
    #[error("the rule `{rule}` stands there twice")]
    Duplicate {
        /// The second of them.
        rule: String,
    },
    /// `methods` names something that cannot be granted.
    #[error("`{written}` is not a method that can be granted")]
    Method {
        /// What was written, at most 128 characters.
        written: String,
    },
    /// `origin` cannot be read, or cannot be granted.
    #[error(transparent)]
    Origin(InvalidOrigin),
    /// A pattern in `paths`.
    #[error("`{written}` is not a path pattern: {problem}")]
    Path {
        /// What was written, at most 128 characters.
        written: String,
        /// What is wrong with it.
        problem: &'static str,
        /// What to write instead.
        mend: &'static str,
    },
    /// More than 32 paths in one rule.
    #[error("{count} paths in one rule, where at most 32 may be")]
    TooManyPaths {
        /// How many there are.
        count: usize,
    },
    /// More than 20 rules.
    #[error("{count} rules, where at most 20 may be")]
    TooManyRules {
        /// How many there are.
        count: usize,
    },
}

impl InvalidRule {
    /// What to write instead.
    pub fn hint(&self) -> &str {
        match self {
            Self::Duplicate { .. } => "leave one of them out",
            Self::Method { .. } => "write GET, POST, PUT, PATCH, DELETE or HEAD, in capitals",
            Self::Origin(invalid) => invalid.hint(),
            Self::Path { mend, .. } => mend,
            Self::TooManyPaths { .. } => "let `*` or `**` stand for what differs",
            Self::TooManyRules { .. } => "join rules of one origin, or use a wildcard",
        }
    }
}

/// All that an action may reach. Nothing else is.
///
/// Cheap to clone.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Policy {
    rules: Arc<[Rule]>,
    digest: Hex,
}

impl Policy {
    /// The policy of these rules, at most 20 and no two the same. A request needs one that allows it.
    pub fn new(rules: Vec<Rule>) -> Result<Self, InvalidRule> {
        if rules.len() > RULES {
            return Err(InvalidRule::TooManyRules { count: rules.len() });
        }
        for (index, rule) in rules.iter().enumerate() {
            if rules
                .iter()
                .take(index)
                .any(|earlier| rule.grants_what(earlier))
            {
                return Err(InvalidRule::Duplicate {
                    rule: text::shown(&*rule.written),
                });
            }
        }
        Ok(Self::of(rules))
    }

    /// The policy that allows nothing.
    pub fn deny_all() -> Self {
        Self::of(Vec::new())
    }

    fn of(rules: Vec<Rule>) -> Self {
        let mut digest = Sha256::new();
        for rule in &rules {
            // No part of a rule holds a NUL or a line break.
            digest.update(rule.origin());
            for part in rule.methods().chain(rule.paths()) {
                digest.update("\0");
                digest.update(part);
            }
            digest.update("\n");
        }
        Self {
            rules: rules.into(),
            digest: Hex(digest.finalize().into()),
        }
    }

    /// SHA-256 over the rules in their order, in hexadecimal: what a record names the policy by.
    pub fn digest(&self) -> impl fmt::Display + use<> {
        self.digest
    }

    /// The rules, in the order in which they were given.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The first rule that grants the request, or how near the nearest came.
    pub(crate) fn check(&self, target: &Target, method: &Method) -> (Match<'_>, Option<&Rule>) {
        let mut nearest = (Match::OtherOrigin, None);
        for rule in &*self.rules {
            let found = rule.check(target, method);
            if matches!(found, Match::Granted(_)) {
                return (found, Some(rule));
            }
            if found > nearest.0 {
                nearest = (found, Some(rule));
            }
        }
        nearest
    }
}

impl Serialize for Policy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(&*self.rules)
    }
}
