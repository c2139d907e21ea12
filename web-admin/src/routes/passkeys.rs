//! The addresses of passkeys.

use super::Routes;
use crate::api::passkeys as api;
use crate::headers::OPEN_LIMIT;
use crate::pages::passkeys as page;
use crate::role::Need::{Nothing, Own, OwnFresh, Owner, See};
use crate::role::Scope::Users;
use crate::route::Route;

/// Signing in: the challenge, and a device's answer to it.
pub(super) fn open() -> Routes {
    vec![
        Route::at("/api/v1/passkey/challenge").post(Nothing, api::challenge).limit(OPEN_LIMIT),
        Route::at("/api/v1/passkey").post(Nothing, api::sign_in).limit(OPEN_LIMIT),
    ]
}

/// Pages for a signed-in person, and for owners about somebody.
pub(super) fn pages() -> Routes {
    vec![
        Route::at("/account/passkeys").get(Own, page::page),
        Route::at("/account/passkeys/add").get(OwnFresh, page::add_form),
        Route::at("/account/passkeys/{id}/remove").get(OwnFresh, page::confirm_remove).post(OwnFresh, page::remove),
        Route::at("/users/{id}/passkeys").post(Owner(Users), page::remove_of_user),
    ]
}

/// The API, below `/api/v1`.
pub(super) fn api() -> Routes {
    vec![
        Route::at("/account/passkeys").get(Own, api::list).post(OwnFresh, api::add),
        Route::at("/account/passkeys/challenge").post(OwnFresh, api::begin),
        Route::at("/account/passkeys/{id}").delete(OwnFresh, api::remove),
        Route::at("/users/{id}/passkeys").get(See(Users), api::of_user).delete(Owner(Users), api::remove_of_user),
    ]
}
