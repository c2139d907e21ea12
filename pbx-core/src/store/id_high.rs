//! The highest id ever given to a device and to a call, so that a deleted row's id never comes back to mean another.

use super::StoreError;
use super::sql::{Pool, Transaction, query, query_as};
use crate::model::{CallId, DeviceId};

const DEVICE: &str = "device";
const CALL: &str = "call";

/// The highest ids that one transaction has seen, zero for none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Highs {
    device: i64,
    call: i64,
}

impl Highs {
    pub(super) fn saw_device(&mut self, id: DeviceId) {
        self.device = self.device.max(id.0);
    }

    pub(super) fn saw_call(&mut self, id: CallId) {
        self.call = self.call.max(id.0);
    }
}

/// Raises the stored values to what the transaction has seen; never lowers them.
pub(super) async fn put(db: &mut Transaction, highs: &Highs) -> Result<(), StoreError> {
    for (name, value) in [(DEVICE, highs.device), (CALL, highs.call)] {
        if value > 0 {
            query(
                "INSERT INTO id_high (name, value) VALUES ($1, $2) \
                 ON CONFLICT (name) DO UPDATE SET value = excluded.value WHERE excluded.value > id_high.value",
            )
            .bind(name)
            .bind(value)
            .execute(&mut *db)
            .await
            .map_err(StoreError::doing("saving the highest id"))?;
        }
    }
    Ok(())
}

/// The highest call id and the highest device id ever used.
pub(super) async fn load(readers: &Pool) -> Result<(CallId, DeviceId), StoreError> {
    let rows: Vec<(String, i64)> = query_as("SELECT name, value FROM id_high")
        .fetch_all(readers)
        .await
        .map_err(StoreError::doing("reading the highest ids"))?;
    let high = |wanted| rows.iter().find(|(name, _)| name == wanted).map_or(0, |(_, value)| *value);
    Ok((CallId(high(CALL)), DeviceId(high(DEVICE))))
}
