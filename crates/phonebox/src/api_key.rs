use std::fmt;
use std::str::FromStr;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use phonebox_contract::Sensitive;
use phonebox_store::{ApiKey, Store, StoreError};

/// How every key begins, so that who finds one knows what it is.
const PREFIX: &str = "phb_";
const ID: usize = 9;
const SECRET: usize = 32;

/// What a key is good for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Scope {
    /// To make and to revoke keys. Only the operator's key has it.
    KeysWrite,
    /// To deploy actions and to set their secrets.
    ActionsWrite,
    /// To see which actions there are, and the names of their secrets.
    ActionsRead,
    /// To send notifications and to take them back.
    NotificationsSend,
    /// To see what became of notifications.
    NotificationsRead,
    /// To report what a provider said later of what was sent.
    ReceiptsWrite,
    /// To set, to see and to remove the webhook.
    WebhookWrite,
    /// To see the metrics of the process. No tenant's key has it.
    MetricsRead,
    /// Auth0's Management API: to see actions, their versions and what they did.
    ReadActions,
    /// To make and to deploy actions there.
    CreateActions,
    /// To change actions and their bindings there.
    UpdateActions,
    /// To delete actions there.
    DeleteActions,
    /// To see the phone provider there.
    ReadPhoneProviders,
    /// To make the phone provider there, and to send by it to try it.
    CreatePhoneProviders,
    /// To change the phone provider there.
    UpdatePhoneProviders,
    /// To delete the phone provider there.
    DeletePhoneProviders,
    /// To see phone templates there.
    ReadPhoneTemplates,
    /// To make phone templates there, and to send one to try it.
    CreatePhoneTemplates,
    /// To change and to reset phone templates there.
    UpdatePhoneTemplates,
    /// To delete phone templates there.
    DeletePhoneTemplates,
    /// To see the tenant's logs there.
    ReadLogs,
    /// To see the tenant's logs about users there.
    ReadLogsUsers,
    /// To see the tenant's settings there.
    ReadTenantSettings,
    /// To change the tenant's settings there.
    UpdateTenantSettings,
}

/// A text that names no scope.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "there is no scope {}; there are {}",
    .0,
    Scope::ALL.map(Scope::as_str).join(", ")
)]
pub struct UnknownScope(String);

/// Who asks, by the key that they showed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Caller {
    /// The id of the key.
    pub id: String,
    /// Whose key it is; none: the operator's, which is good for every tenant.
    pub tenant: Option<String>,
    scopes: Vec<Scope>,
}

/// A key that was just made. It is shown this once.
#[derive(Debug)]
pub struct NewApiKey {
    /// Names the key.
    pub id: String,
    /// The key.
    pub key: Sensitive,
}

/// The keys that callers show. Only hashes of them are kept.
#[derive(Clone)]
pub struct ApiKeys(Store);

impl Scope {
    /// All of them.
    pub const ALL: [Self; 24] = [
        Self::KeysWrite,
        Self::ActionsWrite,
        Self::ActionsRead,
        Self::NotificationsSend,
        Self::NotificationsRead,
        Self::ReceiptsWrite,
        Self::WebhookWrite,
        Self::MetricsRead,
        Self::ReadActions,
        Self::CreateActions,
        Self::UpdateActions,
        Self::DeleteActions,
        Self::ReadPhoneProviders,
        Self::CreatePhoneProviders,
        Self::UpdatePhoneProviders,
        Self::DeletePhoneProviders,
        Self::ReadPhoneTemplates,
        Self::CreatePhoneTemplates,
        Self::UpdatePhoneTemplates,
        Self::DeletePhoneTemplates,
        Self::ReadLogs,
        Self::ReadLogsUsers,
        Self::ReadTenantSettings,
        Self::UpdateTenantSettings,
    ];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::KeysWrite => "keys:write",
            Self::ActionsWrite => "actions:write",
            Self::ActionsRead => "actions:read",
            Self::NotificationsSend => "notifications:send",
            Self::NotificationsRead => "notifications:read",
            Self::ReceiptsWrite => "receipts:write",
            Self::WebhookWrite => "webhook:write",
            Self::MetricsRead => "metrics:read",
            Self::ReadActions => "read:actions",
            Self::CreateActions => "create:actions",
            Self::UpdateActions => "update:actions",
            Self::DeleteActions => "delete:actions",
            Self::ReadPhoneProviders => "read:phone_providers",
            Self::CreatePhoneProviders => "create:phone_providers",
            Self::UpdatePhoneProviders => "update:phone_providers",
            Self::DeletePhoneProviders => "delete:phone_providers",
            Self::ReadPhoneTemplates => "read:phone_templates",
            Self::CreatePhoneTemplates => "create:phone_templates",
            Self::UpdatePhoneTemplates => "update:phone_templates",
            Self::DeletePhoneTemplates => "delete:phone_templates",
            Self::ReadLogs => "read:logs",
            Self::ReadLogsUsers => "read:logs_users",
            Self::ReadTenantSettings => "read:tenant_settings",
            Self::UpdateTenantSettings => "update:tenant_settings",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Scope {
    type Err = UnknownScope;

    fn from_str(text: &str) -> Result<Self, UnknownScope> {
        let known = Self::ALL.into_iter().find(|scope| scope.as_str() == text);
        known.ok_or_else(|| UnknownScope(text.escape_debug().take(64).collect()))
    }
}

impl Caller {
    pub(crate) fn new(key: ApiKey) -> Self {
        let scopes = key.scopes.split(' ');
        Self {
            scopes: scopes.filter_map(|scope| scope.parse().ok()).collect(),
            id: key.id,
            tenant: key.tenant,
        }
    }

    /// What its key is good for.
    pub fn scopes(&self) -> impl Iterator<Item = Scope> {
        self.scopes.iter().copied()
    }

    /// For no more than these, in words with spaces between them.
    pub(crate) fn narrowed(mut self, to: &str) -> Self {
        self.scopes
            .retain(|scope| to.split(' ').any(|name| name == scope.as_str()));
        self
    }

    /// Whether its key is good for this.
    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }
}

impl ApiKeys {
    pub(crate) fn new(store: Store) -> Self {
        Self(store)
    }

    /// Makes a key for a tenant, or for the operator.
    pub async fn create(
        &self,
        tenant: Option<&str>,
        scopes: &[Scope],
    ) -> Result<NewApiKey, StoreError> {
        let mut random = [0; ID + SECRET];
        aws_lc_rs::rand::fill(&mut random).expect("the system has random bytes");
        let (id, _) = random.split_at(ID);
        let id = URL_SAFE_NO_PAD.encode(id);
        let key = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(random));
        let scopes: Vec<&str> = scopes.iter().map(|scope| scope.as_str()).collect();
        let kept = ApiKey {
            id: id.clone(),
            tenant: tenant.map(ToOwned::to_owned),
            scopes: scopes.join(" "),
            hash: hash(&key),
            created_at: self.0.now().await?,
        };
        self.0.put_api_key(kept).await?;
        Ok(NewApiKey {
            id,
            key: key.into(),
        })
    }

    /// Whether it begins as every key does.
    pub fn is_key(text: &str) -> bool {
        text.starts_with(PREFIX)
    }

    /// Whose key this is. None: nobody's.
    pub async fn authenticate(&self, key: &str) -> Result<Option<Caller>, StoreError> {
        // A key begins with its id: nine bytes are twelve characters.
        let Some(id) = key
            .strip_prefix(PREFIX)
            .and_then(|rest| rest.get(..ID / 3 * 4))
        else {
            return Ok(None);
        };
        let kept = self.0.api_key(id).await?;
        // Whether there is one of this id is not to be told by how long this takes.
        let hash_of_kept = kept.as_ref().map_or([0; 32], |kept| kept.hash);
        let is_it = verify_slices_are_equal(&hash_of_kept, &hash(key)).is_ok();
        Ok(kept.filter(|_| is_it).map(Caller::new))
    }

    /// Whose the key of this id is, if it is a tenant's.
    pub async fn tenant_of(&self, id: &str) -> Result<Option<String>, StoreError> {
        let kept = self.0.api_key(id).await?;
        Ok(kept.and_then(|kept| kept.tenant))
    }

    /// A tenant's keys, or the operator's.
    pub async fn list(&self, tenant: Option<&str>) -> Result<Vec<ApiKey>, StoreError> {
        self.0.api_keys(tenant).await
    }

    /// Makes a key worthless. False where there is none of this id.
    pub async fn revoke(&self, id: &str) -> Result<bool, StoreError> {
        self.0.remove_api_key(id).await
    }
}

impl fmt::Debug for ApiKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKeys").finish_non_exhaustive()
    }
}

/// A key is random, and long enough that no slower hash is needed.
fn hash(key: &str) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, key.as_bytes()).as_ref());
    hash
}
