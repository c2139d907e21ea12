//! The traps of each format, which phones fall into without a word.
//!
//! Looks at a finished file as a phone would, with a parser of its own where the format is XML. Golden files are looked
//! through in tests, and a partner's template before it is saved. What keeps a phone to us is looked for in [`hardening`].

mod hardening;

use super::{ConfigFile, DeskPhone, Family, yealink};

/// One trap, in words.
pub type Finding = String;

/// Everything wrong with a phone's files; empty for good ones. With a certificate of our own making a phone must be told what it
/// needs to trust it, or must not be told to look.
pub fn lint(phone: &DeskPhone, files: &[ConfigFile], own_certificate: bool) -> Vec<Finding> {
    let mut found = Vec::new();
    for file in files {
        let text = file.text.reveal().as_str();
        let mut findings = match phone.family() {
            Family::Yealink => yealink(text),
            Family::Snom => snom(text),
            Family::Grandstream => grandstream(phone, text),
            Family::FanvilText => fanvil_text(text),
            Family::FanvilXml => fanvil_xml(text),
            Family::Polycom => polycom(text),
        };
        findings.extend(hardening::findings(phone.family(), own_certificate, text));
        found.extend(findings.into_iter().map(|finding| format!("{}: {finding}", file.name)));
    }
    found
}

fn yealink(text: &str) -> Vec<Finding> {
    let mut found = Vec::new();
    if text.lines().next() != Some(yealink::VERSION_LINE) {
        found.push(format!("the first line must be {}, or the phone ignores the file", yealink::VERSION_LINE));
    }
    if text.contains('\r') {
        found.push("lines must end with LF alone".into());
    }
    let mut keys = Vec::new();
    for line in text.lines().skip(1).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if line.starts_with("include:config \"") && line.ends_with('"') {
            continue;
        }
        let Some((key, value)) = line.split_once(" = ") else {
            found.push(format!("“{}” is no setting", shown(line)));
            continue;
        };
        // One line for each account of the phone, its name before the colon.
        let account = value.split(':').next().unwrap_or("");
        let whole = if key == "static.security.user_password" { format!("{key} {account}") } else { key.to_owned() };
        once(&mut keys, whole, &mut found);
        if key.ends_with(".sip_server.1.expires") {
            within(key, value, 30, 86_400, "seconds", &mut found);
        }
        if key.ends_with(".repeat.minutes") {
            within(key, value, 1, 43_200, "minutes", &mut found);
        }
    }
    found
}

fn snom(text: &str) -> Vec<Finding> {
    parsed(text, "settings", |root, found| {
        let Some(block) = root.children().find(|child| child.has_tag_name("phone-settings")) else {
            found.push("<phone-settings> is missing".into());
            return;
        };
        if root.descendants().any(|node| node.has_tag_name("firmware-settings")) {
            found.push("<firmware-settings> must not stand inside <settings>".into());
        }
        for node in block.children().filter(roxmltree::Node::is_element) {
            let name = node.tag_name().name();
            match node.attribute("perm") {
                Some("R" | "RW") => {}
                Some(other) => found.push(format!("{name}: perm=\"{other}\" is not R or RW")),
                None => found.push(format!("{name} has no perm, so the user's own value would come back")),
            }
            let value = node.text().unwrap_or("");
            if name == "user_expiry" {
                within(name, value, 30, 86_400, "seconds", found);
            }
            if name == "settings_refresh_timer" {
                within(name, value, 60, 2_592_000, "seconds", found);
            }
            if name == "user_outbound" && !value.contains(";transport=") {
                found.push("user_outbound names no transport".into());
            }
        }
    })
}

fn grandstream(phone: &DeskPhone, text: &str) -> Vec<Finding> {
    parsed(text, "gs_provision", |root, found| {
        let mac = root.children().find(|child| child.has_tag_name("mac")).and_then(|mac| mac.text());
        if mac.is_some_and(|mac| mac != phone.mac.lower()) {
            found.push("<mac> is another phone's, which this one refuses".into());
        }
        let Some(config) = root.children().find(|child| child.has_tag_name("config")) else {
            found.push("<config> is missing".into());
            return;
        };
        if config.attribute("version") != Some("1") {
            found.push("P-values need <config version=\"1\">".into());
        }
        let mut keys = Vec::new();
        for node in config.children().filter(roxmltree::Node::is_element) {
            let name = node.tag_name().name();
            once(&mut keys, name.to_owned(), found);
            if name.strip_prefix('P').is_none_or(|digits| digits.parse::<u32>().is_err()) {
                found.push(format!("{name} is no P-value; names and P-values must not be mixed in one file"));
            }
            let value = node.text().unwrap_or("");
            if name == "P32" {
                within(name, value, 1, 1440, "minutes", found);
            }
            if name == "P193" {
                within(name, value, 60, 43_200, "minutes", found);
            }
            if name == "P237" && value.contains("://") {
                found.push("P237 is written without a scheme".into());
            }
        }
    })
}

fn fanvil_text(text: &str) -> Vec<Finding> {
    let mut found = Vec::new();
    if text.replace("\r\n", "").contains(['\r', '\n']) {
        found.push("every line must end with CR LF".into());
    }
    let mut lines = text.split("\r\n");
    let version = lines.next().and_then(|line| line.strip_prefix("<<VOIP CONFIG FILE>>Version:2."));
    fanvil_version(version, &mut found);
    if text.trim_end().lines().last() != Some("<<END OF FILE>>") {
        found.push("the last line must be <<END OF FILE>>".into());
    }
    let mut keys = Vec::new();
    for line in lines.filter(|line| !line.is_empty() && *line != "<<END OF FILE>>") {
        if line.starts_with("</") {
            found.push("sections are never closed".into());
        } else if line.starts_with('<') && line.ends_with(" MODULE>") {
            keys.clear();
        } else if let Some((key, value)) = line.split_once(" :") {
            once(&mut keys, key.to_owned(), &mut found);
            if key == "SIP1 Register TTL" {
                within(key, value, 30, 86_400, "seconds", &mut found);
            }
        } else {
            found.push(format!("“{}” is no setting", shown(line)));
        }
    }
    found
}

fn fanvil_xml(text: &str) -> Vec<Finding> {
    parsed(text, "sysConf", |root, found| {
        let version = root.children().find(|child| child.has_tag_name("Version")).and_then(|node| node.text());
        fanvil_version(version.and_then(|version| version.strip_prefix("2.")), found);
        for node in root.descendants().filter(roxmltree::Node::is_element) {
            let same = |other: &roxmltree::Node<'_, '_>| {
                other.tag_name() == node.tag_name() && other.attribute("index") == node.attribute("index")
            };
            if node.next_siblings().skip(1).any(|other| same(&other)) {
                found.push(format!("<{}> stands twice", node.tag_name().name()));
            }
            let value = node.text().unwrap_or("");
            if node.has_tag_name("RegisterTTL") {
                within("RegisterTTL", value, 30, 86_400, "seconds", found);
            }
        }
    })
}

fn fanvil_version(digits: Option<&str>, found: &mut Vec<Finding>) {
    match digits.map(str::parse::<u64>) {
        Some(Ok(revision)) if revision > 0 => {}
        Some(Ok(_) | Err(_)) | None => {
            found.push("the version must count up from 2.0000000001, or the phone keeps what it has".into());
        }
    }
}

fn polycom(text: &str) -> Vec<Finding> {
    let root = if text.contains("<APPLICATION") { "APPLICATION" } else { "PHONE_CONFIG" };
    parsed(text, root, |root, found| {
        if root.has_tag_name("APPLICATION") {
            if root.attribute("CONFIG_FILES").is_none_or(str::is_empty) {
                found.push("CONFIG_FILES names no file".into());
            }
            return;
        }
        for node in root.children().filter(roxmltree::Node::is_element) {
            for attribute in node.attributes() {
                let (name, value) = (attribute.name(), attribute.value());
                let plain_device = name.starts_with("device.") && !name.ends_with(".set") && name != "device.set";
                if plain_device && node.attribute(format!("{name}.set").as_str()) != Some("1") {
                    found.push(format!("{name} needs {name}.set=\"1\""));
                }
                let words = ["DNSnaptr", "TCPpreferred", "UDPOnly", "TCPOnly", "TLS"];
                if name.ends_with(".transport") && !words.contains(&value) {
                    found.push(format!("{name}=\"{value}\" is no transport; the words are case-sensitive"));
                }
                if name == "prov.polling.period" {
                    within(name, value, 3600, 8_640_000, "seconds", found);
                }
                if name.ends_with(".server.1.expires") {
                    within(name, value, 30, 86_400, "seconds", found);
                }
            }
        }
    })
}

fn parsed(text: &str, root: &str, look: impl FnOnce(roxmltree::Node<'_, '_>, &mut Vec<Finding>)) -> Vec<Finding> {
    let mut found = Vec::new();
    match roxmltree::Document::parse(text) {
        Err(wrong) => found.push(format!("is not well-formed XML: {wrong}")),
        Ok(document) if !document.root_element().has_tag_name(root) => {
            found.push(format!("the outermost element must be <{root}>"));
        }
        Ok(document) => look(document.root_element(), &mut found),
    }
    found
}

fn once(keys: &mut Vec<String>, key: String, found: &mut Vec<Finding>) {
    if keys.contains(&key) {
        found.push(format!("{key} stands twice"));
    }
    keys.push(key);
}

fn within(key: &str, value: &str, low: u32, high: u32, unit: &str, found: &mut Vec<Finding>) {
    if !value.parse::<u32>().is_ok_and(|number| (low..=high).contains(&number)) {
        found.push(format!("{key} is in {unit}: give {low} to {high}"));
    }
}

fn shown(line: &str) -> String {
    line.chars().take(40).collect()
}
