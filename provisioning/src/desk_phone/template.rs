//! A partner's template: settings put over ours, one `key = value` a line.
//!
//! A template is not text pasted into a file. Its keys are checked against the family's own grammar, its values take
//! placeholders (`{extension}`, `{name}`, `{mac}`, `{model}`) and go through the same writer as ours. Settings that carry the
//! account, the trust or the next address are locked: a template that names one is refused.

use std::fmt;

use thiserror::Error;

use super::{Account, DeskPhone, Family, Setting, clean};

/// Lines of one template; vendors' whole files have about a thousand settings.
const LINES: usize = 500;
/// Wrong lines worth naming at once.
const MOST_WRONG: usize = 50;
/// Longest value: dial plans and key labels are shorter.
const VALUE_BYTES: usize = 1024;

/// A checked template; empty by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Template {
    lines: Vec<(String, String)>,
}

/// Why a template is refused, with its line.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("line {line}: {problem}")]
pub struct TemplateError {
    /// Counted from 1.
    pub line: usize,
    /// What is wrong, with the fix.
    pub problem: String,
}

impl Template {
    /// Reads a template for phones of one family, up to its first wrong line.
    pub fn parse(family: Family, text: &str) -> Result<Self, TemplateError> {
        let (template, wrong) = Self::read(family, text);
        wrong.into_iter().next().map_or(Ok(template), Err)
    }

    /// The good lines of a template, and what is wrong with the others. Empty lines and lines that begin with `#` are left
    /// out.
    pub fn read(family: Family, text: &str) -> (Self, Vec<TemplateError>) {
        let (mut template, mut wrong) = (Self::default(), Vec::new());
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let read = if template.lines.len() < LINES {
                setting(family, line).and_then(|(key, value)| template.put_once(key, value))
            } else {
                Err(format!("a template has at most {LINES} settings"))
            };
            if let Err(problem) = read {
                wrong.push(TemplateError { line: index + 1, problem });
            }
            if wrong.len() >= MOST_WRONG {
                break;
            }
        }
        (template, wrong)
    }

    fn put_once(&mut self, key: &str, value: &str) -> Result<(), String> {
        if self.lines.iter().any(|(known, _)| known == key) {
            return Err(format!("{key} stands twice; keep one of the two"));
        }
        self.lines.push((key.to_owned(), value.to_owned()));
        Ok(())
    }

    /// This one with another put over it.
    #[must_use]
    pub fn then(mut self, over: &Self) -> Self {
        for (key, value) in &over.lines {
            match self.lines.iter_mut().find(|(known, _)| known == key) {
                Some((_, present)) => present.clone_from(value),
                None => self.lines.push((key.clone(), value.clone())),
            }
        }
        self
    }

    /// How many settings it holds.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Our settings with these put over them.
    pub(super) fn over(&self, mut ours: Vec<Setting>, phone: &DeskPhone, account: &Account) -> Vec<Setting> {
        for (key, value) in &self.lines {
            let value = filled(value, phone, account);
            match ours.iter_mut().find(|setting| setting.key == *key) {
                Some(setting) if setting.locked => {}
                Some(setting) => setting.value = value,
                None => ours.push(Setting { key: key.clone(), value, locked: false }),
            }
        }
        ours
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines.iter().try_for_each(|(key, value)| writeln!(f, "{key} = {value}"))
    }
}

/// One line of a template.
fn setting(family: Family, line: &str) -> Result<(&str, &str), String> {
    if line.starts_with('<') {
        return Err(
            "this is a piece of a whole file; write the setting alone, as key = value, and Nightbell writes the \
                    file around it"
                .into(),
        );
    }
    let (key, value) = line.split_once('=').ok_or("write it as key = value")?;
    let (key, value) = (key.trim(), value.trim());
    check_key(family, key)?;
    if value.len() > VALUE_BYTES || value.chars().any(char::is_control) {
        return Err(format!("a value has at most {VALUE_BYTES} bytes and no control characters"));
    }
    check_placeholders(value)?;
    Ok((key, value))
}

const PLACEHOLDERS: [&str; 4] = ["extension", "name", "mac", "model"];

fn check_placeholders(value: &str) -> Result<(), String> {
    let mut rest = value;
    while let Some((_, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').ok_or("a placeholder is not closed; write it like {extension}")?;
        if !PLACEHOLDERS.contains(&name) {
            return Err(format!(
                "{{{}}} is no placeholder; there are {{extension}}, {{name}}, {{mac}} and {{model}}",
                clean(name)
            ));
        }
        rest = after;
    }
    Ok(())
}

fn filled(value: &str, phone: &DeskPhone, account: &Account) -> String {
    // One pass: what a name brings in is not looked at for placeholders again.
    let mut text = String::with_capacity(value.len());
    let mut rest = value;
    while let Some((before, after)) = rest.split_once('{') {
        text.push_str(before);
        let Some((name, after)) = after.split_once('}') else { break };
        match name {
            "extension" => text.push_str(&account.extension.to_string()),
            "name" => text.push_str(&account.label()),
            "mac" => text.push_str(&phone.mac.lower()),
            _ => text.push_str(phone.model.as_str()),
        }
        rest = after;
    }
    text.push_str(rest);
    text
}

/// A key with the index in its square brackets, for example `user_name[1]`.
pub(super) fn indexed(key: &str) -> (&str, Option<&str>) {
    match key.split_once('[') {
        Some((name, index)) => (name, Some(index.trim_end_matches(']'))),
        None => (key, None),
    }
}

fn check_key(family: Family, key: &str) -> Result<(), String> {
    let good = match family {
        Family::Yealink => dotted(key, |c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-')),
        Family::Snom => segment(key, |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'),
        Family::Grandstream => key
            .strip_prefix('P')
            .is_some_and(|digits| (1..=6).contains(&digits.len()) && all(digits, |c| c.is_ascii_digit())),
        Family::Polycom => dotted(key, |c| c.is_ascii_alphanumeric() || c == '_'),
        Family::FanvilXml => {
            key.contains('/')
                && key.split('/').count() <= 4
                && key.split('/').all(|part| segment(part, |c| c.is_ascii_alphanumeric()))
        }
        Family::FanvilText => key.split_once('/').is_some_and(|(module, key)| {
            module.ends_with(" MODULE")
                && [module, key].iter().all(|part| all(part, |c| c.is_ascii_alphanumeric() || c == ' '))
        }),
    };
    let shown = clean(key);
    if !good || key.len() > 100 {
        return Err(format!(
            "“{shown}” is not the name of a setting of these phones; write it like {}",
            example(family)
        ));
    }
    if is_locked(family, key) {
        return Err(format!(
            "{shown} is set by Nightbell (account, certificates, where the phone fetches from); leave it out"
        ));
    }
    Ok(())
}

const fn example(family: Family) -> &'static str {
    match family {
        Family::Yealink => "phone_setting.backlight_time",
        Family::Snom => "tone_scheme or user_mailbox[1]",
        Family::Grandstream => "P64",
        Family::Polycom => "tcpIpApp.sntp.address",
        Family::FanvilXml => "phone/date/SNTPServer",
        Family::FanvilText => "PHONE FEATURE MODULE/Do Not Disturb",
    }
}

fn all(text: &str, allowed: impl Fn(char) -> bool) -> bool {
    !text.is_empty() && text.chars().all(allowed)
}

fn dotted(key: &str, allowed: impl Fn(char) -> bool + Copy) -> bool {
    key.starts_with(|c: char| c.is_ascii_alphabetic()) && key.split('.').all(|part| all(part, allowed))
}

/// A name that begins with a letter, perhaps with an index of one to three digits.
fn segment(text: &str, allowed: impl Fn(char) -> bool) -> bool {
    let (name, index) = indexed(text);
    let whole = match index {
        None => true,
        Some(digits) => text == format!("{name}[{digits}]") && digits.len() <= 3 && all(digits, |c| c.is_ascii_digit()),
    };
    whole && name.starts_with(|c: char| c.is_ascii_alphabetic()) && all(name, allowed)
}

/// Account, trust and provisioning, whatever the number of the account, and also where we write no such setting.
fn is_locked(family: Family, key: &str) -> bool {
    let begins = locked_beginnings(family).iter().any(|start| key.starts_with(start));
    let ends = |all: &[&str]| all.iter().any(|end| key.ends_with(end));
    begins
        || match family {
            Family::Yealink => key.starts_with("account.") && ends(&YEALINK_ACCOUNT),
            Family::Snom | Family::Polycom => false,
            Family::Grandstream => GRANDSTREAM_LOCKED.contains(&key),
            Family::FanvilXml => {
                let account = key.starts_with("sip/line") && ends(&["PhoneNumber", "EnableReg", "Transport"]);
                account || key.contains("/Register") || key.contains("/Proxy")
            }
            Family::FanvilText => {
                let account = ends(&["Phone Number", "Enable Reg", "Transport"]);
                let parts = [
                    " Register ",
                    "Proxy",
                    "/Default ",
                    "/Flash ",
                    "/Download ",
                    "/Config File ",
                    "/PNP ",
                    "/DHCP Option",
                ];
                account || parts.iter().any(|part| key.contains(part))
            }
        }
}

const YEALINK_ACCOUNT: [&str; 7] =
    [".user_name", ".auth_name", ".password", ".enable", ".address", ".port", ".transport_type"];

/// Account, passwords, where files come from, whether that server is checked or another looked for, and the management server
/// (TR-069: P4503 to P4511), which could read them all.
const GRANDSTREAM_LOCKED: [&str; 28] = [
    "P8463", "P22030", "P145", "P1414", "P271", "P47", "P48", "P35", "P36", "P34", "P130", "P2", "P212", "P237",
    "P1360", "P1361", "P1359", "P192", "P196", "P4503", "P4504", "P4505", "P4506", "P4507", "P4508", "P4509", "P4510",
    "P4511",
];

const fn locked_beginnings(family: Family) -> &'static [&'static str] {
    match family {
        Family::Yealink => &[
            "static.security.",
            "security.",
            "static.trusted_certificates",
            "static.server_certificates",
            "static.auto_provision.server",
            "auto_provision.server",
            "static.auto_provision.power_on",
            "static.auto_provision.pnp_enable",
            "auto_provision.pnp_enable",
            "static.auto_provision.dhcp_option",
            "auto_provision.dhcp_option",
            "static.zero_touch",
            "zero_touch",
            "static.auto_provision.aes",
            "sip.trust_ctrl",
            "features.direct_ip_call_enable",
            "features.action_uri",
            "static.auto_provision.custom",
            "static.managementserver",
            "managementserver",
            "static.dm.",
            "dm.",
        ],
        Family::Snom => &[
            "user_active",
            "user_name",
            "user_pname",
            "user_pass",
            "user_host",
            "user_outbound",
            "http_",
            "admin_mode",
            "setting_server",
            "pnp_config",
            "dhcp_options",
            "webserver_cert",
            "webserver_admin",
            "webserver_user",
            "certificate",
            "tr069",
            "tr_069",
        ],
        Family::Grandstream => &[],
        Family::Polycom => {
            &["device.", "sec.TLS.", "reg.1.auth", "reg.1.server", "reg.1.address", "reg.1.outboundProxy"]
        }
        Family::FanvilXml => {
            &["web/", "ap/Default", "ap/Flash", "ap/DeviceCfg", "ap/CommonCfg", "ap/pnp/", "ap/opt/", "tr069/"]
        }
        Family::FanvilText => &["MMI ", "TR069 "],
    }
}
