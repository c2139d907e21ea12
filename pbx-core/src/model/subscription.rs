//! A Web Push subscription as a phone names it (RFC 8030, RFC 8291), in one line of text.
//!
//! RFC 8599 section 12 has the phone put the subscription's address into `pn-prid` and nothing else, so its pushes are
//! empty. An app that wants to read who calls adds the two keys of its `PushSubscription` behind a `#`:
//! `https://push.example.net/p/abc#p256dh=BCVx…&auth=BTBZ…`. What stands behind a `#` never leaves this machine.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use thiserror::Error;

/// The longest address; UnifiedPush (AND_3) allows 1,000 bytes, browsers use up to 600.
const ENDPOINT_BYTES: usize = 1000;
/// The longest text: an address with both keys.
pub const SUBSCRIPTION_BYTES: usize = ENDPOINT_BYTES + "#p256dh=&auth=".len() + 87 + 22;

/// What is wrong with a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SubscriptionError {
    /// Not an address that may be asked.
    #[error("the push subscription is not an https address")]
    Address,
    /// Longer than any push service makes them.
    #[error("the push subscription is longer than 1000 characters")]
    TooLong,
    /// The keys are incomplete or no keys.
    #[error("the keys of the push subscription are not p256dh (65 bytes) and auth (16 bytes) in base64url")]
    Keys,
}

/// The keys with which a phone reads its pushes (RFC 8291 section 2).
#[derive(Clone, PartialEq, Eq)]
pub struct SubscriptionKeys {
    /// The phone's public key, an uncompressed point of P-256.
    pub p256dh: [u8; 65],
    /// What both sides know besides.
    pub auth: [u8; 16],
}

/// Where a push for one app on one phone goes, and how it is encrypted.
#[derive(Clone, PartialEq, Eq)]
pub struct WebPushSubscription {
    endpoint: String,
    keys: Option<SubscriptionKeys>,
}

impl WebPushSubscription {
    /// Reads the text form; whether the host may be asked is decided where it is asked.
    pub fn parse(text: &str) -> Result<Self, SubscriptionError> {
        if text.len() > SUBSCRIPTION_BYTES {
            return Err(SubscriptionError::TooLong);
        }
        let (endpoint, keys) = match text.split_once('#') {
            Some((endpoint, keys)) => (endpoint, Some(SubscriptionKeys::parse(keys)?)),
            None => (text, None),
        };
        if endpoint.len() > ENDPOINT_BYTES {
            return Err(SubscriptionError::TooLong);
        }
        let host = authority(endpoint).ok_or(SubscriptionError::Address)?;
        let is_plain = endpoint.bytes().all(|byte| byte.is_ascii_graphic() && !b"\\\"<>".contains(&byte));
        // A user name in an address makes people read the wrong host.
        if !is_plain || host.is_empty() || host.contains('@') {
            return Err(SubscriptionError::Address);
        }
        Ok(Self { endpoint: endpoint.to_owned(), keys })
    }

    /// The address pushes are sent to: whoever knows it may send, so it is kept like a token.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The host and, if named, its port; names the push service on pages.
    pub fn host(&self) -> &str {
        authority(&self.endpoint).unwrap_or_default()
    }

    /// The keys; without them only empty pushes can be sent.
    pub fn keys(&self) -> Option<&SubscriptionKeys> {
        self.keys.as_ref()
    }

    /// The one text form of this subscription.
    pub fn to_text(&self) -> String {
        match &self.keys {
            None => self.endpoint.clone(),
            Some(SubscriptionKeys { p256dh, auth }) => format!(
                "{}#p256dh={}&auth={}",
                self.endpoint,
                URL_SAFE_NO_PAD.encode(p256dh),
                URL_SAFE_NO_PAD.encode(auth)
            ),
        }
    }
}

impl fmt::Debug for WebPushSubscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WebPushSubscription({})", self.host())
    }
}

impl fmt::Debug for SubscriptionKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SubscriptionKeys")
    }
}

impl SubscriptionKeys {
    /// `p256dh=…&auth=…` in either order, base64url with or without padding.
    fn parse(text: &str) -> Result<Self, SubscriptionError> {
        let (mut p256dh, mut auth) = (None, None);
        for pair in text.split('&') {
            let (name, value) = pair.split_once('=').ok_or(SubscriptionError::Keys)?;
            let bytes = URL_SAFE_NO_PAD.decode(value.trim_end_matches('=')).map_err(|_| SubscriptionError::Keys)?;
            match name {
                "p256dh" if p256dh.is_none() => p256dh = <[u8; 65]>::try_from(bytes).ok(),
                "auth" if auth.is_none() => auth = <[u8; 16]>::try_from(bytes).ok(),
                _ => return Err(SubscriptionError::Keys),
            }
        }
        match (p256dh, auth) {
            // 4 marks a point with both coordinates (SEC 1 section 2.3.3); no other form is used here.
            (Some(p256dh), Some(auth)) if p256dh.first() == Some(&4) => Ok(Self { p256dh, auth }),
            _ => Err(SubscriptionError::Keys),
        }
    }
}

fn authority(endpoint: &str) -> Option<&str> {
    let scheme = endpoint.get(..8).filter(|scheme| scheme.eq_ignore_ascii_case("https://"))?;
    endpoint.get(scheme.len()..)?.split(['/', '?']).next()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Of RFC 8291 section 5.
    const KEYS: &str = "p256dh=BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4&auth=BTBZMqHH6r4Tts7J_aSIgg";

    fn parsed(text: &str) -> Result<WebPushSubscription, SubscriptionError> {
        WebPushSubscription::parse(text)
    }

    #[test]
    fn an_address_with_keys_and_one_without_are_read() {
        let text = format!("https://push.example.net:8443/JzLQ3raZ?x=1#{KEYS}");
        let one = parsed(&text).unwrap();
        assert_eq!(
            (one.host(), one.endpoint()),
            ("push.example.net:8443", "https://push.example.net:8443/JzLQ3raZ?x=1")
        );
        assert_eq!(one.to_text(), text);
        let (p256dh, auth) = KEYS.split_once('&').unwrap();
        assert_eq!(parsed(&format!("{}#{auth}==&{p256dh}=", one.endpoint())).unwrap(), one, "one form for all");
        let bare = parsed("https://push.example.net").unwrap();
        assert!(bare.keys().is_none());
        assert_eq!((bare.host(), bare.to_text().as_str()), ("push.example.net", "https://push.example.net"));
    }

    #[test]
    fn what_is_no_address_or_no_key_is_refused() {
        for text in [
            "",
            "http://push.example.net/a",
            "https://",
            "https:///a",
            "https://a@b/c",
            "https://b/a b",
            "https://b/a\r\nx",
            "https://b\\c/",
        ] {
            assert_eq!(parsed(text), Err(SubscriptionError::Address), "{text:?}");
        }
        let short = KEYS.replace("BTBZ", "");
        let compressed = KEYS.replace("=BC", "=AC");
        let twice = format!("{KEYS}&auth=BTBZMqHH6r4Tts7J_aSIgg");
        for keys in ["", "auth=BTBZMqHH6r4Tts7J_aSIgg", "x=y", &short, &compressed, &twice] {
            assert_eq!(parsed(&format!("https://b/#{keys}")), Err(SubscriptionError::Keys), "{keys}");
        }
        let long = format!("https://b/{}", "a".repeat(ENDPOINT_BYTES));
        assert_eq!(parsed(&long), Err(SubscriptionError::TooLong));
        assert_eq!(parsed(&"a".repeat(5000)), Err(SubscriptionError::TooLong));
    }

    #[test]
    fn the_address_is_not_shown() {
        let shown = format!("{:?}", parsed(&format!("https://push.example.net/capability#{KEYS}")).unwrap());
        assert!(!shown.contains("capability") && !shown.contains("BTBZ"), "{shown}");
    }

    proptest! {
        #[test]
        fn no_text_breaks_the_reader_and_what_it_takes_it_takes_again(text in "(https://)?[ -~]{0,60}(#(p256dh|auth)=[A-Za-z_-]{0,90})?") {
            if let Ok(one) = parsed(&text) {
                prop_assert_eq!(parsed(&one.to_text()), Ok(one));
            }
        }
    }
}
