//! The addresses of links, mails and app installations.

use super::Routes;
use crate::api::mail as api_mail;
use crate::pages::mail;
use crate::role::Need::{Change, Secret, See};
use crate::role::Scope::{Extensions, Settings};
use crate::route::Route;

/// Pages for a signed-in admin.
pub(super) fn pages() -> Routes {
    vec![
        Route::at("/settings/mail").get(See(Settings), mail::account).post(Secret(Settings), mail::save_account),
        Route::at("/settings/mail/test").post(Change(Settings), mail::test),
        Route::at("/settings/mail/remove")
            .get(Secret(Settings), mail::confirm_remove)
            .post(Secret(Settings), mail::remove),
        Route::at("/mails").get(See(Extensions), mail::page).post(Change(Extensions), mail::order),
        Route::at("/mails/{id}/resend").post(Change(Extensions), mail::resend),
        Route::at("/extensions/{number}/mail").post(Change(Extensions), mail::order_one),
    ]
}

/// The API, below `/api/v1`.
pub(super) fn api() -> Routes {
    vec![
        Route::at("/mail/account")
            .get(See(Settings), api_mail::account)
            .put(Secret(Settings), api_mail::put_account)
            .delete(Secret(Settings), api_mail::remove_account),
        Route::at("/mail/test").post(Change(Settings), api_mail::test),
        Route::at("/mails").get(See(Extensions), api_mail::list).post(Change(Extensions), api_mail::order),
        Route::at("/mails/{id}/resend").post(Change(Extensions), api_mail::resend),
    ]
}
