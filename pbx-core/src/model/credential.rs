//! A SIP account: what a device proves to know when it registers or calls.
//!
//! The plain secret is shown once when it is made and never stored; what is kept are the two digests RFC 8760 needs.
//! One extension may have several accounts: its own (user name = number) and one for each enrolled device, so that
//! handing a phone to somebody new never disturbs the phones already paired.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use zeroize::Zeroize;

use super::ExtensionNumber;

/// The user name a device puts into its digest answer: 1 to 64 letters, digits, `.`, `_` or `-`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SipUsername(Box<str>);

/// Why a text is not a SIP user name.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CredentialError {
    /// Length or characters are outside what every phone accepts.
    #[error("a SIP user name has 1 to 64 letters, digits, dots, underscores or hyphens")]
    Username,
}

impl SipUsername {
    /// The text as the phone sends it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SipUsername {
    type Err = CredentialError;

    fn from_str(text: &str) -> Result<Self, CredentialError> {
        let fits = (1..=64).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
        if fits { Ok(Self(text.into())) } else { Err(CredentialError::Username) }
    }
}

impl TryFrom<String> for SipUsername {
    type Error = CredentialError;

    fn try_from(text: String) -> Result<Self, CredentialError> {
        text.parse()
    }
}

impl From<SipUsername> for String {
    fn from(name: SipUsername) -> Self {
        name.0.into()
    }
}

impl fmt::Display for SipUsername {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

macro_rules! ha1 {
    ($(#[$doc:meta])* $name:ident, $len:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Zeroize)]
        pub struct $name(pub [u8; $len]);

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(hidden)"))
            }
        }
    };
}

ha1! {
    /// MD5 of `user:realm:secret` (RFC 3261 section 22.4).
    Ha1Md5, 16
}
ha1! {
    /// SHA-256 of `user:realm:secret` (RFC 8760).
    Ha1Sha256, 32
}

/// One SIP account of an extension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SipCredential {
    /// What the device sends as user name; unique in the installation.
    pub username: SipUsername,
    /// Whose account it is.
    pub extension: ExtensionNumber,
    /// For phones that know only MD5.
    pub md5: Ha1Md5,
    /// For everybody else.
    pub sha256: Ha1Sha256,
}
