//! An admin switches the phones of an extension off and on again.
//!
//! Off is a state of the extension and durable: live bindings end, no wake target is used, and no REGISTER and no report
//! changes a record. Nothing is forgotten, so on again needs nobody: a device that can be woken is armed at once. One that
//! cannot, as a rule a desk phone, believes itself registered still; it gets its binding back as long as its time and flow
//! last, because it registers anew in an hour only. Its row on disk stays meanwhile, and a restart leaves it switched off.
//!
//! A device that can be woken does not get its binding back: it may have fallen asleep while nobody listened to it.

use crate::model::{DeviceId, ExtensionNumber, Now};
use crate::switchboard::command::CommandError;
use crate::switchboard::output::Change;

use super::event::RegistrarEvent;
use super::live_binding::GoneReason;
use super::{Books, Entry, Registrar, wake_target};

impl Registrar {
    /// The extensions whose phones are switched off, in order.
    pub fn switched_off(&self) -> Vec<ExtensionNumber> {
        let extensions = self.extensions_after(None);
        extensions.filter(|extension| extension.phones_are_off()).map(|extension| extension.number).collect()
    }

    /// Switches every phone of an extension off or on. The changes are to be saved; none when it was so already.
    pub fn switch_phones(
        &mut self,
        number: ExtensionNumber,
        enabled: bool,
        now: Now,
    ) -> Result<Vec<Change>, CommandError> {
        let (limit, books) = (self.rules.devices, &mut self.books);
        let entry = self.entries.get_mut(&number).ok_or(CommandError::NoSuchExtension(number))?;
        if entry.extension.phones_are_off() != enabled {
            return Ok(Vec::new());
        }
        entry.extension.phones_off_at = (!enabled).then_some(now.wall);
        let mut changes = vec![Change::PutExtension(entry.extension.clone())];
        let mut devices: Vec<_> = entry.devices.iter().map(|device| (device.turn(), device.id)).collect();
        devices.sort();
        for (_, device) in devices {
            if enabled {
                books.switch_on(entry, device, (limit, now), &mut changes);
            } else {
                books.switch_off(entry, device, now);
            }
        }
        Ok(changes)
    }
}

impl Books {
    fn switch_off(&mut self, entry: &mut Entry, device: DeviceId, now: Now) {
        let extension = entry.extension.number;
        let Some(found) = entry.device_mut(device) else { return };
        found.spares.clear();
        found.refresh_at = None;
        if let Some(binding) = found.binding.as_mut().filter(|binding| binding.is_live()) {
            let why = GoneReason::PhonesOff;
            binding.end(why, now.mono);
            self.events.push_back(RegistrarEvent::BindingGone { extension, device, state: why.state(), why });
        }
        self.index.settle(found, false);
        self.events.push_back(RegistrarEvent::DeviceChanged { extension, device });
    }

    fn switch_on(
        &mut self,
        entry: &mut Entry,
        device: DeviceId,
        (limit, now): (usize, Now),
        changes: &mut Vec<Change>,
    ) {
        let (extension, may_be_woken) = (entry.extension.number, entry.extension.may_be_woken());
        let room = entry.live() < limit;
        let Some(found) = entry.device_mut(device) else { return };
        let sleeps = found.target.as_deref().is_some_and(|target| wake_target::is_usable(target, may_be_woken));
        let binding = found.binding.as_mut().filter(|_| room && !sleeps);
        match binding.and_then(|binding| binding.switch_on(now.mono)) {
            Some(flow) => self.events.push_back(RegistrarEvent::Revived { extension, device, flow }),
            None if found.is_known_by_address_only() => return self.forget(entry, device, changes),
            // Else the next start would take it for registered.
            None if found.stored_until.take().is_some() => changes.push(Change::DeleteUdpBinding(device)),
            None => {}
        }
        self.index.settle(found, may_be_woken);
        self.events.push_back(RegistrarEvent::DeviceChanged { extension, device });
    }
}
