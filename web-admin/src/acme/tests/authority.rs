//! A strict certificate authority on the loopback (RFC 8555, RFC 9773): every request is a JWS that is verified, with a nonce that
//! counts once; the challenge is really asked for; the CSR must name the order and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::sync::{Arc, Mutex};

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rcgen::{BasicConstraints, CertificateParams, CertificateSigningRequestParams, IsCa, Issuer, KeyPair, SanType};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// What the authority does instead of what it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Whim {
    /// Every order is refused with 429 for an hour.
    RateLimit,
    /// Every request fails.
    Ill,
    /// Validations take for ever.
    Slow,
    /// The certificate is for somebody else.
    OtherName,
    /// Every third nonce is refused once.
    BadNonces,
    /// The certificate is to be renewed at once.
    RenewNow,
    /// No order without an external account.
    ExternalAccount,
}

struct Order {
    name: String,
    token: String,
    status: &'static str,
    /// The authorization's.
    proof: &'static str,
    error: Value,
    certificate: String,
}

struct World {
    base: String,
    nonces: BTreeSet<String>,
    counter: u64,
    accounts: BTreeMap<String, Value>,
    orders: Vec<Order>,
    whims: BTreeSet<Whim>,
    http_port: u16,
    issuer: Issuer<'static, KeyPair>,
    root: String,
    /// Order payloads as they came.
    asked: Vec<Value>,
}

/// A running authority.
#[derive(Clone)]
pub(super) struct Authority {
    world: Arc<Mutex<World>>,
    /// The address of its directory.
    pub(super) directory: String,
    /// What a client has to trust.
    pub(super) root: String,
}

type Shared = Arc<Mutex<World>>;

impl Authority {
    /// Starts one that asks for its challenges at this port.
    pub(super) fn start(http_port: u16) -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let (root, key) = (made.cert.pem(), made.signing_key.serialize_pem());
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("tls")).unwrap();
        std::fs::write(folder.path().join("tls/cert.pem"), &root).unwrap();
        std::fs::write(folder.path().join("tls/key.pem"), key).unwrap();
        let config = crate::tls::load_or_make(folder.path(), "localhost").unwrap().https_config().unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = Issuer::new(params, KeyPair::generate().unwrap());
        let world = World {
            base: base.clone(),
            nonces: BTreeSet::new(),
            counter: 0,
            accounts: BTreeMap::new(),
            orders: Vec::new(),
            whims: BTreeSet::new(),
            http_port,
            issuer,
            root: root.clone(),
            asked: Vec::new(),
        };
        let world = Arc::new(Mutex::new(world));
        let router = Router::new()
            .route("/dir", get(directory))
            .route("/nonce", get(nonce).head(nonce))
            .route("/ari/{id}", get(renewal))
            .route("/{what}", post(asked))
            .route("/{what}/{id}", post(asked_of))
            .with_state(world.clone());
        tokio::spawn(crate::serve_https(listener, config, router, std::future::pending()));
        Self { world, directory: format!("{base}/dir"), root }
    }

    pub(super) fn set(&self, whim: Whim, on: bool) {
        let mut world = self.world.lock().unwrap();
        if on {
            world.whims.insert(whim)
        } else {
            world.whims.remove(&whim)
        };
    }

    /// The order payloads as they came.
    pub(super) fn asked(&self) -> Vec<Value> {
        self.world.lock().unwrap().asked.clone()
    }

    pub(super) fn accounts(&self) -> usize {
        self.world.lock().unwrap().accounts.len()
    }
}

impl World {
    fn nonce(&mut self) -> String {
        self.counter += 1;
        let nonce = format!("nonce-{}", self.counter);
        self.nonces.insert(nonce.clone());
        nonce
    }

    fn url(&self, path: &str) -> String {
        format!("{}/{path}", self.base)
    }

    fn order_view(&self, id: usize) -> Value {
        let order = &self.orders[id];
        let mut view = json!({
            "status": order.status, "identifiers": [{ "type": "dns", "value": order.name }],
            "authorizations": [self.url(&format!("authz/{id}"))], "finalize": self.url(&format!("finalize/{id}")),
        });
        if order.status == "valid" {
            view["certificate"] = json!(self.url(&format!("cert/{id}")));
        }
        if let Some(replaces) = self.asked.get(id).and_then(|asked| asked.get("replaces")) {
            view["replaces"] = replaces.clone();
        }
        view
    }

    fn challenge_view(&self, id: usize) -> Value {
        let order = &self.orders[id];
        let mut view = json!({ "type": "http-01", "url": self.url(&format!("chall/{id}")), "token": order.token,
            "status": order.proof });
        if !order.error.is_null() {
            view["error"] = order.error.clone();
        }
        view
    }
}

fn problem(world: &mut World, status: u16, kind: &str, detail: &str) -> Response {
    let body = json!({ "type": format!("urn:ietf:params:acme:error:{kind}"), "detail": detail, "status": status });
    let nonce = world.nonce();
    let status = StatusCode::from_u16(status).unwrap();
    (status, [("replay-nonce", nonce), ("content-type", "application/problem+json".into())], body.to_string())
        .into_response()
}

fn said(world: &mut World, status: u16, location: Option<String>, body: &Value) -> Response {
    let mut headers = HeaderMap::new();
    headers.insert("replay-nonce", world.nonce().parse().unwrap());
    if let Some(location) = location {
        headers.insert("location", location.parse().unwrap());
    }
    (StatusCode::from_u16(status).unwrap(), headers, body.to_string()).into_response()
}

async fn directory(State(world): State<Shared>) -> Response {
    let world = world.lock().unwrap();
    if world.whims.contains(&Whim::Ill) {
        return (StatusCode::SERVICE_UNAVAILABLE, "<html>ill</html>").into_response();
    }
    json!({
        "newNonce": world.url("nonce"), "newAccount": world.url("account"), "newOrder": world.url("order"),
        "revokeCert": world.url("revoke"), "keyChange": world.url("key"), "renewalInfo": world.url("ari"),
    })
    .to_string()
    .into_response()
}

async fn nonce(State(world): State<Shared>) -> Response {
    let nonce = world.lock().unwrap().nonce();
    ([("replay-nonce", nonce)], "").into_response()
}

async fn renewal(State(world): State<Shared>, Path(id): Path<String>) -> Response {
    let world = world.lock().unwrap();
    assert_eq!(id.split('.').count(), 2, "{id} names a certificate as RFC 9773 section 4.1 has it");
    let (start, end) = if world.whims.contains(&Whim::RenewNow) {
        ("2020-01-01T00:00:00Z", "2020-01-02T00:00:00Z")
    } else {
        ("2090-01-01T00:00:00Z", "2090-01-02T00:00:00Z")
    };
    let body = json!({ "suggestedWindow": { "start": start, "end": end } });
    ([("retry-after", "21600")], body.to_string()).into_response()
}

async fn asked(State(world): State<Shared>, Path(what): Path<String>, body: Bytes) -> Response {
    answer(world, &what, None, &body).await
}

async fn asked_of(State(world): State<Shared>, Path((what, id)): Path<(String, usize)>, body: Bytes) -> Response {
    answer(world, &what, Some(id), &body).await
}

fn decoded(part: &Value) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(part.as_str().expect("a part of a JWS")).expect("base64url")
}

/// Verifies the JWS (RFC 8555 section 6.2); gives payload and key, or what is refused.
fn verified(world: &mut World, path: &str, body: &[u8]) -> Result<(Value, Value), Box<Response>> {
    let jws: Value = serde_json::from_slice(body).expect("a JWS");
    let header: Value = serde_json::from_slice(&decoded(&jws["protected"])).unwrap();
    assert_eq!((header["alg"].as_str(), header["url"].as_str()), (Some("ES256"), Some(world.url(path).as_str())));
    let refused = !world.nonces.remove(header["nonce"].as_str().unwrap_or_default());
    let on_a_whim = world.whims.contains(&Whim::BadNonces) && world.counter.is_multiple_of(3);
    if refused || on_a_whim {
        return Err(problem(world, 400, "badNonce", "this nonce is not good").into());
    }
    let key = match header["kid"].as_str() {
        Some(account) => match world.accounts.get(account) {
            Some(key) => key.clone(),
            None => return Err(problem(world, 400, "accountDoesNotExist", "who are you").into()),
        },
        None => {
            assert_eq!(path, "account", "only an account is made with a bare key");
            header["jwk"].clone()
        }
    };
    let mut point = vec![4];
    point.extend(decoded(&key["x"]));
    point.extend(decoded(&key["y"]));
    let signed = format!("{}.{}", jws["protected"].as_str().unwrap(), jws["payload"].as_str().unwrap());
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
        .verify(signed.as_bytes(), &decoded(&jws["signature"]))
        .expect("the signature of the account");
    let payload = decoded(&jws["payload"]);
    Ok((serde_json::from_slice(&payload).unwrap_or(Value::Null), key))
}

async fn answer(shared: Shared, what: &str, id: Option<usize>, body: &[u8]) -> Response {
    let path = id.map_or_else(|| what.to_owned(), |id| format!("{what}/{id}"));
    let (payload, key) = match verified(&mut shared.lock().unwrap(), &path, body) {
        Ok(proved) => proved,
        Err(refused) => return *refused,
    };
    if (what, id.is_some()) == ("chall", true) {
        return validate(&shared, id.unwrap(), &key).await;
    }
    let world = &mut *shared.lock().unwrap();
    match (what, id) {
        ("account", None) => {
            assert_eq!(payload["termsOfServiceAgreed"], true, "{payload}");
            if world.whims.contains(&Whim::ExternalAccount) && payload["externalAccountBinding"].is_null() {
                return problem(world, 403, "externalAccountRequired", "an account of ours is needed");
            }
            let url = world.url(&format!("acct/{}", world.accounts.len()));
            world.accounts.insert(url.clone(), key);
            said(world, 201, Some(url), &json!({ "status": "valid" }))
        }
        ("order", None) => order(world, payload),
        ("orders", Some(id)) => {
            let view = world.order_view(id);
            said(world, 200, None, &view)
        }
        ("authz", Some(id)) => {
            let (order, challenge) = (&world.orders[id], world.challenge_view(id));
            let status = if order.proof == "processing" { "pending" } else { order.proof };
            let view = json!({ "status": status, "identifier": { "type": "dns", "value": order.name },
                "challenges": [challenge] });
            said(world, 200, None, &view)
        }
        ("finalize", Some(id)) => finalize(world, id, &payload),
        ("cert", Some(id)) => {
            let (chain, nonce) = (world.orders[id].certificate.clone(), world.nonce());
            ([("replay-nonce", nonce)], chain).into_response()
        }
        other => panic!("nobody asks {other:?}"),
    }
}

fn order(world: &mut World, payload: Value) -> Response {
    world.asked.push(payload.clone());
    if world.whims.contains(&Whim::RateLimit) {
        let mut answer = problem(world, 429, "rateLimited", "too many certificates already issued");
        answer.headers_mut().insert("retry-after", "3600".parse().unwrap());
        // There is no order for this asking.
        world.asked.pop();
        world.asked.insert(0, json!({ "refused": true }));
        return answer;
    }
    world.asked.retain(|asked| asked.get("refused").is_none());
    let names = payload["identifiers"].as_array().unwrap();
    let (id, name) = (world.orders.len(), names[0]["value"].as_str().unwrap().to_owned());
    assert_eq!(names.len(), 1);
    let order = Order {
        name,
        token: format!("token-{id}"),
        status: "pending",
        proof: "pending",
        error: Value::Null,
        certificate: String::new(),
    };
    world.orders.push(order);
    let (url, view) = (world.url(&format!("orders/{id}")), world.order_view(id));
    said(world, 201, Some(url), &view)
}

/// Asks for the answer where the name leads to, as RFC 8555 section 8.3 has it.
async fn validate(shared: &Shared, id: usize, key: &Value) -> Response {
    let (port, name, token, slow) = {
        let world = shared.lock().unwrap();
        let order = &world.orders[id];
        assert_eq!(order.proof, "pending", "nobody asks twice");
        (world.http_port, order.name.clone(), order.token.clone(), world.whims.contains(&Whim::Slow))
    };
    let canonical = format!(
        r#"{{"crv":"P-256","kty":"EC","x":"{}","y":"{}"}}"#,
        key["x"].as_str().unwrap(),
        key["y"].as_str().unwrap()
    );
    let wanted = format!("{token}.{}", URL_SAFE_NO_PAD.encode(Sha256::digest(canonical)));
    let found = tokio::task::spawn_blocking(move || fetch(port, &name, &token)).await.unwrap();
    let world = &mut *shared.lock().unwrap();
    let order = &mut world.orders[id];
    match found {
        _ if slow => order.proof = "processing",
        Ok(text) if text == wanted => (order.proof, order.status) = ("valid", "ready"),
        Ok(text) => {
            (order.proof, order.status) = ("invalid", "invalid");
            order.error =
                json!({ "type": "urn:ietf:params:acme:error:unauthorized", "detail": format!("found {text}") });
        }
        Err(why) => {
            (order.proof, order.status) = ("invalid", "invalid");
            order.error = json!({ "type": "urn:ietf:params:acme:error:connection", "detail": why.to_string() });
        }
    }
    let mut view = world.challenge_view(id);
    // The answer to the asking is not the outcome.
    view["status"] = json!("processing");
    view.as_object_mut().unwrap().remove("error");
    said(world, 200, None, &view)
}

fn fetch(port: u16, host: &str, token: &str) -> std::io::Result<String> {
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port))?;
    write!(stream, "GET /.well-known/acme-challenge/{token} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
    Ok(text.split("\r\n\r\n").nth(1).unwrap_or_default().to_owned())
}

fn finalize(world: &mut World, id: usize, payload: &Value) -> Response {
    if world.orders[id].status != "ready" {
        return problem(world, 403, "orderNotReady", "it is not proved yet");
    }
    let name = world.orders[id].name.clone();
    let request = decoded(&payload["csr"]);
    let mut request = CertificateSigningRequestParams::from_der(&request.into()).expect("a CSR that verifies");
    let wanted = SanType::DnsName(name.as_str().try_into().unwrap());
    assert_eq!(request.params.subject_alt_names, [wanted], "the CSR names the order and nothing else");
    if world.whims.contains(&Whim::OtherName) {
        request.params.subject_alt_names = vec![SanType::DnsName("other.example.com".try_into().unwrap())];
    }
    request.params.not_before = rcgen::date_time_ymd(2026, 1, 1);
    request.params.not_after = rcgen::date_time_ymd(2080, 1, 1);
    request.params.use_authority_key_identifier_extension = true;
    let signed = request.signed_by(&world.issuer).unwrap();
    let chain = format!("{}{}", signed.pem(), world.root);
    let order = &mut world.orders[id];
    (order.status, order.certificate) = ("valid", chain);
    let view = world.order_view(id);
    said(world, 200, None, &view)
}

impl Authority {
    /// The slow validation of the newest order comes to its end.
    pub(super) fn finish_validation(&self) {
        let mut world = self.world.lock().unwrap();
        world.whims.remove(&Whim::Slow);
        let order = world.orders.last_mut().expect("there is an order");
        assert_eq!(order.proof, "processing");
        (order.proof, order.status) = ("valid", "ready");
    }

    /// Whether the newest order is being validated.
    pub(super) fn is_validating(&self) -> bool {
        self.world.lock().unwrap().orders.last().is_some_and(|order| order.proof == "processing")
    }

    /// Orders there are.
    pub(super) fn orders(&self) -> usize {
        self.world.lock().unwrap().orders.len()
    }
}
