//! A phone that fetches: which one it is, by its secret path, its factory certificate or the pairing window, and what it is told.

use std::net::IpAddr;
use std::sync::PoisonError;

use pbx_core::model::{Network, Redacted};
use pbx_core::switchboard::command::{Command, Reply};

use super::turned_away::Why;
use super::{
    AGENT_CHARS, DeskPhones, DeskPhonesError, Kept, Kind, LastFetch, REGISTER_SECONDS, Secrets, digest, password,
    password::Knock, secrets_context, store, token_context,
};
use crate::account;
use crate::desk_phone::template::Template;
use crate::desk_phone::{Account, ConfigFile, DeskPhone, Mac, Options, ServerInfo, render, user_agent};
use crate::enrolments::RandomBytes;
use crate::link::LinkToken;

/// Stands for a secret in what people are shown.
const HIDDEN: &str = "(secret)";

/// How a phone came to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// With the hash of the token it used.
    By(Kind, [u8; 32]),
    Factory,
    Window,
}

/// Who asks, with what.
pub(super) struct Visit<'a> {
    pub(super) from: IpAddr,
    pub(super) agent: &'a str,
    pub(super) file: &'a str,
}

impl DeskPhones {
    /// The phone whose secret path this is.
    pub(super) fn by_token(&self, token: &str) -> Result<(Mac, Way), (Option<Mac>, Why)> {
        let hash = token.parse::<LinkToken>().map_err(|_| (None, Why::WrongSecret))?.hash().0;
        let now = self.now();
        let book = self.book();
        let found = book.by_hash(&hash).and_then(|kept| Some((kept, kept.tokens.iter().find(|it| it.hash == hash)?)));
        let (kept, token) = found.ok_or((None, Why::WrongSecret))?;
        let mac = kept.phone.mac;
        let over = token.expires_at.is_some_and(|end| end <= now);
        if over { Err((Some(mac), Why::RanOut)) } else { Ok((mac, Way::By(token.kind, hash))) }
    }

    /// The phone that may come without a secret: its window is open, it says the right model, and nobody else came before.
    pub(super) fn by_window(&self, visit: &Visit<'_>) -> Result<(Mac, Way), (Option<Mac>, Why)> {
        let mac = Mac::find(visit.file).ok_or((None, Why::Unknown))?;
        let turned = |why| (Some(mac), why);
        let now = self.now();
        let mut book = self.book();
        let kept = book.get_mut(mac).ok_or(turned(Why::Unknown))?;
        let window = kept.window.as_mut().filter(|window| window.until > now).ok_or(turned(Why::NoWindow))?;
        let told = user_agent::read(visit.agent).ok_or(turned(Why::NotItself))?;
        let same = told.vendor == kept.phone.vendor && kept.phone.model.is(&told.model);
        if !same || told.mac.is_some_and(|said| said != mac) {
            return Err(turned(Why::NotItself));
        }
        let network = Network::from(visit.from);
        if window.from.is_some_and(|from| from != network) {
            return Err(turned(Why::OtherNetwork));
        }
        window.from = Some(network);
        Ok((mac, Way::Window))
    }

    /// Whether what is said of the phone agrees: its path, its file and its own words must name the same one.
    pub(super) fn agrees(&self, mac: Mac, visit: &Visit<'_>) -> bool {
        let told = user_agent::read(visit.agent);
        let vendor = self.book().get(mac).map(|kept| kept.phone.vendor);
        Mac::find(visit.file).is_none_or(|named| named == mac)
            && told.is_none_or(|told| Some(told.vendor) == vendor && told.mac.is_none_or(|said| said == mac))
    }

    pub(super) fn phone(&self, mac: Mac) -> Option<DeskPhone> {
        self.book().get(mac).map(|kept| kept.phone.clone())
    }

    /// The phone has its settings as they are now.
    pub(super) fn note_settings(&self, mac: Mac, text: &str) {
        if let Some(kept) = self.book().get_mut(mac) {
            kept.told_digest = Some(digest(text));
            (kept.old, kept.owed) = (false, false);
        }
    }

    pub(super) fn note(&self, mac: Mac, visit: &Visit<'_>, told: &str) {
        let at = self.now();
        let mut book = self.book();
        let Some(kept) = book.get_mut(mac) else { return };
        kept.last_fetch = Some(LastFetch {
            at,
            from: visit.from.to_string(),
            user_agent: visit.agent.chars().filter(|c| !c.is_control()).take(AGENT_CHARS).collect(),
            file: visit.file.chars().filter(|c| !c.is_control()).take(AGENT_CHARS).collect(),
            told: told.to_owned(),
        });
        book.unwritten.insert(mac);
    }

    /// Whether a fetch by this way proves what it has to besides the secret in the path; otherwise the challenges it gets.
    pub(super) fn admit(&self, mac: Mac, way: Way, knock: &Knock<'_>) -> Result<(), Vec<String>> {
        let Way::By(kind, _) = way else { return Ok(()) };
        let kept = self.book().get(mac).filter(|_| self.options().http_password).cloned();
        let Some(kept) = kept.filter(|kept| kept.token(kind).is_some_and(|token| token.password)) else {
            return Ok(());
        };
        let opened = kept.secrets.as_ref().and_then(|sealed| {
            let plain = self.inner.store.sealer().open(&secrets_context(mac), sealed).ok()?;
            serde_json::from_slice::<Secrets>(&plain).ok()
        });
        // Without its secrets nobody can be let in; the phone asks again.
        let Some(secrets) = opened else { return Err(Vec::new()) };
        let (user, password) = password::of(mac, &secrets.sip);
        let mut keeper = self.inner.doorkeeper.lock().unwrap_or_else(PoisonError::into_inner);
        keeper.judge(knock, (&user, password.reveal()), self.now())
    }

    /// The settings for a phone that came this way; mints its account at the first time. `None` when it is gone.
    pub(super) async fn deliver(&self, mac: Mac, way: Way) -> Result<Option<ConfigFile>, DeskPhonesError> {
        let Some(kept) = self.book().get(mac).cloned() else { return Ok(None) };
        let ready = kept.secrets.is_some()
            && match way {
                Way::By(Kind::First, _) | Way::Window => kept.token(Kind::Next).is_some(),
                // It may come so at each start, because a DHCP option sends it here: its own address serves on.
                Way::Factory => kept.token(Kind::Next).or(kept.token(Kind::Current)).is_some(),
                Way::By(Kind::Next, _) => false,
                Way::By(Kind::Current, _) => true,
            };
        let kept = if ready {
            kept
        } else {
            let phones = self.clone();
            self.whole(async move { phones.step(mac, way).await }).await?
        };
        let Some((mut file, mut name)) = self.file_of(&kept).await? else {
            self.forget_gone(mac).await?;
            return Ok(None);
        };
        // What it was told before is another file, and nobody has counted that: Fanvil takes it under a higher version only.
        if kept.told_digest.is_some_and(|told| told != digest(file.text.reveal())) {
            let phones = self.clone();
            if self.whole(async move { phones.count_revision(mac).await }).await? {
                let Some(kept) = self.book().get(mac).cloned() else { return Ok(None) };
                let Some(anew) = self.file_of(&kept).await? else { return Ok(None) };
                (file, name) = anew;
            }
        }
        if let Some(kept) = self.book().get_mut(mac) {
            kept.told_name = Some(name);
        }
        Ok(Some(file))
    }

    /// The settings of a phone as they would be served now, and the name of its owner in them. `None` when its extension is
    /// gone.
    pub(super) async fn file_of(&self, kept: &Kept) -> Result<Option<(ConfigFile, String)>, DeskPhonesError> {
        let mac = kept.phone.mac;
        let Some(name) = store::owner(&self.inner.store, kept.extension).await? else { return Ok(None) };
        let (Some(secrets), Some(named)) = (&kept.secrets, kept.token(Kind::Next).or(kept.token(Kind::Current))) else {
            return Err(DeskPhonesError::OddAnswer);
        };
        let sealer = self.inner.store.sealer();
        let secrets = sealer.open(&secrets_context(mac), secrets)?;
        let secrets: Secrets = serde_json::from_slice(&secrets).map_err(|_| DeskPhonesError::OddAnswer)?;
        let http = named.password.then(|| password::of(mac, &secrets.sip));
        let token = sealer.open(&token_context(mac), named.sealed.as_deref().unwrap_or_default())?;
        let token = String::from_utf8_lossy(&token);
        let file = self.written(kept, &name, (secrets, &token, http), self.template_for(&kept.phone))?;
        Ok(file.map(|file| (file, name)))
    }

    /// The same for people: without any secret, and with this template.
    pub(super) async fn shown_file(
        &self,
        kept: &Kept,
        template: Template,
    ) -> Result<Option<ConfigFile>, DeskPhonesError> {
        let Some(name) = store::owner(&self.inner.store, kept.extension).await? else { return Ok(None) };
        let secrets = Secrets { sip: HIDDEN.into(), admin: HIDDEN.into() };
        let told = kept.token(Kind::Next).or(kept.token(Kind::Current)).is_some_and(|token| token.password);
        let http = told.then(|| (kept.phone.mac.lower(), Redacted::new(HIDDEN.to_owned())));
        self.written(kept, &name, (secrets, HIDDEN, http), template)
    }

    fn written(
        &self,
        kept: &Kept,
        name: &str,
        (secrets, token, http): (Secrets, &str, Option<(String, Redacted<String>)>),
        template: Template,
    ) -> Result<Option<ConfigFile>, DeskPhonesError> {
        let server = ServerInfo {
            sip: self.inner.public.servers().into_iter().next().ok_or(DeskPhonesError::NoServer)?,
            register_seconds: REGISTER_SECONDS,
            next_url: Redacted::new(format!("{}/d/{token}", self.inner.public.https_base_url)),
            own_certificate: (self.inner.own_certificate)().is_some(),
        };
        let account = Account {
            extension: kept.extension,
            display_name: name.to_owned(),
            username: kept.username.clone(),
            secret: Redacted::new(secrets.sip),
        };
        let options = Options {
            admin_password: Redacted::new(secrets.admin),
            http,
            revision: u64::try_from(kept.revision).unwrap_or(1),
            template,
        };
        Ok(render(&kept.phone, &account, &server, &options).pop())
    }

    /// The part of a fetch that changes something: minting, naming the next address, or following to it.
    async fn step(&self, mac: Mac, way: Way) -> Result<Kept, DeskPhonesError> {
        let _changing = self.inner.changing.lock().await;
        let kept = self.book().get(mac).cloned().ok_or(DeskPhonesError::NoSuchPhone(mac))?;
        let secrets = match &kept.secrets {
            Some(_) => None,
            None => Some(self.mint(&kept).await?),
        };
        let next = match way {
            Way::By(Kind::First, _) | Way::Factory | Way::Window if kept.token(Kind::Next).is_none() => {
                Some(self.named(mac, Kind::Next)?)
            }
            Way::By(Kind::First | Kind::Next | Kind::Current, _) | Way::Factory | Way::Window => None,
        };
        let used = match way {
            Way::By(Kind::Next, hash) => Some(hash),
            Way::By(Kind::First | Kind::Current, _) | Way::Factory | Way::Window => None,
        };
        let with_password = self.named(mac, Kind::Next)?;
        let wants_password = self.options().http_password;
        let mut follows = false;
        let kept = self
            .change_alone(mac, |kept| {
                kept.secrets = secrets.or(kept.secrets.take());
                if next.is_some() {
                    kept.revision += 1;
                }
                kept.tokens.extend(next);
                follows = used.is_some_and(|hash| kept.follow(&hash));
                // Passwords were switched on after it had been told this address.
                if follows && wants_password && kept.lacks_password() {
                    kept.tokens.push(with_password);
                    kept.revision += 1;
                }
                Ok(())
            })
            .await?;
        if follows {
            if let Some(kept) = self.book().get_mut(mac) {
                kept.window = None;
            }
            tracing::info!(%mac, "a desk phone fetches from its own address; the first one is closed");
        }
        Ok(kept)
    }

    /// Gives the phone its account. A crash before the secrets are saved leaves an account nobody knows the secret of; the
    /// next fetch replaces it.
    async fn mint(&self, kept: &Kept) -> Result<Vec<u8>, DeskPhonesError> {
        let Reply::Settings(settings) = self.ask(Command::ShowSettings).await? else {
            return Err(DeskPhonesError::OddAnswer);
        };
        let mut random = RandomBytes::default();
        let minted = account::mint(kept.extension, kept.username.clone(), &settings.realm, &mut random)
            .ok_or(DeskPhonesError::Random)?;
        let admin = account::secret(&mut random).ok_or(DeskPhonesError::Random)?;
        let secrets = Secrets { sip: minted.secret.into_inner(), admin };
        let plain = serde_json::to_vec(&secrets).map_err(|_| DeskPhonesError::OddAnswer)?;
        let sealed = self.inner.store.sealer().seal(&secrets_context(kept.phone.mac), &plain)?;
        self.ask(Command::PutCredential(minted.credential)).await?;
        tracing::info!(mac = %kept.phone.mac, account = %kept.username, "a desk phone got its account");
        Ok(sealed)
    }
}
