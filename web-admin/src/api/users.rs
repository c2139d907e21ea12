//! `/users`.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use pbx_core::model::ExtensionNumber;
use serde::{Deserialize, Serialize};

use super::Answer;
use super::body::Body;
use crate::role::Role;
use crate::second_factor;
use crate::state::AdminState;
use crate::users::store::{User, UserChange};
use crate::users::{self, Invitation};

#[derive(Debug, Serialize)]
pub(crate) struct UsersView {
    users: Vec<User>,
}

pub(crate) async fn list(State(state): State<AdminState>) -> Answer<Json<UsersView>> {
    Ok(Json(UsersView { users: users::store::list(&state.store).await? }))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewUserBody {
    name: String,
    role: Role,
    extension: Option<ExtensionNumber>,
}

/// Somebody new, and the link to hand to them.
#[derive(Debug, Serialize)]
pub(crate) struct NewUserView {
    user: User,
    invitation: Invitation,
}

pub(crate) async fn add(
    State(state): State<AdminState>,
    Body(body): Body<NewUserBody>,
) -> Answer<(StatusCode, Json<NewUserView>)> {
    let (user, invitation) = users::add(&state, &body.name, body.role, body.extension).await?;
    Ok((StatusCode::CREATED, Json(NewUserView { user, invitation })))
}

pub(crate) async fn get(State(state): State<AdminState>, Path(id): Path<i64>) -> Answer<Json<User>> {
    Ok(Json(users::show(&state, id).await?))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangeBody {
    role: Option<Role>,
    /// `null` takes the extension away; left out keeps it.
    #[serde(default, deserialize_with = "given")]
    extension: Option<Option<ExtensionNumber>>,
    disabled: Option<bool>,
}

fn given<'de, D: serde::Deserializer<'de>>(value: D) -> Result<Option<Option<ExtensionNumber>>, D::Error> {
    Option::<ExtensionNumber>::deserialize(value).map(Some)
}

pub(crate) async fn change(
    State(state): State<AdminState>,
    Path(id): Path<i64>,
    Body(body): Body<ChangeBody>,
) -> Answer<Json<User>> {
    let change = UserChange { role: body.role, extension: body.extension, disabled: body.disabled };
    Ok(Json(users::change(&state, id, change).await?))
}

pub(crate) async fn remove(State(state): State<AdminState>, Path(id): Path<i64>) -> Answer<StatusCode> {
    users::remove(&state, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn invite(
    State(state): State<AdminState>,
    Path(id): Path<i64>,
) -> Answer<(StatusCode, Json<Invitation>)> {
    Ok((StatusCode::CREATED, Json(users::invite(&state, id).await?)))
}

pub(crate) async fn reset_factor(State(state): State<AdminState>, Path(id): Path<i64>) -> Answer<StatusCode> {
    users::reset_factor(&state, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The roles that need a second factor.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PolicyView {
    roles: Vec<Role>,
}

pub(crate) async fn policy(State(state): State<AdminState>) -> Answer<Json<PolicyView>> {
    Ok(Json(PolicyView { roles: second_factor::store::roles(&state.store).await? }))
}

pub(crate) async fn put_policy(
    State(state): State<AdminState>,
    Body(body): Body<PolicyView>,
) -> Answer<Json<PolicyView>> {
    users::put_policy(&state, &body.roles).await?;
    Ok(Json(body))
}
