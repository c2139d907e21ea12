//! A link sets up one phone, once, by an explicit act, and nothing that only looks at it uses it up or keeps it.

use std::time::Duration;

use nightbell::phone::CallEnd;
use pbx_core::model::Presence;
use serde_json::{Value, json};

use crate::support::SOON;
use crate::support::linphone::LinphoneApp;
use crate::support::office::device;
use crate::support::server::TestServer;

async fn link(server: &TestServer) -> String {
    let (status, issued) = server.local().post("/extensions/102/enrolments", &json!({})).await;
    assert_eq!(status, 201, "{issued}");
    issued["url"].as_str().unwrap().to_owned()
}

async fn states(server: &TestServer) -> Vec<String> {
    let (_, links) = server.local().get("/enrolments?extension=102").await;
    let links = links["enrolments"].as_array().unwrap().clone();
    links.into_iter().map(|link| link["state"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn linphone_sets_itself_up_from_the_link_alone_and_is_woken_for_a_call() {
    let server = TestServer::start_as("localhost").await;
    let mut apns = server.apns().await;
    server.add_extension("101", "Front desk").await;
    server.add_extension("102", "Anna").await;
    let desk = server.phone("101").domain("localhost").build().unwrap();
    desk.register(300, SOON).await.unwrap();

    let app = LinphoneApp::install_from_link(&link(&server).await, &server.authority());
    let mut linphone = app.resume();
    linphone.registered(SOON).await;
    let registered = device(&server, |device| device.extension.to_string() == "102").await;
    let binding = registered.live_binding.expect("it is registered");
    assert_eq!(binding.transport, pbx_core::model::Transport::Tls);
    assert_eq!(states(&server).await, ["claimed"]);
    linphone.quit(SOON).await;

    // On a phone the SDK puts the tokens into the Contact; the build for this machine has no push of its own.
    app.set_contact_parameters(&apns.tokens().params());
    let mut linphone = app.resume();
    linphone.registered(SOON).await;
    device(&server, |device| device.wake_target.is_some()).await;
    linphone.kill().await;
    device(&server, |device| device.extension.to_string() == "102" && device.presence == Presence::ReachableByPush)
        .await;

    let call = desk.call("102", SOON).await.unwrap();
    assert_eq!(apns.push(SOON).await.kind, "voip");
    let mut woken = app.resume();
    woken.rings(SOON).await;
    woken.answer().await;
    call.answered(SOON).await.unwrap();
    woken.hang_up().await;
    assert!(matches!(call.ended(SOON).await.unwrap(), CallEnd::PeerHungUp(_)));
    woken.quit(SOON).await;
    server.stop().await;
}

#[tokio::test]
async fn of_fifty_redemptions_at_the_same_time_exactly_one_wins() {
    let server = TestServer::start().await;
    server.add_extension("102", "Anna").await;
    let (url, web) = (link(&server).await, server.web());
    let attempts = (0..50).map(|n| {
        let request = match n % 3 {
            0 => web.http.post(&url),
            1 => web.http.get(&url).header("x-linphone-provisioning", "1"),
            _ => web
                .http
                .post(format!("{}/api/v1/device/pair", server.app.base_url))
                .header("content-type", "application/json")
                .body(json!({ "code": url }).to_string()),
        };
        async move { request.send().await.unwrap().status().as_u16() }
    });
    let answers = futures_util::future::join_all(attempts).await;
    let won = answers.iter().filter(|status| matches!(status, 200 | 201)).count();
    assert_eq!(won, 1, "{answers:?}");
    assert!(answers.iter().all(|status| matches!(status, 200 | 201 | 404 | 429)), "{answers:?}");
    let (_, detail) = server.local().get("/extensions/102").await;
    assert_eq!(detail["accounts"].as_array().unwrap().len(), 2, "its own and one of the phone: {detail}");
    server.stop().await;
}

#[tokio::test]
async fn whoever_only_looks_at_a_link_uses_nothing_up() {
    let server = TestServer::start().await;
    server.add_extension("102", "Anna").await;
    let (url, web) = (link(&server).await, server.web());
    for agent in [
        "WhatsApp/2.24.8.78 A",
        "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0 Safari/537.36 SafeLinks",
        "Mozilla/5.0 (compatible; Microsoft URL Preview)",
        "facebookexternalhit/1.1 Facebot Twitterbot/1.0",
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        "TelegramBot (like TwitterBot)",
        "Mozilla/5.0 (compatible; bingbot/2.0)",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)",
        "Zoiper rv2.10",
        "Groundwire/6.1",
        "curl/8.9",
        "",
    ] {
        for purpose in
            [None, Some(("sec-purpose", "prefetch")), Some(("purpose", "preview")), Some(("x-moz", "prefetch"))]
        {
            for method in [reqwest::Method::GET, reqwest::Method::HEAD] {
                let mut request = web.http.request(method, &url).header("user-agent", agent);
                if let Some((name, value)) = purpose {
                    request = request.header(name, value);
                }
                let answer = request.send().await.unwrap();
                assert_eq!(answer.status(), 200);
                let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
                assert_eq!(
                    (header("referrer-policy").as_str(), header("cache-control").as_str()),
                    ("no-referrer", "no-store")
                );
                assert!(header("x-robots-tag").contains("noindex"));
            }
        }
    }
    let head = web.http.head(&url).header("x-linphone-provisioning", "1").send().await.unwrap();
    assert_eq!(head.status(), 200);
    assert_eq!(states(&server).await, ["issued"]);
    server.stop().await;
}

#[tokio::test]
async fn an_app_that_cannot_say_who_it_is_gets_an_address_of_its_own_by_a_press_of_a_button() {
    let server = TestServer::start().await;
    server.add_extension("102", "Anna").await;
    let (url, web) = (link(&server).await, server.web());
    let (status, page) = web.post_form(&url, "app=groundwire").await;
    assert_eq!(status, 200);
    assert_eq!(states(&server).await, ["issued"], "the button alone uses nothing up");
    let rest = page.split("provlinkbs://").nth(1).unwrap().split('"').next().unwrap();
    let token = url.rsplit('/').next().unwrap();
    assert!(!rest.contains(token) && rest.contains("/p/fetch/"), "the link's token is in no later address");
    let address = format!("https://{rest}");
    assert_eq!(web.http.head(&address).send().await.unwrap().status(), 404, "a HEAD looks and uses nothing up");
    let (status, xml) = web.get(&address).await;
    assert_eq!(status, 200);
    assert!(xml.contains("<pushTokenReporterUrl>") && xml.contains("<password>"), "{xml}");
    assert_eq!((web.get(&address).await.0, web.get(&url).await.0), (404, 404));
    assert_eq!(states(&server).await, ["claimed"]);
    server.stop().await;
}

#[tokio::test]
async fn a_pending_code_disturbs_no_phone_and_a_lost_phone_is_out_with_one_click() {
    let server = TestServer::start().await;
    server.add_extension("102", "Anna").await;
    let web = server.web();
    let first = link(&server).await;
    let redeemed = web.http.post(&first).header("accept", "application/json").send().await.unwrap();
    let profile: Value = serde_json::from_str(&redeemed.text().await.unwrap()).unwrap();
    let text = |name: &str| profile["account"][name].as_str().unwrap().to_owned();
    let phone = server.phone("102").username(text("auth_username")).secret(text("secret")).build().unwrap();
    phone.register(300, SOON).await.unwrap();
    link(&server).await;
    phone.register(300, SOON).await.unwrap();

    let (_, links) = server.local().get("/enrolments?extension=102").await;
    let claimed = links["enrolments"].as_array().unwrap().iter().find(|link| link["state"] == "claimed").unwrap();
    let id = claimed["id"].as_str().unwrap();
    let (status, new) = server.local().post(&format!("/enrolments/{id}/replace"), &json!({})).await;
    assert_eq!(status, 201, "{new}");
    assert!(phone.register(300, Duration::from_secs(5)).await.is_err(), "the lost phone is out");
    assert_eq!(web.get(new["url"].as_str().unwrap()).await.0, 200);
    server.stop().await;
}
