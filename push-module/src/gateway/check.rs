//! The live check: asks the provider whether it accepts a credential, without reaching any phone.

use std::time::Duration;

use pbx_core::model::{Environment, Now, UnixMillis, Verdict, WakeId};

use super::line::{BearerService, Line, age, apns_base};
use crate::credential::{ApnsCertificateDetails, BaseUrl, CheckOutcome, KeptToken, TOKEN_SECONDS};
use crate::delivery::{Answer, KEY_ENVIRONMENT};
use crate::provider::access::AccessError;
use crate::provider::{SendError, acrobits, apns, webhook};

/// Apps of one key that are checked; more than a few share one answer anyway.
const TOPICS: usize = 5;
/// Asked with a key that names no app; Apple's answer about it does not count against the key.
const ANY_TOPIC: &str = "org.example.nightbell-check";

const APPLE_GOOD: &str = "Apple accepts this key; phones of its apps can be woken";
const GOOGLE_GOOD: &str = "Google accepts this service account; phones of its project can be woken";
const HUAWEI_GOOD: &str = "Huawei accepts app id and app secret; phones of this app can be woken";
const RELAY_GOOD: &str = "the relay accepts our signature; phones of its apps can be woken";

const KEY_GOOD: &str =
    "the key signs; each phone has a push service of its own, so a test push to a phone shows the rest";

const MEDIATOR_GOOD: &str = "Acrobits' mediator answers; a test push to a phone shows the rest";

/// A finished check.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) outcome: CheckOutcome,
    pub(super) minted: Option<KeptToken>,
}

/// What one question showed.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Finding {
    Good,
    Bad { code: String, text: String },
}

/// Checks a line.
pub(super) async fn check(line: &Line, id: WakeId, now: Now) -> Checked {
    if let Some(certificate) = line.apns_certificate_parts(now.wall) {
        let outcome = match certificate {
            Ok(details) => apns_outcome(&check_apns(line, &of_certificate(details), id, now.wall).await, now.wall),
            Err(answer) => outcome_of(&bad(&answer), APPLE_GOOD, now.wall),
        };
        return Checked { outcome, minted: None };
    }
    match (line.apns_parts(now.wall), line.bearer_service()) {
        (Some(Ok(parts)), _) => {
            let minted = parts.minted.clone();
            let findings = check_apns(line, &of_key(&parts), id, now.wall).await;
            Checked { outcome: apns_outcome(&findings, now.wall), minted }
        }
        (Some(Err(answer)), _) => Checked { outcome: outcome_of(&bad(&answer), APPLE_GOOD, now.wall), minted: None },
        (None, Some(service)) => {
            let good = match service {
                BearerService::Google(..) => GOOGLE_GOOD,
                BearerService::Huawei(..) => HUAWEI_GOOD,
            };
            Checked { outcome: outcome_of(&check_bearer(line, service, now.wall).await, good, now.wall), minted: None }
        }
        (None, None) if line.vapid_parts().is_some() => {
            Checked { outcome: outcome_of(&check_web_push(line, now.wall), KEY_GOOD, now.wall), minted: None }
        }
        (None, None) if line.acrobits_parts().is_some() => {
            let finding = check_acrobits(line).await;
            Checked { outcome: outcome_of(&finding, MEDIATOR_GOOD, now.wall), minted: None }
        }
        (None, None) => {
            let finding = check_webhook(line, &id.to_string(), now.wall).await;
            Checked { outcome: outcome_of(&finding, RELAY_GOOD, now.wall), minted: None }
        }
    }
}

/// What a key or a certificate is asked with.
struct Asked<'a> {
    named: Vec<&'a str>,
    environments: &'static [Environment],
    urls: (&'a BaseUrl, &'a BaseUrl),
    /// A certificate needs none.
    bearer: Option<&'a KeptToken>,
}

fn of_key<'a>(parts: &'a super::line::ApnsParts<'_>) -> Asked<'a> {
    Asked {
        named: parts.details.bundle_ids.iter().take(TOPICS).map(String::as_str).collect(),
        environments: parts.details.environment.list(),
        urls: (&parts.details.production_url, &parts.details.sandbox_url),
        bearer: Some(&parts.bearer),
    }
}

fn of_certificate(details: &ApnsCertificateDetails) -> Asked<'_> {
    // A topic for complications takes pushes of that kind only; its app's own stands beside it.
    let topics = details.topics.iter().map(String::as_str).filter(|topic| !topic.ends_with(".complication"));
    Asked {
        named: topics.take(TOPICS).collect(),
        environments: details.environment.list(),
        urls: (&details.production_url, &details.sandbox_url),
        bearer: None,
    }
}

async fn check_apns(line: &Line, asked: &Asked<'_>, id: WakeId, now: UnixMillis) -> Vec<(Environment, Finding)> {
    let named = &asked.named;
    let topics = if named.is_empty() { vec![ANY_TOPIC] } else { named.clone() };
    let id = id.to_string();
    let mut findings = Vec::new();
    for environment in asked.environments {
        let client = match line.new_client() {
            Ok(client) => client,
            Err(error) => {
                findings.push((*environment, unreachable(error)));
                continue;
            }
        };
        for topic in &topics {
            let Ok(message) = apns::build_check(topic, &id) else { continue };
            let base = apns_base(asked.urls, *environment);
            let bearer = asked.bearer.map(|it| &it.token);
            let age = asked.bearer.map_or(Duration::ZERO, |it| age(it.issued_at, now));
            let finding = match apns::send(&client, base, message, bearer).await {
                Err(error) => unreachable(error),
                Ok(reply) => {
                    let answer = apns::classify(&reply, *environment, age);
                    judge_apns(&answer, named.is_empty(), topic)
                }
            };
            let is_good = finding == Finding::Good;
            findings.push((*environment, finding));
            if !is_good {
                break;
            }
        }
    }
    findings
}

/// An invalid token was asked for: whatever Apple says about the token proves that it accepted the key.
fn judge_apns(answer: &Answer, any_topic: bool, topic: &str) -> Finding {
    match &answer.verdict {
        Verdict::Accepted | Verdict::TokenGone { .. } | Verdict::TokenWrong { .. } => Finding::Good,
        Verdict::Misconfigured { code, .. } if code == "apns_topic" && any_topic => Finding::Good,
        Verdict::Misconfigured { code, what } if code == "apns_topic" => {
            Finding::Bad { code: code.clone(), text: format!("{topic}: {what}") }
        }
        Verdict::Misconfigured { .. } | Verdict::RetryAfter { .. } | Verdict::Refused { .. } => bad(answer),
    }
}

fn apns_outcome(findings: &[(Environment, Finding)], at: UnixMillis) -> CheckOutcome {
    let bad_in = |environment: Environment| {
        findings.iter().find(|(it, finding)| *it == environment && *finding != Finding::Good).map(|(_, bad)| bad)
    };
    let asked = |environment: Environment| findings.iter().any(|(it, _)| *it == environment);
    let production = bad_in(Environment::Production);
    let sandbox = bad_in(Environment::Sandbox);
    let of_environment = |finding: &Finding| matches!(finding, Finding::Bad { code, .. } if code == KEY_ENVIRONMENT);
    match (production, sandbox) {
        (None, None) => CheckOutcome {
            at,
            ok: true,
            code: "ok".to_owned(),
            text: APPLE_GOOD.to_owned(),
        },
        (None, Some(bad)) if asked(Environment::Production) && of_environment(bad) => CheckOutcome {
            at,
            ok: true,
            code: "ok_production_only".to_owned(),
            text: "Apple accepts this key in production only: apps from the store and TestFlight can be woken, builds run from Xcode cannot".to_owned(),
        },
        (Some(bad), None) if asked(Environment::Sandbox) && of_environment(bad) => CheckOutcome {
            at,
            ok: true,
            code: "ok_sandbox_only".to_owned(),
            text: "Apple accepts this key in its sandbox only: builds run from Xcode can be woken, apps from the store and TestFlight cannot".to_owned(),
        },
        (Some(bad), _) | (None, Some(bad)) => outcome_of(bad, APPLE_GOOD, at),
    }
}

async fn check_bearer(line: &Line, service: &BearerService, now: UnixMillis) -> Finding {
    let client = match line.new_client() {
        Ok(client) => client,
        Err(error) => return unreachable(error),
    };
    let access = match service.fetch(&client, now).await {
        Ok(access) => access,
        Err(AccessError::Refused(answer)) => return bad(&answer),
        Err(AccessError::Unreachable(error)) => return unreachable(error),
    };
    let Ok(message) = service.build_check() else {
        return Finding::Bad { code: "push_unbuildable".to_owned(), text: "please report this".to_owned() };
    };
    match service.send(&client, message, &access.token).await {
        Err(error) => unreachable(error),
        Ok(reply) => {
            let answer = service.classify(&reply);
            match &answer.verdict {
                Verdict::Accepted | Verdict::TokenGone { .. } | Verdict::TokenWrong { .. } => Finding::Good,
                Verdict::Misconfigured { .. } | Verdict::RetryAfter { .. } | Verdict::Refused { .. } => bad(&answer),
            }
        }
    }
}

async fn check_webhook(line: &Line, id: &str, now: UnixMillis) -> Finding {
    let Some((key, details)) = line.webhook_parts() else {
        return Finding::Bad { code: "unreadable".to_owned(), text: "upload it again".to_owned() };
    };
    let client = match line.new_client() {
        Ok(client) => client,
        Err(error) => return unreachable(error),
    };
    let Ok(message) = webhook::build_check(id, now) else {
        return Finding::Bad { code: "push_unbuildable".to_owned(), text: "please report this".to_owned() };
    };
    match webhook::send(&client, &details.url, key, message, now).await {
        Err(error) => unreachable(error),
        Ok(reply) => {
            let answer = webhook::classify(&reply);
            if answer.verdict == Verdict::Accepted { Finding::Good } else { bad(&answer) }
        }
    }
}

/// There is no service that all phones share and that could be asked.
fn check_web_push(line: &Line, now: UnixMillis) -> Finding {
    let signed = line.vapid_parts().and_then(|(key, details)| {
        key.token("https://push.example.net", &details.contact, now.seconds() + TOKEN_SECONDS)
    });
    match (signed, line.new_client()) {
        (Some(_), Ok(_)) => Finding::Good,
        (Some(_), Err(error)) => unreachable(error),
        (None, _) => {
            Finding::Bad { code: "webpush_key".to_owned(), text: "the key cannot sign; please report this".to_owned() }
        }
    }
}

async fn check_acrobits(line: &Line) -> Finding {
    let Some(details) = line.acrobits_parts() else {
        return Finding::Bad { code: "unreadable".to_owned(), text: "add it again".to_owned() };
    };
    let client = match line.new_client() {
        Ok(client) => client,
        Err(error) => return unreachable(error),
    };
    let Ok(message) = acrobits::build_check() else {
        return Finding::Bad { code: "push_unbuildable".to_owned(), text: "please report this".to_owned() };
    };
    match acrobits::send(&client, &details.url, message).await {
        Err(error) => unreachable(error),
        Ok(reply) => {
            let answer = acrobits::classify(&reply);
            if acrobits::is_mediator(&answer) { Finding::Good } else { bad(&answer) }
        }
    }
}

fn unreachable(SendError(text): SendError) -> Finding {
    Finding::Bad { code: "unreachable".to_owned(), text }
}

fn bad(answer: &Answer) -> Finding {
    let code = match &answer.verdict {
        Verdict::Misconfigured { code, .. } => code.clone(),
        Verdict::RetryAfter { .. } => "provider_busy".to_owned(),
        Verdict::Accepted | Verdict::TokenGone { .. } | Verdict::TokenWrong { .. } | Verdict::Refused { .. } => {
            "refused".to_owned()
        }
    };
    Finding::Bad { code, text: answer.why().to_owned() }
}

fn outcome_of(finding: &Finding, good: &str, at: UnixMillis) -> CheckOutcome {
    match finding {
        Finding::Good => CheckOutcome { at, ok: true, code: "ok".to_owned(), text: good.to_owned() },
        Finding::Bad { code, text } => CheckOutcome { at, ok: false, code: code.clone(), text: text.clone() },
    }
}
