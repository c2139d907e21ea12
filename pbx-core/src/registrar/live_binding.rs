//! Record 1: where a device can be reached this minute.

use std::fmt;

use crate::model::{BindingState, Flow, LiveBindingSummary, Moment, UnixMillis};

use super::contact_uri;

/// Why a live binding ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum GoneReason {
    /// Its time ran out.
    Expired,
    /// The device unregistered, or somebody removed every binding of the extension.
    Unregistered,
    /// Its connection died.
    FlowLost,
    /// A message to it could not be sent.
    TransportError,
    /// It gave no sign within the grace time.
    NoAnswer,
    /// Its app said that it went to the background.
    WentToBackground,
    /// An admin switched the phones of the extension off.
    PhonesOff,
    /// Another device of the extension took its place; the setting allows no more live devices.
    Displaced,
    /// The device was removed with everything it had.
    DeviceRemoved,
}

impl GoneReason {
    /// The state this leaves the binding in.
    pub const fn state(self) -> BindingState {
        match self {
            Self::Expired => BindingState::Lapsed,
            Self::Unregistered | Self::Displaced | Self::DeviceRemoved => BindingState::Removed,
            Self::WentToBackground => BindingState::Removed,
            Self::PhonesOff => BindingState::SwitchedOff,
            Self::FlowLost | Self::TransportError | Self::NoAnswer => BindingState::FlowLost,
        }
    }

    /// Whether the device is no longer registered in the words of RFC 8599; a dead flow alone does not end that.
    pub(super) const fn ends_registration(self) -> bool {
        match self {
            Self::Expired | Self::Unregistered | Self::Displaced | Self::DeviceRemoved => true,
            Self::FlowLost | Self::TransportError | Self::NoAnswer | Self::WentToBackground | Self::PhonesOff => false,
        }
    }

    /// What happened, as the second half of "the phone …".
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::Expired => "did not renew its registration in time",
            Self::Unregistered => "signed off",
            Self::FlowLost => "lost its connection",
            Self::TransportError => "could not be reached over the network",
            Self::WentToBackground => "said that it went to the background",
            Self::NoAnswer => "gave no sign when it was called",
            Self::PhonesOff => "was switched off by the admin and has not registered since it was switched on again",
            Self::Displaced => "gave way to another phone of this extension, because no more may be registered at once",
            Self::DeviceRemoved => "was removed",
        }
    }
}

/// Why a binding that should be alive is not; see [`super::Registrar::binding_failed`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BindingFailure {
    /// The message could not be sent.
    TransportError,
    /// No 1xx or final answer within the grace time.
    NoAnswer,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Life {
    Live { renewed: bool },
    Gone { why: GoneReason, at: Moment },
}

/// Record 1. Kept when it is gone, without its secrets, so that pages can say how it ended.
#[derive(Clone, PartialEq, Eq)]
pub struct LiveBinding {
    life: Life,
    /// The URI exactly as received while it lives; without push parameters once it is gone.
    pub(super) uri: Box<str>,
    pub(super) params: Box<str>,
    pub(super) flow: Flow,
    pub(super) path: Box<[Box<str>]>,
    pub(super) reg_id: Option<u32>,
    pub(super) call_id: Box<str>,
    pub(super) cseq: u32,
    pub(super) since: UnixMillis,
    pub(super) renewed_at: Moment,
    pub(super) expires: Moment,
    pub(super) expires_at: UnixMillis,
    /// Its last answer to anything.
    pub(super) answered_at: Option<Moment>,
    /// It left a question unanswered since its last sign.
    pub(super) suspect: bool,
}

/// What a REGISTER says about one binding, in the binding's own words.
pub(super) struct Terms {
    pub(super) uri: Box<str>,
    pub(super) params: Box<str>,
    pub(super) flow: Flow,
    pub(super) reg_id: Option<u32>,
    pub(super) cseq: u32,
    pub(super) now: Moment,
    pub(super) expires: Moment,
    pub(super) expires_at: UnixMillis,
}

impl LiveBinding {
    pub(super) fn new(terms: Terms, call_id: &str, path: &[Box<str>], since: UnixMillis) -> Self {
        Self {
            life: Life::Live { renewed: false },
            uri: terms.uri,
            params: terms.params,
            flow: terms.flow,
            path: path.into(),
            reg_id: terms.reg_id,
            call_id: call_id.into(),
            cseq: terms.cseq,
            since,
            renewed_at: terms.now,
            expires: terms.expires,
            expires_at: terms.expires_at,
            answered_at: None,
            suspect: false,
        }
    }

    /// Takes over what a later REGISTER of the same device says. A live binding is refreshed; a gone one starts anew.
    pub(super) fn renew(&mut self, terms: Terms, call_id: &str, path: &[Box<str>], wall: UnixMillis) {
        if !self.is_live() {
            self.since = wall;
        }
        self.life = Life::Live { renewed: self.is_live() };
        self.uri = terms.uri;
        self.params = terms.params;
        self.flow = terms.flow;
        self.reg_id = terms.reg_id;
        self.cseq = terms.cseq;
        self.renewed_at = terms.now;
        self.expires = terms.expires;
        self.expires_at = terms.expires_at;
        self.suspect = false;
        if *self.call_id != *call_id {
            self.call_id = call_id.into();
        }
        if *self.path != *path {
            self.path = path.into();
        }
    }

    /// Marks a binding that was read back from disk as one that had been renewed.
    pub(super) fn mark_restored(&mut self) {
        self.life = Life::Live { renewed: true };
    }

    /// Ends the binding. What only a living one needs is dropped, unless it may yet prove to be alive.
    pub(super) fn end(&mut self, why: GoneReason, at: Moment) {
        self.life = Life::Gone { why, at };
        if !matches!(why, GoneReason::NoAnswer | GoneReason::WentToBackground | GoneReason::PhonesOff) {
            self.uri = contact_uri::without_push_params(&self.uri).into();
            self.params = Box::default();
            self.path = Box::default();
        }
    }

    /// Notes the REGISTER that ends the binding, so that an older one that comes late does not bring it back.
    pub(super) fn note_sequence(&mut self, call_id: &str, cseq: u32) {
        if *self.call_id != *call_id {
            self.call_id = call_id.into();
        }
        self.cseq = cseq;
    }

    /// Takes back an end by [`GoneReason::NoAnswer`]; false when it ended otherwise or its time is over.
    pub(super) fn revive(&mut self, now: Moment) -> bool {
        let revives = matches!(self.life, Life::Gone { why: GoneReason::NoAnswer, .. }) && self.expires > now;
        if revives {
            self.life = Life::Live { renewed: true };
            self.suspect = false;
        }
        revives
    }

    /// Takes back an end by [`GoneReason::WentToBackground`] and gives the flow; `None` when it ended otherwise or its time
    /// is over.
    pub(super) fn return_to_front(&mut self, now: Moment) -> Option<Flow> {
        let slept = matches!(self.life, Life::Gone { why: GoneReason::WentToBackground, .. });
        if !slept || self.expires <= now {
            return None;
        }
        self.life = Life::Live { renewed: true };
        self.suspect = false;
        Some(self.flow)
    }

    /// Takes back an end by [`GoneReason::PhonesOff`] and gives the flow; `None` when it ended otherwise or its time is over.
    pub(super) fn switch_on(&mut self, now: Moment) -> Option<Flow> {
        let was_off = matches!(self.life, Life::Gone { why: GoneReason::PhonesOff, .. });
        if !was_off || self.expires <= now {
            return None;
        }
        self.life = Life::Live { renewed: true };
        self.suspect = false;
        Some(self.flow)
    }

    /// Whether it ended only by silence, by what its app said or by an admin, so that it could come back as it is.
    pub(super) const fn is_doubted(&self) -> bool {
        match self.life {
            Life::Live { .. } => false,
            Life::Gone { why, .. } => {
                matches!(why, GoneReason::NoAnswer | GoneReason::WentToBackground | GoneReason::PhonesOff)
            }
        }
    }

    /// Whether the device can be reached through it.
    pub const fn is_live(&self) -> bool {
        match self.life {
            Life::Live { .. } => true,
            Life::Gone { .. } => false,
        }
    }

    /// Why and when it ended; `None` while it lives.
    pub const fn gone(&self) -> Option<(GoneReason, Moment)> {
        match self.life {
            Life::Live { .. } => None,
            Life::Gone { why, at } => Some((why, at)),
        }
    }

    /// Whether it ended while the device may still believe itself registered, so that it is registered in the words of
    /// RFC 8599.
    pub(super) const fn is_cut_off(&self) -> bool {
        match self.life {
            Life::Live { .. } => false,
            Life::Gone { why, .. } => !why.ends_registration(),
        }
    }

    /// Whether it left a question unanswered since its last sign, so that a call is pushed at once as well.
    pub const fn is_suspect(&self) -> bool {
        self.suspect
    }

    /// Fresh, refreshed, or how it ended.
    pub const fn state(&self) -> BindingState {
        match self.life {
            Life::Live { renewed: false } => BindingState::Fresh,
            Life::Live { renewed: true } => BindingState::Refreshed,
            Life::Gone { why, .. } => why.state(),
        }
    }

    /// The Request-URI for calling the device: its Contact without push parameters and headers.
    pub fn request_uri(&self) -> String {
        contact_uri::without_push_params(&self.uri)
    }

    /// The way requests to the device take, whatever its Contact says (RFC 5626 section 5.3).
    pub const fn flow(&self) -> Flow {
        self.flow
    }

    /// Path values in the order received (RFC 3327): the Route of requests to the device.
    pub fn path(&self) -> &[Box<str>] {
        &self.path
    }

    /// `reg-id` (RFC 5626).
    pub const fn reg_id(&self) -> Option<u32> {
        self.reg_id
    }

    /// When it ends unless it is renewed.
    pub const fn expires(&self) -> Moment {
        self.expires
    }

    /// When this life of the binding began.
    pub const fn since(&self) -> UnixMillis {
        self.since
    }

    pub(super) fn summary(&self, user_agent: &str, spare_flows: usize) -> LiveBindingSummary {
        LiveBindingSummary {
            state: self.state(),
            transport: self.flow.transport,
            remote: self.flow.remote,
            contact: self.request_uri(),
            spare_flows,
            suspect: self.suspect && self.is_live(),
            user_agent: user_agent.into(),
            since: self.since,
            expires_at: self.expires_at,
        }
    }
}

impl fmt::Debug for LiveBinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiveBinding")
            .field("life", &self.life)
            .field("contact", &self.request_uri())
            .field("flow", &self.flow)
            .field("cseq", &self.cseq)
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}
