//! Answers to our own requests, and what becomes of requests nobody answered.

use crate::call::{CallInput, Rejection};
use crate::media::sdp;
use crate::model::{BranchId, CallEnding, CallId, Flow, Now};
use crate::registrar::BindingFailure;
use crate::sip::cseq;
use crate::sip::dialog::Dialog;
use crate::sip::message::{HeaderName, Method, Request, Response, tag_of};
use crate::sip::transaction::{ClientTx, ServerTx, TxEvent};

use super::Switchboard;
use super::leg::{CarriedInvite, ClientUse, LegName};
use super::request::PRODUCT;

impl Switchboard {
    pub(super) fn response(&mut self, tx: ClientTx, response: Response, now: Now) {
        match self.client_txs.get(&tx).cloned() {
            Some(ClientUse::Invite { call, branch }) => self.invite_response(call, branch, &response, now),
            Some(ClientUse::Carried { .. } | ClientUse::Farewell | ClientUse::LateFarewell(_))
                if response.status < 200 => {}
            Some(ClientUse::Carried { call, from, answer_to, asked }) => {
                self.carried_response(call, from, (answer_to, &asked), response, now);
            }
            Some(ClientUse::Farewell | ClientUse::LateFarewell(_)) => {
                self.client_txs.remove(&tx);
            }
            None => {}
        }
    }

    fn invite_response(&mut self, call: CallId, branch: BranchId, response: &Response, now: Now) {
        if let Some(leg) = self.calls.get(&call).and_then(|live| live.callees.get(&branch)) {
            let (device, flow) = (leg.device, leg.flow);
            self.registrar.binding_answered(device, flow, now);
        }
        match response.status {
            180 => self.tell_call(call, CallInput::Rings { branch }, now),
            0..200 => self.tell_call(call, CallInput::Progress { branch }, now),
            200..300 => self.device_answered(call, branch, response, now),
            status => {
                let Some(leg) = self.calls.get_mut(&call).and_then(|live| live.callees.get_mut(&branch)) else {
                    return;
                };
                leg.tx = None;
                let input = match status {
                    482 => CallInput::HasAlready { branch },
                    486 => CallInput::Rejected { branch, rejection: Rejection::Busy },
                    // The phone's own stack lost its way to the user: the device may still come back by push.
                    408 | 430 | 503 => CallInput::FlowDead { branch },
                    600..700 => CallInput::Rejected { branch, rejection: Rejection::DeclinedEverywhere },
                    status => CallInput::Rejected { branch, rejection: Rejection::Failed { status } },
                };
                self.tell_call(call, input, now);
            }
        }
    }

    fn device_answered(&mut self, call: CallId, branch: BranchId, response: &Response, now: Now) {
        let Some(live) = self.calls.get_mut(&call) else { return };
        let late_offer = live.caller.late_offer;
        let Some(leg) = live.callees.get_mut(&branch) else { return };
        let flow = leg.flow;
        if let Some(dialog) = &leg.dialog {
            let theirs = response.headers.get(&HeaderName::To).and_then(|to| tag_of(to)).unwrap_or_default();
            if dialog.remote_tag != theirs {
                // Another phone behind the same flow answered too (RFC 3261 section 13.2.2.4).
                self.refuse_late_answer(flow, response, now);
                return;
            }
            // A repeated 200: its ACK was lost (RFC 3261 section 13.2.2.4).
            if let Some(ack) = leg.ack.clone() {
                self.transactions.send(flow, ack);
            }
            return;
        }
        leg.tx = None;
        let Ok(dialog) = Dialog::of_sent(flow, &leg.invite, response) else {
            self.tell_call(call, CallInput::Rejected { branch, rejection: Rejection::Failed { status: 500 } }, now);
            return;
        };
        let ended = leg.end.is_some();
        if !late_offer || ended {
            leg.ack = Some(self.transactions.send_ack(flow, dialog.ack(1)));
        }
        leg.answer = Some(response.body.clone());
        leg.dialog = Some(dialog);
        let tag = leg.tag.clone();
        self.dialogs.insert(tag, (call, LegName::Callee(branch)));
        if ended {
            self.hang_up(call, LegName::Callee(branch), now);
            self.run_call(call, now);
        } else {
            self.tell_call(call, CallInput::Answered { branch }, now);
        }
    }

    /// A phone answered an INVITE that nobody waits for any more: it must not sit in a call of its own. Its answer is
    /// confirmed and the call is hung up at once.
    pub(super) fn refuse_late_answer(&mut self, flow: Flow, response: &Response, now: Now) {
        if self.answer_is_known(flow, response) {
            return;
        }
        let mut invite = Request::new(Method::Invite, "sip:nobody@invalid");
        for header in response.headers.iter() {
            if matches!(header.name, HeaderName::From | HeaderName::To | HeaderName::CallId | HeaderName::CSeq) {
                invite.headers.push(header.name.clone(), header.value.clone());
            }
        }
        let Some(number) = cseq::of(&response.headers).map(|cseq| cseq.number) else { return };
        let Ok(mut dialog) = Dialog::of_sent(flow, &invite, response) else { return };
        self.transactions.send_ack(flow, dialog.ack(number));
        let name: Box<str> = format!("{} {}", dialog.call_id, dialog.remote_tag).into();
        let under_way =
            self.client_txs.values().any(|used| matches!(used, ClientUse::LateFarewell(known) if *known == name));
        if !under_way {
            let tx = self.transactions.request(flow, dialog.request(Method::Bye), now.mono);
            self.client_txs.insert(tx, ClientUse::LateFarewell(name));
        }
    }

    /// Whether this is the repeated answer of a phone that has its call and changed network before the ACK reached it: then
    /// the ACK goes to where it is now, and its call with it.
    fn answer_is_known(&mut self, flow: Flow, response: &Response) -> bool {
        let tag_in = |name: &HeaderName| response.headers.get(name).and_then(|value| tag_of(value)).unwrap_or_default();
        let Some((call, LegName::Callee(branch))) = self.dialogs.get(tag_in(&HeaderName::From)).copied() else {
            return false;
        };
        let leg = self.calls.get_mut(&call).and_then(|live| live.callees.get_mut(&branch));
        let Some(leg) = leg.filter(|leg| leg.end.is_none()) else { return false };
        let Some(dialog) = leg.dialog.as_mut().filter(|dialog| dialog.remote_tag == tag_in(&HeaderName::To)) else {
            return false;
        };
        leg.flow = flow;
        dialog.flow = flow;
        if let Some(ack) = leg.ack.clone() {
            self.transactions.send(flow, ack);
        }
        true
    }

    /// Carries the other side's final answer back to the side that asked.
    fn carried_response(
        &mut self,
        call: CallId,
        from: LegName,
        (answer_to, asked): (ServerTx, &Request),
        response: Response,
        now: Now,
    ) {
        let Some(live) = self.calls.get_mut(&call) else { return };
        let Some(other) = live.other(from) else { return };
        let is_invite = asked.method == Method::Invite;
        if is_invite
            && let Some(carried) = live.reinvite.as_ref()
            && let Some(ack) = &carried.ack
            && (200..300).contains(&response.status)
        {
            let (ack, flow) = (ack.clone(), live.flow(other));
            if let Some(flow) = flow {
                self.transactions.send(flow, ack);
            }
            return;
        }
        let port = live.relay.map(|relay| match from {
            LegName::Caller => relay.caller_port.0,
            LegName::Callee(_) => relay.callee_port.0,
        });
        let (Some(port), Some(flow)) = (port, live.flow(from)) else { return };
        let tag = asked.headers.get(&HeaderName::To).and_then(|to| tag_of(to)).unwrap_or("");
        let mut answer = Response::to(asked, response.status, "", tag);
        answer.reason = response.reason.clone();
        answer.headers.push(HeaderName::Contact, self.contact(flow, ""));
        answer.headers.push(HeaderName::Server, PRODUCT);
        self.carry_body(
            call,
            (other, port),
            &response.headers,
            &response.body,
            &mut (&mut answer.headers, &mut answer.body),
        );
        if is_invite {
            self.reinvite_answered(call, other, &response);
        }
        self.transactions.respond(answer_to, &answer, now.mono);
    }

    fn reinvite_answered(&mut self, call: CallId, other: LegName, response: &Response) {
        let Some(live) = self.calls.get_mut(&call) else { return };
        if !(200..300).contains(&response.status) {
            live.reinvite = None;
            return;
        }
        let flow = live.flow(other);
        let Some((cseq, late_offer)) = live.reinvite.as_ref().map(|one| (one.cseq, one.late_offer)) else { return };
        if late_offer {
            return;
        }
        let Some((dialog, flow)) = live.dialog_mut(other).zip(flow) else { return };
        dialog.refresh(&response.headers);
        let ack = self.transactions.send_ack(flow, dialog.ack(cseq));
        if let Some(carried) = live.reinvite.as_mut() {
            carried.ack = Some(ack);
        }
    }

    /// Copies a body to the other side: SDP through our relay, anything else as it is.
    pub(super) fn carry_body(
        &mut self,
        call: CallId,
        (from, port_for_reader): (LegName, u16),
        headers: &crate::sip::message::Headers,
        body: &bytes::Bytes,
        (to_headers, to_body): &mut (&mut crate::sip::message::Headers, &mut bytes::Bytes),
    ) {
        let Some(kind) = headers.get(&HeaderName::ContentType).filter(|_| !body.is_empty()) else { return };
        to_headers.push(HeaderName::ContentType, kind.clone());
        let reader_flow = self.calls.get(&call).and_then(|live| live.flow(live.other(from)?));
        if kind.to_ascii_lowercase().starts_with("application/sdp")
            && let Some(flow) = reader_flow
        {
            self.aim(call, from, body);
            **to_body = sdp::rewrite(body, self.our_ip(flow), port_for_reader);
        } else {
            **to_body = body.clone();
        }
    }

    pub(super) fn transaction_event(&mut self, event: TxEvent, now: Now) {
        match event {
            TxEvent::TimedOut { tx } => self.unanswered(tx, BindingFailure::NoAnswer, now),
            TxEvent::TransportFailed { tx } => self.unanswered(tx, BindingFailure::TransportError, now),
            // Ringing ends every call long before; an INVITE left open is a bug that must not hang a caller.
            TxEvent::Unanswered { tx } => {
                if let Some(call) = self.caller_txs.get(&tx).copied() {
                    let reason = "The call rang for ever.".into();
                    self.tell_call(call, CallInput::EndNow { ending: CallEnding::Failed, reason }, now);
                }
            }
            TxEvent::AckMissing { tx } => {
                if let Some(call) = self.caller_txs.get(&tx).copied() {
                    let reason = "The caller never confirmed the answer (no ACK).".into();
                    self.caller_confirmed(call, now);
                    // A call that is over has said its farewell.
                    if self.calls.get(&call).is_some_and(|live| !live.call.is_ended()) {
                        self.hang_up(call, LegName::Caller, now);
                    }
                    self.tell_call(call, CallInput::CallerGone { reason }, now);
                }
            }
        }
    }

    fn unanswered(&mut self, tx: ClientTx, failure: BindingFailure, now: Now) {
        match self.client_txs.remove(&tx) {
            Some(ClientUse::Invite { call, branch }) => {
                let Some(leg) = self.calls.get_mut(&call).and_then(|live| live.callees.get_mut(&branch)) else {
                    return;
                };
                leg.tx = None;
                let (device, flow, given_up) = (leg.device, leg.flow, leg.end.is_some());
                if !given_up || failure == BindingFailure::TransportError {
                    self.registrar.binding_failed(device, flow, failure, now);
                }
                self.tell_call(call, CallInput::FlowDead { branch }, now);
            }
            Some(ClientUse::Carried { call, from, answer_to, asked }) => {
                if let Some(live) = self.calls.get_mut(&call)
                    && live.reinvite.as_ref().is_some_and(|one: &CarriedInvite| one.from == from)
                {
                    live.reinvite = None;
                }
                let tag = asked.headers.get(&HeaderName::To).and_then(|to| tag_of(to)).unwrap_or("");
                let answer = Response::to(&asked, 408, "Request Timeout", tag);
                self.transactions.respond(answer_to, &answer, now.mono);
            }
            Some(ClientUse::Farewell | ClientUse::LateFarewell(_)) | None => {}
        }
    }
}
