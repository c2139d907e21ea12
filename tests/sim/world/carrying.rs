//! Carries out what the switchboard, the deliveries and the phones want.

use std::time::Duration;

use bytes::Bytes;
use pbx_core::model::Flow;
use pbx_core::sip::guard;
use pbx_core::switchboard::input::{Input, RelayPort};
use pbx_core::switchboard::output::{Change, Output, RelayId, SaveJob};
use push_module::credential::CredentialId;
use push_module::delivery::{self, Attempt, Route};

use super::{Due, World};
use crate::history::Oddity;
use crate::phone::Power;
use crate::provider::ENVIRONMENT;
use crate::store::{Disk, JOURNAL};

impl World {
    /// Gives the switchboard one input and carries out what follows.
    pub(super) fn give(&mut self, input: Input) {
        self.inputs.push_back(input);
        while let Some(input) = self.inputs.pop_front() {
            let Some(now) = self.server_now() else { return self.inputs.clear() };
            if let Some(server) = &mut self.server {
                server.switchboard.handle(input, now);
            }
            self.drain();
        }
    }

    /// All outputs, in order.
    pub(super) fn drain(&mut self) {
        loop {
            let Some(server) = &mut self.server else { return };
            let outputs: Vec<_> = std::iter::from_fn(|| server.switchboard.poll_output()).collect();
            // A push may leave in front of the save that says which call it is for.
            for change in outputs.iter().filter_map(saved).flatten() {
                self.reference.wants_saved(self.now, change);
            }
            if !outputs.is_empty() {
                outputs.into_iter().for_each(|output| self.carry(output));
                continue;
            }
            let Some(output) = server.delivery.poll_output() else { return };
            match output {
                delivery::Output::Report(report) => {
                    let run = self.run;
                    self.queue_in(Duration::from_millis(1), Due::Report { run, report });
                }
                delivery::Output::Attempt(attempt) => self.attempt(&attempt),
                delivery::Output::Abandon { .. } => {}
            }
        }
    }

    fn carry(&mut self, output: Output) {
        match output {
            Output::Send { flow, bytes } => {
                let text = String::from_utf8(bytes.to_vec()).expect("text");
                self.server_sends(flow, text);
            }
            Output::CloseFlow(flow) => {
                if self.wires.close(flow) {
                    let phone = Self::phone_at(flow);
                    self.queue_in(Duration::from_millis(30), Due::StreamEnded { phone, flow });
                    self.queue_in(Duration::from_millis(2), Due::FlowLost(flow));
                }
            }
            Output::Wake(request) => {
                self.note(|| format!("    wake {:?} {} for {:?}", request.kind, request.device, request.call));
                self.reference.wake_ordered(self.now, &request);
                let route = Route {
                    credential: CredentialId(1),
                    environment: ENVIRONMENT,
                    service: None,
                    other: None,
                    second: None,
                };
                self.deliver(delivery::Input::Wake { request, route: Ok(route) });
            }
            Output::StopWakes(call) => self.deliver(delivery::Input::StopWakes(call)),
            Output::Save { changes, ticket } => self.save(SaveJob { changes, ticket }),
            Output::OpenRelay { relay, caller_port, callee_port } => self.open_relay(relay, caller_port, callee_port),
            Output::CloseRelay(relay) => self.close_relay(relay),
            Output::WantRelayPorts(more) => self.queue_in(Duration::from_millis(1), Due::Ports(more)),
            Output::Answer { token, .. } => {
                if !self.unanswered.remove(&token.0) {
                    self.reference.complain("every command is answered", format!("{token:?} twice"));
                }
            }
            Output::AimRelay { relay, .. } => {
                if !self.relays.contains_key(&relay) {
                    self.reference.complain("every relay is closed", format!("{relay:?} was aimed when closed"));
                }
            }
            Output::ApplySettings(_) | Output::Notice(_) | Output::Security(_) => {}
        }
    }

    fn deliver(&mut self, input: delivery::Input) {
        let Some(now) = self.server_now() else { return };
        if let Some(server) = &mut self.server {
            server.delivery.handle(input, now);
        }
    }

    fn save(&mut self, job: SaveJob) {
        let ok = !self.chance.percent(self.store.failing) || job.ticket.is_none();
        let at = if Disk::is_journal(&job) {
            self.now + JOURNAL
        } else {
            // One after the other.
            self.disk_free_at = self.disk_free_at.max(self.now + Duration::from_millis(self.store.lag.into()));
            self.disk_free_at
        };
        if let Some(down) = self.killed_in_save.take() {
            self.queue_at(self.now + at.since(self.now) / 2, Due::Killed { down });
        }
        let run = self.run;
        self.queue_at(at, Due::Kept { run, job, ok });
    }

    pub(super) fn kept(&mut self, job: SaveJob, ok: bool) {
        let ticket = job.ticket;
        if ok {
            self.disk.keep(job);
        } else if let [Change::PutParked(parked)] = job.changes.as_slice() {
            self.reference.not_journalled(parked.call);
        }
        if let Some(ticket) = ticket {
            self.give(if ok { Input::Saved(ticket) } else { Input::NotSaved(ticket) });
        }
    }

    fn open_relay(&mut self, relay: RelayId, caller: RelayPort, callee: RelayPort) {
        for port in [caller.0, callee.0] {
            if !self.ports_out.remove(&port) {
                self.reference.complain("a port serves one call", format!("{port} was not free for {relay:?}"));
            }
        }
        self.relays.insert(relay, (caller.0, callee.0));
    }

    fn close_relay(&mut self, relay: RelayId) {
        if self.relays.remove(&relay).is_none() {
            self.reference.complain("every relay is closed", format!("{relay:?} was closed twice"));
        }
        let run = self.run;
        self.queue_in(Duration::from_millis(2), Due::RelayClosed { run, relay });
    }

    pub(super) fn ports(&mut self, more: usize) {
        let mut ports = Vec::with_capacity(more);
        for _ in 0..more {
            self.next_port = if self.next_port > 60_000 { 10_000 } else { self.next_port + 2 };
            self.ports_out.insert(self.next_port);
            ports.push(RelayPort(self.next_port));
        }
        self.give(Input::RelayPorts(ports));
    }

    fn attempt(&mut self, attempt: &Attempt) {
        let token = attempt.request.target.call_token.as_ref().map(|token| token.reveal().clone()).unwrap_or_default();
        let phone = self.phones.iter().position(|phone| phone.index == owner(&token));
        let current = phone.is_some_and(|index| self.phones[index].token().as_deref() == Some(&*token));
        let fate = self.providers.attempt(attempt, current);
        self.note(|| format!("    attempt {:?} {token}: {fate:?}", attempt.request.kind));
        self.reference.attempted(self.now, owner(&token), attempt, &fate);
        let (run, wake, number) = (self.run, attempt.wake_id, attempt.number);
        if let Some((wait, outcome)) = fate.outcome {
            self.queue_in(wait, Due::Ended { run, wake, attempt: number, outcome });
        }
        for wait in fate.arrivals {
            let (phone, kind) = (owner(&token), attempt.request.kind);
            self.queue_in(wait, Due::Push { phone, token: token.clone(), kind });
        }
    }

    /// Something reached the server.
    pub(super) fn arrives(&mut self, flow: Flow, text: &str) {
        if self.server.is_none() || (flow.transport.is_reliable() && !self.wires.is_open(flow)) {
            return;
        }
        let raw = Bytes::copy_from_slice(text.as_bytes());
        let message = match guard::check(raw.clone(), flow.transport) {
            Ok(message) => message,
            Err(refusal) => {
                self.reference.complain("phones are understood", format!("{refusal:?}: {text}"));
                return;
            }
        };
        self.reference.server_gets(self.now, (Self::phone_at(flow), flow), text);
        self.give(Input::Sip { flow, message, raw });
        self.reference.server_has_handled(self.now, text);
    }

    /// What a phone did.
    pub(super) fn drain_phone(&mut self, index: usize) {
        let Some(phone) = self.phones.get_mut(index) else { return };
        let out = std::mem::take(&mut phone.out);
        let (life, number) = (phone.life, phone.index);
        for seen in &out.seen {
            self.note(|| format!("phone {number}: {seen:?}"));
            self.reference.phone_saw(self.now, number, seen);
            if let crate::phone::Seen::Registered { token: Some(token) } = seen {
                // A 200 promises that the token is on disk.
                if !self.disk.knows_token(token) && self.reference.expects_token(self.now, number) {
                    self.reference.complain("a 200 to REGISTER is durable", format!("phone {number} with {token}"));
                }
            }
        }
        for (flow, noticed) in out.left {
            if let (true, Some(wait)) = (flow.transport.is_reliable(), noticed) {
                self.queue_in(Duration::from_millis(wait.into()), Due::FlowLost(flow));
            }
        }
        for (wait, timer) in out.timers {
            self.queue_in(wait, Due::Timer { phone: number, life, timer });
        }
        for text in out.sends {
            self.phone_sends(index, text);
        }
        if out.crashed {
            self.queue_in(Duration::from_secs(5), Due::Rises { phone: number, life });
        }
    }

    /// Something reached a phone, if it is there.
    pub(super) fn reaches(&mut self, phone: u8, flow: Flow, text: &str) {
        let index = usize::from(phone);
        let cut = self.wires.is_cut(phone, self.now) && !flow.transport.is_reliable();
        let Some(there) = self.phones.get_mut(index) else { return };
        if there.power == Power::Up && there.flow() == flow && !cut {
            there.receive(text);
            self.drain_phone(index);
        } else if there.plan.oddity == Oddity::ClosedPort && !flow.transport.is_reliable() && !cut {
            self.queue_in(Duration::from_millis(10), Due::SendFailed(flow));
        }
    }
}

/// The phone that a token belongs to: `a3n1` is the first of phone 3.
fn owner(token: &str) -> u8 {
    let digits: String = token.chars().skip(1).take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap_or(u8::MAX)
}

fn saved(output: &Output) -> Option<&[Change]> {
    if let Output::Save { changes, .. } = output { Some(changes) } else { None }
}
