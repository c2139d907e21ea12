//! The power comes back: every phone registers at once behind a server that has just been killed, and calls go on
//! meanwhile; then a crowd of callers waits for phones that sleep.
//!
//! The usual size is small. `NIGHTBELL_AVALANCHE` sets the number of phones (10,000 for the full size, in a window of 10 s),
//! `NIGHTBELL_PARKED` the number of callers who wait at once (2,000), `NIGHTBELL_PROGRAM` a release build to measure.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use hyper::{Method, StatusCode};
use nightbell::phone::load::{self, LoadReport, RegisterLoad};
use nightbell::phone::{Phone, Transport};
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::support::SOON;
use crate::support::installation::{Installation, apns_with, token};
use crate::support::raw::{Ask, Datagrams, loopback};
use crate::support::server::BUNDLE;

/// Phones of one office, behind one address.
const OFFICE: usize = 100;
/// The promise: all are back within this.
const ALL_BACK: Duration = Duration::from_secs(60);
/// The promise: a call is set up within this, 99 times of 100.
const SET_UP: Duration = Duration::from_secs(2);
/// The promise for one caller who waits, in KiB.
const PARKED_KIB: u64 = 20;
/// Rows of one import.
const ROWS: usize = 5000;

fn size(name: &str, usual: usize) -> usize {
    std::env::var(name).map_or(usual, |text| text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

/// The address of an office in the loopback network.
fn address(office: usize) -> IpAddr {
    let [high, low] = u16::try_from(office).unwrap().to_be_bytes();
    IpAddr::V4(Ipv4Addr::new(127, 1, high, low))
}

fn secret(number: usize) -> String {
    format!("secret-of-{number}-for-sure")
}

async fn import(server: &Installation, numbers: std::ops::Range<usize>) {
    let numbers: Vec<usize> = numbers.collect();
    for rows in numbers.chunks(ROWS) {
        let csv = rows.iter().fold("number,secret\n".to_owned(), |mut csv, number| {
            // Writing into a String cannot fail.
            let _ = writeln!(csv, "{number},{}", secret(*number));
            csv
        });
        let body = json!({ "csv": csv, "dry_run": false });
        let (status, answer) =
            server.api().ask(Method::POST, "/extensions/import", Some(&body)).await.expect("the server imports");
        assert_eq!(status, StatusCode::OK, "{answer}");
    }
}

/// All phones register, office by office, spread over the window.
async fn register_all(server: &Installation, phones: usize, spread: Duration) -> Vec<LoadReport> {
    let mut offices = JoinSet::new();
    for (office, first) in (0..phones).step_by(OFFICE).enumerate() {
        let accounts = (first..phones.min(first + OFFICE)).map(|i| ((20_000 + i).to_string(), secret(20_000 + i)));
        let accounts: Vec<_> = accounts.collect();
        let (server, local) = (server.udp, Some(address(office)));
        let load = RegisterLoad { server, accounts, in_flight: 1, expires: 3600, within: ALL_BACK, spread, local };
        offices.spawn(load::register(load));
    }
    let reports = offices.join_all().await;
    reports.into_iter().map(|report| report.expect("the office has a socket")).collect()
}

/// Calls between desk phones, one after the other, until told to stop; how long each took to be answered.
async fn calls(caller: Phone, callee: Phone, mut stop: tokio::sync::watch::Receiver<bool>) -> Vec<Duration> {
    let mut took = Vec::new();
    // Ten calls a second and pair: more than any office, and below what one extension may begin.
    let mut pace = tokio::time::interval(Duration::from_millis(100));
    while !*stop.borrow_and_update() {
        pace.tick().await;
        let started = Instant::now();
        let call = caller.call(callee.extension(), SOON).await.unwrap();
        let arrived = callee.incoming(SOON).await;
        let bell = arrived.unwrap_or_else(|error| panic!("{error}; the caller saw {:?}", call.view()));
        bell.answer().unwrap();
        call.answered(SOON).await.unwrap();
        took.push(started.elapsed());
        call.hang_up(SOON).await.unwrap();
        bell.ended(SOON).await.unwrap();
    }
    took
}

fn load_average() -> String {
    std::fs::read_to_string("/proc/loadavg").unwrap_or_default().split(' ').take(3).collect::<Vec<_>>().join(" ")
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_power_cut_all_phones_are_back_soon_nobody_is_blocked_and_calls_go_on() {
    let phones = size("NIGHTBELL_AVALANCHE", 300);
    let window = Duration::from_secs(10).min(Duration::from_millis(u64::try_from(phones).unwrap()));
    let mut server = Installation::start().await;
    import(&server, 20_000..20_000 + phones).await;
    import(&server, 1000..1020).await;
    let before = register_all(&server, phones, window).await;
    assert_eq!(before.iter().map(|report| report.accepted).sum::<u64>(), phones as u64, "{before:?}");
    server.kill().await;
    let down = Instant::now();
    server.serve().await;
    let up = down.elapsed();

    let (stop, stopping) = tokio::sync::watch::channel(false);
    let mut talking = JoinSet::new();
    for pair in 0..10 {
        let phone = |number: usize| {
            Phone::builder(server.udp).extension(number.to_string()).secret(secret(number)).build().unwrap()
        };
        let (caller, callee) = (phone(1000 + 2 * pair), phone(1001 + 2 * pair));
        callee.register(300, SOON).await.unwrap();
        talking.spawn(calls(caller, callee, stopping.clone()));
    }
    let started = Instant::now();
    let reports = register_all(&server, phones, window).await;
    let all_back = started.elapsed();
    stop.send_replace(true);
    let mut took: Vec<Duration> = talking.join_all().await.into_iter().flatten().collect();
    took.sort_unstable();
    let p99 = took.get(took.len() * 99 / 100).copied().unwrap_or_default();

    let accepted: u64 = reports.iter().map(|report| report.accepted).sum();
    let retransmissions: u64 = reports.iter().map(|report| report.retransmissions).sum();
    let slowest = reports.iter().map(|report| report.percentile(1.0)).max().unwrap_or_default();
    println!(
        "{accepted} of {phones} phones back {all_back:?} behind the start (up in {up:?}), window {window:?}, the slowest \
         registration {slowest:?}, {retransmissions} retransmissions; {} calls meanwhile, set up p99 {p99:?}; {} KiB; load {}",
        took.len(),
        server.resident_kib(),
        load_average(),
    );
    assert_eq!(accepted, phones as u64, "{reports:?}");
    assert!(all_back < ALL_BACK && p99 < SET_UP, "{all_back:?} {p99:?}");
    let blocked = server.api().get("/blocklist").await;
    assert_eq!(blocked["blocked"], json!([]), "a phone of ours was blocked");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_of_callers_waits_for_sleeping_phones_in_little_memory() {
    let callers = size("NIGHTBELL_PARKED", 60);
    let token = token();
    let apns = apns_with(&token).await;
    let server = Installation::start().await;
    server.credential(&apns).await;
    // 20 calls to each app and of each caller, so that no limit for one of them is touched.
    let people = callers.div_ceil(20);
    import(&server, 30_000..30_000 + people).await;
    import(&server, 40_000..40_000 + people).await;
    for number in 30_000..30_000 + people {
        let app = Phone::builder(server.tcp).extension(number.to_string()).secret(secret(number));
        let params = format!(";pn-provider=apns;pn-param=ABCD1234.{BUNDLE}.voip;pn-prid={token}");
        let app = app.transport(Transport::Tcp).instance(uuid::Uuid::new_v4()).push_params(params).build().unwrap();
        app.register(300, SOON).await.unwrap();
        app.unregister(SOON).await.unwrap();
        app.background().await;
    }
    let body = json!({ "ring_seconds": 180 });
    server.api().ask(Method::PUT, "/settings", Some(&body)).await.expect("a setting");
    let before = server.resident_kib();
    for person in 0..people {
        let (caller, app) = ((40_000 + person).to_string(), (30_000 + person).to_string());
        let socket = Datagrams::at(loopback(20), server.udp);
        let challenge = socket.ask_past(&Ask::invite(&caller, &app)).await;
        for call in 1..=20.min(callers - person * 20) {
            let invite = Ask::invite(&caller, &app);
            let proof = invite.proving_with(&challenge, &caller, &secret(40_000 + person), &format!("{call:08x}"));
            let mut heard = socket.ask(&proof).await;
            while heard.header("Call-ID") != Some(&proof.call_id) {
                heard = socket.hear().await;
            }
            // The push may be accepted before the park journal has the call: then 180 is the first that is heard.
            assert!(matches!(heard.status(), 100 | 180), "{heard:?}");
        }
    }
    let parked = async {
        let mut tick = tokio::time::interval(Duration::from_millis(100));
        while server.api().get("/status").await["parked"] != json!(callers) {
            tick.tick().await;
        }
    };
    let all = tokio::time::timeout(SOON, parked).await;
    let after = server.resident_kib();
    let each = after.saturating_sub(before) / callers as u64;
    println!("{callers} callers wait: {each} KiB each ({before} KiB before, {after} KiB now); load {}", load_average());
    assert!(all.is_ok(), "not all wait: {}", server.api().get("/status").await);
    // A debug build and the first calls' buffers weigh more than calls do: the promise is measured at full size.
    assert!(each <= PARKED_KIB || callers < 1000, "{each} KiB for one caller who waits");
}
