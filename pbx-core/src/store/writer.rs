//! The group-commit writer: whatever arrives while one commit runs goes into the next.
//!
//! Invariants: jobs are applied in the order of the queue; a job is kept whole or not at all; a ticket is answered exactly
//! once, after the commit that holds its job or after that job has failed alone. A job that fails pulls no other down:
//! its group is rolled back and every job of it gets a transaction of its own.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::change;
use super::id_high::{self, Highs};
use super::{Store, StoreError, call_log};
use crate::model::{CallId, UnixMillis};
use crate::switchboard::output::{Change, SaveJob, Saved};

/// Jobs in one transaction: a bigger group saves no more disk flushes worth having (512 registrations share one) and
/// would let the first ticket of the group wait for the last one's statements.
const JOBS_PER_COMMIT: usize = 512;
/// Jobs that may wait for the database behind the journal: as many as may wait before it.
const JOBS_WAITING: usize = 4096;
/// How long changes that nobody waits for may stay in memory: short enough that a page opened after a call shows it, long
/// enough that the lines of one call become one commit.
const GATHER: Duration = Duration::from_millis(50);
/// Ended calls between two looks at the call log's limits; fewer than [`call_log::PRUNE_AT_ONCE`], so the log shrinks.
const CALLS_PER_PRUNE: u32 = 64;

/// The task that writes what the switchboard wants saved.
#[derive(Debug)]
pub struct Writer {
    journal: JoinHandle<()>,
    task: JoinHandle<()>,
}

impl Writer {
    /// Starts the task. It ends when every sender of `jobs` is gone and everything has been written.
    pub fn start(store: Store, jobs: mpsc::Receiver<SaveJob>, done: mpsc::Sender<Saved>) -> Self {
        let (forward, rest) = mpsc::channel(JOBS_WAITING);
        let journal = Journal { store: store.clone(), jobs, done: done.clone(), forward };
        let task = Task { store, jobs: rest, done, ended_calls: 0, newest_call: None };
        Self { journal: tokio::spawn(journal.run()), task: tokio::spawn(task.run()) }
    }

    /// Waits until the queue is closed and everything in it is written.
    pub async fn drained(self) {
        for task in [self.journal, self.task] {
            if let Err(stopped) = task.await {
                tracing::error!(error = %stopped, "a task that saves changes ended before its queue was empty");
            }
        }
    }
}

/// Takes park journal entries out of the queue, because a push waits for each, and their ends, because a caller who has an
/// answer must not get another after a crash; they never wait for a commit.
struct Journal {
    store: Store,
    jobs: mpsc::Receiver<SaveJob>,
    done: mpsc::Sender<Saved>,
    forward: mpsc::Sender<SaveJob>,
}

impl Journal {
    async fn run(mut self) {
        while let Some(job) = self.jobs.recv().await {
            let kept = match job.changes.as_slice() {
                [Change::PutParked(parked)] => self.store.journal.put(self.store.sealer(), parked),
                [Change::PutRinging(phone)] => self.store.journal.rings(self.store.sealer(), phone),
                [Change::DeleteParked(call)] => self.store.journal.end(*call),
                _ => {
                    if self.forward.send(job).await.is_err() {
                        return;
                    }
                    continue;
                }
            };
            if let Err(error) = &kept {
                tracing::error!(code = "not_saved", %error, "a parked call or its end could not be noted; after a crash its caller would hear nothing or too much");
            }
            if let Some(ticket) = job.ticket {
                // A closed receiver means that the switchboard has ended: nobody waits for the answer any more.
                let _ended = self.done.send(Saved { ticket, ok: kept.is_ok() }).await;
            }
        }
    }
}

struct Task {
    store: Store,
    jobs: mpsc::Receiver<SaveJob>,
    done: mpsc::Sender<Saved>,
    ended_calls: u32,
    newest_call: Option<(CallId, UnixMillis)>,
}

impl Task {
    async fn run(mut self) {
        let mut group = Vec::with_capacity(JOBS_PER_COMMIT);
        while self.jobs.recv_many(&mut group, JOBS_PER_COMMIT).await > 0 {
            self.gather(&mut group).await;
            match self.commit(&group).await {
                Ok(()) => {
                    for job in &group {
                        self.kept(job).await;
                    }
                }
                // Nobody may write at all: trying each job would only wait for each.
                Err(failure @ StoreError::Begin(_)) => self.failed(&group, &failure).await,
                Err(_) => self.commit_singly(&group).await,
            }
            group.clear();
            self.prune_when_due().await;
        }
    }

    /// While nobody waits for an answer, more jobs are let in: a call's log lines share one disk flush.
    async fn gather(&mut self, group: &mut Vec<SaveJob>) {
        let awaited = |group: &[SaveJob]| group.iter().any(|job| job.ticket.is_some());
        let more = async {
            while group.len() < JOBS_PER_COMMIT && !awaited(group) {
                let Some(job) = self.jobs.recv().await else { return };
                group.push(job);
            }
        };
        // Time being up is the usual end.
        let _ = tokio::time::timeout(GATHER, more).await;
        while group.len() < JOBS_PER_COMMIT {
            let Ok(job) = self.jobs.try_recv() else { return };
            group.push(job);
        }
    }

    /// One transaction for all jobs of the group.
    async fn commit(&self, group: &[SaveJob]) -> Result<(), StoreError> {
        let mut transaction = self.store.begin().await?;
        let mut highs = Highs::default();
        for job in group {
            change::apply(&mut transaction, &self.store, &job.changes, &mut highs).await?;
        }
        id_high::put(&mut transaction, &highs).await?;
        transaction.commit().await.map_err(StoreError::doing("saving changes"))
    }

    async fn commit_singly(&mut self, group: &[SaveJob]) {
        for (at, job) in group.iter().enumerate() {
            match self.commit(std::slice::from_ref(job)).await {
                Ok(()) => self.kept(job).await,
                Err(failure @ StoreError::Begin(_)) => {
                    return self.failed(group.get(at..).unwrap_or_default(), &failure).await;
                }
                Err(failure) => self.failed(std::slice::from_ref(job), &failure).await,
            }
        }
    }

    async fn kept(&mut self, job: &SaveJob) {
        for change in &job.changes {
            if let Change::PutCall(call) = change {
                self.newest_call = Some((call.id, call.started_at));
                self.ended_calls += u32::from(call.ended_at.is_some());
            }
        }
        self.answer(job, true).await;
    }

    /// Says once why these jobs were not kept, and tells everybody who waits.
    async fn failed(&self, jobs: &[SaveJob], failure: &StoreError) {
        let lost = jobs.iter().flat_map(|job| &job.changes);
        tracing::error!(
            code = "not_saved",
            changes = lost.clone().count(),
            first = lost.clone().next().map_or("nothing", name),
            error = %failure,
            "changes could not be saved; phones and calls go on, but these will be missing after a restart"
        );
        for job in jobs {
            self.answer(job, false).await;
        }
    }

    async fn answer(&self, job: &SaveJob, ok: bool) {
        if let Some(ticket) = job.ticket {
            // A closed receiver means that the switchboard has ended: nobody waits for the answer any more.
            let _ended = self.done.send(Saved { ticket, ok }).await;
        }
    }

    /// Keeps the call log within its limits. The newest call's start serves as the clock.
    async fn prune_when_due(&mut self) {
        let Some((newest, now)) = self.newest_call else { return };
        if self.ended_calls < CALLS_PER_PRUNE {
            return;
        }
        self.ended_calls = 0;
        let pruned = async {
            let mut transaction = self.store.begin().await?;
            let removed = call_log::prune(&mut transaction, newest, now).await?;
            transaction.commit().await.map_err(StoreError::doing("removing old calls from the call log"))?;
            Ok::<u64, StoreError>(removed)
        };
        match pruned.await {
            Ok(0) => {}
            Ok(removed) => tracing::debug!(removed, "old calls were removed from the call log"),
            Err(failure) => tracing::warn!(error = %failure, "old calls stay in the call log"),
        }
    }
}

/// What a change is about, in telephone words.
const fn name(change: &Change) -> &'static str {
    match change {
        Change::PutExtension(_) => "an extension",
        Change::DeleteExtension(_) => "removal of an extension",
        Change::PutCredential(_) => "a SIP account",
        Change::DeleteCredential(_) => "removal of a SIP account",
        Change::PutDevice(_) => "a device and how it can be woken",
        Change::PutLastWake { .. } => "the outcome of a wake",
        Change::DeleteDevice(_) => "removal of a device",
        Change::PutUdpBinding(_) => "where a phone on UDP can be reached",
        Change::DeleteUdpBinding(_) => "that a phone on UDP is gone",
        Change::PutCall(_) => "a call",
        Change::AppendTimeline(_) => "a line of a call's timeline",
        Change::PutParked(_) => "a parked call",
        Change::PutRinging(_) => "a phone that rings",
        Change::DeleteParked(_) => "the end of a parked call",
        Change::PutSettings(_) => "the settings",
        Change::PutBlock(_) => "who is blocked",
        Change::DeleteBlock { .. } => "that a block is lifted",
        Change::PutKnownNetwork { .. } => "behind which address a phone is",
        Change::DeleteKnownNetwork(_) => "behind which address a phone was",
    }
}

#[cfg(test)]
mod tests;
