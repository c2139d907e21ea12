//! `nightbell audit`: who did what, and whether the log is as it was written.

use clap::Subcommand;
use pbx_core::model::UnixMillis;
use serde::Deserialize;

use super::Exit;
use super::client::{Client, encoded};
use super::failure::Failure;
use super::output::{Report, Table, time};

#[derive(Debug, Subcommand)]
pub(super) enum AuditCommand {
    /// The newest lines
    List {
        /// Only lines that contain this text
        #[arg(long, default_value = "")]
        search: String,
        /// How many
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=500))]
        limit: u16,
    },
    /// Check every line and both ends; exit code 1 when the log was changed
    Verify,
    /// The whole log as JSON lines, oldest first
    Export,
}

#[derive(Debug, Deserialize)]
struct List {
    lines: Vec<Line>,
}

#[derive(Debug, Deserialize)]
struct Line {
    seq: i64,
    at: UnixMillis,
    who: String,
    action: String,
    target: String,
    result: String,
    address: String,
    detail: String,
}

#[derive(Debug, Deserialize)]
struct Verdict {
    lines: u64,
    broken: Option<Broken>,
}

#[derive(Debug, Deserialize)]
struct Broken {
    seq: i64,
    why: String,
}

pub(super) async fn run(client: Client, command: AuditCommand) -> Result<Report, Failure> {
    match command {
        AuditCommand::List { search, limit } => list(&client, &search, limit).await,
        AuditCommand::Verify => verify(&client).await,
        AuditCommand::Export => Ok(Report::done(client.get_text("/audit/export").await?, serde_json::Value::Null)),
    }
}

async fn list(client: &Client, search: &str, limit: u16) -> Result<Report, Failure> {
    let answer = client.get::<List>(&format!("/audit?limit={limit}&search={}", encoded(search))).await?;
    let mut table = Table::new(["LINE", "TIME", "WHO", "WHAT", "TO", "RESULT", "FROM", "DETAIL"]);
    for line in answer.known.lines {
        table.row([
            line.seq.to_string(),
            time(line.at),
            line.who,
            line.action,
            line.target,
            line.result,
            line.address,
            line.detail,
        ]);
    }
    Ok(Report::done(table.text("The audit log has no such line."), answer.raw))
}

async fn verify(client: &Client) -> Result<Report, Failure> {
    let answer = client.get::<Verdict>("/audit/verify").await?;
    let Verdict { lines, broken } = answer.known;
    Ok(match broken {
        None => Report::done(format!("All {lines} lines are as they were written, and none is missing.\n"), answer.raw),
        Some(Broken { seq, why }) => {
            let text =
                format!("Line {seq} does not fit: {why}. The {lines} lines before it are as they were written.\n");
            Report::done(text, answer.raw).ending(Exit::Failure)
        }
    })
}
