//! `nightbell push check-network`: whether this machine reaches its push providers, and the list for the firewall admin.

use std::fmt::Write as _;
use std::time::Duration;

use push_module::firewall_text;
use serde::Deserialize;

use super::Exit;
use super::client::Client;
use super::failure::Failure;
use super::output::{Report, clean};

/// Longer than the limits of all steps to one place together; places are asked at the same time.
const OVER_WITHIN: Duration = Duration::from_secs(40);
/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(300);

#[derive(Debug, Deserialize)]
struct Answer {
    check: Option<Check>,
    ok: Option<bool>,
}

#[derive(Debug, Deserialize)]
struct Check {
    places: Vec<Place>,
}

#[derive(Debug, Deserialize)]
struct Place {
    host: String,
    port: u16,
    steps: Vec<Step>,
}

#[derive(Debug, Deserialize)]
struct Step {
    step: String,
    ok: bool,
    text: String,
    fix: String,
    took_ms: u64,
}

pub(super) async fn check(client: &Client) -> Result<Report, Failure> {
    client.post_nothing::<Answer>("/push/network-check").await?;
    let looking = async {
        let mut next_look = tokio::time::interval(LOOK_EVERY);
        loop {
            next_look.tick().await;
            let answer = client.get::<Answer>("/push/network-check").await?;
            if answer.known.ok.is_some() {
                return Ok::<_, Failure>(answer);
            }
        }
    };
    let answer = match tokio::time::timeout(OVER_WITHIN, looking).await {
        Ok(answer) => answer?,
        Err(_) => client.get::<Answer>("/push/network-check").await?,
    };
    let places = answer.known.check.map(|check| check.places).unwrap_or_default();
    let mut text: String = places.iter().map(told).collect();
    let exit = if answer.known.ok == Some(true) { Exit::Ok } else { Exit::Failure };
    let _ = write!(text, "\nFor the firewall admin (docs/firewall.md):\n\n{}", firewall_text());
    Ok(Report::done(text, answer.raw).ending(exit))
}

fn told(place: &Place) -> String {
    let mut text = clean(&format!("{}:{}", place.host, place.port));
    text.push('\n');
    for Step { step, ok, text: said, fix, took_ms } in &place.steps {
        let word = if *ok { "works" } else { "FAILS" };
        let _ = writeln!(text, "  {step:<8} {word}  {took_ms:>5} ms  {}", clean(said));
        if !fix.is_empty() {
            let _ = writeln!(text, "                            {}", clean(fix));
        }
    }
    text
}
