//! Desk phones in the pages and the API: added, shown, told about once.

use serde_json::json;

use super::*;

const MAC: &str = "80:5e:c0:d5:7d:72";

fn phone() -> String {
    json!({ "mac": "805EC0D57D72", "vendor": "yealink", "model": "T46S", "extension": "101" }).to_string()
}

/// Extension 101 in the switchboard and in the database.
async fn bench() -> (Bench, String) {
    let (bench, cookie) = Bench::signed_in().await;
    let body = json!({ "number": "101", "name": "Anna" }).to_string();
    assert_eq!(bench.api(Method::POST, "/extensions", &body).await.status, StatusCode::CREATED);
    let owner = pbx_core::model::Extension {
        number: "101".parse().unwrap(),
        name: "Anna".parse().unwrap(),
        email: None,
        push_enabled: true,
        created_at: UnixMillis(0),
        phones_off_at: None,
    };
    bench.store.apply(&[pbx_core::switchboard::output::Change::PutExtension(owner)]).await.unwrap();
    (bench, cookie)
}

#[tokio::test]
async fn a_list_of_desk_phones_is_checked_first_and_added_whole_or_not_at_all() {
    let (bench, _) = bench().await;
    let import = async |csv: &str, dry_run: bool| {
        let body = json!({ "csv": csv, "dry_run": dry_run }).to_string();
        bench.api(Method::POST, "/desk-phones/import", &body).await
    };
    let wrong = "mac,model,extension\n805ec0d57d72,T46S,101\n805ec0d57d73,T46S,999\n000413922d24,D785,101,\n12,X,101\n";
    let refused = import(wrong, false).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    let rows: Vec<_> = refused.json()["errors"].as_array().unwrap().iter().map(|row| row["line"].clone()).collect();
    assert_eq!(rows, [5, 3], "{}", refused.body);
    assert_eq!(bench.api(Method::GET, "/desk-phones", "").await.json()["desk_phones"], json!([]));
    let good = "mac;model;extension;label\n80:5E:C0:D5:7D:72;T46S;101;Reception\n000413922d24;D785;101;\n";
    let checked = import(good, true).await.json();
    assert_eq!((&checked["rows"], &checked["added"]), (&json!(2), &json!(0)), "{checked}");
    assert_eq!(checked["desk_phones"][0]["url"], json!(null));
    let done = import(good, false).await.json();
    assert_eq!(done["added"], 2, "{done}");
    assert!(done["desk_phones"][1]["url"].as_str().unwrap().contains("/d/"), "{done}");
    let twice = import(good, false).await;
    assert_eq!(twice.json()["errors"][0]["code"], "desk_phone_exists", "{}", twice.body);
    let list = bench.api(Method::POST, "/desk-phones/redirection", r#"{"vendor":"snom"}"#).await;
    assert!(
        list.body.starts_with("mac,url,model,extension,label\n000413922D24,https://pbx.example.com"),
        "{}",
        list.body
    );
    assert_eq!(list.body.lines().count(), 2);
}

#[tokio::test]
async fn the_pages_import_a_list_and_change_a_template() {
    let (bench, cookie) = bench().await;
    let form = bench.get("/desk-phones/import", &cookie).await;
    assert!(form.body.contains("Add many desk phones"), "{}", form.body);
    let added = bench.api(Method::POST, "/desk-phones", &phone()).await;
    assert_eq!(added.status, StatusCode::CREATED, "{}", added.body);
    let wrong = "family=yealink&model=&settings=no+setting%0Aaccount.1.password+%3D+x&mac=&act=save";
    let refused = bench.post("/desk-phones/templates", &cookie, wrong).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.body.contains("2 lines to correct") && refused.body.contains("no setting"), "{}", refused.body);
    let settings = "settings=phone_setting.backlight_time+%3D+60";
    let form = format!("family=yealink&model=T4&{settings}&mac={MAC}&act=try");
    let tried = bench.post("/desk-phones/templates", &cookie, &form).await;
    assert!(
        tried.body.contains("phone_setting.backlight_time = 60") && tried.body.contains("(secret)"),
        "{}",
        tried.body
    );
    assert!(bench.get("/desk-phones/templates", &cookie).await.body.contains("No templates"), "nothing was saved");
    let form = format!("family=yealink&model=T4&{settings}&mac=&act=save");
    let saved = bench.post("/desk-phones/templates", &cookie, &form).await;
    assert_eq!(saved.status, StatusCode::SEE_OTHER);
    let listed = bench.api(Method::GET, "/desk-phones/templates", "").await.json();
    assert_eq!((&listed["templates"][0]["model"], &listed["templates"][0]["phones"]), (&json!("T4"), &json!(1)));
    let preview = bench.get("/desk-phones/805ec0d57d72/preview", &cookie).await;
    assert!(preview.body.contains("backlight_time") && preview.body.contains("(secret)"), "{}", preview.body);
    let at = "/desk-phones/templates?family=yealink&model=T4";
    assert_eq!(bench.api(Method::DELETE, at, "").await.json(), json!({ "phones": 1 }));
    assert_eq!(bench.api(Method::DELETE, at, "").await.json()["code"], "no_such_template");
    let odd = json!({ "family": "cisco", "settings": "a = b" }).to_string();
    assert_eq!(bench.api(Method::PUT, "/desk-phones/templates", &odd).await.json()["code"], "family_unknown");
}

#[tokio::test]
async fn a_desk_phone_is_added_listed_and_removed_by_the_api() {
    let (bench, _) = bench().await;
    let added = bench.api(Method::POST, "/desk-phones", &phone()).await;
    assert_eq!(added.status, StatusCode::CREATED, "{}", added.body);
    let url = added.json()["url"].as_str().unwrap().to_owned();
    assert!(url.starts_with("https://pbx.example.com") && url.ends_with('/'), "{url}");
    let listed = bench.api(Method::GET, "/desk-phones", "").await;
    assert_eq!(listed.json()["desk_phones"][0]["mac"], MAC);
    assert_eq!(listed.json()["desk_phones"][0]["progress"], "waiting");
    assert!(!listed.body.contains(url.split("/d/").nth(1).unwrap().trim_end_matches('/')), "shown once");
    let twice = bench.api(Method::POST, "/desk-phones", &phone()).await;
    assert_eq!((twice.status, twice.json()["code"].as_str()), (StatusCode::CONFLICT, Some("desk_phone_exists")));
    for (body, code, field) in [
        (phone().replace("805EC0D57D72", "x"), "mac_malformed", "mac"),
        (phone().replace("yealink", "snom").replace("D57D72", "D57D73"), "mac_of_other_vendor", "mac"),
        (phone().replace("yealink", "cisco"), "vendor_unknown", "vendor"),
        (phone().replace("T46S", "../x"), "model_malformed", "model"),
        (phone().replace("D57D72", "D57D73").replace("101", "999"), "no_such_extension", "extension"),
    ] {
        let refused = bench.api(Method::POST, "/desk-phones", &body).await;
        let answer = refused.json();
        assert_eq!((answer["code"].as_str(), answer["field"].as_str()), (Some(code), Some(field)), "{body}");
    }
    let rotated = bench.api(Method::POST, "/desk-phones/805ec0d57d72/rotate", "").await;
    assert_eq!(rotated.json()["code"], "not_fetched_yet");
    let opened = bench.api(Method::POST, "/desk-phones/805ec0d57d72/window", r#"{"open":true}"#).await;
    assert!(opened.json()["pairing_until"].is_number(), "{}", opened.body);
    assert_eq!(bench.api(Method::DELETE, "/desk-phones/805ec0d57d72", "").await.status, StatusCode::NO_CONTENT);
    assert_eq!(bench.api(Method::GET, "/desk-phones/805ec0d57d72", "").await.status, StatusCode::NOT_FOUND);
}
