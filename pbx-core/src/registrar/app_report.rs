//! What an app says of itself outside of SIP, over the device API: that it is installed and how it is woken, and whether it
//! is in front of its user.
//!
//! An app names itself by its instance id, which it puts into `+sip.instance` of its REGISTERs as well, so both ways lead to
//! one device. Its SIP account was proved by the caller.
//!
//! | report | live binding | wake target |
//! |---|---|---|
//! | installed, with a token | - | learned if new; the device is made when it never registered |
//! | in the background | gone at once if a wake target can take over, else kept | armed |
//! | in the foreground | back, if it went by such a report only and its flow and time still last | resting |
//!
//! A system suspends an app without its connection noticing; without the report a call would wait for the grace time.

use crate::model::{DeviceId, DeviceKey, ExtensionNumber, Now, SipUsername};
use crate::switchboard::command::CommandError;
use crate::switchboard::output::Change;

use super::carry_out::{new_device, note_user_agent};
use super::event::RegistrarEvent;
use super::live_binding::GoneReason;
use super::registration::OfferedTarget;
use super::reported::lose_token;
use super::{Entry, MAX_DEVICES, Registrar, wake_target};

/// Whether an app is in front of its user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppActivity {
    /// It runs and answers.
    Foreground,
    /// The system may suspend it any moment.
    Background,
}

/// Which app of which account speaks.
#[derive(Debug, Clone, Copy)]
pub struct AppName<'a> {
    /// Whose account.
    pub extension: ExtensionNumber,
    /// The account.
    pub username: &'a SipUsername,
    /// The value of `+sip.instance` without quotes and angle brackets.
    pub instance: &'a str,
}

impl Registrar {
    /// An app is installed; `offered` says how it is woken, if it can be. Saying the same again changes nothing.
    ///
    /// The changes are to be saved. Refused only when the extension has as many devices as it may, and each can be reached.
    pub fn report_installation(
        &mut self,
        app: AppName<'_>,
        user_agent: &str,
        offered: Option<&OfferedTarget>,
        now: Now,
    ) -> Result<(DeviceId, Vec<Change>), CommandError> {
        let mut changes = Vec::new();
        let device = match self.of_instance(app) {
            Some(device) => device,
            None => self.make_room(app.extension, &mut changes)?,
        };
        let Some(entry) = self.entries.get_mut(&app.extension) else {
            return Err(CommandError::NoSuchExtension(app.extension));
        };
        let books = &mut self.books;
        let is_new = entry.device(device).is_none();
        if is_new {
            let key = DeviceKey::from_instance(app.instance);
            books.index.add(device, app.extension);
            entry.devices.push(new_device(device, key, app.username.clone(), now.wall));
        }
        if let Some(offered) = offered {
            for other in lose_token(entry, Some(device), offered) {
                books.settle_and_save(entry, other, &mut changes);
            }
        }
        let Some(found) = entry.device_mut(device) else { return Ok((device, changes)) };
        let mut changed = is_new || found.username != *app.username;
        found.username.clone_from(app.username);
        if !user_agent.is_empty() && found.user_agent.is_empty() {
            note_user_agent(found, user_agent);
            changed = true;
        }
        if let Some(offered) = offered {
            changed |= wake_target::learn(&mut found.target, offered, now.wall);
        }
        if changed {
            books.settle_and_save(entry, device, &mut changes);
        }
        Ok((device, changes))
    }

    /// An app came to the front or left it. `None` when it has no device here yet; the changes are to be saved.
    pub fn report_activity(
        &mut self,
        app: AppName<'_>,
        activity: AppActivity,
        now: Now,
    ) -> Option<(DeviceId, Vec<Change>)> {
        let device = self.of_instance(app)?;
        let mut changes = Vec::new();
        match activity {
            AppActivity::Background => {
                let can_be_woken = self.device(device).is_some_and(|view| view.usable_target().is_some());
                if let Some((entry, books)) = self.parts(device).filter(|_| can_be_woken) {
                    // Its other connections sleep with it.
                    if let Some(found) = entry.device_mut(device) {
                        found.spares.clear();
                    }
                    books.end_binding(entry, device, (GoneReason::WentToBackground, now), &mut changes);
                }
            }
            AppActivity::Foreground => self.come_to_front(device, now),
        }
        Some((device, changes))
    }

    fn come_to_front(&mut self, device: DeviceId, now: Now) {
        let limit = self.rules.devices;
        let Some((entry, books)) = self.parts(device) else { return };
        if entry.extension.phones_are_off() || entry.live() >= limit {
            return;
        }
        let (extension, push_enabled) = (entry.extension.number, entry.extension.may_be_woken());
        let Some(found) = entry.device_mut(device) else { return };
        let Some(flow) = found.binding.as_mut().and_then(|binding| binding.return_to_front(now.mono)) else { return };
        let stored = found.to_stored_binding();
        found.stored_until = stored.as_ref().map(|binding| binding.expires_at);
        books.index.settle(found, push_enabled);
        books.save(stored.map(Change::PutUdpBinding).into_iter().collect());
        books.events.push_back(RegistrarEvent::Revived { extension, device, flow });
        books.events.push_back(RegistrarEvent::DeviceChanged { extension, device });
    }

    /// The device of an app, if it has one.
    pub fn of_instance(&self, app: AppName<'_>) -> Option<DeviceId> {
        let entry = self.entries.get(&app.extension)?;
        entry.devices.iter().find(|device| device.is_instance(Some(app.instance))).map(|device| device.id)
    }

    /// An id for a new device, and room for it: what cannot be reached gives way, as at a REGISTER.
    fn make_room(&mut self, number: ExtensionNumber, changes: &mut Vec<Change>) -> Result<DeviceId, CommandError> {
        let entry: &mut Entry = self.entries.get_mut(&number).ok_or(CommandError::NoSuchExtension(number))?;
        if entry.devices.len() >= MAX_DEVICES {
            let gives_way = entry.devices.iter().filter(|device| !device.is_live() && device.is_expendable());
            let oldest = gives_way.min_by_key(|device| device.last_seen_at).map(|device| device.id);
            let oldest = oldest.ok_or(CommandError::Full("12 phones for each extension"))?;
            self.books.forget(entry, oldest, changes);
        }
        self.books.last_device += 1;
        Ok(DeviceId(self.books.last_device))
    }
}
