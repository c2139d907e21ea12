//! The call log: one row for each call and its timeline in milliseconds.
//!
//! Rows are written by the switchboard's changes and read by pages and the API. Two limits keep the log from growing for
//! ever: [`KEEP_CALLS`] and [`KEEP_FOR`]; the writer removes a few old calls now and then, never many at once.

mod find;

use std::time::Duration;

pub use find::{CallFilter, CallPage, SEARCHED, page};
use sqlx::FromRow;
use uuid::Uuid;

use super::sql::{Transaction, query, query_as};
use super::{Store, StoreError};
use crate::model::{CallEnding, CallId, CallRecord, CallUuid, DeviceId, TimelineEntry, TimelineStep, UnixMillis};

/// Calls kept: more than a year of a business with 2,000 calls a day, and about 700 MB with their timelines.
pub const KEEP_CALLS: i64 = 1_000_000;
/// How long a call is kept: long enough to compare with last year's same month.
pub const KEEP_FOR: Duration = Duration::from_secs(400 * 24 * 3600);
/// Calls removed in one transaction, so that nobody who waits for a save notices.
pub(super) const PRUNE_AT_ONCE: i64 = 200;
/// Calls on one page at most.
pub const PAGE_LIMIT: u32 = 500;
/// Lines of one timeline at most; a call with more branches than that is cut, not refused.
const TIMELINE_LIMIT: i64 = 2000;

/// One call, if it is still kept.
pub async fn one(store: &Store, id: CallId) -> Result<Option<CallRecord>, StoreError> {
    let row: Option<CallRow> = query_as(
        "SELECT id, uuid, caller, caller_name, callee, started_at, answered_at, ended_at, ending, reason, answered_by, \
         packets_from_caller, packets_from_callee FROM call WHERE id = $1",
    )
    .bind(id.0)
    .fetch_optional(store.reader())
    .await
    .map_err(StoreError::doing("reading a call"))?;
    row.map(CallRow::into_record).transpose()
}

/// A call's timeline in the order in which things happened.
pub async fn timeline(store: &Store, id: CallId) -> Result<Vec<TimelineEntry>, StoreError> {
    let rows: Vec<EventRow> = query_as(
        "SELECT call_id, at, step, device_id, detail FROM call_event WHERE call_id = $1 ORDER BY seq LIMIT $2",
    )
    .bind(id.0)
    .bind(TIMELINE_LIMIT)
    .fetch_all(store.reader())
    .await
    .map_err(StoreError::doing("reading a call's timeline"))?;
    rows.into_iter().map(EventRow::into_entry).collect()
}

/// Inserts or replaces a call.
pub(super) async fn put(db: &mut Transaction, call: &CallRecord) -> Result<(), StoreError> {
    query(
        "INSERT INTO call (id, uuid, caller, caller_name, callee, started_at, answered_at, ended_at, ending, reason, \
         answered_by, packets_from_caller, packets_from_callee) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) \
         ON CONFLICT (id) DO UPDATE SET uuid = excluded.uuid, caller = excluded.caller, \
         caller_name = excluded.caller_name, callee = excluded.callee, started_at = excluded.started_at, \
         answered_at = excluded.answered_at, ended_at = excluded.ended_at, ending = excluded.ending, \
         reason = excluded.reason, answered_by = excluded.answered_by, \
         packets_from_caller = excluded.packets_from_caller, packets_from_callee = excluded.packets_from_callee",
    )
    .bind(call.id.0)
    .bind(call.uuid.to_string())
    .bind(&call.caller)
    .bind(&call.caller_name)
    .bind(&call.callee)
    .bind(call.started_at.0)
    .bind(call.answered_at.map(|at| at.0))
    .bind(call.ended_at.map(|at| at.0))
    .bind(call.ending.map(CallEnding::as_str))
    .bind(&call.reason)
    .bind(call.answered_by.map(|device| device.0))
    .bind(i64::try_from(call.packets_from_caller).unwrap_or(i64::MAX))
    .bind(i64::try_from(call.packets_from_callee).unwrap_or(i64::MAX))
    .execute(db)
    .await
    .map_err(StoreError::doing("saving a call"))?;
    Ok(())
}

/// Appends a line to a call's timeline.
pub(super) async fn append(db: &mut Transaction, entry: &TimelineEntry) -> Result<(), StoreError> {
    query(
        "INSERT INTO call_event (call_id, seq, at, step, device_id, detail) \
         SELECT $1, COALESCE(MAX(seq), 0) + 1, $2, $3, $4, $5 FROM call_event WHERE call_id = $1",
    )
    .bind(entry.call.0)
    .bind(entry.at.0)
    .bind(entry.step.as_str())
    .bind(entry.device.map(|device| device.0))
    .bind(&entry.detail)
    .execute(db)
    .await
    .map_err(StoreError::doing("saving a line of a call's timeline"))?;
    Ok(())
}

/// Ends every call that lived when the last run stopped, at the time of the last thing known about it.
pub(super) async fn end_all_open(db: &mut Transaction) -> Result<u64, StoreError> {
    let done = query(
        "UPDATE call SET ending = $1, reason = $2, ended_at = COALESCE( \
         (SELECT MAX(call_event.at) FROM call_event WHERE call_event.call_id = call.id), answered_at, started_at) \
         WHERE ended_at IS NULL",
    )
    .bind(CallEnding::ServerStopped.as_str())
    .bind("Nightbell was stopped or restarted during the call")
    .execute(db)
    .await
    .map_err(StoreError::doing("ending the calls of the last run"))?;
    Ok(done.rows_affected())
}

/// Removes calls beyond both limits, at most [`PRUNE_AT_ONCE`]; gives back how many were removed.
pub(super) async fn prune(db: &mut Transaction, newest: CallId, now: UnixMillis) -> Result<u64, StoreError> {
    const DOING: &str = "removing old calls from the call log";
    let removed: Vec<(i64,)> = query_as(
        "DELETE FROM call WHERE id IN (SELECT id FROM call WHERE id <= $1 OR started_at < $2 ORDER BY id LIMIT $3) \
         RETURNING id",
    )
    .bind(newest.0.saturating_sub(KEEP_CALLS))
    .bind((now - KEEP_FOR).0)
    .bind(PRUNE_AT_ONCE)
    .fetch_all(&mut *db)
    .await
    .map_err(StoreError::doing(DOING))?;
    for (id,) in &removed {
        query("DELETE FROM call_event WHERE call_id = $1")
            .bind(id)
            .execute(&mut *db)
            .await
            .map_err(StoreError::doing(DOING))?;
    }
    Ok(u64::try_from(removed.len()).unwrap_or(u64::MAX))
}

#[derive(FromRow)]
struct CallRow {
    id: i64,
    uuid: String,
    caller: String,
    caller_name: String,
    callee: String,
    started_at: i64,
    answered_at: Option<i64>,
    ended_at: Option<i64>,
    ending: Option<String>,
    reason: String,
    answered_by: Option<i64>,
    packets_from_caller: i64,
    packets_from_callee: i64,
}

impl CallRow {
    fn into_record(self) -> Result<CallRecord, StoreError> {
        let odd = |column| StoreError::inconsistent("call", column, self.id);
        let uuid = Uuid::parse_str(&self.uuid).map_err(|_| odd("uuid"))?;
        let ending = match &self.ending {
            Some(code) => Some(CallEnding::from_code(code).ok_or_else(|| odd("ending"))?),
            None => None,
        };
        Ok(CallRecord {
            id: CallId(self.id),
            uuid: CallUuid(uuid),
            started_at: UnixMillis(self.started_at),
            answered_at: self.answered_at.map(UnixMillis),
            ended_at: self.ended_at.map(UnixMillis),
            ending,
            answered_by: self.answered_by.map(DeviceId),
            packets_from_caller: u64::try_from(self.packets_from_caller).map_err(|_| odd("packets_from_caller"))?,
            packets_from_callee: u64::try_from(self.packets_from_callee).map_err(|_| odd("packets_from_callee"))?,
            caller: self.caller,
            caller_name: self.caller_name,
            callee: self.callee,
            reason: self.reason,
        })
    }
}

#[derive(FromRow)]
struct EventRow {
    call_id: i64,
    at: i64,
    step: String,
    device_id: Option<i64>,
    detail: String,
}

impl EventRow {
    fn into_entry(self) -> Result<TimelineEntry, StoreError> {
        let step = TimelineStep::from_code(&self.step)
            .ok_or_else(|| StoreError::inconsistent("call_event", "step", self.call_id))?;
        Ok(TimelineEntry {
            call: CallId(self.call_id),
            at: UnixMillis(self.at),
            step,
            device: self.device_id.map(DeviceId),
            detail: self.detail,
        })
    }
}
