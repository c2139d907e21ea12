//! Tokens made older than they are, for tests.

use super::*;

impl Line {
    /// As if the provider token had been issued then; says whether there was one.
    pub(in crate::gateway) fn backdate_provider_token(&self, issued_at: i64) -> bool {
        match &self.provider {
            Provider::Apns { key, token, .. } => {
                let mut token = token.lock().unwrap_or_else(PoisonError::into_inner);
                let older = key.provider_token(issued_at).map(|token| KeptToken { token, issued_at });
                token.is_some() && std::mem::replace(&mut *token, older).is_some()
            }
            Provider::ApnsCertificate { .. }
            | Provider::Bearer { .. }
            | Provider::Webhook { .. }
            | Provider::WebPush { .. }
            | Provider::Acrobits { .. } => false,
        }
    }

    /// As if the access token had been fetched a minute ago.
    pub(in crate::gateway) async fn backdate_access_token(&self) {
        match &self.provider {
            Provider::Apns { .. }
            | Provider::ApnsCertificate { .. }
            | Provider::Webhook { .. }
            | Provider::WebPush { .. }
            | Provider::Acrobits { .. } => {}
            Provider::Bearer { access, .. } => {
                if let Some(access) = access.lock().await.as_mut() {
                    access.fetched_at = access.fetched_at - Duration::from_secs(60);
                }
            }
        }
    }

    /// As after a restart.
    pub(in crate::gateway) async fn forget_access_token(&self) {
        match &self.provider {
            Provider::Apns { .. }
            | Provider::ApnsCertificate { .. }
            | Provider::Webhook { .. }
            | Provider::WebPush { .. }
            | Provider::Acrobits { .. } => {}
            Provider::Bearer { access, .. } => *access.lock().await = None,
        }
    }
}
