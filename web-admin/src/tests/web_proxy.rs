//! The web proxy in the pages and the API: set, shown without its password, forgotten.

use super::*;

const SECRET: &str = "proxy-password-that-stays-inside";

#[tokio::test]
async fn the_api_sets_a_web_proxy_and_shows_everything_but_its_password() {
    let bench = Bench::new().await;
    assert!(bench.api(Method::GET, "/web-proxy", "").await.json()["web_proxy"].is_null());
    let new = serde_json::json!({ "host": "proxy.example.com", "username": "bell", "password": SECRET }).to_string();
    let set = bench.api(Method::PUT, "/web-proxy", &new).await;
    assert_eq!(set.status, StatusCode::OK, "{}", set.body);
    let shown = bench.api(Method::GET, "/web-proxy", "").await;
    assert_eq!(shown.json(), set.json());
    let setting = &shown.json()["web_proxy"];
    assert_eq!((setting["port"].as_i64(), setting["has_password"].as_bool()), (Some(3128), Some(true)));
    assert_eq!(shown.json()["in_use"], "proxy.example.com:3128");
    assert!(setting["without"].to_string().contains("192.168.0.0/16"), "{setting}");
    assert!(!shown.body.contains(SECRET) && !set.body.contains(SECRET));
    for (body, field) in [
        (r#"{"host":"http://proxy.example.com"}"#, "host"),
        (r#"{"host":"proxy.example.com","port":0}"#, "port"),
        (r#"{"host":"elsewhere.example.com","username":"bell"}"#, "password"),
        (r#"{"host":"proxy.example.com","without":["a b"]}"#, "without"),
    ] {
        let refused = bench.api(Method::PUT, "/web-proxy", body).await;
        assert_eq!(refused.json()["field"], field, "{}", refused.body);
        assert_eq!(refused.json()["code"], "web_proxy_malformed");
    }
    assert_eq!(bench.api(Method::DELETE, "/web-proxy", "").await.status, StatusCode::NO_CONTENT);
    assert!(bench.api(Method::GET, "/web-proxy", "").await.json()["web_proxy"].is_null());
}

#[tokio::test]
async fn the_page_keeps_what_was_typed_beside_the_problem_and_never_shows_the_password() {
    let (bench, cookie) = Bench::signed_in().await;
    let page = bench.get("/settings/web-proxy", &cookie).await;
    assert!(page.body.contains("10.0.0.0/8"), "{}", page.body);
    let wrong = format!("host=proxy.lan&port=x&username=bell&password={SECRET}&without=");
    let answer = bench.post("/settings/web-proxy", &cookie, &wrong).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.body.contains("proxy.lan") && answer.body.contains("between 1 and 65535"), "{}", answer.body);
    assert!(!answer.body.contains(SECRET));
    let right = format!("host=proxy.lan&port=8080&username=bell&password={SECRET}&without=10.0.0.0%2F8%0D%0Acrm.lan");
    let saved = bench.post("/settings/web-proxy", &cookie, &right).await;
    assert_eq!(saved.header(header::LOCATION), "/settings/web-proxy?done=saved", "{}", saved.body);
    let page = bench.get("/settings/web-proxy", &cookie).await;
    assert!(page.body.contains("crm.lan") && page.body.contains("One is stored"), "{}", page.body);
    assert!(!page.body.contains(SECRET));
    assert!(bench.get("/push/network", &cookie).await.body.contains("proxy.lan:8080"));
    let removed = bench.post("/settings/web-proxy/remove", &cookie, "").await;
    assert_eq!(removed.header(header::LOCATION), "/settings/web-proxy?done=removed");
    assert_eq!(bench.state.push.web_proxy().await.unwrap(), None);
}
