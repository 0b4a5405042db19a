//! What is encrypted before it reaches a disk, and with what.
//!
//! A key of the ring encrypts nothing itself. For every purpose (this secret of this action of this tenant; this notification)
//! another key is derived from it (HKDF-SHA256), so that what is moved from one row to another cannot be read there. Secrets
//! have a data key each, which alone is encrypted anew when the ring's key changes.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Prk};
use aws_lc_rs::{digest, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use phonebox_contract::Fault;
use zeroize::{Zeroize as _, Zeroizing};

const KEY: usize = 32;
const ID: usize = 4;
const FORMAT: u8 = 1;
/// The format, the key's id and the nonce.
const HEAD: usize = 1 + ID + NONCE_LEN;
/// A data key, encrypted.
const WRAPPED: usize = HEAD + KEY + 16;

/// The keys that a store is encrypted with. The first encrypts; all decrypt, so that a key can be replaced. Cheap to clone.
#[derive(Clone)]
pub struct Keys(Arc<[Key]>);

struct Key {
    id: [u8; ID],
    root: Zeroizing<[u8; KEY]>,
}

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeysError {
    /// The file cannot be read or written.
    #[error("the keys in {} cannot be used", .path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Others than its owner may read the file.
    #[error("others may read the keys in {}", .0.display())]
    Exposed(PathBuf),
    /// A line is no key.
    #[error("line {line} of the keys is no key")]
    Line {
        /// Which, from 1.
        line: usize,
    },
    /// There is no key.
    #[error("there is no key")]
    None,
}

impl KeysError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Io { .. } => "see that the file is there and that this user may read it",
            Self::Exposed(_) => "make its mode 0600",
            Self::Line { .. } => {
                "a line is 32 random bytes in Base64, as `head -c 32 /dev/urandom | base64` makes them"
            }
            Self::None => "give one key a line, the one that is to encrypt first",
        }
    }

    /// Whose fault it is: the platform's.
    pub fn fault(&self) -> Fault {
        Fault::Platform
    }
}

/// What was encrypted with a key that is not in the ring, for another purpose, or was changed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("it cannot be decrypted: no key of the ring fits, or it was changed")]
pub struct CannotDecrypt;

impl Keys {
    /// Reads a file of keys: one a line in Base64, the one that encrypts first. Nobody but its owner may read it.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, KeysError> {
        let path = path.as_ref();
        let failed = |source| KeysError::Io {
            path: path.to_owned(),
            source,
        };
        let file = fs::File::open(path).map_err(failed)?;
        #[cfg(unix)]
        {
            let mode = file.metadata().map_err(failed)?;
            if std::os::unix::fs::MetadataExt::mode(&mode) & 0o077 != 0 {
                return Err(KeysError::Exposed(path.to_owned()));
            }
        }
        let text = io::read_to_string(file).map(Zeroizing::new);
        Self::parse(&text.map_err(failed)?)
    }

    /// Reads a file of keys, and makes it with a new key where there is none.
    pub fn from_file_or_new(path: impl AsRef<Path>) -> Result<Self, KeysError> {
        let path = path.as_ref();
        match write_new(path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(KeysError::Io {
                path: path.to_owned(),
                source: error,
            }),
            _ => Self::from_file(path),
        }
    }

    /// Keys as they stand in a file, from elsewhere: a key management service, say.
    pub fn parse(text: &str) -> Result<Self, KeysError> {
        let mut keys = Vec::new();
        for (line, text) in (1..).zip(text.lines().map(str::trim)) {
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            let mut root = Zeroizing::new([0; KEY]);
            match STANDARD.decode_slice(text, &mut root[..]) {
                Ok(KEY) if root.windows(2).any(|two| two.first() != two.last()) => {
                    keys.push(Key::new(root));
                }
                _ => return Err(KeysError::Line { line }),
            }
        }
        if keys.is_empty() {
            return Err(KeysError::None);
        }
        Ok(Self(keys.into()))
    }

    /// A ring of one new key.
    pub fn generate() -> Self {
        Self([Key::new(random())].into())
    }

    pub(crate) fn seal(&self, purpose: &[&str], text: &[u8]) -> Vec<u8> {
        self.active().seal(purpose, text)
    }

    pub(crate) fn open(
        &self,
        purpose: &[&str],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, CannotDecrypt> {
        let id = sealed.get(1..=ID);
        let key = self.0.iter().find(|key| Some(&key.id[..]) == id);
        key.ok_or(CannotDecrypt)?.open(purpose, sealed)
    }

    /// [`seal`](Self::seal) with a data key of its own.
    pub(crate) fn seal_secret(&self, purpose: &[&str], value: &[u8]) -> Vec<u8> {
        let data_key = Key::new(random());
        let mut sealed = self.seal(purpose, &data_key.root[..]);
        sealed.extend(data_key.seal(purpose, value));
        sealed
    }

    pub(crate) fn open_secret(
        &self,
        purpose: &[&str],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, CannotDecrypt> {
        let (wrapped, value) = sealed.split_at_checked(WRAPPED).ok_or(CannotDecrypt)?;
        let data_key = self.open(purpose, wrapped)?;
        let root = data_key.as_slice().try_into().map_err(|_| CannotDecrypt)?;
        Key::new(Zeroizing::new(root)).open(purpose, value)
    }

    /// A hash that nobody without the key can find what was hashed by.
    pub(crate) fn fingerprint(&self, purpose: &[&str], text: &[u8]) -> [u8; 32] {
        let key = self.active().derive(purpose);
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key[..]), text);
        let mut hash = [0; 32];
        hash.copy_from_slice(tag.as_ref());
        hash
    }

    fn active(&self) -> &Key {
        self.0.first().expect("a ring has a key")
    }
}

impl Key {
    fn new(root: Zeroizing<[u8; KEY]>) -> Self {
        let mut hash = digest::Context::new(&digest::SHA256);
        hash.update(b"phonebox/key-id/v1");
        hash.update(&root[..]);
        let mut id = [0; ID];
        id.copy_from_slice(hash.finish().as_ref().get(..ID).unwrap_or_default());
        Self { id, root }
    }

    fn derive(&self, purpose: &[&str]) -> Zeroizing<[u8; KEY]> {
        let mut info = b"phonebox/v1".to_vec();
        for part in purpose {
            info.extend((part.len() as u64).to_be_bytes());
            info.extend(part.as_bytes());
        }
        let mut key = Zeroizing::new([0; KEY]);
        Prk::new_less_safe(HKDF_SHA256, &self.root[..])
            .expand(&[&info], Length)
            .and_then(|okm| okm.fill(&mut key[..]))
            .expect("32 bytes may be derived");
        key
    }

    fn cipher(&self, purpose: &[&str]) -> RandomizedNonceKey {
        RandomizedNonceKey::new(&AES_256_GCM, &self.derive(purpose)[..]).expect("a key of 32 bytes")
    }

    fn seal(&self, purpose: &[&str], text: &[u8]) -> Vec<u8> {
        let mut text = text.to_vec();
        let head = [&[FORMAT][..], &self.id].concat();
        let nonce = self
            .cipher(purpose)
            .seal_in_place_append_tag(Aad::from(&head), &mut text)
            .expect("nothing here is too long");
        [&head[..], nonce.as_ref(), &text].concat()
    }

    fn open(&self, purpose: &[&str], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, CannotDecrypt> {
        let (head, text) = sealed.split_at_checked(HEAD).ok_or(CannotDecrypt)?;
        let (head, nonce) = head.split_at(1 + ID);
        if head.first() != Some(&FORMAT) {
            return Err(CannotDecrypt);
        }
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| CannotDecrypt)?;
        let mut text = Zeroizing::new(text.to_vec());
        let length = self
            .cipher(purpose)
            .open_in_place(nonce, Aad::from(head), &mut text)
            .map_err(|_| CannotDecrypt)?
            .len();
        text.truncate(length);
        Ok(text)
    }
}

/// How much is derived.
struct Length;

impl KeyType for Length {
    fn len(&self) -> usize {
        KEY
    }
}

fn random() -> Zeroizing<[u8; KEY]> {
    let mut bytes = Zeroizing::new([0; KEY]);
    aws_lc_rs::rand::fill(&mut bytes[..]).expect("the system has random bytes");
    bytes
}

/// Makes a file with a new key in it, for its owner alone.
fn write_new(path: &Path) -> io::Result<()> {
    if path.exists() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut line = STANDARD.encode(&random()[..]);
    line.push('\n');
    let mut file = options.open(path)?;
    let written = file
        .write_all(line.as_bytes())
        .and_then(|()| file.sync_all());
    line.zeroize();
    written.inspect_err(|_| drop(fs::remove_file(path)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PURPOSE: [&str; 2] = ["secret", "acme"];

    #[test]
    fn what_was_sealed_is_opened_for_its_purpose_alone() {
        let keys = Keys::generate();
        let sealed = keys.seal(&PURPOSE, b"492016");
        assert_eq!(*keys.open(&PURPOSE, &sealed).unwrap(), b"492016");
        assert_ne!(keys.seal(&PURPOSE, b"492016"), sealed);
        for other in [
            &["secret", "other"][..],
            &["secretacme"],
            &["secre", "tacme"],
        ] {
            assert_eq!(keys.open(other, &sealed), Err(CannotDecrypt));
        }
        let stranger = Keys::generate();
        assert_eq!(stranger.open(&PURPOSE, &sealed), Err(CannotDecrypt));
        let secret = keys.seal_secret(&PURPOSE, b"hunter22");
        assert_eq!(*keys.open_secret(&PURPOSE, &secret).unwrap(), b"hunter22");
        assert_eq!(
            keys.open_secret(&["secret", "other"], &secret),
            Err(CannotDecrypt)
        );
    }

    #[test]
    fn every_changed_bit_is_noticed() {
        let keys = Keys::generate();
        let (text, secret) = (keys.seal(&PURPOSE, b"1"), keys.seal_secret(&PURPOSE, b"1"));
        for at in 0..text.len() * 8 {
            let mut changed = text.clone();
            changed[at / 8] ^= 1 << (at % 8);
            assert_eq!(
                keys.open(&PURPOSE, &changed),
                Err(CannotDecrypt),
                "bit {at}"
            );
        }
        for at in 0..secret.len() * 8 {
            let mut changed = secret.clone();
            changed[at / 8] ^= 1 << (at % 8);
            // The data key's id tells whom it is for, and nobody looks.
            let id = WRAPPED..WRAPPED + 1 + ID;
            let opened = keys.open_secret(&PURPOSE, &changed);
            assert!(opened.is_err(), "bit {at}, {id:?}");
        }
        for length in 0..text.len() {
            assert!(keys.open(&PURPOSE, &text[..length]).is_err());
        }
    }

    #[test]
    fn a_ring_opens_what_an_earlier_key_sealed() {
        let key = |byte: u8| {
            let mut key = [byte; KEY];
            key[0] = 0;
            STANDARD.encode(key)
        };
        let old = Keys::parse(&key(1)).unwrap();
        let sealed = old.seal(&PURPOSE, b"492016");
        let new = Keys::parse(&format!("# since May\n{}\n\n{}\n", key(2), key(1))).unwrap();
        assert_eq!(*new.open(&PURPOSE, &sealed).unwrap(), b"492016");
        assert!(old.open(&PURPOSE, &new.seal(&PURPOSE, b"492016")).is_err());
    }

    #[test]
    fn what_is_no_key_is_refused_by_its_line() {
        let zeros = STANDARD.encode([0; KEY]);
        for (text, line) in [("x", 1), ("\n# a\nAAAA", 3), (&*zeros, 1)] {
            let error = Keys::parse(text).map(drop).unwrap_err();
            assert!(
                matches!(error, KeysError::Line { line: at } if at == line),
                "{error}"
            );
        }
        assert!(matches!(
            Keys::parse("# none").map(drop),
            Err(KeysError::None)
        ));
    }

    #[test]
    #[cfg(unix)]
    fn a_file_is_its_owners_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("phonebox.key");
        assert!(matches!(Keys::from_file(&path), Err(KeysError::Io { .. })));
        let sealed = Keys::from_file_or_new(&path).unwrap().seal(&PURPOSE, b"1");
        let again = Keys::from_file_or_new(&path).unwrap();
        assert_eq!(*again.open(&PURPOSE, &sealed).unwrap(), b"1");
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(Keys::from_file(&path), Err(KeysError::Exposed(_))));
    }
}
