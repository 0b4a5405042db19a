//! Components for tests, built from source while this package is: the examples, the same actions without an SDK, and
//! guests that do what a test tells them or misbehave. Depends on no crate of the host but the one that builds.

use std::fmt;

/// A component.
#[derive(Clone, Copy)]
pub struct Guest {
    /// The name of the package or file that it was built from.
    pub name: &'static str,
    /// The component, without a manifest.
    pub bytes: &'static [u8],
}

impl fmt::Debug for Guest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

include!(concat!(env!("OUT_DIR"), "/guests.rs"));
