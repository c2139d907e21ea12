//! Carrying out the change set of a REGISTER, and its answer.

use std::time::Duration;

use crate::model::{DeviceId, DeviceKey, Flow, Now, PushPolicy, SipUsername, Transport, UnixMillis};
use crate::switchboard::output::Change;

use super::change_set::{self, ChangeSet, Step, Who};
use super::contact_uri;
use super::device::{Device, Indexed, MAX_SPARES};
use super::event::{Bound, BoundContact, Refusal, RegisterOutcome, RegistrarEvent, Saving};
use super::live_binding::{GoneReason, LiveBinding, Terms};
use super::registration::{Contacts, OfferedContact, OfferedPush, OfferedTarget, Registration};
use super::{Books, Entry, Registrar, wake_target};

/// What `+sip.pnsreg` promises, in seconds: RFC 8599 section 4.1.4 wants more than 120; OpenSIPS says the same.
const REFRESH_PROMISE: u32 = 130;
/// So long before the end a device is pushed: later than it would renew by itself when it is awake, and with the two
/// minutes that RFC 8599 wants left.
const REFRESH_BEFORE: u32 = 125;
/// A shorter registration is over before a push for it makes sense.
const REFRESH_FROM: u32 = 180;
/// User-Agents longer than this are cut; they are only shown.
const MAX_USER_AGENT_BYTES: usize = 128;

/// What all Contacts of a REGISTER share.
struct Asked {
    username: SipUsername,
    flow: Flow,
    call_id: Box<str>,
    cseq: u32,
    user_agent: Box<str>,
    path: Vec<Box<str>>,
    now: Now,
}

/// One REGISTER while it is carried out.
struct Work<'a> {
    entry: &'a mut Entry,
    books: &'a mut Books,
    asked: Asked,
    /// The answer as it grows.
    bound: Bound,
    /// Devices that the REGISTER left bound.
    asking: Vec<DeviceId>,
    /// A stored binding ends with this REGISTER, and the store has to know before the phone does.
    farewell_is_stored: bool,
}

/// What happened to a device when it was bound.
struct Done {
    fresh: bool,
    restarted: bool,
    store: bool,
    shown: bool,
    superseded: Option<Flow>,
}

impl Registrar {
    /// Whether this is a REGISTER that was carried out already, from the same place: the same Call-ID and CSeq for every
    /// binding it names (RFC 3261 section 10.3 step 7). Carrying it out again changes nothing.
    pub fn repeats(&self, registration: &Registration, now: Now) -> bool {
        let Some(entry) = self.entries.get(&registration.extension) else { return false };
        change_set::plan(entry, self.rules, registration, now.mono).is_ok_and(|set| set.is_repetition())
    }

    /// Takes an authenticated REGISTER.
    ///
    /// Events of earlier inputs must have been told; [`Bound::changes`] are to be saved before those that follow now.
    /// The answer goes out at once unless [`Bound::durable`].
    pub fn register(&mut self, registration: Registration, now: Now) -> RegisterOutcome {
        let changes = self.expire(now);
        let planned = match self.entries.get_mut(&registration.extension) {
            Some(entry) if entry.extension.phones_are_off() => Err(Refusal::PhonesOff),
            Some(entry) => change_set::plan(entry, self.rules, &registration, now.mono).map(|set| (entry, set)),
            None => Err(Refusal::NoSuchExtension),
        };
        match planned {
            Ok((entry, set)) => {
                let (flow, is_direct) = (registration.flow, registration.path.is_empty());
                let (mut bound, devices) = carry_out(entry, &mut self.books, set, (registration, now), changes);
                if is_direct {
                    self.note_same_phone(&devices, flow, &mut bound.changes);
                }
                RegisterOutcome::Bound(bound)
            }
            Err(refusal) => {
                self.books.save(changes);
                RegisterOutcome::Refused(refusal)
            }
        }
    }
}

/// The answer, and the devices the REGISTER left bound.
fn carry_out(
    entry: &mut Entry,
    books: &mut Books,
    set: ChangeSet,
    (registration, now): (Registration, Now),
    changes: Vec<Change>,
) -> (Bound, Vec<DeviceId>) {
    let asked = |provider: &&_| entry.extension.may_be_woken() && (set.asks_for_all || set.asks_for.contains(provider));
    let feature_caps = books.providers.iter().filter(asked).copied().collect();
    let bound = Bound { feature_caps, changes, ..Bound::default() };
    let Registration { extension: _, username, flow, call_id, cseq, user_agent, path, contacts } = registration;
    let asked = Asked { username, flow, call_id, cseq, user_agent, path, now };
    let asking = Vec::with_capacity(set.steps.len());
    let mut work = Work { entry, books, asked, bound, asking, farewell_is_stored: false };
    for device in set.displaced {
        work.end_binding(device, GoneReason::Displaced);
    }
    for device in set.evicted {
        work.forget(device);
    }
    let mut contacts: Vec<Option<OfferedContact>> = match contacts {
        Contacts::List(contacts) => contacts.into_iter().map(Some).collect(),
        Contacts::Query | Contacts::RemoveAll => Vec::new(),
    };
    let mut take = |at: usize| contacts.get_mut(at).and_then(Option::take);
    for step in set.steps {
        match step {
            Step::Again { device } => work.asking.push(device),
            Step::Remove { device, contact } => work.unregister(device, contact.and_then(&mut take)),
            Step::Bind { who, contact, seconds } => {
                let Some(contact) = take(contact) else { continue };
                let device = work.known_or_new(who);
                work.bind(device, contact, seconds);
                work.asking.push(device);
            }
        }
    }
    work.put_records_in_front();
    work.bound.durable = work.farewell_is_stored || !work.bound.saving.is_empty();
    work.bound.contacts = work.contacts();
    (work.bound, work.asking)
}

impl Work<'_> {
    /// The device to bind, with its key and account brought up to date.
    fn known_or_new(&mut self, who: Who) -> DeviceId {
        match who {
            Who::Known { device, new_key } => {
                let Some(found) = self.entry.device_mut(device) else { return device };
                let changed = new_key.is_some() || found.username != self.asked.username;
                if let Some(key) = new_key {
                    found.key = key;
                }
                if changed {
                    found.username.clone_from(&self.asked.username);
                    self.mark_unsaved(device);
                }
                device
            }
            Who::New(key) => {
                self.books.last_device += 1;
                let device = DeviceId(self.books.last_device);
                self.books.index.add(device, self.entry.extension.number);
                self.entry.devices.reserve_exact(1);
                self.entry.devices.push(new_device(device, key, self.asked.username.clone(), self.asked.now.wall));
                self.mark_unsaved(device);
                device
            }
        }
    }

    fn bind(&mut self, device: DeviceId, contact: OfferedContact, seconds: u32) {
        let target_changed = self.offer_push(device, contact.push.as_ref());
        if target_changed {
            self.mark_unsaved(device);
        }
        let (extension, push_enabled) = (self.entry.extension.number, self.entry.extension.may_be_woken());
        let (flow, now) = (self.asked.flow, self.asked.now);
        let expires = now.mono + Duration::from_secs(seconds.into());
        let offers_target = matches!(contact.push, Some(OfferedPush::Target(_)));
        let terms = Terms {
            uri: contact.uri,
            params: contact.params,
            flow,
            reg_id: contact.reg_id,
            cseq: self.asked.cseq,
            now: now.mono,
            expires,
            expires_at: now.wall_at(expires),
        };
        let Some(found) = self.entry.device_mut(device) else { return };
        let done = renew(found, terms, &self.asked);
        note_user_agent(found, &self.asked.user_agent);
        note_registration(found, contact.needs_refresh_push.then_some(seconds), now);
        if registration_is_to_be_saved(found, seconds) {
            found.stored_registration = found.registered_until.map(|(_, until)| until);
            self.bound.changes.push(Change::PutDevice(found.to_stored(extension)));
        }
        if found.refresh_at.is_some() {
            self.bound.refresh_push = Some(REFRESH_PROMISE);
        }
        if offers_target && push_enabled {
            self.bound.pushed_in_calls = found.live().map(|binding| (device, binding.since));
        }
        self.books.index.settle(found, push_enabled);
        // A phone on UDP that has its 200 comes back in half an hour: where it is must outlive the end of the process.
        if done.store && done.shown && !flow.transport.is_reliable() {
            self.mark_answer_waits(device);
        }
        let Some(found) = self.entry.device_mut(device) else { return };
        // A save that failed took the binding with it.
        if done.store || (found.unsaved != 0 && !flow.transport.is_reliable()) {
            self.bound.changes.push(store_binding(found));
        }
        if let Some(flow) = done.superseded
            && !self.books.index.is_connection_used(flow.connection)
        {
            self.books.events.push_back(RegistrarEvent::CloseFlow(flow));
        }
        let Done { fresh, restarted, .. } = done;
        self.books.events.push_back(RegistrarEvent::Registered { extension, device, fresh, restarted, flow });
        if done.shown || target_changed {
            self.books.events.push_back(RegistrarEvent::DeviceChanged { extension, device });
        }
    }

    fn unregister(&mut self, device: DeviceId, contact: Option<OfferedContact>) {
        // A token that comes with the farewell is the one to wake with; none at all says nothing, for an app that goes
        // to the background unregisters and wants to be woken.
        let is_sound = |push: &OfferedPush| matches!(push, OfferedPush::Target(target) if target.is_sound());
        let reg_id = contact.as_ref().and_then(|contact| contact.reg_id);
        let push = contact.and_then(|contact| contact.push).filter(is_sound);
        let target_changed = push.is_some() && self.offer_push(device, push.as_ref());
        let (extension, push_enabled) = (self.entry.extension.number, self.entry.extension.may_be_woken());
        let Some(found) = self.entry.device_mut(device) else { return };
        if let Some(binding) = found.binding.as_mut().filter(|binding| binding.is_live() || binding.is_doubted()) {
            binding.note_sequence(&self.asked.call_id, self.asked.cseq);
        }
        self.books.index.settle(found, push_enabled);
        let stored = found.stored_until.is_some();
        if target_changed {
            self.mark_unsaved(device);
            self.books.events.push_back(RegistrarEvent::DeviceChanged { extension, device });
        }
        if self.leave_one_flow(device, reg_id) {
            return;
        }
        // Else a phone that said goodbye would be called after a crash.
        self.farewell_is_stored |= stored;
        self.end_binding(device, GoneReason::Unregistered);
        if self.entry.device(device).is_some_and(|found| found.policy == PushPolicy::Rfc8599 && found.target.is_some())
        {
            // The end of its pushes is acknowledged with the end of its registration.
            self.mark_unsaved(device);
        }
    }

    /// A device with several flows (RFC 5626) takes back one of them and stays registered by the others.
    fn leave_one_flow(&mut self, device: DeviceId, reg_id: Option<u32>) -> bool {
        let (extension, push_enabled) = (self.entry.extension.number, self.entry.extension.may_be_woken());
        let Some(found) = self.entry.device_mut(device).filter(|found| !found.spares.is_empty()) else { return false };
        if reg_id.is_none() {
            return false;
        }
        let newest_leaves = found.binding.as_ref().is_none_or(|newest| newest.reg_id == reg_id);
        if newest_leaves {
            found.promote_spare();
            let taken_over = found.live().map(|binding| binding.flow);
            self.bound.changes.push(store_binding(found));
            self.books.events.extend(taken_over.map(|flow| RegistrarEvent::FlowChanged { extension, device, flow }));
        } else {
            found.spares.retain(|spare| spare.reg_id != reg_id);
        }
        self.books.index.settle(found, push_enabled);
        self.books.events.push_back(RegistrarEvent::DeviceChanged { extension, device });
        true
    }

    /// Brings record 2 up to date with what a Contact says about push. True when anything that is stored changed.
    fn offer_push(&mut self, device: DeviceId, push: Option<&OfferedPush>) -> bool {
        if let Some(OfferedPush::Target(offered)) = push
            && self.entry.devices.len() > 1
        {
            self.take_token_from_others(device, offered);
        }
        let Some(found) = self.entry.device_mut(device) else { return false };
        match push {
            Some(OfferedPush::Target(offered)) => wake_target::learn(&mut found.target, offered, self.asked.now.wall),
            Some(OfferedPush::Query(_) | OfferedPush::Unsupported(_)) => false,
            None => match self.books.reported.remove(&self.asked.username) {
                Some(reported) if found.target.is_none() => {
                    wake_target::learn(&mut found.target, &reported, self.asked.now.wall)
                }
                Some(_) | None => wake_target::switch_off_by_device(&mut found.target),
            },
        }
    }

    /// A token belongs to one installation of an app: the device of the extension that offered it last. One that loses it
    /// and is not live is an installation that was replaced, and is forgotten.
    fn take_token_from_others(&mut self, device: DeviceId, offered: &OfferedTarget) {
        let (extension, push_enabled) = (self.entry.extension.number, self.entry.extension.may_be_woken());
        let mut lost = Vec::new();
        for other in self.entry.devices.iter_mut().filter(|other| other.id != device) {
            if other.target.as_deref().is_some_and(|target| offered.is_token_of(target)) {
                other.target = None;
                self.books.index.settle(other, push_enabled);
                lost.push((other.id, other.is_live()));
            }
        }
        for (other, live) in lost {
            if live {
                self.mark_unsaved(other);
                self.books.events.push_back(RegistrarEvent::DeviceChanged { extension, device: other });
            } else {
                self.forget(other);
            }
        }
    }

    fn end_binding(&mut self, device: DeviceId, why: GoneReason) {
        self.books.end_binding(self.entry, device, (why, self.asked.now), &mut self.bound.changes);
    }

    fn forget(&mut self, device: DeviceId) {
        self.books.forget(self.entry, device, &mut self.bound.changes);
    }

    /// The device's record is to be durable before the answer goes out and before it gets a call.
    fn mark_unsaved(&mut self, device: DeviceId) {
        self.bound.calls_wait = true;
        self.mark_answer_waits(device);
    }

    /// What hangs on the device's record is to be durable before the answer goes out.
    fn mark_answer_waits(&mut self, device: DeviceId) {
        let version = self.books.last_version.wrapping_add(1).max(1);
        self.books.last_version = version;
        let Some(found) = self.entry.device_mut(device) else { return };
        found.unsaved = version;
        self.bound.saving.retain(|saving| saving.device != device);
        self.bound.saving.push(Saving { device, version });
    }

    /// Puts the records that are to be durable in front of their bindings: those that this REGISTER changed, and those
    /// whose earlier save is not known to have succeeded.
    fn put_records_in_front(&mut self) {
        let (entry, bound) = (&*self.entry, &mut self.bound);
        for device in self.asking.iter().filter_map(|device| entry.device(*device)) {
            if device.unsaved != 0 && bound.saving.iter().all(|saving| saving.device != device.id) {
                bound.calls_wait = true;
                bound.saving.push(Saving { device: device.id, version: device.unsaved });
            }
        }
        bound.saving.retain(|saving| entry.device(saving.device).is_some());
        if bound.saving.is_empty() {
            return;
        }
        let first_binding = bound.changes.iter().position(|change| matches!(change, Change::PutUdpBinding(_)));
        let at = first_binding.unwrap_or(bound.changes.len());
        let saved = bound.saving.iter().filter_map(|saving| entry.device(saving.device));
        let records: Vec<Change> =
            saved.map(|device| Change::PutDevice(device.to_stored(entry.extension.number))).collect();
        bound.changes.splice(at..at, records);
    }

    /// Every live binding of the address of record, those of the devices that ask first: simple phones read the first only.
    /// Others' push parameters are nobody's business (RFC 8599 section 12).
    fn contacts(&self) -> Vec<BoundContact> {
        let mut contacts = Vec::with_capacity(self.entry.devices.len());
        for own in [true, false] {
            for device in &self.entry.devices {
                let Some(binding) = device.live() else { continue };
                let same_flow = binding.flow == self.asked.flow && binding.path.is_empty();
                if own != (same_flow || self.asking.contains(&device.id)) {
                    continue;
                }
                for binding in std::iter::once(binding).chain(device.spares.iter().rev()) {
                    let left = binding.expires.since(self.asked.now.mono).as_micros().div_ceil(1_000_000);
                    let (uri, params) = if own {
                        (binding.uri.clone(), binding.params.clone())
                    } else {
                        let params = contact_uri::params_without_push(&binding.params);
                        (contact_uri::without_push_params(&binding.uri).into(), params.into())
                    };
                    contacts.push(BoundContact {
                        uri,
                        params,
                        expires_seconds: u32::try_from(left).unwrap_or(u32::MAX),
                    });
                }
            }
        }
        contacts
    }
}

/// What brings the saved UDP binding up to date.
fn store_binding(found: &mut Device) -> Change {
    match found.to_stored_binding() {
        Some(stored) => {
            found.stored_until = Some(stored.expires_at);
            Change::PutUdpBinding(stored)
        }
        None => {
            found.stored_until = None;
            Change::DeleteUdpBinding(found.id)
        }
    }
}

pub(super) fn note_user_agent(found: &mut Device, user_agent: &str) {
    let mut end = user_agent.len().min(MAX_USER_AGENT_BYTES);
    while !user_agent.is_char_boundary(end) {
        end -= 1;
    }
    let Some(cut) = user_agent.get(..end) else { return };
    if *found.user_agent != *cut {
        found.user_agent = cut.into();
    }
}

/// Makes or refreshes the binding of a device.
fn renew(found: &mut Device, terms: Terms, asked: &Asked) -> Done {
    let now = asked.now;
    found.last_seen_at = now.wall;
    let (flow, expires_at) = (terms.flow, terms.expires_at);
    let before = found.live();
    let fresh = before.is_none();
    let moved = before.is_none_or(|before| before.flow != flow);
    // A binding that was given up for its silence may be that of a phone that lost power.
    let restarted = found.binding.as_ref().is_some_and(|before| *before.call_id != *asked.call_id);
    let same_words = before.is_some_and(|before| before.uri == terms.uri && *before.path == *asked.path);
    // Two registrations of one phone over two streams (RFC 5626 section 4.2) are told apart by reg-id and both stay open;
    // the stream of an edge proxy is never one phone's alone.
    let superseded = before
        .into_iter()
        .chain(&found.spares)
        .find(|before| {
            before.flow.transport.is_reliable()
                && before.flow.connection != flow.connection
                && before.reg_id == terms.reg_id
                && before.path.is_empty()
        })
        .map(|before| before.flow);
    keep_other_flows(found, &terms);
    match &mut found.binding {
        Some(binding) => binding.renew(terms, &asked.call_id, &asked.path, now.wall),
        None => {
            let binding = LiveBinding::new(terms, &asked.call_id, &asked.path, now.wall);
            found.binding = Some(Box::new(binding));
        }
    }
    let store = match (flow.transport, found.stored_until) {
        (Transport::Udp, None) => true,
        (Transport::Udp, Some(stored)) => {
            // What is on disk may end early, but never by more than half of what was granted.
            let lag = expires_at.since(stored);
            moved || !same_words || lag * 2 > expires_at.since(now.wall) || stored > expires_at
        }
        (Transport::Tcp | Transport::Tls, stored) => stored.is_some(),
    };
    Done { fresh, restarted, store, shown: fresh || moved, superseded }
}

/// Before the newest flow is renewed: another flow of the device stays behind as a spare; what this one replaces goes.
fn keep_other_flows(found: &mut Device, terms: &Terms) {
    let Some(reg_id) = terms.reg_id else {
        found.spares.clear();
        return;
    };
    found.spares.retain(|spare| spare.reg_id != Some(reg_id));
    let newest = found.live().filter(|newest| newest.reg_id.is_some_and(|other| other != reg_id));
    if let Some(newest) = newest.filter(|newest| newest.flow != terms.flow).cloned() {
        if found.spares.len() >= MAX_SPARES {
            found.spares.remove(0);
        }
        found.spares.push(newest);
    }
}

/// Notes until when the device is registered, and when it is to be pushed for a renewal that it cannot make by itself.
fn note_registration(found: &mut Device, to_be_refreshed: Option<u32>, now: Now) {
    found.registered_until = found.live().map(|binding| (binding.expires, binding.expires_at));
    let pushable = found
        .target
        .as_deref()
        .is_some_and(|target| target.switched_off.is_none() && wake_target::can_be_refreshed(target));
    found.refresh_at = to_be_refreshed
        .filter(|seconds| found.policy == PushPolicy::Rfc8599 && pushable && *seconds >= REFRESH_FROM)
        .map(|seconds| now.mono + Duration::from_secs((seconds - REFRESH_BEFORE).into()));
}

/// What is on disk may end early, but never by more than half of what was granted.
fn registration_is_to_be_saved(found: &Device, seconds: u32) -> bool {
    if found.policy != PushPolicy::Rfc8599 || found.target.is_none() {
        return false;
    }
    match (found.registered_until, found.stored_registration) {
        (Some((_, until)), Some(stored)) => {
            until.since(stored) * 2 > Duration::from_secs(seconds.into()) || stored > until
        }
        (Some(_), None) => true,
        (None, _) => false,
    }
}

pub(super) fn new_device(id: DeviceId, key: DeviceKey, username: SipUsername, at: UnixMillis) -> Device {
    Device {
        id,
        key,
        username,
        user_agent: Box::default(),
        first_seen_at: at,
        last_seen_at: at,
        binding: None,
        spares: Vec::new(),
        target: None,
        last_wake: None,
        policy: PushPolicy::default(),
        registered_until: None,
        stored_registration: None,
        refresh_at: None,
        stored_until: None,
        unsaved: 0,
        indexed: Indexed::default(),
    }
}
