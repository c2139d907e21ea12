//! Which settings no template may name: the account, trust, passwords, and where a phone fetches from.
//!
//! A name is compared as a careless phone might read it: without case, blanks, indices, the numbers of accounts and the parts
//! that only say where a setting is kept (`static.`, `sysConf/`). So what is locked in one spelling is locked in all of them,
//! and for the second account as for the first.
//!
//! The lists hold what our own writers set, unless it is harmless (times, names on a display), and the vendors' other settings
//! to the same end: another server beside ours, another password, another management server, an authority to be trusted. They
//! follow the vendors' published parameter lists. Each entry is a beginning.

use super::super::Family;
use super::indexed;

/// Whether a template may not name this setting.
pub(super) fn is_locked(family: Family, key: &str) -> bool {
    let name = folded(family, key);
    let begins = |all: &[&str]| all.iter().any(|start| name.starts_with(start));
    match family {
        Family::Yealink => begins(&YEALINK) && !begins(&YEALINK_OPEN) || yealink_password(&name),
        Family::Snom => begins(&SNOM),
        Family::Grandstream => p_value(&name).is_none_or(grandstream),
        Family::Polycom => begins(&POLYCOM) && !begins(&POLYCOM_OPEN),
        Family::FanvilXml | Family::FanvilText => fanvil(&name),
    }
}

/// How a name is compared.
fn folded(family: Family, key: &str) -> String {
    let key = key.to_ascii_lowercase();
    match family {
        Family::Yealink => {
            let key = key.replace('-', "_");
            let named = key.split('.').filter(|part| !is_number(part));
            named.skip_while(|part| *part == "static").collect::<Vec<_>>().join(".")
        }
        Family::Polycom => key.split('.').filter(|part| !is_number(part)).collect::<Vec<_>>().join("."),
        Family::Snom => indexed(&key).0.to_owned(),
        Family::Grandstream => key,
        Family::FanvilXml | Family::FanvilText => {
            let parts = key.split('/').map(|part| {
                indexed(part).0.chars().filter(|c| !c.is_whitespace() && !matches!(c, '_' | '-')).collect::<String>()
            });
            parts.skip_while(|part| part == "sysconf").collect::<Vec<_>>().join("/")
        }
    }
}

fn is_number(part: &str) -> bool {
    part.bytes().all(|b| b.is_ascii_digit())
}

/// The number of a P-value, whatever zeros stand before it.
fn p_value(name: &str) -> Option<u32> {
    name.strip_prefix('p')?.parse().ok()
}

/// Passwords below an account are those of the account or of what signs in as it.
fn yealink_password(name: &str) -> bool {
    name.starts_with("account.") && name.ends_with(".password")
}

/// Yealink, "Auto Provisioning Guide" and "Administrator Guide" of V84 to V86.
const YEALINK: [&str; 41] = [
    "account.enable",
    "account.user_name",
    "account.auth_name",
    "account.password",
    "account.sip_server",
    "account.outbound",
    "account.transport",
    "account.sip_trust_ctrl",
    "account.dns_cache",
    "account.static_cache",
    // Names that are resolved without asking the network.
    "dns_cache",
    "sip.trust_ctrl",
    "sip.request_validation",
    "sip.dhcp.option120",
    "features.direct_ip_call_enable",
    // Orders from other machines.
    "features.action_uri",
    "push_xml",
    "security.",
    "trusted_certificates",
    "server_certificates",
    "phone_setting.reserve_certs",
    "scep",
    "wui.quick_login",
    "wui.secure_domain",
    "web_item_level",
    "hotdesking",
    "features.factory_pwd",
    "features.custom_factory",
    "custom_factory",
    "auto_provision.",
    "autoprovision.",
    "custom.auto_provision",
    "custom_mac_cfg",
    "configuration.",
    "zero_touch",
    "firmware.",
    "over_the_air",
    "managementserver",
    "dm.",
    "openvpn",
    "network.vpn",
];

/// When to look for a changed configuration, and for how long to register.
const YEALINK_OPEN: [&str; 12] = [
    "account.sip_server.expires",
    "account.sip_server.retry_counts",
    "account.sip_server.invite_retry_counts",
    "auto_provision.repeat.",
    "auto_provision.weekly",
    "auto_provision.flexible.",
    "auto_provision.prompt.",
    "auto_provision.attempt_",
    "auto_provision.retry_delay",
    "auto_provision.inactivity_time",
    "auto_provision.user_agent_mac.",
    "auto_provision.reboot_force.",
];

/// Snom, service.snom.com, "Settings".
const SNOM: [&str; 49] = [
    "user_active",
    "user_name",
    "user_pname",
    "user_pass",
    "user_hash",
    "user_host",
    "user_outbound",
    "user_failover",
    "user_proxy",
    "user_auth",
    "user_tls",
    "user_uid",
    "user_admin_mode",
    "sip_proxy",
    "emergency_proxy",
    "lcserver",
    "auth_tmp",
    "legacy_digest",
    // The page of the phone, and what it signs in with when it fetches.
    "http_",
    "webserver_",
    "admin_mode",
    "service_mode",
    "setting_server",
    "provisioning",
    "update_server",
    "update_host",
    "update_filename",
    "firmware",
    "pnp_",
    "subscribe_config",
    "dhcp_options",
    "skip_provisioning",
    // Settings in a SIP message.
    "allow_sip_settings",
    "cert",
    "check_fqdn",
    "host_name_validation",
    "ignore_security",
    "empty_tls",
    "tls_",
    "mb_trusted",
    "filter_registrar",
    "challenge_",
    "tr069",
    "tr_069",
    "tr69",
    "tr_69",
    "tr369",
    "tr_369",
    "vpn",
];

/// Polycom and Poly, "UC Software Administrator Guide" 5.9 and 6.4.
const POLYCOM: [&str; 24] = [
    "device.",
    "sec.",
    "reg.auth",
    "reg.server",
    "reg.address",
    "reg.outboundproxy",
    "reg.protocol",
    "reg.thirdpartyname",
    "voipprot.server",
    "voipprot.sip.outboundproxy",
    "voipprot.sip.requestvalidation",
    "voipprot.sip.enable",
    "voipprot.sip.lcs",
    "voipprot.h323",
    // Names that are resolved without asking the network.
    "dns.",
    "prov.",
    "upgrade.",
    // Pages and orders from other machines.
    "apps.push",
    "httpd.cfg.securetunnel",
    "tr069.",
    "lens.",
    "feature.lens",
    "feature.da.",
    "feature.obitalk",
];

/// Encryption of sound, and when to look for a changed configuration.
const POLYCOM_OPEN: [&str; 2] = ["sec.srtp.", "prov.polling."];

/// Grandstream: what is there once for the phone (vendor's configuration templates for GXP, GRP, GXV and HT).
const GRANDSTREAM: [(u32, u32); 41] = [
    // Passwords of the phone's own page.
    (2, 2),
    (196, 196),
    // Where configuration and firmware come from, by which way, and with what they are opened.
    (145, 145),
    (192, 192),
    (212, 212),
    (232, 235),
    (237, 237),
    (240, 240),
    (1359, 1361),
    (1411, 1411),
    (1414, 1414),
    (6713, 6714),
    (6767, 6769),
    (6775, 6778),
    (8337, 8337),
    (8467, 8467),
    (20719, 20719),
    // A NOTIFY of anybody would count.
    (4428, 4428),
    // TR-069, which could read everything.
    (1409, 1409),
    (4503, 4512),
    (8220, 8221),
    (8487, 8487),
    // Trust: own certificate and key, authorities, whether names are looked at.
    (279, 281),
    (8433, 8438),
    (8463, 8463),
    (8472, 8472),
    (8475, 8475),
    (8502, 8502),
    (22030, 22030),
    (4340, 4340),
    (243, 243),
    // The virtual private network.
    (2912, 2912),
    (7050, 7052),
    (8394, 8395),
    (9902, 9904),
    // The second socket of an adapter for analogue phones.
    (701, 703),
    (731, 731),
    (734, 736),
    (747, 748),
    (830, 830),
    // The domain that stands for the server.
    (22017, 22017),
];

/// Of the first account: secret, user, name, server, proxy, transport, whether it registers, how its names are resolved.
const GRANDSTREAM_FIRST: [u32; 9] = [31, 34, 35, 36, 47, 48, 103, 130, 271];
/// The same of the others, counted from the hundred of their block.
const GRANDSTREAM_OTHER: [u32; 9] = [1, 2, 3, 4, 5, 6, 8, 10, 48];
/// Where the blocks of the second to the sixth account begin.
const GRANDSTREAM_BLOCKS: [u32; 5] = [400, 500, 600, 1700, 1800];
/// Second servers and proxies, fixed addresses and trust, counted from the hundred of each account's second block.
const GRANDSTREAM_SECOND: [u32; 10] = [6, 8, 9, 10, 11, 12, 33, 46, 47, 67];
/// The authority an account trusts, in the same block.
const GRANDSTREAM_AUTHORITY: u32 = 86;

fn grandstream(number: u32) -> bool {
    let (block, place) = (number - number % 100, number % 100);
    let second = (2300..=2800).contains(&block);
    GRANDSTREAM.iter().any(|(first, last)| (*first..=*last).contains(&number))
        || GRANDSTREAM_FIRST.contains(&number)
        || GRANDSTREAM_BLOCKS.contains(&block) && GRANDSTREAM_OTHER.contains(&place)
        || second && (GRANDSTREAM_SECOND.contains(&place) || place == GRANDSTREAM_AUTHORITY)
}

/// Fanvil: whole sections, of the text and of `sysConf`.
const FANVIL_SECTIONS: [&str; 16] = [
    "web",
    "mmi",
    "tr069",
    "tr104",
    "acs",
    "ota",
    "fdps",
    "fwcheck",
    "firmware",
    "vpn",
    "cert",
    "trust",
    "siphotspot",
    "hotspot",
    "telnet",
    "ssh",
];

/// Sections that say where the phone fetches from, and what in them is harmless.
const FANVIL_UPDATE: [&str; 2] = ["ap", "autoupdate"];
const FANVIL_UPDATE_OPEN: [&str; 6] =
    ["flashmode", "flashinterval", "downloadmode", "downloadinterval", "updatepbinterval", "checkfailtimes"];

/// Settings by their own name, wherever they stand: a phone may look for a name alone.
const FANVIL: [&str; 54] = [
    "phonenumber",
    "sipname",
    "register",
    "proxy",
    "bakproxy",
    "backup",
    "enablereg",
    "transport",
    "localdomain",
    "sigcrypto",
    "sippswd",
    "usevpn",
    "enablevpn",
    "tls",
    "account",
    "defaultusername",
    "defaultpassword",
    "inputcfgfile",
    "devicecfgfile",
    "commoncfgfile",
    "downloadcommonconf",
    "downloaddeviceconf",
    "saveprovisioninfo",
    "autoimageurl",
    "autoupgrade",
    "enableautoupgrade",
    "upgradeserver",
    "flashserver",
    "flashfile",
    "flashprotocol",
    // The same in the words of older phones.
    "downloadserver",
    "downloadprotocol",
    "downloadusername",
    "downloadpassword",
    "configfile",
    "pnp",
    "dhcpoption",
    "dhcpv6option",
    "appswdencryption",
    "autoserverdigest",
    "fdps",
    "acs",
    "cpe",
    "enabletr069",
    "enablehotspot",
    "allowipcall",
    "activeuri",
    "enabledactiveuri",
    "enableactiveuri",
    "remotecontrol",
    "webauthentication",
    "cacert",
    "rootcert",
    "permissioncert",
];

fn fanvil(name: &str) -> bool {
    let (sections, leaf) = name.rsplit_once('/').unwrap_or(("", name));
    let begins = |all: &[&str], text: &str| all.iter().any(|start| text.starts_with(start));
    // Lines of the text begin with the account, for example `sip1registeraddr`.
    let counted = leaf.strip_prefix("sip").map_or(leaf, |rest| {
        let named = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        if named.len() < rest.len() { named } else { leaf }
    });
    let updates =
        sections.split('/').any(|section| section == FANVIL_UPDATE[0] || section.starts_with(FANVIL_UPDATE[1]));
    sections.split('/').any(|section| begins(&FANVIL_SECTIONS, section))
        || begins(&FANVIL, leaf)
        || begins(&FANVIL, counted)
        || leaf.contains("certificate")
        || leaf.contains("commonname")
        || updates && !FANVIL_UPDATE_OPEN.contains(&leaf)
}
