//! Blocks: who, why, until when; remembered for a day behind their end, so that the next one lasts longer.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::{Moment, Network, Now, UnixMillis};
use crate::switchboard::output::Change;

/// Blocks and memories of blocks; each costs an attacker ten proven failures.
pub(super) const MAX_BLOCKS: usize = 4096;
/// The longest block, and what a scanner gets at once.
pub(super) const LONGEST: Duration = Duration::from_secs(86_400);
/// How long a block that has ended makes the next one longer.
const REMEMBERED: Duration = Duration::from_secs(86_400);

/// Why somebody is blocked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum BlockReason {
    /// Too many wrong secrets for one account.
    WrongSecrets,
    /// Too many failures over several accounts.
    ManyFailures,
    /// It calls itself by the name of a scanner.
    Scanner,
    /// Too much that is not SIP.
    Garbage,
}

impl BlockReason {
    /// The stable word in the store, the API and the log.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::WrongSecrets => "wrong_secrets",
            Self::ManyFailures => "many_failures",
            Self::Scanner => "scanner",
            Self::Garbage => "garbage",
        }
    }

    /// From the stable word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::WrongSecrets, Self::ManyFailures, Self::Scanner, Self::Garbage]
            .into_iter()
            .find(|reason| reason.as_str() == word)
    }
}

/// A block as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredBlock {
    /// Whose packets.
    pub network: Network,
    /// Only those that claim this account; `None` for all.
    pub account: Option<String>,
    /// Why.
    pub reason: BlockReason,
    /// When it began.
    pub since: UnixMillis,
    /// When it ends.
    pub until: UnixMillis,
    /// Which one it is within a day: 1 for the first.
    pub times: u32,
}

/// A block as pages and the API show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BlockedAddress {
    /// An IPv4 address or an IPv6 /64.
    pub address: Network,
    /// Only what claims this account is blocked; `null` for everything from there.
    pub account: Option<String>,
    /// Why.
    pub reason: BlockReason,
    /// When it began.
    pub since: UnixMillis,
    /// When it ends by itself.
    pub until: UnixMillis,
    /// Which one it is within a day.
    pub times: u32,
}

impl From<StoredBlock> for BlockedAddress {
    fn from(block: StoredBlock) -> Self {
        let StoredBlock { network, account, reason, since, until, times } = block;
        Self { address: network, account, reason, since, until, times }
    }
}

/// Who is blocked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Subject {
    pub(super) network: Network,
    pub(super) account: Option<String>,
}

impl Subject {
    pub(super) fn deletion(self) -> Change {
        Change::DeleteBlock { network: self.network, account: self.account }
    }
}

#[derive(Debug)]
struct Block {
    reason: BlockReason,
    since: UnixMillis,
    ends: Moment,
    until: UnixMillis,
    times: u32,
}

/// All blocks, with those that have ended within the last day.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    all: BTreeMap<Subject, Block>,
    ends: BTreeSet<(Moment, Subject)>,
}

impl Blocks {
    pub(super) fn restore(stored: Vec<StoredBlock>, now: Now) -> Self {
        let mut blocks = Self::default();
        for StoredBlock { network, account, reason, since, until, times } in stored.into_iter().take(MAX_BLOCKS) {
            // A wall clock that was set back must not make a block eternal.
            let ends = now.mono + until.since(now.wall).min(LONGEST);
            let subject = Subject { network, account };
            blocks.ends.insert((ends, subject.clone()));
            blocks.all.insert(subject, Block { reason, since, ends, until, times });
        }
        blocks
    }

    /// Whether everything from this network is blocked or, with an account, what claims that account.
    pub(super) fn holds(&self, network: Network, account: Option<String>, now: Moment) -> bool {
        self.all.get(&Subject { network, account }).is_some_and(|block| block.ends > now)
    }

    /// Begins a block, or makes the one there is last longer; also gives those that made room for it.
    pub(super) fn begin(
        &mut self,
        subject: Subject,
        reason: BlockReason,
        first: Duration,
        now: Now,
    ) -> (StoredBlock, Vec<Subject>) {
        let before = self.remove(&subject);
        let times = before.map_or(1, |block| block.times.saturating_add(1));
        let lasts = match reason {
            BlockReason::Scanner => LONGEST,
            BlockReason::WrongSecrets | BlockReason::ManyFailures | BlockReason::Garbage => {
                first.saturating_mul(1 << (times - 1).min(16)).min(LONGEST)
            }
        };
        let mut ended = Vec::new();
        while self.all.len() >= MAX_BLOCKS
            && let Some((_, first)) = self.ends.pop_first()
        {
            self.all.remove(&first);
            ended.push(first);
        }
        let ends = now.mono + lasts;
        let block = Block { reason, since: now.wall, ends, until: now.wall + lasts, times };
        let stored = stored(&subject, &block);
        self.ends.insert((ends, subject.clone()));
        self.all.insert(subject, block);
        (stored, ended)
    }

    /// Every block that holds now, the newest first.
    pub(super) fn holding(&self, now: Now) -> Vec<BlockedAddress> {
        let holds = self.all.iter().filter(|(_, block)| block.ends > now.mono);
        let mut list: Vec<BlockedAddress> = holds
            .map(|(subject, block)| BlockedAddress { until: now.wall_at(block.ends), ..stored(subject, block).into() })
            .collect();
        list.sort_by_key(|block| std::cmp::Reverse(block.since));
        list
    }

    /// Lifts every block of a network.
    pub(super) fn lift(&mut self, network: Network) -> Vec<Subject> {
        self.lift_where(|subject| subject.network == network)
    }

    /// Lifts every block of an account.
    pub(super) fn lift_account(&mut self, account: &str) -> Vec<Subject> {
        self.lift_where(|subject| subject.account.as_deref() == Some(account))
    }

    fn lift_where(&mut self, lifted: impl Fn(&Subject) -> bool) -> Vec<Subject> {
        let gone: Vec<Subject> = self.all.keys().filter(|subject| lifted(subject)).cloned().collect();
        for subject in &gone {
            self.remove(subject);
        }
        gone
    }

    pub(super) fn next_to_forget(&self) -> Option<Moment> {
        self.ends.first().map(|(ends, _)| *ends + REMEMBERED)
    }

    /// Takes out one block that ended more than a day ago.
    pub(super) fn forget_one(&mut self, now: Moment) -> Option<Subject> {
        if self.next_to_forget()? > now {
            return None;
        }
        let (_, subject) = self.ends.pop_first()?;
        self.all.remove(&subject);
        Some(subject)
    }

    fn remove(&mut self, subject: &Subject) -> Option<Block> {
        let block = self.all.remove(subject)?;
        self.ends.remove(&(block.ends, subject.clone()));
        Some(block)
    }
}

fn stored(subject: &Subject, block: &Block) -> StoredBlock {
    StoredBlock {
        network: subject.network,
        account: subject.account.clone(),
        reason: block.reason,
        since: block.since,
        until: block.until,
        times: block.times,
    }
}
