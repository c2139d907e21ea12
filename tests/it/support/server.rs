//! The whole server in this process: free ports on the loopback, a data directory of its own, stand-ins as providers.

use std::net::SocketAddr;
use std::time::Duration;

use nightbell::app::App;
use nightbell::config::{Config, HttpsConfig, SipConfig};
use nightbell::phone::{Phone, PhoneBuilder};
use pbx_core::model::{
    CallEnding, CallRecord, Environment, ExtensionNumber, NewExtension, SipCredential, SipUsername, TimelineEntry,
};
use pbx_core::sip::digest::ha1;
use pbx_core::store::call_log::{self, CallFilter};
use pbx_core::switchboard::command::{Command, NewAccount, Reply};
use push_module::standin::{AcceptedPush, ApnsStandin};
use tempfile::TempDir;
use tokio::sync::broadcast;

use super::SOON;

/// The app id of every app in these tests.
pub(crate) const BUNDLE: &str = "com.example.nightbell";

/// A running server.
pub(crate) struct TestServer {
    /// The server itself, for everything this wrapper does not do.
    pub(crate) app: App,
    folder: TempDir,
    /// The realm of every account.
    pub(crate) realm: String,
}

/// A phone app's push tokens, known to the APNs stand-in.
#[derive(Debug, Clone)]
pub(crate) struct AppTokens {
    /// For incoming calls.
    pub(crate) voip: String,
    /// For everything else.
    pub(crate) remote: String,
}

/// The APNs stand-in of a server, with the pushes it accepts.
pub(crate) struct TestApns {
    /// The stand-in itself, for scripted faults and records.
    pub(crate) standin: ApnsStandin,
    accepted: broadcast::Receiver<AcceptedPush>,
}

impl TestServer {
    /// Starts it with UDP, TCP and TLS on free ports of 127.0.0.1.
    pub(crate) async fn start() -> Self {
        Self::start_as("127.0.0.1").await
    }

    /// The same under another public name.
    pub(crate) async fn start_as(public_host: &str) -> Self {
        Self::start_with(|config| config.public_host = public_host.to_owned()).await
    }

    /// The same with boot settings that the test changes.
    pub(crate) async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().expect("the system gives a temporary folder");
        let free = vec![SocketAddr::from(([127, 0, 0, 1], 0))];
        let mut config = Config {
            data_dir: folder.path().join("data"),
            public_host: "127.0.0.1".to_owned(),
            sip: SipConfig { udp: free.clone(), tcp: free.clone(), tls: free },
            https: HttpsConfig { listen: ([127, 0, 0, 1], 0).into() },
            ..Config::default()
        };
        change(&mut config);
        let app = App::start(&config).await.unwrap_or_else(|error| panic!("the server does not start: {error}"));
        let realm = match app.switchboard.ask(Command::ShowSettings).await {
            Ok(Reply::Settings(settings)) => settings.realm,
            other => panic!("the server does not show its settings: {other:?}"),
        };
        Self { app, folder, realm }
    }

    /// The admin socket, at which everybody is the owner.
    pub(crate) fn socket(&self) -> std::path::PathBuf {
        self.folder.path().join("data/admin.sock")
    }

    /// Where database and keys are.
    pub(crate) fn data_dir(&self) -> std::path::PathBuf {
        self.folder.path().join("data")
    }

    /// The API at the admin socket.
    pub(crate) fn local(&self) -> Local {
        let client = reqwest::Client::builder().no_proxy().unix_socket(self.socket()).build();
        Local { http: client.expect("a client without TLS") }
    }

    /// Somebody at the public pages.
    pub(crate) fn web(&self) -> Web {
        Web { http: self.client().build().expect("a client") }
    }

    /// A desk phone at the public pages: it knows HTTP/1.1 and no other.
    pub(crate) fn desk_phone(&self) -> Web {
        Web { http: self.client().http1_only().build().expect("a client") }
    }

    fn client(&self) -> reqwest::ClientBuilder {
        let authority = reqwest::Certificate::from_pem(self.authority().as_bytes()).expect("a certificate");
        let client = reqwest::Client::builder().no_proxy().tls_certs_only([authority]);
        client.redirect(reqwest::redirect::Policy::none())
    }

    /// Adds an extension whose SIP user name is its number; gives the secret.
    pub(crate) async fn add_extension(&self, number: &str, name: &str) -> String {
        let secret = format!("secret-of-{number}");
        let extension: ExtensionNumber = number.parse().expect("the test gives a number");
        let username: SipUsername = number.parse().expect("a number is a user name");
        let (md5, sha256) = ha1(number, &self.realm, &secret);
        let account = NewAccount {
            extension: NewExtension {
                number: extension,
                name: name.parse().expect("the test gives a name"),
                email: None,
                secret: None,
            },
            credential: SipCredential { username, extension, md5, sha256 },
        };
        match self.app.switchboard.ask(Command::AddExtensions(vec![account])).await {
            Ok(Reply::Done) => secret,
            other => panic!("extension {number} cannot be added: {other:?}"),
        }
    }

    /// A scripted phone of an extension that was added here, on UDP unless told otherwise.
    pub(crate) fn phone(&self, number: &str) -> PhoneBuilder {
        Phone::builder(self.udp()).extension(number).secret(format!("secret-of-{number}"))
    }

    /// The UDP address.
    pub(crate) fn udp(&self) -> SocketAddr {
        *self.app.sip_udp.first().expect("the server listens on UDP")
    }

    /// The TCP address.
    pub(crate) fn tcp(&self) -> SocketAddr {
        *self.app.sip_tcp.first().expect("the server listens on TCP")
    }

    /// The TLS address.
    pub(crate) fn tls(&self) -> SocketAddr {
        *self.app.sip_tls.first().expect("the server listens on TLS")
    }

    /// The server's own certificate, which is also its authority: what phones are told to trust.
    pub(crate) fn authority(&self) -> String {
        let file = self.folder.path().join("data/tls/cert.pem");
        std::fs::read_to_string(file).expect("the server has made its certificate")
    }

    /// Starts an APNs stand-in and gives the server a key for it.
    pub(crate) async fn apns(&self) -> TestApns {
        let standin = ApnsStandin::start().await.expect("the loopback has free ports");
        let accepted = standin.subscribe();
        let credential = standin.new_credential(&[BUNDLE]).expect("a key can be made");
        self.app.push.add_credential(credential).await.expect("the server takes the stand-in's key");
        TestApns { standin, accepted }
    }

    /// The newest call in the log and its timeline, once it was completed with sound both ways through the relay.
    pub(crate) async fn good_call(&self, within: Duration) -> (CallRecord, Vec<TimelineEntry>) {
        let good = |call: &CallRecord| {
            call.ending == Some(CallEnding::Completed) && call.packets_from_caller > 0 && call.packets_from_callee > 0
        };
        self.last_call("a completed call with sound both ways", within, good).await
    }

    /// The newest call in the log and its timeline, once it is as wanted: rows and packet counts are written behind the call.
    pub(crate) async fn last_call(
        &self,
        what: &str,
        within: Duration,
        wanted: impl Fn(&CallRecord) -> bool,
    ) -> (CallRecord, Vec<TimelineEntry>) {
        let mut last = None;
        let search = async {
            // The log has no way to announce a row, and pages ask for it in the same way.
            let mut tick = tokio::time::interval(Duration::from_millis(20));
            loop {
                tick.tick().await;
                let page = call_log::page(&self.app.store, &CallFilter::default(), None, 1).await;
                last = page.expect("the call log can be read").calls.into_iter().next();
                if let Some(call) = last.clone().filter(&wanted) {
                    let timeline = call_log::timeline(&self.app.store, call.id).await;
                    return (call, timeline.expect("the timeline can be read"));
                }
            }
        };
        let found = tokio::time::timeout(within, search).await;
        found.unwrap_or_else(|_| panic!("waited {within:?} for {what} in the call log, but the last call is {last:?}"))
    }

    /// Stops it in order; fails the test when that takes too long.
    pub(crate) async fn stop(self) {
        let stopped = tokio::time::timeout(SOON, self.app.stop()).await;
        assert!(stopped.is_ok(), "the server did not stop within {SOON:?}");
    }
}

impl TestApns {
    /// Tokens of a new app installation, valid in production.
    pub(crate) fn tokens(&self) -> AppTokens {
        let token = || format!("{}{}", uuid::Uuid::new_v4().simple(), uuid::Uuid::new_v4().simple());
        let tokens = AppTokens { voip: token(), remote: token() };
        self.standin.register_token(&tokens.voip, &format!("{BUNDLE}.voip"), Environment::Production);
        self.standin.register_token(&tokens.remote, BUNDLE, Environment::Production);
        tokens
    }

    /// The next push the stand-in accepted.
    pub(crate) async fn push(&mut self, within: Duration) -> AcceptedPush {
        match tokio::time::timeout(within, self.accepted.recv()).await {
            Ok(Ok(push)) => push,
            Ok(Err(error)) => panic!("the stand-in is gone: {error}"),
            Err(_) => panic!("no push within {within:?}; the stand-in saw {:?}", self.standin.requests()),
        }
    }

    /// How many pushes of this type (`voip`, `alert`, `background`) were accepted so far.
    pub(crate) fn accepted(&self, kind: &str) -> usize {
        let of_kind = |request: &push_module::standin::ApnsRequest| {
            request.status == Some(200) && request.push_type.as_deref() == Some(kind)
        };
        self.standin.requests().into_iter().filter(of_kind).count()
    }
}

impl AppTokens {
    /// RFC 8599 parameters as the Linphone SDK writes them, without a leading semicolon.
    pub(crate) fn params(&self) -> String {
        let (voip, remote) = (&self.voip, &self.remote);
        format!(
            "pn-provider=apns;pn-param=ABCD1234.{BUNDLE}.voip&remote;pn-prid={voip}:voip&{remote}:remote;pn-silent=1;pn-timeout=0"
        )
    }
}

/// The API through the Unix socket.
pub(crate) struct Local {
    http: reqwest::Client,
}

impl Local {
    pub(crate) async fn get(&self, path: &str) -> (u16, serde_json::Value) {
        self.ask(reqwest::Method::GET, path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: &serde_json::Value) -> (u16, serde_json::Value) {
        self.ask(reqwest::Method::POST, path, Some(body)).await
    }

    pub(crate) async fn put(&self, path: &str, body: &serde_json::Value) -> (u16, serde_json::Value) {
        self.ask(reqwest::Method::PUT, path, Some(body)).await
    }

    pub(crate) async fn patch(&self, path: &str, body: &serde_json::Value) -> (u16, serde_json::Value) {
        self.ask(reqwest::Method::PATCH, path, Some(body)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> (u16, serde_json::Value) {
        self.ask(reqwest::Method::DELETE, path, None).await
    }

    async fn ask(
        &self,
        method: reqwest::Method,
        path: &str,
        body: Option<&serde_json::Value>,
    ) -> (u16, serde_json::Value) {
        let mut request = self.http.request(method, format!("http://localhost/api/v1{path}"));
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let answer = request.send().await.expect("the admin socket answers");
        let status = answer.status().as_u16();
        let text = answer.text().await.expect("an answer has a body");
        (status, serde_json::from_str(&text).unwrap_or(serde_json::Value::Null))
    }
}

/// A browser or an app at the public pages; follows no redirect.
pub(crate) struct Web {
    pub(crate) http: reqwest::Client,
}

impl Web {
    /// JSON with a bearer credential.
    pub(crate) async fn json(
        &self,
        method: reqwest::Method,
        url: &str,
        token: &str,
        body: Option<&serde_json::Value>,
    ) -> (u16, serde_json::Value) {
        let mut request = self.http.request(method, url).header("authorization", format!("Bearer {token}"));
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let answer = request.send().await.expect("the web server answers");
        let status = answer.status().as_u16();
        let text = answer.text().await.expect("an answer has a body");
        (status, serde_json::from_str(&text).unwrap_or(serde_json::Value::Null))
    }

    pub(crate) async fn get(&self, url: &str) -> (u16, String) {
        let answer = self.http.get(url).send().await.expect("the web server answers");
        (answer.status().as_u16(), answer.text().await.expect("an answer has a body"))
    }

    pub(crate) async fn post_form(&self, url: &str, form: &str) -> (u16, String) {
        let request = self.http.post(url).header("content-type", "application/x-www-form-urlencoded");
        let answer = request.body(form.to_owned()).send().await.expect("the web server answers");
        (answer.status().as_u16(), answer.text().await.expect("an answer has a body"))
    }
}
