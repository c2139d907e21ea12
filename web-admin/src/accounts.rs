//! SQL of this crate: admins, sessions, the setup link and API tokens.

use std::time::Duration;

use pbx_core::model::UnixMillis;
use pbx_core::store::{Store, StoreError};
use sqlx::Row as _;

/// A session nobody used for this long is over.
pub(crate) const IDLE: Duration = Duration::from_secs(60 * 60);
/// A session is over after this long in any case.
pub(crate) const ABSOLUTE: Duration = Duration::from_secs(12 * 60 * 60);
/// How often the time of last use is written.
const TOUCH_EVERY: Duration = Duration::from_secs(60);
/// API tokens an installation may have.
pub(crate) const MAX_API_TOKENS: usize = 50;

/// An admin.
#[derive(Debug, Clone)]
pub(crate) struct AdminUser {
    pub(crate) id: i64,
    pub(crate) password_hash: String,
}

/// An API token as the Account page lists it.
#[derive(Debug, Clone, serde::Serialize, utoipa::ToSchema)]
pub(crate) struct ApiToken {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) created_at: UnixMillis,
    pub(crate) last_used_at: Option<UnixMillis>,
}

/// Names are compared without case.
pub(crate) fn key(name: &str) -> String {
    name.trim().to_lowercase()
}

/// Whether anybody can sign in.
pub(crate) async fn any_user(store: &Store) -> Result<bool, StoreError> {
    sqlx::query("SELECT 1 FROM admin_user LIMIT 1")
        .fetch_optional(store.reader())
        .await
        .map(|row| row.is_some())
        .map_err(StoreError::doing("looking for admins"))
}

/// The admin with this name.
pub(crate) async fn user_by_name(store: &Store, name: &str) -> Result<Option<AdminUser>, StoreError> {
    sqlx::query("SELECT id, password_hash FROM admin_user WHERE name_key = $1")
        .bind(key(name))
        .fetch_optional(store.reader())
        .await
        .and_then(|row| {
            row.map(|row| Ok(AdminUser { id: row.try_get("id")?, password_hash: row.try_get("password_hash")? }))
                .transpose()
        })
        .map_err(StoreError::doing("reading an admin"))
}

/// Replaces a password and ends every session of that admin.
pub(crate) async fn change_password(
    store: &Store,
    user: i64,
    password_hash: &str,
    now: UnixMillis,
) -> Result<(), StoreError> {
    let mut tx = store.begin().await?;
    sqlx::query("UPDATE admin_user SET password_hash = $1, changed_at = $2 WHERE id = $3")
        .bind(password_hash)
        .bind(now.0)
        .bind(user)
        .execute(&mut *tx)
        .await
        .map_err(StoreError::doing("changing a password"))?;
    sqlx::query("DELETE FROM admin_session WHERE user_id = $1")
        .bind(user)
        .execute(&mut *tx)
        .await
        .map_err(StoreError::doing("ending an admin's sessions"))?;
    tx.commit().await.map_err(StoreError::doing("changing a password"))
}

/// Replaces the setup link; the one before stops working.
pub(crate) async fn put_setup(store: &Store, token_hash: &str, expires_at: UnixMillis) -> Result<(), StoreError> {
    let mut tx = store.begin().await?;
    sqlx::query(
        "INSERT INTO admin_setup (id, token_hash, expires_at) VALUES (1, $1, $2)
         ON CONFLICT (id) DO UPDATE SET token_hash = excluded.token_hash, expires_at = excluded.expires_at",
    )
    .bind(token_hash)
    .bind(expires_at.0)
    .execute(&mut *tx)
    .await
    .map_err(StoreError::doing("making a setup link"))?;
    tx.commit().await.map_err(StoreError::doing("making a setup link"))
}

/// Whether this setup token would work now.
pub(crate) async fn setup_works(store: &Store, token_hash: &str, now: UnixMillis) -> Result<bool, StoreError> {
    sqlx::query("SELECT 1 FROM admin_setup WHERE token_hash = $1 AND expires_at > $2")
        .bind(token_hash)
        .bind(now.0)
        .fetch_optional(store.reader())
        .await
        .map(|row| row.is_some())
        .map_err(StoreError::doing("reading the setup link"))
}

/// Uses up a setup token and makes (or renews) the admin it is for, both or neither; `false` when the token was no good.
pub(crate) async fn use_setup(
    store: &Store,
    token_hash: &str,
    name: &str,
    password_hash: &str,
    now: UnixMillis,
) -> Result<bool, StoreError> {
    let doing = "setting up an admin";
    let mut tx = store.begin().await?;
    let used = sqlx::query("DELETE FROM admin_setup WHERE token_hash = $1 AND expires_at > $2")
        .bind(token_hash)
        .bind(now.0)
        .execute(&mut *tx)
        .await
        .map_err(StoreError::doing(doing))?
        .rows_affected();
    if used != 1 {
        return Ok(false);
    }
    sqlx::query(
        "INSERT INTO admin_user (name, name_key, password_hash, created_at, changed_at) VALUES ($1, $2, $3, $4, $4)
         ON CONFLICT (name_key) DO UPDATE SET password_hash = excluded.password_hash, changed_at = excluded.changed_at",
    )
    .bind(name.trim())
    .bind(key(name))
    .bind(password_hash)
    .bind(now.0)
    .execute(&mut *tx)
    .await
    .map_err(StoreError::doing(doing))?;
    sqlx::query("DELETE FROM admin_session WHERE user_id = (SELECT id FROM admin_user WHERE name_key = $1)")
        .bind(key(name))
        .execute(&mut *tx)
        .await
        .map_err(StoreError::doing(doing))?;
    tx.commit().await.map_err(StoreError::doing(doing))?;
    Ok(true)
}

/// Keeps a new session and sweeps those that are over.
pub(crate) async fn put_session(
    store: &Store,
    token_hash: &str,
    user: i64,
    from: (&str, &str),
    now: UnixMillis,
) -> Result<(), StoreError> {
    let doing = "signing in";
    let mut tx = store.begin().await?;
    sqlx::query("DELETE FROM admin_session WHERE seen_at < $1 OR created_at < $2")
        .bind((now - IDLE).0)
        .bind((now - ABSOLUTE).0)
        .execute(&mut *tx)
        .await
        .map_err(StoreError::doing(doing))?;
    sqlx::query(
        "INSERT INTO admin_session (token_hash, user_id, created_at, seen_at, address, user_agent)
         VALUES ($1, $2, $3, $3, $4, $5)",
    )
    .bind(token_hash)
    .bind(user)
    .bind(now.0)
    .bind(from.0)
    .bind(from.1)
    .execute(&mut *tx)
    .await
    .map_err(StoreError::doing(doing))?;
    tx.commit().await.map_err(StoreError::doing(doing))
}

/// The name of the admin whose session this is, when it is neither idle nor too old.
pub(crate) async fn session_user(
    store: &Store,
    token_hash: &str,
    now: UnixMillis,
) -> Result<Option<String>, StoreError> {
    let doing = "reading a session";
    let row = sqlx::query(
        "SELECT admin_user.name AS name, admin_session.seen_at AS seen_at
         FROM admin_session JOIN admin_user ON admin_user.id = admin_session.user_id
         WHERE token_hash = $1 AND admin_session.seen_at > $2 AND admin_session.created_at > $3",
    )
    .bind(token_hash)
    .bind((now - IDLE).0)
    .bind((now - ABSOLUTE).0)
    .fetch_optional(store.reader())
    .await
    .map_err(StoreError::doing(doing))?;
    let Some(row) = row else { return Ok(None) };
    let read = || Ok((row.try_get("name")?, row.try_get("seen_at")?));
    let (name, seen_at): (String, i64) = read().map_err(StoreError::doing(doing))?;
    if now.since(UnixMillis(seen_at)) > TOUCH_EVERY {
        let mut tx = store.begin().await?;
        sqlx::query("UPDATE admin_session SET seen_at = $1 WHERE token_hash = $2")
            .bind(now.0)
            .bind(token_hash)
            .execute(&mut *tx)
            .await
            .map_err(StoreError::doing(doing))?;
        tx.commit().await.map_err(StoreError::doing(doing))?;
    }
    Ok(Some(name))
}

/// Ends a session.
pub(crate) async fn drop_session(store: &Store, token_hash: &str) -> Result<(), StoreError> {
    let mut tx = store.begin().await?;
    sqlx::query("DELETE FROM admin_session WHERE token_hash = $1")
        .bind(token_hash)
        .execute(&mut *tx)
        .await
        .map_err(StoreError::doing("signing out"))?;
    tx.commit().await.map_err(StoreError::doing("signing out"))
}

/// Keeps a new API token and gives its row; `None` when there are too many.
pub(crate) async fn put_api_token(
    store: &Store,
    name: &str,
    token_hash: &str,
    now: UnixMillis,
) -> Result<Option<i64>, StoreError> {
    let doing = "making an API token";
    let mut tx = store.begin().await?;
    let there: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM admin_api_token")
        .fetch_one(&mut *tx)
        .await
        .map_err(StoreError::doing(doing))?;
    if usize::try_from(there).is_ok_and(|there| there >= MAX_API_TOKENS) {
        return Ok(None);
    }
    let id = sqlx::query("INSERT INTO admin_api_token (name, token_hash, created_at) VALUES ($1, $2, $3) RETURNING id")
        .bind(name)
        .bind(token_hash)
        .bind(now.0)
        .fetch_one(&mut *tx)
        .await
        .and_then(|row| row.try_get("id"))
        .map_err(StoreError::doing(doing))?;
    tx.commit().await.map_err(StoreError::doing(doing))?;
    Ok(Some(id))
}

/// All API tokens, oldest first.
pub(crate) async fn api_tokens(store: &Store) -> Result<Vec<ApiToken>, StoreError> {
    let read = |row: sqlx::sqlite::SqliteRow| {
        Ok(ApiToken {
            id: row.try_get("id")?,
            name: row.try_get("name")?,
            created_at: UnixMillis(row.try_get("created_at")?),
            last_used_at: row.try_get::<Option<i64>, _>("last_used_at")?.map(UnixMillis),
        })
    };
    sqlx::query("SELECT id, name, created_at, last_used_at FROM admin_api_token ORDER BY id")
        .fetch_all(store.reader())
        .await
        .and_then(|rows| rows.into_iter().map(read).collect())
        .map_err(StoreError::doing("reading the API tokens"))
}

/// The name of this API token; its last use is noted at most once a minute.
pub(crate) async fn use_api_token(
    store: &Store,
    token_hash: &str,
    now: UnixMillis,
) -> Result<Option<String>, StoreError> {
    let doing = "reading an API token";
    let row = sqlx::query("SELECT id, name, last_used_at FROM admin_api_token WHERE token_hash = $1")
        .bind(token_hash)
        .fetch_optional(store.reader())
        .await
        .map_err(StoreError::doing(doing))?;
    let Some(row) = row else { return Ok(None) };
    let read = || Ok((row.try_get("id")?, row.try_get("name")?, row.try_get("last_used_at")?));
    let (id, name, last_used): (i64, String, Option<i64>) = read().map_err(StoreError::doing(doing))?;
    if last_used.is_none_or(|last| now.since(UnixMillis(last)) > TOUCH_EVERY) {
        let mut tx = store.begin().await?;
        sqlx::query("UPDATE admin_api_token SET last_used_at = $1 WHERE id = $2")
            .bind(now.0)
            .bind(id)
            .execute(&mut *tx)
            .await
            .map_err(StoreError::doing(doing))?;
        tx.commit().await.map_err(StoreError::doing(doing))?;
    }
    Ok(Some(name))
}

/// Deletes an API token; `false` when there is none.
pub(crate) async fn drop_api_token(store: &Store, id: i64) -> Result<bool, StoreError> {
    let doing = "deleting an API token";
    let mut tx = store.begin().await?;
    let gone = sqlx::query("DELETE FROM admin_api_token WHERE id = $1")
        .bind(id)
        .execute(&mut *tx)
        .await
        .map_err(StoreError::doing(doing))?
        .rows_affected();
    tx.commit().await.map_err(StoreError::doing(doing))?;
    Ok(gone == 1)
}
