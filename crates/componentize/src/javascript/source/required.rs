//! What may be required.

use phonebox_contract::BuildError;

use super::{located, shown};

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
pub(super) fn has(name: &str) -> bool {
    let bare = name.strip_prefix("node:");
    BUILT_IN.contains(&bare.unwrap_or(name)) || PACKAGES.contains(&name)
}

pub(super) fn absence(source: &str, name: &str, at: usize) -> BuildError {
    let bare = name.strip_prefix("node:").unwrap_or(name);
    let absent = absent_module(name);
    let name = shown(name);
    if let Some(module) = absent {
        let message = format!(
            "require('{name}'): there is no {module} in phonebox's sandbox; requests are made by fetch"
        );
        return located(source, at, "module_not_available", &message);
    }
    let message = if bare.starts_with(['.', '/']) {
        format!("require('{name}'): an action is one file; {BUNDLE}")
    } else {
        format!("require('{name}'): there is no such package in phonebox; {BUNDLE}")
    };
    located(source, at, "module_not_found", &message)
}
