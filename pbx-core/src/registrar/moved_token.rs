//! One token at two extensions: a phone that signs in elsewhere, a phone with two accounts, or a thief.
//!
//! Knowing a token proves nothing: tokens pass through apps, proxies and logs. So a REGISTER for another extension that
//! brings a known token gets a record of its own and changes nothing at the first. The token is moved, which ends the pushes
//! of the first extension to it, only when both of these were seen:
//!
//! 1. **The same phone.** Both devices proved the secret of their account on one connection (TCP or TLS, not through an edge
//!    proxy), each holding this token. Who can do that holds the secret of the extension that loses the token, and could sign
//!    it out anyhow. An instance id, an address or a UDP port proves nothing of the kind.
//! 2. **It comes as the other.** A call for the first extension was pushed by this token, the provider took the push, and the
//!    phone came as the second extension and not as the first. A phone with both accounts comes as both, and keeps both.
//!
//! A move is undone by the next REGISTER with the token and the secret of the first extension. What is not proved stays with
//! both, and pages say so: an admin who knows better forgets one of the two.

use crate::model::{DeviceId, Flow, Now, SamePhone, TargetHealth, UnixMillis, WakeTarget};
use crate::switchboard::output::Change;

use super::device::Device;
use super::{Registrar, RegistrarEvent, wake_target};

impl Registrar {
    /// Devices registered on this connection; those of other extensions that did so before, with the same token, are the same
    /// phone.
    pub(super) fn note_same_phone(&mut self, devices: &[DeviceId], flow: Flow, changes: &mut Vec<Change>) {
        if !flow.transport.is_reliable() {
            return;
        }
        for device in devices {
            for other in self.others_with_token(*device) {
                if self.is_proved_on(other, flow) {
                    self.join(*device, other, changes);
                    self.join(other, *device, changes);
                }
            }
        }
    }

    /// The device of another extension that is the same phone as this one, while both have the token.
    pub fn same_phone(&self, device: DeviceId) -> Option<DeviceId> {
        let other = self.target_of(device)?.history.same_phone?.device;
        let both = self.target_of(device).zip(self.target_of(other));
        both.filter(|(one, other)| wake_target::is_same_token(one, other)).map(|_| other)
    }

    /// Devices of other extensions that hold the token of this one, proved or not.
    pub fn others_with_token(&self, device: DeviceId) -> Vec<DeviceId> {
        let Some(target) = self.target_of(device) else { return Vec::new() };
        let Some(number) = wake_target::token_number(target) else { return Vec::new() };
        let owner = self.books.index.owner(device);
        let holds_it = |other: &DeviceId| {
            *other != device
                && self.books.index.owner(*other) != owner
                && self.target_of(*other).is_some_and(|its| wake_target::is_same_token(target, its))
        };
        self.books.index.with_token(number).filter(holds_it).collect()
    }

    /// A push of this device that was ordered at `ordered` brought its phone as `other`. The token is moved there if both are
    /// proved to be one phone and the device has not been heard of since; true when it was.
    pub fn came_as_other(&mut self, device: DeviceId, other: DeviceId, ordered: UnixMillis, now: Now) -> bool {
        if self.same_phone(device) != Some(other) {
            return false;
        }
        let Some(to) = self.books.index.owner(other) else { return false };
        let Some((entry, books)) = self.parts(device) else { return false };
        let (extension, push_enabled) = (entry.extension.number, entry.extension.may_be_woken());
        let Some(found) = entry.device_mut(device).filter(|found| !found.is_live() && found.last_seen_at < ordered)
        else {
            return false;
        };
        let Some(target) = found.target.as_mut() else { return false };
        match target.health {
            TargetHealth::Good | TargetHealth::Suspect { .. } => {}
            TargetHealth::Revoked { .. } | TargetHealth::Moved { .. } => return false,
        }
        std::sync::Arc::make_mut(target).health = TargetHealth::Moved { to, device: other, at: now.wall };
        books.index.settle(found, push_enabled);
        books.save(vec![Change::PutDevice(found.to_stored(extension))]);
        books.events.push_back(RegistrarEvent::DeviceChanged { extension, device });
        true
    }

    fn target_of(&self, device: DeviceId) -> Option<&WakeTarget> {
        self.device(device)?.wake_target().map(AsRef::as_ref)
    }

    /// Whether the secret of this device was proved on that connection.
    fn is_proved_on(&self, device: DeviceId, flow: Flow) -> bool {
        let Some(view) = self.device(device) else { return false };
        let Device { binding, spares, .. } = view.device;
        binding.as_deref().into_iter().chain(spares).any(|binding| {
            binding.flow.transport.is_reliable()
                && binding.flow.connection == flow.connection
                && binding.path.is_empty()
        })
    }

    fn join(&mut self, device: DeviceId, other: DeviceId, changes: &mut Vec<Change>) {
        let Some(extension) = self.books.index.owner(other) else { return };
        let same_phone = Some(SamePhone { extension, device: other });
        let Some((entry, books)) = self.parts(device) else { return };
        let number = entry.extension.number;
        let Some(found) = entry.device_mut(device) else { return };
        let Some(target) = found.target.as_mut().filter(|target| target.history.same_phone != same_phone) else {
            return;
        };
        std::sync::Arc::make_mut(target).history.same_phone = same_phone;
        changes.push(Change::PutDevice(found.to_stored(number)));
        books.events.push_back(RegistrarEvent::DeviceChanged { extension: number, device });
    }
}
