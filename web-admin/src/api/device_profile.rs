//! The profile of an app as the OpenAPI document describes it. `provisioning::profile::app` writes it; the answers of the tests are
//! held against this.

use provisioning::profile::app::AppPush;
use serde::Serialize;
use utoipa::ToSchema;

/// What an app needs to register and to be woken. Unknown fields are to be ignored.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AppProfile)]
pub(crate) struct ProfileView {
    /// Rises when a field changes its meaning.
    schema: u32,
    /// A hash of everything else; the `ETag` without its quotes.
    revision: String,
    account: AccountView,
    sip: SipView,
    push: AppPush,
    /// Where the device API is.
    device_api: String,
    /// The credential of the app, at pairing only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    device_token: Option<String>,
}

/// The SIP account.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AppAccount)]
pub(crate) struct AccountView {
    extension: String,
    display_name: String,
    /// The address of record.
    address: String,
    username: String,
    auth_username: String,
    realm: String,
    domain: String,
    /// At pairing only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    secret: Option<String>,
}

/// Where and how to register.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AppSip)]
pub(crate) struct SipView {
    servers: Vec<ServerView>,
    expires_seconds: u32,
    /// For `+sip.instance`, without quotes and angle brackets.
    instance_id: String,
    /// `none`.
    media_encryption: String,
}

/// One way to the SIP server.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AppSipServer)]
pub(crate) struct ServerView {
    host: String,
    port: u16,
    /// `tls`, `tcp` or `udp`.
    transport: String,
}
