use std::sync::Arc;

use rustls::pki_types::ServerName;
use tokio_rustls::TlsConnector;

use super::*;
use crate::model::ConnectionId;
use crate::net::stream::{self, StreamEvent};
use crate::net::tcp::Shared;

async fn connect_tcp(bench: &Bench) -> TcpStream {
    TcpStream::connect(bench.bound.tcp[0]).await.unwrap()
}

/// Completes when the peer has closed the connection.
async fn closed(io: &mut (impl tokio::io::AsyncRead + Unpin)) -> Vec<u8> {
    let mut rest = Vec::new();
    // A reset is as closed as an end.
    let _ = timeout(PATIENCE, io.read_to_end(&mut rest)).await.expect("it stays open");
    rest
}

#[tokio::test]
async fn messages_are_found_however_the_stream_is_cut() {
    let mut bench = start(DriverConfig { tcp: vec![loopback()], ..config() }, echo);
    let mut io = connect_tcp(&bench).await;
    for byte in request("OPTIONS", "bytewise", "body").as_bytes() {
        io.write_all(&[*byte]).await.unwrap();
    }
    let mut text = Vec::new();
    while !text.ends_with(b"body") {
        timeout(PATIENCE, io.read_buf(&mut text)).await.unwrap().unwrap();
    }
    let flow = bench.flow_of_next_message().await;
    assert_eq!((flow.transport, flow.remote), (Transport::Tcp, io.local_addr().unwrap()));
    assert_eq!(flow.local, bench.bound.tcp[0]);

    let pipelined: String = (0..1000).map(|number| request("OPTIONS", &number.to_string(), "")).collect();
    let (mut reader, mut writer) = io.split();
    let (written, ids) = tokio::join!(writer.write_all(pipelined.as_bytes()), call_ids(&mut reader, 1000));
    written.unwrap();
    assert_eq!(ids, (0..1000).map(|number| number.to_string()).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_keep_alive_is_answered() {
    let bench = start(DriverConfig { tcp: vec![loopback()], ..config() }, echo);
    let mut io = connect_tcp(&bench).await;
    io.write_all(b"\r\n\r\n").await.unwrap();
    let mut pong = [0; 2];
    timeout(PATIENCE, io.read_exact(&mut pong)).await.unwrap().unwrap();
    assert_eq!(&pong, b"\r\n");
}

#[tokio::test]
async fn a_half_closed_connection_still_gets_its_answer_and_then_ends() {
    let mut bench = start(DriverConfig { tcp: vec![loopback()], ..config() }, echo);
    let mut io = connect_tcp(&bench).await;
    io.write_all(request("OPTIONS", "last", "").as_bytes()).await.unwrap();
    io.shutdown().await.unwrap();
    assert_eq!(call_ids(&mut io, 1).await, ["last"]);
    assert!(closed(&mut io).await.is_empty());
    let flow = bench.flow_of_next_message().await;
    let lost = bench.sees(|input| if let Input::FlowLost(flow) = input { Some(flow) } else { None }).await;
    assert_eq!(lost, flow);
}

#[tokio::test]
async fn the_machine_can_close_a_connection_behind_its_answer() {
    let mut bench = start(DriverConfig { tcp: vec![loopback()], ..config() }, |input| {
        let Input::Sip { flow, .. } = input else { return Vec::new() };
        vec![Output::Send { flow: *flow, bytes: Bytes::from_static(b"go away") }, Output::CloseFlow(*flow)]
    });
    let mut io = connect_tcp(&bench).await;
    io.write_all(request("OPTIONS", "1", "").as_bytes()).await.unwrap();
    assert_eq!(closed(&mut io).await, b"go away");
    bench.sees(|input| matches!(input, Input::FlowLost(_)).then_some(())).await;
    let gone = bench.bound.counters.clone();
    let left = async {
        while gone.connections_open.get() > 0 {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, left).await.expect("the connection is still counted");
}

#[tokio::test]
async fn drippers_are_cut_off_while_others_are_served() {
    let limits = StreamLimits { message: Duration::from_millis(300), ..StreamLimits::default() };
    let bench = start(DriverConfig { tcp: vec![loopback()], limits, ..config() }, echo);
    let mut drippers = Vec::new();
    for _ in 0..50 {
        let mut io = connect_tcp(&bench).await;
        io.write_all(b"REGISTER sip:example.com SIP/2.0\r\nVia: ").await.unwrap();
        drippers.push(io);
    }
    let mut phone = connect_tcp(&bench).await;
    phone.write_all(request("OPTIONS", "polite", "").as_bytes()).await.unwrap();
    assert_eq!(call_ids(&mut phone, 1).await, ["polite"]);
    for mut dripper in drippers {
        // One more byte does not buy more time.
        let _ = dripper.write_all(b"S").await;
        closed(&mut dripper).await;
    }
    phone.write_all(request("OPTIONS", "still", "").as_bytes()).await.unwrap();
    assert_eq!(call_ids(&mut phone, 1).await, ["still"]);
}

#[tokio::test]
async fn a_silent_connection_ends_and_one_that_spoke_lives_longer() {
    let limits = StreamLimits { first_message: Duration::from_millis(100), ..StreamLimits::default() };
    let bench = start(DriverConfig { tcp: vec![loopback()], limits, ..config() }, echo);
    let mut phone = connect_tcp(&bench).await;
    phone.write_all(request("OPTIONS", "spoke", "").as_bytes()).await.unwrap();
    assert_eq!(call_ids(&mut phone, 1).await, ["spoke"]);
    let mut silent = connect_tcp(&bench).await;
    closed(&mut silent).await;
    phone.write_all(request("OPTIONS", "again", "").as_bytes()).await.unwrap();
    assert_eq!(call_ids(&mut phone, 1).await, ["again"]);
}

#[tokio::test]
async fn a_broken_stream_is_told_why_and_closed() {
    let bench = start(DriverConfig { tcp: vec![loopback()], ..config() }, echo);
    for length in ["99999999999999999999", "-1", "1000000"] {
        let mut io = connect_tcp(&bench).await;
        let message =
            request("OPTIONS", "broken", "").replace("Content-Length: 0", &format!("Content-Length: {length}"));
        io.write_all(message.as_bytes()).await.unwrap();
        let answer = String::from_utf8(closed(&mut io).await).unwrap();
        assert!(answer.starts_with("SIP/2.0 4"), "{length}: {answer}");
    }
    assert_eq!(bench.bound.counters.messages_refused.get(), 3);
}

#[tokio::test]
async fn a_peer_that_does_not_read_is_bounded_and_given_up() {
    let mut bench = start(DriverConfig { tcp: vec![loopback()], ..config() }, |input| {
        let Input::Sip { flow, .. } = input else { return Vec::new() };
        let bytes = Bytes::from(vec![b'x'; 60_000]);
        // Far more than the kernel's buffers and ours take together.
        (0..2000).map(|_| Output::Send { flow: *flow, bytes: bytes.clone() }).collect()
    });
    let mut io = connect_tcp(&bench).await;
    io.write_all(request("OPTIONS", "greedy", "").as_bytes()).await.unwrap();
    let flow = bench.flow_of_next_message().await;
    let (mut failed, mut lost) = (false, false);
    let told = bench.sees(|input| {
        failed |= matches!(input, Input::SendFailed(on) if on == flow);
        lost |= matches!(input, Input::FlowLost(on) if on == flow);
        (failed && lost).then_some(())
    });
    let (received, ()) = tokio::join!(closed(&mut io), told);
    assert!(received.len() < 2000 * 60_000, "{}", received.len());
}

#[tokio::test]
async fn one_address_cannot_take_all_connections() {
    let limits = StreamLimits { per_address: 2, ..StreamLimits::default() };
    let bench = start(DriverConfig { tcp: vec![loopback()], limits, ..config() }, echo);
    let mut first = connect_tcp(&bench).await;
    let mut second = connect_tcp(&bench).await;
    for io in [&mut first, &mut second] {
        io.write_all(request("OPTIONS", "in", "").as_bytes()).await.unwrap();
        call_ids(io, 1).await;
    }
    closed(&mut connect_tcp(&bench).await).await;
    assert_eq!(bench.bound.counters.connections_refused.get(), 1);
    drop(first);
    let admitted = async {
        loop {
            let mut io = connect_tcp(&bench).await;
            let _ = io.write_all(request("OPTIONS", "in", "").as_bytes()).await;
            if io.read_u8().await.is_ok() {
                return;
            }
        }
    };
    timeout(PATIENCE, admitted).await.expect("the place is not given back");
}

/// A certificate for `localhost`, and a client that trusts only it.
fn identity() -> (Vec<u8>, Vec<u8>, TlsConnector) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let client = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    (made.cert.pem().into_bytes(), made.signing_key.serialize_pem().into_bytes(), TlsConnector::from(Arc::new(client)))
}

fn name() -> ServerName<'static> {
    "localhost".try_into().unwrap()
}

#[tokio::test]
async fn tls_is_served_and_a_new_certificate_is_live_at_once() {
    let (chain, key, trusting) = identity();
    let in_use = TlsIdentity::from_pem(&chain, &key).unwrap();
    let tls_identity = Some(in_use.clone());
    let mut bench = start(DriverConfig { tls: vec![loopback()], tls_identity, ..config() }, echo);
    let address = bench.bound.tls[0];
    let mut old = trusting.connect(name(), TcpStream::connect(address).await.unwrap()).await.unwrap();
    let text = request("OPTIONS", "over-tls", "");
    let (first, second) = text.split_at(100);
    for part in [first, second] {
        old.write_all(part.as_bytes()).await.unwrap();
        old.flush().await.unwrap();
    }
    assert_eq!(call_ids(&mut old, 1).await, ["over-tls"]);
    assert_eq!(bench.flow_of_next_message().await.transport, Transport::Tls);

    let (new_chain, new_key, trusting_new) = identity();
    assert!(in_use.replace_pem(&new_chain, &key).is_err(), "this key is for another certificate");
    assert!(in_use.replace_pem(b"", &key).is_err());
    assert!(in_use.replace_pem(&new_chain, b"").is_err());
    in_use.replace_pem(&new_chain, &new_key).unwrap();
    assert!(trusting.connect(name(), TcpStream::connect(address).await.unwrap()).await.is_err());
    let mut new = trusting_new.connect(name(), TcpStream::connect(address).await.unwrap()).await.unwrap();
    for io in [&mut old, &mut new] {
        io.write_all(request("OPTIONS", "both", "").as_bytes()).await.unwrap();
        assert_eq!(call_ids(io, 1).await, ["both"]);
    }
}

#[tokio::test]
async fn an_idle_or_foreign_handshake_holds_up_nobody() {
    let (chain, key, trusting) = identity();
    let limits = StreamLimits { handshake: Duration::from_millis(300), ..StreamLimits::default() };
    let tls_identity = Some(TlsIdentity::from_pem(&chain, &key).unwrap());
    let bench = start(DriverConfig { tls: vec![loopback()], tls_identity, limits, ..config() }, echo);
    let address = bench.bound.tls[0];
    let mut idle = Vec::new();
    for _ in 0..20 {
        idle.push(TcpStream::connect(address).await.unwrap());
    }
    let mut foreign = TcpStream::connect(address).await.unwrap();
    foreign.write_all(b"OPTIONS sip:x SIP/2.0\r\n\r\n").await.unwrap();
    let mut phone = trusting.connect(name(), TcpStream::connect(address).await.unwrap()).await.unwrap();
    phone.write_all(request("OPTIONS", "in-time", "").as_bytes()).await.unwrap();
    assert_eq!(call_ids(&mut phone, 1).await, ["in-time"]);
    closed(&mut foreign).await;
    for mut io in idle {
        closed(&mut io).await;
    }
    assert_eq!(bench.bound.counters.handshakes_failed.get(), 21);
}

#[tokio::test]
async fn when_the_queue_is_nearly_full_new_requests_are_declined_and_a_bye_gets_through() {
    let counters = Arc::<Counters>::default();
    // Room for the reserve and one more; the opening takes that one.
    let (events, mut driver) = mpsc::channel(257);
    let (shared, all_ended) = Shared::new(StreamLimits::default(), events, Arc::clone(&counters));
    let (mut phone, io) = tokio::io::duplex(64 * 1024);
    let flow = Flow { transport: Transport::Tcp, local: loopback(), remote: loopback(), connection: ConnectionId(1) };
    let connection = tokio::spawn(async move { stream::run(io, flow, &shared).await });
    phone.write_all(request("INVITE", "new", "").as_bytes()).await.unwrap();
    let mut text = Vec::new();
    while !text.ends_with(b"\r\n\r\n") {
        timeout(PATIENCE, phone.read_buf(&mut text)).await.unwrap().unwrap();
    }
    let text = String::from_utf8(text).unwrap();
    assert!(text.starts_with("SIP/2.0 503 ") && text.contains("\r\nRetry-After: "), "{text}");
    phone.write_all(request("BYE", "old", "").as_bytes()).await.unwrap();
    let Some(StreamEvent::Opened { writer: open, .. }) = driver.recv().await else { panic!("it did not open") };
    let Some(StreamEvent::Message { message, .. }) = timeout(PATIENCE, driver.recv()).await.unwrap() else {
        panic!("no message came")
    };
    assert!(matches!(message, Message::Request(request) if request.method.as_str() == "BYE"));
    assert_eq!(counters.requests_declined.get(), 1);
    drop((phone, open));
    timeout(PATIENCE, connection).await.unwrap().unwrap();
    assert!(all_ended.await.is_err(), "the last connection is told from the others");
}

#[tokio::test]
async fn what_is_queued_at_the_end_is_still_written() {
    let bench = start(DriverConfig { tcp: vec![loopback()], ..config() }, {
        let mut talker = None;
        move |input| {
            if let Input::Sip { flow, .. } = input {
                talker = Some(*flow);
            }
            if !matches!(input, Input::Drain) {
                return echo(input);
            }
            let bytes = Bytes::from(vec![b'x'; 200_000]);
            talker.into_iter().map(|flow| Output::Send { flow, bytes: bytes.clone() }).collect()
        }
    });
    let mut io = connect_tcp(&bench).await;
    io.write_all(request("OPTIONS", "here", "").as_bytes()).await.unwrap();
    assert_eq!(call_ids(&mut io, 1).await, ["here"]);
    bench.bound.stopper.stop();
    assert_eq!(closed(&mut io).await.len(), 200_000);
    assert!(timeout(PATIENCE, bench.bound.ended).await.is_ok());
}
