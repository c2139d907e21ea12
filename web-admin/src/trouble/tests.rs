use pbx_core::model::{CallId, CallUuid, UnixMillis};
use pbx_core::switchboard::command::Status;

use super::*;
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

fn codes(complaint: Complaint, calls: Vec<CallRecord>) -> Vec<(&'static str, Level)> {
    let facts = facts();
    let evidence = Evidence { calls, blocked: Vec::new(), settings: Settings::default(), network: None };
    findings(complaint, None, &facts, &evidence).into_iter().map(|finding| (finding.code, finding.level)).collect()
}

fn facts() -> Facts {
    Facts {
        status: Status::default(),
        credentials: Vec::new(),
        health: Vec::new(),
        devices: Vec::new(),
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
    let evidence = Evidence { calls, blocked: Vec::new(), settings: Settings::default(), network: None };
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
    let evidence = Evidence { calls: Vec::new(), blocked: vec![block], settings: Settings::default(), network: None };
    let of = |facts: &Facts, number: &str| -> Vec<&'static str> {
        let found = findings(Complaint::LoginFails, Some(number.parse().unwrap()), facts, &evidence);
        found.into_iter().map(|finding| finding.code).collect()
    };
    assert_eq!(of(&facts, "101"), ["address_blocked", "never_registered"]);
    assert_eq!(of(&facts, "102"), ["never_registered"]);
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
