//! `/account/passkeys`: one's own passkeys. `/passkey`: signing in with one, open to everybody. `/users/{id}/passkeys`: everybody's,
//! for owners.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use webauthn_rs::prelude::{PublicKeyCredential, RegisterPublicKeyCredential};

use super::Answer;
use super::body::Body;
use crate::audit;
use crate::error::Refusal;
use crate::pages::sign_in::audited;
use crate::passkeys::store::{self, PasskeyLine};
use crate::passkeys::{self, Attempt};
use crate::session::{self, Caller, SignedIn};
use crate::state::AdminState;

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct PasskeysView {
    passkeys: Vec<PasskeyLine>,
    /// Whether they can work under the public name of this installation.
    possible: bool,
    /// The public name; a passkey works under the one it was made for.
    public_name: String,
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewPasskeyBody {
    /// What its owner calls it, 1 to 60 characters.
    name: String,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct PasskeyChallenge {
    /// Names the challenge in its answer; good for one, for five minutes.
    id: String,
    /// For `navigator.credentials.create` or `get`, with bytes in base64url.
    #[schema(value_type = Object)]
    options: Value,
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PasskeyAnswerBody {
    /// Of the challenge.
    id: String,
    /// What the browser gave (`PublicKeyCredential`), with bytes in base64url.
    #[schema(value_type = Object)]
    credential: Value,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct PasskeyMadeView {
    id: i64,
    name: String,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct PasskeysRemovedView {
    /// How many there were.
    removed: u64,
}

fn user(who: &SignedIn) -> Result<i64, Refusal> {
    who.user.ok_or_else(Refusal::signed_out)
}

/// The browser's answer; what is missing in it is the caller's mistake.
fn read<T: serde::de::DeserializeOwned>(credential: Value) -> Result<T, Refusal> {
    serde_json::from_value(credential).map_err(|why| {
        let text =
            format!("this is no answer of a device ({why}); send what the browser gave, with bytes in base64url");
        Refusal::new(StatusCode::BAD_REQUEST, "malformed", text).field("credential")
    })
}

#[utoipa::path(get, path = "/account/passkeys", operation_id = "account_passkeys", tag = "People", summary = "One's own passkeys.", responses((status = 200, description = "All of them.", body = PasskeysView)))]
pub(crate) async fn list(
    State(state): State<AdminState>,
    Extension(who): Extension<SignedIn>,
) -> Answer<Json<PasskeysView>> {
    let passkeys = store::list(&state.store, user(&who)?).await?;
    let (possible, public_name) = (state.passkeys.possible(), state.passkeys.public_name().to_owned());
    Ok(Json(PasskeysView { passkeys, possible, public_name }))
}

#[utoipa::path(post, path = "/account/passkeys/challenge", operation_id = "account_passkey_challenge", tag = "People", summary = "Begins to register a passkey of one's own.", request_body = NewPasskeyBody, responses((status = 200, description = "What the browser asks the device for.", body = PasskeyChallenge), (status = 409, description = ""), (status = 422, description = "")))]
pub(crate) async fn begin(
    State(state): State<AdminState>,
    Extension(who): Extension<SignedIn>,
    Body(body): Body<NewPasskeyBody>,
) -> Answer<Json<PasskeyChallenge>> {
    let (id, options) = passkeys::begin(&state, user(&who)?, &who.name, &body.name).await?;
    Ok(Json(PasskeyChallenge { id, options }))
}

#[utoipa::path(post, path = "/account/passkeys", operation_id = "account_passkey_add", tag = "People", summary = "Ends the registration with the device's answer.", request_body = PasskeyAnswerBody, responses((status = 201, description = "It signs in from now on.", body = PasskeyMadeView)))]
pub(crate) async fn add(
    State(state): State<AdminState>,
    Extension(who): Extension<SignedIn>,
    Body(body): Body<PasskeyAnswerBody>,
) -> Answer<(StatusCode, Json<PasskeyMadeView>)> {
    let answer: RegisterPublicKeyCredential = read(body.credential)?;
    let (id, name) = passkeys::finish(&state, user(&who)?, &body.id, &answer).await?;
    audit::note(format!("passkey “{name}” added"));
    Ok((StatusCode::CREATED, Json(PasskeyMadeView { id, name })))
}

#[utoipa::path(delete, path = "/account/passkeys/{id}", operation_id = "account_passkey_remove", tag = "People", summary = "Removes one of one's own passkeys.", params(("id" = i64, Path, description = "Which one, by its id")), responses((status = 204, description = "It signs in no more."), (status = 404, description = "")))]
pub(crate) async fn remove(
    State(state): State<AdminState>,
    Extension(who): Extension<SignedIn>,
    Path(id): Path<i64>,
) -> Answer<StatusCode> {
    match store::remove(&state.store, user(&who)?, id).await? {
        Some(name) => {
            audit::note(format!("passkey “{name}” removed"));
            Ok(StatusCode::NO_CONTENT)
        }
        None => Err(Refusal::not_found("no_such_passkey", "you have no passkey with this id").into()),
    }
}

#[utoipa::path(get, path = "/users/{id}/passkeys", operation_id = "user_passkeys", tag = "People", summary = "Somebody's passkeys.", params(("id" = i64, Path, description = "Whose, by their id")), responses((status = 200, description = "All of them.", body = PasskeysView)))]
pub(crate) async fn of_user(State(state): State<AdminState>, Path(id): Path<i64>) -> Answer<Json<PasskeysView>> {
    let passkeys = store::list(&state.store, id).await?;
    let (possible, public_name) = (state.passkeys.possible(), state.passkeys.public_name().to_owned());
    Ok(Json(PasskeysView { passkeys, possible, public_name }))
}

#[utoipa::path(delete, path = "/users/{id}/passkeys", operation_id = "user_passkeys_remove", tag = "People", summary = "Removes all passkeys of somebody and ends the sessions that began with one.", params(("id" = i64, Path, description = "Whose, by their id")), responses((status = 200, description = "They sign in with their password.", body = PasskeysRemovedView)))]
pub(crate) async fn remove_of_user(
    State(state): State<AdminState>,
    Path(id): Path<i64>,
) -> Answer<Json<PasskeysRemovedView>> {
    let removed = store::remove_all(&state.store, id).await?;
    audit::note(format!("{removed} passkeys removed"));
    Ok(Json(PasskeysRemovedView { removed }))
}

#[utoipa::path(post, path = "/passkey/challenge", operation_id = "passkey_challenge", tag = "People", summary = "A challenge for whoever wants to sign in with a passkey.", responses((status = 200, description = "What the browser asks its devices for.", body = PasskeyChallenge), (status = 409, description = "")))]
pub(crate) async fn challenge(State(state): State<AdminState>, caller: Caller) -> Answer<Json<PasskeyChallenge>> {
    let (id, options) = passkeys::challenge(&state, caller.address.into())?;
    Ok(Json(PasskeyChallenge { id, options }))
}

#[utoipa::path(post, path = "/passkey", operation_id = "passkey_sign_in", tag = "People", summary = "Signs in with a passkey; the session comes as a cookie.", request_body = PasskeyAnswerBody, responses((status = 204, description = "Signed in."), (status = 409, description = "")))]
pub(crate) async fn sign_in(
    State(state): State<AdminState>,
    caller: Caller,
    headers: HeaderMap,
    Body(body): Body<PasskeyAnswerBody>,
) -> Answer<Response> {
    let answer: PublicKeyCredential = read(body.credential)?;
    let Attempt { user, outcome } = passkeys::sign_in(&state, (&body.id, &answer), (&caller, &headers)).await?;
    let done = match (user, outcome) {
        (Some(user), Ok(name)) => {
            let by = format!("passkey “{name}”");
            audited(&state, &caller, Some(&user), (&by, "done")).await;
            user
        }
        (user, outcome) => {
            tracing::info!(address = %caller.address, "a sign-in with a passkey failed");
            audited(&state, &caller, user.as_ref(), ("passkey", "refused (401)")).await;
            return Err(outcome.err().unwrap_or_else(Refusal::signed_out).into());
        }
    };
    let mut response = StatusCode::NO_CONTENT.into_response();
    for cookie in session::start_by_passkey(&state, done.id, &caller, &headers).await? {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    Ok(response)
}
