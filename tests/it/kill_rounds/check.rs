//! After the restart: is everything there, does nobody ring for the past, does a push still wake?

use std::sync::Arc;
use std::time::Duration;

use hyper::{Method, StatusCode};
use nightbell::phone::{CallEnd, EventKind, Phone};
use serde_json::{Value, json};
use sha2::Digest as _;
use tokio::time::timeout;

use super::Draw;
use super::hands::{Caller, browser, redeem};
use super::office::{Office, PAIRED, PAIRS, PHONES, RENEWED, Way};
use crate::support::SOON;

/// The promise to a caller who waited.
const FINAL_ANSWER: Duration = Duration::from_secs(5);
/// Links looked at again each round; each wrong token counts against this address.
const LINKS: usize = 3;

/// Every caller who waited, for a phone to wake or to be answered, has a final answer; how many there were.
pub(super) async fn calls(callers: Vec<Arc<Caller>>) -> (u64, Vec<String>) {
    let (mut answered, mut faults) = (0, Vec::new());
    for caller in callers {
        let Some(call) = caller.take_waiting() else { continue };
        match call.ended(FINAL_ANSWER).await {
            Ok(CallEnd::Refused(503, _)) => answered += 1,
            other => faults.push(format!("caller {} was left without an answer: {other:?}", caller.number)),
        }
    }
    (answered, faults)
}

/// Compares the book with what the server shows.
pub(super) async fn book(office: &Office) -> Vec<String> {
    let mut faults = Vec::new();
    let api = office.server.api();
    for thing in office.book.things("extension ") {
        let number = thing.trim_start_matches("extension ");
        let (status, seen) = api.ask(Method::GET, &format!("/extensions/{number}"), None).await.unwrap();
        let known = if status == StatusCode::NOT_FOUND {
            Value::Null
        } else {
            if seen["accounts"] != json!([number]) {
                faults.push(format!("{thing} is half there: {seen}"));
            }
            json!({ "name": seen["name"], "push_enabled": seen["push_enabled"] })
        };
        faults.extend(office.book.compare(&thing, known));
    }
    let settings = api.get("/settings").await;
    faults.extend(office.book.compare("ring_seconds", settings["ring_seconds"].clone()));
    faults.extend(registrations(office).await);
    faults.extend(keys(office).await);
    faults.extend(links(office).await);
    faults.extend(renewed_secret(office).await);
    faults
}

async fn registrations(office: &Office) -> Vec<String> {
    let mut faults = Vec::new();
    let numbers = PHONES.iter().map(|(number, way)| (*number, *way));
    for (number, way) in numbers.chain(PAIRS.iter().map(|(_, app)| (*app, Way::TcpApp))) {
        let detail = office.server.api().get(&format!("/extensions/{number}")).await;
        let instance = office.people.instance(number).to_string();
        let of_instance = |device: &&Value| device["key"].as_str().is_some_and(|key| key.contains(&instance));
        let devices = detail["device_list"].as_array().cloned().unwrap_or_default();
        let device = devices.iter().find(of_instance);
        let call_token = device.map_or(Value::Null, |device| device["wake_target"]["call_token"].clone());
        let is_live = device.is_some_and(|device| device["live_binding"]["live"] == true);
        let thing = format!("token {number}");
        if way != Way::UdpDesk {
            let permitted = office.book.permitted(&thing);
            let digits = |token: &Value| token.as_str().map(fingerprint).map_or(Value::Null, Value::from);
            match permitted.iter().find(|token| digits(token) == call_token) {
                Some(token) => drop(office.book.compare(&thing, token.clone())),
                None => faults.push(format!("{thing}: one of {permitted:?} was to be there: {detail}")),
            }
        }
        let thing = format!("binding {number}");
        match way {
            // Streams die with the process.
            Way::TlsApp | Way::TcpApp => office.book.forget(&thing),
            Way::UdpDesk | Way::UdpApp => faults.extend(office.book.compare(&thing, json!(is_live))),
        }
    }
    faults
}

async fn keys(office: &Office) -> Vec<String> {
    let list = office.server.api().get("/push/credentials").await;
    let there = list["credentials"].as_array().cloned().unwrap_or_default();
    let mut faults = Vec::new();
    for (label, _) in office.spare_keys.iter() {
        let thing = format!("key {label}");
        let id = there.iter().find(|one| one["label"] == *label.as_str()).map_or(Value::Null, |one| one["id"].clone());
        let permitted = office.book.permitted(&thing);
        // A key that was under way has an id nobody has heard of.
        let fits =
            permitted.is_empty() || permitted.contains(&id) || (id.is_i64() && permitted.contains(&json!("added")));
        if !fits {
            faults.push(format!("{thing}: one of {permitted:?} was to be there, but {id} is"));
        }
        let _ = office.book.compare(&thing, id);
    }
    faults
}

async fn links(office: &Office) -> Vec<String> {
    let mut faults = Vec::new();
    let api = office.server.api();
    let list = api.get(&format!("/enrolments?extension={PAIRED}")).await;
    let there = list["enrolments"].as_array().cloned().unwrap_or_default();
    let accounts = api.get(&format!("/extensions/{PAIRED}")).await["accounts"].clone();
    let accounts = accounts.as_array().cloned().unwrap_or_default();
    let web = browser();
    for (index, thing) in office.book.things("link ").into_iter().enumerate() {
        let id = thing.trim_start_matches("link ").to_owned();
        let Some(link) = there.iter().find(|link| link["id"] == *id.as_str()) else {
            faults.push(format!("{thing} is lost: {list}"));
            continue;
        };
        // Taking it back logs the phone out first; cut short there, the link can be taken back again.
        let going = office.book.permitted(&thing).contains(&json!({ "state": "revoked" }));
        faults.extend(office.book.compare(&thing, json!({ "state": link["state"] })));
        let has_account = accounts.contains(&link["username"]);
        let url = office.book.known(&format!("url {id}"));
        match link["state"].as_str() {
            Some("claimed") => {
                if !has_account && !going {
                    faults.push(format!("{thing} was redeemed, but its account is gone: {accounts:?}"));
                }
                if index < LINKS && redeem(&web, url.as_str().unwrap()).await.is_some() {
                    faults.push(format!("{thing} was redeemed twice"));
                }
                if has_account {
                    faults.extend(account_works(office, &id).await);
                }
            }
            Some("issued") => {
                // A redemption that was cut short left the link good: once.
                if redeem(&web, url.as_str().unwrap()).await.is_none() {
                    faults.push(format!("{thing} is still good, but cannot be redeemed"));
                }
                if redeem(&web, url.as_str().unwrap()).await.is_some() {
                    faults.push(format!("{thing} was redeemed twice"));
                }
            }
            _ if has_account => faults.push(format!("{thing} was taken back, but its account is there: {accounts:?}")),
            _ => {}
        }
        let (status, answer) = api.ask(Method::DELETE, &format!("/enrolments/{id}"), None).await.unwrap();
        if !status.is_success() && link["state"] != "revoked" {
            faults.push(format!("{thing} cannot be taken back: {status} {answer}"));
        }
        for kind in ["link", "url", "account"] {
            office.book.forget(&format!("{kind} {id}"));
        }
    }
    faults
}

/// The account a phone was given registers.
async fn account_works(office: &Office, id: &str) -> Option<String> {
    let account = office.book.known(&format!("account {id}"));
    let (username, secret) = (account["auth_username"].as_str()?, account["secret"].as_str()?);
    let phone = office.people.phone_of(PAIRED, username, secret, Way::UdpDesk, "");
    let registered = phone.register(300, SOON).await;
    registered.err().map(|error| format!("the account of link {id} does not work: {error}"))
}

async fn renewed_secret(office: &Office) -> Vec<String> {
    let thing = format!("secret {RENEWED}");
    let permitted = office.book.permitted(&thing);
    for secret in permitted.iter().filter_map(Value::as_str) {
        let phone = office.people.phone_of(RENEWED, RENEWED, secret, Way::UdpDesk, "");
        if phone.register(300, SOON).await.is_ok() {
            return office.book.compare(&thing, json!(secret)).into_iter().collect();
        }
    }
    vec![format!("{thing}: none of {} secrets works", permitted.len())]
}

/// Apps that wake late ring for nobody; then one is called, pushed, wakes and rings once.
pub(super) async fn waking(office: &mut Office, draw: &mut Draw) -> Vec<String> {
    let mut faults = Vec::new();
    let (caller, app) = *draw.one_of(&PAIRS);
    for (_, late) in PAIRS {
        let token = office.book.known(&format!("token {late}"));
        let phone = office.people.phone(late, Way::TcpApp, token.as_str().unwrap());
        phone.wake(300, SOON).await.unwrap();
        if late == app {
            faults.extend(called_asleep(office, caller, &phone, token.as_str().unwrap()).await.err());
        }
        if phone.local_addr().is_some() {
            phone.unregister(SOON).await.unwrap();
        }
        let rings = phone.events().count(late, |kind| matches!(kind, EventKind::CallArrived(_)));
        if rings != usize::from(late == app) {
            faults.push(format!("{late} rang {rings} times"));
        }
        phone.background().await;
    }
    faults
}

async fn called_asleep(office: &Office, caller: &str, app: &Phone, token: &str) -> Result<(), String> {
    let said = |error: nightbell::phone::PhoneError| error.to_string();
    app.unregister(SOON).await.map_err(said)?;
    app.background().await;
    let mut pushes = office.apns.subscribe();
    let desk = office.people.phone(caller, Way::UdpDesk, "");
    let call = desk.call(app.extension(), SOON).await.map_err(said)?;
    let push = timeout(SOON, async {
        loop {
            match pushes.recv().await {
                Ok(push) if push.token == token && push.kind == "voip" => return,
                Ok(_) => {}
                Err(error) => panic!("the stand-in is gone: {error}"),
            }
        }
    });
    push.await.map_err(|_| format!("no push to {} after the restart", app.extension()))?;
    app.wake(300, SOON).await.map_err(said)?;
    let bell = app.incoming(SOON).await.map_err(said)?;
    bell.answer().map_err(said)?;
    call.answered(SOON).await.map_err(said)?;
    call.hang_up(SOON).await.map_err(said)?;
    bell.ended(SOON).await.map_err(said)?;
    Ok(())
}

/// The fingerprint of a push token as the API shows it.
fn fingerprint(token: &str) -> String {
    let digits = |text: String| -> String {
        let digest = sha2::Sha256::digest(text.as_bytes());
        digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect()
    };
    digits(format!("apns\0{token}"))
}
