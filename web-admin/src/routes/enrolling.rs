//! The addresses of links, mails and app installations.

use super::Routes;
use crate::api::{device_app, enrolments, installations, mail as api_mail, phones as api_phones};
use crate::headers::OPEN_LIMIT;
use crate::pages::{bulk, device, mail, pairing, phone_list, phones};
use crate::role::Need::{Change, Nothing, Secret, See};
use crate::role::Scope::{Devices, Extensions, Settings};
use crate::route::Route;

/// For apps written for Nightbell: a one-time link, then the credential it gave, is the key (docs/device-api.md).
pub(super) fn open() -> Routes {
    vec![
        Route::at("/api/v1/device/pair").post(Nothing, device_app::pair).limit(OPEN_LIMIT),
        Route::at("/api/v1/device")
            .put(Nothing, device_app::install)
            .delete(Nothing, device_app::log_out)
            .limit(OPEN_LIMIT),
        Route::at("/api/v1/device/profile").get(Nothing, device_app::profile),
        Route::at("/api/v1/device/state").put(Nothing, device_app::report_state).limit(OPEN_LIMIT),
        Route::at("/api/v1/device/push-ack").post(Nothing, device_app::acknowledge).limit(OPEN_LIMIT),
        Route::at("/api/v1/device/calls/{id}").get(Nothing, device_app::ringing),
    ]
}

/// Pages for a signed-in admin.
pub(super) fn pages() -> Routes {
    vec![
        Route::at("/settings/mail").get(See(Settings), mail::account).post(Secret(Settings), mail::save_account),
        Route::at("/settings/mail/test").post(Change(Settings), mail::test),
        Route::at("/settings/mail/remove")
            .get(Secret(Settings), mail::confirm_remove)
            .post(Secret(Settings), mail::remove),
        Route::at("/extensions/{number}/phones").post(Change(Extensions), phones::switch),
        Route::at("/phones").get(See(Devices), phone_list::page).post(Change(Devices), phone_list::change),
        Route::at("/extensions/bulk").post(Change(Extensions), bulk::extensions),
        Route::at("/devices/unseen").get(See(Devices), phones::unseen),
        Route::at("/devices/compare").get(See(Devices), phones::compare),
        Route::at("/mails").get(See(Extensions), mail::page).post(Change(Extensions), mail::order),
        Route::at("/mails/{id}/resend").post(Change(Extensions), mail::resend),
        Route::at("/extensions/{number}/links/{id}/replace").post(Change(Extensions), pairing::replace),
        Route::at("/extensions/{number}/mail").post(Change(Extensions), mail::order_one),
        Route::at("/devices/{id}/settings-link").post(Change(Extensions), device::settings_link),
        Route::at("/devices/{id}/settings-mail").post(Change(Extensions), device::settings_mail),
    ]
}

/// The API, below `/api/v1`.
pub(super) fn api() -> Routes {
    vec![
        Route::at("/enrolments/{id}/replace").post(Change(Extensions), enrolments::replace),
        Route::at("/devices/{id}/enrolments").post(Change(Extensions), enrolments::issue_again),
        Route::at("/devices/{id}/settings-mail").post(Change(Extensions), api_mail::settings_again),
        Route::at("/phones/switch").post(Change(Extensions), api_phones::switch),
        Route::at("/devices/unseen").get(See(Devices), api_phones::unseen),
        Route::at("/devices/compare").get(See(Devices), api_phones::compare),
        Route::at("/installations").get(See(Devices), installations::list),
        Route::at("/mail/account")
            .get(See(Settings), api_mail::account)
            .put(Secret(Settings), api_mail::put_account)
            .delete(Secret(Settings), api_mail::remove_account),
        Route::at("/mail/test").post(Change(Settings), api_mail::test),
        Route::at("/mails").get(See(Extensions), api_mail::list).post(Change(Extensions), api_mail::order),
        Route::at("/mails/{id}/resend").post(Change(Extensions), api_mail::resend),
    ]
}
