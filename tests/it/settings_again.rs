//! The order in which phones and push credentials are set up never matters: a phone that came first is marked, fetches its
//! settings again, and is woken.

use std::time::Duration;

use hyper::Method;
use nightbell::phone::{Phone, Transport};
use push_module::standin::FcmStandin;
use serde_json::{Value, json};
use tokio::time::timeout;
use uuid::Uuid;

use crate::support::SOON;
use crate::support::installation::Installation;

const ANDROID: &str = "LinphoneAndroid/5.2.5 (Pixel 8) LinphoneSDK/5.3";
const PROJECT: &str = "acme-phone";
const SENDER: &str = "123456789012";

/// What Linphone fetched.
struct Fetched {
    username: String,
    secret: String,
    push: Option<String>,
}

/// An entry of Linphone's document.
fn entry(xml: &str, name: &str) -> Option<String> {
    let behind = xml.split(&format!("<entry name=\"{name}\" overwrite=\"true\">")).nth(1)?;
    Some(behind.split('<').next()?.to_owned())
}

/// Linphone's own fetch of its profile, on purpose.
async fn fetch(office: &Installation, url: &str) -> Fetched {
    let authority = reqwest::Certificate::from_pem(office.authority().as_bytes()).unwrap();
    let http = reqwest::Client::builder().no_proxy().tls_certs_only([authority]).build().unwrap();
    let request = http.get(url).header("x-linphone-provisioning", "1").header("user-agent", ANDROID);
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let xml = answer.text().await.unwrap();
    Fetched {
        username: entry(&xml, "userid").unwrap(),
        secret: entry(&xml, "passwd").unwrap(),
        push: entry(&xml, "push_parameters"),
    }
}

async fn post(office: &Installation, path: &str, body: &Value) -> Value {
    let (status, answer) = office.api().ask(Method::POST, path, Some(body)).await.unwrap();
    assert!(status.is_success(), "{path}: {status} {answer}");
    answer
}

/// The device of 102 as the API shows it.
async fn device(office: &Installation) -> Value {
    let detail = office.api().get("/extensions/102").await;
    let devices = detail["device_list"].as_array().unwrap();
    assert_eq!(devices.len(), 1, "{detail}");
    devices[0].clone()
}

fn linphone(office: &Installation, account: &Fetched, instance: Uuid, push: &str) -> Phone {
    Phone::builder(office.tcp)
        .extension("102")
        .username(&account.username)
        .secret(&account.secret)
        .user_agent(ANDROID)
        .transport(Transport::Tcp)
        .instance(instance)
        .push_params(push)
        .build()
        .unwrap()
}

async fn add_firebase(office: &Installation, fcm: &FcmStandin) {
    let push_module::NewCredential::Fcm(account) = fcm.new_credential(PROJECT, Some(SENDER)).unwrap() else {
        panic!("an FCM stand-in gives a service account");
    };
    let body = json!({ "provider": "fcm", "label": "Acme", "service_account_json": account.service_account_json.reveal(),
        "sender_id": account.sender_id, "base_url": account.base_url, "extra_ca_pem": account.extra_ca_pem });
    post(office, "/push/credentials", &body).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_android_phone_that_came_before_firebase_is_marked_fetches_again_and_is_woken() {
    let fcm = FcmStandin::start().await.unwrap();
    fcm.register_token("token-of-anna", PROJECT);
    let mut pushes = fcm.subscribe();
    let mut office = Installation::start().await;
    let desk_secret = office.add("101").await;
    office.add("102").await;
    let link = post(&office, "/extensions/102/enrolments", &json!({})).await;
    let first = fetch(&office, link["url"].as_str().unwrap()).await;
    assert_eq!(first.push, None, "there is nothing to be told yet");
    let instance = Uuid::new_v4();
    let phone = linphone(&office, &first, instance, "");
    phone.register(300, SOON).await.unwrap();
    assert_eq!(device(&office).await["needs_settings"], Value::Null);

    // Firebase comes afterwards: the phone is marked at once, everywhere, and after a restart too.
    add_firebase(&office, &fcm).await;
    let marked = device(&office).await;
    let (id, mark) = (marked["id"].as_i64().unwrap(), &marked["needs_settings"]);
    assert_eq!((&mark["code"], &mark["provider"]), (&"needs_settings".into(), &"fcm".into()), "{marked}");
    office.kill().await;
    office.serve().await;
    assert_eq!(&device(&office).await["needs_settings"], mark);
    let matrix = office.api().get("/push/matrix").await;
    assert_eq!(
        (&matrix["needs_settings"][0]["device"], &matrix["needs_settings"][0]["text"]),
        (&id.into(), &mark["text"])
    );
    let doctor = office.api().get("/doctor").await;
    let found = doctor["findings"].as_array().unwrap().iter().any(|finding| finding["code"] == "needs_settings");
    assert!(found, "{doctor}");

    // A link that waits disturbs nothing; the fetch brings the sender and ends the mark.
    let link = post(&office, &format!("/devices/{id}/enrolments"), &json!({})).await;
    linphone(&office, &first, instance, "").register(300, SOON).await.unwrap();
    let second = fetch(&office, link["url"].as_str().unwrap()).await;
    assert_eq!(second.push.as_deref(), Some("pn-provider=fcm;pn-param=123456789012"));
    assert_eq!(second.username, first.username, "it stays the same phone");
    assert_eq!(device(&office).await["needs_settings"], Value::Null);
    office.kill().await;
    office.serve().await;
    assert_eq!(device(&office).await["needs_settings"], Value::Null);

    let phone =
        linphone(&office, &second, instance, &format!(";{};pn-prid=token-of-anna", second.push.as_ref().unwrap()));
    phone.register(300, SOON).await.unwrap();
    let registered = device(&office).await;
    assert_eq!((&registered["id"], &registered["wake_target"]["app_id"]), (&id.into(), &SENDER.into()), "{registered}");
    assert_eq!(registered["needs_settings"], Value::Null);
    phone.unregister(SOON).await.unwrap();
    phone.background().await;

    let desk = Phone::builder(office.udp).extension("101").secret(desk_secret).build().unwrap();
    desk.register(300, SOON).await.unwrap();
    let call = desk.call("102", SOON).await.unwrap();
    let push = timeout(SOON, pushes.recv()).await.unwrap().unwrap();
    assert_eq!(push.token, "token-of-anna");
    phone.wake(300, SOON).await.unwrap();
    phone.incoming(SOON).await.unwrap().answer().unwrap();
    call.answered(SOON).await.unwrap();
    call.hang_up(Duration::from_secs(5)).await.unwrap();
}
