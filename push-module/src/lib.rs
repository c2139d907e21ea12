//! Turns a wake request into wake reports: delivery, payloads, providers, credentials, stand-ins.
//!
//! Reading order: [`delivery`] (the pure machine that decides about attempts), [`payload`] (what a phone is sent),
//! then, with the feature `providers`, `provider` (how each provider is asked and what its answers mean), `credential`
//! (what an admin uploads) and `gateway` (the driver with the clock, the sockets and the store). The feature `standin`
//! adds strict local stand-ins for APNs and FCM, for tests and for the demo.
//!
//! Nothing here knows SIP. No token, key or provider token is ever logged or put into an error text.

pub mod credential;
pub mod delivery;
pub mod payload;

#[cfg(feature = "providers")]
pub mod egress;
#[cfg(feature = "providers")]
pub mod gateway;
#[cfg(feature = "providers")]
pub mod provider;
#[cfg(feature = "standin")]
pub mod standin;

#[cfg(feature = "providers")]
pub use credential::{
    ApnsEnvironment, Candidate, CheckOutcome, Choice, CredentialError, CredentialId, CredentialKind, CredentialState,
    CredentialSummary, Endpoint, NewAcrobits, NewApnsCertificate, NewApnsKey, NewCredential, NewFcmAccount, NewHmsApp,
    NewWebPush, NewWebhook, Obstacle, choose, choose_for, obstacle,
};
#[cfg(feature = "providers")]
pub use egress::{
    EgressPlace, EgressResult, EgressStep, FIREWALL, FirewallRule, NO_LONGER_NEEDED, NetworkCheck, NewWebProxy,
    StepResult, USUAL_PROXY_PORT, USUALLY_WITHOUT, WebProxyError, WebProxySetting, Where, firewall_text,
};
#[cfg(feature = "providers")]
pub use gateway::{
    Alarm, AlarmCode, Attempts, Circuit, Ending, Gateway, GatewayError, GatewayInput, ProviderFailure, ProviderHealth,
    SetWebProxyError,
};
#[cfg(feature = "providers")]
pub use provider::client::{HttpClient, HttpError};
#[cfg(feature = "providers")]
pub use provider::webhook::post_signed;
#[cfg(feature = "providers")]
pub use provider::{Reply, SendError};
