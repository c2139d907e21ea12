//! A bench with made-up time: what went out when, what was told when.

mod network;
mod random;
mod received;
mod sent;

use std::time::Duration;

use bytes::Bytes;

use super::*;
use crate::model::{ConnectionId, Transport};
use crate::sip::{cseq, guard};

/// No test needs more steps; more means that two deadlines chase each other.
const STEP_LIMIT: usize = 10_000;

fn udp() -> Flow {
    Flow {
        transport: Transport::Udp,
        local: "192.0.2.1:5060".parse().unwrap(),
        remote: "203.0.113.9:40000".parse().unwrap(),
        connection: ConnectionId(0),
    }
}

fn tcp() -> Flow {
    Flow { transport: Transport::Tcp, connection: ConnectionId(7), ..udp() }
}

/// A request as a phone would send it.
fn from_phone(method: Method, branch: &str, cseq: u32) -> Request {
    let mut request = Request::new(method.clone(), "sip:20@pbx.example");
    let headers = &mut request.headers;
    headers.push(HeaderName::Via, format!("SIP/2.0/UDP 10.0.0.5:5060;rport;branch={branch}"));
    headers.push(HeaderName::MaxForwards, "70");
    headers.push(HeaderName::From, "\"Desk\" <sip:10@pbx.example>;tag=phone");
    headers.push(HeaderName::To, "<sip:20@pbx.example>");
    headers.push(HeaderName::CallId, "call-1");
    headers.push(HeaderName::CSeq, format!("{cseq} {method}"));
    request
}

/// A request as the switchboard would send it, without Via.
fn from_us(method: Method) -> Request {
    let mut request = Request::new(method.clone(), "sip:20@10.0.0.5:5060;ob");
    let headers = &mut request.headers;
    headers.push(HeaderName::Route, "<sip:edge.example;lr>");
    headers.push(HeaderName::MaxForwards, "70");
    headers.push(HeaderName::From, "<sip:10@pbx.example>;tag=us");
    headers.push(HeaderName::To, "<sip:20@pbx.example>");
    headers.push(HeaderName::CallId, "call-2");
    headers.push(HeaderName::CSeq, format!("4 {method}"));
    headers.push(HeaderName::Contact, "<sip:pbx@192.0.2.1>");
    request
}

/// The first words of a message: `INVITE` or `200 INVITE`.
fn gist(bytes: &Bytes) -> String {
    let message = parsed(bytes);
    match &message {
        Message::Request(request) => request.method.to_string(),
        Message::Response(response) => format!("{} {}", response.status, cseq::of(&response.headers).unwrap().method),
    }
}

/// A message of ours, read back as a peer would.
fn parsed(bytes: &Bytes) -> Message {
    guard::check(bytes.clone(), Transport::Udp).unwrap()
}

fn header(bytes: &Bytes, name: HeaderName) -> String {
    parsed(bytes).headers().get(&name).map(|value| value.to_string()).unwrap_or_default()
}

struct Bench {
    all: Transactions,
    now: Moment,
    /// Everything sent, with the millisecond.
    sent: Vec<(u64, Flow, Bytes)>,
    /// Everything told, with the millisecond.
    told: Vec<(u64, TxEvent)>,
}

impl Bench {
    fn new() -> Self {
        Self {
            all: Transactions::new([3; 32]),
            now: Moment::from_micros(1_000_000),
            sent: Vec::new(),
            told: Vec::new(),
        }
    }

    fn millis(&self) -> u64 {
        self.now.as_micros() / 1000 - 1000
    }

    fn drain(&mut self) {
        let at = self.millis();
        while let Some((flow, bytes)) = self.all.poll_send() {
            self.sent.push((at, flow, bytes));
        }
        while let Some(event) = self.all.poll_event() {
            self.told.push((at, event));
        }
    }

    /// Lets this time pass, handling each deadline at its moment.
    fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        for _ in 0..STEP_LIMIT {
            self.drain();
            match self.all.poll_timeout().filter(|deadline| *deadline <= until) {
                Some(deadline) => {
                    assert!(deadline >= self.now, "a deadline in the past was left over");
                    self.now = deadline;
                    self.all.handle_timeout(deadline);
                    self.drain();
                    assert!(self.all.poll_timeout().is_none_or(|next| next > deadline));
                }
                None => {
                    self.now = until;
                    return;
                }
            }
        }
        panic!("more than {STEP_LIMIT} steps");
    }

    fn pass_millis(&mut self, millis: u64) {
        self.pass(Duration::from_millis(millis));
    }

    /// What went out since the last look, as (millisecond, gist).
    fn take_sent(&mut self) -> Vec<(u64, String)> {
        self.drain();
        std::mem::take(&mut self.sent).into_iter().map(|(at, _, bytes)| (at, gist(&bytes))).collect()
    }

    /// The moments at which a message with this gist went out since the last look; nothing else may have gone out.
    fn times_of(&mut self, wanted: &str) -> Vec<u64> {
        let sent = self.take_sent();
        for (at, gist) in &sent {
            assert_eq!(gist, wanted, "at {at} ms");
        }
        sent.into_iter().map(|(at, _)| at).collect()
    }

    /// The moments at which messages with this gist have gone out so far.
    fn sent_times(&mut self, wanted: &str) -> Vec<u64> {
        self.drain();
        self.sent.iter().filter(|(_, _, bytes)| gist(bytes) == wanted).map(|(at, ..)| *at).collect()
    }

    fn last_sent(&mut self) -> Bytes {
        self.drain();
        self.sent.last().unwrap().2.clone()
    }

    fn receive(&mut self, flow: Flow, request: &Request) -> Incoming {
        self.all.receive(flow, Message::Request(request.clone()), self.now)
    }

    /// A request arrives that nobody knows, and is accepted.
    fn accepted(&mut self, flow: Flow, request: &Request) -> (ServerTx, Request) {
        let Incoming::Request { request } = self.receive(flow, request) else { panic!("not a new request") };
        (self.all.accept(flow, &request, self.now).unwrap(), request)
    }

    fn respond(&mut self, tx: ServerTx, request: &Request, status: u16) {
        self.all.respond(tx, &Response::to(request, status, "Reason", "ours"), self.now);
    }

    fn request(&mut self, flow: Flow, method: Method) -> (ClientTx, Request) {
        let tx = self.all.request(flow, from_us(method), self.now);
        let Message::Request(sent) = parsed(&self.last_sent()) else { panic!("not a request") };
        (tx, sent)
    }

    fn answer(&mut self, sent: &Request, status: u16, tag: &'static str) -> Incoming {
        let response = Response::to(sent, status, "Reason", tag);
        self.all.receive(udp(), Message::Response(response), self.now)
    }
}

fn is_response(incoming: &Incoming, wanted: ClientTx, status: u16) -> bool {
    matches!(incoming, Incoming::Response { tx, response } if *tx == wanted && response.status == status)
}
