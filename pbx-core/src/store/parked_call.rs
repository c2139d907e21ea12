//! The park journal: what is needed after a crash to give a parked call's caller a final answer.
//!
//! The INVITE is sealed, because its Contact may carry a push token and its SDP may carry media keys.

use bytes::Bytes;
use sqlx::{FromRow, SqliteConnection, SqlitePool};

use super::{Sealer, StoreError};
use crate::model::{CallId, ConnectionId, Flow, Transport, UnixMillis};
use crate::switchboard::output::ParkedCall;

/// Writes a parked call into the journal.
pub(super) async fn put(db: &mut SqliteConnection, sealer: &Sealer, parked: &ParkedCall) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO parked_call (call_id, transport, local, remote, connection, invite, to_tag, ring_until) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
         ON CONFLICT (call_id) DO UPDATE SET transport = excluded.transport, local = excluded.local, \
         remote = excluded.remote, connection = excluded.connection, invite = excluded.invite, \
         to_tag = excluded.to_tag, ring_until = excluded.ring_until",
    )
    .bind(parked.call.0)
    .bind(parked.flow.transport.uri_name())
    .bind(parked.flow.local.to_string())
    .bind(parked.flow.remote.to_string())
    .bind(parked.flow.connection.0.cast_signed())
    .bind(sealer.seal(&place(parked.call), &parked.invite)?)
    .bind(&parked.to_tag)
    .bind(parked.ring_until.0)
    .execute(db)
    .await
    .map_err(StoreError::doing("saving a parked call"))?;
    Ok(())
}

/// Takes a call out of the journal.
pub(super) async fn delete(db: &mut SqliteConnection, call: CallId) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM parked_call WHERE call_id = $1")
        .bind(call.0)
        .execute(db)
        .await
        .map_err(StoreError::doing("removing a parked call"))?;
    Ok(())
}

/// All parked calls, in order of id.
pub(super) async fn all(readers: &SqlitePool, sealer: &Sealer) -> Result<Vec<ParkedCall>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT call_id, transport, local, remote, connection, invite, to_tag, ring_until \
         FROM parked_call ORDER BY call_id",
    )
    .fetch_all(readers)
    .await
    .map_err(StoreError::doing("reading the parked calls"))?;
    rows.into_iter().map(|row| row.into_parked(sealer)).collect()
}

fn place(call: CallId) -> String {
    format!("parked_call.invite:{call}")
}

#[derive(FromRow)]
struct Row {
    call_id: i64,
    transport: String,
    local: String,
    remote: String,
    connection: i64,
    invite: Vec<u8>,
    to_tag: String,
    ring_until: i64,
}

impl Row {
    fn into_parked(self, sealer: &Sealer) -> Result<ParkedCall, StoreError> {
        let call = CallId(self.call_id);
        let odd = |column| StoreError::inconsistent("parked_call", column, call);
        let transport = [Transport::Udp, Transport::Tcp, Transport::Tls]
            .into_iter()
            .find(|known| known.uri_name() == self.transport)
            .ok_or_else(|| odd("transport"))?;
        Ok(ParkedCall {
            call,
            flow: Flow {
                transport,
                local: self.local.parse().map_err(|_| odd("local"))?,
                remote: self.remote.parse().map_err(|_| odd("remote"))?,
                connection: ConnectionId(self.connection.cast_unsigned()),
            },
            invite: Bytes::copy_from_slice(&sealer.open(&place(call), &self.invite)?),
            to_tag: self.to_tag,
            ring_until: UnixMillis(self.ring_until),
        })
    }
}
