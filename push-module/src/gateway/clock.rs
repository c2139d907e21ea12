//! The crate's only clocks.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use pbx_core::model::{Moment, Now, UnixMillis};
use tokio::time::Instant;

/// Counts from when it was made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    start: Instant,
}

impl Clock {
    pub(super) fn start() -> Self {
        Self { start: Instant::now() }
    }

    /// Both clocks, read once for one input.
    pub(super) fn now(self) -> Now {
        let micros = u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX);
        Now { mono: Moment::from_micros(micros), wall: wall() }
    }

    /// When a moment of the machine comes.
    pub(super) fn instant(self, at: Moment) -> Instant {
        self.start + Duration::from_micros(at.as_micros())
    }
}

#[expect(clippy::disallowed_methods, reason = "the gateway is a driver: it reads the wall clock for the machine")]
fn wall() -> UnixMillis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMillis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
