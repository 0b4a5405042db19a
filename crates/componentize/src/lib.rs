//! From an author's source to a component that is known to fit the world.
//!
//! Cast: [`rust::Project`] builds a Rust action; [`check`] reads what came out, or what anybody uploads, and
//! gives a [`Checked`] or the [`Refusal`] that says what is wrong and how to mend it; [`embed_manifest`] puts the author's
//! `action.toml` into the component, so that one file is the whole action.
//!
//! One run in order: build, embed, check. Checking compiles nothing and is cheap; [`phonebox_contract::world`] says what may
//! be imported.
//!
//! What it refuses to do: run anything it built; know what a manifest means.

mod check;
mod manifest;
pub mod rust;

pub use check::{Checked, Refusal, SIZE_LIMIT, check};
pub use manifest::{MANIFEST_SECTION, NotAComponent, embed_manifest};
