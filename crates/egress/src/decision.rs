//! The one function that decides, and what it says.

use std::sync::Arc;

use http::Method;
use serde::{Serialize, Serializer};

use crate::origin::{self, Origin, Scheme};
use crate::rule::{Match, Policy, Rule};
use crate::target::{self, Target};

/// Allowed or not, by which rule, and why.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Decision {
    /// Whether the request may be sent.
    pub verdict: Verdict,
    /// The rule that allows the request or, where one comes near, the rule that does not quite.
    #[serde(serialize_with = "text")]
    pub rule: Option<Arc<str>>,
    /// The path pattern by which the rule allows it; none where the rule allows any path.
    #[serde(serialize_with = "text")]
    pub pattern: Option<Arc<str>>,
    /// Why.
    pub reason: Reason,
}

#[expect(clippy::ref_option, reason = "serde hands fields over by reference")]
pub(crate) fn text<S: Serializer>(
    text: &Option<Arc<str>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    text.as_deref().serialize(serializer)
}

impl Decision {
    /// Turns it down, for a reason found after the rules were asked. The rule stays.
    pub(crate) fn deny(&mut self, reason: Reason) {
        self.verdict = Verdict::Denied;
        self.reason = reason;
    }

    pub(crate) fn denied(reason: Reason) -> Self {
        Self {
            verdict: Verdict::Denied,
            rule: None,
            pattern: None,
            reason,
        }
    }
}

/// Whether a request may be sent.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It may.
    Allowed,
    /// It may not; nobody was asked, beyond a name server.
    Denied,
}

/// Why a request was allowed or denied.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// An answer of the name server is an address that actions may not reach.
    Address,
    /// The host is an address and not a name.
    AddressLiteral,
    /// The path can be read in two ways: `..`, `//`, `%2f` and the like.
    AmbiguousPath,
    /// The operator has stopped all requests, the tenant's, or those to this origin. It may have been under way.
    Blocked,
    /// The run has used up its requests or bytes, or too many requests are under way.
    Budget,
    /// The action's rules allow it, the operator's ceiling does not.
    Ceiling,
    /// The request is malformed or too large.
    Malformed,
    /// A rule names the origin, but not with this method.
    Method,
    /// No rule names the origin.
    Origin,
    /// The name leads to phonebox itself, or to the machine that it runs on.
    Own,
    /// A rule names the origin and the method, but not the path.
    Path,
    /// The port belongs to another protocol.
    Port,
    /// A rule allows it.
    Rule,
    /// The scheme is not `https`.
    Scheme,
    /// A secret stands where none is put, or may not go to this origin, or the rule's auth cannot sign.
    Secret,
    /// The name is local or special: a single label, `.internal`, `.local` and the like.
    SpecialName,
    /// The action asked for too many origins that it may not reach, and waits out the hour.
    Suspended,
}

impl Reason {
    /// The reason's name in records.
    pub fn code(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::AddressLiteral => "address-literal",
            Self::AmbiguousPath => "ambiguous-path",
            Self::Blocked => "blocked",
            Self::Budget => "budget",
            Self::Ceiling => "ceiling",
            Self::Malformed => "malformed",
            Self::Method => "method",
            Self::Origin => "origin",
            Self::Own => "own",
            Self::Path => "path",
            Self::Port => "port",
            Self::Rule => "rule",
            Self::Scheme => "scheme",
            Self::Secret => "secret",
            Self::SpecialName => "special-name",
            Self::Suspended => "suspended",
        }
    }

    /// Whether it says that a target may not be reached, rather than what is wrong with the request or with its number.
    pub(crate) fn is_refusal(self) -> bool {
        !matches!(
            self,
            Self::Budget | Self::Malformed | Self::Rule | Self::Secret
        )
    }
}

/// The operator's bounds, which no policy exceeds.
#[derive(Clone, Debug)]
pub(crate) struct Ceiling {
    /// None: any https origin.
    pub(crate) policy: Option<Policy>,
    /// Where plain http may be spoken. Naming an origin here also puts it below the ceiling.
    pub(crate) plain_http: PlainHttp,
}

/// Where plain http may be spoken.
#[derive(Clone, Debug)]
pub(crate) enum PlainHttp {
    To(Vec<Origin>),
    Everywhere,
}

impl PlainHttp {
    fn reaches(&self, origin: &Origin) -> bool {
        match self {
            Self::To(origins) => origins.contains(origin),
            Self::Everywhere => origin.scheme == Scheme::Http,
        }
    }
}

impl Ceiling {
    fn admits(&self, target: &Target, method: &Method) -> bool {
        self.plain_http.reaches(&target.origin)
            || match &self.policy {
                None => target.origin.scheme == Scheme::Https,
                Some(policy) => matches!(policy.check(target, method).0, Match::Granted(_)),
            }
    }
}

/// Decides. Pure: the same question has the same answer, and nobody is asked.
///
/// The rule returned is the one that names the origin: what it says of it is no guest's word.
pub(crate) fn decide<'a>(
    policy: &'a Policy,
    ceiling: &Ceiling,
    target: &Target,
    method: &Method,
) -> (Decision, Option<&'a Rule>) {
    if let Some(reason) = objection(ceiling, target) {
        return (Decision::denied(reason), None);
    }
    let (found, rule) = policy.check(target, method);
    let reason = match found {
        Match::OtherOrigin => Reason::Origin,
        Match::OtherMethod => Reason::Method,
        Match::OtherPath => Reason::Path,
        Match::Granted(_) if !ceiling.admits(target, method) => Reason::Ceiling,
        Match::Granted(_) => Reason::Rule,
    };
    let pattern = match found {
        Match::Granted(pattern) => pattern.map(|pattern| Arc::clone(&pattern.written)),
        _ => None,
    };
    let decision = Decision {
        verdict: if reason == Reason::Rule {
            Verdict::Allowed
        } else {
            Verdict::Denied
        },
        rule: rule.map(|rule| Arc::clone(rule.written())),
        pattern,
        reason,
    };
    (decision, rule)
}

/// Whether what this rule allowed holds for what is sent in its place, with secrets in the path. No other rule is asked: which
/// one a value matches would tell of the value.
pub(crate) fn holds(
    rule: &Rule,
    ceiling: &Ceiling,
    decided: &Target,
    sent: &Target,
    method: &Method,
) -> bool {
    // An empty last segment is none to many.
    decided.path().ends_with('/') == sent.path().ends_with('/')
        && objection(ceiling, sent).is_none()
        && matches!(rule.check(sent, method), Match::Granted(_))
        && ceiling.admits(sent, method)
}

/// What holds whatever a rule says.
fn objection(ceiling: &Ceiling, target: &Target) -> Option<Reason> {
    let origin = &target.origin;
    if target.literal.is_some() {
        return Some(Reason::AddressLiteral);
    }
    if origin::is_special(&origin.host) {
        return Some(Reason::SpecialName);
    }
    if origin::BLOCKED_PORTS.contains(&origin.port) {
        return Some(Reason::Port);
    }
    if origin.scheme == Scheme::Http && !ceiling.plain_http.reaches(origin) {
        return Some(Reason::Scheme);
    }
    // Before any pattern is matched.
    target::is_ambiguous(target.path()).then_some(Reason::AmbiguousPath)
}
