//! The inbox as its clients, its reader and the command line meet it.

pub(crate) mod client;
pub(crate) mod oracles;
mod page;
mod providers;
mod running;
