//! TLS by itself: a certificate and its key from two files, which are read again when they change.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use phonebox::Fault;
use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use tokio::task::spawn_blocking;
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;
use webpki::{EndEntityCert, KeyUsage};
use zeroize::Zeroizing;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(2);

/// A certificate and its key.
pub struct Tls {
    files: Files,
    /// As they were when they were read.
    known: Changed,
    shown: Arc<Shown>,
    acceptor: TlsAcceptor,
}

#[derive(Clone)]
struct Files {
    certificate: PathBuf,
    key: PathBuf,
}

/// When each of the files was written.
type Changed = [Option<SystemTime>; 2];

/// What is shown to whoever connects.
struct Shown(RwLock<Arc<CertifiedKey>>);

/// Why there is no TLS with these files.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// One cannot be read.
    #[error("{} cannot be read", .path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Others than its owner may read the key.
    #[error("others may read the key in {}", .0.display())]
    Exposed(PathBuf),
    /// There is nothing of the kind in one.
    #[error("there is no {what} in {}", .path.display())]
    None {
        /// Which.
        path: PathBuf,
        /// What it should have.
        what: &'static str,
    },
    /// The key is another certificate's.
    #[error("the key in {} is not that of the certificate in {}", .key.display(), .certificate.display())]
    AnotherKey {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
    /// The certificate is good no more, or not yet.
    #[error("the certificate in {} {}", .path.display(), .says)]
    OutOfTime {
        /// Which.
        path: PathBuf,
        /// Since when, or from when.
        says: String,
    },
    /// No client would take the certificate.
    #[error("the certificate in {} is none for a server: {}", .path.display(), .says)]
    Unusable {
        /// Which.
        path: PathBuf,
        /// Why.
        says: String,
    },
}

impl TlsError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Io { .. } => "see that the file is there and that this user may read it",
            Self::Exposed(_) => "make its mode 0600",
            Self::None { .. } => {
                "both are in PEM format, the key without a passphrase: --tls-cert for the certificate and those that \
                 vouch for it, --tls-key for the key"
            }
            Self::AnotherKey { .. } => "give the two that were made together",
            Self::OutOfTime { .. } => "have it renewed, or set this machine's clock",
            Self::Unusable { .. } => {
                "have one made for a server, of version 3, with its names as alternative names"
            }
        }
    }

    /// Whose fault it is: the platform's.
    pub fn fault(&self) -> Fault {
        Fault::Platform
    }
}

impl Tls {
    /// Reads both files (PEM): the certificate with those that vouch for it, and its key, which nobody but its owner may read.
    /// Blocks meanwhile.
    pub fn from_files(
        certificate: impl Into<PathBuf>,
        key: impl Into<PathBuf>,
    ) -> Result<Self, TlsError> {
        let files = Files {
            certificate: certificate.into(),
            key: key.into(),
        };
        let known = files.changed();
        let provider = Arc::new(aws_lc_rs::default_provider());
        let shown = Arc::new(Shown(RwLock::new(Arc::new(files.read(&provider)?))));
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the provider knows them")
            .with_no_client_auth()
            .with_cert_resolver(shown.clone());
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            files,
            known,
            shown,
            acceptor: Arc::new(config).into(),
        })
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        self.acceptor.clone()
    }

    /// Reads the files again whenever they have changed. Where they cannot be used, what was read before stays.
    pub(crate) async fn keep_up(self) {
        let Self {
            files,
            mut known,
            shown,
            ..
        } = self;
        let mut before = known;
        loop {
            sleep(LOOK).await;
            let now = files.changed();
            // Both are to be at rest: they are written one after the other.
            let changed = now != known && now == before;
            before = now;
            if !changed {
                continue;
            }
            known = now;
            let again = files.clone();
            let read = spawn_blocking(move || again.read(&aws_lc_rs::default_provider())).await;
            match read {
                Ok(Ok(read)) => {
                    *shown.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(read);
                    tracing::info!("the certificate was read again");
                }
                Ok(Err(error)) => {
                    tracing::error!(%error, hint = error.hint(), "the certificate before stays");
                }
                Err(_) => return,
            }
        }
    }
}

impl Files {
    fn changed(&self) -> Changed {
        let changed = |path: &Path| fs::metadata(path).and_then(|file| file.modified()).ok();
        [changed(&self.certificate), changed(&self.key)]
    }

    fn read(&self, provider: &CryptoProvider) -> Result<CertifiedKey, TlsError> {
        let none = |path: &Path, what| TlsError::None {
            path: path.to_owned(),
            what,
        };
        let pem = fs::read(&self.certificate).map_err(|source| TlsError::Io {
            path: self.certificate.clone(),
            source,
        })?;
        let chain = CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>();
        let chain = chain.ok().filter(|chain| !chain.is_empty());
        let chain = chain.ok_or_else(|| none(&self.certificate, "certificate"))?;
        let key = self.read_key()?;
        let key = PrivateKeyDer::from_pem_slice(&key).map_err(|_| none(&self.key, "key"))?;
        check(&self.certificate, &chain, provider)?;
        CertifiedKey::from_der(chain, key, provider).map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => TlsError::AnotherKey {
                certificate: self.certificate.clone(),
                key: self.key.clone(),
            },
            _ => none(&self.key, "key that can be used"),
        })
    }

    fn read_key(&self) -> Result<Zeroizing<Vec<u8>>, TlsError> {
        let failed = |source| TlsError::Io {
            path: self.key.clone(),
            source,
        };
        let mut file = fs::File::open(&self.key).map_err(failed)?;
        #[cfg(unix)]
        {
            let metadata = file.metadata().map_err(failed)?;
            if std::os::unix::fs::MetadataExt::mode(&metadata) & 0o077 != 0 {
                return Err(TlsError::Exposed(self.key.clone()));
            }
        }
        let mut key = Zeroizing::new(Vec::new());
        io::Read::read_to_end(&mut file, &mut key).map_err(failed)?;
        Ok(key)
    }
}

/// What a client would find wrong with the certificate, whomever it trusts.
fn check(
    path: &Path,
    chain: &[CertificateDer<'_>],
    provider: &CryptoProvider,
) -> Result<(), TlsError> {
    let time = |time: UnixTime| {
        let time = i64::try_from(time.as_secs()).ok();
        let time = time.and_then(|seconds| Timestamp::from_second(seconds).ok());
        time.map_or_else(String::new, |time| time.to_string())
    };
    let out_of_time = |says| TlsError::OutOfTime {
        path: path.to_owned(),
        says,
    };
    let unusable = |error: webpki::Error| TlsError::Unusable {
        path: path.to_owned(),
        says: error.to_string(),
    };
    let Some((leaf, above)) = chain.split_first() else {
        return Ok(());
    };
    let leaf = EndEntityCert::try_from(leaf).map_err(unusable)?;
    let judged = leaf.verify_for_usage(
        provider.signature_verification_algorithms.all,
        &[],
        above,
        UnixTime::now(),
        KeyUsage::server_auth(),
        None,
        None,
    );
    match judged {
        Err(webpki::Error::CertExpired { not_after, .. }) => {
            Err(out_of_time(format!("has expired: {}", time(not_after))))
        }
        Err(webpki::Error::CertNotValidYet { not_before, .. }) => Err(out_of_time(format!(
            "is good from {} only",
            time(not_before)
        ))),
        // Nobody is trusted here.
        Ok(_) | Err(webpki::Error::UnknownIssuer) => Ok(()),
        Err(error) => Err(unusable(error)),
    }
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let shown = self.0.read().unwrap_or_else(PoisonError::into_inner);
        Some(shown.clone())
    }
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shown").finish_non_exhaustive()
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}
