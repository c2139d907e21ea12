//! The account at a mail server: checked when it is saved, so that what is stored can be used.

use std::net::IpAddr;

use pbx_core::model::{EmailAddress, Redacted, UnixMillis};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Host names end here (RFC 1035 section 2.3.4).
const MAX_HOST: usize = 253;
/// Names and passwords of mail servers are shorter; more is a pasted file.
const MAX_TEXT: usize = 256;
/// A chain of four certificates.
const MAX_PEM: usize = 16 * 1024;

/// How the connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum MailSecurity {
    /// STARTTLS, and nothing without it (usually port 587).
    StartTls,
    /// TLS from the first byte (usually port 465).
    Tls,
    /// In plain text; only to a server on this machine.
    None,
}

impl MailSecurity {
    /// The word in the API, the CLI and forms.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::StartTls => "starttls",
            Self::Tls => "tls",
            Self::None => "none",
        }
    }

    /// The kind with this word.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::StartTls, Self::Tls, Self::None].into_iter().find(|kind| kind.as_str() == name)
    }

    /// The port mail programs suggest (RFC 8314).
    pub const fn usual_port(self) -> u16 {
        match self {
            Self::StartTls => 587,
            Self::Tls => 465,
            Self::None => 25,
        }
    }
}

/// A field of the account that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{problem}")]
pub struct AccountError {
    /// Which.
    pub field: &'static str,
    /// The problem and the fix.
    pub problem: String,
}

/// What an admin gives.
#[derive(Debug, Clone)]
pub struct NewMailAccount {
    /// The server's name or address.
    pub host: String,
    /// The port; `None` takes the usual one.
    pub port: Option<u16>,
    /// How the connection is protected.
    pub security: MailSecurity,
    /// The name to sign in with; empty for a server that wants none.
    pub username: String,
    /// The password; `None` keeps the one that is there, if it still goes to the same server under the same trust.
    pub password: Option<Redacted<String>>,
    /// What mails come from.
    pub from_address: String,
    /// The name beside it; may be empty.
    pub from_name: String,
    /// A certificate authority of the server's own, PEM; empty for a server with a public certificate.
    pub authority: String,
}

/// The account without its password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MailAccount {
    /// The server's name or address.
    pub host: String,
    /// The port.
    pub port: u16,
    /// How the connection is protected.
    pub security: MailSecurity,
    /// The name to sign in with; empty for none.
    pub username: String,
    /// What mails come from.
    pub from_address: EmailAddress,
    /// The name beside it; may be empty.
    pub from_name: String,
    /// A certificate authority of the server's own, PEM; empty for none.
    pub authority: String,
    /// Whether a password is stored.
    #[serde(default)]
    pub has_password: bool,
    /// When it was saved.
    #[serde(default)]
    pub changed_at: UnixMillis,
}

impl NewMailAccount {
    /// Checks every field against the account that is stored.
    ///
    /// A password is write-only: it goes to no other server, and under no other protection, than it was given for.
    pub(super) fn checked(&self, stored: Option<&MailAccount>) -> Result<MailAccount, AccountError> {
        let host = self.host.trim().trim_end_matches('.').to_ascii_lowercase();
        check_host(&host)?;
        if self.security == MailSecurity::None && !is_this_machine(&host) {
            return refuse(
                "security",
                "without encryption a mail may only go to a server on this machine (localhost, 127.0.0.1 or ::1); choose STARTTLS or TLS",
            );
        }
        let port = self.port.unwrap_or_else(|| self.security.usual_port());
        if port == 0 {
            return refuse("port", "0 is no port; mail servers usually listen on 587 (STARTTLS) or 465 (TLS)");
        }
        let username = one_line("username", &self.username)?;
        let authority = self.authority.trim().to_owned();
        let stored = stored.filter(|there| there.has_password);
        let stays = |there: &MailAccount| {
            (there.host == host && there.port == port && there.username == username)
                && (there.security == self.security && there.authority == authority)
        };
        let has_password = match &self.password {
            Some(password) if password.reveal().len() > MAX_TEXT || password.reveal().contains(['\r', '\n', '\0']) => {
                return refuse("password", "a password is one line of at most 256 bytes");
            }
            Some(password) => !password.reveal().is_empty(),
            None if !username.is_empty() && stored.is_some_and(|there| !stays(there)) => {
                return refuse(
                    "password",
                    "server, port, user name, encryption or certificate authority are others than before, so give the password again: the stored one goes nowhere else",
                );
            }
            None => stored.is_some(),
        };
        if username.is_empty() && has_password && self.password.is_some() {
            return refuse("username", "a password needs a user name; many servers want the whole mail address");
        }
        if !username.is_empty() && !has_password {
            return refuse("password", "a user name needs its password");
        }
        let Ok(from_address) = self.from_address.parse() else {
            return refuse("from_address", "this is no mail address; for example telephone@example.com");
        };
        if authority.len() > MAX_PEM || (!authority.is_empty() && !authority.contains("-----BEGIN CERTIFICATE-----")) {
            return refuse(
                "authority",
                "give the certificate authority as PEM text that begins with -----BEGIN CERTIFICATE-----, or leave it empty",
            );
        }
        Ok(MailAccount {
            host,
            port,
            security: self.security,
            username,
            from_address,
            from_name: one_line("from_name", &self.from_name)?,
            authority,
            has_password: has_password && !self.username.trim().is_empty(),
            changed_at: UnixMillis(0),
        })
    }
}

fn refuse<T>(field: &'static str, problem: &str) -> Result<T, AccountError> {
    Err(AccountError { field, problem: problem.to_owned() })
}

fn one_line(field: &'static str, text: &str) -> Result<String, AccountError> {
    let text = text.trim();
    if text.len() > MAX_TEXT || text.chars().any(char::is_control) {
        return refuse(field, "give one line of at most 256 bytes, without control characters");
    }
    Ok(text.to_owned())
}

fn check_host(host: &str) -> Result<(), AccountError> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let fine =
        host.parse::<IpAddr>().is_ok() || (!host.is_empty() && host.len() <= MAX_HOST && host.chars().all(is_name));
    if fine {
        return Ok(());
    }
    refuse(
        "host",
        "give the name of the mail server alone, for example smtp.example.com, without https:// and without a port",
    )
}

fn is_this_machine(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given() -> NewMailAccount {
        NewMailAccount {
            host: "smtp.example.com".into(),
            port: None,
            security: MailSecurity::StartTls,
            username: "telephone@example.com".into(),
            password: Some(Redacted::new("post box".into())),
            from_address: "telephone@example.com".into(),
            from_name: String::new(),
            authority: String::new(),
        }
    }

    /// Without a password, and with what else is changed.
    fn without(change: impl FnOnce(&mut NewMailAccount)) -> NewMailAccount {
        let mut new = NewMailAccount { password: None, ..given() };
        change(&mut new);
        new
    }

    #[test]
    fn the_stored_password_goes_to_no_other_server_and_under_no_other_protection() {
        let stored = given().checked(None).unwrap();
        let certificate = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----";
        for (what, other) in [
            ("host", without(|new| new.host = "smtp.evil.example".into())),
            ("port", without(|new| new.port = Some(2525))),
            ("user name", without(|new| new.username = "somebody@example.com".into())),
            (
                "encryption",
                without(|new| {
                    new.security = MailSecurity::Tls;
                    new.port = Some(587);
                }),
            ),
            ("authority", without(|new| new.authority = certificate.into())),
        ] {
            let wrong = other.checked(Some(&stored)).expect_err(what);
            assert!(wrong.field == "password" && wrong.problem.contains("give the password again"), "{what}: {wrong}");
            let again = NewMailAccount { password: given().password, ..other };
            assert!(again.checked(Some(&stored)).unwrap().has_password, "{what}");
        }
        // What does not say where it goes may change, and other spellings of the same are no change.
        for same in [
            without(|new| new.from_name = "Telephone".into()),
            without(|new| new.from_address = "pbx@example.com".into()),
            without(|new| new.host = " SMTP.Example.com. ".into()),
            without(|new| new.port = Some(587)),
            without(|new| new.username = " telephone@example.com ".into()),
        ] {
            assert!(same.checked(Some(&stored)).unwrap().has_password);
        }
        let open = without(|new| {
            new.host = "relay.example.com".into();
            new.username = String::new();
        });
        assert!(!open.checked(Some(&stored)).unwrap().has_password, "it is forgotten with its user name");
    }
}
