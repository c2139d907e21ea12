//! Phones that asked and were told nothing: what an admin looks for who plugged one in and sees nothing happen.
//!
//! Everybody can ask, with any MAC, so the list is for people only and nothing hangs on it. It is memory, and it is bounded: one
//! network fills a part of it, and whoever fills most loses first.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use pbx_core::model::{Network, UnixMillis};
use thiserror::Error;

use super::visit::Visit;
use super::{AGENT_CHARS, DeskPhones};
use crate::desk_phone::factory::NotGenuine;
use crate::desk_phone::{Mac, user_agent};

/// Entries; a floor of phones that somebody forgot to add.
const MOST: usize = 64;
/// Entries of one network.
const MOST_OF_ONE: usize = 32;
/// Who set a phone up yesterday does not look for it today.
const LIVES: Duration = Duration::from_secs(24 * 3600);

/// Why a phone was told nothing; it itself gets the same answer for each.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Why {
    /// The MAC is in no list.
    #[error("this phone has not been added")]
    Unknown,
    /// A secret that nobody has.
    #[error("the secret in its address is wrong, or was replaced")]
    WrongSecret,
    /// The first address came too late.
    #[error("its first address has run out; make a new one")]
    RanOut,
    /// It came by its MAC alone.
    #[error("it came without a secret, and its pairing window is closed")]
    NoWindow,
    /// Somebody else used the window.
    #[error("its pairing window is used by another network")]
    OtherNetwork,
    /// Vendor, model or MAC are not what was added.
    #[error("it calls itself another phone than was added: look at vendor, model and MAC")]
    NotItself,
    /// A phone we could believe, if we knew it.
    #[error("its factory certificate is good, but this phone has not been added")]
    GenuineButUnknown,
    /// Its certificate proves nothing.
    #[error("{0}")]
    NotGenuine(NotGenuine),
}

/// A phone that was told nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TurnedAway {
    /// The MAC it named.
    pub mac: Mac,
    /// Whether it is one of ours.
    pub added: bool,
    /// The model it named, if it named one.
    pub model: Option<String>,
    /// When it came last.
    pub at: UnixMillis,
    /// How often.
    pub count: u32,
    /// From where.
    pub from: IpAddr,
    /// The file it asked for.
    pub file: String,
    /// Why it was told nothing.
    pub why: Why,
}

/// The list, by MAC and network.
#[derive(Debug, Default)]
pub(super) struct List {
    all: BTreeMap<(Mac, Network), TurnedAway>,
}

impl List {
    fn put(&mut self, one: TurnedAway) {
        let network = Network::from(one.from);
        if let Some(there) = self.all.get_mut(&(one.mac, network)) {
            *there = TurnedAway { count: there.count.saturating_add(1), ..one };
            return;
        }
        self.all.retain(|_, there| one.at.since(there.at) < LIVES);
        let mut of: BTreeMap<Network, usize> = BTreeMap::new();
        for (_, network) in self.all.keys() {
            *of.entry(*network).or_default() += 1;
        }
        let loses = if of.get(&network).is_some_and(|count| *count >= MOST_OF_ONE) {
            Some(network)
        } else if self.all.len() >= MOST {
            of.into_iter().max_by_key(|(_, count)| *count).map(|(network, _)| network)
        } else {
            None
        };
        let oldest = self.all.iter().filter(|((_, network), _)| Some(*network) == loses).min_by_key(|(_, it)| it.at);
        if let Some(key) = oldest.map(|(key, _)| *key) {
            self.all.remove(&key);
        }
        self.all.insert((one.mac, network), one);
    }

    fn forget(&mut self, mac: Mac) {
        self.all.retain(|(there, _), _| *there != mac);
    }

    /// The newest first.
    fn all(&self, now: UnixMillis) -> Vec<TurnedAway> {
        let mut all: Vec<_> = self.all.values().filter(|one| now.since(one.at) < LIVES).cloned().collect();
        all.sort_by_key(|one| std::cmp::Reverse(one.at));
        all
    }
}

impl DeskPhones {
    /// Phones that asked within a day and were told nothing, the newest first.
    pub fn turned_away(&self) -> Vec<TurnedAway> {
        let mut all = self.turned_away_now().all(self.now());
        let book = self.book();
        for one in &mut all {
            one.added = book.get(one.mac).is_some();
        }
        all
    }

    /// Nothing was told; without a MAC it is nobody we could name.
    pub(super) fn turn_away(&self, visit: &Visit<'_>, mac: Option<Mac>, why: Why) {
        let told = user_agent::read(visit.agent);
        let said = told.as_ref().and_then(|told| told.mac);
        let Some(mac) = mac.or_else(|| Mac::find(visit.file)).or(said) else { return };
        let plain = |text: &str| text.chars().filter(|c| !c.is_control()).take(AGENT_CHARS).collect::<String>();
        let one = TurnedAway {
            mac,
            added: false,
            model: told.map(|told| plain(&told.model)),
            at: self.now(),
            count: 1,
            from: visit.from,
            file: plain(visit.file),
            why,
        };
        self.turned_away_now().put(one);
    }

    /// The phone was told something.
    pub(super) fn served(&self, mac: Mac) {
        self.turned_away_now().forget(mac);
    }

    fn turned_away_now(&self) -> std::sync::MutexGuard<'_, List> {
        self.inner.turned_away.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(mac: u32, from: [u8; 4], at: i64) -> TurnedAway {
        TurnedAway {
            mac: format!("805ec0{mac:06x}").parse().unwrap(),
            added: false,
            model: None,
            at: UnixMillis(at),
            count: 1,
            from: from.into(),
            file: String::new(),
            why: Why::Unknown,
        }
    }

    #[test]
    fn a_phone_that_comes_again_stands_once_with_its_last_reason() {
        let mut list = List::default();
        list.put(one(1, [192, 0, 2, 1], 1));
        list.put(TurnedAway { why: Why::NoWindow, ..one(1, [192, 0, 2, 1], 5) });
        let all = list.all(UnixMillis(9));
        assert_eq!(all.len(), 1);
        assert_eq!((all[0].count, all[0].at, &all[0].why), (2, UnixMillis(5), &Why::NoWindow));
        list.forget(all[0].mac);
        assert!(list.all(UnixMillis(9)).is_empty());
    }

    #[test]
    fn a_flood_of_made_up_phones_does_not_hide_a_real_one() {
        let mut list = List::default();
        let real = one(0xab_cdef, [192, 0, 2, 1], 0);
        list.put(real.clone());
        for mac in 0..10_000 {
            list.put(one(mac, [198, 51, 100, 7], i64::from(mac)));
        }
        assert_eq!(list.all.len(), MOST_OF_ONE + 1);
        for mac in 0..10_000 {
            list.put(one(mac, [203, 0, 113, 9], i64::from(mac)));
        }
        assert_eq!(list.all.len(), MOST);
        assert!(list.all(UnixMillis(10_000)).contains(&real));
        assert!(list.all(UnixMillis(0) + LIVES).iter().all(|one| one.mac != real.mac), "yesterday's");
    }
}
