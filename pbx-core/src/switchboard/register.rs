//! REGISTER: prove, translate, bind, save when the wake target changed, answer, then release parked branches.

use crate::model::{ExtensionNumber, Flow, Now};
use crate::registrar::{RegisterOutcome, RegistrarEvent, Registration};
use crate::sip::message::{HeaderName, Request, Response};
use crate::sip::{cseq, translate};

use super::Switchboard;
use super::held::Holding;
use super::request::{PRODUCT, Realm, unsupported, user_of};

/// Extensions of REGISTER we understand when a phone insists on them.
const KNOWN: [&str; 3] = ["path", "outbound", "gruu"];

impl Switchboard {
    pub(super) fn register(&mut self, flow: Flow, request: &Request, now: Now) {
        if let Some(unsupported) = unsupported(request, &KNOWN) {
            self.bad_extension(flow, request, &unsupported);
            return;
        }
        let Some(credential) = self.authenticate(flow, request, Realm::Registrar, now) else { return };
        let to = request.headers.get(&HeaderName::To).and_then(|to| user_of(to));
        let from = request.headers.get(&HeaderName::From).and_then(|from| user_of(from));
        let Some(aor) = to else {
            self.answer(flow, request, 400, "Bad To");
            return;
        };
        // The account may register its own address of record only, and may speak for nobody else (third-party REGISTER).
        let own = |user: &str| user.parse::<ExtensionNumber>().is_ok_and(|number| number == credential.extension);
        if !own(&aor) || !from.is_some_and(|from| own(&from)) {
            self.answer(flow, request, 403, "Not Your Extension");
            return;
        }
        let contacts = match translate::contacts(request) {
            Ok(contacts) => contacts,
            Err(refused) => {
                self.answer(flow, request, refused.status, refused.reason);
                return;
            }
        };
        let text = |name: &HeaderName| request.headers.get(name).map_or("", |value| value.as_str());
        let registration = Registration {
            extension: credential.extension,
            username: credential.username,
            flow,
            call_id: text(&HeaderName::CallId).into(),
            cseq: cseq::of(&request.headers).map_or(0, |cseq| cseq.number),
            user_agent: text(&HeaderName::UserAgent).into(),
            path: translate::path(request),
            contacts,
        };
        let outcome = self.registrar.register(registration, now);
        self.answer_register(flow, request, outcome);
    }

    fn answer_register(&mut self, flow: Flow, request: &Request, outcome: RegisterOutcome) {
        match outcome {
            RegisterOutcome::Refused(refusal) => {
                let (status, reason) = refusal.status();
                self.answer_with(flow, request, status, reason, |response| {
                    if let Some(min) = refusal.min_expires() {
                        response.headers.push(HeaderName::MinExpires, min.to_string());
                    }
                });
            }
            RegisterOutcome::Bound(bound) => {
                let tag = self.draw_tag();
                let mut response = Response::to(request, 200, "OK", &tag);
                for contact in &bound.contacts {
                    let line = format!("<{}>{};expires={}", contact.uri, contact.params, contact.expires_seconds);
                    response.headers.push(HeaderName::Contact, line);
                }
                for path in request.headers.all(&HeaderName::Path) {
                    response.headers.push(HeaderName::Path, path.clone());
                }
                for provider in bound.feature_caps {
                    response.headers.push(HeaderName::FeatureCaps, format!("*;+sip.pns=\"{provider}\""));
                }
                response.headers.push(HeaderName::Server, PRODUCT);
                if !bound.durable {
                    self.save_behind(bound.changes);
                    self.transactions.send(flow, response.to_bytes());
                    return;
                }
                let mut failed = Response::to(request, 503, "Registration Could Not Be Saved", &tag);
                failed.headers.push(HeaderName::RetryAfter, "10");
                let mut holding = vec![Holding::Answer { flow, bytes: response.to_bytes(), failed: failed.to_bytes() }];
                holding.push(Holding::Registration(bound.saving));
                holding.extend(std::iter::from_fn(|| self.registrar.poll_event()).map(Holding::Event));
                self.save_and_hold(bound.changes, holding);
            }
        }
    }

    pub(super) fn registrar_event(&mut self, event: RegistrarEvent, now: Now) {
        use super::output::{Notice, Output};
        match event {
            RegistrarEvent::Registered { extension, device, fresh, restarted, flow } => {
                self.device_came(device, now);
                self.release_parked(extension, device, (flow, restarted), now);
                if fresh {
                    self.notice(Notice::Extension(extension));
                }
            }
            RegistrarEvent::Revived { extension, device, flow } => {
                self.release_parked(extension, device, (flow, false), now)
            }
            RegistrarEvent::BindingGone { extension, .. } | RegistrarEvent::DeviceChanged { extension, .. } => {
                self.notice(Notice::Extension(extension));
            }
            RegistrarEvent::DeviceGone { extension, device } => {
                for call in self.called.get(&extension).cloned().unwrap_or_default() {
                    self.tell_call(call, crate::call::CallInput::DeviceGone { device }, now);
                }
                self.notice(Notice::Extension(extension));
            }
            RegistrarEvent::Save(changes) => self.save_behind(changes),
            RegistrarEvent::CloseFlow(flow) => self.outputs.push_back(Output::CloseFlow(flow)),
        }
    }
}
