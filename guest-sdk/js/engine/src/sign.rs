//! Signatures with keys of RSA (PKCS #1 v1.5 and PSS) and of the curve P-256. A key is DER: PKCS #8 if it is private, else SPKI.

use std::convert::Infallible;

use p256::ecdsa::signature::hazmat::{PrehashSigner as _, PrehashVerifier as _};
use p256::ecdsa::{Signature, SigningKey, VerifyingKey};
use p256::{PublicKey, SecretKey};
use rquickjs::function::{Func, Opt};
use rquickjs::{Ctx, Object, Result, TypedArray};
use rsa::pkcs1::{DecodeRsaPrivateKey as _, DecodeRsaPublicKey as _};
use rsa::pkcs8::{
    DecodePrivateKey as _, DecodePublicKey as _, EncodePrivateKey as _, EncodePublicKey as _,
};
use rsa::rand_core::{TryCryptoRng, TryRng};
use rsa::traits::PublicKeyParts as _;
use rsa::{Pkcs1v15Sign, PrivateKey as RsaPrivateKey, Pss, PublicKey as RsaPublicKey};
use sha1::Sha1;
use sha2::{Sha224, Sha256, Sha384, Sha512};

use crate::bindings::phonebox::javascript::engine as host;
use crate::hash::digest;
use crate::host::{Bytes, bytes, wrong};

pub(crate) fn add(object: &Object<'_>) -> Result<()> {
    object.set("keyOf", Func::from(key_of))?;
    object.set("publicOf", Func::from(public_of))?;
    object.set("sign", Func::from(sign))?;
    object.set("verify", Func::from(verify))?;
    object.set("toDer", Func::from(to_der))?;
    object.set("fromDer", Func::from(from_der))
}

/// A key, whatever its form is: `{type, kind, der, bits}`.
fn key_of<'js>(ctx: Ctx<'js>, form: String, der: Bytes<'js>) -> Result<Object<'js>> {
    let (kind, key, bits) = read(&form, &bytes(&der))
        .ok_or_else(|| wrong(&ctx, "the key is damaged, or of another kind: there are RSA (for RS256 and PS256) and the curve P-256 (for ES256)"))?;
    let object = Object::new(ctx.clone())?;
    let private = !matches!(&*form, "spki" | "pkcs1-public");
    object.set("type", if private { "private" } else { "public" })?;
    object.set("kind", kind)?;
    object.set("bits", bits)?;
    object.set("der", TypedArray::<u8>::new(ctx, key)?)?;
    Ok(object)
}

fn read(form: &str, der: &[u8]) -> Option<(&'static str, Vec<u8>, usize)> {
    let rsa = |key: &RsaPrivateKey| {
        let der = key.to_pkcs8_der().ok()?;
        Some(("rsa", der.as_bytes().to_vec(), key.size() * 8))
    };
    let rsa_public = |key: &RsaPublicKey| {
        let der = key.to_public_key_der().ok()?;
        Some(("rsa", der.into_vec(), key.size() * 8))
    };
    let ec = |key: &SecretKey| {
        let der = key.to_pkcs8_der().ok()?;
        Some(("ec", der.as_bytes().to_vec(), 256))
    };
    match form {
        "pkcs1" => rsa(&RsaPrivateKey::from_pkcs1_der(der).ok()?),
        "pkcs1-public" => rsa_public(&RsaPublicKey::from_pkcs1_der(der).ok()?),
        "pkcs8" => match RsaPrivateKey::from_pkcs8_der(der) {
            Ok(key) => rsa(&key),
            Err(_) => ec(&SecretKey::from_pkcs8_der(der).ok()?),
        },
        "sec1" => ec(&SecretKey::from_sec1_der(der).ok()?),
        "spki" => match RsaPublicKey::from_public_key_der(der) {
            Ok(key) => rsa_public(&key),
            Err(_) => {
                let key = PublicKey::from_public_key_der(der).ok()?;
                Some(("ec", key.to_public_key_der().ok()?.into_vec(), 256))
            }
        },
        _ => None,
    }
}

/// The public key of a private one.
fn public_of<'js>(ctx: Ctx<'js>, kind: String, der: Bytes<'js>) -> Result<Bytes<'js>> {
    let der = bytes(&der);
    let public = match kind.as_str() {
        "rsa" => {
            let key = RsaPrivateKey::from_pkcs8_der(&der).ok();
            key.and_then(|key| key.as_public_key().to_public_key_der().ok())
        }
        _ => {
            let key = SecretKey::from_pkcs8_der(&der).ok();
            key.and_then(|key| key.public_key().to_public_key_der().ok())
        }
    };
    let public = public.ok_or_else(|| wrong(&ctx, "the key is damaged"))?;
    TypedArray::new(ctx, public.into_vec())
}

/// A signature with PSS, whose salt has so many bytes.
macro_rules! with_pss {
    ($algorithm:expr, $salt:expr, $pss:ident => $done:expr) => {
        match $algorithm {
            "sha1" => with_pss!(@ Sha1, $salt, $pss => $done),
            "sha224" => with_pss!(@ Sha224, $salt, $pss => $done),
            "sha256" => with_pss!(@ Sha256, $salt, $pss => $done),
            "sha384" => with_pss!(@ Sha384, $salt, $pss => $done),
            "sha512" => with_pss!(@ Sha512, $salt, $pss => $done),
            _ => None,
        }
    };
    (@ $hash:ty, $salt:expr, $pss:ident => $done:expr) => {{
        let mut $pss = Pss::<$hash>::new();
        $pss.salt_len = $salt;
        $done.ok()
    }};
}

/// What P-256 signs is 64 bytes, r and s. The salt is PSS's, in bytes.
fn sign<'js>(
    ctx: Ctx<'js>,
    kind: String,
    algorithm: String,
    der: Bytes<'js>,
    data: Bytes<'js>,
    salt: Opt<Option<usize>>,
) -> Result<Bytes<'js>> {
    let der = bytes(&der);
    let digest = digest(&ctx, &algorithm, &bytes(&data))?;
    let signed = match kind.as_str() {
        "rsa" => {
            let padding = padding(&ctx, &algorithm)?;
            RsaPrivateKey::from_pkcs8_der(&der)
                .ok()
                .and_then(|key| key.sign_with_rng(&mut Random, padding, &digest).ok())
        }
        "rsa-pss" => RsaPrivateKey::from_pkcs8_der(&der).ok().and_then(|key| {
            let salt = Some(salt.0.flatten().unwrap_or(digest.len()));
            with_pss!(&*algorithm, salt, pss => key.sign_with_rng(&mut Random, pss, &digest))
        }),
        _ => SecretKey::from_pkcs8_der(&der).ok().and_then(|key| {
            let signature: Signature = SigningKey::from(key).sign_prehash(&digest).ok()?;
            Some(signature.to_bytes().to_vec())
        }),
    };
    let signed = signed.ok_or_else(|| wrong(&ctx, "the key cannot sign this"))?;
    TypedArray::new(ctx, signed)
}

/// A signature that is malformed is none of the key's. Without the length of PSS's salt, any will do.
fn verify<'js>(
    ctx: Ctx<'js>,
    kind: String,
    algorithm: String,
    der: Bytes<'js>,
    data: Bytes<'js>,
    signature: Bytes<'js>,
    salt: Opt<Option<usize>>,
) -> Result<bool> {
    let (der, signature) = (bytes(&der), bytes(&signature));
    let digest = digest(&ctx, &algorithm, &bytes(&data))?;
    Ok(match kind.as_str() {
        "rsa" => {
            let padding = padding(&ctx, &algorithm)?;
            RsaPublicKey::from_public_key_der(&der)
                .is_ok_and(|key| key.verify(padding, &digest, &signature).is_ok())
        }
        "rsa-pss" => RsaPublicKey::from_public_key_der(&der)
            .ok()
            .and_then(
                |key| with_pss!(&*algorithm, salt.0.flatten(), pss => key.verify(pss, &digest, &signature)),
            )
            .is_some(),
        _ => PublicKey::from_public_key_der(&der).is_ok_and(|key| {
            Signature::from_slice(&signature).is_ok_and(|signature| {
                VerifyingKey::from(key)
                    .verify_prehash(&digest, &signature)
                    .is_ok()
            })
        }),
    })
}

fn padding(ctx: &Ctx<'_>, algorithm: &str) -> Result<Pkcs1v15Sign> {
    Ok(match algorithm {
        "sha1" => Pkcs1v15Sign::new::<Sha1>(),
        "sha224" => Pkcs1v15Sign::new::<Sha224>(),
        "sha256" => Pkcs1v15Sign::new::<Sha256>(),
        "sha384" => Pkcs1v15Sign::new::<Sha384>(),
        "sha512" => Pkcs1v15Sign::new::<Sha512>(),
        _ => return Err(wrong(ctx, "nothing is signed with this hash")),
    })
}

/// A signature of P-256 as OpenSSL has it.
fn to_der<'js>(ctx: Ctx<'js>, signature: Bytes<'js>) -> Result<Bytes<'js>> {
    let signature = Signature::from_slice(&bytes(&signature))
        .map_err(|_| wrong(&ctx, "the signature is malformed"))?;
    TypedArray::new(ctx, signature.to_der().as_bytes().to_vec())
}

/// The 64 bytes of it; none if it is malformed.
fn from_der<'js>(ctx: Ctx<'js>, signature: Bytes<'js>) -> Result<Option<Bytes<'js>>> {
    let signature = Signature::from_der(&bytes(&signature)).ok();
    let bytes = signature.map(|signature| TypedArray::new(ctx, signature.to_bytes().to_vec()));
    bytes.transpose()
}

/// The host's random bytes, with which RSA hides how long it computes.
struct Random;

impl TryRng for Random {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> std::result::Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> std::result::Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, into: &mut [u8]) -> std::result::Result<(), Infallible> {
        into.copy_from_slice(&host::random(into.len() as u32));
        Ok(())
    }
}

impl TryCryptoRng for Random {}
