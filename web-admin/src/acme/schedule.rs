//! When a certificate is asked for: pure, `(state, now)` and nothing else.
//!
//! Renewal is at the instant the authority suggests (ARI, RFC 9773), else at two thirds of the certificate's life; both are
//! spread, so that installations do not all come at once. After a failure the pauses grow; whatever the reason, an authority is
//! never asked more often than it allows, and its own word about when to come back goes before everything. The old certificate is
//! served all the while.
//!
//! Invariants: [`Schedule::due`] says an order is due only when no limit is in the way; a clock that jumps neither makes a wait
//! eternal nor counts what happened in a future that is none.

use std::time::Duration;

use pbx_core::model::UnixMillis;
use serde::{Deserialize, Serialize};

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);
const WEEK: Duration = Duration::from_secs(7 * 86_400);

/// Validations an hour; Let's Encrypt refuses after five that failed for one name (its documentation, "Rate Limits").
const TRIES_AN_HOUR: usize = 4;
/// Certificates for the same name a week; Let's Encrypt gives five.
const ISSUED_A_WEEK: usize = 4;
/// No authority's limit is longer than a week; a longer wait is a mistake, or our clock was ahead.
const LONGEST_WAIT: Duration = Duration::from_secs(8 * 86_400);
/// When nobody could be asked: the network may be back in a minute.
const UNREACHABLE: [Duration; 7] = [
    Duration::from_secs(60),
    Duration::from_secs(10 * 60),
    Duration::from_secs(20 * 60),
    Duration::from_secs(40 * 60),
    HOUR,
    Duration::from_secs(2 * 3600),
    Duration::from_secs(4 * 3600),
];
/// When the authority was asked and it came to nothing.
const REFUSED: [Duration; 7] = [
    Duration::from_secs(15 * 60),
    Duration::from_secs(30 * 60),
    HOUR,
    Duration::from_secs(2 * 3600),
    Duration::from_secs(4 * 3600),
    Duration::from_secs(8 * 3600),
    Duration::from_secs(12 * 3600),
];
/// When only an admin can mend it, and does not have to come here for that.
const NEEDS_ADMIN: Duration = Duration::from_secs(12 * 3600);
/// So near the end of the certificate no pause is longer than [`HOUR`].
const NEAR_END: Duration = Duration::from_secs(2 * 86_400);
/// The suggestion is asked for again between these (RFC 9773 section 4.3.2 lets clients set both).
const WINDOW_AGAIN: (Duration, Duration) = (HOUR, DAY);
/// After a suggestion that could not be had.
const WINDOW_RETRY: Duration = Duration::from_secs(6 * 3600);
/// The parts of the spread.
const SPREAD: u32 = 1000;

/// The life of the certificate in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Life {
    pub(crate) from: UnixMillis,
    pub(crate) until: UnixMillis,
    /// 0 to 999: where in the spread this installation renews it. Chosen once, so that a restart moves nothing.
    pub(crate) spread: u32,
}

/// What the authority suggests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Window {
    pub(crate) start: UnixMillis,
    pub(crate) end: UnixMillis,
}

/// Why an order came to nothing, as far as the next one depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Trouble {
    /// Something here is in the way, so nobody was asked.
    Here,
    /// The authority does not answer, or has a trouble of its own.
    Unreachable,
    /// The authority asked this machine and did not get what it wanted.
    Validation,
    /// The authority refuses.
    Refused,
    /// The authority wants to be asked again later; after so long, if it says.
    RateLimited(Option<Duration>),
    /// The setting cannot work.
    NeedsAdmin,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    Order,
    /// Ask for the suggestion.
    Window,
    Nothing,
}

/// All that decides; kept in the database.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Schedule {
    life: Option<Life>,
    window: Option<Window>,
    window_at: UnixMillis,
    /// In a row.
    pub(crate) failures: u32,
    wait_until: UnixMillis,
    /// The wait is the authority's word, which no admin shortens.
    wait_is_theirs: bool,
    asked: bool,
    /// Orders whose validation was begun within the hour, and certificates within the week.
    tries: Vec<UnixMillis>,
    issued: Vec<UnixMillis>,
}

impl Schedule {
    /// A certificate is wanted now. Its own pauses end; the limits of the authority stay.
    pub(crate) fn ask(&mut self) {
        self.asked = true;
        if !self.wait_is_theirs {
            self.wait_until = UnixMillis(0);
        }
    }

    /// What is to be done now.
    pub(crate) fn due(&self, now: UnixMillis) -> Due {
        if self.order_at(now) <= now {
            Due::Order
        } else if self.life.is_some() && self.window_at <= now {
            Due::Window
        } else {
            Due::Nothing
        }
    }

    /// When the next order is made, as it looks now; the past means at once.
    pub(crate) fn order_at(&self, now: UnixMillis) -> UnixMillis {
        let wanted = if self.asked { UnixMillis(0) } else { self.renew_at().unwrap_or(UnixMillis(0)) };
        wanted.max(self.waits_until(now)).max(full(&self.tries, TRIES_AN_HOUR, HOUR, now)).max(full(
            &self.issued,
            ISSUED_A_WEEK,
            WEEK,
            now,
        ))
    }

    /// When the certificate in force is renewed if nothing goes wrong; `None` without one.
    pub(crate) fn renew_at(&self) -> Option<UnixMillis> {
        let Life { from, until, spread } = self.life?;
        let life = until.since(from);
        let part = |whole: Duration| whole * spread.min(SPREAD - 1) / SPREAD;
        let third = from + life / 3 * 2;
        let usual = UnixMillis(third.0.saturating_sub(millis(part(life / 20))));
        Some(match self.window {
            // Whatever is suggested, a tenth of the life is left for what may go wrong.
            Some(Window { start, end }) => (start + part(end.since(start))).min(from + life / 10 * 9),
            None => usual,
        })
    }

    /// The pause after a failure, unless the clock jumped back over it.
    fn waits_until(&self, now: UnixMillis) -> UnixMillis {
        if self.wait_until.since(now) > LONGEST_WAIT { UnixMillis(0) } else { self.wait_until }
    }

    /// The authority is asked to validate: that counts, whatever becomes of it.
    pub(crate) fn validating(&mut self, now: UnixMillis) {
        note(&mut self.tries, TRIES_AN_HOUR, now);
    }

    /// A certificate is in force.
    pub(crate) fn issued(&mut self, life: Life, now: UnixMillis) {
        note(&mut self.issued, ISSUED_A_WEEK, now);
        (self.life, self.window, self.window_at) = (Some(life), None, now);
        (self.failures, self.asked) = (0, false);
        (self.wait_until, self.wait_is_theirs) = (UnixMillis(0), false);
    }

    /// An order came to nothing; `spread` (0 to 999) lengthens the pause by up to an eighth.
    pub(crate) fn failed(&mut self, trouble: Trouble, spread: u32, now: UnixMillis) {
        self.failures = self.failures.saturating_add(1);
        let step = |ladder: &[Duration; 7]| {
            let step = usize::try_from(self.failures - 1).unwrap_or(usize::MAX).min(ladder.len() - 1);
            ladder[step]
        };
        let pause = match trouble {
            Trouble::Here | Trouble::Unreachable => step(&UNREACHABLE),
            Trouble::Validation | Trouble::Refused => step(&REFUSED),
            Trouble::RateLimited(after) => after.unwrap_or(HOUR).clamp(Duration::from_secs(60), LONGEST_WAIT - DAY),
            Trouble::NeedsAdmin => NEEDS_ADMIN,
        };
        let theirs = matches!(trouble, Trouble::RateLimited(_));
        let near_end = self.life.is_some_and(|life| life.until < now + NEAR_END);
        let pause = if near_end && !theirs { pause.min(HOUR) } else { pause };
        self.wait_until = now + pause + pause / 8 * spread.min(SPREAD) / SPREAD;
        (self.wait_is_theirs, self.asked) = (theirs, self.asked && theirs);
        // Without a certificate, or with one that is due, the pause is all that keeps the next order back.
    }

    /// The authority's suggestion came, or it has none; it is asked again after `again`.
    pub(crate) fn window(&mut self, found: Option<Window>, again: Option<Duration>, now: UnixMillis) {
        self.window = found.filter(|window| window.end > window.start);
        self.window_at = now + again.unwrap_or(DAY).clamp(WINDOW_AGAIN.0, WINDOW_AGAIN.1);
    }

    /// The suggestion could not be had: what was known of it stays.
    pub(crate) fn window_failed(&mut self, now: UnixMillis) {
        self.window_at = now + WINDOW_RETRY;
    }

    /// The certificate is for another name, or gone: one is wanted at once.
    pub(crate) fn forget_certificate(&mut self) {
        (self.life, self.window) = (None, None);
    }

    /// As if the suggestion had been asked for then.
    #[cfg(test)]
    pub(crate) fn window_asked_at(&mut self, at: UnixMillis) {
        self.window_at = at;
    }

    /// The life of the certificate, if there is one.
    pub(crate) const fn life(&self) -> Option<Life> {
        self.life
    }

    /// Whether the renewal is at the authority's suggestion.
    pub(crate) const fn is_suggested(&self) -> bool {
        self.window.is_some()
    }
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

/// When there is room for one more within `span`; instants that lie ahead are of a clock that was wrong.
fn full(past: &[UnixMillis], most: usize, span: Duration, now: UnixMillis) -> UnixMillis {
    let mut within: Vec<UnixMillis> = past.iter().copied().filter(|at| *at <= now && *at + span > now).collect();
    within.sort_unstable();
    match within.len().checked_sub(most) {
        Some(over) => within[over] + span,
        None => UnixMillis(0),
    }
}

/// Keeps an instant among the last few.
fn note(past: &mut Vec<UnixMillis>, most: usize, now: UnixMillis) {
    past.retain(|at| *at <= now);
    past.push(now);
    if past.len() > most {
        past.remove(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: UnixMillis = UnixMillis(1_795_000_000_000);

    fn life(from: UnixMillis, days: u32, spread: u32) -> Life {
        Life { from, until: from + DAY * days, spread }
    }

    /// Goes from one instant at which something is due to the next; `order` says what becomes of each.
    fn live(
        schedule: &mut Schedule,
        from: UnixMillis,
        span: Duration,
        mut order: impl FnMut(UnixMillis) -> Result<Life, Trouble>,
    ) -> Vec<(UnixMillis, bool)> {
        let (mut now, mut orders) = (from, Vec::new());
        while now < from + span {
            match schedule.due(now) {
                Due::Order => {
                    let outcome = order(now);
                    if outcome.is_ok() || outcome == Err(Trouble::Validation) {
                        schedule.validating(now);
                    }
                    orders.push((now, outcome.is_ok()));
                    match outcome {
                        Ok(life) => schedule.issued(life, now),
                        Err(trouble) => schedule.failed(trouble, 500, now),
                    }
                    assert_ne!(schedule.due(now), Due::Order, "an order is followed by a pause");
                }
                Due::Window => schedule.window(None, Some(DAY), now),
                Due::Nothing => {}
            }
            now = now + Duration::from_secs(60);
        }
        orders
    }

    #[test]
    fn a_certificate_of_ninety_days_is_renewed_at_two_thirds_for_two_years() {
        for spread in [0, 500, 999] {
            let mut schedule = Schedule::default();
            let orders = live(&mut schedule, START, DAY * 730, |now| Ok(life(now, 90, spread)));
            assert!(orders.iter().all(|(_, went_well)| *went_well));
            for pair in orders.windows(2) {
                let lived = pair[1].0.since(pair[0].0);
                assert!(lived <= DAY * 60 && lived >= DAY * 55, "{lived:?} with spread {spread}");
            }
            assert!((12..=14).contains(&orders.len()), "{}", orders.len());
        }
    }

    #[test]
    fn one_of_six_days_is_renewed_in_time_too() {
        let mut schedule = Schedule::default();
        let orders = live(&mut schedule, START, DAY * 60, |now| Ok(life(now, 6, 700)));
        for pair in orders.windows(2) {
            assert!(pair[1].0.since(pair[0].0) <= DAY * 4, "two days are left");
        }
    }

    #[test]
    fn an_authority_that_fails_for_weeks_is_never_asked_more_often_than_it_allows() {
        for trouble in [Trouble::Validation, Trouble::Refused, Trouble::Unreachable, Trouble::NeedsAdmin] {
            let mut schedule = Schedule::default();
            schedule.issued(life(START, 90, 0), START);
            let broken = START + DAY * 40..START + DAY * 85;
            let orders = live(&mut schedule, START + DAY, DAY * 200, |now| {
                if broken.contains(&now) { Err(trouble) } else { Ok(life(now, 90, 0)) }
            });
            let failed: Vec<UnixMillis> = orders.iter().filter(|(_, well)| !well).map(|(at, _)| *at).collect();
            assert!(failed.len() > 20, "{trouble:?} is tried again: {}", failed.len());
            for five in failed.windows(5) {
                assert!(five[4].since(five[0]) > HOUR, "five within an hour for {trouble:?}");
            }
            let first = orders.iter().find(|(_, well)| *well).unwrap().0;
            assert!(first < START + DAY * 86, "{trouble:?}: it is renewed before its end");
        }
    }

    #[test]
    fn the_pauses_grow_and_shrink_near_the_end() {
        let mut schedule = Schedule::default();
        let (mut now, mut pauses) = (START, Vec::new());
        for _ in 0..9 {
            schedule.failed(Trouble::Validation, 0, now);
            pauses.push(schedule.order_at(now).since(now).as_secs() / 60);
            now = schedule.order_at(now);
        }
        assert_eq!(pauses, [15, 30, 60, 120, 240, 480, 720, 720, 720]);
        schedule.life = Some(Life { from: START, until: now + DAY, spread: 0 });
        schedule.failed(Trouble::Validation, 0, now);
        assert_eq!(schedule.order_at(now), now + HOUR);
    }

    #[test]
    fn the_authoritys_wait_is_kept_whatever_an_admin_clicks_and_its_own_pause_is_not() {
        let mut schedule = Schedule::default();
        schedule.failed(Trouble::RateLimited(Some(DAY * 2)), 0, START);
        schedule.ask();
        assert_eq!(schedule.due(START + DAY), Due::Nothing);
        assert_eq!(schedule.due(START + DAY * 2), Due::Order);
        let mut schedule = Schedule::default();
        schedule.failed(Trouble::Here, 0, START);
        assert_eq!(schedule.due(START), Due::Nothing);
        schedule.ask();
        assert_eq!(schedule.due(START), Due::Order);
        let mut schedule = Schedule::default();
        schedule.failed(Trouble::RateLimited(Some(DAY * 900)), 1000, START);
        assert!(schedule.order_at(START) <= START + LONGEST_WAIT, "no limit is longer than a week");
    }

    #[test]
    fn clicks_do_not_pass_the_limits() {
        let mut schedule = Schedule::default();
        let mut now = START;
        let mut tries = 0;
        for _ in 0..59 {
            schedule.ask();
            if schedule.due(now) == Due::Order {
                schedule.validating(now);
                schedule.failed(Trouble::Validation, 0, now);
                tries += 1;
            }
            now = now + Duration::from_secs(60);
        }
        assert_eq!(tries, TRIES_AN_HOUR);
        let mut schedule = Schedule::default();
        let mut issued = 0;
        for hour in 0..24 * 6 {
            let now = START + HOUR * hour;
            schedule.ask();
            if schedule.due(now) == Due::Order {
                schedule.issued(life(now, 90, 0), now);
                issued += 1;
            }
        }
        assert_eq!(issued, ISSUED_A_WEEK);
    }

    #[test]
    fn the_authoritys_suggestion_goes_before_two_thirds_and_is_spread() {
        let mut schedule = Schedule::default();
        schedule.issued(life(START, 90, 500), START);
        assert_eq!(schedule.due(START), Due::Window, "the suggestion is asked for at once");
        let window = Window { start: START + DAY * 10, end: START + DAY * 12 };
        schedule.window(Some(window), Some(HOUR * 6), START);
        assert_eq!(schedule.renew_at(), Some(START + DAY * 11));
        assert_eq!(schedule.due(START + HOUR * 5), Due::Nothing);
        assert_eq!(schedule.due(START + HOUR * 6), Due::Window);
        // The authority has to revoke: the window lies in the past.
        let now = START + HOUR * 6;
        schedule.window(Some(Window { start: START - DAY, end: START - HOUR }), None, now);
        assert_eq!(schedule.due(now), Due::Order);
        // An absurd one does not outlive the certificate, and one that cannot be had changes nothing.
        schedule.window(Some(Window { start: START + DAY * 80, end: START + DAY * 400 }), None, now);
        assert_eq!(schedule.renew_at(), Some(START + DAY * 81));
        schedule.window_failed(now);
        assert_eq!(schedule.renew_at(), Some(START + DAY * 81));
        schedule.window(Some(Window { start: START, end: START }), None, now);
        assert!(schedule.renew_at().is_some_and(|at| at > START + DAY * 55), "an empty one is none");
    }

    #[test]
    fn a_clock_that_jumps_makes_no_wait_eternal() {
        let mut schedule = Schedule::default();
        let ahead = START + DAY * 400;
        schedule.validating(ahead);
        schedule.failed(Trouble::Validation, 0, ahead);
        assert_eq!(schedule.due(START), Due::Order, "the clock was ahead and is right again");
        schedule.issued(life(START, 90, 0), START);
        assert_eq!(schedule.due(START + DAY * 70), Due::Order, "70 days later it is due");
    }

    #[test]
    fn what_is_kept_decides_as_what_was_there() {
        let mut schedule = Schedule::default();
        schedule.issued(life(START, 90, 321), START);
        schedule.window(Some(Window { start: START + DAY, end: START + DAY * 2 }), None, START);
        schedule.failed(Trouble::RateLimited(Some(HOUR)), 3, START);
        let kept: Schedule = serde_json::from_str(&serde_json::to_string(&schedule).unwrap()).unwrap();
        assert_eq!(kept, schedule);
        assert_eq!(serde_json::from_str::<Schedule>("{}").unwrap(), Schedule::default());
    }
}
