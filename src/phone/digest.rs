//! Answers digest challenges (RFC 3261 section 22, RFC 8760) with `ezk-sip-auth`.
//!
//! A nonce is reused with a rising count for requests of the same method and URI; every other pair gets a challenge of
//! its own, because the authenticator keeps the hash of method and URI with the nonce.

use std::collections::BTreeMap;

use ezk_sip_auth::{
    ClientAuthenticator as _, DigestAuthenticator, DigestCredentials, DigestUser, RequestParts, ResponseParts,
};
use ezk_sip_types::msg::{RequestLine, StatusLine};
use ezk_sip_types::uri::SipUri;
use ezk_sip_types::{Headers, Method, Name, StatusCode};

use super::builder::DigestChoice;
use super::message::Message;

/// The client's side of digest authentication for one account.
pub struct DigestClient {
    user: DigestUser,
    choice: DigestChoice,
    sessions: BTreeMap<(String, String), DigestAuthenticator>,
}

impl std::fmt::Debug for DigestClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DigestClient").field("choice", &self.choice).finish_non_exhaustive()
    }
}

impl DigestClient {
    /// A client that knows no nonce yet.
    pub fn new(username: &str, secret: &str, choice: DigestChoice) -> Self {
        Self { user: DigestUser::new(username, secret), choice, sessions: BTreeMap::new() }
    }

    /// Puts an answer on `request` if a challenge for its method and URI is known; counts the nonce up.
    pub fn authorize(&mut self, request: &mut Message) {
        request.remove("Authorization");
        request.remove("Proxy-Authorization");
        let Some(session) = key(request).and_then(|key| self.sessions.get_mut(&key)) else { return };
        let mut headers = Headers::new();
        session.authorize_request(&mut headers);
        for name in [Name::AUTHORIZATION, Name::PROXY_AUTHORIZATION] {
            for value in headers.get_raw(&name) {
                request.push(
                    if name == Name::AUTHORIZATION { "Authorization" } else { "Proxy-Authorization" },
                    value.as_str(),
                );
            }
        }
    }

    /// Learns the challenge in `response` to `request`; the error says why it cannot be answered.
    ///
    /// A challenge without `stale=true` to a request that answered a fresh nonce means that the secret was refused. A nonce
    /// that was used before may be forgotten by the server, so there a new one is tried.
    pub fn learn(&mut self, request: &Message, response: &Message) -> Result<(), String> {
        let key = key(request).ok_or("the challenged message is not a request")?;
        let answer = request.header("Authorization").or_else(|| request.header("Proxy-Authorization"));
        let first_answer = answer.is_some_and(|answer| !answer.contains("nc=") || answer.contains("nc=00000001"));
        let mut challenges = Headers::new();
        let mut stale = false;
        let mut usable = 0;
        for name in [Name::WWW_AUTHENTICATE, Name::PROXY_AUTHENTICATE] {
            let text = if name == Name::WWW_AUTHENTICATE { "WWW-Authenticate" } else { "Proxy-Authenticate" };
            for value in response.headers(text).filter(|value| self.wants(value)) {
                stale |= value.to_ascii_lowercase().replace(' ', "").contains("stale=true");
                challenges.insert(name.clone(), value);
                usable += 1;
            }
        }
        if usable == 0 {
            return Err("it offers no digest algorithm that this phone uses".to_owned());
        }
        if first_answer && !stale {
            return Err("username or secret is wrong".to_owned());
        }
        let uri: SipUri = key.1.parse().map_err(|_| format!("the request's URI {} is not a SIP URI", key.1))?;
        let line = RequestLine { method: Method::from(key.0.as_str()), uri };
        let status = StatusLine { code: StatusCode::from(response.status().unwrap_or(401)), reason: None };
        let none = Headers::new();
        let mut credentials = DigestCredentials::new();
        credentials.set_default(self.user.clone());
        let mut session = DigestAuthenticator::new(credentials);
        session
            .handle_rejection(
                RequestParts { line: &line, headers: &none, body: &request.body },
                ResponseParts { line: &status, headers: &challenges, body: &[] },
            )
            .map_err(|error| error.to_string())?;
        self.sessions.insert(key, session);
        Ok(())
    }

    fn wants(&self, challenge: &str) -> bool {
        let flat = challenge.to_ascii_lowercase().replace([' ', '"'], "");
        match self.choice {
            DigestChoice::Topmost => true,
            DigestChoice::Md5 => !flat.contains("algorithm=") || flat.contains("algorithm=md5"),
            DigestChoice::Sha256 => flat.contains("algorithm=sha-256"),
        }
    }
}

fn key(request: &Message) -> Option<(String, String)> {
    Some((request.method()?.to_owned(), request.uri()?.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn challenge(value: &str) -> Message {
        Message::answer(&Message::request("REGISTER", "sip:pbx.example"), 401, "Unauthorized", "t")
            .with("WWW-Authenticate", value)
    }

    fn answer_to(client: &mut DigestClient, value: &str) -> String {
        let mut request = Message::request("REGISTER", "sip:example.org");
        client.learn(&request, &challenge(value)).unwrap();
        client.authorize(&mut request);
        request.header("Authorization").unwrap().to_owned()
    }

    #[test]
    fn the_answer_without_qop_is_the_one_of_rfc_2617() {
        let mut client = DigestClient::new("user123", "password123", DigestChoice::Topmost);
        let text = answer_to(&mut client, r#"Digest realm="example.org", nonce="YWmh5GFpoLjiTDCA1hTSSygkgdj99aHE""#);
        assert!(text.contains(r#"response="bc185e4893f17f12dc53153d2a62e6a6""#), "{text}");
    }

    #[test]
    fn the_nonce_is_reused_with_a_rising_count() {
        let mut client = DigestClient::new("u", "p", DigestChoice::Topmost);
        let first = answer_to(&mut client, r#"Digest realm="r", nonce="n1", qop="auth", algorithm=SHA-256"#);
        let mut again = Message::request("REGISTER", "sip:example.org");
        client.authorize(&mut again);
        assert!(first.contains("nc=00000001"), "{first}");
        assert!(again.header("Authorization").unwrap().contains("nc=00000002"));
        let mut other = Message::request("INVITE", "sip:101@example.org");
        client.authorize(&mut other);
        assert_eq!(other.header("Authorization"), None);
    }

    #[test]
    fn a_second_challenge_means_a_wrong_secret_unless_it_is_stale() {
        let mut client = DigestClient::new("u", "p", DigestChoice::Topmost);
        let mut request = Message::request("REGISTER", "sip:example.org");
        client.learn(&request, &challenge(r#"Digest realm="r", nonce="n1", qop="auth""#)).unwrap();
        client.authorize(&mut request);
        let refused = client.learn(&request, &challenge(r#"Digest realm="r", nonce="n2", qop="auth""#));
        assert!(refused.unwrap_err().contains("wrong"));
        client.learn(&request, &challenge(r#"Digest realm="r", nonce="n3", qop="auth", stale=true"#)).unwrap();
        client.authorize(&mut request);
        assert!(request.header("Authorization").unwrap().contains(r#"nonce="n3""#));
    }

    #[test]
    fn the_phone_answers_only_the_algorithm_it_was_told_to_use() {
        let both = challenge(r#"Digest realm="r", nonce="a", qop="auth", algorithm=SHA-256"#)
            .with("WWW-Authenticate", r#"Digest realm="r", nonce="b", qop="auth", algorithm=MD5"#);
        for (choice, nonce) in [(DigestChoice::Topmost, "a"), (DigestChoice::Md5, "b"), (DigestChoice::Sha256, "a")] {
            let mut client = DigestClient::new("u", "p", choice);
            let mut request = Message::request("REGISTER", "sip:example.org");
            client.learn(&request, &both).unwrap();
            client.authorize(&mut request);
            let text = request.header("Authorization").unwrap();
            assert!(text.contains(&format!("nonce=\"{nonce}\"")), "{choice:?}: {text}");
        }
        let mut client = DigestClient::new("u", "p", DigestChoice::Sha256);
        let md5 = challenge(r#"Digest realm="r", nonce="b", qop="auth", algorithm=MD5"#);
        let request = Message::request("REGISTER", "sip:example.org");
        assert!(client.learn(&request, &md5).unwrap_err().contains("no digest algorithm"));
    }
}
