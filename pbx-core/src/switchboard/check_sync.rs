//! "Fetch your settings again": a NOTIFY outside of any dialog to the phone of one account.
//!
//! The event `check-sync` stands in no RFC, and every desk phone knows it. It goes to the live binding only, over its own
//! flow; a phone that sleeps or is switched off fetches by itself when it starts. The command is answered with what the
//! phone says, or when it has said nothing for the time of a transaction.
//!
//! Some phones want to be sure who asks and challenge the NOTIFY. They are answered once, with the account that they
//! registered with themselves and for our realm only: so nobody learns anything that the phone does not know already.

use crate::model::{DeviceId, Flow, Now, SipUsername};
use crate::registrar::BindingFailure;
use crate::sip::digest::client::{Proof, answer};
use crate::sip::message::{HeaderName, Method, Request, Response};
use crate::sip::transaction::ClientTx;
use crate::sip::uri;

use super::Switchboard;
use super::command::{CheckSyncAnswer, CheckSyncEvent, CommandError, CommandResult, Reply};
use super::commands::Outcome;
use super::leg::ClientUse;
use super::output::{CommandToken, Output};
use super::request::PRODUCT;

/// Phones asked at once; each keeps a command open for up to 32 s, and pages need those as well. The next is "busy".
const MOST: usize = 64;

/// One phone that is being asked.
#[derive(Debug, Clone)]
pub(super) struct CheckSync {
    token: CommandToken,
    username: SipUsername,
    pub(super) device: DeviceId,
    pub(super) flow: Flow,
    /// As sent, without Via; it goes out a second time with an answer to the phone's challenge.
    request: Request,
    proved: bool,
}

impl Switchboard {
    /// Asks the phone of an account, the one that registered last.
    pub(super) fn check_sync(
        &mut self,
        token: CommandToken,
        username: &SipUsername,
        event: CheckSyncEvent,
        now: Now,
    ) -> Result<Outcome, CommandError> {
        if self.draining {
            return Err(CommandError::Stopping);
        }
        let credential = self.credentials.get(username.as_str());
        let extension = credential.ok_or_else(|| CommandError::NoSuchCredential(username.clone()))?.extension;
        let theirs = self.registrar.devices_of(extension).filter(|view| view.username() == username);
        let live = theirs.filter_map(|view| Some((view.live_binding()?, view.id())));
        let Some((binding, device)) = live.max_by_key(|(binding, device)| (binding.since(), *device)) else {
            return Ok(Outcome::Now(Reply::CheckSync(CheckSyncAnswer::NotRegistered)));
        };
        if self.client_txs.values().filter(|used| matches!(used, ClientUse::CheckSync(_))).count() >= MOST {
            return Err(CommandError::Busy);
        }
        let (flow, target) = (binding.flow(), binding.request_uri());
        let path: Vec<String> = binding.path().iter().map(ToString::to_string).collect();
        let (tag, call_id) = (self.draw_tag(), self.draw_tag());
        let host = uri::host_port_text(self.our_ip(flow), flow.local.port());
        let mut request = Request::new(Method::Notify, target.clone());
        for route in path {
            request.headers.push(HeaderName::Route, route);
        }
        request.headers.push(HeaderName::MaxForwards, "70");
        request.headers.push(HeaderName::From, format!("<sip:{host}>;tag={tag}"));
        request.headers.push(HeaderName::To, format!("<{target}>"));
        request.headers.push(HeaderName::CallId, call_id.to_string());
        request.headers.push(HeaderName::CSeq, "1 NOTIFY");
        request.headers.push(HeaderName::Contact, self.contact(flow, ""));
        request.headers.push(HeaderName::Event, event.as_str());
        // RFC 6665 section 4.1.3 wants one in each NOTIFY; no subscription exists, so it is over.
        request.headers.push(HeaderName::Other("Subscription-State".into()), "terminated;reason=noresource");
        request.headers.push(HeaderName::UserAgent, PRODUCT);
        let asked = CheckSync { token, username: username.clone(), device, flow, request, proved: false };
        self.send_check_sync(asked, now);
        Ok(Outcome::Later)
    }

    fn send_check_sync(&mut self, asked: CheckSync, now: Now) {
        let tx = self.transactions.request(asked.flow, asked.request.clone(), now.mono);
        self.client_txs.insert(tx, ClientUse::CheckSync(Box::new(asked)));
    }

    /// The phone's final answer.
    pub(super) fn check_sync_response(&mut self, tx: ClientTx, response: &Response, now: Now) {
        let Some(ClientUse::CheckSync(asked)) = self.client_txs.remove(&tx) else { return };
        // Whatever it says, it is there.
        self.registrar.binding_answered(asked.device, asked.flow, now);
        if !matches!(response.status, 401 | 407) {
            return self.check_sync_is_over(&asked, Ok(Reply::CheckSync(CheckSyncAnswer::Answered(response.status))));
        }
        match self.proof_for(&asked, response) {
            Some((header, proof)) if !asked.proved => {
                let CheckSync { mut request, .. } = (*asked).clone();
                request.headers.set(HeaderName::CSeq, "2 NOTIFY");
                request.headers.push(header, proof);
                self.send_check_sync(CheckSync { request, proved: true, ..*asked }, now);
            }
            Some(_) | None => self.check_sync_is_over(&asked, Ok(Reply::CheckSync(CheckSyncAnswer::Challenged))),
        }
    }

    /// No answer will come; without a failure nothing was sent.
    pub(super) fn check_sync_unanswered(&mut self, asked: &CheckSync, failure: Option<BindingFailure>) {
        let result = match failure {
            Some(_) => {
                self.registrar.question_unanswered(asked.device, asked.flow);
                Ok(Reply::CheckSync(CheckSyncAnswer::NoAnswer))
            }
            None => Err(CommandError::Busy),
        };
        self.check_sync_is_over(asked, result);
    }

    fn check_sync_is_over(&mut self, asked: &CheckSync, result: CommandResult) {
        self.outputs.push_back(Output::Answer { token: asked.token, result });
    }

    /// The header that proves the account of the phone to the phone itself.
    fn proof_for(&mut self, asked: &CheckSync, response: &Response) -> Option<(HeaderName, String)> {
        let (challenge, header) = if response.status == 401 {
            (HeaderName::WwwAuthenticate, HeaderName::Authorization)
        } else {
            (HeaderName::ProxyAuthenticate, HeaderName::ProxyAuthorization)
        };
        let cnonce = self.draw_tag();
        let proof = Proof {
            credential: self.credentials.get(asked.username.as_str())?,
            realm: &self.settings.realm,
            method: Method::Notify.as_str(),
            uri: &asked.request.uri,
            cnonce: &cnonce,
        };
        let text = response.headers.all(&challenge).find_map(|challenge| answer(challenge, &proof))?;
        Some((header, text))
    }
}
