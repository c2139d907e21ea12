//! Switching the phones of an extension off and on again.
//!
//! Off is a state of the extension that the switchboard keeps (`pbx-core`'s `registrar/switched_off.rs`): accounts, devices and
//! wake targets stay, so on again nobody needs a new code and a sleeping phone rings at the next call. Links of the extension
//! stay open meanwhile, and say so to whoever holds one.

use pbx_core::model::ExtensionNumber;
use pbx_core::switchboard::command::Command;

use crate::{EnrolmentError, Enrolments};

impl Enrolments {
    /// Switches every phone of an extension off or on, at once. Gives how many accounts it has.
    pub async fn switch_phones(&self, extension: ExtensionNumber, enabled: bool) -> Result<usize, EnrolmentError> {
        self.switchboard().ask(Command::SwitchPhones { number: extension, enabled }).await?;
        let accounts = self.extension(extension).await?.accounts.len();
        let state = if enabled { "on" } else { "off" };
        tracing::info!(%extension, accounts, "the phones of an extension were switched {state}");
        Ok(accounts)
    }

    /// Whether the phones of an extension are switched off, so that no phone gets an account of it now.
    pub async fn phones_are_off(&self, extension: ExtensionNumber) -> Result<bool, EnrolmentError> {
        Ok(self.extension(extension).await?.line.extension.phones_are_off())
    }
}
