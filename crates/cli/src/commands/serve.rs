//! `phonebox serve`: a host of actions for platforms, which speak to it over HTTP.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use phonebox::store::{Clock, Options, Sqlite};
use phonebox::{CannotStart, Deliveries, Fault, Keys, KeysError, Scope, Store, StoreError};
use phonebox_server::{Tls, TlsError};
use serde::Serialize;
use tokio::net::TcpListener;

use crate::api::{ADDRESS, OPERATOR_KEY};
use crate::args;
use crate::config::{Config, DEFAULT, KeysConfig};
use crate::dirs;
use crate::embedded;
use crate::failure::{Code, Failure};
use crate::output::Output;
use crate::stage;

/// The file of root keys in the folder of data, where the operator names no other place.
pub(super) const KEYS: &str = "phonebox.keys";
/// The file of the store, in the folder of data.
pub(super) const DATABASE: &str = "phonebox.db";
/// What is wrong without TLS where others than this machine are listened to, and the mend.
pub(super) const IN_THE_CLEAR: [&str; 2] = [
    "keys and codes come in the clear",
    "give it a certificate with --tls-cert, or have a proxy with TLS alone reach it",
];

#[derive(Serialize)]
struct Started {
    url: String,
    data: PathBuf,
    operator_key: Option<PathBuf>,
}

pub(super) async fn run(arguments: args::Serve, output: Output) -> Result<Code, Failure> {
    if arguments.print_config {
        output.plain(DEFAULT);
        return Ok(Code::Ok);
    }
    keep_memory_to_itself(output);
    let config = Config::read(arguments.config.as_deref())?;
    let data = &arguments.data;
    dirs::make_private(data).map_err(|error| Failure::file("cannot make", data, &error))?;
    let options = config.server()?;
    let tls = arguments.tls.read()?;
    if tls.is_none() && !arguments.listen.ip().is_loopback() {
        output.step("warning", IN_THE_CLEAR.join(": "));
    }
    let listener = listen(arguments.listen).await?;
    let address = listener
        .local_addr()
        .map_err(|error| Failure::chain(&error))?;

    let phonebox = config.start(&[address], output)?;
    let database = data.join(DATABASE);
    let keys = keys(config.keys(), data, output).await?;
    let store_options = Options {
        clock: Clock::real(),
        largest: config.largest_store(),
    };
    let opened = Sqlite::open(&database, store_options).await;
    let store = Store::new(opened.map_err(|error| of(&database, error))?);
    let mut delivery = config.delivery();
    delivery.twilio = Some(embedded::twilio()?);
    let started = phonebox.start(store, keys, delivery).await;
    let deliveries = started.map_err(|error| of(&database, error))?;
    let operator_key = operator_key(&deliveries, data).await?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    let url = format!("{scheme}://{address}");
    let told = Told::new(data.join(ADDRESS), &url)?;
    let mut text = vec![format!("phonebox serves {url} from {}", data.display())];
    if let Some(path) = &operator_key {
        text.push(format!("the operator's key is in {}", path.display()));
    }
    output.result(
        text.join("\n"),
        &Started {
            url,
            data: data.clone(),
            operator_key,
        },
    );
    serve(listener, tls, deliveries, options).await;
    drop(told);
    Ok(Code::Ok)
}

/// There are secrets in the memory of this process: it leaves no core file, and others of the same user cannot read it.
fn keep_memory_to_itself(output: Output) {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, setrlimit};
        let none = Rlimit {
            current: Some(0),
            maximum: Some(0),
        };
        if setrlimit(Resource::Core, none).is_err() {
            output.step(
                "warning",
                "a crash may leave a core file, with secrets in it",
            );
        }
    }
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        if set_dumpable_behavior(DumpableBehavior::NotDumpable).is_err() {
            output.step(
                "warning",
                "other processes of this user may read the memory of this one",
            );
        }
    }
    #[cfg(not(unix))]
    let _ = output;
}

/// The file that tells commands on this machine where the server is, for as long as it runs.
struct Told(PathBuf);

impl Told {
    fn new(path: PathBuf, url: &str) -> Result<Self, Failure> {
        dirs::write_private(&path, url)
            .map_err(|error| Failure::file("cannot write", &path, &error))?;
        Ok(Self(path))
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        // Whoever reads it meets nobody there.
        let _stays = std::fs::remove_file(&self.0);
    }
}

/// Answers until the process is asked to end; then what is under way ends first.
async fn serve(
    listener: TcpListener,
    tls: Option<Tls>,
    deliveries: Deliveries,
    options: phonebox_server::Options,
) {
    let router = phonebox_server::router(deliveries.handle(), options);
    let stop = async {
        super::dev::stopped().await;
        // Whoever waits for an outcome gets it.
        deliveries.shutdown().await;
    };
    phonebox_server::serve(listener, tls, router, stop).await;
}

pub(super) async fn listen(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| {
        let failure = Failure::new(format!("cannot listen on {address}: {error}"));
        match error.kind() {
            std::io::ErrorKind::AddrInUse => failure
                .hint("stop the other one, or give another address with --listen")
                .code(Code::Conflict),
            _ => failure.code(Code::Unavailable),
        }
    })
}

/// The keys that the store is encrypted with, where the operator says that they are.
pub(super) async fn configured_keys(configured: &KeysConfig) -> Result<Option<Keys>, Failure> {
    match configured.clone() {
        KeysConfig {
            file: Some(_),
            command: Some(_),
        } => Err(
            Failure::new("phonebox.toml has both a file and a command for the keys")
                .hint("leave one of them out")
                .code(Code::Usage),
        ),
        KeysConfig {
            file: Some(path), ..
        } => Ok(Some(Keys::from_file(path)?)),
        KeysConfig {
            command: Some(command),
            ..
        } => stage::blocking(move || Ok(Some(Keys::from_command(&command)?))).await,
        _ => Ok(None),
    }
}

/// The keys that the store is encrypted with: where the operator says, or made beside the store, which is said.
async fn keys(configured: &KeysConfig, data: &Path, output: Output) -> Result<Keys, Failure> {
    if let Some(keys) = configured_keys(configured).await? {
        return Ok(keys);
    }
    let path = data.join(KEYS);
    let database = data.join(DATABASE);
    if database.exists() && !path.exists() {
        let (path, database) = (path.display(), database.display());
        return Err(Failure::new(format!(
            "{path} is missing, and {database} was encrypted with the keys in it"
        ))
        .hint("put it back; or, to begin anew, move the database away, too")
        .fault(Fault::Platform)
        .code(Code::Unavailable));
    }
    output.step(
        "warning",
        format!(
            "the keys lie beside what they encrypt, in {}: who copies the folder can read it; see [keys]",
            path.display()
        ),
    );
    Ok(Keys::from_file_or_new(path)?)
}

/// Why this database is not served.
fn of(database: &Path, error: impl Into<CannotStart>) -> Failure {
    let error = error.into();
    let named = matches!(error, CannotStart::Store(StoreError::InUse(_)));
    let mut failure = Failure::from(error);
    if !named {
        failure.message = format!("cannot use {}: {}", database.display(), failure.message);
    }
    failure
}

/// Makes the operator's key at the first start. Gives the file that it is in.
async fn operator_key(deliveries: &Deliveries, data: &Path) -> Result<Option<PathBuf>, Failure> {
    let path = data.join(OPERATOR_KEY);
    let api_keys = deliveries.handle().api_keys();
    if !api_keys.list(None).await?.is_empty() {
        return Ok(path.exists().then_some(path));
    }
    let made = api_keys.create(None, &Scope::ALL).await?;
    let written = dirs::private_file(&path).and_then(|mut file| {
        file.write_all(made.key.reveal().as_bytes())?;
        file.write_all(b"\n")?;
        file.sync_all()
    });
    if let Err(error) = written {
        // Nobody knows it, so it is to be made again.
        api_keys.revoke(&made.id).await?;
        return Err(Failure::file("cannot write", &path, &error));
    }
    Ok(Some(path))
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let failure = Self::chain(&error).hint(error.hint()).fault(error.fault());
        match error {
            StoreError::InUse(_) => failure.code(Code::Conflict),
            _ => failure.code(Code::Unavailable),
        }
    }
}

impl From<CannotStart> for Failure {
    fn from(error: CannotStart) -> Self {
        let hint = error.hint();
        match error {
            CannotStart::Store(error) => error.into(),
            other => Self::chain(&other).hint(hint).fault(other.fault()),
        }
    }
}

impl From<KeysError> for Failure {
    fn from(error: KeysError) -> Self {
        Self::chain(&error).hint(error.hint()).fault(error.fault())
    }
}

impl From<TlsError> for Failure {
    fn from(error: TlsError) -> Self {
        Self::chain(&error).hint(error.hint()).fault(error.fault())
    }
}
