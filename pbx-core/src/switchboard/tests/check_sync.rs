//! "Fetch your settings again": the phone's word is the answer, and whoever challenges is answered with its own account.

use std::time::Duration;

use crate::model::SipUsername;
use crate::switchboard::command::{CheckSyncAnswer, CheckSyncEvent, Command, CommandError, Reply};

use super::world::{self, APP, DESK, World};

fn sync(of: &str) -> Command {
    let username: SipUsername = of.parse().unwrap();
    Command::CheckSync { username, event: CheckSyncEvent::WithoutRestart }
}

fn answered(world: &mut World) -> Option<CheckSyncAnswer> {
    let reply = world.try_reply()?;
    let Reply::CheckSync(answer) = reply else { panic!("{reply:?}") };
    Some(answer)
}

/// A refusal with a challenge.
fn challenge(world: &mut World, notify: &str, status: u16, challenge: &str) {
    let kept = notify
        .lines()
        .filter(|line| ["Via: ", "From: ", "To: ", "Call-ID: ", "CSeq: "].iter().any(|name| line.starts_with(name)));
    let kept: String = kept.map(|line| format!("{line}\r\n")).collect();
    let name = if status == 401 { "WWW-Authenticate" } else { "Proxy-Authenticate" };
    let text = format!("SIP/2.0 {status} Who Asks\r\n{kept}{name}: {challenge}\r\nContent-Length: 0\r\n\r\n");
    world.deliver(DESK, &text);
}

#[test]
fn the_phone_is_asked_over_its_own_flow_and_its_word_is_the_answer() {
    let mut world = World::new();
    world.register(DESK, 3600);
    world.register(APP, 3600);
    for status in [200, 202, 481, 489] {
        world.begin(sync(DESK));
        let notify = world.take_request(DESK, "NOTIFY sip:101@127.0.0.1:30101 ");
        assert_eq!(world::header(&notify, "Event"), "check-sync;reboot=false");
        assert_eq!(world::header(&notify, "Subscription-State"), "terminated;reason=noresource");
        assert!(!world::header(&notify, "To").contains(";tag="), "it belongs to no dialog: {notify}");
        assert_eq!(answered(&mut world), None, "before the phone has spoken");
        world.answer(DESK, &notify, status, "");
        assert_eq!(answered(&mut world), Some(CheckSyncAnswer::Answered(status)));
    }
    assert_eq!(world.try_take(APP), None, "nobody else is asked");
    world.pass(Duration::from_secs(40));
    assert!(world.is_empty(), "{:?}", world.leftovers());
}

#[test]
fn a_phone_that_is_not_registered_is_not_asked_and_an_unknown_account_is_named() {
    let mut world = World::new();
    let Reply::CheckSync(answer) = world.ask(sync(DESK)) else { panic!() };
    assert_eq!(answer, CheckSyncAnswer::NotRegistered);
    world.register(DESK, 3600);
    world.register(DESK, 0);
    let Reply::CheckSync(answer) = world.ask(sync(DESK)) else { panic!() };
    assert_eq!(answer, CheckSyncAnswer::NotRegistered, "it signed off");
    assert_eq!(world.try_take(DESK), None);
    assert!(matches!(world.refusal(sync("999")), CommandError::NoSuchCredential(_)));
}

#[test]
fn a_phone_that_keeps_silent_or_whose_connection_ends_gave_no_answer() {
    let mut world = World::new();
    world.register(DESK, 3600);
    world.register(APP, 3600);
    world.begin(sync(DESK));
    world.begin(sync(APP));
    world.lose_flow(APP);
    assert_eq!(answered(&mut world), Some(CheckSyncAnswer::NoAnswer));
    world.pass(Duration::from_secs(31));
    assert_eq!(answered(&mut world), None);
    world.pass(Duration::from_secs(2));
    assert_eq!(answered(&mut world), Some(CheckSyncAnswer::NoAnswer));
    assert_eq!(world.status().registered, 1, "silence costs nobody a registration");
    assert!(world.devices()[0].live_binding.as_ref().unwrap().suspect);
}

#[test]
fn a_phone_that_challenges_is_answered_once_with_its_own_account() {
    let mut world = World::new();
    world.register(DESK, 3600);
    world.begin(sync(DESK));
    let first = world.take_request(DESK, "NOTIFY");
    challenge(
        &mut world,
        &first,
        401,
        "Digest realm=\"nightbell\", nonce=\"abc\", qop=\"auth,auth-int\", opaque=\"o\"",
    );
    let second = world.take_request(DESK, "NOTIFY");
    let proof = world::header(&second, "Authorization");
    assert!(proof.starts_with("Digest username=\"101\", realm=\"nightbell\", nonce=\"abc\""), "{proof}");
    assert!(proof.contains("qop=auth, nc=00000001") && proof.ends_with("opaque=\"o\""), "{proof}");
    assert_eq!(world::header(&second, "CSeq"), "2 NOTIFY");
    assert_eq!(world::header(&second, "Call-ID"), world::header(&first, "Call-ID"));
    assert_ne!(world::header(&second, "Via"), world::header(&first, "Via"));
    challenge(&mut world, &second, 401, "Digest realm=\"nightbell\", nonce=\"def\", stale=true");
    assert_eq!(answered(&mut world), Some(CheckSyncAnswer::Challenged), "not for ever");
    world.begin(sync(DESK));
    let first = world.take_request(DESK, "NOTIFY");
    challenge(&mut world, &first, 407, "Digest realm=\"nightbell\", nonce=\"abc\"");
    let second = world.take_request(DESK, "NOTIFY");
    assert!(!world::header(&second, "Proxy-Authorization").is_empty());
    world.answer(DESK, &second, 200, "");
    assert_eq!(answered(&mut world), Some(CheckSyncAnswer::Answered(200)));
}

#[test]
fn a_challenge_for_another_realm_or_in_another_scheme_gets_no_proof() {
    let mut world = World::new();
    world.register(DESK, 3600);
    for wanted in [
        "Digest realm=\"elsewhere\", nonce=\"abc\"",
        "Digest realm=\"nightbell\", nonce=\"abc\", algorithm=SHA-512-256",
        "Digest realm=\"nightbell\", nonce=\"abc\", qop=\"auth-int\"",
        "Digest realm=\"nightbell\"",
        "Basic realm=\"nightbell\"",
        "Digest",
    ] {
        world.begin(sync(DESK));
        let notify = world.take_request(DESK, "NOTIFY");
        challenge(&mut world, &notify, 401, wanted);
        assert_eq!(world.try_take(DESK), None, "{wanted}");
        assert_eq!(answered(&mut world), Some(CheckSyncAnswer::Challenged), "{wanted}");
    }
}

#[test]
fn of_many_at_once_the_rest_is_told_to_wait() {
    let mut world = World::new();
    world.register(DESK, 3600);
    for _ in 0..64 {
        world.begin(sync(DESK));
    }
    assert_eq!(world.refusal(sync(DESK)), CommandError::Busy);
    world.pass(Duration::from_secs(40));
    for _ in 0..64 {
        assert_eq!(answered(&mut world), Some(CheckSyncAnswer::NoAnswer));
    }
    while world.try_take(DESK).is_some() {}
    world.begin(sync(DESK));
    world.take_request(DESK, "NOTIFY");
}

#[test]
fn a_search_for_a_configuration_that_is_said_to_everybody_gets_no_refusal() {
    let mut world = World::new();
    let text = |host: &str| {
        format!(
            "SUBSCRIBE sip:805EC0D57D72@{host} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:30101;branch=z9hG4bKpnp{}\r\n\
             From: <sip:805EC0D57D72@{host}>;tag=1\r\nTo: <sip:805EC0D57D72@{host}>\r\nCall-ID: pnp\r\n\
             CSeq: 1 SUBSCRIBE\r\nEvent: ua-profile;profile-type=\"device\"\r\nExpires: 0\r\nContent-Length: 0\r\n\r\n",
            host.len()
        )
    };
    world.deliver(DESK, &text("224.0.1.75"));
    assert_eq!(world.try_take(DESK), None);
    assert_eq!(world::status(&world.send(DESK, &text("127.0.0.1"))), 405);
}
