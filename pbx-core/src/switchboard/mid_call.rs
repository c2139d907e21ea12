//! Requests within a call to a device that fell asleep meanwhile (RFC 8599 section 6).
//!
//! A phone app that is on hold may be suspended and lose its connection. A request for it (re-INVITE, UPDATE, INFO, BYE)
//! wakes it, waits for its REGISTER and goes out over the new flow. The asker hears within its own patience: 25 seconds,
//! because the timer of a request runs out after 32 (RFC 3261 Timer F).
//!
//! The called side's device is known. The caller's is known by the flow its INVITE came over or by the `pn-purr` in its
//! Contact.

use std::collections::VecDeque;
use std::time::Duration;

use crate::model::{CallId, DeviceId, ExtensionNumber, Flow, Moment, Now};
use crate::registrar::GoneReason;
use crate::sip::message::{HeaderName, Request, Response, tag_of};
use crate::sip::transaction::ServerTx;
use crate::sip::uri::NameAddr;

use super::Switchboard;
use super::leg::{ClientUse, LegName};

/// How long a request waits for its device.
pub(super) const PATIENCE: Duration = Duration::from_secs(25);
/// Farewells kept at once; each is one call that ended while its phone slept.
const MAX_FAREWELLS: usize = 1000;

/// A request of one side that waits for the other side's device.
#[derive(Debug)]
pub(super) struct WaitingRequest {
    /// Who asked.
    pub(super) from: LegName,
    /// Whose device is awaited.
    pub(super) to: LegName,
    pub(super) device: DeviceId,
    pub(super) answer_to: ServerTx,
    pub(super) request: Box<Request>,
    pub(super) until: Moment,
}

/// A BYE that waits for a device; nobody waits for it.
#[derive(Debug)]
struct Farewell {
    until: Moment,
    device: DeviceId,
    bye: Request,
}

/// BYEs for sleeping devices, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Farewells {
    waiting: VecDeque<Farewell>,
}

impl Farewells {
    pub(super) fn due(&self) -> Option<Moment> {
        self.waiting.front().map(|farewell| farewell.until)
    }
}

impl Switchboard {
    /// The caller's device: the one whose flow its INVITE came over, else the one it names by `pn-purr`.
    pub(super) fn callers_device(&self, extension: ExtensionNumber, flow: Flow, invite: &Request) -> Option<DeviceId> {
        let contact = invite.headers.get(&HeaderName::Contact).and_then(|contact| NameAddr::parse(contact).ok());
        let uri = contact.as_ref().and_then(|contact| contact.parsed_uri().ok());
        let purr = uri.as_ref().and_then(|uri| uri.param("pn-purr"));
        // Behind an edge proxy many phones share a flow, so it names none of them.
        let by_flow = |device: &crate::registrar::DeviceView<'_>| {
            device.live_binding().is_some_and(|binding| binding.path().is_empty())
                && device.live_flows().any(|live| live == flow)
        };
        let by_name = |device: &crate::registrar::DeviceView<'_>| {
            let since = device.last_binding().map(|binding| binding.since());
            purr.zip(since).is_some_and(|(purr, since)| *purr == self.purr(device.id(), since))
        };
        let devices = || self.registrar.devices_of(extension);
        devices().find(by_flow).or_else(|| devices().find(by_name)).map(|device| device.id())
    }

    /// The device on this side of a call, when it is asleep and can be woken.
    pub(super) fn asleep(&self, call: CallId, leg: LegName) -> Option<DeviceId> {
        let live = self.calls.get(&call)?;
        let device = match leg {
            LegName::Caller => live.caller.device?,
            LegName::Callee(branch) => live.callees.get(&branch)?.device,
        };
        let view = self.registrar.device(device)?;
        if view.live_binding().is_some() || view.usable_target().is_none() {
            return None;
        }
        // A phone that was called answers on the flow of its INVITE, which may be another one than that which died.
        let ours = view.last_binding().filter(|binding| match leg {
            LegName::Caller => true,
            LegName::Callee(_) => live.flow(leg) == Some(binding.flow()),
        });
        // Signing off, running out or one INVITE without an answer says nothing about the flow that the call is on.
        let flow_is_dead = ours.and_then(|binding| binding.gone()).is_some_and(|(why, _)| match why {
            GoneReason::FlowLost | GoneReason::TransportError => true,
            GoneReason::NoAnswer
            | GoneReason::Expired
            | GoneReason::Unregistered
            | GoneReason::Displaced
            | GoneReason::DeviceRemoved
            | GoneReason::WentToBackground
            | GoneReason::PhonesOff => false,
        });
        flow_is_dead.then_some(device)
    }

    /// Wakes the device and keeps the request for it.
    pub(super) fn wait_for_device(&mut self, call: CallId, mut waiting: WaitingRequest, now: Now) {
        waiting.until = now.mono + PATIENCE;
        let device = waiting.device;
        if let Some(live) = self.calls.get_mut(&call) {
            live.waiting = Some(waiting);
        }
        self.wake_to_register(device, now);
        self.reschedule(call);
    }

    /// The asker waited long enough.
    pub(super) fn give_up_waiting(&mut self, call: CallId, now: Now) {
        let Some(live) = self.calls.get_mut(&call) else { return };
        let over = live.call.is_ended();
        let Some(waiting) = live.waiting.take_if(|waiting| over || waiting.until <= now.mono) else { return };
        let tag = waiting.request.headers.get(&HeaderName::To).and_then(|to| tag_of(to)).unwrap_or("");
        let answer = Response::to(&waiting.request, 504, "The Phone Did Not Wake Up", tag);
        self.transactions.respond(waiting.answer_to, &answer, now.mono);
    }

    /// A BYE for a sleeping device is kept for the moment it registers.
    pub(super) fn say_farewell_later(&mut self, device: DeviceId, bye: Request, now: Now) {
        if self.farewells.waiting.len() >= MAX_FAREWELLS {
            self.farewells.waiting.pop_front();
        }
        self.farewells.waiting.push_back(Farewell { until: now.mono + PATIENCE, device, bye });
        self.wake_to_register(device, now);
    }

    pub(super) fn forget_farewells(&mut self, now: Now) {
        while self.farewells.due().is_some_and(|until| until <= now.mono) {
            self.farewells.waiting.pop_front();
        }
    }

    /// A device is there again: what waited for it goes out over its new flow.
    pub(super) fn device_is_back(&mut self, device: DeviceId, flow: Flow, now: Now) {
        let (mine, others): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.farewells.waiting).into_iter().partition(|farewell| farewell.device == device);
        self.farewells.waiting = others.into();
        for farewell in mine {
            let tx = self.transactions.request(flow, farewell.bye, now.mono);
            self.client_txs.insert(tx, ClientUse::Farewell);
        }
        let Some(extension) = self.registrar.device(device).map(|view| view.extension()) else { return };
        let called = self.called.get(&extension).into_iter().flatten();
        let theirs: Vec<CallId> = called.chain(self.calling.get(&device).into_iter().flatten()).copied().collect();
        for call in theirs {
            let waiting = self.calls.get_mut(&call).and_then(|live| live.waiting.take_if(|one| one.device == device));
            if let Some(WaitingRequest { from, to, answer_to, request, .. }) = waiting {
                self.follow_flow(call, to, flow);
                self.carry_on(call, from, answer_to, *request, now);
                self.reschedule(call);
            }
        }
    }
}
