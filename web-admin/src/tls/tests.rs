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
    assert_eq!(live.https_config().unwrap().alpn_protocols, [b"h2".to_vec(), b"http/1.1".to_vec(), ACME_TLS.to_vec()]);
    assert!(live.sip_config().unwrap().alpn_protocols.is_empty());
}

#[test]
fn a_certificate_that_does_not_fit_is_refused_and_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let live = load_or_make(dir.path(), "pbx.example.com").unwrap();
    let before = live.info();
    let made = |name: &str, until: i32| {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(until, 1, 1);
        (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
    };
    let (good, other) = (made("*.example.com", 2090), made("pbx.example.org", 2090));
    let cases = [
        ((&other.0, &other.1), "certificate", "phones connect to pbx.example.com"),
        ((&made("pbx.example.com", 2020).0, &good.1), "key", "does not belong"),
        ((&good.0, &other.1), "key", "does not belong"),
        ((&String::from("no certificate"), &good.1), "certificate", "no certificate"),
        ((&good.0, &String::from("no key")), "key", "no private key"),
    ];
    for ((chain, key), field, problem) in cases {
        let unfit = live.install(chain, key).unwrap_err();
        assert_eq!(unfit.field(), field, "{unfit}");
        assert!(unfit.to_string().contains(problem), "{unfit}");
        assert_eq!(live.info(), before);
    }
    let ended = made("pbx.example.com", 2020);
    assert!(live.install(&ended.0, &ended.1).unwrap_err().to_string().contains("ended on 2020-01-01"));
    assert_eq!(live.install(&good.0, &good.1).unwrap().names, ["*.example.com"]);
    assert!(!load_or_make(dir.path(), "pbx.example.com").unwrap().info().self_made);
}

#[tokio::test]
async fn who_answers_under_the_public_name_is_told_apart() {
    use super::reach::{Answers, who_answers};

    let dir = tempfile::tempdir().unwrap();
    let live = load_or_make(&dir.path().join("here"), "localhost").unwrap();
    let other = load_or_make(&dir.path().join("there"), "localhost").unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let acceptor = tokio_rustls::TlsAcceptor::from(live.https_config().unwrap());
    let serving = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _ = acceptor.accept(stream).await;
        }
    });
    assert_eq!(who_answers("127.0.0.1", port, &live.info()).await, Answers::Here);
    let Answers::SomebodyElse(names) = who_answers("127.0.0.1", port, &other.info()).await else {
        panic!("another certificate is another server")
    };
    assert!(names.contains("localhost"), "{names}");
    serving.abort();
    let _ = serving.await;
    assert!(matches!(who_answers("127.0.0.1", port, &live.info()).await, Answers::Nobody(_)));
}
