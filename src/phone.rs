//! A scripted SIP telephone: for `nightbell demo`, for tests and for load.
//!
//! It registers, calls, answers, sends and checks sound, goes to sleep without a word and wakes with a new socket, as
//! phone apps do. It shares no SIP code with the server it talks to: messages are read by a small reader of its own and
//! digests are computed by `ezk-sip-auth`, so that an error in the server is not mirrored here.
//!
//! Invariants: every wait ends after the time the caller allows; nothing sleeps to let something else happen; everything
//! seen or done stands in the [`Events`] log with its millisecond.
//!
//! ```no_run
//! # use std::time::Duration;
//! # use nightbell::phone::{Phone, PhoneError, Transport};
//! # async fn ring() -> Result<(), PhoneError> {
//! const SOON: Duration = Duration::from_secs(5);
//! let server = ([127, 0, 0, 1], 5060).into();
//! let desk = Phone::builder(server).extension("101").secret("not a real one").build()?;
//! let app = Phone::builder(server).extension("102").secret("not a real one").transport(Transport::Tcp).build()?;
//! desk.register(300, SOON).await?;
//! app.register(300, SOON).await?;
//! let call = desk.call("102", SOON).await?;
//! let bell = app.incoming(SOON).await?;
//! bell.ring()?;
//! bell.answer()?;
//! call.answered(SOON).await?;
//! call.heard(50, SOON).await?;
//! call.hang_up(SOON).await
//! # }
//! ```

mod agent;
mod builder;
mod call;
mod digest;
mod error;
mod event;
mod leg;
mod line;
pub mod load;
mod media;
mod message;
mod outbound;
mod registration;
mod sdp;
#[cfg(test)]
mod tests;
mod tls;
mod transaction;

pub use agent::Phone;
pub use builder::{DigestChoice, PhoneBuilder, TlsTrust, Transport};
pub use call::{IncomingCall, OutgoingCall};
pub use digest::DigestClient;
pub use error::PhoneError;
pub use event::{Event, EventKind, Events};
pub use leg::{CallEnd, CallView, Leg};
pub use media::{MARKER_BYTES, MediaReport};
pub use message::Message;
pub use registration::Registered;
