//! The certificate a phone was made with: what it proves, and why it proves nothing.
//!
//! Its maker's authority says that the private key in this phone belongs to this MAC (Yealink, Snom and Poly build one
//! into each phone; IEEE 802.1AR calls it an IDevID). The handshake shows that the phone has the key; this file looks
//! at the rest. Invariants: only an authority that an admin put in counts, and only for phones of its maker; exactly one MAC must
//! stand in the certificate, so one that many phones share ("generic") proves nothing.
//!
//! Pure: `(chain, authorities, now) -> Genuine or a reason`.

use std::collections::BTreeSet;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pbx_core::model::UnixMillis;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, UnixTime};
use sha2::{Digest as _, Sha256};
use thiserror::Error;
use webpki::{ALL_VERIFICATION_ALGS, EndEntityCert, KeyUsage, anchor_from_trusted_cert};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::{Mac, Vendor};

/// Characters of a name in a certificate that people are shown.
const NAME_CHARS: usize = 120;
/// Certificates above the phone's own that are looked at; makers use one or two.
const MOST_ABOVE: usize = 8;
/// Bytes of an upload; a maker's whole chain has 10 kB.
const MOST_BYTES: usize = 256 * 1024;

/// An authority whose word counts for the phones of one maker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authority {
    /// For whose phones.
    pub vendor: Vendor,
    /// Whom the certificate names.
    pub subject: String,
    /// SHA-256 of the certificate, as lower-case hex digits.
    pub fingerprint: String,
    /// When it ends.
    pub ends_at: UnixMillis,
    /// The certificate.
    pub der: CertificateDer<'static>,
}

/// Why an upload is no authority.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AuthorityError {
    /// No certificate in it.
    #[error(
        "there is no certificate in it; give the maker's authority in PEM, which begins with -----BEGIN CERTIFICATE-----"
    )]
    None,
    /// Damaged.
    #[error("certificate {0} in it cannot be read; it is cut or changed, so download it again")]
    Damaged(usize),
    /// A secret that does not belong here.
    #[error("there is a private key in it; give the authority's certificate alone, and treat that key as stolen")]
    PrivateKey,
    /// The certificate of one phone or server.
    #[error("{0} is no authority but somebody's own certificate; give the one that issued it")]
    NoAuthority(String),
    /// Larger than anything needed.
    #[error("it is larger than 256 kB; give the authority's certificate alone")]
    TooLarge,
}

impl Authority {
    /// Reads what was kept.
    pub fn kept(vendor: Vendor, der: Vec<u8>) -> Option<Self> {
        let der = CertificateDer::from(der);
        let (_, parsed) = X509Certificate::from_der(&der).ok()?;
        let subject = shown(&parsed.subject().to_string());
        let ends_at = ends(&parsed);
        let fingerprint = Sha256::digest(&der).iter().map(|byte| format!("{byte:02x}")).collect();
        Some(Self { vendor, subject, fingerprint, ends_at, der })
    }

    /// Reads an upload: one or more certificates of authorities in PEM, or one as Base64 of its DER, which is how a binary file
    /// comes here.
    pub fn read(vendor: Vendor, pem: &str) -> Result<Vec<Self>, AuthorityError> {
        if pem.len() > MOST_BYTES {
            return Err(AuthorityError::TooLarge);
        }
        if pem.contains("PRIVATE KEY-----") {
            return Err(AuthorityError::PrivateKey);
        }
        let mut all = Vec::new();
        if !pem.contains("-----BEGIN ") {
            let der = STANDARD.decode(pem.trim()).map_err(|_| AuthorityError::None)?;
            return Self::issuing(vendor, der, AuthorityError::None).map(|one| vec![one]);
        }
        for (index, der) in CertificateDer::pem_slice_iter(pem.as_bytes()).enumerate() {
            let damaged = AuthorityError::Damaged(index + 1);
            let der = der.map_err(|_| damaged.clone())?;
            all.push(Self::issuing(vendor, der.to_vec(), damaged)?);
        }
        if all.is_empty() { Err(AuthorityError::None) } else { Ok(all) }
    }

    fn issuing(vendor: Vendor, der: Vec<u8>, damaged: AuthorityError) -> Result<Self, AuthorityError> {
        let one = Self::kept(vendor, der).ok_or_else(|| damaged.clone())?;
        anchor_from_trusted_cert(&one.der).map_err(|_| damaged)?;
        if one.may_issue() { Ok(one) } else { Err(AuthorityError::NoAuthority(one.subject)) }
    }

    /// Certificates of version 1 cannot say so; the root of an old maker issues by being its own issuer.
    fn may_issue(&self) -> bool {
        let Ok((_, parsed)) = X509Certificate::from_der(&self.der) else { return false };
        match parsed.basic_constraints() {
            Ok(Some(constraints)) => constraints.value.ca,
            Ok(None) => parsed.version().0 == 0 && parsed.subject() == parsed.issuer(),
            Err(_) => false,
        }
    }
}

/// A phone that its maker vouches for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Genuine {
    /// Its address.
    pub mac: Mac,
    /// Its maker.
    pub vendor: Vendor,
}

/// Why a certificate proves nothing here.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NotGenuine {
    /// The phone showed none.
    #[error("it showed no factory certificate")]
    NoneShown,
    /// Not readable, or of a version that says too little.
    #[error("its certificate cannot be read")]
    Unreadable,
    /// Nobody we know issued it.
    #[error("its certificate is from {0}, which is none of the authorities here")]
    UnknownAuthority(String),
    /// Over.
    #[error("its certificate, or its authority's, has ended")]
    Ended,
    /// Not yet good, by our clock.
    #[error("its certificate begins in the future; look at this machine's clock")]
    NotYet,
    /// Signed in a way that others can forge.
    #[error("its certificate is signed in a way that can be forged today (SHA-1, or a short key)")]
    TooWeak,
    /// Made for something else.
    #[error("its certificate is not for devices that sign in")]
    OtherPurpose,
    /// Shared by many phones.
    #[error("its certificate names no MAC address: many phones share it, so it proves nothing")]
    NoMac,
    /// Not clear whose it is.
    #[error("its certificate names several MAC addresses")]
    SeveralMacs,
    /// The authority of one maker for a phone of another.
    #[error("its certificate is from {0}, but its MAC address is of {1}")]
    OtherMaker(&'static str, &'static str),
}

/// What the chain of a connection proves. `ended_too`: also when certificates have ended, at the time they were good.
pub fn judge(
    chain: &[CertificateDer<'_>],
    authorities: &[Authority],
    now: UnixMillis,
    ended_too: bool,
) -> Result<Genuine, NotGenuine> {
    let (own, above) = chain.split_first().ok_or(NotGenuine::NoneShown)?;
    let above = above.get(..above.len().min(MOST_ABOVE)).unwrap_or_default();
    let (_, parsed) = X509Certificate::from_der(own).map_err(|_| NotGenuine::Unreadable)?;
    let leaf = EndEntityCert::try_from(own).map_err(|_| NotGenuine::Unreadable)?;
    let at = if ended_too { now.min(first_end(chain)) } else { now };
    let vendor = issuer(&leaf, above, authorities, at, ended_too)
        .map_err(|why| why.unwrap_or_else(|| NotGenuine::UnknownAuthority(shown(&parsed.issuer().to_string()))))?;
    let mac = mac(&parsed)?;
    match mac.vendor() {
        Some(of) if of != vendor => Err(NotGenuine::OtherMaker(vendor.title(), of.title())),
        Some(_) | None => Ok(Genuine { mac, vendor }),
    }
}

/// Whose authority issued it; `Err(None)` when nobody's.
fn issuer(
    leaf: &EndEntityCert<'_>,
    above: &[CertificateDer<'_>],
    authorities: &[Authority],
    at: UnixMillis,
    ended_too: bool,
) -> Result<Vendor, Option<NotGenuine>> {
    let time = UnixTime::since_unix_epoch(Duration::from_millis(u64::try_from(at.0).unwrap_or(0)));
    let mut why = None;
    for authority in authorities {
        let Ok(anchor) = anchor_from_trusted_cert(&authority.der) else { continue };
        let anchors = [anchor];
        match leaf.verify_for_usage(ALL_VERIFICATION_ALGS, &anchors, above, time, KeyUsage::client_auth(), None, None) {
            // An anchor has no time of its own in the library.
            Ok(_) if !ended_too && authority.ends_at <= at => why = Some(NotGenuine::Ended),
            Ok(_) => return Ok(authority.vendor),
            Err(error) => why = why.or_else(|| reason(&error)),
        }
    }
    Err(why)
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the library's own enum, which grows")]
fn reason(error: &webpki::Error) -> Option<NotGenuine> {
    use webpki::Error as E;
    match error {
        E::CertExpired { .. } => Some(NotGenuine::Ended),
        E::CertNotValidYet { .. } => Some(NotGenuine::NotYet),
        E::UnsupportedSignatureAlgorithmContext(_) | E::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => {
            Some(NotGenuine::TooWeak)
        }
        E::RequiredEkuNotFoundContext(_) | E::CaUsedAsEndEntity => Some(NotGenuine::OtherPurpose),
        // All else means that no way leads to this authority.
        _ => None,
    }
}

fn ends(certificate: &X509Certificate<'_>) -> UnixMillis {
    UnixMillis(certificate.validity().not_after.timestamp().saturating_mul(1000))
}

/// When the first of them ends.
fn first_end(chain: &[CertificateDer<'_>]) -> UnixMillis {
    let parsed = chain.iter().filter_map(|der| X509Certificate::from_der(der).ok());
    parsed.map(|(_, certificate)| ends(&certificate)).min().unwrap_or(UnixMillis(i64::MAX))
}

/// The one MAC in the names of a certificate: its common name, its serial number (as a name), its alternative names.
fn mac(certificate: &X509Certificate<'_>) -> Result<Mac, NotGenuine> {
    let subject = certificate.subject();
    let own = subject.iter_common_name().chain(subject.iter_by_oid(&x509_parser::oid_registry::OID_X509_SERIALNUMBER));
    let mut found: BTreeSet<Mac> = own.filter_map(|name| name.as_str().ok()).flat_map(macs).collect();
    if let Ok(Some(names)) = certificate.subject_alternative_name() {
        for name in &names.value.general_names {
            if let GeneralName::DNSName(text) | GeneralName::URI(text) = name {
                found.extend(macs(text));
            }
        }
    }
    let mut all = found.into_iter();
    match (all.next(), all.next()) {
        (None, _) => Err(NotGenuine::NoMac),
        (Some(mac), None) => Ok(mac),
        (Some(_), Some(_)) => Err(NotGenuine::SeveralMacs),
    }
}

/// Every MAC that stands in a name as a word of its own; longer rows of digits are something else.
fn macs(text: &str) -> Vec<Mac> {
    let whole: Option<Mac> = text.parse().ok();
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, ':' | '-'));
    let word = |word: &str| word.parse().ok().or_else(|| word.rsplit_once('-').and_then(|(_, last)| last.parse().ok()));
    whole.into_iter().chain(words.filter_map(word)).collect()
}

/// A name as people are shown it.
fn shown(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(NAME_CHARS).collect()
}

#[cfg(test)]
pub(crate) mod tests;
