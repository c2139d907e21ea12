use pbx_core::model::{Redacted, Verdict, WakeEvent, WakeKind};

use super::office::{APP, CALL_TOKEN, FCM_TOKEN, Office, PROJECT, apns_target, apple, fcm_target, gave_up, verdicts};
use crate::standin::{WebhookFault, WebhookStandin};
use crate::{CredentialError, CredentialKind, NewCredential};

async fn relay(office: &Office, app_ids: &[&str]) -> WebhookStandin {
    let relay = WebhookStandin::start().await.unwrap();
    office.add(relay.new_credential(app_ids)).await;
    relay
}

fn says(status: u16, body: &str) -> WebhookFault {
    WebhookFault::Answer { status, body: body.to_owned(), retry_after: None }
}

#[tokio::test]
async fn a_relay_gets_every_kind_of_wake_for_phones_of_either_provider() {
    let mut office = Office::open().await;
    let relay = relay(&office, &[APP, PROJECT]).await;
    for kind in [WakeKind::Call, WakeKind::MissedCall, WakeKind::AnsweredElsewhere, WakeKind::Test] {
        for target in [apns_target(), fcm_target()] {
            let events = office.wake(kind, target).await;
            assert_eq!(verdicts(&events), [Verdict::Accepted], "{kind:?}: {events:?}");
        }
    }
    let asked = relay.requests();
    assert_eq!(asked.len(), 8);
    let call = &asked[0].document;
    assert_eq!(call["type"], "call");
    assert_eq!(call["data"]["extension"], "101");
    assert_eq!(call["data"]["caller"]["name"], "Alice Ärger");
    assert_eq!(call["data"]["device"]["call_token"], CALL_TOKEN);
    assert_eq!(asked[1].document["data"]["device"]["call_token"], FCM_TOKEN);
}

#[tokio::test]
async fn the_relays_id_is_shown_and_a_hiccup_repeats_the_same_document_under_the_same_id() {
    let mut office = Office::open().await;
    let relay = relay(&office, &[]).await;
    for fault in [says(500, "boom"), WebhookFault::Disconnect] {
        relay.script(fault, 1);
        let events = office.wake(WakeKind::Call, apns_target()).await;
        assert_eq!(verdicts(&events).last(), Some(&Verdict::Accepted), "{events:?}");
        let Some(WakeEvent::Answered { provider_id: Some(id), .. }) = events.last() else { panic!("{events:?}") };
        let asked = relay.requests();
        let [.., first, second] = asked.as_slice() else { panic!("{asked:?}") };
        assert_eq!((&first.id, &first.document), (&second.id, &second.document));
        assert_eq!(*id, format!("relayed-{}", second.id));
    }
}

#[tokio::test]
async fn a_token_that_the_relay_calls_gone_is_gone() {
    let mut office = Office::open().await;
    let relay = relay(&office, &[APP]).await;
    relay.script(says(410, r#"{"error":"token_gone","since":1795000000}"#), 1);
    let events = office.wake(WakeKind::Call, apns_target()).await;
    assert_eq!(gave_up(&events), Some("token_gone"));
    assert!(matches!(verdicts(&events)[..], [Verdict::TokenGone { since: Some(_), .. }]), "{events:?}");
}

#[tokio::test]
async fn our_own_key_goes_before_a_relay_and_a_relay_that_names_the_app_before_one_for_all() {
    let mut office = Office::open().await;
    let for_all = relay(&office, &[]).await;
    let apple = apple(&office).await;
    assert_eq!(verdicts(&office.wake(WakeKind::Call, apns_target()).await), [Verdict::Accepted]);
    assert_eq!((apple.requests().len(), for_all.requests().len()), (1, 0));
    assert_eq!(verdicts(&office.wake(WakeKind::Call, fcm_target()).await), [Verdict::Accepted]);
    assert_eq!(for_all.requests().len(), 1);
}

#[tokio::test]
async fn the_check_reaches_no_phone_and_names_a_secret_that_differs() {
    let office = Office::open().await;
    let relay = WebhookStandin::start().await.unwrap();
    let NewCredential::Webhook(mut new) = relay.new_credential(&[]) else { unreachable!() };
    let good = office.add(NewCredential::Webhook(new.clone())).await;
    assert_eq!(good.provider, CredentialKind::Webhook);
    let checked = office.gateway.check_credential(good.id).await.unwrap();
    assert!(checked.ok, "{checked:?}");
    assert_eq!(relay.requests()[0].document["type"], "check");
    new.secret = Redacted::new("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=".to_owned());
    let wrong = office.add(NewCredential::Webhook(new)).await;
    let checked = office.gateway.check_credential(wrong.id).await.unwrap();
    assert_eq!((checked.ok, checked.code.as_str()), (false, "webhook_signature"));
    // The credential outlives a restart, and its secret shows up nowhere.
    let office = office.restart().await;
    let listed = office.gateway.list_credentials().await.unwrap();
    assert_eq!(listed.len(), 2);
    assert!(!serde_json::to_string(&listed).unwrap().contains("whsec"), "{listed:?}");
}

#[tokio::test]
async fn bad_fields_are_named() {
    let office = Office::open().await;
    let relay = WebhookStandin::start().await.unwrap();
    let NewCredential::Webhook(good) = relay.new_credential(&[]) else { unreachable!() };
    let mut cases = Vec::new();
    let mut with = |field: &'static str, change: fn(&mut crate::NewWebhook)| {
        let mut new = good.clone();
        change(&mut new);
        cases.push((field, new));
    };
    with("url", |new| new.url = "http://push.example.com/x".into());
    with("url", |new| new.url = String::new());
    with("app_ids", |new| new.app_ids = vec!["com.example.app.voip".into()]);
    with("secret", |new| new.secret = Redacted::new("short".to_owned()));
    with("extra_ca_pem", |new| new.extra_ca_pem = Some("nothing".into()));
    for (field, new) in cases {
        let refused = office.gateway.add_credential(NewCredential::Webhook(new)).await.unwrap_err();
        assert_eq!(refused.field(), Some(field), "{refused}");
        assert!(!matches!(refused, CredentialError::Store(_)));
    }
    assert!(office.gateway.list_credentials().await.unwrap().is_empty());
}
