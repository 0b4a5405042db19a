//! The page and the control API: shown safely, steered by this machine's own hands only.

use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use phonebox_cli::inbox::{Failure, Inbox};

use super::client::{Answered, ask, ask_page, connect, get, page_address, sms, start};

const HOSTILE: &str = "</p><script>alert(1)</script><img src=x onerror=alert(2)>\"'&";
const ESCAPED: &str = "&lt;/p&gt;&lt;script&gt;alert(1)&lt;/script&gt;";

async fn shown(inbox: &Inbox, path: &str) -> Answered {
    ask_page(inbox, get(&format!("{}{path}", inbox.page_url()))).await
}

#[tokio::test]
async fn the_page_shows_messages_without_javascript_and_escapes_them() {
    let inbox = start().await;
    let hostile = Request::post("https://sms.example/'&").header("x-hostile", HOSTILE);
    ask(&inbox, hostile.body(HOSTILE.to_owned()).unwrap())
        .await
        .unwrap();
    ask(&inbox, sms(HOSTILE)).await.unwrap();

    let page = shown(&inbox, "/").await;
    assert_eq!(page.status, StatusCode::OK, "{page:?}");
    // Its text, its raw body, its header and the second one's text, form field and answer.
    assert!(page.body.matches(ESCAPED).count() >= 6, "{}", page.body);
    for live in ["<script>alert", "<img", "onerror=alert(2)>"] {
        assert!(!page.body.contains(live), "{live} in {}", page.body);
    }
    for seen in ["api.twilio.com", "accepted", "201"] {
        assert!(page.body.contains(seen), "no {seen} in {}", page.body);
    }
    let policy = page.header("content-security-policy").unwrap_or_default();
    assert!(
        policy.starts_with("default-src 'none'") && !policy.contains("unsafe"),
        "{policy}"
    );
    for (path, kind) in [("/page.css", "text/css"), ("/page.js", "text/javascript")] {
        let file = shown(&inbox, path).await;
        assert_eq!(
            (file.status.as_u16(), file.header("content-type")),
            (200, Some(kind))
        );
    }
}

#[tokio::test]
async fn the_page_masks_credentials() {
    let inbox = start().await;
    ask(&inbox, sms("x")).await.unwrap();
    let page = shown(&inbox, "/").await;
    let messages = inbox.messages();
    let sent = messages
        .first()
        .unwrap()
        .request
        .header("authorization")
        .unwrap();
    let credentials = sent
        .strip_prefix("Basic ")
        .expect("the list keeps what was sent");
    assert!(!page.body.contains(credentials), "{}", page.body);
    assert!(page.body.contains("<dd>Basic ••••••</dd>"), "{}", page.body);
}

#[tokio::test]
async fn an_open_page_hears_of_everything_in_order() {
    let inbox = start().await;
    ask(&inbox, sms("before")).await.unwrap();
    ask(&inbox, sms(HOSTILE)).await.unwrap();
    let stream = connect(page_address(&inbox)).await;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    let connection = tokio::spawn(connection);
    let request = Request::get("/events?after=1")
        .header(header::HOST, "localhost")
        .body(Empty::<Bytes>::new())
        .unwrap();
    let mut response = sender.send_request(request).await.unwrap();
    assert_eq!(
        response.headers()[header::CONTENT_TYPE],
        "text/event-stream"
    );

    let mut heard = String::new();
    let mut wait_for = async |what: &str| {
        while !heard.contains(what) {
            let frame = response
                .frame()
                .await
                .unwrap_or_else(|| panic!("no {what} in {heard}"));
            heard.push_str(std::str::from_utf8(frame.unwrap().data_ref().unwrap()).unwrap());
        }
        heard.clone()
    };
    wait_for("event: failure\ndata: none\n\n").await;
    wait_for("data-id=\\\"2\\\"").await;
    inbox.set_failure(Failure::WrongNumber);
    wait_for("event: failure\ndata: wrong-number\n\n").await;
    ask(&inbox, sms("after\r\nwards")).await.unwrap();
    wait_for("data-id=\\\"3\\\"").await;
    inbox.clear();
    let heard = wait_for("event: cleared\n").await;
    assert!(
        !heard.contains("data-id=\\\"1\\\""),
        "the page had it already: {heard}"
    );
    assert!(
        heard.contains(ESCAPED) && !heard.contains("<script>"),
        "{heard}"
    );
    assert!(heard.contains("after\\r\\nwards"), "{heard}");
    connection.abort();
}

#[tokio::test]
async fn failure_is_read_and_set() {
    let inbox = start().await;
    let url = format!("{}/failure", inbox.page_url());
    let put = |mode: &str| {
        Request::put(&url)
            .header(header::CONTENT_TYPE, "application/json")
            .body(format!("{{\"mode\":\"{mode}\"}}"))
            .unwrap()
    };
    for failure in Failure::ALL {
        let answered = ask_page(&inbox, put(failure.as_str())).await;
        assert_eq!(answered.status, StatusCode::OK, "{answered:?}");
        assert_eq!(inbox.failure(), failure);
        let read = shown(&inbox, "/failure").await;
        assert_eq!(read.body, format!("{{\"mode\":\"{}\"}}", failure.as_str()));
    }
    let answered = ask_page(&inbox, put("gremlins")).await;
    assert_eq!(
        answered.status,
        StatusCode::UNPROCESSABLE_ENTITY,
        "{answered:?}"
    );
    assert!(
        answered.body.contains("wrong-number"),
        "the words are listed: {answered:?}"
    );
}

#[tokio::test]
async fn the_forms_work_without_javascript() {
    let inbox = start().await;
    ask(&inbox, sms("x")).await.unwrap();
    for (path, body) in [("/failure", "mode=429"), ("/clear", "")] {
        let request = Request::post(format!("{}{path}", inbox.page_url()))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::ORIGIN, inbox.page_url())
            .header("sec-fetch-site", "same-origin")
            .body(body.to_owned())
            .unwrap();
        let answered = ask_page(&inbox, request).await;
        assert_eq!(answered.status, StatusCode::SEE_OTHER, "{answered:?}");
        assert_eq!(answered.header("location"), Some("/"));
    }
    assert_eq!(inbox.failure(), Failure::TooManyRequests);
    assert_eq!(inbox.messages(), []);
}

#[tokio::test]
async fn a_foreign_name_or_site_gets_nothing() {
    let inbox = start().await;
    ask(&inbox, sms("Code 123456")).await.unwrap();
    let port = page_address(&inbox).port();
    let ask_as = async |method: Method, path: &str, headers: &[(&str, String)]| {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        ask_page(&inbox, request.body("mode=500".to_owned()).unwrap()).await
    };
    let host = |name: &str| ("host", format!("{name}:{port}"));
    for name in ["127.0.0.1", "localhost", "LOCALHOST", "[::1]"] {
        let answered = ask_as(Method::GET, "/messages", &[host(name)]).await;
        assert_eq!(answered.status, StatusCode::OK, "{name}: {answered:?}");
    }
    for name in [
        "evil.example",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "10.0.0.1",
    ] {
        for path in ["/", "/messages", "/events", "/failure", "/nothing"] {
            let answered = ask_as(Method::GET, path, &[host(name)]).await;
            assert_eq!(
                answered.status,
                StatusCode::FORBIDDEN,
                "{name}{path}: {answered:?}"
            );
            assert!(
                !answered.body.contains("123456"),
                "{name}{path}: {answered:?}"
            );
        }
    }
    assert_eq!(
        ask_as(Method::GET, "/messages", &[]).await.status,
        StatusCode::FORBIDDEN
    );

    let foreign = [
        ("origin", "https://evil.example".to_owned()),
        ("origin", "null".to_owned()),
        (
            "origin",
            format!("http://127.0.0.1:{}", port.wrapping_add(1)),
        ),
        ("origin", format!("https://127.0.0.1:{port}")),
        ("sec-fetch-site", "cross-site".to_owned()),
        ("sec-fetch-site", "same-site".to_owned()),
    ];
    for header in foreign {
        for (method, path) in [
            (Method::POST, "/failure"),
            (Method::PUT, "/failure"),
            (Method::POST, "/clear"),
            (Method::DELETE, "/messages"),
        ] {
            let answered = ask_as(method.clone(), path, &[host("127.0.0.1"), header.clone()]).await;
            let asked = format!("{method} {path} with {header:?}");
            assert_eq!(
                answered.status,
                StatusCode::FORBIDDEN,
                "{asked}: {answered:?}"
            );
        }
    }
    assert_eq!(
        (inbox.failure(), inbox.messages().len()),
        (Failure::None, 1)
    );
    assert_eq!(
        ask_as(Method::DELETE, "/messages", &[host("localhost")])
            .await
            .status,
        204
    );
}
