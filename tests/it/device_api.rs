//! An app written for Nightbell: a reference client of the device API (docs/device-api.md) against the real server.

use std::time::Duration;

use nightbell::phone::{CallEnd, Phone, Transport};
use pbx_core::model::{Presence, TimelineStep};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::SOON;
use crate::support::office::{device, devices};
use crate::support::server::{AppTokens, BUNDLE, TestApns, TestServer, Web};

/// The app: what it keeps between two starts.
struct App {
    web: Web,
    base: String,
    token: String,
    profile: Value,
    installation: Uuid,
    seq: i64,
}

impl App {
    /// Redeems a code that its user scanned.
    async fn pair(server: &TestServer, number: &str) -> Self {
        let code = server.local().post(&format!("/extensions/{number}/enrolments"), &json!({})).await.1;
        let (installation, web) = (Uuid::new_v4(), server.web());
        let base = format!("{}/api/v1/device", server.app.base_url);
        let body = json!({ "code": code["url"], "installation_id": installation,
            "device": { "platform": "ios", "model": "iPhone 15", "os_version": "18.1", "app_id": BUNDLE, "app_version": "1.2.0" } });
        let (status, profile) = web.json(Method::POST, &format!("{base}/pair"), "", Some(&body)).await;
        assert_eq!(status, 201, "{profile}");
        let (again, _) = web.json(Method::POST, &format!("{base}/pair"), "", Some(&body)).await;
        assert_eq!(again, 404, "a code is good once");
        let token = profile["device_token"].as_str().unwrap().to_owned();
        Self { web, base, token, profile, installation, seq: 0 }
    }

    async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> (u16, Value) {
        self.web.json(method, &format!("{}{path}", self.base), &self.token, body).await
    }

    async fn install(&self, tokens: &AppTokens) -> (u16, Value) {
        let body = json!({ "installation_id": self.installation, "notifications": "granted", "battery": "exempt",
            "push": { "provider": "apns", "app_id": BUNDLE, "call_token": tokens.voip, "notice_token": tokens.remote } });
        self.ask(Method::PUT, "", Some(&body)).await
    }

    async fn report(&mut self, state: &str) -> Value {
        self.seq += 1;
        self.report_as(state, self.seq).await
    }

    async fn report_as(&self, state: &str, seq: i64) -> Value {
        let (status, answer) = self.ask(Method::PUT, "/state", Some(&json!({ "state": state, "seq": seq }))).await;
        assert_eq!(status, 200, "{answer}");
        answer
    }

    /// Its SIP side, built from the profile alone. The token goes over the device API, so the Contact only names the provider.
    fn phone(&self, server: &TestServer) -> Phone {
        let account = &self.profile["account"];
        let text = |name: &str| account[name].as_str().unwrap().to_owned();
        Phone::builder(server.tcp())
            .extension(text("extension"))
            .username(text("auth_username"))
            .secret(text("secret"))
            .transport(Transport::Tcp)
            .instance(self.installation)
            .push_params(";pn-provider=apns")
            .build()
            .unwrap()
    }
}

struct Office {
    server: TestServer,
    apns: TestApns,
    desk: Phone,
    app: App,
    tokens: AppTokens,
}

async fn office() -> Office {
    let server = TestServer::start().await;
    let apns = server.apns().await;
    server.add_extension("101", "Front desk").await;
    server.add_extension("102", "Anna").await;
    let desk = server.phone("101").build().unwrap();
    desk.register(300, SOON).await.unwrap();
    let app = App::pair(&server, "102").await;
    let tokens = apns.tokens();
    Office { server, apns, desk, app, tokens }
}

#[tokio::test]
async fn an_app_is_paired_installed_put_to_sleep_woken_for_a_call_and_says_when_it_woke() {
    let Office { server, mut apns, desk, mut app, tokens } = office().await;
    let instance = format!("urn:uuid:{}", app.installation);
    assert_eq!(app.profile["sip"]["instance_id"], instance.as_str());
    let (status, installed) = app.install(&tokens).await;
    assert_eq!(status, 200, "{installed}");
    assert_eq!(app.install(&tokens).await.1, installed, "the same again is the same device");
    device(&server, |device| device.presence == Presence::ReachableByPush).await;

    let phone = app.phone(&server);
    phone.register(300, SOON).await.unwrap();
    let of_102 = |all: Vec<pbx_core::model::DeviceSummary>| {
        all.into_iter().filter(|device| device.extension.to_string() == "102").collect::<Vec<_>>()
    };
    let mine = of_102(devices(&server).await);
    assert_eq!((mine.len(), mine[0].presence), (1, Presence::Registered), "REGISTER finds the device of the report");
    assert!(mine[0].wake_target.is_some(), "a REGISTER that names its provider only leaves the token alone");

    // In the background it is armed at once, although its connection still stands.
    assert_eq!(app.report("background").await["applied"], true);
    assert_eq!(of_102(devices(&server).await)[0].presence, Presence::ReachableByPush);
    assert_eq!(app.report("foreground").await["applied"], true);
    assert_eq!(of_102(devices(&server).await)[0].presence, Presence::Registered);
    // A report that was overtaken on its way does nothing.
    assert_eq!(app.report("background").await["applied"], true);
    assert_eq!(app.report_as("foreground", app.seq - 1).await["applied"], false);
    assert_eq!(of_102(devices(&server).await)[0].presence, Presence::ReachableByPush);
    phone.background().await;

    let call = desk.call("102", SOON).await.unwrap();
    let push = apns.push(SOON).await;
    assert_eq!(push.kind, "voip");
    let id = push.payload["call"].as_str().unwrap().to_owned();
    let (_, ringing) = app.ask(Method::GET, &format!("/calls/{id}"), None).await;
    assert_eq!(ringing["ringing"], true);
    let ack = json!({ "call": id, "shown": true });
    assert_eq!(app.ask(Method::POST, "/push-ack", Some(&ack)).await.0, 204);
    phone.wake(300, SOON).await.unwrap();
    let bell = phone.incoming(SOON).await.unwrap();
    bell.answer().unwrap();
    call.answered(SOON).await.unwrap();
    call.hang_up(SOON).await.unwrap();
    bell.ended(SOON).await.unwrap();
    let (_, timeline) = server.last_call("over", SOON, |call| call.ending.is_some()).await;
    let woke = timeline.iter().find(|line| line.step == TimelineStep::AppWoke).expect("the acknowledgement is a line");
    assert!(woke.detail.starts_with("app woke at +") && woke.detail.ends_with("showed the call"), "{}", woke.detail);
    let unknown = json!({ "call": Uuid::new_v4() });
    assert_eq!(app.ask(Method::POST, "/push-ack", Some(&unknown)).await.0, 404);
    server.stop().await;
}

#[tokio::test]
async fn an_app_fetches_its_settings_anew_only_when_they_changed_and_is_signed_out_at_once() {
    let Office { server, apns, desk: _, app, tokens } = office().await;
    app.install(&tokens).await;
    let url = format!("{}/profile", app.base);
    let fetch = async |known: &str| {
        let request = app.web.http.get(&url).header("authorization", format!("Bearer {}", app.token));
        let answer = request.header("if-none-match", known).send().await.unwrap();
        let tag = answer.headers()["etag"].to_str().unwrap().to_owned();
        (answer.status().as_u16(), tag, answer.text().await.unwrap())
    };
    let paired = format!("\"{}\"", app.profile["revision"].as_str().unwrap());
    assert_eq!(fetch(&paired).await.0, 304, "what it got at pairing is current");
    let (status, tag, body) = fetch("").await;
    assert_eq!((status, &tag), (200, &paired));
    assert!(!body.contains(app.profile["account"]["secret"].as_str().unwrap()), "a secret is told once");
    let before = server.local().get("/installations").await.1;
    assert_eq!(before["installations"][0]["profile_current"], true, "{before}");

    // Another push configuration is another profile; the app learns it with its next fetch.
    let fcm = push_module::standin::FcmStandin::start().await.unwrap();
    server.app.push.add_credential(fcm.new_credential("nightbell-1", Some("123456789012")).unwrap()).await.unwrap();
    let marked = server.local().get("/installations").await.1;
    assert_eq!(marked["installations"][0]["profile_current"], false, "the page says that it has old settings");
    let (status, changed, body) = fetch(&tag).await;
    let body: Value = serde_json::from_str(&body).unwrap();
    let sender = json!({ "project_id": "nightbell-1", "sender_id": "123456789012" });
    assert_eq!((status, changed != tag, &body["push"]["fcm"][0]), (200, true, &sender), "{body}");
    assert_eq!(server.local().get("/installations").await.1["installations"][0]["profile_current"], true);

    // The admin revokes the link: the account, both records and the credential go at once.
    let (_, links) = server.local().get("/enrolments?extension=102").await;
    let id = links["enrolments"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(server.local().delete(&format!("/enrolments/{id}")).await.0, 204);
    let (status, refused) = app.ask(Method::GET, "/profile", None).await;
    assert_eq!((status, &refused["code"]), (401, &json!("signed_out")));
    assert!(devices(&server).await.into_iter().all(|device| device.extension.to_string() != "102"));
    drop(apns);
    server.stop().await;
}

#[tokio::test]
async fn logging_out_ends_everything_and_a_copied_credential_is_noticed() {
    let Office { server, apns: _, desk: _, app, tokens } = office().await;
    let copied = json!({ "installation_id": Uuid::new_v4() });
    let (status, refused) = app.ask(Method::PUT, "", Some(&copied)).await;
    assert_eq!((status, &refused["code"]), (409, &json!("other_installation")));
    let bad = json!({ "push": { "provider": "apns", "app_id": BUNDLE, "call_token": "" } });
    let (status, refused) = app.ask(Method::PUT, "", Some(&bad)).await;
    assert_eq!((status, &refused["field"]), (422, &json!("push.call_token")));
    assert_eq!(app.install(&tokens).await.0, 200);
    let restricted = json!({ "battery": "restricted", "notifications": "denied" });
    assert_eq!(app.ask(Method::PUT, "", Some(&restricted)).await.0, 200);
    let list = server.local().get("/installations").await.1;
    let codes: Vec<&str> = list["installations"][0]["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["code"].as_str().unwrap())
        .collect();
    assert_eq!(codes, ["app_notifications_denied", "app_battery_restricted"]);
    let phone = app.phone(&server);
    phone.register(300, SOON).await.unwrap();
    let ids: Vec<_> = devices(&server).await.into_iter().map(|device| device.id.0).collect();
    let (status, compared) =
        server.local().get(&format!("/devices/compare?a={}&b={}", ids[0], ids[ids.len() - 1])).await;
    let field = |name: &str| {
        compared["fields"].as_array().unwrap().iter().find(|field| field["field"] == name).unwrap().clone()
    };
    assert_eq!(status, 200);
    assert_eq!(field("problems")["same"], ids.len() == 1, "{compared}");
    let (status, unseen) = server.local().get("/devices/unseen?days=1").await;
    assert_eq!((status, unseen["devices"].as_array().unwrap().len()), (200, 0), "all were here today");
    assert_eq!(server.local().get("/devices/unseen?days=0").await.0, 400);
    assert_eq!(app.ask(Method::DELETE, "", None).await.0, 204);
    assert_eq!(app.ask(Method::GET, "/profile", None).await.0, 401);
    assert!(devices(&server).await.into_iter().all(|device| device.extension.to_string() != "102"));
    server.stop().await;
}

#[tokio::test]
async fn an_app_that_is_switched_off_keeps_what_it_has_and_is_woken_as_soon_as_it_is_on() {
    let Office { server, mut apns, desk, app, tokens } = office().await;
    app.install(&tokens).await;
    let phone = app.phone(&server);
    phone.register(300, SOON).await.unwrap();
    let open = server.local().post("/extensions/102/enrolments", &json!({})).await.1;
    let switch = |enabled: bool| json!({ "extensions": ["102"], "enabled": enabled });
    let (status, switched) = server.local().post("/phones/switch", &switch(false)).await;
    assert_eq!((status, &switched["accounts"]), (200, &json!(2)), "its own account and that of the app");
    let off = device(&server, |device| device.extension.to_string() == "102").await;
    assert_eq!(off.presence, Presence::Unreachable);
    assert!(off.reason.contains("switched off by the admin"), "{}", off.reason);

    // Whatever the app asks, it is told to keep its account; what it reports changes nothing.
    let other = json!({ "push": { "provider": "apns", "app_id": BUNDLE, "call_token": "ab".repeat(32) } });
    let state = json!({ "state": "background", "seq": 1 });
    for (method, path, body) in
        [(Method::GET, "/profile", None), (Method::PUT, "", Some(&other)), (Method::PUT, "/state", Some(&state))]
    {
        let (status, refused) = app.ask(method, path, body).await;
        assert_eq!((status, &refused["code"]), (403, &json!("phones_off")), "{path}: {refused}");
        assert!(refused["detail"].as_str().unwrap().contains("keep the account and ask again later"), "{refused}");
    }
    let refused = phone.register(300, SOON).await.unwrap_err().to_string();
    assert!(refused.contains("403"), "{refused}");
    let pairing = json!({ "code": open["url"], "installation_id": Uuid::new_v4() });
    let pair = format!("{}/pair", app.base);
    let (status, refused) = app.web.json(Method::POST, &pair, "", Some(&pairing)).await;
    assert_eq!((status, &refused["code"]), (403, &json!("phones_off")), "{refused}");
    let call = desk.call("102", SOON).await.unwrap();
    assert!(matches!(call.ended(SOON).await.unwrap(), CallEnd::Refused(480, _)));
    let (missed, _) = server.last_call("why", SOON, |call| call.ending.is_some()).await;
    assert!(missed.reason.contains("switched off by the admin"), "{}", missed.reason);
    assert_eq!(apns.accepted("voip"), 0);

    // On again, the app has done nothing and its token is the one it had.
    assert_eq!(server.local().post("/phones/switch", &switch(true)).await.0, 200);
    device(&server, |device| device.presence == Presence::ReachableByPush).await;
    let call = desk.call("102", SOON).await.unwrap();
    let push = apns.push(SOON).await;
    assert_eq!((push.kind.as_str(), &push.token), ("voip", &tokens.voip));
    phone.wake(300, SOON).await.unwrap();
    let bell = phone.incoming(SOON).await.unwrap();
    bell.answer().unwrap();
    call.answered(SOON).await.unwrap();
    call.hang_up(SOON).await.unwrap();
    assert_eq!(app.ask(Method::GET, "/profile", None).await.0, 200);
    assert_eq!(app.web.json(Method::POST, &pair, "", Some(&pairing)).await.0, 201, "the link was not used up");
    server.stop().await;
}

#[tokio::test]
async fn ten_thousand_guesses_yield_nothing_are_slowed_and_leave_an_office_behind_the_same_address_alone() {
    let Office { server, apns: _, desk, app, tokens } = office().await;
    app.install(&tokens).await;
    let phone = app.phone(&server);
    phone.register(300, SOON).await.unwrap();
    let link = server.local().post("/extensions/102/enrolments", &json!({})).await.1;
    let (mut refused, mut slowed) = (0, 0);
    for round in 0..100 {
        let guesses = (0..100).map(|n| {
            let guess = guess(round * 100 + n);
            let (http, base) = (app.web.http.clone(), server.app.base_url.clone());
            async move {
                let request = match n % 2 {
                    0 => http.post(format!("{base}/p/{guess}")),
                    _ => http.get(format!("{base}/api/v1/device/profile")).bearer_auth(format!("nbd_{guess}")),
                };
                request.send().await.unwrap().status().as_u16()
            }
        });
        for status in futures_util::future::join_all(guesses).await {
            match status {
                404 | 401 => refused += 1,
                429 => slowed += 1,
                other => panic!("a guess was answered with {other}"),
            }
        }
    }
    assert!(refused < 200 && slowed > 9_800, "{refused} refused, {slowed} slowed");
    // Everybody behind the same address goes on: the app with its credential, a new phone with its link, calls.
    assert_eq!(app.ask(Method::GET, "/profile", None).await.0, 200);
    assert_eq!(app.web.get(link["url"].as_str().unwrap()).await.0, 200);
    assert_eq!(app.web.post_form(link["url"].as_str().unwrap(), "").await.0, 200);
    let call = desk.call("102", SOON).await.unwrap();
    phone.incoming(SOON).await.unwrap();
    call.cancel(Duration::from_secs(5)).await.unwrap();
    server.stop().await;
}

/// A well-formed token that nobody has.
fn guess(n: usize) -> String {
    use base64::Engine as _;
    let mut bytes = [0xa5; 32];
    bytes[..8].copy_from_slice(&n.to_be_bytes());
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}
