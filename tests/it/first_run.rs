//! From an empty data directory to a phone that rang, by the setup pages alone; then every page is photographed and judged.

use std::path::Path;

use nightbell::phone::{Phone, Transport};
use uuid::Uuid;

use crate::support::SOON;
use crate::support::browser::{Browser, DESKTOP, Look};
use crate::support::server::TestServer;

const PASSWORD: &str = "otter lantern gravel violin";
const WIDE: Look = Look { width: 1200, ..DESKTOP };
const SMALL: Look = Look { width: 360, ..DESKTOP };

/// Every page that the first run leaves something to show on.
const PAGES: &[&str] = &[
    "/",
    "/welcome",
    "/welcome/place",
    "/welcome/certificate",
    "/welcome/extensions",
    "/welcome/push",
    "/welcome/phone",
    "/welcome/phone/102",
    "/extensions",
    "/extensions/import",
    "/extensions/102",
    "/extensions/102/remove",
    "/calls",
    "/push",
    "/push/apps",
    "/push/health",
    "/push/network",
    "/push/help",
    "/push/apns",
    "/push/fcm",
    "/push/webhook",
    "/push/webpush",
    "/push/acrobits",
    "/security",
    "/settings",
    "/settings/mail",
    "/mails",
    "/users",
    "/users/add",
    "/tokens",
    "/tokens/add",
    "/audit",
    "/system",
    "/account",
    "/nothing-here",
];

/// Makes the owner and ends on the list of steps.
async fn become_owner(server: &TestServer, browser: &Browser) {
    let link = web_admin::setup::setup_link(&server.app.store, &server.app.base_url).await.unwrap();
    browser.go(&link.url).await;
    browser.fill("[name=name]", "owner").await;
    browser.fill("[name=password]", PASSWORD).await;
    browser.fill("[name=again]", PASSWORD).await;
    browser.click("button.primary").await;
    browser.shows("Your account is ready").await;
    browser.fill("[name=name]", "owner").await;
    browser.fill("[name=password]", PASSWORD).await;
    browser.click("button.primary").await;
    browser.shows("0 of 7 steps are done").await;
}

/// A certificate as an authority would sign it: not by Nightbell, for 127.0.0.1.
fn own_certificate() -> (String, String) {
    let key = rcgen::KeyPair::generate().unwrap();
    let made = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap().self_signed(&key).unwrap();
    (made.pem(), key.serialize_pem())
}

/// The steps before the first phone.
async fn answer_the_questions(browser: &Browser) {
    browser.click("#next-step").await;
    browser.fill("[name=time_zone]", "Europe/Nowhere").await;
    browser.click("main button.primary").await;
    browser.shows("is no time zone").await;
    browser.fill("[name=time_zone]", "Asia/Tokyo").await;
    browser.click("main button.primary").await;
    browser.shows("1 of 7 steps are done").await;

    browser.click("#next-step").await;
    browser.shows("Nightbell made this certificate itself").await;
    let ((chain, key), (_, other_key)) = (own_certificate(), own_certificate());
    browser.fill("[name=certificate]", &chain).await;
    browser.fill("[name=key]", &other_key).await;
    browser.click("main button.primary").await;
    browser.shows("does not belong to the first certificate").await;
    browser.fill("[name=key]", &key).await;
    browser.click("main button.primary").await;
    browser.shows("The certificate is in force").await;

    browser.go("/welcome").await;
    browser.click("form[action='/welcome/skip'] button").await;
    browser.shows("Skipped").await;
    browser.click("#next-step").await;
    browser.fill("[name=people]", "Anna Berg\n102 Ben Carter").await;
    browser.click("#look").await;
    browser.shows("Ready to be added: 2").await;
    browser.click("#add-all").await;
    browser.shows("3 of 7 steps are done").await;
}

#[tokio::test]
async fn a_new_owner_gets_from_an_empty_folder_to_a_phone_that_rang_by_the_pages_alone() {
    let server = TestServer::start().await;
    let browser = Browser::open(&server.app.base_url, WIDE).await;
    become_owner(&server, &browser).await;
    answer_the_questions(&browser).await;
    let mut apns = server.apns().await;

    browser.go("/welcome/phone").await;
    browser.run("document.querySelector('#number').value = '102'").await;
    browser.click("main button.primary").await;
    browser.shows("Waiting for the phone").await;
    let url = browser.run("return document.querySelector('#the-link').textContent").await;
    let profile = redeem(url.as_str().unwrap()).await;
    let account = |field: &str| profile["account"][field].as_str().unwrap().to_owned();
    let app = Phone::builder(server.tcp())
        .extension("102")
        .username(account("auth_username"))
        .secret(account("secret"))
        .transport(Transport::Tcp)
        .instance(Uuid::new_v4())
        .push_params(format!(";{}", apns.tokens().params()))
        .build()
        .unwrap();
    app.register(3600, SOON).await.unwrap();
    browser.shows("The phone is here.").await;

    server.add_extension("103", "Desk").await;
    let desk = server.phone("103").build().unwrap();
    desk.register(3600, SOON).await.unwrap();
    let call = desk.call("102", SOON).await.unwrap();
    app.incoming(SOON).await.unwrap().answer().unwrap();
    call.answered(SOON).await.unwrap();
    browser.shows("It rang.").await;
    drop(call);

    app.unregister(SOON).await.unwrap();
    app.background().await;
    let second = desk.call("102", SOON).await.unwrap();
    apns.push(SOON).await;
    app.wake(3600, SOON).await.unwrap();
    app.incoming(SOON).await.unwrap().answer().unwrap();
    second.answered(SOON).await.unwrap();
    browser.shows("It was woken in").await;
    let zone = browser.run("return document.cookie").await;
    assert_eq!(zone, "", "no script can read the session");

    photograph_and_judge(&browser).await;
    browser.close().await;
    server.stop().await;
}

/// Takes the link as an app does.
async fn redeem(url: &str) -> serde_json::Value {
    let web = reqwest::Client::builder().tls_danger_accept_invalid_certs(true).no_proxy().build().unwrap();
    let answer = web.post(url).header("accept", "application/json").send().await.unwrap();
    assert!(answer.status().is_success(), "the link sets up a phone: {}", answer.status());
    answer.json().await.unwrap()
}

/// Pictures of every page in two widths and two themes under `target/screenshots`; no barrier on any.
async fn photograph_and_judge(browser: &Browser) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/screenshots");
    std::fs::create_dir_all(&folder).unwrap();
    let mut barriers = Vec::new();
    for page in PAGES.iter().copied() {
        browser.go(page).await;
        let name = if page == "/" { "dashboard".to_owned() } else { page.trim_start_matches('/').replace('/', "-") };
        for look in [WIDE, Look { dark: true, ..WIDE }, SMALL, Look { dark: true, ..SMALL }] {
            browser.wear(look).await;
            let theme = if look.dark { "dark" } else { "light" };
            browser.picture(&folder.join(format!("{name}-{}-{theme}.png", look.width))).await;
            let wide = browser.run("return document.documentElement.scrollWidth").await;
            if wide.as_u64().is_none_or(|wide| wide > u64::from(look.width)) {
                barriers.push(format!("{page} is {wide} wide at {}", look.width));
            }
            // Each width and each theme once: contrast hangs on the theme, order and names on the width.
            if look.dark == (look.width == SMALL.width) {
                let found = browser.barriers().await;
                barriers.extend(found.into_iter().map(|it| format!("{page} ({}, {theme}): {it}", look.width)));
            }
        }
    }
    assert!(barriers.is_empty(), "{barriers:#?}");
}
