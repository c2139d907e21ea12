//! SIPp (Debian's sip-tester 3.6.1) as many phones at once.
//!
//! Debian builds it without digest and TLS. Therefore a caller's Authorization header is computed here beforehand, one row
//! for each call, with the nonce of a challenge and a rising nonce count; and a called SIPp is registered by one of our
//! scripted phones from the very port that SIPp binds afterwards, since the server answers to the flow a REGISTER came on.
//!
//! Scenarios are in `tests/fixtures/sipp`. SIPp ends with 0 when all calls went as the scenario says, with 1 when one did
//! not; `-timeout` with `-timeout_error` makes a run that hangs fail.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use nightbell::phone::{DigestChoice, DigestClient, Message, Phone};
use tempfile::TempDir;
use tokio::net::UdpSocket;

use super::program::Program;
use super::{SOON, free_port};

/// What one SIPp does.
pub(crate) struct SippRun<'a> {
    /// File name of the scenario without `.xml`.
    pub(crate) scenario: &'a str,
    /// `-t`: `u1` for UDP, `t1` for one TCP connection.
    pub(crate) transport: &'a str,
    /// The port it binds; `None` takes a free one.
    pub(crate) port: Option<u16>,
    /// Calls to make or to wait for.
    pub(crate) calls: u32,
    /// New calls in a second, for callers.
    pub(crate) rate: u32,
    /// How long an answered call lasts.
    pub(crate) talk: Duration,
    /// The server, for callers.
    pub(crate) server: Option<SocketAddr>,
    /// One row for each call, for callers.
    pub(crate) rows: Vec<CallRow>,
}

/// What a caller's row holds.
#[derive(Debug, Clone)]
pub(crate) struct CallRow {
    /// Who calls.
    pub(crate) caller: String,
    /// Who is called.
    pub(crate) called: String,
    /// A whole header line.
    pub(crate) authorization: String,
}

/// A running SIPp.
pub(crate) struct Sipp {
    program: Program,
    folder: TempDir,
    port: u16,
}

/// What a finished SIPp counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SippCounts {
    /// Calls that went as the scenario says.
    pub(crate) successful: u64,
    /// The others.
    pub(crate) failed: u64,
    /// Messages sent again.
    pub(crate) retransmissions: u64,
}

impl Sipp {
    /// Starts it.
    pub(crate) fn start(run: &SippRun<'_>) -> Self {
        let folder = tempfile::tempdir().expect("the system gives a temporary folder");
        let port = run.port.unwrap_or_else(free_port);
        let scenario =
            PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/sipp/{}.xml", run.scenario));
        let (scenario, stats) = (scenario.to_string_lossy().into_owned(), path_in(&folder, "stats.csv"));
        let (errors, rows) = (path_in(&folder, "errors.txt"), path_in(&folder, "rows.csv"));
        let numbers = [port.to_string(), run.calls.to_string(), run.rate.to_string(), run.talk.as_millis().to_string()];
        let [port_text, calls, rate, talk] = &numbers;
        let media = free_port().to_string();
        let server = run.server.map(|server| server.to_string());
        let timeout = format!("{}s", (SOON * 4).as_secs());
        let mut arguments: Vec<&str> = Vec::new();
        if let Some(server) = &server {
            let text: String = run.rows.iter().map(CallRow::line).collect();
            std::fs::write(&rows, format!("SEQUENTIAL\n{text}")).expect("a temporary folder can be written to");
            arguments.extend([server.as_str(), "-inf", &rows, "-r", rate, "-d", talk]);
        }
        arguments.extend(["-sf", &scenario, "-i", "127.0.0.1", "-p", port_text, "-t", run.transport, "-m", calls]);
        arguments.extend(["-mp", &media, "-timeout", &timeout, "-timeout_error", "-nostdin"]);
        arguments.extend(["-trace_err", "-error_file", &errors, "-trace_stat", "-stf", &stats]);
        let program = Program::start(&format!("sipp {}", run.scenario), "sipp", &arguments, folder.path());
        Self { program, folder, port }
    }

    /// Waits until it listens: for a called SIPp, before anybody calls it.
    ///
    /// SIPp prints nothing before its end, and a probing packet would count as a call, so the kernel's table of sockets is
    /// looked at.
    pub(crate) async fn listens(&self, within: Duration) {
        let look = async {
            let mut tick = tokio::time::interval(Duration::from_millis(10));
            while !is_bound(self.port) {
                tick.tick().await;
            }
        };
        let bound = tokio::time::timeout(within, look).await;
        assert!(bound.is_ok(), "SIPp has not bound port {} within {within:?}", self.port);
    }

    /// The port it binds.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Waits for its end; fails the test, showing SIPp's errors, when a call did not go as the scenario says.
    pub(crate) async fn finish(mut self, within: Duration) -> SippCounts {
        let good = self.program.ended(within).await;
        let errors = std::fs::read_to_string(path_in(&self.folder, "errors.txt")).unwrap_or_default();
        let counts = counts(&std::fs::read_to_string(path_in(&self.folder, "stats.csv")).unwrap_or_default());
        assert!(good, "SIPp saw calls go wrong: {counts:?}\n{errors}");
        counts.unwrap_or_else(|| panic!("SIPp left no statistics\n{errors}"))
    }
}

impl CallRow {
    fn line(&self) -> String {
        format!("{};{};{};\n", self.caller, self.called, self.authorization)
    }
}

/// Whether a UDP socket or a listening TCP socket has this port on the loopback.
fn is_bound(port: u16) -> bool {
    let local = format!(" 0100007F:{port:04X} ");
    let has = |table: &str, state: &str| {
        let text = std::fs::read_to_string(table).expect("Linux shows its sockets");
        text.lines().any(|line| line.contains(&local) && line.contains(state))
    };
    // 0A is LISTEN.
    has("/proc/net/udp", "") || has("/proc/net/tcp", " 0A ")
}

fn path_in(folder: &TempDir, name: &str) -> String {
    folder.path().join(name).to_string_lossy().into_owned()
}

/// The cumulative counts of the last line of SIPp's statistics file.
fn counts(csv: &str) -> Option<SippCounts> {
    let mut lines = csv.lines();
    let names: Vec<&str> = lines.next()?.split(';').collect();
    let last: Vec<&str> = lines.next_back()?.split(';').collect();
    let column = |name: &str| {
        let position = names.iter().position(|have| *have == name)?;
        last.get(position)?.parse().ok()
    };
    Some(SippCounts {
        successful: column("SuccessfulCall(C)")?,
        failed: column("FailedCall(C)")?,
        retransmissions: column("Retransmissions(C)")?,
    })
}

/// Registers `port` for an extension as if SIPp had done it: a scripted phone binds it, registers and leaves without a word.
pub(crate) async fn register_port(server: SocketAddr, extension: &str, secret: &str, port: u16) {
    let phone = Phone::builder(server)
        .extension(extension)
        .secret(secret)
        .bind(([127, 0, 0, 1], port).into())
        .build()
        .expect("an extension and a secret make a phone");
    phone.register(300, SOON).await.expect("the server accepts the registration for SIPp");
    phone.background().await;
}

/// Rows for `calls` calls from `caller` to `called`, all answering one challenge with a rising nonce count.
pub(crate) async fn authorized_rows(
    server: SocketAddr,
    (caller, secret): (&str, &str),
    called: &str,
    calls: u32,
) -> Vec<CallRow> {
    let uri = format!("sip:{called}@{}", server.ip());
    let (invite, challenge) = challenge(server, caller, &uri).await;
    let mut digest = DigestClient::new(caller, secret, DigestChoice::Md5);
    digest.learn(&invite, &challenge).expect("the server offers MD5 to phones");
    let row = |_| {
        let mut request = Message::request("INVITE", &uri);
        digest.authorize(&mut request);
        let line = ["Proxy-Authorization", "Authorization"]
            .into_iter()
            .find_map(|name| request.header(name).map(|value| format!("{name}: {value}")));
        CallRow {
            caller: caller.to_owned(),
            called: called.to_owned(),
            authorization: line.expect("a learnt challenge is answered"),
        }
    };
    (0..calls).map(row).collect()
}

/// An INVITE without credentials and the challenge it got.
async fn challenge(server: SocketAddr, caller: &str, uri: &str) -> (Message, Message) {
    let socket = UdpSocket::bind(("127.0.0.1", 0)).await.expect("the loopback has a free port");
    let local = socket.local_addr().expect("a bound socket has an address");
    let id = uuid::Uuid::new_v4().simple();
    let invite = Message::request("INVITE", uri)
        .with("Via", format!("SIP/2.0/UDP {local};branch=z9hG4bK{id};rport"))
        .with("Max-Forwards", "70")
        .with("From", format!("<sip:{caller}@{}>;tag={id}", server.ip()))
        .with("To", format!("<{uri}>"))
        .with("Call-ID", id.to_string())
        .with("CSeq", "1 INVITE")
        .with("Contact", format!("<sip:{caller}@{local}>"));
    socket.send_to(&invite.to_bytes(), server).await.expect("the loopback carries datagrams");
    let mut buffer = [0; 4096];
    let answer = async {
        loop {
            let (length, _) = socket.recv_from(&mut buffer).await.expect("the socket stays open");
            let answer = Message::parse(&buffer[..length]).expect("the server speaks SIP");
            if answer.status().is_some_and(|status| status >= 200) {
                return answer;
            }
        }
    };
    let answer = tokio::time::timeout(SOON, answer).await.expect("the server answers an INVITE without credentials");
    let mut ack = Message::request("ACK", uri);
    for name in ["Via", "From", "Call-ID", "Max-Forwards"] {
        ack.push(name, invite.header(name).unwrap_or_default());
    }
    let ack = ack.with("To", answer.header("To").unwrap_or_default()).with("CSeq", "1 ACK");
    socket.send_to(&ack.to_bytes(), server).await.expect("the loopback carries datagrams");
    (invite, answer)
}
