//! The server of `phonebox dev`: the very one of `phonebox serve`, over TLS, with a store for one run and one tenant, whose
//! providers are all the inbox.

use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;

use phonebox::store::Clock;
use phonebox::store::{Options as StoreOptions, Sqlite};
use phonebox::{
    CannotLoad, Deliveries, DeliveryOptions, Issuer, Jail, Keys, Phonebox, Scope, SendError,
    Sensitive, Store, Tenant,
};
use phonebox_server::{Options, Tls};
use tempfile::TempDir;
use tokio::task::JoinHandle;

use super::super::serve::{DATABASE, listen};
use crate::dirs;
use crate::embedded;
use crate::failure::Failure;
use crate::inbox::Inbox;
use crate::stage;

/// The one tenant.
const TENANT: &str = "dev";
/// How many deliveries may be under way at once.
const PLACES: u32 = 16;

/// A running server. It ends when it is dropped, and all that it kept is gone.
pub(super) struct Server {
    deliveries: Deliveries,
    answering: JoinHandle<()>,
    /// Its host and port.
    pub(super) domain: String,
    pub(super) client_id: String,
    pub(super) client_secret: Sensitive,
    /// For all that a tenant's key is good for.
    pub(super) token: Sensitive,
    _folder: TempDir,
}

impl Server {
    pub(super) async fn start(port: u16, inbox: &Inbox, jail: Arc<Jail>) -> Result<Self, Failure> {
        let listener = listen((Ipv4Addr::LOCALHOST, port).into()).await?;
        let address = listener
            .local_addr()
            .map_err(|error| Failure::chain(&error))?;
        let folder = tempfile::tempdir().map_err(|error| Failure::chain(&error))?;
        let tls = tls(inbox, folder.path())?;
        let phonebox = stage::phonebox(inbox, &[address], dirs::compiled()?, jail, PLACES)?;
        let deliveries = start(&phonebox, folder.path()).await?;
        let handle = deliveries.handle();

        let of_tenant = |scope: &Scope| !matches!(scope, Scope::KeysWrite | Scope::MetricsRead);
        let scopes: Vec<_> = Scope::ALL.into_iter().filter(of_tenant).collect();
        let keys = handle.api_keys();
        let client = keys.create(Some(TENANT), &scopes).await?;
        let caller = keys.authenticate(client.key.reveal()).await?;
        let caller = caller.ok_or_else(|| Failure::new("a key that was just made is nobody's"))?;
        let domain = format!("localhost:{}", address.port());
        let options = Options::default();
        let issuer = Issuer {
            name: format!("https://{domain}/"),
            audience: format!("https://{domain}/api/v2/"),
        };
        let token = handle.tokens().issue(&issuer, &caller, None).await?.token;
        let router = phonebox_server::router(handle, options);
        let serve = phonebox_server::serve(listener, Some(tls), router, std::future::pending());
        Ok(Self {
            answering: tokio::spawn(serve),
            deliveries,
            domain,
            client_id: client.id,
            client_secret: client.key,
            token,
            _folder: folder,
        })
    }

    pub(super) fn tenant(&self) -> Tenant {
        self.deliveries.tenant(TENANT)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.answering.abort();
    }
}

async fn start(phonebox: &Phonebox, folder: &Path) -> Result<Deliveries, Failure> {
    let options = StoreOptions {
        clock: Clock::real(),
        largest: None,
    };
    let store = Store::new(Sqlite::open(folder.join(DATABASE), options).await?);
    let mut options = DeliveryOptions::default();
    options.twilio = Some(embedded::twilio()?);
    Ok(phonebox.start(store, Keys::generate(), options).await?)
}

/// With a certificate of the inbox's authority.
fn tls(inbox: &Inbox, folder: &Path) -> Result<Tls, Failure> {
    let names = ["localhost", "127.0.0.1", "::1"];
    let (certificate, key) = inbox.certified(&names)?;
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        dirs::write_private(&path, text)
            .map_err(|error| Failure::file("cannot write", &path, &error))?;
        Ok::<_, Failure>(path)
    };
    Ok(Tls::from_files(
        write("tls.pem", &certificate)?,
        write("tls.key", &key)?,
    )?)
}

impl From<CannotLoad> for Failure {
    fn from(error: CannotLoad) -> Self {
        let (hint, fault) = (error.hint(), error.fault());
        let failure = Self::chain(&error).fault(fault);
        match hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}

impl From<SendError> for Failure {
    fn from(error: SendError) -> Self {
        Self::chain(&error).hint(error.hint()).fault(error.fault())
    }
}
