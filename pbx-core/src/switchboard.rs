//! Registrar plus all calls: the one lane that every input travels.

pub mod command;
pub mod input;
pub mod output;

#[cfg(any(feature = "net", feature = "store"))]
pub mod handle;
