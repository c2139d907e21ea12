//! What apps report of themselves over the device API, once they have proved their account.

use crate::model::{CallUuid, Now, SipUsername, TimelineEntry, TimelineStep};
use crate::registrar::{AppActivity, AppName, OfferedTarget};

use super::Switchboard;
use super::command::{CommandError, Reply};
use super::commands::Outcome;
use super::output::{Change, Notice};

impl Switchboard {
    fn app<'a>(&self, username: &'a SipUsername, instance: &'a str) -> Result<AppName<'a>, CommandError> {
        let credential = self.credentials.get(username.as_str());
        let extension =
            credential.ok_or_else(|| CommandError::NoSuchCredential(username.clone())).map(|one| one.extension)?;
        self.phones_are_on(extension)?;
        Ok(AppName { extension, username, instance })
    }

    pub(super) fn report_installation(
        &mut self,
        (username, instance): (&SipUsername, &str),
        user_agent: &str,
        target: Option<&OfferedTarget>,
        now: Now,
    ) -> Result<Outcome, CommandError> {
        let app = self.app(username, instance)?;
        let (device, changes) = self.registrar.report_installation(app, user_agent, target, now)?;
        self.notice(Notice::Extension(app.extension));
        Ok(Outcome::WhenSaved(Reply::Device(device), changes))
    }

    pub(super) fn report_activity(
        &mut self,
        (username, instance): (&SipUsername, &str),
        activity: AppActivity,
        now: Now,
    ) -> Result<Outcome, CommandError> {
        let app = self.app(username, instance)?;
        let Some((_, changes)) = self.registrar.report_activity(app, activity, now) else {
            return Ok(Outcome::Now(Reply::Done));
        };
        Ok(Outcome::WhenSaved(Reply::Done, changes))
    }

    /// A line of the call's timeline; only a device that was pushed for this very call has something to say about it.
    pub(super) fn acknowledge_push(
        &mut self,
        (username, instance): (&SipUsername, &str),
        call: CallUuid,
        shown: bool,
        now: Now,
    ) -> Result<Outcome, CommandError> {
        let app = self.app(username, instance)?;
        let device = self.registrar.of_instance(app);
        let pushed = self.pending_wakes.values().find(|one| Some(one.device) == device && one.call_uuid == call);
        let Some((call, sent)) = pushed.and_then(|one| Some((one.call?, one.last_wake.at))) else {
            return Err(CommandError::NotPushed);
        };
        let after = now.wall.since(sent).as_millis();
        let what = if shown { "and showed the call" } else { "and did not show the call" };
        let detail = format!("app woke at +{after} ms {what}");
        let entry = TimelineEntry { call, at: now.wall, step: TimelineStep::AppWoke, device, detail };
        self.notice(Notice::Call(call));
        Ok(Outcome::WhenSaved(Reply::Done, vec![Change::AppendTimeline(entry)]))
    }
}
