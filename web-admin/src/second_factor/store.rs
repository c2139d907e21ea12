//! SQL of second factors: seeds, recovery codes, known browsers, and who needs one.

use pbx_core::model::UnixMillis;
use pbx_core::store::sql::{Transaction, query, query_scalar};
use pbx_core::store::{Store, StoreError};
use zeroize::Zeroizing;

use crate::role::Role;

/// Browsers kept for each person; the oldest are forgotten.
const MAX_BROWSERS: i64 = 20;

/// The seed of somebody's codes.
#[derive(Debug, Clone)]
pub(crate) struct Seed {
    pub(crate) secret: Zeroizing<Vec<u8>>,
    /// A code was shown to be right; before that nobody is asked for one.
    pub(crate) confirmed: bool,
}

fn place(user: i64) -> String {
    format!("admin_totp.sealed:{user}")
}

/// The seed of this person, if they have one.
pub(crate) async fn seed(store: &Store, user: i64) -> Result<Option<Seed>, StoreError> {
    let doing = "reading a second factor";
    let row = query("SELECT sealed, confirmed_at FROM admin_totp WHERE user_id = $1")
        .bind(user)
        .fetch_optional(store.reader())
        .await
        .map_err(StoreError::doing(doing))?;
    let Some(row) = row else { return Ok(None) };
    let read = || Ok((row.try_get("sealed")?, row.try_get("confirmed_at")?));
    let (sealed, confirmed_at): (Vec<u8>, i64) = read().map_err(StoreError::doing(doing))?;
    Ok(Some(Seed { secret: store.sealer().open(&place(user), &sealed)?, confirmed: confirmed_at > 0 }))
}

/// Whether anybody is asked for codes.
pub(crate) async fn anybody(store: &Store) -> Result<bool, StoreError> {
    let found = query("SELECT user_id FROM admin_totp WHERE confirmed_at > 0 LIMIT 1").fetch_optional(store.reader());
    Ok(found.await.map_err(StoreError::doing("reading second factors"))?.is_some())
}

/// Keeps a new seed that is not confirmed yet; one that is in use stays until the new one is confirmed, so this refuses.
pub(crate) async fn put_seed(store: &Store, user: i64, secret: &[u8]) -> Result<bool, StoreError> {
    let doing = "setting up a second factor";
    let sealed = store.sealer().seal(&place(user), secret)?;
    let mut tx = store.begin().await?;
    let put = query(
        "INSERT INTO admin_totp (user_id, sealed, last_step, confirmed_at) VALUES ($1, $2, 0, 0)
         ON CONFLICT (user_id) DO UPDATE SET sealed = excluded.sealed, last_step = 0
         WHERE admin_totp.confirmed_at = 0",
    )
    .bind(user)
    .bind(sealed)
    .execute(&mut tx)
    .await
    .map_err(StoreError::doing(doing))?
    .rows_affected();
    tx.commit().await.map_err(StoreError::doing(doing))?;
    Ok(put == 1)
}

/// Takes a step that has not been taken before; `false` when it, or a later one, has.
pub(crate) async fn take_step(store: &Store, user: i64, step: u64) -> Result<bool, StoreError> {
    let doing = "using a code";
    let step = i64::try_from(step).unwrap_or(i64::MAX);
    let mut tx = store.begin().await?;
    let taken = query("UPDATE admin_totp SET last_step = $1 WHERE user_id = $2 AND last_step < $1")
        .bind(step)
        .bind(user)
        .execute(&mut tx)
        .await
        .map_err(StoreError::doing(doing))?
        .rows_affected();
    tx.commit().await.map_err(StoreError::doing(doing))?;
    Ok(taken == 1)
}

/// From now on codes are asked for; the recovery codes are replaced in the same step.
pub(crate) async fn confirm(store: &Store, user: i64, codes: &[String], now: UnixMillis) -> Result<(), StoreError> {
    let doing = "setting up a second factor";
    let mut tx = store.begin().await?;
    query("UPDATE admin_totp SET confirmed_at = $1 WHERE user_id = $2")
        .bind(now.0)
        .bind(user)
        .execute(&mut tx)
        .await
        .map_err(StoreError::doing(doing))?;
    replace_codes(&mut tx, user, codes).await?;
    tx.commit().await.map_err(StoreError::doing(doing))
}

/// Replaces the recovery codes.
pub(crate) async fn put_codes(store: &Store, user: i64, codes: &[String]) -> Result<(), StoreError> {
    let mut tx = store.begin().await?;
    replace_codes(&mut tx, user, codes).await?;
    tx.commit().await.map_err(StoreError::doing("making recovery codes"))
}

async fn replace_codes(tx: &mut Transaction, user: i64, codes: &[String]) -> Result<(), StoreError> {
    let doing = "making recovery codes";
    query("DELETE FROM admin_recovery_code WHERE user_id = $1")
        .bind(user)
        .execute(&mut *tx)
        .await
        .map_err(StoreError::doing(doing))?;
    for code in codes {
        query("INSERT INTO admin_recovery_code (code_hash, user_id) VALUES ($1, $2)")
            .bind(code)
            .bind(user)
            .execute(&mut *tx)
            .await
            .map_err(StoreError::doing(doing))?;
    }
    Ok(())
}

/// Uses up a recovery code; `false` when it is none of theirs.
pub(crate) async fn use_code(store: &Store, user: i64, code_hash: &str) -> Result<bool, StoreError> {
    let doing = "using a recovery code";
    let mut tx = store.begin().await?;
    let used = query("DELETE FROM admin_recovery_code WHERE code_hash = $1 AND user_id = $2")
        .bind(code_hash)
        .bind(user)
        .execute(&mut tx)
        .await
        .map_err(StoreError::doing(doing))?
        .rows_affected();
    tx.commit().await.map_err(StoreError::doing(doing))?;
    Ok(used == 1)
}

/// Recovery codes that are left.
pub(crate) async fn codes_left(store: &Store, user: i64) -> Result<i64, StoreError> {
    query_scalar("SELECT COUNT(*) FROM admin_recovery_code WHERE user_id = $1")
        .bind(user)
        .fetch_one(store.reader())
        .await
        .map_err(StoreError::doing("counting recovery codes"))
}

/// Takes the codes of somebody away: seed and recovery codes.
pub(crate) async fn remove(store: &Store, user: i64) -> Result<(), StoreError> {
    let doing = "removing a second factor";
    let mut tx = store.begin().await?;
    for sql in ["DELETE FROM admin_totp WHERE user_id = $1", "DELETE FROM admin_recovery_code WHERE user_id = $1"] {
        query(sql).bind(user).execute(&mut tx).await.map_err(StoreError::doing(doing))?;
    }
    tx.commit().await.map_err(StoreError::doing(doing))
}

/// Remembers a browser somebody has signed in from.
pub(crate) async fn know_browser(
    store: &Store,
    user: i64,
    token_hash: &str,
    now: UnixMillis,
) -> Result<(), StoreError> {
    let doing = "remembering a browser";
    let mut tx = store.begin().await?;
    query("INSERT INTO admin_known_browser (token_hash, user_id, created_at) VALUES ($1, $2, $3)")
        .bind(token_hash)
        .bind(user)
        .bind(now.0)
        .execute(&mut tx)
        .await
        .map_err(StoreError::doing(doing))?;
    query(
        "DELETE FROM admin_known_browser WHERE user_id = $1 AND token_hash NOT IN
            (SELECT token_hash FROM admin_known_browser WHERE user_id = $1 ORDER BY created_at DESC LIMIT $2)",
    )
    .bind(user)
    .bind(MAX_BROWSERS)
    .execute(&mut tx)
    .await
    .map_err(StoreError::doing(doing))?;
    tx.commit().await.map_err(StoreError::doing(doing))
}

/// Whether somebody with this name has signed in from this browser before.
pub(crate) async fn browser_known(store: &Store, name_key: &str, token_hash: &str) -> Result<bool, StoreError> {
    query(
        "SELECT 1 FROM admin_known_browser JOIN admin_user ON admin_user.id = admin_known_browser.user_id
         WHERE token_hash = $1 AND name_key = $2",
    )
    .bind(token_hash)
    .bind(name_key)
    .fetch_optional(store.reader())
    .await
    .map(|row| row.is_some())
    .map_err(StoreError::doing("looking for a known browser"))
}

/// The roles that need a second factor.
pub(crate) async fn roles(store: &Store) -> Result<Vec<Role>, StoreError> {
    let doing = "reading who needs a second factor";
    let row = query("SELECT second_factor_roles FROM admin_policy WHERE id = 1")
        .fetch_optional(store.reader())
        .await
        .map_err(StoreError::doing(doing))?;
    let text: Option<String> =
        row.map(|row| row.try_get("second_factor_roles")).transpose().map_err(StoreError::doing(doing))?;
    Ok(text.unwrap_or_default().split_whitespace().filter_map(|role| role.parse().ok()).collect())
}

/// Says which roles need a second factor.
pub(crate) async fn put_roles(store: &Store, roles: &[Role]) -> Result<(), StoreError> {
    let doing = "saying who needs a second factor";
    let text = roles.iter().map(|role| role.as_str()).collect::<Vec<_>>().join(" ");
    let mut tx = store.begin().await?;
    query(
        "INSERT INTO admin_policy (id, second_factor_roles) VALUES (1, $1)
         ON CONFLICT (id) DO UPDATE SET second_factor_roles = excluded.second_factor_roles",
    )
    .bind(text)
    .execute(&mut tx)
    .await
    .map_err(StoreError::doing(doing))?;
    tx.commit().await.map_err(StoreError::doing(doing))
}
