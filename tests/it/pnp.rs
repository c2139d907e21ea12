//! A phone that is taken out of its box looks for its configuration on the local network (PnP), over real multicast on the
//! loopback.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde_json::json;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;
use tokio::time::timeout;

use crate::desk_phones::add;
use crate::support::eventually;
use crate::support::server::TestServer;

const GROUP: &str = "224.0.1.75:5060";

/// A phone's socket on the loopback, whose multicasts stay there.
fn phone() -> UdpSocket {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP)).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    socket.set_multicast_if_v4(&Ipv4Addr::LOCALHOST).unwrap();
    socket.set_nonblocking(true).unwrap();
    UdpSocket::from_std(socket.into()).unwrap()
}

fn search(mac: &str, vendor: &str, model: &str, local: SocketAddr) -> String {
    format!(
        "SUBSCRIBE sip:MAC%3a{mac}@224.0.1.75 SIP/2.0\r\nVia: SIP/2.0/UDP {local};rport;branch=z9hG4bK{mac}\r\n\
         From: <sip:MAC%3a{mac}@224.0.1.75>;tag=1\r\nTo: <sip:MAC%3a{mac}@224.0.1.75>\r\nCall-ID: {mac}\r\n\
         CSeq: 1 SUBSCRIBE\r\nMax-Forwards: 1\r\nEvent: ua-profile;profile-type=\"device\";vendor=\"{vendor}\";\
         model=\"{model}\";version=\"1\"\r\nExpires: 0\r\nContact: <sip:{local}>\r\nContent-Length: 0\r\n\r\n"
    )
}

/// What comes back to a search within a moment.
async fn heard(socket: &UdpSocket, text: &str) -> Vec<String> {
    socket.send_to(text.as_bytes(), GROUP).await.unwrap();
    let (mut all, mut buffer) = (Vec::new(), [0; 4096]);
    while let Ok(read) = timeout(Duration::from_millis(400), socket.recv(&mut buffer)).await {
        all.push(String::from_utf8_lossy(&buffer[..read.unwrap()]).into_owned());
        if all.len() == 2 {
            break;
        }
    }
    all
}

#[tokio::test]
async fn a_phone_that_looks_for_its_configuration_is_answered_only_while_its_window_is_open() {
    let server = TestServer::start().await;
    server.add_extension("101", "Anna").await;
    // Of no real phone, and of no other test that may run on this machine.
    let mac = "805ec0d5a1b2";
    let first = add(&server, mac, "101").await;
    let (socket, local) = (phone(), server.local());
    let text = search(&mac.to_uppercase(), "Yealink", "T46S", socket.local_addr().unwrap());
    assert_eq!(heard(&socket, &text).await, Vec::<String>::new(), "it is off unless somebody switches it on");
    let (status, chosen) = local.put("/desk-phones/options", &json!({ "pnp": true, "http_password": false })).await;
    assert_eq!((status, &chosen["pnp"]), (200, &json!(true)), "{chosen}");
    assert_eq!(heard(&socket, &text).await, Vec::<String>::new(), "its window is closed");
    let window = format!("/desk-phones/{mac}/window");
    assert_eq!(local.post(&window, &json!({ "open": true })).await.0, 200);
    eventually("the phone to be answered", async || heard(&socket, &text).await.len() == 2).await;
    let answers = heard(&socket, &text).await;
    assert!(answers[0].starts_with("SIP/2.0 200 OK\r\n"), "{answers:?}");
    assert!(answers[1].starts_with("NOTIFY sip:127.0.0.1:"), "{answers:?}");
    let (_, url) = answers[1].split_once("\r\n\r\n").unwrap();
    assert!(url.starts_with("https://") && url.ends_with("/d/"), "{url}");
    assert!(!answers[1].contains(first.split("/d/").nth(1).unwrap()), "no secret goes over the network");
    for other in [
        search("805EC0D5A1B3", "Yealink", "T46S", socket.local_addr().unwrap()),
        search(&mac.to_uppercase(), "Fanvil", "T46S", socket.local_addr().unwrap()),
        search(&mac.to_uppercase(), "Yealink", "T41S", socket.local_addr().unwrap()),
    ] {
        assert_eq!(heard(&socket, &other).await, Vec::<String>::new(), "{other}");
    }
    // What it was told leads to its configuration, for this phone and while the window is open.
    let web = server.web();
    let agent = "Yealink SIP-T46S 66.86.0.15 80:5e:c0:d5:a1:b2";
    let told = web.http.get(format!("{url}{mac}.cfg")).header("user-agent", agent).send().await.unwrap();
    assert_eq!(told.status(), 200);
    assert!(told.text().await.unwrap().contains("account.1.password = "));
    assert_eq!(local.post(&window, &json!({ "open": false })).await.0, 200);
    assert_eq!(heard(&socket, &text).await, Vec::<String>::new(), "the window is closed again");
    server.stop().await;
}
