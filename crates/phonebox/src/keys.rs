//! What is encrypted before it reaches a disk, and with what.
//!
//! A key of the ring encrypts nothing itself. For every purpose (this secret of this action of this tenant; this notification)
//! another key is derived from it (HKDF-SHA256), so that what is moved from one row to another cannot be read there. Secrets
//! have a data key each, which alone is encrypted anew when the ring's key changes.

use std::fmt;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::str::FromStr;
use std::sync::mpsc::channel;
use std::sync::{Arc, PoisonError, RwLock};
use std::thread;
use std::time::{Duration, Instant};

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Prk};
use aws_lc_rs::{digest, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use phonebox_contract::Fault;
use zeroize::{Zeroize as _, Zeroizing};

/// How long a command has to print the keys.
const COMMAND: Duration = Duration::from_secs(10);
/// Most that it may print, in bytes.
const OUTPUT: usize = 64 << 10;
/// What the mark of a store is encrypted for.
const MARK: [&str; 1] = ["mark"];
const KEY: usize = 32;
const ID: usize = 4;
const FORMAT: u8 = 1;
/// The format, the key's id and the nonce.
const HEAD: usize = 1 + ID + NONCE_LEN;
/// A data key, encrypted.
const WRAPPED: usize = HEAD + KEY + 16;

/// The keys that a store is encrypted with. The first encrypts; all decrypt, so that a key can be replaced. Cheap to clone.
#[derive(Clone)]
pub struct Keys(Arc<Shared>);

struct Shared {
    ring: RwLock<Ring>,
    source: Source,
}

#[derive(Clone)]
struct Ring {
    keys: Arc<[Key]>,
    /// What texts are hashed with. It is the store's, and stays when the keys are replaced.
    hashing: Option<Arc<Key>>,
}

/// Where keys were read.
enum Source {
    Command(Vec<String>),
    File(PathBuf),
    Given,
}

/// Names a root key, and tells nothing of it.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct RootKeyId(pub(crate) [u8; ID]);

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
    /// The file has no key of this id.
    #[error("there is no key {0} in the file")]
    Unknown(RootKeyId),
    /// The command that prints the keys cannot be run, or its output cannot be read.
    #[error("{program}, which prints the keys, cannot be run")]
    Command {
        /// Which program.
        program: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The command that prints the keys failed.
    #[error("{program}, which prints the keys, ended with {status}")]
    CommandFailed {
        /// Which program.
        program: String,
        /// How it ended.
        status: ExitStatus,
    },
    /// The command that prints the keys takes too long.
    #[error("{0}, which prints the keys, did not end in time")]
    CommandSlow(String),
    /// The command that prints the keys prints too much.
    #[error("{0}, which prints the keys, printed more than {OUTPUT} bytes, or no text")]
    CommandOutput(String),
    /// They were read nowhere that could be read again.
    #[error("the keys came from no file and no command")]
    Given,
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
            Self::Unknown(_) => "list those that are there",
            Self::Command { .. } => {
                "name a program by its path, with its arguments after it; there is no shell"
            }
            Self::CommandFailed { .. } => {
                "run it by hand as this user; what it says on standard error is in this process's"
            }
            Self::CommandSlow(_) => "see what it waits for; it gets no input",
            Self::CommandOutput(_) => "it is to print keys in Base64, one a line, and nothing else",
            Self::Given => "give those that are to be used from now on",
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
        let keys = parse(&text.map_err(failed)?)?;
        Ok(Self::new(keys, Source::File(path.to_owned())))
    }

    /// Has a program print the keys, as they would stand in a file: of a key management service, say. It is run without a shell
    /// and without input, and has 10 s. Blocks meanwhile.
    pub fn from_command(command: &[String]) -> Result<Self, KeysError> {
        let keys = parse(&run(command)?)?;
        Ok(Self::new(keys, Source::Command(command.to_vec())))
    }

    /// Reads them again from where they came from. Blocks meanwhile.
    pub(crate) fn read_again(&self) -> Result<Self, KeysError> {
        match &self.0.source {
            Source::Command(command) => Self::from_command(command),
            Source::File(path) => Self::from_file(path),
            Source::Given => Err(KeysError::Given),
        }
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

    /// Keys as they stand in a file, from elsewhere.
    pub fn parse(text: &str) -> Result<Self, KeysError> {
        Ok(Self::new(parse(text)?, Source::Given))
    }

    /// A ring of one new key.
    pub fn generate() -> Self {
        Self::new(vec![Key::new(random())], Source::Given)
    }

    /// Puts a new key before the others in a file. It encrypts from when the file is read again.
    pub fn add_to_file(path: impl AsRef<Path>) -> Result<RootKeyId, KeysError> {
        let key = Key::new(random());
        rewrite(path.as_ref(), |text| {
            let line = Zeroizing::new(STANDARD.encode(&key.root[..]));
            Ok(Zeroizing::new([&*line, "\n", text].concat()))
        })?;
        Ok(RootKeyId(key.id))
    }

    /// Takes a key out of a file. What it encrypted can never be read again.
    pub fn remove_from_file(path: impl AsRef<Path>, id: RootKeyId) -> Result<(), KeysError> {
        rewrite(path.as_ref(), |text| {
            let is_it =
                |line: &&str| parse(line).is_ok_and(|keys| keys.iter().any(|key| key.id == id.0));
            let mut rest = Zeroizing::new(String::with_capacity(text.len()));
            for line in text.split_inclusive('\n').filter(|line| !is_it(line)) {
                rest.push_str(line);
            }
            if rest.len() == text.len() {
                return Err(KeysError::Unknown(id));
            }
            Ok(rest)
        })
    }

    fn new(keys: Vec<Key>, source: Source) -> Self {
        let ring = RwLock::new(Ring {
            keys: keys.into(),
            hashing: None,
        });
        Self(Arc::new(Shared { ring, source }))
    }

    /// The ids, that of the key that encrypts first.
    pub fn ids(&self) -> Vec<RootKeyId> {
        self.ring()
            .keys
            .iter()
            .map(|key| RootKeyId(key.id))
            .collect()
    }

    /// Whether a store that has this mark was encrypted with one of them.
    pub fn can_read(&self, mark: &[u8]) -> bool {
        self.open(&MARK, mark).is_ok()
    }

    /// The id of the key that encrypts.
    pub(crate) fn active_id(&self) -> RootKeyId {
        RootKeyId(self.ring().active().id)
    }

    /// Uses these from now on, wherever this ring is used.
    pub(crate) fn replace(&self, by: &Self) {
        let keys = by.ring().keys;
        self.0
            .ring
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .keys = keys;
    }

    /// What is new to whoever has no keys. It is kept, encrypted, in the store's mark.
    pub(crate) fn new_mark(&self) -> Vec<u8> {
        self.seal(&MARK, &random()[..])
    }

    /// Hashes with what the mark says from now on.
    pub(crate) fn read_mark(&self, mark: &[u8]) -> Result<(), CannotDecrypt> {
        let root = self.open(&MARK, mark)?;
        let root = root.as_slice().try_into().map_err(|_| CannotDecrypt)?;
        let hashing = Some(Arc::new(Key::new(Zeroizing::new(root))));
        self.0
            .ring
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .hashing = hashing;
        Ok(())
    }

    /// The same text under the key that encrypts now.
    pub(crate) fn reseal(&self, purpose: &[&str], sealed: &[u8]) -> Result<Vec<u8>, CannotDecrypt> {
        Ok(self.seal(purpose, &self.open(purpose, sealed)?))
    }

    /// The same secret, its data key under the key that encrypts now.
    pub(crate) fn reseal_secret(
        &self,
        purpose: &[&str],
        sealed: &[u8],
    ) -> Result<Vec<u8>, CannotDecrypt> {
        let (wrapped, value) = sealed.split_at_checked(WRAPPED).ok_or(CannotDecrypt)?;
        let mut anew = self.reseal(purpose, wrapped)?;
        anew.extend(value);
        Ok(anew)
    }

    pub(crate) fn reseal_mark(&self, sealed: &[u8]) -> Result<Vec<u8>, CannotDecrypt> {
        self.reseal(&MARK, sealed)
    }

    fn ring(&self) -> Ring {
        self.0
            .ring
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(crate) fn seal(&self, purpose: &[&str], text: &[u8]) -> Vec<u8> {
        self.ring().active().seal(purpose, text)
    }

    pub(crate) fn open(
        &self,
        purpose: &[&str],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, CannotDecrypt> {
        let id = sealed.get(1..=ID);
        let ring = self.ring();
        let key = ring.keys.iter().find(|key| Some(&key.id[..]) == id);
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

    /// A hash that nobody without the key can find what was hashed by. Of a store that was opened, it stays the same when the
    /// keys are replaced.
    pub(crate) fn fingerprint(&self, purpose: &[&str], text: &[u8]) -> [u8; 32] {
        let ring = self.ring();
        let key = ring
            .hashing
            .as_deref()
            .unwrap_or(ring.active())
            .derive(purpose);
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key[..]), text);
        let mut hash = [0; 32];
        hash.copy_from_slice(tag.as_ref());
        hash
    }
}

impl Ring {
    fn active(&self) -> &Key {
        self.keys.first().expect("a ring has a key")
    }
}

impl fmt::Display for RootKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", u32::from_be_bytes(self.0))
    }
}

impl FromStr for RootKeyId {
    type Err = InvalidRootKeyId;

    fn from_str(text: &str) -> Result<Self, InvalidRootKeyId> {
        let is_id = text.len() == 2 * ID && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let id = is_id.then(|| u32::from_str_radix(text, 16).ok()).flatten();
        id.map(|id| Self(id.to_be_bytes())).ok_or(InvalidRootKeyId)
    }
}

/// A text that names no root key. It is not repeated: it may be one.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a root key is named by 8 hexadecimal digits")]
pub struct InvalidRootKeyId;

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

fn parse(text: &str) -> Result<Vec<Key>, KeysError> {
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
    Ok(keys)
}

/// What a command prints.
fn run(command: &[String]) -> Result<Zeroizing<String>, KeysError> {
    let (program, arguments) = command.split_first().ok_or(KeysError::None)?;
    let failed = |source| KeysError::Command {
        program: program.clone(),
        source,
    };
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let stdout = child.stdout.take();
    let (tell, told) = channel();
    // Whoever it has started may keep its output open; then nobody waits for that.
    thread::spawn(move || {
        let mut text = Zeroizing::new(String::with_capacity(OUTPUT + 1));
        let read = stdout.map_or(Ok(0), |stdout| {
            stdout.take(OUTPUT as u64 + 1).read_to_string(&mut text)
        });
        drop(tell.send(read.map(|_| text)));
    });
    let until = Instant::now() + COMMAND;
    let said = told.recv_timeout(COMMAND);
    let too_long = || KeysError::CommandSlow(program.clone());
    let is_too_much = matches!(&said, Ok(Ok(text)) if text.len() > OUTPUT);
    let status = loop {
        match child.try_wait().map_err(failed)? {
            Some(status) => break Some(status),
            None if said.is_err() || is_too_much || Instant::now() >= until => break None,
            None => thread::sleep(Duration::from_millis(5)),
        }
    };
    if status.is_none() {
        drop(child.kill());
        child.wait().map_err(failed)?;
    }
    match (said, status) {
        (Ok(Ok(text)), Some(status)) if status.success() && !is_too_much => Ok(text),
        (_, Some(status)) if !status.success() => Err(KeysError::CommandFailed {
            program: program.clone(),
            status,
        }),
        (Ok(Err(_)), _) => Err(KeysError::CommandOutput(program.clone())),
        _ if is_too_much => Err(KeysError::CommandOutput(program.clone())),
        _ => Err(too_long()),
    }
}

/// Puts another text in place of a file's, whole or not at all. It stays its owner's.
fn rewrite(
    path: &Path,
    change: impl FnOnce(&str) -> Result<Zeroizing<String>, KeysError>,
) -> Result<(), KeysError> {
    // What is there is a file of keys that nobody else may read.
    drop(Keys::from_file(path)?);
    let failed = |source| KeysError::Io {
        path: path.to_owned(),
        source,
    };
    let text = fs::read_to_string(path).map(Zeroizing::new);
    let anew = change(&text.map_err(failed)?)?;
    drop(parse(&anew)?);
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let write = || {
        match fs::remove_file(&part) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = private(&part)?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::{MetadataExt as _, fchown};
            let owner = fs::metadata(path)?;
            fchown(&file, Some(owner.uid()), Some(owner.gid()))?;
        }
        file.write_all(anew.as_bytes())?;
        file.sync_all()?;
        fs::rename(&part, path)?;
        match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => fs::File::open(folder)?.sync_all(),
            _ => Ok(()),
        }
    };
    write().map_err(failed)
}

/// A new file for its owner alone.
fn private(path: impl AsRef<Path>) -> io::Result<fs::File> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Makes a file with a new key in it, for its owner alone.
fn write_new(path: &Path) -> io::Result<()> {
    if path.exists() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    let mut line = STANDARD.encode(&random()[..]);
    line.push('\n');
    let mut file = private(path)?;
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

    #[test]
    fn a_replaced_key_is_there_until_nothing_needs_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("phonebox.keys");
        let keys = Keys::from_file_or_new(&path).unwrap();
        let [old] = keys.ids()[..] else { panic!() };
        let mark = keys.new_mark();
        keys.read_mark(&mark).unwrap();
        let (text, secret) = (keys.seal(&PURPOSE, b"1"), keys.seal_secret(&PURPOSE, b"2"));
        let hash = keys.fingerprint(&PURPOSE, b"login-7");

        let new = Keys::add_to_file(&path).unwrap();
        let other = keys.clone();
        keys.replace(&keys.read_again().unwrap());
        assert_eq!(other.ids(), [new, old]);
        assert_eq!(other.active_id(), new);
        assert_eq!(other.fingerprint(&PURPOSE, b"login-7"), hash);
        let mark = keys.reseal_mark(&mark).unwrap();
        let text = keys.reseal(&PURPOSE, &text).unwrap();
        let secret = keys.reseal_secret(&PURPOSE, &secret).unwrap();

        Keys::remove_from_file(&path, old).unwrap();
        let rest = Keys::from_file(&path).unwrap();
        assert_eq!(rest.ids(), [new]);
        rest.read_mark(&mark).unwrap();
        assert_eq!(rest.fingerprint(&PURPOSE, b"login-7"), hash);
        assert_eq!(*rest.open(&PURPOSE, &text).unwrap(), b"1");
        assert_eq!(*rest.open_secret(&PURPOSE, &secret).unwrap(), b"2");

        let unknown = Keys::remove_from_file(&path, old).unwrap_err();
        assert!(
            matches!(unknown, KeysError::Unknown(id) if id == old),
            "{unknown}"
        );
        let last = Keys::remove_from_file(&path, new).unwrap_err();
        assert!(matches!(last, KeysError::None), "{last}");
        assert_eq!(Keys::from_file(&path).unwrap().ids(), [new]);
        assert_eq!(old.to_string().parse(), Ok(old));
        assert_eq!(
            STANDARD.encode([7; KEY]).parse::<RootKeyId>(),
            Err(InvalidRootKeyId)
        );
    }

    #[test]
    #[cfg(unix)]
    fn a_command_prints_the_keys_or_says_why_not() {
        let command = |line: &str| ["sh", "-c", line].map(str::to_owned);
        let key = STANDARD.encode(&random()[..]);
        let keys = Keys::from_command(&command(&format!("echo {key}"))).unwrap();
        assert_eq!(keys.ids(), Keys::parse(&key).unwrap().ids());
        assert_eq!(keys.read_again().unwrap().ids(), keys.ids());
        for (line, says) in [
            (&*format!("echo {key}; exit 3"), "ended with exit status: 3"),
            ("echo '# none'", "there is no key"),
            (&format!("echo {key}x"), "line 1 of the keys is no key"),
            (
                "printf '\\377'",
                "printed more than 65536 bytes, or no text",
            ),
            (
                "head -c 70000 /dev/zero",
                "printed more than 65536 bytes, or no text",
            ),
        ] {
            let error = Keys::from_command(&command(line)).map(drop).unwrap_err();
            assert!(error.to_string().contains(says), "{line}: {error}");
            assert!(!format!("{error:?}").contains(&key), "{error:?}");
        }
        let nowhere = Keys::from_command(&["/nowhere/keys".to_owned()]);
        let error = nowhere.map(drop).unwrap_err();
        assert_eq!(
            error.to_string(),
            "/nowhere/keys, which prints the keys, cannot be run"
        );
        let given = Keys::generate().read_again().map(drop).unwrap_err();
        assert!(matches!(given, KeysError::Given), "{given}");
    }
}
