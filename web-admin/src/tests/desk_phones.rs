//! Desk phones in the pages and the API: added, shown, told about once.

use serde_json::json;

use super::*;

const MAC: &str = "80:5e:c0:d5:7d:72";

fn phone() -> String {
    json!({ "mac": "805EC0D57D72", "vendor": "yealink", "model": "T46S", "extension": "101" }).to_string()
}

#[tokio::test]
async fn a_desk_phone_is_added_listed_and_removed_by_the_api() {
    let bench = Bench::new().await;
    let body = json!({ "number": "101", "name": "Anna" }).to_string();
    assert_eq!(bench.api(Method::POST, "/extensions", &body).await.status, StatusCode::CREATED);
    let owner = pbx_core::model::Extension {
        number: "101".parse().unwrap(),
        name: "Anna".parse().unwrap(),
        email: None,
        push_enabled: true,
        created_at: UnixMillis(0),
    };
    bench.store.apply(&[pbx_core::switchboard::output::Change::PutExtension(owner)]).await.unwrap();
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
