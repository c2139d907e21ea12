//! The load: many hands that write at once, each at things of its own, until the server is gone.

use std::sync::{Arc, Mutex, PoisonError};

use hyper::{Method, StatusCode};
use nightbell::phone::{OutgoingCall, Phone};
use push_module::standin::ApnsStandin;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::Draw;
use super::book::Book;
use super::office::{Office, PAIRED, PAIRS, PHONES, People, RENEWED, RINGING, Way, new_token};
use crate::support::SOON;
use crate::support::installation::Api;

/// Hands of extensions, each with this many numbers.
const NUMBERS: u64 = 8;

/// What every hand holds.
#[derive(Clone)]
struct Hand {
    api: Api,
    apns: ApnsStandin,
    book: Book,
    people: Arc<People>,
    spare_keys: Arc<Vec<(String, Value)>>,
}

/// A running load.
pub(super) struct Load {
    tasks: JoinSet<()>,
    callers: Vec<Arc<Caller>>,
    /// Rings until it is let go.
    _bell: Phone,
}

/// A caller of the load and the call that waits for an answer, if one does.
pub(super) struct Caller {
    /// The caller's number.
    pub(super) number: &'static str,
    phone: Phone,
    waiting: Mutex<Option<OutgoingCall>>,
}

impl Caller {
    fn new(number: &'static str, people: &People) -> Arc<Self> {
        Arc::new(Self { number, phone: people.phone(number, Way::UdpDesk, ""), waiting: Mutex::default() })
    }

    fn waits(&self, call: Option<OutgoingCall>) {
        *self.waiting.lock().unwrap_or_else(PoisonError::into_inner) = call;
    }

    /// The call that waits for its answer, if one does.
    pub(super) fn take_waiting(&self) -> Option<OutgoingCall> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Load {
    /// Lets go of everything. Callers who do not wait go away as well; the others are given back.
    pub(super) async fn stop(mut self) -> Vec<Arc<Caller>> {
        self.tasks.abort_all();
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(failed) = ended
                && failed.is_panic()
            {
                std::panic::resume_unwind(failed.into_panic());
            }
        }
        for caller in &self.callers {
            if caller.waiting.lock().unwrap_or_else(PoisonError::into_inner).is_none() {
                caller.phone.background().await;
            }
        }
        self.callers
    }
}

/// Starts all hands.
pub(super) fn begin(office: &Office, draw: &mut Draw) -> Load {
    let hand = Hand {
        api: office.server.api(),
        apns: office.apns.clone(),
        book: office.book.clone(),
        people: Arc::clone(&office.people),
        spare_keys: Arc::clone(&office.spare_keys),
    };
    let mut tasks = JoinSet::new();
    for first in [300, 400] {
        tasks.spawn(hand.clone().extensions(first, draw.fork()));
    }
    for (number, way) in PHONES {
        tasks.spawn(hand.clone().registrations(number, way, draw.fork()));
    }
    tasks.spawn(hand.clone().settings(draw.fork()));
    tasks.spawn(hand.clone().keys(draw.fork()));
    tasks.spawn(hand.clone().links(draw.fork()));
    tasks.spawn(hand.clone().secrets());
    let mut callers = Vec::new();
    for (number, app) in PAIRS {
        let caller = Caller::new(number, &hand.people);
        tasks.spawn(hand.clone().calls(Arc::clone(&caller), app, draw.fork()));
        callers.push(caller);
    }
    let bell = hand.people.phone(RINGING.1, Way::UdpDesk, "");
    let caller = Caller::new(RINGING.0, &hand.people);
    tasks.spawn(hand.rings(Arc::clone(&caller), bell.clone(), draw.fork()));
    callers.push(caller);
    Load { tasks, callers, _bell: bell }
}

impl Hand {
    /// Asks the API for a change of `thing`; `None` when the server is gone.
    async fn write(&self, thing: &str, value: Value, request: (Method, String, Option<Value>)) -> Option<Value> {
        self.book.ask(thing, value);
        let (method, path, body) = request;
        let (status, answer) = self.api.ask(method, &path, body.as_ref()).await?;
        match status.as_u16() {
            200..300 => self.book.acknowledge(thing),
            // Busy: nothing was changed.
            503 => {}
            _ => panic!("{thing} {path}: {status} {answer}"),
        }
        Some(answer)
    }

    /// Adds, renames, switches and removes extensions.
    async fn extensions(self, first: u64, mut draw: Draw) {
        loop {
            let number = first + draw.below(NUMBERS);
            let thing = format!("extension {number}");
            let known = self.book.known(&thing);
            let name = format!("Name {}", draw.below(1_000_000));
            let path = format!("/extensions/{number}");
            let written = if known.is_null() {
                let body = json!({ "number": number.to_string(), "name": name });
                let added = json!({ "name": name, "push_enabled": true });
                self.write(&thing, added, (Method::POST, "/extensions".to_owned(), Some(body))).await
            } else {
                match draw.below(4) {
                    0 => self.write(&thing, Value::Null, (Method::DELETE, path, None)).await,
                    1 => {
                        let renamed = json!({ "name": name, "push_enabled": known["push_enabled"] });
                        self.write(&thing, renamed, (Method::PATCH, path, Some(json!({ "name": name })))).await
                    }
                    _ => {
                        let enabled = !known["push_enabled"].as_bool().unwrap();
                        let switched = json!({ "name": known["name"], "push_enabled": enabled });
                        let body = Some(json!({ "enabled": enabled }));
                        self.write(&thing, switched, (Method::POST, format!("{path}/push"), body)).await
                    }
                }
            };
            if written.is_none() {
                return;
            }
        }
    }

    /// Registers with old and new tokens, from old and new ports, and unregisters.
    async fn registrations(self, number: &'static str, way: Way, mut draw: Draw) {
        let (token_of, binding_of) = (format!("token {number}"), format!("binding {number}"));
        let mut phone: Option<Phone> = None;
        loop {
            let is_new = phone.is_none() || draw.below(3) == 0;
            if is_new {
                if let Some(old) = phone.take() {
                    old.background().await;
                }
                let token = new_token(&self.apns);
                if way != Way::UdpDesk {
                    self.book.ask(&token_of, json!(token));
                }
                phone = Some(self.people.phone(number, way, &token));
            }
            let Some(phone) = &phone else { return };
            let wants_live = is_new || draw.below(3) > 0;
            self.book.ask(&binding_of, json!(wants_live));
            let asked = if wants_live { phone.register(300, SOON).await } else { phone.unregister(SOON).await };
            // The end of the server shows as silence or as a lost connection; the round ends this hand then.
            if asked.is_err() {
                return std::future::pending().await;
            }
            self.book.acknowledge(&token_of);
            self.book.acknowledge(&binding_of);
        }
    }

    async fn settings(self, mut draw: Draw) {
        loop {
            let seconds = 20 + draw.below(40);
            let body = Some(json!({ "ring_seconds": seconds }));
            let request = (Method::PUT, "/settings".to_owned(), body);
            if self.write("ring_seconds", json!(seconds), request).await.is_none() {
                return;
            }
        }
    }

    /// Adds and removes push credentials.
    async fn keys(self, mut draw: Draw) {
        loop {
            let (label, upload) = draw.one_of(&self.spare_keys).clone();
            let thing = format!("key {label}");
            let known = self.book.known(&thing);
            let request = match known.as_i64() {
                Some(id) => (Method::DELETE, format!("/push/credentials/{id}"), None),
                None => (Method::POST, "/push/credentials".to_owned(), Some(upload)),
            };
            let adds = known.is_null();
            // The id is only known with the answer.
            let wanted = if adds { json!("added") } else { Value::Null };
            let Some(answer) = self.write(&thing, wanted, request).await else { return };
            if adds && self.book.known(&thing) == "added" {
                let _ = self.book.compare(&thing, json!("added"));
                self.book.ask(&thing, answer["id"].clone());
                self.book.acknowledge(&thing);
            }
        }
    }

    /// Makes links, redeems them and takes them back.
    async fn links(self, mut draw: Draw) {
        let web = browser();
        loop {
            let body = Some(json!({ "label": "A phone" }));
            let asked = self.api.ask(Method::POST, &format!("/extensions/{PAIRED}/enrolments"), body.as_ref()).await;
            let Some((status, link)) = asked else { return };
            assert_eq!(status, StatusCode::CREATED, "{link}");
            let (id, url) = (link["id"].as_str().unwrap(), link["url"].as_str().unwrap());
            let thing = format!("link {id}");
            self.book.ask(&thing, json!({ "state": "issued" }));
            self.book.acknowledge(&thing);
            self.book.ask(&format!("url {id}"), json!(url));
            self.book.acknowledge(&format!("url {id}"));
            if draw.below(8) > 0 {
                self.book.ask(&thing, json!({ "state": "claimed" }));
                let Some(profile) = redeem(&web, url).await else { return };
                self.book.acknowledge(&thing);
                self.book.ask(&format!("account {id}"), profile["account"].clone());
                self.book.acknowledge(&format!("account {id}"));
            }
            if draw.below(3) > 0 {
                let revoked = json!({ "state": "revoked" });
                let request = (Method::DELETE, format!("/enrolments/{id}"), None);
                if self.write(&thing, revoked, request).await.is_none() {
                    return;
                }
            }
        }
    }

    /// Renews a secret.
    async fn secrets(self) {
        loop {
            let secret = format!("secret-{}", uuid::Uuid::new_v4().simple());
            let request = (Method::POST, format!("/extensions/{RENEWED}/secret"), Some(json!({ "secret": secret })));
            if self.write(&format!("secret {RENEWED}"), json!(secret), request).await.is_none() {
                return;
            }
        }
    }

    /// Calls an app that sleeps: parked until the caller hangs up, or until the end of the server.
    async fn calls(self, caller: Arc<Caller>, app: &'static str, mut draw: Draw) {
        let token = self.book.known(&format!("token {app}"));
        let mut pushes = self.apns.subscribe();
        loop {
            let Ok(call) = caller.phone.call(app, SOON).await else { return std::future::pending().await };
            loop {
                let Ok(push) = pushes.recv().await else { return };
                if push.kind == "voip" && json!(push.token) == token {
                    break;
                }
            }
            // The push leaves at once; a caller who has heard nothing yet repeats its INVITE after the restart.
            if call.taken_care_of(SOON).await.is_err() {
                return std::future::pending().await;
            }
            self.book.count();
            if draw.below(3) == 0 {
                caller.waits(Some(call));
                return;
            }
            if call.cancel(SOON).await.is_err() {
                return std::future::pending().await;
            }
            self.book.count();
        }
    }
}

impl Hand {
    /// Calls a desk phone that rings and rings.
    async fn rings(self, caller: Arc<Caller>, bell: Phone, mut draw: Draw) {
        if bell.register(300, SOON).await.is_err() {
            return std::future::pending().await;
        }
        loop {
            let Ok(call) = caller.phone.call(bell.extension(), SOON).await else { return std::future::pending().await };
            let Ok(incoming) = bell.incoming(SOON).await else { return std::future::pending().await };
            if incoming.ring().is_err() || call.ringing(SOON).await.is_err() {
                return std::future::pending().await;
            }
            self.book.count();
            if draw.below(2) == 0 {
                caller.waits(Some(call));
                return;
            }
            if call.cancel(SOON).await.is_err() {
                return std::future::pending().await;
            }
        }
    }
}

/// A browser that takes the server's self-made certificate.
pub(super) fn browser() -> reqwest::Client {
    nightbell::app::install_crypto();
    reqwest::Client::builder().tls_danger_accept_invalid_certs(true).build().unwrap()
}

/// Redeems a link; `None` when the link is used up or the server is gone.
pub(super) async fn redeem(web: &reqwest::Client, url: &str) -> Option<Value> {
    let answer = web.post(url).header("accept", "application/json").send().await.ok()?;
    if !answer.status().is_success() {
        return None;
    }
    answer.json().await.ok()
}
