//! Two records per device: the live binding and the wake target.
//!
//! The live binding says where a device can be reached this minute; it comes with a REGISTER and goes by any of the events
//! below. The wake target says how the device can be woken; it has a life of its own. Every row is a test in `tests.rs`:
//!
//! | event | live binding | wake target |
//! |---|---|---|
//! | REGISTER (2xx) with a token | fresh, or refreshed | learned if new; resting; a switch-off by the device ends |
//! | REGISTER (2xx) without push parameters | fresh, or refreshed | switched off by the device (RFC 8599 section 4.1.2) |
//! | REGISTER (2xx) with `pn-provider` only | fresh, or refreshed | as before |
//! | unregister (with or without a token), `Contact: *` | removed | armed at once |
//! | expiry | lapsed | armed at once |
//! | connection lost, transport error (on UDP only if a wake target can take over) | flow lost | armed at once |
//! | no sign within the grace time | flow lost if a wake target can take over, else kept | armed at once |
//! | a sign after all | refreshed | resting |
//! | displaced by a newer device (`devices_per_extension`) | removed | armed, but not woken while others come before it |
//! | provider says gone, for the current token and not older than it | - | revoked |
//! | provider says token wrong for app or environment | - | suspect, or corrected when the other environment took it |
//! | provider accepts | - | suspect becomes good |
//! | the app says it is in the background (device API), if it can be woken | gone | armed at once |
//! | the app says it is in the foreground again, on the same flow | back | resting |
//! | admin switches push off / on | - | off / as before |
//! | admin switches the extension's phones off (`switched_off.rs`) | gone; no REGISTER is taken | kept, not used |
//! | admin switches them on again | back if nothing can wake the device and its time and flow last | armed at once |
//! | same token from another device of the extension | - | moves there |
//! | same token at another extension, and its phone proved to be that one and comes as it (`moved_token.rs`) | - | moved |
//! | logout, device or extension removed | gone | deleted |
//!
//! An unregister never disarms, whatever parameters it has: apps unregister when they go to the background, and that is
//! when the wake target is needed. A token that a second extension registers belongs to both until a move is proved: each
//! address of record has device records of its own, so a call for one never wakes with the record of the other.
//!
//! A device is known by its instance id, else by its token, else by its Contact address. It has one live binding at most,
//! so an app that comes back from a new port replaces its binding and never adds one.
//!
//! That is the push policy `app`. Under `rfc8599` (`PushPolicy`, chosen by an admin for one device) the wake target is good
//! only while the device is registered: unregistering and running out switch it off until the next REGISTER with a token, a
//! dead connection does not, and a device that asks for it (`+sip.pnsreg`) is pushed before its registration runs out.
//!
//! A device with several flows (RFC 5626: one instance, several `reg-id`s) has one binding still, the newest flow; the
//! others are spares that take over when it ends by itself. Only the end of the last one is the end of the binding.
//!
//! Invariants: a REGISTER is planned completely before anything changes, so a refused one changes nothing
//! (`change_set.rs`, `carry_out.rs`). Whatever a record becomes, [`index::Index::settle`] alone tells the indexes.
//! A plain refresh saves nothing and makes one event.

mod app_report;
mod carry_out;
mod change_set;
mod contact_uri;
mod device;
mod event;
mod extensions;
mod index;
mod live_binding;
mod moved_token;
mod push_choice;
mod registration;
mod reported;
mod restore;
mod switched_off;
mod wake_target;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::model::{
    DeviceId, DeviceSummary, Extension, ExtensionNumber, Flow, LastWake, Moment, Now, PushPolicy, PushProvider,
    Settings, SipUsername, TokenHolder, Transport, Verdict, WakeReport,
};
use crate::switchboard::command::CommandError;
use crate::switchboard::output::Change;

pub use app_report::{AppActivity, AppName};
pub use device::DeviceView;
pub(crate) use device::switched_off_in_words;
pub use event::{Bound, BoundContact, PHONES_OFF, Refusal, RegisterOutcome, RegistrarEvent, Saving};
pub use extensions::{Counts, MAX_EXTENSIONS};
pub use live_binding::{BindingFailure, GoneReason, LiveBinding};
pub use registration::{Contacts, OfferedContact, OfferedPush, OfferedTarget, Registration};
pub use reported::PushReport;
pub use wake_target::judge;

use change_set::Rules;
use device::Device;
use index::Index;

/// Device records of one extension: as many as the largest `devices_per_extension`, and what others allow (Flexisip 12).
pub const MAX_DEVICES: usize = 12;

/// An extension and its devices in the order they were first seen.
#[derive(Debug, Clone)]
struct Entry {
    extension: Extension,
    devices: Vec<Device>,
}

impl Entry {
    fn device(&self, id: DeviceId) -> Option<&Device> {
        self.devices.iter().find(|device| device.id == id)
    }

    fn device_mut(&mut self, id: DeviceId) -> Option<&mut Device> {
        self.devices.iter_mut().find(|device| device.id == id)
    }

    /// Devices with a live binding.
    fn live(&self) -> usize {
        self.devices.iter().filter(|device| device.is_live()).count()
    }
}

/// All extensions, their devices, and both records of each.
#[derive(Debug)]
pub struct Registrar {
    rules: Rules,
    entries: BTreeMap<ExtensionNumber, Entry>,
    books: Books,
}

impl Registrar {
    /// A registrar without extensions.
    pub fn new(settings: &Settings) -> Self {
        Self { rules: Rules::from(settings), entries: BTreeMap::new(), books: Books::default() }
    }

    /// Takes over changed settings; they count from the next REGISTER on.
    pub fn apply_settings(&mut self, settings: &Settings) {
        self.rules = Rules::from(settings);
    }

    /// Which push providers have a credential, so that phones may be told to rely on them.
    pub fn set_push_providers(&mut self, providers: Vec<PushProvider>) {
        self.books.providers = providers;
    }

    /// The next piece of news; `None` when all has been told.
    pub fn poll_event(&mut self) -> Option<RegistrarEvent> {
        self.books.events.pop_front()
    }

    /// When [`Self::handle_timeout`] is due next; the start of time while events wait.
    pub fn poll_timeout(&self) -> Option<Moment> {
        if self.books.events.is_empty() { self.books.index.next_deadline() } else { Some(Moment::START) }
    }

    /// Ends the bindings whose time is over.
    pub fn handle_timeout(&mut self, now: Now) {
        let changes = self.expire(now);
        self.books.save(changes);
    }

    /// A stream ended: every binding on it is gone and the wake targets are armed at once.
    ///
    /// A UDP flow cannot end; see [`Self::binding_failed`].
    pub fn flow_lost(&mut self, flow: Flow, now: Now) {
        if !flow.transport.is_reliable() {
            return;
        }
        let mut changes = Vec::new();
        for device in self.books.index.on_connection(flow.connection) {
            let Some((entry, books)) = self.parts(device) else { continue };
            let push_enabled = entry.extension.may_be_woken();
            let Some(found) = entry.device_mut(device) else { continue };
            found.spares.retain(|spare| spare.flow.connection != flow.connection);
            books.index.settle(found, push_enabled);
            if found.binding.as_ref().is_some_and(|newest| newest.flow.connection == flow.connection) {
                books.end_binding(entry, device, (GoneReason::FlowLost, now), &mut changes);
            }
        }
        self.books.save(changes);
    }

    /// A device did not take a message. Counts only while its binding still is on that flow.
    ///
    /// Without an answer the binding of a device that cannot be woken is kept: nothing could take its place, and a lost
    /// packet must not make a desk phone unreachable until it registers again. On UDP an error is no more than that: it may
    /// be this machine's own, such as full buffers or no route for a moment.
    pub fn binding_failed(&mut self, device: DeviceId, flow: Flow, why: BindingFailure, now: Now) {
        let Some(view) = self.device(device) else { return };
        if view.live_binding().is_none_or(|binding| binding.flow != flow) {
            self.spare_failed(device, flow);
            return;
        }
        let irreplaceable = view.usable_target().is_none() && view.device.spares.is_empty();
        let why = match why {
            BindingFailure::TransportError if irreplaceable && !flow.transport.is_reliable() => return,
            BindingFailure::TransportError => GoneReason::TransportError,
            BindingFailure::NoAnswer if irreplaceable => return,
            BindingFailure::NoAnswer => GoneReason::NoAnswer,
        };
        let mut changes = Vec::new();
        let Some((entry, books)) = self.parts(device) else { return };
        books.end_binding(entry, device, (why, now), &mut changes);
        books.save(changes);
    }

    fn spare_failed(&mut self, device: DeviceId, flow: Flow) {
        let Some((entry, books)) = self.parts(device) else { return };
        let push_enabled = entry.extension.may_be_woken();
        let Some(found) = entry.device_mut(device) else { return };
        found.spares.retain(|spare| spare.flow != flow);
        books.index.settle(found, push_enabled);
    }

    /// A device on this flow was asked whether it is there and kept silent: the next call pushes at once as well.
    pub fn question_unanswered(&mut self, device: DeviceId, flow: Flow) {
        self.set_suspect(device, flow, true);
    }

    fn set_suspect(&mut self, device: DeviceId, flow: Flow, suspect: bool) {
        let Some((entry, books)) = self.parts(device) else { return };
        let extension = entry.extension.number;
        let Some(binding) = entry.device_mut(device).and_then(|found| found.binding.as_mut()) else { return };
        if binding.is_live() && binding.flow == flow && binding.suspect != suspect {
            binding.suspect = suspect;
            books.events.push_back(RegistrarEvent::DeviceChanged { extension, device });
        }
    }

    /// The next `limit` devices behind `after`, each with its flow when it lives on UDP and so could be gone without a word.
    pub fn slice(&self, after: Option<DeviceId>, limit: usize) -> Vec<(DeviceId, Option<Flow>)> {
        let on_udp = |device| {
            let flow = self.device(device)?.live_binding()?.flow;
            (flow.transport == Transport::Udp).then_some(flow)
        };
        self.books.index.devices_after(after).take(limit).map(|device| (device, on_udp(device))).collect()
    }

    /// A device answered on this flow after it had been given up for its silence: its binding lives again.
    ///
    /// Otherwise a slow device that believes itself registered would be unreachable until it registers anew.
    pub fn binding_answered(&mut self, device: DeviceId, flow: Flow, now: Now) {
        self.set_suspect(device, flow, false);
        self.note_answer(device, flow, now);
        let limit = self.rules.devices;
        let Some((entry, books)) = self.parts(device) else { return };
        if entry.extension.phones_are_off() || entry.live() >= limit {
            return;
        }
        let (extension, push_enabled) = (entry.extension.number, entry.extension.may_be_woken());
        let Some(found) = entry.device_mut(device) else { return };
        let revived = found.binding.as_mut().is_some_and(|binding| binding.flow == flow && binding.revive(now.mono));
        if !revived {
            return;
        }
        let stored = found.to_stored_binding();
        found.stored_until = stored.as_ref().map(|binding| binding.expires_at);
        books.index.settle(found, push_enabled);
        books.save(stored.map(Change::PutUdpBinding).into_iter().collect());
        books.events.push_back(RegistrarEvent::Revived { extension, device, flow });
        books.events.push_back(RegistrarEvent::DeviceChanged { extension, device });
    }

    fn note_answer(&mut self, device: DeviceId, flow: Flow, now: Now) {
        let found = self.parts(device).and_then(|(entry, _)| entry.device_mut(device));
        if let Some(binding) = found.and_then(|found| found.binding.as_mut()).filter(|binding| binding.flow == flow) {
            binding.answered_at = Some(now.mono);
        }
    }

    /// Whether a device answered anything on this flow within that time: what it leaves unanswered now, it does not leave
    /// for being gone.
    pub fn has_answered(&self, device: DeviceId, flow: Flow, (within, now): (Duration, Now)) -> bool {
        let binding = self.device(device).and_then(|view| view.device.binding.as_deref());
        let answered_at = binding.filter(|binding| binding.flow == flow).and_then(|binding| binding.answered_at);
        answered_at.is_some_and(|at| at + within > now.mono)
    }

    /// What a provider's answer means for the target it was given for.
    ///
    /// A token is revoked only when it is still the current one and was not learned after the provider saw it end.
    pub fn wake_verdict(&mut self, report: &WakeReport, verdict: &Verdict) {
        let Some((entry, books)) = self.parts(report.device) else { return };
        let (extension, push_enabled) = (entry.extension.number, entry.extension.may_be_woken());
        let Some(found) = entry.device_mut(report.device) else { return };
        if found.target.as_mut().is_some_and(|target| judge(target, report, verdict)) {
            books.index.settle(found, push_enabled);
            books.save(vec![Change::PutDevice(found.to_stored(extension))]);
            books.events.push_back(RegistrarEvent::DeviceChanged { extension, device: report.device });
        }
    }

    /// Notes the last wake of a device and its outcome.
    pub fn note_last_wake(&mut self, device: DeviceId, last_wake: LastWake) {
        let Some((entry, books)) = self.parts(device) else { return };
        let extension = entry.extension.number;
        let Some(found) = entry.device_mut(device) else { return };
        if found.last_wake.as_deref() == Some(&last_wake) {
            return;
        }
        found.last_wake = Some(Box::new(last_wake.clone()));
        books.save(vec![Change::PutLastWake { device, last_wake }]);
        books.events.push_back(RegistrarEvent::DeviceChanged { extension, device });
    }

    /// These versions of device records are durable. Until then every REGISTER of such a device waits for a save, so a
    /// save that failed needs no word: the next REGISTER tries again.
    pub fn saved(&mut self, saving: &[Saving]) {
        for saving in saving {
            let Some((entry, _)) = self.parts(saving.device) else { continue };
            let Some(found) = entry.device_mut(saving.device) else { continue };
            if found.unsaved == saving.version {
                found.unsaved = 0;
            }
        }
    }

    /// Removes a device with both records. The change is to be saved.
    pub fn remove_device(&mut self, device: DeviceId) -> Result<Change, CommandError> {
        let (entry, books) = self.parts(device).ok_or(CommandError::NoSuchDevice(device))?;
        let mut changes = Vec::new();
        books.forget(entry, device, &mut changes);
        changes.pop().ok_or(CommandError::NoSuchDevice(device))
    }

    /// Removes every device of an extension that registered with this account of it: logout, or its enrolment was revoked.
    pub fn remove_account(&mut self, extension: ExtensionNumber, username: &SipUsername) -> Vec<Change> {
        let mut changes = Vec::new();
        let Some(entry) = self.entries.get_mut(&extension) else { return changes };
        let of_account = |device: &&Device| device.username == *username;
        let devices: Vec<_> = entry.devices.iter().filter(of_account).map(|device| device.id).collect();
        for device in devices {
            self.books.forget(entry, device, &mut changes);
        }
        changes
    }

    /// The devices of an extension in the order they were first seen.
    pub fn devices_of(&self, number: ExtensionNumber) -> impl Iterator<Item = DeviceView<'_>> {
        let (entry, limit) = (self.entries.get(&number), self.rules.devices);
        entry
            .into_iter()
            .flat_map(move |entry| entry.devices.iter().map(move |device| DeviceView { device, entry, limit }))
    }

    /// The devices a call for this extension goes to: those with a live binding, then those that can only be woken, the one
    /// seen last first; no more in all than may be registered at once.
    ///
    /// Without that bound a woken device would displace one that rings already, and where only one is allowed two phones
    /// would push each other out for ever. What is left out by it says so ([`DeviceView::is_displaced`]).
    pub fn callable_devices(&self, number: ExtensionNumber) -> Vec<DeviceView<'_>> {
        let mut callable: Vec<_> = self
            .devices_of(number)
            .filter(|view| view.live_binding().is_some() || view.usable_target().is_some())
            .collect();
        callable.sort_by_key(|view| view.device.turn());
        callable.truncate(self.rules.devices);
        callable
    }

    /// One device.
    pub fn device(&self, device: DeviceId) -> Option<DeviceView<'_>> {
        let entry = self.entries.get(&self.books.index.owner(device)?)?;
        Some(DeviceView { device: entry.device(device)?, entry, limit: self.rules.devices })
    }

    /// One device as pages show it.
    pub fn summary(&self, device: DeviceId) -> Option<DeviceSummary> {
        let mut summary = self.device(device)?.summary();
        let same_phone = self.same_phone(device);
        let holder = |other| {
            let extension = self.books.index.owner(other)?;
            Some(TokenHolder { extension, device: other, same_phone: same_phone == Some(other) })
        };
        summary.token_elsewhere = self.others_with_token(device).into_iter().filter_map(holder).collect();
        Some(summary)
    }

    /// A page of devices in the order of their ids, beginning behind `after`.
    pub fn list_devices(&self, after: Option<DeviceId>, limit: usize) -> Vec<DeviceSummary> {
        self.books.index.devices_after(after).filter_map(|device| self.summary(device)).take(limit).collect()
    }

    /// The entry of a device, and the books, which are not part of it.
    fn parts(&mut self, device: DeviceId) -> Option<(&mut Entry, &mut Books)> {
        let owner = self.books.index.owner(device)?;
        Some((self.entries.get_mut(&owner)?, &mut self.books))
    }

    /// Ends the bindings whose time is over; what that changes is still to be saved.
    fn expire(&mut self, now: Now) -> Vec<Change> {
        let mut changes = Vec::new();
        while let Some(device) = self.books.index.due(now.mono) {
            let Some((entry, books)) = self.parts(device) else { break };
            books.run_out(entry, device, now, &mut changes);
        }
        changes
    }
}

/// What is kept about all extensions together, apart from them so that both can be written at once.
#[derive(Debug, Default)]
struct Books {
    index: Index,
    events: VecDeque<RegistrarEvent>,
    last_device: i64,
    last_version: u32,
    /// Push providers with a credential.
    providers: Vec<PushProvider>,
    /// Tokens that were reported for accounts of which no device has registered yet.
    reported: BTreeMap<SipUsername, OfferedTarget>,
}

impl Books {
    /// Whatever of a device is due at this moment: a renewal, the end of a flow, the end of its registration.
    fn run_out(&mut self, entry: &mut Entry, device: DeviceId, now: Now, changes: &mut Vec<Change>) {
        let push_enabled = entry.extension.may_be_woken();
        let Some(found) = entry.device_mut(device) else { return };
        found.spares.retain(|spare| spare.expires > now.mono);
        if found.refresh_at.is_some_and(|at| at <= now.mono) {
            found.refresh_at = None;
            self.events.push_back(RegistrarEvent::RefreshDue { device });
        }
        let lapsed = found.live().is_some_and(|binding| binding.expires <= now.mono);
        let over = !found.is_live() && found.registered_until.is_some_and(|(until, _)| until <= now.mono);
        self.index.settle(found, push_enabled);
        if lapsed || over {
            self.end_binding(entry, device, (GoneReason::Expired, now), changes);
        }
    }

    /// Under `rfc8599` pushes end with the registration.
    fn end_registration(&mut self, found: &mut Device, extension: ExtensionNumber, changes: &mut Vec<Change>) {
        if found.policy != PushPolicy::Rfc8599 {
            return;
        }
        found.registered_until = None;
        found.refresh_at = None;
        if wake_target::end_with_registration(&mut found.target) {
            changes.push(Change::PutDevice(found.to_stored(extension)));
            self.events.push_back(RegistrarEvent::DeviceChanged { extension, device: found.id });
        }
    }

    /// Lets another flow of the device go on where this one ended. False when there is none, or when all are to end.
    fn go_on_over_spare(
        &mut self,
        found: &mut Device,
        (extension, push_enabled): (ExtensionNumber, bool),
        why: GoneReason,
        changes: &mut Vec<Change>,
    ) -> bool {
        let by_itself = why == GoneReason::Expired || !why.ends_registration();
        if !by_itself {
            found.spares.clear();
            return false;
        }
        let device = found.id;
        if !found.promote_spare() {
            return false;
        }
        let was_stored = found.stored_until.take().is_some();
        match found.to_stored_binding() {
            Some(stored) => {
                found.stored_until = Some(stored.expires_at);
                changes.push(Change::PutUdpBinding(stored));
            }
            None if was_stored => changes.push(Change::DeleteUdpBinding(device)),
            None => {}
        }
        self.index.settle(found, push_enabled);
        let flow = found.live().map(|binding| binding.flow);
        self.events.extend(flow.map(|flow| RegistrarEvent::FlowChanged { extension, device, flow }));
        self.events.push_back(RegistrarEvent::DeviceChanged { extension, device });
        true
    }

    /// Ends a live binding. A device that nothing is lost with is forgotten.
    fn end_binding(
        &mut self,
        entry: &mut Entry,
        device: DeviceId,
        (why, now): (GoneReason, Now),
        changes: &mut Vec<Change>,
    ) {
        let (extension, push_enabled) = (entry.extension.number, entry.extension.may_be_woken());
        let Some(found) = entry.device_mut(device) else { return };
        if !found.is_live() {
            // Its end has been told; now it is for certain.
            let over = found.policy == PushPolicy::Rfc8599 && why.ends_registration();
            if let Some(binding) = found.binding.as_mut()
                && (binding.is_doubted() || (over && binding.is_cut_off()))
            {
                binding.end(why, now.mono);
            }
            if over {
                self.end_registration(found, extension, changes);
            }
            self.index.settle(found, push_enabled);
            return;
        }
        if self.go_on_over_spare(found, (extension, push_enabled), why, changes) {
            return;
        }
        let Some(binding) = found.binding.as_mut() else { return };
        binding.end(why, now.mono);
        if why.ends_registration() {
            self.end_registration(found, extension, changes);
        }
        let forget = found.is_forgettable();
        if found.stored_until.take().is_some() && !forget {
            changes.push(Change::DeleteUdpBinding(device));
        }
        self.index.settle(found, push_enabled);
        self.events.push_back(RegistrarEvent::BindingGone { extension, device, state: why.state(), why });
        if forget {
            self.forget(entry, device, changes);
        } else {
            self.events.push_back(RegistrarEvent::DeviceChanged { extension, device });
        }
    }

    /// Deletes a device with both records.
    fn forget(&mut self, entry: &mut Entry, device: DeviceId, changes: &mut Vec<Change>) {
        let extension = entry.extension.number;
        let Some(at) = entry.devices.iter().position(|found| found.id == device) else { return };
        let removed = entry.devices.remove(at);
        entry.devices.shrink_to_fit();
        self.index.remove(&removed);
        if removed.is_live() {
            let why = GoneReason::DeviceRemoved;
            self.events.push_back(RegistrarEvent::BindingGone { extension, device, state: why.state(), why });
        }
        self.events.push_back(RegistrarEvent::DeviceGone { extension, device });
        changes.push(Change::DeleteDevice(device));
    }

    fn save(&mut self, changes: Vec<Change>) {
        if !changes.is_empty() {
            self.events.push_back(RegistrarEvent::Save(changes));
        }
    }
}
