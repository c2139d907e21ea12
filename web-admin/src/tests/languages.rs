//! Languages: who is answered in which, what stays English, and that a name is text in each.

use super::*;
use crate::session::percent_encode;

/// Pages that a full installation shows; the API's own page describes the API, which is English.
const PAGES: &[&str] = &[
    "/",
    "/extensions",
    "/extensions/101",
    "/extensions/101/secret",
    "/extensions/101/remove",
    "/extensions/import",
    "/phones",
    "/devices/unseen?days=1",
    "/devices/compare?a=1&b=2",
    "/devices/1/forget",
    "/devices/1/test-push",
    "/desk-phones",
    "/desk-phones/templates",
    "/desk-phones/import",
    "/calls",
    "/push",
    "/push/apps",
    "/push/tokens",
    "/push/health",
    "/push/network",
    "/push/help?symptom=only_this_device&device=1",
    "/push/apns",
    "/push/apns-certificate",
    "/push/fcm",
    "/push/hms",
    "/push/webhook",
    "/push/webpush",
    "/push/acrobits",
    "/security",
    "/settings",
    "/settings/mail",
    "/settings/web-proxy",
    "/event-webhooks",
    "/event-webhooks/add",
    "/mails",
    "/users",
    "/users/add",
    "/tokens",
    "/tokens/add",
    "/audit?search=nobody",
    "/account",
    "/account/sessions",
    "/account/second-factor",
    "/system",
    "/system/trouble?complaint=login_fails",
    "/system/backups",
    "/system/certificate",
    "/system/log",
    "/welcome",
    "/welcome/place",
    "/welcome/certificate",
    "/welcome/extensions",
    "/welcome/phone",
    "/welcome/push",
    "/nowhere",
];

/// English words that no German sentence has.
const ENGLISH: &[&str] = &[
    "the", "and", "of", "is", "are", "with", "phone", "phones", "not", "your", "this", "for", "it", "to", "no", "yes",
];

async fn ask(bench: &Bench, path: &str, cookie: &str, accept: &str) -> Answer {
    let request = request(Method::GET, path, cookie).header(header::ACCEPT_LANGUAGE, accept);
    bench.send(request.body(Body::empty()).unwrap()).await
}

/// A company that has chosen German, with two phones.
async fn german() -> (Bench, String) {
    let (bench, cookie) = Bench::signed_in().await;
    let saved = bench.post("/welcome/place", &cookie, "country=DE&language=de").await;
    assert_eq!(saved.status, StatusCode::SEE_OTHER, "{}", saved.body);
    bench.add("101", "Anna").await;
    bench.add("102", "Ben").await;
    bench.give_device(sleeping(1, "101", "com.example.app"));
    bench.give_device(sleeping(2, "102", "com.example.app"));
    (bench, cookie)
}

/// The words of a page: without markup, code and what was typed.
fn words(body: &str) -> Vec<String> {
    let mut text = String::new();
    let mut rest = body.split_once("<body").map_or(body, |(_, rest)| rest);
    while let Some((before, tag)) = rest.split_once('<') {
        text.push_str(before);
        text.push(' ');
        let (name, behind) = tag.split_once('>').unwrap_or((tag, ""));
        let hidden = ["code", "pre", "textarea", "option"].into_iter().find(|quiet| name.starts_with(quiet));
        rest = match hidden {
            Some(quiet) => behind.split_once(&format!("</{quiet}")).map_or("", |(_, behind)| behind),
            None if name.contains("class=\"mono") || name.contains("class=\"fingerprint") => {
                behind.split_once("</").map_or("", |(_, behind)| behind)
            }
            None => behind,
        };
    }
    text.split(|letter: char| !letter.is_alphanumeric() && letter != '-').map(str::to_owned).collect()
}

#[tokio::test]
async fn pages_before_signing_in_follow_the_browser_until_the_company_has_chosen() {
    let (bench, cookie) = Bench::signed_in().await;
    let german = ask(&bench, "/sign-in", "", "de-DE,de;q=0.9,en;q=0.8").await.body;
    assert!(german.contains("<html lang=\"de\">") && german.contains("Anmelden"), "{german}");
    let english = ask(&bench, "/sign-in", "", "fr;q=0.9").await.body;
    assert!(english.contains("<html lang=\"en\">") && english.contains("Sign in"), "{english}");
    let saved = bench.post("/welcome/place", &cookie, "country=GB&language=en").await;
    assert_eq!(saved.status, StatusCode::SEE_OTHER);
    let chosen = ask(&bench, "/sign-in", "", "de").await.body;
    assert!(chosen.contains("<html lang=\"en\">"), "the company's goes before the browser's");
}

#[tokio::test]
async fn a_persons_own_language_goes_before_that_of_the_company_at_once() {
    let (bench, cookie) = german().await;
    assert!(bench.get("/", &cookie).await.body.contains("<html lang=\"de\">"));
    let kept = bench.post("/account/language", &cookie, "language=en").await;
    assert_eq!(kept.header(header::LOCATION), "/account?done=saved");
    let page = bench.get("/account", &cookie).await.body;
    assert!(page.contains("<html lang=\"en\">") && page.contains("value=\"en\" selected"), "{page}");
    let other = bench.session_of("ben", Role::ReadOnly, None).await;
    assert!(bench.get("/", &other).await.body.contains("<html lang=\"de\">"), "it is of one person");
    assert_eq!(bench.post("/account/language", &cookie, "language=tlh").await.status, StatusCode::SEE_OTHER);
    assert!(bench.get("/account", &cookie).await.body.contains("<html lang=\"de\">"), "an unknown one is none");
}

#[tokio::test]
async fn every_page_of_a_german_company_is_german() {
    let (bench, cookie) = german().await;
    let mut left = Vec::new();
    for path in PAGES {
        let page = bench.get(path, &cookie).await;
        assert!(page.body.contains("<html lang=\"de\">"), "{path} {}", page.body);
        // What the machine says of a name it cannot reach is its own.
        if path == &"/welcome/certificate" {
            continue;
        }
        let found: Vec<_> = words(&page.body).into_iter().filter(|word| ENGLISH.contains(&word.as_str())).collect();
        if !found.is_empty() {
            left.push(format!("{path}: {found:?}"));
        }
    }
    assert!(left.is_empty(), "{left:#?}");
}

#[tokio::test]
async fn times_and_states_inside_sentences_stay_markup() {
    let (bench, cookie) = german().await;
    for language in ["de", "en"] {
        assert_eq!(
            bench.post("/account/language", &cookie, &format!("language={language}")).await.status,
            StatusCode::SEE_OTHER
        );
        for path in PAGES {
            let page = bench.get(path, &cookie).await.body;
            for broken in ["&#60;time", "&#60;span", "&#60;b&#62;", "&lt;", "{ $", "{$"] {
                assert!(!page.contains(broken), "{language} {path} shows {broken}");
            }
        }
    }
}

#[tokio::test]
async fn a_hostile_name_is_text_inside_a_german_sentence() {
    const HOSTILE: &str = "<script>alert(1)</script>{ $name }\u{202e}";
    let (bench, cookie) = german().await;
    let mut device = sleeping(3, "101", HOSTILE);
    device.user_agent = HOSTILE.into();
    bench.give_device(device);
    let searched = format!("/extensions?search={}", percent_encode(HOSTILE));
    for path in [searched.as_str(), "/devices/3/forget", "/phones", "/push/tokens", "/push/apps", "/"] {
        let page = bench.get(path, &cookie).await.body;
        assert!(!page.contains("<script>alert"), "{path}");
        assert!(page.contains("<html lang=\"de\">"), "{path}");
    }
    let page = bench.get(&searched, &cookie).await.body;
    let said = "Keine Nummer und kein Name enthält „&#60;script&#62;alert(1)&#60;/script&#62;{ $name }\u{202e}“.";
    assert!(page.contains(said), "{page}");
}

#[tokio::test]
async fn the_api_and_its_problems_stay_english() {
    let (bench, cookie) = german().await;
    let missing = bench.api(Method::POST, "/extensions/999/enrolments", "{}").await;
    assert_eq!(missing.json()["detail"], "there is no extension 999", "{}", missing.body);
    let advice = bench.api(Method::GET, "/doctor", "").await;
    assert!(advice.body.contains("There is no push credential"), "{}", advice.body);
    let page = bench.get("/extensions/999", &cookie).await;
    assert!(page.body.contains("Es gibt keine Nebenstelle 999."), "the page says the same in German: {}", page.body);
    let metrics = ask(&bench, "/api/v1/metrics", &cookie, "de").await;
    assert!(metrics.body.contains("# HELP") && !metrics.body.contains("Anruf"), "{}", metrics.body);
}

#[tokio::test]
async fn a_refused_form_says_why_in_german_and_keeps_what_was_typed() {
    let (bench, cookie) = german().await;
    let answer = bench.post("/extensions", &cookie, "number=10x&name=Carla&email=nomail&secret=short").await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    for said in ["„x“ ist keine Ziffer", "„nomail“ ist keine Mailadresse", "Das SIP-Kennwort hat 5 Zeichen"] {
        assert!(answer.body.contains(said), "{said}: {}", answer.body);
    }
    assert!(answer.body.contains("value=\"Carla\""));
}

#[tokio::test]
async fn dates_follow_the_language_and_machines_read_the_same() {
    let (bench, cookie) = german().await;
    let page = bench.get("/extensions/101", &cookie).await.body;
    assert!(page.contains("<time datetime=\"2026-09-21T14:13:20Z\""), "{page}");
    assert!(page.contains("21.09.2026 16:13:20"), "in the zone of Berlin, the day first: {page}");
}

#[tokio::test]
async fn a_setup_document_may_name_the_language() {
    let bench = Bench::new().await;
    let wrong = bench.api(Method::POST, "/setup", r#"{"place":{"country":"DE","language":"tlh"}}"#).await;
    assert!(wrong.body.contains("place.language"), "{}", wrong.body);
    let done = bench.api(Method::POST, "/setup", r#"{"place":{"country":"DE","language":"de"}}"#).await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.body);
    assert!(ask(&bench, "/sign-in", "", "en").await.body.contains("<html lang=\"de\">"));
    assert_eq!(
        bench.state.enrolments.language().get(),
        Some(crate::language::Language::German),
        "links and mails follow"
    );
}
