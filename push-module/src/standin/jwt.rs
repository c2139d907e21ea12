//! Takes a JWT apart as strictly as the most strict reader would (RFC 7515, compact form, base64url without padding).

use aws_lc_rs::signature::{ParsedPublicKey, VerificationAlgorithm};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

/// A JWT whose signature has not been looked at yet.
#[derive(Debug)]
pub(super) struct Unverified<'a> {
    pub(super) header: Map<String, Value>,
    pub(super) claims: Map<String, Value>,
    signed: &'a str,
    signature: Vec<u8>,
}

impl<'a> Unverified<'a> {
    /// `None` when it is no JWT.
    pub(super) fn parse(token: &'a str) -> Option<Self> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let object = |text: &str| -> Option<Map<String, Value>> {
            match serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()? {
                Value::Object(object) => Some(object),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => None,
            }
        };
        Some(Self {
            header: object(header)?,
            claims: object(claims)?,
            signed,
            signature: URL_SAFE_NO_PAD.decode(signature).ok()?,
        })
    }

    pub(super) fn header_text(&self, key: &str) -> Option<&str> {
        self.header.get(key).and_then(Value::as_str)
    }

    pub(super) fn claim_text(&self, key: &str) -> Option<&str> {
        self.claims.get(key).and_then(Value::as_str)
    }

    pub(super) fn claim_number(&self, key: &str) -> Option<i64> {
        self.claims.get(key).and_then(Value::as_i64)
    }

    /// Whether the signature is by this key.
    pub(super) fn is_signed_by(&self, algorithm: &'static dyn VerificationAlgorithm, public_key: &[u8]) -> bool {
        ParsedPublicKey::new(algorithm, public_key)
            .is_ok_and(|key| key.verify_sig(self.signed.as_bytes(), &self.signature).is_ok())
    }
}
