//! The whole switchboard under a script of bytes: phones that do as they should, phones that do not, hostile bytes, lost
//! flows, wakes that succeed or fail, saves that fail, commands, and time.
//!
//! What must hold: no panic, no endless work, every message that goes out is sound SIP, every relay that was opened is
//! closed, and after an hour of silence no call is left.
//!
//! The fuzz target and the smoke test of the usual test run share this file.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use md5::{Digest as _, Md5};
use pbx_core::model::{
    ConnectionId, ExtensionNumber, Flow, Moment, Now, SipCredential, Transport, UnixMillis, Verdict, WakeEvent,
    WakeReport, WakeRequest,
};
use pbx_core::sip::{digest, guard};
use pbx_core::switchboard::command::{Command, ExtensionChange};
use pbx_core::switchboard::input::{Input, RelayPort};
use pbx_core::switchboard::output::{CommandToken, Output, RelayId, Restored, SaveTicket};
use pbx_core::switchboard::{Switchboard, SwitchboardConfig};

/// Phones; two of each extension, over UDP and over a stream.
const PHONES: u8 = 6;
/// Inputs of one script; longer ones find nothing that shorter ones do not.
const MOST_STEPS: usize = 400;
/// Outputs of one input; a call with twelve devices needs some fifty.
const MOST_OUTPUTS: usize = 2000;
const SDP: &str =
    "v=0\r\no=- 1 1 IN IP4 192.0.2.7\r\ns=-\r\nc=IN IP4 192.0.2.7\r\nt=0 0\r\nm=audio 49170 RTP/AVP 0\r\n";

/// Runs one script.
pub(crate) fn switchboard(data: &[u8]) {
    let mut world = World::new();
    let mut script = Script { rest: data };
    for _ in 0..MOST_STEPS {
        let Some(step) = script.byte() else { break };
        world.step(step, &mut script);
    }
    world.wind_up();
}

struct Script<'a> {
    rest: &'a [u8],
}

impl<'a> Script<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    fn number(&mut self) -> u8 {
        self.byte().unwrap_or(0)
    }

    fn bytes(&mut self, most: usize) -> &'a [u8] {
        let (taken, rest) = self.rest.split_at(most.min(self.rest.len()));
        self.rest = rest;
        taken
    }
}

struct World {
    switchboard: Switchboard,
    now: Now,
    flows: Vec<Flow>,
    /// The last messages each phone received.
    inbox: BTreeMap<Flow, VecDeque<String>>,
    challenges: BTreeMap<u8, String>,
    wakes: VecDeque<WakeRequest>,
    tickets: VecDeque<SaveTicket>,
    relays: BTreeSet<RelayId>,
    count: u32,
    relay_port: u16,
    echoes: bool,
}

impl World {
    fn new() -> Self {
        let credential = |number: &str| {
            let (md5, sha256) = digest::ha1(number, "nightbell", number);
            let extension: ExtensionNumber = number.parse().expect("a number");
            SipCredential { username: number.parse().expect("a number is a user name"), extension, md5, sha256 }
        };
        let mut restored = Restored::default();
        for number in ["101", "102", "103"] {
            restored.extensions.push(pbx_core::model::Extension {
                number: number.parse().expect("a number"),
                name: "Anna".parse().expect("a name"),
                email: None,
                push_enabled: true,
                created_at: UnixMillis(1),
                phones_off_at: None,
            });
            restored.credentials.push(credential(number));
        }
        let now = Now { mono: Moment::START, wall: UnixMillis(1_795_000_000_000) };
        let config = SwitchboardConfig { seed: [7; 32], ..SwitchboardConfig::default() };
        let mut world = Self {
            switchboard: Switchboard::restore(config, restored, now),
            now,
            flows: (0..PHONES).map(flow).collect(),
            inbox: BTreeMap::new(),
            challenges: BTreeMap::new(),
            wakes: VecDeque::new(),
            tickets: VecDeque::new(),
            relays: BTreeSet::new(),
            count: 0,
            relay_port: 10_000,
            echoes: false,
        };
        world.drain();
        world
    }

    fn step(&mut self, step: u8, script: &mut Script<'_>) {
        let phone = script.number() % PHONES;
        match step % 20 {
            0 => self.pass(Duration::from_millis(u64::from(script.number()) * 7)),
            1 => self.pass(Duration::from_secs(u64::from(script.number()))),
            2 | 3 => self.register(phone, script),
            4 | 5 => self.invite(phone, script),
            6..=8 => self.reply(phone, script),
            9 => self.within(phone, script),
            10 => self.lose(phone),
            11 => self.report(script),
            12 => self.save(!script.number().is_multiple_of(8)),
            13 => self.command(script),
            14 => {
                let length = usize::from(script.number()) * 4;
                let bytes = script.bytes(length).to_vec();
                self.deliver(phone, &bytes);
            }
            15 => self.mutated(phone, script),
            16 => {
                let flow = self.flows[usize::from(phone)];
                self.give(Input::SendFailed(flow));
            }
            17 => {
                if let Some(relay) = self.relays.first().copied() {
                    self.give(Input::RelaySilent(relay));
                }
            }
            18 => self.again(phone),
            _ => {
                if script.number() == 255 {
                    self.give(Input::Drain);
                }
            }
        }
    }

    fn give(&mut self, input: Input) {
        self.switchboard.handle(input, self.now);
        self.drain();
    }

    fn drain(&mut self) {
        let mut outputs = 0;
        while let Some(output) = self.switchboard.poll_output() {
            outputs += 1;
            assert!(outputs < MOST_OUTPUTS, "one input makes work without end");
            self.carry(output);
        }
    }

    fn carry(&mut self, output: Output) {
        match output {
            Output::Send { flow, bytes } => {
                let sound = guard::check(bytes.clone(), flow.transport);
                let text = String::from_utf8_lossy(&bytes).into_owned();
                let through_others = text.matches("\r\nVia:").count() > 1;
                assert!(sound.is_ok() || through_others || self.echoes, "{sound:?} of what we sent: {text}");
                let inbox = self.inbox.entry(flow).or_default();
                inbox.push_back(text);
                if inbox.len() > 16 {
                    inbox.pop_front();
                }
            }
            Output::Wake(request) => self.wakes.push_back(request),
            Output::Save { ticket, .. } => self.tickets.extend(ticket),
            Output::OpenRelay { relay, .. } => assert!(self.relays.insert(relay), "{relay:?} was open"),
            Output::CloseRelay(relay) => {
                assert!(self.relays.remove(&relay), "{relay:?} was not open");
                self.switchboard.handle(Input::RelayClosed { relay, from_caller: 1, from_callee: 2 }, self.now);
            }
            Output::WantRelayPorts(more) => {
                let ports = (0..more).map(|_| {
                    self.relay_port = if self.relay_port > 60_000 { 10_000 } else { self.relay_port + 2 };
                    RelayPort(self.relay_port)
                });
                let ports = ports.collect();
                self.switchboard.handle(Input::RelayPorts(ports), self.now);
            }
            Output::CloseFlow(flow) => self.switchboard.handle(Input::FlowLost(flow), self.now),
            Output::StopWakes(_)
            | Output::AimRelay { .. }
            | Output::ApplySettings(_)
            | Output::Security(_)
            | Output::Answer { .. }
            | Output::Notice(_) => {}
        }
    }

    /// From deadline to deadline; one that does not move on is a switchboard that spins.
    fn pass(&mut self, wait: Duration) {
        let end = self.now.mono + wait;
        for _ in 0..100_000 {
            match self.switchboard.poll_timeout() {
                Some(at) if at <= end => {
                    self.now = self.now.after(at.since(self.now.mono));
                    self.give(Input::Tick);
                }
                Some(_) | None => {
                    self.now = self.now.after(end.since(self.now.mono));
                    return;
                }
            }
        }
        panic!("the switchboard asks for the clock without end");
    }

    fn deliver(&mut self, phone: u8, bytes: &[u8]) {
        let flow = self.flows[usize::from(phone)];
        let raw = Bytes::copy_from_slice(bytes);
        match guard::check(raw.clone(), flow.transport) {
            Ok(message) => self.give(Input::Sip { flow, message, raw }),
            Err(refusal) => {
                // Such an answer repeats what could be read, however odd.
                self.echoes = true;
                self.give(Input::Refused { flow, reply: refusal.reply });
                self.echoes = false;
            }
        }
        let heard = self.inbox.get(&flow).and_then(|inbox| inbox.back());
        if let Some(challenge) = heard.filter(|text| text.contains("nonce=\"")) {
            self.challenges.insert(phone, challenge.clone());
        }
    }

    fn head(&mut self, phone: u8, method: &str, uri: &str, to: &str, call: u8) -> String {
        self.count += 1;
        let (flow, number, count) = (self.flows[usize::from(phone)], number(phone), self.count);
        format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/{} {};branch=z9hG4bK{count};rport\r\nMax-Forwards: 70\r\n\
             From: <sip:{number}@pbx>;tag=f{phone}\r\nTo: {to}\r\nCall-ID: {method}-{phone}-{call}\r\nCSeq: {count} {method}\r\n",
            flow.transport.via_name(),
            flow.remote
        )
    }

    fn proof(&self, phone: u8, method: &str, uri: &str) -> String {
        let Some(challenge) = self.challenges.get(&phone) else { return String::new() };
        let nonce = challenge.split("nonce=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or("");
        let hex = |text: String| Md5::digest(text).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let number = number(phone);
        let ha1 = hex(format!("{number}:nightbell:{number}"));
        let count = self.count % 60 + 1;
        let response = hex(format!("{ha1}:{nonce}:{count:08x}:c:auth:{}", hex(format!("{method}:{uri}"))));
        format!(
            "Authorization: Digest username=\"{number}\", realm=\"nightbell\", nonce=\"{nonce}\", uri=\"{uri}\", \
             response=\"{response}\", algorithm=MD5, qop=auth, nc={count:08x}, cnonce=\"c\"\r\n"
        )
    }

    fn register(&mut self, phone: u8, script: &mut Script<'_>) {
        let kind = script.number();
        let remote = self.flows[usize::from(phone)].remote;
        let push = match kind % 4 {
            0 => ";pn-provider=apns;pn-param=TEAM123456.com.example.app.voip;pn-prid=abcd1234",
            1 => ";pn-provider=fcm;pn-param=project;pn-prid=efgh",
            _ => "",
        };
        let expires = [3600, 60, 0, 120][usize::from(kind / 4 % 4)];
        let mut text = self.head(phone, "REGISTER", "sip:pbx", &format!("<sip:{}@pbx>", number(phone)), 0);
        text += &self.proof(phone, "REGISTER", "sip:pbx");
        text += &format!(
            "Contact: <sip:x@{remote}{push}>;+sip.instance=\"<urn:uuid:00000000-0000-0000-0000-00000000000{phone}>\"\r\n\
             Expires: {expires}\r\nContent-Length: 0\r\n\r\n"
        );
        self.deliver(phone, text.as_bytes());
        if kind & 64 == 0 {
            self.save(true);
        }
    }

    fn invite(&mut self, phone: u8, script: &mut Script<'_>) {
        let (callee, call) = (script.number(), script.number() % 4);
        let callee = ["101", "102", "103", "999"][usize::from(callee % 4)];
        let uri = format!("sip:{callee}@pbx");
        let mut text = self.head(phone, "INVITE", &uri, &format!("<{uri}>"), call);
        text += &self.proof(phone, "INVITE", &uri);
        let body = if call == 3 { "" } else { SDP };
        text += &format!(
            "Contact: <sip:x@{}>\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
            self.flows[usize::from(phone)].remote,
            body.len()
        );
        self.deliver(phone, text.as_bytes());
    }

    /// Answers one of the requests the phone has received.
    fn reply(&mut self, phone: u8, script: &mut Script<'_>) {
        let (which, status) = (script.number(), script.number());
        let flow = self.flows[usize::from(phone)];
        let requests: Vec<String> =
            self.inbox.get(&flow).into_iter().flatten().filter(|text| !text.starts_with("SIP/")).cloned().collect();
        let Some(request) = requests.get(usize::from(which) % requests.len().max(1)) else { return };
        let status =
            [100, 180, 183, 200, 200, 302, 401, 408, 480, 481, 486, 487, 503, 600, 603, 699][usize::from(status % 16)];
        let head = request.split("\r\n\r\n").next().unwrap_or("");
        let mut text = format!("SIP/2.0 {status} Whatever\r\n");
        for line in head.lines().skip(1) {
            match line.split(':').next().unwrap_or("") {
                "Via" | "From" | "Call-ID" | "CSeq" => text += &format!("{line}\r\n"),
                "To" if status == 100 || line.contains("tag=") => text += &format!("{line}\r\n"),
                "To" => text += &format!("{line};tag=t{phone}{}\r\n", script.number() % 2),
                _ => {}
            }
        }
        let body = if (200..300).contains(&status) { SDP } else { "" };
        text += &format!(
            "Contact: <sip:x@{}>\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
            flow.remote,
            body.len()
        );
        self.deliver(phone, text.as_bytes());
    }

    /// A request within a call, made of the last response or request the phone received.
    fn within(&mut self, phone: u8, script: &mut Script<'_>) {
        let method =
            ["ACK", "BYE", "CANCEL", "INVITE", "UPDATE", "INFO", "PRACK", "REFER"][usize::from(script.number() % 8)];
        let flow = self.flows[usize::from(phone)];
        let which = usize::from(script.number());
        let inbox: Vec<String> = self.inbox.get(&flow).into_iter().flatten().cloned().collect();
        let Some(heard) = inbox.get(which % inbox.len().max(1)) else { return };
        let header = |name: &str| {
            heard
                .lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
                .unwrap_or("<sip:x@pbx>")
                .to_owned()
        };
        let ours = heard.starts_with("SIP/");
        let (from, to) = if ours { (header("From"), header("To")) } else { (header("To"), header("From")) };
        let cseq: u32 = header("CSeq").split(' ').next().and_then(|text| text.parse().ok()).unwrap_or(1);
        let cseq =
            if ["ACK", "CANCEL"].contains(&method) { cseq } else { cseq.saturating_add(u32::from(script.number())) };
        self.count += 1;
        let branch = if method == "CANCEL" {
            header("Via")
                .split("branch=")
                .nth(1)
                .and_then(|rest| rest.split(';').next())
                .unwrap_or("z9hG4bKx")
                .to_owned()
        } else {
            format!("z9hG4bKw{}", self.count)
        };
        let body = if ["INVITE", "UPDATE"].contains(&method) { SDP } else { "" };
        let text = format!(
            "{method} sip:x@pbx SIP/2.0\r\nVia: SIP/2.0/{} {};branch={branch};rport\r\nMax-Forwards: 70\r\nFrom: {from}\r\n\
             To: {to}\r\nCall-ID: {}\r\nCSeq: {cseq} {method}\r\nContact: <sip:x@{}>\r\nContent-Type: application/sdp\r\n\
             Content-Length: {}\r\n\r\n{body}",
            flow.transport.via_name(),
            flow.remote,
            header("Call-ID"),
            flow.remote,
            body.len()
        );
        self.deliver(phone, text.as_bytes());
    }

    /// The last message the phone received comes back, with some bytes changed.
    fn mutated(&mut self, phone: u8, script: &mut Script<'_>) {
        let flow = self.flows[usize::from(phone)];
        let Some(text) = self.inbox.get(&flow).and_then(|inbox| inbox.back()).cloned() else { return };
        let mut bytes = text.into_bytes();
        for _ in 0..script.number() % 8 {
            let at = usize::from(script.number()) * 256 + usize::from(script.number());
            let length = bytes.len().max(1);
            if let Some(byte) = bytes.get_mut(at % length) {
                *byte = script.number();
            }
        }
        self.deliver(phone, &bytes);
    }

    /// The last message the phone received is echoed to the server as it is.
    fn again(&mut self, phone: u8) {
        let flow = self.flows[usize::from(phone)];
        if let Some(text) = self.inbox.get(&flow).and_then(|inbox| inbox.back()).cloned() {
            self.deliver(phone, text.as_bytes());
        }
    }

    fn lose(&mut self, phone: u8) {
        let old = self.flows[usize::from(phone)];
        self.give(Input::FlowLost(old));
        self.count += 1;
        let remote = SocketAddr::new(old.remote.ip(), 20_000 + u16::try_from(self.count % 40_000).unwrap_or(0));
        let connection = match old.transport {
            Transport::Udp => ConnectionId(0),
            Transport::Tcp | Transport::Tls => ConnectionId(u64::from(self.count) + 100),
        };
        self.flows[usize::from(phone)] = Flow { remote, connection, ..old };
    }

    fn report(&mut self, script: &mut Script<'_>) {
        let Some(wake) = self.wakes.pop_front() else { return };
        let answered = |verdict| WakeEvent::Answered { attempt: 1, verdict, provider_id: None };
        let event = match script.number() % 5 {
            0 => WakeEvent::Sent { attempt: 1 },
            1 => WakeEvent::GaveUp { code: "gave_up".into(), why: "nobody took it".into() },
            2 => answered(Verdict::Accepted),
            3 => answered(Verdict::TokenWrong { why: "wrong app".into(), accepted_in: None }),
            _ => answered(Verdict::TokenGone { since: None, why: "gone".into() }),
        };
        let more = script.number().is_multiple_of(2);
        self.give(Input::Wake(WakeReport {
            wake_id: wake.wake_id,
            call: wake.call,
            device: wake.device,
            target: wake.target.clone(),
            kind: wake.kind,
            at: self.now.wall,
            event,
        }));
        if more {
            self.wakes.push_back(wake);
        }
    }

    fn save(&mut self, ok: bool) {
        if let Some(ticket) = self.tickets.pop_front() {
            self.give(if ok { Input::Saved(ticket) } else { Input::NotSaved(ticket) });
        }
    }

    fn command(&mut self, script: &mut Script<'_>) {
        let number: ExtensionNumber =
            ["101", "102", "103"][usize::from(script.number() % 3)].parse().expect("a number");
        let command = match script.number() % 8 {
            0 => Command::TestPush(number),
            1 => Command::ChangeExtension {
                number,
                change: ExtensionChange {
                    push_enabled: Some(script.number().is_multiple_of(2)),
                    ..ExtensionChange::default()
                },
            },
            2 => Command::ShowExtension(number),
            3 => Command::ListCalls,
            4 => Command::HangUp(pbx_core::model::CallId(i64::from(script.number() % 16))),
            5 if script.number() == 7 => Command::RemoveExtension(number),
            6 => Command::ListBlocked,
            _ => Command::Status,
        };
        self.give(Input::Command { token: CommandToken(1), command });
    }

    /// Everybody falls silent; after an hour nothing may be left.
    fn wind_up(&mut self) {
        while let Some(ticket) = self.tickets.pop_front() {
            self.give(Input::Saved(ticket));
        }
        for relay in self.relays.clone() {
            self.give(Input::RelaySilent(relay));
        }
        for _ in 0..60 {
            self.pass(Duration::from_secs(60));
            while let Some(ticket) = self.tickets.pop_front() {
                self.give(Input::Saved(ticket));
            }
        }
        assert!(self.relays.is_empty(), "relays stay open: {:?}", self.relays);
        self.give(Input::Drain);
        assert!(self.switchboard.is_drained(), "{:?} is not drained", self.switchboard);
    }
}

fn number(phone: u8) -> &'static str {
    ["101", "102", "103"][usize::from(phone / 2 % 3)]
}

fn flow(phone: u8) -> Flow {
    let transport = if phone.is_multiple_of(2) { Transport::Udp } else { Transport::Tls };
    let connection = if phone.is_multiple_of(2) { 0 } else { u64::from(phone) };
    Flow {
        transport,
        local: ([127, 0, 0, 1], 5060).into(),
        remote: SocketAddr::from(([192, 0, 2, phone + 1], 5060)),
        connection: ConnectionId(connection),
    }
}
