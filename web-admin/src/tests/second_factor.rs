//! Codes, recovery codes, known browsers, sessions.

use serde_json::json;

use super::*;
use crate::second_factor::tests::code;
use pbx_core::store::sql::{query, query_scalar};

fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    text.split(before).nth(1).unwrap_or_else(|| panic!("{before} in {text}")).split(after).next().unwrap()
}

/// The code of a step that is this many steps from now.
fn code_at(seed: &str, steps: i64) -> String {
    code(seed, UnixMillis(crate::clock::now().0 + steps * 30_000))
}

/// Sets the second factor up; gives the seed, the code that was used for it, and the recovery codes.
async fn enrolled(bench: &Bench, cookie: &str) -> (String, String, Vec<String>) {
    assert!(bench.get("/account/second-factor", cookie).await.body.contains("Set it up"));
    bench.post("/account/second-factor/begin", cookie, "").await;
    let page = bench.get("/account/second-factor", cookie).await.body;
    assert!(page.contains("<svg"), "{page}");
    let seed = between(&page, "<span class=\"secret\">", "<").replace(' ', "");
    let wrong = bench.post("/account/second-factor/confirm", cookie, "code=000000").await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    let first = code_at(&seed, -1);
    let codes = bench.post("/account/second-factor/confirm", cookie, &format!("code={first}")).await.body;
    let codes: Vec<String> =
        codes.split("<li><code>").skip(1).map(|rest| rest.split('<').next().unwrap().to_owned()).collect();
    assert_eq!(codes.len(), 10);
    (seed, first, codes)
}

/// Gives the password; the cookie of half a sign-in, or `None` when no code is asked for.
async fn half(bench: &Bench) -> Option<String> {
    let answer = bench.post("/sign-in", "", &format!("name=anna&password={}", PASSWORD.replace(' ', "+"))).await;
    answer.body.contains("One more step").then(|| cookie_named(&answer, "__Host-nightbell-half="))
}

fn cookie_named(answer: &Answer, name: &str) -> String {
    let mut all = answer.headers.get_all(header::SET_COOKIE).iter().map(|value| value.to_str().unwrap());
    let found = all.find(|value| value.starts_with(name)).unwrap_or_else(|| panic!("{name}: {answer:?}"));
    for part in ["Path=/", "Secure", "HttpOnly", "SameSite="] {
        assert!(found.contains(part), "{found}");
    }
    found.split(';').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_right_password_without_the_code_opens_nothing_and_a_code_works_once() {
    let (bench, cookie) = Bench::signed_in().await;
    let (seed, used_up, _) = enrolled(&bench, &cookie).await;
    let first = half(&bench).await.unwrap();
    assert_eq!(bench.get("/", &first).await.status, StatusCode::SEE_OTHER);
    let used = bench.post("/sign-in/code", &first, &format!("code={used_up}")).await;
    assert_eq!(used.status, StatusCode::UNAUTHORIZED, "the code that switched it on was used");
    let now = code_at(&seed, 0);
    let right = bench.post("/sign-in/code", &first, &format!("code={now}&next=/calls")).await;
    assert_eq!(right.header(header::LOCATION), "/calls", "{}", right.body);
    let session = cookie_named(&right, "__Host-nightbell=");
    assert_eq!(bench.get("/", &session).await.status, StatusCode::OK);
    let again = half(&bench).await.unwrap();
    let replayed = bench.post("/sign-in/code", &again, &format!("code={now}")).await;
    assert_eq!(replayed.status, StatusCode::UNAUTHORIZED, "one step, one sign-in");
}

#[tokio::test]
async fn a_recovery_code_signs_in_once_however_it_is_typed() {
    let (bench, cookie) = Bench::signed_in().await;
    let (_, _, codes) = enrolled(&bench, &cookie).await;
    let typed = codes[3].to_lowercase().replace('-', "+");
    for wanted in [StatusCode::SEE_OTHER, StatusCode::UNAUTHORIZED] {
        let half = half(&bench).await.unwrap();
        assert_eq!(bench.post("/sign-in/code", &half, &format!("code={typed}")).await.status, wanted);
    }
    assert!(bench.get("/account/second-factor", &cookie).await.body.contains("9 recovery codes are left"));
    let stored: Vec<String> =
        query_scalar("SELECT code_hash FROM admin_recovery_code").fetch_all(bench.store.reader()).await.unwrap();
    assert!(stored.iter().all(|hash| hash.len() == 64));
}

#[tokio::test]
async fn wrong_codes_are_slowed_down_and_end_the_half_sign_in() {
    let (bench, cookie) = Bench::signed_in().await;
    enrolled(&bench, &cookie).await;
    let half = half(&bench).await.unwrap();
    let mut seen = Vec::new();
    for _ in 0..6 {
        seen.push(bench.post("/sign-in/code", &half, "code=000000").await.status.as_u16());
    }
    assert_eq!(seen[0], 401);
    assert!(seen.contains(&429) && seen[5] == 303, "{seen:?}");
}

#[tokio::test]
async fn a_role_that_needs_a_second_factor_sets_it_up_before_anything_else() {
    let (bench, _) = Bench::signed_in().await;
    let reader = bench.session_of("rita", Role::ReadOnly, None).await;
    assert_eq!(bench.get("/", &reader).await.status, StatusCode::OK);
    let put = bench.api(Method::PUT, "/second-factor", r#"{"roles":["read_only"]}"#).await;
    assert_eq!(put.json(), json!({ "roles": ["read_only"] }));
    assert_eq!(bench.get("/", &reader).await.header(header::LOCATION), "/account/second-factor");
    let api = bench.get("/api/v1/status", &reader).await;
    assert_eq!((api.status, &api.json()["code"]), (StatusCode::FORBIDDEN, &json!("second_factor_needed")));
    enrolled(&bench, &reader).await;
    assert_eq!(bench.get("/", &reader).await.status, StatusCode::OK);
    assert_eq!(bench.post("/account/second-factor/off", &reader, "").await.status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn an_owner_takes_a_lost_second_factor_away() {
    let (bench, cookie) = Bench::signed_in().await;
    enrolled(&bench, &cookie).await;
    assert!(half(&bench).await.is_some());
    assert_eq!(bench.api(Method::DELETE, "/users/1/second-factor", "").await.status, StatusCode::NO_CONTENT);
    assert!(half(&bench).await.is_none());
}

#[tokio::test]
async fn guessers_elsewhere_do_not_keep_a_known_browser_out() {
    let (bench, _) = Bench::signed_in().await;
    let form = format!("name=anna&password={}", PASSWORD.replace(' ', "+"));
    let first = bench.post("/sign-in", "", &form).await;
    let browser = cookie_named(&first, "__Host-nightbell-browser=");
    // The same address here, the worst case: an attacker in the same office.
    let mut last = StatusCode::OK;
    for _ in 0..8 {
        last = bench.post("/sign-in", "", "name=anna&password=wrong").await.status;
    }
    assert_eq!(last, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(bench.post("/sign-in", "", &form).await.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(bench.post("/sign-in", &browser, &form).await.status, StatusCode::SEE_OTHER);
    // It is known for its own account only, and guesses of its own slow it down.
    for _ in 0..8 {
        last = bench.post("/sign-in", &browser, "name=anna&password=wrong").await.status;
    }
    assert_eq!(last, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn a_password_hash_with_old_parameters_is_renewed_at_sign_in() {
    let (bench, _) = Bench::signed_in().await;
    let old = crate::password::tests::weaker_hash(PASSWORD);
    let mut tx = bench.store.begin().await.unwrap();
    query("UPDATE admin_user SET password_hash = $1").bind(old).execute(&mut tx).await.unwrap();
    tx.commit().await.unwrap();
    assert!(bench.sign_in("anna", PASSWORD).await.is_some());
    let hash: String =
        query_scalar("SELECT password_hash FROM admin_user").fetch_one(bench.store.reader()).await.unwrap();
    assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
    assert!(bench.sign_in("anna", PASSWORD).await.is_some());
}

#[tokio::test]
async fn sessions_are_listed_and_ended_one_by_one_or_all_but_this_one() {
    let (bench, cookie) = Bench::signed_in().await;
    let others = [bench.sign_in("anna", PASSWORD).await.unwrap(), bench.sign_in("anna", PASSWORD).await.unwrap()];
    let stranger = bench.session_of("ben", Role::Admin, None).await;
    let list = bench.get("/api/v1/account/sessions", &others[0]).await.json();
    assert_eq!(list["sessions"].as_array().unwrap().len(), 3);
    let page = bench.get("/account/sessions", &cookie).await.body;
    assert!(page.contains("(this one)") && page.matches("/end\"").count() == 3, "{page}");
    let ids: Vec<String> = page
        .split("/account/sessions/")
        .skip(1)
        .filter_map(|rest| rest.split_once("/end\"").map(|(id, _)| id.into()))
        .collect();
    for id in &ids {
        let path = format!("/account/sessions/{id}/end");
        assert_eq!(bench.post(&path, &stranger, "").await.status, StatusCode::NOT_FOUND, "somebody else's");
    }
    assert_eq!(bench.post("/account/sessions/end-others", &cookie, "").await.status, StatusCode::SEE_OTHER);
    for other in others {
        assert_eq!(bench.get("/", &other).await.status, StatusCode::SEE_OTHER);
    }
    assert_eq!(bench.get("/", &stranger).await.status, StatusCode::OK);
    let page = bench.get("/account/sessions", &cookie).await.body;
    let own = between(&page, "action=\"/account/sessions/", "/end").to_owned();
    bench.post(&format!("/account/sessions/{own}/end"), &cookie, "").await;
    assert_eq!(bench.get("/", &cookie).await.status, StatusCode::SEE_OTHER);
}
