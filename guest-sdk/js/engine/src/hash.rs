//! Hashes and their keyed form.

use hmac::{Hmac, KeyInit as _, Mac as _};
use md5::Md5;
use rquickjs::function::Func;
use rquickjs::{Ctx, Object, Result, TypedArray};
use sha1::Sha1;
use sha2::{Digest as _, Sha224, Sha256, Sha384, Sha512};

use crate::host::{Bytes, bytes, wrong};

pub(crate) fn add(object: &Object<'_>) -> Result<()> {
    object.set("hash", Func::from(hash))?;
    object.set("hmac", Func::from(hmac))
}

fn hash<'js>(ctx: Ctx<'js>, algorithm: String, data: Bytes<'js>) -> Result<Bytes<'js>> {
    let digest = digest(&ctx, &algorithm, &bytes(&data))?;
    TypedArray::new(ctx, digest)
}

pub(crate) fn digest(ctx: &Ctx<'_>, algorithm: &str, data: &[u8]) -> Result<Vec<u8>> {
    Ok(match algorithm {
        "md5" => Md5::digest(data).to_vec(),
        "sha1" => Sha1::digest(data).to_vec(),
        "sha224" => Sha224::digest(data).to_vec(),
        "sha256" => Sha256::digest(data).to_vec(),
        "sha384" => Sha384::digest(data).to_vec(),
        "sha512" => Sha512::digest(data).to_vec(),
        _ => return Err(wrong(ctx, "unknown hash")),
    })
}

fn hmac<'js>(
    ctx: Ctx<'js>,
    algorithm: String,
    key: Bytes<'js>,
    data: Bytes<'js>,
) -> Result<Bytes<'js>> {
    macro_rules! keyed {
        ($hash:ty) => {{
            let mut mac =
                Hmac::<$hash>::new_from_slice(&bytes(&key)).expect("keys have any length");
            mac.update(&bytes(&data));
            mac.finalize().into_bytes().to_vec()
        }};
    }
    let code = match algorithm.as_str() {
        "md5" => keyed!(Md5),
        "sha1" => keyed!(Sha1),
        "sha224" => keyed!(Sha224),
        "sha256" => keyed!(Sha256),
        "sha384" => keyed!(Sha384),
        "sha512" => keyed!(Sha512),
        _ => return Err(wrong(&ctx, "unknown hash")),
    };
    TypedArray::new(ctx, code)
}
