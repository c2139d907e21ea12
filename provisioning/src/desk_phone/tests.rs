mod locks;

use std::path::PathBuf;

use proptest::prelude::*;

use super::lint::lint;
use super::*;

const MODELS: [(Vendor, &str, &str); 6] = [
    (Vendor::Yealink, "T46S", "805ec0d57d72"),
    (Vendor::Snom, "D785", "000413922d24"),
    (Vendor::Grandstream, "GRP2614", "c074ad0b63ee"),
    (Vendor::Fanvil, "X4", "0c383e07e16c"),
    (Vendor::Fanvil, "X6U Pro", "0c383e2cd782"),
    (Vendor::Polycom, "VVX 411", "64167f0a0b0c"),
];

fn phones() -> impl Iterator<Item = DeskPhone> {
    MODELS.into_iter().map(|(vendor, model, mac)| DeskPhone {
        mac: mac.parse().unwrap(),
        vendor,
        model: model.parse().unwrap(),
    })
}

fn account(name: &str) -> Account {
    Account {
        extension: "101".parse().unwrap(),
        display_name: name.into(),
        username: "101.kqzwrt".parse().unwrap(),
        secret: Redacted::new("abcdefghijkmnpqrstuvwxyz".into()),
    }
}

fn server() -> ServerInfo {
    ServerInfo {
        sip: SipServer { host: "pbx.example.com".into(), port: 5061, transport: "tls" },
        register_seconds: 3600,
        next_url: Redacted::new("https://pbx.example.com:8443/d/NEXT".into()),
        own_certificate: true,
    }
}

fn options() -> Options {
    Options {
        admin_password: Redacted::new("Zx9kfQ2rTb7m".into()),
        http: Some(("101".into(), Redacted::new("p4ss".into()))),
        revision: 7,
        template: Template::default(),
    }
}

fn files(phone: &DeskPhone, name: &str) -> Vec<ConfigFile> {
    render(phone, &account(name), &server(), &options())
}

/// Every setting of a finished file as a phone reads it: `(key, value)`; the XML is read by another parser than ours.
fn read_back(phone: &DeskPhone, files: &[ConfigFile]) -> Vec<(String, String)> {
    let text = files.last().unwrap().text.reveal();
    match phone.family() {
        Family::Yealink => text.lines().skip(1).map(|line| split(line, " = ")).collect(),
        Family::FanvilText => {
            text.split("\r\n").filter(|line| line.contains(" :")).map(|line| split(line, " :")).collect()
        }
        Family::Snom | Family::Grandstream | Family::FanvilXml | Family::Polycom => {
            let document = roxmltree::Document::parse(text).unwrap();
            let mut all = Vec::new();
            for node in document.descendants().filter(roxmltree::Node::is_element) {
                let own = |text: &str| (path(node), text.to_owned());
                all.push(own(node
                    .children()
                    .filter(|c| c.is_text())
                    .filter_map(|c| c.text())
                    .collect::<String>()
                    .trim()));
                all.extend(node.attributes().map(|a| (format!("{}@{}", path(node), a.name()), a.value().to_owned())));
            }
            all
        }
    }
}

fn split(line: &str, by: &str) -> (String, String) {
    let (key, value) = line.split_once(by).unwrap();
    (key.to_owned(), value.to_owned())
}

fn path(node: roxmltree::Node<'_, '_>) -> String {
    let mut names: Vec<&str> = node.ancestors().filter(|up| up.is_element()).map(|up| up.tag_name().name()).collect();
    names.reverse();
    names.join("/")
}

/// Set `NIGHTBELL_BLESS=1` to write the golden files anew, and look at what changed.
#[test]
fn every_family_is_written_as_agreed() {
    for phone in phones() {
        for file in files(&phone, "Anna \"<Ärger>\" & Söhne") {
            let golden = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/desk_phone/golden").join(format!(
                "{}-{}",
                phone.family().as_str(),
                file.name
            ));
            if std::env::var_os("NIGHTBELL_BLESS").is_some() {
                std::fs::write(&golden, file.text.reveal()).unwrap();
            }
            assert_eq!(std::fs::read_to_string(&golden).unwrap(), *file.text.reveal(), "{}", golden.display());
        }
    }
}

#[test]
fn the_files_we_write_fall_into_no_trap() {
    for phone in phones() {
        for own_certificate in [false, true] {
            let files = render(&phone, &account("Anna"), &ServerInfo { own_certificate, ..server() }, &options());
            assert_eq!(lint(&phone, &files, own_certificate), Vec::<String>::new(), "{}", phone.vendor);
        }
    }
}

/// The file of a phone from any settings.
fn file_of(phone: &DeskPhone, settings: &[Setting], server: &ServerInfo) -> Vec<ConfigFile> {
    vec![match phone.family() {
        Family::Yealink => yealink::write(phone, settings),
        Family::Snom => snom::write(phone, settings, server),
        Family::Grandstream => grandstream::write(phone, settings),
        Family::FanvilText => fanvil::write_text(phone, settings, 7),
        Family::FanvilXml => fanvil::write_xml(phone, settings, 7),
        Family::Polycom => polycom::write(phone, settings),
    }]
}

const UNVERIFIED: &str = "would not check whom it fetches from";
const SHUT_OUT: &str = "would shut itself out";
const ASTRAY: &str = "would go on looking for another server";
const KNOWN: &str = "would keep the password everybody knows";

/// Format, whether the certificate is our own, the settings, and what is said of a file without any one of them.
const KEEPING: [(Family, bool, &[&str], &str); 17] = [
    (Family::Yealink, false, &["static.security.trust_certificates", "static.security.cn_validation"], UNVERIFIED),
    (Family::Yealink, true, &["static.security.ca_cert", "static.trusted_certificates.url"], SHUT_OUT),
    (
        Family::Yealink,
        false,
        &["static.auto_provision.pnp_enable", "static.auto_provision.dhcp_option.enable", "static.zero_touch.enable"],
        ASTRAY,
    ),
    (Family::Yealink, false, &["static.security.user_password", "static.security.var_enable"], KNOWN),
    (Family::Snom, false, &["pnp_config", "dhcp_options_on_ip_aquire"], ASTRAY),
    (
        Family::Snom,
        false,
        &["http_pass", "admin_mode_password", "webserver_admin_password", "webserver_user_password"],
        KNOWN,
    ),
    (Family::Grandstream, false, &["P8463", "P22030"], UNVERIFIED),
    (Family::Grandstream, false, &["P145", "P1414"], ASTRAY),
    (Family::Grandstream, false, &["P2", "P196"], KNOWN),
    (
        Family::FanvilText,
        false,
        &["AUTOUPDATE CONFIG MODULE/PNP Enable", "AUTOUPDATE CONFIG MODULE/DHCP Option"],
        ASTRAY,
    ),
    (Family::FanvilText, false, &["MMI CONFIG MODULE/Account1 Password", "MMI CONFIG MODULE/Account2 Password"], KNOWN),
    (Family::FanvilXml, false, &["ap/pnp/PNPEnable", "ap/opt/DHCPOption"], ASTRAY),
    (Family::FanvilXml, false, &["web/account[1]/Password", "web/account[2]/Password"], KNOWN),
    (
        Family::Polycom,
        false,
        &["sec.TLS.SIP.strictCertCommonNameValidation", "device.sec.TLS.prov.strictCertCommonNameValidation"],
        UNVERIFIED,
    ),
    (Family::Polycom, false, &["device.prov.ztpEnabled", "device.dhcp.bootSrvUseOpt"], ASTRAY),
    (Family::Polycom, false, &["device.auth.localAdminPassword", "device.auth.localUserPassword"], KNOWN),
    (Family::Polycom, true, &["device.prov.ztpEnabled"], ASTRAY),
];

#[test]
fn a_file_without_what_keeps_a_phone_to_us_fails_the_lint() {
    for (family, own_certificate, keys, said) in KEEPING {
        let phone = phones().find(|phone| phone.family() == family).unwrap();
        let server = ServerInfo { own_certificate, ..server() };
        let all = settings(&phone, &account("Anna"), &server, &options());
        let findings = |settings: &[Setting]| lint(&phone, &file_of(&phone, settings, &server), own_certificate);
        assert_eq!(findings(&all), Vec::<String>::new(), "{family:?}");
        for key in keys {
            let without: Vec<Setting> = all.iter().filter(|one| one.key != *key).cloned().collect();
            assert!(without.len() < all.len(), "{family:?} has no {key}");
            let found = findings(&without).join("\n");
            assert!(found.contains(key) && found.contains(said), "{family:?} without {key}: {found}");
            // Nor may it say the opposite.
            let turned = |one: &Setting| match (one.key == *key, one.value.as_str()) {
                (true, "0") => Setting { value: "1".into(), ..one.clone() },
                (true, "off") => Setting { value: "on".into(), ..one.clone() },
                (true, _) => Setting { value: String::new(), ..one.clone() },
                (false, _) => one.clone(),
            };
            let found = findings(&all.iter().map(turned).collect::<Vec<_>>()).join("\n");
            assert!(found.contains(key) && found.contains(said), "{family:?} with {key} turned: {found}");
        }
    }
}

#[test]
fn the_second_account_of_a_phone_has_no_password_anybody_knows() {
    for phone in phones() {
        let all = settings(&phone, &account("Anna"), &server(), &options());
        let (key, known) = match phone.family() {
            Family::Yealink => ("static.security.user_password", "user:user"),
            Family::Snom => ("webserver_user_password", "0000"),
            Family::Grandstream => ("P196", "123"),
            Family::FanvilText => ("MMI CONFIG MODULE/Account2 Password", "guest"),
            Family::FanvilXml => ("web/account[2]/Password", "guest"),
            Family::Polycom => ("device.auth.localUserPassword", "123"),
        };
        let theirs = all.iter().filter(|one| one.key == key).map(|one| one.value.as_str()).next_back().unwrap();
        assert!(theirs.ends_with("Zx9kfQ2rTb7m"), "{key}: {theirs}");
        let back = |one: &Setting| Setting {
            value: if one.key == key && one.value == theirs { known.into() } else { one.value.clone() },
            ..one.clone()
        };
        let files = file_of(&phone, &all.iter().map(back).collect::<Vec<_>>(), &server());
        assert!(lint(&phone, &files, true).join("\n").contains(KNOWN), "{}", phone.vendor);
    }
}

/// A phone is told to look at our certificate more closely only where it is one the phone knows from the factory, or one we hand it.
#[test]
fn no_phone_is_told_to_refuse_a_certificate_it_cannot_be_given() {
    let strict = |family, own_certificate| -> Vec<String> {
        let phone = phones().find(|phone| phone.family() == family).unwrap();
        let server = ServerInfo { own_certificate, ..server() };
        let all = settings(&phone, &account("Anna"), &server, &options());
        let checks = ["P8463", "P22030", "trust_certificates", "cn_validation", "strictCertCommonNameValidation"];
        let on = |one: &&Setting| one.value == "1" && checks.iter().any(|check| one.key.ends_with(check));
        all.iter().filter(on).map(|one| one.key.clone()).collect()
    };
    assert_eq!(strict(Family::Grandstream, false), ["P8463", "P22030"]);
    assert_eq!(strict(Family::Polycom, false).len(), 2);
    assert_eq!(strict(Family::Yealink, false), strict(Family::Yealink, true), "a Yealink fetches our certificate");
    for family in [Family::Grandstream, Family::Polycom, Family::Snom, Family::FanvilText, Family::FanvilXml] {
        assert_eq!(strict(family, true), Vec::<String>::new(), "{family:?}");
        // And a file that did so would be found.
        let phone = phones().find(|phone| phone.family() == family).unwrap();
        let public = render(&phone, &account("Anna"), &ServerInfo { own_certificate: false, ..server() }, &options());
        let found = lint(&phone, &public, true).join("\n");
        assert_eq!(found.contains(SHUT_OUT), !strict(family, false).is_empty(), "{family:?}: {found}");
    }
}

#[test]
fn a_fanvil_is_told_where_to_fetch_in_the_words_of_its_generation() {
    for (model, server_key, other) in [
        ("X4", "Download Server IP", "Flash Server IP"),
        ("X3SP", "Download Server IP", "Flash Server IP"),
        ("X5S", "Flash Server IP", "Download Server IP"),
        ("X1S", "Flash Server IP", "Download Server IP"),
    ] {
        let phone = DeskPhone {
            model: model.parse().unwrap(),
            ..phones().find(|phone| phone.family() == Family::FanvilText).unwrap()
        };
        let all = settings(&phone, &account("Anna"), &server(), &options());
        let value = |key: &str| all.iter().find(|one| one.key.ends_with(key)).map(|one| one.value.as_str());
        assert_eq!(value(server_key), Some("https://pbx.example.com:8443/d/NEXT"), "{model}");
        assert_eq!(value(other), None, "{model}");
        assert_eq!(lint(&phone, &files(&phone, "Anna"), true), Vec::<String>::new(), "{model}");
    }
}

#[test]
fn the_lint_knows_the_traps() {
    for (family, good, bad, trap) in [
        (Family::Yealink, "#!version:1.0.0.1\n", "#version\n", "first line"),
        (Family::Yealink, ".expires = 3600", ".expires = forever", "seconds"),
        (Family::Yealink, "admin:Zx9kfQ2rTb7m", "admin:admin", "everybody knows"),
        (Family::Yealink, "account.1.label = ", "account.1.enable = ", "twice"),
        (Family::Snom, "perm=\"R\"", "perm=\" \"", "R or RW"),
        (Family::Snom, "perm=\"RW\"", "perm=\"!\"", "R or RW"),
        (Family::Snom, " perm=\"RW\"", "", "no perm"),
        (Family::Snom, ";transport=tls", ";tls", "no transport"),
        (Family::Grandstream, "<P32>60<", "<P32>3600<", "minutes"),
        (Family::Grandstream, "<P237>", "<P237>https://", "without a scheme"),
        (Family::Grandstream, "<P64>", "<P64>", "no trap"),
        (Family::Grandstream, "<mac>c074ad0b63ee", "<mac>c074ad0b63ef", "another phone"),
        (Family::FanvilText, "Version:2.0000000007", "Version:2.0000000000", "count up"),
        (Family::FanvilText, "\r\n", "\n", "CR LF"),
        (Family::FanvilText, "\r\n\r\n<<END", "\r\n</SIP CONFIG MODULE>\r\n<<END", "never closed"),
        (Family::FanvilXml, "2.0000000007", "1.0", "count up"),
        (Family::FanvilXml, "<RegisterTTL>3600", "<RegisterTTL>1", "seconds"),
        (Family::Polycom, "transport=\"TLS\"", "transport=\"tls\"", "case-sensitive"),
        (Family::Polycom, "device.prov.user.set=\"1\"", "device.prov.user.set=\"0\"", "needs"),
        (Family::Polycom, "CONFIG_FILES=\"64167f0a0b0c-user.cfg\"", "CONFIG_FILES=\"\"", "names no file"),
    ] {
        let phone = phones().find(|phone| phone.family() == family).unwrap();
        let mut files = files(&phone, "Anna");
        for file in &mut files {
            file.text = Redacted::new(file.text.reveal().replace(good, bad));
        }
        let found = lint(&phone, &files, true).join("\n");
        assert_eq!(found.contains(trap), trap != "no trap", "{family:?} {bad}: {found}");
    }
}

/// What the names of a phone mean, in the order in which it asks for them.
#[test]
fn phones_find_their_files_under_the_names_they_ask_for() {
    use Asked::{Manifest, Nothing, Settings, Trust};
    let wanted: [(Family, &[(&str, Asked)]); 6] = [
        (
            Family::Yealink,
            &[
                ("805ec0d57d72.boot", Manifest),
                ("y000000000000.boot", Nothing),
                ("y000000000066.cfg", Nothing),
                ("805EC0D57D72.cfg", Settings),
                ("ca.pem", Trust),
            ],
        ),
        (
            Family::Snom,
            &[
                ("", Settings),
                ("000413922D24.xml", Settings),
                ("snomD785-000413922D24.htm", Settings),
                ("-000413922D24", Settings),
                ("snomD785.htm", Nothing),
                ("snom-firmware.xml", Nothing),
            ],
        ),
        (
            Family::Grandstream,
            &[
                ("cfgc074ad0b63ee", Nothing),
                ("cfgc074ad0b63ee.xml", Settings),
                ("cfggrp2614.xml", Nothing),
                ("cfg.xml", Nothing),
                ("devc074ad0b63ee.cfg", Nothing),
            ],
        ),
        (Family::FanvilText, &[("f0X3Shw1.100.cfg", Nothing), ("0c383e07e16c.cfg", Settings)]),
        (Family::FanvilXml, &[("0c383e2cd782.cfg", Settings)]),
        (
            Family::Polycom,
            &[
                ("64167f0a0b0c.cfg", Manifest),
                ("64167f0a0b0c-user.cfg", Settings),
                ("000000000000.cfg", Nothing),
                ("64167f0a0b0c-license.cfg", Nothing),
            ],
        ),
    ];
    for phone in phones() {
        let (_, names) = wanted.iter().find(|(family, _)| *family == phone.family()).unwrap();
        for (name, meant) in *names {
            assert_eq!(asked(&phone, name), *meant, "{} {name}", phone.vendor);
        }
        for other in
            ["805ec0d57d73.cfg", "000413922D25.xml", "cfgc074ad0b63ef.xml", "0c383e000000.cfg", "../805ec0d57d72.cfg"]
        {
            assert_eq!(asked(&phone, other), Nothing, "{} {other}", phone.vendor);
        }
    }
}

/// The same file with a harmless name and with this one differ in the values that show the name, and nowhere else.
fn structure_holds(phone: &DeskPhone, name: &str) {
    let (plain, hostile) = (files(phone, "Plain"), files(phone, name));
    assert_eq!(lint(phone, &hostile, true), Vec::<String>::new(), "{name:?}");
    let (plain, hostile) = (read_back(phone, &plain), read_back(phone, &hostile));
    assert_eq!(plain.len(), hostile.len(), "{name:?}");
    for ((plain_key, plain_value), (key, value)) in plain.iter().zip(&hostile) {
        assert_eq!(plain_key, key, "{name:?}");
        assert!(plain_value == value || plain_value == "Plain", "{key}: {value}");
    }
}

#[test]
fn no_display_name_changes_the_structure() {
    let long = "x".repeat(4096);
    for name in [
        "]]>",
        "<!-- ",
        "-->",
        "a\nb",
        "\r\n#!version:1.0.0.1\r\naccount.1.password = known",
        "&amp;&#10;",
        "\"'`",
        "50 % off",
        "%NULL%",
        "a = b",
        " :x",
        "<<END OF FILE>>",
        "<SIP CONFIG MODULE>",
        "\u{202e}ltr",
        "שלום עולם",
        "\u{0}\u{1}\u{fffe}\u{ffff}",
        "{mac}{secret}",
        &long,
        "",
        "   ",
        "&",
        "\"/><evil a=\"",
    ] {
        for phone in phones() {
            structure_holds(&phone, name);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn no_name_at_all_changes_the_structure(name in any::<String>(), which in 0..MODELS.len()) {
        structure_holds(&phones().nth(which).unwrap(), &name);
    }

    #[test]
    fn no_template_changes_the_structure(value in "[^\\n\\r{}]{0,80}", which in 0..MODELS.len()) {
        let phone = phones().nth(which).unwrap();
        let key = template_key(phone.family());
        if let Ok(template) = Template::parse(phone.family(), &format!("{key} = {value}")) {
            let mut options = options();
            options.template = template;
            let with = render(&phone, &account("Anna"), &server(), &options);
            prop_assert_eq!(lint(&phone, &with, true), Vec::<String>::new());
            let (ours, theirs) = (read_back(&phone, &files(&phone, "Anna")), read_back(&phone, &with));
            prop_assert!(theirs.len() > ours.len());
            for pair in ours {
                prop_assert!(theirs.contains(&pair), "{:?}", pair);
            }
        }
    }
}

fn template_key(family: Family) -> &'static str {
    match family {
        Family::Yealink => "phone_setting.backlight_time",
        Family::Snom => "tone_scheme",
        Family::Grandstream => "P64",
        Family::FanvilText => "PHONE FEATURE MODULE/Power LED",
        Family::FanvilXml => "phone/date/SNTPServer",
        Family::Polycom => "tcpIpApp.sntp.address",
    }
}

#[test]
fn a_template_sets_what_it_may_and_is_refused_what_it_may_not() {
    for phone in phones() {
        let family = phone.family();
        let text = format!("# times\n{} = {{extension}} {{name}} {{mac}}\n", template_key(family));
        let mut options = options();
        options.template = Template::parse(family, &text).unwrap();
        let with = settings(&phone, &account("Anna"), &server(), &options);
        let set = with.iter().find(|setting| setting.key == template_key(family)).unwrap();
        assert_eq!(set.value, format!("101 Anna {}", phone.mac.lower()));
        // Every setting of ours that is locked is refused by name.
        for setting in settings(&phone, &account("Anna"), &server(), &self::options()).iter().filter(|one| one.locked) {
            let wrong = Template::parse(family, &format!("{} = x", setting.key)).unwrap_err();
            assert!(wrong.problem.contains("set by Nightbell"), "{family:?} {}: {wrong}", setting.key);
        }
        for (text, problem) in [
            ("no sign", "key = value"),
            ("a b<c = 1", "not the name"),
            ("= 1", "not the name"),
            (&format!("{0} = 1\n{0} = 2", template_key(family)), "twice"),
            (&format!("{} = {{secret}}", template_key(family)), "no placeholder"),
            (&format!("{} = {{mac", template_key(family)), "not closed"),
            (&format!("{} = {}", template_key(family), "x".repeat(2000)), "at most"),
        ] {
            let wrong = Template::parse(family, text).unwrap_err();
            assert!(wrong.problem.contains(problem), "{family:?} {text}: {wrong}");
        }
    }
}

#[test]
fn units_and_transports_are_those_of_the_family() {
    let find = |phone: &DeskPhone, server: &ServerInfo, key: &str| {
        let all = settings(phone, &account("Anna"), server, &options());
        all.into_iter().find(|setting| setting.key == key).unwrap().value
    };
    let phone = |family| phones().find(|phone| phone.family() == family).unwrap();
    let mut over_udp = server();
    over_udp.sip = SipServer { host: "2001:db8::1".into(), port: 5060, transport: "udp" };
    assert_eq!(find(&phone(Family::Grandstream), &server(), "P32"), "60");
    assert_eq!(find(&phone(Family::Yealink), &server(), "account.1.sip_server.1.expires"), "3600");
    assert_eq!(find(&phone(Family::FanvilText), &server(), "SIP CONFIG MODULE/SIP1 Transport"), "2");
    let x6 = DeskPhone { model: "X6".parse().unwrap(), ..phone(Family::FanvilText) };
    assert_eq!(find(&x6, &server(), "SIP CONFIG MODULE/SIP1 Transport"), "3");
    assert_eq!(find(&phone(Family::FanvilXml), &over_udp, "sip/line[1]/Transport"), "0");
    assert_eq!(find(&phone(Family::Polycom), &over_udp, "reg.1.server.1.transport"), "UDPOnly");
    assert_eq!(find(&phone(Family::Snom), &over_udp, "user_outbound[1]"), "[2001:db8::1]:5060;transport=udp");
}

#[test]
fn models_are_compared_by_letters_and_digits() {
    let model: Model = "VVX 411".parse().unwrap();
    assert!(model.is("VVX_411") && model.is("vvx411") && !model.is("VVX_410"));
    assert!("SIP-T46S".parse::<Model>().unwrap().is("T46S"));
    for text in ["", "  ", "T46\nS", "a/b", "../x", &"x".repeat(25), "__"] {
        assert!(text.parse::<Model>().is_err(), "{text:?}");
    }
    assert_eq!("Poly".parse::<Vendor>(), Ok(Vendor::Polycom));
    assert!("cisco".parse::<Vendor>().is_err());
}
