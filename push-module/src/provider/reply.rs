//! A provider's answer as it came, small and without secrets.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http::header::RETRY_AFTER;
use thiserror::Error;

/// An answer's body; both providers' largest has 1 kB, and a proxy's page is cut here.
pub const ANSWER_BYTES: usize = 16 * 1024;
/// No provider asks for more than an hour; a larger number is a broken one.
const RETRY_SECONDS: u64 = 24 * 3600;

/// A provider's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Header `apns-id`, if any.
    pub apns_id: Option<String>,
    /// Header `retry-after` in seconds, if any.
    pub retry_after: Option<Duration>,
    /// The body, at most [`ANSWER_BYTES`] long.
    pub body: Bytes,
}

/// Why there is no answer; the text holds no URL, because APNs puts the token into the path.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct SendError(pub String);

impl SendError {
    /// What a transport error means to an admin.
    pub(crate) fn of(error: reqwest::Error, host: &str) -> Self {
        let (is_timeout, is_connect) = (error.is_timeout(), error.is_connect());
        let error = error.without_url();
        let mut cause: &dyn std::error::Error = &error;
        while let Some(deeper) = cause.source() {
            cause = deeper;
        }
        let cause = cause.to_string();
        if is_connect && cause.contains("certificate") {
            return Self(format!(
                "{host} shows a certificate that this machine does not trust ({cause}); if a proxy opens secure connections on the way, add its root certificate to the credential, else update the package ca-certificates and check the clock"
            ));
        }
        let kind = if is_timeout {
            "did not answer in time"
        } else if is_connect {
            "cannot be reached"
        } else {
            "closed the connection without an answer"
        };
        Self(format!("{host} {kind} ({cause}); check this machine's internet connection, firewall and DNS"))
    }
}

impl Reply {
    /// Reads an answer to its end, at most [`ANSWER_BYTES`].
    pub(crate) async fn read(mut response: reqwest::Response, host: &str) -> Result<Self, SendError> {
        let status = response.status().as_u16();
        let apns_id = text_header(response.headers(), "apns-id");
        let retry_after = retry_after(response.headers());
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| SendError::of(error, host))? {
            let room = ANSWER_BYTES - body.len();
            body.extend_from_slice(chunk.get(..room).unwrap_or(&chunk));
            if body.len() >= ANSWER_BYTES {
                break;
            }
        }
        Ok(Self { status, apns_id, retry_after, body: body.freeze() })
    }

    /// The body as JSON, if it is.
    pub(crate) fn json(&self) -> Option<serde_json::Value> {
        serde_json::from_slice(&self.body).ok()
    }
}

fn text_header(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).filter(|text| text.len() <= 64).map(str::to_owned)
}

/// Seconds only; neither provider sends a date (RFC 9110 section 10.2.3 would allow one).
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds: u64 = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds.min(RETRY_SECONDS)))
}
