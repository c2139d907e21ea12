//! The driver: one task with the clock, the sockets and the store around the pure [`delivery`](crate::delivery) machine.
//!
//! The core sends [`GatewayInput`]s into a bounded queue and gets [`WakeReport`]s back through another; pages and the CLI
//! hold a [`Gateway`] for the credentials. A stored credential is in use at once; nothing is ever restarted.

mod alarm;
mod board;
mod check;
mod clock;
mod door;
mod driver;
mod entry;
mod health;
mod kept;
mod line;
mod network;
mod route;
#[cfg(test)]
mod tests;
mod web_proxy;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use pbx_core::model::{CallId, FirebaseProject, PushOffer, PushProvider, UnixMillis, WakeId, WakeReport, WakeRequest};
use pbx_core::store::{Store, StoreError};
use thiserror::Error;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::credential::{
    Candidate, CheckOutcome, CredentialError, CredentialId, CredentialKind, CredentialStore, CredentialSummary,
    Details, NewCredential, Validated, validate,
};
use crate::delivery::{Refusal, Route};
use crate::egress::{LiveProxy, NetworkCheck};
use clock::Clock;
use driver::{CONTROLS, Control, Driver};
use entry::Entry;
use kept::{KeptStore, Record};

pub use crate::delivery::Circuit;
pub use alarm::{Alarm, AlarmCode};
pub use health::{Attempts, Ending, ProviderFailure, ProviderHealth};
pub use web_proxy::SetWebProxyError;

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

/// What the handle and the driver share.
#[derive(Debug)]
struct Shared {
    store: CredentialStore,
    kept_store: KeptStore,
    web_proxy_store: Store,
    /// How connections leave; every line has a share of it.
    proxy: LiveProxy,
    clock: Clock,
    entries: RwLock<BTreeMap<CredentialId, Arc<Entry>>>,
    /// What came of every attempt, by kind of credential; also of those that were removed.
    attempts: Mutex<BTreeMap<CredentialKind, Attempts>>,
    /// The last check of the way to the providers, or the one under way.
    network: Mutex<Option<NetworkCheck>>,
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
        let mut providers = vec![PushProvider::Apns, PushProvider::Fcm, PushProvider::WebPush, PushProvider::Hms];
        providers.retain(|provider| kinds.iter().any(|kind| kind.serves(*provider)));
        let vapid_key = entries
            .iter()
            .find_map(|entry| entry.line.as_ref()?.vapid_parts().map(|(key, _)| key.public_key().to_owned()));
        let (mut firebase, mut apple_apps) = (Vec::new(), Vec::new());
        for entry in entries.iter().filter(|entry| entry.line.is_some()) {
            let app_ids = entry.details.app_ids().into_iter().map(str::to_owned);
            match &entry.details {
                Details::Fcm(fcm) => firebase
                    .push(FirebaseProject { project_id: fcm.project_id.clone(), sender_id: fcm.sender_id.clone() }),
                Details::Apns(_) | Details::ApnsCertificate(_) => apple_apps.extend(app_ids),
                Details::Hms(_) | Details::Webhook(_) | Details::WebPush(_) | Details::Acrobits(_) => {}
            }
        }
        self.offer.send_if_modified(|offer| {
            let now = PushOffer { providers, vapid_key, firebase, apple_apps };
            let changed = *offer != now;
            *offer = now;
            changed
        });
    }

    /// How push did, as it is kept for the next start.
    fn records(&self) -> BTreeMap<String, Record> {
        let credentials =
            self.entries().into_iter().map(|entry| (kept::of_credential(entry.id), entry.board().record()));
        let attempts = self.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        let total = |(kind, attempts): (&CredentialKind, &Attempts)| {
            (kept::of_kind(*kind), Record { attempts: *attempts, ..Record::default() })
        };
        credentials.chain(attempts.iter().map(total)).collect()
    }

    fn route(&self, request: &WakeRequest) -> Result<Route, Refusal> {
        let entries = self.entries();
        let candidates: Vec<Candidate<'_>> = entries.iter().map(|entry| entry.candidate()).collect();
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
        let proxy = LiveProxy::new(web_proxy::in_force(&store).await?);
        let web_proxy_store = store.clone();
        let (kept_store, store) = (KeptStore::new(store.clone()), CredentialStore::new(store));
        let kept = kept_store.load().await?;
        let clock = Clock::start();
        let mut entries = BTreeMap::new();
        for loaded in store.load().await? {
            let entry = Entry::new(&clock, &proxy, loaded);
            if let Some(record) = kept.get(&kept::of_credential(entry.id)) {
                entry.board().restore(record);
            }
            entries.insert(entry.id, Arc::new(entry));
        }
        let entries = RwLock::new(entries);
        let (attempts, network, offer) = (Mutex::new(kept::totals(&kept)), Mutex::default(), watch::Sender::default());
        let shared =
            Arc::new(Shared { store, kept_store, web_proxy_store, proxy, clock, entries, attempts, network, offer });
        shared.announce_offer();
        let (controls, received) = mpsc::channel(CONTROLS);
        let driver = Driver::new(Arc::clone(&shared), (requests, reports, received), kept);
        Ok((Self { shared, controls }, tokio::spawn(driver.run())))
    }

    /// Validates offline, seals, stores and puts to use at once.
    pub async fn add_credential(&self, new: NewCredential) -> Result<CredentialSummary, CredentialError> {
        let now = self.shared.clock.now().wall;
        let new = self.validated(new, now).await?;
        let stored = self.shared.store.insert(new, now).await?;
        let entry = Arc::new(Entry::new(&self.shared.clock, &self.shared.proxy, stored));
        self.shared.put(Arc::clone(&entry));
        self.tell(Control::Added(entry.id)).await?;
        tracing::info!(id = %entry.id, provider = %entry.details.kind(), label = %entry.label, "push credential added");
        Ok(entry.summary())
    }

    /// Validates offline and keeps nothing, except that an installation's first look at Web Push makes its key. Whether the
    /// same credential is here already.
    pub async fn check_new_credential(&self, new: NewCredential) -> Result<bool, CredentialError> {
        let new = self.validated(new, self.shared.clock.now().wall).await?;
        let same = |entry: &Arc<Entry>| {
            entry.details.kind() == new.details.kind() && entry.summary().fingerprint == new.key.fingerprint()
        };
        Ok(self.shared.entries().iter().any(same))
    }

    async fn validated(&self, new: NewCredential, now: UnixMillis) -> Result<Validated, CredentialError> {
        let vapid = match new {
            NewCredential::WebPush(_) => Some(self.shared.store.vapid_key(now).await?),
            NewCredential::Apns(_)
            | NewCredential::ApnsCertificate(_)
            | NewCredential::Fcm(_)
            | NewCredential::Hms(_)
            | NewCredential::Webhook(_)
            | NewCredential::Acrobits(_) => None,
        };
        validate(new, vapid, now)
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
        if outcome.ok {
            self.tell(Control::Answers(id)).await?;
        }
        entry.log_alarms(outcome.at);
        Ok(outcome)
    }

    /// Removes the credential; its pending wakes give up.
    pub async fn remove_credential(&self, id: CredentialId) -> Result<(), CredentialError> {
        let entry = self.shared.entry(id);
        let token = entry.as_ref().and_then(|entry| Some((entry.identity()?, entry.line.as_ref()?.provider_token()?)));
        let minted = token.as_ref().map(|(identity, token)| (identity.as_str(), token));
        if !self.shared.store.delete(id, minted).await? {
            return Err(CredentialError::NotFound(id));
        }
        self.shared.remove(id);
        self.tell(Control::Removed(id)).await?;
        self.shared.kept_store.forget(id).await?;
        tracing::info!(%id, "push credential removed");
        Ok(())
    }

    /// What phones can be woken with, now and whenever that changes.
    pub fn offer(&self) -> watch::Receiver<PushOffer> {
        self.shared.offer.subscribe()
    }

    /// How each credential is doing, oldest first.
    pub fn health(&self) -> Vec<ProviderHealth> {
        let now = self.shared.clock.now().wall;
        self.shared.entries().iter().map(|entry| entry.health(now)).collect()
    }

    /// What came of every attempt there ever was, by kind of credential; also of credentials that were removed.
    pub fn attempts(&self) -> BTreeMap<CredentialKind, Attempts> {
        self.shared.attempts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn tell(&self, control: Control) -> Result<(), CredentialError> {
        self.controls.send(control).await.map_err(|_| CredentialError::Stopping)
    }
}
