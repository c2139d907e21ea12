//! A phone that is set up already fetches its settings again.

use pbx_core::model::{FirebaseProject, PushOffer, PushProvider, SipUsername};

use super::*;
use crate::fetched::FetchedProfile;
use crate::fixture::{Fixture, extension};
use crate::{DEFAULT_LIFETIME, IssuedLink};

const ANDROID: &str = "LinphoneAndroid/5.2.5 (Pixel 8) LinphoneSDK/5.3";

fn firebase(project: &str, sender: &str) -> PushOffer {
    let project = FirebaseProject { project_id: project.into(), sender_id: Some(sender.into()) };
    PushOffer { providers: vec![PushProvider::Fcm], firebase: vec![project], ..PushOffer::default() }
}

fn token(link: &IssuedLink) -> LinkToken {
    link.url.reveal().rsplit('/').next().unwrap().parse().unwrap()
}

async fn told(fixture: &Fixture) -> FetchedProfile {
    let told = fixture.enrolments.fetched(Some(extension())).await.unwrap();
    assert_eq!(told.len(), 1, "{told:?}");
    told.into_iter().next().unwrap()
}

/// A phone that was set up by a link; its account.
async fn set_up(fixture: &Fixture) -> Profile {
    let profile = fixture.enrolments.redeem(&token(&fixture.issue().await), ANDROID).await.unwrap();
    // What the switchboard of the fixture has promised.
    fixture.store.apply(&[Change::PutCredential(fixture.accounts.one())]).await.unwrap();
    profile
}

async fn again(fixture: &Fixture, username: &SipUsername) -> IssuedLink {
    fixture.enrolments.issue_again(extension(), username, DEFAULT_LIFETIME).await.unwrap()
}

#[tokio::test]
async fn a_phone_that_fetches_again_keeps_its_account_and_learns_what_came_since() {
    let fixture = Fixture::new().await;
    let first = set_up(&fixture).await;
    assert_eq!(first.push_parameters(), None);
    let acme = firebase("acme", "123456789012");
    assert!(!told(&fixture).await.is_old(PushProvider::Fcm, &PushOffer::default()));
    assert!(told(&fixture).await.is_old(PushProvider::Fcm, &acme));
    fixture.offer.send_replace(acme.clone());

    let link = again(&fixture, &first.username).await;
    let before = fixture.accounts.one();
    assert!(told(&fixture).await.is_old(PushProvider::Fcm, &acme), "a link that waits changes nothing");
    let second = fixture.enrolments.redeem(&token(&link), ANDROID).await.unwrap();
    assert_eq!(second.username, first.username);
    assert_ne!(second.secret.reveal(), first.secret.reveal());
    assert_eq!(second.push_parameters().as_deref(), Some("pn-provider=fcm;pn-param=123456789012"));
    assert_ne!(fixture.accounts.one().sha256, before.sha256, "one account, with another secret");
    let now = told(&fixture).await;
    assert!(!now.is_old(PushProvider::Fcm, &acme));
    assert_eq!((now.provider, now.asked_at), (Some(PushProvider::Fcm), None));
    assert!(now.is_old(PushProvider::Fcm, &firebase("acme", "210987654321")), "another sender is another setting");
    assert!(matches!(fixture.enrolments.redeem(&token(&link), ANDROID).await, Err(PairError::Gone)), "once");
}

#[tokio::test]
async fn a_link_that_waits_is_revoked_without_harm_and_a_claimed_one_signs_the_phone_out() {
    let fixture = Fixture::new().await;
    let phone = set_up(&fixture).await;
    let unused = again(&fixture, &phone.username).await;
    fixture.enrolments.revoke(unused.id).await.unwrap();
    assert_eq!(fixture.accounts.names(), [phone.username.as_str()]);
    // One that nobody came for is cleared away after a month; the phone stays.
    again(&fixture, &phone.username).await;
    fixture.pass(DEFAULT_LIFETIME + KEEP_ENDED + KEEP_ENDED);
    fixture.issue().await;
    assert_eq!(fixture.accounts.names(), [phone.username.as_str()]);
    let used = again(&fixture, &phone.username).await;
    fixture.enrolments.redeem(&token(&used), ANDROID).await.unwrap();
    fixture.enrolments.revoke(used.id).await.unwrap();
    assert!(fixture.accounts.names().is_empty());
}

#[tokio::test]
async fn the_settings_of_an_account_that_is_gone_are_not_given_again() {
    let fixture = Fixture::new().await;
    let phone = set_up(&fixture).await;
    let link = again(&fixture, &phone.username).await;
    fixture.enrolments.log_out(&phone.username).await.unwrap();
    assert!(matches!(fixture.enrolments.redeem(&token(&link), ANDROID).await, Err(PairError::Gone)));
    let refused = fixture.enrolments.issue_again(extension(), &phone.username, DEFAULT_LIFETIME).await;
    assert!(matches!(refused, Err(EnrolmentError::NoSuchAccount(_))), "{refused:?}");
    assert!(fixture.accounts.names().is_empty(), "nobody comes back by an old link");
}

#[tokio::test]
async fn an_admins_wish_stands_until_the_phone_has_fetched() {
    let fixture = Fixture::new().await;
    let phone = set_up(&fixture).await;
    assert!(fixture.enrolments.ask_to_fetch(&phone.username).await.unwrap());
    assert!(told(&fixture).await.asked_at.is_some());
    fixture.enrolments.note_fetched(&phone.username, extension(), None).await.unwrap();
    let now = told(&fixture).await;
    assert_eq!((now.asked_at, now.provider), (None, Some(PushProvider::Fcm)), "what is known of it stays");
    let by_hand: SipUsername = "101".parse().unwrap();
    assert!(!fixture.enrolments.ask_to_fetch(&by_hand).await.unwrap());
}
