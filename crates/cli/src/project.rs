use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use phonebox::componentize::javascript;
use phonebox::componentize::rust::{self, BuildError, TARGET};
use phonebox::{Action, Manifest, Secrets};

use crate::bundle::Bundle;
use crate::dirs;
use crate::embedded;
use crate::failure::{Code, Failure};
use crate::output::Output;
use crate::stage;

/// An action's folder.
#[derive(Clone, Debug)]
pub(crate) struct Project {
    pub(crate) folder: PathBuf,
}

/// An action, built.
pub(crate) struct Built {
    pub(crate) action: Action,
    /// Where its component is.
    pub(crate) path: PathBuf,
    /// The files that a source in JavaScript or TypeScript was read from.
    pub(crate) sources: Vec<PathBuf>,
}

/// The names of an action's source.
const JAVASCRIPT: &str = "action.js";
const TYPESCRIPT: &str = "action.ts";

impl Project {
    /// The folder, if there is an action in it.
    pub(crate) fn open(folder: &Path) -> Result<Self, Failure> {
        let manifest = folder.join("action.toml");
        if manifest.is_file() {
            return Ok(Self {
                folder: folder.to_owned(),
            });
        }
        if !folder.exists() {
            return Err(
                Failure::new(format!("there is nothing called {}", folder.display()))
                    .hint("give an action's folder, or for `phonebox check` a component")
                    .code(Code::NotFound),
            );
        }
        Err(Failure::new(format!(
            "there is no action in {}: it has no action.toml",
            folder.display()
        ))
        .hint("name the action's folder, or make one with `phonebox new NAME`")
        .code(Code::NotFound))
    }

    /// The text of its manifest.
    pub(crate) fn manifest(&self) -> Result<String, Failure> {
        let path = self.folder.join("action.toml");
        fs::read_to_string(&path).map_err(|error| Failure::file("cannot read", &path, &error))
    }

    /// Builds the component, puts the manifest in, and writes it to `target/NAME.wasm`. Where there is an `action.js` or an
    /// `action.ts`, that is the action.
    pub(crate) fn build(&self, output: Output) -> Result<Built, Failure> {
        let text = self.manifest()?;
        // A mistake in it should not take a whole build to be found.
        Manifest::parse(&text)?;
        if let Some(script) = self.script()? {
            return self.build_script(script, &text, output);
        }
        let Ok(package) = fs::read_to_string(self.folder.join("Cargo.toml")) else {
            return Err(Failure::new(format!("{} has no Cargo.toml", self.folder.display()))
                .hint("an action is a package of Rust, see `phonebox new`, an action.js or an action.ts; for others give a component to `phonebox check`")
                .code(Code::NotFound));
        };
        if rust::lacks_target(&self.folder) {
            output.step(
                "installing",
                format!("the compilation target {TARGET}, by rustup"),
            );
            rust::install_target(&self.folder)?;
        }
        let sdk = embedded::sdk()?;
        if package.contains("phonebox-sdk")
            && embedded::lead_cargo(&self.folder, &sdk)
                .map_err(|error| Failure::file("cannot write .cargo in", &self.folder, &error))?
        {
            output.step(
                "wrote",
                ".cargo/config.toml, by which plain cargo finds the SDK",
            );
        }
        output.step("building", self.folder.display());
        let started = Instant::now();
        let built = rust::Project::new(&self.folder).sdk(sdk).build();
        let component = built.inspect_err(|error| {
            if let BuildError::Compiler(said) | BuildError::NoTarget(said) = error {
                output.say(said.trim_end());
            }
        })?;
        self.keep(Action::assemble(&component, &text)?, started, output)
    }

    /// The name of the file that is the action, if it is in JavaScript or TypeScript.
    fn script(&self) -> Result<Option<&'static str>, Failure> {
        let is_there = |name: &&str| self.folder.join(name).is_file();
        match [TYPESCRIPT, JAVASCRIPT]
            .into_iter()
            .filter(is_there)
            .collect::<Vec<_>>()[..]
        {
            [] => Ok(None),
            [one] => Ok(Some(one)),
            _ => Err(Failure::new(format!(
                "there are an action.js and an action.ts in {}, and one of them is the action",
                self.folder.display()
            ))
            .hint("remove the other: action.ts is not compiled by tsc, but by phonebox")
            .code(Code::Conflict)),
        }
    }

    /// The same for a source in JavaScript or TypeScript, which is run as far as it runs when it is deployed. It stays as it is
    /// where it is an action by itself.
    fn build_script(&self, script: &str, manifest: &str, output: Output) -> Result<Built, Failure> {
        let path = self.folder.join(script);
        let source = fs::read_to_string(&path)
            .map_err(|error| Failure::file("cannot read", &path, &error))?;
        output.step("building", self.folder.display());
        let started = Instant::now();
        let reason = if script == TYPESCRIPT {
            Some("it is TypeScript".to_owned())
        } else {
            javascript::wants_bundling(&source)
        };
        let (action, sources) = if let Some(reason) = reason {
            let bundle = Bundle::make(&self.folder, script, &reason, output)?;
            let action = Action::assemble_bundle(&bundle.code, &bundle.map, &[], manifest)?;
            (action, bundle.sources)
        } else {
            (
                Action::assemble_javascript(&source, &[], manifest)?,
                vec![path],
            )
        };
        stage::build(&action, dirs::compiled()?)?;
        for note in action.notes() {
            output.step("note", note);
        }
        let built = self.keep(action, started, output)?;
        Ok(Built { sources, ..built })
    }

    fn keep(&self, action: Action, started: Instant, output: Output) -> Result<Built, Failure> {
        let target = self.folder.join("target");
        let path = target.join(format!("{}.wasm", action.manifest().name));
        fs::create_dir_all(&target)
            .and_then(|()| fs::write(&path, action.component()))
            .map_err(|error| Failure::file("cannot write", &path, &error))?;
        let (size, seconds) = (
            kilobytes(action.component().len()),
            started.elapsed().as_secs_f64(),
        );
        output.step(
            "built",
            format!("{} ({size}) in {seconds:.1} s", path.display()),
        );
        Ok(Built {
            action,
            path,
            sources: Vec::new(),
        })
    }
}

/// The secrets to try an action out with: the examples of its manifest, and over them what is given here. Real values are of
/// no use here, where every request ends in the inbox.
pub(crate) fn example_secrets(manifest: &Manifest, more: &BTreeMap<String, String>) -> Secrets {
    let examples = manifest.secrets.iter();
    let examples = examples.filter_map(|(name, spec)| Some((name, spec.example.as_ref()?)));
    manifest.grant(examples.chain(more))
}

/// Bytes as people say them.
pub(crate) fn kilobytes(bytes: usize) -> String {
    #[expect(clippy::cast_precision_loss, reason = "it is rounded anyway")]
    let kilobytes = bytes as f64 / 1000.0;
    format!("{kilobytes:.0} kB")
}
