//! The inbox: the local stand-in for phone providers, for development and tests.
//!
//! An action under test is the very one that goes to production, URL and all. So instead of a
//! special "test mode" in the action, names such as `api.twilio.com` are pointed at this room,
//! which speaks TLS with a certificate of its own and answers as the provider would. Nothing
//! leaves the machine; each message is kept, and shown on a small page.
//!
//! The cast:
//! - [`Inbox`] is the running whole: two listeners on loopback and what they share;
//! - [`Message`] is one request as it arrived, what it meant, and what it was answered;
//! - [`Failure`] is what the inbox has been told to do to every request;
//! - [`ScriptedAnswer`] replaces the provider's answer to one request (`phonebox test`);
//! - inside: `certificate` (a fresh authority per start), `listener` (accept loops), `provider`
//!   (one file for each provider's dialect), `mailbox` (the bounded list), `page` (what a person
//!   sees, and the control API).
//!
//! One run, in order: a client connects over TLS and names a host; `certificate` makes a leaf for
//! that name; `provider` reads the request, decides the answer in that host's dialect (or takes
//! the next scripted one); `mailbox` numbers and keeps both; the answer goes out, and the page,
//! `/messages` and every [`Inbox::subscribe`]r see the message.
//!
//! It refuses to be reached from anywhere but this machine, to be steered by another site's page
//! in the developer's browser, and to grow: it keeps the last [`Inbox::KEPT`] messages. It shows
//! codes and numbers on purpose; never point real users' traffic at it.

mod certificate;
mod listener;
mod mailbox;
mod message;
mod page;
mod provider;

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};

use rustls_pki_types::CertificateDer;
use tokio::{net::TcpListener, sync::broadcast};
use tokio_rustls::TlsAcceptor;

pub use self::message::{
    Channel, Failure, Fault, Message, Provider, RecordedAnswer, RecordedRequest, ScriptedAnswer,
};
use self::{certificate::Authority, listener::Listener, mailbox::Mailbox};

/// Where an inbox listens. Both listeners are on `127.0.0.1` and nowhere else.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// The port of the page and the control API (plain HTTP); 0 takes a free one.
    pub page_port: u16,
    /// The port that plays the providers (TLS); 0 takes a free one.
    pub provider_port: u16,
}

/// A running inbox. It stops when it is dropped, or when [`Inbox::stop`] is awaited.
#[derive(Debug)]
pub struct Inbox {
    mailbox: Arc<Mailbox>,
    authority: Arc<Authority>,
    page: Listener,
    provider: Listener,
}

impl Inbox {
    /// The hosts whose dialect the inbox knows. Kannel is known by its path on any other host;
    /// what is left gets the generic answer.
    pub const HOSTS: &[&str] = &[
        "api.twilio.com",
        "verify.twilio.com",
        "rest.nexmo.com",
        "api.nexmo.com",
    ];

    /// How many messages are kept. The oldest goes when one more arrives.
    pub const KEPT: usize = 500;

    /// How much of a request's body is read, in bytes. A larger request is answered `413` and
    /// recorded with what was read of it.
    pub const BODY_LIMIT: usize = 256 * 1024;

    /// Starts both listeners and makes a certificate authority for this run alone.
    pub async fn start(options: Options) -> Result<Self, Error> {
        let (page_socket, page_address) = bind(Role::Page, options.page_port).await?;
        let (provider_socket, provider_address) =
            bind(Role::Provider, options.provider_port).await?;
        let authority = Arc::new(Authority::new().map_err(Error::Certificate)?);
        let tls = TlsAcceptor::from(authority.clone().server_config().map_err(Error::Tls)?);
        let mailbox = Arc::new(Mailbox::default());
        let shared = Arc::clone(&mailbox);
        let provider = Listener::start(provider_socket, provider_address, move |stream| {
            provider::serve(stream, tls.clone(), Arc::clone(&shared))
        });
        let router = page::router(Arc::clone(&mailbox), provider_address);
        let page = Listener::start(page_socket, page_address, move |stream| {
            page::serve(stream, router.clone())
        });
        Ok(Self {
            mailbox,
            authority,
            page,
            provider,
        })
    }

    /// The address of the page and of the control API, as `http://127.0.0.1:PORT`.
    pub fn page_url(&self) -> String {
        format!("http://{}", self.page.address())
    }

    /// Where every provider's name has to point: a loopback address that speaks TLS.
    pub fn provider_address(&self) -> SocketAddr {
        self.provider.address()
    }

    /// The certificate of this run's authority, to be trusted as an extra root.
    pub fn certificate(&self) -> CertificateDer<'static> {
        self.authority.certificate()
    }

    /// The same certificate as PEM text, as `NODE_EXTRA_CA_CERTS` or `SSL_CERT_FILE` want it.
    pub fn certificate_pem(&self) -> String {
        self.authority.pem()
    }

    /// A certificate for these names that the authority vouches for, and its key, as PEM text: for another listener of this
    /// run.
    pub fn certified(&self, names: &[&str]) -> Result<(String, String), Error> {
        self.authority.certified(names).map_err(Error::Certificate)
    }

    /// What arrived and is still kept, oldest first.
    pub fn messages(&self) -> Vec<Arc<Message>> {
        self.mailbox.after(0)
    }

    /// Every message from now on. A subscriber that falls far behind misses some and is told so.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Message>> {
        self.mailbox.subscribe()
    }

    /// What the inbox does to requests at present.
    pub fn failure(&self) -> Failure {
        self.mailbox.failure()
    }

    /// Tells the inbox what to do to the requests that come from now on.
    pub fn set_failure(&self, failure: Failure) {
        self.mailbox.set_failure(failure);
    }

    /// Answers the next requests, in order, with these instead of the provider's own answers, and
    /// forgets what was left of an earlier script. Scripted answers go before a [`Failure`].
    pub fn script(&self, answers: Vec<ScriptedAnswer>) {
        self.mailbox.script(answers);
    }

    /// Forgets every message. Numbering goes on.
    pub fn clear(&self) {
        self.mailbox.clear();
    }

    /// Ends every connection and waits until both ports are free again.
    pub async fn stop(self) {
        self.page.stop().await;
        self.provider.stop().await;
    }
}

/// Why an inbox did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The certificate authority of this run could not be made.
    #[error("cannot make the development certificate")]
    Certificate(#[source] rcgen::Error),
    /// A port could not be listened on, for a reason other than its being taken.
    #[error("cannot listen on 127.0.0.1:{port} for the {role}")]
    Listen {
        /// What the port was for.
        role: Role,
        /// The port that was asked for; 0 means any.
        port: u16,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Something listens on the port already.
    #[error("port {port} for the {role} is already in use")]
    PortInUse {
        /// What the port was for.
        role: Role,
        /// The port that was asked for.
        port: u16,
    },
    /// The TLS side refused its own settings.
    #[error("cannot set up TLS for the inbox")]
    Tls(#[source] rustls::Error),
}

impl Error {
    /// What to do about it, where that is known.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::PortInUse { .. } => Some(
                "another `phonebox dev` may be running: stop it, or choose another port (0 takes a free one)",
            ),
            Self::Listen { .. } => Some("choose another port (0 takes a free one)"),
            Self::Certificate(_) | Self::Tls(_) => None,
        }
    }
}

/// Which of the inbox's two listeners.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The page and the control API.
    Page,
    /// The side that plays the providers.
    Provider,
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Page => "inbox page",
            Self::Provider => "inbox's providers",
        })
    }
}

async fn bind(role: Role, port: u16) -> Result<(TcpListener, SocketAddr), Error> {
    let failed = |source: std::io::Error| match source.kind() {
        std::io::ErrorKind::AddrInUse => Error::PortInUse { role, port },
        _ => Error::Listen { role, port, source },
    };
    let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .await
        .map_err(failed)?;
    let address = socket.local_addr().map_err(failed)?;
    Ok((socket, address))
}
