//! `nightbell event-webhook`: programs that are told what happens to calls and phones.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use pbx_core::model::UnixMillis;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Exit;
use super::client::Client;
use super::failure::Failure;
use super::output::{Report, Table, clean, time};

#[derive(Debug, Subcommand)]
pub(super) enum EventWebhookCommand {
    /// All receivers, and how they are doing
    List,
    /// Tell a program what happens; its secret is shown this once
    Add(AddArgs),
    /// Change a receiver; it is tried at once
    Change(ChangeArgs),
    /// Remove a receiver with what waits for it
    Remove {
        /// Which, as `list` shows it
        id: i64,
    },
    /// Make a new secret; the one before signs as well for a day
    Rotate {
        /// Which, as `list` shows it
        id: i64,
    },
    /// Send a test and show the answer
    Test {
        /// Which, as `list` shows it
        id: i64,
    },
    /// What became of the last events
    Deliveries {
        /// Which, as `list` shows it
        id: i64,
    },
}

#[derive(Debug, Args)]
pub(super) struct AddArgs {
    /// Where events are sent, for example https://crm.example.com/telephone
    url: String,
    /// A kind of event, for example call.missed; may be given several times
    #[arg(long = "event", value_name = "KIND", required = true)]
    events: Vec<String>,
    /// A name for pages
    #[arg(long, default_value = "")]
    name: String,
    /// Its host may be in a private network or on this machine
    #[arg(long)]
    allow_private: bool,
    /// A file with the receiver's own certificate authority (PEM)
    #[arg(long, value_name = "FILE")]
    authority: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct ChangeArgs {
    /// Which, as `list` shows it
    id: i64,
    /// Where events are sent
    #[arg(long)]
    url: Option<String>,
    /// The kinds of events instead of those before
    #[arg(long = "event", value_name = "KIND")]
    events: Vec<String>,
    /// Another name
    #[arg(long)]
    name: Option<String>,
    /// Whether its host may be in a private network or on this machine
    #[arg(long)]
    allow_private: Option<bool>,
    /// Whether it is told anything
    #[arg(long)]
    enabled: Option<bool>,
}

#[derive(Debug, Deserialize)]
struct List {
    event_webhooks: Vec<Receiver>,
}

#[derive(Debug, Deserialize)]
struct Receiver {
    id: i64,
    name: String,
    url: String,
    events: Vec<String>,
    enabled: bool,
    disabled_why: String,
    failing_since: Option<UnixMillis>,
    last_success_at: Option<UnixMillis>,
}

#[derive(Debug, Deserialize)]
struct Made {
    id: i64,
    name: String,
    secret: String,
}

#[derive(Debug, Deserialize)]
struct Tested {
    ok: bool,
    status: Option<u16>,
    detail: String,
}

#[derive(Debug, Deserialize)]
struct Deliveries {
    deliveries: Vec<Delivery>,
    waiting: i64,
}

#[derive(Debug, Deserialize)]
struct Delivery {
    seq: i64,
    kind: String,
    state: String,
    attempts: i64,
    detail: String,
    created_at: UnixMillis,
    ended_at: Option<UnixMillis>,
}

pub(super) async fn run(client: Client, command: EventWebhookCommand) -> Result<Report, Failure> {
    match command {
        EventWebhookCommand::List => list(&client).await,
        EventWebhookCommand::Add(args) => add(&client, args).await,
        EventWebhookCommand::Change(args) => change(&client, args).await,
        EventWebhookCommand::Remove { id } => {
            client.delete(&format!("/event-webhooks/{id}")).await?;
            Ok(Report::done(format!("Event webhook {id} is removed.\n"), json!({ "id": id })))
        }
        EventWebhookCommand::Rotate { id } => {
            let made = client.post::<Made>(&format!("/event-webhooks/{id}/secret"), &json!({})).await?;
            Ok(Report::done(shown_once(&made.known), made.raw))
        }
        EventWebhookCommand::Test { id } => {
            let tested = client.post::<Tested>(&format!("/event-webhooks/{id}/test"), &json!({})).await?;
            let Tested { ok, status, detail } = &tested.known;
            let status = status.map(|status| format!(" (HTTP {status})")).unwrap_or_default();
            let report = Report::done(format!("{}{status}\n", clean(detail)), tested.raw);
            Ok(if *ok { report } else { report.ending(Exit::Failure) })
        }
        EventWebhookCommand::Deliveries { id } => deliveries(&client, id).await,
    }
}

fn shown_once(made: &Made) -> String {
    format!(
        "Event webhook {} ({}). Its secret is shown only now:\n{}\n",
        made.id,
        clean(&made.name),
        clean(&made.secret)
    )
}

async fn list(client: &Client) -> Result<Report, Failure> {
    let answer = client.get::<List>("/event-webhooks").await?;
    let mut table = Table::new(["ID", "NAME", "STATE", "EVENTS", "LAST TAKEN", "URL"]);
    for it in &answer.known.event_webhooks {
        let state = match (it.enabled, it.failing_since) {
            (false, _) if it.disabled_why.is_empty() => "off".to_owned(),
            (false, _) => format!("off: {}", it.disabled_why),
            (true, Some(since)) => format!("takes nothing since {}", time(since)),
            (true, None) => "working".to_owned(),
        };
        let last = it.last_success_at.map_or_else(|| "never".to_owned(), time);
        table.row([it.id.to_string(), it.name.clone(), state, it.events.join(" "), last, it.url.clone()]);
    }
    Ok(Report::done(table.text("No program is told anything."), answer.raw))
}

async fn add(client: &Client, args: AddArgs) -> Result<Report, Failure> {
    let authority = match args.authority {
        Some(path) => std::fs::read_to_string(&path).map_err(|source| Failure::Read {
            what: "the certificate authority",
            path: path.clone(),
            source,
        })?,
        None => String::new(),
    };
    let body = json!({
        "url": args.url, "events": args.events, "name": args.name, "allow_private": args.allow_private,
        "authority": authority,
    });
    let made = client.post::<Made>("/event-webhooks", &body).await?;
    Ok(Report::done(shown_once(&made.known), made.raw))
}

async fn change(client: &Client, args: ChangeArgs) -> Result<Report, Failure> {
    let mut body = Map::new();
    let mut put = |name: &str, value: Option<Value>| value.map(|value| body.insert(name.to_owned(), value));
    put("url", args.url.map(Value::from));
    put("name", args.name.map(Value::from));
    put("events", (!args.events.is_empty()).then(|| json!(args.events)));
    put("allow_private", args.allow_private.map(Value::from));
    put("enabled", args.enabled.map(Value::from));
    let path = format!("/event-webhooks/{}", args.id);
    let changed = client.patch::<Receiver>(&path, &Value::Object(body)).await?;
    Ok(Report::done(format!("Event webhook {} ({}) is changed.\n", args.id, clean(&changed.known.name)), changed.raw))
}

async fn deliveries(client: &Client, id: i64) -> Result<Report, Failure> {
    let answer = client.get::<Deliveries>(&format!("/event-webhooks/{id}/deliveries")).await?;
    let mut table = Table::new(["NO", "EVENT", "STATE", "ATTEMPTS", "WHEN", "DETAIL"]);
    for it in &answer.known.deliveries {
        table.row([
            it.seq.to_string(),
            it.kind.clone(),
            it.state.clone(),
            it.attempts.to_string(),
            time(it.ended_at.unwrap_or(it.created_at)),
            it.detail.clone(),
        ]);
    }
    let text = format!("{} waiting.\n{}", answer.known.waiting, table.text("Nothing was sent yet."));
    Ok(Report::done(text, answer.raw))
}
