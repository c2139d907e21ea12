//! There and back: what is in a backup, what is not, and what is refused.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::*;
use crate::model::UnixMillis;
use crate::store::sql::{Pool, query, query_scalar};
use crate::store::{MIGRATOR, Store};

const PASSPHRASE: &str = "correct horse battery";
const NOW: UnixMillis = UnixMillis(1_800_000_000_000);

/// An installation with something of everything that matters here.
async fn furnished(folder: &Path) -> Store {
    let store = Store::open_for_test(folder).await.unwrap();
    let mut db = store.begin().await.unwrap();
    for sql in [
        "INSERT INTO extension (number, name, email, push_enabled, created_at) \
         VALUES ('101', 'Ann \u{1f514} ]]> \"\n', NULL, TRUE, 1)",
        "INSERT INTO admin_user (id, name, name_key, password_hash, created_at, changed_at) VALUES (7, 'a', 'a', 'x', 1, 1)",
        "INSERT INTO admin_session (token_hash, user_id, created_at, seen_at, address, user_agent, confirmed_at) \
         VALUES ('h', 7, 1, 1, '', '', 1)",
        "INSERT INTO enrolment (id, extension, token_hash, label, username, created_at, expires_at, state) \
         VALUES ('e', '101', 'x', '', 'u', 1, 9, 'issued')",
    ] {
        query(sql).execute(&mut db).await.unwrap();
    }
    let sealed = store.sealer().seal("push_credential.secret:3", b"the key of Apple").unwrap();
    query("INSERT INTO setting (name, value) VALUES ('blob', $1)")
        .bind(format!("{sealed:?}"))
        .execute(&mut db)
        .await
        .unwrap();
    db.commit().await.unwrap();
    store
}

async fn backed_up(store: &Store, name: &str) -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join(name);
    let made =
        store.back_up(&file, PASSPHRASE, ("pbx.example.com", "0.1.0"), (NOW, &Progress::default())).await.unwrap();
    assert_eq!(made.bytes, fs::metadata(&file).unwrap().len());
    (folder, file)
}

async fn one<T: crate::store::sql::Column>(store: &Store, sql: &'static str) -> T {
    query_scalar(sql).fetch_one(store.reader()).await.unwrap()
}

#[tokio::test]
async fn what_was_saved_comes_back_and_what_must_not_does_not() {
    let here = TempDir::new().unwrap();
    let store = furnished(here.path()).await;
    let key = fs::read(here.path().join("master.key")).unwrap();
    let (_kept, file) = backed_up(&store, "a.nightbell").await;
    // In a directory of another database, which is replaced.
    let there = TempDir::new().unwrap();
    Store::open(there.path()).await.unwrap().close().await;
    let contents = stage(there.path(), &file, PASSPHRASE, (NOW, &Progress::default())).await.unwrap();
    assert_eq!((contents.manifest.host.as_str(), contents.schema_steps), ("pbx.example.com", 0));
    assert_eq!(contents, Contents { schema_steps: 0, ..verify(&file, PASSPHRASE).await.unwrap() });
    let restored = Store::open(there.path()).await.unwrap();
    assert_eq!(restored.restored().map(|note| note.made_at), Some(NOW));
    assert_eq!(fs::read(there.path().join("master.key")).unwrap(), key);
    assert_eq!(one::<String>(&restored, "SELECT name FROM extension").await, "Ann \u{1f514} ]]> \"\n");
    assert_eq!(one::<i64>(&restored, "SELECT count(*) FROM admin_user").await, 1);
    assert_eq!(one::<i64>(&restored, "SELECT count(*) FROM admin_session").await, 0);
    assert_eq!(one::<String>(&restored, "SELECT state FROM enrolment").await, "revoked");
    restored.forget_restored();
    restored.close().await;
    drop(restored);
    let again = Store::open(there.path()).await.unwrap();
    assert_eq!(again.restored(), None, "it was told");
}

#[tokio::test]
async fn a_backup_moves_to_a_server_and_back() {
    let here = TempDir::new().unwrap();
    let store = furnished(here.path()).await;
    let Pool::Postgres(_) = store.reader() else { return };
    // This run has a server: the furnished store is on it, so the way leads to a file and back to an empty schema.
    let (_kept, file) = backed_up(&store, "a.nightbell").await;
    let middle = TempDir::new().unwrap();
    stage(middle.path(), &file, PASSPHRASE, (NOW, &Progress::default())).await.unwrap();
    let in_file = Store::open(middle.path()).await.unwrap();
    let (_kept, file) = backed_up(&in_file, "b.nightbell").await;
    let there = TempDir::new().unwrap();
    let url = Store::url_for_test(there.path()).await.unwrap();
    stage_on_server(there.path(), &url, &file, PASSPHRASE, (NOW, &Progress::default())).await.unwrap();
    let refused =
        stage_on_server(there.path(), &url, &file, PASSPHRASE, (NOW, &Progress::default())).await.unwrap_err();
    assert!(matches!(refused, BackupError::Waiting), "{refused}");
    let back = Store::open_for_test(there.path()).await.unwrap();
    assert_eq!(one::<String>(&back, "SELECT name FROM extension").await, "Ann \u{1f514} ]]> \"\n");
    let mut db = back.begin().await.unwrap();
    query(
        "INSERT INTO admin_user (name, name_key, password_hash, created_at, changed_at) VALUES ('b', 'b', 'x', 1, 1)",
    )
    .execute(&mut db)
    .await
    .unwrap();
    db.commit().await.unwrap();
    assert_eq!(one::<i64>(&back, "SELECT max(id) FROM admin_user").await, 8, "ids go on");
    back.close().await;
    drop(back);
    let refused =
        stage_on_server(there.path(), &url, &file, PASSPHRASE, (NOW, &Progress::default())).await.unwrap_err();
    assert!(matches!(refused, BackupError::NotEmpty(_)), "{refused}");
}

#[tokio::test]
async fn a_backup_is_of_one_instant_while_changes_go_on() {
    let here = TempDir::new().unwrap();
    let store = furnished(here.path()).await;
    let writer = store.clone();
    let (stop, mut stopped) = tokio::sync::oneshot::channel::<()>();
    let writing = tokio::spawn(async move {
        let mut n = 0_i64;
        while stopped.try_recv().is_err() {
            let mut db = writer.begin().await.unwrap();
            // Two tables that always change together.
            for name in ["a_counter", "z_counter"] {
                let sql = "INSERT INTO setting (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value";
                query(sql).bind(name).bind(n.to_string()).execute(&mut db).await.unwrap();
            }
            query("UPDATE extension SET created_at = $1").bind(n).execute(&mut db).await.unwrap();
            db.commit().await.unwrap();
            n += 1;
        }
    });
    for name in ["1.nightbell", "2.nightbell", "3.nightbell"] {
        let (_kept, file) = backed_up(&store, name).await;
        let there = TempDir::new().unwrap();
        stage(there.path(), &file, PASSPHRASE, (NOW, &Progress::default())).await.unwrap();
        let restored = Store::open(there.path()).await.unwrap();
        let counters = "SELECT count(DISTINCT value) FROM setting WHERE name IN ('a_counter', 'z_counter')";
        assert!(one::<i64>(&restored, counters).await <= 1);
        let apart = "SELECT count(*) FROM setting WHERE name = 'a_counter' \
            AND value <> (SELECT CAST(created_at AS TEXT) FROM extension)";
        assert_eq!(one::<i64>(&restored, apart).await, 0);
    }
    stop.send(()).unwrap();
    writing.await.unwrap();
}

#[tokio::test]
async fn an_archive_that_was_changed_anywhere_is_refused_and_leaves_nothing() {
    let here = TempDir::new().unwrap();
    let store = furnished(here.path()).await;
    let (kept, file) = backed_up(&store, "a.nightbell").await;
    let whole = fs::read(&file).unwrap();
    let there = TempDir::new().unwrap();
    let broken = kept.path().join("broken");
    let spread = (0..12).map(|n| whole.len() * n / 12);
    for at in spread.chain([whole.len() - 1]) {
        let mut flipped = whole.clone();
        flipped[at] ^= 0x20;
        for bytes in [flipped, whole[..at].to_vec()] {
            fs::write(&broken, bytes).unwrap();
            stage(there.path(), &broken, PASSPHRASE, (NOW, &Progress::default())).await.unwrap_err();
            assert_eq!(fs::read_dir(there.path()).unwrap().count(), 0, "at {at}");
        }
    }
    let refused = stage(there.path(), &file, "another passphrase", (NOW, &Progress::default())).await.unwrap_err();
    assert!(matches!(refused, BackupError::Passphrase), "{refused}");
    fs::write(&broken, b"hello").unwrap();
    let refused = verify(&broken, PASSPHRASE).await.unwrap_err();
    assert!(matches!(refused, BackupError::NoBackup(_)), "{refused}");
    assert!(
        store.back_up(&file, PASSPHRASE, ("h", "v"), (NOW, &Progress::default())).await.is_err(),
        "a backup is never written over"
    );
}

/// Somebody who knows the passphrase can write any lines.
#[tokio::test]
async fn lines_that_do_not_belong_are_refused() {
    let folder = TempDir::new().unwrap();
    let schema = MIGRATOR.iter().map(|step| step.version).max().unwrap();
    let manifest = Manifest { format: 1, made_at: NOW, made_by: "9".into(), host: "h".into(), schema };
    let first = String::from_utf8(line::of(&line::Mark::Backup(manifest.clone()))).unwrap();
    let newer = String::from_utf8(line::of(&line::Mark::Backup(Manifest { schema: 9999, ..manifest }))).unwrap();
    let table = "{\"table\":{\"name\":\"setting\",\"columns\":[[\"name\",\"text\"],[\"value\",\"text\"]]}}\n";
    for (n, lines) in [
        newer + "{\"complete\":{\"tables\":0,\"rows\":0}}\n",
        first.clone() + "{\"file\":{\"name\":\"../../etc/passwd\",\"base64\":\"\"}}\n",
        first.clone() + "{\"table\":{\"name\":\"sqlite_schema\",\"columns\":[[\"sql\",\"text\"]]}}\n",
        first.clone() + "{\"table\":{\"name\":\"x\\\" (y) VALUES (1); --\",\"columns\":[[\"a\",\"text\"]]}}\n",
        first.clone() + table + "[\"a\",\"b\"]\n{\"end\":{\"rows\":2}}\n",
        first.clone() + table + "[\"a\",1]\n",
        first.clone() + table + "[\"a\"]\n",
        first.clone() + table + table,
        first.clone() + "{\"end\":{\"rows\":0}}\n",
        first.clone() + "{\"complete\":{\"tables\":1,\"rows\":0}}\n",
        first.clone() + "{\"complete\":{\"tables\":0,\"rows\":0}}\n[1]\n",
        first.clone() + "{\"complete\":{\"tables\":0,\"rows\":0}}\n",
        "{\"complete\":{\"tables\":0,\"rows\":0}}\n".to_owned(),
        String::new(),
    ]
    .into_iter()
    .enumerate()
    {
        let file = folder.path().join(n.to_string());
        let mut sealing = archive::Sealing::begin(&file, PASSPHRASE).unwrap();
        sealing.write(lines.as_bytes()).unwrap();
        sealing.finish().unwrap();
        let there = TempDir::new().unwrap();
        let refused = stage(there.path(), &file, PASSPHRASE, (NOW, &Progress::default())).await;
        assert!(refused.is_err(), "{lines}");
        assert_eq!(fs::read_dir(there.path()).unwrap().count(), 0);
    }
}

/// An archive as an older version would have written it.
#[tokio::test]
async fn a_backup_of_an_older_version_is_brought_to_this_one() {
    let folder = TempDir::new().unwrap();
    let here = TempDir::new().unwrap();
    let store = furnished(here.path()).await;
    let file = folder.path().join("old.nightbell");
    let manifest = Manifest { format: 1, made_at: NOW, made_by: "0.0.1".into(), host: "h".into(), schema: 1 };
    let mut lines = line::of(&line::Mark::Backup(manifest));
    lines.extend(line::of_file("master.key", &fs::read(here.path().join("master.key")).unwrap()));
    let sealed: Vec<u8> = one(&store, "SELECT sealed FROM seal_check").await;
    let columns = vec![("id".to_owned(), line::Kind::Number), ("sealed".to_owned(), line::Kind::Bytes)];
    let table = line::Table { name: "seal_check".to_owned(), columns };
    lines.extend(line::of(&line::Mark::Table(table)));
    lines.extend(line::of_row(vec![
        crate::store::sql::Value::Number(Some(1)),
        crate::store::sql::Value::Bytes(Some(sealed)),
    ]));
    lines.extend(b"{\"end\":{\"rows\":1}}\n{\"complete\":{\"tables\":1,\"rows\":1}}\n");
    let mut sealing = archive::Sealing::begin(&file, PASSPHRASE).unwrap();
    sealing.write(&lines).unwrap();
    sealing.finish().unwrap();
    let there = TempDir::new().unwrap();
    let contents = stage(there.path(), &file, PASSPHRASE, (NOW, &Progress::default())).await.unwrap();
    assert_eq!(contents.schema_steps, MIGRATOR.iter().count() - 1);
    Store::open(there.path()).await.unwrap();
}

#[tokio::test]
async fn no_secret_can_be_read_in_the_file() {
    let here = TempDir::new().unwrap();
    let store = furnished(here.path()).await;
    let (_kept, file) = backed_up(&store, "a.nightbell").await;
    let bytes = fs::read(file).unwrap();
    for secret in [&fs::read(here.path().join("master.key")).unwrap()[..], b"pbx.example.com", b"extension"] {
        assert!(!bytes.windows(secret.len()).any(|window| window == secret));
    }
}
