//! What the firewall admin is asked for, with today's hosts and ports; docs/firewall.md is the same list with the reasons.
//!
//! Sources: Apple, “Use Apple products on enterprise networks” and “Sending notification requests to APNs”; Google, “Firebase
//! Cloud Messaging: network configuration”; Huawei, “Push Kit: sending messages” and “NetEco: addresses for message push”.

use std::fmt::Write as _;

use serde::Serialize;

/// Which side of the firewall begins the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Where {
    /// This machine, outwards.
    Server,
    /// Phones in the office's Wi-Fi, outwards.
    Phone,
    /// Phones, towards this machine.
    ToServer,
}

impl Where {
    /// All of them, in the order of the list.
    pub const ALL: [Self; 3] = [Self::Server, Self::Phone, Self::ToServer];

    /// The heading of its part of the list.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Server => "From this machine to the internet",
            Self::Phone => "From phones in your Wi-Fi to the internet",
            Self::ToServer => "From phones to this machine",
        }
    }
}

/// One line of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FirewallRule {
    /// Who begins.
    pub from: Where,
    /// Towards which host or network.
    pub to: &'static str,
    /// Protocol and ports.
    pub ports: &'static str,
    /// What for.
    pub why: &'static str,
}

/// The list.
pub const FIREWALL: &[FirewallRule] = &[
    FirewallRule {
        from: Where::Server,
        to: "api.push.apple.com",
        ports: "TCP 443 or 2197",
        why: "wakes iPhones with apps from the store and TestFlight; addresses are in 17.0.0.0/8 and change",
    },
    FirewallRule {
        from: Where::Server,
        to: "api.sandbox.push.apple.com",
        ports: "TCP 443 or 2197",
        why: "wakes iPhones with test builds; only for developers",
    },
    FirewallRule {
        from: Where::Server,
        to: "fcm.googleapis.com",
        ports: "TCP 443",
        why: "wakes Android phones; addresses change, so allow the name",
    },
    FirewallRule {
        from: Where::Server,
        to: "oauth2.googleapis.com",
        ports: "TCP 443",
        why: "signs in for Android pushes, about once an hour",
    },
    FirewallRule {
        from: Where::Server,
        to: "push-api.cloud.huawei.com and oauth-login.cloud.huawei.com",
        ports: "TCP 443",
        why: "wakes Huawei phones and signs in for that; only if a Huawei app is added",
    },
    FirewallRule {
        from: Where::Server,
        to: "your push relays",
        ports: "TCP 443",
        why: "only if you added one under Push",
    },
    FirewallRule {
        from: Where::Server,
        to: "the services of Web Push: fcm.googleapis.com, updates.push.services.mozilla.com, web.push.apple.com, and those your phones name",
        ports: "TCP 443",
        why: "wakes browsers and phones without Google; only if Web Push is enabled",
    },
    FirewallRule {
        from: Where::Server,
        to: "pnm.cloudsoftphone.com",
        ports: "TCP 443",
        why: "wakes Groundwire and Cloud Softphone; only if Acrobits is added",
    },
    FirewallRule {
        from: Where::Server,
        to: "acme-v02.api.letsencrypt.org, or the certificate authority you chose",
        ports: "TCP 443",
        why: "gets and renews the certificate; only if an authority gives it by itself",
    },
    FirewallRule {
        from: Where::Server,
        to: "your time server",
        ports: "UDP 123",
        why: "Apple and Google refuse pushes when the clock is wrong",
    },
    FirewallRule {
        from: Where::Phone,
        to: "17.0.0.0/8 (*.push.apple.com)",
        ports: "TCP 5223, else 443",
        why: "iPhones hear pushes over it",
    },
    FirewallRule {
        from: Where::Phone,
        to: "mtalk.google.com",
        ports: "TCP 5228 to 5230 and 443",
        why: "Android phones hear pushes over it; the firewall must keep idle connections for 30 minutes",
    },
    FirewallRule {
        from: Where::Phone,
        to: "names below hicloud.com, dbankcloud.com and dbankcloud.cn",
        ports: "TCP 443; the firewall's log shows whether a phone wants more",
        why: "Huawei phones hear pushes over it; Huawei publishes no list, so these are the names in its SDK's settings, not verified with a phone",
    },
    FirewallRule {
        from: Where::ToServer,
        to: "this machine",
        ports: "TCP 5061 (or TCP and UDP 5060)",
        why: "SIP: registrations and calls",
    },
    FirewallRule {
        from: Where::ToServer,
        to: "this machine",
        ports: "TCP 8443",
        why: "setting up phones, and late pushes that ask whether the call still rings",
    },
    FirewallRule { from: Where::ToServer, to: "this machine", ports: "UDP 10000 to 20000", why: "sound" },
];

/// What old guides still ask for.
pub const NO_LONGER_NEEDED: &str = "No longer needed: TCP 2195 and 2196 to Apple (closed in 2021), gcm-http.googleapis.com and android.googleapis.com (closed in 2019), and any connection from Apple or Google towards this machine.";

/// The list as plain text, to be printed or mailed.
pub fn firewall_text() -> String {
    let mut text = String::new();
    for from in Where::ALL {
        let _ = writeln!(text, "{}:", from.words());
        for rule in FIREWALL.iter().filter(|rule| rule.from == from) {
            let _ = writeln!(text, "  {:<31} {:<31} {}", rule.to, rule.ports, rule.why);
        }
        text.push('\n');
    }
    text.push_str(NO_LONGER_NEEDED);
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_and_the_printed_list_are_the_same() {
        let document = include_str!("../../../docs/firewall.md");
        for rule in FIREWALL {
            let row = format!("| {} | {} | {} |", rule.to, rule.ports, rule.why);
            assert!(document.contains(&row), "docs/firewall.md lacks: {row}");
        }
        assert!(document.contains(NO_LONGER_NEEDED));
        for from in Where::ALL {
            assert!(document.contains(from.words()) && firewall_text().contains(from.words()));
        }
    }
}
