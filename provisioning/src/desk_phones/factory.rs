//! Phones that prove themselves by the certificate they were made with: whose authorities count, and at which port it is asked for.
//!
//! The port is one of its own, so that no browser is ever asked for a certificate; whoever serves it follows
//! [`DeskPhones::factory_settings`] and hands over what each connection showed ([`DeskPhones::judge`]). A certificate stands for the
//! first address and the pairing window: the phone is told an address of its own like every other.

use std::sync::{Mutex, MutexGuard, PoisonError};

use pbx_core::model::UnixMillis;
use pbx_core::store::sql::{query, query_as};
use pbx_core::store::{Store, StoreError};
use rustls_pki_types::CertificateDer;
use tokio::sync::watch;

use super::turned_away::Why;
use super::visit::Way;
use super::{DeskPhones, DeskPhonesError};
use crate::desk_phone::factory::{Authority, Genuine, NotGenuine, judge};
use crate::desk_phone::{Mac, Vendor};

const PORT: &str = "factory_port";
const ENDED_TOO: &str = "factory_ended_too";
/// Authorities of five makers over their generations.
const MOST: usize = 32;

/// What an admin chose about factory certificates.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FactorySettings {
    /// Where phones are asked for their certificates; nowhere if it is `None`.
    pub port: Option<u16>,
    /// Certificates that have ended count as well: phones outlive them, and nobody can renew them.
    pub ended_too: bool,
}

/// An authority as pages, the API and the CLI show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorityView {
    /// For whose phones.
    pub vendor: Vendor,
    /// Whom the certificate names.
    pub subject: String,
    /// SHA-256, as lower-case hex digits.
    pub fingerprint: String,
    /// When it ends.
    pub ends_at: UnixMillis,
}

/// Factory certificates as they stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FactoryView {
    /// What was chosen.
    pub settings: FactorySettings,
    /// Where phones may come, if a port is chosen. No secret.
    pub url: Option<String>,
    /// Why nobody is heard at the port.
    pub problem: Option<String>,
    /// Whose word counts.
    pub authorities: Vec<AuthorityView>,
}

/// What a connection at the port showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown(pub(super) Result<Genuine, NotGenuine>);

#[derive(Debug, Default)]
pub(super) struct Factory {
    settings: watch::Sender<FactorySettings>,
    authorities: Mutex<Vec<Authority>>,
    problem: Mutex<Option<String>>,
}

impl DeskPhones {
    /// Factory certificates as they stand.
    pub fn factory(&self) -> FactoryView {
        let settings = *self.inner.factory.settings.borrow();
        let problem = self.inner.factory.problem.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let authorities = self.authorities().iter().map(view).collect();
        let url = settings.port.map(|port| format!("{}/d/", at_port(&self.inner.public.https_base_url, port)));
        FactoryView { settings, url, problem: problem.filter(|_| settings.port.is_some()), authorities }
    }

    /// Follows what is chosen, for whoever serves the port.
    pub fn factory_settings(&self) -> watch::Receiver<FactorySettings> {
        self.inner.factory.settings.subscribe()
    }

    /// Chooses; whoever serves the port follows at once.
    pub async fn set_factory(&self, settings: FactorySettings) -> Result<(), DeskPhonesError> {
        save(&self.inner.store, settings).await?;
        self.inner.factory.settings.send_replace(settings);
        tracing::info!(port = ?settings.port, ended_too = settings.ended_too, "factory certificates of desk phones");
        Ok(())
    }

    /// Says why nobody is heard at the port, or that everybody is.
    pub fn set_factory_problem(&self, problem: Option<String>) {
        *self.inner.factory.problem.lock().unwrap_or_else(PoisonError::into_inner) = problem;
    }

    /// Puts the authorities of an upload in force for a maker's phones; those that are there already stay. All of them as they
    /// are then.
    pub async fn add_authorities(&self, vendor: Vendor, pem: &str) -> Result<Vec<AuthorityView>, DeskPhonesError> {
        let given = Authority::read(vendor, pem)?;
        let phones = self.clone();
        self.whole(async move { phones.add_authorities_alone(vendor, given).await }).await
    }

    async fn add_authorities_alone(
        &self,
        vendor: Vendor,
        given: Vec<Authority>,
    ) -> Result<Vec<AuthorityView>, DeskPhonesError> {
        let _changing = self.inner.changing.lock().await;
        let mut fresh: Vec<Authority> = Vec::new();
        {
            let known = self.authorities();
            for one in given {
                let same = |it: &&Authority| it.fingerprint == one.fingerprint;
                match known.iter().find(same) {
                    Some(there) if there.vendor == vendor => {}
                    Some(there) => return Err(DeskPhonesError::AuthorityOf(there.vendor.title())),
                    None if fresh.iter().any(|it| it.fingerprint == one.fingerprint) => {}
                    None => fresh.push(one),
                }
            }
            if known.len() + fresh.len() > MOST {
                return Err(DeskPhonesError::TooManyAuthorities);
            }
        }
        insert(&self.inner.store, &fresh, self.now()).await?;
        for one in &fresh {
            tracing::info!(vendor = vendor.as_str(), subject = %one.subject, fingerprint = %one.fingerprint, "an authority for factory certificates was added");
        }
        let mut known = self.authorities();
        known.extend(fresh);
        Ok(known.iter().map(view).collect())
    }

    /// Takes an authority out of force.
    pub async fn remove_authority(&self, fingerprint: &str) -> Result<AuthorityView, DeskPhonesError> {
        let (phones, fingerprint) = (self.clone(), fingerprint.to_owned());
        self.whole(async move { phones.remove_authority_alone(&fingerprint).await }).await
    }

    async fn remove_authority_alone(&self, fingerprint: &str) -> Result<AuthorityView, DeskPhonesError> {
        let _changing = self.inner.changing.lock().await;
        let found = self.authorities().iter().find(|one| one.fingerprint == fingerprint).map(view);
        let found = found.ok_or(DeskPhonesError::NoSuchAuthority)?;
        delete(&self.inner.store, fingerprint).await?;
        self.authorities().retain(|one| one.fingerprint != fingerprint);
        tracing::info!(subject = %found.subject, fingerprint, "an authority for factory certificates was removed");
        Ok(found)
    }

    /// What the certificates of a connection prove, its own first; to be handed to [`Self::routes`] as an extension.
    pub fn judge(&self, chain: &[CertificateDer<'_>]) -> Shown {
        let authorities = self.authorities().clone();
        let ended_too = self.inner.factory.settings.borrow().ended_too;
        Shown(judge(chain, &authorities, self.now(), ended_too))
    }

    /// Where phones of this maker may come by their certificates, if anywhere.
    pub(super) fn factory_folder(&self, vendor: Vendor) -> Option<String> {
        let FactoryView { url, problem, authorities, .. } = self.factory();
        url.filter(|_| problem.is_none() && authorities.iter().any(|one| one.vendor == vendor))
    }

    /// The phone that showed its certificate.
    pub(super) fn by_factory(&self, shown: &Shown) -> Result<(Mac, Way), (Option<Mac>, Why)> {
        let genuine = shown.0.as_ref().map_err(|why| (None, Why::NotGenuine(why.clone())))?;
        let book = self.book();
        let kept = book.get(genuine.mac).ok_or((Some(genuine.mac), Why::GenuineButUnknown))?;
        if kept.phone.vendor != genuine.vendor {
            return Err((Some(genuine.mac), Why::NotItself));
        }
        Ok((genuine.mac, Way::Factory))
    }

    /// Reads what was kept.
    pub(super) async fn load_factory(&self) -> Result<(), StoreError> {
        let settings = load(&self.inner.store).await?;
        *self.authorities() = all(&self.inner.store).await?;
        self.inner.factory.settings.send_replace(settings);
        Ok(())
    }

    fn authorities(&self) -> MutexGuard<'_, Vec<Authority>> {
        self.inner.factory.authorities.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn view(authority: &Authority) -> AuthorityView {
    let Authority { vendor, subject, fingerprint, ends_at, der: _ } = authority;
    AuthorityView { vendor: *vendor, subject: subject.clone(), fingerprint: fingerprint.clone(), ends_at: *ends_at }
}

/// The address of our pages at another port.
fn at_port(base_url: &str, port: u16) -> String {
    let base_url = base_url.trim_end_matches('/');
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let host = base_url.rsplit_once(':').filter(|(_, rest)| digits(rest)).map_or(base_url, |(host, _)| host);
    format!("{host}:{port}")
}

async fn load(store: &Store) -> Result<FactorySettings, StoreError> {
    let rows: Vec<(String, String)> = query_as("SELECT name, value FROM desk_phone_setting")
        .fetch_all(store.reader())
        .await
        .map_err(StoreError::doing("reading the settings of factory certificates"))?;
    let value = |wanted: &str| rows.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
    let port = match value(PORT) {
        None | Some("") => None,
        Some(text) => Some(text.parse().map_err(|_| StoreError::inconsistent("desk_phone_setting", "value", PORT))?),
    };
    Ok(FactorySettings { port, ended_too: value(ENDED_TOO) == Some("on") })
}

async fn save(store: &Store, settings: FactorySettings) -> Result<(), StoreError> {
    const DOING: &str = "saving the settings of factory certificates";
    let port = settings.port.map(|port| port.to_string()).unwrap_or_default();
    let ended_too = if settings.ended_too { "on" } else { "off" };
    let mut change = store.begin().await?;
    for (name, value) in [(PORT, port.as_str()), (ENDED_TOO, ended_too)] {
        query(
            "INSERT INTO desk_phone_setting (name, value) VALUES ($1, $2) \
             ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        )
        .bind(name)
        .bind(value)
        .execute(&mut change)
        .await
        .map_err(StoreError::doing(DOING))?;
    }
    change.commit().await.map_err(StoreError::doing(DOING))
}

async fn insert(store: &Store, fresh: &[Authority], now: UnixMillis) -> Result<(), StoreError> {
    const DOING: &str = "saving an authority for factory certificates";
    let mut change = store.begin().await?;
    for one in fresh {
        query("INSERT INTO desk_phone_authority (fingerprint, vendor, der, added_at) VALUES ($1, $2, $3, $4)")
            .bind(&one.fingerprint)
            .bind(one.vendor.as_str())
            .bind(one.der.to_vec())
            .bind(now.0)
            .execute(&mut change)
            .await
            .map_err(StoreError::doing(DOING))?;
    }
    change.commit().await.map_err(StoreError::doing(DOING))
}

async fn delete(store: &Store, fingerprint: &str) -> Result<(), StoreError> {
    const DOING: &str = "removing an authority for factory certificates";
    let mut change = store.begin().await?;
    query("DELETE FROM desk_phone_authority WHERE fingerprint = $1")
        .bind(fingerprint)
        .execute(&mut change)
        .await
        .map_err(StoreError::doing(DOING))?;
    change.commit().await.map_err(StoreError::doing(DOING))
}

async fn all(store: &Store) -> Result<Vec<Authority>, StoreError> {
    let rows: Vec<(String, String, Vec<u8>)> =
        query_as("SELECT fingerprint, vendor, der FROM desk_phone_authority ORDER BY added_at, fingerprint")
            .fetch_all(store.reader())
            .await
            .map_err(StoreError::doing("reading the authorities for factory certificates"))?;
    let read = |(fingerprint, vendor, der): (String, String, Vec<u8>)| {
        let odd = |column| StoreError::inconsistent("desk_phone_authority", column, &fingerprint);
        let vendor: Vendor = vendor.parse().map_err(|_| odd("vendor"))?;
        Authority::kept(vendor, der).filter(|one| one.fingerprint == fingerprint).ok_or_else(|| odd("der"))
    };
    let mut all = Vec::with_capacity(rows.len());
    for row in rows {
        match read(row) {
            Ok(one) => all.push(one),
            Err(error) => tracing::error!(%error, "an authority for factory certificates is left out"),
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_takes_the_place_of_that_of_the_pages() {
        for (base, there) in [
            ("https://pbx.example.com:8443", "https://pbx.example.com:8444"),
            ("https://pbx.example.com", "https://pbx.example.com:8444"),
            ("https://pbx.example.com/", "https://pbx.example.com:8444"),
            ("https://[2001:db8::1]:8443", "https://[2001:db8::1]:8444"),
            ("https://[2001:db8::1]", "https://[2001:db8::1]:8444"),
        ] {
            assert_eq!(at_port(base, 8444), there);
        }
    }
}
