//! `/me`: one's own extension: phones with both records in plain words, QR codes, calls.
//!
//! The extension comes from the account of whoever asks, never from the address; what belongs to another extension is not
//! found, in the same words as what does not exist.

use askama::Template;
use axum::extract::{Form, Path, State};
use pbx_core::model::{CallId, DeviceId, DeviceSummary, ExtensionNumber};
use pbx_core::store::call_log::CallFilter;
use pbx_core::switchboard::command::{Command, CommandError};
use provisioning::EnrolmentState;
use push_module::CredentialSummary;

use super::calls::{CallLine, line as call_line};
use super::extension::{LinkLine, link_line};
use super::pairing::{IssueForm, Place};
use super::{Page, go, pairing};
use crate::api::calls::page as log_page;
use crate::api::devices;
use crate::api::extensions::show;
use crate::api::view::is_live;
use crate::clock;
use crate::error::{ErrorPage, Refusal, render};
use crate::language::retold;
use crate::layout::{Frame, Layout, Menu};
use crate::reach::honest;
use crate::settings_again::Marks;
use crate::state::AdminState;
use crate::words::{self, Badge, When};
use crate::{say, t};

/// Calls on the page.
const CALLS: usize = 20;

#[derive(Template)]
#[template(path = "me.html")]
struct MePage {
    layout: Layout,
    number: ExtensionNumber,
    owner: String,
    presence: Badge,
    reason: String,
    push_enabled: bool,
    devices: Vec<MyDevice>,
    links: Vec<LinkLine>,
    calls: Vec<CallLine>,
}

/// A phone in plain words.
struct MyDevice {
    id: i64,
    name: String,
    presence: Badge,
    reason: String,
    /// Record 1.
    now: String,
    seen: When,
    /// Record 2.
    wake: String,
    testable: bool,
    last_wake: String,
    /// Why it needs its settings again, and what its owner does; empty when it does not.
    needs_settings: String,
}

/// The extension of whoever asks.
pub(crate) fn own(frame: &Frame) -> Result<ExtensionNumber, Refusal> {
    frame
        .signed_in
        .extension
        .ok_or_else(|| Refusal::not_found("no_extension", t("me-your-account-belongs-to-no-extension")))
}

/// A device of this extension; another's is as little there as none.
pub(crate) async fn own_device(state: &AdminState, own: ExtensionNumber, id: i64) -> Result<DeviceSummary, Refusal> {
    let device = devices::show(state, DeviceId(id)).await?;
    if device.extension == own { Ok(device) } else { Err(CommandError::NoSuchDevice(DeviceId(id)).into()) }
}

fn my_device(device: DeviceSummary, credentials: &[CredentialSummary], marks: &Marks) -> MyDevice {
    let needs = marks.of(&device, credentials).map(|mark| {
        let act = if mark.by_itself { t("me-open-its-app-once") } else { t("me-ask-an-admin-for-a-code") };
        say("me-needs-its-settings-again").with("why", &words::sentence(mark.text)).with("act", &act).text()
    });
    let device = honest(device, credentials);
    let now = match &device.live_binding {
        Some(binding) if is_live(binding.state) => {
            say("me-it-is-connected-over-and-rings").with("transport", &words::transport(binding.transport)).text()
        }
        Some(_) | None => t("me-it-is-not-connected-at-this").to_owned(),
    };
    let wake = match &device.wake_target {
        Some(target) if target.switched_off.is_none() => {
            say("me-when-it-sleeps-wakes-it-for").with("provider", &words::provider(target.provider)).text()
        }
        Some(_) => t("me-push-is-switched-off-for-it").to_owned(),
        None => t("me-it-cannot-be-woken-it-rings").to_owned(),
    };
    let told = |wake: &pbx_core::model::LastWake| {
        format!("{}, {}: {}", words::kind(wake.kind), clock::relative(wake.at, clock::now()), retold(&wake.outcome))
    };
    MyDevice {
        id: device.id.0,
        name: words::device_name(&device.user_agent, device.id),
        presence: words::presence(device.presence),
        reason: words::sentence(&device.reason),
        now,
        seen: When::relative(device.last_seen_at, clock::now()),
        wake,
        testable: device.wake_target.is_some(),
        last_wake: device.last_wake.as_ref().map(told).unwrap_or_default(),
        needs_settings: needs.unwrap_or_default(),
    }
}

pub(crate) async fn page(State(state): State<AdminState>, frame: Frame) -> Page {
    let number = own(&frame)?;
    let detail = show(&state, number).await?;
    let credentials = state.push.list_credentials().await?;
    let marks = Marks::load(&state, Some(number)).await?;
    let mut links = state.enrolments.list(number).await?;
    links.retain(|link| matches!(link.state, EnrolmentState::Issued | EnrolmentState::Claimed { .. }));
    let filter = CallFilter { extension: Some(number), ..CallFilter::default() };
    let calls = log_page(&state, &filter, None, CALLS).await?.calls;
    let links = links.into_iter().map(|link| link_line(link, &detail.device_list)).collect();
    let extension = detail.line.extension;
    Ok(render(&MePage {
        layout: frame.layout(t("layout-my-phones"), Menu::Me),
        number,
        owner: extension.name.to_string(),
        presence: words::presence(detail.line.presence),
        reason: words::sentence(&detail.line.reason),
        push_enabled: extension.push_enabled,
        devices: detail.device_list.into_iter().map(|device| my_device(device, &credentials, &marks)).collect(),
        links,
        calls: calls.into_iter().map(call_line).collect(),
    }))
}

pub(crate) async fn test_push(State(state): State<AdminState>, frame: Frame, Path(id): Path<i64>) -> Page {
    let device = own_device(&state, own(&frame)?, id).await?;
    state.switchboard.ask(Command::TestPushDevice(device.id)).await?;
    go("/me?done=test-sent")
}

fn place(frame: &Frame) -> Result<Place, ErrorPage> {
    Ok(Place { number: own(frame)?, own: true })
}

pub(crate) async fn issue(State(state): State<AdminState>, frame: Frame, Form(form): Form<IssueForm>) -> Page {
    let place = place(&frame)?;
    pairing::issue_at(&state, &frame, place, &form).await
}

pub(crate) async fn link(State(state): State<AdminState>, frame: Frame, Path(id): Path<String>) -> Page {
    let place = place(&frame)?;
    pairing::page_at(&state, &frame, place, &id).await
}

pub(crate) async fn confirm_revoke(State(state): State<AdminState>, frame: Frame, Path(id): Path<String>) -> Page {
    let place = place(&frame)?;
    pairing::confirm_revoke_at(&state, &frame, place, &id).await
}

pub(crate) async fn revoke(State(state): State<AdminState>, frame: Frame, Path(id): Path<String>) -> Page {
    let place = place(&frame)?;
    pairing::revoke_at(&state, place, &id).await
}

/// The call's id is only needed to keep other extensions' calls out of the API.
pub(crate) fn concerns(own: ExtensionNumber, caller: &str, callee: &str) -> bool {
    let own = own.to_string();
    caller == own || callee == own
}

/// A call from or to this extension; another's is as little there as none.
pub(crate) async fn own_call(
    state: &AdminState,
    own: ExtensionNumber,
    id: CallId,
) -> Result<pbx_core::model::CallRecord, Refusal> {
    let missing = || Refusal::not_found("no_such_call", say("calls-there-is-no-call-in-the").with("id", &id).text());
    let call = pbx_core::store::call_log::one(&state.store, id).await?.ok_or_else(missing)?;
    if concerns(own, &call.caller, &call.callee) { Ok(call) } else { Err(missing()) }
}
