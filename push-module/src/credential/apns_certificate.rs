//! The APNs client certificate: offline validation with a reason for every wrong file.
//!
//! Apple made these before token keys and still issues them. A certificate names the apps it is for, ends after thirteen
//! months, and proves itself in the TLS handshake, so a push with it carries no provider token. Only certificate and key
//! are kept, in one PEM text; the password of a `.p12` file is forgotten.

use std::fmt::{self, Write as _};
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rsa;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pbx_core::model::{Redacted, UnixMillis};
use x509_parser::certificate::X509Certificate;
use x509_parser::der_parser::asn1_rs::{Oid, oid};

use super::der::strings_within;
use super::p12::{self, Shut};
use super::{ApnsEnvironment, CredentialError, pem};

/// Certificate, chain and key in PEM have 8 kB; a keychain that was exported whole has far more.
const FILE_BYTES: usize = 128 * 1024;
/// The certificate of its own and Apple's above it; more does not belong into a handshake.
const CHAIN: usize = 5;
/// What a certificate may name; Apple's name four.
const TOPICS: usize = 16;

// Apple, "Worldwide Developer Relations Certification Practice Statement", section 4.11.3 (certificate extensions).
/// Valid in the sandbox.
const DEVELOPMENT: Oid<'static> = oid!(1.2.840.113635.100.6.3.1);
/// Valid in production.
const PRODUCTION: Oid<'static> = oid!(1.2.840.113635.100.6.3.2);
/// The topics, each followed by what it is.
const TOPIC_LIST: Oid<'static> = oid!(1.2.840.113635.100.6.3.6);
/// `UID` in the subject (RFC 4519 section 2.39): the bundle id.
const UID: Oid<'static> = oid!(0.9.2342.19200300.100.1.1);

/// A validated certificate with its key; cheap to clone.
#[derive(Clone)]
pub struct ApnsCertificate {
    identity_pem: Arc<Redacted<String>>,
    fingerprint: String,
    /// As `apns-topic` names them.
    topics: Vec<String>,
    environment: ApnsEnvironment,
    team_id: Option<String>,
    ends_at: UnixMillis,
}

impl fmt::Debug for ApnsCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApnsCertificate({}, hidden)", self.topics.join(" "))
    }
}

/// What was uploaded.
#[derive(Debug, Clone, Copy)]
pub(super) struct Upload<'a> {
    /// PEM, or a `.p12` file in base64.
    pub(super) file: &'a str,
    /// The key in PEM, when it is a file of its own.
    pub(super) key: &'a str,
    /// The password of the `.p12` file.
    pub(super) password: &'a str,
}

impl ApnsCertificate {
    /// Reads an upload; `now` decides whether the certificate has ended.
    pub(super) fn read(upload: Upload<'_>, now: UnixMillis) -> Result<Self, CredentialError> {
        let bytes = upload.file.len() + upload.key.len();
        if bytes > FILE_BYTES {
            return Err(CredentialError::TooLarge { what: "certificate", bytes, limit: FILE_BYTES });
        }
        let (chain, key) = if upload.file.contains("-----BEGIN") {
            from_pem(upload.file, upload.key)?
        } else {
            from_p12(upload.file, upload.password)?
        };
        let certificate = Self::of_parts(chain, &key)?;
        if certificate.ends_at <= now {
            return Err(CredentialError::CertificateEnded { at: certificate.ends_at });
        }
        Ok(certificate)
    }

    /// Reads a stored secret: certificates and key in one PEM text. One that has ended is read as well; pushes with it are
    /// refused by name.
    pub(super) fn stored(secret: &str) -> Result<Self, CredentialError> {
        let (chain, key) = from_pem(secret, "")?;
        Self::of_parts(chain, &key)
    }

    fn of_parts(mut chain: Vec<Vec<u8>>, key: &[u8]) -> Result<Self, CredentialError> {
        let public_key = public_key(key)?;
        // Its owner's certificate may stand anywhere in the file.
        let own =
            chain.iter().position(|der| is_of(der, &public_key)).ok_or(CredentialError::CertificateKeyMismatch)?;
        let own = chain.remove(own);
        let (_, parsed) = x509_parser::parse_x509_certificate(&own).map_err(|_| CredentialError::DamagedCertificate)?;
        let common_name = text_of(parsed.subject().iter_common_name());
        let topics = topics(&parsed, &common_name)?;
        let environment = environment(&parsed, &common_name)?;
        let fingerprint = digest(&SHA256, &own).as_ref().iter().take(16).fold(String::new(), |mut hex, byte| {
            // Writing to a String cannot fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        });
        let team_id = Some(text_of(parsed.subject().iter_organizational_unit())).filter(|team| team.len() == 10);
        let ends_at = UnixMillis(parsed.validity().not_after.timestamp().saturating_mul(1000));
        let chain = in_order(own, chain);
        let mut identity = String::new();
        for der in &chain {
            frame(&mut identity, "CERTIFICATE", der);
        }
        frame(&mut identity, "PRIVATE KEY", key);
        Ok(Self { identity_pem: Arc::new(Redacted::new(identity)), fingerprint, topics, environment, team_id, ends_at })
    }

    /// Certificates and key in one PEM text; a secret.
    pub(crate) fn identity_pem(&self) -> &Redacted<String> {
        &self.identity_pem
    }

    /// The first 16 bytes of the SHA-256 of the certificate, in hex.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// The topics it may push to, as `apns-topic` names them.
    pub fn topics(&self) -> &[String] {
        &self.topics
    }

    /// Where it is valid.
    pub fn environment(&self) -> ApnsEnvironment {
        self.environment
    }

    /// Whose it is, if it says so.
    pub fn team_id(&self) -> Option<&str> {
        self.team_id.as_deref()
    }

    /// After this Apple refuses it.
    pub fn ends_at(&self) -> UnixMillis {
        self.ends_at
    }
}

/// The app of a topic: VoIP pushes and complications have topics of their own.
pub(super) fn app_of(topic: &str) -> &str {
    [".voip", ".complication"].iter().find_map(|suffix| topic.strip_suffix(suffix)).unwrap_or(topic)
}

type Parts = (Vec<Vec<u8>>, Vec<u8>);

fn from_pem(file: &str, key: &str) -> Result<Parts, CredentialError> {
    let (mut chain, mut found) = (Vec::new(), None);
    for frame in pem::all(file).chain(pem::all(key)) {
        match frame.label {
            "CERTIFICATE" | "TRUSTED CERTIFICATE" => {
                chain.push(pem::decode(&frame).ok_or(CredentialError::DamagedCertificate)?.to_vec());
            }
            "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST" => return Err(CredentialError::CertificateRequest),
            "ENCRYPTED PRIVATE KEY" => return Err(CredentialError::CertificateKeyEncrypted),
            "PRIVATE KEY" | "RSA PRIVATE KEY" | "EC PRIVATE KEY" if frame.body.contains("ENCRYPTED") => {
                return Err(CredentialError::CertificateKeyEncrypted);
            }
            "PRIVATE KEY" | "RSA PRIVATE KEY" | "EC PRIVATE KEY" => {
                let der = pem::decode(&frame).ok_or(CredentialError::DamagedCertificate)?;
                found = Some(der.to_vec());
            }
            _ => {}
        }
    }
    match (chain.is_empty(), found) {
        (false, Some(key)) => Ok((chain, key)),
        (false, None) => Err(CredentialError::CertificateWithoutKey),
        (true, Some(_)) => Err(CredentialError::KeyWithoutCertificate),
        (true, None) => Err(CredentialError::NotACertificate),
    }
}

fn from_p12(file: &str, password: &str) -> Result<Parts, CredentialError> {
    let text: String = file.chars().filter(|c| !c.is_whitespace()).collect();
    let der = STANDARD.decode(text).map_err(|_| CredentialError::NotACertificate)?;
    if der.is_empty() {
        return Err(CredentialError::NotACertificate);
    }
    // A bare certificate as Apple lets one download it (`aps.cer`).
    if x509_parser::parse_x509_certificate(&der).is_ok() {
        return Err(CredentialError::CertificateWithoutKey);
    }
    let opened = p12::open(&der, password).map_err(|shut| match shut {
        Shut::Damaged => CredentialError::DamagedCertificate,
        Shut::Password => CredentialError::CertificatePassword,
        Shut::Cipher => CredentialError::CertificateCipher,
        Shut::Costly => CredentialError::CertificateCostly,
    })?;
    match (&opened.keys[..], opened.certificates.is_empty()) {
        ([key], false) => Ok((opened.certificates, key.to_vec())),
        ([_], true) => Err(CredentialError::KeyWithoutCertificate),
        ([], _) => Err(CredentialError::CertificateWithoutKey),
        ([_, _, ..], _) => Err(CredentialError::SeveralCertificates),
    }
}

/// The public half of a private key in PKCS#8, PKCS#1 or SEC 1.
fn public_key(key: &[u8]) -> Result<Vec<u8>, CredentialError> {
    if let Ok(pair) = rsa::KeyPair::from_pkcs8(key).or_else(|_| rsa::KeyPair::from_der(key)) {
        return Ok(pair.public_key().as_ref().to_vec());
    }
    let curves = [&ECDSA_P256_SHA256_FIXED_SIGNING, &ECDSA_P384_SHA384_FIXED_SIGNING];
    let pair = curves.iter().find_map(|curve| EcdsaKeyPair::from_private_key_der(curve, key).ok());
    pair.map(|pair| pair.public_key().as_ref().to_vec()).ok_or(CredentialError::DamagedCertificate)
}

/// The certificate and whoever issued it, one after the other, as a handshake shows them; what is not on the way stays out.
fn in_order(own: Vec<u8>, mut others: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let mut chain = vec![own];
    while chain.len() < CHAIN
        && let Some((_, last)) = chain.last().and_then(|der| x509_parser::parse_x509_certificate(der).ok())
        && let Some(next) = others
            .iter()
            .position(|der| x509_parser::parse_x509_certificate(der).is_ok_and(|(_, it)| it.subject() == last.issuer()))
    {
        // Each is taken once, so a circle ends.
        let next = others.remove(next);
        chain.push(next);
    }
    chain
}

fn is_of(certificate: &[u8], public_key: &[u8]) -> bool {
    x509_parser::parse_x509_certificate(certificate)
        .is_ok_and(|(_, parsed)| parsed.public_key().subject_public_key.data.as_ref() == public_key)
}

fn text_of<'a>(mut attributes: impl Iterator<Item = &'a x509_parser::x509::AttributeTypeAndValue<'a>>) -> String {
    attributes.next().and_then(|it| it.as_str().ok()).unwrap_or_default().to_owned()
}

fn has(certificate: &X509Certificate<'_>, oid: &Oid<'_>) -> bool {
    certificate.extensions().iter().any(|it| it.oid == *oid)
}

fn is_for_voip(common_name: &str) -> bool {
    common_name.starts_with("VoIP Services:")
}

fn environment(certificate: &X509Certificate<'_>, common_name: &str) -> Result<ApnsEnvironment, CredentialError> {
    match (has(certificate, &PRODUCTION), has(certificate, &DEVELOPMENT)) {
        (true, true) => Ok(ApnsEnvironment::Both),
        (true, false) => Ok(ApnsEnvironment::Production),
        (false, true) => Ok(ApnsEnvironment::Sandbox),
        // Those for VoIP are good for both hosts, whether they say so or not.
        (false, false) if is_for_voip(common_name) => Ok(ApnsEnvironment::Both),
        (false, false) => Err(not_for_push(common_name)),
    }
}

fn not_for_push(common_name: &str) -> CredentialError {
    CredentialError::NotForPush { found: super::apns_key::shortened(common_name) }
}

/// What it may push to: the list Apple writes into certificates for all kinds of pushes, else the bundle id of the subject.
fn topics(certificate: &X509Certificate<'_>, common_name: &str) -> Result<Vec<String>, CredentialError> {
    let list = certificate.extensions().iter().find(|it| it.oid == TOPIC_LIST);
    let mut topics: Vec<String> = list.map(|it| strings_within(it.value)).unwrap_or_default();
    // Between the topics stand the words for what each is.
    topics.retain(|topic| topic.contains('.'));
    if topics.is_empty() {
        let subject = text_of(certificate.subject().iter_by_oid(&UID));
        if subject.is_empty() {
            return Err(not_for_push(common_name));
        }
        let is_bare_voip = is_for_voip(common_name) && !subject.ends_with(".voip");
        topics.push(if is_bare_voip { format!("{subject}.voip") } else { subject });
    }
    topics.truncate(TOPICS);
    let is_topic = |topic: &String| {
        topic.len() <= 200 && topic.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'))
    };
    if topics.iter().all(is_topic) { Ok(topics) } else { Err(not_for_push(common_name)) }
}

fn frame(text: &mut String, label: &str, der: &[u8]) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "-----BEGIN {label}-----\n{}\n-----END {label}-----", STANDARD.encode(der));
}

#[cfg(all(test, feature = "standin"))]
mod tests;
