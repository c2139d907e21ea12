//! Why a call ended, in telephone words; SIP codes are not known here.

use std::collections::BTreeMap;

use super::branch::{Branch, BranchFailure, BranchState};
use super::event::Rejection;
use crate::model::{BranchId, CallEnding};

/// Every branch has failed before the ring time was over.
pub(super) fn when_nobody_is_left(branches: &BTreeMap<BranchId, Branch>) -> (CallEnding, String) {
    let failures = || {
        branches.values().filter_map(|branch| match branch.state() {
            BranchState::Failed(why) => Some(why),
            BranchState::Inviting { .. }
            | BranchState::Ringing { .. }
            | BranchState::Waking
            | BranchState::Answered => None,
        })
    };
    if branches.is_empty() {
        return (
            CallEnding::Unreachable,
            "No phone of this extension is registered, and none can be reached by push.".into(),
        );
    }
    if failures().any(|why| *why == BranchFailure::Rejected(Rejection::DeclinedHere)) {
        return (CallEnding::Declined, "The call was declined.".into());
    }
    if failures().any(|why| *why == BranchFailure::Rejected(Rejection::Busy)) {
        return (CallEnding::Busy, "Every phone that could be reached is busy.".into());
    }
    let refused = failures().find_map(|why| match why {
        BranchFailure::Rejected(rejection @ Rejection::Failed { .. }) => Some(rejection.in_words()),
        BranchFailure::Rejected(Rejection::Busy | Rejection::DeclinedHere | Rejection::DeclinedEverywhere)
        | BranchFailure::NotWoken(_)
        | BranchFailure::FlowDead
        | BranchFailure::Superseded
        | BranchFailure::Removed
        | BranchFailure::CallOver => None,
    });
    if let Some(words) = refused {
        return (CallEnding::Unreachable, words);
    }
    let not_woken = failures().find_map(|why| match why {
        BranchFailure::NotWoken(why) => Some(why.clone()),
        BranchFailure::Rejected(_)
        | BranchFailure::FlowDead
        | BranchFailure::Superseded
        | BranchFailure::Removed
        | BranchFailure::CallOver => None,
    });
    match not_woken {
        Some(why) => (CallEnding::Unreachable, format!("The phone could not be woken: {why}")),
        None => (CallEnding::Unreachable, "No phone of this extension could be reached.".into()),
    }
}

/// The ring time is over.
pub(super) fn when_time_is_up(branches: &BTreeMap<BranchId, Branch>, rang: bool) -> (CallEnding, String) {
    if rang {
        return (CallEnding::NoAnswer, "Nobody answered within the ring time.".into());
    }
    if branches.values().any(|branch| matches!(branch.state(), BranchState::Waking)) {
        return (CallEnding::NoAnswer, "The phone was pushed but did not wake up within the ring time.".into());
    }
    (CallEnding::NoAnswer, "No phone gave a sign within the ring time.".into())
}
