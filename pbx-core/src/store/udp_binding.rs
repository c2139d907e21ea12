//! Record 1 of devices on UDP, kept for the next start. Streams die with the process, so only UDP is worth keeping.
//!
//! The contact is sealed, because phones put their push token into it.

use sqlx::FromRow;

use super::sql::{Pool, Transaction, query, query_as};
use super::{Sealer, StoreError};
use crate::model::{DeviceId, UnixMillis};
use crate::switchboard::output::StoredBinding;

/// Inserts or replaces a binding; nothing happens when the device is gone.
pub(super) async fn put(db: &mut Transaction, sealer: &Sealer, binding: &StoredBinding) -> Result<(), StoreError> {
    let path = serde_json::to_string(&binding.path)
        .map_err(|_| StoreError::inconsistent("udp_binding", "path", binding.device))?;
    query(
        "INSERT INTO udp_binding (device_id, contact, remote, local, path, call_id, cseq, since, expires_at) \
         SELECT device.id, $2, $3, $4, $5, $6, $7, $8, $9 FROM device WHERE device.id = $1 \
         ON CONFLICT (device_id) DO UPDATE SET contact = excluded.contact, remote = excluded.remote, \
         local = excluded.local, path = excluded.path, call_id = excluded.call_id, cseq = excluded.cseq, \
         since = excluded.since, expires_at = excluded.expires_at",
    )
    .bind(binding.device.0)
    .bind(sealer.seal(&place(binding.device), binding.contact.as_bytes())?)
    .bind(binding.remote.to_string())
    .bind(binding.local.to_string())
    .bind(path)
    .bind(&binding.call_id)
    .bind(i64::from(binding.cseq))
    .bind(binding.since.0)
    .bind(binding.expires_at.0)
    .execute(db)
    .await
    .map_err(StoreError::doing("saving where a phone on UDP can be reached"))?;
    Ok(())
}

/// Forgets a binding.
pub(super) async fn delete(db: &mut Transaction, device: DeviceId) -> Result<(), StoreError> {
    query("DELETE FROM udp_binding WHERE device_id = $1")
        .bind(device.0)
        .execute(db)
        .await
        .map_err(StoreError::doing("forgetting where a phone on UDP can be reached"))?;
    Ok(())
}

/// All bindings, in order of device.
pub(super) async fn all(readers: &Pool, sealer: &Sealer) -> Result<Vec<StoredBinding>, StoreError> {
    let rows: Vec<Row> = query_as(
        "SELECT device_id, contact, remote, local, path, call_id, cseq, since, expires_at \
         FROM udp_binding ORDER BY device_id",
    )
    .fetch_all(readers)
    .await
    .map_err(StoreError::doing("reading where phones on UDP can be reached"))?;
    rows.into_iter().map(|row| row.into_binding(sealer)).collect()
}

fn place(device: DeviceId) -> String {
    format!("udp_binding.contact:{device}")
}

#[derive(FromRow)]
struct Row {
    device_id: i64,
    contact: Vec<u8>,
    remote: String,
    local: String,
    path: String,
    call_id: String,
    cseq: i64,
    since: i64,
    expires_at: i64,
}

impl Row {
    fn into_binding(self, sealer: &Sealer) -> Result<StoredBinding, StoreError> {
        let device = DeviceId(self.device_id);
        let odd = |column| StoreError::inconsistent("udp_binding", column, device);
        let contact = sealer.open(&place(device), &self.contact)?;
        Ok(StoredBinding {
            device,
            contact: std::str::from_utf8(&contact).map_err(|_| odd("contact"))?.to_owned(),
            remote: self.remote.parse().map_err(|_| odd("remote"))?,
            local: self.local.parse().map_err(|_| odd("local"))?,
            path: serde_json::from_str(&self.path).map_err(|_| odd("path"))?,
            call_id: self.call_id,
            cseq: u32::try_from(self.cseq).map_err(|_| odd("cseq"))?,
            since: UnixMillis(self.since),
            expires_at: UnixMillis(self.expires_at),
        })
    }
}
