//! Are the phones on UDP still there? Asked with OPTIONS, when an admin wants that (`probe_udp_seconds`).
//!
//! A stream says when it dies; a phone on UDP that lost its power says nothing until its registration runs out. One that
//! leaves OPTIONS unanswered becomes suspect: a call is still sent to it, and pushes at once instead of after the grace
//! time. Nobody loses a binding by silence here.
//!
//! Each second a slice of all devices is looked at, so that one round takes the setting's time and 10,000 phones are never
//! asked in one burst.

use std::net::SocketAddr;
use std::time::Duration;

use crate::call::CallInput;
use crate::model::{DeviceId, Flow, Moment, Now, Transport};
use crate::sip::message::{HeaderName, Method, Request};
use crate::sip::uri;

use super::Switchboard;
use super::leg::ClientUse;
use super::request::PRODUCT;

/// Between two slices.
const TICK: Duration = Duration::from_secs(1);
/// Devices looked at in one slice at most; beyond 200 a second a round takes longer than the setting says.
const SLICE: usize = 200;

/// Where the round is.
#[derive(Debug, Default)]
pub(super) struct Probes {
    next: Option<Moment>,
    after: Option<DeviceId>,
    round_ends: Option<Moment>,
}

impl Probes {
    pub(super) fn due(&self) -> Option<Moment> {
        self.next
    }
}

impl Switchboard {
    /// Begins, or stops when the setting is 0.
    pub(super) fn schedule_probes(&mut self, now: Now) {
        self.probes = match self.settings.probe_udp_seconds {
            0 => Probes::default(),
            _ => Probes { next: Some(now.mono + TICK), ..Probes::default() },
        };
    }

    /// Looks at the next slice of devices when its time has come.
    pub(super) fn probe_when_due(&mut self, now: Now) {
        if self.probes.next.is_none_or(|at| at > now.mono) {
            return;
        }
        self.probes.next = Some(now.mono + TICK);
        let round = Duration::from_secs(self.settings.probe_udp_seconds.into());
        let ends = *self.probes.round_ends.get_or_insert(now.mono + round);
        let seconds = usize::try_from(round.as_secs()).unwrap_or(usize::MAX).max(1);
        let slice = self.registrar.counts().devices.div_ceil(seconds).clamp(1, SLICE);
        let seen = self.registrar.slice(self.probes.after, slice);
        match seen.last() {
            Some((last, _)) => self.probes.after = Some(*last),
            // The round is over: the next one begins when its time has come.
            None if ends <= now.mono => self.probes = Probes { next: self.probes.next, ..Probes::default() },
            None => self.probes.next = Some(ends),
        }
        for (device, flow) in seen {
            if let Some(flow) = flow {
                self.probe(device, flow, now);
            }
        }
    }

    /// A datagram came back: devices that are being asked or called there are suspect, and calls push them at once.
    pub(super) fn datagram_refused(&mut self, to: SocketAddr, now: Now) {
        let there = |flow: &Flow| flow.transport == Transport::Udp && flow.remote == to;
        let asked = self.client_txs.values().filter_map(|used| match used {
            ClientUse::Probe { device, flow } if there(flow) => Some((*device, *flow)),
            ClientUse::CheckSync(asked) if there(&asked.flow) => Some((asked.device, asked.flow)),
            ClientUse::Probe { .. }
            | ClientUse::CheckSync(_)
            | ClientUse::Invite { .. }
            | ClientUse::Carried(_)
            | ClientUse::Overtaken { .. }
            | ClientUse::TakenBack { .. }
            | ClientUse::Farewell
            | ClientUse::LateFarewell(_) => None,
        });
        let asked: Vec<_> = asked.collect();
        let called: Vec<_> = self
            .calls
            .iter()
            .filter(|(_, live)| !live.call.is_ended())
            .flat_map(|(call, live)| live.callees.iter().map(move |(branch, leg)| (*call, *branch, leg)))
            .filter(|(_, _, leg)| leg.tx.is_some() && there(&leg.flow))
            .map(|(call, branch, leg)| (call, branch, leg.device, leg.flow))
            .collect();
        for (device, flow) in asked {
            self.registrar.question_unanswered(device, flow);
        }
        for (call, branch, device, flow) in called {
            self.registrar.question_unanswered(device, flow);
            self.tell_call(call, CallInput::SeemsGone { branch }, now);
        }
    }

    fn probe(&mut self, device: DeviceId, flow: Flow, now: Now) {
        let (tag, call_id) = (self.draw_tag(), self.draw_tag());
        let host = uri::host_port_text(self.our_ip(flow), flow.local.port());
        let Some(view) = self.registrar.device(device) else { return };
        let Some(binding) = view.live_binding() else { return };
        let mut request = Request::new(Method::Options, binding.request_uri());
        for route in binding.path() {
            request.headers.push(HeaderName::Route, route.to_string());
        }
        request.headers.push(HeaderName::MaxForwards, "70");
        request.headers.push(HeaderName::From, format!("<sip:{host}>;tag={tag}"));
        request.headers.push(HeaderName::To, format!("<{}>", binding.request_uri()));
        request.headers.push(HeaderName::CallId, call_id.to_string());
        request.headers.push(HeaderName::CSeq, "1 OPTIONS");
        request.headers.push(HeaderName::Contact, self.contact(flow, ""));
        request.headers.push(HeaderName::UserAgent, PRODUCT);
        let tx = self.transactions.request(flow, request, now.mono);
        self.client_txs.insert(tx, ClientUse::Probe { device, flow });
    }
}
