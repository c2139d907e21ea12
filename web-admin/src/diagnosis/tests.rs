use pbx_core::model::{LastWake, UnixMillis, WakeKind};
use pbx_core::switchboard::command::Status;

use super::*;
use crate::tls::CertificateInfo;

fn device(id: i64, provider: PushProvider) -> DeviceSummary {
    crate::reach::tests::device(id, provider, "com.example.app", Presence::ReachableByPush)
}

fn facts(devices: Vec<DeviceSummary>) -> Facts {
    Facts {
        status: Status { extensions: 1, ..Status::default() },
        credentials: Vec::new(),
        health: Vec::new(),
        devices,
        switched_off: Vec::new(),
        certificate: CertificateInfo {
            fingerprint: String::new(),
            self_made: true,
            not_after: UnixMillis(i64::MAX),
            names: Vec::new(),
        },
        acme: None,
        receivers: Vec::new(),
        public_url: "https://pbx.example.com".into(),
        backups: (crate::backups::Policy::default(), true),
        last_backup: None,
        unseen_days: 30,
        app_problems: std::collections::BTreeMap::new(),
        marks: crate::settings_again::Marks::default(),
        update: (crate::update_notice::Found::default(), "0.1.0"),
        saving: pbx_core::store::SavingState::default(),
        now: UnixMillis(0),
    }
}

fn codes(symptom: Symptom, facts: &Facts, device: i64) -> Vec<&'static str> {
    findings(symptom, facts, None, Some(DeviceId(device))).iter().map(|finding| finding.code).collect()
}

#[test]
fn each_symptom_shows_only_what_can_cause_it() {
    let facts = facts(vec![device(1, PushProvider::Apns), device(2, PushProvider::Apns)]);
    assert_eq!(codes(Symptom::OnlyIos, &facts, 1), ["no_credential", "network_not_checked"]);
    assert_eq!(codes(Symptom::OnlyAndroid, &facts, 1), ["network_not_checked"]);
    assert_eq!(codes(Symptom::OnlyThisDevice, &facts, 1), ["no_credential"]);
    let all = codes(Symptom::AllPhones, &facts, 1);
    assert_eq!(
        all,
        ["no_credential", "no_push_credential", "network_not_checked"],
        "a certificate is no matter of push"
    );
}

#[test]
fn a_phone_that_did_not_come_after_an_accepted_push_is_told_apart_from_one_without_a_token() {
    let mut slept_on = device(1, PushProvider::Fcm);
    slept_on.last_wake = Some(LastWake {
        at: UnixMillis(0),
        kind: WakeKind::Call,
        outcome: "accepted by fcm".into(),
        woke_after_ms: None,
        accepted: true,
    });
    let desk = DeviceSummary { wake_target: None, ..device(2, PushProvider::Fcm) };
    let facts = facts(vec![slept_on, desk]);
    assert_eq!(codes(Symptom::OnlyThisDevice, &facts, 1), ["no_credential", "accepted_but_not_woken"]);
    assert_eq!(codes(Symptom::OnlyThisDevice, &facts, 2), ["no_push_token"]);
    assert!(codes(Symptom::OnlyThisDevice, &facts, 3).is_empty());
}

#[test]
fn every_symptom_has_something_to_check() {
    for symptom in Symptom::ALL {
        assert!(to_check(symptom).len() >= 3 && !symptom.words().is_empty(), "{symptom}");
    }
}

#[test]
fn a_phone_in_whose_place_another_came_and_one_that_is_switched_off_say_so() {
    let mut displaced = device(1, PushProvider::Fcm);
    (displaced.presence, displaced.wake_state) = (Presence::Unreachable, Some(WakeState::Displaced));
    let mut facts = facts(vec![displaced]);
    assert_eq!(codes(Symptom::OnlyThisDevice, &facts, 1), ["displaced", "no_credential"]);
    facts.switched_off = vec![facts.devices[0].extension];
    assert_eq!(codes(Symptom::OnlyThisDevice, &facts, 1), ["phones_off"], "nothing else matters then");
}
