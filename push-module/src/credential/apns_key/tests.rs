use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED_SIGNING, UnparsedPublicKey};
use base64::engine::general_purpose::STANDARD;

use super::*;
use crate::credential::pem;

fn pem_of(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
}

fn p256() -> (Vec<u8>, EcdsaKeyPair) {
    let der = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der.as_ref()).unwrap();
    (der.as_ref().to_vec(), pair)
}

fn parse(text: &str) -> Result<ApnsKey, CredentialError> {
    ApnsKey::parse("ABC123DEFG", "TEAM123456", text)
}

fn code(text: &str) -> &'static str {
    parse(text).unwrap_err().code()
}

#[test]
fn a_key_is_taken_however_it_was_pasted() {
    let (der, pair) = p256();
    let pem = pem_of("PRIVATE KEY", &der);
    let wrapped = pem.replace('\n', "\r\n");
    let variants = [
        pem.clone(),
        wrapped,
        format!("\u{feff}\n  {pem}\n\n"),
        pem.trim_end().replace('\n', " "),
        pem.replace('\n', "\\n"),
        format!("Bag Attributes\n    friendlyName: push\n{pem}"),
    ];
    for variant in variants {
        let key = parse(&variant).unwrap();
        assert_eq!(key.fingerprint(), fingerprint(pair.public_key().as_ref()), "{variant:?}");
    }
}

#[test]
fn the_form_that_openssl_writes_is_taken_as_well() {
    use aws_lc_rs::encoding::{AsDer as _, EcPrivateKeyRfc5915Der};
    let (_, pair) = p256();
    let der: EcPrivateKeyRfc5915Der<'_> = pair.private_key().as_der().unwrap();
    let sec1 = pem_of("EC PRIVATE KEY", der.as_ref());
    assert!(parse(&sec1).is_ok());
    assert!(parse(&format!("{}{sec1}", pem_of("EC PARAMETERS", &[6, 8]))).is_ok());
}

#[test]
fn every_wrong_file_is_called_by_its_name() {
    let (der, pair) = p256();
    let p384 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, &SystemRandom::new()).unwrap();
    let cut = pem_of("PRIVATE KEY", &der);
    let cases = [
        (String::new(), "not_a_key"),
        ("hello".to_owned(), "not_a_key"),
        ("AAAAabc:APA91b".to_owned(), "not_a_key"),
        (cut[..100].to_owned(), "damaged_key"),
        (pem_of("PRIVATE KEY", &der[..60]), "damaged_key"),
        (pem_of("PRIVATE KEY", b"hello"), "damaged_key"),
        (cut.replace("BEGIN PRIVATE KEY-----\n", "BEGIN PRIVATE KEY-----\n%%%"), "damaged_key"),
        (pem_of("CERTIFICATE", &der), "is_certificate"),
        ("MIIKgAIBAzCCCk8GCSqGSIb3DQEHAaCCCkAEggo8".to_owned(), "is_certificate"),
        (pem_of("CERTIFICATE REQUEST", &der), "is_certificate"),
        (pem_of("PUBLIC KEY", pair.public_key().as_ref()), "is_public_key"),
        (pem_of("PRIVATE KEY", p384.as_ref()), "wrong_curve"),
        (pem_of("RSA PRIVATE KEY", &der), "is_rsa_key"),
        (pem_of("ENCRYPTED PRIVATE KEY", &der), "encrypted_key"),
        (
            "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END EC PRIVATE KEY-----".to_owned(),
            "encrypted_key",
        ),
        (pem_of("OPENSSH PRIVATE KEY", &der), "other_key_kind"),
        ("{\"type\": \"service_account\"}".to_owned(), "is_firebase_file"),
        ("x".repeat(FILE_BYTES + 1), "too_large"),
    ];
    for (text, expected) in cases {
        assert_eq!(code(&text), expected, "{}", &text[..text.len().min(60)]);
    }
}

#[test]
fn a_key_of_another_kind_is_called_by_its_kind() {
    // PKCS#8 with rsaEncryption, with P-256 and with Ed25519, each with nothing useful inside.
    let rsa = [0x30, 0x14, 2, 1, 0, 0x30, 0x0d, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0, 4, 0];
    assert_eq!(code(&pem_of("PRIVATE KEY", &rsa)), "is_rsa_key");
    let ed25519 = [0x30, 0x0c, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0];
    assert_eq!(code(&pem_of("PRIVATE KEY", &ed25519)), "other_key_kind");
}

#[test]
fn ids_are_ten_capital_letters_and_digits() {
    let (der, _) = p256();
    let pem = pem_of("PRIVATE KEY", &der);
    for id in ["", "ABC123DEF", "ABC123DEFGH", "abc123defg", "ABC123DEF!", "ÄBC123DEF"] {
        assert_eq!(ApnsKey::parse(id, "TEAM123456", &pem).unwrap_err().code(), "bad_key_id", "{id}");
        assert_eq!(ApnsKey::parse("ABC123DEFG", id, &pem).unwrap_err().code(), "bad_team_id", "{id}");
    }
    assert_eq!(ApnsKey::parse(" ABC123DEFG ", "TEAM123456\n", &pem).unwrap().key_id(), "ABC123DEFG");
}

#[test]
fn a_provider_token_is_a_strict_jws_that_the_public_key_verifies() {
    let (der, pair) = p256();
    let key = parse(&pem_of("PRIVATE KEY", &der)).unwrap();
    let token = key.provider_token(1_795_293_251).unwrap().into_inner();
    assert!(token.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)), "{token}");
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let (header, claims) = signed.split_once('.').unwrap();
    assert_eq!(URL_SAFE_NO_PAD.decode(header).unwrap(), br#"{"alg":"ES256","kid":"ABC123DEFG"}"#);
    assert_eq!(URL_SAFE_NO_PAD.decode(claims).unwrap(), br#"{"iat":1795293251,"iss":"TEAM123456"}"#);
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    assert_eq!(signature.len(), 64, "r and s, not DER");
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, pair.public_key().as_ref())
        .verify(signed.as_bytes(), &signature)
        .unwrap();
}

#[test]
fn neither_errors_nor_debug_output_show_the_key() {
    let (der, _) = p256();
    let pem = pem_of("PRIVATE KEY", &der);
    let inside = pem::first(&pem).unwrap().body.trim().to_owned();
    assert!(!format!("{:?}", parse(&pem).unwrap()).contains(&inside[..20]));
    let broken = pem.replace("END PRIVATE", "END PRIVTE");
    let error = parse(&broken).unwrap_err();
    assert!(!format!("{error} {error:?}").contains(&inside[..20]));
}

#[test]
fn a_key_of_the_app_store_connect_api_is_known_by_its_issuer_id() {
    let issuer = "57246542-96fe-1a63-e053-0824d011072a";
    let refused = ApnsKey::parse("ABC123DEFG", issuer, "-----BEGIN PRIVATE KEY-----").unwrap_err();
    assert_eq!((refused.code(), refused.field()), ("is_issuer_id", Some("team_id")));
    assert!(refused.to_string().contains("Membership"), "{refused}");
}
