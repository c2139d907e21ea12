//! Every provider through a web proxy, and every trouble with one.

use std::net::SocketAddr;
use std::time::Duration;

use pbx_core::model::{PushProvider, Redacted, Verdict, WakeEvent, WakeKind, WakeTarget};
use tokio::net::TcpListener;

use super::faults::provider::{EVERYBODY, Scene, Who};
use super::log::Everything;
use super::office::{Office, fcm_target, gave_up, verdicts};
use crate::standin::{FaultyPeer, ProxyFault, ProxyStandin, WebPushStandin};
use crate::{EgressStep, NetworkCheck, NewCredential, NewWebProxy, SetWebProxyError};

/// A name that only the proxy knows.
const NAME: &str = "provider.test";
const USER: &str = "nightbell";
const PASSWORD: &str = "canary-of-the-web-proxy-7Q2";

fn setting(proxy: SocketAddr, account: Option<(&str, &str)>) -> NewWebProxy {
    let (username, password) = account.unwrap_or_default();
    NewWebProxy {
        host: proxy.ip().to_string(),
        port: Some(proxy.port()),
        username: username.to_owned(),
        password: Some(Redacted::new(password.to_owned())),
        without: Some(Vec::new()),
    }
}

async fn leave_through(office: &Office, proxy: &ProxyStandin) {
    office.gateway.set_web_proxy(setting(proxy.address(), None)).await.unwrap();
}

fn port(url: &str) -> u16 {
    url.rsplit(':').next().unwrap().parse().unwrap()
}

fn why(events: &[WakeEvent]) -> String {
    match events.last() {
        Some(WakeEvent::GaveUp { why, .. }) => why.clone(),
        Some(WakeEvent::Sent { .. } | WakeEvent::Answered { .. }) | None => panic!("{events:?}"),
    }
}

/// Waits for a check that was begun just now.
async fn checked(office: &Office) -> NetworkCheck {
    office.gateway.start_network_check();
    loop {
        match office.gateway.network_check() {
            Some(check) if check.finished_at.is_some() => return check,
            Some(_) | None => tokio::task::yield_now().await,
        }
    }
}

/// The steps that worked, and the code of the one that did not.
async fn way(office: &Office) -> (Vec<EgressStep>, &'static str) {
    let check = checked(office).await;
    let steps = &check.places.first().unwrap().steps;
    let good = steps.iter().filter(|step| step.ok).map(|step| step.step).collect();
    (good, steps.last().map_or("", |step| step.code))
}

#[tokio::test]
async fn every_provider_is_reached_through_the_proxy_which_looks_its_name_up_and_gets_our_account() {
    for who in EVERYBODY {
        let (mut office, peer) = (Office::open().await, FaultyPeer::start(who.takes()).await.unwrap());
        let proxy = ProxyStandin::start(Some((USER, PASSWORD))).await.unwrap();
        let place = port(&peer.url());
        proxy.lead(NAME, SocketAddr::from(([127, 0, 0, 1], place)));
        let url = format!("https://{NAME}:{place}");
        office.gateway.set_web_proxy(setting(proxy.address(), Some((USER, PASSWORD)))).await.unwrap();
        office.add(who.new_credential(&url, peer.ca_pem())).await;
        for kind in [WakeKind::Call, WakeKind::MissedCall] {
            if who == Who::WebPush && kind == WakeKind::MissedCall {
                // This phone gave no keys.
                continue;
            }
            let events = office.wake(kind, who.target(&url)).await;
            assert_eq!(verdicts(&events), [Verdict::Accepted], "{who:?}: {events:?}");
        }
        let asked = proxy.requests();
        assert!(!asked.is_empty() && peer.requests() > 0, "{who:?}");
        for request in asked {
            assert_eq!(
                (request.target.as_str(), request.status),
                (format!("{NAME}:{place}").as_str(), Some(200)),
                "{who:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_token_service_on_another_host_is_asked_through_the_proxy_too() {
    for who in [Who::Google, Who::Huawei] {
        let (mut office, peer) = (Office::open().await, FaultyPeer::start(who.takes()).await.unwrap());
        let proxy = ProxyStandin::start(None).await.unwrap();
        let place = port(&peer.url());
        proxy.lead(NAME, SocketAddr::from(([127, 0, 0, 1], place)));
        leave_through(&office, &proxy).await;
        let sends = format!("https://{NAME}:{place}");
        let new = match who.new_credential(&peer.url(), peer.ca_pem()) {
            NewCredential::Fcm(mut new) => {
                new.base_url = Some(sends.clone());
                NewCredential::Fcm(new)
            }
            NewCredential::Hms(mut new) => {
                new.base_url = Some(sends.clone());
                NewCredential::Hms(new)
            }
            NewCredential::Apns(_)
            | NewCredential::ApnsCertificate(_)
            | NewCredential::Webhook(_)
            | NewCredential::WebPush(_)
            | NewCredential::Acrobits(_) => unreachable!(),
        };
        office.add(new).await;
        let events = office.wake(WakeKind::Call, who.target(&sends)).await;
        assert_eq!(verdicts(&events), [Verdict::Accepted], "{who:?}: {events:?}");
        let mut targets: Vec<String> = proxy.requests().into_iter().map(|it| it.target).collect();
        targets.sort();
        targets.dedup();
        assert_eq!(targets, [format!("localhost:{place}"), format!("{NAME}:{place}")], "{who:?}");
    }
}

#[tokio::test]
async fn a_change_of_the_proxy_is_in_force_with_the_next_push_and_loses_none_on_the_wire() {
    let mut scene = Scene::of(Who::Apple).await;
    let first = ProxyStandin::start(None).await.unwrap();
    let second = ProxyStandin::start(None).await.unwrap();
    leave_through(&scene.office, &first).await;
    first.script(ProxyFault::Slow(Duration::from_millis(300)), 1);
    let request = scene.office.request(WakeKind::Call, scene.target.clone(), Duration::from_secs(30));
    let wake_id = request.wake_id;
    scene.office.send(request).await;
    first.saw(1).await;
    leave_through(&scene.office, &second).await;
    let events = scene.office.events_of(wake_id).await;
    assert_eq!(events.len(), 2, "one attempt, accepted on the old way: {events:?}");
    assert_eq!(verdicts(&events), [Verdict::Accepted]);
    assert!(second.requests().is_empty());
    let events = scene.office.wake(WakeKind::Call, scene.target.clone()).await;
    assert_eq!((verdicts(&events), second.requests().len()), (vec![Verdict::Accepted], 1));
    // Without one it goes straight, and the host that is excepted does so as well.
    scene.office.gateway.remove_web_proxy().await.unwrap();
    let events = scene.office.wake(WakeKind::Call, scene.target.clone()).await;
    assert_eq!(verdicts(&events), [Verdict::Accepted]);
    let excepted = NewWebProxy { without: Some(vec!["localhost".to_owned()]), ..setting(first.address(), None) };
    scene.office.gateway.set_web_proxy(excepted).await.unwrap();
    let events = scene.office.wake(WakeKind::Call, scene.target.clone()).await;
    assert_eq!(verdicts(&events), [Verdict::Accepted]);
    assert_eq!((first.requests().len(), second.requests().len(), scene.peer.connections()), (1, 1, 4));
}

#[tokio::test]
async fn a_wake_that_waits_behind_a_dead_proxy_leaves_through_the_one_that_takes_its_place() {
    let mut scene = Scene::of(Who::Google).await;
    let dead = ProxyStandin::start(None).await.unwrap();
    let good = ProxyStandin::start(None).await.unwrap();
    dead.script(ProxyFault::BlackHole, 100);
    leave_through(&scene.office, &dead).await;
    let request = scene.office.request(WakeKind::Call, scene.target.clone(), Duration::from_secs(30));
    let wake_id = request.wake_id;
    scene.office.send(request).await;
    dead.saw(1).await;
    leave_through(&scene.office, &good).await;
    let events = scene.office.events_of(wake_id).await;
    assert_eq!(verdicts(&events).last(), Some(&Verdict::Accepted), "{events:?}");
    assert_eq!(scene.peer.requests(), 1);
}

#[tokio::test]
async fn each_trouble_with_the_proxy_is_told_in_the_same_words_by_a_push_and_by_the_check() {
    let rows = [
        (ProxyFault::Answer(403), "proxy_forbidden", "forbids connections to localhost:"),
        (ProxyFault::Answer(407), "proxy_password", "asks for a user name and a password (407)"),
        (ProxyFault::Answer(502), "proxy_cannot_connect", "itself does not reach localhost:"),
        (ProxyFault::Answer(302), "proxy_refused", "refuses to connect to localhost:"),
        (ProxyFault::HangUp, "proxy_cut", "hangs up when it is asked"),
        (ProxyFault::BlackHole, "proxy_silent", "does not answer when it is asked"),
        (ProxyFault::HeaderFlood, "proxy_not_spoken", "does not answer as a web proxy does"),
        (ProxyFault::Resign, "tls_resigned", "issued by “Nightbell stand-in authority”"),
        (ProxyFault::CloseAmid, "tls_cut", "cut while it is being secured"),
    ];
    let rows = rows.into_iter().map(|(fault, code, words)| async move {
        let mut scene = Scene::of(Who::Apple).await;
        let proxy = ProxyStandin::start(None).await.unwrap();
        leave_through(&scene.office, &proxy).await;
        proxy.script(fault, 100);
        let (good, found) = way(&scene.office).await;
        let through = matches!(fault, ProxyFault::Resign | ProxyFault::CloseAmid);
        let mut steps = vec![EgressStep::Name, EgressStep::Connect];
        steps.extend(through.then_some(EgressStep::Proxy));
        assert_eq!((good, found), (steps, code), "{fault:?}");
        let text = scene.office.gateway.network_check().unwrap().places[0].steps.last().unwrap().text.clone();
        assert!(text.contains(words), "{fault:?}: {text}");
        let events = scene.office.wake(WakeKind::Call, scene.target.clone()).await;
        assert_eq!(gave_up(&events), Some("unreachable"), "{fault:?}: {events:?}");
        assert!(why(&events).contains(words), "{fault:?}: {}", why(&events));
        assert_eq!(scene.peer.requests(), 0, "{fault:?}");
    });
    super::faults::all(rows).await;
}

#[tokio::test]
async fn a_proxy_that_stutters_once_costs_a_repeat_and_no_push() {
    for fault in [ProxyFault::Answer(503), ProxyFault::HangUp, ProxyFault::CloseAmid] {
        let mut scene = Scene::of(Who::Apple).await;
        let proxy = ProxyStandin::start(None).await.unwrap();
        leave_through(&scene.office, &proxy).await;
        proxy.script(fault, 1);
        let events = scene.office.wake(WakeKind::Call, scene.target.clone()).await;
        assert_eq!(verdicts(&events).last(), Some(&Verdict::Accepted), "{fault:?}: {events:?}");
        assert_eq!((scene.peer.requests(), proxy.requests().len()), (1, 2), "{fault:?}");
    }
}

#[tokio::test]
async fn a_proxy_that_is_not_there_and_a_wrong_password_are_told_apart() {
    let mut scene = Scene::of(Who::Google).await;
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    scene.office.gateway.set_web_proxy(setting(closed, None)).await.unwrap();
    assert_eq!(way(&scene.office).await, (vec![EgressStep::Name], "proxy_unreachable"));
    let events = scene.office.wake(WakeKind::Call, scene.target.clone()).await;
    assert!(why(&events).contains("the web proxy is not reached"), "{events:?}");
    let nameless = NewWebProxy { host: "proxy.invalid".to_owned(), ..setting(closed, None) };
    scene.office.gateway.set_web_proxy(nameless).await.unwrap();
    assert_eq!(way(&scene.office).await, (vec![], "name_not_resolved"));
    let proxy = ProxyStandin::start(Some((USER, PASSWORD))).await.unwrap();
    scene.office.gateway.set_web_proxy(setting(proxy.address(), Some((USER, "another")))).await.unwrap();
    assert_eq!(way(&scene.office).await, (vec![EgressStep::Name, EgressStep::Connect], "proxy_password"));
    let text = scene.office.gateway.network_check().unwrap().places[0].steps.last().unwrap().text.clone();
    assert!(text.contains("does not accept the user name and password"), "{text}");
}

#[tokio::test]
async fn a_phone_cannot_make_the_proxy_ask_our_own_network() {
    let mut office = Office::open().await;
    let service = WebPushStandin::start().await.unwrap();
    let proxy = ProxyStandin::start(None).await.unwrap();
    leave_through(&office, &proxy).await;
    let NewCredential::WebPush(mut new) = service.new_credential() else { unreachable!() };
    new.allowed_hosts.clear();
    office.add(NewCredential::WebPush(new)).await;
    let named = |host: &str| WakeTarget {
        provider: PushProvider::WebPush,
        app_id: "push".to_owned(),
        call_token: Some(Redacted::new(format!("https://{host}/push/1"))),
        ..fcm_target()
    };
    for host in ["localhost", "127.0.0.1", "[::1]", "10.0.0.1", "169.254.169.254"] {
        let events = office.wake(WakeKind::Call, named(host)).await;
        assert!(matches!(verdicts(&events)[..], [Verdict::Refused { .. }]), "{host}: {events:?}");
    }
    // A name whose address is not known here is not left to the proxy, because the phone may command its DNS.
    proxy.lead("intranet.invalid", SocketAddr::from(([127, 0, 0, 1], 9)));
    let events = office.wake(WakeKind::Call, named("intranet.invalid")).await;
    assert_eq!(gave_up(&events), Some("unreachable"), "{events:?}");
    assert!(proxy.requests().is_empty(), "{:?}", proxy.requests());
    // An address of the internet may be asked, and a browser's push service by its name.
    proxy.script(ProxyFault::Answer(403), 100);
    for (host, target) in [("8.8.8.8", "8.8.8.8:443"), ("web.push.apple.com", "web.push.apple.com:443")] {
        office.wake(WakeKind::Call, named(host)).await;
        assert_eq!(proxy.requests().last().unwrap().target, target);
    }
}

#[tokio::test]
async fn the_setting_outlives_a_restart_and_its_password_shows_up_nowhere() {
    let everything = Everything::default();
    let _log = everything.clone().listen();
    let proxy = ProxyStandin::start(Some((USER, PASSWORD))).await.unwrap();
    let scene = Scene::of(Who::Apple).await;
    scene.office.gateway.set_web_proxy(setting(proxy.address(), Some((USER, PASSWORD)))).await.unwrap();
    let kept = NewWebProxy { password: None, ..setting(proxy.address(), Some((USER, ""))) };
    assert!(scene.office.gateway.set_web_proxy(kept).await.unwrap().has_password);
    let mut office = scene.office.restart().await;
    let events = office.wake(WakeKind::Call, scene.target.clone()).await;
    assert_eq!(verdicts(&events), [Verdict::Accepted], "{events:?}");
    assert!(proxy.requests().iter().all(|it| it.status == Some(200)) && !proxy.requests().is_empty());
    let shown = office.gateway.web_proxy().await.unwrap().unwrap();
    let mut places = format!("{shown:?} {}", serde_json::to_string(&shown).unwrap());
    proxy.script(ProxyFault::Answer(407), 100);
    places += &format!("{:?}", checked(&office).await);
    places += &format!("{:?}", office.gateway.health());
    // It is not given to another host, nor kept for one.
    let moved =
        NewWebProxy { host: "evil.example".to_owned(), password: None, ..setting(proxy.address(), Some((USER, ""))) };
    let refused = office.gateway.set_web_proxy(moved).await.unwrap_err();
    assert!(matches!(&refused, SetWebProxyError::Field(field) if field.field == "password"), "{refused:?}");
    places += &format!("{refused:?} {refused}");
    let basic = {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.encode(format!("{USER}:{PASSWORD}"))
    };
    assert!(everything.lines().len() > 10, "the log is heard");
    let mut stored = Vec::new();
    for file in std::fs::read_dir(office.dir.path()).unwrap() {
        let path = file.unwrap().path();
        if path.is_file() {
            stored.extend(std::fs::read(path).unwrap());
        }
    }
    for canary in [PASSWORD, basic.as_str()] {
        assert!(!places.contains(canary), "shown: {places}");
        assert!(!everything.lines().iter().any(|line| line.contains(canary)), "logged");
        assert!(!stored.windows(canary.len()).any(|window| window == canary.as_bytes()), "stored in plain text");
    }
}
