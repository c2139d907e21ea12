//! The glossary: one word for each thing, valid by construction.
//!
//! | word | meaning |
//! |---|---|
//! | extension | an internal number and its owner |
//! | device | one phone or one app installation, known by its instance id |
//! | live binding | record 1: where the device can be reached this minute |
//! | wake target | record 2: how the device can be woken; outlives binding, flow and restart |
//! | wake | asking a sleeping device to come and register, for one call |
//! | verdict | what a provider's answer means to us |
//!
//! Only std, serde, thiserror, uuid and base64 are used here. Values are parsed at the edge; the inside cannot hold bad ones.

mod acrobits;
mod call_log;
mod credential;
mod device;
mod extension;
mod flow;
mod ids;
mod network;
mod number;
mod redacted;
#[cfg(feature = "openapi")]
mod schema;
mod settings;
mod subscription;
mod time;
mod wake;

pub use acrobits::{AcrobitsToken, AcrobitsTokenError};
pub use call_log::{CallEnding, CallRecord, TimelineEntry, TimelineStep};
pub use credential::{CredentialError, Ha1Md5, Ha1Sha256, SipCredential, SipUsername};
pub use device::{BindingState, DeviceKey, DeviceSummary, LiveBindingSummary, Presence, PushPolicy, TokenHolder};
pub use extension::{DisplayName, EmailAddress, Extension, ExtensionError, NewExtension};
pub use flow::{ConnectionId, Flow, Transport};
pub use ids::{BranchId, CallId, CallUuid, DeviceId, WakeId};
pub use network::{AddressError, AddressRange, Network};
pub use number::{ExtensionNumber, NumberError};
pub use redacted::Redacted;
pub use settings::{EarlyRinging, PortRange, Settings, SettingsError};
pub use subscription::{SUBSCRIPTION_BYTES, SubscriptionError, SubscriptionKeys, WebPushSubscription};
pub use time::{Moment, Now, UnixMillis};
pub use wake::{
    Environment, FirebaseProject, LastWake, PushOffer, PushProvider, ReplacedToken, SamePhone, SwitchedOffBy,
    TargetHealth, TokenHistory, Verdict, WakeEvent, WakeKind, WakeReport, WakeRequest, WakeState, WakeTarget,
};
