//! From an empty data directory to a phone that rang, by the setup pages alone; then every page is photographed and judged.

use std::path::{Path, PathBuf};

use nightbell::phone::{Phone, Transport};
use serde_json::json;
use uuid::Uuid;

use crate::support::SOON;
use crate::support::browser::{Browser, DESKTOP, Look};
use crate::support::server::{TestApns, TestServer};

const PASSWORD: &str = "otter lantern gravel violin";
const WIDE: Look = Look { width: 1200, ..DESKTOP };
const SMALL: Look = Look { width: 360, ..DESKTOP };

/// Every page of the page map.
const PAGES: &[&str] = &[
    "/",
    "/welcome",
    "/welcome/place",
    "/welcome/certificate",
    "/welcome/extensions",
    "/welcome/push",
    "/welcome/phone",
    "/welcome/phone/101",
    "/extensions",
    "/phones",
    "/extensions/import",
    "/extensions/101",
    "/extensions/101/secret",
    "/extensions/101/remove",
    "/devices/unseen",
    "/desk-phones",
    "/desk-phones/import",
    "/desk-phones/templates",
    "/desk-phones/80:5e:c0:12:34:56/preview",
    "/calls",
    "/calls?ending=completed",
    "/calls/1",
    "/calls/3",
    "/push",
    "/push/apps",
    "/push/tokens",
    "/push/health",
    "/push/network",
    "/push/help",
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
    "/mails",
    "/users",
    "/users/1",
    "/users/add",
    "/tokens",
    "/tokens/add",
    "/audit",
    "/system",
    "/system/trouble",
    "/system/network",
    "/system/api",
    "/system/backups",
    "/system/certificate",
    "/system/log",
    "/settings/web-proxy",
    "/event-webhooks",
    "/account",
    "/account/second-factor",
    "/account/passkeys",
    "/account/passkeys/add",
    "/account/sessions",
    "/account/confirm",
    "/nothing-here",
];

/// Makes the owner and ends on the list of steps.
async fn become_owner(server: &TestServer, browser: &Browser, album: &mut Album) {
    let link = web_admin::setup::setup_link(&server.app.store, &server.app.base_url).await.unwrap();
    browser.go(&link.url).await;
    album.take(browser, "setup").await;
    browser.fill("[name=name]", "owner").await;
    browser.fill("[name=password]", PASSWORD).await;
    browser.fill("[name=again]", PASSWORD).await;
    browser.click("button.primary").await;
    browser.shows("Your account is ready").await;
    album.take(browser, "sign-in").await;
    browser.fill("[name=name]", "owner").await;
    browser.fill("[name=password]", PASSWORD).await;
    browser.click("button.primary").await;
    browser.shows("0 of 8 steps are done").await;
}

/// A certificate as an authority would sign it: not by Nightbell, for 127.0.0.1.
fn own_certificate() -> (String, String) {
    let key = rcgen::KeyPair::generate().unwrap();
    let made = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap().self_signed(&key).unwrap();
    (made.pem(), key.serialize_pem())
}

/// Skips the first step that is open.
async fn skip(browser: &Browser, done: &str) {
    browser.click("form[action='/welcome/skip'] button").await;
    browser.shows(done).await;
}

/// The steps before the first phone.
async fn answer_the_questions(server: &TestServer, browser: &Browser) -> TestApns {
    skip(browser, "0 of 8 steps are done").await;
    browser.click("#next-step").await;
    browser.fill("[name=time_zone]", "Europe/Nowhere").await;
    browser.click("main button.primary").await;
    browser.shows("is no time zone").await;
    browser.choose("[name=country]", "JP").await;
    browser.fill("[name=time_zone]", "").await;
    browser.click("main button.primary").await;
    browser.shows("1 of 8 steps are done").await;

    browser.click("#next-step").await;
    browser.shows("Nightbell made this certificate itself").await;
    browser.shows("with the certificate in force").await;
    let ((chain, key), (_, other_key)) = (own_certificate(), own_certificate());
    browser.fill("[name=certificate]", &chain).await;
    browser.fill("[name=key]", &other_key).await;
    browser.click("main button.primary").await;
    browser.shows("does not belong to the first certificate").await;
    browser.fill("[name=key]", &key).await;
    browser.click("main button.primary").await;
    browser.shows("The certificate is in force").await;
    browser.shows("a certificate authority").await;
    browser.shows("with the certificate in force").await;

    // The key that the stand-in takes, in place of Apple's; so the way to it is what the network check looks at.
    let apns = server.apns().await;
    browser.go("/welcome").await;
    browser.click("#next-step").await;
    browser.click("#check-network").await;
    browser.shows("Checked").await;

    browser.go("/welcome").await;
    browser.click("#next-step").await;
    browser.fill("[name=people]", "Anna Berg anna@example.com\n102 Ben Carter").await;
    browser.click("#look").await;
    browser.shows("Ready to be added: 2").await;
    browser.click("#add-all").await;
    browser.shows("5 of 8 steps are done").await;
    skip(browser, "5 of 8 steps are done").await;
    apns
}

/// An app that was set up with the link on the page.
async fn app_from_the_page(server: &TestServer, browser: &Browser, apns: &TestApns) -> Phone {
    let url = browser.run("return document.querySelector('#the-link').textContent").await;
    let profile = redeem(url.as_str().unwrap()).await;
    let account = |field: &str| profile["account"][field].as_str().unwrap().to_owned();
    Phone::builder(server.tcp())
        .extension("101")
        .username(account("auth_username"))
        .secret(account("secret"))
        .user_agent("LinphoneiOS/6.1 (iPhone)")
        .transport(Transport::Tcp)
        .instance(Uuid::new_v4())
        .push_params(format!(";{}", apns.tokens().params()))
        .build()
        .unwrap()
}

#[tokio::test]
async fn a_new_owner_gets_from_an_empty_folder_to_a_phone_that_rang_by_the_pages_alone() {
    let server = TestServer::start().await;
    let browser = Browser::open(&server.app.base_url, WIDE).await;
    let mut album = Album::open();
    become_owner(&server, &browser, &mut album).await;
    let mut apns = answer_the_questions(&server, &browser).await;

    browser.go("/welcome").await;
    browser.click("#next-step").await;
    browser.click("main button.primary").await;
    browser.shows("Waiting for the phone").await;
    album.take(&browser, "welcome-phone-code").await;
    let app = app_from_the_page(&server, &browser, &apns).await;
    app.register(3600, SOON).await.unwrap();
    browser.shows("The phone is here.").await;

    browser.click("#call-me").await;
    let call = app.incoming(SOON).await.unwrap();
    assert_eq!(call.caller(), "nightbell");
    call.ring().unwrap();
    browser.shows("Ringing…").await;
    call.answer().unwrap();
    call.hears_itself(10, SOON).await.unwrap();
    call.hang_up(SOON).await.unwrap();
    browser.shows("It rang.").await;

    app.unregister(SOON).await.unwrap();
    app.background().await;
    browser.shows("The phone was here and sleeps now.").await;
    browser.click("#ring-me").await;
    apns.push(SOON).await;
    app.wake(3600, SOON).await.unwrap();
    let call = app.incoming(SOON).await.unwrap();
    call.answer().unwrap();
    call.hears_itself(1, SOON).await.unwrap();
    browser.shows("It was woken in").await;
    call.hang_up(SOON).await.unwrap();
    let (record, _) = server.good_call(SOON).await;
    assert!(record.is_test() && record.callee == "101", "{record:?}");

    something_on_every_page(&server).await;
    for page in PAGES {
        browser.go(page).await;
        let name = if *page == "/" { "dashboard" } else { page.trim_start_matches('/') };
        album.take(&browser, &name.replace(['/', '?', '='], "-")).await;
    }
    let complaints = browser.complaints().await;
    assert!(album.barriers.is_empty(), "{:#?}", album.barriers);
    // What was typed wrong on purpose, and the page that is not there.
    let expected = |line: &String| line.contains("status of 422") || line.contains("/nothing-here");
    assert!(complaints.iter().all(expected), "{complaints:#?}");
    browser.close().await;
    server.stop().await;
}

/// What the first run leaves empty: a call between two phones, a desk phone, an API token.
async fn something_on_every_page(server: &TestServer) {
    server.add_extension("103", "Desk").await;
    let desk = server.phone("103").user_agent("Yealink SIP-T54W 96.86.0.75").build().unwrap();
    desk.register(3600, SOON).await.unwrap();
    let call = desk.call("102", SOON).await.unwrap();
    call.ended(SOON).await.unwrap();
    let local = server.local();
    let phone = json!({ "mac": "805ec0123456", "vendor": "yealink", "model": "T54W", "extension": "103" });
    let (status, made) = local.post("/desk-phones", &phone).await;
    assert_eq!(status, 201, "{made}");
    let template = json!({ "family": "yealink", "model": "T5", "settings": "phone_setting.backlight_time = 60" });
    let (status, made) = local.put("/desk-phones/templates", &template).await;
    assert_eq!(status, 200, "{made}");
    let (status, made) = local.post("/tokens", &json!({ "name": "Monitoring", "scopes": ["metrics"] })).await;
    assert_eq!(status, 201, "{made}");
}

/// Takes the link as an app does.
async fn redeem(url: &str) -> serde_json::Value {
    let web = reqwest::Client::builder().tls_danger_accept_invalid_certs(true).no_proxy().build().unwrap();
    let answer = web.post(url).header("accept", "application/json").send().await.unwrap();
    assert!(answer.status().is_success(), "the link sets up a phone: {}", answer.status());
    answer.json().await.unwrap()
}

/// Pictures under `target/screenshots`, and what is wrong with the pages in them.
struct Album {
    folder: PathBuf,
    barriers: Vec<String>,
}

impl Album {
    fn open() -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/screenshots");
        std::fs::create_dir_all(&folder).unwrap();
        Self { folder, barriers: Vec::new() }
    }

    /// Photographs the page in two widths and two themes, and looks for what keeps people out.
    async fn take(&mut self, browser: &Browser, name: &str) {
        for look in [WIDE, Look { dark: true, ..WIDE }, SMALL, Look { dark: true, ..SMALL }] {
            browser.wear(look).await;
            let theme = if look.dark { "dark" } else { "light" };
            browser.picture(&self.folder.join(format!("{name}-{}-{theme}.png", look.width))).await;
            let wide = browser.run("return document.documentElement.scrollWidth").await;
            if wide.as_u64().is_none_or(|wide| wide > u64::from(look.width)) {
                self.barriers.push(format!("{name} is {wide} wide at {}", look.width));
            }
            // Each width and each theme once: contrast hangs on the theme, order and names on the width.
            if look.dark == (look.width == SMALL.width) {
                let found = browser.barriers().await;
                self.barriers.extend(found.into_iter().map(|it| format!("{name} ({}, {theme}): {it}", look.width)));
            }
        }
        browser.wear(WIDE).await;
    }
}
