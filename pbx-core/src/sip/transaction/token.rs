//! Branches and tags: unguessable, repeatable from the seed, and our own branches known again without keeping them.

use std::fmt::Write as _;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use sha2::{Digest as _, Sha256};

use super::key::Key;
use crate::sip::via::MAGIC_COOKIE;

/// A branch of ours: eight random bytes and eight that prove it is ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Branch([u8; 16]);

impl Branch {
    /// The branch in a Via `branch` parameter, if it has the shape of ours.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let hex = text.strip_prefix(MAGIC_COOKIE)?.as_bytes();
        let mut bytes = [0; 16];
        if hex.len() != 32 {
            return None;
        }
        for (byte, pair) in bytes.iter_mut().zip(hex.chunks_exact(2)) {
            let mut value = 0;
            for digit in pair {
                value = value * 16 + char::from(*digit).to_digit(16)?;
            }
            *byte = u8::try_from(value).ok()?;
        }
        Some(Self(bytes))
    }

    /// The branch as it stands in a Via.
    pub(super) fn text(&self) -> String {
        format!("{MAGIC_COOKIE}{}", hex(&self.0))
    }
}

/// Makes branches and the tags of stateless answers.
pub(super) struct Tokens {
    random: ChaCha20Rng,
    secret: [u8; 32],
}

impl Tokens {
    /// Everything follows from `seed`.
    pub(super) fn new(seed: [u8; 32]) -> Self {
        let mut random = ChaCha20Rng::from_seed(seed);
        let mut secret = [0; 32];
        random.fill_bytes(&mut secret);
        Self { random, secret }
    }

    /// A new branch.
    pub(super) fn branch(&mut self) -> Branch {
        let mut bytes = [0; 16];
        self.random.fill_bytes(&mut bytes[..8]);
        let proof = self.keyed("branch", &bytes[..8]);
        bytes[8..].copy_from_slice(&proof);
        Branch(bytes)
    }

    /// Whether this seed made the branch: a stray answer that carries one answers a request of this run.
    pub(super) fn made(&self, branch: Branch) -> bool {
        branch.0[8..] == self.keyed("branch", &branch.0[..8])
    }

    /// The tag for a stateless answer: the same for every repetition of the request (RFC 3261 section 8.2.7).
    pub(super) fn stateless_tag(&self, key: Key) -> String {
        hex(&self.keyed("tag", key.as_bytes()))
    }

    /// The start of a digest under the secret. The inputs have fixed lengths and the output is cut, so that nothing can
    /// be appended to a known one.
    fn keyed(&self, purpose: &str, data: &[u8]) -> [u8; 8] {
        let mut hash = Sha256::new();
        hash.update(self.secret);
        hash.update(purpose.as_bytes());
        hash.update(data);
        let mut short = [0; 8];
        for (to, from) in short.iter_mut().zip(hash.finalize()) {
            *to = from;
        }
        short
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing into memory cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
