//! Devices and record 2. Both tokens of a wake target are one sealed value, bound to the device's id.

use sqlx::FromRow;
use zeroize::Zeroizing;

use super::sql::{Pool, Transaction, query, query_as};
use super::{Sealer, StoreError};
use crate::model::{
    DeviceId, DeviceKey, Environment, LastWake, PushPolicy, PushProvider, Redacted, SwitchedOffBy, TargetHealth,
    TokenHistory, UnixMillis, WakeTarget,
};
use crate::switchboard::output::StoredDevice;

/// Inserts or replaces a device; a wake target it no longer has is deleted.
pub(super) async fn put(db: &mut Transaction, sealer: &Sealer, device: &StoredDevice) -> Result<(), StoreError> {
    query(
        "INSERT INTO device (id, extension, device_key, username, user_agent, first_seen_at, last_seen_at, last_wake, \
         push_policy, registered_until) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) \
         ON CONFLICT (id) DO UPDATE SET extension = excluded.extension, device_key = excluded.device_key, \
         username = excluded.username, user_agent = excluded.user_agent, first_seen_at = excluded.first_seen_at, \
         last_seen_at = excluded.last_seen_at, last_wake = excluded.last_wake, \
         push_policy = excluded.push_policy, registered_until = excluded.registered_until",
    )
    .bind(device.id.0)
    .bind(device.extension.to_string())
    .bind(device.key.as_str())
    .bind(device.username.as_str())
    .bind(&device.user_agent)
    .bind(device.first_seen_at.0)
    .bind(device.last_seen_at.0)
    .bind(device.last_wake.as_ref().map(to_json).transpose()?)
    .bind(device.push_policy.as_str())
    .bind(device.registered_until.map(|until| until.0))
    .execute(&mut *db)
    .await
    .map_err(StoreError::doing("saving a device"))?;
    match &device.wake_target {
        Some(target) => put_target(db, sealer, device.id, target).await,
        None => delete_target(db, device.id).await,
    }
}

async fn put_target(
    db: &mut Transaction,
    sealer: &Sealer,
    device: DeviceId,
    target: &WakeTarget,
) -> Result<(), StoreError> {
    let tokens = (target.call_token.as_ref(), target.notice_token.as_ref());
    let tokens = Zeroizing::new(to_json(&tokens)?);
    query(
        "INSERT INTO wake_target (device_id, provider, app_id, environment, tokens, learned_at, health, switched_off, \
         history) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
         ON CONFLICT (device_id) DO UPDATE SET provider = excluded.provider, app_id = excluded.app_id, \
         environment = excluded.environment, tokens = excluded.tokens, learned_at = excluded.learned_at, \
         health = excluded.health, switched_off = excluded.switched_off, history = excluded.history",
    )
    .bind(device.0)
    .bind(target.provider.as_str())
    .bind(&target.app_id)
    .bind(environment_code(target.environment))
    .bind(sealer.seal(&place(device), tokens.as_bytes())?)
    .bind(target.learned_at.0)
    .bind(to_json(&target.health)?)
    .bind(target.switched_off.map(switched_off_code))
    .bind(to_json(&target.history)?)
    .execute(db)
    .await
    .map_err(StoreError::doing("saving how a device can be woken"))?;
    Ok(())
}

async fn delete_target(db: &mut Transaction, device: DeviceId) -> Result<(), StoreError> {
    query("DELETE FROM wake_target WHERE device_id = $1")
        .bind(device.0)
        .execute(db)
        .await
        .map_err(StoreError::doing("forgetting how a device can be woken"))?;
    Ok(())
}

/// Notes the outcome of a device's last wake; nothing happens when the device is gone.
pub(super) async fn put_last_wake(
    db: &mut Transaction,
    device: DeviceId,
    last_wake: &LastWake,
) -> Result<(), StoreError> {
    query("UPDATE device SET last_wake = $2 WHERE id = $1")
        .bind(device.0)
        .bind(to_json(last_wake)?)
        .execute(db)
        .await
        .map_err(StoreError::doing("saving the outcome of a wake"))?;
    Ok(())
}

/// Deletes a device with both its records.
pub(super) async fn delete(db: &mut Transaction, device: DeviceId) -> Result<(), StoreError> {
    query("DELETE FROM device WHERE id = $1")
        .bind(device.0)
        .execute(db)
        .await
        .map_err(StoreError::doing("removing a device"))?;
    Ok(())
}

/// All devices with their wake targets, in order of id.
pub(super) async fn all(readers: &Pool, sealer: &Sealer) -> Result<Vec<StoredDevice>, StoreError> {
    let rows: Vec<Row> = query_as(
        "SELECT device.id, extension, device_key, username, user_agent, first_seen_at, last_seen_at, last_wake, \
         push_policy, registered_until, provider, app_id, environment, tokens, learned_at, health, switched_off, \
         history FROM device LEFT JOIN wake_target ON wake_target.device_id = device.id ORDER BY device.id",
    )
    .fetch_all(readers)
    .await
    .map_err(StoreError::doing("reading the devices"))?;
    rows.into_iter().map(|row| row.into_device(sealer)).collect()
}

fn place(device: DeviceId) -> String {
    format!("wake_target.tokens:{device}")
}

fn to_json<T: serde::Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|_| StoreError::inconsistent("device", "last_wake", "to be saved"))
}

const fn environment_code(environment: Environment) -> &'static str {
    match environment {
        Environment::Production => "production",
        Environment::Sandbox => "sandbox",
    }
}

fn environment_from(code: &str) -> Option<Environment> {
    [Environment::Production, Environment::Sandbox].into_iter().find(|known| environment_code(*known) == code)
}

const fn switched_off_code(by: SwitchedOffBy) -> &'static str {
    match by {
        SwitchedOffBy::Admin => "admin",
        SwitchedOffBy::Extension => "extension",
        SwitchedOffBy::Device => "device",
        SwitchedOffBy::RegistrationEnd => "registration_end",
    }
}

fn switched_off_from(code: &str) -> Option<SwitchedOffBy> {
    [SwitchedOffBy::Admin, SwitchedOffBy::Extension, SwitchedOffBy::Device, SwitchedOffBy::RegistrationEnd]
        .into_iter()
        .find(|known| switched_off_code(*known) == code)
}

#[derive(FromRow)]
struct Row {
    id: i64,
    extension: String,
    device_key: String,
    username: String,
    user_agent: String,
    first_seen_at: i64,
    last_seen_at: i64,
    last_wake: Option<String>,
    push_policy: String,
    registered_until: Option<i64>,
    #[sqlx(flatten)]
    target: TargetRow,
}

/// The columns of a wake target; all empty for a device without one.
#[derive(FromRow)]
struct TargetRow {
    provider: Option<String>,
    app_id: Option<String>,
    environment: Option<String>,
    tokens: Option<Vec<u8>>,
    learned_at: Option<i64>,
    health: Option<String>,
    switched_off: Option<String>,
    history: Option<String>,
}

impl Row {
    fn into_device(self, sealer: &Sealer) -> Result<StoredDevice, StoreError> {
        let id = DeviceId(self.id);
        let odd = |column| StoreError::inconsistent("device", column, id);
        Ok(StoredDevice {
            id,
            extension: self.extension.parse().map_err(|_| odd("extension"))?,
            key: DeviceKey::from_stored(self.device_key),
            username: self.username.parse().map_err(|_| odd("username"))?,
            user_agent: self.user_agent,
            first_seen_at: UnixMillis(self.first_seen_at),
            last_seen_at: UnixMillis(self.last_seen_at),
            wake_target: self.target.into_target(id, sealer)?,
            last_wake: match &self.last_wake {
                Some(json) => Some(serde_json::from_str(json).map_err(|_| odd("last_wake"))?),
                None => None,
            },
            push_policy: PushPolicy::from_name(&self.push_policy).ok_or_else(|| odd("push_policy"))?,
            registered_until: self.registered_until.map(UnixMillis),
        })
    }
}

impl TargetRow {
    fn into_target(self, device: DeviceId, sealer: &Sealer) -> Result<Option<WakeTarget>, StoreError> {
        let odd = |column| StoreError::inconsistent("wake_target", column, device);
        let Some(provider) = self.provider else { return Ok(None) };
        let sealed = self.tokens.ok_or_else(|| odd("tokens"))?;
        let tokens = sealer.open(&place(device), &sealed)?;
        let (call_token, notice_token): (Option<Redacted<String>>, Option<Redacted<String>>) =
            serde_json::from_slice(&tokens).map_err(|_| odd("tokens"))?;
        let health: TargetHealth =
            serde_json::from_str(&self.health.ok_or_else(|| odd("health"))?).map_err(|_| odd("health"))?;
        let switched_off = match &self.switched_off {
            Some(code) => Some(switched_off_from(code).ok_or_else(|| odd("switched_off"))?),
            None => None,
        };
        let environment = self.environment.as_deref().and_then(environment_from);
        Ok(Some(WakeTarget {
            provider: PushProvider::from_name(&provider).ok_or_else(|| odd("provider"))?,
            app_id: self.app_id.ok_or_else(|| odd("app_id"))?,
            environment: environment.ok_or_else(|| odd("environment"))?,
            call_token,
            notice_token,
            learned_at: UnixMillis(self.learned_at.ok_or_else(|| odd("learned_at"))?),
            health,
            switched_off,
            history: match &self.history {
                Some(json) => serde_json::from_str(json).map_err(|_| odd("history"))?,
                None => TokenHistory::default(),
            },
        }))
    }
}
