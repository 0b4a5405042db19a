//! What may be required.

use phonebox_contract::BuildError;

use super::super::MODULE;
use super::{located, shown};

/// Which modules a source may require.
#[derive(Clone, Copy)]
pub(super) enum Requires<'a> {
    /// An action's: those that it has, by name.
    Modules(&'a [&'a str]),
    /// A module's: none.
    NoModules,
}

/// Modules of Node's that the engine has.
const BUILT_IN: &[&str] = &[
    "assert",
    "buffer",
    "console",
    "crypto",
    "events",
    "process",
    "querystring",
    "timers",
    "timers/promises",
    "url",
    "util",
];
/// Packages that have the name of one of those, with the latest major version that there is of each. The name leads to Node's own.
const NAMESAKES: &[(&str, u32)] = &[
    ("assert", 2),
    ("buffer", 6),
    ("console", 0),
    ("crypto", 1),
    ("events", 3),
    ("process", 0),
    ("querystring", 0),
    ("timers", 0),
    ("url", 0),
    ("util", 0),
];
/// Packages that the engine has.
pub(super) const PACKAGES: &[&str] = &[
    "@aws-sdk/client-sns",
    "aws-sdk",
    "aws-sdk/clients/sns",
    "aws4",
    "axios",
    "jsonwebtoken",
    "node-fetch",
    "twilio",
    "uuid",
];
/// Modules of Node's that there is no place for in a sandbox.
const ABSENT: &[&str] = &[
    "child_process",
    "cluster",
    "dgram",
    "dns",
    "fs",
    "http",
    "http2",
    "https",
    "inspector",
    "module",
    "net",
    "os",
    "path",
    "perf_hooks",
    "readline",
    "repl",
    "stream",
    "string_decoder",
    "tls",
    "tty",
    "v8",
    "vm",
    "wasi",
    "worker_threads",
    "zlib",
];

const BUNDLE: &str = "dependencies are bundled on the author's machine: by `phonebox build` in a folder with an action.toml, or with \
                      `npx esbuild action.js --bundle --format=cjs --platform=browser`, and what that writes is uploaded";

/// The names of what may be required without bundling it.
pub fn modules() -> impl Iterator<Item = &'static str> {
    BUILT_IN.iter().chain(PACKAGES).copied()
}

/// What is wrong with a dependency. Of the packages that phonebox has it has one version, for whatever version is asked.
pub(super) fn unavailable(dependency: &str) -> Option<BuildError> {
    let (name, version) = match dependency.rsplit_once('@') {
        Some((name, version)) if !name.is_empty() => (name, version),
        _ => (dependency, "latest"),
    };
    let what = if let Some((_, latest)) = NAMESAKES.iter().find(|(known, _)| *known == name) {
        let major = version
            .trim_start_matches(['^', '~', '=', 'v'])
            .split('.')
            .next();
        let is_there = major
            .and_then(|major| major.parse().ok())
            .is_none_or(|major: u32| major <= *latest);
        if is_there {
            return None;
        }
        format!(
            "the dependency {} has no version {}: {name} is a module of Node's, and needs no dependency",
            shown(name),
            shown(version)
        )
    } else if PACKAGES.contains(&name) {
        return None;
    } else {
        format!(
            "the dependency {} is not part of phonebox: {BUNDLE}",
            shown(name)
        )
    };
    Some(BuildError::new("dependency_not_available", what))
}

/// The module of Node's that a name means, if there is no place for it in a sandbox.
pub fn absent_module(name: &str) -> Option<&str> {
    let bare = name.strip_prefix("node:").unwrap_or(name);
    let module = bare.split('/').next().unwrap_or(bare);
    ABSENT.contains(&module).then_some(module)
}

/// Whether the engine has what is required under this name.
pub(super) fn has(name: &str, may: Requires<'_>) -> bool {
    let bare = name.strip_prefix("node:");
    let module = name.strip_prefix(MODULE);
    let is_module = |module| matches!(may, Requires::Modules(known) if known.contains(&module));
    BUILT_IN.contains(&bare.unwrap_or(name))
        || PACKAGES.contains(&name)
        || module.is_some_and(is_module)
}

pub(super) fn absence(source: &str, name: &str, at: usize, may: Requires<'_>) -> BuildError {
    let bare = name.strip_prefix("node:").unwrap_or(name);
    let absent = absent_module(name);
    let name = shown(name);
    if let Some(module) = absent {
        let message = format!(
            "require('{name}'): there is no {module} in phonebox's sandbox; requests are made by fetch"
        );
        return located(source, at, "module_not_available", &message);
    }
    let message = if name.starts_with(MODULE) {
        match may {
            Requires::Modules(_) => format!(
                "require('{name}'): the action has no such module: name a published version of it in the action's `modules`"
            ),
            Requires::NoModules => {
                format!("require('{name}'): a module cannot require another one: put both into one")
            }
        }
    } else if bare.starts_with(['.', '/']) {
        format!("require('{name}'): an action is one file; {BUNDLE}")
    } else {
        format!("require('{name}'): there is no such package in phonebox; {BUNDLE}")
    };
    located(source, at, "module_not_found", &message)
}
