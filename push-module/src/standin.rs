//! Strict local stand-ins for APNs, FCM, Web Push, Acrobits and a push relay, so that tests and the demo need no account and no internet.
//!
//! They are stricter than the real services: what they take, the real ones take. They check every rule the vendors
//! document, record every request, play any fault on demand, and tell a subscriber about each accepted push, so that a
//! fake phone can wake on it.

mod acrobits;
mod apns;
mod events;
mod fcm;
mod hms;
mod jwt;
mod key;
mod peer;
mod proxy;
mod push;
mod serve;
#[cfg(test)]
mod tests;
mod tls;
mod webhook;
mod webpush;

pub use acrobits::{AcrobitsFault, AcrobitsRequest, AcrobitsStandin};
pub use apns::{ApnsFault, ApnsRequest, ApnsStandin, CertificateKind, TestCertificate};
pub use events::{EventReceiver, ReceivedEvent, ReceiverFault};
pub use fcm::{FcmFault, FcmRequest, FcmStandin};
pub use hms::{HmsFault, HmsRequest, HmsStandin};
pub use key::{TestApnsKey, TestServiceAccount};
pub use peer::{FaultyPeer, PeerAnswer, PeerFault};
pub use proxy::{ProxyFault, ProxyRequest, ProxyStandin};
pub use push::{AcceptedPush, AnyToken, StandinError, Target};
pub use webhook::{WebhookFault, WebhookRequest, WebhookStandin};
pub use webpush::{WebPushFault, WebPushRequest, WebPushStandin};
