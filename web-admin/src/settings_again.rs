//! "Needs its settings again": phones that fetched their profile before push was set up for them, or before it changed.
//!
//! The mark is drawn from what a phone was told at its last fetch and what it would be told now (`provisioning::fetched`), so
//! it appears the moment a credential is added, outlives a restart, and goes with the next fetch. A phone whose token a
//! credential covers already needs nothing, whatever it was told; only a browser's subscription hangs on the very key.

use std::collections::{BTreeMap, BTreeSet};

use pbx_core::model::{DeviceId, DeviceSummary, ExtensionNumber, PushOffer, PushProvider, SipUsername, UnixMillis};
use provisioning::fetched::FetchedProfile;
use push_module::{CredentialSummary, obstacle};
use serde::Serialize;

use crate::error::Refusal;
use crate::state::AdminState;
use crate::t;
use crate::words;

/// The stable code of the mark, everywhere.
pub(crate) const CODE: &str = "needs_settings";

/// A phone needs its settings again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = NeedsSettings)]
pub(crate) struct Mark {
    pub(crate) code: &'static str,
    /// Why.
    pub(crate) text: &'static str,
    /// What to do.
    pub(crate) fix: &'static str,
    pub(crate) provider: Option<PushProvider>,
    /// Its app fetches them by itself when it is opened.
    pub(crate) by_itself: bool,
    /// When it fetched last.
    pub(crate) fetched_at: UnixMillis,
}

/// A phone with its mark.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = MarkedPhone)]
pub(crate) struct Marked {
    pub(crate) device: DeviceId,
    pub(crate) extension: ExtensionNumber,
    /// The phone's name for people.
    pub(crate) phone: String,
    #[serde(flatten)]
    pub(crate) mark: Mark,
}

/// What phones were told, and what they would be told now.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    told: BTreeMap<SipUsername, FetchedProfile>,
    /// Accounts whose apps use the device API.
    apps: BTreeSet<SipUsername>,
    offer: PushOffer,
}

impl Marks {
    /// Of the phones of an extension, or of all.
    pub(crate) async fn load(state: &AdminState, extension: Option<ExtensionNumber>) -> Result<Self, Refusal> {
        let told = state.enrolments.fetched(extension).await?;
        let apps = state.enrolments.installations().list(extension).await?;
        Ok(Self {
            told: told.into_iter().map(|one| (one.username.clone(), one)).collect(),
            apps: apps.into_iter().map(|app| app.username).collect(),
            offer: state.enrolments.offer(),
        })
    }

    /// The mark of a device, if it has one.
    pub(crate) fn of(&self, device: &DeviceSummary, credentials: &[CredentialSummary]) -> Option<Mark> {
        let told = self.told.get(&device.username)?;
        let target = device.wake_target.as_ref();
        let by_agent = || provisioning::profile::push_provider(&device.user_agent);
        let provider = target.map(|target| target.provider).or(told.provider).or_else(by_agent);
        let text = match provider {
            _ if told.asked_at.is_some() => t("settings-again-an-admin-asked-that-it-fetches"),
            Some(provider) => {
                let is_covered = target.is_some_and(|target| obstacle(credentials, target).is_none());
                // A browser subscribes with the very key.
                if !told.is_old(provider, &self.offer) || (is_covered && provider != PushProvider::WebPush) {
                    return None;
                }
                match told.push.contains_key(&provider) {
                    true => t("settings-again-what-it-was-told-about-push"),
                    false => t("settings-again-push-was-set-up-for-it"),
                }
            }
            None => return None,
        };
        let by_itself = self.apps.contains(&device.username);
        let fix = if by_itself {
            t("settings-again-its-app-fetches-them-by-itself")
        } else {
            t("settings-again-show-it-a-new-qr-code")
        };
        Some(Mark { code: CODE, text, fix, provider, by_itself, fetched_at: told.fetched_at })
    }

    /// Every device with a mark.
    pub(crate) fn all(&self, devices: &[DeviceSummary], credentials: &[CredentialSummary]) -> Vec<Marked> {
        let marked = |device: &DeviceSummary| {
            let mark = self.of(device, credentials)?;
            let phone = words::device_name(&device.user_agent, device.id);
            Some(Marked { device: device.id, extension: device.extension, phone, mark })
        };
        devices.iter().filter_map(marked).collect()
    }
}

#[cfg(test)]
mod tests;
