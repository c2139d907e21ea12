//! An extension: an internal number and its owner.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{ExtensionNumber, Redacted, UnixMillis};

/// Names longer than this do not fit a phone's display or a push notification.
const MAX_NAME_CHARS: usize = 64;
/// RFC 5321 section 4.5.3.1.3 bounds a path at 256 octets.
const MAX_EMAIL_BYTES: usize = 254;

/// Why an extension's name or address is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ExtensionError {
    /// The name has control characters, or is too long.
    #[error("a name has at most 64 characters and no line breaks or control characters")]
    Name,
    /// The text is no mail address.
    #[error("“{0}” is not an e-mail address; write it like anna@example.com or leave it empty")]
    Email(String),
}

/// The owner's name as phones show it; may be empty.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DisplayName(Box<str>);

impl DisplayName {
    /// The name, without surrounding blanks.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for DisplayName {
    type Err = ExtensionError;

    fn from_str(text: &str) -> Result<Self, ExtensionError> {
        let text = text.trim();
        if text.chars().count() > MAX_NAME_CHARS || text.chars().any(char::is_control) {
            return Err(ExtensionError::Name);
        }
        Ok(Self(text.into()))
    }
}

impl TryFrom<String> for DisplayName {
    type Error = ExtensionError;

    fn try_from(text: String) -> Result<Self, ExtensionError> {
        text.parse()
    }
}

impl From<DisplayName> for String {
    fn from(name: DisplayName) -> Self {
        name.0.into()
    }
}

impl fmt::Display for DisplayName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where notices for the owner go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EmailAddress(Box<str>);

impl EmailAddress {
    /// The address as typed.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for EmailAddress {
    type Err = ExtensionError;

    fn from_str(text: &str) -> Result<Self, ExtensionError> {
        let text = text.trim();
        let refused = || ExtensionError::Email(text.chars().take(80).collect());
        let (local, domain) = text.rsplit_once('@').ok_or_else(refused)?;
        let odd = |c: char| c.is_control() || c.is_whitespace() || matches!(c, '<' | '>' | ',' | ';' | '"');
        if local.is_empty() || domain.len() < 2 || text.len() > MAX_EMAIL_BYTES || text.chars().any(odd) {
            return Err(refused());
        }
        Ok(Self(text.into()))
    }
}

impl TryFrom<String> for EmailAddress {
    type Error = ExtensionError;

    fn try_from(text: String) -> Result<Self, ExtensionError> {
        text.parse()
    }
}

impl From<EmailAddress> for String {
    fn from(address: EmailAddress) -> Self {
        address.0.into()
    }
}

/// An internal number and its owner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Extension {
    /// The number that is dialled.
    pub number: ExtensionNumber,
    /// The owner.
    pub name: DisplayName,
    /// The owner's address, if known.
    pub email: Option<EmailAddress>,
    /// Whether Nightbell may push to this extension's devices.
    pub push_enabled: bool,
    /// When it was added.
    pub created_at: UnixMillis,
    /// When an admin switched its phones off; `None` while they are on.
    #[serde(default)]
    pub phones_off_at: Option<UnixMillis>,
}

impl Extension {
    /// Whether its phones are switched off: none may register or call, and none is called or pushed.
    pub const fn phones_are_off(&self) -> bool {
        self.phones_off_at.is_some()
    }

    /// Whether its phones may be pushed.
    pub const fn may_be_woken(&self) -> bool {
        self.push_enabled && !self.phones_are_off()
    }
}

/// An extension to be added; a secret is minted when none is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewExtension {
    /// The number that will be dialled.
    pub number: ExtensionNumber,
    /// The owner.
    pub name: DisplayName,
    /// The owner's address, if known.
    pub email: Option<EmailAddress>,
    /// The SIP secret of the extension's own account.
    pub secret: Option<Redacted<String>>,
}
