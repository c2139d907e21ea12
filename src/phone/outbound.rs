//! Requests a call sends: INVITE with its challenge, ACK, CANCEL, BYE, hold and resume.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

use super::agent::{Phone, Shared};
use super::call::OutgoingCall;
use super::error::PhoneError;
use super::event::EventKind;
use super::leg::{CallEnd, Dialog, Leg};
use super::line::Line;
use super::message::{Message, uri_of};
use super::sdp::{self, Direction};
use super::transaction::{Transaction, with_wait};

/// A call that rings longer than this is given up, whatever the script does: above RFC 3261's Timer C of three minutes.
const RINGING_MAX: Duration = Duration::from_secs(200);

impl Phone {
    /// Calls `number`. Returns when the INVITE has left; wait on the call for what follows.
    pub async fn call(&self, number: &str, within: Duration) -> Result<OutgoingCall, PhoneError> {
        let shared = &self.shared;
        let line = shared.connect(within).await?;
        let leg =
            start(shared, &line, number).map_err(|why| PhoneError::BadMessage { phone: shared.name.clone(), why })?;
        shared.state().legs.insert(leg.call_id().to_owned(), Arc::clone(&leg));
        let mut invite = leg.dialog().invite.clone();
        shared.digest().authorize(&mut invite);
        let transaction = Transaction::begin(shared, invite)?;
        tokio::spawn(drive(Arc::clone(&leg), Arc::clone(shared), transaction));
        Ok(OutgoingCall::new(leg))
    }
}

fn start(shared: &Arc<Shared>, line: &Line, number: &str) -> Result<Arc<Leg>, String> {
    let (domain, extension) = (shared.domain(), &shared.config.extension);
    // '#' begins a fragment in no SIP URI; phones escape it (RFC 3261 section 25.1).
    let target = format!("sip:{}@{domain}", number.replace('#', "%23"));
    let dialog = Dialog {
        local: format!("<sip:{extension}@{domain}>;tag={}", Uuid::new_v4().simple()),
        remote: format!("<{target}>"),
        target,
        routes: Vec::new(),
        cseq: 0,
        invite: Message::request("INVITE", "sip:nobody@invalid"),
        peer: shared.config.server,
        ack: None,
        audio: None,
        direction: Direction::SendRecv,
        sdp_version: 0,
    };
    let leg = Leg::new(shared, line, Uuid::new_v4().to_string(), dialog)?;
    let mut invite = leg.in_dialog("INVITE");
    invite.push("Contact", shared.contact(line, false));
    invite.push("Allow", "INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE, INFO, NOTIFY");
    invite.push("Content-Type", "application/sdp");
    invite.body = leg.describe(Direction::SendRecv);
    leg.dialog().invite = invite;
    Ok(leg)
}

/// Carries an INVITE to its final answer.
async fn drive(leg: Arc<Leg>, shared: Arc<Shared>, mut transaction: Transaction) {
    let deadline = Instant::now() + RINGING_MAX;
    leg.dialog().invite = transaction.request.clone();
    loop {
        let response = match transaction.next(deadline).await {
            Ok(response) => response,
            Err(error) => return leg.end(&shared, CallEnd::Failed(error.to_string())),
        };
        match response.status().unwrap_or_default() {
            status @ 0..200 => progress(&leg, &shared, &response, status),
            200..300 => return answered(&leg, &shared, &transaction.request, &response).await,
            401 | 407 if !leg.view().cancelling => {
                shared_ack(&shared, &transaction.request, &response);
                match again(&leg, &shared, &transaction.request, &response) {
                    Ok(next) => transaction = next,
                    Err(error) => return leg.end(&shared, CallEnd::Failed(error.to_string())),
                }
            }
            status => {
                shared_ack(&shared, &transaction.request, &response);
                let cancelled = leg.view().cancelling && matches!(status, 401 | 407 | 487);
                let refused = CallEnd::Refused(status, response.reason().to_owned());
                return leg.end(&shared, if cancelled { CallEnd::Cancelled(None) } else { refused });
            }
        }
    }
}

fn progress(leg: &Leg, shared: &Shared, response: &Message, status: u16) {
    leg.change(|view| view.provisional.push(status));
    if status > 100 {
        shared.note(EventKind::Progress(status));
    }
    if !response.body.is_empty()
        && let Ok(audio) = sdp::read(&response.body)
    {
        // Early media is listened to only: the caller must not talk into an announcement.
        leg.dialog().audio = Some(audio);
    }
}

fn again(
    leg: &Arc<Leg>,
    shared: &Arc<Shared>,
    rejected: &Message,
    response: &Message,
) -> Result<Transaction, PhoneError> {
    shared.challenged(rejected, response)?;
    let mut invite = rejected.clone();
    let cseq = {
        let mut dialog = leg.dialog();
        dialog.cseq += 1;
        dialog.cseq
    };
    invite.remove("Via");
    invite.remove("CSeq");
    invite.push("CSeq", format!("{cseq} INVITE"));
    shared.digest().authorize(&mut invite);
    let next = Transaction::begin(shared, invite)?;
    leg.dialog().invite = next.request.clone();
    Ok(next)
}

async fn answered(leg: &Arc<Leg>, shared: &Arc<Shared>, invite: &Message, response: &Message) {
    leg.acknowledge(shared, invite, response);
    if leg.view().cancelling {
        // The 200 crossed our CANCEL (RFC 3261 section 9.1): take the call and end it.
        let _ = leg.send_bye(shared, RINGING_MAX).await;
        return leg.end(shared, CallEnd::Cancelled(None));
    }
    leg.change(|view| view.answered = true);
    shared.note(EventKind::Answered);
    leg.note_first_sound(shared);
}

/// The ACK to a refusal: same branch, same Route, the To of the response (RFC 3261 section 17.1.1.3).
fn shared_ack(shared: &Shared, invite: &Message, response: &Message) {
    let mut ack = Message::request("ACK", invite.uri().unwrap_or_default());
    for name in ["Via", "Max-Forwards", "Route", "From", "Call-ID"] {
        for value in invite.headers(name) {
            ack.push(name, value);
        }
    }
    ack.push("To", response.header("To").unwrap_or_default());
    ack.push("CSeq", format!("{} ACK", invite.cseq().map_or(1, |(number, _)| number)));
    if let Ok(line) = shared.line() {
        line.send(&ack.to_bytes(), None);
    }
}

impl Leg {
    /// Takes in a 2xx to an INVITE of ours and acknowledges it.
    fn acknowledge(&self, shared: &Shared, invite: &Message, response: &Message) {
        let number = invite.cseq().map_or(1, |(number, _)| number);
        let established = self.view().answered;
        {
            let mut dialog = self.dialog();
            if let Some(to) = response.header("To") {
                to.clone_into(&mut dialog.remote);
            }
            if let Some(contact) = response.header("Contact") {
                uri_of(contact).clone_into(&mut dialog.target);
            }
            if !established {
                // The route set is fixed by the answer that makes the dialog (RFC 3261 section 12.2.1.2).
                let mut routes: Vec<String> = response.headers("Record-Route").map(str::to_owned).collect();
                routes.reverse();
                dialog.routes = routes;
            }
        }
        let mut ack = self.in_dialog("ACK");
        ack.remove("CSeq");
        ack.push("CSeq", format!("{number} ACK"));
        if let Ok(line) = shared.line() {
            let branch = format!("z9hG4bK{}", Uuid::new_v4().simple());
            ack.push_front("Via", format!("SIP/2.0/{} {};branch={branch};rport", line.protocol(), line.local()));
            let bytes = ack.to_bytes();
            line.send(&bytes, None);
            self.dialog().ack = Some(bytes);
        }
        match sdp::read(&response.body) {
            Ok(audio) => self.listen_to(audio),
            Err(why) => tracing::warn!(phone = shared.name, why, "the answer's SDP is of no use"),
        }
    }

    /// A response without a transaction: a repeated 2xx wants its ACK again.
    pub(super) fn late_response(&self, shared: &Shared, response: &Message) {
        let repeated = response.status().is_some_and(|status| (200..300).contains(&status))
            && response.cseq().is_some_and(|(_, method)| method == "INVITE");
        let ack = self.dialog().ack.clone();
        if let (true, Some(ack), Ok(line)) = (repeated, ack, shared.line()) {
            line.send(&ack, None);
        }
    }

    /// Ends an answered call and waits for the answer to the BYE.
    pub async fn hang_up(&self, within: Duration) -> Result<(), PhoneError> {
        let shared = self.phone()?;
        let view = self.view();
        if view.end.is_some() {
            return Ok(());
        }
        if !view.answered {
            return Err(self.not_possible("hanging up a call that nobody answered"));
        }
        self.media.speak_to(None);
        let answer = self.send_bye(&shared, within).await;
        self.end(&shared, CallEnd::HungUp);
        answer
    }

    async fn send_bye(&self, shared: &Arc<Shared>, within: Duration) -> Result<(), PhoneError> {
        let bye = self.in_dialog("BYE");
        let response = shared.ask(bye, within, || self.next_cseq()).await?;
        accepted(shared, "BYE", &response)
    }

    /// Puts the other side on hold.
    pub async fn hold(&self, within: Duration) -> Result<(), PhoneError> {
        self.reinvite(Direction::SendOnly, within).await
    }

    /// Takes the other side off hold.
    pub async fn resume(&self, within: Duration) -> Result<(), PhoneError> {
        self.reinvite(Direction::SendRecv, within).await
    }

    async fn reinvite(&self, direction: Direction, within: Duration) -> Result<(), PhoneError> {
        if !self.view().answered {
            return Err(self.not_possible("holding a call that nobody answered"));
        }
        let shared = self.phone()?;
        let deadline = Instant::now() + within;
        let mut invite = self.in_dialog("INVITE");
        invite.push("Contact", shared.contact(&*shared.line()?, false));
        invite.push("Content-Type", "application/sdp");
        invite.body = self.describe(direction);
        loop {
            shared.digest().authorize(&mut invite);
            let mut transaction = Transaction::begin(&shared, invite.clone())?;
            let response = transaction.last(deadline).await.map_err(|error| with_wait(error, within))?;
            match response.status().unwrap_or_default() {
                200..300 => {
                    self.acknowledge(&shared, &transaction.request, &response);
                    return Ok(());
                }
                401 | 407 => {
                    shared_ack(&shared, &transaction.request, &response);
                    shared.challenged(&transaction.request, &response)?;
                    invite.remove("CSeq");
                    invite.push("CSeq", format!("{} INVITE", self.next_cseq()));
                }
                _ => {
                    shared_ack(&shared, &transaction.request, &response);
                    return accepted(&shared, "INVITE", &response);
                }
            }
        }
    }

    fn next_cseq(&self) -> u32 {
        let mut dialog = self.dialog();
        dialog.cseq += 1;
        dialog.cseq
    }
}

/// Whether a final response is a success.
pub(super) fn accepted(shared: &Shared, method: &str, response: &Message) -> Result<(), PhoneError> {
    let status = response.status().unwrap_or_default();
    if (200..300).contains(&status) {
        return Ok(());
    }
    Err(PhoneError::Refused {
        phone: shared.name.clone(),
        method: method.to_owned(),
        status,
        reason: response.reason().to_owned(),
    })
}
