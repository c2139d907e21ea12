//! Everything the switchboard needs at start.

use super::{Store, StoreError, call_log, credential, defence, device, extension, id_high, setting, udp_binding};
use crate::switchboard::output::Restored;

impl Store {
    /// Reads the last run's state. Calls that lived when it stopped are ended in the call log first.
    ///
    /// The four long tables are read at once, each by a task and a connection of its own.
    pub async fn load(&self) -> Result<Restored, StoreError> {
        let mut transaction = self.begin().await?;
        call_log::end_all_open(&mut transaction).await?;
        transaction.commit().await.map_err(StoreError::doing("ending the calls of the last run"))?;

        let extensions = tokio::spawn({
            let store = self.clone();
            async move { extension::all(store.reader()).await }
        });
        let credentials = tokio::spawn({
            let store = self.clone();
            async move { credential::all(store.reader(), store.sealer()).await }
        });
        let bindings = tokio::spawn({
            let store = self.clone();
            async move { udp_binding::all(store.reader(), store.sealer()).await }
        });
        let devices = device::all(self.reader(), self.sealer()).await?;
        let credentials = credentials.await.map_err(|_| StoreError::Interrupted("reading the SIP accounts"))??;
        let extensions = extensions.await.map_err(|_| StoreError::Interrupted("reading the extensions"))??;
        let udp_bindings = bindings.await.map_err(|_| StoreError::Interrupted("reading the live bindings"))??;
        let (last_call, last_device) = id_high::load(self.reader()).await?;
        let (parked, ringing) = self.journal.all(self.sealer())?;
        Ok(Restored {
            settings: setting::load(self.reader()).await?.unwrap_or_default(),
            extensions,
            credentials,
            devices,
            udp_bindings,
            parked,
            ringing,
            blocks: defence::blocks(self.reader()).await?,
            known_networks: defence::known(self.reader()).await?,
            last_call: last_call.0,
            last_device: last_device.0,
        })
    }
}
