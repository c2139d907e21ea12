//! Requests carried from one side of a call to the other, and what comes back: answers, the ACK of a re-INVITE, the end.
//!
//! Each carried request is known by two transactions: the asker's, which gets the answer, and ours to the other side. What
//! belongs to one re-INVITE is kept with its own transaction, because two may overlap: while the other side still repeats
//! its answer to the first (our ACK was lost), the asker has acknowledged it and may ask again.
//!
//! Invariants: the asker gets one final answer, also when the call ends first; a 200 of the other side is acknowledged as
//! often as it comes, with the ACK of that very INVITE.

use bytes::Bytes;

use crate::call::CallInput;
use crate::media::sdp;
use crate::model::{CallEnding, CallId, Now};
use crate::sip::cseq;
use crate::sip::dialog::InDialog;
use crate::sip::message::{HeaderName, Headers, Method, Request, Response, tag_of};
use crate::sip::transaction::{ClientTx, ServerTx};

use super::Switchboard;
use super::leg::{Carried, CarriedInvite, ClientUse, LegName};
use super::request::PRODUCT;

impl Switchboard {
    /// The other side's device is there: the request goes out to it.
    pub(super) fn carry_on(&mut self, call: CallId, leg: LegName, answer_to: ServerTx, request: Request, now: Now) {
        let Some(live) = self.calls.get_mut(&call) else { return };
        let is_invite = request.method == Method::Invite;
        let Some(other) = live.other(leg) else { return };
        let port = live.relay.map(|relay| match other {
            LegName::Caller => relay.caller_port.0,
            LegName::Callee(_) => relay.callee_port.0,
        });
        let other_flow = live.flow(other);
        let Some(((dialog, other_flow), port)) = live.dialog_mut(other).zip(other_flow).zip(port) else {
            self.answer_asker(answer_to, &request, (500, "Call Failed"), now);
            return;
        };
        let mut carried = dialog.request(request.method.clone());
        let cseq = dialog.local_cseq;
        if let Some(dialog) = live.dialog_mut(leg)
            && matches!(request.method, Method::Invite | Method::Update)
        {
            dialog.refresh(&request.headers);
        }
        let our_user = live.our_user(other).to_owned();
        carried.headers.push(HeaderName::Contact, self.contact(other_flow, &our_user));
        carried.headers.push(HeaderName::UserAgent, PRODUCT);
        let mut target = (&mut carried.headers, &mut carried.body);
        self.carry_body(call, (leg, port), &request.headers, &request.body, &mut target);
        let asked_cseq = cseq::of(&request.headers).map_or(0, |cseq| cseq.number);
        let late_offer = request.body.is_empty();
        let tx = self.transactions.request(other_flow, carried, now.mono);
        let used = Carried { call, from: leg, answer_to, asked: request, cseq, answered: false, ack: None };
        self.client_txs.insert(tx, ClientUse::Carried(Box::new(used)));
        let Some(live) = self.calls.get_mut(&call) else { return };
        live.txs.insert(tx);
        if is_invite {
            let stale = live.reinvite.replace(CarriedInvite { from: leg, answer_to, tx, asked_cseq, late_offer });
            if let Some(stale) = stale {
                self.invite_txs.remove(&stale.answer_to);
            }
            self.invite_txs.insert(answer_to, call);
        }
    }

    /// The ACK of a 2xx we gave: of the first INVITE, or of a carried one; its CSeq says of which (RFC 3261 section
    /// 13.2.2.4).
    pub(super) fn ack(&mut self, request: &Request, now: Now) {
        let tag = request.headers.get(&HeaderName::To).and_then(|to| tag_of(to));
        let Some((call, leg)) = tag.and_then(|tag| self.dialogs.get(tag)).copied() else { return };
        let Some(live) = self.calls.get_mut(&call) else { return };
        let Some(number) = cseq::of(&request.headers).map(|cseq| cseq.number) else { return };
        if live.dialog_mut(leg).is_none_or(|dialog| dialog.check(request) != InDialog::Ok) {
            return;
        }
        let pending = live.reinvite.as_ref().filter(|one| one.from == leg && one.asked_cseq == number);
        if let Some((tx, late_offer)) = pending.map(|one| (one.tx, one.late_offer)) {
            self.carried_acknowledged(call, (leg, tx, late_offer), request);
            return;
        }
        let first = cseq::of(&live.caller.invite.headers).map(|cseq| cseq.number);
        if leg != LegName::Caller || first != Some(number) {
            return;
        }
        self.transactions.acknowledged(live.caller.tx);
        if let Some(LegName::Callee(branch)) = live.other(leg).filter(|_| live.caller.late_offer)
            && live.callees.get(&branch).is_some_and(|leg| leg.ack.is_none())
        {
            let ack = self.ack_with_answer(call, leg, LegName::Callee(branch), 1, request);
            if let Some(leg) = self.calls.get_mut(&call).and_then(|live| live.callees.get_mut(&branch)) {
                leg.ack = ack;
            }
        }
        self.caller_confirmed(call, now);
    }

    fn carried_acknowledged(
        &mut self,
        call: CallId,
        (leg, tx, late_offer): (LegName, ClientTx, bool),
        request: &Request,
    ) {
        let cseq = match self.client_txs.get(&tx) {
            Some(ClientUse::Carried(carried)) if !carried.answered => return,
            Some(ClientUse::Carried(carried)) => Some(carried.cseq),
            Some(
                ClientUse::Invite { .. }
                | ClientUse::Overtaken { .. }
                | ClientUse::TakenBack { .. }
                | ClientUse::Farewell
                | ClientUse::LateFarewell(_)
                | ClientUse::Probe { .. }
                | ClientUse::CheckSync(_),
            )
            | None => None,
        };
        let Some(pending) = self.reinvite_is_over(call, tx) else { return };
        self.transactions.acknowledged(pending.answer_to);
        let other = self.calls.get(&call).and_then(|live| live.other(leg));
        if let (true, Some(other), Some(cseq)) = (late_offer, other, cseq) {
            let ack = self.ack_with_answer(call, leg, other, cseq, request);
            if let Some(ClientUse::Carried(carried)) = self.client_txs.get_mut(&tx) {
                carried.ack = ack;
            }
        }
    }

    /// Another re-INVITE may come.
    fn reinvite_is_over(&mut self, call: CallId, tx: ClientTx) -> Option<CarriedInvite> {
        let pending = self.calls.get_mut(&call)?.reinvite.take_if(|one| one.tx == tx)?;
        self.invite_txs.remove(&pending.answer_to);
        Some(pending)
    }

    fn ack_with_answer(
        &mut self,
        call: CallId,
        from: LegName,
        to: LegName,
        cseq: u32,
        request: &Request,
    ) -> Option<Bytes> {
        let live = self.calls.get_mut(&call)?;
        let port = live.relay.map(|relay| match to {
            LegName::Caller => relay.caller_port.0,
            LegName::Callee(_) => relay.callee_port.0,
        });
        let flow = live.flow(to);
        let ((dialog, flow), port) = live.dialog_mut(to).zip(flow).zip(port)?;
        let mut ack = dialog.ack(cseq);
        self.aim_at(call, from, &request.headers, &request.body);
        self.carry_body(call, (from, port), &request.headers, &request.body, &mut (&mut ack.headers, &mut ack.body));
        Some(self.transactions.send_ack(flow, ack))
    }

    /// Carries the other side's final answer back to the side that asked.
    pub(super) fn carried_response(&mut self, tx: ClientTx, response: &Response, now: Now) {
        let Some(ClientUse::Carried(mut carried)) = self.client_txs.remove(&tx) else { return };
        let call = carried.call;
        let accepted = (200..300).contains(&response.status);
        if !carried.answered {
            self.carry_answer(tx, &mut carried, response, now);
        } else if let (true, Some(ack)) = (accepted, carried.ack.clone()) {
            // A repeated 200: its ACK was lost.
            let flow = self.calls.get(&call).and_then(|live| live.flow(live.other(carried.from)?));
            if let Some(flow) = flow {
                self.transactions.send(flow, ack);
            }
        }
        // Only the 2xx of an INVITE is repeated to us.
        if accepted && carried.asked.method == Method::Invite {
            self.client_txs.insert(tx, ClientUse::Carried(carried));
        } else if let Some(live) = self.calls.get_mut(&call) {
            live.txs.remove(&tx);
        }
    }

    fn carry_answer(&mut self, tx: ClientTx, carried: &mut Carried, response: &Response, now: Now) {
        let (call, from, asked) = (carried.call, carried.from, &carried.asked);
        let Some(live) = self.calls.get_mut(&call) else { return };
        let Some(other) = live.other(from) else { return };
        let port = live.relay.map(|relay| match from {
            LegName::Caller => relay.caller_port.0,
            LegName::Callee(_) => relay.callee_port.0,
        });
        let (Some(port), Some(flow), Some(other_flow)) = (port, live.flow(from), live.flow(other)) else { return };
        let our_user = live.our_user(from).to_owned();
        let accepted = (200..300).contains(&response.status);
        if let Some(dialog) = live.dialog_mut(other).filter(|_| accepted && asked.method != Method::Info) {
            dialog.refresh(&response.headers);
        }
        let late_offer = asked.body.is_empty();
        if accepted && asked.method == Method::Invite && !late_offer {
            let ack = live.dialog_mut(other).map(|dialog| dialog.ack(carried.cseq));
            carried.ack = ack.map(|ack| self.transactions.send_ack(other_flow, ack));
        }
        let tag = asked.headers.get(&HeaderName::To).and_then(|to| tag_of(to)).unwrap_or("");
        let mut answer = Response::to(asked, response.status, "", tag);
        answer.reason = response.reason.clone();
        answer.headers.push(HeaderName::Contact, self.contact(flow, &our_user));
        answer.headers.push(HeaderName::Server, PRODUCT);
        // A refused offer leaves the sound as it was (RFC 3261 section 14.1).
        if accepted && asked.method != Method::Info {
            self.aim_at(call, from, &asked.headers, &asked.body);
            self.aim_at(call, other, &response.headers, &response.body);
        }
        let mut target = (&mut answer.headers, &mut answer.body);
        self.carry_body(call, (other, port), &response.headers, &response.body, &mut target);
        self.transactions.respond(carried.answer_to, &answer, now.mono);
        carried.answered = true;
        if !accepted {
            self.reinvite_is_over(call, tx);
        }
    }

    /// Nobody answered a carried request, or it could not be sent.
    pub(super) fn carried_unanswered(&mut self, tx: ClientTx, carried: &Carried, now: Now) {
        if let Some(live) = self.calls.get_mut(&carried.call) {
            live.txs.remove(&tx);
        }
        self.reinvite_is_over(carried.call, tx);
        if !carried.answered {
            self.answer_asker(carried.answer_to, &carried.asked, (408, "Request Timeout"), now);
        }
    }

    /// The asker took its re-INVITE back, or nothing came of it for too long: so does the other side hear. Its final answer,
    /// or none, ends it.
    pub(super) fn take_back(&mut self, call: CallId, asked: ServerTx, now: Now) {
        let pending = self.calls.get(&call).and_then(|live| live.reinvite.as_ref());
        if let Some(tx) = pending.filter(|one| one.answer_to == asked).map(|one| one.tx) {
            self.transactions.cancel(tx, None, now.mono);
        }
    }

    /// The asker never confirmed the answer to its re-INVITE: what the two sides agreed on is unknown, so the call is over
    /// (RFC 3261 section 14.2).
    pub(super) fn carried_ack_missing(&mut self, call: CallId, asked: ServerTx, now: Now) {
        let pending = self.calls.get(&call).and_then(|live| live.reinvite.as_ref());
        let Some(tx) = pending.filter(|one| one.answer_to == asked).map(|one| one.tx) else { return };
        self.reinvite_is_over(call, tx);
        let reason = "A phone never confirmed a change of the call, such as hold (no ACK).".into();
        self.tell_call(call, CallInput::EndNow { ending: CallEnding::Failed, reason }, now);
    }

    /// The call is over: whoever waits for an answer within it has one now, and a 200 that crosses the end is still
    /// acknowledged, so that the phone stops repeating it.
    pub(super) fn end_carried(&mut self, call: CallId, now: Now) {
        let Some(live) = self.calls.get_mut(&call) else { return };
        if let Some(pending) = live.reinvite.take() {
            self.invite_txs.remove(&pending.answer_to);
        }
        for tx in live.txs.clone() {
            let Some(ClientUse::Carried(carried)) = self.client_txs.get(&tx) else { continue };
            let Some(live) = self.calls.get_mut(&call) else { return };
            live.txs.remove(&tx);
            let carried = carried.clone();
            self.client_txs.remove(&tx);
            if carried.asked.method == Method::Invite {
                self.leave_to_itself(tx, &carried);
            }
            if !carried.answered {
                self.answer_asker(carried.answer_to, &carried.asked, (487, "Request Terminated"), now);
            }
        }
    }

    fn leave_to_itself(&mut self, tx: ClientTx, carried: &Carried) {
        let Some(live) = self.calls.get_mut(&carried.call) else { return };
        let Some(other) = live.other(carried.from) else { return };
        let Some(flow) = live.flow(other) else { return };
        let Some(dialog) = live.dialog_mut(other) else { return };
        let ack = match &carried.ack {
            Some(ack) => ack.clone(),
            // Its 200 has come, and the ACK was to carry the asker's answer.
            None if carried.answered => self.transactions.send_ack(flow, dialog.ack(carried.cseq)),
            None => self.transactions.prepare_ack(flow, dialog.ack(carried.cseq)),
        };
        self.client_txs.insert(tx, ClientUse::Overtaken { flow, ack });
    }

    fn answer_asker(&mut self, answer_to: ServerTx, asked: &Request, (status, reason): (u16, &'static str), now: Now) {
        let tag = asked.headers.get(&HeaderName::To).and_then(|to| tag_of(to)).unwrap_or("");
        self.transactions.respond(answer_to, &Response::to(asked, status, reason, tag), now.mono);
    }

    /// Aims the relay at what a side announced, when that holds: an offer with the 2xx that takes it, an answer at once.
    fn aim_at(&mut self, call: CallId, from: LegName, headers: &Headers, body: &Bytes) {
        if is_sdp(headers, body) {
            self.aim(call, from, body);
        }
    }

    /// Copies a body to the other side: SDP through our relay, anything else as it is.
    fn carry_body(
        &mut self,
        call: CallId,
        (from, port_for_reader): (LegName, u16),
        headers: &Headers,
        body: &Bytes,
        (to_headers, to_body): &mut (&mut Headers, &mut Bytes),
    ) {
        let Some(kind) = headers.get(&HeaderName::ContentType).filter(|_| !body.is_empty()) else { return };
        to_headers.push(HeaderName::ContentType, kind.clone());
        let reader_flow = self.calls.get(&call).and_then(|live| live.flow(live.other(from)?));
        if is_sdp(headers, body)
            && let Some(flow) = reader_flow
        {
            **to_body = sdp::rewrite(body, self.our_ip(flow), port_for_reader);
        } else {
            **to_body = body.clone();
        }
    }
}

fn is_sdp(headers: &Headers, body: &Bytes) -> bool {
    let kind = headers.get(&HeaderName::ContentType).filter(|_| !body.is_empty());
    kind.is_some_and(|kind| kind.to_ascii_lowercase().starts_with("application/sdp"))
}
