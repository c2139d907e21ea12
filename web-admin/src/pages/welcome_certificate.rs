//! `/welcome/certificate`: whether the public name leads here, and a certificate that phones trust.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use askama::Template;
use axum::extract::{Multipart, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::{Page, go};
use crate::clock;
use crate::error::render;
use crate::form::{Errors, Input, Parts};
use crate::layout::{Frame, Layout, Menu};
use crate::state::AdminState;
use crate::tls::reach::{Answers, who_answers};
use crate::tls::{CertificateInfo, own_addresses};
use crate::welcome::Step;
use crate::words::{Badge, When};
use crate::{say, t};

/// The page waits for the name service no longer than this.
const RESOLVE_WITHIN: Duration = Duration::from_secs(3);

#[derive(Template)]
#[template(path = "welcome_certificate.html")]
struct CertificatePage {
    layout: Layout,
    host: String,
    name: NameCheck,
    answers: NameCheck,
    certificate: CertificateInfo,
    ends: When,
    problem: String,
    chain: Input,
    key: Input,
}

/// What the name service says about the public name.
struct NameCheck {
    badge: Badge,
    text: String,
    fix: String,
}

impl NameCheck {
    fn new(badge: Badge, text: String, fix: &str) -> Self {
        Self { badge, text, fix: fix.to_owned() }
    }
}

async fn check_name(host: &str) -> NameCheck {
    let bad =
        |text, fix| NameCheck::new(Badge::new("bad", "✕", t("welcome-certificate-does-not-lead-here")), text, fix);
    if host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback()) {
        return bad(
            say("welcome-certificate-the-public-name-is-which-leads").with("host", &host).text(),
            t("welcome-certificate-set-public-host-in-config-toml"),
        );
    }
    if host.parse::<IpAddr>().is_ok() {
        return NameCheck::new(
            Badge::new("warn", "▲", t("welcome-certificate-an-address")),
            say("welcome-certificate-the-public-name-is-the-address").with("host", &host).text(),
            t("welcome-certificate-that-works-inside-your-network-public"),
        );
    }
    let looked_up = tokio::time::timeout(RESOLVE_WITHIN, tokio::net::lookup_host((host, 443))).await;
    let Ok(Ok(found)) = looked_up else {
        return bad(
            say("welcome-certificate-the-name-service-does-not-know").with("host", &host).text(),
            t("welcome-certificate-add-an-a-record-and-aaaa"),
        );
    };
    let found: Vec<IpAddr> = found.map(|address: SocketAddr| address.ip()).collect();
    let own = own_addresses();
    let written = |all: &[IpAddr]| all.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if found.iter().any(|address| own.contains(address)) {
        let text = say("welcome-certificate-leads-to-which-is-this-machine")
            .with("host", &host)
            .with("written", &written(&found))
            .text();
        return NameCheck::new(Badge::new("ok", "✓", t("welcome-certificate-leads-here")), text, "");
    }
    NameCheck::new(
        Badge::new("warn", "▲", t("welcome-certificate-look-at-it")),
        say("welcome-certificate-leads-to-this-machine-calls-itself")
            .with("host", &host)
            .with("written", &written(&found))
            .with("written2", &written(&own))
            .text(),
        t("welcome-certificate-that-is-right-behind-a-router"),
    )
}

/// Who answers under the public name at the port of these pages, asked from here.
async fn check_answers(state: &AdminState) -> NameCheck {
    let live = &state.site.certificate;
    let (host, port) = (live.public_host(), state.site.port());
    match who_answers(host, port, &live.info()).await {
        Answers::Here => {
            let text = say("welcome-certificate-this-nightbell-answers-at-port-with")
                .with("host", &host)
                .with("port", &port)
                .text();
            NameCheck::new(Badge::new("ok", "✓", t("api-answers")), text, "")
        }
        Answers::SomebodyElse(names) => NameCheck::new(
            Badge::new("bad", "✕", t("welcome-certificate-somebody-else")),
            say("welcome-certificate-at-port-another-server-answers-with")
                .with("host", &host)
                .with("port", &port)
                .with("names", &names)
                .text(),
            t("welcome-certificate-correct-the-record-of-the-name"),
        ),
        Answers::Nobody(why) => NameCheck::new(
            Badge::new("warn", "▲", t("welcome-certificate-no-answer")),
            say("welcome-certificate-from-here-nobody-answers-at-port")
                .with("host", &host)
                .with("port", &port)
                .with("why", &why)
                .text(),
            t("welcome-certificate-some-routers-cannot-be-reached-from"),
        ),
    }
}

async fn shown(state: &AdminState, frame: &Frame, (chain, errors): (&str, &Errors)) -> Response {
    let (name, answers) = tokio::join!(check_name(state.site.certificate.public_host()), check_answers(state));
    let (certificate, host) = (state.site.certificate.info(), state.site.certificate.public_host());
    render(&CertificatePage {
        layout: frame.layout(Step::Certificate.title(), Menu::Setup),
        host: host.to_owned(),
        name,
        answers,
        ends: When::relative(certificate.not_after, clock::now()),
        certificate,
        problem: errors.of(""),
        chain: Input::new("certificate", t("welcome-certificate-or-paste-the-certificate"), chain, errors)
            .hint(t("welcome-certificate-pem-the-certificate-first-then-its"))
            .rows(5)
            .more("spellcheck=false autocapitalize=none"),
        key: Input::new("key", t("welcome-certificate-or-paste-the-private-key"), "", errors)
            .hint(t("welcome-certificate-pem-privkey-pem-it-is-stored"))
            .rows(5)
            .more("spellcheck=false autocapitalize=none autocomplete=off"),
    })
}

pub(crate) async fn form(State(state): State<AdminState>, frame: Frame) -> Page {
    Ok(shown(&state, &frame, ("", &Errors::default())).await)
}

pub(crate) async fn submit(State(state): State<AdminState>, frame: Frame, multipart: Multipart) -> Page {
    let parts = Parts::read(multipart).await?;
    let (chain, key) = (parts.file_or_text("certificate_file", "certificate"), parts.file_or_text("key_file", "key"));
    let mut errors = Errors::default();
    for (field, text) in [("certificate", &chain), ("key", &key)] {
        if text.reveal().is_empty() {
            errors.put(field, t("welcome-certificate-choose-the-file-or-paste-its"));
        }
    }
    if errors.is_empty() {
        let (live, pem) = (state.site.certificate.clone(), (chain.reveal().clone(), key.into_inner()));
        let installed = tokio::task::spawn_blocking(move || live.install(&pem.0, &pem.1)).await;
        match installed {
            Ok(Ok(_)) => {
                // The admin's own goes before one that is got by itself.
                state.acme.forget().await.map_err(crate::error::Refusal::from)?;
                return go("/welcome/certificate?done=certificate");
            }
            Ok(Err(unfit)) => errors.put(unfit.field(), unfit.to_string()),
            Err(failed) => return Err(crate::error::Refusal::internal(&failed).into()),
        }
    }
    let page = shown(&state, &frame, (chain.reveal(), &errors)).await;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
}
