//! SIP without sockets: guard, messages, digest, transactions, dialogs, legs and their translation into our words.
//!
//! Bytes enter through [`guard`] only; what passes it is a [`message::Message`] whose header text is kept as received,
//! so that what must be echoed is echoed byte for byte.

pub mod dialog;
pub mod message;
pub mod transaction;
