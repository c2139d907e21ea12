//! `nightbell registrations`: every phone with both its records.

use serde::Deserialize;
use serde_json::{Value, json};

use super::client::Client;
use super::device::Device;
use super::extension::{not_understood, word};
use super::failure::Failure;
use super::output::{Report, Table};

/// Rows of one answer; the API's limit.
const PAGE: usize = 500;

#[derive(Debug, Deserialize)]
struct Page {
    devices: Vec<Value>,
    next: Option<i64>,
}

pub(super) async fn run(client: Client) -> Result<Report, Failure> {
    let mut all: Vec<Value> = Vec::new();
    let mut after = String::new();
    loop {
        let page = client.get::<Page>(&format!("/registrations?limit={PAGE}{after}")).await?;
        all.extend(page.known.devices);
        let Some(next) = page.known.next else { break };
        after = format!("&after={next}");
    }
    let mut table =
        Table::new(["EXT", "PHONE", "NAME", "REACHABLE", "LIVE BINDING", "WAKE TARGET", "LAST WAKE", "NOTE"]);
    for value in &all {
        let device = Device::deserialize(value).map_err(not_understood)?;
        table.row([
            device.extension.clone(),
            device.id.to_string(),
            device.name(),
            word(device.presence).to_owned(),
            device.binding_cell(),
            device.target_cell(),
            device.wake_cell(),
            device.reason.clone(),
        ]);
    }
    let nothing = "No phone has registered yet, and none can be woken. Pair one on the extension's page.";
    Ok(Report::done(table.text(nothing), json!({ "devices": all })))
}
