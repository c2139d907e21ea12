//! Killed with -9 and started again: nothing that was acknowledged is lost, a caller who was parked gets a final answer, and
//! a push still wakes the phone that was asleep before.

use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use nightbell::phone::{Phone, Transport};
use push_module::standin::ApnsStandin;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;
use uuid::Uuid;

use crate::support::{SOON, free_port};

const BUNDLE: &str = "com.example.nightbell";

/// A server in a process of its own, on ports that stay the same over its restarts.
struct Installation {
    folder: TempDir,
    udp: SocketAddr,
    tcp: SocketAddr,
    server: Option<Child>,
}

impl Installation {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let (udp, tcp) = (at(free_port()), at(free_port()));
        let data = folder.path().join("data");
        let config = format!(
            "data_dir = {data:?}\npublic_host = \"127.0.0.1\"\n[sip]\nudp = [\"{udp}\"]\ntcp = [\"{tcp}\"]\ntls = []\n[https]\nlisten = \"127.0.0.1:0\"\n"
        );
        std::fs::write(folder.path().join("config.toml"), config).unwrap();
        let mut installation = Self { folder, udp, tcp, server: None };
        installation.serve().await;
        installation
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nightbell"));
        command.arg("--config").arg(self.folder.path().join("config.toml")).arg("--json").args(arguments);
        command.kill_on_drop(true).stdin(Stdio::null());
        command
    }

    /// Starts the server and waits until it says that it serves.
    async fn serve(&mut self) {
        let mut child = self.command(&["serve"]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = timeout(SOON, lines.next_line()).await.expect("the server starts").unwrap().unwrap_or_default();
        assert!(line.contains("\"started\""), "{line}");
        self.server = Some(child);
    }

    /// Ends it without any chance to tidy up.
    async fn kill(&mut self) {
        let mut server = self.server.take().unwrap();
        server.start_kill().unwrap();
        server.wait().await.unwrap();
    }

    async fn run(&self, arguments: &[&str]) -> Value {
        let output = timeout(SOON, self.command(arguments).output()).await.expect("the command ends").unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{arguments:?}: {text} {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {text}"))
    }

    /// Adds an extension by the command line; gives its minted secret.
    async fn add(&self, number: &str) -> String {
        let added = self.run(&["extension", "add", number]).await;
        added["secret"].as_str().unwrap_or_else(|| panic!("no secret in {added}")).to_owned()
    }

    async fn credential(&self, apns: &ApnsStandin) {
        let push_module::NewCredential::Apns(key) = apns.new_credential(&[BUNDLE]).unwrap() else {
            panic!("an APNs stand-in gives an APNs key");
        };
        let file = |name: &str, text: &str| {
            let path = self.folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path.to_str().unwrap().to_owned()
        };
        let p8 = file("key.p8", key.p8.reveal());
        let ca = file("ca.pem", key.endpoint.extra_ca_pem.as_deref().unwrap_or_default());
        let url = key.endpoint.production_url.clone().unwrap_or_default();
        self.run(&[
            "push",
            "credential",
            "add",
            "apns",
            "--key",
            &p8,
            "--key-id",
            &key.key_id,
            "--team-id",
            &key.team_id,
            "--bundle-id",
            BUNDLE,
            "--production",
            "--base-url",
            &url,
            "--ca",
            &ca,
        ])
        .await;
    }

    async fn desk(&self, secret: &str) -> Phone {
        let desk = Phone::builder(self.udp).extension("101").secret(secret).build().unwrap();
        desk.register(300, SOON).await.unwrap();
        desk
    }

    fn app(&self, secret: &str, token: &str) -> Phone {
        Phone::builder(self.tcp)
            .extension("102")
            .secret(secret)
            .transport(Transport::Tcp)
            .instance(Uuid::new_v4())
            .push_params(format!(";pn-provider=apns;pn-param=ABCD1234.{BUNDLE}.voip;pn-prid={token}"))
            .build()
            .unwrap()
    }
}

async fn apns_with(token: &str) -> ApnsStandin {
    let apns = ApnsStandin::start().await.unwrap();
    apns.register_token(token, &format!("{BUNDLE}.voip"), pbx_core::model::Environment::Production);
    apns
}

fn token() -> String {
    format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple())
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_kill_a_push_still_wakes_the_phone_that_was_asleep() {
    let token = token();
    let apns = apns_with(&token).await;
    let mut office = Installation::start().await;
    let (desk_secret, app_secret) = (office.add("101").await, office.add("102").await);
    office.credential(&apns).await;
    let app = office.app(&app_secret, &token);
    app.register(300, SOON).await.unwrap();
    // The 200 is the promise that the wake target is on disk: the very next thing is the end of the process.
    office.kill().await;
    app.background().await;
    office.serve().await;

    let desk = office.desk(&desk_secret).await;
    let mut pushes = apns.subscribe();
    let calling = desk.call("102", SOON).await.unwrap();
    timeout(SOON, pushes.recv()).await.expect("a push after the restart").unwrap();
    app.wake(300, SOON).await.unwrap();
    let incoming = app.incoming(SOON).await.unwrap();
    incoming.answer().unwrap();
    calling.answered(SOON).await.unwrap();
    calling.heard(10, SOON).await.unwrap();
    incoming.heard(10, SOON).await.unwrap();
    calling.hang_up(SOON).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_a_call_is_parked_the_caller_gets_a_final_answer_within_five_seconds_and_nobody_rings() {
    let token = token();
    let apns = apns_with(&token).await;
    let mut office = Installation::start().await;
    let (desk_secret, app_secret) = (office.add("101").await, office.add("102").await);
    office.credential(&apns).await;
    let app = office.app(&app_secret, &token);
    app.register(300, SOON).await.unwrap();
    app.unregister(SOON).await.unwrap();
    app.background().await;
    let desk = office.desk(&desk_secret).await;
    let mut pushes = apns.subscribe();
    let calling = desk.call("102", SOON).await.unwrap();
    timeout(SOON, pushes.recv()).await.expect("the call is parked and pushed").unwrap();

    office.kill().await;
    office.serve().await;
    let refused = calling.answered(Duration::from_secs(5)).await;
    assert!(refused.is_err(), "the caller was connected with nobody");
    assert!(format!("{refused:?}").contains("503"), "{refused:?}");
    app.wake(300, SOON).await.unwrap();
    let ghost = app.incoming(Duration::from_secs(1)).await;
    assert!(ghost.is_err(), "a call that is over rang");

    let log = office.run(&["calls"]).await;
    let calls = log["calls"].as_array().unwrap_or_else(|| panic!("{log}"));
    assert_eq!(calls.len(), 1, "{log}");
    assert_eq!(calls[0]["ending"], "server_stopped", "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_in_the_middle_of_changes_everything_that_was_acknowledged_is_there() {
    let apns = apns_with(&token()).await;
    let mut office = Installation::start().await;
    office.credential(&apns).await;
    let mut acknowledged = Vec::new();
    for number in 200..220 {
        let number = number.to_string();
        office.add(&number).await;
        acknowledged.push(number);
    }
    // One more is on its way when the process ends; it may be there or not, but never half.
    let mut late =
        office.command(&["extension", "add", "999"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    office.kill().await;
    late.wait().await.unwrap();
    office.serve().await;

    let page = office.run(&["extension", "list"]).await;
    let lines = page["extensions"].as_array().unwrap_or_else(|| panic!("{page}"));
    let there: Vec<_> = lines.iter().filter_map(|line| line["number"].as_str()).collect();
    for number in &acknowledged {
        assert!(there.contains(&number.as_str()), "{number} is lost: {page}");
    }
    if there.contains(&"999") {
        let detail = office.run(&["extension", "show", "999"]).await;
        assert_eq!(detail["accounts"].as_array().map(Vec::len), Some(1), "{detail}");
    }
    let credentials = office.run(&["push", "credential", "list"]).await;
    assert_eq!(credentials["credentials"].as_array().map(Vec::len), Some(1), "{credentials}");
}
