//! The gateway against the stand-ins: real sockets, real TLS, real HTTP/2.

mod apns;
mod credentials;
mod fcm;
mod office;
