//! The group-commit writer: whatever arrives while one commit runs goes into the next.
//!
//! While the database takes nothing (a full disk, a lock held by another program, a server that is down), everybody who waits
//! is told at once, and what is in force already waits in [`behind`] until it can be written, tried every second.
//!
//! Invariants: jobs are applied in the order of the queue; a job is kept whole or not at all; a ticket is answered exactly
//! once, after the commit that holds its job or after that job could not be written. A job that fails by itself pulls no
//! other down: its group is rolled back and every job of it gets a transaction of its own.

use std::pin::Pin;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Sleep;

use behind::Behind;

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
/// Between two tries of a database that takes nothing: freed space is used soon, and a full disk is not busy with tries.
const RETRY: Duration = Duration::from_secs(1);
/// How long one transaction may take: longer than anybody waits for a lock, and phones give up soon after.
const COMMIT: Duration = Duration::from_secs(10);
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
        let task = Task {
            store,
            jobs: rest,
            done,
            behind: Behind::default(),
            retry: None,
            in_trouble: false,
            calls: CallsKept::default(),
        };
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
    behind: Behind,
    /// Ends when the database is tried again; `None` while it takes everything.
    retry: Option<Pin<Box<Sleep>>>,
    /// Pages say that something waits.
    in_trouble: bool,
    calls: CallsKept,
}

/// The calls kept since the last look at the call log's limits.
#[derive(Default)]
struct CallsKept {
    ended: u32,
    newest: Option<(CallId, UnixMillis)>,
}

impl CallsKept {
    fn note(&mut self, job: &SaveJob) {
        for change in &job.changes {
            if let Change::PutCall(call) = change {
                self.newest = Some((call.id, call.started_at));
                self.ended += u32::from(call.ended_at.is_some());
            }
        }
    }
}

impl Task {
    async fn run(mut self) {
        let mut group = Vec::with_capacity(JOBS_PER_COMMIT);
        while self.receive(&mut group).await {
            if !group.is_empty() {
                self.gather(&mut group).await;
            }
            if self.retry.as_ref().is_none_or(|wait| wait.is_elapsed()) {
                self.catch_up().await;
            }
            if self.retry.is_none() {
                self.write(&group).await;
            } else {
                self.keep_behind(&group).await;
            }
            group.clear();
            self.tell_recovery();
            self.prune_when_due().await;
        }
        self.catch_up().await;
        self.tell_recovery();
        if !self.behind.is_empty() {
            let jobs = self.behind.len();
            tracing::error!(
                code = "not_saved",
                jobs,
                why = self.store.saving().why(),
                "changes are lost with this end"
            );
        }
    }

    /// Waits for jobs, or until the database is to be tried again; `false` once the queue is closed and empty.
    async fn receive(&mut self, group: &mut Vec<SaveJob>) -> bool {
        let jobs = self.jobs.recv_many(group, JOBS_PER_COMMIT);
        match self.retry.as_mut() {
            None => jobs.await > 0,
            Some(wait) => tokio::select! {
                received = jobs => received > 0,
                () = wait.as_mut(), if !wait.is_elapsed() => true,
            },
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

    /// One transaction for all jobs of the group, or one for each when it fails.
    async fn write(&mut self, group: &[SaveJob]) {
        if group.is_empty() {
            return;
        }
        match commit(&self.store, group).await {
            Ok(()) => {
                for job in group {
                    self.kept(job).await;
                }
                return;
            }
            // Nobody may write at all: trying each job would only wait for each.
            Err(failure) if failure.is_passing() => return self.fall_behind(group, &failure).await,
            Err(_) => {}
        }
        for (at, job) in group.iter().enumerate() {
            match commit(&self.store, std::slice::from_ref(job)).await {
                Ok(()) => self.kept(job).await,
                Err(failure) if failure.is_passing() => {
                    return self.fall_behind(group.get(at..).unwrap_or_default(), &failure).await;
                }
                Err(failure) => {
                    self.refused(job, &failure);
                    self.answer(job, false).await;
                }
            }
        }
    }

    /// Writes what waits, oldest first, until it is all durable or the database refuses again.
    async fn catch_up(&mut self) {
        let mut at_once = JOBS_PER_COMMIT;
        while !self.behind.is_empty() {
            let oldest = self.behind.oldest(at_once);
            let many = oldest.len();
            match commit(&self.store, oldest).await {
                Ok(()) => {}
                Err(failure) if failure.is_passing() => return self.try_again_later(&failure),
                // One of them can never be written: each by itself until it is found.
                Err(_) if many > 1 => {
                    at_once = 1;
                    continue;
                }
                Err(failure) => {
                    if let Some(job) = self.behind.oldest(1).first().cloned() {
                        self.refused(&job, &failure);
                    }
                    at_once = JOBS_PER_COMMIT;
                }
            }
            self.behind.oldest(many).iter().for_each(|job| self.calls.note(job));
            self.behind.forget(many);
        }
        self.retry = None;
    }

    /// All is well again when also that is written which came while the database was tried.
    fn tell_recovery(&mut self) {
        if !self.in_trouble || self.retry.is_some() {
            return;
        }
        let waiting = self.jobs.len();
        if waiting > 0 {
            return self.store.saving().set(waiting, None);
        }
        self.in_trouble = false;
        self.store.saving().set(0, Some(String::new()));
        tracing::info!("the database takes changes again, and everything is saved");
    }

    async fn kept(&mut self, job: &SaveJob) {
        self.calls.note(job);
        self.answer(job, true).await;
    }

    /// The database takes nothing: says so once, tells everybody who waits, and keeps what is in force.
    async fn fall_behind(&mut self, jobs: &[SaveJob], failure: &StoreError) {
        if !std::mem::replace(&mut self.in_trouble, true) {
            tracing::error!(
                code = "not_saved",
                error = %failure,
                "changes cannot be saved; phones and calls go on, and what is in force is saved as soon as the database takes it"
            );
        }
        self.try_again_later(failure);
        self.keep_behind(jobs).await;
    }

    fn try_again_later(&mut self, failure: &StoreError) {
        self.retry = Some(Box::pin(tokio::time::sleep(RETRY)));
        self.store.saving().set(self.behind.len(), Some(failure.to_string()));
    }

    async fn keep_behind(&mut self, jobs: &[SaveJob]) {
        let mut lost = 0;
        for job in jobs {
            lost += usize::from(!self.behind.keep(job.clone()));
        }
        if lost > 0 {
            self.store.saving().add_lost(lost);
            tracing::error!(
                code = "not_saved",
                lost,
                "too many changes wait for the database; these are missing after a restart"
            );
        }
        self.store.saving().set(self.behind.len(), None);
        for job in jobs {
            self.answer(job, false).await;
        }
    }

    /// A job that the database can never take, because it does not fit what is there.
    fn refused(&self, job: &SaveJob, failure: &StoreError) {
        self.store.saving().add_lost(1);
        tracing::error!(
            code = "not_saved",
            changes = job.changes.len(),
            first = job.changes.first().map_or("nothing", name),
            error = %failure,
            "changes could not be saved; phones and calls go on, but these will be missing after a restart"
        );
    }

    async fn answer(&self, job: &SaveJob, ok: bool) {
        if let Some(ticket) = job.ticket {
            // A closed receiver means that the switchboard has ended: nobody waits for the answer any more.
            let _ended = self.done.send(Saved { ticket, ok }).await;
        }
    }

    /// Keeps the call log within its limits. The newest call's start serves as the clock.
    async fn prune_when_due(&mut self) {
        let Some((newest, now)) = self.calls.newest else { return };
        if self.calls.ended < CALLS_PER_PRUNE {
            return;
        }
        self.calls.ended = 0;
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

/// One transaction: all of it durable, or nothing. One that takes too long counts as not done; should the database have
/// done it after all, it is done again later, which changes nothing.
async fn commit(store: &Store, jobs: &[SaveJob]) -> Result<(), StoreError> {
    let done = tokio::time::timeout(COMMIT, apply(store, jobs)).await;
    done.unwrap_or(Err(StoreError::Begin(sqlx::Error::PoolTimedOut)))
}

async fn apply(store: &Store, jobs: &[SaveJob]) -> Result<(), StoreError> {
    let mut transaction = store.begin().await?;
    let mut highs = Highs::default();
    for job in jobs {
        change::apply(&mut transaction, store, &job.changes, &mut highs).await?;
    }
    id_high::put(&mut transaction, &highs).await?;
    transaction.commit().await.map_err(StoreError::doing("saving changes"))
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

mod behind;
#[cfg(test)]
mod tests;

pub use behind::SavingState;
