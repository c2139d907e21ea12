//! `/welcome/phone`: a QR code, and a page that turns green when the phone has registered, rang, and was woken.
//!
//! Nightbell itself rings it (`switchboard::test_call`), so one phone is enough. The page follows by itself; without scripts it
//! is loaded anew every few seconds.

use askama::Template;
use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use pbx_core::model::{CallId, ExtensionNumber, Presence, TimelineStep};
use pbx_core::store::call_log::{self, CallFilter};
use pbx_core::switchboard::command::ExtensionDetail;
use serde::Deserialize;

use super::extension::in_path;
use super::{Page, go};
use crate::adding::all_extensions;
use crate::api::calls::living;
use crate::api::enrolments::lifetime;
use crate::api::extensions::show;
use crate::api::test_call;
use crate::clock;
use crate::error::{Refusal, render};
use crate::language::retold;
use crate::layout::{Frame, Layout, Menu};
use crate::state::AdminState;
use crate::t;
use crate::welcome::Step;
use crate::words;

/// Calls looked at for one that rang; older ones are no news.
const CALLS: u32 = 10;

#[derive(Template)]
#[template(path = "welcome_choose.html")]
struct ChoosePage {
    layout: Layout,
    extensions: Vec<(String, String)>,
}

pub(crate) async fn choose(State(state): State<AdminState>, frame: Frame) -> Page {
    let extensions = all_extensions(&state).await?.into_iter();
    let line = |number: ExtensionNumber, name: String| {
        (number.to_string(), if name.is_empty() { number.to_string() } else { format!("{number} {name}") })
    };
    Ok(render(&ChoosePage {
        layout: frame.layout(Step::Phone.title(), Menu::Setup),
        extensions: extensions.map(|it| line(it.extension.number, it.extension.name.to_string())).collect(),
    }))
}

#[derive(Debug, Deserialize)]
pub(crate) struct ChooseForm {
    number: String,
}

#[derive(Template)]
#[template(path = "welcome_phone.html")]
struct PhonePage {
    layout: Layout,
    number: ExtensionNumber,
    registered: bool,
    /// Reachable only by push now.
    sleeping: bool,
    can_be_woken: bool,
    /// How long the phone took from the push to its REGISTER; empty while it was not woken.
    woke_after: String,
    /// The call in which it rang.
    rang: Option<CallId>,
    /// Why it could not be rung just now; empty otherwise.
    problem: String,
    /// A call of Nightbell's own rings it now.
    ringing: bool,
    /// The QR code; empty when the link can no longer be shown.
    svg: String,
    url: String,
}

/// What a page shows besides how far the phone is.
#[derive(Debug, Default)]
struct Shown {
    svg: String,
    url: String,
    problem: String,
}

async fn rang(state: &AdminState, number: ExtensionNumber) -> Result<Option<CallId>, Refusal> {
    let filter = CallFilter { extension: Some(number), ..CallFilter::default() };
    for call in call_log::page(&state.store, &filter, None, CALLS).await?.calls {
        let was_called = call.callee == number.to_string();
        if was_called && has_rung(state, call.id).await? {
            return Ok(Some(call.id));
        }
    }
    Ok(None)
}

/// Some phones answer at once, without a word before.
fn is_ring(step: TimelineStep) -> bool {
    step == TimelineStep::Ringing || step == TimelineStep::Answered
}

async fn has_rung(state: &AdminState, call: CallId) -> Result<bool, Refusal> {
    Ok(call_log::timeline(&state.store, call).await?.iter().any(|entry| is_ring(entry.step)))
}

async fn shown(state: &AdminState, frame: &Frame, detail: ExtensionDetail, what: Shown) -> Page {
    let Shown { svg, url, problem } = what;
    let number = detail.line.extension.number;
    let woke = detail.device_list.iter().filter_map(|device| device.last_wake.as_ref()?.woke_after_ms).next_back();
    Ok(render(&PhonePage {
        layout: frame.layout(format!("{}: {number}", Step::Phone.title()), Menu::Setup),
        number,
        registered: detail.line.presence == Presence::Registered,
        sleeping: detail.line.presence == Presence::ReachableByPush,
        can_be_woken: detail.device_list.iter().any(|device| device.wake_target.is_some()),
        woke_after: woke.map(clock::span).unwrap_or_default(),
        rang: rang(state, number).await?,
        problem: words::sentence(&problem),
        ringing: living(state)
            .await?
            .iter()
            .any(|call| call.callee == number.to_string() && call.answered_at.is_none()),
        svg,
        url,
    }))
}

pub(crate) async fn issue(
    State(state): State<AdminState>,
    frame: Frame,
    Form(form): Form<ChooseForm>,
) -> Result<Response, crate::error::ErrorPage> {
    let number = in_path(form.number.trim())?;
    let issued = state.enrolments.issue(number, t("welcome-phone-first-phone"), lifetime(None)).await?;
    let detail = show(&state, number).await?;
    let what = Shown { svg: issued.svg.into_inner(), url: issued.url.into_inner(), problem: String::new() };
    shown(&state, &frame, detail, what).await
}

/// "Call me", and "ring me" once the app is closed.
pub(crate) async fn ring(State(state): State<AdminState>, frame: Frame, Path(text): Path<String>) -> Page {
    let number = in_path(&text)?;
    match test_call::ring(&state, number).await {
        Ok(_) => go(&format!("/welcome/phone/{number}")),
        Err(refusal) if refusal.status == StatusCode::CONFLICT => {
            let what = Shown { problem: retold(&refusal.detail).into_owned(), ..Shown::default() };
            let page = shown(&state, &frame, show(&state, number).await?, what).await?;
            Ok((StatusCode::CONFLICT, page).into_response())
        }
        Err(refusal) => Err(refusal.into()),
    }
}

pub(crate) async fn page(State(state): State<AdminState>, frame: Frame, Path(text): Path<String>) -> Page {
    let detail = show(&state, in_path(&text)?).await?;
    shown(&state, &frame, detail, Shown::default()).await
}
