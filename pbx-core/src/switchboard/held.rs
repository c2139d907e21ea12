//! What waits for a save to become durable, and what happens when it does or does not.

use bytes::Bytes;

use crate::model::{CallId, Flow, Now};
use crate::registrar::{RegistrarEvent, Saving};

use super::Switchboard;
use super::command::{CommandError, CommandResult};
use super::output::{CommandToken, Output, SaveTicket};

/// One thing that waits for a ticket.
#[derive(Debug)]
pub(super) enum Holding {
    /// An answer to a phone; `failed` goes out instead when the save fails.
    Answer {
        /// Where.
        flow: Flow,
        /// When durable.
        bytes: Bytes,
        /// When not.
        failed: Bytes,
    },
    /// What the registrar said while it bound a device that the disk does not know as it is now, to be acted on after the
    /// phone has its answer.
    Event(RegistrarEvent),
    /// Which device records the save makes durable.
    Registration(Vec<Saving>),
    /// The answer to a command.
    Command {
        /// Whose.
        token: CommandToken,
        /// When durable.
        result: Box<CommandResult>,
    },
    /// What the caller of this call hears first, behind its park journal entry.
    Progress(CallId),
}

impl Switchboard {
    pub(super) fn saved(&mut self, ticket: SaveTicket, now: Now) {
        for holding in self.held.remove(&ticket).unwrap_or_default() {
            match holding {
                Holding::Answer { flow, bytes, .. } => self.transactions.send(flow, bytes),
                Holding::Event(event) => self.registrar_event(event, now),
                Holding::Registration(saving) => self.registrar.saved(&saving),
                Holding::Command { token, result } => self.outputs.push_back(Output::Answer { token, result: *result }),
                Holding::Progress(call) => self.tell_progress(call, now),
            }
        }
    }

    pub(super) fn not_saved(&mut self, ticket: SaveTicket, now: Now) {
        for holding in self.held.remove(&ticket).unwrap_or_default() {
            match holding {
                Holding::Answer { flow, failed, .. } => self.transactions.send(flow, failed),
                Holding::Event(event) => self.registrar_event(event, now),
                Holding::Registration(_) => {}
                Holding::Command { token, .. } => {
                    self.outputs.push_back(Output::Answer { token, result: Err(CommandError::NotSaved) });
                }
                // The call matters more than its journal: without it, only a crash within this ring time would go
                // unexplained to the caller.
                Holding::Progress(call) => self.tell_progress(call, now),
            }
        }
    }
}
