//! The park journal: what is needed after a crash to give a waiting caller a final answer.
//!
//! A file of its own beside the database, because a push waits for it: one append, no transaction. What is written survives
//! the end of the process, however it comes. It is not forced to the disk: after a power cut no caller waits any more
//! for a machine that has to start first.
//!
//! One line for each event: `P id sealed` when a call is parked, `E id` when it is over. The sealed part holds the INVITE,
//! whose Contact may carry a push token and whose SDP may carry media keys. A line that a crash cut short counts for
//! nothing. The file is emptied whenever no call is parked and it has grown.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Sealer, StoreError};
use crate::model::{CallId, CallRecord, ConnectionId, Flow, Transport, UnixMillis};
use crate::switchboard::output::ParkedCall;

/// The file in the data directory.
const FILE: &str = "parked.journal";
/// A file that grew beyond this is emptied at the next quiet moment.
const EMPTY_ABOVE: u64 = 64 * 1024;

/// The journal of one installation.
#[derive(Debug)]
pub(super) struct ParkJournal {
    path: PathBuf,
    open: Mutex<Open>,
}

#[derive(Debug)]
struct Open {
    file: File,
    parked: usize,
    bytes: u64,
}

impl ParkJournal {
    /// Opens (or creates) the journal in the data directory.
    pub(super) fn open(data_dir: &Path) -> Result<Self, StoreError> {
        let path = data_dir.join(FILE);
        let refused = |source| StoreError::DataDir { path: path.clone(), source };
        let mut file =
            OpenOptions::new().append(true).read(true).create(true).mode(0o600).open(&path).map_err(refused)?;
        let bytes = file.metadata().map_err(refused)?.len();
        // What is written next must not become the end of a line that a full disk cut short.
        if bytes > 0 && !std::fs::read(&path).map_err(refused)?.ends_with(b"\n") {
            file.write_all(b"\n").map_err(refused)?;
        }
        let parked = lines(&path)?.len();
        let open = Mutex::new(Open { file, parked, bytes });
        Ok(Self { path, open })
    }

    /// Notes that a call is parked.
    pub(super) fn put(&self, sealer: &Sealer, parked: &ParkedCall) -> Result<(), StoreError> {
        let row = serde_json::to_vec(&Row::from(parked))
            .map_err(|_| StoreError::inconsistent("parked.journal", "call", parked.call))?;
        let sealed = sealer.seal(&place(parked.call), &row)?;
        let line = format!("P {} {}\n", parked.call, STANDARD_NO_PAD.encode(sealed));
        self.append(&line, |open| open.parked += 1)
    }

    /// Notes that a parked call is connected or over.
    pub(super) fn end(&self, call: CallId) -> Result<(), StoreError> {
        self.append(&format!("E {call}\n"), |open| open.parked = open.parked.saturating_sub(1))
    }

    /// Every call that is parked, in order of id.
    pub(super) fn all(&self, sealer: &Sealer) -> Result<Vec<ParkedCall>, StoreError> {
        let mut parked = Vec::new();
        for (call, sealed) in lines(&self.path)? {
            match read(sealer, call, &sealed) {
                Ok(row) => parked.push(row),
                // One caller may hear nothing; that is no reason to keep everybody's telephone silent.
                Err(error) => {
                    tracing::warn!(%call, %error, "a line of the park journal cannot be read and is left out")
                }
            }
        }
        Ok(parked)
    }

    fn append(&self, line: &str, count: impl FnOnce(&mut Open)) -> Result<(), StoreError> {
        let refused = |source| StoreError::DataDir { path: self.path.clone(), source };
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        // One write for one line: another reader sees all of it or, after a crash, a line without an end.
        open.file.write_all(line.as_bytes()).map_err(refused)?;
        open.bytes += u64::try_from(line.len()).unwrap_or(u64::MAX);
        count(&mut open);
        if open.parked == 0 && open.bytes > EMPTY_ABOVE {
            open.file.set_len(0).map_err(refused)?;
            open.bytes = 0;
        }
        Ok(())
    }
}

fn read(sealer: &Sealer, call: CallId, sealed: &str) -> Result<ParkedCall, StoreError> {
    let odd = || StoreError::inconsistent("parked.journal", "call", call);
    let sealed = STANDARD_NO_PAD.decode(sealed).map_err(|_| odd())?;
    let row = sealer.open(&place(call), &sealed)?;
    let row: Row = serde_json::from_slice(&row).map_err(|_| odd())?;
    row.into_parked(call).ok_or_else(odd)
}

/// The sealed texts of the calls that are parked, by id.
fn lines(path: &Path) -> Result<BTreeMap<CallId, String>, StoreError> {
    let text = std::fs::read(path).map_err(|source| StoreError::DataDir { path: path.to_owned(), source })?;
    let text = String::from_utf8_lossy(&text);
    let mut parked = BTreeMap::new();
    for line in text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')) {
        let mut words = line.split(' ');
        let (kind, id) = (words.next(), words.next().and_then(|id| id.parse().ok()).map(CallId));
        match (kind, id, words.next()) {
            (Some("P"), Some(call), Some(sealed)) => drop(parked.insert(call, sealed.to_owned())),
            (Some("E"), Some(call), None) => drop(parked.remove(&call)),
            _ => {}
        }
    }
    Ok(parked)
}

fn place(call: CallId) -> String {
    format!("parked.journal:{call}")
}

#[derive(Serialize, Deserialize)]
struct Row {
    transport: Transport,
    local: std::net::SocketAddr,
    remote: std::net::SocketAddr,
    connection: u64,
    invite: String,
    to_tag: String,
    ring_until: UnixMillis,
    record: CallRecord,
}

impl From<&ParkedCall> for Row {
    fn from(parked: &ParkedCall) -> Self {
        Self {
            transport: parked.flow.transport,
            local: parked.flow.local,
            remote: parked.flow.remote,
            connection: parked.flow.connection.0,
            invite: STANDARD_NO_PAD.encode(&parked.invite),
            to_tag: parked.to_tag.clone(),
            ring_until: parked.ring_until,
            record: parked.record.clone(),
        }
    }
}

impl Row {
    fn into_parked(self, call: CallId) -> Option<ParkedCall> {
        Some(ParkedCall {
            call,
            flow: Flow {
                transport: self.transport,
                local: self.local,
                remote: self.remote,
                connection: ConnectionId(self.connection),
            },
            invite: Bytes::from(STANDARD_NO_PAD.decode(self.invite).ok()?),
            to_tag: self.to_tag,
            ring_until: self.ring_until,
            record: self.record,
        })
    }
}
