//! Wakes: orders to the push side, its reports, and the moment the device really comes.

use std::time::Duration;

use sha2::{Digest as _, Sha256};

use crate::call::CallInput;
use crate::model::{
    CallId, CallUuid, DeviceId, ExtensionNumber, Flow, Now, TimelineEntry, TimelineStep, UnixMillis, Verdict,
    WakeEvent, WakeId, WakeKind, WakeReport, WakeRequest,
};

use super::mid_call::PATIENCE;
use super::output::{Change, Notice, Output};
use super::{PendingWake, Switchboard, fresh_last_wake};

/// How long a wake's outcome is still awaited after it became worthless: providers answer late, phones come late, and
/// the admin wants to know both. Longer than a notice is tried, which takes 71 seconds and three attempts.
const REMEMBER: Duration = Duration::from_secs(90);
/// How long a provider may keep a notice for a phone that is off: a missed call is news for a day.
const NOTICE_LIFE: Duration = Duration::from_secs(24 * 3600);
/// How long a push for a renewal is worth delivering: it is sent so long before the registration ends.
const REFRESH_LIFE: Duration = Duration::from_secs(125);
/// Outcomes awaited at once; beyond it the oldest is no longer reported (the call itself is not affected).
const MAX_PENDING: usize = 10_000;

impl Switchboard {
    /// The order to wake or notify a device for a call; `None` when it has no usable wake target any more.
    pub(super) fn wake_request(
        &mut self,
        call: CallId,
        device: DeviceId,
        kind: WakeKind,
        now: Now,
    ) -> Option<WakeRequest> {
        let wake_id = self.draw_wake_id();
        let live = self.calls.get(&call)?;
        let view = self.registrar.device(device)?;
        let Some(target) = view.usable_target().cloned() else {
            let why = "push was switched off or the token is gone".to_owned();
            let gone = WakeEvent::GaveUp { code: "no_target".into(), why };
            if kind == WakeKind::Call {
                self.tell_call(call, CallInput::Wake { device, event: gone }, now);
            }
            return None;
        };
        let expires_at = match kind {
            WakeKind::Call => now.wall_at(live.call.ring_until()),
            WakeKind::MissedCall | WakeKind::AnsweredElsewhere | WakeKind::Test | WakeKind::Refresh => {
                now.wall + NOTICE_LIFE
            }
        };
        let ringing_url = match kind {
            WakeKind::Call => self.ringing_url(live.record.uuid),
            WakeKind::MissedCall | WakeKind::AnsweredElsewhere | WakeKind::Test | WakeKind::Refresh => None,
        };
        Some(WakeRequest {
            wake_id,
            call: Some(call),
            call_uuid: live.record.uuid,
            kind,
            device,
            extension: view.extension(),
            target,
            caller_number: live.record.caller.clone(),
            caller_name: live.record.caller_name.clone(),
            has_video: kind == WakeKind::Call && live.caller.has_video,
            ringing_url,
            sent_at: now.wall,
            expires_at,
        })
    }

    /// Hands an order to the push side and remembers it until its outcome is known.
    pub(super) fn send_wake(&mut self, request: WakeRequest, now: Now) {
        if self.pending_wakes.len() >= MAX_PENDING
            && let Some((_, oldest)) = self.wake_deadlines.pop_first()
        {
            self.forget_wake(oldest);
        }
        let wait = match request.kind {
            WakeKind::Call => request.expires_at.since(now.wall) + REMEMBER,
            WakeKind::MissedCall | WakeKind::AnsweredElsewhere | WakeKind::Test | WakeKind::Refresh => REMEMBER,
        };
        let forget_at = now.mono + wait;
        let pending = PendingWake {
            device: request.device,
            extension: request.extension,
            call: request.call,
            call_uuid: request.call_uuid,
            last_wake: fresh_last_wake(request.kind, now),
            came_as: None,
        };
        self.wake_deadlines.insert((forget_at, request.wake_id));
        if matches!(request.kind, WakeKind::Call | WakeKind::Refresh) {
            self.awaited.insert(request.device, request.wake_id);
            if let Some(live) = request.call.and_then(|call| self.calls.get_mut(&call)) {
                live.pushed.insert(request.device);
            }
        }
        self.pending_wakes.insert(request.wake_id, pending);
        self.outputs.push_back(Output::Wake(request));
    }

    pub(super) fn forget_old_wakes(&mut self, now: Now) {
        while let Some((at, wake)) = self.wake_deadlines.first().copied() {
            if at > now.mono {
                break;
            }
            self.wake_deadlines.pop_first();
            self.conclude_move(wake, now);
            self.forget_wake(wake);
        }
    }

    /// A phone that was called for one extension and came as another one only belongs there by now.
    fn conclude_move(&mut self, wake: WakeId, now: Now) {
        let Some(pending) = self.pending_wakes.get(&wake) else { return };
        let (device, call, last_wake) = (pending.device, pending.call, &pending.last_wake);
        let is_fruitless = last_wake.kind == WakeKind::Call && last_wake.accepted && last_wake.woke_after_ms.is_none();
        let Some(other) = pending.came_as.filter(|_| is_fruitless) else { return };
        let Some(to) = self.registrar.device(other).map(|other| other.extension()) else { return };
        if !self.registrar.came_as_other(device, other, last_wake.at, now) {
            return;
        }
        if let Some(call) = call {
            let detail =
                format!("the phone came as extension {to}, where it has signed in; it is not pushed for this one");
            let (at, step) = (now.wall, TimelineStep::PushFailed);
            self.save_behind(vec![Change::AppendTimeline(TimelineEntry {
                call,
                at,
                step,
                device: Some(device),
                detail,
            })]);
            self.notice(Notice::Call(call));
        }
    }

    /// A device came that had been away; a wake for its other extension may have fetched it.
    pub(super) fn note_came_as(&mut self, device: DeviceId) {
        let Some(other) = self.registrar.same_phone(device) else { return };
        let Some(wake) = self.awaited.get(&other) else { return };
        if let Some(pending) = self.pending_wakes.get_mut(wake) {
            pending.came_as = Some(device);
        }
    }

    fn forget_wake(&mut self, wake: WakeId) {
        if let Some(pending) = self.pending_wakes.remove(&wake)
            && self.awaited.get(&pending.device) == Some(&wake)
        {
            self.awaited.remove(&pending.device);
        }
    }

    pub(super) fn wake_report(&mut self, report: WakeReport, now: Now) {
        if let WakeEvent::Answered { verdict, .. } = &report.event {
            self.registrar.wake_verdict(&report, verdict);
        }
        if let Some(call) = report.call {
            self.note_report(call, &report);
        }
        if let Some(pending) = self.pending_wakes.get_mut(&report.wake_id) {
            let accepted = describe(&report.event, &mut pending.last_wake.outcome, report.target.provider.as_str());
            pending.last_wake.accepted |= accepted;
            let (extension, last_wake) = (pending.extension, pending.last_wake.clone());
            if !matches!(report.event, WakeEvent::Sent { .. }) {
                self.registrar.note_last_wake(report.device, last_wake);
            }
            self.notice(Notice::Extension(extension));
        }
        if let (Some(call), WakeKind::Call) = (report.call, report.kind) {
            self.tell_call(call, CallInput::Wake { device: report.device, event: report.event }, now);
        }
    }

    /// A line of the timeline for what the push side reports.
    fn note_report(&mut self, call: CallId, report: &WakeReport) {
        let what = report.kind.as_str();
        let provider = report.target.provider;
        let (step, detail) = match &report.event {
            WakeEvent::Sent { attempt } => {
                (TimelineStep::PushSent, format!("{what} push to {provider}, attempt {attempt}"))
            }
            WakeEvent::Answered { verdict: Verdict::Accepted, provider_id, .. } => {
                let id = provider_id.as_deref().unwrap_or("no id");
                (TimelineStep::PushAccepted, format!("{provider} accepted the {what} push ({id})"))
            }
            WakeEvent::Answered { verdict, .. } => {
                (TimelineStep::PushFailed, format!("{provider}: {}", verdict_in_words(verdict)))
            }
            WakeEvent::GaveUp { why, .. } => (TimelineStep::PushFailed, why.clone()),
        };
        let entry = TimelineEntry { call, at: report.at, step, device: Some(report.device), detail };
        self.save_behind(vec![Change::AppendTimeline(entry)]);
        self.notice(Notice::Call(call));
    }

    /// A device registered: if it was awaited, its wake has worked.
    pub(super) fn device_came(&mut self, device: DeviceId, now: Now) {
        let Some(wake) = self.awaited.remove(&device) else { return };
        let Some(pending) = self.pending_wakes.get_mut(&wake) else { return };
        let after = now.wall.since(pending.last_wake.at);
        pending.last_wake.woke_after_ms = Some(u64::try_from(after.as_millis()).unwrap_or(u64::MAX));
        pending.last_wake.outcome = format!("woke up and registered after {} ms", after.as_millis());
        let (extension, last_wake, call) = (pending.extension, pending.last_wake.clone(), pending.call);
        self.registrar.note_last_wake(device, last_wake);
        self.notice(Notice::Extension(extension));
        if let Some(call) = call {
            self.notice(Notice::Call(call));
        }
    }

    /// Parked branches of the device are released; a device that comes late gets its branch.
    pub(super) fn release_parked(
        &mut self,
        extension: ExtensionNumber,
        device: DeviceId,
        (flow, restarted): (Flow, bool),
        now: Now,
    ) {
        let Some(view) = self.registrar.device(device) else { return };
        // News that waited for the store may be overtaken: the device is elsewhere by now, or gone again.
        let flows: Vec<Flow> = view.live_flows().collect();
        if !flows.contains(&flow) {
            return;
        }
        let can_be_woken = view.usable_target().is_some();
        self.follow_caller(device, flow);
        let Some(calls) = self.called.get(&extension) else { return };
        for call in calls.clone() {
            self.follow_device(call, device, flow);
            let Some(live) = self.calls.get(&call) else { continue };
            // A phone with several flows that rings on another one of them is reached already (RFC 5626 section 5.3).
            if live.caller.flow == flow || live.is_reached(device, flow, &flows) {
                continue;
            }
            self.tell_call(call, CallInput::Registered { device, flow, can_be_woken, restarted }, now);
        }
    }

    /// Pushes a sleeping device so that it registers, for want of anything that could be shown: its registration runs out,
    /// or a request within a call waits for it.
    pub(super) fn wake_to_register(&mut self, device: DeviceId, now: Now) {
        let asked = self.awaited.get(&device).and_then(|wake| self.pending_wakes.get(wake));
        // Several requests for one phone are one reason to come.
        if asked
            .is_some_and(|one| one.last_wake.kind == WakeKind::Refresh && now.wall.since(one.last_wake.at) < PATIENCE)
        {
            return;
        }
        let Some(view) = self.registrar.device(device) else { return };
        let (extension, Some(target)) = (view.extension(), view.usable_target().cloned()) else { return };
        let request = WakeRequest {
            wake_id: self.draw_wake_id(),
            call: None,
            call_uuid: self.draw_call_uuid(),
            kind: WakeKind::Refresh,
            device,
            extension,
            target,
            caller_number: String::new(),
            caller_name: String::new(),
            has_video: false,
            ringing_url: None,
            sent_at: now.wall,
            expires_at: now.wall + REFRESH_LIFE,
        };
        self.send_wake(request, now);
    }

    /// Where an app asks whether a call still rings.
    fn ringing_url(&self, call: CallUuid) -> Option<String> {
        let base = self.config.public_url.as_deref()?;
        Some(format!("{base}/api/v1/calls/{call}/ringing"))
    }

    /// What a device names itself by in the Contact of a call (`pn-purr`, RFC 8599 section 6), so that requests within the
    /// call can wake it. Nobody can guess it, and each life of a binding has another.
    pub(super) fn purr(&self, device: DeviceId, since: UnixMillis) -> String {
        use std::fmt::Write as _;
        let mut hash = Sha256::new();
        hash.update(self.purr_key);
        hash.update(device.0.to_be_bytes());
        hash.update(since.0.to_be_bytes());
        let mut text = String::with_capacity(32);
        for byte in hash.finalize().iter().take(16) {
            // Writing into a String cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        text
    }

    /// Pushes a test notice to every device of an extension that can be pushed, or to one of them.
    pub(super) fn test_push(&mut self, extension: ExtensionNumber, only: Option<DeviceId>, now: Now) -> Vec<DeviceId> {
        let targets: Vec<_> = self
            .registrar
            .devices_of(extension)
            .filter(|device| only.is_none_or(|only| device.id() == only))
            .filter_map(|device| Some((device.id(), device.usable_target()?.clone())))
            .collect();
        let mut pushed = Vec::new();
        for (device, target) in targets {
            let request = WakeRequest {
                wake_id: self.draw_wake_id(),
                call: None,
                call_uuid: self.draw_call_uuid(),
                kind: WakeKind::Test,
                device,
                extension,
                target,
                caller_number: String::new(),
                caller_name: "Nightbell".into(),
                has_video: false,
                ringing_url: None,
                sent_at: now.wall,
                expires_at: now.wall + REMEMBER,
            };
            self.send_wake(request, now);
            pushed.push(device);
        }
        pushed
    }
}

fn describe(event: &WakeEvent, outcome: &mut String, provider: &str) -> bool {
    match event {
        WakeEvent::Sent { attempt } => {
            *outcome = format!("sent to {provider}, attempt {attempt}");
            false
        }
        WakeEvent::Answered {
            verdict: Verdict::Accepted | Verdict::TokenWrong { accepted_in: Some(_), .. }, ..
        } => {
            if !outcome.starts_with("woke up") {
                *outcome = format!("accepted by {provider}");
            }
            true
        }
        WakeEvent::Answered { verdict, .. } => {
            *outcome = verdict_in_words(verdict);
            false
        }
        WakeEvent::GaveUp { why, .. } => {
            outcome.clone_from(why);
            false
        }
    }
}

fn verdict_in_words(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Accepted => "accepted".into(),
        Verdict::RetryAfter { why, .. } => format!("not taken now, to be tried again: {why}"),
        Verdict::TokenGone { why, .. } => format!("the push token is gone: {why}"),
        Verdict::TokenWrong { why, .. } => format!("the push token does not fit: {why}"),
        Verdict::Misconfigured { what, .. } => format!("the push credential needs attention: {what}"),
        Verdict::Refused { why } => format!("refused: {why}"),
    }
}
