//! `/api/v1/acrobits/push-token` and `/api/v1/acrobits/logged-out`: where Groundwire and Cloud Softphone report how they can
//! be woken, and that they no longer can ("Push Token Reporter" and "Account Removal Reporter", doc.acrobits.net). Both are
//! open like `/sign-in`: the app proves itself with the secret of its SIP account, and guesses are counted and slowed down in
//! the same way.

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use pbx_core::model::{AcrobitsToken, AcrobitsTokenError, Environment, PushProvider, Redacted, SipUsername};
use pbx_core::registrar::{OfferedTarget, PushReport};
use pbx_core::switchboard::command::{Command, CommandError};
use serde::Deserialize;

use super::Answer;
use super::body::Body;
use crate::clock;
use crate::error::{Problem, Refusal};
use crate::session::Caller;
use crate::state::AdminState;

/// What the app fills into the template of docs/acrobits.md.
#[derive(Debug, utoipa::ToSchema, Deserialize)]
#[serde(deny_unknown_fields)]
#[schema(as = AppReport)]
pub(crate) struct Report {
    username: String,
    #[schema(value_type = String)]
    password: Redacted<String>,
    selector: String,
    #[serde(rename = "appId")]
    app_id: String,
    #[schema(value_type = String)]
    token: Redacted<String>,
    /// The address for everything but calls; apps on Android have one for both.
    #[serde(rename = "appIdOther", default)]
    app_id_other: String,
    #[serde(rename = "tokenOther", default)]
    #[schema(value_type = String)]
    token_other: Redacted<String>,
}

impl Report {
    fn offered(&self) -> Result<OfferedTarget, AcrobitsTokenError> {
        let call = AcrobitsToken::new(&self.app_id, self.token.reveal(), &self.selector)?;
        let other = if self.token_other.reveal().is_empty() {
            None
        } else {
            Some(AcrobitsToken::new(&self.app_id_other, self.token_other.reveal(), &self.selector)?)
        };
        let text = |token: &AcrobitsToken| Redacted::new(token.to_text());
        Ok(OfferedTarget {
            provider: PushProvider::Acrobits,
            app_id: call.app_id().into(),
            environment: Environment::Production,
            call_token: Some(text(&call)),
            notice_token: other.filter(|other| *other != call).as_ref().map(text),
        })
    }
}

/// Takes a report: 204, also when the app has not registered yet.
#[utoipa::path(post, path = "/acrobits/push-token", operation_id = "acrobits_report", tag = "Push tokens of apps", summary = "Reports how an app can be woken; open, the secret of its SIP account is the key.", request_body = Report, responses((status = 204, description = "It is known."), (status = 409, description = "")))]
pub(crate) async fn report(
    State(state): State<AdminState>,
    caller: Caller,
    Body(report): Body<Report>,
) -> Answer<Response> {
    tell(&state, &caller, report, PushReport::Has).await
}

/// Takes the report that the user of an app logged out: 204, also when nothing was known of it.
#[utoipa::path(post, path = "/acrobits/logged-out", operation_id = "acrobits_logged_out", tag = "Push tokens of apps", summary = "Reports that an app can no longer be woken; open, the secret of its SIP account is the key.", request_body = Report, responses((status = 204, description = "It is forgotten."), (status = 409, description = "")))]
pub(crate) async fn logged_out(
    State(state): State<AdminState>,
    caller: Caller,
    Body(report): Body<Report>,
) -> Answer<Response> {
    tell(&state, &caller, report, PushReport::Gone).await
}

async fn tell(
    state: &AdminState,
    caller: &Caller,
    report: Report,
    says: fn(OfferedTarget) -> PushReport,
) -> Answer<Response> {
    let offered = report
        .offered()
        .map_err(|error| Refusal::new(StatusCode::BAD_REQUEST, "malformed", error.to_string()).field(error.field))?;
    // A name that is none costs the same as one that nobody has.
    let username: Result<SipUsername, _> = report.username.parse();
    let counted = format!("sip:{}", report.username);
    let now = clock::now();
    if let Err(wait) = state.throttle.attempt(&counted, caller.address, now) {
        return Ok(wait_first(wait.as_secs().max(1)));
    }
    let Ok(username) = username else { return Err(CommandError::WrongSecret.into()) };
    match state.switchboard.ask(Command::ReportPush { username, secret: report.password, report: says(offered) }).await
    {
        Ok(_) => {
            state.throttle.succeeded(&counted, caller.address, now);
            Ok(StatusCode::NO_CONTENT.into_response())
        }
        Err(error @ CommandError::WrongSecret) => {
            tracing::info!(address = %caller.address, "a report of a push token with a wrong secret was refused");
            Err(error.into())
        }
        Err(error) => {
            state.throttle.undecided(&counted, caller.address);
            Err(error.into())
        }
    }
}

fn wait_first(seconds: u64) -> Response {
    let text = format!("too many wrong secrets from here; wait {seconds} s");
    let refused = Problem(Refusal::new(StatusCode::TOO_MANY_REQUESTS, "busy", text));
    ([(header::RETRY_AFTER, HeaderValue::from(seconds))], refused).into_response()
}
