//! What partners put over our settings: tried first, for the right phones, and never a way to a secret.

use super::*;
use crate::desk_phone::Family;

const SETTINGS: &str = "# display\nphone_setting.backlight_time = 60\nlinekey.2.label = {name} & {extension}\n";

fn mac() -> Mac {
    MAC.parse().unwrap()
}

#[tokio::test]
async fn a_template_reaches_its_phones_and_no_other_and_shows_no_secret() {
    let desk = Desk::new().await;
    let first = desk.add().await;
    desk.phones.add(new(Vendor::Snom, "D785", "000413922d24")).await.unwrap();
    let own = next(&desk.get(&format!("{first}/{MAC}.cfg")).await.1);
    let plain = desk.get(&format!("{own}/{MAC}.cfg")).await.1;
    assert!(!plain.contains("backlight"));
    let shown = desk.phones.preview_with(mac(), (Family::Yealink, "t-4", SETTINGS)).await.unwrap();
    let shown = shown.text.reveal().clone();
    assert!(shown.contains("phone_setting.backlight_time = 60\n"), "{shown}");
    assert!(shown.contains("linekey.2.label = Anna <b>\"&\"</b> & 101\n"), "{shown}");
    for secret in [setting(&plain, "account.1.password"), setting(&plain, "static.security.user_password"), &own[1..]] {
        assert!(!shown.contains(secret.trim_start_matches("admin:")), "{shown}");
    }
    assert_eq!(setting(&shown, "account.1.password"), "(secret)");
    assert_eq!(desk.phones.set_template(Family::Yealink, "T4", SETTINGS).await.unwrap(), 1);
    assert_eq!(
        desk.phones.set_template(Family::Yealink, "SIP-T46", "phone_setting.backlight_time = 30").await.unwrap(),
        1
    );
    assert_eq!(desk.phones.set_template(Family::Yealink, "T5", "lang.gui = German").await.unwrap(), 0);
    assert!(matches!(
        desk.phones.preview_with(mac(), (Family::Yealink, "T5", "lang.gui = German")).await,
        Err(DeskPhonesError::TemplateOfOthers(_))
    ));
    let desk = desk.restarted().await;
    let told = desk.get(&format!("{own}/{MAC}.cfg")).await.1;
    assert_eq!(setting(&told, "phone_setting.backlight_time"), "30", "the longer beginning counts");
    assert!(told.contains("linekey.2.label = ") && !told.contains("lang.gui"), "{told}");
    assert_eq!(setting(&told, "account.1.password"), setting(&plain, "account.1.password"));
    let listed = desk.phones.templates();
    let told: Vec<_> = listed.iter().map(|one| (one.model.as_str(), one.count, one.phones)).collect();
    assert_eq!(told, [("T4", 2, 1), ("T46", 1, 1), ("T5", 1, 0)]);
    for model in ["T4", "T46", "T5"] {
        desk.phones.reset_template(Family::Yealink, model).await.unwrap();
    }
    assert!(matches!(desk.phones.reset_template(Family::Yealink, "T4").await, Err(DeskPhonesError::NoSuchTemplate)));
    let again = desk.get(&format!("{own}/{MAC}.cfg")).await.1;
    assert_eq!(again.replace("\n", ""), plain.replace("\n", ""), "as before");
}

#[tokio::test]
async fn a_phone_is_asked_when_its_template_changes() {
    let desk = Desk::new().await;
    let first = desk.add().await;
    let own = next(&desk.get(&format!("{first}/{MAC}.cfg")).await.1);
    let _settled = desk.get(&format!("{own}/{MAC}.cfg")).await;
    let asked = || desk.fixture.accounts.asked.lock().unwrap().len();
    desk.phones.set_template(Family::Snom, "", "tone_scheme = GER").await.unwrap();
    desk.phones.set_template(Family::Yealink, "", SETTINGS).await.unwrap();
    let looking = async {
        let mut tick = tokio::time::interval(Duration::from_millis(5));
        while asked() == 0 {
            tick.tick().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), looking).await.expect("it is asked");
    assert_eq!(asked(), 1);
}

#[tokio::test]
async fn a_wrong_template_is_refused_line_by_line_and_changes_nothing() {
    let desk = Desk::new().await;
    let lines = |family, text| match desk.phones.try_template(family, "", text) {
        Err(DeskPhonesError::Template(wrong)) => {
            wrong.into_iter().map(|one| (one.line, one.problem)).collect::<Vec<_>>()
        }
        other => panic!("{other:?}"),
    };
    let wrong = lines(
        Family::Yealink,
        "#!version:1.0.0.1\naccount.1.password = x\nno setting\nlang.gui = {secret}\nlang.gui = A\nlang.gui = B\n\
         static.managementserver.url = https://evil.example",
    );
    let at: Vec<usize> = wrong.iter().map(|(line, _)| *line).collect();
    assert_eq!(at, [2, 3, 4, 6, 7], "{wrong:?}");
    for (family, text, reason) in [
        (Family::Yealink, "\naccount.1.sip_server.1.expires = 60m", "seconds"),
        (Family::Snom, "user_expiry[1] = 1", "seconds"),
        (Family::Snom, "<settings><phone-settings>", "piece of a whole file"),
        (Family::Snom, "settings_refresh_timer = 1", "seconds"),
        (Family::Grandstream, "P32 = 3600", "minutes"),
        (Family::Grandstream, "P193 = 1", "minutes"),
        (Family::Grandstream, "account.1.name = x", "name of a setting"),
        (Family::Grandstream, "P237 = evil.example", "set by Nightbell"),
        (Family::Grandstream, "P4503 = https://evil.example", "set by Nightbell"),
        (Family::FanvilText, "<<VOIP CONFIG FILE>>Version:2.0000000000", "piece of a whole file"),
        (Family::FanvilXml, "ap/FlashServerIP = evil.example", "set by Nightbell"),
        (Family::FanvilXml, "tr069/ACSURL = evil.example", "set by Nightbell"),
        (Family::Polycom, "prov.polling.period = 5", "seconds"),
        (Family::Polycom, "device.prov.serverName = evil.example", "set by Nightbell"),
    ] {
        let wrong = lines(family, text);
        assert!(wrong.len() == 1 && wrong[0].1.contains(reason), "{text}: {wrong:?}");
        assert_eq!(wrong[0].0, text.lines().count(), "{text}: {wrong:?}");
    }
    assert!(matches!(
        desk.phones.set_template(Family::Snom, "", "# nothing").await,
        Err(DeskPhonesError::EmptyTemplate)
    ));
    assert!(matches!(
        desk.phones.set_template(Family::Snom, "D7<", "tone_scheme = GER").await,
        Err(DeskPhonesError::Beginning(_))
    ));
    assert!(desk.phones.templates().is_empty());
}
