//! `nightbell calls`: the call log, and each call's timeline.

use clap::{Args, Subcommand};
use pbx_core::model::{CallEnding, CallRecord};
use serde::Deserialize;
use serde_json::{Value, json};

use super::call_timeline::{CallDetail, told};
use super::client::{Client, encoded};
use super::extension::not_understood;
use super::failure::Failure;
use super::output::{Report, Table, clean, span, time};

/// Rows of one answer; the API's limit.
const PAGE: usize = 500;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct CallsArgs {
    #[command(subcommand)]
    command: Option<CallsCommand>,
    #[command(flatten)]
    list: ListArgs,
}

#[derive(Debug, Subcommand)]
pub(super) enum CallsCommand {
    /// The newest calls (also without this word)
    List(ListArgs),
    /// Ring every phone of an extension from Nightbell itself; whoever answers hears themselves
    Test {
        /// Its number
        extension: String,
    },
    /// One call with its timeline in milliseconds
    Show {
        /// Its id in the list
        id: i64,
    },
}

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// Only calls whose caller or dialled number contains this
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    number: String,
    /// At most this many
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
}

pub(super) async fn run(client: Client, args: CallsArgs) -> Result<Report, Failure> {
    match args.command {
        None => list(&client, &args.list).await,
        Some(CallsCommand::List(list_args)) => list(&client, &list_args).await,
        Some(CallsCommand::Test { extension }) => test(&client, &extension).await,
        Some(CallsCommand::Show { id }) => show(&client, id).await,
    }
}

#[derive(Debug, Deserialize)]
struct Page {
    calls: Vec<Value>,
    next: Option<i64>,
}

async fn list(client: &Client, args: &ListArgs) -> Result<Report, Failure> {
    let limit = usize::try_from(args.limit).unwrap_or(usize::MAX);
    let mut all: Vec<Value> = Vec::new();
    let mut before = String::new();
    while all.len() < limit {
        let rows = PAGE.min(limit - all.len());
        let page = client.get::<Page>(&format!("/calls?limit={rows}&number={}{before}", encoded(&args.number))).await?;
        all.extend(page.known.calls);
        let Some(next) = page.known.next else { break };
        before = format!("&before={next}");
    }
    let mut table = Table::new(["ID", "BEGAN", "FROM", "TO", "OUTCOME", "TALKED"]);
    for value in &all {
        let call = CallRecord::deserialize(value).map_err(not_understood)?;
        table.row([
            call.id.to_string(),
            time(call.started_at),
            call.caller.clone(),
            call.callee.clone(),
            outcome(&call).to_owned(),
            talked(&call),
        ]);
    }
    let nothing = if args.number.is_empty() { "There was no call yet." } else { "No call has that number." };
    Ok(Report::done(table.text(nothing), json!({ "calls": all })))
}

/// How a call ended, in a word or two.
pub(super) const fn outcome(call: &CallRecord) -> &'static str {
    match call.ending {
        Some(CallEnding::Completed) => "answered",
        Some(CallEnding::CallerGaveUp) => "caller gave up",
        Some(CallEnding::NoAnswer) => "no answer",
        Some(CallEnding::Busy) => "busy",
        Some(CallEnding::Declined) => "declined",
        Some(CallEnding::Unreachable) => "unreachable",
        Some(CallEnding::NoSuchNumber) => "no such number",
        Some(CallEnding::Silence) => "no sound",
        Some(CallEnding::ServerStopped) => "cut by a restart",
        Some(CallEnding::Failed) => "failed",
        None if call.answered_at.is_some() => "talking",
        None => "ringing",
    }
}

fn talked(call: &CallRecord) -> String {
    match (call.answered_at, call.ended_at) {
        (Some(from), Some(until)) => span(from, until),
        (Some(_) | None, _) => String::new(),
    }
}

#[derive(Debug, Deserialize)]
struct Rings {
    call: i64,
}

async fn test(client: &Client, extension: &str) -> Result<Report, Failure> {
    let answer = client.post_nothing::<Rings>(&format!("/extensions/{}/test-call", encoded(extension))).await?;
    let (extension, call) = (clean(extension), answer.known.call);
    let text = format!("{extension} rings. What becomes of it: nightbell calls show {call}\n");
    Ok(Report::done(text, answer.raw))
}

async fn show(client: &Client, id: i64) -> Result<Report, Failure> {
    let detail = client.get::<CallDetail>(&format!("/calls/{id}")).await?;
    Ok(Report::done(told(&detail.known), detail.raw))
}
