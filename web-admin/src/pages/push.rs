//! `/push`: the credentials that let Nightbell wake phones, with a live check.

use askama::Template;
use axum::extract::{Multipart, Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use push_module::{
    ApnsEnvironment, CheckOutcome, CredentialError, CredentialId, CredentialState, CredentialSummary, Endpoint,
    NewApnsKey, NewCredential, NewFcmAccount, ProviderHealth,
};

use super::confirm::Confirm;
use super::{Page, go};
use crate::advice::{self, Finding};
use crate::clock;
use crate::error::{Refusal, render};
use crate::form::{Errors, Input, Parts};
use crate::layout::{Frame, Layout, Menu};
use crate::state::AdminState;
use crate::words::{self, Badge, When};

#[derive(Template)]
#[template(path = "push.html")]
struct PushPage {
    layout: Layout,
    cards: Vec<CredentialCard>,
    /// Findings that a credential would cure.
    lacking: Vec<Finding>,
}

struct CredentialCard {
    id: i64,
    label: String,
    provider: &'static str,
    badge: Badge,
    /// Why it fails; empty otherwise.
    failing: String,
    facts: Vec<(&'static str, String)>,
    fingerprint: String,
    uploaded: When,
    check: Option<CheckCard>,
    last_success: Option<When>,
    waiting: usize,
}

struct CheckCard {
    at: When,
    badge: Badge,
    text: String,
}

fn check_card(check: &CheckOutcome) -> CheckCard {
    let badge = if check.ok { Badge::new("ok", "✓", "Accepted") } else { Badge::new("bad", "✕", "Failed") };
    CheckCard { at: When::relative(check.at, clock::now()), badge, text: words::sentence(&check.text) }
}

fn card(credential: CredentialSummary, health: &[ProviderHealth]) -> CredentialCard {
    let health = health.iter().find(|health| health.id == credential.id);
    let apps = if credential.app_ids.is_empty() { "any".to_owned() } else { credential.app_ids.join(", ") };
    let mut facts = vec![("Apps", apps)];
    let optional = [
        ("Key id", credential.key_id),
        ("Team id", credential.team_id),
        ("Project", credential.project_id),
        ("Service account", credential.client_email),
        ("Environment", credential.environment.map(|environment| environment_words(environment).to_owned())),
    ];
    facts.extend(optional.into_iter().filter_map(|(name, value)| Some((name, value?))));
    facts.push(("Reached at", credential.endpoints.join(", ")));
    CredentialCard {
        id: credential.id.0,
        label: credential.label,
        provider: words::provider(credential.provider),
        badge: words::credential(&credential.state),
        failing: match credential.state {
            CredentialState::Failing { text, .. } => words::sentence(&text),
            CredentialState::Untried | CredentialState::Working => String::new(),
        },
        facts,
        fingerprint: credential.fingerprint,
        uploaded: When::exact(credential.uploaded_at),
        check: credential.last_check.as_ref().map(check_card),
        last_success: health.and_then(|health| health.last_success).map(|at| When::relative(at, clock::now())),
        waiting: health.map_or(0, |health| health.waiting + health.sending),
    }
}

const fn environment_words(environment: ApnsEnvironment) -> &'static str {
    match environment {
        ApnsEnvironment::Production => "production",
        ApnsEnvironment::Sandbox => "sandbox (test builds)",
        ApnsEnvironment::Both => "production and sandbox",
    }
}

pub(crate) async fn page(State(state): State<AdminState>, frame: Frame) -> Page {
    let facts = advice::facts(&state).await?;
    let mut lacking = advice::findings(&facts);
    lacking.retain(|finding| finding.code == "app_without_credential");
    let health = state.push.health();
    let cards = facts.credentials.into_iter().map(|credential| card(credential, &health)).collect();
    Ok(render(&PushPage { layout: frame.layout("Push", Menu::Push), cards, lacking }))
}

#[derive(Template)]
#[template(path = "push_form.html")]
struct FormPage {
    layout: Layout,
    apns: bool,
    problem: String,
    /// The usual fields, in order; the file field stands in the template.
    inputs: Vec<Input>,
    /// The key's own error, shown at the file.
    key_error: String,
    paste: Input,
    advanced: Vec<Input>,
    advanced_open: bool,
}

const CA_HINT: &str = "PEM. Only for a proxy that opens TLS, or for a test stand-in.";

fn apns_page(layout: Layout, parts: &Parts, errors: &Errors) -> FormPage {
    let text = |name, label| Input::new(name, label, parts.text(name), errors);
    let code = "autocomplete=off autocapitalize=characters spellcheck=false required minlength=10 maxlength=10";
    let advanced = vec![
        text("production_url", "Production host").hint(
            "Empty means https://api.push.apple.com. Port 2197 is Apple's other one: https://api.push.apple.com:2197",
        ),
        text("sandbox_url", "Sandbox host").hint("Empty means https://api.sandbox.push.apple.com."),
        text("extra_ca_pem", "Additional trusted root").hint(CA_HINT).rows(4).more("spellcheck=false"),
    ];
    FormPage {
        apns: true,
        problem: errors.of(""),
        inputs: vec![
            text("label", "Name (optional)").hint("For this page, for example the name of the app.").more("maxlength=64 autocomplete=off"),
            text("key_id", "Key id").hint("Ten characters, part of the file's name: AuthKey_XXXXXXXXXX.p8.").more(code),
            text("team_id", "Team id").hint("Ten characters, at Apple under Membership.").more(code),
            text("bundle_ids", "Bundle ids")
                .hint("One for each app this key may wake, for example com.example.app, separated by blanks or commas; without “.voip”. Empty means any app of the team.")
                .more("autocomplete=off autocapitalize=none spellcheck=false"),
            text("environment", "Where the key is valid").choices(&[
                ("both", "production and sandbox"),
                ("production", "production only (App Store, TestFlight)"),
                ("sandbox", "sandbox only (builds run from Xcode)"),
            ]),
        ],
        key_error: errors.of("p8"),
        paste: Input::new("p8", "or paste its text", "", &Errors::default())
            .rows(5)
            .more("spellcheck=false autocapitalize=none autocomplete=off"),
        advanced_open: advanced_errors(errors),
        advanced,
        layout,
    }
}

fn fcm_page(layout: Layout, parts: &Parts, errors: &Errors) -> FormPage {
    let text = |name, label| Input::new(name, label, parts.text(name), errors);
    let advanced = vec![
        text("base_url", "FCM host").hint("Empty means https://fcm.googleapis.com."),
        text("extra_ca_pem", "Additional trusted root").hint(CA_HINT).rows(4).more("spellcheck=false"),
    ];
    FormPage {
        apns: false,
        problem: errors.of(""),
        inputs: vec![
            text("label", "Name (optional)").hint("For this page, for example the name of the app.").more("maxlength=64 autocomplete=off"),
            text("sender_id", "Sender id (optional)")
                .hint("Digits, in the Firebase console under Project settings > Cloud Messaging. Some apps name it in place of the project.")
                .more("inputmode=numeric autocomplete=off"),
        ],
        key_error: errors.of("service_account_json"),
        paste: Input::new("service_account_json", "or paste its text", "", &Errors::default())
            .rows(5)
            .more("spellcheck=false autocapitalize=none autocomplete=off"),
        advanced_open: advanced_errors(errors),
        advanced,
        layout,
    }
}

fn advanced_errors(errors: &Errors) -> bool {
    ["production_url", "sandbox_url", "base_url", "extra_ca_pem"].iter().any(|field| !errors.of(field).is_empty())
}

pub(crate) async fn apns_form(frame: Frame) -> Page {
    let layout = frame.layout("Add an APNs key", Menu::Push);
    Ok(render(&apns_page(layout, &Parts::default(), &Errors::default())))
}

pub(crate) async fn fcm_form(frame: Frame) -> Page {
    let layout = frame.layout("Add a Firebase account", Menu::Push);
    Ok(render(&fcm_page(layout, &Parts::default(), &Errors::default())))
}

pub(crate) async fn add_apns(State(state): State<AdminState>, frame: Frame, multipart: Multipart) -> Page {
    let parts = Parts::read(multipart).await?;
    let separators = |c: char| c.is_whitespace() || c == ',' || c == ';';
    let ids = parts.text("bundle_ids").split(separators).filter(|id| !id.is_empty());
    let new = NewCredential::Apns(NewApnsKey {
        label: parts.text("label").to_owned(),
        key_id: parts.text("key_id").to_owned(),
        team_id: parts.text("team_id").to_owned(),
        bundle_ids: ids.map(str::to_owned).collect(),
        p8: parts.file_or_text("file", "p8"),
        environment: ApnsEnvironment::from_name(parts.text("environment")).unwrap_or_default(),
        endpoint: Endpoint {
            production_url: parts.given("production_url"),
            sandbox_url: parts.given("sandbox_url"),
            extra_ca_pem: parts.given("extra_ca_pem"),
        },
    });
    match added(&state, new).await {
        Ok(()) => go("/push?done=checked"),
        Err(error) => {
            let mut errors = Errors::default();
            errors.take(Refusal::from(error))?;
            let page = apns_page(frame.layout("Add an APNs key", Menu::Push), &parts, &errors);
            Ok((StatusCode::UNPROCESSABLE_ENTITY, render(&page)).into_response())
        }
    }
}

pub(crate) async fn add_fcm(State(state): State<AdminState>, frame: Frame, multipart: Multipart) -> Page {
    let parts = Parts::read(multipart).await?;
    let new = NewCredential::Fcm(NewFcmAccount {
        label: parts.text("label").to_owned(),
        service_account_json: parts.file_or_text("file", "service_account_json"),
        sender_id: parts.given("sender_id"),
        base_url: parts.given("base_url"),
        extra_ca_pem: parts.given("extra_ca_pem"),
    });
    match added(&state, new).await {
        Ok(()) => go("/push?done=checked"),
        Err(error) => {
            let mut errors = Errors::default();
            errors.take(Refusal::from(error))?;
            let page = fcm_page(frame.layout("Add a Firebase account", Menu::Push), &parts, &errors);
            Ok((StatusCode::UNPROCESSABLE_ENTITY, render(&page)).into_response())
        }
    }
}

/// Adds a credential and checks it at once; a failed check is shown beside it and does not undo the adding.
async fn added(state: &AdminState, new: NewCredential) -> Result<(), CredentialError> {
    let credential = state.push.add_credential(new).await?;
    if let Err(error) = state.push.check_credential(credential.id).await {
        tracing::warn!(code = error.code(), "a new push credential could not be checked");
    }
    Ok(())
}

pub(crate) async fn check(State(state): State<AdminState>, Path(id): Path<i64>) -> Page {
    state.push.check_credential(CredentialId(id)).await?;
    go("/push?done=checked")
}

pub(crate) async fn confirm_remove(State(state): State<AdminState>, frame: Frame, Path(id): Path<i64>) -> Page {
    let found = state.push.list_credentials().await?.into_iter().find(|credential| credential.id.0 == id);
    let credential = found.ok_or(CredentialError::NotFound(CredentialId(id)))?;
    let confirm = Confirm {
        layout: frame.layout("Remove this push credential?", Menu::Push),
        lines: vec![
            format!("Phones that use “{}” can no longer be woken; pushes on their way are given up.", credential.label),
            "The key itself is deleted here. To use it again, upload it again.".into(),
        ],
        action: format!("/push/{id}/remove"),
        button: "Remove the credential",
        back: "/push".into(),
    };
    Ok(confirm.page())
}

pub(crate) async fn remove(State(state): State<AdminState>, Path(id): Path<i64>) -> Page {
    state.push.remove_credential(CredentialId(id)).await?;
    go("/push?done=removed")
}
