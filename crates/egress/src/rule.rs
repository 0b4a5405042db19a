//! What an action may reach, as its author or its operator wrote it.

use std::fmt;
use std::sync::Arc;

use http::Method;
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};
use sha2::{Digest, Sha256};

use crate::auth::Auth;
use crate::origin::{InvalidOrigin, Origin};
use crate::pattern::OriginPattern;
use crate::target::{self, Target};
use crate::text::{self, Hex};

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
    origin: OriginPattern,
    methods: Vec<Method>,
    paths: Vec<Pattern>,
    auth: Option<Arc<Auth>>,
    /// The whole rule but for its auth, for the records of many requests.
    written: Arc<str>,
}

impl Rule {
    /// Reads one rule.
    ///
    /// - `origin`: see [`OriginPattern::parse`].
    /// - `methods`: of `GET`, `POST`, `PUT`, `PATCH`, `DELETE` and `HEAD`; none means `POST`.
    /// - `paths`: at most 32; none means any path. `*` is one whole segment that is not empty; `**`, only at the end, is
    ///   one or more segments. Everything else is literal, written decoded, and compared with the path decoded once.
    pub fn new<M: AsRef<str>, P: AsRef<str>>(
        origin: &str,
        methods: &[M],
        paths: &[P],
    ) -> Result<Self, InvalidRule> {
        let origin = OriginPattern::parse(origin).map_err(InvalidRule::Origin)?;
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
        let mut rule = Self {
            origin,
            methods: granted,
            paths,
            auth: None,
            written: "".into(),
        };
        rule.written = write(&rule).into();
        Ok(rule)
    }

    /// Has the host sign what this rule allows.
    pub fn with_auth(mut self, auth: Auth) -> Result<Self, InvalidRule> {
        auth.check()?;
        self.auth = Some(Arc::new(auth));
        Ok(self)
    }

    /// The origins that it is for.
    pub fn origins(&self) -> &OriginPattern {
        &self.origin
    }

    /// The origin as written.
    pub fn origin(&self) -> &str {
        self.origin.as_str()
    }

    /// How the host signs what it allows.
    pub fn auth(&self) -> Option<&Auth> {
        self.auth.as_deref()
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
        self.origin.exact()
    }

    pub(crate) fn written_origin(&self) -> &Arc<str> {
        self.origin.written()
    }

    pub(crate) fn check(&self, target: &Target, method: &Method) -> Match<'_> {
        if !self.origin.is_for(&target.origin) {
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
        self.origin == other.origin && all(self, other) && all(other, self)
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
        let mut rule = serializer.serialize_struct("Rule", 4)?;
        rule.serialize_field("origin", self.origin())?;
        rule.serialize_field("methods", &self.methods().collect::<Vec<_>>())?;
        rule.serialize_field("paths", &self.paths().collect::<Vec<_>>())?;
        if let Some(auth) = self.auth() {
            rule.serialize_field("auth", auth)?;
        }
        rule.end()
    }
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
    /// Its auth cannot be kept.
    #[error("the rule's auth cannot be kept: {problem}")]
    Auth {
        /// What is wrong with it.
        problem: String,
        /// What to write instead.
        mend: &'static str,
    },
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
            Self::Auth { mend, .. } | Self::Path { mend, .. } => mend,
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
    /// Most rules in one policy.
    pub const RULES: usize = 20;

    /// The policy of these rules, at most 20 and no two the same. A request needs one that allows it.
    pub fn new(rules: Vec<Rule>) -> Result<Self, InvalidRule> {
        if rules.len() > Self::RULES {
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
            // No part of a rule holds a NUL or a line break as it is.
            digest.update(rule.origin());
            for part in rule.methods().chain(rule.paths()) {
                digest.update("\0");
                digest.update(part);
            }
            if let Some(auth) = rule.auth() {
                digest.update(format!("\0{auth:?}"));
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
