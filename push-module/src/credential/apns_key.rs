//! The APNs token signing key: offline validation with a reason for every wrong file, and the provider token.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use pbx_core::model::Redacted;
use serde_json::json;

use super::CredentialError;
use super::der::{KeyKind, pkcs8_kind};
use super::pem;

/// Apple's files have about 260 bytes; a large RSA key in PEM has 13 kB, and its user deserves the right error.
const FILE_BYTES: usize = 32 * 1024;
/// Key ids and team ids.
const ID_CHARS: usize = 10;

/// A validated signing key; cheap to clone.
#[derive(Clone)]
pub struct ApnsKey {
    key_id: String,
    team_id: String,
    fingerprint: String,
    pair: Arc<EcdsaKeyPair>,
}

impl fmt::Debug for ApnsKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApnsKey({} of {}, hidden)", self.key_id, self.team_id)
    }
}

impl ApnsKey {
    /// Reads the content of a `.p8` file; spaces and line ends around it do not matter.
    pub fn parse(key_id: &str, team_id: &str, p8: &str) -> Result<Self, CredentialError> {
        let key_id = ten_characters(key_id).ok_or_else(|| CredentialError::KeyId { given: shortened(key_id) })?;
        if uuid::Uuid::try_parse(team_id.trim()).is_ok() {
            return Err(CredentialError::IssuerId);
        }
        let team_id = ten_characters(team_id).ok_or_else(|| CredentialError::TeamId { given: shortened(team_id) })?;
        let pair = parse_key(p8)?;
        let fingerprint = fingerprint(pair.public_key().as_ref());
        Ok(Self { key_id, team_id, fingerprint, pair: Arc::new(pair) })
    }

    /// Ten characters, the `kid` of provider tokens.
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// Ten characters, the `iss` of provider tokens.
    pub fn team_id(&self) -> &str {
        &self.team_id
    }

    /// The first 16 bytes of the SHA-256 of the public key, in hex.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// A provider token issued at `issued_at` (Unix seconds): a JWS in compact form with ES256 (RFC 7515, RFC 7518
    /// section 3.4); `None` when the library cannot sign.
    pub fn provider_token(&self, issued_at: i64) -> Option<Redacted<String>> {
        let header = json!({ "alg": "ES256", "kid": self.key_id });
        let claims = json!({ "iss": self.team_id, "iat": issued_at });
        let mut token =
            format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(claims.to_string()));
        let signature = self.pair.sign(&SystemRandom::new(), token.as_bytes()).ok()?;
        token.push('.');
        token.push_str(&URL_SAFE_NO_PAD.encode(signature.as_ref()));
        Some(Redacted::new(token))
    }
}

/// The fingerprint that pages show for a public key.
pub(super) fn fingerprint(public_key: &[u8]) -> String {
    use std::fmt::Write as _;
    digest(&SHA256, public_key).as_ref().iter().take(16).fold(String::with_capacity(32), |mut hex, byte| {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// At most 40 characters of what was given, for an error text.
pub(super) fn shortened(given: &str) -> String {
    let given = given.trim();
    let mut short: String = given.chars().filter(|c| !c.is_control()).take(40).collect();
    if given.chars().count() > 40 {
        short.push('…');
    }
    short
}

fn ten_characters(id: &str) -> Option<String> {
    let id = id.trim();
    let fits = id.len() == ID_CHARS && id.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    fits.then(|| id.to_owned())
}

fn parse_key(text: &str) -> Result<EcdsaKeyPair, CredentialError> {
    if text.len() > FILE_BYTES {
        return Err(CredentialError::TooLarge { what: "p8", bytes: text.len(), limit: FILE_BYTES });
    }
    let Some(frame) = pem::first(text) else { return Err(without_frame(text)) };
    match frame.label {
        "PRIVATE KEY" => {}
        "EC PRIVATE KEY" if frame.body.contains("ENCRYPTED") => return Err(CredentialError::Encrypted),
        "EC PRIVATE KEY" => return parse_sec1(&frame),
        // `openssl ecparam -genkey` writes the curve in front of the key.
        "EC PARAMETERS" => {
            let rest = text.split_once("-----END EC PARAMETERS-----").map_or("", |(_, rest)| rest);
            return parse_key(rest);
        }
        "ENCRYPTED PRIVATE KEY" => return Err(CredentialError::Encrypted),
        "RSA PRIVATE KEY" if frame.body.contains("ENCRYPTED") => return Err(CredentialError::Encrypted),
        "RSA PRIVATE KEY" => return Err(CredentialError::Rsa),
        "PUBLIC KEY" | "RSA PUBLIC KEY" => return Err(CredentialError::PublicKey),
        "CERTIFICATE" | "TRUSTED CERTIFICATE" | "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST" | "PKCS7" => {
            return Err(CredentialError::Certificate);
        }
        _ => return Err(CredentialError::OtherKeyKind),
    }
    if text.contains("\"type\"") && text.contains("client_email") {
        return Err(CredentialError::FirebaseFile);
    }
    let der = pem::decode(&frame).ok_or(CredentialError::DamagedKey)?;
    match pkcs8_kind(&der) {
        Some(KeyKind::P256) => {}
        Some(KeyKind::OtherCurve) => return Err(CredentialError::WrongCurve),
        Some(KeyKind::Rsa) => return Err(CredentialError::Rsa),
        Some(KeyKind::Other) => return Err(CredentialError::OtherKeyKind),
        None => return Err(CredentialError::DamagedKey),
    }
    EcdsaKeyPair::from_private_key_der(&ECDSA_P256_SHA256_FIXED_SIGNING, &der).map_err(|_| CredentialError::DamagedKey)
}

/// The form that OpenSSL writes (RFC 5915); not Apple's, but the same key.
fn parse_sec1(frame: &pem::Frame<'_>) -> Result<EcdsaKeyPair, CredentialError> {
    let der = pem::decode(frame).ok_or(CredentialError::DamagedKey)?;
    EcdsaKeyPair::from_private_key_der(&ECDSA_P256_SHA256_FIXED_SIGNING, &der).map_err(|_| CredentialError::WrongCurve)
}

fn without_frame(text: &str) -> CredentialError {
    let start = text.trim_start_matches('\u{feff}').trim_start();
    if start.starts_with('{') {
        CredentialError::FirebaseFile
    } else if start.contains('\u{fffd}') || start.starts_with("MII") {
        // PKCS#12 read as text, or a certificate without its frame.
        CredentialError::Certificate
    } else {
        CredentialError::NotAKey
    }
}

#[cfg(test)]
mod tests;
