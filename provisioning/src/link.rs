//! What is secret about a link: a token of 256 random bits, shown once and stored as its SHA-256.
//!
//! A plain hash is enough, because a token cannot be guessed or listed; a slow one would only help against weak passwords.
//! For the same reason the look-up by hash needs no constant-time comparison: a guesser learns nothing about the token
//! from how far a comparison of its hash got.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

/// 256 bits.
const TOKEN_BYTES: usize = 32;

/// The secret part of a link. Does not print.
#[derive(Clone, PartialEq, Eq)]
pub struct LinkToken([u8; TOKEN_BYTES]);

/// What is stored of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenHash(pub [u8; 32]);

/// The text is no token; nothing more is said, because it may be a guess.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAToken;

impl LinkToken {
    /// From random bytes.
    pub const fn from_random(bytes: [u8; TOKEN_BYTES]) -> Self {
        Self(bytes)
    }

    /// The token as it stands in the link; the caller takes care of where it goes.
    pub fn reveal(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// What is stored.
    pub fn hash(&self) -> TokenHash {
        TokenHash(Sha256::digest(self.0).into())
    }
}

impl FromStr for LinkToken {
    type Err = NotAToken;

    fn from_str(text: &str) -> Result<Self, NotAToken> {
        let mut bytes = [0u8; TOKEN_BYTES];
        match URL_SAFE_NO_PAD.decode_slice(text, &mut bytes) {
            Ok(TOKEN_BYTES) => Ok(Self(bytes)),
            Ok(_) | Err(_) => Err(NotAToken),
        }
    }
}

impl fmt::Debug for LinkToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkToken(hidden)")
    }
}

/// The token in whatever text an app was given: a link, the token alone, or `USERNAME;TOKEN;FQDN` (NethVoice).
pub fn in_code(text: &str) -> &str {
    let text = text.trim();
    let mut parts = text.split(';');
    if let (Some(_), Some(token), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next()) {
        return token;
    }
    text.trim_end_matches('/').rsplit('/').next().unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_reads_back_from_its_link() {
        let token = LinkToken::from_random([0xfb; 32]);
        assert_eq!(token.reveal().len(), 43);
        assert_eq!(token.reveal().parse::<LinkToken>().unwrap(), token);
    }

    #[test]
    fn a_code_is_a_link_a_token_or_the_three_parts_of_nethvoice() {
        for code in [
            "T0K",
            "https://pbx.example.com/p/T0K",
            "https://pbx.example.com/p/T0K/",
            "101;T0K;pbx.example.com",
            " T0K\n",
        ] {
            assert_eq!(in_code(code), "T0K", "{code}");
        }
    }

    #[test]
    fn anything_else_is_no_token() {
        let padded = format!("{}=", LinkToken::from_random([1; 32]).reveal());
        for text in ["", "abc", "style.css", padded.as_str(), &"A".repeat(44), &"A".repeat(10_000), &"ä".repeat(43)] {
            assert_eq!(text.parse::<LinkToken>(), Err(NotAToken), "{text}");
        }
    }

    #[test]
    fn a_token_does_not_print() {
        let token = LinkToken::from_random([1; 32]);
        assert_eq!(format!("{token:?}"), "LinkToken(hidden)");
    }

    #[test]
    fn what_is_stored_is_the_sha_256_of_the_bytes() {
        let hash = LinkToken::from_random([0; 32]).hash().0;
        assert_eq!(hash[..4], [0x66, 0x68, 0x7a, 0xad]);
    }
}
