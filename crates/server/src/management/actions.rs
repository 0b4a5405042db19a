//! Actions and their versions.

use std::collections::BTreeMap;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use phonebox::componentize::SIZE_LIMIT;
use phonebox::egress::OriginPattern;
use phonebox::store::{ActionItem, Build};
use phonebox::{
    ActionChange, BoundModule, BuildError, CannotManage, Code, Content, Dependency, Digest, Event,
    ManagedAction, ManagedVersion, Mode, ModuleRef, Report, Scope, SecretChange, SecretInfo,
    SecretMode, Sensitive, WrittenLimits, WrittenRule,
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use super::{Body, Managing, Page, Path, Query, Refusal, TRIGGER, nanos, told};
use crate::actions::ModeShape;
use crate::{App, Problem};

/// Largest body that has a component in it, in Base64 and with what else an action has.
pub(super) const WITH_CODE: usize = SIZE_LIMIT / 3 * 4 + (512 << 10);
/// So much of a list of actions is code, in bytes. Components that would come after that are left out.
const LISTED: usize = 32 << 20;
/// How a component is written where code is a text.
const COMPONENT: &str = "data:application/wasm;base64,";
/// The trigger that custom phone providers are often taken for.
const OTHER_TRIGGER: &str = "send-phone-message";
/// The version of the trigger that there is.
const VERSION: &str = "v1";

/// An action, as it is to be. What is left out stays as it is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ActionWritten)]
pub(super) struct Written {
    /// Needed to make one.
    #[schema(min_length = 1, max_length = 255)]
    name: Option<String>,
    /// Needed to make one: `custom-phone-provider` alone.
    #[schema(min_items = 1)]
    supported_triggers: Option<Vec<WrittenTrigger>>,
    /// JavaScript of at most 100 KiB, or a component: `data:application/wasm;base64,…`.
    code: Option<String>,
    /// At most 10.
    #[schema(value_type = Option<Vec<DependencyShape>>, max_items = 10)]
    dependencies: Option<Vec<Dependency>>,
    /// `node22`, or an earlier one of Auth0's.
    runtime: Option<String>,
    /// All of them, at most 30. One without a value keeps the value that it has.
    #[schema(max_items = 30)]
    secrets: Option<Vec<WrittenSecret>>,
    /// All of the modules that its JavaScript may require, each as a published version, at most 3.
    #[schema(max_items = 3)]
    modules: Option<Vec<WrittenModule>>,
    /// Whether it is to be deployed once it is built.
    deploy: Option<bool>,
    /// What Auth0 has not.
    phonebox: Option<Extension>,
}

/// A module's version: by its id, or by its number and the module's id or name.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct WrittenModule {
    #[serde(rename = "module_id")]
    id: Option<String>,
    #[serde(rename = "module_name")]
    name: Option<String>,
    #[serde(rename = "module_version_id")]
    version_id: Option<String>,
    #[serde(rename = "module_version_number")]
    version_number: Option<u32>,
}

/// A trigger that an action is for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "it is read to be known, and says nothing new")]
struct WrittenTrigger {
    #[schema(value_type = crate::openapi::TriggerId)]
    id: String,
    /// `v1`.
    version: Option<String>,
    status: Option<String>,
    runtimes: Option<Vec<String>>,
    default_runtime: Option<String>,
    compatible_triggers: Option<Vec<Map<String, Value>>>,
    binding_policy: Option<String>,
}

/// A secret.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenSecret {
    #[schema(pattern = "^[A-Za-z0-9_.$-]{1,128}$")]
    name: String,
    /// Without control characters, but tabs and the line ends of several lines.
    #[schema(value_type = Option<String>, max_length = 4096)]
    value: Option<Sensitive>,
}

// As `phonebox::Dependency` is read.
/// A package of npm.
#[derive(Serialize, ToSchema)]
#[schema(as = Dependency)]
pub(super) struct DependencyShape {
    #[schema(max_length = 255)]
    name: String,
    #[schema(max_length = 50)]
    version: Option<String>,
    registry_url: Option<String>,
}

/// What phonebox knows of an action and Auth0 does not.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ActionExtension)]
struct Extension {
    /// What a component may reach that has no manifest in it.
    #[schema(value_type = Option<Vec<RuleShape>>, max_items = 20)]
    egress: Option<Vec<WrittenRule>>,
    /// How it has secrets, by name. To change that, send the secret's value again.
    secrets: Option<BTreeMap<String, ExtensionSecret>>,
    /// The limits of a component that has no manifest in it.
    #[schema(value_type = Option<LimitsShape>)]
    limits: Option<WrittenLimits>,
    /// Read only.
    #[serde(rename = "digest")]
    #[schema(value_type = Option<String>, read_only)]
    _digest: Option<String>,
    /// Read only.
    #[serde(rename = "notes")]
    #[schema(value_type = Option<Vec<String>>, read_only)]
    _notes: Option<Vec<String>>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ActionExtensionSecret)]
pub(super) struct ExtensionSecret {
    /// Default: as it was before, or else `sealed`.
    #[schema(value_type = Option<ModeShape>)]
    mode: Option<Mode>,
    /// Where it may go. Default: where the action asks to go that it is first deployed with.
    #[schema(max_items = 20)]
    origins: Option<Vec<String>>,
}

// As `phonebox::WrittenRule` is read and shown.
/// An egress rule, as in `action.toml`.
#[derive(Serialize, ToSchema)]
#[schema(as = EgressRule)]
struct RuleShape {
    origin: String,
    /// Default: `POST`.
    #[schema(required = false)]
    methods: Vec<String>,
    /// Default: any.
    #[schema(required = false)]
    paths: Vec<String>,
    /// How the host signs what it allows.
    auth: Option<Map<String, Value>>,
}

// As `phonebox::WrittenLimits` is read and shown.
/// What one run may use.
#[derive(Serialize, ToSchema)]
#[schema(as = RunLimits)]
struct LimitsShape {
    #[schema(minimum = 100, maximum = 20000)]
    deadline_ms: Option<u64>,
    #[schema(minimum = 1, maximum = 64)]
    memory_mib: Option<u64>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// Only those for this trigger.
    #[serde(rename = "triggerId")]
    trigger_id: Option<String>,
    /// Only the one that is called so.
    #[serde(rename = "actionName")]
    action_name: Option<String>,
    /// Only those that are deployed, or are not.
    deployed: Option<bool>,
    /// Only those that came from a marketplace, or did not. None did.
    installed: Option<bool>,
    page: Option<usize>,
    per_page: Option<usize>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Paged {
    pub(super) page: Option<usize>,
    pub(super) per_page: Option<usize>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Removing {
    /// Whether it is removed though it is bound.
    force: Option<bool>,
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DeployVersion)]
pub(super) struct Again {
    /// Whether the draft becomes the same. Default: false.
    update_draft: Option<bool>,
}

/// A draft is run once, with this.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TestAction)]
pub(super) struct Trying {
    payload: TryingPayload,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TryingPayload {
    /// An event of the trigger.
    #[schema(value_type = crate::openapi::EventShape)]
    event: Box<RawValue>,
}

/// What came of it.
#[derive(Serialize, ToSchema)]
#[schema(as = TestedAction)]
pub(super) struct Tried {
    payload: TriedPayload,
}

#[derive(Serialize, ToSchema)]
struct TriedPayload {
    /// What the action decided: `kind` is `sent`, `retry` or `drop`.
    outcome: Value,
    /// Why there is no outcome.
    error: Value,
    /// Whose fault it is that nothing was sent.
    fault: Value,
    /// What the action logged.
    logs: Value,
    /// What it asked for over the network, and what was decided about that.
    requests: Value,
    /// What its author should know.
    hints: Value,
    stats: TriedStats,
}

/// Times in milliseconds.
#[derive(Serialize, ToSchema)]
struct TriedStats {
    action_duration_ms: f64,
    boot_duration_ms: f64,
    cpu_duration_ms: f64,
    peak_memory_bytes: usize,
}

/// A trigger that an action is for.
#[derive(Serialize, ToSchema)]
pub(super) struct SupportedTrigger {
    id: &'static str,
    version: &'static str,
}

/// An action.
#[derive(Serialize, ToSchema)]
#[schema(as = ManagedAction)]
pub(super) struct Shown {
    id: String,
    name: String,
    supported_triggers: [SupportedTrigger; 1],
    created_at: String,
    updated_at: String,
    /// As it was sent. Not there of a component in a list that is too long for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    code: Option<String>,
    #[schema(value_type = Vec<DependencyShape>)]
    dependencies: Vec<Dependency>,
    runtime: String,
    /// How far the draft has been built: `pending`, `building`, `built` or `failed`.
    status: &'static str,
    /// Why it failed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    errors: Vec<ShownError>,
    secrets: Vec<ShownSecret>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    modules: Vec<ShownModule>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    current_version: Option<CurrentVersion>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    deployed_version: Option<ShownVersion>,
    all_changes_deployed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    phonebox: Option<ShownExtension>,
}

/// Why a draft cannot be deployed.
#[derive(Serialize, ToSchema)]
#[schema(as = BuildError)]
struct ShownError {
    id: String,
    /// What is wrong, where, and what to do about it.
    msg: String,
    /// The author's file that it is in, of a bundle, or the module, as `actions:NAME`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    file: Option<String>,
    /// Where in the code, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    line: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    column: Option<u32>,
}

/// A module's version that it has.
#[derive(Serialize, ToSchema)]
#[schema(as = ActionModule)]
struct ShownModule {
    #[serde(rename = "module_id")]
    id: String,
    #[serde(rename = "module_name")]
    name: String,
    #[serde(rename = "module_version_id")]
    version_id: String,
    #[serde(rename = "module_version_number")]
    version_number: u32,
}

/// A secret, without its value.
#[derive(Serialize, ToSchema)]
#[schema(as = ManagedSecret)]
pub(super) struct ShownSecret {
    name: String,
    /// Not there of one that cannot be decrypted.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    updated_at: Option<String>,
}

/// The version that is deployed, in short.
#[derive(Serialize, ToSchema)]
struct CurrentVersion {
    id: String,
    /// Not there of a component.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    code: Option<String>,
    runtime: String,
    status: &'static str,
    number: u32,
    build_time: String,
    created_at: String,
    updated_at: String,
}

/// A version.
#[derive(Serialize, ToSchema)]
#[schema(as = ManagedVersion)]
pub(super) struct ShownVersion {
    id: String,
    /// Not there of a component in a list.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    code: Option<String>,
    #[schema(value_type = Vec<DependencyShape>)]
    dependencies: Vec<Dependency>,
    deployed: bool,
    number: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    built_at: Option<String>,
    secrets: Vec<ShownSecret>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    modules: Vec<ShownModule>,
    status: &'static str,
    created_at: String,
    updated_at: String,
    runtime: String,
    supported_triggers: [SupportedTrigger; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    action: Option<ShownBriefly>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    phonebox: Option<ShownExtension>,
}

/// The action that a version is of.
#[derive(Serialize, ToSchema)]
#[schema(as = ActionBriefly)]
struct ShownBriefly {
    id: String,
    name: String,
    supported_triggers: [SupportedTrigger; 1],
    created_at: String,
    updated_at: String,
    all_changes_deployed: bool,
}

/// What phonebox knows of it and Auth0 does not. Only where there is something to say.
#[derive(Serialize, ToSchema)]
#[schema(as = ActionExtensionShown)]
struct ShownExtension {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<RuleShape>>, nullable = false)]
    egress: Option<Vec<WrittenRule>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(required = false)]
    secrets: BTreeMap<String, ShownMode>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<LimitsShape>, nullable = false)]
    limits: Option<WrittenLimits>,
    /// SHA-256 of the component.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    digest: Option<Digest>,
    /// What its owner should know.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    notes: Vec<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = ActionExtensionMode)]
pub(super) struct ShownMode {
    #[schema(value_type = ModeShape)]
    mode: Mode,
    /// Null: it is bound to what the action asks for when that is deployed.
    #[schema(value_type = Option<Vec<String>>, required)]
    origins: Option<Vec<OriginPattern>>,
}

impl Written {
    fn read(self) -> Result<ActionChange, Refusal> {
        let Self {
            name,
            supported_triggers,
            code,
            dependencies,
            runtime,
            secrets,
            modules,
            deploy,
            phonebox,
        } = self;
        supported_triggers
            .as_deref()
            .map_or(Ok(()), check_triggers)?;
        let secrets = secrets.map(WrittenSecret::read);
        let modules = modules.map(|modules| {
            let read = |module: WrittenModule| ModuleRef {
                module_id: module.id,
                module_name: module.name,
                version_id: module.version_id,
                version_number: module.version_number,
            };
            modules.into_iter().map(read).collect()
        });
        let mut change = ActionChange {
            name,
            code: code.map(read_code).transpose()?,
            dependencies,
            runtime,
            secrets,
            modules,
            deploy: deploy.unwrap_or(false),
            ..ActionChange::default()
        };
        if let Some(phonebox) = phonebox {
            change.egress = phonebox.egress;
            change.limits = phonebox.limits;
            for (name, secret) in phonebox.secrets.unwrap_or_default() {
                change.modes.insert(name, secret.read()?);
            }
        }
        Ok(change)
    }
}

impl WrittenSecret {
    pub(super) fn read(secrets: Vec<Self>) -> Vec<SecretChange> {
        let read = |Self { name, value }| SecretChange { name, value };
        secrets.into_iter().map(read).collect()
    }
}

impl ExtensionSecret {
    pub(super) fn read(self) -> Result<SecretMode, Refusal> {
        let read = |written: &String| {
            OriginPattern::parse(written).map_err(|error| {
                Refusal::invalid_body(&format!("phonebox.secrets: an origin: {}", error.hint()))
            })
        };
        let origins: Option<Result<_, _>> = self
            .origins
            .map(|origins| origins.iter().map(read).collect());
        Ok(SecretMode {
            mode: self.mode,
            origins: origins.transpose()?,
        })
    }
}

/// There is one trigger, and it has one version.
fn check_triggers(triggers: &[WrittenTrigger]) -> Result<(), Refusal> {
    let [trigger] = triggers else {
        return Err(Refusal::invalid_body(&format!(
            "supported_triggers: an action is for one trigger, {TRIGGER}"
        )));
    };
    if trigger.id == OTHER_TRIGGER {
        return Err(Refusal::invalid_body(&format!(
            "supported_triggers: {OTHER_TRIGGER} is another trigger, for MFA alone, whose actions cannot be phone providers: name \
             {TRIGGER}, export onExecuteCustomPhoneProvider, and read event.notification in place of event.message_options"
        )));
    }
    if trigger.id != TRIGGER {
        return Err(Refusal::invalid_body(&format!(
            "supported_triggers: there is {TRIGGER} alone"
        )));
    }
    match trigger.version.as_deref() {
        None | Some(VERSION) => Ok(()),
        Some(_) => Err(Refusal::invalid_body(&format!(
            "supported_triggers: {TRIGGER} has the version {VERSION}"
        ))),
    }
}

fn read_code(code: String) -> Result<Code, Refusal> {
    let Some(encoded) = code.strip_prefix(COMPONENT) else {
        return Ok(Code::JavaScript(code.into()));
    };
    let component = STANDARD.decode(encoded).map_err(|_| {
        Refusal::invalid_body("code: what follows data:application/wasm;base64, is not Base64")
    })?;
    component_of(&component)
}

fn component_of(component: &[u8]) -> Result<Code, Refusal> {
    if component.len() > SIZE_LIMIT {
        return Err(Refusal::invalid_body(&format!(
            "a component has at most {SIZE_LIMIT} bytes"
        )));
    }
    Ok(Code::Component(component.into()))
}

fn show_code(code: &Code) -> String {
    match code {
        Code::Component(component) => [COMPONENT, &STANDARD.encode(component)].concat(),
        Code::JavaScript(code) => code.to_string(),
    }
}

pub(super) fn supported() -> [SupportedTrigger; 1] {
    [SupportedTrigger {
        id: TRIGGER,
        version: VERSION,
    }]
}

pub(super) fn uuid(id: [u8; 16]) -> String {
    phonebox::show_id(id)
}

impl Shown {
    pub(super) fn new(action: ManagedAction) -> Self {
        let (errors, notes) = (action.errors(), action.notes());
        let ManagedAction {
            item,
            draft,
            deployed,
        } = action;
        let current_version = deployed.as_ref().map(CurrentVersion::new);
        let deployed_version = deployed.map(|version| ShownVersion::new(version, true, None));
        Self {
            id: uuid(item.id),
            name: item.name,
            supported_triggers: supported(),
            created_at: nanos(item.created_at),
            updated_at: nanos(item.updated_at),
            code: draft.code.as_ref().map(show_code),
            runtime: draft.runtime.clone(),
            status: match item.draft.build {
                Build::Pending => "pending",
                Build::Building => "building",
                Build::Built { .. } => "built",
                Build::Failed(_) => "failed",
            },
            errors: errors.into_iter().map(ShownError::new).collect(),
            secrets: ShownSecret::all(&draft.secrets),
            modules: ShownModule::all(&draft),
            current_version,
            deployed_version,
            all_changes_deployed: item.draft_is_deployed,
            phonebox: ShownExtension::new(&draft, notes),
            dependencies: draft.dependencies,
        }
    }
}

impl ShownError {
    fn new(error: BuildError) -> Self {
        Self {
            msg: error.to_string(),
            id: error.id,
            file: error.file,
            line: error.line,
            column: error.column,
        }
    }
}

impl CurrentVersion {
    fn new(deployed: &ManagedVersion) -> Self {
        let ManagedVersion { version, content } = deployed;
        let code = content.code.as_ref().filter(|_| !content.is_component);
        Self {
            id: uuid(version.id),
            code: code.map(show_code),
            runtime: content.runtime.clone(),
            status: "BUILT",
            number: version.number,
            build_time: nanos(version.built_at),
            created_at: nanos(version.created_at),
            updated_at: nanos(version.created_at),
        }
    }
}

impl ShownVersion {
    fn new(managed: ManagedVersion, deployed: bool, action: Option<&ActionItem>) -> Self {
        let ManagedVersion { version, content } = managed;
        Self {
            id: uuid(version.id),
            code: content.code.as_ref().map(show_code),
            deployed,
            number: version.number,
            built_at: Some(nanos(version.built_at)),
            secrets: ShownSecret::all(&content.secrets),
            modules: ShownModule::all(&content),
            status: "built",
            created_at: nanos(version.created_at),
            updated_at: nanos(version.created_at),
            runtime: content.runtime.clone(),
            supported_triggers: supported(),
            action: action.map(ShownBriefly::new),
            phonebox: ShownExtension::new(&content, Vec::new()),
            dependencies: content.dependencies,
        }
    }

    /// As it is answered by who deploys it: it will be what runs in a moment.
    fn just_deployed((action, version): (ActionItem, ManagedVersion)) -> Self {
        let mut shown = Self::new(version, false, Some(&action));
        shown.built_at = None;
        if let Some(action) = &mut shown.action {
            action.all_changes_deployed = false;
        }
        shown
    }

    fn of(action: &ActionItem, version: ManagedVersion) -> Self {
        let deployed = action.deployed.as_ref();
        let runs = deployed.is_some_and(|deployed| deployed.id == version.version.id);
        Self::new(version, runs, Some(action))
    }
}

impl ShownBriefly {
    fn new(action: &ActionItem) -> Self {
        Self {
            id: uuid(action.id),
            name: action.name.clone(),
            supported_triggers: supported(),
            created_at: nanos(action.created_at),
            updated_at: nanos(action.updated_at),
            all_changes_deployed: action.draft_is_deployed,
        }
    }
}

impl ShownModule {
    fn all(content: &Content) -> Vec<Self> {
        let show = |module: &BoundModule| Self {
            id: module.module_id.clone(),
            name: module.module_name.clone(),
            version_id: module.version_id.clone(),
            version_number: module.version_number,
        };
        content.modules.iter().map(show).collect()
    }
}

impl ShownMode {
    /// How secrets are had, by name, where that is not the usual way.
    pub(super) fn unusual(
        secrets: &[(String, Option<SecretInfo>)],
        all: bool,
    ) -> BTreeMap<String, Self> {
        let known = secrets.iter().filter_map(|(_, info)| info.as_ref());
        known
            .filter(|info| all || info.mode == Mode::Revealed || info.origins.is_some())
            .map(|info| {
                let shown = Self {
                    mode: info.mode,
                    origins: info.origins.clone(),
                };
                (info.name.clone(), shown)
            })
            .collect()
    }
}

impl ShownSecret {
    pub(super) fn all(secrets: &[(String, Option<SecretInfo>)]) -> Vec<Self> {
        let show = |(name, info): &(String, Option<SecretInfo>)| Self {
            name: name.clone(),
            updated_at: info.as_ref().map(|info| format!("{:.9}", info.updated_at)),
        };
        secrets.iter().map(show).collect()
    }
}

impl ShownExtension {
    /// None where there is nothing that Auth0's action does not say.
    fn new(content: &Content, notes: Vec<String>) -> Option<Self> {
        let is_component = content.is_component;
        let secrets = ShownMode::unusual(&content.secrets, is_component);
        let limits = Some(content.limits).filter(|limits| *limits != WrittenLimits::default());
        let shown = Self {
            egress: content.egress.clone(),
            secrets,
            limits,
            digest: content.digest.filter(|_| is_component),
            notes,
        };
        let has_something = shown.egress.is_some()
            || !shown.secrets.is_empty()
            || shown.limits.is_some()
            || shown.digest.is_some()
            || !shown.notes.is_empty();
        has_something.then_some(shown)
    }
}

impl Tried {
    fn new(report: &Report) -> Self {
        let mut told = serde_json::to_value(report).unwrap_or_default();
        let mut part = |name: &str| told.get_mut(name).map(Value::take).unwrap_or_default();
        let millis = |time: std::time::Duration| time.as_secs_f64() * 1000.0;
        let usage = &report.usage;
        Self {
            payload: TriedPayload {
                outcome: part("outcome"),
                error: part("error"),
                fault: part("fault"),
                logs: part("log"),
                requests: part("exchanges"),
                hints: part("hints"),
                stats: TriedStats {
                    action_duration_ms: millis(usage.wall),
                    boot_duration_ms: millis(usage.instantiate),
                    cpu_duration_ms: millis(usage.cpu),
                    peak_memory_bytes: usage.peak_memory,
                },
            },
        }
    }
}

impl From<CannotManage> for Refusal {
    fn from(error: CannotManage) -> Self {
        let told = error.to_string();
        match error {
            CannotManage::Missing
            | CannotManage::MissingVersion
            | CannotManage::MissingModule
            | CannotManage::MissingModuleVersion => Self::not_found(told),
            CannotManage::NameTaken
            | CannotManage::ModuleNameTaken
            | CannotManage::NothingToPublish
            | CannotManage::AlreadyCurrent => Self::new(StatusCode::CONFLICT, told),
            CannotManage::ModuleInUse | CannotManage::TooManyModuleVersions => {
                Self::new(StatusCode::PRECONDITION_FAILED, told)
            }
            CannotManage::TooManyModules => Self::new(StatusCode::FORBIDDEN, told),
            CannotManage::TooMany => Self::new(StatusCode::FORBIDDEN, told)
                .code("actions_cardinality_custom_phone_provider_not_allowed"),
            CannotManage::Invalid(fault) => Self::invalid_body(&fault),
            CannotManage::Refused(refused) => Problem::from(refused).into(),
            CannotManage::Load(error) => error.into(),
            CannotManage::Store(error) => error.into(),
            _ => Self::new(StatusCode::BAD_REQUEST, told),
        }
    }
}

/// The draft is built from now on: ask for the action to see how far that is.
#[utoipa::path(post, path = "/actions/actions", operation_id = "management_create_action", tag = "management",
    request_body = Written, responses((status = 201, description = "It is there", body = Shown)))]
pub(super) async fn create(
    State(app): State<App>,
    managing: Managing,
    body: Result<Body<Written>, Refusal>,
) -> Result<Response, Refusal> {
    let tenant = managing.tenant(&app, Scope::CreateActions)?;
    let Body(written) = body?;
    for (name, is_there) in [
        ("name", written.name.is_some()),
        ("supported_triggers", written.supported_triggers.is_some()),
    ] {
        if !is_there {
            let fault = format!("Missing required property: {name}");
            return Err(Refusal::invalid_body(&fault));
        }
    }
    let created = tenant.create_action(written.read()?).await?;
    Ok((StatusCode::CREATED, Json(Shown::new(created))).into_response())
}

#[utoipa::path(get, path = "/actions/actions", operation_id = "management_list_actions", tag = "management", params(Wanted),
    responses((status = 200, description = "By name", body = Object)))]
pub(super) async fn list(
    State(app): State<App>,
    managing: Managing,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Refusal> {
    let tenant = managing.tenant(&app, Scope::ReadActions)?;
    let page = Page::new(wanted.page, wanted.per_page)?;
    let mut actions = tenant.actions().await?;
    actions.retain(|action| {
        let name = wanted.action_name.as_deref();
        name.is_none_or(|name| name == action.name)
            && wanted.trigger_id.as_deref().is_none_or(|id| id == TRIGGER)
            && wanted
                .deployed
                .is_none_or(|deployed| deployed == action.deployed.is_some())
            && wanted.installed != Some(true)
    });
    let (total, mut shown, mut room) = (actions.len(), Vec::new(), LISTED);
    for action in page.of(actions) {
        match tenant.managed(action, room > 0).await {
            // It was removed meanwhile.
            Err(CannotManage::Missing) => {}
            managed => {
                let managed = Shown::new(managed?);
                room = room.saturating_sub(managed.code.as_ref().map_or(0, String::len));
                shown.push(managed);
            }
        }
    }
    Ok(Json(told("actions", &shown, total, page)).into_response())
}

#[utoipa::path(get, path = "/actions/actions/{id}", operation_id = "management_show_action", tag = "management",
    params(("id" = String, Path, description = "The action's id")), responses((status = 200, description = "It", body = Shown)))]
pub(super) async fn show(
    State(app): State<App>,
    managing: Managing,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    let tenant = managing.tenant(&app, Scope::ReadActions)?;
    let action = tenant.managed_action(&id).await?;
    Ok(Json(Shown::new(action)).into_response())
}

/// What is deployed goes on as it is.
#[utoipa::path(patch, path = "/actions/actions/{id}", operation_id = "management_change_action", tag = "management",
    params(("id" = String, Path, description = "The action's id")), request_body = Written,
    responses((status = 200, description = "As it is now", body = Shown)))]
pub(super) async fn change(
    State(app): State<App>,
    managing: Managing,
    Path(id): Path<String>,
    body: Result<Body<Written>, Refusal>,
) -> Result<Response, Refusal> {
    let tenant = managing.tenant(&app, Scope::UpdateActions)?;
    let Body(written) = body?;
    let action = tenant.change_action(&id, written.read()?).await?;
    Ok(Json(Shown::new(action)).into_response())
}

/// The body is the component: the same as `code` with it in Base64.
#[utoipa::path(put, path = "/actions/actions/{id}/module", operation_id = "management_put_module", tag = "management",
    params(("id" = String, Path, description = "The action's id")),
    request_body(content = Vec<u8>, content_type = "application/wasm"),
    responses((status = 200, description = "As it is now", body = Shown)))]
pub(super) async fn put_module(
    State(app): State<App>,
    managing: Managing,
    Path(id): Path<String>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Refusal> {
    let tenant = managing.tenant(&app, Scope::UpdateActions)?;
    let component = body.map_err(Problem::from)?;
    let change = ActionChange {
        code: Some(component_of(&component)?),
        ..ActionChange::default()
    };
    let action = tenant.change_action(&id, change).await?;
    Ok(Json(Shown::new(action)).into_response())
}

#[utoipa::path(delete, path = "/actions/actions/{id}", operation_id = "management_remove_action", tag = "management",
    params(("id" = String, Path, description = "The action's id"), Removing), responses((status = 204, description = "It is gone")))]
pub(super) async fn remove(
    State(app): State<App>,
    managing: Managing,
    Path(id): Path<String>,
    Query(removing): Query<Removing>,
) -> Result<StatusCode, Refusal> {
    let tenant = managing.tenant(&app, Scope::DeleteActions)?;
    let force = removing.force.unwrap_or(false);
    tenant.remove_action(&id, force).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The draft, which has to be `built`, becomes a version that delivers from now on.
#[utoipa::path(post, path = "/actions/actions/{id}/deploy", operation_id = "management_deploy_action", tag = "management",
    params(("id" = String, Path, description = "The action's id")), responses((status = 200, description = "The version", body = ShownVersion)))]
pub(super) async fn deploy(
    State(app): State<App>,
    managing: Managing,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    let tenant = managing.tenant(&app, Scope::CreateActions)?;
    let deployed = tenant.deploy_action(&id).await?;
    Ok(Json(ShownVersion::just_deployed(deployed)).into_response())
}

/// The draft, which has to be `built`, runs once with its secrets. What it sends is sent.
#[utoipa::path(post, path = "/actions/actions/{id}/test", operation_id = "management_test_action", tag = "management",
    params(("id" = String, Path, description = "The action's id")), request_body = Trying,
    responses((status = 200, description = "What came of it", body = Tried)))]
pub(super) async fn test(
    State(app): State<App>,
    managing: Managing,
    Path(id): Path<String>,
    body: Result<Body<Trying>, Refusal>,
) -> Result<Response, Refusal> {
    let tenant = managing.tenant(&app, Scope::CreateActions)?;
    let Body(trying) = body?;
    let event = Event::from_json(trying.payload.event.get())
        .map_err(|error| Refusal::invalid_body(&format!("payload.event: {error}")))?;
    let report = tenant.test_action(&id, event).await?;
    Ok(Json(Tried::new(&report)).into_response())
}

#[utoipa::path(get, path = "/actions/actions/{id}/versions", operation_id = "management_list_versions", tag = "management",
    params(("id" = String, Path, description = "The action's id"), Paged), responses((status = 200, description = "The latest first", body = Object)))]
pub(super) async fn versions(
    State(app): State<App>,
    managing: Managing,
    Path(id): Path<String>,
    Query(paged): Query<Paged>,
) -> Result<Response, Refusal> {
    let tenant = managing.tenant(&app, Scope::ReadActions)?;
    let page = Page::new(paged.page, paged.per_page)?;
    let (action, versions) = tenant.managed_versions(&id).await?;
    let (total, mut shown) = (versions.len(), Vec::new());
    for version in page.of(versions) {
        // One that is not there any more was removed meanwhile.
        let managed = tenant.managed_of(&action, version, false).await?;
        shown.extend(managed.map(|version| ShownVersion::of(&action, version)));
    }
    Ok(Json(told("versions", &shown, total, page)).into_response())
}

#[utoipa::path(get, path = "/actions/actions/{id}/versions/{version}", operation_id = "management_show_version", tag = "management",
    params(("id" = String, Path, description = "The action's id"), ("version" = String, Path, description = "The version's id")),
    responses((status = 200, description = "It", body = ShownVersion)))]
pub(super) async fn version(
    State(app): State<App>,
    managing: Managing,
    Path((id, version)): Path<(String, String)>,
) -> Result<Response, Refusal> {
    let tenant = managing.tenant(&app, Scope::ReadActions)?;
    let (action, version) = tenant.managed_version(&id, &version).await?;
    Ok(Json(ShownVersion::of(&action, version)).into_response())
}

/// It becomes a new version that is the same, with the secrets that it had, and delivers from now on.
#[utoipa::path(post, path = "/actions/actions/{id}/versions/{version}/deploy", operation_id = "management_deploy_version", tag = "management",
    params(("id" = String, Path, description = "The action's id"), ("version" = String, Path, description = "The version's id")),
    request_body = Option<Again>, responses((status = 202, description = "The new version", body = ShownVersion)))]
pub(super) async fn deploy_version(
    State(app): State<App>,
    managing: Managing,
    Path((id, version)): Path<(String, String)>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Refusal> {
    let tenant = managing.tenant(&app, Scope::CreateActions)?;
    let body = body.map_err(Problem::from)?;
    let again = if body.trim_ascii().is_empty() {
        None
    } else {
        super::refusal::read::<Option<Again>>(&body)?
    };
    let update_draft = again.unwrap_or_default().update_draft.unwrap_or(false);
    let deployed = tenant.deploy_version(&id, &version, update_draft).await?;
    let version = ShownVersion::just_deployed(deployed);
    Ok((StatusCode::ACCEPTED, Json(version)).into_response())
}
