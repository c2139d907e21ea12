//! Orders, and the one task that carries them out.

mod link;

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use pbx_core::model::{EmailAddress, Extension, ExtensionNumber, SipUsername, UnixMillis};
use pbx_core::store::Store;
use pbx_core::switchboard::command::{Command, ExtensionLine, Reply};
use tokio::sync::Notify;
use uuid::Uuid;

use self::link::Carried;
use super::account::{MailAccount, NewMailAccount};
use super::compose::{self, Recipient};
use super::transport::{self, NotTaken, Transport};
use super::{
    BatchId, Clock, MAIL_LIFETIME, MAILS_AT_ONCE, Mail, MailError, MailId, MailState, Ordered, Progress, Skipped, store,
};
use crate::language::{Language, in_language};
use crate::{EnrolmentError, Enrolments, IssuedLink, LONGEST_LIFETIME, SHORTEST_LIFETIME};

/// When a mail that was refused for now is tried again: greylisting wants minutes, a broken server hours. A day in all.
const AGAIN_AFTER: [Duration; 8] = [
    Duration::from_secs(60),
    Duration::from_secs(300),
    Duration::from_secs(900),
    Duration::from_secs(3600),
    Duration::from_secs(2 * 3600),
    Duration::from_secs(4 * 3600),
    Duration::from_secs(8 * 3600),
    Duration::from_secs(8 * 3600),
];
/// After the database failed, and the longest sleep without looking at the queue.
const PAUSE: Duration = Duration::from_secs(30);
/// Extensions looked at with one command.
const PAGE: usize = 500;

/// The mails of this installation; cheap to clone.
#[derive(Clone)]
pub struct Mailer {
    inner: Arc<Inner>,
}

struct Inner {
    enrolments: Enrolments,
    store: Store,
    /// How this machine names itself to mail servers.
    hello: String,
    clock: Clock,
    /// Something is to be done.
    bell: Notify,
    /// Links of mails that were written and not yet taken.
    written: Mutex<BTreeMap<MailId, IssuedLink>>,
}

impl std::fmt::Debug for Mailer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mailer").field("hello", &self.inner.hello).finish_non_exhaustive()
    }
}

impl Mailer {
    /// Mails with links of `enrolments`, kept in `store`; `hello` is the name of this machine. [`Self::run`] sends them.
    pub fn new(enrolments: Enrolments, store: Store, hello: String) -> Self {
        let reading = enrolments.clone();
        let clock: Clock = Arc::new(move || reading.now());
        let (bell, written) = (Notify::new(), Mutex::default());
        Self { inner: Arc::new(Inner { enrolments, store, hello, clock, bell, written }) }
    }

    /// Mails are read by people who have not said their language: the company's, else English.
    fn language(&self) -> Language {
        self.inner.enrolments.language().get().unwrap_or_default()
    }

    /// The account without its password.
    pub async fn account(&self) -> Result<Option<MailAccount>, MailError> {
        Ok(store::account(&self.inner.store).await?.map(|(account, _)| account))
    }

    /// Checks an account as [`Self::set_account`] does and keeps nothing. Whether it is set like this already.
    pub async fn check_account(&self, new: &NewMailAccount) -> Result<bool, MailError> {
        let present = store::account(&self.inner.store).await?;
        let account = new.checked(present.as_ref().map(|(there, _)| there))?;
        let stored = present.as_ref().and_then(|(_, password)| password.clone());
        let password = if account.has_password { new.password.clone().or_else(|| stored.clone()) } else { None };
        transport::open(&account, password.as_ref(), &self.inner.hello).map_err(MailError::from)?;
        let same = |there: &MailAccount| MailAccount { changed_at: there.changed_at, ..account.clone() } == *there;
        Ok(present.is_some_and(|(there, _)| same(&there)) && password == stored)
    }

    /// Replaces the account; a password that is not given stays, unless it would go elsewhere than before. Saved means live:
    /// the next mail goes that way, and mails that wait for another attempt are tried at once.
    pub async fn set_account(&self, new: NewMailAccount) -> Result<MailAccount, MailError> {
        let present = store::account(&self.inner.store).await?;
        let account = new.checked(present.as_ref().map(|(there, _)| there))?;
        let stored = present.and_then(|(_, password)| password);
        let password = if account.has_password { new.password.or(stored) } else { None };
        // A certificate that cannot be read is found now and not with the first mail.
        transport::open(&account, password.as_ref(), &self.inner.hello).map_err(MailError::from)?;
        store::put_account(&self.inner.store, &account, password.as_ref(), self.now()).await?;
        store::hurry(&self.inner.store, self.now()).await?;
        self.inner.bell.notify_one();
        self.account().await?.ok_or(MailError::NoAccount)
    }

    /// Removes the account; mails that wait are given up when their turn comes.
    pub async fn remove_account(&self) -> Result<(), MailError> {
        store::remove_account(&self.inner.store).await?;
        self.inner.bell.notify_one();
        Ok(())
    }

    /// Sends a test mail now; gives the server's words.
    pub async fn send_test(&self, to: &EmailAddress) -> Result<String, MailError> {
        let (account, password) = store::account(&self.inner.store).await?.ok_or(MailError::NoAccount)?;
        let transport = transport::open(&account, password.as_ref(), &self.inner.hello)?;
        let mail = in_language(self.language(), || compose::test(&account, to))
            .map_err(|cannot| MailError::Delivery { code: "mail_unwritable", text: cannot.0 })?;
        Ok(transport::send(&transport, &account, mail).await?)
    }

    /// Orders a welcome mail for each of these extensions; those without an address are named with the reason.
    pub async fn welcome(&self, extensions: &[ExtensionNumber], hours: Option<u32>) -> Result<Ordered, MailError> {
        if extensions.is_empty() {
            return Err(MailError::Nobody);
        }
        let mut owners = Vec::with_capacity(extensions.len());
        for number in extensions.iter().take(MAILS_AT_ONCE + 1) {
            owners.push((self.owner(*number).await?, None));
        }
        self.order(owners, hours).await
    }

    /// Orders a mail by which the phone of this account fetches its settings again.
    pub async fn settings_again(
        &self,
        extension: ExtensionNumber,
        username: &SipUsername,
    ) -> Result<Ordered, MailError> {
        let owner = self.owner(extension).await?;
        self.order(vec![(owner, Some(username.clone()))], None).await
    }

    /// Orders a welcome mail for every extension that has no phone yet.
    pub async fn welcome_all(&self, hours: Option<u32>) -> Result<Ordered, MailError> {
        let mut owners = Vec::new();
        let mut after = None;
        loop {
            let list = Command::ListExtensions { after, limit: PAGE, search: String::new() };
            let Reply::Extensions(page) =
                self.inner.enrolments.switchboard().ask(list).await.map_err(EnrolmentError::from)?
            else {
                return Err(EnrolmentError::OddAnswer.into());
            };
            after = page.extensions.last().map(|line| line.extension.number);
            let without: Vec<ExtensionLine> = page.extensions.into_iter().filter(|line| line.devices == 0).collect();
            owners.extend(without.into_iter().map(|line| (line.extension, None)));
            if !page.more || after.is_none() {
                break;
            }
        }
        if owners.is_empty() {
            return Err(MailError::Nobody);
        }
        self.order(owners, hours).await
    }

    async fn order(
        &self,
        owners: Vec<(Extension, Option<SipUsername>)>,
        hours: Option<u32>,
    ) -> Result<Ordered, MailError> {
        if store::account(&self.inner.store).await?.is_none() {
            return Err(MailError::NoAccount);
        }
        if owners.len() > MAILS_AT_ONCE {
            return Err(MailError::TooMany);
        }
        let hours = hours.unwrap_or(u32::try_from(MAIL_LIFETIME.as_secs() / 3600).unwrap_or(72));
        if !(SHORTEST_LIFETIME..=LONGEST_LIFETIME).contains(&life(hours)) {
            return Err(EnrolmentError::Lifetime.into());
        }
        let (now, batch) = (self.now(), BatchId(self.draw()?));
        let (mut mails, mut skipped) = (Vec::new(), Vec::new());
        for (owner, renews) in owners {
            let Some(address) = owner.email else {
                let why = MailError::NoAddress(owner.number).to_string();
                skipped.push(Skipped { extension: owner.number, why });
                continue;
            };
            mails.push(Mail {
                id: MailId(self.draw()?),
                batch,
                extension: owner.number,
                renews,
                address,
                hours,
                enrolment: None,
                state: MailState::Queued,
                attempts: 0,
                detail: String::new(),
                created_at: now,
                next_at: now,
                ended_at: None,
            });
        }
        store::insert(&self.inner.store, &mails, now).await?;
        tracing::info!(%batch, mails = mails.len(), "welcome mails were ordered");
        self.inner.bell.notify_one();
        Ok(Ordered { batch, queued: mails.len(), skipped })
    }

    /// Orders the mail once more, to the address the extension has now.
    pub async fn resend(&self, id: MailId) -> Result<Ordered, MailError> {
        let mail = store::by_id(&self.inner.store, id).await?.ok_or(MailError::NoSuchMail)?;
        if mail.state == MailState::Queued {
            return Err(MailError::StillQueued);
        }
        let owner = self.owner(mail.extension).await?;
        if owner.email.is_none() {
            return Err(MailError::NoAddress(mail.extension));
        }
        // The link that is out already must not open a second phone.
        self.revoke_unused(&mail).await?;
        self.order(vec![(owner, mail.renews)], Some(mail.hours)).await
    }

    /// The newest mails; of one order, of one extension, or of all.
    pub async fn list(
        &self,
        batch: Option<BatchId>,
        extension: Option<ExtensionNumber>,
        limit: u32,
    ) -> Result<Vec<Mail>, MailError> {
        Ok(store::list(&self.inner.store, (batch, extension), limit).await?)
    }

    /// How far an order is.
    pub async fn progress(&self, batch: BatchId) -> Result<Progress, MailError> {
        Ok(store::progress(&self.inner.store, batch).await?)
    }

    /// Sends what is ordered until `stop` completes.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        tokio::pin!(stop);
        loop {
            let round = self.round();
            let sleep = tokio::select! {
                sleep = round => sleep,
                () = &mut stop => return,
            };
            tokio::select! {
                () = self.inner.bell.notified() => {}
                () = tokio::time::sleep(sleep) => {}
                () = &mut stop => return,
            }
        }
    }

    /// Sends everything that is due; gives how long there is nothing to do.
    async fn round(&self) -> Duration {
        let mut open: Option<(UnixMillis, Transport)> = None;
        loop {
            let mail = match store::next(&self.inner.store).await {
                Ok(Some(mail)) => mail,
                Ok(None) => return PAUSE,
                Err(failure) => {
                    tracing::warn!(%failure, "the mails that wait could not be read");
                    return PAUSE;
                }
            };
            let now = self.now();
            if mail.next_at > now {
                return mail.next_at.since(now).min(PAUSE);
            }
            if let Err(failure) = self.attempt(mail, &mut open).await {
                tracing::warn!(code = failure.code(), error = %failure, "a mail could not be worked on");
                return PAUSE;
            }
        }
    }

    async fn attempt(&self, mut mail: Mail, open: &mut Option<(UnixMillis, Transport)>) -> Result<(), MailError> {
        mail.attempts = mail.attempts.saturating_add(1);
        let outcome = match store::account(&self.inner.store).await? {
            None => Err(NotTaken { code: "no_mail_server", text: MailError::NoAccount.to_string(), again: false }),
            Some((account, password)) => {
                if open.as_ref().is_none_or(|(of, _)| *of != account.changed_at) {
                    *open = transport::open(&account, password.as_ref(), &self.inner.hello)
                        .ok()
                        .map(|transport| (account.changed_at, transport));
                }
                self.write_and_send(&mut mail, &account, open.as_ref().map(|(_, transport)| transport)).await?
            }
        };
        let now = self.now();
        match outcome {
            Ok(words) => {
                (mail.state, mail.detail, mail.ended_at) = (MailState::Sent, words, Some(now));
                tracing::info!(mail = %mail.id, extension = %mail.extension, "a welcome mail was sent");
            }
            Err(NotTaken { code, text, again }) => {
                let wait = usize::try_from(mail.attempts).ok().and_then(|n| AGAIN_AFTER.get(n - 1)).filter(|_| again);
                tracing::warn!(mail = %mail.id, code, again = wait.is_some(), "a welcome mail was not taken");
                mail.detail = text;
                match wait {
                    Some(wait) => mail.next_at = now + *wait,
                    None => (mail.state, mail.ended_at) = (MailState::Failed, Some(now)),
                }
            }
        }
        if mail.state != MailState::Queued {
            self.written().remove(&mail.id);
        }
        if mail.state == MailState::Failed {
            self.revoke_unused(&mail).await?;
        }
        Ok(store::update(&self.inner.store, &mail).await?)
    }

    async fn write_and_send(
        &self,
        mail: &mut Mail,
        account: &MailAccount,
        transport: Option<&Transport>,
    ) -> Result<Result<String, NotTaken>, MailError> {
        let failed = |code, text| Ok(Err(NotTaken { code, text, again: false }));
        let Some(transport) = transport else {
            return failed(
                "mail_tls",
                "the mail server's certificate authority cannot be used; correct it under Settings > Mail".into(),
            );
        };
        let owner = match self.owner(mail.extension).await {
            Ok(owner) => owner,
            Err(gone) => return failed("no_such_extension", gone.to_string()),
        };
        let link = match self.link(mail).await {
            Ok(Carried::Link(link)) => link,
            Ok(Carried::Used) => {
                return Ok(Ok("the phone was set up already with the link of this mail; it is not sent again".into()));
            }
            Ok(Carried::TakenBack) => {
                return failed(
                    "link_taken_back",
                    "the link of this mail was taken back before it was sent; order the mail again if a phone is still to be set up"
                        .into(),
                );
            }
            Err(EnrolmentError::Store(failure)) => return Err(failure.into()),
            Err(refused) => return failed(refused.code(), refused.to_string()),
        };
        let to = Recipient { extension: mail.extension, name: &owner.name, address: &mail.address, hours: mail.hours };
        match in_language(self.language(), || compose::welcome(account, to, &link)) {
            Ok(message) => Ok(transport::send(transport, account, message).await),
            Err(cannot) => failed("mail_unwritable", cannot.0),
        }
    }

    async fn owner(&self, number: ExtensionNumber) -> Result<Extension, EnrolmentError> {
        Ok(self.inner.enrolments.extension(number).await?.line.extension)
    }

    fn written(&self) -> std::sync::MutexGuard<'_, BTreeMap<MailId, IssuedLink>> {
        self.inner.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn draw(&self) -> Result<Uuid, MailError> {
        Ok(uuid::Builder::from_random_bytes(crate::enrolments::random()?).into_uuid())
    }

    fn now(&self) -> UnixMillis {
        (self.inner.clock)()
    }
}

fn life(hours: u32) -> Duration {
    Duration::from_secs(u64::from(hours) * 3600)
}

impl From<NotTaken> for MailError {
    fn from(refused: NotTaken) -> Self {
        Self::Delivery { code: refused.code, text: refused.text }
    }
}
