//! What a compiled action may import and must export: the world of `guest-sdk/wit`, by name.

/// The version of the package `phonebox:action` that this host speaks.
pub const VERSION: &str = "1.0.0";

/// The one function that an action exports.
pub const EXPORT: &str = "deliver";

/// Our own interfaces, and the world's one function import.
pub const IMPORTS: &[&str] = &[
    "event-json",
    "phonebox:action/cache@1.0.0",
    "phonebox:action/http@1.0.0",
    "phonebox:action/log@1.0.0",
    "phonebox:action/secrets@1.0.0",
    "phonebox:action/types@1.0.0",
];

/// The interfaces of WASI 0.2 that are there, without their version: every 0.2 release up to
/// [`WASI_NEWEST_PATCH`] is served.
pub const WASI_IMPORTS: &[&str] = &[
    "wasi:cli/environment",
    "wasi:cli/exit",
    "wasi:cli/stderr",
    "wasi:cli/stdin",
    "wasi:cli/stdout",
    "wasi:cli/terminal-input",
    "wasi:cli/terminal-output",
    "wasi:cli/terminal-stderr",
    "wasi:cli/terminal-stdin",
    "wasi:cli/terminal-stdout",
    "wasi:clocks/monotonic-clock",
    "wasi:clocks/wall-clock",
    "wasi:http/outgoing-handler",
    "wasi:http/types",
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
    "wasi:random/insecure",
    "wasi:random/insecure-seed",
    "wasi:random/random",
];

/// The newest patch release of WASI 0.2 that the host serves.
pub const WASI_NEWEST_PATCH: u32 = 12;

/// Whether an action may import this, spelt as in the component, for example `wasi:io/poll@0.2.6`.
pub fn allows(import: &str) -> bool {
    if IMPORTS.contains(&import) {
        return true;
    }
    let Some((interface, version)) = import.split_once('@') else {
        return false;
    };
    let patch = version
        .strip_prefix("0.2.")
        .and_then(|patch| patch.parse::<u32>().ok());
    WASI_IMPORTS.contains(&interface) && patch.is_some_and(|patch| patch <= WASI_NEWEST_PATCH)
}

#[cfg(test)]
mod tests {
    use super::allows;

    #[test]
    fn the_world_is_closed() {
        for import in [
            "phonebox:action/http@1.0.0",
            "wasi:io/poll@0.2.0",
            "wasi:io/poll@0.2.12",
        ] {
            assert!(allows(import), "{import}");
        }
        for import in [
            "phonebox:action/http@1.1.0",
            "phonebox:action/http",
            "wasi:io/poll",
            "wasi:io/poll@0.2.13",
            "wasi:io/poll@0.3.0",
            "wasi:io/poll@0.2.x",
            "wasi:sockets/tcp@0.2.0",
            "wasi:filesystem/types@0.2.0",
        ] {
            assert!(!allows(import), "{import}");
        }
    }
}
