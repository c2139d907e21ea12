//! Issuing, redeeming and revoking links.
//!
//! Order of a redemption, and what a crash leaves:
//!
//! 1. Under the redemption lock the link is read again and must still wait for a device.
//! 2. The account is minted under the name fixed at issue and given to the switchboard, which answers once it is durable.
//!    A crash from here to 3 leaves the link unused and an account whose secret nobody has ever seen; redeeming again
//!    replaces that same account. A link that renews an account leaves its phone signed out until then.
//! 3. The link is marked as claimed, in one statement that succeeds for one caller only. A crash after this leaves the
//!    link claimed and the phone without an answer.
//! 4. The answer is given.
//!
//! An answer that got lost is not given a second time: a secret that can be fetched twice is not shown once, and neither
//! address nor User-Agent tells the phone from somebody who read the link over its shoulder. The page says to ask for a
//! new link, and the admin sees that this one was used and can revoke it.
//!
//! A redemption runs in a task of its own, so that a phone that hangs up half-way does not stop it between 2 and 3.
//! The lock is shared by all links: redemptions are rare and take one commit each. Only callers who hold a token that
//! exists ever wait for it. Nobody holds a database transaction while waiting for the switchboard.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use pbx_core::handle::SwitchboardHandle;
use pbx_core::model::{ExtensionNumber, PushOffer, PushProvider, Redacted, Settings, SipUsername, UnixMillis};
use pbx_core::store::{Store, StoreError};
use pbx_core::switchboard::command::{Command, CommandError, ExtensionDetail, Reply};
use pbx_core::switchboard::output::Change;
use tokio::sync::{Mutex, watch};
use uuid::Uuid;

use crate::account;
use crate::enrolment::{Enrolment, EnrolmentId, EnrolmentState, LONGEST_LIFETIME, Refusal, SHORTEST_LIFETIME, Times};
use crate::handover::{FetchingApp, Handovers};
use crate::installation::{AppRecord, DeviceToken, Installation};
use crate::installations::Installations;
use crate::language::CompanyLanguage;
use crate::link::{self, LinkToken, TokenHash};
use crate::profile::{self, Profile};
use crate::public_info::PublicInfo;
use crate::throttle::Throttle;
use crate::{fetched, handlers, qr, store};

mod error;

pub use error::{EnrolmentError, PairError};

/// Links of one extension that may wait for a device at once; nobody sets up more phones in a day.
const OPEN_LINKS: i64 = 20;
/// How long an ended link stays on the page, so that the admin can see what became of it.
const KEEP_ENDED: Duration = Duration::from_secs(30 * 24 * 3600);
/// User names drawn before giving up; a second draw is needed once in 300 million.
const NAME_DRAWS: usize = 8;

/// A new link; this is the only time it can be shown.
#[derive(Debug, Clone)]
pub struct IssuedLink {
    /// Its name, for revoking it.
    pub id: EnrolmentId,
    /// The link itself, for example `https://pbx.example.com/p/…`.
    pub url: Redacted<String>,
    /// The link as a QR code: an SVG element that can stand in a page as it is.
    pub svg: Redacted<String>,
    /// When it ends unless a device claims it.
    pub expires_at: UnixMillis,
}

/// What an app got from its link; the secret and the credential can be shown this once.
#[derive(Debug)]
pub struct Paired {
    /// Its account.
    pub profile: Profile,
    /// What is kept of it.
    pub installation: Installation,
    /// Its credential for the device API.
    pub token: DeviceToken,
}

/// A link to be made.
struct NewLink {
    label: crate::enrolment::Label,
    /// The account of a phone that fetches again.
    renews: Option<SipUsername>,
    times: Times,
}

/// An app that is to be paired.
struct NewApp {
    instance: String,
    record: AppRecord,
}

/// The enrolment links of this installation; cheap to clone.
#[derive(Clone)]
pub struct Enrolments {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    switchboard: SwitchboardHandle,
    public: PublicInfo,
    clock: Clock,
    /// Held by whoever claims or revokes a link.
    changing: Mutex<()>,
    throttle: Throttle,
    installations: Installations,
    handovers: Handovers,
    language: CompanyLanguage,
    /// What phones can be woken with, as profiles tell them.
    offer: watch::Receiver<PushOffer>,
}

/// Tells the time; tests bring their own.
pub(crate) type Clock = Box<dyn Fn() -> UnixMillis + Send + Sync>;

impl std::fmt::Debug for Enrolments {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Enrolments").field("public", &self.inner.public).finish_non_exhaustive()
    }
}

impl Enrolments {
    /// Links kept in `store`, redeemed through `switchboard` (which also knows realm and registration time), and shown
    /// under `public`. Profiles tell phones what the newest `offer` says about push.
    pub fn new(
        store: Store,
        switchboard: SwitchboardHandle,
        public: PublicInfo,
        offer: watch::Receiver<PushOffer>,
    ) -> Self {
        Self::with_clock(store, switchboard, (public, offer), Box::new(wall_clock))
    }

    pub(crate) fn with_clock(
        store: Store,
        switchboard: SwitchboardHandle,
        (mut public, offer): (PublicInfo, watch::Receiver<PushOffer>),
        clock: Clock,
    ) -> Self {
        public.https_base_url.truncate(public.https_base_url.trim_end_matches('/').len());
        let (changing, throttle) = (Mutex::default(), Throttle::default());
        let (installations, handovers) = (Installations::new(store.clone()), Handovers::default());
        let language = CompanyLanguage::default();
        let inner =
            Inner { store, switchboard, public, clock, changing, throttle, installations, handovers, language, offer };
        Self { inner: Arc::new(inner) }
    }

    /// The language of the company, which the admin pages set; public pages and mails are written in it.
    pub fn language(&self) -> &CompanyLanguage {
        &self.inner.language
    }

    /// The public pages; to be nested under `/p`. They use the peer's address as `ConnectInfo<SocketAddr>`.
    pub fn routes(&self) -> axum::Router {
        handlers::routes(self.clone())
    }

    /// Makes a link that sets up one device of `extension` within `lifetime` (1 hour to 7 days).
    pub async fn issue(
        &self,
        extension: ExtensionNumber,
        label: &str,
        lifetime: Duration,
    ) -> Result<IssuedLink, EnrolmentError> {
        self.issue_for(extension, label, lifetime, None).await
    }

    pub(crate) async fn issue_for(
        &self,
        extension: ExtensionNumber,
        label: &str,
        lifetime: Duration,
        renews: Option<SipUsername>,
    ) -> Result<IssuedLink, EnrolmentError> {
        let label = label.parse()?;
        if !(SHORTEST_LIFETIME..=LONGEST_LIFETIME).contains(&lifetime) {
            return Err(EnrolmentError::Lifetime);
        }
        if self.inner.public.servers().is_empty() {
            return Err(EnrolmentError::NoServer);
        }
        self.extension(extension).await?;
        let now = self.now();
        let db = &self.inner.store;
        self.clear_away(now).await?;
        if store::count_open(db, extension, now).await? >= OPEN_LINKS {
            return Err(EnrolmentError::TooManyOpen(extension));
        }
        let token = LinkToken::from_random(random()?);
        let url = format!("{}/p/{}", self.inner.public.https_base_url, token.reveal());
        let svg = qr::svg(&url, &format!("QR code that sets up a phone for extension {extension}"))
            .map_err(|_| EnrolmentError::TooLong)?;
        let new = NewLink { label, renews, times: Times { now, lifetime } };
        let link = self.insert(extension, new, token.hash()).await?;
        tracing::info!(enrolment = %link.id, %extension, "an enrolment link was issued");
        Ok(IssuedLink { id: link.id, url: Redacted::new(url), svg: Redacted::new(svg), expires_at: link.expires_at })
    }

    /// Removes links that ended long ago, with what a redemption cut short by a crash may have left of an account.
    async fn clear_away(&self, now: UnixMillis) -> Result<(), EnrolmentError> {
        let _changing = self.inner.changing.lock().await;
        for link in store::ended(&self.inner.store, now - KEEP_ENDED).await? {
            self.remove_account(&link).await?;
            store::delete(&self.inner.store, link.id).await?;
        }
        Ok(fetched::sweep(&self.inner.store).await?)
    }

    async fn insert(
        &self,
        extension: ExtensionNumber,
        new: NewLink,
        hash: TokenHash,
    ) -> Result<Enrolment, EnrolmentError> {
        for _ in 0..NAME_DRAWS {
            let id = EnrolmentId(uuid::Builder::from_random_bytes(random()?).into_uuid());
            let username = account::device_username(extension, &mut RandomBytes::default())
                .ok_or(EnrolmentError::Random)?
                .map_err(|_| EnrolmentError::OddAnswer)?;
            let link = Enrolment::issue(id, extension, username, new.times).labelled(new.label.clone());
            let link = link.renewing(new.renews.clone());
            if store::insert(&self.inner.store, &link, hash).await? {
                return Ok(link);
            }
        }
        Err(EnrolmentError::Random)
    }

    /// An extension's links as they stand now, the newest first.
    pub async fn list(&self, extension: ExtensionNumber) -> Result<Vec<Enrolment>, EnrolmentError> {
        let now = self.now();
        let links = store::list(&self.inner.store, extension).await?;
        Ok(links.into_iter().map(|link| link.at(now)).collect())
    }

    /// Takes a link back. The device that claimed it, if one did, is logged out: its account and both its records go.
    pub async fn revoke(&self, id: EnrolmentId) -> Result<Enrolment, EnrolmentError> {
        let _changing = self.inner.changing.lock().await;
        let now = self.now();
        let link = store::by_id(&self.inner.store, id).await?.ok_or(EnrolmentError::NoSuchLink)?;
        let revoked = link.revoke(now)?;
        // The account first: a crash in between leaves a link that can be revoked again. An unclaimed link may have an
        // account as well, left by a redemption that a crash cut short.
        self.remove_account(&revoked).await?;
        store::mark_revoked(&self.inner.store, id, now).await?;
        tracing::info!(enrolment = %id, extension = %revoked.extension, "an enrolment link was revoked");
        Ok(revoked)
    }

    async fn remove_account(&self, link: &Enrolment) -> Result<(), EnrolmentError> {
        let account = link.account();
        match self.inner.switchboard.ask(Command::RemoveCredential(account.clone())).await {
            Ok(_) => Ok(()),
            // Unknown to the switchboard is not gone from the disk: an earlier removal may have failed to be saved, and a
            // lost phone must not come back with the next start.
            Err(CommandError::NoSuchCredential(username)) => {
                Ok(self.inner.store.apply(&[Change::DeleteCredential(username)]).await?)
            }
            Err(refused) => Err(refused.into()),
        }
    }

    /// The link with this token, if it waits for a device. Changes nothing.
    pub(crate) async fn waiting(&self, token: &LinkToken) -> Result<Option<Enrolment>, StoreError> {
        let link = store::by_token(&self.inner.store, token.hash()).await?.map(|link| link.at(self.now()));
        Ok(link.filter(|link| matches!(link.state, EnrolmentState::Issued)))
    }

    /// Gives the link's account to the caller, once.
    pub(crate) async fn redeem(&self, token: &LinkToken, user_agent: &str) -> Result<Profile, PairError> {
        self.waiting(token).await?.ok_or(PairError::Gone)?;
        let this = self.clone();
        let push_provider = profile::push_provider(user_agent);
        let hash = token.hash();
        let task = tokio::spawn(async move { this.redeem_alone(hash, push_provider, None).await });
        let (profile, _) = task.await.map_err(|_| PairError::Unavailable(EnrolmentError::OddAnswer))??;
        Ok(profile)
    }

    /// Gives the account of a link to an app written for Nightbell, once, with a credential for the device API.
    ///
    /// `code` is the link, its last part alone, or `USERNAME;TOKEN;FQDN`; `installation` is the app's own id.
    pub async fn pair(&self, code: &str, installation: Option<Uuid>, record: AppRecord) -> Result<Paired, PairError> {
        let token: LinkToken = link::in_code(code).parse().map_err(|_| PairError::Gone)?;
        self.waiting(&token).await?.ok_or(PairError::Gone)?;
        let id = match installation {
            Some(id) => id,
            None => uuid::Builder::from_random_bytes(random()?).into_uuid(),
        };
        let app = NewApp { instance: format!("urn:uuid:{}", id.as_hyphenated()), record };
        let (this, hash) = (self.clone(), token.hash());
        let provider = app.record.platform.push_provider();
        let task = tokio::spawn(async move { this.redeem_alone(hash, provider, Some(app)).await });
        let (profile, app) = task.await.map_err(|_| PairError::Unavailable(EnrolmentError::OddAnswer))??;
        let (installation, token) = app.ok_or(PairError::Unavailable(EnrolmentError::OddAnswer))?;
        Ok(Paired { profile, installation, token })
    }

    /// Takes the account of a device away: both its records and its credential for the device API go with it.
    pub async fn log_out(&self, username: &SipUsername) -> Result<(), EnrolmentError> {
        match self.inner.switchboard.ask(Command::RemoveCredential(username.clone())).await {
            Ok(_) | Err(CommandError::NoSuchCredential(_)) => Ok(()),
            Err(refused) => Err(refused.into()),
        }
    }

    /// What a device of this account would be told now, without its secret, which nobody keeps.
    pub async fn profile_of(
        &self,
        extension: ExtensionNumber,
        username: SipUsername,
    ) -> Result<Profile, EnrolmentError> {
        let (detail, settings) = (self.extension(extension).await?, self.settings().await?);
        self.profile(&detail, &settings, (username, Redacted::new(String::new())))
    }

    /// Opens an address from which an app fetches the account of this link, once; gives its code.
    pub(crate) fn hand_over(&self, link: &LinkToken, app: FetchingApp) -> Result<LinkToken, EnrolmentError> {
        let code = LinkToken::from_random(random()?);
        self.inner.handovers.open(&code, link.clone(), app, self.now());
        Ok(code)
    }

    /// Uses such an address up; gives the link and which document is wanted.
    pub(crate) fn take_over(&self, code: &LinkToken) -> Option<(LinkToken, FetchingApp)> {
        self.inner.handovers.take(code, self.now())
    }

    /// "Lost phone": takes a link back, with the account of the phone that has it, and issues another one in its place.
    pub async fn replace(&self, id: EnrolmentId) -> Result<IssuedLink, EnrolmentError> {
        let link = store::by_id(&self.inner.store, id).await?.ok_or(EnrolmentError::NoSuchLink)?;
        // A link that was revoked before is replaced as well: the phone is out, the owner still needs a code.
        match self.revoke(id).await {
            Ok(_) | Err(EnrolmentError::Refused(Refusal::Revoked)) => {}
            Err(refused) => return Err(refused),
        }
        self.issue(link.extension, link.label.as_str(), crate::DEFAULT_LIFETIME).await
    }

    /// App installations that use the device API.
    pub fn installations(&self) -> &Installations {
        &self.inner.installations
    }

    /// What the public addresses begin with, without a slash at the end.
    pub fn base_url(&self) -> &str {
        &self.inner.public.https_base_url
    }

    /// Notes a wrong token or credential; how long the address has to wait, if it has made too many.
    pub fn missed(&self, from: std::net::IpAddr) -> Option<Duration> {
        let now = self.now();
        let wait = self.inner.throttle.wait(from, now);
        if wait.is_none() {
            self.inner.throttle.missed(from, now);
        }
        wait
    }

    async fn redeem_alone(
        &self,
        hash: TokenHash,
        push_provider: Option<PushProvider>,
        app: Option<NewApp>,
    ) -> Result<(Profile, Option<(Installation, DeviceToken)>), PairError> {
        let _changing = self.inner.changing.lock().await;
        let now = self.now();
        let link = store::by_token(&self.inner.store, hash).await?.ok_or(PairError::Gone)?;
        let link = link.claim(now).map_err(|_| PairError::Gone)?;
        let detail = self.extension(link.extension).await?;
        if detail.line.extension.phones_are_off() {
            return Err(PairError::PhonesOff(link.extension));
        }
        let settings = self.settings().await?;
        // A phone that fetches again keeps its account; one that is gone is not brought back.
        let username = match &link.renews {
            Some(username) if detail.accounts.contains(username) => username.clone(),
            Some(_) => return Err(PairError::Gone),
            None => link.username.clone(),
        };
        let minted = account::mint(link.extension, username, &settings.realm, &mut RandomBytes::default())
            .ok_or(EnrolmentError::Random)?;
        let name = minted.credential.username.clone();
        let profile = self.profile(&detail, &settings, (name.clone(), minted.secret.clone()))?;
        let profile = Profile { push_provider, ..profile };
        self.inner.switchboard.ask(Command::PutCredential(minted.credential)).await.map_err(EnrolmentError::from)?;
        match store::mark_claimed(&self.inner.store, link.id, now).await {
            Ok(true) => {}
            // Under the lock nobody else can have claimed it; the extension went, and the link and the account with it.
            Ok(false) => return Err(PairError::Gone),
            Err(failure) => {
                // Without a mark the link stays good; the account of which nobody knows the secret need not. One that a phone had
                // before stays, for the link to be used again.
                if link.renews.is_none()
                    && let Err(kept) = self.remove_account(&link).await
                {
                    tracing::warn!(enrolment = %link.id, error = %kept, "an account nobody can use was left behind");
                }
                return Err(failure.into());
            }
        }
        tracing::info!(enrolment = %link.id, extension = %link.extension, account = %link.username,
            "an enrolment link was redeemed");
        if let Err(failure) = self.note_fetched(&name, link.extension, push_provider).await {
            tracing::warn!(account = %name, error = %failure, "what a phone was told about push could not be noted");
        }
        let app = match app {
            Some(app) => Some(self.install(&link, app, now).await?),
            None => None,
        };
        Ok((profile, app))
    }

    /// Gives the app its credential. A failure here leaves the link used: the answer that would have held the secret is lost.
    async fn install(
        &self,
        link: &Enrolment,
        app: NewApp,
        now: UnixMillis,
    ) -> Result<(Installation, DeviceToken), EnrolmentError> {
        let token = DeviceToken::from_random(random()?);
        let installation = Installation {
            extension: link.extension,
            username: link.account().clone(),
            instance: app.instance,
            record: app.record,
            profile_seen: String::new(),
            created_at: now,
            seen_at: now,
        };
        self.inner.installations.add(&installation, &token).await?;
        Ok((installation, token))
    }

    fn profile(
        &self,
        detail: &ExtensionDetail,
        settings: &Settings,
        (username, secret): (SipUsername, Redacted<String>),
    ) -> Result<Profile, EnrolmentError> {
        let mut servers = VecDeque::from(self.inner.public.servers());
        Ok(Profile {
            extension: detail.line.extension.number,
            display_name: detail.line.extension.name.clone(),
            username,
            secret,
            realm: settings.realm.clone(),
            domain: self.inner.public.sip_domain.clone(),
            server: servers.pop_front().ok_or(EnrolmentError::NoServer)?,
            other_servers: servers.into(),
            register_seconds: settings.default_expires,
            push_provider: None,
            offer: self.offer(),
        })
    }

    pub(crate) async fn extension(&self, number: ExtensionNumber) -> Result<ExtensionDetail, EnrolmentError> {
        if let Reply::Extension(detail) = self.inner.switchboard.ask(Command::ShowExtension(number)).await? {
            Ok(*detail)
        } else {
            Err(EnrolmentError::OddAnswer)
        }
    }

    async fn settings(&self) -> Result<Settings, EnrolmentError> {
        if let Reply::Settings(settings) = self.inner.switchboard.ask(Command::ShowSettings).await? {
            Ok(settings)
        } else {
            Err(EnrolmentError::OddAnswer)
        }
    }

    pub(crate) fn now(&self) -> UnixMillis {
        (self.inner.clock)()
    }

    /// What phones can be woken with.
    pub fn offer(&self) -> PushOffer {
        self.inner.offer.borrow().clone()
    }

    pub(crate) fn public(&self) -> &PublicInfo {
        &self.inner.public
    }

    pub(crate) fn store(&self) -> &Store {
        &self.inner.store
    }

    pub(crate) fn switchboard(&self) -> &SwitchboardHandle {
        &self.inner.switchboard
    }
}

pub(crate) fn random<const N: usize>() -> Result<[u8; N], EnrolmentError> {
    let mut bytes = [0u8; N];
    getrandom::fill(&mut bytes).map_err(|_| EnrolmentError::Random)?;
    Ok(bytes)
}

/// Random bytes from the operating system, one after the other; ends when it has none.
#[derive(Default)]
pub(crate) struct RandomBytes {
    drawn: VecDeque<u8>,
}

impl Iterator for RandomBytes {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        if self.drawn.is_empty() {
            self.drawn.extend(random::<64>().ok()?);
        }
        self.drawn.pop_front()
    }
}

#[expect(clippy::disallowed_methods, reason = "the public pages are an edge: nobody hands them the time")]
pub(crate) fn wall_clock() -> UnixMillis {
    let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    UnixMillis(i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod again_tests;
#[cfg(test)]
mod tests;
