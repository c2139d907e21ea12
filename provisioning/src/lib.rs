//! Gives an account to a device: one-time enrolment links, QR codes and handset profiles.
//!
//! An admin issues a link for an extension; its QR code goes to the user. Opening the link shows what it is for and
//! changes nothing. Only an explicit act redeems it: a `POST`, or the fetch a Linphone app makes on purpose. At redemption,
//! and not before, the device's own SIP account is minted; its secret is shown in that one answer and is stored nowhere.
//!
//! Reading order: [`enrolment`] (a link's life), [`link`] (what is secret about it), `enrolments` (issue, redeem, revoke),
//! `handlers` (the public pages), `mail` (links by mail).

pub mod account;
pub mod desk_phone;
pub mod enrolment;
pub mod installation;
pub mod link;
pub mod profile;
pub mod public_info;
pub mod qr;

#[cfg(feature = "web")]
pub mod desk_phones;
#[cfg(feature = "web")]
mod enrolments;
#[cfg(feature = "web")]
pub mod fetched;
#[cfg(test)]
#[cfg(feature = "web")]
mod fixture;
#[cfg(feature = "web")]
mod handlers;
#[cfg(feature = "web")]
mod handover;
#[cfg(feature = "web")]
mod installations;
#[cfg(feature = "web")]
pub mod language;
#[cfg(feature = "web")]
pub mod mail;
#[cfg(feature = "web")]
mod messages;
#[cfg(feature = "web")]
mod platform;
#[cfg(feature = "web")]
mod store;
#[cfg(feature = "web")]
mod switched_off;
#[cfg(feature = "web")]
pub mod throttle;
#[cfg(test)]
#[cfg(feature = "web")]
mod upgrade_tests;

pub use enrolment::{DEFAULT_LIFETIME, Enrolment, EnrolmentId, EnrolmentState, LONGEST_LIFETIME, SHORTEST_LIFETIME};
#[cfg(feature = "web")]
pub use enrolments::{EnrolmentError, Enrolments, IssuedLink, PairError, Paired};
#[cfg(feature = "web")]
pub use installations::Installations;
pub use public_info::{PublicInfo, SipPorts};
