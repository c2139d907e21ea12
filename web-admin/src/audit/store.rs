//! SQL and hashes of the audit log.

use pbx_core::model::UnixMillis;
use pbx_core::store::sql::{Row, Transaction, query};
use pbx_core::store::{Store, StoreError};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::t;
use crate::token::hex;

/// Lines kept: some years of a busy office; beyond it the oldest go.
const KEEP_LINES: i64 = 500_000;
/// Lines removed at once, so that nobody who waits for a save notices.
const PRUNE_AT_ONCE: i64 = 1_000;
/// Lines of one page of a check.
const CHECK_AT_ONCE: i64 = 2_000;
/// What the head is sealed for.
const HEAD: &str = "admin_audit_head.sealed:1";

/// What happened; everything but the time and the place in the chain.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Entry {
    /// The user name, or what stands for it.
    pub(crate) who: String,
    pub(crate) role: String,
    /// `session`, `token`, `socket` or `open`.
    pub(crate) door: &'static str,
    pub(crate) address: String,
    /// Method and route, or a word such as `sign-in`.
    pub(crate) action: String,
    /// What it was done to: the path as it was called.
    pub(crate) target: String,
    /// `done`, or `refused` or `failed` with a code.
    pub(crate) result: String,
    /// What changed, without secrets.
    pub(crate) detail: String,
}

/// One line of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = AuditLine)]
pub(crate) struct Line {
    pub(crate) seq: i64,
    pub(crate) at: UnixMillis,
    pub(crate) who: String,
    pub(crate) role: String,
    pub(crate) door: String,
    pub(crate) address: String,
    pub(crate) action: String,
    pub(crate) target: String,
    pub(crate) result: String,
    pub(crate) detail: String,
    pub(crate) hash: String,
}

impl Line {
    /// The hash this line must have behind `before`. Lengths stand in front of the texts, so no text can pass for two.
    pub(crate) fn expected(&self, before: &str) -> String {
        let (seq, at) = (self.seq.to_string(), self.at.0.to_string());
        let mut sum = Sha256::new();
        for part in [
            before,
            &seq,
            &at,
            &self.who,
            &self.role,
            &self.door,
            &self.address,
            &self.action,
            &self.target,
            &self.result,
            &self.detail,
        ] {
            sum.update(format!("{}:", part.len()));
            sum.update(part);
        }
        hex(&sum.finalize())
    }
}

/// Where the chain begins and ends.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Head {
    /// The last line that was pruned, 0 for none, and its hash.
    base: (i64, String),
    /// The newest line and its hash.
    last: (i64, String),
}

/// What a check of the whole chain found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = AuditVerdict)]
pub(crate) struct Verdict {
    /// Lines that were looked at.
    pub(crate) lines: u64,
    /// The first line that does not fit, and why; `None` when all do.
    pub(crate) broken: Option<Broken>,
}

/// Where a chain is broken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = AuditBreak)]
pub(crate) struct Broken {
    pub(crate) seq: i64,
    pub(crate) why: &'static str,
}

/// Which lines a page shows.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filter {
    /// Only lines older than this one.
    pub(crate) before: Option<i64>,
    /// Only lines in which who, action, target, address or detail contains this text.
    pub(crate) search: String,
}

const COLUMNS: &str = "SELECT seq, at, who, role, door, address, action, target, result, detail, hash FROM admin_audit";

fn read(row: &Row) -> Result<Line, sqlx::Error> {
    Ok(Line {
        seq: row.try_get("seq")?,
        at: UnixMillis(row.try_get("at")?),
        who: row.try_get("who")?,
        role: row.try_get("role")?,
        door: row.try_get("door")?,
        address: row.try_get("address")?,
        action: row.try_get("action")?,
        target: row.try_get("target")?,
        result: row.try_get("result")?,
        detail: row.try_get("detail")?,
        hash: row.try_get("hash")?,
    })
}

fn open_head(store: &Store, row: Option<&Row>) -> Result<Option<Head>, StoreError> {
    let Some(row) = row else { return Ok(Some(Head::default())) };
    let sealed: Vec<u8> = row.try_get("sealed").map_err(StoreError::doing("reading the audit log"))?;
    let opened = store.sealer().open(HEAD, &sealed).ok();
    Ok(opened.and_then(|plain| serde_json::from_slice(&plain).ok()))
}

/// Adds a line. The caller lets only one of these run at a time.
pub(super) async fn append(store: &Store, entry: Entry, at: UnixMillis) -> Result<(), StoreError> {
    let doing = "writing the audit log";
    let mut tx = store.begin().await?;
    let row = query("SELECT sealed FROM admin_audit_head WHERE id = 1")
        .fetch_optional(&mut tx)
        .await
        .map_err(StoreError::doing(doing))?;
    let newest = query(sqlx::AssertSqlSafe(format!("{COLUMNS} ORDER BY seq DESC LIMIT 1")))
        .fetch_optional(&mut tx)
        .await
        .and_then(|row| row.as_ref().map(read).transpose())
        .map_err(StoreError::doing(doing))?;
    // A head that does not open stays the evidence in the lines; the log goes on behind the newest line.
    let mut head = open_head(store, row.as_ref())?.unwrap_or_default();
    let before = newest.map_or_else(|| head.last.clone(), |line| (line.seq.max(head.last.0), line.hash));
    let mut line = line(entry, before.0 + 1, at);
    line.hash = line.expected(&before.1);
    insert(&mut tx, &line).await?;
    head.last = (line.seq, line.hash);
    if head.last.0 - head.base.0 > KEEP_LINES {
        prune(&mut tx, &mut head).await?;
    }
    let plain = serde_json::to_vec(&head).unwrap_or_default();
    let sealed = store.sealer().seal(HEAD, &plain)?;
    query(
        "INSERT INTO admin_audit_head (id, sealed) VALUES (1, $1) ON CONFLICT (id) DO UPDATE SET sealed = excluded.sealed",
    )
    .bind(sealed)
    .execute(&mut tx)
    .await
    .map_err(StoreError::doing(doing))?;
    tx.commit().await.map_err(StoreError::doing(doing))
}

fn line(entry: Entry, seq: i64, at: UnixMillis) -> Line {
    Line {
        seq,
        at,
        who: entry.who,
        role: entry.role,
        door: entry.door.to_owned(),
        address: entry.address,
        action: entry.action,
        target: entry.target,
        result: entry.result,
        detail: entry.detail,
        hash: String::new(),
    }
}

async fn insert(tx: &mut Transaction, line: &Line) -> Result<(), StoreError> {
    query(
        "INSERT INTO admin_audit (seq, at, who, role, door, address, action, target, result, detail, hash)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    )
    .bind(line.seq)
    .bind(line.at.0)
    .bind(&line.who)
    .bind(&line.role)
    .bind(&line.door)
    .bind(&line.address)
    .bind(&line.action)
    .bind(&line.target)
    .bind(&line.result)
    .bind(&line.detail)
    .bind(&line.hash)
    .execute(tx)
    .await
    .map(drop)
    .map_err(StoreError::doing("writing the audit log"))
}

/// Removes the oldest lines and moves the beginning of the chain behind them.
async fn prune(tx: &mut Transaction, head: &mut Head) -> Result<(), StoreError> {
    let doing = "shortening the audit log";
    let upto = head.base.0 + PRUNE_AT_ONCE;
    let row = query("SELECT hash FROM admin_audit WHERE seq = $1")
        .bind(upto)
        .fetch_optional(&mut *tx)
        .await
        .map_err(StoreError::doing(doing))?;
    // A chain with a hole there is evidence and stays as it is.
    let Some(row) = row else { return Ok(()) };
    let hash = row.try_get("hash").map_err(StoreError::doing(doing))?;
    query("DELETE FROM admin_audit WHERE seq <= $1")
        .bind(upto)
        .execute(&mut *tx)
        .await
        .map_err(StoreError::doing(doing))?;
    head.base = (upto, hash);
    Ok(())
}

/// A page of the log, newest first.
pub(crate) async fn page(store: &Store, filter: &Filter, limit: usize) -> Result<Vec<Line>, StoreError> {
    let search = filter.search.trim().to_lowercase();
    let escaped = search.replace('!', "!!").replace('%', "!%").replace('_', "!_");
    let pattern = if search.is_empty() { String::new() } else { format!("%{escaped}%") };
    query(sqlx::AssertSqlSafe(format!(
        "{COLUMNS} WHERE seq < $1 AND (CAST($2 AS TEXT) = '' OR lower(who) LIKE $2 ESCAPE '!'
            OR lower(action) LIKE $2 ESCAPE '!' OR lower(target) LIKE $2 ESCAPE '!'
            OR lower(address) LIKE $2 ESCAPE '!' OR lower(result) LIKE $2 ESCAPE '!'
            OR lower(detail) LIKE $2 ESCAPE '!')
         ORDER BY seq DESC LIMIT $3"
    )))
    .bind(filter.before.unwrap_or(i64::MAX))
    .bind(pattern)
    .bind(i64::try_from(limit).unwrap_or(i64::MAX))
    .fetch_all(store.reader())
    .await
    .and_then(|rows| rows.iter().map(read).collect())
    .map_err(StoreError::doing("reading the audit log"))
}

/// Lines behind `after`, oldest first.
pub(crate) async fn behind(store: &Store, after: i64, limit: i64) -> Result<Vec<Line>, StoreError> {
    query(sqlx::AssertSqlSafe(format!("{COLUMNS} WHERE seq > $1 ORDER BY seq LIMIT $2")))
        .bind(after)
        .bind(limit)
        .fetch_all(store.reader())
        .await
        .and_then(|rows| rows.iter().map(read).collect())
        .map_err(StoreError::doing("reading the audit log"))
}

/// Looks at every line and at both ends. The caller lets nobody append meanwhile.
pub(super) async fn check(store: &Store) -> Result<Verdict, StoreError> {
    let row = query("SELECT sealed FROM admin_audit_head WHERE id = 1")
        .fetch_optional(store.reader())
        .await
        .map_err(StoreError::doing("reading the audit log"))?;
    let broken = |lines, seq, why| Ok(Verdict { lines, broken: Some(Broken { seq, why }) });
    let Some(head) = open_head(store, row.as_ref())? else {
        return broken(0, 0, "the record of both ends does not open with this master key");
    };
    let (mut before, mut lines) = (head.base.clone(), 0);
    loop {
        let some = behind(store, before.0, CHECK_AT_ONCE).await?;
        if some.is_empty() {
            break;
        }
        for line in some {
            if line.seq != before.0 + 1 {
                return broken(lines, before.0 + 1, t("store-the-line-is-missing"));
            }
            if line.hash != line.expected(&before.1) {
                return broken(lines, line.seq, t("store-the-line-or-the-one-before"));
            }
            before = (line.seq, line.hash);
            lines += 1;
        }
    }
    if before == head.last || (lines == 0 && head.last.0 == 0) {
        Ok(Verdict { lines, broken: None })
    } else if before.0 < head.last.0 {
        broken(lines, before.0 + 1, t("store-the-lines-from-here-to-the"))
    } else {
        broken(lines, before.0, t("store-the-end-of-the-log-was"))
    }
}
