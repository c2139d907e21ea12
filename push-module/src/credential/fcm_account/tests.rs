use serde_json::json;

use super::*;

/// A service account with an RSA key made for this test.
fn account() -> Value {
    use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
    use base64::engine::general_purpose::STANDARD;
    let pair = rsa::KeyPair::generate(rsa::KeySize::Rsa2048).unwrap();
    let der: Pkcs8V1Der<'_> = pair.as_der().unwrap();
    json!({
        "type": "service_account",
        "project_id": "example-phone",
        "private_key_id": "0123456789abcdef",
        "private_key": format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(der.as_ref())),
        "client_email": "nightbell@example-phone.iam.gserviceaccount.com",
        "token_uri": "https://oauth2.googleapis.com/token",
    })
}

fn refused(text: &str) -> CredentialError {
    FcmAccount::parse(text).unwrap_err()
}

#[test]
fn a_service_account_is_read_with_everything_that_is_shown() {
    let account = FcmAccount::parse(&format!("\u{feff}{}\n", account())).unwrap();
    assert_eq!(account.project_id(), "example-phone");
    assert_eq!(account.client_email(), "nightbell@example-phone.iam.gserviceaccount.com");
    assert_eq!(account.token_uri(), "https://oauth2.googleapis.com/token");
    assert_eq!(account.key_id(), Some("0123456789abcdef"));
    assert_eq!(account.fingerprint().len(), 32);
    assert_eq!(format!("{account:?}"), "FcmAccount(nightbell@example-phone.iam.gserviceaccount.com, hidden)");
}

#[test]
fn an_assertion_asks_for_the_right_to_push_and_nothing_else() {
    let account = FcmAccount::parse(&account().to_string()).unwrap();
    let assertion = account.assertion(1_795_293_251).unwrap().into_inner();
    let mut parts = assertion.split('.');
    let mut object =
        || -> Value { serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts.next().unwrap()).unwrap()).unwrap() };
    assert_eq!(object(), json!({ "alg": "RS256", "typ": "JWT", "kid": "0123456789abcdef" }));
    assert_eq!(
        object(),
        json!({
            "iss": "nightbell@example-phone.iam.gserviceaccount.com",
            "aud": "https://oauth2.googleapis.com/token",
            "scope": "https://www.googleapis.com/auth/firebase.messaging",
            "iat": 1_795_293_251_i64,
            "exp": 1_795_296_551_i64,
        })
    );
    assert_eq!(URL_SAFE_NO_PAD.decode(parts.next().unwrap()).unwrap().len(), 256);
}

#[test]
fn every_wrong_file_is_called_by_its_name() {
    let cases = [
        ("", "not_a_service_account"),
        ("hello", "not_a_service_account"),
        ("[]", "not_a_service_account"),
        ("{}", "not_a_service_account"),
        ("{\"type\": \"service_account\"", "not_a_service_account"),
        ("-----BEGIN PRIVATE KEY-----", "not_a_service_account"),
        (
            r#"{"type":"authorized_user","client_id":"x","client_secret":"y","refresh_token":"z"}"#,
            "other_credential_type",
        ),
        (r#"{"type":"external_account"}"#, "other_credential_type"),
        (
            r#"{"project_info":{"project_number":"1","project_id":"x"},"client":[],"configuration_version":"1"}"#,
            "is_google_services_json",
        ),
        ("<?xml version=\"1.0\"?><plist><dict><key>GCM_SENDER_ID</key></dict></plist>", "is_google_service_info_plist"),
        (r#"{"web":{"client_id":"x"}}"#, "is_oauth_client"),
        (r#"{"installed":{"client_id":"x"}}"#, "is_oauth_client"),
        ("AAAAbcdefgh:APA91bHun4MxP5egoKMwt2KZFBaFUH", "legacy_server_key"),
        ("AIzaSyD-9tSrke72PouQMnMX-a7eZSW0jkFMBWY", "legacy_server_key"),
    ];
    for (text, code) in cases {
        assert_eq!(refused(text).code(), code, "{text}");
    }
    assert!(refused("AAAAx").to_string().contains("replaced by service accounts"));
    assert!(refused(r#"{"type":"authorized_user"}"#).to_string().contains("“authorized_user”"));
}

#[test]
fn every_damaged_field_is_named() {
    let cases = [
        ("project_id", json!(null), "project_id"),
        ("project_id", json!(""), "project_id"),
        ("project_id", json!("a/../b"), "project_id"),
        ("client_email", json!("nobody"), "client_email"),
        ("token_uri", json!("http://oauth2.googleapis.com/token"), "token_uri"),
        ("token_uri", json!("file:///etc/passwd"), "token_uri"),
        ("private_key", json!("hello"), "private_key"),
        ("private_key", json!("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"), "private_key"),
        ("private_key", json!("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"), "private_key"),
        ("private_key", json!(7), "private_key"),
    ];
    let whole = account();
    for (field, value, named) in cases {
        let mut file = whole.clone();
        file[field] = value.clone();
        let error = refused(&file.to_string());
        assert!(
            matches!(&error, CredentialError::ServiceAccountField { field, .. } if *field == named),
            "{field}: {value}: {error}"
        );
    }
}

#[test]
fn a_token_address_on_this_machine_may_be_plain() {
    let mut file = account();
    file["token_uri"] = json!("http://127.0.0.1:8080/token");
    assert!(FcmAccount::parse(&file.to_string()).is_ok());
}

#[test]
fn errors_do_not_quote_the_file() {
    let text = account().to_string().replace("\"type\"", "\"typo\"");
    let key = "MII";
    assert!(text.contains(key));
    assert!(!format!("{:?}", refused(&text)).contains(key));
    let cut = &text[..text.len() - 5];
    assert!(!format!("{:?}", refused(cut)).contains(key));
}
