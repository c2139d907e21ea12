//! The proxy settings of the environment, read as the push connections read them.

use reqwest::Url;

/// Which proxy secure connections use, and which hosts they reach without it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ProxySettings {
    proxy: Option<(String, u16)>,
    without: Vec<String>,
}

impl ProxySettings {
    /// From `HTTPS_PROXY` or `ALL_PROXY`, and `NO_PROXY`; small letters go first.
    pub(crate) fn of_environment() -> Self {
        let value = |names: &[&str]| names.iter().find_map(|name| std::env::var(name).ok().filter(|it| !it.is_empty()));
        let proxy = value(&["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]);
        Self::new(proxy.as_deref(), value(&["no_proxy", "NO_PROXY"]).as_deref().unwrap_or(""))
    }

    fn new(proxy: Option<&str>, without: &str) -> Self {
        let url = proxy.and_then(|text| {
            let text = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
            Url::parse(&text).ok()
        });
        let proxy = url.and_then(|url| Some((url.host_str()?.to_owned(), url.port_or_known_default().unwrap_or(80))));
        let without = without.split(',').map(|it| it.trim().trim_start_matches('.').to_ascii_lowercase());
        Self { proxy, without: without.filter(|it| !it.is_empty()).collect() }
    }

    /// The proxy on the way to a host, if there is one.
    pub(crate) fn on_the_way_to(&self, host: &str) -> Option<(&str, u16)> {
        let host = host.to_ascii_lowercase();
        let is_excepted = self.without.iter().any(|it| {
            it == "*" || host == *it || host.strip_suffix(it.as_str()).is_some_and(|front| front.ends_with('.'))
        });
        self.proxy.as_ref().filter(|_| !is_excepted).map(|(host, port)| (host.as_str(), *port))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_on_the_way_to_every_host_that_is_not_excepted() {
        let settings = ProxySettings::new(Some("proxy.example.com:3128"), "localhost, .example.net,10.0.0.1");
        assert_eq!(settings.on_the_way_to("api.push.apple.com"), Some(("proxy.example.com", 3128)));
        for excepted in ["localhost", "example.net", "a.example.net", "10.0.0.1"] {
            assert_eq!(settings.on_the_way_to(excepted), None, "{excepted}");
        }
        assert!(settings.on_the_way_to("notexample.net").is_some());
        let user = ProxySettings::new(Some("http://user:secret@proxy.example.com"), "");
        assert_eq!(user.on_the_way_to("a"), Some(("proxy.example.com", 80)), "a password is kept nowhere");
        assert_eq!(ProxySettings::new(None, "").on_the_way_to("a"), None);
        assert_eq!(ProxySettings::new(Some("http://p"), "*").on_the_way_to("a"), None);
    }
}
