//! The driver: one task with the clock, the sockets and the store around the pure [`delivery`](crate::delivery) machine.
//!
//! The core sends [`GatewayInput`]s into a bounded queue and gets [`WakeReport`]s back through another; pages and the CLI
//! hold a [`Gateway`] for the credentials. A stored credential is in use at once; nothing is ever restarted.

mod board;
mod check;
mod clock;
mod driver;
mod line;
mod route;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use pbx_core::model::{CallId, PushOffer, PushProvider, UnixMillis, WakeId, WakeReport, WakeRequest};
use pbx_core::store::{Store, StoreError};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::credential::{
    CheckOutcome, CredentialError, CredentialId, CredentialKind, CredentialState, CredentialStore, CredentialSummary,
    Details, Loaded, NewCredential, validate,
};
use crate::delivery::{Refusal, Route};
use board::Board;
use clock::Clock;
use driver::{CONTROLS, Control, Driver};
use line::Line;
use route::Candidate;

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
    Store(#[from] StoreError),
}

/// How one credential is doing, as pages show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderHealth {
    /// Which credential.
    pub id: CredentialId,
    /// What kind.
    pub provider: CredentialKind,
    /// Its name on pages.
    pub label: String,
    /// How it is doing.
    #[serde(flatten)]
    pub state: CredentialState,
    /// When the provider last accepted it, since this process started.
    pub last_success: Option<UnixMillis>,
    /// What went wrong last, since this process started.
    pub last_failure: Option<ProviderFailure>,
    /// Wakes waiting for their turn.
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

/// One credential in use.
#[derive(Debug)]
struct Entry {
    id: CredentialId,
    label: String,
    fingerprint: String,
    details: Details,
    uploaded_at: UnixMillis,
    /// `None` when the secret does not open with this installation's master key.
    line: Option<Line>,
    board: Mutex<Board>,
}

/// What the handle and the driver share.
#[derive(Debug)]
struct Shared {
    store: CredentialStore,
    clock: Clock,
    entries: RwLock<BTreeMap<CredentialId, Arc<Entry>>>,
    /// What phones may be told that they can be woken with.
    offer: watch::Sender<PushOffer>,
}

/// The push side's handle; cheap to clone.
#[derive(Clone)]
pub struct Gateway {
    shared: Arc<Shared>,
    controls: mpsc::Sender<Control>,
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Gateway({} credentials)", self.shared.entries().len())
    }
}

impl Entry {
    fn new(shared: &Clock, loaded: Loaded) -> Self {
        let line = Line::new(&loaded, shared.now());
        let mut board = Board::new(loaded.last_check);
        if line.is_none() {
            let error = CredentialError::Unreadable { label: loaded.label.clone() };
            board.note_failure(error.code(), &error.to_string(), shared.now().wall);
        }
        Self {
            id: loaded.id,
            label: loaded.label,
            fingerprint: loaded.fingerprint,
            details: loaded.details,
            uploaded_at: loaded.uploaded_at,
            line,
            board: Mutex::new(board),
        }
    }

    fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn summary(&self) -> CredentialSummary {
        let board = self.board().clone();
        let mut summary = CredentialSummary {
            id: self.id,
            provider: self.details.kind(),
            label: self.label.clone(),
            app_ids: self.details.app_ids().into_iter().map(str::to_owned).collect(),
            key_id: None,
            team_id: None,
            project_id: None,
            client_email: None,
            contact: None,
            public_key: None,
            fingerprint: self.fingerprint.clone(),
            environment: None,
            endpoints: Vec::new(),
            uploaded_at: self.uploaded_at,
            state: board.state,
            last_check: board.last_check,
        };
        match &self.details {
            Details::Apns(apns) => {
                summary.key_id = Some(apns.key_id.clone());
                summary.team_id = Some(apns.team_id.clone());
                summary.environment = Some(apns.environment);
                summary.endpoints = vec![apns.production_url.to_string(), apns.sandbox_url.to_string()];
            }
            Details::Fcm(fcm) => {
                summary.key_id.clone_from(&fcm.key_id);
                summary.project_id = Some(fcm.project_id.clone());
                summary.client_email = Some(fcm.client_email.clone());
                summary.endpoints = vec![fcm.base_url.to_string(), fcm.token_uri.clone()];
            }
            Details::Webhook(webhook) => {
                summary.endpoints = vec![webhook.url.to_string()];
            }
            Details::Acrobits(acrobits) => {
                summary.endpoints = vec![acrobits.url.to_string()];
            }
            Details::WebPush(web_push) => {
                summary.contact = Some(web_push.contact.clone());
                summary.public_key = Some(web_push.public_key.clone());
                summary.endpoints.clone_from(&web_push.allowed_hosts);
            }
        }
        summary
    }

    fn health(&self) -> ProviderHealth {
        let board = self.board().clone();
        ProviderHealth {
            id: self.id,
            provider: self.details.kind(),
            label: self.label.clone(),
            state: board.state,
            last_success: board.last_success,
            last_failure: board.last_failure,
            waiting: board.waiting,
            sending: board.sending,
        }
    }
}

impl Shared {
    fn entry(&self, id: CredentialId) -> Option<Arc<Entry>> {
        self.entries.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    fn entries(&self) -> Vec<Arc<Entry>> {
        self.entries.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    fn put(&self, entry: Arc<Entry>) {
        self.entries.write().unwrap_or_else(PoisonError::into_inner).insert(entry.id, entry);
        self.announce_offer();
    }

    fn remove(&self, id: CredentialId) {
        self.entries.write().unwrap_or_else(PoisonError::into_inner).remove(&id);
        self.announce_offer();
    }

    fn announce_offer(&self) {
        let entries = self.entries();
        let usable = entries.iter().filter(|entry| entry.line.is_some());
        let kinds: Vec<CredentialKind> = usable.map(|entry| entry.details.kind()).collect();
        let mut providers = vec![PushProvider::Apns, PushProvider::Fcm, PushProvider::WebPush];
        providers.retain(|provider| kinds.iter().any(|kind| kind.serves(*provider)));
        let vapid_key = entries
            .iter()
            .find_map(|entry| entry.line.as_ref()?.vapid_parts().map(|(key, _)| key.public_key().to_owned()));
        self.offer.send_replace(PushOffer { providers, vapid_key });
    }

    fn route(&self, request: &WakeRequest) -> Result<Route, Refusal> {
        let entries = self.entries();
        let candidates: Vec<Candidate<'_>> = entries
            .iter()
            .map(|it| Candidate { id: it.id, label: &it.label, details: &it.details, usable: it.line.is_some() })
            .collect();
        route::route(request, &candidates)
    }
}

impl Gateway {
    /// Loads the stored credentials and starts the driver task.
    ///
    /// The task ends when `requests` is closed and every wake has ended (3 s later at most), or when `reports` is closed.
    pub async fn start(
        store: Store,
        requests: mpsc::Receiver<GatewayInput>,
        reports: mpsc::Sender<WakeReport>,
    ) -> Result<(Self, JoinHandle<()>), GatewayError> {
        let store = CredentialStore::new(store);
        let clock = Clock::start();
        let entries = store.load().await?.into_iter().map(|it| (it.id, Arc::new(Entry::new(&clock, it)))).collect();
        let shared = Arc::new(Shared { store, clock, entries: RwLock::new(entries), offer: watch::Sender::default() });
        shared.announce_offer();
        let (controls, received) = mpsc::channel(CONTROLS);
        let driver = Driver::new(Arc::clone(&shared), requests, reports, received);
        Ok((Self { shared, controls }, tokio::spawn(driver.run())))
    }

    /// Validates offline, seals, stores and puts to use at once.
    pub async fn add_credential(&self, new: NewCredential) -> Result<CredentialSummary, CredentialError> {
        let now = self.shared.clock.now().wall;
        let vapid = match new {
            NewCredential::WebPush(_) => Some(self.shared.store.vapid_key(now).await?),
            NewCredential::Apns(_) | NewCredential::Fcm(_) | NewCredential::Webhook(_) | NewCredential::Acrobits(_) => {
                None
            }
        };
        let new = validate(new, vapid)?;
        let stored = self.shared.store.insert(new, now).await?;
        let entry = Arc::new(Entry::new(&self.shared.clock, stored));
        self.shared.put(Arc::clone(&entry));
        self.tell(Control::Added(entry.id)).await?;
        tracing::info!(id = %entry.id, provider = %entry.details.kind(), label = %entry.label, "push credential added");
        Ok(entry.summary())
    }

    /// Every credential, oldest first.
    #[expect(
        clippy::unused_async,
        reason = "pages treat it like the other questions, and a later store may have to be asked"
    )]
    pub async fn list_credentials(&self) -> Result<Vec<CredentialSummary>, CredentialError> {
        Ok(self.shared.entries().iter().map(|entry| entry.summary()).collect())
    }

    /// Asks the provider whether it accepts the credential, without reaching any phone; the result is stored.
    pub async fn check_credential(&self, id: CredentialId) -> Result<CheckOutcome, CredentialError> {
        let entry = self.shared.entry(id).ok_or(CredentialError::NotFound(id))?;
        let Some(line) = &entry.line else { return Err(CredentialError::Unreadable { label: entry.label.clone() }) };
        let mut random = [0u8; 16];
        // Without randomness the nil id will do: nobody gets this push.
        let _ = getrandom::fill(&mut random);
        let wake_id = WakeId(uuid::Builder::from_random_bytes(random).into_uuid());
        let checked = check::check(line, wake_id, self.shared.clock.now()).await;
        if let Some(minted) = checked.minted {
            self.tell(Control::Keep(id, minted)).await?;
        }
        let outcome = CheckOutcome { at: self.shared.clock.now().wall, ..checked.outcome };
        self.shared.store.put_check(id, &outcome).await?;
        entry.board().note_check(outcome.clone());
        Ok(outcome)
    }

    /// Removes the credential; its pending wakes give up.
    pub async fn remove_credential(&self, id: CredentialId) -> Result<(), CredentialError> {
        if !self.shared.store.delete(id).await? {
            return Err(CredentialError::NotFound(id));
        }
        self.shared.remove(id);
        self.tell(Control::Removed(id)).await?;
        tracing::info!(%id, "push credential removed");
        Ok(())
    }

    /// What phones can be woken with, now and whenever that changes.
    pub fn offer(&self) -> watch::Receiver<PushOffer> {
        self.shared.offer.subscribe()
    }

    /// How each credential is doing, oldest first.
    pub fn health(&self) -> Vec<ProviderHealth> {
        self.shared.entries().iter().map(|entry| entry.health()).collect()
    }

    async fn tell(&self, control: Control) -> Result<(), CredentialError> {
        self.controls.send(control).await.map_err(|_| CredentialError::Stopping)
    }
}
