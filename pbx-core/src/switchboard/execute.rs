//! How a call's wishes become SIP, sound and log lines.

use std::net::IpAddr;
use std::time::Duration;

use crate::call::{BranchEnd, CallInput, CallOutput};
use crate::media::sdp;
use crate::model::{BranchId, CallEnding, CallId, DeviceId, Flow, Now, TimelineEntry, WakeKind};
use crate::sip::message::{HeaderName, Method, Request, Response};
use crate::sip::transaction::ClientTx;
use crate::sip::uri;

use super::Switchboard;
use super::held::Holding;
use super::leg::{CalleeLeg, ClientUse, LegName};
use super::output::{Change, Notice, Output, ParkedCall, RingingPhone, Side};
use super::request::{ALLOW, PRODUCT};

/// Hops a request of ours may take; RFC 3261 section 8.1.1.6.
const MAX_FORWARDS: &str = "70";

impl Switchboard {
    /// Gives a call one input and carries out what it wants.
    pub(super) fn tell_call(&mut self, id: CallId, input: CallInput, now: Now) {
        if let Some(live) = self.calls.get_mut(&id) {
            live.call.handle(input, now.mono);
        }
        self.run_call(id, now);
    }

    /// Carries out everything a call wants, then sets its deadline or forgets it.
    pub(super) fn run_call(&mut self, id: CallId, now: Now) {
        self.run_call_with(id, Vec::new(), now);
    }

    /// The same, with changes that are saved together with what the call itself wants saved: one commit, not two.
    pub(super) fn run_call_with(&mut self, id: CallId, mut changes: Vec<Change>, now: Now) {
        let mut wakes = Vec::new();
        while let Some(output) = self.calls.get_mut(&id).and_then(|live| live.call.poll_output()) {
            match output {
                CallOutput::Wake { device, .. } => wakes.extend(self.wake_request(id, device, WakeKind::Call, now)),
                CallOutput::Notify { device, end } => {
                    let kind = match end {
                        BranchEnd::AnsweredElsewhere => WakeKind::AnsweredElsewhere,
                        BranchEnd::CallerGaveUp
                        | BranchEnd::DeclinedElsewhere
                        | BranchEnd::NoAnswer
                        | BranchEnd::Removed
                        | BranchEnd::SwitchedOff
                        | BranchEnd::Superseded => WakeKind::MissedCall,
                    };
                    // Without a push nobody has heard of the call.
                    let was_pushed = self.calls.get(&id).is_some_and(|live| live.pushed.contains(&device));
                    if let Some(request) = self.wake_request(id, device, kind, now).filter(|_| was_pushed) {
                        self.send_wake(request, now);
                    }
                }
                CallOutput::Note { step, device, detail } => {
                    let entry = TimelineEntry { call: id, at: now.wall, step, device, detail };
                    changes.push(Change::AppendTimeline(entry));
                }
                CallOutput::Invite { branch, device } => self.invite_device(id, branch, device, now),
                CallOutput::FlowSilent { branch, device } => self.flow_silent(id, branch, device, now),
                CallOutput::RepeatInvite { branch } => {
                    let leg = self.calls.get(&id).and_then(|live| live.callees.get(&branch));
                    if let Some(tx) = leg.and_then(|leg| leg.tx) {
                        self.transactions.repeat(tx, now.mono);
                    }
                }
                CallOutput::MoveBranch { branch, flow } => self.move_branch(id, branch, flow),
                CallOutput::EndBranch { branch, end } => self.end_branch(id, branch, end, now),
                CallOutput::StopWakes => self.outputs.push_back(Output::StopWakes(id)),
                CallOutput::TellCallerItRings => self.tell_caller_it_rings(id, now, &mut changes),
                CallOutput::Connect { branch, device } => self.connect(id, branch, device, now, &mut changes),
                CallOutput::Refuse { ending } => self.refuse_caller(id, ending, now),
                CallOutput::HangUpCaller => self.hang_up(id, LegName::Caller, now),
                CallOutput::HangUpCallee { branch } => self.hang_up(id, LegName::Callee(branch), now),
                CallOutput::Ended { ending, reason } => self.call_ended(id, ending, reason, now, &mut changes),
            }
            self.notice(Notice::Call(id));
        }
        self.park_and_wake(id, wakes, now);
        if self.calls.get(&id).is_some_and(|live| live.call.is_ended()) {
            self.give_up_waiting(id, now);
        }
        self.save_behind(changes);
        self.reschedule(id);
    }

    /// Sends the pushes at once, and notes the call in the park journal if its caller is on UDP or somebody is woken.
    ///
    /// No push waits for the note. Its caller does: until the call is noted they hear nothing, so after a crash between the
    /// two their phone repeats the INVITE and has a new call, and the woken phone gets that one.
    fn park_and_wake(&mut self, id: CallId, wakes: Vec<crate::model::WakeRequest>, now: Now) {
        let Some(live) = self.calls.get_mut(&id) else { return };
        if live.call.is_ended() || (wakes.is_empty() && live.caller.answered) {
            return;
        }
        live.parked |= !wakes.is_empty();
        // A stream dies with the process, and the phone at its other end knows.
        let hears_of_a_crash = !live.caller.flow.transport.is_reliable();
        let to_be_noted = !live.journaled && (hears_of_a_crash || !wakes.is_empty());
        for request in wakes {
            self.send_wake(request, now);
        }
        let Some(live) = self.calls.get_mut(&id).filter(|_| to_be_noted) else { return };
        live.journaled = true;
        let noted = ParkedCall {
            call: id,
            flow: live.caller.flow,
            invite: live.caller.raw.clone(),
            to_tag: live.caller.tag.to_string(),
            ring_until: now.wall_at(live.call.ring_until()),
            record: live.record.clone(),
        };
        // Alone in its job: a journal entry waits for no commit.
        self.save_and_hold(vec![Change::PutParked(noted)], vec![Holding::Progress(id)]);
    }

    /// The park journal has the call: its caller may hear that somebody takes care.
    pub(super) fn tell_progress(&mut self, id: CallId, now: Now) {
        let Some(live) = self.calls.get_mut(&id) else { return };
        if let Some(response) = live.caller.unheard.take() {
            self.transactions.respond(live.caller.tx, &response, now.mono);
        }
    }

    /// Ends the park journal entry. Alone in its job, and before the caller's answer leaves: after a crash a caller who has
    /// an answer must not get another one.
    fn unpark(&mut self, id: CallId) {
        let Some(live) = self.calls.get_mut(&id) else { return };
        live.parked = false;
        let rung = std::mem::take(&mut live.rung);
        if std::mem::take(&mut live.journaled) || rung {
            self.save_behind(vec![Change::DeleteParked(id)]);
        }
    }

    pub(super) fn reschedule(&mut self, id: CallId) {
        let Some(live) = self.calls.get_mut(&id) else { return };
        let waiting = live.waiting.as_ref().map(|waiting| waiting.until);
        let due = live.call.poll_timeout().into_iter().chain(waiting).chain(live.talk_until).min();
        if live.deadline != due {
            if let Some(old) = live.deadline {
                self.deadlines.remove(&(old, id));
            }
            if let Some(at) = due {
                self.deadlines.insert((at, id));
            }
            live.deadline = due;
        }
        if live.is_settled() {
            self.forget_call(id);
        }
    }

    pub(super) fn forget_call(&mut self, id: CallId) {
        let Some(live) = self.calls.remove(&id) else { return };
        if let Some(at) = live.deadline {
            self.deadlines.remove(&(at, id));
        }
        self.invite_txs.remove(&live.caller.tx);
        self.dialogs.remove(&live.caller.tag);
        for leg in live.callees.values() {
            self.dialogs.remove(&leg.tag);
        }
        for tx in live.txs {
            self.client_txs.remove(&tx);
        }
        self.notice(Notice::Call(id));
    }

    fn invite_device(&mut self, id: CallId, branch: BranchId, device: DeviceId, now: Now) {
        let before = self.calls.get(&id).and_then(|live| live.callees.values().find(|leg| leg.device == device));
        // One name for one device: a phone that has the call already knows it by the tag (RFC 3261 section 8.2.2.2).
        let tag = match before.map(|leg| leg.tag.clone()) {
            Some(tag) => tag,
            None => self.draw_tag(),
        };
        let Some((request, flow)) = self.invite_request(id, device, &tag, now) else {
            self.tell_call(id, CallInput::FlowDead { branch }, now);
            return;
        };
        let tx = self.transactions.request(flow, request.clone(), now.mono);
        self.client_txs.insert(tx, ClientUse::Invite { call: id, branch });
        self.dialogs.insert(tag.clone(), (id, LegName::Callee(branch)));
        let leg = CalleeLeg {
            device,
            flow,
            tx: Some(tx),
            invite: request,
            tag,
            dialog: None,
            answer: None,
            ack: None,
            end: None,
        };
        if let Some(live) = self.calls.get_mut(&id) {
            live.callees.insert(branch, leg);
            live.txs.insert(tx);
        }
        self.note_ringing(id, tx, flow);
    }

    /// After a crash a phone on UDP is told to stop ringing. Nothing waits for the note: without it, it rings until its
    /// INVITE expires.
    fn note_ringing(&mut self, call: CallId, tx: ClientTx, flow: Flow) {
        let Some(invite) = self.transactions.head(tx).filter(|_| !flow.transport.is_reliable()) else { return };
        if let Some(live) = self.calls.get_mut(&call) {
            live.rung = true;
            self.save_behind(vec![Change::PutRinging(RingingPhone { call, flow, invite })]);
        }
    }

    /// The INVITE for one device: our own dialog, the call's public name as Call-ID, the caller's offer through our relay.
    fn invite_request(&self, id: CallId, device: DeviceId, tag: &str, now: Now) -> Option<(Request, Flow)> {
        let live = self.calls.get(&id)?;
        let device = self.registrar.device(device)?;
        let binding = device.live_binding()?;
        let flow = binding.flow();
        let host = uri::host_port_text(self.our_ip(flow), flow.local.port());
        let mut request = Request::new(Method::Invite, binding.request_uri());
        for route in binding.path() {
            request.headers.push(HeaderName::Route, route.to_string());
        }
        let record = &live.record;
        request.headers.push(HeaderName::MaxForwards, MAX_FORWARDS);
        let name = uri::quoted_display_name(&record.caller_name);
        request.headers.push(HeaderName::From, format!("{name}<sip:{}@{host}>;tag={tag}", record.caller));
        request.headers.push(HeaderName::To, format!("<sip:{}@{host}>", record.callee));
        request.headers.push(HeaderName::CallId, record.uuid.to_string());
        request.headers.push(HeaderName::CSeq, "1 INVITE");
        request.headers.push(HeaderName::Contact, self.contact(flow, &record.caller));
        request.headers.push(HeaderName::Allow, ALLOW);
        request.headers.push(HeaderName::UserAgent, PRODUCT);
        // Whatever becomes of this server, the phone stops ringing when nobody can be there any more (RFC 3261 section
        // 13.3.1). Rounded up, so that it never stops before it is told.
        let seconds = live.call.ring_until().since(now.mono).as_millis().div_ceil(1000).max(1);
        request.headers.push(HeaderName::Expires, seconds.to_string());
        if let (Some(relay), false) = (&live.relay, live.caller.invite.body.is_empty()) {
            request.headers.push(HeaderName::ContentType, "application/sdp");
            request.body = sdp::rewrite(&live.caller.invite.body, self.our_ip(flow), relay.callee_port.0);
        }
        Some((request, flow))
    }

    /// Our Contact on this flow. Without a user, or with one that would need escapes, it has none: `sip:@host` is no URI
    /// (RFC 3261 section 25.1), and strict phones drop a message with it unread.
    pub(super) fn contact(&self, flow: Flow, user: &str) -> String {
        let host = uri::host_port_text(self.our_ip(flow), flow.local.port());
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'+' | b'*');
        let (user, at) = if !user.is_empty() && user.bytes().all(plain) { (user, "@") } else { ("", "") };
        format!("<sip:{user}{at}{host};transport={}>", flow.transport.uri_name())
    }

    /// Our address as the peer on this flow must write it.
    pub(super) fn our_ip(&self, flow: Flow) -> IpAddr {
        let local = flow.local.ip().to_canonical();
        match self.config.public_ip {
            // A phone in the same network reaches us directly; only from outside does it go through the router.
            Some(public) if is_outside(flow.remote.ip().to_canonical()) && public.is_ipv4() == local.is_ipv4() => {
                public
            }
            Some(_) | None => local,
        }
    }

    fn flow_silent(&mut self, id: CallId, branch: BranchId, device: DeviceId, now: Now) {
        let flow = self.calls.get(&id).and_then(|live| live.callees.get(&branch)).map(|leg| leg.flow);
        let Some(flow) = flow else { return };
        // It was asked the grace time ago. A phone that speaks of another call meanwhile is there, only slow with this one.
        let grace = Duration::from_millis(u64::from(self.settings.grace_ms));
        if !self.registrar.has_answered(device, flow, (grace, now)) {
            self.registrar.binding_failed(device, flow, crate::registrar::BindingFailure::NoAnswer, now);
        }
    }

    /// The device has moved and kept its call: what follows goes where it is now.
    fn move_branch(&mut self, id: CallId, branch: BranchId, flow: Flow) {
        let Some(leg) = self.calls.get_mut(&id).and_then(|live| live.callees.get_mut(&branch)) else { return };
        leg.flow = flow;
        if let Some(dialog) = &mut leg.dialog {
            dialog.flow = flow;
        }
        if let Some(tx) = leg.tx {
            self.transactions.move_to(tx, flow);
            self.note_ringing(id, tx, flow);
        }
    }

    fn end_branch(&mut self, id: CallId, branch: BranchId, end: BranchEnd, now: Now) {
        let Some(leg) = self.calls.get_mut(&id).and_then(|live| live.callees.get_mut(&branch)) else { return };
        leg.end = Some(end);
        if leg.dialog.is_some() {
            self.hang_up(id, LegName::Callee(branch), now);
        } else if let Some(tx) = leg.tx {
            self.transactions.cancel(tx, reason_header(end), now.mono);
        }
    }

    fn tell_caller_it_rings(&mut self, id: CallId, now: Now, changes: &mut Vec<Change>) {
        let Some(live) = self.calls.get(&id) else { return };
        let (tx, flow, callee) = (live.caller.tx, live.caller.flow, live.record.callee.clone());
        let mut response = forming_a_dialog(&live.caller.invite, 180, "Ringing", &live.caller.tag);
        response.headers.push(HeaderName::Contact, self.contact(flow, &callee));
        response.headers.push(HeaderName::Server, PRODUCT);
        match self.calls.get_mut(&id).and_then(|live| live.caller.unheard.as_mut()) {
            Some(unheard) => *unheard = response,
            None => self.transactions.respond(tx, &response, now.mono),
        }
        let entry = TimelineEntry {
            call: id,
            at: now.wall,
            step: crate::model::TimelineStep::CallerHearsRinging,
            device: None,
            detail: String::new(),
        };
        changes.push(Change::AppendTimeline(entry));
    }

    fn connect(&mut self, id: CallId, branch: BranchId, device: DeviceId, now: Now, changes: &mut Vec<Change>) {
        let Some(live) = self.calls.get_mut(&id) else { return };
        live.winner = Some(branch);
        live.caller.answered = true;
        live.record.answered_at = Some(now.wall);
        live.record.answered_by = Some(device);
        changes.push(Change::PutCall(live.record.clone()));
        self.unpark(id);
        let Some(live) = self.calls.get_mut(&id) else { return };
        let (tx, flow, callee) = (live.caller.tx, live.caller.flow, live.record.callee.clone());
        let mut response = forming_a_dialog(&live.caller.invite, 200, "OK", &live.caller.tag);
        let body = live.callees.get(&branch).and_then(|leg| leg.answer.clone()).unwrap_or_default();
        let relay = live.relay;
        response.headers.push(HeaderName::Contact, self.contact(flow, &callee));
        response.headers.push(HeaderName::Allow, ALLOW);
        response.headers.push(HeaderName::Server, PRODUCT);
        if let (Some(relay), false) = (relay, body.is_empty()) {
            self.aim(id, LegName::Callee(branch), &body);
            response.headers.push(HeaderName::ContentType, "application/sdp");
            response.body = sdp::rewrite(&body, self.our_ip(flow), relay.caller_port.0);
        }
        self.transactions.respond(tx, &response, now.mono);
        self.limit_test_call(id, now);
    }

    /// Tells the relay where a side wants its sound.
    pub(super) fn aim(&mut self, id: CallId, leg: LegName, body: &[u8]) {
        let Some(live) = self.calls.get(&id) else { return };
        let (Some(relay), Some(flow), Ok(announced)) = (live.relay, live.flow(leg), sdp::read(body)) else { return };
        let side = match leg {
            LegName::Caller => Side::Caller,
            LegName::Callee(_) => Side::Callee,
        };
        self.outputs.push_back(Output::AimRelay {
            relay: relay.id,
            side,
            announced: announced.aim(),
            signalled_from: flow.remote.ip(),
            rtcp_mux: announced.rtcp_mux,
        });
    }

    fn refuse_caller(&mut self, id: CallId, ending: CallEnding, now: Now) {
        let Some(live) = self.calls.get_mut(&id) else { return };
        live.caller.answered = true;
        let (status, reason) = final_answer(ending);
        let mut response = Response::to(&live.caller.invite, status, reason, &live.caller.tag);
        response.headers.push(HeaderName::Server, PRODUCT);
        self.transactions.respond(live.caller.tx, &response, now.mono);
    }

    /// Sends BYE on an established leg.
    pub(super) fn hang_up(&mut self, id: CallId, leg: LegName, now: Now) {
        let Some(live) = self.calls.get_mut(&id) else { return };
        if leg == LegName::Caller && !live.caller.confirmed {
            live.caller.farewell_due = true;
            return;
        }
        let Some(flow) = live.flow(leg) else { return };
        let Some(dialog) = live.dialog_mut(leg) else { return };
        let mut bye = dialog.request(Method::Bye);
        bye.headers.push(HeaderName::UserAgent, PRODUCT);
        if let LegName::Callee(branch) = leg {
            let end = live.callees.get(&branch).and_then(|leg| leg.end);
            if let Some(reason) = end.and_then(reason_header) {
                bye.headers.push(HeaderName::Reason, reason);
            }
        }
        if let Some(device) = self.asleep(id, leg) {
            self.say_farewell_later(device, bye, now);
            return;
        }
        let tx = self.transactions.request(flow, bye, now.mono);
        self.client_txs.insert(tx, ClientUse::Farewell);
    }

    fn call_ended(&mut self, id: CallId, ending: CallEnding, reason: String, now: Now, changes: &mut Vec<Change>) {
        let Some(live) = self.calls.get_mut(&id) else { return };
        live.talk_until = None;
        live.record.ended_at = Some(now.wall);
        live.record.ending = Some(ending);
        live.record.reason = reason;
        changes.push(Change::PutCall(live.record.clone()));
        self.unpark(id);
        self.end_carried(id, now);
        let Some(live) = self.calls.get_mut(&id) else { return };
        if let Some(device) = live.caller.device
            && let Some(calls) = self.calling.get_mut(&device)
        {
            calls.remove(&id);
            if calls.is_empty() {
                self.calling.remove(&device);
            }
        }
        let number = live.callee;
        if let Some(relay) = live.relay.take() {
            live.closing_relay = true;
            self.outputs.push_back(Output::CloseRelay(relay.id));
        }
        if let Some(number) = number
            && let Some(calls) = self.called.get_mut(&number)
        {
            calls.remove(&id);
            if calls.is_empty() {
                self.called.remove(&number);
            }
        }
    }
}

/// An answer to the caller that makes a dialog: the Record-Route lines of the INVITE go back in their order, so that the
/// proxies on the way see what follows (RFC 3261 section 12.1.1).
fn forming_a_dialog(invite: &Request, status: u16, reason: &'static str, tag: &str) -> Response {
    let mut response = Response::to(invite, status, reason, tag);
    for line in invite.headers.all(&HeaderName::RecordRoute) {
        response.headers.push(HeaderName::RecordRoute, line.clone());
    }
    response
}

/// Whether an address belongs to the internet and not to a network at home (RFC 1918, 6598, 4193, 3927).
fn is_outside(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let [first, second, ..] = ip.octets();
            let shared = first == 100 && (64..128).contains(&second);
            !(ip.is_private() || ip.is_loopback() || ip.is_link_local() || shared)
        }
        IpAddr::V6(ip) => !(ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local()),
    }
}

/// The Reason of a CANCEL or BYE for a branch the call went on without (RFC 3326).
fn reason_header(end: BranchEnd) -> Option<&'static str> {
    match end {
        BranchEnd::AnsweredElsewhere => Some("SIP;cause=200;text=\"Call completed elsewhere\""),
        BranchEnd::CallerGaveUp => Some("SIP;cause=487;text=\"Caller hung up\""),
        BranchEnd::DeclinedElsewhere => Some("SIP;cause=603;text=\"Declined elsewhere\""),
        BranchEnd::NoAnswer => Some("SIP;cause=480;text=\"No answer\""),
        BranchEnd::Removed | BranchEnd::SwitchedOff | BranchEnd::Superseded => None,
    }
}

/// The caller's final answer for an ending.
fn final_answer(ending: CallEnding) -> (u16, &'static str) {
    match ending {
        CallEnding::CallerGaveUp => (487, "Request Terminated"),
        CallEnding::NoAnswer => (480, "Nobody Answered"),
        CallEnding::Busy => (486, "Busy Here"),
        CallEnding::Declined => (603, "Decline"),
        CallEnding::Unreachable => (480, "Temporarily Unavailable"),
        CallEnding::NoSuchNumber => (404, "Not Found"),
        CallEnding::ServerStopped => (503, "Nightbell Was Stopped"),
        CallEnding::Completed | CallEnding::Silence | CallEnding::Failed => (500, "Call Failed"),
    }
}
