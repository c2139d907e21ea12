//! Slows down guessing without giving outsiders a way to lock an admin out.
//!
//! Failures are counted for each address, for each pair of account and address network, and for each account. The wait
//! doubles from one second to at most a minute. The count of an account slows down strange addresses only: one from which
//! somebody signed in to it, or used a setup link for it, since the start passes by. A browser that somebody has signed in
//! from carries a cookie that says so, and is counted by itself, whatever others do at the same address. An attempt is counted as a failure
//! before the slow check of its password, in one step with the question whether it may be made, so that many at once
//! cannot outrun the count; a success takes it back.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use pbx_core::model::{Network, UnixMillis};

use crate::accounts;

/// Failures that cost nothing: people mistype.
const FREE_FAILURES: u32 = 3;
/// The longest wait; a person who was slowed down by somebody else in the same office waits no longer than this.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// A quiet quarter of an hour forgets everything.
const FORGET_AFTER: Duration = Duration::from_secs(15 * 60);
/// Keys remembered; beyond it the oldest is forgotten, so an attacker with many addresses fills no memory.
const MAX_KEYS: usize = 4096;
/// Characters of a name that are counted; longer names are nobody's.
const MAX_NAME_CHARS: usize = 256;
/// Failures against one account from all unknown addresses together before unknown addresses must wait.
const FREE_ACCOUNT_FAILURES: u32 = 20;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Address(Network),
    Pair(String, Network),
    Account(String),
    Browser(String, String),
}

/// Whom failures are counted for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// An address anybody may sit at.
    Address(Network),
    /// A browser that has proved before that it belongs to the account, by the hash of its cookie, or a session of it.
    /// What others do at any address does not concern it.
    Browser(String),
}

impl From<IpAddr> for Origin {
    fn from(address: IpAddr) -> Self {
        Self::Address(address.into())
    }
}

impl Origin {
    /// Everything a failure counts against.
    fn keys(&self, account: &str) -> Vec<Key> {
        match self {
            Self::Address(from) => {
                vec![Key::Address(*from), Key::Pair(account.to_owned(), *from), Key::Account(account.to_owned())]
            }
            Self::Browser(browser) => vec![Key::Browser(account.to_owned(), browser.clone())],
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Failures {
    count: u32,
    last: UnixMillis,
}

#[derive(Debug, Default)]
struct Counters {
    failures: BTreeMap<Key, Failures>,
    /// Addresses an account signed in from since the start.
    known: BTreeMap<(String, Network), UnixMillis>,
}

/// Counts failed sign-ins.
#[derive(Debug, Default)]
pub(crate) struct Throttle {
    counters: Mutex<Counters>,
}

impl Throttle {
    /// Counts an attempt as a failure unless the address must wait; how long it must.
    pub(crate) fn attempt(&self, account: &str, from: impl Into<Origin>, now: UnixMillis) -> Result<(), Duration> {
        let mut counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        let (account, from) = (key(account), from.into());
        match counters.wait(&account, &from, now) {
            Some(wait) => Err(wait),
            None => {
                counters.failed(&account, &from, now);
                Ok(())
            }
        }
    }

    /// Takes an attempt back that was not decided.
    pub(crate) fn undecided(&self, account: &str, from: impl Into<Origin>) {
        let mut counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        for key in from.into().keys(&key(account)) {
            if let Some(failures) = counters.failures.get_mut(&key) {
                failures.count = failures.count.saturating_sub(1);
            }
        }
    }

    /// Notes a success: pair and address start afresh, and the address is known for the account from now on.
    pub(crate) fn succeeded(&self, account: &str, from: impl Into<Origin>, now: UnixMillis) {
        let mut counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        let account = key(account);
        let from = match from.into() {
            Origin::Address(from) => from,
            Origin::Browser(browser) => {
                counters.failures.remove(&Key::Browser(account, browser));
                return;
            }
        };
        counters.failures.remove(&Key::Address(from));
        counters.failures.remove(&Key::Pair(account.clone(), from));
        if let Some(failures) = counters.failures.get_mut(&Key::Account(account.clone())) {
            failures.count = failures.count.saturating_sub(1);
        }
        counters.known.insert((account, from), now);
        trim(&mut counters.known, |at| *at);
    }
}

impl Counters {
    fn wait(&self, account: &str, from: &Origin, now: UnixMillis) -> Option<Duration> {
        let left = |key: &Key, free: u32| {
            let failures = self.failures.get(key)?;
            let until = failures.last + wait_after(failures.count, free)?;
            (until > now).then(|| until.since(now))
        };
        let from = match from {
            Origin::Address(from) => *from,
            Origin::Browser(browser) => {
                return left(&Key::Browser(account.to_owned(), browser.clone()), FREE_FAILURES);
            }
        };
        let pair = Key::Pair(account.to_owned(), from);
        let mut waits = vec![left(&Key::Address(from), FREE_FAILURES * 3), left(&pair, FREE_FAILURES)];
        if !self.known.contains_key(&(account.to_owned(), from)) {
            waits.push(left(&Key::Account(account.to_owned()), FREE_ACCOUNT_FAILURES));
        }
        waits.into_iter().flatten().max()
    }

    fn failed(&mut self, account: &str, from: &Origin, now: UnixMillis) {
        for key in from.keys(account) {
            let entry = self.failures.entry(key).or_insert(Failures { count: 0, last: now });
            if now.since(entry.last) > FORGET_AFTER {
                entry.count = 0;
            }
            entry.count = entry.count.saturating_add(1);
            entry.last = now;
        }
        trim(&mut self.failures, |failures| failures.last);
    }
}

/// Names as the table of admins compares them, and no longer than any of them.
fn key(account: &str) -> String {
    accounts::key(account).chars().take(MAX_NAME_CHARS).collect()
}

/// One, two, four … seconds behind the free failures.
fn wait_after(count: u32, free: u32) -> Option<Duration> {
    let beyond = count.checked_sub(free).filter(|beyond| *beyond > 0)?;
    Some(Duration::from_secs(1 << (beyond - 1).min(16)).min(LONGEST_WAIT))
}

fn trim<K: Ord + Clone, V>(map: &mut BTreeMap<K, V>, last: impl Fn(&V) -> UnixMillis) {
    while map.len() > MAX_KEYS
        && let Some(oldest) = map.iter().min_by_key(|(_, value)| last(value)).map(|(key, _)| key.clone())
    {
        map.remove(&oldest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const START: UnixMillis = UnixMillis(1_000_000);

    fn fail(throttle: &Throttle, account: &str, from: IpAddr, at: UnixMillis) {
        throttle.counters.lock().unwrap().failed(&key(account), &Origin::from(from), at);
    }

    fn wait(throttle: &Throttle, account: &str, from: IpAddr, at: UnixMillis) -> Option<Duration> {
        throttle.counters.lock().unwrap().wait(&key(account), &Origin::from(from), at)
    }

    fn elsewhere(i: u8) -> IpAddr {
        IpAddr::V4(std::net::Ipv4Addr::new(198, 51, 100, i))
    }

    #[test]
    fn a_few_typing_errors_cost_nothing_and_then_the_wait_doubles() {
        let throttle = Throttle::default();
        let mut waits = Vec::new();
        for _ in 0..6 {
            fail(&throttle, "anna", HERE, START);
            waits.push(wait(&throttle, "anna", HERE, START).map(|wait| wait.as_secs()));
        }
        assert_eq!(waits, [None, None, None, Some(1), Some(2), Some(4)]);
    }

    #[test]
    fn the_wait_ends_and_never_exceeds_a_minute() {
        let throttle = Throttle::default();
        (0..200).for_each(|_| fail(&throttle, "anna", HERE, START));
        assert_eq!(wait(&throttle, "anna", HERE, START), Some(LONGEST_WAIT));
        assert_eq!(wait(&throttle, "anna", HERE, START + LONGEST_WAIT), None);
    }

    #[test]
    fn outsiders_cannot_lock_out_an_address_the_admin_signed_in_from() {
        let throttle = Throttle::default();
        throttle.succeeded("anna", HERE, START);
        for i in 0..250 {
            fail(&throttle, "Anna", elsewhere(i), START);
        }
        assert_eq!(wait(&throttle, "anna", HERE, START), None);
        assert!(wait(&throttle, "anna", elsewhere(251), START).is_some());
    }

    #[test]
    fn one_address_that_tries_many_names_is_slowed_down() {
        let throttle = Throttle::default();
        (0..12).for_each(|i| fail(&throttle, &format!("user{i}"), HERE, START));
        assert!(wait(&throttle, "somebody", HERE, START).is_some());
    }

    #[test]
    fn neighbours_in_one_ipv6_network_count_as_one() {
        let throttle = Throttle::default();
        (0..5).for_each(|i| fail(&throttle, "anna", format!("2001:db8::{i}").parse().unwrap(), START));
        assert!(wait(&throttle, "anna", "2001:db8::ffff".parse().unwrap(), START).is_some());
    }

    #[test]
    fn blanks_and_capitals_make_no_other_account_of_a_name() {
        let throttle = Throttle::default();
        for name in ["anna", " Anna", "ANNA ", "\tanna"] {
            throttle.attempt(name, HERE, START).unwrap();
        }
        assert!(throttle.attempt("anna", HERE, START).is_err());
    }

    #[test]
    fn an_attempt_that_was_not_decided_does_not_count() {
        let throttle = Throttle::default();
        for _ in 0..50 {
            throttle.attempt("anna", HERE, START).unwrap();
            throttle.undecided("anna", HERE);
        }
        throttle.attempt("anna", HERE, START).unwrap();
    }

    #[test]
    fn many_addresses_fill_no_memory() {
        let throttle = Throttle::default();
        for i in 0..(u32::try_from(MAX_KEYS).unwrap() / 2 + 100) {
            fail(&throttle, "anna", IpAddr::V4(i.into()), START + Duration::from_millis(u64::from(i)));
        }
        assert!(throttle.counters.lock().unwrap().failures.len() <= MAX_KEYS);
    }
}
