//! Looking back: who must have rung, who must not, what the caller must have heard, and by when.

use std::collections::BTreeSet;
use std::time::Duration;

use pbx_core::model::Moment;

use crate::history::Oddity;

use super::Reference;
use super::facts::{CallFacts, DeviceFacts, PhoneFacts};

/// How long after a cut a repetition of four seconds' gap can take, lost copies included.
const LATE_REPEATS: Duration = Duration::from_secs(13);
/// What the machine itself may take.
const PROMPT: Duration = Duration::from_millis(20);

impl Reference {
    /// Every rule that needs the whole story.
    pub(crate) fn judge(&mut self) {
        let mut found = Vec::new();
        for (name, call) in &self.calls {
            for (rule, what) in self.caller_rules(call).into_iter().chain(self.log_rules(call)) {
                found.push((rule, format!("{name}: {what}")));
            }
            for (phone, facts) in self.phones.iter().enumerate() {
                let phone = u8::try_from(phone).unwrap_or(u8::MAX);
                if self.number(phone) != call.to || phone == call.caller {
                    continue;
                }
                let nothing = DeviceFacts::default();
                let device = call.phones.get(&phone).unwrap_or(&nothing);
                for (rule, what) in self.phone_rules(call, facts, device) {
                    found.push((rule, format!("{name}: phone {phone}: {what}")));
                }
            }
        }
        for (rule, what) in found {
            self.complain(rule, what);
        }
    }

    fn caller_rules(&self, call: &CallFacts) -> Vec<(&'static str, String)> {
        let mut wrong = Vec::new();
        let gone = call.abandoned.is_some();
        let killed = self.kills.iter().any(|(down, up)| {
            *down >= call.placed && call.heard.first().is_none_or(|(at, _, _)| *at >= *down)
                || (*down <= call.placed && up.is_none_or(|up| up >= call.placed))
        });
        let was_cut = !self.cut_of(call.caller, call.placed).is_zero();
        // A phone whose account was removed is asked for its proof again and again, until the network has lost enough.
        let caller = self.phones.get(usize::from(call.caller));
        let removed = caller.is_some_and(|one| !one.removals.is_empty() || self.removed.contains(&one.plan.extension));
        if call.heard.is_empty() && !gone && !killed && !was_cut && !removed {
            wrong.push(("every caller hears an end", format!("nothing, {:?}", call.heard_nothing)));
        }
        if call.heard.len() > 1 {
            wrong.push(("one final answer", format!("{:?}", call.heard)));
        }
        let Some((decided, status, _)) = &call.decided else { return wrong };
        let Some(began) = call.began else { return wrong };
        let longest = Duration::from_secs(u64::from(call.ring_seconds.max(40)));
        if *decided > began + longest + PROMPT {
            wrong.push(("ringing ends in time", format!("began {began:?}, ended {decided:?}")));
        }
        if let Some((heard, _, _)) = call.heard.first()
            && !killed
            && *status != 0
            && *heard > *decided + self.slack + self.cut_of(call.caller, *decided)
        {
            wrong.push(("the caller hears it at once", format!("decided {decided:?}, heard {heard:?}")));
        }
        if let Some((at, _, _)) = call.heard.first()
            && let Some(back) = call.took_back
            && !killed
            && *at > back + self.slack + self.slack + self.cut_of(call.caller, back)
        {
            wrong.push(("who gives up is let go", format!("took back {back:?}, heard {at:?}")));
        }
        if call.journalled && !gone && *status == 0 && self.is_on_udp(call.caller) {
            let up = self.kills.iter().filter_map(|(_, up)| *up).find(|up| *up >= *decided);
            // Killed again before the answer arrived: the next run knows nothing of it.
            let up = up.filter(|up| !self.kills.iter().any(|(down, _)| *down >= *up && down.since(*up).as_secs() < 5));
            let limit = up.map(|up| up + Duration::from_secs(5) + self.cut_of(call.caller, up));
            let heard = call.heard.first().map(|(at, _, _)| *at);
            if let Some(limit) = limit
                && heard.is_none_or(|at| at > limit)
            {
                wrong.push(("a parked caller survives a crash", format!("limit {limit:?}, heard {heard:?}")));
            }
        }
        let dialogs: BTreeSet<_> = call.byes.iter().map(|(phone, dialog, _)| (phone, dialog)).collect();
        // An answer that a phone repeats from another network may be hung up once more.
        let end = call.ended.unwrap_or(*decided) + self.slack + self.slack;
        let stayed = dialogs
            .iter()
            .all(|(phone, _)| self.phones.get(usize::from(**phone)).is_some_and(|facts| facts.is_there(began, end)));
        if call.byes.len() > dialogs.len() && stayed {
            wrong.push(("one farewell", format!("{:?}", call.byes)));
        }
        if let Some(rang) = call.first_ring
            && call.ringing_sent.is_none_or(|sent| sent > rang)
        {
            wrong.push(("the caller hears ringing", format!("rang {rang:?}, sent {:?}", call.ringing_sent)));
        }
        wrong.extend(self.caller_talks_on(call));
        wrong.extend(self.is_justified(call, *status, *decided));
        wrong
    }

    /// A caller whose call is over and who is there has been told.
    fn caller_talks_on(&self, call: &CallFacts) -> Option<(&'static str, String)> {
        let (heard, _, _) = call.heard.first().filter(|(_, status, _)| *status == 200)?;
        let ended = call.ended?.max(*heard);
        let facts = self.phones.get(usize::from(call.caller))?;
        let limit = ended + self.slack + self.slack + Duration::from_secs(8);
        let crashed = facts.crashes.iter().any(|at| at >= heard);
        let there = facts.is_there(ended, limit) && limit < self.end && !crashed && !call.killed;
        let told = call.parted.is_some_and(|at| at <= limit);
        (there && !told).then(|| ("nobody talks on", format!("caller: ended {ended:?}, parted {:?}", call.parted)))
    }

    /// Whether the answer fits what the phones did.
    fn is_justified(&self, call: &CallFacts, status: u16, decided: Moment) -> Option<(&'static str, String)> {
        let began = call.began?;
        let meddled = self.meddled.iter().any(|at| *at >= began && *at <= decided);
        let refused = |codes: &dyn Fn(u16) -> bool| {
            let mut all = call.phones.values().flat_map(|device| &device.refusals);
            all.any(|(at, code)| codes(*code) && *at <= decided)
        };
        let fits = match status {
            200 => call.phones.values().any(|device| device.answers.iter().any(|at| *at <= decided)),
            487 => call.took_back.is_some(),
            603 => refused(&|code| code >= 600),
            486 => refused(&|code| code == 486),
            404 => !self.phones.iter().any(|facts| crate::phone::number_of(facts.plan.extension) == call.to),
            0 | 480 => true,
            _ => meddled || call.killed,
        };
        let ended_by_others = meddled && matches!(status, 500 | 503 | 404);
        if !fits && !ended_by_others && !self.is_removed(&call.to) {
            return Some(("the answer fits", format!("{status} at {decided:?}")));
        }
        if matches!(status, 480 | 486) && !meddled {
            return self.gave_up_too_early(call, decided);
        }
        None
    }

    /// Refused although somebody still rings.
    fn gave_up_too_early(&self, call: &CallFacts, decided: Moment) -> Option<(&'static str, String)> {
        let began = call.began?;
        if decided >= began + Duration::from_secs(u64::from(call.ring_seconds.min(5))) + Duration::ZERO
            && decided.since(began).as_secs_f64().fract() < 1e-9
        {
            // The end of ringing: whole seconds after the beginning.
            return None;
        }
        call.phones.iter().find_map(|(phone, device)| {
            let facts = self.phones.get(usize::from(*phone))?;
            let rang = device.rang.filter(|at| *at < decided)?;
            if facts.removals.iter().any(|at| *at >= began && *at <= decided) {
                return None;
            }
            let open = device.said_no.is_none_or(|(at, _)| at > decided)
                && device.forgot.is_none_or(|at| at > decided)
                && device.cancelled.as_ref().is_none_or(|(at, _)| *at > decided);
            let heard = device.server_got_sign.iter().any(|at| *at >= rang && *at < decided);
            (open && heard && facts.is_there(rang, decided))
                .then(|| ("the caller waits for who rings", format!("phone {phone} rings, refused {decided:?}")))
        })
    }

    fn log_rules(&self, call: &CallFacts) -> Vec<(&'static str, String)> {
        let mut wrong = Vec::new();
        if call.id.is_some() && !call.killed && (call.endings.len() != 1 || call.ended_lines != 1) {
            let lost = self.kills.iter().any(|(down, _)| *down >= call.placed);
            if !lost {
                wrong.push(("one end in the log", format!("{:?}, {} lines", call.endings, call.ended_lines)));
            }
        }
        wrong
    }

    fn phone_rules(&self, call: &CallFacts, facts: &PhoneFacts, device: &DeviceFacts) -> Vec<(&'static str, String)> {
        let mut wrong = Vec::new();
        let Some(began) = call.began else { return wrong };
        if self.crowded {
            return wrong;
        }
        let Some(decided) = call.decided.as_ref().map(|(at, _, _)| *at) else {
            wrong.push(("every call ends", "it is still open".to_owned()));
            return wrong;
        };
        wrong.extend(self.must_ring(began, decided, facts, device));
        wrong.extend(self.must_be_pushed(began, decided, facts, device));
        wrong.extend(self.must_be_told(call, decided, facts, device));
        if device.notices.len() > 1 || device.notices.iter().any(|at| *at < decided) {
            wrong.push(("one notice after the end", format!("{:?}, decided {decided:?}", device.notices)));
        }
        wrong
    }

    /// A phone that is there while the caller waits gets the call.
    fn must_ring(
        &self,
        began: Moment,
        decided: Moment,
        facts: &PhoneFacts,
        device: &DeviceFacts,
    ) -> Option<(&'static str, String)> {
        facts.reach.iter().find_map(|span| {
            let from = self.out_of_doubt(facts, span.from.max(began))?;
            let limit = from + self.slack + PROMPT;
            if span.to.is_some_and(|to| to < limit) || decided < limit {
                return None;
            }
            let removed = facts.removals.iter().any(|at| *at >= began && *at <= decided);
            // What it had before it was started anew is forgotten.
            let crashed = facts.crashes.iter().filter(|at| **at <= from).max();
            let got = device.invited.iter().any(|at| *at <= limit && crashed.is_none_or(|crash| at > crash));
            let has_said_no = device.said_no.is_some_and(|(at, _)| at <= from);
            (!got && !removed && !has_said_no)
                .then(|| ("who is there gets the call", format!("there from {from:?}, invited {:?}", device.invited)))
        })
    }

    /// From when on the server cannot doubt that a phone is there: not while an INVITE has been without a sign for the grace
    /// time.
    fn out_of_doubt(&self, facts: &PhoneFacts, from: Moment) -> Option<Moment> {
        let asked = facts.asked.iter().filter(|at| **at <= from).max();
        let asked = asked.filter(|asked| !facts.signs.iter().any(|sign| *sign >= **asked && *sign <= from));
        match asked {
            None => Some(from),
            Some(_) => facts.signs.iter().find(|sign| **sign >= from).copied(),
        }
    }

    /// A phone with a good token that did not get the call otherwise is pushed.
    fn must_be_pushed(
        &self,
        began: Moment,
        decided: Moment,
        facts: &PhoneFacts,
        device: &DeviceFacts,
    ) -> Option<(&'static str, String)> {
        let grace = Duration::from_millis(self.history.house.grace_ms.into());
        let mut limit = began + grace + self.slack + PROMPT;
        // Each INVITE over another flow has its own grace time.
        while let Some(later) =
            device.sent.iter().map(|at| *at + grace + self.slack + PROMPT).find(|later| *later > limit)
            && later <= limit + grace + self.slack + PROMPT
        {
            limit = later;
        }
        if decided <= limit || !facts.is_armed(began, limit) || device.invited.iter().any(|at| *at <= limit) {
            return None;
        }
        let pushed = device.attempts.iter().any(|at| *at <= limit);
        (!pushed).then(|| ("who sleeps is pushed", format!("began {began:?}, attempts {:?}", device.attempts)))
    }

    /// Nobody rings or talks on when it is over.
    fn must_be_told(
        &self,
        call: &CallFacts,
        decided: Moment,
        facts: &PhoneFacts,
        device: &DeviceFacts,
    ) -> Option<(&'static str, String)> {
        let last = device.invited.iter().max().copied()?;
        // A phone cannot be told before its first sign has come: the CANCEL waits for it (RFC 3261 section 9.1).
        let sign = device.server_got_sign.iter().find(|at| **at >= last).copied();
        let since = last.max(decided).max(sign.unwrap_or(last));
        let limit = since + self.slack + self.slack + PROMPT;
        let there = facts.is_there(last, limit) && limit < self.end && !call.killed;
        if !there || device.said_no.is_some() || device.forgot.is_some() {
            return None;
        }
        let Some(ok) = device.said_ok else {
            let told = device.cancelled.as_ref().is_some_and(|(at, _)| *at <= limit);
            return (!told && sign.is_some())
                .then(|| ("nobody rings on", format!("over {decided:?}, cancelled {:?}", device.cancelled)));
        };
        let repeats = if self.history.network.loss > 0 { Duration::from_secs(8) } else { Duration::ZERO };
        let limit = ok.max(since) + self.slack + self.slack + repeats;
        if !facts.is_there(last, limit) || limit >= self.end {
            return None;
        }
        let known = [device.confirmed, device.hung_up].into_iter().flatten().any(|at| at <= limit);
        if known && let Some(ended) = call.ended {
            let limit = ended.max(ok) + self.slack + self.slack + repeats;
            let told = device.hung_up.is_some_and(|at| at <= limit) || facts.plan.oddity == Oddity::HangsUp;
            if !told && facts.removals.is_empty() && facts.is_there(ended, limit) && limit < self.end {
                return Some(("nobody talks on", format!("ended {ended:?}, hung up {:?}", device.hung_up)));
            }
        }
        // Without an offer of the caller, the ACK is the caller's to give.
        let late = self.phones.get(usize::from(call.caller)).is_some_and(|one| one.plan.oddity == Oddity::LateOffer);
        if !known && !late {
            return Some(("an answer is confirmed", format!("said {ok:?}, confirmed {:?}", device.confirmed)));
        }
        None
    }

    pub(super) fn is_on_udp(&self, phone: u8) -> bool {
        self.phones.get(usize::from(phone)).is_some_and(|facts| facts.plan.line == crate::history::Line::Udp)
    }

    fn is_removed(&self, number: &str) -> bool {
        self.removed.iter().any(|extension| crate::phone::number_of(*extension) == number)
    }

    /// How much longer a phone's network was cut after this moment.
    fn cut_of(&self, phone: u8, at: Moment) -> Duration {
        let cuts = self.phones.get(usize::from(phone)).map_or(&[][..], |facts| &facts.cuts);
        // A repetition that falls into the cut costs up to four seconds more, and so does each that gets lost after it.
        cuts.iter()
            .filter(|(_, to)| *to + LATE_REPEATS >= at)
            .map(|(_, to)| to.since(at) + LATE_REPEATS)
            .max()
            .unwrap_or_default()
    }
}
