//! The stand-ins are strict where it counts, on the wire: one wrong request for each rule, and the answer it must get.

mod apns;
mod fcm;
mod webpush;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa;
use aws_lc_rs::signature::{EcdsaKeyPair, EcdsaSigningAlgorithm, RSA_PKCS1_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Method;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::Value;

/// A request as it goes out, rule by rule.
#[derive(Debug, Clone)]
struct Asked {
    method: Method,
    url: String,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

impl Asked {
    fn set(&mut self, name: &'static str, value: impl Into<String>) {
        self.remove(name);
        self.headers.push((name, value.into()));
    }

    fn remove(&mut self, name: &str) {
        self.headers.retain(|(it, _)| *it != name);
    }
}

/// What is wrong with a request, and how it becomes so.
type Change<'a> = (&'static str, Box<dyn Fn(&mut Asked) + 'a>);

fn change<'a>(what: &'static str, how: impl Fn(&mut Asked) + 'a) -> Change<'a> {
    (what, Box::new(how))
}

/// Asks over a connection of its own; status and body.
async fn ask(ca_pem: &str, http2: bool, asked: Asked) -> reqwest::Result<(u16, String)> {
    // A library user or a test may be the first.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let authority = reqwest::Certificate::from_pem(ca_pem.as_bytes()).unwrap();
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([authority]);
    let client = if http2 { client.http2_prior_knowledge() } else { client.http1_only() };
    let mut request = client.build().unwrap().request(asked.method, asked.url).body(asked.body);
    for (name, value) in asked.headers {
        request = request.header(name, value);
    }
    let response = request.send().await?;
    Ok((response.status().as_u16(), response.text().await?))
}

fn signed(header: &Value, claims: &Value, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let text = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let token = format!("{}.{}", text(header), text(claims));
    let signature = sign(token.as_bytes());
    format!("{token}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// A JWT with whatever header and claims, signed with a key on P-256.
fn es256(p8: &str, algorithm: &'static EcdsaSigningAlgorithm, header: &Value, claims: &Value) -> String {
    let der = PrivatePkcs8KeyDer::from_pem_slice(p8.as_bytes()).unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(algorithm, der.secret_pkcs8_der()).unwrap();
    signed(header, claims, |text| pair.sign(&SystemRandom::new(), text).unwrap().as_ref().to_vec())
}

/// A JWT with whatever header and claims, signed with an RSA key.
fn rs256(private_key_pem: &str, header: &Value, claims: &Value) -> String {
    let der = PrivatePkcs8KeyDer::from_pem_slice(private_key_pem.as_bytes()).unwrap();
    let pair = rsa::KeyPair::from_pkcs8(der.secret_pkcs8_der()).unwrap();
    signed(header, claims, |text| {
        let mut signature = vec![0; pair.public_modulus_len()];
        pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text, &mut signature).unwrap();
        signature
    })
}
