//! Which transaction a message belongs to, and what is left of it for the user.

use super::invite_client::Fate;
use super::invite_server::Acked;
use super::key::{Key, Origin};
use super::token::Branch;
use super::{ClientMachine, Incoming, ServerMachine, ServerTx, Transactions};
use crate::model::{Flow, Moment};
use crate::sip::message::{Method, Request, Response};
use crate::sip::{cseq, via};

impl Transactions {
    pub(super) fn receive_request(&mut self, flow: Flow, mut request: Request, now: Moment) -> Incoming {
        via::stamp(&mut request, &flow);
        let key = Key::of(&request);
        let known = self.by_key.get(&key).copied();
        if request.method == Method::Ack {
            return self.receive_ack(known, request, now);
        }
        if request.method == Method::Cancel {
            return self.receive_cancel(flow, known, request, now);
        }
        if let Some(tx) = known {
            self.with_server(tx, |machine, out| match machine {
                ServerMachine::Invite(invite) => invite.repeated(out),
                ServerMachine::Other(other) => other.repeated(out),
            });
            return Incoming::Absorbed;
        }
        // The same request by another way (RFC 3261 section 8.2.2.2).
        if Origin::of(&request).is_some_and(|origin| self.by_origin.contains_key(&origin)) {
            let tag = self.tokens.stateless_tag(key);
            self.send(flow, Response::to(&request, 482, "Merged Request", &tag).to_bytes());
            return Incoming::Absorbed;
        }
        Incoming::Request { request }
    }

    fn receive_ack(&mut self, known: Option<ServerTx>, request: Request, now: Moment) -> Incoming {
        let acked = known.and_then(|tx| {
            self.with_server(tx, |machine, _| match machine {
                ServerMachine::Invite(invite) => invite.ack(now),
                ServerMachine::Other(_) => Acked::User,
            })
        });
        match acked {
            Some(Acked::Here) => Incoming::Absorbed,
            Some(Acked::User) | None => Incoming::Ack { request },
        }
    }

    fn receive_cancel(&mut self, flow: Flow, known: Option<ServerTx>, request: Request, now: Moment) -> Incoming {
        let mut tag = None;
        let wanted = known.and_then(|tx| {
            self.with_server(tx, |machine, _| match machine {
                ServerMachine::Invite(invite) => {
                    tag = invite.to_tag().map(String::from);
                    invite.cancel(now)
                }
                ServerMachine::Other(_) => false,
            })
        });
        let (status, reason) = if wanted.is_some() { (200, "OK") } else { (481, "Call/Transaction Does Not Exist") };
        let tag = tag.unwrap_or_else(|| self.tokens.stateless_tag(Key::of(&request)));
        self.send(flow, Response::to(&request, status, reason, &tag).to_bytes());
        Incoming::Cancel { invite: known.filter(|_| wanted == Some(true)), request }
    }

    pub(super) fn receive_response(&mut self, response: Response, now: Moment) -> Incoming {
        let Some(branch) = via::top(&response.headers).and_then(|via| via.branch()).and_then(Branch::parse) else {
            return Incoming::Absorbed;
        };
        let method = cseq::of(&response.headers).map_or("", |cseq| cseq.method);
        let invite_accepted = method == Method::Invite.as_str() && (200..300).contains(&response.status);
        let Some(tx) = self.by_branch.get(&branch).copied() else {
            let stray = invite_accepted && self.tokens.made(branch);
            return if stray { Incoming::Stray { response } } else { Incoming::Absorbed };
        };
        let fate = self.with_client(tx, |machine, out| match machine {
            ClientMachine::Invite(invite) if method == Method::Invite.as_str() => invite.receive(&response, now, out),
            ClientMachine::Invite(invite) => {
                if method == Method::Cancel.as_str() {
                    invite.cancel_answered(response.status);
                }
                Fate::Absorbed
            }
            ClientMachine::Other(other) => {
                if other.asks(method) && other.receive(&response, now) {
                    Fate::User
                } else {
                    Fate::Absorbed
                }
            }
        });
        match fate {
            Some(Fate::User) => Incoming::Response { tx, response },
            Some(Fate::Late) => Incoming::Stray { response },
            Some(Fate::Absorbed) | None => Incoming::Absorbed,
        }
    }
}
