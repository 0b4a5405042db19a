use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use phonebox::jail::Bounds;
use phonebox::{Action, Jail, NotificationId, Report, Violation};
use serde::Serialize;

use crate::args;
use crate::config;
use crate::dirs;
use crate::failure::{Code, Failure};
use crate::fixture::Fixture;
use crate::inbox::{Inbox, Message, Options};
use crate::output::{BAD, DIM, GOOD, Output};
use crate::project::{Project, example_secrets};
use crate::stage;
use crate::trace::{Trace, decision, milliseconds};

#[derive(Serialize)]
struct Tested {
    name: String,
    passed: bool,
    differences: Vec<String>,
    violations: Vec<Violation>,
    report: Report,
    requests: Vec<Arc<Message>>,
}

#[derive(Serialize)]
struct Summary<'a> {
    action: &'a str,
    passed: usize,
    failed: usize,
    fixtures: &'a [Tested],
}

pub(super) async fn run(arguments: args::Test, output: Output) -> Result<Code, Failure> {
    let project = Project::open(&arguments.folder)?;
    let mut fixtures = Fixture::all(&project.folder)?;
    if let Some(filter) = &arguments.filter {
        fixtures.retain(|fixture| fixture.name.contains(filter.as_str()));
        if fixtures.is_empty() {
            return Err(
                Failure::new(format!("no fixture's name contains `{filter}`")).code(Code::NotFound),
            );
        }
    }
    let action = if let Some(component) = arguments.component {
        assemble(&project, &component)?
    } else {
        stage::blocking(move || Ok(project.build(output)?.action)).await?
    };
    let jail = config::jail(Bounds::default(), output)?;
    // Once for all fixtures, which find it in the cache of compiled code.
    let (compile, within) = (action.clone(), jail.clone());
    stage::blocking(move || stage::compile(&compile, within, Some(dirs::compiled()?))).await?;
    let started = Instant::now();
    // At once, each with an inbox of its own: those whose provider hangs take as long as the action's deadline.
    let running: Vec<_> = fixtures
        .into_iter()
        .map(|fixture| tokio::spawn(try_out(fixture, action.clone(), jail.clone())))
        .collect();
    let mut tested = Vec::with_capacity(running.len());
    for fixture in running {
        let fixture = fixture
            .await
            .map_err(|panic| Failure::new(format!("a test panicked: {panic}")))??;
        if output.is_human() {
            output.say(text(&fixture));
        }
        tested.push(fixture);
    }
    let passed = tested.iter().filter(|fixture| fixture.passed).count();
    let failed = tested.len() - passed;
    let summary = Summary {
        action: &action.manifest().name,
        passed,
        failed,
        fixtures: &tested,
    };
    let text = format!(
        "{passed} passed, {failed} failed, in {}",
        milliseconds(started.elapsed())
    );
    output.result(text, &summary);
    Ok(if failed == 0 { Code::Ok } else { Code::Failed })
}

fn assemble(project: &Project, component: &Path) -> Result<Action, Failure> {
    let bytes = Failure::or_component(component)?;
    Ok(Action::assemble(&bytes, &project.manifest()?)?)
}

/// Runs the action once on a fixture's event.
async fn try_out(fixture: Fixture, action: Action, jail: Arc<Jail>) -> Result<Tested, Failure> {
    let inbox = Arc::new(Inbox::start(Options::default()).await?);
    inbox.script(fixture.answers.clone());
    let secrets = example_secrets(action.manifest(), &fixture.secrets);
    let for_deploy = inbox.clone();
    let deployment = stage::blocking(move || {
        stage::deploy(&for_deploy, &action, secrets, dirs::compiled()?, jail, 1)
    })
    .await?;
    let event = Arc::new(fixture.event.clone());
    let report = deployment.attempt(event, NotificationId::new(), 1).await;
    let requests = inbox.messages();
    let differences = fixture.compare(&report, &requests);
    let passed = differences.is_empty();
    let violations = fixture.violations();
    Ok(Tested {
        name: fixture.name,
        passed,
        differences,
        violations,
        report,
        requests,
    })
}

fn text(tested: &Tested) -> String {
    let (style, verdict) = if tested.passed {
        (GOOD, "ok")
    } else {
        (BAD, "FAILED")
    };
    let mut text = format!(
        "{style}{verdict:>10}{style:#}  {}: {}\n{}",
        tested.name,
        decision(&tested.report),
        Trace(&tested.report)
    );
    for violation in &tested.violations {
        write!(
            text,
            "\n            {DIM}Auth0 would not send this event: {violation}{DIM:#}"
        )
        .expect("a String");
    }
    for difference in &tested.differences {
        write!(text, "\n            {BAD}{difference}{BAD:#}").expect("a String");
    }
    if !tested.passed {
        for message in &tested.requests {
            let request = &message.request;
            write!(
                text,
                "\n            arrived: {} {}\n              {}\n            answered: {:?} {}",
                request.method,
                request.url,
                request.body,
                message.answer.status,
                message.answer.body
            )
            .expect("a String");
        }
    }
    text
}
