//! `/push/tokens`: every push token by its state, and what can be done about some of them at once.

use std::collections::{BTreeMap, BTreeSet};

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use pbx_core::model::{DeviceId, DeviceSummary};
use pbx_core::switchboard::command::{Command, CommandError, Reply};
use serde::{Deserialize, Serialize};

use super::Answer;
use super::body::{Body, Params, limit};
use super::devices::{page, show};
use crate::adding::settings;
use crate::audit;
use crate::clock;
use crate::error::Refusal;
use crate::hygiene::{self, TokenFilter, TokenRow};
use crate::state::AdminState;
use crate::{say, t};

/// Devices asked for with one command.
const PAGE: usize = 500;
/// Tokens on a page unless the caller wishes another number.
pub(crate) const USUAL_LIMIT: usize = 100;
/// Devices that one order may name: as many as a page has.
pub(crate) const AT_ONCE: usize = 500;

/// A page of tokens.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct TokenList {
    pub(crate) tokens: Vec<TokenRow>,
    /// How many the filter takes.
    pub(crate) total: usize,
    /// How many tokens there are in each state, whatever the filter says.
    #[schema(value_type = BTreeMap<String, usize>)]
    pub(crate) counts: BTreeMap<&'static str, usize>,
    /// After how many days without a sign a token counts as unseen.
    pub(crate) unseen_days: u16,
    /// The `after` of the next page.
    pub(crate) next: Option<usize>,
}

/// All devices, a page at a time, so that calls go on in between.
pub(crate) async fn all_devices(state: &AdminState) -> Result<Vec<DeviceSummary>, Refusal> {
    let mut found: Vec<DeviceSummary> = Vec::new();
    loop {
        let devices = page(state, found.last().map(|device| device.id), PAGE).await?;
        let last = devices.len() < PAGE;
        found.extend(devices);
        if last {
            return Ok(found);
        }
    }
}

/// The tokens a filter takes, a page of them.
pub(crate) async fn find(state: &AdminState, filter: &TokenFilter) -> Result<TokenList, Refusal> {
    let limit = limit(filter.limit, USUAL_LIMIT)?;
    let unseen_days = settings(state).await?.token_unseen_days;
    let rows = hygiene::tokens(&all_devices(state).await?, unseen_days, clock::now());
    let counts = hygiene::counts(&rows);
    let mut rows = filter.apply(rows);
    let (total, after) = (rows.len(), filter.after.unwrap_or(0));
    let next = after.saturating_add(limit);
    rows.truncate(next);
    rows.drain(..after.min(rows.len()));
    Ok(TokenList { tokens: rows, total, counts, unseen_days, next: (next < total).then_some(next) })
}

#[utoipa::path(get, path = "/push/tokens", operation_id = "push_tokens", tag = "Push", summary = "Every push token with its state; a token is named by a fingerprint, never shown.", params(TokenFilter), responses((status = 200, description = "A page.", body = TokenList)))]
pub(crate) async fn list(
    State(state): State<AdminState>,
    Params(filter): Params<TokenFilter>,
) -> Answer<Json<TokenList>> {
    Ok(Json(find(&state, &filter).await?))
}

/// What is to be done with tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TokenAct {
    /// Forgets them; a phone that is not registered is forgotten with its token. An app that still has its account sends it
    /// again when it registers.
    Forget,
    /// Pushes a test notice (never a VoIP push) by each.
    TestPush,
    /// Marks the phones as needing their settings again, until they fetch them.
    RenewSettings,
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TokenOrder)]
pub(crate) struct ActBody {
    act: TokenAct,
    /// Up to 500 devices.
    #[schema(value_type = Vec<i64>)]
    devices: Vec<i64>,
}

/// A device that was left as it is.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct LeftOut {
    pub(crate) device: DeviceId,
    pub(crate) code: String,
    pub(crate) text: String,
}

/// What became of an order.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = TokenOutcome)]
pub(crate) struct Outcome {
    pub(crate) done: Vec<DeviceId>,
    /// The others, each with the reason.
    pub(crate) left: Vec<LeftOut>,
}

/// Carries an order out, device by device; what does not work for one holds up no other.
pub(crate) async fn carry_out(state: &AdminState, act: TokenAct, devices: &[i64]) -> Result<Outcome, Refusal> {
    let devices: BTreeSet<DeviceId> = devices.iter().copied().map(DeviceId).collect();
    if devices.is_empty() {
        let text = t("push-tokens-name-at-least-one-phone");
        return Err(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "nobody", text).field("devices"));
    }
    if devices.len() > AT_ONCE {
        let text = say("push-tokens-at-most-phones-at-once-take").with("at-once", &AT_ONCE).text();
        return Err(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "too_many", text).field("devices"));
    }
    let mut outcome = Outcome { done: Vec::new(), left: Vec::new() };
    for device in devices {
        let done = match act {
            TokenAct::Forget => state.switchboard.ask(Command::ForgetToken(device)).await.map_err(left_out(device)),
            TokenAct::TestPush => {
                state.switchboard.ask(Command::TestPushDevice(device)).await.map_err(left_out(device))
            }
            TokenAct::RenewSettings => renew(state, device).await.map(|()| Reply::Done),
        };
        match done {
            Ok(_) => outcome.done.push(device),
            Err(left) => outcome.left.push(left),
        }
    }
    let word = match act {
        TokenAct::Forget => "forgot the push tokens of",
        TokenAct::TestPush => "sent test pushes to",
        TokenAct::RenewSettings => "asked to fetch settings again:",
    };
    let named: Vec<String> = outcome.done.iter().map(ToString::to_string).collect();
    if !named.is_empty() {
        audit::note(format!("{word} {} phones: {}", named.len(), named.join(", ")));
    }
    Ok(outcome)
}

fn left_out(device: DeviceId) -> impl FnOnce(CommandError) -> LeftOut {
    move |error| LeftOut { device, code: error.code().to_owned(), text: error.to_string() }
}

async fn renew(state: &AdminState, device: DeviceId) -> Result<(), LeftOut> {
    let refused = |refusal: Refusal| LeftOut { device, code: refusal.code.to_string(), text: refusal.detail };
    let username = show(state, device).await.map_err(refused)?.username;
    match state.enrolments.ask_to_fetch(&username).await {
        Ok(true) => Ok(()),
        Ok(false) => {
            let text = t("push-tokens-this-phone-was-set-up-by");
            Err(LeftOut { device, code: "set_up_by_hand".into(), text: text.into() })
        }
        Err(error) => Err(refused(error.into())),
    }
}

#[utoipa::path(post, path = "/push/tokens", operation_id = "push_tokens_act", tag = "Push", summary = "Forgets push tokens, tests them, or marks their phones as needing their settings again.", request_body = ActBody, responses((status = 200, description = "What was done, and what was not and why.", body = Outcome), (status = 422, description = "")))]
pub(crate) async fn act(State(state): State<AdminState>, Body(body): Body<ActBody>) -> Answer<Json<Outcome>> {
    Ok(Json(carry_out(&state, body.act, &body.devices).await?))
}
