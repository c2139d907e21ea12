use std::sync::Arc;

use pbx_core::model::{
    CallId, CallUuid, DeviceId, Environment, Redacted, TargetHealth, TokenHistory, UnixMillis, WakeId, WakeKind,
    WakeTarget,
};
use uuid::Uuid;

use super::*;
use crate::credential::{
    APNS_PRODUCTION, APNS_SANDBOX, ApnsDetails, ApnsEnvironment, BaseUrl, CredentialId, Details, FCM_BASE, FcmDetails,
};

fn url(default: &'static str) -> BaseUrl {
    BaseUrl::parse("url", None, default).unwrap()
}

fn apns(bundle_ids: &[&str], environment: ApnsEnvironment) -> Details {
    Details::Apns(ApnsDetails {
        key_id: "ABCDEFGHIJ".into(),
        team_id: "TEAMTEAM01".into(),
        bundle_ids: bundle_ids.iter().map(|it| (*it).to_owned()).collect(),
        environment,
        production_url: url(APNS_PRODUCTION),
        sandbox_url: url(APNS_SANDBOX),
        extra_ca_pem: None,
    })
}

fn fcm(project_id: &str, sender_id: Option<&str>) -> Details {
    Details::Fcm(FcmDetails {
        project_id: project_id.into(),
        client_email: "a@b".into(),
        key_id: None,
        token_uri: "https://oauth2.googleapis.com/token".into(),
        sender_id: sender_id.map(str::to_owned),
        base_url: url(FCM_BASE),
        extra_ca_pem: None,
    })
}

fn request(provider: PushProvider, app_id: &str, environment: Environment) -> WakeRequest {
    let target = WakeTarget {
        provider,
        app_id: app_id.into(),
        environment,
        call_token: Some(Redacted::new("aa".into())),
        notice_token: None,
        learned_at: UnixMillis(0),
        health: TargetHealth::Good,
        switched_off: None,
        history: TokenHistory::default(),
    };
    WakeRequest {
        wake_id: WakeId(Uuid::nil()),
        call: Some(CallId(1)),
        call_uuid: CallUuid(Uuid::nil()),
        kind: WakeKind::Call,
        device: DeviceId(1),
        extension: "101".parse().unwrap(),
        target: Arc::new(target),
        caller_number: String::new(),
        caller_name: String::new(),
        has_video: false,
        ringing_url: None,
        sent_at: UnixMillis(0),
        expires_at: UnixMillis(1),
    }
}

fn candidate(id: i64, details: &Details) -> Candidate<'_> {
    Candidate {
        id: CredentialId(id),
        label: "Key",
        kind: details.kind(),
        app_ids: details.app_ids(),
        environment: details.environment(),
        topics: details.topics(),
        usable: true,
        refused: false,
    }
}

/// The route through these credentials, numbered from 1.
fn through(request: &WakeRequest, details: &[Details]) -> Result<Route, Refusal> {
    let candidates: Vec<_> = (1..).zip(details).map(|(id, details)| candidate(id, details)).collect();
    route(request, &candidates)
}

const P: Environment = Environment::Production;
const S: Environment = Environment::Sandbox;

#[test]
fn a_key_that_names_the_app_goes_before_one_for_any_app() {
    let keys = [apns(&[], ApnsEnvironment::Both), apns(&["com.example.a"], ApnsEnvironment::Both)];
    let named = through(&request(PushProvider::Apns, "com.example.a", P), &keys).unwrap();
    assert_eq!(named.credential, CredentialId(2));
    let any = through(&request(PushProvider::Apns, "com.example.b", P), &keys).unwrap();
    assert_eq!(any.credential, CredentialId(1));
    assert_eq!(any.other, Some((CredentialId(1), S)));
}

#[test]
fn an_app_that_no_key_names_has_no_route() {
    let keys = [apns(&["com.example.a"], ApnsEnvironment::Both), fcm("example", None)];
    let refused = through(&request(PushProvider::Apns, "com.example.b", P), &keys).unwrap_err();
    assert_eq!(refused.code, "no_credential");
    assert_eq!(
        refused.why,
        "cannot be pushed: no credential for com.example.b (APNs); ask the publisher of the app for its APNs key and add it under Push, or add the relay that pushes for him"
    );
}

#[test]
fn two_keys_share_the_environments() {
    let app = "com.example.a";
    let keys = [apns(&[app], ApnsEnvironment::Production), apns(&[app], ApnsEnvironment::Sandbox)];
    let production = through(&request(PushProvider::Apns, app, P), &keys).unwrap();
    assert_eq!((production.credential, production.other), (CredentialId(1), Some((CredentialId(2), S))));
    let sandbox = through(&request(PushProvider::Apns, app, S), &keys).unwrap();
    assert_eq!((sandbox.credential, sandbox.other), (CredentialId(2), Some((CredentialId(1), P))));
}

#[test]
fn a_key_of_the_wrong_environment_is_named() {
    let keys = [apns(&[], ApnsEnvironment::Production)];
    let refused = through(&request(PushProvider::Apns, "com.example.a", S), &keys).unwrap_err();
    assert_eq!(refused.code, "no_credential_for_environment");
    assert!(refused.why.contains("“Key” is for production only"), "{}", refused.why);
    let production = through(&request(PushProvider::Apns, "com.example.a", P), &keys).unwrap();
    assert_eq!(production.other, None);
}

#[test]
fn an_android_app_is_found_by_project_or_by_number() {
    let accounts = [fcm("one", Some("111")), fcm("two", Some("222"))];
    for (app, id) in [("one", 1), ("111", 1), ("two", 2), ("222", 2)] {
        let found = through(&request(PushProvider::Fcm, app, P), &accounts).unwrap();
        assert_eq!(found.credential, CredentialId(id), "{app}");
        assert_eq!(found.other, None);
    }
    assert_eq!(through(&request(PushProvider::Fcm, "333", P), &accounts).unwrap_err().code, "no_credential");
}

#[test]
fn a_lone_account_without_a_number_serves_phones_that_name_one() {
    let alone = [fcm("one", None)];
    assert!(through(&request(PushProvider::Fcm, "4711", P), &alone).is_ok());
    assert!(through(&request(PushProvider::Fcm, "other-project", P), &alone).is_err());
    let with_number = [fcm("one", Some("111"))];
    assert!(through(&request(PushProvider::Fcm, "4711", P), &with_number).is_err());
    let two = [fcm("one", None), fcm("two", None)];
    assert!(through(&request(PushProvider::Fcm, "4711", P), &two).is_err());
}

#[test]
fn a_credential_that_does_not_open_is_named() {
    let details = apns(&[], ApnsEnvironment::Both);
    let candidate = Candidate { usable: false, ..candidate(1, &details) };
    let refused = route(&request(PushProvider::Apns, "com.example.a", P), &[candidate]).unwrap_err();
    assert_eq!(refused.code, "credential_unreadable");
}

#[test]
fn of_two_keys_for_one_app_the_newest_that_is_not_refused_goes_first_and_the_other_stands_in() {
    let app = "com.example.a";
    let keys = [apns(&[app], ApnsEnvironment::Both), apns(&[app], ApnsEnvironment::Both)];
    let wake = request(PushProvider::Apns, app, P);
    let found = through(&wake, &keys).unwrap();
    assert_eq!((found.credential, found.second), (CredentialId(2), Some(CredentialId(1))));
    let mut candidates: Vec<_> = (1..).zip(&keys).map(|(id, details)| candidate(id, details)).collect();
    candidates[1].refused = true;
    let found = route(&wake, &candidates).unwrap();
    assert_eq!((found.credential, found.second), (CredentialId(1), Some(CredentialId(2))));
}
