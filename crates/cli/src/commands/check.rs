use std::fmt::{self, Write as _};
use std::time::Duration;

use phonebox::componentize::{Checked, Measure};
use phonebox::jail::Bounds;
use phonebox::{Action, Digest, Manifest};
use serde::Serialize;

use crate::args;
use crate::config;
use crate::failure::{Code, Failure};
use crate::output::{BOLD, DIM, GOOD, NOTE, Output};
use crate::project::{Project, kilobytes};
use crate::stage;
use crate::trace::milliseconds;

/// What an action is, as far as can be said without running it.
#[derive(Serialize)]
struct Findings<'a> {
    digest: Digest,
    component: &'a Checked,
    manifest: &'a Manifest,
    deadline_ms: u128,
    memory_mib: usize,
    compile_ms: u128,
}

pub(super) fn run(arguments: &args::Check, output: Output) -> Result<Code, Failure> {
    let path = &arguments.path;
    let action = if path.is_file() {
        let component = Failure::or_component(path)?;
        Action::from_component(component)?
    } else {
        Project::open(path)?.build(output)?.action
    };
    // What the names leave open, the types, is found by linking.
    let compiled = stage::compile(&action, config::jail(Bounds::default(), output)?, None)?;
    let findings = Findings {
        digest: action.digest(),
        component: action.checked(),
        manifest: action.manifest(),
        deadline_ms: action.manifest().limits.deadline.as_millis(),
        memory_mib: action.manifest().limits.memory >> 20,
        compile_ms: compiled.as_millis(),
    };
    output.result(
        Text {
            findings: &findings,
            compiled,
            limits: arguments.limits,
        },
        &findings,
    );
    Ok(Code::Ok)
}

struct Text<'a> {
    findings: &'a Findings<'a>,
    compiled: Duration,
    limits: bool,
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            findings:
                Findings {
                    digest,
                    component,
                    manifest,
                    deadline_ms,
                    memory_mib,
                    ..
                },
            compiled,
            limits,
        } = self;
        writeln!(f, "{BOLD}{}{BOLD:#}  {DIM}{digest}{DIM:#}", manifest.name)?;
        if let Some(description) = &manifest.description {
            writeln!(f, "  {description}")?;
        }
        writeln!(
            f,
            "  weighs    {}, {} functions; compiles in {}",
            kilobytes(component.size),
            component.functions,
            milliseconds(*compiled)
        )?;
        let (ours, wasi): (Vec<_>, Vec<_>) = component
            .imports
            .iter()
            .partition(|name| !name.starts_with("wasi:"));
        row(f, "imports", ours.iter().map(ToString::to_string))?;
        if !wasi.is_empty() {
            row(
                f,
                "",
                [format!("and {} interfaces of WASI 0.2", wasi.len())],
            )?;
        }
        let rules = manifest.egress.iter().map(|rule| {
            let mut line = rule.to_string();
            if let Some(auth) = rule.auth() {
                let secrets: Vec<_> = auth.secrets().collect();
                write!(line, "  {DIM}signed with {}{DIM:#}", secrets.join(", "))
                    .expect("writing to a String never fails");
            }
            line
        });
        row(f, "reaches", rules)?;
        let secrets = manifest.secrets.iter().map(|(name, spec)| {
            let mut line = name.clone();
            if spec.optional {
                line.push_str(" (optional)");
            }
            if spec.reveal {
                line.push_str(" (its value)");
            }
            if let Some(description) = &spec.description {
                write!(line, "  {DIM}{description}{DIM:#}")
                    .expect("writing to a String never fails");
            }
            line
        });
        row(f, "reads", secrets)?;
        writeln!(
            f,
            "  may use   {deadline_ms} ms, {memory_mib} MiB of memory"
        )?;
        if *limits {
            writeln!(f, "  {:<52} {:>12} {:>12}", "limits", "has", "may have")?;
            for measure in &component.measures {
                let Measure {
                    what,
                    found,
                    limit,
                    unit,
                    ..
                } = measure;
                // Near the limit is worth a look before the next change.
                let style = if found.saturating_mul(10) >= limit.saturating_mul(8) && *found > 1 {
                    NOTE
                } else {
                    DIM
                };
                writeln!(
                    f,
                    "  {what:<52} {style}{found:>12}{style:#} {limit:>12} {unit}"
                )?;
            }
        }
        write!(f, "  {GOOD}nothing would be refused{GOOD:#}")
    }
}

/// A heading, and lines beside it; `nothing` where there are none.
fn row(
    f: &mut fmt::Formatter<'_>,
    heading: &str,
    lines: impl IntoIterator<Item = String>,
) -> fmt::Result {
    let mut lines = lines.into_iter().peekable();
    if lines.peek().is_none() {
        return writeln!(f, "  {heading:<9} nothing");
    }
    for (index, line) in lines.enumerate() {
        writeln!(f, "  {:<9} {line}", if index == 0 { heading } else { "" })?;
    }
    Ok(())
}
