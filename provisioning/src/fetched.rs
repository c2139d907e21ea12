//! What each phone was told about push when it fetched its profile last, so that it is known who needs it again.
//!
//! The order in which push credentials and phones are set up never matters: a credential that comes later, or whose project or
//! key changes, makes a difference between what a phone was told and what it would be told now. That difference is the mark
//! "needs its settings again"; it is never stored, so nothing can get lost, and the next fetch ends it.

use std::collections::BTreeMap;
use std::time::Duration;

use pbx_core::model::{ExtensionNumber, PushOffer, PushProvider, SipUsername, UnixMillis};
use pbx_core::store::sql::{query, query_as};
use pbx_core::store::{Store, StoreError};
use sqlx::FromRow;

use crate::{EnrolmentError, Enrolments, IssuedLink};

/// What the phone of one account was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchedProfile {
    /// The account.
    pub username: SipUsername,
    /// Whose it is.
    pub extension: ExtensionNumber,
    /// Who wakes the platform it fetched with, as far as its User-Agent says.
    pub provider: Option<PushProvider>,
    /// For each push provider the line of settings it was told ([`PushOffer::settings_for`]).
    pub push: BTreeMap<PushProvider, String>,
    /// When it fetched.
    pub fetched_at: UnixMillis,
    /// When an admin asked that it fetch again, unless it has.
    pub asked_at: Option<UnixMillis>,
}

impl FetchedProfile {
    /// Whether a phone that is woken by `provider` would be told something else about it now.
    pub fn is_old(&self, provider: PushProvider, offer: &PushOffer) -> bool {
        offer.settings_for(provider).is_some_and(|line| self.push.get(&provider) != Some(&line))
    }
}

const PROVIDERS: [PushProvider; 5] =
    [PushProvider::Apns, PushProvider::Fcm, PushProvider::WebPush, PushProvider::Hms, PushProvider::Acrobits];

impl Enrolments {
    /// What the phones of an extension, or of all, were told.
    pub async fn fetched(&self, extension: Option<ExtensionNumber>) -> Result<Vec<FetchedProfile>, EnrolmentError> {
        Ok(list(self.store(), extension).await?)
    }

    /// A phone has fetched its profile as it is now.
    pub async fn note_fetched(
        &self,
        username: &SipUsername,
        extension: ExtensionNumber,
        provider: Option<PushProvider>,
    ) -> Result<(), EnrolmentError> {
        let offer = self.offer();
        let told = PROVIDERS.into_iter().filter_map(|one| Some((one, offer.settings_for(one)?))).collect();
        Ok(put(self.store(), (username, extension, provider), &told, self.now()).await?)
    }

    /// Makes a link by which the phone of an account fetches its settings again. Until then nothing changes for it; with them it
    /// gets another secret of the same account, so it stays the same phone.
    pub async fn issue_again(
        &self,
        extension: ExtensionNumber,
        username: &SipUsername,
        lifetime: Duration,
    ) -> Result<IssuedLink, EnrolmentError> {
        if !self.extension(extension).await?.accounts.contains(username) {
            return Err(EnrolmentError::NoSuchAccount(username.clone()));
        }
        self.issue_for(extension, "settings again", lifetime, Some(username.clone())).await
    }

    /// An admin wants the phone of this account to fetch its settings again. False when it has never fetched any.
    pub async fn ask_to_fetch(&self, username: &SipUsername) -> Result<bool, EnrolmentError> {
        Ok(ask(self.store(), username, self.now()).await?)
    }
}

async fn put(
    store: &Store,
    (username, extension, provider): (&SipUsername, ExtensionNumber, Option<PushProvider>),
    told: &BTreeMap<PushProvider, String>,
    now: UnixMillis,
) -> Result<(), StoreError> {
    const DOING: &str = "noting what a phone was told";
    let text = serde_json::to_string(told)
        .map_err(|_| StoreError::inconsistent("fetched_profile", "push", username.as_str()))?;
    let mut change = store.begin().await?;
    query(
        "INSERT INTO fetched_profile (username, extension, provider, push, fetched_at, asked_at) \
         VALUES ($1, $2, $3, $4, $5, NULL) \
         ON CONFLICT (username) DO UPDATE SET provider = COALESCE(excluded.provider, fetched_profile.provider), \
         push = excluded.push, fetched_at = excluded.fetched_at, asked_at = NULL",
    )
    .bind(username.as_str())
    .bind(extension.to_string())
    .bind(provider.map(PushProvider::as_str))
    .bind(text)
    .bind(now.0)
    .execute(&mut change)
    .await
    .map_err(StoreError::doing(DOING))?;
    change.commit().await.map_err(StoreError::doing(DOING))
}

async fn ask(store: &Store, username: &SipUsername, now: UnixMillis) -> Result<bool, StoreError> {
    const DOING: &str = "asking a phone to fetch its settings again";
    let mut change = store.begin().await?;
    let done = query("UPDATE fetched_profile SET asked_at = $2 WHERE username = $1")
        .bind(username.as_str())
        .bind(now.0)
        .execute(&mut change)
        .await
        .map_err(StoreError::doing(DOING))?;
    change.commit().await.map_err(StoreError::doing(DOING))?;
    Ok(done.rows_affected() == 1)
}

async fn list(store: &Store, extension: Option<ExtensionNumber>) -> Result<Vec<FetchedProfile>, StoreError> {
    let rows: Vec<Row> = query_as(
        "SELECT username, extension, provider, push, fetched_at, asked_at FROM fetched_profile \
         WHERE $1 = '' OR extension = $1 ORDER BY username",
    )
    .bind(extension.map(|number| number.to_string()).unwrap_or_default())
    .fetch_all(store.reader())
    .await
    .map_err(StoreError::doing("reading what phones were told"))?;
    rows.into_iter().map(Row::into_profile).collect()
}

/// Forgets what phones were told whose account is gone for good.
pub(crate) async fn sweep(store: &Store) -> Result<(), StoreError> {
    const DOING: &str = "forgetting what phones of before were told";
    let mut change = store.begin().await?;
    query("DELETE FROM fetched_profile WHERE username NOT IN (SELECT username FROM sip_credential)")
        .execute(&mut change)
        .await
        .map_err(StoreError::doing(DOING))?;
    change.commit().await.map_err(StoreError::doing(DOING))
}

#[derive(FromRow)]
struct Row {
    username: String,
    extension: String,
    provider: Option<String>,
    push: String,
    fetched_at: i64,
    asked_at: Option<i64>,
}

impl Row {
    fn into_profile(self) -> Result<FetchedProfile, StoreError> {
        let odd = |column| StoreError::inconsistent("fetched_profile", column, &self.username);
        Ok(FetchedProfile {
            username: self.username.parse().map_err(|_| odd("username"))?,
            extension: self.extension.parse().map_err(|_| odd("extension"))?,
            provider: match &self.provider {
                Some(name) => Some(PushProvider::from_name(name).ok_or_else(|| odd("provider"))?),
                None => None,
            },
            push: serde_json::from_str(&self.push).map_err(|_| odd("push"))?,
            fetched_at: UnixMillis(self.fetched_at),
            asked_at: self.asked_at.map(UnixMillis),
        })
    }
}
