//! Makes a failing history small: drops events and phones' troubles as long as it still fails in the same way.

use crate::history::{History, Network, Store};

/// How many histories may be tried.
const TRIES: usize = 3000;

/// The smallest history found that fails by the same rule.
pub(crate) fn shrink(history: History, fails: &dyn Fn(&History) -> Option<String>) -> History {
    let Some(rule) = fails(&history).map(|complaint| rule_of(&complaint)) else { return history };
    let mut best = history;
    let mut tries = 0;
    let mut better = |candidate: History, best: &mut History| {
        tries += 1;
        if tries > TRIES || candidate == *best {
            return false;
        }
        let same = fails(&candidate).is_some_and(|complaint| rule_of(&complaint) == rule);
        if same {
            *best = candidate;
        }
        same
    };
    loop {
        let before = best.clone();
        let mut size = best.events.len().max(1);
        while size > 0 {
            let mut at = 0;
            while at < best.events.len() {
                let mut candidate = best.clone();
                candidate.events.drain(at..(at + size).min(best.events.len()));
                if !better(candidate, &mut best) {
                    at += size;
                }
            }
            size /= 2;
        }
        simplify(&mut best, &mut better);
        if best == before {
            return best;
        }
    }
}

/// The name of the rule, without what happened.
fn rule_of(complaint: &str) -> String {
    complaint.split(':').next().unwrap_or(complaint).to_owned()
}

fn simplify(best: &mut History, better: &mut dyn FnMut(History, &mut History) -> bool) {
    let plain = Network { loss: 0, doubled: 0, fastest: 10, slowest: 10 };
    for network in [plain, Network { loss: 0, ..best.network }, Network { doubled: 0, ..best.network }] {
        let candidate = History { network, ..best.clone() };
        better(candidate, best);
    }
    let mut candidate = best.clone();
    candidate.house.store = Store { lag: 3, failing: 0 };
    better(candidate, best);
    for at in 0..best.phones.len() {
        let mut candidate = best.clone();
        candidate.phones[at].naps = None;
        better(candidate, best);
        let mut candidate = best.clone();
        candidate.phones[at].up = false;
        better(candidate, best);
        let mut candidate = best.clone();
        candidate.phones[at].push = None;
        better(candidate, best);
    }
    // Only the last phones can go without renaming the others.
    while let Some(last) = best.phones.len().checked_sub(1) {
        let mut candidate = best.clone();
        candidate.phones.truncate(last);
        if last == 0 || !better(candidate, best) {
            break;
        }
    }
}
