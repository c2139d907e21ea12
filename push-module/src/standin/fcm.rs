//! A strict stand-in for FCM HTTP v1 and for Google's token endpoint.

use std::time::Duration;

use serde_json::Value;
use tokio::sync::broadcast;

use super::key::TestServiceAccount;
use super::push::{AcceptedPush, StandinError, Target};
use crate::credential::NewCredential;

/// What the stand-in does instead of answering properly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FcmFault {
    /// 404 with the detail `UNREGISTERED`.
    Unregistered,
    /// 403 with the detail `SENDER_ID_MISMATCH`.
    SenderIdMismatch,
    /// 429 with the detail `QUOTA_EXCEEDED`.
    QuotaExceeded {
        /// The `retry-after` header in seconds.
        retry_after: Option<u32>,
    },
    /// 401 `UNAUTHENTICATED`.
    Unauthenticated,
    /// 403 `PERMISSION_DENIED`.
    PermissionDenied,
    /// 400 with a violation of the field `message.token`.
    InvalidToken,
    /// 500 with the detail `INTERNAL`.
    InternalError,
    /// 502 with an HTML page.
    BadGatewayHtml,
    /// 503 with the detail `UNAVAILABLE`.
    ServiceUnavailable {
        /// The `retry-after` header in seconds.
        retry_after: Option<u32>,
    },
    /// The connection closes without an answer.
    Disconnect,
    /// No answer, for ever.
    BlackHole,
    /// The right answer, but late.
    Slow(Duration),
}

/// One send request as the stand-in saw it.
#[derive(Debug, Clone, PartialEq)]
pub struct FcmRequest {
    /// The project in the path.
    pub project_id: String,
    /// The registration token, if the message has one.
    pub token: Option<String>,
    /// Whether it was only to be validated.
    pub validate_only: bool,
    /// The `message` object.
    pub message: Value,
    /// The status it was answered with; `None` when it got no answer.
    pub status: Option<u16>,
}

/// A running stand-in; clones share it, and it stops when the last one is dropped.
#[derive(Debug, Clone)]
pub struct FcmStandin {
    _inner: (),
}

impl FcmStandin {
    /// Listens on a free port of 127.0.0.1 with a certificate authority of its own.
    pub async fn start() -> Result<Self, StandinError> {
        todo!()
    }

    /// The base URL for sending.
    pub fn url(&self) -> String {
        todo!()
    }

    /// The token endpoint.
    pub fn token_uri(&self) -> String {
        todo!()
    }

    /// The certificate authority in PEM.
    pub fn ca_pem(&self) -> &str {
        todo!()
    }

    /// Makes a service account of `project_id`, accepts it and gives the matching upload.
    pub fn new_credential(&self, _project_id: &str, _sender_id: Option<&str>) -> Result<NewCredential, StandinError> {
        todo!()
    }

    /// Accepts assertions of this account.
    pub fn accept_account(&self, _account: &TestServiceAccount) {
        todo!()
    }

    /// Knows this phone: the token is valid in `project_id`.
    pub fn register_token(&self, _token: &str, _project_id: &str) {
        todo!()
    }

    /// Plays `fault` for the next `times` send requests to `target`.
    pub fn script(&self, _target: impl Into<Target>, _fault: FcmFault, _times: u32) {
        todo!()
    }

    /// Every access token handed out so far is expired from now on.
    pub fn expire_tokens(&self) {
        todo!()
    }

    /// How often the token endpoint handed out a token.
    pub fn tokens_issued(&self) -> u64 {
        todo!()
    }

    /// Every send request, in order.
    pub fn requests(&self) -> Vec<FcmRequest> {
        todo!()
    }

    /// Every push accepted from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<AcceptedPush> {
        todo!()
    }
}
