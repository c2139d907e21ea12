use pbx_core::model::{FirebaseProject, Presence};
use push_module::CredentialKind;

use super::*;
use crate::reach::tests::{credential, device};

fn offer(project: Option<&str>, vapid: Option<&str>) -> PushOffer {
    let firebase = project.map(|id| FirebaseProject { project_id: id.to_owned(), sender_id: None });
    let vapid_key = vapid.map(str::to_owned);
    PushOffer { firebase: firebase.into_iter().collect(), vapid_key, ..PushOffer::default() }
}

/// What the phone of 101 was told while this was on offer.
fn told(by: &PushOffer, provider: Option<PushProvider>) -> BTreeMap<SipUsername, FetchedProfile> {
    let username: SipUsername = "101".parse().unwrap();
    let lines = [PushProvider::Fcm, PushProvider::WebPush].map(|one| Some((one, by.settings_for(one)?)));
    let profile = FetchedProfile {
        username: username.clone(),
        extension: "101".parse().unwrap(),
        provider,
        push: lines.into_iter().flatten().collect(),
        fetched_at: UnixMillis(5),
        asked_at: None,
    };
    [(username, profile)].into()
}

fn marks(before: &PushOffer, now: &PushOffer, provider: Option<PushProvider>) -> Marks {
    Marks { told: told(before, provider), apps: BTreeSet::new(), offer: now.clone() }
}

fn without_token(mut device: DeviceSummary) -> DeviceSummary {
    device.wake_target = None;
    device
}

#[test]
fn an_android_phone_that_was_set_up_before_firebase_is_marked_once_firebase_is_there() {
    let phone = without_token(device(1, PushProvider::Fcm, "", Presence::Registered));
    let (none, acme) = (offer(None, None), offer(Some("acme"), None));
    let android = Some(PushProvider::Fcm);
    assert_eq!(marks(&none, &none, android).of(&phone, &[]), None, "there is nothing to tell it yet");
    let mark = marks(&none, &acme, android).of(&phone, &[]).unwrap();
    assert_eq!((mark.code, mark.provider, mark.by_itself), ("needs_settings", android, false));
    assert!(mark.text.contains("only after"), "{mark:?}");
    assert_eq!(marks(&acme, &acme, android).of(&phone, &[]), None, "it was told");
    let moved = marks(&acme, &offer(Some("other"), None), android).of(&phone, &[]).unwrap();
    assert!(moved.text.contains("has changed"), "{moved:?}");
    // Without a platform nobody knows what it would need; its User-Agent helps.
    assert_eq!(marks(&none, &acme, None).of(&phone, &[]), None);
    let named = DeviceSummary { user_agent: "LinphoneAndroid/5.2.5".into(), ..phone };
    assert!(marks(&none, &acme, None).of(&named, &[]).is_some());
}

#[test]
fn a_phone_whose_token_is_covered_needs_nothing_and_one_of_another_project_does() {
    let phone = device(1, PushProvider::Fcm, "acme", Presence::ReachableByPush);
    let (none, acme) = (offer(None, None), offer(Some("acme"), None));
    let covering = [credential(1, CredentialKind::Fcm, &["acme"])];
    assert_eq!(marks(&none, &acme, None).of(&phone, &covering), None, "it is pushed as it is");
    let other = [credential(1, CredentialKind::Fcm, &["other"])];
    assert!(marks(&none, &offer(Some("other"), None), None).of(&phone, &other).is_some());
}

#[test]
fn a_browser_needs_the_very_key_it_subscribes_with() {
    let browser = device(1, PushProvider::WebPush, "push.example.net", Presence::ReachableByPush);
    let key = [credential(1, CredentialKind::WebPush, &[])];
    let (old, new) = (offer(None, Some("BOld")), offer(None, Some("BNew")));
    assert_eq!(marks(&old, &old, None).of(&browser, &key), None);
    assert!(marks(&old, &new, None).of(&browser, &key).is_some());
}

#[test]
fn a_phone_that_never_fetched_is_never_marked_and_one_an_admin_asked_always_is() {
    let phone = device(1, PushProvider::Fcm, "acme", Presence::ReachableByPush);
    let acme = offer(Some("acme"), None);
    let by_hand = Marks { offer: acme.clone(), ..Marks::default() };
    assert_eq!(by_hand.of(&phone, &[]), None);
    let covering = [credential(1, CredentialKind::Fcm, &["acme"])];
    let mut asked = marks(&acme, &acme, None);
    asked.told.values_mut().for_each(|one| one.asked_at = Some(UnixMillis(9)));
    asked.apps.insert("101".parse().unwrap());
    let mark = asked.of(&phone, &covering).unwrap();
    assert!(mark.by_itself && mark.fix.contains("by itself"), "{mark:?}");
    assert_eq!(asked.all(&[phone], &covering)[0].phone, "Phone 1");
}
