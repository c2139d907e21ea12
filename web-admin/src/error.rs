//! What goes wrong, said once: a [`Refusal`] becomes a page for people and problem+json for programs.
//!
//! Expected refusals carry a sentence with the problem and the fix. Failures of ours are logged here and shown without
//! their insides.

pub(crate) mod code;

use askama::Template;
use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use pbx_core::store::StoreError;
use pbx_core::switchboard::command::CommandError;
use serde::Serialize;

use crate::import::RowError;
use crate::layout::Layout;
use crate::password::HashError;
use crate::t;
use crate::token::NoRandom;

/// Why a request was not carried out.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    pub(crate) field: Option<String>,
    pub(crate) detail: String,
    pub(crate) rows: Vec<RowError>,
    pub(crate) fields: Vec<FieldError>,
}

/// What is wrong with one field of a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub(crate) struct FieldError {
    /// The way to it, such as `extensions[2].number`.
    pub(crate) field: String,
    /// The problem and the fix.
    pub(crate) message: String,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, field: None, detail: detail.into(), rows: Vec::new(), fields: Vec::new() }
    }

    pub(crate) fn field(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }

    pub(crate) fn not_found(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, detail)
    }

    /// A failure of ours: logged with its insides, shown without them.
    pub(crate) fn internal(failure: &dyn std::error::Error) -> Self {
        let source = failure.source().map(ToString::to_string).unwrap_or_default();
        tracing::error!(%failure, %source, "a request failed");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            t("error-something-failed-inside-nightbell-and-nothing"),
        )
    }
}

impl From<CommandError> for Refusal {
    fn from(error: CommandError) -> Self {
        use CommandError as E;
        let (status, field) = match &error {
            E::NumberTaken(_) | E::NumberTwice(_) => (StatusCode::CONFLICT, Some("number")),
            E::UsernameTaken(_) => (StatusCode::CONFLICT, Some("username")),
            E::NoSuchExtension(_) | E::NoSuchCredential(_) | E::NoSuchDevice(_) | E::NoSuchCall(_) => {
                (StatusCode::NOT_FOUND, None)
            }
            E::WrongSecret => (StatusCode::UNAUTHORIZED, None),
            E::PhonesOff(_) => (StatusCode::FORBIDDEN, None),
            E::NotPushed => (StatusCode::NOT_FOUND, Some("call")),
            E::NotBlocked(_) => (StatusCode::NOT_FOUND, Some("address")),
            E::NothingToPush(_) | E::NobodyToRing(_) | E::TestCallUnderWay(_) | E::Full(_) => {
                (StatusCode::CONFLICT, None)
            }
            E::NoEcho => (StatusCode::SERVICE_UNAVAILABLE, None),
            E::RealmInUse => (StatusCode::CONFLICT, Some("realm")),
            E::Settings(wrong) => (StatusCode::UNPROCESSABLE_ENTITY, Some(wrong.field)),
            E::Number(_) => (StatusCode::BAD_REQUEST, Some("number")),
            E::Extension(pbx_core::model::ExtensionError::Name) => (StatusCode::BAD_REQUEST, Some("name")),
            E::Extension(pbx_core::model::ExtensionError::Email(_)) => (StatusCode::BAD_REQUEST, Some("email")),
            E::NotSaved | E::Busy | E::Stopping => (StatusCode::SERVICE_UNAVAILABLE, None),
        };
        let refusal = Self::new(status, error.code(), error.to_string());
        match field {
            Some(field) => refusal.field(field),
            None => refusal,
        }
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        if error.is_passing() {
            tracing::error!(code = "not_saved", %error, "a request failed");
            let text = format!("{error}. Nothing was changed; try again when the database takes changes again");
            return Self::new(StatusCode::SERVICE_UNAVAILABLE, "database_unavailable", text);
        }
        Self::internal(&error)
    }
}

impl From<NoRandom> for Refusal {
    fn from(error: NoRandom) -> Self {
        Self::internal(&error)
    }
}

impl From<HashError> for Refusal {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Busy => Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", error.to_string()),
            HashError::Failed => Self::internal(&error),
        }
    }
}

/// A refusal as RFC 9457 problem+json.
#[derive(Debug)]
pub(crate) struct Problem(pub(crate) Refusal);

impl<E: Into<Refusal>> From<E> for Problem {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

/// Why a request was refused (RFC 9457).
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemBody<'a> {
    /// Always `about:blank`: `code` says more.
    r#type: &'static str,
    /// The status in words.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// Stable; the table stands at the head of this document.
    #[schema(schema_with = codes)]
    code: &'static str,
    /// The problem and the fix, a sentence for people.
    detail: &'a str,
    /// The field of the request that is meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
    /// The lines of an import that are wrong.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[schema(value_type = Vec<RowError>, required = false)]
    errors: &'a [RowError],
    /// The fields of a setup document that are wrong.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[schema(value_type = Vec<FieldError>, required = false)]
    fields: &'a [FieldError],
}

fn codes() -> utoipa::openapi::Object {
    let all: std::collections::BTreeSet<&str> = code::CODES.iter().map(|one| one.code).collect();
    utoipa::openapi::ObjectBuilder::new().schema_type(utoipa::openapi::Type::String).enum_values(Some(all)).build()
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        debug_assert!(code::known(self.0.status, self.0.code), "{} {} is in no table", self.0.status, self.0.code);
        let body = ProblemBody {
            r#type: "about:blank",
            title: self.0.status.canonical_reason().unwrap_or("Error"),
            status: self.0.status.as_u16(),
            code: self.0.code,
            detail: &self.0.detail,
            field: self.0.field.as_deref(),
            errors: &self.0.rows,
            fields: &self.0.fields,
        };
        let mut response = (self.0.status, Json(body)).into_response();
        let _ = response
            .headers_mut()
            .insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/problem+json"));
        response
    }
}

/// A refusal as a page.
#[derive(Debug)]
pub(crate) struct ErrorPage(pub(crate) Refusal);

impl<E: Into<Refusal>> From<E> for ErrorPage {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorTemplate<'a> {
    layout: Layout,
    status: u16,
    code: &'a str,
    detail: String,
}

impl IntoResponse for ErrorPage {
    fn into_response(self) -> Response {
        let title = match self.0.status {
            StatusCode::NOT_FOUND => t("error-not-found"),
            StatusCode::SERVICE_UNAVAILABLE => t("error-not-now"),
            StatusCode::FORBIDDEN => t("error-refused"),
            StatusCode::INTERNAL_SERVER_ERROR => t("error-something-failed"),
            _ => t("error-that-did-not-work"),
        };
        let page = ErrorTemplate {
            layout: Layout::unnamed(title),
            status: self.0.status.as_u16(),
            code: self.0.code,
            detail: crate::words::sentence(&self.0.detail),
        };
        (self.0.status, render(&page)).into_response()
    }
}

/// Renders a page; a template that fails is a bug and says so without insides.
pub(crate) fn render(page: &impl Template) -> Response {
    match page.render() {
        Ok(html) => Html(html).into_response(),
        Err(failure) => {
            tracing::error!(%failure, "a page could not be rendered");
            (StatusCode::INTERNAL_SERVER_ERROR, t("error-this-page-could-not-be-shown")).into_response()
        }
    }
}
