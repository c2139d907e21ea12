#![no_main]

#[path = "../feed/reading.rs"]
#[allow(dead_code)]
mod reading;

libfuzzer_sys::fuzz_target!(|data: &[u8]| reading::framer(data));
