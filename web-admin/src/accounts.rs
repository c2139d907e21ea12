//! SQL of sign-in: names and passwords, sessions, the setup link.

use std::time::Duration;

use pbx_core::model::{ExtensionNumber, UnixMillis};
use pbx_core::store::{Store, StoreError};
use sqlx::Row as _;

use crate::role::Role;

/// A session nobody used for this long is over.
pub(crate) const IDLE: Duration = Duration::from_secs(60 * 60);
/// A session is over after this long in any case.
pub(crate) const ABSOLUTE: Duration = Duration::from_secs(12 * 60 * 60);
/// How often the time of last use is written.
const TOUCH_EVERY: Duration = Duration::from_secs(60);

/// Somebody who may sign in.
#[derive(Debug, Clone)]
pub(crate) struct AdminUser {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) password_hash: String,
}

/// Whose session it is.
#[derive(Debug, Clone)]
pub(crate) struct SessionUser {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) extension: Option<ExtensionNumber>,
    /// When they last proved who they are.
    pub(crate) confirmed_at: UnixMillis,
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
    sqlx::query("SELECT id, name, password_hash FROM admin_user WHERE name_key = $1 AND disabled_at IS NULL")
        .bind(key(name))
        .fetch_optional(store.reader())
        .await
        .and_then(|row| {
            row.map(|row| {
                Ok(AdminUser {
                    id: row.try_get("id")?,
                    name: row.try_get("name")?,
                    password_hash: row.try_get("password_hash")?,
                })
            })
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
        "INSERT INTO admin_user (name, name_key, password_hash, role, created_at, changed_at)
         VALUES ($1, $2, $3, 'owner', $4, $4)
         ON CONFLICT (name_key) DO UPDATE SET password_hash = excluded.password_hash, role = excluded.role,
            changed_at = excluded.changed_at, disabled_at = NULL",
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
        "INSERT INTO admin_session (token_hash, user_id, created_at, seen_at, confirmed_at, address, user_agent)
         VALUES ($1, $2, $3, $3, $3, $4, $5)",
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

/// Whose session this is, when it is neither idle nor too old and they may still sign in.
pub(crate) async fn session_user(
    store: &Store,
    token_hash: &str,
    now: UnixMillis,
) -> Result<Option<SessionUser>, StoreError> {
    let doing = "reading a session";
    let row = sqlx::query(
        "SELECT admin_user.id AS id, admin_user.name AS name, admin_user.role AS role,
                admin_user.extension AS extension, admin_session.seen_at AS seen_at,
                admin_session.confirmed_at AS confirmed_at
         FROM admin_session JOIN admin_user ON admin_user.id = admin_session.user_id
         WHERE token_hash = $1 AND admin_session.seen_at > $2 AND admin_session.created_at > $3
               AND admin_user.disabled_at IS NULL",
    )
    .bind(token_hash)
    .bind((now - IDLE).0)
    .bind((now - ABSOLUTE).0)
    .fetch_optional(store.reader())
    .await
    .map_err(StoreError::doing(doing))?;
    let Some(row) = row else { return Ok(None) };
    let read = || {
        let (role, extension): (String, Option<String>) = (row.try_get("role")?, row.try_get("extension")?);
        let user = SessionUser {
            id: row.try_get("id")?,
            name: row.try_get("name")?,
            role: role.parse().unwrap_or(Role::User),
            extension: extension.and_then(|text| text.parse().ok()),
            confirmed_at: UnixMillis(row.try_get("confirmed_at")?),
        };
        Ok((user, row.try_get("seen_at")?))
    };
    let (user, seen_at): (SessionUser, i64) = read().map_err(StoreError::doing(doing))?;
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
    Ok(Some(user))
}

/// Gives a session another token after a proof; `false` when the session is over.
pub(crate) async fn renew_session(
    store: &Store,
    (old_hash, new_hash): (&str, &str),
    now: UnixMillis,
) -> Result<bool, StoreError> {
    let doing = "renewing a session";
    let mut tx = store.begin().await?;
    let renewed =
        sqlx::query("UPDATE admin_session SET token_hash = $1, confirmed_at = $2, seen_at = $2 WHERE token_hash = $3")
            .bind(new_hash)
            .bind(now.0)
            .bind(old_hash)
            .execute(&mut *tx)
            .await
            .map_err(StoreError::doing(doing))?
            .rows_affected();
    tx.commit().await.map_err(StoreError::doing(doing))?;
    Ok(renewed == 1)
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
