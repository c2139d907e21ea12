//! A new call: prove who calls, find whom they want, take ports, start the call machine.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;

use crate::call::{Call, CallPolicy, Candidate};
use crate::media::sdp;
use crate::model::{CallEnding, CallId, CallRecord, ExtensionNumber, Flow, Now, TimelineEntry, TimelineStep};
use crate::registrar::{PHONES_OFF, switched_off_in_words};
use crate::sip::dialog::Dialog;
use crate::sip::message::{HeaderName, Request, Response};
use crate::sip::transaction::ServerTx;
use crate::sip::uri;

use super::leg::{CallerLeg, LegName, LiveCall, Relay};
use super::output::{Change, Notice, Output, RelayId};
use super::request::{Realm, unsupported, user_of};
use super::{MAX_CALLS, Switchboard};

/// Who calls, as the call log and displays name them.
#[derive(Debug)]
pub(super) struct Who {
    pub(super) number: String,
    pub(super) name: String,
    /// `None` for Nightbell itself.
    pub(super) extension: Option<ExtensionNumber>,
}

/// What was dialled, and whom it means.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) dialled: String,
    pub(super) callee: Option<ExtensionNumber>,
}

/// How a call begins.
#[derive(Debug)]
pub(super) struct Beginning {
    pub(super) who: Who,
    pub(super) wanted: Wanted,
}

impl Switchboard {
    pub(super) fn invite(&mut self, flow: Flow, request: Request, raw: &Bytes, now: Now) {
        if self.draining {
            self.busy(flow, &request, "Nightbell Is Stopping");
            return;
        }
        if let Some(unsupported) = unsupported(&request, &[]) {
            self.bad_extension(flow, &request, &unsupported);
            return;
        }
        let Some(credential) = self.authenticate(flow, &request, Realm::Exchange, now) else { return };
        if max_forwards_spent(&request) {
            self.answer(flow, &request, 483, "Too Many Hops");
            return;
        }
        let from = request.headers.get(&HeaderName::From).and_then(|from| user_of(from));
        if from.and_then(|user| user.parse::<ExtensionNumber>().ok()) != Some(credential.extension) {
            self.answer(flow, &request, 403, "Not Your Extension");
            return;
        }
        if self.phones_are_on(credential.extension).is_err() {
            self.answer(flow, &request, 403, PHONES_OFF);
            return;
        }
        if !self.defence.may_call(credential.extension, now) {
            self.busy(flow, &request, "Too Many Calls From This Extension");
            return;
        }
        let Some((dialled, callee)) = self.dialled(flow, &request) else { return };
        if !self.offer_is_usable(flow, &request) {
            return;
        }
        if self.calls.len() >= MAX_CALLS {
            self.busy(flow, &request, "Too Many Calls");
            return;
        }
        let name = self.registrar.extension(credential.extension).map(|one| one.name.as_str().to_owned());
        let who = Who {
            number: credential.extension.to_string(),
            name: name.unwrap_or_default(),
            extension: Some(credential.extension),
        };
        let beginning = Beginning { who, wanted: Wanted { dialled, callee } };
        self.begin_call(flow, request, raw.clone(), beginning, now);
    }

    /// Takes ports and starts the call of an INVITE that may be carried on; otherwise it is refused, and `None` comes back.
    pub(super) fn begin_call(
        &mut self,
        flow: Flow,
        request: Request,
        raw: Bytes,
        beginning: Beginning,
        now: Now,
    ) -> Option<CallId> {
        let Some((caller_port, callee_port)) = self.ports.take_pair() else {
            self.busy(flow, &request, "No Sound Port Free");
            return None;
        };
        let tag = self.draw_tag();
        let Ok(dialog) = Dialog::of_received(flow, &request, &tag) else {
            self.ports.give_back(caller_port, callee_port);
            self.answer(flow, &request, 400, "Bad Request");
            return None;
        };
        let Some(tx) = self.transactions.accept(flow, &request, now.mono) else {
            self.ports.give_back(caller_port, callee_port);
            self.busy(flow, &request, "Too Many Calls");
            return None;
        };
        let unheard = self.first_answer((flow, tx), Response::to(&request, 100, "Trying", &tag), now);
        let relay = Relay { id: RelayId(self.next_relay), caller_port, callee_port };
        self.next_relay += 1;
        self.outputs.push_back(Output::OpenRelay { relay: relay.id, caller_port, callee_port });
        let late_offer = request.body.is_empty();
        let extension = beginning.who.extension;
        let device = extension.and_then(|extension| self.callers_device(extension, flow, &request));
        let has_video = sdp::offers_video(&request.body);
        let caller = CallerLeg {
            flow,
            device,
            tx,
            invite: request,
            raw,
            tag,
            dialog,
            answered: false,
            confirmed: false,
            farewell_due: false,
            late_offer,
            has_video,
            unheard,
        };
        Some(self.start_call(caller, beginning, relay, now))
    }

    /// Sends the 100, or gives it back to be sent once the park journal has the call: a caller on UDP would wait for ever
    /// if a crash came between.
    fn first_answer(&mut self, (flow, tx): (Flow, ServerTx), trying: Response, now: Now) -> Option<Response> {
        if !flow.transport.is_reliable() {
            return Some(trying);
        }
        self.transactions.respond(tx, &trying, now.mono);
        None
    }

    fn start_call(&mut self, caller: CallerLeg, beginning: Beginning, relay: Relay, now: Now) -> CallId {
        let Beginning { who, wanted: Wanted { dialled, callee } } = beginning;
        self.last_call += 1;
        let id = CallId(self.last_call);
        let record = CallRecord {
            id,
            uuid: self.draw_call_uuid(),
            caller: who.number,
            caller_name: who.name,
            callee: dialled,
            started_at: now.wall,
            answered_at: None,
            ended_at: None,
            ending: None,
            reason: String::new(),
            answered_by: None,
            packets_from_caller: 0,
            packets_from_callee: 0,
        };
        let policy = CallPolicy {
            ring: Duration::from_secs(u64::from(self.settings.ring_seconds)),
            grace: Duration::from_millis(u64::from(self.settings.grace_ms)),
            early_ringing: self.settings.early_ringing,
        };
        let candidates = callee.map_or_else(Vec::new, |number| self.candidates(number, caller.flow));
        let nobody = "The dialled number does not exist.".into();
        let call = match callee {
            Some(number) if self.phones_are_on(number).is_err() => {
                Call::refused(policy, CallEnding::Unreachable, switched_off_in_words(number), now.mono)
            }
            Some(_) => Call::start(policy, candidates, now.mono),
            None => Call::refused(policy, CallEnding::NoSuchNumber, nobody, now.mono),
        };
        let begun = first_lines(&record);
        self.invite_txs.insert(caller.tx, id);
        self.dialogs.insert(caller.tag.clone(), (id, LegName::Caller));
        self.relays.insert(relay.id, id);
        if let Some(device) = caller.device {
            self.calling.entry(device).or_default().insert(id);
        }
        if let Some(number) = callee {
            self.called.entry(number).or_default().insert(id);
        }
        let live = LiveCall {
            call,
            record,
            callee,
            caller,
            callees: BTreeMap::new(),
            winner: None,
            relay: Some(relay),
            parked: false,
            pushed: BTreeSet::new(),
            journaled: false,
            rung: false,
            deadline: None,
            reinvite: None,
            txs: BTreeSet::new(),
            waiting: None,
            talk_until: None,
            closing_relay: false,
        };
        let offer = live.caller.invite.body.clone();
        self.calls.insert(id, live);
        self.aim(id, LegName::Caller, &offer);
        self.notice(Notice::Call(id));
        self.run_call_with(id, begun, now);
        id
    }

    /// The devices of an extension that can take part, without the one that calls.
    pub(super) fn candidates(&self, number: ExtensionNumber, caller: Flow) -> Vec<Candidate> {
        self.registrar
            .callable_devices(number)
            .into_iter()
            .filter_map(|device| match device.live_binding() {
                Some(_) if device.live_flows().any(|own| own == caller) => None,
                Some(binding) if binding.is_suspect() && device.usable_target().is_some() => {
                    Some(Candidate::Suspect { device: device.id(), flow: binding.flow() })
                }
                Some(binding) => Some(Candidate::Live {
                    device: device.id(),
                    flow: binding.flow(),
                    can_be_woken: device.usable_target().is_some(),
                }),
                None if device.usable_target().is_some() => Some(Candidate::Sleeping { device: device.id() }),
                None => None,
            })
            .collect()
    }

    /// What was dialled and the extension it means, or `None` after the request was refused.
    fn dialled(&mut self, flow: Flow, request: &Request) -> Option<(String, Option<ExtensionNumber>)> {
        let Ok(uri) = uri::Uri::parse(&request.uri) else {
            self.answer(flow, request, 400, "Bad Request-URI");
            return None;
        };
        if !uri.host.is_empty() && !self.is_our_host(uri.host) {
            self.answer(flow, request, 403, "Not Relaying");
            return None;
        }
        let user = uri.decoded_user().map(Cow::into_owned).unwrap_or_default();
        // What a person dialled, cut to what a call log line can show.
        let shown: String = user.chars().filter(|c| !c.is_control()).take(64).collect();
        let number = user.parse::<ExtensionNumber>().ok().filter(|number| self.registrar.extension(*number).is_some());
        Some((shown, number))
    }

    fn offer_is_usable(&mut self, flow: Flow, request: &Request) -> bool {
        if request.body.is_empty() {
            return true;
        }
        let kind = request.headers.get(&HeaderName::ContentType).map_or("", |value| value.as_str());
        let kind = kind.split(';').next().unwrap_or("").trim();
        if !kind.eq_ignore_ascii_case("application/sdp") {
            self.answer_with(flow, request, 415, "Unsupported Media Type", |response| {
                response.headers.push(HeaderName::Accept, "application/sdp");
            });
            return false;
        }
        match sdp::read(&request.body).map(|announced| announced.encryption) {
            Ok(sdp::Encryption::None | sdp::Encryption::Sdes) => true,
            // The relay carries no DTLS handshake: better no call than one without sound.
            Ok(sdp::Encryption::Dtls) => {
                self.answer(flow, request, 488, "DTLS Sound Is Not Relayed");
                false
            }
            Err(_) => {
                self.answer(flow, request, 488, "No Usable Audio Offer");
                false
            }
        }
    }

    fn busy(&mut self, flow: Flow, request: &Request, reason: &'static str) {
        self.answer_with(flow, request, 503, reason, |response| response.headers.push(HeaderName::RetryAfter, "5"));
    }
}

/// A call in the call log, and how it began.
fn first_lines(record: &CallRecord) -> Vec<Change> {
    let begun = TimelineEntry {
        call: record.id,
        at: record.started_at,
        step: TimelineStep::Invited,
        device: None,
        detail: if record.is_test() {
            format!("Nightbell calls {} to test its phones", record.callee)
        } else {
            format!("{} calls {}", record.caller, record.callee)
        },
    };
    vec![Change::PutCall(record.clone()), Change::AppendTimeline(begun)]
}

fn max_forwards_spent(request: &Request) -> bool {
    request.headers.get(&HeaderName::MaxForwards).and_then(|value| value.trim().parse::<u32>().ok()) == Some(0)
}
