//! A dialog: what two parties of a call keep so that each later request is understood (RFC 3261 section 12).
//!
//! A plain struct without behaviour in time. Everything goes out on the dialog's flow; Contact and Record-Route fill
//! Request-URI and Route, they never choose where a message goes (RFC 5626 section 5.3).

mod address;

#[cfg(test)]
mod tests;

use bytesstr::BytesStr;

use self::address::{bare, request_uri, strict_router, values};
use super::cseq;
use super::message::{HeaderName, Headers, Method, Request, Response};
use super::uri::NameAddr;
use crate::model::Flow;

/// The longest route set we carry: more proxies than any call crosses, and a request that still fits a datagram.
pub const MAX_ROUTES: usize = 20;

/// Why no dialog can be made of a message; the request deserves 400, a response with this is as good as none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DialogError {
    /// A header is missing or cannot be read.
    #[error("the {0} header is missing or cannot be read; send one as RFC 3261 describes it")]
    Header(HeaderName),
    /// More Record-Route values than [`MAX_ROUTES`].
    #[error("the call crossed too many proxies: {0} Record-Route values, {MAX_ROUTES} at most; shorten the path")]
    TooManyRoutes(usize),
}

/// What a request in a dialog is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InDialog {
    /// New and in order.
    Ok,
    /// Older than one already seen: answer 500 (RFC 3261 section 12.2.2).
    OldCseq,
    /// Of another dialog: answer 481.
    NotOurs,
}

/// One dialog, early or confirmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dialog {
    /// How the peer is reached.
    pub flow: Flow,
    /// Call-ID.
    pub call_id: String,
    /// Our tag.
    pub local_tag: String,
    /// The peer's tag; empty for a peer of RFC 2543.
    pub remote_tag: String,
    /// Our From: display name and URI in angle brackets, without tag.
    pub local: String,
    /// The peer's To: the same.
    pub remote: String,
    /// The CSeq number of our last request; 0 before the first.
    pub local_cseq: u32,
    /// The CSeq number of the peer's last request.
    pub remote_cseq: Option<u32>,
    /// The Route values of our requests, first hop first.
    pub route_set: Vec<String>,
    /// The peer's Contact URI, without headers and `method` parameter.
    pub remote_target: String,
}

impl Dialog {
    /// The dialog of an INVITE that came on `flow` and that we answer with `local_tag` (RFC 3261 section 12.1.1).
    ///
    /// A missing Contact is replaced by the From URI: the flow, not the Contact, reaches the phone.
    pub fn of_received(flow: Flow, invite: &Request, local_tag: &str) -> Result<Self, DialogError> {
        let headers = &invite.headers;
        let from = address(headers, &HeaderName::From)?;
        let to = address(headers, &HeaderName::To)?;
        Ok(Self {
            flow,
            call_id: required(headers, &HeaderName::CallId)?.to_owned(),
            local_tag: local_tag.to_owned(),
            remote_tag: from.tag().unwrap_or_default().to_owned(),
            local: bare(&to),
            remote: bare(&from),
            local_cseq: 0,
            remote_cseq: Some(number(headers)?),
            route_set: route_set(headers)?,
            remote_target: contact(headers)
                .or_else(|| request_uri(from.uri))
                .ok_or(DialogError::Header(HeaderName::Contact))?,
        })
    }

    /// The dialog that `response` (1xx with a To tag, or 2xx) makes of our INVITE (RFC 3261 section 12.1.2).
    ///
    /// A missing Contact is replaced by the Request-URI of the INVITE.
    pub fn of_sent(flow: Flow, invite: &Request, response: &Response) -> Result<Self, DialogError> {
        let from = address(&invite.headers, &HeaderName::From)?;
        let to = address(&response.headers, &HeaderName::To)?;
        let mut dialog = Self {
            flow,
            call_id: required(&invite.headers, &HeaderName::CallId)?.to_owned(),
            local_tag: from.tag().unwrap_or_default().to_owned(),
            remote_tag: to.tag().unwrap_or_default().to_owned(),
            local: bare(&from),
            remote: bare(&address(&invite.headers, &HeaderName::To)?),
            local_cseq: number(&invite.headers)?,
            remote_cseq: None,
            route_set: Vec::new(),
            remote_target: request_uri(&invite.uri).ok_or(DialogError::Header(HeaderName::Contact))?,
        };
        dialog.answered(response)?;
        Ok(dialog)
    }

    /// The 2xx that confirms an early dialog of ours: its Record-Route and Contact count (RFC 3261 section 13.2.2.4).
    pub fn answered(&mut self, response: &Response) -> Result<(), DialogError> {
        let mut routes = route_set(&response.headers)?;
        routes.reverse();
        self.route_set = routes;
        self.refresh(&response.headers);
        Ok(())
    }

    /// Takes the Contact of a re-INVITE or UPDATE that we answer with 2xx, or of the 2xx to ours, as the new remote
    /// target (RFC 3261 section 12.2). The route set stays.
    pub fn refresh(&mut self, headers: &Headers) {
        if let Some(target) = contact(headers) {
            self.remote_target = target;
        }
    }

    /// Whether a request with this Call-ID and this To tag is for this dialog.
    pub fn matches(&self, call_id: &str, our_tag: &str) -> bool {
        self.call_id == call_id && self.local_tag == our_tag
    }

    /// Judges a request of the peer and notes its CSeq. ACK and CANCEL carry the number of their INVITE and are not
    /// counted (RFC 3261 section 12.2.2). Call it once for each request, not for repetitions.
    pub fn check(&mut self, request: &Request) -> InDialog {
        let headers = &request.headers;
        let (Ok(from), Ok(to), Ok(call_id)) = (
            address(headers, &HeaderName::From),
            address(headers, &HeaderName::To),
            required(headers, &HeaderName::CallId),
        ) else {
            return InDialog::NotOurs;
        };
        let remote_tag = from.tag().unwrap_or_default();
        if !self.matches(call_id, to.tag().unwrap_or_default()) || self.remote_tag != remote_tag {
            return InDialog::NotOurs;
        }
        let Ok(number) = number(headers) else { return InDialog::OldCseq };
        if matches!(request.method, Method::Ack | Method::Cancel) {
            return InDialog::Ok;
        }
        if self.remote_cseq.is_some_and(|last| number < last) {
            return InDialog::OldCseq;
        }
        self.remote_cseq = Some(number);
        InDialog::Ok
    }

    /// Our next request: Request-URI, Route, From, To, Call-ID, CSeq and Max-Forwards (RFC 3261 section 12.2.1.1). Via
    /// comes with the transaction; Contact and the rest are the caller's. For ACK see [`Self::ack`].
    pub fn request(&mut self, method: Method) -> Request {
        self.local_cseq = self.local_cseq.saturating_add(1);
        self.build(method, self.local_cseq)
    }

    /// The ACK of a 2xx to our INVITE with this CSeq number (RFC 3261 section 13.2.2.4).
    pub fn ack(&self, for_cseq: u32) -> Request {
        self.build(Method::Ack, for_cseq)
    }

    fn build(&self, method: Method, number: u32) -> Request {
        let target = self.remote_target.clone();
        let (uri, routes) = match self.route_set.split_first() {
            None => (target, Vec::new()),
            Some((first, rest)) => match strict_router(first) {
                None => (target, self.route_set.clone()),
                // A strict router takes the next hop from the Request-URI and puts the last Route there.
                Some(router) => (router, rest.iter().cloned().chain([format!("<{target}>")]).collect()),
            },
        };
        let cseq = format!("{number} {method}");
        let mut request = Request::new(method, uri);
        for route in routes {
            request.headers.push(HeaderName::Route, route);
        }
        request.headers.push(HeaderName::From, tagged(&self.local, &self.local_tag));
        request.headers.push(HeaderName::To, tagged(&self.remote, &self.remote_tag));
        request.headers.push(HeaderName::CallId, self.call_id.clone());
        request.headers.push(HeaderName::CSeq, cseq);
        request.headers.push(HeaderName::MaxForwards, "70");
        request
    }
}

/// The CSeq number.
fn number(headers: &Headers) -> Result<u32, DialogError> {
    cseq::of(headers).map(|cseq| cseq.number).ok_or(DialogError::Header(HeaderName::CSeq))
}

/// The URI of the first Contact that can be a Request-URI.
fn contact(headers: &Headers) -> Option<String> {
    let contacts = values(headers, &HeaderName::Contact);
    contacts.iter().find_map(|contact| request_uri(NameAddr::parse(contact).ok()?.uri))
}

fn address<'a>(headers: &'a Headers, name: &HeaderName) -> Result<NameAddr<'a>, DialogError> {
    NameAddr::parse(required(headers, name)?).map_err(|_| DialogError::Header(name.clone()))
}

/// The Record-Route values in the order of the message.
fn route_set(headers: &Headers) -> Result<Vec<String>, DialogError> {
    let routes = values(headers, &HeaderName::RecordRoute);
    if routes.len() > MAX_ROUTES { Err(DialogError::TooManyRoutes(routes.len())) } else { Ok(routes) }
}

fn required<'a>(headers: &'a Headers, name: &HeaderName) -> Result<&'a str, DialogError> {
    headers.get(name).map(BytesStr::as_str).ok_or_else(|| DialogError::Header(name.clone()))
}

fn tagged(address: &str, tag: &str) -> String {
    if tag.is_empty() { address.to_owned() } else { format!("{address};tag={tag}") }
}
