//! Both doors with real sockets.

use axum::routing::get;
use rustls::pki_types::ServerName;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::oneshot;

use super::*;
use crate::tls;

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

fn hello() -> Router {
    Router::new().route("/", get(async || "hello"))
}

/// Gets `/` over TLS, trusting only the certificate that lies in the folder now.
async fn fetch(at: SocketAddr, folder: &Path) -> io::Result<String> {
    let pem = std::fs::read(folder.join("tls/cert.pem"))?;
    let mut roots = RootCertStore::empty();
    roots.add(rustls::pki_types::CertificateDer::from_pem_slice(&pem).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(at).await?;
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
    stream.write_all(REQUEST).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

#[tokio::test]
async fn https_serves_and_takes_a_new_certificate_without_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let live = tls::load_or_make(dir.path(), "pbx.example.com").unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let stopping = async move {
        let _ = stopped.await;
    };
    let serving = tokio::spawn(serve_https(listener, live.https_config().unwrap(), hello(), stopping));
    assert!(fetch(at, dir.path()).await.unwrap().ends_with("hello"));

    let other = tempfile::tempdir().unwrap();
    tls::load_or_make(other.path(), "pbx.example.com").unwrap();
    for file in ["tls/key.pem", "tls/cert.pem"] {
        std::fs::copy(other.path().join(file), dir.path().join(file)).unwrap();
    }
    assert!(fetch(at, dir.path()).await.is_err(), "the old one is still served");
    assert!(live.reload().unwrap());
    assert!(fetch(at, dir.path()).await.unwrap().ends_with("hello"));

    drop(stop);
    serving.await.unwrap().unwrap();
    assert!(TcpStream::connect(at).await.is_err());
}

#[tokio::test]
async fn the_unix_socket_is_for_its_owner_replaces_a_stale_one_and_goes_away() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("admin.sock");
    drop(UnixListener::bind(&path).unwrap());
    let (stop, stopped) = oneshot::channel::<()>();
    let stopping = async move {
        let _ = stopped.await;
    };
    let door = UnixDoor::bind(&path).unwrap();
    let serving = tokio::spawn(door.serve(hello(), stopping));
    let mut stream = UnixStream::connect(&path).await.unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    stream.write_all(REQUEST).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("hello"), "{answer}");
    drop(stop);
    serving.await.unwrap().unwrap();
    assert!(!path.exists());
}
