//! A device with passkeys, in software (WebAuthn level 2, sections 6.1 and 6.5): what it says can be bent in every way a test needs.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// A device that keeps one key.
pub(super) struct Device {
    key: EcdsaKeyPair,
    pub(super) credential: Vec<u8>,
    /// Whose key it is, as the server said at the registration.
    pub(super) handle: String,
    /// What the page seems to be.
    pub(super) origin: String,
    pub(super) rp_id: String,
    /// Whether it checked its owner.
    pub(super) verifies: bool,
    pub(super) counter: u32,
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The few shapes of CBOR (RFC 8949) that are needed.
fn head(kind: u8, count: usize) -> Vec<u8> {
    let kind = kind << 5;
    match count {
        0..24 => vec![kind | u8::try_from(count).unwrap()],
        24..256 => vec![kind | 24, u8::try_from(count).unwrap()],
        _ => [&[kind | 25][..], &u16::try_from(count).unwrap().to_be_bytes()].concat(),
    }
}

fn bytes(of: &[u8]) -> Vec<u8> {
    [head(2, of.len()), of.to_vec()].concat()
}

fn text(of: &str) -> Vec<u8> {
    [head(3, of.len()), of.as_bytes().to_vec()].concat()
}

impl Device {
    pub(super) fn new() -> Self {
        let rng = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &rng).unwrap();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8.as_ref()).unwrap();
        let credential = Sha256::digest(key.public_key().as_ref()).to_vec();
        Self {
            key,
            credential,
            handle: String::new(),
            origin: super::super::BASE.to_owned(),
            rp_id: "pbx.example.com".to_owned(),
            verifies: true,
            counter: 0,
        }
    }

    fn client_data(&self, kind: &str, challenge: &str) -> Vec<u8> {
        json!({ "type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": false })
            .to_string()
            .into_bytes()
    }

    fn authenticator_data(&self, more: u8) -> Vec<u8> {
        let flags = 0x01 | if self.verifies { 0x04 } else { 0 } | more;
        [&Sha256::digest(&self.rp_id)[..], &[flags], &self.counter.to_be_bytes()].concat()
    }

    /// Makes the key of a registration (`navigator.credentials.create`).
    pub(super) fn create(&mut self, options: &Value) -> Value {
        let wanted = &options["publicKey"];
        assert_eq!(wanted["rp"]["id"], "pbx.example.com", "{wanted}");
        let selection = &wanted["authenticatorSelection"];
        assert_eq!(
            (&selection["residentKey"], &selection["userVerification"]),
            (&json!("required"), &json!("required"))
        );
        self.handle = wanted["user"]["id"].as_str().unwrap().to_owned();
        let client_data = self.client_data("webauthn.create", wanted["challenge"].as_str().unwrap());
        let point = self.key.public_key().as_ref();
        let cose = [
            &head(5, 5)[..], // EC2, ES256, P-256, x, y (RFC 9053 section 7.1.1)
            &[0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21],
            &bytes(&point[1..33]),
            &[0x22],
            &bytes(&point[33..65]),
        ]
        .concat();
        let length = u16::try_from(self.credential.len()).unwrap().to_be_bytes();
        let data =
            [self.authenticator_data(0x40), vec![0; 16], length.to_vec(), self.credential.clone(), cose].concat();
        let attestation =
            [head(5, 3), text("fmt"), text("none"), text("attStmt"), head(5, 0), text("authData"), bytes(&data)]
                .concat();
        json!({
            "id": encode(&self.credential), "rawId": encode(&self.credential), "type": "public-key",
            "response": { "attestationObject": encode(attestation), "clientDataJSON": encode(client_data) },
        })
    }

    /// Answers a challenge (`navigator.credentials.get`).
    pub(super) fn get(&mut self, options: &Value) -> Value {
        let wanted = &options["publicKey"];
        assert_eq!(wanted["userVerification"], "required", "{wanted}");
        assert!(options.get("mediation").is_none(), "{options}");
        let client_data = self.client_data("webauthn.get", wanted["challenge"].as_str().unwrap());
        let data = self.authenticator_data(0);
        let signed = [&data[..], &Sha256::digest(&client_data)[..]].concat();
        let signature = self.key.sign(&SystemRandom::new(), &signed).unwrap();
        json!({
            "id": encode(&self.credential), "rawId": encode(&self.credential), "type": "public-key",
            "response": { "authenticatorData": encode(data), "clientDataJSON": encode(client_data),
                "signature": encode(signature.as_ref()), "userHandle": self.handle },
        })
    }
}
