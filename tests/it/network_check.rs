//! The network check names what is wrong between a phone outside and this machine. The router is a second address of the
//! loopback, whose ports are forwarded, changed or left closed as the test says.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use nightbell::config::Config;
use pbx_core::sip::stun;
use serde_json::{Value, json};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::process::Command;
use tokio::time::timeout;
use web_admin::probe::{Plan, Report, Roots, ask_all, served};

use crate::support::SOON;
use crate::support::server::TestServer;

/// The outer side of the router.
const ROUTER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// Forwards a TCP port of the router.
async fn forward(port: u16, to: SocketAddr) {
    let listener = TcpListener::bind((ROUTER, port)).await.expect("the second address of the loopback is free");
    tokio::spawn(async move {
        while let Ok((mut outer, _)) = listener.accept().await {
            tokio::spawn(async move {
                if let Ok(mut inner) = TcpStream::connect(to).await {
                    let _ = copy_bidirectional(&mut outer, &mut inner).await;
                }
            });
        }
    });
}

/// Forwards a UDP port of the router, and changes what passes.
async fn forward_changed(port: u16, to: SocketAddr, change: fn(String) -> String) {
    let outer = UdpSocket::bind((ROUTER, port)).await.expect("the second address of the loopback is free");
    tokio::spawn(async move {
        let mut buffer = [0; 4096];
        while let Ok((length, from)) = outer.recv_from(&mut buffer).await {
            let inner = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port is free");
            let text = String::from_utf8(buffer[..length].to_vec()).expect("SIP is text");
            inner.send_to(change(text).as_bytes(), to).await.expect("the server is there");
            if let Ok(Ok(length)) = timeout(SOON, inner.recv(&mut buffer)).await {
                outer.send_to(&buffer[..length], from).await.expect("the phone is there");
            }
        }
    });
}

/// What an ALG does: its own address in the place of the phone's.
fn alg(text: String) -> String {
    let line = |line: &str| match line.split_once(' ') {
        Some(("Via:", value)) => format!("Via: {}", value.replacen("127.0.0.1", "198.51.100.7", 1)),
        Some(_) | None => line.to_owned(),
    };
    text.split("\r\n").map(line).collect::<Vec<_>>().join("\r\n")
}

async fn plan(server: &TestServer) -> (Plan, Arc<Roots>) {
    let (status, made) = server.local().post("/network-check/code", &Value::Null).await;
    assert_eq!(status, 201, "{made}");
    let plan = open(server, "plan", &json!({ "code": made["code"] })).await;
    let plan = serde_json::from_value(plan).expect("a plan");
    (plan, Arc::new(Roots::new([]).expect("the system has root certificates")))
}

async fn open(server: &TestServer, path: &str, body: &Value) -> Value {
    let url = format!("https://127.0.0.1:{}/api/v1/port-check/{path}", server.app.https.port());
    let request = server.web().http.post(url).header("content-type", "application/json");
    let answer = request.body(body.to_string()).send().await.expect("the web server answers");
    assert_eq!(answer.status().as_u16(), 200);
    answer.json().await.expect("JSON")
}

async fn reported(server: &TestServer, plan: &Plan, places: &[IpAddr], roots: &Arc<Roots>) -> Vec<(String, String)> {
    let https = served::look_at(server.app.https, &plan.host, roots).await;
    let answers = ask_all(plan, places, roots, &mut || {}).await;
    let report = Report { addresses: places.to_vec(), https, answers };
    let told = open(server, "report", &json!({ "check": plan.check, "report": report })).await;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let all = told["observations"].as_array().expect("a list");
    all.iter().map(|one| (text(&one["code"]), text(&one["text"]))).collect()
}

#[track_caller]
fn the<'a>(seen: &'a [(String, String)], code: &str) -> &'a str {
    let found = seen.iter().find(|one| one.0 == code);
    found.map(|one| one.1.as_str()).unwrap_or_else(|| panic!("{code} is not in {seen:#?}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_forward_an_alg_and_a_closed_port_are_named() {
    let two_tls = |config: &mut Config| config.sip.tls = vec![SocketAddr::from(([127, 0, 0, 1], 0)); 2];
    let server = TestServer::start_with(two_tls).await;
    let [right, wrong] = [0, 1].map(|at| server.app.sip_tls[at]);
    forward(right.port(), right).await;
    forward(wrong.port(), right).await;
    forward_changed(server.udp().port(), server.udp(), alg).await;
    let (plan, roots) = plan(&server).await;
    let seen = reported(&server, &plan, &[ROUTER.into()], &roots).await;
    let named = format!("{} is forwarded to {}", wrong.port(), right.port());
    assert!(the(&seen, "port_forwarded_wrong").starts_with(&named), "{seen:#?}");
    let changed = the(&seen, "sip_alg");
    assert!(changed.contains("over UDP: Via (sent") && changed.contains("198.51.100.7"), "{changed}");
    assert!(!changed.contains("Contact"), "{changed}");
    let closed = the(&seen, "port_closed");
    assert!(closed.contains(&format!("TCP {}", server.tcp().port())) && closed.contains("refused"), "{closed}");
    assert!(the(&seen, "port_reached").contains("is reached from outside"), "{seen:#?}");
    the(&seen, "not_outside");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_without_the_key_of_a_running_check_gets_an_answer() {
    let server = TestServer::start().await;
    let (mut plan, roots) = plan(&server).await;
    let key = std::mem::replace(&mut plan.key, serde_json::from_value(json!("00".repeat(16))).expect("a key"));
    let sound: Vec<_> = plan.questions.iter().filter(|one| one.kind == web_admin::probe::PortKind::Sound).collect();
    assert_eq!(sound.len(), 3, "{:?}", plan.questions);
    plan.questions.retain(|one| one.kind == web_admin::probe::PortKind::Sound);
    let here = [IpAddr::from(Ipv4Addr::LOCALHOST)];
    let wrong = ask_all(&plan, &here, &roots, &mut || {}).await;
    assert!(wrong.iter().all(|one| one.outcome == web_admin::probe::Outcome::Silent), "{wrong:?}");
    plan.key = key;
    let right = ask_all(&plan, &here, &roots, &mut || {}).await;
    let reached = |one: &web_admin::probe::Answer| matches!(one.outcome, web_admin::probe::Outcome::Answered { .. });
    assert!(right.iter().all(reached), "{right:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_program_on_another_machine_checks_every_port_and_says_what_it_saw() {
    let server = TestServer::start().await;
    let (_, made) = server.local().post("/network-check/code", &Value::Null).await;
    let probe = |code: String, url: String| async move {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nightbell"));
        command.args(["probe", &url]).env("NIGHTBELL_PROBE_CODE", code).kill_on_drop(true);
        let ended = timeout(SOON * 2, command.output()).await.expect("it ends").expect("it starts");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
        (ended.status.code(), text(ended.stdout) + &text(ended.stderr))
    };
    let code = made["code"].as_str().expect("a code").to_owned();
    let (exit, text) = probe(code.clone(), server.app.base_url.clone()).await;
    assert_eq!(exit, Some(3), "{text}");
    for expected in [
        "TLS",
        "TCP",
        "UDP",
        "sound port UDP",
        "is reached from outside",
        "made by Nightbell itself",
        "SIP arrives as it was sent",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    let (exit, text) = probe(code, server.app.base_url.clone()).await;
    assert!(exit == Some(1) && text.contains("the code was used"), "{text}");
    // Somebody else answers there: the code's fingerprint does not know them.
    let other = TestServer::start().await;
    let (_, made) = other.local().post("/network-check/code", &Value::Null).await;
    let (exit, text) = probe(made["code"].as_str().expect("a code").to_owned(), server.app.base_url.clone()).await;
    assert!(exit == Some(1) && text.contains("somebody else answers"), "{text}");
    let (_, runs) = server.local().get("/network-check/runs").await;
    assert_eq!(runs["runs"].as_array().map(Vec::len), Some(1), "{runs}");
}

/// A STUN server that sees callers come from two lines in turns.
async fn two_lines() -> SocketAddr {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port is free");
    let address = socket.local_addr().expect("it is bound");
    tokio::spawn(async move {
        let mut buffer = [0; 512];
        let mut turn = 0u8;
        while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
            turn = (turn + 1) % 4;
            let line = if turn == 0 { [203, 0, 113, 8] } else { [198, 51, 100, 9] };
            if let Some(answer) = stun::answer(&buffer[..length], SocketAddr::from((line, 40_000))) {
                let _ = socket.send_to(&answer, from).await;
            }
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_check_from_inside_finds_two_lines_and_the_way_back_in() {
    let server = TestServer::start().await;
    // Only the stand-in is asked, as the push provider and as the STUN server.
    let _apns = server.apns().await;
    let stun = two_lines().await;
    let asked = json!({ "stun_servers": [stun.to_string()], "echo_urls": [] });
    assert_eq!(server.local().put("/network-check/settings", &asked).await.0, 200);
    assert_eq!(server.local().post("/network-check", &Value::Null).await.0, 202);
    let looking = async {
        let mut tick = tokio::time::interval(std::time::Duration::from_millis(50));
        loop {
            tick.tick().await;
            let (_, answer) = server.local().get("/network-check").await;
            if !answer["level"].is_null() {
                return answer;
            }
        }
    };
    let answer = timeout(SOON * 3, looking).await.expect("the check ends");
    let all = answer["check"]["observations"].as_array().expect("a list").clone();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let seen: Vec<(String, String)> = all.iter().map(|one| (text(&one["code"]), text(&one["text"]))).collect();
    let lines = the(&seen, "multi_wan");
    for part in ["198.51.100.9 ", "203.0.113.8 ", "of 20 answers"] {
        assert!(lines.contains(part), "{part} is not in {lines}");
    }
    assert!(the(&seen, "hairpin").contains("ports"), "{seen:#?}");
    the(&seen, "certificate_self_made");
    the(&seen, "disk_space");
    the(&seen, "push_reached");
    let (_, runs) = server.local().get("/network-check/runs").await;
    assert_eq!(runs["runs"][0]["vantage"], "inside", "{runs}");
}
