//! Answers to our own requests, and what becomes of requests nobody answered.

use crate::call::{CallInput, Rejection};
use crate::model::{BranchId, CallEnding, CallId, Flow, Now};
use crate::registrar::BindingFailure;
use crate::sip::cseq;
use crate::sip::dialog::Dialog;
use crate::sip::message::{HeaderName, Method, Request, Response, tag_of};
use crate::sip::transaction::{ClientTx, ServerTx, TxEvent};

use super::Switchboard;
use super::leg::{ClientUse, LegName};

impl Switchboard {
    pub(super) fn response(&mut self, tx: ClientTx, response: Response, now: Now) {
        match self.client_txs.get(&tx) {
            Some(ClientUse::Invite { call, branch }) => {
                let (call, branch) = (*call, *branch);
                if response.status >= 300 {
                    self.nothing_more_of(tx);
                }
                self.invite_response(call, branch, &response, now);
            }
            Some(
                ClientUse::Carried(_)
                | ClientUse::Overtaken { .. }
                | ClientUse::TakenBack { .. }
                | ClientUse::Farewell
                | ClientUse::LateFarewell(_)
                | ClientUse::Probe { .. }
                | ClientUse::CheckSync(_),
            ) if response.status < 200 => {}
            Some(ClientUse::TakenBack { flow }) if response.status < 300 => {
                let flow = *flow;
                self.refuse_late_answer(flow, &response, now);
            }
            Some(ClientUse::Carried(_)) => self.carried_response(tx, &response, now),
            Some(ClientUse::CheckSync(_)) => self.check_sync_response(tx, &response, now),
            Some(ClientUse::Overtaken { flow, ack }) if response.status < 300 => {
                let (flow, ack) = (*flow, ack.clone());
                self.transactions.send(flow, ack);
            }
            Some(
                ClientUse::Overtaken { .. }
                | ClientUse::TakenBack { .. }
                | ClientUse::Farewell
                | ClientUse::LateFarewell(_),
            ) => {
                self.client_txs.remove(&tx);
            }
            // Whatever it says, it is there.
            Some(ClientUse::Probe { device, flow }) => {
                let (device, flow) = (*device, *flow);
                self.client_txs.remove(&tx);
                self.registrar.binding_answered(device, flow, now);
            }
            None => {}
        }
    }

    /// No answer to this request of ours means anything any more.
    fn nothing_more_of(&mut self, tx: ClientTx) {
        let call = match self.client_txs.remove(&tx) {
            Some(ClientUse::Invite { call, .. }) => call,
            Some(ClientUse::Carried(carried)) => carried.call,
            Some(
                ClientUse::Overtaken { .. }
                | ClientUse::TakenBack { .. }
                | ClientUse::Farewell
                | ClientUse::LateFarewell(_)
                | ClientUse::Probe { .. }
                | ClientUse::CheckSync(_),
            )
            | None => return,
        };
        if let Some(live) = self.calls.get_mut(&call) {
            live.txs.remove(&tx);
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
    /// the ACK goes to where it is now. Its call goes there only when the phone has registered from there: whoever has
    /// overheard an answer could otherwise move the call to himself.
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
        let view = self.registrar.device(leg.device);
        if view.is_some_and(|view| view.live_flows().any(|live| live == flow)) {
            leg.flow = flow;
            dialog.flow = flow;
        }
        if let Some(ack) = leg.ack.clone() {
            self.transactions.send(flow, ack);
        }
        true
    }

    pub(super) fn transaction_event(&mut self, event: TxEvent, now: Now) {
        match event {
            TxEvent::TimedOut { tx } => self.unanswered(tx, Some(BindingFailure::NoAnswer), now),
            TxEvent::TransportFailed { tx } => self.unanswered(tx, Some(BindingFailure::TransportError), now),
            TxEvent::NoRoom { tx } => self.unanswered(tx, None, now),
            // Ringing ends every call long before; an INVITE left open is a bug that must not hang a caller.
            TxEvent::Unanswered { tx } => {
                let Some(call) = self.invite_txs.get(&tx).copied() else { return };
                if self.is_first_invite(call, tx) {
                    let reason = "The call rang for ever.".into();
                    self.tell_call(call, CallInput::EndNow { ending: CallEnding::Failed, reason }, now);
                } else {
                    self.take_back(call, tx, now);
                }
            }
            TxEvent::AckMissing { tx } => {
                let Some(call) = self.invite_txs.get(&tx).copied() else { return };
                if self.is_first_invite(call, tx) {
                    let reason = "The caller never confirmed the answer (no ACK).".into();
                    self.caller_confirmed(call, now);
                    // A call that is over has said its farewell.
                    if self.calls.get(&call).is_some_and(|live| !live.call.is_ended()) {
                        self.hang_up(call, LegName::Caller, now);
                    }
                    self.tell_call(call, CallInput::CallerGone { reason }, now);
                } else {
                    self.carried_ack_missing(call, tx, now);
                }
            }
            TxEvent::Closed { tx } => self.nothing_more_of(tx),
        }
    }

    /// Whether this is the INVITE that began the call, and not one within it.
    pub(super) fn is_first_invite(&self, call: CallId, tx: ServerTx) -> bool {
        self.calls.get(&call).is_some_and(|live| live.caller.tx == tx)
    }

    /// No answer will come; without a failure it is not the device's fault.
    fn unanswered(&mut self, tx: ClientTx, failure: Option<BindingFailure>, now: Now) {
        match self.client_txs.remove(&tx) {
            Some(ClientUse::Invite { call, branch }) => {
                let Some(live) = self.calls.get_mut(&call) else { return };
                let Some(leg) = live.callees.get_mut(&branch) else { return };
                leg.tx = None;
                live.txs.remove(&tx);
                let (device, flow, given_up) = (leg.device, leg.flow, leg.end.is_some());
                let is_dead = failure == Some(BindingFailure::TransportError) && flow.transport.is_reliable();
                if let Some(failure) = failure.filter(|_| !given_up || is_dead) {
                    self.registrar.binding_failed(device, flow, failure, now);
                }
                // A phone with another flow is invited over that one; only a phone without is given up or woken.
                let view = self.registrar.device(device).filter(|_| !given_up);
                let next = view.and_then(|view| {
                    let flow = view.live_binding().map(|binding| binding.flow()).filter(|next| *next != flow)?;
                    Some(CallInput::Registered {
                        device,
                        flow,
                        can_be_woken: view.usable_target().is_some(),
                        restarted: false,
                    })
                });
                self.tell_call(call, next.unwrap_or(CallInput::FlowDead { branch }), now);
            }
            Some(ClientUse::Carried(carried)) => self.carried_unanswered(tx, &carried, now),
            Some(ClientUse::CheckSync(asked)) => self.check_sync_unanswered(&asked, failure),
            Some(ClientUse::Probe { device, flow }) if failure.is_some() => {
                self.registrar.question_unanswered(device, flow);
            }
            Some(
                ClientUse::Probe { .. }
                | ClientUse::Overtaken { .. }
                | ClientUse::TakenBack { .. }
                | ClientUse::Farewell
                | ClientUse::LateFarewell(_),
            )
            | None => {}
        }
    }
}
