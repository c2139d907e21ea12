//! `nightbell phone`: phones that were not seen for a while, and what two phones differ in.

use clap::Subcommand;
use pbx_core::model::UnixMillis;
use serde::Deserialize;
use serde_json::json;

use super::client::Client;
use super::failure::Failure;
use super::output::{Report, Table, count, time};

#[derive(Debug, Subcommand)]
pub(super) enum PhoneCommand {
    /// Phones that have not registered for some days
    Unseen {
        /// How many
        #[arg(long, default_value_t = 30)]
        days: u32,
    },
    /// Sign all phones of these extensions out, now; they come back with `on`
    Off {
        /// Their numbers
        #[arg(required = true)]
        extensions: Vec<String>,
    },
    /// Let them register again, with the account they have
    On {
        /// Their numbers
        #[arg(required = true)]
        extensions: Vec<String>,
    },
    /// What two phones differ in
    Diff {
        /// A phone, as `registrations` shows it
        a: i64,
        /// Another one
        b: i64,
        /// Also what is the same
        #[arg(long)]
        all: bool,
    },
}

#[derive(Debug, Deserialize)]
struct Switched {
    accounts: usize,
}

async fn switch(client: &Client, extensions: &[String], enabled: bool) -> Result<Report, Failure> {
    let body = json!({ "extensions": extensions, "enabled": enabled });
    let answer = client.post::<Switched>("/phones/switch", &body).await?;
    let what = if enabled { "switched on" } else { "switched off" };
    let text = format!("{} {what}.\n", count(answer.known.accounts, "account is", "accounts are"));
    Ok(Report::done(text, answer.raw))
}

#[derive(Debug, Deserialize)]
struct Unseen {
    devices: Vec<Phone>,
}

#[derive(Debug, Deserialize)]
struct Phone {
    id: i64,
    extension: String,
    name: String,
    last_seen_at: UnixMillis,
    wakeable: bool,
}

#[derive(Debug, Deserialize)]
struct Comparison {
    fields: Vec<Field>,
}

#[derive(Debug, Deserialize)]
struct Field {
    field: String,
    a: String,
    b: String,
    same: bool,
}

pub(super) async fn run(client: Client, command: PhoneCommand) -> Result<Report, Failure> {
    match command {
        PhoneCommand::Unseen { days } => {
            let answer = client.get::<Unseen>(&format!("/devices/unseen?days={days}")).await?;
            let mut table = Table::new(["PHONE", "EXTENSION", "NAME", "LAST REGISTERED", "PUSH"]);
            for phone in &answer.known.devices {
                let push = if phone.wakeable { "can be woken" } else { "" };
                let seen = time(phone.last_seen_at);
                table.row([phone.id.to_string(), phone.extension.clone(), phone.name.clone(), seen, push.to_owned()]);
            }
            Ok(Report::done(table.text("Every phone has registered within that time."), answer.raw))
        }
        PhoneCommand::Off { extensions } => switch(&client, &extensions, false).await,
        PhoneCommand::On { extensions } => switch(&client, &extensions, true).await,
        PhoneCommand::Diff { a, b, all } => {
            let answer = client.get::<Comparison>(&format!("/devices/compare?a={a}&b={b}")).await?;
            let mut table = Table::new(["WHAT", "PHONE A", "PHONE B"]);
            for field in answer.known.fields.iter().filter(|field| all || !field.same) {
                table.row([field.field.clone(), field.a.clone(), field.b.clone()]);
            }
            Ok(Report::done(table.text("The two phones differ in nothing."), answer.raw))
        }
    }
}
