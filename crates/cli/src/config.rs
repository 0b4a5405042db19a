//! `phonebox.toml`, the operator's document.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use phonebox::egress::{Egress, IpNet, Ipv6Net, Limits, Nat64, Origin, Policy, Rule};
use phonebox::jail::Bounds;
use phonebox::{
    AbuseLimits, CallingCode, CompiledCache, Config as Runtime, DeliveryOptions,
    InvalidCallingCode, Jail, Phonebox, Rate,
};
use phonebox_server::Names;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use serde::Deserialize;

use crate::dirs;
use crate::failure::{Code, Failure};
use crate::output::Output;

/// Every key with its meaning and its default, as comments: printed to a file, it changes nothing. A line without a space
/// behind its `#` is a key; one that ends in `for example` shows a value where the default is none.
pub(crate) const DEFAULT: &str = include_str!("phonebox.toml");

/// What the operator settles. Every key has a default that is right for production.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    abuse: AbuseConfig,
    compile: CompileConfig,
    delivery: DeliveryConfig,
    egress: EgressConfig,
    keys: KeysConfig,
    runtime: RuntimeConfig,
    server: ServerConfig,
    store: StoreConfig,
}

/// Where the root keys are.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct KeysConfig {
    /// The file: one a line, the one that encrypts first.
    pub(crate) file: Option<PathBuf>,
    /// A program and its arguments, which prints them so.
    pub(crate) command: Option<Vec<String>>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct CompileConfig {
    /// Seconds of computing for one component.
    cpu_seconds: Option<u64>,
    /// Seconds in all for one component.
    seconds: Option<u64>,
    /// MiB of memory for one component.
    memory_mib: Option<u64>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct AbuseConfig {
    /// Messages of one tenant to one number.
    number: Option<Vec<RateConfig>>,
    /// Messages to one number, over all tenants.
    number_overall: Option<Vec<RateConfig>>,
    /// Calls to one number, over all tenants.
    voice: Option<Vec<RateConfig>>,
    /// Messages of one tenant.
    tenant: Option<Vec<RateConfig>>,
    /// Messages of one tenant to a thousand numbers side by side.
    block: Option<Vec<RateConfig>>,
    /// Numbers one after another that one tenant sends to; with `most = 0`, any.
    sequence: Option<RateConfig>,
    /// The calling codes of the countries that are reached.
    countries: Vec<Country>,
    /// Whether only numbers of countries that there are are reached.
    known_countries: Option<bool>,
    /// How numbers have to begin.
    allowed_prefixes: Option<Vec<String>>,
    /// How numbers may not begin.
    denied_prefixes: Option<Vec<String>>,
    /// What is different for one tenant.
    tenants: BTreeMap<String, TenantAbuseConfig>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TenantAbuseConfig {
    /// In place of those of all tenants.
    countries: Vec<Country>,
}

/// As in `"+41"`.
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
struct Country(CallingCode);

impl TryFrom<String> for Country {
    type Error = InvalidCallingCode;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse().map(Self)
    }
}

#[derive(Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
struct RateConfig {
    most: u32,
    seconds: u64,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct DeliveryConfig {
    /// Attempts under way at once.
    at_once: Option<usize>,
    /// Attempts of one tenant under way at once.
    at_once_of_tenant: Option<usize>,
    /// Actions kept ready to run.
    ready_actions: Option<usize>,
    /// Days that settled notifications are kept.
    keep_days: Option<u64>,
    /// Seconds that attempts under way have to end at a stop.
    drain_seconds: Option<u64>,
    /// Whether what ends by the action's fault is tried again.
    retry_faults: bool,
    /// Attempts of an action that fail one after another before its provider is left alone. 0: it never is.
    provider_failures: Option<u32>,
    /// Seconds that it is left alone at the most, before an attempt tries again.
    provider_seconds: Option<u64>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ServerConfig {
    /// The name that tokens are issued for, with its port. Without it: the one that a request is made with.
    domain: Option<String>,
    /// The names of tenants' hosts: `{tenant}.` and what follows it.
    tenants: Option<String>,
    /// The networks of proxies that are believed for whom they ask.
    trusted_proxies: Vec<IpNet>,
    /// Requests of one tenant to the Management API.
    requests: Option<RateConfig>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct StoreConfig {
    /// MiB that the store may grow to.
    largest_mib: Option<u64>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct EgressConfig {
    /// What no action's rules exceed. Without any: every https origin.
    ceiling: Vec<CeilingRule>,
    /// How much of it tenants and origins get.
    limits: EgressLimits,
    /// This network's own NAT64 prefixes, and how addresses in them are judged.
    nat64: BTreeMap<Ipv6Net, Nat64Mode>,
    /// Listeners of this machine that no request ever reaches.
    own: Vec<SocketAddr>,
    /// Address ranges that may not be reached although they are public.
    prohibit: Vec<IpNet>,
    /// An HTTP proxy for everything.
    proxy: Option<SocketAddr>,
    /// Origins that may be spoken to without TLS.
    plain_http: Vec<String>,
    /// Address ranges that may be reached although they are special.
    reachable: Vec<IpNet>,
    /// Answers in place of the system's resolver, by host.
    resolve: BTreeMap<String, Vec<SocketAddr>>,
    /// Files of root certificates (PEM) to trust beside Mozilla's.
    trust: Vec<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CeilingRule {
    origin: String,
    #[serde(default)]
    methods: Vec<String>,
    #[serde(default)]
    paths: Vec<String>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Nat64Mode {
    Deny,
    Unwrap,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct EgressLimits {
    /// Requests of one tenant at one time.
    tenant_concurrent: Option<u32>,
    /// Requests of one tenant in a second.
    tenant_rate: Option<u32>,
    /// Requests to one origin at one time, over all tenants.
    origin_concurrent: Option<u32>,
    /// Origins that an action may be denied within an hour before it is suspended.
    denied_origins: Option<usize>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RuntimeConfig {
    /// Sandboxes at once.
    places: Option<u32>,
    /// Sandboxes at once for one tenant.
    places_per_tenant: Option<u32>,
    /// Fuel for a run.
    fuel: Option<u64>,
    /// The folder of compiled code.
    compiled: Option<PathBuf>,
}

impl Config {
    /// Reads the file; without one, the defaults.
    pub(crate) fn read(path: Option<&Path>) -> Result<Self, Failure> {
        let Some(path) = path else {
            return Ok(Self::default());
        };
        let text =
            fs::read_to_string(path).map_err(|error| Failure::file("cannot read", path, &error))?;
        toml::from_str(&text).map_err(|error| {
            let message = error.to_string();
            Failure::new(format!(
                "{} cannot be read: {}",
                path.display(),
                message.trim()
            ))
            .code(Code::Usage)
        })
    }

    /// How notifications are delivered.
    pub(crate) fn delivery(&self) -> DeliveryOptions {
        let DeliveryConfig {
            at_once,
            at_once_of_tenant,
            ready_actions,
            keep_days,
            drain_seconds,
            retry_faults,
            provider_failures,
            provider_seconds,
        } = self.delivery;
        let mut options = DeliveryOptions::default();
        options.at_once = at_once.unwrap_or(options.at_once);
        options.at_once_of_tenant = at_once_of_tenant.unwrap_or(options.at_once_of_tenant);
        options.ready_actions = ready_actions.unwrap_or(options.ready_actions);
        let days = |days: u64| Duration::from_secs(days.saturating_mul(24 * 60 * 60));
        options.keep = keep_days.map_or(options.keep, days);
        options.drain = drain_seconds.map_or(options.drain, Duration::from_secs);
        options.retry_faults = retry_faults;
        let circuit = &mut options.circuit;
        if let Some(failures) = provider_failures {
            circuit.failures = (failures > 0).then_some(failures);
        }
        circuit.longest = provider_seconds.map_or(circuit.longest, Duration::from_secs);
        options.abuse = self.abuse.read();
        options
    }

    /// How the API is known, and how much of it there is.
    pub(crate) fn server(&self) -> Result<phonebox_server::Options, Failure> {
        let ServerConfig {
            domain,
            tenants,
            trusted_proxies,
            requests,
        } = &self.server;
        let mut options = phonebox_server::Options::default();
        options.proxies.clone_from(trusted_proxies);
        options.names = Names::new(domain.as_deref(), tenants.as_deref()).map_err(|invalid| {
            Failure::new(invalid)
                .hint("see `phonebox serve --print-config`")
                .code(Code::Usage)
        })?;
        if let Some(requests) = requests {
            if requests.most == 0 || requests.seconds == 0 {
                return Err(Failure::new(
                    "server.requests lets nobody ask: both numbers are at least 1",
                )
                .code(Code::Usage));
            }
            options.managed = requests.read();
        }
        Ok(options)
    }

    /// Where the root keys are.
    pub(crate) fn keys(&self) -> &KeysConfig {
        &self.keys
    }

    /// The most that the store may grow to, in bytes.
    pub(crate) fn largest_store(&self) -> Option<u64> {
        self.store
            .largest_mib
            .map(|mib| mib.saturating_mul(1 << 20))
    }

    /// The host that this describes, beside these listeners of the process's own, which no action ever reaches. Components are
    /// compiled in a jail; what of it is not to be had on this machine is said.
    pub(crate) fn start(
        &self,
        listeners: &[SocketAddr],
        output: Output,
    ) -> Result<Phonebox, Failure> {
        let mut runtime = self.runtime.read();
        runtime.jail = Some(jail(self.compile.read(), output)?);
        let compiled = match &self.runtime.compiled {
            Some(folder) => CompiledCache::open(folder, dirs::code_key()?)
                .map_err(|error| dirs::unusable(folder, &error))?,
            None => dirs::compiled()?,
        };
        let phonebox = Phonebox::builder()
            .runtime(runtime)
            .compiled(compiled)
            .egress(self.egress.build(listeners)?)
            .build();
        phonebox.map_err(|error| Failure::chain(&error))
    }
}

impl RuntimeConfig {
    fn read(&self) -> Runtime {
        let mut runtime = Runtime::new();
        runtime.places = self.places.unwrap_or(runtime.places);
        runtime.places_per_tenant = self.places_per_tenant.unwrap_or(runtime.places_per_tenant);
        runtime.fuel = self.fuel;
        runtime
    }
}

impl CompileConfig {
    fn read(&self) -> Bounds {
        let mut bounds = Bounds::default();
        bounds.cpu_seconds = self.cpu_seconds.unwrap_or(bounds.cpu_seconds);
        bounds.seconds = self.seconds.unwrap_or(bounds.seconds);
        bounds.memory_mib = self.memory_mib.unwrap_or(bounds.memory_mib);
        bounds
    }
}

impl RateConfig {
    fn read(&self) -> Rate {
        Rate {
            most: self.most,
            within: Duration::from_secs(self.seconds),
        }
    }
}

impl AbuseConfig {
    fn read(&self) -> AbuseLimits {
        let rates = |rates: &[RateConfig]| rates.iter().map(RateConfig::read).collect::<Vec<_>>();
        let mut limits = AbuseLimits::standard();
        for (configured, limit) in [
            (&self.number, &mut limits.number),
            (&self.number_overall, &mut limits.number_overall),
            (&self.voice, &mut limits.voice),
            (&self.tenant, &mut limits.tenant),
            (&self.block, &mut limits.block),
        ] {
            if let Some(configured) = configured {
                *limit = rates(configured);
            }
        }
        for (configured, limit) in [
            (&self.allowed_prefixes, &mut limits.allowed_prefixes),
            (&self.denied_prefixes, &mut limits.denied_prefixes),
        ] {
            if let Some(configured) = configured {
                limit.clone_from(configured);
            }
        }
        if let Some(sequence) = &self.sequence {
            limits.sequence = (sequence.most > 0).then(|| sequence.read());
        }
        let countries = |list: &[Country]| list.iter().map(|country| country.0).collect();
        limits.countries = countries(&self.countries);
        let tenants = self.tenants.iter();
        limits.countries_of = tenants
            .map(|(tenant, config)| (tenant.clone(), countries(&config.countries)))
            .collect();
        limits.known_countries = self.known_countries.unwrap_or(limits.known_countries);
        limits
    }
}

impl EgressConfig {
    fn build(&self, listeners: &[SocketAddr]) -> Result<Egress, Failure> {
        let mut egress = Egress::builder().limits(self.limits.read());
        if !self.ceiling.is_empty() {
            egress = egress.ceiling(ceiling(&self.ceiling)?);
        }
        for (prefix, mode) in &self.nat64 {
            let mode = match mode {
                Nat64Mode::Deny => Nat64::Deny,
                Nat64Mode::Unwrap => Nat64::Unwrap,
            };
            egress = egress.nat64(*prefix, mode);
        }
        for listener in self.own.iter().chain(listeners) {
            egress = egress.own(*listener);
        }
        for range in &self.prohibit {
            egress = egress.prohibit(*range);
        }
        if let Some(proxy) = self.proxy {
            egress = egress.proxy(proxy);
        }
        for origin in &self.plain_http {
            let origin = Origin::parse(origin).map_err(|invalid| {
                Failure::new(format!("egress.plain_http: {invalid}")).hint(invalid.hint())
            })?;
            egress = egress.dangerous_plain_http(origin);
        }
        for range in &self.reachable {
            egress = egress.reachable(*range);
        }
        for (host, answers) in &self.resolve {
            egress = egress.resolve(host, answers.clone());
        }
        for path in &self.trust {
            for root in roots(path)? {
                egress = egress.trust(root);
            }
        }
        egress.build().map_err(|error| Failure::chain(&error))
    }
}

impl EgressLimits {
    fn read(&self) -> Limits {
        let default = Limits::default();
        Limits {
            tenant_concurrent: self.tenant_concurrent.unwrap_or(default.tenant_concurrent),
            tenant_rate: self.tenant_rate.unwrap_or(default.tenant_rate),
            origin_concurrent: self.origin_concurrent.unwrap_or(default.origin_concurrent),
            denied_origins: self.denied_origins.unwrap_or(default.denied_origins),
            ..default
        }
    }
}

fn ceiling(rules: &[CeilingRule]) -> Result<Policy, Failure> {
    let rules = rules
        .iter()
        .map(|rule| Rule::new(&rule.origin, &rule.methods, &rule.paths))
        .collect::<Result<Vec<_>, _>>();
    rules.and_then(Policy::new).map_err(|invalid| {
        Failure::new(format!("egress.ceiling: {invalid}"))
            .hint(invalid.hint())
            .code(Code::Usage)
    })
}

/// The jail, whose child is this program.
pub(crate) fn jail(bounds: Bounds, output: Output) -> Result<Arc<Jail>, Failure> {
    let unusable = |error: &std::io::Error| {
        Failure::new(format!(
            "components cannot be compiled in a process of their own: {error}"
        ))
        .code(Code::Unavailable)
    };
    let jail = Jail::this_program()
        .map_err(|error| unusable(&error))?
        .bounds(bounds);
    for missing in jail.probe().map_err(|error| unusable(&error))? {
        output.step(
            "warning",
            format!("while components are compiled, {missing}"),
        );
    }
    Ok(Arc::new(jail))
}

/// The certificates in a file.
pub(crate) fn roots(path: &Path) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let pem = fs::read(path).map_err(|error| Failure::file("cannot read", path, &error))?;
    let roots = CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>();
    let roots = roots.map_err(|error| {
        Failure::new(format!("{} is not in PEM format: {error}", path.display()))
    })?;
    if roots.is_empty() {
        return Err(Failure::new(format!(
            "there is no certificate in {}",
            path.display()
        )));
    }
    Ok(roots)
}

#[cfg(test)]
mod tests {
    use toml::{Table, Value};

    use super::*;

    /// The compiled-in document with the keys that are comments in it; those with a default alone, or the examples too.
    fn uncommented(examples: bool) -> Table {
        let key = |line: &str| {
            let key = line.strip_prefix('#').filter(|key| !key.starts_with(' '));
            match key {
                Some(key) if examples || !key.ends_with("# for example") => key.to_owned(),
                _ => line.to_owned(),
            }
        };
        let lines: Vec<_> = DEFAULT.lines().map(key).collect();
        let text = lines.join("\n");
        text.parse()
            .unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    fn read(document: Table) -> Result<Config, String> {
        document.try_into().map_err(|error| error.to_string())
    }

    /// What it all comes to.
    fn resolved(config: &Config) -> Vec<String> {
        let Config {
            abuse: _,
            compile,
            delivery: _,
            egress,
            keys,
            runtime,
            server: _,
            store,
        } = config;
        let EgressConfig {
            ceiling,
            limits,
            nat64,
            own,
            prohibit,
            proxy,
            plain_http,
            reachable,
            resolve,
            trust,
        } = egress;
        let StoreConfig { largest_mib } = store;
        vec![
            format!("{:?}", config.delivery()),
            format!("{:?} {:?}", runtime.read(), runtime.compiled),
            format!("{:?}", compile.read()),
            format!("{:?}", limits.read()),
            format!("{} {} {own:?}", ceiling.len(), nat64.len()),
            format!("{prohibit:?} {proxy:?} {plain_http:?} {reachable:?} {resolve:?} {trust:?}"),
            format!("{keys:?} {largest_mib:?}"),
            format!("{:?}", config.server().unwrap()),
        ]
    }

    #[test]
    fn the_document_says_what_the_defaults_are() {
        let as_printed = read(DEFAULT.parse().unwrap()).unwrap();
        let defaults = resolved(&Config::default());
        assert_eq!(resolved(&as_printed), defaults);
        let uncommented = uncommented(false);
        assert!(
            uncommented
                .values()
                .any(|section| section.as_table().is_some_and(|keys| !keys.is_empty()))
        );
        assert_eq!(resolved(&read(uncommented).unwrap()), defaults);
    }

    /// The table at a path, of lists the first.
    fn at<'a>(document: &'a mut Table, path: &[String]) -> &'a mut Table {
        path.iter()
            .fold(document, |table, key| match &mut table[key] {
                Value::Table(table) => table,
                Value::Array(list) => list[0].as_table_mut().unwrap(),
                other => panic!("{path:?}: {other}"),
            })
    }

    #[test]
    fn the_document_has_every_key_and_no_other() {
        let whole = uncommented(true);
        read(whole.clone()).map(drop).unwrap();
        let mut paths = vec![Vec::new()];
        let mut known = 0;
        while let Some(path) = paths.pop() {
            // What a table knows it says to whoever asks for something else.
            let mut asking = whole.clone();
            at(&mut asking, &path).insert("unheard-of".to_owned(), true.into());
            let error = read(asking.clone()).map(drop).unwrap_err();
            let Some((_, fields)) = error.split_once("unknown field `unheard-of`, expected ")
            else {
                // Its keys are the operator's own.
                let children = at(&mut asking, &path)
                    .iter()
                    .filter(|(_, value)| value.is_table());
                paths.extend(
                    children.map(|(key, _)| [&path[..], std::slice::from_ref(key)].concat()),
                );
                continue;
            };
            let mut there = whole.clone();
            let there = at(&mut there, &path);
            for field in fields.lines().next().unwrap().split('`').skip(1).step_by(2) {
                known += 1;
                let value = there.get(field);
                let value = value.unwrap_or_else(|| panic!("{path:?} lacks {field}"));
                let is_table = |value: &Value| match value {
                    Value::Array(list) => list.first().is_some_and(Value::is_table),
                    value => value.is_table(),
                };
                if is_table(value) {
                    paths.push([&path[..], &[field.to_owned()]].concat());
                }
            }
        }
        assert!(known > 30, "{known}");
    }
}
