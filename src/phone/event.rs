//! What phones saw and did, with the millisecond: the raw material of timelines and assertions.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

/// The most events one log keeps; later ones are counted only. A load run must not grow without end.
const EVENTS_KEPT: usize = 100_000;

/// One thing that happened at one phone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Since the log was started.
    pub at: Duration,
    /// The phone's name (its extension unless it was given another).
    pub phone: String,
    /// What happened.
    pub kind: EventKind,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventKind {
    /// A socket is open; its own port.
    Connected(u16),
    /// The server closed the connection.
    ConnectionLost,
    /// The phone fell asleep without a word.
    FellAsleep,
    /// The phone was woken and begins to register.
    Woke,
    /// A request left.
    Sent(String),
    /// A challenge arrived (401 or 407) for this method.
    Challenged(String),
    /// The registration stands for so many seconds.
    Registered(u32),
    /// The registration is removed.
    Unregistered,
    /// A request of this method was refused with this status.
    Refused(String, u16),
    /// A call came in: the caller's number.
    CallArrived(String),
    /// A second INVITE came for a call that is known already: a fault of the server.
    CallArrivedTwice(String),
    /// A request came that this silent phone did not answer: its method.
    Ignored(String),
    /// A provisional answer came for our call.
    Progress(u16),
    /// We let it ring.
    Ringing,
    /// The call is answered, by us or by the other side.
    Answered,
    /// The first valid sound of the other side arrived.
    FirstSound,
    /// The call ended.
    Ended(String),
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connected(port) => write!(f, "connected from port {port}"),
            Self::ConnectionLost => f.write_str("the server closed the connection"),
            Self::FellAsleep => f.write_str("fell asleep"),
            Self::Woke => f.write_str("woke up"),
            Self::Sent(method) => write!(f, "sent {method}"),
            Self::Challenged(method) => write!(f, "was asked for its secret ({method})"),
            Self::Registered(seconds) => write!(f, "registered for {seconds} s"),
            Self::Unregistered => f.write_str("unregistered"),
            Self::Refused(method, status) => write!(f, "{method} refused ({status})"),
            Self::CallArrived(caller) => write!(f, "a call from {caller} arrived"),
            Self::CallArrivedTwice(caller) => write!(f, "the call from {caller} arrived a second time"),
            Self::Ignored(method) => write!(f, "ignored {method}"),
            Self::Progress(status) => write!(f, "hears progress ({status})"),
            Self::Ringing => f.write_str("rings"),
            Self::Answered => f.write_str("answered"),
            Self::FirstSound => f.write_str("hears the other side"),
            Self::Ended(how) => write!(f, "call over: {how}"),
        }
    }
}

/// A log that several phones can share; clones write into the same log.
#[derive(Debug, Clone)]
pub struct Events {
    started: Instant,
    log: Arc<Mutex<Vec<Event>>>,
    count: watch::Sender<usize>,
}

impl Default for Events {
    fn default() -> Self {
        Self::new()
    }
}

impl Events {
    /// An empty log whose clock starts now.
    pub fn new() -> Self {
        Self { started: Instant::now(), log: Arc::default(), count: watch::Sender::new(0) }
    }

    /// The log's clock: time since it was started.
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Everything so far, oldest first.
    pub fn all(&self) -> Vec<Event> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Everything so far at one phone.
    pub fn of(&self, phone: &str) -> Vec<Event> {
        self.all().into_iter().filter(|event| event.phone == phone).collect()
    }

    /// How many events at `phone` satisfy `wanted`.
    pub fn count(&self, phone: &str, wanted: impl Fn(&EventKind) -> bool) -> usize {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.iter().filter(|event| event.phone == phone && wanted(&event.kind)).count()
    }

    /// Waits at most `within` until an event at `phone` satisfies `wanted`; `None` when none came.
    pub async fn wait(&self, phone: &str, within: Duration, wanted: impl Fn(&EventKind) -> bool) -> Option<Event> {
        let mut count = self.count.subscribe();
        let mut seen = 0;
        let search = async {
            loop {
                let fresh: Vec<Event> = {
                    let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
                    let fresh = log.iter().skip(seen).cloned().collect();
                    seen = log.len();
                    fresh
                };
                if let Some(event) = fresh.into_iter().find(|event| event.phone == phone && wanted(&event.kind)) {
                    return Some(event);
                }
                if count.changed().await.is_err() {
                    return None;
                }
            }
        };
        tokio::time::timeout(within, search).await.ok().flatten()
    }

    /// Writes one event with the present time; for a story that has more actors than phones (a push provider, say).
    pub fn note(&self, phone: &str, kind: EventKind) {
        let at = self.started.elapsed();
        tracing::debug!(phone, %kind, "phone event");
        {
            let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
            if log.len() < EVENTS_KEPT {
                log.push(Event { at, phone: phone.to_owned(), kind });
            }
        }
        self.count.send_modify(|count| *count += 1);
    }
}
