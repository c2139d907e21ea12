//! `/audit`: who did what, when, from where and with which result.

use askama::Template;
use axum::extract::{Query, State};
use serde::Deserialize;

use super::Page;
use crate::api::audit::page as log_page;
use crate::audit::store::{Filter, Verdict};
use crate::error::render;
use crate::layout::{Frame, Layout, Menu};
use crate::session::percent_encode;
use crate::state::AdminState;
use crate::t;
use crate::words::When;

/// Lines on a page.
const ON_A_PAGE: usize = 50;

#[derive(Debug, Default, Deserialize)]
pub(crate) struct ListQuery {
    #[serde(default)]
    search: String,
    #[serde(default)]
    before: String,
    #[serde(default)]
    check: String,
}

#[derive(Template)]
#[template(path = "audit.html")]
struct AuditPage {
    layout: Layout,
    tab: &'static str,
    search: String,
    lines: Vec<Line>,
    next: String,
    later: bool,
    verdict: Option<Verdict>,
}

struct Line {
    seq: i64,
    at: When,
    who: String,
    role: String,
    from: String,
    action: String,
    target: String,
    result: String,
    bad: bool,
    detail: String,
}

pub(crate) async fn page(State(state): State<AdminState>, frame: Frame, Query(query): Query<ListQuery>) -> Page {
    let verdict = if query.check.is_empty() { None } else { Some(state.audit.check(&state.store).await?) };
    let filter = Filter { before: query.before.parse().ok(), search: query.search.trim().to_owned() };
    let (lines, next) = log_page(&state, &filter, ON_A_PAGE).await?;
    let next = next.map(|before| format!("/audit?search={}&before={before}", percent_encode(&filter.search)));
    let lines = lines.into_iter().map(|line| Line {
        seq: line.seq,
        at: When::exact(line.at),
        who: line.who,
        role: line.role.replace('_', " "),
        from: if line.door == "session" { line.address } else { format!("{} ({})", line.address, line.door) },
        action: line.action,
        target: line.target,
        bad: line.result != "done",
        result: line.result,
        detail: line.detail,
    });
    Ok(render(&AuditPage {
        layout: frame.layout(t("common-audit-log"), Menu::Users),
        tab: "audit",
        lines: lines.collect(),
        next: next.unwrap_or_default(),
        later: filter.before.is_some(),
        search: filter.search,
        verdict,
    }))
}
