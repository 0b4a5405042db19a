//! A source in several files, in TypeScript or with packages from npm, made one by the author's esbuild.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use phonebox::componentize::javascript::{self, SOURCE_LIMIT};
use phonebox::{BuildError, Fault};
use serde::Deserialize;

use crate::failure::{Code, Failure};
use crate::output::Output;
use crate::project::kilobytes;

/// Where esbuild is in a folder that npm has installed it in.
const ESBUILD: &str = if cfg!(windows) {
    "node_modules/.bin/esbuild.cmd"
} else {
    "node_modules/.bin/esbuild"
};
/// What is made: what the engine takes, with names as they were, and with nothing in it that the engine brings.
const OPTIONS: &[&str] = &[
    "--bundle",
    "--format=cjs",
    "--target=es2022",
    // What is made for browsers needs neither files nor sockets.
    "--platform=browser",
    "--supported:dynamic-import=false",
    "--define:process.env.NODE_ENV=\"production\"",
    "--keep-names",
    "--sourcemap=external",
    "--sources-content=false",
    "--external:actions:*",
    "--log-override:unsupported-require-call=warning",
    "--log-override:unsupported-dynamic-import=warning",
    "--log-limit=0",
    "--color=false",
];
/// Inputs that a bundle that is too large is told to be made of.
const LARGEST: usize = 5;

/// A source in one file.
pub(crate) struct Bundle {
    pub(crate) code: String,
    /// The source map, as it is carried along.
    pub(crate) map: String,
    /// The author's files that it was made from.
    pub(crate) sources: Vec<PathBuf>,
}

/// What esbuild tells of what it read and made.
#[derive(Deserialize)]
struct Metafile {
    inputs: serde_json::Map<String, serde_json::Value>,
    outputs: BTreeMap<String, Made>,
}

#[derive(Deserialize)]
struct Made {
    inputs: BTreeMap<String, Share>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Share {
    bytes_in_output: usize,
}

impl Bundle {
    /// Bundles `entry`, a file in an action's folder, which has to be for this `reason`.
    pub(crate) fn make(
        folder: &Path,
        entry: &str,
        reason: &str,
        output: Output,
    ) -> Result<Self, Failure> {
        let target = folder.join("target");
        let made = fs::create_dir_all(&target).and_then(|()| tempfile::tempdir_in(&target));
        let made = made.map_err(|error| Failure::file("cannot write to", &target, &error))?;
        let read = |name: &str| {
            let path = made.path().join(name);
            fs::read_to_string(&path).map_err(|error| Failure::file("cannot read", &path, &error))
        };
        let said = run(folder, entry, reason, made.path())?;
        let complaints = Complaint::all(&said.text);
        let grave = complaints.iter().find(|complaint| complaint.is_grave());
        if let Some(complaint) = grave {
            output.say(said.text.trim_end());
            return Err(complaint.failure(folder));
        }
        if !said.succeeded {
            output.say(said.text.trim_end());
            return Err(Failure::new(format!("esbuild cannot bundle {entry}"))
                .hint("see what it says above")
                .fault(Fault::Action));
        }
        for complaint in complaints.iter().filter(|one| !one.is_packaged()) {
            output.step("note", complaint.error(complaint.text));
        }
        let code = read("action.js")?;
        let metafile: Metafile = serde_json::from_str(&read("meta.json")?)
            .map_err(|error| Failure::new(format!("esbuild's metafile cannot be read: {error}")))?;
        if code.len() > SOURCE_LIMIT {
            return Err(too_large(code.len(), &metafile));
        }
        let inputs = metafile.inputs.keys();
        let own = inputs.filter(|input| !javascript::is_packaged(input));
        Ok(Self {
            code,
            map: javascript::lessen(&read("action.js.map")?, name)
                .ok_or_else(|| Failure::new("esbuild's source map cannot be read"))?,
            sources: own.map(|input| folder.join(input)).collect(),
        })
    }
}

/// How esbuild ended.
struct Said {
    succeeded: bool,
    text: String,
}

/// Has esbuild write `action.js`, `action.js.map` and `meta.json`. It is the project's own, or else that of the machine; it is
/// never downloaded.
fn run(folder: &Path, entry: &str, reason: &str, to: &Path) -> Result<Said, Failure> {
    let absolute = |path: &Path| {
        path.canonicalize()
            .map_err(|error| Failure::file("cannot find", path, &error))
    };
    let (folder, to) = (absolute(folder)?, absolute(to)?);
    let program = folder
        .ancestors()
        .map(|above| above.join(ESBUILD))
        .find(|path| path.is_file())
        .unwrap_or_else(|| "esbuild".into());
    let external = javascript::modules().flat_map(|name| {
        // Node's own can be asked for in two ways.
        [
            format!("--external:{name}"),
            format!("--external:node:{name}"),
        ]
    });
    let ran = Command::new(&program)
        .current_dir(&folder)
        .arg(entry)
        .args(OPTIONS)
        .args(external)
        .arg(format!("--outfile={}", to.join("action.js").display()))
        .arg(format!("--metafile={}", to.join("meta.json").display()))
        .stdin(Stdio::null())
        .output();
    match ran {
        Ok(ran) => Ok(Said {
            succeeded: ran.status.success(),
            text: own_words(&String::from_utf8_lossy(&ran.stderr)),
        }),
        Err(error) if error.kind() == ErrorKind::NotFound => Err(Failure::new(format!(
            "{entry} has to be bundled: {reason}. There is no esbuild for that in {}, in those of folders above, or in PATH",
            folder.join("node_modules").display()
        ))
        .hint(format!(
            "in {}: npm install --save-dev esbuild",
            folder.display()
        ))
        .code(Code::Unavailable)),
        Err(error) => Err(Failure::file("cannot run", &program, &error)),
    }
}

/// What esbuild says itself. After how many errors there were, its wrapper in npm's package repeats the whole command.
fn own_words(said: &str) -> String {
    let is_count = |line: &&str| {
        let (number, what) = line.split_once(' ').unwrap_or_default();
        number.parse::<u32>().is_ok() && what.trim_end_matches('s').ends_with("error")
    };
    let lines = said.lines().take_while(|line| !is_count(line));
    lines.collect::<Vec<_>>().join("\n")
}

/// What a file in the map is called, which has it by the way from where the bundle is.
fn name(file: &str) -> String {
    match file.rfind("node_modules/") {
        Some(at) => file.get(at..),
        None => file.strip_prefix("../../"),
    }
    .unwrap_or(file)
    .to_owned()
}

fn too_large(size: usize, metafile: &Metafile) -> Failure {
    let mut shares = BTreeMap::<_, usize>::new();
    for (input, share) in metafile.outputs.values().flat_map(|made| &made.inputs) {
        *shares.entry(package(input)).or_default() += share.bytes_in_output;
    }
    let mut shares: Vec<_> = shares.into_iter().collect();
    shares.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
    let shares: Vec<_> = shares
        .into_iter()
        .take(LARGEST)
        .map(|(input, bytes)| format!("{input} {}", kilobytes(bytes)))
        .collect();
    Failure::new(format!(
        "the bundle has {}, and at most {} may be. The largest in it: {}",
        kilobytes(size),
        kilobytes(SOURCE_LIMIT),
        shares.join(", ")
    ))
    .hint("import less of them, or take smaller packages")
    .fault(Fault::Action)
}

/// The package that a file is of, or the author's file itself.
fn package(input: &str) -> &str {
    match input.rsplit_once("node_modules/") {
        Some((_, inside)) => package_of(inside),
        None => input,
    }
}

/// An error or a warning of esbuild's.
#[derive(Debug)]
struct Complaint<'a> {
    is_error: bool,
    text: &'a str,
    /// The file, and in it the line and the column, from 1.
    at: Option<(&'a str, u32, u32)>,
}

impl<'a> Complaint<'a> {
    /// Reads what esbuild prints: a mark, `[ERROR]`, what is wrong, and on a line of its own the place.
    fn all(said: &'a str) -> Vec<Self> {
        let mut all = Vec::<Self>::new();
        for line in said.lines() {
            let mark = |mark| {
                line.split_once(mark)
                    .filter(|(sign, _)| sign.chars().count() <= 2)
            };
            let begins = |is_error, (_, text): (&str, &'a str)| Self {
                is_error,
                text,
                at: None,
            };
            if let Some(found) = mark("[ERROR] ") {
                all.push(begins(true, found));
            } else if let Some(found) = mark("[WARNING] ") {
                all.push(begins(false, found));
            } else if let Some(last) = all.last_mut().filter(|last| last.at.is_none()) {
                last.at = place(line);
            }
        }
        all
    }

    /// Whether there is no action to be made of it. What packages ask for at run time they mostly can do without.
    fn is_grave(&self) -> bool {
        self.is_error || self.asks_at_run_time() && !self.is_packaged()
    }

    /// Whether it is about a package's file.
    fn is_packaged(&self) -> bool {
        self.at
            .is_some_and(|(file, ..)| javascript::is_packaged(file))
    }

    fn asks_at_run_time(&self) -> bool {
        let ids = ["[unsupported-require-call]", "[unsupported-dynamic-import]"];
        ids.iter().any(|id| self.text.ends_with(id))
    }

    /// What is wrong, where, and what to do about it.
    fn failure(&self, folder: &Path) -> Failure {
        let unresolved = self
            .text
            .strip_prefix("Could not resolve \"")
            .and_then(|rest| rest.strip_suffix('"'));
        let (what, hint) = if self.asks_at_run_time() {
            (
                "what is required has to stand there in quotes, so that it can be bundled"
                    .to_owned(),
                "write require('NAME') or import, one for each that may be needed".to_owned(),
            )
        } else if let Some(name) = unresolved {
            missing(name, folder)
        } else {
            (
                self.text.to_owned(),
                "mend what esbuild says above".to_owned(),
            )
        };
        Failure::new(self.error(&what))
            .hint(hint)
            .fault(Fault::Action)
    }

    /// What is wrong, at its place.
    fn error(&self, what: &str) -> BuildError {
        BuildError {
            file: self.at.map(|(file, ..)| file.to_owned()),
            line: self.at.map(|(_, line, _)| line),
            column: self.at.map(|(.., column)| column),
            ..BuildError::new("bundle", what)
        }
    }
}

/// What is said of something that esbuild did not find, and what to do about it.
fn missing(name: &str, folder: &Path) -> (String, String) {
    if name.starts_with(['.', '/']) {
        return (
            format!("there is no file {name}"),
            "mend the path, or make the file".to_owned(),
        );
    }
    if let Some(absent) = javascript::absent_module(name) {
        return (
            format!("there is no {absent} of Node's in phonebox's sandbox"),
            "requests are made by fetch; of packages, take one that is made for browsers, too"
                .to_owned(),
        );
    }
    let package = package_of(name);
    let ancestors = folder.canonicalize().unwrap_or_default();
    let is_installed = ancestors
        .ancestors()
        .any(|above| above.join("node_modules").join(package).is_dir());
    if is_installed {
        return (
            format!("the package {package} has no {name}"),
            "see what it exports".to_owned(),
        );
    }
    (
        format!("the package {package} is not installed"),
        format!("npm install {package}"),
    )
}

/// The package that is meant by what is required.
fn package_of(name: &str) -> &str {
    let parts = if name.starts_with('@') { 2 } else { 1 };
    let end = name.match_indices('/').nth(parts - 1);
    end.map_or(name, |(at, _)| name.get(..at).unwrap_or(name))
}

/// Reads `    src/sms.ts:12:3:`, where the column is from 0.
fn place(line: &str) -> Option<(&str, u32, u32)> {
    let place = line.strip_prefix("    ")?.strip_suffix(':')?;
    let (rest, column) = place.rsplit_once(':')?;
    let (file, line) = rest.rsplit_once(':')?;
    Some((file, line.parse().ok()?, column.parse::<u32>().ok()? + 1))
}
