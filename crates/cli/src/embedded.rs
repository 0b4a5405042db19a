//! What comes inside the program: the guest SDK, and the examples that new actions start from.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::args::Template;
use crate::dirs;
use crate::failure::Failure;

include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

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

/// The example that a template is.
pub(crate) fn template(template: Template) -> (&'static Folder, &'static str) {
    match template {
        Template::Twilio => (&TWILIO, "twilio"),
        Template::TwilioVerify => (&TWILIO_VERIFY, "twilio-verify"),
        Template::GenericHttp => (&GENERIC_HTTP, "generic-http"),
    }
}

/// The folder of the SDK's crates. It is written at the first call; another version gets a folder of its own.
pub(crate) fn sdk() -> Result<PathBuf, Failure> {
    unpacked(&SDK, &dirs::home()?.join(format!("sdk-{}", SDK.hash)))
}

/// The folder of the built-in Twilio example, for a first try without an action of one's own.
pub(crate) fn twilio_example() -> Result<PathBuf, Failure> {
    unpacked(
        &TWILIO,
        &dirs::home()?.join(format!("twilio-example-{}", TWILIO.hash)),
    )
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
