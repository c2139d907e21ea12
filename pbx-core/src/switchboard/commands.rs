//! What admins ask for. A change is answered when it is durable and in force.

use std::collections::BTreeSet;

use subtle::ConstantTimeEq as _;

use crate::call::CallInput;
use crate::model::{CallEnding, DeviceId, ExtensionNumber, Now, Redacted, Settings, SipCredential, SipUsername};

use super::command::{
    ActiveCall, Command, CommandError, ExtensionChange, ExtensionDetail, ExtensionLine, ExtensionPage, NewAccount,
    Reply, Status,
};
use super::held::Holding;
use super::output::{Change, CommandToken, Notice, Output};
use super::{Switchboard, draw_seed};
use crate::registrar::{MAX_EXTENSIONS, PushReport, switched_off_in_words};
use crate::sip::digest::{Authenticator, ha1};

/// Lines of one page of a list.
const MAX_PAGE: usize = 1000;

/// What a command comes to: an answer now, when these changes are durable, or when somebody else has answered.
pub(super) enum Outcome {
    Now(Reply),
    Later,
    WhenSaved(Reply, Vec<Change>),
}

impl Switchboard {
    pub(super) fn command(&mut self, token: CommandToken, command: Command, now: Now) {
        match self.carry_out(token, command, now) {
            Ok(Outcome::WhenSaved(reply, changes)) => {
                let result = Box::new(Ok(reply));
                self.save_and_hold(changes, vec![Holding::Command { token, result }]);
            }
            Ok(Outcome::Later) => {}
            Ok(Outcome::Now(reply)) => self.outputs.push_back(Output::Answer { token, result: Ok(reply) }),
            Err(error) => self.outputs.push_back(Output::Answer { token, result: Err(error) }),
        }
    }

    fn carry_out(&mut self, token: CommandToken, command: Command, now: Now) -> Result<Outcome, CommandError> {
        match command {
            Command::AddExtensions(accounts) => self.add_extensions(accounts, now),
            Command::ChangeExtension { number, change } => self.change_extension(number, change),
            Command::RemoveExtension(number) => self.remove_extension(number, now),
            Command::PutCredential(credential) => self.put_credential(credential),
            Command::RemoveCredential(username) => self.remove_credential(&username),
            Command::SwitchPhones { number, enabled } => self.switch_phones(number, enabled, now),
            Command::SetDevicePush { device, enabled } => self.set_device_push(device, enabled),
            Command::SetPushPolicy { device, policy } => {
                let change = self.registrar.set_push_policy(device, policy)?;
                Ok(Outcome::WhenSaved(Reply::Done, change.into_iter().collect()))
            }
            Command::SetPushOffer(offer) => {
                self.registrar.set_push_providers(offer.providers.clone());
                self.config.push = offer;
                Ok(Outcome::Now(Reply::Done))
            }
            Command::ReportPush { username, secret, report } => self.report_push(&username, &secret, report, now),
            Command::ReportInstallation { username, instance, user_agent, target } => {
                self.report_installation((&username, &instance), &user_agent, target.as_ref(), now)
            }
            Command::ReportActivity { username, instance, activity } => {
                self.report_activity((&username, &instance), activity, now)
            }
            Command::AcknowledgePush { username, instance, call, shown } => {
                self.acknowledge_push((&username, &instance), call, shown, now)
            }
            Command::RemoveDevice(device) => self.remove_device(device),
            Command::ForgetToken(device) => Ok(Outcome::WhenSaved(Reply::Done, self.registrar.forget_token(device)?)),
            Command::TestPush(number) => self.test_push_command(number, None, now),
            Command::TestPushDevice(device) => {
                let found = self.registrar.device(device).ok_or(CommandError::NoSuchDevice(device))?;
                self.test_push_command(found.extension(), Some(device), now)
            }
            Command::PlaceTestCall(number) => self.place_test_call(number, now),
            Command::CheckSync { username, event } => self.check_sync(token, &username, event, now),
            Command::ChangeSettings(settings) => self.change_settings(settings, now),
            Command::HangUp(call) => {
                if self.calls.get(&call).is_none_or(|live| live.call.is_ended()) {
                    return Err(CommandError::NoSuchCall(call));
                }
                let reason = "An admin ended the call.".into();
                self.tell_call(call, CallInput::EndNow { ending: CallEnding::Completed, reason }, now);
                Ok(Outcome::Now(Reply::Done))
            }
            Command::ShowSettings => Ok(Outcome::Now(Reply::Settings(self.settings.clone()))),
            Command::ListExtensions { after, limit, search } => {
                Ok(Outcome::Now(Reply::Extensions(self.list_extensions(after, limit, &search))))
            }
            Command::ListSwitchedOff => Ok(Outcome::Now(Reply::Numbers(self.registrar.switched_off()))),
            Command::ShowExtension(number) => self.show_extension(number),
            Command::ListDevices { after, limit } => {
                Ok(Outcome::Now(Reply::Devices(self.registrar.list_devices(after, limit.min(MAX_PAGE)))))
            }
            Command::ListCalls => Ok(Outcome::Now(Reply::Calls(self.list_calls()))),
            Command::Status => Ok(Outcome::Now(Reply::Status(self.status()))),
            Command::ListBlocked => Ok(Outcome::Now(Reply::Blocked(self.defence.blocked(now)))),
            Command::Unblock(network) => {
                let changes = self.defence.unblock(network);
                if changes.is_empty() {
                    return Err(CommandError::NotBlocked(network));
                }
                Ok(Outcome::WhenSaved(Reply::Done, changes))
            }
        }
    }

    fn add_extensions(&mut self, accounts: Vec<NewAccount>, now: Now) -> Result<Outcome, CommandError> {
        let mut numbers = BTreeSet::new();
        for account in &accounts {
            let number = account.extension.number;
            if !numbers.insert(number) {
                return Err(CommandError::NumberTwice(number));
            }
            if self.registrar.extension(number).is_some() {
                return Err(CommandError::NumberTaken(number));
            }
            if self.credentials.contains_key(account.credential.username.as_str()) {
                return Err(CommandError::UsernameTaken(account.credential.username.clone()));
            }
        }
        if self.registrar.counts().extensions + accounts.len() > MAX_EXTENSIONS {
            return Err(CommandError::Full("100,000 extensions"));
        }
        let mut changes = Vec::with_capacity(accounts.len() * 2);
        for NewAccount { extension, credential } in accounts {
            let extension = crate::model::Extension {
                number: extension.number,
                name: extension.name,
                email: extension.email,
                push_enabled: true,
                created_at: now.wall,
                phones_off_at: None,
            };
            self.notice(Notice::Extension(extension.number));
            changes.push(self.registrar.add_extension(extension)?);
            changes.push(Change::PutCredential(credential.clone()));
            self.credentials.insert(credential.username.as_str().into(), credential);
        }
        Ok(Outcome::WhenSaved(Reply::Done, changes))
    }

    fn change_extension(&mut self, number: ExtensionNumber, change: ExtensionChange) -> Result<Outcome, CommandError> {
        let saved = self.registrar.change_extension(number, &change)?;
        self.notice(Notice::Extension(number));
        Ok(Outcome::WhenSaved(Reply::Done, saved.into_iter().collect()))
    }

    fn remove_extension(&mut self, number: ExtensionNumber, now: Now) -> Result<Outcome, CommandError> {
        if self.registrar.extension(number).is_none() {
            return Err(CommandError::NoSuchExtension(number));
        }
        let text = number.to_string();
        let theirs: Vec<_> = self
            .calls
            .iter()
            .filter(|(_, live)| live.callee == Some(number) || live.record.caller == text)
            .map(|(id, _)| *id)
            .collect();
        for call in theirs {
            let reason = format!("Extension {number} was removed.");
            self.tell_call(call, CallInput::EndNow { ending: CallEnding::Failed, reason }, now);
        }
        let change = self.registrar.remove_extension(number)?;
        self.defence.forget_extension(number);
        self.credentials.retain(|_, credential| credential.extension != number);
        self.notice(Notice::Extension(number));
        Ok(Outcome::WhenSaved(Reply::Done, vec![change]))
    }

    fn put_credential(&mut self, credential: SipCredential) -> Result<Outcome, CommandError> {
        if self.registrar.extension(credential.extension).is_none() {
            return Err(CommandError::NoSuchExtension(credential.extension));
        }
        let taken = self
            .credentials
            .get(credential.username.as_str())
            .is_some_and(|present| present.extension != credential.extension);
        if taken {
            return Err(CommandError::UsernameTaken(credential.username));
        }
        self.notice(Notice::Extension(credential.extension));
        self.credentials.insert(credential.username.as_str().into(), credential.clone());
        let mut changes = self.defence.account_renewed(credential.username.as_str());
        changes.push(Change::PutCredential(credential));
        Ok(Outcome::WhenSaved(Reply::Done, changes))
    }

    fn remove_credential(&mut self, username: &SipUsername) -> Result<Outcome, CommandError> {
        let Some(credential) = self.credentials.remove(username.as_str()) else {
            return Err(CommandError::NoSuchCredential(username.clone()));
        };
        let mut changes = self.registrar.remove_account(credential.extension, username);
        changes.push(Change::DeleteCredential(username.clone()));
        self.notice(Notice::Extension(credential.extension));
        Ok(Outcome::WhenSaved(Reply::Done, changes))
    }

    /// Calls that ring at the extension end; who talks goes on talking.
    fn switch_phones(&mut self, number: ExtensionNumber, enabled: bool, now: Now) -> Result<Outcome, CommandError> {
        let changes = self.registrar.switch_phones(number, enabled, now)?;
        if changes.is_empty() {
            return Ok(Outcome::Now(Reply::Done));
        }
        if !enabled {
            for call in self.called.get(&number).cloned().unwrap_or_default() {
                let reason = switched_off_in_words(number);
                self.tell_call(call, CallInput::SwitchedOff { reason }, now);
            }
        }
        self.notice(Notice::Extension(number));
        Ok(Outcome::WhenSaved(Reply::Done, changes))
    }

    /// Refuses what an extension cannot do whose phones are switched off.
    pub(super) fn phones_are_on(&self, number: ExtensionNumber) -> Result<(), CommandError> {
        let is_off = self.registrar.extension(number).is_some_and(crate::model::Extension::phones_are_off);
        if is_off { Err(CommandError::PhonesOff(number)) } else { Ok(()) }
    }

    fn set_device_push(&mut self, device: DeviceId, enabled: bool) -> Result<Outcome, CommandError> {
        let change = self.registrar.set_device_push(device, enabled)?;
        Ok(Outcome::WhenSaved(Reply::Done, change.into_iter().collect()))
    }

    /// A report of a push token outside of SIP; the secret is compared as in a REGISTER, with equal work for unknown accounts.
    fn report_push(
        &mut self,
        username: &SipUsername,
        secret: &Redacted<String>,
        report: PushReport,
        now: Now,
    ) -> Result<Outcome, CommandError> {
        let (_, given) = ha1(username.as_str(), &self.settings.realm, secret.reveal());
        let credential = self.credentials.get(username.as_str());
        let known = credential.map_or([0; 32], |credential| credential.sha256.0);
        let extension = credential.filter(|_| bool::from(given.0.ct_eq(&known))).map(|credential| credential.extension);
        let extension = extension.ok_or(CommandError::WrongSecret)?;
        self.phones_are_on(extension)?;
        let changes = self.registrar.report_push((extension, username), report, now);
        self.notice(Notice::Extension(extension));
        Ok(Outcome::WhenSaved(Reply::Done, changes))
    }

    fn remove_device(&mut self, device: DeviceId) -> Result<Outcome, CommandError> {
        let change = self.registrar.remove_device(device)?;
        Ok(Outcome::WhenSaved(Reply::Done, vec![change]))
    }

    fn test_push_command(
        &mut self,
        number: ExtensionNumber,
        only: Option<DeviceId>,
        now: Now,
    ) -> Result<Outcome, CommandError> {
        if self.registrar.extension(number).is_none() {
            return Err(CommandError::NoSuchExtension(number));
        }
        self.phones_are_on(number)?;
        let pushed = self.test_push(number, only, now);
        if pushed.is_empty() {
            return Err(CommandError::NothingToPush(number));
        }
        Ok(Outcome::Now(Reply::TestPushes(pushed)))
    }

    fn change_settings(&mut self, settings: Settings, now: Now) -> Result<Outcome, CommandError> {
        settings.check()?;
        if settings.realm != self.settings.realm && !self.credentials.is_empty() {
            return Err(CommandError::RealmInUse);
        }
        if settings.realm != self.settings.realm {
            self.authenticator = Authenticator::new(settings.realm.clone(), draw_seed(&mut self.random));
        }
        self.registrar.apply_settings(&settings);
        self.defence.apply_settings(&settings);
        self.settings = settings.clone();
        self.schedule_probes(now);
        self.outputs.push_back(Output::ApplySettings(Box::new(settings.clone())));
        self.notice(Notice::Settings);
        Ok(Outcome::WhenSaved(Reply::Done, vec![Change::PutSettings(settings)]))
    }

    fn list_extensions(&self, after: Option<ExtensionNumber>, limit: usize, search: &str) -> ExtensionPage {
        let search = search.trim().to_lowercase();
        let limit = limit.clamp(1, MAX_PAGE);
        let mut lines = self
            .registrar
            .extensions_after(after)
            .filter(|one| {
                search.is_empty()
                    || one.number.to_string().contains(&search)
                    || one.name.as_str().to_lowercase().contains(&search)
            })
            .filter_map(|one| self.registrar.extension_line(one.number));
        let extensions: Vec<ExtensionLine> = lines.by_ref().take(limit).collect();
        let more = lines.next().is_some();
        ExtensionPage { extensions, total: self.registrar.counts().extensions, more }
    }

    fn show_extension(&self, number: ExtensionNumber) -> Result<Outcome, CommandError> {
        let line = self.registrar.extension_line(number).ok_or(CommandError::NoSuchExtension(number))?;
        let devices = self.registrar.devices_of(number).map(|device| device.id());
        let device_list = devices.filter_map(|device| self.registrar.summary(device)).collect();
        let accounts =
            self.credentials.values().filter(|one| one.extension == number).map(|one| one.username.clone()).collect();
        let detail = ExtensionDetail { line, device_list, accounts };
        Ok(Outcome::Now(Reply::Extension(Box::new(detail))))
    }

    fn list_calls(&self) -> Vec<ActiveCall> {
        self.calls
            .values()
            .filter(|live| !live.call.is_ended())
            .map(|live| {
                let (ringing, waking) = live.call.counts();
                ActiveCall {
                    id: live.record.id,
                    uuid: live.record.uuid,
                    caller: live.record.caller.clone(),
                    callee: live.record.callee.clone(),
                    started_at: live.record.started_at,
                    answered_at: live.record.answered_at,
                    ringing,
                    waking,
                }
            })
            .collect()
    }

    fn status(&self) -> Status {
        let counts = self.registrar.counts();
        Status {
            extensions: counts.extensions,
            registered: counts.registered,
            armed: counts.armed - self.registrar.displaced(),
            calls: self.calls.values().filter(|live| !live.call.is_ended()).count(),
            parked: self.calls.values().filter(|live| live.parked).count(),
            draining: self.draining,
        }
    }
}
