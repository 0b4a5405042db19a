//! From an author's source to a component that is known to fit the world.
//!
//! Cast: [`rust::Project`] builds a Rust action; [`check`] reads what came out, or what anybody uploads, and
//! gives a [`Checked`] or the [`Refusal`] that says what is wrong, where, and how to mend it; [`Limit`] is what it may have
//! of everything and why; [`embed_manifest`] puts the author's `action.toml` into the component, so that one file is the
//! whole action.
//!
//! [`javascript`] does the same for an action that is its source.
//!
//! One run in order: build, embed, check. Checking compiles nothing: one pass counts everything that is limited and stops
//! at the first excess; then the imports are compared with [`phonebox_contract::world`]; then what is left, which is small
//! enough, is validated. It takes milliseconds for a Rust action and about a second, on one thread, for the worst 10 MiB.
//!
//! What it refuses to do: run anything it built; know what a manifest means; change what was uploaded, so that the digest
//! of what is compiled is that of what was checked. Custom sections are bounded instead of stripped: the engine skips all
//! but the names of functions, which messages about traps need.

mod check;
pub mod javascript;
mod limits;
mod manifest;
mod place;
pub mod rust;
mod survey;
mod validate;

pub use check::{Checked, Refusal, check};
pub use limits::{Limit, Measure, SIZE_LIMIT};
pub use manifest::{MANIFEST_SECTION, NotAComponent, embed_manifest};
pub use place::Place;
