//! A strict stand-in for APNs.

use std::time::Duration;

use pbx_core::model::{Environment, UnixMillis};
use serde_json::Value;
use tokio::sync::broadcast;

use super::key::TestApnsKey;
use super::push::{AcceptedPush, StandinError, Target};
use crate::credential::{Endpoint, NewCredential};

/// What the stand-in does instead of answering properly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApnsFault {
    /// 410 `Unregistered` with this time.
    Gone {
        /// When the token ended.
        timestamp: UnixMillis,
    },
    /// 410 `ExpiredToken`.
    ExpiredToken,
    /// 400 `BadDeviceToken`.
    BadDeviceToken,
    /// 400 `DeviceTokenNotForTopic`.
    DeviceTokenNotForTopic,
    /// 403 `ExpiredProviderToken`.
    ExpiredProviderToken,
    /// 403 `InvalidProviderToken`.
    InvalidProviderToken,
    /// 429 `TooManyRequests`.
    TooManyRequests {
        /// The `retry-after` header in seconds.
        retry_after: Option<u32>,
    },
    /// 429 `TooManyProviderTokenUpdates`.
    TooManyProviderTokenUpdates,
    /// 500 `InternalServerError`.
    InternalError,
    /// 503 `ServiceUnavailable`.
    ServiceUnavailable,
    /// 503 `Shutdown`.
    Shutdown,
    /// GOAWAY without an answer, then the connection closes.
    GoAway,
    /// RST_STREAM without an answer.
    Reset,
    /// The TCP connection closes without an answer.
    Disconnect,
    /// The whole connection falls silent: no answer, no PING answer, for ever.
    BlackHole,
    /// The right answer, but late.
    Slow(Duration),
    /// Any status and reason.
    Answer {
        /// HTTP status.
        status: u16,
        /// The reason string.
        reason: String,
    },
}

/// One request as the stand-in saw it.
#[derive(Debug, Clone, PartialEq)]
pub struct ApnsRequest {
    /// Counts the connections from 1.
    pub connection: u64,
    /// Which of the two hosts.
    pub environment: Environment,
    /// The device token in the path.
    pub token: String,
    /// Header `apns-topic`.
    pub topic: Option<String>,
    /// Header `apns-push-type`.
    pub push_type: Option<String>,
    /// Header `apns-priority`.
    pub priority: Option<String>,
    /// Header `apns-expiration`.
    pub expiration: Option<String>,
    /// Header `apns-collapse-id`.
    pub collapse_id: Option<String>,
    /// Header `apns-id`.
    pub apns_id: Option<String>,
    /// The `iat` of the provider token, when it could be read.
    pub issued_at: Option<i64>,
    /// The body.
    pub payload: Value,
    /// The status it was answered with; `None` when it got no answer.
    pub status: Option<u16>,
    /// The reason it was answered with.
    pub reason: Option<String>,
}

/// A running stand-in; clones share it, and it stops when the last one is dropped.
#[derive(Debug, Clone)]
pub struct ApnsStandin {
    _inner: (),
}

impl ApnsStandin {
    /// Listens on two free ports of 127.0.0.1, one for each environment, with a certificate authority of its own.
    pub async fn start() -> Result<Self, StandinError> {
        todo!()
    }

    /// The base URL of one environment.
    pub fn url(&self, _environment: Environment) -> String {
        todo!()
    }

    /// The certificate authority in PEM.
    pub fn ca_pem(&self) -> &str {
        todo!()
    }

    /// Both URLs and the authority, ready for a [`NewApnsKey`](crate::credential::NewApnsKey).
    pub fn endpoint(&self) -> Endpoint {
        todo!()
    }

    /// Makes a key, accepts it for `bundle_ids` (empty: any) and gives the matching upload.
    pub fn new_credential(&self, _bundle_ids: &[&str]) -> Result<NewCredential, StandinError> {
        todo!()
    }

    /// Accepts provider tokens signed by this key, for any topic.
    pub fn accept_key(&self, _key: &TestApnsKey) {
        todo!()
    }

    /// Knows this device: the token is valid for `topic` (a bundle id, or with `.voip`) in `environment`.
    pub fn register_token(&self, _token: &str, _topic: &str, _environment: Environment) {
        todo!()
    }

    /// Plays `fault` for the next `times` requests to `target`, before any earlier script still waiting for them.
    pub fn script(&self, _target: impl Into<Target>, _fault: ApnsFault, _times: u32) {
        todo!()
    }

    /// Every open connection falls silent, as after a night behind a NAT; new ones work.
    pub fn silence_connections(&self) {
        todo!()
    }

    /// Everything that was asked, in order.
    pub fn requests(&self) -> Vec<ApnsRequest> {
        todo!()
    }

    /// Every push accepted from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<AcceptedPush> {
        todo!()
    }
}
