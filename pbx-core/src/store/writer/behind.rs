//! What the database would not take, kept until it does: a full disk or a locked file loses nothing that is in force.
//!
//! Memory is ahead of the disk while there is something here. Everybody who waited was told so; what waits here is applied
//! before anything newer, in its order.
//!
//! Invariants: at most [`JOBS_BEHIND`] jobs; a phone's refreshed binding takes the place of its older one, so that refreshes
//! do not fill it; what finds it full is lost, counted and said.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::model::DeviceId;
use crate::switchboard::output::{Change, SaveJob};

/// Jobs kept: some 16 MB, and an hour of a busy small business with a full disk (a call is a dozen jobs).
const JOBS_BEHIND: usize = 16_384;

/// Jobs that wait for the database, oldest first.
#[derive(Debug, Default)]
pub(super) struct Behind {
    jobs: VecDeque<SaveJob>,
    /// The number of the job at the front; numbers rise by one.
    first: u64,
    /// The job that holds a phone's newest binding, by number.
    bindings: HashMap<DeviceId, u64>,
}

impl Behind {
    pub(super) fn is_empty(&self) -> bool {
        self.jobs.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.jobs.len()
    }

    /// Keeps a job whose waiting side was told; `false` when there is no room.
    pub(super) fn keep(&mut self, mut job: SaveJob) -> bool {
        job.ticket = None;
        if let [Change::PutUdpBinding(binding)] = job.changes.as_slice() {
            let device = binding.device;
            if let Some(slot) = self.slot(device) {
                *slot = job;
                return true;
            }
            if self.jobs.len() >= JOBS_BEHIND {
                return false;
            }
            self.bindings.insert(device, self.first.saturating_add(self.jobs.len() as u64));
        } else if self.jobs.len() >= JOBS_BEHIND {
            return false;
        }
        for change in &job.changes {
            // A binding put after this must not take a place before it.
            if let Change::DeleteUdpBinding(device) | Change::DeleteDevice(device) = change {
                self.bindings.remove(device);
            }
        }
        self.jobs.push_back(job);
        true
    }

    /// The place of a phone's binding that is still waiting.
    fn slot(&mut self, device: DeviceId) -> Option<&mut SaveJob> {
        let at = self.bindings.get(&device)?.checked_sub(self.first)?;
        self.jobs.get_mut(usize::try_from(at).ok()?)
    }

    /// The oldest jobs, at most `many`.
    pub(super) fn oldest(&mut self, many: usize) -> &[SaveJob] {
        let jobs = self.jobs.make_contiguous();
        jobs.get(..many.min(jobs.len())).unwrap_or_default()
    }

    /// Forgets the oldest `many` jobs, which are durable or can never be.
    pub(super) fn forget(&mut self, many: usize) {
        let many = many.min(self.jobs.len());
        self.jobs.drain(..many);
        self.first = self.first.saturating_add(many as u64);
        let first = self.first;
        self.bindings.retain(|_, number| *number >= first);
    }
}

/// Whether the database takes what is to be saved, for pages, `doctor` and metrics; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct SavingState(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    behind: AtomicU64,
    lost: AtomicU64,
    why: Mutex<String>,
}

impl SavingState {
    /// Jobs that are in force and not yet on disk; 0 when all is well.
    pub fn behind(&self) -> u64 {
        self.0.behind.load(Ordering::Relaxed)
    }

    /// Jobs lost since the start, because too many were waiting or because the database refused them for good.
    pub fn lost(&self) -> u64 {
        self.0.lost.load(Ordering::Relaxed)
    }

    /// What the database said last, with the fix; empty when all is well.
    pub fn why(&self) -> String {
        self.0.why.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set(&self, behind: usize, why: Option<String>) {
        self.0.behind.store(behind as u64, Ordering::Relaxed);
        if let Some(why) = why {
            *self.0.why.lock().unwrap_or_else(PoisonError::into_inner) = why;
        }
    }

    pub(super) fn add_lost(&self, jobs: usize) {
        self.0.lost.fetch_add(jobs as u64, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::{binding, call};
    use super::*;
    use crate::model::CallId;
    use crate::switchboard::output::StoredBinding;

    fn job(change: Change) -> SaveJob {
        SaveJob { changes: vec![change], ticket: None }
    }

    /// Where a phone is, told apart by the port of its address.
    fn bound(device: i64, port: u16) -> StoredBinding {
        let mut binding = binding(device);
        binding.remote.set_port(port);
        binding
    }

    fn changes(behind: &mut Behind) -> Vec<Change> {
        behind.oldest(usize::MAX).iter().flat_map(|job| job.changes.clone()).collect()
    }

    #[test]
    fn a_refreshed_binding_takes_the_place_of_the_older_one() {
        let mut behind = Behind::default();
        assert!(behind.keep(job(Change::PutCall(call(1, 1, None)))));
        assert!(behind.keep(job(Change::PutUdpBinding(bound(1, 5060)))));
        assert!(behind.keep(job(Change::PutUdpBinding(bound(2, 5060)))));
        behind.forget(1);
        assert!(behind.keep(job(Change::PutUdpBinding(bound(1, 5070)))));
        let expected = [bound(1, 5070), bound(2, 5060)].map(Change::PutUdpBinding);
        assert_eq!(changes(&mut behind), expected);
        // What was written is no place to put anything.
        behind.forget(1);
        assert!(behind.keep(job(Change::PutUdpBinding(bound(1, 5080)))));
        assert_eq!(changes(&mut behind), [bound(2, 5060), bound(1, 5080)].map(Change::PutUdpBinding));
    }

    #[test]
    fn a_binding_after_its_end_stays_after_it() {
        let mut behind = Behind::default();
        let order = [
            Change::PutUdpBinding(bound(1, 5060)),
            Change::DeleteUdpBinding(DeviceId(1)),
            Change::PutUdpBinding(bound(1, 5070)),
        ];
        for change in &order {
            assert!(behind.keep(job(change.clone())));
        }
        assert_eq!(changes(&mut behind), order);
    }

    #[test]
    fn what_finds_no_room_is_refused_and_a_refresh_still_finds_its_place() {
        let mut behind = Behind::default();
        assert!(behind.keep(job(Change::PutUdpBinding(bound(1, 5060)))));
        let kept = (1..).take_while(|id| behind.keep(job(Change::DeleteParked(CallId(*id))))).count();
        assert_eq!(kept + 1, JOBS_BEHIND);
        assert!(!behind.keep(job(Change::PutUdpBinding(bound(2, 5060)))));
        assert!(behind.keep(job(Change::PutUdpBinding(bound(1, 5070)))));
        assert_eq!(behind.len(), JOBS_BEHIND);
    }
}
