//! The legs of a live call: SIP on one side of it. Each leg has its own dialog and flow.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use crate::call::{BranchEnd, Call};
use crate::model::{BranchId, CallId, CallRecord, DeviceId, ExtensionNumber, Flow, Moment};
use crate::sip::dialog::Dialog;
use crate::sip::message::Request;
use crate::sip::transaction::{ClientTx, ServerTx};

use super::input::RelayPort;
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
    Carried {
        call: CallId,
        /// Who asked.
        from: LegName,
        /// Where the answer goes.
        answer_to: ServerTx,
        /// The request as it was asked, for the answer's headers.
        asked: Box<Request>,
    },
    /// A BYE: nobody waits for its answer.
    Farewell,
    /// The BYE of an answer that nobody waits for, by its Call-ID and To tag: one is enough, however often the answer is
    /// repeated.
    LateFarewell(Box<str>),
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
    /// How its INVITE came, where its answers go.
    pub(super) asked_on: Flow,
    /// The registered device that calls, if one does.
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

/// A request carried from one side to the other that awaits its ACK (a re-INVITE).
#[derive(Debug)]
pub(super) struct CarriedInvite {
    /// Who asked for it.
    pub(super) from: LegName,
    /// The asker's transaction, for its ACK.
    pub(super) answer_to: ServerTx,
    /// CSeq of the request on the other side, for the ACK.
    pub(super) cseq: u32,
    /// Whether the asker's ACK must carry the answer.
    pub(super) late_offer: bool,
    /// The ACK, once sent.
    pub(super) ack: Option<Bytes>,
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
    pub(super) parked: bool,
    /// Devices whose push for this call has left.
    pub(super) pushed: BTreeSet<DeviceId>,
    pub(super) deadline: Option<Moment>,
    pub(super) reinvite: Option<CarriedInvite>,
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

    pub(super) fn flow(&self, leg: LegName) -> Option<Flow> {
        match leg {
            LegName::Caller => Some(self.caller.flow),
            LegName::Callee(branch) => self.callees.get(&branch).map(|leg| leg.flow),
        }
    }

    /// Whether no INVITE of it is open any more, so that it can be forgotten.
    pub(super) fn is_settled(&self) -> bool {
        self.call.is_ended()
            && !self.closing_relay
            && !self.caller.farewell_due
            && self.callees.values().all(|leg| leg.tx.is_none())
    }
}
