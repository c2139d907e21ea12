//! `/system`: version, certificate, counts and the findings of `doctor`.

use askama::Template;
use axum::extract::State;
use pbx_core::switchboard::command::Status;

use super::Page;
use crate::advice::{self, Finding};
use crate::clock;
use crate::error::render;
use crate::layout::{Frame, Layout, Menu};
use crate::state::AdminState;
use crate::t;
use crate::tls::CertificateInfo;
use crate::words::When;

#[derive(Template)]
#[template(path = "system.html")]
struct SystemPage {
    layout: Layout,
    version: &'static str,
    public_url: String,
    up: When,
    zone: String,
    status: Status,
    certificate: CertificateInfo,
    ends: When,
    findings: Vec<Finding>,
}

pub(crate) async fn page(State(state): State<AdminState>, frame: Frame) -> Page {
    let facts = advice::facts(&state).await?;
    let findings = advice::findings(&facts);
    Ok(render(&SystemPage {
        layout: frame.layout(t("common-system"), Menu::System),
        version: state.site.version,
        public_url: facts.public_url,
        up: When::relative(state.site.started_at, facts.now),
        zone: clock::zone_name(),
        status: facts.status,
        ends: When::relative(facts.certificate.not_after, facts.now),
        certificate: facts.certificate,
        findings,
    }))
}
