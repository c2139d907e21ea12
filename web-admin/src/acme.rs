//! The certificate that an authority gives by itself (ACME, RFC 8555): for HTTPS and SIP over TLS, got, renewed and put in force
//! without a restart.
//!
//! `setting.rs` is what an admin chooses, `schedule.rs` decides when an order is made (pure), `order.rs` carries one out,
//! `challenge.rs` answers the authority's question, `words.rs` says why it came to nothing, and the one task here joins them.
//!
//! Invariants: the certificate in force stays until a better one was checked and saved; keys of account, order and certificate
//! are only kept sealed; nobody is asked before the name can be right and terms were agreed to; an order that was broken off is
//! gone on with.

mod challenge;
mod client;
mod order;
pub(crate) mod schedule;
pub(crate) mod setting;
mod store;
#[cfg(test)]
mod tests;
pub(crate) mod words;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use pbx_core::model::UnixMillis;
use pbx_core::store::{Store, StoreError};
use push_module::Gateway;
use serde::Serialize;
use thiserror::Error;
use tokio::sync::watch;

use self::challenge::Pages;
use self::client::AcmeHttp;
use self::order::{Job, Obtained};
use self::schedule::{Due, Life, Trouble};
use self::setting::{Malformed, NewSetting, Setting};
use self::store::{Kept, KeptCertificate, State};
use self::words::{Failed, Problem};
use crate::clock;
use crate::t;
use crate::tls::{LiveCertificate, validity};

/// The clock is looked at so often: it may be set, and machines sleep.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// After the database could not be asked.
const AGAIN: Duration = Duration::from_secs(10);
/// So long before its end a certificate that could not be renewed is an alarm: first, then urgent. For short lives these are a
/// sixth and a twelfth of them.
const ALARM: (Duration, Duration) = (Duration::from_secs(14 * 86_400), Duration::from_secs(7 * 86_400));

/// How far an order is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = AcmePhase)]
pub(crate) enum Phase {
    /// None is under way.
    Idle,
    /// The name is looked up.
    Name,
    /// The authority is told who asks.
    Account,
    /// The certificate is ordered.
    Order,
    /// The authority asks whether the name leads here.
    Validation,
    /// It is signed and fetched.
    Certificate,
}

impl Phase {
    /// What goes on, for pages; `None` when nothing does.
    pub(crate) fn words(self) -> Option<&'static str> {
        match self {
            Self::Idle => None,
            Self::Name => Some(t("acme-the-public-name-is-looked-up")),
            Self::Account => Some(t("acme-the-certificate-authority-is-told-who")),
            Self::Order => Some(t("acme-the-certificate-is-ordered")),
            Self::Validation => Some(t("acme-the-authority-asks-whether-the-name")),
            Self::Certificate => Some(t("acme-the-certificate-is-signed-and-fetched")),
        }
    }
}

/// What pages, API and advice say of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = AcmeView)]
pub(crate) struct View {
    /// The choice in force, without its keys.
    pub(crate) setting: Setting,
    /// How far an order is.
    pub(crate) phase: Phase,
    /// Why the last order came to nothing; null after a success.
    pub(crate) problem: Option<Problem>,
    /// Orders in a row that came to nothing.
    pub(crate) failures: u32,
    /// Whether the certificate in force is one that was got by itself.
    pub(crate) in_force: bool,
    /// When it began and when it ends.
    pub(crate) from: Option<UnixMillis>,
    pub(crate) until: Option<UnixMillis>,
    /// When the next order is made.
    pub(crate) next_at: UnixMillis,
    /// Whether that is the authority's own suggestion (ARI).
    pub(crate) suggested: bool,
}

/// How bad it is that a renewal failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Alarm {
    /// There is time.
    None,
    /// It ends within two weeks, or within a sixth of its life.
    Soon,
    /// It ends within a week, or within a twelfth of its life.
    Urgent,
}

impl View {
    /// The alarm of a certificate that ends soon.
    pub(crate) fn alarm(&self, now: UnixMillis) -> Alarm {
        let (Some(from), Some(until)) = (self.from, self.until) else { return Alarm::None };
        let (life, left) = (until.since(from), until.since(now));
        if left <= ALARM.1.min(life / 12) {
            Alarm::Urgent
        } else if left <= ALARM.0.min(life / 6) {
            Alarm::Soon
        } else {
            Alarm::None
        }
    }
}

/// Why a choice was not taken.
#[derive(Debug, Error)]
pub(crate) enum AcmeError {
    #[error(transparent)]
    Malformed(#[from] Malformed),
    #[error("no certificate authority is chosen; choose one first")]
    NotChosen,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Gets certificates; cheap to clone.
#[derive(Debug, Clone)]
pub struct Acme {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    store: Store,
    push: Gateway,
    certificate: LiveCertificate,
    pages: Pages,
    phase: Mutex<Phase>,
    /// Counted up when something was chosen or asked for.
    changed: watch::Sender<u64>,
    /// One change at a time: the state is read, changed and written.
    changing: tokio::sync::Mutex<()>,
}

/// Puts the certificate in force that was got before, if it is for the public name. What is wrong with it costs it, not the start.
pub async fn adopt_certificate(store: &Store, certificate: &LiveCertificate) {
    let kept = match store::certificate(store).await {
        Ok(Some(kept)) => kept,
        Ok(None) => return,
        Err(error) => {
            tracing::error!(%error, "the certificate of the authority cannot be read; the one in the folder tls is used");
            return;
        }
    };
    if let Err(unfit) = certificate.put_issued(&kept.chain, kept.key.reveal()) {
        tracing::warn!(%unfit, "the certificate of the authority does not fit; the one in the folder tls is used");
    }
}

impl Acme {
    pub(crate) fn new(store: Store, push: Gateway, certificate: LiveCertificate, listen: SocketAddr) -> Self {
        let (phase, changed) = (Mutex::new(Phase::Idle), watch::Sender::new(0));
        let (pages, changing) = (Pages { listen }, tokio::sync::Mutex::default());
        Self { inner: Arc::new(Inner { store, push, certificate, pages, phase, changed, changing }) }
    }

    /// What is known; `None` while no authority is chosen.
    pub(crate) async fn view(&self) -> Result<Option<View>, StoreError> {
        let Some(kept) = store::setting(&self.inner.store).await? else { return Ok(None) };
        let State { schedule, problem } = self.fitting_state().await?;
        let life = schedule.life();
        Ok(Some(View {
            setting: kept.setting,
            phase: self.phase(),
            problem,
            failures: schedule.failures,
            in_force: self.inner.certificate.is_issued(),
            from: life.map(|life| life.from),
            until: life.map(|life| life.until),
            next_at: schedule.order_at(clock::now()),
            suggested: schedule.is_suggested(),
        }))
    }

    /// Whether this can be chosen; changes nothing.
    pub(crate) async fn check(&self, new: NewSetting) -> Result<Setting, AcmeError> {
        let stored = store::setting(&self.inner.store).await?.map(|kept| kept.setting);
        Ok(new.checked(self.place(), stored.as_ref(), clock::now())?.0)
    }

    /// The public name, and the port of the pages.
    fn place(&self) -> (&str, u16) {
        (self.inner.certificate.public_host(), self.inner.pages.listen.port())
    }

    /// Chooses an authority; the first order is made at once.
    pub(crate) async fn choose(&self, new: NewSetting) -> Result<(), AcmeError> {
        let _changing = self.inner.changing.lock().await;
        let stored = store::setting(&self.inner.store).await?;
        let checked = new.checked(self.place(), stored.as_ref().map(|kept| &kept.setting), clock::now())?;
        let after = stored.as_ref().map_or(UnixMillis(0), |kept| UnixMillis(kept.changed_at.0 + 1));
        store::put_setting(&self.inner.store, &checked, clock::now().max(after)).await?;
        let mut state = store::state(&self.inner.store).await?;
        let same_authority = stored.is_some_and(|kept| kept.setting.directory == checked.0.directory);
        if !same_authority {
            // Another authority has other limits.
            state = State::default();
        }
        state.schedule.ask();
        store::put_state(&self.inner.store, &state).await?;
        self.inner.changed.send_modify(|count| *count += 1);
        Ok(())
    }

    /// Orders now. Limits of the authority stay.
    pub(crate) async fn order_now(&self) -> Result<(), AcmeError> {
        let _changing = self.inner.changing.lock().await;
        if store::setting(&self.inner.store).await?.is_none() {
            return Err(AcmeError::NotChosen);
        }
        if self.phase() != Phase::Idle {
            return Ok(());
        }
        let mut state = store::state(&self.inner.store).await?;
        state.schedule.ask();
        store::put_state(&self.inner.store, &state).await?;
        self.inner.changed.send_modify(|count| *count += 1);
        Ok(())
    }

    /// Forgets authority, account and certificate; the files in the folder `tls` are in force again.
    pub(crate) async fn forget(&self) -> Result<(), AcmeError> {
        let _changing = self.inner.changing.lock().await;
        store::forget(&self.inner.store).await?;
        self.inner.certificate.drop_issued();
        self.inner.changed.send_modify(|count| *count += 1);
        Ok(())
    }

    fn phase(&self) -> Phase {
        *self.inner.phase.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_phase(&self, phase: Phase) {
        *self.inner.phase.lock().unwrap_or_else(PoisonError::into_inner) = phase;
    }

    /// Gets and renews the certificate until `stopped`. An order that is broken off is gone on with at the next start.
    pub async fn run(self, stopped: impl Future<Output = ()>) {
        tokio::select! {
            () = stopped => {}
            () = self.keep_certificate() => {}
        }
    }

    async fn keep_certificate(&self) {
        let mut changed = self.inner.changed.subscribe();
        loop {
            changed.mark_unchanged();
            let wait = match self.look(&mut changed).await {
                Ok(wait) => wait.min(LOOK_EVERY),
                Err(error) => {
                    tracing::error!(%error, "the renewal of the certificate waits for the database");
                    AGAIN
                }
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                // The sender is ours.
                _ = changed.changed() => {}
            }
        }
    }

    /// Does what is due; how long until something else is.
    async fn look(&self, changed: &mut watch::Receiver<u64>) -> Result<Duration, StoreError> {
        let Some(kept) = store::setting(&self.inner.store).await? else { return Ok(LOOK_EVERY) };
        let now = clock::now();
        match self.fitting_state().await?.schedule.due(now) {
            Due::Nothing => return Ok(LOOK_EVERY),
            Due::Window => self.ask_for_window(&kept).await?,
            Due::Order => {
                // Another choice ends the order for the old one.
                tokio::select! {
                    done = self.order(&kept) => done?,
                    _ = changed.changed() => {}
                }
                self.set_phase(Phase::Idle);
            }
        }
        Ok(Duration::ZERO)
    }

    /// The state, without a certificate that is not in force because the public name is another now.
    async fn fitting_state(&self) -> Result<State, StoreError> {
        let mut state = store::state(&self.inner.store).await?;
        if !self.inner.certificate.is_issued() {
            state.schedule.forget_certificate();
        }
        Ok(state)
    }

    /// Reads the state, changes it and writes it.
    async fn change(&self, change: impl FnOnce(&mut State)) -> Result<(), StoreError> {
        let _changing = self.inner.changing.lock().await;
        let mut state = self.fitting_state().await?;
        change(&mut state);
        store::put_state(&self.inner.store, &state).await
    }

    fn client(&self, setting: &Setting) -> Result<AcmeHttp, Failed> {
        let authority = Some(setting.authority.as_str()).filter(|pem| !pem.is_empty());
        match self.inner.push.guarded_client(&setting.directory, true, authority) {
            Ok(client) => Ok(AcmeHttp::new(client)),
            Err(why) => {
                let fix = "Correct the address of the directory or the root certificate.";
                Err(Failed::new(Trouble::NeedsAdmin, "acme_client", format!("nobody can be asked: {why}"), fix))
            }
        }
    }

    async fn order(&self, kept: &Kept) -> Result<(), StoreError> {
        let old = store::certificate(&self.inner.store).await.ok().flatten();
        let old = old.filter(|old| old.directory == kept.setting.directory && self.inner.certificate.is_issued());
        let replaces = old.as_ref().map(|old| old.chain.as_str());
        let obtained = match self.client(&kept.setting) {
            Ok(http) => Job { acme: self, kept, http }.obtain(replaces).await,
            Err(failed) => Err(failed),
        };
        let now = clock::now();
        let outcome = match obtained {
            Ok(obtained) => self.put_in_force(kept, obtained, now).await,
            Err(failed) => Err(failed),
        };
        let Err(failed) = outcome else { return Ok(()) };
        tracing::warn!(
            code = failed.code,
            text = failed.text,
            fix = failed.fix,
            "no certificate was got; the one in force stays"
        );
        let spread = spread();
        self.change(|state| {
            state.schedule.failed(failed.trouble, spread, now);
            state.problem = Some(failed.at(now));
        })
        .await?;
        self.raise_alarm(now).await
    }

    /// Says in the log that a certificate ends which could not be renewed.
    async fn raise_alarm(&self, now: UnixMillis) -> Result<(), StoreError> {
        let Some(view) = self.view().await? else { return Ok(()) };
        if view.alarm(now) > Alarm::None
            && let Some(until) = view.until
        {
            let left = clock::relative(until, now);
            tracing::error!(code = "certificate_not_renewed", "the certificate ends {left} and could not be renewed");
        }
        Ok(())
    }

    /// Checks a certificate, keeps it and shows it from the next handshake on.
    async fn put_in_force(&self, kept: &Kept, obtained: Obtained, now: UnixMillis) -> Result<(), Failed> {
        let unfit = |why: String| {
            let fix = "It is tried again by itself; if it stays so, choose another authority.";
            Failed::new(
                Trouble::Refused,
                "acme_certificate_unfit",
                format!("the certificate cannot be used: {why}"),
                fix,
            )
        };
        let live = &self.inner.certificate;
        let checked = live.check(&obtained.chain, obtained.key.reveal());
        let Some((from, until)) = validity(&obtained.chain) else { return Err(unfit("it has no life".to_owned())) };
        if let Err(wrong) = checked {
            // Nothing better comes of this order.
            store::forget_order(&self.inner.store).await?;
            return Err(unfit(wrong.to_string()));
        }
        let _changing = self.inner.changing.lock().await;
        let mut state = store::state(&self.inner.store).await?;
        state.schedule.issued(Life { from, until, spread: spread() }, now);
        state.problem = None;
        let directory = kept.setting.directory.clone();
        let certificate = KeptCertificate { directory, chain: obtained.chain, key: obtained.key, issued_at: now };
        if !store::put_certificate(&self.inner.store, &certificate, &state, kept.changed_at).await? {
            return Ok(());
        }
        match live.put_issued(&certificate.chain, certificate.key.reveal()) {
            Ok(info) => {
                let who = words::authority(&kept.setting);
                tracing::info!(fingerprint = %info.fingerprint, until = %clock::stamp(until).exact, %who, "a certificate of an authority is in force");
                Ok(())
            }
            Err(wrong) => Err(unfit(wrong.to_string())),
        }
    }

    async fn ask_for_window(&self, kept: &Kept) -> Result<(), StoreError> {
        let certificate = store::certificate(&self.inner.store).await?;
        let found = match (self.client(&kept.setting), certificate) {
            (Ok(http), Some(certificate)) => Job { acme: self, kept, http }.window(&certificate.chain).await,
            (Ok(_), None) => Ok((None, None)),
            (Err(failed), _) => Err(failed),
        };
        let now = clock::now();
        self.change(|state| match found {
            Ok((window, again)) => state.schedule.window(window, again, now),
            Err(failed) => {
                tracing::info!(text = failed.text, "when to renew the certificate could not be asked");
                state.schedule.window_failed(now);
            }
        })
        .await
    }
}

/// 0 to 999. Without random bytes everybody's certificate is renewed at the same part of its life, and nothing else is lost.
fn spread() -> u32 {
    let mut bytes = [0; 4];
    let _ = getrandom::fill(&mut bytes);
    u32::from_le_bytes(bytes) % 1000
}
