//! What an admin chooses: the authority, how it validates, and what it wants of us.

use std::net::IpAddr;

use axum::http::Uri;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use pbx_core::model::{EmailAddress, Redacted, UnixMillis};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Let's Encrypt (its documentation, "ACME endpoints").
pub(crate) const LETS_ENCRYPT: &str = "https://acme-v02.api.letsencrypt.org/directory";
/// Where its terms stand.
pub(crate) const LETS_ENCRYPT_TERMS: &str = "https://letsencrypt.org/repository/";
/// Longer is no address.
const MAX_DIRECTORY: usize = 500;
/// Names of external accounts are short; ZeroSSL's have 22 characters, Google's 32.
const MAX_KEY_ID: usize = 200;
/// RFC 8555 section 7.3.4 leaves the length open; keys of authorities have 32 or 64 bytes.
const EAB_KEY_BYTES: std::ops::RangeInclusive<usize> = 16..=128;
/// Profiles are words such as `shortlived`.
const MAX_PROFILE: usize = 64;
/// A root certificate or two.
const MAX_AUTHORITY: usize = 64 * 1024;

/// How the authority convinces itself that the name leads here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) enum Validation {
    /// It asks a web page at port 80 (RFC 8555 section 8.3).
    #[serde(rename = "http-01")]
    Http,
    /// It looks at a certificate at port 443 (RFC 8737).
    #[serde(rename = "tls-alpn-01")]
    Tls,
}

impl Validation {
    /// The port at which the authority asks, which none can change.
    pub(crate) const fn public_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Tls => 443,
        }
    }

    /// As the API and forms write it.
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::Http => "http-01",
            Self::Tls => "tls-alpn-01",
        }
    }

    pub(crate) fn from_code(code: &str) -> Option<Self> {
        [Self::Http, Self::Tls].into_iter().find(|one| one.code() == code)
    }
}

/// The choice in force, without secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = AcmeSetting)]
pub(crate) struct Setting {
    /// The address of the authority's directory.
    pub(crate) directory: String,
    /// The mail address that the authority was given; may be empty.
    pub(crate) contact: String,
    /// How the authority validates.
    pub(crate) validation: Validation,
    /// The port of this machine at which the authority's question arrives.
    pub(crate) port: u16,
    /// The authority's kind of certificate; empty: its usual one.
    pub(crate) profile: String,
    /// The name of an external account; empty when the authority wants none.
    pub(crate) external_account: String,
    /// An additional trusted root in PEM, for an authority of one's own; may be empty.
    pub(crate) authority: String,
    /// When the terms of the authority were agreed to.
    pub(crate) terms_agreed_at: UnixMillis,
    /// Whether a key for the external account is stored.
    #[serde(default, skip_deserializing)]
    pub(crate) has_external_account_key: bool,
}

/// A choice as it arrives.
#[derive(Debug, Clone, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(as = NewAcmeSetting)]
pub(crate) struct NewSetting {
    /// The address of the authority's directory; left out: Let's Encrypt.
    pub(crate) directory: Option<String>,
    /// A mail address that the authority may write to; may be left out.
    pub(crate) contact: String,
    /// The terms of the authority are agreed to.
    pub(crate) agree_to_terms: bool,
    /// Left out: `tls-alpn-01` when these pages are served at port 443, else `http-01`.
    pub(crate) validation: Option<Validation>,
    /// The port of this machine at which the authority's question arrives; left out: 80 or 443.
    pub(crate) port: Option<u16>,
    /// The authority's kind of certificate, such as `shortlived`.
    pub(crate) profile: String,
    /// The name of an external account, for authorities that want one.
    pub(crate) external_account: String,
    /// Its key in base64; left out, the stored one is kept.
    #[schema(value_type = Option<String>)]
    pub(crate) external_account_key: Option<Redacted<String>>,
    /// An additional trusted root in PEM.
    pub(crate) authority: String,
}

/// Why it cannot be chosen.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{problem}")]
pub(crate) struct Malformed {
    /// Beside which field.
    pub(crate) field: &'static str,
    /// What is wrong, with the fix.
    pub(crate) problem: String,
}

fn malformed<T>(field: &'static str, problem: impl Into<String>) -> Result<T, Malformed> {
    Err(Malformed { field, problem: problem.into() })
}

/// A choice that can work, and the key of its external account in base64url.
pub(crate) type Checked = (Setting, Option<Redacted<String>>);

impl NewSetting {
    /// Reads a choice for this public name, with pages at `https_port`. `stored` is what is in force.
    pub(crate) fn checked(
        self,
        (host, https_port): (&str, u16),
        stored: Option<&Setting>,
        now: UnixMillis,
    ) -> Result<Checked, Malformed> {
        let directory = match self.directory.as_deref().map(str::trim) {
            None | Some("") => LETS_ENCRYPT.to_owned(),
            Some(given) => checked_directory(given)?,
        };
        if !self.agree_to_terms {
            let terms = if directory == LETS_ENCRYPT { format!(" ({LETS_ENCRYPT_TERMS})") } else { String::new() };
            return malformed(
                "agree_to_terms",
                format!(
                    "an authority gives certificates only to those who agree to its terms{terms}; read them and agree"
                ),
            );
        }
        check_host(host, &directory)?;
        let contact = match self.contact.trim() {
            "" => String::new(),
            given => match given.parse::<EmailAddress>() {
                Ok(address) => address.as_str().to_owned(),
                Err(why) => return malformed("contact", why.to_string()),
            },
        };
        let validation = self.validation.unwrap_or(if https_port == 443 { Validation::Tls } else { Validation::Http });
        let port = match self.port {
            Some(0) => return malformed("port", "give a number between 1 and 65535, or leave it out"),
            Some(port) => port,
            None => validation.public_port(),
        };
        if validation == Validation::Http && port == https_port {
            return malformed(
                "port",
                "these pages are served there; give the port to which port 80 of the public name leads",
            );
        }
        let (profile, authority) = (checked_profile(&self.profile)?, checked_authority(&self.authority)?);
        let same_account = |old: &&Setting| {
            old.has_external_account_key
                && old.directory == directory
                && old.external_account == self.external_account.trim()
        };
        let (external_account, key) = external_account(
            &self.external_account,
            self.external_account_key.as_ref(),
            stored.filter(same_account).is_some(),
        )?;
        let terms_agreed_at = stored.filter(|old| old.directory == directory).map_or(now, |old| old.terms_agreed_at);
        let has_external_account_key = !external_account.is_empty();
        let setting = Setting {
            directory,
            contact,
            validation,
            port,
            profile,
            external_account,
            authority,
            terms_agreed_at,
            has_external_account_key,
        };
        Ok((setting, key))
    }
}

fn checked_profile(given: &str) -> Result<String, Malformed> {
    let odd = |c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
    let profile = given.trim();
    if profile.len() > MAX_PROFILE || profile.contains(odd) {
        return malformed("profile", "a profile is one word of the authority's list, such as shortlived, or empty");
    }
    Ok(profile.to_owned())
}

fn checked_authority(given: &str) -> Result<String, Malformed> {
    let pem = given.trim();
    let all = || CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<Vec<_>, _>>();
    if pem.is_empty() || (pem.len() <= MAX_AUTHORITY && all().is_ok_and(|all| !all.is_empty())) {
        return Ok(pem.to_owned());
    }
    malformed("authority", "this is no root certificate in PEM; leave it empty for a public authority")
}

fn checked_directory(given: &str) -> Result<String, Malformed> {
    let wrong = "give the address of the authority's directory, beginning with https://, for example https://ca.example.com/acme/directory";
    if given.len() > MAX_DIRECTORY || given.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return malformed("directory", wrong);
    }
    match given.parse::<Uri>() {
        Ok(uri)
            if uri.scheme_str() == Some("https")
                && uri.host().is_some_and(|host| !host.is_empty())
                && !uri.authority().is_some_and(|authority| authority.as_str().contains('@')) =>
        {
            Ok(given.to_owned())
        }
        Ok(_) | Err(_) => malformed("directory", wrong),
    }
}

fn external_account(
    id: &str,
    key: Option<&Redacted<String>>,
    stored: bool,
) -> Result<(String, Option<Redacted<String>>), Malformed> {
    const FIELD: &str = "external_account_key";
    let id = id.trim();
    let key = key.map(|key| key.reveal().trim()).filter(|key| !key.is_empty());
    if id.len() > MAX_KEY_ID || id.chars().any(char::is_control) {
        return malformed(
            "external_account",
            "this is longer than any name of an external account; copy it from the authority's page",
        );
    }
    match (id, key) {
        ("", None) => Ok((String::new(), None)),
        ("", Some(_)) => malformed(
            "external_account",
            "the key belongs to an account of the authority; give the account's name (key id) as well",
        ),
        (id, None) if stored => Ok((id.to_owned(), None)),
        (_, None) => malformed(FIELD, "give the key (HMAC) that belongs to this account, as the authority shows it"),
        (id, Some(text)) => {
            let bare = text.trim_end_matches('=');
            let read = URL_SAFE_NO_PAD.decode(bare).or_else(|_| STANDARD.decode(text)).ok();
            match read.filter(|key| EAB_KEY_BYTES.contains(&key.len())) {
                Some(key) => Ok((id.to_owned(), Some(Redacted::new(URL_SAFE_NO_PAD.encode(key))))),
                None => malformed(FIELD, "this is no key in base64; copy the whole HMAC key from the authority's page"),
            }
        }
    }
}

/// Names that no public authority signs, because they lead nowhere in particular.
const NOT_PUBLIC: [&str; 9] =
    [".local", ".lan", ".localhost", ".internal", ".home.arpa", ".home", ".corp", ".test", ".invalid"];

/// Whether the authority can sign the public name at all.
pub(crate) fn check_host(host: &str, directory: &str) -> Result<(), Malformed> {
    let public = directory.parse::<Uri>().ok().and_then(|uri| uri.host().map(str::to_ascii_lowercase));
    let public =
        public.is_some_and(|authority| authority == "letsencrypt.org" || authority.ends_with(".letsencrypt.org"));
    if !public {
        return Ok(());
    }
    let lower = host.to_ascii_lowercase();
    let fix =
        "set public_host in config.toml (or --public-host) to a name in a domain of yours and start Nightbell again";
    if host.parse::<IpAddr>().is_ok() {
        return malformed("", format!("the public name is the address {host}, and Let's Encrypt signs names; {fix}"));
    }
    if !lower.contains('.') || NOT_PUBLIC.iter().any(|end| lower.ends_with(end)) {
        return malformed(
            "",
            format!(
                "the public name is {host}, which exists only in your own network, so Let's Encrypt cannot sign it; {fix}"
            ),
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis(1_795_000_000_000);

    fn new() -> NewSetting {
        NewSetting { agree_to_terms: true, ..NewSetting::default() }
    }

    fn checked(new: NewSetting) -> Result<Checked, Malformed> {
        new.checked(("pbx.example.com", 8443), None, NOW)
    }

    #[test]
    fn agreeing_is_all_that_lets_encrypt_needs() {
        let (setting, key) = checked(new()).unwrap();
        assert_eq!(setting.directory, LETS_ENCRYPT);
        assert_eq!((setting.validation, setting.port), (Validation::Http, 80));
        assert_eq!((setting.terms_agreed_at, key.is_none()), (NOW, true));
        let at_443 = new().checked(("pbx.example.com", 443), None, NOW).unwrap().0;
        assert_eq!((at_443.validation, at_443.port), (Validation::Tls, 443));
        // The terms were agreed to once.
        let later = new().checked(("pbx.example.com", 443), Some(&at_443), UnixMillis(NOW.0 + 5)).unwrap().0;
        assert_eq!(later.terms_agreed_at, NOW);
    }

    #[test]
    fn every_field_that_cannot_be_is_named() {
        let text = |text: &str| Some(Redacted::new(text.to_owned()));
        let cases = [
            (NewSetting::default(), "agree_to_terms"),
            (NewSetting { directory: Some("http://ca.example.com".into()), ..new() }, "directory"),
            (NewSetting { directory: Some("https://a:b@ca.example.com/".into()), ..new() }, "directory"),
            (NewSetting { directory: Some("acme".into()), ..new() }, "directory"),
            (NewSetting { contact: "nobody".into(), ..new() }, "contact"),
            (NewSetting { port: Some(0), ..new() }, "port"),
            (NewSetting { port: Some(8443), ..new() }, "port"),
            (NewSetting { profile: "two words".into(), ..new() }, "profile"),
            (NewSetting { authority: "no PEM".into(), ..new() }, "authority"),
            (NewSetting { external_account_key: text("c2VjcmV0"), ..new() }, "external_account"),
            (NewSetting { external_account: "kid".into(), ..new() }, "external_account_key"),
            (
                NewSetting { external_account: "kid".into(), external_account_key: text("short"), ..new() },
                "external_account_key",
            ),
        ];
        for (new, field) in cases {
            let shown = format!("{new:?}");
            let wrong = checked(new).expect_err(&shown);
            assert_eq!(wrong.field, field, "{shown}: {wrong}");
        }
    }

    #[test]
    fn the_key_of_an_external_account_is_kept_for_the_same_account_only() {
        let key = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W";
        let with = |account: &str, key: Option<&str>| NewSetting {
            external_account: account.into(),
            external_account_key: key.map(|key| Redacted::new(key.to_owned())),
            ..new()
        };
        let (setting, bytes) = checked(with("kid-1", Some(key))).unwrap();
        assert_eq!(bytes.unwrap().reveal(), key);
        let again = with("kid-1", None).checked(("pbx.example.com", 8443), Some(&setting), NOW).unwrap();
        assert!(again.0.has_external_account_key && again.1.is_none());
        let other = with("kid-2", None).checked(("pbx.example.com", 8443), Some(&setting), NOW).unwrap_err();
        assert_eq!(other.field, "external_account_key");
    }

    #[test]
    fn names_that_lets_encrypt_cannot_sign_are_told_before_anything_is_asked() {
        for host in ["localhost", "192.0.2.7", "2001:db8::1", "pbx", "pbx.local", "PBX.LAN"] {
            let wrong = check_host(host, LETS_ENCRYPT).expect_err(host);
            assert!(wrong.problem.contains("public_host"), "{wrong}");
            assert_eq!(
                check_host(host, "https://ca.example.com/dir"),
                Ok(()),
                "an authority of one's own signs {host}"
            );
        }
        assert_eq!(check_host("pbx.example.com", LETS_ENCRYPT), Ok(()));
    }
}
