//! The public pages. Opening a link shows what it is for; redeeming it is a `POST`, or a Linphone app's own fetch.
//!
//! | request | answer | uses the link |
//! |---|---|---|
//! | `GET /{token}` | a page: for which extension, how to go on | no |
//! | `GET /{token}` or `/{token}/linphone.xml` with `X-Linphone-Provisioning` | the Linphone profile | yes |
//! | `GET /{token}/linphone.xml` without it | 406, a page that explains | no |
//! | `POST /{token}` | a page with the account; JSON for `Accept: application/json` | yes |
//! | `POST /{token}/linphone.xml` | the Linphone profile | yes |
//! | `POST /{token}` with `app=groundwire` or `app=zoiper` | a page with an address of the app's own, good once for ten minutes | no |
//! | `GET /fetch/{code}` | the document of that app | yes |
//! | `HEAD` of anything | as `GET`, without body | no |
//!
//! A link of an extension whose phones are switched off is answered with 403 and stays good; only its holder can see that.
//!
//! A token that is unknown, malformed, used, expired or revoked gets one and the same 404. Nothing here is cached, framed
//! or indexed, no answer names a token, and links lead nowhere that would learn of it by a Referer.

use std::net::{IpAddr, SocketAddr};

use askama::Template;
use axum::Router;
use axum::body::to_bytes;
use axum::extract::rejection::PathRejection;
use axum::extract::{ConnectInfo, Path, Request, State};
use axum::http::header::{
    ACCEPT, ACCEPT_LANGUAGE, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue,
    REFERRER_POLICY, RETRY_AFTER, USER_AGENT, VARY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;

use crate::enrolments::{EnrolmentError, PairError};
use crate::handover::FetchingApp;
use crate::language::{self, Language};
use crate::link::LinkToken;
use crate::messages::{say, t};
use crate::platform::VisitorPlatform;
use crate::profile::{Profile, acrobits, bria, json, linphone, zoiper};
use crate::qr;
use crate::throttle::UNKNOWN;
use crate::{Enrolment, Enrolments};

/// What liblinphone sends with every fetch of a profile (its `remote_provisioning.c`); no browser and no preview does.
const LINPHONE: HeaderName = HeaderName::from_static("x-linphone-provisioning");
const ROBOTS: HeaderName = HeaderName::from_static("x-robots-tag");
const POLICY: &str =
    "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The one field of the forms on these pages.
const FORM_LIMIT: usize = 256;
const HTML: &str = "text/html; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";
const XML: &str = "application/xml; charset=utf-8";

pub(crate) fn routes(enrolments: Enrolments) -> Router {
    Router::new()
        .route("/style.css", get(style))
        .route("/fetch/{code}", get(fetch))
        .route("/{token}", get(open).post(post))
        .route("/{token}/linphone.xml", get(open_linphone).post(post_linphone))
        .fallback(async || gone())
        .method_not_allowed_fallback(async || StatusCode::METHOD_NOT_ALLOWED)
        .layer(middleware::from_fn(private))
        .layer(middleware::from_fn_with_state(enrolments.clone(), in_their_language))
        .with_state(enrolments)
}

/// In the language of the company, or as the browser asks while nobody has chosen one.
async fn in_their_language(State(enrolments): State<Enrolments>, request: Request, next: Next) -> Response {
    let asked = request.headers().get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    let language = enrolments.language().get().or_else(|| asked.and_then(Language::accepted)).unwrap_or_default();
    language::speaking(language, next.run(request)).await
}

/// Puts the headers every answer needs on it.
async fn private(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(ROBOTS, HeaderValue::from_static("noindex, nofollow"));
    headers.insert(VARY, HeaderValue::from_static("accept, accept-language, x-linphone-provisioning"));
    response
}

async fn style() -> Response {
    ([(CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("../static/style.css")).into_response()
}

/// How the account is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Page,
    Json,
    Linphone,
    Bria { push_enabled: bool },
    Groundwire,
    Zoiper,
}

type Token = Result<Path<String>, PathRejection>;

/// Who asks, with what.
struct Visit {
    token: String,
    from: IpAddr,
    method: Method,
    headers: HeaderMap,
}

impl Visit {
    fn new(token: Token, request: &Request) -> Self {
        // What is no text is no token either, and gets the answer of every wrong token.
        let token = token.map_or_else(|_| String::new(), |Path(token)| token);
        let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
        let from = peer.map_or(UNKNOWN, |ConnectInfo(peer)| peer.ip());
        Self { token, from, method: request.method().clone(), headers: request.headers().clone() }
    }

    /// A fetch that a Linphone app makes on purpose. A HEAD only looks, whatever it carries.
    fn is_linphone_fetch(&self) -> bool {
        self.method == Method::GET && self.headers.contains_key(LINPHONE)
    }

    fn text(&self, name: HeaderName) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("")
    }

    fn wished(&self) -> Format {
        if self.headers.contains_key(LINPHONE) {
            return Format::Linphone;
        }
        let wishes = self.text(ACCEPT);
        if wishes.contains("application/json") && !wishes.contains("text/html") { Format::Json } else { Format::Page }
    }
}

async fn open(State(enrolments): State<Enrolments>, token: Token, request: Request) -> Response {
    let visit = Visit::new(token, &request);
    if visit.is_linphone_fetch() {
        return redeem(&enrolments, &visit, Format::Linphone).await;
    }
    match look_up(&enrolments, &visit).await {
        Ok((_, link)) => landing(&enrolments, &visit, &link),
        Err(answer) => *answer,
    }
}

async fn post(State(enrolments): State<Enrolments>, token: Token, request: Request) -> Response {
    let visit = Visit::new(token, &request);
    match chosen(request).await.as_deref() {
        Some("bria") => redeem_for_bria(&enrolments, &visit).await,
        Some(app) => match FetchingApp::from_name(app) {
            Some(app) => hand_over(&enrolments, &visit, app).await,
            None => redeem(&enrolments, &visit, visit.wished()).await,
        },
        None => redeem(&enrolments, &visit, visit.wished()).await,
    }
}

/// The app whose button was pressed.
async fn chosen(request: Request) -> Option<String> {
    let body = to_bytes(request.into_body(), FORM_LIMIT).await.ok()?;
    let form = std::str::from_utf8(&body).ok()?;
    form.split('&').find_map(|pair| pair.strip_prefix("app=")).map(str::to_owned)
}

/// The page with the address of an app that cannot say who it is.
async fn hand_over(enrolments: &Enrolments, visit: &Visit, app: FetchingApp) -> Response {
    let token = match look_up(enrolments, visit).await {
        Ok((token, _)) => token,
        Err(answer) => return *answer,
    };
    let url = match enrolments.hand_over(&token, app) {
        Ok(code) => format!("{}/p/fetch/{}", enrolments.base_url(), code.reveal()),
        Err(failure) => return unavailable(&failure),
    };
    let link = app.scheme().zip(url.strip_prefix("https://")).map(|(scheme, rest)| format!("{scheme}{rest}"));
    let svg = qr::svg(&url, &say("handover-code").with("app", &app.name()).text()).unwrap_or_default();
    page(StatusCode::OK, &HandoverPage { app: app.name(), link, svg })
}

/// The fetch of an app that was handed over to. A HEAD only looks.
async fn fetch(State(enrolments): State<Enrolments>, code: Token, request: Request) -> Response {
    let visit = Visit::new(code, &request);
    let code = visit.token.parse().unwrap_or_else(|_| LinkToken::from_random([0; 32]));
    if visit.method != Method::GET {
        return gone();
    }
    let Some((token, app)) = enrolments.take_over(&code) else { return missed(&enrolments, visit.from) };
    let format = match app {
        FetchingApp::Groundwire => Format::Groundwire,
        FetchingApp::Linphone => Format::Linphone,
        FetchingApp::Zoiper => Format::Zoiper,
    };
    match enrolments.redeem(&token, visit.text(USER_AGENT)).await {
        Ok(profile) => written(&profile, format, enrolments.base_url()),
        Err(PairError::Gone) => gone(),
        Err(PairError::PhonesOff(_)) => switched_off(),
        Err(PairError::Unavailable(why)) => unavailable(&why),
    }
}

async fn open_linphone(State(enrolments): State<Enrolments>, token: Token, request: Request) -> Response {
    let visit = Visit::new(token, &request);
    if visit.is_linphone_fetch() {
        return redeem(&enrolments, &visit, Format::Linphone).await;
    }
    // Said before the token is looked at, so that it tells nothing about the token.
    page(
        StatusCode::NOT_ACCEPTABLE,
        &MessagePage { title: t("message-for-linphone"), text: t("message-for-linphone-how") },
    )
}

async fn post_linphone(State(enrolments): State<Enrolments>, token: Token, request: Request) -> Response {
    redeem(&enrolments, &Visit::new(token, &request), Format::Linphone).await
}

/// The link of this visit, if it waits for a device; otherwise the answer.
async fn look_up(enrolments: &Enrolments, visit: &Visit) -> Result<(LinkToken, Enrolment), Box<Response>> {
    // What is no token is looked up as one that nobody has, so that it costs the same.
    let token = visit.token.parse().unwrap_or_else(|_| LinkToken::from_random([0; 32]));
    match enrolments.waiting(&token).await {
        Ok(Some(link)) => match enrolments.phones_are_off(link.extension).await {
            Ok(false) => Ok((token, link)),
            Ok(true) => Err(Box::new(switched_off())),
            Err(failure) => Err(Box::new(unavailable(&failure))),
        },
        Ok(None) => Err(Box::new(missed(enrolments, visit.from))),
        Err(failure) => Err(Box::new(unavailable(&failure.into()))),
    }
}

/// The answer to a wrong token. Only wrong ones are slowed down: a guesser behind an office's address shuts nobody out.
fn missed(enrolments: &Enrolments, from: IpAddr) -> Response {
    let Some(wait) = enrolments.missed(from) else { return gone() };
    let text = t("message-wait-why");
    let answer = page(StatusCode::TOO_MANY_REQUESTS, &MessagePage { title: t("message-wait"), text });
    ([(RETRY_AFTER, (wait.as_secs() + 1).to_string())], answer).into_response()
}

async fn redeem(enrolments: &Enrolments, visit: &Visit, format: Format) -> Response {
    let token = match look_up(enrolments, visit).await {
        Ok((token, _)) => token,
        Err(answer) => return *answer,
    };
    match enrolments.redeem(&token, visit.text(USER_AGENT)).await {
        Ok(profile) => written(&profile, format, enrolments.base_url()),
        Err(PairError::Gone) => gone(),
        Err(PairError::PhonesOff(_)) => switched_off(),
        Err(PairError::Unavailable(why)) => unavailable(&why),
    }
}

/// The attributes for Bria. The extension's push switch is asked for before the link is used up, so that a failure costs nothing.
async fn redeem_for_bria(enrolments: &Enrolments, visit: &Visit) -> Response {
    let link = match look_up(enrolments, visit).await {
        Ok((_, link)) => link,
        Err(answer) => return *answer,
    };
    match enrolments.extension(link.extension).await {
        Ok(detail) => {
            let push_enabled = detail.line.extension.push_enabled;
            redeem(enrolments, visit, Format::Bria { push_enabled }).await
        }
        Err(why) => unavailable(&why),
    }
}

fn written(profile: &Profile, format: Format, base_url: &str) -> Response {
    match format {
        Format::Page => page(StatusCode::OK, &DetailsPage { profile }),
        Format::Json => body(JSON, json::json(profile).ok()),
        Format::Linphone => body(XML, linphone::xml(profile).ok()),
        Format::Bria { push_enabled } => body(TEXT, Some(bria::text(profile, push_enabled))),
        Format::Groundwire => body(XML, Some(acrobits::xml(profile, base_url))),
        Format::Zoiper => body(XML, Some(zoiper::xml(profile))),
    }
}

fn landing(enrolments: &Enrolments, visit: &Visit, link: &Enrolment) -> Response {
    let url = format!("{}/p/{}", enrolments.public().https_base_url, visit.token);
    let left = link.expires_at.since(enrolments.now()).as_secs();
    page(
        StatusCode::OK,
        &LandingPage {
            extension: link.extension.to_string(),
            app_link: format!("linphone-config:{url}"),
            platform: VisitorPlatform::of(visit.text(USER_AGENT)),
            svg: qr::svg(&url, t("landing-code-of-link")).unwrap_or_default(),
            left: if left >= 2 * 3600 {
                say("landing-hours").count("count", left / 3600).text()
            } else {
                say("landing-minutes").count("count", left / 60 + 1).text()
            },
        },
    )
}

/// The one answer for every token that opens nothing.
fn gone() -> Response {
    page(StatusCode::NOT_FOUND, &MessagePage { title: t("message-gone"), text: t("message-gone-why") })
}

/// The link is still good, and good for nothing until an admin switches the phones of its extension on again.
fn switched_off() -> Response {
    page(StatusCode::FORBIDDEN, &MessagePage { title: t("message-switched-off"), text: t("message-switched-off-how") })
}

/// The link is still good, but the account could not be made.
fn unavailable(why: &EnrolmentError) -> Response {
    tracing::warn!(code = why.code(), error = %why, "an enrolment link could not be redeemed; it is still good");
    let answer =
        page(StatusCode::SERVICE_UNAVAILABLE, &MessagePage { title: t("message-busy"), text: t("message-busy-why") });
    ([(RETRY_AFTER, "30")], answer).into_response()
}

fn page<T: Template>(status: StatusCode, template: &T) -> Response {
    (status, body(HTML, template.render().ok())).into_response()
}

fn body(content_type: &'static str, text: Option<String>) -> Response {
    match text {
        Some(text) => ([(CONTENT_TYPE, content_type)], text).into_response(),
        None => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

#[derive(Template)]
#[template(path = "landing.html")]
struct LandingPage {
    extension: String,
    app_link: String,
    platform: VisitorPlatform,
    svg: String,
    left: String,
}

#[derive(Template)]
#[template(path = "handover.html")]
struct HandoverPage {
    app: &'static str,
    link: Option<String>,
    svg: String,
}

#[derive(Template)]
#[template(path = "details.html")]
struct DetailsPage<'a> {
    profile: &'a Profile,
}

#[derive(Template)]
#[template(path = "message.html")]
struct MessagePage {
    title: &'static str,
    text: &'static str,
}

#[cfg(test)]
mod tests;
