//! Which credential wakes a phone. Pure.

use pbx_core::model::{Environment, PushProvider, WakeRequest, WakeTarget};

use crate::credential::{CredentialId, CredentialKind, Details, Fit, fit, is_key_for};
use crate::delivery::{Refusal, Route};
use crate::payload::acrobits::acrobits_token;
use crate::payload::{apns_token, fcm_token};
use crate::provider::webpush::subscription;

/// A credential as the choice sees it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate<'a> {
    pub(super) id: CredentialId,
    pub(super) label: &'a str,
    pub(super) details: &'a Details,
    /// Whether its secret could be opened.
    pub(super) usable: bool,
}

/// The route of a wake, or why there is none.
pub(super) fn route(request: &WakeRequest, candidates: &[Candidate<'_>]) -> Result<Route, Refusal> {
    let target = &*request.target;
    match target.provider {
        PushProvider::Apns => apns_token(request.kind, target).map(|_| ())?,
        PushProvider::Fcm => fcm_token(target).map(|_| ())?,
        PushProvider::WebPush => subscription(request.kind, target).map(|_| ())?,
        PushProvider::Acrobits => acrobits_token(request.kind, target).map(|_| ())?,
    }
    let fitting = fitting(target, candidates);
    let Some(first) = fitting.first() else { return Err(no_credential(target)) };
    let usable: Vec<_> = fitting.iter().filter(|it| it.usable).collect();
    if usable.is_empty() {
        let why = format!(
            "the push credential “{}” cannot be opened with this installation's master key; upload it again under Push",
            first.label
        );
        return Err(Refusal { code: "credential_unreadable", why });
    }
    let other_environment = match target.environment {
        Environment::Production => Environment::Sandbox,
        Environment::Sandbox => Environment::Production,
    };
    let Some(here) = usable.iter().find(|it| covers(it.details, target.environment)) else {
        return Err(wrong_environment(target, first.label));
    };
    let other = match target.provider {
        PushProvider::Fcm | PushProvider::WebPush | PushProvider::Acrobits => None,
        // A relay knows its apps' environments itself.
        PushProvider::Apns if here.details.kind() == CredentialKind::Webhook => None,
        // The same key if it can, else a second key for the other environment.
        PushProvider::Apns if covers(here.details, other_environment) => Some((here.id, other_environment)),
        PushProvider::Apns => {
            usable.iter().find(|it| covers(it.details, other_environment)).map(|it| (it.id, other_environment))
        }
    };
    Ok(Route { credential: here.id, environment: target.environment, other })
}

/// The credentials that fit, best first, older before newer.
fn fitting<'a>(target: &WakeTarget, candidates: &[Candidate<'a>]) -> Vec<Candidate<'a>> {
    let same_provider = candidates.iter().filter(|it| is_key_for(it.details.kind(), target.provider)).count();
    let mut fitting: Vec<(Fit, Candidate<'a>)> = candidates
        .iter()
        .filter_map(|it| {
            fit(it.details.kind(), &it.details.app_ids(), target, same_provider == 1).map(|fit| (fit, *it))
        })
        .collect();
    fitting.sort_by_key(|(fit, it)| (*fit, it.id));
    fitting.into_iter().map(|(_, it)| it).collect()
}

fn covers(details: &Details, environment: Environment) -> bool {
    match details {
        Details::Apns(apns) => apns.environment.covers(environment),
        Details::Fcm(_) | Details::Webhook(_) | Details::WebPush(_) | Details::Acrobits(_) => true,
    }
}

fn no_credential(target: &WakeTarget) -> Refusal {
    const CODE: &str = "no_credential";
    let app = if target.app_id.is_empty() { "this phone's app" } else { target.app_id.as_str() };
    let provider = match target.provider {
        PushProvider::Apns => "APNs",
        PushProvider::Fcm => "FCM",
        PushProvider::Acrobits => "Acrobits",
        PushProvider::WebPush => {
            let why = format!("cannot be pushed through {app}: Web Push is not enabled; enable it under Push");
            return Refusal { code: CODE, why };
        }
    };
    Refusal { code: CODE, why: format!("cannot be pushed: no credential for {app} ({provider}); add one under Push") }
}

fn wrong_environment(target: &WakeTarget, label: &str) -> Refusal {
    let (needed, given) = match target.environment {
        Environment::Production => ("production", "the sandbox"),
        Environment::Sandbox => ("the sandbox", "production"),
    };
    Refusal {
        code: "no_credential",
        why: format!(
            "cannot be pushed: this phone's app uses Apple's push service of {needed}, but the key “{label}” is for {given} only; add a key for {needed} under Push"
        ),
    }
}

#[cfg(test)]
mod tests;
