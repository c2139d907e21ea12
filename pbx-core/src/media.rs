//! The sound of a call: what the two SDPs say ([`sdp`], pure) and the relay that carries the packets (feature `media`).
//!
//! Every call's sound goes through the relay, so that phones behind NAT hear each other and no phone learns another's
//! address. The relay passes packets through untouched: it knows no codec and holds no key.

pub mod sdp;

#[cfg(feature = "media")]
pub mod echo;

#[cfg(feature = "media")]
pub mod relay;
