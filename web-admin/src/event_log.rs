//! What happened, numbered, so that a reader who was away for a moment can go on where it stopped.
//!
//! One task numbers the switchboard's notices, keeps the newest in a ring and passes them on. A name is `run-number`: another
//! run of Nightbell, or a number that has left the ring, means that something was missed, and the reader is told to look at
//! everything anew.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use pbx_core::model::UnixMillis;
use pbx_core::switchboard::output::Notice;
use serde::Serialize;
use tokio::sync::broadcast;

use crate::clock;

/// Some twenty seconds of the busiest office (200 changes a second); a browser is back within three.
const RING: usize = 4096;
/// Events a reader may lag behind before it is dropped.
const LAG: usize = 1024;

/// One numbered event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub(crate) struct LoggedEvent {
    /// Counts up within one run of Nightbell.
    #[serde(skip)]
    pub(crate) number: u64,
    /// When it happened.
    pub(crate) at: UnixMillis,
    /// What it is about.
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
    /// The extension that, or a device of which, changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) extension: Option<String>,
    /// The call that began, moved on or ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) call: Option<i64>,
}

#[derive(Debug)]
struct Ring {
    newest: u64,
    events: VecDeque<Arc<LoggedEvent>>,
}

/// The log; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct EventLog {
    run: i64,
    ring: Arc<Mutex<Ring>>,
    out: broadcast::Sender<Arc<LoggedEvent>>,
}

/// What a reader gets first.
#[derive(Debug)]
pub(crate) struct Resumed {
    /// Events behind the one it saw last.
    pub(crate) missed: Vec<Arc<LoggedEvent>>,
    /// Some are lost: it must look at everything anew.
    pub(crate) lost: bool,
    /// The number of the newest event it has or is about to get.
    pub(crate) newest: u64,
    pub(crate) following: broadcast::Receiver<Arc<LoggedEvent>>,
}

impl EventLog {
    /// Starts numbering; ends by itself when the switchboard is gone.
    pub(crate) fn start(mut notices: broadcast::Receiver<Notice>, run: UnixMillis) -> Self {
        let ring = Ring { newest: 0, events: VecDeque::with_capacity(RING) };
        let log = Self { run: run.0, ring: Arc::new(Mutex::new(ring)), out: broadcast::channel(LAG).0 };
        let writer = log.clone();
        tokio::spawn(async move {
            loop {
                match notices.recv().await {
                    Ok(notice) => writer.add(notice, clock::now()),
                    // What is lost here is lost for every reader: empty the ring, so that nobody resumes over the gap.
                    Err(broadcast::error::RecvError::Lagged(count)) => writer.skip(count),
                    Err(broadcast::error::RecvError::Closed) => return,
                }
            }
        });
        log
    }

    fn add(&self, notice: Notice, at: UnixMillis) {
        let (kind, extension, call) = match notice {
            Notice::Extension(number) => ("extension", Some(number.to_string()), None),
            Notice::Call(call) => ("call", None, Some(call.0)),
            Notice::Settings => ("settings", None, None),
        };
        let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        ring.newest += 1;
        let event = Arc::new(LoggedEvent { number: ring.newest, at, kind, extension, call });
        if ring.events.len() == RING {
            ring.events.pop_front();
        }
        ring.events.push_back(event.clone());
        // Under the lock, so that a reader that resumes gets each event once. Nobody listening is no failure.
        let _ = self.out.send(event);
    }

    fn skip(&self, count: u64) {
        let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        ring.newest += count;
        ring.events.clear();
    }

    /// Where a reader goes on that saw `last` last; without it, from this moment.
    pub(crate) fn resume(&self, last: Option<&str>) -> Resumed {
        let ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        let following = self.out.subscribe();
        let newest = ring.newest;
        let Some(last) = last else { return Resumed { missed: Vec::new(), lost: false, newest, following } };
        let seen = last.split_once('-').and_then(|(run, number)| Some((run.parse().ok()?, number.parse().ok()?)));
        let Some(seen) = seen.filter(|(run, seen): &(i64, u64)| *run == self.run && *seen <= newest).map(|it| it.1)
        else {
            return Resumed { missed: Vec::new(), lost: true, newest, following };
        };
        let missed: Vec<_> = ring.events.iter().filter(|event| event.number > seen).cloned().collect();
        let lost = u64::try_from(missed.len()) != Ok(newest - seen);
        let missed = if lost { Vec::new() } else { missed };
        Resumed { missed, lost, newest, following }
    }

    /// The name of an event.
    pub(crate) fn name(&self, number: u64) -> String {
        format!("{}-{number}", self.run)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log() -> EventLog {
        let ring = Ring { newest: 0, events: VecDeque::new() };
        EventLog { run: 7, ring: Arc::new(Mutex::new(ring)), out: broadcast::channel(LAG).0 }
    }

    #[test]
    fn a_reader_goes_on_behind_what_it_saw() {
        let log = log();
        for _ in 0..5 {
            log.add(Notice::Settings, UnixMillis(1));
        }
        let resumed = log.resume(Some("7-3"));
        let numbers: Vec<u64> = resumed.missed.iter().map(|event| event.number).collect();
        assert_eq!((numbers, resumed.lost, resumed.newest), (vec![4, 5], false, 5));
        assert!(log.resume(None).missed.is_empty());
        assert!(!log.resume(Some("7-5")).lost);
    }

    #[test]
    fn what_left_the_ring_or_came_from_another_run_is_said_to_be_lost() {
        let log = log();
        for _ in 0..RING + 2 {
            log.add(Notice::Settings, UnixMillis(1));
        }
        assert_eq!(log.ring.lock().unwrap().events.len(), RING);
        for last in ["7-1", "8-4000", "7-999999", "x", "", "7-"] {
            let resumed = log.resume(Some(last));
            assert!(resumed.lost && resumed.missed.is_empty(), "{last}");
        }
        assert!(!log.resume(Some("7-2")).lost);
    }

    #[test]
    fn nobody_resumes_over_a_gap() {
        let log = log();
        log.add(Notice::Settings, UnixMillis(1));
        log.skip(3);
        log.add(Notice::Settings, UnixMillis(2));
        assert!(log.resume(Some("7-1")).lost);
        assert!(!log.resume(Some("7-4")).lost);
    }
}
