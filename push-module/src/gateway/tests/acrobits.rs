use pbx_core::model::{PushProvider, Redacted, Verdict, WakeKind, WakeTarget};

use super::office::{Office, apns_target, gave_up, verdicts};
use crate::CredentialKind;
use crate::standin::{AcrobitsFault, AcrobitsStandin, AnyToken};

const APP: &str = "cz.acrobits.softphone.aliengroundwire";
const OTHER_APP: &str = "cz.acrobits.softphone.aliengroundwire.other";

fn target(call: &str, notice: Option<&str>) -> WakeTarget {
    let token = |app: &str, token: &str| Redacted::new(format!("{app} {token} 12869E:7C3A"));
    WakeTarget {
        provider: PushProvider::Acrobits,
        app_id: APP.to_owned(),
        call_token: Some(token(APP, call)),
        notice_token: notice.map(|notice| token(OTHER_APP, notice)),
        ..apns_target()
    }
}

async fn mediator(office: &Office) -> AcrobitsStandin {
    let mediator = AcrobitsStandin::start().await.unwrap();
    mediator.register(APP, "voip");
    mediator.register(OTHER_APP, "other");
    let added = office.add(mediator.new_credential(&[APP])).await;
    assert_eq!(added.provider, CredentialKind::Acrobits);
    mediator
}

#[tokio::test]
async fn each_kind_of_wake_is_its_verb_and_only_a_call_goes_to_the_token_for_calls() {
    let mut office = Office::open().await;
    let mediator = mediator(&office).await;
    for (kind, verb, token) in [
        (WakeKind::Call, "NotifyIncomingCall", "voip"),
        (WakeKind::MissedCall, "NotifyIncomingCallMissed", "other"),
        (WakeKind::AnsweredElsewhere, "NotifyIncomingCallAnsweredElsewhere", "other"),
        (WakeKind::Test, "NotifyGenericTextMessage", "other"),
    ] {
        let events = office.wake(kind, target("voip", Some("other"))).await;
        assert_eq!(verdicts(&events), [Verdict::Accepted], "{kind:?}: {events:?}");
        let sent = mediator.requests().pop().unwrap().body;
        assert_eq!((sent["verb"].as_str(), sent["DeviceToken"].as_str()), (Some(verb), Some(token)));
    }
    let events = office.wake(WakeKind::MissedCall, target("voip", None)).await;
    assert_eq!(verdicts(&events), [Verdict::Accepted], "an Android app has one token");
    let events = office.wake(WakeKind::Refresh, target("voip", None)).await;
    assert_eq!(gave_up(&events), Some("no_refresh_push"));
}

#[tokio::test]
async fn a_pair_the_mediator_does_not_know_is_dead_and_a_hiccup_is_tried_again() {
    let mut office = Office::open().await;
    let mediator = mediator(&office).await;
    for fault in [AcrobitsFault::Answer(502, "<html>".into()), AcrobitsFault::Disconnect] {
        mediator.script(AnyToken, fault, 1);
        let events = office.wake(WakeKind::Call, target("voip", None)).await;
        assert_eq!(verdicts(&events).last(), Some(&Verdict::Accepted), "{events:?}");
    }
    mediator.forget("voip");
    let events = office.wake(WakeKind::Call, target("voip", None)).await;
    assert!(matches!(verdicts(&events)[..], [Verdict::TokenGone { since: None, .. }]), "{events:?}");
}

#[tokio::test]
async fn the_check_finds_the_mediator_and_an_address_where_none_is() {
    let office = Office::open().await;
    let mediator = mediator(&office).await;
    let id = office.gateway.list_credentials().await.unwrap()[0].id;
    assert!(office.gateway.check_credential(id).await.unwrap().ok);
    mediator.script(AnyToken, AcrobitsFault::Answer(404, "<html>".into()), 1);
    let checked = office.gateway.check_credential(id).await.unwrap();
    assert_eq!((checked.ok, checked.code.as_str()), (false, "acrobits_address"));
    assert!(office.gateway.offer().borrow().providers.is_empty(), "phones cannot name it in a REGISTER");
}
