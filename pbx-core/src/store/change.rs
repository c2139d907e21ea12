//! One change of the switchboard becomes the statements of its table family.

use super::sql::Transaction;
use super::{Store, StoreError, call_log, credential, defence, device, extension, setting, udp_binding};
use super::{id_high, id_high::Highs};
use crate::switchboard::output::Change;

/// Applies `changes` in order inside the caller's transaction and remembers the highest ids they gave out.
pub(super) async fn apply(
    db: &mut Transaction,
    store: &Store,
    changes: &[Change],
    highs: &mut Highs,
) -> Result<(), StoreError> {
    let sealer = store.sealer();
    for change in changes {
        match change {
            Change::PutExtension(put) => extension::put(db, put).await?,
            Change::DeleteExtension(number) => extension::delete(db, *number).await?,
            Change::PutCredential(put) => credential::put(db, sealer, put).await?,
            Change::DeleteCredential(username) => credential::delete(db, username).await?,
            Change::PutDevice(put) => {
                highs.saw_device(put.id);
                device::put(db, sealer, put).await?;
            }
            Change::PutLastWake { device, last_wake } => device::put_last_wake(db, *device, last_wake).await?,
            Change::DeleteDevice(device) => device::delete(db, *device).await?,
            Change::PutUdpBinding(put) => udp_binding::put(db, sealer, put).await?,
            Change::DeleteUdpBinding(device) => udp_binding::delete(db, *device).await?,
            Change::PutCall(put) => {
                highs.saw_call(put.id);
                call_log::put(db, put).await?;
            }
            Change::AppendTimeline(entry) => call_log::append(db, entry).await?,
            Change::PutParked(put) => {
                highs.saw_call(put.call);
                store.journal.put(sealer, put)?;
            }
            Change::PutRinging(phone) => store.journal.rings(sealer, phone)?,
            Change::DeleteParked(call) => store.journal.end(*call)?,
            Change::PutSettings(settings) => setting::put(db, settings).await?,
            Change::PutBlock(block) => defence::put_block(db, block).await?,
            Change::DeleteBlock { network, account } => defence::delete_block(db, *network, account.as_deref()).await?,
            Change::PutKnownNetwork { network, at } => defence::put_known(db, *network, *at).await?,
            Change::DeleteKnownNetwork(network) => defence::delete_known(db, *network).await?,
        }
    }
    Ok(())
}

impl Store {
    /// Applies `changes` in one transaction of their own: all or nothing, durable on return.
    ///
    /// For the command line and for tests; a running switchboard saves through [`super::Writer`].
    pub async fn apply(&self, changes: &[Change]) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        let mut highs = Highs::default();
        apply(&mut transaction, self, changes, &mut highs).await?;
        id_high::put(&mut transaction, &highs).await?;
        transaction.commit().await.map_err(StoreError::doing("saving changes"))
    }
}
