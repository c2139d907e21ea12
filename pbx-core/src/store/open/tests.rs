//! Which data directories are opened, which are refused with a text, and who can read the files.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use tempfile::TempDir;

use super::super::sql::query;
use super::super::tests::everything;
use super::super::{SealError, Store, StoreError};

#[tokio::test]
async fn files_are_readable_by_their_owner_only() {
    let outer = TempDir::new().unwrap();
    let directory = outer.path().join("data");
    let store = Store::open(&directory).await.unwrap();
    store.apply(&everything()).await.unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&directory), 0o700);
    let files: Vec<_> = std::fs::read_dir(&directory).unwrap().map(|file| file.unwrap().path()).collect();
    assert!(files.len() >= 5, "{files:?}");
    for file in files {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}

#[tokio::test]
async fn a_database_everybody_could_read_is_made_private() {
    let directory = TempDir::new().unwrap();
    Store::open(directory.path()).await.unwrap().close().await;
    let path = directory.path().join("nightbell.db");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let _store = Store::open(directory.path()).await.unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn two_servers_cannot_use_one_data_directory() {
    let directory = TempDir::new().unwrap();
    let first = Store::open(directory.path()).await.unwrap();
    let second = Store::open(directory.path()).await;
    assert!(matches!(second, Err(StoreError::InUse(_))), "{second:?}");
    let clone = first.clone();
    drop(first);
    assert!(Store::open(directory.path()).await.is_err());
    drop(clone);
    Store::open(directory.path()).await.unwrap();
}

#[tokio::test]
async fn a_newer_database_is_refused_with_its_migration() {
    let directory = TempDir::new().unwrap();
    let store = Store::open(directory.path()).await.unwrap();
    let mut transaction = store.begin().await.unwrap();
    query(
        "INSERT INTO _sqlx_migrations (version, description, installed_on, success, checksum, execution_time) \
         VALUES (9999, 'of tomorrow', '2030-01-01', TRUE, x'00', 1)",
    )
    .execute(&mut transaction)
    .await
    .unwrap();
    transaction.commit().await.unwrap();
    store.close().await;
    drop(store);
    let refused = Store::open(directory.path()).await.unwrap_err();
    assert!(matches!(refused, StoreError::Newer { version: 9999, .. }), "{refused:?}");
    assert!(refused.to_string().contains("newer Nightbell"), "{refused}");
}

#[tokio::test]
async fn a_damaged_key_file_is_refused() {
    let directory = TempDir::new().unwrap();
    Store::open(directory.path()).await.unwrap().close().await;
    std::fs::write(directory.path().join("master.key"), b"short").unwrap();
    let refused = Store::open(directory.path()).await.unwrap_err();
    assert!(matches!(refused, StoreError::Seal(SealError::KeyDamaged(_))), "{refused:?}");
}

#[tokio::test]
async fn a_missing_key_is_not_replaced_by_a_new_one() {
    let directory = TempDir::new().unwrap();
    Store::open(directory.path()).await.unwrap().close().await;
    let key = directory.path().join("master.key");
    std::fs::remove_file(&key).unwrap();
    let refused = Store::open(directory.path()).await.unwrap_err();
    assert!(matches!(refused, StoreError::Seal(SealError::KeyMissing(_))), "{refused:?}");
    assert!(!key.exists());
}

#[tokio::test]
async fn the_key_of_another_installation_is_refused_at_start() {
    let directory = TempDir::new().unwrap();
    Store::open(directory.path()).await.unwrap().close().await;
    std::fs::write(directory.path().join("master.key"), [7u8; 32]).unwrap();
    let refused = Store::open(directory.path()).await.unwrap_err();
    assert!(matches!(refused, StoreError::Seal(SealError::OtherKey)), "{refused:?}");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_with_the_fix() {
    let directory = TempDir::new().unwrap();
    Store::open(directory.path()).await.unwrap().close().await;
    std::fs::write(directory.path().join("nightbell.db"), "this is a letter to the tax office ".repeat(200)).unwrap();
    let refused = Store::open(directory.path()).await.unwrap_err().to_string();
    assert!(refused.contains("nightbell backup restore"), "{refused}");
}

#[tokio::test]
async fn a_data_directory_that_is_a_file_is_refused() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("data");
    std::fs::write(&file, b"").unwrap();
    let refused = Store::open(&file).await.unwrap_err();
    assert!(matches!(refused, StoreError::DataDir { .. }), "{refused:?}");
}

#[test]
fn a_directory_without_write_permission_and_a_full_disk_name_the_fix() {
    let refused = |kind: std::io::ErrorKind| {
        StoreError::DataDir { path: "/var/lib/nightbell".into(), source: kind.into() }.to_string()
    };
    assert!(refused(std::io::ErrorKind::PermissionDenied).contains("the right to write"));
    assert!(refused(std::io::ErrorKind::StorageFull).contains("free some space"));
}

/// What was not yet in the file itself is in its journal; without the journal the file looks like that of a first start.
#[tokio::test]
async fn a_database_that_is_gone_is_no_first_start() {
    for lost in ["nightbell.db-wal", "nightbell.db"] {
        let directory = TempDir::new().unwrap();
        let store = Store::open(directory.path()).await.unwrap();
        store.apply(&everything()).await.unwrap();
        // As a killed server leaves it: nothing was written back.
        let killed = TempDir::new().unwrap();
        for entry in std::fs::read_dir(directory.path()).unwrap().flatten() {
            if entry.file_name() != "nightbell.lock" && entry.file_name() != *lost {
                std::fs::copy(entry.path(), killed.path().join(entry.file_name())).unwrap();
            }
        }
        let refused = Store::open(killed.path()).await.unwrap_err();
        assert!(matches!(refused, StoreError::Lost { .. }), "{lost}: {refused:?}");
        let text = refused.to_string();
        assert!(text.contains("nightbell backup restore") && text.contains("nightbell.installed"), "{text}");
        std::fs::remove_file(killed.path().join("nightbell.installed")).unwrap();
        Store::open(killed.path()).await.unwrap();
    }
}

/// Damage of a page that holds nothing anybody reads cannot be seen; whatever can is refused, and the file is left alone.
#[tokio::test]
async fn a_file_with_any_page_changed_is_opened_whole_or_refused_by_name() {
    let directory = TempDir::new().unwrap();
    let store = Store::open(directory.path()).await.unwrap();
    store.apply(&everything()).await.unwrap();
    store.close().await;
    drop(store);
    let path = directory.path().join("nightbell.db");
    let whole = std::fs::read(&path).unwrap();
    std::fs::create_dir(directory.path().join("backups")).unwrap();
    std::fs::write(directory.path().join("backups/last.nightbell"), "").unwrap();
    let mut refused = 0;
    for round in 0..60_usize {
        let mut flipped = whole.clone();
        // The header of the file, headers of pages, and places in between.
        let at = if round < 20 { round * 5 } else { round * whole.len() / 60 + round % 3 * 7 };
        for byte in &mut flipped[at..at + 8] {
            *byte ^= 0xa5;
        }
        std::fs::write(&path, &flipped).unwrap();
        match Store::open(directory.path()).await {
            Ok(store) => {
                let extensions: i64 = super::super::sql::query_scalar("SELECT count(*) FROM extension")
                    .fetch_one(store.reader())
                    .await
                    .unwrap();
                assert!(extensions > 0, "an empty database took the place of the damaged one (byte {at})");
                store.close().await;
            }
            Err(StoreError::Damaged { backup, .. }) => {
                refused += 1;
                assert_eq!(backup, Some(directory.path().join("backups/last.nightbell")));
                assert_eq!(std::fs::read(&path).unwrap(), flipped, "the file was changed (byte {at})");
            }
            Err(other) => assert!(other.to_string().contains("nightbell.db"), "byte {at}: {other}"),
        }
        for left in ["nightbell.db-wal", "nightbell.db-shm"] {
            let _ = std::fs::remove_file(directory.path().join(left));
        }
    }
    assert!(refused > 10, "{refused}");
}
