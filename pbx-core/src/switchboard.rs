//! Registrar plus all calls: the one lane that every input travels.
//!
//! An input goes through the registrar first, then through the calls, then out. Nothing calls backwards. One task owns the
//! switchboard, so call state has no lock; it never waits, neither for disk nor for a full queue. What must be durable
//! before an answer is *held* under a [`SaveTicket`](output::SaveTicket) and goes out when the driver brings the ticket back.
//!
//! Reading order: [`input`], [`output`], then `request` (what a SIP request starts), `invite`, `leg`, `execute` (how a
//! call's wishes become SIP), `in_dialog`, `carried`, `wakes`, `commands`.

mod app_reports;
mod carried;
mod check_sync;
pub mod command;
mod commands;
mod execute;
mod held;
mod in_dialog;
pub mod input;
mod invite;
mod leg;
mod mid_call;
pub mod output;
mod ports;
mod probe;
mod register;
mod request;
mod responses;
mod restart;
mod test_call;
#[cfg(test)]
mod tests;
mod wakes;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};

use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use uuid::Uuid;

use crate::defence::{Defence, DefenceOutput};
use crate::model::{
    CallId, CallUuid, DeviceId, ExtensionNumber, LastWake, Moment, Now, PushOffer, Settings, SipCredential, WakeId,
    WakeKind,
};
use crate::registrar::Registrar;
use crate::sip::digest::Authenticator;
use crate::sip::transaction::{ClientTx, ServerTx, Transactions};

use held::Holding;
use input::Input;
use leg::{ClientUse, LegName, LiveCall};
use mid_call::Farewells;
use output::{Change, Notice, Output, RelayId, Restored, SaveTicket};
use ports::PortStock;
use probe::Probes;

/// Calls that may live at once. Each holds two relay port pairs, so the default port range carries 2,500; beyond that a
/// small machine's relay would not keep up either. The next caller hears "busy" at once.
const MAX_CALLS: usize = 2000;

/// What the switchboard must know from the boot configuration.
#[derive(Debug, Clone, Default)]
pub struct SwitchboardConfig {
    /// Host names that are ours in a Request-URI besides the realm and IP addresses.
    pub domains: Vec<String>,
    /// Our address as the outside world must write it, when it differs from the local one (NAT).
    pub public_ip: Option<IpAddr>,
    /// What public addresses of the web server begin with, without a slash at the end; `None` when there are none.
    pub public_url: Option<String>,
    /// Where the echo listens for the sound of test calls; without it there are none.
    pub echo: Option<SocketAddr>,
    /// What phones can be woken with; from the start on kept up to date.
    pub push: PushOffer,
    /// The random seed of tags, ids, branches and nonces.
    pub seed: [u8; 32],
}

/// How much a switchboard holds on to besides registrations; see [`Switchboard::in_hand`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct InHand {
    /// Calls, until their last INVITE and their relay are done with.
    pub calls: usize,
    /// Extensions that are being called, and devices that call.
    pub called: usize,
    /// Calls that wait for the clock.
    pub call_deadlines: usize,
    /// INVITEs of callers, and of either side within a call until they are confirmed.
    pub callers: usize,
    /// Requests of ours whose answers mean something.
    pub requests: usize,
    /// Our tags in dialogs.
    pub dialogs: usize,
    /// Open relays.
    pub relays: usize,
    /// Saves that somebody waits for.
    pub held: usize,
    /// Wakes whose outcome is still awaited.
    pub wakes: usize,
    /// Live transactions.
    pub transactions: usize,
}

impl InHand {
    /// Whether all is done.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// Registrar, calls and SIP, without a socket or a clock.
pub struct Switchboard {
    config: SwitchboardConfig,
    settings: Settings,
    registrar: Registrar,
    authenticator: Authenticator,
    defence: Defence,
    credentials: BTreeMap<Box<str>, SipCredential>,
    transactions: Transactions,
    random: ChaCha12Rng,
    purr_key: [u8; 32],
    calls: BTreeMap<CallId, LiveCall>,
    called: BTreeMap<ExtensionNumber, BTreeSet<CallId>>,
    calling: BTreeMap<DeviceId, BTreeSet<CallId>>,
    deadlines: BTreeSet<(Moment, CallId)>,
    invite_txs: BTreeMap<ServerTx, CallId>,
    client_txs: BTreeMap<ClientTx, ClientUse>,
    dialogs: BTreeMap<Box<str>, (CallId, LegName)>,
    relays: BTreeMap<RelayId, CallId>,
    ports: PortStock,
    held: BTreeMap<SaveTicket, Vec<Holding>>,
    pending_wakes: BTreeMap<WakeId, PendingWake>,
    wake_deadlines: BTreeSet<(Moment, WakeId)>,
    awaited: BTreeMap<DeviceId, WakeId>,
    probes: Probes,
    farewells: Farewells,
    next_ticket: u64,
    next_relay: u64,
    last_call: i64,
    draining: bool,
    outputs: VecDeque<Output>,
}

/// What is remembered of a wake until its device comes or its outcome is known.
#[derive(Debug, Clone)]
struct PendingWake {
    device: DeviceId,
    extension: ExtensionNumber,
    call: Option<CallId>,
    call_uuid: CallUuid,
    last_wake: LastWake,
    /// The device of another extension that its phone came as.
    came_as: Option<DeviceId>,
}

impl std::fmt::Debug for Switchboard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Switchboard").field("calls", &self.calls.len()).finish_non_exhaustive()
    }
}

impl Switchboard {
    /// A switchboard from what the store holds; the only constructor.
    pub fn restore(config: SwitchboardConfig, mut restored: Restored, now: Now) -> Self {
        let mut random = ChaCha12Rng::from_seed(config.seed);
        let authenticator = Authenticator::new(restored.settings.realm.clone(), draw_seed(&mut random));
        let mut transactions = Transactions::new(draw_seed(&mut random));
        transactions.set_public_address(config.public_ip.map(|ip| crate::sip::uri::host_text(ip).into()));
        let credentials =
            restored.credentials.iter().map(|one| (Box::from(one.username.as_str()), one.clone())).collect();
        let phones = restored.udp_bindings.iter().map(|binding| binding.remote.ip());
        let (blocks, known) = (std::mem::take(&mut restored.blocks), std::mem::take(&mut restored.known_networks));
        let defence = Defence::restore(&restored.settings, blocks, known, phones, now);
        let mut switchboard = Self {
            defence,
            settings: restored.settings.clone(),
            authenticator,
            credentials,
            transactions,
            purr_key: draw_seed(&mut random),
            random,
            calls: BTreeMap::new(),
            called: BTreeMap::new(),
            calling: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            invite_txs: BTreeMap::new(),
            client_txs: BTreeMap::new(),
            dialogs: BTreeMap::new(),
            relays: BTreeMap::new(),
            ports: PortStock::default(),
            held: BTreeMap::new(),
            pending_wakes: BTreeMap::new(),
            wake_deadlines: BTreeSet::new(),
            awaited: BTreeMap::new(),
            probes: Probes::default(),
            farewells: Farewells::default(),
            next_ticket: 1,
            next_relay: 1,
            last_call: restored.last_call,
            draining: false,
            outputs: VecDeque::new(),
            registrar: Registrar::new(&restored.settings),
            config,
        };
        let parked = std::mem::take(&mut restored.parked);
        let ringing = std::mem::take(&mut restored.ringing);
        switchboard.registrar = Registrar::restore(&mut restored, now);
        switchboard.registrar.set_push_providers(switchboard.config.push.providers.clone());
        switchboard.schedule_probes(now);
        switchboard.want_ports();
        switchboard.end_calls_of_last_run(parked, now);
        switchboard.let_phones_of_last_run_rest(ringing, now);
        switchboard.settle(now);
        switchboard
    }

    /// Takes one input; all outputs are to be drained before the next.
    pub fn handle(&mut self, input: Input, now: Now) {
        match input {
            Input::Sip { flow, message, raw } => self.sip_message(flow, message, &raw, now),
            Input::Refused { flow, reply } => self.refused(flow, reply, now),
            Input::FlowLost(flow) => {
                let asked = self.transactions.received_on(flow);
                self.registrar.flow_lost(flow, now);
                self.transactions.flow_lost(flow, now.mono);
                self.caller_flow_lost(flow, &asked, now);
            }
            Input::SendFailed(flow) => self.transactions.send_failed(flow, now.mono),
            Input::DatagramRefused { to } => self.datagram_refused(to, now),
            Input::Wake(report) => self.wake_report(report, now),
            Input::Saved(ticket) => self.saved(ticket, now),
            Input::NotSaved(ticket) => self.not_saved(ticket, now),
            Input::Command { token, command } => self.command(token, command, now),
            Input::RelayPorts(ports) => self.ports.add(ports),
            Input::RelaySilent(relay) => self.relay_silent(relay, now),
            Input::RelayClosed { relay, from_caller, from_callee } => {
                self.relay_closed(relay, from_caller, from_callee, now);
            }
            Input::Tick => {}
            Input::Drain => self.drain(now),
        }
        self.handle_timeouts(now);
        self.settle(now);
    }

    /// The next effect.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When the clock matters next; "at once" while outputs wait.
    pub fn poll_timeout(&self) -> Option<Moment> {
        if !self.outputs.is_empty() {
            return Some(Moment::START);
        }
        let calls = self.deadlines.first().map(|(at, _)| *at);
        let wakes = self.wake_deadlines.first().map(|(at, _)| *at);
        let machines = [self.transactions.poll_timeout(), self.registrar.poll_timeout(), self.defence.poll_timeout()];
        let own = [calls, wakes, self.probes.due(), self.farewells.due()];
        machines.into_iter().chain(own).flatten().min()
    }

    /// What it holds on to at this moment; nothing once every call is over and its last timer has run.
    pub fn in_hand(&self) -> InHand {
        InHand {
            calls: self.calls.len(),
            called: self.called.len() + self.calling.len(),
            call_deadlines: self.deadlines.len(),
            callers: self.invite_txs.len(),
            requests: self.client_txs.len(),
            dialogs: self.dialogs.len(),
            relays: self.relays.len(),
            held: self.held.len(),
            wakes: self.pending_wakes.len() + self.wake_deadlines.len() + self.awaited.len(),
            transactions: self.transactions.live(),
        }
    }

    /// Whether a drain has finished: no call lives, no answer is held.
    pub fn is_drained(&self) -> bool {
        self.draining && self.calls.is_empty() && self.held.is_empty()
    }

    fn handle_timeouts(&mut self, now: Now) {
        if self.registrar.poll_timeout().is_some_and(|at| at <= now.mono) {
            self.registrar.handle_timeout(now);
        }
        if self.transactions.poll_timeout().is_some_and(|at| at <= now.mono) {
            self.transactions.handle_timeout(now.mono);
        }
        if self.defence.poll_timeout().is_some_and(|at| at <= now.mono) {
            self.defence.handle_timeout(now);
        }
        while let Some((at, call)) = self.deadlines.first().copied() {
            if at > now.mono {
                break;
            }
            self.deadlines.pop_first();
            if let Some(live) = self.calls.get_mut(&call) {
                live.deadline = None;
                live.call.handle_timeout(now.mono);
            }
            self.give_up_waiting(call, now);
            self.end_test_call(call, now);
            self.run_call(call, now);
        }
        self.forget_old_wakes(now);
        self.forget_farewells(now);
        self.probe_when_due(now);
    }

    /// Carries consequences along the lane until nothing moves any more.
    fn settle(&mut self, now: Now) {
        loop {
            let mut moved = false;
            while let Some(event) = self.registrar.poll_event() {
                moved = true;
                self.registrar_event(event, now);
            }
            while let Some(event) = self.transactions.poll_event() {
                moved = true;
                self.transaction_event(event, now);
            }
            if moved {
                continue;
            }
            while let Some(output) = self.defence.poll_output() {
                self.outputs.push_back(match output {
                    DefenceOutput::Save(change) => Output::Save { changes: vec![*change], ticket: None },
                    DefenceOutput::Report(report) => Output::Security(report),
                });
            }
            while let Some((flow, bytes)) = self.transactions.poll_send() {
                if self.stays_inside(flow, &bytes, now) {
                    moved = true;
                } else {
                    self.outputs.push_back(Output::Send { flow, bytes });
                }
            }
            if !moved {
                break;
            }
        }
        self.want_ports();
    }

    fn save_behind(&mut self, changes: Vec<Change>) {
        if !changes.is_empty() {
            self.outputs.push_back(Output::Save { changes, ticket: None });
        }
    }

    fn save_and_hold(&mut self, changes: Vec<Change>, holding: Vec<Holding>) {
        let ticket = SaveTicket(self.next_ticket);
        self.next_ticket += 1;
        self.held.insert(ticket, holding);
        self.outputs.push_back(Output::Save { changes, ticket: Some(ticket) });
    }

    fn notice(&mut self, notice: Notice) {
        self.outputs.push_back(Output::Notice(notice));
    }

    fn want_ports(&mut self) {
        if let Some(more) = self.ports.wanted() {
            self.outputs.push_back(Output::WantRelayPorts(more));
        }
    }

    /// 96 random bits as lower-case hexadecimal: RFC 3261 section 19.3 wants at least 32.
    fn draw_tag(&mut self) -> Box<str> {
        format!("{:016x}{:08x}", self.random.next_u64(), self.random.next_u32()).into()
    }

    fn draw_uuid(&mut self) -> Uuid {
        let mut bytes = [0u8; 16];
        self.random.fill_bytes(&mut bytes);
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }

    fn draw_wake_id(&mut self) -> WakeId {
        WakeId(self.draw_uuid())
    }

    fn draw_call_uuid(&mut self) -> CallUuid {
        CallUuid(self.draw_uuid())
    }
}

fn draw_seed(random: &mut ChaCha12Rng) -> [u8; 32] {
    let mut seed = [0u8; 32];
    random.fill_bytes(&mut seed);
    seed
}

/// The outcome of a wake so far, in plain words.
fn fresh_last_wake(kind: WakeKind, now: Now) -> LastWake {
    LastWake { at: now.wall, kind, outcome: "handed to the push side".into(), woke_after_ms: None, accepted: false }
}
