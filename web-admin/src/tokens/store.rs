//! SQL of API tokens; only their SHA-256 is kept.

use std::net::IpAddr;
use std::time::Duration;

use pbx_core::model::{AddressRange, UnixMillis};
use pbx_core::store::{Store, StoreError};
use serde::Serialize;
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use crate::role::{Role, Scope};

/// API tokens an installation may have.
pub(crate) const MAX_API_TOKENS: i64 = 200;
/// How often the time of last use is written.
const TOUCH_EVERY: Duration = Duration::from_secs(60);

/// An API token as lists show it.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub(crate) struct ApiToken {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) scopes: Vec<Scope>,
    /// From where it works; empty for everywhere.
    pub(crate) addresses: Vec<AddressRange>,
    pub(crate) created_at: UnixMillis,
    pub(crate) expires_at: Option<UnixMillis>,
    pub(crate) last_used_at: Option<UnixMillis>,
    /// Who made it; `None` when it was made on the machine itself.
    pub(crate) made_by: Option<String>,
}

/// What a new token may do.
#[derive(Debug, Clone)]
pub(crate) struct NewToken<'a> {
    pub(crate) name: &'a str,
    pub(crate) scopes: &'a [Scope],
    pub(crate) addresses: &'a [AddressRange],
    pub(crate) expires_at: Option<UnixMillis>,
    pub(crate) user: Option<i64>,
}

/// Who asks with a token, and what they may.
#[derive(Debug, Clone)]
pub(crate) struct TokenUse {
    pub(crate) name: String,
    pub(crate) scopes: Vec<Scope>,
    /// The maker's role; the token reaches no further.
    pub(crate) role: Role,
    pub(crate) user: Option<i64>,
}

fn words<T: ToString>(items: &[T]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

fn read_words<T: std::str::FromStr>(text: &str) -> Vec<T> {
    text.split_whitespace().filter_map(|word| word.parse().ok()).collect()
}

fn read(row: &SqliteRow) -> Result<ApiToken, sqlx::Error> {
    let at = |column: &str| Ok::<_, sqlx::Error>(row.try_get::<Option<i64>, _>(column)?.map(UnixMillis));
    Ok(ApiToken {
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        scopes: read_words(row.try_get("scopes")?),
        addresses: read_words(row.try_get("addresses")?),
        created_at: UnixMillis(row.try_get("created_at")?),
        expires_at: at("expires_at")?,
        last_used_at: at("last_used_at")?,
        made_by: row.try_get("made_by")?,
    })
}

/// All API tokens, oldest first.
pub(crate) async fn list(store: &Store) -> Result<Vec<ApiToken>, StoreError> {
    sqlx::query(
        "SELECT admin_api_token.id AS id, admin_api_token.name AS name, scopes, addresses,
                admin_api_token.created_at AS created_at, expires_at, last_used_at, admin_user.name AS made_by
         FROM admin_api_token LEFT JOIN admin_user ON admin_user.id = admin_api_token.user_id
         ORDER BY admin_api_token.id",
    )
    .fetch_all(store.reader())
    .await
    .and_then(|rows| rows.iter().map(read).collect())
    .map_err(StoreError::doing("reading the API tokens"))
}

/// Keeps a new API token and gives its row; `None` when there are too many.
pub(crate) async fn put(
    store: &Store,
    new: NewToken<'_>,
    token_hash: &str,
    now: UnixMillis,
) -> Result<Option<i64>, StoreError> {
    let doing = "making an API token";
    let mut tx = store.begin().await?;
    let row = sqlx::query(
        "INSERT INTO admin_api_token (name, token_hash, created_at, scopes, addresses, expires_at, user_id)
         SELECT $1, $2, $3, $4, $5, $6, $7 WHERE (SELECT COUNT(*) FROM admin_api_token) < $8 RETURNING id",
    )
    .bind(new.name)
    .bind(token_hash)
    .bind(now.0)
    .bind(words(&new.scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>()))
    .bind(words(new.addresses))
    .bind(new.expires_at.map(|at| at.0))
    .bind(new.user)
    .bind(MAX_API_TOKENS)
    .fetch_optional(&mut *tx)
    .await
    .map_err(StoreError::doing(doing))?;
    let id = row.map(|row| row.try_get("id")).transpose().map_err(StoreError::doing(doing))?;
    tx.commit().await.map_err(StoreError::doing(doing))?;
    Ok(id)
}

/// Who asks with this token from this address; `None` when it is unknown, has run out, is used from elsewhere, or its
/// maker may not sign in. Its last use is noted at most once a minute.
pub(crate) async fn use_one(
    store: &Store,
    token_hash: &str,
    from: IpAddr,
    now: UnixMillis,
) -> Result<Option<TokenUse>, StoreError> {
    let doing = "reading an API token";
    let row = sqlx::query(
        "SELECT admin_api_token.id AS id, admin_api_token.name AS name, scopes, addresses, expires_at, last_used_at,
                user_id, admin_user.role AS role, admin_user.disabled_at AS disabled_at
         FROM admin_api_token LEFT JOIN admin_user ON admin_user.id = admin_api_token.user_id
         WHERE admin_api_token.token_hash = $1",
    )
    .bind(token_hash)
    .fetch_optional(store.reader())
    .await
    .map_err(StoreError::doing(doing))?;
    let Some(row) = row else { return Ok(None) };
    let found = Presented::read(&row).map_err(StoreError::doing(doing))?;
    if !found.works(from, now) {
        return Ok(None);
    }
    if found.last_used.is_none_or(|last| now.since(last) > TOUCH_EVERY) {
        let mut tx = store.begin().await?;
        sqlx::query("UPDATE admin_api_token SET last_used_at = $1 WHERE id = $2")
            .bind(now.0)
            .bind(found.id)
            .execute(&mut *tx)
            .await
            .map_err(StoreError::doing(doing))?;
        tx.commit().await.map_err(StoreError::doing(doing))?;
    }
    Ok(Some(found.who))
}

struct Presented {
    id: i64,
    who: TokenUse,
    addresses: String,
    expires_at: Option<UnixMillis>,
    last_used: Option<UnixMillis>,
    disabled: bool,
}

impl Presented {
    fn read(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        let (user, role): (Option<i64>, Option<String>) = (row.try_get("user_id")?, row.try_get("role")?);
        let at = |column: &str| Ok::<_, sqlx::Error>(row.try_get::<Option<i64>, _>(column)?.map(UnixMillis));
        Ok(Self {
            id: row.try_get("id")?,
            who: TokenUse {
                name: row.try_get("name")?,
                scopes: read_words(row.try_get("scopes")?),
                role: match (user, role) {
                    (None, _) => Role::Owner,
                    (Some(_), role) => role.and_then(|role| role.parse().ok()).unwrap_or(Role::User),
                },
                user,
            },
            addresses: row.try_get("addresses")?,
            expires_at: at("expires_at")?,
            last_used: at("last_used_at")?,
            disabled: at("disabled_at")?.is_some(),
        })
    }

    fn works(&self, from: IpAddr, now: UnixMillis) -> bool {
        // A range that cannot be read any more must not open the token to everybody.
        let mut ranges = self.addresses.split_whitespace().map(str::parse::<AddressRange>);
        let from_here =
            self.addresses.trim().is_empty() || ranges.any(|range| range.is_ok_and(|range| range.contains(from)));
        from_here && !self.disabled && self.expires_at.is_none_or(|end| now < end)
    }
}

/// Deletes an API token; its name, or `None` when there is none.
pub(crate) async fn remove(store: &Store, id: i64) -> Result<Option<String>, StoreError> {
    let doing = "deleting an API token";
    let mut tx = store.begin().await?;
    let row = sqlx::query("DELETE FROM admin_api_token WHERE id = $1 RETURNING name")
        .bind(id)
        .fetch_optional(&mut *tx)
        .await
        .map_err(StoreError::doing(doing))?;
    let name = row.map(|row| row.try_get("name")).transpose().map_err(StoreError::doing(doing))?;
    tx.commit().await.map_err(StoreError::doing(doing))?;
    Ok(name)
}
