//! What an archive says, line by line.
//!
//! ```text
//! {"backup":{...}}                                    first
//! {"file":{"name":"master.key","base64":"..."}}       each file beside the database
//! {"table":{"name":"extension","columns":[["number","text"], ...]}}
//! ["101","Alice", ...]                                each row, in the order of the columns
//! {"end":{"rows":1}}
//! {"complete":{"tables":41,"rows":2210}}              last
//! ```

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::super::sql::Value;
use crate::model::UnixMillis;

/// The version of this format.
pub(super) const FORMAT: u32 = 1;

/// Of when and of what an archive is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of the format.
    pub format: u32,
    /// When it was made.
    pub made_at: UnixMillis,
    /// The version of Nightbell that made it.
    pub made_by: String,
    /// The public name of the installation.
    pub host: String,
    /// The newest migration of its database.
    pub schema: i64,
}

/// Every line but a row.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Mark {
    /// The first line.
    Backup(Manifest),
    /// A file beside the database.
    File {
        /// Its path in the data directory.
        name: String,
        /// What is in it.
        base64: String,
    },
    /// Rows of this table follow.
    Table(Table),
    /// The table is over.
    End {
        /// How many rows it has.
        rows: u64,
    },
    /// The last line.
    Complete {
        /// How many tables there were.
        tables: u64,
        /// How many rows in all.
        rows: u64,
    },
}

/// A table as both databases have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Table {
    pub(super) name: String,
    pub(super) columns: Vec<(String, Kind)>,
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    Number,
    Switch,
    Text,
    Bytes,
}

impl Kind {
    /// By the words of SQLite's and PostgreSQL's catalogues.
    pub(super) fn from_name(word: &str) -> Option<Self> {
        match word {
            "BIGINT" | "INTEGER" | "bigint" => Some(Self::Number),
            "BOOLEAN" | "boolean" => Some(Self::Switch),
            "TEXT" | "text" => Some(Self::Text),
            "BLOB" | "bytea" => Some(Self::Bytes),
            _ => None,
        }
    }

    /// A value out of a row of JSON; none when it is of another kind.
    fn value(self, json: serde_json::Value) -> Option<Value> {
        use serde_json::Value as Json;
        match (self, json) {
            (Self::Number, Json::Null) => Some(Value::Number(None)),
            (Self::Switch, Json::Null) => Some(Value::Switch(None)),
            (Self::Text, Json::Null) => Some(Value::Text(None)),
            (Self::Bytes, Json::Null) => Some(Value::Bytes(None)),
            (Self::Number, Json::Number(number)) => number.as_i64().map(|number| Value::Number(Some(number))),
            (Self::Switch, Json::Bool(switch)) => Some(Value::Switch(Some(switch))),
            (Self::Text, Json::String(text)) => Some(Value::Text(Some(text))),
            (Self::Bytes, Json::String(text)) => STANDARD.decode(text).ok().map(|bytes| Value::Bytes(Some(bytes))),
            (
                Self::Number | Self::Switch | Self::Text | Self::Bytes,
                Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Array(_) | Json::Object(_),
            ) => None,
        }
    }
}

/// A value as a row of JSON holds it.
fn json(value: Value) -> serde_json::Value {
    match value {
        Value::Number(number) => number.into(),
        Value::Switch(switch) => switch.into(),
        Value::Text(text) => text.into(),
        Value::Bytes(bytes) => bytes.map(|bytes| STANDARD.encode(bytes)).into(),
    }
}

/// A row as a line.
pub(super) fn of_row(row: Vec<Value>) -> Vec<u8> {
    let row: Vec<_> = row.into_iter().map(json).collect();
    ended(serde_json::to_vec(&row))
}

/// Anything else as a line.
pub(super) fn of(mark: &Mark) -> Vec<u8> {
    ended(serde_json::to_vec(mark))
}

/// Maps with texts as keys, numbers and texts: none of it can fail to become JSON.
fn ended(json: serde_json::Result<Vec<u8>>) -> Vec<u8> {
    let mut line = json.unwrap_or_default();
    line.push(b'\n');
    line
}

/// A file as a line.
pub(super) fn of_file(name: &str, bytes: &[u8]) -> Vec<u8> {
    of(&Mark::File { name: name.to_owned(), base64: STANDARD.encode(bytes) })
}

/// What is in a file's line.
pub(super) fn file_bytes(base64: &str) -> Option<Vec<u8>> {
    STANDARD.decode(base64).ok()
}

/// A line of a table's rows.
pub(super) fn row(table: &Table, line: &[u8]) -> Option<Vec<Value>> {
    let row: Vec<serde_json::Value> = serde_json::from_slice(line).ok()?;
    if row.len() != table.columns.len() {
        return None;
    }
    table.columns.iter().zip(row).map(|((_, kind), json)| kind.value(json)).collect()
}
