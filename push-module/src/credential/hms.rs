//! Huawei's app id and app secret.

use std::fmt;
use std::sync::Arc;

use pbx_core::model::Redacted;

use super::CredentialError;
use super::apns_key::{fingerprint, shortened};

/// Huawei's have 64 characters.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 16..=256;
/// Huawei's have eight or nine digits.
const ID_DIGITS: std::ops::RangeInclusive<usize> = 5..=20;

/// A validated pair; cheap to clone.
#[derive(Clone)]
pub struct HmsApp {
    app_id: String,
    secret: Arc<Redacted<String>>,
    fingerprint: String,
}

impl fmt::Debug for HmsApp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HmsApp({}, hidden)", self.app_id)
    }
}

impl HmsApp {
    /// Reads both as AppGallery Connect shows them.
    pub fn parse(app_id: &str, secret: &str) -> Result<Self, CredentialError> {
        let (app_id, secret) = (app_id.trim(), secret.trim());
        if !ID_DIGITS.contains(&app_id.len()) || !app_id.bytes().all(|b| b.is_ascii_digit()) {
            return Err(CredentialError::HmsAppId { given: shortened(app_id) });
        }
        if secret.starts_with('{') {
            return Err(CredentialError::HmsFile);
        }
        if !SECRET_BYTES.contains(&secret.len()) || !secret.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(CredentialError::HmsSecret);
        }
        let fingerprint = fingerprint(format!("{app_id}:{secret}").as_bytes());
        Ok(Self { app_id: app_id.to_owned(), secret: Arc::new(Redacted::new(secret.to_owned())), fingerprint })
    }

    /// Digits.
    pub fn app_id(&self) -> &str {
        &self.app_id
    }

    /// What access tokens are asked for with.
    pub fn secret(&self) -> &Redacted<String> {
        &self.secret
    }

    /// The first 16 bytes of a SHA-256 over both, in hex.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn app_id_and_secret_are_taken_as_appgallery_connect_shows_them_and_nothing_else() {
        let secret = "0123456789abcdef".repeat(4);
        let app = HmsApp::parse(" 104567890 ", &format!("{secret}\n")).unwrap();
        assert_eq!((app.app_id(), app.secret().reveal()), ("104567890", &secret));
        assert!(!format!("{app:?}").contains(&secret));
        let code = |id: &str, secret: &str| HmsApp::parse(id, secret).unwrap_err().code();
        assert_eq!(code("com.example.phone", &secret), "bad_hms_app_id");
        assert_eq!(code("104567890", "short"), "bad_hms_secret");
        assert_eq!(code("104567890", "{\"agcgw\":{}}"), "is_agconnect_services_json");
    }
}
