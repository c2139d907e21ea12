//! What a SIP message starts: transactions first, then dialogs, then the methods that begin something new.

use std::borrow::Cow;
use std::net::IpAddr;

use bytes::Bytes;

use crate::call::CallInput;
use crate::defence::{Asking, Event, Judgement};
use crate::model::{Flow, Now, SipCredential};
use crate::sip::digest::{Offer, Verification, claimed_username};
use crate::sip::message::{HeaderName, Message, Method, Request, Response, tag_of};
use crate::sip::transaction::Incoming;
use crate::sip::uri::{self, Uri};

use super::Switchboard;
use super::output::Output;

/// Methods served, for Allow.
pub(super) const ALLOW: &str = "INVITE, ACK, CANCEL, BYE, OPTIONS, REGISTER, INFO, UPDATE";
/// Our name in User-Agent and Server.
pub(super) const PRODUCT: &str = "Nightbell";

/// Which of the two digest exchanges a request belongs to (RFC 3261 section 22).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Realm {
    /// 401, for what is asked of us as registrar.
    Registrar,
    /// 407, for what is to be carried on.
    Exchange,
}

/// Whether this URI names a multicast group.
fn is_for_everybody(uri: &str) -> bool {
    let host = Uri::parse(uri).ok().and_then(|uri| uri.host.trim_matches(['[', ']']).parse::<IpAddr>().ok());
    host.is_some_and(|host| host.is_multicast())
}

impl Switchboard {
    pub(super) fn sip_message(&mut self, flow: Flow, message: Message, raw: &Bytes, now: Now) {
        match self.transactions.receive(flow, message, now.mono) {
            Incoming::Request { request } => self.request(flow, request, raw, now),
            Incoming::Ack { request } => self.ack(&request, now),
            Incoming::Cancel { invite: Some(tx), .. } => {
                let Some(call) = self.invite_txs.get(&tx).copied() else { return };
                if self.is_first_invite(call, tx) {
                    let reason = "The caller hung up before anybody answered.".into();
                    self.tell_call(call, CallInput::CallerGone { reason }, now);
                } else {
                    self.take_back(call, tx, now);
                }
            }
            Incoming::Response { tx, response } => self.response(tx, response, now),
            Incoming::Stray { response } => self.refuse_late_answer(flow, &response, now),
            Incoming::Cancel { invite: None, .. } | Incoming::Absorbed => {}
        }
    }

    fn request(&mut self, flow: Flow, request: Request, raw: &Bytes, now: Now) {
        let to_tag = request.headers.get(&HeaderName::To).and_then(|to| tag_of(to));
        if let Some(tag) = to_tag {
            match self.dialogs.get(tag).copied() {
                Some((call, leg)) => self.in_dialog(call, leg, flow, request, now),
                None if self.is_welcome(flow, &request, now) => {
                    self.answer(flow, &request, 481, "Call Does Not Exist");
                }
                None => {}
            }
            return;
        }
        // Said to everybody on the network, by phones that look for their configuration (`provisioning`'s PnP): nobody refuses
        // what was not meant for them alone.
        if request.method == Method::Subscribe && is_for_everybody(&request.uri) {
            return;
        }
        if !self.is_welcome(flow, &request, now) {
            return;
        }
        match &request.method {
            Method::Register => self.register(flow, &request, now),
            Method::Invite => self.invite(flow, request, raw, now),
            Method::Options => self.options(flow, &request),
            Method::Bye | Method::Update | Method::Info | Method::Prack | Method::Notify => {
                self.answer(flow, &request, 481, "Call Does Not Exist");
            }
            Method::Message | Method::Subscribe | Method::Publish | Method::Refer => {
                self.answer_with(flow, &request, 405, "Method Not Allowed", |response| {
                    response.headers.push(HeaderName::Allow, ALLOW);
                });
            }
            // Both are consumed by the transactions; one that comes through belongs to nothing.
            Method::Ack | Method::Cancel => {}
            Method::Other(_) => self.answer_with(flow, &request, 501, "Not Implemented", |response| {
                response.headers.push(HeaderName::Allow, ALLOW);
            }),
        }
    }

    /// Whether a request that no dialog vouches for is looked at; if not, its sender has had all the answer it gets.
    pub(super) fn is_welcome(&mut self, flow: Flow, request: &Request, now: Now) -> bool {
        let account = claimed_username(request);
        let user_agent = request.headers.get(&HeaderName::UserAgent).map_or("", |value| value.as_str());
        let asking =
            Asking { from: flow.remote.ip(), transport: flow.transport, account: account.as_deref(), user_agent };
        match self.defence.judge(asking, now) {
            Judgement::Answer => true,
            Judgement::Ignore => false,
            Judgement::Blocked => {
                if flow.transport.is_reliable() {
                    self.outputs.push_back(Output::CloseFlow(flow));
                }
                false
            }
            Judgement::Refuse => {
                self.answer(flow, request, 403, "Blocked After Wrong Secrets");
                false
            }
            Judgement::Later => {
                self.answer_with(flow, request, 503, "Too Many Requests", |response| {
                    response.headers.push(HeaderName::RetryAfter, "5");
                });
                false
            }
        }
    }

    /// Bytes that are no SIP: answered where the guard found an answer, but not at any rate.
    pub(super) fn refused(&mut self, flow: Flow, reply: Option<Bytes>, now: Now) {
        let from = flow.remote.ip();
        self.defence.handle(Event::Garbage { from, transport: flow.transport }, now);
        let asking = Asking { from, transport: flow.transport, account: None, user_agent: "" };
        match (self.defence.judge(asking, now), reply) {
            (Judgement::Answer, Some(bytes)) => self.transactions.send(flow, bytes),
            (Judgement::Blocked, _) if flow.transport.is_reliable() => {
                self.outputs.push_back(Output::CloseFlow(flow));
            }
            (Judgement::Answer | Judgement::Ignore | Judgement::Blocked | Judgement::Refuse | Judgement::Later, _) => {}
        }
    }

    fn options(&mut self, flow: Flow, request: &Request) {
        if let Some(unsupported) = unsupported(request, &[]) {
            self.bad_extension(flow, request, &unsupported);
            return;
        }
        self.answer_with(flow, request, 200, "OK", |response| {
            response.headers.push(HeaderName::Allow, ALLOW);
            response.headers.push(HeaderName::Accept, "application/sdp");
            response.headers.push(HeaderName::Supported, "path, outbound");
        });
    }

    /// 420 for options the request insists on and we do not have (RFC 3261 section 8.2.2.3).
    pub(super) fn bad_extension(&mut self, flow: Flow, request: &Request, unsupported: &str) {
        self.answer_with(flow, request, 420, "Bad Extension", |response| {
            response.headers.push(HeaderName::Unsupported, unsupported);
        });
    }

    /// A stateless answer.
    pub(super) fn answer(&mut self, flow: Flow, request: &Request, status: u16, reason: &'static str) {
        self.answer_with(flow, request, status, reason, |_| {});
    }

    /// A stateless answer with more headers.
    pub(super) fn answer_with(
        &mut self,
        flow: Flow,
        request: &Request,
        status: u16,
        reason: &'static str,
        add: impl FnOnce(&mut Response),
    ) {
        if request.method == Method::Ack {
            return;
        }
        let tag = self.transactions.tag_for(request);
        let mut response = Response::to(request, status, reason, &tag);
        response.headers.push(HeaderName::Server, PRODUCT);
        add(&mut response);
        self.transactions.send(flow, response.to_bytes());
    }

    /// Who sent this request, or `None` after it was answered with a challenge.
    pub(super) fn authenticate(
        &mut self,
        flow: Flow,
        request: &Request,
        realm: Realm,
        now: Now,
    ) -> Option<SipCredential> {
        match self.prove(flow, request, now) {
            Verification::Accepted(credential) => return Some(credential),
            Verification::Repeated(_) | Verification::Stale => self.challenge(flow, request, realm, (true, now)),
            Verification::Missing | Verification::Rejected(_) => self.challenge(flow, request, realm, (false, now)),
        }
        None
    }

    /// What the digest answer of a request is worth; the defence hears of it.
    pub(super) fn prove(&mut self, flow: Flow, request: &Request, now: Now) -> Verification<SipCredential> {
        let credentials = &self.credentials;
        let allow_md5 = self.settings.allow_md5;
        let verification = self.authenticator.verify(request, allow_md5, |username| credentials.get(username), now);
        let from = flow.remote.ip();
        match verification {
            Verification::Accepted(credential) => {
                let credential = credential.clone();
                self.defence.handle(Event::Proved { from }, now);
                Verification::Accepted(credential)
            }
            Verification::Repeated(credential) => Verification::Repeated(credential.clone()),
            Verification::Stale => Verification::Stale,
            Verification::Missing => Verification::Missing,
            Verification::Rejected(why) => {
                let account = claimed_username(request);
                let failed = Event::Failed {
                    from,
                    transport: flow.transport,
                    account: account.as_deref(),
                    why: why.as_str(),
                    answers_our_challenge: self.authenticator.has_challenged(request, from.into()),
                };
                self.defence.handle(failed, now);
                Verification::Rejected(why)
            }
        }
    }

    /// Asks for a digest answer; `stale` tells a phone that only its nonce was of no use.
    pub(super) fn challenge(&mut self, flow: Flow, request: &Request, realm: Realm, (stale, now): (bool, Now)) {
        let allow_md5 = self.settings.allow_md5;
        let from = flow.remote.ip();
        let challenges = self.authenticator.challenges(now, stale, Offer::on(flow.transport, allow_md5), from.into());
        let (status, reason, header) = match realm {
            Realm::Registrar => (401, "Unauthorized", HeaderName::WwwAuthenticate),
            Realm::Exchange => (407, "Proxy Authentication Required", HeaderName::ProxyAuthenticate),
        };
        self.answer_with(flow, request, status, reason, |response| {
            for challenge in challenges {
                response.headers.push(header.clone(), challenge);
            }
        });
    }

    /// Whether a Request-URI's host is us: an IP address, `localhost`, the realm, or a configured name.
    pub(super) fn is_our_host(&self, host: &str) -> bool {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        bare.parse::<IpAddr>().is_ok()
            || host.eq_ignore_ascii_case("localhost")
            || host.eq_ignore_ascii_case(&self.settings.realm)
            || self.config.domains.iter().any(|ours| ours.eq_ignore_ascii_case(host))
    }
}

/// Option tags of Require and Proxy-Require that are not in `known`, as an Unsupported value.
pub(super) fn unsupported(request: &Request, known: &[&str]) -> Option<String> {
    let missing: Vec<&str> = [HeaderName::Require, HeaderName::ProxyRequire]
        .iter()
        .flat_map(|name| request.headers.all(name))
        .flat_map(|line| line.as_str().split(','))
        .map(str::trim)
        .filter(|tag| !tag.is_empty() && !known.iter().any(|have| have.eq_ignore_ascii_case(tag)))
        .collect();
    (!missing.is_empty()).then(|| missing.join(", "))
}

/// The user part of a From or To value's URI, percent-decoded.
pub(super) fn user_of(value: &str) -> Option<String> {
    let uri = uri::NameAddr::parse(value).ok()?.parsed_uri().ok()?;
    uri.decoded_user().map(Cow::into_owned)
}
