//! The one place of this crate that reads a clock, and how instants are written for people.

use std::time::SystemTime;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use pbx_core::model::UnixMillis;

use crate::language::{self, Language};
use crate::say;

/// The wall clock, read once for each request that needs it.
#[expect(clippy::disallowed_methods, reason = "web handlers have no driver that would hand them the time")]
pub(crate) fn now() -> UnixMillis {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    UnixMillis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

tokio::task_local! {
    /// The zone of the company, for the request that is being answered.
    static ZONE: TimeZone;
}

/// Answers a request in this time zone: every instant on its page is written there.
pub(crate) async fn in_zone<F: Future>(zone: TimeZone, answering: F) -> F::Output {
    ZONE.scope(zone, answering).await
}

/// The zone pages are written in: the company's, or the machine's outside of a request.
fn zone() -> TimeZone {
    ZONE.try_with(Clone::clone).unwrap_or_else(|_| TimeZone::system())
}

/// An instant as pages show it: readable in the company's time zone, exact for machines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// `2026-11-21 23:02:13`, in German `21.11.2026 23:02:13`.
    pub(crate) text: String,
    /// RFC 3339 in UTC, for `<time datetime>`.
    pub(crate) exact: String,
}

/// Writes an instant in the company's time zone.
pub(crate) fn stamp(at: UnixMillis) -> Stamp {
    let instant = Timestamp::from_millisecond(at.0).unwrap_or_default();
    let local = instant.to_zoned(zone());
    let written = match language::current() {
        Language::English => "%Y-%m-%d %H:%M:%S",
        Language::German => "%d.%m.%Y %H:%M:%S",
    };
    Stamp { text: local.strftime(written).to_string(), exact: instant.to_string() }
}

/// The beginning of a day (`2026-11-30`) in the company's time zone, or of the day that many days later.
pub(crate) fn start_of_day(text: &str, later: i64) -> Option<UnixMillis> {
    let day: jiff::civil::Date = text.trim().parse().ok()?;
    let day = day.checked_add(jiff::Span::new().try_days(later).ok()?).ok()?;
    Some(UnixMillis(day.to_zoned(zone()).ok()?.timestamp().as_millisecond()))
}

/// The name of the zone pages are written in, such as `Europe/Berlin`.
pub(crate) fn zone_name() -> String {
    zone().iana_name().unwrap_or("UTC").to_owned()
}

/// A span in the largest two units that matter: `3 d 4 h`, `12 min 5 s`, `4.2 s`, `812 ms`.
pub(crate) fn span(millis: u64) -> String {
    let seconds = millis / 1000;
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    if days > 0 {
        say("clock-d-h").with("days", &days).with("hours", &hours).text()
    } else if hours > 0 {
        say("clock-h-min").with("hours", &hours).with("minutes", &minutes).text()
    } else if minutes > 0 {
        say("clock-min-s").with("minutes", &minutes).with("seconds", &(seconds % 60)).text()
    } else if seconds >= 10 {
        format!("{seconds} s")
    } else if millis >= 1000 {
        format!("{seconds}{}{} s", language::current().decimal_sign(), millis % 1000 / 100)
    } else {
        format!("{millis} ms")
    }
}

/// How far an instant lies from now: `in 12 min`, `3 d 4 h ago`.
pub(crate) fn relative(at: UnixMillis, now: UnixMillis) -> String {
    let millis = |span: std::time::Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    if at > now {
        say("clock-in").with("span", &span(millis(at.since(now)))).text()
    } else {
        say("clock-ago").with("span", &span(millis(now.since(at)))).text()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_name_the_units_that_matter() {
        let cases = [
            (812, "812 ms"),
            (4_290, "4.2 s"),
            (12_000, "12 s"),
            (125_000, "2 min 5 s"),
            (3_720_000, "1 h 2 min"),
            (273_600_000, "3 d 4 h"),
        ];
        for (millis, text) in cases {
            assert_eq!(span(millis), text);
        }
    }

    #[test]
    fn german_writes_days_first_and_tenths_behind_a_comma() {
        let summer = UnixMillis(1_782_864_000_000);
        let written = |language| language::in_language(language, || (stamp(summer), span(4_290), span(3_720_000)));
        let berlin = || TimeZone::get("Europe/Berlin").unwrap();
        let (german, tenths, hours) = ZONE.sync_scope(berlin(), || written(Language::German));
        assert_eq!(
            (german.text.as_str(), tenths.as_str(), hours.as_str()),
            ("01.07.2026 02:00:00", "4,2 s", "1 Std. 2 Min.")
        );
        let (english, tenths, hours) = ZONE.sync_scope(berlin(), || written(Language::English));
        assert_eq!(
            (english.text.as_str(), tenths.as_str(), hours.as_str()),
            ("2026-07-01 02:00:00", "4.2 s", "1 h 2 min")
        );
        assert_eq!(
            (german.exact, english.exact.as_str()),
            (english.exact.clone(), "2026-07-01T00:00:00Z"),
            "for machines"
        );
        let ago = || relative(UnixMillis(1_000), UnixMillis(61_000));
        assert_eq!(language::in_language(Language::German, ago), "vor 1 Min. 0 s");
    }

    #[test]
    fn the_past_and_the_future_are_told_apart() {
        assert_eq!(relative(UnixMillis(1_000), UnixMillis(61_000)), "1 min 0 s ago");
        assert_eq!(relative(UnixMillis(61_000), UnixMillis(1_000)), "in 1 min 0 s");
    }
}
