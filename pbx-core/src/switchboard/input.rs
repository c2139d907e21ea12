//! Every way the world can change the core. Read this file first.

use std::net::SocketAddr;

use bytes::Bytes;

use crate::model::{Flow, WakeReport};
use crate::sip::message::Message;

use super::command::Command;
use super::output::{CommandToken, RelayId, SaveTicket};

/// One thing that happened. The driver gives one input, drains all outputs, then gives the next.
#[derive(Debug)]
pub enum Input {
    /// A SIP message that has passed the guard.
    Sip {
        /// How it came.
        flow: Flow,
        /// What it says.
        message: Message,
        /// The bytes as received, for answers that must echo and for retransmission matching.
        raw: Bytes,
    },
    /// Bytes that the guard refused.
    Refused {
        /// How they came.
        flow: Flow,
        /// The answer they deserve; on a stream it has been given already.
        reply: Option<Bytes>,
    },
    /// A stream connection ended; every binding on it is gone.
    FlowLost(Flow),
    /// A send on this flow failed (connection refused, unreachable, write queue full).
    SendFailed(Flow),
    /// A datagram to this address came back (ICMP): nobody listens there now, or no way leads there.
    ///
    /// Anybody can forge that, so it is a hint: a phone there is pushed at once as well, and nothing is given up.
    DatagramRefused {
        /// Where it was sent.
        to: SocketAddr,
    },
    /// A push side report.
    Wake(WakeReport),
    /// A saved change is durable: whatever waited for the ticket may go out.
    Saved(SaveTicket),
    /// A change could not be made durable; whatever waited for the ticket fails with an answer that says so.
    NotSaved(SaveTicket),
    /// An admin, the API or the CLI asks for something.
    Command {
        /// Names the answer.
        token: CommandToken,
        /// The wish.
        command: Command,
    },
    /// The relay has bound these ports and holds them for calls (see `Output::WantRelayPorts`).
    RelayPorts(Vec<RelayPort>),
    /// No sound came from either side of this relay for the silence limit, or from one side for much longer.
    RelaySilent(RelayId),
    /// A relay was closed; its final counters.
    RelayClosed {
        /// Which.
        relay: RelayId,
        /// RTP packets received from side A (the caller).
        from_caller: u64,
        /// RTP packets received from side B (the callee).
        from_callee: u64,
    },
    /// No deadline passed, no message came: only "look at the clock".
    Tick,
    /// Stop taking new calls; end calls that are not connected with a final answer.
    Drain,
}

/// An even UDP port that the relay holds bound together with the next odd one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RelayPort(pub u16);
