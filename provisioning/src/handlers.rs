use crate::Enrolments;

pub(crate) fn routes(_enrolments: Enrolments) -> axum::Router {
    axum::Router::new()
}
