//! `nightbell network`: the network check from inside, a code for one from outside, and the last checks.

use std::time::Duration;

use clap::Subcommand;
use pbx_core::model::UnixMillis;
use serde::Deserialize;

use super::Exit;
use super::client::Client;
use super::failure::Failure;
use super::output::{Report, Table, clean, time};

/// Longer than a check takes.
const OVER_WITHIN: Duration = Duration::from_secs(240);
/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(500);

#[derive(Debug, Subcommand)]
pub(super) enum NetworkCommand {
    /// Look at what this machine can see by itself: addresses, names, certificates, clock, push providers, disk
    Check,
    /// Make a code for one check from outside (nightbell probe on another machine)
    Code,
    /// The last checks
    Runs,
}

#[derive(Debug, Deserialize)]
struct Answer {
    check: Option<Progress>,
    level: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Progress {
    observations: Vec<Line>,
}

/// One thing that was seen.
#[derive(Debug, Deserialize)]
pub(super) struct Line {
    pub(super) level: String,
    pub(super) text: String,
    pub(super) fix: String,
}

/// How a check ends whose worst level this is; the words of `doctor`.
pub(super) fn exit_of(level: &str) -> Exit {
    match level {
        "ok" => Exit::Ok,
        "warn" => Exit::Degraded,
        _ => Exit::Failure,
    }
}

#[derive(Debug, Deserialize)]
struct Code {
    code: String,
    expires_at: UnixMillis,
    command: String,
}

#[derive(Debug, Deserialize)]
struct Runs {
    runs: Vec<Run>,
}

#[derive(Debug, Deserialize)]
struct Run {
    id: i64,
    vantage: String,
    seen_from: String,
    finished_at: UnixMillis,
    level: String,
}

pub(super) async fn run(client: Client, command: NetworkCommand) -> Result<Report, Failure> {
    match command {
        NetworkCommand::Check => check(&client).await,
        NetworkCommand::Code => {
            let made = client.post_nothing::<Code>("/network-check/code").await?;
            let Code { code, expires_at, command } = made.known;
            let text = format!(
                "On a machine outside run {} and give it this code, which is good for one check until {}:\n{}\n",
                clean(&command),
                time(expires_at),
                clean(&code)
            );
            Ok(Report::done(text, made.raw))
        }
        NetworkCommand::Runs => {
            let all = client.get::<Runs>("/network-check/runs").await?;
            let mut table = Table::new(["ID", "WHEN", "FROM", "RESULT"]);
            for run in &all.known.runs {
                let from = format!("{} {}", run.vantage, run.seen_from);
                let cells =
                    [run.id.to_string(), time(run.finished_at), clean(from.trim()), word(&run.level).to_owned()];
                table.row(cells);
            }
            Ok(Report::done(table.text("No check was made yet: nightbell network check.\n"), all.raw))
        }
    }
}

async fn check(client: &Client) -> Result<Report, Failure> {
    client.post_nothing::<Answer>("/network-check").await?;
    let looking = async {
        let mut next_look = tokio::time::interval(LOOK_EVERY);
        loop {
            next_look.tick().await;
            let answer = client.get::<Answer>("/network-check").await?;
            if answer.known.level.is_some() {
                return Ok::<_, Failure>(answer);
            }
        }
    };
    let answer = match tokio::time::timeout(OVER_WITHIN, looking).await {
        Ok(answer) => answer?,
        Err(_) => client.get::<Answer>("/network-check").await?,
    };
    let exit = exit_of(answer.known.level.as_deref().unwrap_or("fail"));
    let lines = answer.known.check.map(|check| check.observations).unwrap_or_default();
    let mut text: String = lines.iter().map(told).collect();
    text.push_str("\nWhat only a machine outside can see: nightbell network code.\n");
    Ok(Report::done(text, answer.raw).ending(exit))
}

fn word(level: &str) -> &'static str {
    match level {
        "ok" => "good",
        "warn" => "to do",
        _ => "problem",
    }
}

/// One line for people, and the fix below it.
pub(super) fn told(line: &Line) -> String {
    let fix = if line.fix.is_empty() { String::new() } else { format!("         {}\n", clean(&line.fix)) };
    format!("{:<7}  {}\n{fix}", word(&line.level), clean(&line.text))
}
