//! Grouping, order, tickets and draining of the writer.

use tempfile::TempDir;
use tokio::sync::mpsc;

use super::super::sql::{query_as, query_scalar};
use super::super::tests::{call, credential, device, extension, open, parked};
use super::super::{Store, call_log};
use super::Writer;
use crate::model::{CallEnding, CallId, DeviceId};
use crate::switchboard::output::{Change, SaveJob, SaveTicket, Saved};

const ROOM: usize = 4096;

struct Bench {
    store: Store,
    jobs: mpsc::Sender<SaveJob>,
    done: mpsc::Receiver<Saved>,
    writer: Writer,
    _directory: TempDir,
}

async fn bench() -> Bench {
    let directory = TempDir::new().unwrap();
    let store = open(&directory).await;
    bench_on(store, directory)
}

fn bench_on(store: Store, directory: TempDir) -> Bench {
    let (jobs, queue) = mpsc::channel(ROOM);
    let (answers, done) = mpsc::channel(ROOM);
    let writer = Writer::start(store.clone(), queue, answers);
    Bench { store, jobs, done, writer, _directory: directory }
}

impl Bench {
    fn save(&self, ticket: u64, changes: Vec<Change>) {
        self.jobs.try_send(SaveJob { changes, ticket: Some(SaveTicket(ticket)) }).unwrap();
    }

    /// Closes the queue and gives back the store and every answer.
    async fn finish(self) -> (Store, Vec<(u64, bool)>, TempDir) {
        let Self { store, jobs, mut done, writer, _directory: directory } = self;
        drop(jobs);
        writer.drained().await;
        let mut answers = Vec::new();
        while let Some(Saved { ticket, ok }) = done.recv().await {
            answers.push((ticket.0, ok));
        }
        (store, answers, directory)
    }
}

#[tokio::test]
async fn a_ticket_is_answered_when_its_change_is_durable() {
    let mut bench = bench().await;
    bench.save(1, vec![Change::PutExtension(extension("101"))]);
    assert_eq!(bench.done.recv().await, Some(Saved { ticket: SaveTicket(1), ok: true }));
    assert_eq!(bench.store.load().await.unwrap().extensions, [extension("101")]);
}

#[tokio::test]
async fn jobs_that_arrive_during_a_commit_share_the_next_one() {
    // The pages of its journal show how many commits a file saw.
    let directory = TempDir::new().unwrap();
    let bench = bench_on(Store::open(directory.path()).await.unwrap(), directory);
    // While this transaction is open the writer waits, as it would for a commit; the jobs pile up behind it.
    let open = bench.store.begin().await.unwrap();
    for n in 0..400u64 {
        bench.save(n, vec![Change::PutExtension(extension(&(1000 + n).to_string()))]);
    }
    let before = frames(&bench.store).await;
    open.commit().await.unwrap();
    let (store, answers, _directory) = bench.finish().await;
    assert_eq!(answers, (0..400).map(|n| (n, true)).collect::<Vec<_>>());
    assert_eq!(store.load().await.unwrap().extensions.len(), 400);
    let pages = frames(&store).await - before;
    assert!(pages < 150, "400 jobs in a handful of transactions write few pages, not {pages}");
}

#[tokio::test]
async fn a_parked_call_and_its_end_wait_for_no_commit() {
    let mut bench = bench().await;
    let open = bench.store.begin().await.unwrap();
    bench.save(1, vec![Change::PutExtension(extension("101"))]);
    bench.save(2, vec![Change::PutParked(parked(7))]);
    assert_eq!(bench.done.recv().await, Some(Saved { ticket: SaveTicket(2), ok: true }));
    bench.save(3, vec![Change::DeleteParked(CallId(7))]);
    assert_eq!(bench.done.recv().await, Some(Saved { ticket: SaveTicket(3), ok: true }));
    open.commit().await.unwrap();
    assert_eq!(bench.done.recv().await, Some(Saved { ticket: SaveTicket(1), ok: true }));
    assert_eq!(bench.store.load().await.unwrap().parked, []);
}

/// Pages in the journal: each transaction writes every page it touched once, so 400 transactions would write over 800.
async fn frames(store: &Store) -> u64 {
    let (_, _, path): (i64, String, String) = query_as("PRAGMA database_list").fetch_one(store.reader()).await.unwrap();
    std::fs::metadata(format!("{path}-wal")).unwrap().len() / 4096
}

#[tokio::test]
async fn a_failing_change_fails_only_its_own_ticket() {
    let bench = bench().await;
    let open = bench.store.begin().await.unwrap();
    bench.save(1, vec![Change::PutExtension(extension("101"))]);
    let orphan = Change::PutCredential(credential("999", "999"));
    bench.save(2, vec![Change::PutExtension(extension("102")), orphan]);
    bench.save(3, vec![Change::PutCredential(credential("101", "101"))]);
    drop(open);
    let (store, answers, _directory) = bench.finish().await;
    assert_eq!(answers, [(1, true), (2, false), (3, true)]);
    let restored = store.load().await.unwrap();
    assert_eq!(restored.extensions, [extension("101")]);
    assert_eq!(restored.credentials, [credential("101", "101")]);
}

#[tokio::test]
async fn changes_are_applied_in_the_order_of_the_queue() {
    let bench = bench().await;
    bench.save(1, vec![Change::PutExtension(extension("101")), Change::PutDevice(device(1, "101", None))]);
    bench.save(2, vec![Change::DeleteDevice(DeviceId(1)), Change::PutDevice(device(2, "101", None))]);
    bench.save(3, vec![Change::DeleteDevice(DeviceId(2)), Change::PutDevice(device(3, "101", None))]);
    let (store, _, _directory) = bench.finish().await;
    assert_eq!(store.load().await.unwrap().devices, [device(3, "101", None)]);
}

#[tokio::test]
async fn jobs_without_ticket_are_written_before_the_writer_ends() {
    let bench = bench().await;
    for id in 1..=1000 {
        let job = SaveJob { changes: vec![Change::PutCall(call(id, id, Some(CallEnding::Busy)))], ticket: None };
        bench.jobs.try_send(job).unwrap();
    }
    let (store, answers, _directory) = bench.finish().await;
    assert!(answers.is_empty());
    assert_eq!(store.load().await.unwrap().last_call, 1000);
    assert!(call_log::one(&store, CallId(1)).await.unwrap().is_some());
}

#[tokio::test]
async fn the_call_log_is_kept_within_its_limits() {
    let mut bench = bench().await;
    bench.save(1, (1..=50).map(|id| Change::PutCall(call(id, id, Some(CallEnding::Busy)))).collect());
    let far = call_log::KEEP_CALLS + 50;
    bench.save(2, (0..64).map(|n| Change::PutCall(call(far + n, 100, Some(CallEnding::Busy)))).collect());
    for _ in 0..2 {
        assert!(bench.done.recv().await.unwrap().ok);
    }
    let (store, _, _directory) = bench.finish().await;
    let left = call_log::page(&store, &call_log::CallFilter::default(), None, 500).await.unwrap();
    assert_eq!(left.calls.len(), 64);
}

#[tokio::test]
async fn a_store_that_cannot_be_written_fails_every_ticket_and_goes_on() {
    let mut bench = bench().await;
    bench.save(1, vec![Change::PutExtension(extension("101"))]);
    assert!(bench.done.recv().await.unwrap().ok);
    bench.store.close().await;
    bench.save(2, vec![Change::PutExtension(extension("102"))]);
    bench.save(3, vec![Change::PutExtension(extension("103"))]);
    let (_, answers, _directory) = bench.finish().await;
    assert_eq!(answers, [(2, false), (3, false)]);
}

/// Lets the file grow no further, as a full disk does; the limit ends with the connection.
async fn fill(store: &Store) {
    let pages: i64 = query_scalar("PRAGMA page_count").fetch_one(store.reader()).await.unwrap();
    let mut transaction = store.begin().await.unwrap();
    let set: i64 = query_scalar(sqlx::AssertSqlSafe(format!("PRAGMA max_page_count = {pages}")))
        .fetch_one(&mut transaction)
        .await
        .unwrap();
    assert_eq!(set, pages);
}

fn large_call(id: i64) -> Change {
    let mut call = call(id, id, Some(CallEnding::Busy));
    call.caller = "x".repeat(2000);
    Change::PutCall(call)
}

/// On a file of SQLite, whose size can be limited; a server's disk is its admin's.
#[tokio::test]
async fn what_a_full_disk_refused_is_written_when_there_is_space_and_in_its_order() {
    let directory = TempDir::new().unwrap();
    let mut bench = bench_on(Store::open(directory.path()).await.unwrap(), directory);
    fill(&bench.store).await;
    let mut kept = 0;
    while {
        bench.save(1, vec![large_call(kept + 1)]);
        bench.done.recv().await.unwrap().ok
    } {
        kept += 1;
        assert!(kept < 200, "the file grows on");
    }
    let saving = bench.store.saving().clone();
    assert!(saving.behind() > 0 && saving.why().contains("the disk is full: free some space"), "{saving:?}");
    for id in kept + 2..=200 {
        bench.save(2, vec![large_call(id)]);
    }
    bench.save(3, vec![Change::PutExtension(extension("101"))]);
    bench.save(3, vec![Change::DeleteExtension("101".parse().unwrap())]);
    let (store, answers, _directory) = bench.finish().await;
    assert!(answers.iter().any(|(_, ok)| !ok), "who waits is told at once, not when there is space");
    assert_eq!((saving.behind(), saving.lost(), saving.why().as_str()), (0, 0, ""));
    for id in 1..=200 {
        assert!(call_log::one(&store, CallId(id)).await.unwrap().is_some(), "call {id} is missing");
    }
    assert_eq!(store.load().await.unwrap().extensions, []);
}
