//! How long a caller waits for a sleeping phone: as long as it rings, never a shorter fixed time.

use crate::model::{Verdict, WakeEvent};

/// What a push side report means for the wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum WakeStep {
    /// An attempt is out or will be repeated: wait on.
    OnTheWay,
    /// The provider took it: the phone may come at any time until the caller gives up.
    Accepted,
    /// No push will reach this device for this call.
    Lost(String),
}

/// Reads a report. A refused attempt is not the end: delivery says so itself with `GaveUp`.
pub(super) fn step_of(event: &WakeEvent) -> WakeStep {
    match event {
        WakeEvent::Sent { .. } => WakeStep::OnTheWay,
        WakeEvent::Answered { verdict, .. } => match verdict {
            Verdict::Accepted | Verdict::TokenWrong { accepted_in: Some(_), .. } => WakeStep::Accepted,
            Verdict::RetryAfter { .. }
            | Verdict::TokenGone { .. }
            | Verdict::TokenWrong { accepted_in: None, .. }
            | Verdict::Misconfigured { .. }
            | Verdict::Refused { .. } => WakeStep::OnTheWay,
        },
        WakeEvent::GaveUp { why, .. } => WakeStep::Lost(why.clone()),
    }
}
