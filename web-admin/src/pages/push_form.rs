//! `/push/apns`, `/push/apns-certificate`, `/push/fcm`, `/push/hms`, `/push/webhook`, `/push/webpush`, `/push/acrobits`: adding a credential of each kind.

use askama::Template;
use axum::extract::{Multipart, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use pbx_core::model::Redacted;
use push_module::{
    ApnsEnvironment, CredentialError, Endpoint, NewAcrobits, NewApnsCertificate, NewApnsKey, NewCredential,
    NewFcmAccount, NewHmsApp, NewWebPush, NewWebhook,
};

use super::{Page, go};
use crate::error::{Refusal, render};
use crate::form::{Errors, Input, Parts};
use crate::layout::{Frame, Layout, Menu};
use crate::state::AdminState;
use crate::t;

/// What can be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Adding {
    ApnsKey,
    ApnsCertificate,
    Fcm,
    Hms,
    Webhook,
    WebPush,
    Acrobits,
}

#[derive(Template)]
#[template(path = "push_form.html")]
struct FormPage {
    layout: Layout,
    action: &'static str,
    problem: String,
    /// Where the key comes from.
    origin: &'static str,
    /// The file field; a webhook has none.
    file: Option<FileField>,
    /// The key as text; Web Push makes its own.
    paste: Option<Input>,
    /// The usual fields, in order.
    inputs: Vec<Input>,
    advanced: Vec<Input>,
    advanced_open: bool,
}

struct FileField {
    label: &'static str,
    accept: &'static str,
    /// The key's own error.
    error: String,
}

fn ca_hint() -> &'static str {
    t("push-form-pem-only-for-a-proxy-that")
}
fn label_hint() -> &'static str {
    t("push-form-for-this-page-for-example-the")
}
const KEY_TEXT: &str = "spellcheck=false autocapitalize=none autocomplete=off";

fn title(kind: Adding) -> &'static str {
    match kind {
        Adding::ApnsKey => t("push-add-an-apns-key"),
        Adding::ApnsCertificate => t("push-add-an-apns-certificate"),
        Adding::Fcm => t("push-add-a-firebase-account"),
        Adding::Hms => t("push-add-a-huawei-app"),
        Adding::Webhook => t("push-add-a-push-relay"),
        Adding::WebPush => t("push-enable-web-push"),
        Adding::Acrobits => t("push-add-acrobits"),
    }
}

fn page(kind: Adding, layout: Layout, parts: &Parts, errors: &Errors) -> FormPage {
    match kind {
        Adding::ApnsKey => apns_page(layout, parts, errors),
        Adding::ApnsCertificate => apns_certificate_page(layout, parts, errors),
        Adding::Fcm => fcm_page(layout, parts, errors),
        Adding::Hms => hms_page(layout, parts, errors),
        Adding::Webhook => webhook_page(layout, parts, errors),
        Adding::WebPush => web_push_page(layout, parts, errors),
        Adding::Acrobits => acrobits_page(layout, parts, errors),
    }
}

fn apns_hosts(parts: &Parts, errors: &Errors) -> Vec<Input> {
    let text = |name, label| Input::new(name, label, parts.text(name), errors);
    vec![
        text("production_url", t("push-form-production-host")).hint(t("push-form-empty-means-https-api-push-apple")),
        text("sandbox_url", t("push-form-sandbox-host")).hint(t("push-form-empty-means-https-api-sandbox-push")),
        text("extra_ca_pem", t("push-form-additional-trusted-root")).hint(ca_hint()).rows(4).more("spellcheck=false"),
    ]
}

fn apns_certificate_page(layout: Layout, parts: &Parts, errors: &Errors) -> FormPage {
    FormPage {
        action: "/push/apns-certificate",
        origin: t("push-form-at-developer-apple-com-under-certificates"),
        problem: errors.of(""),
        inputs: vec![
            Input::new("label", t("event-webhooks-name-optional"), parts.text("label"), errors)
                .hint(label_hint())
                .more("maxlength=60 autocomplete=off"),
            Input::new("password", t("push-form-password-of-the-p12-file"), "", errors)
                .hint(t("push-form-as-it-was-chosen-at-the"))
                .kind("password")
                .more("autocomplete=off"),
        ],
        file: Some(FileField {
            label: t("push-form-the-p12-file-or-certificate-and"),
            accept: ".p12,.pfx,.pem,.txt",
            error: errors.of("certificate"),
        }),
        paste: Some(
            Input::new("certificate", t("push-form-or-paste-certificate-and-key-in"), "", &Errors::default())
                .rows(5)
                .more(KEY_TEXT),
        ),
        advanced_open: advanced_errors(errors),
        advanced: apns_hosts(parts, errors),
        layout,
    }
}

fn apns_page(layout: Layout, parts: &Parts, errors: &Errors) -> FormPage {
    let text = |name, label| Input::new(name, label, parts.text(name), errors);
    let code = "autocomplete=off autocapitalize=characters spellcheck=false required minlength=10 maxlength=10";
    FormPage {
        action: "/push/apns",
        origin: t("push-form-at-developer-apple-com-under-certificates-2"),
        problem: errors.of(""),
        inputs: vec![
            text("label", t("event-webhooks-name-optional")).hint(label_hint()).more("maxlength=60 autocomplete=off"),
            text("key_id", t("push-key-id")).hint(t("push-form-ten-characters-part-of-the-files")).more(code),
            text("team_id", t("push-team-id")).hint(t("push-form-ten-characters-at-apple-under-membership")).more(code),
            text("bundle_ids", t("push-form-bundle-ids"))
                .hint(t("push-form-one-for-each-app-this-key"))
                .more("autocomplete=off autocapitalize=none spellcheck=false"),
            text("environment", t("push-form-where-the-key-is-valid")).choices(&[
                ("both", t("push-production-and-sandbox")),
                ("production", t("push-form-production-only-app-store-testflight")),
                ("sandbox", t("push-form-sandbox-only-builds-run-from-xcode")),
            ]),
        ],
        file: Some(FileField { label: t("push-form-the-p8-file"), accept: ".p8,.pem,.txt", error: errors.of("p8") }),
        paste: Some(Input::new("p8", t("push-form-or-paste-its-text"), "", &Errors::default()).rows(5).more(KEY_TEXT)),
        advanced_open: advanced_errors(errors),
        advanced: apns_hosts(parts, errors),
        layout,
    }
}

fn fcm_page(layout: Layout, parts: &Parts, errors: &Errors) -> FormPage {
    let text = |name, label| Input::new(name, label, parts.text(name), errors);
    let advanced = vec![
        text("base_url", t("push-form-fcm-host")).hint(t("push-form-empty-means-https-fcm-googleapis-com")),
        text("extra_ca_pem", t("push-form-additional-trusted-root")).hint(ca_hint()).rows(4).more("spellcheck=false"),
    ];
    FormPage {
        action: "/push/fcm",
        origin: t("push-form-in-the-firebase-console-under-project"),
        problem: errors.of(""),
        inputs: vec![
            text("label", t("event-webhooks-name-optional")).hint(label_hint()).more("maxlength=60 autocomplete=off"),
            text("sender_id", t("push-form-sender-id-optional"))
                .hint(t("push-form-digits-in-the-firebase-console-under"))
                .more("inputmode=numeric autocomplete=off"),
        ],
        file: Some(FileField {
            label: t("push-form-the-json-file"),
            accept: ".json,application/json",
            error: errors.of("service_account_json"),
        }),
        paste: Some(
            Input::new("service_account_json", t("push-form-or-paste-its-text"), "", &Errors::default())
                .rows(5)
                .more(KEY_TEXT),
        ),
        advanced_open: advanced_errors(errors),
        advanced,
        layout,
    }
}

fn hms_page(layout: Layout, parts: &Parts, errors: &Errors) -> FormPage {
    let text = |name, label| Input::new(name, label, parts.text(name), errors);
    FormPage {
        action: "/push/hms",
        origin: t("push-form-in-appgallery-connect-under-my-projects"),
        problem: errors.of(""),
        inputs: vec![
            text("label", t("event-webhooks-name-optional")).hint(label_hint()).more("maxlength=60 autocomplete=off"),
            text("app_id", t("push-tokens-app-id"))
                .hint(t("push-form-digits"))
                .more("required inputmode=numeric autocomplete=off"),
        ],
        file: None,
        paste: Some(
            Input::new("app_secret", t("push-form-app-secret"), "", errors)
                .hint(t("push-form-the-secret-of-the-app-not"))
                .kind("password")
                .more("required autocomplete=off"),
        ),
        advanced_open: advanced_errors(errors) || !errors.of("token_url").is_empty(),
        advanced: vec![
            text("base_url", t("push-form-push-host")).hint(t("push-form-empty-means-https-push-api-cloud")),
            text("token_url", t("push-form-sign-in-address")).hint(t("push-form-empty-means-https-oauth-login-cloud")),
            text("extra_ca_pem", t("push-form-additional-trusted-root"))
                .hint(ca_hint())
                .rows(4)
                .more("spellcheck=false"),
        ],
        layout,
    }
}

fn webhook_page(layout: Layout, parts: &Parts, errors: &Errors) -> FormPage {
    let text = |name, label| Input::new(name, label, parts.text(name), errors);
    FormPage {
        action: "/push/webhook",
        origin: t("push-form-whoever-publishes-the-app-may-keep"),
        problem: errors.of(""),
        inputs: vec![
            text("label", t("event-webhooks-name-optional")).hint(label_hint()).more("maxlength=60 autocomplete=off"),
            text("url", t("push-form-address-of-the-relay"))
                .hint(t("push-form-for-example-https-push-example-com"))
                .kind("url")
                .more("required autocomplete=off autocapitalize=none spellcheck=false"),
            text("app_ids", t("common-apps"))
                .hint(t("push-form-bundle-ids-firebase-projects-or-sender"))
                .more("autocomplete=off autocapitalize=none spellcheck=false"),
        ],
        file: None,
        paste: Some(
            Input::new("secret", t("push-form-shared-secret"), "", errors)
                .hint(t("push-form-whsec-and-24-to-64-random"))
                .kind("password")
                .more("required autocomplete=off"),
        ),
        advanced_open: advanced_errors(errors),
        advanced: vec![
            text("extra_ca_pem", t("push-form-additional-trusted-root"))
                .hint(ca_hint())
                .rows(4)
                .more("spellcheck=false"),
        ],
        layout,
    }
}

fn web_push_page(layout: Layout, parts: &Parts, errors: &Errors) -> FormPage {
    let text = |name, label| Input::new(name, label, parts.text(name), errors);
    FormPage {
        action: "/push/webpush",
        origin: t("push-form-browsers-and-android-phones-without-google"),
        problem: errors.of(""),
        inputs: vec![
            text("label", t("event-webhooks-name-optional"))
                .hint(t("push-form-for-this-page"))
                .more("maxlength=60 autocomplete=off"),
            text("contact", t("extension-contact"))
                .hint(t("push-form-a-mail-address-or-an-https"))
                .more("required autocomplete=off autocapitalize=none spellcheck=false"),
        ],
        file: None,
        paste: None,
        advanced_open: advanced_errors(errors),
        advanced: vec![
            text("allowed_hosts", t("push-form-push-services-of-your-own"))
                .hint(t("push-form-host-names-or-addresses-separated-by"))
                .more("autocomplete=off autocapitalize=none spellcheck=false"),
            text("extra_ca_pem", t("push-form-additional-trusted-root"))
                .hint(t("push-form-pem-only-for-a-push-service"))
                .rows(4)
                .more("spellcheck=false"),
        ],
        layout,
    }
}

fn acrobits_page(layout: Layout, parts: &Parts, errors: &Errors) -> FormPage {
    let text = |name, label| Input::new(name, label, parts.text(name), errors);
    FormPage {
        action: "/push/acrobits",
        origin: t("push-form-groundwire-and-cloud-softphone-are-woken"),
        problem: errors.of(""),
        inputs: vec![
            text("label", t("event-webhooks-name-optional"))
                .hint(t("push-form-for-this-page"))
                .more("maxlength=60 autocomplete=off"),
            text("app_ids", t("common-apps"))
                .hint(t("push-form-app-ids-as-the-phones-report"))
                .more("autocomplete=off autocapitalize=none spellcheck=false"),
        ],
        file: None,
        paste: None,
        advanced_open: advanced_errors(errors) || !errors.of("url").is_empty(),
        advanced: vec![
            text("url", t("push-form-address-of-the-mediator"))
                .hint(t("push-form-empty-means-https-pnm-cloudsoftphone-com")),
            text("extra_ca_pem", t("push-form-additional-trusted-root"))
                .hint(ca_hint())
                .rows(4)
                .more("spellcheck=false"),
        ],
        layout,
    }
}

fn advanced_errors(errors: &Errors) -> bool {
    ["production_url", "sandbox_url", "base_url", "allowed_hosts", "extra_ca_pem"]
        .iter()
        .any(|field| !errors.of(field).is_empty())
}

/// The empty form.
pub(crate) fn form(kind: Adding, frame: Frame) -> Page {
    Ok(render(&page(kind, frame.layout(title(kind), Menu::Push), &Parts::default(), &Errors::default())))
}

/// The filled form; with an error it comes back as it was, without the key.
pub(crate) async fn add(kind: Adding, State(state): State<AdminState>, frame: Frame, multipart: Multipart) -> Page {
    let parts = Parts::read(multipart).await?;
    match added(&state, given(kind, &parts)).await {
        Ok(()) => go("/push?done=checked"),
        Err(error) => {
            let mut errors = Errors::default();
            errors.take(Refusal::from(error))?;
            let page = page(kind, frame.layout(title(kind), Menu::Push), &parts, &errors);
            Ok((StatusCode::UNPROCESSABLE_ENTITY, render(&page)).into_response())
        }
    }
}

fn given(kind: Adding, parts: &Parts) -> NewCredential {
    let label = parts.text("label").to_owned();
    match kind {
        Adding::ApnsCertificate => NewCredential::ApnsCertificate(NewApnsCertificate {
            label,
            certificate: parts.file_or_text("file", "certificate"),
            key: None,
            password: parts.given("password").map(Redacted::new),
            endpoint: Endpoint {
                production_url: parts.given("production_url"),
                sandbox_url: parts.given("sandbox_url"),
                extra_ca_pem: parts.given("extra_ca_pem"),
            },
        }),
        Adding::ApnsKey => NewCredential::Apns(NewApnsKey {
            label,
            key_id: parts.text("key_id").to_owned(),
            team_id: parts.text("team_id").to_owned(),
            bundle_ids: list(parts.text("bundle_ids")),
            p8: parts.file_or_text("file", "p8"),
            environment: ApnsEnvironment::from_name(parts.text("environment")).unwrap_or_default(),
            endpoint: Endpoint {
                production_url: parts.given("production_url"),
                sandbox_url: parts.given("sandbox_url"),
                extra_ca_pem: parts.given("extra_ca_pem"),
            },
        }),
        Adding::Fcm => NewCredential::Fcm(NewFcmAccount {
            label,
            service_account_json: parts.file_or_text("file", "service_account_json"),
            sender_id: parts.given("sender_id"),
            base_url: parts.given("base_url"),
            extra_ca_pem: parts.given("extra_ca_pem"),
        }),
        Adding::Hms => NewCredential::Hms(NewHmsApp {
            label,
            app_id: parts.text("app_id").to_owned(),
            app_secret: parts.file_or_text("file", "app_secret"),
            base_url: parts.given("base_url"),
            token_url: parts.given("token_url"),
            extra_ca_pem: parts.given("extra_ca_pem"),
        }),
        Adding::Webhook => NewCredential::Webhook(NewWebhook {
            label,
            url: parts.text("url").to_owned(),
            app_ids: list(parts.text("app_ids")),
            secret: parts.file_or_text("file", "secret"),
            extra_ca_pem: parts.given("extra_ca_pem"),
        }),
        Adding::Acrobits => NewCredential::Acrobits(NewAcrobits {
            label,
            app_ids: list(parts.text("app_ids")),
            url: parts.given("url"),
            extra_ca_pem: parts.given("extra_ca_pem"),
        }),
        Adding::WebPush => NewCredential::WebPush(NewWebPush {
            label,
            contact: parts.text("contact").to_owned(),
            allowed_hosts: list(parts.text("allowed_hosts")),
            extra_ca_pem: parts.given("extra_ca_pem"),
        }),
    }
}

fn list(text: &str) -> Vec<String> {
    let separators = |c: char| c.is_whitespace() || c == ',' || c == ';';
    text.split(separators).filter(|one| !one.is_empty()).map(str::to_owned).collect()
}

/// Adds a credential and checks it at once; a failed check is shown beside it and does not undo the adding.
async fn added(state: &AdminState, new: NewCredential) -> Result<(), CredentialError> {
    let credential = state.push.add_credential(new).await?;
    crate::audit::note(format!("push credential {}", credential.id.0));
    if let Err(error) = state.push.check_credential(credential.id).await {
        tracing::warn!(code = error.code(), "a new push credential could not be checked");
    }
    Ok(())
}
