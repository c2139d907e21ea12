//! Stop and start: calls of the last run get their final answer, a stopping server takes no new ones, relays end calls.

use std::collections::BTreeSet;

use crate::call::CallInput;
use crate::model::{CallEnding, CallId, CallRecord, Now, Transport};
use crate::sip::guard;
use crate::sip::message::{HeaderName, Message, Response};
use crate::sip::via;

use super::Switchboard;
use super::leg::ClientUse;
use super::output::{Change, Notice, ParkedCall, RelayId, RingingPhone};

impl Switchboard {
    /// Callers that waited when the last run ended get a final answer; nobody rings for them any more.
    pub(super) fn end_calls_of_last_run(&mut self, parked: Vec<ParkedCall>, now: Now) {
        let mut changes = Vec::new();
        for call in parked {
            self.last_call = self.last_call.max(call.call.0);
            let record = CallRecord {
                ended_at: Some(now.wall.min(call.ring_until)),
                ending: Some(CallEnding::ServerStopped),
                reason: "Nightbell crashed or was killed before anybody answered.".into(),
                ..call.record
            };
            changes.extend([Change::PutCall(record), Change::DeleteParked(call.call)]);
            // A stream died with the process; only a caller on UDP still waits.
            if call.flow.transport != Transport::Udp {
                continue;
            }
            let Ok(Message::Request(mut invite)) = guard::check(call.invite, Transport::Udp) else { continue };
            via::stamp(&mut invite, &call.flow);
            let Some(tx) = self.transactions.accept(call.flow, &invite, now.mono) else { continue };
            let mut response = Response::to(&invite, 503, "Nightbell Was Restarted", &call.to_tag);
            response.headers.push(HeaderName::RetryAfter, "2");
            self.transactions.respond(tx, &response, now.mono);
        }
        self.save_behind(changes);
    }

    /// Phones that rang when the last run ended are told to stop; whoever has picked up meanwhile is hung up.
    pub(super) fn let_phones_of_last_run_rest(&mut self, ringing: Vec<RingingPhone>, now: Now) {
        let over: BTreeSet<CallId> = ringing.iter().map(|phone| phone.call).collect();
        for RingingPhone { call, flow, invite } in ringing {
            self.last_call = self.last_call.max(call.0);
            let Ok(Message::Request(head)) = guard::check(invite, Transport::Udp) else { continue };
            if let Some(tx) = self.transactions.take_back(flow, head, now.mono) {
                self.client_txs.insert(tx, ClientUse::TakenBack { flow });
            }
        }
        for call in over {
            self.save_behind(vec![Change::DeleteParked(call)]);
        }
    }

    /// No new calls; those that live end now, each side with a final word.
    pub(super) fn drain(&mut self, now: Now) {
        self.draining = true;
        let all: Vec<CallId> = self.calls.keys().copied().collect();
        for call in all {
            let reason = "Nightbell was stopped.".into();
            self.tell_call(call, CallInput::EndNow { ending: CallEnding::ServerStopped, reason }, now);
        }
    }

    pub(super) fn relay_silent(&mut self, relay: RelayId, now: Now) {
        if let Some(call) = self.relays.get(&relay).copied() {
            self.tell_call(call, CallInput::Silence, now);
        }
    }

    /// The relay's last word: its counters belong to the call record.
    pub(super) fn relay_closed(&mut self, relay: RelayId, from_caller: u64, from_callee: u64, now: Now) {
        let Some(id) = self.relays.remove(&relay) else { return };
        let Some(live) = self.calls.get_mut(&id) else { return };
        live.closing_relay = false;
        live.record.packets_from_caller = from_caller;
        live.record.packets_from_callee = from_callee;
        let record = live.record.clone();
        self.save_behind(vec![Change::PutCall(record)]);
        self.notice(Notice::Call(id));
        self.run_call(id, now);
    }
}
