//! SQL of passkeys: public keys with their counters, and the names devices know people by.

use pbx_core::model::UnixMillis;
use pbx_core::store::sql::{Row, query, query_scalar};
use pbx_core::store::{Store, StoreError};
use serde::Serialize;
use webauthn_rs::prelude::{Passkey, Uuid};

/// A passkey as pages and API show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = PasskeyLine)]
pub(crate) struct PasskeyLine {
    pub(crate) id: i64,
    /// What its owner calls it.
    pub(crate) name: String,
    /// The public name it works under.
    pub(crate) public_name: String,
    pub(crate) created_at: UnixMillis,
    /// Null when it never signed in.
    pub(crate) last_used_at: Option<UnixMillis>,
}

/// A passkey that somebody shows.
#[derive(Debug, Clone)]
pub(super) struct Shown {
    pub(super) id: i64,
    pub(super) user: i64,
    pub(super) name: String,
    pub(super) handle: Uuid,
    pub(super) passkey: Passkey,
    /// As it is kept; decides whether somebody else used it meanwhile.
    pub(super) kept: String,
}

fn line(row: &Row) -> Result<PasskeyLine, sqlx::Error> {
    Ok(PasskeyLine {
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        public_name: row.try_get("rp_id")?,
        created_at: UnixMillis(row.try_get("created_at")?),
        last_used_at: row.try_get::<Option<i64>>("last_used_at")?.map(UnixMillis),
    })
}

/// Somebody's passkeys, the oldest first.
pub(crate) async fn list(store: &Store, user: i64) -> Result<Vec<PasskeyLine>, StoreError> {
    let doing = "reading passkeys";
    let rows =
        query("SELECT id, name, rp_id, created_at, last_used_at FROM admin_passkey WHERE user_id = $1 ORDER BY id")
            .bind(user)
            .fetch_all(store.reader())
            .await
            .map_err(StoreError::doing(doing))?;
    rows.iter().map(line).collect::<Result<_, _>>().map_err(StoreError::doing(doing))
}

/// How many somebody has.
pub(crate) async fn count(store: &Store, user: i64) -> Result<i64, StoreError> {
    query_scalar("SELECT COUNT(*) FROM admin_passkey WHERE user_id = $1")
        .bind(user)
        .fetch_one(store.reader())
        .await
        .map_err(StoreError::doing("counting passkeys"))
}

/// Whether anybody has one.
pub(crate) async fn anybody(store: &Store) -> Result<bool, StoreError> {
    let found = query("SELECT id FROM admin_passkey LIMIT 1").fetch_optional(store.reader());
    Ok(found.await.map_err(StoreError::doing("reading passkeys"))?.is_some())
}

/// The credential ids of somebody, for devices that must not register twice.
pub(super) async fn credentials(store: &Store, user: i64) -> Result<Vec<Passkey>, StoreError> {
    let doing = "reading passkeys";
    let rows = query("SELECT id, credential FROM admin_passkey WHERE user_id = $1")
        .bind(user)
        .fetch_all(store.reader())
        .await
        .map_err(StoreError::doing(doing))?;
    let mut found = Vec::with_capacity(rows.len());
    for row in rows {
        let read = || Ok((row.try_get("id")?, row.try_get("credential")?));
        let (id, text): (i64, String) = read().map_err(StoreError::doing(doing))?;
        found.push(parse(&text, id)?);
    }
    Ok(found)
}

fn parse(text: &str, id: i64) -> Result<Passkey, StoreError> {
    serde_json::from_str(text).map_err(|_| StoreError::inconsistent("admin_passkey", "credential", id))
}

/// The name devices know somebody by; made at the first passkey.
pub(super) async fn handle(store: &Store, user: i64) -> Result<Uuid, StoreError> {
    let doing = "reading who a passkey is for";
    let mut tx = store.begin().await?;
    query("INSERT INTO admin_passkey_handle (user_id, handle) VALUES ($1, $2) ON CONFLICT (user_id) DO NOTHING")
        .bind(user)
        .bind(Uuid::new_v4().to_string())
        .execute(&mut tx)
        .await
        .map_err(StoreError::doing(doing))?;
    let row = query("SELECT handle FROM admin_passkey_handle WHERE user_id = $1").bind(user).fetch_one(&mut tx).await;
    let text: String = row.and_then(|row| row.try_get("handle")).map_err(StoreError::doing(doing))?;
    tx.commit().await.map_err(StoreError::doing(doing))?;
    text.parse().map_err(|_| StoreError::inconsistent("admin_passkey_handle", "handle", user))
}

/// Keeps a passkey; `None` when this credential is somebody's already.
pub(super) async fn put(
    store: &Store,
    (user, name, rp_id): (i64, &str, &str),
    (credential_id, passkey): (&str, &Passkey),
    now: UnixMillis,
) -> Result<Option<i64>, StoreError> {
    let doing = "saving a passkey";
    let text =
        serde_json::to_string(passkey).map_err(|_| StoreError::inconsistent("admin_passkey", "credential", user))?;
    let mut tx = store.begin().await?;
    let row = query(
        "INSERT INTO admin_passkey (user_id, name, credential_id, rp_id, credential, created_at)
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (credential_id) DO NOTHING RETURNING id",
    )
    .bind(user)
    .bind(name)
    .bind(credential_id)
    .bind(rp_id)
    .bind(text)
    .bind(now.0)
    .fetch_optional(&mut tx)
    .await
    .map_err(StoreError::doing(doing))?;
    tx.commit().await.map_err(StoreError::doing(doing))?;
    row.map(|row| row.try_get("id")).transpose().map_err(StoreError::doing(doing))
}

/// The passkey with this credential id.
pub(super) async fn shown(store: &Store, credential_id: &str) -> Result<Option<Shown>, StoreError> {
    let doing = "looking for a passkey";
    let row = query(
        "SELECT admin_passkey.id AS id, admin_passkey.user_id AS user_id, name, credential, handle
         FROM admin_passkey JOIN admin_passkey_handle ON admin_passkey_handle.user_id = admin_passkey.user_id
         WHERE credential_id = $1",
    )
    .bind(credential_id)
    .fetch_optional(store.reader())
    .await
    .map_err(StoreError::doing(doing))?;
    let Some(row) = row else { return Ok(None) };
    let read = || {
        let (id, user): (i64, i64) = (row.try_get("id")?, row.try_get("user_id")?);
        let (name, kept, handle): (String, String, String) =
            (row.try_get("name")?, row.try_get("credential")?, row.try_get("handle")?);
        Ok((id, user, name, kept, handle))
    };
    let (id, user, name, kept, handle) = read().map_err(StoreError::doing(doing))?;
    let handle = handle.parse().map_err(|_| StoreError::inconsistent("admin_passkey_handle", "handle", user))?;
    Ok(Some(Shown { id, user, name, handle, passkey: parse(&kept, id)?, kept }))
}

/// Notes that a passkey was used, with its counter; `false` when it was used or removed meanwhile.
pub(super) async fn used(store: &Store, shown: &Shown, now: UnixMillis) -> Result<bool, StoreError> {
    let doing = "noting that a passkey was used";
    let text = serde_json::to_string(&shown.passkey)
        .map_err(|_| StoreError::inconsistent("admin_passkey", "credential", shown.id))?;
    let mut tx = store.begin().await?;
    let noted = query("UPDATE admin_passkey SET credential = $1, last_used_at = $2 WHERE id = $3 AND credential = $4")
        .bind(text)
        .bind(now.0)
        .bind(shown.id)
        .bind(shown.kept.clone())
        .execute(&mut tx)
        .await
        .map_err(StoreError::doing(doing))?
        .rows_affected();
    tx.commit().await.map_err(StoreError::doing(doing))?;
    Ok(noted == 1)
}

/// Removes one of somebody's passkeys; its name, or `None` when they have no such one.
pub(crate) async fn remove(store: &Store, user: i64, id: i64) -> Result<Option<String>, StoreError> {
    let doing = "removing a passkey";
    let mut tx = store.begin().await?;
    let row = query("DELETE FROM admin_passkey WHERE id = $1 AND user_id = $2 RETURNING name")
        .bind(id)
        .bind(user)
        .fetch_optional(&mut tx)
        .await
        .map_err(StoreError::doing(doing))?;
    tx.commit().await.map_err(StoreError::doing(doing))?;
    row.map(|row| row.try_get("name")).transpose().map_err(StoreError::doing(doing))
}

/// Removes all of somebody's passkeys and ends the sessions that began with one; how many there were.
pub(crate) async fn remove_all(store: &Store, user: i64) -> Result<u64, StoreError> {
    let doing = "removing passkeys";
    let mut tx = store.begin().await?;
    let removed = query("DELETE FROM admin_passkey WHERE user_id = $1")
        .bind(user)
        .execute(&mut tx)
        .await
        .map_err(StoreError::doing(doing))?
        .rows_affected();
    query("DELETE FROM admin_session WHERE user_id = $1 AND by_passkey = TRUE")
        .bind(user)
        .execute(&mut tx)
        .await
        .map_err(StoreError::doing(doing))?;
    tx.commit().await.map_err(StoreError::doing(doing))?;
    Ok(removed)
}
