//! Extractors whose refusals are problem+json and say what is wrong.

use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::{Json, body::Bytes};
use pbx_core::model::ExtensionNumber;
use serde::de::DeserializeOwned;

use crate::error::{Problem, Refusal};
use crate::t;

/// A JSON body.
#[derive(Debug)]
pub(crate) struct Body<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        match Json::<T>::from_request(request, state).await {
            Ok(Json(value)) => Ok(Self(value)),
            Err(rejection) => Err(Problem(json_refusal(&rejection))),
        }
    }
}

/// A JSON body that may be left out.
#[derive(Debug)]
pub(crate) struct OptionalBody<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned + Default> FromRequest<S> for OptionalBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if request.headers().contains_key(header::CONTENT_TYPE) {
            return Body::from_request(request, state).await.map(|body| Self(body.0));
        }
        let bytes = Bytes::from_request(request, state).await.map_err(|_| {
            Problem(Refusal::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "too_large",
                t("body-the-request-is-larger-than-anything"),
            ))
        })?;
        if bytes.is_empty() {
            return Ok(Self(T::default()));
        }
        Err(Problem(not_json()))
    }
}

fn not_json() -> Refusal {
    Refusal::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "not_json",
        "the request needs a JSON body and the header Content-Type: application/json",
    )
}

fn json_refusal(rejection: &JsonRejection) -> Refusal {
    match rejection.status() {
        StatusCode::UNSUPPORTED_MEDIA_TYPE => not_json(),
        StatusCode::PAYLOAD_TOO_LARGE => {
            Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", t("body-the-request-is-larger-than-anything"))
        }
        _ => {
            let text = rejection.body_text();
            let code = if text.contains("unknown field") { "unknown_field" } else { "malformed" };
            Refusal::new(StatusCode::BAD_REQUEST, code, text)
        }
    }
}

/// Query parameters.
#[derive(Debug)]
pub(crate) struct Params<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        Query::<T>::from_request_parts(parts, state).await.map(|query| Self(query.0)).map_err(
            |rejection: QueryRejection| {
                Problem(Refusal::new(StatusCode::BAD_REQUEST, "malformed", rejection.body_text()))
            },
        )
    }
}

/// The number in a path.
pub(crate) fn number(text: &str) -> Result<ExtensionNumber, Refusal> {
    text.parse().map_err(|wrong: pbx_core::model::NumberError| {
        Refusal::new(StatusCode::BAD_REQUEST, "number_malformed", wrong.to_string()).field("number")
    })
}

/// A wished page size within 1 to 500.
pub(crate) fn limit(wished: Option<usize>, usual: usize) -> Result<usize, Refusal> {
    let limit = wished.unwrap_or(usual);
    if (1..=500).contains(&limit) {
        Ok(limit)
    } else {
        Err(Refusal::new(StatusCode::BAD_REQUEST, "malformed", "limit must be 1 to 500").field("limit"))
    }
}
