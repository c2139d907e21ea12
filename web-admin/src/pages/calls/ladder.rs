//! The SIP messages of a call as a table: a column for each way, a row for each message.

use pbx_core::model::{CallRecord, Transport};
use pbx_core::net::{Ladder, LadderLeg};

/// What the page shows.
pub(super) struct LadderView {
    pub(super) legs: Vec<LegView>,
    pub(super) rows: Vec<RowView>,
    /// Messages in the middle that were not kept.
    pub(super) left_out: u32,
}

/// The head of a column.
pub(super) struct LegView {
    pub(super) name: String,
    pub(super) agent: String,
    /// Transport and address.
    pub(super) place: String,
}

/// One message.
pub(super) struct RowView {
    pub(super) offset: String,
    /// Time since the one before.
    pub(super) gap: String,
    /// One cell for each column; `None` where the message did not go.
    pub(super) cells: Vec<Option<CellView>>,
}

/// A message in its column.
pub(super) struct CellView {
    pub(super) leg: String,
    pub(super) received: bool,
    pub(super) title: String,
    pub(super) cseq: String,
    pub(super) text: String,
}

/// `A` for the caller, `B1`, `B2` and so on for the phones that were called, as in the text for support.
fn name(ladder: &Ladder, at: usize) -> String {
    let called = ladder.legs.iter().take(at + 1).filter(|leg| !leg.is_caller).count();
    match ladder.legs.get(at) {
        Some(leg) if leg.is_caller => "A".to_owned(),
        Some(_) | None => format!("B{called}"),
    }
}

fn place(leg: &LadderLeg) -> String {
    let transport = match leg.transport {
        Transport::Udp => "UDP",
        Transport::Tcp => "TCP",
        Transport::Tls => "TLS",
    };
    format!("{transport} {}", leg.remote)
}

pub(super) fn view(ladder: &Ladder, call: &CallRecord) -> LadderView {
    let mut before = call.started_at;
    let legs: Vec<LegView> = ladder
        .legs
        .iter()
        .enumerate()
        .map(|(at, leg)| LegView {
            name: if leg.is_caller { "A: caller".to_owned() } else { format!("{}: phone", name(ladder, at)) },
            agent: leg.agent.clone(),
            place: place(leg),
        })
        .collect();
    let rows = ladder.messages.iter().map(|message| {
        let offset = message.at.0.saturating_sub(call.started_at.0);
        let gap = message.at.0.saturating_sub(before.0);
        before = message.at;
        let cell = CellView {
            leg: name(ladder, message.leg),
            received: message.received,
            title: message.title.clone(),
            cseq: message.cseq.clone(),
            text: message.text.clone(),
        };
        let mut cells: Vec<Option<CellView>> = ladder.legs.iter().map(|_| None).collect();
        if let Some(place) = cells.get_mut(message.leg) {
            *place = Some(cell);
        }
        RowView { offset: format!("{offset} ms"), gap: if gap > 0 { format!("+{gap}") } else { String::new() }, cells }
    });
    LadderView { rows: rows.collect(), legs, left_out: ladder.left_out }
}

/// The lines for support: time, way, method or status; no header, so no number and no address.
pub(super) fn support_lines(ladder: &Ladder, call: &CallRecord) -> String {
    let mut text = String::from("SIP messages (A the caller, B1 and so on the phones that were called):\n");
    for message in &ladder.messages {
        let offset = message.at.0.saturating_sub(call.started_at.0);
        let leg = name(ladder, message.leg);
        let way = if message.received { format!("{leg:<3} -> us ") } else { format!("{leg:<3} <- us ") };
        text += &format!("{offset:>7} ms  {way} {} [{}]\n", message.title, message.cseq);
    }
    if ladder.left_out > 0 {
        text += &format!("{} messages in the middle were not kept\n", ladder.left_out);
    }
    text
}
