//! Which apps a credential is for. Pure.

use pbx_core::model::{PushProvider, WakeTarget};

use super::CredentialKind;

/// How well a credential fits an app, best first: with a key of our own nobody else stands between us and the phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fit {
    /// A key that names the app.
    Named,
    /// A relay that names the app.
    Relay,
    /// A key that names no app, so it may be the one.
    Unnamed,
    /// A relay for every app that has nothing better.
    AnyRelay,
}

/// How a credential that names `app_ids` fits a target; `only_one` means that it is the only one of its kind.
///
/// The ids of a Firebase account are its project and, if the admin gave it, its sender id.
pub fn fit<T: AsRef<str>>(kind: CredentialKind, app_ids: &[T], target: &WakeTarget, only_one: bool) -> Option<Fit> {
    let app = target.app_id.as_str();
    let named = app_ids.iter().any(|id| id.as_ref() == app);
    match (kind, target.provider) {
        (CredentialKind::Apns, PushProvider::Apns) if named => Some(Fit::Named),
        (CredentialKind::Apns, PushProvider::Apns) => app_ids.is_empty().then_some(Fit::Unnamed),
        (CredentialKind::Fcm, PushProvider::Fcm) if named => Some(Fit::Named),
        (CredentialKind::Fcm, PushProvider::Fcm) => {
            // Many apps name the project number; a lone account without one is meant. FCM itself compares.
            let is_number = app.bytes().all(|b| b.is_ascii_digit());
            (only_one && app_ids.len() == 1 && is_number).then_some(Fit::Unnamed)
        }
        (CredentialKind::Webhook, PushProvider::Apns | PushProvider::Fcm) if named => Some(Fit::Relay),
        (CredentialKind::Webhook, PushProvider::Apns | PushProvider::Fcm) => {
            app_ids.is_empty().then_some(Fit::AnyRelay)
        }
        (CredentialKind::Hms, PushProvider::Hms) if named => Some(Fit::Named),
        // A phone that left out its app id is meant by a lone credential; Huawei itself compares.
        (CredentialKind::Hms, PushProvider::Hms) => (only_one && app.is_empty()).then_some(Fit::Unnamed),
        (CredentialKind::WebPush, PushProvider::WebPush) => Some(Fit::Named),
        (CredentialKind::Acrobits, PushProvider::Acrobits) if named => Some(Fit::Named),
        (CredentialKind::Acrobits, PushProvider::Acrobits) => app_ids.is_empty().then_some(Fit::Unnamed),
        // A subscription for Web Push is bound to the key it was made with.
        (
            CredentialKind::Apns
            | CredentialKind::Fcm
            | CredentialKind::Hms
            | CredentialKind::Webhook
            | CredentialKind::WebPush
            | CredentialKind::Acrobits,
            _,
        ) => None,
    }
}

/// Whether it is a key of our own for phones of this provider.
pub(crate) const fn is_key_for(kind: CredentialKind, provider: PushProvider) -> bool {
    match kind {
        CredentialKind::Apns
        | CredentialKind::Fcm
        | CredentialKind::Hms
        | CredentialKind::WebPush
        | CredentialKind::Acrobits => kind.serves(provider),
        CredentialKind::Webhook => false,
    }
}
