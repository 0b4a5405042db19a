//! A plain HTTP client for the two listeners of an inbox.

use std::{net::SocketAddr, sync::Arc};

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use phonebox_cli::inbox::{Inbox, Options};
use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs};
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};

pub(crate) const ACCOUNT: &str = "AC00000000000000000000000000000001";
/// `AC..1:token`, as Basic credentials.
pub(crate) const BASIC: &str = "Basic QUMwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMTp0b2tlbg==";
pub(crate) const TO: &str = "+4915112345678";
pub(crate) const FROM: &str = "+15005550006";

pub(crate) async fn start() -> Inbox {
    Inbox::start(Options::default())
        .await
        .expect("an inbox starts on free ports")
}

#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answered {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// Asks one of the providers that the inbox plays; the URL names which.
pub(crate) async fn ask(inbox: &Inbox, request: Request<String>) -> Result<Answered, hyper::Error> {
    let host = request.uri().host().expect("an absolute URL").to_owned();
    if request.uri().scheme_str() == Some("http") {
        return send(connect(inbox.provider_address()).await, request).await;
    }
    let stream = tls(inbox.provider_address(), &host, inbox.certificate())
        .await
        .expect("TLS");
    send(stream, request).await
}

/// Opens a TLS connection that trusts that one authority.
pub(crate) async fn tls(
    address: SocketAddr,
    name: &str,
    authority: CertificateDer<'static>,
) -> std::io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots
        .add(authority)
        .expect("the authority is a certificate");
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider has TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let name = ServerName::try_from(name.to_owned()).expect("a name");
    tokio_rustls::TlsConnector::from(Arc::new(config))
        .connect(name, connect(address).await)
        .await
}

/// Asks the page's listener; the path alone counts.
pub(crate) async fn ask_page(inbox: &Inbox, request: Request<String>) -> Answered {
    send(connect(page_address(inbox)).await, request)
        .await
        .expect("an answer")
}

pub(crate) fn page_address(inbox: &Inbox) -> SocketAddr {
    let url = inbox.page_url();
    url.strip_prefix("http://")
        .and_then(|address| address.parse().ok())
        .expect("an address")
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test plays the client of its own listener"
)]
pub(crate) async fn connect(address: SocketAddr) -> TcpStream {
    TcpStream::connect(address)
        .await
        .expect("the inbox accepts connections")
}

/// One exchange on a connection of its own, with the URL's host as `Host` unless one is set.
pub(crate) async fn send(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    request: Request<String>,
) -> Result<Answered, hyper::Error> {
    let (mut head, body) = request.into_parts();
    if let Some(authority) = head.uri.authority() {
        head.headers.entry(header::HOST).or_insert(
            authority
                .as_str()
                .parse()
                .expect("an authority is a header value"),
        );
        let path = head
            .uri
            .path_and_query()
            .cloned()
            .expect("an absolute URL has a path");
        head.uri = path.into();
    }
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let request = Request::from_parts(head, Full::new(Bytes::from(body)));
    let response = sender.send_request(request).await?;
    let (head, body) = response.into_parts();
    let body = body.collect().await?.to_bytes();
    connection.abort();
    Ok(Answered {
        status: head.status,
        headers: head.headers,
        body: String::from_utf8(body.to_vec()).expect("text"),
    })
}

/// A form with Basic credentials, as Twilio wants it.
pub(crate) fn form(url: &str, fields: &[(&str, &str)]) -> Request<String> {
    let body = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish();
    Request::post(url)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(header::AUTHORIZATION, BASIC)
        .body(body)
        .expect("a request")
}

pub(crate) fn json(url: &str, body: &serde_json::Value) -> Request<String> {
    Request::post(url)
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::AUTHORIZATION, "Bearer token")
        .body(body.to_string())
        .expect("a request")
}

pub(crate) fn get(url: &str) -> Request<String> {
    Request::get(url).body(String::new()).expect("a request")
}

pub(crate) fn twilio_messages() -> String {
    format!("https://api.twilio.com/2010-04-01/Accounts/{ACCOUNT}/Messages.json")
}

pub(crate) fn sms(body: &str) -> Request<String> {
    form(
        &twilio_messages(),
        &[("To", TO), ("From", FROM), ("Body", body)],
    )
}

/// What has arrived at the inbox at this address.
pub(crate) async fn messages(page: &str) -> Vec<serde_json::Value> {
    let address = page
        .strip_prefix("http://")
        .and_then(|address| address.parse().ok());
    let request = get(&format!("{page}/messages"));
    let answered = send(connect(address.expect("an address")).await, request)
        .await
        .expect("an answer");
    serde_json::from_str(&answered.body).expect("messages")
}

/// Tells the inbox at this address how to fail, as its page would.
pub(crate) async fn put_failure(page: &str, mode: &str) {
    let address = page
        .strip_prefix("http://")
        .and_then(|address| address.parse().ok());
    let request = Request::put(format!("{page}/failure"))
        .header(header::CONTENT_TYPE, "application/json")
        .body(serde_json::json!({ "mode": mode }).to_string())
        .expect("a request");
    let answered = send(connect(address.expect("an address")).await, request)
        .await
        .expect("an answer");
    assert!(answered.status.is_success(), "{answered:?}");
}
