//! Guests that do what they should not. Each ends in an error of its own, and the host goes on.

use std::sync::Arc;
use std::time::Duration;

use phonebox_contract::{Fault, Outcome};
use phonebox_runtime::{ActionCache, Clock, Config, Report, RunError, Runtime};
use phonebox_test_guests::PROBE;

use crate::harness::{Host, lines, provider};

/// Runs the probe, and then once more with nothing to do: the host must go on.
async fn misbehave(host: &Host, commands: &str) -> Report {
    let report = host.probe(commands).await;
    let after = host.probe("").await;
    assert_eq!(
        after.result,
        Ok(Outcome::Sent { receipt: None }),
        "after {commands}: {after:?}"
    );
    report
}

#[tokio::test]
async fn an_endless_loop_is_ended() {
    let mut host = Host::new();
    host.limits.cpu = Duration::from_millis(50);
    let report = misbehave(&host, "say before\nspin").await;
    assert_eq!(
        report.result,
        Err(RunError::CpuExceeded {
            limit: host.limits.cpu,
            place: None,
        }),
        "{report:?}"
    );
    assert_eq!(
        (lines(&report), report.fault()),
        (vec!["before"], Some(Fault::Action))
    );
}

#[tokio::test]
async fn an_endless_loop_holds_nobody_up() {
    // One thread for both: the guest that spins must give way to the one that does not.
    let mut busy = Host::new();
    busy.limits.cpu = Duration::from_secs(20);
    busy.limits.deadline = Duration::from_secs(20);
    let idle = Host::new();
    tokio::select! {
        report = busy.probe("spin") => panic!("the loop ended first: {report:?}"),
        report = idle.probe("sent") => assert!(report.result.is_ok(), "{report:?}"),
    }
}

#[tokio::test]
async fn sleeping_past_the_deadline_is_ended_and_costs_no_computing() {
    let mut host = Host::new();
    host.limits.deadline = Duration::from_millis(100);
    let report = misbehave(&host, "sleep 60000").await;
    let expected = RunError::DeadlineExceeded {
        limit: host.limits.deadline,
    };
    assert_eq!(report.result, Err(expected), "{report:?}");
    assert!(report.usage.cpu < host.limits.cpu, "{report:?}");
    assert!(
        report.usage.peak_memory > 0,
        "a run that is cut off has used memory too: {report:?}"
    );
}

#[tokio::test]
async fn no_deadline_is_longer_than_twenty_seconds() {
    let mut host = Host::new();
    host.limits.deadline = Duration::from_hours(1);
    host.limits.cpu = Duration::from_millis(20);
    tokio::time::pause();
    let report = host.probe("sleep 3000000").await;
    let expected = RunError::DeadlineExceeded {
        limit: Duration::from_secs(20),
    };
    assert_eq!(report.result, Err(expected), "{report:?}");
}

#[tokio::test]
async fn a_hanging_provider_leaves_time_for_an_outcome() {
    let mut host = Host::with_provider(provider("").await);
    host.limits.deadline = Duration::from_secs(2);
    let report = misbehave(
        &host,
        "send POST http://provider.example/hang\nretry - it hangs",
    )
    .await;
    assert_eq!(lines(&report), ["Error::ResponseTimeout"], "{report:?}");
    assert!(matches!(report.result, Ok(Outcome::Retry(_))), "{report:?}");
    assert_eq!(report.fault(), Some(Fault::Provider), "{report:?}");
}

#[tokio::test]
async fn a_memory_bomb_is_refused_memory() {
    let mut host = Host::new();
    host.limits.memory = 8 << 20;
    host.limits.cpu = Duration::from_secs(5);
    let report = misbehave(&host, "grow").await;
    assert_eq!(
        report.result,
        Err(RunError::MemoryExceeded { limit: 8 << 20 }),
        "{report:?}"
    );
    assert!(
        (6 << 20..=8 << 20).contains(&report.usage.peak_memory),
        "{report:?}"
    );
}

#[tokio::test]
async fn a_crash_names_where_and_leaves_its_message() {
    let report = misbehave(&Host::new(), "panic with a message").await;
    let Err(RunError::Trapped { message }) = &report.result else {
        panic!("{report:?}")
    };
    assert!(message.contains("unreachable"), "{message}");
    assert!(lines(&report).contains(&"with a message"), "{report:?}");
}

#[tokio::test]
async fn endless_recursion_is_a_crash_of_the_guest() {
    let report = misbehave(&Host::new(), "recurse").await;
    let Err(RunError::Trapped { message }) = &report.result else {
        panic!("{report:?}")
    };
    assert!(message.contains("recurse"), "{message}");
}

#[tokio::test]
async fn exiting_is_no_outcome() {
    for command in ["exit 0", "exit 3"] {
        let report = misbehave(&Host::new(), command).await;
        assert_eq!(
            report.result,
            Err(RunError::Exited),
            "{command}: {report:?}"
        );
    }
}

#[tokio::test]
async fn calls_into_the_host_are_bounded() {
    let mut host = Host::new();
    host.limits.host_calls = 1000;
    let report = misbehave(&host, "poll-clock 1000000").await;
    assert_eq!(
        report.result,
        Err(RunError::HostCallsExceeded { limit: 1000 }),
        "{report:?}"
    );
}

#[tokio::test]
async fn a_run_may_make_five_requests() {
    let host = Host::with_provider(provider("").await);
    let report = misbehave(
        &host,
        &"send POST http://provider.example/messages\n".repeat(6),
    )
    .await;
    assert_eq!(
        lines(&report)[4..],
        ["201 ", "Error::BudgetExceeded"],
        "{report:?}"
    );
}

#[tokio::test]
async fn a_panic_of_the_host_ends_one_run() {
    struct Broken;
    impl Clock for Broken {
        fn now(&self) -> u64 {
            panic!("this clock is broken, as the test wants it")
        }
    }
    let mut host = Host::new();
    host.capabilities.cache = Arc::new(ActionCache::new(Broken));
    let report = misbehave(&host, "say before\ncache-set key value").await;
    assert_eq!(report.result, Err(RunError::Host), "{report:?}");
    assert_eq!(
        (lines(&report), report.fault()),
        (vec!["before"], Some(Fault::Platform))
    );
}

#[tokio::test]
async fn fuel_is_a_second_line() {
    let mut config = Config::new();
    config.places = 1;
    config.fuel = Some(5_000_000);
    let runtime = Runtime::new(&config, None).unwrap();
    let action = runtime.load("acme", PROBE.bytes).unwrap();
    let mut host = Host::new();
    host.limits.cpu = Duration::from_secs(20);
    host.limits.deadline = Duration::from_secs(20);
    let report = host.run(&action, "spin").await;
    assert_eq!(
        report.result,
        Err(RunError::FuelExceeded { limit: 5_000_000 }),
        "{report:?}"
    );
    let report = host.run(&action, "sent").await;
    assert!(report.result.is_ok(), "fuel is for one run: {report:?}");
}
