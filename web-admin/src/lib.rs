//! Shows everything, changes state only by command: HTML pages, the REST API (`API.md`), live events.
//!
//! Reading order: `routes.rs` (every address on one screen), `session.rs` (who may pass), `pages/` (one file beside one
//! template each), `api/`. A request parses its input into the model's types, gives one command to the switchboard (or to
//! the push side, or to provisioning) and renders the answer. Nothing is kept here but admins, sessions and API tokens.
//!
//! Invariants: every route outside the short open list needs a session or a token; no handler serializes a push token;
//! every form works without JavaScript, keeps what was typed and names the field, the problem and the fix.

mod accounts;
mod acme;
mod adding;
mod advice;
mod api;
mod assets;
mod audit;
mod backups;
mod clock;
mod desk_phone_import;
mod diagnosis;
mod enrolment;
mod error;
mod event_log;
mod event_webhooks;
mod events;
mod factory_door;
mod form;
mod headers;
mod hygiene;
mod import;
mod language;
mod layout;
mod log;
mod metrics;
mod network_check;
mod openapi;
mod pages;
mod passkeys;
mod password;
mod place;
pub mod probe;
mod reach;
mod role;
mod route;
mod routes;
mod second_factor;
mod secret;
mod serve;
mod session;
mod settings_again;
pub mod setup;
mod setup_file;
mod sheet;
mod state;
mod throttle;
pub mod tls;
mod token;
mod tokens;
mod trouble;
mod update_notice;
mod users;
mod welcome;
mod words;

use language::{number, rich, say, t};

pub use acme::{Acme, adopt_certificate};
pub use backups::{Backups, run as make_backups};
pub use factory_door::keep as keep_factory_door;
pub use log::{LogDoor, Tail};
pub use network_check::Surroundings;
pub use routes::{local_router, router};
pub use serve::{UnixDoor, bounded, serve_https};
pub use state::{AdminState, Site};
pub use token::NoRandom;

#[cfg(test)]
mod tests;
