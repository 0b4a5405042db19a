//! What the action tells its author. It is shown with the execution.
//!
//! phonebox masks secret values, the code and the number, and keeps 64 lines a run, 1 KiB a line
//! and 16 KiB in all. `println!` and panics arrive there too.
//!
//! ```
//! use phonebox_sdk::{Outcome, log, test};
//!
//! # let host = test::Host::new();
//! # host.run(|_event| {
//! log::warn!("twilio is busy, attempt {}", 2);
//! # Ok(Outcome::sent())
//! # }, test::event()).unwrap();
//! # assert_eq!(host.logs(), [(log::Level::Warn, "twilio is busy, attempt 2".to_owned())]);
//! ```

use std::fmt;

/// How much a line matters.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Level {
    /// For the author, while working on the action.
    Debug,
    /// Part of a normal run.
    Info,
    /// Something went another way than it should, and the run went on.
    Warn,
    /// Somebody has to look at it: refused credentials, say.
    Error,
}

/// Writes one line. The macros of this module are shorter.
pub fn write(level: Level, message: fmt::Arguments<'_>) {
    crate::host::log(level, &message.to_string());
}

#[doc(hidden)]
#[macro_export]
macro_rules! __debug {
    ($($argument:tt)+) => {
        $crate::log::write($crate::log::Level::Debug, ::core::format_args!($($argument)+))
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __info {
    ($($argument:tt)+) => {
        $crate::log::write($crate::log::Level::Info, ::core::format_args!($($argument)+))
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __warn {
    ($($argument:tt)+) => {
        $crate::log::write($crate::log::Level::Warn, ::core::format_args!($($argument)+))
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __error {
    ($($argument:tt)+) => {
        $crate::log::write($crate::log::Level::Error, ::core::format_args!($($argument)+))
    };
}

#[doc(inline)]
pub use {__debug as debug, __error as error, __info as info, __warn as warn};
