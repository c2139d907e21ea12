use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::*;

async fn client(bench: &Bench) -> UdpSocket {
    let server = bench.bound.udp[0];
    let (bind, to) = match server.ip() {
        IpAddr::V4(_) => (SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), IpAddr::V4(Ipv4Addr::LOCALHOST)),
        IpAddr::V6(_) => (SocketAddr::from((Ipv6Addr::LOCALHOST, 0)), IpAddr::V6(Ipv6Addr::LOCALHOST)),
    };
    let socket = UdpSocket::bind(bind).await.unwrap();
    socket.connect((to, server.port())).await.unwrap();
    socket
}

#[tokio::test]
async fn a_burst_of_datagrams_is_answered_from_the_address_that_was_asked() {
    let mut bench = start(DriverConfig { udp: vec!["0.0.0.0:0".parse().unwrap()], ..config() }, echo);
    let phone = client(&bench).await;
    for round in 0..4 {
        for number in 0..50 {
            phone.send(request("OPTIONS", &format!("{round}-{number}"), "").as_bytes()).await.unwrap();
        }
        for number in 0..50 {
            let answer = datagram(&phone).await;
            assert!(answer.starts_with("SIP/2.0 200 OK\r\n"), "{answer}");
            assert!(answer.contains(&format!("Call-ID: {round}-{number}\r\n")), "{answer}");
        }
    }
    let flow = bench.flow_of_next_message().await;
    assert_eq!(flow.local, SocketAddr::from((Ipv4Addr::LOCALHOST, bench.bound.udp[0].port())));
    assert_eq!(flow.remote, phone.local_addr().unwrap());
    assert_eq!(bench.bound.counters.messages_in.get(), 200);
}

#[tokio::test]
async fn ipv4_and_ipv6_share_a_port_and_longer_answers_than_a_packet_go_in_fragments() {
    let four: SocketAddr = "0.0.0.0:0".parse().unwrap();
    let bench = start(DriverConfig { udp: vec![four, "[::]:0".parse().unwrap()], ..config() }, |input| {
        let Input::Sip { flow, message: Message::Request(request), .. } = input else { return Vec::new() };
        let mut response = Response::to(request, 200, "OK", "toy");
        // With the IPv6 headers longer than a packet on the loopback interface may be (65,536 bytes).
        let wanted = if flow.local.is_ipv6() { 65_520 } else { 65_500 };
        response.body = Bytes::from(vec![b'x'; 65_000]);
        response.body = Bytes::from(vec![b'x'; 65_000 + wanted - response.to_bytes().len()]);
        assert!(!flow.local.ip().is_unspecified());
        vec![Output::Send { flow: *flow, bytes: response.to_bytes() }]
    });
    for index in 0..2 {
        let server = bench.bound.udp[index];
        let here = if server.is_ipv4() { "127.0.0.1:0" } else { "[::1]:0" };
        let phone = UdpSocket::bind(here).await.unwrap();
        phone.connect((phone.local_addr().unwrap().ip(), server.port())).await.unwrap();
        phone.send(request("OPTIONS", "long", "").as_bytes()).await.unwrap();
        assert_eq!(datagram(&phone).await.len(), if server.is_ipv6() { 65_520 } else { 65_500 });
    }
}

#[tokio::test]
async fn keep_alives_are_swallowed_and_stun_is_answered() {
    let mut bench = start(DriverConfig { udp: vec![loopback()], ..config() }, echo);
    let phone = client(&bench).await;
    phone.send(b"\r\n\r\n").await.unwrap();
    phone.send(b"\0").await.unwrap();
    let mut question = vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
    question.extend_from_slice(b"transaction1");
    phone.send(&question).await.unwrap();
    let mut answer = [0; 64];
    let length = timeout(PATIENCE, phone.recv(&mut answer)).await.unwrap().unwrap();
    assert_eq!(answer[..2], [1, 1]);
    assert_eq!(&answer[8..20], b"transaction1");
    assert!(length > 20);
    phone.send(request("OPTIONS", "after", "").as_bytes()).await.unwrap();
    assert!(datagram(&phone).await.contains("Call-ID: after"));
    bench.flow_of_next_message().await;
    assert_eq!(bench.bound.counters.datagrams_in.get(), 4);
    assert_eq!(bench.bound.counters.messages_refused.get(), 0);
}

#[tokio::test]
async fn hostile_datagrams_are_refused_and_the_next_phone_is_served() {
    let bench = start(DriverConfig { udp: vec![loopback()], ..config() }, echo);
    let phone = client(&bench).await;
    for hostile in [
        "REGISTER sip:x SIP/2.0\r\nContent-Length: 18446744073709551615\r\n\r\n".to_owned(),
        format!("OPTIONS sip:x SIP/2.0\r\n{}\r\n", "a: b\r\n".repeat(10_000)),
        "x".repeat(65_000),
    ] {
        phone.send(hostile.as_bytes()).await.unwrap();
    }
    phone.send(request("OPTIONS", "polite", "").as_bytes()).await.unwrap();
    loop {
        let answer = datagram(&phone).await;
        if answer.starts_with("SIP/2.0 200") {
            assert!(answer.contains("Call-ID: polite"));
            break;
        }
    }
    assert_eq!(bench.bound.counters.messages_refused.get(), 3);
}

#[tokio::test]
async fn a_datagram_that_cannot_be_sent_is_a_failed_send() {
    let mut bench = start(DriverConfig { udp: vec![loopback()], ..config() }, |input| {
        let Input::Sip { flow, .. } = input else { return Vec::new() };
        // There is no IPv6 socket to send this from.
        let flow = Flow { remote: "[2001:db8::1]:5060".parse().unwrap(), ..*flow };
        vec![Output::Send { flow, bytes: Bytes::from_static(b"x") }]
    });
    let phone = client(&bench).await;
    phone.send(request("OPTIONS", "1", "").as_bytes()).await.unwrap();
    let failed = bench.sees(|input| if let Input::SendFailed(flow) = input { Some(flow) } else { None }).await;
    assert_eq!(failed.remote, "[2001:db8::1]:5060".parse().unwrap());
}

#[tokio::test]
async fn a_datagram_that_comes_back_is_told_and_nobody_else_loses_any() {
    let gone: SocketAddr = {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.local_addr().unwrap()
    };
    let mut bench = start(DriverConfig { udp: vec![loopback()], ..config() }, move |input| {
        let Input::Sip { flow, .. } = input else { return Vec::new() };
        let dead = Flow { remote: gone, ..*flow };
        let bytes = |text: &'static str| Bytes::from_static(text.as_bytes());
        vec![
            Output::Send { flow: dead, bytes: bytes("a") },
            Output::Send { flow: *flow, bytes: bytes("first") },
            Output::Send { flow: dead, bytes: bytes("b") },
            Output::Send { flow: *flow, bytes: bytes("second") },
        ]
    });
    let phone = client(&bench).await;
    for number in ["1", "2", "3"] {
        phone.send(request("OPTIONS", number, "").as_bytes()).await.unwrap();
        assert_eq!(datagram(&phone).await, "first");
        assert_eq!(datagram(&phone).await, "second");
        let refused = bench.sees(|input| if let Input::DatagramRefused { to } = input { Some(to) } else { None }).await;
        assert_eq!(refused, gone);
    }
    assert!(bench.bound.counters.datagrams_dropped.get() == 0);
}

#[tokio::test]
async fn an_old_flow_with_an_address_we_no_longer_have_is_still_served() {
    let bench = start(DriverConfig { udp: vec!["0.0.0.0:0".parse().unwrap()], ..config() }, |input| {
        let Input::Sip { flow, .. } = input else { return Vec::new() };
        let flow = Flow { local: SocketAddr::new("192.0.2.1".parse().unwrap(), flow.local.port()), ..*flow };
        vec![Output::Send { flow, bytes: Bytes::from_static(b"still here") }]
    });
    let phone = UdpSocket::bind(loopback()).await.unwrap();
    phone.send_to(request("OPTIONS", "1", "").as_bytes(), ("127.0.0.1", bench.bound.udp[0].port())).await.unwrap();
    assert_eq!(datagram(&phone).await, "still here");
}

#[tokio::test]
async fn a_port_in_use_is_named_with_its_fix() {
    let other = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap();
    let Err(error) = try_start(DriverConfig { udp: vec![address], ..config() }, echo) else { panic!("it started") };
    assert_eq!(
        error.to_string(),
        format!(
            "UDP port {} on 127.0.0.1 is in use by another program: stop it or choose another port under [sip] in config.toml",
            address.port()
        )
    );
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let Err(error) = try_start(DriverConfig { tcp: vec![address], ..config() }, echo) else { panic!("it started") };
    assert!(matches!(error, StartError::InUse { transport: Transport::Tcp, .. }), "{error}");
    let Err(error) = try_start(DriverConfig { tls: vec![address], ..config() }, echo) else { panic!("it started") };
    assert!(matches!(error, StartError::NoCertificate(_)), "{error}");
    let foreign = "192.0.2.1:5060".parse().unwrap();
    let Err(error) = try_start(DriverConfig { udp: vec![foreign], ..config() }, echo) else { panic!("it started") };
    assert!(error.to_string().starts_with("UDP cannot listen on 192.0.2.1: this machine does not have"), "{error}");
}
