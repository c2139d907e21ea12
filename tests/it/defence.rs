//! Guessers and scanners get nowhere, and an office behind one address keeps its telephones while they try.

use pbx_core::defence::BlockedAddress;
use pbx_core::model::{Network, Settings};
use pbx_core::switchboard::command::{Command, Reply};

use crate::support::installation::Installation;
use crate::support::raw::{Ask, Datagrams, Heard, Stream, loopback};
use crate::support::server::TestServer;

/// Somebody who guesses.
const ATTACKER: u8 = 66;
/// An office with a phone of ours.
const OFFICE: u8 = 10;
/// Where everything is as it should be.
const BESIDE: u8 = 11;

async fn office() -> TestServer {
    let server = TestServer::start().await;
    for number in ["1001", "1002"] {
        server.add_extension(number, "Anna").await;
    }
    server
}

async fn blocked(server: &TestServer) -> Vec<BlockedAddress> {
    match server.app.switchboard.ask(Command::ListBlocked).await {
        Ok(Reply::Blocked(blocked)) => blocked,
        other => panic!("the server does not say who is blocked: {other:?}"),
    }
}

/// Guesses secrets for `user` until no try is looked at any more; how many were.
async fn guess(from: &Datagrams, user: &str) -> usize {
    for tries in 0..100 {
        let ask = Ask::register(user);
        let challenge = from.ask(&ask).await;
        let heard = from.ask(&ask.next().proving(&challenge, user, &format!("guess-{tries}"))).await;
        if heard.status() == 403 {
            return tries;
        }
        assert_eq!(heard.status(), 401, "{heard:?}");
    }
    panic!("nobody stops the guessing");
}

#[tokio::test]
async fn known_and_unknown_numbers_get_the_same_answers() {
    let server = office().await;
    let socket = Datagrams::at(loopback(ATTACKER), server.udp());
    for method in ["REGISTER", "INVITE", "SUBSCRIBE", "OPTIONS", "MESSAGE", "PUBLISH", "REFER", "INFO", "NOTIFY", "BYE"]
    {
        let mut answers = Vec::new();
        for user in ["1001", "9999"] {
            let ask = match method {
                "REGISTER" => Ask::register(user),
                "INVITE" => Ask::invite(user, user),
                _ => Ask::new(method, user, &format!("sip:{user}@127.0.0.1")),
            };
            let first = socket.ask(&ask).await;
            let mut masked = vec![first.masked()];
            if [401, 407].contains(&first.status()) {
                let second = socket.ask(&ask.next().proving(&first, user, "wrong")).await;
                assert_eq!(second.status(), first.status(), "{method}: {second:?}");
                masked.push(second.masked());
            }
            answers.push(masked);
        }
        assert_eq!(answers[0], answers[1], "{method} tells who exists");
    }
    server.stop().await;
}

#[tokio::test]
async fn after_ten_guesses_even_the_right_secret_is_not_heard_any_more() {
    let server = office().await;
    let attacker = Datagrams::at(loopback(ATTACKER), server.udp());
    let beside = Datagrams::at(loopback(BESIDE), server.udp());
    assert_eq!(guess(&attacker, "1001").await, 10);
    let ask = Ask::register("1001");
    let challenge = attacker.ask(&ask).await;
    let right = ask.next().proving(&challenge, "1001", "secret-of-1001");
    assert_eq!(attacker.ask(&right).await.status(), 403, "the right secret was taken inside the block");
    // The account itself is not locked: its owner registers from anywhere else.
    assert_eq!(beside.prove(&Ask::register("1001"), "1001", "secret-of-1001").await.status(), 200);
    server.stop().await;
}

#[tokio::test]
async fn guessing_with_one_nonce_gets_no_further() {
    let server = office().await;
    let attacker = Datagrams::at(loopback(ATTACKER), server.udp());
    let ask = Ask::register("1001");
    let challenge = attacker.ask(&ask).await;
    let mut looked_at = 0;
    for tries in 1..50_u32 {
        let wrong = ask.next().proving_with(&challenge, "1001", &format!("guess-{tries}"), &format!("{tries:08x}"));
        looked_at += usize::from(attacker.ask(&wrong).await.status() == 401);
    }
    assert_eq!(looked_at, 10);
    server.stop().await;
}

#[tokio::test]
async fn guessing_over_many_accounts_blocks_a_stranger_altogether() {
    let server = office().await;
    let attacker = Datagrams::at(loopback(ATTACKER), server.udp());
    let beside = Datagrams::at(loopback(BESIDE), server.udp());
    let mut tries = 0;
    for user in 2000..2100 {
        let ask = Ask::register(&user.to_string());
        let Some(challenge) = attacker.ask_in_vain(&ask, &beside).await.pop() else { break };
        let wrong = ask.next().proving(&challenge, &user.to_string(), "guess");
        tries += attacker.ask_in_vain(&wrong, &beside).await.len();
    }
    assert_eq!(tries, 30);
    let list = blocked(&server).await;
    assert_eq!(list.len(), 1, "{list:?}");
    assert_eq!((list[0].address, list[0].account.as_deref()), (Network::from(loopback(ATTACKER)), None));
    // Also over a stream, which is closed at once.
    let mut stream = Stream::at(loopback(ATTACKER), server.tcp()).await;
    assert!(stream.ask(&Ask::register("1001")).await.is_none());
    server.stop().await;
}

#[tokio::test]
async fn an_office_with_a_guesser_inside_keeps_all_its_other_phones() {
    let server = office().await;
    let phone = Datagrams::at(loopback(OFFICE), server.udp());
    let guesser = Datagrams::at(loopback(OFFICE), server.udp());
    let beside = Datagrams::at(loopback(BESIDE), server.udp());
    assert_eq!(phone.prove(&Ask::register("1001"), "1001", "secret-of-1001").await.status(), 200);
    guess(&guesser, "1002").await;
    for user in 2000..2050 {
        let ask = Ask::register(&user.to_string());
        let challenge = guesser.ask(&ask).await;
        guesser.ask_in_vain(&ask.next().proving(&challenge, &user.to_string(), "guess"), &beside).await;
    }
    assert!(blocked(&server).await.iter().all(|block| block.account.is_some()), "the whole office was blocked");
    assert_eq!(phone.prove(&Ask::register("1001"), "1001", "secret-of-1001").await.status(), 200);
    server.stop().await;
}

#[tokio::test]
async fn failures_forged_in_the_name_of_an_office_block_nobody() {
    let server = office().await;
    // Who forges an address does not see our challenges: the nonces are invented, or were sent to the attacker.
    let attacker = Datagrams::at(loopback(ATTACKER), server.udp());
    let theirs = attacker.ask(&Ask::register("1001")).await;
    let forged = Datagrams::at(loopback(OFFICE), server.udp());
    for tries in 0..60 {
        let ask = Ask::register("1001");
        let answer = ask.answer("aW52ZW50ZWQgbm9uY2UgZm9yIGEgZm9yZ2VkIHNvdXJj", "1001", "guess", "00000001");
        let invented = ask.clone().with(&format!("Authorization: {answer}"));
        assert_eq!(forged.ask(&invented).await.status(), 401, "{tries}");
        assert_eq!(forged.ask(&ask.next().proving(&theirs, "1001", "guess")).await.status(), 401, "{tries}");
    }
    assert!(blocked(&server).await.is_empty());
    let phone = Datagrams::at(loopback(OFFICE), server.udp());
    assert_eq!(phone.prove(&Ask::register("1001"), "1001", "secret-of-1001").await.status(), 200);
    server.stop().await;
}

#[tokio::test]
async fn a_scanner_by_any_of_its_names_gets_no_answer_and_on_a_stream_is_blocked() {
    let server = office().await;
    let beside = Datagrams::at(loopback(BESIDE), server.udp());
    let names = ["friendly-scanner", "FRIENDLY-scanner", "sipcli/v1.8", "VaxSIPUserAgent/3.5", "pplsip", "sipvicious"];
    for (index, name) in names.into_iter().enumerate() {
        let scanner = Datagrams::at(loopback(ATTACKER + u8::try_from(index).unwrap()), server.udp());
        let ask = Ask::new("OPTIONS", "100", "sip:100@127.0.0.1").with(&format!("User-Agent: {name}"));
        assert!(scanner.ask_in_vain(&ask, &beside).await.is_empty(), "{name} was answered");
        let plain = Ask::new("OPTIONS", "100", "sip:100@127.0.0.1");
        assert_eq!(scanner.ask(&plain).await.status(), 200, "a datagram that may be forged blocks nobody");
        let mut stream = Stream::at(loopback(ATTACKER + u8::try_from(index).unwrap()), server.tcp()).await;
        stream.send(ask.text("TCP", scanner.local).as_bytes()).await;
        assert!(stream.ask(&plain).await.is_none(), "{name} was answered");
        assert!(scanner.ask_in_vain(&plain, &beside).await.is_empty(), "{name} is not blocked");
    }
    assert_eq!(blocked(&server).await.len(), names.len());
    server.stop().await;
}

#[tokio::test]
async fn the_list_of_scanners_and_the_addresses_never_to_block_are_live_settings() {
    let server = office().await;
    let never_block = vec!["127.0.0.66".parse().unwrap()];
    let settings = Settings { never_block, scanner_names: vec!["toaster".into()], ..Settings::default() };
    server.app.switchboard.ask(Command::ChangeSettings(settings)).await.unwrap();
    let spared = Datagrams::at(loopback(ATTACKER), server.udp());
    for _ in 0..40 {
        let ask = Ask::register("1001");
        assert_eq!(spared.prove(&ask, "1001", "guess").await.status(), 401);
    }
    let beside = Datagrams::at(loopback(BESIDE), server.udp());
    let ask = Ask::new("OPTIONS", "100", "sip:127.0.0.1");
    assert_eq!(beside.ask(&ask.clone().with("User-Agent: friendly-scanner")).await.status(), 200);
    let toaster = Datagrams::at(loopback(ATTACKER + 1), server.udp());
    assert!(toaster.ask_in_vain(&ask.with("User-Agent: Toaster/2"), &beside).await.is_empty());
    server.stop().await;
}

#[tokio::test]
async fn a_blocked_address_keeps_the_calls_it_has() {
    let server = office().await;
    let caller = Datagrams::at(loopback(OFFICE), server.udp());
    let callee = server.phone("1002").build().unwrap();
    callee.register(300, crate::support::SOON).await.unwrap();
    let invite = Ask::invite("1001", "1002");
    let challenge = caller.ask(&invite).await;
    let invite = invite.next().proving(&challenge, "1001", "secret-of-1001");
    assert_eq!(caller.ask(&invite).await.status(), 100);
    let bell = callee.incoming(crate::support::SOON).await.unwrap();
    bell.answer().unwrap();
    let mut ok = caller.hear().await;
    while ok.status() != 200 {
        ok = caller.hear().await;
    }
    let in_dialog = |method: &str, cseq: u32| {
        let mut ask = Ask { method: method.into(), cseq, body: String::new(), ..invite.clone() };
        ask.headers.clear();
        ask.to(ok.header("To").unwrap())
    };
    caller.send(in_dialog("ACK", invite.cseq).text("UDP", caller.local).as_bytes()).await;
    // Block the very account at the very address.
    guess(&caller, "1001").await;
    assert_eq!(blocked(&server).await.len(), 1);
    assert_eq!(caller.ask(&in_dialog("OPTIONS", 10)).await.status(), 200);
    assert_eq!(caller.ask(&in_dialog("BYE", 11)).await.status(), 200);
    bell.ended(crate::support::SOON).await.unwrap();
    server.stop().await;
}

#[tokio::test]
async fn a_block_survives_kill_9_is_listed_by_the_command_line_and_can_be_lifted_there() {
    let mut office = Installation::start().await;
    office.add("1001").await;
    let attacker = Datagrams::at(loopback(ATTACKER), office.udp);
    guess(&attacker, "1001").await;
    // The block is saved behind; a command is answered behind it.
    office.run(&["extension", "add", "1009"]).await;
    office.kill().await;
    office.serve().await;
    let list = office.run(&["blocklist", "list"]).await;
    let line = &list["blocked"][0];
    assert_eq!((line["address"].as_str(), line["account"].as_str()), (Some("127.0.0.66"), Some("1001")), "{list}");
    let ask = Ask::register("1001");
    let challenge = attacker.ask(&ask).await;
    let wrong = ask.next().proving(&challenge, "1001", "guess");
    assert_eq!(attacker.ask(&wrong).await.status(), 403);
    office.run(&["blocklist", "remove", "127.0.0.66"]).await;
    assert_eq!(attacker.prove(&Ask::register("1001"), "1001", "guess").await.status(), 401);
    let log = office.log();
    let failures: Vec<_> = log.lines().filter(|line| line.contains("authentication failed")).collect();
    assert!(failures.len() >= 10, "{log}");
    assert!(
        failures.iter().all(|line| line.contains("address=127.0.0.66") && line.contains("account=\"1001\"")),
        "{log}"
    );
    assert!(log.contains("address blocked") && !log.contains("guess-"), "{log}");
}

#[tokio::test]
async fn a_renewed_secret_frees_the_phone_that_kept_trying_the_old_one() {
    let office = Installation::start().await;
    office.add("1001").await;
    let phone = Datagrams::at(loopback(OFFICE), office.udp);
    guess(&phone, "1001").await;
    let secret = "a-new-secret-for-it";
    let body = serde_json::json!({ "secret": secret });
    let (status, answer) = office.api().ask(hyper::Method::POST, "/extensions/1001/secret", Some(&body)).await.unwrap();
    assert!(status.is_success(), "{answer}");
    assert_eq!(phone.prove(&Ask::register("1001"), "1001", secret).await.status(), 200);
}

#[tokio::test]
async fn a_flood_of_strangers_is_slowed_down_and_nobody_else_is() {
    let server = office().await;
    let flood = Datagrams::at(loopback(ATTACKER), server.udp());
    let beside = Datagrams::at(loopback(BESIDE), server.udp());
    let mut answered = 0;
    for _ in 0..40 {
        for _ in 0..50 {
            let ask = Ask::new("OPTIONS", "x", "sip:127.0.0.1");
            flood.send(ask.text("UDP", flood.local).as_bytes()).await;
        }
        beside.is_served().await;
        answered += flood.heard_so_far().len();
    }
    assert!((200..400).contains(&answered), "{answered} of 2000 were answered");
    let mut stream = Stream::at(loopback(ATTACKER), server.tcp()).await;
    let later: Heard = stream.ask(&Ask::register("1001")).await.expect("an answer on a stream");
    assert_eq!((later.status(), later.header("Retry-After")), (503, Some("5")));
    server.stop().await;
}
