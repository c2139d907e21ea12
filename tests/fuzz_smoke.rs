//! The fuzz targets without a fuzzer: every fixture and every input that once found something, and many mutations of them,
//! in each test run. The long runs need a nightly toolchain (CONTRIBUTING.md).

#[path = "../fuzz/feed/reading.rs"]
mod reading;
#[path = "../fuzz/feed/switchboard.rs"]
mod switchboard;

use std::path::Path;

/// Mutations of each input in the usual run; some seconds in all.
const MUTATIONS: u64 = 60;
/// Scripts for the switchboard in the usual run.
const SCRIPTS: u64 = 300;

/// Small numbers from a seed (`SplitMix64`).
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next()).unwrap_or(0) % limit.max(1)
    }
}

/// Every file below a folder of the repository, in order.
fn files(folder: &str) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    while let Some(folder) = folders.pop() {
        let mut entries: Vec<_> = std::fs::read_dir(&folder)
            .expect("the folder is there")
            .map(|entry| entry.expect("an entry").path())
            .collect();
        entries.sort();
        for path in entries {
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(std::fs::read(path).expect("the file can be read"));
            }
        }
    }
    assert!(!found.is_empty(), "{folder} is empty");
    found
}

/// Changes, doubles, drops or moves some bytes, or writes in what breaks readers.
fn mutated(input: &[u8], others: &[Vec<u8>], draw: &mut Draw) -> Vec<u8> {
    const WORDS: [&[u8]; 14] = [
        b"\r\n",
        b"\r\n\r\n",
        b"\n",
        b"\0",
        b";",
        b",",
        b"\"",
        b"<",
        b">",
        b"%00",
        b"4294967296",
        b"-1",
        b"\xc3",
        b": ",
    ];
    let mut bytes = input.to_vec();
    for _ in 0..=draw.below(4) {
        let at = draw.below(bytes.len() + 1);
        let until = (at + draw.below(24)).min(bytes.len());
        match draw.below(6) {
            0 => drop(bytes.splice(at..until, [])),
            1 => {
                let piece = bytes[at..until].to_vec();
                drop(bytes.splice(at..at, piece));
            }
            2 => drop(bytes.splice(at..at, WORDS[draw.below(WORDS.len())].iter().copied())),
            3 => {
                let other = &others[draw.below(others.len())];
                let from = draw.below(other.len());
                let piece = other[from..(from + draw.below(80)).min(other.len())].to_vec();
                drop(bytes.splice(at..until, piece));
            }
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = draw.next().to_le_bytes()[0];
                }
            }
        }
    }
    bytes
}

fn feed(folders: &[&str], target: fn(&[u8])) {
    let inputs: Vec<Vec<u8>> = folders.iter().flat_map(|folder| files(folder)).collect();
    let mut draw = Draw(20_261_122);
    for input in &inputs {
        target(input);
        for _ in 0..MUTATIONS {
            target(&mutated(input, &inputs, &mut draw));
        }
    }
}

#[test]
fn the_guard_survives_what_a_fuzzer_sends() {
    feed(&["tests/fixtures/sip", "fuzz/seeds/guard"], reading::guard);
}

#[test]
fn what_passes_the_guard_is_written_and_read_again() {
    feed(&["tests/fixtures/sip", "fuzz/seeds/message"], reading::message);
}

#[test]
fn descriptions_are_read_and_rewritten_whatever_they_hold() {
    feed(&["fuzz/seeds/sdp"], reading::sdp);
}

#[test]
fn push_parameters_are_read_or_refused_and_never_shown() {
    feed(&["fuzz/seeds/push_params"], reading::push_params);
}

#[test]
fn a_stream_gives_the_same_messages_however_it_is_cut() {
    feed(&["tests/fixtures/sip", "fuzz/seeds/framer"], reading::framer);
}

#[test]
fn the_switchboard_survives_any_script() {
    feed(&["fuzz/seeds/switchboard"], switchboard::switchboard);
    let mut draw = Draw(7);
    for _ in 0..SCRIPTS {
        let length = draw.below(1200);
        let script: Vec<u8> = (0..length).map(|_| draw.next().to_le_bytes()[0]).collect();
        switchboard::switchboard(&script);
    }
}
