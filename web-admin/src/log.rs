//! The log of the process in hand: its last lines, and how much is written.
//!
//! The wiring feeds [`Tail`] with every line it writes and says how the filter is changed. A louder filter ends by itself, so that a
//! forgotten `debug` does not fill a disk; a restart goes back to the boot settings.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Lines that are kept; an office at `info` writes some hundreds a day.
const LINES: usize = 2000;
/// Longer lines are cut; with [`LINES`] it bounds the memory to 8 MB.
const LINE_BYTES: usize = 4096;
/// How long a changed filter holds, in minutes.
pub(crate) const MINUTES: std::ops::RangeInclusive<u32> = 1..=1440;

/// The last lines of the log; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Tail(Arc<Mutex<VecDeque<String>>>);

impl Tail {
    /// Adds a line as it was written.
    pub fn push(&self, line: &[u8]) {
        let line = String::from_utf8_lossy(&line[..line.len().min(LINE_BYTES)]);
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() >= LINES {
            lines.pop_front();
        }
        lines.push_back(line.trim_end().to_owned());
    }

    /// The last `limit` lines that hold `search`, in the order they were written.
    pub(crate) fn last(&self, search: &str, limit: usize) -> Vec<String> {
        let search = search.to_lowercase();
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = lines.iter().rev().filter(|line| search.is_empty() || line.to_lowercase().contains(&search));
        let mut found: Vec<String> = found.take(limit).cloned().collect();
        found.reverse();
        found
    }
}

/// Changes the filter; why it is refused.
type SetFilter = dyn Fn(&str) -> Result<(), String> + Send + Sync;

/// The log as pages and API see it; cheap to clone.
#[derive(Clone)]
pub struct LogDoor {
    tail: Tail,
    set: Arc<SetFilter>,
    /// The filter of the boot settings, and the one in force.
    filter: Arc<Mutex<(String, String)>>,
    /// The task that ends the filter in force.
    end: Arc<Mutex<Option<tokio::task::AbortHandle>>>,
}

impl fmt::Debug for LogDoor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogDoor").field("filter", &self.filter).finish_non_exhaustive()
    }
}

impl LogDoor {
    /// A log with these last lines, whose filter is `boot` and is changed by `set`.
    pub fn new(tail: Tail, boot: &str, set: impl Fn(&str) -> Result<(), String> + Send + Sync + 'static) -> Self {
        let filter = Arc::new(Mutex::new((boot.to_owned(), boot.to_owned())));
        Self { tail, set: Arc::new(set), filter, end: Arc::default() }
    }

    pub(crate) const fn tail(&self) -> &Tail {
        &self.tail
    }

    /// The filter in force, and the one of the boot settings.
    pub(crate) fn filter(&self) -> (String, String) {
        let (boot, now) = self.filter.lock().unwrap_or_else(PoisonError::into_inner).clone();
        (now, boot)
    }

    /// Puts another filter in force; after `minutes` the one of the boot settings comes back.
    pub(crate) fn set(&self, filter: &str, minutes: u32) -> Result<(), String> {
        (self.set)(filter)?;
        let is_boot = {
            let mut kept = self.filter.lock().unwrap_or_else(PoisonError::into_inner);
            filter.clone_into(&mut kept.1);
            kept.0 == filter
        };
        tracing::warn!(filter, minutes, "the log's filter was changed");
        let mut end = self.end.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(earlier) = end.take() {
            earlier.abort();
        }
        if !is_boot {
            let this = self.clone();
            let task = tokio::spawn(async move {
                tokio::time::sleep(Duration::from_secs(u64::from(minutes) * 60)).await;
                this.back();
            });
            *end = Some(task.abort_handle());
        }
        Ok(())
    }

    /// Puts the filter of the boot settings in force.
    fn back(&self) {
        let mut kept = self.filter.lock().unwrap_or_else(PoisonError::into_inner);
        kept.1 = kept.0.clone();
        // It was in force before, so it is no surprise that it is understood.
        let _ = (self.set)(&kept.0);
        tracing::info!(filter = kept.0, "the log's filter is back at the boot settings");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_kept_and_found() {
        let tail = Tail::default();
        for n in 0..LINES + 5 {
            tail.push(format!("INFO line {n}\n").as_bytes());
        }
        tail.push(&vec![b'x'; 10 * LINE_BYTES]);
        assert_eq!(tail.last("LINE 2004", 10), ["INFO line 2004"]);
        assert_eq!(
            tail.last("line 5", 10_000).first().map(String::as_str),
            Some("INFO line 50"),
            "line 5 was pushed out"
        );
        assert_eq!(tail.last("", 1)[0].len(), LINE_BYTES);
    }

    #[tokio::test]
    async fn a_louder_filter_has_one_end_and_a_wrong_one_changes_nothing() {
        let log = LogDoor::new(Tail::default(), "info", |filter| {
            if filter == "nonsense=" { Err("no filter".to_owned()) } else { Ok(()) }
        });
        let end = || log.end.lock().unwrap().clone();
        assert!(log.set("nonsense=", 5).is_err());
        assert_eq!((log.filter().0.as_str(), end().is_some()), ("info", false));
        log.set("debug", 5).unwrap();
        let first = end().unwrap();
        log.set("trace", 5).unwrap();
        while !first.is_finished() {
            tokio::task::yield_now().await;
        }
        assert_eq!(log.filter(), ("trace".to_owned(), "info".to_owned()), "the first end was called off");
        log.back();
        assert_eq!(log.filter().0, "info");
        log.set("info", 5).unwrap();
        assert!(end().is_none(), "there is nothing to end");
    }
}
