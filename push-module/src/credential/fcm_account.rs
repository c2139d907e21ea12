//! The Firebase service account: offline validation with a reason for every wrong file, and the OAuth assertion.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use pbx_core::model::Redacted;
use serde_json::{Map, Value, json};

use super::CredentialError;
use super::apns_key::{fingerprint, shortened};
use super::der::{KeyKind, pkcs8_kind};
use super::endpoint::check_url;
use super::pem;

/// A service account has 2.4 kB; google-services.json of many apps has 20 kB, and its user deserves the right error.
const FILE_BYTES: usize = 256 * 1024;
/// What sending needs, and nothing more.
pub(crate) const SCOPE: &str = "https://www.googleapis.com/auth/firebase.messaging";
/// Google's limit is an hour; five minutes less forgive a clock that is a little off.
const ASSERTION_SECONDS: i64 = 55 * 60;
/// Google issues 2048 bits; less is no longer secure and not accepted by the library.
const RSA_BYTES: usize = 256;

/// A validated service account; cheap to clone.
#[derive(Clone)]
pub struct FcmAccount {
    project_id: String,
    client_email: String,
    token_uri: String,
    key_id: Option<String>,
    fingerprint: String,
    pair: Arc<rsa::KeyPair>,
}

impl fmt::Debug for FcmAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FcmAccount({}, hidden)", self.client_email)
    }
}

impl FcmAccount {
    /// Reads the content of a service account's JSON file.
    pub fn parse(text: &str) -> Result<Self, CredentialError> {
        if text.len() > FILE_BYTES {
            let bytes = text.len();
            return Err(CredentialError::TooLarge { what: "service_account_json", bytes, limit: FILE_BYTES });
        }
        let text = text.trim_start_matches('\u{feff}').trim();
        let file = read_object(text)?;
        recognise(&file)?;
        let project_id = field(&file, "project_id")?;
        if !project_id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b':' | b'_')) {
            return Err(bad("project_id", "has characters that no project id has"));
        }
        let client_email = field(&file, "client_email")?;
        if !client_email.contains('@') {
            return Err(bad("client_email", "is no e-mail address"));
        }
        let token_uri = field(&file, "token_uri")?;
        check_url(token_uri).map_err(|problem| bad("token_uri", problem))?;
        let pair = parse_key(field(&file, "private_key")?)?;
        Ok(Self {
            project_id: project_id.to_owned(),
            client_email: client_email.to_owned(),
            token_uri: token_uri.to_owned(),
            key_id: file.get("private_key_id").and_then(Value::as_str).map(str::to_owned),
            fingerprint: fingerprint(pair.public_key().as_ref()),
            pair: Arc::new(pair),
        })
    }

    /// The project whose phones it may push to.
    pub fn project_id(&self) -> &str {
        &self.project_id
    }

    /// The account's name.
    pub fn client_email(&self) -> &str {
        &self.client_email
    }

    /// Where access tokens come from.
    pub fn token_uri(&self) -> &str {
        &self.token_uri
    }

    /// The private key's id, if the file names it.
    pub fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// The first 16 bytes of the SHA-256 of the public key, in hex.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// The assertion for which Google hands out an access token (RFC 7523 with RS256), issued at `issued_at` (Unix
    /// seconds); `None` when the library cannot sign.
    pub fn assertion(&self, issued_at: i64) -> Option<Redacted<String>> {
        let mut header = json!({ "alg": "RS256", "typ": "JWT" });
        if let (Some(key_id), Some(header)) = (&self.key_id, header.as_object_mut()) {
            header.insert("kid".to_owned(), Value::String(key_id.clone()));
        }
        let claims = json!({
            "iss": self.client_email,
            "aud": self.token_uri,
            "scope": SCOPE,
            "iat": issued_at,
            "exp": issued_at + ASSERTION_SECONDS,
        });
        let mut token =
            format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(claims.to_string()));
        let mut signature = vec![0u8; self.pair.public_modulus_len()];
        self.pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), token.as_bytes(), &mut signature).ok()?;
        token.push('.');
        token.push_str(&URL_SAFE_NO_PAD.encode(signature));
        Some(Redacted::new(token))
    }
}

fn bad(field: &'static str, problem: &str) -> CredentialError {
    CredentialError::ServiceAccountField { field, problem: problem.to_owned() }
}

fn field<'a>(file: &'a Map<String, Value>, name: &'static str) -> Result<&'a str, CredentialError> {
    match file.get(name) {
        None => Err(bad(name, "is missing")),
        Some(value) => match value.as_str().map(str::trim) {
            None => Err(bad(name, "is not a text")),
            Some("") => Err(bad(name, "is empty")),
            Some(text) => Ok(text),
        },
    }
}

fn read_object(text: &str) -> Result<Map<String, Value>, CredentialError> {
    if text.starts_with("<?xml") || text.contains("<plist") {
        return Err(CredentialError::GoogleServiceInfoPlist);
    }
    if text.starts_with("AAAA") || text.starts_with("AIza") || text.starts_with("key=") {
        return Err(CredentialError::LegacyServerKey);
    }
    if text.starts_with("-----BEGIN") {
        let why = "it is a bare key; the whole JSON file is needed".to_owned();
        return Err(CredentialError::NotAServiceAccount { why });
    }
    match serde_json::from_str(text) {
        Ok(Value::Object(file)) => Ok(file),
        Ok(_) => Err(CredentialError::NotAServiceAccount { why: "it is JSON, but not an object".to_owned() }),
        // Line and column only: serde's own text may quote the content.
        Err(error) => {
            let why = if text.is_empty() {
                "it is empty".to_owned()
            } else {
                format!("not JSON at line {}, column {}", error.line(), error.column())
            };
            Err(CredentialError::NotAServiceAccount { why })
        }
    }
}

fn recognise(file: &Map<String, Value>) -> Result<(), CredentialError> {
    if file.contains_key("project_info") && file.contains_key("client") {
        return Err(CredentialError::GoogleServicesJson);
    }
    if file.contains_key("web") || file.contains_key("installed") {
        return Err(CredentialError::OauthClient);
    }
    match file.get("type").and_then(Value::as_str) {
        Some("service_account") => Ok(()),
        Some(found) => Err(CredentialError::OtherCredentialType { found: shortened(found) }),
        None => Err(CredentialError::NotAServiceAccount { why: "the field “type” is missing".to_owned() }),
    }
}

fn parse_key(text: &str) -> Result<rsa::KeyPair, CredentialError> {
    let damaged = || bad("private_key", "is damaged or was cut");
    let frame = pem::first(text).ok_or_else(|| bad("private_key", "is not a key"))?;
    let der = pem::decode(&frame).ok_or_else(damaged)?;
    match (frame.label, pkcs8_kind(&der)) {
        ("PRIVATE KEY", Some(KeyKind::Rsa)) => {}
        ("PRIVATE KEY", Some(KeyKind::P256 | KeyKind::OtherCurve | KeyKind::Other)) => {
            return Err(bad("private_key", "is not an RSA key"));
        }
        ("PRIVATE KEY", None) => return Err(damaged()),
        (_, _) => return Err(bad("private_key", "is not a private key")),
    }
    let pair = rsa::KeyPair::from_pkcs8(&der).map_err(|_| damaged())?;
    if pair.public_modulus_len() < RSA_BYTES {
        return Err(bad("private_key", "is shorter than 2048 bits"));
    }
    Ok(pair)
}

#[cfg(test)]
mod tests;
