//! The tables of desk phones and their tokens.

use std::collections::BTreeMap;

use pbx_core::model::{ExtensionNumber, UnixMillis};
use pbx_core::store::sql::{Transaction, query, query_as};
use pbx_core::store::{Store, StoreError};
use sqlx::FromRow;

use super::{AskOutcome, Asked, Kept, Kind, LastFetch, Token};
use crate::desk_phone::{DeskPhone, Mac};

const SAVING: &str = "saving a desk phone";

impl Kind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Next => "next",
            Self::Current => "current",
        }
    }
}

/// Inserts or replaces a phone with all its tokens.
pub(super) async fn save(store: &Store, kept: &Kept) -> Result<(), StoreError> {
    save_all(store, std::slice::from_ref(kept)).await
}

/// The same for several, all or none.
pub(super) async fn save_all(store: &Store, phones: &[Kept]) -> Result<(), StoreError> {
    let mut transaction = store.begin().await?;
    for kept in phones {
        save_in(&mut transaction, kept).await?;
    }
    transaction.commit().await.map_err(StoreError::doing(SAVING))
}

async fn save_in(transaction: &mut Transaction, kept: &Kept) -> Result<(), StoreError> {
    let mac = kept.phone.mac.lower();
    query(
        "INSERT INTO desk_phone (mac, vendor, model, extension, label, username, secrets, revision, created_at, leaves, \
         fetched_from, fetched_agent, fetched_file, told) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, '', '', '', '') \
         ON CONFLICT (mac) DO UPDATE SET model = excluded.model, extension = excluded.extension, label = excluded.label, \
         username = excluded.username, leaves = excluded.leaves, secrets = excluded.secrets, revision = excluded.revision",
    )
    .bind(&mac)
    .bind(kept.phone.vendor.as_str())
    .bind(kept.phone.model.as_str())
    .bind(kept.extension.to_string())
    .bind(kept.label.as_str())
    .bind(kept.username.as_str())
    .bind(kept.secrets.as_deref())
    .bind(kept.revision)
    .bind(kept.created_at.0)
    .bind(kept.leaves.as_ref().map(ToString::to_string).unwrap_or_default())
    .execute(&mut *transaction)
    .await
    .map_err(StoreError::doing(SAVING))?;
    query("DELETE FROM desk_phone_token WHERE mac = $1")
        .bind(&mac)
        .execute(&mut *transaction)
        .await
        .map_err(StoreError::doing(SAVING))?;
    for token in &kept.tokens {
        query("INSERT INTO desk_phone_token (mac, kind, hash, sealed, expires_at, password) VALUES ($1, $2, $3, $4, $5, $6)")
            .bind(&mac)
            .bind(token.kind.as_str())
            .bind(token.hash.as_slice())
            .bind(token.sealed.as_deref())
            .bind(token.expires_at.map(|at| at.0))
            .bind(token.password)
            .execute(&mut *transaction)
            .await
            .map_err(StoreError::doing(SAVING))?;
    }
    Ok(())
}

/// Deletes a phone with its tokens.
pub(super) async fn delete(store: &Store, mac: Mac) -> Result<(), StoreError> {
    const DOING: &str = "removing a desk phone";
    let mut transaction = store.begin().await?;
    query("DELETE FROM desk_phone WHERE mac = $1")
        .bind(mac.lower())
        .execute(&mut transaction)
        .await
        .map_err(StoreError::doing(DOING))?;
    transaction.commit().await.map_err(StoreError::doing(DOING))
}

/// Writes down what phones fetched last and what they said when they were asked to.
pub(super) async fn note(store: &Store, phones: &[Kept]) -> Result<(), StoreError> {
    const DOING: &str = "writing down what desk phones fetched";
    let mut transaction = store.begin().await?;
    for kept in phones {
        let mac = kept.phone.mac.lower();
        if let Some(fetch) = &kept.last_fetch {
            query(
                "UPDATE desk_phone SET fetched_at = $2, fetched_from = $3, fetched_agent = $4, fetched_file = $5, \
                 told = $6, told_digest = $7 WHERE mac = $1",
            )
            .bind(&mac)
            .bind(fetch.at.0)
            .bind(&fetch.from)
            .bind(&fetch.user_agent)
            .bind(&fetch.file)
            .bind(&fetch.told)
            .bind(kept.told_digest.map(hex).unwrap_or_default())
            .execute(&mut transaction)
            .await
            .map_err(StoreError::doing(DOING))?;
        }
        if let Some(asked) = kept.asked {
            query("UPDATE desk_phone SET asked_at = $2, asked_outcome = $3 WHERE mac = $1")
                .bind(&mac)
                .bind(asked.at.0)
                .bind(asked.outcome.stored())
                .execute(&mut transaction)
                .await
                .map_err(StoreError::doing(DOING))?;
        }
    }
    transaction.commit().await.map_err(StoreError::doing(DOING))
}

fn hex(digest: [u8; 32]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The other way round; `None` for anything but 64 hex digits.
fn from_hex(text: &str) -> Option<[u8; 32]> {
    let mut digest = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (index, byte) in digest.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * index..2 * index + 2)?, 16).ok()?;
    }
    Some(digest)
}

/// Whether the phone is there; it goes with its extension.
pub(super) async fn exists(store: &Store, mac: Mac) -> Result<bool, StoreError> {
    let (count,): (i64,) = query_as("SELECT COUNT(*) FROM desk_phone WHERE mac = $1")
        .bind(mac.lower())
        .fetch_one(store.reader())
        .await
        .map_err(StoreError::doing("looking for a desk phone"))?;
    Ok(count > 0)
}

/// When the account of each phone was last registered anew.
pub(super) async fn registered(store: &Store) -> Result<BTreeMap<Mac, UnixMillis>, StoreError> {
    let rows: Vec<(String, i64)> = query_as(
        "SELECT desk_phone.mac, MAX(device.last_seen_at) FROM desk_phone \
         JOIN device ON device.username = desk_phone.username GROUP BY desk_phone.mac",
    )
    .fetch_all(store.reader())
    .await
    .map_err(StoreError::doing("reading when desk phones registered"))?;
    Ok(rows.into_iter().filter_map(|(mac, at)| Some((mac.parse().ok()?, UnixMillis(at)))).collect())
}

/// The name of an extension's owner; `None` when the extension is gone.
pub(super) async fn owner(store: &Store, extension: ExtensionNumber) -> Result<Option<String>, StoreError> {
    let row: Option<(String,)> = query_as("SELECT name FROM extension WHERE number = $1")
        .bind(extension.to_string())
        .fetch_optional(store.reader())
        .await
        .map_err(StoreError::doing("reading the owner of a desk phone"))?;
    Ok(row.map(|(name,)| name))
}

/// Every phone with its tokens.
pub(super) async fn all(store: &Store) -> Result<Vec<Kept>, StoreError> {
    const DOING: &str = "reading the desk phones";
    let rows: Vec<Row> = query_as(
        "SELECT mac, vendor, model, extension, label, username, leaves, secrets, revision, created_at, fetched_at, fetched_from, \
         fetched_agent, fetched_file, told, told_digest, asked_at, asked_outcome FROM desk_phone ORDER BY mac",
    )
    .fetch_all(store.reader())
    .await
    .map_err(StoreError::doing(DOING))?;
    let mut phones: Vec<Kept> = Vec::with_capacity(rows.len());
    for row in rows {
        // One phone that cannot be read, written by a later version perhaps, must not keep the others from starting.
        match row.into_kept() {
            Ok(kept) => phones.push(kept),
            Err(error) => tracing::error!(%error, "a desk phone is left out"),
        }
    }
    let tokens: Vec<TokenRow> =
        query_as("SELECT mac, kind, hash, sealed, expires_at, password FROM desk_phone_token ORDER BY mac, kind")
            .fetch_all(store.reader())
            .await
            .map_err(StoreError::doing(DOING))?;
    for row in tokens {
        let odd = |column| StoreError::inconsistent("desk_phone_token", column, &row.mac);
        let kind = [Kind::First, Kind::Next, Kind::Current].into_iter().find(|kind| kind.as_str() == row.kind);
        let token = Token {
            kind: kind.ok_or_else(|| odd("kind"))?,
            hash: row.hash.as_slice().try_into().map_err(|_| odd("hash"))?,
            sealed: row.sealed,
            password: row.password,
            expires_at: row.expires_at.map(UnixMillis),
        };
        if let Ok(at) = phones.binary_search_by(|kept| kept.phone.mac.lower().cmp(&row.mac))
            && let Some(kept) = phones.get_mut(at)
        {
            kept.tokens.push(token);
        }
    }
    Ok(phones)
}

#[derive(FromRow)]
struct TokenRow {
    mac: String,
    kind: String,
    hash: Vec<u8>,
    sealed: Option<Vec<u8>>,
    expires_at: Option<i64>,
    password: bool,
}

#[derive(FromRow)]
struct Row {
    mac: String,
    vendor: String,
    model: String,
    extension: String,
    label: String,
    username: String,
    leaves: String,
    secrets: Option<Vec<u8>>,
    revision: i64,
    created_at: i64,
    fetched_at: Option<i64>,
    fetched_from: String,
    fetched_agent: String,
    fetched_file: String,
    told: String,
    told_digest: String,
    asked_at: Option<i64>,
    asked_outcome: String,
}

impl Row {
    fn into_kept(self) -> Result<Kept, StoreError> {
        let odd = |column| StoreError::inconsistent("desk_phone", column, &self.mac);
        let phone = DeskPhone {
            mac: self.mac.parse().map_err(|_| odd("mac"))?,
            vendor: self.vendor.parse().map_err(|_| odd("vendor"))?,
            model: self.model.parse().map_err(|_| odd("model"))?,
        };
        Ok(Kept {
            phone,
            extension: self.extension.parse().map_err(|_| odd("extension"))?,
            label: self.label.parse().map_err(|_| odd("label"))?,
            username: self.username.parse().map_err(|_| odd("username"))?,
            leaves: match self.leaves.as_str() {
                "" => None,
                name => Some(name.parse().map_err(|_| odd("leaves"))?),
            },
            secrets: self.secrets,
            revision: self.revision,
            created_at: UnixMillis(self.created_at),
            last_fetch: self.fetched_at.map(|at| LastFetch {
                at: UnixMillis(at),
                from: self.fetched_from,
                user_agent: self.fetched_agent,
                file: self.fetched_file,
                told: self.told,
            }),
            tokens: Vec::new(),
            told_digest: from_hex(&self.told_digest),
            // One that was being asked when the last run ended has not been heard.
            asked: self.asked_at.zip(AskOutcome::from_stored(&self.asked_outcome)).map(|(at, outcome)| Asked {
                at: UnixMillis(at),
                outcome: if outcome == AskOutcome::Asking { AskOutcome::NoAnswer } else { outcome },
            }),
            window: None,
            told_name: None,
            old: false,
            owed: false,
            asking: false,
        })
    }
}
