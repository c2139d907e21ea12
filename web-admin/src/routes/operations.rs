//! The addresses of backups, of the certificate and of the log. Backups hold every secret of the installation, so all but the list are the owner's.

use super::Routes;
use crate::api::{backups as api, certificate as api_certificate, log as api_log};
use crate::pages::{backups, certificate, log};
use crate::role::Need::{Change, Owner, Secret, See};
use crate::role::Scope::System;
use crate::route::Route;

/// What a form or a request may bring: the largest upload and the form around it.
const FILE_LIMIT: usize = 1024 * 1024 * 1024 + 64 * 1024;

pub(super) fn pages() -> Routes {
    vec![
        Route::at("/system/certificate").get(See(System), certificate::page).post(Secret(System), certificate::choose),
        Route::at("/system/certificate/order").post(Change(System), certificate::order),
        Route::at("/system/certificate/remove")
            .get(Secret(System), certificate::confirm_remove)
            .post(Secret(System), certificate::remove),
        Route::at("/system/log").get(See(System), log::page).post(Change(System), log::level),
        Route::at("/system/backups").get(See(System), backups::page).post(Owner(System), backups::save),
        Route::at("/system/backups/make").post(Owner(System), backups::make),
        Route::at("/system/backups/upload").post(Owner(System), backups::upload).limit(FILE_LIMIT),
        Route::at("/system/backups/{name}/file").get(Owner(System), backups::download),
        Route::at("/system/backups/{name}/remove")
            .get(Owner(System), backups::confirm_remove)
            .post(Owner(System), backups::remove),
        Route::at("/system/backups/{name}/restore")
            .get(Owner(System), backups::confirm_restore)
            .post(Owner(System), backups::restore),
    ]
}

pub(super) fn api() -> Routes {
    vec![
        Route::at("/certificate").get(See(System), api_certificate::get),
        Route::at("/certificate/acme")
            .put(Secret(System), api_certificate::put)
            .delete(Secret(System), api_certificate::remove),
        Route::at("/certificate/acme/order").post(Change(System), api_certificate::order),
        Route::at("/log").get(See(System), api_log::lines),
        Route::at("/log/level").get(See(System), api_log::level).put(Change(System), api_log::put_level),
        Route::at("/backups").get(See(System), api::list).post(Owner(System), api::make),
        Route::at("/backups/{name}")
            .get(Owner(System), api::download)
            .put(Owner(System), api::upload)
            .delete(Owner(System), api::remove)
            .limit(FILE_LIMIT),
        Route::at("/backups/{name}/verify").post(Owner(System), api::verify),
        Route::at("/backups/{name}/restore").post(Owner(System), api::restore),
        Route::at("/backup-policy").get(See(System), api::policy).put(Owner(System), api::put_policy),
    ]
}
