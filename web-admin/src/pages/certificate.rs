//! `/system/certificate`: the certificate in force, and the authority that gives one by itself.

use askama::Template;
use axum::extract::{Form, State};
use axum::http::{HeaderValue, StatusCode, header};
use pbx_core::model::Redacted;
use serde::Deserialize;

use super::confirm::Confirm;
use super::{Page, go};
use crate::acme::setting::{LETS_ENCRYPT, LETS_ENCRYPT_TERMS, NewSetting, Setting, Validation};
use crate::acme::{View, words};
use crate::clock;
use crate::error::{Refusal, render};
use crate::form::{Errors, Input};
use crate::layout::{Frame, Layout, Menu};
use crate::state::AdminState;
use crate::t;
use crate::tls::CertificateInfo;
use crate::words::{When, sentence};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct AcmeForm {
    directory: String,
    contact: String,
    agree_to_terms: String,
    validation: String,
    port: String,
    profile: String,
    external_account: String,
    external_account_key: Redacted<String>,
    authority: String,
}

impl AcmeForm {
    fn of(setting: Option<&Setting>, https_port: u16) -> Self {
        let Some(setting) = setting else {
            let validation = if https_port == 443 { Validation::Tls } else { Validation::Http };
            return Self {
                directory: LETS_ENCRYPT.to_owned(),
                validation: validation.code().to_owned(),
                ..Self::default()
            };
        };
        Self {
            directory: setting.directory.clone(),
            contact: setting.contact.clone(),
            agree_to_terms: "on".to_owned(),
            validation: setting.validation.code().to_owned(),
            port: setting.port.to_string(),
            profile: setting.profile.clone(),
            external_account: setting.external_account.clone(),
            external_account_key: Redacted::default(),
            authority: setting.authority.clone(),
        }
    }

    fn parsed(&self, errors: &mut Errors) -> NewSetting {
        let port = match self.port.trim() {
            "" => None,
            text => text.parse().ok().or_else(|| {
                errors.put("port", t("certificate-give-a-number-between-1-and"));
                None
            }),
        };
        NewSetting {
            directory: Some(self.directory.clone()),
            contact: self.contact.clone(),
            agree_to_terms: self.agree_to_terms == "on",
            validation: Validation::from_code(&self.validation),
            port,
            profile: self.profile.clone(),
            external_account: self.external_account.clone(),
            external_account_key: Some(self.external_account_key.clone()).filter(|key| !key.reveal().is_empty()),
            authority: self.authority.clone(),
        }
    }
}

#[derive(Template)]
#[template(path = "certificate.html")]
struct CertificatePage {
    layout: Layout,
    host: String,
    certificate: CertificateInfo,
    ends: When,
    /// The authority, once one is chosen.
    chosen: Option<Chosen>,
    problem: String,
    inputs: Vec<Input>,
    more: Vec<Input>,
    agree: Input,
    /// A field behind "More" has a problem, or is in use.
    open: bool,
    terms: &'static str,
}

struct Chosen {
    authority: String,
    phase: Option<&'static str>,
    /// Why the last order came to nothing: cause, fix, when.
    problem: Option<(String, String, When)>,
    in_force: bool,
    next: When,
    suggested: bool,
}

impl Chosen {
    fn of(view: View) -> Self {
        let now = clock::now();
        Self {
            authority: words::authority(&view.setting),
            phase: view.phase.words(),
            problem: view
                .problem
                .map(|problem| (sentence(&problem.text), sentence(&problem.fix), When::relative(problem.at, now))),
            in_force: view.in_force,
            next: When::relative(view.next_at.max(now), now),
            suggested: view.suggested,
        }
    }
}

fn inputs(form: &AcmeForm, errors: &Errors) -> Vec<Input> {
    const PLAIN: &str = "autocomplete=off autocapitalize=none spellcheck=false";
    vec![
        Input::new("directory", t("certificate-authority-address-of-its-acme-directory"), &form.directory, errors)
            .hint(t("certificate-lets-encrypt-unless-you-have-another"))
            .kind("url")
            .more(PLAIN),
        Input::new("contact", t("certificate-your-mail-address-optional"), &form.contact, errors)
            .hint(t("certificate-the-authority-may-write-to-it"))
            .kind("email")
            .more("autocomplete=email"),
        Input::new("validation", t("certificate-how-the-authority-makes-sure-that"), &form.validation, errors)
            .choices(&[
                (Validation::Http.code(), t("certificate-it-asks-at-port-80-http")),
                (Validation::Tls.code(), t("certificate-it-asks-at-port-443-tls")),
            ])
            .hint(t("certificate-it-asks-from-the-internet-so")),
        Input::new("port", t("certificate-port-of-this-machine-where-the"), &form.port, errors)
            .hint(t("certificate-empty-80-or-443-enter-another"))
            .more("inputmode=numeric autocomplete=off"),
    ]
}

fn more(form: &AcmeForm, has_key: bool, errors: &Errors) -> Vec<Input> {
    const PLAIN: &str = "autocomplete=off autocapitalize=none spellcheck=false";
    let key = if has_key {
        t("certificate-one-is-stored-empty-keeps-it")
    } else {
        t("certificate-hmac-key-in-base64-stored-encrypted")
    };
    vec![
        Input::new("profile", t("certificate-profile"), &form.profile, errors)
            .hint(t("certificate-a-kind-of-certificate-from-the"))
            .more(PLAIN),
        Input::new("external_account", t("certificate-external-account-key-id"), &form.external_account, errors)
            .hint(t("certificate-only-for-authorities-that-want-one"))
            .more(PLAIN),
        Input::new("external_account_key", t("certificate-key-of-the-external-account"), "", errors)
            .hint(key)
            .kind("password")
            .more("autocomplete=off"),
        Input::new("authority", t("certificate-root-certificate-of-an-authority-of"), &form.authority, errors)
            .hint(t("certificate-pem-empty-for-public-authorities"))
            .rows(4)
            .more(PLAIN),
    ]
}

async fn shown(state: &AdminState, frame: &Frame, form: Option<AcmeForm>, errors: &Errors) -> Page {
    let view = state.acme.view().await.map_err(Refusal::from)?;
    let setting = view.as_ref().map(|view| &view.setting);
    let form = form.unwrap_or_else(|| AcmeForm::of(setting, state.site.listen.port()));
    let live = &state.site.certificate;
    let (certificate, host) = (live.info(), live.public_host().to_owned());
    let has_key = setting.is_some_and(|setting| setting.has_external_account_key);
    let behind = ["profile", "external_account", "external_account_key", "authority"];
    let used = [&form.profile, &form.external_account, &form.authority].iter().any(|text| !text.is_empty());
    let chosen = view.map(Chosen::of);
    let at_work = chosen.as_ref().is_some_and(|chosen| chosen.phase.is_some());
    let page = CertificatePage {
        layout: frame.layout(t("certificate-certificate"), Menu::System),
        host,
        ends: When::relative(certificate.not_after, clock::now()),
        certificate,
        chosen,
        problem: errors.of(""),
        inputs: inputs(&form, errors),
        more: more(&form, has_key, errors),
        agree: Input::new("agree_to_terms", t("certificate-i-agree-to-the-terms-of"), &form.agree_to_terms, errors)
            .kind("checkbox"),
        open: used || behind.iter().any(|field| !errors.of(field).is_empty()),
        terms: LETS_ENCRYPT_TERMS,
    };
    let mut answer = render(&page);
    if at_work && errors.is_empty() {
        // Without a script the page looks again by itself, too.
        answer.headers_mut().insert(header::REFRESH, HeaderValue::from_static("2"));
    }
    if !errors.is_empty() {
        *answer.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    }
    Ok(answer)
}

pub(crate) async fn page(State(state): State<AdminState>, frame: Frame) -> Page {
    shown(&state, &frame, None, &Errors::default()).await
}

pub(crate) async fn choose(State(state): State<AdminState>, frame: Frame, Form(form): Form<AcmeForm>) -> Page {
    let mut errors = Errors::default();
    let new = form.parsed(&mut errors);
    if errors.is_empty() {
        let directory = new.directory.clone().unwrap_or_default();
        match state.acme.choose(new).await {
            Ok(()) => {
                crate::audit::note(format!("certificates of {directory}"));
                return go("/system/certificate?done=acme");
            }
            Err(refused) => errors.take(refused.into())?,
        }
    }
    shown(&state, &frame, Some(form), &errors).await
}

pub(crate) async fn order(State(state): State<AdminState>) -> Page {
    state.acme.order_now().await.map_err(Refusal::from)?;
    go("/system/certificate?done=acme")
}

pub(crate) async fn confirm_remove(State(_): State<AdminState>, frame: Frame) -> Page {
    let confirm = Confirm {
        fields: Vec::new(),
        layout: frame.layout(t("certificate-stop-getting-certificates"), Menu::System),
        lines: vec![
            t("certificate-the-certificate-of-the-authority-its").into(),
            t("certificate-the-certificate-in-the-folder-tls").into(),
        ],
        action: "/system/certificate/remove".into(),
        button: t("certificate-stop-and-delete"),
        back: "/system/certificate".into(),
    };
    Ok(confirm.page())
}

pub(crate) async fn remove(State(state): State<AdminState>) -> Page {
    state.acme.forget().await.map_err(Refusal::from)?;
    go("/system/certificate?done=removed")
}
