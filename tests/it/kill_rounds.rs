//! Killed with -9 at a random moment under load, again and again on one data directory: every acknowledged write is there
//! after the restart, nothing is half done, parked callers get their final answer, and nobody rings for a call that is over.
//!
//! A round: the [`hands`] write through every door at once (SIP over UDP, TCP and TLS, the REST API, enrolment links) and
//! keep a [`book`] of what was acknowledged; the server is killed after a drawn number of acknowledgements or a drawn
//! time; it starts again; the [`check`] compares. What was under way at the kill may be there or not, but never half.
//!
//! `NIGHTBELL_KILL_ROUNDS` sets the number of rounds, `NIGHTBELL_KILL_SEED` the seed that is printed.

mod book;
mod check;
mod hands;
mod office;

use std::time::Duration;

use tokio::time::timeout;

use office::Office;

/// Enough to kill it in the middle of something, few enough for every test run.
const USUAL_ROUNDS: u64 = 4;
/// The longest load of one round.
const LONGEST_LOAD: u64 = 700;
/// The most acknowledgements of one round.
const MOST_WRITES: u64 = 150;

fn number_from_environment(name: &str, usual: u64) -> u64 {
    std::env::var(name).map_or(usual, |text| text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

/// Small numbers from a seed (`SplitMix64`).
#[derive(Debug, Clone)]
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }

    fn one_of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        let index = usize::try_from(self.below(all.len() as u64)).unwrap();
        &all[index]
    }

    fn fork(&mut self) -> Self {
        Self(self.next())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_moment_under_load_no_acknowledged_write_is_lost() {
    let rounds = number_from_environment("NIGHTBELL_KILL_ROUNDS", USUAL_ROUNDS);
    let seed = number_from_environment("NIGHTBELL_KILL_SEED", 20_261_122);
    println!("kill rounds: {rounds} with NIGHTBELL_KILL_SEED={seed}");
    let mut draw = Draw(seed);
    let mut office = Office::open().await;
    let (mut acknowledged, mut callers_answered) = (0, 0);
    for round in 1..=rounds {
        let loaded = hands::begin(&office, &mut draw);
        let target = 1 + draw.below(MOST_WRITES);
        let longest = Duration::from_millis(1 + draw.below(LONGEST_LOAD));
        // Either of the two ends the load: right behind an acknowledgement, or anywhere.
        let _ = timeout(longest, office.book.acknowledged_at_least(target)).await;
        office.server.kill().await;
        let callers = loaded.stop().await;
        acknowledged += office.book.acknowledgements();
        office.server.serve().await;
        let (answered, mut faults) = check::calls(callers).await;
        callers_answered += answered;
        faults.extend(check::book(&office).await);
        faults.extend(check::waking(&mut office, &mut draw).await);
        assert!(faults.is_empty(), "round {round} of seed {seed}: {faults:#?}\n{}", office.server.log());
        office.book.begin_round();
        if round % 10 == 0 {
            println!("round {round}: {acknowledged} acknowledged writes so far, none lost");
        }
    }
    println!("{rounds} rounds: {acknowledged} acknowledged writes kept, {callers_answered} waiting callers answered");
}
