//! `/security`: who is blocked, why and until when.

use askama::Template;
use axum::extract::{Form, State};
use serde::Deserialize;

use super::{Page, go};
use crate::api::blocklist::{blocked, unblock};
use crate::clock;
use crate::error::render;
use crate::layout::{Frame, Layout, Menu};
use crate::state::AdminState;
use crate::t;
use crate::words::{self, When};

#[derive(Template)]
#[template(path = "security.html")]
struct SecurityPage {
    layout: Layout,
    lines: Vec<Line>,
    failures: u16,
}

struct Line {
    address: String,
    account: Option<String>,
    why: &'static str,
    since: When,
    until: When,
    times: u32,
}

#[derive(Debug, Deserialize)]
pub(crate) struct UnblockForm {
    address: String,
}

pub(crate) async fn page(State(state): State<AdminState>, frame: Frame) -> Page {
    let now = clock::now();
    let lines = blocked(&state).await?.into_iter().map(|block| Line {
        address: block.address.to_string(),
        account: block.account,
        why: words::blocked(block.reason),
        since: When::relative(block.since, now),
        until: When::relative(block.until, now),
        times: block.times,
    });
    Ok(render(&SecurityPage {
        layout: frame.layout(t("common-security"), Menu::Security),
        lines: lines.collect(),
        failures: crate::adding::settings(&state).await?.block_after_failures,
    }))
}

pub(crate) async fn lift(State(state): State<AdminState>, Form(form): Form<UnblockForm>) -> Page {
    unblock(&state, &form.address).await?;
    go("/security?done=unblocked")
}
