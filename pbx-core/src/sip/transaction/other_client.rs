//! A sent request other than INVITE (RFC 3261 section 17.1.2).

use std::time::Duration;

use bytes::Bytes;

use super::timer::{Class, Failure, GIVE_UP, Outbox, T1, T2, T4, doubled};
use super::{ClientTx, TxEvent};
use crate::model::{Flow, Moment};
use crate::sip::message::{Method, Request, Response};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// No answer yet (timers E, F).
    Trying,
    /// A provisional answer came; repeated each T2 (timers E, F).
    Proceeding,
    /// The final answer came; repetitions of it are absorbed (timer K).
    Completed,
    /// Gone.
    Over,
}

/// The machine.
pub(super) struct OtherClient {
    flow: Flow,
    state: State,
    method: Method,
    message: Bytes,
    gap: Duration,
    repeat_at: Option<Moment>,
    end_at: Moment,
}

impl OtherClient {
    /// Sends the request, whose top Via is ours.
    pub(super) fn new(flow: Flow, request: &Request, now: Moment, out: &mut Outbox) -> Self {
        let message = request.to_bytes();
        out.send(flow, &message);
        Self {
            flow,
            state: State::Trying,
            method: request.method.clone(),
            message,
            gap: T1,
            repeat_at: (!flow.transport.is_reliable()).then(|| now + T1),
            end_at: now + GIVE_UP,
        }
    }

    /// Where it goes.
    pub(super) fn flow(&self) -> Flow {
        self.flow
    }

    /// Whether an answer with this method in CSeq can be one to this request (RFC 3261 section 17.1.3).
    pub(super) fn asks(&self, method: &str) -> bool {
        self.method.as_str() == method
    }

    /// The next deadline; `None` when it is over.
    pub(super) fn deadline(&self) -> Option<Moment> {
        if self.state == State::Over {
            return None;
        }
        Some(self.repeat_at.map_or(self.end_at, |repeat_at| repeat_at.min(self.end_at)))
    }

    /// An answer; whether it is the user's.
    pub(super) fn receive(&mut self, response: &Response, now: Moment) -> bool {
        match (self.state, Class::of(response.status)) {
            (State::Trying | State::Proceeding, Class::Provisional) => {
                self.enter(State::Proceeding, self.end_at);
                true
            }
            (State::Trying | State::Proceeding, Class::Success | Class::Failure) => {
                self.repeat_at = None;
                self.message = Bytes::new();
                if self.flow.transport.is_reliable() {
                    self.enter(State::Over, now);
                } else {
                    self.enter(State::Completed, now + T4);
                }
                true
            }
            (State::Completed | State::Over, _) => false,
        }
    }

    /// The transport has failed.
    pub(super) fn failed(&mut self, tx: ClientTx, failure: Failure, now: Moment, out: &mut Outbox) {
        let ends = match self.state {
            State::Trying => true,
            State::Proceeding => failure.ends_heard_request(self.flow),
            State::Completed => {
                if failure == Failure::StreamEnded {
                    self.enter(State::Over, now);
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
                State::Trying | State::Proceeding => {
                    out.tell(TxEvent::TimedOut { tx });
                    self.enter(State::Over, now);
                }
                State::Completed | State::Over => self.enter(State::Over, now),
            }
        } else if self.repeat_at.is_some_and(|repeat_at| repeat_at <= now) {
            out.send(self.flow, &self.message);
            self.gap = match self.state {
                State::Proceeding => T2,
                State::Trying | State::Completed | State::Over => doubled(self.gap, T2),
            };
            self.repeat_at = Some(now + self.gap);
        }
    }

    /// The only writer of the state: every state has its end.
    fn enter(&mut self, state: State, end_at: Moment) {
        self.state = state;
        self.end_at = end_at;
    }
}
