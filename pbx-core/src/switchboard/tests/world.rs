//! A world around the switchboard: two phones, a clock that is pushed, a store and a push side under the test's hand.

mod calls;

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use md5::{Digest as _, Md5};

use crate::model::{
    CallEnding, ConnectionId, Flow, Moment, NewExtension, Now, TimelineStep, Transport, UnixMillis, WakeEvent,
    WakeKind, WakeReport, WakeRequest,
};
use crate::sip::{digest, guard};
use crate::switchboard::command::{Command, CommandError, NewAccount, Reply, Status};
use crate::switchboard::input::{Input, RelayPort};
use crate::switchboard::output::{Change, CommandToken, Output, ParkedCall, Restored, SaveTicket, Side, StoredDevice};
use crate::switchboard::{Switchboard, SwitchboardConfig};

pub(super) const DESK: &str = "101";
pub(super) const APP: &str = "102";
pub(super) const SDP: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 49170 RTP/AVP 0\r\na=sendrecv\r\n";
const SECRET: &str = "a-secret";

pub(super) struct World {
    switchboard: Switchboard,
    now: Now,
    flows: BTreeMap<&'static str, Flow>,
    inbox: BTreeMap<Flow, VecDeque<String>>,
    wakes: VecDeque<WakeRequest>,
    saves: Saves,
    waiting: Vec<SaveTicket>,
    answers: VecDeque<Reply>,
    refusals: Vec<CommandError>,
    changes: Vec<Change>,
    next_port: u16,
    relay_port: u16,
    count: u32,
    nonce_count: u32,
    relays_stay_open: bool,
    /// Where the relay was aimed.
    pub(super) aims: Vec<(Side, SocketAddr)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Saves {
    Done,
    Held,
    Failed,
}

/// A call as its caller knows it.
pub(super) struct Placed {
    invite: String,
}

impl World {
    pub(super) fn new() -> Self {
        let mut world =
            Self::with(Restored::default(), Now { mono: Moment::START, wall: UnixMillis(1_795_000_000_000) });
        world.ask(Command::AddExtensions([DESK, APP].map(account).to_vec()));
        world
    }

    /// A further extension, whose phone uses the connection of another one.
    pub(super) fn second_account(&mut self, number: &'static str, on: &str) {
        self.ask(Command::AddExtensions(vec![account(number)]));
        self.flows.insert(number, self.flows[on]);
    }

    /// Pushes that nobody looks at.
    pub(super) fn forget_wakes(&mut self) {
        self.wakes.clear();
    }

    pub(super) fn with(restored: Restored, now: Now) -> Self {
        let echo = Some(SocketAddr::from(([127, 0, 0, 1], 49_999)));
        let config = SwitchboardConfig { seed: [7; 32], echo, ..SwitchboardConfig::default() };
        let mut world = Self {
            switchboard: Switchboard::restore(config, restored, now),
            now,
            flows: BTreeMap::new(),
            inbox: BTreeMap::new(),
            wakes: VecDeque::new(),
            saves: Saves::Done,
            waiting: Vec::new(),
            answers: VecDeque::new(),
            refusals: Vec::new(),
            changes: Vec::new(),
            next_port: 40_000,
            relay_port: 10_000,
            count: 0,
            nonce_count: 0,
            relays_stay_open: false,
            aims: Vec::new(),
        };
        world.flows.insert(DESK, flow(Transport::Udp, 30_101));
        world.flows.insert(APP, flow(Transport::Tls, 30_102));
        world.drain_outputs();
        world
    }

    fn input(&mut self, input: Input) {
        self.switchboard.handle(input, self.now);
        self.drain_outputs();
    }

    fn drain_outputs(&mut self) {
        while let Some(output) = self.switchboard.poll_output() {
            match output {
                Output::Send { flow, bytes } => {
                    let text = String::from_utf8(bytes.to_vec()).unwrap();
                    check_addresses(&text);
                    self.inbox.entry(flow).or_default().push_back(text);
                }
                Output::Wake(request) => self.wakes.push_back(request),
                Output::Save { changes, ticket } => {
                    self.changes.extend(changes);
                    self.waiting.extend(ticket);
                }
                Output::Answer { result: Ok(reply), .. } => self.answers.push_back(reply),
                Output::Answer { result: Err(refusal), .. } => self.refusals.push(refusal),
                Output::WantRelayPorts(more) => {
                    let ports = (0..more).map(|_| {
                        self.relay_port += 2;
                        RelayPort(self.relay_port)
                    });
                    let ports = ports.collect();
                    self.switchboard.handle(Input::RelayPorts(ports), self.now);
                }
                Output::CloseRelay(_) if self.relays_stay_open => {}
                Output::CloseRelay(relay) => {
                    self.relay_port -= 4;
                    self.switchboard.handle(Input::RelayClosed { relay, from_caller: 3, from_callee: 4 }, self.now);
                }
                Output::AimRelay { side, announced, .. } => self.aims.push((side, announced)),
                Output::CloseFlow(_)
                | Output::StopWakes(_)
                | Output::OpenRelay { .. }
                | Output::ApplySettings(_)
                | Output::Security(_)
                | Output::Notice(_) => {}
            }
        }
        if self.saves != Saves::Held
            && let Some(ticket) = self.waiting.pop()
        {
            let input = if self.saves == Saves::Done { Input::Saved(ticket) } else { Input::NotSaved(ticket) };
            self.input(input);
        }
    }

    /// The relay is slow to close: an ended call is kept for its counters.
    pub(super) fn keep_relays_open(&mut self) {
        self.relays_stay_open = true;
    }

    pub(super) fn hold_saves(&mut self) {
        self.saves = Saves::Held;
    }

    pub(super) fn fail_saves(&mut self) {
        self.saves = Saves::Failed;
    }

    pub(super) fn release_saves(&mut self) {
        self.saves = Saves::Done;
        self.drain_outputs();
    }

    /// Lets time pass, from deadline to deadline.
    pub(super) fn pass(&mut self, wait: Duration) {
        let end = self.now.mono + wait;
        for _ in 0..10_000 {
            match self.switchboard.poll_timeout() {
                Some(at) if at <= end => {
                    self.now = self.now.after(at.since(self.now.mono));
                    self.input(Input::Tick);
                }
                Some(_) | None => {
                    self.now = self.now.after(end.since(self.now.mono));
                    return;
                }
            }
        }
        panic!("the switchboard asks for the clock without end");
    }

    /// Somebody sets the wall clock, by so many milliseconds.
    pub(super) fn set_wall(&mut self, by: i64) {
        self.now.wall.0 += by;
    }

    /// The machine sleeps: all of the time is over at the next look at the clock.
    pub(super) fn sleep(&mut self, wait: Duration) {
        self.now = self.now.after(wait);
        self.pass(Duration::ZERO);
    }

    /// What was sent to a phone, the newest; everything older is forgotten.
    pub(super) fn last_of(&mut self, phone: &str) -> String {
        self.inbox.get_mut(&self.flows[phone]).and_then(|sent| sent.drain(..).next_back()).unwrap()
    }

    /// Forgets what was sent to anybody.
    pub(super) fn forget_messages(&mut self) {
        self.inbox.clear();
    }

    /// How many messages wait for a phone.
    pub(super) fn messages_to(&self, phone: &str) -> usize {
        self.inbox.get(&self.flows[phone]).map_or(0, VecDeque::len)
    }

    pub(super) fn ask(&mut self, command: Command) -> Reply {
        self.input(Input::Command { token: CommandToken(1), command });
        self.answers.pop_front().unwrap()
    }

    /// Gives a command that is answered later.
    pub(super) fn begin(&mut self, command: Command) {
        self.input(Input::Command { token: CommandToken(1), command });
    }

    /// What has been answered meanwhile.
    pub(super) fn try_reply(&mut self) -> Option<Reply> {
        self.answers.pop_front()
    }

    pub(super) fn refusal(&mut self, command: Command) -> CommandError {
        self.refusals.clear();
        self.input(Input::Command { token: CommandToken(1), command });
        self.refusals.pop().unwrap()
    }

    pub(super) fn status(&mut self) -> Status {
        let reply = self.ask(Command::Status);
        let Reply::Status(status) = reply else { panic!("{reply:?}") };
        status
    }

    pub(super) fn lose_flow(&mut self, phone: &str) {
        let flow = self.flows[phone];
        self.input(Input::FlowLost(flow));
    }

    pub(super) fn move_to_new_port(&mut self, phone: &'static str) {
        self.next_port += 1;
        let transport = self.flows[phone].transport;
        self.flows.insert(phone, flow(transport, self.next_port));
    }

    /// What the phone sends comes from another network now; where it was before.
    pub(super) fn move_to_another_address(&mut self, phone: &'static str) -> Flow {
        let before = self.connect_anew(phone);
        if let Some(flow) = self.flows.get_mut(phone) {
            flow.remote.set_ip([192, 0, 2, 7].into());
        }
        before
    }

    pub(super) fn drain(&mut self) {
        self.input(Input::Drain);
    }

    pub(super) fn report(&mut self, wake: &WakeRequest, event: WakeEvent) {
        self.input(Input::Wake(WakeReport {
            wake_id: wake.wake_id,
            call: wake.call,
            device: wake.device,
            target: wake.target.clone(),
            kind: wake.kind,
            at: self.now.wall,
            event,
        }));
    }

    pub(super) fn deliver(&mut self, phone: &str, text: &str) {
        let flow = self.flows[phone];
        let raw = Bytes::copy_from_slice(text.as_bytes());
        let message = guard::check(raw.clone(), flow.transport).unwrap();
        self.input(Input::Sip { flow, message, raw });
    }

    /// Delivers and takes the answer.
    pub(super) fn send(&mut self, phone: &str, text: &str) -> String {
        self.deliver(phone, text);
        self.take(phone)
    }

    pub(super) fn try_take(&mut self, phone: &str) -> Option<String> {
        self.inbox.get_mut(&self.flows[phone])?.pop_front()
    }

    pub(super) fn take(&mut self, phone: &str) -> String {
        self.try_take(phone).unwrap_or_else(|| panic!("nothing came to {phone}"))
    }

    pub(super) fn take_request(&mut self, phone: &str, method: &str) -> String {
        let text = self.take(phone);
        assert!(text.starts_with(method), "wanted {method}, got {text}");
        text
    }

    pub(super) fn wakes(&self) -> &VecDeque<WakeRequest> {
        &self.wakes
    }

    pub(super) fn take_wake(&mut self, kind: WakeKind) -> WakeRequest {
        let wake = self.wakes.pop_front().unwrap_or_else(|| panic!("no {kind:?} push"));
        assert_eq!(wake.kind, kind);
        wake
    }

    pub(super) fn register_text(&self, phone: &str, expires: u32) -> String {
        let flow = self.flows[phone];
        let push = if phone == APP {
            ";pn-provider=apns;pn-param=TEAM123456.com.example.app.voip;pn-prid=abcd1234"
        } else {
            ""
        };
        let instance = format!("<urn:uuid:00000000-0000-0000-0000-000000000{phone}>");
        format!(
            "REGISTER sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/{} {};branch=z9hG4bKr{};rport\r\nMax-Forwards: 70\r\n\
             From: <sip:{phone}@127.0.0.1>;tag=f\r\nTo: <sip:{phone}@127.0.0.1>\r\nCall-ID: reg-{phone}\r\n\
             CSeq: {} REGISTER\r\nContact: <sip:{phone}@{}{push}>;+sip.instance=\"{instance}\"\r\n\
             Expires: {expires}\r\nContent-Length: 0\r\n\r\n",
            flow.transport.via_name(),
            flow.remote,
            self.count,
            self.count + 1,
            flow.remote
        )
    }

    /// The REGISTER of a desk phone's place where an app on UDP sits.
    pub(super) fn with_push(text: &str) -> String {
        let push = ";pn-provider=apns;pn-param=TEAM123456.com.example.app.voip;pn-prid=beef5678>;+sip.instance";
        text.replacen(">;+sip.instance", push, 1)
    }

    pub(super) fn register(&mut self, phone: &str, expires: u32) {
        self.count += 2;
        let text = self.register_text(phone, expires);
        let challenge = self.send(phone, &text);
        assert_eq!(status(&challenge), 401, "{challenge}");
        self.count += 1;
        let text = self.register_text(phone, expires);
        let text = self.with_digest(phone, "REGISTER", &text, &challenge);
        self.deliver(phone, &text);
        let inbox = self.inbox.get_mut(&self.flows[phone]).unwrap();
        let answer = inbox.pop_front().unwrap();
        assert_eq!(status(&answer), 200, "{answer}");
    }

    /// Registers with a REGISTER that is changed on its way; the final answer.
    pub(super) fn register_as(&mut self, phone: &'static str, change: impl Fn(String) -> String) -> String {
        self.try_register_as(phone, change);
        let inbox = self.inbox.get_mut(&self.flows[phone]).unwrap();
        inbox.pop_front().unwrap()
    }

    /// The same; the final answer, if one came, is left in the inbox.
    pub(super) fn try_register_as(&mut self, phone: &'static str, change: impl Fn(String) -> String) {
        self.count += 2;
        let text = change(self.register_text(phone, 3600));
        let challenge = self.send(phone, &text);
        assert_eq!(status(&challenge), 401, "{challenge}");
        self.count += 1;
        let text = change(self.register_text(phone, 3600));
        let text = self.with_digest(phone, "REGISTER", &text, &challenge);
        self.deliver(phone, &text);
    }

    /// Gives a phone another connection; what it sends and gets goes over that one.
    pub(super) fn connect_anew(&mut self, phone: &'static str) -> Flow {
        let before = self.flows[phone];
        self.move_to_new_port(phone);
        before
    }

    /// Takes what came over a connection that is not the phone's newest.
    pub(super) fn take_on(&mut self, flow: Flow) -> Option<String> {
        self.inbox.get_mut(&flow)?.pop_front()
    }

    /// How many phones were asked whether they are there, repetitions apart.
    pub(super) fn questions(&self) -> usize {
        let first = |inbox: &VecDeque<String>| inbox.iter().any(|text| text.starts_with("OPTIONS "));
        self.inbox.values().filter(|inbox| first(inbox)).count()
    }

    pub(super) fn lose(&mut self, flow: Flow) {
        self.input(Input::FlowLost(flow));
    }

    /// A datagram to this phone came back (ICMP).
    pub(super) fn refuse_datagrams(&mut self, phone: &str) {
        let to = self.flows[phone].remote;
        self.input(Input::DatagramRefused { to });
    }

    /// A message to this phone could not be sent at all.
    pub(super) fn fail_sends(&mut self, phone: &str) {
        let flow = self.flows[phone];
        self.input(Input::SendFailed(flow));
    }

    pub(super) fn devices(&mut self) -> Vec<crate::model::DeviceSummary> {
        let reply = self.ask(Command::ListDevices { after: None, limit: 100 });
        let Reply::Devices(devices) = reply else { panic!("{reply:?}") };
        devices
    }

    /// Adds the digest answer to a challenge.
    pub(super) fn with_digest(&self, user: &str, method: &str, text: &str, challenge: &str) -> String {
        let nonce = challenge.split("nonce=\"").nth(1).unwrap().split('"').next().unwrap();
        let uri = text.split(' ').nth(1).unwrap();
        let hex = |text: String| Md5::digest(text).iter().map(|b| format!("{b:02x}")).collect::<String>();
        let ha1 = hex(format!("{user}:nightbell:{SECRET}"));
        let ha2 = hex(format!("{method}:{uri}"));
        let response = hex(format!("{ha1}:{nonce}:00000001:c:auth:{ha2}"));
        let name = if challenge.contains("Proxy-Authenticate") { "Proxy-Authorization" } else { "Authorization" };
        let line = format!(
            "{name}: Digest username=\"{user}\", realm=\"nightbell\", nonce=\"{nonce}\", uri=\"{uri}\", \
             response=\"{response}\", algorithm=MD5, qop=auth, nc=00000001, cnonce=\"c\"\r\nContent-Length:"
        );
        text.replacen("Content-Length:", &line, 1)
    }

    /// The timeline's steps so far.
    pub(super) fn steps(&self) -> Vec<TimelineStep> {
        self.changes
            .iter()
            .filter_map(|change| {
                let Change::AppendTimeline(entry) = change else { return None };
                Some(entry.step)
            })
            .collect()
    }

    /// How the last call ended.
    pub(super) fn ending(&self) -> Option<CallEnding> {
        self.changes.iter().rev().find_map(|change| {
            let Change::PutCall(record) = change else { return None };
            Some(record.ending)
        })?
    }

    /// Why the last call ended.
    pub(super) fn reason(&self) -> String {
        let last = self.changes.iter().rev().find_map(|change| {
            let Change::PutCall(record) = change else { return None };
            Some(record.reason.clone())
        });
        last.unwrap_or_default()
    }

    /// What a store would give back after a crash: everything saved so far and nothing else.
    pub(super) fn crash_and_restart(self) -> Self {
        let mut restored = Restored::default();
        let mut devices: BTreeMap<_, StoredDevice> = BTreeMap::new();
        let mut parked: BTreeMap<_, ParkedCall> = BTreeMap::new();
        let mut ringing = Vec::new();
        for change in self.changes {
            match change {
                Change::PutExtension(extension) => restored.extensions.push(extension),
                Change::PutCredential(credential) => restored.credentials.push(credential),
                Change::PutDevice(device) => drop(devices.insert(device.id, device)),
                Change::PutParked(call) => drop(parked.insert(call.call, call)),
                Change::PutRinging(phone) => ringing.push(phone),
                Change::DeleteParked(call) => {
                    parked.remove(&call);
                    ringing.retain(|phone| phone.call != call);
                }
                Change::PutCall(record) => restored.last_call = restored.last_call.max(record.id.0),
                Change::DeleteExtension(_)
                | Change::DeleteCredential(_)
                | Change::PutLastWake { .. }
                | Change::DeleteDevice(_)
                | Change::PutUdpBinding(_)
                | Change::DeleteUdpBinding(_)
                | Change::AppendTimeline(_)
                | Change::PutBlock(_)
                | Change::DeleteBlock { .. }
                | Change::PutKnownNetwork { .. }
                | Change::DeleteKnownNetwork(_)
                | Change::PutSettings(_) => {}
            }
        }
        restored.devices = devices.into_values().collect();
        restored.parked = parked.into_values().collect();
        restored.ringing = ringing;
        Self::with(restored, self.now.after(Duration::from_secs(1)))
    }

    /// Requests whose answers are still awaited.
    pub(super) fn requests_in_hand(&self) -> usize {
        self.switchboard.client_txs.len()
    }

    pub(super) fn leftovers(&self) -> Vec<usize> {
        let s = &self.switchboard;
        vec![
            s.calls.len(),
            s.called.len(),
            s.calling.len(),
            s.deadlines.len(),
            s.invite_txs.len(),
            s.client_txs.len(),
            s.dialogs.len(),
            s.relays.len(),
            s.held.len(),
            s.farewells.due().iter().count(),
            s.transactions.live(),
        ]
    }

    pub(super) fn is_empty(&self) -> bool {
        self.leftovers().iter().all(|left| *left == 0)
    }
}

fn account(number: &str) -> NewAccount {
    let (md5, sha256) = digest::ha1(number, "nightbell", SECRET);
    let name = "Anna".parse().unwrap();
    let extension = NewExtension { number: number.parse().unwrap(), name, email: None, secret: None };
    let username = number.parse().unwrap();
    let credential = crate::model::SipCredential { username, extension: extension.number, md5, sha256 };
    NewAccount { extension, credential }
}

fn flow(transport: Transport, port: u16) -> Flow {
    Flow {
        transport,
        local: SocketAddr::from(([127, 0, 0, 1], 5060)),
        remote: SocketAddr::from(([127, 0, 0, 1], port)),
        connection: ConnectionId(if transport.is_reliable() { u64::from(port) } else { 0 }),
    }
}

pub(super) fn status(text: &str) -> u16 {
    text.strip_prefix("SIP/2.0 ").and_then(|rest| rest.get(..3)?.parse().ok()).unwrap_or(0)
}

/// Reads every address line as the strictest phone does: a user part is not empty and needs no escapes (RFC 3261
/// section 25.1).
fn check_addresses(text: &str) {
    let head = text.split("\r\n\r\n").next().unwrap();
    for line in head.lines().skip(1) {
        let (name, value) = line.split_once(": ").unwrap();
        if !matches!(name, "Contact" | "From" | "To") {
            continue;
        }
        let address = crate::sip::uri::NameAddr::parse(value).unwrap();
        let uri = address.parsed_uri().unwrap();
        if let Some((user, _)) = address.uri.split_once('@') {
            let (_, user) = user.split_once(':').unwrap();
            assert!(!user.is_empty(), "an empty user in {line}");
            assert!(user.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.+*".contains(&b)), "{line}");
        }
        assert!(!uri.host.is_empty(), "{line}");
    }
}

pub(super) fn header<'a>(text: &'a str, name: &str) -> &'a str {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).unwrap_or("")
}
