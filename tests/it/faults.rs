//! A disk that is full, locked or broken: phones and calls go on, whoever wants something saved is told, and what is in force
//! is saved by itself when the disk takes it again.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use hyper::{Method, StatusCode};
use nightbell::phone::Phone;
use serde_json::{Value, json};
use sqlx::ConnectOptions as _;
use tokio::time::{Instant, timeout};

use crate::support::SOON;
use crate::support::installation::{Api, Installation};
use crate::support::postgres::{Postgres, Way};
use crate::support::program::installed;

/// The promise: everything is saved this long after the disk takes changes again.
const RECOVERED_WITHIN: Duration = Duration::from_secs(10);
/// How long anybody waits for a locked database, and a little more.
const TOLD_WITHIN: Duration = Duration::from_secs(14);
/// The same for a database server that can be reached again.
const CONNECTED_WITHIN: Duration = Duration::from_secs(30);

fn phone(office: &Installation, number: &str, secret: &str) -> Phone {
    Phone::builder(office.udp).extension(number).secret(secret).build().unwrap()
}

/// One call with sound in both directions.
async fn call(from: &Phone, to: &Phone) {
    let calling = from.call(to.extension(), SOON).await.unwrap();
    let incoming = to.incoming(SOON).await.unwrap();
    incoming.answer().unwrap();
    calling.answered(SOON).await.unwrap();
    calling.heard(10, SOON).await.unwrap();
    incoming.heard(10, SOON).await.unwrap();
    calling.hang_up(SOON).await.unwrap();
}

async fn add(api: &Api, number: u32) -> (StatusCode, Value) {
    let body = json!({ "number": number.to_string() });
    api.ask(Method::POST, "/extensions", Some(&body)).await.expect("the server answers")
}

/// Adds extensions until one is refused; which were acknowledged, and the refusal.
async fn add_until_refused(api: &Api, first: u32) -> (BTreeSet<u32>, u32, Value) {
    let mut acknowledged = BTreeSet::new();
    for number in first..first + 2000 {
        let (status, answer) = timeout(TOLD_WITHIN, add(api, number)).await.expect("an answer in time");
        if status == StatusCode::SERVICE_UNAVAILABLE {
            return (acknowledged, number, answer);
        }
        assert_eq!(status, StatusCode::CREATED, "{answer}");
        acknowledged.insert(number);
    }
    panic!("2000 extensions were added to a disk that is full");
}

async fn finds(api: &Api, code: &str) -> bool {
    let doctor = api.get("/doctor").await;
    doctor["findings"].as_array().unwrap().iter().any(|finding| finding["code"] == code)
}

/// Waits until nothing waits for the database any more.
async fn recovered(api: &Api) {
    let deadline = Instant::now() + RECOVERED_WITHIN;
    while finds(api, "not_saved").await {
        assert!(Instant::now() < deadline, "not saved {RECOVERED_WITHIN:?} after the disk was well again");
        tokio::task::yield_now().await;
    }
}

async fn extensions(api: &Api) -> BTreeSet<u32> {
    let mut numbers = BTreeSet::new();
    let mut page = "/extensions?limit=500".to_owned();
    loop {
        let list = api.get(&page).await;
        let found = list["extensions"].as_array().unwrap_or_else(|| panic!("{list}"));
        numbers.extend(found.iter().map(|one| one["number"].as_str().unwrap().parse::<u32>().unwrap()));
        let Some(next) = list["next"].as_str() else { return numbers };
        page = format!("/extensions?limit=500&after={next}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_full_disk_phones_and_calls_go_on_and_everything_in_force_is_saved_when_there_is_space() {
    let mut office = Installation::start_on_a_small_disk(24).await;
    let (desk, other) = (office.add("101").await, office.add("102").await);
    let (desk, other) = (phone(&office, "101", &desk), phone(&office, "102", &other));
    desk.register(300, SOON).await.unwrap();
    other.register(300, SOON).await.unwrap();
    let api = office.api();

    office.fill_disk();
    let (acknowledged, refused, problem) = add_until_refused(&api, 2000).await;
    assert_eq!(problem["code"], "not_saved", "{problem}");
    desk.register(300, SOON).await.unwrap();
    call(&desk, &other).await;
    let doctor = api.get("/doctor").await;
    assert_eq!(doctor["level"], "fail", "{doctor}");
    assert!(doctor.to_string().contains("the disk is full: free some space"), "{doctor}");
    // What needs the disk before its answer is refused again and again, and at once.
    assert_eq!(add(&api, 9000).await.0, StatusCode::SERVICE_UNAVAILABLE);

    office.free_disk();
    recovered(&api).await;
    call(&other, &desk).await;
    assert_eq!(add(&api, 9001).await.0, StatusCode::CREATED);
    office.kill().await;
    office.serve().await;
    let there = extensions(&office.api()).await;
    for number in acknowledged.iter().chain(&[101, 102, refused, 9000, 9001]) {
        assert!(there.contains(number), "{number} is missing: {there:?}");
    }
    let calls = office.api().get("/calls").await;
    assert_eq!(
        calls["calls"].as_array().map(Vec::len),
        Some(2),
        "the call during the full disk is in the log: {calls}"
    );
    call(&desk, &other).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_another_program_holds_the_database_phones_and_calls_go_on_and_changes_are_told_in_time() {
    let mut office = Installation::start().await;
    let (desk, other) = (office.add("101").await, office.add("102").await);
    let (desk, other) = (phone(&office, "101", &desk), phone(&office, "102", &other));
    desk.register(300, SOON).await.unwrap();
    other.register(300, SOON).await.unwrap();
    let api = office.api();

    let file = office.data().join("nightbell.db");
    let mut console = sqlx::sqlite::SqliteConnectOptions::new().filename(&file).connect().await.unwrap();
    sqlx::query("BEGIN EXCLUSIVE").execute(&mut console).await.unwrap();
    let adding = tokio::spawn({
        let api = api.clone();
        async move { timeout(TOLD_WITHIN, add(&api, 2000)).await.expect("an answer in time") }
    });
    // Both while the store waits for the lock.
    timeout(Duration::from_secs(2), desk.register(300, SOON)).await.expect("at once").unwrap();
    call(&desk, &other).await;
    let (status, problem) = adding.await.unwrap();
    assert_eq!((status, &problem["code"]), (StatusCode::SERVICE_UNAVAILABLE, &json!("not_saved")), "{problem}");
    call(&other, &desk).await;
    let doctor = api.get("/doctor").await.to_string();
    assert!(doctor.contains("another program holds the database"), "{doctor}");

    sqlx::query("ROLLBACK").execute(&mut console).await.unwrap();
    recovered(&api).await;
    office.kill().await;
    office.serve().await;
    assert_eq!(extensions(&office.api()).await, BTreeSet::from([101, 102, 2000]));
    let calls = office.api().get("/calls").await;
    assert_eq!(calls["calls"].as_array().map(Vec::len), Some(2), "{calls}\n{}", office.log());
}

/// Adds one extension after the other until one is acknowledged; gives all of them, for those that were refused are in force.
async fn add_until_acknowledged(api: &Api, first: u32) -> BTreeSet<u32> {
    let deadline = Instant::now() + CONNECTED_WITHIN;
    let mut asked = BTreeSet::new();
    for number in first.. {
        let (status, answer) = add(api, number).await;
        asked.insert(number);
        if status == StatusCode::CREATED {
            break;
        }
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{answer}");
        assert!(Instant::now() < deadline, "nothing is saved within {CONNECTED_WITHIN:?}: {answer}");
    }
    asked
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_database_server_is_gone_or_silent_phones_and_calls_go_on_and_nothing_acknowledged_is_lost() {
    let postgres = Postgres::start().await;
    let mut office = Installation::on_a_server(&postgres.url());
    office.serve().await;
    let (desk, other) = (office.add("101").await, office.add("102").await);
    let (desk, other) = (phone(&office, "101", &desk), phone(&office, "102", &other));
    desk.register(300, SOON).await.unwrap();
    other.register(300, SOON).await.unwrap();
    let api = office.api();
    let mut expected = BTreeSet::from([101, 102]);
    for (way, number) in [(Way::Shut, 2000), (Way::Silent, 30_000)] {
        postgres.set(way);
        let (status, problem) = timeout(TOLD_WITHIN, add(&api, number)).await.expect("an answer in time");
        assert_eq!(
            (status, &problem["code"]),
            (StatusCode::SERVICE_UNAVAILABLE, &json!("not_saved")),
            "{way:?}: {problem}"
        );
        timeout(Duration::from_secs(2), desk.register(300, SOON)).await.expect("at once").unwrap();
        call(&desk, &other).await;
        postgres.set(Way::Open);
        expected.insert(number);
        expected.extend(add_until_acknowledged(&api, number + 1).await);
    }
    recovered(&api).await;
    office.kill().await;
    office.serve().await;
    assert_eq!(extensions(&office.api()).await, expected);
    assert_eq!(office.api().get("/calls").await["calls"].as_array().map(Vec::len), Some(2));
}

/// The library that makes a server's disk fail, built once for all rounds.
fn failing_disk(folder: &std::path::Path) -> PathBuf {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/failing_disk/failing_disk.c");
    let library = folder.join("failing_disk.so");
    let built =
        Command::new(installed("gcc")).args(["-shared", "-fPIC", "-o"]).arg(&library).arg(source).arg("-ldl").status();
    assert!(built.unwrap().success(), "gcc does not build {source}");
    library
}

/// The rounds: whether the database is made in it, and the number of writes after which the disk fails.
fn rounds() -> Vec<(bool, u32)> {
    let many: u32 = std::env::var("NIGHTBELL_FAILING_WRITES").ok().map_or(3, |text| text.parse().unwrap());
    // A first start writes some 600 times, 60 extensions some 200 times.
    (0..many).flat_map(|round| [(true, round * 600 / many), (false, round * 200 / many)]).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn whichever_write_fails_first_nothing_acknowledged_is_lost_and_nothing_is_half() {
    let folder = tempfile::tempdir().unwrap();
    let library = failing_disk(folder.path());
    let (mut refused_starts, mut refused_changes) = (0, 0);
    for (first_start, after) in rounds() {
        let healed = folder.path().join(format!("healed-{first_start}-{after}"));
        let mut office = Installation::prepare("");
        if !first_start {
            office.serve().await;
            office.kill().await;
        }
        office.set_environment(&[
            ("LD_PRELOAD", library.to_str().unwrap()),
            ("FAILING_DISK_AFTER", &after.to_string()),
            ("FAILING_DISK_HEALED", healed.to_str().unwrap()),
        ]);
        let mut acknowledged = BTreeSet::new();
        let mut asked = BTreeSet::new();
        if office.try_serve().await {
            let api = office.api();
            for number in 200..260 {
                asked.insert(number);
                let (status, answer) = add(&api, number).await;
                match status {
                    StatusCode::CREATED => drop(acknowledged.insert(number)),
                    StatusCode::SERVICE_UNAVAILABLE => refused_changes += 1,
                    _ => panic!("write {after}, extension {number}: {status} {answer}"),
                }
            }
            std::fs::write(&healed, "").unwrap();
            recovered(&api).await;
            acknowledged.clone_from(&asked);
            office.kill().await;
        } else {
            refused_starts += 1;
            assert!(
                office.log().contains("the disk does not read or write as it should"),
                "write {after}: {}",
                office.log()
            );
        }
        office.set_environment(&[]);
        office.serve().await;
        let there = extensions(&office.api()).await;
        assert_eq!(there, acknowledged, "write {after}");
        for number in [200, 259].iter().filter(|number| there.contains(number)) {
            let detail = office.api().get(&format!("/extensions/{number}")).await;
            assert_eq!(detail["accounts"].as_array().map(Vec::len), Some(1), "write {after}: {detail}");
        }
        office.kill().await;
    }
    assert!(refused_starts > 0 && refused_changes > 0, "{refused_starts} starts and {refused_changes} changes failed");
}
