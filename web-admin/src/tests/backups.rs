//! Backups through pages and API: who may, what is said, and that nothing secret comes out.

use serde_json::json;

use super::*;

const PASSPHRASE: &str = "kestrel gravel lantern";

async fn ready() -> Bench {
    let bench = Bench::new().await;
    let policy = json!({ "daily_at": "03:15", "keep": 2, "passphrase": PASSPHRASE }).to_string();
    let answer = bench.api(Method::PUT, "/backup-policy", &policy).await;
    assert_eq!(answer.json(), json!({ "daily_at": "03:15", "keep": 2, "has_passphrase": true }));
    bench
}

/// Makes a backup and waits for it; its name.
async fn made(bench: &Bench) -> String {
    let begun = bench.api(Method::POST, "/backups", "").await;
    assert_eq!(begun.status, StatusCode::ACCEPTED, "{}", begun.body);
    idle(bench).await;
    begun.json()["name"].as_str().unwrap().to_owned()
}

/// Waits until nothing is at work; what the list says then.
async fn idle(bench: &Bench) -> serde_json::Value {
    loop {
        let list = bench.api(Method::GET, "/backups", "").await.json();
        if list["work"] == "idle" {
            return list;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_backup_is_made_listed_checked_and_downloaded() {
    let bench = ready().await;
    bench.add("101", "Anna").await;
    let name = made(&bench).await;
    let list = idle(&bench).await;
    assert_eq!((&list["backups"][0]["name"], &list["last"]["problem"]), (&json!(name), &json!("")), "{list}");
    let contents = bench.api(Method::POST, &format!("/backups/{name}/verify"), "{}").await.json();
    assert_eq!(contents["host"], "pbx.example.com");
    let file = bench.api(Method::GET, &format!("/backups/{name}"), "").await;
    assert!(file.body.starts_with("age-encryption.org/v1\n"), "{:?}", file.body.get(..40));
    assert_eq!(file.header(header::CONTENT_DISPOSITION), format!("attachment; filename=\"{name}\""));
    assert!(!bench.api(Method::GET, "/backup-policy", "").await.body.contains(PASSPHRASE));
    assert_eq!(bench.api(Method::DELETE, &format!("/backups/{name}"), "").await.status, StatusCode::NO_CONTENT);
    assert_eq!(idle(&bench).await["backups"], json!([]));
}

#[tokio::test]
async fn each_mistake_has_its_code_and_its_field() {
    let bench = Bench::new().await;
    let cases = [
        (Method::POST, "/backups", "", 409, "no_passphrase"),
        (Method::PUT, "/backup-policy", r#"{"keep":0}"#, 422, "keep_out_of_range"),
        (Method::PUT, "/backup-policy", r#"{"keep":3,"passphrase":"short"}"#, 422, "passphrase_unfit"),
        (Method::PUT, "/backup-policy", r#"{"keep":3,"daily_at":"25:00"}"#, 400, "malformed"),
        (Method::PUT, "/backup-policy", r#"{"keep":3,"daily_at":"3:15"}"#, 400, "malformed"),
        (Method::GET, "/backups/nothing.nightbell", "", 404, "no_such_backup"),
        (Method::GET, "/backups/..%2Fmaster.key", "", 404, "no_such_backup"),
        (Method::DELETE, "/backups/..%2F..%2Fx.nightbell", "", 404, "no_such_backup"),
        (Method::PUT, "/backups/..%2Fx.nightbell", "age-encryption.org/v1\n", 422, "backup_name_malformed"),
        (Method::PUT, "/backups/x.nightbell", "no backup", 422, "no_backup"),
        (Method::POST, "/backups/x.nightbell/restore", "{}", 404, "no_such_backup"),
    ];
    for (method, path, body, status, code) in cases {
        let answer = bench.api(method.clone(), path, body).await;
        assert_eq!(
            (answer.status.as_u16(), answer.json()["code"].as_str().unwrap()),
            (status, code),
            "{method} {path} {body}"
        );
    }
}

#[tokio::test]
async fn what_came_from_elsewhere_is_put_back_and_a_restart_asked_for() {
    if std::env::var_os("NIGHTBELL_TEST_POSTGRES").is_some() {
        let bench = ready().await;
        let name = made(&bench).await;
        let answer = bench.api(Method::POST, &format!("/backups/{name}/restore"), "{}").await;
        assert_eq!((answer.status, answer.json()["code"].as_str()), (StatusCode::CONFLICT, Some("restore_by_command")));
        return;
    }
    let old = ready().await;
    let name = made(&old).await;
    let file = std::fs::read(old.store.folder().join("backups").join(&name)).unwrap();
    let bench = Bench::new().await;
    let request = request(Method::PUT, "/api/v1/backups/old.nightbell", "").body(Body::from(file)).unwrap();
    assert_eq!(Answer::of(bench.local.clone().oneshot(request).await.unwrap()).await.status, StatusCode::NO_CONTENT);
    let restore = "/backups/old.nightbell/restore";
    let wrong = json!({ "passphrase": "another passphrase" }).to_string();
    assert_eq!(bench.api(Method::POST, restore, &wrong).await.status, StatusCode::ACCEPTED);
    let told = idle(&bench).await["restore_problem"].as_str().unwrap().to_owned();
    assert!(told.contains("passphrase does not open"), "{told}");
    let right = json!({ "passphrase": PASSPHRASE }).to_string();
    assert_eq!(bench.api(Method::POST, restore, &right).await.status, StatusCode::ACCEPTED);
    bench.state.backups().restart_wanted().await;
    assert!(bench.store.folder().join("restore.ready/nightbell.db").exists());
    assert_eq!(bench.api(Method::POST, restore, &right).await.json()["code"], "backup_busy");
}

#[tokio::test]
async fn the_pages_say_the_same_and_only_an_owner_gets_a_file() {
    let (bench, cookie) = Bench::signed_in().await;
    let page = bench.get("/system/backups", &cookie).await;
    assert!(page.body.contains("Choose a passphrase below"), "{}", page.body);
    let wrong = bench.post("/system/backups", &cookie, "daily_at=03:15&keep=14&passphrase=short").await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.body.contains("at least 12 characters") && !wrong.body.contains("value=\"short\""), "{}", wrong.body);
    let saved = bench.post("/system/backups", &cookie, "daily_at=&keep=14&passphrase=kestrel+gravel+lantern").await;
    assert_eq!(saved.header(header::LOCATION), "/system/backups?done=saved");
    assert_eq!(bench.post("/system/backups/make", &cookie, "").await.status, StatusCode::SEE_OTHER);
    let list = idle(&bench).await;
    let name = list["backups"][0]["name"].as_str().unwrap();
    let page = bench.get("/system/backups", &cookie).await;
    assert!(page.body.contains(name) && page.body.contains("Put back"), "{}", page.body);
    assert!(bench.get(&format!("/system/backups/{name}/restore"), &cookie).await.body.contains("before-restore"));
    let file = format!("/system/backups/{name}/file");
    assert_eq!(bench.get(&file, &cookie).await.status, StatusCode::OK);
    for role in [Role::Admin, Role::ReadOnly, Role::User] {
        let other = bench.session_of(role.as_str(), role, (role == Role::User).then_some("101")).await;
        assert_eq!(bench.get(&file, &other).await.status, StatusCode::FORBIDDEN, "{role}");
    }
    let uploaded = bench.upload("/system/backups/upload", &cookie, &[("file", "no backup")]).await;
    assert_eq!(uploaded.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", uploaded.body);
}
