//! Requests within a call that a phone never answered, and answers it never confirmed, read off the SIP messages of the call.
//!
//! A router that forgets the way to a phone, or an ALG that writes another address into it, shows in exactly this: the same
//! message goes out again and again, and the call ends when SIP gives up (RFC 3261 section 17: 64 times T1).

use pbx_core::net::{Ladder, LadderMessage};

/// A message that went out this often without a sign was not lost by chance.
const OFTEN: usize = 4;

/// What was never answered: the method, or the answer that was never confirmed; and how often it went out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unanswered {
    pub(super) what: String,
    pub(super) times: usize,
}

/// The first such message of a call.
pub(super) fn of(ladder: &Ladder) -> Option<Unanswered> {
    let legs = 0..ladder.legs.len();
    legs.into_iter().find_map(|leg| {
        let own: Vec<&LadderMessage> = ladder.messages.iter().filter(|message| message.leg == leg).collect();
        unconfirmed(&own).or_else(|| unheard(&own))
    })
}

/// Our 200 to an INVITE goes out again until its ACK comes (RFC 3261 section 13.3.1.4).
fn unconfirmed(messages: &[&LadderMessage]) -> Option<Unanswered> {
    let is_answer =
        |one: &&&LadderMessage| !one.received && one.title.starts_with("200") && one.cseq.ends_with("INVITE");
    let answers: Vec<&&LadderMessage> = messages.iter().filter(is_answer).collect();
    let confirmed = messages.iter().any(|one| one.received && one.title == "ACK");
    (answers.len() >= OFTEN && !confirmed).then(|| Unanswered { what: "200 OK".to_owned(), times: answers.len() })
}

/// A request of ours within the call.
fn unheard(messages: &[&LadderMessage]) -> Option<Unanswered> {
    let talks = messages.iter().position(|one| one.title.starts_with("200") && one.cseq.ends_with("INVITE"))?;
    let within = messages.get(talks..)?;
    let is_request = |one: &LadderMessage| !one.received && one.title != "ACK" && !starts_with_digit(&one.title);
    within.iter().filter(|one| is_request(one)).find_map(|request| {
        let times = within.iter().filter(|one| is_request(one) && one.cseq == request.cseq).count();
        let heard = within.iter().any(|one| one.received && starts_with_digit(&one.title) && one.cseq == request.cseq);
        (times >= OFTEN && !heard).then(|| Unanswered { what: request.title.clone(), times })
    })
}

fn starts_with_digit(title: &str) -> bool {
    title.starts_with(|first: char| first.is_ascii_digit())
}
