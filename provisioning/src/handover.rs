//! Apps that fetch their account with a bare GET, as any link preview would: an explicit act on the page gives them an address
//! of their own, which is shown there and nowhere else, is good once and for ten minutes.
//!
//! Kept in memory only: after a restart the user presses the button again. The link is used up by the fetch, not by the button.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use pbx_core::model::UnixMillis;

use crate::link::LinkToken;

/// How long an address works: the time to take the phone and scan.
pub(crate) const LIFETIME: Duration = Duration::from_secs(600);
/// Addresses at once; beyond it the oldest goes.
const MAX_OPEN: usize = 1024;

/// Which document is fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FetchingApp {
    Groundwire,
    Zoiper,
}

impl FetchingApp {
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        match name {
            "groundwire" => Some(Self::Groundwire),
            "zoiper" => Some(Self::Zoiper),
            _ => None,
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Groundwire => "Groundwire",
            Self::Zoiper => "Zoiper",
        }
    }

    /// What a tap opens the app with; the address without its scheme follows.
    pub(crate) const fn scheme(self) -> Option<&'static str> {
        match self {
            Self::Groundwire => Some("provlinkbs://"),
            Self::Zoiper => None,
        }
    }
}

struct Waiting {
    link: LinkToken,
    app: FetchingApp,
    until: UnixMillis,
}

/// The addresses that work now, by the hash of their code.
#[derive(Default)]
pub(crate) struct Handovers {
    waiting: Mutex<BTreeMap<[u8; 32], Waiting>>,
}

impl Handovers {
    /// Opens an address for a link.
    pub(crate) fn open(&self, code: &LinkToken, link: LinkToken, app: FetchingApp, now: UnixMillis) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|_, one| one.until > now);
        if waiting.len() >= MAX_OPEN {
            let oldest = waiting.iter().min_by_key(|(_, one)| one.until).map(|(hash, _)| *hash);
            oldest.and_then(|hash| waiting.remove(&hash));
        }
        waiting.insert(code.hash().0, Waiting { link, app, until: now + LIFETIME });
    }

    /// Uses an address up.
    pub(crate) fn take(&self, code: &LinkToken, now: UnixMillis) -> Option<(LinkToken, FetchingApp)> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.remove(&code.hash().0).filter(|one| one.until > now).map(|one| (one.link, one.app))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis(1_790_000_000_000);

    fn token(n: u16) -> LinkToken {
        let mut bytes = [1; 32];
        bytes[..2].copy_from_slice(&n.to_be_bytes());
        LinkToken::from_random(bytes)
    }

    #[test]
    fn an_address_is_good_once_and_for_ten_minutes() {
        let handovers = Handovers::default();
        handovers.open(&token(1), token(100), FetchingApp::Zoiper, NOW);
        assert!(handovers.take(&token(1), NOW).is_some());
        assert!(handovers.take(&token(1), NOW).is_none());
        handovers.open(&token(2), token(100), FetchingApp::Zoiper, NOW);
        assert!(handovers.take(&token(2), NOW + LIFETIME).is_none());
    }

    #[test]
    fn addresses_are_bounded_and_the_oldest_goes() {
        let handovers = Handovers::default();
        for n in 0..=u16::try_from(MAX_OPEN).unwrap() {
            handovers.open(&token(n), token(5000), FetchingApp::Groundwire, NOW + Duration::from_millis(n.into()));
        }
        assert_eq!(handovers.waiting.lock().unwrap().len(), MAX_OPEN);
        assert!(handovers.take(&token(0), NOW).is_none());
    }
}
