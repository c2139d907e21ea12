//! The two sides of a call as a script holds them: one that this phone made, one that came in.

use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::agent::{Shared, caller};
use super::error::PhoneError;
use super::event::EventKind;
use super::leg::{CallEnd, CallView, Leg};
use super::message::{Message, uri_of};
use super::outbound::accepted;
use super::sdp::{self, Direction};
use super::transaction::{T1, T2, Transaction, with_wait};

/// How long a final answer is repeated for want of an ACK (RFC 3261 section 13.3.1.4).
const ACK_WAIT: Duration = Duration::from_secs(32);

/// A call this phone made. It is a [`Leg`] with a few more wishes.
#[derive(Debug)]
pub struct OutgoingCall(Arc<Leg>);

/// A call that came in. It is a [`Leg`] with a few more wishes.
#[derive(Debug)]
pub struct IncomingCall(Arc<Leg>);

impl Deref for OutgoingCall {
    type Target = Leg;

    fn deref(&self) -> &Leg {
        &self.0
    }
}

impl Deref for IncomingCall {
    type Target = Leg;

    fn deref(&self) -> &Leg {
        &self.0
    }
}

impl OutgoingCall {
    pub(super) fn new(leg: Arc<Leg>) -> Self {
        Self(leg)
    }

    /// Waits until the caller hears anything (100 included): from then on it does not repeat its INVITE.
    pub async fn taken_care_of(&self, within: Duration) -> Result<(), PhoneError> {
        self.wait("a first answer", within, |view| !view.provisional.is_empty() || view.answered).await.map(drop)
    }

    /// Waits until the caller hears ringing (180 or 183); the first such status.
    pub async fn ringing(&self, within: Duration) -> Result<u16, PhoneError> {
        let rings = |status: &u16| matches!(*status, 180 | 183);
        let view = self.wait("ringing", within, |view| view.provisional.iter().any(rings)).await?;
        Ok(view.provisional.into_iter().find(rings).unwrap_or(180))
    }

    /// Waits for the answer; an error when the call ends otherwise.
    pub async fn answered(&self, within: Duration) -> Result<CallView, PhoneError> {
        self.wait("an answer", within, |view| view.answered).await
    }

    /// Gives up before an answer; how the call ended. A 200 that crosses the CANCEL is taken and ended with BYE.
    pub async fn cancel(&self, within: Duration) -> Result<CallEnd, PhoneError> {
        let shared = self.phone()?;
        let deadline = Instant::now() + within;
        if self.view().answered {
            return Err(self.not_possible("cancelling a call that is answered"));
        }
        self.change(|view| view.cancelling = true);
        // CANCEL must wait for a provisional answer (RFC 3261 section 9.1).
        let state = self.wait("a sign of life", within, |view| !view.provisional.is_empty()).await;
        if let Err(PhoneError::CallOver { .. }) = state {
            return self.ended(within).await;
        }
        state?;
        let cancel = cancel_of(&self.dialog().invite);
        let response =
            Transaction::begin(&shared, cancel)?.last(deadline).await.map_err(|error| with_wait(error, within))?;
        // 481 says that the final answer is on its way already.
        if response.status() != Some(481) {
            accepted(&shared, "CANCEL", &response)?;
        }
        self.ended(deadline.saturating_duration_since(Instant::now())).await
    }
}

/// The CANCEL of an INVITE: the same Request-URI, top Via, From, To, Call-ID, Route and number (RFC 3261 section 9.1).
fn cancel_of(invite: &Message) -> Message {
    let mut cancel = Message::request("CANCEL", invite.uri().unwrap_or_default());
    for name in ["Via", "Max-Forwards", "Route", "From", "To", "Call-ID"] {
        for value in invite.headers(name) {
            cancel.push(name, value);
        }
    }
    cancel.push("CSeq", format!("{} CANCEL", invite.cseq().map_or(1, |(number, _)| number)));
    cancel
}

impl IncomingCall {
    pub(super) fn new(leg: Arc<Leg>) -> Self {
        Self(leg)
    }

    /// The caller's number.
    pub fn caller(&self) -> String {
        caller(&self.dialog().invite)
    }

    /// The INVITE as it came.
    pub fn invite(&self) -> Message {
        self.dialog().invite.clone()
    }

    /// Rings: 180.
    pub fn ring(&self) -> Result<(), PhoneError> {
        self.respond(180, "Ringing", false)?;
        self.phone()?.note(EventKind::Ringing);
        Ok(())
    }

    /// Answers: 200 with our description; sound flows from now on.
    pub fn answer(&self) -> Result<(), PhoneError> {
        self.respond(200, "OK", true)?;
        self.change(|view| view.answered = true);
        let shared = self.phone()?;
        shared.note(EventKind::Answered);
        let audio = self.dialog().audio;
        if let Some(audio) = audio {
            self.listen_to(audio);
        }
        self.note_first_sound(&shared);
        Ok(())
    }

    /// Refuses as a busy phone: 486.
    pub fn busy(&self) -> Result<(), PhoneError> {
        self.refuse(486, "Busy Here")
    }

    /// Refuses for every phone of this person: 603.
    pub fn decline(&self) -> Result<(), PhoneError> {
        self.refuse(603, "Decline")
    }

    /// Refuses with any final status.
    pub fn refuse(&self, status: u16, reason: &str) -> Result<(), PhoneError> {
        self.respond(status, reason, false)?;
        let shared = self.phone()?;
        self.end(&shared, CallEnd::RefusedHere(status));
        Ok(())
    }

    /// Waits for the ACK to our answer.
    pub async fn confirmed(&self, within: Duration) -> Result<CallView, PhoneError> {
        self.wait("the ACK", within, |view| view.confirmed).await
    }

    fn respond(&self, status: u16, reason: &str, described: bool) -> Result<(), PhoneError> {
        let shared = self.phone()?;
        let view = self.view();
        if view.answered || view.end.is_some() {
            return Err(self.not_possible("answering a call that is answered or over"));
        }
        let line = shared.line()?;
        let direction = self.dialog().audio.map_or(Direction::SendRecv, |audio| audio.direction.answered());
        let body = described.then(|| self.describe(direction));
        let (invite, peer, local) = {
            let dialog = self.dialog();
            (dialog.invite.clone(), dialog.peer, dialog.local.clone())
        };
        let mut answer =
            Message::answer(&invite, status, reason, super::message::param_of(&local, "tag").unwrap_or("t"));
        answer.push("Contact", shared.contact(&line, false));
        if let Some(body) = body {
            answer.push("Content-Type", "application/sdp");
            answer.body = body;
        }
        shared.send_answer(&invite, &answer, peer);
        if status >= 200 && !line.is_reliable() {
            tokio::spawn(repeat_until_acknowledged(Arc::downgrade(&self.0), answer.to_bytes(), peer));
        }
        Ok(())
    }
}

/// Repeats a 2xx as RFC 3261 section 13.3.1.4 wants (for refusals the INVITE's own repetitions do it).
async fn repeat_until_acknowledged(leg: Weak<Leg>, answer: Vec<u8>, peer: SocketAddr) {
    let (mut interval, started) = (T1, Instant::now());
    while started.elapsed() < ACK_WAIT {
        let Some(leg) = leg.upgrade() else { return };
        let settled = leg.wait("the ACK", interval, |view| view.confirmed).await;
        let (Err(PhoneError::Timeout { .. }), Ok(shared)) = (settled, leg.phone()) else { return };
        shared.send_bytes(&answer, peer);
        interval = (interval * 2).min(T2);
    }
}

impl Leg {
    /// A request of the other side in this call; called by the reading task.
    pub(super) fn receive(self: &Arc<Self>, shared: &Arc<Shared>, request: &Message, from: SocketAddr) {
        match request.method().unwrap_or_default() {
            "CANCEL" => self.receive_cancel(shared, request, from),
            "ACK" => self.receive_ack(request),
            "BYE" => {
                shared.answer(request, 200, "OK", from);
                let reason = request.header("Reason").map(str::to_owned);
                self.end(shared, CallEnd::PeerHungUp(reason));
            }
            "INVITE" | "UPDATE" => self.receive_offer(shared, request, from),
            "INFO" | "NOTIFY" | "OPTIONS" | "MESSAGE" => shared.answer(request, 200, "OK", from),
            _ => shared.answer(request, 405, "Method Not Allowed", from),
        }
    }

    fn receive_cancel(&self, shared: &Shared, request: &Message, from: SocketAddr) {
        shared.answer(request, 200, "OK", from);
        if self.view().answered {
            // Too late (RFC 3261 section 9.2): the 200 stands.
            return;
        }
        let (invite, local) = {
            let dialog = self.dialog();
            (dialog.invite.clone(), dialog.local.clone())
        };
        let tag = super::message::param_of(&local, "tag").unwrap_or("t");
        let terminated = Message::answer(&invite, 487, "Request Terminated", tag);
        shared.send_answer(&invite, &terminated, from);
        self.end(shared, CallEnd::Cancelled(request.header("Reason").map(str::to_owned)));
    }

    fn receive_ack(&self, request: &Message) {
        self.change(|view| view.confirmed = true);
        if !request.body.is_empty()
            && let Ok(audio) = sdp::read(&request.body)
        {
            self.listen_to(audio);
        }
    }

    fn receive_offer(&self, shared: &Shared, request: &Message, from: SocketAddr) {
        if let Some(contact) = request.header("Contact") {
            uri_of(contact).clone_into(&mut self.dialog().target);
        }
        let tag = uuid::Uuid::new_v4().simple().to_string();
        let mut answer = Message::answer(request, 200, "OK", &tag);
        if let Ok(line) = shared.line() {
            answer.push("Contact", shared.contact(&line, false));
        }
        if request.body.is_empty() {
            if request.method() == Some("INVITE") {
                answer.push("Content-Type", "application/sdp");
                answer.body = self.describe(Direction::SendRecv);
            }
        } else {
            match sdp::read(&request.body) {
                Ok(audio) => {
                    answer.push("Content-Type", "application/sdp");
                    answer.body = self.describe(audio.direction.answered());
                    self.listen_to(audio);
                }
                Err(_) => return shared.answer(request, 488, "Not Acceptable Here", from),
            }
        }
        shared.send_answer(request, &answer, from);
        self.change(|view| view.renegotiated += 1);
    }

    /// Writes the first recognised or any first packet into the log.
    pub(super) fn note_first_sound(&self, shared: &Arc<Shared>) {
        let (mut reports, phone) = (self.media.watch(), Arc::downgrade(shared));
        tokio::spawn(async move {
            let heard = timeout(ACK_WAIT, reports.wait_for(|report| report.received > 0)).await;
            if let (Ok(Ok(_)), Some(shared)) = (heard, phone.upgrade()) {
                shared.note(EventKind::FirstSound);
            }
        });
    }
}
