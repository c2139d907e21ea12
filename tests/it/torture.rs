//! Nothing a stranger sends stops the server: every torture message of RFC 4475 and RFC 5118, over UDP and TCP, gets its
//! documented answer or silence, and the server answers OPTIONS afterwards.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

use crate::support::server::TestServer;

/// A machine that runs everything else at once still answers within this.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the server says to each message of RFC 4475 from a stranger; 0 is silence.
const RFC_4475: [(&str, u16); 49] = [
    ("wsinv", 481),
    ("intmeth", 501),
    ("esc01", 407),
    ("escnull", 401),
    ("esc02", 501),
    ("lwsdisp", 200),
    ("longreq", 407),
    ("dblreq", 401),
    ("semiuri", 200),
    ("transports", 200),
    ("mpart01", 405),
    ("unreason", 0),
    ("noreason", 0),
    ("badinv01", 400),
    ("clerr", 400),
    ("ncl", 400),
    ("scalar02", 400),
    ("scalarlg", 0),
    ("quotbal", 400),
    ("ltgtruri", 400),
    ("lwsruri", 400),
    ("lwsstart", 400),
    ("trws", 400),
    ("escruri", 400),
    ("baddate", 407),
    ("regbadct", 400),
    ("badaspec", 400),
    ("baddn", 400),
    ("badvers", 505),
    ("mismatch01", 400),
    ("mismatch02", 501),
    ("bigcode", 0),
    ("badbranch", 400),
    ("insuf", 0),
    ("unkscm", 416),
    ("novelsc", 416),
    ("unksm2", 400),
    ("bext01", 420),
    ("invut", 407),
    ("regaut01", 401),
    ("multi01", 400),
    ("mcl01", 400),
    ("bcast", 0),
    ("zeromf", 200),
    ("cparam01", 401),
    ("cparam02", 401),
    ("regescrt", 401),
    ("sdp01", 407),
    ("inv2543", 407),
];

/// The same for RFC 5118.
const RFC_5118: [(&str, u16); 12] = [
    ("ipv6-good", 401),
    ("ipv6-bad", 400),
    ("port-ambiguous", 401),
    ("port-unambiguous", 401),
    ("via-received-param-with-delim", 481),
    ("via-received-param-no-delim", 200),
    ("ipv6-in-sdp", 407),
    ("mult-ip-in-header", 481),
    ("mult-ip-in-sdp", 407),
    ("ipv4-mapped-ipv6", 407),
    ("ipv6-bug-abnf-3-colons", 200),
    ("ipv6-correct-abnf-2-colons", 200),
];

fn messages() -> Vec<(&'static str, u16, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/sip");
    let read = |rfc: &str, name: &str| {
        let file = folder.join(rfc).join(format!("{name}.dat"));
        std::fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
    };
    let old = RFC_4475.iter().map(|(name, status)| (*name, *status, read("rfc4475", name)));
    let new = RFC_5118.iter().map(|(name, status)| (*name, *status, read("rfc5118", name)));
    old.chain(new).collect()
}

fn options(via: &str, from: SocketAddr, name: &str) -> String {
    format!(
        "OPTIONS sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/{via} {from};branch=z9hG4bKafter{name};rport\r\n\
         Max-Forwards: 70\r\nFrom: <sip:check@127.0.0.1>;tag=1\r\nTo: <sip:127.0.0.1>\r\nCall-ID: after-{name}\r\n\
         CSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
    )
}

fn status(text: &str) -> u16 {
    text.strip_prefix("SIP/2.0 ").and_then(|rest| rest.get(..3)?.parse().ok()).unwrap_or(0)
}

/// Sends one datagram and OPTIONS behind it; gives what came before the answer to OPTIONS.
async fn say_over_udp(server: SocketAddr, name: &str, message: &[u8]) -> Vec<u16> {
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
    socket.connect(server).await.expect("loopback");
    socket.send(message).await.expect("sent");
    let local = socket.local_addr().expect("bound");
    socket.send(options("UDP", local, name).as_bytes()).await.expect("sent");
    let mut answers = Vec::new();
    let mut buffer = vec![0; 65_535];
    loop {
        let got = timeout(PATIENCE, socket.recv(&mut buffer)).await;
        let length = got.unwrap_or_else(|_| panic!("{name}: OPTIONS was not answered afterwards")).expect("received");
        let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
        if text.contains(&format!("after-{name}")) {
            assert_eq!(status(&text), 200, "{name}: {text}");
            return answers;
        }
        answers.push(status(&text));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_torture_message_over_udp_gets_its_answer_and_the_server_goes_on() {
    let server = TestServer::start().await;
    let mut wrong = Vec::new();
    for (name, expected, message) in messages() {
        let answers = say_over_udp(server.udp(), name, &message).await;
        let wanted = if expected == 0 { vec![] } else { vec![expected] };
        if answers != wanted {
            wrong.push(format!("{name}: wanted {wanted:?}, got {answers:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_torture_message_over_tcp_is_answered_or_ends_its_connection_and_the_server_goes_on() {
    let server = TestServer::start().await;
    let mut wrong = Vec::new();
    for (name, expected, message) in messages() {
        let mut stream = TcpStream::connect(server.tcp()).await.expect("the server takes connections");
        stream.write_all(&message).await.expect("sent");
        // No more will come: a message that is cut short must not wait for its rest.
        stream.shutdown().await.expect("half closed");
        let mut text = Vec::new();
        timeout(PATIENCE, stream.read_to_end(&mut text))
            .await
            .unwrap_or_else(|_| panic!("{name}: the connection stays open"))
            .unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let said = status(&text);
        // On a stream the length decides where a message ends, so what is cut or contradicts itself may only end the stream.
        let cut = matches!(name, "clerr" | "baddn" | "ncl" | "mcl01" | "inv2543");
        if said != expected && !(cut && (said == 0 || said == 400)) {
            wrong.push(format!("{name}: wanted {expected}, got {said}"));
        }
        let after = say_over_udp(server.udp(), name, b"").await;
        assert!(after.is_empty(), "{name}: {after:?}");
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    server.stop().await;
}
