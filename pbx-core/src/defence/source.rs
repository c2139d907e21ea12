//! What is remembered of one network: how much it asks, and what it failed to prove.

use std::time::Duration;

use super::bucket::Bucket;
use crate::model::Moment;

/// How long failures count together.
const WINDOW: Duration = Duration::from_secs(600);
/// Accounts counted one by one behind one address; the one with the fewest failures gives way to another.
const MAX_ACCOUNTS: usize = 64;

/// One network.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) last: Moment,
    pub(super) bucket: Bucket,
    since: Moment,
    total: u32,
    accounts: Vec<(Box<str>, u32)>,
}

impl Source {
    pub(super) fn new(bucket: Bucket, now: Moment) -> Self {
        Self { last: now, bucket, since: now, total: 0, accounts: Vec::new() }
    }

    /// Counts one failure; how many there are within the window.
    pub(super) fn count(&mut self, now: Moment) -> u32 {
        if now.since(self.since) > WINDOW {
            self.forget_all();
        }
        if self.total == 0 {
            self.since = now;
        }
        self.total = self.total.saturating_add(1);
        self.total
    }

    /// The failure counted last was for this account; how many it has.
    pub(super) fn count_for(&mut self, account: &str) -> u32 {
        if let Some((_, count)) = self.accounts.iter_mut().find(|(name, _)| **name == *account) {
            *count = count.saturating_add(1);
            return *count;
        }
        if self.accounts.len() >= MAX_ACCOUNTS {
            let fewest = self.accounts.iter().enumerate().min_by_key(|(_, (_, count))| *count).map(|(at, _)| at);
            if let Some(at) = fewest {
                self.accounts.swap_remove(at);
            }
        }
        self.accounts.push((account.into(), 1));
        1
    }

    /// What this account failed does not count any more.
    pub(super) fn forget(&mut self, account: &str) {
        self.accounts.retain(|(name, _)| **name != *account);
    }

    /// Nothing counts any more.
    pub(super) fn forget_all(&mut self) {
        self.total = 0;
        self.accounts.clear();
    }
}
