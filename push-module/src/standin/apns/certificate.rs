//! Client certificates as Apple issues them, and what they permit.

use pbx_core::model::Environment;
use pbx_core::model::{Redacted, UnixMillis};
use rcgen::{CertificateParams, CustomExtension, DnType, ExtendedKeyUsagePurpose};

use super::super::push::StandinError;
use super::super::tls::Authority;
use super::rules::Refused;

/// Apple's marks for sandbox, production and the list of topics.
const DEVELOPMENT: &[u64] = &[1, 2, 840, 113_635, 100, 6, 3, 1];
const PRODUCTION: &[u64] = &[1, 2, 840, 113_635, 100, 6, 3, 2];
const TOPIC_LIST: &[u64] = &[1, 2, 840, 113_635, 100, 6, 3, 6];
const UID: &[u64] = &[0, 9, 2342, 19_200_300, 100, 1, 1];
/// NULL in DER, the content of the marks.
const NOTHING: [u8; 2] = [0x05, 0x00];

/// The kinds that Apple issues.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CertificateKind {
    /// "Apple Push Services": every topic of the app, both environments.
    Universal,
    /// "Apple Development IOS Push Services": alerts of test builds.
    Development,
    /// "Apple Production IOS Push Services": alerts of builds from the store.
    Production,
    /// "VoIP Services": calls only.
    Voip,
    /// "Apple Development": signs apps and pushes nothing.
    Signing,
}

/// A certificate and its key in PEM.
#[derive(Debug, Clone)]
pub struct TestCertificate {
    /// The certificate.
    pub certificate_pem: String,
    /// The key.
    pub key_pem: Redacted<String>,
}

/// What a client certificate permits.
#[derive(Debug, Clone)]
pub(super) struct Permitted {
    topics: Vec<String>,
    environments: Vec<Environment>,
}

/// A certificate for `app` that is good from yesterday until `ends_at`.
pub(super) fn issue(
    authority: &Authority,
    kind: CertificateKind,
    app: &str,
    ends_at: UnixMillis,
) -> Result<(TestCertificate, Vec<u8>, Permitted), StandinError> {
    let both = vec![Environment::Production, Environment::Sandbox];
    let (name, subject, marks, topics, environments) = match kind {
        CertificateKind::Universal => {
            let topics = vec![app.to_owned(), format!("{app}.voip"), format!("{app}.complication")];
            ("Apple Push Services", app.to_owned(), vec![DEVELOPMENT, PRODUCTION], topics, both)
        }
        CertificateKind::Development => {
            let topics = vec![app.to_owned()];
            let name = "Apple Development IOS Push Services";
            (name, app.to_owned(), vec![DEVELOPMENT], topics, vec![Environment::Sandbox])
        }
        CertificateKind::Production => {
            let topics = vec![app.to_owned()];
            let name = "Apple Production IOS Push Services";
            (name, app.to_owned(), vec![PRODUCTION], topics, vec![Environment::Production])
        }
        CertificateKind::Voip => {
            let topic = format!("{app}.voip");
            ("VoIP Services", topic.clone(), vec![DEVELOPMENT, PRODUCTION], vec![topic], both)
        }
        CertificateKind::Signing => ("Apple Development", "ABCDE12345".to_owned(), vec![], vec![], vec![]),
    };
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CustomDnType(UID.to_vec()), subject);
    params.distinguished_name.push(DnType::CommonName, format!("{name}: {app}"));
    params.distinguished_name.push(DnType::OrganizationalUnitName, "NIGHTBELL1");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params.not_after = time::OffsetDateTime::from_unix_timestamp(ends_at.seconds()).map_err(|_| StandinError::Key)?;
    params.not_before = params.not_after - time::Duration::days(396);
    let marks = marks.into_iter().map(|oid| CustomExtension::from_oid_content(oid, NOTHING.to_vec()));
    params.custom_extensions.extend(marks);
    if kind == CertificateKind::Universal {
        params.custom_extensions.push(CustomExtension::from_oid_content(TOPIC_LIST, topic_list(app)));
    }
    let (certificate, key) = authority.issue(params)?;
    let made = TestCertificate { certificate_pem: certificate.pem(), key_pem: Redacted::new(key.serialize_pem()) };
    Ok((made, certificate.der().to_vec(), Permitted { topics, environments }))
}

/// Each topic, then in a sequence of its own what it is.
fn topic_list(app: &str) -> Vec<u8> {
    let mut list = Vec::new();
    for (suffix, word) in [("", "app"), (".voip", "voip"), (".complication", "complication")] {
        list.extend(element(0x0c, format!("{app}{suffix}").as_bytes()));
        list.extend(element(0x30, &element(0x0c, word.as_bytes())));
    }
    element(0x30, &list)
}

/// An element in DER; the contents here are shorter than 64 kB.
fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(content.len()).unwrap_or(u16::MAX).to_be_bytes();
    let mut element = match (high, low) {
        (0, 0..=0x7f) => vec![tag, low],
        (0, _) => vec![tag, 0x81, low],
        (_, _) => vec![tag, 0x82, high, low],
    };
    element.extend_from_slice(content);
    element
}

/// Checks that a client certificate may push to the topic here.
pub(super) fn check(permitted: Option<&Permitted>, topic: &str, here: Environment) -> Result<(), Refused> {
    let Some(permitted) = permitted else { return Err((403, "BadCertificate")) };
    if !permitted.environments.contains(&here) {
        return Err((403, "BadCertificateEnvironment"));
    }
    if !permitted.topics.iter().any(|it| it == topic) {
        return Err((400, "TopicDisallowed"));
    }
    Ok(())
}
