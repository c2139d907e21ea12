//! Acrobits' push mediator: it wakes Groundwire, Cloud Softphone and their white labels, whose keys nobody else has. The
//! mediator learns that a phone is called, by whom, and the tokens; it never sees a SIP secret. See docs/acrobits.md.

use bytes::Bytes;
use pbx_core::model::{Verdict, WakeRequest};
use serde_json::Value;

use super::apns::clip;
use super::client::{HttpClient, json};
use super::{Reply, SendError};
use crate::credential::BaseUrl;
use crate::delivery::{Answer, Refusal, Remedy};
use crate::payload::acrobits::{AcrobitsBody, acrobits_token, body, check_body};

/// An object, ready to be sent; the tokens are in it, so it has no `Debug`.
#[derive(Clone)]
pub struct AcrobitsSend {
    /// JSON.
    pub body: Bytes,
}

/// Makes the request for a wake.
pub fn build(wake: &WakeRequest) -> Result<AcrobitsSend, Refusal> {
    let token = acrobits_token(wake.kind, &wake.target)?;
    encode(&body(wake, &token))
}

/// The request of the live check.
pub fn build_check() -> Result<AcrobitsSend, Refusal> {
    encode(&check_body())
}

fn encode(body: &AcrobitsBody<'_>) -> Result<AcrobitsSend, Refusal> {
    match serde_json::to_vec(body) {
        Ok(body) => Ok(AcrobitsSend { body: Bytes::from(body) }),
        Err(_) => Err(Refusal {
            code: "push_unbuildable",
            why: "the push could not be put together; please report this".to_owned(),
        }),
    }
}

/// Sends one object and reads the answer.
pub async fn send(client: &HttpClient, url: &BaseUrl, message: AcrobitsSend) -> Result<Reply, SendError> {
    Ok(client.post(url.as_str(), json(), None, message.body).await?)
}

/// What an answer means: by the `code` in its body, which the mediator sends with a 2xx, and only without one by its status.
pub fn classify(reply: &Reply) -> Answer {
    let (code, says) = match reply.json() {
        Some(Value::Object(object)) => (
            object.get("code").and_then(Value::as_u64),
            object.get("response").and_then(Value::as_str).map(clip).unwrap_or_default(),
        ),
        Some(_) | None => (None, String::new()),
    };
    let with = |text: &str| if says.is_empty() { text.to_owned() } else { format!("{text} ({says})") };
    match (code, reply.status) {
        (Some(200), 200..=299) => Answer::accepted(None),
        (Some(404), _) => Answer::is_final(Verdict::TokenGone {
            since: None,
            why: with("Acrobits' mediator says that the app is no longer on this phone"),
        }),
        (Some(429), _) | (None, 429) => Answer::with_remedy(
            Verdict::RetryAfter { wait: reply.retry_after, why: with("Acrobits' mediator has too much to do") },
            Remedy::Wait(reply.retry_after),
        ),
        (Some(500..), _) | (None, 500..) => Answer::with_remedy(
            Verdict::RetryAfter { wait: reply.retry_after, why: with("Acrobits' mediator has a problem of its own") },
            Remedy::TrySoon { wish: reply.retry_after },
        ),
        (Some(401 | 403), _) => Answer::is_final(Verdict::Misconfigured {
            code: "acrobits_refused".to_owned(),
            what: with("Acrobits' mediator takes no pushes for this app from here; ask Acrobits to allow them"),
        }),
        (Some(code), _) => Answer::is_final(Verdict::Refused {
            why: with(&format!("Acrobits' mediator refuses the push with code {code}")),
        }),
        (None, status) => Answer::is_final(Verdict::Misconfigured {
            code: "acrobits_address".to_owned(),
            what: format!(
                "there is no push mediator at this address (HTTP {status}); remove the address under Push, Acrobits, so that Acrobits' own is asked"
            ),
        }),
    }
}

/// Whether an answer to the live check comes from a mediator, whatever it says about the phone that nobody has.
pub fn is_mediator(answer: &Answer) -> bool {
    match &answer.verdict {
        Verdict::Accepted | Verdict::TokenGone { .. } | Verdict::TokenWrong { .. } | Verdict::Refused { .. } => true,
        Verdict::RetryAfter { .. } | Verdict::Misconfigured { .. } => false,
    }
}
