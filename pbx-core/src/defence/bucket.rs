//! How often something may happen: a bucket that fills at a steady rate.

use crate::model::Moment;

/// Millionths: a token each second is one of them each microsecond, so nothing is lost between two looks.
const UNIT: u64 = 1_000_000;

/// Tokens and when they were counted last.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bucket {
    tokens: u64,
    counted: Moment,
}

impl Bucket {
    /// One that allows `most` at once.
    pub(super) fn full(most: u32, now: Moment) -> Self {
        Self { tokens: u64::from(most) * UNIT, counted: now }
    }

    /// Takes one token if there is one; the bucket fills by `per_second` up to `most`.
    pub(super) fn take(&mut self, per_second: u32, most: u32, now: Moment) -> bool {
        let passed = u64::try_from(now.since(self.counted).as_micros()).unwrap_or(u64::MAX);
        self.counted = now;
        let filled = passed.saturating_mul(u64::from(per_second));
        self.tokens = self.tokens.saturating_add(filled).min(u64::from(most) * UNIT);
        match self.tokens.checked_sub(UNIT) {
            Some(left) => {
                self.tokens = left;
                true
            }
            None => false,
        }
    }

    /// What was taken was worth it.
    pub(super) fn give_back(&mut self, tokens: u64) {
        self.tokens = self.tokens.saturating_add(tokens * UNIT);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_burst_and_then_a_steady_rate() {
        let mut now = Moment::START;
        let mut bucket = Bucket::full(5, now);
        assert_eq!((0..9).filter(|_| bucket.take(2, 5, now)).count(), 5);
        let mut taken = 0;
        for _ in 0..10_001 {
            now = now + Duration::from_micros(300);
            taken += usize::from(bucket.take(2, 5, now));
        }
        assert_eq!(taken, 6, "three seconds at two a second");
        now = now + Duration::from_secs(3600);
        assert_eq!((0..9).filter(|_| bucket.take(2, 5, now)).count(), 5, "it never holds more than it may");
    }
}
