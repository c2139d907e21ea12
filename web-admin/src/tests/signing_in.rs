//! Setup links, signing in and out, throttling, API tokens.

use super::*;
use pbx_core::store::sql::{query, query_scalar};

async fn setup_path(bench: &Bench) -> String {
    let link = setup::setup_link(&bench.store, BASE).await.unwrap();
    link.url.strip_prefix(BASE).unwrap().to_owned()
}

fn account(name: &str, password: &str, again: &str) -> String {
    format!("name={name}&password={}&again={}", password.replace(' ', "+"), again.replace(' ', "+"))
}

#[tokio::test]
async fn looking_at_a_setup_link_uses_nothing_up_and_sending_the_form_does() {
    let bench = Bench::new().await;
    let path = setup_path(&bench).await;
    assert!(!setup::is_set_up(&bench.store).await.unwrap());
    for _ in 0..3 {
        assert_eq!(bench.get(&path, "").await.status, StatusCode::OK);
    }
    let answer = bench.post(&path, "", &account("anna", PASSWORD, PASSWORD)).await;
    assert_eq!(
        (answer.status, answer.header(header::LOCATION)),
        (StatusCode::SEE_OTHER, "/sign-in?done=ready&next=/welcome")
    );
    assert!(setup::is_set_up(&bench.store).await.unwrap());
    assert_eq!(bench.get(&path, "").await.status, StatusCode::NOT_FOUND);
    let second = bench.post(&path, "", &account("eve", PASSWORD, PASSWORD)).await;
    assert_eq!(second.status, StatusCode::NOT_FOUND);
    assert!(bench.sign_in("eve", PASSWORD).await.is_none());
    assert!(bench.sign_in("Anna", PASSWORD).await.is_some());
}

#[tokio::test]
async fn a_setup_form_with_errors_keeps_the_name_and_the_link() {
    let bench = Bench::new().await;
    let path = setup_path(&bench).await;
    let answer = bench.post(&path, "", &account("anna%40example.com", "short", "short")).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        answer.body.contains("anna@example.com") || answer.body.contains("anna&#64;example.com"),
        "{}",
        answer.body
    );
    assert!(answer.body.contains("characters; give at least 12"), "{}", answer.body);
    let differing = bench.post(&path, "", &account("anna", PASSWORD, "another tractor window")).await;
    assert!(differing.body.contains("he two passwords differ"));
    assert!(!differing.body.contains(PASSWORD), "a password is never shown again");
    assert_eq!(bench.post(&path, "", &account("anna", PASSWORD, PASSWORD)).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_new_setup_link_ends_the_one_before() {
    let bench = Bench::new().await;
    let (old, new) = (setup_path(&bench).await, setup_path(&bench).await);
    assert_eq!(bench.get(&old, "").await.status, StatusCode::NOT_FOUND);
    assert_eq!(bench.get(&new, "").await.status, StatusCode::OK);
    assert_eq!(bench.get("/setup/guess", "").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_setup_link_sets_a_lost_password_anew_and_ends_the_sessions() {
    let (bench, cookie) = Bench::signed_in().await;
    let path = setup_path(&bench).await;
    let fresh = "seven purple lamps dance";
    assert_eq!(bench.post(&path, "", &account("ANNA", fresh, fresh)).await.status, StatusCode::SEE_OTHER);
    assert_eq!(bench.get("/", &cookie).await.status, StatusCode::SEE_OTHER);
    assert!(bench.sign_in("anna", PASSWORD).await.is_none());
    assert!(bench.sign_in("anna", fresh).await.is_some());
}

#[tokio::test]
async fn setup_tokens_and_cookies_are_stored_hashed_only() {
    let (bench, cookie) = Bench::signed_in().await;
    let secret = cookie.split_once('=').unwrap().1;
    let stored: Vec<String> =
        query_scalar("SELECT token_hash FROM admin_session").fetch_all(bench.store.reader()).await.unwrap();
    assert_eq!(stored.len(), 1);
    assert!(!stored[0].contains(secret));
    assert_eq!(secret.len(), 43);
}

#[tokio::test]
async fn the_cookie_is_bound_to_host_and_https_and_signing_out_ends_the_session() {
    let (bench, _) = Bench::signed_in().await;
    let form = format!("name=anna&password={}&next=/calls", PASSWORD.replace(' ', "+"));
    let answer = bench.post("/sign-in", "", &form).await;
    assert_eq!(answer.header(header::LOCATION), "/calls");
    let set = answer.header(header::SET_COOKIE).to_owned();
    for part in ["__Host-nightbell=", "Path=/", "Secure", "HttpOnly", "SameSite=Lax"] {
        assert!(set.contains(part), "{set}");
    }
    let cookie = set.split(';').next().unwrap();
    assert_eq!(bench.get("/", cookie).await.status, StatusCode::OK);
    assert_eq!(bench.post("/sign-out", cookie, "").await.status, StatusCode::SEE_OTHER);
    assert_eq!(bench.get("/", cookie).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn signing_in_never_leads_to_another_site() {
    let (bench, _) = Bench::signed_in().await;
    for next in ["//evil.example", "https://evil.example", "/%5cevil.example"] {
        let form = format!("name=anna&password={}&next={next}", PASSWORD.replace(' ', "+"));
        assert_eq!(bench.post("/sign-in", "", &form).await.header(header::LOCATION), "/", "{next}");
    }
}

#[tokio::test]
async fn wrong_names_and_wrong_passwords_look_the_same_and_are_slowed_down() {
    let (bench, _) = Bench::signed_in().await;
    let wrong = bench.post("/sign-in", "", "name=anna&password=wrong").await;
    let unknown = bench.post("/sign-in", "", "name=anne&password=wrong").await;
    assert_eq!((wrong.status, unknown.status), (StatusCode::UNAUTHORIZED, StatusCode::UNAUTHORIZED));
    assert_eq!(wrong.body.replace("anna", "anne"), unknown.body);
    let mut last = wrong;
    for _ in 0..4 {
        last = bench.post("/sign-in", "", "name=anna&password=wrong").await;
    }
    assert_eq!(last.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(!last.header(header::RETRY_AFTER).is_empty());
    assert!(bench.sign_in("anna", PASSWORD).await.is_none(), "also the right one has to wait, from the same address");
}

#[tokio::test]
async fn an_idle_session_and_an_old_one_are_over() {
    let (bench, cookie) = Bench::signed_in().await;
    let age = |column: &'static str, by: std::time::Duration| {
        let (store, now) = (bench.store.clone(), crate::clock::now());
        async move {
            let mut tx = store.begin().await.unwrap();
            let sql = match column {
                "seen_at" => "UPDATE admin_session SET seen_at = $1",
                _ => "UPDATE admin_session SET created_at = $1",
            };
            query(sql).bind((now - by).0).execute(&mut tx).await.unwrap();
            tx.commit().await.unwrap();
        }
    };
    age("seen_at", crate::accounts::IDLE / 2).await;
    assert_eq!(bench.get("/", &cookie).await.status, StatusCode::OK);
    age("created_at", crate::accounts::ABSOLUTE).await;
    assert_eq!(bench.get("/", &cookie).await.status, StatusCode::SEE_OTHER);
    age("created_at", std::time::Duration::ZERO).await;
    age("seen_at", crate::accounts::IDLE).await;
    assert_eq!(bench.get("/", &cookie).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn an_api_token_opens_the_api_and_nothing_else_until_it_is_deleted() {
    let (bench, cookie) = Bench::signed_in().await;
    let page = bench.post("/tokens/add", &cookie, "name=CI&scope_read=on").await.body;
    let start = page.find("nbt_").unwrap();
    let token: String = page[start..].chars().take_while(|c| c.is_ascii_alphanumeric() || "-_".contains(*c)).collect();
    let with_token = |path: &'static str| {
        request(Method::GET, path, "").header("authorization", format!("Bearer {token}")).body(Body::empty()).unwrap()
    };
    assert_eq!(bench.send(with_token("/api/v1/status")).await.status, StatusCode::OK);
    assert_eq!(bench.send(with_token("/extensions")).await.status, StatusCode::SEE_OTHER);
    assert!(!bench.get("/tokens", &cookie).await.body.contains(&token), "shown once");
    assert_eq!(bench.post("/tokens/1/remove", &cookie, "").await.status, StatusCode::SEE_OTHER);
    assert_eq!(bench.send(with_token("/api/v1/status")).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_changed_password_signs_everybody_out() {
    let (bench, cookie) = Bench::signed_in().await;
    let wrong = bench.post("/account/password", &cookie, "current=wrong&new=x&again=y").await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        wrong.body.contains("This is not your password") && wrong.body.contains("characters; give at least 12"),
        "{}",
        wrong.body
    );
    let fresh = "seven+purple+lamps+dance";
    let form = format!("current={}&new={fresh}&again={fresh}", PASSWORD.replace(' ', "+"));
    assert_eq!(bench.post("/account/password", &cookie, &form).await.status, StatusCode::SEE_OTHER);
    assert_eq!(bench.get("/", &cookie).await.status, StatusCode::SEE_OTHER);
}
