//! `nightbell desk-phone`: adding desk phones, and what became of them.

use clap::Subcommand;
use pbx_core::model::UnixMillis;
use serde::Deserialize;
use serde_json::json;

use super::client::{Client, encoded};
use super::failure::Failure;
use super::output::{Report, Table, clean, time};

#[derive(Debug, Subcommand)]
pub(super) enum DeskPhoneCommand {
    /// Every desk phone, how far it has come and what it fetched last
    List,
    /// Add a phone; its address is shown this once
    Add {
        /// The MAC address on the back of the phone
        mac: String,
        /// yealink, snom, grandstream, fanvil or polycom
        #[arg(long)]
        vendor: String,
        /// The model as on the phone, for example T46S
        #[arg(long)]
        model: String,
        /// Whose phone it is
        #[arg(long)]
        extension: String,
        /// Where it stands
        #[arg(long, default_value = "")]
        label: String,
    },
    /// A new first address, for a phone that was reset; the running phone goes on
    Address {
        /// The phone's MAC address
        mac: String,
    },
    /// Tell the phone another address at its next fetch
    Rotate {
        /// The phone's MAC address
        mac: String,
    },
    /// Let this one phone come by its MAC for ten minutes
    Window {
        /// The phone's MAC address
        mac: String,
        /// Close the window
        #[arg(long)]
        close: bool,
    },
    /// Ask a phone, or all of them, to fetch its settings again; says what the phone said
    Fetch {
        /// The phone's MAC address
        #[arg(required_unless_present = "all")]
        mac: Option<String>,
        /// Every phone that has fetched its settings once
        #[arg(long, conflicts_with = "mac")]
        all: bool,
    },
    /// Remove a phone; its account is gone at once
    Remove {
        /// The phone's MAC address
        mac: String,
    },
}

#[derive(Debug, Deserialize)]
struct List {
    desk_phones: Vec<DeskPhone>,
}

#[derive(Debug, Deserialize)]
struct DeskPhone {
    mac: String,
    vendor: String,
    model: String,
    extension: String,
    label: String,
    progress: String,
    last_fetch: Option<Fetch>,
    asked: Option<Asked>,
    registered_at: Option<UnixMillis>,
}

#[derive(Debug, Deserialize)]
struct Asked {
    at: UnixMillis,
    text: String,
}

#[derive(Debug, Deserialize)]
struct AllAsked {
    asked: usize,
}

#[derive(Debug, Deserialize)]
struct Fetch {
    at: UnixMillis,
    told: String,
}

#[derive(Debug, Deserialize)]
struct Address {
    url: String,
    expires_at: UnixMillis,
}

pub(super) async fn run(client: Client, command: DeskPhoneCommand) -> Result<Report, Failure> {
    match command {
        DeskPhoneCommand::List => list(&client).await,
        DeskPhoneCommand::Add { mac, vendor, model, extension, label } => {
            let body = json!({ "mac": mac, "vendor": vendor, "model": model, "extension": extension, "label": label });
            address(&client, "/desk-phones", &body).await
        }
        DeskPhoneCommand::Address { mac } => address(&client, &path(&mac, "/address"), &json!({})).await,
        DeskPhoneCommand::Rotate { mac } => {
            let answer = client.post_nothing::<serde_json::Value>(&path(&mac, "/rotate")).await?;
            let text = "is told its other address at its next fetch; the one it has works until then";
            Ok(Report::done(format!("{} {text}.\n", clean(&mac)), answer.raw))
        }
        DeskPhoneCommand::Window { mac, close } => {
            let answer = client.post::<serde_json::Value>(&path(&mac, "/window"), &json!({ "open": !close })).await?;
            let state = if close { "closed" } else { "open for ten minutes; switch the phone on now" };
            Ok(Report::done(format!("The pairing window of {} is {state}.\n", clean(&mac)), answer.raw))
        }
        DeskPhoneCommand::Fetch { mac: Some(mac), .. } => {
            let answer = client.post_nothing::<DeskPhone>(&path(&mac, "/check-sync")).await?;
            let said = answer.known.asked.map_or_else(|| "was not asked".into(), |asked| asked.text);
            Ok(Report::done(format!("{}: {}.\n", clean(&mac), clean(&said)), answer.raw))
        }
        DeskPhoneCommand::Fetch { mac: None, .. } => {
            let answer = client.post_nothing::<AllAsked>("/desk-phones/check-sync").await?;
            let text = "phones are being asked; `nightbell desk-phone list` says what they said";
            Ok(Report::done(format!("{} {text}.\n", answer.known.asked), answer.raw))
        }
        DeskPhoneCommand::Remove { mac } => {
            client.delete(&path(&mac, "")).await?;
            Ok(Report::done(format!("{} is removed; its account is gone.\n", clean(&mac)), json!({ "mac": mac })))
        }
    }
}

fn path(mac: &str, act: &str) -> String {
    format!("/desk-phones/{}{act}", encoded(mac))
}

async fn address(client: &Client, path: &str, body: &serde_json::Value) -> Result<Report, Failure> {
    let answer = client.post::<Address>(path, body).await?;
    let Address { url, expires_at } = answer.known;
    let text = format!(
        "{}\n\nShown this once. Put it into the phone by {}; docs/desk-phones.md says where.\n",
        clean(&url),
        time(expires_at)
    );
    Ok(Report::done(text, answer.raw))
}

async fn list(client: &Client) -> Result<Report, Failure> {
    let answer = client.get::<List>("/desk-phones").await?;
    let mut table =
        Table::new(["MAC", "MODEL", "EXTENSION", "LABEL", "STATE", "LAST FETCH", "ASKED TO FETCH", "REGISTERED"]);
    for phone in answer.known.desk_phones {
        table.row([
            phone.mac,
            format!("{} {}", phone.vendor, phone.model),
            phone.extension,
            phone.label,
            phone.progress.replace('_', " "),
            phone.last_fetch.map_or_else(|| "never".to_owned(), |fetch| format!("{}: {}", time(fetch.at), fetch.told)),
            phone.asked.map_or_else(|| "never".to_owned(), |asked| format!("{}: {}", time(asked.at), asked.text)),
            phone.registered_at.map_or_else(|| "never".to_owned(), time),
        ]);
    }
    Ok(Report::done(table.text("There are no desk phones."), answer.raw))
}
