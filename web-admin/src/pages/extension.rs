//! `/extensions/{number}`: the owner, push, and every device with both its records side by side.

use askama::Template;
use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use pbx_core::model::{
    DeviceKey, DeviceSummary, ExtensionNumber, LastWake, LiveBindingSummary, PushPolicy, WakeTarget,
};
use pbx_core::switchboard::command::{Command, CommandError, ExtensionChange, ExtensionDetail};
use provisioning::{Enrolment, EnrolmentState};
use push_module::{CredentialSummary, obstacle};
use serde::Deserialize;

use super::confirm::Confirm;
use super::extensions::{kept, shown_once};
use super::{Page, go};
use crate::adding;
use crate::api::extensions::{display_name, email, show};
use crate::api::installations::{self, InstallationView};
use crate::api::test_call::ring;
use crate::api::view::{complaint, is_live};
use crate::clock;
use crate::error::{Refusal, render};
use crate::form::{Errors, Input};
use crate::language;
use crate::layout::{Frame, Layout, Menu};
use crate::reach::honest;
use crate::settings_again::Marks;
use crate::state::AdminState;
use crate::token::fingerprint;
use crate::words::{self, Badge, When};
use crate::{say, t};

#[derive(Debug, Default, Deserialize)]
pub(crate) struct OwnerForm {
    #[serde(default)]
    name: String,
    #[serde(default)]
    email: String,
}

impl OwnerForm {
    fn of(detail: &ExtensionDetail) -> Self {
        let extension = &detail.line.extension;
        let email = extension.email.as_ref().map(|address| address.as_str().to_owned());
        Self { name: extension.name.to_string(), email: email.unwrap_or_default() }
    }
}

#[derive(Template)]
#[template(path = "extension.html")]
struct ExtensionPage {
    layout: Layout,
    number: ExtensionNumber,
    owner: String,
    presence: Badge,
    reason: String,
    push_enabled: bool,
    /// A device can be pushed, so a test makes sense.
    testable: bool,
    /// The owner has an address, so a QR code can be mailed.
    mailable: bool,
    devices: Vec<DeviceCard>,
    accounts: Vec<String>,
    links: Vec<LinkLine>,
    /// Since when its phones are switched off.
    phones_off: Option<When>,
    problem: String,
    name: Input,
    email: Input,
}

/// One device with both records.
struct DeviceCard {
    id: i64,
    name: String,
    key: String,
    presence: Badge,
    reason: String,
    first_seen: When,
    last_seen: When,
    binding: Option<BindingCard>,
    target: Option<TargetCard>,
    /// Pushes end with the registration (push policy `rfc8599`).
    strict: bool,
    wake: Option<WakeCard>,
    /// What its app says over the device API.
    app: Option<AppCard>,
    /// Why it is to fetch its settings again, and what to do.
    mark: Option<MarkCard>,
}

struct MarkCard {
    text: String,
    by_itself: bool,
}

struct AppCard {
    phone: String,
    version: String,
    activity: &'static str,
    current: bool,
    seen: When,
    problems: Vec<String>,
}

struct BindingCard {
    live: bool,
    state: Badge,
    transport: &'static str,
    /// Further connections (RFC 5626).
    spare_flows: usize,
    suspect: bool,
    remote: String,
    contact: String,
    user_agent: String,
    since: When,
    expires: When,
}

struct TargetCard {
    state: Badge,
    provider: &'static str,
    app_id: String,
    environment: &'static str,
    call_token: String,
    notice_token: String,
    learned: When,
    /// The provider's complaint.
    why: String,
    /// Who switched it off; empty when it is on.
    switched_off: &'static str,
    on: bool,
    /// Why it cannot be pushed, with the fix; empty when a credential covers it.
    obstacle: String,
}

struct WakeCard {
    at: When,
    kind: &'static str,
    outcome: String,
    woke_after: String,
    accepted: bool,
}

pub(super) struct LinkLine {
    pub(super) id: String,
    pub(super) label: String,
    pub(super) state: Badge,
    pub(super) open: bool,
    pub(super) expires: When,
}

fn binding_card(binding: LiveBindingSummary, now: pbx_core::model::UnixMillis) -> BindingCard {
    BindingCard {
        live: is_live(binding.state),
        state: words::binding(binding.state),
        transport: words::transport(binding.transport),
        spare_flows: binding.spare_flows,
        suspect: binding.suspect,
        remote: binding.remote.to_string(),
        contact: binding.contact,
        user_agent: binding.user_agent,
        since: When::exact(binding.since),
        expires: When::relative(binding.expires_at, now),
    }
}

fn target_card(target: &WakeTarget, state: Badge, credentials: &[CredentialSummary]) -> TargetCard {
    let shown = |token: &Option<pbx_core::model::Redacted<String>>| {
        token.as_ref().map_or_else(|| t("words-none-fingerprint").to_owned(), |token| fingerprint(token.reveal()))
    };
    TargetCard {
        state,
        provider: words::provider(target.provider),
        app_id: target.app_id.clone(),
        environment: words::environment(target.environment),
        call_token: shown(&target.call_token),
        notice_token: shown(&target.notice_token),
        learned: When::exact(target.learned_at),
        why: words::sentence(complaint(&target.health)),
        switched_off: target.switched_off.map_or("", words::switched_off),
        on: target.switched_off.is_none(),
        obstacle: obstacle(credentials, target).map(|it| words::sentence(&it.line())).unwrap_or_default(),
    }
}

fn wake_card(wake: LastWake, now: pbx_core::model::UnixMillis) -> WakeCard {
    WakeCard {
        at: When::relative(wake.at, now),
        kind: words::kind(wake.kind),
        outcome: words::sentence(&wake.outcome),
        woke_after: wake.woke_after_ms.map(clock::span).unwrap_or_default(),
        accepted: wake.accepted,
    }
}

fn device_card(device: DeviceSummary, credentials: &[CredentialSummary], marks: &Marks) -> DeviceCard {
    let now = clock::now();
    let mark = marks.of(&device, credentials).map(|mark| MarkCard {
        text: words::sentence(
            &say("extension-it-needs-its-settings-again").with("text", &mark.text).with("fix", &mark.fix).text(),
        ),
        by_itself: mark.by_itself,
    });
    let device = honest(device, credentials);
    let state = words::wake(device.wake_state);
    DeviceCard {
        id: device.id.0,
        name: words::device_name(&device.user_agent, device.id),
        key: device.key.to_string(),
        presence: words::presence(device.presence),
        reason: words::sentence(&device.reason),
        first_seen: When::exact(device.first_seen_at),
        last_seen: When::relative(device.last_seen_at, now),
        binding: device.live_binding.map(|binding| binding_card(binding, now)),
        target: device.wake_target.as_ref().map(|target| target_card(target, state, credentials)),
        strict: device.push_policy == PushPolicy::Rfc8599,
        wake: device.last_wake.map(|wake| wake_card(wake, now)),
        app: None,
        mark,
    }
}

/// Puts beside each device what its app says; the instance id is what both are known by.
fn with_apps(mut devices: Vec<DeviceCard>, apps: Vec<InstallationView>) -> Vec<DeviceCard> {
    for app in apps {
        let key = DeviceKey::from_instance(&app.instance);
        if let Some(card) = devices.iter_mut().find(|card| card.key == key.as_str()) {
            card.app = Some(app_card(app));
        }
    }
    devices
}

fn app_card(app: InstallationView) -> AppCard {
    let record = app.record;
    AppCard {
        phone: say("extension-on")
            .with("model", &record.model)
            .with("platform", &record.platform.words())
            .with("os-version", &record.os_version)
            .text()
            .trim()
            .to_owned(),
        version: format!("{} {}", record.app_id, record.app_version).trim().to_owned(),
        activity: match record.in_front {
            Some(true) => t("extension-in-front-of-its-user"),
            Some(false) => t("extension-in-the-background"),
            None => t("extension-has-not-said"),
        },
        current: app.profile_current,
        seen: When::relative(app.seen_at, clock::now()),
        problems: app.problems.iter().map(|problem| words::sentence(problem.text)).collect(),
    }
}

/// A link's state in words.
pub(crate) fn link_badge(state: EnrolmentState) -> Badge {
    match state {
        EnrolmentState::Issued => Badge::new("push", "◐", t("extension-waits-for-a-phone")),
        EnrolmentState::Claimed { .. } => Badge::new("ok", "●", t("extension-paired")),
        EnrolmentState::Expired => Badge::new("off", "○", t("extension-expired")),
        EnrolmentState::Revoked { .. } => Badge::new("off", "✕", t("extension-revoked")),
    }
}

pub(super) fn link_line(link: Enrolment) -> LinkLine {
    LinkLine {
        id: link.id.to_string(),
        label: language::retold(link.label.as_str()).into_owned(),
        state: link_badge(link.state),
        open: matches!(link.state, EnrolmentState::Issued),
        expires: When::relative(link.expires_at, clock::now()),
    }
}

/// The number in a path; what is no number is not found.
pub(crate) fn in_path(text: &str) -> Result<ExtensionNumber, Refusal> {
    text.parse().map_err(|_| Refusal::not_found("no_such_extension", t("extension-there-is-no-such-extension")))
}

pub(crate) async fn page(State(state): State<AdminState>, frame: Frame, Path(text): Path<String>) -> Page {
    let detail = show(&state, in_path(&text)?).await?;
    let form = OwnerForm::of(&detail);
    filled(&state, &frame, detail, (&form, &Errors::default())).await
}

async fn filled(
    state: &AdminState,
    frame: &Frame,
    detail: ExtensionDetail,
    (form, errors): (&OwnerForm, &Errors),
) -> Page {
    let credentials = state.push.list_credentials().await?;
    let apps = installations::views(state, Some(detail.line.extension.number)).await?;
    let marks = Marks::load(state, Some(detail.line.extension.number)).await?;
    let extension = detail.line.extension;
    let mut links = state.enrolments.list(extension.number).await?;
    links.retain(|link| matches!(link.state, EnrolmentState::Issued | EnrolmentState::Claimed { .. }));
    let testable = detail.device_list.iter().any(|device| device.wake_target.is_some());
    Ok(render(&ExtensionPage {
        layout: frame.layout(say("extension-extension").with("number", &extension.number).text(), Menu::Extensions),
        number: extension.number,
        owner: extension.name.to_string(),
        presence: words::presence(detail.line.presence),
        reason: words::sentence(&detail.line.reason),
        push_enabled: extension.push_enabled,
        testable,
        mailable: extension.email.is_some(),
        devices: with_apps(
            detail.device_list.into_iter().map(|device| device_card(device, &credentials, &marks)).collect(),
            apps,
        ),
        accounts: detail.accounts.iter().map(ToString::to_string).collect(),
        links: links.into_iter().map(link_line).collect(),
        phones_off: extension.phones_off_at.map(|at| When::relative(at, clock::now())),
        problem: errors.of(""),
        name: Input::new("name", t("common-name"), &form.name, errors)
            .hint(t("extension-shown-on-the-phones-that-are"))
            .more("autocomplete=off maxlength=64"),
        email: Input::new("email", t("extension-mail-address-optional"), &form.email, errors)
            .kind("email")
            .more("autocomplete=off"),
    }))
}

pub(crate) async fn change(
    State(state): State<AdminState>,
    frame: Frame,
    Path(text): Path<String>,
    Form(form): Form<OwnerForm>,
) -> Page {
    let number = in_path(&text)?;
    let mut errors = Errors::default();
    let name = kept(display_name(&form.name), &mut errors)?;
    let email = kept(email(&form.email), &mut errors)?;
    if errors.is_empty() {
        let change = ExtensionChange { name, email, push_enabled: None };
        match state.switchboard.ask(Command::ChangeExtension { number, change }).await {
            Ok(_) => return go(&format!("/extensions/{number}?done=saved")),
            Err(error) => errors.take(error.into())?,
        }
    }
    let detail = show(&state, number).await?;
    let shown = filled(&state, &frame, detail, (&form, &errors)).await?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, shown).into_response())
}

/// A switch: the wanted state, not "the other one", so that a double click does no harm.
#[derive(Debug, Deserialize)]
pub(crate) struct SwitchForm {
    pub(crate) enabled: bool,
}

pub(crate) async fn switch_push(
    State(state): State<AdminState>,
    Path(text): Path<String>,
    Form(form): Form<SwitchForm>,
) -> Page {
    let number = in_path(&text)?;
    let change = ExtensionChange { push_enabled: Some(form.enabled), ..ExtensionChange::default() };
    state.switchboard.ask(Command::ChangeExtension { number, change }).await?;
    let done = if form.enabled { "push-on" } else { "push-off" };
    go(&format!("/extensions/{number}?done={done}"))
}

pub(crate) async fn test_push(State(state): State<AdminState>, frame: Frame, Path(text): Path<String>) -> Page {
    let number = in_path(&text)?;
    match state.switchboard.ask(Command::TestPush(number)).await {
        Ok(_) => go(&format!("/extensions/{number}?done=test-sent")),
        Err(error @ (CommandError::NothingToPush(_) | CommandError::PhonesOff(_))) => {
            let detail = show(&state, number).await?;
            let form = OwnerForm::of(&detail);
            let mut errors = Errors::default();
            errors.put("", error.to_string());
            let shown = filled(&state, &frame, detail, (&form, &errors)).await?;
            Ok((StatusCode::CONFLICT, shown).into_response())
        }
        Err(error) => Err(error.into()),
    }
}

pub(crate) async fn test_call(State(state): State<AdminState>, frame: Frame, Path(text): Path<String>) -> Page {
    let number = in_path(&text)?;
    match ring(&state, number).await {
        Ok(call) => go(&format!("/calls/{call}?done=test-call")),
        Err(refusal) if refusal.status == StatusCode::CONFLICT => {
            let detail = show(&state, number).await?;
            let form = OwnerForm::of(&detail);
            let mut errors = Errors::default();
            errors.put("", refusal.detail);
            let shown = filled(&state, &frame, detail, (&form, &errors)).await?;
            Ok((StatusCode::CONFLICT, shown).into_response())
        }
        Err(refusal) => Err(refusal.into()),
    }
}

pub(crate) async fn confirm_secret(State(state): State<AdminState>, frame: Frame, Path(text): Path<String>) -> Page {
    let number = in_path(&text)?;
    show(&state, number).await?;
    let confirm = Confirm {
        layout: frame.layout(say("extension-make-a-new-secret-for").with("number", &number).text(), Menu::Extensions),
        lines: vec![
            say("extension-a-desk-phone-that-was-set").with("number", &number).text(),
            t("extension-phones-that-were-added-by-qr").into(),
        ],
        action: format!("/extensions/{number}/secret"),
        fields: Vec::new(),
        button: t("extension-make-a-new-secret"),
        back: format!("/extensions/{number}"),
    };
    Ok(confirm.page())
}

pub(crate) async fn renew_secret(State(state): State<AdminState>, frame: Frame, Path(text): Path<String>) -> Page {
    let shown = adding::renew_secret(&state, in_path(&text)?, None).await?;
    let layout = frame.layout(say("extension-new-secret-for").with("number", &shown.number).text(), Menu::Extensions);
    Ok(shown_once(&state, layout, shown, false))
}

pub(crate) async fn confirm_remove(State(state): State<AdminState>, frame: Frame, Path(text): Path<String>) -> Page {
    let detail = show(&state, in_path(&text)?).await?;
    let (number, devices) = (detail.line.extension.number, detail.line.devices);
    let phones = match devices {
        0 => t("extension-no-phone-is-attached-to-it").to_owned(),
        1 => t("extension-the-phone-attached-to-it-is").to_owned(),
        more => say("extension-the-phones-attached-to-it-are").with("more", &more).text(),
    };
    let confirm = Confirm {
        layout: frame.layout(say("extension-remove-extension").with("number", &number).text(), Menu::Extensions),
        lines: vec![
            phones,
            t("extension-its-calls-end-now-the-call").into(),
            t("extension-this-cannot-be-undone").into(),
        ],
        action: format!("/extensions/{number}/remove"),
        fields: Vec::new(),
        button: t("extension-remove-the-extension"),
        back: format!("/extensions/{number}"),
    };
    Ok(confirm.page())
}

pub(crate) async fn remove(State(state): State<AdminState>, Path(text): Path<String>) -> Page {
    state.switchboard.ask(Command::RemoveExtension(in_path(&text)?)).await?;
    go("/extensions?done=removed")
}
