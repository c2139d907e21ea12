//! What an admin chooses about the pushes of one device: on or off, for how long, or none because its token is forgotten.

use std::sync::Arc;

use crate::model::{DeviceId, PushPolicy, SwitchedOffBy};
use crate::switchboard::command::CommandError;
use crate::switchboard::output::Change;

use super::event::RegistrarEvent;
use super::{Registrar, wake_target};

impl Registrar {
    /// Switches push off or on for one device. The change is to be saved; `None` when it was so already.
    pub fn set_device_push(&mut self, device: DeviceId, enabled: bool) -> Result<Option<Change>, CommandError> {
        let view = self.device(device).ok_or(CommandError::NoSuchDevice(device))?;
        let (number, target) = (view.extension(), view.wake_target());
        let before = target.ok_or(CommandError::NothingToPush(number))?.switched_off;
        let after = match enabled {
            false => Some(SwitchedOffBy::Admin),
            true if view.device.registration_is_over() => Some(SwitchedOffBy::RegistrationEnd),
            true => None,
        };
        if before == after {
            return Ok(None);
        }
        let Some((entry, books)) = self.parts(device) else { return Ok(None) };
        let push_enabled = entry.extension.may_be_woken();
        let Some(found) = entry.device_mut(device) else { return Ok(None) };
        if let Some(target) = found.target.as_mut() {
            Arc::make_mut(target).switched_off = after;
        }
        books.index.settle(found, push_enabled);
        let change = Change::PutDevice(found.to_stored(number));
        books.events.push_back(RegistrarEvent::DeviceChanged { extension: number, device });
        Ok(Some(change))
    }

    /// Sets until when a device's wake target may be used. The change is to be saved; `None` when it was so already.
    pub fn set_push_policy(&mut self, device: DeviceId, policy: PushPolicy) -> Result<Option<Change>, CommandError> {
        let (entry, books) = self.parts(device).ok_or(CommandError::NoSuchDevice(device))?;
        let (extension, push_enabled) = (entry.extension.number, entry.extension.may_be_woken());
        let found = entry.device_mut(device).ok_or(CommandError::NoSuchDevice(device))?;
        if found.policy == policy {
            return Ok(None);
        }
        found.policy = policy;
        match policy {
            PushPolicy::App => {
                found.refresh_at = None;
                wake_target::outlive_registration(&mut found.target);
            }
            PushPolicy::Rfc8599 if found.registration_is_over() => {
                wake_target::end_with_registration(&mut found.target);
            }
            PushPolicy::Rfc8599 => {}
        }
        found.stored_registration = found.registered_until.map(|(_, until)| until);
        books.index.settle(found, push_enabled);
        let change = Change::PutDevice(found.to_stored(extension));
        books.events.push_back(RegistrarEvent::DeviceChanged { extension, device });
        Ok(Some(change))
    }

    /// Forgets how a device can be woken, because an admin says so; a device that is not registered is forgotten with it. The
    /// change is to be saved.
    pub fn forget_token(&mut self, device: DeviceId) -> Result<Vec<Change>, CommandError> {
        let (entry, books) = self.parts(device).ok_or(CommandError::NoSuchDevice(device))?;
        let (extension, push_enabled) = (entry.extension.number, entry.extension.may_be_woken());
        let found = entry.device_mut(device).ok_or(CommandError::NoSuchDevice(device))?;
        let mut changes = Vec::new();
        if found.target.take().is_none() {
            return Err(CommandError::NothingToPush(extension));
        }
        if found.is_live() {
            books.settle_and_save(entry, device, &mut changes);
        } else {
            books.index.settle(found, push_enabled);
            books.forget(entry, device, &mut changes);
        }
        Ok(changes)
    }
}
