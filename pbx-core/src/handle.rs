//! The way in for pages, the API and provisioning: a bounded queue of commands, a stream of notices, and the list of calls
//! that ring after a push.
//!
//! That list answers apps that ask "is this call still ringing?" without a command: strangers may ask as often as the web
//! server lets them, and the switchboard notices nothing of it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{broadcast, mpsc, oneshot};

use crate::model::{CallId, CallUuid, UnixMillis};
use crate::switchboard::command::{Command, CommandError, CommandResult};
use crate::switchboard::output::Notice;

/// Commands that may wait for the switchboard; more would only wait longer, so the page says "busy" instead.
pub const COMMAND_QUEUE: usize = 64;
/// Notices a slow page may lag behind before it is told to look at everything anew.
pub const NOTICE_QUEUE: usize = 1024;

/// One waiting command and where its answer goes.
#[derive(Debug)]
pub struct WaitingCommand {
    /// The wish.
    pub command: Command,
    /// Where the answer goes.
    pub answer: oneshot::Sender<CommandResult>,
}

/// Asks the switchboard; cheap to clone.
#[derive(Debug, Clone)]
pub struct SwitchboardHandle {
    commands: mpsc::Sender<WaitingCommand>,
    notices: broadcast::Sender<Notice>,
    ringing: RingingCalls,
}

/// The driver's end of a [`SwitchboardHandle`].
#[derive(Debug)]
pub struct SwitchboardEnd {
    /// Commands in.
    pub commands: mpsc::Receiver<WaitingCommand>,
    /// Notices out.
    pub notices: broadcast::Sender<Notice>,
    /// The calls that ring after a push; kept by the driver.
    pub ringing: RingingCalls,
}

/// Calls that were pushed and still ring, by the id that the push carried; clones are the same list.
///
/// It holds what rings now, so it is bounded by the calls that may live at once. Finding an id that is there and one that is
/// not takes the same steps.
#[derive(Debug, Clone, Default)]
pub struct RingingCalls {
    inner: Arc<Mutex<Ringing>>,
}

#[derive(Debug, Default)]
struct Ringing {
    until: BTreeMap<CallUuid, UnixMillis>,
    names: BTreeMap<CallId, CallUuid>,
}

impl RingingCalls {
    /// A push for this call goes out; it rings until then.
    pub fn rings(&self, call: CallId, name: CallUuid, until: UnixMillis) {
        let mut ringing = self.lock();
        ringing.until.insert(name, until);
        ringing.names.insert(call, name);
    }

    /// The call was answered or is over.
    pub fn stopped(&self, call: CallId) {
        let mut ringing = self.lock();
        if let Some(name) = ringing.names.remove(&call) {
            ringing.until.remove(&name);
        }
    }

    fn until(&self, name: CallUuid) -> Option<UnixMillis> {
        self.lock().until.get(&name).copied()
    }

    fn lock(&self) -> MutexGuard<'_, Ringing> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connected pair.
pub fn connect() -> (SwitchboardHandle, SwitchboardEnd) {
    let (commands, received) = mpsc::channel(COMMAND_QUEUE);
    let (notices, _) = broadcast::channel(NOTICE_QUEUE);
    let ringing = RingingCalls::default();
    let handle = SwitchboardHandle { commands, notices: notices.clone(), ringing: ringing.clone() };
    (handle, SwitchboardEnd { commands: received, notices, ringing })
}

impl SwitchboardHandle {
    /// Gives one command and waits for its answer.
    pub async fn ask(&self, command: Command) -> CommandResult {
        let (answer, answered) = oneshot::channel();
        match self.commands.try_send(WaitingCommand { command, answer }) {
            Ok(()) => answered.await.unwrap_or(Err(CommandError::Stopping)),
            Err(mpsc::error::TrySendError::Full(_)) => Err(CommandError::Busy),
            Err(mpsc::error::TrySendError::Closed(_)) => Err(CommandError::Stopping),
        }
    }

    /// Until when this call rings, if it was pushed and still rings. The id is known to those who got the push only.
    pub fn ringing_until(&self, call: CallUuid, now: UnixMillis) -> Option<UnixMillis> {
        self.ringing.until(call).filter(|until| *until > now)
    }

    /// What changes from now on.
    pub fn notices(&self) -> broadcast::Receiver<Notice> {
        self.notices.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_rings_from_its_push_until_it_is_answered_or_its_time_is_over() {
        let (handle, end) = connect();
        let (one, other) = (CallUuid(uuid::Uuid::from_u128(1)), CallUuid(uuid::Uuid::from_u128(2)));
        let now = UnixMillis(1000);
        assert_eq!(handle.ringing_until(one, now), None);
        end.ringing.rings(CallId(1), one, UnixMillis(2000));
        end.ringing.rings(CallId(1), one, UnixMillis(2000));
        assert_eq!(handle.ringing_until(one, now), Some(UnixMillis(2000)));
        assert_eq!(handle.ringing_until(one, UnixMillis(2000)), None, "its time is over");
        assert_eq!(handle.ringing_until(other, now), None);
        end.ringing.stopped(CallId(1));
        assert_eq!(handle.ringing_until(one, now), None);
        end.ringing.stopped(CallId(1));
        assert!(end.ringing.lock().names.is_empty() && end.ringing.lock().until.is_empty());
    }
}
