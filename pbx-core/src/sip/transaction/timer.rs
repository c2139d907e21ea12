//! The times of RFC 3261 section 17, and where the machines put what they want sent or told.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;

use super::TxEvent;
use crate::model::Flow;

/// Round-trip time estimate, the first retransmission gap (RFC 3261 section 17.1.1.1).
pub const T1: Duration = Duration::from_millis(500);
/// The longest gap between retransmissions of non-INVITE requests and INVITE answers (RFC 3261 section 17.1.2.2).
pub const T2: Duration = Duration::from_secs(4);
/// The longest a message stays in the network (RFC 3261 section 17.1.2.2): timers I and K.
pub const T4: Duration = Duration::from_secs(5);
/// 64*T1: timers B, D, F, H, J, L and M.
pub const GIVE_UP: Duration = Duration::from_secs(32);
/// How long a sent INVITE may stay without a word after its last provisional; then it is cancelled. Above the three
/// minutes of timer C (RFC 3261 section 16.6 step 11), so that a peer that repeats its 1xx each minute is never cut.
pub const PROGRESS_LIMIT: Duration = Duration::from_secs(185);
/// How long a received INVITE may stay without a word from the user before it is told so: longer than any ringing time,
/// announcement or queue that repeats its provisional.
pub const UNANSWERED_LIMIT: Duration = Duration::from_secs(600);
/// The one early repeat of a provisional on datagrams: a lost 180 means silence for the caller, and a phone that has
/// received the 100 does not ask again.
pub(super) const EARLY_REPEAT: Duration = Duration::from_secs(1);
/// The steady repeat of a provisional, so that no proxy on the way gives up (RFC 3261 section 13.3.1.1).
pub(super) const MINUTE_REPEAT: Duration = Duration::from_secs(60);

/// The next gap: twice the last, at most `cap`.
pub(super) fn doubled(gap: Duration, cap: Duration) -> Duration {
    gap.saturating_mul(2).min(cap)
}

/// The three kinds of answer the machines tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// 1xx.
    Provisional,
    /// 2xx.
    Success,
    /// 3xx to 6xx.
    Failure,
}

impl Class {
    /// The class of a status code.
    pub(super) fn of(status: u16) -> Self {
        match status {
            0..=199 => Self::Provisional,
            200..=299 => Self::Success,
            300.. => Self::Failure,
        }
    }
}

/// How the transport failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    /// The stream has ended: nothing more can come.
    StreamEnded,
    /// Something was not sent, or not taken: on datagrams the peer's port is closed, on streams the queue was full.
    NotSent,
}

impl Failure {
    /// Whether it ends a request that has a provisional answer. On a stream that request has been sent, so what was
    /// not sent is something else, and a phone that rings must not be forgotten.
    pub(super) fn ends_heard_request(self, flow: Flow) -> bool {
        match self {
            Self::StreamEnded => true,
            Self::NotSent => !flow.transport.is_reliable(),
        }
    }
}

/// What the machines want sent and told, in order.
#[derive(Default)]
pub(super) struct Outbox {
    /// Messages.
    pub(super) sends: VecDeque<(Flow, Bytes)>,
    /// Events.
    pub(super) events: VecDeque<TxEvent>,
}

impl Outbox {
    /// Queues a message; empty ones (no answer given yet) are not sent.
    pub(super) fn send(&mut self, flow: Flow, bytes: &Bytes) {
        if !bytes.is_empty() {
            self.sends.push_back((flow, bytes.clone()));
        }
    }

    /// Queues an event.
    pub(super) fn tell(&mut self, event: TxEvent) {
        self.events.push_back(event);
    }
}
