//! Push token hygiene: every token there is with the one state that matters, drawn from the records of its device.
//!
//! Nothing here ends a token. It dies by logout, by an admin or by its provider's word, never by age: a phone that lay in a
//! drawer for a year is called again when it is charged, as long as its provider takes the token.

use std::collections::BTreeMap;
use std::time::Duration;

use pbx_core::model::{
    DeviceId, DeviceSummary, Environment, ExtensionNumber, LastWake, Presence, PushProvider, ReplacedToken,
    TargetHealth, TokenHolder, UnixMillis, WakeTarget,
};
use serde::{Deserialize, Serialize};

use crate::say;
use crate::token::fingerprint;
use crate::words;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// The state of a token; what wants a look comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TokenState {
    /// Its provider refuses it for this app; still tried.
    Suspect,
    /// Its provider says that it is gone.
    Revoked,
    /// Nothing speaks against it, but its phone gave no sign for long.
    Unseen,
    /// Its phone is another extension's by now, with proof.
    Moved,
    /// Push is switched off for it.
    SwitchedOff,
    /// Its phone has sent another one in its place.
    Replaced,
    /// Good.
    Live,
}

impl TokenState {
    pub(crate) const ALL: [Self; 7] =
        [Self::Live, Self::Suspect, Self::Revoked, Self::Unseen, Self::Moved, Self::SwitchedOff, Self::Replaced];

    /// As the API writes it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Suspect => "suspect",
            Self::Revoked => "revoked",
            Self::Unseen => "unseen",
            Self::Moved => "moved",
            Self::SwitchedOff => "switched_off",
            Self::Replaced => "replaced",
            Self::Live => "live",
        }
    }
}

/// One token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = Token)]
pub(crate) struct TokenRow {
    /// Whose it is, or was.
    pub(crate) device: DeviceId,
    pub(crate) extension: ExtensionNumber,
    /// The phone's name for people.
    pub(crate) phone: String,
    pub(crate) presence: Presence,
    pub(crate) state: TokenState,
    pub(crate) provider: PushProvider,
    pub(crate) platform: &'static str,
    pub(crate) app_id: String,
    pub(crate) environment: Environment,
    /// Names the token without giving it away: the first digits of a hash.
    pub(crate) token: String,
    pub(crate) learned_at: UnixMillis,
    /// When its phone last registered.
    pub(crate) last_seen_at: UnixMillis,
    /// Whole days since then; 0 while it is registered.
    pub(crate) unseen_days: u32,
    /// The last push and what became of it.
    pub(crate) last_wake: Option<LastWake>,
    /// The provider's words, or what became of the token; empty when all is well.
    pub(crate) why: String,
    /// When that was, if it is known.
    pub(crate) since: Option<UnixMillis>,
    /// The token that took its place.
    pub(crate) replaced_by: Option<String>,
    /// The extension that it moved to.
    pub(crate) moved_to: Option<ExtensionNumber>,
    /// Devices of other extensions with the same token.
    pub(crate) elsewhere: Vec<TokenHolder>,
}

/// Every token of these devices: the one each has, and the one that it replaced.
pub(crate) fn tokens(devices: &[DeviceSummary], unseen_days: u16, now: UnixMillis) -> Vec<TokenRow> {
    let with_target = devices.iter().filter_map(|device| Some((device, device.wake_target.as_ref()?)));
    with_target
        .flat_map(|(device, target)| {
            let current = current(device, target, unseen_days, now);
            let replaced = target.history.replaced.as_ref().map(|old| replaced(&current, old));
            [Some(current), replaced]
        })
        .flatten()
        .collect()
}

/// Days since the phone was last registered; 0 while it is.
pub(crate) fn unseen_for(device: &DeviceSummary, now: UnixMillis) -> u32 {
    if device.presence == Presence::Registered {
        return 0;
    }
    u32::try_from(now.since(device.last_seen_at).as_secs() / DAY.as_secs()).unwrap_or(u32::MAX)
}

fn current(device: &DeviceSummary, target: &WakeTarget, unseen_days: u16, now: UnixMillis) -> TokenRow {
    let days = unseen_for(device, now);
    let shown = target.call_token.as_ref().or(target.notice_token.as_ref());
    let off = target
        .switched_off
        .map(|by| say("hygiene-push-is-switched-off").with("switched-off", &words::switched_off(by)).text());
    let (state, why, since, moved_to) = match (&target.health, off) {
        (TargetHealth::Moved { to, at, .. }, _) => (
            TokenState::Moved,
            say("hygiene-its-phone-signed-in-as-extension").with("to", &to).text(),
            Some(*at),
            Some(*to),
        ),
        (TargetHealth::Revoked { since, why }, _) => (TokenState::Revoked, why.clone(), Some(*since), None),
        (TargetHealth::Good | TargetHealth::Suspect { .. }, Some(off)) => (TokenState::SwitchedOff, off, None, None),
        (TargetHealth::Suspect { why, .. }, None) => (TokenState::Suspect, why.clone(), None, None),
        (TargetHealth::Good, None) if days >= u32::from(unseen_days) => (
            TokenState::Unseen,
            say("hygiene-its-phone-gave-no-sign-for").with("days", &days).text(),
            Some(device.last_seen_at),
            None,
        ),
        (TargetHealth::Good, None) => (TokenState::Live, String::new(), None, None),
    };
    TokenRow {
        device: device.id,
        extension: device.extension,
        phone: words::device_name(&device.user_agent, device.id),
        presence: device.presence,
        state,
        provider: target.provider,
        platform: words::platform(target.provider),
        app_id: target.app_id.clone(),
        environment: target.environment,
        token: shown.map(|token| fingerprint(token.reveal())).unwrap_or_default(),
        learned_at: target.learned_at,
        last_seen_at: device.last_seen_at,
        unseen_days: days,
        last_wake: device.last_wake.clone(),
        why,
        since,
        replaced_by: None,
        moved_to,
        elsewhere: device.token_elsewhere.clone(),
    }
}

fn replaced(current: &TokenRow, old: &ReplacedToken) -> TokenRow {
    TokenRow {
        state: TokenState::Replaced,
        provider: old.provider,
        platform: words::platform(old.provider),
        app_id: old.app_id.clone(),
        token: fingerprint(&old.fingerprint),
        learned_at: old.learned_at,
        last_wake: None,
        why: say("hygiene-its-phone-sent-in-its-place").with("token", &current.token).text(),
        since: Some(old.at),
        replaced_by: Some(current.token.clone()),
        moved_to: None,
        elsewhere: Vec::new(),
        ..current.clone()
    }
}

/// By what a list is sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TokenSort {
    /// What wants a look first; among equals the longest unseen.
    #[default]
    State,
    /// The longest unseen first.
    LastSeen,
    /// The oldest first.
    Learned,
    Extension,
    App,
}

/// Which tokens a list shows, and how; everything that is left out does not limit it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct TokenFilter {
    #[param(inline)]
    pub(crate) state: Option<TokenState>,
    #[param(inline)]
    pub(crate) provider: Option<PushProvider>,
    /// The app id, in full.
    pub(crate) app: Option<String>,
    #[param(value_type = Option<String>)]
    pub(crate) extension: Option<ExtensionNumber>,
    /// At least so many days without a sign of the phone.
    pub(crate) unseen_days: Option<u32>,
    /// Only tokens that other extensions have as well.
    pub(crate) shared: Option<bool>,
    /// A part of the extension, the phone's name, the app id or the fingerprint.
    pub(crate) search: Option<String>,
    #[param(inline)]
    pub(crate) sort: Option<TokenSort>,
    /// The other way round.
    pub(crate) descending: Option<bool>,
    /// How many to leave out: `next` of the page before.
    pub(crate) after: Option<usize>,
    /// 1 to 500.
    pub(crate) limit: Option<usize>,
}

impl TokenFilter {
    fn takes(&self, row: &TokenRow) -> bool {
        let search = self.search.as_deref().unwrap_or("").trim().to_lowercase();
        let extension = row.extension.to_string();
        let texts = [extension.as_str(), &row.phone, &row.app_id, &row.token];
        self.state.is_none_or(|state| row.state == state)
            && self.provider.is_none_or(|provider| row.provider == provider)
            && self.app.as_deref().is_none_or(|app| row.app_id == app)
            && self.extension.is_none_or(|extension| row.extension == extension)
            && self.unseen_days.is_none_or(|days| row.unseen_days >= days)
            && self.shared.is_none_or(|shared| shared != row.elsewhere.is_empty())
            && (search.is_empty() || texts.iter().any(|text| text.to_lowercase().contains(&search)))
    }

    /// The rows it takes, in order.
    pub(crate) fn apply(&self, mut rows: Vec<TokenRow>) -> Vec<TokenRow> {
        rows.retain(|row| self.takes(row));
        // A device has one current token, and what it replaced stands behind it.
        let usual = |row: &TokenRow| (row.last_seen_at, row.device, row.state);
        match self.sort.unwrap_or_default() {
            TokenSort::State => rows.sort_by_key(|row| (row.state, usual(row))),
            TokenSort::LastSeen => rows.sort_by_key(usual),
            TokenSort::Learned => rows.sort_by_key(|row| (row.learned_at, usual(row))),
            TokenSort::Extension => rows.sort_by_key(|row| (row.extension, usual(row))),
            TokenSort::App => rows.sort_by(|a, b| (&a.app_id, usual(a)).cmp(&(&b.app_id, usual(b)))),
        }
        if self.descending == Some(true) {
            rows.reverse();
        }
        rows
    }
}

/// How many tokens are in each state, by its name in the API.
pub(crate) fn counts(rows: &[TokenRow]) -> BTreeMap<&'static str, usize> {
    let mut counts: BTreeMap<_, _> = TokenState::ALL.into_iter().map(|state| (state.as_str(), 0)).collect();
    for row in rows {
        *counts.entry(row.state.as_str()).or_default() += 1;
    }
    counts
}

#[cfg(test)]
mod tests;
