//! Fields of forms: what was typed is kept, and every error stands beside its field.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::Multipart;
use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pbx_core::model::Redacted;

use crate::error::Refusal;
use crate::say;
use crate::words::sentence;

/// Errors by field name; the empty name is for the whole form.
#[derive(Debug, Clone, Default)]
pub(crate) struct Errors(BTreeMap<String, String>);

impl Errors {
    pub(crate) fn put(&mut self, field: impl Into<String>, problem: impl Into<String>) {
        self.0.entry(field.into()).or_insert_with(|| sentence(&problem.into()));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The problem of a field, empty when it has none.
    pub(crate) fn of(&self, field: &str) -> String {
        self.0.get(field).cloned().unwrap_or_default()
    }

    /// Keeps a refusal beside its field; failures of ours are passed on.
    pub(crate) fn take(&mut self, refusal: Refusal) -> Result<(), Refusal> {
        let ours = refusal.status.is_server_error() && refusal.status != StatusCode::SERVICE_UNAVAILABLE;
        if ours {
            return Err(refusal);
        }
        self.put(refusal.field.unwrap_or_default(), refusal.detail);
        Ok(())
    }
}

/// One labelled field.
#[derive(Debug, Clone, Template)]
#[template(path = "_input.html")]
pub(crate) struct Input {
    name: &'static str,
    label: &'static str,
    hint: String,
    value: String,
    error: String,
    kind: &'static str,
    /// Further attributes, our own words only.
    more: &'static str,
    /// Lines of a text area; 0 for a single line.
    rows: u8,
    /// Choices of a selection: value and words.
    choices: Vec<(&'static str, &'static str)>,
}

impl Input {
    pub(crate) fn new(name: &'static str, label: &'static str, value: impl Into<String>, errors: &Errors) -> Self {
        Self {
            name,
            label,
            hint: String::new(),
            value: value.into(),
            error: errors.of(name),
            kind: "text",
            more: "",
            rows: 0,
            choices: Vec::new(),
        }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    pub(crate) fn kind(mut self, kind: &'static str) -> Self {
        self.kind = kind;
        self
    }

    pub(crate) fn more(mut self, more: &'static str) -> Self {
        self.more = more;
        self
    }

    pub(crate) fn rows(mut self, rows: u8) -> Self {
        self.rows = rows;
        self
    }

    pub(crate) fn choices(mut self, choices: &[(&'static str, &'static str)]) -> Self {
        self.choices = choices.to_vec();
        self
    }

    /// Whether a check box is ticked.
    fn ticked(&self) -> bool {
        self.kind == "checkbox" && self.value == "on"
    }

    /// The ids of what explains the field, for screen readers.
    fn described_by(&self) -> String {
        let mut ids = Vec::new();
        if !self.hint.is_empty() {
            ids.push(format!("{}-hint", self.name));
        }
        if !self.error.is_empty() {
            ids.push(format!("{}-error", self.name));
        }
        ids.join(" ")
    }
}

/// A form that may hold files; every part is text.
#[derive(Debug, Default)]
pub(crate) struct Parts(BTreeMap<String, Redacted<String>>);

/// Parts a form of ours has at most.
const MAX_PARTS: usize = 24;

impl Parts {
    /// Reads all parts; the body limit of the route bounds their size.
    pub(crate) async fn read(mut multipart: Multipart) -> Result<Self, Refusal> {
        let mut parts = Self::default();
        let broken = |error: axum::extract::multipart::MultipartError| {
            Refusal::new(
                error.status(),
                "malformed",
                say("form-the-form-did-not-arrive-whole").with("error", &error).text(),
            )
        };
        while let Some(field) = multipart.next_field().await.map_err(broken)? {
            let Some(name) = field.name().map(str::to_owned) else { continue };
            let bytes = field.bytes().await.map_err(broken)?;
            // What is no text is a .p12 file, or no key of ours; the reader of the part says so in its own words.
            let text = match String::from_utf8(bytes.to_vec()) {
                Ok(text) => text,
                Err(binary) => STANDARD.encode(binary.as_bytes()),
            };
            if parts.0.len() < MAX_PARTS {
                parts.0.insert(name, Redacted::new(text));
            }
        }
        Ok(parts)
    }

    /// A part's text without surrounding blanks, empty when it is missing.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.0.get(name).map_or("", |text| text.reveal().trim())
    }

    /// The uploaded file if one was chosen, else the pasted text.
    pub(crate) fn file_or_text(&self, file: &str, text: &str) -> Redacted<String> {
        let chosen = self.text(file);
        Redacted::new(if chosen.is_empty() { self.text(text) } else { chosen }.to_owned())
    }

    /// A part's text, `None` when it is empty.
    pub(crate) fn given(&self, name: &str) -> Option<String> {
        let text = self.text(name);
        (!text.is_empty()).then(|| text.to_owned())
    }
}
