//! `nightbell demo`: the whole product in some seconds, on this machine, without account or network.
//!
//! The real server starts in a temporary folder with strict stand-ins for Apple's and Google's push services and three
//! scripted phones, which share no SIP code with it. Three calls are played. A step is told only when it was observed, and
//! each act ends with its proof: by the phones, by the stand-ins and in the call log as the API shows it.

mod acts;
mod keep;
mod post_box;
mod proof;
mod stage;
mod story;

use std::time::Duration;

use clap::Args;
use serde_json::json;
use thiserror::Error;

use super::Exit;
use super::client::ClientError;
use super::failure::Failure;
use super::output::{Report, clean};
use super::serve::Signals;
use crate::app::AppError;
use crate::phone::{Event, PhoneError};
use stage::Stage;
use story::Story;

/// Everything is over by then, or something is broken; promised to whoever runs it in CI is a minute.
const LIMIT: Duration = Duration::from_secs(50);
/// Any single step; on a busy machine steps of milliseconds take seconds.
const SOON: Duration = Duration::from_secs(15);
/// Phone events shown when a step fails.
const EVENTS_SHOWN: usize = 40;

#[derive(Debug, Args)]
pub(super) struct DemoArgs {
    /// Leave it running afterwards and print the link to its admin pages
    #[arg(long)]
    keep: bool,
    /// Also show the server's own log, for example "debug"
    #[arg(long, value_name = "FILTER", default_value = "error")]
    log: String,
}

/// Why the demo stopped before its end.
#[derive(Debug, Error)]
pub(super) enum DemoError {
    /// Something was to be seen and was not.
    #[error("the demo failed: {what}, but {seen}")]
    NotSeen {
        /// What was expected, as a sentence.
        what: String,
        /// What was there instead.
        seen: String,
    },
    /// A phone could not do its part.
    #[error("the demo failed: {0}")]
    Phone(#[from] PhoneError),
    /// The server's API refused or did not answer.
    #[error("the demo failed: {0}")]
    Client(#[from] ClientError),
    /// The server did not start.
    #[error("the demo's server did not start: {0}")]
    Start(#[from] AppError),
    /// The temporary folder, the certificate, a stand-in.
    #[error("the demo could not be set up: {0}")]
    Setup(String),
    /// A step hung.
    #[error("the demo was stopped because it took longer than {} s", LIMIT.as_secs())]
    TooLong,
    /// Ctrl-C.
    #[error("the demo was interrupted")]
    Interrupted,
    /// One of the above, with what the phones saw before.
    #[error("{failed}")]
    Told {
        /// What went wrong.
        failed: Box<DemoError>,
        /// The last things the phones saw.
        events: Vec<Event>,
    },
}

impl DemoError {
    fn not_seen(what: impl Into<String>, seen: impl Into<String>) -> Self {
        Self::NotSeen { what: what.into(), seen: seen.into() }
    }

    /// The sentence, below the last things the phones saw.
    pub(super) fn told(&self) -> String {
        let Self::Told { failed, events } = self else { return self.to_string() };
        let skipped = events.len().saturating_sub(EVENTS_SHOWN);
        let lines: String = events
            .iter()
            .skip(skipped)
            .map(|event| {
                format!("\n{:>7} ms  {}: {}", event.at.as_millis(), event.phone, clean(&event.kind.to_string()))
            })
            .collect();
        format!("{failed}\nThe last things the phones saw:{lines}")
    }
}

/// The demo's own word for an outcome.
type Seen<T> = Result<T, DemoError>;

pub(super) fn run(args: &DemoArgs, json: bool) -> Result<Report, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Failure::Runtime)?;
    let shown = runtime.block_on(show(args, json));
    runtime.shutdown_background();
    shown
}

async fn show(args: &DemoArgs, json: bool) -> Result<Report, Failure> {
    let mut signals = Signals::new()?;
    let mut story = Story::new(!json);
    story.title();
    let mut stage = match Stage::open(&args.log, &mut story).await {
        Ok(stage) => stage,
        Err(failed) => return Err(told(failed, &story)),
    };
    let played = tokio::select! {
        played = tokio::time::timeout(LIMIT, acts::play(&mut stage, &mut story)) => {
            played.unwrap_or(Err(DemoError::TooLong))
        }
        _ = signals.next() => Err(DemoError::Interrupted),
    };
    let played = match played {
        Ok(()) => {
            story.finale(args.keep);
            if args.keep { keep::until_signal(&mut stage, &mut signals, json).await } else { Ok(()) }
        }
        Err(failed) => Err(failed),
    };
    stage.close().await;
    played.map_err(|failed| told(failed, &story))?;
    let document = json!({ "ok": true, "took_ms": story.took_ms(), "timeline": story.lines(), "calls": story.calls() });
    // With --keep the document has been printed when the demo was ready.
    let document = if args.keep { serde_json::Value::Null } else { document };
    Ok(Report { text: String::new(), json: document, exit: Exit::Ok })
}

fn told(failed: DemoError, story: &Story) -> Failure {
    Failure::Demo(Box::new(DemoError::Told { failed: Box::new(failed), events: story.events().all() }))
}
