//! `nightbell blocklist`: who is blocked, and lifting a block.

use clap::Subcommand;
use pbx_core::defence::BlockedAddress;
use serde::Deserialize;
use serde_json::json;

use super::client::{Client, encoded};
use super::failure::Failure;
use super::output::{Report, Table, clean, time};

#[derive(Debug, Subcommand)]
pub(super) enum BlocklistCommand {
    /// Who is blocked, why and until when
    List,
    /// Lift every block of an address
    Remove {
        /// The address as the list shows it
        address: String,
    },
}

#[derive(Debug, Deserialize)]
struct List {
    blocked: Vec<BlockedAddress>,
}

pub(super) async fn run(client: Client, command: BlocklistCommand) -> Result<Report, Failure> {
    match command {
        BlocklistCommand::List => list(&client).await,
        BlocklistCommand::Remove { address } => {
            client.delete(&format!("/blocklist/{}", encoded(&address))).await?;
            Ok(Report::done(format!("{} is not blocked any more.\n", clean(&address)), json!({ "address": address })))
        }
    }
}

async fn list(client: &Client) -> Result<Report, Failure> {
    let answer = client.get::<List>("/blocklist").await?;
    let mut table = Table::new(["ADDRESS", "ACCOUNT", "WHY", "SINCE", "UNTIL", "TIMES"]);
    for block in answer.known.blocked {
        table.row([
            block.address.to_string(),
            block.account.unwrap_or_else(|| "all".to_owned()),
            block.reason.as_str().replace('_', " "),
            time(block.since),
            time(block.until),
            block.times.to_string(),
        ]);
    }
    Ok(Report::done(table.text("Nobody is blocked."), answer.raw))
}
