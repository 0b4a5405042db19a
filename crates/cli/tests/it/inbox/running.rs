//! The inbox as a whole: ports, certificates, scripts, silence and bounds.

use http::{HeaderMap, Request, StatusCode};
use phonebox_cli::inbox::{
    Failure, Fault, Inbox, Message, Options, Provider, Role, ScriptedAnswer,
};
use url::Url;

use super::client::{ask, ask_page, get, page_address, sms, start, tls};

#[tokio::test]
async fn a_port_in_use_says_which_and_what_to_do() {
    let inbox = start().await;
    let page = Options {
        page_port: page_address(&inbox).port(),
        provider_port: 0,
    };
    let provider = Options {
        page_port: 0,
        provider_port: inbox.provider_address().port(),
    };
    for (options, role, port) in [
        (page, Role::Page, page.page_port),
        (provider, Role::Provider, provider.provider_port),
    ] {
        let error = Inbox::start(options).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("port {port} for the {role} is already in use")
        );
        assert!(error.hint().is_some(), "{error:?}");
    }
}

#[tokio::test]
async fn a_stopped_inbox_gives_its_ports_back() {
    let inbox = start().await;
    let options = Options {
        page_port: page_address(&inbox).port(),
        provider_port: inbox.provider_address().port(),
    };
    inbox.stop().await;
    let again = Inbox::start(options).await.expect("both ports are free");
    ask(&again, sms("x")).await.unwrap();
}

#[tokio::test]
async fn any_name_has_a_certificate_of_this_authority_and_of_no_other() {
    let (inbox, other) = (start().await, start().await);
    let address = inbox.provider_address();
    let hosts = Inbox::HOSTS
        .iter()
        .copied()
        .chain(["sms.example", "127.0.0.1"]);
    for name in hosts {
        let stream = tls(address, name, inbox.certificate()).await.expect(name);
        assert_eq!(
            stream.get_ref().1.alpn_protocol(),
            Some(&b"http/1.1"[..]),
            "{name}"
        );
        let refused = tls(address, name, other.certificate()).await;
        assert!(
            refused.is_err(),
            "{name} was believed on another authority's word"
        );
    }
    assert!(
        inbox
            .certificate_pem()
            .starts_with("-----BEGIN CERTIFICATE-----")
    );
}

#[tokio::test]
async fn a_timeout_keeps_the_message_and_never_answers() {
    let inbox = start().await;
    inbox.set_failure(Failure::Timeout);
    let mut arrivals = inbox.subscribe();
    let request = ask(&inbox, sms("Code 123456"));
    let arrived = tokio::select! {
        biased;
        answered = request => panic!("it was answered: {answered:?}"),
        arrived = arrivals.recv() => arrived.unwrap(),
    };
    assert!(
        !arrived.accepted && arrived.message_id.is_none(),
        "{arrived:?}"
    );
    assert_eq!(arrived.text.as_deref(), Some("Code 123456"));
    assert_eq!(arrived.answer.status, None, "{arrived:?}");
    // The client is gone; the next one is served.
    inbox.set_failure(Failure::None);
    assert_eq!(
        ask(&inbox, sms("x")).await.unwrap().status,
        StatusCode::CREATED
    );
}

#[tokio::test]
async fn a_script_answers_in_order_and_then_the_provider_does() {
    let inbox = start().await;
    inbox.set_failure(Failure::ServerError);
    let busy = ScriptedAnswer {
        status: StatusCode::SERVICE_UNAVAILABLE,
        headers: HeaderMap::from_iter([("x-try".parse().unwrap(), "1".parse().unwrap())]),
        body: "busy".into(),
        fault: Fault::None,
    };
    let taken = ScriptedAnswer {
        status: StatusCode::ACCEPTED,
        headers: HeaderMap::new(),
        body: "{}".into(),
        fault: Fault::None,
    };
    let closed = ScriptedAnswer {
        fault: Fault::Close,
        ..taken.clone()
    };
    let silent = ScriptedAnswer {
        fault: Fault::Timeout,
        ..taken.clone()
    };
    inbox.script(vec![busy, taken, closed, silent]);
    let mut arrivals = inbox.subscribe();

    let answered = ask(&inbox, sms("one")).await.unwrap();
    assert_eq!(
        (answered.status.as_u16(), &*answered.body),
        (503, "busy"),
        "{answered:?}"
    );
    assert_eq!(answered.header("x-try"), Some("1"), "{answered:?}");
    let answered = ask(&inbox, sms("two")).await.unwrap();
    assert_eq!(
        (answered.status.as_u16(), &*answered.body),
        (202, "{}"),
        "{answered:?}"
    );
    let unanswered = ask(&inbox, sms("three")).await;
    assert!(
        unanswered.is_err(),
        "the connection was to be closed: {unanswered:?}"
    );
    for _ in 0..3 {
        arrivals.recv().await.unwrap();
    }
    tokio::select! {
        biased;
        answered = ask(&inbox, sms("four")) => panic!("it was answered: {answered:?}"),
        arrived = arrivals.recv() => assert_eq!(arrived.unwrap().text.as_deref(), Some("four")),
    }
    assert_eq!(ask(&inbox, sms("five")).await.unwrap().status.as_u16(), 500);

    let recorded: Vec<_> = inbox
        .messages()
        .iter()
        .map(|m| (m.accepted, m.answer.status))
        .collect();
    let expected = [
        (false, Some(503)),
        (true, Some(202)),
        (false, None),
        (false, None),
        (false, Some(500)),
    ];
    assert_eq!(recorded, expected);
    assert!(
        inbox
            .messages()
            .iter()
            .all(|message| message.provider == Provider::Twilio)
    );
}

#[tokio::test]
async fn what_is_kept_is_bounded() {
    let inbox = start().await;
    let url = "https://sms.example/";
    let exact = "x".repeat(Inbox::BODY_LIMIT);
    for (extra, status) in [("", 200), ("y", 413)] {
        let request = Request::post(url).body(format!("{exact}{extra}")).unwrap();
        let answered = ask(&inbox, request).await.unwrap();
        assert_eq!(answered.status.as_u16(), status, "{answered:?}");
        let messages = inbox.messages();
        let message = messages.last().unwrap();
        assert_eq!(message.request.body.len(), Inbox::BODY_LIMIT);
        assert_eq!(message.accepted, status == 200);
    }
    for _ in 0..Inbox::KEPT {
        ask(&inbox, get(url)).await.unwrap();
    }
    let ids: Vec<_> = inbox.messages().iter().map(|message| message.id).collect();
    let newest = Inbox::KEPT as u64 + 2;
    assert_eq!(ids, (3..=newest).collect::<Vec<_>>());
    inbox.clear();
    assert_eq!(inbox.messages(), []);
    ask(&inbox, get(url)).await.unwrap();
    assert_eq!(
        inbox.messages().first().map(|message| message.id),
        Some(newest + 1)
    );
}

#[tokio::test]
async fn the_list_as_json_has_every_part() {
    let inbox = start().await;
    ask(&inbox, sms("Code 123456")).await.unwrap();
    let answered = ask_page(&inbox, get(&format!("{}/messages", inbox.page_url()))).await;
    let list = answered.json();
    let messages = inbox.messages();
    let recorded: &Message = messages.first().unwrap();
    assert_eq!(list, serde_json::json!([recorded]));
    let message = &list[0];
    for (pointer, value) in [
        ("/id", "1"),
        ("/provider", "\"twilio\""),
        ("/channel", "\"text\""),
        ("/accepted", "true"),
        ("/text", "\"Code 123456\""),
        ("/code", "null"),
        ("/request/method", "\"POST\""),
        ("/request/form/2", "[\"Body\",\"Code 123456\"]"),
        ("/answer/status", "201"),
    ] {
        let found = message.pointer(pointer).map(ToString::to_string);
        assert_eq!(found.as_deref(), Some(value), "{pointer} in {message}");
    }
    let at: jiff::Timestamp = message["at"].as_str().unwrap().parse().expect("RFC 3339");
    assert_eq!(at, recorded.at);
    let url = Url::parse(message["request"]["url"].as_str().unwrap()).expect("an absolute URL");
    assert_eq!(url.host_str(), Some("api.twilio.com"));
}
