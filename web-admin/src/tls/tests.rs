use std::os::unix::fs::PermissionsExt as _;

use super::*;

#[test]
fn a_first_start_makes_a_certificate_and_the_next_keeps_it() {
    let dir = tempfile::tempdir().unwrap();
    let first = load_or_make(dir.path(), "pbx.example.com").unwrap().info();
    let second = load_or_make(dir.path(), "pbx.example.com").unwrap().info();
    assert_eq!(first, second);
    assert!(first.self_made);
    assert_eq!(first.fingerprint.len(), 95);
    for name in ["pbx.example.com", "localhost", "127.0.0.1"] {
        assert!(first.names.iter().any(|it| it == name), "{name} in {:?}", first.names);
    }
    let mode = std::fs::metadata(dir.path().join("tls/key.pem")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn another_public_name_makes_another_certificate() {
    let dir = tempfile::tempdir().unwrap();
    let first = load_or_make(dir.path(), "old.example.com").unwrap().info();
    let second = load_or_make(dir.path(), "192.0.2.7").unwrap().info();
    assert_ne!(first.fingerprint, second.fingerprint);
    assert!(second.names.contains(&"192.0.2.7".to_owned()));
}

#[test]
fn the_admins_own_certificate_is_never_touched_and_followed_live() {
    let dir = tempfile::tempdir().unwrap();
    let live = load_or_make(dir.path(), "pbx.example.com").unwrap();
    let before = live.info();
    let key = rcgen::KeyPair::generate().unwrap();
    let own = rcgen::CertificateParams::new(vec!["other.example.com".to_owned()]).unwrap().self_signed(&key).unwrap();
    std::fs::write(dir.path().join("tls/key.pem"), key.serialize_pem()).unwrap();
    assert!(live.reload().is_err(), "a key without its certificate is refused");
    assert_eq!(live.info(), before, "and the certificate before it stays");
    std::fs::write(dir.path().join("tls/cert.pem"), own.pem()).unwrap();
    assert!(live.reload().unwrap());
    assert!(!live.info().self_made);
    assert_eq!(live.info().names, ["other.example.com"]);
    assert_eq!(load_or_make(dir.path(), "pbx.example.com").unwrap().info(), live.info());
}

#[test]
fn half_a_pair_is_refused_with_the_fix() {
    let dir = tempfile::tempdir().unwrap();
    load_or_make(dir.path(), "").unwrap();
    std::fs::remove_file(dir.path().join("tls/cert.pem")).unwrap();
    let error = load_or_make(dir.path(), "").unwrap_err().to_string();
    assert!(error.contains("put both cert.pem and key.pem"), "{error}");
}

#[test]
fn both_listeners_can_be_configured() {
    let dir = tempfile::tempdir().unwrap();
    let live = load_or_make(dir.path(), "pbx.example.com").unwrap();
    assert_eq!(live.https_config().unwrap().alpn_protocols, [b"h2".to_vec(), b"http/1.1".to_vec()]);
    assert!(live.sip_config().unwrap().alpn_protocols.is_empty());
}
