//! The way in for pages, the API and provisioning: a bounded queue of commands and a stream of notices.

use tokio::sync::{broadcast, mpsc, oneshot};

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
}

/// The driver's end of a [`SwitchboardHandle`].
#[derive(Debug)]
pub struct SwitchboardEnd {
    /// Commands in.
    pub commands: mpsc::Receiver<WaitingCommand>,
    /// Notices out.
    pub notices: broadcast::Sender<Notice>,
}

/// A connected pair.
pub fn connect() -> (SwitchboardHandle, SwitchboardEnd) {
    let (commands, received) = mpsc::channel(COMMAND_QUEUE);
    let (notices, _) = broadcast::channel(NOTICE_QUEUE);
    (SwitchboardHandle { commands, notices: notices.clone() }, SwitchboardEnd { commands: received, notices })
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

    /// What changes from now on.
    pub fn notices(&self) -> broadcast::Receiver<Notice> {
        self.notices.subscribe()
    }
}
