use std::sync::atomic::{AtomicI64, Ordering};

use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::{Method, Request, StatusCode};
use std::net::SocketAddr;
use tower::ServiceExt as _;

mod asking;
mod factory;
mod password;
mod templates;
mod upgrade;

use super::*;
use crate::desk_phone::Vendor;
use crate::fixture::{Fixture, START, extension, logged};
use crate::link::LinkToken;

const MAC: &str = "805ec0d57d72";
const AGENT: &str = "Yealink SIP-T46S 66.86.0.15 80:5e:c0:d5:7d:72";
const OFFICE: &str = "192.0.2.1:40000";

struct Desk {
    phones: DeskPhones,
    fixture: Fixture,
    clock: Arc<AtomicI64>,
}

impl Desk {
    async fn new() -> Self {
        let fixture = Fixture::new().await;
        let clock = Arc::new(AtomicI64::new(START));
        let phones = Self::open(&fixture, &clock).await;
        Self { phones, fixture, clock }
    }

    async fn open(fixture: &Fixture, clock: &Arc<AtomicI64>) -> DeskPhones {
        let reading = Arc::clone(clock);
        let read: Clock = Box::new(move || UnixMillis(reading.load(Ordering::SeqCst)));
        let pem: OwnCertificate = Box::new(|| Some("-----BEGIN CERTIFICATE-----".into()));
        let phones = DeskPhones::with_clock(&fixture.enrolments, pem, read);
        phones.load().await.unwrap();
        phones
    }

    async fn restarted(mut self) -> Self {
        self.phones.flush().await.unwrap();
        self.phones = Self::open(&self.fixture, &self.clock).await;
        self
    }

    fn pass(&self, time: Duration) {
        self.clock.fetch_add(i64::try_from(time.as_millis()).unwrap(), Ordering::SeqCst);
    }

    async fn add(&self) -> String {
        let first = self.phones.add(new(Vendor::Yealink, "T46S", MAC)).await.unwrap();
        folder(first.url.reveal())
    }

    async fn ask(&self, method: Method, path: &str, agent: &str, from: &str) -> (StatusCode, String) {
        self.ask_showing(None, (method, path), agent, from).await
    }

    /// The same at the port where factory certificates are asked for.
    async fn ask_showing(
        &self,
        shown: Option<Shown>,
        (method, path): (Method, &str),
        agent: &str,
        from: &str,
    ) -> (StatusCode, String) {
        let mut request =
            Request::builder().method(method).uri(path).header("user-agent", agent).body(Body::empty()).unwrap();
        if let Some(shown) = shown {
            request.extensions_mut().insert(shown);
        }
        request.extensions_mut().insert(ConnectInfo(from.parse::<SocketAddr>().unwrap()));
        let response = self.phones.routes().oneshot(request).await.unwrap();
        let status = response.status();
        let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    async fn get(&self, path: &str) -> (StatusCode, String) {
        self.ask(Method::GET, path, AGENT, OFFICE).await
    }

    fn progress(&self) -> Progress {
        self.phones.get(MAC.parse().unwrap()).unwrap().progress
    }
}

fn new(vendor: Vendor, model: &str, mac: &str) -> NewDeskPhone {
    let phone = DeskPhone { mac: mac.parse().unwrap(), vendor, model: model.parse().unwrap() };
    NewDeskPhone { phone, extension: extension(), label: "Reception".into() }
}

/// The path below `/d` of an address.
fn folder(url: &str) -> String {
    let (_, path) = url.split_once("/d/").unwrap();
    format!("/{}", path.trim_end_matches('/'))
}

fn setting<'a>(text: &'a str, key: &str) -> &'a str {
    let start = format!("{key} = ");
    text.lines().find_map(|line| line.strip_prefix(start.as_str())).unwrap()
}

fn next(text: &str) -> String {
    folder(setting(text, "static.auto_provision.server.url"))
}

#[tokio::test]
async fn a_phone_moves_to_its_own_address_and_the_first_one_closes() {
    let desk = Desk::new().await;
    let first = desk.add().await;
    assert_eq!(desk.progress(), Progress::Waiting);
    assert_eq!(desk.get(&format!("{first}/y000000000000.boot")).await.0, StatusCode::NOT_FOUND);
    assert_eq!(desk.get(&format!("{first}/{MAC}.boot")).await.0, StatusCode::OK);
    assert!(desk.fixture.accounts.names().is_empty(), "the account is made with the first settings");
    let (status, told) = desk.get(&format!("{first}/{MAC}.cfg")).await;
    assert_eq!((status, desk.progress()), (StatusCode::OK, Progress::Told));
    let credential = desk.fixture.accounts.one();
    let (md5, _) = pbx_core::sip::digest::ha1(
        credential.username.as_str(),
        crate::fixture::REALM,
        setting(&told, "account.1.password"),
    );
    assert!(credential.md5 == md5, "the phone was told the secret of its account");
    // Power fails before the phone has understood: it comes by the first address again, and is told the same.
    assert_eq!(desk.get(&format!("{first}/{MAC}.cfg")).await, (StatusCode::OK, told.clone()));
    let own = next(&told);
    assert_ne!(own, first);
    let (status, again) = desk.get(&format!("{own}/{MAC}.cfg")).await;
    assert_eq!((status, next(&again), desk.progress()), (StatusCode::OK, own.clone(), Progress::Settled));
    assert_eq!(setting(&again, "account.1.password"), setting(&told, "account.1.password"));
    assert_eq!(desk.get(&format!("{first}/{MAC}.cfg")).await.0, StatusCode::NOT_FOUND);
    assert_eq!(desk.fixture.accounts.puts.lock().unwrap().len(), 1, "one account was minted");
    let desk = desk.restarted().await;
    assert_eq!(desk.get(&format!("{own}/{MAC}.cfg")).await, (StatusCode::OK, again));
    assert_eq!(desk.get(&format!("{first}/{MAC}.cfg")).await.0, StatusCode::NOT_FOUND);
    let log = logged();
    for secret in [&first, &own] {
        assert!(!log.contains(secret.trim_matches('/')), "no token is logged");
    }
}

#[tokio::test]
async fn a_rotated_address_closes_only_when_the_phone_has_followed() {
    let desk = Desk::new().await;
    let first = desk.add().await;
    let mac = MAC.parse().unwrap();
    assert!(matches!(desk.phones.rotate(mac).await, Err(DeskPhonesError::NotSettled(_))));
    let own = next(&desk.get(&format!("{first}/{MAC}.cfg")).await.1);
    let _settled = desk.get(&format!("{own}/{MAC}.cfg")).await;
    desk.phones.rotate(mac).await.unwrap();
    assert_eq!(desk.progress(), Progress::Rotating);
    let rotated = next(&desk.get(&format!("{own}/{MAC}.cfg")).await.1);
    assert_ne!(rotated, own);
    assert_eq!(next(&desk.get(&format!("{own}/{MAC}.cfg")).await.1), rotated);
    // It may have heard that one, so a second order makes no other.
    desk.phones.rotate(mac).await.unwrap();
    assert_eq!(next(&desk.get(&format!("{own}/{MAC}.cfg")).await.1), rotated);
    // A reset phone's new first address disturbs nobody either.
    let reset = folder(desk.phones.renew_address(mac).await.unwrap().url.reveal());
    assert_eq!(desk.get(&format!("{own}/{MAC}.cfg")).await.0, StatusCode::OK);
    assert_eq!(next(&desk.get(&format!("{reset}/{MAC}.cfg")).await.1), rotated);
    assert_eq!(desk.get(&format!("{rotated}/{MAC}.cfg")).await.0, StatusCode::OK);
    for closed in [&first, &own, &reset] {
        assert_eq!(desk.get(&format!("{closed}/{MAC}.cfg")).await.0, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn looking_mints_nothing_and_other_phones_get_nothing() {
    let desk = Desk::new().await;
    let first = desk.add().await;
    let settings = format!("{first}/{MAC}.cfg");
    assert_eq!(desk.ask(Method::HEAD, &settings, AGENT, OFFICE).await.0, StatusCode::OK);
    assert_eq!(desk.ask(Method::PUT, &settings, AGENT, OFFICE).await.0, StatusCode::METHOD_NOT_ALLOWED);
    for (path, agent) in [
        (format!("{first}/805ec0d57d73.cfg"), AGENT),
        (settings.clone(), "Yealink SIP-T46S 66.86.0.15 80:5e:c0:d5:7d:73"),
        (settings.clone(), "Fanvil X4 2.10.2.6887 805ec0d57d72"),
        (format!("{first}/..%2f{MAC}.cfg"), AGENT),
        (format!("/{MAC}.cfg"), AGENT),
    ] {
        assert_eq!(
            desk.ask(Method::GET, &path, agent, OFFICE).await,
            (StatusCode::NOT_FOUND, String::new()),
            "{agent}"
        );
    }
    assert!(desk.fixture.accounts.names().is_empty() && desk.progress() == Progress::Waiting);
    assert!(desk.phones.get(MAC.parse().unwrap()).unwrap().last_fetch.unwrap().told.contains("another phone"));
    desk.pass(FIRST_LIVES);
    assert_eq!(desk.get(&settings).await.0, StatusCode::NOT_FOUND);
    assert_eq!(desk.progress(), Progress::RanOut);
}

#[tokio::test]
async fn a_mac_opens_nothing_outside_the_window_and_within_it_for_one_phone_only() {
    let desk = Desk::new().await;
    let _first = desk.add().await;
    let mac = MAC.parse().unwrap();
    let plain = format!("/{MAC}.cfg");
    assert_eq!(desk.get(&plain).await.0, StatusCode::NOT_FOUND);
    assert!(desk.phones.set_window(mac, true).unwrap().pairing_until.is_some());
    for agent in [
        "",
        "curl/8.5.0",
        "Yealink SIP-T41S 66.86.0.15 80:5e:c0:d5:7d:72",
        "Yealink SIP-T46S 66.86.0.15 80:5e:c0:d5:7d:73",
    ] {
        assert_eq!(desk.ask(Method::GET, &plain, agent, OFFICE).await.0, StatusCode::NOT_FOUND, "{agent}");
    }
    let (status, told) = desk.get(&plain).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(desk.ask(Method::GET, &plain, AGENT, "198.51.100.7:1").await.0, StatusCode::NOT_FOUND, "one phone");
    assert_eq!(desk.get(&plain).await.0, StatusCode::OK, "the same phone may try again");
    assert_eq!(desk.get(&format!("{}/{MAC}.cfg", next(&told))).await.0, StatusCode::OK);
    assert_eq!(desk.get(&plain).await.0, StatusCode::NOT_FOUND, "the phone has its own address");
    desk.phones.set_window(mac, true).unwrap();
    desk.pass(WINDOW);
    assert_eq!(desk.get(&plain).await.0, StatusCode::NOT_FOUND, "the window is over");
}

#[tokio::test]
async fn guessing_yields_nothing_is_slowed_and_spares_the_phones_behind_the_same_address() {
    let desk = Desk::new().await;
    let first = desk.add().await;
    let own = next(&desk.get(&format!("{first}/{MAC}.cfg")).await.1);
    let (mut unknown, mut slowed) = (0, 0);
    for n in 0..10_000u32 {
        let mac = format!("805ec0{n:06x}");
        let token = LinkToken::from_random([u8::try_from(n % 251).unwrap(); 32]).reveal();
        for path in [format!("/{mac}.cfg"), format!("/{token}/{mac}.cfg")] {
            let agent = format!("Yealink SIP-T46S 66.86.0.15 {mac}");
            match desk.ask(Method::GET, &path, &agent, OFFICE).await {
                (StatusCode::NOT_FOUND, body) if body.is_empty() => unknown += 1,
                (StatusCode::TOO_MANY_REQUESTS, body) if body.is_empty() => slowed += 1,
                other => panic!("{path}: {other:?}"),
            }
        }
    }
    assert_eq!((unknown, slowed), (crate::throttle::MISSES, 20_000 - crate::throttle::MISSES));
    assert_eq!(desk.get(&format!("{own}/{MAC}.cfg")).await.0, StatusCode::OK, "the office goes on");
}

#[tokio::test]
async fn removing_a_phone_logs_it_out_and_a_wrong_phone_is_refused() {
    let desk = Desk::new().await;
    let first = desk.add().await;
    let mac: Mac = MAC.parse().unwrap();
    let _told = desk.get(&format!("{first}/{MAC}.cfg")).await;
    assert_eq!(desk.fixture.accounts.names().len(), 1);
    assert!(matches!(desk.phones.add(new(Vendor::Yealink, "T46S", MAC)).await, Err(DeskPhonesError::Taken(_))));
    let wrong = desk.phones.add(new(Vendor::Snom, "D785", "805ec0d57d73")).await.unwrap_err();
    assert_eq!(wrong.code(), "mac_of_other_vendor");
    desk.phones.remove(mac).await.unwrap();
    assert!(desk.fixture.accounts.names().is_empty());
    assert_eq!(desk.get(&format!("{first}/{MAC}.cfg")).await.0, StatusCode::NOT_FOUND);
    assert!(matches!(desk.phones.remove(mac).await, Err(DeskPhonesError::NoSuchPhone(_))));
    assert!(desk.restarted().await.phones.list().is_empty());
}

#[tokio::test]
async fn a_removed_phone_does_not_come_back_with_the_phones_of_its_extension() {
    let desk = Desk::new().await;
    let first = desk.add().await;
    let _told = desk.get(&format!("{first}/{MAC}.cfg")).await;
    let enrolments = &desk.fixture.enrolments;
    assert_eq!(enrolments.switch_phones(extension(), false).await.unwrap(), 1);
    desk.phones.remove(MAC.parse().unwrap()).await.unwrap();
    assert_eq!(enrolments.switch_phones(extension(), true).await.unwrap(), 0);
    assert!(desk.fixture.accounts.names().is_empty());
}

#[tokio::test]
async fn a_file_that_is_another_than_before_has_a_higher_version_whoever_made_it_so() {
    let desk = Desk::new().await;
    let mac = "0c383e2cd782";
    let first = folder(desk.phones.add(new(Vendor::Fanvil, "X4", mac)).await.unwrap().url.reveal());
    let agent = "Fanvil X4 2.10.2.6887 0c383e2cd782";
    let get = async |path: String| desk.ask(Method::GET, &path, agent, OFFICE).await.1;
    let version = |text: &str| text.lines().next().unwrap().rsplit_once(':').unwrap().1.trim().to_owned();
    let told = get(format!("{first}/{mac}.cfg")).await;
    assert_eq!(get(format!("{first}/{mac}.cfg")).await, told, "the same file has the same version");
    // As after a restart with another server name: nobody has compared anything.
    if let Some(kept) = desk.phones.book().get_mut(mac.parse().unwrap()) {
        kept.told_digest = Some([7; 32]);
    }
    let anew = get(format!("{first}/{mac}.cfg")).await;
    assert!(version(&anew) > version(&told), "{} {}", version(&anew), version(&told));
    assert_eq!(get(format!("{first}/{mac}.cfg")).await, anew, "and it is counted once");
}

#[tokio::test]
async fn what_a_phone_probes_beside_its_settings_is_not_taken_for_another_phone() {
    let desk = Desk::new().await;
    let first = desk.add().await;
    let _told = desk.get(&format!("{first}/{MAC}.cfg")).await;
    for probe in ["000000000000-directory.xml", "805ec0d57d72-contact.xml", "y000000000066.cfg"] {
        assert_eq!(desk.get(&format!("{first}/{probe}")).await.0, StatusCode::NOT_FOUND);
    }
    let fetch = desk.phones.get(MAC.parse().unwrap()).unwrap().last_fetch.unwrap();
    assert_eq!(fetch.told, "its configuration with its own address");
}

#[tokio::test]
async fn addresses_for_a_redirect_service_are_made_for_all_phones_or_for_none() {
    let desk = Desk::new().await;
    let first = desk.add().await;
    desk.phones.add(new(Vendor::Yealink, "T41S", "805ec0d57d73")).await.unwrap();
    let all = desk.phones.addresses_for_redirection(Vendor::Yealink).await.unwrap();
    assert_eq!(all.len(), 2);
    assert_eq!(desk.get(&format!("{first}/{MAC}.boot")).await.0, StatusCode::NOT_FOUND, "the one before is void");
    for (view, address) in all {
        assert_eq!(view.mac, address.mac);
        let agent = "Yealink SIP-T46S 66.86.0.15";
        let path = format!("{}/{}.boot", folder(address.url.reveal()), view.mac.lower());
        assert_eq!(desk.ask(Method::GET, &path, agent, OFFICE).await.0, StatusCode::OK);
    }
}

#[tokio::test]
async fn a_row_that_cannot_be_read_keeps_no_other_phone_from_starting() {
    let desk = Desk::new().await;
    let first = desk.add().await;
    desk.phones.add(new(Vendor::Yealink, "T41S", "805ec0d57d73")).await.unwrap();
    desk.phones.set_template(crate::desk_phone::Family::Yealink, "", "lang.gui = German").await.unwrap();
    let mut change = desk.fixture.store.begin().await.unwrap();
    for later in [
        "UPDATE desk_phone SET vendor = 'later' WHERE mac = '805ec0d57d73'",
        "UPDATE desk_phone_template SET family = 'later'",
    ] {
        pbx_core::store::sql::query(later).execute(&mut change).await.unwrap();
    }
    change.commit().await.unwrap();
    let desk = desk.restarted().await;
    assert_eq!((desk.phones.list().len(), desk.phones.templates().len()), (1, 0));
    assert_eq!(desk.get(&format!("{first}/{MAC}.boot")).await.0, StatusCode::OK);
}

#[tokio::test]
async fn what_was_fetched_is_shown_and_survives_a_restart() {
    let desk = Desk::new().await;
    let first = desk.add().await;
    let _told = desk.get(&format!("{first}/{MAC}.cfg")).await;
    let desk = desk.restarted().await;
    let fetch = desk.phones.get(MAC.parse().unwrap()).unwrap().last_fetch.unwrap();
    assert_eq!((fetch.from.as_str(), fetch.user_agent.as_str()), ("192.0.2.1", AGENT));
    assert_eq!((fetch.file, fetch.told), (format!("{MAC}.cfg"), "its configuration with its own address".to_owned()));
    let trust = desk.get(&format!("{first}/ca.pem")).await;
    assert_eq!(trust, (StatusCode::OK, "-----BEGIN CERTIFICATE-----".into()));
}

#[tokio::test]
async fn a_phone_that_becomes_another_extensions_keeps_its_address_and_gets_another_account() {
    let desk = Desk::new().await;
    let first = desk.add().await;
    let mac: Mac = MAC.parse().unwrap();
    let own = next(&desk.get(&format!("{first}/{MAC}.cfg")).await.1);
    let before = desk.get(&format!("{own}/{MAC}.cfg")).await.1;
    let other = desk.fixture.second_extension().await;
    let edit = |extension| DeskPhoneEdit {
        extension: Some(extension),
        label: Some("Desk 4".into()),
        ..DeskPhoneEdit::default()
    };
    let nobody = desk.phones.edit(mac, edit("999".parse().unwrap())).await.unwrap_err();
    assert_eq!(nobody.code(), "no_such_extension");
    let view = desk.phones.edit(mac, edit(other)).await.unwrap();
    assert_eq!((view.extension, view.label.as_str(), view.progress), (other, "Desk 4", Progress::Settled));
    assert!(view.username.as_str().starts_with(&other.to_string()), "{}", view.username);
    assert!(desk.fixture.accounts.names().is_empty(), "the old account is gone at once");
    assert_eq!(desk.fixture.accounts.asked.lock().unwrap().len(), 1, "and it was asked to fetch before");
    let desk = desk.restarted().await;
    let (status, told) = desk.get(&format!("{own}/{MAC}.cfg")).await;
    assert_eq!((status, next(&told)), (StatusCode::OK, own));
    assert_ne!(setting(&told, "account.1.password"), setting(&before, "account.1.password"));
    assert_eq!(setting(&told, "account.1.user_name"), other.to_string());
    assert_eq!(desk.fixture.accounts.one().username, desk.phones.get(mac).unwrap().username);
}

#[tokio::test]
async fn the_account_a_phone_left_goes_also_after_a_crash_in_between() {
    let desk = Desk::new().await;
    let first = desk.add().await;
    let mac: Mac = MAC.parse().unwrap();
    let _told = desk.get(&format!("{first}/{MAC}.cfg")).await;
    let left = desk.fixture.accounts.one().username;
    let other = desk.fixture.second_extension().await;
    // As the rows are when the process dies behind the first of the two steps.
    let username = format!("{other}.abcdef");
    let mut change = desk.fixture.store.begin().await.unwrap();
    pbx_core::store::sql::query("UPDATE desk_phone SET extension = $1, username = $2, leaves = $3, secrets = NULL")
        .bind(other.to_string())
        .bind(&username)
        .bind(left.as_str())
        .execute(&mut change)
        .await
        .unwrap();
    change.commit().await.unwrap();
    let desk = desk.restarted().await;
    let gone = async {
        let mut tick = tokio::time::interval(Duration::from_millis(5));
        while desk.phones.book().get(mac).unwrap().leaves.is_some() {
            tick.tick().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), gone).await.expect("it is taken away");
    assert!(desk.fixture.accounts.names().is_empty());
    let desk = desk.restarted().await;
    assert_eq!(desk.phones.get(mac).unwrap().username.as_str(), username);
}

#[tokio::test]
async fn the_password_of_a_phones_own_menu_can_be_had_once_the_phone_has_it() {
    let desk = Desk::new().await;
    let first = desk.add().await;
    let mac = MAC.parse().unwrap();
    assert_eq!(desk.phones.menu_password(mac).unwrap_err().code(), "not_fetched_yet");
    let told = desk.get(&format!("{first}/{MAC}.cfg")).await.1;
    let menu = desk.phones.menu_password(mac).unwrap();
    assert_eq!(setting(&told, "static.security.user_password"), format!("{}:{}", menu.user, menu.password.reveal()));
    assert!(!format!("{menu:?}").contains(menu.password.reveal()));
}
