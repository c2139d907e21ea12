//! The driver: gives the machine one input at a time, carries out its outputs in order, and keeps its deadlines.
//!
//! Fairness: every turn takes a bounded share from every source, and the deadline is looked at between the shares, so
//! that neither a flood of datagrams starves commands and timers, nor the other way round.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::sync::{Arc, mpsc as std_mpsc};
use std::time::Duration;

use bytes::Bytes;
use tokio::runtime;
use tokio::sync::{mpsc, oneshot, watch};
use tracing::{debug, info, warn};

use crate::handle::WaitingCommand;
use crate::media::relay::{self, RelayEvent};
use crate::model::{Flow, Moment, Now, Transport, WakeReport};
use crate::port_check::PortCheck;
use crate::sip::{guard, stun};
use crate::switchboard::input::Input;
use crate::switchboard::output::{Output, Saved};

use super::clock::Clock;
use super::ladder::{Ladders, Recorder};
use super::outbox::{Outbox, OutboxParts};
use super::stream::{self, StreamEvent};
use super::tcp::{self, Shared};
use super::udp::{Batch, Sockets};
use super::{Bound, Channels, Counters, DriverConfig, StartError, Stopper, listen};

/// What the driver drives: the switchboard, or a stand-in for it in tests.
pub trait Machine {
    /// One thing happened.
    fn handle(&mut self, input: Input, now: Now);

    /// The next effect; drained after each input.
    fn poll_output(&mut self) -> Option<Output>;

    /// When the machine wants `Input::Tick` at the latest.
    fn poll_timeout(&self) -> Option<Moment>;

    /// Whether, after `Input::Drain`, nothing is left to finish; the driver ends then.
    fn is_drained(&self) -> bool;
}

/// Receive calls for one socket in one turn; each takes up to 32 datagrams.
const BATCHES: usize = 4;
/// Inputs of one turn from each other source.
const SHARE: usize = 64;
/// Commands whose answer is outstanding; more wait in their queue, and behind that the page says "busy".
const MAX_ANSWERS: usize = 1024;
/// Relay events that may wait; the relay waits beyond it, its packets do not.
const RELAY_EVENTS: usize = 1024;
/// How long the start waits for the first sound ports: a hundred times what binding them takes.
const FIRST_PORTS: Duration = Duration::from_secs(1);
/// How long the end waits for connections to write their last answers.
const FAREWELL: Duration = Duration::from_secs(1);
/// Inputs that arise from outputs (a send that failed) in one turn; the rest comes in the next, so that a machine that
/// answers every failed send with another cannot stall everybody.
const FEEDBACK: usize = 256;

/// Starts drivers.
#[derive(Debug)]
pub struct Driver;

impl Driver {
    /// Raises the limit of open files, binds everything, then starts the driver's thread, the accept loops and the relay.
    ///
    /// The machine is made on the driver's thread, with the driver's clock. Must be called within a tokio runtime: its
    /// workers run the stream connections.
    pub fn start<M, F>(config: DriverConfig, machine: F, channels: Channels) -> Result<Bound, StartError>
    where
        M: Machine + 'static,
        F: FnOnce(Now) -> M + Send + 'static,
    {
        let workers = runtime::Handle::try_current().map_err(|_| StartError::NoRuntime)?;
        if let Err(error) = listen::raise_open_files() {
            warn!(%error, "the limit of open files cannot be raised; with many calls, new ones may have no sound");
        }
        let sockets = Listening::bind(&config)?;
        let (udp, tcp, tls) =
            (sockets.udp_addresses.clone(), sockets.tcp_addresses.clone(), sockets.tls_addresses.clone());
        let counters = Arc::<Counters>::default();
        let (stopper, stop) = Stopper::new();
        let (events, streams) = mpsc::channel(stream::EVENT_QUEUE);
        let (shared, streams_ended) = Shared::new(config.limits, events, Arc::clone(&counters));
        let (relay_events, relay_reports) = mpsc::channel(RELAY_EVENTS);
        let relay = relay::start(config.relay.clone(), relay_events).map_err(StartError::Relay)?;
        let (ended, has_ended) = oneshot::channel();
        let (ready, is_ready) = std_mpsc::channel();
        let sources = Sources {
            commands: channels.switchboard.commands,
            wake_reports: channels.wake_reports,
            saved: channels.saved,
            streams,
            relay: relay_reports,
            stop,
            streams_ended,
        };
        let parts = OutboxParts {
            notices: channels.switchboard.notices,
            ringing: channels.switchboard.ringing,
            wakes: channels.wakes,
            stop_wakes: channels.stop_wakes,
            saves: channels.saves,
            relay,
            counters: Arc::clone(&counters),
        };
        let (ladders, port_check) = (Ladders::default(), PortCheck::default());
        let looking = Looking { recorder: Recorder::new(ladders.clone()), port_check: port_check.clone() };
        let plan = Plan { udp: sockets.udp, sources, parts, looking, drain: config.drain };
        let thread = std::thread::Builder::new()
            .name("switchboard".into())
            .spawn(move || {
                // Dropped at the end of the thread, also when the machine panics.
                let _ended = ended;
                plan.run(machine, &ready);
            })
            .map_err(StartError::Thread)?;
        match is_ready.recv() {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(StartError::Thread(error)),
            Err(_) => return Err(StartError::Thread(io::Error::other("it ended before it began"))),
        }
        for (listener, identity) in sockets.streams {
            let listener = { tokio::net::TcpListener::from_std(listener).map_err(StartError::Thread)? };
            workers.spawn(tcp::accept(listener, identity, Arc::clone(&shared)));
        }
        Ok(Bound { udp, tcp, tls, stopper, ended: has_ended, thread, counters, ladders, port_check })
    }
}

/// Everything bound, not yet read.
struct Listening {
    udp: Vec<std::net::UdpSocket>,
    streams: Vec<(std::net::TcpListener, Option<super::TlsIdentity>)>,
    udp_addresses: Vec<SocketAddr>,
    tcp_addresses: Vec<SocketAddr>,
    tls_addresses: Vec<SocketAddr>,
}

impl Listening {
    fn bind(config: &DriverConfig) -> Result<Self, StartError> {
        let mut all = Self {
            udp: Vec::new(),
            streams: Vec::new(),
            udp_addresses: Vec::new(),
            tcp_addresses: Vec::new(),
            tls_addresses: Vec::new(),
        };
        for &address in &config.udp {
            let socket = listen::udp(address)?;
            all.udp_addresses.push(listen::bound(Transport::Udp, address, socket.local_addr())?);
            all.udp.push(socket);
        }
        for &address in &config.tcp {
            let listener = listen::stream(Transport::Tcp, address)?;
            all.tcp_addresses.push(listen::bound(Transport::Tcp, address, listener.local_addr())?);
            all.streams.push((listener, None));
        }
        for &address in &config.tls {
            let identity = config.tls_identity.clone().ok_or(StartError::NoCertificate(address))?;
            let listener = listen::stream(Transport::Tls, address)?;
            all.tls_addresses.push(listen::bound(Transport::Tls, address, listener.local_addr())?);
            all.streams.push((listener, Some(identity)));
        }
        Ok(all)
    }
}

/// What the driver's thread takes with it.
struct Plan {
    udp: Vec<std::net::UdpSocket>,
    sources: Sources,
    parts: OutboxParts,
    looking: Looking,
    drain: Duration,
}

/// Who looks at messages besides the machine.
struct Looking {
    recorder: Recorder,
    port_check: PortCheck,
}

impl Plan {
    fn run<M: Machine>(self, machine: impl FnOnce(Now) -> M, ready: &std_mpsc::Sender<io::Result<()>>) {
        let Self { udp, sources, parts, looking, drain } = self;
        let made = runtime::Builder::new_current_thread().enable_all().build().and_then(|runtime| {
            let sockets = {
                let _inside = runtime.enter();
                Sockets::new(udp, Arc::clone(&parts.counters))?
            };
            Ok((runtime, Outbox::new(parts, sockets)))
        });
        let (runtime, outbox) = match made {
            Ok(made) => made,
            Err(error) => {
                let _ = ready.send(Err(error));
                return;
            }
        };
        let clock = Clock::start();
        let lane = Lane { machine: machine(clock.now()), outbox, looking, later: Vec::new() };
        let _ = ready.send(Ok(()));
        let running = Running { clock, lane, sources, batch: Batch::new(), drain, draining_until: None };
        runtime.block_on(running.run());
        info!("the switchboard has stopped");
    }
}

/// Where inputs come from, besides the UDP sockets.
struct Sources {
    commands: mpsc::Receiver<WaitingCommand>,
    wake_reports: mpsc::Receiver<WakeReport>,
    saved: mpsc::Receiver<Saved>,
    streams: mpsc::Receiver<StreamEvent>,
    relay: mpsc::Receiver<RelayEvent>,
    stop: watch::Receiver<bool>,
    streams_ended: oneshot::Receiver<()>,
}

/// The machine and everything it can reach.
struct Lane<M> {
    machine: M,
    outbox: Outbox,
    looking: Looking,
    /// Empty between inputs; kept for its room.
    later: Vec<Output>,
}

/// Whether a phone, an app or a page waits for it; their order among each other is kept, and that of the rest.
fn is_awaited(output: &Output) -> bool {
    match output {
        Output::Send { .. } | Output::CloseFlow(_) | Output::Wake(_) | Output::StopWakes(_) | Output::Answer { .. } => {
            true
        }
        Output::Save { .. }
        | Output::OpenRelay { .. }
        | Output::AimRelay { .. }
        | Output::CloseRelay(_)
        | Output::WantRelayPorts(_)
        | Output::ApplySettings(_)
        | Output::Security(_)
        | Output::Notice(_) => false,
    }
}

impl<M: Machine> Lane<M> {
    /// What somebody waits for goes out first. Handing over the rest wakes other threads, which on a small machine take
    /// the place of the thread that sends the push.
    fn give(&mut self, input: Input, now: Now) {
        let recorder = &mut self.looking.recorder;
        if let Input::Sip { flow, message, raw } = &input {
            recorder.received(flow, message, raw, now.wall);
        }
        self.machine.handle(input, now);
        while let Some(output) = self.machine.poll_output() {
            recorder.look(&output, now.wall);
            if is_awaited(&output) {
                self.outbox.carry(output, now);
            } else {
                self.later.push(output);
            }
        }
        for output in self.later.drain(..) {
            self.outbox.carry(output, now);
        }
        recorder.end_of_input();
    }

    /// Answers a question of a port check, which is nobody else's business. Whether it was one.
    fn is_question(&mut self, flow: &Flow, raw: &[u8], now: Now) -> bool {
        let way = (flow.local, flow.remote);
        let Some(answer) = self.looking.port_check.answer(flow.transport, way, raw, now.wall) else { return false };
        self.outbox.reply(flow, answer);
        true
    }

    /// What outputs led to: failed sends, full queues.
    fn feed_back(&mut self, now: Now) {
        for _ in 0..FEEDBACK {
            let Some(input) = self.outbox.feedback.pop_front() else { return };
            self.give(input, now);
        }
    }

    fn keep_deadline(&mut self, now: Now) {
        if self.machine.poll_timeout().is_some_and(|deadline| deadline <= now.mono) {
            self.give(Input::Tick, now);
        }
    }

    fn datagram(&mut self, flow: Flow, datagram: &[u8], now: Now) {
        let counters = Arc::clone(&self.outbox.counters);
        counters.datagrams_in.add(1);
        // RFC 5626 section 3.5.1 has CRLF keep-alives on streams only; over UDP phones send them to hold a NAT open and
        // expect nothing. STUN binding requests (section 3.5.2) do want an answer.
        if datagram.iter().all(|b| matches!(b, b'\r' | b'\n' | b'\0' | b' ')) {
            return;
        }
        if datagram.first().is_some_and(|&b| b < 4) {
            if let Some(answer) = stun::answer(datagram, flow.remote) {
                self.outbox.reply(&flow, answer);
            }
            return;
        }
        if self.is_question(&flow, datagram, now) {
            return;
        }
        let raw = Bytes::copy_from_slice(datagram);
        match guard::check(raw.clone(), Transport::Udp) {
            Ok(message) => {
                counters.messages_in.add(1);
                self.give(Input::Sip { flow, message, raw }, now);
            }
            Err(refusal) => {
                counters.messages_refused.add(1);
                counters.refusals.add(refusal.reason);
                debug!(?flow, refusal.reason, "message refused");
                self.give(Input::Refused { flow, reply: refusal.reply }, now);
            }
        }
    }

    fn stream(&mut self, event: StreamEvent, now: Now) {
        match event {
            StreamEvent::Opened { flow, writer } => self.outbox.opened(flow, writer),
            StreamEvent::Message { flow, message, raw, place } => {
                drop(place);
                if !self.is_question(&flow, &raw, now) {
                    self.give(Input::Sip { flow, message, raw }, now);
                }
            }
            StreamEvent::Refused(flow) => self.give(Input::Refused { flow, reply: None }, now),
            StreamEvent::Closed(flow) => {
                self.outbox.closed(&flow);
                self.give(Input::FlowLost(flow), now);
            }
        }
    }

    fn command(&mut self, waiting: WaitingCommand, now: Now) {
        let token = self.outbox.expect_answer(waiting.answer);
        self.give(Input::Command { token, command: waiting.command }, now);
    }

    fn saved(&mut self, saved: Saved, now: Now) {
        let input = if saved.ok { Input::Saved(saved.ticket) } else { Input::NotSaved(saved.ticket) };
        self.give(input, now);
    }

    fn relay(&mut self, event: RelayEvent, now: Now) {
        let input = match event {
            RelayEvent::Ports(ports) => Input::RelayPorts(ports),
            RelayEvent::Silent(relay) => Input::RelaySilent(relay),
            RelayEvent::Closed { relay, from_caller, from_callee } => {
                Input::RelayClosed { relay, from_caller, from_callee }
            }
        };
        self.give(input, now);
    }
}

/// The loop.
struct Running<M> {
    clock: Clock,
    lane: Lane<M>,
    sources: Sources,
    batch: Batch,
    drain: Duration,
    draining_until: Option<Moment>,
}

/// What ended the wait.
enum Woken {
    Command(WaitingCommand),
    WakeReport(WakeReport),
    Saved(Saved),
    Stream(StreamEvent),
    Relay(RelayEvent),
    Socket,
    Deadline,
    Stop,
}

impl<M: Machine> Running<M> {
    async fn run(mut self) {
        // Whatever the machine found in what it was restored from is carried out first.
        let now = self.clock.now();
        self.lane.give(Input::Tick, now);
        self.first_ports().await;
        loop {
            let busy = self.turn();
            if self.stop_or_go().is_break() {
                break;
            }
            if busy {
                // Lets the runtime look at its sockets.
                tokio::task::yield_now().await;
            } else {
                let woken = self.wait().await;
                self.wake(woken);
            }
        }
        self.farewell().await;
    }

    /// Waits for the sound ports that the machine ordered at its start: callers who have waited for a restart come at once,
    /// and wait these milliseconds in the kernel's buffer instead of being refused.
    async fn first_ports(&mut self) {
        if !self.lane.outbox.has_ordered_ports() {
            return;
        }
        if let Ok(Some(event)) = tokio::time::timeout(FIRST_PORTS, self.sources.relay.recv()).await {
            self.lane.relay(event, self.clock.now());
        }
    }

    /// Lets the last answers out: connections write what is queued for them once nobody can queue more.
    async fn farewell(self) {
        let Self { mut lane, sources, .. } = self;
        lane.outbox.udp.flush();
        drop(lane);
        let Sources { streams, streams_ended, .. } = sources;
        drop(streams);
        let _ = tokio::time::timeout(FAREWELL, streams_ended).await;
    }

    /// Takes a share from every source. Whether more waits.
    fn turn(&mut self) -> bool {
        let mut busy = self.datagrams();
        let now = self.clock.now();
        let Self { lane, sources, .. } = self;
        lane.feed_back(now);
        lane.keep_deadline(now);
        busy |= share(&mut sources.streams, |event| lane.stream(event, now));
        busy |= share(&mut sources.saved, |saved| lane.saved(saved, now));
        busy |= share(&mut sources.wake_reports, |report| lane.give(Input::Wake(report), now));
        busy |= share(&mut sources.relay, |event| lane.relay(event, now));
        if lane.outbox.answers() < MAX_ANSWERS {
            busy |= share(&mut sources.commands, |command| lane.command(command, now));
        }
        lane.feed_back(now);
        lane.outbox.flush();
        busy || !lane.outbox.feedback.is_empty()
    }

    fn datagrams(&mut self) -> bool {
        let mut busy = false;
        for index in 0..self.lane.outbox.udp.len() {
            busy |= self.socket(index);
        }
        busy
    }

    /// Reads one socket's share. Whether it was used up.
    fn socket(&mut self, index: usize) -> bool {
        for _ in 0..BATCHES {
            let Some(socket) = self.lane.outbox.udp.get(index) else { return false };
            if !self.batch.fill(socket) {
                return false;
            }
            let now = self.clock.now();
            let local = socket.local();
            for (flow, datagram) in self.batch.datagrams(local) {
                self.lane.datagram(flow, datagram, now);
            }
            self.lane.keep_deadline(now);
        }
        true
    }

    async fn wait(&mut self) -> Woken {
        let Self { clock, lane, sources, draining_until, .. } = self;
        let deadline = [lane.machine.poll_timeout(), *draining_until].into_iter().flatten().min();
        let sleep = async {
            match deadline {
                Some(deadline) => tokio::time::sleep_until(clock.instant_at(deadline)).await,
                None => std::future::pending().await,
            }
        };
        let answers_full = lane.outbox.answers() >= MAX_ANSWERS;
        let backlog = lane.outbox.relay_backlog();
        tokio::select! {
            () = lane.outbox.udp.ready() => Woken::Socket,
            Some(event) = sources.streams.recv() => Woken::Stream(event),
            Some(saved) = sources.saved.recv() => Woken::Saved(saved),
            Some(report) = sources.wake_reports.recv() => Woken::WakeReport(report),
            Some(event) = sources.relay.recv() => Woken::Relay(event),
            Some(command) = sources.commands.recv(), if !answers_full => Woken::Command(command),
            Ok(()) = sources.stop.changed() => Woken::Stop,
            () = sleep => Woken::Deadline,
            () = lane.outbox.relay_has_room(), if backlog => Woken::Deadline,
        }
    }

    fn wake(&mut self, woken: Woken) {
        let now = self.clock.now();
        let lane = &mut self.lane;
        match woken {
            Woken::Command(command) => lane.command(command, now),
            Woken::WakeReport(report) => lane.give(Input::Wake(report), now),
            Woken::Saved(saved) => lane.saved(saved, now),
            Woken::Stream(event) => lane.stream(event, now),
            Woken::Relay(event) => lane.relay(event, now),
            // The turn that follows looks at sockets, deadline and the wish to stop.
            Woken::Socket | Woken::Deadline | Woken::Stop => {}
        }
    }

    /// Begins to drain when told to stop; `Break` when there is nothing left to wait for.
    fn stop_or_go(&mut self) -> ControlFlow<()> {
        if !*self.sources.stop.borrow() {
            return ControlFlow::Continue(());
        }
        let now = self.clock.now();
        let until = match self.draining_until {
            Some(until) => until,
            None => {
                self.lane.give(Input::Drain, now);
                self.lane.feed_back(now);
                let until = now.mono + self.drain;
                self.draining_until = Some(until);
                until
            }
        };
        if self.lane.machine.is_drained() || now.mono >= until {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }
}

/// Takes up to [`SHARE`] items that wait already. Whether more may wait.
fn share<T>(source: &mut mpsc::Receiver<T>, mut take: impl FnMut(T)) -> bool {
    for _ in 0..SHARE {
        match source.try_recv() {
            Ok(item) => take(item),
            Err(_) => return false,
        }
    }
    true
}

/// Inputs that outputs led to, waiting for the machine.
pub(super) type Feedback = VecDeque<Input>;
