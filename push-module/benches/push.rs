//! The gateway as it runs, with its database, its TLS and its HTTP/2, against a lean peer in the same program.
//!
//! `cargo bench -p push-module --features standin --bench push [throughput | group | bulkhead]`
//!
//! - throughput: how many pushes a second two cores carry, the peer's work included;
//! - group: 500 pushes for one call at a provider that takes 100 ms, over a new connection and over one that is open;
//! - bulkhead: what a provider that never answers costs the pushes of another, in turn within one run.

#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot be set up has nothing to measure")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use pbx_core::model::{
    CallId, CallUuid, DeviceId, Environment, PushProvider, Redacted, TargetHealth, TokenHistory, UnixMillis, Verdict,
    WakeEvent, WakeId, WakeKind, WakeReport, WakeRequest, WakeTarget,
};
use pbx_core::store::Store;
use push_module::standin::TestApnsKey;
use push_module::{ApnsEnvironment, Endpoint, Gateway, GatewayInput, NewApnsKey, NewCredential};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use uuid::Uuid;

const RING: Duration = Duration::from_secs(30);
const ROUNDS: u32 = 20;

/// A provider that takes everything after a while, or nothing ever.
struct Peer {
    url: String,
    ca_pem: String,
    seen: Arc<AtomicU64>,
    frames: Arc<AtomicU64>,
    connections: Arc<AtomicU64>,
    silent: Arc<AtomicBool>,
}

/// What the connections of a peer share.
#[derive(Clone)]
struct Count {
    seen: Arc<AtomicU64>,
    frames: Arc<AtomicU64>,
    silent: Arc<AtomicBool>,
}

impl Peer {
    async fn start(latency: Duration) -> Self {
        let ca_key = KeyPair::generate().unwrap();
        let mut ca = CertificateParams::default();
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca_pem = ca.self_signed(&ca_key).unwrap().pem();
        let issuer = Issuer::new(ca, ca_key);
        let key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
        let mut config = rustls::ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(
                vec![leaf.der().clone()],
                rustls::pki_types::PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
            )
            .unwrap();
        config.alpn_protocols = vec![b"h2".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        let count = Count { seen: Arc::default(), frames: Arc::default(), silent: Arc::default() };
        let connections = Arc::<AtomicU64>::default();
        let peer = Self {
            url,
            ca_pem,
            seen: Arc::clone(&count.seen),
            frames: Arc::clone(&count.frames),
            connections: Arc::clone(&connections),
            silent: Arc::clone(&count.silent),
        };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(serve(stream, acceptor.clone(), count.clone(), latency));
            }
        });
        peer
    }

    fn credential(&self, number: u32) -> NewCredential {
        let key = TestApnsKey::generate(&format!("BENCH{number:05}"), "NIGHTBELL1").unwrap();
        NewCredential::Apns(NewApnsKey {
            label: format!("Bench {number}"),
            key_id: key.key_id,
            team_id: key.team_id,
            bundle_ids: vec![app(number)],
            p8: key.p8,
            environment: ApnsEnvironment::Both,
            endpoint: Endpoint {
                production_url: Some(self.url.clone()),
                sandbox_url: Some(self.url.clone()),
                extra_ca_pem: Some(self.ca_pem.clone()),
            },
        })
    }
}

fn app(number: u32) -> String {
    format!("com.example.app{number}")
}

async fn serve(stream: TcpStream, acceptor: TlsAcceptor, count: Count, latency: Duration) {
    stream.set_nodelay(true).unwrap();
    let Ok(stream) = acceptor.accept(stream).await else { return };
    let Ok(mut h2) = h2::server::Builder::new().max_concurrent_streams(1000).handshake::<_, Bytes>(stream).await else {
        return;
    };
    while let Some(Ok((request, mut respond))) = h2.accept().await {
        let (count, is_silent) = (count.clone(), count.silent.load(Ordering::Relaxed));
        tokio::spawn(async move {
            let mut body = request.into_body();
            while let Some(Ok(chunk)) = body.data().await {
                count.frames.fetch_add(1, Ordering::Relaxed);
                let _ = body.flow_control().release_capacity(chunk.len());
            }
            count.seen.fetch_add(1, Ordering::Relaxed);
            if is_silent {
                tokio::time::sleep(Duration::from_secs(60)).await;
                return;
            }
            if !latency.is_zero() {
                tokio::time::sleep(latency).await;
            }
            let id = "eabeae54-14a8-11e5-b60b-1697f925ec7b";
            let response = http::Response::builder().status(200).header("apns-id", id).body(()).unwrap();
            let _ = respond.send_response(response, true);
        });
    }
}

/// A gateway with its database.
struct Rig {
    _dir: tempfile::TempDir,
    gateway: Gateway,
    requests: mpsc::Sender<GatewayInput>,
    reports: mpsc::Receiver<WakeReport>,
    next: u64,
}

impl Rig {
    async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open_for_test(dir.path()).await.unwrap();
        let (requests, received) = mpsc::channel(1024);
        let (sent, reports) = mpsc::channel(1024);
        let (gateway, _) = Gateway::start(store, received, sent).await.unwrap();
        Self { _dir: dir, gateway, requests, reports, next: 1 }
    }

    fn wake(&mut self, app_number: u32, call: u64) -> WakeRequest {
        let number = self.next;
        self.next += 1;
        let now = UnixMillis(i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap());
        let token = format!("{number:064x}");
        WakeRequest {
            wake_id: WakeId(Uuid::from_u128(u128::from(number))),
            call: Some(CallId(i64::try_from(call).unwrap())),
            call_uuid: CallUuid(Uuid::from_u128(u128::from(call))),
            kind: WakeKind::Call,
            device: DeviceId(i64::try_from(number).unwrap()),
            extension: "101".parse().unwrap(),
            target: Arc::new(WakeTarget {
                provider: PushProvider::Apns,
                app_id: app(app_number),
                environment: Environment::Production,
                call_token: Some(Redacted::new(token)),
                notice_token: None,
                learned_at: UnixMillis(0),
                health: TargetHealth::Good,
                switched_off: None,
                history: TokenHistory::default(),
            }),
            caller_number: "0301234567".to_owned(),
            caller_name: "Alice Ärger".to_owned(),
            has_video: false,
            ringing_url: None,
            sent_at: now,
            expires_at: now + RING,
        }
    }

    async fn send(&self, request: WakeRequest) {
        self.requests.send(GatewayInput::Wake(request)).await.unwrap();
    }

    /// Sends so many wakes of calls of their own, at most `window` under way; the time of each.
    async fn stream(&mut self, app_number: u32, count: usize, window: usize) -> Vec<Duration> {
        let mut began: BTreeMap<WakeId, Instant> = BTreeMap::new();
        let mut took = Vec::with_capacity(count);
        let mut sent = 0;
        while sent < count || !began.is_empty() {
            while sent < count && began.len() < window {
                let request = self.wake(app_number, self.next);
                began.insert(request.wake_id, Instant::now());
                self.send(request).await;
                sent += 1;
            }
            took.extend(self.accepted(&mut began).await);
        }
        took
    }

    /// The next acceptance of one of these.
    async fn accepted(&mut self, began: &mut BTreeMap<WakeId, Instant>) -> Option<Duration> {
        loop {
            let report = self.reports.recv().await.unwrap();
            match report.event {
                WakeEvent::Answered { verdict: Verdict::Accepted, .. } => {
                    if let Some(at) = began.remove(&report.wake_id) {
                        return Some(at.elapsed());
                    }
                }
                WakeEvent::GaveUp { code, why } if began.remove(&report.wake_id).is_some() => {
                    // A machine that has other work may take longer than an attempt has time.
                    println!("lost: {code}: {why}");
                    return None;
                }
                WakeEvent::Sent { .. } | WakeEvent::Answered { .. } | WakeEvent::GaveUp { .. } => {}
            }
        }
    }
}

fn percentile(took: &mut [Duration], percent: usize) -> f64 {
    took.sort_unstable();
    let index = (took.len() * percent / 100).min(took.len() - 1);
    took[index].as_secs_f64() * 1000.0
}

async fn throughput() {
    let peer = Peer::start(Duration::ZERO).await;
    let mut rig = Rig::start().await;
    rig.gateway.add_credential(peer.credential(1)).await.unwrap();
    rig.stream(1, 1_000, 64).await;
    for window in [1, 64, 500] {
        let count = if window == 1 { 2_000 } else { 20_000 };
        let began = Instant::now();
        let mut took = rig.stream(1, count, window).await;
        let rate = count as f64 / began.elapsed().as_secs_f64();
        let (p50, p99) = (percentile(&mut took, 50), percentile(&mut took, 99));
        println!("throughput, {window:3} under way: {rate:6.0} pushes/s, p50 {p50:.2} ms, p99 {p99:.2} ms");
    }
}

async fn group() {
    for round in 1..=ROUNDS {
        let peer = Peer::start(Duration::from_millis(100)).await;
        let mut rig = Rig::start().await;
        rig.gateway.add_credential(peer.credential(1)).await.unwrap();
        for name in ["new connection", "open connection"] {
            let seen = peer.seen.load(Ordering::Relaxed);
            let (frames, connections) = (peer.frames.load(Ordering::Relaxed), peer.connections.load(Ordering::Relaxed));
            let call = rig.next;
            let requests: Vec<_> = (0..500).map(|_| rig.wake(1, call)).collect();
            let mut under_way: BTreeMap<_, _> = requests.iter().map(|it| (it.wake_id, Instant::now())).collect();
            let began = Instant::now();
            let counter = Arc::clone(&peer.seen);
            let watcher = tokio::spawn(async move {
                while counter.load(Ordering::Relaxed) < seen + 500 {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                began.elapsed()
            });
            for request in requests {
                rig.send(request).await;
            }
            while !under_way.is_empty() {
                rig.accepted(&mut under_way).await;
            }
            let all = began.elapsed().as_secs_f64() * 1000.0;
            let handed = watcher.await.unwrap().as_secs_f64() * 1000.0;
            let frames = peer.frames.load(Ordering::Relaxed) - frames;
            let connections = peer.connections.load(Ordering::Relaxed) - connections;
            println!(
                "group {round}, {name}: 500 pushes handed over in {handed:.0} ms, accepted in {all:.0} ms, {frames} DATA frames, {connections} connections opened"
            );
        }
    }
}

/// 300 wakes a second for two seconds; the times of those for app 1.
async fn paced(rig: &mut Rig, beside: bool) -> Vec<Duration> {
    let mut began = BTreeMap::new();
    let mut took = Vec::new();
    let mut tick = tokio::time::interval(Duration::from_micros(3_333));
    for _ in 0..600 {
        tick.tick().await;
        if beside {
            let request = rig.wake(2, rig.next);
            rig.send(request).await;
        }
        let request = rig.wake(1, rig.next);
        began.insert(request.wake_id, Instant::now());
        rig.send(request).await;
        while let Ok(report) = rig.reports.try_recv() {
            if matches!(report.event, WakeEvent::Answered { verdict: Verdict::Accepted, .. })
                && let Some(at) = began.remove(&report.wake_id)
            {
                took.push(at.elapsed());
            }
        }
    }
    while !began.is_empty() {
        took.extend(rig.accepted(&mut began).await);
    }
    took
}

async fn bulkhead() {
    let (good, bad) = (Peer::start(Duration::from_millis(20)).await, Peer::start(Duration::ZERO).await);
    bad.silent.store(true, Ordering::Relaxed);
    let mut rig = Rig::start().await;
    rig.gateway.add_credential(good.credential(1)).await.unwrap();
    rig.gateway.add_credential(bad.credential(2)).await.unwrap();
    paced(&mut rig, false).await;
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        alone.extend(paced(&mut rig, false).await);
        beside.extend(paced(&mut rig, true).await);
    }
    for percent in [50, 99] {
        let (one, other) = (percentile(&mut alone, percent), percentile(&mut beside, percent));
        let change = (other / one - 1.0) * 100.0;
        println!("bulkhead, p{percent}: alone {one:.2} ms, beside a black hole {other:.2} ms ({change:+.1} %)");
    }
}

fn main() {
    rustls::crypto::aws_lc_rs::default_provider().install_default().unwrap();
    let wanted: Vec<String> = std::env::args().skip(1).filter(|it| !it.starts_with('-')).collect();
    let runs = |name: &str| wanted.is_empty() || wanted.iter().any(|it| it == name);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        if runs("throughput") {
            throughput().await;
        }
        if runs("group") {
            group().await;
        }
        if runs("bulkhead") {
            bulkhead().await;
        }
    });
}
