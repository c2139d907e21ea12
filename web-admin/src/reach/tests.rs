use pbx_core::model::{DeviceId, DeviceKey, PushPolicy, TokenHistory};
use push_module::{ApnsEnvironment, CredentialState};

use super::*;

pub(crate) fn credential(id: i64, provider: CredentialKind, apps: &[&str]) -> CredentialSummary {
    CredentialSummary {
        id: CredentialId(id),
        provider,
        label: format!("Key {id}"),
        app_ids: apps.iter().map(|app| (*app).to_owned()).collect(),
        key_id: None,
        team_id: None,
        project_id: None,
        client_email: None,
        contact: None,
        public_key: None,
        topics: None,
        ends_at: None,
        fingerprint: "00".into(),
        environment: (provider == CredentialKind::Apns).then_some(ApnsEnvironment::Production),
        endpoints: Vec::new(),
        uploaded_at: UnixMillis(0),
        state: CredentialState::Working,
        last_check: None,
    }
}

pub(crate) fn device(id: i64, provider: PushProvider, app: &str, presence: Presence) -> DeviceSummary {
    DeviceSummary {
        id: DeviceId(id),
        extension: "101".parse().unwrap(),
        key: DeviceKey::from_instance("x"),
        username: "101".parse().unwrap(),
        user_agent: String::new(),
        first_seen_at: UnixMillis(0),
        last_seen_at: UnixMillis(0),
        live_binding: None,
        wake_target: Some(WakeTarget {
            provider,
            app_id: app.into(),
            environment: Environment::Production,
            call_token: None,
            notice_token: None,
            learned_at: UnixMillis(0),
            health: TargetHealth::Good,
            switched_off: None,
            history: TokenHistory::default(),
        }),
        wake_state: Some(WakeState::Armed),
        token_elsewhere: Vec::new(),
        push_policy: PushPolicy::App,
        last_wake: None,
        presence,
        reason: String::new(),
    }
}

#[test]
fn an_app_without_a_credential_is_a_row_with_its_phones_and_the_reason() {
    let phones = [
        device(1, PushProvider::Fcm, "acme-phone", Presence::ReachableByPush),
        device(2, PushProvider::Fcm, "acme-phone", Presence::Registered),
        device(3, PushProvider::Apns, "com.example.app", Presence::ReachableByPush),
    ];
    let keys = [credential(1, CredentialKind::Apns, &["com.example.app"])];
    let rows = matrix(&phones, &keys, &[]);
    let [lacking, good] = rows.as_slice() else { panic!("{rows:?}") };
    assert_eq!((lacking.app_id.as_str(), lacking.platform, lacking.devices), ("acme-phone", "Android", 2));
    assert_eq!((lacking.can_be_pushed, lacking.code, lacking.registered), (Verdict::No, "no_credential", 1));
    assert_eq!(lacking.text, "cannot be pushed: no credential for acme-phone (FCM)");
    assert_eq!((good.can_be_pushed, good.credential), (Verdict::Yes, Some(CredentialId(1))));
    assert_eq!(good.credential_label.as_deref(), Some("Key 1"));
    let keys = [keys[0].clone(), credential(2, CredentialKind::Fcm, &["acme-phone"])];
    assert!(matrix(&phones, &keys, &[]).iter().all(|row| row.can_be_pushed == Verdict::Yes), "order does not matter");
}

#[test]
fn an_app_that_only_a_credential_names_is_a_row_without_phones() {
    let keys = [credential(1, CredentialKind::Fcm, &["acme-phone", "4711"])];
    let rows = matrix(&[], &keys, &[]);
    assert_eq!(rows.iter().map(|row| (row.app_id.as_str(), row.devices)).collect::<Vec<_>>(), [("acme-phone", 0)]);
}

#[test]
fn a_credential_that_was_never_tried_is_not_called_good() {
    let mut key = credential(1, CredentialKind::Apns, &["com.example.app"]);
    key.state = CredentialState::Untried;
    assert_eq!(matrix(&[], &[key], &[])[0].can_be_pushed, Verdict::Untried);
}

#[test]
fn a_sleeping_phone_without_a_credential_is_unreachable_and_says_why() {
    let asleep = device(1, PushProvider::Apns, "com.example.app", Presence::ReachableByPush);
    let shown = honest(asleep.clone(), &[]);
    assert_eq!(shown.presence, Presence::Unreachable);
    assert!(
        shown.reason.starts_with("cannot be pushed: no credential for com.example.app (APNs);"),
        "{}",
        shown.reason
    );
    let keys = [credential(1, CredentialKind::Apns, &["com.example.app"])];
    assert_eq!(honest(asleep, &keys).presence, Presence::ReachableByPush);
    let awake = device(1, PushProvider::Apns, "com.example.app", Presence::Registered);
    assert_eq!(honest(awake.clone(), &[]), awake, "a live binding needs no push");
}
