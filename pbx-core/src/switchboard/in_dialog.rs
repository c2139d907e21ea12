//! Requests within a call: hang up, hold, digits; carried from one side to the other.

use crate::call::CallInput;
use crate::model::{CallId, DeviceId, Flow, Now};
use crate::sip::dialog::InDialog;
use crate::sip::message::{HeaderName, Method, Request, Response, tag_of};
use crate::sip::transaction::ServerTx;

use super::Switchboard;
use super::leg::LegName;
use super::mid_call::WaitingRequest;
use super::request::{ALLOW, Realm};

impl Switchboard {
    pub(super) fn in_dialog(&mut self, call: CallId, leg: LegName, flow: Flow, request: Request, now: Now) {
        let Some(live) = self.calls.get_mut(&call) else {
            self.answer(flow, &request, 481, "Call Does Not Exist");
            return;
        };
        let known = live.flow(leg).is_some_and(|ours| same_peer(ours, flow));
        // A request from another address must prove itself: a tag overheard elsewhere is not enough.
        if !known {
            let whose = live.extension(leg);
            let Some(credential) = self.authenticate(flow, &request, Realm::Exchange, now) else { return };
            // Any account proves who asks, but only this side's own may speak for it.
            if whose != Some(credential.extension) {
                self.answer(flow, &request, 403, "Not Your Call");
                return;
            }
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
    pub(super) fn follow_flow(&mut self, call: CallId, leg: LegName, flow: Flow) {
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
        if live.call.is_ended() {
            self.answer(flow, &request, 481, "Call Does Not Exist");
            return;
        }
        if request.method == Method::Update && request.body.is_empty() {
            self.refreshed(call, leg, flow, &request);
            return;
        }
        let Some(other) = live.other(leg).filter(|_| live.call.is_connected()) else {
            self.answer(flow, &request, 491, "Request Pending");
            return;
        };
        // An asker whose stream died will not confirm its re-INVITE any more.
        let pending = live.reinvite.as_ref().is_some_and(|one| self.transactions.knows(one.answer_to));
        // An UPDATE with an offer crosses the offer of a re-INVITE (RFC 3311 section 5.2).
        let offers = is_invite || request.method == Method::Update;
        if live.waiting.is_some() || (offers && pending) {
            self.answer(flow, &request, 491, "Request Pending");
            return;
        }
        let Some(answer_to) = self.transactions.accept(flow, &request, now.mono) else {
            self.answer(flow, &request, 503, "Too Many Calls");
            return;
        };
        if is_invite {
            let tag = request.headers.get(&HeaderName::To).and_then(|to| tag_of(to)).unwrap_or("");
            self.transactions.respond(answer_to, &Response::to(&request, 100, "Trying", tag), now.mono);
        }
        if let Some(device) = self.asleep(call, other) {
            let (request, until) = (Box::new(request), now.mono);
            let waiting = WaitingRequest { from: leg, to: other, device, answer_to, request, until };
            self.wait_for_device(call, waiting, now);
            return;
        }
        self.carry_on(call, leg, answer_to, request, now);
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

    /// An UPDATE without an offer asks nothing of the other side: a session timer (RFC 4028), or a new Contact. It is
    /// answered here, so that it wakes nobody and each side keeps its own timer.
    fn refreshed(&mut self, call: CallId, leg: LegName, flow: Flow, request: &Request) {
        let Some(live) = self.calls.get_mut(&call) else { return };
        let our_user = live.our_user(leg).to_owned();
        if let Some(dialog) = live.dialog_mut(leg) {
            dialog.refresh(&request.headers);
        }
        let contact = self.contact(flow, &our_user);
        self.answer_with(flow, request, 200, "OK", |response| {
            response.headers.push(HeaderName::Contact, contact);
            response.headers.push(HeaderName::Allow, ALLOW);
        });
    }

    /// The caller's stream died, on which these requests were open: while it rings there is nobody left to ring for.
    pub(super) fn caller_flow_lost(&mut self, flow: Flow, asked: &[ServerTx], now: Now) {
        if !flow.transport.is_reliable() {
            return;
        }
        for tx in asked {
            let Some(call) = self.invite_txs.get(tx).copied().filter(|call| self.is_first_invite(*call, *tx)) else {
                continue;
            };
            let Some(live) = self.calls.get(&call) else { continue };
            if live.caller.answered && !live.caller.confirmed {
                // A farewell that waits for the ACK waits in vain.
                self.caller_confirmed(call, now);
            } else if live.caller.flow == flow && !live.call.is_connected() && !live.call.is_ended() {
                let reason = "The caller's connection was lost before anybody answered.".into();
                self.tell_call(call, CallInput::CallerGone { reason }, now);
            }
        }
    }
}

/// Whether a request came from the peer the dialog is with: the same stream, or the same address.
fn same_peer(ours: Flow, theirs: Flow) -> bool {
    ours.remote.ip() == theirs.remote.ip()
}
