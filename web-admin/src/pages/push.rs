//! `/push`: the credentials that let Nightbell wake phones, with a live check.

use askama::Template;
use axum::extract::{Path, State};
use push_module::{
    ApnsEnvironment, CheckOutcome, CredentialError, CredentialId, CredentialKind, CredentialSummary, ProviderHealth,
};

use super::confirm::Confirm;
use super::push_health::{AlarmView, alarm_view, circuit_badge, percent};
use super::{Page, go};
use crate::advice::{self, Finding};
use crate::clock;
use crate::error::render;
use crate::layout::{Frame, Layout, Menu};
use crate::state::AdminState;
use crate::words::{self, Badge, When};
use crate::{say, t};

#[derive(Template)]
#[template(path = "push.html")]
struct PushPage {
    layout: Layout,
    tab: &'static str,
    cards: Vec<CredentialCard>,
    /// Findings that a credential would cure.
    lacking: Vec<Finding>,
}

struct CredentialCard {
    id: i64,
    label: String,
    provider: &'static str,
    badge: Badge,
    facts: Vec<(&'static str, String)>,
    fingerprint: String,
    uploaded: When,
    check: Option<CheckCard>,
    last_success: Option<When>,
    last_failure: Option<When>,
    success: String,
    circuit: Badge,
    ends: Option<(When, &'static str)>,
    waiting: usize,
    alarms: Vec<AlarmView>,
}

struct CheckCard {
    at: When,
    badge: Badge,
    text: String,
}

fn check_card(check: &CheckOutcome) -> CheckCard {
    let badge = if check.ok {
        Badge::new("ok", "✓", t("push-health-accepted"))
    } else {
        Badge::new("bad", "✕", t("push-failed"))
    };
    CheckCard { at: When::relative(check.at, clock::now()), badge, text: words::sentence(&check.text) }
}

fn card(credential: CredentialSummary, health: &[ProviderHealth]) -> CredentialCard {
    let health = health.iter().find(|health| health.id == credential.id);
    let apps = if credential.app_ids.is_empty() { t("words-any").to_owned() } else { credential.app_ids.join(", ") };
    let mut facts = vec![(t("common-apps"), apps)];
    let optional = [
        (t("push-key-id"), credential.key_id),
        (t("push-team-id"), credential.team_id),
        (t("push-project"), credential.project_id),
        (t("push-service-account"), credential.client_email),
        (t("extension-contact"), credential.contact),
        (t("push-public-key-for-apps-applicationserverkey"), credential.public_key),
        (t("push-topics"), credential.topics.map(|topics| topics.join(", "))),
        (
            t("extension-environment"),
            credential.environment.map(|environment| environment_words(environment).to_owned()),
        ),
    ];
    facts.extend(optional.into_iter().filter_map(|(name, value)| Some((name, value?))));
    let endpoints = credential.endpoints.join(", ");
    match credential.provider {
        CredentialKind::Apns
        | CredentialKind::Fcm
        | CredentialKind::Hms
        | CredentialKind::Webhook
        | CredentialKind::Acrobits => facts.push((t("push-reached-at"), endpoints)),
        CredentialKind::WebPush if endpoints.is_empty() => {}
        CredentialKind::WebPush => facts.push((t("push-hosts-that-may-be-in-a"), endpoints)),
    }
    CredentialCard {
        id: credential.id.0,
        label: credential.label,
        provider: words::credential_kind(credential.provider),
        badge: words::credential(&credential.state),
        facts,
        fingerprint: credential.fingerprint,
        uploaded: When::exact(credential.uploaded_at),
        check: credential.last_check.as_ref().map(check_card),
        last_success: health.and_then(|health| health.last_success).map(|at| When::relative(at, clock::now())),
        last_failure: health
            .and_then(|health| health.last_failure.as_ref())
            .map(|failure| When::relative(failure.at, clock::now())),
        success: percent(health.and_then(|health| health.success_percent).map(u64::from)),
        circuit: circuit_badge(health.map(|health| health.circuit).unwrap_or_default()),
        ends: health.and_then(|health| Some((When::exact(health.expires_at?), words::certificate(health.ending?)))),
        waiting: health.map_or(0, |health| health.waiting + health.sending),
        alarms: health.map(|health| health.alarms.iter().map(alarm_view).collect()).unwrap_or_default(),
    }
}

fn environment_words(environment: ApnsEnvironment) -> &'static str {
    match environment {
        ApnsEnvironment::Production => t("words-production"),
        ApnsEnvironment::Sandbox => t("push-sandbox-test-builds"),
        ApnsEnvironment::Both => t("push-production-and-sandbox"),
    }
}

pub(crate) async fn page(State(state): State<AdminState>, frame: Frame) -> Page {
    let facts = advice::facts(&state).await?;
    let mut lacking = advice::findings(&facts);
    lacking.retain(|finding| finding.code.starts_with("no_credential") || finding.code == "credential_unreadable");
    let health = state.push.health();
    let cards = facts.credentials.into_iter().map(|credential| card(credential, &health)).collect();
    Ok(render(&PushPage { layout: frame.layout(t("common-push"), Menu::Push), tab: "credentials", cards, lacking }))
}

pub(crate) async fn check(State(state): State<AdminState>, Path(id): Path<i64>) -> Page {
    state.push.check_credential(CredentialId(id)).await?;
    go("/push?done=checked")
}

pub(crate) async fn confirm_remove(State(state): State<AdminState>, frame: Frame, Path(id): Path<i64>) -> Page {
    let found = state.push.list_credentials().await?.into_iter().find(|credential| credential.id.0 == id);
    let credential = found.ok_or(CredentialError::NotFound(CredentialId(id)))?;
    let confirm = Confirm {
        layout: frame.layout(t("push-remove-this-push-credential"), Menu::Push),
        lines: vec![
            say("push-phones-that-use-can-no-longer").with("label", &credential.label).text(),
            match credential.provider {
                CredentialKind::Apns | CredentialKind::Fcm | CredentialKind::Hms | CredentialKind::Webhook => {
                    t("push-the-key-itself-is-deleted-here")
                }
                CredentialKind::Acrobits => t("push-the-tokens-that-phones-reported-are"),
                CredentialKind::WebPush => t("push-the-key-for-web-push-is"),
            }
            .into(),
        ],
        action: format!("/push/{id}/remove"),
        fields: Vec::new(),
        button: t("push-remove-the-credential"),
        back: "/push".into(),
    };
    Ok(confirm.page())
}

pub(crate) async fn remove(State(state): State<AdminState>, Path(id): Path<i64>) -> Page {
    state.push.remove_credential(CredentialId(id)).await?;
    go("/push?done=removed")
}
