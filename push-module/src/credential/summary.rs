//! What pages, the API and the CLI see of a credential.

use std::fmt;

use pbx_core::model::{Environment, PushProvider, UnixMillis};
use serde::{Deserialize, Serialize};

/// One credential; its row number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(transparent)]
pub struct CredentialId(pub i64);

impl fmt::Display for CredentialId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// What kind of credential it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum CredentialKind {
    /// A signing key of Apple's push service.
    Apns,
    /// A Firebase service account.
    Fcm,
    /// A relay that pushes in our place.
    Webhook,
    /// This installation's own key for Web Push.
    #[serde(rename = "webpush")]
    WebPush,
    /// Acrobits' push mediator.
    Acrobits,
}

impl CredentialKind {
    /// The word of columns, forms and the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Apns => "apns",
            Self::Fcm => "fcm",
            Self::Webhook => "webhook",
            Self::WebPush => "webpush",
            Self::Acrobits => "acrobits",
        }
    }

    /// Whether devices of `provider` can be woken with such a credential.
    pub const fn serves(self, provider: PushProvider) -> bool {
        match (self, provider) {
            (Self::Apns, PushProvider::Apns)
            | (Self::Fcm, PushProvider::Fcm)
            | (Self::WebPush, PushProvider::WebPush)
            | (Self::Acrobits, PushProvider::Acrobits)
            | (Self::Webhook, PushProvider::Apns | PushProvider::Fcm) => true,
            (Self::Apns | Self::Fcm | Self::Webhook | Self::WebPush | Self::Acrobits, _) => false,
        }
    }
}

impl fmt::Display for CredentialKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where an APNs key is valid; Apple binds newer keys to one of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ApnsEnvironment {
    /// Store and TestFlight builds only.
    Production,
    /// Builds run from Xcode only.
    Sandbox,
    /// Both.
    #[default]
    Both,
}

impl ApnsEnvironment {
    /// The value of forms and of the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Production => "production",
            Self::Sandbox => "sandbox",
            Self::Both => "both",
        }
    }

    /// From a form or the command line.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Production, Self::Sandbox, Self::Both].into_iter().find(|it| it.as_str().eq_ignore_ascii_case(name))
    }

    /// Whether a token of `environment` can be pushed with this key.
    pub const fn covers(self, environment: Environment) -> bool {
        match self {
            Self::Both => true,
            Self::Production => matches!(environment, Environment::Production),
            Self::Sandbox => matches!(environment, Environment::Sandbox),
        }
    }

    /// The environments, production first.
    pub const fn list(self) -> &'static [Environment] {
        match self {
            Self::Both => &[Environment::Production, Environment::Sandbox],
            Self::Production => &[Environment::Production],
            Self::Sandbox => &[Environment::Sandbox],
        }
    }
}

/// How a credential is doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum CredentialState {
    /// Neither checked nor used yet.
    Untried,
    /// The provider accepted it the last time.
    Working,
    /// The provider (or the way to it) refused it the last time.
    Failing {
        /// A stable code for pages, `doctor` and the API.
        code: String,
        /// Cause and fix in plain words.
        text: String,
        /// When that was.
        since: UnixMillis,
    },
}

impl CredentialState {
    /// The state in one word.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Untried => "untried",
            Self::Working => "working",
            Self::Failing { .. } => "failing",
        }
    }
}

/// The result of a live check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CheckOutcome {
    /// When.
    pub at: UnixMillis,
    /// Whether the provider accepts the credential.
    pub ok: bool,
    /// A stable code: `ok` or what is wrong.
    pub code: String,
    /// In telephone words, with the fix.
    pub text: String,
}

/// A credential as pages, the API and the CLI see it; it holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CredentialSummary {
    /// Its row.
    pub id: CredentialId,
    /// What kind.
    pub provider: CredentialKind,
    /// Its name on pages.
    pub label: String,
    /// APNs and webhook: the apps, empty for any; FCM: the project id and, if given, the sender id.
    pub app_ids: Vec<String>,
    /// APNs: the key id; FCM: the private key's id, if the file names it.
    pub key_id: Option<String>,
    /// APNs only.
    pub team_id: Option<String>,
    /// FCM only.
    pub project_id: Option<String>,
    /// FCM only.
    pub client_email: Option<String>,
    /// Web Push only: whom push services may write to.
    #[serde(default)]
    pub contact: Option<String>,
    /// Web Push only: the public key that apps subscribe with (`applicationServerKey`), base64url.
    #[serde(default)]
    pub public_key: Option<String>,
    /// APNs certificates only: the topics it may push to, as `apns-topic` names them.
    #[serde(default)]
    pub topics: Option<Vec<String>>,
    /// APNs certificates only: when it ends.
    #[serde(default)]
    pub ends_at: Option<UnixMillis>,
    /// The first 16 bytes of the SHA-256 of the public key (of the certificate, of the secret for a webhook), in hex.
    pub fingerprint: String,
    /// APNs: where the key is valid; `None` for FCM.
    pub environment: Option<ApnsEnvironment>,
    /// The base URLs that are asked, in the order production, sandbox (APNs) or send, token (FCM); one for a webhook;
    /// for Web Push the hosts that may be in a private network.
    pub endpoints: Vec<String>,
    /// When it was uploaded.
    pub uploaded_at: UnixMillis,
    /// How it is doing.
    #[serde(flatten)]
    pub state: CredentialState,
    /// The last live check.
    pub last_check: Option<CheckOutcome>,
}
