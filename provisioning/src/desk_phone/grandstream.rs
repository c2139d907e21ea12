//! Grandstream: XML of P-values (`config version="1"`), which every model reads.
//!
//! Old firmware asks for `cfg{mac}.xml` and then `cfg{mac}`, newer firmware for the binary `cfg{mac}` first; then come
//! `cfg{model}.xml` and `cfg.xml`. Only the XML is kept. The registration time (P32) is in **minutes**.

use pbx_core::model::Redacted;

use super::{
    Account, Asked, ConfigFile, DeskPhone, LOOK_MINUTES, Options, ServerInfo, Setting, host, transport_number, xml,
};

pub(super) fn asked(phone: &DeskPhone, name: &str) -> Asked {
    if name.eq_ignore_ascii_case(&format!("cfg{}.xml", phone.mac.lower())) { Asked::Settings } else { Asked::Nothing }
}

pub(super) fn settings(account: &Account, server: &ServerInfo, options: &Options) -> Vec<Setting> {
    let path = server.next_url.reveal();
    let path = path.strip_prefix("https://").unwrap_or(path);
    let (user, password) = options.http.as_ref().map_or(("", ""), |(user, password)| (user, password.reveal()));
    let mut all = vec![
        Setting::locked("P271", 1),
        Setting::open("P270", account.label()),
        Setting::locked("P47", format!("{}:{}", host(&server.sip), server.sip.port)),
        Setting::locked("P35", account.extension),
        Setting::locked("P36", account.username.as_str()),
        Setting::locked("P34", account.secret.reveal()),
        Setting::open("P3", account.label()),
        // Minutes, and never none.
        Setting::open("P32", (server.register_seconds / 60).max(1)),
        Setting::locked("P130", transport_number(&server.sip)),
        Setting::open("P183", 0),
        Setting::locked("P2", options.admin_password.reveal()),
        // The user's password, `123` from the factory (FusionPBX `grandstream/gxp2160`).
        Setting::locked("P196", options.admin_password.reveal()),
        // 2 is HTTPS; the path stands without its scheme.
        Setting::locked("P212", 2),
        Setting::locked("P237", path),
        Setting::locked("P1360", user),
        Setting::locked("P1361", password),
        // Does not look for another server on the network any more: DHCP options 43 and 66, and a switchboard that answers
        // its SUBSCRIBE ("3CX auto provision", FusionPBX `grandstream/gxp2160`).
        Setting::locked("P145", 0),
        Setting::locked("P1414", 0),
        Setting::open("P194", 1),
        // Minutes.
        Setting::open("P193", LOOK_MINUTES),
        Setting::open("P238", 0),
    ];
    if !server.own_certificate {
        // "Validate Server Certificates", on from the factory, and "Validate Hostname in Certificate" (FusionPBX
        // `grandstream/gxp2160`, `grp2614`). Our own certificate cannot be given by its address, so with one they stay as the
        // phone has them.
        all.push(Setting::locked("P8463", 1));
        all.push(Setting::locked("P22030", 1));
    }
    all
}

pub(super) fn write(phone: &DeskPhone, settings: &[Setting]) -> ConfigFile {
    let mac = phone.mac.lower();
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<gs_provision version=\"1\">\n  <mac>{mac}</mac>\n  <config version=\"1\">\n"
    );
    for setting in settings {
        text.push_str(&format!("    <{0}>{1}</{0}>\n", setting.key, xml::escape(&setting.value)));
    }
    text.push_str("  </config>\n</gs_provision>\n");
    ConfigFile { name: format!("cfg{mac}.xml"), content_type: "text/xml; charset=utf-8", text: Redacted::new(text) }
}
