//! Poly (Polycom) with UC Software 4 and later: a manifest and a file of attributes.
//!
//! A phone asks for `{mac}.cfg`, which must be a manifest: settings served under that name are ignored by some firmware
//! without a word. The manifest names `{mac}-user.cfg`; the leftmost file wins. Transport words are case-sensitive, and each
//! `device.` parameter needs its `.set`. Phones also PUT logs, which are refused quickly.

use pbx_core::model::Redacted;

use super::{Account, Asked, ConfigFile, DeskPhone, LOOK_MINUTES, Options, ServerInfo, Setting, xml};

const XML: &str = "text/xml; charset=utf-8";

pub(super) fn asked(phone: &DeskPhone, name: &str) -> Asked {
    let mac = phone.mac.lower();
    match name.to_ascii_lowercase() {
        name if name == format!("{mac}.cfg") => Asked::Manifest,
        name if name == format!("{mac}-user.cfg") => Asked::Settings,
        _ => Asked::Nothing,
    }
}

pub(super) fn manifest(phone: &DeskPhone) -> ConfigFile {
    let mac = phone.mac.lower();
    let text = format!(
        "<?xml version=\"1.0\" standalone=\"yes\"?>\n<APPLICATION APP_FILE_PATH=\"sip.ld\" CONFIG_FILES=\"{mac}-user.cfg\" \
         MISC_FILES=\"\" LOG_FILE_DIRECTORY=\"\" OVERRIDES_DIRECTORY=\"\" CONTACTS_DIRECTORY=\"\" \
         LICENSE_DIRECTORY=\"\"/>\n"
    );
    ConfigFile { name: format!("{mac}.cfg"), content_type: XML, text: Redacted::new(text) }
}

pub(super) fn settings(account: &Account, server: &ServerInfo, options: &Options) -> Vec<Setting> {
    let transport = match server.sip.transport {
        "tls" => "TLS",
        "tcp" => "TCPOnly",
        _ => "UDPOnly",
    };
    let mut all = vec![
        Setting::open("reg.1.displayName", account.label()),
        Setting::open("reg.1.label", account.label()),
        Setting::locked("reg.1.address", account.extension),
        Setting::locked("reg.1.auth.userId", account.username.as_str()),
        Setting::locked("reg.1.auth.password", account.secret.reveal()),
        Setting::locked("reg.1.server.1.address", &server.sip.host),
        Setting::locked("reg.1.server.1.port", server.sip.port),
        Setting::locked("reg.1.server.1.transport", transport),
        // Seconds.
        Setting::locked("reg.1.server.1.expires", server.register_seconds),
        Setting::locked("reg.1.server.1.register", 1),
        Setting::open("sec.srtp.enable", 0),
        Setting::open("sec.srtp.offer", 0),
        Setting::open("sec.srtp.require", 0),
        Setting::open("voIpProt.SIP.specialEvent.checkSync.alwaysReboot", 0),
        Setting::open("prov.polling.enabled", 1),
        // Seconds.
        Setting::open("prov.polling.period", LOOK_MINUTES * 60),
        Setting::locked("device.set", 1),
    ];
    if !server.own_certificate {
        all.push(Setting::locked("sec.TLS.SIP.strictCertCommonNameValidation", 1));
    }
    let (user, password) = options.http.as_ref().map_or(("", ""), |(user, password)| (user, password.reveal()));
    let mut device = vec![
        ("device.prov.serverType", "HTTPS"),
        ("device.prov.serverName", server.next_url.reveal()),
        ("device.prov.user", user),
        ("device.prov.password", password),
        ("device.prov.tagSerialNo", "1"),
        // Keeps to the server above, whatever DHCP says, and asks Poly's own service for none (`Static` as in the templates of
        // Zoom and Vonage; "ZTP").
        ("device.dhcp.bootSrvUseOpt", "Static"),
        ("device.prov.ztpEnabled", "0"),
        ("device.auth.localAdminPassword", options.admin_password.reveal()),
        // The user's, `123` from the factory (FusionPBX `polycom/5.x`, Wazo `wazo_polycom`).
        ("device.auth.localUserPassword", options.admin_password.reveal()),
    ];
    // The phone always checks who signed a certificate; this adds the name in it. Ours would have to be given as text
    // (`device.sec.TLS.customCaCert1`), so a phone that has it by hand is not made stricter than it was.
    if !server.own_certificate {
        device.push(("device.sec.TLS.prov.strictCertCommonNameValidation", "1"));
    }
    for (key, value) in device {
        all.push(Setting::locked(format!("{key}.set"), 1));
        all.push(Setting::locked(key, value));
    }
    all
}

pub(super) fn write(phone: &DeskPhone, settings: &[Setting]) -> ConfigFile {
    let mut text =
        String::from("<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n<PHONE_CONFIG>\n  <ALL");
    for setting in settings {
        text.push_str(&format!("\n    {}=\"{}\"", setting.key, xml::escape(&setting.value)));
    }
    text.push_str("/>\n</PHONE_CONFIG>\n");
    ConfigFile { name: format!("{}-user.cfg", phone.mac.lower()), content_type: XML, text: Redacted::new(text) }
}
