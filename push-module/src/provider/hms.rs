//! Huawei's HMS Push Kit, the interface v1: requests, access tokens, answers. Built from Huawei's documents and never run
//! against Huawei itself; docs/hms.md says what that means.
//!
//! The result stands in the `code` of the body; a 200 says only that Huawei has read the request.

use pbx_core::model::{Redacted, UnixMillis, Verdict, WakeRequest};
use serde_json::Value;

use super::access::{self, AccessError, AccessToken, JsonMessage};
use super::apns::clip;
use super::client::HttpClient;
use super::{Reply, SendError};
use crate::credential::{BaseUrl, HmsApp};
use crate::delivery::{Answer, Refusal, Remedy};
use crate::payload::fcm_token;
use crate::payload::hms::{HmsBody, body, check_body};

/// Makes the request for a wake.
pub fn build(wake: &WakeRequest, now: UnixMillis) -> Result<JsonMessage, Refusal> {
    encode(body(wake, fcm_token(&wake.target)?, now))
}

/// The request of the live check.
pub fn build_check() -> Result<JsonMessage, Refusal> {
    encode(check_body(&Redacted::new("nightbell-check".to_owned())))
}

fn encode(body: Result<HmsBody<'_>, serde_json::Error>) -> Result<JsonMessage, Refusal> {
    JsonMessage::of(&body.map_err(|_| Refusal {
        code: "push_unbuildable",
        why: "the push could not be put together; please report this".to_owned(),
    })?)
}

/// Sends one message and reads the answer.
pub async fn send(
    client: &HttpClient,
    base: &BaseUrl,
    app_id: &str,
    message: JsonMessage,
    access_token: &Redacted<String>,
) -> Result<Reply, SendError> {
    let url = format!("{base}/v1/{app_id}/messages:send");
    access::send(client, &url, message, access_token).await
}

/// Fetches an access token with the app's secret (RFC 6749 section 4.4).
pub async fn fetch_access(
    client: &HttpClient,
    app: &HmsApp,
    token_url: &BaseUrl,
    now: UnixMillis,
) -> Result<AccessToken, AccessError> {
    let form =
        [("grant_type", "client_credentials"), ("client_id", app.app_id()), ("client_secret", app.secret().reveal())];
    access::fetch(client, token_url.as_str(), &form, now, sign_in_refusal).await
}

/// What an answer of the token service without a token means.
pub(super) fn sign_in_refusal(reply: &Reply) -> Answer {
    if reply.status >= 500 || reply.status == 429 {
        return hiccup(reply, "sign-in");
    }
    let says = reply.json().and_then(|body| body.get("error_description")?.as_str().map(clip)).unwrap_or_default();
    let what = format!(
        "Huawei does not accept app id and app secret (HTTP {}, {says}); compare them with AppGallery Connect, Project settings, and add them again under Push",
        reply.status
    );
    Answer::is_final(misconfigured("hms_key", what))
}

/// What an answer means: by the `code` in its body, and only without one by its status.
pub fn classify(reply: &Reply) -> Answer {
    let body = reply.json();
    let text = |key: &str| body.as_ref().and_then(|body| body.get(key)).and_then(Value::as_str).unwrap_or_default();
    let (code, says) = (text("code"), clip(text("msg")));
    let id = Some(clip(text("requestId"))).filter(|id| !id.is_empty());
    let mut answer = if code.is_empty() { by_status(reply) } else { by_code(code, &says, reply) };
    answer.provider_id = id;
    answer
}

/// Huawei, HMS Core References, "Result codes".
fn by_code(code: &str, says: &str, reply: &Reply) -> Answer {
    match code {
        "80000000" => Answer::accepted(None),
        // One token is sent, so "some" are all.
        "80100000" | "80300007" => Answer::is_final(Verdict::TokenGone {
            since: None,
            why: format!(
                "Huawei does not know this phone's token ({code}): the app was removed, or it is of another app"
            ),
        }),
        "80200001" | "80200003" => Answer::with_remedy(
            misconfigured(
                "hms_auth",
                format!(
                    "Huawei does not accept our access token ({code}, {says}); check that app id and secret belong together"
                ),
            ),
            Remedy::RenewToken,
        ),
        "80300002" => Answer::is_final(misconfigured(
            "hms_forbidden",
            format!(
                "Huawei lets this app send no pushes ({code}, {says}); enable Push Kit in AppGallery Connect, and check the app id"
            ),
        )),
        "81000001" => hiccup(reply, says),
        _ => Answer::is_final(Verdict::Refused {
            why: format!("Huawei refused the form of the push ({code}, {says}); please report this"),
        }),
    }
}

fn by_status(reply: &Reply) -> Answer {
    let status = reply.status;
    match status {
        401 | 403 => Answer::with_remedy(
            misconfigured("hms_auth", format!("Huawei does not accept our access token (HTTP {status})")),
            Remedy::RenewToken,
        ),
        404 => Answer::is_final(misconfigured(
            "hms_address",
            format!(
                "Huawei knows no app with this app id (HTTP {status}); compare it with AppGallery Connect, Project settings"
            ),
        )),
        // Huawei's word for too many pushes.
        429 | 503 => Answer::with_remedy(
            Verdict::RetryAfter { wait: reply.retry_after, why: format!("Huawei got too many pushes (HTTP {status})") },
            Remedy::Wait(reply.retry_after),
        ),
        500.. => hiccup(reply, "no reason"),
        _ => Answer::is_final(Verdict::Refused {
            why: format!(
                "the answer did not come from Huawei, or it was damaged (HTTP {status}); check proxies and firewalls"
            ),
        }),
    }
}

fn misconfigured(code: &str, what: String) -> Verdict {
    Verdict::Misconfigured { code: code.to_owned(), what }
}

fn hiccup(reply: &Reply, says: &str) -> Answer {
    let why = format!("Huawei has a problem of its own ({says}, HTTP {})", reply.status);
    let verdict = Verdict::RetryAfter { wait: reply.retry_after, why };
    Answer::with_remedy(verdict, Remedy::TrySoon { wish: reply.retry_after })
}
