//! What every handler works with.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use pbx_core::handle::SwitchboardHandle;
use pbx_core::model::{DeviceId, UnixMillis};
use pbx_core::net::Counters;
use pbx_core::store::Store;
use provisioning::desk_phones::DeskPhones;

use crate::acme::Acme;
use crate::api::idempotency::InProgress;
use crate::audit::Audit;
use crate::audit::store::Entry;
use crate::backups::Backups;
use crate::event_log::EventLog;
use crate::event_webhooks::EventWebhooks;
use crate::log::LogDoor;
use crate::network_check::{NetworkChecks, Surroundings};
use crate::passkeys::Passkeys;
use crate::password::Passwords;
use crate::place::LivePlace;
use crate::second_factor::Waiting;
use crate::throttle::Throttle;
use crate::tls::LiveCertificate;
use crate::welcome::LiveKept;

/// Event streams one session may hold: six browser tabs.
const STREAMS_EACH: usize = 6;

/// Under which name and since when this installation serves.
#[derive(Debug, Clone)]
pub struct Site {
    /// What links begin with, without a slash at the end: `https://pbx.example.com:8443`.
    pub public_url: String,
    /// The certificate in use.
    pub certificate: LiveCertificate,
    /// Where the pages are served on this machine.
    pub listen: std::net::SocketAddr,
    /// The version of the binary.
    pub version: &'static str,
    /// When it was started.
    pub started_at: UnixMillis,
    /// The log of this process.
    pub log: LogDoor,
    /// Running totals of the SIP side.
    pub counters: Arc<Counters>,
    /// The sockets of this installation, and who looks at them.
    pub surroundings: Surroundings,
}

impl Site {
    /// The port in the public address.
    pub(crate) fn port(&self) -> u16 {
        let rest = self.public_url.split_once("://").map_or(self.public_url.as_str(), |(_, rest)| rest);
        let authority = rest.split('/').next().unwrap_or("");
        let port = authority.rsplit_once(':').filter(|(_, port)| !port.ends_with(']'));
        port.and_then(|(_, port)| port.parse().ok()).unwrap_or(443)
    }

    /// The host in the public address, without port and brackets.
    pub fn host(&self) -> &str {
        let rest = self.public_url.split_once("://").map_or(self.public_url.as_str(), |(_, rest)| rest);
        let authority = rest.split('/').next().unwrap_or("");
        match authority.strip_prefix('[') {
            Some(address) => address.split(']').next().unwrap_or(""),
            None => authority.split(':').next().unwrap_or(""),
        }
    }
}

/// Everything the admin pages and the API need; cheap to clone.
#[derive(Clone)]
pub struct AdminState {
    pub(crate) switchboard: SwitchboardHandle,
    pub(crate) store: Store,
    pub(crate) push: push_module::Gateway,
    pub(crate) enrolments: provisioning::Enrolments,
    pub(crate) mailer: provisioning::mail::Mailer,
    pub(crate) desk_phones: DeskPhones,
    pub(crate) site: Site,
    pub(crate) passwords: Passwords,
    pub(crate) throttle: Arc<Throttle>,
    pub(crate) streams: Streams,
    pub(crate) confirmations: Confirmations,
    pub(crate) audit: Audit,
    pub(crate) waiting: Waiting,
    pub(crate) place: LivePlace,
    pub(crate) welcome: LiveKept,
    pub(crate) event_log: EventLog,
    pub(crate) in_progress: InProgress,
    pub(crate) backups: Backups,
    pub(crate) event_webhooks: EventWebhooks,
    pub(crate) network_checks: NetworkChecks,
    pub(crate) acme: Acme,
    pub(crate) passkeys: Passkeys,
}

impl std::fmt::Debug for AdminState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AdminState").field("site", &self.site).finish_non_exhaustive()
    }
}

impl AdminState {
    /// Joins what the wiring has made.
    pub fn new(
        switchboard: SwitchboardHandle,
        store: Store,
        push: push_module::Gateway,
        enrolments: provisioning::Enrolments,
        site: Site,
    ) -> Self {
        let certificate = site.certificate.clone();
        let desk_phones = DeskPhones::beside(&enrolments, Box::new(move || certificate.own_pem()));
        let event_log = EventLog::start(switchboard.notices(), site.started_at);
        let mailer = provisioning::mail::Mailer::new(enrolments.clone(), store.clone(), site.host().to_owned());
        let place = LivePlace::followed_by(enrolments.language().clone());
        let backups = Backups::new(store.clone(), (site.host().to_owned(), site.version), place.clone());
        let acme = Acme::new(store.clone(), push.clone(), site.certificate.clone(), site.listen);
        let passkeys = Passkeys::new(&site.public_url, site.host());
        Self {
            acme,
            passkeys,
            switchboard,
            store,
            push,
            enrolments,
            mailer,
            desk_phones,
            site,
            passwords: Passwords::new(),
            throttle: Arc::default(),
            streams: Streams::default(),
            confirmations: Confirmations::default(),
            audit: Audit::default(),
            waiting: Waiting::default(),
            place,
            welcome: LiveKept::default(),
            event_log,
            in_progress: InProgress::default(),
            backups,
            event_webhooks: EventWebhooks::default(),
            network_checks: NetworkChecks::default(),
        }
    }
}

impl AdminState {
    /// Desk phones; the wiring loads them and serves their addresses.
    pub fn desk_phones(&self) -> DeskPhones {
        self.desk_phones.clone()
    }

    /// Backups; they are made by [`crate::make_backups`], which the wiring spawns.
    pub fn backups(&self) -> Backups {
        self.backups.clone()
    }

    /// What is done once at a start: reads where the company is, so that mails and public pages know its language before
    /// anybody opens a page, and writes into the audit log that this start put a backup back, if it did.
    pub async fn begin(&self) {
        let _ = self.place.in_force(&self.store).await;
        self.tell_restore().await;
    }

    async fn tell_restore(&self) {
        let Some(note) = self.store.restored() else { return };
        let made = crate::clock::stamp(note.made_at);
        let entry = Entry {
            who: "Nightbell".to_owned(),
            role: String::new(),
            door: "start",
            address: "this machine".to_owned(),
            action: "a backup was put back".to_owned(),
            target: "everything".to_owned(),
            result: "done".to_owned(),
            detail: format!("made {} by {}", made.exact, note.made_by),
        };
        self.audit.record(&self.store, entry).await;
        self.store.forget_restored();
    }

    /// Tells event webhooks what happens until `stopped`; to be spawned by the wiring.
    pub fn run_event_webhooks(
        &self,
        stopped: impl Future<Output = ()> + Send + 'static,
    ) -> impl Future<Output = ()> + Send + 'static {
        crate::event_webhooks::run(self.clone(), stopped)
    }

    /// Asks daily whether there is a newer version, if an admin has named an address; to be spawned by the wiring.
    pub fn run_update_notice(&self) -> impl Future<Output = ()> + Send + 'static {
        crate::update_notice::run(self.clone())
    }

    /// Certificates of an authority; its `run` is to be spawned by the wiring.
    pub fn acme(&self) -> Acme {
        self.acme.clone()
    }

    /// Mails; its `run` is to be spawned by the wiring.
    pub fn mailer(&self) -> provisioning::mail::Mailer {
        self.mailer.clone()
    }
}

/// What admins said about the last test push of each phone: whether it was shown. Kept until the next test or restart.
#[derive(Debug, Clone, Default)]
pub(crate) struct Confirmations {
    shown: Arc<Mutex<BTreeMap<DeviceId, bool>>>,
}

impl Confirmations {
    /// Somebody clicks for each of them, so more is no office.
    const MAX: usize = 10_000;

    pub(crate) fn put(&self, device: DeviceId, shown: bool) {
        let mut all = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(device, shown);
        if all.len() > Self::MAX {
            all.pop_first();
        }
    }

    pub(crate) fn get(&self, device: DeviceId) -> Option<bool> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).get(&device).copied()
    }

    /// A new test asks anew.
    pub(crate) fn forget(&self, device: DeviceId) {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).remove(&device);
    }
}

/// Counts open event streams by session.
#[derive(Debug, Clone, Default)]
pub(crate) struct Streams {
    open: Arc<Mutex<BTreeMap<String, usize>>>,
}

/// One open event stream; closing it makes room for another.
#[derive(Debug)]
pub(crate) struct OpenStream {
    streams: Streams,
    session: String,
}

impl Streams {
    /// Opens a stream unless the session has too many.
    pub(crate) fn open(&self, session: &str) -> Option<OpenStream> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(session.to_owned()).or_default();
        if *count >= STREAMS_EACH {
            return None;
        }
        *count += 1;
        Some(OpenStream { streams: self.clone(), session: session.to_owned() })
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        let mut open = self.streams.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.session) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                open.remove(&self.session);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_holds_six_streams_and_closing_one_makes_room() {
        let streams = Streams::default();
        let mut held: Vec<_> = (0..STREAMS_EACH).map(|_| streams.open("a").unwrap()).collect();
        assert!(streams.open("a").is_none());
        assert!(streams.open("b").is_some());
        held.pop();
        assert!(streams.open("a").is_some());
        drop(held);
        assert!(streams.open.lock().unwrap().is_empty());
    }
}
