//! `/devices/{id}/…`: push for one device, how long it lasts, and forgetting it.

use axum::extract::{Form, Path, State};
use pbx_core::model::{DeviceId, PushPolicy};
use pbx_core::switchboard::command::Command;

use serde::Deserialize;

use super::confirm::Confirm;
use super::extension::SwitchForm;
use super::{Page, go};
use crate::api::devices::show;
use crate::layout::{Frame, Menu};
use crate::state::AdminState;
use crate::words;

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

pub(crate) async fn confirm_forget(State(state): State<AdminState>, frame: Frame, Path(id): Path<i64>) -> Page {
    let device = show(&state, DeviceId(id)).await?;
    let confirm = Confirm {
        layout: frame.layout("Forget this device?", Menu::Extensions),
        lines: vec![
            format!(
                "{} of extension {}: both its records are deleted, its live binding and its wake target.",
                words::device_name(&device.user_agent, device.id),
                device.extension
            ),
            "If it still has its account, it registers again by itself. To keep it out, revoke its QR link or make a new secret."
                .into(),
        ],
        action: format!("/devices/{id}/forget"),
        button: "Forget the device",
        back: format!("/extensions/{}", device.extension),
    };
    Ok(confirm.page())
}

pub(crate) async fn forget(State(state): State<AdminState>, Path(id): Path<i64>) -> Page {
    let device = show(&state, DeviceId(id)).await?;
    state.switchboard.ask(Command::RemoveDevice(device.id)).await?;
    go(&format!("/extensions/{}?done=device-forgotten", device.extension))
}
