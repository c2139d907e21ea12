//! The addresses of what leaves this machine: the web proxy, and webhooks for events.

use super::Routes;
use crate::api::{event_webhooks as api_event_webhooks, web_proxy as api_web_proxy};
use crate::pages::{event_webhooks, web_proxy};
use crate::role::Need::{Change, Secret, See};
use crate::role::Scope::Settings;
use crate::route::Route;

/// Pages for a signed-in admin.
pub(super) fn pages() -> Routes {
    vec![
        Route::at("/settings/web-proxy").get(See(Settings), web_proxy::page).post(Secret(Settings), web_proxy::save),
        Route::at("/settings/web-proxy/remove")
            .get(Secret(Settings), web_proxy::confirm_remove)
            .post(Secret(Settings), web_proxy::remove),
        Route::at("/event-webhooks").get(See(Settings), event_webhooks::page),
        Route::at("/event-webhooks/add")
            .get(Secret(Settings), event_webhooks::add_form)
            .post(Secret(Settings), event_webhooks::add),
        Route::at("/event-webhooks/{id}")
            .get(See(Settings), event_webhooks::one)
            .post(Secret(Settings), event_webhooks::change),
        Route::at("/event-webhooks/{id}/switch").post(Change(Settings), event_webhooks::switch),
        Route::at("/event-webhooks/{id}/test").post(Change(Settings), event_webhooks::test),
        Route::at("/event-webhooks/{id}/secret")
            .get(Secret(Settings), event_webhooks::confirm_rotate)
            .post(Secret(Settings), event_webhooks::rotate),
        Route::at("/event-webhooks/{id}/remove")
            .get(Secret(Settings), event_webhooks::confirm_remove)
            .post(Secret(Settings), event_webhooks::remove),
    ]
}

/// The API, below `/api/v1`.
pub(super) fn api() -> Routes {
    vec![
        Route::at("/web-proxy")
            .get(See(Settings), api_web_proxy::get)
            .put(Secret(Settings), api_web_proxy::put)
            .delete(Secret(Settings), api_web_proxy::remove),
        Route::at("/event-webhooks")
            .get(See(Settings), api_event_webhooks::list)
            .post(Secret(Settings), api_event_webhooks::add),
        Route::at("/event-webhooks/{id}")
            .get(See(Settings), api_event_webhooks::get)
            .patch(Secret(Settings), api_event_webhooks::change)
            .delete(Secret(Settings), api_event_webhooks::remove),
        Route::at("/event-webhooks/{id}/secret").post(Secret(Settings), api_event_webhooks::rotate),
        Route::at("/event-webhooks/{id}/test").post(Change(Settings), api_event_webhooks::test),
        Route::at("/event-webhooks/{id}/deliveries").get(See(Settings), api_event_webhooks::deliveries),
    ]
}
