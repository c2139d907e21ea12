//! `/`: how the installation is doing, what to do next, and what goes on now.

use askama::Template;
use axum::extract::State;
use pbx_core::store::call_log::CallFilter;
use pbx_core::switchboard::command::{ActiveCall, Status};

use super::Page;
use super::calls::{CallLine, line};
use crate::advice::{self, Finding};
use crate::api::calls as log;
use crate::clock;
use crate::error::render;
use crate::layout::{Frame, Layout, Menu};
use crate::state::AdminState;
use crate::t;
use crate::welcome::{self, Progress};
use crate::words::{Badge, When};

/// Recent calls worth a glance.
const RECENT: usize = 6;

#[derive(Template)]
#[template(path = "dashboard.html")]
struct DashboardPage {
    layout: Layout,
    status: Status,
    /// Devices that can be reached neither way.
    unreachable: usize,
    findings: Vec<Finding>,
    active: Vec<ActiveLine>,
    recent: Vec<CallLine>,
    /// Steps of the setup that are neither done nor skipped; none once it was closed.
    open_steps: usize,
}

struct ActiveLine {
    call: ActiveCall,
    badge: Badge,
    since: When,
}

pub(crate) async fn page(State(state): State<AdminState>, frame: Frame) -> Page {
    let facts = advice::facts(&state).await?;
    let findings = advice::findings(&facts);
    let now = clock::now();
    let active = log::living(&state).await?.into_iter().map(|call| ActiveLine {
        badge: if call.answered_at.is_some() {
            Badge::new("ok", "●", t("dashboard-talking"))
        } else if call.waking > 0 && call.ringing <= call.waking {
            Badge::new("push", "◐", t("dashboard-waking-a-phone"))
        } else {
            Badge::new("push", "◐", t("dashboard-ringing"))
        },
        since: When::relative(call.answered_at.unwrap_or(call.started_at), now),
        call,
    });
    let recent = log::page(&state, &CallFilter::default(), None, RECENT).await?.calls;
    let known = facts.status.registered + facts.status.armed;
    let closed = welcome::kept(&state).await?.closed;
    let steps = if closed { Vec::new() } else { welcome::progress(&state).await? };
    Ok(render(&DashboardPage {
        open_steps: steps.iter().filter(|(_, progress)| *progress == Progress::Open).count(),
        layout: frame.layout(t("common-dashboard"), Menu::Dashboard),
        unreachable: facts.devices.len().saturating_sub(known),
        status: facts.status,
        findings,
        active: active.collect(),
        recent: recent.into_iter().map(line).collect(),
    }))
}
