//! `nightbell push matrix` and `push health`: what can be pushed, and how the credentials are doing.

use pbx_core::model::UnixMillis;
use serde::Deserialize;

use super::Exit;
use super::client::Client;
use super::failure::Failure;
use super::output::{Report, Table, clean, time};

#[derive(Debug, Deserialize)]
struct Matrix {
    apps: Vec<App>,
    needs_settings: Vec<Marked>,
}

/// A phone that is to fetch its settings again.
#[derive(Debug, Deserialize)]
struct Marked {
    device: i64,
    extension: String,
    phone: String,
    text: String,
    fix: String,
}

#[derive(Debug, Deserialize)]
struct App {
    app_id: String,
    platform: String,
    environment: String,
    devices: usize,
    can_be_pushed: String,
    credential_label: Option<String>,
    text: String,
    fix: String,
}

pub(super) async fn matrix(client: &Client) -> Result<Report, Failure> {
    let answer = client.get::<Matrix>("/push/matrix").await?;
    let mut table = Table::new(["APP", "PLATFORM", "PHONES", "CAN BE PUSHED", "WITH"]);
    let mut reasons = String::new();
    let mut exit = Exit::Ok;
    for app in &answer.known.apps {
        let platform = match app.environment.as_str() {
            "sandbox" => format!("{} (sandbox)", app.platform),
            _ => app.platform.clone(),
        };
        if !app.text.is_empty() {
            reasons.push_str(&clean(&format!("{}: {}; {}", app.app_id, app.text, app.fix)));
            reasons.push('\n');
        }
        if app.devices > 0 && matches!(app.can_be_pushed.as_str(), "no" | "troubled") {
            exit = Exit::Degraded;
        }
        let with = app.credential_label.clone().unwrap_or_default();
        table.row([app.app_id.clone(), platform, app.devices.to_string(), app.can_be_pushed.clone(), with]);
    }
    let mut text = table.text("No phone has sent a push token, and no credential names an app.");
    for it in &answer.known.needs_settings {
        let Marked { device, extension, phone, text, fix } = it;
        reasons.push_str(&clean(&format!(
            "phone {device} ({phone}) of {extension} needs its settings again: {text}; {fix}"
        )));
        reasons.push('\n');
    }
    if !reasons.is_empty() {
        text.push('\n');
        text.push_str(&reasons);
    }
    Ok(Report::done(text, answer.raw).ending(exit))
}

#[derive(Debug, Deserialize)]
struct Health {
    health: Vec<Line>,
}

#[derive(Debug, Deserialize)]
struct Line {
    label: String,
    state: String,
    success_percent: Option<u8>,
    circuit: String,
    last_success: Option<UnixMillis>,
    last_failure: Option<Failed>,
    alarms: Vec<Alarm>,
}

#[derive(Debug, Deserialize)]
struct Failed {
    at: UnixMillis,
}

#[derive(Debug, Deserialize)]
struct Alarm {
    code: String,
    text: String,
    fix: String,
}

pub(super) async fn health(client: &Client) -> Result<Report, Failure> {
    let answer = client.get::<Health>("/push/credentials").await?;
    let mut table = Table::new(["CREDENTIAL", "STATE", "SUCCESS", "CIRCUIT", "LAST SUCCESS", "LAST FAILURE"]);
    let mut alarms = String::new();
    for line in answer.known.health {
        for Alarm { code, text, fix } in &line.alarms {
            alarms.push_str(&clean(&format!("{code}: {text} {fix}")));
            alarms.push('\n');
        }
        table.row([
            line.label,
            line.state,
            line.success_percent.map(|percent| format!("{percent} %")).unwrap_or_default(),
            line.circuit,
            line.last_success.map(time).unwrap_or_default(),
            line.last_failure.map(|failed| time(failed.at)).unwrap_or_default(),
        ]);
    }
    let mut text = table.text("There is no push credential.");
    let exit = if alarms.is_empty() { Exit::Ok } else { Exit::Degraded };
    if !alarms.is_empty() {
        text.push('\n');
        text.push_str(&alarms);
    }
    Ok(Report::done(text, answer.raw).ending(exit))
}
