//! How one app of Acrobits (Groundwire, Cloud Softphone and their white labels) is addressed at their push mediator:
//! doc.acrobits.net, "SIPIS-less push calls" and "Push Token Reporter".

use std::fmt;

use thiserror::Error;

/// The longest id of an app; they are bundle ids with a suffix.
const APP_ID_BYTES: usize = 256;
/// The longest device token, base64; Google's have some 200 characters.
const TOKEN_BYTES: usize = 2048;
/// The longest selector: a SHA-1 in hex and a suffix have 49 characters.
const SELECTOR_BYTES: usize = 256;

/// What is wrong with a reported token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "the {field} is empty, too long or holds blanks; take the template of the token reporter from docs/acrobits.md unchanged"
)]
pub struct AcrobitsTokenError {
    /// Which part.
    pub field: &'static str,
}

/// One of the two addresses of an app: for calls, or for everything else.
#[derive(Clone, PartialEq, Eq)]
pub struct AcrobitsToken {
    app_id: Box<str>,
    device_token: Box<str>,
    selector: Box<str>,
}

impl AcrobitsToken {
    /// From what the app reported.
    pub fn new(app_id: &str, device_token: &str, selector: &str) -> Result<Self, AcrobitsTokenError> {
        let parts = [
            ("appId", app_id, APP_ID_BYTES),
            ("token", device_token, TOKEN_BYTES),
            ("selector", selector, SELECTOR_BYTES),
        ];
        for (field, text, limit) in parts {
            // A template that the app did not fill in still has its percent signs.
            let is_filled = !(text.starts_with('%') && text.ends_with('%'));
            let fits = (1..=limit).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic()) && is_filled;
            if !fits {
                return Err(AcrobitsTokenError { field });
            }
        }
        Ok(Self { app_id: app_id.into(), device_token: device_token.into(), selector: selector.into() })
    }

    /// Reads the text form.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(' ');
        let (app_id, token, selector) = (parts.next()?, parts.next()?, parts.next()?);
        parts.next().is_none().then(|| Self::new(app_id, token, selector).ok()).flatten()
    }

    /// The one text form: the three parts with blanks between them.
    pub fn to_text(&self) -> String {
        format!("{} {} {}", self.app_id, self.device_token, self.selector)
    }

    /// `AppId`: app, platform and environment.
    pub fn app_id(&self) -> &str {
        &self.app_id
    }

    /// `DeviceToken`.
    pub fn device_token(&self) -> &str {
        &self.device_token
    }

    /// `Selector`: which account of the app.
    pub fn selector(&self) -> &str {
        &self.selector
    }
}

impl fmt::Debug for AcrobitsToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AcrobitsToken({})", self.app_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_parts_are_one_text_and_back() {
        let token = AcrobitsToken::new("cz.acrobits.softphone.aliengroundwire", "ab+/c=", "12869E:7C3A").unwrap();
        assert_eq!(token.to_text(), "cz.acrobits.softphone.aliengroundwire ab+/c= 12869E:7C3A");
        assert_eq!(AcrobitsToken::parse(&token.to_text()), Some(token.clone()));
        assert_eq!(format!("{token:?}"), "AcrobitsToken(cz.acrobits.softphone.aliengroundwire)");
        for text in ["", "a b", "a b c d", "a  c", "%pushappid% b c"] {
            assert_eq!(AcrobitsToken::parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_part_that_does_not_fit_is_named() {
        let field =
            |app: &str, token: &str, selector: &str| AcrobitsToken::new(app, token, selector).unwrap_err().field;
        assert_eq!(field("", "b", "c"), "appId");
        assert_eq!(field("a", "%pushToken%", "c"), "token");
        assert_eq!(field("a", "b", "c\r\n"), "selector");
        assert_eq!(field("a", &"b".repeat(3000), "c"), "token");
    }
}
