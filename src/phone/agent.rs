//! The phone itself: its line, its open transactions and calls, and what it answers by itself.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use super::builder::{PhoneBuilder, Transport};
use super::call::IncomingCall;
use super::digest::DigestClient;
use super::error::PhoneError;
use super::event::{EventKind, Events};
use super::leg::Leg;
use super::line::{Arrival, Deliver, Line};
use super::message::{Message, user_of};
use super::registration::RegisterDialog;
use super::transaction::key;

/// Calls waiting for the script; a phone that gets more is called by a broken server.
const CALL_QUEUE: usize = 32;
/// Answers kept for repeated requests.
const ANSWERS_KEPT: usize = 64;

/// A scripted telephone; clones are the same telephone.
#[derive(Clone)]
pub struct Phone {
    pub(super) shared: Arc<Shared>,
}

impl std::fmt::Debug for Phone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Phone").field("name", &self.shared.name).finish_non_exhaustive()
    }
}

/// What all clones, calls and tasks of one phone share.
pub(super) struct Shared {
    pub(super) config: PhoneBuilder,
    pub(super) name: String,
    state: Mutex<State>,
    digest: Mutex<DigestClient>,
    arrived: mpsc::Sender<IncomingCall>,
    waiting: tokio::sync::Mutex<mpsc::Receiver<IncomingCall>>,
    pongs: watch::Sender<u64>,
    silent: AtomicBool,
}

/// What changes.
#[derive(Default)]
pub(super) struct State {
    line: Option<Arc<Line>>,
    lines_opened: u64,
    pub(super) register: RegisterDialog,
    pub(super) transactions: BTreeMap<String, mpsc::Sender<Message>>,
    pub(super) legs: BTreeMap<String, Arc<Leg>>,
    answers: VecDeque<(String, Vec<u8>)>,
}

impl Phone {
    /// Describes a phone whose server listens at `server`.
    pub fn builder(server: SocketAddr) -> PhoneBuilder {
        PhoneBuilder::new(server)
    }

    pub(super) fn new(config: PhoneBuilder) -> Self {
        let (arrived, waiting) = mpsc::channel(CALL_QUEUE);
        let username = config.username.clone().unwrap_or_else(|| config.extension.clone());
        let digest = DigestClient::new(&username, config.secret.reveal(), config.digest);
        let shared = Shared {
            name: config.name.clone().unwrap_or_else(|| config.extension.clone()),
            state: Mutex::default(),
            digest: Mutex::new(digest),
            arrived,
            waiting: tokio::sync::Mutex::new(waiting),
            pongs: watch::Sender::new(0),
            silent: AtomicBool::new(false),
            config,
        };
        Self { shared: Arc::new(shared) }
    }

    /// Its name in the event log.
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// Its number.
    pub fn extension(&self) -> &str {
        &self.shared.config.extension
    }

    /// The log it writes into.
    pub fn events(&self) -> &Events {
        &self.shared.config.events
    }

    /// Opens the socket if there is none; its local address. Requests do this by themselves.
    pub async fn connect(&self, within: Duration) -> Result<SocketAddr, PhoneError> {
        self.shared.connect(within).await.map(|line| line.local())
    }

    /// The local address of the open socket.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.shared.state().line.as_ref().map(|line| line.local())
    }

    /// Goes away without a word: the socket is closed (when this returns, its port is free), nothing is unregistered.
    pub async fn background(&self) {
        let line = self.shared.state().line.take();
        self.shared.note(EventKind::FellAsleep);
        if let Some(line) = line {
            line.close().await;
        }
        self.shared.state().transactions.clear();
    }

    /// From now on requests are received and logged, but not answered: a phone whose program hangs.
    pub fn fall_silent(&self, silent: bool) {
        self.shared.silent.store(silent, Ordering::Relaxed);
    }

    /// Waits for the next call that comes in.
    pub async fn incoming(&self, within: Duration) -> Result<IncomingCall, PhoneError> {
        let mut waiting = self.shared.waiting.lock().await;
        match timeout(within, waiting.recv()).await {
            Ok(Some(call)) => Ok(call),
            Ok(None) | Err(_) => Err(self.shared.timeout("a call", within)),
        }
    }

    /// Sends CRLF CRLF (RFC 5626 section 4.4.1) and waits for the pong.
    pub async fn keep_alive(&self, within: Duration) -> Result<(), PhoneError> {
        let mut pongs = self.shared.pongs.subscribe();
        let before = *pongs.borrow_and_update();
        self.shared.line()?.send(b"\r\n\r\n", None);
        match timeout(within, pongs.wait_for(|now| *now > before)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(self.shared.timeout("a keep-alive's answer", within)),
        }
    }
}

impl Shared {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn digest(&self) -> MutexGuard<'_, DigestClient> {
        self.digest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn note(&self, kind: EventKind) {
        self.config.events.note(&self.name, kind);
    }

    pub(super) fn note_sent(&self, request: &Message) {
        self.note(EventKind::Sent(request.method().unwrap_or_default().to_owned()));
    }

    pub(super) fn timeout(&self, what: &str, within: Duration) -> PhoneError {
        PhoneError::Timeout { phone: self.name.clone(), what: what.to_owned(), within }
    }

    /// The host part of the address of record.
    pub(super) fn domain(&self) -> String {
        let server = self.config.server.ip();
        let host = if server.is_ipv4() { server.to_string() } else { format!("[{server}]") };
        self.config.domain.clone().unwrap_or(host)
    }

    /// The Contact of the line as it is now, with parameters for a REGISTER or without.
    pub(super) fn contact(&self, line: &Line, registering: bool) -> String {
        let transport = match self.config.transport {
            Transport::Udp => "",
            Transport::Tcp => ";transport=tcp",
            Transport::Tls(_) => ";transport=tls",
        };
        let push = if registering { self.config.push_params.as_str() } else { "" };
        let mut contact = format!("<sip:{}@{}{transport}{push}>", self.config.extension, line.local());
        if let Some(instance) = self.config.instance {
            contact.push_str(&format!(";+sip.instance=\"<urn:uuid:{instance}>\""));
            if let (true, Some(reg_id)) = (registering, self.config.flow) {
                contact.push_str(&format!(";reg-id={reg_id}"));
            }
        }
        contact
    }

    /// The open line.
    pub(super) fn line(&self) -> Result<Arc<Line>, PhoneError> {
        self.state().line.clone().ok_or_else(|| PhoneError::NoConnection(self.name.clone()))
    }

    /// The open line, or a new one.
    pub(super) async fn connect(self: &Arc<Self>, within: Duration) -> Result<Arc<Line>, PhoneError> {
        if let Ok(line) = self.line() {
            return Ok(line);
        }
        let number = {
            let mut state = self.state();
            state.lines_opened += 1;
            state.lines_opened
        };
        let me = Arc::downgrade(self);
        let deliver: Deliver = Arc::new(move |arrival| {
            if let Some(shared) = Weak::upgrade(&me) {
                shared.receive(number, arrival);
            }
        });
        let config = &self.config;
        let opened = timeout(within, Line::open(&config.transport, config.server, config.bind, deliver)).await;
        let line = match opened {
            Ok(Ok(line)) => Arc::new(line),
            Ok(Err(source)) => {
                return Err(PhoneError::Connect { phone: self.name.clone(), server: config.server, source });
            }
            Err(_) => return Err(self.timeout("a connection", within)),
        };
        self.state().line = Some(Arc::clone(&line));
        self.note(EventKind::Connected(line.local().port()));
        Ok(line)
    }

    fn receive(self: &Arc<Self>, line: u64, arrival: Arrival) {
        if self.state().lines_opened != line {
            return;
        }
        match arrival {
            Arrival::Message(message, from) => {
                if message.status().is_some() {
                    self.receive_response(*message);
                } else {
                    self.receive_request(*message, from);
                }
            }
            Arrival::Pong => self.pongs.send_modify(|pongs| *pongs += 1),
            Arrival::Bad(why) => tracing::warn!(phone = self.name, why, "the phone received something that is not SIP"),
            Arrival::Closed => {
                let mut state = self.state();
                state.line = None;
                state.transactions.clear();
                drop(state);
                self.note(EventKind::ConnectionLost);
            }
        }
    }

    fn receive_response(&self, response: Message) {
        let waiting = self.state().transactions.get(&key(&response)).cloned();
        if let Some(waiting) = waiting {
            // A script that reads no responses loses them; its deadline tells.
            let _ = waiting.try_send(response);
            return;
        }
        let leg = response.header("Call-ID").and_then(|call| self.state().legs.get(call).cloned());
        if let Some(leg) = leg {
            leg.late_response(self, &response);
        }
    }

    fn receive_request(self: &Arc<Self>, request: Message, from: SocketAddr) {
        let method = request.method().unwrap_or_default().to_owned();
        if self.silent.load(Ordering::Relaxed) {
            self.note(EventKind::Ignored(method));
            return;
        }
        let known = key(&request);
        let repeated = self.state().answers.iter().rev().find(|(have, _)| *have == known).cloned();
        if let Some((_, answer)) = repeated {
            self.send_bytes(&answer, from);
            return;
        }
        let leg = request.header("Call-ID").and_then(|call| self.state().legs.get(call).cloned());
        match (method.as_str(), leg) {
            ("INVITE", None) if request.tag("To").is_none() => self.arrive(&request, from),
            ("INVITE", Some(_)) if request.tag("To").is_none() => {
                self.note(EventKind::CallArrivedTwice(caller(&request)));
                self.answer(&request, 482, "Loop Detected", from);
            }
            (_, Some(leg)) => leg.receive(self, &request, from),
            ("ACK", None) => {}
            ("OPTIONS" | "NOTIFY" | "MESSAGE", None) => self.answer(&request, 200, "OK", from),
            ("INVITE" | "BYE" | "CANCEL" | "UPDATE" | "INFO" | "PRACK", None) => {
                self.answer(&request, 481, "Call/Transaction Does Not Exist", from);
            }
            _ => self.answer(&request, 405, "Method Not Allowed", from),
        }
    }

    /// A new call: say 100 at once, then hand it to the script.
    fn arrive(self: &Arc<Self>, invite: &Message, from: SocketAddr) {
        self.note(EventKind::CallArrived(caller(invite)));
        let trying = Message::answer(invite, 100, "Trying", "");
        self.send_answer(invite, &trying, from);
        match Leg::arriving(self, invite.clone(), from) {
            Ok(leg) => {
                self.state().legs.insert(leg.call_id().to_owned(), Arc::clone(&leg));
                if self.arrived.try_send(IncomingCall::new(leg)).is_err() {
                    self.answer(invite, 486, "Busy Here", from);
                }
            }
            Err(why) => {
                tracing::warn!(phone = self.name, why, "the phone cannot take the call");
                self.answer(invite, 488, "Not Acceptable Here", from);
            }
        }
    }

    /// Answers a request with nothing but a status.
    pub(super) fn answer(&self, request: &Message, status: u16, reason: &str, to: SocketAddr) {
        let tag = uuid::Uuid::new_v4().simple().to_string();
        let answer = Message::answer(request, status, reason, &tag)
            .with("Allow", "INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE, INFO, NOTIFY, MESSAGE")
            .with("Accept", "application/sdp");
        self.send_answer(request, &answer, to);
    }

    /// Sends an answer and keeps it for repetitions of the request.
    pub(super) fn send_answer(&self, request: &Message, answer: &Message, to: SocketAddr) {
        let bytes = answer.to_bytes();
        let known = key(request);
        {
            let mut state = self.state();
            state.answers.retain(|(have, _)| *have != known);
            if state.answers.len() >= ANSWERS_KEPT {
                state.answers.pop_front();
            }
            state.answers.push_back((known, bytes.clone()));
        }
        self.send_bytes(&bytes, to);
    }

    pub(super) fn send_bytes(&self, bytes: &[u8], to: SocketAddr) {
        if let Ok(line) = self.line() {
            line.send(bytes, Some(to));
        }
    }
}

/// The number of the caller, or of whoever the From names.
pub(super) fn caller(request: &Message) -> String {
    user_of(request.header("From").unwrap_or_default()).to_owned()
}
