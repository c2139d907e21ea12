//! The one place in this crate that reads the clocks.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::model::{Moment, Now, UnixMillis};

/// The driver's clock; it starts at [`Moment::START`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    start: Instant,
}

impl Clock {
    pub(super) fn start() -> Self {
        Self { start: instant() }
    }

    /// Both clocks.
    #[expect(clippy::disallowed_methods, reason = "the driver reads the clocks so that the machines need not")]
    pub(super) fn now(self) -> Now {
        let micros = u64::try_from(instant().saturating_duration_since(self.start).as_micros()).unwrap_or(u64::MAX);
        // A wall clock before 1970 is a machine without a battery; zero is as good as anything there.
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Now { mono: Moment::from_micros(micros), wall: UnixMillis(i64::try_from(wall.as_millis()).unwrap_or(i64::MAX)) }
    }

    /// The instant at which `moment` comes.
    pub(super) fn instant_at(self, moment: Moment) -> tokio::time::Instant {
        // A deadline too far away for an `Instant` is looked at again in a day.
        let wait = Duration::from_micros(moment.as_micros());
        let day = Duration::from_secs(86_400);
        self.start.checked_add(wait).unwrap_or_else(|| instant() + day).into()
    }
}

#[expect(clippy::disallowed_methods, reason = "the driver reads the clocks so that the machines need not")]
fn instant() -> Instant {
    Instant::now()
}
