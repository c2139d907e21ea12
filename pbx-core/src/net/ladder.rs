//! What was said in the last calls, message by message: the ladder on a call's page.
//!
//! Read off the driver's inputs and outputs as they pass; the switchboard knows nothing of it. Only messages of calls are kept,
//! found by their Call-ID: a phone's leg has the call's public id, the caller's leg the Call-ID of the INVITE that began the
//! call. Secrets are masked before a message is kept ([`mask`]), so none can be shown by mistake. In memory only, and bounded:
//! when there are too many calls or bytes, the oldest call goes; of a long call the begin and the end are kept.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use serde::Serialize;

use crate::model::{CallId, ConnectionId, Flow, Transport, UnixMillis};
use crate::sip::message::{HeaderName, Message, Method};
use crate::switchboard::output::{Change, Output};

mod mask;

#[cfg(test)]
mod tests;

/// Calls that are kept: a day of a small office.
const CALLS: usize = 500;
/// Text of all calls together.
const BYTES: usize = 16 * 1024 * 1024;
/// Messages kept from the begin of a call; setting up a group of phones takes some ten for each.
const FIRST: usize = 150;
/// Messages kept from its end.
const LAST: usize = 50;
/// Ways of one call; a phone that moves has several.
const LEGS: usize = 32;
/// Messages of one input that may belong to a call that begins with it: an INVITE to each phone of a group.
const PENDING: usize = 64;

/// One way on which a call's messages went: a column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LadderLeg {
    /// Of the phone that called.
    pub is_caller: bool,
    /// How its messages travel.
    pub transport: Transport,
    /// Its address.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub remote: SocketAddr,
    /// What it calls itself; empty when it has said nothing.
    pub agent: String,
    #[serde(skip)]
    connection: ConnectionId,
}

impl LadderLeg {
    /// A way on which nothing was said yet.
    pub const fn new(is_caller: bool, transport: Transport, remote: SocketAddr) -> Self {
        Self { is_caller, transport, remote, agent: String::new(), connection: ConnectionId(0) }
    }
}

/// One message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LadderMessage {
    /// When it came or went.
    pub at: UnixMillis,
    /// Which of the legs.
    pub leg: usize,
    /// From the phone to us.
    pub received: bool,
    /// The method, or the status with its reason.
    pub title: String,
    /// The number and the method it belongs to.
    pub cseq: String,
    /// All of it, with secrets masked, cut when it is very long.
    pub text: String,
}

/// The messages of one call.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Ladder {
    /// The columns, in the order in which they appeared.
    pub legs: Vec<LadderLeg>,
    /// In order.
    pub messages: Vec<LadderMessage>,
    /// Messages in the middle that were not kept.
    pub left_out: u32,
}

/// The ladders of the last calls; clones are the same list.
#[derive(Debug, Clone, Default)]
pub struct Ladders(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    calls: BTreeMap<CallId, Call>,
    bytes: usize,
}

#[derive(Debug, Default)]
struct Call {
    /// The Call-IDs that lead here.
    names: Vec<Box<str>>,
    legs: Vec<LadderLeg>,
    first: Vec<Arc<LadderMessage>>,
    last: VecDeque<Arc<LadderMessage>>,
    left_out: u32,
    bytes: usize,
}

impl Ladders {
    /// The ladder of a call; `None` when it is older than what is kept, or of an earlier run.
    pub fn get(&self, call: CallId) -> Option<Ladder> {
        let (legs, messages, left_out) = {
            let kept = self.lock();
            let call = kept.calls.get(&call)?;
            let messages: Vec<_> = call.first.iter().chain(&call.last).cloned().collect();
            (call.legs.clone(), messages, call.left_out)
        };
        let messages = messages.into_iter().map(Arc::unwrap_or_clone).collect();
        Some(Ladder { legs, messages, left_out })
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes the ladders; the driver's own.
#[derive(Debug)]
pub(super) struct Recorder {
    kept: Ladders,
    names: BTreeMap<Box<str>, CallId>,
    /// Messages of the input in hand that belong to no call yet.
    pending: Vec<Heard>,
    newest: CallId,
}

#[derive(Debug)]
struct Heard {
    name: Box<str>,
    flow: Flow,
    received: bool,
    raw: Bytes,
}

impl Recorder {
    pub(super) fn new(kept: Ladders) -> Self {
        Self { kept, names: BTreeMap::new(), pending: Vec::new(), newest: CallId(0) }
    }

    /// A message came.
    pub(super) fn received(&mut self, flow: &Flow, message: &Message, raw: &Bytes, now: UnixMillis) {
        let may_begin = match message {
            Message::Request(request) if request.method == Method::Register => return,
            Message::Request(request) => request.method == Method::Invite,
            Message::Response(_) => false,
        };
        if self.names.is_empty() && !may_begin {
            return;
        }
        let Some(name) = message.headers().get(&HeaderName::CallId) else { return };
        self.heard(name, (flow, true, raw), may_begin, now);
    }

    /// An output passes: a message that goes, or a call that begins.
    pub(super) fn look(&mut self, output: &Output, now: UnixMillis) {
        match output {
            Output::Send { flow, bytes } => self.sent(flow, bytes, now),
            Output::Save { changes, .. } => {
                for change in changes {
                    if let Change::PutCall(record) = change
                        && record.id > self.newest
                    {
                        self.newest = record.id;
                        self.begin(record.id, &record.uuid.to_string(), now);
                    }
                }
            }
            Output::CloseFlow(_)
            | Output::Wake(_)
            | Output::StopWakes(_)
            | Output::OpenRelay { .. }
            | Output::AimRelay { .. }
            | Output::CloseRelay(_)
            | Output::WantRelayPorts(_)
            | Output::ApplySettings(_)
            | Output::Security(_)
            | Output::Answer { .. }
            | Output::Notice(_) => {}
        }
    }

    /// What belonged to no call is forgotten.
    pub(super) fn end_of_input(&mut self) {
        self.pending.clear();
    }

    fn sent(&mut self, flow: &Flow, bytes: &Bytes, now: UnixMillis) {
        let may_begin = bytes.starts_with(b"INVITE ");
        if self.names.is_empty() && self.pending.is_empty() && !may_begin {
            return;
        }
        if let Some(name) = mask::call_id(bytes) {
            self.heard(name, (flow, false, bytes), may_begin, now);
        }
    }

    fn heard(&mut self, name: &str, (flow, received, raw): (&Flow, bool, &Bytes), may_begin: bool, now: UnixMillis) {
        if let Some(call) = self.names.get(name) {
            self.write(*call, name, (flow, received, raw), now);
            return;
        }
        let goes_on = || self.pending.first().is_some_and(|first| *first.name == *name);
        if self.pending.len() < PENDING && (may_begin || goes_on()) {
            self.pending.push(Heard { name: name.into(), flow: *flow, received, raw: raw.clone() });
        }
    }

    fn begin(&mut self, call: CallId, uuid: &str, now: UnixMillis) {
        let callers = self.pending.first().filter(|first| first.received).map(|first| first.name.clone());
        let names: Vec<Box<str>> = callers.into_iter().chain([uuid.into()]).collect();
        for name in &names {
            self.names.insert(name.clone(), call);
        }
        let kept = self.kept.clone();
        let mut kept = kept.lock();
        kept.calls.insert(call, Call { names, ..Call::default() });
        while kept.calls.len() > CALLS {
            self.forget_oldest(&mut kept);
        }
        drop(kept);
        for heard in std::mem::take(&mut self.pending) {
            if self.names.get(&heard.name) == Some(&call) {
                self.write(call, &heard.name, (&heard.flow, heard.received, &heard.raw), now);
            }
        }
    }

    fn write(&mut self, call: CallId, name: &str, (flow, received, raw): (&Flow, bool, &Bytes), now: UnixMillis) {
        let shown = mask::shown(raw);
        let kept = self.kept.clone();
        let mut kept = kept.lock();
        let Some(one) = kept.calls.get_mut(&call) else { return };
        let is_caller = one.names.len() > 1 && one.names.first().is_some_and(|first| **first == *name);
        let leg = one.leg(flow, is_caller);
        if let Some(agent) =
            one.legs.get_mut(leg).map(|leg| &mut leg.agent).filter(|agent| received && agent.is_empty())
        {
            *agent = shown.agent;
        }
        let (title, cseq, text) = (shown.title, shown.cseq, shown.text);
        let message = LadderMessage { at: now, leg, received, title, cseq, text };
        let grown = one.push(message);
        kept.bytes = kept.bytes.saturating_add_signed(grown);
        while kept.bytes > BYTES && kept.calls.len() > 1 {
            self.forget_oldest(&mut kept);
        }
    }

    fn forget_oldest(&mut self, kept: &mut Kept) {
        let Some((id, oldest)) = kept.calls.pop_first() else { return };
        kept.bytes = kept.bytes.saturating_sub(oldest.bytes);
        for name in oldest.names {
            if self.names.get(&name) == Some(&id) {
                self.names.remove(&name);
            }
        }
    }
}

impl Call {
    /// The column of a flow; what has no room is in the last.
    fn leg(&mut self, flow: &Flow, is_caller: bool) -> usize {
        let key = (flow.transport, flow.remote, flow.connection);
        let found = self.legs.iter().position(|leg| (leg.transport, leg.remote, leg.connection) == key);
        found.unwrap_or_else(|| {
            if self.legs.len() < LEGS {
                let leg = LadderLeg::new(is_caller, flow.transport, flow.remote);
                self.legs.push(LadderLeg { connection: flow.connection, ..leg });
            }
            self.legs.len().saturating_sub(1)
        })
    }

    /// Keeps a message; says by how much the text has grown.
    fn push(&mut self, message: LadderMessage) -> isize {
        let before = self.bytes;
        self.bytes += message.size();
        if self.first.len() < FIRST {
            self.first.push(Arc::new(message));
        } else {
            self.last.push_back(Arc::new(message));
        }
        if self.last.len() > LAST
            && let Some(gone) = self.last.pop_front()
        {
            self.bytes = self.bytes.saturating_sub(gone.size());
            self.left_out = self.left_out.saturating_add(1);
        }
        isize::try_from(self.bytes).unwrap_or(isize::MAX) - isize::try_from(before).unwrap_or(isize::MAX)
    }
}

impl LadderMessage {
    fn size(&self) -> usize {
        self.title.len() + self.cseq.len() + self.text.len()
    }
}
