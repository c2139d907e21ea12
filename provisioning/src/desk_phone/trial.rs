//! A partner's template is tried on a made-up phone before it is kept.

use pbx_core::model::Redacted;

use super::lint::lint;
use super::template::{Template, TemplateError, indexed};
use super::{Account, DeskPhone, Family, Options, ServerInfo, Vendor, render};
use crate::public_info::SipServer;

/// Reads a template and looks through the file it leads to; every line that is wrong is named, with its reason.
pub fn try_on(family: Family, text: &str) -> Result<Template, Vec<TemplateError>> {
    let (template, mut wrong) = Template::read(family, text);
    if wrong.is_empty() {
        let phone = sample(family);
        let plain = findings(&phone, Template::default());
        let with = findings(&phone, template.clone());
        for finding in with.into_iter().filter(|finding| !plain.contains(finding)) {
            wrong.push(TemplateError { line: line_of(text, &finding), problem: finding });
        }
    }
    if wrong.is_empty() { Ok(template) } else { Err(wrong) }
}

/// What the lint finds, without the name of the file.
fn findings(phone: &DeskPhone, template: Template) -> Vec<String> {
    let options = Options { template, ..options() };
    let found = lint(phone, &render(phone, &account(), &server(), &options), server().own_certificate);
    found.into_iter().map(|one| one.split_once(": ").map_or(one.clone(), |(_, finding)| finding.to_owned())).collect()
}

/// The line whose setting a finding speaks of; the first if none.
fn line_of(text: &str, finding: &str) -> usize {
    let names = |line: &str| {
        let key = line.split_once('=').map_or("", |(key, _)| key.trim());
        let key = key.rsplit('/').next().map_or("", |last| indexed(last).0);
        !key.is_empty() && finding.contains(key)
    };
    text.lines().position(names).map_or(1, |index| index + 1)
}

fn sample(family: Family) -> DeskPhone {
    let (vendor, model, mac) = match family {
        Family::Yealink => (Vendor::Yealink, "T46S", "805ec0000001"),
        Family::Snom => (Vendor::Snom, "D785", "000413000001"),
        Family::Grandstream => (Vendor::Grandstream, "GRP2614", "c074ad000001"),
        Family::FanvilText => (Vendor::Fanvil, "X4", "0c383e000001"),
        Family::FanvilXml => (Vendor::Fanvil, "X6U Pro", "0c383e000001"),
        Family::Polycom => (Vendor::Polycom, "VVX 411", "64167f000001"),
    };
    DeskPhone {
        mac: mac.parse().expect("twelve hex digits are a MAC address"),
        vendor,
        model: model.parse().expect("letters and digits are a model"),
    }
}

fn account() -> Account {
    Account {
        extension: "101".parse().expect("three digits are a number"),
        display_name: "Anna".into(),
        username: "101.abcdef".parse().expect("digits, a dot and letters are a user name"),
        secret: Redacted::new("a-secret-of-20-chars".into()),
    }
}

fn server() -> ServerInfo {
    ServerInfo {
        sip: SipServer { host: "pbx.example.com".into(), port: 5061, transport: "tls" },
        register_seconds: 3600,
        next_url: Redacted::new("https://pbx.example.com/d/secret".into()),
        own_certificate: false,
    }
}

fn options() -> Options {
    Options {
        admin_password: Redacted::new("another-secret".into()),
        http: None,
        revision: 2,
        template: Template::default(),
    }
}
