//! A setup by one document: checked whole, carried out once, and the same again changes nothing.

use serde_json::{Value, json};

use super::*;

async fn give(bench: &Bench, document: &Value) -> Answer {
    bench.api(Method::POST, "/setup", &document.to_string()).await
}

/// A certificate as an authority would sign it: not by Nightbell, for the public name.
fn own_certificate() -> (String, String) {
    let key = rcgen::KeyPair::generate().unwrap();
    let made = rcgen::CertificateParams::new(vec!["pbx.example.com".to_owned()]).unwrap().self_signed(&key).unwrap();
    (made.pem(), key.serialize_pem())
}

fn whole() -> Value {
    let (chain, key) = own_certificate();
    json!({
        "owner": { "name": "anna@example.com", "password": PASSWORD },
        "place": { "country": "DE" },
        "certificate": { "certificate": chain, "key": key },
        "extensions": [{ "number": "101", "name": "Anna", "email": "anna@example.com" }, { "number": "102" }],
        "push": [{ "provider": "webhook", "label": "Relay", "url": "https://push.example.com/wake",
                   "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" }],
        "mail": { "host": "smtp.example.com", "username": "u", "password": "mail password",
                  "from_address": "telephone@example.com" },
        "skip": ["network", "second_factor"],
    })
}

#[tokio::test]
async fn one_document_sets_everything_up_and_given_again_changes_nothing() {
    let bench = Bench::new().await;
    let link = setup::setup_link(&bench.store, BASE).await.unwrap();
    let document = whole();
    let done = give(&bench, &document).await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.body);
    assert_eq!(done.json()["changed"].as_array().unwrap().len(), 7, "{}", done.body);
    assert!(!done.body.contains(PASSWORD) && !done.body.contains("mail password"));
    let cookie = bench.sign_in("anna@example.com", PASSWORD).await.unwrap();
    let steps = bench.get("/welcome", &cookie).await.body;
    assert!(steps.contains("5 of 8 steps are done"), "{steps}");
    let path = link.url.strip_prefix(BASE).unwrap();
    assert_eq!(bench.get(path, "").await.status, StatusCode::NOT_FOUND, "the link in the log opens nothing any more");

    let again = give(&bench, &document).await;
    assert_eq!(again.json()["changed"], json!([]), "{}", again.body);
    assert_eq!(again.json()["unchanged"].as_array().unwrap().len(), 6, "{}", again.body);
    let mut renamed = document.clone();
    renamed["extensions"][0]["name"] = json!("Anna Berg");
    let changed = give(&bench, &renamed).await;
    assert_eq!(changed.json()["changed"], json!(["owner of extension 101"]), "{}", changed.body);
    assert_eq!(bench.fake.world.lock().unwrap().extensions[&"101".parse().unwrap()].name.as_str(), "Anna Berg");
}

#[tokio::test]
async fn every_wrong_field_is_named_at_once_and_nothing_is_changed() {
    let bench = Bench::new().await;
    let mut document = whole();
    document["owner"]["password"] = json!("short");
    document["place"] = json!({ "country": "US" });
    document["certificate"]["key"] = json!(own_certificate().1);
    document["extensions"] = json!([{ "number": "one" }, { "number": "101" }, { "number": "101", "secret": "x" },
        { "number": "103", "fax": "104" }, { "name": 12345 }]);
    document["push"][0]["url"] = json!("http://push.example.com");
    document["mail"]["host"] = json!("https://smtp.example.com");
    let refused = give(&bench, &document).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", refused.body);
    let problem = refused.json();
    let fields: Vec<&str> =
        problem["fields"].as_array().unwrap().iter().map(|it| it["field"].as_str().unwrap()).collect();
    assert_eq!(
        fields,
        [
            "owner.password",
            "place.time_zone",
            "certificate.key",
            "extensions[0].number",
            "extensions[2].secret",
            "extensions[3].fax",
            "extensions[4].name",
            "push[0].url",
            "mail.host",
        ],
        "{}",
        refused.body
    );
    assert!(!refused.body.contains("12345"), "what was typed in the wrong place may be a secret");
    assert!(bench.fake.world.lock().unwrap().extensions.is_empty());
    assert!(!setup::is_set_up(&bench.store).await.unwrap());
    assert!(bench.state.site.certificate.info().self_made);
}

#[tokio::test]
async fn a_dry_run_says_what_it_would_do() {
    let bench = Bench::new().await;
    let mut document = whole();
    document["dry_run"] = json!(true);
    let told = give(&bench, &document).await;
    assert_eq!(told.json()["changed"].as_array().unwrap().len(), 7, "{}", told.body);
    assert!(bench.fake.world.lock().unwrap().extensions.is_empty());
    let unknown = give(&bench, &json!({ "extension": [] })).await;
    assert_eq!(unknown.json()["code"], "unknown_field");
}
