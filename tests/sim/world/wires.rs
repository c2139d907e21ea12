//! The network: datagrams get lost, doubled and late; streams keep their order and die.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;

use pbx_core::model::{ConnectionId, Flow, Moment, Transport};

use super::{Due, World};
use crate::history::{History, Network};
use crate::message;
use crate::random::Random;

/// Copies of one datagram that may get lost: the third arrives.
const LOST_COPIES: u8 = 2;

/// Which way a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Way {
    ToServer,
    ToPhone,
}

/// What is known of all wires.
#[derive(Debug)]
pub(super) struct Wires {
    network: Network,
    chances: BTreeMap<(u8, Way), Random>,
    lost: BTreeMap<u64, u8>,
    open: BTreeMap<ConnectionId, Flow>,
    closed: BTreeSet<ConnectionId>,
    latest: BTreeMap<(ConnectionId, Way), Moment>,
    cut_until: BTreeMap<u8, Moment>,
    /// Datagrams so far, both ways, lost ones included.
    pub(super) datagrams: u64,
    /// The one datagram that gets lost, counted from 1.
    loses: Option<u64>,
}

impl Wires {
    pub(super) fn new(history: &History) -> Self {
        let mut chances = BTreeMap::new();
        for phone in 0..u8::try_from(history.phones.len()).unwrap_or(0) {
            chances.insert((phone, Way::ToServer), Random::of(history.seed, 100 + u64::from(phone)));
            chances.insert((phone, Way::ToPhone), Random::of(history.seed, 200 + u64::from(phone)));
        }
        Self {
            network: history.network,
            chances,
            lost: BTreeMap::new(),
            open: BTreeMap::new(),
            closed: BTreeSet::new(),
            latest: BTreeMap::new(),
            cut_until: BTreeMap::new(),
            datagrams: 0,
            loses: None,
        }
    }

    /// Loses this datagram and none by chance.
    pub(super) fn lose_only(&mut self, datagram: Option<u64>) {
        self.network.loss = 0;
        self.loses = datagram;
    }

    pub(super) fn open_streams(&self) -> Vec<Flow> {
        self.open.values().copied().collect()
    }

    /// Whether the server still has the stream.
    pub(super) fn is_open(&self, flow: Flow) -> bool {
        self.open.contains_key(&flow.connection)
    }

    /// Opens the stream if it is new. Whether it can be used.
    pub(super) fn dial(&mut self, flow: Flow) -> bool {
        if self.closed.contains(&flow.connection) {
            return false;
        }
        self.open.insert(flow.connection, flow);
        true
    }

    pub(super) fn close(&mut self, flow: Flow) -> bool {
        self.closed.insert(flow.connection);
        self.open.remove(&flow.connection).is_some()
    }

    pub(super) fn cut(&mut self, phone: u8, until: Moment) {
        self.cut_until.insert(phone, until);
    }

    pub(super) fn is_cut(&self, phone: u8, now: Moment) -> bool {
        self.cut_until.get(&phone).is_some_and(|until| *until > now)
    }

    /// When the copies of a message arrive; none when it is lost.
    pub(super) fn arrivals(&mut self, (phone, way): (u8, Way), flow: Flow, text: &str, now: Moment) -> Vec<Moment> {
        let network = self.network;
        let cut = self.cut_until.get(&phone).copied().filter(|until| *until > now);
        let Some(chance) = self.chances.get_mut(&(phone, way)) else { return Vec::new() };
        let mut wait = || Duration::from_millis(chance.between(network.fastest.into(), network.slowest.into()).into());
        if flow.transport != Transport::Udp {
            // A cut delays a stream.
            let at = cut.unwrap_or(now) + wait();
            let latest = self.latest.entry((flow.connection, way)).or_insert(Moment::START);
            *latest = (*latest).max(at);
            return vec![*latest];
        }
        self.datagrams += 1;
        if cut.is_some() || self.loses == Some(self.datagrams) {
            return Vec::new();
        }
        let (first, second) = (now + wait(), now + wait());
        let (lose, double) = (chance.percent(network.loss), chance.percent(network.doubled));
        if lose {
            let copies = self.lost.entry(name(phone, way, text)).or_insert(0);
            if *copies < LOST_COPIES {
                *copies += 1;
                return Vec::new();
            }
        }
        if double { vec![first, second] } else { vec![first] }
    }
}

/// A message in one line.
fn gist(text: &str) -> String {
    let reason = message::header(text, "Reason");
    format!(
        "{} | {} | {} | from {} | {reason}",
        text.lines().next().unwrap_or(""),
        message::header(text, "CSeq"),
        message::header(text, "Call-ID"),
        message::tag(message::header(text, "From")).unwrap_or("")
    )
}

/// Names a message whose copies are the same.
fn name(phone: u8, way: Way, text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (phone, way == Way::ToServer, message::status(text), message::branch(text), message::header(text, "CSeq"))
        .hash(&mut hasher);
    hasher.finish()
}

impl World {
    /// The phone that has this address.
    pub(crate) fn phone_at(flow: Flow) -> u8 {
        match flow.remote.ip() {
            std::net::IpAddr::V4(ip) => ip.octets()[2] - 1,
            std::net::IpAddr::V6(_) => u8::MAX,
        }
    }

    pub(super) fn server_sends(&mut self, flow: Flow, text: String) {
        let phone = Self::phone_at(flow);
        self.note(|| format!("    <- phone {phone} {:?} {}", flow, gist(&text)));
        self.reference.server_sent(self.now, phone, &text);
        if flow.transport.is_reliable() && !self.wires.is_open(flow) {
            self.queue_in(Duration::from_millis(1), Due::SendFailed(flow));
            return;
        }
        for at in self.wires.arrivals((phone, Way::ToPhone), flow, &text, self.now) {
            self.queue_at(at, Due::ToPhone { phone, flow, text: text.clone() });
        }
    }

    pub(super) fn phone_sends(&mut self, index: usize, text: String) {
        let Some(phone) = self.phones.get(index) else { return };
        let (flow, phone) = (phone.flow(), phone.index);
        self.note(|| format!("phone {phone} -> {:?} {}", flow, gist(&text)));
        if flow.transport.is_reliable() {
            let refused = self.server.is_none() || !self.wires.dial(flow);
            if refused {
                self.queue_in(Duration::from_millis(40), Due::StreamEnded { phone, flow });
                return;
            }
        }
        for at in self.wires.arrivals((phone, Way::ToServer), flow, &text, self.now) {
            self.queue_at(at, Due::ToServer { flow, text: text.clone() });
        }
    }
}
