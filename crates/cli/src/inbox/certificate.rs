//! A certificate authority that lives in memory and for one run, and a leaf for any name asked for.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use jiff::{Timestamp, ToSpan, tz::TimeZone};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::{
    ServerConfig,
    crypto::{CryptoProvider, aws_lc_rs},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// How many names get a certificate that is remembered. One more, and the remembered ones are
/// made again when they are next asked for.
const REMEMBERED_NAMES: usize = 64;

/// The authority of one run. Its key is in memory alone and is gone with it.
pub(super) struct Authority {
    certificate: rcgen::Certificate,
    issuer: Issuer<'static, KeyPair>,
    /// One key for all leaves: making a key is the slow part, and they all end in this process.
    leaf_key: KeyPair,
}

impl Authority {
    pub(super) fn new() -> Result<Self, rcgen::Error> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::default();
        params
            .distinguished_name
            .push(DnType::CommonName, "phonebox inbox (development)");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        limit_validity(&mut params);
        let certificate = params.self_signed(&key)?;
        Ok(Self {
            certificate,
            issuer: Issuer::new(params, key),
            leaf_key: KeyPair::generate()?,
        })
    }

    pub(super) fn certificate(&self) -> CertificateDer<'static> {
        self.certificate.der().clone()
    }

    pub(super) fn pem(&self) -> String {
        self.certificate.pem()
    }

    /// A certificate for these names and its key, both as PEM text.
    pub(super) fn certified(&self, names: &[&str]) -> Result<(String, String), rcgen::Error> {
        let names = names.iter().map(ToString::to_string);
        let leaf = self.leaf(names.collect())?;
        Ok((leaf.pem(), self.leaf_key.serialize_pem()))
    }

    /// TLS as the providers speak it: HTTP/1.1, a certificate for whatever name is asked for.
    pub(super) fn server_config(self: Arc<Self>) -> Result<Arc<ServerConfig>, rustls::Error> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let leaves = Leaves {
            authority: self,
            provider: Arc::clone(&provider),
            remembered: Mutex::default(),
        };
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(leaves));
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }

    fn leaf(&self, names: Vec<String>) -> Result<rcgen::Certificate, rcgen::Error> {
        let mut params = CertificateParams::new(names)?;
        params
            .distinguished_name
            .push(DnType::CommonName, "phonebox inbox");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.use_authority_key_identifier_extension = true;
        limit_validity(&mut params);
        params.signed_by(&self.leaf_key, &self.issuer)
    }
}

/// From yesterday, for clocks that differ, to a month from now.
fn limit_validity(params: &mut CertificateParams) {
    let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
    let date = |date: jiff::civil::Date| {
        let part = |n: i8| u8::try_from(n).expect("jiff counts months and days from 1");
        rcgen::date_time_ymd(date.year().into(), part(date.month()), part(date.day()))
    };
    params.not_before = date(today.saturating_sub(1.day()));
    params.not_after = date(today.saturating_add(30.days()));
}

/// Makes and remembers the leaf for each name.
struct Leaves {
    authority: Arc<Authority>,
    provider: Arc<CryptoProvider>,
    remembered: Mutex<HashMap<String, Arc<CertifiedKey>>>,
}

impl Leaves {
    fn certified(&self, name: &str) -> Option<Arc<CertifiedKey>> {
        let mut remembered = self
            .remembered
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = remembered.get(name) {
            return Some(Arc::clone(known));
        }
        let leaf = self
            .authority
            .leaf(vec![name.to_owned()])
            .inspect_err(|error| tracing::warn!(name, %error, "no certificate for the name"))
            .ok()?;
        let key = PrivateKeyDer::try_from(self.authority.leaf_key.serialize_der())
            .inspect_err(|error| tracing::warn!(name, error, "the development key is unreadable"))
            .ok()?;
        let certified = CertifiedKey::from_der(vec![leaf.der().clone()], key, &self.provider)
            .inspect_err(|error| tracing::warn!(name, %error, "the development key is refused"))
            .ok()?;
        if remembered.len() == REMEMBERED_NAMES {
            remembered.clear();
        }
        let certified = Arc::new(certified);
        remembered.insert(name.to_owned(), Arc::clone(&certified));
        Some(certified)
    }
}

impl ResolvesServerCert for Leaves {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        // A client that dials the bare address sends no name.
        self.certified(hello.server_name().unwrap_or("127.0.0.1"))
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").finish_non_exhaustive()
    }
}

impl fmt::Debug for Leaves {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Leaves").finish_non_exhaustive()
    }
}
