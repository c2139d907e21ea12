//! When the next backup is due, and since when one is missing.

use std::future::Future;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Time;
use jiff::tz::TimeZone;
use pbx_core::model::UnixMillis;

use super::{Backups, BackupsError, Outcome, Policy, TimeOfDay, Work};
use crate::clock;

/// Between two looks at the clock.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// After a backup that failed: a full disk may have been cleared.
const TRY_AGAIN: Duration = Duration::from_secs(3600);
/// A nightly backup that is older was missed at least once.
const MISSED: Duration = Duration::from_secs(26 * 3600);

/// Makes backups when they are due, until `stopped`.
pub async fn run(backups: Backups, stopped: impl Future<Output = ()>) {
    let mut stopped = std::pin::pin!(stopped);
    super::folder::sweep(&backups.folder);
    loop {
        tokio::select! {
            () = &mut stopped => break,
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
        match look(&backups).await {
            Ok(()) | Err(BackupsError::Busy | BackupsError::NoPassphrase) => {}
            Err(error) => tracing::error!(%error, "the backup of this day could not be begun"),
        }
    }
    // A half backup ends with the process, and the next start sweeps it; waiting for it would hold up the stop.
}

async fn look(backups: &Backups) -> Result<(), BackupsError> {
    let (policy, has_passphrase) = backups.policy().await?;
    if !has_passphrase || backups.now().work != Work::Idle {
        return Ok(());
    }
    let last = backups.outcome().await?;
    if due(&policy, last.as_ref(), clock::now(), &backups.place.zone(&backups.store).await) {
        backups.begin().await?;
    }
    Ok(())
}

/// Whether a backup is to be made: the time of day has come since the last one, or there is none, or it failed a while ago.
fn due(policy: &Policy, last: Option<&Outcome>, now: UnixMillis, zone: &TimeZone) -> bool {
    let Some(at) = policy.daily_at else { return false };
    let Some(last) = last else { return true };
    // The clock was set back: what lies in the future says nothing.
    let failed = !last.problem.is_empty() && now.since(last.at) >= TRY_AGAIN;
    failed || last.at > now || last.at < before(at, now, zone)
}

/// The last instant before `now` at which the clock on the wall showed `at`.
fn before(at: TimeOfDay, now: UnixMillis, zone: &TimeZone) -> UnixMillis {
    let zoned = Timestamp::from_millisecond(now.0).unwrap_or_default().to_zoned(zone.clone());
    let time = Time::new(at.hour, at.minute, 0, 0).unwrap_or_default();
    let on = |day: jiff::civil::Date| day.to_datetime(time).to_zoned(zone.clone()).ok();
    let today = on(zoned.date()).filter(|instant| *instant <= zoned);
    let instant = today.or_else(|| on(zoned.date().yesterday().ok()?));
    UnixMillis(instant.map_or(0, |instant| instant.timestamp().as_millisecond()))
}

/// Whether the backups of the policy do not come.
pub(crate) fn late(policy: &Policy, last: Option<&Outcome>, now: UnixMillis) -> bool {
    policy.daily_at.is_some() && last.is_some_and(|last| now.since(last.at) > MISSED)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> UnixMillis {
        UnixMillis(text.parse::<Timestamp>().unwrap().as_millisecond())
    }

    fn policy(daily_at: &str) -> Policy {
        Policy { daily_at: daily_at.parse().ok(), keep: 14 }
    }

    fn done(text: &str) -> Outcome {
        Outcome { at: at(text), problem: String::new() }
    }

    #[test]
    fn a_backup_is_due_once_a_day_at_its_time() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let due = |last: &str, now: &str| due(&policy("03:15"), Some(&done(last)), at(now), &zone);
        assert!(!due("2026-11-28T02:15:30Z", "2026-11-29T02:14:59Z"));
        assert!(due("2026-11-28T02:15:30Z", "2026-11-29T02:15:01Z"));
        assert!(!due("2026-11-29T02:15:30Z", "2026-11-29T23:00:00Z"));
        assert!(due("2026-11-20T02:15:30Z", "2026-11-29T01:00:00Z"), "the machine was off");
        assert!(due("2027-11-20T02:15:30Z", "2026-11-29T01:00:00Z"), "the clock was set back");
    }

    /// In 2026 Berlin has no 02:30 on 29 March, and two on 25 October.
    #[test]
    fn the_nights_in_which_the_clocks_change_have_one_backup() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        for (from, hours) in [("2026-03-28T12:00:00Z", 24), ("2026-10-24T12:00:00Z", 24)] {
            let mut last = done(from);
            let mut made = 0;
            for minute in 0..hours * 60 {
                let now = UnixMillis(at(from).0 + minute * 60_000);
                if due(&policy("02:30"), Some(&last), now, &zone) {
                    made += 1;
                    last.at = now;
                }
            }
            assert_eq!(made, 1, "{from}");
        }
    }

    #[test]
    fn a_failed_one_is_tried_again_after_an_hour_and_the_first_is_made_at_once() {
        let zone = TimeZone::UTC;
        let failed = Outcome { problem: "the disk is full".into(), ..done("2026-11-29T03:15:10Z") };
        assert!(!due(&policy("03:15"), Some(&failed), at("2026-11-29T04:00:00Z"), &zone));
        assert!(due(&policy("03:15"), Some(&failed), at("2026-11-29T04:15:10Z"), &zone));
        assert!(due(&policy("03:15"), None, at("2026-11-29T12:00:00Z"), &zone));
        assert!(!due(&Policy { daily_at: None, keep: 1 }, None, at("2026-11-29T12:00:00Z"), &zone));
    }

    #[test]
    fn a_missed_night_is_noticed() {
        let last = done("2026-11-27T03:15:10Z");
        assert!(late(&policy("03:15"), Some(&last), at("2026-11-29T03:15:00Z")));
        assert!(!late(&policy("03:15"), Some(&last), at("2026-11-28T03:15:00Z")));
        assert!(!late(&Policy { daily_at: None, keep: 1 }, Some(&last), at("2026-11-29T03:15:00Z")));
    }
}
