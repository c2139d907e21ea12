//! REGISTER, in all the ways phones use it.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

use super::agent::{Phone, Shared};
use super::error::PhoneError;
use super::event::EventKind;
use super::line::Line;
use super::message::{Message, param_of, uri_of};

/// What all REGISTERs of one phone have in common (RFC 3261 section 10.2: one Call-ID, rising CSeq).
#[derive(Debug)]
pub(super) struct RegisterDialog {
    call_id: String,
    tag: String,
    cseq: u32,
}

impl Default for RegisterDialog {
    fn default() -> Self {
        Self { call_id: Uuid::new_v4().to_string(), tag: Uuid::new_v4().simple().to_string(), cseq: 0 }
    }
}

impl RegisterDialog {
    fn next(&mut self) -> u32 {
        self.cseq += 1;
        self.cseq
    }
}

/// A registration that stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registered {
    /// Seconds granted; 0 after an unregistration.
    pub expires: u32,
    /// Every Contact line of the 200.
    pub contacts: Vec<String>,
    /// Every Feature-Caps line of the 200 (RFC 8599 section 4.1.4).
    pub feature_caps: Vec<String>,
    /// The Path lines of the 200 (RFC 3327).
    pub path: Vec<String>,
    /// Seconds between keep-alives that the server wants (RFC 5626 `Flow-Timer`).
    pub flow_timer: Option<u32>,
    /// From the first REGISTER to the 200.
    pub took: Duration,
}

impl Phone {
    /// Registers for `expires` seconds, opening the socket if there is none.
    pub async fn register(&self, expires: u32, within: Duration) -> Result<Registered, PhoneError> {
        let registered = self.shared.register(Wish::Own(expires), within).await?;
        self.shared.note(EventKind::Registered(registered.expires));
        Ok(registered)
    }

    /// Removes this phone's registration.
    pub async fn unregister(&self, within: Duration) -> Result<Registered, PhoneError> {
        let gone = self.shared.register(Wish::Own(0), within).await?;
        self.shared.note(EventKind::Unregistered);
        Ok(gone)
    }

    /// Removes every registration of the extension (`Contact: *`).
    pub async fn unregister_all(&self, within: Duration) -> Result<Registered, PhoneError> {
        let gone = self.shared.register(Wish::RemoveAll, within).await?;
        self.shared.note(EventKind::Unregistered);
        Ok(gone)
    }

    /// Asks which registrations there are, without adding one.
    pub async fn query(&self, within: Duration) -> Result<Registered, PhoneError> {
        self.shared.register(Wish::Query, within).await
    }

    /// Wakes up as an app does after a push: a new socket (a new port), then a REGISTER.
    pub async fn wake(&self, expires: u32, within: Duration) -> Result<Registered, PhoneError> {
        self.shared.note(EventKind::Woke);
        let deadline = Instant::now() + within;
        let line = self.shared.connect(within).await?;
        tracing::debug!(phone = self.name(), local = %line.local(), "the phone woke");
        self.register(expires, deadline.saturating_duration_since(Instant::now())).await
    }
}

/// What a REGISTER asks for.
#[derive(Debug, Clone, Copy)]
enum Wish {
    Own(u32),
    RemoveAll,
    Query,
}

impl Shared {
    async fn register(self: &Arc<Self>, wish: Wish, within: Duration) -> Result<Registered, PhoneError> {
        let started = Instant::now();
        let line = self.connect(within).await?;
        let request = self.register_request(&line, wish);
        let left = within.saturating_sub(started.elapsed());
        let response = self.ask(request, left, || self.state().register.next()).await?;
        let status = response.status().unwrap_or_default();
        if status != 200 {
            self.note(EventKind::Refused("REGISTER".to_owned(), status));
            return Err(PhoneError::Refused {
                phone: self.name.clone(),
                method: "REGISTER".to_owned(),
                status,
                reason: response.reason().to_owned(),
            });
        }
        Ok(Registered {
            expires: granted(&response, &line),
            contacts: response.headers("Contact").map(str::to_owned).collect(),
            feature_caps: response.headers("Feature-Caps").map(str::to_owned).collect(),
            path: response.headers("Path").map(str::to_owned).collect(),
            flow_timer: response.header("Flow-Timer").and_then(|seconds| seconds.trim().parse().ok()),
            took: started.elapsed(),
        })
    }

    fn register_request(&self, line: &Line, wish: Wish) -> Message {
        let (domain, extension) = (self.domain(), &self.config.extension);
        let mut state = self.state();
        let number = state.register.next();
        let mut request = Message::request("REGISTER", &format!("sip:{domain}"))
            .with("Max-Forwards", "70")
            .with("From", format!("<sip:{extension}@{domain}>;tag={}", state.register.tag))
            .with("To", format!("<sip:{extension}@{domain}>"))
            .with("Call-ID", &state.register.call_id)
            .with("CSeq", format!("{number} REGISTER"))
            .with("User-Agent", &self.config.user_agent);
        drop(state);
        let supported = if self.config.flow.is_some() { "path, outbound, gruu" } else { "path" };
        request.push("Supported", supported);
        for (name, value) in &self.config.register_lines {
            request.push(name, value);
        }
        match wish {
            Wish::Own(expires) => {
                request.push("Contact", self.contact(line, true));
                request.push("Expires", expires.to_string());
            }
            Wish::RemoveAll => {
                request.push("Contact", "*");
                request.push("Expires", "0");
            }
            Wish::Query => {}
        }
        request
    }
}

/// The seconds granted to the Contact with our address; 0 when it is not listed.
fn granted(response: &Message, line: &Line) -> u32 {
    let own = format!("@{}", line.local());
    let mine = response.headers("Contact").flat_map(split_contacts).find(|contact| uri_of(contact).contains(&own));
    let Some(mine) = mine else { return 0 };
    let seconds = param_of(&mine, "expires").or_else(|| response.header("Expires"));
    seconds.and_then(|seconds| seconds.parse().ok()).unwrap_or(0)
}

/// The values of a Contact line; a comma inside quotes or angle brackets does not separate.
fn split_contacts(line: &str) -> Vec<String> {
    let (mut contacts, mut current, mut quoted, mut bracketed) = (Vec::new(), String::new(), false, false);
    for character in line.chars() {
        match character {
            '"' => quoted = !quoted,
            '<' if !quoted => bracketed = true,
            '>' if !quoted => bracketed = false,
            ',' if !quoted && !bracketed => {
                contacts.push(std::mem::take(&mut current));
                continue;
            }
            _ => {}
        }
        current.push(character);
    }
    contacts.push(current);
    contacts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contacts_are_separated_only_where_they_should_be() {
        let line = "<sip:1@h;a=\"x,y\">;+sip.instance=\"<urn:uuid:1,2>\";expires=3, <sip:2@h>";
        let contacts = split_contacts(line);
        assert_eq!(contacts.len(), 2);
        assert_eq!(param_of(&contacts[0], "expires"), Some("3"));
        assert_eq!(uri_of(&contacts[1]), "sip:2@h");
    }
}
