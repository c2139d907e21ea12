//! What a file must say so that a phone keeps to us: whom it trusts, that it looks for nobody else, and that no account is left
//! with the password everybody knows.
//!
//! A table of rules for each format. A rule names a setting that we write ourselves, so a file breaks it only by a slip of ours; a
//! template cannot name one, because they are all locked.

use super::Finding;
use crate::desk_phone::Family;

/// What a setting must be.
#[derive(Debug, Clone, Copy)]
enum Must {
    Be(&'static str),
    /// Left out, or anything but this.
    NotBe(&'static str),
    /// There, and none of these, which everybody knows.
    BeNoneOf(&'static [&'static str]),
    /// A list of DHCP options without those that name a server (43, 66, 67), and with those without which a phone is on no
    /// network: mask, router and name server (1, 3, 6).
    AskForNoServer,
}

/// What comes of a broken rule.
#[derive(Debug, Clone, Copy)]
enum Risk {
    Unverified,
    ShutsItselfOut,
    LooksElsewhere,
    KnownPassword,
}

/// For which certificate of ours a rule holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum For {
    Any,
    /// One of a public authority, which phones know.
    Public,
    /// The self-made one.
    Own,
}

type Rule = (&'static str, Must, For, Risk);

/// Everything in a file of settings that breaks a rule. A manifest has no settings, and what is no XML is found elsewhere.
pub(super) fn findings(family: Family, own_certificate: bool, text: &str) -> Vec<Finding> {
    let Some(fields) = fields(family, text) else { return Vec::new() };
    let holds = |when: For| match when {
        For::Any => true,
        For::Public => !own_certificate,
        For::Own => own_certificate,
    };
    let rules = rules(family).iter().filter(|(_, _, when, _)| holds(*when));
    rules.filter_map(|rule| broken(*rule, &fields)).collect()
}

fn broken((key, must, _, risk): Rule, fields: &[(String, String)]) -> Option<Finding> {
    let value = fields.iter().find(|(known, _)| known == key).map(|(_, value)| value.as_str());
    let good = match must {
        Must::Be(wanted) => value == Some(wanted),
        Must::NotBe(unwanted) => value != Some(unwanted),
        Must::BeNoneOf(known) => value.is_some_and(|value| !value.is_empty() && !known.contains(&value)),
        Must::AskForNoServer => value.is_some_and(asks_for_no_server),
    };
    let words = match risk {
        Risk::Unverified => "the phone would not check whom it fetches from",
        Risk::ShutsItselfOut => "the phone would shut itself out, because it cannot be told our certificate",
        Risk::LooksElsewhere => "the phone would go on looking for another server",
        Risk::KnownPassword => "the phone would keep the password everybody knows",
    };
    (!good).then(|| format!("{key}: {words}"))
}

fn asks_for_no_server(list: &str) -> bool {
    let options: Option<Vec<u8>> = list.split(' ').map(|option| option.parse().ok()).collect();
    options.is_some_and(|options| {
        let has = |option| options.contains(&option);
        [1, 3, 6].into_iter().all(has) && ![43, 66, 67].into_iter().any(has)
    })
}

const fn rules(family: Family) -> &'static [Rule] {
    match family {
        Family::Yealink => &[
            ("static.security.trust_certificates", Must::Be("1"), For::Any, Risk::Unverified),
            ("static.security.cn_validation", Must::Be("1"), For::Any, Risk::Unverified),
            // 2 trusts ours as well.
            ("static.security.ca_cert", Must::Be("2"), For::Own, Risk::ShutsItselfOut),
            ("static.trusted_certificates.url", Must::BeNoneOf(&["%NULL%"]), For::Own, Risk::ShutsItselfOut),
            ("static.auto_provision.pnp_enable", Must::Be("0"), For::Any, Risk::LooksElsewhere),
            ("static.auto_provision.dhcp_option.enable", Must::Be("0"), For::Any, Risk::LooksElsewhere),
            ("static.zero_touch.enable", Must::Be("0"), For::Any, Risk::LooksElsewhere),
            ("static.security.user_password admin", Must::BeNoneOf(&["admin"]), For::Any, Risk::KnownPassword),
            ("static.security.user_password user", Must::BeNoneOf(&["user"]), For::Any, Risk::KnownPassword),
            // The third account, which is there only while this is on.
            ("static.security.var_enable", Must::Be("0"), For::Any, Risk::KnownPassword),
        ],
        Family::Snom => &[
            ("pnp_config", Must::Be("off"), For::Any, Risk::LooksElsewhere),
            ("dhcp_options_on_ip_aquire", Must::AskForNoServer, For::Any, Risk::LooksElsewhere),
            ("http_pass", Must::BeNoneOf(&["0000"]), For::Any, Risk::KnownPassword),
            ("admin_mode_password", Must::BeNoneOf(&["0000"]), For::Any, Risk::KnownPassword),
            ("webserver_admin_password", Must::BeNoneOf(&["0000", "admin"]), For::Any, Risk::KnownPassword),
            ("webserver_user_password", Must::BeNoneOf(&["0000", "user"]), For::Any, Risk::KnownPassword),
        ],
        Family::Grandstream => &[
            ("P8463", Must::Be("1"), For::Public, Risk::Unverified),
            ("P22030", Must::Be("1"), For::Public, Risk::Unverified),
            ("P8463", Must::NotBe("1"), For::Own, Risk::ShutsItselfOut),
            ("P145", Must::Be("0"), For::Any, Risk::LooksElsewhere),
            ("P1414", Must::Be("0"), For::Any, Risk::LooksElsewhere),
            ("P2", Must::BeNoneOf(&["admin"]), For::Any, Risk::KnownPassword),
            ("P196", Must::BeNoneOf(&["123"]), For::Any, Risk::KnownPassword),
        ],
        Family::FanvilText => &[
            ("AUTOUPDATE CONFIG MODULE/PNP Enable", Must::Be("0"), For::Any, Risk::LooksElsewhere),
            ("AUTOUPDATE CONFIG MODULE/DHCP Option", Must::Be("0"), For::Any, Risk::LooksElsewhere),
            ("MMI CONFIG MODULE/Account1 Password", Must::BeNoneOf(&["admin"]), For::Any, Risk::KnownPassword),
            ("MMI CONFIG MODULE/Account2 Password", Must::BeNoneOf(&["guest"]), For::Any, Risk::KnownPassword),
        ],
        Family::FanvilXml => &[
            ("ap/pnp/PNPEnable", Must::Be("0"), For::Any, Risk::LooksElsewhere),
            ("ap/opt/DHCPOption", Must::Be("0"), For::Any, Risk::LooksElsewhere),
            ("web/account[1]/Password", Must::BeNoneOf(&["admin"]), For::Any, Risk::KnownPassword),
            ("web/account[2]/Password", Must::BeNoneOf(&["guest"]), For::Any, Risk::KnownPassword),
        ],
        Family::Polycom => &[
            ("sec.TLS.SIP.strictCertCommonNameValidation", Must::Be("1"), For::Public, Risk::Unverified),
            ("device.sec.TLS.prov.strictCertCommonNameValidation", Must::Be("1"), For::Public, Risk::Unverified),
            ("sec.TLS.SIP.strictCertCommonNameValidation", Must::NotBe("1"), For::Own, Risk::ShutsItselfOut),
            ("device.sec.TLS.prov.strictCertCommonNameValidation", Must::NotBe("1"), For::Own, Risk::ShutsItselfOut),
            ("device.prov.ztpEnabled", Must::Be("0"), For::Any, Risk::LooksElsewhere),
            ("device.dhcp.bootSrvUseOpt", Must::Be("Static"), For::Any, Risk::LooksElsewhere),
            ("device.auth.localAdminPassword", Must::BeNoneOf(&["456"]), For::Any, Risk::KnownPassword),
            ("device.auth.localUserPassword", Must::BeNoneOf(&["123"]), For::Any, Risk::KnownPassword),
        ],
    }
}

/// The settings of a file by name; `None` for a manifest and for what is no file of the format.
fn fields(family: Family, text: &str) -> Option<Vec<(String, String)>> {
    match family {
        Family::Yealink => (!text.contains("\ninclude:config ")).then(|| yealink(text)),
        Family::FanvilText => Some(fanvil_text(text)),
        Family::Snom | Family::Grandstream | Family::FanvilXml | Family::Polycom => {
            let document = roxmltree::Document::parse(text).ok()?;
            let root = document.root_element();
            (!root.has_tag_name("APPLICATION")).then(|| xml(family, root))
        }
    }
}

fn yealink(text: &str) -> Vec<(String, String)> {
    let pairs = text.lines().filter_map(|line| line.split_once(" = "));
    let named = pairs.map(|(key, value)| match (key, value.split_once(':')) {
        // One setting for each account, told apart by the name in its value.
        ("static.security.user_password", Some((account, password))) => {
            (format!("{key} {account}"), password.to_owned())
        }
        (key, _) => (key.to_owned(), value.to_owned()),
    });
    named.collect()
}

fn fanvil_text(text: &str) -> Vec<(String, String)> {
    let mut module = "";
    let mut fields = Vec::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix('<').and_then(|line| line.strip_suffix('>')) {
            module = name;
        } else if let Some((key, value)) = line.split_once(" :") {
            fields.push((format!("{module}/{key}"), value.to_owned()));
        }
    }
    fields
}

fn xml(family: Family, root: roxmltree::Node<'_, '_>) -> Vec<(String, String)> {
    let elements = root.descendants().filter(|node| node.is_element() && *node != root);
    if family == Family::Polycom {
        let attributes = elements.flat_map(|node| node.attributes());
        return attributes.map(|attribute| (attribute.name().to_owned(), attribute.value().to_owned())).collect();
    }
    elements.map(|node| (name(family, root, node), node.text().unwrap_or("").to_owned())).collect()
}

/// An element's name in a template's words.
fn name(family: Family, root: roxmltree::Node<'_, '_>, node: roxmltree::Node<'_, '_>) -> String {
    if family != Family::FanvilXml {
        return node.tag_name().name().to_owned();
    }
    let segment = |node: roxmltree::Node<'_, '_>| {
        let index = node.attribute("index").map(|index| format!("[{index}]")).unwrap_or_default();
        format!("{}{index}", node.tag_name().name())
    };
    let mut path: Vec<String> = node.ancestors().take_while(|up| *up != root).map(segment).collect();
    path.reverse();
    path.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_a_rule_names_is_out_of_a_templates_reach() {
        use crate::desk_phone::template::Template;
        for family in Family::ALL {
            for (key, _, _, _) in rules(family) {
                // Accounts of Yealink share one setting.
                let key = key.split(" admin").next().and_then(|key| key.split(" user").next()).unwrap_or(key);
                let wrong = Template::parse(family, &format!("{key} = 1")).unwrap_err();
                assert!(wrong.problem.contains("set by Nightbell"), "{family:?} {key}: {wrong}");
            }
        }
    }

    #[test]
    fn a_list_of_dhcp_options_is_one_and_leads_to_no_server() {
        assert!(asks_for_no_server("1 3 4 6 12 15 42 51 120 125 132 133"));
        for bad in ["off", "", "1 3 6 66", "1 3 6 43", "1 3 6 67", "1 3", "1,3,6", "1  3 6"] {
            assert!(!asks_for_no_server(bad), "{bad:?}");
        }
    }

    #[test]
    fn an_index_is_part_of_a_name() {
        let document =
            roxmltree::Document::parse("<r><web><account index=\"2\"><Name>x</Name></account></web></r>").unwrap();
        let fields = xml(Family::FanvilXml, document.root_element());
        assert!(fields.contains(&("web/account[2]/Name".into(), "x".into())), "{fields:?}");
    }
}
