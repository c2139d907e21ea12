//! `/system/trouble`: choose what people say, and see what Nightbell knows about it.

use askama::Template;
use axum::extract::{Query, State};
use pbx_core::model::ExtensionNumber;
use serde::Deserialize;

use super::Page;
use crate::advice::Finding;
use crate::api::trouble::walk;
use crate::error::render;
use crate::layout::{Frame, Layout, Menu};
use crate::state::AdminState;
use crate::t;
use crate::trouble::{self, CALLS, Complaint};

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Chosen {
    complaint: Option<Complaint>,
    #[serde(default)]
    extension: String,
}

#[derive(Template)]
#[template(path = "trouble.html")]
struct TroublePage {
    layout: Layout,
    complaints: [Complaint; 5],
    chosen: Option<Complaint>,
    extension: String,
    /// What is wrong with the extension as typed; empty when nothing is.
    problem: String,
    calls: u32,
    findings: Vec<Finding>,
    to_check: Vec<&'static str>,
}

pub(crate) async fn page(State(state): State<AdminState>, frame: Frame, Query(chosen): Query<Chosen>) -> Page {
    let typed = chosen.extension.trim();
    let (extension, problem) = match typed.parse::<ExtensionNumber>() {
        _ if typed.is_empty() => (None, String::new()),
        Ok(number) => (Some(number), String::new()),
        Err(wrong) => (None, wrong.to_string()),
    };
    let complaint = chosen.complaint.filter(|_| problem.is_empty());
    let findings = match complaint {
        Some(complaint) => walk(&state, complaint, extension).await?,
        None => Vec::new(),
    };
    Ok(render(&TroublePage {
        layout: frame.layout(t("common-what-is-wrong"), Menu::System),
        complaints: Complaint::ALL,
        chosen: chosen.complaint,
        extension: typed.to_owned(),
        problem,
        calls: CALLS,
        findings,
        to_check: complaint.map(trouble::to_check).unwrap_or_default(),
    }))
}
