use super::*;

#[test]
fn addresses_are_https_or_on_this_machine() {
    let good = [
        ("https://api.push.apple.com:2197", "https://api.push.apple.com:2197"),
        ("https://relay.example.com/push/", "https://relay.example.com/push"),
        (" https://api.push.apple.com ", "https://api.push.apple.com"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("http://localhost:8080/", "http://localhost:8080"),
        ("", APNS_PRODUCTION),
        ("  ", APNS_PRODUCTION),
    ];
    for (given, stored) in good {
        assert_eq!(BaseUrl::parse("production_url", Some(given), APNS_PRODUCTION).unwrap().as_str(), stored);
    }
    assert_eq!(BaseUrl::parse("production_url", None, APNS_SANDBOX).unwrap().as_str(), APNS_SANDBOX);
    let bad = [
        "api.push.apple.com",
        "http://api.push.apple.com",
        "http://127.0.0.1.example.com",
        "http://10.0.0.1",
        "ftp://127.0.0.1",
        "https://user:secret@push.example.com",
        "https://push.example.com/?key=1",
        "https://push.example.com/#x",
        "https://",
        "not an address",
    ];
    for given in bad {
        let error = BaseUrl::parse("production_url", Some(given), APNS_PRODUCTION).unwrap_err();
        assert_eq!((error.code(), error.field()), ("bad_url", Some("production_url")), "{given}");
    }
}

#[test]
fn an_additional_root_must_be_a_certificate() {
    let key = rcgen::KeyPair::generate().unwrap();
    let root = rcgen::CertificateParams::new(vec!["root".to_owned()]).unwrap().self_signed(&key).unwrap().pem();
    assert_eq!(check_ca(Some(&format!("\n{root}\n"))).unwrap().as_deref(), Some(root.trim()));
    assert_eq!(check_ca(None).unwrap(), None);
    assert_eq!(check_ca(Some("  ")).unwrap(), None);
    assert_eq!(roots(&format!("{root}{root}")).unwrap().len(), 2);
    let bad = [
        "hello".to_owned(),
        key.serialize_pem(),
        format!("{root}{}", key.serialize_pem()),
        root[..200].to_owned(),
        "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----".to_owned(),
        "x".repeat(CA_BYTES + 1),
    ];
    for pem in bad {
        let error = check_ca(Some(&pem)).unwrap_err();
        assert_eq!((error.code(), error.field()), ("bad_ca", Some("extra_ca_pem")), "{}", &pem[..pem.len().min(40)]);
    }
}

#[test]
fn an_interface_that_was_shut_down_is_refused_with_what_replaced_it() {
    for (given, word) in [
        ("https://gateway.push.apple.com:2195", "2021"),
        ("https://gateway.sandbox.push.apple.com", "2021"),
        ("https://api.push.apple.com:2195", "2197"),
        ("https://feedback.push.apple.com:2196", "2021"),
        ("https://gcm-http.googleapis.com/gcm/send", "service account"),
        ("https://android.googleapis.com/gcm/send", "GCM"),
        ("https://fcm.googleapis.com/fcm/send", "2024"),
    ] {
        let refused = BaseUrl::parse("base_url", Some(given), FCM_BASE).unwrap_err();
        assert_eq!((refused.code(), refused.field()), ("bad_url", Some("base_url")), "{given}");
        assert!(refused.to_string().contains(word), "{refused}");
    }
    for good in ["https://api.push.apple.com:2197", "https://fcm.googleapis.com"] {
        assert!(BaseUrl::parse("base_url", Some(good), FCM_BASE).is_ok(), "{good}");
    }
}
