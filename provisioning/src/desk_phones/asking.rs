//! "Fetch your settings again": phones are asked by SIP (NOTIFY, `check-sync`) when an admin wants it and when what they
//! would be told has changed.
//!
//! Whether it has is seen by making the file anew and comparing its hash with that of the last one the phone was given, so
//! nothing has to remember what may have an effect on a phone. A phone that was not reached is *owed* the question and gets
//! it when it registers. One worker asks [`AT_ONCE`] phones at a time: a building of phones is not told to fetch in one
//! instant, and silent ones do not use up what the pages need of the switchboard.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use pbx_core::model::{ExtensionNumber, SipUsername, UnixMillis};
use pbx_core::switchboard::command::{CheckSyncAnswer, Command, CommandError, Reply};
use pbx_core::switchboard::output::Notice;
use serde::Serialize;
use tokio::sync::Notify;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::task::JoinSet;

use super::{DeskPhoneView, DeskPhones, DeskPhonesError, Inner, Kept, Kind, digest, store};
use crate::desk_phone::Mac;

/// Phones asked at a time; a quarter of what the switchboard keeps open.
const AT_ONCE: usize = 16;
/// How long whoever asks one phone waits for its word; phones answer within milliseconds or not at all.
const PATIENCE: Duration = Duration::from_secs(4);
/// Between two questions that nobody but us wants, to one phone.
const PAUSE: Duration = Duration::from_secs(60);
/// How often, and how long apart, the disk is looked at for a change that the switchboard has made; a slow disk takes a second.
const DURABLE_TRIES: u32 = 100;
const DURABLE_PAUSE: Duration = Duration::from_millis(50);
/// How often our certificate is looked at: whoever replaces it waits no longer for the phones to be asked.
const CERTIFICATE_EVERY: Duration = Duration::from_secs(30);
/// How long the worker sleeps at most; it ends when the phones it works for are gone.
const NAP: Duration = Duration::from_secs(1);

/// What a phone said when it was asked to fetch its settings again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Asked {
    /// When it was asked.
    pub at: UnixMillis,
    /// What came of it.
    pub outcome: AskOutcome,
}

/// What came of asking a phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AskOutcome {
    /// It is being asked.
    Asking,
    /// It was not registered.
    NotRegistered,
    /// Its final SIP status.
    Answered(u16),
    /// It wants a password that is not its account's.
    Challenged,
    /// It said nothing.
    NoAnswer,
    /// Too much was going on to ask it.
    Busy,
}

impl AskOutcome {
    /// The stable word in the API.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Asking => "asking",
            Self::NotRegistered => "not_registered",
            Self::Answered(200..=299) => "will_fetch",
            Self::Answered(_) => "refused",
            Self::Challenged => "wants_a_password",
            Self::NoAnswer => "no_answer",
            Self::Busy => "busy",
        }
    }

    /// The SIP status, if there was one.
    pub const fn status(self) -> Option<u16> {
        match self {
            Self::Answered(status) => Some(status),
            Self::Asking | Self::NotRegistered | Self::Challenged | Self::NoAnswer | Self::Busy => None,
        }
    }

    /// Whether the phone has not heard the question, so that it is asked again when it registers.
    const fn is_owed(self) -> bool {
        matches!(self, Self::NotRegistered | Self::NoAnswer | Self::Busy)
    }

    pub(super) fn stored(self) -> String {
        match self {
            Self::Answered(status) => format!("answered {status}"),
            Self::Asking | Self::NotRegistered | Self::Challenged | Self::NoAnswer | Self::Busy => self.word().into(),
        }
    }

    pub(super) fn from_stored(text: &str) -> Option<Self> {
        let known = [Self::Asking, Self::NotRegistered, Self::Challenged, Self::NoAnswer, Self::Busy];
        match text.strip_prefix("answered ") {
            Some(status) => status.parse().ok().map(Self::Answered),
            None => known.into_iter().find(|one| one.word() == text),
        }
    }
}

impl fmt::Display for AskOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asking => f.write_str("is being asked"),
            Self::NotRegistered => {
                f.write_str("was not registered, so nobody could be asked; it is asked when it registers")
            }
            Self::Answered(status @ 200..=299) => write!(f, "will fetch its settings ({status})"),
            Self::Answered(489) => f.write_str("does not know this request (489 Bad Event); it fetches when it starts"),
            Self::Answered(481) => {
                f.write_str("wants no request it has not subscribed to (481); it fetches when it starts")
            }
            Self::Answered(status) => write!(f, "refused ({status}); it fetches when it starts"),
            Self::Challenged => f.write_str(
                "asked for a password of its own before it would listen; switch that off in the phone, or restart it",
            ),
            Self::NoAnswer => f.write_str("did not answer; it is asked again when it registers"),
            Self::Busy => f.write_str("was not asked, because too much was going on; it is asked when it registers"),
        }
    }
}

impl From<CheckSyncAnswer> for AskOutcome {
    fn from(answer: CheckSyncAnswer) -> Self {
        match answer {
            CheckSyncAnswer::NotRegistered => Self::NotRegistered,
            CheckSyncAnswer::Answered(status) => Self::Answered(status),
            CheckSyncAnswer::Challenged => Self::Challenged,
            CheckSyncAnswer::NoAnswer => Self::NoAnswer,
        }
    }
}

/// What the worker has to do; both are bounded by the number of phones.
#[derive(Debug, Default)]
pub(super) struct ToDo {
    lists: Mutex<Lists>,
    more: Notify,
}

#[derive(Debug, Default)]
struct Lists {
    /// To be compared with what they were told, and asked if it differs.
    compare: BTreeSet<Mac>,
    ask: BTreeSet<Mac>,
}

enum Task {
    Compare(Mac),
    Ask(Mac),
}

impl ToDo {
    fn lists(&self) -> MutexGuard<'_, Lists> {
        self.lists.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next(&self) -> Option<Task> {
        let mut lists = self.lists();
        let compare = lists.compare.pop_first().map(Task::Compare);
        compare.or_else(|| lists.ask.pop_first().map(Task::Ask))
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        let lists = self.lists();
        lists.compare.is_empty() && lists.ask.is_empty()
    }

    fn ask(&self, macs: impl IntoIterator<Item = Mac>) {
        self.lists().ask.extend(macs);
        self.more.notify_one();
    }

    pub(super) fn compare(&self, macs: impl IntoIterator<Item = Mac>) {
        self.lists().compare.extend(macs);
        self.more.notify_one();
    }
}

impl DeskPhones {
    /// Asks a phone to fetch its settings again and waits a little for its word; it goes on by itself after that.
    pub async fn fetch_again(&self, mac: Mac) -> Result<DeskPhoneView, DeskPhonesError> {
        if self.begin_asking(mac)? {
            let phones = self.clone();
            let asking = tokio::spawn(async move { phones.ask_phone(mac).await });
            let _still_asking = tokio::time::timeout(PATIENCE, asking).await;
        }
        self.get(mac)
    }

    /// Asks every phone that has fetched its settings once, one after the other; how many.
    pub fn all_fetch_again(&self) -> usize {
        let all: Vec<Mac> = self.book().all().filter(|kept| kept.is_told()).map(|kept| kept.phone.mac).collect();
        let count = all.len();
        self.inner.to_do.ask(all);
        count
    }

    /// Notes that it is being asked; whether it was not before.
    fn begin_asking(&self, mac: Mac) -> Result<bool, DeskPhonesError> {
        let at = self.now();
        let mut book = self.book();
        let kept = book.get_mut(mac).ok_or(DeskPhonesError::NoSuchPhone(mac))?;
        if kept.asking {
            return Ok(false);
        }
        kept.asking = true;
        kept.asked = Some(Asked { at, outcome: AskOutcome::Asking });
        Ok(true)
    }

    async fn ask_phone(&self, mac: Mac) {
        let Some(username) = self.book().get(mac).map(|kept| kept.username.clone()) else { return };
        self.ask_at(mac, username).await;
    }

    /// The same over the flow of this account.
    pub(super) async fn ask_at(&self, mac: Mac, username: SipUsername) {
        let Some(event) = self.book().get(mac).map(|kept| kept.phone.vendor.check_sync()) else { return };
        let outcome = match self.ask(Command::CheckSync { username, event }).await {
            Ok(Reply::CheckSync(answer)) => answer.into(),
            // It has fetched nothing yet, so it has no account.
            Err(DeskPhonesError::Switchboard(CommandError::NoSuchCredential(_))) => AskOutcome::NotRegistered,
            Ok(_) | Err(_) => AskOutcome::Busy,
        };
        tracing::info!(%mac, outcome = outcome.word(), status = outcome.status(), "a desk phone was asked to fetch again");
        let at = self.now();
        let mut book = self.book();
        let Some(kept) = book.get_mut(mac) else { return };
        kept.asking = false;
        kept.asked = Some(Asked { at, outcome });
        kept.owed = outcome.is_owed() && kept.old;
        book.unwritten.insert(mac);
    }

    /// Makes the file of a phone anew; when it differs from what the phone was given, the phone is asked to fetch it.
    async fn compare(&self, mac: Mac) -> Result<(), DeskPhonesError> {
        if self.forget_gone(mac).await? {
            return Ok(());
        }
        let Some(kept) = self.book().get(mac).cloned() else { return Ok(()) };
        // One that waits for another account is told something else anyway, at its next fetch.
        let has_file = kept.is_told() && kept.secrets.is_some();
        let Some(told) = kept.told_digest.filter(|_| has_file) else { return Ok(()) };
        let Some((file, name)) = self.file_of(&kept).await? else {
            self.forget_gone(mac).await?;
            return Ok(());
        };
        let differs = digest(file.text.reveal()) != told;
        let fresh = differs && self.count_revision(mac).await?;
        let now = self.now();
        let mut book = self.book();
        let Some(kept) = book.get_mut(mac) else { return Ok(()) };
        kept.told_name = Some(name);
        kept.old = differs;
        kept.owed &= differs;
        let paused = kept.asked.is_some_and(|asked| now < asked.at + PAUSE);
        if fresh || (kept.owed && !paused) {
            drop(book);
            self.inner.to_do.ask([mac]);
        }
        Ok(())
    }

    /// A phone's file is another than it was told; whether this is the first to see it.
    ///
    /// Fanvil takes a file under a higher version only. Of two that see the difference at once, one counts it.
    pub(super) async fn count_revision(&self, mac: Mac) -> Result<bool, DeskPhonesError> {
        let _changing = self.inner.changing.lock().await;
        if self.book().get(mac).is_none_or(|kept| kept.old) {
            return Ok(false);
        }
        self.change_alone(mac, |kept| {
            kept.revision += 1;
            Ok(())
        })
        .await?;
        if let Some(kept) = self.book().get_mut(mac) {
            kept.old = true;
        }
        Ok(true)
    }

    /// Asks every phone when the certificate it is told to trust is another than `last`: it lies beside the settings, which may
    /// be the same as before.
    pub(super) fn certificate_seen(&self, last: &mut Option<String>) {
        let seen = (self.inner.own_certificate)();
        if seen != *last {
            *last = seen;
            let _asked = self.all_fetch_again();
        }
    }

    /// Something happened to an extension: its owner has another name, it is gone, or one of its phones registered.
    pub(super) async fn extension_changed(&self, number: ExtensionNumber) -> Result<(), DeskPhonesError> {
        let macs = self.book().of(number);
        if macs.is_empty() {
            return Ok(());
        }
        // The switchboard knows before the disk does.
        let name = match self.ask(Command::ShowExtension(number)).await {
            Ok(Reply::Extension(detail)) => detail.line.extension.name.to_string(),
            Err(DeskPhonesError::Switchboard(CommandError::NoSuchExtension(_))) => {
                for mac in macs {
                    self.book().take(mac);
                    tracing::info!(%mac, extension = %number, "a desk phone went with its extension");
                }
                return Ok(());
            }
            Ok(_) => return Err(DeskPhonesError::OddAnswer),
            Err(error) => return Err(error),
        };
        // The extension may have gone and come again in between; its phones went with the first.
        for mac in &macs {
            self.forget_gone(*mac).await?;
        }
        let touched: Vec<Mac> = {
            let book = self.book();
            let touched = |mac: &Mac| {
                let kept = book.get(*mac);
                kept.is_some_and(|kept| kept.owed || kept.told_name.as_ref() != Some(&name))
            };
            macs.into_iter().filter(touched).collect()
        };
        if !touched.is_empty() {
            self.until_durable(number, &name).await?;
            self.inner.to_do.compare(touched);
        }
        Ok(())
    }

    /// Waits until the disk has the owner's name as well: files are made from there.
    async fn until_durable(&self, number: ExtensionNumber, name: &str) -> Result<(), DeskPhonesError> {
        for _ in 0..DURABLE_TRIES {
            if store::owner(&self.inner.store, number).await?.as_deref() == Some(name) {
                break;
            }
            tokio::time::sleep(DURABLE_PAUSE).await;
        }
        Ok(())
    }
}

impl Kept {
    /// Whether it has been told something that may be old.
    pub(super) fn is_told(&self) -> bool {
        self.token(Kind::Current).is_some() || self.token(Kind::Next).is_some()
    }
}

/// Compares and asks, as the lists say.
pub(super) async fn work(inner: Weak<Inner>, to_do: Arc<ToDo>) {
    let mut running = JoinSet::new();
    loop {
        let Some(alive) = inner.upgrade() else { return };
        let phones = DeskPhones { inner: alive };
        while running.len() < AT_ONCE
            && let Some(task) = to_do.next()
        {
            let phones = phones.clone();
            running.spawn(async move {
                match task {
                    Task::Compare(mac) => {
                        if let Err(error) = phones.compare(mac).await {
                            tracing::warn!(%mac, %error, "whether a desk phone has its newest settings is not known");
                        }
                    }
                    Task::Ask(mac) => {
                        if phones.begin_asking(mac).unwrap_or(false) {
                            phones.ask_phone(mac).await;
                        }
                    }
                }
            });
        }
        drop(phones);
        tokio::select! {
            Some(_) = running.join_next() => {}
            () = to_do.more.notified() => {}
            () = tokio::time::sleep(NAP) => {}
        }
    }
}

/// Looks at our certificate now and then.
pub(super) async fn follow_certificate(inner: Weak<Inner>) {
    let mut every = tokio::time::interval(CERTIFICATE_EVERY);
    let mut last = None;
    let mut began = false;
    loop {
        every.tick().await;
        let Some(inner) = inner.upgrade() else { return };
        let phones = DeskPhones { inner };
        if began {
            phones.certificate_seen(&mut last);
        } else {
            (last, began) = ((phones.inner.own_certificate)(), true);
        }
    }
}

/// Hears from the switchboard what happens to extensions.
pub(super) async fn follow(inner: Weak<Inner>, mut notices: Receiver<Notice>) {
    loop {
        let heard = notices.recv().await;
        let Some(inner) = inner.upgrade() else { return };
        let phones = DeskPhones { inner };
        let numbers = match heard {
            Ok(Notice::Extension(number)) => vec![number],
            Ok(Notice::Call(_) | Notice::Settings) => continue,
            Err(RecvError::Lagged(_)) => phones.book().extensions(),
            Err(RecvError::Closed) => return,
        };
        for number in numbers {
            if let Err(error) = phones.extension_changed(number).await {
                tracing::warn!(%number, %error, "what changed at an extension did not reach its desk phones");
            }
        }
    }
}
