//! Nightbell: a small-business PBX with push built in. This crate wires the others; it does no work of its own.

pub mod app;
pub mod cli;
pub mod config;
pub mod logging;
pub mod phone;
pub mod redirect;
pub mod service;
