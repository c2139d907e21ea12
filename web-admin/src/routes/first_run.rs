//! The addresses of the first run.

use super::{Routes, UPLOAD_LIMIT};
use crate::pages::{welcome, welcome_certificate, welcome_extensions, welcome_phone};
use crate::role::Need::{Change, Secret, See};
use crate::role::Scope::{Extensions, Push, System};
use crate::route::Route;

/// Pages for a signed-in admin.
pub(super) fn pages() -> Routes {
    vec![
        Route::at("/welcome").get(See(System), welcome::page),
        Route::at("/welcome/skip").post(Change(System), welcome::skip),
        Route::at("/welcome/close").post(Change(System), welcome::close),
        Route::at("/welcome/place").get(See(System), welcome::place_form).post(Change(System), welcome::save_place),
        Route::at("/welcome/push").get(See(Push), welcome::push),
        Route::at("/welcome/certificate")
            .get(See(System), welcome_certificate::form)
            .post(Secret(System), welcome_certificate::submit)
            .limit(UPLOAD_LIMIT),
        Route::at("/welcome/extensions")
            .get(Change(Extensions), welcome_extensions::form)
            .post(Change(Extensions), welcome_extensions::submit)
            .limit(UPLOAD_LIMIT),
        Route::at("/welcome/phone")
            .get(Change(Extensions), welcome_phone::choose)
            .post(Change(Extensions), welcome_phone::issue),
        Route::at("/welcome/phone/{number}/ring").post(Change(Extensions), welcome_phone::ring),
        Route::at("/welcome/phone/{number}").get(See(Extensions), welcome_phone::page),
    ]
}
