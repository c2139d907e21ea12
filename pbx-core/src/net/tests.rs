//! Real sockets on the loopback interface against a toy machine that answers every request with 200.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::*;
use crate::handle::{SwitchboardHandle, connect};
use crate::model::{Flow, Moment, Now, PortRange};
use crate::sip::message::{Message, Response};
use crate::switchboard::input::Input;
use crate::switchboard::output::Output;

mod queues;
mod streams;
mod udp;

/// Far more than any test needs; only a failing test waits for it.
const PATIENCE: Duration = Duration::from_secs(20);

type Script = Box<dyn FnMut(&Input) -> Vec<Output> + Send>;

/// Shows every input to the test and does what the script says.
struct Toy {
    seen: mpsc::Sender<Input>,
    script: Script,
    outputs: VecDeque<Output>,
    timeout: Option<Moment>,
    drained: bool,
}

impl Machine for Toy {
    fn handle(&mut self, input: Input, now: Now) {
        self.outputs.extend((self.script)(&input));
        if matches!(input, Input::Tick) {
            // The first tick, at the start, asks for a second one; then there is quiet.
            let first = self.timeout.is_none();
            self.timeout =
                Some(if first { now.mono + Duration::from_millis(5) } else { Moment::from_micros(u64::MAX) });
        }
        self.drained |= matches!(input, Input::Drain);
        // A test that does not look at its inputs lets them go.
        let _ = self.seen.try_send(input);
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn poll_timeout(&self) -> Option<Moment> {
        self.timeout
    }

    fn is_drained(&self) -> bool {
        self.drained
    }
}

/// Answers a request with 200 and its own body.
fn echo(input: &Input) -> Vec<Output> {
    let Input::Sip { flow, message: Message::Request(request), .. } = input else { return Vec::new() };
    let mut response = Response::to(request, 200, "OK", "toy");
    response.body = request.body.clone();
    vec![Output::Send { flow: *flow, bytes: response.to_bytes() }]
}

/// A running driver and the far ends of its queues.
struct Bench {
    bound: Bound,
    seen: mpsc::Receiver<Input>,
    handle: SwitchboardHandle,
    wakes: mpsc::Receiver<WakeRequest>,
    wake_reports: mpsc::Sender<WakeReport>,
    saves: mpsc::Receiver<SaveJob>,
    saved: mpsc::Sender<Saved>,
}

fn config() -> DriverConfig {
    DriverConfig {
        udp: Vec::new(),
        tcp: Vec::new(),
        tls: Vec::new(),
        tls_identity: None,
        limits: StreamLimits::default(),
        relay: RelayConfig::new(PortRange { first: 30_000, last: 30_100 }, Duration::from_secs(60)),
        drain: Duration::from_secs(5),
    }
}

fn start(config: DriverConfig, script: impl FnMut(&Input) -> Vec<Output> + Send + 'static) -> Bench {
    try_start(config, script).unwrap()
}

fn try_start(
    config: DriverConfig,
    script: impl FnMut(&Input) -> Vec<Output> + Send + 'static,
) -> Result<Bench, StartError> {
    let (handle, switchboard) = connect();
    let (wakes, wakes_out) = mpsc::channel(2);
    let (stop_wakes, _) = mpsc::channel(2);
    let (reports_in, wake_reports) = mpsc::channel(2);
    let (saves, saves_out) = mpsc::channel(2);
    let (saved_in, saved) = mpsc::channel(2);
    let (seen, seen_out) = mpsc::channel(10_000);
    let channels = Channels { switchboard, wakes, stop_wakes, wake_reports, saves, saved };
    let machine =
        move |_| Toy { seen, script: Box::new(script), outputs: VecDeque::new(), timeout: None, drained: false };
    let bound = Driver::start(config, machine, channels)?;
    Ok(Bench {
        bound,
        seen: seen_out,
        handle,
        wakes: wakes_out,
        wake_reports: reports_in,
        saves: saves_out,
        saved: saved_in,
    })
}

impl Bench {
    /// The first input that the test looks for; the others are passed over.
    async fn sees<T>(&mut self, mut wanted: impl FnMut(Input) -> Option<T>) -> T {
        let search = async {
            loop {
                if let Some(found) = wanted(self.seen.recv().await.unwrap()) {
                    return found;
                }
            }
        };
        timeout(PATIENCE, search).await.expect("the machine saw nothing like that")
    }

    async fn flow_of_next_message(&mut self) -> Flow {
        self.sees(|input| if let Input::Sip { flow, .. } = input { Some(flow) } else { None }).await
    }
}

fn request(method: &str, call_id: &str, body: &str) -> String {
    format!(
        "{method} sip:7001@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1:5060;rport;branch=z9hG4bK{call_id}\r\n\
         Max-Forwards: 70\r\nFrom: <sip:7002@example.com>;tag=a\r\nTo: <sip:7001@example.com>\r\nCall-ID: {call_id}\r\n\
         CSeq: 1 {method}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// The next datagram as text.
async fn datagram(socket: &UdpSocket) -> String {
    let mut buffer = vec![0; 65_536];
    let length = timeout(PATIENCE, socket.recv(&mut buffer)).await.expect("no datagram came").unwrap();
    String::from_utf8(buffer[..length].to_vec()).unwrap()
}

/// Reads until `wanted` responses have come, and gives their Call-IDs in order.
async fn call_ids(io: &mut (impl tokio::io::AsyncRead + Unpin), wanted: usize) -> Vec<String> {
    let mut text = Vec::new();
    loop {
        let received = String::from_utf8_lossy(&text);
        let ids: Vec<String> =
            received.split("\r\n").filter_map(|line| line.strip_prefix("Call-ID: ")).map(str::to_owned).collect();
        if ids.len() >= wanted && text.ends_with(b"\r\n\r\n") {
            return ids;
        }
        let read = timeout(PATIENCE, io.read_buf(&mut text)).await.expect("no answer came").unwrap();
        assert!(read > 0, "closed after {ids:?}");
    }
}

fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}
