//! Tokens: what the holder of a key is given for it, and shows in its place for a day (JWT, signed by ES256).

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use aws_lc_rs::digest;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _,
    UnparsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use phonebox_contract::Sensitive;
use phonebox_store::{SigningKey, Store, StoreError, Time};
use serde::{Deserialize, Serialize};

use crate::api_key::{Caller, Scope};
use crate::keys::Keys;

/// How long a token is good, and a key that was replaced for what it has signed.
const VALID: Duration = Duration::from_hours(24);
/// How far a token's times may be off.
const LEEWAY: Duration = Duration::from_secs(30);
/// For how long the keys that sign are known, and where a token is of none of them: another process may have replaced one.
const KNOWN: [Duration; 2] = [Duration::from_mins(1), Duration::from_secs(1)];

/// What signs tokens, and knows them again. Cheap to clone.
#[derive(Clone)]
pub struct Tokens(Arc<Shared>);

struct Shared {
    store: Store,
    keys: Keys,
    known: RwLock<Option<(Instant, Signers)>>,
}

type Signers = Arc<[Signer]>;

/// A key that signs, or did.
struct Signer {
    id: String,
    /// How each of its tokens begins. One that says anything else of itself is not looked at further.
    header: String,
    pair: EcdsaKeyPair,
    retired_at: Option<Time>,
}

/// By whom a token is issued, and for what.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Issuer {
    /// Who issues it, as a URL (`iss`).
    pub name: String,
    /// What it is good for, as a URL (`aud`).
    pub audience: String,
}

/// A token that was just made. Nothing is kept of it.
#[derive(Debug)]
pub struct NewToken {
    /// The token.
    pub token: Sensitive,
    /// What it is good for.
    pub scopes: Vec<Scope>,
    /// For how long.
    pub valid: Duration,
}

/// What a key that signs is verified by, as a JSON Web Key.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[expect(missing_docs, reason = "RFC 7517 says what they are")]
pub struct Jwk {
    pub kty: &'static str,
    pub crv: &'static str,
    pub x: String,
    pub y: String,
    pub kid: String,
    pub alg: &'static str,
    #[serde(rename = "use")]
    pub usage: &'static str,
}

/// Why a token is good for nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// It was not signed here, or was changed.
    #[error("this is no token that was issued here")]
    Unknown,
    /// It is too old.
    #[error("the token has expired")]
    Expired,
    /// It was issued under another name than the one that is asked.
    #[error("the token is for another audience")]
    Audience,
    /// The key that it was issued for has been revoked.
    #[error("the token's client is not there any more")]
    Revoked,
    /// The store does not work.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a token says. All of them say exactly this.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Claims {
    iss: String,
    sub: String,
    aud: String,
    /// Both in seconds since 1970.
    iat: u64,
    exp: u64,
    /// The id of the key that it was issued for.
    azp: String,
    gty: String,
    scope: String,
    /// None: the operator's.
    tenant: Option<String>,
}

impl Tokens {
    pub(crate) fn new(store: Store, keys: Keys) -> Self {
        let known = RwLock::default();
        Self(Arc::new(Shared { store, keys, known }))
    }

    /// A token for whoever has shown a key: good for what the key is, or for what of that is wanted.
    pub async fn issue(
        &self,
        issuer: &Issuer,
        caller: &Caller,
        wanted: Option<&[Scope]>,
    ) -> Result<NewToken, StoreError> {
        let is_wanted = |scope: &Scope| wanted.is_none_or(|wanted| wanted.contains(scope));
        let scopes: Vec<Scope> = caller.scopes().filter(is_wanted).collect();
        let signers = self.signers(None).await?;
        let signer = signers.iter().find(|signer| signer.retired_at.is_none());
        let signer = signer.expect("one signs");
        let now = self.0.store.now().await?;
        let names: Vec<_> = scopes.iter().map(|scope| scope.as_str()).collect();
        let claims = Claims {
            iss: issuer.name.clone(),
            sub: format!("{}@clients", caller.id),
            aud: issuer.audience.clone(),
            iat: seconds(now),
            exp: seconds(now + VALID),
            azp: caller.id.clone(),
            gty: "client-credentials".to_owned(),
            scope: names.join(" "),
            tenant: caller.tenant.clone(),
        };
        Ok(NewToken {
            token: signer.sign(&claims).into(),
            scopes,
            valid: VALID,
        })
    }

    /// Who shows this token, to whom it was issued under this name. It is good for no more than its key still is.
    pub async fn authenticate(&self, issuer: &Issuer, token: &str) -> Result<Caller, TokenError> {
        let (signed, signature) = token.rsplit_once('.').ok_or(TokenError::Unknown)?;
        let (header, claims) = signed.split_once('.').ok_or(TokenError::Unknown)?;
        let known = self.signers(Some(header)).await?;
        let now = self.0.store.now().await?;
        let claims = known
            .iter()
            .find(|signer| signer.header == header && signer.vouches(now))
            .and_then(|signer| signer.read(signed, claims, signature));
        let claims = claims.ok_or(TokenError::Unknown)?;
        if claims.aud != issuer.audience || claims.iss != issuer.name {
            return Err(TokenError::Audience);
        }
        if seconds(now) >= claims.exp.saturating_add(LEEWAY.as_secs()) {
            return Err(TokenError::Expired);
        }
        if claims.iat > seconds(now + LEEWAY) {
            return Err(TokenError::Unknown);
        }
        let key = self.0.store.api_key(&claims.azp).await?;
        let key = key.filter(|key| key.tenant == claims.tenant);
        let caller = Caller::new(key.ok_or(TokenError::Revoked)?);
        Ok(caller.narrowed(&claims.scope))
    }

    /// What tokens are verified by, by whoever wants to.
    pub async fn verified_by(&self) -> Result<Vec<Jwk>, StoreError> {
        let now = self.0.store.now().await?;
        let signers = self.signers(None).await?;
        let signers = signers.iter().filter(|signer| signer.vouches(now));
        Ok(signers.map(Signer::jwk).collect())
    }

    /// Has a new key sign from now on, and gives its id. What the one before signed is good for a day more; what those before
    /// that signed is not.
    pub async fn rotate(&self) -> Result<String, StoreError> {
        loop {
            let signers = self.read().await?;
            let signs = signers.iter().find(|signer| signer.retired_at.is_none());
            if let Some(id) = self.replace(signs.map(|signer| &*signer.id)).await? {
                self.read().await?;
                tracing::info!(key = id, "tokens are signed with a new key");
                return Ok(id);
            }
        }
    }

    /// The keys that sign or did, with this one among them if it is there.
    async fn signers(&self, header: Option<&str>) -> Result<Signers, StoreError> {
        let known = self.0.known.read();
        let known = known.unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((read_at, signers)) = known {
            let is_known = |header: &str| signers.iter().any(|signer| signer.header == header);
            let [usual, unknown] = KNOWN;
            let longest = if header.is_none_or(is_known) {
                usual
            } else {
                unknown
            };
            if read_at.elapsed() < longest {
                return Ok(signers);
            }
        }
        self.read().await
    }

    /// Reads them from the store. Makes the first one.
    async fn read(&self) -> Result<Signers, StoreError> {
        loop {
            let read_at = Instant::now();
            let kept = self.0.store.signing_keys().await?;
            let signs = kept.iter().find(|key| key.retired_at.is_none());
            let signs = signs.map(|key| key.id.clone());
            let signers: Signers = kept.into_iter().filter_map(|key| self.open(key)).collect();
            if signers.iter().any(|signer| signer.retired_at.is_none()) {
                let mut known = self.0.known.write().unwrap_or_else(PoisonError::into_inner);
                *known = Some((read_at, signers.clone()));
                return Ok(signers);
            }
            if signs.is_some() {
                tracing::error!(
                    "what signs tokens cannot be decrypted; another key takes its place"
                );
            }
            self.replace(signs.as_deref()).await?;
        }
    }

    fn open(&self, key: SigningKey) -> Option<Signer> {
        let pair = self
            .0
            .keys
            .open_secret(&purpose(&key.id), &key.sealed)
            .ok()?;
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &pair).ok()?;
        Some(Signer {
            header: encoded(&serde_json::json!({ "alg": "ES256", "typ": "JWT", "kid": key.id })),
            id: key.id,
            pair,
            retired_at: key.retired_at,
        })
    }

    /// None where another one has taken its place meanwhile.
    async fn replace(&self, before: Option<&str>) -> Result<Option<String>, StoreError> {
        let made = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING);
        let made = made.expect("the system has random bytes");
        let private = made
            .to_pkcs8v1()
            .expect("a key that was made can be written");
        let hash = digest::digest(&digest::SHA256, made.public_key().as_ref());
        let id = URL_SAFE_NO_PAD.encode(hash);
        let sealed = self.0.keys.seal_secret(&purpose(&id), private.as_ref());
        let replaced = self.0.store.sign_with(&id, sealed, before).await?;
        Ok(replaced.then_some(id))
    }
}

impl Signer {
    fn sign(&self, claims: &Claims) -> String {
        let signed = format!("{}.{}", self.header, encoded(claims));
        let signature = self.pair.sign(&SystemRandom::new(), signed.as_bytes());
        let signature = signature.expect("the system has random bytes");
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    fn read(&self, signed: &str, claims: &str, signature: &str) -> Option<Claims> {
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, self.pair.public_key())
            .verify(signed.as_bytes(), &signature)
            .ok()?;
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()
    }

    fn vouches(&self, now: Time) -> bool {
        self.retired_at.is_none_or(|at| now < at + VALID)
    }

    fn jwk(&self) -> Jwk {
        // As SEC 1 has it: one byte that says that both follow, and both.
        let public = self.pair.public_key().as_ref().get(1..).unwrap_or_default();
        let (x, y) = public.split_at(public.len() / 2);
        Jwk {
            kty: "EC",
            crv: "P-256",
            x: URL_SAFE_NO_PAD.encode(x),
            y: URL_SAFE_NO_PAD.encode(y),
            kid: self.id.clone(),
            alg: "ES256",
            usage: "sig",
        }
    }
}

/// What a key that signs is encrypted for.
pub(crate) fn purpose(id: &str) -> [&str; 2] {
    ["signing-key", id]
}

fn encoded(part: &impl Serialize) -> String {
    let json = serde_json::to_string(part).expect("it has texts and numbers");
    URL_SAFE_NO_PAD.encode(json)
}

fn seconds(time: Time) -> u64 {
    time.as_millis() / 1000
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use phonebox_store::{Clock, Options, Sqlite};

    use super::*;
    use crate::api_key::ApiKeys;

    /// A store, its clock, and somebody with a key.
    struct Bench {
        clock: Clock,
        store: Store,
        keys: Keys,
        caller: Caller,
        issuer: Issuer,
        _folder: tempfile::TempDir,
    }

    impl Bench {
        async fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let clock = Clock::manual(Time::from_millis(1_000_000_000_000));
            let options = Options {
                clock: clock.clone(),
                largest: None,
            };
            let store = Sqlite::open(folder.path().join("db"), options).await;
            let store = Store::new(store.unwrap());
            let api_keys = ApiKeys::new(store.clone());
            let scopes = [Scope::ReadActions, Scope::ReadLogs];
            let made = api_keys.create(Some("acme"), &scopes).await.unwrap();
            let caller = api_keys.authenticate(made.key.reveal()).await.unwrap();
            let issuer = |host: &str| Issuer {
                name: format!("https://{host}/"),
                audience: format!("https://{host}/api/v2/"),
            };
            Self {
                clock,
                store,
                keys: Keys::generate(),
                caller: caller.unwrap(),
                issuer: issuer("pb.example"),
                _folder: folder,
            }
        }

        /// As another process has them.
        fn tokens(&self) -> Tokens {
            Tokens::new(self.store.clone(), self.keys.clone())
        }

        async fn issue(&self, tokens: &Tokens) -> Sensitive {
            let issued = tokens.issue(&self.issuer, &self.caller, None).await;
            issued.unwrap().token
        }

        async fn says(&self, tokens: &Tokens, token: &Sensitive) -> String {
            match tokens.authenticate(&self.issuer, token.reveal()).await {
                Ok(caller) if caller == self.caller => "good".to_owned(),
                Ok(caller) => panic!("{caller:?}"),
                Err(error) => error.to_string(),
            }
        }
    }

    #[tokio::test]
    async fn a_token_is_good_for_a_day_where_it_was_issued() {
        let bench = Bench::new().await;
        let tokens = bench.tokens();
        let token = bench.issue(&tokens).await;
        bench.clock.advance(VALID);
        assert_eq!(bench.says(&tokens, &token).await, "good");
        bench.clock.advance(LEEWAY);
        assert_eq!(
            bench.says(&tokens, &token).await,
            TokenError::Expired.to_string()
        );
        let token = bench.issue(&tokens).await;
        for (name, audience) in [
            ("https://evil.example/", &*bench.issuer.audience),
            (&bench.issuer.name, "https://pb.example/api/v3/"),
        ] {
            let elsewhere = Issuer {
                name: name.to_owned(),
                audience: audience.to_owned(),
            };
            let refused = tokens.authenticate(&elsewhere, token.reveal()).await;
            assert!(matches!(refused, Err(TokenError::Audience)), "{refused:?}");
        }
        bench.store.remove_api_key(&bench.caller.id).await.unwrap();
        assert_eq!(
            bench.says(&tokens, &token).await,
            TokenError::Revoked.to_string()
        );
    }

    #[tokio::test]
    async fn one_key_signs_whoever_makes_it() {
        let bench = Bench::new().await;
        let processes: Vec<_> = (0..8).map(|_| bench.tokens()).collect();
        let mut issued = Vec::new();
        for tokens in &processes {
            issued.push(bench.issue(tokens).await);
        }
        for tokens in &processes {
            for token in &issued {
                assert_eq!(bench.says(tokens, token).await, "good");
            }
            assert_eq!(tokens.verified_by().await.unwrap().len(), 1);
        }
    }

    #[tokio::test]
    async fn what_a_replaced_key_signed_is_good_for_a_day() {
        let bench = Bench::new().await;
        let tokens = bench.tokens();
        let old = bench.issue(&tokens).await;
        tokens.rotate().await.unwrap();
        let new = bench.issue(&tokens).await;
        assert_eq!(bench.says(&tokens, &old).await, "good");
        assert_eq!(tokens.verified_by().await.unwrap().len(), 2);
        bench.clock.advance(VALID);
        // It has not quite expired, but nobody vouches for it any more.
        assert_eq!(
            bench.says(&tokens, &old).await,
            TokenError::Unknown.to_string()
        );
        assert_eq!(bench.says(&tokens, &new).await, "good");
        assert_eq!(tokens.verified_by().await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn a_key_that_cannot_be_read_is_replaced() {
        let mut bench = Bench::new().await;
        let old = bench.issue(&bench.tokens()).await;
        bench.keys = Keys::generate();
        let tokens = bench.tokens();
        let new = bench.issue(&tokens).await;
        assert_eq!(bench.says(&tokens, &new).await, "good");
        assert_eq!(
            bench.says(&tokens, &old).await,
            TokenError::Unknown.to_string()
        );
    }
}
