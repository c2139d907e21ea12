//! The gateway against the stand-ins: real sockets, real TLS, real HTTP/2.

#[cfg(feature = "standin")]
mod acrobits;
#[cfg(feature = "standin")]
mod apns;
#[cfg(feature = "standin")]
mod apns_certificate;
#[cfg(feature = "standin")]
mod apns_connection;
#[cfg(feature = "standin")]
mod burst;
#[cfg(feature = "standin")]
mod credentials;
#[cfg(feature = "standin")]
mod faults;
#[cfg(feature = "standin")]
mod fcm;
#[cfg(feature = "standin")]
mod hms;
#[cfg(feature = "standin")]
mod kept;
#[cfg(feature = "standin")]
mod log;
#[cfg(feature = "standin")]
mod office;
#[cfg(feature = "standin")]
mod rotation;
#[cfg(feature = "standin")]
mod web_proxy;
#[cfg(feature = "standin")]
mod webhook;
#[cfg(feature = "standin")]
mod webpush;
