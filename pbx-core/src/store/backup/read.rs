//! Reading an archive: every line is held against what may stand there, in a thread of its own.

use std::path::{Path, PathBuf};

use tokio::sync::mpsc;

use super::archive::Opening;
use super::line::{self, FORMAT, Manifest, Mark, Table};
use super::{BackupError, FILES};
use crate::store::StoreError;
use crate::store::sql::Value;

/// Rows that are handed over together.
const ROWS: usize = 512;
/// Pieces that wait for the database; the reading waits with them.
const PIECES: usize = 4;

/// A part of an archive, in its order.
#[derive(Debug)]
pub(super) enum Piece {
    Manifest(Manifest),
    File {
        name: &'static str,
        bytes: zeroize::Zeroizing<Vec<u8>>,
    },
    Table(Table),
    /// Rows of the table before.
    Rows(Vec<Vec<Value>>),
    /// The archive is whole.
    Complete,
}

/// Reads the archive in a thread; after an error, or [`Piece::Complete`], nothing more comes.
pub(super) fn pieces(path: &Path, passphrase: &str) -> mpsc::Receiver<Result<Piece, BackupError>> {
    let (out, pieces) = mpsc::channel(PIECES);
    let (path, passphrase) = (path.to_owned(), passphrase.to_owned());
    tokio::task::spawn_blocking(move || {
        let ended = Opening::begin(&path, &passphrase).and_then(|lines| {
            Reading { lines, path, out: out.clone(), table: None, tables: 0, rows: 0, of_table: 0 }.all()
        });
        if let Err(odd) = ended {
            // Nobody waits for it when the other side has ended first.
            let _ = out.blocking_send(Err(odd));
        }
    });
    pieces
}

struct Reading {
    lines: Opening,
    path: PathBuf,
    out: mpsc::Sender<Result<Piece, BackupError>>,
    table: Option<Table>,
    tables: u64,
    rows: u64,
    of_table: u64,
}

impl Reading {
    fn all(mut self) -> Result<(), BackupError> {
        self.manifest()?;
        let mut rows = Vec::new();
        loop {
            let Some(line) = self.lines.next()? else {
                return Err(self.damaged("it ends before its last line"));
            };
            if let (Some(table), Some(b'[')) = (&self.table, line.first()) {
                let row = line::row(table, line);
                let Some(row) = row else {
                    return Err(self.damaged("a row does not fit its table"));
                };
                rows.push(row);
                self.of_table += 1;
                if rows.len() >= ROWS {
                    self.send(Piece::Rows(std::mem::take(&mut rows)))?;
                }
                continue;
            }
            let Ok(mark) = serde_json::from_slice::<Mark>(line) else {
                return Err(self.damaged("a line makes no sense"));
            };
            match mark {
                Mark::File { name, base64 } if self.tables == 0 => self.file(&name, &base64)?,
                Mark::Table(table) if self.table.is_none() => {
                    self.table = Some(table.clone());
                    self.tables += 1;
                    self.send(Piece::Table(table))?;
                }
                Mark::End { rows: said } if self.table.take().is_some() && said == self.of_table => {
                    self.rows += std::mem::take(&mut self.of_table);
                    self.send(Piece::Rows(std::mem::take(&mut rows)))?;
                }
                Mark::Complete { tables, rows } if self.table.is_none() => {
                    return self.complete((tables, rows));
                }
                Mark::Backup(_) | Mark::File { .. } | Mark::Table(_) | Mark::End { .. } | Mark::Complete { .. } => {
                    return Err(self.damaged("a line stands where it does not belong, or rows are missing"));
                }
            }
        }
    }

    fn manifest(&mut self) -> Result<(), BackupError> {
        let first = self.lines.next()?.map(serde_json::from_slice::<Mark>);
        let Some(Ok(Mark::Backup(manifest))) = first else {
            return Err(BackupError::NoBackup(self.path.clone()));
        };
        if manifest.format != FORMAT {
            return Err(BackupError::Newer(manifest.made_by));
        }
        self.send(Piece::Manifest(manifest))
    }

    fn file(&self, name: &str, base64: &str) -> Result<(), BackupError> {
        let Some(name) = FILES.into_iter().find(|known| *known == name) else {
            return Err(self.damaged("it holds a file that is none of Nightbell's"));
        };
        let bytes = line::file_bytes(base64).ok_or_else(|| self.damaged("a file in it is no base64"))?;
        self.send(Piece::File { name, bytes: bytes.into() })
    }

    fn complete(mut self, said: (u64, u64)) -> Result<(), BackupError> {
        if said != (self.tables, self.rows) {
            return Err(self.damaged("it does not hold as much as its last line says"));
        }
        if self.lines.next()?.is_some() {
            return Err(self.damaged("something stands behind its last line"));
        }
        self.send(Piece::Complete)
    }

    fn send(&self, piece: Piece) -> Result<(), BackupError> {
        self.out.blocking_send(Ok(piece)).map_err(|_| StoreError::Interrupted("reading the backup").into())
    }

    fn damaged(&self, problem: &str) -> BackupError {
        BackupError::Damaged { path: self.path.clone(), problem: problem.to_owned() }
    }
}
