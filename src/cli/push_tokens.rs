//! `nightbell push tokens`: every push token by its state, and what can be done about some of them at once.

use std::collections::BTreeMap;

use clap::{Args, Subcommand};
use pbx_core::model::UnixMillis;
use serde::Deserialize;
use serde_json::json;

use super::Exit;
use super::client::{Client, encoded};
use super::failure::Failure;
use super::output::{Report, Table, clean, count, time};

#[derive(Debug, Subcommand)]
pub(super) enum TokensCommand {
    /// Every token with its state; what wants a look comes first
    List(Filter),
    /// Forget the push tokens of these phones; one that is not registered is forgotten altogether
    Forget(Phones),
    /// Push a test notice to these phones
    Test(Phones),
    /// Mark these phones as needing their settings again, until they fetch them
    Renew(Phones),
}

#[derive(Debug, Args)]
pub(super) struct Phones {
    /// As `push tokens list` shows them
    #[arg(required = true)]
    phones: Vec<i64>,
}

#[derive(Debug, Args)]
pub(super) struct Filter {
    /// live, suspect, revoked, unseen, moved, replaced or switched_off
    #[arg(long, value_parser = ["live", "suspect", "revoked", "unseen", "moved", "replaced", "switched_off"])]
    state: Option<String>,
    /// apns, fcm, webpush, hms or acrobits
    #[arg(long)]
    provider: Option<String>,
    /// The app id, in full
    #[arg(long)]
    app: Option<String>,
    /// Only of this extension
    #[arg(long)]
    extension: Option<String>,
    /// Only phones that gave no sign for so many days
    #[arg(long)]
    unseen_days: Option<u32>,
    /// Only tokens that other extensions have as well
    #[arg(long)]
    shared: bool,
    /// A part of the extension, the phone's name, the app id or the fingerprint
    #[arg(long)]
    search: Option<String>,
    /// By what they are sorted
    #[arg(long, value_parser = ["state", "last_seen", "learned", "extension", "app"])]
    sort: Option<String>,
    /// How many to leave out
    #[arg(long, default_value_t = 0)]
    after: usize,
    /// How many at most, 1 to 500
    #[arg(long, default_value_t = 100)]
    limit: usize,
}

impl Filter {
    fn path(&self) -> String {
        let number = |number: usize| Some(number.to_string());
        let fields = [
            ("state", self.state.clone()),
            ("provider", self.provider.clone()),
            ("app", self.app.clone()),
            ("extension", self.extension.clone()),
            ("unseen_days", self.unseen_days.map(|days| days.to_string())),
            ("shared", self.shared.then(|| "true".to_owned())),
            ("search", self.search.clone()),
            ("sort", self.sort.clone()),
            ("after", number(self.after)),
            ("limit", number(self.limit)),
        ];
        let given = fields.into_iter().filter_map(|(name, value)| Some((name, value?)));
        let query: Vec<String> = given.map(|(name, value)| format!("{name}={}", encoded(&value))).collect();
        format!("/push/tokens?{}", query.join("&"))
    }
}

#[derive(Debug, Deserialize)]
struct List {
    tokens: Vec<Token>,
    total: usize,
    counts: BTreeMap<String, usize>,
}

#[derive(Debug, Deserialize)]
struct Token {
    device: i64,
    extension: String,
    phone: String,
    state: String,
    provider: String,
    app_id: String,
    token: String,
    last_seen_at: UnixMillis,
    why: String,
    elsewhere: Vec<Holder>,
}

#[derive(Debug, Deserialize)]
struct Holder {
    extension: String,
    same_phone: bool,
}

#[derive(Debug, Deserialize)]
struct Outcome {
    done: Vec<i64>,
    left: Vec<Left>,
}

#[derive(Debug, Deserialize)]
struct Left {
    device: i64,
    text: String,
}

pub(super) async fn run(client: &Client, command: TokensCommand) -> Result<Report, Failure> {
    match command {
        TokensCommand::List(filter) => list(client, &filter).await,
        TokensCommand::Forget(Phones { phones }) => act(client, "forget", &phones).await,
        TokensCommand::Test(Phones { phones }) => act(client, "test_push", &phones).await,
        TokensCommand::Renew(Phones { phones }) => act(client, "renew_settings", &phones).await,
    }
}

async fn list(client: &Client, filter: &Filter) -> Result<Report, Failure> {
    let answer = client.get::<List>(&filter.path()).await?;
    let List { tokens, total, counts } = answer.known;
    let mut table = Table::new(["PHONE", "EXTENSION", "NAME", "STATE", "APP", "TOKEN", "LAST REGISTERED", "WHY"]);
    let shown = tokens.len();
    for token in tokens {
        let elsewhere = token.elsewhere.iter().map(|holder| match holder.same_phone {
            true => format!("also at {}, the same phone", holder.extension),
            false => format!("also at {}, not proved to be the same phone", holder.extension),
        });
        let why: Vec<String> = Some(token.why).filter(|why| !why.is_empty()).into_iter().chain(elsewhere).collect();
        table.row([
            token.device.to_string(),
            token.extension,
            token.phone,
            token.state,
            format!("{} ({})", token.app_id, token.provider),
            token.token,
            time(token.last_seen_at),
            why.join("; "),
        ]);
    }
    let mut text = table.text("No token is like that.");
    let numbers: Vec<String> =
        counts.iter().filter(|(_, count)| **count > 0).map(|(state, count)| format!("{count} {state}")).collect();
    if !numbers.is_empty() {
        text.push_str(&format!("\n{shown} of {total} shown; in all: {}\n", numbers.join(", ")));
    }
    Ok(Report::done(text, answer.raw))
}

async fn act(client: &Client, act: &str, phones: &[i64]) -> Result<Report, Failure> {
    let answer = client.post::<Outcome>("/push/tokens", &json!({ "act": act, "devices": phones })).await?;
    let Outcome { done, left } = answer.known;
    let mut text = format!("Done for {}.\n", count(done.len(), "phone", "phones"));
    for one in &left {
        text.push_str(&clean(&format!("phone {}: {}", one.device, one.text)));
        text.push('\n');
    }
    Ok(Report::done(text, answer.raw).ending(if left.is_empty() { Exit::Ok } else { Exit::Failure }))
}
