//! Which of our ports answers a question from outside, and whether that question arrived as it was sent.
//!
//! Somebody outside (`nightbell probe`) asks each public port a question that carries a nonce of its own. Whichever port of
//! ours it arrives at answers with that port's number, so a wrong forward has a name: "6061 is forwarded to 5061". The bytes
//! that arrived are kept as well, for who wants to compare them with the bytes that were sent (SIP ALG).
//!
//! Never a reflector: nothing is answered unless a check is under way and the question proves that it knows the check's
//! key and one of its nonces; each nonce is answered a few times at most, and over UDP no answer is longer than its question. While
//! no check is under way, all of this costs the SIP side one load of an atomic for each message.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use crate::model::{Transport, UnixMillis};

mod wire;

#[cfg(test)]
mod tests;

pub use wire::{Key, Nonce, Read, read_answer, sip_question, sound_question};

/// Answers to one question, which is asked anew when its answer is lost.
const ANSWERS_EACH: u8 = 8;
/// Checks at once: one from outside and one from inside, and one of each that was given up and has not run out.
const MAX_CHECKS: usize = 4;
/// Questions of one check: every port of ours, some more ports for sound.
pub const MAX_QUESTIONS: usize = 64;
/// What is kept of a question that arrived: ours are shorter than this.
const KEPT_BYTES: usize = 4096;

/// The checks that are under way; clones are the same list.
#[derive(Debug, Clone, Default)]
pub struct PortCheck(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    running: AtomicBool,
    checks: Mutex<Checks>,
}

#[derive(Debug, Default)]
struct Checks {
    next: u64,
    all: BTreeMap<u64, Check>,
}

#[derive(Debug)]
struct Check {
    key: Key,
    until: UnixMillis,
    answered: BTreeMap<Nonce, u8>,
    arrived: Vec<Arrival>,
}

/// A question that arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// Which.
    pub nonce: Nonce,
    /// Over what.
    pub transport: Transport,
    /// Our address that it came to.
    pub local: SocketAddr,
    /// Whom it came from, as seen here.
    pub remote: SocketAddr,
    /// What arrived.
    pub question: Bytes,
    /// What was answered; empty when an answer would have been longer than its question.
    pub answer: Bytes,
}

/// Questions that are answered as long as this lives.
#[derive(Debug)]
pub struct Answering {
    of: PortCheck,
    id: u64,
}

impl Answering {
    /// What has arrived so far: each question once for each port that it came to, over IPv4 and over IPv6.
    pub fn arrived(&self) -> Vec<Arrival> {
        self.of.lock().all.get(&self.id).map(|check| check.arrived.clone()).unwrap_or_default()
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        let mut checks = self.of.lock();
        checks.all.remove(&self.id);
        self.of.0.running.store(!checks.all.is_empty(), Ordering::Relaxed);
    }
}

impl PortCheck {
    /// Answers these questions until then; `None` when too many checks are under way, or one asks too much.
    pub fn begin(&self, key: Key, nonces: impl IntoIterator<Item = Nonce>, until: UnixMillis) -> Option<Answering> {
        let answered: BTreeMap<Nonce, u8> = nonces.into_iter().map(|nonce| (nonce, 0)).collect();
        let mut checks = self.lock();
        if checks.all.len() >= MAX_CHECKS || answered.len() > MAX_QUESTIONS {
            return None;
        }
        checks.next += 1;
        let id = checks.next;
        checks.all.insert(id, Check { key, until, answered, arrived: Vec::new() });
        self.0.running.store(true, Ordering::Relaxed);
        drop(checks);
        Some(Answering { of: self.clone(), id })
    }

    /// Whether any check is under way.
    pub fn is_running(&self) -> bool {
        self.0.running.load(Ordering::Relaxed)
    }

    /// The answer to what came to `local`, if it is a question of a running check.
    pub fn answer(
        &self,
        transport: Transport,
        (local, remote): (SocketAddr, SocketAddr),
        raw: &[u8],
        now: UnixMillis,
    ) -> Option<Bytes> {
        if !self.is_running() {
            return None;
        }
        let asked = wire::Asked::read(raw)?;
        let mut checks = self.lock();
        let check = checks.all.values_mut().find(|check| check.until > now && check.knows(&asked))?;
        let times = check.answered.get_mut(&asked.nonce).filter(|times| **times < ANSWERS_EACH)?;
        *times += 1;
        let answer = asked.answer(&check.key, (local, remote), raw);
        let answer = if transport == Transport::Udp && answer.len() > raw.len() { Bytes::new() } else { answer };
        let is_known = check.arrived.iter().any(|one| {
            let is_of_family = one.remote.ip().to_canonical().is_ipv4() == remote.ip().to_canonical().is_ipv4();
            is_of_family && (one.nonce, one.transport, one.local.port()) == (asked.nonce, transport, local.port())
        });
        if !is_known {
            let question = Bytes::copy_from_slice(raw.get(..KEPT_BYTES).unwrap_or(raw));
            let (nonce, answer) = (asked.nonce, answer.clone());
            check.arrived.push(Arrival { nonce, transport, local, remote, question, answer });
        }
        Some(answer).filter(|answer| !answer.is_empty())
    }

    fn lock(&self) -> MutexGuard<'_, Checks> {
        self.0.checks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Check {
    fn knows(&self, asked: &wire::Asked<'_>) -> bool {
        self.answered.contains_key(&asked.nonce) && asked.is_proved(&self.key)
    }
}
