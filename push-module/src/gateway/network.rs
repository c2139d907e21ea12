//! The check of the way to every provider: one at a time, its progress readable at any moment.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use tokio::task::JoinSet;
use url::Url;

use super::{Gateway, Shared};
use crate::credential::{APNS_PRODUCTION, ApnsEnvironment, CredentialKind, FCM_BASE};
use crate::egress::{EgressPlace, EgressResult, NetworkCheck, StepResult, probe};

/// Asked when there is no credential yet: what most installations will need.
const USUAL: [(&str, bool); 3] = [(APNS_PRODUCTION, true), (FCM_BASE, false), ("https://oauth2.googleapis.com", false)];

/// Asked for Web Push: the services of the common browsers; phones may name others.
const WEB_PUSH: [&str; 3] =
    ["https://fcm.googleapis.com", "https://updates.push.services.mozilla.com", "https://web.push.apple.com"];

impl Gateway {
    /// Begins a check unless one is under way; [`Gateway::network_check`] follows it. Over within half a minute.
    pub fn start_network_check(&self) {
        let places = self.shared.places();
        {
            let mut network = self.shared.network.lock().unwrap_or_else(PoisonError::into_inner);
            if network.as_ref().is_some_and(|check| check.finished_at.is_none()) {
                return;
            }
            let result =
                |place: &EgressPlace| EgressResult { place: place.clone(), steps: Vec::new(), finished: false };
            *network = Some(NetworkCheck {
                started_at: self.shared.clock.now().wall,
                finished_at: None,
                places: places.iter().map(result).collect(),
            });
        }
        tokio::spawn(run(Arc::clone(&self.shared), places));
    }

    /// The check under way or the last one; `None` before the first.
    pub fn network_check(&self) -> Option<NetworkCheck> {
        self.shared.network.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn run(shared: Arc<Shared>, places: Vec<EgressPlace>) {
    let proxies = shared.proxy.settings();
    let mut probes = JoinSet::new();
    for (index, place) in places.into_iter().enumerate() {
        let (shared, proxies) = (Arc::clone(&shared), Arc::clone(&proxies));
        probes.spawn(async move {
            probe(&place, &proxies, |step| shared.note_step(index, step)).await;
            shared.end_place(index);
        });
    }
    while probes.join_next().await.is_some() {}
    let now = shared.clock.now().wall;
    let mut network = shared.network.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(check) = network.as_mut() {
        check.finished_at = Some(now);
        for place in check.places.iter().filter(|place| place.ok() != Some(true)) {
            let failed = place.steps.iter().find(|step| !step.ok);
            let (code, text) = failed.map_or(("unfinished", ""), |step| (step.code, step.text.as_str()));
            tracing::warn!(
                code,
                host = place.place.host,
                port = place.place.port,
                text,
                "a push provider is not reached"
            );
        }
    }
}

impl Shared {
    fn note_step(&self, index: usize, step: StepResult) {
        let mut network = self.network.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = network.as_mut().and_then(|check| check.places.get_mut(index)) {
            place.steps.push(step);
        }
    }

    fn end_place(&self, index: usize) {
        let mut network = self.network.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = network.as_mut().and_then(|check| check.places.get_mut(index)) {
            place.finished = true;
        }
    }

    /// Every host and port that a credential uses, each once.
    fn places(&self) -> Vec<EgressPlace> {
        let mut places: BTreeMap<(String, u16), EgressPlace> = BTreeMap::new();
        for entry in self.entries() {
            let summary = entry.summary();
            // Apple's two hosts stand in the order production, sandbox.
            let of_environment = |index: usize| match summary.environment {
                Some(ApnsEnvironment::Production) => index == 0,
                Some(ApnsEnvironment::Sandbox) => index == 1,
                Some(ApnsEnvironment::Both) | None => true,
            };
            let needs_http2 = summary.provider == CredentialKind::Apns;
            let endpoints = match summary.provider {
                CredentialKind::Apns
                | CredentialKind::Fcm
                | CredentialKind::Hms
                | CredentialKind::Webhook
                | CredentialKind::Acrobits => summary.endpoints,
                // Its endpoints are exceptions for hosts of one's own; the phones name the services.
                CredentialKind::WebPush => WEB_PUSH.map(str::to_owned).to_vec(),
            };
            let urls = endpoints.iter().enumerate().filter(|(index, _)| of_environment(*index));
            for place in urls.filter_map(|(_, url)| place(url, needs_http2)) {
                let extra = entry.details.extra_ca_pem().map(str::to_owned);
                let known = places.entry((place.host.clone(), place.port)).or_insert(place);
                known.used_by.push(summary.label.clone());
                known.extra_ca_pem = known.extra_ca_pem.take().or(extra);
            }
        }
        if places.is_empty() {
            return USUAL.iter().filter_map(|(url, needs_http2)| place(url, *needs_http2)).collect();
        }
        places.into_values().collect()
    }
}

fn place(url: &str, needs_http2: bool) -> Option<EgressPlace> {
    let url = Url::parse(url).ok()?;
    Some(EgressPlace {
        host: url.host_str()?.trim_matches(['[', ']']).to_owned(),
        port: url.port_or_known_default()?,
        plain: url.scheme() == "http",
        needs_http2,
        used_by: Vec::new(),
        extra_ca_pem: None,
    })
}
