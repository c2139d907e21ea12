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

/// One element of DER.
fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).expect("a short element").to_be_bytes();
    [&[tag, 0x83], &length[1..], content].concat()
}

/// An object identifier in DER.
fn oid(text: &str) -> Vec<u8> {
    let mut numbers = text.split('.').map(|it| it.parse::<u32>().expect("a number"));
    let (first, second) = (numbers.next().expect("two numbers"), numbers.next().expect("two numbers"));
    let mut content = vec![u8::try_from(first * 40 + second).expect("a small number")];
    for number in numbers {
        let digits = [number >> 28, number >> 21, number >> 14, number >> 7, number].map(|it| (it & 0x7f) as u8);
        let from = digits.iter().position(|it| *it != 0).unwrap_or(4);
        content.extend(digits[from..4].iter().map(|it| it | 0x80));
        content.push(digits[4]);
    }
    tlv(0x06, &content)
}

fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    tlv(0x30, &parts.concat())
}

const BAGS: &str = "1.2.840.113549.1.12.10.1";

fn key_bag(key: &[u8]) -> Vec<u8> {
    sequence(&[&oid(&format!("{BAGS}.1")), &tlv(0xa0, key)])
}

fn certificate_bag(certificate: &[u8]) -> Vec<u8> {
    let inside = sequence(&[&oid("1.2.840.113549.1.9.22.1"), &tlv(0xa0, &tlv(0x04, certificate))]);
    sequence(&[&oid(&format!("{BAGS}.3")), &tlv(0xa0, &inside)])
}

/// A key that is locked with this algorithm.
fn locked_key_bag(algorithm: &[u8]) -> Vec<u8> {
    let inside = sequence(&[algorithm, &tlv(0x04, &[0; 32])]);
    sequence(&[&oid(&format!("{BAGS}.2")), &tlv(0xa0, &inside)])
}

/// A whole file with these bags, in the clear but for them; base64.
fn p12(bags: &[&[u8]], mac: &[u8]) -> String {
    let data = oid("1.2.840.113549.1.7.1");
    let contents = sequence(&[&data, &tlv(0xa0, &tlv(0x04, &sequence(bags)))]);
    let safe = sequence(&[&data, &tlv(0xa0, &tlv(0x04, &sequence(&[&contents])))]);
    base64(&sequence(&[&tlv(0x02, &[3]), &safe, mac]))
}

fn pbes2(derivation: &[u8]) -> Vec<u8> {
    let cipher = sequence(&[&oid("2.16.840.1.101.3.4.1.42"), &tlv(0x04, &[0; 16])]);
    sequence(&[&oid("1.2.840.113549.1.5.13"), &sequence(&[derivation, &cipher])])
}

fn pbkdf2(repetitions: &[u8]) -> Vec<u8> {
    let function = sequence(&[&oid("1.2.840.113549.2.9"), &tlv(0x05, &[])]);
    let params = sequence(&[&tlv(0x04, &[7; 8]), &tlv(0x02, repetitions), &function]);
    pbes2(&sequence(&[&oid("1.2.840.113549.1.5.12"), &params]))
}

/// An authority with this subject and this issuer.
fn authority(subject: &str, issuer: &str) -> Vec<u8> {
    let named = |name: &str| {
        let mut params = rcgen::CertificateParams::default();
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        params
    };
    let key = rcgen::KeyPair::generate().expect("a key");
    let issuer = rcgen::Issuer::new(named(issuer), rcgen::KeyPair::generate().expect("a key"));
    named(subject).signed_by(&key, &issuer).expect("a certificate").der().to_vec()
}

fn der_of(pem_text: &str) -> Vec<u8> {
    pem::decode(&pem::first(pem_text).expect("a frame")).expect("base64").to_vec()
}

#[tokio::test]
async fn a_p12_file_whose_issuers_go_round_in_a_circle_is_read_and_the_circle_is_cut() {
    let made = issued(CertificateKind::Voip).await;
    let (own, key) = (der_of(&made.certificate_pem), der_of(made.key_pem.reveal()));
    let (_, parsed) = x509_parser::parse_x509_certificate(&own).unwrap();
    let above = parsed.issuer().iter_common_name().next().unwrap().as_str().unwrap().to_owned();
    let (one, two) = (authority(&above, "Round"), authority("Round", &above));
    let bags = [key_bag(&key), certificate_bag(&two), certificate_bag(&own), certificate_bag(&one)];
    let file = p12(&bags.each_ref().map(Vec::as_slice), &[]);
    let read = read(&file, "", "").unwrap();
    assert_eq!(read.topics(), ["com.example.phone.voip"]);
    let chain: Vec<_> = pem::all(read.identity_pem().reveal()).filter(|it| it.label == "CERTIFICATE").collect();
    let chain: Vec<_> = chain.iter().map(|it| pem::decode(it).unwrap().to_vec()).collect();
    assert_eq!(chain, [own, one, two], "each once, in the order of a handshake");
}

#[test]
fn a_p12_file_that_asks_for_endless_work_is_refused_at_once_and_says_so() {
    let two_thousand_million = [0x7f, 0xff, 0xff, 0xff];
    let old = |scheme: &str, repetitions: &[u8]| {
        let params = sequence(&[&tlv(0x04, &[7; 8]), &tlv(0x02, repetitions)]);
        sequence(&[&oid(scheme), &params])
    };
    let mac = |repetitions: &[u8]| {
        let algorithm = sequence(&[&oid("2.16.840.1.101.3.4.2.1"), &tlv(0x05, &[])]);
        let info = sequence(&[&algorithm, &tlv(0x04, &[0; 32])]);
        sequence(&[&info, &tlv(0x04, &[7; 8]), &tlv(0x02, repetitions)])
    };
    let locked = |algorithm: &[u8]| p12(&[&locked_key_bag(algorithm)], &[]);
    let crowd = key_bag(&[0x30, 0]);
    let rows = [
        ("the checksum", p12(&[], &mac(&two_thousand_million))),
        ("PBKDF2", locked(&pbkdf2(&two_thousand_million))),
        ("PBKDF2 beyond all numbers", locked(&pbkdf2(&[0x7f; 20]))),
        ("Triple DES", locked(&old("1.2.840.113549.1.12.1.3", &two_thousand_million))),
        ("RC2", locked(&old("1.2.840.113549.1.12.1.6", &two_thousand_million))),
        ("hundreds of bags", p12(&vec![crowd.as_slice(); 300], &[])),
    ];
    for (what, file) in rows {
        let refused = read(&file, "", "x").expect_err(what);
        assert_eq!((refused.code(), refused.field()), ("certificate_too_costly", Some("certificate")), "{what}");
        assert!(refused.to_string().contains("export it again"), "{what}: {refused}");
    }
    let scrypt = pbes2(&sequence(&[&oid("1.3.6.1.4.1.11591.4.11"), &sequence(&[])]));
    assert_eq!(code(&locked(&scrypt), "", "x"), "unknown_certificate_cipher", "it may ask for any amount of memory");
    for repetitions in [&[0][..], &[0xff], &[]] {
        assert_eq!(code(&locked(&pbkdf2(repetitions)), "", "x"), "damaged_certificate", "{repetitions:?}");
    }
}

#[test]
fn a_p12_file_that_was_cut_or_changed_anywhere_is_refused_and_nothing_panics() {
    let whole = include_bytes!("fixtures/voip.p12");
    for length in (0..whole.len()).step_by(13) {
        assert!(read(&base64(&whole[..length]), "", "hörnchen").is_err(), "{length}");
    }
    for position in (0..whole.len()).step_by(29) {
        let mut changed = whole.to_vec();
        changed[position] ^= 0x41;
        // The checksum covers all but what names it.
        let _ = read(&base64(&changed), "", "hörnchen");
    }
}
