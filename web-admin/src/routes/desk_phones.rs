//! The addresses of desk phones. What the phones themselves fetch, below `/d`, is added by the wiring.

use super::Routes;
use crate::api::{
    desk_phone_factory as api_factory, desk_phone_import as api_import, desk_phone_options as api_options,
    desk_phone_templates as api_templates, desk_phones as api,
};
use crate::headers::UPLOAD_LIMIT;
use crate::pages::{
    desk_phone as one, desk_phone_factory as factory, desk_phone_import as import, desk_phone_templates as templates,
    desk_phones as page,
};
use crate::role::Need::{Change, Secret, See};
use crate::role::Scope::Devices;
use crate::route::Route;

/// Pages for a signed-in admin.
pub(super) fn pages() -> Routes {
    vec![
        Route::at("/desk-phones").get(See(Devices), page::page).post(Change(Devices), page::add),
        Route::at("/desk-phones/{mac}/address").post(Change(Devices), page::renew_address),
        Route::at("/desk-phones/{mac}/rotate").post(Change(Devices), page::rotate),
        Route::at("/desk-phones/{mac}/window").post(Change(Devices), page::window),
        Route::at("/desk-phones/{mac}/check-sync").post(Change(Devices), page::check_sync),
        Route::at("/desk-phones/check-sync").post(Change(Devices), page::check_sync_all),
        Route::at("/desk-phones/templates").get(See(Devices), templates::page).post(Change(Devices), templates::submit),
        Route::at("/desk-phones/templates/remove")
            .get(Change(Devices), templates::confirm_remove)
            .post(Change(Devices), templates::remove),
        Route::at("/desk-phones/{mac}/preview").get(See(Devices), templates::preview),
        Route::at("/desk-phones/import")
            .get(Change(Devices), import::form)
            .post(Change(Devices), import::submit)
            .limit(UPLOAD_LIMIT),
        Route::at("/desk-phones/redirection").post(Change(Devices), import::redirection),
        Route::at("/desk-phones/options").post(Change(Devices), page::options),
        Route::at("/desk-phones/factory").get(See(Devices), factory::page).post(Change(Devices), factory::settings),
        Route::at("/desk-phones/factory/authorities").post(Change(Devices), factory::add).limit(UPLOAD_LIMIT),
        Route::at("/desk-phones/factory/authorities/{fingerprint}/remove")
            .get(Change(Devices), factory::confirm_remove)
            .post(Change(Devices), factory::remove),
        Route::at("/desk-phones/{mac}").get(See(Devices), one::page).post(Change(Devices), one::change),
        Route::at("/desk-phones/{mac}/menu-password")
            .get(Secret(Devices), one::confirm_menu)
            .post(Secret(Devices), one::menu),
        Route::at("/desk-phones/{mac}/remove")
            .get(Change(Devices), page::confirm_remove)
            .post(Change(Devices), page::remove),
    ]
}

/// The API, below `/api/v1`.
pub(super) fn api() -> Routes {
    vec![
        Route::at("/desk-phones").get(See(Devices), api::list).post(Change(Devices), api::add),
        Route::at("/desk-phones/{mac}")
            .get(See(Devices), api::get)
            .patch(Change(Devices), api::edit)
            .delete(Change(Devices), api::remove),
        Route::at("/desk-phones/{mac}/menu-password").post(Secret(Devices), api::menu_password),
        Route::at("/desk-phones/{mac}/address").post(Change(Devices), api::renew_address),
        Route::at("/desk-phones/{mac}/rotate").post(Change(Devices), api::rotate),
        Route::at("/desk-phones/{mac}/window").post(Change(Devices), api::window),
        Route::at("/desk-phones/{mac}/check-sync").post(Change(Devices), api::check_sync),
        Route::at("/desk-phones/check-sync").post(Change(Devices), api::check_sync_all),
        Route::at("/desk-phones/templates")
            .get(See(Devices), api_templates::list)
            .put(Change(Devices), api_templates::put)
            .delete(Change(Devices), api_templates::remove),
        Route::at("/desk-phones/templates/check").post(Change(Devices), api_templates::check),
        Route::at("/desk-phones/{mac}/preview").get(See(Devices), api_templates::preview),
        Route::at("/desk-phones/import").post(Change(Devices), api_import::import).limit(UPLOAD_LIMIT),
        Route::at("/desk-phones/redirection").post(Change(Devices), api_import::redirection),
        Route::at("/desk-phones/turned-away").get(See(Devices), api_factory::turned_away),
        Route::at("/desk-phones/factory").get(See(Devices), api_factory::get).put(Change(Devices), api_factory::put),
        Route::at("/desk-phones/factory/authorities")
            .post(Change(Devices), api_factory::add_authorities)
            .limit(UPLOAD_LIMIT),
        Route::at("/desk-phones/factory/authorities/{fingerprint}")
            .delete(Change(Devices), api_factory::remove_authority),
        Route::at("/desk-phones/options").get(See(Devices), api_options::get).put(Change(Devices), api_options::put),
    ]
}
