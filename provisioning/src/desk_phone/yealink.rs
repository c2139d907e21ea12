//! Yealink, firmware V80 and later: `key = value` below a version line.
//!
//! A phone asks for `{mac}.boot`, then `y000000000000.boot`, then `y0000000000XX.cfg` and `{mac}.cfg`. The boot file names
//! the one file that counts, so that nothing else is asked. A file without its version line is ignored without a word.

use pbx_core::model::Redacted;

use super::{
    Account, Asked, ConfigFile, DeskPhone, LOOK_MINUTES, Options, ServerInfo, Setting, TRUST_FILE, host,
    transport_number,
};

/// The first line of every file.
pub const VERSION_LINE: &str = "#!version:1.0.0.1";
const TEXT: &str = "text/plain; charset=utf-8";

pub(super) fn asked(phone: &DeskPhone, name: &str) -> Asked {
    let mac = phone.mac.lower();
    match name.to_ascii_lowercase() {
        name if name == format!("{mac}.boot") => Asked::Manifest,
        name if name == format!("{mac}.cfg") => Asked::Settings,
        _ => Asked::Nothing,
    }
}

pub(super) fn manifest(phone: &DeskPhone) -> ConfigFile {
    let mac = phone.mac.lower();
    let text = format!("{VERSION_LINE}\ninclude:config \"{mac}.cfg\"\noverwrite_mode = 1\n");
    ConfigFile { name: format!("{mac}.boot"), content_type: TEXT, text: Redacted::new(text) }
}

pub(super) fn settings(account: &Account, server: &ServerInfo, options: &Options) -> Vec<Setting> {
    let mut all = account_settings(account, server);
    all.extend(provisioning(server, options));
    all
}

fn account_settings(account: &Account, server: &ServerInfo) -> Vec<Setting> {
    vec![
        Setting::locked("account.1.enable", 1),
        Setting::open("account.1.label", account.label()),
        Setting::open("account.1.display_name", account.label()),
        Setting::locked("account.1.user_name", account.extension),
        Setting::locked("account.1.auth_name", account.username.as_str()),
        Setting::locked("account.1.password", account.secret.reveal()),
        Setting::locked("account.1.sip_server.1.address", host(&server.sip)),
        Setting::locked("account.1.sip_server.1.port", server.sip.port),
        Setting::locked("account.1.sip_server.1.transport_type", transport_number(&server.sip)),
        // Seconds.
        Setting::open("account.1.sip_server.1.expires", server.register_seconds),
        Setting::open("account.1.nat.udp_update_enable", 1),
        // 0 is off: the relay passes sound on as it is, and not every phone it goes to can decrypt.
        Setting::open("account.1.srtp_encryption", 0),
        Setting::open("account.1.unregister_on_reboot", 1),
        Setting::locked("sip.trust_ctrl", 1),
        Setting::locked("features.direct_ip_call_enable", 0),
        // A check-sync loads the configuration; it does not restart the phone.
        Setting::open("sip.notify_reboot_enable", 0),
    ]
}

fn provisioning(server: &ServerInfo, options: &Options) -> Vec<Setting> {
    let mut all = vec![
        // One line for each account; a file without the second leaves `user:user` (FusionPBX `yealink`, Tancredi
        // `yealink.tmpl`). The third, `var`, is there only while its switch is on.
        Setting::locked("static.security.user_password", format!("admin:{}", options.admin_password.reveal())),
        Setting::locked("static.security.user_password", format!("user:{}", options.admin_password.reveal())),
        Setting::locked("static.security.var_enable", 0),
        Setting::locked("static.security.trust_certificates", 1),
        Setting::locked("static.security.cn_validation", 1),
        // 0 the built-in authorities, 2 those and ours.
        Setting::locked("static.security.ca_cert", if server.own_certificate { 2 } else { 0 }),
        Setting::locked("static.auto_provision.server.url", format!("{}/", server.next_url.reveal())),
        Setting::locked("static.auto_provision.power_on", 1),
        Setting::open("static.auto_provision.repeat.enable", 1),
        Setting::open("static.auto_provision.repeat.minutes", LOOK_MINUTES),
        // Found once, it is not looked for on the network any more.
        Setting::locked("static.auto_provision.pnp_enable", 0),
        Setting::locked("static.auto_provision.dhcp_option.enable", 0),
        Setting::locked("static.zero_touch.enable", 0),
        Setting::open("static.auto_provision.user_agent_mac.enable", 1),
    ];
    if server.own_certificate {
        let url = format!("{}/{TRUST_FILE}", server.next_url.reveal());
        all.push(Setting::locked("static.trusted_certificates.url", url));
    }
    let (user, password) = options.http.as_ref().map_or(("", ""), |(user, password)| (user, password.reveal()));
    all.push(Setting::locked("static.auto_provision.server.username", user));
    all.push(Setting::locked("static.auto_provision.server.password", password));
    all
}

pub(super) fn write(phone: &DeskPhone, settings: &[Setting]) -> ConfigFile {
    let mut text = format!("{VERSION_LINE}\n");
    for setting in settings {
        text.push_str(&format!("{} = {}\n", setting.key, value(&setting.value)));
    }
    ConfigFile { name: format!("{}.cfg", phone.mac.lower()), content_type: TEXT, text: Redacted::new(text) }
}

/// A value on its line. `%NULL%` and `%EMPTY%` are orders to the phone, and no value of ours means one: an empty value
/// is written as the order to reset.
fn value(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let line = line.trim();
    let order = line.len() > 1 && line.starts_with('%') && line.ends_with('%');
    match line {
        "" => "%NULL%".into(),
        line if order => line.trim_matches('%').into(),
        line => line.into(),
    }
}
