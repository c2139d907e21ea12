//! "Fetch your settings again": desk phones are asked by SIP, by hand and when something changed, and what each said is told.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::Duration;

use nightbell::phone::{Phone, TlsTrust, Transport};
use pbx_core::switchboard::command::{CheckSyncAnswer, CheckSyncEvent, Command, Reply};
use serde_json::{Value, json};

use crate::desk_phones::{add, setting, settle};
use crate::support::baresip::{Baresip, BaresipAccount};
use crate::support::raw::{Ask, Datagrams, Heard, loopback};
use crate::support::server::{TestServer, Web};
use crate::support::{SOON, eventually};

const MAC: &str = "805ec0d57d72";
const SYNC: &str = "/desk-phones/805ec0d57d72/check-sync";

/// A desk phone that has its settings and is registered on UDP, played by hand.
struct DeskPhone {
    server: TestServer,
    web: Web,
    own: String,
    settings: String,
    socket: Datagrams,
    /// The Via of each NOTIFY that came, so that a repeated one is not taken for another.
    heard: Mutex<BTreeSet<String>>,
}

impl DeskPhone {
    async fn registered() -> Self {
        let server = TestServer::start().await;
        server.add_extension("101", "Anna").await;
        let web = server.web();
        let first = add(&server, MAC, "101").await;
        let (own, settings) = settle(&web, &first, MAC).await;
        let socket = Datagrams::at(loopback(1), server.udp());
        let (user, secret) = (setting(&settings, "account.1.auth_name"), setting(&settings, "account.1.password"));
        let register = Ask::register("101").with("Expires: 600");
        assert_eq!(socket.prove(&register, user, secret).await.status(), 200);
        Self { server, web, own, settings, socket, heard: Mutex::default() }
    }

    async fn asked(&self) -> Value {
        self.server.local().get("/desk-phones/805ec0d57d72").await.1["asked"].clone()
    }

    async fn notify(&self) -> Heard {
        loop {
            let heard = self.socket.hear().await;
            assert!(heard.0.starts_with("NOTIFY sip:101@127.0.0.1:5099 "), "{}", heard.0);
            let via = heard.header("Via").unwrap().to_owned();
            if self.heard.lock().unwrap().insert(via) {
                return heard;
            }
        }
    }
}

#[tokio::test]
async fn what_the_phone_says_to_the_question_is_told() {
    let desk = DeskPhone::registered().await;
    let local = desk.server.local();
    for (status, outcome) in [(200, "will_fetch"), (202, "will_fetch"), (481, "refused"), (489, "refused")] {
        let nothing = json!({});
        let (answer, ()) = tokio::join!(local.post(SYNC, &nothing), async {
            let notify = desk.notify().await;
            assert_eq!(notify.header("Event"), Some("check-sync;reboot=false"));
            desk.socket.refuse(&notify, status, "Allow: INVITE").await;
        });
        let (code, phone) = answer;
        assert_eq!(
            (code, &phone["asked"]["outcome"], &phone["asked"]["status"]),
            (200, &json!(outcome), &json!(status))
        );
    }
    let page = desk.server.local().get("/desk-phones").await.1;
    assert!(page["desk_phones"][0]["asked"]["text"].as_str().unwrap().contains("489"), "{page}");
    desk.server.stop().await;
}

#[tokio::test]
async fn a_phone_that_wants_to_know_who_asks_is_shown_its_own_account() {
    let desk = DeskPhone::registered().await;
    let local = desk.server.local();
    let (nothing, realm) = (json!({}), desk.server.realm.clone());
    let (answer, ()) = tokio::join!(local.post(SYNC, &nothing), async {
        let notify = desk.notify().await;
        let challenge = format!("WWW-Authenticate: Digest realm=\"{realm}\", nonce=\"n1\", qop=\"auth\"");
        desk.socket.refuse(&notify, 401, &challenge).await;
        let proved = desk.notify().await;
        let user = setting(&desk.settings, "account.1.auth_name");
        assert!(proved.header("Authorization").unwrap().contains(&format!("username=\"{user}\"")), "{}", proved.0);
        desk.socket.refuse(&proved, 200, "Allow: INVITE").await;
    });
    assert_eq!(answer.1["asked"]["outcome"], "will_fetch", "{}", answer.1);
    desk.server.stop().await;
}

#[tokio::test]
async fn a_phone_whose_owner_is_renamed_is_asked_by_itself_and_is_up_to_date_when_it_has_fetched() {
    let desk = DeskPhone::registered().await;
    assert_eq!(setting(&desk.settings, "account.1.label"), "Anna");
    let renamed = json!({ "name": "Anna Huber" });
    assert_eq!(desk.server.local().patch("/extensions/101", &renamed).await.0, 200);
    let notify = desk.notify().await;
    desk.socket.refuse(&notify, 200, "Allow: INVITE").await;
    eventually("the phone's word to be told", async || desk.asked().await["outcome"] == "will_fetch").await;
    let listed = desk.server.local().get("/desk-phones/805ec0d57d72").await.1;
    assert_eq!(listed["needs_settings"], true, "{listed}");
    let (status, settings) = desk.web.get(&format!("{}{MAC}.cfg", desk.own)).await;
    assert_eq!((status, setting(&settings, "account.1.label")), (200, "Anna Huber"));
    let listed = desk.server.local().get("/desk-phones/805ec0d57d72").await.1;
    assert_eq!(listed["needs_settings"], false, "{listed}");
    desk.server.stop().await;
}

#[tokio::test]
async fn a_phone_that_was_not_there_is_asked_when_it_registers() {
    let desk = DeskPhone::registered().await;
    let (user, secret) =
        (setting(&desk.settings, "account.1.auth_name"), setting(&desk.settings, "account.1.password"));
    let goodbye = Ask::register("101").with("Expires: 0");
    assert_eq!(desk.socket.prove(&goodbye, user, secret).await.status(), 200);
    assert_eq!(desk.server.local().post("/desk-phones/805ec0d57d72/rotate", &json!({})).await.0, 200);
    eventually("nobody to be asked", async || desk.asked().await["outcome"] == "not_registered").await;
    // It is not asked again within the minute, unless somebody wants it.
    let register = Ask::register("101").with("Expires: 600");
    assert_eq!(desk.socket.prove(&register, user, secret).await.status(), 200);
    assert_eq!(desk.server.local().post("/desk-phones/check-sync", &json!({})).await, (202, json!({ "asked": 1 })));
    let notify = desk.notify().await;
    desk.socket.refuse(&notify, 200, "Allow: INVITE").await;
    eventually("the phone's word to be told", async || desk.asked().await["outcome"] == "will_fetch").await;
    desk.server.stop().await;
}

#[tokio::test]
async fn a_phone_on_tls_is_asked_over_its_own_connection_and_a_removed_extension_takes_its_phone_with_it() {
    let server = TestServer::start().await;
    server.add_extension("101", "Anna").await;
    let web = server.web();
    let first = add(&server, MAC, "101").await;
    let (_, settings) = settle(&web, &first, MAC).await;
    let trust = TlsTrust::Authority { pem: server.authority(), name: "localhost".to_owned() };
    let phone = Phone::builder(server.tls())
        .extension(setting(&settings, "account.1.user_name"))
        .username(setting(&settings, "account.1.auth_name"))
        .secret(setting(&settings, "account.1.password"))
        .transport(Transport::Tls(trust))
        .build()
        .unwrap();
    phone.register(120, SOON).await.unwrap();
    let (_, answer) = server.local().post(SYNC, &json!({})).await;
    assert_eq!((&answer["asked"]["outcome"], &answer["asked"]["status"]), (&json!("will_fetch"), &json!(200)));
    assert_eq!(server.local().delete("/extensions/101").await.0, 204);
    let gone = async || server.local().get("/desk-phones").await.1["desk_phones"] == json!([]);
    eventually("the phone of the removed extension to be gone", gone).await;
    server.stop().await;
}

#[tokio::test]
async fn a_real_telephone_gives_its_word_to_the_question() {
    let server = TestServer::start().await;
    let secret = server.add_extension("101", "Anna").await;
    let account = BaresipAccount { extension: "101", secret: &secret, server: Some(server.udp()), auto_answer: false };
    let baresip = Baresip::start(&account).await;
    baresip.registered(SOON).await;
    let ask = Command::CheckSync { username: "101".parse().unwrap(), event: CheckSyncEvent::Plain };
    let answer = tokio::time::timeout(Duration::from_secs(20), server.app.switchboard.ask(ask)).await.unwrap();
    let Ok(Reply::CheckSync(answer)) = answer else { panic!("{answer:?}") };
    println!("baresip says {answer:?}");
    assert!(matches!(answer, CheckSyncAnswer::Answered(200..=699)), "{answer:?}");
    server.stop().await;
}
