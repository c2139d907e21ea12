//! Making a backup of the running installation: one reading transaction sees every table at the same instant, while calls and
//! changes go on.

use std::fs;
use std::path::Path;

use futures_util::TryStreamExt as _;
use sqlx::{AssertSqlSafe, Row as _};
use tokio::sync::mpsc;

use super::archive::Sealing;
use super::line::{self, FORMAT, Kind, Manifest, Mark, Table};
use super::{BackupError, FILES, Made, Progress, schema};
use crate::model::UnixMillis;
use crate::store::sql::{Pool, Transaction, Value};
use crate::store::{MIGRATOR, Store, StoreError};

/// Lines are handed to the file in pieces of about this size.
const PIECE: usize = 256 * 1024;
/// Pieces that wait for the disk; the reading waits with them.
const PIECES: usize = 4;
const READING: &str = "reading the tables for a backup";

/// What goes to the thread that writes.
enum Piece {
    Lines(Vec<u8>),
    /// Everything was said; without it the file is dropped.
    Complete,
}

impl Store {
    /// Writes everything of this installation into the new file `to`, encrypted to `passphrase`; `host` and `made_by` say in the
    /// file whose it is.
    ///
    /// Nothing stands at `to` unless the backup is whole and on the disk.
    pub async fn back_up(
        &self,
        to: &Path,
        passphrase: &str,
        (host, made_by): (&str, &str),
        (now, progress): (UnixMillis, &Progress),
    ) -> Result<Made, BackupError> {
        let (pieces, mut written) = mpsc::channel::<Piece>(PIECES);
        let (path, passphrase) = (to.to_owned(), passphrase.to_owned());
        let file = tokio::task::spawn_blocking(move || {
            let mut sealing = Sealing::begin(&path, &passphrase)?;
            let half = sealing.half().to_owned();
            let outcome = loop {
                match written.blocking_recv() {
                    Some(Piece::Lines(lines)) => match sealing.write(&lines) {
                        Ok(()) => {}
                        Err(refused) => break Err(refused),
                    },
                    Some(Piece::Complete) => break sealing.finish(),
                    None => break Err(BackupError::Store(StoreError::Interrupted("making the backup"))),
                }
            };
            if outcome.is_err() {
                // What is left of it has a name that nothing takes for a backup.
                let _ = fs::remove_file(half);
            }
            outcome
        });
        let told = self.tell(pieces, (host, made_by), (now, progress)).await;
        let ended = file.await.map_err(|_| BackupError::Store(StoreError::Interrupted("making the backup")))?;
        // A disk that refused ends the telling too, and is the reason to be given.
        match (told, ended) {
            (Ok((tables, rows)), Ok(bytes)) => Ok(Made { bytes, tables, rows }),
            (Err(odd), Err(BackupError::Store(_))) => Err(odd),
            (_, Err(refused)) | (Err(refused), Ok(_)) => Err(refused),
        }
    }

    /// Says every line of the archive; how many tables and rows.
    async fn tell(
        &self,
        pieces: mpsc::Sender<Piece>,
        (host, made_by): (&str, &str),
        (now, progress): (UnixMillis, &Progress),
    ) -> Result<(u64, u64), BackupError> {
        let schema = MIGRATOR.iter().map(|step| step.version).max().unwrap_or_default();
        let manifest =
            Manifest { format: FORMAT, made_at: now, made_by: made_by.to_owned(), host: host.to_owned(), schema };
        let mut out = Out { pieces, lines: line::of(&Mark::Backup(manifest)), progress: progress.clone() };
        for name in FILES {
            let path = self.folder.join(name);
            match fs::read(&path) {
                Ok(bytes) => out.lines.extend(line::of_file(name, &zeroize::Zeroizing::new(bytes))),
                Err(missing) if missing.kind() == std::io::ErrorKind::NotFound => {}
                Err(source) => return Err(BackupError::File { path, source }),
            }
        }
        let mut db = begin(self.reader()).await?;
        let tables = schema::tables(&mut db).await?;
        let (count, mut all) = (u64::try_from(tables.len()).unwrap_or(u64::MAX), 0);
        for table in tables {
            out.say(&Mark::Table(table.clone())).await?;
            let rows = copy(&mut db, &table, &mut out).await?;
            all += rows;
            out.say(&Mark::End { rows }).await?;
        }
        out.say(&Mark::Complete { tables: count, rows: all }).await?;
        let Out { pieces, lines, progress: _ } = out;
        for piece in [Piece::Lines(lines), Piece::Complete] {
            pieces.send(piece).await.map_err(|_| interrupted())?;
        }
        Ok((count, all))
    }
}

/// The way to the thread that writes.
struct Out {
    pieces: mpsc::Sender<Piece>,
    lines: Vec<u8>,
    progress: Progress,
}

impl Out {
    async fn say(&mut self, mark: &Mark) -> Result<(), BackupError> {
        self.lines.extend(line::of(mark));
        self.flush_when_full().await
    }

    async fn flush_when_full(&mut self) -> Result<(), BackupError> {
        if self.lines.len() < PIECE {
            return Ok(());
        }
        let lines = std::mem::replace(&mut self.lines, Vec::with_capacity(PIECE));
        self.pieces.send(Piece::Lines(lines)).await.map_err(|_| interrupted())
    }
}

fn interrupted() -> BackupError {
    BackupError::Store(StoreError::Interrupted("making the backup"))
}

/// A transaction that sees the database as it is at its first question.
async fn begin(pool: &Pool) -> Result<Transaction, StoreError> {
    match pool {
        Pool::Sqlite(pool) => pool.begin().await.map(Transaction::Sqlite),
        Pool::Postgres(pool) => {
            pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await.map(Transaction::Postgres)
        }
    }
    .map_err(StoreError::doing(READING))
}

/// The names of the columns, as SQL.
pub(super) fn names(table: &Table) -> String {
    table.columns.iter().map(|(name, _)| format!("\"{name}\"")).collect::<Vec<_>>().join(", ")
}

/// Says every row of a table; how many there are.
async fn copy(db: &mut Transaction, table: &Table, out: &mut Out) -> Result<u64, BackupError> {
    /// The two drivers have rows of different types.
    macro_rules! each {
        ($db:expr, $sql:expr) => {{
            let mut rows = sqlx::query(AssertSqlSafe($sql)).fetch(&mut **$db);
            let mut count = 0;
            while let Some(row) = rows.try_next().await.map_err(StoreError::doing(READING))? {
                let value = |(at, (_, kind)): (usize, &(String, Kind))| match kind {
                    Kind::Number => row.try_get(at).map(Value::Number),
                    Kind::Switch => row.try_get(at).map(Value::Switch),
                    Kind::Text => row.try_get(at).map(Value::Text),
                    Kind::Bytes => row.try_get(at).map(Value::Bytes),
                };
                let row: Result<Vec<_>, _> = table.columns.iter().enumerate().map(value).collect();
                out.lines.extend(line::of_row(row.map_err(StoreError::doing(READING))?));
                out.flush_when_full().await?;
                out.progress.add(1);
                count += 1;
            }
            count
        }};
    }
    let sql = format!("SELECT {} FROM \"{}\"", names(table), table.name);
    Ok(match db {
        Transaction::Sqlite(db) => each!(db, sql),
        Transaction::Postgres(db) => each!(db, sql),
    })
}
