//! Addresses and additional roots that an admin may give.

use std::fmt;

use rustls::pki_types::CertificateDer;
use serde::{Deserialize, Serialize};
use url::Url;

use super::CredentialError;
use super::apns_key::shortened;

/// Apple's host for store and TestFlight builds.
pub const APNS_PRODUCTION: &str = "https://api.push.apple.com";
/// Apple's host for builds run from Xcode.
pub const APNS_SANDBOX: &str = "https://api.sandbox.push.apple.com";
/// Google's host for sending.
pub const FCM_BASE: &str = "https://fcm.googleapis.com";
/// Huawei's host for sending.
pub const HMS_BASE: &str = "https://push-api.cloud.huawei.com";
/// Huawei's host for access tokens.
pub const HMS_TOKEN: &str = "https://oauth-login.cloud.huawei.com/oauth2/v3/token";
/// Acrobits' push mediator.
pub const ACROBITS_MEDIATOR: &str = "https://pnm.cloudsoftphone.com/pnm2/send";

/// A handful of roots has 10 kB; a whole bundle of a system has 200 kB and is not what is meant.
const CA_BYTES: usize = 64 * 1024;

/// A base URL without a slash at its end: https, or plain http on the loopback.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BaseUrl(String);

impl BaseUrl {
    /// One of the constants above.
    pub(crate) fn known(url: &'static str) -> Self {
        Self(url.to_owned())
    }

    /// Validates what was given for `field`; empty means `default`.
    pub fn parse(field: &'static str, given: Option<&str>, default: &'static str) -> Result<Self, CredentialError> {
        let Some(given) = given.map(str::trim).filter(|given| !given.is_empty()) else {
            return Ok(Self::known(default));
        };
        check_url(given).map_err(|problem| CredentialError::Url { field, given: shortened(given), problem })?;
        Ok(Self(given.trim_end_matches('/').to_owned()))
    }

    /// Validates what was given for `field`, which has no default.
    pub fn required(field: &'static str, given: &str) -> Result<Self, CredentialError> {
        let given = given.trim();
        check_url(given).map_err(|problem| CredentialError::Url { field, given: shortened(given), problem })?;
        Ok(Self(given.trim_end_matches('/').to_owned()))
    }

    /// The host with its port, for names on pages.
    pub fn host(&self) -> &str {
        let rest = self.0.split_once("://").map_or(self.0.as_str(), |(_, rest)| rest);
        rest.split('/').next().unwrap_or(rest)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is plain http (on the loopback).
    pub fn is_plain(&self) -> bool {
        self.0.starts_with("http:")
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether a URL may be asked at all; the error is the problem with its fix.
pub(super) fn check_url(given: &str) -> Result<(), &'static str> {
    let url = Url::parse(given).map_err(|_| "this is not an address; write it like https://push.example.com:443")?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("it must not contain a user name or password");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("it must end with the host, the port or a path, without “?” and “#”");
    }
    let Some(host) = url.host_str() else { return Err("the host is missing; write it like https://push.example.com") };
    if let Some(ended) = ended(host, url.port(), url.path()) {
        return Err(ended);
    }
    match url.scheme() {
        "https" => Ok(()),
        "http" if is_loopback(host) => Ok(()),
        "http" => Err(
            "it must begin with https://; plain http is taken for 127.0.0.1 only, because keys would be readable on the way",
        ),
        _ => Err("it must begin with https://"),
    }
}

/// Interfaces that were shut down and still stand in old instructions.
fn ended(host: &str, port: Option<u16>, path: &str) -> Option<&'static str> {
    let is_binary_host = matches!(host, "gateway.push.apple.com" | "gateway.sandbox.push.apple.com")
        || matches!(host, "feedback.push.apple.com" | "feedback.sandbox.push.apple.com");
    let is_apple = host.ends_with(".push.apple.com");
    if is_binary_host || (is_apple && matches!(port, Some(2195 | 2196))) {
        return Some(
            "Apple shut down its binary interface (ports 2195 and 2196) in 2021; leave the field empty, or give https://api.push.apple.com with port 443 or 2197",
        );
    }
    if matches!(host, "gcm-http.googleapis.com" | "android.googleapis.com" | "android.apis.google.com") {
        return Some("Google shut down GCM in 2019; leave the field empty and upload a service account of Firebase");
    }
    if host == "fcm.googleapis.com" && path.starts_with("/fcm/send") {
        return Some(
            "Google shut down this interface and its server keys in 2024; leave the field empty and upload a service account",
        );
    }
    None
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || bare.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Validates additional roots; empty means none.
pub fn check_ca(pem: Option<&str>) -> Result<Option<String>, CredentialError> {
    let Some(pem) = pem.map(str::trim).filter(|pem| !pem.is_empty()) else { return Ok(None) };
    let bad = |problem: &str| CredentialError::BadCa { problem: problem.to_owned() };
    if pem.len() > CA_BYTES {
        return Err(bad("it is larger than 64 kB; give the one root that is missing"));
    }
    if pem.contains("PRIVATE KEY") {
        return Err(bad("it holds a private key; give the certificate only"));
    }
    if !pem.contains("-----BEGIN CERTIFICATE-----") {
        return Err(bad("no certificate is in it"));
    }
    roots(pem).map_err(|problem| CredentialError::BadCa { problem })?;
    Ok(Some(pem.to_owned()))
}

/// The certificates of a validated PEM text.
pub(crate) fn roots(pem: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    use rustls::pki_types::pem::PemObject as _;
    let mut store = rustls::RootCertStore::empty();
    let mut found = Vec::new();
    for der in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        let der = der.map_err(|_| "it was cut or changed when copied".to_owned())?;
        store.add(der.clone()).map_err(|_| "a certificate in it is damaged".to_owned())?;
        found.push(der);
    }
    if found.is_empty() {
        return Err("no certificate is in it".to_owned());
    }
    Ok(found)
}

#[cfg(test)]
mod tests;
