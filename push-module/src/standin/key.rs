//! Credentials that never saw Apple or Google, shaped exactly like theirs.

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pbx_core::model::Redacted;
use serde_json::json;

use super::push::StandinError;

/// An APNs signing key as Apple would hand it out.
#[derive(Debug, Clone)]
pub struct TestApnsKey {
    /// Ten characters.
    pub key_id: String,
    /// Ten characters.
    pub team_id: String,
    /// The content of the `.p8` file.
    pub p8: Redacted<String>,
    /// The uncompressed public point, 65 bytes.
    pub public_key: Vec<u8>,
}

impl TestApnsKey {
    /// A fresh key pair under the given ids.
    pub fn generate(key_id: &str, team_id: &str) -> Result<Self, StandinError> {
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
            .map_err(|_| StandinError::Key)?;
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref())
            .map_err(|_| StandinError::Key)?;
        Ok(Self {
            key_id: key_id.to_owned(),
            team_id: team_id.to_owned(),
            p8: Redacted::new(to_pem(document.as_ref())),
            public_key: pair.public_key().as_ref().to_vec(),
        })
    }
}

/// A service account as the Firebase console would hand it out.
#[derive(Debug, Clone)]
pub struct TestServiceAccount {
    /// The project it belongs to.
    pub project_id: String,
    /// The account's name.
    pub client_email: String,
    /// The content of the JSON file.
    pub json: Redacted<String>,
    /// The RSA public key, PKCS#1 DER.
    pub public_key: Vec<u8>,
}

impl TestServiceAccount {
    /// A fresh account of `project_id` that fetches its tokens at `token_uri`.
    pub fn generate(project_id: &str, token_uri: &str) -> Result<Self, StandinError> {
        let pair = rsa::KeyPair::generate(rsa::KeySize::Rsa2048).map_err(|_| StandinError::Key)?;
        let pkcs8: aws_lc_rs::encoding::Pkcs8V1Der<'_> = pair.as_der().map_err(|_| StandinError::Key)?;
        let client_email = format!("nightbell@{project_id}.iam.gserviceaccount.com");
        let json = json!({
            "type": "service_account",
            "project_id": project_id,
            "private_key_id": "0123456789abcdef0123456789abcdef01234567",
            "private_key": to_pem(pkcs8.as_ref()),
            "client_email": client_email,
            "client_id": "100000000000000000001",
            "auth_uri": "https://accounts.google.com/o/oauth2/auth",
            "token_uri": token_uri,
            "universe_domain": "googleapis.com",
        });
        Ok(Self {
            project_id: project_id.to_owned(),
            client_email,
            json: Redacted::new(json.to_string()),
            public_key: pair.public_key().as_ref().to_vec(),
        })
    }
}

fn to_pem(der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut pem = String::from("-----BEGIN PRIVATE KEY-----\n");
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, more) = rest.split_at(rest.len().min(64));
        pem.push_str(line);
        pem.push('\n');
        rest = more;
    }
    pem.push_str("-----END PRIVATE KEY-----\n");
    pem
}
