//! Every effect the core can ask for. Read this file second.
//!
//! Outputs are carried out in order. "Save, then reply" is expressed by the ticket: an answer that promises durability
//! stays inside the switchboard until the driver brings `Input::Saved` with the ticket of the change.

use std::net::IpAddr;

use bytes::Bytes;

use crate::model::{
    CallId, CallRecord, DeviceId, DeviceKey, Extension, ExtensionNumber, Flow, LastWake, Network, PushPolicy, Settings,
    SipCredential, SipUsername, TimelineEntry, UnixMillis, WakeRequest, WakeTarget,
};

use crate::defence::{Report, StoredBlock};

use super::command::CommandResult;
use super::input::RelayPort;

/// Names the answer to a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommandToken(pub u64);

/// Names a save whose completion somebody waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SaveTicket(pub u64);

/// Names one relay: the sound of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RelayId(pub u64);

/// One effect.
#[derive(Debug)]
pub enum Output {
    /// Send these bytes on this flow. Never waits: a full write queue is `Input::SendFailed`.
    Send {
        /// Where.
        flow: Flow,
        /// A whole SIP message.
        bytes: Bytes,
    },
    /// Close a stream (superseded or misbehaving).
    CloseFlow(Flow),
    /// Hand this to the push side; a full queue comes back as a `WakeReport` with `GaveUp`.
    Wake(WakeRequest),
    /// The call is over: stop trying to deliver this call's pending wakes.
    StopWakes(CallId),
    /// Save behind (or before an answer, when a ticket is given).
    Save {
        /// What, in order.
        changes: Vec<Change>,
        /// Answered by `Input::Saved` once durable.
        ticket: Option<SaveTicket>,
    },
    /// Open a relay on two held ports.
    OpenRelay {
        /// Its name.
        relay: RelayId,
        /// Port the caller sends to.
        caller_port: RelayPort,
        /// Port the callee sends to.
        callee_port: RelayPort,
    },
    /// What a side announced in its SDP; the relay accepts that side's first packet and then only its source.
    AimRelay {
        /// Which.
        relay: RelayId,
        /// Whose announcement.
        side: Side,
        /// The media address in the SDP; the unspecified address means "hold".
        announced: std::net::SocketAddr,
        /// The address the signalling came from, for phones behind NAT that announce a private address.
        signalled_from: IpAddr,
        /// RTCP shares the RTP port (RFC 5761), as both SDPs agree.
        rtcp_mux: bool,
    },
    /// Close a relay; answered by `Input::RelayClosed`. The ports return to the relay.
    CloseRelay(RelayId),
    /// The stock of free relay ports is low: bind this many more and say so with `Input::RelayPorts`.
    WantRelayPorts(usize),
    /// New live settings: the relay takes its port range and silence limit from them.
    ApplySettings(Box<Settings>),
    /// One line for the log about somebody who failed to prove an account, or was blocked.
    Security(Report),
    /// The answer to a command.
    Answer {
        /// Which.
        token: CommandToken,
        /// The result.
        result: CommandResult,
    },
    /// Something changed that pages may show.
    Notice(Notice),
}

/// The two sides of a relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// The side that made the call.
    Caller,
    /// The side that was called.
    Callee,
}

/// What changed, for live pages; the reader asks for details by command or from the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    /// An extension was added, changed or removed, or one of its devices changed.
    Extension(ExtensionNumber),
    /// A call began, moved on or ended.
    Call(CallId),
    /// Settings changed.
    Settings,
}

/// One durable change; the store applies them in order, in one transaction with whatever else waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Insert or replace an extension.
    PutExtension(Extension),
    /// Delete an extension with its credentials and devices.
    DeleteExtension(ExtensionNumber),
    /// Insert or replace a SIP account.
    PutCredential(SipCredential),
    /// Delete a SIP account.
    DeleteCredential(SipUsername),
    /// Insert or replace a device and its wake target.
    PutDevice(StoredDevice),
    /// Note the outcome of a device's last wake.
    PutLastWake {
        /// Which device.
        device: DeviceId,
        /// What came of it.
        last_wake: LastWake,
    },
    /// Delete a device with its wake target and live binding.
    DeleteDevice(DeviceId),
    /// Keep a UDP live binding for the next start.
    PutUdpBinding(StoredBinding),
    /// Forget a kept UDP live binding.
    DeleteUdpBinding(DeviceId),
    /// Insert or replace a call record.
    PutCall(CallRecord),
    /// Append to a call's timeline.
    AppendTimeline(TimelineEntry),
    /// Park journal: this call waits for devices, or its caller on UDP waits for an answer, which hears nothing before.
    PutParked(ParkedCall),
    /// Park journal: this phone on UDP is rung; only it has to be told after a crash, a stream dies with the process.
    PutRinging(RingingPhone),
    /// Park journal: the call has ended or is connected.
    DeleteParked(CallId),
    /// Replace the live settings.
    PutSettings(Settings),
    /// Insert or replace a block.
    PutBlock(StoredBlock),
    /// Delete a block.
    DeleteBlock {
        /// Whose packets.
        network: Network,
        /// Only those that claim this account; `None` for all.
        account: Option<String>,
    },
    /// Somebody behind this network knows a secret.
    PutKnownNetwork {
        /// Which.
        network: Network,
        /// When it was proved.
        at: UnixMillis,
    },
    /// Nobody is known behind this network any more.
    DeleteKnownNetwork(Network),
}

/// One order to the store: what the driver makes of [`Output::Save`] and puts on the save queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaveJob {
    /// What, in order; all of it or nothing.
    pub changes: Vec<Change>,
    /// Answered by [`Saved`] once durable, or once it has failed.
    pub ticket: Option<SaveTicket>,
}

/// The store's answer to a [`SaveJob`] with a ticket; the driver makes `Input::Saved` or `Input::NotSaved` of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Saved {
    /// Which job.
    pub ticket: SaveTicket,
    /// Durable; `false` when nothing of the job was kept.
    pub ok: bool,
}

/// A device as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredDevice {
    /// The row.
    pub id: DeviceId,
    /// Whose.
    pub extension: ExtensionNumber,
    /// What it is known by.
    pub key: DeviceKey,
    /// The account it registers with.
    pub username: SipUsername,
    /// The last User-Agent seen.
    pub user_agent: String,
    /// When it was first seen.
    pub first_seen_at: UnixMillis,
    /// When it last registered (saved with other changes; a plain refresh does not write it).
    pub last_seen_at: UnixMillis,
    /// Record 2.
    pub wake_target: Option<WakeTarget>,
    /// The last wake and its outcome.
    pub last_wake: Option<LastWake>,
    /// Until when the wake target may be used.
    pub push_policy: PushPolicy,
    /// When the registration ends that the wake target depends on; only under `rfc8599`. Saved behind, so it may lag by
    /// half of what was granted.
    pub registered_until: Option<UnixMillis>,
}

/// A UDP live binding as it is stored, so that desk phones survive a restart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredBinding {
    /// Whose.
    pub device: DeviceId,
    /// The Contact URI without push parameters and angle brackets.
    pub contact: String,
    /// Where its packets come from.
    pub remote: std::net::SocketAddr,
    /// Our address they came to.
    pub local: std::net::SocketAddr,
    /// Route set from Path headers (RFC 3327), outermost first.
    pub path: Vec<String>,
    /// The REGISTER's Call-ID and CSeq, against replays and reordering.
    pub call_id: String,
    /// The last CSeq number.
    pub cseq: u32,
    /// When it began.
    pub since: UnixMillis,
    /// When it ends.
    pub expires_at: UnixMillis,
}

/// What is needed after a crash to give a waiting caller a final answer over UDP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParkedCall {
    /// Which call.
    pub call: CallId,
    /// How the caller's INVITE came.
    pub flow: Flow,
    /// The caller's INVITE as received.
    pub invite: Bytes,
    /// The tag we put into To.
    pub to_tag: String,
    /// When ringing would have ended.
    pub ring_until: UnixMillis,
    /// The call as it stood, for the call log of a run that could not write it any more.
    pub record: CallRecord,
}

/// What is needed after a crash to let a phone on UDP rest that rings for a call nobody cares for any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RingingPhone {
    /// Which call.
    pub call: CallId,
    /// Where the INVITE went.
    pub flow: Flow,
    /// The part of the INVITE that its CANCEL repeats (RFC 3261 section 9.1).
    pub invite: Bytes,
}

/// Everything the switchboard needs at start.
#[derive(Debug, Clone, Default)]
pub struct Restored {
    /// Live settings.
    pub settings: Settings,
    /// All extensions.
    pub extensions: Vec<Extension>,
    /// All SIP accounts.
    pub credentials: Vec<SipCredential>,
    /// All devices with their wake targets.
    pub devices: Vec<StoredDevice>,
    /// UDP live bindings of the last run.
    pub udp_bindings: Vec<StoredBinding>,
    /// Calls that were parked when the last run ended.
    pub parked: Vec<ParkedCall>,
    /// Phones that rang then.
    pub ringing: Vec<RingingPhone>,
    /// Blocks, with those that ended within a day.
    pub blocks: Vec<StoredBlock>,
    /// Networks behind which somebody knows a secret, and when that was proved.
    pub known_networks: Vec<(Network, UnixMillis)>,
    /// The highest call id ever used.
    pub last_call: i64,
    /// The highest device id ever used.
    pub last_device: i64,
}
