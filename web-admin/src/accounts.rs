//! SQL of sign-in: names and passwords, sessions, the setup link.

use std::time::Duration;

use pbx_core::model::{ExtensionNumber, UnixMillis};
use pbx_core::store::sql::{Row, query};
use pbx_core::store::{Store, StoreError};

use crate::language::Language;
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
    /// Their role needs a second factor and they have none.
    pub(crate) must_enrol: bool,
    /// When they last proved who they are.
    pub(crate) confirmed_at: UnixMillis,
    /// The language they chose for themselves.
    pub(crate) language: Option<Language>,
}

/// Names are compared without case.
pub(crate) fn key(name: &str) -> String {
    name.trim().to_lowercase()
}

/// Whether anybody can sign in.
pub(crate) async fn any_user(store: &Store) -> Result<bool, StoreError> {
    query("SELECT 1 FROM admin_user LIMIT 1")
        .fetch_optional(store.reader())
        .await
        .map(|row| row.is_some())
        .map_err(StoreError::doing("looking for admins"))
}

/// The admin with this name.
pub(crate) async fn user_by_name(store: &Store, name: &str) -> Result<Option<AdminUser>, StoreError> {
    query("SELECT id, name, password_hash FROM admin_user WHERE name_key = $1 AND disabled_at IS NULL")
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

/// The person with this row, while they may sign in.
pub(crate) async fn user_by_id(store: &Store, id: i64) -> Result<Option<AdminUser>, StoreError> {
    query("SELECT id, name, password_hash FROM admin_user WHERE id = $1 AND disabled_at IS NULL")
        .bind(id)
        .fetch_optional(store.reader())
        .await
        .and_then(|row| {
            let read = |row: Row| {
                Ok(AdminUser {
                    id: row.try_get("id")?,
                    name: row.try_get("name")?,
                    password_hash: row.try_get("password_hash")?,
                })
            };
            row.map(read).transpose()
        })
        .map_err(StoreError::doing("reading a user"))
}

/// Keeps the language somebody chose for themselves; `None` is that of the company.
pub(crate) async fn put_language(store: &Store, user: i64, language: Option<Language>) -> Result<(), StoreError> {
    let doing = "keeping the language of a user";
    let mut tx = store.begin().await?;
    query("UPDATE admin_user SET language = $1 WHERE id = $2")
        .bind(language.map_or("", Language::code))
        .bind(user)
        .execute(&mut tx)
        .await
        .map_err(StoreError::doing(doing))?;
    tx.commit().await.map_err(StoreError::doing(doing))
}

/// Keeps the same password under another hash, unless it was changed meanwhile.
pub(crate) async fn put_hash(store: &Store, user: i64, (old, new): (&str, &str)) -> Result<(), StoreError> {
    let doing = "renewing a password's hash";
    let mut tx = store.begin().await?;
    query("UPDATE admin_user SET password_hash = $1 WHERE id = $2 AND password_hash = $3")
        .bind(new)
        .bind(user)
        .bind(old)
        .execute(&mut tx)
        .await
        .map_err(StoreError::doing(doing))?;
    tx.commit().await.map_err(StoreError::doing(doing))
}

/// Characters of a session's hash that name it; the hash itself is of no use to anybody, but longer than needed.
const SESSION_ID: usize = 32;

/// A session as lists show it.
#[derive(Debug, Clone, serde::Serialize, utoipa::ToSchema)]
pub(crate) struct SessionLine {
    pub(crate) id: String,
    pub(crate) created_at: UnixMillis,
    pub(crate) seen_at: UnixMillis,
    pub(crate) address: String,
    pub(crate) user_agent: String,
}

impl SessionLine {
    /// Whether this is the session with that hash.
    pub(crate) fn is(&self, session: &str) -> bool {
        session.get(..SESSION_ID) == Some(self.id.as_str())
    }
}

/// The sessions of somebody that are not over, newest use first.
pub(crate) async fn sessions(store: &Store, user: i64, now: UnixMillis) -> Result<Vec<SessionLine>, StoreError> {
    let read = |row: Row| {
        let hash: String = row.try_get("token_hash")?;
        Ok(SessionLine {
            id: hash.chars().take(SESSION_ID).collect(),
            created_at: UnixMillis(row.try_get("created_at")?),
            seen_at: UnixMillis(row.try_get("seen_at")?),
            address: row.try_get("address")?,
            user_agent: row.try_get("user_agent")?,
        })
    };
    query(
        "SELECT token_hash, created_at, seen_at, address, user_agent FROM admin_session
         WHERE user_id = $1 AND seen_at > $2 AND created_at > $3 ORDER BY seen_at DESC",
    )
    .bind(user)
    .bind((now - IDLE).0)
    .bind((now - ABSOLUTE).0)
    .fetch_all(store.reader())
    .await
    .and_then(|rows| rows.into_iter().map(read).collect())
    .map_err(StoreError::doing("reading the sessions"))
}

/// Ends one session of somebody; `false` when it is not theirs or over.
pub(crate) async fn end_session(store: &Store, user: i64, id: &str) -> Result<bool, StoreError> {
    let doing = "ending a session";
    let mut tx = store.begin().await?;
    let ended = query("DELETE FROM admin_session WHERE user_id = $1 AND substr(token_hash, 1, 32) = $2")
        .bind(user)
        .bind(id)
        .execute(&mut tx)
        .await
        .map_err(StoreError::doing(doing))?
        .rows_affected();
    tx.commit().await.map_err(StoreError::doing(doing))?;
    Ok(ended == 1)
}

/// Ends every session of somebody but this one; how many there were.
pub(crate) async fn end_other_sessions(store: &Store, user: i64, keep: &str) -> Result<u64, StoreError> {
    let doing = "ending sessions";
    let mut tx = store.begin().await?;
    let ended = query("DELETE FROM admin_session WHERE user_id = $1 AND token_hash <> $2")
        .bind(user)
        .bind(keep)
        .execute(&mut tx)
        .await
        .map_err(StoreError::doing(doing))?
        .rows_affected();
    tx.commit().await.map_err(StoreError::doing(doing))?;
    Ok(ended)
}

/// Replaces a password and ends every session of that admin.
pub(crate) async fn change_password(
    store: &Store,
    user: i64,
    password_hash: &str,
    now: UnixMillis,
) -> Result<(), StoreError> {
    let mut tx = store.begin().await?;
    query("UPDATE admin_user SET password_hash = $1, changed_at = $2 WHERE id = $3")
        .bind(password_hash)
        .bind(now.0)
        .bind(user)
        .execute(&mut tx)
        .await
        .map_err(StoreError::doing("changing a password"))?;
    query("DELETE FROM admin_session WHERE user_id = $1")
        .bind(user)
        .execute(&mut tx)
        .await
        .map_err(StoreError::doing("ending an admin's sessions"))?;
    tx.commit().await.map_err(StoreError::doing("changing a password"))
}

/// Replaces the setup link; the one before stops working.
pub(crate) async fn put_setup(store: &Store, token_hash: &str, expires_at: UnixMillis) -> Result<(), StoreError> {
    let mut tx = store.begin().await?;
    query(
        "INSERT INTO admin_setup (id, token_hash, expires_at) VALUES (1, $1, $2)
         ON CONFLICT (id) DO UPDATE SET token_hash = excluded.token_hash, expires_at = excluded.expires_at",
    )
    .bind(token_hash)
    .bind(expires_at.0)
    .execute(&mut tx)
    .await
    .map_err(StoreError::doing("making a setup link"))?;
    tx.commit().await.map_err(StoreError::doing("making a setup link"))
}

/// Whether this setup token would work now.
pub(crate) async fn setup_works(store: &Store, token_hash: &str, now: UnixMillis) -> Result<bool, StoreError> {
    query("SELECT 1 FROM admin_setup WHERE token_hash = $1 AND expires_at > $2")
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
    let used = query("DELETE FROM admin_setup WHERE token_hash = $1 AND expires_at > $2")
        .bind(token_hash)
        .bind(now.0)
        .execute(&mut tx)
        .await
        .map_err(StoreError::doing(doing))?
        .rows_affected();
    if used != 1 {
        return Ok(false);
    }
    query(
        "INSERT INTO admin_user (name, name_key, password_hash, role, created_at, changed_at)
         VALUES ($1, $2, $3, 'owner', $4, $4)
         ON CONFLICT (name_key) DO UPDATE SET password_hash = excluded.password_hash, role = excluded.role,
            changed_at = excluded.changed_at, disabled_at = NULL",
    )
    .bind(name.trim())
    .bind(key(name))
    .bind(password_hash)
    .bind(now.0)
    .execute(&mut tx)
    .await
    .map_err(StoreError::doing(doing))?;
    query("DELETE FROM admin_session WHERE user_id = (SELECT id FROM admin_user WHERE name_key = $1)")
        .bind(key(name))
        .execute(&mut tx)
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
    query("DELETE FROM admin_session WHERE seen_at < $1 OR created_at < $2")
        .bind((now - IDLE).0)
        .bind((now - ABSOLUTE).0)
        .execute(&mut tx)
        .await
        .map_err(StoreError::doing(doing))?;
    query(
        "INSERT INTO admin_session (token_hash, user_id, created_at, seen_at, confirmed_at, address, user_agent)
         VALUES ($1, $2, $3, $3, $3, $4, $5)",
    )
    .bind(token_hash)
    .bind(user)
    .bind(now.0)
    .bind(from.0)
    .bind(from.1)
    .execute(&mut tx)
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
    let row = query(
        "SELECT admin_user.id AS id, admin_user.name AS name, admin_user.role AS role,
                admin_user.extension AS extension, admin_user.language AS language, admin_session.seen_at AS seen_at,
                admin_session.confirmed_at AS confirmed_at,
                (SELECT second_factor_roles FROM admin_policy WHERE id = 1) AS needed,
                (SELECT COUNT(*) FROM admin_totp
                  WHERE admin_totp.user_id = admin_user.id AND admin_totp.confirmed_at > 0) AS factors,
                admin_session.by_passkey AS by_passkey
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
        let (needed, factors): (Option<String>, i64) = (row.try_get("needed")?, row.try_get("factors")?);
        // A passkey is both factors; a password beside a passkey is one.
        let by_passkey: bool = row.try_get("by_passkey")?;
        let user = SessionUser {
            must_enrol: factors == 0
                && !by_passkey
                && needed.unwrap_or_default().split_whitespace().any(|needs| needs == role),
            id: row.try_get("id")?,
            name: row.try_get("name")?,
            role: role.parse().unwrap_or(Role::User),
            extension: extension.and_then(|text| text.parse().ok()),
            confirmed_at: UnixMillis(row.try_get("confirmed_at")?),
            language: Language::from_tag(&row.try_get::<String>("language")?),
        };
        Ok((user, row.try_get("seen_at")?))
    };
    let (user, seen_at): (SessionUser, i64) = read().map_err(StoreError::doing(doing))?;
    if now.since(UnixMillis(seen_at)) > TOUCH_EVERY {
        let mut tx = store.begin().await?;
        query("UPDATE admin_session SET seen_at = $1 WHERE token_hash = $2")
            .bind(now.0)
            .bind(token_hash)
            .execute(&mut tx)
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
        query("UPDATE admin_session SET token_hash = $1, confirmed_at = $2, seen_at = $2 WHERE token_hash = $3")
            .bind(new_hash)
            .bind(now.0)
            .bind(old_hash)
            .execute(&mut tx)
            .await
            .map_err(StoreError::doing(doing))?
            .rows_affected();
    tx.commit().await.map_err(StoreError::doing(doing))?;
    Ok(renewed == 1)
}

/// Notes that a session began with a passkey.
pub(crate) async fn began_with_passkey(store: &Store, token_hash: &str) -> Result<(), StoreError> {
    let doing = "signing in";
    let mut tx = store.begin().await?;
    query("UPDATE admin_session SET by_passkey = TRUE WHERE token_hash = $1")
        .bind(token_hash)
        .execute(&mut tx)
        .await
        .map_err(StoreError::doing(doing))?;
    tx.commit().await.map_err(StoreError::doing(doing))
}

/// Ends a session.
pub(crate) async fn drop_session(store: &Store, token_hash: &str) -> Result<(), StoreError> {
    let mut tx = store.begin().await?;
    query("DELETE FROM admin_session WHERE token_hash = $1")
        .bind(token_hash)
        .execute(&mut tx)
        .await
        .map_err(StoreError::doing("signing out"))?;
    tx.commit().await.map_err(StoreError::doing("signing out"))
}
