use super::*;
use crate::desk_phone::factory::tests::Maker;

const OTHER: &str = "805ec0d57d73";

impl Desk {
    async fn showing(&self, maker: &Maker, name: &str, path: &str) -> (StatusCode, String) {
        let shown = self.phones.judge(&maker.phone(name, (-1, 1)));
        self.ask_showing(Some(shown), (Method::GET, path), AGENT, OFFICE).await
    }

    fn why(&self) -> Vec<(String, String, u32)> {
        let all = self.phones.turned_away();
        all.into_iter().map(|one| (one.mac.lower(), one.why.to_string(), one.count)).collect()
    }
}

#[tokio::test]
async fn a_phone_is_believed_by_the_certificate_it_was_made_with_and_gets_its_own_address() {
    let desk = Desk::new().await;
    let first = desk.add().await;
    let maker = Maker::new("Yealink CA", 9000);
    let plain = format!("/{MAC}.cfg");
    assert_eq!(desk.showing(&maker, MAC, &plain).await.0, StatusCode::NOT_FOUND, "nobody put its maker in");
    let [(mac, why, count)] = &desk.why()[..] else { panic!("{:?}", desk.why()) };
    assert_eq!((mac.as_str(), *count), (MAC, 1));
    assert!(why.starts_with("its certificate is from CN=Yealink CA"), "{why}");
    desk.phones.add_authorities(Vendor::Yealink, &maker.pem).await.unwrap();
    let desk = desk.restarted().await;
    assert_eq!(desk.showing(&maker, MAC, "/y000000000000.boot").await.0, StatusCode::NOT_FOUND);
    assert_eq!(desk.showing(&maker, MAC, &format!("/{MAC}.boot")).await.0, StatusCode::OK);
    assert!(desk.fixture.accounts.names().is_empty(), "the account is made with the first settings");
    let (status, told) = desk.showing(&maker, MAC, &plain).await;
    assert_eq!((status, desk.progress()), (StatusCode::OK, Progress::Told));
    assert!(desk.why().is_empty(), "it was told something");
    let fetch = desk.phones.get(MAC.parse().unwrap()).unwrap().last_fetch.unwrap();
    assert_eq!(fetch.told, "its configuration, by its factory certificate, with its own address");
    let own = next(&told);
    assert_eq!(desk.get(&format!("{own}/{MAC}.cfg")).await.0, StatusCode::OK);
    assert_eq!(
        (desk.progress(), desk.get(&format!("{first}/{MAC}.cfg")).await.0),
        (Progress::Settled, StatusCode::NOT_FOUND)
    );
    // A DHCP option sends it to the port at every start: it is told the same, and nothing is made anew.
    for _ in 0..2 {
        assert_eq!(next(&desk.showing(&maker, MAC, &plain).await.1), own);
    }
    assert_eq!(desk.progress(), Progress::Settled);
    assert_eq!(desk.fixture.accounts.puts.lock().unwrap().len(), 1, "one account was minted");
}

#[tokio::test]
async fn a_certificate_opens_the_configuration_of_its_own_phone_and_of_no_other() {
    let desk = Desk::new().await;
    desk.add().await;
    let maker = Maker::new("Yealink CA", 9000);
    desk.phones.add_authorities(Vendor::Yealink, &maker.pem).await.unwrap();
    assert_eq!(desk.showing(&maker, OTHER, &format!("/{MAC}.cfg")).await.0, StatusCode::NOT_FOUND);
    assert_eq!(desk.why(), [(OTHER.to_owned(), Why::GenuineButUnknown.to_string(), 1)]);
    assert_eq!(desk.showing(&maker, "yealink equipment", &format!("/{MAC}.cfg")).await.0, StatusCode::NOT_FOUND);
    desk.phones.add(new(Vendor::Yealink, "T46S", OTHER)).await.unwrap();
    let (status, nothing) = desk.showing(&maker, OTHER, &format!("/{MAC}.cfg")).await;
    assert_eq!((status, nothing.as_str()), (StatusCode::NOT_FOUND, ""), "a phone of ours that asks for another's file");
    // The word of one maker counts for its own phones, whatever its certificates say.
    let snom = Maker::new("Snom CA", 9000);
    desk.phones.add_authorities(Vendor::Snom, &snom.pem).await.unwrap();
    desk.phones.add(new(Vendor::Yealink, "T46S", "02a85a123456")).await.unwrap();
    assert_eq!(desk.showing(&snom, "02a85a123456", "/02a85a123456.cfg").await.0, StatusCode::NOT_FOUND);
    assert!(desk.fixture.accounts.names().is_empty() && desk.progress() == Progress::Waiting);
}

#[tokio::test]
async fn where_certificates_are_asked_for_a_phone_without_one_still_has_its_other_ways() {
    let desk = Desk::new().await;
    let first = desk.add().await;
    let none = || Some(desk.phones.judge(&[]));
    let plain = format!("/{MAC}.cfg");
    let asked = desk.ask_showing(none(), (Method::GET, &plain), AGENT, OFFICE).await;
    assert_eq!(asked.0, StatusCode::NOT_FOUND);
    assert_eq!(desk.why()[0].1, "it showed no factory certificate");
    let by_secret = format!("{first}/{MAC}.boot");
    assert_eq!(desk.ask_showing(none(), (Method::GET, &by_secret), AGENT, OFFICE).await.0, StatusCode::OK);
    desk.phones.set_window(MAC.parse().unwrap(), true).unwrap();
    assert_eq!(desk.ask_showing(none(), (Method::GET, &plain), AGENT, OFFICE).await.0, StatusCode::OK);
}

#[tokio::test]
async fn an_authority_is_put_in_once_counts_at_once_and_is_taken_out_at_once() {
    let desk = Desk::new().await;
    desk.add().await;
    let maker = Maker::new("Yealink CA", 9000);
    let all = desk.phones.add_authorities(Vendor::Yealink, &maker.pem).await.unwrap();
    assert_eq!(desk.phones.add_authorities(Vendor::Yealink, &maker.pem).await.unwrap(), all);
    let of_others = desk.phones.add_authorities(Vendor::Snom, &maker.pem).await.unwrap_err();
    assert_eq!(of_others.to_string(), "this authority is there already, for phones of Yealink; remove it there first");
    desk.phones.set_factory(FactorySettings { port: Some(8444), ended_too: true }).await.unwrap();
    let desk = desk.restarted().await;
    let there = desk.phones.factory();
    assert_eq!((there.settings.port, there.settings.ended_too, &there.authorities), (Some(8444), true, &all));
    assert!(there.url.unwrap().ends_with(":8444/d/"));
    assert_eq!(desk.phones.options(), DeskPhoneOptions::default(), "the other options are as they were");
    assert_eq!(desk.showing(&maker, MAC, &format!("/{MAC}.cfg")).await.0, StatusCode::OK);
    desk.phones.remove_authority(&all[0].fingerprint).await.unwrap();
    assert_eq!(desk.showing(&maker, MAC, &format!("/{MAC}.cfg")).await.0, StatusCode::NOT_FOUND);
    assert_eq!(desk.phones.remove_authority(&all[0].fingerprint).await.unwrap_err().code(), "no_such_authority");
    let many: String = (0..32).map(|n| Maker::new(&format!("CA {n}"), 9000).pem).collect();
    desk.phones.add_authorities(Vendor::Yealink, &many).await.unwrap();
    assert_eq!(desk.phones.add_authorities(Vendor::Yealink, &maker.pem).await.unwrap_err().code(), "full");
}

#[tokio::test]
async fn whoever_plugs_a_phone_in_learns_why_nothing_happened() {
    let desk = Desk::new().await;
    let asks = async |path: &str| desk.get(path).await.0;
    assert_eq!(asks(&format!("/{MAC}.cfg")).await, StatusCode::NOT_FOUND);
    let all = desk.phones.turned_away();
    assert_eq!((all[0].added, all[0].model.as_deref(), &all[0].why), (false, Some("T46S"), &Why::Unknown));
    let first = desk.add().await;
    assert!(desk.phones.turned_away()[0].added);
    for (path, why) in
        [(format!("/{MAC}.cfg"), Why::NoWindow), (format!("/{}/{MAC}.cfg", "x".repeat(43)), Why::WrongSecret)]
    {
        assert_eq!(asks(&path).await, StatusCode::NOT_FOUND);
        assert_eq!(desk.phones.turned_away()[0].why, why);
    }
    desk.phones.set_window(MAC.parse().unwrap(), true).unwrap();
    let other = "Yealink SIP-T41S 66.86.0.15 80:5e:c0:d5:7d:72";
    desk.ask(Method::GET, &format!("/{MAC}.cfg"), other, OFFICE).await;
    assert_eq!(desk.phones.turned_away()[0].why, Why::NotItself);
    assert_eq!(desk.phones.turned_away()[0].count, 4);
    assert_eq!(asks(&format!("/{MAC}.cfg")).await, StatusCode::OK);
    assert!(desk.phones.turned_away().is_empty(), "it was told something");
    desk.ask(Method::GET, &format!("/{MAC}.cfg"), AGENT, "198.51.100.7:1").await;
    assert_eq!(desk.phones.turned_away()[0].why, Why::OtherNetwork);
    desk.pass(FIRST_LIVES);
    assert_eq!(asks(&format!("{first}/{MAC}.cfg")).await, StatusCode::NOT_FOUND);
    assert_eq!(desk.phones.turned_away()[0].why, Why::RanOut);
}
