//! What provisioning refuses, in the words of pages and the API.

use axum::http::StatusCode;
use provisioning::{EnrolmentError, EnrolmentId};

use crate::error::Refusal;

impl From<EnrolmentError> for Refusal {
    fn from(error: EnrolmentError) -> Self {
        let (code, text) = (error.code(), error.to_string());
        match error {
            EnrolmentError::Store(store) => Self::from(store),
            EnrolmentError::Switchboard(refused) => Self::from(refused),
            EnrolmentError::Random | EnrolmentError::OddAnswer => Self::internal(&error),
            EnrolmentError::Label(_) => Self::new(StatusCode::BAD_REQUEST, code, text).field("label"),
            EnrolmentError::Lifetime => Self::new(StatusCode::BAD_REQUEST, code, text).field("hours"),
            EnrolmentError::NoSuchAccount(_) => Self::new(StatusCode::NOT_FOUND, "no_such_account", text),
            EnrolmentError::NoSuchLink => Self::new(StatusCode::NOT_FOUND, "no_such_enrolment", text),
            EnrolmentError::TooManyOpen(_)
            | EnrolmentError::NoServer
            | EnrolmentError::TooLong
            | EnrolmentError::Refused(_) => Self::new(StatusCode::CONFLICT, code, text),
        }
    }
}

/// A link's id from a path.
pub(crate) fn id(text: &str) -> Result<EnrolmentId, Refusal> {
    text.parse().map_err(|_| Refusal::from(EnrolmentError::NoSuchLink))
}
