use std::task::{Context, Waker};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;

#[test]
fn only_a_bare_https_address_of_a_host_is_one() {
    for (url, host) in [
        ("https://pbx.example.com", Some("pbx.example.com")),
        ("https://pbx.example.com/", Some("pbx.example.com")),
        ("https://pbx.example.com:8443", Some("pbx.example.com:8443")),
        ("http://pbx.example.com", None),
        ("https://pbx.example.com@evil.example", None),
        ("https://pbx.example.com/path", None),
        ("https://pbx.example.com?x", None),
        ("https://pbx.example.com#x", None),
        ("https://pbx.example.com:0", None),
        ("https://pbx.example.com:8443:1", None),
        ("https://PBX.example.com", None),
        ("https://-x.example.com", None),
        ("https://a..b", None),
        ("https://\\evil", None),
        ("https://", None),
        ("//evil.example", None),
    ] {
        assert_eq!(host_of(url).as_deref(), host, "{url}");
    }
}

#[test]
fn codes_are_short_and_plain() {
    assert_eq!(code_of("ACME-7").as_deref(), Some("acme-7"));
    for bad in ["", "abc", "a/bcd", "a.bcd", "ä-code", &"x".repeat(33)] {
        assert_eq!(code_of(bad), None, "{bad}");
    }
}

#[test]
fn a_key_is_known_by_its_hash() {
    let (key, hash) = new_key().unwrap();
    assert!(key.starts_with(KEY_PREFIX) && key_hash(&key) == hash && !hash.contains(&key));
}

/// A service whose one PBX has this key.
fn service(folder: &FilePath) -> (Shared, String) {
    let (key, hash) = new_key().unwrap();
    let list = format!("[[pbx]]\nhost = \"pbx.example.com\"\nkey_sha256 = \"{hash}\"\n");
    std::fs::write(folder.join("pbxes.toml"), list).unwrap();
    (open(folder).unwrap(), key)
}

fn registration(key: &str) -> Request {
    let asked = Request::builder().method("PUT").header(header::AUTHORIZATION, format!("Bearer {key}"));
    asked.body(r#"{"pbx":"https://pbx.example.com"}"#.into()).unwrap()
}

fn path(code: &str) -> Result<Path<String>, PathRejection> {
    Ok(Path(code.to_owned()))
}

#[tokio::test]
async fn a_code_whose_client_went_away_while_it_was_saved_is_in_force_and_stays() {
    let folder = tempfile::tempdir().unwrap();
    let (service, key) = service(folder.path());
    let on_disk = || std::fs::read_to_string(folder.path().join("codes.json")).unwrap_or_default();
    {
        let mut asking = Box::pin(register(State(Arc::clone(&service)), path("acme-7"), registration(&key)));
        let mut looks = Context::from_waker(Waker::noop());
        // Dropped at the first moment at which the file has the code.
        while !on_disk().contains("acme-7") && asking.as_mut().poll(&mut looks).is_pending() {
            tokio::task::yield_now().await;
        }
    }
    let in_force = async {
        while service.pbx_of("acme-7").is_none() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), in_force).await.expect("the code leads to its PBX");
    let second = register(State(Arc::clone(&service)), path("acme-8"), registration(&key)).await;
    assert_eq!(second.status(), StatusCode::NO_CONTENT);
    assert!(on_disk().contains("acme-7") && on_disk().contains("acme-8"), "{}", on_disk());
}

/// What the service says to a request of which this much has come.
async fn answer(service: Shared, within: Duration, begun: &str) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut client = tokio::net::TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let serving = tokio::spawn(async move { axum::serve(listener, routes(service, within)).await });
    client.write_all(begun.as_bytes()).await.unwrap();
    let mut head = vec![0; 12];
    let read = tokio::time::timeout(Duration::from_secs(10), client.read_exact(&mut head)).await;
    read.expect("there is an answer, though the body never comes").unwrap();
    serving.abort();
    String::from_utf8(head).unwrap()
}

fn begun(key: &str) -> String {
    format!(
        "PUT /api/codes/acme-7 HTTP/1.1\r\nhost: r.example.com\r\nauthorization: Bearer {key}\r\ncontent-length: 33\r\n\r\n{{\"pbx\""
    )
}

#[tokio::test]
async fn without_a_key_no_body_is_waited_for_and_with_one_not_for_long() {
    let folder = tempfile::tempdir().unwrap();
    let (service, key) = service(folder.path());
    let long = Duration::from_secs(600);
    assert_eq!(answer(Arc::clone(&service), long, &begun("nbk_wrong")).await, "HTTP/1.1 404");
    assert_eq!(answer(Arc::clone(&service), Duration::from_millis(50), &begun(&key)).await, "HTTP/1.1 408");
    assert!(service.in_force().is_empty());
}
