//! `nightbell log`: the last lines of the running server, and how much it writes.

use clap::Subcommand;
use serde::Deserialize;
use serde_json::json;

use super::client::{Client, encoded};
use super::failure::Failure;
use super::output::{Report, clean};

#[derive(Debug, Subcommand)]
pub(super) enum LogCommand {
    /// The last lines
    Show {
        /// Only lines that hold this text
        #[arg(long, default_value = "")]
        search: String,
        /// How many
        #[arg(long, default_value_t = 200)]
        lines: u32,
    },
    /// The filter in force, or another one for some time: nightbell log level debug --minutes 10
    Level {
        /// error, warn, info, debug, trace, or parts such as "pbx_core=debug,info"
        filter: Option<String>,
        /// After so many minutes the filter of the boot settings comes back
        #[arg(long, default_value_t = 60)]
        minutes: u32,
    },
}

#[derive(Debug, Deserialize)]
struct Lines {
    lines: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Filter {
    filter: String,
    boot: String,
}

pub(super) async fn run(client: Client, command: LogCommand) -> Result<Report, Failure> {
    match command {
        LogCommand::Show { search, lines } => {
            let answer = client.get::<Lines>(&format!("/log?limit={lines}&search={}", encoded(&search))).await?;
            let text = answer.known.lines.iter().map(|line| clean(line) + "\n").collect::<String>();
            Ok(Report::done(text, answer.raw))
        }
        LogCommand::Level { filter: None, .. } => Ok(told(client.get::<Filter>("/log/level").await?)),
        LogCommand::Level { filter: Some(filter), minutes } => {
            let body = json!({ "filter": filter, "minutes": minutes });
            Ok(told(client.put::<Filter>("/log/level", &body).await?))
        }
    }
}

fn told(answer: super::client::Answer<Filter>) -> Report {
    let Filter { filter, boot } = &answer.known;
    let text = if filter == boot {
        format!("{}, as the boot settings say.\n", clean(filter))
    } else {
        format!("{}; the boot settings say {}, which comes back by itself.\n", clean(filter), clean(boot))
    };
    Report::done(text, answer.raw)
}
