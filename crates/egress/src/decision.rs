//! The one function that decides, and what it says.

use http::Method;
use serde::Serialize;

use crate::origin::{self, Origin, Scheme};
use crate::rule::{Match, Policy};
use crate::target::{self, Target};

/// Allowed or not, by which rule, and why.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Decision {
    /// Whether the request may be sent.
    pub verdict: Verdict,
    /// The rule that allows the request or, where one comes near, the rule that does not quite.
    pub rule: Option<String>,
    /// Why.
    pub reason: Reason,
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
    /// The run has used up its requests or bytes.
    Budget,
    /// The action's rules allow it, the operator's ceiling does not.
    Ceiling,
    /// The request is malformed or too large.
    Malformed,
    /// A rule names the origin, but not with this method.
    Method,
    /// No rule names the origin.
    Origin,
    /// A rule names the origin and the method, but not the path.
    Path,
    /// The port belongs to another protocol.
    Port,
    /// A rule allows it.
    Rule,
    /// The scheme is not `https`.
    Scheme,
    /// The name is local or special: a single label, `.internal`, `.local` and the like.
    SpecialName,
}

impl Reason {
    /// The reason's name in records.
    pub fn code(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::AddressLiteral => "address-literal",
            Self::AmbiguousPath => "ambiguous-path",
            Self::Budget => "budget",
            Self::Ceiling => "ceiling",
            Self::Malformed => "malformed",
            Self::Method => "method",
            Self::Origin => "origin",
            Self::Path => "path",
            Self::Port => "port",
            Self::Rule => "rule",
            Self::Scheme => "scheme",
            Self::SpecialName => "special-name",
        }
    }
}

/// The operator's bounds, which no policy exceeds.
#[derive(Clone, Debug)]
pub(crate) struct Ceiling {
    /// None: any https origin.
    pub(crate) policy: Option<Policy>,
    /// Where plain http may be spoken. Naming an origin here also puts it below the ceiling.
    pub(crate) plain_http: Vec<Origin>,
}

impl Ceiling {
    fn admits(&self, target: &Target, method: &Method) -> bool {
        self.plain_http.contains(&target.origin)
            || match &self.policy {
                None => target.origin.scheme == Scheme::Https,
                Some(policy) => policy.check(target, method).0 == Match::Granted,
            }
    }
}

/// Decides. Pure: the same question has the same answer, and nobody is asked.
pub(crate) fn decide(
    policy: &Policy,
    ceiling: &Ceiling,
    target: &Target,
    method: &Method,
) -> Decision {
    let origin = &target.origin;
    // These hold whatever a rule says.
    if target.literal.is_some() {
        return Decision::denied(Reason::AddressLiteral);
    }
    if origin::is_special(&origin.host) {
        return Decision::denied(Reason::SpecialName);
    }
    if origin::BLOCKED_PORTS.contains(&origin.port) {
        return Decision::denied(Reason::Port);
    }
    if origin.scheme == Scheme::Http && !ceiling.plain_http.contains(origin) {
        return Decision::denied(Reason::Scheme);
    }
    // Before any pattern is matched.
    if target::is_ambiguous(target.path()) {
        return Decision::denied(Reason::AmbiguousPath);
    }
    let (found, rule) = policy.check(target, method);
    let reason = match found {
        Match::OtherOrigin => Reason::Origin,
        Match::OtherMethod => Reason::Method,
        Match::OtherPath => Reason::Path,
        Match::Granted if !ceiling.admits(target, method) => Reason::Ceiling,
        Match::Granted => Reason::Rule,
    };
    Decision {
        verdict: if reason == Reason::Rule {
            Verdict::Allowed
        } else {
            Verdict::Denied
        },
        rule: rule.map(ToString::to_string),
        reason,
    }
}
