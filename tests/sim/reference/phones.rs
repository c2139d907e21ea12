//! What phones tell.

use pbx_core::model::Moment;

use super::Reference;
use super::facts::CallFacts;
use crate::phone::Seen;

impl Reference {
    pub(crate) fn phone_saw(&mut self, at: Moment, phone: u8, seen: &Seen) {
        match seen {
            Seen::Registered { token } => {
                if let Some(facts) = self.phones.get_mut(usize::from(phone)) {
                    facts.registered(at, token.as_deref());
                }
            }
            Seen::Away => {
                if let Some(facts) = self.phones.get_mut(usize::from(phone)) {
                    facts.away(at);
                }
            }
            Seen::Crashed => {
                if let Some(facts) = self.phones.get_mut(usize::from(phone)) {
                    facts.crashes.push(at);
                }
            }
            Seen::Calls { call, to } => {
                let ring_seconds = self.history.house.ring_seconds;
                let facts =
                    CallFacts { caller: phone, to: to.clone(), placed: at, ring_seconds, ..CallFacts::default() };
                self.calls.insert(call.clone(), facts);
            }
            Seen::HearsRinging { call } => self.caller(call, |facts| once(&mut facts.hears_ringing, at)),
            Seen::Hears { call, status, tag } => {
                self.caller(call, |facts| facts.heard.push((at, *status, tag.clone())));
            }
            Seen::TakesBack { call } => self.caller(call, |facts| once(&mut facts.took_back, at)),
            Seen::HearsNothing { call } => self.caller(call, |facts| once(&mut facts.heard_nothing, at)),
            Seen::Abandons { call } => self.caller(call, |facts| once(&mut facts.abandoned, at)),
            Seen::Parted { call } => self.caller(call, |facts| once(&mut facts.parted, at)),
            Seen::Invited { call, .. }
            | Seen::Rang { call }
            | Seen::SaidOk { call }
            | Seen::SaidNo { call, .. }
            | Seen::Cancelled { call, .. }
            | Seen::Confirmed { call }
            | Seen::HungUp { call }
            | Seen::Forgot { call }
            | Seen::Unconfirmed { call } => self.callee(at, phone, call, seen),
        }
    }

    fn caller(&mut self, call: &str, note: impl FnOnce(&mut CallFacts)) {
        if let Some(facts) = self.calls.get_mut(call) {
            note(facts);
        }
    }

    fn callee(&mut self, at: Moment, phone: u8, name: &str, seen: &Seen) {
        let Some(call) = self.by_name.get(name).cloned() else { return };
        let decided = self.calls.get(&call).and_then(|facts| facts.decided.as_ref()).map(|(at, ..)| *at);
        let forgotten = decided.is_some_and(|decided| self.killed_in_the_journal(decided));
        let Some(facts) = self.calls.get_mut(&call) else { return };
        let (is_open, status) = (facts.is_open(), facts.decided.as_ref().map(|(_, status, _)| *status));
        let removed = self.phones.get(usize::from(phone)).is_some_and(|facts| !facts.removals.is_empty());
        let device = facts.phone(phone);
        let mut wrong = None;
        match seen {
            Seen::Invited { .. } => {
                if device.is_ringing() && !removed {
                    wrong = Some(("a phone rings once", "it gets the call a second time".to_owned()));
                }
                device.invited.push(at);
                device.begin_anew();
            }
            Seen::Rang { .. } => {
                if device.rang.is_some() && !removed {
                    wrong = Some(("a phone rings once", "it rings twice".to_owned()));
                }
                device.rang = Some(at);
            }
            Seen::SaidOk { .. } => {
                device.said_ok = Some(at);
                device.answers.push(at);
            }
            Seen::SaidNo { status, .. } => {
                device.said_no = Some((at, *status));
                device.refusals.push((at, *status));
            }
            Seen::Cancelled { reason, .. } => {
                device.cancelled = Some((at, reason.clone()));
                if !is_right(reason, status) && !removed && !forgotten {
                    wrong = Some(("a phone learns why", format!("{reason:?} when the caller got {status:?}")));
                }
            }
            Seen::Confirmed { .. } => device.confirmed = Some(at),
            Seen::HungUp { .. } => device.hung_up = Some(at),
            Seen::Forgot { .. } => {
                device.forgot = Some(at);
                device.has_forgotten = true;
            }
            Seen::Unconfirmed { .. } => device.unconfirmed = Some(at),
            Seen::Registered { .. }
            | Seen::Away
            | Seen::Crashed
            | Seen::Calls { .. }
            | Seen::HearsRinging { .. }
            | Seen::Hears { .. }
            | Seen::TakesBack { .. }
            | Seen::HearsNothing { .. }
            | Seen::Abandons { .. }
            | Seen::Parted { .. } => {}
        }
        if let Some((rule, what)) = wrong {
            self.complain(rule, format!("{call}: phone {phone} at {at:?} (open: {is_open}): {what}"));
        }
    }
}

/// Whether a CANCEL says what became of the call; `None` and 0 are calls that were taken from this phone or ended by others.
fn is_right(reason: &str, status: Option<u16>) -> bool {
    let says = |code: &str| reason.contains(code);
    match status {
        None => reason.is_empty(),
        Some(200) => says("cause=200"),
        Some(487) => says("cause=487"),
        Some(603) => says("cause=603"),
        // Without a reason: the phone was removed.
        Some(480) => says("cause=480") || reason.is_empty(),
        Some(_) => true,
    }
}

fn once(slot: &mut Option<Moment>, at: Moment) {
    slot.get_or_insert(at);
}

/// Which phone has this key.
pub(super) fn index_of(key: &str) -> Option<usize> {
    key.strip_prefix("i:urn:uuid:")?.rsplit('-').next()?.parse().ok()
}
