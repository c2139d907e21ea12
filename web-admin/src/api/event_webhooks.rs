//! `/event-webhooks`: receivers of call and device events.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use pbx_core::model::{Redacted, UnixMillis};
use serde::Serialize;

use super::Answer;
use super::body::Body;
use crate::event_webhooks::event::EventKind;
use crate::event_webhooks::{
    self, Delivery, EventWebhookChange, Made, NewEventWebhook, Receiver, SHOWN, Tested, store,
};
use crate::state::AdminState;

/// A receiver without its secret.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = EventWebhook)]
pub(crate) struct ReceiverView {
    id: i64,
    name: String,
    url: String,
    events: Vec<EventKind>,
    allow_private: bool,
    authority: String,
    enabled: bool,
    /// Why it was switched off by itself; empty otherwise.
    disabled_why: String,
    /// Since when it takes nothing; null while all is well.
    failing_since: Option<UnixMillis>,
    last_success_at: Option<UnixMillis>,
    /// The first 16 bytes of the SHA-256 of its secret, in hex; null when the secret cannot be opened.
    fingerprint: Option<String>,
    secret_at: UnixMillis,
    /// Until when the secret before signs as well.
    old_secret_until: Option<UnixMillis>,
    created_at: UnixMillis,
}

impl From<Receiver> for ReceiverView {
    fn from(it: Receiver) -> Self {
        Self {
            id: it.id,
            name: it.name,
            url: it.url,
            events: it.events,
            allow_private: it.allow_private,
            authority: it.authority,
            enabled: it.enabled,
            disabled_why: it.disabled_why,
            failing_since: it.failing_since,
            last_success_at: it.last_success_at,
            fingerprint: it.key.map(|key| key.fingerprint().to_owned()),
            secret_at: it.secret_at,
            old_secret_until: it.old_until.filter(|_| it.old_key.is_some()),
            created_at: it.created_at,
        }
    }
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = EventWebhookList)]
pub(crate) struct ListView {
    event_webhooks: Vec<ReceiverView>,
}

/// A receiver with the secret that is shown this once.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = MadeEventWebhook)]
pub(crate) struct MadeView {
    #[serde(flatten)]
    receiver: ReceiverView,
    /// `whsec_…`, for the receiver to check signatures with.
    #[schema(value_type = String)]
    secret: Redacted<String>,
}

impl From<Made> for MadeView {
    fn from(Made { receiver, secret }: Made) -> Self {
        Self { receiver: receiver.into(), secret }
    }
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = EventDeliveries)]
pub(crate) struct DeliveriesView {
    /// The newest first.
    deliveries: Vec<Delivery>,
    /// How many wait.
    waiting: i64,
}

#[utoipa::path(get, path = "/event-webhooks", operation_id = "event_webhooks_list", tag = "Event webhooks", summary = "The receivers of call and device events, without their secrets.", responses((status = 200, description = "All of them.", body = ListView)))]
pub(crate) async fn list(State(state): State<AdminState>) -> Answer<Json<ListView>> {
    let receivers = store::list(&state.store).await?;
    Ok(Json(ListView { event_webhooks: receivers.into_iter().map(ReceiverView::from).collect() }))
}

#[utoipa::path(post, path = "/event-webhooks", operation_id = "event_webhooks_add", tag = "Event webhooks", summary = "Adds a receiver; its secret is shown this once.", request_body = NewEventWebhook, responses((status = 201, description = "It is told what happens from now on.", body = MadeView), (status = 409, description = ""), (status = 422, description = "")))]
pub(crate) async fn add(
    State(state): State<AdminState>,
    Body(new): Body<NewEventWebhook>,
) -> Answer<(StatusCode, Json<MadeView>)> {
    Ok((StatusCode::CREATED, Json(event_webhooks::add(&state, new).await?.into())))
}

#[utoipa::path(get, path = "/event-webhooks/{id}", operation_id = "event_webhooks_get", tag = "Event webhooks", summary = "One receiver.", params(("id" = i64, Path, description = "Which one, by its id")), responses((status = 200, description = "The receiver.", body = ReceiverView), (status = 404, description = "")))]
pub(crate) async fn get(State(state): State<AdminState>, Path(id): Path<i64>) -> Answer<Json<ReceiverView>> {
    Ok(Json(event_webhooks::one(&state, id).await?.into()))
}

#[utoipa::path(patch, path = "/event-webhooks/{id}", operation_id = "event_webhooks_change", tag = "Event webhooks", summary = "Changes a receiver; it is tried at once.", params(("id" = i64, Path, description = "Which one, by its id")), request_body = EventWebhookChange, responses((status = 200, description = "As it is.", body = ReceiverView), (status = 404, description = ""), (status = 422, description = "")))]
pub(crate) async fn change(
    State(state): State<AdminState>,
    Path(id): Path<i64>,
    Body(body): Body<EventWebhookChange>,
) -> Answer<Json<ReceiverView>> {
    Ok(Json(event_webhooks::change(&state, id, body).await?.into()))
}

#[utoipa::path(delete, path = "/event-webhooks/{id}", operation_id = "event_webhooks_remove", tag = "Event webhooks", summary = "Removes a receiver with what waits for it.", params(("id" = i64, Path, description = "Which one, by its id")), responses((status = 204, description = "It is gone."), (status = 404, description = "")))]
pub(crate) async fn remove(State(state): State<AdminState>, Path(id): Path<i64>) -> Answer<StatusCode> {
    event_webhooks::remove(&state, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[utoipa::path(post, path = "/event-webhooks/{id}/secret", operation_id = "event_webhooks_rotate", tag = "Event webhooks", summary = "Makes a new secret; the one before signs beside it for a day.", params(("id" = i64, Path, description = "Which one, by its id")), responses((status = 200, description = "The secret, this once.", body = MadeView), (status = 404, description = "")))]
pub(crate) async fn rotate(State(state): State<AdminState>, Path(id): Path<i64>) -> Answer<Json<MadeView>> {
    Ok(Json(event_webhooks::rotate(&state, id).await?.into()))
}

#[utoipa::path(post, path = "/event-webhooks/{id}/test", operation_id = "event_webhooks_test", tag = "Event webhooks", summary = "Sends a `webhook.test` and waits for the answer.", params(("id" = i64, Path, description = "Which one, by its id")), responses((status = 200, description = "What came of it.", body = Tested), (status = 404, description = "")))]
pub(crate) async fn test(State(state): State<AdminState>, Path(id): Path<i64>) -> Answer<Json<Tested>> {
    Ok(Json(event_webhooks::test(&state, id).await?))
}

#[utoipa::path(get, path = "/event-webhooks/{id}/deliveries", operation_id = "event_webhooks_deliveries", tag = "Event webhooks", summary = "What became of the last events.", params(("id" = i64, Path, description = "Which one, by its id")), responses((status = 200, description = "The newest first, 50 at most.", body = DeliveriesView), (status = 404, description = "")))]
pub(crate) async fn deliveries(State(state): State<AdminState>, Path(id): Path<i64>) -> Answer<Json<DeliveriesView>> {
    event_webhooks::one(&state, id).await?;
    let (deliveries, waiting) = store::deliveries(&state.store, id, SHOWN).await?;
    Ok(Json(DeliveriesView { deliveries, waiting }))
}
