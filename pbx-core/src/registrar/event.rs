//! What the registrar tells the switchboard, and how a REGISTER came out.

use std::fmt;

use crate::model::{BindingState, DeviceId, ExtensionNumber, Flow, PushProvider, UnixMillis};
use crate::switchboard::output::Change;

use super::contact_uri;
use super::live_binding::GoneReason;

/// News of the registrar, in the order things happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RegistrarEvent {
    /// An authenticated REGISTER left this device with a live binding: parked branches of it are released.
    Registered {
        /// Whose device.
        extension: ExtensionNumber,
        /// Which.
        device: DeviceId,
        /// It had no live binding before.
        fresh: bool,
        /// Its REGISTER has another Call-ID than the one before: as a rule it was started anew and has forgotten its calls
        /// (RFC 3261 section 10.2).
        restarted: bool,
        /// How to reach it now.
        flow: Flow,
    },
    /// A device that had been given up for its silence gave a sign: its live binding is back, and calls that wait for it
    /// reach it there.
    Revived {
        /// Whose device.
        extension: ExtensionNumber,
        /// Which.
        device: DeviceId,
        /// How to reach it.
        flow: Flow,
    },
    /// The preferred flow of a device is gone and another of its flows took over (RFC 5626): it goes on being registered.
    FlowChanged {
        /// Whose device.
        extension: ExtensionNumber,
        /// Which.
        device: DeviceId,
        /// How to reach it now.
        flow: Flow,
    },
    /// A device that asked for it is to be pushed, so that it renews its registration (`+sip.pnsreg`, RFC 8599).
    RefreshDue {
        /// Which.
        device: DeviceId,
    },
    /// A device lost its live binding; its wake target, if usable, is armed already.
    BindingGone {
        /// Whose device.
        extension: ExtensionNumber,
        /// Which.
        device: DeviceId,
        /// The binding's last state.
        state: BindingState,
        /// Why.
        why: GoneReason,
    },
    /// A device and both its records are gone.
    DeviceGone {
        /// Whose device it was.
        extension: ExtensionNumber,
        /// Which.
        device: DeviceId,
    },
    /// Changes to save behind; nobody waits for them.
    Save(Vec<Change>),
    /// Something about a device changed that pages show. A plain refresh is no change.
    DeviceChanged {
        /// Whose device.
        extension: ExtensionNumber,
        /// Which.
        device: DeviceId,
    },
    /// The device registered over a new connection and nobody else uses this one.
    CloseFlow(Flow),
}

/// How a REGISTER came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RegisterOutcome {
    /// 200.
    Bound(Bound),
    /// Refused; nothing was changed.
    Refused(Refusal),
}

/// What a 200 to a REGISTER needs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bound {
    /// Every live binding of the address of record, those of this REGISTER first.
    pub contacts: Vec<BoundContact>,
    /// To be saved, in this order; also when nobody waits for it.
    pub changes: Vec<Change>,
    /// The 200 must wait until `changes` are durable: a device record or wake target is new or changed, or a phone on UDP
    /// has come, moved or said goodbye.
    pub durable: bool,
    /// What the registrar has to say of it waits as well: a device record or wake target is not on disk as it is now.
    /// Without it, a call that waits for the device need not wait for the disk.
    pub calls_wait: bool,
    /// To be handed to [`super::Registrar::saved`] once `changes` are durable; empty when nobody waits.
    pub saving: Vec<Saving>,
    /// One `Feature-Caps: *;+sip.pns="…"` each (RFC 8599 section 5.1): the providers the phone asked for that have a
    /// credential.
    pub feature_caps: Vec<PushProvider>,
    /// The value of `+sip.pnsreg`: the phone asked to be pushed before its registration runs out, and will be.
    ///
    /// Only under the push policy `rfc8599`. Under `app` the wake target outlives the binding and the phone is woken when
    /// it is called, so nothing is promised and no push is wasted.
    pub refresh_push: Option<u32>,
    /// The device that can be pushed for requests within a call as well (`+sip.pnspurr`), and when its binding began.
    pub pushed_in_calls: Option<(DeviceId, UnixMillis)>,
}

/// Names one version of a device record that is on its way to disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Saving {
    pub(super) device: DeviceId,
    pub(super) version: u32,
}

/// One Contact of a 200.
#[derive(Clone, PartialEq, Eq)]
pub struct BoundContact {
    /// The URI without angle brackets: exactly as received for the device that asks, without push parameters for others.
    pub uri: Box<str>,
    /// Header parameters with leading `;`, without `expires`, exactly as received.
    pub params: Box<str>,
    /// Seconds left.
    pub expires_seconds: u32,
}

impl fmt::Debug for BoundContact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}>;expires={}", contact_uri::without_push_params(&self.uri), self.expires_seconds)
    }
}

/// What a phone shows when it registers or calls while its extension is switched off.
pub const PHONES_OFF: &str = "Phones Switched Off By The Admin";

/// Why a REGISTER is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such extension.
    #[error("there is no such extension")]
    NoSuchExtension,
    /// A part of the request is longer than anything a phone needs.
    #[error("the phone's {field} is longer than {most} bytes")]
    TooLong {
        /// Which part.
        field: &'static str,
        /// The most that is taken.
        most: usize,
    },
    /// `pn-prid` names no token.
    #[error("the phone offers push without a token; pn-prid must name one")]
    NoToken,
    /// More Contacts in one REGISTER than may be bound.
    #[error("the phone registers {offered} contacts at once; at most {most} are taken")]
    TooManyContacts {
        /// How many it offers.
        offered: usize,
        /// How many are taken.
        most: usize,
    },
    /// The extension has as many devices as it may, and each of them can still be reached.
    #[error("the extension has {most} devices already; remove one that is no longer used")]
    TooManyDevices {
        /// How many it may have.
        most: usize,
    },
    /// The wish is shorter than the setting allows.
    #[error("the phone wants to renew its registration too often; the shortest time is {min_expires} seconds")]
    TooBrief {
        /// For the Min-Expires header.
        min_expires: u32,
    },
    /// A push provider we do not know.
    #[error("the phone wants to be woken by a push provider that is not supported")]
    PushNotSupported,
    /// An admin switched the phones of the extension off.
    #[error("the phones of this extension were switched off by the admin")]
    PhonesOff,
    /// An older REGISTER of the same phone that comes late (RFC 3261 section 10.3 step 7).
    #[error("an older registration of this phone came late; a newer one is in force")]
    OutOfOrder,
}

impl Refusal {
    /// Status code and reason phrase.
    pub const fn status(&self) -> (u16, &'static str) {
        match self {
            Self::NoSuchExtension => (404, "Not Found"),
            Self::TooLong { .. } | Self::NoToken => (400, "Bad Request"),
            Self::TooManyContacts { .. } | Self::TooManyDevices { .. } => (403, "Too Many Contacts"),
            Self::TooBrief { .. } => (423, "Interval Too Brief"),
            Self::PushNotSupported => (555, "Push Notification Service Not Supported"),
            Self::PhonesOff => (403, PHONES_OFF),
            Self::OutOfOrder => (500, "Out Of Order"),
        }
    }

    /// The Min-Expires header of a 423.
    pub const fn min_expires(&self) -> Option<u32> {
        match self {
            Self::TooBrief { min_expires } => Some(*min_expires),
            Self::NoSuchExtension
            | Self::TooLong { .. }
            | Self::NoToken
            | Self::TooManyContacts { .. }
            | Self::TooManyDevices { .. }
            | Self::PushNotSupported
            | Self::PhonesOff
            | Self::OutOfOrder => None,
        }
    }
}
