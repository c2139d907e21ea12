//! `/push/help`: why a phone does not ring, by what the admin sees.

use askama::Template;
use axum::extract::State;
use pbx_core::model::DeviceId;
use serde::Deserialize;

use super::Page;
use crate::advice::{self, Finding};
use crate::api::body::Params;
use crate::diagnosis::{self, Symptom};
use crate::error::render;
use crate::layout::{Frame, Layout, Menu};
use crate::state::AdminState;
use crate::t;
use crate::words;

/// Phones offered for choice; an office with more looks at the extension's page.
const MAX_CHOICE: usize = 500;

#[derive(Debug, Default, Deserialize)]
pub(crate) struct HelpParams {
    symptom: Option<Symptom>,
    device: Option<i64>,
}

#[derive(Template)]
#[template(path = "push_help.html")]
struct HelpPage {
    layout: Layout,
    tab: &'static str,
    choices: Vec<(&'static str, &'static str, bool)>,
    chosen: Option<&'static str>,
    /// A phone has to be chosen first.
    wants_device: bool,
    devices: Vec<(i64, String, bool)>,
    findings: Vec<Finding>,
    to_check: Vec<&'static str>,
}

pub(crate) async fn page(State(state): State<AdminState>, frame: Frame, Params(params): Params<HelpParams>) -> Page {
    let facts = advice::facts(&state).await?;
    let network = state.push.network_check();
    let device = params.device.map(DeviceId);
    let findings = params.symptom.map(|symptom| diagnosis::findings(symptom, &facts, network.as_ref(), device));
    let wants_device = params.symptom == Some(Symptom::OnlyThisDevice);
    let name = |device: &pbx_core::model::DeviceSummary| {
        let words = format!("{}: {}", device.extension, words::device_name(&device.user_agent, device.id));
        (device.id.0, words, Some(device.id.0) == params.device)
    };
    let choice = |symptom: Symptom| (symptom.as_str(), symptom.words(), params.symptom == Some(symptom));
    Ok(render(&HelpPage {
        layout: frame.layout(t("push-help-push-a-phone-does-not-ring"), Menu::Push),
        tab: "help",
        choices: Symptom::ALL.map(choice).to_vec(),
        chosen: params.symptom.map(Symptom::words).filter(|_| !wants_device || device.is_some()),
        wants_device,
        devices: if wants_device { facts.devices.iter().take(MAX_CHOICE).map(name).collect() } else { Vec::new() },
        findings: findings.unwrap_or_default(),
        to_check: params.symptom.map(diagnosis::to_check).unwrap_or_default(),
    }))
}
