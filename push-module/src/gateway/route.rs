//! From a wake to the credential it leaves through. Pure.

use std::sync::Arc;

use pbx_core::model::{PushProvider, WakeRequest};

use crate::credential::{Candidate, choose_for};
use crate::delivery::{Refusal, Route};
use crate::payload::acrobits::acrobits_token;
use crate::payload::{apns_token, fcm_token};
use crate::provider::webpush::{service, subscription};

/// The route of a wake, or why there is none.
pub(super) fn route(request: &WakeRequest, candidates: &[Candidate<'_>]) -> Result<Route, Refusal> {
    let target = &*request.target;
    let service = match target.provider {
        PushProvider::Apns => apns_token(request.kind, target).map(|_| None)?,
        PushProvider::Fcm => fcm_token(target).map(|_| None)?,
        PushProvider::WebPush => service(&subscription(request.kind, target)?).map(Arc::from),
        PushProvider::Acrobits => acrobits_token(request.kind, target).map(|_| None)?,
    };
    let choice =
        choose_for(candidates, target, request.kind).map_err(|it| Refusal { code: it.code, why: it.line() })?;
    Ok(Route {
        credential: choice.credential,
        environment: target.environment,
        service,
        other: choice.other,
        second: choice.second,
    })
}

#[cfg(test)]
mod tests;
