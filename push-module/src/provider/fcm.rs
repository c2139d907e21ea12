//! Firebase Cloud Messaging, HTTP v1: requests, answers, access tokens, sending.

use pbx_core::model::{Redacted, UnixMillis, Verdict, WakeRequest};
use serde_json::Value;

use super::access::{self, AccessError, AccessToken, JsonMessage};
use super::apns::clip;
use super::client::HttpClient;
use super::{Reply, SendError};
use crate::credential::{BaseUrl, FcmAccount};
use crate::delivery::{Answer, Refusal, Remedy};
use crate::payload::fcm::{body, check_body};
use crate::payload::fcm_token;

const FCM_ERROR: &str = "type.googleapis.com/google.firebase.fcm.v1.FcmError";
const BAD_REQUEST: &str = "type.googleapis.com/google.rpc.BadRequest";
/// Makes the request for a wake.
pub fn build(wake: &WakeRequest, now: UnixMillis) -> Result<JsonMessage, Refusal> {
    JsonMessage::of(&body(wake, fcm_token(&wake.target)?, now))
}

/// The request of the live check.
pub fn build_check() -> Result<JsonMessage, Refusal> {
    JsonMessage::of(&check_body())
}

/// Sends one message and reads the answer.
pub async fn send(
    client: &HttpClient,
    base: &BaseUrl,
    project_id: &str,
    message: JsonMessage,
    access_token: &Redacted<String>,
) -> Result<Reply, SendError> {
    let url = format!("{base}/v1/projects/{project_id}/messages:send");
    access::send(client, &url, message, access_token).await
}

/// Fetches an access token with the account's assertion (RFC 7523).
pub async fn fetch_access(
    client: &HttpClient,
    account: &FcmAccount,
    now: UnixMillis,
) -> Result<AccessToken, AccessError> {
    let assertion = account.assertion(now.seconds()).ok_or_else(|| {
        let what = "the service account's key cannot sign; upload the JSON file again under Push";
        AccessError::Refused(Answer::is_final(misconfigured("fcm_key", what)))
    })?;
    let form = [("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"), ("assertion", assertion.reveal())];
    access::fetch(client, account.token_uri(), &form, now, sign_in_refusal).await
}

/// What an answer of the token service without a token means.
pub(super) fn sign_in_refusal(reply: &Reply) -> Answer {
    let body = reply.json();
    let text = |key: &str| body.as_ref().and_then(|body| body.get(key)).and_then(Value::as_str).unwrap_or_default();
    let (error, description) = (text("error"), text("error_description"));
    match error {
        "invalid_grant" if description.contains("short-lived") || description.contains("timeframe") => {
            Answer::is_final(misconfigured(
                "fcm_clock",
                "Google says that our proof of identity is not from now; this machine's clock is wrong, so set it by NTP",
            ))
        }
        "invalid_grant" | "invalid_client" | "unauthorized_client" => {
            let what = format!(
                "Google does not accept the service account's key ({}); it was deleted or disabled, so make a new one in the Firebase console and upload it under Push",
                clip(if description.is_empty() { error } else { description })
            );
            Answer::is_final(misconfigured("fcm_key", &what))
        }
        "" if reply.status >= 500 || reply.status == 429 => Answer::with_remedy(
            Verdict::RetryAfter {
                wait: reply.retry_after,
                why: format!("Google's sign-in service has a problem of its own (HTTP {})", reply.status),
            },
            Remedy::TrySoon { wish: reply.retry_after },
        ),
        _ => {
            let what = format!(
                "Google's sign-in service refused the service account (HTTP {}, {})",
                reply.status,
                clip(error)
            );
            Answer::is_final(misconfigured("fcm_sign_in", &what))
        }
    }
}

/// What an answer means.
pub fn classify(reply: &Reply) -> Answer {
    let body = reply.json();
    if reply.status == 200
        && let Some(name) = body.as_ref().and_then(|body| body.get("name")).and_then(Value::as_str)
    {
        return Answer::accepted(Some(clip_name(name)));
    }
    let Some(error) = body.as_ref().and_then(|body| body.get("error")) else { return without_error(reply) };
    let details = error.get("details").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let status = error.get("status").and_then(Value::as_str).unwrap_or_default();
    let fcm_code = detail(details, FCM_ERROR).and_then(|it| it.get("errorCode")).and_then(Value::as_str);
    let about_token = detail(details, BAD_REQUEST)
        .and_then(|it| it.get("fieldViolations"))
        .and_then(Value::as_array)
        .is_some_and(|all| all.iter().any(|it| it.get("field").and_then(Value::as_str) == Some("message.token")));
    match fcm_code {
        Some(code) => of_fcm_code(code, about_token, reply),
        None => of_status(status, about_token, reply),
    }
}

fn detail<'a>(details: &'a [Value], kind: &str) -> Option<&'a Value> {
    details.iter().find(|it| it.get("@type").and_then(Value::as_str) == Some(kind))
}

fn misconfigured(code: &str, what: &str) -> Verdict {
    Verdict::Misconfigured { code: code.to_owned(), what: what.to_owned() }
}

/// `projects/<project>/messages/<id>`: the id is what support asks for.
fn clip_name(name: &str) -> String {
    name.chars().filter(|c| c.is_ascii_graphic()).take(200).collect()
}

fn token_wrong(why: &str) -> Answer {
    Answer::is_final(Verdict::TokenWrong { why: why.to_owned(), accepted_in: None })
}

fn hiccup(reply: &Reply, word: &str) -> Answer {
    let why = format!("Google has a problem of its own ({}, HTTP {})", clip(word), reply.status);
    Answer::with_remedy(
        Verdict::RetryAfter { wait: reply.retry_after, why },
        Remedy::TrySoon { wish: reply.retry_after },
    )
}

fn too_many(reply: &Reply, word: &str) -> Answer {
    let why = format!("Google got too many pushes ({})", clip(word));
    Answer::with_remedy(Verdict::RetryAfter { wait: reply.retry_after, why }, Remedy::Wait(reply.retry_after))
}

/// The codes of google.firebase.fcm.v1.FcmError.
fn of_fcm_code(code: &str, about_token: bool, reply: &Reply) -> Answer {
    match code {
        "UNREGISTERED" => Answer::is_final(Verdict::TokenGone {
            since: None,
            why: "the app was removed from this phone or its data was cleared (UNREGISTERED)".to_owned(),
        }),
        "SENDER_ID_MISMATCH" => token_wrong(
            "this phone's token belongs to another Firebase project (SENDER_ID_MISMATCH); the app and the service account must use the same project",
        ),
        "INVALID_ARGUMENT" if about_token => token_wrong(
            "Google does not recognise this phone's token (INVALID_ARGUMENT); open the app once so that it registers again",
        ),
        "INVALID_ARGUMENT" => refused_form("INVALID_ARGUMENT"),
        "QUOTA_EXCEEDED" => too_many(reply, code),
        "UNAVAILABLE" | "INTERNAL" => hiccup(reply, code),
        "THIRD_PARTY_AUTH_ERROR" => Answer::is_final(misconfigured(
            "fcm_third_party",
            "this phone is reached through Apple or a browser, and the Firebase project lacks the key for that (THIRD_PARTY_AUTH_ERROR); add it in the Firebase console under Cloud Messaging",
        )),
        _ => Answer::is_final(Verdict::Refused { why: format!("Google refused the push ({})", clip(code)) }),
    }
}

/// Errors of Google's common front end, without an FcmError.
fn of_status(status: &str, about_token: bool, reply: &Reply) -> Answer {
    match status {
        "NOT_FOUND" => Answer::is_final(misconfigured(
            "fcm_project",
            "Google does not know this Firebase project (NOT_FOUND); it was deleted, or the service account belongs to another one",
        )),
        "PERMISSION_DENIED" => Answer::is_final(misconfigured(
            "fcm_permission",
            "the service account may not push (PERMISSION_DENIED); in the Google Cloud console enable the Firebase Cloud Messaging API and give the account the role Firebase Cloud Messaging API Admin",
        )),
        "UNAUTHENTICATED" => Answer::with_remedy(
            misconfigured(
                "fcm_unauthenticated",
                "Google does not accept our access token (UNAUTHENTICATED); upload the service account again under Push",
            ),
            Remedy::RenewToken,
        ),
        "INVALID_ARGUMENT" if about_token => token_wrong(
            "Google does not recognise this phone's token (INVALID_ARGUMENT); open the app once so that it registers again",
        ),
        "INVALID_ARGUMENT" => refused_form(status),
        "RESOURCE_EXHAUSTED" => too_many(reply, status),
        "UNAVAILABLE" | "INTERNAL" | "DEADLINE_EXCEEDED" | "ABORTED" => hiccup(reply, status),
        _ => Answer::is_final(Verdict::Refused {
            why: format!("Google refused the push ({}, HTTP {})", clip(status), reply.status),
        }),
    }
}

fn refused_form(word: &str) -> Answer {
    Answer::is_final(Verdict::Refused {
        why: format!("Google refused the form of the push ({word}); please report this"),
    })
}

/// A page of a load balancer or of something between us and Google.
fn without_error(reply: &Reply) -> Answer {
    match reply.status {
        407 => Answer::is_final(misconfigured(
            "push_proxy",
            "a proxy on the way to Google asks for a password (HTTP 407); let this machine reach Google directly",
        )),
        429 => too_many(reply, "HTTP 429"),
        500..=599 => hiccup(reply, "no reason given"),
        status => Answer::is_final(Verdict::Refused {
            why: format!(
                "the answer did not come from Google, or it was damaged (HTTP {status}); check proxies and firewalls"
            ),
        }),
    }
}
