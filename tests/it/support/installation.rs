//! A server in a process of its own, on ports that stay the same over its restarts; it can be killed at any moment.

use std::ffi::OsString;
use std::io::Write as _;
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

use super::program::installed;
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
    /// What goes before the program on the command line.
    before: Vec<String>,
    /// In the environment of the server only.
    environment: Vec<(String, String)>,
    disk: Option<SmallDisk>,
}

/// A file system in memory of a few MB, at the data directory; it lives in a mount namespace that a process holds open.
struct SmallDisk {
    _holder: Child,
    data: PathBuf,
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

    /// With a data directory that holds so many MiB and no more. Needs the right to mount (root, as the tests run in CI).
    pub(crate) async fn start_on_a_small_disk(mebibytes: u32) -> Self {
        let mut office = Self::prepare("");
        let data = office.folder.path().join("data");
        std::fs::create_dir(&data).unwrap();
        let mount = format!("mount -t tmpfs -o size={mebibytes}m,mode=0700 tmpfs \"$0\" && echo mounted && exec cat");
        let mut holder = Command::new(installed("unshare"))
            .args(["--mount", "--propagation", "private", "sh", "-c", &mount])
            .arg(&data)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(holder.stdout.take().unwrap()).lines();
        let line = timeout(SOON, lines.next_line()).await.expect("a small disk").unwrap();
        assert_eq!(line.as_deref(), Some("mounted"), "the test needs the right to mount a file system");
        let target = holder.id().unwrap().to_string();
        office.before = ["nsenter", "--mount", "--target", &target, "--"].map(str::to_owned).to_vec();
        // As seen from outside of the namespace.
        let data = PathBuf::from(format!("/proc/{target}/root")).join(data.strip_prefix("/").unwrap());
        office.disk = Some(SmallDisk { _holder: holder, data });
        office.serve().await;
        office
    }

    /// Fills the small disk to the last byte.
    pub(crate) fn fill_disk(&self) {
        let mut filler = std::fs::File::create(self.data().join("filler")).unwrap();
        let block = [0u8; 4096];
        while filler.write_all(&block).is_ok() {}
    }

    /// Frees what [`Self::fill_disk`] took.
    pub(crate) fn free_disk(&self) {
        std::fs::remove_file(self.data().join("filler")).unwrap();
    }

    /// The next servers run with these variables in their environment.
    pub(crate) fn set_environment(&mut self, variables: &[(&str, &str)]) {
        self.environment = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    }

    /// Ready to [`Self::serve`] with its tables in this database.
    pub(crate) fn on_a_server(url: &str) -> Self {
        Self::prepare(&format!("database_url = \"{url}\"\n"))
    }

    /// Its data directory, as this process reaches it.
    pub(crate) fn data(&self) -> PathBuf {
        self.disk.as_ref().map_or_else(|| self.folder.path().join("data"), |disk| disk.data.clone())
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
        let mut installation = Self::prepare(settings);
        installation.serve().await;
        installation
    }

    /// Ready to [`Self::serve`], with these lines at the head of its configuration.
    pub(crate) fn prepare(settings: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let (udp, tcp, tls, https) = (at(free_port()), at(free_port()), at(free_port()), at(free_port()));
        let data = folder.path().join("data");
        let config = format!(
            "{settings}data_dir = {data:?}\npublic_host = \"127.0.0.1\"\n[sip]\nudp = [\"{udp}\"]\ntcp = [\"{tcp}\"]\ntls = [\"{tls}\"]\n[https]\nlisten = \"{https}\"\n"
        );
        std::fs::write(folder.path().join("config.toml"), config).unwrap();
        Self { folder, udp, tcp, tls, server: None, before: Vec::new(), environment: Vec::new(), disk: None }
    }

    /// The command line of this installation.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        // Long runs measure a release build.
        let program = std::env::var_os("NIGHTBELL_PROGRAM").unwrap_or_else(|| env!("CARGO_BIN_EXE_nightbell").into());
        let mut words = self.before.iter().map(OsString::from).chain([program]);
        let mut command = Command::new(words.next().unwrap_or_default());
        command.args(words).arg("--config").arg(self.folder.path().join("config.toml")).arg("--json").args(arguments);
        command.kill_on_drop(true).stdin(Stdio::null());
        command
    }

    /// Starts the server and waits until it says that it serves. What it logs goes into [`Self::log`].
    pub(crate) async fn serve(&mut self) {
        assert!(self.try_serve().await, "{}", self.log());
    }

    /// The same, for a server that may refuse to start.
    pub(crate) async fn try_serve(&mut self) -> bool {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.folder.path().join("log")).unwrap();
        let mut command = self.command(&["serve"]);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = timeout(SOON, lines.next_line()).await.expect("the server starts").unwrap().unwrap_or_default();
        let serves = line.contains("\"started\"");
        if serves {
            self.server = Some(child);
        } else {
            // What it has to say is complete when it has ended.
            timeout(SOON, child.wait()).await.expect("a server that does not start ends").unwrap();
        }
        serves
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
        Api { socket: self.data().join("admin.sock") }
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
