use pbx_core::model::{Environment, Redacted, Verdict, WakeKind};
use pbx_core::store::sql::query_scalar;

use super::office::{APP, CALL_TOKEN, Office, PROJECT, apns_target, apple, gave_up, google, verdicts};
use crate::standin::{AnyToken, ApnsFault, ApnsStandin, FcmFault, FcmStandin, TestApnsKey};
use crate::{ApnsEnvironment, CredentialError, CredentialId, CredentialKind, Endpoint, NewApnsKey, NewCredential};

#[tokio::test]
async fn what_is_added_is_listed_without_its_secret_and_survives_a_restart() {
    let office = Office::open().await;
    let _apple = apple(&office).await;
    let _google = google(&office).await;
    let listed = office.gateway.list_credentials().await.unwrap();
    assert_eq!(listed.len(), 2);
    assert_eq!(listed[0].provider, CredentialKind::Apns);
    assert_eq!(listed[0].app_ids, [APP]);
    assert_eq!(listed[0].key_id.as_deref(), Some("STANDIN001"));
    assert_eq!(listed[1].project_id.as_deref(), Some(PROJECT));
    assert_eq!(listed[1].app_ids, [PROJECT, "123456789012"]);
    let shown = serde_json::to_string(&listed).unwrap();
    assert!(!shown.contains("PRIVATE KEY"), "{shown}");
    let office = office.restart().await;
    let after = office.gateway.list_credentials().await.unwrap();
    assert_eq!(
        after.iter().map(|it| &it.fingerprint).collect::<Vec<_>>(),
        [&listed[0].fingerprint, &listed[1].fingerprint]
    );
}

#[tokio::test]
async fn secrets_are_sealed_in_the_database() {
    let office = Office::open().await;
    let _apple = apple(&office).await;
    office.stored("SELECT issued_at FROM push_provider_token").await;
    let secret: Vec<u8> =
        query_scalar("SELECT secret FROM push_credential").fetch_one(office.store.reader()).await.unwrap();
    let token: Vec<u8> =
        query_scalar("SELECT token FROM push_provider_token").fetch_one(office.store.reader()).await.unwrap();
    let contains = |hay: &[u8], needle: &[u8]| hay.windows(needle.len()).any(|it| it == needle);
    assert!(secret.len() > 100);
    assert!(!contains(&secret, b"PRIVATE KEY"));
    assert!(token.len() > 100);
    assert!(!contains(&token, b"eyJ"));
}

#[tokio::test]
async fn the_same_key_is_not_stored_twice() {
    let office = Office::open().await;
    let apple = ApnsStandin::start().await.unwrap();
    let new = apple.new_credential(&[APP]).unwrap();
    office.add(new.clone()).await;
    let refused = office.gateway.add_credential(new).await.unwrap_err();
    assert!(matches!(&refused, CredentialError::Duplicate { label } if label == "Stand-in for APNs"), "{refused}");
    assert_eq!(refused.code(), "duplicate");
}

#[tokio::test]
async fn a_removed_credential_pushes_no_more() {
    let mut office = Office::open().await;
    let apple = apple(&office).await;
    let id = office.gateway.list_credentials().await.unwrap()[0].id;
    office.gateway.remove_credential(id).await.unwrap();
    let events = office.wake(WakeKind::Call, apns_target()).await;
    assert_eq!(gave_up(&events), Some("no_credential"));
    assert!(apple.requests().is_empty());
    let again = office.gateway.remove_credential(id).await.unwrap_err();
    assert!(matches!(again, CredentialError::NotFound(it) if it == id));
}

#[tokio::test]
async fn a_key_for_any_app_wakes_any_app() {
    let mut office = Office::open().await;
    let apple = ApnsStandin::start().await.unwrap();
    apple.register_token(CALL_TOKEN, &format!("{APP}.voip"), Environment::Production);
    office.add(apple.new_credential(&[]).unwrap()).await;
    assert_eq!(verdicts(&office.wake(WakeKind::Call, apns_target()).await), [Verdict::Accepted]);
}

#[tokio::test]
async fn the_live_check_says_that_a_good_key_is_good_and_reaches_nobody() {
    let office = Office::open().await;
    let apple = apple(&office).await;
    let mut pushes = apple.subscribe();
    let id = office.gateway.list_credentials().await.unwrap()[0].id;
    let check = office.gateway.check_credential(id).await.unwrap();
    assert!(check.ok, "{}", check.text);
    assert_eq!(check.code, "ok");
    assert!(pushes.try_recv().is_err());
    assert_eq!(apple.requests().len(), 2, "one question for each environment");
    assert!(apple.requests().iter().all(|it| it.push_type.as_deref() == Some("alert")));
    let office = office.restart().await;
    assert_eq!(office.gateway.list_credentials().await.unwrap()[0].last_check, Some(check));
}

#[tokio::test]
async fn the_live_check_names_a_key_that_apple_does_not_know() {
    let office = Office::open().await;
    let apple = ApnsStandin::start().await.unwrap();
    let unknown = TestApnsKey::generate("UNKNOWN001", "NIGHTBELL1").unwrap();
    let added = office
        .add(NewCredential::Apns(NewApnsKey {
            label: String::new(),
            key_id: unknown.key_id,
            team_id: unknown.team_id,
            bundle_ids: vec![APP.to_owned()],
            p8: unknown.p8,
            environment: ApnsEnvironment::Production,
            endpoint: apple.endpoint(),
        }))
        .await;
    assert_eq!(added.label, "APNs key UNKNOWN001");
    let check = office.gateway.check_credential(added.id).await.unwrap();
    assert!(!check.ok);
    assert_eq!(check.code, "apns_key");
    assert!(check.text.contains("key id"), "{}", check.text);
    assert_eq!(office.gateway.health()[0].state.as_str(), "failing");
}

#[tokio::test]
async fn the_live_check_says_in_which_environment_a_key_works() {
    let office = Office::open().await;
    let apple = apple(&office).await;
    let id = office.gateway.list_credentials().await.unwrap()[0].id;
    apple.script(AnyToken, ApnsFault::BadDeviceToken, 1);
    apple.script(AnyToken, ApnsFault::Answer { status: 403, reason: "BadEnvironmentKeyIdInToken".to_owned() }, 1);
    let check = office.gateway.check_credential(id).await.unwrap();
    assert!(check.ok);
    assert_eq!(check.code, "ok_production_only");
}

#[tokio::test]
async fn the_live_check_names_an_app_of_another_team() {
    let office = Office::open().await;
    let apple = apple(&office).await;
    let key = TestApnsKey::generate("OTHERTEAM1", "NIGHTBELL2").unwrap();
    apple.accept_key_for(&key, &["com.example.other"]);
    let added = office
        .add(NewCredential::Apns(NewApnsKey {
            label: "Other".to_owned(),
            key_id: key.key_id,
            team_id: key.team_id,
            bundle_ids: vec![APP.to_owned()],
            p8: key.p8,
            environment: ApnsEnvironment::Both,
            endpoint: apple.endpoint(),
        }))
        .await;
    let check = office.gateway.check_credential(added.id).await.unwrap();
    assert_eq!(check.code, "apns_topic");
    assert!(check.text.starts_with(APP), "{}", check.text);
}

#[tokio::test]
async fn the_live_check_of_a_service_account_signs_in_and_sends_to_nobody() {
    let office = Office::open().await;
    let google = google(&office).await;
    let mut pushes = google.subscribe();
    let id = office.gateway.list_credentials().await.unwrap()[0].id;
    let check = office.gateway.check_credential(id).await.unwrap();
    assert!(check.ok, "{}", check.text);
    assert!(pushes.try_recv().is_err());
    assert!(google.requests()[0].validate_only);
    google.script(AnyToken, FcmFault::PermissionDenied, 1);
    let check = office.gateway.check_credential(id).await.unwrap();
    assert_eq!(check.code, "fcm_permission");
    google.forget_account(&format!("nightbell@{PROJECT}.iam.gserviceaccount.com"));
    assert_eq!(office.gateway.check_credential(id).await.unwrap().code, "fcm_key");
}

#[tokio::test]
async fn a_provider_whose_certificate_is_not_trusted_is_named_with_the_fix() {
    let office = Office::open().await;
    let google = FcmStandin::start().await.unwrap();
    let NewCredential::Fcm(mut new) = google.new_credential(PROJECT, None).unwrap() else { panic!("an FCM upload") };
    // Nobody trusts the stand-in's authority without this.
    new.extra_ca_pem = None;
    let added = office.add(NewCredential::Fcm(new)).await;
    let check = office.gateway.check_credential(added.id).await.unwrap();
    assert_eq!(check.code, "unreachable");
    assert!(check.text.contains("the certificate shown for 127.0.0.1 was issued by “"), "{}", check.text);
    assert!(check.text.contains("or give its root certificate with the credential"), "{}", check.text);
}

#[tokio::test]
async fn a_bad_upload_stores_nothing() {
    let office = Office::open().await;
    let new = NewCredential::Apns(NewApnsKey {
        label: "Bad".to_owned(),
        key_id: "ABCDEFGHIJ".to_owned(),
        team_id: "ABCDEFGHIJ".to_owned(),
        bundle_ids: Vec::new(),
        p8: Redacted::new("hello".to_owned()),
        environment: ApnsEnvironment::Both,
        endpoint: Endpoint::default(),
    });
    let refused = office.gateway.add_credential(new).await.unwrap_err();
    assert_eq!(refused.code(), "not_a_key");
    assert_eq!(refused.field(), Some("p8"));
    assert!(office.gateway.list_credentials().await.unwrap().is_empty());
    let unknown = office.gateway.check_credential(CredentialId(7)).await.unwrap_err();
    assert_eq!(unknown.code(), "not_found");
}

#[tokio::test]
async fn credentials_and_their_tokens_outlive_the_step_that_admits_relays() {
    const BEFORE: [&str; 2] = [
        include_str!("../../../../migrations/sqlite/0001_core.sql"),
        include_str!("../../../../migrations/sqlite/0002_push.sql"),
    ];
    const STEP: &str = include_str!("../../../../migrations/sqlite/0007_webhook.sql");
    let options = sqlx::sqlite::SqliteConnectOptions::new().in_memory(true).foreign_keys(true);
    let pool = sqlx::sqlite::SqlitePoolOptions::new().max_connections(1).connect_with(options).await.unwrap();
    for script in BEFORE {
        sqlx::raw_sql(script).execute(&pool).await.unwrap();
    }
    let old = "INSERT INTO push_credential (id, provider, label, fingerprint, details, secret, uploaded_at) \
               VALUES (3, 'apns', 'Acme', 'f1', '{}', x'01', 5), (4, 'fcm', 'Acme', 'f2', '{}', x'02', 6), \
               (9, 'fcm', 'Gone', 'f3', '{}', x'03', 7); \
               DELETE FROM push_credential WHERE id = 9; \
               INSERT INTO push_provider_token (credential_id, token, issued_at) VALUES (3, x'0a', 77)";
    sqlx::raw_sql(old).execute(&pool).await.unwrap();
    let mut step = pool.begin().await.unwrap();
    sqlx::raw_sql(STEP).execute(&mut *step).await.unwrap();
    step.commit().await.unwrap();
    let kept: Vec<(i64, String)> =
        sqlx::query_as("SELECT id, provider FROM push_credential ORDER BY id").fetch_all(&pool).await.unwrap();
    assert_eq!(kept, [(3, "apns".to_owned()), (4, "fcm".to_owned())]);
    let tokens: Vec<(i64, i64)> =
        sqlx::query_as("SELECT credential_id, issued_at FROM push_provider_token").fetch_all(&pool).await.unwrap();
    assert_eq!(tokens, [(3, 77)]);
    // A number is never given twice, and a token still goes with its credential.
    let new: i64 = sqlx::query_scalar(
        "INSERT INTO push_credential (provider, label, fingerprint, details, secret, uploaded_at) \
         VALUES ('webhook', 'Relay', 'f4', '{}', x'04', 8) RETURNING id",
    )
    .fetch_one(&pool)
    .await
    .unwrap();
    assert_eq!(new, 10);
    sqlx::raw_sql("DELETE FROM push_credential WHERE id = 3").execute(&pool).await.unwrap();
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM push_provider_token").fetch_one(&pool).await.unwrap();
    assert_eq!(left, 0);
}
