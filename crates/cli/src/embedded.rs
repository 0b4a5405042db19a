//! What comes inside the program: the guest SDK, and the examples that new actions start from.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use phonebox::Action;

use crate::args::{Language, Template};
use crate::dirs;
use crate::failure::Failure;

include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

/// Begins the settings of cargo that are ours to write anew.
const OURS: &str = "# Written by phonebox for this machine";

/// A folder's files, by their paths in it.
pub(crate) struct Folder {
    files: &'static [(&'static str, &'static [u8])],
    /// Tells one content from another.
    hash: &'static str,
}

impl Folder {
    /// Writes all files into a folder, each as `edit` makes it from its path and content.
    pub(crate) fn write(
        &self,
        to: &Path,
        edit: impl Fn(&str, &'static [u8]) -> Vec<u8>,
    ) -> io::Result<()> {
        for (path, content) in self.files {
            let to = to.join(path);
            if let Some(parent) = to.parent() {
                fs::create_dir_all(parent)?;
            }
            fs::write(to, edit(path, content))?;
        }
        Ok(())
    }
}

/// The example that a template is in a language, if there is one.
pub(crate) fn template(
    template: Template,
    language: Language,
) -> Option<(&'static Folder, &'static str)> {
    Some(match (language, template) {
        (Language::Rust, Template::Twilio) => (&TWILIO, "twilio"),
        (Language::Rust, Template::TwilioVerify) => (&TWILIO_VERIFY, "twilio-verify"),
        (Language::Rust, Template::GenericHttp) => (&GENERIC_HTTP, "generic-http"),
        (Language::Javascript, Template::Twilio) => (&TWILIO_JAVASCRIPT, "twilio"),
        (Language::Typescript, Template::Twilio) => (&TWILIO_TYPESCRIPT, "twilio"),
        (Language::Javascript | Language::Typescript, _) => return None,
    })
}

/// Where the examples have their types from, as their settings for editors write it.
pub(crate) const TYPES_OF_EXAMPLES: &str = "../../../guest-sdk/js/sdk";

/// Writes the types of the event, the api and the engine into a folder.
pub(crate) fn write_types(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let types = |(path, _): &&(&str, &[u8])| path.ends_with(".d.ts");
    TYPES
        .files
        .iter()
        .filter(types)
        .try_for_each(|(path, content)| fs::write(folder.join(path), content))
}

/// The folder of the SDK's crates. It is written at the first call; another version gets a folder of its own.
pub(crate) fn sdk() -> Result<PathBuf, Failure> {
    unpacked(&SDK, &dirs::home()?.join(format!("sdk-{}", SDK.hash)))
}

/// Lets plain cargo, and with it editors and `cargo test`, find the SDK in an action's folder. Says whether something was
/// written: settings that name the SDK already, in the folder or above it, are left alone, unless they are ours and stale.
pub(crate) fn lead_cargo(folder: &Path, sdk: &Path) -> io::Result<bool> {
    let settings = format!(
        "{OURS}: the copy of the SDK that came with it.\n\
         [patch.crates-io]\n\
         phonebox-sdk = {{ path = '{}' }}\n\
         phonebox-sdk-macros = {{ path = '{}' }}\n",
        sdk.join("sdk").display(),
        sdk.join("macros").display()
    );
    let path = folder.join(".cargo/config.toml");
    match fs::read_to_string(&path) {
        Ok(there) if there == settings || !there.starts_with(OURS) => return Ok(false),
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Err(_) if is_led_from_above(folder)? => return Ok(false),
        _ => {}
    }
    fs::create_dir_all(folder.join(".cargo"))?;
    fs::write(&path, settings).map(|()| true)
}

/// Whether settings in a folder above name the SDK, as in phonebox's own repository.
fn is_led_from_above(folder: &Path) -> io::Result<bool> {
    let folder = folder.canonicalize()?;
    Ok(folder.ancestors().skip(1).any(|above| {
        fs::read_to_string(above.join(".cargo/config.toml"))
            .is_ok_and(|settings| settings.contains("phonebox-sdk"))
    }))
}

/// The folder of the built-in Twilio example, for a first try without an action of one's own.
pub(crate) fn twilio_example() -> Result<PathBuf, Failure> {
    unpacked(
        &TWILIO,
        &dirs::home()?.join(format!("twilio-example-{}", TWILIO.hash)),
    )
}

/// The built-in provider: the Twilio example, as it was compiled with this program.
pub(crate) fn twilio() -> Result<Action, Failure> {
    let manifest = TWILIO.files.iter().find(|(path, _)| *path == "action.toml");
    let manifest = manifest.and_then(|(_, manifest)| std::str::from_utf8(manifest).ok());
    let action = Action::assemble(TWILIO_COMPONENT, manifest.unwrap_or_default());
    action.map_err(|error| Failure::chain(&error))
}

/// Writes a folder beside its place and moves it there, so that it is there whole or not at all.
fn unpacked(folder: &Folder, path: &Path) -> Result<PathBuf, Failure> {
    if !path.is_dir() {
        let temporary = path.with_extension(format!("{}.tmp", std::process::id()));
        folder
            .write(&temporary, |_, content| content.to_vec())
            .and_then(|()| match fs::rename(&temporary, path) {
                // Another process was faster.
                Err(_) if path.is_dir() => fs::remove_dir_all(&temporary),
                renamed => renamed,
            })
            .map_err(|error| Failure::file("cannot write", path, &error))?;
    }
    Ok(path.to_owned())
}
