//! HMS Push Kit end to end, against its strict stand-in.

use pbx_core::model::{PushProvider, Redacted, Verdict, WakeKind, WakeTarget};

use super::office::{Office, apns_target, gave_up, verdicts};
use crate::standin::{HmsFault, HmsStandin};
use crate::{AlarmCode, CredentialKind};

const APP: &str = "104567890";
const TOKEN: &str = "IQAAAACy0PcXAADx-huawei_Token";

fn huawei() -> WakeTarget {
    WakeTarget {
        provider: PushProvider::Hms,
        app_id: APP.into(),
        call_token: Some(Redacted::new(TOKEN.to_owned())),
        notice_token: None,
        ..apns_target()
    }
}

async fn open() -> (Office, HmsStandin) {
    let (office, hms) = (Office::open().await, HmsStandin::start().await.unwrap());
    hms.register(TOKEN, APP);
    let added = office.add(hms.new_credential(APP)).await;
    assert_eq!((added.provider, added.app_ids), (CredentialKind::Hms, vec![APP.to_owned()]));
    (office, hms)
}

#[tokio::test]
async fn a_huawei_phone_is_woken_and_told_and_the_check_reaches_no_phone() {
    let (mut office, hms) = open().await;
    let id = office.gateway.list_credentials().await.unwrap()[0].id;
    let check = office.gateway.check_credential(id).await.unwrap();
    assert!(check.ok, "{}", check.text);
    assert_eq!(hms.requests()[0].body["validate_only"], true);
    for kind in [WakeKind::Call, WakeKind::MissedCall, WakeKind::AnsweredElsewhere, WakeKind::Test, WakeKind::Refresh] {
        assert_eq!(verdicts(&office.wake(kind, huawei()).await), [Verdict::Accepted], "{kind:?}");
    }
    let asked = hms.requests();
    assert_eq!(asked[1].data["t"], "call");
    assert_eq!(asked[1].body["message"]["android"]["urgency"], "HIGH");
    assert_eq!(asked[2].data["why"], "missed");
    assert_eq!(asked[5].body["message"]["android"]["urgency"], "NORMAL");
}

#[tokio::test]
async fn each_answer_of_huawei_means_what_its_document_says() {
    let (mut office, hms) = open().await;
    let mut last = async |fault: HmsFault, times: u32| {
        hms.script(TOKEN, fault, times);
        verdicts(&office.wake(WakeKind::Call, huawei()).await).pop().unwrap()
    };
    assert!(matches!(last(HmsFault::Code("80300007"), 1).await, Verdict::TokenGone { .. }));
    assert!(matches!(last(HmsFault::Code("80100000"), 1).await, Verdict::TokenGone { .. }));
    assert!(matches!(last(HmsFault::Code("80300002"), 1).await, Verdict::Misconfigured { .. }));
    assert!(matches!(last(HmsFault::Code("80300008"), 1).await, Verdict::Refused { .. }));
    assert_eq!(last(HmsFault::Code("81000001"), 1).await, Verdict::Accepted, "a problem of its own is tried again");
    assert_eq!(last(HmsFault::Answer(502, "<html>".to_owned()), 1).await, Verdict::Accepted);
    assert_eq!(last(HmsFault::Disconnect, 1).await, Verdict::Accepted);
    assert!(matches!(last(HmsFault::Answer(503, String::new()), 1).await, Verdict::RetryAfter { .. }));
    assert!(matches!(last(HmsFault::Answer(404, String::new()), 1).await, Verdict::Misconfigured { .. }));
}

#[tokio::test]
async fn an_access_token_that_expired_is_renewed_and_a_changed_secret_raises_an_alarm() {
    let (mut office, hms) = open().await;
    assert_eq!(verdicts(&office.wake(WakeKind::Call, huawei()).await), [Verdict::Accepted]);
    hms.expire_access();
    office.gateway.shared.entries()[0].line.as_ref().unwrap().backdate_access_token().await;
    let events = office.wake(WakeKind::Call, huawei()).await;
    assert_eq!(verdicts(&events).last(), Some(&Verdict::Accepted), "{events:?}");
    hms.change_secret(APP);
    office.gateway.shared.entries()[0].line.as_ref().unwrap().forget_access_token().await;
    let events = office.wake(WakeKind::Call, huawei()).await;
    assert!(gave_up(&events).is_some(), "{events:?}");
    assert_eq!(office.gateway.health()[0].alarms[0].code, AlarmCode::KeyRefused);
}

#[tokio::test]
async fn a_huawei_phone_without_a_credential_cannot_be_pushed_and_the_reason_names_its_app() {
    let mut office = Office::open().await;
    let events = office.wake(WakeKind::Call, huawei()).await;
    assert_eq!(gave_up(&events), Some("no_credential"));
    assert!(format!("{events:?}").contains("no credential for 104567890 (HMS)"), "{events:?}");
}
