//! The nightbell program as a library: what the binary, the demo and the tests share.

pub mod phone;
