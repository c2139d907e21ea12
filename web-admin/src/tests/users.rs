//! People: invited by a link, changed, disabled, removed; the last owner stays.

use serde_json::json;

use super::*;

async fn invite(bench: &Bench, name: &str, role: &str, extension: Option<&str>) -> (i64, String) {
    let body = json!({ "name": name, "role": role, "extension": extension }).to_string();
    let answer = bench.api(Method::POST, "/users", &body).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
    let (user, url) = (&answer.json()["user"]["id"], answer.json()["invitation"]["url"].clone());
    (user.as_i64().unwrap(), url.as_str().unwrap().strip_prefix(BASE).unwrap().to_owned())
}

fn passwords(password: &str) -> String {
    format!("password={0}&again={0}", password.replace(' ', "+"))
}

#[tokio::test]
async fn somebody_new_sets_their_own_password_by_a_link_that_works_once() {
    let (bench, _) = Bench::signed_in().await;
    let (_, path) = invite(&bench, "Ben", "admin", None).await;
    for _ in 0..2 {
        assert!(bench.get(&path, "").await.body.contains("You sign in as <b>Ben</b>"), "looking uses nothing up");
    }
    let weak = bench.post(&path, "", &passwords("short")).await;
    assert_eq!(weak.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(bench.post(&path, "", &passwords(PASSWORD)).await.status, StatusCode::SEE_OTHER);
    assert_eq!(bench.post(&path, "", &passwords(PASSWORD)).await.status, StatusCode::NOT_FOUND);
    assert!(bench.sign_in("ben", PASSWORD).await.is_some());
}

#[tokio::test]
async fn an_invited_person_cannot_sign_in_before_they_chose_a_password() {
    let (bench, _) = Bench::signed_in().await;
    invite(&bench, "ben", "admin", None).await;
    for password in ["", "x", PASSWORD] {
        assert!(bench.sign_in("ben", password).await.is_none(), "{password:?}");
    }
}

#[tokio::test]
async fn the_last_owner_cannot_be_removed_demoted_or_disabled() {
    let (bench, cookie) = Bench::signed_in().await;
    // An invited owner has no password yet and does not count.
    let (second, path) = invite(&bench, "ben", "owner", None).await;
    for (method, body) in
        [(Method::DELETE, ""), (Method::PATCH, r#"{"role":"admin"}"#), (Method::PATCH, r#"{"disabled":true}"#)]
    {
        let answer = bench.api(method.clone(), "/users/1", body).await;
        assert_eq!((answer.status, &answer.json()["code"]), (StatusCode::CONFLICT, &json!("last_owner")), "{method}");
    }
    assert_eq!(bench.post("/users/1/remove", &cookie, "").await.status, StatusCode::CONFLICT);
    assert_eq!(bench.get("/", &cookie).await.status, StatusCode::OK, "still there");
    bench.post(&path, "", &passwords(PASSWORD)).await;
    assert_eq!(bench.api(Method::PATCH, "/users/1", r#"{"role":"admin"}"#).await.status, StatusCode::OK);
    let last = bench.api(Method::DELETE, &format!("/users/{second}"), "").await;
    assert_eq!(last.status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn a_change_of_role_or_a_disabled_account_ends_the_sessions_at_once() {
    let (bench, _) = Bench::signed_in().await;
    let (id, path) = invite(&bench, "ben", "admin", None).await;
    bench.post(&path, "", &passwords(PASSWORD)).await;
    let cookie = bench.sign_in("ben", PASSWORD).await.unwrap();
    assert_eq!(bench.get("/", &cookie).await.status, StatusCode::OK);
    bench.api(Method::PATCH, &format!("/users/{id}"), r#"{"role":"read_only"}"#).await;
    assert_eq!(bench.get("/", &cookie).await.status, StatusCode::SEE_OTHER);
    let cookie = bench.sign_in("ben", PASSWORD).await.unwrap();
    assert_eq!(bench.post("/settings", &cookie, "").await.status, StatusCode::FORBIDDEN);
    bench.api(Method::PATCH, &format!("/users/{id}"), r#"{"disabled":true}"#).await;
    assert_eq!(bench.get("/", &cookie).await.status, StatusCode::SEE_OTHER);
    assert!(bench.sign_in("ben", PASSWORD).await.is_none());
    let link = bench.api(Method::POST, &format!("/users/{id}/invitation"), "").await;
    assert_eq!(link.json()["code"], "user_disabled");
}

#[tokio::test]
async fn a_reset_link_sets_a_new_password_and_signs_out_whoever_had_the_old_one() {
    let (bench, cookie) = Bench::signed_in().await;
    let link = bench.api(Method::POST, "/users/1/invitation", "").await;
    let path = link.json()["url"].as_str().unwrap().strip_prefix(BASE).unwrap().to_owned();
    let fresh = "seven purple lamps dance";
    assert_eq!(bench.post(&path, "", &passwords(fresh)).await.status, StatusCode::SEE_OTHER);
    assert_eq!(bench.get("/", &cookie).await.status, StatusCode::SEE_OTHER);
    assert!(bench.sign_in("anna", PASSWORD).await.is_none());
    assert!(bench.sign_in("anna", fresh).await.is_some());
}

#[tokio::test]
async fn bad_input_about_people_names_the_field_and_the_fix() {
    let (bench, cookie) = Bench::signed_in().await;
    for (body, code, field) in [
        (json!({ "name": "", "role": "admin" }), "malformed", "name"),
        (json!({ "name": "ANNA", "role": "admin" }), "name_taken", "name"),
        (json!({ "name": "ben", "role": "user" }), "extension_needed", "extension"),
        (json!({ "name": "ben", "role": "user", "extension": "999" }), "no_such_extension", "extension"),
    ] {
        let answer = bench.api(Method::POST, "/users", &body.to_string()).await;
        assert_eq!((&answer.json()["code"], &answer.json()["field"]), (&json!(code), &json!(field)), "{body}");
    }
    let page = bench.post("/users/add", &cookie, "name=Carla&role=user&extension=12345").await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.body.contains("value=\"Carla\"") && page.body.contains("12345"), "{}", page.body);
}

#[tokio::test]
async fn the_users_page_walks_from_adding_to_removing() {
    let (bench, cookie) = Bench::signed_in().await;
    bench.add("101", "Ben").await;
    let added = bench.post("/users/add", &cookie, "name=ben&role=user&extension=101").await;
    assert_eq!(added.status, StatusCode::OK, "{}", added.body);
    assert!(added.body.contains("/invite/"));
    let list = bench.get("/users", &cookie).await.body;
    assert!(list.contains("Invited") && !list.contains("/invite/"), "the link is shown once");
    assert_eq!(bench.get("/users/2", &cookie).await.status, StatusCode::OK);
    assert!(bench.post("/users/2/invite", &cookie, "").await.body.contains("/invite/"));
    assert!(bench.get("/users/2/remove", &cookie).await.body.contains("Remove ben?"));
    assert_eq!(bench.post("/users/2/remove", &cookie, "").await.status, StatusCode::SEE_OTHER);
    assert_eq!(bench.get("/users/2", &cookie).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_stale_proof_asks_for_the_password_and_the_session_gets_another_cookie() {
    let (bench, cookie) = Bench::signed_in().await;
    let mut tx = bench.store.begin().await.unwrap();
    sqlx::query("UPDATE admin_session SET confirmed_at = 0").execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
    let asked = bench.get("/users/add", &cookie).await;
    assert_eq!(asked.header(header::LOCATION), "/account/confirm?next=/users/add");
    assert!(bench.post("/users/add", &cookie, "name=x&role=admin").await.body.contains("/account/confirm"));
    let wrong = bench.post("/account/confirm", &cookie, "password=wrong&next=/users/add").await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    let form = format!("password={}&next=/users/add", PASSWORD.replace(' ', "+"));
    let right = bench.post("/account/confirm", &cookie, &form).await;
    assert_eq!(right.header(header::LOCATION), "/users/add");
    let fresh = right.header(header::SET_COOKIE).split(';').next().unwrap().to_owned();
    assert_eq!(bench.get("/users/add", &cookie).await.status, StatusCode::SEE_OTHER, "the old cookie is void");
    assert_eq!(bench.get("/users/add", &fresh).await.status, StatusCode::OK);
}
