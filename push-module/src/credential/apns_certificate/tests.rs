use super::*;
use crate::standin::{ApnsStandin, CertificateKind, TestCertificate};

const APP: &str = "com.example.phone";
/// 2026-11-21; the fixtures end in 2036.
const NOW: UnixMillis = UnixMillis(1_795_300_000_000);
const ENDS: UnixMillis = UnixMillis(1_800_000_000_000);

fn read(file: &str, key: &str, password: &str) -> Result<ApnsCertificate, CredentialError> {
    ApnsCertificate::read(Upload { file, key, password }, NOW)
}

fn code(file: &str, key: &str, password: &str) -> &'static str {
    read(file, key, password).expect_err("it was taken").code()
}

async fn issued(kind: CertificateKind) -> TestCertificate {
    let apple = ApnsStandin::start().await.expect("a stand-in");
    apple.issue(kind, APP, ENDS).expect("a certificate")
}

fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

#[tokio::test]
async fn each_kind_of_apples_certificates_names_its_topics_and_where_it_is_valid() {
    let (alert, voip, complication) = (APP.to_owned(), format!("{APP}.voip"), format!("{APP}.complication"));
    for (kind, topics, environment) in [
        (CertificateKind::Universal, vec![alert.clone(), voip.clone(), complication], ApnsEnvironment::Both),
        (CertificateKind::Development, vec![alert.clone()], ApnsEnvironment::Sandbox),
        (CertificateKind::Production, vec![alert], ApnsEnvironment::Production),
        (CertificateKind::Voip, vec![voip], ApnsEnvironment::Both),
    ] {
        let made = issued(kind).await;
        let read = read(&made.certificate_pem, made.key_pem.reveal(), "").unwrap();
        assert_eq!((read.topics(), read.environment()), (&topics[..], environment), "{kind:?}");
        assert_eq!((read.team_id(), read.ends_at()), (Some("NIGHTBELL1"), ENDS));
        let again = ApnsCertificate::stored(read.identity_pem().reveal()).unwrap();
        assert_eq!((again.fingerprint(), again.topics()), (read.fingerprint(), read.topics()));
        assert!(!format!("{read:?}").contains("BEGIN"));
    }
}

#[test]
fn a_p12_file_opens_with_its_password_and_no_other() {
    for (file, password) in [
        (&include_bytes!("fixtures/voip.p12")[..], "hörnchen"),
        // As the keychain of older Macs writes it: RC2 and Triple DES.
        (&include_bytes!("fixtures/voip-legacy.p12")[..], "old"),
    ] {
        let read = read(&base64(file), "", password).unwrap();
        assert_eq!(read.topics(), ["com.example.phone.voip"]);
        assert_eq!(read.team_id(), Some("DEF123GHIJ"));
        for wrong in ["", "wrong"] {
            assert_eq!(code(&base64(file), "", wrong), "bad_certificate_password");
        }
    }
}

#[tokio::test]
async fn a_certificate_in_one_file_with_its_key_is_taken_in_any_order() {
    let made = issued(CertificateKind::Voip).await;
    let (certificate, key) = (&made.certificate_pem, made.key_pem.reveal());
    let other = issued(CertificateKind::Universal).await.certificate_pem;
    for file in [format!("{certificate}{key}"), format!("{key}{certificate}"), format!("{other}{certificate}\r\n{key}")]
    {
        assert_eq!(read(&file, "", "").unwrap().topics(), ["com.example.phone.voip"]);
    }
}

#[tokio::test]
async fn each_wrong_file_is_refused_with_its_own_reason() {
    let voip = issued(CertificateKind::Voip).await;
    let signing = issued(CertificateKind::Signing).await;
    let (certificate, key) = (voip.certificate_pem.as_str(), voip.key_pem.reveal().as_str());
    let der = pem::decode(&pem::first(certificate).unwrap()).unwrap();
    assert_eq!(code(certificate, "", ""), "certificate_without_key");
    assert_eq!(code(&base64(&der), "", ""), "certificate_without_key", "aps.cer as Apple lets one download it");
    assert_eq!(code(&base64(include_bytes!("fixtures/no-key.p12")), "", "x"), "certificate_without_key");
    assert_eq!(code(key, "", ""), "key_without_certificate");
    assert_eq!(code(certificate, signing.key_pem.reveal(), ""), "certificate_key_mismatch");
    assert_eq!(code(&signing.certificate_pem, signing.key_pem.reveal(), ""), "certificate_not_for_push");
    let request = "-----BEGIN CERTIFICATE REQUEST-----\nAA==\n-----END CERTIFICATE REQUEST-----";
    assert_eq!(code(request, "", ""), "is_certificate_request");
    let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAA==\n-----END ENCRYPTED PRIVATE KEY-----";
    assert_eq!(code(certificate, encrypted, ""), "encrypted_certificate_key");
    assert_eq!(code("gateway.push.apple.com:2195", "", ""), "not_a_certificate");
    assert_eq!(code("", "", ""), "not_a_certificate");
    let cut = &include_bytes!("fixtures/voip.p12")[..400];
    assert_eq!(code(&base64(cut), "", "hörnchen"), "damaged_certificate");
    assert_eq!(code(&"A".repeat(200_000), "", ""), "too_large");
    let upload = Upload { file: certificate, key, password: "" };
    assert!(matches!(ApnsCertificate::read(upload, ENDS), Err(CredentialError::CertificateEnded { at: ENDS })));
}
