//! Phones that a version before this one switched off by putting their accounts aside.

use sqlx::AssertSqlSafe;

use super::{credential, extension, open};
use crate::model::{Extension, UnixMillis};
use crate::store::sql::{query, query_as};
use crate::switchboard::output::Change;

#[tokio::test]
async fn accounts_that_an_older_version_put_aside_come_back_with_their_extension_switched_off() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory).await;
    let owner = Extension { phones_off_at: None, ..extension("101") };
    store.apply(&[Change::PutExtension(owner), Change::PutCredential(credential("101.abcdef", "101"))]).await.unwrap();
    let mut old = store.begin().await.unwrap();
    for step in [
        "INSERT INTO paused_account (username, extension, digests, token_hash, instance, record, profile_seen, created_at, \
         paused_at) SELECT username, extension, digests, digests, 'urn:uuid:a', '{}', '', 5, 7 FROM sip_credential",
        "DELETE FROM sip_credential",
    ] {
        query(step).execute(&mut old).await.unwrap();
    }
    // The column is there already.
    let migration = include_str!("../../../../migrations/sqlite/0090_phones_off.sql");
    let (_, steps) = migration.split_once("\nUPDATE ").unwrap();
    for step in format!("UPDATE {steps}").split(';').map(str::trim).filter(|step| !step.is_empty()) {
        query(AssertSqlSafe(step.to_owned())).execute(&mut old).await.unwrap();
    }
    let apps: (i64,) = query_as("SELECT COUNT(*) FROM app_installation").fetch_one(&mut old).await.unwrap();
    old.commit().await.unwrap();
    let restored = store.load().await.unwrap();
    assert_eq!(restored.credentials, [credential("101.abcdef", "101")], "with the secret the phone has");
    assert_eq!((restored.extensions[0].phones_off_at, apps.0), (Some(UnixMillis(7)), 1));
}
