//! `nightbell doctor`: what the server finds; when it does not run, what can be found without it.

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::Path;

use pbx_core::store::{self, DatabaseUrl, Inspection, StoreError};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::client::ClientError;
use super::failure::Failure;
use super::output::{Report, clean};
use super::{Exit, Place};
use crate::config::Config;

/// The oldest PostgreSQL that still gets fixes from its makers.
const OLDEST_POSTGRES: u32 = 14;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Level {
    Ok,
    Warn,
    Fail,
}

impl Level {
    const fn exit(self) -> Exit {
        match self {
            Self::Ok => Exit::Ok,
            Self::Warn => Exit::Degraded,
            Self::Fail => Exit::Failure,
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Ok => "good",
            Self::Warn => "to do",
            Self::Fail => "problem",
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Finding {
    level: Level,
    code: String,
    text: String,
    #[serde(default)]
    fix: String,
    #[serde(default)]
    link: String,
}

impl Finding {
    fn new(level: Level, code: &str, text: impl Into<String>, fix: &str) -> Self {
        Self { level, code: code.to_owned(), text: text.into(), fix: fix.to_owned(), link: String::new() }
    }
}

#[derive(Debug, Deserialize)]
struct Doctor {
    level: Level,
    findings: Vec<Finding>,
}

pub(super) async fn run(place: &Place) -> Result<Report, Failure> {
    let client = match place.client() {
        Ok(client) => client,
        Err(wrong) => return Ok(locally(vec![settings_unusable(&wrong)])),
    };
    match client.get::<Doctor>("/doctor").await {
        Ok(doctor) => Ok(report(doctor.known.level, &doctor.known.findings, doctor.raw)),
        Err(ClientError::NotRunning { .. }) => Ok(locally(without_server(place).await)),
        Err(error) => Err(error.into()),
    }
}

fn locally(findings: Vec<Finding>) -> Report {
    let level = findings.iter().map(|finding| finding.level).max().unwrap_or(Level::Ok);
    let json = json!({ "level": level, "running": false, "findings": findings });
    report(level, &findings, json)
}

fn report(level: Level, findings: &[Finding], json: Value) -> Report {
    let mut text: String = findings.iter().map(told).collect();
    if findings.is_empty() {
        text.push_str("Everything is well.\n");
    }
    Report::done(text, json).ending(level.exit())
}

fn told(finding: &Finding) -> String {
    let fix = match (finding.fix.is_empty(), finding.link.is_empty()) {
        (true, _) => String::new(),
        (false, true) => format!("         {}\n", clean(&finding.fix)),
        (false, false) => format!("         {} (in the pages: {})\n", clean(&finding.fix), clean(&finding.link)),
    };
    format!("{:<7}  {}\n{fix}", finding.level.word(), clean(&finding.text))
}

fn settings_unusable(wrong: &impl std::fmt::Display) -> Finding {
    let text = format!("The boot settings cannot be used: {wrong}.");
    Finding::new(
        Level::Fail,
        "config",
        text,
        "Correct the file, then look at the result with `nightbell config check`.",
    )
}

/// Settings, data directory, database and ports: whatever would keep the server from starting.
async fn without_server(place: &Place) -> Vec<Finding> {
    let mut findings = vec![Finding::new(
        Level::Fail,
        "not_running",
        "Nightbell is not running here; this is what can be seen without it.",
        "Start it: `systemctl start nightbell` or `nightbell serve`.",
    )];
    let config = match place.load().and_then(|config| config.check().map(|()| config)) {
        Ok(config) => config,
        Err(wrong) => {
            findings.push(settings_unusable(&wrong));
            return findings;
        }
    };
    findings.push(Finding::new(Level::Ok, "config", "The boot settings can be read and make sense.", ""));
    findings.push(match &config.database_url {
        Some(address) => postgres(&config.data_dir, address).await,
        None => data_dir(&config.data_dir).await,
    });
    findings.extend(ports(&config));
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.level));
    findings
}

/// What a start would meet; nothing is changed, so that it may be asked by any user.
async fn data_dir(folder: &Path) -> Finding {
    let good = |text: String| Finding::new(Level::Ok, "database", text, "");
    match store::inspect(folder).await {
        Ok(Inspection::Nothing) => untouched(folder),
        Ok(Inspection::Ready) => good("The database belongs to this version and to its key.".to_owned()),
        Ok(Inspection::Older(steps)) => {
            good(format!("The database is older; the next start brings it to this version ({steps} steps)."))
        }
        Ok(Inspection::Unclean) => {
            good("The last run was cut; the next start takes over everything it had saved.".to_owned())
        }
        Err(error @ StoreError::DataDir { .. }) => {
            let fix = "Unless this is the user that runs Nightbell, ask again as that user or as root.";
            Finding::new(Level::Fail, "database", format!("{error}."), fix)
        }
        Err(error) => Finding::new(Level::Fail, "database", format!("{error}."), ""),
    }
}

/// Whether the server answers, its version, and what a start would meet there.
async fn postgres(folder: &Path, address: &DatabaseUrl) -> Finding {
    let good = |text: String| Finding::new(Level::Ok, "database", text, "");
    match store::inspect_postgres(folder, address).await {
        Ok((version, _)) if major(&version).is_some_and(|major| major < OLDEST_POSTGRES) => {
            let text = format!("The database {address} runs on PostgreSQL {version}, which is too old.");
            let fix = "Move it to PostgreSQL 14 or later (nightbell backup create, then restore).";
            Finding::new(Level::Warn, "database", text, fix)
        }
        Ok((version, Inspection::Nothing)) => good(format!(
            "The database {address} answers (PostgreSQL {version}) and is empty; the first start makes its tables."
        )),
        Ok((version, Inspection::Ready | Inspection::Unclean)) => good(format!(
            "The database {address} answers (PostgreSQL {version}) and belongs to this version and to its key."
        )),
        Ok((version, Inspection::Older(steps))) => good(format!(
            "The database {address} answers (PostgreSQL {version}) and is older; the next start brings it to this version ({steps} steps)."
        )),
        Err(error) => {
            let fix = "Look at database_url in config.toml, at the server's own log, and whether a firewall stands in between.";
            Finding::new(Level::Fail, "database", format!("{error}."), fix)
        }
    }
}

/// The first number of what a server calls its version.
fn major(version: &str) -> Option<u32> {
    version.split(['.', ' ']).next()?.parse().ok()
}

/// A first start would make the folder and the database.
fn untouched(folder: &Path) -> Finding {
    let existing = folder.ancestors().find(|ancestor| ancestor.exists());
    let trial = existing.map(|existing| tempfile::Builder::new().prefix(".nightbell-doctor").tempfile_in(existing));
    match trial {
        Some(Ok(_)) => {
            let text = format!("There is no database in {} yet; the first start makes it.", folder.display());
            Finding::new(Level::Ok, "data_dir", text, "")
        }
        Some(Err(error)) => {
            let text = format!("The data directory {} cannot be written: {error}.", folder.display());
            let fix = "Run this as the user that runs Nightbell, or choose another folder (data_dir in config.toml).";
            Finding::new(Level::Fail, "data_dir", text, fix)
        }
        None => {
            let text = format!("The data directory {} cannot be reached.", folder.display());
            Finding::new(Level::Fail, "data_dir", text, "Choose another folder (data_dir in config.toml).")
        }
    }
}

/// Whether every port could be had; they are let go at once.
fn ports(config: &Config) -> Vec<Finding> {
    let udp = config.sip.udp.iter().map(|address| ("UDP", *address, UdpSocket::bind(address).map(drop)));
    let streams =
        config.sip.tcp.iter().map(|address| ("TCP", address)).chain(config.sip.tls.iter().map(|it| ("TLS", it)));
    let https = std::iter::once(("HTTPS", &config.https.listen));
    let tcp = streams.chain(https).map(|(name, address)| (name, *address, TcpListener::bind(address).map(drop)));
    let taken: Vec<Finding> = udp
        .chain(tcp)
        .filter(|(_, address, _)| !is_twin(config, *address))
        .filter_map(|(name, address, tried)| Some(port_taken(name, address, &tried.err()?)))
        .collect();
    if taken.is_empty() {
        return vec![Finding::new(Level::Ok, "ports", "All ports are free.", "")];
    }
    taken
}

/// `[::]` beside `0.0.0.0` with the same port: the server separates the two, a simple trial cannot.
fn is_twin(config: &Config, address: SocketAddr) -> bool {
    let all = config.sip.udp.iter().chain(&config.sip.tcp).chain(&config.sip.tls);
    address.is_ipv6() && all.into_iter().any(|other| other.is_ipv4() && other.port() == address.port())
}

fn port_taken(name: &str, address: SocketAddr, error: &std::io::Error) -> Finding {
    let text = format!("{name} port {} on {} cannot be had: {error}.", address.port(), address.ip());
    let fix = "Stop the program that uses it, or choose another port in config.toml.";
    Finding::new(Level::Fail, "port", text, fix)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quiet() -> Config {
        let mut config = Config::default();
        config.sip.udp.clear();
        config.sip.tcp.clear();
        config.sip.tls.clear();
        config.https.listen = SocketAddr::from(([127, 0, 0, 1], 0));
        config
    }

    #[test]
    fn a_taken_port_is_named_with_the_fix() {
        let held = UdpSocket::bind("127.0.0.1:0").unwrap();
        let mut config = quiet();
        config.sip.udp.push(held.local_addr().unwrap());
        let findings = ports(&config);
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].level, Level::Fail);
        assert!(
            findings[0].text.contains(&format!("UDP port {}", held.local_addr().unwrap().port())),
            "{}",
            findings[0].text
        );
    }

    #[test]
    fn free_ports_are_one_good_line() {
        let findings = ports(&quiet());
        assert_eq!((findings.len(), findings[0].level), (1, Level::Ok));
    }

    #[tokio::test]
    async fn a_postgresql_that_does_not_answer_is_a_problem_without_its_password() {
        let folder = tempfile::tempdir().unwrap();
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("postgres://bell:very-secret@{}/nightbell", free.local_addr().unwrap());
        drop(free);
        let finding = postgres(folder.path(), &address.parse().unwrap()).await;
        assert_eq!((finding.level, finding.code.as_str()), (Level::Fail, "database"));
        assert!(!finding.text.contains("very-secret") && finding.text.contains("cannot be opened"), "{}", finding.text);
        assert_eq!((major("15.4 (Debian 15.4-1)"), major("9.6"), major("x")), (Some(15), Some(9), None));
    }

    /// On SQLite the same is said of the file in the folder.
    #[tokio::test]
    async fn a_database_on_a_server_is_looked_at_before_a_start() {
        let folder = tempfile::tempdir().unwrap();
        let url = store::Store::url_for_test(folder.path()).await;
        let look = async || match &url {
            Some(url) => postgres(folder.path(), url).await,
            None => data_dir(folder.path()).await,
        };
        let empty = look().await;
        assert_eq!(empty.level, Level::Ok, "{empty:?}");
        let open = store::Store::open_for_test(folder.path()).await.unwrap();
        let used = look().await;
        assert_eq!(used.level, Level::Fail, "{used:?}");
        assert!(used.text.contains("in use by another Nightbell"), "{used:?}");
        open.close().await;
        drop(open);
        let ready = look().await;
        assert_eq!(ready.level, Level::Ok, "{ready:?}");
        assert!(ready.text.contains("belongs to this version"), "{ready:?}");
    }

    #[tokio::test]
    async fn a_folder_that_is_not_there_yet_is_good_and_stays_away() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("deep/data");
        assert_eq!(data_dir(&folder).await.level, Level::Ok);
        assert_eq!(std::fs::read_dir(parent.path()).unwrap().count(), 0);
    }

    #[test]
    fn the_worst_finding_decides_the_exit_code() {
        let report =
            locally(vec![Finding::new(Level::Ok, "a", "Good.", ""), Finding::new(Level::Warn, "b", "Hm.", "Do it.")]);
        assert_eq!(report.exit, Exit::Degraded);
        assert_eq!(report.text, "good     Good.\nto do    Hm.\n         Do it.\n");
    }
}
