//! Making the account of one device: its user name, its secret and the digests that are kept.
//!
//! Pure: random bytes are arguments. The secret exists in the answer to the redemption and nowhere else.

use pbx_core::model::{CredentialError, ExtensionNumber, Redacted, SipCredential, SipUsername};
use pbx_core::sip::digest::ha1;

/// Letters behind the extension's number; 26^6 names keep one extension's devices apart, and a clash is noticed.
const SUFFIX_LETTERS: usize = 6;
/// About 139 bits from [`SECRET_ALPHABET`]; short enough to be typed once.
const SECRET_LETTERS: usize = 24;
/// Letters and digits that nobody confuses when reading them from a screen.
const SECRET_ALPHABET: &[u8] = b"abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
const LOWERCASE: &[u8] = b"abcdefghijklmnopqrstuvwxyz";

/// A new account with its plain secret, which goes into one answer.
#[derive(Debug)]
pub struct MintedAccount {
    /// What is kept.
    pub credential: SipCredential,
    /// What the phone is told.
    pub secret: Redacted<String>,
}

/// The user name of one device of an extension, for example `101.kqzwrt`; `None` without random bytes.
pub fn device_username(
    extension: ExtensionNumber,
    random: &mut impl Iterator<Item = u8>,
) -> Option<Result<SipUsername, CredentialError>> {
    let suffix = letters(LOWERCASE, SUFFIX_LETTERS, random)?;
    Some(format!("{extension}.{suffix}").parse())
}

/// A new secret for an account; `None` without random bytes.
pub fn mint(
    extension: ExtensionNumber,
    username: SipUsername,
    realm: &str,
    random: &mut impl Iterator<Item = u8>,
) -> Option<MintedAccount> {
    let secret = letters(SECRET_ALPHABET, SECRET_LETTERS, random)?;
    let (md5, sha256) = ha1(username.as_str(), realm, &secret);
    let credential = SipCredential { username, extension, md5, sha256 };
    Some(MintedAccount { credential, secret: Redacted::new(secret) })
}

/// A password that belongs to no account, such as that of a phone's own menu; `None` without random bytes.
pub fn secret(random: &mut impl Iterator<Item = u8>) -> Option<String> {
    letters(SECRET_ALPHABET, SECRET_LETTERS, random)
}

/// Letters drawn evenly: bytes beyond the last whole multiple of the alphabet are drawn again.
fn letters(alphabet: &[u8], count: usize, random: &mut impl Iterator<Item = u8>) -> Option<String> {
    let whole = 256 - 256 % alphabet.len();
    let mut drawn = String::with_capacity(count);
    while drawn.len() < count {
        let byte = usize::from(random.next()?);
        if let Some(letter) = alphabet.get(byte % alphabet.len()).filter(|_| byte < whole) {
            drawn.push(char::from(*letter));
        }
    }
    Some(drawn)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_name_is_the_number_and_six_letters() {
        let name = device_username("101".parse().unwrap(), &mut (0u8..)).unwrap().unwrap();
        assert_eq!(name.as_str(), "101.abcdef");
    }

    #[test]
    fn bytes_that_would_favour_some_letters_are_drawn_again() {
        let name = device_username("101".parse().unwrap(), &mut [255, 234, 233, 0, 25, 26, 27, 28].into_iter());
        assert_eq!(name.unwrap().unwrap().as_str(), "101.zazabc");
    }

    #[test]
    fn a_secret_has_24_readable_letters_and_does_not_print() {
        let account = mint("101".parse().unwrap(), "101.abcdef".parse().unwrap(), "nightbell", &mut (0u8..)).unwrap();
        assert_eq!(account.secret.reveal(), "abcdefghijkmnpqrstuvwxyz");
        assert!(!format!("{account:?}").contains(account.secret.reveal()));
    }

    #[test]
    fn no_account_is_made_without_randomness() {
        assert!(mint("101".parse().unwrap(), "101.a".parse().unwrap(), "r", &mut std::iter::empty()).is_none());
    }
}
