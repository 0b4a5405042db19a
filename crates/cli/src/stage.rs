use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use phonebox::egress::Egress;
use phonebox::{
    Action, CompiledCache, Config, DeployError, Deployment, Jail, Phonebox, Runtime, Secrets,
};

use crate::failure::Failure;
use crate::inbox::Inbox;

/// An action on a host of its own, whose every way out leads to an inbox.
pub(crate) fn deploy(
    inbox: &Inbox,
    action: &Action,
    secrets: Secrets,
    compiled: CompiledCache,
    jail: Arc<Jail>,
    places: u32,
) -> Result<Deployment, Failure> {
    phonebox(inbox, &[], compiled, jail, places)?
        .deploy("dev", action, secrets)
        .map_err(not_deployed)
}

/// A host whose every way out leads to an inbox: whatever name an action asks for, the inbox answers. Nothing leaves the
/// machine, and these listeners of the program's own are out of reach.
pub(crate) fn phonebox(
    inbox: &Inbox,
    listeners: &[SocketAddr],
    compiled: CompiledCache,
    jail: Arc<Jail>,
    places: u32,
) -> Result<Phonebox, Failure> {
    let loopback = Ipv4Addr::LOCALHOST.into();
    let mut egress = Egress::builder()
        .resolve_others(vec![inbox.provider_address()])
        .trust(inbox.certificate())
        .dangerous_plain_http_everywhere()
        .reachable(
            phonebox::egress::IpNet::new(loopback, 32).expect("32 bits are a whole address"),
        );
    for listener in listeners {
        egress = egress.own(*listener);
    }
    let egress = egress.build().map_err(|error| Failure::chain(&error))?;
    let mut runtime = Config::new();
    runtime.places = places;
    runtime.jail = Some(jail);
    let phonebox = Phonebox::builder()
        .runtime(runtime)
        .compiled(compiled)
        .egress(egress)
        .build();
    phonebox.map_err(|error| Failure::chain(&error))
}

/// Why an action is not deployed here, where its secrets are the examples of its manifest.
pub(crate) fn not_deployed(error: DeployError) -> Failure {
    match error {
        DeployError::MissingSecret {
            ref name,
            nearest: None,
        } => {
            let hint = format!(
                "give [secrets.{name}] an `example` in action.toml, or say optional = true"
            );
            Failure::from(error).hint(hint)
        }
        error => error.into(),
    }
}

/// Compiles an action, as a host does that deploys it, and tells how long that took.
pub(crate) fn compile(
    action: &Action,
    jail: Arc<Jail>,
    compiled: Option<CompiledCache>,
) -> Result<Duration, Failure> {
    let mut config = Config::new();
    config.places = 1;
    config.jail = Some(jail);
    let runtime = Runtime::new(&config, compiled).map_err(|error| Failure::chain(&error))?;
    let started = Instant::now();
    action.load(&runtime, "dev").map_err(DeployError::from)?;
    Ok(started.elapsed())
}

/// Loads an action that is its source, to see what is wrong with it.
pub(crate) fn build(action: &Action, compiled: CompiledCache) -> Result<(), Failure> {
    let mut config = Config::new();
    config.places = 1;
    let runtime = Runtime::new(&config, Some(compiled)).map_err(|error| Failure::chain(&error))?;
    action.load(&runtime, "dev").map_err(DeployError::from)?;
    Ok(())
}

/// Runs what blocks where that is allowed.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|panic| {
            Err(Failure::new(format!(
                "a step of the program panicked: {panic}"
            )))
        })
}
