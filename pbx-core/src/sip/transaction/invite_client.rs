//! A sent INVITE (RFC 3261 section 17.1.1 with the Accepted state of RFC 6026) and its CANCEL (section 9.1).
//!
//! Invariants: once the user wants no answer, the INVITE is not sent any more, or a phone that hears it only then would ring
//! for a call that is over. A CANCEL leaves only while no final answer has come. What crosses it is the user's: a 200 is
//! delivered like any other.
//!
//! One step beyond the RFC: section 9.1 wants a CANCEL to wait for a provisional answer, because it could overtake the
//! INVITE, and wants the INVITE repeated until then. On datagrams we wait for T1 only. A phone that has the INVITE, and
//! whose answers are lost, stops ringing; one that has not says 481; and if the INVITE comes after that, its first
//! provisional answer brings another CANCEL.

use std::time::Duration;

use bytes::Bytes;
use bytesstr::BytesStr;

use super::timer::{Class, Failure, GIVE_UP, Outbox, PROGRESS_LIMIT, T1, T2, doubled};
use super::{ClientTx, TxEvent};
use crate::model::{Flow, Moment};
use crate::sip::cseq;
use crate::sip::message::{HeaderName, Headers, Method, Request, Response};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// No answer yet (timers A, B).
    Calling,
    /// No answer yet, and the CANCEL waits for the first, on datagrams for T1 at most.
    Unwanted,
    /// A provisional answer came.
    Proceeding,
    /// The CANCEL was sent and is repeated until it is answered.
    Cancelling,
    /// A final answer other than 2xx came and was acknowledged (timer D).
    Completed,
    /// A 2xx came; more may follow (timer M).
    Accepted,
    /// Gone.
    Over,
}

/// What becomes of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// The user's.
    User,
    /// A 2xx that came when another final answer had ended the INVITE.
    Late,
    /// A repetition.
    Absorbed,
}

/// The machine.
pub(super) struct InviteClient {
    flow: Flow,
    state: State,
    /// What is repeated now: the INVITE, then the CANCEL, then the ACK.
    message: Bytes,
    /// What ACK and CANCEL share with the INVITE: Request-URI, top Via, Route, From, To, Call-ID, CSeq.
    head: Box<Request>,
    /// The Reason of a CANCEL that waits for its provisional.
    reason: Option<Box<str>>,
    /// The peer knew no INVITE when the CANCEL came.
    missed: bool,
    gap: Duration,
    repeat_at: Option<Moment>,
    end_at: Moment,
}

impl InviteClient {
    /// Sends the INVITE, whose top Via is ours.
    pub(super) fn new(flow: Flow, request: &Request, now: Moment, out: &mut Outbox) -> Self {
        let message = request.to_bytes();
        out.send(flow, &message);
        Self {
            flow,
            state: State::Calling,
            message,
            head: Box::new(head_of(request)),
            reason: None,
            missed: false,
            gap: T1,
            repeat_at: (!flow.transport.is_reliable()).then(|| now + T1),
            end_at: now + GIVE_UP,
        }
    }

    /// An INVITE of an earlier run that is taken back.
    pub(super) fn taken_back(flow: Flow, head: Request, now: Moment, out: &mut Outbox) -> Self {
        let mut machine = Self {
            flow,
            state: State::Proceeding,
            message: Bytes::new(),
            head: Box::new(head),
            reason: None,
            missed: false,
            gap: T1,
            repeat_at: None,
            end_at: now,
        };
        machine.send_cancel(now, out);
        machine
    }

    /// What ACK and CANCEL repeat, as text.
    pub(super) fn head(&self) -> Bytes {
        self.head.to_bytes()
    }

    /// Where it goes.
    pub(super) fn flow(&self) -> Flow {
        self.flow
    }

    /// Sends the INVITE out of turn while it has no answer and is wanted.
    pub(super) fn repeat(&mut self, now: Moment, out: &mut Outbox) {
        if self.state == State::Calling && !self.flow.transport.is_reliable() {
            out.send(self.flow, &self.message);
            self.gap = T1;
            self.repeat_at = Some(now + T1);
        }
    }

    /// The peer is reached over this flow now.
    pub(super) fn move_to(&mut self, flow: Flow) {
        self.flow = flow;
    }

    /// The next deadline; `None` when it is over.
    pub(super) fn deadline(&self) -> Option<Moment> {
        if self.state == State::Over {
            return None;
        }
        Some(self.repeat_at.map_or(self.end_at, |repeat_at| repeat_at.min(self.end_at)))
    }

    /// An answer to the INVITE.
    pub(super) fn receive(&mut self, response: &Response, now: Moment, out: &mut Outbox) -> Fate {
        match (self.state, Class::of(response.status)) {
            (State::Calling | State::Proceeding, Class::Provisional) => {
                self.repeat_at = None;
                self.message = Bytes::new();
                self.enter(State::Proceeding, now + PROGRESS_LIMIT);
                Fate::User
            }
            (State::Unwanted, Class::Provisional) => {
                self.send_cancel(now, out);
                Fate::User
            }
            (State::Cancelling, Class::Provisional) => {
                if std::mem::take(&mut self.missed) {
                    out.send(self.flow, &self.message);
                    self.gap = T1;
                    self.repeat_at = Some(now + T1);
                }
                Fate::User
            }
            (State::Calling | State::Unwanted | State::Proceeding | State::Cancelling, Class::Success) => {
                self.repeat_at = None;
                self.message = Bytes::new();
                self.enter(State::Accepted, now + GIVE_UP);
                Fate::User
            }
            (State::Calling | State::Unwanted | State::Proceeding | State::Cancelling, Class::Failure) => {
                self.repeat_at = None;
                self.message = self.ack(response).to_bytes();
                out.send(self.flow, &self.message);
                // Timer D: a stream brings no repeated answer.
                if self.flow.transport.is_reliable() {
                    self.enter(State::Over, now);
                } else {
                    self.enter(State::Completed, now + GIVE_UP);
                }
                Fate::User
            }
            (State::Completed, Class::Failure) => {
                out.send(self.flow, &self.message);
                Fate::Absorbed
            }
            (State::Completed, Class::Success) => Fate::Late,
            (State::Accepted, Class::Success) => Fate::User,
            (State::Accepted, Class::Provisional | Class::Failure)
            | (State::Completed, Class::Provisional)
            | (State::Over, _) => Fate::Absorbed,
        }
    }

    /// An answer to the CANCEL: a final one ends its repetition, whatever it says.
    pub(super) fn cancel_answered(&mut self, status: u16) {
        match (self.state, Class::of(status)) {
            (State::Cancelling, Class::Success) => self.repeat_at = None,
            (State::Cancelling, Class::Failure) => {
                self.repeat_at = None;
                self.missed = !self.flow.transport.is_reliable();
            }
            (State::Cancelling, Class::Provisional) => self.gap = T2,
            (
                State::Calling | State::Unwanted | State::Proceeding | State::Completed | State::Accepted | State::Over,
                _,
            ) => {}
        }
    }

    /// The user wants no answer any more.
    pub(super) fn cancel(&mut self, reason: Option<&str>, now: Moment, out: &mut Outbox) {
        match self.state {
            State::Calling => {
                self.reason = reason.map(Box::from);
                self.repeat_at = (!self.flow.transport.is_reliable()).then(|| now + T1);
                self.enter(State::Unwanted, self.end_at);
            }
            State::Proceeding => {
                self.reason = reason.map(Box::from);
                self.send_cancel(now, out);
            }
            State::Unwanted | State::Cancelling | State::Completed | State::Accepted | State::Over => {}
        }
    }

    /// The transport has failed.
    pub(super) fn failed(&mut self, tx: ClientTx, failure: Failure, now: Moment, out: &mut Outbox) {
        let ends = match self.state {
            State::Calling | State::Unwanted | State::Cancelling => true,
            State::Proceeding => failure.ends_heard_request(self.flow),
            State::Completed | State::Accepted => {
                if failure == Failure::StreamEnded {
                    self.close(tx, now, out);
                }
                false
            }
            State::Over => false,
        };
        if ends {
            out.tell(TxEvent::TransportFailed { tx });
            self.enter(State::Over, now);
        }
    }

    /// A deadline has passed.
    pub(super) fn handle_timeout(&mut self, tx: ClientTx, now: Moment, out: &mut Outbox) {
        if self.end_at <= now {
            match self.state {
                State::Calling | State::Unwanted | State::Cancelling => {
                    out.tell(TxEvent::TimedOut { tx });
                    self.enter(State::Over, now);
                }
                // Timer C: the peer has not said a word for too long, and an INVITE must have an end.
                State::Proceeding => self.send_cancel(now, out),
                State::Completed | State::Accepted | State::Over => self.close(tx, now, out),
            }
        } else if self.repeat_at.is_some_and(|repeat_at| repeat_at <= now) {
            if self.state == State::Unwanted {
                // Nothing was heard yet: timer B goes on.
                let end_at = self.end_at;
                self.send_cancel(now, out);
                self.end_at = end_at;
                return;
            }
            out.send(self.flow, &self.message);
            // Timer A doubles without a cap, timer E of the CANCEL stops at T2.
            let cap = if self.state == State::Cancelling { T2 } else { GIVE_UP };
            self.gap = doubled(self.gap, cap);
            self.repeat_at = Some(now + self.gap);
        }
    }

    /// After the final answer: the user is waiting for nothing but the repetitions of a 2xx.
    fn close(&mut self, tx: ClientTx, now: Moment, out: &mut Outbox) {
        if self.state == State::Accepted {
            out.tell(TxEvent::Closed { tx });
        }
        self.enter(State::Over, now);
    }

    fn send_cancel(&mut self, now: Moment, out: &mut Outbox) {
        let mut cancel = self.derived(Method::Cancel, self.head.headers.get(&HeaderName::To).cloned());
        if let Some(reason) = self.reason.take() {
            cancel.headers.push(HeaderName::Reason, String::from(reason));
        }
        self.message = cancel.to_bytes();
        out.send(self.flow, &self.message);
        self.gap = T1;
        self.repeat_at = (!self.flow.transport.is_reliable()).then(|| now + T1);
        self.enter(State::Cancelling, now + GIVE_UP);
    }

    /// The ACK of a final answer other than 2xx (RFC 3261 section 17.1.1.3).
    fn ack(&self, response: &Response) -> Request {
        self.derived(Method::Ack, response.headers.get(&HeaderName::To).cloned())
    }

    fn derived(&self, method: Method, to: Option<BytesStr>) -> Request {
        let number = cseq::of(&self.head.headers).map_or(0, |cseq| cseq.number);
        let cseq = BytesStr::from(format!("{number} {method}"));
        let mut request = Request::new(method, self.head.uri.clone());
        for header in self.head.headers.iter() {
            let value = match (&header.name, &to) {
                (HeaderName::CSeq, _) => cseq.clone(),
                (HeaderName::To, Some(to)) => to.clone(),
                (_, _) => header.value.clone(),
            };
            request.headers.push(header.name.clone(), value);
        }
        request.headers.push(HeaderName::MaxForwards, "70");
        request
    }

    /// The only writer of the state: every state has its end.
    fn enter(&mut self, state: State, end_at: Moment) {
        self.state = state;
        self.end_at = end_at;
    }
}

/// The part of an INVITE that its ACK and its CANCEL repeat.
fn head_of(request: &Request) -> Request {
    let mut headers = Headers::with_capacity(8);
    let mut via = false;
    for header in request.headers.iter() {
        let kept = if header.name == HeaderName::Via {
            !std::mem::replace(&mut via, true)
        } else {
            matches!(
                header.name,
                HeaderName::Route | HeaderName::From | HeaderName::To | HeaderName::CallId | HeaderName::CSeq
            )
        };
        if kept {
            headers.push(header.name.clone(), header.value.clone());
        }
    }
    Request { method: Method::Invite, uri: request.uri.clone(), headers, body: Bytes::new() }
}
