//! A device as other crates see it: its key, its two records, and whether it can be reached.

use std::fmt;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::{DeviceId, ExtensionNumber, LastWake, SipUsername, Transport, UnixMillis, WakeState, WakeTarget};

/// What makes a device the same device next time: its `+sip.instance`, else its push token, else its Contact address.
///
/// Written with a prefix (`i:`, `p:` or `c:`) so that the three kinds never collide.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DeviceKey(Box<str>);

impl DeviceKey {
    /// From a `+sip.instance` value without quotes and angle brackets (RFC 5626 section 4.1).
    pub fn from_instance(instance: &str) -> Self {
        Self(format!("i:{}", instance.to_ascii_lowercase()).into())
    }

    /// From a fingerprint of the push token, for apps that send no instance id.
    pub fn from_push_fingerprint(fingerprint: &str) -> Self {
        Self(format!("p:{fingerprint}").into())
    }

    /// From the Contact's user and address, for desk phones that send neither.
    pub fn from_contact(user_at_host_port: &str) -> Self {
        Self(format!("c:{user_at_host_port}").into())
    }

    /// From the stored text.
    pub fn from_stored(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    /// The text that is stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DeviceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How long a wake target may be used (RFC 8599 sections 4.1.2 and 5.1 against what phone apps do).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum PushPolicy {
    /// Until logout: the app signs off or lets its registration lapse when it sleeps, and wants to be woken then.
    #[default]
    App,
    /// Only while the device is registered, a dead connection included: signing off and running out end the pushes.
    Rfc8599,
}

impl PushPolicy {
    /// The word in columns, the API and the CLI.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::App => "app",
            Self::Rfc8599 => "rfc8599",
        }
    }

    /// The policy with this word.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::App, Self::Rfc8599].into_iter().find(|policy| policy.as_str() == name)
    }
}

/// Record 1 in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum BindingState {
    /// The first REGISTER since the device was gone.
    Fresh,
    /// Renewed since.
    Refreshed,
    /// Its time ran out.
    Lapsed,
    /// The device unregistered.
    Removed,
    /// Its connection died, or it did not answer.
    FlowLost,
    /// An admin switched the phones of its extension off.
    SwitchedOff,
}

/// Record 1 as pages show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveBindingSummary {
    /// Fresh, refreshed, or how it ended.
    pub state: BindingState,
    /// How its messages travel.
    pub transport: Transport,
    /// The address its messages really come from.
    pub remote: SocketAddr,
    /// The Contact URI without push parameters.
    pub contact: String,
    /// Further connections the device keeps open for when this one dies (RFC 5626).
    pub spare_flows: usize,
    /// It did not answer when it was last asked whether it is there; a call pushes at once as well.
    pub suspect: bool,
    /// The User-Agent header.
    pub user_agent: String,
    /// When the device registered first in this life of the binding.
    pub since: UnixMillis,
    /// When the binding ends unless it is renewed; in the past for one that is gone.
    pub expires_at: UnixMillis,
}

/// Whether and how an extension or device can be reached now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// A live binding exists.
    Registered,
    /// No live binding, but an armed wake target.
    ReachableByPush,
    /// Neither.
    Unreachable,
}

/// A device of another extension that holds the same push token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TokenHolder {
    /// Whose.
    pub extension: ExtensionNumber,
    /// Which.
    pub device: DeviceId,
    /// It is proved to be the same phone: both secrets were used on one connection.
    pub same_phone: bool,
}

/// One device with both records, as pages, the API and the CLI show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceSummary {
    /// The device.
    pub id: DeviceId,
    /// Whose device it is.
    pub extension: ExtensionNumber,
    /// What it is known by.
    pub key: DeviceKey,
    /// The account it registered with last.
    pub username: SipUsername,
    /// The last User-Agent seen.
    pub user_agent: String,
    /// When it was first seen.
    pub first_seen_at: UnixMillis,
    /// When it last registered.
    pub last_seen_at: UnixMillis,
    /// Record 1; the last one known, also when it is gone.
    pub live_binding: Option<LiveBindingSummary>,
    /// Record 2.
    pub wake_target: Option<WakeTarget>,
    /// Armed, resting, suspect, revoked or switched off, when there is a wake target.
    pub wake_state: Option<WakeState>,
    /// Devices of other extensions with the same push token.
    pub token_elsewhere: Vec<TokenHolder>,
    /// Until when the wake target may be used.
    pub push_policy: PushPolicy,
    /// The last wake and its outcome.
    pub last_wake: Option<LastWake>,
    /// Registered, reachable by push, or unreachable.
    pub presence: Presence,
    /// Why it is unreachable, in plain words; empty otherwise.
    pub reason: String,
}
