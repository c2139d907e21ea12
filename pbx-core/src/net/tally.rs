//! Totals by word, and how long phones took to wake: what metrics and the page about push are drawn from.
//!
//! Read off the driver's outputs as they pass, so the switchboard itself counts nothing. Everything is bounded: words are
//! from fixed sets, providers are few, and a phone that is awaited takes one place.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::model::{CallEnding, CallId, CallRecord, DeviceId, LastWake, PushProvider, WakeKind, WakeRequest};

/// Upper ends of the steps of [`Histogram`], in milliseconds: dense where phones usually come, up to the usual ring time.
pub const WAKE_STEPS_MS: [u64; 11] = [250, 500, 1_000, 1_500, 2_000, 3_000, 4_000, 6_000, 10_000, 20_000, 30_000];
/// Phones that are awaited at once; beyond it the oldest wake is not measured.
const MAX_AWAITED: usize = 10_000;
/// Calls whose end was counted lately, because a record is saved again when its relay has given its last word.
const MAX_ENDED: usize = 1_024;

/// Totals by word; the words are from a fixed set.
#[derive(Debug, Default)]
pub struct Tally(Mutex<BTreeMap<&'static str, u64>>);

impl Tally {
    /// The totals now.
    pub fn get(&self) -> BTreeMap<&'static str, u64> {
        lock(&self.0).clone()
    }

    pub(super) fn add(&self, word: &'static str) {
        *lock(&self.0).entry(word).or_default() += 1;
    }
}

/// How long the phones of one provider took from the order of their wake to their REGISTER.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Histogram {
    /// Wakes in each step of [`WAKE_STEPS_MS`], and those that took longer than the last.
    pub counts: [u64; WAKE_STEPS_MS.len() + 1],
    /// All of them together, in milliseconds.
    pub sum_ms: u64,
}

impl Histogram {
    /// How many wakes.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The upper end of the step in which `percent` of the wakes have come; `None` when it lies behind the last one, or
    /// there are no wakes.
    pub fn within(&self, percent: u64) -> Option<u64> {
        let wanted = (self.total() * percent).div_ceil(100);
        let mut seen = 0;
        self.counts.iter().zip(WAKE_STEPS_MS).find_map(|(count, end)| {
            seen += count;
            (wanted > 0 && seen >= wanted).then_some(end)
        })
    }

    fn add(&mut self, took_ms: u64) {
        let step = WAKE_STEPS_MS.iter().position(|end| took_ms <= *end).unwrap_or(WAKE_STEPS_MS.len());
        if let Some(count) = self.counts.get_mut(step) {
            *count += 1;
        }
        self.sum_ms = self.sum_ms.saturating_add(took_ms);
    }
}

/// Wakes for calls, from their orders to the REGISTERs they brought.
#[derive(Debug, Default)]
pub struct WakeTimes(Mutex<Wakes>);

#[derive(Debug, Default)]
struct Wakes {
    awaited: BTreeMap<DeviceId, PushProvider>,
    took: BTreeMap<PushProvider, Histogram>,
    ordered: BTreeMap<PushProvider, u64>,
}

impl WakeTimes {
    /// One histogram for each provider whose phones were woken.
    pub fn took(&self) -> BTreeMap<PushProvider, Histogram> {
        lock(&self.0).took.clone()
    }

    /// How many wakes for calls were ordered; those that brought nobody are missing in the histograms.
    pub fn ordered(&self) -> BTreeMap<PushProvider, u64> {
        lock(&self.0).ordered.clone()
    }

    /// Goes on from what was kept of a provider; counts of other steps begin anew.
    pub fn restore(&self, provider: PushProvider, (ordered, sum_ms): (u64, u64), counts: &[u64]) {
        let Ok(counts) = counts.try_into() else { return };
        let mut wakes = lock(&self.0);
        // Calls may have come before the database was read.
        *wakes.ordered.entry(provider).or_default() += ordered;
        let took = wakes.took.entry(provider).or_default();
        for (one, before) in took.counts.iter_mut().zip::<[u64; WAKE_STEPS_MS.len() + 1]>(counts) {
            *one += before;
        }
        took.sum_ms = took.sum_ms.saturating_add(sum_ms);
    }

    pub(super) fn order(&self, wake: &WakeRequest) {
        if wake.kind != WakeKind::Call {
            return;
        }
        let mut wakes = lock(&self.0);
        *wakes.ordered.entry(wake.target.provider).or_default() += 1;
        if wakes.awaited.len() >= MAX_AWAITED && !wakes.awaited.contains_key(&wake.device) {
            wakes.awaited.pop_first();
        }
        wakes.awaited.insert(wake.device, wake.target.provider);
    }

    pub(super) fn note(&self, device: DeviceId, last: &LastWake) {
        let (WakeKind::Call, Some(took_ms)) = (last.kind, last.woke_after_ms) else { return };
        let mut wakes = lock(&self.0);
        // The same outcome is saved again when the provider's answer comes after the phone.
        if let Some(provider) = wakes.awaited.remove(&device) {
            wakes.took.entry(provider).or_default().add(took_ms);
        }
    }
}

/// Calls since the start.
#[derive(Debug, Default)]
pub struct Calls(Mutex<CallCounts>);

#[derive(Debug, Default)]
struct CallCounts {
    ended: BTreeMap<&'static str, u64>,
    lately: BTreeSet<CallId>,
}

impl Calls {
    /// How many calls ended, by how.
    pub fn ended(&self) -> BTreeMap<&'static str, u64> {
        lock(&self.0).ended.clone()
    }

    pub(super) fn note(&self, record: &CallRecord) {
        let Some(ending) = record.ending.map(CallEnding::as_str) else { return };
        let mut counts = lock(&self.0);
        if counts.lately.insert(record.id) {
            *counts.ended.entry(ending).or_default() += 1;
            if counts.lately.len() > MAX_ENDED {
                counts.lately.pop_first();
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::UnixMillis;

    #[test]
    fn a_histogram_says_within_which_time_most_phones_come() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.within(50), None);
        for took in [100, 900, 1_000, 1_001, 29_999] {
            histogram.add(took);
        }
        assert_eq!((histogram.total(), histogram.sum_ms), (5, 33_000));
        assert_eq!(
            (histogram.within(50), histogram.within(80), histogram.within(100)),
            (Some(1_000), Some(1_500), Some(30_000))
        );
        histogram.add(30_001);
        assert_eq!(histogram.within(100), None, "slower than the last step");
    }

    #[test]
    fn a_phone_that_came_is_measured_once() {
        let times = WakeTimes::default();
        lock(&times.0).awaited.insert(DeviceId(1), PushProvider::Fcm);
        let came = LastWake {
            at: UnixMillis(0),
            kind: WakeKind::Call,
            outcome: String::new(),
            woke_after_ms: Some(700),
            accepted: true,
        };
        times.note(DeviceId(1), &LastWake { woke_after_ms: None, ..came.clone() });
        times.note(DeviceId(1), &came);
        times.note(DeviceId(1), &came);
        times.note(DeviceId(2), &came);
        assert_eq!(times.took().get(&PushProvider::Fcm).map(Histogram::total), Some(1));
    }
}
