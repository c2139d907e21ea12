//! The shared secret of a webhook: reading it, signing with it.
//!
//! The signature is that of the Standard Webhooks specification (standardwebhooks.com): HMAC-SHA-256 over
//! `id.timestamp.body`, in base64 behind `v1,`; libraries that check it exist for every common language.

use std::sync::Arc;

use aws_lc_rs::{digest, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::CredentialError;

/// What a secret begins with.
const PREFIX: &str = "whsec_";
/// The specification's limits for the secret itself.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;
/// A secret's text with room for blanks around it.
const TEXT_BYTES: usize = 256;

/// A webhook's signing key.
#[derive(Clone)]
pub struct WebhookKey {
    key: Arc<hmac::Key>,
    fingerprint: String,
}

impl std::fmt::Debug for WebhookKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "WebhookKey({})", self.fingerprint)
    }
}

impl WebhookKey {
    /// Reads a secret in the form `whsec_` and 24 to 64 bytes in base64; the prefix may be left out.
    pub fn parse(secret: &str) -> Result<Self, CredentialError> {
        if secret.len() > TEXT_BYTES {
            return Err(CredentialError::TooLarge { what: "secret", bytes: secret.len(), limit: TEXT_BYTES });
        }
        let text = secret.trim();
        let text = text.strip_prefix(PREFIX).unwrap_or(text);
        let bytes = STANDARD.decode(text).map(Zeroizing::new).map_err(|_| CredentialError::WebhookSecret)?;
        if !SECRET_BYTES.contains(&bytes.len()) {
            return Err(CredentialError::WebhookSecret);
        }
        let fingerprint = digest::digest(&digest::SHA256, &bytes).as_ref().iter().take(16).map(hex).collect();
        Ok(Self { key: Arc::new(hmac::Key::new(hmac::HMAC_SHA256, &bytes)), fingerprint })
    }

    /// The first 16 bytes of the SHA-256 of the secret, in hex.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// The value of `webhook-signature` for a message; `timestamp` in Unix seconds.
    pub fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(format!("{id}.{timestamp}.").as_bytes());
        context.update(body);
        format!("v1,{}", STANDARD.encode(context.sign().as_ref()))
    }
}

fn hex(byte: &u8) -> String {
    format!("{byte:02x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_the_specifications_example() {
        let key = WebhookKey::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let body = br#"{"test": 2432232314}"#;
        let signature = key.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_secret_may_lack_its_prefix_but_not_its_length() {
        let bytes = |count: usize| STANDARD.encode(vec![7u8; count]);
        let with = WebhookKey::parse(&format!(" whsec_{}\n", bytes(24))).unwrap();
        assert_eq!(with.fingerprint(), WebhookKey::parse(&bytes(24)).unwrap().fingerprint());
        for wrong in [bytes(23), bytes(65), "not base64!".to_owned(), String::new()] {
            assert!(matches!(WebhookKey::parse(&wrong), Err(CredentialError::WebhookSecret)), "{wrong}");
        }
        let long = "A".repeat(300);
        assert!(matches!(WebhookKey::parse(&long), Err(CredentialError::TooLarge { .. })));
    }

    #[test]
    fn neither_secret_nor_key_is_shown() {
        let key = WebhookKey::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        assert!(!format!("{key:?}").contains("MfKQ"));
    }
}
