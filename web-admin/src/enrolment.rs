//! The QR links of provisioning, as pages and the API use them.
use crate::error::Refusal;
use crate::state::AdminState;
use pbx_core::model::ExtensionNumber;

pub(crate) async fn forget_extension(_state: &AdminState, _number: ExtensionNumber) -> Result<(), Refusal> {
    Ok(())
}
