//! A desk phone fetches its configuration over HTTPS and registers with what it was told; guessers get nothing; a whole
//! building that comes back after a power cut is told its configuration soon, while calls go on.

use std::sync::Arc;
use std::time::Duration;

use nightbell::phone::{IncomingCall, OutgoingCall, Phone, TlsTrust, Transport};
use serde_json::json;
use tokio::sync::watch;

use crate::support::SOON;
use crate::support::server::{TestServer, Web};

/// Phones of the building; the full size is 1,000.
const PHONES: usize = 60;

fn number_from_environment(name: &str, usual: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

pub(crate) async fn add(server: &TestServer, mac: &str, extension: &str) -> String {
    let body = json!({ "mac": mac, "vendor": "yealink", "model": "T46S", "extension": extension });
    let (status, answer) = server.local().post("/desk-phones", &body).await;
    assert_eq!(status, 201, "{answer}");
    answer["url"].as_str().unwrap().to_owned()
}

pub(crate) fn setting<'a>(text: &'a str, key: &str) -> &'a str {
    let start = format!("{key} = ");
    text.lines().find_map(|line| line.strip_prefix(start.as_str())).unwrap_or_else(|| panic!("{key} is missing"))
}

/// Fetches one file as a phone does: one that could not connect tries again after a second.
async fn fetch(web: &Web, url: &str) -> String {
    for _ in 0..60 {
        if let Ok(answer) = web.http.get(url).send().await {
            assert_eq!(answer.status(), 200, "{url}");
            return answer.text().await.expect("an answer has a body");
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    panic!("{url} cannot be fetched");
}

/// Fetches until the phone has its own address; gives that and the settings.
pub(crate) async fn settle(web: &Web, first: &str, mac: &str) -> (String, String) {
    let told = fetch(web, &format!("{first}{mac}.cfg")).await;
    let own = setting(&told, "static.auto_provision.server.url").to_owned();
    let settings = fetch(web, &format!("{own}{mac}.cfg")).await;
    (own, settings)
}

#[tokio::test]
async fn a_desk_phone_registers_over_tls_with_what_it_fetched_and_goes_when_it_is_removed() {
    let server = TestServer::start().await;
    server.add_extension("101", "Anna \"]]>\" & Söhne").await;
    let (web, mac) = (server.web(), "805ec0d57d72");
    let first = add(&server, mac, "101").await;
    let (own, settings) = settle(&web, &first, mac).await;
    assert_eq!(web.get(&format!("{first}{mac}.cfg")).await.0, 404, "the first address is closed");
    assert_eq!(web.get(&format!("{own}ca.pem")).await, (200, server.authority()));
    assert_eq!(setting(&settings, "account.1.sip_server.1.transport_type"), "2");
    let trust = TlsTrust::Authority { pem: server.authority(), name: "localhost".to_owned() };
    let phone = Phone::builder(server.tls())
        .extension(setting(&settings, "account.1.user_name"))
        .username(setting(&settings, "account.1.auth_name"))
        .secret(setting(&settings, "account.1.password"))
        .transport(Transport::Tls(trust))
        .build()
        .unwrap();
    assert_eq!(phone.register(120, SOON).await.unwrap().expires, 120);
    let (_, listed) = server.local().get("/desk-phones/805ec0d57d72").await;
    assert_eq!(listed["progress"], "settled");
    assert_eq!(listed["last_fetch"]["file"], "ca.pem");
    server.app.desk_phones().remove(mac.parse().unwrap()).await.unwrap();
    assert!(phone.register(120, SOON).await.is_err(), "its account is gone");
    assert_eq!(web.get(&format!("{own}{mac}.cfg")).await.0, 404);
    server.stop().await;
}

#[tokio::test]
async fn guessing_over_https_yields_nothing_is_slowed_and_spares_the_office_behind_the_same_address() {
    let guesses = number_from_environment("NIGHTBELL_GUESSES", 300);
    let server = TestServer::start().await;
    server.add_extension("101", "Anna").await;
    let (web, mac) = (server.web(), "805ec0d57d72");
    let first = add(&server, mac, "101").await;
    let (own, before) = settle(&web, &first, mac).await;
    let base = own.split("/d/").next().unwrap().to_owned();
    let (mut unknown, mut slowed) = (0, 0);
    for n in 0..guesses {
        let token = format!("{n:043}");
        for path in [format!("{n:06x}.cfg"), format!("{token}/{mac}.cfg")] {
            let path = if path.contains('/') { path } else { format!("805ec0{path}") };
            match web.get(&format!("{base}/d/{path}")).await {
                (404, body) if body.is_empty() => unknown += 1,
                (429, body) if body.is_empty() => slowed += 1,
                other => panic!("{path}: {other:?}"),
            }
        }
    }
    assert_eq!((unknown, slowed), (30, 2 * guesses - 30));
    assert_eq!(web.get(&format!("{own}{mac}.cfg")).await, (200, before), "the office is told its configuration");
    assert!(server.phone("101").build().unwrap().register(60, SOON).await.is_ok(), "and registers");
    server.stop().await;
}

/// Calls held while the building comes back.
const CALLS: usize = 8;
/// The longest silence in a held call. People notice half a second; the phones of this test share their machine with the
/// server and with other tests, so that more of it is theirs than the relay's. The line that is printed has the number.
const SILENCE: Duration = Duration::from_secs(2);

/// A call between two phones, with both sides' sound looked at every few milliseconds.
struct Held {
    call: Arc<OutgoingCall>,
    bell: Arc<IncomingCall>,
    _phones: [Phone; 2],
    listening: tokio::task::JoinHandle<Duration>,
}

/// Two registered phones of these numbers.
async fn pair(server: &TestServer, numbers: [&str; 2]) -> [Phone; 2] {
    for number in numbers {
        server.add_extension(number, "Ben").await;
    }
    let phones = numbers.map(|number| server.phone(number).build().unwrap());
    for phone in &phones {
        phone.register(600, SOON).await.unwrap();
    }
    phones
}

/// A call that is answered and heard on both sides.
async fn talk(caller: &Phone, called: &Phone) -> (OutgoingCall, IncomingCall) {
    let call = caller.call(called.extension(), SOON).await.unwrap();
    let bell = called.incoming(SOON).await.unwrap();
    bell.answer().unwrap();
    call.answered(SOON).await.unwrap();
    call.heard(25, SOON).await.unwrap();
    bell.heard(25, SOON).await.unwrap();
    (call, bell)
}

impl Held {
    async fn begin(phones: [Phone; 2], over: &watch::Receiver<bool>) -> Self {
        let (call, bell) = talk(&phones[0], &phones[1]).await;
        let (call, bell) = (Arc::new(call), Arc::new(bell));
        let (call_too, bell_too, over) = (Arc::clone(&call), Arc::clone(&bell), over.clone());
        let listening = tokio::spawn(async move {
            let heard = || [call_too.media().recognised, bell_too.media().recognised];
            let mut tick = tokio::time::interval(Duration::from_millis(20));
            let (mut last, mut longest) = ([(heard(), tokio::time::Instant::now()); 2], Duration::ZERO);
            while !*over.borrow() {
                tick.tick().await;
                let (now, at) = (heard(), tokio::time::Instant::now());
                for side in 0..2 {
                    longest = longest.max(at - last[side].1);
                    if now[side] > last[side].0[side] {
                        last[side] = (now, at);
                    }
                }
            }
            longest
        });
        Self { call, bell, _phones: phones, listening }
    }

    /// The longest silence; the call goes on to this moment, lost nothing worth speaking of, and ends in order.
    async fn end(self) -> Duration {
        let longest = self.listening.await.unwrap();
        self.call.heard(10, SOON).await.expect("the call goes on");
        for report in [self.call.media(), self.bell.media()] {
            assert!(report.lost * 100 <= report.received, "{report:?}");
        }
        self.call.hang_up(SOON).await.unwrap();
        self.bell.ended(SOON).await.unwrap();
        longest
    }
}

/// What a building did.
async fn all_at_once<T: Send + 'static>(what: &str, phones: Vec<impl Future<Output = T> + Send + 'static>) -> Vec<T> {
    let began = tokio::time::Instant::now();
    let count = phones.len();
    let coming: Vec<_> = phones.into_iter().map(tokio::spawn).collect();
    let mut done = Vec::with_capacity(count);
    for phone in coming {
        done.push(phone.await.unwrap());
    }
    let took = began.elapsed();
    println!("{count} desk phones {what} in {took:?}");
    assert!(took < Duration::from_secs(60), "{took:?}");
    done
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn after_a_power_cut_a_building_of_phones_is_told_its_configuration_while_calls_go_on() {
    let count = number_from_environment("NIGHTBELL_DESK_PHONES", PHONES);
    let server = TestServer::start().await;
    let mut phones = Vec::new();
    for n in 0..count {
        let (mac, extension) = (format!("805ec0{n:06x}"), (1000 + n).to_string());
        server.add_extension(&extension, "Anna").await;
        phones.push((mac.clone(), add(&server, &mac, &extension).await));
    }
    let (is_over, over) = watch::channel(false);
    let mut held = Vec::new();
    for n in 0..CALLS {
        let phones = pair(&server, [&format!("50{n}"), &format!("60{n}")]).await;
        held.push(Held::begin(phones, &over).await);
    }
    let [caller, called] = pair(&server, ["700", "701"]).await;
    let calling = tokio::spawn(async move {
        let (mut made, mut slowest) = (0, Duration::ZERO);
        while !*over.borrow() {
            let began = tokio::time::Instant::now();
            let (call, bell) = talk(&caller, &called).await;
            slowest = slowest.max(began.elapsed());
            call.hang_up(SOON).await.unwrap();
            bell.ended(SOON).await.unwrap();
            made += 1;
        }
        (made, slowest)
    });
    // Each phone has connections of its own, all behind one address, and all come at once.
    let new = phones.into_iter().map(|(mac, first)| {
        let web = server.desk_phone();
        async move {
            let own = settle(&web, &first, &mac).await.0;
            (web, mac, own)
        }
    });
    let settled = all_at_once("minted, fetched twice and moved to their own address", new.collect()).await;
    let back = settled.into_iter().map(|(web, mac, own)| async move {
        for (file, marker) in [("boot", "include:config"), ("cfg", "account.1.password")] {
            let text = fetch(&web, &format!("{own}{mac}.{file}")).await;
            assert!(text.contains(marker), "{text}");
        }
    });
    all_at_once("came back after a power cut and fetched both their files", back.collect()).await;
    is_over.send(true).unwrap();
    let mut longest = Duration::ZERO;
    for call in held {
        longest = longest.max(call.end().await);
    }
    let (made, slowest) = calling.await.unwrap();
    println!(
        "meanwhile {CALLS} calls were held, the longest silence was {longest:?}; {made} calls were made, the slowest was heard \
         on both sides after {slowest:?}, which has half a second of sound in it"
    );
    assert!(longest < SILENCE, "{longest:?}");
    assert!(made > 0 && slowest < Duration::from_secs(10), "{made} calls, the slowest took {slowest:?}");
    let (_, listed) = server.local().get("/desk-phones").await;
    let settled = listed["desk_phones"].as_array().unwrap().iter().filter(|phone| phone["progress"] == "settled");
    assert_eq!(settled.count(), count);
    server.stop().await;
}
