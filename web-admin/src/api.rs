//! The REST API; its routes and shapes stand in `API.md`.
//!
//! Handlers parse, give one command and answer with a view. A view never holds a push token: the model's own
//! serialization would reveal it, so nothing of the model that holds one is serialized here.

pub(crate) mod account;
pub(crate) mod acrobits;
pub(crate) mod audit;
pub(crate) mod backups;
pub(crate) mod blocklist;
pub(crate) mod body;
pub(crate) mod calls;
pub(crate) mod certificate;
pub(crate) mod desk_phone_factory;
pub(crate) mod desk_phone_import;
pub(crate) mod desk_phone_options;
pub(crate) mod desk_phone_templates;
pub(crate) mod desk_phones;
pub(crate) mod device_app;
pub(crate) mod device_profile;
pub(crate) mod devices;
pub(crate) mod enrolments;
pub(crate) mod event_webhooks;
pub(crate) mod events;
pub(crate) mod extensions;
pub(crate) mod idempotency;
pub(crate) mod import;
pub(crate) mod installations;
pub(crate) mod log;
pub(crate) mod mail;
pub(crate) mod me;
pub(crate) mod network_check;
pub(crate) mod passkeys;
pub(crate) mod phones;
pub(crate) mod push;
pub(crate) mod push_tokens;
pub(crate) mod settings;
pub(crate) mod setup;
pub(crate) mod system;
pub(crate) mod test_call;
pub(crate) mod tokens;
pub(crate) mod trouble;
pub(crate) mod update_notice;
pub(crate) mod users;
pub(crate) mod view;
pub(crate) mod web_proxy;

use crate::error::Problem;

/// What every handler gives back.
pub(crate) type Answer<T> = Result<T, Problem>;
