use pbx_core::model::{CallId, CallUuid, UnixMillis};
use pbx_core::switchboard::command::Status;

use super::*;
use crate::network_check::{Observation, Topic, Vantage};
use crate::tls::CertificateInfo;

fn call(
    caller: &str,
    callee: &str,
    seconds: i64,
    (from_caller, from_callee): (u64, u64),
    ending: CallEnding,
) -> CallRecord {
    CallRecord {
        id: CallId(1),
        uuid: CallUuid::or_none(""),
        caller: caller.into(),
        caller_name: String::new(),
        callee: callee.into(),
        started_at: UnixMillis(0),
        answered_at: Some(UnixMillis(1_000)),
        ended_at: Some(UnixMillis(1_000 + seconds * 1_000)),
        ending: Some(ending),
        reason: String::new(),
        answered_by: None,
        packets_from_caller: from_caller,
        packets_from_callee: from_callee,
    }
}

/// A network that was checked from both sides and is well.
fn checked() -> Evidence {
    Evidence {
        inside: Some(run(Vantage::Inside, &[])),
        outside: Some(run(Vantage::Outside, &[])),
        ..Evidence::default()
    }
}

fn run(vantage: Vantage, problems: &[(Topic, &str)]) -> Run {
    let seen = |(topic, text): &(Topic, &str)| Observation::fail(*topic, "x", *text, "Mend it.");
    Run {
        id: 1,
        vantage,
        seen_from: String::new(),
        started_at: UnixMillis(0),
        finished_at: UnixMillis(0),
        level: Level::Ok,
        observations: problems.iter().map(seen).collect(),
    }
}

fn codes(complaint: Complaint, calls: Vec<CallRecord>) -> Vec<(&'static str, Level)> {
    let facts = facts();
    let evidence = Evidence { calls, ..checked() };
    findings(complaint, None, &facts, &evidence).into_iter().map(|finding| (finding.code, finding.level)).collect()
}

fn facts() -> Facts {
    Facts {
        status: Status::default(),
        credentials: Vec::new(),
        health: Vec::new(),
        devices: Vec::new(),
        switched_off: Vec::new(),
        certificate: CertificateInfo {
            self_made: false,
            fingerprint: String::new(),
            names: Vec::new(),
            not_after: UnixMillis(i64::MAX),
        },
        acme: None,
        receivers: Vec::new(),
        public_url: String::new(),
        backups: (crate::backups::Policy::default(), true),
        last_backup: None,
        unseen_days: 30,
        app_problems: BTreeMap::new(),
        marks: crate::settings_again::Marks::default(),
        update: (crate::update_notice::Found::default(), "0.1.0"),
        saving: pbx_core::store::SavingState::default(),
        now: UnixMillis(0),
    }
}

use CallEnding::{Completed, Failed, Silence};

#[test]
fn a_call_in_which_nothing_arrived_names_the_ports() {
    let mute = vec![call("101", "102", 20, (0, 0), Completed)];
    assert_eq!(codes(Complaint::NoSound, mute), [("no_sound_from_either", Level::Fail)]);
    let fine = vec![call("101", "102", 20, (900, 0), Completed)];
    assert_eq!(codes(Complaint::NoSound, fine), [("sound_arrives", Level::Ok)]);
    let short = vec![call("101", "102", 1, (0, 0), Completed)];
    assert_eq!(codes(Complaint::NoSound, short), [("no_calls_to_look_at", Level::Warn)]);
}

#[test]
fn the_side_that_is_never_heard_is_named() {
    let calls = vec![call("101", "102", 20, (900, 0), Completed), call("102", "103", 20, (0, 800), Completed)];
    let evidence = Evidence { calls, ..checked() };
    let found = findings(Complaint::SoundOneWay, None, &facts(), &evidence);
    assert_eq!((found.len(), found[0].code, found[0].level), (1, "no_sound_from_one", Level::Fail));
    assert!(found[0].text.starts_with("No sound of 102"), "{}", found[0].text);
}

#[test]
fn a_phone_that_is_heard_sometimes_is_a_matter_of_where_it_is() {
    let calls = vec![call("101", "102", 20, (900, 0), Completed), call("102", "101", 20, (800, 800), Completed)];
    assert_eq!(codes(Complaint::SoundOneWay, calls), [("no_sound_from_one", Level::Warn)]);
    let fine = vec![call("101", "102", 20, (900, 900), Completed)];
    assert_eq!(codes(Complaint::SoundOneWay, fine), [("sound_both_ways", Level::Ok)]);
}

#[test]
fn calls_that_end_by_themselves_are_told_apart() {
    let calls = vec![call("101", "102", 32, (900, 900), Failed), call("101", "102", 300, (900, 900), Silence)];
    let found = codes(Complaint::CallDrops, calls);
    assert_eq!(found, [("answer_not_confirmed", Level::Fail), ("ended_for_silence", Level::Fail)]);
    let by_the_minute = vec![call("101", "102", 60, (900, 900), Completed); 4];
    assert_eq!(codes(Complaint::CallDrops, by_the_minute), [("hung_up_by_the_minute", Level::Warn)]);
    let fine = vec![call("101", "102", 300, (900, 900), Completed)];
    assert_eq!(codes(Complaint::CallDrops, fine), [("no_dropped_calls", Level::Ok)]);
}

#[test]
fn a_sign_in_that_fails_finds_the_block_and_the_phone_that_never_came() {
    let mut facts = facts();
    let block = BlockedAddress {
        address: "203.0.113.7".parse().unwrap(),
        account: Some("101.kqzwrt".into()),
        reason: pbx_core::defence::BlockReason::WrongSecrets,
        since: UnixMillis(0),
        until: UnixMillis(1),
        times: 1,
    };
    let evidence = Evidence { blocked: vec![block], ..checked() };
    let of = |facts: &Facts, number: &str| -> Vec<&'static str> {
        let found = findings(Complaint::LoginFails, Some(number.parse().unwrap()), facts, &evidence);
        found.into_iter().map(|finding| finding.code).collect()
    };
    assert_eq!(of(&facts, "101"), ["address_blocked", "never_registered"]);
    assert_eq!(of(&facts, "102"), ["never_registered"]);
    facts.switched_off = vec!["102".parse().unwrap()];
    assert_eq!(of(&facts, "102"), ["phones_off"], "that it never came is no wonder then");
    let asleep = findings(Complaint::PhoneDoesNotWake, Some("102".parse().unwrap()), &facts, &evidence);
    assert_eq!(asleep[0].code, "phones_off");
    facts.switched_off.clear();
    facts.certificate.self_made = true;
    assert_eq!(of(&facts, "102"), ["never_registered", "certificate_self_made"]);
}

#[test]
fn every_complaint_has_something_to_look_at() {
    for complaint in Complaint::ALL {
        assert!(to_check(complaint).len() >= 3, "{}", complaint.words());
        assert_eq!(serde_json::to_value(complaint).unwrap(), complaint.as_str());
    }
}

#[test]
fn a_complaint_walks_the_parts_of_the_network_check_that_can_cause_it() {
    let closed = [(Topic::Sound, "The middle of the range is closed."), (Topic::Disk, "The disk is full.")];
    let evidence = Evidence { outside: Some(run(Vantage::Outside, &closed)), ..checked() };
    let of = |complaint| -> Vec<&'static str> {
        findings(complaint, None, &facts(), &evidence).into_iter().map(|finding| finding.code).collect()
    };
    assert_eq!(of(Complaint::NoSound), ["network_sound", "no_calls_to_look_at"]);
    assert!(!of(Complaint::LoginFails).contains(&"network_sound"));
    let never = findings(Complaint::NoSound, None, &facts(), &Evidence::default());
    let missing: Vec<&str> = never.iter().map(|finding| finding.code).collect();
    assert!(missing.contains(&"network_not_checked_outside") && missing.contains(&"network_not_checked_inside"));
}

/// Leg, from the phone, title, CSeq.
fn ladder(messages: &[(usize, bool, &str, &str)]) -> Ladder {
    let leg = |is_caller| {
        pbx_core::net::LadderLeg::new(is_caller, pbx_core::model::Transport::Udp, "192.0.2.1:5060".parse().unwrap())
    };
    let message = |(leg, received, title, cseq): &(usize, bool, &str, &str)| pbx_core::net::LadderMessage {
        at: UnixMillis(0),
        leg: *leg,
        received: *received,
        title: (*title).to_owned(),
        cseq: (*cseq).to_owned(),
        text: String::new(),
    };
    Ladder { legs: vec![leg(true), leg(false)], messages: messages.iter().map(message).collect(), left_out: 0 }
}

#[test]
fn a_request_that_a_phone_never_answered_within_the_call_is_named() {
    let invite = (0, true, "INVITE", "1 INVITE");
    let answer = (0, false, "200 OK", "1 INVITE");
    let ack = (0, true, "ACK", "1 ACK");
    let again = (0, false, "INVITE", "7 INVITE");
    let named =
        |messages: &[(usize, bool, &str, &str)]| unanswered::of(&ladder(messages)).map(|one| (one.what, one.times));
    assert_eq!(named(&[invite, answer, ack, again, again, again, again]), Some(("INVITE".into(), 4)));
    let heard = (0, true, "100 Trying", "7 INVITE");
    assert_eq!(named(&[invite, answer, ack, again, again, again, again, heard]), None);
    assert_eq!(named(&[invite, answer, answer, answer, answer]), Some(("200 OK".into(), 4)), "no ACK");
    assert_eq!(named(&[invite, answer, answer, answer, answer, ack]), None);
    let ringing = (1, false, "INVITE", "1 INVITE");
    assert_eq!(named(&[invite, ringing, ringing, ringing, ringing]), None, "that phone was not reached at all");
    let evidence = Evidence { ladders: vec![ladder(&[invite, answer, answer, answer, answer])], ..checked() };
    let found = findings(Complaint::CallDrops, None, &facts(), &evidence);
    assert_eq!(found[0].code, "request_unanswered");
    assert!(
        found[0].text.contains("In 1 of the last 1 calls") && found[0].text.contains("200 OK, sent 4 times"),
        "{found:?}"
    );
}
