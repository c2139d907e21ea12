//! One binary of promises: each module says what the product does for somebody, with real phones where there are any.
//!
//! The programs it drives (baresip, linphone-daemon, sipp, curl) are installed by `.ci/install-test-tools`; a missing one fails
//! its tests with that advice. Nothing is skipped.

#[cfg(test)]
mod acme;
#[cfg(test)]
mod acrobits;
#[cfg(test)]
mod admin_pages;
#[cfg(test)]
mod avalanche;
#[cfg(test)]
mod backup;
#[cfg(test)]
mod call_ends;
#[cfg(test)]
mod calls;
#[cfg(test)]
mod canary;
#[cfg(test)]
mod check_sync;
#[cfg(test)]
mod cli;
#[cfg(test)]
mod defence;
#[cfg(test)]
mod demo;
#[cfg(test)]
mod desk_phone_factory;
#[cfg(test)]
mod desk_phones;
#[cfg(test)]
mod device_api;
#[cfg(test)]
mod digest_rules;
#[cfg(test)]
mod enrolling;
#[cfg(test)]
mod event_webhooks;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod first_run;
#[cfg(test)]
mod guarantees;
#[cfg(test)]
mod kill_rounds;
#[cfg(test)]
mod ladder;
#[cfg(test)]
mod late_push;
#[cfg(test)]
mod mail;
#[cfg(test)]
mod many_apps;
#[cfg(test)]
mod moving_phones;
#[cfg(test)]
mod network_check;
#[cfg(test)]
mod outbound_flows;
#[cfg(test)]
mod passkeys;
#[cfg(test)]
mod pnp;
#[cfg(test)]
mod push_apps;
#[cfg(test)]
mod push_policy;
#[cfg(test)]
mod real_phones;
#[cfg(test)]
mod redirect;
#[cfg(test)]
mod register_rules;
#[cfg(test)]
mod registration;
#[cfg(test)]
mod restart;
#[cfg(test)]
mod scanners;
#[cfg(test)]
mod settings_again;
#[cfg(test)]
mod sipp;
#[cfg(test)]
mod strangers;
#[cfg(test)]
mod support;
#[cfg(test)]
mod torture;
#[cfg(test)]
mod transport_limits;
#[cfg(test)]
mod wake_call;
#[cfg(test)]
mod wake_race;
#[cfg(test)]
mod wake_rules;
#[cfg(test)]
mod web_push;
