//! The reference: what happened, told by the wires and the phones, and what should have happened.
//!
//! It knows calls, phones and times, and nothing of how the product decides. Here facts are collected and what is wrong at
//! once is said at once; `judging` looks back at the end.

mod facts;
mod judging;
mod phones;

use std::collections::BTreeMap;
use std::time::Duration;

use pbx_core::model::{CallId, DeviceId, Flow, Moment, TimelineStep, WakeKind, WakeRequest};
use pbx_core::switchboard::output::{Change, ParkedCall};
use push_module::delivery::Attempt;

use crate::history::{Event, History};
use crate::message;
use crate::phone::number_of;
use crate::provider::Fate;
use crate::store::JOURNAL;
use facts::{CallFacts, PhoneFacts};

/// What is known, and what is wrong.
pub(crate) struct Reference {
    history: History,
    calls: BTreeMap<String, CallFacts>,
    phones: Vec<PhoneFacts>,
    by_name: BTreeMap<String, String>,
    by_id: BTreeMap<CallId, String>,
    /// The caller's INVITE that the switchboard has in hand.
    handling: Option<String>,
    /// A phone's 200 that must connect its call.
    answering: Option<String>,
    /// Times at which an admin, a stop or silence ended calls.
    meddled: Vec<Moment>,
    /// Times at which an extension's phones or its push changed by an admin.
    kills: Vec<(Moment, Option<Moment>)>,
    draining: bool,
    /// Fewer devices may be live than there are: who rings depends on who came last.
    crowded: bool,
    removed: Vec<u8>,
    end: Moment,
    complaints: Vec<String>,
    /// How long a message takes at worst, with what repeating it costs.
    slack: Duration,
}

impl Reference {
    pub(crate) fn new(history: &History) -> Self {
        let network = history.network;
        // Two copies may get lost: the third leaves after one and a half seconds.
        let repeats = if network.loss > 0 { 1600 } else { 0 };
        let slack = Duration::from_millis(u64::from(network.slowest) * 2 + repeats + 100);
        Self {
            calls: BTreeMap::new(),
            phones: history.phones.iter().map(|plan| PhoneFacts::new(*plan)).collect(),
            by_name: BTreeMap::new(),
            by_id: BTreeMap::new(),
            handling: None,
            answering: None,
            meddled: Vec::new(),
            kills: Vec::new(),
            draining: false,
            crowded: false,
            removed: Vec::new(),
            end: Moment::START,
            complaints: Vec::new(),
            slack,
            history: history.clone(),
        }
    }

    /// Something is wrong.
    pub(crate) fn complain(&mut self, rule: &str, what: String) {
        if self.complaints.len() < 20 {
            self.complaints.push(format!("{rule}: {what}"));
        }
    }

    pub(crate) fn into_complaints(self) -> Vec<String> {
        self.complaints
    }

    /// Until now phones were there.
    pub(crate) fn last_words(&mut self, at: Moment) {
        self.end = at;
    }

    // What the switchboard gets and sends.

    pub(crate) fn server_gets(&mut self, at: Moment, (phone, flow): (u8, Flow), text: &str) {
        let call = message::header(text, "Call-ID");
        if message::status(text).is_some()
            && message::cseq(text).1 == "INVITE"
            && let Some(facts) = self.phones.get_mut(usize::from(phone))
        {
            facts.signs.push(at);
        }
        match (message::status(text), message::method(text)) {
            (None, "INVITE") => {
                let kills = &self.kills;
                let forgotten = |facts: &CallFacts| {
                    let decided = facts.decided.as_ref().map(|(at, _, _)| *at);
                    decided.is_some_and(|decided| kills.iter().any(|(down, _)| *down >= decided))
                };
                if let Some(facts) = self.calls.get_mut(call).filter(|facts| forgotten(facts) && !facts.journalled) {
                    // The next run of the server takes a repeated INVITE for a new call.
                    *facts = facts.anew();
                    self.by_name.retain(|_, known| known != call);
                }
                if let Some(facts) = self.calls.get_mut(call).filter(|facts| facts.began.is_none()) {
                    facts.flow = Some(flow);
                }
                self.handling = Some(call.to_owned());
            }
            (Some(200), _) if message::cseq(text).1 == "INVITE" => {
                let Some(name) = self.by_name.get(call).cloned() else { return };
                let removed = self.phones.get(usize::from(phone)).is_some_and(|facts| !facts.removals.is_empty());
                if let Some(facts) = self.calls.get_mut(&name) {
                    let device = facts.phone(phone);
                    device.server_got_ok.get_or_insert(at);
                    // Who crashed or left after it answered need not be connected.
                    let removed = removed || device.has_forgotten;
                    self.answering = (facts.is_open() && !removed).then_some(name);
                }
            }
            (Some(status), _) if status < 200 && message::cseq(text).1 == "INVITE" => {
                let there = self.phones.get(usize::from(phone)).is_some_and(|facts| facts.is_there(at, at));
                let Some(name) = self.by_name.get(call).cloned() else { return };
                if let Some(facts) = self.calls.get_mut(&name) {
                    let removed = self.phones.get(usize::from(phone)).is_some_and(|facts| !facts.removals.is_empty());
                    let gone = removed || !there || facts.phone(phone).forgot.is_some();
                    let rings = status == 180 && facts.is_open() && !gone;
                    facts.phone(phone).server_got_sign.push(at);
                    if rings {
                        facts.first_ring.get_or_insert(at);
                    }
                }
            }
            (_, _) => {}
        }
    }

    pub(crate) fn server_has_handled(&mut self, at: Moment, text: &str) {
        self.handling = None;
        if let Some(name) = self.answering.take()
            && self.calls.get(&name).is_some_and(CallFacts::is_open)
        {
            self.complain("an answer connects the call", format!("{name} at {at:?}: {text}"));
        }
    }

    pub(crate) fn server_sent(&mut self, at: Moment, phone: u8, text: &str) {
        let call = message::header(text, "Call-ID");
        let (_, method) = message::cseq(text);
        match (message::status(text), method) {
            (Some(status), "INVITE") => self.caller_is_answered(at, phone, status, text),
            (None, "INVITE") if message::tag(message::header(text, "To")).is_none() => {
                self.phone_is_invited(at, phone, text);
            }
            (None, "BYE") => {
                let name = self.by_name.get(call).map_or(call, String::as_str);
                if let Some(facts) = self.calls.get_mut(name) {
                    facts.byes.insert((
                        phone,
                        message::header(text, "To").to_owned(),
                        message::branch(text).to_owned(),
                    ));
                }
            }
            (Some(_) | None, _) => {}
        }
    }

    fn caller_is_answered(&mut self, at: Moment, phone: u8, status: u16, text: &str) {
        let call = message::header(text, "Call-ID").to_owned();
        let before = self.calls.get(&call).and_then(|facts| facts.decided.as_ref()).map(|(at, ..)| *at);
        let forgotten = before.is_some_and(|before| self.killed_in_the_journal(before));
        let Some(facts) = self.calls.get_mut(&call) else { return };
        if facts.caller == phone && status == 180 {
            facts.ringing_sent.get_or_insert(at);
        }
        facts.promised |= facts.caller == phone && status < 200;
        // A phone without an account asks again and again, and each question is a transaction of its own.
        let unproven = status == 407 || text.starts_with("SIP/2.0 403 Blocked After Wrong Secrets");
        // Answered without a transaction, like a challenge: a repeated INVITE is looked at anew.
        let is_off = text.starts_with("SIP/2.0 403 Phones Switched Off");
        if facts.caller != phone || status < 200 || unproven || is_off {
            return;
        }
        // The answer to a request within the call.
        if facts.cseq.is_some_and(|cseq| cseq != message::cseq(text).0) && facts.decided.is_some() {
            return;
        }
        facts.cseq = Some(message::cseq(text).0);
        let tag = message::tag(message::header(text, "To")).unwrap_or("").to_owned();
        match &facts.decided {
            None => facts.decided = Some((at, status, tag)),
            Some((_, before, known)) if *before == status && *known == tag => {}
            // The next run of the server answers for the one that was killed.
            Some((_, 0, _)) if facts.killed => {}
            // A phone that got the first answer throws the second away (RFC 6026 section 7.2).
            Some(_) if forgotten => {}
            Some((_, before, _)) => {
                let what = format!("{call} was answered {before} and then {status}");
                self.complain("one final answer", what);
            }
        }
    }

    fn phone_is_invited(&mut self, at: Moment, phone: u8, text: &str) {
        let name = message::header(text, "Call-ID").to_owned();
        let Some(call) = self.by_name.get(&name).cloned() else {
            return self.complain("every INVITE belongs to a call", name);
        };
        let Some(facts) = self.calls.get_mut(&call) else { return };
        let is_open = facts.is_open();
        let tag = message::tag(message::header(text, "From")).unwrap_or("").to_owned();
        if let Some(known) = self.phones.get_mut(usize::from(phone)) {
            known.asked.push(at);
        }
        let device = facts.phone(phone);
        if !device.branches.insert(message::branch(text).to_owned()) {
            return;
        }
        device.sent.push(at);
        device.tags.insert(tag);
        let names = device.tags.len();
        if !is_open {
            self.complain("no late ring", format!("{call}: phone {phone} is invited at {at:?} when it is over"));
        }
        let removed = self.phones.get(usize::from(phone)).is_some_and(|facts| !facts.removals.is_empty());
        if names > 1 && !removed {
            self.complain("one call has one name", format!("{call}: phone {phone} gets another From tag at {at:?}"));
        }
    }

    /// A stream has ended for the server: its caller, if he waited on it, is gone.
    pub(crate) fn flow_lost(&mut self, at: Moment, flow: Flow) {
        let phone = crate::world::World::phone_at(flow);
        for facts in self.calls.values_mut() {
            if facts.caller == phone && facts.flow == Some(flow) && facts.is_open() {
                facts.decided = Some((at, 0, String::new()));
            }
        }
    }

    // What it wants saved and pushed.

    pub(crate) fn wants_saved(&mut self, at: Moment, change: &Change) {
        match change {
            Change::PutCall(record) => {
                let Some(name) = self.by_name.get(&record.uuid.to_string()).cloned().or_else(|| self.handling.clone())
                else {
                    return self.complain("every record belongs to a call", format!("{record:?}"));
                };
                self.by_id.insert(record.id, name.clone());
                self.by_name.insert(record.uuid.to_string(), name.clone());
                let Some(facts) = self.calls.get_mut(&name) else { return };
                let another = facts.uuid.is_some_and(|uuid| uuid != record.uuid);
                if another {
                    // The next run of the server takes a repeated INVITE for a new call.
                    *facts = facts.anew();
                    if self.kills.is_empty() {
                        return self.complain("one INVITE makes one call", name);
                    }
                }
                facts.begun(record, at);
                if record.ending.is_some() {
                    facts.ended.get_or_insert(at);
                }
                if let Some(ending) = record.ending
                    && !facts.endings.contains(&ending)
                {
                    facts.endings.push(ending);
                }
            }
            Change::AppendTimeline(entry) if entry.step == TimelineStep::Ended => {
                if let Some(facts) = self.by_id.get(&entry.call).and_then(|name| self.calls.get_mut(name)) {
                    facts.ended_lines += 1;
                }
            }
            Change::PutDevice(device) => {
                // A new run may give an id again that never became durable.
                for facts in self.phones.iter_mut().filter(|facts| facts.device == Some(device.id)) {
                    facts.device = None;
                }
                if let Some(phone) = phones::index_of(device.key.as_str())
                    && let Some(facts) = self.phones.get_mut(phone)
                {
                    facts.device = Some(device.id);
                }
            }
            Change::PutExtension(_)
            | Change::DeleteExtension(_)
            | Change::PutCredential(_)
            | Change::DeleteCredential(_)
            | Change::PutLastWake { .. }
            | Change::DeleteDevice(_)
            | Change::PutUdpBinding(_)
            | Change::DeleteUdpBinding(_)
            | Change::AppendTimeline(_)
            | Change::PutParked(_)
            | Change::PutRinging(_)
            | Change::DeleteParked(_)
            | Change::PutBlock(_)
            | Change::DeleteBlock { .. }
            | Change::PutKnownNetwork { .. }
            | Change::DeleteKnownNetwork(_)
            | Change::PutSettings(_) => {}
        }
    }

    pub(crate) fn wake_ordered(&mut self, at: Moment, request: &WakeRequest) {
        let phone = self.phones.iter().position(|phone| phone.device == Some(request.device));
        let Some((call, phone)) = request.call.and_then(|id| self.by_id.get(&id)).cloned().zip(phone) else { return };
        let Some(facts) = self.calls.get_mut(&call) else { return };
        let is_open = facts.is_open();
        let removed = self.phones.get(phone).is_some_and(|facts| !facts.removals.is_empty());
        let device = facts.phone(u8::try_from(phone).unwrap_or(u8::MAX));
        let wrong = match request.kind {
            WakeKind::Call => {
                device.wakes.insert(request.wake_id);
                (!is_open || (device.wakes.len() > 1 && !removed)).then_some("one push for a new call only")
            }
            WakeKind::MissedCall | WakeKind::AnsweredElsewhere => {
                device.notices.push(at);
                device.wakes.is_empty().then_some("a notice follows a push")
            }
            WakeKind::Test | WakeKind::Refresh => None,
        };
        if let Some(rule) = wrong {
            self.complain(rule, format!("{call}: {:?} to phone {phone} at {at:?}", request.kind));
        }
    }

    pub(crate) fn attempted(&mut self, at: Moment, phone: u8, attempt: &Attempt, fate: &Fate) {
        let request = &attempt.request;
        if fate.blames_token
            && let Some(facts) = self.phones.get_mut(usize::from(phone))
        {
            facts.disarm(at);
            let token = request.target.call_token.as_ref().map(|token| token.reveal().clone());
            facts.blamed.extend(token);
        }
        if request.kind != WakeKind::Call {
            return;
        }
        let Some(call) = request.call.and_then(|id| self.by_id.get(&id)).cloned() else { return };
        let Some(facts) = self.calls.get_mut(&call) else { return };
        let removed = self.phones.get(usize::from(phone)).is_some_and(|facts| !facts.removals.is_empty());
        let is_open = facts.is_open();
        let device = facts.phone(phone);
        device.attempts.push(at);
        let accepted = device.accepted;
        device.accepted |= !fate.arrivals.is_empty();
        if !is_open || (accepted && !removed) {
            self.complain("one push for a new call only", format!("{call}: attempt for phone {phone} at {at:?}"));
        }
    }

    // What was planned.

    pub(crate) fn planned(&mut self, at: Moment, event: Event) {
        match event {
            Event::PushSwitch { extension, on } => {
                for facts in self.phones.iter_mut().filter(|facts| facts.plan.extension == extension) {
                    facts.push_on = on;
                    facts.disarm(at);
                }
            }
            Event::SwitchPhones { extension, on } => {
                self.meddled.push(at);
                for facts in self.phones.iter_mut().filter(|facts| facts.plan.extension == extension) {
                    facts.switch(at, on);
                }
            }
            Event::RemoveExtension { extension } => {
                self.meddled.push(at);
                self.removed.push(extension);
                for facts in self.phones.iter_mut().filter(|facts| facts.plan.extension == extension) {
                    facts.disarm(at);
                    facts.away(at);
                }
            }
            Event::RemovePhone { phone } => {
                if let Some(facts) = self.phones.get_mut(usize::from(phone)) {
                    facts.disarm(at);
                    facts.away(at);
                    facts.removals.push(at);
                }
            }
            Event::HangUpAll | Event::Silence => self.meddled.push(at),
            Event::Devices(_) => self.crowded = true,
            Event::Drain => {
                self.meddled.push(at);
                self.draining = true;
            }
            Event::Cut { phone, down } => {
                let until = at + Duration::from_millis(down.into());
                if let Some(facts) = self.phones.get_mut(usize::from(phone)) {
                    facts.away(at);
                    facts.cuts.push((at, until));
                }
            }
            Event::Call { .. }
            | Event::Sleep { .. }
            | Event::Rise { .. }
            | Event::Move { .. }
            | Event::Refresh { .. }
            | Event::Crash { .. }
            | Event::NewToken { .. }
            | Event::Mood { .. }
            | Event::Provider { .. }
            | Event::Store(_)
            | Event::Restart { .. }
            | Event::RestartInSave { .. }
            | Event::RingSeconds(_)
            | Event::TestPush { .. } => {}
        }
    }

    pub(crate) fn killed<'a>(&mut self, at: Moment, parked: impl Iterator<Item = &'a ParkedCall>) {
        self.kills.push((at, None));
        self.draining = false;
        // An id that never became durable may be given again.
        self.by_id.clear();
        let parked: Vec<CallId> = parked.map(|parked| parked.call).collect();
        for facts in self.phones.iter_mut() {
            facts.away(at);
            facts.doubt_switch(at);
        }
        let mut lost = Vec::new();
        for (name, facts) in self.calls.iter_mut().filter(|(_, facts)| facts.is_open()) {
            facts.killed = true;
            facts.journalled = facts.id.is_some_and(|id| parked.contains(&id));
            facts.decided = facts.began.map(|_| (at, 0, String::new()));
            if facts.promised && !facts.journalled && !facts.unwritten {
                lost.push((name.clone(), facts.caller));
            }
        }
        for (call, caller) in lost {
            if self.is_on_udp(caller) {
                self.complain("a caller who was told something is in the journal", call);
            }
        }
    }

    /// Killed while the end of a call that was decided then went into the journal: the next run cannot know of it.
    pub(crate) fn killed_in_the_journal(&self, decided: Moment) -> bool {
        self.kills.iter().any(|(down, _)| *down >= decided && down.since(decided) <= JOURNAL)
    }

    /// The park journal could not take this call.
    pub(crate) fn not_journalled(&mut self, call: CallId) {
        if let Some(facts) = self.by_id.get(&call).and_then(|name| self.calls.get_mut(name)) {
            facts.unwritten = true;
        }
    }

    pub(crate) fn started_again(&mut self, at: Moment) {
        if let Some((_, up)) = self.kills.last_mut() {
            *up = Some(at);
        }
    }

    // What others ask.

    pub(crate) fn is_draining(&self) -> bool {
        self.draining
    }

    pub(crate) fn device_of(&self, phone: u8) -> Option<DeviceId> {
        self.phones.get(usize::from(phone))?.device
    }

    pub(crate) fn calls_going_on(&self) -> Vec<CallId> {
        self.calls.values().filter(|facts| facts.endings.is_empty()).filter_map(|facts| facts.id).collect()
    }

    /// Whether a phone's 200 should mean that its token is on disk.
    pub(crate) fn expects_token(&self, at: Moment, phone: u8) -> bool {
        self.phones
            .get(usize::from(phone))
            .is_some_and(|facts| !self.removed.contains(&facts.plan.extension) && !facts.was_removed(at))
    }

    fn number(&self, phone: u8) -> String {
        self.phones.get(usize::from(phone)).map_or(String::new(), |facts| number_of(facts.plan.extension))
    }
}
