//! The redirect service leads to registered PBXes and nowhere else.

use std::net::TcpListener;

use serde_json::json;
use tempfile::TempDir;
use tokio::sync::oneshot;

struct Service {
    base: String,
    key: String,
    http: reqwest::Client,
    stop: Option<oneshot::Sender<()>>,
    folder: TempDir,
}

impl Service {
    fn start() -> Self {
        nightbell::app::install_crypto();
        let folder = tempfile::tempdir().unwrap();
        let (key, hash) = nightbell::redirect::new_key().unwrap();
        let (_, other) = nightbell::redirect::new_key().unwrap();
        let list = format!(
            "[[pbx]]\nhost = \"pbx.example.com:8443\"\nkey_sha256 = \"{hash}\"\n[[pbx]]\nhost = \"other.example\"\nkey_sha256 = \"{other}\"\n"
        );
        std::fs::write(folder.path().join("pbxes.toml"), list).unwrap();
        let certificate = web_admin::tls::load_or_make(folder.path(), "localhost").unwrap();
        let router = nightbell::redirect::router(folder.path()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        let (stop, stopped) = oneshot::channel::<()>();
        let config = certificate.https_config().unwrap();
        tokio::spawn(web_admin::serve_https(listener, config, router, async move {
            let _ = stopped.await;
        }));
        let pem = std::fs::read(folder.path().join("tls/cert.pem")).unwrap();
        let authority = reqwest::Certificate::from_pem(&pem).unwrap();
        let client = reqwest::Client::builder().no_proxy().tls_certs_only([authority]);
        let http = client.redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { base, key, http, stop: Some(stop), folder }
    }

    async fn put(&self, code: &str, key: &str, pbx: &str) -> u16 {
        let request = self.http.put(format!("{}/api/codes/{code}", self.base)).bearer_auth(key);
        request.body(json!({ "pbx": pbx }).to_string()).send().await.unwrap().status().as_u16()
    }

    async fn get(&self, path: &str) -> (u16, String, String) {
        let answer = self.http.get(format!("{}{path}", self.base)).send().await.unwrap();
        let location = answer.headers().get("location").map(|value| value.to_str().unwrap().to_owned());
        (answer.status().as_u16(), location.unwrap_or_default(), answer.text().await.unwrap())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.stop.take().map(|stop| stop.send(()));
    }
}

#[tokio::test]
async fn a_code_leads_to_the_pbx_that_registered_it_and_never_anywhere_else() {
    let service = Service::start();
    let key = service.key.clone();
    assert_eq!(service.put("acme-7", "nbk_wrong", "https://pbx.example.com:8443").await, 404);
    for elsewhere in [
        "https://evil.example",
        "http://pbx.example.com:8443",
        "https://other.example",
        "https://pbx.example.com:8443@evil.example",
        "https://pbx.example.com:8443/x",
        "//evil.example",
    ] {
        assert_eq!(service.put("acme-7", &key, elsewhere).await, 422, "{elsewhere}");
    }
    assert_eq!(service.put("ACME-7", &key, "https://pbx.example.com:8443").await, 204);
    assert_eq!(service.get("/acme-7").await.1, "https://pbx.example.com:8443/");
    let token = "A".repeat(43);
    assert_eq!(
        service.get(&format!("/acme-7/{token}")).await,
        (307, format!("https://pbx.example.com:8443/p/{token}"), String::new())
    );
    let unknown = service.get("/acme-8").await;
    for path in [
        "/acme-7/short",
        "/acme-7/..%2f..%2fevil",
        "/acme-7//evil.example",
        "/acme-8/x",
        "/",
        "/%0d%0aLocation:%20https://evil.example",
    ] {
        assert_eq!(service.get(path).await, unknown, "{path}");
    }
    assert_eq!((unknown.0, unknown.1.as_str()), (404, ""));
    // What was registered outlives a restart; a PBX that the operator removed is led to no more.
    let again = nightbell::redirect::router(service.folder.path());
    assert!(again.is_ok());
    let kept = std::fs::read_to_string(service.folder.path().join("codes.json")).unwrap();
    assert!(kept.contains("acme-7") && !kept.contains(&key));
}

#[tokio::test]
async fn guessing_codes_is_slowed_and_known_codes_still_work_from_the_same_address() {
    let service = Service::start();
    assert_eq!(service.put("acme-7", &service.key, "https://pbx.example.com:8443").await, 204);
    let mut slowed = 0;
    for n in 0..200 {
        slowed += usize::from(service.get(&format!("/guess-{n}")).await.0 == 429);
    }
    assert!(slowed >= 160, "{slowed}");
    assert_eq!(service.get("/acme-7").await.0, 302);
}
