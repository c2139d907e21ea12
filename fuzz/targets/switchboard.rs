#![no_main]

#[path = "../feed/switchboard.rs"]
mod switchboard;

libfuzzer_sys::fuzz_target!(|data: &[u8]| switchboard::switchboard(data));
