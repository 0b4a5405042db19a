//! Runs that nobody thought of: whatever an action does, its run has one outcome, its report tells all that it did, and
//! another tenant's runs beside it see none of it.

use std::collections::HashMap;

use futures_util::future::join_all;
use phonebox_contract::{Outcome, Receipt, RetryRequest};
use phonebox_runtime::{Report, RunError};
use proptest::prelude::*;

use crate::harness::{Host, lines, provider};

/// One thing that an action does. What it gets back, it logs.
#[derive(Clone, Debug)]
enum Step {
    Say(String),
    Set(String, String),
    Get(String),
    Delete(String),
    Secret,
    Post(&'static str),
    Sleep,
}

/// How it ends.
#[derive(Clone, Debug)]
enum End {
    Sent,
    Receipt(String),
    Retry(u32, String),
    Drop(String),
    Fail(String),
    Panic,
    Exit,
    Memory,
}

#[derive(Clone, Debug)]
struct Program {
    tenant: usize,
    steps: Vec<Step>,
    end: End,
}

const TENANTS: usize = 3;
/// Requests that one run may make.
const REQUESTS: u32 = 5;

impl Step {
    fn any() -> impl Strategy<Value = Self> {
        let key = || "[a-c]";
        prop_oneof![
            "[a-z]{1,12}".prop_map(Self::Say),
            (key(), "[a-z]{1,9}").prop_map(|(key, value)| Self::Set(key, value)),
            key().prop_map(Self::Get),
            key().prop_map(Self::Delete),
            Just(Self::Secret),
            prop::sample::select(vec!["provider", "elsewhere"]).prop_map(Self::Post),
            Just(Self::Sleep),
        ]
    }

    fn line(&self) -> String {
        match self {
            Self::Say(word) => format!("say {word}"),
            Self::Set(key, value) => format!("cache-set {key} {value}"),
            Self::Get(key) => format!("cache-get {key}"),
            Self::Delete(key) => format!("cache-delete {key}"),
            Self::Secret => "secret OWN".to_owned(),
            Self::Post(host) => format!("send POST http://{host}.example/messages"),
            Self::Sleep => "sleep 1".to_owned(),
        }
    }

    /// What the action must log of it, by what its tenant has in the cache and how many requests the run has made.
    fn logged(&self, cache: &mut HashMap<String, String>, posts: &mut u32) -> String {
        let logged = match self {
            Self::Say(word) => word.clone(),
            Self::Set(key, value) => {
                cache.insert(key.clone(), value.clone());
                format!("kept {value}")
            }
            Self::Get(key) => format!("{:?}", cache.get(key)),
            Self::Delete(key) => match cache.remove(key) {
                Some(_) => "Ok(())".to_owned(),
                None => concat!(
                    "Err(Error { code: 8, name: \"cache-key-does-not-exist\", ",
                    "message: \"There is nothing to delete under this key.\" })"
                )
                .to_owned(),
            },
            Self::Secret => "Some(\"[secret:OWN]\")".to_owned(),
            Self::Post(_) if *posts == REQUESTS => "Error::BudgetExceeded".to_owned(),
            Self::Post("provider") => "201 {\"id\":\"1\"}".to_owned(),
            Self::Post(_) => "Error::RequestDenied".to_owned(),
            Self::Sleep => "slept".to_owned(),
        };
        *posts += u32::from(matches!(self, Self::Post(_)) && *posts < REQUESTS);
        logged
    }
}

impl End {
    fn any() -> impl Strategy<Value = Self> {
        let reason = || "[a-z]{1,9}";
        prop_oneof![
            Just(Self::Sent),
            reason().prop_map(Self::Receipt),
            (0..1000_u32, reason()).prop_map(|(after, reason)| Self::Retry(after, reason)),
            reason().prop_map(Self::Drop),
            reason().prop_map(Self::Fail),
            Just(Self::Panic),
            Just(Self::Exit),
            Just(Self::Memory),
        ]
    }

    fn line(&self) -> String {
        match self {
            Self::Sent => "sent".to_owned(),
            Self::Receipt(id) => format!("sent carrier {id}"),
            Self::Retry(after, reason) => format!("retry {after} {reason}"),
            Self::Drop(reason) => format!("drop {reason}"),
            Self::Fail(message) => format!("fail {message}"),
            Self::Panic => "panic now".to_owned(),
            Self::Exit => "exit 1".to_owned(),
            Self::Memory => "grow".to_owned(),
        }
    }

    fn is(&self, report: &Report) -> bool {
        match (self, &report.result) {
            (Self::Sent, result) => *result == Ok(Outcome::Sent { receipt: None }),
            (Self::Receipt(id), result) => {
                *result
                    == Ok(Outcome::Sent {
                        receipt: Some(Receipt {
                            provider: "carrier".to_owned(),
                            message_id: id.clone(),
                        }),
                    })
            }
            (Self::Retry(after, reason), result) => {
                *result
                    == Ok(Outcome::Retry(RetryRequest {
                        reason: reason.clone(),
                        after: Some(*after),
                    }))
            }
            (Self::Drop(reason), result) => {
                *result
                    == Ok(Outcome::Drop {
                        reason: reason.clone(),
                    })
            }
            (Self::Fail(said), Err(RunError::Returned { message })) => said == message.trim(),
            (Self::Panic, Err(RunError::Trapped { .. }))
            | (Self::Exit, Err(RunError::Exited))
            | (Self::Memory, Err(RunError::MemoryExceeded { .. })) => true,
            _ => false,
        }
    }
}

fn program() -> impl Strategy<Value = Program> {
    (
        0..TENANTS,
        prop::collection::vec(Step::any(), 0..8),
        End::any(),
    )
        .prop_map(|(tenant, steps, end)| Program { tenant, steps, end })
}

/// The tenants' programs beside each other, each tenant's own one after the other.
async fn run(programs: &[Program]) {
    let provider = provider(r#"{"id":"1"}"#).await;
    let tenant = async |number: usize| {
        let secret = format!("the-secret-of-{number}");
        let mut host = Host::with_provider(provider).secrets(&[("OWN", &secret)]);
        host.limits.memory = 4 << 20;
        let mut cache = HashMap::new();
        for program in programs.iter().filter(|program| program.tenant == number) {
            let mut text: Vec<String> = program.steps.iter().map(Step::line).collect();
            text.push(program.end.line());
            let report = host.probe(&text.join("\n")).await;
            let mut posts = 0;
            let logged: Vec<String> = program
                .steps
                .iter()
                .map(|step| step.logged(&mut cache, &mut posts))
                .collect();
            let mut said = lines(&report);
            // A panic says so itself.
            said.truncate(logged.len());
            assert_eq!(said, logged, "tenant {number}: {program:?}: {report:?}");
            assert!(program.end.is(&report), "{program:?}: {report:?}");
            let posts = |step: &&Step| matches!(step, Step::Post(_));
            assert_eq!(
                report.exchanges.len(),
                program.steps.iter().filter(posts).count(),
                "{program:?}: {report:?}"
            );
            let sent = matches!(report.result, Ok(Outcome::Sent { .. }));
            assert_eq!(report.fault().is_none(), sent, "{program:?}: {report:?}");
            let told = format!("{report:?}");
            assert!(!told.contains("the-secret-of-"), "{told}");
        }
    };
    join_all((0..TENANTS).map(tenant)).await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_run_has_one_outcome_and_its_own_tenant(programs in prop::collection::vec(program(), 1..12)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(run(&programs));
    }
}
