//! The web proxy as an admin sets it: sealed, in force with the next connection, the environment's while none is set.

use pbx_core::model::{Redacted, UnixMillis};
use pbx_core::store::sql::{query, query_as};
use pbx_core::store::{Store, StoreError};
use thiserror::Error;
use url::Url;

use super::Gateway;
use crate::egress::{NewWebProxy, ProxySettings, WebProxyError, WebProxySetting};
use crate::provider::client::{HttpClient, Protocol};
use crate::provider::guard::Guard;

/// Where the password is sealed.
const PASSWORD: &str = "web_proxy.password";

/// Why the web proxy could not be set.
#[derive(Debug, Error)]
pub enum SetWebProxyError {
    /// A field cannot be used.
    #[error(transparent)]
    Field(#[from] WebProxyError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Gateway {
    /// The setting without its password; `None` while none is saved.
    pub async fn web_proxy(&self) -> Result<Option<WebProxySetting>, StoreError> {
        Ok(load(&self.shared.web_proxy_store).await?.map(|(setting, _)| setting))
    }

    /// Host and port of the proxy in use, saved or of the environment; `None` without one.
    pub fn web_proxy_in_use(&self) -> Option<String> {
        self.shared.proxy.settings().place()
    }

    /// Another number means that connections take another way; a client that was made before must be made anew.
    pub fn way(&self) -> u64 {
        self.shared.proxy.version()
    }

    /// A client for an address that an admin gave, for something other than pushes: past the web proxy, and into private
    /// networks only if `allow_private` says so. The error is for an admin.
    pub fn guarded_client(
        &self,
        url: &str,
        allow_private: bool,
        authority: Option<&str>,
    ) -> Result<HttpClient, String> {
        let url = Url::parse(url).map_err(|_| "this is not an address")?;
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_ascii_lowercase();
        let guard = Guard::new(if allow_private { std::slice::from_ref(&host) } else { &[] });
        HttpClient::new(&Protocol::Guarded(guard), &self.shared.proxy, authority, None)
    }

    /// Saves it; the next connection of every push takes it. What is on the wire ends on the old way.
    pub async fn set_web_proxy(&self, new: NewWebProxy) -> Result<WebProxySetting, SetWebProxyError> {
        let store = &self.shared.web_proxy_store;
        let before = load(store).await?;
        let (stored, old) = before.map_or((None, None), |(setting, password)| (Some(setting), password));
        let (setting, password) = new.checked(stored.as_ref(), self.shared.clock.now().wall)?;
        let password = password.or_else(|| old.filter(|_| setting.has_password));
        save(store, &setting, password.as_ref().filter(|_| setting.has_password)).await?;
        self.shared.proxy.replace(ProxySettings::of_setting(&setting, &password.unwrap_or_default()));
        tracing::info!(host = setting.host, port = setting.port, "the web proxy for outgoing connections was set");
        Ok(setting)
    }

    /// Forgets it and its password; what the environment names is in use again.
    pub async fn remove_web_proxy(&self) -> Result<(), StoreError> {
        const DOING: &str = "removing the web proxy";
        let mut change = self.shared.web_proxy_store.begin().await?;
        query("DELETE FROM web_proxy").execute(&mut change).await.map_err(StoreError::doing(DOING))?;
        change.commit().await.map_err(StoreError::doing(DOING))?;
        self.shared.proxy.replace(ProxySettings::of_environment());
        tracing::info!("the web proxy for outgoing connections was removed");
        Ok(())
    }
}

/// What is in force at the start.
pub(super) async fn in_force(store: &Store) -> Result<ProxySettings, StoreError> {
    Ok(match load(store).await? {
        Some((setting, password)) => ProxySettings::of_setting(&setting, &password.unwrap_or_default()),
        None => ProxySettings::of_environment(),
    })
}

async fn load(store: &Store) -> Result<Option<(WebProxySetting, Option<Redacted<String>>)>, StoreError> {
    let row: Option<(String, Option<Vec<u8>>, i64)> =
        query_as("SELECT details, password, changed_at FROM web_proxy WHERE id = 1")
            .fetch_optional(store.reader())
            .await
            .map_err(StoreError::doing("reading the web proxy"))?;
    let Some((details, sealed, changed_at)) = row else { return Ok(None) };
    let odd = |_| StoreError::Inconsistent { table: "web_proxy", column: "details", row: "1".to_owned() };
    let mut setting: WebProxySetting = serde_json::from_str(&details).map_err(odd)?;
    // One that does not open with this master key is asked for again by whoever looks at the setting.
    let password = sealed.and_then(|sealed| {
        let opened = store.sealer().open(PASSWORD, &sealed).ok()?;
        Some(Redacted::new(std::str::from_utf8(&opened).ok()?.to_owned()))
    });
    (setting.changed_at, setting.has_password) = (UnixMillis(changed_at), password.is_some());
    Ok(Some((setting, password)))
}

async fn save(store: &Store, setting: &WebProxySetting, password: Option<&Redacted<String>>) -> Result<(), StoreError> {
    const DOING: &str = "saving the web proxy";
    let odd = |_| StoreError::Inconsistent { table: "web_proxy", column: "details", row: "1".to_owned() };
    let details = serde_json::to_string(setting).map_err(odd)?;
    let sealed = match password {
        Some(password) => Some(store.sealer().seal(PASSWORD, password.reveal().as_bytes())?),
        None => None,
    };
    let mut change = store.begin().await?;
    query(
        "INSERT INTO web_proxy (id, details, password, changed_at) VALUES (1, $1, $2, $3) \
         ON CONFLICT (id) DO UPDATE SET details = excluded.details, password = excluded.password, \
         changed_at = excluded.changed_at",
    )
    .bind(details)
    .bind(sealed)
    .bind(setting.changed_at.0)
    .execute(&mut change)
    .await
    .map_err(StoreError::doing(DOING))?;
    change.commit().await.map_err(StoreError::doing(DOING))
}
