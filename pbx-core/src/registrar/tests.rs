//! The transition table row by row, every rule of a REGISTER, restart, and random histories against a tiny reference.

mod app_report;
mod bounds;
mod flows;
mod keys;
mod moved_token;
mod policy;
mod random;
mod register;
mod reported;
mod restart;
mod support;
mod switched_off;
mod table;
