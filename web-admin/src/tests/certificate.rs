//! The page and the API of the certificate, without an authority: `acme/tests.rs` has one.

use serde_json::json;

use super::*;

#[tokio::test]
async fn an_authority_is_chosen_by_page_and_api_and_its_key_is_never_shown() {
    let (bench, cookie) = Bench::signed_in().await;
    let page = bench.get("/system/certificate", &cookie).await;
    assert!(page.body.contains("https://letsencrypt.org/repository/"), "{}", page.body);
    let key = "c2VjcmV0LWtleS1vZi1hbi1hY2NvdW50";
    let form = format!(
        "directory=https%3A%2F%2Fca.example.com%2Fdir&contact=anna%40example.com&agree_to_terms=on&validation=http-01&port=8080&external_account=kid-1&external_account_key={key}"
    );
    let saved = bench.post("/system/certificate", &cookie, &form).await;
    assert_eq!(saved.header(header::LOCATION), "/system/certificate?done=acme", "{}", saved.body);
    let shown = bench.api(Method::GET, "/certificate", "").await;
    let setting = &shown.json()["acme"]["setting"];
    assert_eq!((&setting["port"], &setting["validation"]), (&json!(8080), &json!("http-01")));
    assert_eq!(setting["has_external_account_key"], true);
    let page = bench.get("/system/certificate", &cookie).await;
    assert!(page.body.contains("ca.example.com gives the certificate"), "{}", page.body);
    assert!(!shown.body.contains(key) && !page.body.contains(key));
    let ordered = bench.api(Method::POST, "/certificate/acme/order", "").await;
    assert_eq!(ordered.status, StatusCode::ACCEPTED, "{}", ordered.body);
    assert_eq!(bench.get("/system/certificate/remove", &cookie).await.status, StatusCode::OK);
    let removed = bench.post("/system/certificate/remove", &cookie, "").await;
    assert_eq!(removed.status, StatusCode::SEE_OTHER);
    assert!(bench.api(Method::GET, "/certificate", "").await.json()["acme"].is_null());
    let refused = bench.api(Method::POST, "/certificate/acme/order", "").await;
    assert_eq!((refused.status, refused.json()["code"].as_str()), (StatusCode::CONFLICT, Some("acme_not_chosen")));
}

#[tokio::test]
async fn terms_that_were_not_agreed_to_and_other_wrong_fields_are_named() {
    let (bench, cookie) = Bench::signed_in().await;
    let page = bench.post("/system/certificate", &cookie, "contact=anna%40example.com").await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.body.contains("agree_to_terms-error") && page.body.contains("anna@example.com"), "{}", page.body);
    let wrong_port = bench.post("/system/certificate", &cookie, "agree_to_terms=on&port=many").await;
    assert!(wrong_port.body.contains("between 1 and 65535"), "{}", wrong_port.body);
    for (body, field) in [
        (json!({}), "agree_to_terms"),
        (json!({ "agree_to_terms": true, "directory": "http://ca.example.com" }), "directory"),
        (json!({ "agree_to_terms": true, "external_account": "kid-1" }), "external_account_key"),
    ] {
        let refused = bench.api(Method::PUT, "/certificate/acme", &body.to_string()).await;
        assert_eq!((refused.status.as_u16(), refused.json()["field"].as_str()), (422, Some(field)), "{body}");
        assert_eq!(refused.json()["code"], "acme_malformed");
    }
    assert!(bench.api(Method::GET, "/certificate", "").await.json()["acme"].is_null());
}

#[tokio::test]
async fn a_setup_file_chooses_an_authority_once_and_names_what_is_wrong() {
    let bench = Bench::new().await;
    let document = json!({ "acme": { "agree_to_terms": true, "contact": "anna@example.com" } }).to_string();
    let first = bench.api(Method::POST, "/setup", &document).await;
    let what = "certificates of https://acme-v02.api.letsencrypt.org/directory";
    assert_eq!(first.json()["changed"], json!([what]), "{}", first.body);
    let again = bench.api(Method::POST, "/setup", &document).await;
    assert_eq!((again.json()["changed"].clone(), again.json()["unchanged"].clone()), (json!([]), json!([what])));
    let wrong = bench.api(Method::POST, "/setup", &json!({ "acme": { "contact": "x" } }).to_string()).await;
    assert_eq!(wrong.json()["fields"][0]["field"], "acme.agree_to_terms", "{}", wrong.body);
}

#[tokio::test]
async fn a_certificate_of_ones_own_ends_the_one_that_comes_by_itself() {
    let (bench, cookie) = Bench::signed_in().await;
    let chosen = json!({ "agree_to_terms": true }).to_string();
    assert_eq!(bench.api(Method::PUT, "/certificate/acme", &chosen).await.status, StatusCode::OK);
    let key = rcgen::KeyPair::generate().unwrap();
    let made = rcgen::CertificateParams::new(vec!["pbx.example.com".to_owned()]).unwrap().self_signed(&key).unwrap();
    let (chain, key) = (made.pem(), key.serialize_pem());
    let parts = [("certificate", chain.as_str()), ("key", key.as_str())];
    let uploaded = bench.upload("/welcome/certificate", &cookie, &parts).await;
    assert_eq!(uploaded.status, StatusCode::SEE_OTHER, "{}", uploaded.body);
    let shown = bench.api(Method::GET, "/certificate", "").await.json();
    assert_eq!((&shown["self_made"], &shown["acme"]), (&json!(false), &serde_json::Value::Null));
}

#[tokio::test]
async fn a_certificate_that_could_not_be_got_is_said_with_cause_and_fix() {
    let bench = Bench::new().await;
    let chosen = json!({ "agree_to_terms": true, "directory": "https://localhost:9/dir" }).to_string();
    bench.api(Method::PUT, "/certificate/acme", &chosen).await;
    let run = tokio::spawn(bench.state.acme().run(std::future::pending()));
    let found = async {
        loop {
            let doctor = bench.api(Method::GET, "/doctor", "").await.json();
            let findings = doctor["findings"].as_array().unwrap().clone();
            if let Some(found) = findings.into_iter().find(|it| it["code"] == "certificate_not_renewed") {
                return found;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    let found = tokio::time::timeout(std::time::Duration::from_secs(30), found).await.unwrap();
    run.abort();
    assert_eq!((&found["level"], &found["link"]), (&json!("fail"), &json!("/system/certificate")));
    assert!(found["text"].as_str().unwrap().contains("pbx.example.com"), "{found}");
    assert!(found["fix"].as_str().unwrap().contains("A record"), "{found}");
}
