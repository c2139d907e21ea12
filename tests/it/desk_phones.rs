//! A desk phone fetches its configuration over HTTPS and registers with what it was told; guessers get nothing; a whole
//! building that comes back after a power cut is told its configuration soon, while calls go on.

use std::time::Duration;

use nightbell::phone::{Phone, TlsTrust, Transport};
use serde_json::json;

use crate::support::SOON;
use crate::support::server::{TestServer, Web};

/// Phones of the building; the full size is 1,000.
const PHONES: usize = 60;

fn number_from_environment(name: &str, usual: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

async fn add(server: &TestServer, mac: &str, extension: &str) -> String {
    let body = json!({ "mac": mac, "vendor": "yealink", "model": "T46S", "extension": extension });
    let (status, answer) = server.local().post("/desk-phones", &body).await;
    assert_eq!(status, 201, "{answer}");
    answer["url"].as_str().unwrap().to_owned()
}

fn setting<'a>(text: &'a str, key: &str) -> &'a str {
    let start = format!("{key} = ");
    text.lines().find_map(|line| line.strip_prefix(start.as_str())).unwrap_or_else(|| panic!("{key} is missing"))
}

/// Fetches until the phone has its own address; gives that and the settings.
async fn settle(web: &Web, first: &str, mac: &str) -> (String, String) {
    let (status, told) = web.get(&format!("{first}{mac}.cfg")).await;
    assert_eq!(status, 200);
    let own = setting(&told, "static.auto_provision.server.url").to_owned();
    let (status, settings) = web.get(&format!("{own}{mac}.cfg")).await;
    assert_eq!(status, 200);
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

#[tokio::test]
async fn after_a_power_cut_a_building_of_phones_is_told_its_configuration_while_calls_go_on() {
    let count = number_from_environment("NIGHTBELL_DESK_PHONES", PHONES);
    let server = TestServer::start().await;
    let mut phones = Vec::new();
    for n in 0..count {
        let (mac, extension) = (format!("805ec0{n:06x}"), (1000 + n).to_string());
        server.add_extension(&extension, "Anna").await;
        let first = add(&server, &mac, &extension).await;
        phones.push((mac, first));
    }
    let callee = server.phone("1001").build().unwrap();
    callee.register(120, SOON).await.unwrap();
    let began = tokio::time::Instant::now();
    // Each phone has a connection of its own, and all come at once.
    let fetching: Vec<_> = phones
        .into_iter()
        .map(|(mac, first)| {
            let web = server.web();
            tokio::spawn(async move { settle(&web, &first, &mac).await })
        })
        .collect();
    let mut refreshed = 0;
    for fetch in fetching {
        fetch.await.unwrap();
        if refreshed < 20 {
            callee.register(120, SOON).await.expect("phones go on registering");
            refreshed += 1;
        }
    }
    let took = began.elapsed();
    println!("{count} desk phones minted, fetched twice and moved to their own address in {took:?}");
    assert!(took < Duration::from_secs(60), "{took:?}");
    let (_, listed) = server.local().get("/desk-phones").await;
    let settled = listed["desk_phones"].as_array().unwrap().iter().filter(|phone| phone["progress"] == "settled");
    assert_eq!(settled.count(), count);
    server.stop().await;
}
