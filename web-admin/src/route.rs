//! One route: its path and, for each method, the handler with what it asks of the caller.
//!
//! A handler cannot be added without its [`Need`], and the guard that judges it is put around it here.

use std::convert::Infallible;

use axum::extract::{DefaultBodyLimit, OriginalUri, Request};
use axum::handler::Handler;
use axum::http::{Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{self, MethodRouter};

use crate::clock;
use crate::error::{ErrorPage, Problem, Refusal};
use crate::role::{Denied, Need, Role};
use crate::routes::API;
use crate::session::{SignedIn, percent_encode};
use crate::state::AdminState;
use crate::t;

/// A path with its methods.
pub(crate) struct Route {
    pub(crate) path: &'static str,
    methods: MethodRouter<AdminState, Infallible>,
    needs: Vec<(Method, Need)>,
}

impl Route {
    pub(crate) fn at(path: &'static str) -> Self {
        Self { path, methods: MethodRouter::new(), needs: Vec::new() }
    }

    pub(crate) fn get<H: Handler<T, AdminState>, T: 'static>(self, need: Need, handler: H) -> Self {
        self.on(Method::GET, need, routing::get(handler))
    }

    pub(crate) fn post<H: Handler<T, AdminState>, T: 'static>(self, need: Need, handler: H) -> Self {
        self.on(Method::POST, need, routing::post(handler))
    }

    pub(crate) fn put<H: Handler<T, AdminState>, T: 'static>(self, need: Need, handler: H) -> Self {
        self.on(Method::PUT, need, routing::put(handler))
    }

    pub(crate) fn patch<H: Handler<T, AdminState>, T: 'static>(self, need: Need, handler: H) -> Self {
        self.on(Method::PATCH, need, routing::patch(handler))
    }

    pub(crate) fn delete<H: Handler<T, AdminState>, T: 'static>(self, need: Need, handler: H) -> Self {
        self.on(Method::DELETE, need, routing::delete(handler))
    }

    /// Bodies of the methods so far may have this many bytes.
    pub(crate) fn limit(mut self, bytes: usize) -> Self {
        self.methods = self.methods.layer(DefaultBodyLimit::max(bytes));
        self
    }

    fn on(mut self, method: Method, need: Need, one: MethodRouter<AdminState>) -> Self {
        let guarded = one.route_layer(middleware::from_fn(move |request, next| guard(need, request, next)));
        self.methods = self.methods.merge(guarded);
        self.needs.push((method, need));
        self
    }

    /// What each method asks for.
    #[cfg(test)]
    pub(crate) fn needs(&self) -> &[(Method, Need)] {
        &self.needs
    }

    pub(crate) fn into_methods(self) -> MethodRouter<AdminState> {
        self.methods
    }
}

/// Judges one request; who asks was found by the guard around the whole group.
async fn guard(need: Need, request: Request, next: Next) -> Response {
    if need == Need::Nothing {
        return next.run(request).await;
    }
    let Some(who) = request.extensions().get::<SignedIn>() else {
        return refuse(&request, Refusal::signed_out());
    };
    if who.must_enrol && !matches!(need, Need::Own | Need::OwnFresh) {
        return enrol_first(&request);
    }
    match need.met_by(who.asking(), clock::now()) {
        Ok(()) => next.run(request).await,
        Err(denied) => deny(denied, who.role, &request),
    }
}

fn enrol_first(request: &Request) -> Response {
    if *request.method() == Method::GET && !is_api(request) {
        return Redirect::to("/account/second-factor").into_response();
    }
    refuse(
        request,
        Refusal::new(StatusCode::FORBIDDEN, "second_factor_needed", t("route-an-owner-wants-a-second-factor")),
    )
}

fn deny(denied: Denied, role: Role, request: &Request) -> Response {
    let reading = *request.method() == Method::GET && !is_api(request);
    match denied {
        Denied::Role if reading && role == Role::User && request.uri().path() == "/" => {
            Redirect::to("/me").into_response()
        }
        Denied::Role => {
            refuse(request, Refusal::new(StatusCode::FORBIDDEN, "role_needed", t("route-your-role-or-this-api-tokens")))
        }
        Denied::NoExtension => refuse(
            request,
            Refusal::new(StatusCode::FORBIDDEN, "no_extension", t("route-your-account-belongs-to-no-extension")),
        ),
        Denied::Stale if reading => {
            let wants = request.uri().path_and_query().map_or("/", |path| path.as_str());
            Redirect::to(&format!("/account/confirm?next={}", percent_encode(wants))).into_response()
        }
        Denied::Stale => refuse(
            request,
            Refusal::new(StatusCode::FORBIDDEN, "confirm_needed", t("route-prove-once-more-that-it-is")),
        ),
    }
}

fn refuse(request: &Request, refusal: Refusal) -> Response {
    if is_api(request) { Problem(refusal).into_response() } else { ErrorPage(refusal).into_response() }
}

fn is_api(request: &Request) -> bool {
    let original = request.extensions().get::<OriginalUri>();
    original.map_or_else(|| request.uri().path(), |uri| uri.path()).starts_with(API)
}
