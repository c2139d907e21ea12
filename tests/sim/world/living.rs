//! Makes things happen: what the history planned, and what follows from it.

use std::time::Duration;

use pbx_core::model::{ExtensionNumber, Moment, Settings, WakeKind};
use pbx_core::switchboard::command::{Command, ExtensionChange};
use pbx_core::switchboard::input::Input;
use pbx_core::switchboard::output::CommandToken;
use push_module::delivery;

use super::{Due, World};
use crate::history::Event;
use crate::phone::{Power, number_of};

impl World {
    pub(super) fn happen(&mut self, due: Due) {
        match due {
            Due::Planned(at) => {
                if let Some(planned) = self.history.events.get(at).copied() {
                    self.planned(planned.event);
                }
            }
            Due::ToServer { flow, text } => self.arrives(flow, &text),
            Due::ToPhone { phone, flow, text } => self.reaches(phone, flow, &text),
            Due::Timer { phone, life, timer } => self.with_phone(phone, |one| {
                if one.life == life && one.power == Power::Up {
                    one.timer(timer);
                }
            }),
            Due::Kept { run, job, ok } if run == self.run && self.server.is_some() => self.kept(job, ok),
            Due::Report { run, report } if run == self.run => self.give(Input::Wake(report)),
            Due::Ended { run, wake, attempt, outcome } if run == self.run => {
                let Some(now) = self.server_now() else { return };
                if let Some(server) = &mut self.server {
                    server.delivery.handle(delivery::Input::Ended { wake_id: wake, attempt, outcome }, now);
                }
                self.drain();
            }
            Due::RelayClosed { run, relay } if run == self.run => {
                self.give(Input::RelayClosed { relay, from_caller: 1, from_callee: 1 });
            }
            // Of an earlier run of the server.
            Due::Kept { .. } | Due::Report { .. } | Due::Ended { .. } | Due::RelayClosed { .. } => {}
            Due::Push { phone, token, kind } => self.push_arrives(phone, &token, kind),
            Due::Rises { phone, life } => self.with_phone(phone, |one| {
                if one.life == life {
                    one.rise();
                }
            }),
            Due::FlowLost(flow) => {
                self.note(|| format!("    lost {flow:?}"));
                self.wires.close(flow);
                self.reference.flow_lost(self.now, flow);
                self.give(Input::FlowLost(flow));
            }
            Due::SendFailed(flow) => self.give(Input::SendFailed(flow)),
            Due::StreamEnded { phone, flow } => self.with_phone(phone, |one| one.stream_ended(flow)),
            Due::Ports(more) => self.ports(more),
            Due::Boot => self.start_again(),
            Due::Killed { down } => self.kill(down),
        }
    }

    pub(super) fn with_phone(&mut self, phone: u8, act: impl FnOnce(&mut crate::phone::Phone)) {
        let index = usize::from(phone);
        if let Some(one) = self.phones.get_mut(index) {
            act(one);
            self.drain_phone(index);
        }
    }

    fn push_arrives(&mut self, phone: u8, token: &str, kind: WakeKind) {
        let Some(one) = self.phones.get(usize::from(phone)) else { return };
        let wakes = one.token().as_deref() == Some(token) && kind == WakeKind::Call;
        if !wakes || self.wires.is_cut(phone, self.now) {
            return;
        }
        match one.power {
            Power::Up => self.with_phone(phone, crate::phone::Phone::pushed),
            Power::Asleep => {
                let (wait, life) = (Duration::from_millis(one.plan.wakes_in.into()), one.life);
                self.queue_in(wait, Due::Rises { phone, life });
            }
            Power::Off => {}
        }
    }

    fn planned(&mut self, event: Event) {
        self.note(|| format!("*** {event:?}"));
        if self.server.is_some() || !matches!(event, Event::Drain | Event::SwitchPhones { .. }) {
            self.reference.planned(self.now, event);
        }
        match event {
            Event::Call { phone, to, gives_up, talks } => {
                self.with_phone(phone, |one| {
                    if one.power == Power::Asleep {
                        one.rise();
                    }
                    one.call(&number_of(to), gives_up, talks);
                });
            }
            Event::Sleep { phone, how } => self.with_phone(phone, |one| one.sleep(how)),
            Event::Rise { phone } => self.with_phone(phone, crate::phone::Phone::rise),
            Event::Move { phone, silently } => self.with_phone(phone, |one| one.move_on(silently)),
            Event::Refresh { phone } => self.with_phone(phone, crate::phone::Phone::pushed),
            Event::Crash { phone, down } => {
                self.with_phone(phone, crate::phone::Phone::crash);
                let life = self.phones.get(usize::from(phone)).map_or(0, |one| one.life);
                self.queue_in(Duration::from_millis(down.into()), Due::Rises { phone, life });
            }
            Event::NewToken { phone } => self.with_phone(phone, crate::phone::Phone::change_token),
            Event::Mood { phone, manner } => self.with_phone(phone, |one| one.plan.manner = manner),
            Event::Cut { phone, down } => {
                self.wires.cut(phone, self.now + Duration::from_millis(down.into()));
            }
            Event::Provider { who, mood } => self.providers.set(who, mood),
            Event::Store(store) => self.store = store,
            Event::Restart { down } => self.kill(down),
            Event::RestartInSave { down } => self.killed_in_save = Some(down),
            Event::PushSwitch { .. }
            | Event::SwitchPhones { .. }
            | Event::RemoveExtension { .. }
            | Event::RemovePhone { .. }
            | Event::RingSeconds(_)
            | Event::Devices(_)
            | Event::HangUpAll
            | Event::TestPush { .. } => self.admin(event),
            Event::Silence => self.silence(),
            Event::Drain => self.give(Input::Drain),
        }
    }

    fn admin(&mut self, event: Event) {
        let number = |extension| number_of(extension).parse::<ExtensionNumber>().expect("a number");
        match event {
            Event::PushSwitch { extension, on } => {
                let change = ExtensionChange { push_enabled: Some(on), ..ExtensionChange::default() };
                self.command(Command::ChangeExtension { number: number(extension), change });
            }
            Event::SwitchPhones { extension, on } => {
                self.command(Command::SwitchPhones { number: number(extension), enabled: on });
            }
            Event::RemoveExtension { extension } => self.command(Command::RemoveExtension(number(extension))),
            Event::RingSeconds(ring_seconds) => {
                let settings = Settings { ring_seconds, ..self.disk.settings() };
                self.command(Command::ChangeSettings(settings));
            }
            Event::Devices(devices_per_extension) => {
                let settings = Settings { devices_per_extension, ..self.disk.settings() };
                self.command(Command::ChangeSettings(settings));
            }
            Event::TestPush { extension } => self.command(Command::TestPush(number(extension))),
            Event::RemovePhone { phone } => {
                if let Some(device) = self.reference.device_of(phone) {
                    self.command(Command::RemoveDevice(device));
                }
            }
            Event::HangUpAll => {
                for call in self.reference.calls_going_on() {
                    self.command(Command::HangUp(call));
                }
            }
            Event::Call { .. }
            | Event::Sleep { .. }
            | Event::Rise { .. }
            | Event::Move { .. }
            | Event::Refresh { .. }
            | Event::Crash { .. }
            | Event::NewToken { .. }
            | Event::Mood { .. }
            | Event::Cut { .. }
            | Event::Provider { .. }
            | Event::Store(_)
            | Event::Restart { .. }
            | Event::RestartInSave { .. }
            | Event::Silence
            | Event::Drain => {}
        }
    }

    fn command(&mut self, command: Command) {
        if self.server.is_none() {
            return;
        }
        self.commands += 1;
        self.unanswered.insert(self.commands);
        self.give(Input::Command { token: CommandToken(self.commands), command });
    }

    pub(super) fn silence(&mut self) {
        for relay in self.relays.keys().copied().collect::<Vec<_>>() {
            self.give(Input::RelaySilent(relay));
        }
    }

    fn kill(&mut self, down: u32) {
        if self.server.take().is_none() {
            return;
        }
        self.inputs.clear();
        self.reference.killed(self.now, self.disk.parked());
        self.disk_free_at = Moment::START;
        for flow in self.wires.open_streams() {
            self.wires.close(flow);
            let phone = Self::phone_at(flow);
            self.queue_in(Duration::from_millis(30), Due::StreamEnded { phone, flow });
        }
        self.queue_in(Duration::from_millis(down.into()), Due::Boot);
    }

    fn start_again(&mut self) {
        if self.server.is_none() {
            self.boot();
            self.reference.started_again(self.now);
        }
    }
}
