//! What an action may reach, as its author or its operator wrote it.

use std::fmt;
use std::sync::Arc;

use http::Method;
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use crate::origin::{InvalidOrigin, Origin, SHOWN};
use crate::target::{self, Target};

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
}

impl Rule {
    /// Reads one rule.
    ///
    /// - `origin`: see [`Origin::parse`]. Its first label may be `*`, which stands for exactly one label; at least two
    ///   labels must follow. The public suffix list is *not* consulted: `https://*.co.uk` passes here, so an operator who
    ///   admits strangers' rules reads wildcards before approving them, or sets a ceiling.
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
                written: shown(name),
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
        Ok(Self {
            origin,
            any_label,
            methods: granted,
            paths,
        })
    }

    /// The origin as written.
    pub fn origin(&self) -> String {
        self.written_origin().to_string()
    }

    /// The methods granted; never empty.
    pub fn methods(&self) -> impl Iterator<Item = &str> {
        self.methods.iter().map(Method::as_str)
    }

    /// The path patterns as written; none means any path.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.paths.iter().map(|pattern| &*pattern.written)
    }

    fn written_origin(&self) -> impl fmt::Display {
        fmt::from_fn(|f| {
            if !self.any_label {
                return fmt::Display::fmt(&self.origin, f);
            }
            write!(
                f,
                "{}://*.{}",
                self.origin.scheme(),
                self.origin.authority()
            )
        })
    }

    pub(crate) fn check(&self, target: &Target, method: &Method) -> Match {
        if !self.is_for(&target.origin) {
            Match::OtherOrigin
        } else if !self.methods.contains(method) {
            Match::OtherMethod
        } else if self.paths.is_empty() || self.paths.iter().any(|path| path.is_for(target.path()))
        {
            Match::Granted
        } else {
            Match::OtherPath
        }
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
pub(crate) enum Match {
    OtherOrigin,
    OtherMethod,
    OtherPath,
    Granted,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        join(f, "|", self.methods())?;
        write!(f, " {}", self.written_origin())?;
        join(f, "|", self.paths())
    }
}

fn join<'a>(
    f: &mut fmt::Formatter<'_>,
    separator: &str,
    parts: impl Iterator<Item = &'a str>,
) -> fmt::Result {
    for (index, part) in parts.enumerate() {
        if index > 0 {
            f.write_str(separator)?;
        }
        f.write_str(part)?;
    }
    Ok(())
}

impl Serialize for Rule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut rule = serializer.serialize_struct("Rule", 3)?;
        rule.serialize_field("origin", &self.origin())?;
        rule.serialize_field("methods", &self.methods().collect::<Vec<_>>())?;
        rule.serialize_field("paths", &self.paths().collect::<Vec<_>>())?;
        rule.end()
    }
}

fn read_origin(written: &str) -> Result<(Origin, bool), InvalidOrigin> {
    let Some((scheme, rest)) = written.split_once("://*.") else {
        if written.contains('*') {
            return Err(InvalidOrigin {
                written: shown(written),
                problem: "`*` stands where no wildcard may",
                mend: "use `*` as the whole first label only, as in `https://*.example.com`"
                    .to_owned(),
            });
        }
        return Ok((Origin::parse(written)?, false));
    };
    if !rest.contains('.') {
        return Err(InvalidOrigin {
            written: shown(written),
            problem: "its wildcard covers too much",
            mend: "let at least two labels follow `*`, as in `https://*.example.com`".to_owned(),
        });
    }
    let origin = Origin::parse(&format!("{scheme}://{rest}")).map_err(|invalid| InvalidOrigin {
        written: shown(written),
        ..invalid
    })?;
    Ok((origin, true))
}

fn shown(written: &str) -> String {
    written.chars().take(SHOWN).collect()
}

/// One path pattern.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Pattern {
    written: Arc<str>,
}

impl Pattern {
    fn parse(written: &str) -> Result<Self, InvalidRule> {
        let invalid = |problem, mend| InvalidRule::Path {
            written: shown(written),
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
}

impl Policy {
    /// The policy of these rules, at most 20. A request needs one that allows it.
    pub fn new(rules: Vec<Rule>) -> Result<Self, InvalidRule> {
        if rules.len() > RULES {
            return Err(InvalidRule::TooManyRules { count: rules.len() });
        }
        Ok(Self {
            rules: rules.into(),
        })
    }

    /// The policy that allows nothing.
    pub fn deny_all() -> Self {
        Self { rules: [].into() }
    }

    /// The rules, in the order in which they were given.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The first rule that grants the request, or how near the nearest came.
    pub(crate) fn check(&self, target: &Target, method: &Method) -> (Match, Option<&Rule>) {
        let mut nearest = (Match::OtherOrigin, None);
        for rule in &*self.rules {
            let found = rule.check(target, method);
            if found == Match::Granted {
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
