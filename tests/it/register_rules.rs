//! Nobody takes another's place: what a phone may register, and what its Contact can never make the server do.

use nightbell::phone::{EventKind, Phone, Transport};
use pbx_core::model::{DeviceSummary, ExtensionNumber, Presence};
use pbx_core::switchboard::command::{Command, Reply};

use crate::support::SOON;
use crate::support::raw::{Ask, Datagrams, Heard, loopback};
use crate::support::server::TestServer;

async fn office() -> (TestServer, Datagrams) {
    let server = TestServer::start().await;
    for number in ["1001", "1002"] {
        server.add_extension(number, "Anna").await;
    }
    let phone = Datagrams::at(loopback(10), server.udp());
    (server, phone)
}

/// A proven REGISTER of 1001.
async fn proven(phone: &Datagrams, ask: &Ask) -> Heard {
    phone.prove(ask, "1001", "secret-of-1001").await
}

async fn devices(server: &TestServer, number: &str) -> Vec<DeviceSummary> {
    let number: ExtensionNumber = number.parse().unwrap();
    match server.app.switchboard.ask(Command::ShowExtension(number)).await {
        Ok(Reply::Extension(detail)) => detail.device_list,
        other => panic!("the server does not show {number}: {other:?}"),
    }
}

#[tokio::test]
async fn an_account_registers_its_own_number_and_no_other() {
    let (server, phone) = office().await;
    let other = Ask::register("1001").to("<sip:1002@127.0.0.1>");
    assert_eq!(proven(&phone, &other).await.status(), 403);
    let third_party = Ask::register("1001").from("<sip:1002@127.0.0.1>;tag=x");
    assert_eq!(proven(&phone, &third_party).await.status(), 403);
    assert!(devices(&server, "1002").await.is_empty() && devices(&server, "1001").await.is_empty());
    server.stop().await;
}

#[tokio::test]
async fn a_contact_that_points_elsewhere_or_at_ourselves_gets_its_calls_over_its_own_flow_only() {
    let (server, phone) = office().await;
    let caller = server.phone("1002").build().unwrap();
    caller.register(300, SOON).await.unwrap();
    let trap = Datagrams::at(loopback(77), server.udp());
    let (us, trap_port) = (server.udp(), trap.local.port());
    for contact in [
        format!("<sip:1002@{us}>"),
        format!("<sip:1001@{us}>"),
        "<sip:x@169.254.169.254>".to_owned(),
        "<sip:x@0.0.0.0>".to_owned(),
        "<sip:x@224.0.0.1>".to_owned(),
        format!("<sip:x@127.0.0.77:{trap_port}>"),
        "<sip:x@10.0.0.1;maddr=127.0.0.77;transport=udp>".to_owned(),
        format!("<sip:x@10.0.0.1:{trap_port};maddr=127.0.0.77>"),
    ] {
        let mut ask = Ask::register("1001").with("User-Agent: trap");
        ask.headers[0] =
            format!("Contact: {contact};+sip.instance=\"<urn:uuid:00000000-0000-0000-0000-000000000001>\"");
        assert_eq!(proven(&phone, &ask).await.status(), 200, "{contact}");
        let call = caller.call("1001", SOON).await.unwrap();
        let invite = phone.hear().await;
        assert!(invite.0.starts_with("INVITE "), "{contact}: {invite:?}");
        assert_eq!(call.cancel(SOON).await.unwrap(), nightbell::phone::CallEnd::Cancelled(None));
        phone.heard_so_far();
    }
    trap.is_served().await;
    assert!(trap.heard_so_far().is_empty(), "the server sent something to an address in a Contact");
    server.stop().await;
}

#[tokio::test]
async fn the_thirteenth_contact_is_refused_and_those_before_stay() {
    let (server, phone) = office().await;
    assert_eq!(proven(&phone, &Ask::register("1001")).await.status(), 200);
    let before = devices(&server, "1001").await.len();
    let mut many = Ask::register("1001");
    many.headers.clear();
    for port in 0..13 {
        many.headers.push(format!("Contact: <sip:1001@127.0.0.1:{}>", 6000 + port));
    }
    assert_eq!(proven(&phone, &many).await.status(), 403);
    assert_eq!(devices(&server, "1001").await.len(), before);
    // One after the other: the records stay bounded whatever comes.
    for number in 0..30 {
        let mut ask = Ask::register("1001");
        let instance = format!("<urn:uuid:00000000-0000-0000-0000-{number:012}>");
        ask.headers[0] = format!("Contact: <sip:1001@127.0.0.1:{}>;+sip.instance=\"{instance}\"", 6100 + number);
        assert!([200, 403].contains(&proven(&phone, &ask).await.status()));
        assert!(devices(&server, "1001").await.len() <= 12);
    }
    server.stop().await;
}

#[tokio::test]
async fn a_star_is_only_good_for_removing_everything() {
    let (server, phone) = office().await;
    assert_eq!(proven(&phone, &Ask::register("1001")).await.status(), 200);
    let star = |lines: &[&str]| {
        let mut ask = Ask::register("1001");
        ask.headers = lines.iter().map(|line| (*line).to_owned()).collect();
        ask
    };
    for lines in [
        &["Contact: *", "Expires: 60"][..],
        &["Contact: *"],
        &["Contact: *", "Contact: <sip:1001@127.0.0.1:5099>", "Expires: 0"],
        &["Contact: *, <sip:1001@127.0.0.1:5099>", "Expires: 0"],
    ] {
        assert_eq!(proven(&phone, &star(lines)).await.status(), 400, "{lines:?}");
    }
    assert!(devices(&server, "1001").await.iter().any(|device| device.presence == Presence::Registered));
    assert_eq!(proven(&phone, &star(&["Contact: *", "Expires: 0"])).await.status(), 200);
    server.stop().await;
}

#[tokio::test]
async fn odd_times_are_refused_clamped_or_taken_for_the_usual() {
    let (server, phone) = office().await;
    for (wish, status) in
        [("1", 423), ("59", 423), ("60", 200), ("86401", 200), ("4294967296", 200), ("-1", 200), ("abc", 200)]
    {
        let heard = proven(&phone, &Ask::register("1001").with(&format!("Expires: {wish}"))).await;
        assert_eq!(heard.status(), status, "{wish}: {heard:?}");
        if status == 423 {
            assert_eq!(heard.header("Min-Expires"), Some("60"));
            continue;
        }
        let contact = heard.header("Contact").unwrap();
        let granted: u32 = contact.rsplit("expires=").next().unwrap().parse().unwrap();
        assert!((60..=86_400).contains(&granted), "{wish}: {granted}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_register_that_was_overtaken_changes_nothing() {
    let (server, phone) = office().await;
    let first = Ask { cseq: 50, ..Ask::register("1001") };
    assert_eq!(proven(&phone, &first).await.status(), 200);
    let mut old = Ask { cseq: 7, ..first.clone() };
    old.headers.push("Expires: 0".to_owned());
    let heard = proven(&phone, &old).await;
    assert!([400, 500].contains(&heard.status()), "{heard:?}");
    let device = &devices(&server, "1001").await[0];
    assert!(device.presence == Presence::Registered, "{device:?}");
    server.stop().await;
}

#[tokio::test]
async fn push_parameters_that_could_change_a_push_are_refused() {
    let (server, phone) = office().await;
    let mut apns = server.apns().await;
    let long = "a".repeat(10 * 1024);
    for push in [
        "pn-provider=apns;pn-param=ABCD1234.com.example.voip;pn-prid=abc%0d%0aapns-topic:%20x",
        "pn-provider=apns;pn-param=../../x;pn-prid=..%2f..%2fx",
        "pn-provider=carrier-pigeon;pn-param=x;pn-prid=y",
        &format!("pn-provider=apns;pn-param={};pn-prid=abcd", &long[..2000]),
        &format!("pn-provider=apns;pn-param=ABCD1234.com.example.voip;pn-prid={}", &long[..4000]),
    ] {
        let mut ask = Ask::register("1001");
        ask.headers[0] = format!("Contact: <sip:1001@127.0.0.1:5099;{push}>");
        let heard = proven(&phone, &ask).await;
        assert!(![200].contains(&heard.status()) && heard.status() >= 400, "{push}: {heard:?}");
        assert!(devices(&server, "1001").await.iter().all(|device| device.wake_target.is_none()), "{push}");
    }
    let mut ask = Ask::register("1001");
    ask.headers[0] = format!("Contact: <sip:1001@127.0.0.1:5099;pn-provider=apns;pn-param={long};pn-prid=abcd>");
    let heard = phone.ask(&ask).await;
    assert_eq!(heard.status(), 400, "a line of 10 KiB is refused before anything is looked at: {heard:?}");
    assert_eq!(apns.accepted("voip"), 0);
    assert!(apns.standin.requests().is_empty(), "something reached the provider");
    let _ = &mut apns;
    server.stop().await;
}

#[tokio::test]
async fn who_registers_somebody_elses_token_gets_none_of_their_calls() {
    let (server, desk) = office().await;
    let mut apns = server.apns().await;
    server.add_extension("1003", "Caller").await;
    let tokens = apns.tokens();
    let app = |number: &str| {
        Phone::builder(server.tcp())
            .extension(number)
            .secret(format!("secret-of-{number}"))
            .transport(Transport::Tcp)
            .instance(uuid::Uuid::new_v4())
            .push_params(format!(";{}", tokens.params()))
            .build()
            .unwrap()
    };
    let (victim, thief) = (app("1002"), app("1001"));
    victim.register(300, SOON).await.unwrap();
    victim.unregister(SOON).await.unwrap();
    victim.background().await;
    thief.register(300, SOON).await.unwrap();
    drop(desk);
    let caller = server.phone("1003").build().unwrap();
    caller.register(300, SOON).await.unwrap();
    let call = caller.call("1002", SOON).await.unwrap();
    assert_eq!(apns.push(SOON).await.token, tokens.voip, "the owner is still woken");
    thief.register(300, SOON).await.unwrap();
    victim.wake(300, SOON).await.unwrap();
    let bell = victim.incoming(SOON).await.unwrap();
    bell.answer().unwrap();
    call.answered(SOON).await.unwrap();
    call.hang_up(SOON).await.unwrap();
    assert_eq!(thief.events().count("1001", |kind| matches!(kind, EventKind::CallArrived(_))), 0);
    server.stop().await;
}
