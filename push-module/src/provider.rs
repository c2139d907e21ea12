//! How each provider is asked, and what its answers mean.
//!
//! For each provider there is a pure `build` (a wake becomes a request), a pure `classify` (an answer becomes an
//! [`Answer`](crate::delivery::Answer), by its reason, never by its bare status) and one thin `send`.

pub mod access;
pub mod acrobits;
pub mod apns;
pub mod client;
pub mod fcm;
mod gate;
pub mod guard;
pub mod hms;
mod reply;
#[cfg(test)]
mod tests;
pub mod token;
pub mod webhook;
pub mod webpush;

pub use reply::{ANSWER_BYTES, Reply, SendError};
