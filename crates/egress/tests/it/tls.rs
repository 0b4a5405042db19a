//! Whose certificate is accepted, and what is said when it is not.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use phonebox_egress::{Egress, Error, Limits};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::crypto::aws_lc_rs;
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::PrivatePkcs8KeyDer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::support::{
    Answer, Authority, HOST, OK, Provider, begin, code, connect, limits, post, say,
};

#[tokio::test]
async fn p06_certificates_that_do_not_prove_the_name() {
    let authority = Authority::new();
    let mut expired = CertificateParams::new(vec![HOST.to_owned()]).unwrap();
    expired.not_before = rcgen::date_time_ymd(2001, 1, 1);
    expired.not_after = rcgen::date_time_ymd(2002, 1, 1);
    for (name, config) in [
        ("wrong name", authority.server_for("api.evil.com")),
        ("suffix", authority.server_for("ok.com")),
        ("expired", authority.server(&expired)),
        ("unknown root", Authority::new().server_for(HOST)),
    ] {
        let provider = Provider::with(&authority, config, |_| say(OK)).await;
        let (exchange, result) = provider.ask().await;
        assert_eq!(
            result,
            Err(Error::TlsCertificateError),
            "{name}: {exchange:?}"
        );
        assert_eq!(provider.requests().len(), 0, "{name}");
    }
    let provider = Provider::with(&authority, authority.server_for(HOST), |_| say(OK)).await;
    assert_eq!(code(&provider.ask().await.1), "ok");
}

#[tokio::test]
async fn a_root_is_trusted_only_where_the_operator_says_so() {
    let provider = Provider::tls(|_| say(OK)).await;
    let egress = Egress::builder()
        .resolve(HOST, vec![provider.address])
        .reachable("127.0.0.0/8".parse().unwrap())
        .build()
        .unwrap();
    let trip = begin(&provider.outbound(&egress, "acme"));
    let (_, result) = trip.send(post("https://api.ok.com/")).await;
    assert_eq!(result, Err(Error::TlsCertificateError));
}

#[tokio::test]
async fn a_server_that_asks_for_a_client_certificate() {
    let authority = Authority::new();
    let mut roots = RootCertStore::empty();
    roots.add(authority.root()).unwrap();
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .build()
            .unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = authority.certificate(&key, HOST);
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(
            vec![certificate],
            PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        )
        .unwrap();
    let provider = Provider::with(&authority, config, |_| say(OK)).await;
    let (exchange, result) = provider.ask().await;
    assert_eq!(result, Err(Error::TlsProtocolError), "{exchange:?}");
    assert_eq!(provider.requests().len(), 0);
}

/// Notes the name that a client asks for.
#[derive(Debug)]
struct Names {
    key: Arc<CertifiedKey>,
    asked: Mutex<Vec<Option<String>>>,
}

impl ResolvesServerCert for Names {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.asked
            .lock()
            .unwrap()
            .push(hello.server_name().map(str::to_owned));
        Some(Arc::clone(&self.key))
    }
}

#[tokio::test]
async fn p06_the_server_is_told_the_name_that_was_decided_on() {
    let authority = Authority::new();
    let key = KeyPair::generate().unwrap();
    let certificate = authority.certificate(&key, HOST);
    let crypto = Arc::new(aws_lc_rs::default_provider());
    let der = PrivatePkcs8KeyDer::from(key.serialize_der()).into();
    let names = Arc::new(Names {
        key: Arc::new(CertifiedKey::from_der(vec![certificate], der, &crypto).unwrap()),
        asked: Mutex::default(),
    });
    let config = ServerConfig::builder_with_provider(crypto)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::clone(&names) as Arc<dyn ResolvesServerCert>);
    let provider = Provider::with(&authority, config, |_| say(OK)).await;
    let (exchange, result) = provider.trip().send(post("https://API.ok.com./")).await;
    assert_eq!(code(&result), "ok", "{exchange:?}");
    assert_eq!(*names.asked.lock().unwrap(), [Some(HOST.to_owned())]);
}

#[tokio::test]
async fn p06_a_chain_of_a_hundred_certificates() {
    let authority = Authority::new();
    let mut chain = Vec::new();
    let mut issuer: Option<CertifiedIssuer<'static, KeyPair>> = None;
    for _ in 0..100 {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let next = match &issuer {
            None => authority.intermediate(params, key),
            Some(issuer) => CertifiedIssuer::signed_by(params, key, issuer).unwrap(),
        };
        chain.insert(0, next.der().clone());
        issuer = Some(next);
    }
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec![HOST.to_owned()]).unwrap();
    let leaf = params.signed_by(&key, &issuer.unwrap()).unwrap();
    chain.insert(0, leaf.der().clone());
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, PrivatePkcs8KeyDer::from(key.serialize_der()).into())
        .unwrap();
    let provider = Provider::with(&authority, config, |_| say(OK)).await;
    let (exchange, result) = provider.ask().await;
    assert_eq!(result, Err(Error::TlsCertificateError), "{exchange:?}");
    assert_eq!(provider.requests().len(), 0);
}

#[tokio::test]
async fn p06_an_old_version_of_tls() {
    // A server's hello that chooses TLS 1.0, or 1.1, and a suite of their time.
    for minor in [1, 2] {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let answering = tokio::spawn(async move {
            let (mut tcp, _) = listener.accept().await.unwrap();
            drop(tcp.read_buf(&mut Vec::new()).await);
            let hello = [&[2, 0, 0, 38, 3, minor][..], &[7; 32], &[0, 0xc0, 0x13, 0]].concat();
            let record = [&[22, 3, minor, 0, 42][..], &hello].concat();
            drop(tcp.write_all(&record).await);
            drop(tcp.read_buf(&mut Vec::new()).await);
        });
        let egress = Egress::builder()
            .limits(limits())
            .resolve(HOST, vec![address])
            .reachable("127.0.0.0/8".parse().unwrap())
            .build()
            .unwrap();
        let outbound = egress.outbound(
            "acme",
            Arc::new(crate::support::policy(&["https://api.ok.com"])),
        );
        let (exchange, result) = begin(&outbound).send(post("https://api.ok.com/")).await;
        assert_eq!(result, Err(Error::TlsProtocolError), "{exchange:?}");
        answering.await.unwrap();
    }
}

#[tokio::test]
async fn servers_that_do_not_speak_tls() {
    // It reads our hello as a request without end, so it has to speak first: by closing, or by saying nothing.
    let provider = Provider::plain(|_| Answer::Close(Vec::new())).await;
    let authority = Authority::new();
    let egress = Egress::builder()
        .resolve(HOST, vec![provider.address])
        .reachable("127.0.0.0/8".parse().unwrap())
        .trust(authority.root())
        .limits(Limits {
            tls: Duration::from_millis(50),
            ..limits()
        })
        .build()
        .unwrap();
    let outbound = egress.outbound(
        "acme",
        Arc::new(crate::support::policy(&["https://api.ok.com"])),
    );
    let (exchange, result) = begin(&outbound).send(post("https://api.ok.com/")).await;
    assert_eq!(result, Err(Error::ConnectionTimeout), "{exchange:?}");
    assert!(
        exchange.timings.connect.is_some() && exchange.timings.tls.is_none(),
        "{exchange:?}"
    );
    // The listener itself is well.
    drop(connect(provider.address).await);
}
