//! A received request other than INVITE (RFC 3261 section 17.2.2).

use bytes::Bytes;

use super::timer::{Class, GIVE_UP, Outbox};
use crate::model::{Flow, Moment};
use crate::sip::message::Response;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// No answer yet; repetitions are absorbed.
    Trying,
    /// A provisional answer is repeated.
    Proceeding,
    /// The final answer is repeated (timer J).
    Completed,
    /// Gone.
    Over,
}

/// The machine.
pub(super) struct OtherServer {
    flow: Flow,
    state: State,
    answer: Bytes,
    end_at: Moment,
}

impl OtherServer {
    /// A newly accepted request. After 64*T1 the client has given up and an answer would be stray (RFC 4320 section 4.2).
    pub(super) fn new(flow: Flow, now: Moment) -> Self {
        Self { flow, state: State::Trying, answer: Bytes::new(), end_at: now + GIVE_UP }
    }

    /// How it came.
    pub(super) fn flow(&self) -> Flow {
        self.flow
    }

    /// The next deadline; `None` when it is over.
    pub(super) fn deadline(&self) -> Option<Moment> {
        (self.state != State::Over).then_some(self.end_at)
    }

    /// The user's answer; one after the final answer is ignored.
    pub(super) fn respond(&mut self, response: &Response, now: Moment, out: &mut Outbox) {
        match (self.state, Class::of(response.status)) {
            (State::Trying | State::Proceeding, Class::Provisional) => self.enter(State::Proceeding, self.end_at),
            (State::Trying | State::Proceeding, Class::Success | Class::Failure) => {
                if self.flow.transport.is_reliable() {
                    self.enter(State::Over, now);
                } else {
                    self.enter(State::Completed, now + GIVE_UP);
                }
            }
            (State::Completed | State::Over, _) => return,
        }
        self.answer = response.to_bytes();
        out.send(self.flow, &self.answer);
    }

    /// The request came again.
    pub(super) fn repeated(&self, out: &mut Outbox) {
        match self.state {
            State::Proceeding | State::Completed => out.send(self.flow, &self.answer),
            State::Trying | State::Over => {}
        }
    }

    /// The stream is gone.
    pub(super) fn lost(&mut self, now: Moment) {
        self.enter(State::Over, now);
    }

    /// A deadline has passed.
    pub(super) fn handle_timeout(&mut self, now: Moment) {
        if self.end_at <= now {
            self.enter(State::Over, now);
        }
    }

    /// The only writer of the state: every state has its end.
    fn enter(&mut self, state: State, end_at: Moment) {
        self.state = state;
        self.end_at = end_at;
    }
}
