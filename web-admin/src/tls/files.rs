//! The two files and what they hold.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pbx_core::model::UnixMillis;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use sha2::{Digest as _, Sha256};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::self_made::ORGANIZATION;
use super::{CertificateInfo, Loaded, TlsError};

use crate::{say, t};

/// A chain and a key are a few kilobytes; anything larger is the wrong file.
const MAX_BYTES: u64 = 256 * 1024;

/// Reads both files; `None` when neither is there.
pub(super) fn read(folder: &Path) -> Result<Option<Loaded>, TlsError> {
    let (cert_path, key_path) = (folder.join("cert.pem"), folder.join("key.pem"));
    let (chain, key) = match (read_one(&cert_path)?, read_one(&key_path)?) {
        (Some(chain), Some(key)) => (chain, key),
        (None, None) => return Ok(None),
        (Some(_), None) | (None, Some(_)) => return Err(TlsError::HalfThere(folder.to_owned())),
    };
    parse(&chain, &key, &cert_path, &key_path).map(Some)
}

/// Reads a chain and its key, both in PEM; the paths only name them in errors.
pub(super) fn parse(chain: &[u8], key: &[u8], cert_path: &PathBuf, key_path: &PathBuf) -> Result<Loaded, TlsError> {
    let unusable = |path: &PathBuf, problem: String| TlsError::Unusable { path: path.clone(), problem };
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(chain)
        .collect::<Result<_, _>>()
        .map_err(|why| unusable(cert_path, say("files-it-is-no-pem").with("why", &why).text()))?;
    let key = PrivateKeyDer::from_pem_slice(key)
        .map_err(|why| unusable(key_path, say("files-it-holds-no-private-key-in").with("why", &why).text()))?;
    let Some(first) = chain.first() else {
        return Err(unusable(cert_path, t("files-it-holds-no-certificate-put-the").into()));
    };
    let info =
        describe(first).ok_or_else(|| unusable(cert_path, t("files-the-first-certificate-cannot-be-read").into()))?;
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let key = CertifiedKey::from_der(chain, key, &provider)
        .map_err(|why| unusable(key_path, say("files-it-does-not-belong-to-the").with("why", &why).text()))?;
    Ok(Loaded { key: Arc::new(key), info })
}

fn read_one(path: &Path) -> Result<Option<Vec<u8>>, TlsError> {
    let failed = |source| TlsError::File { path: path.to_owned(), source };
    match fs::metadata(path) {
        Ok(found) if found.len() > MAX_BYTES => Err(TlsError::Unusable {
            path: path.to_owned(),
            problem: t("files-it-is-larger-than-any-certificate").into(),
        }),
        Ok(_) => fs::read(path).map(Some).map_err(failed),
        Err(missing) if missing.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(failed(source)),
    }
}

/// From when until when a certificate in PEM is good.
pub(crate) fn validity(chain: &str) -> Option<(UnixMillis, UnixMillis)> {
    let certificate = CertificateDer::from_pem_slice(chain.as_bytes()).ok()?;
    let (_, parsed) = X509Certificate::from_der(&certificate).ok()?;
    let at = |time: x509_parser::time::ASN1Time| UnixMillis(time.timestamp().saturating_mul(1000));
    Some((at(parsed.validity().not_before), at(parsed.validity().not_after)))
}

pub(super) fn describe(certificate: &CertificateDer<'_>) -> Option<CertificateInfo> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    let fingerprint: Vec<String> = Sha256::digest(certificate).iter().map(|byte| format!("{byte:02X}")).collect();
    let names = match parsed.subject_alternative_name() {
        Ok(Some(found)) => found.value.general_names.iter().filter_map(name).collect(),
        Ok(None) | Err(_) => Vec::new(),
    };
    let self_made = parsed.subject().iter_organization().any(|it| it.as_str().is_ok_and(|it| it == ORGANIZATION));
    Some(CertificateInfo {
        fingerprint: fingerprint.join(":"),
        self_made,
        not_after: UnixMillis(parsed.validity().not_after.timestamp().saturating_mul(1000)),
        names,
    })
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    if let GeneralName::DNSName(name) = name {
        return Some((*name).to_owned());
    }
    let GeneralName::IPAddress(bytes) = name else { return None };
    if let Ok(v4) = <[u8; 4]>::try_from(*bytes) {
        return Some(std::net::IpAddr::from(v4).to_string());
    }
    <[u8; 16]>::try_from(*bytes).ok().map(|v6| std::net::IpAddr::from(v6).to_string())
}

/// Writes both files, the key readable by us alone; each appears whole or not at all.
pub(super) fn write(folder: &Path, chain: &str, key: &str) -> Result<(), TlsError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| TlsError::File { path, source }
    };
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed(folder))?;
    for (name, text, mode) in [("key.pem", key, 0o600), ("cert.pem", chain, 0o644)] {
        let (path, half) = (folder.join(name), folder.join(format!("{name}.new")));
        let mut options = fs::OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(mode).open(&half).map_err(failed(&half))?;
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed(&half))?;
        fs::rename(&half, &path).map_err(failed(&path))?;
    }
    Ok(())
}
