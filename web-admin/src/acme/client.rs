//! The authority over HTTPS, on the way that pushes leave: past the web proxy, with the trusted roots of this machine and those an
//! admin added. A directory may name addresses in a private network only on its own host.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::header::{ACCEPT_LANGUAGE, DATE, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderValue, Request};
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;

/// The longest answer is a certificate with its chain, some ten kilobytes.
const ANSWER_BYTES: usize = 256 * 1024;
/// Our own requests are a few kilobytes.
const REQUEST_BYTES: usize = 64 * 1024;

/// What the authority answered last: the library tells less of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct LastAnswer {
    pub(super) status: Option<u16>,
    pub(super) retry_after: Option<Duration>,
    /// Why there was no answer.
    pub(super) unreachable: Option<String>,
}

/// A client for one authority; cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct AcmeHttp {
    client: push_module::HttpClient,
    last: Arc<Mutex<LastAnswer>>,
}

impl AcmeHttp {
    pub(super) fn new(client: push_module::HttpClient) -> Self {
        Self { client, last: Arc::default() }
    }

    pub(super) fn last(&self) -> LastAnswer {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn keep(&self, answer: LastAnswer) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = answer;
    }

    async fn ask(&self, request: Request<BodyWrapper<Bytes>>) -> Result<BytesResponse, Error> {
        let (mut parts, body) = request.into_parts();
        // Problems are shown to people as they are said.
        parts.headers.insert(ACCEPT_LANGUAGE, HeaderValue::from_static("en"));
        let body = to_bytes(Body::new(body), REQUEST_BYTES).await.map_err(|why| Error::Other(Box::new(why)))?;
        match self.client.ask(Request::from_parts(parts, body), ANSWER_BYTES).await {
            Ok(answer) => {
                let status = answer.status().as_u16();
                self.keep(LastAnswer {
                    status: Some(status),
                    retry_after: retry_after(answer.headers()),
                    unreachable: None,
                });
                let (parts, bytes) = answer.into_parts();
                Ok(BytesResponse { parts, body: Box::new(bytes) })
            }
            Err(error) => {
                let why = push_module::SendError::from(error);
                self.keep(LastAnswer { unreachable: Some(why.0.clone()), ..LastAnswer::default() });
                Err(Error::Other(Box::new(why)))
            }
        }
    }
}

impl HttpClient for AcmeHttp {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let this = self.clone();
        Box::pin(async move { this.ask(request).await })
    }
}

/// Seconds, or a date counted from the authority's own clock, because ours may be wrong (RFC 9110 section 10.2.3).
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let wanted = date(text)?;
    let now = date(headers.get(DATE)?.to_str().ok()?)?;
    Some(Duration::from_secs(u64::try_from(wanted.as_second().saturating_sub(now.as_second())).unwrap_or(0)))
}

fn date(text: &str) -> Option<Timestamp> {
    static PARSER: DateTimeParser = DateTimeParser::new();
    PARSER.parse_timestamp(text.trim()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_read_in_seconds_and_as_a_date_of_the_authoritys_clock() {
        let read = |after: &str, date: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, after.parse().unwrap());
            headers.insert(DATE, date.parse().unwrap());
            retry_after(&headers)
        };
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        assert_eq!(read("120", date), Some(Duration::from_secs(120)));
        assert_eq!(read("Sun, 06 Nov 1994 09:49:37 GMT", date), Some(Duration::from_secs(3600)));
        assert_eq!(read("Sun, 06 Nov 1994 07:49:37 GMT", date), Some(Duration::ZERO));
        assert_eq!(read("soon", date), None);
    }
}
