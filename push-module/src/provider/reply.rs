//! A provider's answer as it came, small and without secrets.

use std::time::{Duration, UNIX_EPOCH};

use bytes::{Bytes, BytesMut};
use http::header::{DATE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Response};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use pbx_core::model::UnixMillis;
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
    /// Header `retry-after`, as a time from the answer on, if any.
    pub retry_after: Option<Duration>,
    /// Header `date`: the provider's clock, in whole seconds.
    pub date: Option<UnixMillis>,
    /// The body, at most [`ANSWER_BYTES`] long.
    pub body: Bytes,
}

/// Why there is no answer; the text holds no URL, because APNs puts the token into the path.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct SendError(pub String);

impl SendError {
    /// What a connection without an answer means to an admin.
    pub(crate) fn of(how: &str, cause: &str, host: &str) -> Self {
        let cause = if cause.is_empty() { String::new() } else { format!(" ({cause})") };
        Self(format!("{host} {how}{cause}; check this machine's internet connection and firewall"))
    }
}

impl Reply {
    /// Reads an answer to its end, at most [`ANSWER_BYTES`].
    pub(crate) async fn read(response: Response<Incoming>, host: &str) -> Result<Self, SendError> {
        let status = response.status().as_u16();
        let apns_id = text_header(response.headers(), "apns-id");
        let date = response.headers().get(DATE).and_then(http_date);
        let retry_after = retry_after(response.headers(), date);
        let mut incoming = response.into_body();
        let mut body = BytesMut::new();
        while let Some(frame) = incoming.frame().await {
            let frame = frame.map_err(|error| SendError::of("broke off its answer", &error.to_string(), host))?;
            let Ok(chunk) = frame.into_data() else { continue };
            let room = ANSWER_BYTES - body.len();
            body.extend_from_slice(chunk.get(..room).unwrap_or(&chunk));
            if body.len() >= ANSWER_BYTES {
                break;
            }
        }
        Ok(Self { status, apns_id, retry_after, date, body: body.freeze() })
    }

    /// The body as JSON, if it is.
    pub(crate) fn json(&self) -> Option<serde_json::Value> {
        serde_json::from_slice(&self.body).ok()
    }
}

fn text_header(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).filter(|text| text.len() <= 64).map(str::to_owned)
}

/// Seconds or a date (RFC 9110 section 10.2.3). A date is counted from the provider's own clock, because ours may be wrong.
fn retry_after(headers: &HeaderMap, date: Option<UnixMillis>) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?;
    let wait = match value.to_str().ok()?.trim().parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => http_date(value)?.since(date?),
    };
    Some(wait.min(Duration::from_secs(RETRY_SECONDS)))
}

/// A date of any of the three forms of RFC 9110 section 5.6.7.
fn http_date(value: &HeaderValue) -> Option<UnixMillis> {
    let since = httpdate::parse_http_date(value.to_str().ok()?.trim()).ok()?.duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(since.as_millis()).ok().map(UnixMillis)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(retry_after: &str, date: Option<&str>) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, retry_after.parse().unwrap());
        let date = date.and_then(|date| http_date(&HeaderValue::from_str(date).unwrap()));
        super::retry_after(&headers, date)
    }

    #[test]
    fn a_wait_is_read_in_seconds_and_as_a_date_from_the_providers_own_clock() {
        let date = Some("Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(wait("120", None), Some(Duration::from_secs(120)));
        assert_eq!(wait("Sun, 06 Nov 1994 08:50:07 GMT", date), Some(Duration::from_secs(30)));
        assert_eq!(wait("Sunday, 06-Nov-94 08:50:07 GMT", date), Some(Duration::from_secs(30)));
        assert_eq!(wait("Sun, 06 Nov 1994 08:49:00 GMT", date), Some(Duration::ZERO), "it is over");
        assert_eq!(wait("Sun, 06 Nov 1994 08:50:07 GMT", None), None);
        assert_eq!(wait("99999999", None), Some(Duration::from_secs(RETRY_SECONDS)));
        for broken in ["-1", "soon", "1.5", ""] {
            assert_eq!(wait(broken, date), None, "{broken}");
        }
    }
}
