//! What an admin uploads so that Nightbell may push: its types, its offline validation and its storage.
//!
//! A credential is validated before anything is stored, sealed before it is written, and write-only from then on: pages
//! and the API see a [`CredentialSummary`] with a fingerprint, never the key.

#[cfg(feature = "providers")]
mod apns_certificate;
#[cfg(feature = "providers")]
mod apns_key;
mod choice;
#[cfg(feature = "providers")]
mod der;
#[cfg(feature = "providers")]
mod endpoint;
#[cfg(feature = "providers")]
mod error;
#[cfg(feature = "providers")]
mod fcm_account;
mod fit;
#[cfg(feature = "providers")]
mod hms;
#[cfg(feature = "providers")]
mod p12;
#[cfg(feature = "providers")]
mod pem;
#[cfg(feature = "providers")]
mod sealed;
mod summary;
#[cfg(feature = "providers")]
mod validate;
#[cfg(feature = "providers")]
mod webhook;
#[cfg(feature = "providers")]
mod webpush;

use pbx_core::model::Redacted;
use serde::{Deserialize, Serialize};

#[cfg(feature = "providers")]
pub use apns_certificate::ApnsCertificate;
#[cfg(feature = "providers")]
pub use apns_key::ApnsKey;
#[cfg(feature = "providers")]
pub use endpoint::check_ca;
#[cfg(feature = "providers")]
pub(crate) use endpoint::roots;
#[cfg(feature = "providers")]
pub use endpoint::{ACROBITS_MEDIATOR, APNS_PRODUCTION, APNS_SANDBOX, BaseUrl, FCM_BASE, HMS_BASE, HMS_TOKEN};
#[cfg(feature = "providers")]
pub use error::CredentialError;
#[cfg(feature = "providers")]
pub use fcm_account::FcmAccount;
#[cfg(feature = "providers")]
pub use hms::HmsApp;
#[cfg(feature = "providers")]
pub(crate) use sealed::{CredentialStore, KeptToken, Loaded};
#[cfg(feature = "providers")]
pub(crate) use validate::{
    AcrobitsDetails, ApnsCertificateDetails, ApnsDetails, Details, FcmDetails, HmsDetails, Key, Validated,
    WebPushDetails, WebhookDetails, validate,
};
#[cfg(feature = "providers")]
pub use webhook::WebhookKey;
#[cfg(feature = "providers")]
pub use webpush::{TOKEN_SECONDS, VapidKey, VapidToken};

pub use choice::{Candidate, Choice, Obstacle, choose, choose_for, obstacle};
#[cfg(feature = "providers")]
pub(crate) use choice::{UNREADABLE, is_refused};
pub use fit::{Fit, fit};
pub use summary::{ApnsEnvironment, CheckOutcome, CredentialId, CredentialKind, CredentialState, CredentialSummary};

/// A credential as an admin gives it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", tag = "provider")]
pub enum NewCredential {
    /// A token signing key from Apple's developer pages.
    Apns(NewApnsKey),
    /// A client certificate from Apple's developer pages.
    ApnsCertificate(NewApnsCertificate),
    /// A service account from the Firebase console.
    Fcm(NewFcmAccount),
    /// An app of Huawei's AppGallery.
    Hms(NewHmsApp),
    /// A relay that pushes in our place.
    Webhook(NewWebhook),
    /// Web Push, with a key that is made here.
    #[serde(rename = "webpush")]
    WebPush(NewWebPush),
    /// Acrobits' push mediator.
    Acrobits(NewAcrobits),
}

/// An APNs token signing key (`AuthKey_XXXXXXXXXX.p8`) and what it may be used for.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewApnsKey {
    /// A name for pages, for example `Acme Phone`; empty means "APNs key" and the key id.
    #[serde(default)]
    pub label: String,
    /// Ten characters, shown beside the key at Apple and part of the file's name.
    pub key_id: String,
    /// Ten characters, shown under "Membership" at Apple.
    pub team_id: String,
    /// The apps (bundle ids without `.voip`) this key may wake; empty means any.
    #[serde(default)]
    pub bundle_ids: Vec<String>,
    /// The content of the `.p8` file.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub p8: Redacted<String>,
    /// Where the key is valid.
    #[serde(default)]
    pub environment: ApnsEnvironment,
    /// Other hosts or ports than Apple's usual ones.
    #[serde(default)]
    pub endpoint: Endpoint,
}

/// An APNs client certificate (`.p12`, or PEM) with its key; it names the apps itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewApnsCertificate {
    /// A name for pages; empty means "APNs certificate" and the first app.
    #[serde(default)]
    pub label: String,
    /// PEM with the certificate (and the key, unless that is given apart), or the `.p12` file in base64.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub certificate: Redacted<String>,
    /// The key in PEM, when it is a file of its own.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub key: Option<Redacted<String>>,
    /// The password of the `.p12` file; used once and not stored.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub password: Option<Redacted<String>>,
    /// Other hosts or ports than Apple's usual ones.
    #[serde(default)]
    pub endpoint: Endpoint,
}

/// Where APNs is reached; everything empty means Apple's own hosts, port 443.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    /// Instead of `https://api.push.apple.com:443`; port 2197 is Apple's other one.
    #[serde(default)]
    pub production_url: Option<String>,
    /// Instead of `https://api.sandbox.push.apple.com:443`.
    #[serde(default)]
    pub sandbox_url: Option<String>,
    /// An additional trusted root in PEM, for a proxy that opens TLS or a stand-in.
    #[serde(default)]
    pub extra_ca_pem: Option<String>,
}

/// A Firebase service account and where FCM is reached.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewFcmAccount {
    /// A name for pages; empty means "FCM" and the project id.
    #[serde(default)]
    pub label: String,
    /// The content of the service account's JSON file.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub service_account_json: Redacted<String>,
    /// The project number, for phones that name it instead of the project id.
    #[serde(default)]
    pub sender_id: Option<String>,
    /// Instead of `https://fcm.googleapis.com`.
    #[serde(default)]
    pub base_url: Option<String>,
    /// An additional trusted root in PEM, for a proxy that opens TLS or a stand-in.
    #[serde(default)]
    pub extra_ca_pem: Option<String>,
}

/// An app of AppGallery Connect with HMS Push Kit; see docs/hms.md.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewHmsApp {
    /// A name for pages; empty means "HMS" and the app id.
    #[serde(default)]
    pub label: String,
    /// Digits, in AppGallery Connect under Project settings.
    pub app_id: String,
    /// Beside it there.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub app_secret: Redacted<String>,
    /// Instead of `https://push-api.cloud.huawei.com`.
    #[serde(default)]
    pub base_url: Option<String>,
    /// Instead of `https://oauth-login.cloud.huawei.com/oauth2/v3/token`.
    #[serde(default)]
    pub token_url: Option<String>,
    /// An additional trusted root in PEM, for a proxy that opens TLS or a stand-in.
    #[serde(default)]
    pub extra_ca_pem: Option<String>,
}

/// A relay that pushes in our place, for apps whose publisher keeps the keys to himself; see docs/webhook.md.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewWebhook {
    /// A name for pages; empty means "Relay" and its host.
    #[serde(default)]
    pub label: String,
    /// Where it takes requests; https, or plain http on the loopback.
    pub url: String,
    /// The apps it pushes (bundle ids without `.voip`, FCM projects or sender ids); empty means every app without a
    /// credential of its own.
    #[serde(default)]
    pub app_ids: Vec<String>,
    /// The shared secret, `whsec_` and 24 to 64 bytes in base64.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub secret: Redacted<String>,
    /// An additional trusted root in PEM.
    #[serde(default)]
    pub extra_ca_pem: Option<String>,
}

/// Enables Web Push for browsers and UnifiedPush; see docs/web-push.md. The key is made here, once for this installation.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewWebPush {
    /// A name for pages; empty means "Web Push".
    #[serde(default)]
    pub label: String,
    /// Whom push services may write to: a mail address or an https page.
    pub contact: String,
    /// Hosts of push services of the admin's own, without port: they may be in a private network.
    #[serde(default)]
    pub allowed_hosts: Vec<String>,
    /// An additional trusted root in PEM, for a push service of the admin's own.
    #[serde(default)]
    pub extra_ca_pem: Option<String>,
}

/// Enables Acrobits' push mediator for Groundwire and Cloud Softphone; see docs/acrobits.md. It asks for no key.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewAcrobits {
    /// A name for pages; empty means "Acrobits".
    #[serde(default)]
    pub label: String,
    /// The apps (`AppId` for calls) that are woken; empty means any.
    #[serde(default)]
    pub app_ids: Vec<String>,
    /// Instead of `https://pnm.cloudsoftphone.com/pnm2/send`.
    #[serde(default)]
    pub url: Option<String>,
    /// An additional trusted root in PEM, for a proxy that opens TLS or a stand-in.
    #[serde(default)]
    pub extra_ca_pem: Option<String>,
}
