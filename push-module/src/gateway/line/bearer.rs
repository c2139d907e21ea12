//! The services that are asked with a bearer token of an hour: FCM and HMS Push Kit.

use pbx_core::model::{Redacted, UnixMillis, WakeRequest};

use crate::credential::{FcmAccount, FcmDetails, HmsApp, HmsDetails};
use crate::delivery::{Answer, Refusal};
use crate::provider::access::{AccessError, AccessToken, JsonMessage};
use crate::provider::client::HttpClient;
use crate::provider::{Reply, SendError, fcm, hms};

/// One of them, with what proves us there.
#[derive(Debug)]
pub(in crate::gateway) enum BearerService {
    Google(FcmAccount, FcmDetails),
    Huawei(HmsApp, HmsDetails),
}

impl BearerService {
    pub(in crate::gateway) async fn fetch(
        &self,
        client: &HttpClient,
        now: UnixMillis,
    ) -> Result<AccessToken, AccessError> {
        match self {
            Self::Google(account, _) => fcm::fetch_access(client, account, now).await,
            Self::Huawei(app, details) => hms::fetch_access(client, app, &details.token_url, now).await,
        }
    }

    pub(super) fn build(&self, wake: &WakeRequest, now: UnixMillis) -> Result<JsonMessage, Refusal> {
        match self {
            Self::Google(..) => fcm::build(wake, now),
            Self::Huawei(..) => hms::build(wake, now),
        }
    }

    /// The request of the live check.
    pub(in crate::gateway) fn build_check(&self) -> Result<JsonMessage, Refusal> {
        match self {
            Self::Google(..) => fcm::build_check(),
            Self::Huawei(..) => hms::build_check(),
        }
    }

    pub(in crate::gateway) async fn send(
        &self,
        client: &HttpClient,
        message: JsonMessage,
        token: &Redacted<String>,
    ) -> Result<Reply, SendError> {
        match self {
            Self::Google(account, details) => {
                fcm::send(client, &details.base_url, account.project_id(), message, token).await
            }
            Self::Huawei(app, details) => hms::send(client, &details.base_url, app.app_id(), message, token).await,
        }
    }

    pub(in crate::gateway) fn classify(&self, reply: &Reply) -> Answer {
        match self {
            Self::Google(..) => fcm::classify(reply),
            Self::Huawei(..) => hms::classify(reply),
        }
    }
}
