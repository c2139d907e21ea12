use super::*;

#[test]
fn bundle_ids_are_cleaned_and_checked() {
    assert_eq!(bundle_id(" com.example.app ").unwrap().as_deref(), Some("com.example.app"));
    assert_eq!(bundle_id("").unwrap(), None);
    for bad in ["app", "com.example.app.voip", ".com.example", "com.example.", "com.exämple.app", "com example.app"] {
        assert_eq!(bundle_id(bad).unwrap_err().code(), "bad_bundle_id", "{bad}");
    }
}

#[test]
fn a_sender_id_is_a_number() {
    assert_eq!(sender_id(Some(" 123456789012 ")).unwrap().as_deref(), Some("123456789012"));
    assert_eq!(sender_id(Some("")).unwrap(), None);
    assert_eq!(sender_id(None).unwrap(), None);
    for bad in ["1:123:android:abc", "example-phone", "12 34"] {
        assert_eq!(sender_id(Some(bad)).unwrap_err().code(), "bad_sender_id", "{bad}");
    }
}

#[test]
fn a_name_is_given_or_made() {
    let otherwise = || "APNs key".to_owned();
    assert_eq!(label("  ", otherwise).unwrap(), "APNs key");
    assert_eq!(label(" Acme\u{7} Phone ", otherwise).unwrap(), "Acme Phone");
    assert_eq!(label(&"ä".repeat(LABEL_CHARS), otherwise).unwrap().chars().count(), LABEL_CHARS);
    assert_eq!(label(&"ä".repeat(LABEL_CHARS + 1), otherwise).unwrap_err().code(), "bad_label");
}
