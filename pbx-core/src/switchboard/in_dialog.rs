//! Requests within a call: hang up, hold, digits; carried from one side to the other.

use crate::call::CallInput;
use crate::model::{CallId, DeviceId, Flow, Now};
use crate::sip::dialog::InDialog;
use crate::sip::message::{HeaderName, Method, Request, Response, tag_of};

use super::Switchboard;
use super::leg::{CarriedInvite, ClientUse, LegName};
use super::request::{ALLOW, PRODUCT, Realm};

impl Switchboard {
    pub(super) fn in_dialog(&mut self, call: CallId, leg: LegName, flow: Flow, request: Request, now: Now) {
        let Some(live) = self.calls.get_mut(&call) else {
            self.answer(flow, &request, 481, "Call Does Not Exist");
            return;
        };
        let known = live.flow(leg).is_some_and(|ours| same_peer(ours, flow));
        // A request from another address must prove itself: a tag overheard elsewhere is not enough.
        if !known && self.authenticate(flow, &request, Realm::Exchange, now).is_none() {
            return;
        }
        let Some(live) = self.calls.get_mut(&call) else { return };
        let Some(dialog) = live.dialog_mut(leg) else {
            self.answer(flow, &request, 481, "Call Does Not Exist");
            return;
        };
        match dialog.check(&request) {
            InDialog::Ok => {}
            InDialog::OldCseq => {
                self.answer(flow, &request, 500, "CSeq Out Of Order");
                return;
            }
            InDialog::NotOurs => {
                self.answer(flow, &request, 481, "Call Does Not Exist");
                return;
            }
        }
        self.follow_flow(call, leg, flow);
        match request.method {
            Method::Bye => self.bye(call, leg, flow, &request, now),
            Method::Invite | Method::Update | Method::Info => self.carry(call, leg, flow, request, now),
            Method::Options => self.answer_with(flow, &request, 200, "OK", |response| {
                response.headers.push(HeaderName::Allow, ALLOW);
            }),
            Method::Ack | Method::Cancel => {}
            Method::Register
            | Method::Prack
            | Method::Message
            | Method::Subscribe
            | Method::Notify
            | Method::Refer
            | Method::Publish
            | Method::Other(_) => self.answer_with(flow, &request, 405, "Method Not Allowed", |response| {
                response.headers.push(HeaderName::Allow, ALLOW);
            }),
        }
    }

    /// A phone that changed network goes on with its call over the new flow.
    fn follow_flow(&mut self, call: CallId, leg: LegName, flow: Flow) {
        let Some(live) = self.calls.get_mut(&call) else { return };
        match leg {
            LegName::Caller => live.caller.flow = flow,
            LegName::Callee(branch) => {
                if let Some(leg) = live.callees.get_mut(&branch) {
                    leg.flow = flow;
                }
            }
        }
    }

    /// A device that registers anew takes its call along, so that what we send within it still arrives.
    pub(super) fn follow_device(&mut self, call: CallId, device: DeviceId, flow: Flow) {
        let Some(live) = self.calls.get_mut(&call) else { return };
        for leg in live.callees.values_mut().filter(|leg| leg.device == device) {
            if let Some(dialog) = &mut leg.dialog {
                leg.flow = flow;
                dialog.flow = flow;
            }
        }
    }

    /// The same for a device that calls: once it is connected, what we send to it goes where it is now.
    pub(super) fn follow_caller(&mut self, device: DeviceId, flow: Flow) {
        for call in self.calling.get(&device).into_iter().flatten() {
            if let Some(live) = self.calls.get_mut(call).filter(|live| live.call.is_connected()) {
                live.caller.flow = flow;
                live.caller.dialog.flow = flow;
            }
        }
    }

    fn bye(&mut self, call: CallId, leg: LegName, flow: Flow, request: &Request, now: Now) {
        self.answer(flow, request, 200, "OK");
        // Who hangs up has heard our 200, even if the ACK got lost: it is repeated no more.
        if let (LegName::Caller, Some(live)) = (leg, self.calls.get_mut(&call)) {
            self.transactions.acknowledged(live.caller.tx);
            live.caller.confirmed = true;
            live.caller.farewell_due = false;
        }
        let input = match leg {
            LegName::Caller => CallInput::CallerGone { reason: "The caller hung up.".into() },
            LegName::Callee(branch) => CallInput::CalleeHungUp { branch, reason: "The called side hung up.".into() },
        };
        self.tell_call(call, input, now);
    }

    /// Carries a request to the other side; its answer comes back the same way.
    fn carry(&mut self, call: CallId, leg: LegName, flow: Flow, request: Request, now: Now) {
        let Some(live) = self.calls.get_mut(&call) else { return };
        let is_invite = request.method == Method::Invite;
        let Some(other) = live.other(leg).filter(|_| live.call.is_connected()) else {
            self.answer(flow, &request, 491, "Request Pending");
            return;
        };
        if is_invite && live.reinvite.is_some() {
            self.answer(flow, &request, 491, "Request Pending");
            return;
        }
        let port = live.relay.map(|relay| match other {
            LegName::Caller => relay.caller_port.0,
            LegName::Callee(_) => relay.callee_port.0,
        });
        let other_flow = live.flow(other);
        let Some(((dialog, other_flow), port)) = live.dialog_mut(other).zip(other_flow).zip(port) else { return };
        let mut carried = dialog.request(request.method.clone());
        let cseq = dialog.local_cseq;
        if let Some(dialog) = live.dialog_mut(leg)
            && matches!(request.method, Method::Invite | Method::Update)
        {
            dialog.refresh(&request.headers);
        }
        carried.headers.push(HeaderName::Contact, self.contact(other_flow, ""));
        carried.headers.push(HeaderName::UserAgent, PRODUCT);
        let mut target = (&mut carried.headers, &mut carried.body);
        self.carry_body(call, (leg, port), &request.headers, &request.body, &mut target);
        let Some(answer_to) = self.transactions.accept(flow, &request, now.mono) else {
            self.answer(flow, &request, 503, "Too Many Calls");
            return;
        };
        if is_invite {
            let tag = request.headers.get(&HeaderName::To).and_then(|to| tag_of(to)).unwrap_or("");
            self.transactions.respond(answer_to, &Response::to(&request, 100, "Trying", tag), now.mono);
        }
        let late_offer = request.body.is_empty();
        let tx = self.transactions.request(other_flow, carried, now.mono);
        let asked = Box::new(request);
        self.client_txs.insert(tx, ClientUse::Carried { call, from: leg, answer_to, asked });
        if let (true, Some(live)) = (is_invite, self.calls.get_mut(&call)) {
            live.reinvite = Some(CarriedInvite { from: leg, answer_to, cseq, late_offer, ack: None });
        }
    }

    /// The ACK of a 2xx we gave: of the first INVITE, or of a carried one.
    pub(super) fn ack(&mut self, request: &Request, now: Now) {
        let tag = request.headers.get(&HeaderName::To).and_then(|to| tag_of(to));
        let Some((call, leg)) = tag.and_then(|tag| self.dialogs.get(tag)).copied() else { return };
        let Some(live) = self.calls.get_mut(&call) else { return };
        let carried =
            live.reinvite.as_ref().filter(|one| one.from == leg).map(|one| (one.answer_to, one.cseq, one.late_offer));
        if let Some((answer_to, cseq, late_offer)) = carried {
            self.transactions.acknowledged(answer_to);
            live.reinvite = None;
            if late_offer && let Some(other) = live.other(leg) {
                self.ack_with_answer(call, leg, other, cseq, request);
            }
            return;
        }
        if leg == LegName::Caller {
            self.transactions.acknowledged(live.caller.tx);
            if let (true, Some(other)) = (live.caller.late_offer, live.other(leg)) {
                let unacked = match other {
                    LegName::Callee(branch) => live.callees.get(&branch).is_some_and(|leg| leg.ack.is_none()),
                    LegName::Caller => false,
                };
                if unacked {
                    self.ack_with_answer(call, leg, other, 1, request);
                }
            }
            self.caller_confirmed(call, now);
        }
    }

    /// The caller's 200 is confirmed, or will never be: a farewell that waited for it leaves.
    pub(super) fn caller_confirmed(&mut self, call: CallId, now: Now) {
        let Some(live) = self.calls.get_mut(&call) else { return };
        live.caller.confirmed = true;
        if std::mem::take(&mut live.caller.farewell_due) {
            self.hang_up(call, LegName::Caller, now);
            self.run_call(call, now);
        }
    }

    fn ack_with_answer(&mut self, call: CallId, from: LegName, to: LegName, cseq: u32, request: &Request) {
        let Some(live) = self.calls.get_mut(&call) else { return };
        let port = live.relay.map(|relay| match to {
            LegName::Caller => relay.caller_port.0,
            LegName::Callee(_) => relay.callee_port.0,
        });
        let flow = live.flow(to);
        let Some(((dialog, flow), port)) = live.dialog_mut(to).zip(flow).zip(port) else { return };
        let mut ack = dialog.ack(cseq);
        self.carry_body(call, (from, port), &request.headers, &request.body, &mut (&mut ack.headers, &mut ack.body));
        let ack = self.transactions.send_ack(flow, ack);
        if let (LegName::Callee(branch), Some(live)) = (to, self.calls.get_mut(&call))
            && let Some(leg) = live.callees.get_mut(&branch)
        {
            leg.ack = Some(ack);
        }
    }

    /// The caller's stream died: while it rings there is nobody left to ring for.
    pub(super) fn caller_flow_lost(&mut self, flow: Flow, now: Now) {
        if !flow.transport.is_reliable() {
            return;
        }
        let gone: Vec<CallId> = self
            .calls
            .iter()
            .filter(|(_, live)| live.caller.flow == flow && !live.call.is_connected() && !live.call.is_ended())
            .map(|(id, _)| *id)
            .collect();
        // Its transaction ended with its stream, so that no ACK can be awaited on it.
        let unconfirmed: Vec<CallId> = self
            .calls
            .iter()
            .filter(|(_, live)| live.caller.answered && !live.caller.confirmed && live.caller.asked_on == flow)
            .map(|(id, _)| *id)
            .collect();
        for call in unconfirmed {
            self.caller_confirmed(call, now);
        }
        for call in gone {
            let reason = "The caller's connection was lost before anybody answered.".into();
            self.tell_call(call, CallInput::CallerGone { reason }, now);
        }
    }
}

/// Whether a request came from the peer the dialog is with: the same stream, or the same address.
fn same_peer(ours: Flow, theirs: Flow) -> bool {
    ours.remote.ip() == theirs.remote.ip()
}
