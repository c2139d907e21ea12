//! Random tokens: cookies, setup links and API tokens. 256 bits each, shown once, kept only as a SHA-256.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use thiserror::Error;

const TOKEN_BYTES: usize = 32;
/// Longer texts are no token of ours; they are not even hashed.
const MAX_TEXT: usize = 128;

/// The operating system gave no random bytes; nothing secret may be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the operating system gave no random bytes; nothing was changed, try again")]
pub struct NoRandom;

/// A token that was just made.
pub(crate) struct Minted {
    /// What the holder keeps.
    pub(crate) text: String,
    /// What we keep.
    pub(crate) hash: String,
}

/// Makes a token that begins with `prefix`.
pub(crate) fn mint(prefix: &str) -> Result<Minted, NoRandom> {
    let mut bytes = [0u8; TOKEN_BYTES];
    getrandom::fill(&mut bytes).map_err(|_| NoRandom)?;
    let text = format!("{prefix}{}", URL_SAFE_NO_PAD.encode(bytes));
    let hash = hash(&text).ok_or(NoRandom)?;
    Ok(Minted { text, hash })
}

/// The stored form of a token someone presents; `None` when it cannot be one of ours.
///
/// A look-up by this hash needs no constant-time comparison: who can choose the hash already knows the token.
pub(crate) fn hash(text: &str) -> Option<String> {
    let fits = !text.is_empty()
        && text.len() <= MAX_TEXT
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    fits.then(|| hex(&Sha256::digest(text.as_bytes())))
}

/// Lower-case hex digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What pages show of a push token's fingerprint, which is all the core gives away: enough to tell two apart.
pub(crate) fn fingerprint(shown: &str) -> String {
    shown.trim_start_matches("sha256:").chars().take(12).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_tokens_differ_and_carry_256_bits() {
        let (one, two) = (mint("").unwrap(), mint("").unwrap());
        assert_ne!(one.text, two.text);
        assert_eq!(URL_SAFE_NO_PAD.decode(&one.text).unwrap().len(), 32);
    }

    #[test]
    fn what_cannot_be_a_token_is_not_hashed() {
        assert_eq!(hash(""), None);
        assert_eq!(hash("a b"), None);
        assert_eq!(hash(&"a".repeat(129)), None);
        assert!(hash(&mint("nbt_").unwrap().text).is_some());
    }
}
