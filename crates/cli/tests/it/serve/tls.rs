//! TLS by itself: what callers see of it, what is refused at the start, and a certificate that is renewed meanwhile.

use std::path::Path;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    date_time_ymd,
};
use rustls_pki_types::CertificateDer;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::Server;
use crate::gate::{Gate, Mode};
use crate::inbox::client;

/// Who vouches for certificates.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        Self(CertifiedIssuer::self_signed(params, key).unwrap())
    }

    fn root(&self) -> CertificateDer<'static> {
        self.0.der().clone()
    }

    /// Writes a certificate and its key.
    fn write(&self, folder: &Path, change: impl FnOnce(&mut CertificateParams)) {
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let mut params = CertificateParams::new(names).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        std::fs::write(folder.join("tls.pem"), certificate.pem()).unwrap();
        private(&folder.join("tls.key"), &key.serialize_pem());
    }
}

fn private(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

impl Server {
    /// One that speaks TLS with the files of [`Authority::write`].
    fn with_tls(gateway: &Gate) -> Self {
        let mut server = Self::new(gateway.address);
        let arguments = ["--tls-cert", "tls.pem", "--tls-key", "tls.key"];
        server.arguments = arguments.map(str::to_owned).to_vec();
        server
    }

    fn address(&self) -> std::net::SocketAddr {
        let address = self.url.strip_prefix("https://").unwrap();
        address.parse().unwrap()
    }

    /// Asks it over TLS, with its key.
    async fn get(&self, root: CertificateDer<'static>, path: &str) -> std::io::Result<u16> {
        let stream = client::tls(self.address(), "localhost", root).await?;
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
        let request = http::Request::get(format!("https://localhost{path}"))
            .header("authorization", format!("Bearer {}", self.key))
            .body(String::new());
        let answered = client::send(stream, request.unwrap()).await;
        Ok(answered.map_err(std::io::Error::other)?.status.as_u16())
    }
}

#[tokio::test]
async fn it_speaks_tls_by_itself_and_the_commands_speak_it_too() {
    let gate = Gate::open(Mode::Accept).await;
    let authority = Authority::new();
    let mut server = Server::with_tls(&gate);
    authority.write(server.folder.path(), |_| {});
    server.start();
    assert!(
        server.url.starts_with("https://127.0.0.1:"),
        "{}",
        server.url
    );
    assert_eq!(server.get(authority.root(), "/livez").await.unwrap(), 200);
    let stranger = server.get(Authority::new().root(), "/livez").await;
    assert!(stranger.is_err(), "{stranger:?}");

    let root = server.folder.path().join("root.pem");
    std::fs::write(root, authority.0.pem()).unwrap();
    let tenants = server.json(&["tenants", "--ca", "root.pem"], "").await;
    assert_eq!(tenants["tenants"], json!([]), "{tenants}");
    let says = ["UnknownIssuer", "--ca"];
    server.fails(&["tenants"], 69, &says).await;

    // Who speaks plainly is not answered, and who says nothing holds nobody up.
    let mut plain = client::connect(server.address()).await;
    let request = b"GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n";
    plain.write_all(request).await.unwrap();
    let mut read = Vec::new();
    drop(plain.read_to_end(&mut read).await);
    assert!(!read.starts_with(b"HTTP/"), "{read:?}");
    let _silent = client::connect(server.address()).await;
    assert_eq!(server.get(authority.root(), "/readyz").await.unwrap(), 200);
}

#[tokio::test]
async fn a_renewed_certificate_is_shown_and_a_bad_one_is_not() {
    let gate = Gate::open(Mode::Accept).await;
    let (first, second) = (Authority::new(), Authority::new());
    let mut server = Server::with_tls(&gate);
    first.write(server.folder.path(), |_| {});
    server.start();
    let logged = async |text: &str| {
        let log = server.folder.path().join("log");
        loop {
            if std::fs::read_to_string(&log).unwrap().contains(text) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    std::fs::write(server.folder.path().join("tls.pem"), "none").unwrap();
    logged("there is no certificate in tls.pem").await;
    assert_eq!(server.get(first.root(), "/livez").await.unwrap(), 200);
    second.write(server.folder.path(), |_| {});
    logged("the certificate was read again").await;
    assert_eq!(server.get(second.root(), "/livez").await.unwrap(), 200);
    let before = server.get(first.root(), "/livez").await;
    assert!(before.is_err(), "{before:?}");
}

#[tokio::test]
async fn what_cannot_be_used_is_named_with_the_mend() {
    let gate = Gate::open(Mode::Accept).await;
    let authority = Authority::new();
    let server = Server::with_tls(&gate);
    let folder = server.folder.path();
    let serve = ["serve", "--tls-cert", "tls.pem", "--tls-key", "tls.key"];
    let refused = async |says: [&str; 2]| server.fails(&serve, 1, &says).await;
    refused([
        "tls.pem cannot be read: No such file",
        "see that the file is there",
    ])
    .await;
    authority.write(folder, |_| {});
    private(&folder.join("tls.key"), "none");
    refused(["there is no key in tls.key", "without a passphrase"]).await;
    private(
        &folder.join("tls.key"),
        &KeyPair::generate().unwrap().serialize_pem(),
    );
    refused(["the key in tls.key is not that of", "made together"]).await;
    authority.write(folder, |params| {
        params.not_after = date_time_ymd(2001, 1, 2);
    });
    refused(["has expired: 2001-01-02T00:00:00Z", "have it renewed"]).await;
    authority.write(folder, |params| {
        params.not_before = date_time_ymd(2100, 1, 2);
    });
    refused([
        "is good from 2100-01-02T00:00:00Z only",
        "this machine's clock",
    ])
    .await;
    let for_clients = vec![ExtendedKeyUsagePurpose::ClientAuth];
    authority.write(folder, |params| params.extended_key_usages = for_clients);
    refused(["is none for a server", "made for a server"]).await;
    authority.write(folder, |_| {});
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o640);
    std::fs::set_permissions(folder.join("tls.key"), mode).unwrap();
    refused(["others may read the key in tls.key", "0600"]).await;
    let alone = ["serve", "--tls-cert", "tls.pem"];
    server.fails(&alone, 2, &["--tls-key <FILE>"]).await;
    let doctor = server.types(
        &["doctor", "--tls-cert", "tls.pem", "--tls-key", "tls.key"],
        "",
    );
    let doctor = doctor.await;
    assert!(
        doctor.stdout.contains("others may read the key"),
        "{doctor:?}"
    );
}
