//! Databases of earlier versions, with the rows of a small business in them, brought to this version: its links, accounts and apps
//! go on, and what was written in an older form is read, works and is written in the newer one.
//!
//! Each database stands at the migration before a table of links or apps changed, and its rows are written in that version's own
//! SQL. Everything after the upgrade goes through this version's interface.

use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::header::ACCEPT;
use axum::http::{Request, StatusCode};
use pbx_core::model::{FirebaseProject, PushOffer, PushProvider, SipCredential, SipUsername, UnixMillis};
use pbx_core::sip::digest::ha1;
use pbx_core::store::sql::{query, query_scalar};
use pbx_core::store::{OldDatabase, Store};
use tempfile::TempDir;
use tower::ServiceExt as _;

use crate::fixture::{Fixture, REALM, START, extension};
use crate::installation::{AppRecord, BatteryState, DeviceToken, Platform};
use crate::link::LinkToken;
use crate::mail::{MailState, Mailer};
use crate::{Enrolment, EnrolmentState};

const VERSION_1: &str = include_str!("../fixtures/app_record_v1.json");
const VERSION_2: &str = include_str!("../fixtures/app_record_v2.json");
const SECRET: &str = "the-secret-in-the-phone";
const INSTANCE: &str = "urn:uuid:6ba7b811-9dad-11d1-80b4-00c04fd430c8";
const DAY: i64 = 86_400_000;

/// An earlier version's installation.
struct Old {
    directory: TempDir,
    database: OldDatabase,
}

impl Old {
    /// One whose newest migration is `step`, with extension 101.
    async fn at(step: i64) -> Self {
        let directory = TempDir::new().unwrap();
        let database = OldDatabase::at_step(directory.path(), step).await.unwrap();
        let old = Self { directory, database };
        query("INSERT INTO extension (number, name, email, push_enabled, created_at) VALUES ('101', 'Anna', NULL, $1, $2)")
            .bind(true)
            .bind(START - 90 * DAY)
            .execute(old.database.pool())
            .await
            .unwrap();
        old
    }

    /// The account of a phone, both digests in one sealed value.
    fn account(&self, username: &str) -> (SipCredential, Vec<u8>) {
        let (md5, sha256) = ha1(username, REALM, SECRET);
        let digests = [md5.0.as_slice(), sha256.0.as_slice()].concat();
        let sealed = self.database.sealer().seal(&format!("sip_credential.digests:{username}"), &digests).unwrap();
        (SipCredential { username: username.parse().unwrap(), extension: extension(), md5, sha256 }, sealed)
    }

    async fn put_account(&self, username: &str) -> SipCredential {
        let (credential, sealed) = self.account(username);
        query("INSERT INTO sip_credential (username, extension, digests) VALUES ($1, '101', $2)")
            .bind(username)
            .bind(sealed)
            .execute(self.database.pool())
            .await
            .unwrap();
        credential
    }

    /// A link made two hours ago, good for a day.
    async fn put_link(&self, n: u8, username: &str, state: &str, (claimed, revoked): (Option<i64>, Option<i64>)) {
        query(
            "INSERT INTO enrolment (id, extension, token_hash, label, username, created_at, expires_at, state, claimed_at, \
             revoked_at) VALUES ($1, '101', $2, 'Anna''s phone', $3, $4, $5, $6, $7, $8)",
        )
        .bind(uuid::Uuid::from_bytes([n; 16]).to_string())
        .bind(link(n).hash().0.as_slice())
        .bind(username)
        .bind(START - 7_200_000 + i64::from(n))
        .bind(START - 7_200_000 + DAY)
        .bind(state)
        .bind(claimed)
        .bind(revoked)
        .execute(self.database.pool())
        .await
        .unwrap();
    }

    async fn put_app(&self, n: u8, username: &str, record: &str) {
        query(
            "INSERT INTO app_installation (username, extension, token_hash, instance, record, state_seq, profile_seen, created_at, \
             seen_at) VALUES ($1, '101', $2, $3, $4, 41, 'abc', $5, $6)",
        )
        .bind(username)
        .bind(credential(n).hash().0.as_slice())
        .bind(INSTANCE)
        .bind(record)
        .bind(START - 30 * DAY)
        .bind(START - DAY)
        .execute(self.database.pool())
        .await
        .unwrap();
    }

    /// The same installation, run by this version.
    async fn upgraded(self) -> Fixture {
        self.database.close().await;
        let store = Store::open_for_test(self.directory.path()).await.unwrap();
        // The switchboard of the fixture knows what a real one reads at its start.
        let read = store.load().await.unwrap();
        Fixture::over(self.directory, store, read)
    }
}

fn link(n: u8) -> LinkToken {
    LinkToken::from_random([n; 32])
}

fn credential(n: u8) -> DeviceToken {
    DeviceToken::from_random([n; 32])
}

fn username(text: &str) -> SipUsername {
    text.parse().unwrap()
}

fn firebase() -> PushOffer {
    let project = FirebaseProject { project_id: "acme".into(), sender_id: Some("123456789012".into()) };
    PushOffer { providers: vec![PushProvider::Fcm], firebase: vec![project], ..PushOffer::default() }
}

/// Redeems a link as an app does that asks for JSON.
async fn redeem(fixture: &Fixture, token: &LinkToken) -> (StatusCode, serde_json::Value) {
    let routes = Router::new().nest("/p", fixture.enrolments.routes());
    let request = Request::builder().method("POST").uri(format!("/p/{}", token.reveal()));
    let request = request.header(ACCEPT, "application/json").body(Body::empty()).unwrap();
    let answer = routes.oneshot(request).await.unwrap();
    let status = answer.status();
    let body = to_bytes(answer.into_body(), 1 << 20).await.unwrap();
    (status, serde_json::from_slice(&body).unwrap_or_default())
}

/// The record of an app as it stands in the database.
async fn stored_record(fixture: &Fixture, username: &str) -> serde_json::Value {
    let text: String = query_scalar("SELECT record FROM app_installation WHERE username = $1")
        .bind(username)
        .fetch_one(fixture.store.reader())
        .await
        .unwrap();
    serde_json::from_str(&text).unwrap()
}

/// An app of before is known by its credential, says what it says in the newer form from its next report on, and its reports stay
/// in order.
async fn app_goes_on(fixture: &Fixture, n: u8, name: &str, written: &str) {
    let apps = fixture.enrolments.installations();
    let app = apps.by_token(&credential(n)).await.unwrap().expect("its credential is good");
    assert_eq!((&app.username, app.instance.as_str()), (&username(name), INSTANCE));
    // The two fixtures are the same phone, written by each version.
    assert_eq!(app.record, AppRecord::from_text(VERSION_2).unwrap());
    assert_eq!((app.record.platform, app.record.battery), (Platform::Android, Some(BatteryState::Optimised)));
    assert_eq!((app.record.os_version.as_str(), app.profile_seen.as_str()), ("14", "abc"));
    assert_eq!(stored_record(fixture, name).await, serde_json::from_str::<serde_json::Value>(written).unwrap());
    let profile = fixture.enrolments.profile_of(app.extension, app.username.clone()).await.unwrap();
    assert_eq!((profile.username, profile.display_name.as_str()), (username(name), "Anna"));
    apps.note_profile(&app.username, "def", UnixMillis(START)).await.unwrap();
    let told = AppRecord { battery: Some(BatteryState::Exempt), reported_at: UnixMillis(START), ..app.record };
    apps.put_record(&app.username, &told, UnixMillis(START)).await.unwrap();
    let now = apps.by_token(&credential(n)).await.unwrap().unwrap();
    assert_eq!((now.record, now.profile_seen.as_str(), now.seen_at), (told, "def", UnixMillis(START)));
    let stored = stored_record(fixture, name).await;
    assert_eq!((&stored["version"], &stored["battery"]), (&2.into(), &"exempt".into()));
    assert!(stored.get("battery_optimised").is_none() && stored.get("os").is_none(), "{stored}");
    assert!(apps.by_token(&credential(200)).await.unwrap().is_none());
}

/// Before 0041 there were links and accounts only.
#[tokio::test]
async fn links_and_accounts_from_before_the_device_api_go_on() {
    let old = Old::at(40).await;
    let account = old.put_account("101.kqzwrt").await;
    old.put_link(1, "101.aaaaaa", "issued", (None, None)).await;
    old.put_link(2, "101.kqzwrt", "claimed", (Some(START - 3_600_000), None)).await;
    old.put_link(3, "101.cccccc", "revoked", (None, Some(START - 60_000))).await;
    let fixture = old.upgraded().await;
    assert_eq!(fixture.accounts.one(), account, "the phone that is set up signs in with the secret it has");
    let states = |links: &[Enrolment]| links.iter().map(|link| link.state).collect::<Vec<_>>();
    let links = fixture.enrolments.list(extension()).await.unwrap();
    let (claimed_at, revoked_at) = (UnixMillis(START - 3_600_000), UnixMillis(START - 60_000));
    assert_eq!(
        states(&links),
        [
            EnrolmentState::Revoked { claimed_at: None, revoked_at },
            EnrolmentState::Claimed { claimed_at },
            EnrolmentState::Issued,
        ]
    );
    assert!(links.iter().all(|link| link.renews.is_none() && link.label.as_str() == "Anna's phone"));
    assert!(fixture.enrolments.installations().list(None).await.unwrap().is_empty());
    // The code that is on a table somewhere still works, once; the others do not.
    let (status, told) = redeem(&fixture, &link(1)).await;
    assert_eq!((status, &told["account"]["auth_username"]), (StatusCode::OK, &"101.aaaaaa".into()), "{told}");
    for n in 1..=3 {
        assert_eq!(redeem(&fixture, &link(n)).await.0, StatusCode::NOT_FOUND, "link {n}");
    }
    assert_eq!(fixture.accounts.names(), ["101.aaaaaa", "101.kqzwrt"]);
    // A phone of before is signed out like any other.
    fixture.enrolments.revoke(links[1].id).await.unwrap();
    assert_eq!(fixture.accounts.names(), ["101.aaaaaa"]);
}

/// Before 0042 no phone could be switched off.
#[tokio::test]
async fn an_app_from_before_phones_could_be_switched_off_goes_on_and_can_be_switched_off_and_on() {
    let old = Old::at(41).await;
    let account = old.put_account("101.kqzwrt").await;
    old.put_app(9, "101.kqzwrt", VERSION_1).await;
    let fixture = old.upgraded().await;
    app_goes_on(&fixture, 9, "101.kqzwrt", VERSION_1).await;
    let apps = fixture.enrolments.installations();
    assert!(!apps.take_number(&account.username, 41).await.unwrap(), "a report from before the upgrade is old");
    assert!(apps.take_number(&account.username, 42).await.unwrap());
    assert_eq!(apps.list(Some(extension())).await.unwrap().len(), 1);
    assert_eq!(fixture.enrolments.switch_phones(extension(), false).await.unwrap(), 1);
    assert!(fixture.enrolments.phones_are_off(extension()).await.unwrap());
    assert_eq!(fixture.enrolments.switch_phones(extension(), true).await.unwrap(), 1);
    assert!(!fixture.enrolments.phones_are_off(extension()).await.unwrap());
    assert_eq!(fixture.accounts.one(), account, "with the secret its phone still has");
}

/// Before 0064 nobody noted what a phone was told.
#[tokio::test]
async fn phones_from_before_it_was_noted_what_they_were_told_are_known_to_need_it_and_one_that_was_off_stays_off() {
    let old = Old::at(63).await;
    old.put_account("101.kqzwrt").await;
    old.put_link(2, "101.kqzwrt", "claimed", (Some(START - 3_600_000), None)).await;
    old.put_link(3, "101.cccccc", "revoked", (Some(START - 3_600_000), Some(START - 60_000))).await;
    old.put_app(9, "101.kqzwrt", VERSION_2).await;
    let (off, sealed) = old.account("101.offoff");
    query(
        "INSERT INTO paused_account (username, extension, digests, token_hash, instance, record, profile_seen, created_at, \
         paused_at) VALUES ('101.offoff', '101', $1, $2, $3, $4, 'abc', $5, $6)",
    )
    .bind(sealed)
    .bind(credential(7).hash().0.as_slice())
    .bind(INSTANCE)
    .bind(VERSION_1)
    .bind(START - 30 * DAY)
    .bind(START - DAY)
    .execute(old.database.pool())
    .await
    .unwrap();
    let fixture = old.upgraded().await;
    let told = fixture.enrolments.fetched(Some(extension())).await.unwrap();
    let names: Vec<String> = told.iter().map(|one| one.username.to_string()).collect();
    assert_eq!(names, ["101.kqzwrt"], "the one whose link was claimed and not taken back");
    assert_eq!((told[0].fetched_at, told[0].provider), (UnixMillis(START - 3_600_000), None));
    assert!(
        told[0].is_old(PushProvider::Fcm, &firebase()) && !told[0].is_old(PushProvider::Fcm, &PushOffer::default())
    );
    fixture.offer.send_replace(firebase());
    fixture.enrolments.note_fetched(&username("101.kqzwrt"), extension(), Some(PushProvider::Fcm)).await.unwrap();
    let told = fixture.enrolments.fetched(Some(extension())).await.unwrap();
    assert!(!told[0].is_old(PushProvider::Fcm, &firebase()), "it has fetched since");
    app_goes_on(&fixture, 9, "101.kqzwrt", VERSION_2).await;
    // The one that was put aside is an account like the other, of an extension that is off as a whole.
    assert!(fixture.enrolments.phones_are_off(extension()).await.unwrap());
    let read = fixture.store.load().await.unwrap();
    assert_eq!(read.extensions[0].phones_off_at, Some(UnixMillis(START - DAY)));
    assert!(read.credentials.contains(&off), "with the secret its phone still has");
    app_goes_on(&fixture, 7, "101.offoff", VERSION_1).await;
    assert_eq!(fixture.enrolments.switch_phones(extension(), true).await.unwrap(), 2);
    assert!(!fixture.enrolments.phones_are_off(extension()).await.unwrap());
}

/// Before 0065 every link set up another phone.
#[tokio::test]
async fn links_and_mails_from_before_a_phone_could_fetch_again_set_up_a_phone_as_they_were_to() {
    let old = Old::at(64).await;
    old.put_account("101.kqzwrt").await;
    old.put_link(1, "101.aaaaaa", "issued", (None, None)).await;
    old.put_link(2, "101.kqzwrt", "claimed", (Some(START - 3_600_000), None)).await;
    query(
        "INSERT INTO fetched_profile (username, extension, provider, push, fetched_at, asked_at) \
         VALUES ('101.kqzwrt', '101', 'fcm', '{\"fcm\":\"fcm acme/123456789012\"}', $1, $2)",
    )
    .bind(START - 3_600_000)
    .bind(START - 60_000)
    .execute(old.database.pool())
    .await
    .unwrap();
    query(
        "INSERT INTO mail (id, batch, extension, address, hours, enrolment, state, attempts, detail, created_at, next_at, ended_at) \
         VALUES ($1, $2, '101', 'anna@example.com', 24, $3, 'sent', 1, '250 OK', $4, $4, $4)",
    )
    .bind(uuid::Uuid::from_bytes([21; 16]).to_string())
    .bind(uuid::Uuid::from_bytes([22; 16]).to_string())
    .bind(uuid::Uuid::from_bytes([1; 16]).to_string())
    .bind(START - 7_200_000)
    .execute(old.database.pool())
    .await
    .unwrap();
    let fixture = old.upgraded().await;
    let told = fixture.enrolments.fetched(None).await.unwrap();
    assert_eq!(
        (told.len(), told[0].provider, told[0].asked_at),
        (1, Some(PushProvider::Fcm), Some(UnixMillis(START - 60_000)))
    );
    assert!(!told[0].is_old(PushProvider::Fcm, &firebase()), "it was told this project before the upgrade");
    let mailer = Mailer::new(fixture.enrolments.clone(), fixture.store.clone(), "pbx.example.com".into());
    let sent = mailer.list(None, Some(extension()), 10).await.unwrap();
    assert_eq!((sent.len(), &sent[0].renews, sent[0].state), (1, &None, MailState::Sent));
    let links = fixture.enrolments.list(extension()).await.unwrap();
    assert!(links.iter().all(|link| link.renews.is_none()));
    assert_eq!(sent[0].enrolment, Some(links[1].id), "its link is the one that waits");
    let (status, told) = redeem(&fixture, &link(1)).await;
    assert_eq!((status, &told["account"]["auth_username"]), (StatusCode::OK, &"101.aaaaaa".into()), "{told}");
    // The phone of before can be given its settings again, with the account it has.
    let again = fixture.enrolments.issue_again(extension(), &username("101.kqzwrt"), Duration::from_secs(3600)).await;
    let token: LinkToken = again.unwrap().url.reveal().rsplit('/').next().unwrap().parse().unwrap();
    let (status, told) = redeem(&fixture, &token).await;
    assert_eq!((status, &told["account"]["auth_username"]), (StatusCode::OK, &"101.kqzwrt".into()), "{told}");
}
