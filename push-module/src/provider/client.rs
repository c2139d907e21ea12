//! The HTTP client. APNs: HTTP/2 only, with PINGs while idle, because Apple no longer answers on a connection that was
//! silent for hours, and a small office is silent every night.
//!
//! Connections are opened by `egress/way.rs`: past a web proxy, and for hosts that phones name past the guard. Redirects are not
//! followed, and no more than [`ANSWER_BYTES`](super::ANSWER_BYTES) of an answer are read.

use std::error::Error as _;
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Request, Response, Uri};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper_util::client::legacy::{self, Client};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use pbx_core::model::Redacted;
use tokio::time::timeout;

use super::gate::{Gate, Whole, was_not_looked_at};
use super::guard::{Blocked, Guard};
use super::{Reply, SendError};
use crate::egress::{Connector, LiveProxy, Securing, WayError};

/// Between PINGs on an idle connection; Apple's other large users take 15 to 60 s, and NAT entries live longer.
const PING_EVERY: Duration = Duration::from_secs(60);
/// An unanswered PING closes the connection, so the next push opens a new one.
const PING_TIMEOUT: Duration = Duration::from_secs(5);
/// The delivery abandons an attempt after 3 s; this only ends what nobody waits for any more.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// Phones name as many push services as they like; a connection that none of them used for so long is closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(600);
/// What we call ourselves.
const AGENT: HeaderValue = HeaderValue::from_static(concat!("nightbell/", env!("CARGO_PKG_VERSION")));

/// How the providers are spoken to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/2 without asking (APNs).
    Http2Only,
    /// Whatever TLS agrees on (FCM).
    Negotiated,
    /// Whatever TLS agrees on, with hosts that somebody else names (Web Push).
    Guarded(Guard),
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HttpError {
    /// The host is one that only others named, and it is in a network of ours.
    Blocked(Blocked),
    /// The connection failed, or there was no answer on it.
    Unreachable(SendError),
}

impl From<HttpError> for SendError {
    fn from(error: HttpError) -> Self {
        match error {
            HttpError::Blocked(blocked) => Self(format!("this address leads to {blocked}, which is not asked")),
            HttpError::Unreachable(error) => error,
        }
    }
}

/// A client with its connections; cheap to clone.
#[derive(Debug, Clone)]
pub struct HttpClient {
    inner: Client<Connector, Whole>,
    /// Where all requests share one connection; with many hosts a slow one would keep the others out.
    gate: Option<Gate>,
}

/// A bearer token for the header `authorization`; `None` for one that no header can carry.
pub fn bearer(token: &Redacted<String>) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(&format!("Bearer {}", token.reveal())).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// The header of a JSON body.
pub fn json() -> HeaderMap {
    HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))])
}

impl HttpClient {
    /// A new client with no open connection, which shows `identity_pem` (certificates and key) when it is asked for a
    /// certificate; the error is for an admin.
    pub(crate) fn new(
        protocol: &Protocol,
        proxy: &LiveProxy,
        extra_ca_pem: Option<&str>,
        identity_pem: Option<&Redacted<String>>,
    ) -> Result<Self, String> {
        let mut builder = Client::builder(TokioExecutor::new());
        builder
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(None)
            .http2_keep_alive_interval(PING_EVERY)
            .http2_keep_alive_timeout(PING_TIMEOUT)
            .http2_keep_alive_while_idle(true);
        let guard = match protocol {
            Protocol::Http2Only => {
                builder.http2_only(true);
                None
            }
            Protocol::Negotiated => None,
            Protocol::Guarded(guard) => {
                builder.pool_idle_timeout(IDLE_TIMEOUT).pool_max_idle_per_host(1);
                Some(guard.clone())
            }
        };
        let securing = Securing::new(extra_ca_pem, identity_pem, *protocol == Protocol::Http2Only)?;
        let gate = guard.is_none().then(Gate::default);
        Ok(Self { inner: builder.build(Connector { proxy: proxy.clone(), guard, securing }), gate })
    }

    /// Sends any request and reads the answer with all its headers, `at_most` bytes of its body; for what is no push. A longer
    /// answer is none.
    pub async fn ask(&self, request: Request<Bytes>, at_most: usize) -> Result<Response<Bytes>, HttpError> {
        let host = request.uri().authority().map(|it| it.as_str().to_owned()).unwrap_or_default();
        let asking = async {
            let (mut parts, body) = request.into_parts();
            parts.headers.insert(USER_AGENT, AGENT);
            let whole = match &self.gate {
                Some(gate) => gate.pass(body).await,
                None => Whole::new(body),
            };
            let asked = self.inner.request(Request::from_parts(parts, whole)).await;
            let (parts, incoming) = asked.map_err(|error| unanswered(&error, &host))?.into_parts();
            let broken = |error: &dyn std::fmt::Display| {
                HttpError::Unreachable(SendError::of("broke off its answer", &error.to_string(), &host))
            };
            let read = Limited::new(incoming, at_most).collect().await.map_err(|error| broken(&error))?;
            Ok(Response::from_parts(parts, read.to_bytes()))
        };
        timeout(REQUEST_TIMEOUT, asking)
            .await
            .unwrap_or_else(|_| Err(HttpError::Unreachable(SendError::of("did not answer in time", "", &host))))
    }

    /// Sends a request and reads the answer.
    pub async fn post(
        &self,
        url: &str,
        headers: HeaderMap,
        authorization: Option<HeaderValue>,
        body: impl Into<Bytes>,
    ) -> Result<Reply, HttpError> {
        let failed = |text: &str| HttpError::Unreachable(SendError(text.to_owned()));
        let uri: Uri = url.parse().map_err(|_| failed("the address cannot be asked; please report this"))?;
        let host = uri.authority().map(|it| it.as_str().to_owned()).unwrap_or_default();
        let (mut headers, body) = (headers, body.into());
        headers.insert(USER_AGENT, AGENT);
        if let Some(authorization) = authorization {
            headers.insert(AUTHORIZATION, authorization);
        }
        let asking = async {
            let sent = match self.once(&uri, &headers, &body).await {
                // Over a new connection, if the server took leave of this one.
                Err(error) if was_not_looked_at(&error) => self.once(&uri, &headers, &body).await,
                other => other,
            };
            let response = sent.map_err(|error| unanswered(&error, &host))?;
            Reply::read(response, &host).await.map_err(HttpError::Unreachable)
        };
        timeout(REQUEST_TIMEOUT, asking)
            .await
            .unwrap_or_else(|_| Err(HttpError::Unreachable(SendError::of("did not answer in time", "", &host))))
    }
}

impl HttpClient {
    async fn once(&self, uri: &Uri, headers: &HeaderMap, body: &Bytes) -> Result<Response<Incoming>, legacy::Error> {
        let body = match &self.gate {
            Some(gate) => gate.pass(body.clone()).await,
            None => Whole::new(body.clone()),
        };
        let mut request = Request::new(body);
        (*request.method_mut(), *request.uri_mut(), *request.headers_mut()) =
            (Method::POST, uri.clone(), headers.clone());
        self.inner.request(request).await
    }
}

fn unanswered(error: &legacy::Error, host: &str) -> HttpError {
    match error.source().and_then(|source| source.downcast_ref::<WayError>()) {
        Some(WayError::Blocked(blocked)) => HttpError::Blocked(*blocked),
        Some(hindered @ WayError::Hindered(_)) => HttpError::Unreachable(SendError(hindered.to_string())),
        None => {
            let mut cause: &dyn std::error::Error = error;
            while let Some(deeper) = cause.source() {
                cause = deeper;
            }
            let how = "closed the connection without an answer";
            HttpError::Unreachable(SendError::of(how, &cause.to_string(), host))
        }
    }
}
