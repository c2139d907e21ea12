//! Desk phones of this installation: adding, the two steps of a token, what a phone is told.
//!
//! A phone proves itself by a secret path of 256 bits, or by the certificate it was made with (`factory`), and by nothing else.
//! Its MAC is printed on the box and only says which file it wants.
//!
//! 1. Adding a phone makes a *first* token; its address is shown once, for the phone's menu, a DHCP option or the vendor's
//!    redirect service. It ends after [`FIRST_LIVES`].
//! 2. What the phone fetches there names another address, with the *next* token. When the phone fetches from that, it has
//!    understood: the next token becomes the *current* one, and the first closes for good. Until then the first goes on,
//!    so that a phone that loses power half-way is not lost.
//!
//! Rotating makes a new next token; the running phone is told at its next fetch and nothing closes before it followed. A new
//! first token (a phone reset to factory settings) disturbs the running phone just as little.
//!
//! The SIP account is minted at the first fetch. Its plain secret is kept sealed, unlike that of an app: a desk phone
//! fetches again after each power cut and must be told the same, or it would drop its calls and lose its account.
//!
//! All phones and the hashes of their tokens stand in memory, so a guess costs one look-up and touches no disk.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use pbx_core::handle::SwitchboardHandle;
use pbx_core::model::{ExtensionNumber, Network, SipUsername, UnixMillis};
use pbx_core::store::{Store, StoreError};
use pbx_core::switchboard::command::{Command, CommandError, Reply};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio::sync::watch;

use crate::desk_phone::{DeskPhone, Mac};
use crate::enrolment::Label;
use crate::enrolments::{Clock, Enrolments, random, wall_clock};
use crate::public_info::PublicInfo;
use crate::throttle::Throttle;
use asking::ToDo;
use book::Book;
use templates::Templates;

mod asking;
mod book;
mod changing;
mod error;
mod factory;
mod handlers;
mod options;
mod password;
mod pnp;
mod store;
mod templates;
#[cfg(test)]
mod tests;
mod turned_away;
mod view;
mod visit;

pub use asking::{AskOutcome, Asked};
pub use error::DeskPhonesError;
pub use factory::{AuthorityView, FactorySettings, FactoryView, Shown};
pub use options::DeskPhoneOptions;
pub use pnp::PnpState;
pub use templates::TemplateView;
pub use turned_away::{TurnedAway, Why};
pub use view::{DeskPhoneEdit, DeskPhoneView, FirstAddress, LastFetch, MenuPassword, NewDeskPhone, Progress};

/// A first address works this long: phones are ordered, shipped and unpacked within it.
pub const FIRST_LIVES: Duration = Duration::from_secs(30 * 24 * 3600);
/// A pairing window: somebody stands beside the phone and switches it on.
pub const WINDOW: Duration = Duration::from_secs(600);
/// Phones in memory, a few kB each; ten times the largest office this is for.
const MOST: usize = 10_000;
/// Registration asked for, in seconds; the switchboard grants less if its settings say so.
const REGISTER_SECONDS: u32 = 3600;
/// Behind a fetch, what was fetched is written down within this time.
const NOTE_WITHIN: Duration = Duration::from_secs(1);
/// Tries against a switchboard whose queue is full, and the pause between two of them.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(100);
/// Characters of a User-Agent that are kept.
const AGENT_CHARS: usize = 120;

/// The three tokens a phone may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    First,
    Next,
    Current,
}

/// A token as it is kept.
#[derive(Debug, Clone)]
struct Token {
    kind: Kind,
    hash: [u8; 32],
    /// `None` for a first token, which no configuration names.
    sealed: Option<Vec<u8>>,
    /// The phone is told a password with it, and gives that when it comes by it.
    password: bool,
    expires_at: Option<UnixMillis>,
}

/// A phone as it is kept.
#[derive(Debug, Clone)]
struct Kept {
    phone: DeskPhone,
    extension: ExtensionNumber,
    label: Label,
    username: SipUsername,
    /// The account it had at another extension, until that is taken away.
    leaves: Option<SipUsername>,
    secrets: Option<Vec<u8>>,
    revision: i64,
    created_at: UnixMillis,
    last_fetch: Option<LastFetch>,
    tokens: Vec<Token>,
    /// The hash of the configuration it was given last.
    told_digest: Option<[u8; 32]>,
    asked: Option<Asked>,
    /// In memory only: a restart closes the window.
    window: Option<Window>,
    /// In memory only: the owner's name when its file was made last.
    told_name: Option<String>,
    /// In memory only: its file would be another now.
    old: bool,
    /// In memory only: it has not heard that it is to fetch, and is asked when it registers.
    owed: bool,
    /// In memory only: it is being asked.
    asking: bool,
}

#[derive(Debug, Clone, Copy)]
struct Window {
    until: UnixMillis,
    /// The network of the first phone that used it; nobody else may.
    from: Option<Network>,
}

/// What is sealed for a phone.
#[derive(Serialize, Deserialize)]
struct Secrets {
    sip: String,
    admin: String,
}

/// The desk phones of this installation; cheap to clone.
#[derive(Clone)]
pub struct DeskPhones {
    inner: Arc<Inner>,
}

/// Our certificate in PEM while it is self-made; phones must be told to trust it.
pub type OwnCertificate = Box<dyn Fn() -> Option<String> + Send + Sync>;

struct Inner {
    store: Store,
    switchboard: SwitchboardHandle,
    public: PublicInfo,
    own_certificate: OwnCertificate,
    clock: Clock,
    book: Mutex<Book>,
    templates: Mutex<Templates>,
    /// Held by whoever changes a phone or its tokens.
    changing: tokio::sync::Mutex<()>,
    throttle: Throttle,
    /// Phones to be asked to fetch again.
    to_do: Arc<ToDo>,
    options: watch::Sender<DeskPhoneOptions>,
    /// Whether phones that look for their configuration are answered; follows the option.
    pnp: watch::Sender<bool>,
    pnp_problem: Mutex<Option<String>>,
    doorkeeper: Mutex<password::Doorkeeper>,
    factory: factory::Factory,
    turned_away: Mutex<turned_away::List>,
}

impl std::fmt::Debug for DeskPhones {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DeskPhones").field("public", &self.inner.public).finish_non_exhaustive()
    }
}

impl DeskPhones {
    /// Phones kept in the store of `enrolments`, with its switchboard and its public names; none is known before
    /// [`Self::load`].
    pub fn beside(enrolments: &Enrolments, own_certificate: OwnCertificate) -> Self {
        Self::with_clock(enrolments, own_certificate, Box::new(wall_clock))
    }

    fn with_clock(enrolments: &Enrolments, own_certificate: OwnCertificate, clock: Clock) -> Self {
        let inner = Inner {
            store: enrolments.store().clone(),
            switchboard: enrolments.switchboard().clone(),
            public: enrolments.public().clone(),
            own_certificate,
            clock,
            book: Mutex::default(),
            templates: Mutex::default(),
            changing: tokio::sync::Mutex::default(),
            throttle: Throttle::default(),
            to_do: Arc::default(),
            options: watch::Sender::default(),
            pnp: watch::Sender::new(false),
            pnp_problem: Mutex::default(),
            // Without random bytes no link and no account could be made either.
            doorkeeper: Mutex::new(password::Doorkeeper::new(random().unwrap_or_default())),
            factory: factory::Factory::default(),
            turned_away: Mutex::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Reads every phone, and begins to write down what phones fetch and to ask them when they should again.
    pub async fn load(&self) -> Result<(), StoreError> {
        for kept in store::all(&self.inner.store).await? {
            self.book().put(kept);
        }
        *self.templates_now() = templates::all(&self.inner.store).await?;
        self.take_options(options::load(&self.inner.store).await?);
        self.load_factory().await?;
        let left: Vec<Mac> =
            self.book().all().filter(|kept| kept.leaves.is_some()).map(|kept| kept.phone.mac).collect();
        let inner = || Arc::downgrade(&self.inner);
        tokio::spawn(changing::finish_leaving(inner(), left));
        tokio::spawn(write_notes(inner()));
        tokio::spawn(asking::work(inner(), Arc::clone(&self.inner.to_do)));
        tokio::spawn(asking::follow_certificate(inner()));
        tokio::spawn(pnp::run(inner(), pnp::GROUP, self.inner.pnp.subscribe()));
        tokio::spawn(asking::follow(inner(), self.inner.switchboard.notices()));
        Ok(())
    }

    /// The addresses phones fetch from; to be nested under `/d`. They use the peer's address as `ConnectInfo<SocketAddr>`.
    pub fn routes(&self) -> axum::Router {
        handlers::routes(self.clone())
    }

    /// When each phone registered, as far as it did.
    pub async fn registered(&self) -> Result<BTreeMap<Mac, UnixMillis>, StoreError> {
        store::registered(&self.inner.store).await
    }

    /// Every phone, in order of MAC.
    pub fn list(&self) -> Vec<DeskPhoneView> {
        let now = self.now();
        self.book().all().map(|kept| kept.view(now)).collect()
    }

    /// One phone.
    pub fn get(&self, mac: Mac) -> Result<DeskPhoneView, DeskPhonesError> {
        let now = self.now();
        self.book().get(mac).map(|kept| kept.view(now)).ok_or(DeskPhonesError::NoSuchPhone(mac))
    }

    /// Refuses what [`Self::add`] would refuse, and changes nothing.
    pub fn check(&self, new: &NewDeskPhone) -> Result<(), DeskPhonesError> {
        let DeskPhone { mac, vendor, .. } = new.phone;
        if let Some(of) = mac.vendor().filter(|of| *of != vendor) {
            return Err(DeskPhonesError::OtherVendor { mac, of: of.title(), given: vendor.title() });
        }
        let _label: Label = new.label.parse()?;
        let book = self.book();
        if book.get(mac).is_some() {
            return Err(DeskPhonesError::Taken(mac));
        }
        if book.len() >= MOST {
            return Err(DeskPhonesError::Full);
        }
        if self.inner.public.servers().is_empty() {
            return Err(DeskPhonesError::NoServer);
        }
        Ok(())
    }

    /// Opens or closes the window in which this one phone may come by its MAC alone, for phones that only know our name.
    pub fn set_window(&self, mac: Mac, open: bool) -> Result<DeskPhoneView, DeskPhonesError> {
        let now = self.now();
        let mut book = self.book();
        let kept = book.get_mut(mac).ok_or(DeskPhonesError::NoSuchPhone(mac))?;
        kept.window = open.then_some(Window { until: now + WINDOW, from: None });
        tracing::info!(%mac, open, "the pairing window of a desk phone");
        Ok(kept.view(now))
    }

    /// Forgets the phones of an extension that is gone; their rows went with it.
    async fn forget_gone(&self, mac: Mac) -> Result<bool, DeskPhonesError> {
        if store::exists(&self.inner.store, mac).await? {
            return Ok(false);
        }
        self.book().take(mac);
        Ok(true)
    }

    /// Writes down what was fetched; also done each second.
    pub async fn flush(&self) -> Result<(), StoreError> {
        let waiting: Vec<Kept> = {
            let mut book = self.book();
            let macs = std::mem::take(&mut book.unwritten);
            macs.into_iter().filter_map(|mac| book.get(mac).cloned()).collect()
        };
        if waiting.is_empty() { Ok(()) } else { store::note(&self.inner.store, &waiting).await }
    }

    async fn ask(&self, command: Command) -> Result<Reply, DeskPhonesError> {
        for _ in 1..TRIES {
            match self.inner.switchboard.ask(command.clone()).await {
                Err(CommandError::Busy) => tokio::time::sleep(PAUSE).await,
                answered => return Ok(answered?),
            }
        }
        Ok(self.inner.switchboard.ask(command).await?)
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.inner.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn templates_now(&self) -> MutexGuard<'_, Templates> {
        self.inner.templates.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> UnixMillis {
        (self.inner.clock)()
    }
}

fn secrets_context(mac: Mac) -> String {
    format!("desk_phone.secrets:{}", mac.lower())
}

fn token_context(mac: Mac) -> String {
    format!("desk_phone_token.sealed:{}", mac.lower())
}

/// What two configurations are told apart by.
fn digest(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

async fn write_notes(inner: Weak<Inner>) {
    loop {
        tokio::time::sleep(NOTE_WITHIN).await;
        let Some(inner) = inner.upgrade() else { return };
        if let Err(error) = (DeskPhones { inner }).flush().await {
            tracing::warn!(%error, "what desk phones fetched could not be written down");
        }
    }
}
