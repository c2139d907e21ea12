//! The admin's pages in a real browser: from the setup link to a phone that shows up by itself.

use std::time::Duration;

use nightbell::phone::{Phone, TlsTrust, Transport};
use uuid::Uuid;

use crate::support::SOON;
use crate::support::browser::{Browser, DESKTOP, Look};
use crate::support::server::{TestApns, TestServer};

/// The owner's.
pub(crate) const PASSWORD: &str = "otter lantern gravel violin";

/// Makes the owner's account through the setup page and ends signed in, on the dashboard.
pub(crate) async fn set_up(server: &TestServer, browser: &Browser) {
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
    browser.shows("Dashboard").await;
}

async fn add_extension(browser: &Browser, number: &str, name: &str) {
    browser.go("/extensions").await;
    if browser.run("return document.querySelector('#add').open").await == false {
        browser.click("#add summary").await;
    }
    browser.fill("[name=number]", number).await;
    browser.fill("[name=name]", name).await;
    browser.fill("[name=secret]", &format!("secret-of-{number}")).await;
    browser.click("#add button.primary").await;
    browser.shows("Desk phone? Type this into it").await;
}

#[tokio::test]
async fn an_admin_sees_a_phone_register_fall_asleep_and_be_woken_without_touching_the_page() {
    let server = TestServer::start().await;
    let mut apns = server.apns().await;
    let browser = Browser::open(&server.app.base_url, DESKTOP).await;
    set_up(&server, &browser).await;
    add_extension(&browser, "101", "Front desk").await;
    add_extension(&browser, "102", "Anna").await;

    browser.go("/extensions/102").await;
    browser.shows("No phone yet").await;
    let tokens = apns.tokens();
    let trust = TlsTrust::Authority { pem: server.authority(), name: "localhost".to_owned() };
    let tls = Phone::builder(server.tls()).extension("102").secret("secret-of-102");
    let app = tls
        .transport(Transport::Tls(trust))
        .instance(Uuid::new_v4())
        .push_params(format!(";{}", tokens.params()))
        .build()
        .unwrap();
    app.register(3600, SOON).await.unwrap();
    browser.shows("Reached over").await;
    app.background().await;
    browser.shows("Apple (APNs)").await;
    browser.shows("Armed: the next call wakes it").await;

    let desk = server.phone("101").build().unwrap();
    desk.register(3600, SOON).await.unwrap();
    let call = desk.call("102", SOON).await.unwrap();
    apns.push(SOON).await;
    app.wake(3600, SOON).await.unwrap();
    let ringing = app.incoming(SOON).await.unwrap();
    ringing.answer().unwrap();
    call.answered(SOON).await.unwrap();
    browser.shows("It registered after").await;
    browser.go("/calls").await;
    browser.shows("Front desk").await;
    let complaints = browser.complaints().await;
    assert!(complaints.is_empty(), "{complaints:?}");
    browser.close().await;
    server.stop().await;
}

/// Every page that needs no more than an extension and a call.
const PAGES: [&str; 24] = [
    "/",
    "/extensions",
    "/extensions/import",
    "/extensions/101",
    "/extensions/101/secret",
    "/extensions/101/remove",
    "/push",
    "/push/apps",
    "/push/health",
    "/push/network",
    "/push/help",
    "/push/help?symptom=all_phones",
    "/push/help?symptom=only_this_device",
    "/push/apns",
    "/push/apns-certificate",
    "/push/fcm",
    "/push/hms",
    "/push/webhook",
    "/push/webpush",
    "/push/acrobits",
    "/calls",
    "/settings",
    "/system",
    "/account",
];

/// Two apps of 101 that sleep: one that can be pushed, and one whose app has no credential.
async fn sleeping_apps(server: &TestServer, apns: &TestApns) -> (Phone, Phone) {
    let params = [apns.tokens().params(), "pn-provider=fcm;pn-param=acme-phone;pn-prid=token".to_owned()];
    let app = |params: &str| {
        Phone::builder(server.tcp())
            .extension("101")
            .secret("secret-of-101")
            .transport(Transport::Tcp)
            .instance(Uuid::new_v4())
            .push_params(format!(";{params}"))
            .build()
            .unwrap()
    };
    let (one, other) = (app(&params[0]), app(&params[1]));
    for phone in [&one, &other] {
        phone.register(3600, SOON).await.unwrap();
        phone.unregister(SOON).await.unwrap();
        phone.background().await;
    }
    (one, other)
}

#[tokio::test]
async fn every_page_fits_a_small_phone_in_the_dark() {
    let server = TestServer::start().await;
    let browser = Browser::open(&server.app.base_url, Look { width: 360, dark: true, ..DESKTOP }).await;
    set_up(&server, &browser).await;
    add_extension(&browser, "101", "Front desk").await;
    let mut apns = server.apns().await;
    server.add_extension("102", "Anna").await;
    let desk = server.phone("102").build().unwrap();
    desk.register(3600, SOON).await.unwrap();
    let (app, stranger) = sleeping_apps(&server, &apns).await;
    let call = desk.call("101", SOON).await.unwrap();
    apns.push(SOON).await;
    app.wake(3600, SOON).await.unwrap();
    app.incoming(SOON).await.unwrap().answer().unwrap();
    call.answered(SOON).await.unwrap();
    drop(stranger);
    browser.go("/push/network").await;
    browser.click("#check-network").await;
    browser.shows("Checked").await;
    browser.shows("The provider speaks HTTP/2").await;
    for page in PAGES {
        browser.go(page).await;
        let wide = browser.run("return document.documentElement.scrollWidth").await;
        assert_eq!(wide, 360, "{page} is wider than the phone");
        let back = browser.run("return getComputedStyle(document.body).backgroundColor").await;
        let light = back.as_str().is_some_and(|color| color.contains("255, 255, 255") || color.contains("24"));
        assert!(!light, "{page} is {back} in the dark");
        let unnamed = "return [...document.querySelectorAll('input:not([type=hidden]),select,textarea,button,a[href]')]\
            .filter(e => !(e.labels?.length || e.textContent?.trim() || e.ariaLabel || e.title)).map(e => e.outerHTML)";
        assert_eq!(browser.run(unnamed).await, serde_json::json!([]), "{page} has controls without a name");
    }
    let complaints = browser.complaints().await;
    assert!(complaints.is_empty(), "{complaints:?}");
    browser.close().await;
    server.stop().await;
}

#[tokio::test]
async fn the_pages_work_without_scripts() {
    let server = TestServer::start().await;
    let browser = Browser::open(&server.app.base_url, Look { scripts: false, ..DESKTOP }).await;
    set_up(&server, &browser).await;
    add_extension(&browser, "101", "Front desk").await;
    browser.go("/extensions/101").await;
    browser.click("#switch-push").await;
    browser.shows("Push is off").await;
    browser.click("form[action$='/pair'] button").await;
    browser.shows("scan QR code").await;
    let _apns = server.apns().await;
    browser.go("/push/network").await;
    browser.click("#check-network").await;
    browser.shows("Reached").await;
    browser.shows("Checked").await;
    browser.go("/push/webhook").await;
    browser.fill("[name=url]", "http://push.example.com").await;
    browser.fill("[name=secret]", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").await;
    browser.click("form[action='/push/webhook'] button.primary").await;
    browser.shows("it must begin with https://").await;
    browser.go("/push/webpush").await;
    browser.fill("[name=contact]", "nobody").await;
    browser.click("form[action='/push/webpush'] button.primary").await;
    browser.shows("The contact “nobody” cannot be used").await;
    browser.fill("[name=contact]", "admin@example.com").await;
    browser.click("form[action='/push/webpush'] button.primary").await;
    browser.shows("Public key for apps").await;
    browser.shows("mailto:admin@example.com").await;
    browser.close().await;
    tokio::time::timeout(Duration::from_secs(30), server.stop()).await.unwrap();
}
