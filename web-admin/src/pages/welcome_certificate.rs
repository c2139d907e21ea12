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
    let bad = |text, fix| NameCheck::new(Badge::new("bad", "✕", "Does not lead here"), text, fix);
    if host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback()) {
        return bad(
            format!("The public name is {host}, which leads every phone to itself."),
            "Set public_host in config.toml (or --public-host) to the name of this machine and start Nightbell again.",
        );
    }
    if host.parse::<IpAddr>().is_ok() {
        return NameCheck::new(
            Badge::new("warn", "▲", "An address"),
            format!("The public name is the address {host}."),
            "That works inside your network. Public authorities sign names: for phones outside, give this machine one.",
        );
    }
    let looked_up = tokio::time::timeout(RESOLVE_WITHIN, tokio::net::lookup_host((host, 443))).await;
    let Ok(Ok(found)) = looked_up else {
        return bad(
            format!("The name service does not know {host}."),
            "Add an A record (and AAAA, if you have IPv6) for it where your domain is kept, with your public address.",
        );
    };
    let found: Vec<IpAddr> = found.map(|address: SocketAddr| address.ip()).collect();
    let own = own_addresses();
    let written = |all: &[IpAddr]| all.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if found.iter().any(|address| own.contains(address)) {
        let text = format!("{host} leads to {}, which is this machine.", written(&found));
        return NameCheck::new(Badge::new("ok", "✓", "Leads here"), text, "");
    }
    NameCheck::new(
        Badge::new("warn", "▲", "Look at it"),
        format!("{host} leads to {}; this machine calls itself {}.", written(&found), written(&own)),
        "That is right behind a router which forwards to this machine. Otherwise correct the record of the name.",
    )
}

/// Who answers under the public name at the port of these pages, asked from here.
async fn check_answers(state: &AdminState) -> NameCheck {
    let live = &state.site.certificate;
    let (host, port) = (live.public_host(), state.site.port());
    match who_answers(host, port, &live.info()).await {
        Answers::Here => {
            let text = format!("This Nightbell answers at {host}, port {port}, with the certificate in force.");
            NameCheck::new(Badge::new("ok", "✓", "Answers"), text, "")
        }
        Answers::SomebodyElse(names) => NameCheck::new(
            Badge::new("bad", "✕", "Somebody else"),
            format!("At {host}, port {port}, another server answers, with a certificate for {names}."),
            "Correct the record of the name, or the forwarding of that port in the router.",
        ),
        Answers::Nobody(why) => NameCheck::new(
            Badge::new("warn", "▲", "No answer"),
            format!("From here nobody answers at {host}, port {port} ({why})."),
            "Some routers cannot be reached from inside under their own name. Try that address from a phone without Wi-Fi; if it fails there, too, forward the port to this machine.",
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
        chain: Input::new("certificate", "Or paste the certificate", chain, errors)
            .hint("PEM: the certificate first, then its chain (fullchain.pem).")
            .rows(5)
            .more("spellcheck=false autocapitalize=none"),
        key: Input::new("key", "Or paste the private key", "", errors)
            .hint("PEM (privkey.pem). It is stored for this machine alone and never shown again.")
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
            errors.put(field, "choose the file or paste its text");
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
