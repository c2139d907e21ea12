//! The legs of a live call: SIP on one side of it. Each leg has its own dialog and flow.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use crate::call::{BranchEnd, Call};
use crate::model::{BranchId, CallId, CallRecord, DeviceId, ExtensionNumber, Flow, Moment};
use crate::sip::dialog::Dialog;
use crate::sip::message::{Request, Response};
use crate::sip::transaction::{ClientTx, ServerTx};

use super::check_sync::CheckSync;
use super::input::RelayPort;
use super::mid_call::WaitingRequest;
use super::output::RelayId;

/// One side of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum LegName {
    /// Who called.
    Caller,
    /// A device of the called extension.
    Callee(BranchId),
}

/// What one of our client transactions is for.
#[derive(Debug, Clone)]
pub(super) enum ClientUse {
    /// The INVITE of a branch.
    Invite { call: CallId, branch: BranchId },
    /// A request one side made within the call, carried to the other side.
    Carried(Box<Carried>),
    /// A re-INVITE whose call ended meanwhile: nobody waits for its answer, but a 200 gets its ACK.
    Overtaken { flow: Flow, ack: Bytes },
    /// An INVITE of the last run, taken back: a phone that answers it must not sit in a call of its own.
    TakenBack { flow: Flow },
    /// A BYE: nobody waits for its answer.
    Farewell,
    /// OPTIONS: is the device still there?
    Probe { device: DeviceId, flow: Flow },
    /// NOTIFY: fetch your settings again.
    CheckSync(Box<CheckSync>),
    /// The BYE of an answer that nobody waits for, by its Call-ID and To tag: one is enough, however often the answer is
    /// repeated.
    LateFarewell(Box<str>),
}

/// A request one side made within the call, carried to the other side.
#[derive(Debug, Clone)]
pub(super) struct Carried {
    pub(super) call: CallId,
    /// Who asked.
    pub(super) from: LegName,
    /// Where the answer goes.
    pub(super) answer_to: ServerTx,
    /// The request as it was asked, for the answer's headers.
    pub(super) asked: Request,
    /// CSeq of the request on the other side, for the ACK.
    pub(super) cseq: u32,
    /// The asker has its final answer.
    pub(super) answered: bool,
    /// The ACK of the other side's 200, once sent, for when the 200 is repeated.
    pub(super) ack: Option<Bytes>,
}

/// The sound of a call.
#[derive(Debug, Clone, Copy)]
pub(super) struct Relay {
    pub(super) id: RelayId,
    pub(super) caller_port: RelayPort,
    pub(super) callee_port: RelayPort,
}

/// The caller's side.
#[derive(Debug)]
pub(super) struct CallerLeg {
    pub(super) flow: Flow,
    /// The device that calls, if it is one of ours that we know.
    pub(super) device: Option<DeviceId>,
    pub(super) tx: ServerTx,
    pub(super) invite: Request,
    pub(super) raw: Bytes,
    pub(super) tag: Box<str>,
    pub(super) dialog: Dialog,
    /// The final answer has gone out.
    pub(super) answered: bool,
    /// Its 200 was confirmed, or need not be any more.
    pub(super) confirmed: bool,
    /// It is to be hung up as soon as its 200 is confirmed: a BYE that overtakes the 200 belongs to nothing (RFC 3261
    /// section 15).
    pub(super) farewell_due: bool,
    /// The caller's INVITE carried no offer: the callee's 200 does, and the caller's ACK carries the answer.
    pub(super) late_offer: bool,
    /// Its INVITE offers video, so that phones are told when they are woken.
    pub(super) has_video: bool,
    /// The last provisional answer, which a caller on UDP hears once the park journal has the call: whoever was told that
    /// somebody takes care is told the end as well, even if a crash comes between.
    pub(super) unheard: Option<Response>,
}

/// One called device's side.
#[derive(Debug)]
pub(super) struct CalleeLeg {
    pub(super) device: DeviceId,
    pub(super) flow: Flow,
    pub(super) tx: Option<ClientTx>,
    pub(super) invite: Request,
    pub(super) tag: Box<str>,
    pub(super) dialog: Option<Dialog>,
    /// The body of its 200: its answer, or its offer when the caller made none.
    pub(super) answer: Option<Bytes>,
    /// The ACK of its 200, for when the 200 is repeated.
    pub(super) ack: Option<Bytes>,
    /// The call went on without it.
    pub(super) end: Option<BranchEnd>,
}

/// A re-INVITE from the moment it is carried on until its asker has confirmed the answer; there is one at most.
#[derive(Debug)]
pub(super) struct CarriedInvite {
    /// Who asked for it.
    pub(super) from: LegName,
    /// The asker's transaction.
    pub(super) answer_to: ServerTx,
    /// Ours to the other side.
    pub(super) tx: ClientTx,
    /// CSeq as the asker counts, which its ACK repeats.
    pub(super) asked_cseq: u32,
    /// Whether the asker's ACK must carry the answer.
    pub(super) late_offer: bool,
}

/// A call with its legs.
#[derive(Debug)]
pub(super) struct LiveCall {
    pub(super) call: Call,
    pub(super) record: CallRecord,
    pub(super) callee: Option<ExtensionNumber>,
    pub(super) caller: CallerLeg,
    pub(super) callees: BTreeMap<BranchId, CalleeLeg>,
    pub(super) winner: Option<BranchId>,
    pub(super) relay: Option<Relay>,
    /// A device is being woken for it.
    pub(super) parked: bool,
    /// Devices whose push for this call has left.
    pub(super) pushed: BTreeSet<DeviceId>,
    /// It stands in the park journal, or is on its way there.
    pub(super) journaled: bool,
    /// A phone that it rings stands there.
    pub(super) rung: bool,
    pub(super) deadline: Option<Moment>,
    pub(super) reinvite: Option<CarriedInvite>,
    /// Requests of ours in this call whose answers still mean something.
    pub(super) txs: BTreeSet<ClientTx>,
    /// A request of one side that waits until the other side's device has woken up.
    pub(super) waiting: Option<WaitingRequest>,
    /// When an answered test call ends by itself.
    pub(super) talk_until: Option<Moment>,
    /// Relay counters have been asked for and not come yet.
    pub(super) closing_relay: bool,
}

impl LiveCall {
    /// The other side of a connected call.
    pub(super) fn other(&self, leg: LegName) -> Option<LegName> {
        let winner = self.winner?;
        match leg {
            LegName::Caller => Some(LegName::Callee(winner)),
            LegName::Callee(branch) if branch == winner => Some(LegName::Caller),
            LegName::Callee(_) => None,
        }
    }

    pub(super) fn dialog_mut(&mut self, leg: LegName) -> Option<&mut Dialog> {
        match leg {
            LegName::Caller => Some(&mut self.caller.dialog),
            LegName::Callee(branch) => self.callees.get_mut(&branch)?.dialog.as_mut(),
        }
    }

    /// Whom this side takes us for: the user of our Contact towards it.
    pub(super) fn our_user(&self, leg: LegName) -> &str {
        match leg {
            LegName::Caller => &self.record.callee,
            LegName::Callee(_) => &self.record.caller,
        }
    }

    /// Whose side this is.
    pub(super) fn extension(&self, leg: LegName) -> Option<ExtensionNumber> {
        match leg {
            LegName::Caller => self.record.caller.parse().ok(),
            LegName::Callee(_) => self.callee,
        }
    }

    pub(super) fn flow(&self, leg: LegName) -> Option<Flow> {
        match leg {
            LegName::Caller => Some(self.caller.flow),
            LegName::Callee(branch) => self.callees.get(&branch).map(|leg| leg.flow),
        }
    }

    /// Whether an INVITE for this device is open on a flow of it other than `newest`.
    pub(super) fn is_reached(&self, device: DeviceId, newest: Flow, flows: &[Flow]) -> bool {
        self.callees.values().any(|leg| {
            leg.device == device
                && leg.end.is_none()
                && leg.tx.is_some()
                && leg.flow != newest
                && flows.contains(&leg.flow)
        })
    }

    /// Whether no INVITE of it is open any more, so that it can be forgotten.
    pub(super) fn is_settled(&self) -> bool {
        self.call.is_ended()
            && !self.closing_relay
            && self.waiting.is_none()
            && !self.caller.farewell_due
            && self.callees.values().all(|leg| leg.tx.is_none())
    }
}
