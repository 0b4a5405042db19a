//! Fits the action's memory to a sandbox that lives for one message. It halves the host's work.
//!
//! A stack of 64 KiB instead of 1 MiB keeps all that a run touches close together, where the host
//! resets it cheaply; `serde_json`'s deepest value (128 levels) takes more than half of that. Two
//! pages from the start spare a usual run from growing its memory. Overflowing the stack traps.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_FAMILY").is_ok_and(|family| family == "wasm") {
        println!("cargo::rustc-link-arg-cdylib=-zstack-size=65536");
        println!("cargo::rustc-link-arg-cdylib=--initial-memory=131072");
    }
}
