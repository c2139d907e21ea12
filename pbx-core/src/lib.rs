//! The words, the rules, the SIP and media side of Nightbell.
//!
//! Reading order: [`model`] (the words), [`switchboard::input`] (every way the world can change the core),
//! [`switchboard::output`] (every effect the core can ask for), then [`registrar`] and [`call`].
//! Everything outside the features `net`, `media` and `store` is pure: it takes `(input, now)` and gives outputs;
//! it holds no clock, no socket, no task and no random source.

pub mod call;
pub mod defence;
pub mod media;
pub mod model;
pub mod port_check;
pub mod registrar;
pub mod sip;
pub mod switchboard;

#[cfg(any(feature = "net", feature = "store"))]
pub mod handle;
#[cfg(feature = "net")]
pub mod net;
#[cfg(feature = "store")]
pub mod store;
