//! REGISTER: prove, translate, bind, save what a crash must not take, answer, release parked branches.
//!
//! A call that waits for a device the disk knows is released at once, in front of a 200 that waits for the save of its
//! binding: a ringing phone promises nothing that a crash could break.
//!
//! What a phone is promised in the 200: its Path (RFC 3327), its flows (RFC 5626: `Require: outbound`, `Flow-Timer`) and
//! the push providers that can wake it (RFC 8599: `Feature-Caps`).

use crate::model::{ExtensionNumber, Flow, Now, PushProvider, Transport};
use crate::registrar::{Bound, DeviceView, RegisterOutcome, RegistrarEvent, Registration};
use crate::sip::digest::Verification;
use crate::sip::message::{HeaderName, Request, Response};
use crate::sip::{cseq, translate};

use super::Switchboard;
use super::held::Holding;
use super::request::{PRODUCT, Realm, unsupported, user_of};

/// Extensions of REGISTER we understand when a phone insists on them.
const KNOWN: [&str; 2] = ["path", "outbound"];
/// Seconds between keep-alives of a phone on a stream (RFC 5626 section 4.4): the usual two minutes.
const FLOW_TIMER_STREAM: &str = "120";
/// The same on UDP: routers forget an address after 30 seconds (RFC 5626 section 4.4.2 says 24 to 29).
const FLOW_TIMER_UDP: &str = "28";

impl Switchboard {
    pub(super) fn register(&mut self, flow: Flow, request: &Request, now: Now) {
        if let Some(unsupported) = unsupported(request, &KNOWN) {
            self.bad_extension(flow, request, &unsupported);
            return;
        }
        let (credential, repeated) = match self.prove(flow, request, now) {
            Verification::Accepted(credential) => (credential, false),
            // Our 200 may have been lost; whether it is that very request turns out below.
            Verification::Repeated(credential) if !flow.transport.is_reliable() => (credential, true),
            Verification::Repeated(_) | Verification::Stale => {
                self.challenge(flow, request, Realm::Registrar, (true, now));
                return;
            }
            Verification::Missing | Verification::Rejected(_) => {
                self.challenge(flow, request, Realm::Registrar, (false, now));
                return;
            }
        };
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
        if !self.path_is_wanted(flow, request) {
            return;
        }
        let terms = translate::contacts(request).and_then(|mut contacts| {
            let outbound = translate::outbound(request, &mut contacts)?;
            Ok((contacts, outbound))
        });
        let (contacts, outbound) = match terms {
            Ok(terms) => terms,
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
        if repeated && !self.registrar.repeats(&registration, now) {
            self.challenge(flow, request, Realm::Registrar, (true, now));
            return;
        }
        let outcome = self.registrar.register(registration, now);
        self.answer_register(flow, request, outcome, outbound);
        if repeated {
            self.ring_again(credential.extension, flow, now);
        }
    }

    /// A phone that repeats its REGISTER has not heard us for a while: calls that wait for its first word are sent again.
    fn ring_again(&mut self, extension: ExtensionNumber, flow: Flow, now: Now) {
        let here = |device: &DeviceView<'_>| device.live_flows().any(|own| own == flow);
        let devices = self.registrar.callable_devices(extension).into_iter().filter(here);
        for device in devices.map(|device| device.id()).collect::<Vec<_>>() {
            self.release_parked(extension, device, (flow, false), now);
        }
    }

    /// A Path that the phone does not know of is refused (RFC 3327 section 5.3): whoever put it there decides where its
    /// calls go, and the phone could not tell.
    fn path_is_wanted(&mut self, flow: Flow, request: &Request) -> bool {
        let has_path = request.headers.all(&HeaderName::Path).next().is_some();
        if !has_path || translate::lists_option(request, "path") {
            return true;
        }
        self.answer_with(flow, request, 420, "Bad Extension", |response| {
            response.headers.push(HeaderName::Unsupported, "path");
            for path in request.headers.all(&HeaderName::Path) {
                response.headers.push(HeaderName::Path, path.clone());
            }
        });
        false
    }

    fn answer_register(&mut self, flow: Flow, request: &Request, outcome: RegisterOutcome, outbound: bool) {
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
                if outbound {
                    response.headers.push(HeaderName::Require, "outbound");
                    response.headers.push(HeaderName::FlowTimer, flow_timer(flow.transport));
                }
                for line in self.feature_caps(&bound) {
                    response.headers.push(HeaderName::FeatureCaps, line);
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
                if !bound.saving.is_empty() {
                    holding.push(Holding::Registration(bound.saving));
                }
                if bound.calls_wait {
                    holding.extend(std::iter::from_fn(|| self.registrar.poll_event()).map(Holding::Event));
                }
                self.save_and_hold(bound.changes, holding);
            }
        }
    }

    /// The Feature-Caps lines of a 200 (RFC 8599 section 5.1), one for each provider; for Web Push with the key to
    /// subscribe with.
    fn feature_caps(&self, bound: &Bound) -> Vec<String> {
        let refresh = bound.refresh_push.map(|seconds| format!(";+sip.pnsreg=\"{seconds}\"")).unwrap_or_default();
        let in_calls = bound.pushed_in_calls.map(|(device, since)| self.purr(device, since));
        let in_calls = in_calls.map(|purr| format!(";+sip.pnspurr=\"{purr}\"")).unwrap_or_default();
        let vapid_key = self.config.push.vapid_key.as_ref();
        let vapid = vapid_key.map(|key| format!(";+sip.vapid=\"{key}\"")).unwrap_or_default();
        let line = |provider: &PushProvider| {
            let key = match provider {
                PushProvider::WebPush => vapid.as_str(),
                PushProvider::Apns | PushProvider::Fcm | PushProvider::Hms | PushProvider::Acrobits => "",
            };
            format!("*;+sip.pns=\"{provider}\"{key}{refresh}{in_calls}")
        };
        bound.feature_caps.iter().map(line).collect()
    }

    pub(super) fn registrar_event(&mut self, event: RegistrarEvent, now: Now) {
        use super::output::{Notice, Output};
        match event {
            RegistrarEvent::Registered { extension, device, fresh, restarted, flow } => {
                self.device_came(device, now);
                // The event may have waited for a save, and the flow may have died meanwhile: then the device is awaited
                // further, as if it had not come.
                let view = self.registrar.device(device);
                if view.is_some_and(|view| view.live_flows().any(|live| live == flow)) {
                    self.release_parked(extension, device, (flow, restarted), now);
                    self.device_is_back(device, flow, now);
                }
                if fresh {
                    self.note_came_as(device);
                    self.notice(Notice::Extension(extension));
                }
            }
            RegistrarEvent::FlowChanged { extension, device, flow } => {
                self.release_parked(extension, device, (flow, false), now);
                self.device_is_back(device, flow, now);
            }
            RegistrarEvent::RefreshDue { device } => self.wake_to_register(device, now),
            RegistrarEvent::Revived { extension, device, flow } => {
                self.release_parked(extension, device, (flow, false), now);
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

const fn flow_timer(transport: Transport) -> &'static str {
    match transport {
        Transport::Udp => FLOW_TIMER_UDP,
        Transport::Tcp | Transport::Tls => FLOW_TIMER_STREAM,
    }
}
