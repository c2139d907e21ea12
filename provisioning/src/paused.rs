//! Switching phones off and on again: off, an account does not exist for the switchboard, so registrations and pushes end at
//! once; on, it is back with the secret its phone still has, and no new code is needed.
//!
//! Off: the row is kept first, then the switchboard removes the account. On: the switchboard gets the account back first, then
//! the row goes. A crash in between leaves a row beside an account; switching on or off once more ends that.

use pbx_core::model::{ExtensionNumber, SipCredential, SipUsername, UnixMillis};
use pbx_core::store::{Store, StoreError, open_credential};
use pbx_core::switchboard::command::Command;

use crate::{EnrolmentError, Enrolments};

impl Enrolments {
    /// Switches every phone of an extension off: they lose their registrations and pushes at once. Gives how many accounts.
    pub async fn pause(&self, extension: ExtensionNumber) -> Result<usize, EnrolmentError> {
        let accounts = self.extension(extension).await?.accounts;
        let now = self.now();
        for username in &accounts {
            keep(self.store(), username, now).await?;
            self.log_out(username).await?;
        }
        tracing::info!(%extension, accounts = accounts.len(), "all phones of an extension were switched off");
        Ok(accounts.len())
    }

    /// Switches them on again; each registers with the secret it has. Gives how many accounts came back.
    pub async fn resume(&self, extension: ExtensionNumber) -> Result<usize, EnrolmentError> {
        let present = self.extension(extension).await?.accounts;
        let mut back = 0;
        for username in paused(self.store(), extension).await? {
            // One that was made anew meanwhile keeps its new secret.
            if !present.contains(&username) {
                let credential = credential(self.store(), &username).await?;
                self.switchboard().ask(Command::PutCredential(credential)).await?;
                back += 1;
            }
            put_back(self.store(), &username).await?;
        }
        tracing::info!(%extension, accounts = back, "the phones of an extension were switched on again");
        Ok(back)
    }

    /// The accounts of an extension that are switched off.
    pub async fn paused(&self, extension: ExtensionNumber) -> Result<Vec<SipUsername>, EnrolmentError> {
        Ok(paused(self.store(), extension).await?)
    }
}

async fn keep(store: &Store, username: &SipUsername, now: UnixMillis) -> Result<(), StoreError> {
    const DOING: &str = "switching a phone off";
    let mut change = store.begin().await?;
    sqlx::query(
        "INSERT INTO paused_account (username, extension, digests, token_hash, instance, record, profile_seen, created_at, \
         paused_at) SELECT c.username, c.extension, c.digests, i.token_hash, i.instance, i.record, i.profile_seen, \
         i.created_at, $2 FROM sip_credential c LEFT JOIN app_installation i ON i.username = c.username \
         WHERE c.username = $1 ON CONFLICT (username) DO UPDATE SET digests = excluded.digests, \
         token_hash = excluded.token_hash, instance = excluded.instance, record = excluded.record, \
         profile_seen = excluded.profile_seen, created_at = excluded.created_at, paused_at = excluded.paused_at",
    )
    .bind(username.as_str())
    .bind(now.0)
    .execute(&mut *change)
    .await
    .map_err(StoreError::doing(DOING))?;
    change.commit().await.map_err(StoreError::doing(DOING))
}

async fn paused(store: &Store, extension: ExtensionNumber) -> Result<Vec<SipUsername>, StoreError> {
    let rows: Vec<(String,)> =
        sqlx::query_as("SELECT username FROM paused_account WHERE extension = $1 ORDER BY username")
            .bind(extension.to_string())
            .fetch_all(store.reader())
            .await
            .map_err(StoreError::doing("reading which phones are switched off"))?;
    let parsed =
        |(name,): (String,)| name.parse().map_err(|_| StoreError::inconsistent("paused_account", "username", name));
    rows.into_iter().map(parsed).collect()
}

async fn credential(store: &Store, username: &SipUsername) -> Result<SipCredential, StoreError> {
    let row: (String, String, Vec<u8>) =
        sqlx::query_as("SELECT username, extension, digests FROM paused_account WHERE username = $1")
            .bind(username.as_str())
            .fetch_one(store.reader())
            .await
            .map_err(StoreError::doing("reading a phone that is switched off"))?;
    open_credential(store, (row.0, row.1), row.2)
}

async fn put_back(store: &Store, username: &SipUsername) -> Result<(), StoreError> {
    const DOING: &str = "switching a phone on";
    let mut change = store.begin().await?;
    sqlx::query(
        "INSERT INTO app_installation (username, extension, token_hash, instance, record, state_seq, profile_seen, created_at, \
         seen_at) SELECT p.username, p.extension, p.token_hash, p.instance, p.record, 0, p.profile_seen, p.created_at, \
         p.paused_at FROM paused_account p WHERE p.username = $1 AND p.token_hash IS NOT NULL \
         ON CONFLICT (username) DO NOTHING",
    )
    .bind(username.as_str())
    .execute(&mut *change)
    .await
    .map_err(StoreError::doing(DOING))?;
    forget_in(&mut change, username).await?;
    change.commit().await.map_err(StoreError::doing(DOING))
}

async fn forget_in(db: &mut sqlx::SqliteConnection, username: &SipUsername) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM paused_account WHERE username = $1")
        .bind(username.as_str())
        .execute(db)
        .await
        .map_err(StoreError::doing("forgetting a phone that was switched off"))?;
    Ok(())
}

/// A phone that is logged out for good does not come back.
pub(crate) async fn forget(store: &Store, username: &SipUsername) -> Result<(), StoreError> {
    let mut change = store.begin().await?;
    forget_in(&mut change, username).await?;
    change.commit().await.map_err(StoreError::doing("forgetting a phone that was switched off"))
}
