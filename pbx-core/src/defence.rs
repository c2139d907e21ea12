//! Who is answered at all: rate limits and blocks that stop guessing without shutting out an office behind one NAT.
//!
//! Every request that no dialog of ours vouches for is judged before any digest work. What counts against a sender are
//! wrong secrets, unknown users, garbage and the names of scanners; first challenges and stale nonces never do.
//!
//! ```text
//!  wrong secret ──> (address, account) ──10 in 10 min──> block both together: 30 min, 1 h, 2 h … 24 h
//!             └───> address ──30 in 10 min, nobody known behind it──> block the address
//!  right secret ──> address is known for a week: it is never blocked as a whole, and may ask much more
//! ```
//!
//! Invariants:
//!
//! - An address behind which somebody proved to know a secret is never blocked as a whole.
//! - The source of a datagram can be forged. The name of a scanner blocks on streams only, and a failure over UDP counts
//!   towards a block only if it answers a challenge that was sent to that very network: who forges an address never sees
//!   our challenges.
//! - A block outlives a restart and ends by the monotonic clock; a jump of the wall clock neither ends nor extends it.
//! - Every table is bounded. When there is no room for one more stranger, the one that was quiet for longest is forgotten;
//!   when there is none for one more block, the one that ends first ends now.

mod block;
mod bucket;
mod source;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

use crate::model::{AddressRange, ExtensionNumber, Moment, Network, Now, Settings, Transport, UnixMillis};
use crate::switchboard::output::Change;

pub use block::{BlockReason, BlockedAddress, StoredBlock};
use block::{Blocks, Subject};
use bucket::Bucket;
use source::Source;

/// Strangers remembered at once: 4 MB. A flood from forged addresses turns over the table and blocks nobody.
pub const MAX_SOURCES: usize = 16_384;
/// Known networks: more offices and homes than any installation has; each was let in by a right secret.
pub const MAX_KNOWN: usize = 16_384;
/// How long a right secret vouches for an address: a weekend with all phones off, and the days around it.
const KNOWN_FOR: Duration = Duration::from_secs(7 * 86_400);
/// How old the saved date of a known network may get before it is saved again.
const SAVED_AGAIN: Duration = Duration::from_secs(86_400);
/// Seconds' worth of requests that may come at once.
const BURST_SECONDS: u32 = 5;
/// Requests without a right secret that a known address may send each second: an office of 1,000 phones after a power cut.
const KNOWN_PER_SECOND: u32 = 1000;
/// An address is blocked at so many times the failures that block one account behind it.
const ADDRESS_FACTOR: u32 = 3;
/// Failures for one account, once a known address has so many that the address would be blocked if it were strange.
const STRAINED: u32 = 3;
/// New calls of one extension each second, and at once: no person dials like this, and no call centre's machine.
const CALLS_PER_SECOND: u32 = 100;
/// See [`CALLS_PER_SECOND`].
const CALLS_AT_ONCE: u32 = 300;
/// Log lines about failures each second; what is left out is counted in the next one.
const LINES_PER_SECOND: u32 = 10;
/// Log lines about failures at once.
const LINES_AT_ONCE: u32 = 50;
/// Characters of a claimed account name in tables and logs.
const ACCOUNT_SHOWN: usize = 64;

/// Someone asks something new of us.
#[derive(Debug, Clone, Copy)]
pub struct Asking<'a> {
    /// Where the packet says it comes from.
    pub from: IpAddr,
    /// How it came.
    pub transport: Transport,
    /// The account it claims to prove, if it carries an answer to a challenge.
    pub account: Option<&'a str>,
    /// Its User-Agent.
    pub user_agent: &'a str,
}

/// What to do with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgement {
    /// Go on.
    Answer,
    /// No answer at all, and no work.
    Ignore,
    /// The sender is blocked: no answer, and a stream is closed.
    Blocked,
    /// What it claims is blocked at this address: an answer that says so, so that a phone with an old secret gives up and
    /// its owner learns why, and no work.
    Refuse,
    /// Too much at once; a sender on a stream is told to come back later.
    Later,
}

/// What came of it.
#[derive(Debug, Clone, Copy)]
pub enum Event<'a> {
    /// The sender knows the secret of an account.
    Proved {
        /// Who.
        from: IpAddr,
    },
    /// A digest answer is wrong.
    Failed {
        /// Who.
        from: IpAddr,
        /// How it came.
        transport: Transport,
        /// The account it claims.
        account: Option<&'a str>,
        /// A stable word for the log.
        why: &'static str,
        /// It answers a challenge that we sent to this very network.
        answers_our_challenge: bool,
    },
    /// Not SIP, or SIP that no phone sends.
    Garbage {
        /// Who.
        from: IpAddr,
        /// How it came.
        transport: Transport,
    },
}

/// What the machine wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DefenceOutput {
    /// To be saved behind.
    Save(Box<Change>),
    /// One line for the log.
    Report(Report),
}

/// One line for the log, with nothing secret in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// Somebody failed to prove an account.
    Failed {
        /// Who.
        from: IpAddr,
        /// How it came.
        transport: Transport,
        /// The account that was claimed, cut to plain characters.
        account: String,
        /// A stable word.
        why: &'static str,
        /// Lines like this that were left out since the last.
        left_out: u64,
    },
    /// A block began.
    Blocked(BlockedAddress),
}

/// Judges senders; see the module.
#[derive(Debug)]
pub struct Defence {
    rules: Rules,
    /// When somebody behind the network last proved an account, as saved.
    known: BTreeMap<Network, UnixMillis>,
    sources: BTreeMap<Network, Source>,
    /// The sources in order of their last request.
    quiet: BTreeSet<(Moment, Network)>,
    blocks: Blocks,
    callers: BTreeMap<ExtensionNumber, Bucket>,
    lines: Bucket,
    left_out: u64,
    outputs: VecDeque<DefenceOutput>,
}

#[derive(Debug)]
struct Rules {
    failures: u32,
    first_block: Duration,
    never_block: Vec<AddressRange>,
    scanner_names: Vec<String>,
    per_second: u32,
}

impl From<&Settings> for Rules {
    fn from(settings: &Settings) -> Self {
        Self {
            failures: u32::from(settings.block_after_failures),
            first_block: Duration::from_secs(u64::from(settings.block_minutes) * 60),
            never_block: settings.never_block.clone(),
            scanner_names: settings.scanner_names.iter().map(|name| name.to_ascii_lowercase()).collect(),
            per_second: u32::from(settings.strangers_per_second),
        }
    }
}

impl Defence {
    /// The machine as it was when the last run ended; `phones` are addresses of live bindings, which are known.
    pub fn restore(
        settings: &Settings,
        blocks: Vec<StoredBlock>,
        known: Vec<(Network, UnixMillis)>,
        phones: impl Iterator<Item = IpAddr>,
        now: Now,
    ) -> Self {
        let mut defence = Self {
            rules: Rules::from(settings),
            known: known.into_iter().filter(|(_, at)| now.wall.since(*at) < KNOWN_FOR).take(MAX_KNOWN).collect(),
            sources: BTreeMap::new(),
            quiet: BTreeSet::new(),
            blocks: Blocks::restore(blocks, now),
            callers: BTreeMap::new(),
            lines: Bucket::full(LINES_AT_ONCE, now.mono),
            left_out: 0,
            outputs: VecDeque::new(),
        };
        for phone in phones {
            defence.known.entry(Network::from(phone)).or_insert(now.wall);
        }
        defence
    }

    /// New live settings.
    pub fn apply_settings(&mut self, settings: &Settings) {
        self.rules = Rules::from(settings);
    }

    /// The next wish.
    pub fn poll_output(&mut self) -> Option<DefenceOutput> {
        self.outputs.pop_front()
    }

    /// When an old block is to be forgotten.
    pub fn poll_timeout(&self) -> Option<Moment> {
        self.blocks.next_to_forget()
    }

    /// Forgets blocks that ended long ago.
    pub fn handle_timeout(&mut self, now: Now) {
        while let Some(subject) = self.blocks.forget_one(now.mono) {
            self.save(subject.deletion());
        }
    }

    /// Whether to look at a request at all; to be asked before any other work on it.
    pub fn judge(&mut self, asking: Asking<'_>, now: Now) -> Judgement {
        if self.is_spared(asking.from) {
            return Judgement::Answer;
        }
        let network = Network::from(asking.from);
        let account = asking.account.map(shown);
        if self.blocks.holds(network, None, now.mono) {
            return Judgement::Blocked;
        }
        let known = self.is_known(network, now);
        if self.is_scanner(asking.user_agent) {
            // Whoever forges a datagram must not have somebody else blocked; without an answer a scan finds nothing anyway.
            if !known && asking.transport.is_reliable() {
                self.block(Subject { network, account: None }, BlockReason::Scanner, now);
            }
            return Judgement::Ignore;
        }
        let refused = account.is_some_and(|account| self.blocks.holds(network, Some(account), now.mono));
        // Its failures are counted one by one; a flood in its name must not keep its phones from registering.
        if known && asking.account.is_some() && !refused {
            return Judgement::Answer;
        }
        let per_second = self.per_second(known);
        match self.source(network, now.mono).bucket.take(per_second, per_second * BURST_SECONDS, now.mono) {
            true if refused => Judgement::Refuse,
            true => Judgement::Answer,
            false if asking.transport.is_reliable() => Judgement::Later,
            false => Judgement::Ignore,
        }
    }

    /// Whether an extension may begin one more call.
    pub fn may_call(&mut self, extension: ExtensionNumber, now: Now) -> bool {
        let fresh = Bucket::full(CALLS_AT_ONCE, now.mono);
        let bucket = self.callers.entry(extension).or_insert(fresh);
        bucket.take(CALLS_PER_SECOND, CALLS_AT_ONCE, now.mono)
    }

    /// The extension is gone.
    pub fn forget_extension(&mut self, extension: ExtensionNumber) {
        self.callers.remove(&extension);
    }

    /// Takes note of what came of a request.
    pub fn handle(&mut self, event: Event<'_>, now: Now) {
        match event {
            Event::Proved { from } => self.proved(from, now),
            Event::Failed { from, transport, account, why, answers_our_challenge } => {
                let account = account.map(shown);
                self.report_failure(from, transport, account.clone(), why, now);
                if !self.is_spared(from) && (transport.is_reliable() || answers_our_challenge) {
                    self.failed(Network::from(from), account, now);
                }
            }
            Event::Garbage { from, transport } => {
                if transport.is_reliable() && !self.is_spared(from) {
                    self.count_against_address(Network::from(from), BlockReason::Garbage, now);
                }
            }
        }
    }

    /// Every block that holds now, the newest first.
    pub fn blocked(&self, now: Now) -> Vec<BlockedAddress> {
        self.blocks.holding(now)
    }

    /// Lifts every block of this network and forgets what counted against it. Whether there was any.
    pub fn unblock(&mut self, network: Network) -> Vec<Change> {
        if let Some(source) = self.sources.remove(&network) {
            self.quiet.remove(&(source.last, network));
        }
        self.blocks.lift(network).into_iter().map(|subject| subject.deletion()).collect()
    }

    /// The account has a new secret: blocks that stand for guessing the old one are lifted.
    pub fn account_renewed(&mut self, account: &str) -> Vec<Change> {
        let account = shown(account);
        self.sources.values_mut().for_each(|source| source.forget(&account));
        self.blocks.lift_account(&account).into_iter().map(|subject| subject.deletion()).collect()
    }

    fn proved(&mut self, from: IpAddr, now: Now) {
        let network = Network::from(from);
        let saved = self.known.get(&network).copied();
        if saved.is_none_or(|at| now.wall.since(at) > SAVED_AGAIN) {
            if saved.is_none() && self.known.len() >= MAX_KNOWN {
                self.forget_oldest_known();
            }
            self.known.insert(network, now.wall);
            self.save(Change::PutKnownNetwork { network, at: now.wall });
        }
        // The request and the challenge before it were worth their while.
        if let Some(source) = self.sources.get_mut(&network) {
            source.bucket.give_back(2);
        }
    }

    fn forget_oldest_known(&mut self) {
        let oldest = self.known.iter().min_by_key(|(_, at)| **at).map(|(network, _)| *network);
        if let Some(network) = oldest {
            self.known.remove(&network);
            self.save(Change::DeleteKnownNetwork(network));
        }
    }

    fn failed(&mut self, network: Network, account: Option<String>, now: Now) {
        let known = self.is_known(network, now);
        let limit = self.rules.failures;
        let source = self.source(network, now.mono);
        let total = source.count(now.mono);
        let strained = known && total >= limit * ADDRESS_FACTOR;
        if let Some(account) = account {
            let of_account = source.count_for(&account);
            if of_account >= if strained { STRAINED.min(limit) } else { limit } {
                self.block(Subject { network, account: Some(account) }, BlockReason::WrongSecrets, now);
            }
        }
        if !known && total >= limit * ADDRESS_FACTOR {
            self.block(Subject { network, account: None }, BlockReason::ManyFailures, now);
        }
    }

    fn count_against_address(&mut self, network: Network, reason: BlockReason, now: Now) {
        let limit = self.rules.failures * ADDRESS_FACTOR;
        let total = self.source(network, now.mono).count(now.mono);
        if total >= limit && !self.is_known(network, now) {
            self.block(Subject { network, account: None }, reason, now);
        }
    }

    fn block(&mut self, subject: Subject, reason: BlockReason, now: Now) {
        if let Some(source) = self.sources.get_mut(&subject.network) {
            match &subject.account {
                Some(account) => source.forget(account),
                None => source.forget_all(),
            }
        }
        let (block, ended) = self.blocks.begin(subject, reason, self.rules.first_block, now);
        for subject in ended {
            self.save(subject.deletion());
        }
        self.save(Change::PutBlock(block.clone()));
        self.outputs.push_back(DefenceOutput::Report(Report::Blocked(block.into())));
    }

    fn save(&mut self, change: Change) {
        self.outputs.push_back(DefenceOutput::Save(Box::new(change)));
    }

    fn report_failure(
        &mut self,
        from: IpAddr,
        transport: Transport,
        account: Option<String>,
        why: &'static str,
        now: Now,
    ) {
        if !self.lines.take(LINES_PER_SECOND, LINES_AT_ONCE, now.mono) {
            self.left_out += 1;
            return;
        }
        let left_out = std::mem::take(&mut self.left_out);
        let account = account.unwrap_or_default();
        self.outputs.push_back(DefenceOutput::Report(Report::Failed { from, transport, account, why, left_out }));
    }

    /// What is remembered of a network, making room for it if need be.
    fn source(&mut self, network: Network, now: Moment) -> &mut Source {
        let per_second = self.per_second(self.known.contains_key(&network));
        if let Some(source) = self.sources.get(&network) {
            self.quiet.remove(&(source.last, network));
        } else if self.sources.len() >= MAX_SOURCES
            && let Some((_, quietest)) = self.quiet.pop_first()
        {
            self.sources.remove(&quietest);
        }
        self.quiet.insert((now, network));
        let fresh = || Source::new(Bucket::full(per_second * BURST_SECONDS, now), now);
        let source = self.sources.entry(network).or_insert_with(fresh);
        source.last = now;
        source
    }

    fn per_second(&self, known: bool) -> u32 {
        if known { self.rules.per_second.max(KNOWN_PER_SECOND) } else { self.rules.per_second }
    }

    fn is_known(&self, network: Network, now: Now) -> bool {
        self.known.get(&network).is_some_and(|at| now.wall.since(*at) < KNOWN_FOR)
    }

    fn is_spared(&self, from: IpAddr) -> bool {
        self.rules.never_block.iter().any(|range| range.contains(from))
    }

    fn is_scanner(&self, user_agent: &str) -> bool {
        if user_agent.is_empty() || self.rules.scanner_names.is_empty() {
            return false;
        }
        let name = user_agent.to_ascii_lowercase();
        self.rules.scanner_names.iter().any(|scanner| name.contains(scanner.as_str()))
    }
}

/// A claimed account name as tables and logs keep it: hostile text becomes dots.
fn shown(account: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-_.+*#@".contains(c) { c } else { '.' };
    account.chars().take(ACCOUNT_SHOWN).map(plain).collect()
}
