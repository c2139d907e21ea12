//! Carrying out the change set of a REGISTER, and its answer.

use std::time::Duration;

use crate::model::{DeviceId, DeviceKey, ExtensionNumber, Flow, Now, PushProvider, SipUsername, Transport, UnixMillis};
use crate::switchboard::output::Change;

use super::change_set::{self, ChangeSet, Step, Who};
use super::contact_uri;
use super::device::{Device, Indexed};
use super::event::{Bound, BoundContact, Refusal, RegisterOutcome, RegistrarEvent, Saving};
use super::live_binding::{GoneReason, LiveBinding, Terms};
use super::registration::{Contacts, OfferedContact, OfferedPush, OfferedTarget, Registration};
use super::{Registrar, wake_target};

/// Providers named in Feature-Caps.
const PROVIDERS: &[PushProvider] = &[PushProvider::Apns, PushProvider::Fcm];
/// User-Agents longer than this are cut; they are only shown.
const MAX_USER_AGENT_BYTES: usize = 128;

/// One REGISTER while it is carried out: what all its Contacts share, and the answer as it grows.
struct Work {
    extension: ExtensionNumber,
    username: SipUsername,
    flow: Flow,
    call_id: Box<str>,
    cseq: u32,
    path: Vec<Box<str>>,
    now: Now,
    bound: Bound,
}

/// What happened to a device when it was bound.
struct Done {
    fresh: bool,
    store: bool,
    shown: bool,
    superseded: Option<Flow>,
}

impl Registrar {
    /// Takes an authenticated REGISTER.
    ///
    /// Events of earlier inputs must have been told; [`Bound::changes`] are to be saved before those that follow now.
    /// The answer goes out at once unless [`Bound::durable`].
    pub fn register(&mut self, registration: Registration, now: Now) -> RegisterOutcome {
        let changes = self.expire(now);
        let planned = match self.entries.get(&registration.extension) {
            Some(entry) => change_set::plan(entry, self.rules, &registration, now.mono),
            None => Err(Refusal::NoSuchExtension),
        };
        match planned {
            Ok(set) => {
                let bound = Bound { wants_refresh_push: set.wants_refresh_push, changes, ..Bound::default() };
                RegisterOutcome::Bound(self.carry_out(set, registration, now, bound))
            }
            Err(refusal) => {
                self.save(changes);
                RegisterOutcome::Refused(refusal)
            }
        }
    }

    fn carry_out(&mut self, set: ChangeSet, registration: Registration, now: Now, mut bound: Bound) -> Bound {
        let push_enabled = self.entries.get(&registration.extension).is_some_and(|entry| entry.extension.push_enabled);
        if set.asks_for_push && push_enabled {
            bound.feature_caps = PROVIDERS;
        }
        for device in set.displaced {
            self.end_binding(device, GoneReason::Displaced, now, &mut bound.changes);
        }
        for device in set.evicted {
            self.forget(device, &mut bound.changes);
        }
        let Registration { extension, username, flow, call_id, cseq, user_agent, path, contacts } = registration;
        let mut work = Work { extension, username, flow, call_id, cseq, path, now, bound };
        let mut contacts: Vec<Option<OfferedContact>> = match contacts {
            Contacts::List(contacts) => contacts.into_iter().map(Some).collect(),
            Contacts::Query | Contacts::RemoveAll => Vec::new(),
        };
        let mut take = |at: usize| contacts.get_mut(at).and_then(Option::take);
        let mut asking = Vec::with_capacity(set.steps.len());
        for step in set.steps {
            match step {
                Step::Again { device } => asking.push(device),
                Step::Remove { device, contact } => {
                    self.unregister(device, contact.and_then(&mut take), &mut work);
                }
                Step::Bind { who, contact, seconds } => {
                    let Some(contact) = take(contact) else { continue };
                    let device = self.known_or_new(who, &mut work);
                    self.bind(device, contact, seconds, &mut work);
                    self.note_user_agent(device, &user_agent);
                    asking.push(device);
                }
            }
        }
        self.resave(&asking, &mut work);
        work.bound.durable = !work.bound.saving.is_empty();
        work.bound.contacts = self.bound_contacts(&work, &asking);
        work.bound
    }

    /// The device to bind, with its key and account brought up to date.
    fn known_or_new(&mut self, who: Who, work: &mut Work) -> DeviceId {
        match who {
            Who::Known { device, new_key } => {
                let Some((entry, index)) = self.entry_of(device) else { return device };
                let Some(found) = entry.device_mut(device) else { return device };
                let mut changed = false;
                if let Some(key) = new_key {
                    found.key = key;
                    changed = true;
                }
                if found.username != work.username {
                    index.change_account(found, work.username.clone());
                    changed = true;
                }
                if changed {
                    self.mark_unsaved(device, &mut work.bound);
                }
                device
            }
            Who::New(key) => {
                self.last_device += 1;
                let device = new_device(DeviceId(self.last_device), key, work.username.clone(), work.now.wall);
                let id = device.id;
                self.index.add(&device, work.extension);
                if let Some(entry) = self.entries.get_mut(&work.extension) {
                    entry.devices.reserve_exact(1);
                    entry.devices.push(device);
                }
                self.mark_unsaved(id, &mut work.bound);
                id
            }
        }
    }

    fn bind(&mut self, device: DeviceId, contact: OfferedContact, seconds: u32, work: &mut Work) {
        let target_changed = self.offer_push(device, contact.push.as_ref(), work);
        let (extension, flow, now) = (work.extension, work.flow, work.now);
        let expires = now.mono + Duration::from_secs(seconds.into());
        let terms = Terms {
            uri: contact.uri,
            params: contact.params,
            flow,
            reg_id: contact.reg_id,
            cseq: work.cseq,
            now: now.mono,
            expires,
            expires_at: now.wall_at(expires),
        };
        let Some((entry, index)) = self.entry_of(device) else { return };
        let push_enabled = entry.extension.push_enabled;
        let Some(found) = entry.device_mut(device) else { return };
        let done = renew(found, terms, work);
        index.settle(found, push_enabled);
        if target_changed {
            self.mark_unsaved(device, &mut work.bound);
        }
        if done.store {
            self.store_binding(device, &mut work.bound);
        }
        if let Some(flow) = done.superseded
            && !self.index.is_connection_used(flow.connection)
        {
            self.events.push_back(RegistrarEvent::CloseFlow(flow));
        }
        self.events.push_back(RegistrarEvent::Registered { extension, device, fresh: done.fresh, flow });
        if done.shown || target_changed {
            self.events.push_back(RegistrarEvent::DeviceChanged { extension, device });
        }
    }

    fn unregister(&mut self, device: DeviceId, contact: Option<OfferedContact>, work: &mut Work) {
        // A token that comes with the farewell is the one to wake with; none at all says nothing, for an app that goes
        // to the background unregisters and wants to be woken.
        let is_sound = |push: &OfferedPush| matches!(push, OfferedPush::Target(target) if target.is_sound());
        let push = contact.and_then(|contact| contact.push).filter(is_sound);
        let target_changed = push.is_some() && self.offer_push(device, push.as_ref(), work);
        let Some((entry, index)) = self.entry_of(device) else { return };
        let (extension, push_enabled) = (entry.extension.number, entry.extension.push_enabled);
        let Some(found) = entry.device_mut(device) else { return };
        if let Some(binding) = found.binding.as_mut().filter(|binding| binding.is_live() || binding.is_doubted()) {
            binding.note_sequence(&work.call_id, work.cseq);
        }
        index.settle(found, push_enabled);
        if target_changed {
            self.mark_unsaved(device, &mut work.bound);
            self.events.push_back(RegistrarEvent::DeviceChanged { extension, device });
        }
        self.end_binding(device, GoneReason::Unregistered, work.now, &mut work.bound.changes);
    }

    /// Brings record 2 up to date with what a Contact says about push. True when anything that is stored changed.
    fn offer_push(&mut self, device: DeviceId, push: Option<&OfferedPush>, work: &mut Work) -> bool {
        if let Some(OfferedPush::Target(offered)) = push {
            self.take_token_from_others(device, offered, work);
        }
        let Some((entry, _)) = self.entry_of(device) else { return false };
        let Some(found) = entry.device_mut(device) else { return false };
        match push {
            Some(OfferedPush::Target(offered)) => wake_target::learn(&mut found.target, offered, work.now.wall),
            Some(OfferedPush::Query(_) | OfferedPush::Unsupported(_)) => false,
            None => wake_target::switch_off_by_device(&mut found.target),
        }
    }

    /// A token belongs to one installation of an app: the device of the extension that offered it last. One that loses it
    /// and is not live is an installation that was replaced, and is forgotten.
    fn take_token_from_others(&mut self, device: DeviceId, offered: &OfferedTarget, work: &mut Work) {
        let Some((entry, index)) = self.entry_of(device) else { return };
        let (extension, push_enabled) = (entry.extension.number, entry.extension.push_enabled);
        let mut lost = Vec::new();
        for other in entry.devices.iter_mut().filter(|other| other.id != device) {
            if other.target.as_deref().is_some_and(|target| offered.is_token_of(target)) {
                other.target = None;
                index.settle(other, push_enabled);
                lost.push((other.id, other.is_live()));
            }
        }
        for (other, live) in lost {
            if live {
                self.mark_unsaved(other, &mut work.bound);
                self.events.push_back(RegistrarEvent::DeviceChanged { extension, device: other });
            } else {
                self.forget(other, &mut work.bound.changes);
            }
        }
    }

    /// The device's record is to be durable before the answer goes out.
    fn mark_unsaved(&mut self, device: DeviceId, bound: &mut Bound) {
        self.last_version = self.last_version.wrapping_add(1).max(1);
        let version = self.last_version;
        let Some((entry, _)) = self.entry_of(device) else { return };
        let Some(found) = entry.device_mut(device) else { return };
        found.unsaved = version;
        bound.saving.retain(|saving| saving.device != device);
        bound.saving.push(Saving { device, version });
    }

    /// Puts the records that are to be durable in front of their bindings: first those of this REGISTER, then those whose
    /// earlier save is not known to have succeeded.
    fn resave(&self, asking: &[DeviceId], work: &mut Work) {
        let (extension, bound) = (work.extension, &mut work.bound);
        let Some(entry) = self.entries.get(&extension) else { return };
        for id in asking {
            let unsaved = entry.device(*id).map_or(0, |device| device.unsaved);
            if unsaved != 0 && bound.saving.iter().all(|saving| saving.device != *id) {
                bound.saving.push(Saving { device: *id, version: unsaved });
            }
        }
        let bindings = bound.changes.iter().position(|change| matches!(change, Change::PutUdpBinding(_)));
        let at = bindings.unwrap_or(bound.changes.len());
        bound.saving.retain(|saving| entry.device(saving.device).is_some());
        let records: Vec<Change> = bound
            .saving
            .iter()
            .filter_map(|saving| entry.device(saving.device))
            .map(|device| Change::PutDevice(device.to_stored(extension)))
            .collect();
        bound.changes.splice(at..at, records);
    }

    /// Brings the saved UDP binding up to date.
    fn store_binding(&mut self, device: DeviceId, bound: &mut Bound) {
        let Some((entry, _)) = self.entry_of(device) else { return };
        let Some(found) = entry.device_mut(device) else { return };
        match found.to_stored_binding() {
            Some(stored) => {
                found.stored_until = Some(stored.expires_at);
                bound.changes.push(Change::PutUdpBinding(stored));
            }
            None => {
                found.stored_until = None;
                bound.changes.push(Change::DeleteUdpBinding(device));
            }
        }
    }

    fn note_user_agent(&mut self, device: DeviceId, user_agent: &str) {
        let mut end = user_agent.len().min(MAX_USER_AGENT_BYTES);
        while !user_agent.is_char_boundary(end) {
            end -= 1;
        }
        let Some(cut) = user_agent.get(..end) else { return };
        let Some((entry, _)) = self.entry_of(device) else { return };
        let Some(found) = entry.device_mut(device) else { return };
        if *found.user_agent != *cut {
            found.user_agent = cut.into();
        }
    }

    /// Every live binding of the address of record, those of the devices that ask first: simple phones read the first only.
    /// Others' push parameters are nobody's business (RFC 8599 section 12).
    fn bound_contacts(&self, work: &Work, asking: &[DeviceId]) -> Vec<BoundContact> {
        let Some(entry) = self.entries.get(&work.extension) else { return Vec::new() };
        let mut contacts = Vec::with_capacity(entry.devices.len());
        for own in [true, false] {
            for device in &entry.devices {
                let Some(binding) = device.live() else { continue };
                let asks = asking.contains(&device.id) || (binding.flow == work.flow && binding.path.is_empty());
                if asks != own {
                    continue;
                }
                let left = binding.expires.since(work.now.mono).as_micros().div_ceil(1_000_000);
                let (uri, params) = if own {
                    (binding.uri.clone(), binding.params.clone())
                } else {
                    let params = contact_uri::without_push_params(&binding.params);
                    (contact_uri::without_push_params(&binding.uri).into(), params.into())
                };
                contacts.push(BoundContact { uri, params, expires_seconds: u32::try_from(left).unwrap_or(u32::MAX) });
            }
        }
        contacts
    }
}

/// Makes or refreshes the binding of a device.
fn renew(found: &mut Device, terms: Terms, work: &Work) -> Done {
    let now = work.now;
    found.last_seen_at = now.wall;
    let (flow, expires_at) = (terms.flow, terms.expires_at);
    let before = found.live();
    let fresh = before.is_none();
    let moved = before.is_none_or(|before| before.flow != flow);
    let same_words = before.is_some_and(|before| before.uri == terms.uri && *before.path == *work.path);
    // Two registrations of one phone over two streams (RFC 5626 section 4.2) are told apart by reg-id and both stay open;
    // the stream of an edge proxy is never one phone's alone.
    let superseded = before
        .filter(|before| {
            before.flow.transport.is_reliable()
                && before.flow.connection != flow.connection
                && before.reg_id == terms.reg_id
                && before.path.is_empty()
        })
        .map(|before| before.flow);
    match &mut found.binding {
        Some(binding) => binding.renew(terms, &work.call_id, &work.path, now.wall),
        None => {
            let binding = LiveBinding::new(terms, &work.call_id, &work.path, now.wall);
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
    Done { fresh, store, shown: fresh || moved, superseded }
}

fn new_device(id: DeviceId, key: DeviceKey, username: SipUsername, at: UnixMillis) -> Device {
    Device {
        id,
        key,
        username,
        user_agent: Box::default(),
        first_seen_at: at,
        last_seen_at: at,
        binding: None,
        target: None,
        last_wake: None,
        stored_until: None,
        unsaved: 0,
        indexed: Indexed::default(),
    }
}
