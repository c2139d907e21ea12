//! Whatever arrives, in whatever pieces and sizes: nobody is held up, nothing is amplified, calls stay as they are.

use std::time::Duration;

use nightbell::phone::CallEnd;
use pbx_core::model::{CallEnding, Settings};
use pbx_core::switchboard::command::{Command, Reply};
use tokio::time::Instant;

use crate::support::SOON;
use crate::support::raw::{Ask, Datagrams, Heard, Stream, loopback};
use crate::support::server::TestServer;

async fn office() -> TestServer {
    let server = TestServer::start().await;
    for number in ["1001", "1002"] {
        server.add_extension(number, "Anna").await;
    }
    server
}

async fn calls(server: &TestServer) -> usize {
    match server.app.switchboard.ask(Command::ListCalls).await {
        Ok(Reply::Calls(calls)) => calls.len(),
        other => panic!("the server does not list its calls: {other:?}"),
    }
}

/// The next message with this status, past everything before it.
async fn until(socket: &Datagrams, status: u16) -> Heard {
    loop {
        let heard = socket.hear().await;
        if heard.status() == status {
            return heard;
        }
    }
}

#[tokio::test]
async fn lengths_that_cannot_be_true_are_answered_and_end_the_connection() {
    let server = office().await;
    for length in [
        "Content-Length: 99999999999999999999",
        "Content-Length: -1",
        "Content-Length: 1000000",
        "Content-Length: 1\r\nContent-Length: 2",
    ] {
        let mut stream = Stream::at(loopback(66), server.tcp()).await;
        let text = Ask::new("OPTIONS", "x", "sip:127.0.0.1").text("TCP", stream.local);
        stream.send(text.replace("Content-Length: 0", length).as_bytes()).await;
        let heard = stream.hear().await;
        assert!(heard.as_ref().is_none_or(|heard| [400, 413].contains(&heard.status())), "{length}: {heard:?}");
        assert!(stream.hear().await.is_none(), "{length}: the connection stays");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_thousand_requests_in_one_piece_are_answered_in_order() {
    let server = office().await;
    let settings = Settings { never_block: vec!["127.0.0.10".parse().unwrap()], ..Settings::default() };
    server.app.switchboard.ask(Command::ChangeSettings(settings)).await.unwrap();
    let stream = Stream::at(loopback(10), server.tcp()).await;
    let asks: Vec<Ask> = (0..1000).map(|_| Ask::new("OPTIONS", "x", "sip:127.0.0.1")).collect();
    let text: String = asks.iter().map(|ask| ask.text("TCP", stream.local)).collect();
    let (mut reading, mut writing) = stream.split();
    let sending = tokio::spawn(async move {
        writing.send(text.as_bytes()).await;
        writing
    });
    for ask in &asks {
        let heard = reading.hear().await.expect("an answer");
        assert_eq!((heard.status(), heard.header("Call-ID")), (200, Some(ask.call_id.as_str())));
    }
    drop(sending.await.unwrap());
    server.stop().await;
}

#[tokio::test]
async fn a_request_in_pieces_of_one_byte_and_keep_alives_between_requests_are_understood() {
    let server = office().await;
    let mut stream = Stream::at(loopback(10), server.tcp()).await;
    let text = Ask::new("OPTIONS", "x", "sip:127.0.0.1").text("TCP", stream.local);
    for byte in text.as_bytes() {
        stream.send(&[*byte]).await;
    }
    assert_eq!(stream.hear().await.unwrap().status(), 200);
    stream.send(b"\r\n\r\n").await;
    assert_eq!(stream.bytes(16, SOON).await, b"\r\n");
    assert_eq!(stream.ask(&Ask::new("OPTIONS", "x", "sip:127.0.0.1")).await.unwrap().status(), 200);
    stream.send(Ask::new("OPTIONS", "x", "sip:127.0.0.1").text("TCP", stream.local).as_bytes()).await;
    stream.half_close().await;
    assert_eq!(stream.hear().await.unwrap().status(), 200, "who has nothing more to say still hears the answer");
    assert!(stream.hear().await.is_none());
    server.stop().await;
}

#[tokio::test]
async fn one_extension_that_calls_like_a_machine_is_told_to_wait_and_its_neighbour_is_not() {
    let server = office().await;
    let machine = Datagrams::at(loopback(10), server.udp());
    let (mut refused, mut challenge) = (0, machine.ask(&Ask::invite("1001", "9999")).await);
    for call in 1..=420_u32 {
        let count = (call - 1) % 60 + 1;
        if count == 1 {
            challenge = machine.ask_past(&Ask::invite("1001", "9999")).await;
        }
        let ask =
            Ask::invite("1001", "9999").proving_with(&challenge, "1001", "secret-of-1001", &format!("{count:08x}"));
        let heard = machine.ask_past(&ask).await;
        if heard.status() == 503 {
            assert!(heard.0.contains("Too Many Calls From This Extension"), "{heard:?}");
            assert_eq!(heard.header("Retry-After"), Some("5"));
            refused += 1;
        } else {
            assert_eq!(heard.status(), 404, "{heard:?}");
        }
    }
    assert!(refused > 0, "420 calls in a moment were all taken");
    let person = Datagrams::at(loopback(10), server.udp());
    let ask = Ask::invite("1002", "9999");
    let challenge = person.ask(&ask).await;
    let started = Instant::now();
    let heard = person.ask_past(&ask.next().proving(&challenge, "1002", "secret-of-1002")).await;
    assert_eq!(heard.status(), 404, "{heard:?}");
    assert!(started.elapsed() < Duration::from_millis(500));
    server.stop().await;
}

#[tokio::test]
async fn an_invite_sent_seven_times_is_one_call_and_one_push() {
    let server = office().await;
    let mut apns = server.apns().await;
    let tokens = apns.tokens();
    let app = server.phone("1002").instance(uuid::Uuid::new_v4()).push_params(format!(";{}", tokens.params()));
    let app = app.build().unwrap();
    app.register(300, SOON).await.unwrap();
    app.unregister(SOON).await.unwrap();
    app.background().await;
    let phone = Datagrams::at(loopback(10), server.udp());
    let ask = Ask::invite("1001", "1002");
    let challenge = phone.ask(&ask).await;
    let text = ask.next().proving(&challenge, "1001", "secret-of-1001").text("UDP", phone.local);
    for _ in 0..7 {
        phone.send(text.as_bytes()).await;
    }
    apns.push(SOON).await;
    phone.is_served_past().await;
    assert_eq!((calls(&server).await, apns.accepted("voip")), (1, 1));
    // What belongs to nothing changes nothing.
    let cancel = Ask::new("CANCEL", "1001", "sip:1002@127.0.0.1");
    assert_eq!(phone.ask_past(&cancel).await.status(), 481);
    let beside = Datagrams::at(loopback(11), server.udp());
    let stray = Ask::new("ACK", "1001", "sip:1002@127.0.0.1");
    assert!(beside.ask_in_vain(&stray, &Datagrams::at(loopback(12), server.udp())).await.is_empty());
    let response = text.replacen("INVITE sip:1002@127.0.0.1 SIP/2.0", "SIP/2.0 200 OK", 1);
    beside.send(response.as_bytes()).await;
    beside.is_served().await;
    assert_eq!((calls(&server).await, apns.accepted("voip")), (1, 1));
    server.stop().await;
}

#[tokio::test]
async fn a_request_out_of_hops_goes_no_further_and_routes_through_ourselves_lead_nowhere() {
    let server = office().await;
    let phone = Datagrams::at(loopback(10), server.udp());
    let ask = Ask::invite("1001", "1002");
    let challenge = phone.ask(&ask).await;
    let proof = ask.next().proving(&challenge, "1001", "secret-of-1001").text("UDP", phone.local);
    phone.send(proof.replace("Max-Forwards: 70", "Max-Forwards: 0").as_bytes()).await;
    until(&phone, 483).await;
    let us = server.udp();
    let mut routed = Ask::invite("1001", "9999");
    for _ in 0..16 {
        routed.headers.push(format!("Route: <sip:{us};lr>"));
    }
    let challenge = phone.ask(&routed).await;
    phone.send(routed.next().proving(&challenge, "1001", "secret-of-1001").text("UDP", phone.local).as_bytes()).await;
    until(&phone, 404).await;
    phone.is_served_past().await;
    assert_eq!(calls(&server).await, 0);
    server.stop().await;
}

#[tokio::test]
async fn no_answer_to_a_stranger_is_much_longer_than_the_question() {
    let server = office().await;
    let stranger = Datagrams::at(loopback(66), server.udp());
    for method in ["REGISTER", "INVITE", "OPTIONS", "MESSAGE", "SUBSCRIBE", "BYE", "CANCEL", "REFER", "FOO"] {
        // As short as any phone's: the rate for strangers holds for what is shorter.
        let ask = Ask::new(method, "1001", "sip:1001@127.0.0.1").with("Contact: <sip:1001@127.0.0.66:5060>");
        let text = ask.with("User-Agent: Grandstream HT801 1.0.35.4").text("UDP", stranger.local);
        stranger.send(text.as_bytes()).await;
        let heard = stranger.hear().await;
        let (asked, answered) = (text.len(), heard.0.len());
        assert!(answered * 2 <= asked * 3, "{method}: {answered} bytes for {asked}: {heard:?}");
    }
    server.stop().await;
}

#[tokio::test]
async fn the_largest_datagram_there_is_stalls_nobody() {
    let server = office().await;
    let stranger = Datagrams::at(loopback(66), server.udp());
    let beside = Datagrams::at(loopback(11), server.udp());
    for fill in ["a", "\r\n", ",", "<sip:", "Via: x\r\n"] {
        let mut text = Ask::new("OPTIONS", "x", "sip:127.0.0.1").with("X: y").text("UDP", stranger.local);
        let room = 65_507 - text.len();
        text.push_str(&fill.repeat(room / fill.len()));
        stranger.send(text.as_bytes()).await;
        beside.is_served().await;
        let heard = stranger.heard_so_far();
        assert!(heard.iter().all(|heard| [400, 413].contains(&heard.status())), "{heard:?}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_call_is_not_touched_by_requests_with_a_wrong_tag_or_from_a_third_address() {
    let server = office().await;
    let caller = Datagrams::at(loopback(10), server.udp());
    let callee = server.phone("1002").build().unwrap();
    callee.register(300, SOON).await.unwrap();
    let ask = Ask::invite("1001", "1002");
    let challenge = caller.ask(&ask).await;
    let invite = ask.next().proving(&challenge, "1001", "secret-of-1001");
    caller.send(invite.text("UDP", caller.local).as_bytes()).await;
    let bell = callee.incoming(SOON).await.unwrap();
    bell.answer().unwrap();
    let ok = until(&caller, 200).await;
    let to = ok.header("To").unwrap().to_owned();
    let within = |method: &str, cseq: u32, to: &str| {
        let body = if method == "INVITE" { invite.body.clone() } else { String::new() };
        let mut ask = Ask { method: method.into(), cseq, body, ..invite.clone() };
        ask.headers.retain(|line| !line.contains("uthorization"));
        ask.to(to)
    };
    caller.send(within("ACK", invite.cseq, &to).text("UDP", caller.local).as_bytes()).await;
    let wrong = format!("{};tag=0123456789abcdef01234567", to.split(";tag=").next().unwrap());
    let third = Datagrams::at(loopback(66), server.udp());
    for method in ["BYE", "INVITE", "UPDATE", "INFO", "REFER"] {
        assert_eq!(caller.ask(&within(method, 20, &wrong)).await.status(), 481, "{method}");
        assert_eq!(third.ask(&within(method, 21, &wrong)).await.status(), 481, "{method}");
        assert_eq!(third.ask(&within(method, 22, &to)).await.status(), 407, "{method} from a third address");
    }
    let beside = Datagrams::at(loopback(11), server.udp());
    assert!(third.ask_in_vain(&within("ACK", 23, &wrong), &beside).await.is_empty());
    assert_eq!(calls(&server).await, 1);
    assert_eq!(caller.ask(&within("BYE", 30, &to)).await.status(), 200);
    bell.ended(SOON).await.unwrap();
    server.stop().await;
}

#[tokio::test]
async fn a_challenge_from_the_called_phone_is_not_answered_and_not_passed_on() {
    let server = office().await;
    let callee = Datagrams::at(loopback(66), server.udp());
    assert_eq!(callee.prove(&Ask::register("1002"), "1002", "secret-of-1002").await.status(), 200);
    for (status, header) in [(401, "WWW-Authenticate"), (407, "Proxy-Authenticate")] {
        let caller = server.phone("1001").build().unwrap();
        let call = caller.call("1002", SOON).await.unwrap();
        let invite = callee.hear().await;
        assert!(invite.0.starts_with("INVITE ") && !invite.0.contains("uthorization"), "{invite:?}");
        callee.refuse(&invite, status, &format!("{header}: Digest realm=\"x\", nonce=\"n\"")).await;
        let CallEnd::Refused(heard, _) = call.ended(SOON).await.unwrap() else { panic!("the caller was not refused") };
        assert!([480, 500].contains(&heard), "the caller hears {heard}");
        assert!(callee.hear().await.0.starts_with("ACK "));
        server.last_call("the end", SOON, |call| call.ended_at.is_some()).await;
        callee.is_served().await;
        assert!(callee.heard_so_far().is_empty(), "the challenge was answered");
    }
    server.stop().await;
}

#[tokio::test]
async fn no_refer_redirect_or_diversion_makes_a_new_call() {
    let server = office().await;
    let callee = Datagrams::at(loopback(66), server.udp());
    let trap = Datagrams::at(loopback(77), server.udp());
    assert_eq!(callee.prove(&Ask::register("1002"), "1002", "secret-of-1002").await.status(), 200);
    let premium = format!("<sip:0900123456@127.0.0.77:{}>", trap.local.port());
    let caller = server.phone("1001").build().unwrap();
    for status in [300, 301, 302, 305, 380] {
        let call = caller.call("1002", SOON).await.unwrap();
        let invite = callee.hear().await;
        callee
            .refuse(&invite, status, &format!("Contact: {premium}\r\nDiversion: {premium};reason=unconditional"))
            .await;
        let CallEnd::Refused(heard, _) = call.ended(SOON).await.unwrap() else { panic!("the caller was not refused") };
        assert!(heard >= 400, "{status} reached the caller as {heard}");
        assert!(callee.hear().await.0.starts_with("ACK "));
        server.last_call("the end", SOON, |call| call.ending.is_some_and(|end| end != CallEnding::Completed)).await;
    }
    let refer = Ask::new("REFER", "1002", "sip:1001@127.0.0.1").with(&format!("Refer-To: {premium}"));
    assert_eq!(callee.ask(&refer).await.status(), 405);
    let diverted = Ask::invite("1002", "0900123456").with(&format!("Diversion: {premium}"));
    let challenge = callee.ask(&diverted).await;
    callee
        .send(diverted.next().proving(&challenge, "1002", "secret-of-1002").text("UDP", callee.local).as_bytes())
        .await;
    until(&callee, 404).await;
    let mut foreign = Ask::invite("1002", "1001");
    foreign.uri = format!("sip:0900123456@127.0.0.77.example.com:{}", trap.local.port());
    let challenge = callee.ask(&foreign).await;
    callee
        .send(foreign.next().proving(&challenge, "1002", "secret-of-1002").text("UDP", callee.local).as_bytes())
        .await;
    until(&callee, 403).await;
    trap.is_served().await;
    assert!(trap.heard_so_far().is_empty(), "a new leg was made");
    assert_eq!(calls(&server).await, 0);
    server.stop().await;
}
