//! What the 200 to a REGISTER promises: Path, flows, push providers. And what is refused instead.

use crate::model::{PushOffer, PushPolicy, PushProvider, WakeKind};
use crate::switchboard::command::Command;

use super::world::{self, APP, DESK, World};

fn lines<'a>(text: &'a str, name: &str) -> Vec<&'a str> {
    text.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).collect()
}

fn with_lines(text: &str, more: &str) -> String {
    text.replacen("Expires:", &format!("{more}\r\nExpires:"), 1)
}

fn world_with_apns() -> World {
    let mut world = World::new();
    world.ask(Command::SetPushOffer(vec![PushProvider::Apns].into()));
    world
}

#[test]
fn the_provider_that_has_a_credential_is_named_and_another_is_not() {
    let mut world = world_with_apns();
    let ok = world.register_as(APP, |text| text);
    let caps = lines(&ok, "Feature-Caps");
    assert_eq!(caps.len(), 1, "{ok}");
    assert!(caps[0].starts_with("*;+sip.pns=\"apns\";+sip.pnspurr=\""), "{caps:?}");
    world.ask(Command::SetPushOffer(Vec::new().into()));
    let ok = world.register_as(APP, |text| text);
    assert_eq!(lines(&ok, "Feature-Caps"), [] as [&str; 0]);
    let none = world.register_as(DESK, |text| text);
    assert_eq!(lines(&none, "Feature-Caps"), [] as [&str; 0], "a desk phone did not ask");
}

#[test]
fn an_app_that_asks_for_web_push_gets_the_key_to_subscribe_with() {
    let mut world = World::new();
    let providers = vec![PushProvider::Apns, PushProvider::WebPush];
    world.ask(Command::SetPushOffer(PushOffer { providers, vapid_key: Some("BCVx".into()), ..PushOffer::default() }));
    let ask = |text: String| text.replace("pn-provider=apns", "pn-provider=webpush").replace("pn-prid", "pn-other");
    let ok = world.register_as(APP, ask);
    assert_eq!(lines(&ok, "Feature-Caps"), ["*;+sip.pns=\"webpush\";+sip.vapid=\"BCVx\""], "{ok}");
    let ok = world.register_as(APP, |text| text);
    assert!(!ok.contains("vapid"), "an app of Apple's has no use for it: {ok}");
}

#[test]
fn a_question_lists_all_providers_and_teaches_no_token() {
    let mut world = World::new();
    world.ask(Command::SetPushOffer(vec![PushProvider::Apns, PushProvider::Fcm].into()));
    let ask = |text: String| {
        text.replace(";pn-provider=apns;pn-param=TEAM123456.com.example.app.voip;pn-prid=abcd1234", ";pn-provider")
    };
    let ok = world.register_as(APP, ask);
    assert_eq!(lines(&ok, "Feature-Caps"), ["*;+sip.pns=\"apns\"", "*;+sip.pns=\"fcm\""]);
    assert_eq!(world.devices()[0].wake_target, None);
}

#[test]
fn an_unknown_provider_is_refused_with_555_and_nothing_is_bound() {
    let mut world = world_with_apns();
    let refused = world.register_as(APP, |text| text.replace("pn-provider=apns", "pn-provider=adm"));
    assert!(refused.starts_with("SIP/2.0 555 Push Notification Service Not Supported"), "{refused}");
    assert!(world.devices().is_empty());
}

#[test]
fn the_wish_for_renewals_is_granted_under_rfc8599_only() {
    let mut world = world_with_apns();
    let helpless = |text: String| {
        let text = text.replace("app.voip;pn-prid=abcd1234", "app.voip&remote;pn-prid=abcd1234:voip&ef01:remote");
        text.replace(";+sip.instance", ";+sip.pnsreg;+sip.instance")
    };
    let ok = world.register_as(APP, helpless);
    assert!(!ok.contains("pnsreg=\"130\""), "{ok}");
    let device = world.devices()[0].id;
    world.ask(Command::SetPushPolicy { device, policy: PushPolicy::Rfc8599 });
    let ok = world.register_as(APP, helpless);
    assert!(ok.contains("*;+sip.pns=\"apns\";+sip.pnsreg=\"130\";"), "{ok}");
    world.pass(std::time::Duration::from_secs(3600 - 125));
    let wake = world.take_wake(WakeKind::Refresh);
    assert_eq!(wake.call, None);
    world.pass(std::time::Duration::from_secs(124));
    assert!(world.wakes().is_empty(), "one push for one renewal");
}

#[test]
fn a_path_is_given_back_and_becomes_the_route() {
    let mut world = World::new();
    world.register(DESK, 3600);
    let path = "Path: <sip:edge.example;lr>\r\nSupported: path";
    let ok = world.register_as(APP, |text| with_lines(&text, path));
    assert_eq!(lines(&ok, "Path"), ["<sip:edge.example;lr>"]);
    world.call(DESK, APP);
    let invite = world.take_request(APP, "INVITE");
    assert_eq!(lines(&invite, "Route"), ["<sip:edge.example;lr>"]);
    assert!(!invite.contains("pn-"), "{invite}");
}

#[test]
fn a_path_the_phone_does_not_know_of_is_refused_unless_the_proxy_insists() {
    let mut world = World::new();
    let refused = world.register_as(APP, |text| with_lines(&text, "Path: <sip:edge.example;lr>"));
    assert!(refused.starts_with("SIP/2.0 420 "), "{refused}");
    assert_eq!(
        (lines(&refused, "Unsupported"), lines(&refused, "Path")),
        (vec!["path"], vec!["<sip:edge.example;lr>"])
    );
    assert!(world.devices().is_empty());
    let ok = world.register_as(APP, |text| with_lines(&text, "Path: <sip:edge.example;lr>\r\nRequire: path"));
    assert_eq!(world::status(&ok), 200, "{ok}");
}

#[test]
fn a_phone_with_flows_is_told_how_often_to_keep_them_alive() {
    let mut world = World::new();
    let flows = |text: String| {
        with_lines(&text, "Supported: path, outbound").replace(";+sip.instance", ";reg-id=1;+sip.instance")
    };
    for (phone, seconds) in [(APP, "120"), (DESK, "28")] {
        let ok = world.register_as(phone, flows);
        assert_eq!((lines(&ok, "Require"), lines(&ok, "Flow-Timer")), (vec!["outbound"], vec![seconds]));
    }
    let plain = world.register_as(APP, |text| text.replace(";+sip.instance", ";reg-id=1;+sip.instance"));
    assert_eq!(lines(&plain, "Require"), [] as [&str; 0], "reg-id without support for flows says nothing");
}

#[test]
fn flows_behind_a_proxy_that_does_not_keep_them_are_refused_with_439() {
    let mut world = World::new();
    let refused = world.register_as(APP, |text| {
        let text = text.replacen("Max-Forwards", "Via: SIP/2.0/UDP 10.0.0.9;branch=z9hG4bKfar\r\nMax-Forwards", 1);
        with_lines(&text, "Supported: path, outbound").replace(";+sip.instance", ";reg-id=1;+sip.instance")
    });
    assert!(refused.starts_with("SIP/2.0 439 First Hop Lacks Outbound Support"), "{refused}");
}

#[test]
fn a_short_wish_is_refused_with_the_shortest_time() {
    let mut world = World::new();
    let refused = world.register_as(APP, |text| text.replace("Expires: 3600", "Expires: 5"));
    assert!(refused.starts_with("SIP/2.0 423 Interval Too Brief"), "{refused}");
    assert_eq!(lines(&refused, "Min-Expires"), ["60"]);
}

#[test]
fn a_push_says_whether_the_caller_offers_video() {
    for (line, offered) in [("m=video 9078 RTP/AVP 96\r\n", true), ("m=video 0 RTP/AVP 96\r\n", false), ("", false)] {
        let mut world = World::new();
        world.register(DESK, 3600);
        world.register(APP, 3600);
        world.lose_flow(APP);
        let length = |bytes: usize| format!("Content-Length: {bytes}");
        world.call_changed(DESK, APP, |text| {
            text.replace(&length(world::SDP.len()), &length(world::SDP.len() + line.len())) + line
        });
        assert_eq!(world.take_wake(WakeKind::Call).has_video, offered, "{line}");
    }
}
