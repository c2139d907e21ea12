//! The tables of `0086_acme.sql`. Keys go in and out sealed.

use pbx_core::model::{Redacted, UnixMillis};
use pbx_core::store::sql::{query, query_as};
use pbx_core::store::{Store, StoreError};
use serde::{Deserialize, Serialize};

use super::schedule::Schedule;
use super::setting::{Checked, Setting};
use super::words::Problem;

const EAB_KEY: &str = "acme_setting.eab_key";
const ORDER_KEY: &str = "acme_order.private_key";
const CERTIFICATE_KEY: &str = "acme_certificate.private_key";

fn account_place(directory: &str) -> String {
    format!("acme_account.sealed:{directory}")
}

/// A choice as it is kept.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    pub(super) setting: Setting,
    /// In base64url.
    pub(super) eab_key: Option<Redacted<String>>,
    /// Another choice has another number.
    pub(super) changed_at: UnixMillis,
}

/// The choice in force.
pub(super) async fn setting(store: &Store) -> Result<Option<Kept>, StoreError> {
    let row: Option<(String, Option<Vec<u8>>, i64)> =
        query_as("SELECT details, eab_key, changed_at FROM acme_setting WHERE id = 1")
            .fetch_optional(store.reader())
            .await
            .map_err(StoreError::doing("reading how certificates are got"))?;
    let Some((details, sealed, changed_at)) = row else { return Ok(None) };
    let odd = |_| StoreError::inconsistent("acme_setting", "details", 1);
    let mut setting: Setting = serde_json::from_str(&details).map_err(odd)?;
    let eab_key = match sealed {
        Some(sealed) => open_text(store, EAB_KEY, &sealed),
        None => None,
    };
    setting.has_external_account_key = eab_key.is_some();
    Ok(Some(Kept { setting, eab_key, changed_at: UnixMillis(changed_at) }))
}

/// Replaces the choice; a key that is not given stays as long as there is an external account.
pub(super) async fn put_setting(store: &Store, (setting, key): &Checked, now: UnixMillis) -> Result<(), StoreError> {
    const DOING: &str = "saving how certificates are got";
    let details = serde_json::to_string(setting).map_err(|_| StoreError::inconsistent("acme_setting", "details", 1))?;
    let sealed = match key {
        Some(key) => Some(store.sealer().seal(EAB_KEY, key.reveal().as_bytes())?),
        None => None,
    };
    let mut change = store.begin().await?;
    query(
        "INSERT INTO acme_setting (id, details, eab_key, changed_at) VALUES (1, $1, $2, $3) \
         ON CONFLICT (id) DO UPDATE SET details = excluded.details, changed_at = excluded.changed_at, \
         eab_key = coalesce(excluded.eab_key, acme_setting.eab_key)",
    )
    .bind(details)
    .bind(sealed)
    .bind(now.0)
    .execute(&mut change)
    .await
    .map_err(StoreError::doing(DOING))?;
    if setting.external_account.is_empty() {
        query("UPDATE acme_setting SET eab_key = NULL").execute(&mut change).await.map_err(StoreError::doing(DOING))?;
    }
    change.commit().await.map_err(StoreError::doing(DOING))
}

/// Forgets the choice with everything that came of it.
pub(super) async fn forget(store: &Store) -> Result<(), StoreError> {
    const DOING: &str = "forgetting how certificates are got";
    let mut change = store.begin().await?;
    for table in [
        "DELETE FROM acme_setting",
        "DELETE FROM acme_account",
        "DELETE FROM acme_order",
        "DELETE FROM acme_certificate",
        "DELETE FROM acme_state",
    ] {
        query(table).execute(&mut change).await.map_err(StoreError::doing(DOING))?;
    }
    change.commit().await.map_err(StoreError::doing(DOING))
}

/// Our account at an authority.
#[derive(Serialize, Deserialize)]
pub(super) struct KeptAccount {
    /// Its address, its key and the directory.
    pub(super) credentials: instant_acme::AccountCredentials,
    /// What the authority was told.
    pub(super) contact: String,
    /// By which external account it was made.
    pub(super) external_account: String,
}

/// The account at this authority. One that cannot be opened is made anew.
pub(super) async fn account(store: &Store, directory: &str) -> Result<Option<KeptAccount>, StoreError> {
    let row: Option<(Vec<u8>,)> = query_as("SELECT sealed FROM acme_account WHERE directory = $1")
        .bind(directory.to_owned())
        .fetch_optional(store.reader())
        .await
        .map_err(StoreError::doing("reading the account at the certificate authority"))?;
    let Some((sealed,)) = row else { return Ok(None) };
    let opened = store.sealer().open(&account_place(directory), &sealed)?;
    Ok(serde_json::from_slice(&opened).ok())
}

/// Keeps the account at an authority.
pub(super) async fn put_account(
    store: &Store,
    directory: &str,
    account: &KeptAccount,
    now: UnixMillis,
) -> Result<(), StoreError> {
    const DOING: &str = "saving the account at the certificate authority";
    let odd = |_| StoreError::inconsistent("acme_account", "sealed", directory);
    let text = zeroize::Zeroizing::new(serde_json::to_vec(account).map_err(odd)?);
    let sealed = store.sealer().seal(&account_place(directory), &text)?;
    let mut change = store.begin().await?;
    query(
        "INSERT INTO acme_account (directory, sealed, created_at) VALUES ($1, $2, $3) \
         ON CONFLICT (directory) DO UPDATE SET sealed = excluded.sealed, created_at = excluded.created_at",
    )
    .bind(directory.to_owned())
    .bind(sealed)
    .bind(now.0)
    .execute(&mut change)
    .await
    .map_err(StoreError::doing(DOING))?;
    change.commit().await.map_err(StoreError::doing(DOING))
}

/// Forgets an account that the authority does not know any more.
pub(super) async fn forget_account(store: &Store, directory: &str) -> Result<(), StoreError> {
    const DOING: &str = "forgetting the account at the certificate authority";
    let mut change = store.begin().await?;
    query("DELETE FROM acme_account WHERE directory = $1")
        .bind(directory.to_owned())
        .execute(&mut change)
        .await
        .map_err(StoreError::doing(DOING))?;
    change.commit().await.map_err(StoreError::doing(DOING))
}

/// The order under way.
#[derive(Debug, Clone)]
pub(super) struct KeptOrder {
    pub(super) directory: String,
    pub(super) host: String,
    pub(super) url: String,
    /// PEM.
    pub(super) key: Redacted<String>,
    pub(super) created_at: UnixMillis,
}

pub(super) async fn order(store: &Store) -> Result<Option<KeptOrder>, StoreError> {
    let row: Option<(String, String, String, Vec<u8>, i64)> =
        query_as("SELECT directory, host, url, private_key, created_at FROM acme_order WHERE id = 1")
            .fetch_optional(store.reader())
            .await
            .map_err(StoreError::doing("reading the order of a certificate"))?;
    let Some((directory, host, url, sealed, created_at)) = row else { return Ok(None) };
    // One that does not open is made anew.
    let Some(key) = open_text(store, ORDER_KEY, &sealed) else { return Ok(None) };
    Ok(Some(KeptOrder { directory, host, url, key, created_at: UnixMillis(created_at) }))
}

pub(super) async fn put_order(store: &Store, order: &KeptOrder) -> Result<(), StoreError> {
    const DOING: &str = "saving the order of a certificate";
    let sealed = store.sealer().seal(ORDER_KEY, order.key.reveal().as_bytes())?;
    let mut change = store.begin().await?;
    query(
        "INSERT INTO acme_order (id, directory, host, url, private_key, created_at) VALUES (1, $1, $2, $3, $4, $5) \
         ON CONFLICT (id) DO UPDATE SET directory = excluded.directory, host = excluded.host, url = excluded.url, \
         private_key = excluded.private_key, created_at = excluded.created_at",
    )
    .bind(order.directory.clone())
    .bind(order.host.clone())
    .bind(order.url.clone())
    .bind(sealed)
    .bind(order.created_at.0)
    .execute(&mut change)
    .await
    .map_err(StoreError::doing(DOING))?;
    change.commit().await.map_err(StoreError::doing(DOING))
}

pub(super) async fn forget_order(store: &Store) -> Result<(), StoreError> {
    const DOING: &str = "forgetting the order of a certificate";
    let mut change = store.begin().await?;
    query("DELETE FROM acme_order").execute(&mut change).await.map_err(StoreError::doing(DOING))?;
    change.commit().await.map_err(StoreError::doing(DOING))
}

/// A certificate as it is kept.
#[derive(Debug, Clone)]
pub(super) struct KeptCertificate {
    pub(super) directory: String,
    /// PEM, its own certificate first.
    pub(super) chain: String,
    /// PEM.
    pub(super) key: Redacted<String>,
    pub(super) issued_at: UnixMillis,
}

/// The certificate that an authority gave last.
pub(super) async fn certificate(store: &Store) -> Result<Option<KeptCertificate>, StoreError> {
    let row: Option<(String, String, Vec<u8>, i64)> =
        query_as("SELECT directory, chain, private_key, issued_at FROM acme_certificate WHERE id = 1")
            .fetch_optional(store.reader())
            .await
            .map_err(StoreError::doing("reading the certificate"))?;
    let Some((directory, chain, sealed, issued_at)) = row else { return Ok(None) };
    let opened = store.sealer().open(CERTIFICATE_KEY, &sealed)?;
    let odd = |_| StoreError::inconsistent("acme_certificate", "private_key", 1);
    let key = Redacted::new(std::str::from_utf8(&opened).map_err(odd)?.to_owned());
    Ok(Some(KeptCertificate { directory, chain, key, issued_at: UnixMillis(issued_at) }))
}

/// Keeps a new certificate and what follows from it, and ends its order; `false` when the choice was changed meanwhile, and
/// then nothing is kept.
pub(super) async fn put_certificate(
    store: &Store,
    certificate: &KeptCertificate,
    state: &State,
    choice: UnixMillis,
) -> Result<bool, StoreError> {
    const DOING: &str = "saving the certificate";
    let sealed = store.sealer().seal(CERTIFICATE_KEY, certificate.key.reveal().as_bytes())?;
    let details = details_of(state)?;
    let mut change = store.begin().await?;
    let known: Option<(i64,)> = query_as("SELECT changed_at FROM acme_setting WHERE id = 1")
        .fetch_optional(&mut change)
        .await
        .map_err(StoreError::doing(DOING))?;
    if known != Some((choice.0,)) {
        return Ok(false);
    }
    query(
        "INSERT INTO acme_certificate (id, directory, chain, private_key, issued_at) VALUES (1, $1, $2, $3, $4) \
         ON CONFLICT (id) DO UPDATE SET directory = excluded.directory, chain = excluded.chain, \
         private_key = excluded.private_key, issued_at = excluded.issued_at",
    )
    .bind(certificate.directory.clone())
    .bind(certificate.chain.clone())
    .bind(sealed)
    .bind(certificate.issued_at.0)
    .execute(&mut change)
    .await
    .map_err(StoreError::doing(DOING))?;
    query(PUT_STATE).bind(details).execute(&mut change).await.map_err(StoreError::doing(DOING))?;
    query("DELETE FROM acme_order").execute(&mut change).await.map_err(StoreError::doing(DOING))?;
    change.commit().await.map_err(StoreError::doing(DOING))?;
    Ok(true)
}

/// When the next order is made, and how the last one ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct State {
    pub(crate) schedule: Schedule,
    /// Why the last order came to nothing; gone with the next success.
    pub(crate) problem: Option<Problem>,
}

const PUT_STATE: &str = "INSERT INTO acme_state (id, details) VALUES (1, $1) \
     ON CONFLICT (id) DO UPDATE SET details = excluded.details";

fn details_of(state: &State) -> Result<String, StoreError> {
    serde_json::to_string(state).map_err(|_| StoreError::inconsistent("acme_state", "details", 1))
}

pub(super) async fn state(store: &Store) -> Result<State, StoreError> {
    let row: Option<(String,)> = query_as("SELECT details FROM acme_state WHERE id = 1")
        .fetch_optional(store.reader())
        .await
        .map_err(StoreError::doing("reading when the certificate is renewed"))?;
    // What cannot be read any more begins anew.
    Ok(row.and_then(|(details,)| serde_json::from_str(&details).ok()).unwrap_or_default())
}

pub(super) async fn put_state(store: &Store, state: &State) -> Result<(), StoreError> {
    const DOING: &str = "saving when the certificate is renewed";
    let details = details_of(state)?;
    let mut change = store.begin().await?;
    query(PUT_STATE).bind(details).execute(&mut change).await.map_err(StoreError::doing(DOING))?;
    change.commit().await.map_err(StoreError::doing(DOING))
}

fn open_text(store: &Store, place: &str, sealed: &[u8]) -> Option<Redacted<String>> {
    let opened = store.sealer().open(place, sealed).ok()?;
    Some(Redacted::new(std::str::from_utf8(&opened).ok()?.to_owned()))
}
