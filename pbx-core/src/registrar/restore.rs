//! Starting from what the last run has saved.

use std::time::Duration;

use crate::model::{ConnectionId, Flow, Now, Transport};
use crate::switchboard::output::{Change, Restored, StoredBinding};

use super::device::Device;
use super::live_binding::{GoneReason, LiveBinding, Terms};
use super::{Entry, Registrar, RegistrarEvent};

impl Registrar {
    /// Takes settings, extensions, devices and UDP bindings out of what was saved.
    ///
    /// Bindings on streams ended with the last run, so their devices are armed. A UDP binding lives on until it expires; one
    /// of an extension whose phones are off waits for their being switched on.
    /// Rows that nothing is lost with (bindings that ran out, desk phones without one) are deleted behind.
    pub fn restore(restored: &mut Restored, now: Now) -> Self {
        let mut registrar = Self::new(&restored.settings);
        registrar.books.last_device = restored.last_device;
        registrar.entries = std::mem::take(&mut restored.extensions)
            .into_iter()
            .map(|extension| (extension.number, Entry { extension, devices: Vec::new() }))
            .collect();
        for stored in std::mem::take(&mut restored.devices) {
            // A device without its extension cannot be in the database, and would be unreachable if it were.
            let Some(entry) = registrar.entries.get_mut(&stored.extension) else { continue };
            let extension = stored.extension;
            let mut device = Device::from_stored(stored, now);
            registrar.books.last_device = registrar.books.last_device.max(device.id.0);
            registrar.books.index.add(device.id, extension);
            registrar.books.index.settle(&mut device, entry.extension.may_be_woken());
            entry.devices.reserve_exact(1);
            entry.devices.push(device);
        }
        let mut changes = Vec::new();
        for stored in std::mem::take(&mut restored.udp_bindings) {
            let device = stored.device;
            if !registrar.restore_binding(stored, now) {
                changes.push(Change::DeleteUdpBinding(device));
            }
        }
        registrar.forget_unreachable(&mut changes);
        // Registrations that ran out meanwhile (push policy `rfc8599`).
        changes.extend(registrar.expire(now));
        registrar.books.save(changes);
        registrar
    }

    /// False when its time is over.
    fn restore_binding(&mut self, stored: StoredBinding, now: Now) -> bool {
        // A wall clock that was set back must not make a binding live longer than any can.
        let left = stored.expires_at.since(now.wall).min(Duration::from_secs(self.rules.max_expires.into()));
        let Some((entry, books)) = self.parts(stored.device) else { return false };
        let (push_enabled, phones_are_off) = (entry.extension.may_be_woken(), entry.extension.phones_are_off());
        let Some(device) = entry.device_mut(stored.device) else { return false };
        if left.is_zero() {
            return false;
        }
        let flow = Flow {
            transport: Transport::Udp,
            local: stored.local,
            remote: stored.remote,
            connection: ConnectionId::default(),
        };
        let expires = now.mono + left;
        let terms = Terms {
            uri: stored.contact.into(),
            params: Box::default(),
            flow,
            reg_id: None,
            cseq: stored.cseq,
            now: now.mono,
            expires,
            expires_at: now.wall_at(expires),
        };
        let path: Vec<Box<str>> = stored.path.into_iter().map(Into::into).collect();
        // Under `app` the end of the registration is not stored; under `rfc8599` it was, and is the same.
        device.registered_until = Some((terms.expires, terms.expires_at));
        let mut binding = LiveBinding::new(terms, &stored.call_id, &path, stored.since);
        binding.mark_restored();
        if phones_are_off {
            binding.end(GoneReason::PhonesOff, now.mono);
        }
        device.binding = Some(Box::new(binding));
        device.stored_until = Some(stored.expires_at);
        books.index.settle(device, push_enabled);
        true
    }

    fn forget_unreachable(&mut self, changes: &mut Vec<Change>) {
        let forgettable: Vec<_> = self
            .entries
            .values()
            .flat_map(|entry| &entry.devices)
            .filter(|device| device.is_forgettable())
            .map(|device| device.id)
            .collect();
        for device in forgettable {
            if let Some((entry, books)) = self.parts(device) {
                books.forget(entry, device, changes);
            }
        }
        // Nobody has heard of them in this run.
        self.books.events.retain(|event| !matches!(event, RegistrarEvent::DeviceGone { .. }));
    }
}
