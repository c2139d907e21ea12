//! The question before anything is lost. Works without JavaScript, so it is a page of its own.

use askama::Template;
use axum::response::Response;

use crate::error::render;
use crate::layout::Layout;

/// What is asked.
#[derive(Debug, Template)]
#[template(path = "confirm.html")]
pub(crate) struct Confirm {
    pub(crate) layout: Layout,
    /// What would happen, one sentence each.
    pub(crate) lines: Vec<String>,
    /// Where the form goes.
    pub(crate) action: String,
    /// What the form repeats, by field name.
    pub(crate) fields: Vec<(&'static str, String)>,
    /// The word on the button.
    pub(crate) button: &'static str,
    /// Where "Cancel" leads.
    pub(crate) back: String,
}

impl Confirm {
    pub(crate) fn page(self) -> Response {
        render(&self)
    }
}
