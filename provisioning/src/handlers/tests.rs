//! What the public pages do with a link, seen from outside.

use std::net::SocketAddr;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::Request;
use tower::ServiceExt as _;

use super::*;
use crate::fixture::Fixture;
use crate::throttle::{MISSES, WINDOW};
use crate::{DEFAULT_LIFETIME, EnrolmentState, IssuedLink};

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

async fn ask(fixture: &Fixture, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    ask_from(fixture, "192.0.2.1:4711", (method, path), headers).await
}

async fn ask_from(fixture: &Fixture, peer: &str, line: (&str, &str), headers: &[(&str, &str)]) -> Answer {
    let app = Router::new().nest("/p", fixture.enrolments.routes());
    let mut request = Request::builder().method(line.0).uri(line.1);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut request = request.body(Body::empty()).unwrap();
    request.extensions_mut().insert(ConnectInfo(peer.parse::<SocketAddr>().unwrap()));
    let response = app.oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = String::from_utf8(to_bytes(body, 1 << 20).await.unwrap().to_vec()).unwrap();
    Answer { status: parts.status, headers: parts.headers, body }
}

/// Presses the button of an app on a link's page.
async fn press(fixture: &Fixture, path: &str, app: &str) -> Answer {
    let routes = Router::new().nest("/p", fixture.enrolments.routes());
    let request = Request::builder().method("POST").uri(path).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    let response = routes.oneshot(request.body(Body::from(format!("app={app}"))).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = String::from_utf8(to_bytes(body, 1 << 20).await.unwrap().to_vec()).unwrap();
    Answer { status: parts.status, headers: parts.headers, body }
}

fn path_of(link: &IssuedLink) -> String {
    link.url.reveal().strip_prefix("https://pbx.example.com").unwrap().to_owned()
}

async fn is_open(fixture: &Fixture) -> bool {
    let links = fixture.enrolments.list(crate::fixture::extension()).await.unwrap();
    assert_eq!(links.len(), 1);
    matches!(links[0].state, EnrolmentState::Issued)
}

const BROWSER: (&str, &str) = ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8");
const LINPHONE: (&str, &str) = ("x-linphone-provisioning", "1");

#[tokio::test]
async fn opening_a_link_shows_what_it_is_for_and_uses_nothing_up() {
    let fixture = Fixture::new().await;
    let path = path_of(&fixture.issue().await);
    for _ in 0..3 {
        let answer = ask(&fixture, "GET", &path, &[BROWSER]).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert!(answer.body.contains("Set up a phone for extension 101"));
        assert!(answer.body.contains("It works for another 24 hours."));
        assert!(answer.body.contains(&format!("href=\"linphone-config:https://pbx.example.com{path}\"")));
        assert!(answer.body.contains("<form method=\"post\">"));
    }
    assert!(is_open(&fixture).await);
}

#[tokio::test]
async fn looking_uses_nothing_up_whoever_looks() {
    let fixture = Fixture::new().await;
    let path = path_of(&fixture.issue().await);
    let xml = format!("{path}/linphone.xml");
    for bot in [
        "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
        "facebookexternalhit/1.1",
        "WhatsApp/2.23.20.0",
        "TelegramBot (like TwitterBot)",
        "Mozilla/5.0 (compatible; MSIE 9.0; Windows NT 6.1; Trident/5.0) SkypeUriPreview Preview/0.5",
        "Linphone/5.2 (belle-sip/5.3)",
        "",
    ] {
        for target in [&path, &xml] {
            for method in ["GET", "HEAD"] {
                ask(&fixture, method, target, &[("user-agent", bot)]).await;
                ask(&fixture, method, target, &[("user-agent", bot), ("accept", "application/json")]).await;
            }
        }
    }
    ask(&fixture, "HEAD", &path, &[LINPHONE]).await;
    ask(&fixture, "HEAD", &xml, &[LINPHONE]).await;
    for method in ["PUT", "DELETE", "OPTIONS", "PATCH"] {
        let answer = ask(&fixture, method, &path, &[LINPHONE]).await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{method}");
    }
    assert!(is_open(&fixture).await);
    assert!(fixture.accounts.names().is_empty());
}

#[tokio::test]
async fn the_linphone_app_gets_its_profile_from_the_link_in_the_code() {
    let fixture = Fixture::new().await;
    let path = path_of(&fixture.issue().await);
    let answer = ask(&fixture, "GET", &path, &[LINPHONE, ("user-agent", "LinphoneiOS/5.2")]).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.headers[CONTENT_TYPE], "application/xml; charset=utf-8");
    let account = fixture.accounts.one();
    assert!(answer.body.contains(&format!("<entry name=\"userid\" overwrite=\"true\">{}</entry>", account.username)));
    assert!(answer.body.contains("<entry name=\"realm\" overwrite=\"true\">night &#38; bell</entry>"));
    assert!(!is_open(&fixture).await);
}

#[tokio::test]
async fn the_address_of_the_profile_wants_the_app() {
    let fixture = Fixture::new().await;
    let path = format!("{}/linphone.xml", path_of(&fixture.issue().await));
    let answer = ask(&fixture, "GET", &path, &[BROWSER]).await;
    assert_eq!(answer.status, StatusCode::NOT_ACCEPTABLE);
    assert!(answer.body.contains("has not been used up"));
    assert!(is_open(&fixture).await);
    let answer = ask(&fixture, "GET", &path, &[LINPHONE]).await;
    assert_eq!((answer.status, answer.body.contains("<config xmlns=")), (StatusCode::OK, true));
}

#[tokio::test]
async fn a_post_gives_the_profile_in_the_form_that_was_asked_for() {
    let form = async |suffix: &str, headers: &[(&str, &str)]| {
        let fixture = Fixture::new().await;
        let path = format!("{}{suffix}", path_of(&fixture.issue().await));
        let answer = ask(&fixture, "POST", &path, headers).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert!(!is_open(&fixture).await);
        (answer.headers[CONTENT_TYPE].to_str().unwrap().to_owned(), answer.body)
    };
    let (kind, body) = form("", &[("accept", "application/json"), ("user-agent", "Example/1 (Android 15)")]).await;
    assert_eq!(kind, "application/json");
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["account"]["secret"].as_str().unwrap().len(), 24);
    assert_eq!(body["sip"]["servers"][0]["transport"], "tls");
    assert_eq!(body["push"]["pn_provider"], "fcm");
    let (kind, body) = form("", &[BROWSER]).await;
    assert_eq!(kind, "text/html; charset=utf-8");
    assert!(body.contains("Account for extension 101") && body.contains("<dd>TLS</dd>"));
    assert_eq!(form("", &[LINPHONE]).await.0, "application/xml; charset=utf-8");
    assert_eq!(form("/linphone.xml", &[]).await.0, "application/xml; charset=utf-8");
}

#[tokio::test]
async fn names_with_special_characters_are_escaped() {
    let fixture = Fixture::new().await;
    let page = ask(&fixture, "POST", &path_of(&fixture.issue().await), &[BROWSER]).await.body;
    assert!(page.contains("Anna &#60;b&#62;&#34;&#38;&#34;&#60;/b&#62;"), "{page}");
    let xml = ask(&fixture, "POST", &path_of(&fixture.issue().await), &[LINPHONE]).await.body;
    assert!(
        xml.contains("&#34;Anna &#60;b&#62;\\&#34;&#38;\\&#34;&#60;/b&#62;&#34; &#60;sip:101@example.com&#62;"),
        "{xml}"
    );
    assert!(!page.contains("<b>") && !xml.contains("<b>"));
}

#[tokio::test]
async fn every_link_that_opens_nothing_gets_the_same_answer() {
    let fixture = Fixture::new().await;
    let used = path_of(&fixture.issue().await);
    ask(&fixture, "POST", &used, &[]).await;
    let revoked = fixture.issue().await;
    fixture.enrolments.revoke(revoked.id).await.unwrap();
    let expired = path_of(&fixture.issue().await);
    fixture.pass(DEFAULT_LIFETIME);
    let unknown = format!("/p/{}", "A".repeat(43));
    let expected = ask(&fixture, "GET", "/p/nonsense", &[BROWSER]).await.body;
    assert!(expected.contains("ask whoever sent you the link for a new one"));
    for path in [used, path_of(&revoked), expired, unknown, "/p/a/b/c".into(), "/p/%00".into(), "/p/%ff".into()] {
        for (method, header) in [("GET", BROWSER), ("GET", LINPHONE), ("POST", BROWSER), ("POST", LINPHONE)] {
            let answer = ask(&fixture, method, &path, &[header]).await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{method} {path}");
            assert_eq!(answer.body, expected, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn a_guesser_is_made_to_wait_and_others_are_not() {
    let fixture = Fixture::new().await;
    let good = path_of(&fixture.issue().await);
    let guess = format!("/p/{}", "A".repeat(43));
    for _ in 0..MISSES {
        assert_eq!(ask(&fixture, "GET", &guess, &[]).await.status, StatusCode::NOT_FOUND);
    }
    let answer = ask(&fixture, "POST", &guess, &[]).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(answer.headers[RETRY_AFTER], (WINDOW.as_secs() + 1).to_string());
    assert!(is_open(&fixture).await);
    let elsewhere = ask_from(&fixture, "198.51.100.1:1", ("GET", &guess), &[BROWSER]).await;
    assert_eq!(elsewhere.status, StatusCode::NOT_FOUND);
    let behind_the_same_address = ask(&fixture, "POST", &good, &[]).await;
    assert_eq!(behind_the_same_address.status, StatusCode::OK, "a good link is good for everybody");
    fixture.pass(WINDOW);
    assert_eq!(ask(&fixture, "POST", &guess, &[]).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn bria_is_told_of_its_push_server_as_the_extensions_push_switch_says() {
    for (push_off, word, digit) in [(false, "true", "1"), (true, "false", "0")] {
        let fixture = Fixture::new().await;
        fixture.accounts.push_off.store(push_off, std::sync::atomic::Ordering::SeqCst);
        let answer = press(&fixture, &path_of(&fixture.issue().await), "bria").await;
        assert_eq!(answer.status, StatusCode::OK);
        let has = |line: &str| answer.body.lines().any(|one| one == line);
        assert!(has(&format!("bria.push.enabled={word}")), "{}", answer.body);
        assert!(has(&format!("account1.briaPush.enabled={digit}")), "{}", answer.body);
        assert!(!is_open(&fixture).await);
    }
    // What cannot be asked uses nothing up.
    let fixture = Fixture::new().await;
    let path = path_of(&fixture.issue().await);
    fixture.accounts.gone.store(true, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(press(&fixture, &path, "bria").await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(is_open(&fixture).await);
    assert_eq!(press(&fixture, "/p/nonsense", "bria").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_busy_switchboard_leaves_the_link_good() {
    let fixture = Fixture::new().await;
    let path = path_of(&fixture.issue().await);
    fixture.accounts.disk_full.store(true, std::sync::atomic::Ordering::SeqCst);
    let answer = ask(&fixture, "POST", &path, &[BROWSER]).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.body.contains("has not been used up") && answer.headers.contains_key(RETRY_AFTER));
    assert!(is_open(&fixture).await);
}

#[tokio::test]
async fn nothing_is_cached_framed_or_indexed() {
    let fixture = Fixture::new().await;
    let path = path_of(&fixture.issue().await);
    for (method, path) in [("GET", path.as_str()), ("GET", "/p/nonsense"), ("GET", "/p/a/b"), ("POST", &path)] {
        let headers = ask(&fixture, method, path, &[BROWSER]).await.headers;
        assert_eq!(headers[CACHE_CONTROL], "no-store", "{method} {path}");
        assert_eq!(headers[REFERRER_POLICY], "no-referrer");
        assert_eq!(headers[ROBOTS], "noindex, nofollow");
        assert!(headers[CONTENT_SECURITY_POLICY].to_str().unwrap().contains("frame-ancestors 'none'"));
    }
}

#[tokio::test]
async fn the_page_says_minutes_when_the_link_ends_soon() {
    let fixture = Fixture::new().await;
    let path = path_of(&fixture.issue().await);
    fixture.pass(DEFAULT_LIFETIME - Duration::from_secs(90));
    assert!(ask(&fixture, "GET", &path, &[BROWSER]).await.body.contains("another 2 minutes"));
}

#[tokio::test]
async fn pages_bring_their_own_style() {
    let fixture = Fixture::new().await;
    let style = ask(&fixture, "GET", "/p/style.css", &[]).await;
    assert_eq!(
        (style.status, &style.headers[CONTENT_TYPE]),
        (StatusCode::OK, &"text/css; charset=utf-8".parse().unwrap())
    );
}

#[tokio::test]
async fn a_links_page_follows_the_company_and_before_that_the_browser() {
    use crate::language::Language;
    let fixture = Fixture::new().await;
    let path = path_of(&fixture.issue().await);
    let german = ("accept-language", "de-DE,de;q=0.9");
    let page = ask(&fixture, "GET", &path, &[BROWSER, german]).await.body;
    assert!(page.contains("<html lang=\"de\">") && page.contains("Telefon für Nebenstelle 101 einrichten"), "{page}");
    fixture.enrolments.language().set(Some(Language::English));
    let page = ask(&fixture, "GET", &path, &[BROWSER, german]).await.body;
    assert!(page.contains("<html lang=\"en\">") && page.contains("Set up a phone for extension 101"), "{page}");
    fixture.enrolments.language().set(Some(Language::German));
    let gone = ask(&fixture, "GET", "/p/nonsense", &[BROWSER]).await;
    assert!(gone.status == StatusCode::NOT_FOUND && gone.body.contains("Dieser Link gilt nicht mehr"), "{}", gone.body);
    let account = ask(&fixture, "POST", &path, &[BROWSER]).await.body;
    assert!(account.contains("Konto der Nebenstelle 101") && account.contains("Benutzername"), "{account}");
}

#[tokio::test]
async fn a_link_of_an_extension_that_is_switched_off_stays_good_and_says_so_to_its_holder_only() {
    use std::sync::atomic::Ordering;
    let fixture = Fixture::new().await;
    let path = path_of(&fixture.issue().await);
    let gone = ask(&fixture, "GET", "/p/nonsense", &[BROWSER]).await.body;
    fixture.accounts.off.store(true, Ordering::SeqCst);
    for (method, header) in [("GET", BROWSER), ("GET", LINPHONE), ("POST", BROWSER), ("POST", LINPHONE)] {
        let answer = ask(&fixture, method, &path, &[header]).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{method}");
        assert!(answer.body.contains("switched them off. The link has not been used up"), "{}", answer.body);
        let guess = ask(&fixture, method, "/p/nonsense", &[header]).await;
        assert_eq!((guess.status, &guess.body), (StatusCode::NOT_FOUND, &gone), "a guesser learns nothing");
    }
    let german = ask(&fixture, "GET", &path, &[BROWSER, ("accept-language", "de")]).await.body;
    assert!(german.contains("Die Telefone dieser Nebenstelle sind ausgeschaltet"), "{german}");
    let record = crate::installation::AppRecord::default();
    let paired = fixture.enrolments.pair(&path, None, record).await;
    assert!(matches!(paired, Err(PairError::PhonesOff(_))), "{paired:?}");
    assert!(is_open(&fixture).await && fixture.accounts.names().is_empty());
    fixture.accounts.off.store(false, Ordering::SeqCst);
    assert_eq!(ask(&fixture, "POST", &path, &[BROWSER]).await.status, StatusCode::OK);
}
