//! What is known about one call and about one phone.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use pbx_core::model::{CallEnding, CallId, CallRecord, CallUuid, DeviceId, Flow, Moment, WakeId};

use crate::history::PhonePlan;

/// How long a REGISTER can be under way: the slowest store and every repetition.
const CROSSING: Duration = Duration::from_secs(8);

/// One call, from its caller's INVITE on.
#[derive(Debug, Default)]
pub(super) struct CallFacts {
    pub(super) caller: u8,
    pub(super) to: String,
    pub(super) flow: Option<Flow>,
    pub(super) placed: Moment,
    /// The switchboard's own names for it.
    pub(super) id: Option<CallId>,
    pub(super) uuid: Option<CallUuid>,
    pub(super) began: Option<Moment>,
    pub(super) ring_seconds: u16,
    /// When and how the switchboard answered the caller for good; 0 when there was nobody to answer.
    pub(super) decided: Option<(Moment, u16, String)>,
    pub(super) hears_ringing: Option<Moment>,
    pub(super) heard: Vec<(Moment, u16, String)>,
    pub(super) took_back: Option<Moment>,
    pub(super) abandoned: Option<Moment>,
    pub(super) heard_nothing: Option<Moment>,
    pub(super) parted: Option<Moment>,
    /// When the log got its end.
    pub(super) ended: Option<Moment>,
    /// When the first phone's 180 reached the server, and when the caller's left it.
    pub(super) first_ring: Option<Moment>,
    pub(super) ringing_sent: Option<Moment>,
    /// CSeq of the INVITE that was answered.
    pub(super) cseq: Option<u32>,
    pub(super) endings: Vec<CallEnding>,
    pub(super) ended_lines: u32,
    /// The server was killed while it was open.
    pub(super) killed: bool,
    pub(super) journalled: bool,
    /// The caller was told that somebody takes care (100 or 180).
    pub(super) promised: bool,
    /// Its park journal entry could not be written.
    pub(super) unwritten: bool,
    pub(super) phones: BTreeMap<u8, DeviceFacts>,
    /// BYEs of the server: to which phone, in which dialog, which one.
    pub(super) byes: BTreeSet<(u8, String, String)>,
}

/// What one phone had to do with one call.
#[derive(Debug, Default)]
pub(super) struct DeviceFacts {
    /// INVITEs that left the server, without repetitions.
    pub(super) sent: Vec<Moment>,
    pub(super) branches: BTreeSet<String>,
    pub(super) tags: BTreeSet<String>,
    /// INVITEs that the phone took as new.
    pub(super) invited: Vec<Moment>,
    pub(super) rang: Option<Moment>,
    pub(super) said_ok: Option<Moment>,
    /// Every time it answered, also after a crash.
    pub(super) answers: Vec<Moment>,
    pub(super) said_no: Option<(Moment, u16)>,
    /// It forgot the call at some time: an answer from before means nothing any more.
    pub(super) has_forgotten: bool,
    /// Every refusal; one may arrive when the phone has the call anew.
    pub(super) refusals: Vec<(Moment, u16)>,
    pub(super) cancelled: Option<(Moment, String)>,
    pub(super) confirmed: Option<Moment>,
    pub(super) hung_up: Option<Moment>,
    pub(super) forgot: Option<Moment>,
    pub(super) unconfirmed: Option<Moment>,
    pub(super) server_got_ok: Option<Moment>,
    pub(super) server_got_sign: Vec<Moment>,
    pub(super) wakes: BTreeSet<WakeId>,
    pub(super) notices: Vec<Moment>,
    pub(super) attempts: Vec<Moment>,
    pub(super) accepted: bool,
}

impl DeviceFacts {
    /// It takes an INVITE as new; what it did before is forgotten.
    pub(super) fn begin_anew(&mut self) {
        (self.cancelled, self.forgot, self.said_no) = (None, None, None);
        (self.rang, self.said_ok, self.confirmed, self.hung_up, self.unconfirmed) = (None, None, None, None, None);
    }

    /// It has an open call in its hand: it took the INVITE and neither it nor anybody else has ended it.
    pub(super) fn is_ringing(&self) -> bool {
        !self.invited.is_empty()
            && self.said_no.is_none()
            && self.cancelled.is_none()
            && self.forgot.is_none()
            && self.hung_up.is_none()
            && self.unconfirmed.is_none()
    }
}

impl CallFacts {
    /// Not decided yet.
    pub(super) fn is_open(&self) -> bool {
        self.decided.is_none()
    }

    pub(super) fn phone(&mut self, phone: u8) -> &mut DeviceFacts {
        self.phones.entry(phone).or_default()
    }

    /// The same call for the next run of the server.
    pub(super) fn anew(&self) -> Self {
        Self {
            caller: self.caller,
            to: self.to.clone(),
            flow: self.flow,
            placed: self.placed,
            ring_seconds: self.ring_seconds,
            ..Self::default()
        }
    }

    pub(super) fn begun(&mut self, record: &CallRecord, at: Moment) {
        self.id = Some(record.id);
        self.uuid = Some(record.uuid);
        self.began.get_or_insert(at);
    }
}

/// A span of time; open until told otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) from: Moment,
    pub(super) to: Option<Moment>,
}

/// One phone.
#[derive(Debug)]
pub(super) struct PhoneFacts {
    pub(super) plan: PhonePlan,
    pub(super) device: Option<DeviceId>,
    /// It believes itself registered, is up, and its network works.
    pub(super) reach: Vec<Span>,
    /// Its token is known to the server, which may use it.
    pub(super) armed: Vec<Span>,
    pub(super) push_on: bool,
    /// Its extension is switched off; whether it was armed then.
    pub(super) off: Option<bool>,
    /// Its extension was switched off or on at some time.
    pub(super) switched: bool,
    pub(super) cuts: Vec<(Moment, Moment)>,
    pub(super) removals: Vec<Moment>,
    /// INVITEs the server sent it, and signs of it that reached the server.
    pub(super) asked: Vec<Moment>,
    pub(super) signs: Vec<Moment>,
    pub(super) crashes: Vec<Moment>,
    /// Tokens that a provider has refused.
    pub(super) blamed: BTreeSet<String>,
}

impl PhoneFacts {
    pub(super) fn new(plan: PhonePlan) -> Self {
        Self {
            plan,
            device: None,
            reach: Vec::new(),
            armed: Vec::new(),
            push_on: true,
            off: None,
            switched: false,
            cuts: Vec::new(),
            removals: Vec::new(),
            asked: Vec::new(),
            signs: Vec::new(),
            crashes: Vec::new(),
            blamed: BTreeSet::new(),
        }
    }

    pub(super) fn registered(&mut self, at: Moment, token: Option<&str>) {
        // A REGISTER that crosses its removal proves nothing.
        let is_cut = self.cuts.iter().any(|(from, to)| *from <= at && at < *to);
        if is_cut || self.off.is_some() || self.was_removed(at) {
            return;
        }
        open(&mut self.reach, at);
        if token.is_some_and(|token| !self.blamed.contains(token)) && self.push_on {
            open(&mut self.armed, at);
        }
    }

    /// Whether the admin removed it a moment ago; a phone is not told that, and registers anew in its own time.
    pub(super) fn was_removed(&self, at: Moment) -> bool {
        self.removals.iter().any(|removed| at.since(*removed) < CROSSING)
    }

    pub(super) fn away(&mut self, at: Moment) {
        close(&mut self.reach, at);
    }

    pub(super) fn disarm(&mut self, at: Moment) {
        close(&mut self.armed, at);
        self.off = self.off.map(|_| false);
    }

    /// The admin switches its extension off or on. Off, it is not there and not pushed; on, it is pushed as it was before,
    /// though it has said nothing meanwhile.
    pub(super) fn switch(&mut self, at: Moment, on: bool) {
        if on != self.off.is_some() {
            return;
        }
        self.switched = true;
        self.removals.push(at);
        if on {
            if self.off.take() == Some(true) && self.push_on {
                open(&mut self.armed, at);
            }
            return;
        }
        let was_armed = self.armed.last().is_some_and(|span| span.to.is_none());
        self.disarm(at);
        self.away(at);
        self.off = Some(was_armed);
    }

    /// The server was killed: whether the last switch was on disk is not known.
    pub(super) fn doubt_switch(&mut self, at: Moment) {
        if self.switched {
            self.disarm(at);
        }
    }

    /// Whether it could be reached without a break from one moment to the other.
    pub(super) fn is_there(&self, from: Moment, to: Moment) -> bool {
        self.reach.iter().any(|span| span.from <= from && span.to.is_none_or(|end| end >= to))
    }

    pub(super) fn is_armed(&self, from: Moment, to: Moment) -> bool {
        self.armed.iter().any(|span| span.from <= from && span.to.is_none_or(|end| end >= to))
    }
}

fn open(spans: &mut Vec<Span>, at: Moment) {
    if spans.last().is_none_or(|span| span.to.is_some()) {
        spans.push(Span { from: at, to: None });
    }
}

fn close(spans: &mut [Span], at: Moment) {
    if let Some(span) = spans.last_mut().filter(|span| span.to.is_none()) {
        span.to = Some(at);
    }
}
