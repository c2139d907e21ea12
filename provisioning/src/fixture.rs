//! An installation for tests: a store, a switchboard that only keeps accounts, and a clock that stands still.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use pbx_core::handle::{self, SwitchboardEnd};
use pbx_core::model::{
    Extension, ExtensionNumber, Presence, PushOffer, Settings, SipCredential, SipUsername, UnixMillis,
};
use pbx_core::store::Store;
use pbx_core::switchboard::command::{
    CheckSyncAnswer, CheckSyncEvent, Command, CommandError, CommandResult, ExtensionDetail, ExtensionLine, Reply,
};
use pbx_core::switchboard::output::{Change, Notice, Restored};
use tempfile::TempDir;
use tokio::sync::{broadcast, watch};

use crate::{DEFAULT_LIFETIME, Enrolments, IssuedLink, PublicInfo, SipPorts};

pub(crate) const START: i64 = 1_790_000_000_000;
pub(crate) const REALM: &str = "night & bell";

/// What all tests of this process have logged, down to the last detail of every crate.
static LOG: LazyLock<Arc<Mutex<Vec<u8>>>> = LazyLock::new(|| {
    let log = Arc::<Mutex<Vec<u8>>>::default();
    let writer = LogWriter(Arc::clone(&log));
    let everything = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    tracing::subscriber::set_global_default(everything).unwrap();
    log
});

#[derive(Clone)]
struct LogWriter(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for LogWriter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

pub(crate) fn logged() -> String {
    String::from_utf8(LOG.lock().unwrap().clone()).unwrap()
}

pub(crate) struct Fixture {
    pub(crate) enrolments: Enrolments,
    pub(crate) store: Store,
    pub(crate) accounts: Arc<Accounts>,
    /// What phones can be woken with.
    pub(crate) offer: watch::Sender<PushOffer>,
    /// Tells everybody what happened at an extension.
    pub(crate) notices: broadcast::Sender<Notice>,
    clock: Arc<AtomicI64>,
    _directory: TempDir,
}

/// What the fake switchboard knows.
#[derive(Default)]
pub(crate) struct Accounts {
    kept: Mutex<BTreeMap<SipUsername, SipCredential>>,
    /// Every account ever put, in order.
    pub(crate) puts: Mutex<Vec<SipUsername>>,
    /// What the phones of the accounts say when they are asked to fetch again.
    pub(crate) word: Mutex<Option<CheckSyncAnswer>>,
    /// Who was asked, in order.
    pub(crate) asked: Mutex<Vec<(SipUsername, CheckSyncEvent)>>,
    /// The owner's name, once it is another.
    pub(crate) name: Mutex<Option<String>>,
    /// The extension's push switch is off.
    pub(crate) push_off: AtomicBool,
    /// The extension is gone.
    pub(crate) gone: AtomicBool,
    /// Its phones are switched off.
    pub(crate) off: AtomicBool,
    /// Refuses to save while set.
    pub(crate) disk_full: AtomicBool,
}

impl Accounts {
    pub(crate) fn names(&self) -> Vec<String> {
        self.kept.lock().unwrap().keys().map(ToString::to_string).collect()
    }

    pub(crate) fn one(&self) -> SipCredential {
        let kept = self.kept.lock().unwrap();
        assert_eq!(kept.len(), 1);
        kept.values().next().unwrap().clone()
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "provisioning gives only these commands")]
    fn answer(&self, command: Command) -> CommandResult {
        match command {
            Command::ShowSettings => Ok(Reply::Settings(Settings { realm: REALM.into(), ..Settings::default() })),
            Command::ShowExtension(number) if number == extension() && !self.gone.load(Ordering::SeqCst) => {
                let accounts = self.kept.lock().unwrap().keys().cloned().collect();
                let mut detail = ExtensionDetail { accounts, ..detail() };
                if let Some(name) = self.name.lock().unwrap().as_deref() {
                    detail.line.extension = owner_named(name);
                }
                detail.line.extension.phones_off_at = self.off.load(Ordering::SeqCst).then_some(UnixMillis(START));
                detail.line.extension.push_enabled = !self.push_off.load(Ordering::SeqCst);
                Ok(Reply::Extension(Box::new(detail)))
            }
            Command::ShowExtension(number) => Err(CommandError::NoSuchExtension(number)),
            Command::PutCredential(_) if self.disk_full.load(Ordering::SeqCst) => Err(CommandError::NotSaved),
            Command::PutCredential(credential) => {
                self.puts.lock().unwrap().push(credential.username.clone());
                self.kept.lock().unwrap().insert(credential.username.clone(), credential);
                Ok(Reply::Done)
            }
            Command::RemoveCredential(username) => match self.kept.lock().unwrap().remove(&username) {
                Some(_) => Ok(Reply::Done),
                None => Err(CommandError::NoSuchCredential(username)),
            },
            Command::SwitchPhones { enabled, .. } => {
                self.off.store(!enabled, Ordering::SeqCst);
                Ok(Reply::Done)
            }
            Command::CheckSync { username, event } => {
                self.asked.lock().unwrap().push((username, event));
                Ok(Reply::CheckSync(self.word.lock().unwrap().unwrap_or(CheckSyncAnswer::Answered(200))))
            }
            other => panic!("provisioning never asks for {other:?}"),
        }
    }
}

pub(crate) fn extension() -> ExtensionNumber {
    "101".parse().unwrap()
}

fn owner() -> Extension {
    Extension {
        number: extension(),
        name: "Anna <b>\"&\"</b>".parse().unwrap(),
        email: None,
        push_enabled: true,
        created_at: UnixMillis(START),
        phones_off_at: None,
    }
}

pub(crate) fn owner_named(name: &str) -> Extension {
    Extension { name: name.parse().unwrap(), ..owner() }
}

fn detail() -> ExtensionDetail {
    let line = ExtensionLine {
        extension: owner(),
        presence: Presence::Unreachable,
        reason: String::new(),
        devices: 0,
        registered: 0,
        armed: 0,
    };
    ExtensionDetail { line, device_list: Vec::new(), accounts: Vec::new() }
}

pub(crate) fn public() -> PublicInfo {
    PublicInfo {
        https_base_url: "https://pbx.example.com/".into(),
        sip_domain: "example.com".into(),
        sip_host: "pbx.example.com".into(),
        sip_ports: SipPorts { udp: Some(5060), tcp: None, tls: Some(5061) },
    }
}

impl Fixture {
    pub(crate) async fn new() -> Self {
        Self::reached_as(public()).await
    }

    pub(crate) async fn reached_as(public: PublicInfo) -> Self {
        let directory = TempDir::new().unwrap();
        let store = Store::open_for_test(directory.path()).await.unwrap();
        store.apply(&[Change::PutExtension(owner())]).await.unwrap();
        Self::started(directory, store, public)
    }

    /// Over a database that has its rows already, with what the switchboard reads from it at its start.
    pub(crate) fn over(directory: TempDir, store: Store, read: Restored) -> Self {
        let fixture = Self::started(directory, store, public());
        let accounts = read.credentials.into_iter().map(|one| (one.username.clone(), one));
        fixture.accounts.kept.lock().unwrap().extend(accounts);
        let owner = read.extensions.into_iter().find(|one| one.number == extension());
        fixture.accounts.off.store(owner.as_ref().is_some_and(Extension::phones_are_off), Ordering::SeqCst);
        *fixture.accounts.name.lock().unwrap() = owner.map(|one| one.name.as_str().to_owned());
        fixture
    }

    fn started(directory: TempDir, store: Store, public: PublicInfo) -> Self {
        LazyLock::force(&LOG);
        let (handle, SwitchboardEnd { mut commands, notices, ringing: _ }) = handle::connect();
        let accounts = Arc::<Accounts>::default();
        let answering = Arc::clone(&accounts);
        tokio::spawn(async move {
            while let Some(waiting) = commands.recv().await {
                let _gone = waiting.answer.send(answering.answer(waiting.command));
            }
        });
        let clock = Arc::new(AtomicI64::new(START));
        let reading = Arc::clone(&clock);
        let read = Box::new(move || UnixMillis(reading.load(Ordering::SeqCst)));
        let (offer, offered) = watch::channel(PushOffer::default());
        let enrolments = Enrolments::with_clock(store.clone(), handle, (public, offered), read);
        Self { enrolments, store, accounts, offer, notices, clock, _directory: directory }
    }

    pub(crate) fn pass(&self, time: Duration) {
        self.clock.fetch_add(i64::try_from(time.as_millis()).unwrap(), Ordering::SeqCst);
    }

    /// Gives the owner of the extension another name.
    pub(crate) async fn rename(&self, name: &str) {
        // As in the switchboard, the disk knows later.
        *self.accounts.name.lock().unwrap() = Some(name.to_owned());
        let _heard = self.notices.send(Notice::Extension(extension()));
        self.store.apply(&[Change::PutExtension(owner_named(name))]).await.unwrap();
    }

    /// Somebody else's extension.
    pub(crate) async fn second_extension(&self) -> ExtensionNumber {
        let number: ExtensionNumber = "102".parse().unwrap();
        let other = Extension { number, ..owner_named("Bob") };
        self.store.apply(&[Change::PutExtension(other)]).await.unwrap();
        number
    }

    pub(crate) async fn issue(&self) -> IssuedLink {
        self.enrolments.issue(extension(), "Anna's phone", DEFAULT_LIFETIME).await.unwrap()
    }
}
