//! The driver: one task with the clock, the sockets and the store around the pure [`delivery`](crate::delivery) machine.

use std::sync::Arc;

use pbx_core::model::{CallId, PushProvider, UnixMillis, WakeReport, WakeRequest};
use pbx_core::store::Store;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::credential::{
    CheckOutcome, CredentialError, CredentialId, CredentialState, CredentialSummary, NewCredential,
};

/// What the core tells the push side.
#[derive(Debug, Clone)]
pub enum GatewayInput {
    /// Wake (or notify) a device.
    Wake(WakeRequest),
    /// The call is over: its wakes that are not on the wire yet are worthless. Notices are not touched.
    StopWakes(CallId),
}

/// Why the push side could not start.
#[derive(Debug, Error)]
pub enum GatewayError {
    /// Reading the stored credentials.
    #[error("the push credentials cannot be read: {0}")]
    Store(#[from] pbx_core::store::StoreError),
}

/// How one credential is doing, as pages show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderHealth {
    /// Which credential.
    pub id: CredentialId,
    /// Whose.
    pub provider: PushProvider,
    /// Its name on pages.
    pub label: String,
    /// How it is doing.
    #[serde(flatten)]
    pub state: CredentialState,
    /// When the provider last accepted it, since this process started.
    pub last_success: Option<UnixMillis>,
    /// What went wrong last, since this process started.
    pub last_failure: Option<ProviderFailure>,
    /// Wakes waiting for their turn or for a retry.
    pub waiting: usize,
    /// Attempts on the wire.
    pub sending: usize,
}

/// What went wrong with a credential, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderFailure {
    /// When.
    pub at: UnixMillis,
    /// A stable code.
    pub code: String,
    /// Cause and fix in plain words.
    pub text: String,
}

/// The push side's handle; cheap to clone.
#[derive(Debug, Clone)]
pub struct Gateway {
    _inner: Arc<()>,
}

impl Gateway {
    /// Loads the stored credentials and starts the driver task.
    ///
    /// The task ends when `requests` is closed and every pending wake has ended, or when `reports` is closed.
    pub async fn start(
        _store: Store,
        _requests: mpsc::Receiver<GatewayInput>,
        _reports: mpsc::Sender<WakeReport>,
    ) -> Result<(Self, JoinHandle<()>), GatewayError> {
        todo!()
    }

    /// Validates offline, seals, stores and puts to use at once.
    pub async fn add_credential(&self, _new: NewCredential) -> Result<CredentialSummary, CredentialError> {
        todo!()
    }

    /// Every credential, oldest first.
    pub async fn list_credentials(&self) -> Result<Vec<CredentialSummary>, CredentialError> {
        todo!()
    }

    /// Asks the provider whether it accepts the credential, without reaching any phone; the result is stored.
    pub async fn check_credential(&self, _id: CredentialId) -> Result<CheckOutcome, CredentialError> {
        todo!()
    }

    /// Removes the credential; its pending wakes give up.
    pub async fn remove_credential(&self, _id: CredentialId) -> Result<(), CredentialError> {
        todo!()
    }

    /// How each credential is doing, oldest first.
    pub fn health(&self) -> Vec<ProviderHealth> {
        todo!()
    }
}
