//! The mail server in the pages and the API: its password stays with the server it was given for.

use super::*;

const SECRET: &str = "mail-password-that-stays-inside";

fn account(change: impl FnOnce(&mut serde_json::Value)) -> String {
    let mut body =
        serde_json::json!({ "host": "smtp.example.com", "username": "bell", "from_address": "bell@example.com" });
    change(&mut body);
    body.to_string()
}

#[tokio::test]
async fn the_api_keeps_a_password_for_the_same_server_and_asks_for_it_again_for_another() {
    let bench = Bench::new().await;
    let set = bench.api(Method::PUT, "/mail/account", &account(|body| body["password"] = SECRET.into())).await;
    assert_eq!(set.status, StatusCode::OK, "{}", set.body);
    let same = bench.api(Method::PUT, "/mail/account", &account(|body| body["from_name"] = "Bell".into())).await;
    assert_eq!(same.json()["account"]["has_password"], true, "{}", same.body);
    for other in [
        account(|body| body["host"] = "smtp.evil.example".into()),
        account(|body| body["port"] = 2525.into()),
        account(|body| body["username"] = "somebody".into()),
        account(|body| {
            body["security"] = "tls".into();
            body["port"] = 587.into();
        }),
        account(|body| body["authority"] = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----".into()),
    ] {
        let refused = bench.api(Method::PUT, "/mail/account", &other).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{other}");
        assert_eq!(
            (refused.json()["field"].as_str(), refused.json()["code"].as_str()),
            (Some("password"), Some("mail_setting_malformed"))
        );
        assert!(!refused.body.contains(SECRET));
    }
    let kept = bench.api(Method::GET, "/mail/account", "").await;
    assert_eq!(kept.json()["account"]["host"], "smtp.example.com", "{}", kept.body);
}

#[tokio::test]
async fn the_page_asks_for_the_password_again_beside_its_field_in_both_languages() {
    let (bench, cookie) = Bench::signed_in().await;
    let form = |host: &str, password: &str| {
        format!(
            "host={host}&port=587&security=starttls&username=bell&password={password}&from_address=bell%40example.com"
        )
    };
    let saved = bench.post("/settings/mail", &cookie, &form("smtp.example.com", SECRET)).await;
    assert_eq!(saved.header(header::LOCATION), "/settings/mail?done=saved", "{}", saved.body);
    let again = bench.post("/settings/mail", &cookie, &form("smtp.example.com", "")).await;
    assert_eq!(again.header(header::LOCATION), "/settings/mail?done=saved", "{}", again.body);
    for (language, words) in [("en", "give the password again"), ("de", "geben Sie deshalb das Passwort neu ein")] {
        bench.post("/account/language", &cookie, &format!("language={language}")).await;
        let refused = bench.post("/settings/mail", &cookie, &form("smtp.evil.example", "")).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        let (_, beside) = refused.body.split_once("id=\"password-error\"").expect("the problem is beside the field");
        assert!(beside.split("</p>").next().unwrap().contains(words), "{language}: {}", refused.body);
        assert!(refused.body.contains("smtp.evil.example") && !refused.body.contains(SECRET));
    }
}
