//! `phonebox_sdk::test` itself.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use phonebox_sdk::log::{self, Level};
use phonebox_sdk::test::{Answer, Host, event};
use phonebox_sdk::{Outcome, Result, cache, http, secrets};

fn ask(url: &str) -> Result<Outcome> {
    let response = http::get(url).send()?;
    Ok(Outcome::drop(response.text()))
}

fn panic_of(run: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(run)).expect_err("it did not panic");
    match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(panic) => panic.downcast::<&str>().unwrap().to_string(),
    }
}

#[test]
fn answers_come_in_order_and_conditional_ones_first() {
    let host = Host::new()
        .answer(Answer::text(200, "first"))
        .fail(http::Error::DnsError)
        .answer_when(
            |request| request.url.contains("special"),
            Answer::text(200, "special"),
        );
    let mut outcomes = Vec::new();
    for url in [
        "https://a.example/",
        "https://a.example/special",
        "https://a.example/",
    ] {
        outcomes.push(host.run(|_event| ask(url), event()).unwrap());
    }
    assert_eq!(outcomes[0], Outcome::drop("first"));
    assert_eq!(outcomes[1], Outcome::drop("special"));
    assert_eq!(
        outcomes[2],
        Outcome::retry("the provider's name cannot be resolved")
    );
}

#[test]
fn a_request_without_an_answer_is_shown() {
    let host = Host::new();
    let told = panic_of(|| {
        let send = |_event| {
            http::post("https://gateway.example/send")
                .form([("to", "+12065550100")])
                .send()?;
            Ok(Outcome::sent())
        };
        let _outcome = host.run(send, event());
    });
    for part in [
        "no answer",
        "POST",
        "https://gateway.example/send",
        "to=%2B12065550100",
    ] {
        assert!(told.contains(part), "{part} is missing from: {told}");
    }
    // The host can still be looked at, and asked again.
    assert_eq!(host.requests().len(), 1);
    let host = host.answer(Answer::text(200, "now"));
    let outcome = host
        .run(|_event| ask("https://a.example/"), event())
        .unwrap();
    assert_eq!(outcome, Outcome::drop("now"));
}

#[test]
fn a_run_makes_five_requests() {
    let host = Host::new().answer_when(|_| true, Answer::text(200, ""));
    for _ in 0..2 {
        let error = host.run(
            |_event| {
                for _ in 0..6 {
                    ask("https://a.example/")?;
                }
                Ok(Outcome::sent())
            },
            event(),
        );
        let error = error.unwrap_err();
        assert_eq!(
            error.downcast_ref(),
            Some(&http::Error::BudgetExceeded),
            "{error}"
        );
    }
    assert_eq!(host.requests().len(), 10);
}

#[test]
fn outside_a_run_there_is_no_host() {
    let told = panic_of(|| drop(secrets::optional("TOKEN")));
    assert!(told.contains("phonebox_sdk::test::Host::run"), "{told}");
}

#[test]
fn secrets_are_known_by_name() {
    let host = Host::new().secret("B", "2").secret("A", "1");
    let outcome = host.run(
        |_event| {
            assert_eq!(secrets::names(), ["A", "B"]);
            assert_eq!(secrets::optional("C"), None);
            Ok(Outcome::drop(secrets::get("B")?))
        },
        event(),
    );
    assert_eq!(outcome.unwrap(), Outcome::drop("2"));
}

#[test]
fn the_cache_outlives_a_run_and_keeps_its_limits() {
    let host = Host::new();
    let fill = |_event| {
        let minute = Duration::from_secs(60);
        cache::set("token", "abc", minute)?;
        cache::set("gone", "abc", minute)?;
        cache::delete("gone")?;
        assert_eq!(
            cache::delete("gone"),
            Err(cache::Error::CacheKeyDoesNotExist)
        );
        assert_eq!(
            cache::set("now", "", Duration::ZERO),
            Err(cache::Error::ItemAlreadyExpired)
        );
        assert_eq!(
            cache::set(&"k".repeat(65), "", minute),
            Err(cache::Error::CacheKeySizeExceeded)
        );
        let long = "v".repeat(4097);
        assert_eq!(
            cache::set("k", &long, minute),
            Err(cache::Error::CacheValueSizeExceeded)
        );
        assert_eq!(
            cache::set("k", "", Duration::MAX),
            Err(cache::Error::InvalidExpiry)
        );
        Ok(Outcome::sent())
    };
    host.run(fill, event()).unwrap();
    let read = |_event| Ok(Outcome::drop(cache::get("token").unwrap_or_default()));
    assert_eq!(host.run(read, event()).unwrap(), Outcome::drop("abc"));
    assert_eq!(
        host.cache().into_iter().collect::<Vec<_>>(),
        [("token".to_owned(), "abc".to_owned())]
    );
}

#[test]
fn the_log_keeps_its_levels() {
    let host = Host::new();
    let write = |_event| {
        log::debug!("a");
        log::info!("b {}", 1);
        log::warn!("c");
        log::error!("d");
        Ok(Outcome::sent())
    };
    host.run(write, event()).unwrap();
    let levels = [Level::Debug, Level::Info, Level::Warn, Level::Error];
    let texts = ["a", "b 1", "c", "d"].map(str::to_owned);
    assert_eq!(
        host.logs(),
        levels.into_iter().zip(texts).collect::<Vec<_>>()
    );
}
