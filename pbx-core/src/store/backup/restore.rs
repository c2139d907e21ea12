//! Putting a backup back: into a database beside the one in use, which is checked before it takes the other's place.
//!
//! A file: the new database is filled and checked in `restore.part`, becomes `restore.ready`, and takes the place of the old
//! one when the data directory is opened the next time ([`super::swap`]). A server: tables are made and filled in one transaction,
//! in a database that must be empty. Whatever goes wrong, what is in use stays as it is.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode};
use sqlx::{AssertSqlSafe, Connection as _};
use tokio::sync::mpsc;

use super::line::{Manifest, Table};
use super::read::{self, Piece};
use super::swap::{PART, READY, RestoreNote};
use super::write::names;
use super::{BackupError, Contents, Progress, schema};
use crate::model::UnixMillis;
use crate::store::open::{self, DATABASE};
use crate::store::sql::{Bind as _, Query, Transaction, query, query_scalar};
use crate::store::{DatabaseUrl, MIGRATOR, POSTGRES_MIGRATOR, Sealer, StoreError};

/// Placeholders in one INSERT; SQLite allows 32,766, PostgreSQL 65,535, and longer statements gain nothing.
const PLACEHOLDERS: usize = 900;

/// What a backup must not bring back: who was signed in, what could still be redeemed, who was blocked, where phones were.
/// Each with `$1` for now.
const VOID: [&str; 10] = [
    "DELETE FROM admin_session",
    "DELETE FROM admin_setup",
    "DELETE FROM admin_invitation",
    "DELETE FROM admin_known_browser",
    "DELETE FROM idempotent_answer",
    "DELETE FROM blocked_address",
    "DELETE FROM udp_binding",
    "DELETE FROM desk_phone_token WHERE kind = 'first'",
    "UPDATE enrolment SET state = 'revoked', revoked_at = $1 WHERE state = 'issued'",
    "UPDATE mail SET state = 'failed', ended_at = $1, \
     detail = 'not sent: the database was restored from a backup; send it anew' WHERE state = 'queued'",
];

/// Fills and checks a database file from the archive, ready to take the place of the one in `data_dir` at its next opening.
pub async fn stage(
    data_dir: &Path,
    archive: &Path,
    passphrase: &str,
    (now, progress): (UnixMillis, &Progress),
) -> Result<Contents, BackupError> {
    let part = data_dir.join(PART);
    let refused = |source| BackupError::File { path: part.clone(), source };
    if fs::exists(data_dir.join(READY)).map_err(refused)? {
        return Err(BackupError::Waiting);
    }
    remove(&part).map_err(refused)?;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&part).map_err(refused)?;
    let filled = fill_file(&part, archive, passphrase, (now, progress)).await;
    let ready = match filled {
        Ok(contents) => fs::rename(&part, data_dir.join(READY))
            .and_then(|()| File::open(data_dir)?.sync_all())
            .map(|()| contents)
            .map_err(refused),
        Err(wrong) => Err(wrong),
    };
    if ready.is_err() {
        // The next restore begins with this, too.
        let _ = remove(&part);
    }
    ready
}

fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(missing) if missing.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

async fn fill_file(
    part: &Path,
    archive: &Path,
    passphrase: &str,
    (now, progress): (UnixMillis, &Progress),
) -> Result<Contents, BackupError> {
    let path = part.join(DATABASE);
    let failed = |source| BackupError::from(StoreError::Open { database: path.display().to_string(), source });
    let migrating = |source| BackupError::from(StoreError::migrate(path.display().to_string(), source));
    open::make_private(&path).map_err(|source| BackupError::File { path: path.clone(), source })?;
    // Without a journal beside it: nobody else looks at this file, and a crash throws it away.
    let options = SqliteConnectOptions::new()
        .filename(&path)
        .create_if_missing(false)
        .journal_mode(SqliteJournalMode::Truncate)
        .foreign_keys(true);
    let pool = sqlx::sqlite::SqlitePoolOptions::new().max_connections(1).connect_with(options).await.map_err(failed)?;
    let mut pieces = read::pieces(archive, passphrase);
    let manifest = first(&mut pieces).await?;
    MIGRATOR.run_to(known(&manifest)?, &pool).await.map_err(migrating)?;
    let mut db = pool.begin_with("BEGIN IMMEDIATE").await.map(Transaction::Sqlite).map_err(failed)?;
    let mut contents = fill(&mut db, &mut pieces, (part, progress), manifest).await?;
    db.commit().await.map_err(failed)?;
    MIGRATOR.run(&pool).await.map_err(migrating)?;
    let mut db = pool.begin_with("BEGIN IMMEDIATE").await.map(Transaction::Sqlite).map_err(failed)?;
    make_void(&mut db, now).await?;
    contents.schema_steps = newer_steps(contents.manifest.schema);
    check_key(&mut db, part).await?;
    db.commit().await.map_err(failed)?;
    pool.close().await;
    check_file(&path, archive).await?;
    RestoreNote::of(&contents.manifest, now).write(part).map_err(|source| BackupError::File { path, source })?;
    sync_all(part).map_err(|source| BackupError::File { path: part.to_owned(), source })?;
    Ok(contents)
}

/// Fills an empty database on a server, and puts the files into `data_dir` at its next opening.
pub async fn stage_on_server(
    data_dir: &Path,
    url: &DatabaseUrl,
    archive: &Path,
    passphrase: &str,
    (now, progress): (UnixMillis, &Progress),
) -> Result<Contents, BackupError> {
    let part = data_dir.join(PART);
    let refused = |source| BackupError::File { path: part.clone(), source };
    let failed = |source| BackupError::from(StoreError::Open { database: url.to_string(), source });
    let migrating = |source| BackupError::from(StoreError::migrate(url.to_string(), source));
    if fs::exists(data_dir.join(READY)).map_err(refused)? {
        return Err(BackupError::Waiting);
    }
    remove(&part).map_err(refused)?;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&part).map_err(refused)?;
    let (writer, _) = open::postgres::writer(url).await?;
    let mut pieces = read::pieces(archive, passphrase);
    let manifest = first(&mut pieces).await?;
    let target = known(&manifest)?;
    let mut db = writer.begin().await.map_err(failed)?;
    let tables: i64 =
        sqlx::query_scalar("SELECT count(*) FROM information_schema.tables WHERE table_schema = current_schema()")
            .fetch_one(&mut *db)
            .await
            .map_err(failed)?;
    if tables > 0 {
        return Err(BackupError::NotEmpty(url.to_string()));
    }
    POSTGRES_MIGRATOR.run_to(target, &mut *db).await.map_err(migrating)?;
    let mut db = Transaction::Postgres(db);
    let mut contents = fill(&mut db, &mut pieces, (&part, progress), manifest).await?;
    if let Transaction::Postgres(db) = &mut db {
        POSTGRES_MIGRATOR.run(&mut **db).await.map_err(migrating)?;
    }
    make_void(&mut db, now).await?;
    advance_counters(&mut db).await?;
    check_key(&mut db, &part).await?;
    contents.schema_steps = newer_steps(contents.manifest.schema);
    RestoreNote::of(&contents.manifest, now).write(&part).map_err(refused)?;
    sync_all(&part).map_err(refused)?;
    // The files first: a database whose key is missing would be of no use.
    fs::rename(&part, data_dir.join(READY)).and_then(|()| File::open(data_dir)?.sync_all()).map_err(refused)?;
    if let Err(odd) = db.commit().await {
        let _ = remove(&data_dir.join(READY));
        return Err(failed(odd));
    }
    writer.close().await;
    Ok(contents)
}

/// What a whole reading of the archive says of it; nothing is written.
pub async fn verify(archive: &Path, passphrase: &str) -> Result<Contents, BackupError> {
    let mut pieces = read::pieces(archive, passphrase);
    let mut contents = Contents::of(first(&mut pieces).await?);
    while let Some(piece) = pieces.recv().await {
        match piece? {
            Piece::Table(table) => contents.tables.push((table.name, 0)),
            Piece::Rows(rows) => contents.count(rows.len()),
            Piece::File { .. } => contents.files += 1,
            Piece::Manifest(_) => {}
            Piece::Complete => return Ok(contents),
        }
    }
    Err(StoreError::Interrupted("reading the backup").into())
}

async fn first(pieces: &mut mpsc::Receiver<Result<Piece, BackupError>>) -> Result<Manifest, BackupError> {
    match pieces.recv().await {
        Some(Ok(Piece::Manifest(manifest))) => Ok(manifest),
        Some(Err(wrong)) => Err(wrong),
        Some(Ok(_)) | None => Err(StoreError::Interrupted("reading the backup").into()),
    }
}

/// The migration up to which tables are made before they are filled.
fn known(manifest: &Manifest) -> Result<i64, BackupError> {
    if MIGRATOR.version_exists(manifest.schema) {
        return Ok(manifest.schema);
    }
    Err(BackupError::Newer(manifest.made_by.clone()))
}

fn newer_steps(schema: i64) -> usize {
    MIGRATOR.iter().filter(|step| step.version > schema).count()
}

/// Puts every row into its table and every file into `folder`.
async fn fill(
    db: &mut Transaction,
    pieces: &mut mpsc::Receiver<Result<Piece, BackupError>>,
    (folder, progress): (&Path, &Progress),
    manifest: Manifest,
) -> Result<Contents, BackupError> {
    let mut contents = Contents::of(manifest);
    let known = schema::tables(db).await?;
    for table in known.iter().rev() {
        // What migrations put there is in the archive as well.
        run(query(AssertSqlSafe(format!("DELETE FROM \"{}\"", table.name))), db).await?;
    }
    let mut table: Option<Table> = None;
    while let Some(piece) = pieces.recv().await {
        match piece? {
            Piece::File { name, bytes } => {
                put_file(&folder.join(name), &bytes)?;
                contents.files += 1;
            }
            Piece::Table(next) => {
                let fits = known
                    .iter()
                    .find(|known| known.name == next.name)
                    .is_some_and(|known| next.columns.iter().all(|column| known.columns.contains(column)));
                if !fits {
                    return Err(BackupError::Newer(contents.manifest.made_by));
                }
                contents.tables.push((next.name.clone(), 0));
                table = Some(next);
            }
            Piece::Rows(rows) => {
                contents.count(rows.len());
                progress.add(rows.len());
                if let Some(table) = &table {
                    put_rows(db, table, rows).await?;
                }
            }
            Piece::Manifest(_) => {}
            Piece::Complete => return Ok(contents),
        }
    }
    Err(StoreError::Interrupted("reading the backup").into())
}

fn put_file(path: &Path, bytes: &[u8]) -> Result<(), BackupError> {
    let refused = |source| BackupError::File { path: path.to_owned(), source };
    if let Some(folder) = path.parent() {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(refused)?;
    }
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(refused)?;
    io::Write::write_all(&mut file, bytes).map_err(refused)
}

async fn put_rows(
    db: &mut Transaction,
    table: &Table,
    rows: Vec<Vec<crate::store::sql::Value>>,
) -> Result<(), BackupError> {
    let width = table.columns.len();
    let at_once = (PLACEHOLDERS / width.max(1)).max(1);
    let mut rows = rows.into_iter().peekable();
    while rows.peek().is_some() {
        let some: Vec<_> = rows.by_ref().take(at_once).collect();
        let one = |at: usize| (1..=width).map(|n| format!("${}", at * width + n)).collect::<Vec<_>>().join(", ");
        let values = (0..some.len()).map(|at| format!("({})", one(at))).collect::<Vec<_>>().join(", ");
        let sql = format!("INSERT INTO \"{}\" ({}) VALUES {values}", table.name, names(table));
        let insert =
            some.into_iter().flatten().fold(query(AssertSqlSafe(sql)), |insert, value| insert.bind(value.value()));
        run(insert, db).await?;
    }
    Ok(())
}

async fn run(statement: Query, db: &mut Transaction) -> Result<(), BackupError> {
    statement
        .execute(db)
        .await
        .map(drop)
        .map_err(StoreError::doing("filling the tables from the backup"))
        .map_err(Into::into)
}

async fn make_void(db: &mut Transaction, now: UnixMillis) -> Result<(), BackupError> {
    for sql in VOID {
        let statement = query(sql);
        run(if sql.contains("$1") { statement.bind(now.0) } else { statement }, db).await?;
    }
    Ok(())
}

/// The next number of a table that counts by itself comes after those that were put in.
async fn advance_counters(db: &mut Transaction) -> Result<(), BackupError> {
    const DOING: &str = "setting the counters of the tables";
    let counted: Vec<(String, String)> = crate::store::sql::query_as(
        "SELECT table_name::text, column_name::text FROM information_schema.columns \
         WHERE table_schema = current_schema() AND is_identity = 'YES'",
    )
    .fetch_all(&mut *db)
    .await
    .map_err(StoreError::doing(DOING))?;
    for (table, column) in counted {
        let sql = format!(
            "SELECT setval(pg_get_serial_sequence('\"{table}\"', '{column}'), \
             greatest((SELECT coalesce(max(\"{column}\"), 0) FROM \"{table}\"), 1))"
        );
        let _: i64 = query_scalar(AssertSqlSafe(sql)).fetch_one(&mut *db).await.map_err(StoreError::doing(DOING))?;
    }
    Ok(())
}

/// The key in the archive opens what the database in it holds.
async fn check_key(db: &mut Transaction, folder: &Path) -> Result<(), BackupError> {
    let sealer = Sealer::load(folder).map_err(StoreError::from)?;
    let check: Option<Vec<u8>> = query_scalar("SELECT sealed FROM seal_check WHERE id = 1")
        .fetch_optional(&mut *db)
        .await
        .map_err(StoreError::doing("checking the master key"))?;
    let opens = check.is_some_and(|sealed| sealer.open(open::CHECK_PLACE, &sealed).is_ok());
    if opens { Ok(()) } else { Err(StoreError::from(crate::store::SealError::OtherKey).into()) }
}

/// What SQLite itself finds in the file that was filled.
async fn check_file(path: &Path, archive: &Path) -> Result<(), BackupError> {
    let failed = |source| BackupError::from(StoreError::Open { database: path.display().to_string(), source });
    let options = SqliteConnectOptions::new().filename(path).read_only(true);
    let mut connection = SqliteConnection::connect_with(&options).await.map_err(failed)?;
    let found: String =
        sqlx::query_scalar("PRAGMA integrity_check(1)").fetch_one(&mut connection).await.map_err(failed)?;
    let orphans = sqlx::query("PRAGMA foreign_key_check").fetch_all(&mut connection).await.map_err(failed)?;
    connection.close().await.map_err(failed)?;
    let problem = match (found.as_str(), orphans.len()) {
        ("ok", 0) => return Ok(()),
        ("ok", rows) => format!("{rows} of its rows refer to others that are not there"),
        (found, _) => found.to_owned(),
    };
    Err(BackupError::Damaged { path: archive.to_owned(), problem })
}

/// Makes every file in the folder durable, and their names.
fn sync_all(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            sync_all(&path)?;
        } else {
            File::open(path)?.sync_all()?;
        }
    }
    File::open(folder)?.sync_all()
}
