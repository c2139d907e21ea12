//! `nightbell extension`: numbers and their owners.

use std::io::{self, Read as _};
use std::path::PathBuf;

use clap::{Args, Subcommand};
use pbx_core::model::{ExtensionNumber, Presence, Redacted, UnixMillis};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::client::{Client, encoded};
use super::device::Device;
use super::failure::Failure;
use super::import;
use super::output::{Report, Table, clean, count, time};

/// Lines of one answer; the API's limit.
const PAGE: usize = 500;

#[derive(Debug, Subcommand)]
pub(super) enum ExtensionCommand {
    /// Add one; its secret is made and shown once unless it comes on standard input
    Add(AddArgs),
    /// All of them, and whether they can be reached
    List {
        /// Only those whose number or name contains this
        #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
        search: String,
    },
    /// One with all its phones
    Show {
        /// Its number
        number: String,
    },
    /// Add many from a CSV file (columns number,name,email,secret); all of them or none
    Import(import::ImportArgs),
    /// All of them as CSV (number,name,email; never secrets), ready to be imported again
    Export {
        /// Write it here instead of to standard output
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Remove one with its accounts and phones; its calls end
    Remove {
        /// Its number
        number: String,
    },
}

#[derive(Debug, Args)]
pub(super) struct AddArgs {
    /// Its number
    number: String,
    /// The owner's name, as phones show it
    #[arg(long, default_value = "", hide_default_value = true)]
    name: String,
    /// The owner's e-mail address
    #[arg(long)]
    email: Option<String>,
    /// Read the SIP secret from standard input (so that it never stands in a list of processes)
    #[arg(long)]
    secret_stdin: bool,
}

pub(super) async fn run(client: Client, command: ExtensionCommand) -> Result<Report, Failure> {
    match command {
        ExtensionCommand::Add(args) => add(&client, args).await,
        ExtensionCommand::List { search } => list(&client, &search).await,
        ExtensionCommand::Show { number } => show(&client, &number).await,
        ExtensionCommand::Import(args) => import::run(&client, &args).await,
        ExtensionCommand::Export { output } => export(&client, output).await,
        ExtensionCommand::Remove { number } => remove(&client, &number).await,
    }
}

/// What `POST /extensions` gives back.
#[derive(Debug, Deserialize)]
pub(super) struct Added {
    pub(super) username: String,
    pub(super) realm: String,
    pub(super) secret: Redacted<String>,
    pub(super) minted: bool,
}

async fn add(client: &Client, args: AddArgs) -> Result<Report, Failure> {
    let AddArgs { number, name, email, secret_stdin } = args;
    let mut body = Map::from_iter([("number".to_owned(), json!(number)), ("name".to_owned(), json!(name))]);
    if let Some(email) = email {
        body.insert("email".to_owned(), json!(email));
    }
    if secret_stdin {
        body.insert("secret".to_owned(), json!(read_secret()?));
    }
    let added = client.post::<Added>("/extensions", &Value::Object(body)).await?;
    let Added { username, realm, secret, minted } = &added.known;
    let mut text = format!("Extension {} is added.\n", clean(&number));
    if *minted {
        text +=
            &format!("  account  {username}\n  secret   {} (shown only now)\n  realm    {realm}\n", secret.reveal());
    }
    Ok(Report::done(text, added.raw))
}

/// The first line of standard input.
fn read_secret() -> Result<String, Failure> {
    let unreadable = |source| Failure::Read { what: "the secret on", path: PathBuf::from("standard input"), source };
    let mut secret = String::new();
    io::stdin().lock().take(4096).read_to_string(&mut secret).map_err(unreadable)?;
    let secret = secret.lines().next().unwrap_or_default().to_owned();
    if secret.is_empty() {
        return Err(Failure::Missing(
            "--secret-stdin was given, but standard input is empty; pipe the secret into the command",
        ));
    }
    Ok(secret)
}

/// One line of `GET /extensions`.
#[derive(Debug, Deserialize)]
struct Line {
    number: ExtensionNumber,
    name: String,
    email: Option<String>,
    push_enabled: bool,
    created_at: UnixMillis,
    phones_off_at: Option<UnixMillis>,
    presence: Presence,
    reason: String,
    devices: usize,
    registered: usize,
    armed: usize,
}

impl Line {
    fn phones(&self) -> String {
        if self.phones_off_at.is_some() {
            return format!("{} switched off", self.devices);
        }
        if self.devices == 0 {
            return String::new();
        }
        format!("{} ({} registered, {} asleep)", self.devices, self.registered, self.armed)
    }
}

#[derive(Debug, Deserialize)]
struct Page {
    extensions: Vec<Value>,
    next: Option<String>,
}

async fn list(client: &Client, search: &str) -> Result<Report, Failure> {
    let mut all: Vec<Value> = Vec::new();
    let mut after = String::new();
    loop {
        let page = client.get::<Page>(&format!("/extensions?limit={PAGE}&search={}{after}", encoded(search))).await?;
        all.extend(page.known.extensions);
        let Some(next) = page.known.next else { break };
        after = format!("&after={}", encoded(&next));
    }
    let mut table = Table::new(["NUMBER", "NAME", "REACHABLE", "PHONES", "PUSH"]);
    for value in &all {
        let line = Line::deserialize(value).map_err(not_understood)?;
        let phones = line.phones();
        let push = if line.push_enabled { "on" } else { "off" };
        table.row([line.number.to_string(), line.name, word(line.presence).to_owned(), phones, push.to_owned()]);
    }
    let nothing = if search.is_empty() {
        "There is no extension yet. Add one: nightbell extension add 101 --name \"Anna\""
    } else {
        "No extension contains that text."
    };
    let total = all.len();
    Ok(Report::done(table.text(nothing), json!({ "extensions": all, "total": total })))
}

/// Presence in words.
pub(super) const fn word(presence: Presence) -> &'static str {
    match presence {
        Presence::Registered => "registered",
        Presence::ReachableByPush => "reachable by push",
        Presence::Unreachable => "unreachable",
    }
}

/// Presence in words, with the reason where there is one.
pub(super) fn presence(presence: Presence, reason: &str) -> String {
    let word = word(presence);
    if reason.is_empty() { word.to_owned() } else { format!("{word}: {reason}") }
}

/// A part of an answer that is not as this version knows it.
pub(super) fn not_understood(error: serde_json::Error) -> Failure {
    super::client::ClientError::Strange(error.to_string()).into()
}

#[derive(Debug, Deserialize)]
struct Detail {
    #[serde(flatten)]
    line: Line,
    device_list: Vec<Device>,
    accounts: Vec<String>,
}

async fn show(client: &Client, number: &str) -> Result<Report, Failure> {
    let detail = client.get::<Detail>(&format!("/extensions/{}", encoded(number))).await?;
    let Detail { line, device_list, accounts } = &detail.known;
    let mut text = format!(
        "Extension {}  {}\n  {}\n  e-mail    {}\n  push      {}\n  accounts  {}\n  since     {}\n\n",
        line.number,
        clean(&line.name),
        clean(&presence(line.presence, &line.reason)),
        line.email.as_deref().map_or_else(|| "-".to_owned(), clean),
        if line.push_enabled { "on" } else { "off" },
        clean(&accounts.join(", ")),
        time(line.created_at),
    );
    if device_list.is_empty() {
        text += "No phone has registered yet.\n";
    }
    for device in device_list {
        text += &device.described();
    }
    Ok(Report::done(text, detail.raw))
}

async fn export(client: &Client, output: Option<PathBuf>) -> Result<Report, Failure> {
    let csv = client.get_text("/extensions/export").await?;
    let lines = csv.lines().count().saturating_sub(1);
    match output {
        None => Ok(Report::done(csv.clone(), json!({ "csv": csv }))),
        Some(path) => {
            std::fs::write(&path, &csv).map_err(|source| Failure::Write { path: path.clone(), source })?;
            let text = format!("{} written to {}.\n", count(lines, "extension", "extensions"), path.display());
            Ok(Report::done(text, json!({ "written": lines, "file": path })))
        }
    }
}

async fn remove(client: &Client, number: &str) -> Result<Report, Failure> {
    client.delete(&format!("/extensions/{}", encoded(number))).await?;
    Ok(Report::done(format!("Extension {} is removed.\n", clean(number)), json!({ "removed": number })))
}
