//! SIP accounts: the two digests of each in one sealed value, bound to the account's name.

use sqlx::{FromRow, SqliteConnection, SqlitePool};
use zeroize::Zeroizing;

use super::{Sealer, StoreError};
use crate::model::{Ha1Md5, Ha1Sha256, SipCredential, SipUsername};

const MD5_BYTES: usize = 16;
const SHA256_BYTES: usize = 32;

/// Inserts or replaces an account.
pub(super) async fn put(
    db: &mut SqliteConnection,
    sealer: &Sealer,
    credential: &SipCredential,
) -> Result<(), StoreError> {
    let mut digests = Zeroizing::new([0u8; MD5_BYTES + SHA256_BYTES]);
    let (md5, sha256) = digests.split_at_mut(MD5_BYTES);
    md5.copy_from_slice(&credential.md5.0);
    sha256.copy_from_slice(&credential.sha256.0);
    let sealed = sealer.seal(&place(credential.username.as_str()), digests.as_ref())?;
    sqlx::query(
        "INSERT INTO sip_credential (username, extension, digests) VALUES ($1, $2, $3) \
         ON CONFLICT (username) DO UPDATE SET extension = excluded.extension, digests = excluded.digests",
    )
    .bind(credential.username.as_str())
    .bind(credential.extension.to_string())
    .bind(sealed)
    .execute(db)
    .await
    .map_err(StoreError::doing("saving a SIP account"))?;
    Ok(())
}

/// Deletes an account.
pub(super) async fn delete(db: &mut SqliteConnection, username: &SipUsername) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM sip_credential WHERE username = $1")
        .bind(username.as_str())
        .execute(db)
        .await
        .map_err(StoreError::doing("removing a SIP account"))?;
    Ok(())
}

/// All accounts.
pub(super) async fn all(readers: &SqlitePool, sealer: &Sealer) -> Result<Vec<SipCredential>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as("SELECT username, extension, digests FROM sip_credential ORDER BY username")
        .fetch_all(readers)
        .await
        .map_err(StoreError::doing("reading the SIP accounts"))?;
    rows.into_iter().map(|row| row.into_credential(sealer)).collect()
}

/// An account from its columns, wherever they are kept.
pub fn open_credential(
    store: &super::Store,
    (username, extension): (String, String),
    digests: Vec<u8>,
) -> Result<SipCredential, StoreError> {
    Row { username, extension, digests }.into_credential(store.sealer())
}

fn place(username: &str) -> String {
    format!("sip_credential.digests:{username}")
}

#[derive(FromRow)]
struct Row {
    username: String,
    extension: String,
    digests: Vec<u8>,
}

impl Row {
    fn into_credential(self, sealer: &Sealer) -> Result<SipCredential, StoreError> {
        let odd = |column| StoreError::inconsistent("sip_credential", column, &self.username);
        let digests = sealer.open(&place(&self.username), &self.digests)?;
        let (md5, sha256) = digests.split_at_checked(MD5_BYTES).ok_or_else(|| odd("digests"))?;
        Ok(SipCredential {
            username: self.username.parse().map_err(|_| odd("username"))?,
            extension: self.extension.parse().map_err(|_| odd("extension"))?,
            md5: Ha1Md5(md5.try_into().map_err(|_| odd("digests"))?),
            sha256: Ha1Sha256(sha256.try_into().map_err(|_| odd("digests"))?),
        })
    }
}
