//! Makes a certificate for a machine that has no better one yet.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};
use std::time::Duration;

use jiff::Timestamp;
use pbx_core::model::UnixMillis;
use rcgen::{CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose};

use super::{CertificateInfo, TlsError};

/// How we know our own certificates again.
pub(super) const ORGANIZATION: &str = "Nightbell self-made certificate";
/// Apple refuses longer ones (support.apple.com/103769 allows 825 days for private issuers).
const VALID_FOR: Duration = Duration::from_secs(820 * 86_400);
/// A clock that runs ahead on a phone must not refuse a fresh certificate.
const BACKDATED: Duration = Duration::from_secs(86_400);
/// Time left at which a new one is made.
const RENEW_BEFORE: Duration = Duration::from_secs(30 * 86_400);

/// Makes a certificate and its key, both in PEM.
pub(super) fn make(public_host: &str, now: UnixMillis) -> Result<(String, String), TlsError> {
    let mut params = CertificateParams::new(names(public_host))?;
    let mut subject = DistinguishedName::new();
    subject.push(DnType::OrganizationName, ORGANIZATION);
    subject.push(DnType::CommonName, if public_host.is_empty() { "localhost" } else { public_host });
    params.distinguished_name = subject;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let (year, month, day) = date(now - BACKDATED);
    params.not_before = rcgen::date_time_ymd(year, month, day);
    let (year, month, day) = date(now + VALID_FOR);
    params.not_after = rcgen::date_time_ymd(year, month, day);
    let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
    let certificate = params.self_signed(&key)?;
    Ok((certificate.pem(), key.serialize_pem()))
}

/// Whether a certificate of ours can stay: it has time left and is for the public name.
pub(super) fn still_good(info: &CertificateInfo, public_host: &str, now: UnixMillis) -> bool {
    // One IPv6 address can be written in many ways.
    let same = |name: &String| match (name.parse::<IpAddr>(), public_host.parse::<IpAddr>()) {
        (Ok(name), Ok(host)) => name == host,
        (Ok(_), Err(_)) | (Err(_), Ok(_)) | (Err(_), Err(_)) => name.eq_ignore_ascii_case(public_host),
    };
    let named = public_host.is_empty() || info.names.iter().any(same);
    named && info.not_after > now + RENEW_BEFORE
}

fn names(public_host: &str) -> Vec<String> {
    let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    if !public_host.is_empty() {
        names.insert(0, public_host.to_owned());
    }
    names.extend(own_addresses().iter().map(ToString::to_string));
    names.sort();
    names.dedup();
    names
}

/// The addresses this machine would use to reach the world; nothing is sent.
pub(crate) fn own_addresses() -> Vec<IpAddr> {
    let towards = |local: IpAddr, remote: IpAddr| {
        let socket = UdpSocket::bind((local, 0)).ok()?;
        socket.connect((remote, 9)).ok()?;
        let own = socket.local_addr().ok()?.ip();
        (!own.is_loopback() && !own.is_unspecified()).then_some(own)
    };
    let (test_net, documentation) = (Ipv4Addr::new(192, 0, 2, 1), Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1));
    [
        towards(Ipv4Addr::UNSPECIFIED.into(), test_net.into()),
        towards(Ipv6Addr::UNSPECIFIED.into(), documentation.into()),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn date(at: UnixMillis) -> (i32, u8, u8) {
    let day = Timestamp::from_millisecond(at.0).unwrap_or_default().to_zoned(jiff::tz::TimeZone::UTC).date();
    (i32::from(day.year()), u8::try_from(day.month()).unwrap_or(1), u8::try_from(day.day()).unwrap_or(1))
}
