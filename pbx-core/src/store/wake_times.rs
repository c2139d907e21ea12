//! How long phones took to wake, kept behind the calls: a crash costs the last minute of a statistic and nothing else.

use super::{Store, StoreError};
use crate::model::PushProvider;

/// What is kept of one provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptWakes {
    /// Which.
    pub provider: PushProvider,
    /// Wakes for calls that were ordered.
    pub ordered: u64,
    /// Milliseconds of all that brought a phone, together.
    pub sum_ms: u64,
    /// How many came in each step; a version with other steps begins anew.
    pub counts: Vec<u64>,
}

impl Store {
    /// The wake times of every provider.
    pub async fn wake_times(&self) -> Result<Vec<KeptWakes>, StoreError> {
        let rows: Vec<(String, i64, i64, String)> =
            sqlx::query_as("SELECT provider, ordered, sum_ms, counts FROM wake_times ORDER BY provider")
                .fetch_all(self.reader())
                .await
                .map_err(StoreError::doing("reading the wake times"))?;
        let known = |(provider, ordered, sum_ms, counts): (String, i64, i64, String)| {
            Some(KeptWakes {
                provider: PushProvider::from_name(&provider)?,
                ordered: u64::try_from(ordered).ok()?,
                sum_ms: u64::try_from(sum_ms).ok()?,
                counts: serde_json::from_str(&counts).ok()?,
            })
        };
        // A row that cannot be read is a statistic that begins anew.
        Ok(rows.into_iter().filter_map(known).collect())
    }

    /// Replaces the wake times of these providers.
    pub async fn put_wake_times(&self, all: &[KeptWakes]) -> Result<(), StoreError> {
        let doing = "keeping the wake times";
        let mut change = self.begin().await?;
        for one in all {
            let counts = serde_json::to_string(&one.counts)
                .map_err(|_| StoreError::inconsistent("wake_times", "counts", one.provider.as_str()))?;
            sqlx::query(
                "INSERT INTO wake_times (provider, ordered, sum_ms, counts) VALUES ($1, $2, $3, $4) \
                 ON CONFLICT (provider) DO UPDATE SET ordered = excluded.ordered, sum_ms = excluded.sum_ms, \
                 counts = excluded.counts",
            )
            .bind(one.provider.as_str())
            .bind(i64::try_from(one.ordered).unwrap_or(i64::MAX))
            .bind(i64::try_from(one.sum_ms).unwrap_or(i64::MAX))
            .bind(counts)
            .execute(&mut *change)
            .await
            .map_err(StoreError::doing(doing))?;
        }
        change.commit().await.map_err(StoreError::doing(doing))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn wake_times_are_kept_and_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).await.unwrap();
        let mut one = KeptWakes { provider: PushProvider::Fcm, ordered: 7, sum_ms: 9_000, counts: vec![0, 3, 2] };
        store.put_wake_times(std::slice::from_ref(&one)).await.unwrap();
        one.ordered = 8;
        store.put_wake_times(std::slice::from_ref(&one)).await.unwrap();
        assert_eq!(store.wake_times().await.unwrap(), [one]);
    }
}
