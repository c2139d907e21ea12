//! The whole router with a fake switchboard, a real store and a real push gateway.

mod fake;

mod access;
mod acrobits;
mod api;
mod audit;
mod backups;
mod certificate;
mod contract;
mod desk_phones;
mod event_webhooks;
mod events;
mod first_run;
mod idempotency;
mod languages;
mod mail;
mod network_check;
mod operations;
mod own;
mod pages;
mod passkeys;
mod phone_list;
mod push_tokens;
mod roles;
mod second_factor;
mod settings_again;
mod setup_file;
mod signing_in;
mod tokens;
mod users;
mod web_proxy;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, Response, StatusCode, header};
use pbx_core::model::{
    BindingState, DeviceId, DeviceKey, DeviceSummary, Environment, LiveBindingSummary, Presence, PushPolicy,
    PushProvider, Redacted, TargetHealth, TokenHistory, Transport, UnixMillis, WakeState, WakeTarget,
};
use pbx_core::store::Store;
use pbx_core::store::sql::query;
use provisioning::{Enrolments, PublicInfo, SipPorts};
use tempfile::TempDir;
use tokio::sync::mpsc;
use tower::ServiceExt as _;

use self::fake::Fake;
use crate::role::Role;
use crate::{AdminState, Site, local_router, router, setup, tls};

/// A password that passes the rules.
const PASSWORD: &str = "plum tractor window nine";
/// A push token that must appear on no page.
const CALL_TOKEN: &str = "5ec2e7ca11703e4";
const BASE: &str = "https://pbx.example.com";

/// One installation under test.
struct Bench {
    fake: Fake,
    store: Store,
    state: AdminState,
    router: Router,
    local: Router,
    _dir: TempDir,
    _queues: Box<dyn std::any::Any + Send>,
}

/// An answer, read whole.
#[derive(Debug)]
struct Answer {
    status: StatusCode,
    headers: axum::http::HeaderMap,
    body: String,
}

impl Answer {
    async fn of(response: Response<Body>) -> Self {
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, 10_000_000).await.unwrap();
        Self { status: parts.status, headers: parts.headers, body: String::from_utf8_lossy(&bytes).into_owned() }
    }

    fn header(&self, name: impl header::AsHeaderName) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|why| panic!("{why}: {}", self.body))
    }
}

impl Bench {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open_for_test(dir.path()).await.unwrap();
        let fake = Fake::start();
        let (wakes, requests) = mpsc::channel(8);
        let (reports, received) = mpsc::channel(8);
        let (gateway, _) = push_module::Gateway::start(store.clone(), requests, reports).await.unwrap();
        let public = PublicInfo {
            https_base_url: BASE.into(),
            sip_domain: "pbx.example.com".into(),
            sip_host: "pbx.example.com".into(),
            sip_ports: SipPorts { udp: Some(5060), tcp: Some(5060), tls: Some(5061) },
        };
        let enrolments = Enrolments::new(store.clone(), fake.handle.clone(), public, gateway.offer());
        let site = Site {
            public_url: BASE.into(),
            certificate: tls::load_or_make(dir.path(), "pbx.example.com").unwrap(),
            listen: "127.0.0.1:443".parse().unwrap(),
            version: "0.1.0",
            started_at: UnixMillis(0),
            log: crate::LogDoor::new(crate::Tail::default(), "info", |text| {
                if text.contains('=') { Err("no filter".to_owned()) } else { Ok(()) }
            }),
            counters: std::sync::Arc::default(),
            surroundings: crate::Surroundings::default(),
        };
        let state = AdminState::new(fake.handle.clone(), store.clone(), gateway, enrolments, site);
        let (router, local) = (router(state.clone()), local_router(state.clone()));
        Self { fake, store, state, router, local, _dir: dir, _queues: Box::new((wakes, received)) }
    }

    /// With an owner `anna` who is signed in; gives the cookie.
    async fn signed_in() -> (Self, String) {
        let bench = Self::new().await;
        let link = setup::setup_link(&bench.store, BASE).await.unwrap();
        let path = link.url.strip_prefix(BASE).unwrap().to_owned();
        let form = format!("name=anna&password={0}&again={0}", PASSWORD.replace(' ', "+"));
        assert_eq!(bench.post(&path, "", &form).await.status, StatusCode::SEE_OTHER);
        let cookie = bench.sign_in("anna", PASSWORD).await.unwrap();
        (bench, cookie)
    }

    /// Somebody of this role who is signed in; gives the cookie.
    async fn session_of(&self, name: &str, role: Role, extension: Option<&str>) -> String {
        let mut tx = self.store.begin().await.unwrap();
        let row = query(
            "INSERT INTO admin_user (name, name_key, password_hash, role, extension, created_at, changed_at)
             VALUES ($1, $1, '', $2, $3, 0, 0) RETURNING id",
        )
        .bind(name)
        .bind(role.as_str())
        .bind(extension)
        .fetch_one(&mut tx)
        .await
        .unwrap();
        tx.commit().await.unwrap();
        let minted = crate::token::mint("").unwrap();
        let now = crate::clock::now();
        let id: i64 = row.try_get("id").unwrap();
        crate::accounts::put_session(&self.store, &minted.hash, id, ("192.0.2.9", "tests"), now).await.unwrap();
        format!("__Host-nightbell={}", minted.text)
    }

    async fn sign_in(&self, name: &str, password: &str) -> Option<String> {
        let form = format!("name={name}&password={}", password.replace(' ', "+"));
        let answer = self.post("/sign-in", "", &form).await;
        (answer.status == StatusCode::SEE_OTHER)
            .then(|| answer.header(header::SET_COOKIE).split(';').next().unwrap().to_owned())
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        let (method, path) = (request.method().clone(), request.uri().to_string());
        let answer = Answer::of(self.router.clone().oneshot(request).await.unwrap()).await;
        contract::keep(&method, &path, &answer);
        answer
    }

    async fn get(&self, path: &str, cookie: &str) -> Answer {
        self.send(request(Method::GET, path, cookie).body(Body::empty()).unwrap()).await
    }

    async fn post(&self, path: &str, cookie: &str, form: &str) -> Answer {
        let request = request(Method::POST, path, cookie)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(form.to_owned()))
            .unwrap();
        self.send(request).await
    }

    async fn upload(&self, path: &str, cookie: &str, parts: &[(&str, &str)]) -> Answer {
        let mut body = String::new();
        for (name, text) in parts {
            body.push_str(&format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n"));
        }
        body.push_str("--x--\r\n");
        let request = request(Method::POST, path, cookie)
            .header(header::CONTENT_TYPE, "multipart/form-data; boundary=x")
            .body(Body::from(body))
            .unwrap();
        self.send(request).await
    }

    /// Asks the API at the Unix socket.
    async fn api(&self, method: Method, path: &str, json: &str) -> Answer {
        let path = format!("/api/v1{path}");
        let mut request = request(method.clone(), &path, "");
        if !json.is_empty() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let request = request.body(Body::from(json.to_owned())).unwrap();
        let answer = Answer::of(self.local.clone().oneshot(request).await.unwrap()).await;
        contract::keep(&method, &path, &answer);
        answer
    }

    async fn add(&self, number: &str, name: &str) {
        let body = serde_json::json!({ "number": number, "name": name }).to_string();
        assert_eq!(self.api(Method::POST, "/extensions", &body).await.status, StatusCode::CREATED);
    }

    fn give_device(&self, device: DeviceSummary) {
        self.fake.world.lock().unwrap().devices.push(device);
    }
}

fn request(method: Method, path: &str, cookie: &str) -> axum::http::request::Builder {
    let mut request = Request::builder().method(method).uri(path).header(header::HOST, "pbx.example.com");
    if !cookie.is_empty() {
        request = request.header(header::COOKIE, cookie);
    }
    request
}

/// A sleeping app with both records.
fn sleeping(id: i64, number: &str, app: &str) -> DeviceSummary {
    let at = UnixMillis(1_790_000_000_000);
    DeviceSummary {
        id: DeviceId(id),
        extension: number.parse().unwrap(),
        key: DeviceKey::from_instance(&format!("urn:uuid:{id}")),
        username: "101".parse().unwrap(),
        user_agent: "LinphoneiOS/6.1 (iPhone)".into(),
        first_seen_at: at,
        last_seen_at: at,
        live_binding: Some(LiveBindingSummary {
            state: BindingState::FlowLost,
            transport: Transport::Tls,
            remote: "192.0.2.7:51234".parse().unwrap(),
            contact: "sip:101@192.0.2.7:51234;transport=tls".into(),
            spare_flows: 0,
            suspect: false,
            user_agent: "LinphoneiOS/6.1 (iPhone)".into(),
            since: at,
            expires_at: at,
        }),
        wake_target: Some(WakeTarget {
            provider: PushProvider::Apns,
            app_id: app.into(),
            environment: Environment::Production,
            call_token: Some(Redacted::new(CALL_TOKEN.into())),
            notice_token: Some(Redacted::new(CALL_TOKEN.into())),
            learned_at: at,
            health: TargetHealth::Good,
            switched_off: None,
            history: TokenHistory::default(),
        }),
        wake_state: Some(WakeState::Armed),
        token_elsewhere: Vec::new(),
        push_policy: PushPolicy::App,
        last_wake: None,
        presence: Presence::ReachableByPush,
        reason: String::new(),
    }
}
