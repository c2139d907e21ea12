//! The addresses of backups, of the certificate and of the log. Backups hold every secret of the installation, so all but the list are the owner's.

use super::Routes;
use crate::api::{
    backups as api, certificate as api_certificate, log as api_log, network_check as api_network,
    update_notice as api_update,
};
use crate::headers::OPEN_LIMIT;
use crate::pages::{backups, certificate, log, network_check, system};
use crate::role::Need::{Change, Nothing, Owner, Secret, See};
use crate::role::Scope::System;
use crate::route::Route;

/// What a form or a request may bring: the largest upload and the form around it.
const FILE_LIMIT: usize = 1024 * 1024 * 1024 + 64 * 1024;

/// What a machine outside reports: some questions and answers of SIP, and two chains of certificates.
const REPORT_LIMIT: usize = 256 * 1024;

/// Asked by `nightbell probe` on a machine outside: the code of the page, and then the plan's own name, is the key.
pub(super) fn open() -> Routes {
    vec![
        Route::at("/api/v1/port-check/plan").post(Nothing, api_network::take_plan).limit(OPEN_LIMIT),
        Route::at("/api/v1/port-check/report").post(Nothing, api_network::leave_report).limit(REPORT_LIMIT),
    ]
}

pub(super) fn pages() -> Routes {
    vec![
        Route::at("/system/network").get(See(System), network_check::page).post(Change(System), network_check::start),
        Route::at("/system/updates").post(Change(System), system::save_update_notice),
        Route::at("/system/updates/check").post(Change(System), system::check_update),
        Route::at("/system/network/code").post(Change(System), network_check::make_code),
        Route::at("/system/network/settings").post(Change(System), network_check::save),
        Route::at("/system/network/runs/{id}").get(See(System), network_check::run),
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
        Route::at("/update-notice").get(See(System), api_update::get).put(Change(System), api_update::put),
        Route::at("/update-notice/check").post(Change(System), api_update::check),
        Route::at("/network-check").get(See(System), api_network::get).post(Change(System), api_network::start),
        Route::at("/network-check/code").post(Change(System), api_network::make_code),
        Route::at("/network-check/runs").get(See(System), api_network::runs),
        Route::at("/network-check/runs/{id}").get(See(System), api_network::run),
        Route::at("/network-check/settings")
            .get(See(System), api_network::settings)
            .put(Change(System), api_network::put_settings),
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
