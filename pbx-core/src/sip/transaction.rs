//! Transactions: who repeats what, until when, and which message belongs to which (RFC 3261 section 17, RFC 6026).
//!
//! Four small machines, one for each of INVITE or other, received or sent. [`Transactions`] finds the machine for a
//! message, keeps the deadlines in order and collects what the machines want sent and told. The user of this layer (the
//! switchboard) sees each request once, each answer once (a repeated 2xx of an INVITE excepted, because the user must
//! repeat its ACK), and an event when nothing came.
//!
//! Invariants: every live transaction has a deadline; it stands in `deadlines` exactly once; `handle_timeout(t)` leaves
//! none at or before `t`. Answers leave on the flow their request came on, requests on the flow they were given, never
//! to an address that stands in a message.

mod invite_client;
mod invite_server;
mod key;
mod other_client;
mod other_server;
mod receive;
mod timer;
mod token;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use self::invite_client::InviteClient;
use self::invite_server::InviteServer;
use self::key::{Key, Origin};
use self::other_client::OtherClient;
use self::other_server::OtherServer;
use self::timer::{Failure, Outbox};
pub use self::timer::{GIVE_UP, PROGRESS_LIMIT, T1, T2, T4, UNANSWERED_LIMIT};
use self::token::{Branch, Tokens};
use super::message::{HeaderName, Message, Method, Request, Response};
use super::via;
use crate::model::{Flow, Moment};

/// The most transactions alive at once: 2000 new ones in each of the 32 s that a finished one is remembered, far above
/// what a small business makes, and with their messages about 150 MB.
pub const MAX_LIVE: usize = 65_536;

/// New calls and registrations are refused from here on, so that calls that exist can still be changed and ended.
pub const MAX_LIVE_FOR_NEW: usize = MAX_LIVE / 4 * 3;

/// Names a received request that was accepted. Never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerTx(u64);

/// Names a request we sent. Never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientTx(u64);

/// What a received message is to the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Incoming {
    /// A request that no transaction knows. Answer it without state (`send`), or [`Transactions::accept`] it.
    ///
    /// Its top Via already says where it came from (RFC 3581), so that any answer built on it does.
    Request {
        /// The request.
        request: Request,
    },
    /// An ACK that ends no non-2xx answer: the ACK of a 2xx, which belongs to a dialog, or nobody's.
    Ack {
        /// The ACK.
        request: Request,
    },
    /// A CANCEL, already answered here: 200 when it found its INVITE, else 481 (RFC 3261 section 9.2).
    Cancel {
        /// The INVITE the user must now end with 487; `None` when there is nothing to do: not found, already answered
        /// or cancelled before.
        invite: Option<ServerTx>,
        /// The CANCEL, for its Reason.
        request: Request,
    },
    /// An answer to a request of ours: provisional, final, or the repeated 2xx of an INVITE (repeat its ACK).
    Response {
        /// To which.
        tx: ClientTx,
        /// The answer.
        response: Response,
    },
    /// A 2xx to an INVITE of this run whose transaction has ended: acknowledge it and send BYE.
    ///
    /// Only an answer that carries a branch made by this instance gets here; others are absorbed.
    Stray {
        /// The answer.
        response: Response,
    },
    /// A repetition, or something that belongs to nothing.
    Absorbed,
}

/// What happened to a transaction without a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TxEvent {
    /// No final answer came in time (408 in the words of RFC 3261 section 8.1.3.1). The transaction has ended.
    TimedOut {
        /// Which.
        tx: ClientTx,
    },
    /// The request could not be sent, or its stream was lost before the final answer. The transaction has ended.
    TransportFailed {
        /// Which.
        tx: ClientTx,
    },
    /// Beyond [`MAX_LIVE`] nothing was sent; that says nothing about the peer. The transaction has ended.
    NoRoom {
        /// Which.
        tx: ClientTx,
    },
    /// No ACK of our 2xx came in 64*T1: send BYE (RFC 3261 section 13.3.1.4). The transaction has ended.
    AckMissing {
        /// Which.
        tx: ServerTx,
    },
    /// A 2xx to this INVITE can be repeated to us no longer. The transaction has ended.
    Closed {
        /// Which.
        tx: ClientTx,
    },
    /// The user has left an INVITE without a word for [`UNANSWERED_LIMIT`]: answer it within 64*T1, or it is forgotten.
    Unanswered {
        /// Which.
        tx: ServerTx,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Id {
    Server(ServerTx),
    Client(ClientTx),
}

enum ServerMachine {
    Invite(InviteServer),
    Other(OtherServer),
}

enum ClientMachine {
    Invite(InviteClient),
    Other(OtherClient),
}

struct Server {
    key: Key,
    origin: Option<Origin>,
    machine: ServerMachine,
}

struct Client {
    branch: Branch,
    machine: ClientMachine,
}

/// All transactions.
pub struct Transactions {
    servers: BTreeMap<ServerTx, Server>,
    clients: BTreeMap<ClientTx, Client>,
    by_key: BTreeMap<Key, ServerTx>,
    by_origin: BTreeMap<Origin, ServerTx>,
    by_branch: BTreeMap<Branch, ClientTx>,
    by_flow: BTreeSet<(Flow, Id)>,
    deadlines: BTreeSet<(Moment, Id)>,
    out: Outbox,
    next_id: u64,
    tokens: Tokens,
    public_address: Option<Box<str>>,
}

impl Transactions {
    /// No transactions. Branches and tags follow from `seed`, which must be secret and new for each run.
    pub fn new(seed: [u8; 32]) -> Self {
        Self {
            servers: BTreeMap::new(),
            clients: BTreeMap::new(),
            by_key: BTreeMap::new(),
            by_origin: BTreeMap::new(),
            by_branch: BTreeMap::new(),
            by_flow: BTreeSet::new(),
            deadlines: BTreeSet::new(),
            out: Outbox::default(),
            next_id: 0,
            tokens: Tokens::new(seed),
            public_address: None,
        }
    }

    /// The host to write into Via instead of the flow's local address; an IPv6 address with or without brackets.
    pub fn set_public_address(&mut self, host: Option<Box<str>>) {
        self.public_address = host;
    }

    /// The tag for an answer without state: the same for each repetition of the request (RFC 3261 section 8.2.7).
    pub fn tag_for(&self, request: &Request) -> String {
        self.tokens.stateless_tag(Key::of(request))
    }

    /// How many transactions are alive.
    pub fn live(&self) -> usize {
        self.servers.len() + self.clients.len()
    }

    /// A message came on `flow`.
    pub fn receive(&mut self, flow: Flow, message: Message, now: Moment) -> Incoming {
        match message {
            Message::Request(request) => self.receive_request(flow, request, now),
            Message::Response(response) => self.receive_response(response, now),
        }
    }

    /// Makes a transaction of a request that [`Self::receive`] gave out. `None` when too many are alive: answer 503
    /// without state. Requests inside a dialog (To carries a tag) are taken up to [`MAX_LIVE`], others up to
    /// [`MAX_LIVE_FOR_NEW`].
    pub fn accept(&mut self, flow: Flow, request: &Request, now: Moment) -> Option<ServerTx> {
        let key = Key::of(request);
        if let Some(known) = self.by_key.get(&key) {
            return Some(*known);
        }
        let origin = Origin::of(request);
        let cap = if origin.is_some() { MAX_LIVE_FOR_NEW } else { MAX_LIVE };
        if self.live() >= cap {
            return None;
        }
        let machine = if request.method == Method::Invite {
            ServerMachine::Invite(InviteServer::new(flow, now))
        } else {
            ServerMachine::Other(OtherServer::new(flow, now))
        };
        self.next_id += 1;
        let tx = ServerTx(self.next_id);
        if let Some(deadline) = machine.deadline() {
            self.deadlines.insert((deadline, Id::Server(tx)));
        }
        self.by_key.insert(key, tx);
        if let Some(origin) = origin {
            self.by_origin.insert(origin, tx);
        }
        self.by_flow.insert((flow, Id::Server(tx)));
        self.servers.insert(tx, Server { key, origin, machine });
        Some(tx)
    }

    /// Sends the user's answer. A final one other than 2xx is repeated until its ACK (timer G); a 2xx to an INVITE is
    /// repeated on every transport until [`Self::acknowledged`] or `AckMissing`. An answer to a transaction that has
    /// its final answer, or has ended, is ignored.
    pub fn respond(&mut self, tx: ServerTx, response: &Response, now: Moment) {
        self.with_server(tx, |machine, out| match machine {
            ServerMachine::Invite(invite) => invite.respond(response, now, out),
            ServerMachine::Other(other) => other.respond(response, now, out),
        });
    }

    /// The user saw the ACK of its 2xx: the 2xx is repeated no more.
    pub fn acknowledged(&mut self, tx: ServerTx) {
        self.with_server(tx, |machine, _| match machine {
            ServerMachine::Invite(invite) => invite.acknowledged(),
            ServerMachine::Other(_) => {}
        });
    }

    /// Sends a request with our Via on top and repeats it as its method and transport ask.
    ///
    /// Exactly one of these follows: a final `Response`, `TimedOut` or `TransportFailed`. Beyond [`MAX_LIVE`] nothing
    /// is sent and `NoRoom` follows at once. A 2xx to an INVITE may be given again until `Closed` follows it. Not
    /// for ACK: see [`Self::send_ack`].
    pub fn request(&mut self, flow: Flow, mut request: Request, now: Moment) -> ClientTx {
        if self.live() >= MAX_LIVE {
            self.next_id += 1;
            let tx = ClientTx(self.next_id);
            self.out.tell(TxEvent::NoRoom { tx });
            return tx;
        }
        let branch = self.push_via(flow, &mut request);
        let machine = if request.method == Method::Invite {
            ClientMachine::Invite(InviteClient::new(flow, &request, now, &mut self.out))
        } else {
            ClientMachine::Other(OtherClient::new(flow, &request, now, &mut self.out))
        };
        self.add_client(flow, (branch, machine))
    }

    fn add_client(&mut self, flow: Flow, (branch, machine): (Branch, ClientMachine)) -> ClientTx {
        self.next_id += 1;
        let tx = ClientTx(self.next_id);
        if let Some(deadline) = machine.deadline() {
            self.deadlines.insert((deadline, Id::Client(tx)));
        }
        self.by_branch.insert(branch, tx);
        self.by_flow.insert((flow, Id::Client(tx)));
        self.clients.insert(tx, Client { branch, machine });
        tx
    }

    /// Takes an INVITE back (RFC 3261 section 9.1), with `reason` as the value of Reason (RFC 3326).
    ///
    /// The CANCEL waits for a provisional answer. The INVITE still ends with a final `Response` (usually 487, but a 200
    /// that crosses is delivered), or with `TimedOut` 64*T1 after the CANCEL. No effect when the final answer has come.
    pub fn cancel(&mut self, tx: ClientTx, reason: Option<&str>, now: Moment) {
        self.with_client(tx, |machine, out| match machine {
            ClientMachine::Invite(invite) => invite.cancel(reason, now, out),
            ClientMachine::Other(_) => {}
        });
    }

    /// What a later run needs for [`Self::take_back`]: the part of an INVITE of ours that its CANCEL repeats.
    pub fn head(&self, tx: ClientTx) -> Option<Bytes> {
        match &self.clients.get(&tx)?.machine {
            ClientMachine::Invite(invite) => Some(invite.head()),
            ClientMachine::Other(_) => None,
        }
    }

    /// Takes back an INVITE that an earlier run sent, by its [`Self::head`]: the CANCEL leaves at once, because what the
    /// phone has answered is not known. `None` when the head carries no branch of this program, or beyond [`MAX_LIVE`].
    ///
    /// What follows is what follows after [`Self::cancel`].
    pub fn take_back(&mut self, flow: Flow, head: Request, now: Moment) -> Option<ClientTx> {
        let branch = via::top(&head.headers).and_then(|via| via.branch()).and_then(Branch::parse)?;
        if self.live() >= MAX_LIVE {
            return None;
        }
        let machine = ClientMachine::Invite(InviteClient::taken_back(flow, head, now, &mut self.out));
        Some(self.add_client(flow, (branch, machine)))
    }

    /// Sends an INVITE of ours again, out of turn, if it has no answer yet, and counts its gaps (timer A) from the first
    /// anew; on a stream nothing gets lost.
    pub fn repeat(&mut self, tx: ClientTx, now: Moment) {
        self.with_client(tx, |machine, out| match machine {
            ClientMachine::Invite(invite) => invite.repeat(now, out),
            ClientMachine::Other(_) => {}
        });
    }

    /// The peer of an INVITE of ours is reached over another flow now: its repetitions, its CANCEL and its ACK go there.
    pub fn move_to(&mut self, tx: ClientTx, flow: Flow) {
        let before = self.clients.get(&tx).map(|client| client.machine.flow());
        let Some(before) = before else { return };
        self.with_client(tx, |machine, _| match machine {
            ClientMachine::Invite(invite) => invite.move_to(flow),
            ClientMachine::Other(_) => {}
        });
        if let Some(after) = self.clients.get(&tx).map(|client| client.machine.flow()) {
            self.by_flow.remove(&(before, Id::Client(tx)));
            self.by_flow.insert((after, Id::Client(tx)));
        }
    }

    /// Sends bytes without state: an answer nobody will repeat, or the repeated ACK of a 2xx.
    pub fn send(&mut self, flow: Flow, bytes: Bytes) {
        self.out.sends.push_back((flow, bytes));
    }

    /// Sends the ACK of a 2xx with our Via on top, and gives its bytes: [`Self::send`] them again for a repeated 2xx.
    pub fn send_ack(&mut self, flow: Flow, ack: Request) -> Bytes {
        let bytes = self.prepare_ack(flow, ack);
        self.send(flow, bytes.clone());
        bytes
    }

    /// The same for a 2xx that may yet come: nothing is sent.
    pub fn prepare_ack(&mut self, flow: Flow, mut ack: Request) -> Bytes {
        self.push_via(flow, &mut ack);
        ack.to_bytes()
    }

    /// Whether a received request is still alive: its answer, or the ACK of its answer, means something.
    pub fn knows(&self, tx: ServerTx) -> bool {
        self.servers.contains_key(&tx)
    }

    /// A stream has ended: requests of ours on it fail at once, received ones on it are forgotten without a word.
    pub fn flow_lost(&mut self, flow: Flow, now: Moment) {
        for id in self.on_flow(flow) {
            match id {
                Id::Server(tx) => {
                    self.with_server(tx, |machine, _| match machine {
                        ServerMachine::Invite(invite) => invite.lost(now),
                        ServerMachine::Other(other) => other.lost(now),
                    });
                }
                Id::Client(tx) => self.client_failed(tx, Failure::StreamEnded, now),
            }
        }
    }

    /// A send failed (port unreachable, connection refused, write queue full): requests of ours on that flow that have
    /// no final answer yet fail at once, except on a stream those that have a provisional one: they were sent. Received
    /// requests go on; their timers end them.
    pub fn send_failed(&mut self, flow: Flow, now: Moment) {
        for id in self.on_flow(flow) {
            match id {
                Id::Server(_) => {}
                Id::Client(tx) => self.client_failed(tx, Failure::NotSent, now),
            }
        }
    }

    /// The next message to send.
    pub fn poll_send(&mut self) -> Option<(Flow, Bytes)> {
        self.out.sends.pop_front()
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<TxEvent> {
        self.out.events.pop_front()
    }

    /// When to call [`Self::handle_timeout`]; at once while something waits to be sent or told.
    pub fn poll_timeout(&self) -> Option<Moment> {
        if !self.out.sends.is_empty() || !self.out.events.is_empty() {
            return Some(Moment::START);
        }
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }

    /// Does what is due at `now`.
    pub fn handle_timeout(&mut self, now: Moment) {
        let mut due = Vec::new();
        while let Some(&(deadline, id)) = self.deadlines.first() {
            if deadline > now {
                break;
            }
            self.deadlines.pop_first();
            due.push(id);
        }
        for id in due {
            match id {
                Id::Server(tx) => {
                    self.with_server(tx, |machine, out| match machine {
                        ServerMachine::Invite(invite) => invite.handle_timeout(tx, now, out),
                        ServerMachine::Other(other) => other.handle_timeout(now),
                    });
                }
                Id::Client(tx) => {
                    self.with_client(tx, |machine, out| match machine {
                        ClientMachine::Invite(invite) => invite.handle_timeout(tx, now, out),
                        ClientMachine::Other(other) => other.handle_timeout(tx, now, out),
                    });
                }
            }
        }
    }

    /// The requests that came on this flow and are still alive.
    pub fn received_on(&self, flow: Flow) -> Vec<ServerTx> {
        let servers = |id| match id {
            Id::Server(tx) => Some(tx),
            Id::Client(_) => None,
        };
        self.on_flow(flow).into_iter().filter_map(servers).collect()
    }

    fn client_failed(&mut self, tx: ClientTx, failure: Failure, now: Moment) {
        self.with_client(tx, |machine, out| match machine {
            ClientMachine::Invite(invite) => invite.failed(tx, failure, now, out),
            ClientMachine::Other(other) => other.failed(tx, failure, now, out),
        });
    }

    fn on_flow(&self, flow: Flow) -> Vec<Id> {
        let first = (flow, Id::Server(ServerTx(0)));
        let last = (flow, Id::Client(ClientTx(u64::MAX)));
        self.by_flow.range(first..=last).map(|(_, id)| *id).collect()
    }

    /// Puts a Via of ours on top.
    fn push_via(&mut self, flow: Flow, request: &mut Request) -> Branch {
        let branch = self.tokens.branch();
        let local = flow.local.ip().to_canonical().to_string();
        let host = self.public_address.as_deref().unwrap_or(&local);
        let (open, close) = if host.contains(':') && !host.starts_with('[') { ("[", "]") } else { ("", "") };
        let via = format!(
            "SIP/2.0/{} {open}{host}{close}:{};branch={};rport",
            flow.transport.via_name(),
            flow.local.port(),
            branch.text(),
        );
        request.headers.push_front(HeaderName::Via, via);
        branch
    }

    /// Lets a machine act, then brings its deadline and, when it is over, every index up to date.
    fn with_server<R>(&mut self, tx: ServerTx, act: impl FnOnce(&mut ServerMachine, &mut Outbox) -> R) -> Option<R> {
        let server = self.servers.get_mut(&tx)?;
        let before = server.machine.deadline();
        let result = act(&mut server.machine, &mut self.out);
        let after = server.machine.deadline();
        let (key, origin, flow) = (server.key, server.origin, server.machine.flow());
        let id = Id::Server(tx);
        self.reschedule(id, before, after);
        if after.is_none() {
            self.servers.remove(&tx);
            self.by_key.remove(&key);
            if let Some(origin) = origin.filter(|origin| self.by_origin.get(origin) == Some(&tx)) {
                self.by_origin.remove(&origin);
            }
            self.by_flow.remove(&(flow, id));
        }
        Some(result)
    }

    /// The same for a request of ours.
    fn with_client<R>(&mut self, tx: ClientTx, act: impl FnOnce(&mut ClientMachine, &mut Outbox) -> R) -> Option<R> {
        let client = self.clients.get_mut(&tx)?;
        let before = client.machine.deadline();
        let result = act(&mut client.machine, &mut self.out);
        let after = client.machine.deadline();
        let (branch, flow) = (client.branch, client.machine.flow());
        let id = Id::Client(tx);
        self.reschedule(id, before, after);
        if after.is_none() {
            self.clients.remove(&tx);
            self.by_branch.remove(&branch);
            self.by_flow.remove(&(flow, id));
        }
        Some(result)
    }

    fn reschedule(&mut self, id: Id, before: Option<Moment>, after: Option<Moment>) {
        if let Some(before) = before.filter(|_| before != after) {
            self.deadlines.remove(&(before, id));
        }
        if let Some(after) = after {
            self.deadlines.insert((after, id));
        }
    }
}

impl ServerMachine {
    fn flow(&self) -> Flow {
        match self {
            Self::Invite(invite) => invite.flow(),
            Self::Other(other) => other.flow(),
        }
    }

    fn deadline(&self) -> Option<Moment> {
        match self {
            Self::Invite(invite) => invite.deadline(),
            Self::Other(other) => other.deadline(),
        }
    }
}

impl ClientMachine {
    fn flow(&self) -> Flow {
        match self {
            Self::Invite(invite) => invite.flow(),
            Self::Other(other) => other.flow(),
        }
    }

    fn deadline(&self) -> Option<Moment> {
        match self {
            Self::Invite(invite) => invite.deadline(),
            Self::Other(other) => other.deadline(),
        }
    }
}
