//! Which credential wakes a phone, and if none can, why and what to do: one rule for calls and for every page. Pure.
//!
//! A key that names the app goes before a relay and before a key that may be the one; among equals one that its provider
//! does not refuse goes first, then the newest, so that a new key takes over when it is uploaded and the old one stands in
//! for it until it is removed.

use std::cmp::Reverse;

use pbx_core::model::{Environment, PushProvider, WakeKind, WakeTarget};
use serde::Serialize;

use crate::payload::{ApnsStyle, apns_style};

use super::fit::{Fit, fit, is_key_for};
use super::{ApnsEnvironment, CredentialId, CredentialKind, CredentialState, CredentialSummary};

/// The code of a credential whose secret cannot be opened.
pub(crate) const UNREADABLE: &str = "unreadable";
/// Codes that are about the way to the provider or its mood, not about the credential.
const PASSING: [&str; 2] = ["unreachable", "provider_busy"];

/// A credential as the choice sees it.
#[derive(Debug, Clone)]
pub struct Candidate<'a> {
    /// Which.
    pub id: CredentialId,
    /// Its name on pages.
    pub label: &'a str,
    /// What kind.
    pub kind: CredentialKind,
    /// The apps it names; see [`fit`].
    pub app_ids: Vec<&'a str>,
    /// APNs: where the key is valid.
    pub environment: Option<ApnsEnvironment>,
    /// The topics it may push to, if it names them (an APNs certificate); [`None`] means every topic of its apps.
    pub topics: Option<Vec<&'a str>>,
    /// Whether its secret could be opened.
    pub usable: bool,
    /// Whether the provider refused it the last time, for a reason that is the credential's.
    pub refused: bool,
}

impl<'a> From<&'a CredentialSummary> for Candidate<'a> {
    fn from(one: &'a CredentialSummary) -> Self {
        Self {
            id: one.id,
            label: &one.label,
            kind: one.provider,
            app_ids: one.app_ids.iter().map(String::as_str).collect(),
            environment: one.environment,
            topics: one.topics.as_ref().map(|topics| topics.iter().map(String::as_str).collect()),
            usable: !matches!(&one.state, CredentialState::Failing { code, .. } if code == UNREADABLE),
            refused: is_refused(&one.state),
        }
    }
}

/// Whether the provider refuses the credential itself.
pub(crate) fn is_refused(state: &CredentialState) -> bool {
    match state {
        CredentialState::Untried | CredentialState::Working => false,
        CredentialState::Failing { code, .. } => !PASSING.contains(&code.as_str()),
    }
}

/// The credential for a phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choice {
    /// Which.
    pub credential: CredentialId,
    /// Where to try once when the provider says that the token is not of this environment.
    pub other: Option<(CredentialId, Environment)>,
    /// Another credential for the same app and environment, for when the provider refuses the first.
    pub second: Option<CredentialId>,
}

/// Why a phone cannot be pushed, with the same code and words in calls, pages, API, `doctor` and log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Obstacle {
    /// A stable code.
    pub code: &'static str,
    /// The problem: `cannot be pushed: no credential for com.example.app (APNs)`.
    pub text: String,
    /// What to do.
    pub fix: String,
}

impl Obstacle {
    /// Problem and fix in one line.
    pub fn line(&self) -> String {
        format!("{}; {}", self.text, self.fix)
    }
}

/// The credential that wakes a phone for a call, or why there is none.
pub fn choose(candidates: &[Candidate<'_>], target: &WakeTarget) -> Result<Choice, Obstacle> {
    choose_for(candidates, target, WakeKind::Call)
}

/// The credential for a wake of this kind, or why there is none. The kind matters only to certificates, which may be for
/// calls alone or for notices alone.
pub fn choose_for(candidates: &[Candidate<'_>], target: &WakeTarget, kind: WakeKind) -> Result<Choice, Obstacle> {
    let mut fitting = fitting(candidates, target);
    let Some(named) = fitting.first().copied() else { return Err(no_credential(target)) };
    if let Some(topic) = topic(target, kind) {
        fitting.retain(|it| it.topics.as_ref().is_none_or(|topics| topics.contains(&topic.as_str())));
    }
    let Some(first) = fitting.first() else { return Err(no_topic(target, kind, named.label)) };
    let usable: Vec<_> = fitting.iter().filter(|it| it.usable).collect();
    if usable.is_empty() {
        return Err(unreadable(first.label));
    }
    let other_environment = match target.environment {
        Environment::Production => Environment::Sandbox,
        Environment::Sandbox => Environment::Production,
    };
    let mut here = usable.iter().filter(|it| covers(it, target.environment));
    let Some(chosen) = here.next() else { return Err(wrong_environment(target, first.label)) };
    // Only a key of Apple's has environments; a relay knows those of its apps itself.
    let other = match chosen.environment {
        None => None,
        Some(given) if given.covers(other_environment) => Some((chosen.id, other_environment)),
        Some(_) => usable
            .iter()
            .find(|it| it.environment.is_some() && covers(it, other_environment))
            .map(|it| (it.id, other_environment)),
    };
    Ok(Choice { credential: chosen.id, other, second: here.next().map(|it| it.id) })
}

/// Why a phone with this target cannot be pushed with these credentials; `None` when it can.
pub fn obstacle(credentials: &[CredentialSummary], target: &WakeTarget) -> Option<Obstacle> {
    let candidates: Vec<Candidate<'_>> = credentials.iter().map(Candidate::from).collect();
    choose(&candidates, target).err()
}

/// The credentials that fit, best first.
fn fitting<'a, 'b>(candidates: &'b [Candidate<'a>], target: &WakeTarget) -> Vec<&'b Candidate<'a>> {
    let only_one = candidates.iter().filter(|it| is_key_for(it.kind, target.provider)).count() == 1;
    let mut fitting: Vec<(Fit, &Candidate<'_>)> =
        candidates.iter().filter_map(|it| Some((fit(it.kind, &it.app_ids, target, only_one)?, it))).collect();
    fitting.sort_by_key(|(fit, it)| (*fit, it.refused, Reverse(it.id)));
    fitting.into_iter().map(|(_, it)| it).collect()
}

fn covers(candidate: &Candidate<'_>, environment: Environment) -> bool {
    candidate.environment.is_none_or(|given| given.covers(environment))
}

fn no_credential(target: &WakeTarget) -> Obstacle {
    let app = if target.app_id.is_empty() { "this phone's app" } else { target.app_id.as_str() };
    let (provider, secret) = match target.provider {
        PushProvider::Apns => ("APNs", "APNs key"),
        PushProvider::Fcm => ("FCM", "Firebase service account"),
        PushProvider::Acrobits => {
            return Obstacle {
                code: "no_credential",
                text: format!("cannot be pushed: no credential for {app} (Acrobits)"),
                fix: "add Acrobits under Push; it needs no account anywhere".to_owned(),
            };
        }
        PushProvider::WebPush => {
            return Obstacle {
                code: "no_credential",
                text: format!("cannot be pushed through {app}: Web Push is not enabled"),
                fix: "enable it under Push; it needs no account anywhere, only a contact".to_owned(),
            };
        }
    };
    Obstacle {
        code: "no_credential",
        text: format!("cannot be pushed: no credential for {app} ({provider})"),
        fix: format!(
            "ask the publisher of the app for its {secret} and add it under Push, or add the relay that pushes for him"
        ),
    }
}

/// What a push of this kind is sent to; `None` when there is no token for it, or for other providers than Apple.
fn topic(target: &WakeTarget, kind: WakeKind) -> Option<String> {
    let (style, _) = apns_style(kind, target).filter(|_| target.provider == PushProvider::Apns)?;
    Some(match style {
        ApnsStyle::Voip => format!("{}.voip", target.app_id),
        ApnsStyle::Alert | ApnsStyle::Background => target.app_id.clone(),
    })
}

fn no_topic(target: &WakeTarget, kind: WakeKind, label: &str) -> Obstacle {
    let app = &target.app_id;
    let (what, needed) = if kind == WakeKind::Call && target.call_token.is_some() {
        ("cannot be pushed", "VoIP Services Certificate")
    } else {
        ("gets no notices", "Apple Push Notification service SSL certificate")
    };
    Obstacle {
        code: "no_credential_for_topic",
        text: format!("{what}: the certificate “{label}” for {app} is not for this kind of push"),
        fix: format!("add a {needed} of this app under Push, or an APNs key, which is for both"),
    }
}

fn unreadable(label: &str) -> Obstacle {
    Obstacle {
        code: "credential_unreadable",
        text: format!(
            "cannot be pushed: the push credential “{label}” cannot be opened with this installation's master key"
        ),
        fix: "remove it and upload it again under Push".to_owned(),
    }
}

fn wrong_environment(target: &WakeTarget, label: &str) -> Obstacle {
    let (build, needed, given) = match target.environment {
        Environment::Production => ("an app from the store", "production", "the sandbox"),
        Environment::Sandbox => ("a test build of the app", "the sandbox", "production"),
    };
    Obstacle {
        code: "no_credential_for_environment",
        text: format!(
            "cannot be pushed: this phone runs {build} and is reached through Apple's push service of {needed}, but the key “{label}” is for {given} only"
        ),
        fix: format!("add a key for {needed} under Push"),
    }
}
