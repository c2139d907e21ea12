//! Nothing that is not proven causes a push, a success or work that grows: every method, over every transport, with a
//! foreign tag, an invented one or none, and with every kind of wrong proof.

use pbx_core::model::Settings;
use pbx_core::switchboard::command::{Command, Reply, Status};

use crate::support::SOON;
use crate::support::raw::{Ask, Datagrams, Heard, Stream, loopback};
use crate::support::server::TestServer;

const METHODS: [&str; 15] = [
    "REGISTER",
    "INVITE",
    "OPTIONS",
    "MESSAGE",
    "SUBSCRIBE",
    "PUBLISH",
    "REFER",
    "NOTIFY",
    "INFO",
    "UPDATE",
    "PRACK",
    "BYE",
    "CANCEL",
    "ACK",
    "FOO",
];

/// What a stranger may put into To.
#[derive(Debug, Clone, Copy)]
enum Tag {
    None,
    Invented,
    /// The tag of a call that lives, between others.
    Overheard,
}

/// What a stranger may offer as a proof.
#[derive(Debug, Clone, Copy)]
enum Proof {
    None,
    Invented,
    WrongSecret,
}

async fn status(server: &TestServer) -> Status {
    match server.app.switchboard.ask(Command::Status).await {
        Ok(Reply::Status(status)) => status,
        other => panic!("the server does not say how it is: {other:?}"),
    }
}

fn ask(method: &str, tag: Tag, overheard: &str) -> Ask {
    let mut ask = match method {
        "REGISTER" => Ask::register("1002"),
        "INVITE" => Ask::invite("1001", "1002"),
        _ => Ask::new(method, "1001", "sip:1002@127.0.0.1").with("Contact: <sip:1001@127.0.0.66:5060>"),
    };
    match tag {
        Tag::None => {}
        Tag::Invented => ask.to += ";tag=0123456789abcdef01234567",
        Tag::Overheard => ask.to += &format!(";tag={overheard}"),
    }
    ask
}

fn proven(ask: Ask, proof: Proof, challenge: Option<&Heard>) -> Ask {
    match (proof, challenge) {
        (Proof::WrongSecret, Some(challenge)) => ask.next().proving(challenge, "1002", "wrong"),
        (Proof::Invented | Proof::WrongSecret, _) => {
            let answer = ask.answer("aW52ZW50ZWQ", "1002", "wrong", "00000001");
            ask.with(&format!("Authorization: {answer}"))
        }
        (Proof::None, _) => ask,
    }
}

/// OPTIONS outside calls tells what we understand, to anybody; nothing else succeeds.
fn is_right(method: &str, tag: Tag, heard: &[Heard]) -> bool {
    heard.iter().all(|heard| match heard.status() {
        200 => method == "OPTIONS" && matches!(tag, Tag::None),
        status => (400..700).contains(&status),
    }) && (method != "ACK" || heard.is_empty())
}

#[tokio::test]
async fn no_unproven_request_causes_a_push_a_success_or_work_that_grows() {
    let server = TestServer::start().await;
    let mut apns = server.apns().await;
    for number in ["1001", "1002", "1003"] {
        server.add_extension(number, "Anna").await;
    }
    // Guessers would be blocked long before the end of the table.
    let never_block = ["127.0.0.66", "127.0.0.11"].map(|address| address.parse().unwrap()).to_vec();
    let settings = Settings { never_block, ..Settings::default() };
    server.app.switchboard.ask(Command::ChangeSettings(settings)).await.unwrap();
    let tokens = apns.tokens();
    let app = server.phone("1002").instance(uuid::Uuid::new_v4()).push_params(format!(";{}", tokens.params()));
    let app = app.build().unwrap();
    app.register(300, SOON).await.unwrap();
    app.unregister(SOON).await.unwrap();
    app.background().await;
    // A call between others, whose tags a stranger may have overheard.
    let (caller, callee) = (server.phone("1001").build().unwrap(), server.phone("1003").build().unwrap());
    callee.register(300, SOON).await.unwrap();
    let call = caller.call("1003", SOON).await.unwrap();
    let bell = callee.incoming(SOON).await.unwrap();
    bell.answer().unwrap();
    call.answered(SOON).await.unwrap();
    let overheard = bell.invite().tag("From").unwrap().to_owned();
    let before = status(&server).await;

    let beside = Datagrams::at(loopback(11), server.udp());
    let mut asked = 0;
    for method in METHODS {
        for tag in [Tag::None, Tag::Invented, Tag::Overheard] {
            for proof in [Proof::None, Proof::Invented, Proof::WrongSecret] {
                let udp = Datagrams::at(loopback(66), server.udp());
                let challenge = udp.ask_in_vain(&ask(method, tag, &overheard), &beside).await.pop();
                let challenge = challenge.filter(|heard| [401, 407].contains(&heard.status()));
                let request = proven(ask(method, tag, &overheard), proof, challenge.as_ref());
                let heard = udp.ask_in_vain(&request, &beside).await;
                assert!(is_right(method, tag, &heard), "UDP {method} {tag:?} {proof:?}: {heard:?}");
                let mut tcp = Stream::at(loopback(66), server.tcp()).await;
                let text = request.text("TCP", tcp.local);
                tcp.send(text.as_bytes()).await;
                tcp.half_close().await;
                let heard: Vec<Heard> = tcp.hear().await.into_iter().collect();
                assert!(is_right(method, tag, &heard), "TCP {method} {tag:?} {proof:?}: {heard:?}");
                asked += 2;
            }
        }
    }
    assert_eq!(asked, METHODS.len() * 9 * 2);
    let after = status(&server).await;
    assert_eq!((before.calls, before.parked, before.registered), (after.calls, after.parked, after.registered));
    assert!(apns.standin.requests().is_empty(), "a stranger caused a push");
    // The call between the others is as it was.
    call.hang_up(SOON).await.unwrap();
    bell.ended(SOON).await.unwrap();
    // And the app is still woken by who may.
    let call = caller.call("1002", SOON).await.unwrap();
    apns.push(SOON).await;
    call.cancel(SOON).await.unwrap();
    server.stop().await;
}
