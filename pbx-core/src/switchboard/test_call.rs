//! A test call: Nightbell itself rings an extension, so that its owner hears that the phone works.
//!
//! The caller is a phone inside the switchboard. Everything that goes out on its flow, which no socket has, is answered
//! here at once; so a test call is a call like every other: it forks, wakes, is logged and can be hung up. Its sound goes to
//! the echo (`media::echo`): whoever answers hears themselves. It ends by itself after [`TALK`].

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;

use crate::call::CallInput;
use crate::model::{CallEnding, CallId, CallRecord, ConnectionId, ExtensionNumber, Flow, Now, Transport};
use crate::sip::cseq;
use crate::sip::guard;
use crate::sip::message::{HeaderName, Message, Method, Request, Response};
use crate::sip::transaction::Incoming;

use super::Switchboard;
use super::command::{CommandError, Reply};
use super::commands::Outcome;
use super::invite::{Beginning, Wanted, Who};
use super::request::{ALLOW, PRODUCT};

/// The way to the phone inside; no connection ever has this number.
const INSIDE: Flow = Flow {
    transport: Transport::Tcp,
    local: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 5060),
    remote: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9),
    connection: ConnectionId(u64::MAX),
};
/// The name on the display of the phone that rings.
const CALLER_NAME: &str = "Nightbell test call";
/// How long somebody hears themselves: enough for a few sentences, and nobody who lays the phone down pays with its battery.
const TALK: Duration = Duration::from_secs(60);

impl Switchboard {
    /// Rings every device of an extension.
    pub(super) fn place_test_call(&mut self, number: ExtensionNumber, now: Now) -> Result<Outcome, CommandError> {
        if self.draining {
            return Err(CommandError::Stopping);
        }
        if self.registrar.extension(number).is_none() {
            return Err(CommandError::NoSuchExtension(number));
        }
        self.phones_are_on(number)?;
        let Some(echo) = self.config.echo else { return Err(CommandError::NoEcho) };
        let under_way = |live: &super::LiveCall| live.record.is_test() && !live.call.is_ended();
        let theirs = self.called.get(&number).into_iter().flatten();
        if theirs.filter_map(|call| self.calls.get(call)).any(under_way) {
            return Err(CommandError::TestCallUnderWay(number));
        }
        if self.candidates(number, INSIDE).is_empty() {
            return Err(CommandError::NobodyToRing(number));
        }
        let invite = self.inside_invite(number, echo);
        let raw = invite.to_bytes();
        let Incoming::Request { request } = self.transactions.receive(INSIDE, Message::Request(invite), now.mono)
        else {
            return Err(CommandError::Busy);
        };
        let who = Who { number: CallRecord::TEST_CALLER.into(), name: CALLER_NAME.into(), extension: None };
        let beginning = Beginning { who, wanted: Wanted { dialled: number.to_string(), callee: Some(number) } };
        match self.begin_call(INSIDE, request, raw, beginning, now) {
            Some(call) => Ok(Outcome::Now(Reply::TestCall(call))),
            None => Err(CommandError::Busy),
        }
    }

    fn inside_invite(&mut self, number: ExtensionNumber, echo: SocketAddr) -> Request {
        let (branch, tag, call_id) = (self.draw_tag(), self.draw_tag(), self.draw_uuid());
        let host = INSIDE.local;
        let mut invite = Request::new(Method::Invite, format!("sip:{number}@{host}"));
        invite.headers.push(HeaderName::Via, format!("SIP/2.0/TCP {host};branch=z9hG4bK{branch}"));
        invite.headers.push(HeaderName::MaxForwards, "70");
        let user = CallRecord::TEST_CALLER;
        invite.headers.push(HeaderName::From, format!("\"{CALLER_NAME}\" <sip:{user}@{host}>;tag={tag}"));
        invite.headers.push(HeaderName::To, format!("<sip:{number}@{host}>"));
        invite.headers.push(HeaderName::CallId, call_id.to_string());
        invite.headers.push(HeaderName::CSeq, "1 INVITE");
        invite.headers.push(HeaderName::Contact, format!("<sip:{user}@{host};transport=tcp>"));
        invite.headers.push(HeaderName::Allow, ALLOW);
        invite.headers.push(HeaderName::UserAgent, PRODUCT);
        invite.headers.push(HeaderName::ContentType, "application/sdp");
        invite.body = echo_sdp(echo, "sendrecv");
        invite
    }

    /// What goes out on this flow stays inside. Whether it did.
    pub(super) fn stays_inside(&mut self, flow: Flow, bytes: &Bytes, now: Now) -> bool {
        if flow != INSIDE {
            return false;
        }
        let reply = match guard::check(bytes.clone(), INSIDE.transport) {
            Ok(Message::Request(request)) => self.config.echo.and_then(|echo| answer(&request, echo)),
            Ok(Message::Response(response)) => self.acknowledge(&response),
            // It is our own writing.
            Err(_) => None,
        };
        if let Some(message) = reply {
            let raw = match &message {
                Message::Request(request) => request.to_bytes(),
                Message::Response(response) => response.to_bytes(),
            };
            self.sip_message(INSIDE, message, &raw, now);
        }
        true
    }

    /// The ACK of a final answer to an INVITE.
    fn acknowledge(&mut self, response: &Response) -> Option<Message> {
        let cseq = cseq::of(&response.headers)?;
        if response.status < 200 || cseq.method != Method::Invite.as_str() {
            return None;
        }
        let accepted = response.status < 300;
        let mut ack = Request::new(Method::Ack, format!("sip:{}", INSIDE.local));
        if accepted {
            let branch = self.draw_tag();
            ack.headers.push(HeaderName::Via, format!("SIP/2.0/TCP {};branch=z9hG4bK{branch}", INSIDE.local));
        }
        for name in [HeaderName::Via, HeaderName::From, HeaderName::To, HeaderName::CallId] {
            // The ACK of a refusal belongs to the INVITE's own transaction (RFC 3261 section 17.1.1.3).
            if accepted && name == HeaderName::Via {
                continue;
            }
            let value = response.headers.get(&name)?.clone();
            ack.headers.push(name, value);
        }
        ack.headers.push(HeaderName::CSeq, format!("{} ACK", cseq.number));
        Some(Message::Request(ack))
    }

    /// Somebody has heard themselves long enough.
    pub(super) fn end_test_call(&mut self, call: CallId, now: Now) {
        let due = self.calls.get(&call).and_then(|live| live.talk_until).is_some_and(|until| until <= now.mono);
        if due {
            let reason = format!("The test call was answered and ended by itself after {} s.", TALK.as_secs());
            self.tell_call(call, CallInput::EndNow { ending: CallEnding::Completed, reason }, now);
        }
    }

    /// Somebody has answered; only a test call ends by itself.
    pub(super) fn limit_test_call(&mut self, call: CallId, now: Now) {
        if let Some(live) = self.calls.get_mut(&call).filter(|live| live.record.is_test()) {
            live.talk_until = Some(now.mono + TALK);
        }
    }
}

/// The answer of the phone inside to whatever it is asked: yes.
fn answer(request: &Request, echo: SocketAddr) -> Option<Message> {
    if request.method == Method::Ack {
        return None;
    }
    let mut response = Response::to(request, 200, "OK", "inside");
    response.headers.push(HeaderName::Contact, format!("<sip:{};transport=tcp>", INSIDE.local));
    let body = std::str::from_utf8(&request.body).unwrap_or_default();
    let changes_sound = matches!(request.method, Method::Invite | Method::Update);
    if changes_sound && (request.method == Method::Invite || !body.is_empty()) {
        response.headers.push(HeaderName::ContentType, "application/sdp");
        // The mirror image of what is offered (RFC 3264 section 6.1).
        let says = |line: &str| body.lines().any(|one| one == line);
        let direction = if says("a=sendonly") {
            "recvonly"
        } else if says("a=inactive") {
            "inactive"
        } else {
            "sendrecv"
        };
        response.body = echo_sdp(echo, direction);
    }
    Some(Message::Response(response))
}

/// G.711, which every phone has (RFC 3551); the echo gives back whichever of the two the phone sends.
fn echo_sdp(echo: SocketAddr, direction: &str) -> Bytes {
    let (ip, port) = (echo.ip(), echo.port());
    let family = if ip.is_ipv4() { "IP4" } else { "IP6" };
    format!(
        "v=0\r\no=nightbell 1 1 IN {family} {ip}\r\ns=Nightbell\r\nc=IN {family} {ip}\r\nt=0 0\r\n\
         m=audio {port} RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n\
         a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na={direction}\r\n"
    )
    .into()
}
