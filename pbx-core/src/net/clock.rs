//! The one place in this crate that reads the clocks.
//!
//! Timers follow the time since the machine started, its sleep included (`CLOCK_BOOTTIME`): a laptop or a virtual machine
//! that was suspended for ten minutes finds its deadlines past, as its phones do. The wall clock is for what people and
//! other machines read, and may be set at any time.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};

use crate::model::{Moment, Now, UnixMillis};

/// The runtime's timers stand still while the machine sleeps, so none is set for longer: what became due in the sleep is
/// done this soon after it, also when nobody says anything.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

/// The driver's clock; it starts at [`Moment::START`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    start: Duration,
}

impl Clock {
    pub(super) fn start() -> Self {
        Self { start: since_boot() }
    }

    /// Both clocks.
    #[expect(clippy::disallowed_methods, reason = "the driver reads the clocks so that the machines need not")]
    pub(super) fn now(self) -> Now {
        // A wall clock before 1970 is a machine without a battery; zero is as good as anything there.
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Now { mono: self.moment(), wall: UnixMillis(i64::try_from(wall.as_millis()).unwrap_or(i64::MAX)) }
    }

    fn moment(self) -> Moment {
        let micros = since_boot().saturating_sub(self.start).as_micros();
        Moment::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
    }

    /// When to look whether `moment` has come: at that moment, or earlier when it is far away.
    pub(super) fn instant_at(self, moment: Moment) -> tokio::time::Instant {
        let wait = Duration::from_micros(moment.as_micros().saturating_sub(self.moment().as_micros()));
        (instant() + wait.min(LOOK_AGAIN)).into()
    }
}

#[expect(clippy::disallowed_methods, reason = "the driver reads the clocks so that the machines need not")]
fn instant() -> Instant {
    Instant::now()
}

/// How long the machine has been on, asleep or awake.
fn since_boot() -> Duration {
    let time = clock_gettime(ClockId::Boottime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_began_before_a_sleep_finds_its_deadlines_past() {
        let now = Clock { start: since_boot().saturating_sub(Duration::from_secs(5)) };
        assert!(now.moment() >= Moment::START + Duration::from_secs(5));
        assert!(now.instant_at(Moment::START) <= instant().into(), "what is past is due at once");
        let wait =
            |seconds| now.instant_at(now.moment() + Duration::from_secs(seconds)).duration_since(instant().into());
        assert!(wait(5) > Duration::from_secs(4) && wait(5) <= Duration::from_secs(5), "{:?}", wait(5));
        assert!(wait(600) <= LOOK_AGAIN, "{:?}", wait(600));
    }
}
