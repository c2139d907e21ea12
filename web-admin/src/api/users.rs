//! `/users`.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use pbx_core::model::ExtensionNumber;
use serde::{Deserialize, Serialize};

use super::Answer;
use super::body::Body;
use crate::role::Role;
use crate::state::AdminState;
use crate::users::store::{User, UserChange};
use crate::users::{self, Invitation};

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct UsersView {
    users: Vec<User>,
}

#[utoipa::path(get, path = "/users", operation_id = "users_list", tag = "People", summary = "Who may sign in.", responses((status = 200, description = "All of them.", body = UsersView)))]
pub(crate) async fn list(State(state): State<AdminState>) -> Answer<Json<UsersView>> {
    Ok(Json(UsersView { users: users::store::list(&state.store).await? }))
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewUserBody {
    name: String,
    role: Role,
    extension: Option<ExtensionNumber>,
}

/// Somebody new, and the link to hand to them.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct NewUserView {
    user: User,
    invitation: Invitation,
}

#[utoipa::path(post, path = "/users", operation_id = "users_add", tag = "People", summary = "Adds somebody; the invitation is shown this once.", request_body = NewUserBody, responses((status = 201, description = "Who was added, and their link.", body = NewUserView), (status = 404, description = ""), (status = 409, description = "")))]
pub(crate) async fn add(
    State(state): State<AdminState>,
    Body(body): Body<NewUserBody>,
) -> Answer<(StatusCode, Json<NewUserView>)> {
    let (user, invitation) = users::add(&state, &body.name, body.role, body.extension).await?;
    Ok((StatusCode::CREATED, Json(NewUserView { user, invitation })))
}

#[utoipa::path(get, path = "/users/{id}", operation_id = "users_get", tag = "People", summary = "One of those who may sign in.", params(("id" = i64, Path, description = "Which one, by its id")), responses((status = 200, description = "Who it is.", body = User), (status = 404, description = "")))]
pub(crate) async fn get(State(state): State<AdminState>, Path(id): Path<i64>) -> Answer<Json<User>> {
    Ok(Json(users::show(&state, id).await?))
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = UserChange)]
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

#[utoipa::path(patch, path = "/users/{id}", operation_id = "users_change", tag = "People", summary = "Changes what is named and leaves the rest.", params(("id" = i64, Path, description = "Which one, by its id")), request_body = ChangeBody, responses((status = 200, description = "As they are.", body = User), (status = 404, description = ""), (status = 409, description = "")))]
pub(crate) async fn change(
    State(state): State<AdminState>,
    Path(id): Path<i64>,
    Body(body): Body<ChangeBody>,
) -> Answer<Json<User>> {
    let change = UserChange { role: body.role, extension: body.extension, disabled: body.disabled };
    Ok(Json(users::change(&state, id, change).await?))
}

#[utoipa::path(delete, path = "/users/{id}", operation_id = "users_remove", tag = "People", summary = "Removes somebody with their sessions and tokens.", params(("id" = i64, Path, description = "Which one, by its id")), responses((status = 204, description = "They are gone."), (status = 404, description = ""), (status = 409, description = "")))]
pub(crate) async fn remove(State(state): State<AdminState>, Path(id): Path<i64>) -> Answer<StatusCode> {
    users::remove(&state, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[utoipa::path(post, path = "/users/{id}/invitation", operation_id = "users_invite", tag = "People", summary = "Makes a new link by which they set a password; shown this once.", params(("id" = i64, Path, description = "Which one, by its id")), responses((status = 201, description = "The link.", body = Invitation), (status = 404, description = ""), (status = 409, description = "")))]
pub(crate) async fn invite(
    State(state): State<AdminState>,
    Path(id): Path<i64>,
) -> Answer<(StatusCode, Json<Invitation>)> {
    Ok((StatusCode::CREATED, Json(users::invite(&state, id).await?)))
}
