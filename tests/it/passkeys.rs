//! Passkeys in a real Chromium, with the virtual authenticator of WebDriver (WebAuthn level 2, section 11).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use sha2::{Digest as _, Sha256};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::admin_pages::{PASSWORD, set_up};
use crate::support::browser::{Browser, DESKTOP, Look};
use crate::support::server::TestServer;

/// The key of the server's certificate, as Chromium is told to trust it: it refuses passkeys where it does not.
fn trusted_key(server: &TestServer) -> String {
    let certificate = CertificateDer::from_pem_slice(server.authority().as_bytes()).unwrap();
    let (_, parsed) = X509Certificate::from_der(&certificate).unwrap();
    STANDARD.encode(Sha256::digest(parsed.public_key().raw))
}

#[tokio::test]
async fn a_passkey_is_made_and_signs_in_with_chromium() {
    let server = TestServer::start_as("localhost").await;
    let browser = Browser::open_trusting(&server.app.base_url, DESKTOP, &trusted_key(&server)).await;
    let device = browser.authenticator().await;
    set_up(&server, &browser).await;

    browser.go("/account/passkeys/add").await;
    browser.fill("[name=name]", "Owner's computer").await;
    browser.click("form[data-passkey] button.primary").await;
    browser.shows("The passkey signs you in from now on").await;
    browser.shows("Owner's computer").await;
    browser.go("/account/passkeys/add").await;
    browser.fill("[name=name]", "Once more").await;
    browser.click("form[data-passkey] button.primary").await;
    browser.shows("This device has a passkey for you already").await;

    browser.click("form[action='/sign-out'] button").await;
    browser.shows("You are signed out").await;
    browser.click("form[data-passkey] button").await;
    browser.shows("What to do next").await;
    browser.go("/account/passkeys").await;
    browser.shows("s ago").await;
    assert!(!browser.text().await.contains("never"), "it was used: {}", browser.text().await);

    // A device that does not check its owner signs nobody in.
    browser.click("form[action='/sign-out'] button").await;
    browser.shows("You are signed out").await;
    browser.verifies(&device, false).await;
    browser.click("form[data-passkey] button").await;
    browser.shows("You are not signed in").await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());
    browser.close().await;

    // Without scripts the page says what is missing, and the password works.
    let plain = Browser::open(&server.app.base_url, Look { scripts: false, ..DESKTOP }).await;
    plain.go("/sign-in").await;
    plain.shows("JavaScript").await;
    plain.fill("[name=name]", "owner").await;
    plain.fill("[name=password]", PASSWORD).await;
    plain.click("form[action='/sign-in'] button.primary").await;
    plain.shows("What to do next").await;
    plain.close().await;
    server.stop().await;
}
