//! Killed with -9 and started again: nothing that was acknowledged is lost, a caller who was parked gets a final answer, and
//! a push still wakes the phone that was asleep before.

use std::process::Stdio;
use std::time::Duration;

use hyper::{Method, StatusCode};
use nightbell::phone::{CallEnd, Phone, Transport};
use pbx_core::model::Environment;
use push_module::standin::{ApnsRequest, ApnsStandin};
use serde_json::json;
use tokio::time::timeout;
use uuid::Uuid;

use crate::support::SOON;
use crate::support::installation::{Installation, apns_with, token};
use crate::support::server::BUNDLE;

async fn desk(office: &Installation, secret: &str) -> Phone {
    let desk = Phone::builder(office.udp).extension("101").secret(secret).build().unwrap();
    desk.register(300, SOON).await.unwrap();
    desk
}

fn app(office: &Installation, secret: &str, token: &str) -> Phone {
    Phone::builder(office.tcp)
        .extension("102")
        .secret(secret)
        .transport(Transport::Tcp)
        .instance(Uuid::new_v4())
        .push_params(format!(";pn-provider=apns;pn-param=ABCD1234.{BUNDLE}.voip;pn-prid={token}"))
        .build()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_kill_a_push_still_wakes_the_phone_that_was_asleep() {
    let token = token();
    let apns = apns_with(&token).await;
    let mut office = Installation::start().await;
    let (desk_secret, app_secret) = (office.add("101").await, office.add("102").await);
    office.credential(&apns).await;
    let app = app(&office, &app_secret, &token);
    app.register(300, SOON).await.unwrap();
    // The 200 is the promise that the wake target is on disk: the very next thing is the end of the process.
    office.kill().await;
    app.background().await;
    office.serve().await;

    let desk = desk(&office, &desk_secret).await;
    let mut pushes = apns.subscribe();
    let calling = desk.call("102", SOON).await.unwrap();
    timeout(SOON, pushes.recv()).await.expect("a push after the restart").unwrap();
    app.wake(300, SOON).await.unwrap();
    let incoming = app.incoming(SOON).await.unwrap();
    incoming.answer().unwrap();
    calling.answered(SOON).await.unwrap();
    calling.heard(10, SOON).await.unwrap();
    incoming.heard(10, SOON).await.unwrap();
    calling.hang_up(SOON).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sleeping_phone_that_was_switched_off_over_a_kill_is_woken_once_it_is_on_without_having_done_anything() {
    let token = token();
    let apns = apns_with(&token).await;
    let mut office = Installation::start().await;
    let (desk_secret, app_secret) = (office.add("101").await, office.add("102").await);
    office.credential(&apns).await;
    let app = app(&office, &app_secret, &token);
    app.register(300, SOON).await.unwrap();
    app.unregister(SOON).await.unwrap();
    app.background().await;
    let mut pushes = apns.subscribe();
    let switch = async |office: &Installation, enabled: bool| {
        let order = json!({ "extensions": ["102"], "enabled": enabled });
        let (status, answer) = office.api().ask(Method::POST, "/phones/switch", Some(&order)).await.unwrap();
        assert_eq!(status, StatusCode::OK, "{answer}");
    };
    switch(&office, false).await;
    for round in 0..2 {
        let desk = desk(&office, &desk_secret).await;
        let refused = desk.call("102", SOON).await.unwrap().ended(SOON).await.unwrap();
        assert!(matches!(refused, CallEnd::Refused(480, _)), "round {round}: {refused:?}");
        if round == 0 {
            office.kill().await;
            office.serve().await;
        }
    }
    let off = office.api().get("/extensions/102").await;
    assert!(off["reason"].as_str().unwrap().contains("switched off by the admin"), "{off}");
    assert!(pushes.try_recv().is_err(), "nobody was pushed");

    switch(&office, true).await;
    // The 200 is the promise that it is on disk.
    office.kill().await;
    office.serve().await;
    let desk = desk(&office, &desk_secret).await;
    let calling = desk.call("102", SOON).await.unwrap();
    timeout(SOON, pushes.recv()).await.expect("a push for the first call after it").unwrap();
    app.wake(300, SOON).await.unwrap();
    let incoming = app.incoming(SOON).await.unwrap();
    incoming.answer().unwrap();
    calling.answered(SOON).await.unwrap();
    calling.hang_up(SOON).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_environment_that_took_a_phones_token_is_kept_from_its_register_over_a_restart() {
    let token = token();
    let apns = ApnsStandin::start().await.unwrap();
    // A test build of the app: its token is of the sandbox, and nothing in its REGISTER says so.
    apns.register_token(&token, &format!("{BUNDLE}.voip"), Environment::Sandbox);
    let mut office = Installation::start().await;
    let (desk_secret, app_secret) = (office.add("101").await, office.add("102").await);
    office.credential_for(&apns, Environment::Production).await;
    office.credential_for(&apns, Environment::Sandbox).await;
    let app = app(&office, &app_secret, &token);
    let mut pushes = apns.subscribe();
    let mut asked = Vec::new();
    for round in ["before", "after"] {
        app.register(300, SOON).await.unwrap();
        app.unregister(SOON).await.unwrap();
        app.background().await;
        let desk = desk(&office, &desk_secret).await;
        let calling = desk.call("102", SOON).await.unwrap();
        let push = timeout(SOON, pushes.recv()).await.expect("a push").unwrap();
        assert_eq!((push.environment, push.kind.as_str()), (Environment::Sandbox, "voip"), "{round}");
        app.wake(300, SOON).await.unwrap();
        let incoming = app.incoming(SOON).await.unwrap();
        incoming.answer().unwrap();
        calling.answered(SOON).await.unwrap();
        calling.hang_up(SOON).await.unwrap();
        let voip = |it: &&ApnsRequest| it.push_type.as_deref() == Some("voip");
        asked.push(apns.requests().iter().filter(voip).map(|it| it.environment).collect::<Vec<_>>());
        // What is acknowledged after the correction is on disk after it, too.
        office.add(if round == "before" { "103" } else { "104" }).await;
        office.kill().await;
        office.serve().await;
    }
    let (one, two) = (Environment::Production, Environment::Sandbox);
    assert_eq!(asked, [vec![one, two], vec![one, two, two]], "tried once, then known for ever");
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_a_call_is_parked_the_caller_gets_a_final_answer_within_five_seconds_and_nobody_rings() {
    let token = token();
    let apns = apns_with(&token).await;
    let mut office = Installation::start().await;
    let (desk_secret, app_secret) = (office.add("101").await, office.add("102").await);
    office.credential(&apns).await;
    let app = app(&office, &app_secret, &token);
    app.register(300, SOON).await.unwrap();
    app.unregister(SOON).await.unwrap();
    app.background().await;
    let desk = desk(&office, &desk_secret).await;
    let mut pushes = apns.subscribe();
    let calling = desk.call("102", SOON).await.unwrap();
    timeout(SOON, pushes.recv()).await.expect("the call is parked and pushed").unwrap();

    office.kill().await;
    office.serve().await;
    let refused = calling.answered(Duration::from_secs(5)).await;
    assert!(refused.is_err(), "the caller was connected with nobody");
    assert!(format!("{refused:?}").contains("503"), "{refused:?}");
    app.wake(300, SOON).await.unwrap();
    let ghost = app.incoming(Duration::from_secs(1)).await;
    assert!(ghost.is_err(), "a call that is over rang");

    let log = office.run(&["calls"]).await;
    let calls = log["calls"].as_array().unwrap_or_else(|| panic!("{log}"));
    assert_eq!(calls.len(), 1, "{log}");
    assert_eq!(calls[0]["ending"], "server_stopped", "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_in_the_middle_of_changes_everything_that_was_acknowledged_is_there() {
    let apns = apns_with(&token()).await;
    let mut office = Installation::start().await;
    office.credential(&apns).await;
    let mut acknowledged = Vec::new();
    for number in 200..220 {
        let number = number.to_string();
        office.add(&number).await;
        acknowledged.push(number);
    }
    // One more is on its way when the process ends; it may be there or not, but never half.
    let mut late =
        office.command(&["extension", "add", "999"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    office.kill().await;
    late.wait().await.unwrap();
    office.serve().await;

    let page = office.run(&["extension", "list"]).await;
    let lines = page["extensions"].as_array().unwrap_or_else(|| panic!("{page}"));
    let there: Vec<_> = lines.iter().filter_map(|line| line["number"].as_str()).collect();
    for number in &acknowledged {
        assert!(there.contains(&number.as_str()), "{number} is lost: {page}");
    }
    if there.contains(&"999") {
        let detail = office.run(&["extension", "show", "999"]).await;
        assert_eq!(detail["accounts"].as_array().map(Vec::len), Some(1), "{detail}");
    }
    let credentials = office.run(&["push", "credential", "list"]).await;
    assert_eq!(credentials["credentials"].as_array().map(Vec::len), Some(1), "{credentials}");
}
