use pbx_core::model::{DeviceId, DeviceKey, Environment, Presence, TokenHistory, TokenHolder, WakeTarget};
use push_module::{ApnsEnvironment, CredentialId, CredentialKind};

use super::*;

const NOW: UnixMillis = UnixMillis(1_790_000_000_000);

fn facts() -> Facts {
    Facts {
        status: Status { extensions: 2, registered: 1, ..Status::default() },
        credentials: vec![credential("com.example.app", CredentialState::Working)],
        health: Vec::new(),
        devices: vec![device("com.example.app")],
        switched_off: Vec::new(),
        certificate: CertificateInfo {
            fingerprint: "AA".into(),
            self_made: false,
            not_after: NOW + Duration::from_secs(90 * 86_400),
            names: vec!["pbx.example.com".into()],
        },
        acme: None,
        receivers: Vec::new(),
        public_url: "https://pbx.example.com".into(),
        backups: (Policy::default(), true),
        last_backup: Some(Outcome { at: NOW, problem: String::new() }),
        unseen_days: 30,
        marks: Marks::default(),
        update: (update_notice::Found::default(), "0.1.0"),
        app_problems: AppProblems::new(),
        saving: SavingState::default(),
        now: NOW,
    }
}

fn credential(app: &str, state: CredentialState) -> CredentialSummary {
    CredentialSummary {
        id: CredentialId(1),
        provider: CredentialKind::Apns,
        label: "Acme".into(),
        app_ids: vec![app.into()],
        key_id: None,
        team_id: None,
        project_id: None,
        client_email: None,
        contact: None,
        public_key: None,
        topics: None,
        ends_at: None,
        fingerprint: "00".into(),
        environment: Some(ApnsEnvironment::Production),
        endpoints: Vec::new(),
        uploaded_at: NOW,
        state,
        last_check: None,
    }
}

fn target(app: &str) -> WakeTarget {
    WakeTarget {
        provider: PushProvider::Apns,
        app_id: app.into(),
        environment: Environment::Production,
        call_token: None,
        notice_token: None,
        learned_at: NOW,
        health: TargetHealth::Good,
        switched_off: None,
        history: TokenHistory::default(),
    }
}

fn device(app: &str) -> DeviceSummary {
    DeviceSummary {
        id: DeviceId(1),
        extension: "101".parse().unwrap(),
        key: DeviceKey::from_instance("x"),
        username: "101".parse().unwrap(),
        user_agent: String::new(),
        first_seen_at: NOW,
        last_seen_at: NOW,
        live_binding: None,
        wake_target: Some(target(app)),
        wake_state: Some(WakeState::Armed),
        token_elsewhere: Vec::new(),
        push_policy: pbx_core::model::PushPolicy::App,
        last_wake: None,
        presence: Presence::ReachableByPush,
        reason: String::new(),
    }
}

fn reaches(keys: &[CredentialSummary], target: &WakeTarget) -> bool {
    obstacle(keys, target).is_none()
}

fn codes(facts: &Facts) -> Vec<&'static str> {
    findings(facts).iter().map(|finding| finding.code).collect()
}

#[test]
fn an_installation_in_order_gets_no_advice() {
    assert_eq!(codes(&facts()), Vec::<&str>::new());
    assert_eq!(worst(&findings(&facts())), Level::Ok);
}

#[test]
fn a_fresh_installation_is_told_the_first_steps() {
    let fresh = Facts { status: Status::default(), credentials: Vec::new(), devices: Vec::new(), ..facts() };
    assert_eq!(codes(&fresh), ["no_extensions", "no_push_credential"]);
}

#[test]
fn a_phone_whose_app_has_no_credential_is_named_with_its_app() {
    let lacking = Facts { devices: vec![device("com.other.app"), device("com.other.app")], ..facts() };
    let found = findings(&lacking);
    assert_eq!(codes(&lacking), ["no_credential"]);
    assert!(found[0].text.contains("2 phones") && found[0].text.contains("com.other.app"), "{}", found[0].text);
    assert_eq!(found[0].level, Level::Fail);
}

#[test]
fn a_phone_counts_as_reachable_exactly_when_a_call_would_find_a_credential() {
    let mut keys = vec![credential("com.example.app", CredentialState::Working)];
    assert!(reaches(&keys, &target("com.example.app")));
    assert!(!reaches(&keys, &target("COM.example.app")), "Apple knows no such app");
    let sandbox = WakeTarget { environment: Environment::Sandbox, ..target("com.example.app") };
    assert!(!reaches(&keys, &sandbox));
    keys[0].app_ids.clear();
    assert!(reaches(&keys, &target("com.any.app")), "a key without bundle ids serves every app of its team");
    let fcm = |app| WakeTarget { provider: PushProvider::Fcm, ..target(app) };
    assert!(!reaches(&keys, &fcm("com.any.app")));
    let mut account = credential("project", CredentialState::Working);
    account.provider = CredentialKind::Fcm;
    account.environment = None;
    keys.push(account.clone());
    assert!(reaches(&keys, &fcm("123456789012")), "a lone account without a sender id is meant");
    keys.push(account);
    assert!(!reaches(&keys, &fcm("123456789012")));
    keys.truncate(1);
    keys[0].provider = CredentialKind::Webhook;
    assert!(reaches(&keys, &fcm("any")), "a relay for every app");
}

#[test]
fn problems_come_before_things_to_do() {
    let mut bad = facts();
    bad.devices = vec![device("com.other.app")];
    bad.certificate.self_made = true;
    bad.public_url = "https://localhost:8443".into();
    assert_eq!(codes(&bad), ["no_credential", "certificate_self_made", "public_name_is_local"]);
}

#[test]
fn every_finding_names_a_cause_a_fix_and_a_page() {
    let mut bad = facts();
    bad.status.draining = true;
    bad.credentials.clear();
    bad.certificate.not_after = NOW - Duration::from_secs(1);
    for finding in findings(&bad) {
        assert!(!finding.text.is_empty() && !finding.fix.is_empty() && finding.link.starts_with('/'), "{finding:?}");
    }
}

#[test]
fn a_browser_without_web_push_leads_to_the_page_that_enables_it() {
    let browser = WakeTarget { provider: PushProvider::WebPush, ..target("push.example.net") };
    let relay = CredentialSummary {
        provider: CredentialKind::Webhook,
        app_ids: Vec::new(),
        ..credential("", CredentialState::Working)
    };
    let facts = Facts {
        devices: vec![DeviceSummary { wake_target: Some(browser), ..device("") }],
        credentials: vec![relay],
        ..facts()
    };
    let found = findings(&facts);
    let lacking = found.iter().find(|finding| finding.code == "no_credential").unwrap();
    assert_eq!(lacking.link, "/push/webpush", "a relay does not help: {lacking:?}");
    let enabled = CredentialSummary {
        provider: CredentialKind::WebPush,
        app_ids: Vec::new(),
        ..credential("", CredentialState::Working)
    };
    let facts = Facts { credentials: vec![enabled], ..facts };
    assert!(findings(&facts).iter().all(|finding| finding.code != "no_credential"));
}

#[test]
fn a_backup_that_is_missing_late_or_failed_is_said() {
    let code = |facts: &Facts| backup(facts).map(|finding| (finding.level, finding.code));
    let at = |ago: Duration, problem: &str| Some(Outcome { at: NOW - ago, problem: problem.to_owned() });
    assert_eq!(code(&facts()), None);
    let none = Facts { backups: (Policy::default(), false), last_backup: None, ..facts() };
    assert_eq!(code(&none), Some((Level::Warn, "no_backup")));
    let day = Duration::from_secs(27 * 3600);
    assert_eq!(code(&Facts { last_backup: at(day, ""), ..facts() }), Some((Level::Warn, "backup_missed")));
    let failed = Facts { last_backup: at(Duration::ZERO, "the disk is full"), ..facts() };
    assert_eq!(code(&failed), Some((Level::Fail, "backup_failed")));
    assert_eq!(code(&Facts { status: Status::default(), ..none }), None, "there is nothing to lose yet");
}

#[test]
fn many_phones_without_a_sign_are_advised_about_and_a_token_of_two_extensions_too() {
    let long_ago =
        || DeviceSummary { last_seen_at: NOW - Duration::from_secs(31 * 86_400), ..device("com.example.app") };
    let codes = |devices| {
        let found = findings(&Facts { devices, ..facts() });
        found.into_iter().map(|finding| (finding.code, finding.link)).collect::<Vec<_>>()
    };
    assert_eq!(codes(vec![long_ago(), long_ago()]), [], "two people are on holiday");
    let unseen = ("tokens_unseen", "/push/tokens?state=unseen");
    assert_eq!(codes(vec![long_ago(), long_ago(), long_ago()]), [unseen]);
    let holder = |same_phone| TokenHolder { extension: "102".parse().unwrap(), device: DeviceId(9), same_phone };
    let shared = |same_phone| DeviceSummary { token_elsewhere: vec![holder(same_phone)], ..device("com.example.app") };
    assert_eq!(codes(vec![shared(false)]), [("tokens_shared", "/push/tokens?shared=yes")]);
    assert_eq!(codes(vec![shared(true)]), [], "a phone with two accounts is no trouble");
}

#[test]
fn extensions_whose_phones_are_off_are_counted_and_named() {
    let numbers = |last: u16| (101..=last).map(|number| number.to_string().parse().unwrap()).collect();
    let found = |last| findings(&Facts { switched_off: numbers(last), ..facts() });
    let one = found(101);
    assert_eq!((one[0].code, one[0].level), ("phones_off", Level::Warn));
    assert!(one[0].text.starts_with("The phones of one extension are switched off (101)"), "{}", one[0].text);
    let many = found(110);
    let words = "The phones of 10 extensions are switched off (101, 102, 103, 104, 105, …)";
    assert!(many[0].text.starts_with(words), "{}", many[0].text);
}
