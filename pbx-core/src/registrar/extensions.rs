//! The extension table: the registrar owns it because devices and the push switch hang on it.

use crate::model::{Extension, ExtensionNumber, Presence};
use crate::switchboard::command::{CommandError, ExtensionChange, ExtensionLine};
use crate::switchboard::output::Change;

use super::device::switched_off_in_words;
use super::{Entry, MAX_DEVICES, Registrar, RegistrarEvent};

/// Extensions of one installation: the figure the load test is run with.
pub const MAX_EXTENSIONS: usize = 100_000;

/// Counts for the dashboard.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Extensions.
    pub extensions: usize,
    /// Devices with any record.
    pub devices: usize,
    /// Devices with a live binding.
    pub registered: usize,
    /// Devices with an armed wake target, [`Registrar::displaced`] included.
    pub armed: usize,
}

impl Registrar {
    /// Adds an extension. The change is to be saved.
    pub fn add_extension(&mut self, extension: Extension) -> Result<Change, CommandError> {
        if self.entries.contains_key(&extension.number) {
            return Err(CommandError::NumberTaken(extension.number));
        }
        if self.entries.len() >= MAX_EXTENSIONS {
            return Err(CommandError::Full("100,000 extensions"));
        }
        let change = Change::PutExtension(extension.clone());
        self.entries.insert(extension.number, Entry { extension, devices: Vec::new() });
        Ok(change)
    }

    /// Removes an extension with its devices. The change is to be saved; it deletes the devices too.
    pub fn remove_extension(&mut self, number: ExtensionNumber) -> Result<Change, CommandError> {
        let mut entry = self.entries.remove(&number).ok_or(CommandError::NoSuchExtension(number))?;
        let devices: Vec<_> = entry.devices.iter().map(|device| device.id).collect();
        // Deleting the extension deletes its devices on disk.
        let mut implied = Vec::with_capacity(devices.len());
        for device in devices {
            self.books.forget(&mut entry, device, &mut implied);
        }
        Ok(Change::DeleteExtension(number))
    }

    /// Changes owner, address or push switch. The change is to be saved; `None` when it was so already.
    pub fn change_extension(
        &mut self,
        number: ExtensionNumber,
        change: &ExtensionChange,
    ) -> Result<Option<Change>, CommandError> {
        let entry = self.entries.get_mut(&number).ok_or(CommandError::NoSuchExtension(number))?;
        let before = entry.extension.clone();
        if let Some(name) = &change.name {
            entry.extension.name = name.clone();
        }
        if let Some(email) = &change.email {
            entry.extension.email = email.clone();
        }
        if let Some(enabled) = change.push_enabled {
            entry.extension.push_enabled = enabled;
        }
        if entry.extension == before {
            return Ok(None);
        }
        if entry.extension.push_enabled != before.push_enabled {
            for device in &mut entry.devices {
                self.books.index.settle(device, entry.extension.may_be_woken());
                if device.target.is_some() {
                    self.books.events.push_back(RegistrarEvent::DeviceChanged { extension: number, device: device.id });
                }
            }
        }
        Ok(Some(Change::PutExtension(entry.extension.clone())))
    }

    /// Switches push off or on for a whole extension. The change is to be saved; `None` when it was so already.
    pub fn set_push(&mut self, number: ExtensionNumber, enabled: bool) -> Result<Option<Change>, CommandError> {
        let change = ExtensionChange { push_enabled: Some(enabled), ..ExtensionChange::default() };
        self.change_extension(number, &change)
    }

    /// One extension.
    pub fn extension(&self, number: ExtensionNumber) -> Option<&Extension> {
        self.entries.get(&number).map(|entry| &entry.extension)
    }

    /// Extensions in the order of their numbers, beginning behind `after`.
    pub fn extensions_after(&self, after: Option<ExtensionNumber>) -> impl Iterator<Item = &Extension> {
        use std::ops::Bound::{Excluded, Unbounded};
        self.entries.range((after.map_or(Unbounded, Excluded), Unbounded)).map(|(_, entry)| &entry.extension)
    }

    /// One line of the extension list: the best presence among its devices, and why it is unreachable.
    pub fn extension_line(&self, number: ExtensionNumber) -> Option<ExtensionLine> {
        let entry = self.entries.get(&number)?;
        let presence = self.devices_of(number).map(|view| view.presence()).min().unwrap_or(Presence::Unreachable);
        let reason = match presence {
            Presence::Registered | Presence::ReachableByPush => String::new(),
            Presence::Unreachable if entry.extension.phones_are_off() => switched_off_in_words(number),
            Presence::Unreachable => self.unreachable(number),
        };
        Some(ExtensionLine {
            extension: entry.extension.clone(),
            presence,
            reason,
            devices: entry.devices.len(),
            registered: entry.devices.iter().filter(|device| device.indexed.live).count(),
            armed: self.devices_of(number).filter(|view| view.presence() == Presence::ReachableByPush).count(),
        })
    }

    /// The reason of the device that was seen last, since that is the phone the owner uses.
    fn unreachable(&self, number: ExtensionNumber) -> String {
        match self.devices_of(number).max_by_key(|view| view.device.last_seen_at) {
            Some(view) => view.reason(),
            None => "No phone has registered with this extension yet. Set one up with a QR code.".into(),
        }
    }

    /// Counts for the dashboard.
    pub fn counts(&self) -> Counts {
        Counts {
            extensions: self.entries.len(),
            devices: self.books.index.devices(),
            registered: self.books.index.live(),
            armed: self.books.index.armed(),
        }
    }

    /// Devices whose wake target is armed and that are not woken, because others of their extension took their place.
    ///
    /// Only an extension with more devices than may be reached at once has any; by default none can.
    pub fn displaced(&self) -> usize {
        let limit = self.rules.devices;
        if limit >= MAX_DEVICES {
            return 0;
        }
        let crowded = self.entries.iter().filter(|(_, entry)| entry.devices.len() > limit);
        let behind =
            |number| self.devices_of(number).filter(|view| view.device.indexed.armed && view.is_displaced()).count();
        crowded.map(|(number, _)| behind(*number)).sum()
    }
}
