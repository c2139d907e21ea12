//! `/event-webhooks`: programs that are told what happens to calls and phones.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::confirm::Confirm;
use super::{Page, go};
use crate::clock;
use crate::error::{Refusal, render};
use crate::event_webhooks::event::EventKind;
use crate::event_webhooks::{
    self, DeliveryState, EventWebhookChange, Made, NewEventWebhook, Receiver, SHOWN, Tested, store,
};
use crate::form::{Errors, Input};
use crate::layout::{Frame, Layout, Menu};
use crate::state::AdminState;
use crate::words::{Badge, When, sentence};
use crate::{say, t};

#[derive(Template)]
#[template(path = "event_webhooks.html")]
struct ListPage {
    layout: Layout,
    lines: Vec<Line>,
}

struct Line {
    id: i64,
    name: String,
    url: String,
    events: String,
    badge: Badge,
    why: String,
    last: Option<When>,
}

fn badge(receiver: &Receiver) -> Badge {
    match (receiver.enabled, receiver.failing_since, receiver.last_success_at) {
        (false, _, _) if receiver.disabled_why.is_empty() => Badge::new("off", "○", t("event-webhooks-switched-off")),
        (false, _, _) => Badge::new("bad", "✕", t("event-webhooks-switched-off-by-itself")),
        (true, Some(_), _) => Badge::new("warn", "▲", t("event-webhooks-takes-nothing")),
        (true, None, Some(_)) => Badge::new("ok", "●", t("event-webhooks-working")),
        (true, None, None) => Badge::new("off", "○", t("event-webhooks-nothing-sent-yet")),
    }
}

fn events_in_words(events: &[EventKind]) -> String {
    if events.len() == EventKind::ALL.len() {
        return t("words-everything").to_owned();
    }
    events.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(", ")
}

pub(crate) async fn page(State(state): State<AdminState>, frame: Frame) -> Page {
    let now = clock::now();
    let line = |it: Receiver| Line {
        badge: badge(&it),
        events: events_in_words(&it.events),
        why: sentence(&it.disabled_why),
        last: it.last_success_at.map(|at| When::relative(at, now)),
        id: it.id,
        name: it.name,
        url: it.url,
    };
    let lines = store::list(&state.store).await?.into_iter().map(line).collect();
    Ok(render(&ListPage { layout: frame.layout(t("common-event-webhooks"), Menu::Settings), lines }))
}

/// Fields of the form by name; kinds of events are check boxes of their own.
type Fields = BTreeMap<String, String>;

/// The form with what was typed; the same for a new receiver and for one that is there.
struct FormView {
    problem: String,
    events_problem: String,
    inputs: Vec<Input>,
    events: Vec<Input>,
    allow_private: Input,
    authority: Input,
}

/// The check box of a kind.
const fn box_of(kind: EventKind) -> &'static str {
    match kind {
        EventKind::CallIncoming => "call_incoming",
        EventKind::CallRinging => "call_ringing",
        EventKind::CallAnswered => "call_answered",
        EventKind::CallMissed => "call_missed",
        EventKind::CallEnded => "call_ended",
        EventKind::DeviceRegistered => "device_registered",
        EventKind::DeviceUnregistered => "device_unregistered",
        EventKind::PushFailed => "device_push_failed",
        EventKind::TokenRevoked => "device_token_revoked",
        EventKind::CredentialAlarm => "credential_alarm",
    }
}

fn form_view(fields: &Fields, errors: &Errors) -> FormView {
    let value = |name: &str| fields.get(name).cloned().unwrap_or_default();
    let plain = "autocomplete=off autocapitalize=none spellcheck=false";
    FormView {
        problem: errors.of(""),
        events_problem: errors.of("events"),
        inputs: vec![
            Input::new("url", t("event-webhooks-address-of-the-receiver"), value("url"), errors)
                .hint(t("event-webhooks-for-example-https-crm-example-com"))
                .kind("url")
                .more("autocomplete=off required"),
            Input::new("name", t("event-webhooks-name-optional"), value("name"), errors)
                .hint(t("event-webhooks-what-it-is-for-empty-for"))
                .more("autocomplete=off maxlength=64"),
        ],
        events: EventKind::ALL
            .map(|kind| Input::new(box_of(kind), kind.words(), value(box_of(kind)), errors).kind("checkbox"))
            .to_vec(),
        allow_private: Input::new(
            "allow_private",
            t("event-webhooks-the-receiver-is-in-this-office"),
            value("allow_private"),
            errors,
        )
        .kind("checkbox"),
        authority: Input::new(
            "authority",
            t("event-webhooks-certificate-authority-optional"),
            value("authority"),
            errors,
        )
        .hint(t("event-webhooks-pem-text-only-for-a-receiver"))
        .rows(4)
        .more(plain),
    }
}

fn given(fields: &Fields) -> NewEventWebhook {
    let value = |name: &str| fields.get(name).cloned().unwrap_or_default();
    NewEventWebhook {
        name: value("name"),
        url: value("url"),
        events: EventKind::ALL.into_iter().filter(|kind| value(box_of(*kind)) == "on").collect(),
        allow_private: value("allow_private") == "on",
        authority: value("authority"),
    }
}

fn typed(receiver: &Receiver) -> Fields {
    let mut fields = Fields::from([
        ("name".to_owned(), receiver.name.clone()),
        ("url".to_owned(), receiver.url.clone()),
        ("authority".to_owned(), receiver.authority.clone()),
    ]);
    let ticked = receiver.events.iter().map(|kind| box_of(*kind));
    let private = receiver.allow_private.then_some("allow_private");
    fields.extend(ticked.chain(private).map(|name| (name.to_owned(), "on".to_owned())));
    fields
}

#[derive(Template)]
#[template(path = "event_webhook_add.html")]
struct AddPage {
    layout: Layout,
    form: FormView,
}

fn add_page(frame: &Frame, fields: &Fields, errors: &Errors) -> Response {
    render(&AddPage {
        layout: frame.layout(t("event-webhooks-add-an-event-webhook"), Menu::Settings),
        form: form_view(fields, errors),
    })
}

pub(crate) async fn add_form(frame: Frame) -> Page {
    let usual = [EventKind::CallAnswered, EventKind::CallMissed, EventKind::CallEnded];
    let fields = usual.map(|kind| (box_of(kind).to_owned(), "on".to_owned())).into();
    Ok(add_page(&frame, &fields, &Errors::default()))
}

#[derive(Template)]
#[template(path = "event_webhook_secret.html")]
struct SecretPage {
    layout: Layout,
    id: i64,
    secret: String,
    old_until: Option<When>,
}

fn secret_page(frame: &Frame, made: Made) -> Response {
    let Made { receiver, secret } = made;
    render(&SecretPage {
        layout: frame.layout(say("event-webhooks-the-secret-for").with("name", &receiver.name).text(), Menu::Settings),
        id: receiver.id,
        secret: secret.into_inner(),
        old_until: receiver.old_until.map(When::exact),
    })
}

pub(crate) async fn add(State(state): State<AdminState>, frame: Frame, Form(fields): Form<Fields>) -> Page {
    match event_webhooks::add(&state, given(&fields)).await {
        Ok(made) => Ok(secret_page(&frame, made)),
        Err(refusal) => {
            let mut errors = Errors::default();
            errors.take(refusal)?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, add_page(&frame, &fields, &errors)).into_response())
        }
    }
}

#[derive(Template)]
#[template(path = "event_webhook.html")]
struct OnePage {
    layout: Layout,
    id: i64,
    badge: Badge,
    why: String,
    enabled: bool,
    /// How long it has taken nothing.
    failing_for: Option<String>,
    days: u64,
    fingerprint: String,
    secret_at: When,
    old_until: Option<When>,
    waiting: i64,
    tested: Option<Tested>,
    deliveries: Vec<DeliveryLine>,
    form: FormView,
}

struct DeliveryLine {
    kind: String,
    badge: Badge,
    detail: String,
    at: When,
    attempts: i64,
}

async fn shown(
    state: &AdminState,
    frame: &Frame,
    id: i64,
    (fields, errors, tested): (Option<Fields>, &Errors, Option<Tested>),
) -> Result<Response, Refusal> {
    let receiver = event_webhooks::one(state, id).await?;
    let (deliveries, waiting) = store::deliveries(&state.store, id, SHOWN).await?;
    let now = clock::now();
    let line = |it: event_webhooks::Delivery| DeliveryLine {
        badge: match it.state {
            DeliveryState::Queued if it.attempts > 0 => Badge::new("push", "◐", t("event-webhooks-tried-again")),
            DeliveryState::Queued => Badge::new("push", "◐", t("event-webhooks-waits")),
            DeliveryState::Delivered => Badge::new("ok", "✓", t("event-webhooks-delivered")),
            DeliveryState::Failed => Badge::new("bad", "✕", t("event-webhooks-given-up")),
            DeliveryState::Dropped => Badge::new("bad", "✕", t("event-webhooks-pushed-out")),
        },
        detail: sentence(&it.detail),
        at: When::relative(it.ended_at.unwrap_or(it.created_at), now),
        attempts: it.attempts,
        kind: it.kind,
    };
    Ok(render(&OnePage {
        layout: frame.layout(receiver.name.clone(), Menu::Settings),
        id,
        badge: badge(&receiver),
        why: sentence(&receiver.disabled_why),
        enabled: receiver.enabled,
        failing_for: receiver
            .failing_since
            .map(|at| clock::span(u64::try_from(now.since(at).as_millis()).unwrap_or(u64::MAX))),
        days: event_webhooks::DISABLE_AFTER.as_secs() / 86_400,
        fingerprint: receiver.key.as_ref().map(|key| key.fingerprint().to_owned()).unwrap_or_default(),
        secret_at: When::exact(receiver.secret_at),
        old_until: receiver.old_until.filter(|until| *until > now).map(When::exact),
        waiting,
        tested,
        deliveries: deliveries.into_iter().map(line).collect(),
        form: form_view(&fields.unwrap_or_else(|| typed(&receiver)), errors),
    }))
}

pub(crate) async fn one(State(state): State<AdminState>, frame: Frame, Path(id): Path<i64>) -> Page {
    Ok(shown(&state, &frame, id, (None, &Errors::default(), None)).await?)
}

pub(crate) async fn change(
    State(state): State<AdminState>,
    frame: Frame,
    Path(id): Path<i64>,
    Form(fields): Form<Fields>,
) -> Page {
    let new = given(&fields);
    let change = EventWebhookChange {
        name: Some(new.name),
        url: Some(new.url),
        events: Some(new.events),
        allow_private: Some(new.allow_private),
        authority: Some(new.authority),
        enabled: None,
    };
    match event_webhooks::change(&state, id, change).await {
        Ok(_) => go(&format!("/event-webhooks/{id}?done=saved")),
        Err(refusal) => {
            let mut errors = Errors::default();
            errors.take(refusal)?;
            let page = shown(&state, &frame, id, (Some(fields), &errors, None)).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
    }
}

pub(crate) async fn switch(State(state): State<AdminState>, Path(id): Path<i64>, Form(fields): Form<Fields>) -> Page {
    let enabled = Some(fields.get("enabled").is_some_and(|value| value == "on"));
    event_webhooks::change(&state, id, EventWebhookChange { enabled, ..EventWebhookChange::default() }).await?;
    go(&format!("/event-webhooks/{id}?done=saved"))
}

pub(crate) async fn test(State(state): State<AdminState>, frame: Frame, Path(id): Path<i64>) -> Page {
    let tested = event_webhooks::test(&state, id).await?;
    Ok(shown(&state, &frame, id, (None, &Errors::default(), Some(tested))).await?)
}

pub(crate) async fn confirm_rotate(State(state): State<AdminState>, frame: Frame, Path(id): Path<i64>) -> Page {
    let receiver = event_webhooks::one(&state, id).await?;
    let confirm = Confirm {
        fields: Vec::new(),
        layout: frame.layout(t("event-webhooks-make-a-new-secret"), Menu::Settings),
        lines: vec![say("event-webhooks-gets-a-new-secret-which-is").with("name", &receiver.name).text()],
        action: format!("/event-webhooks/{id}/secret"),
        button: t("event-webhooks-renew-secret"),
        back: format!("/event-webhooks/{id}"),
    };
    Ok(confirm.page())
}

pub(crate) async fn rotate(State(state): State<AdminState>, frame: Frame, Path(id): Path<i64>) -> Page {
    Ok(secret_page(&frame, event_webhooks::rotate(&state, id).await?))
}

pub(crate) async fn confirm_remove(State(state): State<AdminState>, frame: Frame, Path(id): Path<i64>) -> Page {
    let receiver = event_webhooks::one(&state, id).await?;
    let confirm = Confirm {
        fields: Vec::new(),
        layout: frame.layout(t("event-webhooks-remove-this-event-webhook"), Menu::Settings),
        lines: vec![say("event-webhooks-is-told-nothing-any-more-and").with("name", &receiver.name).text()],
        action: format!("/event-webhooks/{id}/remove"),
        button: t("event-webhooks-remove-it"),
        back: format!("/event-webhooks/{id}"),
    };
    Ok(confirm.page())
}

pub(crate) async fn remove(State(state): State<AdminState>, Path(id): Path<i64>) -> Page {
    event_webhooks::remove(&state, id).await?;
    go("/event-webhooks?done=removed")
}
