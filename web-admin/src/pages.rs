//! One file for each page, beside the template of the same name.

pub(crate) mod account;
pub(crate) mod api;
pub(crate) mod audit;
pub(crate) mod backups;
pub(crate) mod bulk;
pub(crate) mod calls;
pub(crate) mod certificate;
pub(crate) mod confirm;
pub(crate) mod confirm_self;
pub(crate) mod dashboard;
pub(crate) mod desk_phone;
pub(crate) mod desk_phone_factory;
pub(crate) mod desk_phone_import;
pub(crate) mod desk_phone_templates;
pub(crate) mod desk_phones;
pub(crate) mod device;
pub(crate) mod event_webhooks;
pub(crate) mod extension;
pub(crate) mod extensions;
pub(crate) mod health;
pub(crate) mod import;
pub(crate) mod invitation;
pub(crate) mod log;
pub(crate) mod mail;
pub(crate) mod me;
pub(crate) mod network_check;
pub(crate) mod pairing;
pub(crate) mod passkeys;
pub(crate) mod phone_list;
pub(crate) mod phones;
pub(crate) mod push;
pub(crate) mod push_apps;
pub(crate) mod push_form;
pub(crate) mod push_health;
pub(crate) mod push_help;
pub(crate) mod push_network;
pub(crate) mod push_tokens;
pub(crate) mod second_factor;
pub(crate) mod security;
pub(crate) mod sessions;
pub(crate) mod settings;
pub(crate) mod setup;
pub(crate) mod sign_in;
pub(crate) mod system;
pub(crate) mod tokens;
pub(crate) mod trouble;
pub(crate) mod users;
pub(crate) mod web_proxy;
pub(crate) mod welcome;
pub(crate) mod welcome_certificate;
pub(crate) mod welcome_extensions;
pub(crate) mod welcome_phone;

use axum::response::{IntoResponse, Redirect, Response};

use crate::error::ErrorPage;

/// What every page handler gives back.
pub(crate) type Page = Result<Response, ErrorPage>;

/// After a change: to the page that shows it, so that a reload repeats nothing.
pub(crate) fn go(to: &str) -> Page {
    Ok(Redirect::to(to).into_response())
}
