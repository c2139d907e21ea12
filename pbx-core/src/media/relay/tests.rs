use std::collections::VecDeque;
use std::net::Ipv4Addr;

use tokio::net::UdpSocket;
use tokio::time::timeout;

use super::*;

/// Far more than any test needs; only a failing test waits for it.
const PATIENCE: Duration = Duration::from_secs(20);
const RELAY: RelayId = RelayId(1);

/// A relay with one call on it.
struct Bench {
    handle: RelayHandle,
    events: mpsc::Receiver<RelayEvent>,
    /// Reports that came while something else was waited for.
    early: VecDeque<RelayEvent>,
    ports: [RelayPort; 2],
}

fn config(first: u16) -> RelayConfig {
    RelayConfig {
        address: Some(Ipv4Addr::LOCALHOST.into()),
        tick: Duration::from_millis(5),
        ..RelayConfig::new(PortRange { first, last: first + 99 }, Duration::from_secs(60))
    }
}

impl Bench {
    async fn start(config: RelayConfig) -> Self {
        let (events_in, events) = mpsc::channel(64);
        let handle = start(config, events_in).unwrap();
        let mut bench = Self { handle, events, early: VecDeque::new(), ports: [RelayPort(0); 2] };
        bench.order(RelayOrder::WantPorts(2));
        let RelayEvent::Ports(ports) = bench.event().await else { panic!("no ports came") };
        bench.ports = [ports[0], ports[1]];
        bench.order(RelayOrder::Open { relay: RELAY, caller_port: ports[0], callee_port: ports[1] });
        bench
    }

    fn order(&self, order: RelayOrder) {
        self.handle.try_order(order).unwrap();
    }

    async fn event(&mut self) -> RelayEvent {
        match self.early.pop_front() {
            Some(event) => event,
            None => self.next_event().await,
        }
    }

    async fn next_event(&mut self) -> RelayEvent {
        timeout(PATIENCE, self.events.recv()).await.expect("no report came").unwrap()
    }

    /// Completes when every order so far has been carried out: packets sent from now on come after them.
    async fn settle(&mut self) {
        let last = RelayId(u64::MAX);
        self.order(RelayOrder::Close(last));
        loop {
            let event = self.next_event().await;
            if matches!(event, RelayEvent::Closed { relay, .. } if relay == last) {
                return;
            }
            self.early.push_back(event);
        }
    }

    async fn aim(&mut self, side: Side, announced: SocketAddr) {
        self.aim_from(side, announced, Ipv4Addr::LOCALHOST.into(), false).await;
    }

    async fn aim_from(&mut self, side: Side, announced: SocketAddr, signalled_from: IpAddr, rtcp_mux: bool) {
        self.order(RelayOrder::Aim { relay: RELAY, aim: Aim { side, announced, signalled_from, rtcp_mux } });
        self.settle().await;
    }

    /// The port this side sends to.
    fn port(&self, side: Side) -> SocketAddr {
        let [caller, callee] = self.ports;
        SocketAddr::from((Ipv4Addr::LOCALHOST, if side == Side::Caller { caller.0 } else { callee.0 }))
    }

    async fn close(mut self) -> (u64, u64, Vec<RelayEvent>) {
        self.order(RelayOrder::Close(RELAY));
        let mut before = Vec::new();
        loop {
            let event = self.event().await;
            if let RelayEvent::Closed { relay, from_caller, from_callee } = event {
                assert_eq!(relay, RELAY);
                return (from_caller, from_callee, before);
            }
            before.push(event);
        }
    }
}

async fn phone() -> UdpSocket {
    phone_at("127.0.0.1:0").await
}

async fn phone_at(address: &str) -> UdpSocket {
    UdpSocket::bind(address).await.unwrap()
}

fn sound(ssrc: u8, text: &str) -> Vec<u8> {
    let mut packet = vec![0x80, 0, 0, 1, 0, 0, 0, 160, 0, 0, 0, ssrc];
    packet.extend_from_slice(text.as_bytes());
    packet
}

fn report(text: &[u8; 4]) -> Vec<u8> {
    [&[0x80, 201, 0, 2, 0, 0, 0, 9][..], text].concat()
}

async fn receives(socket: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut buffer = [0; 4096];
    let (length, from) = timeout(PATIENCE, socket.recv_from(&mut buffer)).await.expect("no packet came").unwrap();
    (buffer[..length].to_vec(), from)
}

/// Sends one packet and sees it arrive as the listener's next; gives where it came from.
async fn talks(from: &UdpSocket, to: SocketAddr, packet: &[u8], listener: &UdpSocket) -> SocketAddr {
    from.send_to(packet, to).await.unwrap();
    let (heard, source) = receives(listener).await;
    assert_eq!(heard, packet);
    source
}

#[tokio::test]
async fn sound_passes_both_ways_untouched_from_the_port_it_is_sent_to() {
    let mut bench = Bench::start(config(20_000)).await;
    let (caller, callee) = (phone().await, phone().await);
    bench.aim(Side::Caller, caller.local_addr().unwrap()).await;
    bench.aim(Side::Callee, callee.local_addr().unwrap()).await;
    let hello = sound(1, "hello");
    let from = talks(&caller, bench.port(Side::Caller), &hello, &callee).await;
    assert_eq!(from, bench.port(Side::Callee));
    let mut long = sound(2, "");
    long.resize(1400, 0xd5);
    let from = talks(&callee, bench.port(Side::Callee), &long, &caller).await;
    assert_eq!(from, bench.port(Side::Caller));
    let (from_caller, from_callee, events) = bench.close().await;
    assert_eq!((from_caller, from_callee), (1, 1));
    assert!(events.is_empty(), "{events:?}");
}

#[tokio::test]
async fn a_phone_behind_nat_is_heard_where_it_really_is() {
    let mut bench = Bench::start(config(20_100)).await;
    let (caller, callee) = (phone().await, phone().await);
    // It announces an address that leads nowhere.
    bench.aim(Side::Caller, "10.255.255.1:4000".parse().unwrap()).await;
    bench.aim(Side::Callee, callee.local_addr().unwrap()).await;
    talks(&caller, bench.port(Side::Caller), &sound(1, "here I am"), &callee).await;
    talks(&callee, bench.port(Side::Callee), &sound(2, "I see"), &caller).await;
}

#[tokio::test]
async fn strangers_are_neither_heard_nor_learned() {
    let mut bench = Bench::start(config(20_200)).await;
    let (caller, callee) = (phone().await, phone().await);
    let (stranger, neighbour) = (phone_at("127.0.0.2:0").await, phone().await);
    let to = bench.port(Side::Caller);
    // Before any announcement nobody is heard, not even the right one.
    stranger.send_to(&sound(9, "early bird"), to).await.unwrap();
    bench.aim(Side::Callee, callee.local_addr().unwrap()).await;
    bench.aim(Side::Caller, caller.local_addr().unwrap()).await;
    stranger.send_to(&sound(9, "spray"), to).await.unwrap();
    talks(&caller, to, &sound(1, "it is me"), &callee).await;
    // Now its source is learned: another port of the same host is a stranger too.
    for intruder in [&stranger, &neighbour] {
        intruder.send_to(&sound(1, "injected"), to).await.unwrap();
    }
    caller.send_to(&sound(1, "still me"), to).await.unwrap();
    assert_eq!(receives(&callee).await.0, sound(1, "still me"));
    // What the callee says reaches the caller alone.
    talks(&callee, bench.port(Side::Callee), &sound(2, "hello"), &caller).await;
    for intruder in [&stranger, &neighbour] {
        let nothing = intruder.try_recv(&mut [0; 16]).unwrap_err();
        assert_eq!(nothing.kind(), io::ErrorKind::WouldBlock);
    }
}

#[tokio::test]
async fn only_sound_is_relayed() {
    let mut bench = Bench::start(config(20_300)).await;
    let (caller, callee) = (phone().await, phone().await);
    bench.aim(Side::Caller, caller.local_addr().unwrap()).await;
    bench.aim(Side::Callee, callee.local_addr().unwrap()).await;
    let to = bench.port(Side::Caller);
    talks(&caller, to, &sound(1, "first"), &callee).await;
    let mut too_long = sound(1, "");
    too_long.resize(2049, 0);
    for packet in [
        &b""[..],
        b"\r\n\r\n",
        &[0x00, 0x01, 0, 0, 0x21, 0x12, 0xa4, 0x42, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        &[0x16, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x80],
        &[0x80, 200, 0, 0],
        &too_long,
    ] {
        caller.send_to(packet, to).await.unwrap();
    }
    caller.send_to(&sound(1, "second"), to).await.unwrap();
    assert_eq!(receives(&callee).await.0, sound(1, "second"));
}

/// A phone with neighbouring ports for RTP and RTCP.
async fn phone_with_rtcp() -> (UdpSocket, UdpSocket) {
    loop {
        let rtp = phone().await;
        let next = SocketAddr::from((Ipv4Addr::LOCALHOST, rtp.local_addr().unwrap().port().saturating_add(1)));
        if let Ok(rtcp) = UdpSocket::bind(next).await {
            return (rtp, rtcp);
        }
    }
}

#[tokio::test]
async fn rtcp_takes_the_next_port_unless_both_sides_take_it_on_the_first() {
    let mut bench = Bench::start(config(20_400)).await;
    let ((caller, caller_rtcp), (callee, callee_rtcp)) = (phone_with_rtcp().await, phone_with_rtcp().await);
    let signalled_from = Ipv4Addr::LOCALHOST.into();
    // The caller offers to mux, the callee does not agree.
    bench.aim_from(Side::Caller, caller.local_addr().unwrap(), signalled_from, true).await;
    bench.aim_from(Side::Callee, callee.local_addr().unwrap(), signalled_from, false).await;
    let (caller_port, callee_port) = (bench.port(Side::Caller), bench.port(Side::Callee));
    let next = |port: SocketAddr| SocketAddr::new(port.ip(), port.port() + 1);
    let from = talks(&caller_rtcp, next(caller_port), &report(b"one "), &callee_rtcp).await;
    assert_eq!(from, next(callee_port));
    talks(&callee_rtcp, next(callee_port), &report(b"two "), &caller_rtcp).await;
    // RTP does not belong there.
    callee_rtcp.send_to(&sound(2, "lost"), next(callee_port)).await.unwrap();
    talks(&callee_rtcp, next(callee_port), &report(b"more"), &caller_rtcp).await;
    // Now it does.
    bench.aim_from(Side::Callee, callee.local_addr().unwrap(), signalled_from, true).await;
    talks(&caller, caller_port, &sound(1, "sound first"), &callee).await;
    let from = talks(&caller, caller_port, &report(b"muxd"), &callee).await;
    assert_eq!(from, callee_port);
    let (from_caller, from_callee, _) = bench.close().await;
    assert_eq!((from_caller, from_callee), (1, 0), "reports are no sound");
}

#[tokio::test]
async fn a_side_on_hold_gets_nothing_until_it_resumes() {
    let mut bench = Bench::start(config(20_500)).await;
    let (caller, callee) = (phone().await, phone().await);
    bench.aim(Side::Caller, caller.local_addr().unwrap()).await;
    bench.aim(Side::Callee, callee.local_addr().unwrap()).await;
    talks(&caller, bench.port(Side::Caller), &sound(1, "one"), &callee).await;
    bench.aim(Side::Callee, "0.0.0.0:0".parse().unwrap()).await;
    caller.send_to(&sound(1, "can you hear me?"), bench.port(Side::Caller)).await.unwrap();
    // Who holds may still play music, and is not forgotten.
    talks(&callee, bench.port(Side::Callee), &sound(2, "music"), &caller).await;
    bench.settle().await;
    bench.aim(Side::Callee, callee.local_addr().unwrap()).await;
    talks(&caller, bench.port(Side::Caller), &sound(1, "two"), &callee).await;
    assert_eq!(bench.close().await, (3, 1, Vec::new()));
}

#[tokio::test]
async fn silence_is_reported_once_and_again_after_a_packet() {
    let mut bench = Bench::start(RelayConfig { silence: Duration::from_millis(50), ..config(20_600) }).await;
    let (caller, callee) = (phone().await, phone().await);
    bench.aim(Side::Caller, caller.local_addr().unwrap()).await;
    bench.aim(Side::Callee, callee.local_addr().unwrap()).await;
    assert_eq!(bench.event().await, RelayEvent::Silent(RELAY));
    caller.send_to(&sound(1, "sorry, I was away"), bench.port(Side::Caller)).await.unwrap();
    assert_eq!(bench.event().await, RelayEvent::Silent(RELAY));
    // Nothing further is said while a second relay becomes silent in the same time.
    bench.order(RelayOrder::WantPorts(2));
    let RelayEvent::Ports(ports) = bench.event().await else { panic!("no ports came") };
    let other = RelayId(2);
    bench.order(RelayOrder::Open { relay: other, caller_port: ports[0], callee_port: ports[1] });
    for side in [Side::Caller, Side::Callee] {
        let (announced, signalled_from) = (caller.local_addr().unwrap(), Ipv4Addr::LOCALHOST.into());
        bench.order(RelayOrder::Aim { relay: other, aim: Aim { side, announced, signalled_from, rtcp_mux: false } });
    }
    assert_eq!(bench.event().await, RelayEvent::Silent(other));
    let (from_caller, from_callee, events) = bench.close().await;
    assert_eq!((from_caller, from_callee), (1, 0));
    assert!(events.is_empty(), "{events:?}");
}

#[tokio::test]
async fn a_call_that_still_rings_or_is_on_hold_is_not_silent() {
    let silence = Duration::from_millis(20);
    let mut bench = Bench::start(RelayConfig { silence, silence_on_hold: PATIENCE * 2, ..config(20_700) }).await;
    let caller = phone().await;
    bench.aim(Side::Caller, caller.local_addr().unwrap()).await;
    // The call that rings is measured against one that talks, began later, and is silent first.
    bench.order(RelayOrder::WantPorts(4));
    let RelayEvent::Ports(ports) = bench.event().await else { panic!("no ports came") };
    let (held, talking) = (RelayId(2), RelayId(3));
    bench.order(RelayOrder::Open { relay: held, caller_port: ports[0], callee_port: ports[1] });
    bench.order(RelayOrder::Open { relay: talking, caller_port: ports[2], callee_port: ports[3] });
    let signalled_from = Ipv4Addr::LOCALHOST.into();
    let here = caller.local_addr().unwrap();
    for (relay, side, announced) in [
        (held, Side::Caller, here),
        (held, Side::Callee, "0.0.0.0:0".parse().unwrap()),
        (talking, Side::Caller, here),
        (talking, Side::Callee, here),
    ] {
        bench.order(RelayOrder::Aim { relay, aim: Aim { side, announced, signalled_from, rtcp_mux: false } });
    }
    assert_eq!(bench.event().await, RelayEvent::Silent(talking));
    // Resumed, the other is silent as well; the ringing one never is.
    bench.order(RelayOrder::Aim {
        relay: held,
        aim: Aim { side: Side::Callee, announced: here, signalled_from, rtcp_mux: false },
    });
    assert_eq!(bench.event().await, RelayEvent::Silent(held));
    assert!(bench.close().await.2.is_empty());
}

#[tokio::test]
async fn a_side_that_is_gone_without_a_word_is_told_although_the_other_talks_on() {
    let silence_of_one = Duration::from_millis(50);
    let config = RelayConfig { silence: silence_of_one / 2, silence_of_one, ..config(21_000) };
    let mut bench = Bench::start(config).await;
    let (caller, callee) = (phone().await, phone().await);
    bench.aim(Side::Caller, caller.local_addr().unwrap()).await;
    bench.aim(Side::Callee, callee.local_addr().unwrap()).await;
    let mut said = 0;
    let told = loop {
        said += 1;
        assert!(said < 10_000, "nothing was told");
        caller.send_to(&sound(1, "are you there?"), bench.port(Side::Caller)).await.unwrap();
        if let Ok(event) = timeout(Duration::from_millis(2), bench.events.recv()).await {
            break event;
        }
    };
    assert_eq!(told, Some(RelayEvent::Silent(RELAY)));
}

#[tokio::test]
async fn a_new_announcement_moves_a_side() {
    let mut bench = Bench::start(config(20_800)).await;
    let (caller, callee, moved) = (phone().await, phone().await, phone().await);
    bench.aim(Side::Caller, caller.local_addr().unwrap()).await;
    bench.aim(Side::Callee, callee.local_addr().unwrap()).await;
    talks(&caller, bench.port(Side::Caller), &sound(1, "before"), &callee).await;
    bench.aim(Side::Caller, moved.local_addr().unwrap()).await;
    talks(&callee, bench.port(Side::Callee), &sound(2, "to the new place"), &moved).await;
    talks(&moved, bench.port(Side::Caller), &sound(3, "from the new place"), &callee).await;
}

#[tokio::test]
async fn a_relay_is_never_aimed_at_a_relay() {
    let mut bench = Bench::start(config(20_900)).await;
    let (caller, callee) = (phone().await, phone().await);
    bench.aim(Side::Caller, caller.local_addr().unwrap()).await;
    // Its own other port: every packet would come back for ever.
    bench.aim(Side::Callee, bench.port(Side::Caller)).await;
    caller.send_to(&sound(1, "round and round"), bench.port(Side::Caller)).await.unwrap();
    // The real callee appears and is heard: nothing went round before it.
    talks(&callee, bench.port(Side::Callee), &sound(2, "hello"), &caller).await;
    let (from_caller, _, _) = bench.close().await;
    assert_eq!(from_caller, 1);
}

#[tokio::test]
async fn ports_rest_after_a_call_and_come_back() {
    let range = PortRange { first: 21_000, last: 21_003 };
    let mut bench = Bench::start(RelayConfig { ports: range, rest: Duration::from_millis(30), ..config(21_000) }).await;
    let used = bench.ports;
    bench.order(RelayOrder::WantPorts(2));
    bench.order(RelayOrder::Close(RELAY));
    // The wish is older than the end of the call, and fulfilled when the ports have rested.
    assert!(matches!(bench.event().await, RelayEvent::Closed { .. }));
    let mut again = Vec::new();
    while again.len() < 2 {
        let RelayEvent::Ports(ports) = bench.event().await else { panic!("something else happened") };
        again.extend(ports);
    }
    again.sort_unstable();
    let mut used = used.to_vec();
    used.sort_unstable();
    assert_eq!(again, used);
}

#[tokio::test]
async fn ipv4_and_ipv6_phones_hear_each_other() {
    let mut bench = Bench::start(RelayConfig { address: None, ..config(21_100) }).await;
    let (four, six) = (phone().await, phone_at("[::1]:0").await);
    bench.aim(Side::Caller, four.local_addr().unwrap()).await;
    bench.aim_from(Side::Callee, six.local_addr().unwrap(), "::1".parse().unwrap(), false).await;
    let callee_port = SocketAddr::new("::1".parse().unwrap(), bench.ports[1].0);
    talks(&four, bench.port(Side::Caller), &sound(1, "four"), &six).await;
    let from = talks(&six, callee_port, &sound(2, "six"), &four).await;
    assert_eq!(from, bench.port(Side::Caller));
}

#[tokio::test]
async fn orders_for_unknown_relays_and_ports_do_no_harm() {
    let mut bench = Bench::start(config(21_200)).await;
    bench.order(RelayOrder::Open { relay: RelayId(7), caller_port: RelayPort(9), callee_port: RelayPort(11) });
    bench.order(RelayOrder::Open { relay: RELAY, caller_port: RelayPort(9), callee_port: RelayPort(11) });
    let announced = "127.0.0.1:9".parse().unwrap();
    let signalled_from = Ipv4Addr::LOCALHOST.into();
    let aim = RelayOrder::Aim {
        relay: RelayId(7),
        aim: Aim { side: Side::Caller, announced, signalled_from, rtcp_mux: false },
    };
    bench.order(aim);
    bench.order(RelayOrder::Close(RelayId(7)));
    let closed = RelayEvent::Closed { relay: RelayId(7), from_caller: 0, from_callee: 0 };
    assert_eq!(bench.event().await, closed);
    let (caller, callee) = (phone().await, phone().await);
    bench.aim(Side::Caller, caller.local_addr().unwrap()).await;
    bench.aim(Side::Callee, callee.local_addr().unwrap()).await;
    talks(&caller, bench.port(Side::Caller), &sound(1, "hello"), &callee).await;
}
