//! What an admin chose for all desk phones; off by default.

use pbx_core::store::sql::{query, query_as};
use pbx_core::store::{Store, StoreError};
use serde::{Deserialize, Serialize};

use super::{DeskPhones, DeskPhonesError, Kind, PnpState, Progress};
use crate::desk_phone::Mac;

const PNP: &str = "pnp";
const HTTP_PASSWORD: &str = "http_password";

/// What an admin chose for all desk phones.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeskPhoneOptions {
    /// Phones that look for their configuration on the local network are answered while their pairing window is open.
    pub pnp: bool,
    /// Phones give a password of their own besides the secret in the path.
    pub http_password: bool,
}

impl DeskPhones {
    /// What was chosen.
    pub fn options(&self) -> DeskPhoneOptions {
        *self.inner.options.borrow()
    }

    /// Whether searches on the local network are answered, and what keeps them from it.
    pub fn pnp(&self) -> PnpState {
        let problem = self.inner.pnp_problem.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        let on = self.options().pnp;
        PnpState { on, problem: problem.filter(|_| on) }
    }

    /// Chooses; in force at once. When passwords are switched on, every running phone is told another address with a password
    /// at its next fetch, for which it is asked; the address it has works until then.
    pub async fn set_options(&self, options: DeskPhoneOptions) -> Result<(), DeskPhonesError> {
        let phones = self.clone();
        self.whole(async move { phones.set_options_alone(options).await }).await
    }

    async fn set_options_alone(&self, options: DeskPhoneOptions) -> Result<(), DeskPhonesError> {
        save(&self.inner.store, options).await?;
        self.take_options(options);
        if options.http_password {
            // Those that are being told an address without one get theirs when they follow.
            let settled: Vec<Mac> = {
                let book = self.book();
                book.all().filter(|kept| kept.lacks_password()).map(|kept| kept.phone.mac).collect()
            };
            for mac in settled {
                match self.rotate(mac).await {
                    Ok(()) | Err(DeskPhonesError::NoSuchPhone(_) | DeskPhonesError::NotSettled(_)) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        tracing::info!(pnp = options.pnp, http_password = options.http_password, "the options of desk phones");
        Ok(())
    }

    pub(super) fn take_options(&self, options: DeskPhoneOptions) {
        self.inner.options.send_replace(options);
        self.inner.pnp.send_replace(options.pnp);
    }

    /// Phones that give no password yet although they should.
    pub fn without_password(&self) -> usize {
        if !self.options().http_password {
            return 0;
        }
        let book = self.book();
        let told = |kept: &&super::Kept| {
            kept.view(self.now()).progress != Progress::Waiting
                && kept.token(Kind::Current).is_none_or(|token| !token.password)
        };
        book.all().filter(told).count()
    }
}

pub(super) async fn load(store: &Store) -> Result<DeskPhoneOptions, StoreError> {
    let rows: Vec<(String, String)> = query_as("SELECT name, value FROM desk_phone_setting")
        .fetch_all(store.reader())
        .await
        .map_err(StoreError::doing("reading the options of desk phones"))?;
    let on = |wanted: &str| rows.iter().any(|(name, value)| name == wanted && value == "on");
    Ok(DeskPhoneOptions { pnp: on(PNP), http_password: on(HTTP_PASSWORD) })
}

async fn save(store: &Store, options: DeskPhoneOptions) -> Result<(), StoreError> {
    const DOING: &str = "saving the options of desk phones";
    let mut change = store.begin().await?;
    for (name, on) in [(PNP, options.pnp), (HTTP_PASSWORD, options.http_password)] {
        query(
            "INSERT INTO desk_phone_setting (name, value) VALUES ($1, $2) \
             ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        )
        .bind(name)
        .bind(if on { "on" } else { "off" })
        .execute(&mut change)
        .await
        .map_err(StoreError::doing(DOING))?;
    }
    change.commit().await.map_err(StoreError::doing(DOING))
}
