//! For the fuzz targets alone: what reads hostile bytes, callable on bytes.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use bytes::Bytes;
use http_body_util::Full;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::time::Instant;

use crate::address;
use crate::connection::{Connection, Stream, Unanswered};
use crate::decision::{self, Ceiling, PlainHttp, Verdict};
use crate::error::Error;
use crate::limits::Limits;
use crate::message::{self, Request, Response};
use crate::outbound::{Caller, Reading, Spent};
use crate::rule::{self, Policy, Rule};
use crate::secret::{Credential, Placeholder, Secrets};
use crate::target::Target;

/// What the wire may hold at once, in bytes: more than any request.
const WIRE: usize = 1 << 20;

/// Reads an origin, and a path pattern behind a space, as a rule. Gives the rule as it is shown.
pub fn read_rule(text: &str) -> Option<String> {
    let (origin, path) = text.split_once(' ').unwrap_or((text, ""));
    let paths: &[&str] = if path.is_empty() { &[] } else { &[path] };
    let rule = Rule::new::<&str, _>(origin, &[], paths).ok()?;
    Some(rule.to_string())
}

/// Reads a URL: scheme, host, port, and the request target.
pub fn read_target(text: &str) -> Option<(&'static str, String, u16, String)> {
    let target = Target::parse(text).ok()?;
    let origin = &target.origin;
    Some((
        origin.scheme(),
        origin.host().to_owned(),
        origin.port(),
        target.wire.to_string(),
    ))
}

/// Judges an address as the table does, without an operator's word.
pub fn vet(address: IpAddr) -> Result<(), &'static str> {
    address::special(address).map_or(Ok(()), |kind| Err(kind.name))
}

/// What a request looks like on the wire; none where it is refused.
pub fn write_request(
    method: &str,
    url: &str,
    headers: Vec<(String, Vec<u8>)>,
    body: Bytes,
) -> Option<Vec<u8>> {
    let request = compose(method, url, headers, body).ok()?;
    block_on(async {
        let (mut connection, mut provider) = connect().await?;
        let reading = async {
            let mut written = Vec::new();
            // All of it is there after one pass, for the wire holds more than a request.
            tokio::task::yield_now().await;
            provider.shutdown().await.ok()?;
            provider.read_to_end(&mut written).await.ok()?;
            Some(written)
        };
        let deadline = Instant::now() + Limits::default().total;
        let sending = async move { drop(connection.send(request, deadline).await) };
        tokio::join!(sending, reading).1
    })
}

/// Puts secrets, by their names and values, into a request of which they may be part: what `placeholders` gives for a name
/// stands there for its value. A rule allows it any path, and the URL is given as it is sent. None where the request is refused.
pub fn put_secrets(secrets: &[(String, String)], mut request: Request) -> Option<Request> {
    struct Run<'a>(&'a [(String, String)]);

    impl Caller for Run<'_> {
        fn action(&self) -> Cow<'_, str> {
            "".into()
        }

        fn notification(&self) -> Cow<'_, str> {
            "".into()
        }

        fn attempt(&self) -> u32 {
            1
        }

        fn mask(&self, text: &str) -> String {
            text.to_owned()
        }

        fn credential(&self, name: &str) -> Option<Credential> {
            let (_, value) = self.0.iter().find(|(known, _)| known == name)?;
            Some(Credential {
                value: value.into(),
                origins: None,
            })
        }

        fn placeholders(&self) -> Vec<Placeholder> {
            placeholders(self.0)
        }
    }

    let target = Target::parse(&request.url).ok()?;
    let policy = Policy::new(vec![
        Rule::new::<&str, &str>(&target.origin.to_string(), &[], &[]).ok()?,
    ]);
    let (policy, method) = (policy.ok()?, rule::method(&request.method)?);
    let ceiling = Ceiling {
        policy: None,
        plain_http: PlainHttp::To(vec![target.origin.clone()]),
    };
    let (decision, rule) = decision::decide(&policy, &ceiling, &target, &method);
    if decision.verdict == Verdict::Denied {
        return None;
    }
    let run = Run(secrets);
    let mut secrets = Secrets::new(&run, &target.origin);
    let sent = secrets.put_in_target(&request.url, &target).ok()?;
    if !decision::holds(rule?, &ceiling, &target, &sent, &method) {
        return None;
    }
    secrets.put_in(&mut request).ok()?;
    request.url = format!("{}{}", sent.origin, sent.wire);
    Some(request)
}

/// What stands for each of these secrets in [`put_secrets`].
pub fn placeholders(secrets: &[(String, String)]) -> Vec<Placeholder> {
    let number = (0_u8..).map(|number| [number; Placeholder::RANDOM]);
    let each = secrets.iter().zip(number);
    each.map(|((name, _), random)| Placeholder::new(name, random))
        .collect()
}

/// What becomes of an answer that comes in these pieces, and then ends.
pub fn read_response(pieces: &[&[u8]]) -> Result<Response, Error> {
    let request = compose("GET", "https://api.example.com/", Vec::new(), Bytes::new())?;
    let limits = Limits::default();
    block_on(async {
        let (mut connection, mut provider) = connect().await.ok_or(Error::InternalError)?;
        let deadline = Instant::now() + limits.total;
        let answering = async {
            for piece in pieces {
                if provider.write_all(piece).await.is_err() {
                    break;
                }
                tokio::task::yield_now().await;
            }
            drop(provider);
        };
        let receiving = async {
            let answer = match connection.send(request, deadline).await {
                Ok(answer) => answer,
                Err(Unanswered::Error(error)) => return Err(error),
                Err(Unanswered::Unsent(_)) => return Err(Error::ConnectionTerminated),
            };
            let (head, body) = answer.into_parts();
            let reading = Reading {
                limits: &limits,
                deadline,
                spent: &Spent::default(),
            };
            let response = reading.finish(&mut connection, &head, body, &mut 0).await;
            drop(connection);
            response
        };
        tokio::join!(receiving, answering).0
    })
}

fn compose(
    method: &str,
    url: &str,
    headers: Vec<(String, Vec<u8>)>,
    body: Bytes,
) -> Result<http::Request<Full<Bytes>>, Error> {
    let target = Target::parse(url).map_err(Error::RequestUriInvalid)?;
    let method = rule::method(method).ok_or(Error::RequestMethodInvalid)?;
    message::compose(&target, method, headers, body, str::to_owned)
}

async fn connect() -> Option<(Connection, DuplexStream)> {
    let (ours, theirs) = tokio::io::duplex(WIRE);
    let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 443));
    let stream = Stream::Memory(ours);
    let connection = Connection::over(stream, peer, &Limits::default()).await;
    Some((connection.ok()?, theirs))
}

fn block_on<T>(what: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime without I/O needs nothing of the system")
        .block_on(what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_written_and_an_answer_is_read() {
        let headers = vec![("X-Key".to_owned(), b"v".to_vec())];
        let written = write_request("POST", "https://API.ok.com/a?b", headers, "hello".into());
        assert_eq!(
            String::from_utf8(written.unwrap()).unwrap(),
            "POST /a?b HTTP/1.1\r\nhost: api.ok.com\r\naccept-encoding: identity\r\nphonebox-hop: 1\r\n\
             content-length: 5\r\nx-key: v\r\n\r\nhello"
        );
        assert_eq!(
            write_request(
                "POST",
                "https://api.ok.com/",
                vec![("host".to_owned(), Vec::new())],
                Bytes::new()
            ),
            None
        );
        let big = vec![b'b'; 200 * 1024];
        let written = write_request("PUT", "https://api.ok.com/", Vec::new(), big.into());
        assert!(
            written.is_some_and(|written| written.ends_with(b"bbb") && written.len() > 200 * 1024)
        );

        let answer = read_response(&[b"HTTP/1.1 200 O", b"K\r\ncontent-length: 2\r\n\r\no", b"k"]);
        assert_eq!(
            answer.map(|answer| (answer.status, answer.body)),
            Ok((200, "ok".into()))
        );
        assert_eq!(read_response(&[b"SSH-2.0"]), Err(Error::HttpProtocolError));
        assert_eq!(read_response(&[]), Err(Error::ConnectionTerminated));

        assert_eq!(
            read_rule("https://api.ok.com /a/*").as_deref(),
            Some("POST https://api.ok.com/a/*")
        );
        assert_eq!(read_rule("nonsense"), None);
        assert_eq!(
            read_target("https://api.ok.com./a?b"),
            Some(("https", "api.ok.com".to_owned(), 443, "/a?b".to_owned()))
        );
        assert_eq!(vet(Ipv4Addr::LOCALHOST.into()), Err("loopback"));
        assert_eq!(vet(Ipv4Addr::new(8, 8, 8, 8).into()), Ok(()));
    }
}
