//! What FCM and HMS Push Kit have in common: a JSON message under a bearer token that a token service of theirs hands out
//! for about an hour (RFC 6749 section 5.1).

use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue};
use pbx_core::model::{Redacted, UnixMillis};
use serde::{Deserialize, Serialize};

use super::client::{HttpClient, bearer, json};
use super::{Reply, SendError};
use crate::delivery::{Answer, Refusal};

/// Both grant an hour; a stand-in or a proxy may say anything.
const ACCESS_SECONDS: u64 = 3600;

/// A message, ready to be sent.
#[derive(Clone)]
pub struct JsonMessage {
    /// JSON; the phone's token is in it, so it has no `Debug`.
    pub body: Bytes,
}

impl JsonMessage {
    pub(super) fn of(body: &impl Serialize) -> Result<Self, Refusal> {
        match serde_json::to_vec(body) {
            Ok(body) => Ok(Self { body: Bytes::from(body) }),
            Err(_) => Err(Refusal {
                code: "push_unbuildable",
                why: "the push could not be put together; please report this".to_owned(),
            }),
        }
    }
}

/// Sends one message and reads the answer.
pub(super) async fn send(
    client: &HttpClient,
    url: &str,
    message: JsonMessage,
    access_token: &Redacted<String>,
) -> Result<Reply, SendError> {
    Ok(client.post(url, json(), bearer(access_token), message.body).await?)
}

/// An access token as it was handed out.
#[derive(Debug, Clone)]
pub struct AccessToken {
    /// The bearer.
    pub token: Redacted<String>,
    /// When it ends.
    pub ends_at: UnixMillis,
}

/// Why there is no access token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccessError {
    /// The token service answered, but gave none.
    Refused(Answer),
    /// It did not answer.
    Unreachable(SendError),
}

/// Asks a token service with a form; `refusal` says what an answer without a token means.
pub(super) async fn fetch(
    client: &HttpClient,
    url: &str,
    form: &[(&str, &str)],
    now: UnixMillis,
    refusal: impl FnOnce(&Reply) -> Answer,
) -> Result<AccessToken, AccessError> {
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let form = HeaderValue::from_static("application/x-www-form-urlencoded");
    let headers = HeaderMap::from_iter([(CONTENT_TYPE, form)]);
    let reply = client.post(url, headers, None, body).await.map_err(|error| AccessError::Unreachable(error.into()))?;
    granted(&reply, now).ok_or_else(|| AccessError::Refused(Answer { date: reply.date, ..refusal(&reply) }))
}

/// The token in an answer, if there is one.
pub(super) fn granted(reply: &Reply, now: UnixMillis) -> Option<AccessToken> {
    #[derive(Deserialize)]
    struct Granted {
        access_token: Redacted<String>,
        expires_in: Option<u64>,
    }
    let Granted { access_token: token, expires_in } = serde_json::from_slice(&reply.body).ok()?;
    let usable =
        reply.status == 200 && !token.reveal().is_empty() && token.reveal().bytes().all(|b| b.is_ascii_graphic());
    let seconds = expires_in.unwrap_or(ACCESS_SECONDS).min(ACCESS_SECONDS);
    usable.then(|| AccessToken { token, ends_at: now + Duration::from_secs(seconds) })
}
