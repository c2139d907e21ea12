//! SQL of people: who there is, what they may do, and the links that let them in.

use pbx_core::model::{ExtensionNumber, UnixMillis};
use pbx_core::store::sql::{Row, Transaction, query};
use pbx_core::store::{Store, StoreError};
use serde::Serialize;

use crate::accounts::key;
use crate::role::Role;

/// People an installation may have: more than that sign in by something else than a table of ours.
pub(crate) const MAX_USERS: i64 = 5_000;

/// Somebody who may sign in, or will once they have used their link.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub(crate) struct User {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) extension: Option<ExtensionNumber>,
    pub(crate) disabled_at: Option<UnixMillis>,
    pub(crate) created_at: UnixMillis,
    /// A link by which they set a password is open until then.
    pub(crate) invited_until: Option<UnixMillis>,
    /// They have set a password.
    pub(crate) has_password: bool,
    /// When a browser of theirs was last active.
    pub(crate) last_seen_at: Option<UnixMillis>,
}

/// What is changed about somebody; what is `None` stays.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct UserChange {
    pub(crate) role: Option<Role>,
    pub(crate) extension: Option<Option<ExtensionNumber>>,
    pub(crate) disabled: Option<bool>,
}

/// How a change came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Changed {
    Done,
    NoSuchUser,
    /// Without this one nobody could manage people any more.
    LastOwner,
}

const COLUMNS: &str = "SELECT admin_user.id AS id, admin_user.name AS name, admin_user.role AS role,
        admin_user.extension AS extension, admin_user.disabled_at AS disabled_at, admin_user.created_at AS created_at,
        admin_user.password_hash AS password_hash, admin_invitation.expires_at AS invited_until,
        (SELECT MAX(seen_at) FROM admin_session WHERE admin_session.user_id = admin_user.id) AS last_seen_at
     FROM admin_user LEFT JOIN admin_invitation ON admin_invitation.user_id = admin_user.id";

fn read(row: &Row) -> Result<User, sqlx::Error> {
    let (role, extension): (String, Option<String>) = (row.try_get("role")?, row.try_get("extension")?);
    let at = |column: &str| Ok::<_, sqlx::Error>(row.try_get::<Option<i64>>(column)?.map(UnixMillis));
    Ok(User {
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        role: role.parse().unwrap_or(Role::User),
        extension: extension.and_then(|text| text.parse().ok()),
        disabled_at: at("disabled_at")?,
        created_at: UnixMillis(row.try_get("created_at")?),
        invited_until: at("invited_until")?,
        has_password: !row.try_get::<String>("password_hash")?.is_empty(),
        last_seen_at: at("last_seen_at")?,
    })
}

/// Everybody, by name.
pub(crate) async fn list(store: &Store) -> Result<Vec<User>, StoreError> {
    query(sqlx::AssertSqlSafe(format!("{COLUMNS} ORDER BY admin_user.name_key")))
        .fetch_all(store.reader())
        .await
        .and_then(|rows| rows.iter().map(read).collect())
        .map_err(StoreError::doing("reading the users"))
}

/// One of them.
pub(crate) async fn one(store: &Store, id: i64) -> Result<Option<User>, StoreError> {
    query(sqlx::AssertSqlSafe(format!("{COLUMNS} WHERE admin_user.id = $1")))
        .bind(id)
        .fetch_optional(store.reader())
        .await
        .and_then(|row| row.as_ref().map(read).transpose())
        .map_err(StoreError::doing("reading a user"))
}

/// Adds somebody without a password; `None` when the name is taken or there are too many.
pub(crate) async fn add(
    store: &Store,
    name: &str,
    (role, extension): (Role, Option<ExtensionNumber>),
    now: UnixMillis,
) -> Result<Option<i64>, StoreError> {
    let doing = "adding a user";
    let mut tx = store.begin().await?;
    let row = query(
        "INSERT INTO admin_user (name, name_key, password_hash, role, extension, created_at, changed_at)
         SELECT $1, $2, '', $3, $4, $5, $5 WHERE (SELECT COUNT(*) FROM admin_user) < $6
         ON CONFLICT (name_key) DO NOTHING RETURNING id",
    )
    .bind(name)
    .bind(key(name))
    .bind(role.as_str())
    .bind(extension.map(|number| number.to_string()))
    .bind(now.0)
    .bind(MAX_USERS)
    .fetch_optional(&mut tx)
    .await
    .map_err(StoreError::doing(doing))?;
    let id = row.map(|row| row.try_get("id")).transpose().map_err(StoreError::doing(doing))?;
    tx.commit().await.map_err(StoreError::doing(doing))?;
    Ok(id)
}

/// Adds an owner with a password; the open setup link, which could make another one, stops working. `false` when the name
/// is taken or there are too many.
pub(crate) async fn add_owner(store: &Store, name: &str, hash: &str, now: UnixMillis) -> Result<bool, StoreError> {
    let doing = "adding an owner";
    let mut tx = store.begin().await?;
    let added = query(
        "INSERT INTO admin_user (name, name_key, password_hash, role, created_at, changed_at)
         SELECT $1, $2, $3, 'owner', $4, $4 WHERE (SELECT COUNT(*) FROM admin_user) < $5
         ON CONFLICT (name_key) DO NOTHING",
    )
    .bind(name)
    .bind(key(name))
    .bind(hash)
    .bind(now.0)
    .bind(MAX_USERS)
    .execute(&mut tx)
    .await
    .map_err(StoreError::doing(doing))?
    .rows_affected();
    query("DELETE FROM admin_setup").execute(&mut tx).await.map_err(StoreError::doing(doing))?;
    tx.commit().await.map_err(StoreError::doing(doing))?;
    Ok(added == 1)
}

/// Whether another owner could still sign in without `id`.
async fn other_owner(tx: &mut Transaction, id: i64) -> Result<bool, StoreError> {
    query(
        "SELECT 1 FROM admin_user
         WHERE role = 'owner' AND disabled_at IS NULL AND password_hash <> '' AND id <> $1 LIMIT 1",
    )
    .bind(id)
    .fetch_optional(tx)
    .await
    .map(|row| row.is_some())
    .map_err(StoreError::doing("counting owners"))
}

/// Changes somebody. A change of what they may do ends their sessions, so that it holds at once.
pub(crate) async fn change(store: &Store, id: i64, change: UserChange, now: UnixMillis) -> Result<Changed, StoreError> {
    let doing = "changing a user";
    let mut tx = store.begin().await?;
    let row = query("SELECT role, extension, disabled_at, password_hash FROM admin_user WHERE id = $1")
        .bind(id)
        .fetch_optional(&mut tx)
        .await
        .map_err(StoreError::doing(doing))?;
    let Some(row) = row else { return Ok(Changed::NoSuchUser) };
    let read = || {
        let texts: (String, Option<String>) = (row.try_get("role")?, row.try_get("extension")?);
        Ok((texts.0, texts.1, row.try_get("disabled_at")?, row.try_get("password_hash")?))
    };
    let (role, extension, disabled_at, password): (String, Option<String>, Option<i64>, String) =
        read().map_err(StoreError::doing(doing))?;
    let new_role = change.role.map_or_else(|| role.clone(), |role| role.as_str().to_owned());
    let new_extension = change.extension.map_or(extension, |number| number.map(|number| number.to_string()));
    let new_disabled = match change.disabled {
        None => disabled_at,
        Some(false) => None,
        Some(true) => Some(disabled_at.unwrap_or(now.0)),
    };
    let owned = role == "owner" && disabled_at.is_none() && !password.is_empty();
    let owns = new_role == "owner" && new_disabled.is_none();
    if owned && !owns && !other_owner(&mut tx, id).await? {
        return Ok(Changed::LastOwner);
    }
    query("UPDATE admin_user SET role = $1, extension = $2, disabled_at = $3, changed_at = $4 WHERE id = $5")
        .bind(&new_role)
        .bind(new_extension)
        .bind(new_disabled)
        .bind(now.0)
        .bind(id)
        .execute(&mut tx)
        .await
        .map_err(StoreError::doing(doing))?;
    query("DELETE FROM admin_session WHERE user_id = $1")
        .bind(id)
        .execute(&mut tx)
        .await
        .map_err(StoreError::doing(doing))?;
    tx.commit().await.map_err(StoreError::doing(doing))?;
    Ok(Changed::Done)
}

/// Removes somebody with everything that is theirs.
pub(crate) async fn remove(store: &Store, id: i64) -> Result<Changed, StoreError> {
    let doing = "removing a user";
    let mut tx = store.begin().await?;
    let row = query("SELECT role, disabled_at, password_hash FROM admin_user WHERE id = $1")
        .bind(id)
        .fetch_optional(&mut tx)
        .await
        .map_err(StoreError::doing(doing))?;
    let Some(row) = row else { return Ok(Changed::NoSuchUser) };
    let read = || Ok((row.try_get("role")?, row.try_get("disabled_at")?, row.try_get("password_hash")?));
    let (role, disabled_at, password): (String, Option<i64>, String) = read().map_err(StoreError::doing(doing))?;
    let owned = role == "owner" && disabled_at.is_none() && !password.is_empty();
    if owned && !other_owner(&mut tx, id).await? {
        return Ok(Changed::LastOwner);
    }
    query("DELETE FROM admin_user WHERE id = $1").bind(id).execute(&mut tx).await.map_err(StoreError::doing(doing))?;
    tx.commit().await.map_err(StoreError::doing(doing))?;
    Ok(Changed::Done)
}

/// Replaces somebody's link; the one before stops working.
pub(crate) async fn put_invitation(
    store: &Store,
    user: i64,
    token_hash: &str,
    expires_at: UnixMillis,
) -> Result<(), StoreError> {
    let doing = "making a link for a user";
    let mut tx = store.begin().await?;
    query(
        "INSERT INTO admin_invitation (user_id, token_hash, expires_at) VALUES ($1, $2, $3)
         ON CONFLICT (user_id) DO UPDATE SET token_hash = excluded.token_hash, expires_at = excluded.expires_at",
    )
    .bind(user)
    .bind(token_hash)
    .bind(expires_at.0)
    .execute(&mut tx)
    .await
    .map_err(StoreError::doing(doing))?;
    tx.commit().await.map_err(StoreError::doing(doing))
}

/// Whose link this is, while it works.
pub(crate) async fn invited(store: &Store, token_hash: &str, now: UnixMillis) -> Result<Option<User>, StoreError> {
    let found = query(
        "SELECT user_id FROM admin_invitation JOIN admin_user ON admin_user.id = admin_invitation.user_id
         WHERE token_hash = $1 AND expires_at > $2 AND disabled_at IS NULL",
    )
    .bind(token_hash)
    .bind(now.0)
    .fetch_optional(store.reader())
    .await
    .and_then(|row| row.map(|row| row.try_get("user_id")).transpose())
    .map_err(StoreError::doing("reading a link of a user"))?;
    match found {
        Some(id) => one(store, id).await,
        None => Ok(None),
    }
}

/// Uses up a link and sets the password, both or neither; ends the sessions. `false` when the link was no good.
pub(crate) async fn use_invitation(
    store: &Store,
    token_hash: &str,
    password_hash: &str,
    now: UnixMillis,
) -> Result<bool, StoreError> {
    let doing = "setting a password by link";
    let mut tx = store.begin().await?;
    let row = query("DELETE FROM admin_invitation WHERE token_hash = $1 AND expires_at > $2 RETURNING user_id")
        .bind(token_hash)
        .bind(now.0)
        .fetch_optional(&mut tx)
        .await
        .map_err(StoreError::doing(doing))?;
    let Some(row) = row else { return Ok(false) };
    let user: i64 = row.try_get("user_id").map_err(StoreError::doing(doing))?;
    let changed =
        query("UPDATE admin_user SET password_hash = $1, changed_at = $2 WHERE id = $3 AND disabled_at IS NULL")
            .bind(password_hash)
            .bind(now.0)
            .bind(user)
            .execute(&mut tx)
            .await
            .map_err(StoreError::doing(doing))?
            .rows_affected();
    if changed != 1 {
        return Ok(false);
    }
    query("DELETE FROM admin_session WHERE user_id = $1")
        .bind(user)
        .execute(&mut tx)
        .await
        .map_err(StoreError::doing(doing))?;
    tx.commit().await.map_err(StoreError::doing(doing))?;
    Ok(true)
}
