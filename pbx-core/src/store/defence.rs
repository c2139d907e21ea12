//! Blocks and known networks, so that neither a restart nor a crash frees a guesser or forgets an office.

use sqlx::FromRow;

use super::StoreError;
use super::sql::{Pool, Transaction, query, query_as};
use crate::defence::{BlockReason, MAX_KNOWN, StoredBlock};
use crate::model::{Network, UnixMillis};

/// Inserts or replaces a block.
pub(super) async fn put_block(db: &mut Transaction, block: &StoredBlock) -> Result<(), StoreError> {
    query(
        "INSERT INTO blocked_address (network, account, reason, since, until, times) VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT (network, account) DO UPDATE SET reason = excluded.reason, since = excluded.since, \
         until = excluded.until, times = excluded.times",
    )
    .bind(block.network.to_string())
    .bind(block.account.as_deref().unwrap_or_default())
    .bind(block.reason.as_str())
    .bind(block.since.0)
    .bind(block.until.0)
    .bind(i64::from(block.times))
    .execute(db)
    .await
    .map_err(StoreError::doing("saving who is blocked"))?;
    Ok(())
}

/// Deletes a block.
pub(super) async fn delete_block(
    db: &mut Transaction,
    network: Network,
    account: Option<&str>,
) -> Result<(), StoreError> {
    query("DELETE FROM blocked_address WHERE network = $1 AND account = $2")
        .bind(network.to_string())
        .bind(account.unwrap_or_default())
        .execute(db)
        .await
        .map_err(StoreError::doing("saving that a block is lifted"))?;
    Ok(())
}

/// Notes that somebody is known behind a network.
pub(super) async fn put_known(db: &mut Transaction, network: Network, at: UnixMillis) -> Result<(), StoreError> {
    query(
        "INSERT INTO known_network (network, proved_at) VALUES ($1, $2) \
         ON CONFLICT (network) DO UPDATE SET proved_at = excluded.proved_at",
    )
    .bind(network.to_string())
    .bind(at.0)
    .execute(db)
    .await
    .map_err(StoreError::doing("saving behind which address a phone is"))?;
    Ok(())
}

/// Nobody is known behind a network any more.
pub(super) async fn delete_known(db: &mut Transaction, network: Network) -> Result<(), StoreError> {
    query("DELETE FROM known_network WHERE network = $1")
        .bind(network.to_string())
        .execute(db)
        .await
        .map_err(StoreError::doing("forgetting behind which address a phone was"))?;
    Ok(())
}

/// Every block.
pub(super) async fn blocks(readers: &Pool) -> Result<Vec<StoredBlock>, StoreError> {
    let rows: Vec<BlockRow> =
        query_as("SELECT network, account, reason, since, until, times FROM blocked_address ORDER BY network, account")
            .fetch_all(readers)
            .await
            .map_err(StoreError::doing("reading who is blocked"))?;
    rows.into_iter().map(BlockRow::into_block).collect()
}

/// The known networks that were proved last.
pub(super) async fn known(readers: &Pool) -> Result<Vec<(Network, UnixMillis)>, StoreError> {
    let rows: Vec<(String, i64)> =
        query_as("SELECT network, proved_at FROM known_network ORDER BY proved_at DESC LIMIT $1")
            .bind(i64::try_from(MAX_KNOWN).unwrap_or(i64::MAX))
            .fetch_all(readers)
            .await
            .map_err(StoreError::doing("reading behind which addresses phones are"))?;
    let network = |text: String| text.parse().map_err(|_| StoreError::inconsistent("known_network", "network", &text));
    rows.into_iter().map(|(text, at)| Ok((network(text)?, UnixMillis(at)))).collect()
}

#[derive(FromRow)]
struct BlockRow {
    network: String,
    account: String,
    reason: String,
    since: i64,
    until: i64,
    times: i64,
}

impl BlockRow {
    fn into_block(self) -> Result<StoredBlock, StoreError> {
        let odd = |column| StoreError::inconsistent("blocked_address", column, &self.network);
        Ok(StoredBlock {
            network: self.network.parse().map_err(|_| odd("network"))?,
            account: (!self.account.is_empty()).then(|| self.account.clone()),
            reason: BlockReason::from_word(&self.reason).ok_or_else(|| odd("reason"))?,
            since: UnixMillis(self.since),
            until: UnixMillis(self.until),
            times: u32::try_from(self.times).map_err(|_| odd("times"))?,
        })
    }
}
