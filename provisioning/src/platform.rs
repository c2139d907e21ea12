//! Which system a browser runs on, as far as its User-Agent says.

use crate::messages::t;

/// What the landing page is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum VisitorPlatform {
    Ios,
    Android,
    Desktop,
}

impl VisitorPlatform {
    pub(crate) fn of(user_agent: &str) -> Self {
        let user_agent = user_agent.to_ascii_lowercase();
        if user_agent.contains("android") {
            Self::Android
        } else if ["iphone", "ipad", "ipod"].iter().any(|name| user_agent.contains(name)) {
            Self::Ios
        } else {
            Self::Desktop
        }
    }

    pub(crate) const fn is_phone(self) -> bool {
        match self {
            Self::Ios | Self::Android => true,
            Self::Desktop => false,
        }
    }

    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Ios => t("platform-ios"),
            Self::Android => t("platform-android"),
            Self::Desktop => t("platform-desktop"),
        }
    }

    /// Where the app is installed from.
    pub(crate) const fn store(self) -> Option<&'static str> {
        match self {
            Self::Ios => Some("https://apps.apple.com/app/linphone/id360065638"),
            Self::Android => Some("https://play.google.com/store/apps/details?id=org.linphone"),
            Self::Desktop => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_is_read_from_the_user_agent() {
        for (user_agent, platform) in [
            ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15", VisitorPlatform::Ios),
            ("Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36", VisitorPlatform::Android),
            ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36", VisitorPlatform::Desktop),
            ("", VisitorPlatform::Desktop),
        ] {
            assert_eq!(VisitorPlatform::of(user_agent), platform, "{user_agent}");
        }
    }
}
