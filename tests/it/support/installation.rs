//! A server in a process of its own, on ports that stay the same over its restarts; it can be killed at any moment.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use pbx_core::model::Environment;
use push_module::standin::ApnsStandin;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::process::{Child, Command};
use tokio::time::timeout;
use uuid::Uuid;

use super::server::BUNDLE;
use super::{SOON, free_port};

/// The program, its data directory and its addresses.
pub(crate) struct Installation {
    folder: TempDir,
    /// Where phones reach it by datagrams.
    pub(crate) udp: SocketAddr,
    /// Where phones reach it by TCP.
    pub(crate) tcp: SocketAddr,
    /// Where phones reach it by TLS.
    pub(crate) tls: SocketAddr,
    server: Option<Child>,
}

impl Installation {
    /// Starts it for the first time.
    pub(crate) async fn start() -> Self {
        Self::start_with("").await
    }

    /// The same with a log that holds whatever anybody has to say.
    pub(crate) async fn start_logging_everything() -> Self {
        Self::start_with("log = \"trace\"\n").await
    }

    /// Its folder; the data directory is `data` in it.
    pub(crate) fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// The id of the running process.
    pub(crate) fn process(&self) -> Option<u32> {
        self.server.as_ref().and_then(Child::id)
    }

    async fn start_with(settings: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let (udp, tcp, tls, https) = (at(free_port()), at(free_port()), at(free_port()), at(free_port()));
        let data = folder.path().join("data");
        let config = format!(
            "{settings}data_dir = {data:?}\npublic_host = \"127.0.0.1\"\n[sip]\nudp = [\"{udp}\"]\ntcp = [\"{tcp}\"]\ntls = [\"{tls}\"]\n[https]\nlisten = \"{https}\"\n"
        );
        std::fs::write(folder.path().join("config.toml"), config).unwrap();
        let mut installation = Self { folder, udp, tcp, tls, server: None };
        installation.serve().await;
        installation
    }

    /// The command line of this installation.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        // Long runs measure a release build.
        let program = std::env::var_os("NIGHTBELL_PROGRAM").unwrap_or_else(|| env!("CARGO_BIN_EXE_nightbell").into());
        let mut command = Command::new(program);
        command.arg("--config").arg(self.folder.path().join("config.toml")).arg("--json").args(arguments);
        command.kill_on_drop(true).stdin(Stdio::null());
        command
    }

    /// Starts the server and waits until it says that it serves. What it logs goes into [`Self::log`].
    pub(crate) async fn serve(&mut self) {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.folder.path().join("log")).unwrap();
        let mut child = self.command(&["serve"]).stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = timeout(SOON, lines.next_line()).await.expect("the server starts").unwrap().unwrap_or_default();
        assert!(line.contains("\"started\""), "{line}\n{}", self.log());
        self.server = Some(child);
    }

    /// Ends it without any chance to tidy up.
    pub(crate) async fn kill(&mut self) {
        let mut server = self.server.take().unwrap();
        server.start_kill().unwrap();
        server.wait().await.unwrap();
    }

    /// Everything it ever logged.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Memory of the running process in KiB (`VmRSS`).
    pub(crate) fn resident_kib(&self) -> u64 {
        let id = self.server.as_ref().and_then(Child::id).expect("the server runs");
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches("kB").trim().parse().unwrap()
    }

    /// Runs a command of the program; gives what it prints.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Value {
        let output = timeout(SOON, self.command(arguments).output()).await.expect("the command ends").unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{arguments:?}: {text} {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {text}"))
    }

    /// Adds an extension by the command line; gives its minted secret.
    pub(crate) async fn add(&self, number: &str) -> String {
        let added = self.run(&["extension", "add", number]).await;
        added["secret"].as_str().unwrap_or_else(|| panic!("no secret in {added}")).to_owned()
    }

    /// Gives the server a key for this stand-in's production.
    pub(crate) async fn credential(&self, apns: &ApnsStandin) {
        self.credential_for(apns, Environment::Production).await;
    }

    /// Gives the server a key for one environment of this stand-in.
    pub(crate) async fn credential_for(&self, apns: &ApnsStandin, environment: Environment) {
        let push_module::NewCredential::Apns(key) = apns.new_credential(&[BUNDLE]).unwrap() else {
            panic!("an APNs stand-in gives an APNs key");
        };
        let file = |name: &str, text: &str| {
            let path = self.folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path.to_str().unwrap().to_owned()
        };
        let p8 = file(&format!("{}.p8", key.key_id), key.p8.reveal());
        let ca = file("ca.pem", key.endpoint.extra_ca_pem.as_deref().unwrap_or_default());
        let url = apns.url(environment);
        let only = match environment {
            Environment::Production => "--production",
            Environment::Sandbox => "--sandbox",
        };
        let key_id = ["push", "credential", "add", "apns", "--key", &p8, "--key-id", &key.key_id];
        let app = ["--team-id", &key.team_id, "--bundle-id", BUNDLE, only, "--base-url", &url, "--ca", &ca];
        self.run(&[&key_id[..], &app[..]].concat()).await;
    }

    /// The server's own certificate, which is also its authority.
    pub(crate) fn authority(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("data/tls/cert.pem")).expect("the server has a certificate")
    }

    /// The way to its REST API.
    pub(crate) fn api(&self) -> Api {
        Api { socket: self.folder.path().join("data/admin.sock") }
    }
}

/// The REST API through the Unix socket; each question is a connection of its own.
#[derive(Debug, Clone)]
pub(crate) struct Api {
    socket: PathBuf,
}

impl Api {
    /// Asks; status and JSON, or `None` when the server went away before it answered.
    pub(crate) async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Option<(StatusCode, Value)> {
        let stream = UnixStream::connect(&self.socket).await.ok()?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.ok()?;
        let driving = tokio::spawn(connection);
        let request = Request::builder().method(method).uri(format!("/api/v1{path}")).header("host", "localhost");
        let request = request.header("content-type", "application/json");
        let bytes = body.map(|body| Bytes::from(body.to_string())).unwrap_or_default();
        let answer = sender.send_request(request.body(Full::new(bytes)).unwrap()).await.ok()?;
        let status = answer.status();
        let body = answer.into_body().collect().await.ok()?.to_bytes();
        driving.abort();
        Some((status, serde_json::from_slice(&body).unwrap_or(Value::Null)))
    }

    /// Reads from a server that runs.
    pub(crate) async fn get(&self, path: &str) -> Value {
        let (status, answer) = self.ask(Method::GET, path, None).await.expect("the server answers");
        assert_eq!(status, StatusCode::OK, "{path}: {answer}");
        answer
    }
}

/// A stand-in that knows one token of the app.
pub(crate) async fn apns_with(token: &str) -> ApnsStandin {
    let apns = ApnsStandin::start().await.unwrap();
    apns.register_token(token, &format!("{BUNDLE}.voip"), Environment::Production);
    apns
}

/// A token as an app on iOS gets it.
pub(crate) fn token() -> String {
    format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple())
}
