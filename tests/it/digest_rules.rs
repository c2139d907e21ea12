//! A right secret opens once and only for what it was given for; whatever else is sent as an answer opens nothing.

use pbx_core::model::Settings;
use pbx_core::switchboard::command::{Command, Reply};

use crate::support::installation::Installation;
use crate::support::raw::{Ask, Datagrams, Heard, loopback};
use crate::support::server::TestServer;

const SECRET: &str = "secret-of-1001";

async fn office() -> TestServer {
    let server = TestServer::start().await;
    server.add_extension("1001", "Anna").await;
    server
}

/// How many phones are registered.
async fn registered(server: &TestServer) -> usize {
    match server.app.switchboard.ask(Command::Status).await {
        Ok(Reply::Status(status)) => status.registered,
        other => panic!("the server does not say how it is: {other:?}"),
    }
}

fn challenges_anew(heard: &Heard) -> bool {
    heard.status() == 401 && !heard.is_stale()
}

#[tokio::test]
async fn a_register_that_is_sent_a_second_time_from_anywhere_binds_nothing() {
    let server = office().await;
    let phone = Datagrams::at(loopback(10), server.udp());
    let ask = Ask::register("1001");
    let challenge = phone.ask(&ask).await;
    let proof = ask.next().proving(&challenge, "1001", SECRET);
    assert_eq!(phone.ask(&proof).await.status(), 200);
    let goodbye = Ask::register("1001").with("Expires: 0");
    assert_eq!(phone.prove(&goodbye, "1001", SECRET).await.status(), 200);
    let replayed = Ask { cseq: proof.cseq + 1, ..proof };
    let again = phone.ask(&replayed).await;
    assert!(again.status() == 401 && again.is_stale(), "{again:?}");
    let thief = Datagrams::at(loopback(66), server.udp());
    assert_eq!(thief.ask(&replayed).await.status(), 401);
    assert_eq!(registered(&server).await, 0);
    server.stop().await;
}

#[tokio::test]
async fn counts_that_no_phone_sends_are_refused_and_skipped_ones_are_taken() {
    let server = office().await;
    let phone = Datagrams::at(loopback(10), server.udp());
    let ask = Ask::register("1001");
    let challenge = phone.ask(&ask).await;
    let mut cseq = 1;
    let mut status = async |nc: &str| {
        cseq += 1;
        let proof = Ask { cseq, ..ask.clone() }.proving_with(&challenge, "1001", SECRET, nc);
        phone.ask(&proof).await.status()
    };
    assert_eq!(status("00000005").await, 200, "four were lost on the way");
    assert_eq!(status("00000003").await, 200, "one comes late");
    assert_eq!(status("00000003").await, 401, "and a second time");
    assert_eq!(status("00000100").await, 401, "far ahead");
    for odd in ["00000000", "100000000", "-1", "abc", ""] {
        assert_eq!(status(odd).await, 401, "{odd}");
    }
    server.stop().await;
}

#[tokio::test]
async fn an_answer_without_count_or_client_nonce_is_refused() {
    let server = office().await;
    let phone = Datagrams::at(loopback(10), server.udp());
    for part in ["nc=00000001, ", "cnonce=\"c\"", "response=", "uri=", "nonce=", "username="] {
        let ask = Ask::register("1001");
        let challenge = phone.ask(&ask).await;
        let mut proof = ask.next().proving(&challenge, "1001", SECRET);
        let line = proof.headers.pop().unwrap();
        let without = line.replacen(part, &format!("x-{part}"), 1);
        assert_ne!(line, without);
        let heard = phone.ask(&proof.with(&without)).await;
        assert!(challenges_anew(&heard), "{part}: {heard:?}");
    }
    server.stop().await;
}

#[tokio::test]
async fn an_invented_nonce_opens_nothing_although_the_secret_is_right() {
    let server = office().await;
    let phone = Datagrams::at(loopback(10), server.udp());
    for nonce in ["", "x", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", &"A".repeat(4000)] {
        let ask = Ask::register("1001");
        let answer = ask.answer(nonce, "1001", SECRET, "00000001");
        let heard = phone.ask(&ask.with(&format!("Authorization: {answer}"))).await;
        assert_eq!(heard.status(), 401, "{heard:?}");
    }
    assert_eq!(registered(&server).await, 0);
    server.stop().await;
}

#[tokio::test]
async fn an_answer_for_another_address_opens_nothing() {
    let server = office().await;
    let phone = Datagrams::at(loopback(10), server.udp());
    let ask = Ask::register("1001");
    let challenge = phone.ask(&ask).await;
    let mut proof = ask.next().proving(&challenge, "1001", SECRET);
    proof.uri = "sip:localhost".to_owned();
    assert!(challenges_anew(&phone.ask(&proof).await));
    let as_invite = Ask { method: "INVITE".into(), ..proof };
    assert_eq!(phone.ask(&as_invite).await.status(), 407);
    server.stop().await;
}

#[tokio::test]
async fn md5_opens_nothing_when_it_is_switched_off() {
    let server = office().await;
    let phone = Datagrams::at(loopback(10), server.udp());
    let ask = Ask::register("1001");
    let challenge = phone.ask(&ask).await;
    let settings = Settings { allow_md5: false, ..Settings::default() };
    server.app.switchboard.ask(Command::ChangeSettings(settings)).await.unwrap();
    let heard = phone.ask(&ask.next().proving(&challenge, "1001", SECRET)).await;
    assert!(challenges_anew(&heard) && heard.0.contains("SHA-256") && !heard.0.contains("MD5"), "{heard:?}");
    server.stop().await;
}

#[tokio::test]
async fn hostile_names_and_realms_are_refused_and_the_phone_beside_is_served() {
    let server = office().await;
    let phone = Datagrams::at(loopback(10), server.udp());
    let hostile = [
        r#"username="10\"01""#.to_owned(),
        r#"username="1001\\""#.to_owned(),
        "username=\"1001' OR '1'='1\"".to_owned(),
        "username=\"\u{1f98a}\"".to_owned(),
        format!("username=\"{}\"", "1".repeat(7000)),
    ];
    for name in &hostile {
        let ask = Ask::register("1001");
        let challenge = phone.ask(&ask).await;
        let mut proof = ask.next().proving(&challenge, "1001", SECRET);
        let line = proof.headers.pop().unwrap().replacen("username=\"1001\"", name, 1);
        let heard = phone.ask(&proof.with(&line)).await;
        assert!([400, 401].contains(&heard.status()), "{name}: {heard:?}");
    }
    for realm in [r#"realm="night\"bell""#, "realm=\"\"", "realm=\"other\""] {
        let ask = Ask::register("1001");
        let challenge = phone.ask(&ask).await;
        let mut proof = ask.next().proving(&challenge, "1001", SECRET);
        let line = proof.headers.pop().unwrap().replacen("realm=\"nightbell\"", realm, 1);
        assert_eq!(phone.ask(&proof.with(&line)).await.status(), 401, "{realm}");
    }
    let beside = Datagrams::at(loopback(11), server.udp());
    assert_eq!(beside.prove(&Ask::register("1001"), "1001", SECRET).await.status(), 200);
    server.stop().await;
}

#[tokio::test]
async fn an_answer_for_another_realm_beside_ours_does_no_harm() {
    let server = office().await;
    let phone = Datagrams::at(loopback(10), server.udp());
    let foreign = "Authorization: Digest username=\"x\", realm=\"elsewhere\", nonce=\"n\", uri=\"sip:127.0.0.1\", \
                   response=\"00000000000000000000000000000000\"";
    for ours_first in [false, true] {
        let ask = Ask::register("1001");
        let challenge = phone.ask(&ask).await;
        let mut proof = ask.next().proving(&challenge, "1001", SECRET);
        let at = if ours_first { proof.headers.len() } else { 0 };
        proof.headers.insert(at, foreign.to_owned());
        assert_eq!(phone.ask(&proof).await.status(), 200);
    }
    server.stop().await;
}

#[tokio::test]
async fn after_a_restart_a_phone_goes_on_without_asking_anybody_for_the_secret() {
    let mut office = Installation::start().await;
    let secret = office.add("1001").await;
    let phone = Datagrams::at(loopback(10), office.udp);
    let ask = Ask::register("1001");
    let challenge = phone.ask(&ask).await;
    assert_eq!(phone.ask(&ask.next().proving(&challenge, "1001", &secret)).await.status(), 200);
    office.kill().await;
    office.serve().await;
    let refresh = ask.next().next().proving_with(&challenge, "1001", &secret, "00000002");
    let stale = phone.ask(&refresh).await;
    assert!(stale.status() == 401 && stale.is_stale(), "{stale:?}");
    assert_eq!(phone.ask(&refresh.next().proving(&stale, "1001", &secret)).await.status(), 200);
    // Who does not know the secret is not told that only the nonce was old.
    let wrong = Ask::register("1001").proving_with(&challenge, "1001", "guess", "00000003");
    assert!(challenges_anew(&phone.ask(&wrong).await));
}
