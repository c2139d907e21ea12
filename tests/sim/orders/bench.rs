//! One call under the hand of a test: a caller, a desk phone and an app, all of them only text.

use std::collections::{BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use pbx_core::model::{
    ConnectionId, DeviceId, DeviceKey, Environment, Extension, ExtensionNumber, Flow, Now, PushPolicy, PushProvider,
    Redacted, Settings, SipCredential, TargetHealth, TokenHistory, Transport, UnixMillis, Verdict, WakeEvent, WakeKind,
    WakeReport, WakeRequest, WakeTarget,
};
use pbx_core::sip::{digest, guard};
use pbx_core::switchboard::input::{Input, RelayPort};
use pbx_core::switchboard::output::{Output, Restored, StoredBinding, StoredDevice};
use pbx_core::switchboard::{Switchboard, SwitchboardConfig};

use super::Step;
use crate::message::{self, Ask, Nonce, REALM, SDP};
use crate::phone::SECRET;

const WALL: UnixMillis = UnixMillis(1_795_000_000_000);
const CALLER: &str = "101";
const CALLEE: &str = "102";
/// Between two steps; all of them together stay within the grace time.
const STEP: Duration = Duration::from_millis(100);
const RINGING: Duration = Duration::from_secs(30);

/// Who is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    Asleep,
    There,
    DeskAndAsleep,
    DeskAndThere,
}

/// One INVITE a phone has.
#[derive(Debug)]
struct Ringing {
    flow: Flow,
    text: String,
    rang: bool,
    answered: bool,
    /// The flow it came on is gone.
    lost: bool,
    cancelled: bool,
    farewell: bool,
}

/// The switchboard and what came out of it.
pub(super) struct Bench {
    switchboard: Switchboard,
    now: Now,
    caller: Flow,
    app: Option<Flow>,
    apps: u16,
    invite: String,
    nonce: Option<Nonce>,
    ringing: Vec<Ringing>,
    wakes: Vec<WakeRequest>,
    finals: BTreeSet<(u16, String)>,
    ok: Option<String>,
    over: bool,
    /// What phones say to what they got; delivered when the switchboard is done with the input it has.
    replies: VecDeque<(Flow, String)>,
    challenge: Option<String>,
    wrong: Vec<String>,
}

impl Bench {
    pub(super) fn new(start: Start) -> Self {
        let config = SwitchboardConfig { seed: [7; 32], ..SwitchboardConfig::default() };
        let now = Now { mono: pbx_core::model::Moment::START, wall: WALL };
        let mut bench = Self {
            switchboard: Switchboard::restore(config, office(start), now),
            now,
            caller: flow(Transport::Udp, 30_101),
            app: None,
            apps: 0,
            invite: String::new(),
            nonce: None,
            ringing: Vec::new(),
            wakes: Vec::new(),
            finals: BTreeSet::new(),
            ok: None,
            over: false,
            replies: VecDeque::new(),
            challenge: None,
            wrong: Vec::new(),
        };
        bench.drain();
        if matches!(start, Start::There | Start::DeskAndThere) {
            bench.register();
        }
        bench.call();
        bench
    }

    pub(super) fn take(&mut self, step: Step) {
        self.pass(STEP);
        match step {
            Step::PushAccepted => {
                self.report(&WakeEvent::Answered { attempt: 1, verdict: Verdict::Accepted, provider_id: None })
            }
            Step::PushRefused => self.report(&WakeEvent::GaveUp { code: "refused".into(), why: "refused".into() }),
            Step::Register => self.register(),
            Step::Rings => self.answer(180),
            Step::Answers => self.answer(200),
            Step::Cancel => self.cancel(),
            Step::TimeOut => self.pass(RINGING),
            Step::FlowLost => {
                if let Some(flow) = self.app.take() {
                    self.lose(flow);
                    self.drain();
                }
            }
        }
    }

    /// Lets the call end, then everything come to rest; what was wrong.
    pub(super) fn finish(mut self) -> Vec<String> {
        self.pass(RINGING);
        if let Some(ok) = self.ok.clone() {
            let bye = self.in_dialog("BYE", &ok);
            self.deliver(self.caller, &bye);
        }
        self.pass(Duration::from_secs(300));
        if self.finals.len() != 1 {
            self.wrong.push(format!("the caller got {:?}", self.finals));
        }
        for one in &self.ringing {
            let told = one.cancelled || one.farewell || self.ok.is_some() && one.answered;
            if (one.rang || one.answered) && !told && !one.lost {
                self.wrong.push(format!("a phone was told nothing: {}", one.text));
            }
        }
        let left = self.switchboard.in_hand();
        if !left.is_nothing() {
            self.wrong.push(format!("left behind: {left:?}"));
        }
        self.wrong
    }

    /// A stream ends, and what rang on it is lost with it.
    fn lose(&mut self, flow: Flow) {
        for one in self.ringing.iter_mut().filter(|one| one.flow == flow) {
            one.lost = true;
        }
        self.switchboard.handle(Input::FlowLost(flow), self.now);
    }

    fn input(&mut self, input: Input) {
        self.switchboard.handle(input, self.now);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(output) = self.switchboard.poll_output() {
            match output {
                Output::Send { flow, bytes } => self.sent(flow, String::from_utf8(bytes.to_vec()).expect("text")),
                Output::Wake(request) => {
                    let again = self.wakes.iter().any(|wake| wake.kind == request.kind);
                    if again || (request.kind == WakeKind::Call && self.over) {
                        self.wrong.push(format!("pushed again or late: {:?}", request.kind));
                    }
                    self.wakes.push(request);
                }
                Output::Save { ticket: Some(ticket), .. } => self.switchboard.handle(Input::Saved(ticket), self.now),
                Output::WantRelayPorts(_) => {
                    let ports = (0..4).map(|n| RelayPort(10_000 + 2 * n)).collect();
                    self.switchboard.handle(Input::RelayPorts(ports), self.now);
                }
                Output::CloseRelay(relay) => {
                    self.switchboard.handle(Input::RelayClosed { relay, from_caller: 0, from_callee: 0 }, self.now);
                }
                Output::CloseFlow(flow) => self.lose(flow),
                Output::Save { ticket: None, .. }
                | Output::StopWakes(_)
                | Output::OpenRelay { .. }
                | Output::AimRelay { .. }
                | Output::Answer { .. }
                | Output::ApplySettings(_)
                | Output::Security(_)
                | Output::Notice(_) => {}
            }
        }
    }

    fn sent(&mut self, flow: Flow, text: String) {
        let status = message::status(&text);
        let cseq = message::cseq(&text);
        match (status, message::method(&text)) {
            (Some(status), _) if flow == self.caller && cseq.1 == "INVITE" => self.caller_hears(status, text),
            (None, "INVITE") => self.phone_gets(flow, text),
            (None, "CANCEL") => self.phone_is_cancelled(flow, &text),
            (None, "BYE") if flow != self.caller => {
                // All INVITEs of one call to one device share their dialog's name, wherever the device is now.
                for one in self.ringing.iter_mut().filter(|one| one.answered) {
                    one.farewell = true;
                }
                let answer = message::answer(&text, 200, "", "", "");
                self.reply(flow, answer);
            }
            (None, "BYE") => self.reply(flow, message::answer(&text, 200, "", "", "")),
            (Some(401), _) => self.challenge = Some(text),
            (Some(_) | None, _) => {}
        }
    }

    fn caller_hears(&mut self, status: u16, text: String) {
        if status == 407 {
            self.nonce = Nonce::of(&text);
            return;
        }
        if status < 200 {
            return;
        }
        let tag = message::tag(message::header(&text, "To")).unwrap_or("").to_owned();
        self.finals.insert((status, tag));
        self.over = true;
        if status == 200 {
            let ack = self.in_dialog("ACK", &text);
            self.ok = Some(text);
            self.reply(self.caller, ack);
        } else {
            let ack = self.refusal_ack(&text);
            self.reply(self.caller, ack);
        }
    }

    fn phone_gets(&mut self, flow: Flow, text: String) {
        let branch = message::branch(&text);
        if self.ringing.iter().any(|one| message::branch(&one.text) == branch) {
            return;
        }
        if self.over {
            self.wrong.push("a late ring".to_owned());
        }
        self.ringing.push(Ringing {
            flow,
            text,
            rang: false,
            answered: false,
            lost: false,
            cancelled: false,
            farewell: false,
        });
    }

    fn phone_is_cancelled(&mut self, flow: Flow, text: &str) {
        let branch = message::branch(text);
        let Some(one) = self.ringing.iter_mut().find(|one| message::branch(&one.text) == branch) else { return };
        let first = !one.cancelled && !one.answered;
        one.cancelled = true;
        let refusal = message::answer(&one.text, 487, "t", "", "");
        self.reply(flow, message::answer(text, 200, "t", "", ""));
        if first {
            self.reply(flow, refusal);
        }
    }

    /// The newest INVITE that is still open is answered.
    fn answer(&mut self, status: u16) {
        let over = self.over;
        let open = |one: &&mut Ringing| !one.answered && !one.cancelled && !one.lost;
        let Some(one) = self.ringing.iter_mut().rev().find(open) else { return };
        one.rang |= status == 180;
        one.answered |= status == 200;
        let body = if status == 200 { SDP } else { "" };
        let contact = format!("sip:{CALLEE}@{}", one.flow.remote);
        let text = message::answer(&one.text, status, "t", &contact, body);
        let flow = one.flow;
        self.deliver(flow, &text);
        if status == 200 && !over && self.ok.is_none() {
            self.wrong.push("an answer did not connect the call".to_owned());
        }
    }

    fn report(&mut self, event: &WakeEvent) {
        let Some(wake) = self.wakes.iter().find(|wake| wake.kind == WakeKind::Call).cloned() else { return };
        self.input(Input::Wake(WakeReport {
            wake_id: wake.wake_id,
            call: wake.call,
            device: wake.device,
            target: wake.target,
            kind: wake.kind,
            at: self.now.wall,
            event: event.clone(),
        }));
    }

    fn deliver(&mut self, flow: Flow, text: &str) {
        let raw = Bytes::copy_from_slice(text.as_bytes());
        let message = guard::check(raw.clone(), flow.transport).expect("a phone is understood");
        self.input(Input::Sip { flow, message, raw });
        self.deliver_replies();
    }

    fn deliver_replies(&mut self) {
        while let Some((flow, text)) = self.replies.pop_front() {
            self.deliver(flow, &text);
        }
    }

    fn reply(&mut self, flow: Flow, text: String) {
        self.replies.push_back((flow, text));
    }

    fn pass(&mut self, wait: Duration) {
        let end = self.now.mono + wait;
        loop {
            self.deliver_replies();
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
    }

    fn call(&mut self) {
        self.invite = self.invite_text(1, "");
        let first = self.invite.clone();
        self.deliver(self.caller, &first);
        let ha1 = message::hex(&format!("{CALLER}:{REALM}:{SECRET}"));
        let uri = format!("sip:{CALLEE}@127.0.0.1");
        let proof =
            self.nonce.as_mut().expect("a challenge").line("Proxy-Authorization", CALLER, &ha1, ("INVITE", &uri));
        self.invite = self.invite_text(2, &proof);
        let second = self.invite.clone();
        self.deliver(self.caller, &second);
    }

    fn invite_text(&self, cseq: u32, proof: &str) -> String {
        Ask {
            method: "INVITE",
            uri: &format!("sip:{CALLEE}@127.0.0.1"),
            via: &format!("UDP {}", self.caller.remote),
            branch: &format!("z9hG4bKi{cseq}"),
            from: &format!("<sip:{CALLER}@127.0.0.1>;tag=c"),
            to: &format!("<sip:{CALLEE}@127.0.0.1>"),
            call_id: "call",
            cseq,
            more: &format!("Contact: <sip:{CALLER}@{}>\r\n{proof}", self.caller.remote),
            body: SDP,
        }
        .text()
    }

    fn cancel(&mut self) {
        let text = self.of_invite("CANCEL", message::header(&self.invite, "To"));
        self.deliver(self.caller, &text);
        if !self.over {
            self.wrong.push("a CANCEL did not end the call".to_owned());
        }
    }

    fn refusal_ack(&self, refusal: &str) -> String {
        self.of_invite("ACK", message::header(refusal, "To"))
    }

    fn of_invite(&self, method: &str, to: &str) -> String {
        Ask {
            method,
            uri: &format!("sip:{CALLEE}@127.0.0.1"),
            via: &format!("UDP {}", self.caller.remote),
            branch: "z9hG4bKi2",
            from: message::header(&self.invite, "From"),
            to,
            call_id: "call",
            cseq: 2,
            more: "",
            body: "",
        }
        .text()
    }

    fn in_dialog(&self, method: &str, ok: &str) -> String {
        Ask {
            method,
            uri: message::uri(message::header(ok, "Contact")),
            via: &format!("UDP {}", self.caller.remote),
            branch: &format!("z9hG4bKd{method}"),
            from: message::header(&self.invite, "From"),
            to: message::header(ok, "To"),
            call_id: "call",
            cseq: if method == "ACK" { 2 } else { 3 },
            more: "",
            body: "",
        }
        .text()
    }

    fn register(&mut self) {
        self.apps += 1;
        let flow = flow(Transport::Tls, 40_000 + self.apps);
        self.app = Some(flow);
        let plain = self.register_text(flow, 1, "");
        self.deliver(flow, &plain);
        let challenge = self.challenge.take().expect("a challenge");
        let ha1 = message::hex(&format!("{CALLEE}:{REALM}:{SECRET}"));
        let mut nonce = Nonce::of(&challenge).expect("a nonce");
        let proof = nonce.line("Authorization", CALLEE, &ha1, ("REGISTER", "sip:127.0.0.1"));
        let proven = self.register_text(flow, 2, &proof);
        self.deliver(flow, &proven);
    }

    fn register_text(&self, flow: Flow, cseq: u32, proof: &str) -> String {
        let address = format!("<sip:{CALLEE}@127.0.0.1>");
        let contact = format!(
            "<sip:{CALLEE}@{};transport=tls;pn-provider=fcm;pn-param=project;pn-prid=token>;+sip.instance=\"<urn:uuid:app>\"",
            flow.remote
        );
        Ask {
            method: "REGISTER",
            uri: "sip:127.0.0.1",
            via: &format!("TLS {}", flow.remote),
            branch: &format!("z9hG4bKr{}x{cseq}", self.apps),
            from: &format!("{address};tag=f"),
            to: &address,
            call_id: &format!("reg{}", self.apps),
            cseq,
            more: &format!("Contact: {contact}\r\nExpires: 600\r\n{proof}"),
            body: "",
        }
        .text()
    }
}

fn flow(transport: Transport, port: u16) -> Flow {
    Flow {
        transport,
        local: SocketAddr::from(([127, 0, 0, 1], 5060)),
        remote: SocketAddr::from(([127, 0, 0, 2], port)),
        connection: ConnectionId(if transport.is_reliable() { u64::from(port) } else { 0 }),
    }
}

/// Two extensions; the second with an app that was registered once and, if wanted, a desk phone that is.
fn office(start: Start) -> Restored {
    let mut restored = Restored { settings: Settings::default(), ..Restored::default() };
    for text in [CALLER, CALLEE] {
        let number: ExtensionNumber = text.parse().expect("a number");
        let name = text.parse().expect("a name");
        restored.extensions.push(Extension {
            number,
            name,
            email: None,
            push_enabled: true,
            created_at: WALL,
            phones_off_at: None,
        });
        let (md5, sha256) = digest::ha1(text, REALM, SECRET);
        let username = text.parse().expect("a name");
        restored.credentials.push(SipCredential { username, extension: number, md5, sha256 });
    }
    let target = WakeTarget {
        provider: PushProvider::Fcm,
        app_id: "project".into(),
        environment: Environment::Production,
        call_token: Some(Redacted::new("token".into())),
        notice_token: None,
        learned_at: WALL,
        health: TargetHealth::Good,
        switched_off: None,
        history: TokenHistory::default(),
    };
    restored.devices.push(device(1, "i:urn:uuid:app", Some(target)));
    if matches!(start, Start::DeskAndAsleep | Start::DeskAndThere) {
        restored.devices.push(device(2, "i:urn:uuid:desk", None));
        let desk = flow(Transport::Udp, 30_102);
        restored.udp_bindings.push(StoredBinding {
            device: DeviceId(2),
            contact: format!("sip:{CALLEE}@{}", desk.remote),
            remote: desk.remote,
            local: desk.local,
            path: Vec::new(),
            call_id: "desk".into(),
            cseq: 1,
            since: WALL,
            expires_at: WALL + Duration::from_secs(3600),
        });
    }
    restored
}

fn device(id: i64, key: &str, wake_target: Option<WakeTarget>) -> StoredDevice {
    StoredDevice {
        id: DeviceId(id),
        extension: CALLEE.parse().expect("a number"),
        key: DeviceKey::from_stored(key),
        username: CALLEE.parse().expect("a name"),
        user_agent: String::new(),
        first_seen_at: WALL,
        last_seen_at: WALL,
        wake_target,
        push_policy: PushPolicy::App,
        registered_until: None,
        last_wake: None,
    }
}
