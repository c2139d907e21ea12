//! Snom, firmware 8.7 and later: XML in which every setting carries a permission.
//!
//! A phone asks for the address it was given, and for variants with its model and MAC. `perm` is written as `R` (read-only
//! for the user) or `RW`: the short forms are a blank and nothing, and trimming turns one into the other. `!` is never
//! written, because a value the user changed would then survive a new secret.

use pbx_core::model::Redacted;

use super::{
    Account, Asked, ConfigFile, DeskPhone, LOOK_MINUTES, Mac, Options, ServerInfo, Setting, TRUST_FILE, host, xml,
};

/// What a phone asks its network for: the list it has from the factory (FusionPBX `snom/720`, Tancredi `snom.tmpl`) without those
/// options that name a server for its configuration (43, 66, 67). Without 1, 3 and 6 it would be on no network.
const DHCP_OPTIONS: &str = "1 3 4 6 12 15 42 51 120 125 132 133";
/// The same for what it asks for later.
const DHCP_OPTIONS_INFORM: &str = "120 125";

pub(super) fn asked(phone: &DeskPhone, name: &str) -> Asked {
    let lower = name.to_ascii_lowercase();
    let ours = Mac::find(&lower) == Some(phone.mac);
    let ending = [".xml", ".htm", ".html", ".php"].iter().any(|ending| lower.ends_with(ending));
    let by_mac = ours && (ending || lower.ends_with(&phone.mac.lower()));
    // The folder itself: what `setting_server` without a file name comes to.
    if by_mac || name.is_empty() { Asked::Settings } else { Asked::Nothing }
}

pub(super) fn settings(account: &Account, server: &ServerInfo, options: &Options) -> Vec<Setting> {
    let outbound = format!("{}:{};transport={}", host(&server.sip), server.sip.port, server.sip.transport);
    let mut all = vec![
        Setting::locked("user_active[1]", "on"),
        Setting::open("user_realname[1]", account.label()),
        Setting::locked("user_name[1]", account.extension),
        Setting::locked("user_pname[1]", account.username.as_str()),
        Setting::locked("user_pass[1]", account.secret.reveal()),
        Setting::locked("user_host[1]", host(&server.sip)),
        Setting::locked("user_outbound[1]", outbound),
        // Seconds.
        Setting::open("user_expiry[1]", server.register_seconds),
        // The relay passes sound on as it is, and not every phone it goes to can decrypt.
        Setting::open("user_srtp[1]", "off"),
        Setting::open("user_symmetrical_rtp[1]", "on"),
        Setting::locked("http_user", "admin"),
        Setting::locked("http_pass", options.admin_password.reveal()),
        Setting::locked("admin_mode", "off"),
        Setting::locked("admin_mode_password", options.admin_password.reveal()),
        Setting::locked("admin_mode_password_confirm", options.admin_password.reveal()),
        // Newer firmware has its web pages' passwords under these names, one for the user as well (Tancredi `snomD8XX.tmpl`, Wazo
        // `wazo_snom`); older firmware leaves them aside.
        Setting::locked("webserver_admin_name", "admin"),
        Setting::locked("webserver_admin_password", options.admin_password.reveal()),
        Setting::locked("webserver_user_name", "user"),
        Setting::locked("webserver_user_password", options.admin_password.reveal()),
        Setting::locked("setting_server", format!("{}/{{mac}}.xml", server.next_url.reveal())),
        Setting::open("update_policy", "settings_only"),
        // Seconds.
        Setting::open("settings_refresh_timer", LOOK_MINUTES * 60),
        Setting::locked("pnp_config", "off"),
        Setting::locked("dhcp_options_on_ip_aquire", DHCP_OPTIONS),
        Setting::locked("dhcp_options_on_inform", DHCP_OPTIONS_INFORM),
    ];
    let (user, password) = options.http.as_ref().map_or(("", ""), |(user, password)| (user, password.reveal()));
    all.push(Setting::locked("http_client_user", user));
    all.push(Setting::locked("http_client_pass", password));
    all
}

pub(super) fn write(phone: &DeskPhone, settings: &[Setting], server: &ServerInfo) -> ConfigFile {
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<settings>\n  <phone-settings e=\"2\">\n");
    for setting in settings {
        let (key, index) = super::template::indexed(&setting.key);
        let index = index.map(|index| format!(" idx=\"{index}\"")).unwrap_or_default();
        let perm = if setting.locked { "R" } else { "RW" };
        let value = xml::escape(&setting.value);
        text.push_str(&format!("    <{key}{index} perm=\"{perm}\">{value}</{key}>\n"));
    }
    text.push_str("  </phone-settings>\n");
    if server.own_certificate {
        let url = xml::escape(&format!("{}/{TRUST_FILE}", server.next_url.reveal()));
        text.push_str(&format!("  <certificates>\n    <certificate url=\"{url}\"/>\n  </certificates>\n"));
    }
    text.push_str("</settings>\n");
    ConfigFile {
        name: format!("{}.xml", phone.mac.upper()),
        content_type: "text/xml; charset=utf-8",
        text: Redacted::new(text),
    }
}
