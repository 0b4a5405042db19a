//! Whose certificate is accepted, and what is said when it is not.

use std::sync::Arc;
use std::time::Duration;

use phonebox_egress::{Egress, Error, Limits};
use rcgen::CertificateParams;
use rustls::crypto::aws_lc_rs;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::PrivatePkcs8KeyDer;

use crate::support::{Answer, Authority, HOST, OK, Provider, begin, code, connect, post, say};

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
    let key = rcgen::KeyPair::generate().unwrap();
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
            ..Limits::default()
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
