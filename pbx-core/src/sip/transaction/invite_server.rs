//! A received INVITE (RFC 3261 section 17.2.1 with the Accepted state of RFC 6026).
//!
//! One step beyond the RFC for the user's sake: the 2xx, too, is repeated here until its ACK is seen (RFC 3261 section
//! 13.3.1.4 gives that to the user), and a ringing provisional is repeated so that a lost one is not silence for ever.

use std::time::Duration;

use bytes::Bytes;

use super::timer::{Class, EARLY_REPEAT, GIVE_UP, MINUTE_REPEAT, Outbox, T1, T2, T4, UNANSWERED_LIMIT, doubled};
use super::{ServerTx, TxEvent};
use crate::model::{Flow, Moment};
use crate::sip::message::{HeaderName, Response, tag_of};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// No final answer yet.
    Proceeding,
    /// No final answer yet, and the peer has taken the INVITE back.
    Cancelled,
    /// No final answer for so long that the user was told to give one.
    Overdue,
    /// 2xx sent, its ACK not seen (timer L).
    Accepted,
    /// 2xx sent and acknowledged; repeated INVITEs are still absorbed (timer L).
    Acknowledged,
    /// Another final answer sent, its ACK not seen (timers G, H).
    Completed,
    /// Its ACK was seen; repeated ACKs are absorbed (timer I).
    Confirmed,
    /// Gone.
    Over,
}

/// What an ACK that matched by branch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Acked {
    /// The ACK of a non-2xx answer: done with.
    Here,
    /// The ACK of a 2xx: the user's.
    User,
}

/// The machine.
pub(super) struct InviteServer {
    flow: Flow,
    state: State,
    /// The last answer, empty before the first.
    answer: Bytes,
    /// The tag in the user's answers, for the answer to a CANCEL.
    to_tag: Option<Box<str>>,
    gap: Duration,
    repeat_at: Option<Moment>,
    end_at: Moment,
}

impl InviteServer {
    /// A newly accepted INVITE.
    pub(super) fn new(flow: Flow, now: Moment) -> Self {
        Self {
            flow,
            state: State::Proceeding,
            answer: Bytes::new(),
            to_tag: None,
            gap: T1,
            repeat_at: None,
            end_at: now + UNANSWERED_LIMIT,
        }
    }

    /// How it came.
    pub(super) fn flow(&self) -> Flow {
        self.flow
    }

    /// The next deadline; `None` when it is over.
    pub(super) fn deadline(&self) -> Option<Moment> {
        if self.state == State::Over {
            return None;
        }
        Some(self.repeat_at.map_or(self.end_at, |repeat_at| repeat_at.min(self.end_at)))
    }

    /// The tag the user has put into To.
    pub(super) fn to_tag(&self) -> Option<&str> {
        self.to_tag.as_deref()
    }

    /// The user's answer. After a final one only the same 2xx may follow; anything else is ignored.
    pub(super) fn respond(&mut self, response: &Response, now: Moment, out: &mut Outbox) {
        match (self.state, Class::of(response.status)) {
            (State::Proceeding | State::Cancelled | State::Overdue, Class::Provisional) => {
                self.keep(response);
                self.gap = if self.flow.transport.is_reliable() { MINUTE_REPEAT } else { EARLY_REPEAT };
                self.repeat_at = (response.status > 100).then(|| now + self.gap);
                if self.state == State::Proceeding {
                    self.end_at = now + UNANSWERED_LIMIT;
                }
            }
            (State::Proceeding | State::Cancelled | State::Overdue, Class::Success) => {
                self.keep(response);
                self.gap = T1;
                self.repeat_at = Some(now + T1);
                self.enter(State::Accepted, now + GIVE_UP);
            }
            (State::Proceeding | State::Cancelled | State::Overdue, Class::Failure) => {
                self.keep(response);
                self.gap = T1;
                self.repeat_at = (!self.flow.transport.is_reliable()).then(|| now + T1);
                self.enter(State::Completed, now + GIVE_UP);
            }
            (State::Accepted | State::Acknowledged, Class::Success) => self.keep(response),
            (State::Accepted | State::Acknowledged, Class::Provisional | Class::Failure)
            | (State::Completed | State::Confirmed | State::Over, _) => return,
        }
        out.send(self.flow, &self.answer);
    }

    /// The INVITE came again.
    pub(super) fn repeated(&self, out: &mut Outbox) {
        match self.state {
            State::Proceeding | State::Cancelled | State::Overdue | State::Completed => {
                out.send(self.flow, &self.answer);
            }
            // The 2xx has its own schedule; RFC 6026 section 7.1 absorbs the INVITE.
            State::Accepted | State::Acknowledged | State::Confirmed | State::Over => {}
        }
    }

    /// An ACK with the INVITE's branch. One that comes before any final answer is nobody's.
    pub(super) fn ack(&mut self, now: Moment) -> Acked {
        match self.state {
            State::Completed => {
                self.repeat_at = None;
                if self.flow.transport.is_reliable() {
                    self.enter(State::Over, now);
                } else {
                    self.enter(State::Confirmed, now + T4);
                }
                Acked::Here
            }
            State::Accepted | State::Acknowledged => Acked::User,
            State::Proceeding | State::Cancelled | State::Overdue | State::Confirmed | State::Over => Acked::Here,
        }
    }

    /// A CANCEL came. Whether the user must end the call: not when it has answered, and not twice.
    pub(super) fn cancel(&mut self, now: Moment) -> bool {
        match self.state {
            State::Proceeding | State::Overdue => {
                self.repeat_at = None;
                self.enter(State::Cancelled, now + GIVE_UP);
                true
            }
            State::Cancelled
            | State::Accepted
            | State::Acknowledged
            | State::Completed
            | State::Confirmed
            | State::Over => false,
        }
    }

    /// The user saw the ACK of its 2xx.
    pub(super) fn acknowledged(&mut self) {
        match self.state {
            State::Accepted => {
                self.repeat_at = None;
                self.enter(State::Acknowledged, self.end_at);
            }
            State::Proceeding
            | State::Cancelled
            | State::Overdue
            | State::Acknowledged
            | State::Completed
            | State::Confirmed
            | State::Over => {}
        }
    }

    /// The stream is gone: nobody can be answered. The ACK of a 2xx may still come over another one; without it the user
    /// must hear that the call never came about.
    pub(super) fn lost(&mut self, now: Moment) {
        self.repeat_at = None;
        match self.state {
            State::Accepted => {}
            State::Proceeding
            | State::Cancelled
            | State::Overdue
            | State::Acknowledged
            | State::Completed
            | State::Confirmed
            | State::Over => self.enter(State::Over, now),
        }
    }

    /// A deadline has passed.
    pub(super) fn handle_timeout(&mut self, tx: ServerTx, now: Moment, out: &mut Outbox) {
        if self.end_at <= now {
            self.end(tx, now, out);
        } else if self.repeat_at.is_some_and(|repeat_at| repeat_at <= now) {
            out.send(self.flow, &self.answer);
            self.gap = match self.state {
                State::Proceeding | State::Cancelled | State::Overdue => MINUTE_REPEAT,
                State::Accepted | State::Completed => doubled(self.gap, T2),
                State::Acknowledged | State::Confirmed | State::Over => return self.repeat_at = None,
            };
            self.repeat_at = Some(now + self.gap);
        }
    }

    fn end(&mut self, tx: ServerTx, now: Moment, out: &mut Outbox) {
        match self.state {
            State::Proceeding => {
                out.tell(TxEvent::Unanswered { tx });
                self.repeat_at = None;
                self.enter(State::Overdue, now + GIVE_UP);
            }
            State::Accepted => {
                out.tell(TxEvent::AckMissing { tx });
                self.enter(State::Over, now);
            }
            State::Cancelled
            | State::Overdue
            | State::Acknowledged
            | State::Completed
            | State::Confirmed
            | State::Over => self.enter(State::Over, now),
        }
    }

    fn keep(&mut self, response: &Response) {
        self.answer = response.to_bytes();
        if let Some(tag) = response.headers.get(&HeaderName::To).and_then(|to| tag_of(to)) {
            self.to_tag = Some(tag.into());
        }
    }

    /// The only writer of the state: every state has its end.
    fn enter(&mut self, state: State, end_at: Moment) {
        self.state = state;
        self.end_at = end_at;
    }
}
