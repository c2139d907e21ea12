//! SIP without sockets: guard, messages, digest, transactions, dialogs, legs and their translation into our words.
//!
//! Bytes enter through [`guard`] only; what passes it is a [`message::Message`] whose header text is kept as received,
//! so that what must be echoed is echoed byte for byte.

pub mod cseq;
pub mod dialog;
pub mod digest;
pub mod framer;
pub mod guard;
mod lines;
pub mod message;
mod scan;
pub mod stun;
pub mod transaction;
pub mod translate;
pub mod uri;
pub mod via;
