//! Fanvil: the old text of modules, and `sysConf` XML on newer models (firmware 2.2.10 and later).
//!
//! Both are asked for as `{mac}.cfg`. A phone takes a configuration only when its version differs from, or is higher than,
//! the one it has, so the version counts up with each change. Text traps: CRLF everywhere, sections are never closed, and
//! TLS is 2 on the X3S and X4 generation and 3 on the others.

use pbx_core::model::Redacted;

use super::{Account, Asked, ConfigFile, DeskPhone, Model, Options, ServerInfo, Setting, host, xml};

/// The models that read the text only.
const TEXT_MODELS: [&str; 12] = ["X1S", "X1SP", "X3S", "X3SP", "X3G", "X4", "X4G", "X5S", "X6", "X7", "X7C", "X210"];
/// Those among them on which TLS is 2.
const TLS_IS_2: [&str; 7] = ["X1S", "X1SP", "X3S", "X3SP", "X3G", "X4", "X4G"];
/// Those that have other words for where they fetch from (FusionPBX `fanvil/x4`, `x4g`, `x3sp`, `x3g`; Tancredi `fanvil-X3.tmpl`).
const SAYS_DOWNLOAD: [&str; 5] = ["X3S", "X3SP", "X3G", "X4", "X4G"];
/// Hours between two looks for a changed configuration.
const LOOK_HOURS: u32 = 24;

const SIP: &str = "SIP CONFIG MODULE";
const UPDATE: &str = "AUTOUPDATE CONFIG MODULE";
const MMI: &str = "MMI CONFIG MODULE";

/// Whether the model reads the text format.
pub fn reads_text(model: &Model) -> bool {
    TEXT_MODELS.contains(&model.plain().as_str())
}

pub(super) fn asked(phone: &DeskPhone, name: &str) -> Asked {
    if name.eq_ignore_ascii_case(&format!("{}.cfg", phone.mac.lower())) { Asked::Settings } else { Asked::Nothing }
}

pub(super) fn text_settings(
    phone: &DeskPhone,
    account: &Account,
    server: &ServerInfo,
    options: &Options,
) -> Vec<Setting> {
    let tls = if TLS_IS_2.contains(&phone.model.plain().as_str()) { 2 } else { 3 };
    let sip = |key: &str| format!("{SIP}/SIP1 {key}");
    let update = |key: &str| format!("{UPDATE}/{key}");
    let download = SAYS_DOWNLOAD.contains(&phone.model.plain().as_str());
    let [user_key, password_key, server_key, file_key] = if download {
        ["Download Username", "Download Password", "Download Server IP", "Config File Name"]
    } else {
        ["Default Username", "Default Password", "Flash Server IP", "Flash File Name"]
    };
    let fetch = |key: &str| update(&format!("{} {key}", if download { "Download" } else { "Flash" }));
    let (user, password) = options.http.as_ref().map_or(("", ""), |(user, password)| (user, password.reveal()));
    vec![
        Setting::locked(sip("Phone Number"), account.extension),
        Setting::open(sip("Display Name"), account.label()),
        Setting::locked(sip("Register Addr"), host(&server.sip)),
        Setting::locked(sip("Register Port"), server.sip.port),
        Setting::locked(sip("Register User"), account.username.as_str()),
        Setting::locked(sip("Register Pswd"), account.secret.reveal()),
        // Seconds.
        Setting::open(sip("Register TTL"), server.register_seconds),
        Setting::locked(sip("Enable Reg"), 1),
        Setting::locked(sip("Transport"), transport(server, tls)),
        Setting::locked(format!("{MMI}/Account1 Name"), "admin"),
        Setting::locked(format!("{MMI}/Account1 Password"), options.admin_password.reveal()),
        Setting::locked(format!("{MMI}/Account1 Level"), 10),
        // The second account, `guest:guest` from the factory (FusionPBX `fanvil/x5s`, Tancredi `fanvil-X3.tmpl`).
        Setting::locked(format!("{MMI}/Account2 Name"), "guest"),
        Setting::locked(format!("{MMI}/Account2 Password"), options.admin_password.reveal()),
        Setting::locked(format!("{MMI}/Account2 Level"), 5),
        Setting::locked(update(user_key), user),
        Setting::locked(update(password_key), password),
        Setting::locked(update(server_key), server.next_url.reveal()),
        Setting::locked(update(file_key), format!("{}.cfg", phone.mac.lower())),
        // 5 is HTTPS.
        Setting::locked(fetch("Protocol"), 5),
        // 2 looks at each interval.
        Setting::open(fetch("Mode"), 2),
        Setting::open(fetch("Interval"), LOOK_HOURS),
        // Looks for no other server (Tancredi `fanvil-X3.tmpl`, `fanvil-X5.tmpl`).
        Setting::locked(update("PNP Enable"), 0),
        Setting::locked(update("DHCP Option"), 0),
    ]
}

pub(super) fn xml_settings(account: &Account, server: &ServerInfo, options: &Options) -> Vec<Setting> {
    let line = |key: &str| format!("sip/line[1]/{key}");
    let (user, password) = options.http.as_ref().map_or(("", ""), |(user, password)| (user, password.reveal()));
    vec![
        Setting::open("sip/NotifyReboot", 0),
        Setting::locked(line("PhoneNumber"), account.extension),
        Setting::open(line("DisplayName"), account.label()),
        Setting::locked(line("RegisterAddr"), host(&server.sip)),
        Setting::locked(line("RegisterPort"), server.sip.port),
        Setting::locked(line("RegisterUser"), account.username.as_str()),
        Setting::locked(line("RegisterPswd"), account.secret.reveal()),
        // Seconds.
        Setting::open(line("RegisterTTL"), server.register_seconds),
        Setting::locked(line("EnableReg"), 1),
        Setting::locked(line("Transport"), transport(server, 3)),
        Setting::open(line("MediaCrypto"), 0),
        Setting::locked("web/account[1]/Name", "admin"),
        Setting::locked("web/account[1]/Password", options.admin_password.reveal()),
        Setting::locked("web/account[1]/Level", 10),
        // `guest:guest` from the factory (FusionPBX `fanvil/x6u`).
        Setting::locked("web/account[2]/Name", "guest"),
        Setting::locked("web/account[2]/Password", options.admin_password.reveal()),
        Setting::locked("web/account[2]/Level", 5),
        Setting::locked("ap/DefaultUsername", user),
        Setting::locked("ap/DefaultPassword", password),
        Setting::locked("ap/FlashServerIP", server.next_url.reveal()),
        Setting::locked("ap/FlashFileName", "$mac.cfg"),
        Setting::locked("ap/FlashProtocol", 5),
        Setting::open("ap/FlashMode", 2),
        Setting::open("ap/FlashInterval", LOOK_HOURS),
        Setting::locked("ap/pnp/PNPEnable", 0),
        Setting::locked("ap/opt/DHCPOption", 0),
    ]
}

fn transport(server: &ServerInfo, tls: u8) -> u8 {
    match server.sip.transport {
        "tls" => tls,
        "tcp" => 1,
        _ => 0,
    }
}

/// The version under which a change is taken: always higher than before.
fn version(revision: u64) -> String {
    format!("2.{revision:010}")
}

fn file(phone: &DeskPhone, content_type: &'static str, text: String) -> ConfigFile {
    ConfigFile { name: format!("{}.cfg", phone.mac.lower()), content_type, text: Redacted::new(text) }
}

pub(super) fn write_text(phone: &DeskPhone, settings: &[Setting], revision: u64) -> ConfigFile {
    let mut text = format!("<<VOIP CONFIG FILE>>Version:{}\r\n", version(revision));
    let mut modules: Vec<&str> = Vec::new();
    for setting in settings {
        let module = setting.key.split('/').next().unwrap_or(SIP);
        if !modules.contains(&module) {
            modules.push(module);
        }
    }
    for module in modules {
        text.push_str(&format!("\r\n<{module}>\r\n"));
        let inside = settings.iter().filter_map(|setting| {
            let (of, key) = setting.key.split_once('/')?;
            (of == module).then_some((key, &setting.value))
        });
        for (key, value) in inside {
            // Angle brackets open a section, wherever they stand.
            let value: String = value.chars().filter(|c| !c.is_control() && !matches!(c, '<' | '>')).collect();
            text.push_str(&format!("{key} :{}\r\n", value.trim()));
        }
    }
    text.push_str("\r\n<<END OF FILE>>\r\n");
    file(phone, "text/plain; charset=utf-8", text)
}

pub(super) fn write_xml(phone: &DeskPhone, settings: &[Setting], revision: u64) -> ConfigFile {
    let mut text =
        format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<sysConf>\n  <Version>{}</Version>\n", version(revision));
    // Settings of one element stand together, so that no element occurs twice.
    let mut order: Vec<&Setting> = Vec::new();
    for setting in settings {
        let home = setting.key.rsplit_once('/').map_or("", |(home, _)| home);
        let same = |other: &&Setting| other.key.rsplit_once('/').map_or("", |(home, _)| home) == home;
        let below = |other: &&Setting| other.key.starts_with(home.split('/').next().unwrap_or(home));
        let at = order.iter().rposition(same).or_else(|| order.iter().rposition(below));
        order.insert(at.map_or(order.len(), |at| at + 1), setting);
    }
    let mut open: Vec<&str> = Vec::new();
    for setting in order {
        let mut path: Vec<&str> = setting.key.split('/').collect();
        let Some(leaf) = path.pop() else { continue };
        let shared = open.iter().zip(&path).take_while(|(a, b)| a == b).count();
        while open.len() > shared {
            close(&mut text, &mut open);
        }
        for segment in path.iter().skip(shared) {
            let (name, index) = super::template::indexed(segment);
            let index = index.map(|index| format!(" index=\"{index}\"")).unwrap_or_default();
            text.push_str(&format!("{}<{name}{index}>\n", "  ".repeat(open.len() + 1)));
            open.push(segment);
        }
        let indent = "  ".repeat(open.len() + 1);
        text.push_str(&format!("{indent}<{leaf}>{}</{leaf}>\n", xml::escape(&setting.value)));
    }
    while !open.is_empty() {
        close(&mut text, &mut open);
    }
    text.push_str("</sysConf>\n");
    file(phone, "text/xml; charset=utf-8", text)
}

fn close(text: &mut String, open: &mut Vec<&str>) {
    if let Some(segment) = open.pop() {
        let (name, _) = super::template::indexed(segment);
        text.push_str(&format!("{}</{name}>\n", "  ".repeat(open.len() + 1)));
    }
}
