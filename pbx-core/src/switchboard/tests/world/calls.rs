//! Calls in that world: placed, answered, changed, taken back and hung up by the two phones.

use super::{APP, DESK, Placed, SDP, World, header, status};

impl World {
    /// A call whose INVITE is changed on its way, and its first answer taken.
    pub(in crate::switchboard::tests) fn call_changed(
        &mut self,
        from: &str,
        to: &str,
        change: impl Fn(String) -> String,
    ) -> Placed {
        let placed = self.call_as(from, to, change);
        assert_eq!(status(&self.take(from)), 100);
        placed
    }

    pub(in crate::switchboard::tests) fn call(&mut self, from: &str, to: &str) -> Placed {
        let placed = self.call_number(from, to);
        assert_eq!(status(&self.take(from)), 100);
        placed
    }

    /// Places a call and answers the challenge; the answers to the INVITE itself are left in the inbox.
    pub(in crate::switchboard::tests) fn call_number(&mut self, from: &str, to: &str) -> Placed {
        self.call_as(from, to, |text| text)
    }

    /// The same with an INVITE that is changed on its way; every answer to it is left in the inbox.
    pub(in crate::switchboard::tests) fn call_as(
        &mut self,
        from: &str,
        to: &str,
        change: impl Fn(String) -> String,
    ) -> Placed {
        self.count += 2;
        let first = change(self.invite_text(from, to));
        let challenge = self.send(from, &first);
        assert_eq!(status(&challenge), 407, "{challenge}");
        self.count += 1;
        let text = change(self.invite_text(from, to));
        let invite = self.with_digest(from, "INVITE", &text, &challenge);
        self.deliver(from, &invite);
        Placed { invite }
    }

    fn invite_text(&self, from: &str, to: &str) -> String {
        let flow = self.flows[from];
        format!(
            "INVITE sip:{to}@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/{} {};branch=z9hG4bKi{};rport\r\nMax-Forwards: 70\r\n\
             From: <sip:{from}@127.0.0.1>;tag=c{from}\r\nTo: <sip:{to}@127.0.0.1>\r\nCall-ID: call-{}\r\n\
             CSeq: {} INVITE\r\nContact: <sip:{from}@{}>\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{SDP}",
            flow.transport.via_name(),
            flow.remote,
            self.count,
            self.count / 2,
            self.count,
            flow.remote,
            SDP.len()
        )
    }

    /// Answers a request we sent to a phone.
    pub(in crate::switchboard::tests) fn answer(&mut self, phone: &str, request: &str, status: u16, body: &str) {
        let head = request.split("\r\n\r\n").next().unwrap();
        let mut text = format!("SIP/2.0 {status} Whatever\r\n");
        for line in head.lines().skip(1) {
            let name = line.split(':').next().unwrap().to_ascii_lowercase();
            match name.as_str() {
                "via" | "from" | "call-id" | "cseq" => text += &format!("{line}\r\n"),
                "to" if status == 100 || line.contains("tag=") => text += &format!("{line}\r\n"),
                "to" => text += &format!("{line};tag=t{phone}\r\n"),
                _ => {}
            }
        }
        text += &format!("Contact: <sip:{phone}@{}>\r\n", self.flows[phone].remote);
        if !body.is_empty() {
            text += "Content-Type: application/sdp\r\n";
        }
        text += &format!("Content-Length: {}\r\n\r\n{body}", body.len());
        self.deliver(phone, &text);
    }

    /// A request within a call, as the caller makes it.
    pub(in crate::switchboard::tests) fn in_dialog(
        &mut self,
        from: &str,
        placed: &Placed,
        ok: &str,
        method: &str,
        body: &str,
    ) -> String {
        self.nonce_count += 1;
        let cseq: u32 = header(&placed.invite, "CSeq").split(' ').next().unwrap().parse().unwrap();
        let cseq = if method == "ACK" { cseq } else { cseq + self.nonce_count };
        let flow = self.flows[from];
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        format!(
            "{method} sip:x@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/{} {};branch=z9hG4bKd{method}{};rport\r\n\
             Max-Forwards: 70\r\nFrom: {}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {cseq} {method}\r\n\
             Contact: <sip:{from}@{}>\r\n{kind}Content-Length: {}\r\n\r\n{body}",
            flow.transport.via_name(),
            flow.remote,
            self.nonce_count,
            header(&placed.invite, "From"),
            header(ok, "To"),
            header(&placed.invite, "Call-ID"),
            flow.remote,
            body.len()
        )
    }

    /// A call as the phone that answered this INVITE knows it, for its own requests within the call.
    pub(in crate::switchboard::tests) fn answered_by(&self, phone: &str, invite: &str) -> (Placed, String) {
        let own = format!(
            "From: {};tag=t{phone}\r\nCall-ID: {}\r\nCSeq: 1 INVITE\r\n",
            header(invite, "To"),
            header(invite, "Call-ID")
        );
        (Placed { invite: own }, format!("To: {}\r\n", header(invite, "From")))
    }

    pub(in crate::switchboard::tests) fn ack(&mut self, from: &str, placed: &Placed, ok: &str) {
        let text = self.in_dialog(from, placed, ok, "ACK", "");
        self.deliver(from, &text);
    }

    pub(in crate::switchboard::tests) fn bye(&mut self, from: &str, placed: &Placed, ok: &str) {
        let text = self.in_dialog(from, placed, ok, "BYE", "");
        self.deliver(from, &text);
    }

    /// Asks the other side anew; the request.
    pub(in crate::switchboard::tests) fn reinvite(
        &mut self,
        from: &str,
        placed: &Placed,
        ok: &str,
        body: &str,
    ) -> String {
        let text = self.in_dialog(from, placed, ok, "INVITE", body);
        self.deliver(from, &text);
        text
    }

    /// The ACK of a 2xx to this request of ours within a call.
    pub(in crate::switchboard::tests) fn ack_within(&mut self, from: &str, request: &str) {
        self.nonce_count += 1;
        let number = header(request, "CSeq").split(' ').next().unwrap();
        let text = format!(
            "ACK sip:x@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/{} {};branch=z9hG4bKa{}\r\nMax-Forwards: 70\r\nFrom: {}\r\n\
             To: {}\r\nCall-ID: {}\r\nCSeq: {number} ACK\r\nContent-Length: 0\r\n\r\n",
            self.flows[from].transport.via_name(),
            self.flows[from].remote,
            self.nonce_count,
            header(request, "From"),
            header(request, "To"),
            header(request, "Call-ID"),
        );
        self.deliver(from, &text);
    }

    /// Two phones in a call, the desk phone the caller: the call and the 200 it was connected with.
    pub(in crate::switchboard::tests) fn connected() -> (Self, Placed, String) {
        let mut world = Self::new();
        world.register(DESK, 3600);
        world.register(APP, 3600);
        let call = world.call(DESK, APP);
        let invite = world.take_request(APP, "INVITE");
        world.answer(APP, &invite, 200, SDP);
        world.take_request(APP, "ACK");
        let ok = world.take(DESK);
        world.ack(DESK, &call, &ok);
        (world, call, ok)
    }

    /// Takes everything that waits for a phone.
    pub(in crate::switchboard::tests) fn take_all(&mut self, phone: &str) -> Vec<String> {
        std::iter::from_fn(|| self.try_take(phone)).collect()
    }

    /// The ACK of a final answer that is no 2xx: the INVITE's own Via (RFC 3261 section 17.1.1.3).
    pub(in crate::switchboard::tests) fn ack_refusal(&mut self, from: &str, placed: &Placed, refused: &str) {
        let number = header(&placed.invite, "CSeq").split(' ').next().unwrap();
        let text = format!(
            "ACK sip:x@127.0.0.1 SIP/2.0\r\nVia: {}\r\nMax-Forwards: 70\r\nFrom: {}\r\nTo: {}\r\nCall-ID: {}\r\n\
             CSeq: {number} ACK\r\nContent-Length: 0\r\n\r\n",
            header(&placed.invite, "Via"),
            header(&placed.invite, "From"),
            header(refused, "To"),
            header(&placed.invite, "Call-ID"),
        );
        self.deliver(from, &text);
    }

    /// Provisional answers that were repeated while time passed.
    pub(in crate::switchboard::tests) fn forget_repeated(&mut self, phone: &str) {
        let inbox = self.inbox.entry(self.flows[phone]).or_default();
        while inbox.front().is_some_and(|text| status(text) < 200 && status(text) > 0) {
            inbox.pop_front();
        }
    }

    pub(in crate::switchboard::tests) fn cancel(&mut self, from: &str, placed: &Placed) {
        self.cancel_request(from, &placed.invite);
    }

    pub(in crate::switchboard::tests) fn cancel_request(&mut self, from: &str, invite: &str) {
        let head = invite.split("\r\n\r\n").next().unwrap();
        let mut text = String::new();
        for line in head.lines() {
            let name = line.split([':', ' ']).next().unwrap().to_ascii_lowercase();
            match name.as_str() {
                "invite" => text += &line.replacen("INVITE", "CANCEL", 1),
                "cseq" => text += &line.replace("INVITE", "CANCEL"),
                "via" | "from" | "to" | "call-id" | "max-forwards" => text += line,
                _ => continue,
            }
            text += "\r\n";
        }
        text += "Content-Length: 0\r\n\r\n";
        self.deliver(from, &text);
    }
}
