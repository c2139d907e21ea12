//! The relay's control: carries out orders, watches for silence, reports.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::MissedTickBehavior;
use tracing::{debug, error, warn};

use crate::switchboard::input::RelayPort;
use crate::switchboard::output::{RelayId, Side};

use super::latch::{Announcement, Tick};
use super::ports::{Pair, Stock, may_be_sent_to};
use super::session::{Commons, Heading, LegSockets, Session, Traffic};
use super::{Aim, RelayConfig, RelayEvent, RelayOrder};

/// Runs until nobody can give orders any more.
pub(super) async fn run(config: RelayConfig, mut orders: mpsc::Receiver<RelayOrder>, events: mpsc::Sender<RelayEvent>) {
    let mut ticks = tokio::time::interval(config.tick);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut stage = Stage::new(config);
    loop {
        let reports = tokio::select! {
            order = orders.recv() => match order {
                Some(order) => stage.order(order),
                None => return,
            },
            _ = ticks.tick() => stage.tick(),
        };
        for report in reports {
            // The packets do not wait while the driver is busy: they have tasks of their own.
            if events.send(report).await.is_err() {
                return;
            }
        }
    }
}

/// One relay and how long it has been silent.
struct Open {
    session: Rc<Session>,
    tasks: [AbortHandle; 4],
    ports: [RelayPort; 2],
    /// Since when the caller, and the callee, has sent nothing.
    quiet_since: [Tick; 2],
    reported: bool,
}

struct Stage {
    config: RelayConfig,
    stock: Stock,
    commons: Rc<Commons>,
    open: BTreeMap<RelayId, Open>,
    warned: bool,
}

impl Stage {
    fn new(config: RelayConfig) -> Self {
        let stock = Stock::new(config.address, config.ports);
        Self { config, stock, commons: Commons::new(), open: BTreeMap::new(), warned: false }
    }

    fn now(&self) -> Tick {
        self.commons.now.get()
    }

    /// The tick at which this much time has surely passed.
    fn after(&self, wait: Duration) -> Tick {
        self.now().saturating_add(self.ticks(wait)).saturating_add(1)
    }

    fn ticks(&self, wait: Duration) -> Tick {
        let ticks = wait.as_millis().div_ceil(self.config.tick.as_millis().max(1));
        Tick::try_from(ticks).unwrap_or(Tick::MAX)
    }

    fn order(&mut self, order: RelayOrder) -> Vec<RelayEvent> {
        match order {
            RelayOrder::WantPorts(pairs) => {
                self.stock.want(pairs);
                self.bind_owed()
            }
            RelayOrder::Open { relay, caller_port, callee_port } => {
                self.open(relay, [caller_port, callee_port]);
                Vec::new()
            }
            RelayOrder::Aim { relay, aim } => {
                self.aim(relay, aim);
                Vec::new()
            }
            RelayOrder::Close(relay) => vec![self.close(relay)],
            RelayOrder::Settings { ports, silence } => {
                self.config.silence = silence;
                self.stock.set_range(ports);
                self.warned = false;
                self.bind_owed()
            }
        }
    }

    fn tick(&mut self) -> Vec<RelayEvent> {
        self.commons.now.set(self.now().saturating_add(1));
        let mut reports = self.silent();
        if self.stock.owes() {
            reports.extend(self.bind_owed());
        }
        reports
    }

    fn bind_owed(&mut self) -> Vec<RelayEvent> {
        let ports = self.stock.bind_owed(self.now());
        if self.stock.owes() && !self.warned {
            warn!(range = ?self.config.ports, "the ports for sound are used up; calls get theirs when others end. Widen the range under Settings");
            self.warned = true;
        }
        if ports.is_empty() { Vec::new() } else { vec![RelayEvent::Ports(ports)] }
    }

    fn silent(&mut self) -> Vec<RelayEvent> {
        let now = self.now();
        let usual = self.ticks(self.config.silence);
        let [of_one, on_hold] =
            [self.config.silence_of_one, self.config.silence_on_hold].map(|limit| self.ticks(limit).max(usual));
        let mut reports = Vec::new();
        for (relay, open) in &mut self.open {
            let complete = open.session.is_complete();
            let heard = [Side::Caller, Side::Callee].map(|side| open.session.was_heard(side));
            for (quiet_since, heard) in open.quiet_since.iter_mut().zip(heard) {
                if heard || !complete {
                    *quiet_since = now;
                }
            }
            let quiet = open.quiet_since.map(|since| now.saturating_sub(since));
            let [shorter, longer] = if quiet[0] < quiet[1] { quiet } else { [quiet[1], quiet[0]] };
            // On hold a side rightly sends nothing, for as long as the other plays music.
            let silent = match open.session.is_on_hold() {
                true => shorter >= on_hold,
                false => shorter >= usual || longer >= of_one,
            };
            if silent && complete && !open.reported {
                reports.push(RelayEvent::Silent(*relay));
            }
            open.reported = silent && complete;
        }
        reports
    }

    fn open(&mut self, relay: RelayId, ports: [RelayPort; 2]) {
        if self.open.contains_key(&relay) {
            error!(?relay, "a relay was opened twice");
            return;
        }
        let legs = ports.map(|port| self.stock.take(port).map(register));
        let [Some(Ok(caller)), Some(Ok(callee))] = legs else {
            error!(?relay, ?ports, "a relay was opened on ports that are not held; the call has no sound");
            for port in ports {
                self.stock.rest(port, self.after(self.config.rest));
            }
            return;
        };
        let (session, tasks) = Session::start(caller, callee, Rc::clone(&self.commons));
        self.open.insert(relay, Open { session, tasks, ports, quiet_since: [self.now(); 2], reported: false });
    }

    fn aim(&mut self, relay: RelayId, aim: Aim) {
        let relearn_until = self.after(self.config.relearn);
        let now = self.now();
        let heading = self.heading(&aim);
        let Some(open) = self.open.get_mut(&relay) else {
            debug!(?relay, "an announcement came for a relay that is not open");
            return;
        };
        open.session.aim(aim.side, heading, aim.rtcp_mux, relearn_until);
        open.quiet_since = [now; 2];
        open.reported = false;
    }

    fn heading(&self, aim: &Aim) -> Heading {
        let rtp = SocketAddr::new(aim.announced.ip().to_canonical(), aim.announced.port());
        if rtp.ip().is_unspecified() {
            return Heading::Hold;
        }
        let rtcp = SocketAddr::new(rtp.ip(), rtp.port().saturating_add(1));
        let from = aim.signalled_from.to_canonical();
        Heading::Towards { rtp: self.announcement(rtp, from), rtcp: self.announcement(rtcp, from) }
    }

    fn announcement(&self, announced: SocketAddr, signalled_from: IpAddr) -> Announcement {
        let trusted = may_be_sent_to(announced, signalled_from) && !self.stock.is_ours(announced);
        Announcement { address: trusted.then_some(announced), signalled_from }
    }

    fn close(&mut self, relay: RelayId) -> RelayEvent {
        let Some(open) = self.open.remove(&relay) else {
            return RelayEvent::Closed { relay, from_caller: 0, from_callee: 0 };
        };
        for task in &open.tasks {
            task.abort();
        }
        let until = self.after(self.config.rest);
        for port in open.ports {
            self.stock.rest(port, until);
        }
        let caller: Traffic = open.session.traffic(Side::Caller);
        let callee: Traffic = open.session.traffic(Side::Callee);
        debug!(?relay, ?caller, ?callee, "relay closed");
        RelayEvent::Closed { relay, from_caller: caller.packets, from_callee: callee.packets }
    }
}

fn register(pair: Pair) -> io::Result<LegSockets> {
    Ok(LegSockets { rtp: UdpSocket::from_std(pair.rtp)?, rtcp: UdpSocket::from_std(pair.rtcp)? })
}
