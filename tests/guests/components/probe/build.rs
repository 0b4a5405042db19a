//! As in the templates: a stack of 64 KiB and memory that need not grow. (`rustc-link-arg-examples` is for executables.)

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_FAMILY").is_ok_and(|family| family == "wasm") {
        println!("cargo::rustc-link-arg=-zstack-size=65536");
        println!("cargo::rustc-link-arg=--initial-memory=131072");
    }
}
