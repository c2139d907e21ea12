//! `nightbell phone`: phones that were not seen for a while, and what two phones differ in.

use clap::Subcommand;
use pbx_core::model::UnixMillis;
use serde::Deserialize;
use serde_json::json;

use super::Exit;
use super::client::Client;
use super::failure::Failure;
use super::output::{Report, Table, clean, count, time};

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
    /// A link by which a phone that is set up already fetches its settings again, with the account it has
    Settings {
        /// The phone, as `registrations` shows it
        phone: i64,
        /// Mail it to the owner in place of showing it
        #[arg(long)]
        mail: bool,
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
struct Issued {
    url: String,
    expires_at: UnixMillis,
}

#[derive(Debug, Deserialize)]
struct Ordered {
    queued: usize,
    skipped: Vec<Skipped>,
}

#[derive(Debug, Deserialize)]
struct Skipped {
    why: String,
}

async fn settings(client: &Client, phone: i64, mail: bool) -> Result<Report, Failure> {
    if mail {
        let answer = client.post_nothing::<Ordered>(&format!("/devices/{phone}/settings-mail")).await?;
        let text: String = answer.known.skipped.iter().map(|one| clean(&one.why) + "\n").collect();
        let sent = answer.known.queued > 0;
        let text = if sent { "The mail is on its way; see `nightbell mail list`.\n".to_owned() } else { text };
        return Ok(Report::done(text, answer.raw).ending(if sent { Exit::Ok } else { Exit::Failure }));
    }
    let answer = client.post_nothing::<Issued>(&format!("/devices/{phone}/enrolments")).await?;
    let Issued { url, expires_at } = answer.known;
    let text = format!(
        "{}\nUntil {}; shown this once. Open it on the phone, or scan it as a QR code.\n",
        clean(&url),
        time(expires_at)
    );
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
        PhoneCommand::Settings { phone, mail } => settings(&client, phone, mail).await,
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
