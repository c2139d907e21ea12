//! A Web Push service that others wrote (npm `web-push-testing` 1.2.2): it verifies who sent a push, decrypts it and shows the
//! text. It speaks HTTP only, so a TLS front stands before it, as in real life.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use push_module::{NewCredential, NewWebPush};
use rcgen::{CertificateParams, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivatePkcs8KeyDer;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;
use tokio_rustls::TlsAcceptor;

use super::program::Program;
use super::{SOON, free_port};

const SERVER: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/target/test-tools/node_modules/web-push-testing/src/bin/server.js");

/// The service and its front; both end with it.
pub(crate) struct PushService {
    _node: Program,
    _home: TempDir,
    front: AbortHandle,
    behind: SocketAddr,
    origin: String,
    certificate_pem: String,
    http: reqwest::Client,
}

impl Drop for PushService {
    fn drop(&mut self) {
        self.front.abort();
    }
}

/// A subscription that the service made for an app.
pub(crate) struct Subscribed {
    /// As the app registers it.
    pub(crate) token: String,
    /// By which the service knows it.
    client: String,
}

impl PushService {
    /// Starts it.
    pub(crate) async fn start() -> Self {
        assert!(std::path::Path::new(SERVER).is_file(), "the test needs {SERVER}: run .ci/install-test-tools first");
        let (home, port) = (tempfile::tempdir().unwrap(), free_port());
        let node = Program::start("web-push-testing", "node", &[SERVER, &port.to_string()], home.path());
        node.line("the start", SOON, |line| line.contains("Server running")).await;
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], PrivatePkcs8KeyDer::from(key.serialize_der()).into())
            .unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let origin = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        // Node listens on whatever address it likes best for this name.
        let behind = tokio::net::lookup_host(("localhost", port)).await.unwrap().collect::<Vec<_>>();
        let behind = connects(&behind).await;
        let front = tokio::spawn(pass(listener, TlsAcceptor::from(Arc::new(config)), behind)).abort_handle();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { _node: node, _home: home, front, behind, origin, certificate_pem: certificate.pem(), http }
    }

    /// The matching upload, which allows this host although it is on the loopback.
    pub(crate) fn new_credential(&self) -> NewCredential {
        NewCredential::WebPush(NewWebPush {
            label: "web-push-testing".to_owned(),
            contact: "mailto:admin@example.com".to_owned(),
            allowed_hosts: vec!["localhost".to_owned()],
            extra_ca_pem: Some(self.certificate_pem.clone()),
        })
    }

    async fn ask(&self, path: &str, question: &Value) -> (u16, Value) {
        let url = format!("http://{}{path}", self.behind);
        let answer = self.http.post(url).json(question).send().await.unwrap();
        let status = answer.status().as_u16();
        (status, serde_json::from_str(&answer.text().await.unwrap()).unwrap_or(Value::Null))
    }

    /// A new subscription, which only the holder of this key may push.
    pub(crate) async fn subscribe(&self, vapid_key: &str) -> Subscribed {
        let options = json!({ "userVisibleOnly": "true", "applicationServerKey": vapid_key });
        let (status, answer) = self.ask("/subscribe", &options).await;
        assert_eq!(status, 200, "{answer}");
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let data = &answer["data"];
        let (client, keys) = (text(&data["clientHash"]), &data["keys"]);
        let token =
            format!("{}/notify/{client}#p256dh={}&auth={}", self.origin, text(&keys["p256dh"]), text(&keys["auth"]));
        Subscribed { token, client }
    }

    /// The app was removed: the service says 410 from now on.
    pub(crate) async fn expire(&self, subscribed: &Subscribed) {
        let (status, _) = self.ask(&format!("/expire-subscription/{}", subscribed.client), &json!({})).await;
        assert_eq!(status, 200);
    }

    /// What the app's service worker would read, once there are so many messages.
    pub(crate) async fn messages(&self, subscribed: &Subscribed, count: usize) -> Vec<Value> {
        let question = json!({ "clientHash": subscribed.client });
        let search = async {
            loop {
                let (_, answer) = self.ask("/get-notifications", &question).await;
                let messages = answer["data"]["messages"].as_array().cloned().unwrap_or_default();
                if messages.len() >= count {
                    return messages;
                }
                tokio::task::yield_now().await;
            }
        };
        let messages = tokio::time::timeout(SOON, search).await.expect("the pushes arrive");
        messages.iter().map(|text| serde_json::from_str(text.as_str().unwrap()).unwrap()).collect()
    }
}

async fn connects(addresses: &[SocketAddr]) -> SocketAddr {
    for address in addresses {
        if TcpStream::connect(address).await.is_ok() {
            return *address;
        }
    }
    panic!("nobody listens at {addresses:?}");
}

/// Ends TLS and passes on what comes.
async fn pass(listener: TcpListener, acceptor: TlsAcceptor, behind: SocketAddr) {
    while let Ok((stream, _)) = listener.accept().await {
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            let (Ok(mut front), Ok(mut back)) = (acceptor.accept(stream).await, TcpStream::connect(behind).await)
            else {
                return;
            };
            // Either side may go first.
            let _ = tokio::io::copy_bidirectional(&mut front, &mut back).await;
        });
    }
}
