//! SIP secrets: minted for the admin, shown once, kept only as digests.

use pbx_core::model::{ExtensionNumber, Redacted, SipCredential, SipUsername};
use pbx_core::sip::digest;
use thiserror::Error;

use crate::token::NoRandom;

/// Characters nobody confuses on paper: no 0, O, o, 1, l, I.
const ALPHABET: &[u8] = b"abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
/// Twenty characters of 56 are 116 bits.
const MINTED_CHARS: usize = 20;
/// A shorter one falls to a captured digest answer.
const MIN_CHARS: usize = 12;
/// Desk phones cut longer ones.
const MAX_CHARS: usize = 64;

/// Why a given secret is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum BadSecret {
    #[error("the secret has {0} characters; give 12 to 64, or leave it empty and one is made")]
    Length(usize),
    #[error(
        "the secret has a character phones cannot type; give letters, digits and signs without spaces, or leave it empty"
    )]
    Characters,
}

/// Makes a secret: 20 unambiguous characters.
pub(crate) fn mint() -> Result<Redacted<String>, NoRandom> {
    let mut secret = String::with_capacity(MINTED_CHARS);
    let mut bytes = [0u8; 64];
    while secret.len() < MINTED_CHARS {
        getrandom::fill(&mut bytes).map_err(|_| NoRandom)?;
        let whole = u8::try_from(256 / ALPHABET.len() * ALPHABET.len() - 1).unwrap_or(u8::MAX);
        let fair = bytes.iter().filter(|byte| **byte <= whole);
        let chars = fair.filter_map(|byte| ALPHABET.get(usize::from(*byte) % ALPHABET.len()));
        secret.extend(chars.take(MINTED_CHARS - secret.len()).map(|byte| char::from(*byte)));
    }
    Ok(Redacted::new(secret))
}

/// Checks a secret that was given.
pub(crate) fn check(secret: &str) -> Result<(), BadSecret> {
    if secret.bytes().any(|b| !b.is_ascii_graphic()) {
        return Err(BadSecret::Characters);
    }
    if !(MIN_CHARS..=MAX_CHARS).contains(&secret.len()) {
        return Err(BadSecret::Length(secret.len()));
    }
    Ok(())
}

/// The extension's own account: its user name is the number.
pub(crate) fn own_credential(number: ExtensionNumber, realm: &str, secret: &Redacted<String>) -> Option<SipCredential> {
    let username: SipUsername = number.to_string().parse().ok()?;
    let (md5, sha256) = digest::ha1(username.as_str(), realm, secret.reveal());
    Some(SipCredential { username, extension: number, md5, sha256 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minted_secrets_are_long_unambiguous_and_pass_their_own_check() {
        let secrets: Vec<_> = (0..200).map(|_| mint().unwrap().into_inner()).collect();
        for secret in &secrets {
            assert_eq!(secret.len(), 20);
            assert!(secret.bytes().all(|b| ALPHABET.contains(&b)), "{secret}");
            assert_eq!(check(secret), Ok(()));
        }
        let distinct: std::collections::BTreeSet<_> = secrets.iter().collect();
        assert_eq!(distinct.len(), secrets.len());
    }

    #[test]
    fn given_secrets_are_checked() {
        assert_eq!(check("short"), Err(BadSecret::Length(5)));
        assert_eq!(check("twelve chars"), Err(BadSecret::Characters));
        assert_eq!(check("zwölf-zeichen"), Err(BadSecret::Characters));
        assert_eq!(check("abcdefghijkl"), Ok(()));
    }
}
