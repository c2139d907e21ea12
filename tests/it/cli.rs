//! The command line keeps its word: exit codes, problem JSON, and a fix in every refusal.

use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use serde_json::Value;
use sqlx::Connection as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

use crate::support::SOON;

/// A place for one installation, and the commands run in it.
struct Installation {
    folder: TempDir,
}

/// `nightbell serve` as a process.
struct Served {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    /// Its first line.
    started: Value,
}

/// What a command left behind.
struct Ended {
    code: i32,
    out: String,
    err: String,
}

impl Ended {
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}\n{}", self.out, self.err))
    }

    /// Refused with exit code 1 and a text that has all these parts.
    #[track_caller]
    fn refused(&self, parts: &[&str]) {
        assert_eq!(self.code, 1, "{}{}", self.out, self.err);
        for part in parts {
            assert!(self.err.contains(part), "'{part}' is not in: {}", self.err);
        }
    }

    #[track_caller]
    fn done(self) -> Self {
        assert_eq!(self.code, 0, "{}{}", self.out, self.err);
        self
    }
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().expect("the command was not killed"),
            out: String::from_utf8(output.stdout).expect("standard output is text"),
            err: String::from_utf8(output.stderr).expect("standard error is text"),
        }
    }
}

impl Installation {
    /// One that listens on free ports of the loopback.
    fn new() -> Self {
        Self::with_udp("127.0.0.1:0")
    }

    fn with_udp(udp: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = format!(
            "data_dir = {:?}\nlog = \"warn\"\n[sip]\nudp = [\"{udp}\"]\ntcp = [\"127.0.0.1:0\"]\ntls = [\"127.0.0.1:0\"]\n\
             [https]\nlisten = \"127.0.0.1:0\"\n",
            folder.path().join("data")
        );
        std::fs::write(folder.path().join("config.toml"), config).unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file; its path as text.
    fn file(&self, name: &str, content: &str) -> String {
        std::fs::write(self.path(name), content).unwrap();
        self.path(name).display().to_string()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nightbell"));
        command
            .arg("--config")
            .arg(self.path("config.toml"))
            .args(arguments)
            .env_remove("NIGHTBELL_CONFIG")
            .env_remove("NIGHTBELL_DATA_DIR")
            .env_remove("NIGHTBELL_PUBLIC_HOST")
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    async fn run(&self, arguments: &[&str]) -> Ended {
        timeout(SOON, self.command(arguments).output()).await.expect("the command ends").unwrap().into()
    }

    async fn run_with_input(&self, arguments: &[&str], input: &str) -> Ended {
        let mut command = self.command(arguments);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).await.unwrap();
        timeout(SOON, child.wait_with_output()).await.expect("the command ends").unwrap().into()
    }

    async fn serve(&self) -> Served {
        let mut child = self.command(&["--json", "serve"]).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = timeout(SOON, lines.next_line()).await.expect("the server starts").unwrap();
        let line = line.expect("the server says that it has started");
        Served { child, lines, started: serde_json::from_str(&line).unwrap() }
    }
}

impl Served {
    async fn signal(&self, name: &str) {
        let pid = self.child.id().expect("the server runs").to_string();
        let sent = Command::new("kill").args([name, &pid]).status().await.unwrap();
        assert!(sent.success());
    }

    /// The next event it prints.
    async fn event(&mut self) -> String {
        let line = timeout(SOON, self.lines.next_line()).await.expect("the server says what it does").unwrap();
        let line: Value = serde_json::from_str(&line.expect("the server has more to say")).unwrap();
        line["event"].as_str().expect("it is an event").to_owned()
    }

    async fn exit_code(mut self) -> Option<i32> {
        timeout(SOON, self.child.wait()).await.expect("the server ends").unwrap().code()
    }

    /// SIGTERM, and a good end.
    async fn stop(mut self) {
        self.signal("-TERM").await;
        assert_eq!(self.event().await, "stopping");
        assert_eq!(self.event().await, "stopped");
        assert_eq!(self.exit_code().await, Some(0));
    }
}

#[tokio::test]
async fn a_server_says_where_it_listens_and_obeys_until_it_is_told_to_stop() {
    let here = Installation::new();
    let served = here.serve().await;
    assert_eq!(served.started["event"], "started");
    for transport in ["udp", "tcp", "tls"] {
        let address = served.started["sip"][transport][0].as_str().unwrap();
        assert!(address.starts_with("127.0.0.1:") && !address.ends_with(":0"), "{address}");
    }
    assert!(served.started["setup_link"]["url"].as_str().unwrap().contains("/setup/"));

    here.run(&["healthcheck"]).await.done();
    let added = here.run(&["extension", "add", "101", "--name", "Anna", "--json"]).await.done().json();
    assert_eq!((added["username"].as_str(), added["minted"].as_bool()), (Some("101"), Some(true)));
    assert!(here.run(&["extension", "list"]).await.done().out.contains("101     Anna  unreachable"));
    assert_eq!(here.run(&["extension", "show", "101", "--json"]).await.done().json()["name"], "Anna");
    here.run(&["push", "disable", "101"]).await.done();
    assert_eq!(here.run(&["extension", "show", "101", "--json"]).await.done().json()["push_enabled"], false);
    here.run(&["push", "enable", "101"]).await.done();
    assert_eq!(here.run(&["extension", "export"]).await.done().out, "number,name,email\n101,Anna,\n");
    assert!(here.run(&["setup-link"]).await.done().out.starts_with("https://localhost:"));
    assert_eq!(here.run(&["registrations", "--json"]).await.done().json()["devices"], Value::Array(vec![]));
    assert_eq!(here.run(&["calls", "--json"]).await.done().json()["calls"], Value::Array(vec![]));
    here.run(&["extension", "remove", "101"]).await.done();
    assert_eq!(here.run(&["extension", "list", "--json"]).await.done().json()["total"], 0);

    served.stop().await;
    assert!(!here.path("data/admin.sock").exists());
}

#[tokio::test]
async fn a_second_signal_ends_a_stop_that_takes_too_long() {
    let here = Installation::new();
    let mut served = here.serve().await;
    // Half a request keeps the graceful stop waiting.
    let mut caller = tokio::net::UnixStream::connect(here.path("data/admin.sock")).await.unwrap();
    caller.write_all(b"POST /api/v1/extensions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{").await.unwrap();
    here.run(&["healthcheck"]).await.done();
    served.signal("-TERM").await;
    assert_eq!(served.event().await, "stopping");
    served.signal("-INT").await;
    assert_eq!(served.event().await, "cut");
    assert_eq!(served.exit_code().await, Some(1));
}

#[tokio::test]
async fn extensions_survive_a_restart() {
    let here = Installation::new();
    let served = here.serve().await;
    here.run(&["extension", "add", "101"]).await.done();
    served.stop().await;
    let served = here.serve().await;
    assert_eq!(here.run(&["extension", "list", "--json"]).await.done().json()["total"], 1);
    served.stop().await;
}

#[tokio::test]
async fn without_a_server_commands_say_how_to_start_it() {
    let here = Installation::new();
    let refused = here.run(&["extension", "list"]).await;
    refused.refused(&["Nightbell is not running here", "nightbell serve"]);
    assert_eq!(here.run(&["--json", "calls"]).await.json()["code"], "not_running");
    assert_eq!(here.run(&["healthcheck"]).await.code, 1);
}

#[tokio::test]
async fn doctor_is_degraded_without_credentials_and_fails_but_looks_around_without_a_server() {
    let here = Installation::new();
    let alone = here.run(&["doctor", "--json"]).await;
    assert_eq!((alone.code, &alone.json()["level"], &alone.json()["running"]), (1, &"fail".into(), &false.into()));
    let served = here.serve().await;
    let asked = here.run(&["doctor", "--json"]).await;
    assert_eq!((asked.code, &asked.json()["level"]), (3, &"warn".into()));
    served.stop().await;
}

#[tokio::test]
async fn a_command_line_that_is_not_understood_is_exit_code_2() {
    let here = Installation::new();
    assert_eq!(here.run(&["ring"]).await.code, 2);
    assert_eq!(here.run(&["extension", "add"]).await.code, 2);
    let wrong = here.run(&["extension", "add", "--json"]).await;
    assert_eq!((wrong.code, &wrong.json()["code"]), (2, &"usage".into()));
    assert_eq!(here.run(&["--help"]).await.code, 0);
}

#[tokio::test]
async fn a_list_with_errors_is_refused_line_by_line_and_changes_nothing() {
    let here = Installation::new();
    let served = here.serve().await;
    let list = here.file("bad.csv", "number,name,email,secret\n201,Cleo,,\n201,Twice,,\n10x,Bad,,\n");
    let refused = here.run(&["extension", "import", &list]).await;
    refused.refused(&[
        "line 3, column number: ",
        "line 4, column number: ",
        "nothing was imported: 2 problems in 3 lines",
    ]);
    let dry = here.run(&["extension", "import", &list, "--dry-run", "--json"]).await;
    assert_eq!((dry.code, dry.json()["errors"].as_array().map(Vec::len)), (1, Some(2)));
    assert_eq!(here.run(&["extension", "list", "--json"]).await.json()["total"], 0);

    let list = here.file("good.csv", "number,name,email,secret\n201,Cleo,,\n202,Dan,,a-given-secret\n");
    here.run(&["extension", "import", &list, "--dry-run"]).await.done();
    assert_eq!(here.run(&["extension", "list", "--json"]).await.json()["total"], 0);
    let done = here.run(&["extension", "import", &list]).await.done();
    assert!(done.out.contains("2 extensions imported.") && done.out.contains("201     Cleo  "), "{}", done.out);
    assert!(!done.out.contains("a-given-secret"), "{}", done.out);
    let again = here.run(&["extension", "import", &list]).await;
    again.refused(&["line 2, column number: extension 201 exists already"]);
    served.stop().await;
}

#[tokio::test]
async fn bad_numbers_and_secrets_are_refused_with_the_fix() {
    let here = Installation::new();
    let served = here.serve().await;
    here.run(&["extension", "add", "10a"]).await.refused(&["is not a digit", "[number_malformed]"]);
    here.run(&["extension", "add", "101"]).await.done();
    here.run(&["extension", "add", "101"]).await.refused(&["extension 101 exists already", "[number_taken]"]);
    let short = here.run_with_input(&["extension", "add", "102", "--secret-stdin"], "short\n").await;
    short.refused(&["12 to 64", "[secret_malformed]"]);
    let given =
        here.run_with_input(&["extension", "add", "102", "--secret-stdin"], "long-enough-secret\n").await.done();
    assert!(!given.out.contains("long-enough-secret"), "{}", given.out);
    let empty = here.run(&["extension", "add", "103", "--secret-stdin"]).await;
    empty.refused(&["standard input is empty"]);
    here.run(&["push", "test", "101"]).await.refused(&["no device of extension 101 can be pushed"]);
    here.run(&["calls", "show", "7"]).await.refused(&["there is no call 7"]);
    served.stop().await;
}

#[tokio::test]
async fn how_long_a_phone_is_pushed_is_chosen_by_its_number_and_one_of_two_words() {
    let here = Installation::new();
    let served = here.serve().await;
    here.run(&["push", "policy", "7", "rfc8599"]).await.refused(&["there is no device 7", "[no_such_device]"]);
    let wrong = here.run(&["push", "policy", "7", "always"]).await;
    assert!(wrong.err.contains("app, rfc8599"), "{}", wrong.err);
    served.stop().await;
}

#[tokio::test]
async fn files_that_are_no_push_credential_are_refused_by_name() {
    let here = Installation::new();
    let served = here.serve().await;
    let key = here.file("AuthKey_ABC123DEFG.p8", "hello");
    let apns = ["push", "credential", "add", "apns", "--team-id", "DEF123GHIJ", "--key"];
    here.run(&[apns.as_slice(), &[&key]].concat()).await.refused(&[
        "this is not a key file",
        "AuthKey_",
        "[not_a_key]",
    ]);
    let unnamed = here.file("key.p8", "hello");
    here.run(&[apns.as_slice(), &[&unnamed]].concat()).await.refused(&["--key-id is missing"]);
    here.run(&[apns.as_slice(), &["/nowhere/AuthKey_ABC123DEFG.p8"]].concat()).await.refused(&["cannot be read"]);

    let fcm = ["push", "credential", "add", "fcm", "--service-account"];
    let user = here.file("user.json", r#"{"type":"authorized_user","client_id":"x","refresh_token":"y"}"#);
    here.run(&[fcm.as_slice(), &[&user]].concat()).await.refused(&["authorized_user", "[other_credential_type]"]);
    let services = here.file("google-services.json", r#"{"project_info":{"project_number":"1"},"client":[]}"#);
    here.run(&[fcm.as_slice(), &[&services]].concat()).await.refused(&["google-services.json", "service account"]);
    let legacy = here.file("server.key", &format!("AAAAabcdefg:APA91b{}", "H".repeat(134)));
    here.run(&[fcm.as_slice(), &[&legacy]].concat()).await.refused(&["shut down in 2024", "[legacy_server_key]"]);
    assert!(here.run(&["push", "credential", "list"]).await.done().out.starts_with("There is no push credential"));
    served.stop().await;
}

#[tokio::test]
async fn a_port_in_use_is_named_with_the_fix() {
    let held = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = held.local_addr().unwrap();
    let here = Installation::with_udp(&address.to_string());
    let refused = here.run(&["serve"]).await;
    refused.refused(&[&format!("UDP port {} on 127.0.0.1 is in use", address.port()), "[sip] in config.toml"]);
    assert_eq!(here.run(&["doctor"]).await.code, 1);
}

#[tokio::test]
async fn a_data_directory_serves_one_server_only() {
    let here = Installation::new();
    let served = here.serve().await;
    here.run(&["serve"]).await.refused(&["is in use by another Nightbell"]);
    served.stop().await;
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_left_alone() {
    let here = Installation::new();
    here.serve().await.stop().await;
    from_the_future(&here.path("data/nightbell.db")).await;
    let refused = here.run(&["--json", "serve"]).await;
    refused.refused(&["was written by a newer Nightbell", "9999"]);
    assert_eq!(refused.json()["code"], "not_started");
    let doctor = here.run(&["doctor"]).await;
    assert!(doctor.code == 1 && doctor.out.contains("newer Nightbell"), "{}", doctor.out);
}

async fn from_the_future(database: &Path) {
    let options = SqliteConnectOptions::new().filename(database);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    let insert = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
                  VALUES (9999, 'later', TRUE, X'00', 0)";
    sqlx::query(insert).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

#[tokio::test]
async fn config_check_names_the_misspelt_key_and_prints_what_is_in_force() {
    let here = Installation::new();
    let good = here.run(&["config", "check"]).await.done();
    assert!(
        good.out.contains("udp = [\"127.0.0.1:0\"]") && good.out.contains("These settings are good."),
        "{}",
        good.out
    );
    let named = here.run(&["--public-host", "pbx.example.com", "config", "check", "--json"]).await.done().json();
    assert_eq!(named["config"]["public_host"], "pbx.example.com");
    here.file("config.toml", "datadir = \"/tmp\"\n");
    here.run(&["config", "check"]).await.refused(&["datadir"]);
    here.run(&["serve"]).await.refused(&["datadir"]);
}

#[tokio::test]
async fn an_installation_is_set_up_from_a_file_and_the_same_file_again_changes_nothing() {
    let here = Installation::new();
    let served = here.serve().await;
    here.file("password", "plum tractor window nine\n");
    let wrong = "[owner]\nname = \"anna\"\npassword_file = \"password\"\n[place]\ncountry = \"US\"\n\
        [[extensions]]\nnumber = \"one\"\n";
    let setup = here.file("setup.toml", wrong);
    let refused = here.run(&["setup", "--from", &setup]).await;
    refused.refused(&["place.time_zone: there is more than one", "extensions[0].number: ", "nothing was changed"]);
    assert!(!refused.err.contains("plum"), "{}", refused.err);
    assert_eq!(here.run(&["user", "list", "--json"]).await.done().json()["users"], Value::Array(vec![]));

    let right = wrong.replace("US", "DE").replace("\"one\"", "\"101\"\nname = \"Anna\"");
    here.file("setup.toml", &right);
    let told = here.run(&["setup", "--from", &setup, "--dry-run"]).await.done();
    assert!(told.out.contains("would change: owner anna"), "{}", told.out);
    let done = here.run(&["setup", "--from", &setup]).await.done();
    assert_eq!(done.out, "changed: owner anna\nchanged: time zone Europe/Berlin\nchanged: extensions 101\n");
    let again = here.run(&["setup", "--from", &setup]).await.done();
    assert_eq!(again.out, "as it was: owner anna\nas it was: time zone Europe/Berlin\nas it was: one extension\n");
    here.run(&["setup", "--from", "/nowhere.toml"]).await.refused(&["cannot be read"]);
    here.run(&["calls", "test", "101"]).await.refused(&["no phone of extension 101 can be reached now"]);
    served.stop().await;
}
