//! The key by which push services know this installation (VAPID, RFC 8292), and what it signs.
//!
//! The first time Web Push is enabled the key is made and stored, and it stays stored when Web Push is disabled: apps
//! subscribe with its public half, and a new key would silence every one of them until it subscribes again.

use std::sync::Arc;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use pbx_core::model::Redacted;
use serde_json::json;
use zeroize::Zeroizing;

use super::CredentialError;
use super::apns_key::{fingerprint, shortened};

/// Half of what RFC 8292 section 2 allows, so that clocks may differ by hours.
pub const TOKEN_SECONDS: i64 = 12 * 3600;
/// The longest contact; it is sent with every push.
const CONTACT_BYTES: usize = 200;
/// Hosts of an admin's own; more than a few is a mistake.
const HOSTS: usize = 16;

/// The signing key.
#[derive(Clone)]
pub struct VapidKey {
    pair: Arc<EcdsaKeyPair>,
    public: String,
    fingerprint: String,
}

impl std::fmt::Debug for VapidKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "VapidKey({})", self.fingerprint)
    }
}

impl VapidKey {
    /// A new secret in the form that [`Self::parse`] reads; `None` when the system has no randomness to give.
    pub(crate) fn generate() -> Option<Redacted<String>> {
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).ok()?;
        Some(Redacted::new(URL_SAFE_NO_PAD.encode(document.as_ref())))
    }

    /// Reads a stored secret: PKCS#8 in base64url.
    pub(crate) fn parse(secret: &str) -> Result<Self, CredentialError> {
        let der = URL_SAFE_NO_PAD.decode(secret).map(Zeroizing::new).map_err(|_| CredentialError::VapidKey)?;
        let pair =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der).map_err(|_| CredentialError::VapidKey)?;
        let point = pair.public_key().as_ref();
        let (public, fingerprint) = (URL_SAFE_NO_PAD.encode(point), fingerprint(point));
        Ok(Self { pair: Arc::new(pair), public, fingerprint })
    }

    /// The public key as apps subscribe with it (`applicationServerKey`): the uncompressed point in base64url.
    pub fn public_key(&self) -> &str {
        &self.public
    }

    /// The first 16 bytes of the SHA-256 of the public key, in hex.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// A token for one push service (RFC 8292 section 2) that ends at `ends_at` (Unix seconds); `None` when the library
    /// cannot sign.
    pub fn token(&self, audience: &str, contact: &str, ends_at: i64) -> Option<VapidToken> {
        let header = json!({ "typ": "JWT", "alg": "ES256" });
        let claims = json!({ "aud": audience, "exp": ends_at, "sub": contact });
        let mut token =
            format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(claims.to_string()));
        let signature = self.pair.sign(&SystemRandom::new(), token.as_bytes()).ok()?;
        token.push('.');
        token.push_str(&URL_SAFE_NO_PAD.encode(signature.as_ref()));
        Some(VapidToken { token: Redacted::new(token), public: self.public.clone(), ends_at })
    }
}

/// A signed token for one push service.
#[derive(Debug, Clone)]
pub struct VapidToken {
    token: Redacted<String>,
    public: String,
    /// Unix seconds.
    pub ends_at: i64,
}

impl VapidToken {
    /// The value of `Authorization` (RFC 8292 section 3).
    pub fn authorization(&self) -> String {
        format!("vapid t={}, k={}", self.token.reveal(), self.public)
    }
}

/// Whom a push service may write to when pushes of this installation make trouble: `mailto:` or https (RFC 8292 section
/// 2.1). An address without `mailto:` gets it.
pub(super) fn contact(given: &str) -> Result<String, CredentialError> {
    let given = given.trim();
    let refused = || CredentialError::Contact { given: shortened(given) };
    let is_plain =
        given.len() <= CONTACT_BYTES && given.bytes().all(|b| b.is_ascii_graphic() && !b"\"<>,".contains(&b));
    if !is_plain {
        return Err(refused());
    }
    if given.starts_with("https://") {
        // Apple refuses what does not lead to anybody.
        return if given.contains('.') && !given.contains("localhost") { Ok(given.to_owned()) } else { Err(refused()) };
    }
    let address = given.strip_prefix("mailto:").unwrap_or(given);
    let (name, host) = address.split_once('@').ok_or_else(refused)?;
    let fits = !name.is_empty() && host.contains('.') && !host.contains(['@', '/']) && !host.ends_with('.');
    if fits { Ok(format!("mailto:{address}")) } else { Err(refused()) }
}

/// Hosts of the admin's own, in lower case and without port; empty lines of a form are left out.
pub(super) fn hosts(given: &[String]) -> Result<Vec<String>, CredentialError> {
    let mut hosts = Vec::new();
    for one in given.iter().map(|one| one.trim()).filter(|one| !one.is_empty()) {
        let host = one.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        let is_address = host.parse::<std::net::IpAddr>().is_ok();
        let is_name = host.len() <= 253
            && !host.starts_with(['.', '-'])
            && host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'));
        if !(is_address || is_name) || hosts.len() >= HOSTS {
            return Err(CredentialError::AllowedHost { given: shortened(one) });
        }
        hosts.push(host);
    }
    Ok(hosts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contact_is_a_mail_address_or_a_page() {
        for (given, taken) in [
            ("admin@example.com", "mailto:admin@example.com"),
            (" mailto:admin@example.com ", "mailto:admin@example.com"),
            ("https://example.com/contact", "https://example.com/contact"),
        ] {
            assert_eq!(contact(given).unwrap(), taken);
        }
        for wrong in [
            "",
            "admin",
            "@example.com",
            "a@localhost",
            "http://example.com",
            "https://localhost/",
            "a@b.c>x",
            "a b@c.d",
            "mailto:<a@b.c>",
            &"a".repeat(300),
        ] {
            assert!(matches!(contact(wrong), Err(CredentialError::Contact { .. })), "{wrong}");
        }
    }

    #[test]
    fn hosts_of_ones_own_are_names_or_addresses() {
        let given = ["Push.LAN", "", "[::1]", "10.0.0.7"].map(str::to_owned);
        assert_eq!(hosts(&given).unwrap(), ["push.lan", "::1", "10.0.0.7"]);
        for wrong in ["https://push.lan", "push.lan:8443", "10.0.0.0/8", "*.lan", ".lan"] {
            assert!(matches!(hosts(&[wrong.to_owned()]), Err(CredentialError::AllowedHost { .. })), "{wrong}");
        }
        assert!(hosts(&vec!["a".to_owned(); 17]).is_err());
    }

    #[test]
    fn a_token_says_for_whom_until_when_and_whom_to_ask() {
        let secret = VapidKey::generate().unwrap();
        let key = VapidKey::parse(secret.reveal()).unwrap();
        assert_eq!(
            VapidKey::parse(secret.reveal()).unwrap().public_key(),
            key.public_key(),
            "it is the same after a restart"
        );
        assert_eq!(key.public_key().len(), 87);
        let token = key.token("https://push.example.net", "mailto:a@example.com", 1_795_000_000).unwrap();
        let authorization = token.authorization();
        let claims = authorization.split('.').nth(1).unwrap();
        let claims: serde_json::Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
        assert_eq!(
            claims,
            json!({ "aud": "https://push.example.net", "exp": 1_795_000_000, "sub": "mailto:a@example.com" })
        );
        assert!(authorization.ends_with(&format!(", k={}", key.public_key())));
        assert!(!format!("{key:?} {token:?} {secret:?}").contains(&authorization[10..40]));
        assert!(matches!(VapidKey::parse("AAAA"), Err(CredentialError::VapidKey)));
    }
}
