//! `nightbell healthcheck`: one quick question for containers and watchdogs.

use std::time::Duration;

use serde::Deserialize;

use super::Exit;
use super::client::{Client, ClientError};
use super::failure::Failure;
use super::output::{Report, count};

/// Watchdogs usually allow some seconds; an answer that takes longer is not health.
const QUICK: Duration = Duration::from_secs(3);

#[derive(Debug, Deserialize)]
struct Status {
    draining: bool,
    registered: usize,
    calls: usize,
}

pub(super) async fn run(client: Client) -> Result<Report, Failure> {
    let asked = tokio::time::timeout(QUICK, client.get::<Status>("/status")).await;
    let status = asked.map_err(|_| ClientError::Silent { socket: client.socket().to_owned() })??;
    let Status { draining, registered, calls } = status.known;
    if draining {
        let text = "Nightbell is stopping and takes no new calls.\n";
        return Ok(Report::done(text, status.raw).ending(Exit::Failure));
    }
    Ok(Report::done(
        format!("healthy: {} registered, {}\n", count(registered, "phone", "phones"), count(calls, "call", "calls")),
        status.raw,
    ))
}
