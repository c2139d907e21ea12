//! A webhook: a relay of the admin's choice pushes in our place, for example the one of an app's publisher who keeps his
//! keys to himself. The exchange is described in docs/webhook.md.

use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use pbx_core::model::{UnixMillis, Verdict, WakeRequest};
use serde::Deserialize;

use super::apns::clip;
use super::client::{HttpClient, HttpError, json};
use super::{Reply, SendError};
use crate::credential::{BaseUrl, WebhookKey};
use crate::delivery::{Answer, Refusal, Remedy};
use crate::payload::webhook::{WebhookBody, body, check_body};

/// A document, ready to be signed and sent.
#[derive(Clone)]
pub struct WebhookSend {
    /// Names the wake in every attempt, so that a relay can drop repeats.
    pub id: String,
    /// JSON; the device's tokens are in it, so it has no `Debug`.
    pub body: Bytes,
}

/// Makes the request for a wake.
pub fn build(wake: &WakeRequest) -> Result<WebhookSend, Refusal> {
    encode(wake.wake_id.to_string(), &body(wake))
}

/// The request of the live check.
pub fn build_check(id: &str, now: UnixMillis) -> Result<WebhookSend, Refusal> {
    encode(id.to_owned(), &check_body(now))
}

fn encode(id: String, body: &WebhookBody<'_>) -> Result<WebhookSend, Refusal> {
    match serde_json::to_vec(body) {
        Ok(body) => Ok(WebhookSend { id, body: Bytes::from(body) }),
        Err(_) => Err(Refusal {
            code: "push_unbuildable",
            why: "the push could not be put together; please report this".to_owned(),
        }),
    }
}

/// Signs and sends one document and reads the answer.
pub async fn send(
    client: &HttpClient,
    url: &BaseUrl,
    key: &WebhookKey,
    message: WebhookSend,
    now: UnixMillis,
) -> Result<Reply, SendError> {
    Ok(post_signed(client, url.as_str(), &[key], (&message.id, message.body), now).await?)
}

/// Sends a document with an id, a timestamp and one signature for each key (Standard Webhooks specification), and reads the
/// answer. Pushes to a relay and events go out the same way.
pub async fn post_signed(
    client: &HttpClient,
    url: &str,
    keys: &[&WebhookKey],
    (id, body): (&str, Bytes),
    now: UnixMillis,
) -> Result<Reply, HttpError> {
    let timestamp = now.seconds();
    let signatures: Vec<String> = keys.iter().map(|key| key.sign(id, timestamp, &body)).collect();
    let mut headers = json();
    for (name, value) in [
        ("webhook-id", id.to_owned()),
        ("webhook-timestamp", timestamp.to_string()),
        ("webhook-signature", signatures.join(" ")),
    ] {
        let unfit = "the document cannot be signed; please report this";
        let value = HeaderValue::from_str(&value).map_err(|_| HttpError::Unreachable(SendError(unfit.to_owned())))?;
        headers.insert(HeaderName::from_static(name), value);
    }
    client.post(url, headers, None, body).await
}

/// What a relay may say about a wake it did not take.
#[derive(Debug, Deserialize)]
struct Refused {
    error: Reason,
    #[serde(default)]
    message: String,
    /// Unix seconds; with `token_gone`.
    #[serde(default)]
    since: Option<i64>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Reason {
    TokenGone,
    TokenWrong,
    Busy,
    Refused,
}

/// What a relay may say about a wake it took.
#[derive(Debug, Deserialize)]
struct Taken {
    id: String,
}

/// What an answer means: by the reason in its body, and only without one by its status.
pub fn classify(reply: &Reply) -> Answer {
    if (200..300).contains(&reply.status) {
        let id = serde_json::from_slice::<Taken>(&reply.body).ok().map(|taken| clip(&taken.id));
        return Answer::accepted(id);
    }
    match serde_json::from_slice::<Refused>(&reply.body) {
        Ok(refused) => by_reason(reply, &refused),
        Err(_) => by_status(reply),
    }
}

fn by_reason(reply: &Reply, refused: &Refused) -> Answer {
    let says = |otherwise: &str| {
        if refused.message.is_empty() {
            otherwise.to_owned()
        } else {
            format!("{otherwise} ({})", clip(&refused.message))
        }
    };
    match refused.error {
        Reason::TokenGone => Answer::is_final(Verdict::TokenGone {
            since: refused.since.map(|seconds| UnixMillis(seconds.saturating_mul(1000))),
            why: says("the relay says that the app is no longer on this phone"),
        }),
        Reason::TokenWrong => Answer::is_final(Verdict::TokenWrong {
            why: says("the relay says that this phone's token is not of its app"),
            accepted_in: None,
        }),
        Reason::Busy => Answer::with_remedy(
            Verdict::RetryAfter { wait: reply.retry_after, why: says("the relay has too much to do") },
            Remedy::Wait(reply.retry_after),
        ),
        Reason::Refused => Answer::is_final(Verdict::Refused { why: says("the relay refuses this push") }),
    }
}

fn by_status(reply: &Reply) -> Answer {
    let status = reply.status;
    let misconfigured = |code: &str, what: &str| {
        Answer::is_final(Verdict::Misconfigured { code: code.to_owned(), what: format!("{what} (HTTP {status})") })
    };
    match status {
        401 | 403 => misconfigured(
            "webhook_signature",
            "the relay does not accept our signature; give it the same secret as here and set both clocks by NTP",
        ),
        300..=399 | 404 | 405 | 410 => misconfigured(
            "webhook_address",
            "there is no relay at this address any more; ask who runs it for the new one and add it under Push",
        ),
        429 => Answer::with_remedy(
            Verdict::RetryAfter { wait: reply.retry_after, why: "the relay has too much to do".to_owned() },
            Remedy::Wait(reply.retry_after),
        ),
        500.. => Answer::with_remedy(
            Verdict::RetryAfter {
                wait: reply.retry_after,
                why: format!("the relay has a problem of its own (HTTP {status})"),
            },
            Remedy::TrySoon { wish: reply.retry_after },
        ),
        _ => Answer::is_final(Verdict::Refused {
            why: format!("the relay refuses the push without a reason that Nightbell knows (HTTP {status})"),
        }),
    }
}
