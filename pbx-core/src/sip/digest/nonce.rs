//! Nonces that carry their own proof, and the record of which of their counts were used.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

use crate::model::{Network, Now};

/// How long a nonce can be answered; Kamailio's and Asterisk's usual value.
pub const NONCE_LIFETIME: Duration = Duration::from_secs(300);
/// How far counts may come out of order or be skipped: more requests than one phone has under way at once.
const WINDOW: u32 = 64;
/// The most nonces with a record: 10,000 phones with six refreshes each within one lifetime, at 40 bytes each.
pub(super) const MAX_RECORDS: usize = 65_536;

/// 4 bytes of seconds since the start, 8 bytes of serial number, 4 bytes that stand for the network it was sent to.
const CLAIM: usize = 16;
/// 96 bits: guessing one takes longer than a nonce lives, at any rate.
const MAC: usize = 12;

/// Which counts of one nonce were used.
#[derive(Debug, Clone, Copy)]
struct Record {
    issued: u32,
    highest: u32,
    /// Bit n: the count `highest - n` was used.
    used: u64,
}

/// What using a count of a nonce comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spent {
    /// It was free until now.
    Now,
    /// It was used before, by the same request or by somebody who heard it.
    Before,
    /// The nonce is not ours, too old or without a record, or the count is far from the others.
    Never,
}

/// Issues nonces and lets each of their counts be spent once.
pub(super) struct NonceBook {
    mac: Hmac<Sha256>,
    serial: u64,
    /// By serial number, so the first record is always the oldest.
    records: BTreeMap<u64, Record>,
    /// Nonces up to this serial number lost their record and count as used up.
    forgotten: u64,
}

impl NonceBook {
    pub(super) fn new(mac: Hmac<Sha256>) -> Self {
        Self { mac, serial: 0, records: BTreeMap::new(), forgotten: 0 }
    }

    /// A nonce that was never issued before.
    pub(super) fn issue(&mut self, now: Now, to: Network) -> String {
        self.serial += 1;
        let mut bytes = [0; CLAIM + MAC];
        let (claim, mac) = bytes.split_at_mut(CLAIM);
        claim.copy_from_slice(&claim_bytes(seconds(now), self.serial, self.mark_of(to, self.serial)));
        mac.copy_from_slice(&self.mac_of(claim));
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Uses one count of a nonce (`None`: all of them).
    pub(super) fn spend(&mut self, nonce: &str, count: Option<u32>, now: Now) -> Spent {
        let now = seconds(now);
        let lifetime = u32::try_from(NONCE_LIFETIME.as_secs()).unwrap_or(u32::MAX);
        let is_old = |issued: u32| now.checked_sub(issued).is_none_or(|age| age > lifetime);
        while self.records.first_entry().is_some_and(|oldest| is_old(oldest.get().issued)) {
            self.forget_oldest();
        }
        let Some((issued, serial)) = self.read(nonce) else {
            return Spent::Never;
        };
        if is_old(issued) || serial <= self.forgotten {
            return Spent::Never;
        }
        let fresh = Record { issued, highest: 0, used: 0 };
        let record = self.records.entry(serial).or_insert(fresh);
        let spent = record.spend(count);
        if record.highest == 0 {
            self.records.remove(&serial);
        }
        if self.records.len() > MAX_RECORDS {
            self.forget_oldest();
        }
        spent
    }

    /// Whether it is one of ours and was sent to this network, however old it is.
    pub(super) fn was_sent_to(&self, nonce: &str, network: Network) -> bool {
        self.claim(nonce).is_some_and(|claim| {
            let serial = claim.get(4..12).and_then(|serial| serial.first_chunk::<8>()).copied().unwrap_or_default();
            claim.get(12..) == Some(&self.mark_of(network, u64::from_be_bytes(serial))[..])
        })
    }

    /// How many nonces have a record.
    #[cfg(test)]
    pub(super) fn records(&self) -> usize {
        self.records.len()
    }

    fn forget_oldest(&mut self) {
        if let Some((serial, _)) = self.records.pop_first() {
            self.forgotten = serial;
        }
    }

    /// What a nonce with a right MAC says.
    fn claim(&self, nonce: &str) -> Option<[u8; CLAIM]> {
        let mut bytes = [0; CLAIM + MAC];
        if URL_SAFE_NO_PAD.decode_slice(nonce, &mut bytes).ok()? != bytes.len() {
            return None;
        }
        let (claim, mac) = bytes.split_first_chunk::<CLAIM>()?;
        bool::from(self.mac_of(claim).ct_eq(mac)).then_some(*claim)
    }

    /// The time and serial number of a nonce with a right MAC.
    fn read(&self, nonce: &str) -> Option<(u32, u64)> {
        let claim = self.claim(nonce)?;
        let (issued, serial) = claim.split_first_chunk::<4>()?;
        Some((u32::from_be_bytes(*issued), u64::from_be_bytes(*serial.first_chunk::<8>()?)))
    }

    /// Stands for a network in one nonce, without showing it: 32 bits, because whoever hits them by chance has only made
    /// one failure of 4 billion count.
    fn mark_of(&self, network: Network, serial: u64) -> [u8; 4] {
        let mut mac = self.mac.clone();
        mac.update(b"network");
        mac.update(&serial.to_be_bytes());
        match network.address() {
            IpAddr::V4(four) => mac.update(&four.octets()),
            IpAddr::V6(six) => mac.update(&six.octets()),
        }
        let full: [u8; 32] = mac.finalize().into_bytes().into();
        *full.first_chunk::<4>().unwrap_or(&[0; 4])
    }

    fn mac_of(&self, claim: &[u8]) -> [u8; MAC] {
        let mut mac = self.mac.clone();
        mac.update(claim);
        let full: [u8; 32] = mac.finalize().into_bytes().into();
        *full.first_chunk::<MAC>().unwrap_or(&[0; MAC])
    }
}

impl Record {
    /// Marks a count as used.
    fn spend(&mut self, count: Option<u32>) -> Spent {
        let Some(count) = count else {
            let unused = self.highest == 0;
            *self = Self { highest: u32::MAX, used: u64::MAX, ..*self };
            return if unused { Spent::Now } else { Spent::Before };
        };
        if count > self.highest {
            let ahead = count - self.highest;
            if ahead > WINDOW {
                return Spent::Never;
            }
            self.used = self.used.checked_shl(ahead).unwrap_or(0) | 1;
            self.highest = count;
            return Spent::Now;
        }
        let Some(bit) = 1_u64.checked_shl(self.highest - count) else {
            return Spent::Never;
        };
        let unused = self.used & bit == 0;
        self.used |= bit;
        if unused { Spent::Now } else { Spent::Before }
    }
}

fn claim_bytes(seconds: u32, serial: u64, mark: [u8; 4]) -> [u8; CLAIM] {
    let mut claim = [0; CLAIM];
    let (time, rest) = claim.split_at_mut(4);
    let (number, network) = rest.split_at_mut(8);
    time.copy_from_slice(&seconds.to_be_bytes());
    number.copy_from_slice(&serial.to_be_bytes());
    network.copy_from_slice(&mark);
    claim
}

/// The monotonic clock, so that a jump of the wall clock ages no nonce.
fn seconds(now: Now) -> u32 {
    u32::try_from(now.mono.as_micros() / 1_000_000).unwrap_or(u32::MAX)
}
