//! `/devices/{id}/…`: push for one device, how long it lasts, a test of it, and forgetting it.

use askama::Template;
use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use pbx_core::model::{DeviceId, PushPolicy, WakeKind};
use pbx_core::switchboard::command::Command;

use serde::Deserialize;

use super::confirm::Confirm;
use super::extension::SwitchForm;
use super::pairing;
use super::{Page, go};
use crate::api::devices::show;
use crate::clock;
use crate::error::{Refusal, render};
use crate::layout::{Frame, Layout, Menu};
use crate::state::AdminState;
use crate::words::{self, Badge, When};
use crate::{say, t};

pub(crate) async fn switch_push(
    State(state): State<AdminState>,
    Path(id): Path<i64>,
    Form(form): Form<SwitchForm>,
) -> Page {
    let device = show(&state, DeviceId(id)).await?;
    state.switchboard.ask(Command::SetDevicePush { device: device.id, enabled: form.enabled }).await?;
    let done = if form.enabled { "push-on" } else { "push-off" };
    go(&format!("/extensions/{}?done={done}", device.extension))
}

#[derive(Debug, Deserialize)]
pub(crate) struct PolicyForm {
    policy: PushPolicy,
}

pub(crate) async fn choose_policy(
    State(state): State<AdminState>,
    Path(id): Path<i64>,
    Form(form): Form<PolicyForm>,
) -> Page {
    let device = show(&state, DeviceId(id)).await?;
    state.switchboard.ask(Command::SetPushPolicy { device: device.id, policy: form.policy }).await?;
    go(&format!("/extensions/{}?done=saved", device.extension))
}

/// A test push and what became of it.
#[derive(Template)]
#[template(path = "test_push.html")]
struct TestedPage {
    layout: Layout,
    id: i64,
    name: String,
    extension: String,
    /// When the last test was ordered, and the provider's answer; `None` before it came.
    outcome: Option<(When, Badge, String)>,
    /// What the admin said about the last test.
    shown: Option<bool>,
}

pub(crate) async fn test_push(State(state): State<AdminState>, Path(id): Path<i64>) -> Page {
    state.switchboard.ask(Command::TestPushDevice(DeviceId(id))).await?;
    state.confirmations.forget(DeviceId(id));
    go(&format!("/devices/{id}/test-push"))
}

pub(crate) async fn tested(State(state): State<AdminState>, frame: Frame, Path(id): Path<i64>) -> Page {
    let device = show(&state, DeviceId(id)).await?;
    let wake = device.last_wake.filter(|wake| wake.kind == WakeKind::Test);
    let outcome = wake.map(|wake| {
        let badge = if wake.accepted {
            Badge::new("ok", "✓", t("push-health-accepted"))
        } else {
            Badge::new("bad", "✕", t("device-not-accepted"))
        };
        (When::relative(wake.at, clock::now()), badge, words::sentence(&wake.outcome))
    });
    Ok(render(&TestedPage {
        layout: frame.layout(t("test-push-test-push"), Menu::Extensions),
        id,
        name: words::device_name(&device.user_agent, device.id),
        extension: device.extension.to_string(),
        outcome,
        shown: state.confirmations.get(device.id),
    }))
}

#[derive(Debug, Deserialize)]
pub(crate) struct ShownForm {
    shown: bool,
}

/// The admin says whether the phone showed the test: only a person can know, for a provider's acceptance is no delivery.
pub(crate) async fn confirm_shown(
    State(state): State<AdminState>,
    Path(id): Path<i64>,
    Form(form): Form<ShownForm>,
) -> Page {
    let device = show(&state, DeviceId(id)).await?;
    state.confirmations.put(device.id, form.shown);
    if form.shown {
        go(&format!("/devices/{id}/test-push"))
    } else {
        go(&format!("/push/help?symptom=only_this_device&device={id}"))
    }
}

/// A QR code by which this phone fetches its settings again, with the account it has.
pub(crate) async fn settings_link(State(state): State<AdminState>, frame: Frame, Path(id): Path<i64>) -> Page {
    let device = show(&state, DeviceId(id)).await?;
    pairing::issue_again(&state, &frame, &device).await
}

/// The same by mail.
pub(crate) async fn settings_mail(State(state): State<AdminState>, Path(id): Path<i64>) -> Page {
    let device = show(&state, DeviceId(id)).await?;
    let ordered = state.mailer.settings_again(device.extension, &device.username).await?;
    match ordered.skipped.into_iter().next() {
        None => go(&format!("/mails?batch={}", ordered.batch)),
        Some(skipped) => Err(Refusal::new(StatusCode::CONFLICT, "no_mail_address", skipped.why).into()),
    }
}

pub(crate) async fn confirm_forget(State(state): State<AdminState>, frame: Frame, Path(id): Path<i64>) -> Page {
    let device = show(&state, DeviceId(id)).await?;
    let confirm = Confirm {
        layout: frame.layout(t("device-forget-this-device"), Menu::Extensions),
        lines: vec![
            say("device-of-extension-both-its-records-are")
                .with("device-name", &words::device_name(&device.user_agent, device.id))
                .with("extension", &device.extension)
                .text(),
            t("device-if-it-still-has-its-account").into(),
        ],
        action: format!("/devices/{id}/forget"),
        fields: Vec::new(),
        button: t("device-forget-the-device"),
        back: format!("/extensions/{}", device.extension),
    };
    Ok(confirm.page())
}

pub(crate) async fn forget(State(state): State<AdminState>, Path(id): Path<i64>) -> Page {
    let device = show(&state, DeviceId(id)).await?;
    state.switchboard.ask(Command::RemoveDevice(device.id)).await?;
    go(&format!("/extensions/{}?done=device-forgotten", device.extension))
}
