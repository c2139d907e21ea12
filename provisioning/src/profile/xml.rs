//! Writing small XML documents: whatever a text holds, it stays a text.

/// An element with text children only.
#[derive(Debug)]
pub(super) struct Element {
    name: &'static str,
    body: String,
}

impl Element {
    pub(super) fn new(name: &'static str) -> Self {
        Self { name, body: String::new() }
    }

    /// Adds `<name>text</name>`.
    pub(super) fn text(&mut self, name: &str, text: &str) -> &mut Self {
        self.body.push_str(&format!("  <{name}>{}</{name}>\n", escaped(text)));
        self
    }

    /// Adds elements made elsewhere.
    pub(super) fn raw(&mut self, xml: &str) -> &mut Self {
        self.body.push_str(xml);
        self
    }

    /// The element as a text.
    pub(super) fn to_text(&self) -> String {
        format!("<{0}>\n{1}</{0}>\n", self.name, self.body)
    }

    /// The element as a document.
    pub(super) fn document(&self) -> String {
        format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{}", self.to_text())
    }
}

/// A text for element content; characters that XML forbids even as references (XML 1.0 section 2.2) are left out.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars().filter(|c| allowed(*c)) {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// XML 1.0 section 2.2 forbids these even as references, and one of them would spoil the whole document.
pub(super) fn allowed(c: char) -> bool {
    !c.is_control() && !matches!(c, '\u{fffe}' | '\u{ffff}')
}
