//! SQL of receivers and of their queues (`0068_event_webhook.sql`).

use std::collections::BTreeMap;

use pbx_core::model::{Redacted, UnixMillis};
use pbx_core::store::sql::{Row, Transaction, query, query_as, query_scalar};
use pbx_core::store::{Store, StoreError};
use push_module::credential::WebhookKey;

use super::event::{Event, EventKind};
use super::{Delivery, DeliveryState, Receiver};

/// Events that wait for one receiver: an hour of an office with some 50 calls in it, each with 4 to 8 events, and room for
/// a busy morning. The oldest give way.
pub(crate) const QUEUE: i64 = 1000;
/// Ended deliveries kept for each receiver, for the page and for whoever looks for a lost event.
const KEEP_ENDED: i64 = 200;

fn place(id: i64) -> String {
    format!("event_webhook.secret:{id}")
}

/// What a receiver is made of, apart from its secret.
#[derive(Debug, Clone)]
pub(crate) struct Fields {
    pub(crate) name: String,
    pub(crate) url: String,
    pub(crate) events: Vec<EventKind>,
    pub(crate) allow_private: bool,
    pub(crate) authority: String,
    pub(crate) enabled: bool,
}

fn words(events: &[EventKind]) -> String {
    events.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(" ")
}

fn read(store: &Store, row: &Row) -> Result<Receiver, sqlx::Error> {
    let at = |column: &str| Ok::<_, sqlx::Error>(row.try_get::<Option<i64>>(column)?.map(UnixMillis));
    let id: i64 = row.try_get("id")?;
    let open = |sealed: &[u8]| {
        let opened = store.sealer().open(&place(id), sealed).ok()?;
        WebhookKey::parse(std::str::from_utf8(&opened).ok()?).ok()
    };
    Ok(Receiver {
        id,
        name: row.try_get("name")?,
        url: row.try_get("url")?,
        events: row.try_get::<String>("events")?.split_whitespace().filter_map(|word| word.parse().ok()).collect(),
        allow_private: row.try_get("allow_private")?,
        authority: row.try_get("authority")?,
        // One that does not open with this master key signs nothing; a new secret mends it.
        key: open(&row.try_get::<Vec<u8>>("secret")?),
        old_key: row.try_get::<Option<Vec<u8>>>("old_secret")?.and_then(|sealed| open(&sealed)),
        old_until: at("old_until")?,
        secret_at: UnixMillis(row.try_get("secret_at")?),
        enabled: row.try_get("enabled")?,
        disabled_why: row.try_get("disabled_why")?,
        failures: row.try_get("failures")?,
        failing_since: at("failing_since")?,
        next_at: UnixMillis(row.try_get("next_at")?),
        last_success_at: at("last_success_at")?,
        created_at: UnixMillis(row.try_get("created_at")?),
    })
}

/// All receivers, oldest first.
pub(crate) async fn list(store: &Store) -> Result<Vec<Receiver>, StoreError> {
    let doing = "reading the event webhooks";
    let rows = query("SELECT * FROM event_webhook ORDER BY id")
        .fetch_all(store.reader())
        .await
        .map_err(StoreError::doing(doing))?;
    rows.iter().map(|row| read(store, row).map_err(StoreError::doing(doing))).collect()
}

/// One receiver.
pub(crate) async fn one(store: &Store, id: i64) -> Result<Option<Receiver>, StoreError> {
    let doing = "reading an event webhook";
    let row = query("SELECT * FROM event_webhook WHERE id = $1")
        .bind(id)
        .fetch_optional(store.reader())
        .await
        .map_err(StoreError::doing(doing))?;
    row.map(|row| read(store, &row).map_err(StoreError::doing(doing))).transpose()
}

/// Stores a new receiver unless there are `limit` of them.
pub(crate) async fn insert(
    store: &Store,
    fields: &Fields,
    secret: &Redacted<String>,
    (limit, now): (i64, UnixMillis),
) -> Result<Option<i64>, StoreError> {
    const DOING: &str = "storing an event webhook";
    let mut change = store.begin().await?;
    let count: i64 = query_scalar("SELECT COUNT(*) FROM event_webhook")
        .fetch_one(&mut change)
        .await
        .map_err(StoreError::doing(DOING))?;
    if count >= limit {
        return Ok(None);
    }
    if count == 0 {
        begin_with_the_newest_call(&mut change).await?;
    }
    let id: i64 = query_scalar(
        "INSERT INTO event_webhook (name, url, events, allow_private, authority, secret, secret_at, enabled, \
         disabled_why, failures, next_at, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, '', 0, 0, $7) RETURNING id",
    )
    .bind(&fields.name)
    .bind(&fields.url)
    .bind(words(&fields.events))
    .bind(fields.allow_private)
    .bind(&fields.authority)
    .bind(Vec::<u8>::new())
    .bind(now.0)
    .bind(fields.enabled)
    .fetch_one(&mut change)
    .await
    .map_err(StoreError::doing(DOING))?;
    query("UPDATE event_webhook SET secret = $1 WHERE id = $2")
        .bind(store.sealer().seal(&place(id), secret.reveal().as_bytes())?)
        .bind(id)
        .execute(&mut change)
        .await
        .map_err(StoreError::doing(DOING))?;
    change.commit().await.map_err(StoreError::doing(DOING))?;
    Ok(Some(id))
}

/// Calls of a time when nobody was told are nobody's news.
async fn begin_with_the_newest_call(change: &mut Transaction) -> Result<(), StoreError> {
    const DOING: &str = "beginning with events";
    query("DELETE FROM event_call").execute(&mut *change).await.map_err(StoreError::doing(DOING))?;
    query(
        "INSERT INTO event_call (call_id, seq, ended) SELECT c.id, COALESCE((SELECT MAX(e.seq) FROM call_event e WHERE \
         e.call_id = c.id), 0), c.ended_at IS NOT NULL FROM call c \
         WHERE c.ended_at IS NULL OR c.id = (SELECT MAX(id) FROM call)",
    )
    .execute(change)
    .await
    .map_err(StoreError::doing(DOING))?;
    Ok(())
}

/// Changes a receiver; its troubles are forgotten, so that it is tried at once.
pub(crate) async fn update(store: &Store, id: i64, fields: &Fields) -> Result<(), StoreError> {
    const DOING: &str = "changing an event webhook";
    let mut change = store.begin().await?;
    let told: i64 = query_scalar("SELECT COUNT(*) FROM event_webhook WHERE enabled")
        .fetch_one(&mut change)
        .await
        .map_err(StoreError::doing(DOING))?;
    if fields.enabled && told == 0 {
        begin_with_the_newest_call(&mut change).await?;
    }
    query(
        "UPDATE event_webhook SET name = $1, url = $2, events = $3, allow_private = $4, authority = $5, enabled = $6, \
         disabled_why = '', failures = 0, failing_since = NULL, next_at = 0 WHERE id = $7",
    )
    .bind(&fields.name)
    .bind(&fields.url)
    .bind(words(&fields.events))
    .bind(fields.allow_private)
    .bind(&fields.authority)
    .bind(fields.enabled)
    .bind(id)
    .execute(&mut change)
    .await
    .map_err(StoreError::doing(DOING))?;
    if !fields.enabled {
        give_up_all(&mut change, id, "the webhook was switched off", crate::clock::now()).await?;
    }
    change.commit().await.map_err(StoreError::doing(DOING))
}

/// Puts another secret in place; the one before signs as well until `old_until`.
pub(crate) async fn rotate(
    store: &Store,
    id: i64,
    secret: &Redacted<String>,
    (old_until, now): (UnixMillis, UnixMillis),
) -> Result<(), StoreError> {
    const DOING: &str = "renewing the secret of an event webhook";
    let mut change = store.begin().await?;
    query("UPDATE event_webhook SET old_secret = secret, old_until = $1, secret = $2, secret_at = $3 WHERE id = $4")
        .bind(old_until.0)
        .bind(store.sealer().seal(&place(id), secret.reveal().as_bytes())?)
        .bind(now.0)
        .bind(id)
        .execute(&mut change)
        .await
        .map_err(StoreError::doing(DOING))?;
    change.commit().await.map_err(StoreError::doing(DOING))
}

/// Forgets a receiver with its queue; says whether it was there.
pub(crate) async fn remove(store: &Store, id: i64) -> Result<bool, StoreError> {
    const DOING: &str = "removing an event webhook";
    let mut change = store.begin().await?;
    let done = query("DELETE FROM event_webhook WHERE id = $1")
        .bind(id)
        .execute(&mut change)
        .await
        .map_err(StoreError::doing(DOING))?;
    change.commit().await.map_err(StoreError::doing(DOING))?;
    Ok(done.rows_affected() > 0)
}

/// How far a call was made into events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seen {
    /// The last line of its timeline that was told.
    pub(crate) seq: i64,
    /// Whether its end was told.
    pub(crate) ended: bool,
    /// When it was over, by the call log.
    pub(crate) over_at: Option<UnixMillis>,
    /// The last line there is.
    pub(crate) lines: i64,
}

/// Calls that live or ended lately; the highest call that was seen is always among them.
pub(crate) async fn seen_calls(store: &Store) -> Result<BTreeMap<i64, Seen>, StoreError> {
    let rows: Vec<(i64, i64, bool, Option<i64>, i64)> = query_as(
        "SELECT e.call_id, e.seq, e.ended, c.ended_at, \
         COALESCE((SELECT MAX(l.seq) FROM call_event l WHERE l.call_id = e.call_id), 0) \
         FROM event_call e LEFT JOIN call c ON c.id = e.call_id",
    )
    .fetch_all(store.reader())
    .await
    .map_err(StoreError::doing("reading how far calls were told"))?;
    let seen =
        |(call, seq, ended, over, lines)| (call, Seen { seq, ended, over_at: Option::map(over, UnixMillis), lines });
    Ok(rows.into_iter().map(seen).collect())
}

/// A line of a call's timeline with its number.
pub(crate) type Step = (i64, i64, String, Option<i64>, String);

/// The lines of a call behind the one that was seen last.
pub(crate) async fn steps_behind(store: &Store, call: i64, seq: i64) -> Result<Vec<Step>, StoreError> {
    query_as("SELECT seq, at, step, device_id, detail FROM call_event WHERE call_id = $1 AND seq > $2 ORDER BY seq")
        .bind(call)
        .bind(seq)
        .fetch_all(store.reader())
        .await
        .map_err(StoreError::doing("reading a call's timeline"))
}

/// Calls of the call log behind this one.
pub(crate) async fn calls_behind(store: &Store, call: i64) -> Result<Vec<i64>, StoreError> {
    let rows: Vec<(i64,)> = query_as("SELECT id FROM call WHERE id > $1 ORDER BY id LIMIT 1000")
        .bind(call)
        .fetch_all(store.reader())
        .await
        .map_err(StoreError::doing("looking for calls to tell"))?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// What one look brought: events, and how far each call was told; `None` forgets a call.
#[derive(Debug, Default)]
pub(crate) struct News {
    pub(crate) events: Vec<Event>,
    pub(crate) calls: BTreeMap<i64, Option<(i64, bool)>>,
}

/// Puts events into the queues of those who want them, and notes how far the calls were told, all of it or nothing. Gives the
/// receivers that got something.
pub(crate) async fn enqueue(
    store: &Store,
    receivers: &[Receiver],
    news: &News,
    now: UnixMillis,
) -> Result<Vec<i64>, StoreError> {
    const DOING: &str = "queueing events";
    let mut change = store.begin().await?;
    let mut touched = Vec::new();
    for receiver in receivers.iter().filter(|receiver| receiver.enabled) {
        let wanted: Vec<&Event> = news.events.iter().filter(|event| receiver.events.contains(&event.kind)).collect();
        if wanted.is_empty() {
            continue;
        }
        touched.push(receiver.id);
        for event in wanted {
            query(
                "INSERT INTO event_delivery (webhook, seq, event_id, kind, body, state, attempts, detail, created_at) \
                 SELECT $1, COALESCE(MAX(seq), 0) + 1, $2, $3, $4, 'queued', 0, '', $5 FROM event_delivery \
                 WHERE webhook = $1 ON CONFLICT (webhook, event_id) DO NOTHING",
            )
            .bind(receiver.id)
            .bind(&event.id)
            .bind(event.kind.as_str())
            .bind(&event.body)
            .bind(now.0)
            .execute(&mut change)
            .await
            .map_err(StoreError::doing(DOING))?;
        }
        query(
            "UPDATE event_delivery SET state = 'dropped', ended_at = $1, \
             detail = 'more than 1000 events waited for this receiver, so the oldest gave way' \
             WHERE webhook = $2 AND state = 'queued' AND seq <= (SELECT MAX(seq) FROM event_delivery WHERE webhook = $2) - $3",
        )
        .bind(now.0)
        .bind(receiver.id)
        .bind(QUEUE)
        .execute(&mut change)
        .await
        .map_err(StoreError::doing(DOING))?;
    }
    for (call, told) in &news.calls {
        let done = match told {
            Some((seq, ended)) => query(
                "INSERT INTO event_call (call_id, seq, ended) VALUES ($1, $2, $3) \
                 ON CONFLICT (call_id) DO UPDATE SET seq = excluded.seq, ended = excluded.ended",
            )
            .bind(*call)
            .bind(*seq)
            .bind(*ended),
            None => query("DELETE FROM event_call WHERE call_id = $1").bind(*call),
        };
        done.execute(&mut change).await.map_err(StoreError::doing(DOING))?;
    }
    change.commit().await.map_err(StoreError::doing(DOING))?;
    Ok(touched)
}

/// The oldest event that waits for a receiver.
pub(crate) async fn head(store: &Store, receiver: i64) -> Result<Option<Delivery>, StoreError> {
    let doing = "reading the next event of a queue";
    let row = query("SELECT * FROM event_delivery WHERE webhook = $1 AND state = 'queued' ORDER BY seq LIMIT 1")
        .bind(receiver)
        .fetch_optional(store.reader())
        .await
        .map_err(StoreError::doing(doing))?;
    row.map(|row| delivery(&row).map_err(StoreError::doing(doing))).transpose()
}

fn delivery(row: &Row) -> Result<Delivery, sqlx::Error> {
    Ok(Delivery {
        seq: row.try_get("seq")?,
        event_id: row.try_get("event_id")?,
        kind: row.try_get("kind")?,
        body: row.try_get("body")?,
        state: DeliveryState::from_name(&row.try_get::<String>("state")?),
        attempts: row.try_get("attempts")?,
        status: row.try_get::<Option<i64>>("status")?,
        detail: row.try_get("detail")?,
        created_at: UnixMillis(row.try_get("created_at")?),
        ended_at: row.try_get::<Option<i64>>("ended_at")?.map(UnixMillis),
    })
}

/// The newest deliveries of a receiver, and how many wait.
pub(crate) async fn deliveries(store: &Store, receiver: i64, limit: i64) -> Result<(Vec<Delivery>, i64), StoreError> {
    let doing = "reading the deliveries of an event webhook";
    let rows = query("SELECT * FROM event_delivery WHERE webhook = $1 ORDER BY seq DESC LIMIT $2")
        .bind(receiver)
        .bind(limit)
        .fetch_all(store.reader())
        .await
        .map_err(StoreError::doing(doing))?;
    let found: Result<Vec<Delivery>, sqlx::Error> = rows.iter().map(delivery).collect();
    let waiting: i64 = query_scalar("SELECT COUNT(*) FROM event_delivery WHERE webhook = $1 AND state = 'queued'")
        .bind(receiver)
        .fetch_one(store.reader())
        .await
        .map_err(StoreError::doing(doing))?;
    Ok((found.map_err(StoreError::doing(doing))?, waiting))
}

/// What became of one attempt.
#[derive(Debug, Clone)]
pub(crate) struct Tried {
    pub(crate) seq: i64,
    /// Queued again, delivered, or failed for good.
    pub(crate) state: DeliveryState,
    pub(crate) status: Option<u16>,
    pub(crate) detail: String,
    /// The receiver after it: attempts without success, since when, and when the next one is.
    pub(crate) failures: i64,
    pub(crate) failing_since: Option<UnixMillis>,
    pub(crate) next_at: UnixMillis,
    /// Why the receiver is switched off, if it is.
    pub(crate) disabled: Option<String>,
}

/// Notes an attempt.
pub(crate) async fn put_tried(store: &Store, receiver: i64, tried: &Tried, now: UnixMillis) -> Result<(), StoreError> {
    const DOING: &str = "noting what became of an event";
    let ended = match tried.state {
        DeliveryState::Queued => None,
        DeliveryState::Delivered | DeliveryState::Failed | DeliveryState::Dropped => Some(now.0),
    };
    let mut change = store.begin().await?;
    query(
        "UPDATE event_delivery SET state = $1, attempts = attempts + 1, status = $2, detail = $3, ended_at = $4 \
         WHERE webhook = $5 AND seq = $6 AND state = 'queued'",
    )
    .bind(tried.state.as_str())
    .bind(tried.status.map(i64::from))
    .bind(&tried.detail)
    .bind(ended)
    .bind(receiver)
    .bind(tried.seq)
    .execute(&mut change)
    .await
    .map_err(StoreError::doing(DOING))?;
    let success = tried.state == DeliveryState::Delivered;
    query(
        "UPDATE event_webhook SET failures = $1, failing_since = $2, next_at = $3, \
         last_success_at = COALESCE($4, last_success_at), enabled = enabled AND $5, \
         disabled_why = CASE WHEN $5 THEN disabled_why ELSE $6 END WHERE id = $7",
    )
    .bind(tried.failures)
    .bind(tried.failing_since.map(|at| at.0))
    .bind(tried.next_at.0)
    .bind(success.then_some(now.0))
    .bind(tried.disabled.is_none())
    .bind(tried.disabled.as_deref().unwrap_or_default())
    .bind(receiver)
    .execute(&mut change)
    .await
    .map_err(StoreError::doing(DOING))?;
    if let Some(why) = &tried.disabled {
        give_up_all(&mut change, receiver, why, now).await?;
    }
    query(
        "DELETE FROM event_delivery WHERE webhook = $1 AND state <> 'queued' \
         AND seq <= (SELECT MAX(seq) FROM event_delivery WHERE webhook = $1) - $2",
    )
    .bind(receiver)
    .bind(KEEP_ENDED)
    .execute(&mut change)
    .await
    .map_err(StoreError::doing(DOING))?;
    change.commit().await.map_err(StoreError::doing(DOING))
}

/// Gives up what has waited since before `oldest`.
pub(crate) async fn expire(
    store: &Store,
    receiver: i64,
    oldest: UnixMillis,
    now: UnixMillis,
) -> Result<(), StoreError> {
    const DOING: &str = "giving up old events";
    let mut change = store.begin().await?;
    query(
        "UPDATE event_delivery SET state = 'failed', ended_at = $1 \
         WHERE webhook = $2 AND state = 'queued' AND created_at < $3",
    )
    .bind(now.0)
    .bind(receiver)
    .bind(oldest.0)
    .execute(&mut change)
    .await
    .map_err(StoreError::doing(DOING))?;
    change.commit().await.map_err(StoreError::doing(DOING))
}

async fn give_up_all(change: &mut Transaction, receiver: i64, why: &str, now: UnixMillis) -> Result<(), StoreError> {
    query("UPDATE event_delivery SET state = 'failed', ended_at = $1, detail = $2 WHERE webhook = $3 AND state = 'queued'")
        .bind(now.0)
        .bind(why)
        .bind(receiver)
        .execute(change)
        .await
        .map_err(StoreError::doing("giving up the events of a webhook"))?;
    Ok(())
}
