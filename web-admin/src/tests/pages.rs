//! The pages: forms keep what was typed, nothing from outside becomes markup, no secret is shown twice.

use pbx_core::model::CallId;
use pbx_core::store::sql::query;

use super::*;

const SCRIPT: &str = "<script>alert(1)</script>";

/// The text as it stands in HTML.
fn in_html(text: &str) -> String {
    askama::filters::escape(text, askama::filters::Html).unwrap().to_string()
}

#[tokio::test]
async fn a_form_with_errors_keeps_what_was_typed_and_names_every_field() {
    let (bench, cookie) = Bench::signed_in().await;
    let answer = bench.post("/extensions", &cookie, "number=10x&name=Anna+B&email=nomail&secret=short").await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    for kept in ["value=\"10x\"", "value=\"Anna B\"", "value=\"nomail\""] {
        assert!(answer.body.contains(kept), "{kept}");
    }
    for field in ["number-error", "email-error", "secret-error"] {
        assert!(answer.body.contains(&format!("id=\"{field}\"")), "{field}");
    }
    assert!(!answer.body.contains("value=\"short\""), "a secret is not shown again");
    assert!(bench.fake.world.lock().unwrap().extensions.is_empty());
}

#[tokio::test]
async fn an_added_extension_shows_its_secret_once() {
    let (bench, cookie) = Bench::signed_in().await;
    let answer = bench.post("/extensions", &cookie, "number=101&name=Anna&email=&secret=").await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let start = answer.body.find("id=\"the-secret\">").unwrap() + 16;
    let secret: String = answer.body[start..].chars().take_while(|c| c.is_ascii_alphanumeric()).collect();
    assert_eq!(secret.len(), 20);
    for path in ["/extensions", "/extensions/101", "/"] {
        assert!(!bench.get(path, &cookie).await.body.contains(&secret), "{path}");
    }
    let taken = bench.post("/extensions", &cookie, "number=101&name=Ben").await;
    assert_eq!(taken.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(taken.body.contains("exists already") && taken.body.contains("value=\"Ben\""));
}

#[tokio::test]
async fn nothing_from_outside_becomes_markup() {
    let (bench, cookie) = Bench::signed_in().await;
    bench.add("101", SCRIPT).await;
    let mut device = sleeping(1, "101", SCRIPT);
    device.user_agent = SCRIPT.into();
    device.reason = SCRIPT.into();
    if let Some(binding) = &mut device.live_binding {
        binding.user_agent = SCRIPT.into();
        binding.contact = "sip:\"><img src=x onerror=alert(1)>".into();
    }
    bench.give_device(device);
    give_call(&bench, SCRIPT).await;
    let searched = format!("/extensions?search={}", crate::session::percent_encode(SCRIPT));
    let calls = format!("/calls?number={}", crate::session::percent_encode(SCRIPT));
    let paths = [
        "/",
        "/extensions",
        "/extensions/101",
        "/devices/1/forget",
        "/calls",
        "/calls/5",
        "/push",
        "/push/tokens",
        &searched,
        &calls,
    ];
    let mut seen = 0;
    for path in paths {
        let answer = bench.get(path, &cookie).await;
        assert_eq!(answer.status, StatusCode::OK, "{path} {}", answer.body);
        assert!(!answer.body.contains("<script>alert") && !answer.body.contains("<img src=x"), "{path}");
        seen += answer.body.matches(&in_html(SCRIPT)).count();
    }
    assert!(seen >= 8, "the texts are there, escaped: {seen}");
    let typed = format!("number={0}&name={0}", crate::session::percent_encode(SCRIPT));
    assert!(!bench.post("/extensions", &cookie, &typed).await.body.contains("<script>alert"));
    let csv = bench.upload("/extensions/import", &cookie, &[("csv", &format!("number,name\n109,{SCRIPT}\n"))]).await;
    assert!(csv.body.contains("ready to be added") && !csv.body.contains("<script>alert"), "{}", csv.body);
}

async fn give_call(bench: &Bench, text: &str) {
    let mut tx = bench.store.begin().await.unwrap();
    query(
        "INSERT INTO call (id, uuid, caller, caller_name, callee, started_at, reason, packets_from_caller, packets_from_callee)
         VALUES (5, '00000000-0000-0000-0000-000000000005', $1, $1, $1, 1790000000000, $1, 0, 0)",
    )
    .bind(text)
    .execute(&mut tx)
    .await
    .unwrap();
    query(
        "INSERT INTO call_event (call_id, seq, at, step, device_id, detail)
         VALUES (5, 1, 1790000000000, 'invited', NULL, $1), (5, 2, 1790000000012, 'push_sent', 1, '')",
    )
    .bind(text)
    .execute(&mut tx)
    .await
    .unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn a_calls_page_shows_its_timeline_in_milliseconds() {
    let (bench, cookie) = Bench::signed_in().await;
    bench.add("101", "Anna").await;
    bench.give_device(sleeping(1, "101", "com.example.app"));
    give_call(&bench, "102").await;
    let page = bench.get("/calls/5", &cookie).await.body;
    assert!(page.contains("12 ms") && page.contains("Push sent") && page.contains("LinphoneiOS/6.1"), "{page}");
    assert_eq!(bench.get("/calls/6", &cookie).await.status, StatusCode::NOT_FOUND);
    bench.fake.world.lock().unwrap().calls.push(pbx_core::switchboard::command::ActiveCall {
        id: CallId(5),
        uuid: pbx_core::model::CallUuid(uuid::Uuid::nil()),
        caller: "102".into(),
        callee: "101".into(),
        started_at: UnixMillis(1_790_000_000_000),
        answered_at: None,
        ringing: 1,
        waking: 1,
    });
    assert!(bench.get("/", &cookie).await.body.contains("Waking a phone"));
    assert!(bench.get("/calls/5/hang-up", &cookie).await.body.contains("ends at once"));
    assert_eq!(bench.post("/calls/5/hang-up", &cookie, "").await.status, StatusCode::SEE_OTHER);
    assert!(bench.fake.world.lock().unwrap().calls.is_empty());
}

#[tokio::test]
async fn an_extension_shows_both_records_of_each_device_and_no_token() {
    let (bench, cookie) = Bench::signed_in().await;
    bench.add("101", "Anna").await;
    bench.give_device(sleeping(1, "101", "com.example.app"));
    let page = bench.get("/extensions/101", &cookie).await.body;
    for part in ["Live binding", "Connection lost", "Wake target", "Armed: the next call wakes it", "Unreachable"] {
        assert!(page.contains(part), "{part}");
    }
    let text = "annot be pushed: no credential for com.example.app (APNs)";
    assert!(page.contains(text), "{page}");
    let apps = bench.get("/push/apps", &cookie).await.body;
    assert!(apps.contains(text) && apps.contains("iPhone"), "the same text on both pages: {apps}");
    let matrix = bench.get("/api/v1/push/matrix", &cookie).await.json();
    assert_eq!((&matrix["apps"][0]["code"], &matrix["apps"][0]["devices"]), (&"no_credential".into(), &1.into()));
    let device = &bench.get("/api/v1/extensions/101", &cookie).await.json()["device_list"][0];
    assert_eq!(device["wake_target"]["obstacle"]["text"], matrix["apps"][0]["text"]);
    assert_eq!(device["presence"], "unreachable");
    assert!(!page.contains(CALL_TOKEN));
    assert!(page.contains(&crate::token::fingerprint(CALL_TOKEN)));
}

#[tokio::test]
async fn switches_say_what_they_want_so_a_double_click_does_no_harm() {
    let (bench, cookie) = Bench::signed_in().await;
    bench.add("101", "Anna").await;
    bench.give_device(sleeping(1, "101", "com.example.app"));
    for _ in 0..2 {
        bench.post("/extensions/101/push", &cookie, "enabled=false").await;
        let answer = bench.post("/devices/1/push", &cookie, "enabled=false").await;
        assert_eq!(answer.header(header::LOCATION), "/extensions/101?done=push-off");
    }
    let world = bench.fake.world.lock().unwrap();
    assert!(world.extensions.values().all(|extension| !extension.push_enabled));
    assert!(world.devices[0].wake_target.as_ref().unwrap().switched_off.is_some());
}

#[tokio::test]
async fn how_long_a_phone_is_pushed_is_shown_and_chosen_on_its_card() {
    let (bench, cookie) = Bench::signed_in().await;
    bench.add("101", "Anna").await;
    bench.give_device(sleeping(1, "101", "com.example.app"));
    let page = bench.get("/extensions/101", &cookie).await.body;
    assert!(page.contains("Push policy") && page.contains("Push only while it is registered"), "{page}");
    let answer = bench.post("/devices/1/push-policy", &cookie, "policy=rfc8599").await;
    assert_eq!(answer.header(header::LOCATION), "/extensions/101?done=saved");
    let page = bench.get("/extensions/101", &cookie).await.body;
    assert!(page.contains("rfc8599") && page.contains("Push also when it has signed off"), "{page}");
}

#[tokio::test]
async fn a_test_push_without_a_target_says_why_on_the_same_page() {
    let (bench, cookie) = Bench::signed_in().await;
    bench.add("101", "Anna").await;
    let answer = bench.post("/extensions/101/test-push", &cookie, "").await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    assert!(answer.body.contains("none has sent a push token yet"));
}

#[tokio::test]
async fn what_destroys_asks_first_and_looking_destroys_nothing() {
    let (bench, cookie) = Bench::signed_in().await;
    bench.add("101", "Anna").await;
    bench.give_device(sleeping(1, "101", "com.example.app"));
    for path in ["/extensions/101/remove", "/devices/1/forget", "/extensions/101/secret"] {
        let answer = bench.get(path, &cookie).await;
        assert!(answer.body.contains(&format!("method=\"post\" action=\"{path}\"")), "{path}");
        assert!(answer.body.contains("Cancel"), "{path}");
    }
    assert_eq!(bench.fake.world.lock().unwrap().devices.len(), 1);
    bench.post("/devices/1/forget", &cookie, "").await;
    assert!(bench.fake.world.lock().unwrap().devices.is_empty());
    bench.post("/extensions/101/remove", &cookie, "").await;
    assert!(bench.fake.world.lock().unwrap().extensions.is_empty());
}

#[tokio::test]
async fn the_import_page_checks_first_and_then_adds_everything() {
    let (bench, cookie) = Bench::signed_in().await;
    let bad =
        bench.upload("/extensions/import", &cookie, &[("csv", "number,name\n10x,Anna\n"), ("act", "import")]).await;
    assert_eq!(bad.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(bad.body.contains("10x,Anna") && bad.body.contains("is not a digit"), "{}", bad.body);
    let text = "number;name\n101;Anna\n102;Ben\n";
    let checked = bench.upload("/extensions/import", &cookie, &[("file", text), ("csv", ""), ("act", "check")]).await;
    assert!(checked.body.contains("2 extensions ready to be added"), "{}", checked.body);
    assert!(bench.fake.world.lock().unwrap().extensions.is_empty());
    let done = bench.upload("/extensions/import", &cookie, &[("csv", text), ("act", "import")]).await;
    assert!(done.body.contains("2 extensions added"), "{}", done.body);
    assert_eq!(bench.fake.world.lock().unwrap().extensions.len(), 2);
}

#[tokio::test]
async fn settings_with_an_error_keep_what_was_typed() {
    let (bench, cookie) = Bench::signed_in().await;
    let form = "realm=nightbell&devices_per_extension=8&early_ringing=when_phone_rings&ring_seconds=1&grace_ms=2000\
                &probe_udp_seconds=30&token_unseen_days=30\
                &rtp_first=10000&rtp_last=20000&rtp_silence_seconds=60&min_expires=60&max_expires=86400&default_expires=3600\
                &block_after_failures=10&block_minutes=30&strangers_per_second=40&never_block=10.0.0.0/8%0D%0A%0D%0A2001:db8::7\
                &scanner_names=sipcli";
    let answer = bench.post("/settings", &cookie, form).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.body.contains("Give 5 to 180 seconds") && answer.body.contains("name=\"ring_seconds\" value=\"1\""));
    assert!(answer.body.contains("value=\"when_phone_rings\" selected"));
    let good = form.replace("ring_seconds=1", "ring_seconds=20");
    assert_eq!(bench.post("/settings", &cookie, &good).await.header(header::LOCATION), "/settings?done=saved");
    let settings = bench.fake.world.lock().unwrap().settings.clone();
    assert_eq!((settings.ring_seconds, settings.allow_md5), (20, false), "a box that is not ticked is not sent");
    let ranges: Vec<_> = settings.never_block.iter().map(ToString::to_string).collect();
    assert_eq!(
        (ranges, settings.scanner_names),
        (vec!["10.0.0.0/8".into(), "2001:db8::7".into()], vec!["sipcli".into()])
    );
    let answer = bench.post("/settings", &cookie, &good.replace("10.0.0.0/8", "the+office")).await;
    assert!(answer.body.contains("“the office” is no address"), "{}", answer.body);
}

#[tokio::test]
async fn blocked_addresses_are_listed_with_their_reason_and_can_be_unblocked() {
    use pbx_core::defence::{BlockReason, BlockedAddress};
    let (bench, cookie) = Bench::signed_in().await;
    assert!(bench.get("/security", &cookie).await.body.contains("Nobody is blocked"));
    let blocked = |address: &str, account: Option<&str>| BlockedAddress {
        address: address.parse().unwrap(),
        account: account.map(str::to_owned),
        reason: BlockReason::WrongSecrets,
        since: UnixMillis(1_795_000_000_000),
        until: UnixMillis(1_795_001_800_000),
        times: 2,
    };
    bench.fake.world.lock().unwrap().blocked = vec![blocked("2001:db8::", None), blocked("203.0.113.7", Some("101"))];
    let page = bench.get("/security", &cookie).await.body;
    for text in ["2001:db8::/64", "203.0.113.7", "Too many wrong secrets", "(2 times)", "Unblock"] {
        assert!(page.contains(text), "{text}: {page}");
    }
    let answer = bench.post("/security/unblock", &cookie, "address=2001:db8::/64").await;
    assert_eq!(answer.header(header::LOCATION), "/security?done=unblocked");
    let list = bench.api(Method::GET, "/blocklist", "").await.json();
    assert_eq!(list["blocked"].as_array().map(Vec::len), Some(1), "{list}");
    assert_eq!(
        (list["blocked"][0]["address"].as_str(), list["blocked"][0]["reason"].as_str()),
        (Some("203.0.113.7"), Some("wrong_secrets"))
    );
    assert_eq!(bench.api(Method::DELETE, "/blocklist/203.0.113.7", "").await.status, StatusCode::NO_CONTENT);
    let again = bench.api(Method::DELETE, "/blocklist/203.0.113.7", "").await;
    assert_eq!((again.status, again.json()["code"].as_str()), (StatusCode::NOT_FOUND, Some("not_blocked")));
    assert_eq!(bench.api(Method::DELETE, "/blocklist/office", "").await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_refused_push_key_keeps_the_fields_but_never_the_key() {
    let (bench, cookie) = Bench::signed_in().await;
    let parts = [
        ("key_id", "ABC123DEFG"),
        ("team_id", "DEF123GHIJ"),
        ("p8", "-----BEGIN JUNK-----"),
        ("environment", "sandbox"),
    ];
    let answer = bench.upload("/push/apns", &cookie, &parts).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.body.contains("value=\"ABC123DEFG\"") && answer.body.contains("value=\"sandbox\" selected"));
    assert!(answer.body.contains("id=\"file-error\"") && !answer.body.contains("BEGIN JUNK"));
}

#[tokio::test]
async fn a_good_push_key_is_stored_and_its_key_shown_nowhere() {
    let (bench, cookie) = Bench::signed_in().await;
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap().serialize_pem();
    let nowhere = "https://127.0.0.1:9";
    let parts = [
        ("label", "Acme Phone"),
        ("key_id", "ABC123DEFG"),
        ("team_id", "DEF123GHIJ"),
        ("bundle_ids", "com.example.app, com.example.other"),
        ("file", key.as_str()),
        ("production_url", nowhere),
        ("sandbox_url", nowhere),
    ];
    let answer = bench.upload("/push/apns", &cookie, &parts).await;
    assert_eq!(answer.header(header::LOCATION), "/push?done=checked", "{}", answer.body);
    let page = bench.get("/push", &cookie).await.body;
    assert!(page.contains("Acme Phone") && page.contains("com.example.app, com.example.other"), "{page}");
    let inside = key.lines().nth(1).unwrap();
    assert!(!page.contains(inside));
    assert!(!bench.api(Method::GET, "/push/credentials", "").await.body.contains(inside));
    assert!(bench.get("/push/1/remove", &cookie).await.body.contains("Acme Phone"));
    assert_eq!(bench.post("/push/1/remove", &cookie, "").await.header(header::LOCATION), "/push?done=removed");
}

#[tokio::test]
async fn a_qr_code_is_shown_once_and_its_page_waits_for_the_phone() {
    let (bench, cookie) = Bench::signed_in().await;
    bench.add("101", "Anna").await;
    let mut tx = bench.store.begin().await.unwrap();
    query("INSERT INTO extension (number, name, push_enabled, created_at) VALUES ('101', 'Anna', TRUE, 0)")
        .execute(&mut tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let made = bench.post("/extensions/101/pair", &cookie, "label=").await.body;
    assert!(made.contains("<svg") && made.contains("https://pbx.example.com/p/"), "{made}");
    let source = made.split("data-src=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let again = bench.get(&source, &cookie).await.body;
    assert!(
        again.contains("Waits for a phone") && !again.contains("/p/") && !again.contains("class=\"qr\""),
        "{again}"
    );
    assert_eq!(bench.post(&format!("{source}/revoke"), &cookie, "").await.status, StatusCode::SEE_OTHER);
    assert!(bench.get(&source, &cookie).await.body.contains("Revoked"));
}

#[tokio::test]
async fn only_known_words_appear_after_a_redirect() {
    let (bench, cookie) = Bench::signed_in().await;
    assert!(bench.get("/settings?done=saved", &cookie).await.body.contains("The change is in force now"));
    let page = bench.get("/settings?done=You+have+been+hacked", &cookie).await.body;
    assert!(!page.contains("hacked"));
}

#[tokio::test]
async fn a_test_push_to_one_phone_asks_whether_the_phone_showed_it() {
    let (bench, cookie) = Bench::signed_in().await;
    bench.add("101", "Anna").await;
    bench.give_device(sleeping(1, "101", "com.example.app"));
    let answer = bench.post("/devices/1/test-push", &cookie, "").await;
    assert_eq!(answer.header(header::LOCATION), "/devices/1/test-push");
    let page = bench.get("/devices/1/test-push", &cookie).await.body;
    assert!(page.contains("Did the phone show it?") && !page.contains("You said"), "{page}");
    let answer = bench.post("/devices/1/test-push/shown", &cookie, "shown=false").await;
    assert_eq!(answer.header(header::LOCATION), "/push/help?symptom=only_this_device&device=1");
    let help = bench.get("/push/help?symptom=only_this_device&device=1", &cookie).await.body;
    assert!(help.contains("annot be pushed: no credential for com.example.app"), "{help}");
    bench.post("/devices/1/test-push/shown", &cookie, "shown=true").await;
    assert!(bench.get("/devices/1/test-push", &cookie).await.body.contains("Push to this phone works"));
    bench.post("/devices/1/test-push", &cookie, "").await;
    assert!(!bench.get("/devices/1/test-push", &cookie).await.body.contains("You said"), "a new test asks anew");
    assert_eq!(bench.post("/devices/7/test-push", &cookie, "").await.status, StatusCode::NOT_FOUND);
}
