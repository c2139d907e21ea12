//! Finding calls among a million: every filter walks an index from the newest call down, and stops when the page is full.
//!
//! A text that may stand anywhere in a number or name has no index. Its search looks through [`SEARCHED`] calls and says how
//! far it came; whoever wants older ones goes on from there. So no question takes long, and none is answered "nothing" when
//! only nothing recent was found.

use sqlx::{AssertSqlSafe, FromRow};

use super::super::sql::{Bind, QueryAs, Value, query_as};
use super::super::{Store, StoreError};
use super::{CallRow, PAGE_LIMIT};
use crate::model::{CallEnding, CallId, CallRecord, ExtensionNumber, UnixMillis};

/// Calls that one search of a text looks through: two weeks of a busy small business, and some 10 ms.
pub const SEARCHED: u32 = 10_000;

const COLUMNS: &str = "id, uuid, caller, caller_name, callee, started_at, answered_at, ended_at, ending, reason, \
                       answered_by, packets_from_caller, packets_from_callee";
const NEWEST_FIRST: &str = "ORDER BY started_at DESC, id DESC";
const DOING: &str = "reading the call log";

/// Which calls a page shows; the default shows all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallFilter {
    /// Only calls from or to this extension.
    pub extension: Option<ExtensionNumber>,
    /// Only calls whose caller, caller's name or dialled number contains this text; empty for all.
    pub search: String,
    /// Only calls that ended this way.
    pub ending: Option<CallEnding>,
    /// Only calls that began at this time or later.
    pub from: Option<UnixMillis>,
    /// Only calls that began before this time.
    pub until: Option<UnixMillis>,
}

/// Calls, and where to go on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallPage {
    /// The newest first, by when they began.
    pub calls: Vec<CallRecord>,
    /// The call behind which older ones may follow; `None` when there are none.
    pub next: Option<CallId>,
    /// A search that stopped before its page was full looked at the calls that began at this time or later.
    pub searched_to: Option<UnixMillis>,
}

/// A page of calls, newest first; `before` is [`CallPage::next`] of the page before, `limit` is cut to [`PAGE_LIMIT`].
pub async fn page(
    store: &Store,
    filter: &CallFilter,
    before: Option<CallId>,
    limit: u32,
) -> Result<CallPage, StoreError> {
    let limit = limit.clamp(1, PAGE_LIMIT);
    let mut conditions = Conditions::of(filter);
    if let Some(before) = before {
        conditions.before(store, before).await?;
    }
    let edge = if filter.search.trim().is_empty() { None } else { conditions.search(store, filter).await? };
    // One more than shown tells whether others follow.
    let sql = match filter.extension {
        None => format!("SELECT {COLUMNS} FROM call WHERE {} {NEWEST_FIRST} LIMIT {}", conditions.sql, limit + 1),
        Some(_) => conditions.of_both_sides(limit + 1),
    };
    let numbers = filter.extension.map(|number| number.to_string());
    let query: QueryAs<CallRow> = query_as(AssertSqlSafe(sql));
    let query = conditions.values.into_iter().chain(numbers.map(Bind::value)).fold(query, QueryAs::bind);
    let rows = query.fetch_all(store.reader()).await.map_err(StoreError::doing(DOING))?;
    let mut calls = rows.into_iter().map(CallRow::into_record).collect::<Result<Vec<_>, _>>()?;
    let more = calls.len() > limit as usize;
    calls.truncate(limit as usize);
    if more {
        return Ok(CallPage { next: calls.last().map(|call| call.id), calls, searched_to: None });
    }
    Ok(CallPage {
        calls,
        next: edge.map(|edge| CallId(edge.id)),
        searched_to: edge.map(|edge| UnixMillis(edge.started_at)),
    })
}

/// A place in the order of the log.
#[derive(Debug, Clone, Copy, FromRow)]
struct Place {
    started_at: i64,
    id: i64,
}

/// What the rows must fulfil, from constant pieces of SQL only.
#[derive(Debug)]
struct Conditions {
    sql: String,
    values: Vec<Value>,
}

impl Conditions {
    /// All but the extension, which needs an index for each side, and the text.
    fn of(filter: &CallFilter) -> Self {
        let mut conditions = Self { sql: "1 = 1".to_owned(), values: Vec::new() };
        if let Some(ending) = filter.ending {
            conditions.and("ending = ", ending.as_str());
        }
        if let Some(from) = filter.from {
            conditions.and("started_at >= ", from.0);
        }
        if let Some(until) = filter.until {
            conditions.and("started_at < ", until.0);
        }
        conditions
    }

    fn and(&mut self, left: &'static str, value: impl Bind) {
        self.values.push(value.value());
        self.sql.push_str(" AND ");
        self.sql.push_str(left);
        self.sql.push_str(&format!("${}", self.values.len()));
    }

    /// Only what is older than a place; one whose call is not kept any more has nothing older that is.
    async fn before(&mut self, store: &Store, before: CallId) -> Result<(), StoreError> {
        let place: Option<Place> = query_as("SELECT started_at, id FROM call WHERE id = $1")
            .bind(before.0)
            .fetch_optional(store.reader())
            .await
            .map_err(StoreError::doing(DOING))?;
        let Place { started_at, id } = place.unwrap_or(Place { started_at: i64::MIN, id: i64::MIN });
        self.beyond("<", started_at, id);
        Ok(())
    }

    fn beyond(&mut self, side: &'static str, started_at: i64, id: i64) {
        let at = self.values.len();
        self.values.extend([started_at.value(), id.value()]);
        self.sql.push_str(&format!(" AND (started_at, id) {side} (${}, ${})", at + 1, at + 2));
    }

    /// Only calls that hold the text, among the newest [`SEARCHED`] of the rest; where that ends, when it ends before the log.
    async fn search(&mut self, store: &Store, filter: &CallFilter) -> Result<Option<Place>, StoreError> {
        let mut edge = None;
        // One extension's calls are few enough to look through all of them.
        if filter.extension.is_none() {
            let sql =
                format!("SELECT started_at, id FROM call WHERE {} {NEWEST_FIRST} LIMIT 1 OFFSET {SEARCHED}", self.sql);
            let query: QueryAs<Place> = query_as(AssertSqlSafe(sql));
            let query = self.values.iter().cloned().fold(query, QueryAs::bind);
            edge = query.fetch_optional(store.reader()).await.map_err(StoreError::doing(DOING))?;
            if let Some(Place { started_at, id }) = edge {
                self.beyond(">=", started_at, id);
            }
        }
        self.values.push(format!("%{}%", escaped_for_like(filter.search.trim())).value());
        let at = self.values.len();
        self.sql.push_str(&format!(
            " AND (lower(caller) LIKE lower(${at}) ESCAPE '!' OR lower(caller_name) LIKE lower(${at}) ESCAPE '!' \
             OR lower(callee) LIKE lower(${at}) ESCAPE '!')"
        ));
        Ok(edge)
    }

    /// The same for the calls of one extension, which is bound last: its newest of each side, then the newest of both.
    fn of_both_sides(&self, limit: u32) -> String {
        let number = self.values.len() + 1;
        let side = |column: &str| {
            let rest = &self.sql;
            format!(
                "SELECT * FROM (SELECT {COLUMNS} FROM call WHERE {column} = ${number} AND {rest} {NEWEST_FIRST} LIMIT {limit}) \
                 AS of_{column}"
            )
        };
        format!("SELECT * FROM ({} UNION {}) AS sides {NEWEST_FIRST} LIMIT {limit}", side("caller"), side("callee"))
    }
}

/// `%`, `_` and the escape character itself are letters like any other in a search.
fn escaped_for_like(search: &str) -> String {
    search.chars().fold(String::with_capacity(search.len()), |mut escaped, c| {
        if matches!(c, '%' | '_' | '!') {
            escaped.push('!');
        }
        escaped.push(c);
        escaped
    })
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::super::super::sql::query;
    use super::super::super::tests::{call, open};
    use super::*;
    use crate::switchboard::output::Change;

    #[tokio::test]
    async fn a_search_says_how_far_it_looked_and_goes_on_from_there() {
        let directory = TempDir::new().unwrap();
        let store = open(&directory).await;
        let many = i64::from(SEARCHED) * 2 + 500;
        let mut oldest = call(1, 1000, Some(CallEnding::Busy));
        oldest.caller = "0176 555".into();
        store.apply(&[Change::PutCall(oldest)]).await.unwrap();
        let mut transaction = store.begin().await.unwrap();
        query(
            "INSERT INTO call (id, uuid, caller, caller_name, callee, started_at, reason, packets_from_caller, \
             packets_from_callee) WITH RECURSIVE n (id) AS (SELECT CAST(2 AS BIGINT) UNION ALL SELECT id + 1 FROM n WHERE id < $1) \
             SELECT id, '00000000-0000-4000-8000-000000000000', '101', '', '102', 1000 + id, '', 0, 0 FROM n",
        )
        .bind(many)
        .execute(&mut transaction)
        .await
        .unwrap();
        transaction.commit().await.unwrap();
        let filter = CallFilter { search: "555".into(), ..CallFilter::default() };
        let (mut before, mut looks, mut found) = (None, 0, Vec::new());
        loop {
            let page = page(&store, &filter, before, 50).await.unwrap();
            looks += 1;
            found.extend(page.calls);
            assert_eq!(
                page.next.is_some(),
                page.searched_to.is_some(),
                "a page that is not full says how far it looked"
            );
            let Some(next) = page.next else { break };
            assert!(before.is_none_or(|before| next < before), "it goes on");
            before = Some(next);
        }
        assert_eq!((looks, found.len()), (3, 1), "two full looks and the rest");
    }

    /// A filter that found no index would read every call.
    #[tokio::test]
    async fn every_filter_but_the_text_walks_an_index() {
        let directory = TempDir::new().unwrap();
        let store = Store::open(directory.path()).await.unwrap();
        let all = CallFilter::default();
        for filter in [
            all.clone(),
            CallFilter { from: Some(UnixMillis(1)), until: Some(UnixMillis(2)), ..all.clone() },
            CallFilter { ending: Some(CallEnding::Busy), ..all.clone() },
            CallFilter { extension: Some("101".parse().unwrap()), ..all },
        ] {
            let conditions = Conditions::of(&filter);
            let sql = match filter.extension {
                None => format!("SELECT {COLUMNS} FROM call WHERE {} {NEWEST_FIRST} LIMIT 50", conditions.sql),
                Some(_) => conditions.of_both_sides(50),
            };
            let plan: Vec<(i64, i64, i64, String)> =
                query_as(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"))).fetch_all(store.reader()).await.unwrap();
            let reads: Vec<_> = plan.iter().map(|(.., step)| step).filter(|step| step.contains(" call")).collect();
            assert!(
                !reads.is_empty() && reads.iter().all(|step| step.contains("USING INDEX call_")),
                "{filter:?}: {plan:?}"
            );
            let sorts = plan.iter().filter(|(.., step)| step.contains("ORDER BY")).count();
            assert!(sorts <= usize::from(filter.extension.is_some()), "{filter:?}: {plan:?}");
        }
    }
}
