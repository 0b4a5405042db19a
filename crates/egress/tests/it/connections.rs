//! When a connection is used again, and by whom.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join3;
use phonebox_egress::{Budget, Connection, Error, Limits, Request};
use tokio::net::TcpListener;
use tokio::sync::Notify;

use crate::support::{Answer, OK, Provider, begin, code, limits, policy, post, say};

#[tokio::test]
async fn one_action_uses_its_connection_again_and_another_tenant_does_not() {
    let provider = Provider::tls(|_| say(OK)).await;
    let egress = provider.door().build().unwrap();
    let (acme, other) = (
        provider.outbound(&egress, "acme"),
        provider.outbound(&egress, "other"),
    );
    let mut seen = Vec::new();
    for outbound in [&acme, &acme, &other, &acme, &other] {
        let (exchange, result) = begin(outbound).send(post("https://api.ok.com/")).await;
        assert_eq!(code(&result), "ok", "{exchange:?}");
        seen.push(exchange.connection.unwrap());
    }
    let (new, reused) = (Connection::New, Connection::Reused);
    assert_eq!(seen, [new, reused, new, reused, reused]);
    assert_eq!(provider.connections().await, 2);
}

#[tokio::test]
async fn a_connection_that_died_in_the_pool_is_replaced_once() {
    let hang_up = Arc::new(Notify::new());
    let signal = Arc::clone(&hang_up);
    let provider =
        Provider::tls(move |_| Answer::CloseOn(OK.as_bytes().to_vec(), Arc::clone(&signal))).await;
    let egress = provider.door().build().unwrap();
    let outbound = provider.outbound(&egress, "acme");
    for round in 1..=3 {
        let (exchange, result) = begin(&outbound).send(post("https://api.ok.com/")).await;
        assert_eq!(code(&result), "ok", "round {round}: {exchange:?}");
        assert_eq!(
            exchange.connection,
            Some(Connection::New),
            "round {round}: {exchange:?}"
        );
        assert_eq!(
            provider.requests().len(),
            round,
            "{:?}",
            provider.requests()
        );
        // It lies idle, and then it ends.
        hang_up.notify_one();
        provider.endings.lock().await.recv().await.unwrap();
        // A connection that is accepted after that ending: by now the ending has been heard of here too.
        provider.connections().await;
    }
}

#[tokio::test]
async fn a_connection_that_the_provider_closes_is_not_kept() {
    let closing = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok";
    let provider = Provider::tls(move |_| say(closing)).await;
    let trip = provider.trip();
    for _ in 0..2 {
        let (exchange, result) = trip.send(post("https://api.ok.com/")).await;
        assert_eq!(code(&result), "ok", "{exchange:?}");
        assert_eq!(exchange.connection, Some(Connection::New), "{exchange:?}");
    }
    assert_eq!(provider.connections().await, 2);
}

#[tokio::test]
async fn a_request_that_was_written_is_not_sent_again() {
    // The second request on a connection is read, and then the connection ends.
    let provider = Provider::tls(|n| {
        if n == 0 {
            say(OK)
        } else {
            Answer::Close(Vec::new())
        }
    })
    .await;
    let trip = provider.trip();
    assert_eq!(code(&trip.send(post("https://api.ok.com/")).await.1), "ok");
    let (exchange, result) = trip.send(post("https://api.ok.com/")).await;
    assert_eq!(
        exchange.connection,
        Some(Connection::Reused),
        "{exchange:?}"
    );
    assert_eq!(result, Err(Error::ConnectionTerminated));
    assert_eq!(provider.requests().len(), 2, "{:?}", provider.requests());
    assert_eq!(provider.connections().await, 1);
}

#[tokio::test]
async fn what_was_said_unasked_is_nobodys_answer() {
    let poison = format!("{OK}HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\npoisoned");
    let provider = Provider::tls(move |n| if n == 0 { say(&poison) } else { say(OK) }).await;
    let trip = provider.trip();
    for _ in 0..2 {
        let (exchange, result) = trip.send(post("https://api.ok.com/")).await;
        assert_eq!(result.unwrap().body, "ok", "{exchange:?}");
        assert_eq!(exchange.connection, Some(Connection::New), "{exchange:?}");
    }
}

#[tokio::test]
async fn e25_what_comes_late_and_unasked_is_nobodys_answer() {
    let poison = "HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\npoisoned";
    let now = Arc::new(Notify::new());
    let signal = Arc::clone(&now);
    let provider = Provider::tls(move |n| match n {
        0 => Answer::Later(OK.into(), Arc::clone(&signal), poison.into()),
        _ => say(OK),
    })
    .await;
    let trip = provider.trip();
    let (exchange, result) = trip.send(post("https://api.ok.com/")).await;
    assert_eq!(result.unwrap().body, "ok", "{exchange:?}");
    // The connection lies idle when more is said on it.
    now.notify_one();
    while provider.written() == 0 {
        tokio::task::yield_now().await;
    }
    provider.connections().await;
    let (exchange, result) = trip.send(post("https://api.ok.com/")).await;
    assert_eq!(result.unwrap().body, "ok", "{exchange:?}");
    assert_eq!(exchange.connection, Some(Connection::New), "{exchange:?}");
}

#[tokio::test]
async fn a_dropped_request_closes_its_connection_and_leaves_a_record() {
    let provider = Provider::tls(|n| {
        if n == 0 {
            Answer::Hang(Vec::new())
        } else {
            say(OK)
        }
    })
    .await;
    let trip = provider.trip();
    let mut sending = Box::pin(trip.send(post("https://api.ok.com/")));
    let asked = async {
        while provider.requests().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        (exchange, _) = &mut sending => panic!("it ended: {exchange:?}"),
        () = asked => {}
    }
    drop(sending);
    provider.endings.lock().await.recv().await.unwrap();
    let abandoned = trip.abandoned();
    assert_eq!(abandoned.len(), 1, "{abandoned:?}");
    assert!(
        abandoned[0].abandoned && abandoned[0].error.is_none(),
        "{abandoned:?}"
    );
    assert_eq!(abandoned[0].connection, Some(Connection::New));
    assert_eq!(abandoned[0].bytes_up, 5);
    assert!(trip.abandoned().is_empty());
    let (exchange, result) = trip.send(post("https://api.ok.com/")).await;
    assert_eq!(code(&result), "ok", "{exchange:?}");
    assert_eq!(exchange.connection, Some(Connection::New));
}

#[tokio::test]
async fn the_next_address_is_tried_and_a_closed_port_is_a_refusal() {
    let provider = Provider::tls(|_| say(OK)).await;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let closed = listener.local_addr().unwrap();
    drop(listener);
    let ask = async |answers: Vec<SocketAddr>| {
        let egress = provider
            .door()
            .resolve("api.ok.com", answers)
            .build()
            .unwrap();
        begin(&provider.outbound(&egress, "acme"))
            .send(post("https://api.ok.com/"))
            .await
    };
    let (exchange, result) = ask(vec![closed, provider.address]).await;
    assert_eq!(code(&result), "ok", "{exchange:?}");
    assert_eq!(provider.connections().await, 1);
    let (exchange, result) = ask(vec![closed]).await;
    assert_eq!(result, Err(Error::ConnectionRefused), "{exchange:?}");
    assert_eq!(exchange.connection, None);
    let (exchange, result) = ask(vec![closed, closed, closed, provider.address]).await;
    assert_eq!(
        result,
        Err(Error::ConnectionRefused),
        "a fourth address is not tried: {exchange:?}"
    );
    let (_, result) = ask(Vec::new()).await;
    assert_eq!(result, Err(Error::DnsError));
    let (_, result) = ask(vec![provider.address; 17]).await;
    assert_eq!(result, Err(Error::DnsError));
}

#[tokio::test]
async fn a_run_has_five_requests() {
    let provider = Provider::tls(|_| say(OK)).await;
    let trip = provider.trip();
    // Denied ones count.
    assert_eq!(
        code(&trip.send(post("https://other.ok.com/")).await.1),
        "request-denied"
    );
    for _ in 0..4 {
        assert_eq!(code(&trip.send(post("https://api.ok.com/")).await.1), "ok");
    }
    for _ in 0..2 {
        let (exchange, result) = trip.send(post("https://api.ok.com/")).await;
        assert_eq!(
            result,
            Err(Error::BudgetExceeded(Budget::Requests)),
            "{exchange:?}"
        );
    }
    assert_eq!(provider.requests().len(), 4);
    assert_eq!(code(&provider.ask().await.1), "ok");
}

#[tokio::test]
async fn a_run_has_two_requests_at_a_time() {
    let provider = Provider::tls(|_| say(OK)).await;
    let trip = provider.trip();
    let send = || trip.send(post("https://api.ok.com/"));
    let (first, second, third) = join3(send(), send(), send()).await;
    assert_eq!((code(&first.1), code(&second.1)), ("ok", "ok"));
    assert_eq!(third.1, Err(Error::BudgetExceeded(Budget::Concurrency)));
    assert_eq!(code(&send().await.1), "ok");
}

#[tokio::test]
async fn a_run_has_a_mebibyte_each_way() {
    let big = vec![b'x'; 250 * 1024];
    let answer = [
        format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", big.len()).into_bytes(),
        big.clone(),
    ]
    .concat();
    let provider = Provider::tls(move |_| Answer::Say(answer.clone())).await;
    let trip = provider.trip();
    let small = || post("https://api.ok.com/");
    for _ in 0..4 {
        assert_eq!(code(&trip.send(small()).await.1), "ok");
    }
    assert_eq!(
        trip.send(small()).await.1,
        Err(Error::BudgetExceeded(Budget::BytesDown))
    );

    let provider = Provider::tls(|_| say(OK)).await;
    let trip = provider.trip();
    let large = || Request {
        body: big.clone().into(),
        ..small()
    };
    for _ in 0..4 {
        assert_eq!(code(&trip.send(large()).await.1), "ok");
    }
    assert_eq!(
        trip.send(large()).await.1,
        Err(Error::BudgetExceeded(Budget::BytesUp))
    );
    assert_eq!(provider.requests().len(), 4);
}

#[tokio::test]
async fn idle_connections_are_closed() {
    let provider = Provider::tls(|_| say(OK)).await;
    let limits = Limits {
        idle: Duration::from_millis(20),
        ..limits()
    };
    let egress = provider.door().limits(limits).build().unwrap();
    let outbound = provider.outbound(&egress, "acme");
    assert_eq!(
        code(&begin(&outbound).send(post("https://api.ok.com/")).await.1),
        "ok"
    );
    // Nobody asks again, and still it ends.
    provider.endings.lock().await.recv().await.unwrap();
    drop(outbound);
}

#[tokio::test]
async fn d17_there_is_no_proxy() {
    // A proxy in the environment would be the process's, so this test starts itself again with one.
    const PROXY: &str = "PHONEBOX_TEST_PROXY";
    if std::env::vars().any(|(name, _)| name == PROXY) {
        let provider = Provider::tls(|_| say(OK)).await;
        assert_eq!(code(&provider.ask().await.1), "ok");
        return;
    }
    let proxy = Provider::plain(|_| Answer::Close(Vec::new())).await;
    let url = format!("http://{}", proxy.address);
    let mut again = tokio::process::Command::new(std::env::current_exe().unwrap());
    again
        .args(["--exact", "connections::d17_there_is_no_proxy"])
        .env(PROXY, "1");
    for name in [
        "HTTPS_PROXY",
        "https_proxy",
        "ALL_PROXY",
        "all_proxy",
        "HTTP_PROXY",
        "http_proxy",
    ] {
        again.env(name, &url);
    }
    let output = again.output().await.unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
    assert!(
        String::from_utf8_lossy(&output.stdout).contains("1 passed"),
        "{output:?}"
    );
    assert_eq!(proxy.connections().await, 0);
}

#[tokio::test]
async fn plain_http_goes_only_where_the_operator_allows_it() {
    let provider = Provider::plain(|_| say(OK)).await;
    assert_eq!(code(&provider.ask().await.1), "ok");
    let egress = provider.door().build().unwrap();
    let outbound = egress.outbound("acme", Arc::new(policy(&["http://api.ok.com:8080"])));
    let (exchange, result) = begin(&outbound).send(post("http://api.ok.com:8080/")).await;
    assert_eq!(code(&result), "request-denied", "{exchange:?}");
}
