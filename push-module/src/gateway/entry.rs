//! One credential in use: what it is, how its provider is asked, and how it is doing.

use std::sync::{Mutex, MutexGuard, PoisonError};

use pbx_core::model::UnixMillis;

use super::alarm::alarms;
use super::board::Board;
use super::clock::Clock;
use super::health::{Ending, ProviderHealth};
use super::line::Line;
use crate::credential::{Candidate, CredentialError, CredentialId, CredentialSummary, Details, Loaded, is_refused};
use crate::egress::LiveProxy;

/// One credential in use.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) id: CredentialId,
    pub(super) label: String,
    fingerprint: String,
    pub(super) details: Details,
    uploaded_at: UnixMillis,
    /// `None` when the secret does not open with this installation's master key.
    pub(super) line: Option<Line>,
    /// What ends first of its certificates, and when.
    expires_at: Option<(Ending, UnixMillis)>,
    board: Mutex<Board>,
}

impl Entry {
    pub(super) fn new(shared: &Clock, proxy: &LiveProxy, loaded: Loaded) -> Self {
        let line = Line::new(&loaded, proxy, shared.now());
        let mut board = Board::new(loaded.last_check);
        if line.is_none() {
            let error = CredentialError::Unreadable { label: loaded.label.clone() };
            board.note_failure(error.code(), &error.to_string(), shared.now().wall);
        }
        Self {
            id: loaded.id,
            label: loaded.label,
            fingerprint: loaded.fingerprint,
            expires_at: ends(&loaded.details),
            details: loaded.details,
            uploaded_at: loaded.uploaded_at,
            line,
            board: Mutex::new(board),
        }
    }

    pub(super) fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn summary(&self) -> CredentialSummary {
        let board = self.board().clone();
        let mut summary = CredentialSummary {
            id: self.id,
            provider: self.details.kind(),
            label: self.label.clone(),
            app_ids: self.details.app_ids().into_iter().map(str::to_owned).collect(),
            key_id: None,
            team_id: None,
            project_id: None,
            client_email: None,
            contact: None,
            public_key: None,
            topics: self.details.topics().map(|topics| topics.into_iter().map(str::to_owned).collect()),
            ends_at: self.details.ends_at(),
            fingerprint: self.fingerprint.clone(),
            environment: self.details.environment(),
            endpoints: Vec::new(),
            uploaded_at: self.uploaded_at,
            state: board.state,
            last_check: board.last_check,
        };
        match &self.details {
            Details::Apns(apns) => {
                summary.key_id = Some(apns.key_id.clone());
                summary.team_id = Some(apns.team_id.clone());
                summary.endpoints = vec![apns.production_url.to_string(), apns.sandbox_url.to_string()];
            }
            Details::ApnsCertificate(certificate) => {
                summary.team_id.clone_from(&certificate.team_id);
                summary.endpoints = vec![certificate.production_url.to_string(), certificate.sandbox_url.to_string()];
            }
            Details::Fcm(fcm) => {
                summary.key_id.clone_from(&fcm.key_id);
                summary.project_id = Some(fcm.project_id.clone());
                summary.client_email = Some(fcm.client_email.clone());
                summary.endpoints = vec![fcm.base_url.to_string(), fcm.token_uri.clone()];
            }
            Details::Hms(hms) => {
                summary.endpoints = vec![hms.base_url.to_string(), hms.token_url.to_string()];
            }
            Details::Webhook(webhook) => {
                summary.endpoints = vec![webhook.url.to_string()];
            }
            Details::Acrobits(acrobits) => {
                summary.endpoints = vec![acrobits.url.to_string()];
            }
            Details::WebPush(web_push) => {
                summary.contact = Some(web_push.contact.clone());
                summary.public_key = Some(web_push.public_key.clone());
                summary.endpoints.clone_from(&web_push.allowed_hosts);
            }
        }
        summary
    }

    /// As the choice of a credential sees it.
    pub(super) fn candidate(&self) -> Candidate<'_> {
        Candidate {
            id: self.id,
            label: &self.label,
            kind: self.details.kind(),
            app_ids: self.details.app_ids(),
            environment: self.details.environment(),
            topics: self.details.topics(),
            usable: self.line.is_some(),
            refused: is_refused(&self.board().state),
        }
    }

    /// What Apple counts new provider tokens for.
    pub(super) fn identity(&self) -> Option<String> {
        self.details.token_identity(&self.fingerprint)
    }

    pub(super) fn health(&self, now: UnixMillis) -> ProviderHealth {
        let board = self.board().clone();
        let mut health = ProviderHealth {
            id: self.id,
            provider: self.details.kind(),
            label: self.label.clone(),
            last_success: board.last_success,
            last_failure: board.last_failure.clone(),
            last_quota: board.last_quota.clone(),
            waiting: board.lanes.waiting,
            sending: board.lanes.sending,
            attempts: board.attempts,
            success_percent: board.success_percent(),
            circuit: board.lanes.circuit,
            unanswered_in_a_row: board.lanes.unanswered,
            clock_skew_seconds: board.clock_skew,
            silent_services: board
                .lanes
                .silent_services
                .iter()
                .map(|it| (it.service.to_string(), it.unanswered))
                .collect(),
            refused_environment: board.refused_environment,
            expires_at: self.expires_at.map(|(_, at)| at),
            ending: self.expires_at.map(|(what, _)| what),
            state: board.state,
            alarms: Vec::new(),
        };
        health.alarms = alarms(&health, now);
        health
    }

    /// One line in the log for each alarm that was raised or lifted since the last time.
    pub(super) fn log_alarms(&self, now: UnixMillis) {
        let alarms = self.health(now).alarms;
        let (raised, lifted) = self.board().log(&alarms);
        for alarm in alarms.iter().filter(|alarm| raised.contains(&alarm.code)) {
            let (code, credential) = (alarm.code.as_str(), self.id);
            tracing::warn!(code, %credential, text = alarm.text, fix = alarm.fix, "push alarm");
        }
        for code in lifted {
            tracing::info!(code = code.as_str(), credential = %self.id, "push alarm is over");
        }
    }
}

/// Which of a credential's certificates ends first, and when.
fn ends(details: &Details) -> Option<(Ending, UnixMillis)> {
    let root = details.extra_ca_pem().and_then(roots_end).map(|at| (Ending::Root, at));
    let own = details.ends_at().map(|at| (Ending::Own, at));
    own.into_iter().chain(root).min_by_key(|(_, at)| *at)
}

/// The earliest end of the certificates in a PEM text.
fn roots_end(pem: &str) -> Option<UnixMillis> {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject as _;
    let ends = CertificateDer::pem_slice_iter(pem.as_bytes()).filter_map(|der| {
        let der = der.ok()?;
        let (_, certificate) = x509_parser::parse_x509_certificate(&der).ok()?;
        Some(UnixMillis(certificate.validity().not_after.timestamp().saturating_mul(1000)))
    });
    ends.min()
}
