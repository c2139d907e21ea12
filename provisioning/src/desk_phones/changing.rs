//! Adding, changing and removing phones. Every change is made whole even if whoever asked for it is gone: the row first, then the
//! memory, in a task of its own and under one lock.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::Weak;

use pbx_core::model::{ExtensionNumber, Redacted, SipUsername, UnixMillis};
use pbx_core::switchboard::command::{Command, CommandError};
use pbx_core::switchboard::output::Change;

use super::{
    DeskPhoneEdit, DeskPhoneView, DeskPhones, DeskPhonesError, FIRST_LIVES, FirstAddress, Inner, Kept, Kind, MOST,
    MenuPassword, NewDeskPhone, Progress, Secrets, Token, secrets_context, store, token_context,
};
use crate::account;
use crate::desk_phone::{Mac, Vendor};
use crate::enrolment::Label;
use crate::enrolments::{RandomBytes, random};
use crate::link::LinkToken;

impl DeskPhones {
    /// Carries a change out to its end, whether or not somebody still waits for it.
    pub(super) async fn whole<T: Send + 'static>(
        &self,
        change: impl Future<Output = Result<T, DeskPhonesError>> + Send + 'static,
    ) -> Result<T, DeskPhonesError> {
        tokio::spawn(change).await.map_err(|_| DeskPhonesError::OddAnswer)?
    }

    /// Adds a phone; the address is shown this once.
    pub async fn add(&self, new: NewDeskPhone) -> Result<FirstAddress, DeskPhonesError> {
        self.add_all(vec![new]).await?.pop().ok_or(DeskPhonesError::OddAnswer)
    }

    /// Adds phones, all or none; their addresses, in the same order, are shown this once.
    pub async fn add_all(&self, all: Vec<NewDeskPhone>) -> Result<Vec<FirstAddress>, DeskPhonesError> {
        let phones = self.clone();
        self.whole(async move { phones.add_alone(all).await }).await
    }

    async fn add_alone(&self, all: Vec<NewDeskPhone>) -> Result<Vec<FirstAddress>, DeskPhonesError> {
        let _changing = self.inner.changing.lock().await;
        if self.book().len() + all.len() > MOST {
            return Err(DeskPhonesError::Full);
        }
        let (mut kept, mut shown) = (Vec::with_capacity(all.len()), Vec::with_capacity(all.len()));
        let mut extensions = BTreeSet::new();
        for new in all {
            self.check(&new)?;
            if extensions.insert(new.extension) && store::owner(&self.inner.store, new.extension).await?.is_none() {
                return Err(CommandError::NoSuchExtension(new.extension).into());
            }
            let (phone, address) = self.fresh(new)?;
            kept.push(phone);
            shown.push(address);
        }
        store::save_all(&self.inner.store, &kept).await?;
        for phone in kept {
            let (mac, extension) = (phone.phone.mac, phone.extension);
            self.book().put(phone);
            tracing::info!(%mac, %extension, "a desk phone was added");
        }
        Ok(shown)
    }

    fn fresh(&self, new: NewDeskPhone) -> Result<(Kept, FirstAddress), DeskPhonesError> {
        let now = self.now();
        let mac = new.phone.mac;
        let (token, url) = self.first(now)?;
        let username = device_username(new.extension)?;
        let kept = Kept {
            phone: new.phone,
            extension: new.extension,
            label: new.label.parse()?,
            username,
            leaves: None,
            secrets: None,
            revision: 1,
            created_at: now,
            last_fetch: None,
            tokens: vec![token],
            told_digest: None,
            asked: None,
            window: None,
            told_name: None,
            old: false,
            owed: false,
            asking: false,
        };
        Ok((kept, FirstAddress { mac, url, expires_at: now + FIRST_LIVES }))
    }

    /// Makes a new first address for each phone of a vendor that has not moved to its own yet, to be given to the vendor's
    /// redirect service; for all of them or for none.
    pub async fn addresses_for_redirection(
        &self,
        vendor: Vendor,
    ) -> Result<Vec<(DeskPhoneView, FirstAddress)>, DeskPhonesError> {
        let waits = |view: &DeskPhoneView| {
            view.vendor == vendor && matches!(view.progress, Progress::Waiting | Progress::RanOut)
        };
        let all: Vec<DeskPhoneView> = self.list().into_iter().filter(waits).collect();
        let addresses = self.renew_all(all.iter().map(|view| view.mac).collect()).await?;
        Ok(all.into_iter().zip(addresses).collect())
    }

    /// Makes a new first address, for a phone that was reset. The running phone is not disturbed.
    pub async fn renew_address(&self, mac: Mac) -> Result<FirstAddress, DeskPhonesError> {
        self.renew_all(vec![mac]).await?.pop().ok_or(DeskPhonesError::OddAnswer)
    }

    async fn renew_all(&self, macs: Vec<Mac>) -> Result<Vec<FirstAddress>, DeskPhonesError> {
        let phones = self.clone();
        let renewing = async move {
            let _changing = phones.inner.changing.lock().await;
            let now = phones.now();
            let (mut changed, mut shown) = (Vec::with_capacity(macs.len()), Vec::with_capacity(macs.len()));
            for mac in macs {
                let (token, url) = phones.first(now)?;
                let mut kept = phones.kept(mac)?;
                kept.tokens.retain(|token| token.kind != Kind::First);
                kept.tokens.push(token);
                changed.push(kept);
                shown.push(FirstAddress { mac, url, expires_at: now + FIRST_LIVES });
            }
            store::save_all(&phones.inner.store, &changed).await?;
            for kept in changed {
                tracing::info!(mac = %kept.phone.mac, "a desk phone got a new first address");
                phones.remember(kept);
            }
            Ok(shown)
        };
        self.whole(renewing).await
    }

    /// Gives the running phone another own address, which it is told at its next fetch. A phone that is being told one already
    /// goes on with that: it may have heard it and fetch nowhere else.
    pub async fn rotate(&self, mac: Mac) -> Result<(), DeskPhonesError> {
        let next = self.named(mac, Kind::Next)?;
        self.change(mac, move |kept| {
            if kept.token(Kind::Current).is_none() {
                return Err(DeskPhonesError::NotSettled(mac));
            }
            if kept.token(Kind::Next).is_none() {
                kept.tokens.push(next);
                kept.revision += 1;
            }
            Ok(())
        })
        .await?;
        self.inner.to_do.compare([mac]);
        tracing::info!(%mac, "the address of a desk phone is being rotated");
        Ok(())
    }

    /// Changes a phone. One that becomes another extension's is asked to fetch, has its old account taken away, and gets another
    /// with its next fetch, by the address it has.
    pub async fn edit(&self, mac: Mac, edit: DeskPhoneEdit) -> Result<DeskPhoneView, DeskPhonesError> {
        let phones = self.clone();
        self.whole(async move { phones.edit_alone(mac, edit).await }).await?;
        self.get(mac)
    }

    async fn edit_alone(&self, mac: Mac, edit: DeskPhoneEdit) -> Result<(), DeskPhonesError> {
        let DeskPhoneEdit { extension, model, label } = edit;
        let label: Option<Label> = label.map(|text| text.parse()).transpose()?;
        let before = {
            let _changing = self.inner.changing.lock().await;
            let before = self.kept(mac)?;
            let moves = extension.filter(|to| *to != before.extension);
            let account = match moves {
                Some(to) if store::owner(&self.inner.store, to).await?.is_none() => {
                    return Err(CommandError::NoSuchExtension(to).into());
                }
                // One account at a time: the one it left last is gone before it leaves another.
                Some(to) => {
                    self.leave_alone(mac).await?;
                    Some((to, device_username(to)?))
                }
                None => None,
            };
            self.change_alone(mac, |kept| {
                kept.phone.model = model.unwrap_or_else(|| kept.phone.model.clone());
                kept.label = label.unwrap_or_else(|| kept.label.clone());
                if let Some((extension, username)) = account {
                    let before = std::mem::replace(&mut kept.username, username);
                    kept.leaves = kept.secrets.take().map(|_| before);
                    kept.extension = extension;
                    kept.revision += 1;
                }
                Ok(())
            })
            .await?;
            moves.map(|_| before)
        };
        let Some(before) = before.filter(|before| before.secrets.is_some()) else {
            self.inner.to_do.compare([mac]);
            return Ok(());
        };
        // It hears the question over the flow of the account that goes away.
        self.ask_at(mac, before.username).await;
        let _changing = self.inner.changing.lock().await;
        self.leave_alone(mac).await?;
        tracing::info!(%mac, from = %before.extension, "a desk phone became another extension's");
        Ok(())
    }

    /// Takes away the account that a phone left, for whoever holds the lock.
    async fn leave_alone(&self, mac: Mac) -> Result<(), DeskPhonesError> {
        let Some(username) = self.kept(mac)?.leaves else { return Ok(()) };
        self.take_account(username).await?;
        self.change_alone(mac, |kept| {
            kept.leaves = None;
            Ok(())
        })
        .await?;
        Ok(())
    }

    /// How to get into the phone's own menu, where nobody else has typed a password.
    pub fn menu_password(&self, mac: Mac) -> Result<MenuPassword, DeskPhonesError> {
        let kept = self.kept(mac)?;
        let sealed = kept.secrets.as_ref().ok_or(DeskPhonesError::NotTold(mac))?;
        let plain = self.inner.store.sealer().open(&secrets_context(mac), sealed)?;
        let secrets: Secrets = serde_json::from_slice(&plain).map_err(|_| DeskPhonesError::OddAnswer)?;
        Ok(MenuPassword { user: kept.phone.vendor.menu_user(), password: Redacted::new(secrets.admin) })
    }

    /// Takes an account away, also one that the switchboard has lost.
    async fn take_account(&self, username: SipUsername) -> Result<(), DeskPhonesError> {
        match self.ask(Command::RemoveCredential(username)).await {
            Ok(_) => Ok(()),
            Err(DeskPhonesError::Switchboard(CommandError::NoSuchCredential(username))) => {
                Ok(self.inner.store.apply(&[Change::DeleteCredential(username)]).await?)
            }
            Err(refused) => Err(refused),
        }
    }

    /// Removes a phone with its account; it is logged out.
    pub async fn remove(&self, mac: Mac) -> Result<(), DeskPhonesError> {
        let phones = self.clone();
        self.whole(async move { phones.remove_alone(mac).await }).await
    }

    async fn remove_alone(&self, mac: Mac) -> Result<(), DeskPhonesError> {
        let _changing = self.inner.changing.lock().await;
        let kept = self.kept(mac)?;
        // The accounts first, that of an extension it left included: a crash in between leaves a phone that can be removed again.
        self.leave_alone(mac).await?;
        self.take_account(kept.username.clone()).await?;
        store::delete(&self.inner.store, mac).await?;
        self.book().take(mac);
        tracing::info!(%mac, extension = %kept.extension, "a desk phone was removed");
        Ok(())
    }

    pub(super) async fn change(
        &self,
        mac: Mac,
        edit: impl FnOnce(&mut Kept) -> Result<(), DeskPhonesError> + Send + 'static,
    ) -> Result<Kept, DeskPhonesError> {
        let phones = self.clone();
        let changing = async move {
            let _changing = phones.inner.changing.lock().await;
            phones.change_alone(mac, edit).await
        };
        self.whole(changing).await
    }

    /// The same for whoever holds the lock already: the row first, then the memory.
    pub(super) async fn change_alone(
        &self,
        mac: Mac,
        edit: impl FnOnce(&mut Kept) -> Result<(), DeskPhonesError>,
    ) -> Result<Kept, DeskPhonesError> {
        let mut kept = self.kept(mac)?;
        edit(&mut kept)?;
        store::save(&self.inner.store, &kept).await?;
        Ok(self.remember(kept))
    }

    fn kept(&self, mac: Mac) -> Result<Kept, DeskPhonesError> {
        self.book().get(mac).cloned().ok_or(DeskPhonesError::NoSuchPhone(mac))
    }

    /// Puts an edited phone into memory. A fetch or a click may have touched meanwhile what was not edited.
    fn remember(&self, mut kept: Kept) -> Kept {
        let mut book = self.book();
        if let Some(present) = book.get(kept.phone.mac) {
            kept.last_fetch.clone_from(&present.last_fetch);
            kept.told_name.clone_from(&present.told_name);
            kept.told_digest = present.told_digest;
            kept.asked = present.asked;
            kept.window = present.window;
            (kept.old, kept.owed, kept.asking) = (present.old, present.owed, present.asking);
        }
        book.put(kept.clone());
        kept
    }

    fn first(&self, now: UnixMillis) -> Result<(Token, Redacted<String>), DeskPhonesError> {
        let token = LinkToken::from_random(random().map_err(|_| DeskPhonesError::Random)?);
        let url = Redacted::new(format!("{}/d/{}/", self.inner.public.https_base_url, token.reveal()));
        let kept = Token {
            kind: Kind::First,
            hash: token.hash().0,
            sealed: None,
            password: false,
            expires_at: Some(now + FIRST_LIVES),
        };
        Ok((kept, url))
    }

    /// A token that configurations name, so it is kept sealed as well.
    pub(super) fn named(&self, mac: Mac, kind: Kind) -> Result<Token, DeskPhonesError> {
        let token = LinkToken::from_random(random().map_err(|_| DeskPhonesError::Random)?);
        let sealed = self.inner.store.sealer().seal(&token_context(mac), token.reveal().as_bytes())?;
        let password = self.options().http_password;
        Ok(Token { kind, hash: token.hash().0, sealed: Some(sealed), password, expires_at: None })
    }
}

/// Takes away what phones had left when the run before this one ended; the switchboard may be busy with its own start.
pub(super) async fn finish_leaving(inner: Weak<Inner>, macs: Vec<Mac>) {
    for mac in macs {
        let Some(inner) = inner.upgrade() else { return };
        let phones = DeskPhones { inner };
        let _changing = phones.inner.changing.lock().await;
        if let Err(error) = phones.leave_alone(mac).await {
            tracing::error!(%mac, %error, "the account that a desk phone left is still there; it goes with the next start");
        }
    }
}

fn device_username(extension: ExtensionNumber) -> Result<SipUsername, DeskPhonesError> {
    account::device_username(extension, &mut RandomBytes::default())
        .ok_or(DeskPhonesError::Random)?
        .map_err(|_| DeskPhonesError::OddAnswer)
}

impl Kept {
    pub(super) fn token(&self, kind: Kind) -> Option<&Token> {
        self.tokens.iter().find(|token| token.kind == kind)
    }

    /// The phone used its next address: that is its own from now on, and every other one closes. Whether it was the next one.
    pub(super) fn follow(&mut self, used: &[u8; 32]) -> bool {
        let followed = self.token(Kind::Next).is_some_and(|next| next.hash == *used);
        if followed {
            self.tokens.retain(|token| token.kind == Kind::Next);
            for token in &mut self.tokens {
                token.kind = Kind::Current;
            }
        }
        followed
    }

    /// It fetches from its own address without the password it should give, and is not being told another.
    pub(super) fn lacks_password(&self) -> bool {
        self.token(Kind::Next).is_none() && self.token(Kind::Current).is_some_and(|token| !token.password)
    }
}
