//! `/push/apns`, `/push/apns-certificate`, `/push/fcm`, `/push/webhook`, `/push/webpush`, `/push/acrobits`: adding a credential of each kind.

use askama::Template;
use axum::extract::{Multipart, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use pbx_core::model::Redacted;
use push_module::{
    ApnsEnvironment, CredentialError, Endpoint, NewAcrobits, NewApnsCertificate, NewApnsKey, NewCredential,
    NewFcmAccount, NewWebPush, NewWebhook,
};

use super::{Page, go};
use crate::error::{Refusal, render};
use crate::form::{Errors, Input, Parts};
use crate::layout::{Frame, Layout, Menu};
use crate::state::AdminState;

/// What can be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Adding {
    ApnsKey,
    ApnsCertificate,
    Fcm,
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

const CA_HINT: &str = "PEM. Only for a proxy that opens TLS, or for a test stand-in.";
const LABEL_HINT: &str = "For this page, for example the name of the app.";
const KEY_TEXT: &str = "spellcheck=false autocapitalize=none autocomplete=off";

const fn title(kind: Adding) -> &'static str {
    match kind {
        Adding::ApnsKey => "Add an APNs key",
        Adding::ApnsCertificate => "Add an APNs certificate",
        Adding::Fcm => "Add a Firebase account",
        Adding::Webhook => "Add a push relay",
        Adding::WebPush => "Enable Web Push",
        Adding::Acrobits => "Add Acrobits",
    }
}

fn page(kind: Adding, layout: Layout, parts: &Parts, errors: &Errors) -> FormPage {
    match kind {
        Adding::ApnsKey => apns_page(layout, parts, errors),
        Adding::ApnsCertificate => apns_certificate_page(layout, parts, errors),
        Adding::Fcm => fcm_page(layout, parts, errors),
        Adding::Webhook => webhook_page(layout, parts, errors),
        Adding::WebPush => web_push_page(layout, parts, errors),
        Adding::Acrobits => acrobits_page(layout, parts, errors),
    }
}

fn apns_hosts(parts: &Parts, errors: &Errors) -> Vec<Input> {
    let text = |name, label| Input::new(name, label, parts.text(name), errors);
    vec![
        text("production_url", "Production host").hint(
            "Empty means https://api.push.apple.com. Port 2197 is Apple's other one: https://api.push.apple.com:2197",
        ),
        text("sandbox_url", "Sandbox host").hint("Empty means https://api.sandbox.push.apple.com."),
        text("extra_ca_pem", "Additional trusted root").hint(CA_HINT).rows(4).more("spellcheck=false"),
    ]
}

fn apns_certificate_page(layout: Layout, parts: &Parts, errors: &Errors) -> FormPage {
    FormPage {
        action: "/push/apns-certificate",
        origin: "At developer.apple.com under Certificates, Identifiers & Profiles, Certificates: “Apple Push Notification service SSL” is for calls and notices of one app, “VoIP Services Certificate” for its calls only. Open it in the keychain that made the request and export it with its key as .p12. It ends after thirteen months; an APNs key has no end.",
        problem: errors.of(""),
        inputs: vec![
            Input::new("label", "Name (optional)", parts.text("label"), errors)
                .hint(LABEL_HINT)
                .more("maxlength=60 autocomplete=off"),
            Input::new("password", "Password of the .p12 file", "", errors)
                .hint("As it was chosen at the export; used once and not stored. Empty for PEM.")
                .kind("password")
                .more("autocomplete=off"),
        ],
        file: Some(FileField {
            label: "The .p12 file, or certificate and key in one PEM file",
            accept: ".p12,.pfx,.pem,.txt",
            error: errors.of("certificate"),
        }),
        paste: Some(
            Input::new("certificate", "or paste certificate and key in PEM", "", &Errors::default())
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
        origin: "At developer.apple.com under Certificates, Identifiers & Profiles, Keys: make a key with Apple Push Notifications service and download its .p8 file. Apple lets you download it once.",
        problem: errors.of(""),
        inputs: vec![
            text("label", "Name (optional)").hint(LABEL_HINT).more("maxlength=60 autocomplete=off"),
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
        file: Some(FileField { label: "The .p8 file", accept: ".p8,.pem,.txt", error: errors.of("p8") }),
        paste: Some(Input::new("p8", "or paste its text", "", &Errors::default()).rows(5).more(KEY_TEXT)),
        advanced_open: advanced_errors(errors),
        advanced: apns_hosts(parts, errors),
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
        action: "/push/fcm",
        origin: "In the Firebase console under Project settings, Service accounts: “Generate new private key” downloads a JSON file.",
        problem: errors.of(""),
        inputs: vec![
            text("label", "Name (optional)").hint(LABEL_HINT).more("maxlength=60 autocomplete=off"),
            text("sender_id", "Sender id (optional)")
                .hint("Digits, in the Firebase console under Project settings > Cloud Messaging. Some apps name it in place of the project.")
                .more("inputmode=numeric autocomplete=off"),
        ],
        file: Some(FileField { label: "The JSON file", accept: ".json,application/json", error: errors.of("service_account_json") }),
        paste: Some(Input::new("service_account_json", "or paste its text", "", &Errors::default()).rows(5).more(KEY_TEXT)),
        advanced_open: advanced_errors(errors),
        advanced,
        layout,
    }
}

fn webhook_page(layout: Layout, parts: &Parts, errors: &Errors) -> FormPage {
    let text = |name, label| Input::new(name, label, parts.text(name), errors);
    FormPage {
        action: "/push/webhook",
        origin: "Whoever publishes the app may keep its keys and push for you: Nightbell sends each wake to his relay, signed with a secret that both of you know. docs/webhook.md describes the exchange.",
        problem: errors.of(""),
        inputs: vec![
            text("label", "Name (optional)").hint(LABEL_HINT).more("maxlength=60 autocomplete=off"),
            text("url", "Address of the relay").hint("For example https://push.example.com/nightbell.").kind("url").more(
                "required autocomplete=off autocapitalize=none spellcheck=false",
            ),
            text("app_ids", "Apps")
                .hint("Bundle ids, Firebase projects or sender ids, separated by blanks or commas. Empty means every app without a key of its own.")
                .more("autocomplete=off autocapitalize=none spellcheck=false"),
        ],
        file: None,
        paste: Some(
            Input::new("secret", "Shared secret", "", errors)
                .hint("whsec_ and 24 to 64 random bytes in base64, the same at the relay.")
                .kind("password")
                .more("required autocomplete=off"),
        ),
        advanced_open: advanced_errors(errors),
        advanced: vec![text("extra_ca_pem", "Additional trusted root").hint(CA_HINT).rows(4).more("spellcheck=false")],
        layout,
    }
}

fn web_push_page(layout: Layout, parts: &Parts, errors: &Errors) -> FormPage {
    let text = |name, label| Input::new(name, label, parts.text(name), errors);
    FormPage {
        action: "/push/webpush",
        origin: "Browsers, and Android phones without Google (UnifiedPush), are woken through a push service that each phone chooses itself. That needs no account: Nightbell makes its own key, once, and shows its public half for app authors. docs/web-push.md describes what an app does.",
        problem: errors.of(""),
        inputs: vec![
            text("label", "Name (optional)").hint("For this page.").more("maxlength=60 autocomplete=off"),
            text("contact", "Contact")
                .hint("A mail address or an https page. Push services write there before they block an installation that makes trouble.")
                .more("required autocomplete=off autocapitalize=none spellcheck=false"),
        ],
        file: None,
        paste: None,
        advanced_open: advanced_errors(errors),
        advanced: vec![
            text("allowed_hosts", "Push services of your own")
                .hint("Host names or addresses, separated by blanks or commas. Phones name their push service themselves, so Nightbell asks none in a private network unless it stands here.")
                .more("autocomplete=off autocapitalize=none spellcheck=false"),
            text("extra_ca_pem", "Additional trusted root").hint("PEM. Only for a push service of your own.").rows(4).more("spellcheck=false"),
        ],
        layout,
    }
}

fn acrobits_page(layout: Layout, parts: &Parts, errors: &Errors) -> FormPage {
    let text = |name, label| Input::new(name, label, parts.text(name), errors);
    FormPage {
        action: "/push/acrobits",
        origin: "Groundwire and Cloud Softphone are woken by the push mediator of Acrobits, who alone holds the keys of these apps. It asks for no key. The mediator learns that a phone is called and by whom, and never a SIP secret. docs/acrobits.md says what to put into the account of the app.",
        problem: errors.of(""),
        inputs: vec![
            text("label", "Name (optional)").hint("For this page.").more("maxlength=60 autocomplete=off"),
            text("app_ids", "Apps")
                .hint("App ids as the phones report them, separated by blanks or commas. Empty means any app.")
                .more("autocomplete=off autocapitalize=none spellcheck=false"),
        ],
        file: None,
        paste: None,
        advanced_open: advanced_errors(errors) || !errors.of("url").is_empty(),
        advanced: vec![
            text("url", "Address of the mediator").hint("Empty means https://pnm.cloudsoftphone.com/pnm2/send."),
            text("extra_ca_pem", "Additional trusted root").hint(CA_HINT).rows(4).more("spellcheck=false"),
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
