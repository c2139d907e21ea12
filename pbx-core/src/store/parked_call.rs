//! The park journal: what is needed after a crash to give a waiting caller a final answer and to let ringing phones rest.
//!
//! A file of its own beside the database, because a push waits for it: one append, no transaction. What is written survives
//! the end of the process, however it comes. It is not forced to the disk: after a power cut no caller waits any more
//! for a machine that has to start first.
//!
//! One line for each event: `P id sealed` when a call is parked, `R id sealed` for each phone on UDP that is rung, `E id`
//! when the call is connected or over. The sealed part holds an INVITE, whose Contact may carry a push token and whose SDP
//! may carry media keys. A line that a crash cut short counts for
//! nothing. The file is emptied whenever no call is parked and it has grown.

use std::collections::{BTreeMap, BTreeSet};
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
use crate::switchboard::output::{ParkedCall, RingingPhone};

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
    /// Calls with lines and no end yet.
    calls: BTreeSet<CallId>,
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
        let calls = lines(&path)?.into_keys().collect();
        let open = Mutex::new(Open { file, calls, bytes });
        Ok(Self { path, open })
    }

    /// Notes that a call is parked.
    pub(super) fn put(&self, sealer: &Sealer, parked: &ParkedCall) -> Result<(), StoreError> {
        self.note(sealer, (Kind::Parked, parked.call), &Row::from(parked))
    }

    /// Notes that a phone on UDP is rung.
    pub(super) fn rings(&self, sealer: &Sealer, phone: &RingingPhone) -> Result<(), StoreError> {
        self.note(sealer, (Kind::Ringing, phone.call), &RingingRow::from(phone))
    }

    /// Notes that a call is connected or over: nobody waits, and nobody rings without this server's care.
    pub(super) fn end(&self, call: CallId) -> Result<(), StoreError> {
        self.append(&format!("E {call}\n"), |calls| calls.remove(&call))
    }

    /// Every call that is parked and every phone that was left ringing, in order of the calls' ids.
    pub(super) fn all(&self, sealer: &Sealer) -> Result<(Vec<ParkedCall>, Vec<RingingPhone>), StoreError> {
        let (mut parked, mut ringing) = (Vec::new(), Vec::new());
        for (call, sealed) in lines(&self.path)? {
            for (kind, sealed) in sealed {
                let read = match kind {
                    Kind::Parked => open::<Row>(sealer, (kind, call), &sealed)
                        .and_then(|row| row.into_parked(call).ok_or_else(|| odd(call)))
                        .map(|read| parked.push(read)),
                    Kind::Ringing => open::<RingingRow>(sealer, (kind, call), &sealed)
                        .and_then(|row| row.into_ringing(call).ok_or_else(|| odd(call)))
                        .map(|read| ringing.push(read)),
                };
                // One caller may hear nothing; that is no reason to keep everybody's telephone silent.
                if let Err(error) = read {
                    tracing::warn!(%call, %error, "a line of the park journal cannot be read and is left out");
                }
            }
        }
        Ok((parked, ringing))
    }

    fn note(&self, sealer: &Sealer, about: (Kind, CallId), row: &impl Serialize) -> Result<(), StoreError> {
        let (kind, call) = about;
        let row = serde_json::to_vec(row).map_err(|_| odd(call))?;
        let sealed = sealer.seal(&place(about), &row)?;
        let line = format!("{} {call} {}\n", kind.letter(), STANDARD_NO_PAD.encode(sealed));
        self.append(&line, |calls| calls.insert(call))
    }

    fn append(&self, line: &str, count: impl FnOnce(&mut BTreeSet<CallId>) -> bool) -> Result<(), StoreError> {
        let refused = |source| StoreError::DataDir { path: self.path.clone(), source };
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        // One write for one line: another reader sees all of it or, after a crash, a line without an end.
        open.file.write_all(line.as_bytes()).map_err(refused)?;
        open.bytes += u64::try_from(line.len()).unwrap_or(u64::MAX);
        count(&mut open.calls);
        if open.calls.is_empty() && open.bytes > EMPTY_ABOVE {
            open.file.set_len(0).map_err(refused)?;
            open.bytes = 0;
        }
        Ok(())
    }
}

/// What a line is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Parked,
    Ringing,
}

impl Kind {
    const fn letter(self) -> &'static str {
        match self {
            Self::Parked => "P",
            Self::Ringing => "R",
        }
    }
}

fn odd(call: CallId) -> StoreError {
    StoreError::inconsistent("parked.journal", "call", call)
}

fn open<R: for<'a> Deserialize<'a>>(sealer: &Sealer, about: (Kind, CallId), sealed: &str) -> Result<R, StoreError> {
    let sealed = STANDARD_NO_PAD.decode(sealed).map_err(|_| odd(about.1))?;
    let row = sealer.open(&place(about), &sealed)?;
    serde_json::from_slice(&row).map_err(|_| odd(about.1))
}

/// The sealed texts of the calls that are not over, by id.
fn lines(path: &Path) -> Result<BTreeMap<CallId, Vec<(Kind, String)>>, StoreError> {
    let text = std::fs::read(path).map_err(|source| StoreError::DataDir { path: path.to_owned(), source })?;
    let text = String::from_utf8_lossy(&text);
    let mut noted: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for line in text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')) {
        let mut words = line.split(' ');
        let (kind, id) = (words.next(), words.next().and_then(|id| id.parse().ok()).map(CallId));
        match (kind, id, words.next()) {
            (Some("P"), Some(call), Some(sealed)) => {
                noted.entry(call).or_default().push((Kind::Parked, sealed.to_owned()))
            }
            (Some("R"), Some(call), Some(sealed)) => {
                noted.entry(call).or_default().push((Kind::Ringing, sealed.to_owned()))
            }
            (Some("E"), Some(call), None) => drop(noted.remove(&call)),
            _ => {}
        }
    }
    Ok(noted)
}

fn place((kind, call): (Kind, CallId)) -> String {
    match kind {
        Kind::Parked => format!("parked.journal:{call}"),
        Kind::Ringing => format!("parked.journal:ringing:{call}"),
    }
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

#[derive(Serialize, Deserialize)]
struct RingingRow {
    local: std::net::SocketAddr,
    remote: std::net::SocketAddr,
    connection: u64,
    invite: String,
}

impl From<&RingingPhone> for RingingRow {
    fn from(phone: &RingingPhone) -> Self {
        Self {
            local: phone.flow.local,
            remote: phone.flow.remote,
            connection: phone.flow.connection.0,
            invite: STANDARD_NO_PAD.encode(&phone.invite),
        }
    }
}

impl RingingRow {
    fn into_ringing(self, call: CallId) -> Option<RingingPhone> {
        let connection = ConnectionId(self.connection);
        Some(RingingPhone {
            call,
            flow: Flow { transport: Transport::Udp, local: self.local, remote: self.remote, connection },
            invite: Bytes::from(STANDARD_NO_PAD.decode(self.invite).ok()?),
        })
    }
}
