//! The RTP relay over real loopback sockets: packets through one call, one at a time and in bursts.

#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot be set up has nothing to measure")]

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use pbx_core::media::relay::{self, Aim, RelayConfig, RelayEvent, RelayHandle, RelayOrder};
use pbx_core::model::PortRange;
use pbx_core::switchboard::output::{RelayId, Side};
use tokio::sync::mpsc;

/// 20 ms of G.711 behind an RTP header.
const PACKET: usize = 172;
/// Packets of one burst: what 32 calls send at the same instant.
const BURST: u64 = 32;

struct Call {
    caller: UdpSocket,
    callee: UdpSocket,
    _relay: RelayHandle,
    sequence: u16,
}

impl Call {
    fn start() -> Self {
        let (events, mut reports) = mpsc::channel(16);
        let ports = PortRange { first: 21_000, last: 21_999 };
        let config = RelayConfig {
            address: Some(Ipv4Addr::LOCALHOST.into()),
            ..RelayConfig::new(ports, Duration::from_secs(600))
        };
        let relay = relay::start(config, events).unwrap();
        relay.try_order(RelayOrder::WantPorts(2)).unwrap();
        let Some(RelayEvent::Ports(held)) = reports.blocking_recv() else { panic!("the relay holds no ports") };
        let socket = |port: u16| {
            let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            socket.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
            socket.connect((Ipv4Addr::LOCALHOST, port)).unwrap();
            socket
        };
        let (caller, callee) = (socket(held[0].0), socket(held[1].0));
        let id = RelayId(1);
        relay.try_order(RelayOrder::Open { relay: id, caller_port: held[0], callee_port: held[1] }).unwrap();
        for (side, socket) in [(Side::Caller, &caller), (Side::Callee, &callee)] {
            let announced: SocketAddr = socket.local_addr().unwrap();
            let signalled_from: IpAddr = announced.ip();
            let aim = Aim { side, announced, signalled_from, rtcp_mux: false };
            relay.try_order(RelayOrder::Aim { relay: id, aim }).unwrap();
        }
        let mut call = Self { caller, callee, _relay: relay, sequence: 0 };
        while call.say().is_err() {}
        call
    }

    fn packet(&mut self) -> [u8; PACKET] {
        self.sequence = self.sequence.wrapping_add(1);
        let mut packet = [0x55; PACKET];
        packet[..12].copy_from_slice(&[0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4]);
        packet[2..4].copy_from_slice(&self.sequence.to_be_bytes());
        packet
    }

    fn say(&mut self) -> std::io::Result<usize> {
        let packet = self.packet();
        self.caller.send(&packet)?;
        self.callee.recv(&mut [0; 2048])
    }

    fn burst(&mut self) {
        for _ in 0..BURST {
            let packet = self.packet();
            self.caller.send(&packet).unwrap();
        }
        for _ in 0..BURST {
            self.callee.recv(&mut [0; 2048]).unwrap();
        }
    }
}

fn relay(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("RTP relay");
    let mut call = Call::start();
    group.throughput(Throughput::Elements(1));
    group.bench_function("one packet through", |bencher| bencher.iter(|| call.say().unwrap()));
    group.throughput(Throughput::Elements(BURST));
    group.bench_function("a burst of 32 packets through", |bencher| {
        bencher.iter_custom(|rounds| {
            let started = Instant::now();
            for _ in 0..rounds {
                call.burst();
            }
            started.elapsed()
        });
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).measurement_time(Duration::from_secs(5));
    targets = relay
}
criterion_main!(benches);
