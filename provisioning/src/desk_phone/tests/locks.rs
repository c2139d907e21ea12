//! What a template may not name, in whatever spelling.

use super::*;

/// Settings of ours that a partner may set otherwise: names on displays, times, how sound is sent.
fn harmless(family: Family) -> &'static [&'static str] {
    match family {
        Family::Yealink => &[
            "account.1.label",
            "account.1.display_name",
            "account.1.sip_server.1.expires",
            "account.1.nat.udp_update_enable",
            "account.1.srtp_encryption",
            "account.1.unregister_on_reboot",
            "sip.notify_reboot_enable",
            "static.auto_provision.repeat.enable",
            "static.auto_provision.repeat.minutes",
            "static.auto_provision.user_agent_mac.enable",
        ],
        Family::Snom => &[
            "user_realname[1]",
            "user_expiry[1]",
            "user_srtp[1]",
            "user_symmetrical_rtp[1]",
            "update_policy",
            "settings_refresh_timer",
        ],
        Family::Grandstream => &["P3", "P32", "P183", "P193", "P194", "P238", "P270"],
        Family::FanvilText => &[
            "SIP CONFIG MODULE/SIP1 Display Name",
            "AUTOUPDATE CONFIG MODULE/Download Mode",
            "AUTOUPDATE CONFIG MODULE/Download Interval",
        ],
        Family::FanvilXml => &[
            "sip/NotifyReboot",
            "sip/line[1]/DisplayName",
            "sip/line[1]/MediaCrypto",
            "ap/FlashMode",
            "ap/FlashInterval",
        ],
        Family::Polycom => &[
            "reg.1.displayName",
            "reg.1.label",
            "sec.srtp.enable",
            "sec.srtp.offer",
            "sec.srtp.require",
            "voIpProt.SIP.specialEvent.checkSync.alwaysReboot",
            "prov.polling.enabled",
            "prov.polling.period",
        ],
    }
}

/// Everything else that our writer sets for this phone.
fn guarded(phone: &DeskPhone) -> Vec<String> {
    let keys = settings(phone, &account("Anna"), &server(), &options()).into_iter().map(|setting| setting.key);
    keys.filter(|key| !harmless(phone.family()).contains(&key.as_str())).collect()
}

fn is_refused(family: Family, key: &str) -> bool {
    Template::parse(family, &format!("{key} = x")).is_err()
}

#[test]
fn every_setting_of_ours_is_locked_or_known_to_be_harmless() {
    for phone in phones() {
        let family = phone.family();
        let ours = settings(&phone, &account("Anna"), &server(), &options());
        for setting in &ours {
            let open = harmless(family).contains(&setting.key.as_str());
            assert!(!(open && setting.locked), "{family:?} {}", setting.key);
            let wrong = Template::parse(family, &format!("{} = 60", setting.key));
            match wrong {
                Ok(_) => assert!(open, "{family:?}: a template can set {}", setting.key),
                Err(wrong) => {
                    assert!(!open && wrong.problem.contains("set by Nightbell"), "{family:?} {}: {wrong}", setting.key);
                }
            }
        }
    }
}

// Names that lead to the same end as ours, which the lists of the vendors hold beside them, and odd spellings of ours.
const OTHERS_OF_YEALINK: [&str; 17] = [
    "trusted_certificates.url",
    "server_certificates.url",
    "account.2.password",
    "account.01.password",
    "account.1.sip_server_host",
    "account.1.sip_server.2.address",
    "account.1.outbound_proxy.1.address",
    "account.1.outbound_host",
    "account.1.dns_cache_a.1.ip",
    "auto_provision.pnp_enable",
    "static.autoprovision.1.url",
    "static.configuration.url",
    "static.custom_mac_cfg.url",
    "static.firmware.url",
    "static.openvpn.url",
    "security.user_name.admin",
    "phone_setting.reserve_certs_enable",
];
const OTHERS_OF_SNOM: [&str; 18] = [
    "user_pass",
    "user_pass[12]",
    "user_hash[1]",
    "user_failover_identity[1]",
    "sip_proxy",
    "webserver_admin_password",
    "webserver_user_password",
    "update_server",
    "provisioning_order",
    "pnp_config",
    "dhcp_options_on_ip_aquire",
    "allow_sip_settings",
    "check_fqdn_against_server_cert",
    "tls_server_authentication",
    "filter_registrar",
    "challenge_checksync",
    "tr69_acs_url",
    "vpn_tarball_url",
];
const OTHERS_OF_GRANDSTREAM: [&str; 21] = [
    "P0237", "P047", "P2312", "P2333", "P402", "P406", "P1806", "P2308", "P2386", "P2711", "P145", "P234", "P1409",
    "P4512", "P6768", "P7051", "P8434", "P8463", "P8467", "P22030", "P280",
];
const OTHERS_OF_FANVIL_TEXT: [&str; 11] = [
    "AUTOUPDATE CONFIG MODULE/ Flash Server IP",
    "autoupdate CONFIG MODULE/Flash Server IP",
    "mmi CONFIG MODULE/Account2 Password",
    "SIP CONFIG MODULE/SIP2 BakProxy Addr",
    "SIP CONFIG MODULE/SIP1  Backup Addr",
    "SIP CONFIG MODULE/SIP01 register pswd",
    "AUTOUPDATE CONFIG MODULE/PNP Enable",
    "FIRMWARE CHECK MODULE/Upgrade Server 1",
    "VPN CONFIG MODULE/L2TP Server Address",
    "SIP Hotspot MODULE/Enable Hotspot",
    "CTI CONFIG MODULE/Active Uri IP",
];
const OTHERS_OF_FANVIL_XML: [&str; 11] = [
    "ap[1]/FlashServerIP",
    "web[1]/account[1]/Password",
    "AP/flashserverip",
    "sysConf/ap/FlashServerIP",
    "sip/line[2]/RegisterPswd",
    "sip[1]/line[1]/ProxyAddr",
    "sip/line[1]/BackupAddr",
    "sip/line[1]/SipName",
    "ap/opt/DHCPOption",
    "ota/FDPSEnable",
    "fwCheck/UpgradeServer1",
];
const OTHERS_OF_POLYCOM: [&str; 13] = [
    "voIpProt.SIP.outboundProxy.address",
    "voIpProt.server.1.address",
    "voIpProt.server.2.transport",
    "voipprot.sip.outboundproxy.address",
    "voIpProt.server.dhcp.option",
    "reg.2.auth.password",
    "REG.1.OUTBOUNDPROXY.ADDRESS",
    "DEVICE.PROV.SERVERNAME",
    "sec.tls.customCaCert.1",
    "prov.login.enabled",
    "upgrade.custom.server.url",
    "dns.cache.A.1.address",
    "apps.push.serverRootURL",
];

fn others(family: Family) -> &'static [&'static str] {
    match family {
        Family::Yealink => &OTHERS_OF_YEALINK,
        Family::Snom => &OTHERS_OF_SNOM,
        Family::Grandstream => &OTHERS_OF_GRANDSTREAM,
        Family::FanvilText => &OTHERS_OF_FANVIL_TEXT,
        Family::FanvilXml => &OTHERS_OF_FANVIL_XML,
        Family::Polycom => &OTHERS_OF_POLYCOM,
    }
}

#[test]
fn other_ways_to_the_account_the_trust_and_the_next_address_are_locked_as_well() {
    for family in Family::ALL {
        for key in others(family) {
            let wrong = Template::parse(family, &format!("{key} = x")).expect_err(key);
            assert!(wrong.problem.contains("set by Nightbell"), "{family:?} {key}: {wrong}");
        }
    }
}

#[test]
fn what_partners_set_stays_open() {
    for (family, key) in [
        (Family::Yealink, "phone_setting.backlight_time"),
        (Family::Yealink, "linekey.2.label"),
        (Family::Yealink, "account.1.codec.pcmu.enable"),
        (Family::Yealink, "static.auto_provision.weekly.enable"),
        (Family::Snom, "user_mailbox[1]"),
        (Family::Snom, "tone_scheme"),
        (Family::Grandstream, "P64"),
        (Family::Grandstream, "P330"),
        (Family::FanvilText, "PHONE FEATURE MODULE/Do Not Disturb"),
        (Family::FanvilText, "DSSKEY CONFIG MODULE/Fkey1 Value"),
        (Family::FanvilXml, "phone/date/SNTPServer"),
        (Family::FanvilXml, "call/port[1]/CallWaiting"),
        (Family::Polycom, "tcpIpApp.sntp.address"),
        (Family::Polycom, "attendant.resourceList.1.address"),
    ] {
        assert!(Template::parse(family, &format!("{key} = 1")).is_ok(), "{family:?} {key}");
    }
    // Blanks with which Fanvil's own files are padded are no part of the name.
    let padded = Template::parse(Family::FanvilText, "AUTOUPDATE CONFIG MODULE/Flash  Mode   = 1").unwrap();
    assert_eq!(padded.to_string(), "AUTOUPDATE CONFIG MODULE/Flash Mode = 1\n");
}

/// A phone may take two spellings for one setting, and either value then.
#[test]
fn one_setting_stands_once_whatever_its_spelling() {
    for (family, one, other) in [
        (Family::Polycom, "tcpIpApp.sntp.address", "tcpipapp.sntp.address"),
        (Family::FanvilXml, "phone/date/SNTPServer", "Phone/date/sntpserver"),
        (Family::FanvilText, "PHONE FEATURE MODULE/Power LED", "PHONE FEATURE MODULE/ power led"),
    ] {
        let wrong = Template::parse(family, &format!("{one} = 1\n{other} = 2")).unwrap_err();
        assert!(wrong.line == 2 && wrong.problem.contains("twice"), "{wrong}");
    }
    for (family, key) in
        [(Family::Grandstream, "P064"), (Family::Yealink, "linekey.02.label"), (Family::Snom, "fkey[01]")]
    {
        let wrong = Template::parse(family, &format!("{key} = 1")).unwrap_err();
        assert!(wrong.problem.contains("not the name"), "{wrong}");
    }
}

/// Choices by which one name is spelt in another way.
#[derive(Debug, Clone)]
struct Spelling {
    upper: Vec<bool>,
    blanks: Vec<bool>,
    zeros: usize,
    account: u8,
    index: Option<(usize, u8)>,
    prefix: usize,
}

fn spellings() -> impl Strategy<Value = Spelling> {
    let bits = || proptest::collection::vec(proptest::bool::weighted(0.3), 40);
    let index = proptest::option::of((0_usize..4, 0_u8..20));
    (bits(), bits(), 0_usize..3, 1_u8..17, index, 0_usize..4).prop_map(
        |(upper, blanks, zeros, account, index, prefix)| Spelling { upper, blanks, zeros, account, index, prefix },
    )
}

/// Another spelling of one of our names, as far as the family's names have room for it.
fn spelt(family: Family, key: &str, how: &Spelling) -> String {
    let numbered = match family {
        // The number is the name.
        Family::Grandstream => format!("P{}{}", "0".repeat(how.zeros), key.trim_start_matches('P')),
        Family::Yealink | Family::Snom | Family::FanvilText | Family::FanvilXml | Family::Polycom => {
            renumbered(key, how)
        }
    };
    let bare = numbered.strip_prefix("static.").unwrap_or(&numbered);
    let prefixed = match (family, how.prefix) {
        (Family::Yealink, 0) => bare.to_owned(),
        (Family::Yealink, 1) => format!("static.{bare}"),
        (Family::Yealink, 2) => format!("static.static.{bare}"),
        (Family::FanvilXml, 0) => format!("sysConf/{numbered}"),
        _ => numbered.clone(),
    };
    let indexed = match (family, how.index) {
        (Family::Snom, Some((_, index))) => format!("{}[{index}]", template::indexed(&prefixed).0),
        (Family::Snom, None) => template::indexed(&prefixed).0.to_owned(),
        (Family::FanvilXml, Some((place, index))) => with_index(&prefixed, place, index),
        _ => prefixed,
    };
    match family {
        Family::Yealink | Family::Snom | Family::Grandstream => indexed,
        Family::FanvilXml | Family::Polycom => cased(&indexed, &how.upper),
        Family::FanvilText => {
            let (module, name) = indexed.split_once('/').unwrap();
            let module = module.strip_suffix(" MODULE").unwrap();
            format!("{} MODULE/{}", cased(module, &how.upper), blanked(&cased(name, &how.upper), &how.blanks))
        }
    }
}

/// The same letters, some of them the other way.
fn cased(text: &str, upper: &[bool]) -> String {
    let turned = |c: char| if c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() };
    text.chars().zip(upper.iter().cycle()).map(|(c, turn)| if *turn { turned(c) } else { c }).collect()
}

/// The same name of another account, with zeros before its number.
fn renumbered(key: &str, how: &Spelling) -> String {
    let mut text = String::new();
    let mut digits = false;
    for c in key.chars() {
        if c.is_ascii_digit() {
            if !digits {
                text.push_str(&"0".repeat(how.zeros));
                text.push_str(&how.account.to_string());
            }
            digits = true;
        } else {
            digits = false;
            text.push(c);
        }
    }
    text
}

fn with_index(key: &str, place: usize, index: u8) -> String {
    let parts: Vec<&str> = key.split('/').collect();
    let at = place % parts.len();
    let changed = parts.iter().enumerate().map(|(n, part)| match n == at {
        true => format!("{}[{index}]", template::indexed(part).0),
        false => (*part).to_owned(),
    });
    changed.collect::<Vec<_>>().join("/")
}

fn blanked(name: &str, blanks: &[bool]) -> String {
    name.chars()
        .zip(blanks.iter().cycle())
        .map(|(c, blank)| if *blank { format!(" {c}") } else { c.to_string() })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn no_spelling_of_what_nightbell_sets_passes_a_template(how in spellings(), which in 0..MODELS.len()) {
        let phone = phones().nth(which).unwrap();
        let family = phone.family();
        for key in guarded(&phone) {
            let other = spelt(family, &key, &how);
            prop_assert!(is_refused(family, &other), "{family:?}: {other}");
        }
    }
}
