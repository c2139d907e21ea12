//! A switchboard without sockets, phones made of text, a store that is done at once.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use md5::{Digest as _, Md5};
use pbx_core::model::{
    ConnectionId, DeviceId, DeviceKey, DisplayName, Environment, Extension, Flow, Moment, Now, PushPolicy,
    PushProvider, Redacted, SipCredential, TargetHealth, TokenHistory, Transport, UnixMillis, WakeTarget,
};
use pbx_core::sip::{digest, guard};
use pbx_core::switchboard::input::{Input, RelayPort};
use pbx_core::switchboard::output::{Output, Restored, StoredDevice};
use pbx_core::switchboard::{Switchboard, SwitchboardConfig};

const SECRET: &str = "a-secret-of-sixteen";
const SDP: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 49170 RTP/AVP 0 8 101\r\na=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n";

/// What one wake took inside the core.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WakeTiming {
    /// The authorised INVITE to the order for the push side.
    pub(crate) invite_to_wake: Duration,
    /// The authorised REGISTER to the INVITE for the device.
    pub(crate) register_to_invite: Duration,
}

/// The switchboard and what it has said.
pub(crate) struct Core {
    switchboard: Switchboard,
    now: Now,
    sent: Vec<(Flow, Bytes)>,
    wakes: usize,
    count: u64,
    relay_port: u16,
}

/// An installation where every extension has one sleeping app.
pub(crate) fn restored(extensions: u32) -> Restored {
    let mut restored = Restored::default();
    for phone in 0..extensions {
        let text = number(phone);
        let (md5, sha256) = digest::ha1(&text, "nightbell", SECRET);
        let number = text.parse().unwrap();
        let username: pbx_core::model::SipUsername = text.parse().unwrap();
        restored.extensions.push(Extension {
            number,
            name: DisplayName::default(),
            email: None,
            push_enabled: true,
            created_at: UnixMillis(0),
            phones_off_at: None,
        });
        restored.credentials.push(SipCredential { username: username.clone(), extension: number, md5, sha256 });
        restored.devices.push(StoredDevice {
            id: DeviceId(i64::from(phone) + 1),
            extension: number,
            key: DeviceKey::from_instance(&format!("urn:uuid:00000000-0000-0000-0000-{phone:012}")),
            username,
            user_agent: "Bench/1.0".into(),
            first_seen_at: UnixMillis(0),
            last_seen_at: UnixMillis(0),
            wake_target: Some(WakeTarget {
                provider: PushProvider::Apns,
                app_id: "com.example.app".into(),
                environment: Environment::Production,
                call_token: Some(Redacted::new(format!("{phone:064x}"))),
                notice_token: None,
                learned_at: UnixMillis(0),
                health: TargetHealth::Good,
                switched_off: None,
                history: TokenHistory::default(),
            }),
            last_wake: None,
            push_policy: PushPolicy::App,
            registered_until: None,
        });
        restored.last_device = i64::from(phone) + 1;
    }
    restored
}

impl Core {
    /// A switchboard with this many extensions, each with a sleeping app.
    pub(crate) fn new(extensions: u32) -> Self {
        Self::from_restored(restored(extensions))
    }

    /// A switchboard from rows.
    pub(crate) fn from_restored(restored: Restored) -> Self {
        let now = Now { mono: Moment::from_micros(1), wall: UnixMillis(1_795_000_000_000) };
        let config = SwitchboardConfig { seed: [3; 32], ..SwitchboardConfig::default() };
        let switchboard = Switchboard::restore(config, restored, now);
        let mut core = Self { switchboard, now, sent: Vec::new(), wakes: 0, count: 0, relay_port: 10_000 };
        core.drain();
        core
    }

    fn give(&mut self, input: Input) {
        self.switchboard.handle(input, self.now);
        self.drain();
    }

    fn drain(&mut self) {
        let mut tickets = Vec::new();
        while let Some(output) = self.switchboard.poll_output() {
            match output {
                Output::Send { flow, bytes } => self.sent.push((flow, bytes)),
                Output::Wake(_) => self.wakes += 1,
                Output::Save { ticket, .. } => tickets.extend(ticket),
                Output::WantRelayPorts(more) => {
                    let ports = (0..more).map(|_| {
                        self.relay_port = if self.relay_port >= 19_998 { 10_000 } else { self.relay_port + 2 };
                        RelayPort(self.relay_port)
                    });
                    let ports = ports.collect();
                    self.switchboard.handle(Input::RelayPorts(ports), self.now);
                }
                Output::CloseRelay(relay) => {
                    self.switchboard.handle(Input::RelayClosed { relay, from_caller: 0, from_callee: 0 }, self.now);
                }
                Output::CloseFlow(_)
                | Output::StopWakes(_)
                | Output::OpenRelay { .. }
                | Output::AimRelay { .. }
                | Output::ApplySettings(_)
                | Output::Security(_)
                | Output::Answer { .. }
                | Output::Notice(_) => {}
            }
        }
        for ticket in tickets {
            self.give(Input::Saved(ticket));
        }
    }

    /// Hands over the bytes of a message as the driver does; gives the time it took.
    fn deliver(&mut self, flow: Flow, text: String) -> Duration {
        self.sent.clear();
        let raw = Bytes::from(text);
        let started = Instant::now();
        let message = guard::check(raw.clone(), flow.transport).unwrap_or_else(|refusal| panic!("{}", refusal.reason));
        self.give(Input::Sip { flow, message, raw });
        started.elapsed()
    }

    fn said(&self, flow: Flow) -> String {
        let (_, bytes) = self.sent.iter().find(|(to, _)| *to == flow).unwrap();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    /// One REGISTER with its challenge; gives the time both took.
    pub(crate) fn register(&mut self, phone: u32, extra: &str) -> Duration {
        self.count += 1;
        self.now = self.now.after(Duration::from_millis(1));
        let flow = flow_of(phone);
        let first = self.deliver(flow, self.register_text(phone, extra, 2 * self.count));
        let challenge = self.said(flow);
        let text = self.register_text(phone, extra, 2 * self.count + 1);
        let second = self.deliver(flow, with_digest(&text, phone, "REGISTER", &challenge));
        assert!(self.said(flow).starts_with("SIP/2.0 200"), "{}", self.said(flow));
        first + second
    }

    /// One wake: extension 0 calls a sleeping app, which registers, gets the INVITE, and the caller gives up.
    pub(crate) fn wake(&mut self, phone: u32) -> WakeTiming {
        self.count += 1;
        self.now = self.now.after(Duration::from_secs(40));
        self.give(Input::Tick);
        let caller = flow_of(0);
        self.deliver(caller, self.invite_text(phone, 2 * self.count));
        let challenge = self.said(caller);
        let invite = with_digest(&self.invite_text(phone, 2 * self.count + 1), 0, "INVITE", &challenge);
        let wakes = self.wakes;
        let invite_to_wake = self.deliver(caller, invite.clone());
        assert_eq!(self.wakes, wakes + 1, "{}", self.said(caller));
        let flow = flow_of(phone);
        self.deliver(flow, self.register_text(phone, "", 4 * self.count));
        let challenge = self.said(flow);
        let text = self.register_text(phone, "", 4 * self.count + 1);
        let register_to_invite = self.deliver(flow, with_digest(&text, phone, "REGISTER", &challenge));
        assert!(self.sent.iter().any(|(to, bytes)| *to == flow && bytes.starts_with(b"INVITE")));
        self.deliver(caller, cancel_of(&invite));
        self.give(Input::FlowLost(flow));
        WakeTiming { invite_to_wake, register_to_invite }
    }

    fn register_text(&self, phone: u32, extra: &str, turn: u64) -> String {
        let (user, flow) = (number(phone), flow_of(phone));
        format!(
            "REGISTER sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TLS {};branch=z9hG4bKr{turn};rport\r\nMax-Forwards: 70\r\n\
             From: <sip:{user}@127.0.0.1>;tag=f{turn}\r\nTo: <sip:{user}@127.0.0.1>\r\nCall-ID: reg-{user}\r\n\
             CSeq: {turn} REGISTER\r\nUser-Agent: Bench/1.0\r\nSupported: path, outbound\r\n\
             Contact: <sip:{user}@{};transport=tls;pn-provider=apns;pn-param=TEAM123456.com.example.app.voip;pn-prid={phone:064x}>\
             ;+sip.instance=\"<urn:uuid:00000000-0000-0000-0000-{phone:012}>\"{extra}\r\nExpires: 3600\r\n\
             Content-Length: 0\r\n\r\n",
            flow.remote, flow.remote
        )
    }

    fn invite_text(&self, phone: u32, turn: u64) -> String {
        let (to, from, remote) = (number(phone), number(0), flow_of(0).remote);
        format!(
            "INVITE sip:{to}@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TLS {remote};branch=z9hG4bKi{turn};rport\r\nMax-Forwards: 70\r\n\
             From: <sip:{from}@127.0.0.1>;tag=c{turn}\r\nTo: <sip:{to}@127.0.0.1>\r\nCall-ID: call-{turn}\r\n\
             CSeq: {turn} INVITE\r\nContact: <sip:{from}@{remote}>\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{SDP}",
            SDP.len()
        )
    }
}

fn number(phone: u32) -> String {
    (100_000 + phone).to_string()
}

fn flow_of(phone: u32) -> Flow {
    let [_, a, b, c] = phone.to_be_bytes();
    Flow {
        transport: Transport::Tls,
        local: SocketAddr::from(([127, 0, 0, 1], 5061)),
        remote: SocketAddr::from(([10, a, b, c], 40_000)),
        connection: ConnectionId(u64::from(phone) + 1),
    }
}

fn with_digest(text: &str, phone: u32, method: &str, challenge: &str) -> String {
    let user = number(phone);
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

fn cancel_of(invite: &str) -> String {
    let head = invite.split("\r\n\r\n").next().unwrap();
    let mut text = String::new();
    for line in head.lines() {
        let name = line.split([':', ' ']).next().unwrap();
        match name {
            "INVITE" => text += &line.replacen("INVITE", "CANCEL", 1),
            "CSeq" => text += &line.replace("INVITE", "CANCEL"),
            "Via" | "From" | "To" | "Call-ID" | "Max-Forwards" => text += line,
            _ => continue,
        }
        text += "\r\n";
    }
    text + "Content-Length: 0\r\n\r\n"
}
