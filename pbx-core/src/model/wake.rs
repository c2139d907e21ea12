//! Record 2 and the conversation between the core and the push side: a request goes out, reports come back.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{CallId, CallUuid, DeviceId, ExtensionNumber, Redacted, UnixMillis, WakeId};

/// Who can wake a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum PushProvider {
    /// Apple Push Notification service.
    Apns,
    /// Firebase Cloud Messaging, HTTP v1.
    Fcm,
    /// Web Push (RFC 8030): browsers, and UnifiedPush for phones without Google.
    #[serde(rename = "webpush")]
    WebPush,
    /// HMS Push Kit, for Huawei phones without Google.
    Hms,
    /// Acrobits' push mediator, for Groundwire and Cloud Softphone; its tokens are reported over HTTPS.
    Acrobits,
}

impl PushProvider {
    /// The value of `pn-provider` (RFC 8599 section 12, the IANA registry; `hms` is not in it), of columns and of URLs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Apns => "apns",
            Self::Fcm => "fcm",
            Self::WebPush => "webpush",
            Self::Hms => "hms",
            Self::Acrobits => "acrobits",
        }
    }

    /// From a stored or received name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Apns, Self::Fcm, Self::WebPush, Self::Hms, Self::Acrobits]
            .into_iter()
            .find(|provider| provider.as_str().eq_ignore_ascii_case(name))
    }
}

impl fmt::Display for PushProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What this installation can wake phones with, as it tells them (RFC 8599 `Feature-Caps`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PushOffer {
    /// The providers with a usable credential, in order.
    pub providers: Vec<PushProvider>,
    /// The public key that apps subscribe to Web Push with (RFC 8292), base64url; `None` while that is not enabled.
    pub vapid_key: Option<String>,
    /// The Firebase projects whose tokens can be pushed to, in the order of their credentials.
    pub firebase: Vec<FirebaseProject>,
    /// The bundle ids that can be pushed to, in order.
    pub apple_apps: Vec<String>,
}

/// A Firebase project as apps register with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirebaseProject {
    /// The project.
    pub project_id: String,
    /// The sender (project number), if the admin gave it.
    pub sender_id: Option<String>,
}

impl FirebaseProject {
    /// What stands in `pn-param` (RFC 8599): the sender as Linphone and most apps have it, else the project.
    pub fn param(&self) -> &str {
        self.sender_id.as_deref().unwrap_or(&self.project_id)
    }
}

impl From<Vec<PushProvider>> for PushOffer {
    fn from(providers: Vec<PushProvider>) -> Self {
        Self { providers, ..Self::default() }
    }
}

impl PushOffer {
    /// What a profile tells a phone about this provider, in one line; `None` when it tells nothing. A phone that was told another
    /// line needs its settings again.
    pub fn settings_for(&self, provider: PushProvider) -> Option<String> {
        match provider {
            PushProvider::Apns => {
                self.providers.contains(&provider).then(|| format!("apns {}", self.apple_apps.join(" ")))
            }
            PushProvider::Fcm if self.firebase.is_empty() => None,
            PushProvider::Fcm => {
                let one = |project: &FirebaseProject| {
                    format!("{}/{}", project.project_id, project.sender_id.as_deref().unwrap_or(""))
                };
                Some(format!("fcm {}", self.firebase.iter().map(one).collect::<Vec<_>>().join(" ")))
            }
            PushProvider::WebPush => self.vapid_key.as_ref().map(|key| format!("webpush {key}")),
            // What these need is built into their apps.
            PushProvider::Hms | PushProvider::Acrobits => None,
        }
    }
}

/// Which of Apple's two push hosts a token belongs to; always production for other providers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Environment {
    /// `api.push.apple.com`, store and TestFlight builds.
    Production,
    /// `api.sandbox.push.apple.com`, builds run from Xcode.
    Sandbox,
}

/// Whether the provider still takes the token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "health")]
pub enum TargetHealth {
    /// Nothing speaks against it.
    Good,
    /// Refused for this app or environment; kept, shown, tried once in the other environment.
    Suspect {
        /// The provider's reason, in plain words.
        why: String,
        /// Whether the other environment has been tried.
        other_environment_tried: bool,
    },
    /// The provider says that this token is gone; kept so that the admin sees why.
    Revoked {
        /// When the provider says it ended.
        since: UnixMillis,
        /// The provider's reason, in plain words.
        why: String,
    },
    /// The phone with this token is another extension's by now, as it has proved; kept so that the admin sees where it went.
    Moved {
        /// Whose it is.
        to: ExtensionNumber,
        /// As which device.
        device: DeviceId,
        /// When that was found.
        at: UnixMillis,
    },
}

/// What is remembered of a token besides the token itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TokenHistory {
    /// The token that this one took the place of.
    pub replaced: Option<ReplacedToken>,
    /// A device of another extension that is the same phone: both secrets were proved on one connection.
    pub same_phone: Option<SamePhone>,
}

/// A token that its device has replaced by another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReplacedToken {
    /// Names the token without giving it away.
    pub fingerprint: String,
    /// Who woke the phone by it.
    pub provider: PushProvider,
    /// Its app.
    pub app_id: String,
    /// When it was first seen.
    pub learned_at: UnixMillis,
    /// When the other one came.
    pub at: UnixMillis,
}

/// Another extension's device that holds the same token on the same phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SamePhone {
    /// Whose.
    pub extension: ExtensionNumber,
    /// Which.
    pub device: DeviceId,
}

/// Who switched push off for a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum SwitchedOffBy {
    /// An admin, for this device.
    Admin,
    /// An admin, for the whole extension.
    Extension,
    /// The device itself, by registering without its token (RFC 8599 section 4.1.2).
    Device,
    /// The end of its registration, because its push policy is `rfc8599`.
    RegistrationEnd,
}

/// Record 2: how the device can be woken. Outlives binding, flow and restart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WakeTarget {
    /// Who wakes it.
    pub provider: PushProvider,
    /// APNs: the bundle id without `.voip`; FCM: the project id or sender number the phone named; HMS: the app id;
    /// Web Push: the push service's host.
    pub app_id: String,
    /// Production or sandbox.
    pub environment: Environment,
    /// The token for calls (APNs: the PushKit token; FCM: the only token; Web Push: the subscription; Acrobits: app id, device
    /// token and selector).
    pub call_token: Option<Redacted<String>>,
    /// The token for notices (APNs: the remote-notification token; Acrobits: the same in their form; else none,
    /// the call token serves).
    pub notice_token: Option<Redacted<String>>,
    /// When this very token was first seen; a provider's "gone" that is older does not count.
    pub learned_at: UnixMillis,
    /// Whether the provider still takes it.
    pub health: TargetHealth,
    /// Switched off for this device, and by whom. The extension's own switch is not stored here.
    pub switched_off: Option<SwitchedOffBy>,
    /// What was before it, and who else has it.
    pub history: TokenHistory,
}

/// The state of record 2 in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum WakeState {
    /// A live binding exists, push is off for now.
    Resting,
    /// No live binding: the next call pushes.
    Armed,
    /// Refused for its app or environment; still tried.
    Suspect,
    /// Gone at the provider; not tried.
    Revoked,
    /// Its phone is another extension's by now; not tried.
    Moved,
    /// Armed, but other devices of its extension come before it, as many as may be reached at once; not tried meanwhile.
    Displaced,
    /// Switched off; not tried.
    SwitchedOff,
}

/// What a push is for. A VoIP push only ever means [`WakeKind::Call`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum WakeKind {
    /// A new call waits for this device.
    Call,
    /// The caller gave up or nobody came: replaces the ringing notice.
    MissedCall,
    /// Somebody answered on another device: withdraws the ringing notice.
    AnsweredElsewhere,
    /// An admin's test; an ordinary notice.
    Test,
    /// No call: come and register, because the registration runs out or a request within a call waits (RFC 8599).
    Refresh,
}

impl WakeKind {
    /// The word in payloads, columns and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::MissedCall => "missed",
            Self::AnsweredElsewhere => "elsewhere",
            Self::Test => "test",
            Self::Refresh => "refresh",
        }
    }
}

/// One order to the push side: wake (or notify) this device for this call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WakeRequest {
    /// Names this wake in every retry and every report.
    pub wake_id: WakeId,
    /// The call log row; `None` for a test.
    pub call: Option<CallId>,
    /// The call's public name; equals the Call-ID of the INVITE the device will get.
    pub call_uuid: CallUuid,
    /// Call, missed call, answered elsewhere or test.
    pub kind: WakeKind,
    /// Whom.
    pub device: DeviceId,
    /// Whose device it is.
    pub extension: ExtensionNumber,
    /// How; a copy of record 2 at the time of the order.
    pub target: Arc<WakeTarget>,
    /// The caller's number.
    pub caller_number: String,
    /// The caller's name; may be empty.
    pub caller_name: String,
    /// The caller offers video: the INVITE has an open video line. Only ever true for a call.
    pub has_video: bool,
    /// Where the app can ask whether the call still rings; `None` when that has no address.
    pub ringing_url: Option<String>,
    /// When the order was given.
    pub sent_at: UnixMillis,
    /// After this the wake is worthless (end of ringing); for notices, when the provider may forget them.
    pub expires_at: UnixMillis,
}

/// What a provider's answer means to us. Decided by the error reason, never by the bare status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "verdict")]
pub enum Verdict {
    /// The provider took it. That is not "delivered": only a REGISTER proves that.
    Accepted,
    /// Try again, not before the given time if one is named.
    RetryAfter {
        /// The provider's wish.
        wait: Option<Duration>,
        /// The provider's reason, in plain words.
        why: String,
    },
    /// This token is gone, since then if the provider says so.
    TokenGone {
        /// When it ended, as the provider says.
        since: Option<UnixMillis>,
        /// The provider's reason, in plain words.
        why: String,
    },
    /// This token does not fit this app or environment.
    TokenWrong {
        /// The provider's reason, in plain words.
        why: String,
        /// The other environment took it: the record is to be corrected to it.
        accepted_in: Option<Environment>,
    },
    /// Our credential or set-up is at fault; every device of that app is affected.
    Misconfigured {
        /// A stable code for pages, `doctor` and the API.
        code: String,
        /// What, in plain words, with the fix.
        what: String,
    },
    /// Refused for another reason; not tried again.
    Refused {
        /// The provider's reason, in plain words.
        why: String,
    },
}

/// What happened to a wake.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "event")]
pub enum WakeEvent {
    /// An attempt is on the wire.
    Sent {
        /// 1 for the first.
        attempt: u32,
    },
    /// The provider answered an attempt.
    Answered {
        /// 1 for the first.
        attempt: u32,
        /// What the answer means.
        verdict: Verdict,
        /// The provider's own id of the message (`apns-id`, FCM `name`), if given.
        provider_id: Option<String>,
    },
    /// No further attempt will be made and none was accepted.
    GaveUp {
        /// A stable code for pages and the API.
        code: String,
        /// Why, in plain words.
        why: String,
    },
}

/// News of one wake; simply one more input of the switchboard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WakeReport {
    /// Which wake.
    pub wake_id: WakeId,
    /// For which call; `None` for a test.
    pub call: Option<CallId>,
    /// For which device.
    pub device: DeviceId,
    /// The target the attempt used, so that a verdict never hits a newer token.
    pub target: Arc<WakeTarget>,
    /// Call, notice or test.
    pub kind: WakeKind,
    /// When it happened.
    pub at: UnixMillis,
    /// What happened.
    pub event: WakeEvent,
}

/// The last wake of a device and its outcome, as pages show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LastWake {
    /// When it was ordered.
    pub at: UnixMillis,
    /// Call, notice or test.
    pub kind: WakeKind,
    /// What came of it, in plain words.
    pub outcome: String,
    /// Milliseconds from the order to the REGISTER, when the device came.
    pub woke_after_ms: Option<u64>,
    /// Whether the provider accepted it.
    pub accepted: bool,
}
