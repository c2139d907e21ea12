//! Carries out the machine's outputs. Nothing here waits: a full queue becomes an input.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{broadcast, mpsc, oneshot};
use tracing::{debug, error, warn};

use crate::defence::Report;
use crate::handle::RingingCalls;
use crate::media::relay::{Aim, RelayHandle, RelayOrder};
use crate::model::{CallId, ConnectionId, Flow, Now, Transport, WakeEvent, WakeKind, WakeReport, WakeRequest};
use crate::switchboard::command::CommandResult;
use crate::switchboard::input::Input;
use crate::switchboard::output::{Change, CommandToken, Notice, Output, SaveJob, SaveTicket};

use super::Counters;
use super::driver::Feedback;
use super::stream::Writer;
use super::udp::Sockets;

/// Orders that wait while the relay's own queue is full: some ten for each of 400 calls, which is all at once.
const RELAY_BACKLOG: usize = 4096;

/// What an outbox is made of, besides the sockets.
pub(super) struct OutboxParts {
    pub(super) notices: broadcast::Sender<Notice>,
    pub(super) ringing: RingingCalls,
    pub(super) wakes: mpsc::Sender<WakeRequest>,
    pub(super) stop_wakes: mpsc::Sender<CallId>,
    pub(super) saves: mpsc::Sender<SaveJob>,
    pub(super) relay: RelayHandle,
    pub(super) counters: Arc<Counters>,
}

/// Everything outputs can reach.
pub(super) struct Outbox {
    pub(super) udp: Sockets,
    /// Inputs that arose from outputs, for the machine.
    pub(super) feedback: Feedback,
    pub(super) counters: Arc<Counters>,
    streams: BTreeMap<ConnectionId, Writer>,
    answers: BTreeMap<CommandToken, oneshot::Sender<CommandResult>>,
    next_token: u64,
    parts: OutboxParts,
    relay_backlog: VecDeque<RelayOrder>,
    has_ordered_ports: bool,
}

impl Outbox {
    pub(super) fn new(parts: OutboxParts, udp: Sockets) -> Self {
        Self {
            udp,
            feedback: VecDeque::new(),
            counters: Arc::clone(&parts.counters),
            streams: BTreeMap::new(),
            answers: BTreeMap::new(),
            next_token: 0,
            parts,
            relay_backlog: VecDeque::new(),
            has_ordered_ports: false,
        }
    }

    pub(super) fn opened(&mut self, flow: Flow, writer: Writer) {
        self.streams.insert(flow.connection, writer);
    }

    pub(super) fn closed(&mut self, flow: &Flow) {
        self.streams.remove(&flow.connection);
    }

    /// Names the answer to a command.
    pub(super) fn expect_answer(&mut self, answer: oneshot::Sender<CommandResult>) -> CommandToken {
        self.next_token += 1;
        let token = CommandToken(self.next_token);
        self.answers.insert(token, answer);
        token
    }

    /// Commands without an answer so far.
    pub(super) fn answers(&self) -> usize {
        self.answers.len()
    }

    pub(super) fn carry(&mut self, output: Output, now: Now) {
        match output {
            Output::Send { flow, bytes } => self.send(flow, bytes),
            // Its writer dropped, the connection ends behind what is queued and reports `Closed`.
            Output::CloseFlow(flow) => self.closed(&flow),
            Output::Wake(request) => {
                if let (WakeKind::Call, Some(call)) = (request.kind, request.call) {
                    self.parts.ringing.rings(call, request.call_uuid, request.expires_at);
                }
                self.counters.wakes.order(&request);
                self.wake(request, now);
            }
            Output::StopWakes(call) => {
                self.parts.ringing.stopped(call);
                if self.parts.stop_wakes.try_send(call).is_err() {
                    debug!(%call, "wakes cannot be stopped; they end at their deadline");
                }
            }
            Output::Save { changes, ticket } => self.save(changes, ticket),
            Output::OpenRelay { relay, caller_port, callee_port } => {
                self.relay(RelayOrder::Open { relay, caller_port, callee_port });
            }
            Output::AimRelay { relay, side, announced, signalled_from, rtcp_mux } => {
                self.relay(RelayOrder::Aim { relay, aim: Aim { side, announced, signalled_from, rtcp_mux } });
            }
            Output::CloseRelay(relay) => self.relay(RelayOrder::Close(relay)),
            Output::WantRelayPorts(count) => {
                self.has_ordered_ports = true;
                self.relay(RelayOrder::WantPorts(count));
            }
            Output::ApplySettings(settings) => self.relay(RelayOrder::Settings {
                ports: settings.rtp_ports,
                silence: Duration::from_secs(settings.rtp_silence_seconds.into()),
            }),
            Output::Security(report) => tell(&report),
            Output::Answer { token, result } => {
                if let Some(answer) = self.answers.remove(&token) {
                    // Nobody waiting any more: the page was closed.
                    let _ = answer.send(result);
                }
            }
            Output::Notice(notice) => {
                // Nobody listening is no failure.
                let _ = self.parts.notices.send(notice);
            }
        }
    }

    /// An answer of the driver's own; a failure concerns nobody.
    pub(super) fn reply(&mut self, flow: &Flow, bytes: Bytes) {
        match flow.transport {
            Transport::Udp => {
                if let Err(error) = self.udp.send(flow, bytes) {
                    debug!(?flow, %error, "an answer could not be sent");
                }
            }
            Transport::Tcp | Transport::Tls => {
                if let Some(writer) = self.streams.get(&flow.connection) {
                    writer.push(bytes);
                }
            }
        }
    }

    fn send(&mut self, flow: Flow, bytes: Bytes) {
        let sent = match flow.transport {
            Transport::Udp => match self.udp.send(&flow, bytes) {
                Ok(()) => true,
                Err(error) => {
                    debug!(?flow, %error, "a datagram could not be sent");
                    false
                }
            },
            Transport::Tcp | Transport::Tls => {
                let sent = self.streams.get(&flow.connection).is_some_and(|writer| writer.push(bytes));
                if !sent {
                    self.closed(&flow);
                }
                sent
            }
        };
        if !sent {
            self.feedback.push_back(Input::SendFailed(flow));
        }
    }

    fn wake(&mut self, request: WakeRequest, now: Now) {
        let (request, code, why) = match self.parts.wakes.try_send(request) {
            Ok(()) => return,
            Err(TrySendError::Full(request)) => {
                (request, "push_queue_full", "too many phones are being woken at once; this one was not pushed")
            }
            Err(TrySendError::Closed(request)) => {
                (request, "push_stopped", "the push side has stopped; restart Nightbell and look at its log")
            }
        };
        if self.counters.wakes_refused.is_notable() {
            warn!(wake = %request.wake_id, code, "a wake was not handed over");
        }
        self.feedback.push_back(Input::Wake(WakeReport {
            wake_id: request.wake_id,
            call: request.call,
            device: request.device,
            target: request.target,
            kind: request.kind,
            at: now.wall,
            event: WakeEvent::GaveUp { code: code.to_owned(), why: why.to_owned() },
        }));
    }

    fn save(&mut self, changes: Vec<Change>, ticket: Option<SaveTicket>) {
        for change in &changes {
            self.count(change);
        }
        if self.parts.saves.try_send(SaveJob { changes, ticket }).is_err() {
            match ticket {
                Some(ticket) => self.feedback.push_back(Input::NotSaved(ticket)),
                None if self.counters.changes_lost.is_notable() => {
                    error!("a change could not be handed to the store and is lost; is the disk full or stuck?");
                }
                None => {}
            }
        }
    }

    fn count(&self, change: &Change) {
        match change {
            Change::PutLastWake { device, last_wake } => self.counters.wakes.note(*device, last_wake),
            Change::PutCall(record) => self.counters.calls.note(record),
            Change::PutExtension(_)
            | Change::DeleteExtension(_)
            | Change::PutCredential(_)
            | Change::DeleteCredential(_)
            | Change::PutDevice(_)
            | Change::DeleteDevice(_)
            | Change::PutUdpBinding(_)
            | Change::DeleteUdpBinding(_)
            | Change::AppendTimeline(_)
            | Change::PutParked(_)
            | Change::PutRinging(_)
            | Change::DeleteParked(_)
            | Change::PutSettings(_)
            | Change::PutBlock(_)
            | Change::DeleteBlock { .. }
            | Change::PutKnownNetwork { .. }
            | Change::DeleteKnownNetwork(_) => {}
        }
    }

    fn relay(&mut self, order: RelayOrder) {
        if self.relay_backlog.len() < RELAY_BACKLOG {
            self.relay_backlog.push_back(order);
            self.flush_relay();
        } else {
            error!(?order, "the sound relay does not keep up; a call may have no sound");
        }
    }

    fn flush_relay(&mut self) {
        while let Some(order) = self.relay_backlog.pop_front() {
            match self.parts.relay.try_order(order) {
                Ok(()) => {}
                Err(TrySendError::Full(order)) => {
                    self.relay_backlog.push_front(order);
                    return;
                }
                Err(TrySendError::Closed(_)) => self.relay_backlog.clear(),
            }
        }
    }

    /// Whether sound ports were ever ordered.
    pub(super) fn has_ordered_ports(&self) -> bool {
        self.has_ordered_ports
    }

    /// Whether orders wait for the relay.
    pub(super) fn relay_backlog(&self) -> bool {
        !self.relay_backlog.is_empty()
    }

    /// Completes when the relay takes orders again.
    pub(super) async fn relay_has_room(&self) {
        self.parts.relay.has_room().await;
    }

    /// Moves on whatever had to wait.
    pub(super) fn flush(&mut self) {
        self.udp.flush();
        let refused = self.udp.refused();
        self.feedback.extend(refused.into_iter().map(|to| Input::DatagramRefused { to }));
        self.flush_relay();
    }
}

/// The lines that fail2ban and its like may read: their first words and the names of the fields stay as they are.
fn tell(report: &Report) {
    match report {
        Report::Failed { from, transport, account, why, left_out } => warn!(
            code = "authentication_failed",
            address = %from.to_canonical(),
            transport = transport.via_name(),
            account = account.as_str(),
            why,
            left_out,
            "authentication failed"
        ),
        Report::Blocked(block) => warn!(
            code = "address_blocked",
            address = %block.address,
            account = block.account.as_deref().unwrap_or("any"),
            why = block.reason.as_str(),
            until = %block.until,
            times = block.times,
            "address blocked"
        ),
    }
}
