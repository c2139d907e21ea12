//! `nightbell desk-phone factory` and `nightbell desk-phone turned-away`.

use std::path::PathBuf;

use clap::Subcommand;
use pbx_core::model::UnixMillis;
use serde::Deserialize;
use serde_json::json;

use crate::cli::client::{Client, encoded};
use crate::cli::failure::Failure;
use crate::cli::output::{Report, Table, clean, time};

const AT: &str = "/desk-phones/factory";

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum FactoryCommand {
    /// Open the port at which phones are asked for their certificates
    Open {
        /// The TCP port, for example 8444
        port: u16,
        /// Certificates that have ended count as well
        #[arg(long)]
        accept_ended: bool,
    },
    /// Close the port; phones that have an address of their own go on
    Close,
    /// Put the authorities of a maker in force
    Trust {
        /// yealink, snom, grandstream, fanvil or polycom
        vendor: String,
        /// The file with the authorities' certificates in PEM; - is standard input
        file: PathBuf,
    },
    /// Take an authority out of force
    Distrust {
        /// SHA-256 of its certificate, as the list shows it
        fingerprint: String,
    },
}

#[derive(Debug, Deserialize)]
struct Factory {
    port: Option<u16>,
    url: Option<String>,
    problem: Option<String>,
    accept_ended: bool,
    authorities: Vec<Authority>,
}

#[derive(Debug, Deserialize)]
struct Authority {
    vendor: String,
    subject: String,
    fingerprint: String,
    ends_at: UnixMillis,
}

#[derive(Debug, Deserialize)]
struct TurnedAwayList {
    turned_away: Vec<TurnedAway>,
}

#[derive(Debug, Deserialize)]
struct TurnedAway {
    mac: String,
    model: Option<String>,
    at: UnixMillis,
    count: u32,
    from: String,
    why: String,
}

pub(super) async fn run(client: &Client, command: Option<FactoryCommand>) -> Result<Report, Failure> {
    let answer = match command {
        None => client.get::<Factory>(AT).await?,
        Some(FactoryCommand::Open { port, accept_ended }) => {
            client.put::<Factory>(AT, &json!({ "port": port, "accept_ended": accept_ended })).await?
        }
        Some(FactoryCommand::Close) => {
            let there = client.get::<Factory>(AT).await?.known;
            client.put::<Factory>(AT, &json!({ "port": null, "accept_ended": there.accept_ended })).await?
        }
        Some(FactoryCommand::Trust { vendor, file }) => {
            let certificates = crate::cli::import::read(&file)?;
            let body = json!({ "vendor": vendor, "certificates": certificates });
            client.post::<Factory>(&format!("{AT}/authorities"), &body).await?
        }
        Some(FactoryCommand::Distrust { fingerprint }) => {
            client.delete(&format!("{AT}/authorities/{}", encoded(&fingerprint))).await?;
            client.get::<Factory>(AT).await?
        }
    };
    let Factory { port, url, problem, accept_ended, authorities } = answer.known;
    let mut text = match (port, url, problem) {
        (Some(port), _, Some(problem)) => format!("Port {port} cannot be opened: {}\n", clean(&problem)),
        (Some(_), Some(url), None) => format!("Phones may come to {}\n", clean(&url)),
        (Some(port), None, None) => format!("Phones may come to port {port}.\n"),
        (None, _, _) => "The port is closed.\n".to_owned(),
    };
    text += if accept_ended { "Certificates that have ended count as well.\n" } else { "" };
    let mut table = Table::new(["VENDOR", "AUTHORITY", "ENDS", "FINGERPRINT"]);
    for one in authorities {
        table.row([one.vendor, one.subject, time(one.ends_at), one.fingerprint]);
    }
    text += &table.text("No authority is in force, so no phone is believed.");
    Ok(Report::done(text, answer.raw))
}

pub(super) async fn turned_away(client: &Client) -> Result<Report, Failure> {
    let answer = client.get::<TurnedAwayList>("/desk-phones/turned-away").await?;
    let mut table = Table::new(["MAC", "MODEL", "LAST TIME", "TIMES", "FROM", "WHY"]);
    for one in answer.known.turned_away {
        let model = one.model.unwrap_or_default();
        table.row([one.mac, model, time(one.at), one.count.to_string(), one.from, one.why]);
    }
    Ok(Report::done(table.text("No phone was turned away within a day."), answer.raw))
}
