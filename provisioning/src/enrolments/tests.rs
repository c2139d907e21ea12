//! Issue, redeem, revoke: one winner, no second account, no trace of a token.

use std::sync::atomic::Ordering;
use std::time::Duration;

use pbx_core::sip::digest::ha1;
use pbx_core::store::sql::{Pool, query_as};

use super::*;
use crate::enrolment::DEFAULT_LIFETIME;
use crate::fixture::{self, Fixture, REALM, START, extension, public};

fn token_of(link: &IssuedLink) -> LinkToken {
    link.url.reveal().rsplit('/').next().unwrap().parse().unwrap()
}

async fn state_of(fixture: &Fixture) -> EnrolmentState {
    let links = fixture.enrolments.list(extension()).await.unwrap();
    assert_eq!(links.len(), 1);
    links[0].state
}

#[tokio::test]
async fn a_link_is_issued_with_its_qr_code_and_listed() {
    let fixture = Fixture::new().await;
    let link = fixture.issue().await;
    assert!(link.url.reveal().starts_with("https://pbx.example.com/p/"));
    assert!(link.svg.reveal().contains("QR code that sets up a phone for extension 101"));
    assert_eq!(link.expires_at, UnixMillis(START) + DEFAULT_LIFETIME);
    let links = fixture.enrolments.list(extension()).await.unwrap();
    assert_eq!((links[0].id, links[0].state), (link.id, EnrolmentState::Issued));
    assert_eq!(links[0].label.as_str(), "Anna's phone");
    assert!(fixture.accounts.names().is_empty());
}

#[tokio::test]
async fn wishes_that_make_no_sense_are_refused_with_a_code() {
    let fixture = Fixture::new().await;
    let code = async |number: &str, label: &str, lifetime| {
        fixture.enrolments.issue(number.parse().unwrap(), label, lifetime).await.unwrap_err().code()
    };
    assert_eq!(code("101", "", SHORTEST_LIFETIME - Duration::from_secs(1)).await, "lifetime_out_of_range");
    assert_eq!(code("101", "", LONGEST_LIFETIME + Duration::from_secs(1)).await, "lifetime_out_of_range");
    assert_eq!(code("101", "a\nb", DEFAULT_LIFETIME).await, "label_malformed");
    assert_eq!(code("999", "", DEFAULT_LIFETIME).await, "no_such_extension");
    let nowhere = Fixture::reached_as(PublicInfo { sip_ports: crate::SipPorts::default(), ..public() }).await;
    let refused = nowhere.enrolments.issue(extension(), "", DEFAULT_LIFETIME).await.unwrap_err();
    assert_eq!(refused.code(), "no_sip_port");
}

#[tokio::test]
async fn open_links_are_bounded_and_expired_ones_make_room() {
    let fixture = Fixture::new().await;
    for _ in 0..OPEN_LINKS {
        fixture.issue().await;
    }
    let refused = fixture.enrolments.issue(extension(), "", DEFAULT_LIFETIME).await.unwrap_err();
    assert_eq!(refused.code(), "too_many_links");
    fixture.pass(DEFAULT_LIFETIME);
    fixture.issue().await;
}

#[tokio::test]
async fn redeeming_makes_one_account_whose_digests_fit_the_secret() {
    let fixture = Fixture::new().await;
    let link = fixture.issue().await;
    let profile = fixture.enrolments.redeem(&token_of(&link), "LinphoneAndroid/5.2").await.unwrap();
    let account = fixture.accounts.one();
    assert_eq!(account.username, profile.username);
    assert!(account.username.as_str().starts_with("101."));
    assert_eq!(account.extension, extension());
    let again = account::mint(extension(), account.username.clone(), REALM, &mut profile.secret.reveal().bytes());
    assert!(again.is_some_and(|other| other.credential != account), "another secret has other digests");
    assert_eq!(ha1(account.username.as_str(), REALM, profile.secret.reveal()), (account.md5, account.sha256));
    assert_eq!(profile.push_provider, Some(PushProvider::Fcm));
    assert_eq!(state_of(&fixture).await, EnrolmentState::Claimed { claimed_at: UnixMillis(START) });
}

#[tokio::test]
async fn of_many_concurrent_redemptions_exactly_one_wins() {
    let fixture = Fixture::new().await;
    let token = token_of(&fixture.issue().await);
    let attempts: Vec<_> = (0..20)
        .map(|_| {
            let (enrolments, token) = (fixture.enrolments.clone(), token.clone());
            tokio::spawn(async move { enrolments.redeem(&token, "").await })
        })
        .collect();
    let mut winners = Vec::new();
    for attempt in attempts {
        match attempt.await.unwrap() {
            Ok(profile) => winners.push(profile),
            Err(refused) => assert!(matches!(refused, PairError::Gone), "{refused:?}"),
        }
    }
    assert_eq!(winners.len(), 1);
    assert_eq!(fixture.accounts.puts.lock().unwrap().len(), 1);
    let account = fixture.accounts.one();
    let secret = winners[0].secret.reveal();
    assert_eq!(ha1(account.username.as_str(), REALM, secret), (account.md5, account.sha256));
}

#[tokio::test]
async fn a_phone_that_hangs_up_half_way_does_not_leave_an_open_link_with_an_account() {
    let fixture = Fixture::new().await;
    let token = token_of(&fixture.issue().await);
    // Polled until the task has been handed the work, then dropped, as a server does when its client is gone.
    {
        let redeeming = fixture.enrolments.redeem(&token, "");
        tokio::pin!(redeeming);
        let account_made = async {
            while fixture.accounts.puts.lock().unwrap().is_empty() {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            biased;
            () = account_made => {}
            _ = &mut redeeming => {}
        }
    }
    let _until_the_task_is_done = fixture.enrolments.inner.changing.lock().await;
    assert!(matches!(state_of(&fixture).await, EnrolmentState::Claimed { .. }));
}

#[tokio::test]
async fn a_redemption_cut_short_before_the_mark_is_done_again_with_the_same_account() {
    let fixture = Fixture::new().await;
    let link = fixture.issue().await;
    let username = fixture.enrolments.list(extension()).await.unwrap()[0].username.clone();
    // What a crash between the switchboard's answer and the mark leaves behind.
    let lost = account::mint(extension(), username.clone(), REALM, &mut (0u8..)).unwrap();
    fixture.enrolments.inner.switchboard.ask(Command::PutCredential(lost.credential.clone())).await.unwrap();
    assert_eq!(state_of(&fixture).await, EnrolmentState::Issued);
    fixture.enrolments.redeem(&token_of(&link), "").await.unwrap();
    let account = fixture.accounts.one();
    assert_eq!(account.username, username);
    assert_ne!(account, lost.credential);
}

#[tokio::test]
async fn a_link_stays_good_when_the_account_cannot_be_saved() {
    let fixture = Fixture::new().await;
    let token = token_of(&fixture.issue().await);
    fixture.accounts.disk_full.store(true, Ordering::SeqCst);
    let refused = fixture.enrolments.redeem(&token, "").await.unwrap_err();
    assert!(
        matches!(refused, PairError::Unavailable(EnrolmentError::Switchboard(CommandError::NotSaved))),
        "{refused:?}"
    );
    assert_eq!(state_of(&fixture).await, EnrolmentState::Issued);
    fixture.accounts.disk_full.store(false, Ordering::SeqCst);
    fixture.enrolments.redeem(&token, "").await.unwrap();
}

#[tokio::test]
async fn an_expired_link_is_not_redeemed() {
    let fixture = Fixture::new().await;
    let token = token_of(&fixture.issue().await);
    fixture.pass(DEFAULT_LIFETIME);
    assert!(matches!(fixture.enrolments.redeem(&token, "").await, Err(PairError::Gone)));
    assert_eq!(state_of(&fixture).await, EnrolmentState::Expired);
    assert!(fixture.accounts.names().is_empty());
}

#[tokio::test]
async fn a_revoked_link_is_not_redeemed() {
    let fixture = Fixture::new().await;
    let link = fixture.issue().await;
    fixture.enrolments.revoke(link.id).await.unwrap();
    assert!(matches!(fixture.enrolments.redeem(&token_of(&link), "").await, Err(PairError::Gone)));
    assert_eq!(fixture.enrolments.revoke(link.id).await.unwrap_err().code(), "link_revoked");
    assert!(fixture.accounts.names().is_empty());
}

#[tokio::test]
async fn revoking_a_claimed_link_logs_its_device_out_and_no_other() {
    let fixture = Fixture::new().await;
    let (first, second) = (fixture.issue().await, fixture.issue().await);
    fixture.enrolments.redeem(&token_of(&first), "").await.unwrap();
    let kept = fixture.enrolments.redeem(&token_of(&second), "").await.unwrap();
    let revoked = fixture.enrolments.revoke(first.id).await.unwrap();
    assert!(matches!(revoked.state, EnrolmentState::Revoked { claimed_at: Some(_), .. }));
    assert_eq!(fixture.accounts.names(), [kept.username.to_string()]);
}

#[tokio::test]
async fn revoking_removes_an_account_that_only_the_disk_still_knows() {
    let fixture = Fixture::new().await;
    let link = fixture.issue().await;
    let profile = fixture.enrolments.redeem(&token_of(&link), "").await.unwrap();
    let account = fixture.accounts.one();
    fixture.store.apply(&[Change::PutCredential(account)]).await.unwrap();
    fixture.enrolments.inner.switchboard.ask(Command::RemoveCredential(profile.username)).await.unwrap();
    fixture.enrolments.revoke(link.id).await.unwrap();
    assert!(fixture.store.load().await.unwrap().credentials.is_empty());
}

#[tokio::test]
async fn a_new_link_does_not_disturb_a_paired_phone() {
    let fixture = Fixture::new().await;
    fixture.enrolments.redeem(&token_of(&fixture.issue().await), "").await.unwrap();
    let before = fixture.accounts.one();
    let link = fixture.issue().await;
    assert!(fixture.enrolments.waiting(&token_of(&link)).await.unwrap().is_some());
    assert_eq!(fixture.accounts.one(), before);
}

#[tokio::test]
async fn links_that_ended_long_ago_are_cleared_away_with_what_a_crash_left() {
    let fixture = Fixture::new().await;
    fixture.issue().await;
    let left = fixture.enrolments.list(extension()).await.unwrap()[0].username.clone();
    let lost = account::mint(extension(), left, REALM, &mut (0u8..)).unwrap();
    fixture.enrolments.inner.switchboard.ask(Command::PutCredential(lost.credential)).await.unwrap();
    let claimed = fixture.issue().await;
    let kept = fixture.enrolments.redeem(&token_of(&claimed), "").await.unwrap();
    fixture.pass(DEFAULT_LIFETIME + KEEP_ENDED + Duration::from_secs(1));
    let fresh = fixture.issue().await;
    let mut ids: Vec<_> = fixture.enrolments.list(extension()).await.unwrap().iter().map(|link| link.id).collect();
    ids.sort();
    let mut expected = [claimed.id, fresh.id];
    expected.sort();
    assert_eq!(ids, expected);
    assert_eq!(fixture.accounts.names(), [kept.username.to_string()]);
}

#[tokio::test]
async fn neither_token_nor_secret_is_logged() {
    let fixture = Fixture::new().await;
    let link = fixture.issue().await;
    let profile = fixture.enrolments.redeem(&token_of(&link), "").await.unwrap();
    fixture.enrolments.redeem(&token_of(&link), "").await.unwrap_err();
    fixture.enrolments.revoke(link.id).await.unwrap();
    let logged = fixture::logged();
    let redeemed = format!("an enrolment link was redeemed enrolment={}", link.id);
    assert!(logged.contains(&redeemed), "the log holds what it should");
    assert!(!logged.contains(&token_of(&link).reveal()) && !logged.contains(profile.secret.reveal()));
}

#[tokio::test]
async fn neither_token_nor_secret_is_stored_or_printed() {
    let fixture = Fixture::new().await;
    let link = fixture.issue().await;
    let token = token_of(&link).reveal();
    let profile = fixture.enrolments.redeem(&token_of(&link), "").await.unwrap();
    let printed = format!("{link:?} {profile:?} {:?} {:?}", fixture.enrolments, token_of(&link));
    assert!(!printed.contains(&token) && !printed.contains(profile.secret.reveal()), "{printed}");
    let kept: Vec<Vec<u8>> = match fixture.store.reader() {
        Pool::Sqlite(_) => {
            let (path,): (String,) =
                query_as("SELECT file FROM pragma_database_list").fetch_one(fixture.store.reader()).await.unwrap();
            [path.clone(), format!("{path}-wal")].map(|file| std::fs::read(file).unwrap()).into()
        }
        Pool::Postgres(_) => {
            let rows: Vec<(String,)> = query_as("SELECT CAST(one AS TEXT) FROM enrolment AS one")
                .fetch_all(fixture.store.reader())
                .await
                .unwrap();
            assert!(!rows.is_empty());
            rows.into_iter().map(|(row,)| row.into_bytes()).collect()
        }
    };
    for bytes in kept {
        for secret in [&token, profile.secret.reveal()] {
            assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()));
        }
    }
}

#[tokio::test]
async fn removing_an_extension_takes_its_links_along() {
    let fixture = Fixture::new().await;
    let link = fixture.issue().await;
    fixture.store.apply(&[Change::DeleteExtension(extension())]).await.unwrap();
    assert!(fixture.enrolments.waiting(&token_of(&link)).await.unwrap().is_none());
    assert_eq!(fixture.enrolments.revoke(link.id).await.unwrap_err().code(), "no_such_link");
}
